//! A count is corrected by what servers reported before, and the next report is read.
//!
//! Learnt is at an answer's end, before its last frame has left, so that the client's next request
//! already finds it.

use llm_wire::{AnswerFacts, TokenCount, TokenSource};
use traffic_policy::calibration::{Estimate, MIN_TOKENS};

use super::Exchange;
use crate::facts::Part;
use crate::tokens::Tokens;

/// What may be learnt from the answer.
pub(super) struct Lesson {
    /// The real name of the model that answers.
    model: String,
    estimate: Estimate,
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
            self.lesson = Some(Lesson { model: model.name.clone(), estimate });
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

    /// Response headers: is this one of the answers that are looked at?
    pub(super) fn choose_lesson(&mut self) {
        let wants = |lesson: &mut Lesson| self.plugin.calibrations.wants_answer(&lesson.model);
        self.lesson = self.lesson.take_if(wants);
    }

    /// The answer has ended.
    pub(super) fn learn_usage(&mut self, facts: &AnswerFacts) {
        let Some(lesson) = self.lesson.take() else { return };
        if let Some(reported) = facts.usage.and_then(|usage| usage.input) {
            self.plugin.calibrations.learn(&lesson.model, &lesson.estimate, reported);
        }
    }
}
