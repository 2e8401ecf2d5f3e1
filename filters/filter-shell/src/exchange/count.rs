//! The body has been read: its facts, and the exact count where the decision depends on it.

use std::ops::ControlFlow;

use llm_wire::{RequestScanner, ScanLimits, TokenSource};

use super::{Exchange, Phase};
use crate::config::{Access, Exact};
use crate::facts::{Facts, Part};
use crate::host::body;
use crate::root::Plugin;
use crate::tokens::{Lease, Tokens, Vocabularies};

/// The error of a count of which nobody knows how far off it is.
const NO_BOUND: u32 = 100;

impl Exchange {
    /// Takes the facts that a scanner has found.
    ///
    /// How much of the body they rest on is known by then: what the filters say depends on it.
    pub(super) fn take_facts(&mut self, scanner: RequestScanner<Tokens>, phase: Phase) {
        let (facts, tokens) = scanner.into_parts();
        self.facts.body = facts;
        self.facts.conversation = tokens.head();
        self.calibrate(&tokens);
        if let Some(certain) = tokens.certain() {
            self.facts.tokens_at_least = certain;
        }
        if self.facts.part == Part::Whole {
            self.facts.tokens_at_most = Some(tokens.at_most());
            if tokens.certain().is_some() {
                self.plugin.counters.exact_counted.increment();
            } else if phase == Phase::Reading(Access::Knob) {
                self.count_exactly();
            }
        }
        self.doubt_what_is_not_the_prompt();
    }

    /// The tokens of a part are not those of the prompt, nor are those of a body whose server has more
    /// of the prompt or adds to it, or takes one of two members that were both counted.
    fn doubt_what_is_not_the_prompt(&mut self) {
        let Facts { body, part, .. } = &mut self.facts;
        let is_more = body.has_stored_context || body.has_unpriced;
        let is_prompt = *part == Part::Whole && !is_more && !body.has_duplicate_keys;
        if !is_prompt && body.prompt.source == TokenSource::Exact {
            body.prompt.source = TokenSource::Estimated;
            body.prompt.error_percent = NO_BOUND;
        }
    }

    /// Counts the tokens of a body that waits here, if its model's vocabulary is at hand and the
    /// filters would not say the same of any number that is possible.
    fn count_exactly(&mut self) {
        let Plugin { vocabularies, counters, .. } = &*self.plugin;
        let model = self.facts.body.model.as_deref();
        let counter =
            model.and_then(|m| Vocabularies::lend(vocabularies, m, counters.exact_counters));
        if let (Some(counter), Some(at_most)) = (&counter, &mut self.facts.tokens_at_most) {
            *at_most = at_most.saturating_add(counter.preamble_tokens());
        }
        match counter {
            None => {}
            Some(_) if self.is_settled(0, self.facts.tokens_at_most) => {
                counters.exact_skipped.increment();
            }
            Some(counter) => self.read_again(counter),
        }
    }

    /// Reads the body from its beginning, until the count is known well enough.
    fn read_again(&mut self, counter: Lease) {
        let Some(api) = self.facts.api else { return };
        let mut scanner = RequestScanner::with_sink(api, ScanLimits::default(), counter);
        let (mut at, mut is_enough) = (0, false);
        body::request(0..self.read, |bytes| {
            at += bytes.len();
            scanner.feed(bytes);
            is_enough = at < self.read
                && self.is_settled(scanner.sink().certain(), self.facts.tokens_at_most);
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if at < self.read && !is_enough {
            // The proxy does not show it again.
            return;
        }
        self.facts.tokens_at_least = scanner.sink().certain();
        if is_enough {
            return self.plugin.counters.exact_enough.increment();
        }
        self.facts.body.prompt = scanner.into_facts().prompt;
        self.plugin.counters.exact_counted.increment();
    }

    fn is_settled(&self, at_least: u64, at_most: Option<u64>) -> bool {
        self.plugin.shared.exact == Exact::WhenNeeded
            && self.plugin.filters.iter().all(|f| f.settles(&self.facts, at_least, at_most))
    }
}
