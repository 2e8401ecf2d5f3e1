//! How a conversation begins: a number for its instructions and its user's first message.
//!
//! Clients send all of a conversation with each of its turns, so its beginning stays the same while it grows,
//! and stands for the conversation where nothing else does. Tools are left out: some clients add to them on the
//! way. Two people who begin with the same words are taken for one, which for choosing a version is no harm.
//!
//! # Limits
//! The text counts as it stands in the body: a client that writes the same text with other escapes on the
//! next turn is not known again. Completions and embeddings have no conversation.

use crate::digest::Digest;
use crate::text::{Mark, Piece};

/// Reads a prompt up to the end of its user's first message.
#[derive(Clone, Debug, Default)]
pub struct ConversationHead {
    digest: Digest,
    open: Option<Piece>,
    /// The open message's author, as far as it fits.
    role: Vec<u8>,
    has_role: bool,
    has_message: bool,
    has_text: bool,
    /// The user's first message is complete.
    is_done: bool,
}

/// Longer than every author's name.
const LONGEST_ROLE: usize = 16;

impl ConversationHead {
    /// Something that is not text.
    pub fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Message => {
                self.message_ends();
                self.has_message = true;
            }
            Mark::Prompt | Mark::TokenId => self.is_done = true,
            Mark::Part | Mark::Media(_) | Mark::Call => {}
        }
    }

    /// Text begins.
    pub fn open(&mut self, piece: Piece) {
        self.open = Some(piece);
        if piece == Piece::Role {
            self.has_role = true;
        }
    }

    /// The next bytes of the open piece.
    pub fn text(&mut self, bytes: &[u8]) {
        match self.open {
            Some(Piece::Role) => {
                let room = LONGEST_ROLE.saturating_sub(self.role.len());
                self.role.extend(bytes.iter().take(room));
            }
            Some(Piece::System | Piece::Text) if !self.is_done => {
                self.has_text = true;
                self.digest.add(bytes);
            }
            _ => {}
        }
    }

    /// The open piece is complete.
    pub fn close(&mut self) {
        // Where one text ends and the next begins is a part of what was said.
        if !self.is_done && matches!(self.open, Some(Piece::System | Piece::Text)) {
            self.digest.add(&[0]);
        }
        self.open = None;
    }

    fn message_ends(&mut self) {
        // A message without an author is the user's: a bare text in the place of a list of them.
        let is_users = self.has_message && (!self.has_role || self.role == b"user");
        self.is_done |= is_users && self.has_text;
        self.role.clear();
        self.has_role = false;
    }

    /// The number, if the user has said something.
    #[must_use]
    pub fn finish(mut self) -> Option<u64> {
        let was_prompt = self.is_done && !self.has_message;
        self.message_ends();
        (self.is_done && !was_prompt).then(|| self.digest.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Api;
    use crate::count::TokenCount;
    use crate::request::{RequestScanner, ScanLimits};
    use crate::text::TextSink;

    #[derive(Default)]
    struct Sink(ConversationHead);

    impl TextSink for Sink {
        fn mark(&mut self, mark: Mark) {
            self.0.mark(mark);
        }
        fn open(&mut self, piece: Piece) {
            self.0.open(piece);
        }
        fn text(&mut self, bytes: &[u8]) {
            self.0.text(bytes);
        }
        fn close(&mut self) {
            self.0.close();
        }
        fn count(&self) -> TokenCount {
            TokenCount::default()
        }
    }

    fn head_in(api: Api, body: &str, size: usize) -> Option<u64> {
        let mut scanner = RequestScanner::with_sink(api, ScanLimits::default(), Sink::default());
        body.as_bytes().chunks(size).for_each(|chunk| {
            scanner.feed(chunk);
        });
        scanner.into_parts().1.0.finish()
    }

    fn chat(messages: &str) -> Option<u64> {
        head_in(Api::OpenAiChat, &format!(r#"{{"model":"m","messages":[{messages}]}}"#), 1000)
    }

    const SYSTEM: &str = r#"{"role":"system","content":"Be brief."}"#;
    const FIRST: &str = r#"{"role":"user","content":"Hello"}"#;

    #[test]
    fn a_conversation_stays_the_same_while_it_grows() {
        let first = chat(&format!("{SYSTEM},{FIRST}"));
        assert!(first.is_some());
        let more = r#"{"role":"assistant","content":"Hi"},{"role":"user","content":"And now?"}"#;
        assert_eq!(chat(&format!("{SYSTEM},{FIRST},{more}")), first);
    }

    #[test]
    fn other_instructions_or_another_first_message_make_another_conversation() {
        let all = [
            chat(FIRST),
            chat(&format!("{SYSTEM},{FIRST}")),
            chat(&format!(r#"{SYSTEM},{{"role":"user","content":"Hallo"}}"#)),
            chat(&format!(r#"{{"role":"system","content":"Be brief.Hello"}},{FIRST}"#)),
        ];
        assert!(all.iter().all(Option::is_some));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn how_the_body_is_cut_does_not_matter() {
        let body = format!(r#"{{"messages":[{SYSTEM},{FIRST},{FIRST}]}}"#);
        let whole = head_in(Api::OpenAiChat, &body, 1000);
        for size in 1..40 {
            assert_eq!(head_in(Api::OpenAiChat, &body, size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn every_api_with_conversations_has_a_beginning_and_the_others_have_none() {
        let of = |api, body| head_in(api, body, 1000);
        let parts = r#"{"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]}"#;
        assert!(of(Api::AnthropicMessages, parts).is_some());
        assert!(of(Api::OpenAiResponses, r#"{"instructions":"s","input":"Hello"}"#).is_some());
        assert!(
            of(Api::OpenAiResponses, r#"{"input":[{"role":"user","content":"Hello"}]}"#).is_some()
        );
        assert_eq!(of(Api::OpenAiCompletions, r#"{"prompt":"Hello"}"#), None);
        assert_eq!(of(Api::OpenAiEmbeddings, r#"{"input":"Hello"}"#), None);
        assert_eq!(chat(""), None);
        assert_eq!(chat(SYSTEM), None, "nobody has said anything yet");
    }

    #[test]
    fn an_author_may_be_named_behind_what_was_said() {
        let turned = r#"{"content":"Hello","role":"user"}"#;
        assert_eq!(chat(&format!("{turned},{FIRST}")), chat(FIRST));
    }
}
