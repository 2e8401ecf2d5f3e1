//! What the way to the servers was like.
//!
//! A plugin before the router sees the last attempt only. The plugin behind it sees each, and leaves what
//! it saw in filter state; where there is none, the number of attempts says that those before the last failed.

use std::time::Duration;

use llm_wire::retry_after;
use traffic_policy::attempt;

use super::Exchange;
use crate::filter::Upstream;
use crate::host::headers::Pairs;
use crate::host::{clock, properties};

/// Filter state in which the plugin behind the router tells of attempts.
pub(crate) const ATTEMPTS: &str = "llm.attempts";

impl Exchange {
    /// What is known when these headers of an answer have come, or none will.
    pub(super) fn upstream(&self, status: Option<u16>, answer: &Pairs) -> Upstream {
        if !self.plugin.follows.upstream || self.decision.refusal().is_some() {
            return Upstream::default();
        }
        let judged = properties::state(ATTEMPTS).ok();
        Upstream {
            attempts: properties::attempts().unwrap_or(0),
            endpoint: self.plugin.follows.endpoint.then(properties::upstream_address).flatten(),
            status,
            is_overflow: status == Some(503) && properties::is_overflow(),
            retry_after: status
                .filter(|status| *status >= 400)
                .and_then(|status| hint(matches!(status, 429 | 529), answer)),
            judged: judged.and_then(|bytes| attempt::decode(&bytes)).unwrap_or_default(),
        }
    }
}

/// When to come back, as an answer says.
///
/// Servers send with every answer when each of their limits is as it was. That says something only of an
/// answer that was refused for a limit.
pub(crate) fn hint(is_limit: bool, answer: &Pairs) -> Option<Duration> {
    let is_told = |name: &[u8]| name.starts_with(b"retry-after") || name.starts_with(b"x-ms-retry");
    let said = answer.iter().filter(|(name, _)| is_limit || is_told(name));
    retry_after(said, clock::wall())
}
