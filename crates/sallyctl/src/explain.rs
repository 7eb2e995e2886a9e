//! `explain`: how one packet would be judged, by the daemon or by a configuration file alone.

use std::io::Write;

use api::{Explanation, Tuple, Version};
use engine::{Cluster, Probe, ProbeNumbers, Step, Time, flags_from_letters};

use crate::args::{ExplainArguments, General};
use crate::failure::Failure;
use crate::table::Table;
use crate::{check, json, live, replay};

/// Asks the daemon, or judges by the file of `--config`.
pub(crate) fn run(
    general: &General,
    arguments: &ExplainArguments,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let ExplainArguments { config, tuple } = arguments;
    // One word may hold the whole tuple, where the shell was given it in quotes.
    let words = tuple.iter().flat_map(|word| word.split_ascii_whitespace());
    let mut tuple = Tuple::parse(words).map_err(Failure::usage)?;
    if tuple.proto.has_ports() {
        tuple.source_port.get_or_insert(EPHEMERAL);
    }
    let Some(file) = config else { return live::explain(general, tuple, out) };
    let config = check::load(file)?.config;
    let topology = &config.topology;
    let in_port = topology.port_by_name(&tuple.in_port).ok_or_else(|| {
        let known: Vec<_> = topology.ports().iter().map(|port| port.name.as_str()).collect();
        let (name, known) = (&tuple.in_port, known.join(", "));
        Failure::refused(format_args!("no port is called {name}; {} has {known}", file.display()))
    })?;
    let probe = Probe {
        in_port,
        protocol: tuple.proto.0,
        source: (tuple.source, tuple.source_port.unwrap_or(0)),
        destination: (tuple.destination, tuple.destination_port.unwrap_or(0)),
        flags: flags_from_letters(tuple.flags.as_deref().unwrap_or("S")).unwrap_or_default(),
        icmp: None,
        vlans: wire::VlanTags::default(),
        numbers: ProbeNumbers { seq: tuple.seq, ack: tuple.ack, length: tuple.length.unwrap_or(0) },
    };
    let (snapshot, names) = replay::snapshot(&config);
    let cluster = Cluster::new(1, &snapshot);
    let Some(shard) = cluster.shards().first() else {
        return Err(Failure::refused("the engine has no shard"));
    };
    let engine::Explanation { steps, verdict, rule, session: _ } =
        shard.explain(Time::ZERO, &probe);
    let steps = steps.into_iter().map(|Step { name, passed: _, detail }| api::Step {
        check: name.to_owned(),
        outcome: detail,
    });
    let explanation = Explanation {
        version: Version,
        tuple,
        verdict: verdict.name().to_owned(),
        reason: verdict.reason().map(|reason| reason.name().to_owned()),
        rule: rule.map(|rule| names.name(rule).to_owned()),
        worker: None,
        steps: steps.collect(),
    };
    if general.json {
        json::line(out, &explanation)?;
    } else {
        out.write_all(text(&explanation).as_bytes())?;
    }
    Ok(())
}

/// The source port of a tuple that names none: the first that hosts choose by themselves (RFC 6335 §6).
const EPHEMERAL: u16 = 49_152;

/// The way to the judgement for people, step by step.
pub(crate) fn text(explanation: &Explanation) -> String {
    let Explanation { version: _, tuple, verdict, reason, rule, worker, steps } = explanation;
    let mut table = Table::new([">", "CHECK", "OUTCOME"]);
    for (number, step) in (1_u32..).zip(steps) {
        table.row([number.to_string(), step.check.clone(), step.outcome.clone()]);
    }
    let mut decision = verdict.clone();
    if let Some(reason) = reason {
        decision.push_str(&format!(", reason {reason}"));
    }
    if let Some(rule) = rule {
        decision.push_str(&format!(", by rule {rule}"));
    }
    if let Some(worker) = worker {
        decision.push_str(&format!(", on worker {worker}"));
    }
    format!("{tuple}\n\n{}\nDecision: {decision}\n", table.block())
}
