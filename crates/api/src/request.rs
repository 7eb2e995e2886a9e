//! What a client may ask.

use serde::{Deserialize, Serialize};

use crate::{SessionFilter, Tuple};

/// The longest request line that the daemon reads, in bytes with the line's end.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// A request: one line of JSON, `{"command": "…"}` with the fields of its variant.
///
/// None carries a file's path: the daemon reads only the file that it was started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How the box is. Answer: [`Status`](crate::Status).
    Status,
    /// Its ports. Answer: [`Ports`](crate::Ports).
    Ports,
    /// What happened to frames. Answer: [`Counters`](crate::Counters).
    Counters,
    /// The rules with their hits. Answer: [`Rules`](crate::Rules).
    Rules,
    /// The live sessions, a stream of [`Session`](crate::Session).
    Sessions {
        /// Which of them.
        #[serde(default)]
        filter: SessionFilter,
        /// At most so many; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// How many there are. Answer: [`SessionsCount`](crate::SessionsCount).
    SessionsCount {
        /// Which of them.
        #[serde(default)]
        filter: SessionFilter,
    },
    /// Ends sessions. Answer: [`SessionsCleared`](crate::SessionsCleared). For administrators.
    SessionsClear {
        /// Which of them; an empty filter is refused.
        filter: SessionFilter,
    },
    /// Loads the configuration file anew. Answer: [`ReloadReport`](crate::ReloadReport). For
    /// administrators.
    Reload,
    /// How a packet would be judged at this moment. Answer: [`Explanation`](crate::Explanation).
    Explain {
        /// The packet.
        tuple: Tuple,
    },
}

impl Request {
    /// Whether it changes the box, and so is for administrators only.
    #[must_use]
    pub const fn changes(&self) -> bool {
        match self {
            Self::Status
            | Self::Ports
            | Self::Counters
            | Self::Rules
            | Self::Sessions { .. }
            | Self::SessionsCount { .. }
            | Self::Explain { .. } => false,
            Self::SessionsClear { .. } | Self::Reload => true,
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Ports => "ports",
            Self::Counters => "counters",
            Self::Rules => "rules",
            Self::Sessions { .. } => "sessions",
            Self::SessionsCount { .. } => "sessions_count",
            Self::SessionsClear { .. } => "sessions_clear",
            Self::Reload => "reload",
            Self::Explain { .. } => "explain",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(r#"{"command":"status"}"#, Request::Status; "status")]
    #[test_case(r#"{"command":"sessions"}"#, Request::Sessions { filter: SessionFilter::default(), limit: None }; "all sessions")]
    #[test_case(r#"{"command":"sessions","filter":["proto=udp"],"limit":5}"#,
        Request::Sessions { filter: "proto=udp".parse().unwrap(), limit: Some(5) }; "some sessions")]
    #[test_case(r#"{"command":"reload"}"#, Request::Reload; "reload")]
    fn reads(text: &str, expected: Request) {
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request, expected);
        assert!(text.contains(&format!(r#""command":"{}""#, request.name())));
        let written = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&written).unwrap(), expected);
    }

    #[test_case(r#"{"command":"format_disk"}"#; "unknown command")]
    #[test_case(r#"{"command":"sessions","filtre":[]}"#; "unknown field")]
    #[test_case(r#"{"command":"sessions_clear"}"#; "clear without a filter")]
    #[test_case(r#"{"command":"sessions","limit":-1}"#; "negative limit")]
    #[test_case(r#"{"command":"sessions","filter":["colour=red"]}"#; "unknown key of a filter")]
    fn refuses(text: &str) {
        assert!(serde_json::from_str::<Request>(text).is_err());
    }
}
