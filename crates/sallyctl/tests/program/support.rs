//! Runs the built program, and writes the files that it is given.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapWriter};
use tempfile::TempDir;
use testkit::packet::Frame;

/// Inside may start anything but telnet; what comes from outside to port 113 is answered with a reset.
pub(crate) const CONFIG: &str = r#"
[system]
control_core = 0
worker_cores = [1]
hugepages = false
memory = "256MiB"

[sessions]
max = 100_000

[[port]]
name = "lan0"
device = "net_tap,iface=lan"
zone = "inside"

[[port]]
name = "wan0"
device = "net_tap,iface=wan"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]

[[rule]]
name = "no-telnet"
from = ["inside"]
service = ["tcp/23"]
action = "drop"

[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
action = "allow"

[[rule]]
name = "no-ident"
from = ["outside"]
service = ["tcp/113"]
action = "reject"
"#;

/// A directory with a configuration file in it.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        place.file("fw.toml", CONFIG);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a writable directory");
        path
    }

    /// A capture of these frames, at these microseconds after an hour and a bit.
    pub(crate) fn capture(&self, name: &str, frames: &[(u64, Frame)]) -> PathBuf {
        let mut writer = PcapWriter::new(Vec::new()).expect("a vector takes all");
        for (micros, frame) in frames {
            let bytes = frame.bytes();
            let length = u32::try_from(bytes.len()).expect("a short frame");
            let stamp = Duration::from_secs(4_000) + Duration::from_micros(*micros);
            let packet = PcapPacket::new(stamp, length, &bytes);
            writer.write_packet(&packet).expect("a vector takes all");
        }
        self.file(name, writer.into_writer())
    }

    /// `sallyctl replay` of a capture with this place's configuration.
    pub(crate) fn replay(&self, capture: &Path, more: &[&str]) -> Ran {
        let (config, capture) = (self.path("fw.toml"), capture.display().to_string());
        let config = config.display().to_string();
        let mut arguments = vec!["replay", "--config", &config, "--capture", &capture];
        arguments.extend(more);
        sallyctl(&arguments)
    }
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

/// Runs the program.
pub(crate) fn sallyctl(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyctl"));
    let Output { status, stdout, stderr } =
        command.args(arguments).output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("the output is text");
    Ran { status: status.code(), out: text(stdout), errors: text(stderr) }
}
