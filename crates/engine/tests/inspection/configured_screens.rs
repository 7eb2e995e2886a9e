//! `[screens]`: options of the network header, and checksums of the transport.

use policy::{Checksums, Ipv4Options, Ipv6Options, Permission};
use testkit::packet::flags::SYN;
use testkit::packet::{
    Checksum, Extension, Frame, ICMPV6, Icmp, Icmpv6, Ipv4, Ipv6, Tcp, Transport, Udp, fragment_v4,
    fragment_v6,
};

use crate::harness::{INSIDE, Plan, Rig};
use crate::transcript::{CLIENT, CLIENT6, SERVER, SERVER6, Step, inside, play, up};

/// One ping a case: it has its identifier to itself.
fn v4(options: &[u8], identifier: u16) -> Frame {
    let ping = Frame::echo_request("10.0.0.1", "192.0.2.1", identifier, 1);
    ping.map_ipv4(|ip| Ipv4 { options: options.to_vec(), ..ip })
}

fn v6(extensions: Vec<Extension>, identifier: u16) -> Frame {
    let ping = Frame::echo_request("2001:db8:1::1", "2001:db8:2::1", identifier, 1);
    ping.map_ipv6(|ip| Ipv6 { extensions, ..ip })
}

const RECORD: [u8; 7] = [7, 7, 4, 0, 0, 0, 0];
const TIMES: [u8; 8] = [68, 8, 5, 0, 0, 0, 0, 0];
const ALERT: [u8; 4] = [148, 4, 0, 0];
const STREAM: [u8; 4] = [136, 4, 0, 1];
const UNKNOWN: [u8; 4] = [222, 4, 1, 2];
const LOOSE: [u8; 7] = [131, 7, 4, 1, 2, 3, 4];
const STRICT: [u8; 7] = [137, 7, 4, 1, 2, 3, 4];
const ALERT6: [u8; 4] = [5, 2, 0, 0];
const UNKNOWN6: [u8; 4] = [0x1e, 2, 0, 0];

/// Source routes, and nothing else, are dropped unless the file says otherwise; and every option has its own word.
#[test]
fn options_of_ipv4_have_a_word_each() {
    use Permission::{Allow, Drop};
    let cases: [(&[u8], _); 7] = [
        (&LOOSE, "source_route"),
        (&STRICT, "source_route"),
        (&RECORD, "ip_option_record"),
        (&TIMES, "ip_option_record"),
        (&ALERT, "ip_option_router_alert"),
        (&STREAM, "ip_option_other"),
        (&UNKNOWN, "ip_option_other"),
    ];
    let none =
        Ipv4Options { source_route: Allow, record: Allow, router_alert: Allow, other: Allow };
    let words = [
        (Plan::new().screens.ipv4_options, "source_route"),
        (none, ""),
        (Ipv4Options { record: Drop, ..none }, "ip_option_record"),
        (Ipv4Options { router_alert: Drop, ..none }, "ip_option_router_alert"),
        (Ipv4Options { other: Drop, ..none }, "ip_option_other"),
    ];
    for (ipv4_options, refused) in words {
        let mut plan = Plan::new();
        plan.screens.ipv4_options = ipv4_options;
        let mut rig = Rig::new(1, &plan.snapshot());
        for (number, (options, name)) in (1_u16..).zip(cases) {
            let octets = v4(options, number).bytes();
            let fates = rig.receive(rig.now(), INSIDE, octets);
            let found = fates[0].judgement.verdict.reason().map_or("", |reason| reason.name());
            let expected = if name == refused { name } else { "" };
            assert_eq!(found, expected, "{ipv4_options:?}, option {}", options[0]);
        }
        rig.check();
    }
}

#[test]
fn options_of_ipv6_have_a_word_each() {
    let hop = |options: &[u8]| vec![Extension::HopByHop(options.to_vec())];
    let destination = |options: &[u8]| vec![Extension::Destination(options.to_vec())];
    let mut plan = Plan::new();
    play(
        &plan,
        &[
            inside(0.0, &v6(hop(&ALERT6), 1), "forward original query s0 new"),
            inside(0.0, &v6(hop(&UNKNOWN6), 2), "forward original query s1 new"),
            inside(0.0, &v6(destination(&UNKNOWN6), 3), "forward original query s2 new"),
        ],
    );
    plan.screens.ipv6_options =
        Ipv6Options { router_alert: Permission::Drop, other: Permission::Drop };
    play(
        &plan,
        &[
            inside(0.0, &v6(hop(&ALERT6), 1), "drop ip_option_router_alert"),
            inside(0.0, &v6(hop(&UNKNOWN6), 2), "drop ip_option_other"),
            inside(0.0, &v6(destination(&UNKNOWN6), 3), "drop ip_option_other"),
            inside(0.0, &v6(hop(&[]), 4), "forward original query s0 new"),
        ],
    );
}

/// Options behind the fragment header are seen once the datagram is whole.
#[test]
fn options_in_the_fragmentable_part_are_screened() {
    let big = Frame::udp(CLIENT6, SERVER6, vec![7; 600]);
    let whole = big
        .map_ipv6(|ip| Ipv6 { extensions: vec![Extension::Destination(UNKNOWN6.to_vec())], ..ip });
    let pieces = fragment_v6(&whole, 3, &[304]);
    let steps =
        |last| [inside(0.0, &pieces[0], last), inside(0.1, &pieces[1], last), Step::Held(0.2, 0)];
    let mut plan = Plan::new();
    plan.screens.ipv6_options.other = Permission::Drop;
    play(&plan, &steps("drop ip_option_other"));
}

/// Group management must alert routers, and does whatever the word on that.
#[test]
fn group_management_may_alert_routers() {
    let report = Icmpv6 { kind: 131, payload: vec![0; 16], rest: [0; 4], ..ICMPV6 };
    let mld = Frame::ip("fe80::1", "ff02::1", Transport::Icmpv6(report)).map_ipv6(|ip| Ipv6 {
        hop_limit: 1,
        extensions: vec![Extension::HopByHop(ALERT6.to_vec())],
        ..ip
    });
    let igmp = Frame::ip("10.0.0.1", "224.0.0.22", Transport::Raw(2, vec![0x22; 16]))
        .map_ipv4(|ip| Ipv4 { options: ALERT.to_vec(), ttl: 1, ..ip });
    let mut plan = Plan::new();
    plan.screens.ipv4_options.router_alert = Permission::Drop;
    plan.screens.ipv6_options.router_alert = Permission::Drop;
    play(
        &plan,
        &[
            inside(0.0, &mld, "forward"),
            inside(0.0, &igmp, "forward original one_way s0 new"),
            inside(0.0, &v4(&ALERT, 1), "drop ip_option_router_alert"),
        ],
    );
}

fn broken(frame: Frame) -> Frame {
    frame.map_transport(|transport| {
        let checksum = Checksum::Broken;
        match transport {
            Transport::Tcp(tcp) => Transport::Tcp(Tcp { checksum, ..tcp }),
            Transport::Udp(udp) => Transport::Udp(Udp { checksum, ..udp }),
            Transport::Icmp(icmp) => Transport::Icmp(Icmp { checksum, ..icmp }),
            Transport::Icmpv6(icmp) => Transport::Icmpv6(Icmpv6 { checksum, ..icmp }),
            other => other,
        }
    })
}

fn verifying() -> Plan {
    let mut plan = Plan::new();
    plan.screens.checksums = Checksums::Verify;
    plan
}

#[test]
fn checksums_are_verified_where_policy_asks() {
    let udp = |client, server| Frame::udp(client, server, "odd");
    let without = |frame: Frame| {
        frame.map_transport(|transport| match transport {
            Transport::Udp(udp) => Transport::Udp(Udp { checksum: Checksum::Value(0), ..udp }),
            other => other,
        })
    };
    let ping = |source, destination| Frame::echo_request(source, destination, 1, 1);
    let (ping4, ping6) = (ping("10.0.0.1", "192.0.2.1"), ping("2001:db8:1::1", "2001:db8:2::1"));
    let syn = up(SYN, 1, 0, 0);
    play(
        &verifying(),
        &[
            inside(0.0, &broken(syn.clone()), "drop tcp_checksum"),
            inside(0.0, &broken(udp(CLIENT, SERVER)), "drop udp_checksum"),
            inside(0.0, &broken(udp(CLIENT6, SERVER6)), "drop udp_checksum"),
            inside(0.0, &broken(ping4.clone()), "drop icmp_checksum"),
            inside(0.0, &broken(ping6.clone()), "drop icmp_checksum"),
            inside(0.0, &syn, "forward original syn_sent s0 new"),
            inside(0.0, &udp(CLIENT, SERVER).padded_to(60), "forward original first s1 new"),
            inside(0.0, &udp(CLIENT6, SERVER6), "forward original first s2 new"),
            inside(0.0, &ping4, "forward original query s3 new"),
            inside(0.0, &ping6, "forward original query s4 new"),
            // None was computed: right over IPv4 (RFC 768).
            inside(0.0, &without(udp(CLIENT, SERVER)), "forward original one_way s1"),
            inside(0.0, &without(udp(CLIENT6, SERVER6)), "drop udp_zero_checksum"),
        ],
    );
    // The receiving host looks at what the box does not.
    play(
        &Plan::new(),
        &[
            inside(0.0, &broken(syn), "forward original syn_sent s0 new"),
            inside(0.0, &broken(udp(CLIENT6, SERVER6)), "forward original first s1 new"),
            inside(0.0, &without(udp(CLIENT6, SERVER6)), "drop udp_zero_checksum"),
        ],
    );
    let mut plan = Plan::new();
    plan.screens.udp6_zero_checksum = Permission::Allow;
    play(&plan, &[inside(0.0, &without(udp(CLIENT6, SERVER6)), "forward original first s0 new")]);
}

/// A datagram in fragments is summed over all of them.
#[test]
fn checksums_of_datagrams_in_fragments_are_verified() {
    let datagram = |client, server| Frame::udp(client, server, vec![0x5a; 2001]);
    let cut4: fn(&Frame) -> Vec<Frame> = |frame| fragment_v4(frame, &[808, 1600]);
    let cut6: fn(&Frame) -> Vec<Frame> = |frame| fragment_v6(frame, 5, &[808, 1600]);
    for (client, server, cut) in [(CLIENT, SERVER, cut4), (CLIENT6, SERVER6, cut6)] {
        let whole = datagram(client, server);
        for (frame, expected) in
            [(whole.clone(), "forward original first s0"), (broken(whole), "drop udp_checksum")]
        {
            let pieces = cut(&frame);
            let mut plan = verifying();
            let mut rig = Rig::new(2, &plan.snapshot());
            let fates: Vec<_> = [1, 2, 0]
                .into_iter()
                .flat_map(|index: usize| rig.receive(rig.now(), INSIDE, pieces[index].bytes()))
                .collect();
            assert_eq!(fates.len(), 3);
            for fate in &fates {
                let found = crate::transcript::outcome(fate);
                assert!(found.starts_with(expected), "{client}: {found}");
            }
            rig.check();
        }
    }
}

/// What a capture on a host shows before its NIC has filled in checksums is no fault.
#[test]
fn captures_are_trusted() {
    let mut plan = verifying();
    let mut cluster = engine::Cluster::new(1, &plan.snapshot());
    cluster.receive(engine::Time::ZERO, 0, INSIDE, broken(up(SYN, 1, 0, 0)).bytes());
    let fates: Vec<_> = cluster.fates().collect();
    assert_eq!(crate::transcript::outcome(&fates[0]), "forward original syn_sent s0 new");
}
