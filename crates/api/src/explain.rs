//! `explain`: how one packet would be judged, step by step.

use serde::{Deserialize, Serialize};

use crate::{Tuple, Version};

/// The judgement and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Always 1.
    pub version: Version,
    /// The packet.
    pub tuple: Tuple,
    /// `forward`, `drop`, `reject` or `consume`.
    pub verdict: String,
    /// Why it is dropped or rejected.
    pub reason: Option<String>,
    /// The rule that decides; none: no rule was asked, or none matched.
    pub rule: Option<String>,
    /// The worker that owns the packet's session.
    pub worker: Option<u16>,
    /// In order; the last one decides.
    pub steps: Vec<Step>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was looked at: `screen`, `session`, `state`, `rule`, …
    pub check: String,
    /// What came of it, for people.
    pub outcome: String,
}
