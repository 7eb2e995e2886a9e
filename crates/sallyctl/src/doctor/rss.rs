//! How the NICs of the running box steer frames to workers: what their drivers granted, as the daemon tells it.

use api::{PortInfo, Ports};

use super::finding::{Findings, Level, Subject};

/// Examines the ports that the daemon has.
pub(super) fn rss(ports: &Ports, workers: usize, findings: &mut Findings) {
    for PortInfo { name, driver, rss, rx_queues, gone, .. } in &ports.ports {
        if *gone {
            let message = "its device is gone; the port is out of use until a restart";
            let remedy = "systemctl restart sallyport, once the device is back";
            findings.found(Level::Fault, Subject::Binding, message, remedy).at(name);
            continue;
        }
        let queues = format!("driver {driver}, receive queues: {rx_queues} for workers: {workers}");
        if workers > 1 && rss.starts_with("software") {
            let message = format!("{rss} ({queues}): workers hand frames over to their owners");
            let remedy = "none is needed; a NIC that hashes, or one worker, spares the hand-over";
            findings.found(Level::Note, Subject::Rss, message, remedy).at(name);
        } else {
            findings.ok(Subject::Rss, format!("{rss} ({queues})")).at(name);
        }
    }
}
