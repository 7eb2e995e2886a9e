//! The name of a session.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A session's identity for the life of the daemon: `WORKER-SLOT-MILLIS`. A slot of the table is used
/// again after a session's end; the time of its creation tells the two apart.
///
/// It is a string in JSON, since many readers of JSON keep only 53 bits of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId {
    /// The worker that owns it.
    pub worker: u16,
    /// Its place in the worker's table.
    pub slot: u32,
    /// When it was created, in milliseconds since the start of the daemon.
    pub created_millis: u64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, slot, created_millis } = self;
        write!(f, "{worker}-{slot}-{created_millis}")
    }
}

/// A word that names no session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no session's id: WORKER-SLOT-MILLIS, as `sessions` shows it")]
pub struct SessionIdError(pub String);

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let mut parts = text.split('-');
            let worker = parts.next()?.parse().ok()?;
            let slot = parts.next()?.parse().ok()?;
            let created_millis = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { worker, slot, created_millis })
        };
        parts().ok_or_else(|| SessionIdError(text.to_owned()))
    }
}

impl TryFrom<String> for SessionId {
    type Error = SessionIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_as_written() {
        let id = SessionId { worker: 3, slot: u32::MAX, created_millis: u64::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""3-4294967295-18446744073709551615""#);
    }

    #[test]
    fn others_are_refused() {
        for text in ["", "17", "1-2", "1-2-3-4", "-1-2-3", "70000-1-1", "a-b-c"] {
            assert_eq!(text.parse::<SessionId>(), Err(SessionIdError(text.to_owned())));
        }
    }
}
