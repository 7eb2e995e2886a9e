//! What the doctor says: one finding for each thing that it looked at.

use core::fmt;

use serde::Serialize;

/// How bad it is, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing needs doing.
    Note,
    /// It works, slower or less safely than it could.
    Warning,
    /// The daemon does not start like this, or traffic does not pass.
    Fault,
}

impl Level {
    /// From the worst on: the order in which people want to hear them.
    pub(super) const WORST_FIRST: [Self; 4] = [Self::Fault, Self::Warning, Self::Note, Self::Ok];

    /// Whether a box with such a finding is found wanting.
    pub(super) const fn wants(self) -> bool {
        match self {
            Self::Ok | Self::Note => false,
            Self::Warning | Self::Fault => true,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    /// The configuration file.
    Configuration,
    /// The running daemon.
    Daemon,
    /// Hugepages: number, size, mount.
    Hugepages,
    /// What the kernel lets a process have.
    Limits,
    /// That the CPUs of the configuration exist.
    Cores,
    /// That nothing else runs on the workers' CPUs.
    Isolation,
    /// Workers that share a physical core.
    Siblings,
    /// Which driver has a NIC.
    Binding,
    /// What keeps a NIC from memory that is not its own.
    Iommu,
    /// NUMA sockets of NICs and workers.
    Socket,
    /// The kernel interface under a port: whether it is there, and no way around the firewall.
    Interface,
    /// What hosts at the other end of a veth pair leave to a NIC that there is not.
    Offload,
    /// How a NIC steers frames to workers.
    Rss,
}

impl Subject {
    const fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Daemon => "daemon",
            Self::Hugepages => "hugepages",
            Self::Limits => "limits",
            Self::Cores => "cores",
            Self::Isolation => "isolation",
            Self::Siblings => "siblings",
            Self::Binding => "binding",
            Self::Iommu => "iommu",
            Self::Socket => "socket",
            Self::Interface => "interface",
            Self::Offload => "offload",
            Self::Rss => "rss",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) subject: Subject,
    /// The port that it is about; none: the whole box.
    pub(super) port: Option<String>,
    /// How it is.
    pub(super) message: String,
    /// The command, or the line of configuration, that mends it.
    pub(super) remedy: Option<String>,
}

/// All findings, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// As it should be.
    pub(super) fn ok(&mut self, subject: Subject, message: impl Into<String>) -> &mut Finding {
        self.add(Level::Ok, subject, message.into(), None)
    }

    /// Anything else.
    pub(super) fn found(
        &mut self,
        level: Level,
        subject: Subject,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> &mut Finding {
        self.add(level, subject, message.into(), Some(remedy.into()))
    }

    fn add(
        &mut self,
        level: Level,
        subject: Subject,
        message: String,
        remedy: Option<String>,
    ) -> &mut Finding {
        self.0.push(Finding { level, subject, port: None, message, remedy });
        self.0.last_mut().expect("one was pushed")
    }

    /// In their order.
    pub(super) fn as_slice(&self) -> &[Finding] {
        &self.0
    }

    /// The worst level; `Ok` if there is nothing.
    pub(super) fn worst(&self) -> Level {
        self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
    }

    /// How many there are of a level.
    pub(super) fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

impl Finding {
    /// Says which port it is about.
    pub(super) fn at(&mut self, port: &str) {
        self.port = Some(port.to_owned());
    }
}
