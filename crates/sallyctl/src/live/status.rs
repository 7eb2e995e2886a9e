//! `status` for people.

use api::{
    Alarm, GatewaySessions, GatewaysStatus, HeavySession, ReasonCount, SkewStatus, Status,
    ZoneEmbryonic,
};

use super::sessions::end;
use crate::table::Table;
use crate::units::{bits_per_second, bytes, count, duration, per_second, ratio, ratio_of};

/// The half-open sessions of a zone.
fn half_open(zone: &ZoneEmbryonic) -> String {
    let ZoneEmbryonic { zone, count: some, limit } = zone;
    let of = limit.map_or_else(String::new, |limit| format!(" of {}", count(limit.into())));
    format!("{}{of} from {zone}", count(*some))
}

/// What gateways read: sessions, and what their readers hold.
fn gateways_text(gateways: &GatewaysStatus) -> String {
    let GatewaysStatus {
        read_sessions,
        read_sessions_max,
        by_gateway,
        memory_bytes,
        memory_max_bytes,
        expectations,
    } = gateways;
    let each = by_gateway
        .iter()
        .map(|GatewaySessions { gateway, sessions }| format!("{} {gateway}", count(*sessions)));
    let each: Vec<_> = each.collect();
    let each = if each.is_empty() { String::new() } else { format!(": {}", each.join(", ")) };
    format!(
        "read {} of {} sessions ({}){each}; {} of {} held, {} connections expected",
        count(*read_sessions),
        count(*read_sessions_max),
        ratio_of(*read_sessions, *read_sessions_max),
        bytes(*memory_bytes),
        bytes(*memory_max_bytes),
        count(*expectations),
    )
}

/// The whole page: what the box is, what it is doing, what is wrong.
pub(super) fn text(status: &Status) -> String {
    let Status {
        version: _,
        sallyport,
        pid,
        started,
        uptime_seconds,
        policy,
        workers,
        sessions,
        gateways,
        ports,
        top_drops,
        skew,
        memory,
        alarms,
    } = status;
    let mut facts = Table::new(["", ""]);
    facts.block();
    let mut fact = |name: &str, value: String| facts.row([name.to_owned(), value]);
    fact("Sallyport", format!("{sallyport}, process {pid}"));
    fact("Up", format!("{} (since {started})", duration(*uptime_seconds)));
    fact(
        "Policy",
        format!(
            "generation {}, {} rules, loaded {} ago from {}",
            policy.generation,
            count(policy.rules),
            duration(policy.loaded_seconds_ago),
            policy.file,
        ),
    );
    fact(
        "Sessions",
        format!(
            "{} of {} ({}), {} new",
            count(sessions.in_use),
            count(sessions.max),
            ratio_of(sessions.in_use, sessions.max),
            per_second(sessions.created_per_second),
        ),
    );
    let half_open: Vec<_> = sessions.embryonic.iter().map(half_open).collect();
    if !half_open.is_empty() {
        fact("Half-open", half_open.join(", "));
    }
    fact("Gateways", gateways_text(gateways));
    for memory in memory {
        fact(
            "Buffers",
            format!(
                "{} of {} ({}) in use on socket {}",
                count(memory.mbufs_in_use),
                count(memory.mbufs),
                ratio_of(memory.mbufs_in_use, memory.mbufs),
                memory.socket,
            ),
        );
    }
    let mut page = facts.block();
    page.push_str(&alarms_text(alarms));

    let mut table = Table::new([
        ">WORKER",
        ">CORE",
        ">BUSY",
        ">LOAD",
        ">RX NOW",
        ">RECEIVED",
        ">FORWARDED",
        ">DROPPED",
        ">HANDED OVER",
        ">GENERATION",
        ">HEARTBEAT",
    ]);
    for worker in workers {
        table.row([
            worker.worker.to_string(),
            worker.core.to_string(),
            ratio(worker.busy_ratio),
            ratio(worker.load_ratio),
            per_second(worker.received_per_second),
            count(worker.received),
            count(worker.forwarded),
            count(worker.dropped),
            count(worker.handed_over),
            worker.generation.to_string(),
            format!("{} ago", duration(worker.heartbeat_age_seconds)),
        ]);
    }
    page.push('\n');
    page.push_str(&table.block());

    let mut table = Table::new(["PORT", "LINK", ">SPEED", ">RX NOW", ">TX NOW", ">LOST"]);
    for port in ports {
        table.row([
            port.name.clone(),
            if port.link_up { "up" } else { "DOWN" }.to_owned(),
            port.speed_bits_per_second.map_or("-".to_owned(), bits_per_second),
            per_second(port.received_per_second),
            per_second(port.transmitted_per_second),
            count(port.lost),
        ]);
    }
    page.push('\n');
    page.push_str(&table.block());
    page.push_str(&skew_text(skew));
    page.push_str(&drops_text(top_drops));
    if let Some(refusal) = &policy.last_refusal {
        page.push_str(&format!("\nThe last reload was refused: {refusal}\n"));
    }
    page
}

fn alarms_text(alarms: &[Alarm]) -> String {
    if alarms.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["ALARM", ""]);
    for alarm in alarms {
        table.row([alarm.kind.name().to_owned(), alarm.message.clone()]);
    }
    format!("\n{}", table.block())
}

fn skew_text(skew: &SkewStatus) -> String {
    let SkewStatus { window_seconds, redirection_imbalance_ratio, heaviest } = skew;
    if heaviest.is_empty() {
        return String::new();
    }
    let mut table =
        Table::new(["HEAVIEST", ">OF WORKER", "", "SOURCE", "DESTINATION", ">PACKETS", ">BYTES"]);
    for HeavySession { share_ratio, session } in heaviest {
        table.row([
            session.id.to_string(),
            format!("{}: {}", session.worker, ratio(*share_ratio)),
            session.proto.to_string(),
            end(session.source, session.source_port),
            end(session.destination, session.destination_port),
            count(session.packets.iter().sum()),
            bytes(session.bytes.iter().sum()),
        ]);
    }
    format!(
        "\nThe heaviest of 128 redirection entries has {redirection_imbalance_ratio:.1} times an even share of the \
         packets of {}.\n\n{}",
        duration(*window_seconds),
        table.block()
    )
}

fn drops_text(drops: &[ReasonCount]) -> String {
    if drops.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["TOP DROPS", ">FRAMES", "MEANING"]);
    for drop in drops {
        table.row([drop.reason.clone(), count(drop.count), drop.description.clone()]);
    }
    format!("\n{}", table.block())
}
