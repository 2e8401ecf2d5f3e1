//! The decision, and the ways it takes effect.

use llm_wire::{Family, Refusal};
use proxy_wasm::types::Action;

use super::ask::Asked;
use super::{Exchange, Phase};
use crate::config::Access;
use crate::decision::{Decision, Reply};
use crate::edit::Edit;
use crate::facts::Part;
use crate::gate::{Release, TICKET, Ticket};
use crate::host::headers::{self, Map};
use crate::host::{clock, properties, queues, streams};
use crate::root::Blind;

const CONTENT_LENGTH: &str = "content-length";

impl Exchange {
    /// Asks the filters, and does what they say. The result is what the callback has to return:
    /// `Continue` lets a request go on that was paused by this plugin.
    pub(super) fn decide(&mut self, part: Part) -> Action {
        let phase = std::mem::replace(&mut self.phase, Phase::Decided);
        self.plugin.waiting.remove(self.context);
        self.facts.part = part;
        if part == Part::Whole {
            self.facts.body_bytes.get_or_insert(self.read as u64);
        }
        if let Some(scanner) = self.scanner.take() {
            self.take_facts(*scanner, phase);
        }
        if self.plugin.follows.upstream {
            self.facts.now = clock::monotonic();
        }
        let mut decision = Decision::default();
        self.ask_filters(&mut decision);
        self.may_ask(&mut decision, phase);
        let action = match (decision.refusal(), phase) {
            (Some(reply), _) => self.refuse(&decision, reply),
            (None, Phase::Reading(Access::Gate)) => self.release_gate(&decision),
            (None, _) => self.set_headers(&decision),
        };
        self.asked = decision.ask_for_usage.then(Asked::default);
        self.decision = decision;
        self.assign_lesson();
        action
    }

    /// In their order. One that sends a request elsewhere makes those before it think again.
    fn ask_filters(&self, decision: &mut Decision) {
        for (place, filter) in self.plugin.filters.iter().enumerate() {
            let pool = decision.pool.clone();
            filter.decide(&self.facts, decision);
            let is_avoided = |version: &String| decision.avoid_versions.contains(version);
            if decision.pool != pool || decision.version.as_ref().is_some_and(is_avoided) {
                let earlier = self.plugin.filters.iter().take(place);
                earlier.for_each(|filter| filter.diverted(&self.facts, decision));
            }
        }
    }

    /// Answers in the server's place, as the API that was called reports errors.
    fn refuse(&self, decision: &Decision, reply: &Reply) -> Action {
        self.publish(decision);
        let family = self.facts.api.map_or(Family::OpenAi, llm_wire::Api::family);
        let refusal = Refusal {
            status: reply.status,
            kind: "",
            code: reply.code,
            message: &reply.message,
            param: reply.param,
        };
        let details = format!("llm_refused_{}", reply.code.unwrap_or("request"));
        let json: (&str, &[u8]) = ("content-type", b"application/json");
        // A second too long disturbs nobody; one too short brings the client back in vain.
        let seconds = reply.retry_after.map(|span| span.as_millis().div_ceil(1000).to_string());
        let retry_after = seconds.as_ref().map(|s| ("retry-after", s.as_bytes()));
        let headers: Vec<(&str, &[u8])> = [json].into_iter().chain(retry_after).collect();
        let _ = streams::reply(reply.status, &details, &headers, &refusal.body(family));
        Action::Pause
    }

    /// The request is still here: in its headers' callback, or paused.
    fn set_headers(&self, decision: &Decision) -> Action {
        self.publish(decision);
        for (name, value) in decision.request_headers() {
            let _ = headers::set(Map::Request, name, value.as_bytes());
        }
        let edit = self.edit(decision);
        if !edit.is_empty() {
            self.plugin.counters.body_edits.count(edit.apply().is_ok_and(|()| {
                self.new_length(&edit).is_none_or(|length| {
                    headers::set(Map::Request, CONTENT_LENGTH, length.as_bytes()).is_ok()
                })
            }));
        }
        Action::Continue
    }

    /// What is to be changed in the body; only one that waits somewhere can be.
    fn edit(&self, decision: &Decision) -> Edit {
        let mut edit = Edit::default();
        let body = &self.facts.body;
        if let Some((place, name)) = body.model_at.as_ref().zip(decision.model_in_body.as_ref()) {
            edit.set_model(place, name);
        }
        if let Some(insertion) = body.ask_for_usage().filter(|_| decision.ask_for_usage) {
            edit.add(&insertion.place, insertion.text.as_bytes().to_vec());
        }
        edit
    }

    fn new_length(&self, edit: &Edit) -> Option<String> {
        self.content_length.map(|length| edit.length(length).to_string())
    }

    /// The request has gone on, and waits at the gate.
    fn release_gate(&self, decision: &Decision) -> Action {
        let ticket = properties::state(TICKET).ok().and_then(|bytes| Ticket::decode(&bytes));
        let Some(ticket) = ticket else {
            self.plugin.is_blind(Blind::Gate);
            return Action::Continue;
        };
        self.publish(decision);
        let edit = self.edit(decision);
        let length = (!edit.is_empty()).then(|| self.new_length(&edit)).flatten();
        let length = length.as_deref().map(|length| (CONTENT_LENGTH, length));
        let headers = decision.request_headers().chain(length);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let release = Release { context: ticket.context, headers: headers.collect(), edit };
        if queues::send(ticket.queue, &release.encode()).is_err() {
            self.plugin.is_blind(Blind::Gate);
        }
        Action::Continue
    }
}
