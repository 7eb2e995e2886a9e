//! How many sessions there may be.

use core::num::NonZeroU32;

use engine::{EventKind, Limits};
use policy::{Action, LogWhen, Rule, RuleLimits};
use testkit::packet::Frame;
use testkit::packet::flags::{ACK, SYN, SYN_ACK};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{SERVER, Step, change, down, inside, outside, play, segment, swapped, up};

fn limited(max: u32, per_source: u32) -> Plan {
    let mut plan = Plan::new();
    plan.limits = Limits::new(max, per_source);
    plan
}

fn from(source: &str) -> Frame {
    Frame::udp(source, "192.0.2.53:53", "x")
}

#[test]
fn one_source_has_its_number_of_sessions() {
    // One worker: a limit per source is per shard, so more of them let more in.
    crate::transcript::play_with(
        1,
        &limited(100, 2),
        &[
            inside(0.0, &from("10.0.0.1:1"), "forward original first s0 new"),
            inside(0.1, &from("10.0.0.1:2"), "forward original first s1 new"),
            inside(0.2, &from("10.0.0.1:3"), "drop source_limit"),
            inside(0.3, &from("10.0.0.2:1"), "forward original first s2 new"),
            inside(0.4, &from("10.0.0.1:1"), "forward original one_way s0"),
            // Whoever ends makes room.
            Step::Sessions(31.0, 0),
            inside(31.0, &from("10.0.0.1:3"), "forward original first s3 new"),
        ],
    );
}

#[test]
fn a_full_table_refuses_and_recovers() {
    let answer = |to: &str| swapped(Frame::udp("192.0.2.53:53", to, "y"));
    crate::transcript::play_with(
        1,
        &limited(2, 2),
        &[
            inside(0.0, &from("10.0.0.1:1"), "forward original first s0 new"),
            outside(0.1, &answer("10.0.0.1:1"), "forward reply stream s0"),
            inside(1.0, &from("10.0.0.2:1"), "forward original first s1 new"),
            outside(1.1, &answer("10.0.0.2:1"), "forward reply stream s1"),
            inside(2.0, &from("10.0.0.3:1"), "drop table_full"),
            outside(2.1, &answer("10.0.0.1:1"), "forward reply stream s0"),
            // In a full table a stream has 12 s.
            inside(13.6, &from("10.0.0.3:1"), "forward original first s2 new"),
        ],
    );
}

/// Where room for IPv6 is less than for all, an IPv6 session that finds none takes the place of an IPv6 one; conversations are
/// not evicted for it, and IPv4 is not concerned.
#[test]
fn ipv6_has_room_of_its_own() {
    let ask = |number: u32| {
        Frame::udp(format!("[2001:db8:1::{number}]:1").as_str(), "[2001:db8::9]:9", "x")
    };
    let answer = |number: u32| {
        swapped(Frame::udp("[2001:db8::9]:9", format!("[2001:db8:1::{number}]:1").as_str(), "y"))
    };
    let mut plan = limited(10, 10);
    plan.limits.ipv6 = 2;
    crate::transcript::play_with(
        1,
        &plan,
        &[
            inside(0.0, &from("10.0.0.1:1"), "forward original first s0 new"),
            inside(1.0, &ask(1), "forward original first s1 new"),
            outside(1.1, &answer(1), "forward reply stream s1"),
            inside(2.0, &ask(2), "forward original first s2 new"),
            inside(3.0, &ask(3), "forward original first s3 new"),
            inside(3.1, &from("10.0.0.1:1"), "forward original one_way s0"),
            outside(3.2, &answer(2), "drop session_evicted"),
            outside(3.3, &answer(3), "forward reply stream s3"),
            inside(4.0, &ask(4), "drop ipv6_table_full"),
            inside(4.1, &from("10.0.0.2:1"), "forward original first s4 new"),
            Step::Sessions(130.0, 0),
            inside(130.0, &ask(4), "forward original first s5 new"),
        ],
    );
}

/// The successor of a session takes its place, even if there is no other.
#[test]
fn reopening_needs_no_room() {
    crate::transcript::play_with(
        1,
        &limited(1, 1),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
            outside(
                0.3,
                &down(testkit::packet::flags::RST_ACK, 5001, 1001, 0),
                "forward reply closed s0",
            ),
            inside(0.4, &up(SYN, 90_000, 0, 0), "forward original syn_sent s1 new"),
        ],
    );
}

/// What is refused for a limit leaves the session whose place it would have taken as it is.
#[test]
fn a_refused_successor_changes_nothing() {
    let mut plan = limited(10, 1);
    plan.policy.rules = vec![Rule::any("all", Action::Allow)];
    let busy = swapped(segment(SERVER, "10.0.0.9:9", SYN, 1, 0, 0));
    crate::transcript::play_with(
        1,
        &plan,
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(
                0.1,
                &down(testkit::packet::flags::RST_ACK, 0, 1001, 0),
                "forward reply closed s0",
            ),
            // The server has its one session elsewhere.
            outside(0.2, &busy, "forward original syn_sent s1 new"),
            outside(0.3, &down(SYN, 7000, 0, 0), "drop source_limit"),
            Step::Sessions(0.4, 2),
            inside(0.5, &up(SYN, 90_000, 0, 0), "forward original syn_sent s2 new"),
        ],
    );
}

/// A scan fills the table, and nothing but time is needed to empty it.
#[test]
fn a_scan_does_no_lasting_harm() {
    let mut plan = limited(1000, 1000);
    let mut rig = Rig::new(2, &plan.snapshot());
    for port in 1..=3000_u16 {
        let frame = segment("10.0.0.1:40000", &format!("192.0.2.1:{port}"), SYN, 1, 0, 0);
        rig.receive(rig.now() + std::time::Duration::from_micros(10), INSIDE, frame.bytes());
    }
    rig.check();
    assert_eq!(rig.sessions(), 2000, "both shards are full");
    rig.advance(rig.now() + std::time::Duration::from_millis(10_600));
    rig.check();
    assert_eq!(rig.sessions(), 0);
    play(&plan, &[inside(0.0, &up(SYN, 1, 0, 0), "forward original syn_sent s0 new")]);
}

/// A plan whose only rule has these limits.
fn with_rule_limits(limits: RuleLimits) -> Plan {
    let mut plan = limited(1000, 1000);
    plan.policy.rules[0].limits = limits;
    plan
}

#[test]
fn a_rule_allows_its_number_of_sessions() {
    let mut plan =
        with_rule_limits(RuleLimits { sessions: NonZeroU32::new(2), ..RuleLimits::NONE });
    plan.policy.rules[0].log = LogWhen::End;
    let other = Rule { name: "second".to_owned(), ..plan.policy.rules[0].clone() };
    let steps = [
        inside(0.0, &from("10.0.0.1:1"), "forward original first s0 new"),
        inside(0.1, &from("10.0.0.2:1"), "forward original first s1 new"),
        inside(0.2, &from("10.0.0.3:1"), "drop rule_session_limit"),
        inside(0.3, &from("10.0.0.1:1"), "forward original one_way s0"),
        // Another rule has its own.
        change(0.4, move |plan| plan.policy.rules.insert(0, other.clone())),
        Step::Sessions(0.5, 2),
        inside(0.6, &from("10.0.0.3:1"), "drop rule_session_limit"),
        // Whoever ends makes room.
        Step::Sessions(31.0, 0),
        inside(31.0, &from("10.0.0.3:1"), "forward original first s2 new"),
    ];
    let played = crate::transcript::play_with(1, &plan, &steps);
    assert_eq!(played.rule(2), "inside-out", "the rule's word");
    let denied = |kind: &EventKind| matches!(kind, EventKind::Deny { .. });
    assert_eq!(played.events.iter().filter(|event| denied(&event.kind)).count(), 2, "logged");
}

#[test]
fn a_rule_limits_either_end() {
    let to = |source: &str, destination: &str| Frame::udp(source, destination, "x");
    let plan = with_rule_limits(RuleLimits {
        per_source: NonZeroU32::new(2),
        per_destination: NonZeroU32::new(3),
        ..RuleLimits::NONE
    });
    crate::transcript::play_with(
        1,
        &plan,
        &[
            inside(0.0, &to("10.0.0.1:1", "192.0.2.1:9"), "forward original first s0 new"),
            inside(0.1, &to("10.0.0.1:2", "192.0.2.2:9"), "forward original first s1 new"),
            inside(0.2, &to("10.0.0.1:3", "192.0.2.3:9"), "drop rule_source_limit"),
            inside(0.3, &to("10.0.0.2:1", "192.0.2.1:9"), "forward original first s2 new"),
            inside(0.4, &to("10.0.0.3:1", "192.0.2.1:9"), "forward original first s3 new"),
            inside(0.5, &to("10.0.0.4:1", "192.0.2.1:9"), "drop rule_destination_limit"),
            inside(0.6, &to("10.0.0.4:1", "192.0.2.4:9"), "forward original first s4 new"),
            // A reload brings every session under the new policy's count, by packet or by sweep.
            change(1.0, |plan| plan.policy.rules[0].description = "again".to_owned()),
            inside(1.1, &to("10.0.0.5:1", "192.0.2.1:9"), "drop rule_destination_limit"),
            inside(1.2, &to("10.0.0.1:3", "192.0.2.3:9"), "drop rule_source_limit"),
            change(2.0, |plan| plan.policy.rules[0].limits.per_source = None),
            inside(2.1, &to("10.0.0.1:3", "192.0.2.3:9"), "forward original first s5 new"),
            change(3.0, |plan| plan.policy.rules[0].limits.per_source = NonZeroU32::new(4)),
            inside(3.1, &to("10.0.0.1:4", "192.0.2.5:9"), "forward original first s6 new"),
            inside(3.2, &to("10.0.0.1:5", "192.0.2.5:9"), "drop rule_source_limit"),
            Step::Sessions(40.0, 0),
            inside(40.0, &to("10.0.0.4:1", "192.0.2.1:9"), "forward original first s7 new"),
        ],
    );
}

/// A session that ends before the sweep has come to it leaves what it was counted in, which is of another policy: it takes
/// nothing from a count that began without it, and leaves nothing in one that is over.
#[test]
fn an_end_takes_away_only_what_was_counted() {
    use engine::{SessionFilter, Shard, Time, Verdict};
    let mut plan = with_rule_limits(RuleLimits::NONE);
    let shard = Shard::<crate::reload::Bare, _>::new(
        crate::reload::alone(),
        plan.snapshot(),
        &mut session::memory::Heap,
    );
    let mut shard = shard.unwrap_or_else(|never| match never {});
    let now = Time::from_secs(1);
    let mut tray = crate::reload::Tray::default();
    // From one address: the ports that are opened, and those that are refused. Nothing is swept in between.
    let mut open = |shard: &mut Shard<_, _>, ports: std::ops::RangeInclusive<u16>| {
        for port in ports {
            let octets = from(&format!("10.0.0.1:{port}")).bytes();
            let mut burst = engine::Burst::new();
            burst.push(crate::reload::Bare(INSIDE, octets));
            shard.process(now, &mut burst, &mut tray);
        }
        let verdicts = std::mem::take(&mut tray.0);
        verdicts.iter().map(|it| *it == Verdict::Forward).collect::<Vec<_>>()
    };
    let end = |shard: &mut Shard<_, _>, ports: std::ops::RangeInclusive<u16>| {
        for port in ports {
            let filter = SessionFilter { port: Some(port), ..SessionFilter::default() };
            let mut tray = crate::reload::Tray::default();
            assert_eq!(shard.clear(now, 0, 1000, &filter, &mut tray).0, 1, "{port}");
        }
    };
    let mut change = |shard: &mut Shard<_, _>, limit: Option<u32>| {
        let limit = limit.and_then(NonZeroU32::new);
        plan.policy.rules[0].limits =
            RuleLimits { per_source: limit, per_destination: limit, ..RuleLimits::NONE };
        shard.install(plan.snapshot());
    };
    assert_eq!(open(&mut shard, 1001..=1003), [true; 3]);
    // The rule begins to limit.
    change(&mut shard, Some(2));
    assert_eq!(open(&mut shard, 1004..=1004), [true]);
    end(&mut shard, 1001..=1003);
    assert_eq!(open(&mut shard, 1005..=1006), [true, false]);
    // It ceases to, and those that it has counted end.
    change(&mut shard, None);
    assert_eq!(open(&mut shard, 1007..=1008), [true; 2]);
    end(&mut shard, 1004..=1005);
    // It begins again, and the sweep counts who is there.
    change(&mut shard, Some(3));
    assert_eq!(open(&mut shard, 1009..=1009), [true]);
    while shard.tick(now, &mut crate::reload::Tray::default()) {}
    assert_eq!(open(&mut shard, 1010..=1010), [false]);
    end(&mut shard, 1007..=1009);
    assert_eq!(open(&mut shard, 1011..=1014), [true, true, true, false]);
}

fn half_open(zone: Option<u32>, rule: Option<u32>) -> Plan {
    let embryonic = rule.and_then(NonZeroU32::new);
    let mut plan = with_rule_limits(RuleLimits { embryonic, ..RuleLimits::NONE });
    plan.limits.embryonic = vec![zone.and_then(NonZeroU32::new), None];
    plan
}

/// A flood of SYNs takes as many places as its zone or its rule has for handshakes: connections that are there go on,
/// other protocols and other zones are not concerned, and a handshake that completes makes room.
#[test]
fn handshakes_are_limited_by_zone_and_by_rule() {
    let syn = |port: u16| segment(&format!("10.0.0.7:{port}"), SERVER, SYN, 1, 0, 0);
    let backward = Rule::any("all", Action::Allow);
    for (zone, rule, refused) in
        [(Some(2), None, "drop zone_embryonic_limit"), (None, Some(2), "drop rule_embryonic_limit")]
    {
        let mut plan = half_open(zone, rule);
        plan.policy.rules.push(backward.clone());
        crate::transcript::play_with(
            1,
            &plan,
            &[
                inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
                inside(0.1, &syn(1), "forward original syn_sent s1 new"),
                inside(0.2, &syn(2), refused),
                inside(0.2, &up(SYN, 1000, 0, 0), "forward original syn_sent s0"),
                inside(0.3, &from("10.0.0.7:2"), "forward original first s2 new"),
                outside(
                    0.4,
                    &swapped(segment(SERVER, "10.0.0.9:9", SYN, 1, 0, 0)),
                    "forward original syn_sent s3 new",
                ),
                outside(0.5, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
                inside(0.6, &syn(2), refused),
                // A reload counts anew.
                change(0.7, |plan| plan.policy.rules[0].description = "again".to_owned()),
                inside(0.8, &syn(2), refused),
                inside(0.9, &up(ACK, 1001, 5001, 0), "forward original established s0"),
                inside(1.0, &syn(2), "forward original syn_sent s4 new"),
                inside(1.1, &syn(3), refused),
                // Whoever gives up makes room.
                Step::Sessions(10.3, 4),
                inside(10.3, &syn(4), "forward original syn_sent s5 new"),
            ],
        );
    }
}

/// The count that an operator reads in a flood: by zone, down when a handshake completes or is given up, and whole
/// again once the sweep after a reload is through.
#[test]
fn half_open_sessions_are_counted_by_zone() {
    let zones = |rig: &Rig| rig.cluster.shards()[0].half_open().to_vec();
    let mut plan = half_open(None, None);
    plan.policy.rules.push(Rule::any("all", Action::Allow));
    let mut rig = Rig::new(1, &plan.snapshot());
    let give = |rig: &mut Rig, port, frame: &Frame| {
        rig.receive(rig.now() + std::time::Duration::from_millis(100), port, frame.bytes());
        rig.check();
    };
    for port in 1..=3 {
        let syn = segment(&format!("10.0.0.7:{port}"), SERVER, SYN, 1, 0, 0);
        give(&mut rig, INSIDE, &syn);
    }
    give(&mut rig, INSIDE, &up(SYN, 1000, 0, 0));
    give(&mut rig, OUTSIDE, &swapped(segment(SERVER, "10.0.0.9:9", SYN, 1, 0, 0)));
    give(&mut rig, INSIDE, &from("10.0.0.7:9"));
    assert_eq!(zones(&rig), [4, 1]);
    give(&mut rig, OUTSIDE, &down(SYN_ACK, 5000, 1001, 0));
    give(&mut rig, INSIDE, &up(ACK, 1001, 5001, 0));
    assert_eq!(zones(&rig), [3, 1]);
    plan.policy.rules[0].description = "again".to_owned();
    rig.cluster.install(&plan.snapshot());
    assert_eq!(zones(&rig), [0, 0]);
    rig.advance(rig.now() + std::time::Duration::from_millis(100));
    assert_eq!(zones(&rig), [3, 1]);
    rig.check_all_ends();
    assert_eq!(zones(&rig), [0, 0]);
}

/// Limits are the box's: of several shards each has its part, rounded up.
#[test]
fn shards_share_a_limit() {
    use engine::{Shard, ShardConfig, Time};
    let mut plan = half_open(None, None);
    plan.limits = Limits::new(100, 5);
    let config = ShardConfig { share: 2, ..crate::reload::alone() };
    let shard =
        Shard::<crate::reload::Bare, _>::new(config, plan.snapshot(), &mut session::memory::Heap);
    let mut shard = shard.unwrap_or_else(|never| match never {});
    let mut tray = crate::reload::Tray::default();
    let mut admitted = 0;
    for port in 1..=9_u16 {
        let octets = from(&format!("10.0.0.1:{port}")).bytes();
        let mut burst = engine::Burst::new();
        burst.push(crate::reload::Bare(INSIDE, octets));
        shard.process(Time::from_secs(1), &mut burst, &mut tray);
        admitted += u32::from(shard.session_count() > admitted);
    }
    assert_eq!(admitted, 3, "half of five, rounded up");
}
