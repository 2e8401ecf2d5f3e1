//! The answer of one attempt begins: whether it is held, and how it is read.

use std::time::Duration;

use llm_wire::{AnswerScanner, ErrorClass, Framing, retry_after};
use proxy_wasm::types::Action;
use traffic_policy::attempt::{Class, Verdict};

use super::attempt::{Attempting, Phase, Shared};
use super::judging::Judging;
use super::said::class;
use super::settle::Stage;
use crate::host::clock;
use crate::host::headers::{self, Map, Pairs};

/// What the answer's headers say.
struct Head {
    framing: Option<Framing>,
    /// It says what it is, and that is none of the above.
    is_foreign: bool,
    is_html: bool,
    is_encoded: bool,
    has_length: bool,
}

impl Head {
    fn of(pairs: &Pairs) -> Self {
        let first =
            |name: &[u8]| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let kind = first(b"content-type");
        let framing = kind.and_then(Framing::of);
        let is_html =
            |kind: &[u8]| kind.get(..9).is_some_and(|k| k.eq_ignore_ascii_case(b"text/html"));
        let is_encoded = |coding: &[u8]| !coding.eq_ignore_ascii_case(b"identity");
        Self {
            framing,
            is_foreign: kind.is_some() && framing.is_none(),
            is_html: kind.is_some_and(is_html),
            is_encoded: first(b"content-encoding").is_some_and(is_encoded),
            has_length: first(b"content-length").is_some(),
        }
    }
}

impl Attempting {
    /// Response headers.
    pub(super) fn answer_begins(&mut self, end_of_stream: bool, shared: &Shared) -> Action {
        if self.api.is_none() {
            return Action::Continue;
        }
        let Ok(pairs) = headers::all(Map::Response) else { return Action::Continue };
        let status = pairs.iter().find(|(name, _)| *name == b":status");
        let status = status.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        self.status = status.unwrap_or(0);
        self.retry_after = retry_after(pairs.iter(), clock::wall());
        let head = Head::of(&pairs);
        match self.at_once(&head, end_of_stream) {
            Some((verdict, class)) => {
                // For the same reason as below.
                let is_ours = self.is_asked;
                let here = Stage::Headers { is_all: end_of_stream };
                self.settle(verdict, class, if is_ours { here } else { Stage::Gone })
            }
            None => self.judge(&head, shared),
        }
    }

    /// The verdict, where the headers alone tell it.
    fn at_once(&self, head: &Head, end_of_stream: bool) -> Option<(Verdict, Option<Class>)> {
        let is_foreign = head.is_html || self.wants_stream && head.is_foreign;
        match self.status {
            400.. if end_of_stream => {
                let class = class(ErrorClass::of(self.status, None, b""));
                Some((Verdict::Status, Some(class)))
            }
            400.. => None,
            200 if end_of_stream => Some((Verdict::Empty, Some(Class::ServerError))),
            200 if is_foreign => Some((Verdict::WrongType, Some(Class::ServerError))),
            200 if head.framing.is_some() && !head.is_encoded => None,
            _ => Some((Verdict::Passed, None)),
        }
    }

    /// Reads the answer until its verdict, and holds it if that can change anything.
    ///
    /// An answer to a request that is still being sent must not be held: when its server has said all, Envoy
    /// closes the connection under the rest of the request.
    fn judge(&mut self, head: &Head, shared: &Shared) -> Action {
        let is_error = self.status >= 400;
        let framing = head.framing.unwrap_or(Framing::Json);
        let scanner = AnswerScanner::new(framing).of_choices(self.choices);
        let may_help = !(is_error && self.plan.is_last(self.number));
        let mut is_held = may_help && self.is_asked && !self.guard.settings.is_shadow;
        let (patience, is_limited) = self.patience(framing, is_error);
        if !self.guard.waiting.add_for(self.context, shared.clone(), patience) {
            self.guard.counters.held_answers.increment();
            is_held = false;
        }
        self.phase = Phase::Judging(Box::new(Judging {
            is_held,
            scanner: (!is_error).then_some(scanner),
            framing,
            may_grow: framing == Framing::Events && !head.has_length,
            seen: Vec::new(),
            read: 0,
            is_limited,
        }));
        if is_held { Action::Pause } else { Action::Continue }
    }

    /// How long the verdict may take, and whether that is because of the plan.
    ///
    /// The router has the same limit for an attempt, until it has the headers that are held here. What is to be
    /// done about it is done here; so this comes first, by one tick or two, because the router's clock is exact.
    fn patience(&self, framing: Framing, is_error: bool) -> (Duration, bool) {
        let most = self.guard.settings.hold_at_most;
        let is_stream = framing == Framing::Events && !is_error;
        let limit = self.plan.first_event_within.filter(|limit| is_stream && *limit <= most);
        let passed = clock::monotonic().saturating_sub(self.began);
        let tick = Duration::from_millis(u64::from(self.guard.waiting.tick_milliseconds()));
        let early = passed.saturating_add(tick * 3 / 2);
        limit.map_or((most, false), |limit| (limit.saturating_sub(early), true))
    }
}
