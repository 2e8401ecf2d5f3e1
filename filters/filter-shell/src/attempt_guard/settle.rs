//! A verdict takes effect: it is told, and the answer passes or becomes another.

use std::time::Duration;

use llm_wire::{Api, Family, Refusal};
use proxy_wasm::types::Action;
use traffic_policy::attempt::{self, Attempt, Case, Class, Course, Verdict};

use super::attempt::{Attempting, Phase};
use crate::exchange::ATTEMPTS;
use crate::host::headers::{self, Map};
use crate::host::{body, clock, properties, streams};

/// Where the verdict was found, which decides what can still be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The answer has gone to the client.
    Gone,
    /// In the callback of its headers, and whether they are all.
    Headers { is_all: bool },
    /// In that of its body, of which so much is held.
    Body { size: usize },
    /// In that of its trailers.
    Trailers,
    /// In none.
    Tick,
}

/// Nobody's clock is so exact that it could tell a limit from what was cut off at it.
const TOLERANCE: Duration = Duration::from_millis(10);

const JSON: (&str, &[u8]) = ("content-type", b"application/json");

impl Attempting {
    /// The verdict. The result is what the callback has to return.
    pub(super) fn settle(
        &mut self,
        verdict: Verdict,
        class: Option<Class>,
        stage: Stage,
    ) -> Action {
        self.guard.waiting.remove(self.context);
        self.tell(verdict, class);
        if stage == Stage::Gone || self.guard.settings.is_shadow {
            return Action::Continue;
        }
        let family = self.api.map_or(Family::OpenAi, Api::family);
        let case = Case {
            verdict,
            class,
            status: self.status,
            is_last: self.plan.is_last(self.number),
            goes_on: self.plan.goes_on,
            has_529: family == Family::Anthropic,
        };
        match case.course() {
            Course::Pass => Action::Continue,
            Course::GoOn { status } => {
                self.guard.counters.rewritten(verdict).increment();
                let _ = headers::set(Map::Response, ":status", status.to_string().as_bytes());
                if verdict != Verdict::Status {
                    self.replace_body(&error(verdict, class, status, family), stage);
                }
                Action::Continue
            }
            Course::Answer { status } => {
                self.guard.counters.answered(verdict).increment();
                self.answer(verdict, class, status);
                Action::Pause
            }
        }
    }

    /// The router may find that there is no other attempt after all. Then the client is to hear of an error, and
    /// not of what the server has sent instead of an answer.
    fn replace_body(&mut self, error: &[u8], stage: Stage) {
        let rest = match stage {
            Stage::Headers { is_all: false } => error.to_vec(),
            Stage::Body { size } if body::replace_response(size, error).is_ok() => Vec::new(),
            _ => return,
        };
        let _ = headers::set(Map::Response, JSON.0, JSON.1);
        let _ = headers::remove(Map::Response, b"content-length");
        self.phase = Phase::Replacing(rest);
    }

    /// Answers in the server's place. The router does not try again after that.
    fn answer(&self, verdict: Verdict, class: Option<Class>, status: u16) {
        let family = self.api.map_or(Family::OpenAi, Api::family);
        let wait = self.wait(class).map(|wait| wait.as_millis().div_ceil(1000).to_string());
        let mut with = vec![JSON];
        if let Some(wait) = &wait {
            with.push(("retry-after", wait.as_bytes()));
        }
        let details = format!("llm_guard_{}", verdict.as_str());
        let _ = streams::reply(status, &details, &with, &error(verdict, class, status, family));
    }

    /// The attempt has ended, however it did.
    pub(super) fn ends(&mut self) {
        self.guard.waiting.remove(self.context);
        if self.is_told || self.api.is_none() {
            return;
        }
        let limit = self.plan.first_event_within;
        let is_late = limit.is_some_and(|limit| self.took().saturating_add(TOLERANCE) >= limit);
        let (verdict, class) = match self.take_phase() {
            _ if properties::client_has_gone() => (Verdict::Aborted, None),
            Phase::Judging(judging) if self.status >= 400 => {
                (Verdict::Status, Some(judging.class(self.status)))
            }
            _ => (Verdict::NoAnswer, is_late.then_some(Class::Timeout)),
        };
        self.tell(verdict, class);
    }

    /// Tells what became of the attempt, once.
    fn tell(&mut self, verdict: Verdict, class: Option<Class>) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        self.guard.counters.attempts(verdict).increment();
        let attempt = Attempt {
            number: self.number,
            verdict,
            class,
            status: self.status,
            took: self.took(),
            retry_after: self.wait(class),
            endpoint: std::mem::take(&mut self.endpoint),
        };
        let mut attempts = told();
        attempts.push(attempt);
        let _ = properties::set_state(ATTEMPTS, &attempt::encode(&attempts));
    }

    /// When to come back, for what it was.
    fn wait(&self, class: Option<Class>) -> Option<Duration> {
        self.retry_after.wait(class.is_some_and(Class::is_limit))
    }

    fn took(&self) -> Duration {
        clock::monotonic().saturating_sub(self.began)
    }
}

/// The attempts that were told of until now.
pub(super) fn told() -> Vec<Attempt> {
    let earlier = properties::state(ATTEMPTS).ok();
    earlier.and_then(|bytes| attempt::decode(&bytes)).unwrap_or_default()
}

/// The error that a client gets in place of what the server has sent.
fn error(verdict: Verdict, class: Option<Class>, status: u16, family: Family) -> Vec<u8> {
    let (code, message) = match (class, verdict) {
        (Some(Class::RateLimited), _) => {
            ("rate_limit_exceeded", "the model's servers take no more of these requests for now")
        }
        (Some(Class::Overloaded), _) => ("overloaded", "the model's servers have too much to do"),
        (Some(Class::Timeout), _) => ("timeout", "the model's server took too long"),
        (Some(Class::ContextLength), _) => {
            ("context_length_exceeded", "the prompt is too long for the model")
        }
        (Some(Class::ContentPolicy), _) => {
            ("content_policy_violation", "the model's server refuses to answer that")
        }
        (Some(Class::Authentication), _) => {
            ("invalid_api_key", "the model's server does not accept the credentials")
        }
        (Some(Class::Other), _) => {
            ("upstream_refused", "the model's server does not accept the request")
        }
        (_, Verdict::Empty) => ("upstream_empty", "the model's server sent no answer"),
        (_, Verdict::Malformed | Verdict::WrongType) => {
            ("upstream_malformed", "the model's server sent something that is no answer")
        }
        _ => ("upstream_error", "the model's server reported an error in place of an answer"),
    };
    Refusal { status, kind: "", code: Some(code), message, param: None }.body(family)
}
