//! A count is corrected by what servers reported before, and the next report is read.
//!
//! The answer passes untouched and nothing of it is kept. Learnt is at its end, before its last
//! frame has left, so that the client's next request already finds it.

use std::ops::ControlFlow;

use llm_wire::{Framing, TokenCount, TokenSource, UsageScanner};
use traffic_policy::calibration::{Estimate, MIN_TOKENS};

use super::{Exchange, Phase};
use crate::facts::Part;
use crate::host::body;
use crate::host::headers::{self, Map};
use crate::tokens::Tokens;

/// What may be learnt from the answer.
pub(super) struct Lesson {
    /// The real name of the model that answers.
    model: String,
    estimate: Estimate,
    /// Once the answer was found to be one that can report.
    scanner: Option<UsageScanner>,
}

impl Exchange {
    /// Corrects the estimate, where the model's vocabulary is not at hand.
    pub(super) fn calibrate(&mut self, tokens: &Tokens) {
        let catalog = &self.plugin.shared.catalog;
        let Some(model) = self.facts.body.model.as_deref().and_then(|name| catalog.resolve(name))
        else {
            return;
        };
        if self.facts.part == Part::Malformed || self.plugin.vocabularies.has(&model.name) {
            return;
        }
        let estimate = tokens.estimate();
        if let Some(corrected) = self.plugin.calibrations.correct(&model.name, &estimate) {
            let text = TokenCount {
                tokens: corrected.tokens,
                error_percent: corrected.error_percent,
                source: TokenSource::Calibrated,
            };
            // What was learnt is true of text.
            self.facts.body.prompt = text.with_media(tokens.media());
        }
        if self.is_lesson(&estimate) {
            self.lesson = Some(Lesson { model: model.name.clone(), estimate, scanner: None });
        }
    }

    /// Whether what a server will report is the count of what was estimated here.
    fn is_lesson(&self, estimate: &Estimate) -> bool {
        let body = &self.facts.body;
        self.facts.part == Part::Whole
            && estimate.tokens >= MIN_TOKENS
            && !body.has_media
            && !body.has_stored_context
            && !body.has_duplicate_keys
    }

    /// The decision may have named another model than the client did, or have refused.
    pub(super) fn assign_lesson(&mut self) {
        let Some(lesson) = &mut self.lesson else { return };
        if self.decision.refusal().is_some() {
            self.lesson = None;
        } else if let Some(model) = &self.decision.model {
            lesson.model.clone_from(model);
        }
    }

    /// Response headers: is this an answer that reports?
    pub(super) fn expect_usage(&mut self) {
        let Some(mut lesson) = self.lesson.take() else { return };
        let is_due =
            self.phase == Phase::Decided && self.plugin.calibrations.wants_answer(&lesson.model);
        if let Some(framing) = is_due.then(framing).flatten() {
            lesson.scanner = Some(UsageScanner::new(framing));
            self.lesson = Some(lesson);
        }
    }

    /// A frame of the answer.
    pub(super) fn read_usage(&mut self, size: usize, end_of_stream: bool) {
        if let Some(scanner) = self.lesson.as_mut().and_then(|lesson| lesson.scanner.as_mut()) {
            body::response(0..size, |bytes| {
                scanner.feed(bytes);
                ControlFlow::Continue(())
            });
        }
        if end_of_stream {
            self.learn_usage();
        }
    }

    /// The answer has ended.
    pub(super) fn learn_usage(&mut self) {
        let Some(lesson) = self.lesson.take() else { return };
        if let Some(reported) = lesson.scanner.and_then(|scanner| scanner.prompt_tokens()) {
            self.plugin.calibrations.learn(&lesson.model, &lesson.estimate, reported);
        }
    }
}

/// How the answer is framed, if it is one that can report.
fn framing() -> Option<Framing> {
    let pairs = headers::all(Map::Response).ok()?;
    let first = |name: &[u8]| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    Framing::of_answer(first(b":status"), first(b"content-encoding"), first(b"content-type"))
}
