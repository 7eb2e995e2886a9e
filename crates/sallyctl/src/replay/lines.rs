//! What replay prints: its lines as JSON (a promise to the outside) and as a table for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use engine::Verdict;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json;
use crate::table::Table;
use crate::units::{count, duration};

/// Rows of the table that are gathered before their columns are measured.
const BLOCK: usize = 200;

/// Nanoseconds since the first frame. In JSON seconds, exact, never with an exponent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elapsed(pub(crate) u64);

impl Elapsed {
    fn seconds(self) -> String {
        let fraction = format!("{:09}", self.0 % 1_000_000_000);
        let fraction = fraction.trim_end_matches('0');
        format!("{}.{}", self.0 / 1_000_000_000, if fraction.is_empty() { "0" } else { fraction })
    }
}

impl Serialize for Elapsed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.seconds())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// One frame of the capture and what became of it. The order of the fields is that of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FrameLine<'a> {
    pub(crate) n: u64,
    pub(crate) time: Elapsed,
    #[serde(rename = "in")]
    pub(crate) in_port: &'a str,
    pub(crate) out: Option<&'a str>,
    pub(crate) verdict: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) session: Option<u64>,
    pub(crate) direction: Option<&'static str>,
    pub(crate) state: Option<&'static str>,
    pub(crate) rule: Option<&'a str>,
    /// Of a segment that is out of the window: its numbers and the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) numbers: Option<String>,
}

/// A frame that the box made. It follows the line of the frame that caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MadeLine<'a> {
    pub(crate) time: Elapsed,
    pub(crate) out: &'a str,
    /// What it is, for people.
    pub(crate) packet: String,
    /// Octets from the destination MAC address on.
    pub(crate) length: usize,
}

/// The last line. received = forwarded + dropped + rejected + consumed + held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) received: u64,
    pub(crate) forwarded: u64,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
    pub(crate) consumed: u64,
    pub(crate) held: u64,
    /// Not received, and no part of the sum.
    pub(crate) made: u64,
    /// How often each reason dropped or rejected a frame.
    pub(crate) reasons: BTreeMap<&'static str, u64>,
    /// Sessions that were opened.
    pub(crate) sessions: u64,
}

impl Summary {
    /// Counts what became of one frame.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Forward => self.forwarded += 1,
            Verdict::Consume => self.consumed += 1,
            Verdict::Drop(_) => self.dropped += 1,
            Verdict::Reject(_) => self.rejected += 1,
        }
        if let Some(reason) = verdict.reason() {
            *self.reasons.entry(reason.name()).or_default() += 1;
        }
    }
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object a line.
    Json,
    /// A table.
    Text,
}

/// Prints lines in either form.
pub(crate) struct Printer<W> {
    out: W,
    form: Form,
    table: Table<11>,
    last: Elapsed,
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W, form: Form) -> Self {
        let table = Table::new([
            ">N",
            ">TIME",
            "IN",
            "OUT",
            "VERDICT",
            "REASON",
            ">SESSION",
            "DIRECTION",
            "STATE",
            "RULE",
            "PACKET",
        ])
        // Most captures keep to these, so that the columns of a long one stay where they are.
        .at_least([4, 12, 4, 4, 7, 12, 7, 9, 12, 10, 0]);
        Self { out, form, table, last: Elapsed::default() }
    }

    /// Whether [`Self::frame`] uses its `packet`.
    pub(crate) fn shows_packets(&self) -> bool {
        self.form == Form::Text
    }

    pub(crate) fn frame(&mut self, line: &FrameLine<'_>, packet: String) -> io::Result<()> {
        self.last = line.time;
        match self.form {
            Form::Json => json::line(&mut self.out, line),
            Form::Text => {
                let word = |word: Option<&str>| word.unwrap_or("-").to_owned();
                self.row([
                    line.n.to_string(),
                    time(line.time),
                    line.in_port.to_owned(),
                    word(line.out),
                    line.verdict.to_owned(),
                    word(line.reason),
                    line.session.map_or("-".to_owned(), |session| session.to_string()),
                    word(line.direction),
                    word(line.state),
                    word(line.rule),
                    match &line.numbers {
                        Some(numbers) => format!("{packet}: {numbers}"),
                        None => packet,
                    },
                ])
            }
        }
    }

    pub(crate) fn made(&mut self, line: &MadeLine<'_>) -> io::Result<()> {
        match self.form {
            Form::Json => {
                #[derive(Serialize)]
                struct Made<'a> {
                    made: &'a MadeLine<'a>,
                }
                json::line(&mut self.out, &Made { made: line })
            }
            Form::Text => {
                let none = || "-".to_owned();
                let MadeLine { time: at, out, packet, length: _ } = line;
                let out = (*out).to_owned();
                self.row([
                    none(),
                    time(*at),
                    none(),
                    out,
                    "made".to_owned(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    packet.clone(),
                ])
            }
        }
    }

    pub(crate) fn finish(mut self, summary: &Summary) -> io::Result<()> {
        match self.form {
            Form::Json => {
                #[derive(Serialize)]
                struct Last<'a> {
                    summary: &'a Summary,
                }
                json::line(&mut self.out, &Last { summary })?;
            }
            Form::Text => {
                self.out.write_all(self.table.block().as_bytes())?;
                self.out.write_all(text(summary, self.last).as_bytes())?;
            }
        }
        self.out.flush()
    }

    fn row(&mut self, cells: [String; 11]) -> io::Result<()> {
        self.table.row(cells);
        if self.table.waiting() >= BLOCK {
            self.out.write_all(self.table.block().as_bytes())?;
        }
        Ok(())
    }
}

/// Microseconds for the table: finer stamps are rare, and all rows then align.
fn time(at: Elapsed) -> String {
    format!("{}.{:06}", at.0 / 1_000_000_000, at.0 % 1_000_000_000 / 1_000)
}

fn text(summary: &Summary, last: Elapsed) -> String {
    let Summary { received, forwarded, dropped, rejected, consumed, held, made, reasons, sessions } =
        summary;
    let seconds = std::time::Duration::from_nanos(last.0).as_secs_f64();
    let mut table = Table::new(["SUMMARY", ">FRAMES"]).at_least([20, 0]);
    for (name, number) in [
        ("received", received),
        ("forwarded", forwarded),
        ("dropped", dropped),
        ("rejected", rejected),
        ("consumed", consumed),
        ("held", held),
        ("made", made),
    ] {
        table.row([name.to_owned(), count(*number)]);
    }
    let mut page = format!("\n{}", table.block());
    if !reasons.is_empty() {
        let mut table = Table::new(["REASON", ">FRAMES"]).at_least([20, 0]);
        let mut reasons: Vec<_> = reasons.iter().collect();
        reasons.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), **name));
        for (name, number) in reasons {
            table.row([(*name).to_owned(), count(*number)]);
        }
        page.push_str(&format!("\n{}", table.block()));
    }
    page.push_str(&format!(
        "\n{} sessions in {} of traffic\n",
        count(*sessions),
        duration(seconds)
    ));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_without_exponent() {
        for (nanos, text) in [
            (0, "0.0"),
            (1, "0.000000001"),
            (1_000, "0.000001"),
            (1_500_000_000, "1.5"),
            (60_000_000_000, "60.0"),
            (1_000_000_000_000_000_001, "1000000000.000000001"),
        ] {
            assert_eq!(serde_json::to_string(&Elapsed(nanos)).unwrap(), text);
        }
    }

    #[test]
    fn the_line_of_the_design() {
        let line = FrameLine {
            n: 1,
            time: Elapsed(0),
            in_port: "lan0",
            out: Some("wan0"),
            verdict: "forward",
            reason: None,
            session: Some(17),
            direction: Some("original"),
            state: Some("syn_sent"),
            rule: Some("inside-out"),
            numbers: None,
        };
        let mut out = Vec::new();
        json::line(&mut out, &line).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"n\": 1, \"time\": 0.0, \"in\": \"lan0\", \"out\": \"wan0\", \"verdict\": \"forward\", \
             \"reason\": null, \"session\": 17, \"direction\": \"original\", \"state\": \"syn_sent\", \
             \"rule\": \"inside-out\"}\n"
        );
    }
}
