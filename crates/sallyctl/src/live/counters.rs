//! `counters` for people.

use api::{Counters, FrameBalance, NamedCount, ReasonCount};

use crate::table::Table;
use crate::units::{count, ratio_of};

/// The balance of frames, per worker and in all, and then every count that is not zero.
pub(super) fn text(counters: &Counters) -> String {
    let Counters {
        version: _,
        frames,
        workers,
        drops,
        rejects,
        handovers,
        sessions_created,
        sessions_ended,
        events_lost,
    } = counters;
    let mut balance = Table::new([
        "WORKER",
        ">RECEIVED",
        ">FORWARDED",
        ">DROPPED",
        ">REJECTED",
        ">CONSUMED",
        ">HELD",
        ">IN RINGS",
        ">MADE",
        ">HANDED OVER",
    ]);
    for worker in workers {
        balance.row([
            worker.worker.to_string(),
            count(worker.received),
            count(worker.forwarded),
            count(worker.dropped),
            count(worker.rejected),
            count(worker.consumed),
            count(worker.held),
            String::new(),
            count(worker.made),
            count(worker.handed_over),
        ]);
    }
    let FrameBalance {
        received,
        forwarded,
        dropped,
        rejected,
        consumed,
        held,
        in_rings,
        made,
        difference,
    } = *frames;
    let handed_over = handovers.iter().map(|handover| handover.count).sum();
    balance.row([
        "all".to_owned(),
        count(received),
        count(forwarded),
        count(dropped),
        count(rejected),
        count(consumed),
        count(held),
        count(in_rings),
        count(made),
        count(handed_over),
    ]);
    let mut page = balance.block();
    if difference != 0 {
        page.push_str(&format!(
            "{difference} frames are not accounted for; in flight while traffic flows, a fault at rest\n"
        ));
    }
    page.push_str(&reasons("DROPPED", drops, received));
    page.push_str(&reasons("REJECTED", rejects, received));
    page.push_str(&named("HANDED OVER", "FRAMES", handovers));
    page.push_str(&named("SESSIONS CREATED", "SESSIONS", sessions_created));
    if sessions_ended.iter().any(|ended| ended.count > 0) {
        let mut table = Table::new(["SESSIONS ENDED", "REASON", ">SESSIONS"]);
        for ended in sessions_ended.iter().filter(|ended| ended.count > 0) {
            table.row([ended.proto.clone(), ended.reason.clone(), count(ended.count)]);
        }
        page.push('\n');
        page.push_str(&table.block());
    }
    if *events_lost > 0 {
        page.push_str(&format!(
            "\n{} log events were lost: the log is slower than the workers\n",
            count(*events_lost)
        ));
    }
    page
}

fn reasons(heading: &str, reasons: &[ReasonCount], received: u64) -> String {
    if reasons.iter().all(|reason| reason.count == 0) {
        return String::new();
    }
    let mut table = Table::new([heading, ">FRAMES", ">OF RECEIVED", "MEANING"]);
    for reason in reasons.iter().filter(|reason| reason.count > 0) {
        table.row([
            reason.reason.clone(),
            count(reason.count),
            ratio_of(reason.count, received),
            reason.description.clone(),
        ]);
    }
    format!("\n{}", table.block())
}

fn named(heading: &str, unit: &str, counts: &[NamedCount]) -> String {
    if counts.iter().all(|named| named.count == 0) {
        return String::new();
    }
    let mut table = Table::new([heading, &format!(">{unit}")]);
    for named in counts.iter().filter(|named| named.count > 0) {
        table.row([named.name.clone(), count(named.count)]);
    }
    format!("\n{}", table.block())
}
