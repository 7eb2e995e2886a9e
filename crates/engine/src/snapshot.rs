//! Policy as workers hold it: compiled, immutable, numbered.

use core::num::NonZeroU32;
use core::time::Duration;
use std::sync::Arc;

use policy::{
    CompiledPolicy, Policy, RuleId, RuleLimits, RuleNames, Screens, TimeoutSet, Topology,
};
use session::{Lifetimes, Pressure, TimeoutClass, Timeouts};

/// How many sessions there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In the whole box.
    pub max: u32,
    /// Those of them that may be IPv6 ones. Room for their addresses is taken at the start.
    pub ipv6: u32,
    /// Of one source address.
    pub per_source: u32,
    /// By zone: of those opened from it whose handshake is not complete. None, or no place: not bounded.
    pub embryonic: Vec<Option<NonZeroU32>>,
}

impl Limits {
    /// So many, of either IP version, and half-open ones as many.
    #[must_use]
    pub const fn new(max: u32, per_source: u32) -> Self {
        Self { max, ipv6: max, per_source, embryonic: Vec::new() }
    }
}

/// What a version is made of beside rules and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Timeouts where neither service nor rule has its own.
    pub timeouts: Timeouts,
    /// Bounds.
    pub limits: Limits,
    /// Checks that need no state.
    pub screens: Screens,
}

/// One version of all that a worker judges by. Made on the control core, never changed.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts the versions, from 1.
    pub generation: u32,
    /// The rules.
    pub policy: CompiledPolicy,
    /// Ports, wires and zones.
    pub topology: Topology,
    /// Timeouts, those of services and rules included.
    pub lifetimes: Lifetimes,
    /// The same under every degree of pressure, rising: made here, so that a worker only chooses.
    shrunk: Vec<Lifetimes>,
    /// Bounds.
    pub limits: Limits,
    /// Checks that need no state.
    pub screens: Screens,
    /// By rule: its own bounds.
    rule_limits: Vec<RuleLimits>,
    /// One more than the greatest rule identity: what hit counters need.
    pub rule_count: usize,
}

impl Snapshot {
    /// Compiles a version. `names` is the same for all versions of a process.
    pub fn compile(
        generation: u32,
        policy: &Policy,
        topology: &Topology,
        settings: &Settings,
        names: &mut RuleNames,
    ) -> Arc<Self> {
        let Settings { timeouts, limits, screens } = settings;
        let policy = policy.compile(names);
        let sets: Vec<Vec<(TimeoutClass, Duration)>> = policy
            .timeout_sets()
            .iter()
            .map(|set| {
                let classes = set.as_slice().iter();
                classes
                    .filter_map(|&(class, timeout)| Some((*TimeoutClass::ALL.get(class)?, timeout)))
                    .collect()
            })
            .collect();
        let lifetimes = Lifetimes::new(timeouts, sets.iter().map(Vec::as_slice));
        let mut rule_limits = vec![RuleLimits::NONE; names.len()];
        for summary in policy.rules() {
            if let Some(limits) = rule_limits.get_mut(summary.id.index()) {
                *limits = summary.rule.limits;
            }
        }
        Arc::new(Self {
            generation,
            shrunk: Pressure::degrees().map(|pressure| lifetimes.under(pressure)).collect(),
            lifetimes,
            policy,
            topology: topology.clone(),
            limits: limits.clone(),
            screens: *screens,
            rule_limits,
            rule_count: names.len(),
        })
    }

    /// The timeouts that hold under a pressure.
    #[inline]
    pub(crate) fn lifetimes_under(&self, pressure: Pressure) -> &Lifetimes {
        let shrunk = pressure.index().checked_sub(1).and_then(|degree| self.shrunk.get(degree));
        shrunk.unwrap_or(&self.lifetimes)
    }

    /// The bounds of a rule. One that this version does not have has none.
    pub(crate) fn rule_limits(&self, rule: RuleId) -> RuleLimits {
        self.rule_limits.get(rule.index()).copied().unwrap_or_default()
    }

    /// What entries keep of the generation.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared for equality; 65,536 reloads within a session's sweep do not happen"
    )]
    pub(crate) const fn mark(&self) -> u16 {
        self.generation as u16
    }

    /// The row of [`Lifetimes`] of a set of timeouts.
    pub(crate) fn row(set: Option<TimeoutSet>) -> u16 {
        set.map_or(0, |set| set.0.saturating_add(1))
    }
}
