//! Which of the ways to count a request's tokens is taken.
//!
//! Every prompt is estimated while it streams by, because that costs next to nothing. Where the
//! model's vocabulary is in this build, the tokens can be counted exactly as well, at a fiftieth of
//! the speed. A body that waits here (`knob`) is read a second time, and only if the decision
//! depends on the count: a prompt has no more tokens than bytes, which settles most requests. A
//! body that goes on to the gate cannot be read again, so there it is counted at once.

mod lease;

use std::rc::Rc;

use llm_wire::{
    ConversationHead, Estimator, Mark, MediaTokens, Parts, Piece, TextSink, TokenCount,
};
use traffic_policy::calibration::Estimate;

use crate::metrics::Counter;
pub(crate) use lease::{Lease, Vocabularies};

/// Counts a prompt while it streams by.
#[derive(Debug)]
pub(crate) struct Tokens {
    estimator: Estimator,
    /// Only where the body cannot be read again.
    vocabularies: Option<(Rc<Vocabularies>, Counter)>,
    exact: Option<Lease>,
    /// Only where a filter wants to know how conversations begin.
    head: Option<Box<ConversationHead>>,
    /// An upper bound of the tokens: a token has a byte at least, and stands for one of the body,
    /// even U+FFFD for a byte that is no UTF-8; and more than any frame costs.
    at_most: u64,
}

/// More than a message, a part or a call costs besides its text.
const FRAME_AT_MOST: u64 = 8;

impl Tokens {
    /// An estimator; and a counter as soon as a model is named that has a vocabulary here.
    pub(crate) fn new(vocabularies: Option<(Rc<Vocabularies>, Counter)>) -> Self {
        let at_most = FRAME_AT_MOST;
        Self { estimator: Estimator::default(), vocabularies, exact: None, head: None, at_most }
    }

    /// How the conversation begins is to be known as well.
    pub(crate) fn with_head(mut self, is_wanted: bool) -> Self {
        self.head = is_wanted.then(Box::default);
        self
    }

    /// A number for how the conversation begins.
    pub(crate) fn head(&self) -> Option<u64> {
        self.head.as_ref().and_then(|head| head.as_ref().clone().finish())
    }

    /// A number that the exact count does not exceed.
    pub(crate) fn at_most(&self) -> u64 {
        let preamble = self.exact.as_ref().map_or(0, Lease::preamble_tokens);
        self.at_most.saturating_add(preamble)
    }

    /// What the prompt has besides its text.
    pub(crate) fn media(&self) -> MediaTokens {
        self.estimator.media()
    }

    /// The estimate of the text and what it is made of.
    pub(crate) fn estimate(&self) -> Estimate {
        let Parts { marks, foreign, frame, definitions } = self.estimator.parts();
        Estimate { tokens: self.estimator.text_tokens(), marks, foreign, frame, definitions }
    }

    /// What the prompt has for sure, if its tokens are counted with a vocabulary.
    pub(crate) fn certain(&self) -> Option<u64> {
        self.exact.as_ref().map(|exact| exact.certain())
    }
}

impl TextSink for Tokens {
    fn model(&mut self, name: &str) {
        let Some((vocabularies, limit_hits)) = &self.vocabularies else { return };
        // Text that came before the name was not counted.
        let nothing_yet = self.at_most == FRAME_AT_MOST;
        self.exact =
            nothing_yet.then(|| Vocabularies::lend(vocabularies, name, *limit_hits)).flatten();
    }

    fn mark(&mut self, mark: Mark) {
        self.estimator.mark(mark);
        if let Some(exact) = &mut self.exact {
            exact.mark(mark);
        }
        if let Some(head) = &mut self.head {
            head.mark(mark);
        }
        let frame = match mark {
            Mark::Media(medium) => medium.tokens.saturating_add(medium.doubt),
            _ => FRAME_AT_MOST,
        };
        self.at_most = self.at_most.saturating_add(frame);
    }

    fn open(&mut self, piece: Piece) {
        self.estimator.open(piece);
        if let Some(exact) = &mut self.exact {
            exact.open(piece);
        }
        if let Some(head) = &mut self.head {
            head.open(piece);
        }
        self.at_most = self.at_most.saturating_add(FRAME_AT_MOST);
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        self.estimator.text(bytes);
        if let Some(exact) = &mut self.exact {
            exact.text(bytes);
        }
        if let Some(head) = &mut self.head {
            head.text(bytes);
        }
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.at_most = self.at_most.saturating_add(bytes);
    }

    fn close(&mut self) {
        self.estimator.close();
        if let Some(exact) = &mut self.exact {
            exact.close();
        }
        if let Some(head) = &mut self.head {
            head.close();
        }
    }

    fn count(&self) -> TokenCount {
        match &self.exact {
            Some(exact) => exact.count(),
            None => self.estimator.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use traffic_policy::catalog::{Catalog, RawModel, RawPool};

    use llm_wire::{Media, MediaKind};

    use super::*;

    fn vocabularies() -> Rc<Vocabularies> {
        let models: Vec<RawModel> = serde_json::from_value(serde_json::json!([
            {"name": "gpt-4.1", "aliases": ["best"], "encoding": "o200k_base"},
            {"name": "gpt-4", "encoding": "cl100k_base"},
            {"name": "gpt-oss", "encoding": "o200k_harmony"},
            {"name": "llama-8b"}
        ]))
        .unwrap();
        let catalog = Catalog::try_from((models, Vec::<RawPool>::new())).unwrap();
        Rc::new(Vocabularies::of(&catalog).unwrap())
    }

    fn say(sink: &mut impl TextSink, piece: Piece, text: &[u8]) {
        sink.open(piece);
        sink.text(text);
        sink.close();
    }

    fn tokens() -> Tokens {
        Tokens::new(Some((vocabularies(), Counter::declare("limit", &[]))))
    }

    #[test]
    fn a_counter_that_was_used_begins_anew_and_only_for_its_own_encoding() {
        let all = vocabularies();
        let count = |model, text: &[u8]| {
            let mut tokens = Tokens::new(Some((all.clone(), Counter::declare("limit", &[]))));
            tokens.model(model);
            say(&mut tokens, Piece::Text, text);
            tokens.open(Piece::Text);
            tokens.text(b" left open\\");
            tokens.certain()
        };
        // A text in Japanese has fewer tokens in the newer vocabulary.
        let birthday = "お誕生日おめでとう".as_bytes();
        let models = ["gpt-4.1", "best", "gpt-4", "best", "llama-8b"];
        let counts = models.map(|model| count(model, birthday));
        assert_eq!(counts, [Some(8), Some(8), Some(9), Some(8), None]);
    }

    #[test]
    fn a_model_that_is_named_after_text_is_not_counted_exactly() {
        let source = |names: [Option<&str>; 2]| {
            let mut tokens = tokens();
            for name in names {
                if let Some(name) = name {
                    tokens.model(name);
                }
                say(&mut tokens, Piece::Text, b"one two three");
            }
            tokens.count().source
        };
        assert_eq!(source([Some("gpt-4"), None]), llm_wire::TokenSource::Exact);
        assert_eq!(source([None, Some("gpt-4")]), llm_wire::TokenSource::Estimated);
        // A second name belongs to none of what was counted.
        assert_eq!(source([Some("gpt-4"), Some("gpt-4.1")]), llm_wire::TokenSource::Estimated);
        assert_eq!(source([Some("llama-8b"), None]), llm_wire::TokenSource::Estimated);
    }

    const PIECES: [Piece; 8] = [
        Piece::Role,
        Piece::Name,
        Piece::System,
        Piece::Text,
        Piece::CallName,
        Piece::CallArguments,
        Piece::Definition,
        Piece::CallInput,
    ];
    const MARKS: [Mark; 6] = [
        Mark::Message,
        Mark::Part,
        Mark::Media(Media { kind: MediaKind::Image, tokens: 765, doubt: 680 }),
        Mark::Call,
        Mark::Prompt,
        Mark::TokenId,
    ];

    proptest! {
        /// What the decision to count rests on: the bounds hold, of any bytes in any pieces.
        #[test]
        fn an_exact_count_lies_within_the_bounds_and_what_is_certain_only_grows(
            pieces in prop::collection::vec(
                (0..PIECES.len(), 0..MARKS.len(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            model in prop::sample::select(vec!["gpt-4", "gpt-4.1", "gpt-oss"]),
        ) {
            let mut tokens = tokens();
            tokens.model(model);
            let mut certain = 0;
            for (piece, mark, text) in pieces {
                tokens.mark(MARKS[mark]);
                tokens.open(PIECES[piece]);
                for byte in text {
                    tokens.text(&[byte]);
                    let now = tokens.exact.as_ref().unwrap().certain();
                    prop_assert!(now >= certain, "{now} after {certain}");
                    certain = now;
                }
                tokens.close();
            }
            let counter = tokens.exact.as_ref().unwrap();
            prop_assert!(counter.certain() >= certain);
            prop_assert!(counter.certain() <= counter.count().tokens);
            prop_assert!(counter.count().tokens <= tokens.at_most());
        }

        /// The published rule makes tokens of a definition that are not in its text.
        #[test]
        fn definitions_of_tools_cost_no_more_than_the_bound_says(
            functions in prop::collection::vec(
                (".{0,12}", ".{0,30}", prop::collection::vec(
                    (".{1,6}", "[a-z]{1,8}", ".{0,20}", prop::collection::vec(".{0,5}", 0..4)), 0..5)), 1..4),
            model in prop::sample::select(vec!["gpt-4", "gpt-4.1", "gpt-oss"]),
        ) {
            let tools: Vec<_> = functions.into_iter().map(|(name, description, properties)| {
                let properties: serde_json::Map<_, _> = properties.into_iter().map(|(key, kind, about, items)| {
                    let mut property = serde_json::json!({"type": kind, "description": about});
                    if !items.is_empty() {
                        property["enum"] = items.into();
                    }
                    (key, property)
                }).collect();
                serde_json::json!({"type": "function", "function": {"name": name, "description": description,
                    "parameters": {"type": "object", "properties": properties}}})
            }).collect();
            let tools = serde_json::Value::from(tools);
            let body = format!(
                r#"{{"model": "{model}", "messages": [{{"role": "user", "content": "?"}}], "tools": {tools}}}"#
            );
            let limits = llm_wire::ScanLimits::default();
            let mut scanner = llm_wire::RequestScanner::with_sink(llm_wire::Api::OpenAiChat, limits, tokens());
            scanner.feed(body.as_bytes());
            let (_, tokens) = scanner.into_parts();
            let count = tokens.exact.as_ref().unwrap().count().tokens;
            prop_assert!(count <= tokens.at_most(), "{count} tokens: {body}");
        }
    }
}
