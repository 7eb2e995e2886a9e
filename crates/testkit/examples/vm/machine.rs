//! The virtual machine: QEMU, its console, and the serial line by which it is told what to do.
//!
//! A serial line needs nothing inside but a kernel: no network that the firewall could disturb, no driver.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use testkit::netns::{Host, Process, within};

use crate::nic::Nic;

/// Where the NICs are: behind one root port each, so that each has an IOMMU group of its own.
pub(crate) const ADDRESSES: [&str; 2] = ["0000:01:00.0", "0000:02:00.0"];

/// Whatever happens to this program, the machine is gone after so many seconds.
const LIFE: &str = "600";
/// How long it may take to start: some ten seconds of work, on a machine that may be busy.
const BOOT: Duration = Duration::from_secs(120);

/// The kernel's command line, as the head of `configs/appliance.toml` wants it. A timer that is emulated on a busy machine
/// is not to be judged by how punctual it is.
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 no_timer_check intel_iommu=on iommu=pt \
                            isolcpus=2-5 nohz_full=2-5 rcu_nocbs=2-5 pages=320";

/// What is booted.
#[derive(Debug)]
pub(crate) struct Boot {
    pub(crate) kernel: PathBuf,
    pub(crate) initramfs: PathBuf,
}

/// What a command inside left.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its exit status.
    pub(crate) status: i32,
    /// All that it wrote.
    pub(crate) text: String,
}

/// A running machine, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Machine {
    qemu: Process,
    line: UnixStream,
    console: PathBuf,
    /// The socket of QEMU's test protocol.
    probe: PathBuf,
}

impl Machine {
    /// Starts it on a host, where its tap devices appear as `tap0` and `tap1`. `folder` is for its files.
    ///
    /// # Errors
    /// In words, with what QEMU and the console said.
    pub(crate) fn start(boot: &Boot, nic: Nic, host: &Host, folder: &Path) -> Result<Self, String> {
        let console = folder.join("console.log");
        let socket = folder.join("line");
        let probe = folder.join("probe");
        let log = folder.join("qemu.log");
        let qemu = host.spawn(&arguments(boot, nic, &console, &socket, &probe), &log);
        let mut machine = Self {
            line: within(BOOT, || UnixStream::connect(&socket).ok())
                .ok_or_else(|| format!("QEMU does not start: {}", read(&log)))?,
            qemu,
            console,
            probe,
        };
        let ready = within(BOOT, || {
            machine
                .console()
                .contains("READY")
                .then_some(true)
                .or_else(|| machine.qemu.ended().map(|_| false))
        });
        match ready {
            Some(true) => Ok(machine),
            Some(false) | None => {
                Err(format!("the machine does not start: {}{}", machine.console(), read(&log)))
            }
        }
    }

    /// What it wrote on its console.
    pub(crate) fn console(&self) -> String {
        read(&self.console)
    }

    /// Has its shell carry out a command, which may take so long.
    ///
    /// # Errors
    /// If there is no answer.
    pub(crate) fn run(&mut self, command: &str, limit: Duration) -> io::Result<Answer> {
        self.line.set_read_timeout(Some(limit))?;
        self.line.write_all(command.as_bytes())?;
        self.line.write_all(b"\n")?;
        let mut octets = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = self.line.read(&mut piece)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            octets.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&octets);
            if let Some(status) = status(&text) {
                let text = text.rsplit_once("\n#done ").map_or("", |(text, _)| text).to_owned();
                return Ok(Answer { status, text });
            }
        }
    }

    /// The document that `sallyctl WORDS --json` prints inside; null if it prints none.
    pub(crate) fn ask(&mut self, words: &str) -> Value {
        let command = format!("sallyctl {words} --json");
        let answer = self.run(&command, Duration::from_secs(20));
        answer
            .ok()
            .and_then(|answer| serde_json::from_str(&answer.text).ok())
            .unwrap_or(Value::Null)
    }
}

/// The machine's memory as its processors address it, registers of devices included: read and written from outside,
/// behind the back of all that runs inside (QEMU's qtest protocol).
pub(crate) struct Probe(BufReader<UnixStream>);

impl Machine {
    /// Opens it.
    ///
    /// # Errors
    /// Those of its socket.
    pub(crate) fn probe(&self) -> io::Result<Probe> {
        UnixStream::connect(&self.probe).map(|stream| Probe(BufReader::new(stream)))
    }
}

impl Probe {
    /// A register of 32 bits.
    ///
    /// # Errors
    /// If QEMU does not answer as it should.
    pub(crate) fn read(&mut self, address: u64) -> io::Result<u32> {
        let answer = self.ask(&format!("readl {address:#x}"))?;
        let value = answer.strip_prefix("0x").and_then(|it| u64::from_str_radix(it, 16).ok());
        value.and_then(|it| u32::try_from(it).ok()).ok_or_else(|| io::Error::other(answer))
    }

    /// Sets a register of 32 bits.
    ///
    /// # Errors
    /// If QEMU does not answer as it should.
    pub(crate) fn write(&mut self, address: u64, value: u32) -> io::Result<()> {
        self.ask(&format!("writel {address:#x} {value:#x}")).map(drop)
    }

    fn ask(&mut self, words: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{words}\n").as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        match line.trim().strip_prefix("OK") {
            Some(answer) => Ok(answer.trim().to_owned()),
            None => Err(io::Error::other(line)),
        }
    }
}

/// The status that ends an answer, if it has come to its end.
fn status(text: &str) -> Option<i32> {
    let (_, status) = text.strip_suffix('\n')?.rsplit_once("\n#done ")?;
    status.parse().ok()
}

fn read(path: &Path) -> String {
    // What is not there yet has said nothing.
    fs::read_to_string(path).unwrap_or_default()
}

fn arguments(boot: &Boot, nic: Nic, console: &Path, socket: &Path, probe: &Path) -> Vec<String> {
    let mut words: Vec<String> = [
        "timeout",
        LIFE,
        "qemu-system-x86_64",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-machine",
        "q35",
        "-m",
        "1280",
        "-smp",
        "6",
        "-device",
        "intel-iommu,intremap=on,caching-mode=on",
    ]
    .map(str::to_owned)
    .into();
    for index in 0..ADDRESSES.len() {
        let queues = match nic.tap_queues() {
            1 => String::new(),
            queues => format!(",queues={queues}"),
        };
        words.extend([
            "-netdev".to_owned(),
            format!(
                "tap,id=net{index},ifname=tap{index},script=no,downscript=no,vhost=off{queues}"
            ),
            "-device".to_owned(),
            format!("pcie-root-port,id=root{index},chassis={},slot={}", index + 1, index + 1),
            "-device".to_owned(),
            format!("{},netdev=net{index},romfile=,bus=root{index}", nic.device()),
        ]);
    }
    words.extend([
        "-serial".to_owned(),
        format!("file:{}", console.display()),
        "-serial".to_owned(),
        format!("unix:{},server=on,wait=off", socket.display()),
        "-qtest".to_owned(),
        format!("unix:{},server=on,wait=off", probe.display()),
        "-qtest-log".to_owned(),
        "none".to_owned(),
        "-kernel".to_owned(),
        boot.kernel.display().to_string(),
        "-initrd".to_owned(),
        boot.initramfs.display().to_string(),
        "-append".to_owned(),
        COMMAND_LINE.to_owned(),
    ]);
    words
}
