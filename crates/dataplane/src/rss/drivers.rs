//! What is planned for the drivers of common NICs, by the figures that they report in DPDK 22.11.
//!
//! The figures were read in the drivers' sources (22.11.11, `drivers/net`); where hardware decides, as the commonest
//! has it. "Steering, by driver" in ARCHITECTURE.md says which of them have run.

use super::*;
use test_case::test_case;

const IPV4: RssTypes = RssTypes::IPV4;
const IPV6: RssTypes = RssTypes::IPV6;

const fn all(types: &[RssTypes]) -> RssTypes {
    let mut sum = RssTypes::NONE;
    let mut index = 0;
    while index < types.len() {
        sum = sum.with(types[index]);
        index += 1;
    }
    sum
}

const TCP: RssTypes = all(&[RssTypes::IPV4_TCP, RssTypes::IPV6_TCP]);
const UDP: RssTypes = all(&[RssTypes::IPV4_UDP, RssTypes::IPV6_UDP]);
const FRAGMENTS: RssTypes = all(&[RssTypes::FRAGMENT_IPV4, RssTypes::FRAGMENT_IPV6]);
const OTHER: RssTypes = all(&[RssTypes::IPV4_OTHER, RssTypes::IPV6_OTHER]);
/// What most devices beside Intel's larger ones have.
const COMMON: RssTypes = all(&[IPV4, IPV6, TCP, UDP]);

fn device(driver: &str, types: RssTypes, key_len: u8, table_len: u16) -> Abilities {
    Abilities { driver: driver.into(), types, key_len, table_len }
}

fn i40e() -> Abilities {
    let types = RssTypes::ALL_IP.without(IPV4 | IPV6);
    device("net_i40e", types, 52, 512)
}

fn ice() -> Abilities {
    device("net_ice", RssTypes::ALL_IP, 52, 512)
}

/// A virtual function of i40e; the figures come from its PF.
fn iavf() -> Abilities {
    device("net_iavf", RssTypes::ALL_IP, 52, 64)
}

fn ixgbe(table_len: u16) -> Abilities {
    device("net_ixgbe", COMMON, 40, table_len)
}

fn igb() -> Abilities {
    device("net_e1000_igb", COMMON | RssTypes::IPV6_EXTENDED, 40, 128)
}

/// After it was configured: with a power of two of queues its table has as many entries, else the device's most.
fn mlx5(table_len: u16) -> Abilities {
    device("mlx5_pci", COMMON | FRAGMENTS | OTHER, 40, table_len)
}

fn ena() -> Abilities {
    device("net_ena", TCP | UDP, 40, 128)
}

fn virtio(types: RssTypes, key_len: u8, table_len: u16) -> Abilities {
    device("net_virtio", types, key_len, table_len)
}

/// When it runs; before, it says neither length.
fn vmxnet3(types: RssTypes) -> Abilities {
    device("net_vmxnet3", types, 0, 64)
}

/// Of the chips before P5 and after; the latter have 64 entries for each 64 queues begun.
fn bnxt(table_len: u16) -> Abilities {
    device("net_bnxt", COMMON, 40, table_len)
}

fn none() -> Abilities {
    device("net_af_packet", RssTypes::NONE, 0, 0)
}

fn plan(abilities: &Abilities, workers: u16) -> Plan {
    Plan::new(abilities, QueuePlan { rx: workers, tx: workers, first: 0 }, workers)
}

fn left(plan: &Plan) -> Vec<&'static str> {
    plan.left.iter().map(|kind| kind.name).collect()
}

const NOTHING: &[&str] = &[];
const SCTP: &[&str] = &["sctp over ipv4", "sctp over ipv6"];
const UDP_AND_SCTP: &[&str] =
    &["udp over ipv4", "sctp over ipv4", "udp over ipv6", "sctp over ipv6"];

#[test_case(&i40e(), 4, SCTP; "i40e: SCTP by its tag")]
#[test_case(&ice(), 4, NOTHING; "ice")]
#[test_case(&iavf(), 4, SCTP; "iavf")]
#[test_case(&ixgbe(128), 4, SCTP; "82599")]
#[test_case(&ixgbe(512), 3, SCTP; "X550")]
#[test_case(&ixgbe(64), 2, SCTP; "X550, virtual function")]
#[test_case(&igb(), 4, SCTP; "igb")]
#[test_case(&mlx5(4), 4, SCTP; "mlx5, as many entries as queues")]
#[test_case(&mlx5(512), 3, SCTP; "mlx5, three queues")]
#[test_case(&virtio(COMMON, 40, 128), 4, SCTP; "virtio that offers RSS")]
#[test_case(&vmxnet3(COMMON), 2, SCTP; "vmxnet3 of version 4")]
#[test_case(&vmxnet3(COMMON.without(UDP)), 2, UDP_AND_SCTP; "vmxnet3 of an older version")]
#[test_case(&bnxt(128), 3, SCTP; "bnxt")]
#[test_case(&bnxt(64), 4, SCTP; "bnxt, P5")]
fn hardware_steers(abilities: &Abilities, workers: u16, to_software: &[&str]) {
    let plan = plan(abilities, workers);
    assert_eq!(plan.steers, Ok(()));
    assert_eq!(left(&plan), to_software);
    let ask = plan.ask.unwrap();
    let length = if abilities.key_len == 0 { 40 } else { usize::from(abilities.key_len) };
    assert_eq!(ask.key.as_bytes(), [0x6d, 0x5a].repeat(length / 2));
    let extended = abilities.types & RssTypes::IPV6_EXTENDED;
    assert_eq!(ask.types, RssTypes::ALL_IP | extended);
    assert_eq!(plan.table.unwrap().len(), usize::from(abilities.table_len));
}

#[test_case(&ena(), 2, SoftwareReason::UnprovenHash, true, true; "ena")]
#[test_case(&ixgbe(0), 2, SoftwareReason::NoTable, true, false; "82599, virtual function")]
#[test_case(&iavf(), 3, SoftwareReason::TableLength(64), true, true; "iavf, three workers")]
#[test_case(&bnxt(64), 5, SoftwareReason::TableLength(64), true, true; "bnxt, P5, five workers")]
#[test_case(&virtio(RssTypes::NONE, 0, 0), 2, SoftwareReason::NoHash, false, false; "virtio without RSS")]
#[test_case(&vmxnet3(COMMON), 3, SoftwareReason::TableLength(64), true, true; "vmxnet3, three workers")]
#[test_case(&device("net_vmxnet3", COMMON, 0, 0), 2, SoftwareReason::NoTable, true, false; "vmxnet3 before it runs")]
#[test_case(&device("net_ice", RssTypes::NONE, 52, 512), 2, SoftwareReason::NoHash, false, false; "ice in safe mode")]
#[test_case(&none(), 2, SoftwareReason::NoHash, false, false; "af_packet, af_xdp, memif, ring, pcap")]
#[test_case(&device("net_new", COMMON, 16, 128), 2, SoftwareReason::KeyLength(16), false, false; "a key too short for IPv6")]
#[test_case(&device("net_new", RssTypes::IPV4_TCP, 52, 100), 3, SoftwareReason::TableLength(100), true, true; "a table of 100 for three")]
fn software_steers(
    abilities: &Abilities,
    workers: u16,
    why: SoftwareReason,
    hash: bool,
    table: bool,
) {
    let plan = plan(abilities, workers);
    assert_eq!(plan.steers, Err(why));
    assert_eq!((plan.ask.is_some(), plan.table.is_some()), (hash, table));
}

#[test]
fn fewer_queues_than_workers_are_spread_over_and_steered_in_software() {
    let plan = |rx| Plan::new(&igb(), QueuePlan { rx, tx: rx, first: 0 }, 3);
    assert_eq!(plan(3).steers, Ok(()));
    assert_eq!(plan(2).steers, Err(SoftwareReason::FewerQueues));
    assert!(plan(2).table.unwrap().iter().all(|&queue| queue < 2));
    assert_eq!(plan(1).steers, Err(SoftwareReason::OneQueue));
    assert_eq!(plan(1).ask, None, "with one queue there is nothing to spread over");
}

#[test]
fn a_table_of_another_length_serves_where_every_hash_finds_its_owner() {
    let serves =
        |length, workers| plan(&device("net_new", COMMON, 40, length), workers).steers.is_ok();
    let serving = |length| (2..=8).filter(|&workers| serves(length, workers)).collect::<Vec<u16>>();
    assert_eq!(serving(128), [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(serving(512), [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(serving(64), [2, 4, 8]);
    assert_eq!(serving(192), [2, 4, 8]);
    assert_eq!(serving(6), [2]);
    assert_eq!(serving(7), [0; 0]);
}

fn granted(key: Readback, table: Readback) -> RssGrant {
    let Plan { left, .. } = plan(&igb(), 2);
    let (asked, granted) = (RssTypes::ALL_IP, COMMON);
    RssGrant { key_len: 40, key, asked, granted, table_len: 128, table, left }
}

#[test_case(Some(true), Readback::Same, Readback::Same, Ok(()); "all is as it was written")]
#[test_case(Some(true), Readback::Untold, Readback::Untold, Ok(()); "a driver that reads nothing back")]
#[test_case(Some(false), Readback::Same, Readback::Same, Ok(()); "a fixed table that is the right one")]
#[test_case(Some(false), Readback::Same, Readback::Untold, Err(SoftwareReason::TableRefused); "a fixed table of which nothing is known")]
#[test_case(Some(false), Readback::Same, Readback::Differs, Err(SoftwareReason::TableRefused); "a fixed table")]
#[test_case(Some(true), Readback::Same, Readback::Differs, Err(SoftwareReason::TableDiffers); "a table that was taken and is not there")]
#[test_case(Some(true), Readback::Differs, Readback::Same, Err(SoftwareReason::KeyDiffers); "a key of its own")]
#[test_case(None, Readback::Same, Readback::Untold, Err(SoftwareReason::NoTable); "no table")]
fn what_is_read_back_counts(
    written: Option<bool>,
    key: Readback,
    table: Readback,
    proven: Result<(), SoftwareReason>,
) {
    assert_eq!(granted(key, table).proven(written), proven);
}

#[test]
fn what_was_asked_and_granted_is_said_in_words() {
    let rss = granted(Readback::Same, Readback::Untold);
    assert_eq!(
        Steering::Hardware(rss.clone()).to_string(),
        "hardware: key of 40 octets (same), table of 128 (untold), granted ipv4 ipv4_tcp ipv4_udp ipv6 ipv6_tcp \
         ipv6_udp, not granted fragment_ipv4 ipv4_sctp ipv4_other fragment_ipv6 ipv6_sctp ipv6_other, left to \
         software: sctp over ipv4; sctp over ipv6"
    );
    let software = Steering::Software { reason: SoftwareReason::TableRefused, rss: Some(rss) };
    assert!(
        software.to_string().starts_with(
            "software: the device's redirection table cannot be written; key of 40 octets (same), "
        ),
        "{software}"
    );
}
