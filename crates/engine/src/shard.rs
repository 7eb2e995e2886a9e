//! One core's whole inspection path, without I/O: frames and the time go in, verdicts come out.
//!
//! Per burst, in stages over the whole burst so that memory is fetched ahead: every frame is parsed and
//! screened and its bucket asked for; then its entry is asked for; then, in order of arrival, it is judged.
//! Whatever a frame meets on its way has a file of its own: `stages` a burst between its stages, `short` the way
//! of plain packets, [`crate::screen`] what needs no state, `known` a living session, `gateway` what a control
//! session announces, `tunnel` the calls of PPTP, `unknown` the policy and what is expected, `related` ICMP errors,
//! `fragments`, `reject`, `upkeep` timers and changes of policy. What is kept beside the sessions: `records` of
//! those that are read or were announced, `shares` of their sources, the `census` that limits look at, `skew`. What explanations
//! ask is in `foresight` and `listing`.
//!
//! Invariants: a session is created and touched by its owner alone; a frame leaves by exactly one of
//! transmit, hand over, discard or hold; nothing here allocates for a frame of a known session.

mod by_slot;
mod census;
mod foresight;
mod fragments;
mod gateway;
mod known;
mod listing;
mod records;
mod reject;
mod related;
mod shares;
mod short;
mod skew;
mod stages;
mod tally;
mod tunnel;
mod unknown;
mod upkeep;

use std::sync::Arc;

use arrayvec::ArrayVec;
use policy::{PortIndex, Query};
use session::expectation::{Expectations, Publisher};
use session::fragment::Gatherer;
use session::memory::Memory;
use session::tombstone::Tombstones;
use session::{Context, Found, Key, Lifetimes, Pressure, Sessions, Side, Slot, Time};
use wire::{Descriptor, IcmpKind, Transport};

use crate::counters::{Counter, Counters, RuleHits};
use crate::frame::{Frame, HOPS_MAX, Handover, Judgement, Outbox, Verdict, WorkerId};
use crate::screen::{Kind, OwnMacs, screen};
use crate::skew::{Sketch, Skew};
use crate::{Arrivals, Cause, Cut, DropReason, Epitaph, Limits, Snapshot};

pub(crate) use self::foresight::{Predecessor, Question};

use self::census::Census;
use self::records::Records;
use self::reject::Allowance;
use self::stages::Stages;
use self::upkeep::Sweep;

/// Frames that are judged in one go.
pub const BURST: usize = 32;

/// A burst of frames from a port.
pub type Burst<F> = ArrayVec<F, BURST>;

/// A burst of frames from another worker.
pub type HandedBurst<F> = ArrayVec<(F, Handover), BURST>;

/// Connections that are expected by all workers together, at most.
pub const EXPECTATIONS: usize = 16_384;

/// Sessions that gateways read at a time in all shards together, at most.
pub const READ_SESSIONS: usize = records::CONVERSATIONS;

/// Octets that the readers of all shards together hold at most beyond what each may.
pub const READER_OCTETS: usize = records::READERS;

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Whose shard it is.
    pub worker: WorkerId,
    /// How many workers there are.
    pub workers: u16,
    /// By how many shards the limits are divided: the workers live, 1 in replay.
    pub share: u16,
    /// The secret of the hashes.
    pub seed: u64,
    /// By port: the MAC address of its kernel interface, where that stays.
    pub own_macs: Vec<Option<[u8; 6]>>,
    /// What the store of fragments may hold.
    pub fragments: session::fragment::Limits,
    /// How many ended sessions are remembered, so that the drop of a late packet can say why.
    pub tombstones: usize,
    /// Where the connections that gateways announce are expected: one table for all workers.
    pub expectations: Arc<Expectations>,
    /// Until then TCP in the middle of its connection is picked up where a rule allows it, strict or not:
    /// for connections that were there before a restart. [`Time::ZERO`]: never.
    pub pickup_until: Time,
}

impl ShardConfig {
    /// Sessions that one of `share` shards has room for, and those of them that may be IPv6 ones: its part of the box's,
    /// rounded up, and with more than one shard a quarter more, as the hash never divides evenly.
    pub fn capacities(share: u16, limits: &Limits) -> [u32; 2] {
        let part = |all: u32| {
            let part = all.div_ceil(u32::from(share.max(1)));
            if share > 1 { part.saturating_add(part / 4) } else { part }
        };
        let capacity = part(limits.max).max(1);
        [capacity, part(limits.ipv6).min(capacity)]
    }

    /// Octets that the counts of sessions by source may grow to in a shard with so many.
    pub fn counts_memory(capacity: u32) -> usize {
        Census::memory(capacity)
    }

    /// Octets that the map of what is kept of read and announced sessions takes.
    pub fn records_memory(share: u16) -> usize {
        Records::memory(share)
    }

    /// Octets of the process's memory that reading takes at most, in all shards: for 16,384 sessions and what they have
    /// announced, and for what their readers hold since it is not whole or not acknowledged.
    pub const fn readers_memory() -> usize {
        Records::memory_of_readers()
    }
}

/// One core's sessions and all that judges packets by them.
pub struct Shard<F, M: Memory> {
    snapshot: Arc<Snapshot>,
    core: Core<F, M>,
    /// The burst that is being judged.
    stages: Box<Stages>,
}

impl<F, M: Memory> core::fmt::Debug for Shard<F, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shard")
            .field("worker", &self.core.worker)
            .field("generation", &self.snapshot.generation)
            .field("sessions", &self.core.sessions.len())
            .finish_non_exhaustive()
    }
}

/// All of a shard but the policy, which it borrows.
struct Core<F, M: Memory> {
    worker: WorkerId,
    workers: u16,
    sessions: Sessions<M>,
    fragments: Gatherer<F>,
    tombstones: Tombstones<Epitaph>,
    census: Census,
    records: Records,
    publisher: Publisher,
    counters: Counters,
    own_macs: OwnMacs,
    allowance: Allowance,
    pickup_until: Time,
    /// How far timeouts are shrunk, since the table is nearly full.
    pressure: Pressure,
    sweep: Sweep,
    /// Whether plain packets of known sessions go the short way.
    goes_short: bool,
    /// By port.
    arrivals: Vec<Arrivals>,
    sketch: Sketch,
    skew: Skew,
}

/// What every step of one call is given.
struct Turn<'a, O> {
    now: Time,
    snapshot: &'a Snapshot,
    /// The snapshot's timeouts under the shard's pressure.
    lifetimes: &'a Lifetimes,
    out: &'a mut O,
}

impl<'a, O> Turn<'a, O> {
    #[inline]
    fn new(now: Time, snapshot: &'a Snapshot, pressure: Pressure, out: &'a mut O) -> Self {
        Self { now, snapshot, lifetimes: snapshot.lifetimes_under(pressure), out }
    }
}

/// A packet that is judged: one frame, or all frames of one datagram.
struct Packet<'a> {
    /// Its headers; of a datagram in fragments those of the first, with the transport of the whole.
    descriptor: &'a Descriptor,
    /// The octets of the frame, or of the first fragment.
    bytes: &'a [u8],
    /// The port it came in by.
    port: PortIndex,
    /// Frames.
    frames: u32,
    /// Octets of network-layer datagrams.
    octets: u32,
    /// How it came here.
    arrival: Arrival,
    /// Of a datagram in fragments its transport header and all that follows.
    gathered: Option<&'a [u8]>,
}

/// How a packet came to the worker that looks at it.
#[derive(Clone, Copy)]
enum Arrival {
    /// From a port, whose receiver may have said by which hash it chose this worker.
    FromPort(Option<u32>),
    /// From another worker, or in fragments.
    Otherwise,
}

impl Arrival {
    #[inline]
    fn of<F: Frame>(frame: &F, hops: u8) -> Self {
        if hops == 0 { Self::FromPort(frame.rss_hash()) } else { Self::Otherwise }
    }
}

/// A packet's key with its hash.
#[derive(Clone, Copy)]
struct Lookup {
    key: Key,
    side: Side,
    hash: u64,
    /// Where the session probably is.
    guess: Option<Slot>,
}

/// What to do with the frames of a packet.
enum Fate {
    /// Send them out of this port.
    Forward(PortIndex, Judgement),
    /// Free them.
    Discard(Judgement),
    /// Give them to another worker.
    HandOver(WorkerId, Cause),
}

impl Fate {
    fn drop(reason: impl Into<DropReason>) -> Self {
        Self::Discard(Judgement::drop(reason))
    }
}

/// What is kept beside it of a frame that does not go the short way, after the first stage.
enum Screened {
    Dropped(DropReason),
    Untracked,
    Fragment(Descriptor),
    IcmpError(Descriptor),
    Tracked(Descriptor, Lookup),
}

impl<F: Frame, M: Memory> Shard<F, M> {
    /// A shard without sessions that judges by `snapshot`. All memory that it will ever need for sessions
    /// is taken from `memory` here.
    ///
    /// # Errors
    /// If `memory` has not enough.
    pub fn new(
        config: ShardConfig,
        snapshot: Arc<Snapshot>,
        memory: &mut M,
    ) -> Result<Self, M::Error> {
        let [capacity, ipv6] = ShardConfig::capacities(config.share, &snapshot.limits);
        let ShardConfig {
            worker,
            workers,
            share,
            seed,
            own_macs,
            fragments,
            tombstones,
            expectations,
            pickup_until,
        } = config;
        let core = Core {
            worker,
            workers,
            sessions: Sessions::new(capacity, ipv6, seed, memory)?,
            fragments: Gatherer::new(fragments, seed),
            tombstones: Tombstones::new(tombstones),
            census: Census::new(capacity, seed, share, &snapshot),
            records: Records::new(seed, share, capacity),
            publisher: Publisher::new(expectations, worker.0),
            counters: Counters::default(),
            own_macs,
            allowance: Allowance::default(),
            pickup_until,
            pressure: Pressure::NONE,
            sweep: Sweep::default(),
            goes_short: true,
            arrivals: vec![Arrivals::default(); snapshot.topology.ports().len()],
            sketch: Sketch::new(seed),
            skew: Skew::default(),
        };
        Ok(Self { snapshot, core, stages: Box::default() })
    }

    /// Judges a burst of frames that came from ports. The burst is empty afterwards.
    pub fn process(&mut self, now: Time, burst: &mut Burst<F>, out: &mut impl Outbox<F>) {
        let Self { snapshot, core, stages } = self;
        core.counters.received(burst.len());
        let mut turn = Turn::new(now, snapshot, core.pressure, out);
        core.stage(&turn, burst.iter().map(Some), stages);
        core.fetch_entries(stages);
        let mut others = stages.others.iter();
        for (frame, staged) in burst.drain(..).zip(&stages.frames) {
            core.judge_staged(&mut turn, frame, staged, &mut others, 0);
        }
        core.counters.set(Counter::Held, core.fragments.frames() as u64);
    }

    /// Judges frames that other workers handed over. The burst is empty afterwards.
    pub fn accept(&mut self, now: Time, burst: &mut HandedBurst<F>, out: &mut impl Outbox<F>) {
        let Self { snapshot, core, stages } = self;
        let mut turn = Turn::new(now, snapshot, core.pressure, out);
        core.counters.accepted(burst.len());
        let frames =
            burst.iter().map(|(frame, tag)| (tag.cause != Cause::Reassembled).then_some(frame));
        core.stage(&turn, frames, stages);
        core.fetch_entries(stages);
        let mut others = stages.others.iter();
        for ((frame, tag), staged) in burst.drain(..).zip(&stages.frames) {
            core.judge_staged(&mut turn, frame, staged, &mut others, tag.hops);
        }
        core.counters.set(Counter::Held, core.fragments.frames() as u64);
    }

    /// Whether plain packets of known sessions go the short way, as they do unless told otherwise. The verdicts are the
    /// same: for tests that hold one way against the other, and to measure both.
    pub fn go_short(&mut self, short: bool) {
        self.core.goes_short = short;
    }

    /// What the shard judges by.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// What it has counted.
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// How often each rule decided, and its sessions, by [`policy::RuleId`].
    pub fn rule_hits(&self) -> &[RuleHits] {
        self.core.census.rules()
    }

    /// How many sessions were opened from each zone and have not completed their handshake, by [`policy::ZoneId`] of
    /// the present policy; of those that it has judged: after a reload all of them are once the sweep is through.
    pub fn half_open(&self) -> &[u32] {
        self.core.census.half_open()
    }

    /// How many timers are set: one a session, always. For tests: it walks all of them.
    pub fn timer_count(&self) -> u32 {
        self.core.sessions.timers()
    }

    /// How many sessions there are, those whose timeout is over but whose timer has not come included.
    pub fn session_count(&self) -> u32 {
        self.core.sessions.len()
    }

    /// How much is kept beside the sessions of those that gateways read or that were announced, what has been claimed and
    /// is not freed yet included. For tests: some time after the last session has ended there is nothing.
    pub fn kept_count(&self) -> usize {
        let Core { records, publisher, .. } = &self.core;
        records.count() + records.octets() + publisher.kept()
    }

    /// How far timeouts are shrunk, since the table is nearly full.
    pub fn pressure(&self) -> Pressure {
        self.core.pressure
    }

    /// How many sessions it has room for.
    pub fn capacity(&self) -> u32 {
        self.core.sessions.capacity()
    }
}

/// Where a fragment is gathered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the owner of the address pair, the first step.
    OwnerOfAddresses,
    /// At the owner of the whole datagram's ports, the second step.
    OwnerOfPorts,
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// The stateless stage: parse, screen, and ask for the bucket.
    fn prepare<O>(&self, turn: &Turn<'_, O>, frame: &F) -> Screened {
        match screen(frame, turn.snapshot, &self.own_macs) {
            Err(reason) => Screened::Dropped(reason),
            Ok((_, Kind::Untracked)) => Screened::Untracked,
            Ok((descriptor, Kind::Fragment)) => Screened::Fragment(descriptor),
            Ok((descriptor, Kind::IcmpError)) => Screened::IcmpError(descriptor),
            Ok((descriptor, Kind::Tracked)) => {
                let lookup = self.lookup(turn.snapshot, &descriptor, frame.port());
                self.sessions.prefetch(lookup.hash);
                Screened::Tracked(descriptor, lookup)
            }
        }
    }

    #[inline]
    fn lookup(&self, snapshot: &Snapshot, descriptor: &Descriptor, port: PortIndex) -> Lookup {
        let (source_port, destination_port) = match &descriptor.transport {
            Transport::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
            Transport::Udp(udp) => (udp.source_port, udp.destination_port),
            Transport::Sctp(sctp) => (sctp.source_port, sctp.destination_port),
            // The identifier is the asker's.
            Transport::Icmp(message) | Transport::Icmpv6(message) => {
                if message.class == IcmpKind::Reply { (0, message.id) } else { (message.id, 0) }
            }
            Transport::None | Transport::Other => (0, 0),
        };
        let source = (descriptor.source, source_port);
        let destination = (descriptor.destination, destination_port);
        let context = context(snapshot, descriptor, port);
        let (key, side) = Key::new(context, descriptor.protocol, source, destination);
        Lookup { key, side, hash: self.sessions.hash(&key), guess: None }
    }

    #[inline]
    fn judge<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        stage: &Screened,
        hops: u8,
    ) {
        let port = frame.port();
        let fate = match stage {
            Screened::Dropped(reason) => Fate::drop(*reason),
            Screened::Untracked => {
                Fate::Forward(turn.snapshot.topology.partner(port), Judgement::of(Verdict::Forward))
            }
            Screened::Fragment(descriptor) => {
                self.gather_first(turn, frame, descriptor, hops);
                return;
            }
            Screened::IcmpError(descriptor) => {
                let packet = Packet::single(descriptor, &frame, hops);
                let quoted = wire::parse_quoted(packet.bytes, descriptor);
                self.judge_error(turn, &packet, quoted)
            }
            Screened::Tracked(descriptor, lookup) => {
                let packet = Packet::single(descriptor, &frame, hops);
                self.judge_packet(turn, &packet, lookup)
            }
        };
        self.carry_out(turn, frame, fate, hops);
    }

    /// Judges a packet of TCP, UDP or any other protocol that has sessions.
    #[inline]
    fn judge_packet<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
    ) -> Fate {
        let Lookup { key, side: _, hash, guess } = lookup;
        match self.sessions.find(key, *hash, *guess, turn.now, turn.lifetimes) {
            Found::Live(slot) => self.judge_known(turn, packet, lookup, slot),
            Found::Stale(slot) if self.is_held(turn.now, turn.lifetimes, slot) => {
                self.judge_known(turn, packet, lookup, slot)
            }
            Found::Stale(slot) => {
                self.end_expired(turn, slot);
                self.judge_unknown(turn, packet, lookup, None)
            }
            Found::Nothing => self.judge_unknown(turn, packet, lookup, None),
        }
    }

    /// Puts one frame where it is to go.
    #[inline]
    fn carry_out<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, frame: F, fate: Fate, hops: u8) {
        match fate {
            Fate::Forward(port, judgement) => turn.out.transmit(port, frame, &judgement),
            Fate::Discard(judgement) => {
                match judgement.verdict {
                    Verdict::Drop(reason) => self.counters.increment(Counter::Dropped(reason)),
                    Verdict::Reject(reason) => self.counters.increment(Counter::Rejected(reason)),
                    Verdict::Consume | Verdict::Forward => {
                        self.counters.increment(Counter::Consumed);
                    }
                }
                turn.out.discard(frame, &judgement);
            }
            Fate::HandOver(..) if hops >= HOPS_MAX => {
                self.counters.increment(Counter::Dropped(Cut::HandoverLimit.into()));
                turn.out.discard(frame, &Judgement::drop(Cut::HandoverLimit));
            }
            Fate::HandOver(to, cause) => {
                self.counters.increment(Counter::HandedOver(cause));
                turn.out.hand_over(to, Handover { cause, hops: hops + 1 }, frame);
            }
        }
    }
}

impl<'a> Packet<'a> {
    #[inline]
    fn single<F: Frame>(descriptor: &'a Descriptor, frame: &'a F, hops: u8) -> Self {
        Self {
            descriptor,
            bytes: frame.as_ref(),
            port: frame.port(),
            frames: 1,
            octets: u32::from(descriptor.end - descriptor.l3),
            arrival: Arrival::of(frame, hops),
            gathered: None,
        }
    }

    /// The transport header and all that follows.
    fn transport(&self) -> &'a [u8] {
        let Descriptor { l4, end, .. } = *self.descriptor;
        let own = || self.bytes.get(usize::from(l4)..usize::from(end)).unwrap_or_default();
        self.gathered.unwrap_or_else(own)
    }

    /// The call of PPTP that a packet of GRE belongs to.
    fn call(&self) -> Option<u16> {
        let is_gre = self.descriptor.protocol == wire::protocol::GRE;
        is_gre.then(|| wire::pptp_call(self.transport())).flatten()
    }

    /// What TCP or UDP carries.
    fn payload(&self) -> &'a [u8] {
        let transport = self.transport();
        match &self.descriptor.transport {
            Transport::Tcp(segment) => {
                let header = transport.len().saturating_sub(usize::from(segment.payload));
                &transport[header..]
            }
            Transport::Udp(datagram) => {
                let end = UDP_HEADER + usize::from(datagram.payload);
                transport.get(UDP_HEADER..end).unwrap_or_default()
            }
            Transport::None
            | Transport::Icmp(_)
            | Transport::Icmpv6(_)
            | Transport::Sctp(_)
            | Transport::Other => &[],
        }
    }
}

/// Octets of UDP's header.
const UDP_HEADER: usize = 8;

/// The domain of the wire and the VLAN tags of a packet.
#[inline]
fn context(snapshot: &Snapshot, descriptor: &Descriptor, port: PortIndex) -> Context {
    let domain = snapshot.topology.domain(port);
    Context::new(u8::try_from(domain & 0xff).unwrap_or(0), descriptor.vlans)
}

/// What the policy is asked about a packet without a session.
fn first_query(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    port: PortIndex,
    lookup: &Lookup,
) -> Query {
    let icmp = match &descriptor.transport {
        Transport::Icmp(message) | Transport::Icmpv6(message) => Some((message.kind, message.code)),
        Transport::None
        | Transport::Tcp(_)
        | Transport::Udp(_)
        | Transport::Sctp(_)
        | Transport::Other => None,
    };
    query(snapshot, port, &lookup.key, lookup.side, icmp)
}

/// What the policy is asked about a session that one side of a key would open.
fn query(
    snapshot: &Snapshot,
    in_port: PortIndex,
    key: &Key,
    initiator: Side,
    icmp: Option<(u8, u8)>,
) -> Query {
    let (from, to) = snapshot.zones(in_port, key.context);
    let (source, source_port) = key.endpoint(initiator);
    let (destination, destination_port) = key.endpoint(initiator.other());
    // The identifier of an ICMP query stands in the key's ports, but is none.
    let ports = if icmp.is_some() { (0, 0) } else { (source_port, destination_port) };
    Query {
        from,
        to,
        source,
        destination,
        protocol: key.protocol,
        source_port: ports.0,
        destination_port: ports.1,
        icmp,
    }
}
