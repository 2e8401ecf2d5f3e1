//! Asking a stream for its usage, which the client did not do and will not see.
//!
//! The request's body gets `stream_options.include_usage`, and the event that this brings is taken
//! out of the answer again. A server that does not know the option refuses the whole request. That
//! cannot be undone here: its answer is the client's. But it is noticed, and servers of the same
//! pool are left in peace for a while ([`crate::asking`]; `traffic_policy::asking` says what is taken for a
//! refusal).

use llm_wire::AnswerFacts;

use super::{Exchange, Phase};
use crate::config::Access;
use crate::decision::Decision;
use crate::facts::Part;

/// More of an error is not looked at.
const MAX_ERROR: usize = 4096;

/// What was asked for, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What the server has said in refusing the request.
    error: Vec<u8>,
}

impl Exchange {
    /// Takes the wish back where it cannot be fulfilled: the body does not wait anywhere or has not
    /// been read to its end, or the servers do not want to hear it.
    pub(super) fn may_ask(&self, decision: &mut Decision, phase: Phase) {
        let waits = matches!(phase, Phase::Reading(Access::Knob | Access::Gate));
        decision.ask_for_usage = decision.ask_for_usage
            && self.follows
            && waits
            && decision.refusal().is_none()
            && self.facts.part == Part::Whole
            && !self.may_be_compressed
            && self.facts.body.ask_for_usage().is_some()
            && self.plugin.asking.may(self.target(decision));
        if decision.ask_for_usage {
            self.plugin.asking.counters.asked.increment();
        }
    }

    /// What a server says in refusing a request that we changed.
    pub(super) fn refused_with(&mut self, bytes: &[u8]) {
        let Some(asked) = &mut self.asked else { return };
        let room = MAX_ERROR.saturating_sub(asked.error.len());
        asked.error.extend(bytes.iter().take(room));
    }

    /// The answer is over: what does it say of servers that are asked?
    pub(super) fn judge_asking(&mut self, facts: &AnswerFacts, is_refusal: bool) {
        let Some(asked) = self.asked.take() else { return };
        if is_refusal {
            self.plugin.asking.refused(self.target(&self.decision), &asked.error);
        } else if facts.usage.is_some() {
            self.plugin.asking.accepted(self.target(&self.decision));
        }
    }

    /// Who is asked: servers of one pool are taken to be alike, or those of one model of the
    /// configuration.
    fn target<'a>(&'a self, decision: &'a Decision) -> &'a str {
        let pool = decision.pool_of(&self.facts);
        let model = || decision.model.as_deref().or(self.facts.body.model.as_deref());
        let known = || self.plugin.shared.catalog.resolve(model()?).map(|m| m.name.as_str());
        pool.or_else(known).unwrap_or_default()
    }
}
