//! `replay`: a capture through the engine, with the capture's own timestamps. The same file, configuration
//! and options give the same octets on each run.
//!
//! [`sides`] says where frames enter, [`lines`] what is printed. This file is the way between: it numbers
//! frames and sessions, keeps lines in the order of frames though a held fragment's fate is known late,
//! and adds up.

mod correspondents;
mod lines;
mod packet;
mod sent;
mod sides;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use config::{SessionSettings, ValidConfig};
use engine::{Cluster, Fate, Limits, PortIndex, Settings, Snapshot, Time};
use policy::RuleNames;

use self::lines::{Elapsed, Form, FrameLine, MadeLine, Printer, Summary};
use self::sent::Sent;
use self::sides::{Ports, SideOption, Sides};
use crate::args::{General, ReplayArguments};
use crate::capture::{Capture, CapturedFrame};
use crate::check;
use crate::failure::Failure;

/// Runs a capture and prints what becomes of every frame.
pub(crate) fn run(
    general: &General,
    arguments: &ReplayArguments,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<(), Failure> {
    let ReplayArguments { config, capture, side, workers, write, text } = arguments;
    let side = SideOption::parse(side).map_err(Failure::usage)?;
    let config = check::load(config)?.config;
    let sides = Sides::new(&side, &ports(&config)).map_err(Failure::usage)?;
    let mut source = Capture::open(capture).map_err(Failure::refused)?;
    let sent = match write {
        Some(target) if is_same_file(target, capture) => {
            return Err(Failure::usage("--write would overwrite the capture that is replayed"));
        }
        Some(target) => Some(Sent::create(target).map_err(Failure::Refused)?),
        None => None,
    };
    let for_people = *text || (!general.json && io::stdout().is_terminal());
    let form = if for_people { Form::Text } else { Form::Json };
    let mut run = Run::new(&config, *workers, sides, Printer::new(out, form), sent);
    let damage = loop {
        match source.next_frame() {
            Ok(Some(frame)) => run.receive(frame, source.nanoseconds())?,
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        }
    };
    let received = run.finish(source.nanoseconds())?;
    let Some(damage) = damage else { return Ok(()) };
    let message = format!("{}: {damage}; {received} whole frames were replayed", capture.display());
    if damage.is_failure() {
        return Err(Failure::refused(message));
    }
    writeln!(errors, "sallyctl: warning: {message}")?;
    Ok(())
}

/// A snapshot of a configuration, and the names of its rules: what replay and `explain` judge by.
pub(crate) fn snapshot(config: &ValidConfig) -> (Arc<Snapshot>, RuleNames) {
    let mut names = RuleNames::new();
    let SessionSettings { max, ipv6, per_source, embryonic } = config.sessions.clone();
    let ValidConfig { policy, topology, timeouts, screens, .. } = config;
    let limits = Limits { max, ipv6, per_source, embryonic };
    let settings = Settings { timeouts: timeouts.clone(), limits, screens: *screens };
    let snapshot = Snapshot::compile(1, policy, topology, &settings, &mut names);
    (snapshot, names)
}

fn ports(config: &ValidConfig) -> Ports {
    let topology = &config.topology;
    let indices = (0..=u8::MAX).map(PortIndex).take(topology.ports().len());
    Ports {
        names: topology.ports().iter().map(|port| port.name.clone()).collect(),
        partners: indices.map(|port| topology.partner(port).index()).collect(),
    }
}

fn is_same_file(one: &Path, two: &Path) -> bool {
    fs::canonicalize(one).ok().zip(fs::canonicalize(two).ok()).is_some_and(|(one, two)| one == two)
}

/// A capture on its way through the engine.
struct Run<W> {
    cluster: Cluster,
    sides: Sides,
    port_names: Vec<String>,
    rule_names: RuleNames,
    printer: Printer<W>,
    sent: Option<Sent>,
    /// The stamp of the first frame.
    start: Option<u64>,
    elapsed: Elapsed,
    /// Frames whose lines are not printed yet, without gaps; the first waits for its fate.
    waiting: VecDeque<Waiting>,
    /// The number of the first of them, or of the next frame if there is none.
    next_line: u64,
    /// The engine's numbers of sessions, and those that are printed: from 1, in the order of lines.
    sessions: BTreeMap<u64, u64>,
    summary: Summary,
    nanoseconds: bool,
}

/// A frame that was given to the engine.
struct Waiting {
    time: Elapsed,
    in_port: usize,
    /// Octets that the capture holds of it.
    captured: usize,
    /// For people; empty where nobody reads it.
    packet: String,
    fate: Option<Fate>,
    /// What the engine made because of it.
    made: Vec<Fate>,
}

impl<W: Write> Run<W> {
    fn new(
        config: &ValidConfig,
        workers: u16,
        sides: Sides,
        printer: Printer<W>,
        sent: Option<Sent>,
    ) -> Self {
        let (snapshot, rule_names) = snapshot(config);
        Self {
            cluster: Cluster::new(workers, &snapshot),
            sides,
            port_names: ports(config).names,
            rule_names,
            printer,
            sent,
            start: None,
            elapsed: Elapsed::default(),
            waiting: VecDeque::new(),
            next_line: 1,
            sessions: BTreeMap::new(),
            summary: Summary::default(),
            nanoseconds: false,
        }
    }

    /// Gives the next frame of the capture to the engine, and prints the lines that are known then.
    fn receive(&mut self, frame: CapturedFrame, nanoseconds: bool) -> Result<(), Failure> {
        let CapturedFrame { stamp, mut bytes, cut } = frame;
        self.nanoseconds = nanoseconds;
        let start = *self.start.get_or_insert(stamp);
        self.elapsed = self.elapsed.max(Elapsed(stamp.saturating_sub(start)));
        self.summary.received += 1;
        let number = self.summary.received;
        let in_port = self.sides.port(&bytes);
        // What was not captured was on the wire all the same: the lengths must hold.
        let captured = bytes.len();
        bytes.resize(captured + cut, 0);
        let packet =
            if self.printer.shows_packets() { packet::summary(&bytes) } else { String::new() };
        let time = self.elapsed;
        let (fate, made) = (None, Vec::new());
        self.waiting.push_back(Waiting { time, in_port, captured, packet, fate, made });
        let index = PortIndex(u8::try_from(in_port).map_err(Failure::refused)?);
        self.cluster.receive(Time::from_nanos(time.0), number, index, bytes);
        // Nothing reads the log; it must not grow.
        self.cluster.events().for_each(drop);
        let fates: Vec<_> = self.cluster.fates().collect();
        for fate in fates {
            let about = fate.number.unwrap_or(fate.during);
            let place = about.checked_sub(self.next_line).and_then(|at| usize::try_from(at).ok());
            match place.and_then(|place| self.waiting.get_mut(place)) {
                Some(waiting) if fate.number.is_some() => waiting.fate = Some(fate),
                Some(waiting) => waiting.made.push(fate),
                // A timer made it after the last line was printed.
                None => self.made(&fate)?,
            }
        }
        while self.waiting.front().is_some_and(|first| first.fate.is_some()) {
            self.print_first()?;
        }
        Ok(())
    }

    /// Prints what still waits, and the summary. Returns how many frames were received.
    fn finish(mut self, nanoseconds: bool) -> Result<u64, Failure> {
        while !self.waiting.is_empty() {
            self.print_first()?;
        }
        self.summary.sessions = u64::try_from(self.sessions.len()).unwrap_or(u64::MAX);
        if let Some(sent) = self.sent {
            sent.finish(nanoseconds).map_err(Failure::Refused)?;
        }
        self.printer.finish(&self.summary)?;
        Ok(self.summary.received)
    }

    fn print_first(&mut self) -> Result<(), Failure> {
        let Some(Waiting { time, in_port, captured, packet, fate, made }) =
            self.waiting.pop_front()
        else {
            return Ok(());
        };
        let n = self.next_line;
        self.next_line += 1;
        let held = FrameLine {
            n,
            time,
            in_port: self.port_names.get(in_port).map_or("", String::as_str),
            out: None,
            verdict: "held",
            reason: None,
            session: None,
            direction: None,
            state: None,
            rule: None,
            numbers: None,
        };
        match fate {
            None => {
                self.summary.held += 1;
                self.printer.frame(&held, packet)?;
            }
            Some(fate) => {
                self.summary.count(fate.judgement.verdict);
                let fresh = self.sessions.len();
                let fresh = u64::try_from(fresh).unwrap_or(u64::MAX).saturating_add(1);
                let session = fate.session.map(|s| *self.sessions.entry(s).or_insert(fresh));
                let judgement = &fate.judgement;
                let name = |port: PortIndex| self.port_names.get(port.index()).map(String::as_str);
                let line = FrameLine {
                    out: fate.out.and_then(name),
                    verdict: judgement.verdict.name(),
                    reason: judgement.verdict.reason().map(|reason| reason.name()),
                    session,
                    direction: judgement.direction.map(|direction| direction.name()),
                    state: judgement.state,
                    rule: judgement.rule.map(|rule| self.rule_names.name(rule)),
                    numbers: fate.numbers.map(|numbers| numbers.to_string()),
                    ..held
                };
                let comment = self.sent.as_ref().and_then(|sent| sent.comment(&line));
                self.printer.frame(&line, packet)?;
                if fate.out.is_some() || comment.is_some() {
                    let kept = fate.octets.get(..captured).unwrap_or(&fate.octets);
                    self.write(time, kept, comment)?;
                }
            }
        }
        for made in &made {
            self.made(made)?;
        }
        Ok(())
    }

    fn made(&mut self, fate: &Fate) -> Result<(), Failure> {
        self.summary.made += 1;
        let time = Elapsed(fate.time.as_nanos());
        let out = fate.out.and_then(|port| self.port_names.get(port.index()));
        self.printer.made(&MadeLine {
            time,
            out: out.map_or("", String::as_str),
            packet: packet::summary(&fate.octets),
            length: fate.octets.len(),
        })?;
        self.write(time, &fate.octets, None)
    }

    fn write(
        &mut self,
        time: Elapsed,
        octets: &[u8],
        comment: Option<String>,
    ) -> Result<(), Failure> {
        if let Some(sent) = self.sent.take() {
            let stamp = self.start.unwrap_or(0).saturating_add(time.0);
            let sent = sent.frame(stamp, self.nanoseconds, octets, comment);
            self.sent = Some(sent.map_err(Failure::Refused)?);
        }
        Ok(())
    }
}
