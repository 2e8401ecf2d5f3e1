//! What the way to the servers was like.
//!
//! A plugin before the router sees the last attempt only. The plugin behind it sees each, and leaves what
//! it saw in filter state; where there is none, the number of attempts says that those before the last failed.

use llm_wire::retry_after;
use traffic_policy::attempt::{self, Class, Upstream};

use super::Exchange;
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
            attempts: properties::attempts()
                .map_or(0, |count| u8::try_from(count).unwrap_or(u8::MAX)),
            endpoint: self.plugin.follows.endpoint.then(properties::upstream_address).flatten(),
            is_overflow: status == Some(503) && properties::is_overflow(),
            retry_after: status.filter(|status| *status >= 400).and_then(|status| {
                let is_limit = Class::of_status(status).is_some_and(Class::is_limit);
                retry_after(answer.iter(), clock::wall()).wait(is_limit)
            }),
            judged: judged.and_then(|bytes| attempt::decode(&bytes)).unwrap_or_default(),
        }
    }
}
