//! How much memory the plane needs: counted before any of it is taken. Pure arithmetic.

use std::fmt;

use dpdk::BURST;
use engine::{Expectations, Limits as SessionLimits, ShardConfig};
use session::EntryCost;
use session::fragment::{Gatherer, Limits};
use session::tombstone::Tombstones;

use crate::frame::MbufFrame;
use crate::mailbox::Mailbox;
use crate::queues::QueuePlan;

/// Descriptors of a queue, each way.
pub(crate) const DESCRIPTORS: u16 = 1024;
/// Mbufs that stay with each thread.
pub(crate) const CACHE: u32 = 256;
/// An mbuf holds at least this many octets of a frame: what drivers expect of a pool.
const DATA_ROOM: u16 = 2048;
/// What a frame has beside its IP packet at most: Ethernet header, two VLAN tags, check sequence.
const FRAME_OVERHEAD: u16 = 14 + 2 * 4 + 4;
/// DPDK's header of a pool's element, the mbuf's own fields, the headroom, and the padding that spreads elements
/// over memory channels; beside it two places in the pool's ring, whose size is a power of two.
const MBUF_OVERHEAD: u64 = 64 + 128 + 128 + 64;
const MBUF_PLACES: u64 = 16;
/// The pages that are counted on.
const HUGEPAGE: u64 = 2 << 20;
const ORDINARY_PAGE: u64 = 4 << 10;
/// Ended sessions that the box remembers.
const TOMBSTONES: usize = 65_536;
/// Descriptor rings and books of a hardware queue, by the largest of the common drivers.
const DRIVER_QUEUE: u64 = 128 << 10;
/// What EAL and drivers take for themselves.
const DRIVER_BASE: u64 = 8 << 20;
/// Timer lists of a shard: ten of each of 4096 places.
const TIMERS: u64 = 160 << 10;

/// What is to be held.
#[derive(Clone, Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) workers: u16,
    /// Sessions of the whole box.
    pub(crate) limits: &'a SessionLimits,
    pub(crate) ports: &'a [QueuePlan],
    /// Octets of the longest IP packet of any port.
    pub(crate) mtu: u16,
    /// Pools of mbufs: one for each socket that has workers.
    pub(crate) pools: u16,
    /// Whether memory comes from hugepages.
    pub(crate) hugepages: bool,
    /// Log events that may wait.
    pub(crate) events: usize,
}

impl Demand<'_> {
    /// Frames that each of the rings between two workers holds.
    pub(crate) fn ring_capacity(&self) -> u32 {
        2048_u32.checked_div(self.workers.into()).unwrap_or(0).next_power_of_two().clamp(256, 1024)
    }

    /// Octets of a frame that an mbuf has to hold.
    pub(crate) fn data_room(&self) -> u16 {
        let frame = self.mtu.saturating_add(FRAME_OVERHEAD);
        frame.checked_next_multiple_of(64).unwrap_or(u16::MAX - 127).max(DATA_ROOM)
    }

    /// What each shard's store of fragments may hold.
    pub(crate) fn fragments(&self) -> Limits {
        Limits::default().per_shard(self.workers.into())
    }

    /// What each shard remembers of ended sessions.
    pub(crate) fn tombstones(&self) -> usize {
        TOMBSTONES.div_ceil(usize::from(self.workers.max(1)))
    }

    /// Mbufs of each pool. A frame of any pool can be anywhere, so each has enough for all places.
    pub(crate) fn mbufs(&self) -> u64 {
        let workers = u64::from(self.workers);
        let others = workers.saturating_sub(1);
        let burst = BURST as u64;
        let ports = self.ports.len() as u64;
        let queues: u64 = self.ports.iter().map(|plan| u64::from(plan.rx + plan.tx)).sum();
        let descriptors = queues * u64::from(DESCRIPTORS);
        let rings = workers * others * u64::from(self.ring_capacity());
        // Received, taken from a ring, to be freed; before each port and each ring.
        let bursts = workers * burst * (3 + ports + others);
        // DPDK lets a cache grow to one and a half of its size. The control thread has one, too.
        let caches = (workers + 1) * u64::from(CACHE) * 3 / 2;
        let held = workers * self.fragments().frames as u64;
        descriptors + rings + bursts + caches + held
    }

    /// The sum.
    pub(crate) fn footprint(&self) -> Footprint {
        let workers = u64::from(self.workers);
        let [capacity, ipv6] = self.shard_capacities();
        let EntryCost { ipv4: cost, ipv6: wide_cost } = EntryCost::new();
        let [table, addresses] = [octets(capacity, cost), octets(ipv6, wide_cost - cost)];
        let page = if self.hugepages { HUGEPAGE } else { ORDINARY_PAGE };
        let mbuf = in_pages(MBUF_OVERHEAD + u64::from(self.data_room()), page) + MBUF_PLACES;
        let rings = workers * workers.saturating_sub(1);
        let queues: u64 = self.ports.iter().map(|plan| u64::from(plan.rx + plan.tx)).sum();
        let per_shard = Tombstones::<engine::Epitaph>::memory(self.tombstones())
            + Gatherer::<MbufFrame>::memory(self.fragments())
            + ShardConfig::records_memory(self.workers);
        Footprint {
            shards: self.workers,
            capacity,
            ipv6,
            tables: workers * (table + TIMERS),
            addresses: workers * addresses,
            mbuf_count: self.mbufs() * u64::from(self.pools),
            mbufs: self.mbufs() * mbuf * u64::from(self.pools),
            rings: rings * u64::from(self.ring_capacity()) * 16,
            drivers: DRIVER_BASE + queues * DRIVER_QUEUE,
            outside: workers * per_shard as u64
                + Expectations::memory(engine::EXPECTATIONS) as u64
                + Mailbox::events_memory(self.workers, self.events) as u64,
            counts: workers * ShardConfig::counts_memory(capacity) as u64,
            readers: ShardConfig::readers_memory() as u64,
        }
    }

    /// Sessions that each shard has room for, and those of them that may be IPv6 ones.
    fn shard_capacities(&self) -> [u32; 2] {
        ShardConfig::capacities(self.workers, self.limits)
    }
}

/// What the plane takes, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Shards.
    pub shards: u16,
    /// Sessions that each has room for.
    pub capacity: u32,
    /// Those of them that may be IPv6 ones.
    pub ipv6: u32,
    /// Session tables: what any session takes, times their capacity.
    pub tables: u64,
    /// Beside them, the addresses of IPv6 sessions.
    pub addresses: u64,
    /// How many mbufs there are.
    pub mbuf_count: u64,
    /// Mbufs.
    pub mbufs: u64,
    /// Rings between workers.
    pub rings: u64,
    /// What DPDK and its drivers are reckoned to take for themselves.
    pub drivers: u64,
    /// Not from DPDK but from the process's own memory: ended sessions, books of fragments,
    /// expected connections and the records of their sessions, queues of events.
    pub outside: u64,
    /// Counts of sessions by source: what they may grow to in the process's own memory, when each session has another
    /// source. None of it is taken before.
    pub counts: u64,
    /// Nor is this: what reading takes at most.
    pub readers: u64,
}

impl Footprint {
    /// What DPDK has to give.
    #[must_use]
    pub const fn from_dpdk(&self) -> u64 {
        self.tables + self.addresses + self.mbufs + self.rings + self.drivers
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shards,
            capacity,
            ipv6,
            tables,
            addresses,
            mbuf_count,
            mbufs,
            rings,
            drivers,
            outside,
            counts,
            readers,
        } = *self;
        let (tables_are, each) = if shards == 1 { ("table", "") } else { ("tables", " in each") };
        write!(
            f,
            "{} MiB: {} for {shards} {tables_are} of {capacity} sessions, {} for the addresses of {ipv6} IPv6 sessions{each}, {} for \
             {mbuf_count} mbufs, {} for rings, {} for DPDK and drivers; and {} MiB of the process's own memory, which grows \
             by up to {} MiB with the sources of sessions and {} MiB with what gateways read",
            mib(self.from_dpdk()),
            mib(tables),
            mib(addresses),
            mib(mbufs),
            mib(rings),
            mib(drivers),
            mib(outside),
            mib(counts),
            mib(readers)
        )
    }
}

/// There is not enough memory for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`memory = \"{}MiB\"` is too little: the plane takes {footprint}; set `memory = \"{}MiB\"` in [system]{}, or \
     lower `max` or `ipv6` in [sessions]",
    mib(*.memory),
    self.remedy_mib(),
    self.pages()
)]
pub struct MemoryShortage {
    /// What it takes.
    pub footprint: Footprint,
    /// What DPDK was given, in octets.
    pub memory: u64,
    /// Whether it is hugepages.
    pub hugepages: bool,
}

impl MemoryShortage {
    /// What would do, in MiB: an even number, as the common hugepage has 2.
    fn remedy_mib(&self) -> u64 {
        mib(self.footprint.from_dpdk()).next_multiple_of(2)
    }

    fn pages(&self) -> String {
        if self.hugepages {
            format!(" ({} hugepages of 2 MiB)", self.remedy_mib() / 2)
        } else {
            String::new()
        }
    }
}

/// What an element of a pool takes of memory, as none crosses the end of a page unless it is longer than one.
const fn in_pages(element: u64, page: u64) -> u64 {
    match page.checked_div(element) {
        None | Some(0) => element.next_multiple_of(page),
        Some(in_page) => page.div_ceil(in_page),
    }
}

/// Whole MiB, rounded up.
const fn mib(octets: u64) -> u64 {
    octets.div_ceil(1 << 20)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 2^32 times a few hundred octets"
)]
fn octets(count: u32, each: f64) -> u64 {
    (f64::from(count) * each).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: QueuePlan = QueuePlan { rx: 1, tx: 1, first: 0 };
    const TWO: QueuePlan = QueuePlan { rx: 2, tx: 2, first: 0 };

    fn demand(workers: u16, ports: &[QueuePlan]) -> Demand<'_> {
        let limits = const { &SessionLimits::new(1_000_000, 1_000_000) };
        Demand { workers, limits, ports, mtu: 1500, pools: 1, hugepages: true, events: 65_536 }
    }

    #[test]
    fn mbufs_add_up() {
        let one = demand(1, &[ONE, ONE]);
        // Four queues, (3 + 2) bursts, two caches, the held frames.
        assert_eq!(one.mbufs(), 4 * 1024 + 5 * 32 + 2 * 384 + 8192);
        let two = demand(2, &[TWO, TWO]);
        // Eight queues, two rings, 2 × (3 + 2 + 1) bursts, three caches, the held frames.
        assert_eq!(two.mbufs(), 8 * 1024 + 2 * 1024 + 12 * 32 + 3 * 384 + 8192);
    }

    #[test]
    fn an_mbuf_holds_the_longest_frame() {
        let room = |mtu| Demand { mtu, ..demand(1, &[]) }.data_room();
        assert_eq!((room(1500), room(2022), room(2023), room(9000)), (2048, 2048, 2112, 9088));
        assert!(room(u16::MAX) <= u16::MAX - 127, "the headroom fits, too");
    }

    #[test]
    fn an_ordinary_page_holds_one_mbuf() {
        assert_eq!(in_pages(2432, ORDINARY_PAGE), 4096);
        assert_eq!(in_pages(9472, ORDINARY_PAGE), 12288);
        assert_eq!(in_pages(2432, HUGEPAGE), 2433);
    }

    #[test]
    fn rings_shrink_as_workers_grow() {
        let capacity = |workers| demand(workers, &[]).ring_capacity();
        assert_eq!([1, 2, 4, 8, 64].map(capacity), [1024, 1024, 512, 256, 256]);
    }

    #[test]
    fn two_shards_have_a_quarter_more_room() {
        assert_eq!(demand(1, &[]).footprint().capacity, 1_000_000);
        assert_eq!(demand(2, &[]).footprint().capacity, 625_000);
    }

    /// What one more session of rated capacity costs, by the sums of two starts that differ in nothing else: one that may be
    /// IPv4 only, and one that may be of either family. Least and greatest sizes, one worker and several.
    #[test]
    fn a_session_costs_what_is_said() {
        let sum = |workers, max, ipv6| {
            let limits = SessionLimits { ipv6, ..SessionLimits::new(max, 1) };
            let footprint = Demand { limits: &limits, ..demand(workers, &[]) }.footprint();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let octets = (footprint.from_dpdk() + footprint.outside) as f64;
            octets
        };
        for (small, large) in [(10_000, 20_000), (1_000_000, 10_000_000)] {
            let more = f64::from(large - small);
            let ipv4 = (sum(1, large, 0) - sum(1, small, 0)) / more;
            let either = (sum(1, large, large) - sum(1, small, small)) / more;
            let room = (sum(1, large, large) - sum(1, large, small)) / more;
            assert!((110.6..110.7).contains(&ipv4), "{ipv4} octets a session of IPv4");
            assert!((142.6..142.7).contains(&either), "{either} octets a session of either family");
            assert!((32.0 - 0.01..32.01).contains(&room), "{room} octets more for IPv6");
            assert!(ipv4 <= 112.0 && either <= 192.0);
            // Of several workers each has a quarter more than its part.
            let spread = (sum(4, large, 0) - sum(4, small, 0)) / more;
            assert!((138.2..138.5).contains(&spread), "{spread} octets a session, four workers");
        }
    }

    /// Every source counted takes at most forty octets and a little; none is taken at the start.
    #[test]
    fn counts_by_source_are_bounded() {
        let counts = demand(1, &[]).footprint().counts;
        assert!((40_000_000..41_000_000).contains(&counts), "{counts}");
    }

    #[test]
    fn one_table_is_no_tables() {
        let text = |workers| demand(workers, &[TWO, TWO]).footprint().to_string();
        assert!(text(1).contains(" for 1 table of "), "{}", text(1));
        assert!(text(2).contains(" for 2 tables of "), "{}", text(2));
    }

    #[test]
    fn a_shortage_says_what_would_do() {
        let footprint = demand(2, &[TWO, TWO]).footprint();
        let shortage = MemoryShortage { footprint, memory: 64 << 20, hugepages: true };
        let enough = shortage.remedy_mib();
        assert!(enough << 20 >= footprint.from_dpdk());
        let text = shortage.to_string();
        assert!(text.starts_with("`memory = \"64MiB\"` is too little"), "{text}");
        assert!(text.contains(&format!("set `memory = \"{enough}MiB\"` in [system] (")), "{text}");
        assert!(text.contains(&format!("({} hugepages of 2 MiB)", enough / 2)), "{text}");
        assert!(
            text.contains(
                "2 tables of 625000 sessions, 39 for the addresses of 625000 IPv6 sessions in each"
            ),
            "{text}"
        );
    }
}
