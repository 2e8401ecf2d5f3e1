//! What the way to the servers was like.
//!
//! A plugin before the router sees the last attempt only. The plugin behind it sees each, and leaves what
//! it saw in filter state; where there is none, the number of attempts says that those before the last failed.

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
            retry_after: (status >= Some(400))
                .then(|| retry_after(answer.iter(), clock::wall()))
                .flatten(),
            judged: judged.and_then(|bytes| attempt::decode(&bytes)).unwrap_or_default(),
        }
    }
}
