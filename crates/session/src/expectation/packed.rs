//! An expectation as the words of a place.
//!
//! ```text
//!   0  hash                        7  deadline
//!   1  context, ports              8  parent: slot, ports
//!   2  protocols, ports of the     9  parent: creation
//!      box, gateway, flags            above it: how it is read
//!   3  source                     10  parent: lower address
//!   5  destination                12  parent: upper address
//!                                 14  parent: where its children are counted
//! ```

use core::net::IpAddr;

use crate::key::{Addresses, Context, Endpoints, Key, Side};
use crate::time::Time;

use super::{Expectation, Life, Parent};

/// Words of a payload.
pub(super) const WORDS: usize = 15;

const SOURCE_V6: u8 = 1;
const DESTINATION_V6: u8 = 2;
const PARENT_V6: u8 = 4;
const UPPER_INITIATES: u8 = 8;
const STANDING: u8 = 16;
/// What stands above the 48 bits of a time in milliseconds: one more than how it is read, or 0 if it is not.
const READS: u32 = 48;
const CREATED: u64 = (1 << READS) - 1;

/// The words; the first is the hash by which the expectation is found.
pub(super) fn pack(expectation: &Expectation, hash: u64) -> [u64; WORDS] {
    let Expectation {
        context,
        protocol,
        source,
        source_port,
        destination,
        destination_port,
        deadline,
        in_port,
        gateway,
        reads,
        standing,
        parent,
    } = *expectation;
    let (pair, parent_v6) = match parent.key.endpoints.addresses {
        Addresses::V4(pair) => (pair.map(u128::from), false),
        Addresses::V6(pair) => (pair, true),
    };
    let flags = flag(source.is_ipv6(), SOURCE_V6)
        | flag(destination.is_ipv6(), DESTINATION_V6)
        | flag(parent_v6, PARENT_V6)
        | flag(parent.initiator == Side(1), UPPER_INITIATES)
        | flag(standing, STANDING);
    let reads = u64::from(reads.map_or(0, |reads| reads.saturating_add(1)));
    let [worker_high, worker_low] = parent.worker.to_be_bytes();
    let facts = [
        protocol,
        gateway,
        in_port,
        parent.in_port,
        parent.key.protocol,
        flags,
        worker_high,
        worker_low,
    ];
    let [source, destination, lower, upper] = [bits(source), bits(destination), pair[0], pair[1]];
    [
        hash,
        // No packet comes from port 0, so 0 stands for any.
        two(context.bits(), ports(destination_port, source_port.unwrap_or(0))),
        u64::from_be_bytes(facts),
        high(source),
        low(source),
        high(destination),
        low(destination),
        deadline.as_nanos(),
        two(parent.slot, ports(parent.key.endpoints.ports[0], parent.key.endpoints.ports[1])),
        parent.created.as_millis() & CREATED | reads << READS,
        high(lower),
        low(lower),
        high(upper),
        low(upper),
        two(parent.life.place, parent.life.number),
    ]
}

/// The expectation; nothing meaningful if the words are not those of one publication.
pub(super) fn unpack(words: &[u64; WORDS]) -> Expectation {
    let [
        _,
        place,
        facts,
        source_high,
        source_low,
        destination_high,
        destination_low,
        deadline,
        slot,
        created,
        lower_high,
        lower_low,
        upper_high,
        upper_low,
        life,
    ] = *words;
    let [
        protocol,
        gateway,
        in_port,
        parent_in_port,
        parent_protocol,
        flags,
        worker_high,
        worker_low,
    ] = facts.to_be_bytes();
    let [context, child_ports] = apart(place);
    let [destination_port, source_port] = ports_of(child_ports);
    let [slot, parent_ports] = apart(slot);
    let [place, number] = apart(life);
    let context = Context::from_bits(context);
    let [lower, upper] = [wide(lower_high, lower_low), wide(upper_high, upper_low)];
    let addresses = if flags & PARENT_V6 == 0 {
        Addresses::V4([narrow(lower), narrow(upper)])
    } else {
        Addresses::V6([lower, upper])
    };
    let key = Key {
        context,
        protocol: parent_protocol,
        endpoints: Endpoints { addresses, ports: ports_of(parent_ports) },
    };
    Expectation {
        context,
        protocol,
        source: address(wide(source_high, source_low), flags & SOURCE_V6 != 0),
        source_port: (source_port != 0).then_some(source_port),
        destination: address(wide(destination_high, destination_low), flags & DESTINATION_V6 != 0),
        destination_port,
        deadline: Time::from_nanos(deadline),
        in_port,
        gateway,
        reads: created.to_be_bytes()[1].checked_sub(1),
        standing: flags & STANDING != 0,
        parent: Parent {
            worker: u16::from_be_bytes([worker_high, worker_low]),
            slot,
            created: Time::from_millis(created & CREATED),
            life: Life { place, number },
            key,
            initiator: Side(u8::from(flags & UPPER_INITIATES != 0)),
            in_port: parent_in_port,
        },
    }
}

const fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(bits: u128, v6: bool) -> IpAddr {
    if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4(narrow(bits).into()) }
}

#[expect(clippy::cast_possible_truncation, reason = "an IPv4 address stands in the lowest 32 bits")]
const fn narrow(bits: u128) -> u32 {
    bits as u32
}

const fn high(wide: u128) -> u64 {
    (wide >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "each half is what is wanted")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

fn wide(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

fn two(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[expect(clippy::cast_possible_truncation, reason = "each half is what is wanted")]
const fn apart(word: u64) -> [u32; 2] {
    [(word >> 32) as u32, word as u32]
}

fn ports(first: u16, second: u16) -> u32 {
    u32::from(first) << 16 | u32::from(second)
}

const fn ports_of(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}
