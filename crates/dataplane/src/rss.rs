//! What a port's receive-side scaling can do for steering, by what its device reports: pure arithmetic, no
//! device is touched.
//!
//! Whatever comes out of it, packets are judged by their owners: each worker checks on every miss. Here is only
//! decided what a device is asked for, so that as few packets as possible arrive at the wrong worker, and
//! whether it can be held to that.

use core::fmt;

use dpdk::{DeviceInfo, RssConfig, RssKey, RssTypes};
use engine::owner::{KEY_WORD, TABLE_SIZE};

use crate::queues::QueuePlan;

/// Octets of the key where a device does not say how long it wants it.
const KEY_LENGTH: usize = 40;

/// What is known of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Its driver, as DPDK names it.
    pub(crate) driver: String,
    /// Packet types that it can hash.
    pub(crate) types: RssTypes,
    /// Octets of its key; 0: it does not say.
    pub(crate) key_len: u8,
    /// Entries of its redirection table; 0: it has none, or does not say before it starts.
    pub(crate) table_len: u16,
}

impl From<&DeviceInfo> for Abilities {
    fn from(info: &DeviceInfo) -> Self {
        Self {
            driver: info.driver.clone(),
            types: info.rss_types,
            key_len: info.rss_key_len,
            table_len: info.reta_len,
        }
    }
}

/// Why workers have to hand packets of a port over to their owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftwareReason {
    /// The port has one receive queue.
    OneQueue,
    /// It has fewer receive queues than there are workers.
    FewerQueues,
    /// The device hashes nothing that sessions are made of.
    NoHash,
    /// The device takes keys of a length that cannot be had.
    KeyLength(u8),
    /// The device's hash is not known to be the Toeplitz hash of the key that it is given.
    UnprovenHash,
    /// The device has no redirection table.
    NoTable,
    /// Its table has so many entries that some hashes lead to other workers than the canonical one does.
    TableLength(u16),
    /// The device does not take the table.
    TableRefused,
    /// The device reads back another table than it was given.
    TableDiffers,
    /// The device reads back another key than it was given.
    KeyDiffers,
}

impl fmt::Display for SoftwareReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneQueue => f.write_str("one receive queue"),
            Self::FewerQueues => f.write_str("fewer receive queues than workers"),
            Self::NoHash => f.write_str("the device has no RSS"),
            Self::KeyLength(length) => write!(f, "the device's RSS key has {length} octets"),
            Self::UnprovenHash => {
                f.write_str("the device's hash is not known to be the one asked for")
            }
            Self::NoTable => f.write_str("the device has no redirection table"),
            Self::TableLength(entries) => {
                write!(f, "a redirection table of {entries} entries does not fit the workers")
            }
            Self::TableRefused => f.write_str("the device's redirection table cannot be written"),
            Self::TableDiffers => f.write_str("the device reads back another redirection table"),
            Self::KeyDiffers => f.write_str("the device reads back another RSS key"),
        }
    }
}

/// A kind of packet that devices hash in a way of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketKind {
    /// What `sallyctl ports` calls it.
    pub name: &'static str,
    /// The type by which devices hash it as its owner is found: over ports where it has any.
    own: RssTypes,
    /// The coarser type, over addresses, by which a device hashes it that has no finer one.
    coarse: RssTypes,
    /// Whether its ports count for the owner.
    by_ports: bool,
}

const fn kind(name: &'static str, own: RssTypes, coarse: RssTypes, by_ports: bool) -> PacketKind {
    PacketKind { name, own, coarse, by_ports }
}

/// Every kind.
const KINDS: [PacketKind; 10] = [
    kind("tcp over ipv4", RssTypes::IPV4_TCP, RssTypes::IPV4, true),
    kind("udp over ipv4", RssTypes::IPV4_UDP, RssTypes::IPV4, true),
    kind("sctp over ipv4", RssTypes::IPV4_SCTP, RssTypes::IPV4, true),
    kind("other ipv4", RssTypes::IPV4_OTHER, RssTypes::IPV4, false),
    kind("ipv4 fragments", RssTypes::FRAGMENT_IPV4, RssTypes::IPV4, false),
    kind("tcp over ipv6", RssTypes::IPV6_TCP, RssTypes::IPV6, true),
    kind("udp over ipv6", RssTypes::IPV6_UDP, RssTypes::IPV6, true),
    kind("sctp over ipv6", RssTypes::IPV6_SCTP, RssTypes::IPV6, true),
    kind("other ipv6", RssTypes::IPV6_OTHER, RssTypes::IPV6, false),
    kind("ipv6 fragments", RssTypes::FRAGMENT_IPV6, RssTypes::IPV6, false),
];

impl PacketKind {
    /// Whether a device that hashes these types hashes the kind over what its owner depends on.
    const fn is_hashed_by(&self, types: RssTypes) -> bool {
        types.contains(self.own) || (!self.by_ports && types.contains(self.coarse))
    }
}

/// What drivers do that they do not report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Nothing of the kind.
    Plain,
    /// The hash of SCTP covers the verification tag, of which each direction has its own (i40e: the default input
    /// set of its SCTP packet types; a virtual function may sit on such a device).
    SctpByTag,
    /// The hash begins with another value, and the key is turned about on the way (ena).
    Unproven,
}

impl Habit {
    fn of(driver: &str) -> Self {
        match driver {
            "net_i40e" | "net_i40e_vf" | "net_iavf" => Self::SctpByTag,
            "net_ena" => Self::Unproven,
            _ => Self::Plain,
        }
    }
}

/// What to do with a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What it is asked for when it is configured. Where workers hand over, its hash still spreads the work of
    /// receiving, as long as it has one.
    pub(crate) ask: Option<RssConfig>,
    /// The table that it is given when it runs.
    pub(crate) table: Option<Vec<u16>>,
    /// Whether packets can be expected at their owners; else why not.
    pub(crate) steers: Result<(), SoftwareReason>,
    /// Kinds of packet that come to any worker even so.
    pub(crate) left: Vec<PacketKind>,
}

impl Plan {
    /// What to do with a device that has these abilities and so many queues, for so many workers. It is made
    /// twice: before the device is configured, and when it runs, since some tell the length of their table only
    /// then (vmxnet3), or change it with the number of queues (mlx5, bnxt).
    pub(crate) fn new(abilities: &Abilities, queues: QueuePlan, workers: u16) -> Self {
        let Abilities { driver, types, key_len, table_len } = abilities;
        let habit = Habit::of(driver);
        let is_left = |kind: &PacketKind| {
            let by_tag = habit == Habit::SctpByTag
                && (RssTypes::IPV4_SCTP | RssTypes::IPV6_SCTP).contains(kind.own);
            by_tag || habit == Habit::Unproven || !kind.is_hashed_by(*types)
        };
        let left: Vec<PacketKind> = KINDS.into_iter().filter(is_left).collect();
        let software =
            |reason, ask, table| Self { ask, table, steers: Err(reason), left: Vec::new() };
        if queues.rx == 1 {
            return software(SoftwareReason::OneQueue, None, None);
        }
        if (*types & RssTypes::ALL_IP).is_empty() {
            return software(SoftwareReason::NoHash, None, None);
        }
        let length = if *key_len == 0 { KEY_LENGTH } else { usize::from(*key_len) };
        let Ok(key) = RssKey::repeated(KEY_WORD.to_be_bytes(), length) else {
            return software(SoftwareReason::KeyLength(*key_len), None, None);
        };
        let asked = RssTypes::ALL_IP | (*types & RssTypes::IPV6_EXTENDED);
        let ask = Some(RssConfig { key, types: asked });
        if *table_len == 0 {
            return software(SoftwareReason::NoTable, ask, None);
        }
        let table = queues.redirection(workers, *table_len);
        let obstacle = if queues.rx < workers {
            Some(SoftwareReason::FewerQueues)
        } else if habit == Habit::Unproven {
            Some(SoftwareReason::UnprovenHash)
        } else if left.len() == KINDS.len() {
            Some(SoftwareReason::NoHash)
        } else if !is_canonical(&table, workers) {
            Some(SoftwareReason::TableLength(*table_len))
        } else {
            None
        };
        match obstacle {
            Some(reason) => software(reason, ask, Some(table)),
            None => Self { ask, table: Some(table), steers: Ok(()), left },
        }
    }
}

/// Whether the table leads every hash to the worker that the canonical one gives it. One of another length may
/// do so as well: 64 entries do for 2 workers, and not for 3.
fn is_canonical(table: &[u16], workers: u16) -> bool {
    let Ok(length) = u32::try_from(table.len()) else { return false };
    // Where either table has been gone through as often as it takes, both begin anew.
    let period = length.checked_mul(TABLE_SIZE);
    let mut hashes = 0..period.unwrap_or(0);
    period.is_some_and(|period| period > 0)
        && hashes.all(|hash| {
            let entry = usize::try_from(hash % length).ok().and_then(|entry| table.get(entry));
            entry == Some(&engine::owner::worker_of(hash, workers).0)
        })
}

/// Whether something was read back as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readback {
    /// It was.
    Same,
    /// Something else was read.
    Differs,
    /// The driver does not tell.
    Untold,
}

impl Readback {
    /// What `sallyctl ports` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Untold => "untold",
        }
    }

    pub(crate) fn of<T: PartialEq + ?Sized>(written: &T, read: Option<&T>) -> Self {
        match read {
            None => Self::Untold,
            Some(read) if read == written => Self::Same,
            Some(_) => Self::Differs,
        }
    }
}

/// What a device was asked for in receive-side scaling, and what it granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RssGrant {
    /// Octets of its key, 0x6d5a repeated.
    pub key_len: usize,
    /// Whether that key is read back.
    pub key: Readback,
    /// Packet types asked for.
    pub asked: RssTypes,
    /// Packet types granted.
    pub granted: RssTypes,
    /// Entries of its redirection table; 0: it has none.
    pub table_len: u16,
    /// Whether the table is read back as it was written.
    pub table: Readback,
    /// Kinds of packet that come to any worker even so.
    pub left: Vec<PacketKind>,
}

impl RssGrant {
    /// Whether what was read back lets the device be relied on. `written`: whether it took the table, if it was
    /// given one.
    pub(crate) const fn proven(&self, written: Option<bool>) -> Result<(), SoftwareReason> {
        match (written, self.table, self.key) {
            (None, _, _) => Err(SoftwareReason::NoTable),
            // One that cannot be written may be the right one already.
            (Some(false), Readback::Untold | Readback::Differs, _) => {
                Err(SoftwareReason::TableRefused)
            }
            (Some(true), Readback::Differs, _) => Err(SoftwareReason::TableDiffers),
            (Some(_), _, Readback::Differs) => Err(SoftwareReason::KeyDiffers),
            (Some(_), _, Readback::Same | Readback::Untold) => Ok(()),
        }
    }
}

impl fmt::Display for RssGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_len, key, asked, granted, table_len, table, left } = self;
        write!(f, "key of {key_len} octets ({}), table of {table_len}", key.name())?;
        if *table_len > 0 {
            write!(f, " ({})", table.name())?;
        }
        write!(f, ", granted {granted}")?;
        let missing = asked.without(*granted);
        if !missing.is_empty() {
            write!(f, ", not granted {missing}")?;
        }
        let mut separator = ", left to software: ";
        for kind in left {
            write!(f, "{separator}{}", kind.name)?;
            separator = "; ";
        }
        Ok(())
    }
}

/// How frames come to their owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steering {
    /// There is one worker.
    OneWorker,
    /// The device leads them there.
    Hardware(RssGrant),
    /// Workers hand them over.
    Software {
        /// Why the device does not do it.
        reason: SoftwareReason,
        /// Its hash spreads the work of receiving even so.
        rss: Option<RssGrant>,
    },
}

impl Steering {
    /// What the device does of what it was asked for.
    #[must_use]
    pub const fn rss(&self) -> Option<&RssGrant> {
        match self {
            Self::OneWorker => None,
            Self::Hardware(rss) => Some(rss),
            Self::Software { reason: _, rss } => rss.as_ref(),
        }
    }
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWorker => f.write_str("not needed: one worker"),
            Self::Hardware(rss) => write!(f, "hardware: {rss}"),
            Self::Software { reason, rss: None } => write!(f, "software: {reason}"),
            Self::Software { reason, rss: Some(rss) } => write!(f, "software: {reason}; {rss}"),
        }
    }
}

#[cfg(test)]
mod drivers;
