//! The envelope of every line that the daemon writes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Diagnostic;

/// The version of the documents of this crate: a `1` in JSON. Another number is refused on reading,
/// so that a newer daemon is never half understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Version {
    /// The number that stands for it.
    pub const NUMBER: u32 = 1;
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::NUMBER)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            Self::NUMBER => Ok(Self),
            other => Err(de::Error::custom(format_args!(
                "document version {other}, this program reads version {}",
                Self::NUMBER
            ))),
        }
    }
}

/// One line of the daemon's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line<T> {
    /// The whole answer of a request that does not stream.
    Answer(T),
    /// One of many.
    Item(T),
    /// The end of a stream.
    End(End),
    /// The request was refused, or could not be finished. Nothing follows.
    Error(Refusal),
}

/// What closes a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Always 1.
    pub version: Version,
    /// How many items were sent.
    pub count: u64,
    /// Whether the limit of the request was reached, so that more may exist.
    pub truncated: bool,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Always 1.
    pub version: Version,
    /// The class of the reason.
    pub kind: RefusalKind,
    /// The reason, for people, with the remedy.
    pub message: String,
    /// What is wrong with the configuration file, where that is the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

impl Refusal {
    /// A refusal without diagnostics.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { version: Version, kind, message: message.into(), diagnostics: Vec::new() }
    }
}

/// The classes of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request is not understood, or names what does not exist.
    InvalidRequest,
    /// The caller may not do this.
    PermissionDenied,
    /// The configuration file has faults; the running policy is untouched.
    InvalidConfiguration,
    /// The file changes what only a restart can change; the running policy is untouched.
    RestartNeeded,
    /// Too many connections, or a worker did not answer in time.
    Busy,
    /// The daemon is about to end.
    Stopping,
}

impl RefusalKind {
    /// The name it has in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::PermissionDenied => "permission_denied",
            Self::InvalidConfiguration => "invalid_configuration",
            Self::RestartNeeded => "restart_needed",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }
}
