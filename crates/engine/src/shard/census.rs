//! How many sessions there are of whom: what limits go by. Asked only when a session is opened, completes its
//! handshake, comes under another policy, or ends.
//!
//! Memory is bounded by the sessions: nothing is remembered of whom there is none of. It is taken as it is needed, since a
//! source has many sessions as a rule; the start says the most that sources may take. Addresses are counted for rules that
//! limit them, two a session at most, and take up to two and a half times as much. Limits are the box's; a shard
//! has its part of each.
//!
//! A session is counted in what its policy limits when it is judged by that. So after a reload the new policy's zones
//! and limited addresses begin at none, and are whole once the sweep has shown it every session; the few that come
//! within that time may be too many. Sources and rules, which no reload changes, are right all the time.

use core::net::IpAddr;

use policy::{PortIndex, RuleId, ZoneId};
use session::track::{EvictionClass, Track};
use session::{Key, Side, Summary, Time};

use crate::counters::RuleHits;
use crate::{Cut, Snapshot};

use super::Lookup;
use super::tally::Tally;

/// What of a session is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The mark of the policy that last judged it.
    generation: u16,
    /// The rule that allows it.
    rule: Option<RuleId>,
    /// Who opened it.
    source: IpAddr,
    /// To whom.
    destination: IpAddr,
    /// The zone that it was opened from: whose flood it would be.
    from: ZoneId,
    /// Whether its handshake is not complete.
    half_open: bool,
}

impl Member {
    /// What would be counted of the session that a packet opens.
    pub(super) fn of_packet(
        snapshot: &Snapshot,
        lookup: &Lookup,
        port: PortIndex,
        rule: Option<RuleId>,
        track: &Track,
    ) -> Self {
        let Lookup { key, side, hash: _, guess: _ } = lookup;
        Self::new(snapshot, key, *side, port, (snapshot.mark(), rule), track)
    }

    /// What is counted of a session.
    pub(super) fn of_session(snapshot: &Snapshot, summary: &Summary) -> Self {
        let Summary { key, initiator, track, rule, generation, in_port, .. } = summary;
        let judged = (*generation, rule_of(*rule));
        Self::new(snapshot, key, *initiator, PortIndex(*in_port), judged, track)
    }

    fn new(
        snapshot: &Snapshot,
        key: &Key,
        initiator: Side,
        in_port: PortIndex,
        (generation, rule): (u16, Option<RuleId>),
        track: &Track,
    ) -> Self {
        Self {
            generation,
            rule,
            source: key.endpoint(initiator).0,
            destination: key.endpoint(initiator.other()).0,
            from: snapshot.zones(in_port, key.context).0,
            half_open: track.eviction_class() == EvictionClass::HalfOpen,
        }
    }
}

/// The rule of an entry.
pub(super) fn rule_of(rule: u32) -> Option<RuleId> {
    (rule != u32::MAX).then_some(RuleId(rule))
}

/// The counts.
#[derive(Debug)]
pub(super) struct Census {
    /// Among how many shards limits are divided.
    share: u32,
    sources: Tally<IpAddr>,
    /// Of rules that limit them: by the address at either end.
    addresses: Tally<(RuleId, u16, End, IpAddr)>,
    /// By zone: half-open sessions that the present policy has judged.
    half_open: Vec<u32>,
    /// By rule.
    rules: Vec<RuleHits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Source,
    Destination,
}

impl Census {
    /// For so many sessions. `seed`: the secret of the maps' hash.
    pub(super) fn new(capacity: u32, seed: u64, share: u16, snapshot: &Snapshot) -> Self {
        let mut census = Self {
            share: u32::from(share.max(1)),
            sources: Tally::new(capacity, seed),
            addresses: Tally::new(capacity.saturating_mul(2), !seed),
            half_open: Vec::new(),
            rules: Vec::new(),
        };
        census.begin(snapshot);
        census
    }

    /// Octets that the counts of sources of so many sessions take at most.
    pub(super) fn memory(capacity: u32) -> usize {
        Tally::<IpAddr>::memory(capacity)
    }

    /// A new policy is in force: none of its own counts is made yet.
    pub(super) fn begin(&mut self, snapshot: &Snapshot) {
        if self.rules.len() < snapshot.rule_count {
            self.rules.resize(snapshot.rule_count, RuleHits::default());
        }
        self.half_open.clear();
        self.half_open.resize(snapshot.policy.policy().zones.len(), 0);
    }

    /// By [`ZoneId`]: sessions opened from there whose handshake is not complete.
    pub(super) fn half_open(&self) -> &[u32] {
        &self.half_open
    }

    /// By rule: how often it decided, and its sessions.
    pub(super) fn rules(&self) -> &[RuleHits] {
        &self.rules
    }

    /// A rule has decided.
    pub(super) fn hit(&mut self, rule: Option<RuleId>, now: Time) {
        if let Some(hits) = rule.and_then(|rule| self.rules.get_mut(rule.index())) {
            hits.hits += 1;
            hits.last = Some(now);
        }
    }

    /// Whether there may be one more like this. The session whose place it takes, if it takes one's, does not count.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn admits(
        &self,
        member: &Member,
        predecessor: Option<&Member>,
        snapshot: &Snapshot,
    ) -> Result<(), Cut> {
        let Member { generation, rule, source, destination, from, half_open } = *member;
        // Whether the predecessor is counted where this one would be.
        let shares = |same: &dyn Fn(&Member) -> bool| u32::from(predecessor.is_some_and(same));
        let within = |limit: u32, count: u32, shared: u32, cut: Cut| {
            if count.saturating_sub(shared) < limit.div_ceil(self.share) {
                Ok(())
            } else {
                Err(cut)
            }
        };
        let shared = shares(&|other| other.source == source);
        within(snapshot.limits.per_source, self.sources.count(&source), shared, Cut::SourceLimit)?;
        let zone_limit = snapshot.limits.embryonic.get(from.index()).copied().flatten();
        if let Some(limit) = zone_limit.filter(|_| half_open) {
            let count = self.half_open.get(from.index()).copied().unwrap_or(0);
            let shared = shares(&|other| other.half_open && other.from == from);
            within(limit.get(), count, shared, Cut::ZoneEmbryonicLimit)?;
        }
        let Some(rule) = rule else { return Ok(()) };
        let limits = snapshot.rule_limits(rule);
        let hits = self.rules.get(rule.index()).copied().unwrap_or_default();
        let of = |end, address| self.addresses.count(&(rule, generation, end, address));
        let of_rule = |other: &Member| other.rule == Some(rule);
        if let Some(limit) = limits.sessions {
            let shared = shares(&of_rule);
            within(limit.get(), hits.sessions, shared, Cut::RuleSessionLimit)?;
        }
        if let Some(limit) = limits.per_source {
            let shared = shares(&|other| of_rule(other) && other.source == source);
            within(limit.get(), of(End::Source, source), shared, Cut::RuleSourceLimit)?;
        }
        if let Some(limit) = limits.per_destination {
            let shared = shares(&|other| of_rule(other) && other.destination == destination);
            let count = of(End::Destination, destination);
            within(limit.get(), count, shared, Cut::RuleDestinationLimit)?;
        }
        if let Some(limit) = limits.embryonic.filter(|_| half_open) {
            let shared = shares(&|other| of_rule(other) && other.half_open);
            within(limit.get(), hits.embryonic, shared, Cut::RuleEmbryonicLimit)?;
        }
        Ok(())
    }

    /// One more source's session: it is opened.
    pub(super) fn open(&mut self, member: &Member, snapshot: &Snapshot) {
        self.sources.enter(member.source);
        self.enter(member, snapshot);
    }

    /// One less: it ends.
    pub(super) fn close(&mut self, member: &Member, snapshot: &Snapshot) {
        self.sources.leave(&member.source);
        self.leave(member, snapshot);
    }

    /// Counts it in what the policy that judged it limits.
    pub(super) fn enter(&mut self, member: &Member, snapshot: &Snapshot) {
        let Member { generation, rule, source, destination, from: _, half_open } = *member;
        if half_open {
            self.begin_handshake(member, snapshot);
        }
        let Some(rule) = rule else { return };
        if let Some(hits) = self.rules.get_mut(rule.index()) {
            hits.sessions += 1;
        }
        let limits = snapshot.rule_limits(rule);
        if limits.per_source.is_some() {
            self.addresses.enter((rule, generation, End::Source, source));
        }
        if limits.per_destination.is_some() {
            self.addresses.enter((rule, generation, End::Destination, destination));
        }
    }

    /// Takes it out of what it was counted in.
    pub(super) fn leave(&mut self, member: &Member, snapshot: &Snapshot) {
        let Member { generation, rule, source, destination, from: _, half_open } = *member;
        if half_open {
            self.end_handshake(member, snapshot);
        }
        let Some(rule) = rule else { return };
        if let Some(hits) = self.rules.get_mut(rule.index()) {
            hits.sessions = hits.sessions.saturating_sub(1);
        }
        // Those whose policy did not limit them are not there.
        self.addresses.leave(&(rule, generation, End::Source, source));
        self.addresses.leave(&(rule, generation, End::Destination, destination));
    }

    /// Its handshake begins, perhaps anew.
    pub(super) fn begin_handshake(&mut self, member: &Member, snapshot: &Snapshot) {
        if let Some(count) = self.zone(member, snapshot) {
            *count += 1;
        }
        if let Some(hits) = member.rule.and_then(|rule| self.rules.get_mut(rule.index())) {
            hits.embryonic += 1;
        }
    }

    /// Its handshake is complete, or given up.
    pub(super) fn end_handshake(&mut self, member: &Member, snapshot: &Snapshot) {
        if let Some(count) = self.zone(member, snapshot) {
            *count = count.saturating_sub(1);
        }
        if let Some(hits) = member.rule.and_then(|rule| self.rules.get_mut(rule.index())) {
            hits.embryonic = hits.embryonic.saturating_sub(1);
        }
    }

    /// The count of its zone, if the policy that the count is of has judged it.
    fn zone(&mut self, member: &Member, snapshot: &Snapshot) -> Option<&mut u32> {
        let counted = member.generation == snapshot.mark();
        self.half_open.get_mut(member.from.index()).filter(|_| counted)
    }
}
