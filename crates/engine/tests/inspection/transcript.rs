//! A test as a transcript: what comes in when and where, and what is to become of it.
//!
//! Every transcript is played with 1, 2, 3, 4 and 8 workers and must come out the same. On a failure the whole
//! transcript is printed beside what happened.

use std::time::Duration;

use engine::{Event, Fate, PortIndex, Time};
use testkit::packet::{Frame, TCP, Tcp};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};

/// A host inside, with the port that it sends from.
pub(crate) const CLIENT: &str = "10.0.0.1:40000";
/// A web server outside.
pub(crate) const SERVER: &str = "192.0.2.80:80";
/// The client's address.
pub(crate) const CLIENT_IP: &str = "10.0.0.1";
/// The server's address.
pub(crate) const SERVER_IP: &str = "192.0.2.80";
/// The same over IPv6.
pub(crate) const CLIENT6: &str = "[2001:db8:1::1]:40000";
/// The same over IPv6.
pub(crate) const SERVER6: &str = "[2001:db8:2::80]:80";
/// The same over IPv6.
pub(crate) const CLIENT6_IP: &str = "2001:db8:1::1";
/// The same over IPv6.
pub(crate) const SERVER6_IP: &str = "2001:db8:2::80";

/// A line of a transcript.
pub(crate) enum Step {
    /// At this time (seconds), by this port, a frame; and what is to become of it.
    Frame(f64, PortIndex, Vec<u8>, &'static str),
    /// At this time the configuration changes.
    Change(f64, Box<dyn Fn(&mut Plan)>),
    /// At this time, so many sessions.
    Sessions(f64, u64),
    /// At this time, so many fragments held.
    Held(f64, u64),
}

/// A frame from inside. What is expected is written as [`outcome`] writes it.
pub(crate) fn inside(time: f64, frame: &Frame, expected: &'static str) -> Step {
    Step::Frame(time, INSIDE, frame.bytes(), expected)
}

/// A frame from outside.
pub(crate) fn outside(time: f64, frame: &Frame, expected: &'static str) -> Step {
    Step::Frame(time, OUTSIDE, frame.bytes(), expected)
}

/// A change of the configuration.
pub(crate) fn change(time: f64, change: impl Fn(&mut Plan) + 'static) -> Step {
    Step::Change(time, Box::new(change))
}

/// A segment from the client to the server.
pub(crate) fn up(flags: u8, sequence: u32, acknowledgement: u32, data: usize) -> Frame {
    segment(CLIENT, SERVER, flags, sequence, acknowledgement, data)
}

/// A segment from the server to the client.
pub(crate) fn down(flags: u8, sequence: u32, acknowledgement: u32, data: usize) -> Frame {
    swapped(segment(SERVER, CLIENT, flags, sequence, acknowledgement, data))
}

/// A segment from anywhere to anywhere.
pub(crate) fn segment(
    source: &str,
    destination: &str,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    data: usize,
) -> Frame {
    let payload = vec![b'x'; data];
    let tcp = Tcp { flags, sequence, acknowledgement, payload, ..TCP };
    Frame::tcp(source, destination, tcp)
}

/// The frame in the other direction on the wire.
pub(crate) fn swapped(frame: Frame) -> Frame {
    let (source, destination) = (frame.source, frame.destination);
    frame.macs(destination, source)
}

/// What became of a frame, in words: verdict, reason, direction, state, session, and, if it was decided
/// while a later frame or none was judged, when.
pub(crate) fn outcome(fate: &Fate) -> String {
    let judgement = &fate.judgement;
    let mut text = judgement.verdict.name().to_owned();
    if let Some(reason) = judgement.verdict.reason() {
        text += &format!(" {reason}");
    }
    if let (Some(direction), Some(state)) = (judgement.direction, judgement.state) {
        text += &format!(" {} {state}", direction.name());
    }
    if let Some(session) = fate.session {
        text += &format!(" s{session}");
    }
    if judgement.created {
        text.push_str(" new");
    }
    text
}

/// What happened in a transcript.
#[derive(Debug)]
pub(crate) struct Played {
    /// The last fate of each frame, by number; none if it is held.
    pub(crate) fates: Vec<Option<Fate>>,
    /// The frames that the engine made.
    pub(crate) made: Vec<Fate>,
    /// The event log.
    pub(crate) events: Vec<Event>,
    /// The box at the end.
    pub(crate) rig: Rig,
    /// Its configuration at the end.
    pub(crate) plan: Plan,
}

impl Played {
    /// The rule that decided on a frame.
    pub(crate) fn rule(&self, number: usize) -> &str {
        self.fates[number].as_ref().map_or("", |fate| self.plan.rule_name(fate))
    }

    /// The octets of a frame as it left.
    pub(crate) fn left(&self, number: usize) -> (PortIndex, &[u8]) {
        let fate = self.fates[number].as_ref().expect("decided");
        (fate.out.expect("forwarded"), &fate.octets)
    }
}

/// Plays a transcript with every number of workers. Returns what happened with one.
pub(crate) fn play(plan: &Plan, steps: &[Step]) -> Played {
    let one = play_with(1, plan, steps);
    for workers in [2, 3, 4, 8] {
        play_with(workers, plan, steps);
    }
    one
}

fn seconds(time: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(time)
}

pub(crate) fn play_with(workers: u16, plan: &Plan, steps: &[Step]) -> Played {
    let mut plan = plan.clone();
    let rig = Rig::new(workers, &plan.snapshot());
    let mut played =
        Played { fates: Vec::new(), made: Vec::new(), events: Vec::new(), rig, plan: plan.clone() };
    let mut lines = Vec::new();
    for step in steps {
        let fates = match step {
            Step::Frame(time, port, octets, expected) => {
                lines.push((*time, *port, *expected));
                played.fates.push(None);
                played.rig.receive(seconds(*time), *port, octets.clone())
            }
            Step::Change(time, change) => {
                let fates = played.rig.advance(seconds(*time));
                change(&mut plan);
                played.rig.cluster.install(&plan.snapshot());
                fates.into_iter().chain(played.rig.advance(seconds(*time))).collect()
            }
            Step::Sessions(time, expected) => {
                let fates = played.rig.advance(seconds(*time));
                assert_eq!(
                    played.rig.sessions(),
                    *expected,
                    "sessions at {time}, {workers} workers"
                );
                fates
            }
            Step::Held(time, expected) => {
                let fates = played.rig.advance(seconds(*time));
                assert_eq!(played.rig.held(), *expected, "held at {time}, {workers} workers");
                fates
            }
        };
        played.rig.check();
        for fate in fates {
            match fate.number {
                Some(number) => {
                    let number = usize::try_from(number).expect("a small number");
                    played.fates[number] = Some(fate);
                }
                None => played.made.push(fate),
            }
        }
    }
    played.events = played.rig.cluster.events().collect();
    let mut table = String::new();
    let mut wrong = 0;
    for (number, ((time, port, expected), fate)) in lines.iter().zip(&played.fates).enumerate() {
        let found = fate.as_ref().map_or_else(|| "held".to_owned(), outcome);
        let mark = if found == *expected { ' ' } else { '!' };
        wrong += usize::from(found != *expected);
        let side = if *port == INSIDE { "inside" } else { "outside" };
        table += &format!("{mark} {number:2} {time:9.3} {side:7} {expected:45} {found}\n");
    }
    assert_eq!(wrong, 0, "with {workers} workers, expected and found:\n{table}");
    played.plan = plan;
    played
}
