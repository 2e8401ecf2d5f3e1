//! The decision, and the ways it takes effect.

use std::fmt::Write as _;

use llm_wire::{Family, Refusal};
use proxy_wasm::types::Action;

use super::arrive::FACTS;
use super::{Exchange, Phase};
use crate::config::{Access, LogField};
use crate::decision::{Decision, Reply};
use crate::edit::Edit;
use crate::facts::{Part, pack};
use crate::gate::{Release, TICKET, Ticket};
use crate::host::headers::{self, Map};
use crate::host::{properties, queues, streams};
use crate::root::Blind;

const CONTENT_LENGTH: &str = "content-length";

impl Exchange {
    /// Asks the filters, and does what they say. The result is what the callback has to return:
    /// `Continue` lets a request go on that was paused by this plugin.
    pub(super) fn decide(&mut self, part: Part) -> Action {
        let phase = std::mem::replace(&mut self.phase, Phase::Decided);
        self.plugin.waiting.remove(self.context);
        self.facts.part = part;
        if let Some(scanner) = self.scanner.take() {
            self.take_facts(scanner, phase);
        }
        let mut decision = Decision::default();
        for filter in &self.plugin.filters {
            filter.decide(&self.facts, &mut decision);
        }
        let action = match (decision.refusal(), phase) {
            (Some(reply), _) => self.refuse(reply),
            (None, Phase::Reading(Access::Gate)) => self.release_gate(&decision),
            (None, _) => self.set_headers(&decision),
        };
        self.decision = decision;
        self.assign_lesson();
        action
    }

    /// Answers in the server's place, as the API that was called reports errors.
    fn refuse(&self, reply: &Reply) -> Action {
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
        let _ = streams::reply(reply.status, &details, &[json], &refusal.body(family));
        Action::Pause
    }

    /// The request is still here: in its headers' callback, or paused.
    fn set_headers(&self, decision: &Decision) -> Action {
        self.publish(decision);
        for (name, value) in decision.headers() {
            let _ = headers::set(Map::Request, name, value.as_bytes());
        }
        if let Some(edit) = self.edit(decision) {
            self.plugin.counters.body_edits.count(edit.apply().is_ok_and(|()| {
                self.new_length(&edit).is_none_or(|length| {
                    headers::set(Map::Request, CONTENT_LENGTH, length.as_bytes()).is_ok()
                })
            }));
        }
        Action::Continue
    }

    /// What is to be changed in the body; only one that waits somewhere can be.
    fn edit(&self, decision: &Decision) -> Option<Edit> {
        let name = decision.model_in_body.as_deref()?;
        self.facts.body.model_at.as_ref().and_then(|place| Edit::model(place, name))
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
        let length = edit.as_ref().and_then(|edit| self.new_length(edit));
        let length = length.as_deref().map(|length| (CONTENT_LENGTH, length));
        let headers = decision.headers().chain(length);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let release = Release { context: ticket.context, headers: headers.collect(), edit };
        if queues::send(ticket.queue, &release.encode()).is_err() {
            self.plugin.is_blind(Blind::Gate);
        }
        Action::Continue
    }

    /// Facts for plugins that come later, and for access logs.
    fn publish(&self, decision: &Decision) {
        let _ = properties::set_state(FACTS, &pack(&self.facts, decision));
        let body = &self.facts.body;
        // Nothing was counted where nothing was seen, and 0 would say otherwise.
        let counted = self.facts.part != Part::Headers;
        let (mut number, mut percent) = (String::new(), String::new());
        for field in &self.plugin.shared.log_fields {
            let (name, value) = match field {
                LogField::Model => ("llm.model", decision.model.as_deref()),
                LogField::PromptTokens => {
                    let _ = write!(number, "{}", body.prompt.tokens);
                    ("llm.prompt_tokens", counted.then_some(number.as_str()))
                }
                LogField::TokenSource => {
                    ("llm.token_source", counted.then_some(body.prompt.source.as_str()))
                }
                LogField::TokenErrorPercent => {
                    let _ = write!(percent, "{}", body.prompt.error_percent);
                    ("llm.token_error_percent", counted.then_some(percent.as_str()))
                }
                LogField::Pool => ("llm.pool", decision.pool.as_deref()),
            };
            if let Some(value) = value {
                let _ = properties::set_state(name, value.as_bytes());
            }
        }
    }
}
