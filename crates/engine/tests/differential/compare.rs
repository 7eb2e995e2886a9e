//! The same datagrams in the same order before both firewalls, and what is different.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use engine::{Cluster, Fate, Snapshot, Time, Verdict};
use testkit::conversation::Side;
use wire::{Descriptor, HeaderChecksum, TcpSegment, Transport};

use crate::conversation::{Conversation, Key};
use crate::differences::{self, DIFFERENCES, IN_ORDERLY_TRAFFIC};
use crate::harness::{INSIDE, OUTSIDE, Plan};
use crate::kernel::Kernel;

/// Virtual time between the datagrams of a conversation: far below any timeout.
const PACE: Duration = Duration::from_millis(5);

/// What both firewalls made of a datagram.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    /// What the conversation is about.
    pub(crate) kind: &'a str,
    /// Who sent it.
    pub(crate) side: Side,
    /// Its headers, or those of its first fragment; none if they cannot be read.
    pub(crate) headers: Option<Descriptor>,
    /// What it is there for.
    pub(crate) note: &'static str,
    /// The session's state before it, if there was one.
    pub(crate) before: Option<&'static str>,
    /// The session's state after it.
    pub(crate) after: Option<&'static str>,
    /// Our reason for dropping it; none if it passed.
    pub(crate) reason: Option<&'static str>,
    /// Whether it passed the kernel.
    pub(crate) kernel_passed: bool,
    /// What came before it in the conversation.
    pub(crate) earlier: &'a [Self],
}

impl Case<'_> {
    /// Whether it passed here.
    pub(crate) fn we_passed(&self) -> bool {
        self.reason.is_none()
    }

    /// The segment, if it is one of TCP.
    pub(crate) fn tcp(&self) -> Option<&TcpSegment> {
        match &self.headers.as_ref()?.transport {
            Transport::Tcp(segment) => Some(segment),
            Transport::None
            | Transport::Udp(_)
            | Transport::Icmp(_)
            | Transport::Icmpv6(_)
            | Transport::Sctp(_)
            | Transport::Other => None,
        }
    }
}

/// Counts over many conversations.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    conversations: u64,
    frames: u64,
    both_pass: u64,
    both_drop: u64,
    /// After a difference the two firewalls know different things: the rest of that conversation counts here.
    void: u64,
    differences: BTreeMap<&'static str, u64>,
    /// What is not in the list, by what it looks like: how often, and the shortest transcript.
    unlisted: BTreeMap<String, (u64, String)>,
}

impl Tally {
    /// The comparison has shown something: both verdicts were met often.
    pub(crate) fn is_telling(&self) -> bool {
        self.both_pass > 1_000 && self.both_drop > 100
    }

    /// The numbers, in lines.
    pub(crate) fn report(&self) -> String {
        let Self { conversations, frames, both_pass, both_drop, void, differences, .. } = self;
        let mut text = format!(
            "{conversations} conversations, {frames} frames; datagrams: {both_pass} passed both, {both_drop} \
             passed neither, {void} not compared after a difference\n"
        );
        for (name, count) in differences {
            writeln!(text, "  {count:6} {name}").expect("a string takes all");
        }
        for (what, (count, _)) in &self.unlisted {
            writeln!(text, "  {count:6} NOT IN THE LIST: {what}").expect("a string takes all");
        }
        text
    }

    /// Transcripts of conversations with a difference that is not in the list, the shortest of each kind.
    pub(crate) fn unlisted(&self) -> Vec<&str> {
        self.unlisted.values().map(|(_, transcript)| transcript.as_str()).collect()
    }
}

/// Puts conversations before both, a datagram of each in turn.
pub(crate) fn compare(
    kernel: &mut Kernel,
    snapshot: &Arc<Snapshot>,
    batch: &[Conversation],
    tally: &mut Tally,
) {
    let longest = batch.iter().map(|conversation| conversation.steps.len()).max().unwrap_or(0);
    let order: Vec<(usize, usize)> = (0..longest)
        .flat_map(|step| (0..batch.len()).map(move |conversation| (conversation, step)))
        .filter(|(conversation, step)| *step < batch[*conversation].steps.len())
        .collect();
    let steps =
        || order.iter().map(|&(conversation, step)| (step, &batch[conversation].steps[step]));
    let passed = kernel.judge(
        steps().flat_map(|(_, step)| step.frames.iter().map(|frame| (step.side, &frame[..]))),
    );

    let mut cluster = Cluster::new(2, snapshot);
    cluster.on_the_wire(true);
    let mut owners = Vec::new();
    let mut fates: Vec<Option<Fate>> = Vec::new();
    for (place, (step, sent)) in steps().enumerate() {
        let now = Time::from_millis(1) + PACE * u32::try_from(step).expect("a short conversation");
        let port = match sent.side {
            Side::Initiator => INSIDE,
            Side::Responder => OUTSIDE,
        };
        for frame in &sent.frames {
            let number = u64::try_from(owners.len()).expect("countable");
            owners.push(place);
            cluster.receive(now, number, port, frame.clone());
        }
        fates.push(None);
        for fate in cluster.fates() {
            let Some(number) = fate.number else { continue };
            let place = owners[usize::try_from(number).expect("countable")];
            let forwarded = |fate: &Fate| fate.judgement.verdict == Verdict::Forward;
            // A datagram has passed if one of its frames has.
            if fates[place].as_ref().is_none_or(|before| !forwarded(before)) {
                fates[place] = Some(fate);
            }
        }
    }

    let mut sorted: Vec<Vec<Option<Fate>>> = batch.iter().map(|_| Vec::new()).collect();
    for (&(conversation, _), fate) in order.iter().zip(fates) {
        sorted[conversation].push(fate);
    }
    for (conversation, fates) in batch.iter().zip(sorted) {
        judge(conversation, &fates, &passed, tally);
    }
}

/// Holds the verdicts on one conversation against each other.
fn judge(
    conversation: &Conversation,
    fates: &[Option<Fate>],
    passed: &HashSet<Key>,
    tally: &mut Tally,
) {
    tally.conversations += 1;
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut state = None;
    for (step, fate) in conversation.steps.iter().zip(fates) {
        tally.frames += u64::try_from(step.frames.len()).expect("countable");
        let key = Key::of(step.side, &step.frames[0]);
        let judgement = fate.as_ref().map(|fate| fate.judgement);
        let reason = match judgement.map(|judgement| judgement.verdict) {
            Some(Verdict::Forward) => None,
            Some(Verdict::Drop(reason) | Verdict::Reject(reason)) => Some(reason.name()),
            Some(Verdict::Consume) => Some("consumed"),
            None => Some("held"),
        };
        let after = judgement.and_then(|judgement| judgement.state);
        cases.push(Case {
            kind: &conversation.kind,
            side: step.side,
            headers: wire::parse_with(&step.frames[0], HeaderChecksum::Trust).ok(),
            note: step.note,
            before: state,
            after,
            reason,
            kernel_passed: key.is_some_and(|key| passed.contains(&key)),
            earlier: &[],
        });
        state = after.or(state);
    }
    for (at, case) in cases.iter().enumerate() {
        match (case.we_passed(), case.kernel_passed) {
            (true, true) => tally.both_pass += 1,
            (false, false) => tally.both_drop += 1,
            (true, false) | (false, true) => {
                let seen = Case { earlier: &cases[..at], ..case.clone() };
                tally.void += u64::try_from(cases.len() - at - 1).expect("countable");
                match differences::of(&seen) {
                    Some(name) => *tally.differences.entry(name).or_default() += 1,
                    None => {
                        let transcript = transcript(conversation, &cases, at);
                        let (count, shortest) = tally.unlisted.entry(looks(&seen)).or_default();
                        *count += 1;
                        if shortest.is_empty() || transcript.len() < shortest.len() {
                            *shortest = transcript;
                        }
                    }
                }
                return;
            }
        }
    }
}

/// The names and reasons of the list, for whoever reads the report.
pub(crate) fn reasons() -> String {
    let all = IN_ORDERLY_TRAFFIC.iter().chain(DIFFERENCES);
    let lines = all.map(|difference| format!("  {}: {}", difference.name, difference.reason));
    lines.collect::<Vec<_>>().join("\n")
}

/// What a difference looks like from outside.
fn looks(case: &Case<'_>) -> String {
    let (ours, kernel) = (case.reason.unwrap_or("pass"), case.kernel_passed);
    let kernel = if kernel { "pass" } else { "drop" };
    let kind = case.tcp().map(|tcp| session::tcp::segment_kind(tcp.flags).ok());
    let (before, direction) = (case.before.unwrap_or("no session"), case.side);
    let about = case.kind;
    format!(
        "{about}: ours {ours}, kernel {kernel}: {before}, {direction:?}, {kind:?}, {}",
        case.note
    )
}

/// A conversation up to a little after the difference, numbers counted from each side's first.
fn transcript(conversation: &Conversation, cases: &[Case<'_>], at: usize) -> String {
    let mut text = format!("{} number {}\n", conversation.kind, conversation.number);
    let mut starts: [Option<u32>; 2] = [None, None];
    for (number, case) in cases.iter().enumerate().take(at + 4) {
        let mine = usize::from(case.side == Side::Responder);
        let headers = match case.tcp() {
            Some(tcp) => {
                let start = *starts[mine].get_or_insert(tcp.seq.0);
                let other = starts[1 - mine].unwrap_or(0);
                format!(
                    "{:?} seq {} ack {} len {} win {} ws {:?} sack {:?}",
                    tcp.flags,
                    tcp.seq.0.wrapping_sub(start).cast_signed(),
                    tcp.ack.0.wrapping_sub(other).cast_signed(),
                    tcp.payload,
                    tcp.window,
                    tcp.window_scale,
                    tcp.sack_right.map(|right| right.0.wrapping_sub(other).cast_signed()),
                )
            }
            None => case.headers.as_ref().map_or("unreadable".to_owned(), |headers| {
                format!("{} > {} {:?}", headers.source, headers.destination, headers.transport)
            }),
        };
        let arrow = if mine == 0 { "->" } else { "<-" };
        let ours = case.reason.unwrap_or("pass");
        let kernel = if case.kernel_passed { "pass" } else { "drop" };
        let mark = if number == at { "  <== differs" } else { "" };
        writeln!(
            text,
            "{:4} {arrow} {headers} ({})\n          ours {ours} [{}], kernel {kernel}{mark}",
            number + 1,
            case.note,
            case.after.unwrap_or("-"),
        )
        .expect("a string takes all");
    }
    text
}

/// The policy of the comparison: whatever comes from inside goes out, with room for all.
pub(crate) fn snapshot() -> Arc<Snapshot> {
    let mut plan = Plan::new();
    for port in &mut plan.ports {
        port.mtu = 65_000;
    }
    plan.limits = engine::Limits::new(100_000, 100_000);
    plan.snapshot()
}
