//! How many sessions there may be.

use engine::Limits;
use policy::{Action, Rule};
use testkit::packet::Frame;
use testkit::packet::flags::{ACK, SYN, SYN_ACK};

use crate::harness::{INSIDE, Plan, Rig};
use crate::transcript::{SERVER, Step, down, inside, outside, play, segment, swapped, up};

fn limited(max: u32, per_source: u32) -> Plan {
    let mut plan = Plan::new();
    plan.limits = Limits { max, per_source };
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
