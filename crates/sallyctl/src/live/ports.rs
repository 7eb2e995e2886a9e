//! `ports` for people.

use api::{PortInfo, PortStats, PortSteering, Ports};

use crate::table::Table;
use crate::units::{bits_per_second, bytes, count};

/// Three tables: what the ports are, how their frames come to the workers, and what they counted.
pub(super) fn text(ports: &Ports) -> String {
    let mut devices = Table::new([
        "PORT",
        "ZONE",
        "PARTNER",
        "LINK",
        ">SPEED",
        ">MTU",
        ">QUEUES",
        "MAC",
        ">SOCKET",
        "DRIVER",
        "DEVICE",
        "KERNEL PATH",
    ]);
    let mut steering = Table::new([
        "PORT",
        "STEERED BY",
        ">KEY",
        ">TABLE",
        "ASKED",
        "NOT GRANTED",
        ">MISSES",
        ">ASTRAY",
        ">MISREAD",
        "LEFT TO SOFTWARE",
        "REASON",
    ]);
    let mut counts = Table::new([
        "PORT",
        ">RX FRAMES",
        ">RX BYTES",
        ">TX FRAMES",
        ">TX BYTES",
        ">MISSED",
        ">NO BUFFER",
        ">RX ERRORS",
        ">TX ERRORS",
    ]);
    for port in &ports.ports {
        devices.row([
            port.name.clone(),
            port.zone.clone(),
            port.partner.clone().unwrap_or_else(|| "-".to_owned()),
            link(port).to_owned(),
            port.speed_bits_per_second.map_or("-".to_owned(), bits_per_second),
            port.mtu.to_string(),
            format!("{}/{}", port.rx_queues, port.tx_queues),
            port.mac.clone(),
            port.socket.map_or("-".to_owned(), |socket| socket.to_string()),
            port.driver.clone(),
            port.device.clone(),
            if port.kernel_path_allowed { "ALLOWED" } else { "no" }.to_owned(),
        ]);
        steering.row(steering_row(&port.name, &port.steering));
        let PortStats {
            rx_packets,
            rx_bytes,
            tx_packets,
            tx_bytes,
            rx_missed,
            rx_no_mbuf,
            rx_errors,
            tx_errors,
        } = port.stats;
        counts.row([
            port.name.clone(),
            count(rx_packets),
            bytes(rx_bytes),
            count(tx_packets),
            bytes(tx_bytes),
            count(rx_missed),
            count(rx_no_mbuf),
            count(rx_errors),
            count(tx_errors),
        ]);
    }
    format!("{}\n{}\n{}", devices.block(), steering.block(), counts.block())
}

fn steering_row(port: &str, steering: &PortSteering) -> [String; 11] {
    let PortSteering {
        by,
        reason,
        key_bytes,
        key,
        asked,
        granted,
        table_entries,
        table,
        left_to_software,
        misses,
        strays,
        hashed,
        misread,
        wrong,
    } = steering;
    let dash = || "-".to_owned();
    let list = |words: &[String], between: &str| {
        if words.is_empty() { dash() } else { words.join(between) }
    };
    let refused: Vec<String> =
        asked.iter().filter(|kind| !granted.contains(kind)).cloned().collect();
    [
        port.to_owned(),
        if *wrong { format!("{by}, WRONG") } else { by.clone() },
        if *key_bytes == 0 { dash() } else { format!("{key_bytes} {key}") },
        if *table_entries == 0 { dash() } else { format!("{table_entries} {table}") },
        list(asked, " "),
        list(&refused, " "),
        count(*misses),
        count(*strays),
        if *hashed == 0 { dash() } else { count(*misread) },
        list(left_to_software, ", "),
        reason.clone().unwrap_or_else(dash),
    ]
}

/// The state of a port's link in a word.
const fn link(port: &PortInfo) -> &'static str {
    match port {
        PortInfo { gone: true, .. } => "GONE",
        PortInfo { held_down: true, .. } => "HELD",
        PortInfo { link_up: true, .. } => "up",
        PortInfo { link_up: false, .. } => "DOWN",
    }
}
