//! `sessions`, `sessions count`, `sessions clear`.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use api::{Client, Session, SessionFilter};

use crate::args::{General, SessionsArguments, SessionsCommand};
use crate::failure::Failure;
use crate::json;
use crate::table::Table;
use crate::units::{bytes, count, duration};

/// Rows that are gathered before their columns are measured. Later rows that need more width take it.
const BLOCK: usize = 512;

pub(super) fn run(
    general: &General,
    arguments: SessionsArguments,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let SessionsArguments { command, filter, limit } = arguments;
    match command {
        None => list(general, read(&filter)?, limit, out),
        Some(SessionsCommand::Count { filter }) => {
            let filter = read(&filter)?;
            let answer = Client::connect(&general.socket)?.sessions_count(filter)?;
            if general.json {
                json::line(out, &answer)?;
            } else {
                writeln!(out, "{}", count(answer.count))?;
            }
            Ok(())
        }
        Some(SessionsCommand::Clear { filter }) => {
            let filter = read(&filter)?;
            let answer = Client::connect(&general.socket)?.sessions_clear(filter)?;
            if general.json {
                json::line(out, &answer)?;
            } else {
                writeln!(out, "{} sessions ended", count(answer.cleared))?;
            }
            Ok(())
        }
    }
}

fn read(words: &[String]) -> Result<SessionFilter, Failure> {
    SessionFilter::parse(words).map_err(Failure::usage)
}

fn list(
    general: &General,
    filter: SessionFilter,
    limit: Option<u64>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut client = Client::connect(&general.socket)?;
    if general.json {
        let each = |session: Session| Ok(json::line(out, &session)?);
        client.sessions::<Failure>(filter, limit, each)?;
        return Ok(());
    }
    let mut table = table();
    let end = client.sessions::<Failure>(filter, limit, |session| {
        table.row(row(&session));
        if table.waiting() >= BLOCK {
            out.write_all(table.block().as_bytes())?;
        }
        Ok(())
    })?;
    out.write_all(table.block().as_bytes())?;
    let more = if end.truncated { "; there are more, --limit ended the list" } else { "" };
    let noun = if end.count == 1 { "session" } else { "sessions" };
    writeln!(out, "\n{} {noun}{more}", count(end.count))?;
    Ok(())
}

/// The headings of the list.
pub(super) fn table() -> Table<14> {
    Table::new([
        "ID",
        "PROTO",
        "SOURCE",
        "DESTINATION",
        "VLAN",
        "STATE",
        "ZONES",
        "RULE",
        ">AGE",
        ">IDLE",
        ">EXPIRES",
        ">PACKETS OUT/BACK",
        ">BYTES OUT/BACK",
        "PARENT",
    ])
}

/// One session's line.
pub(super) fn row(session: &Session) -> [String; 14] {
    let Session {
        id,
        worker: _,
        proto,
        source,
        source_port,
        destination,
        destination_port,
        icmp_id,
        vlan,
        state,
        from,
        to,
        in_port: _,
        out_port: _,
        rule,
        generation: _,
        parent,
        gateway: _,
        age_seconds,
        idle_seconds,
        expires_in_seconds,
        packets,
        bytes: octets,
    } = session;
    let destination = match icmp_id {
        Some(id) => format!("{destination} id {id}"),
        None => end(*destination, *destination_port),
    };
    [
        id.to_string(),
        proto.to_string(),
        end(*source, *source_port),
        destination,
        vlan.map_or("-".to_owned(), |vlan| vlan.to_string()),
        state.clone(),
        format!("{from} > {to}"),
        rule.clone().unwrap_or_else(|| "-".to_owned()),
        duration(*age_seconds),
        duration(*idle_seconds),
        format!("in {}", duration(*expires_in_seconds)),
        format!("{} / {}", count(packets[0]), count(packets[1])),
        format!("{} / {}", bytes(octets[0]), bytes(octets[1])),
        parent.map_or("-".to_owned(), |parent| parent.to_string()),
    ]
}

/// An address with its port, if there is one.
pub(super) fn end(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}
