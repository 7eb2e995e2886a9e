//! The classifier that workers ask: rules bucketed by pairs of zones, address sets searched by halving,
//! services by protocol first.

use core::net::IpAddr;

use ahash::RandomState;
use hashbrown::HashMap;

use crate::{
    Action, AddressSet, LogWhen, Mismatch, Policy, Query, Rule, RuleId, RuleNames, ServiceItem,
    ServiceMatch, ServiceTraits, TcpMode, TimeoutOverrides, TimeoutSet, ZoneId,
};

/// What the policy says about a packet that belongs to no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that matched; `None`: no rule did, and the packet is dropped for that.
    pub rule: Option<RuleId>,
    /// What to do.
    pub action: Action,
    /// What to write about it.
    pub log: LogWhen,
    /// What becomes of TCP that begins in the middle: the rule's word, or else its zone pair's.
    pub tcp: TcpMode,
    /// What the session carries.
    pub service: ServiceTraits,
}

/// What one rule says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    /// The rule.
    pub rule: RuleId,
    /// The first condition that was not met; `None`: the rule matches, and decides.
    pub mismatch: Option<Mismatch>,
}

/// A rule as a listing shows it.
#[derive(Clone, Copy, Debug)]
pub struct RuleSummary<'a> {
    /// Its identity.
    pub id: RuleId,
    /// All that was configured.
    pub rule: &'a Rule,
}

/// A policy in the form that answers fast. Immutable; made by [`Policy::compile`].
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    policy: Policy,
    ids: Vec<RuleId>,
    rules: Vec<CompiledRule>,
    /// The class of every zone. Zones that no rule tells apart share one; the last class is of zones
    /// that the policy does not know.
    classes: Vec<u16>,
    class_count: usize,
    /// By class from × class to: positions in `rules`, ascending.
    buckets: Vec<Box<[u32]>>,
    loose_pairs: HashMap<(ZoneId, ZoneId), TcpMode, RandomState>,
    any_loose: bool,
    timeouts: Vec<TimeoutOverrides>,
}

impl CompiledPolicy {
    pub(crate) fn new(policy: Policy, names: &mut RuleNames) -> Self {
        let ids = policy.rules.iter().map(|rule| names.intern(&rule.name)).collect();
        let rules: Vec<_> =
            policy.rules.iter().map(|rule| CompiledRule::new(rule, names)).collect();
        let (classes, class_count) = zone_classes(&policy);
        let buckets = buckets(&policy, &rules, &classes, class_count);
        let loose_pairs: HashMap<_, _, _> =
            policy.zone_pairs.iter().map(|pair| ((pair.from, pair.to), pair.tcp)).collect();
        let any_loose = loose_pairs.values().any(|tcp| *tcp == TcpMode::Loose)
            || policy.rules.iter().any(|rule| rule.enabled && rule.tcp == Some(TcpMode::Loose));
        let timeouts = names.timeout_sets().to_vec();
        Self { policy, ids, rules, classes, class_count, buckets, loose_pairs, any_loose, timeouts }
    }

    /// Decides on the first packet of a session. Never allocates.
    #[must_use]
    pub fn decide(&self, query: &Query) -> Decision {
        let found = self.bucket(query.from, query.to).iter().find_map(|at| {
            let at = *at as usize;
            self.rules[at].judge(query).map(|service| (at, service))
        });
        let Some((at, service)) = found else {
            return Decision {
                rule: None,
                action: Action::Drop,
                log: LogWhen::None,
                tcp: self.pair_mode(query),
                service: ServiceTraits::default(),
            };
        };
        let rule = &self.policy.rules[at];
        Decision {
            rule: Some(self.ids[at]),
            action: rule.action,
            log: rule.log,
            tcp: rule.tcp.unwrap_or_else(|| self.pair_mode(query)),
            service,
        }
    }

    /// Whether any rule or zone pair takes TCP up in the middle. If none does, a segment that is no SYN
    /// needs no question.
    #[inline]
    #[must_use]
    pub const fn any_loose(&self) -> bool {
        self.any_loose
    }

    /// The rules in their order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = RuleSummary<'_>> {
        let rules = self.ids.iter().zip(&self.policy.rules);
        rules.map(|(id, rule)| RuleSummary { id: *id, rule })
    }

    /// What each rule says, up to and including the one that matches. If the last outcome is a mismatch,
    /// or there is none, no rule matches.
    #[must_use]
    pub fn explain(&self, query: &Query) -> Vec<RuleOutcome> {
        let mut outcomes = Vec::new();
        for (id, rule) in self.ids.iter().zip(&self.policy.rules) {
            let mismatch = rule.mismatch(query);
            outcomes.push(RuleOutcome { rule: *id, mismatch });
            if mismatch.is_none() {
                break;
            }
        }
        outcomes
    }

    /// The timeouts of a set: of this policy, or of one compiled earlier with the same names. Empty
    /// for a set from elsewhere.
    #[inline]
    #[must_use]
    pub fn timeouts_override(&self, set: TimeoutSet) -> &TimeoutOverrides {
        const NONE: &TimeoutOverrides = &TimeoutOverrides::EMPTY;
        self.timeouts.get(usize::from(set.0)).unwrap_or(NONE)
    }

    /// Every set of timeouts that a decision of this policy may name, at the position of its identity.
    #[must_use]
    pub fn timeout_sets(&self) -> &[TimeoutOverrides] {
        &self.timeouts
    }

    /// What was compiled.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The configured rule behind an identity, if this policy has it.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        let at = self.ids.iter().position(|known| *known == id)?;
        self.policy.rules.get(at)
    }

    fn pair_mode(&self, query: &Query) -> TcpMode {
        if self.loose_pairs.is_empty() {
            return TcpMode::Strict;
        }
        self.loose_pairs.get(&(query.from, query.to)).copied().unwrap_or(TcpMode::Strict)
    }

    fn bucket(&self, from: ZoneId, to: ZoneId) -> &[u32] {
        let class = |zone: ZoneId| {
            self.classes.get(zone.index()).map_or(self.class_count - 1, |class| usize::from(*class))
        };
        &self.buckets[class(from) * self.class_count + class(to)]
    }
}

/// Sorts zones into classes that no enabled rule tells apart, so that buckets are few where zones are
/// many. Returns the class of every zone, and the number of classes; the last is for unknown zones.
fn zone_classes(policy: &Policy) -> (Vec<u16>, usize) {
    let mut known: HashMap<Vec<(bool, bool)>, u16, RandomState> = HashMap::default();
    let enabled: Vec<_> = policy.rules.iter().filter(|rule| rule.enabled).collect();
    let mut classes = Vec::with_capacity(policy.zones.len());
    for zone in (0..=u16::MAX).take(policy.zones.len()).map(ZoneId) {
        let sides = enabled.iter().map(|rule| (rule.from.contains(zone), rule.to.contains(zone)));
        let next = u16::try_from(known.len()).unwrap_or(u16::MAX);
        classes.push(*known.entry(sides.collect()).or_insert(next));
    }
    (classes, known.len() + 1)
}

fn buckets(
    policy: &Policy,
    rules: &[CompiledRule],
    classes: &[u16],
    class_count: usize,
) -> Vec<Box<[u32]>> {
    // One zone speaks for its class; a zone that no rule can name speaks for the unknown ones.
    let mut speakers = vec![ZoneId(u16::MAX); class_count];
    for (zone, class) in (0..=u16::MAX).zip(classes) {
        speakers[usize::from(*class)] = ZoneId(zone);
    }
    let bucket = |from: ZoneId, to: ZoneId| -> Box<[u32]> {
        let candidates =
            (0..).zip(policy.rules.iter().zip(rules)).filter(|(_, (rule, compiled))| {
                rule.enabled
                    && rule.from.contains(from)
                    && rule.to.contains(to)
                    && !compiled.source.matches_nothing()
                    && !compiled.destination.matches_nothing()
            });
        candidates.map(|(at, _)| at).collect()
    };
    let pairs = speakers.iter().flat_map(|from| speakers.iter().map(move |to| (*from, *to)));
    pairs.map(|(from, to)| bucket(from, to)).collect()
}

/// The conditions of a rule that its bucket does not already answer.
#[derive(Clone, Debug)]
struct CompiledRule {
    /// A bit for every IP protocol that some item can match.
    protocols: [u64; 4],
    source: Addresses,
    destination: Addresses,
    services: Box<[CompiledItem]>,
}

#[derive(Clone, Debug)]
enum Addresses {
    Any,
    In(AddressSet),
}

impl Addresses {
    fn new(wanted: &AddressSet, unwanted: &AddressSet) -> Self {
        let set = wanted.minus(unwanted);
        if set.is_any() { Self::Any } else { Self::In(set) }
    }

    #[inline]
    fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::In(set) => set.contains(address),
        }
    }

    fn matches_nothing(&self) -> bool {
        match self {
            Self::Any => false,
            Self::In(set) => set.is_empty(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct CompiledItem {
    matches: ServiceMatch,
    traits: ServiceTraits,
    /// Whether the timeouts are the item's own, not only the rule's.
    own_timeouts: bool,
}

impl CompiledRule {
    fn new(rule: &Rule, names: &mut RuleNames) -> Self {
        let mut protocols = [0; 4];
        for item in &rule.services {
            match item.matches.protocol() {
                None => protocols = [u64::MAX; 4],
                Some(protocol) => protocols[usize::from(protocol) / 64] |= 1 << (protocol % 64),
            }
        }
        let mut compiled = |item: &ServiceItem| CompiledItem {
            matches: item.matches,
            traits: ServiceTraits {
                gateway: item.traits.gateway,
                reading: item.traits.reading,
                answered: item.traits.answered,
                timeouts: names.intern_timeouts(&item.traits.timeouts.overlaid(&rule.timeouts)),
            },
            own_timeouts: !item.traits.timeouts.is_empty(),
        };
        Self {
            protocols,
            source: Addresses::new(&rule.source, &rule.not_source),
            destination: Addresses::new(&rule.destination, &rule.not_destination),
            services: rule.services.iter().map(&mut compiled).collect(),
        }
    }

    /// The traits of the packet's session if the rule matches it.
    fn judge(&self, query: &Query) -> Option<ServiceTraits> {
        let protocol = query.protocol;
        if self.protocols[usize::from(protocol) / 64] & (1 << (protocol % 64)) == 0
            || !self.source.contains(query.source)
            || !self.destination.contains(query.destination)
        {
            return None;
        }
        let mut traits: Option<(ServiceTraits, bool)> = None;
        for item in self.services.iter().filter(|item| item.matches.matches(query)) {
            let Some((so_far, own_timeouts)) = &mut traits else {
                traits = Some((item.traits, item.own_timeouts));
                continue;
            };
            if so_far.gateway.is_none() {
                (so_far.gateway, so_far.reading) = (item.traits.gateway, item.traits.reading);
            }
            so_far.answered |= item.traits.answered;
            if !*own_timeouts && item.own_timeouts {
                so_far.timeouts = item.traits.timeouts;
                *own_timeouts = true;
            }
        }
        traits.map(|(traits, _)| traits)
    }
}

#[cfg(test)]
mod tests;
