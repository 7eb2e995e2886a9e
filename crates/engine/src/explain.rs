//! Why a packet is judged as it is, step by step, by the same code that judges it.

use policy::{Action, PortIndex, RuleId, TcpMode};
use session::memory::Memory;
use session::track::{self, Track};
use session::{Direction, Found, Slot, Time};
use wire::{TcpFlags, Transport};

use crate::frame::{Frame, ReceiveFlags, Verdict};
use crate::listing::SessionView;
use crate::screen::{Kind, screen};
use crate::shard::{Predecessor, Question};
use crate::{Cut, DropReason, ParentId, Shard, WorkerId, owner};

mod probe;

pub use probe::{Probe, ProbeNumbers};

/// One step on a packet's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which: `parse`, `screen`, `owner`, `session`, `window`, `state`, `gateway`, `expectation`, `rule`, `policy`, `limits`.
    pub name: &'static str,
    /// Whether the packet got past it.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

/// The way of a packet.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Its steps; the last is the one that decided.
    pub steps: Vec<Step>,
    /// What was decided.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: Option<RuleId>,
    /// The living session that it would belong to.
    pub session: Option<SessionView>,
}

struct ProbeFrame {
    port: PortIndex,
    octets: Vec<u8>,
}

impl AsRef<[u8]> for ProbeFrame {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Frame for ProbeFrame {
    fn port(&self) -> PortIndex {
        self.port
    }

    fn receive_flags(&self) -> ReceiveFlags {
        ReceiveFlags::default()
    }
}

struct Writer {
    steps: Vec<Step>,
}

impl Writer {
    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.steps.push(Step { name, passed: true, detail: detail.into() });
    }

    fn stop(mut self, name: &'static str, reason: impl Into<DropReason>) -> Explanation {
        let reason = reason.into();
        let detail = format!("{reason}: {}", reason.description());
        self.steps.push(Step { name, passed: false, detail });
        Explanation { steps: self.steps, verdict: Verdict::Drop(reason), rule: None, session: None }
    }
}

/// The worker whose shard can explain a packet: its owner.
pub fn owner_of(probe: &Probe, workers: u16) -> WorkerId {
    wire::parse(&probe.octets())
        .map_or(WorkerId(0), |descriptor| owner::owner(&descriptor, workers))
}

impl<F: Frame, M: Memory> Shard<F, M> {
    /// Says how the packet would be judged now. Nothing is changed by it.
    pub fn explain(&self, now: Time, probe: &Probe) -> Explanation {
        let snapshot = self.snapshot();
        let mut writer = Writer { steps: Vec::new() };
        let frame = ProbeFrame { port: probe.in_port, octets: probe.octets() };
        if let Err(fault) = wire::parse(frame.as_ref()) {
            return writer.stop("parse", fault);
        }
        writer.pass("parse", format!("{} octets, well formed", frame.octets.len()));
        let (descriptor, kind) = match screen(&frame, snapshot, &Vec::new()) {
            Ok(screened) => screened,
            Err(reason) => return writer.stop("screen", reason),
        };
        writer.pass("screen", "nothing against addresses, options or length");
        match kind {
            Kind::Tracked => {}
            // What is asked about bears no quotation, and is whole.
            Kind::IcmpError => {
                if let Err(fault) = wire::parse_quoted(frame.as_ref(), &descriptor) {
                    return writer.stop("parse", fault);
                }
            }
            Kind::Untracked | Kind::Fragment => {
                writer.pass("session", "passes without a session");
                let Writer { steps } = writer;
                return Explanation { steps, verdict: Verdict::Forward, rule: None, session: None };
            }
        }
        let worker = owner::owner(&descriptor, self.workers());
        writer.pass("owner", format!("worker {}", worker.0));
        let (key, side) = self.key_of(&descriptor, probe.in_port);
        let mut stale = None;
        match self.find(now, &key) {
            Found::Live(slot) => {
                return self.explain_known(now, probe, writer, (slot, side), &descriptor);
            }
            Found::Stale(slot) => {
                stale = Some(slot);
                writer.pass("session", "one is there, but its timeout is over");
            }
            Found::Nothing => match self.epitaph_of(&key, now) {
                Some(words) => writer.pass("session", words),
                None => writer.pass("session", "none, and none is remembered"),
            },
        }
        let question =
            Question { descriptor: &descriptor, octets: &frame.octets, port: probe.in_port };
        self.explain_unknown(now, writer, &question, Predecessor { stale, succeeded: None })
    }

    fn explain_known(
        &self,
        now: Time,
        probe: &Probe,
        mut writer: Writer,
        (slot, side): (Slot, session::Side),
        descriptor: &wire::Descriptor,
    ) -> Explanation {
        let view = self.view(now, slot);
        let entry = self.entry(slot);
        let direction = side.direction(entry.initiator());
        writer.pass(
            "session",
            format!("living, {} {}, {} direction", view.protocol, view.state, direction.name()),
        );
        let anew = self.decision_anew(now, slot);
        let rule = match &anew {
            None => view.rule,
            Some(Some(decision)) => {
                let allows = "it has changed since, and allows the session as it is now";
                writer.pass("policy", allows);
                decision.rule
            }
            Some(None) => {
                let explanation = writer.stop("policy", Cut::PolicyChanged);
                return Explanation { session: Some(view), ..explanation };
            }
        };
        if !self.is_right_side(slot, descriptor, probe.in_port, direction) {
            return writer.stop("session", Cut::WrongSide);
        }
        let mut track = entry.track;
        let octets = continued(probe, &track, direction).unwrap_or(*probe).octets();
        let continued = wire::parse(&octets).ok();
        let descriptor = continued.as_ref().unwrap_or(descriptor);
        let question = Question { descriptor, octets: &octets, port: probe.in_port };
        if let (Track::Tcp(track), Transport::Tcp(segment)) = (&track, &descriptor.transport) {
            writer.pass("window", track.window_numbers(direction, segment).to_string());
        }
        let explanation = match track.judge(direction, descriptor, now) {
            track::Judgement::Refuse(refusal) => writer.stop("state", refusal),
            track::Judgement::Reopen => {
                writer.pass("state", "begins a new session in the place of this one");
                let before = Predecessor { stale: None, succeeded: Some(slot) };
                self.explain_unknown(now, writer, &question, before)
            }
            track::Judgement::Pass | track::Judgement::Ended => {
                writer.pass("state", format!("fits; the state is then {}", track.state_name()));
                let anew = anew.flatten();
                let way = (slot, direction);
                match self.refused_by_gateway(now, &question, way, &track, anew.as_ref()) {
                    Some(reason) => writer.stop("gateway", reason),
                    None => {
                        let Writer { steps } = writer;
                        Explanation { steps, verdict: Verdict::Forward, rule: None, session: None }
                    }
                }
            }
        };
        Explanation { rule: explanation.rule.or(rule), session: Some(view), ..explanation }
    }

    fn explain_unknown(
        &self,
        now: Time,
        mut writer: Writer,
        question: &Question<'_>,
        before: Predecessor,
    ) -> Explanation {
        let Question { descriptor, port, .. } = *question;
        let snapshot = self.snapshot();
        let strict = Track::open(descriptor);
        let just_started = self.picks_up(now);
        let is_tcp = matches!(descriptor.transport, Transport::Tcp(_));
        if let Err(refusal) = strict
            && !(is_tcp && (just_started || snapshot.policy.any_loose()))
        {
            return writer.stop("state", self.stray(now, descriptor, port, refusal));
        }
        if let Ok(track) = &strict
            && let Some((grant, gateway, parent)) = self.announced(now, question, before.stale)
        {
            let rule = grant.rule;
            let ParentId { worker, slot, created } = parent;
            let parent = format!("{}-{slot}-{}", worker.0, created.as_millis());
            let name = rule.and_then(|rule| snapshot.policy.rule(rule));
            let name = name.map_or("?", |rule| rule.name.as_str());
            let detail = format!(
                "announced to the gateway {gateway} by session {parent}: it comes under that one's rule, {name}"
            );
            writer.pass("expectation", detail);
            if let Err(reason) = self.admits(now, question, &grant, track, before) {
                return Explanation { rule, ..writer.stop(step_of(reason), reason) };
            }
            let Writer { steps } = writer;
            return Explanation { steps, verdict: Verdict::Forward, rule, session: None };
        }
        let query = self.query_of(descriptor, port);
        let zone = |zone| snapshot.topology.zone_name(zone).to_owned();
        writer.pass("state", "may open a session, if the policy allows it");
        writer.pass("policy", format!("from zone {} to zone {}", zone(query.from), zone(query.to)));
        for outcome in snapshot.policy.explain(&query) {
            let name = snapshot.policy.rule(outcome.rule).map_or("?", |rule| rule.name.as_str());
            let (passed, detail) = match outcome.mismatch {
                None => (true, format!("{name}: matches")),
                Some(mismatch) => {
                    let why = snapshot.policy.policy().describe(mismatch, &query);
                    (false, format!("{name}: no match, {why}"))
                }
            };
            writer.steps.push(Step { name: "rule", passed, detail });
        }
        let decision = snapshot.policy.decide(&query);
        let loose = just_started || decision.tcp == TcpMode::Loose;
        let track = if decision.action == Action::Allow && loose {
            Track::pick_up(descriptor)
        } else {
            strict
        };
        let rule = decision.rule;
        let track = match track {
            Ok(track) => track,
            Err(refusal) => {
                let reason = self.stray(now, descriptor, port, refusal);
                return Explanation { rule, ..writer.stop("state", reason) };
            }
        };
        if strict.is_err() {
            let why = if just_started { "`pickup_after_start`" } else { "`tcp = \"loose\"`" };
            writer.pass("state", format!("picked up in the middle, by {why}"));
        }
        match (decision.action, rule) {
            (Action::Allow, _) => {
                let grant = Self::granted(&decision);
                if let Err(reason) = self.admits(now, question, &grant, &track, before) {
                    return Explanation { rule, ..writer.stop(step_of(reason), reason) };
                }
                let read = decision.service.gateway.map(|gateway| {
                    format!(", and the gateway {gateway} reads it and lets in what it announces")
                });
                let detail = format!("allowed: a session is opened{}", read.unwrap_or_default());
                writer.pass("policy", detail);
                let Writer { steps } = writer;
                Explanation { steps, verdict: Verdict::Forward, rule, session: None }
            }
            (Action::Drop, Some(_)) => Explanation { rule, ..writer.stop("policy", Cut::RuleDrop) },
            (Action::Drop, None) => writer.stop("policy", self.stranger(now, descriptor, port)),
            (Action::Reject, _) => {
                let explanation = writer.stop("policy", Cut::RuleReject);
                let verdict = Verdict::Reject(Cut::RuleReject.into());
                Explanation { rule, verdict, ..explanation }
            }
        }
    }
}

/// The step at which a session that might open is refused for this.
fn step_of(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Gateway(_) => "gateway",
        DropReason::Malformed(_)
        | DropReason::Fragment(_)
        | DropReason::State(_)
        | DropReason::Cut(_) => "limits",
    }
}

/// A TCP segment in whose numbers those left out are what its sender would send next. None: there is nothing to go on from.
fn continued(probe: &Probe, track: &Track, direction: Direction) -> Option<Probe> {
    let Track::Tcp(track) = track else { return None };
    // A SYN begins a count of its own.
    if probe.flags.syn() {
        return None;
    }
    let (seq, ack) = track.next_numbers(direction);
    Some(Probe { numbers: probe.numbers.or(seq.0, ack.0), ..*probe })
}

/// TCP flags from letters: `S`, `A`, `F`, `R`, `P`, `U`, `E`, `C`, as tcpdump and nft write them.
pub fn flags_from_letters(letters: &str) -> Option<TcpFlags> {
    letters.chars().try_fold(TcpFlags::default(), |flags, letter| {
        let flag = match letter.to_ascii_uppercase() {
            'F' => TcpFlags::FIN,
            'S' => TcpFlags::SYN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            'A' | '.' => TcpFlags::ACK,
            'U' => TcpFlags::URG,
            'E' => TcpFlags::ECE,
            'C' => TcpFlags::CWR,
            _ => return None,
        };
        Some(flags | flag)
    })
}
