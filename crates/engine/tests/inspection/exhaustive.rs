//! All short sequences of TCP segments, through the whole path: what passes, and that each session has its timer.

use engine::{Direction, Limits, Verdict};
use std::time::Duration;
use testkit::packet::flags::{ACK, FIN_ACK, PSH_ACK, RST, SYN, SYN_ACK};
use testkit::packet::{Frame, TCP, Tcp};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{SERVER, swapped};

/// How long the sequences are.
const SEGMENTS: u32 = 4;
/// Each kind of segment from either side, the numbers being right or far from it.
const KINDS: [(u8, usize); 6] =
    [(SYN, 0), (SYN_ACK, 0), (ACK, 0), (PSH_ACK, 10), (FIN_ACK, 0), (RST, 0)];
/// How many different segments there are.
const ALPHABET: usize = KINDS.len() * 2 * 2;

/// A segment of the alphabet, in the conversation of this client.
#[derive(Clone, Copy)]
struct Letter {
    flags: u8,
    data: usize,
    outward: bool,
    in_window: bool,
}

impl Letter {
    const fn of(number: usize) -> Self {
        let (flags, data) = KINDS[number / 4];
        Self { flags, data, outward: number & 1 == 0, in_window: number & 2 == 0 }
    }

    fn frame(self, client: &str) -> Frame {
        let (own, other) = if self.outward { (1000_u32, 5000_u32) } else { (5000, 1000) };
        let first = u32::from(self.flags != SYN && self.flags != SYN_ACK);
        let far = if self.in_window { 0 } else { 1 << 30 };
        let tcp = Tcp {
            flags: self.flags,
            sequence: own.wrapping_add(first).wrapping_add(far),
            acknowledgement: other + 1,
            payload: vec![b'x'; self.data],
            ..TCP
        };
        if self.outward {
            Frame::tcp(client, SERVER, tcp)
        } else {
            swapped(Frame::tcp(SERVER, client, tcp))
        }
    }
}

/// What passed of one conversation.
#[derive(Clone, Default)]
struct Passed(Vec<(Direction, Letter)>);

impl Passed {
    /// Whether a SYN, its SYN-ACK and the ACK of that passed, or the SYNs of both and what acknowledges each: by a slow
    /// reading that knows no state.
    fn has_handshake(&self) -> bool {
        use Direction::{Original, Reply};
        let first = |from: usize, direction, fits: &dyn Fn(&Letter) -> bool| {
            let mut rest = self.0.iter().enumerate().skip(from);
            rest.find(|(_, (sender, letter))| *sender == direction && fits(letter))
                .map(|(at, _)| at)
        };
        let acks = |letter: &Letter| letter.flags & ACK != 0 && letter.in_window;
        let Some(syn) = first(0, Original, &|letter| letter.flags == SYN) else { return false };
        let by_syn_ack = first(syn, Reply, &|letter| letter.flags == SYN_ACK);
        let by_syn = first(syn, Reply, &|letter| letter.flags == SYN);
        by_syn_ack.is_some_and(|at| first(at, Original, &acks).is_some())
            || by_syn.is_some_and(|at| {
                first(at, Original, &acks).is_some() && first(syn, Reply, &acks).is_some()
            })
    }
}

/// Strict, every sequence a conversation of its own, all at the same time, a segment of each in turn.
#[test]
fn every_short_sequence_keeps_to_the_handshake_and_has_its_timer() {
    let count = ALPHABET.pow(SEGMENTS);
    let mut plan = Plan::new();
    let room = u32::try_from(count * 2).expect("small");
    plan.limits = Limits::new(room, room);
    let mut rig = Rig::new(1, &plan.snapshot());
    let mut passed = vec![Passed::default(); count];
    let [mut through, mut established] = [0, 0];
    for step in 0..SEGMENTS {
        let now = rig.now() + Duration::from_millis(1);
        for (conversation, passed) in passed.iter_mut().enumerate() {
            let letter = Letter::of(conversation / ALPHABET.pow(step) % ALPHABET);
            let [_, high, middle, low] = u32::try_from(conversation).expect("small").to_be_bytes();
            let client = format!("10.{high}.{middle}.{low}:40000");
            let port = if letter.outward { INSIDE } else { OUTSIDE };
            let fates = rig.receive(now, port, letter.frame(&client).bytes());
            let [fate] = &fates[..] else { panic!("one frame, one fate: {fates:?}") };
            if fate.judgement.verdict != Verdict::Forward {
                continue;
            }
            let direction = fate.judgement.direction.expect("a session's");
            assert_eq!(direction == Direction::Original, letter.outward, "strangers open nothing");
            if direction == Direction::Reply {
                let opened = passed.0.iter().any(|(sender, _)| *sender == Direction::Original);
                assert!(opened, "a reply to nothing passed: {conversation}, {step}");
            }
            passed.0.push((direction, letter));
            through += 1;
            let state = fate.judgement.state.expect("a session's");
            let before = ["syn_sent", "simultaneous_open", "syn_received", "closed"];
            if !before.contains(&state) {
                established += 1;
                assert!(
                    passed.has_handshake(),
                    "{state} without a handshake: {conversation}, {step}"
                );
            }
        }
        // One timer a session, one session a key, gauges by state.
        rig.check();
    }
    rig.check_all_ends();
    println!("{count} sequences, {through} segments passed, {established} past the handshake");
    assert!(through > 100_000 && established > 200);
}
