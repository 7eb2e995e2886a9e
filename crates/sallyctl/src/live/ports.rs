//! `ports` for people.

use api::{PortStats, Ports};

use crate::table::Table;
use crate::units::{bits_per_second, bytes, count};

/// Two tables: what the ports are, and what they counted.
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
        "RSS",
        "KERNEL PATH",
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
            if port.link_up { "up" } else { "DOWN" }.to_owned(),
            port.speed_bits_per_second.map_or("-".to_owned(), bits_per_second),
            port.mtu.to_string(),
            format!("{}/{}", port.rx_queues, port.tx_queues),
            port.mac.clone(),
            port.socket.map_or("-".to_owned(), |socket| socket.to_string()),
            port.driver.clone(),
            port.device.clone(),
            port.rss.clone(),
            if port.kernel_path_allowed { "ALLOWED" } else { "no" }.to_owned(),
        ]);
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
    format!("{}\n{}", devices.block(), counts.block())
}
