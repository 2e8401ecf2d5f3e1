//! What each class of errors leads to, and the statuses by which Envoy is told.

use serde::Deserialize;

use crate::attempt::{Class, Classes};

/// What an error leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Another attempt.
    Next,
    /// The client gets it.
    Fail,
}

/// What each class of errors leads to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawClasses {
    /// 429.
    pub rate_limited: Rule,
    /// 529, and what says so in its words.
    pub overloaded: Rule,
    /// 500 to 503.
    pub server_error: Rule,
    /// 408 and 504.
    pub timeout: Rule,
    /// A prompt that is too long; only the plugin behind the router can tell.
    pub context_length: Rule,
    /// An answer that was refused; only the plugin behind the router can tell.
    pub content_policy: Rule,
    /// 401 and 403.
    pub authentication: Rule,
}

impl Default for RawClasses {
    fn default() -> Self {
        Self {
            rate_limited: Rule::Next,
            overloaded: Rule::Next,
            server_error: Rule::Next,
            timeout: Rule::Next,
            context_length: Rule::Fail,
            content_policy: Rule::Fail,
            authentication: Rule::Fail,
        }
    }
}

impl RawClasses {
    /// Those that have a rule.
    pub(super) const ALL: [Class; 7] = [
        Class::RateLimited,
        Class::Overloaded,
        Class::ServerError,
        Class::Timeout,
        Class::ContextLength,
        Class::ContentPolicy,
        Class::Authentication,
    ];

    /// The classes that lead to another attempt.
    pub(super) fn going_on(&self) -> Classes {
        let rules = [
            self.rate_limited,
            self.overloaded,
            self.server_error,
            self.timeout,
            self.context_length,
            self.content_policy,
            self.authentication,
        ];
        let going_on = Self::ALL.into_iter().zip(rules).filter(|(_, rule)| *rule == Rule::Next);
        going_on.map(|(class, _)| class).collect()
    }
}

/// What the plugin behind the router answers in the place of an error that has no status of its own.
const REWRITTEN: u16 = 503;

/// All statuses that are tried again, in order.
pub(crate) fn all_statuses(named: &[u16], goes_on: Classes) -> Vec<u16> {
    let classes = Class::ALL.into_iter().filter(|class| goes_on.has(*class));
    let mut all: Vec<u16> = classes.flat_map(|class| class.statuses().iter().copied()).collect();
    all.extend(named);
    all.extend((!goes_on.is_empty()).then_some(REWRITTEN));
    all.sort_unstable();
    all.dedup();
    all
}
