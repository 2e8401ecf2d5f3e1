//! An answer that has begun, up to its verdict.

use std::ops::ControlFlow;

use llm_wire::{AnswerScanner, ErrorClass, Framing, Opening};
use proxy_wasm::types::Action;
use traffic_policy::attempt::{Class, Verdict};

use super::attempt::{Attempting, Phase};
use super::said::class;
use super::settle::Stage;
use crate::host::{body, streams};

/// Enough of an error to tell its kind by.
const MOST_SEEN: usize = 4096;

/// An answer that is read for its verdict.
pub(super) struct Judging {
    /// Its headers wait for the verdict.
    pub(super) is_held: bool,
    /// Tells what it begins with; none: it is an error by its status, and read for its kind.
    pub(super) scanner: Option<AnswerScanner>,
    pub(super) framing: Framing,
    /// Its end can be added to.
    pub(super) may_grow: bool,
    /// The first bytes.
    pub(super) seen: Vec<u8>,
    pub(super) read: usize,
    /// Its time is what the plan allows, and not only what we do.
    pub(super) is_limited: bool,
}

impl Judging {
    fn reads(&mut self, bytes: &[u8]) {
        self.read = self.read.saturating_add(bytes.len());
        let room = MOST_SEEN.saturating_sub(self.seen.len());
        self.seen.extend(bytes.iter().take(room));
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(bytes, &mut || {});
        }
    }

    /// What it is, if that can be told already.
    fn verdict(&self, status: u16, is_over: bool) -> Option<(Verdict, Option<Class>)> {
        let Some(scanner) = &self.scanner else {
            let is_enough = is_over || self.seen.len() >= MOST_SEEN;
            return is_enough.then(|| (Verdict::Status, Some(self.class(status))));
        };
        Some(match scanner.opening(is_over)? {
            Opening::Answer => (Verdict::Passed, None),
            Opening::Error if self.framing == Framing::Events => {
                (Verdict::ErrorEvent, Some(self.class(status)))
            }
            Opening::Error => (Verdict::ErrorBody, Some(self.class(status))),
            Opening::Nothing => (Verdict::Empty, Some(Class::ServerError)),
            Opening::Malformed => (Verdict::Malformed, Some(Class::ServerError)),
        })
    }

    /// The kind of error, by what was seen of it.
    pub(super) fn class(&self, status: u16) -> Class {
        class(ErrorClass::of(status, Some(self.framing), &self.seen))
    }

    fn is_error(&self) -> bool {
        self.scanner.is_none()
    }
}

impl Attempting {
    /// A frame of the answer, behind all that is held of it.
    pub(super) fn judges(
        &mut self,
        mut judging: Box<Judging>,
        size: usize,
        is_over: bool,
    ) -> Action {
        let start = if judging.is_held { judging.read } else { 0 };
        body::response(start..size, |bytes| {
            judging.reads(bytes);
            ControlFlow::Continue(())
        });
        let stage = if judging.is_held { Stage::Body { size } } else { Stage::Gone };
        let verdict = judging.verdict(self.status, is_over);
        if verdict.is_none() && judging.read <= self.guard.settings.hold_bytes {
            let action = if judging.is_held { Action::Pause } else { Action::Continue };
            self.phase = Phase::Judging(judging);
            return action;
        }
        let (verdict, class) = verdict.unwrap_or_else(|| {
            self.guard.counters.hold_bytes.increment();
            (Verdict::Passed, None)
        });
        let action = self.concludes(judging, verdict, class, stage);
        if is_over {
            self.watched_to_the_end(size);
        }
        action
    }

    /// The answer's trailers have come before its verdict.
    pub(super) fn judges_at_trailers(&mut self, judging: Box<Judging>) -> Action {
        let stage = if judging.is_held { Stage::Trailers } else { Stage::Gone };
        match judging.verdict(self.status, true) {
            Some((verdict, class)) => self.concludes(judging, verdict, class, stage),
            None => Action::Continue,
        }
    }

    /// The time is over for what it waits for. Called from a root's tick.
    pub(super) fn overdue(&mut self) {
        if streams::act_for(self.context).is_err() {
            return;
        }
        match self.take_phase() {
            Phase::Asking(asking) => self.asks_no_longer(&asking),
            Phase::Judging(judging) => self.judged_late(judging),
            other => self.phase = other,
        }
    }

    fn judged_late(&mut self, judging: Box<Judging>) {
        let is_held = judging.is_held;
        let stage = if is_held { Stage::Tick } else { Stage::Gone };
        let (verdict, class) = match (judging.is_error(), judging.is_limited) {
            (true, _) => (Verdict::Status, Some(judging.class(self.status))),
            (false, true) => (Verdict::TooSlow, Some(Class::Timeout)),
            (false, false) => {
                self.guard.counters.hold_at_most.increment();
                (Verdict::Passed, None)
            }
        };
        self.concludes(judging, verdict, class, stage);
        if is_held {
            let _ = streams::resume_response();
        }
    }

    /// The verdict takes effect. A stream that goes on to the client is watched from here.
    fn concludes(
        &mut self,
        judging: Box<Judging>,
        verdict: Verdict,
        class: Option<Class>,
        stage: Stage,
    ) -> Action {
        let action = self.settle(verdict, class, stage);
        let goes_on = matches!(self.phase, Phase::Passing) && action == Action::Continue;
        let is_worth_it = matches!(verdict, Verdict::Passed | Verdict::TooSlow)
            && judging.may_grow
            && self.guard.settings.add_missing_end
            && !self.guard.settings.is_shadow;
        if let Some(scanner) = judging.scanner.filter(|_| goes_on && is_worth_it) {
            self.phase = Phase::Watching(Box::new(scanner));
        }
        action
    }
}
