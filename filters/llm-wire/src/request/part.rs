//! What is known of a part of a message that may be no text.
//!
//! A part's members come in any order: what it is may be said after the medium itself, and how
//! closely an image is to be looked at usually is. So it is priced when it is complete.

use crate::api::Family;
use crate::media::{Detail, Media, MediaKind, Sight};

/// A part of a message, or a message, as long as it is open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// What its type says.
    said: Option<MediaKind>,
    /// What the member with the medium is called.
    held: Option<MediaKind>,
    detail: Detail,
    sight: Sight,
    /// Its source was text.
    is_text: bool,
}

impl Part {
    pub(super) fn is_said_to_be(&mut self, kind: MediaKind) {
        self.said = Some(kind);
    }

    pub(super) fn holds(&mut self, kind: MediaKind) {
        self.held = Some(kind);
    }

    pub(super) fn is_looked_at(&mut self, detail: Detail) {
        self.detail = detail;
    }

    pub(super) fn has_medium(&mut self, sight: Sight) {
        self.sight = sight;
    }

    pub(super) fn is_elsewhere(&mut self) {
        self.sight = Sight::Elsewhere;
    }

    pub(super) fn has_text(&mut self) {
        self.is_text = true;
    }

    /// Whether anything about it says that it is an image.
    pub(super) fn is_image(self) -> bool {
        [self.said, self.held].contains(&Some(MediaKind::Image))
    }

    /// What it costs, if it is not text.
    pub(super) fn medium(self, family: Family, model: Option<&str>) -> Option<Media> {
        // A document may be given as text, and is then counted as such.
        let said = self.said.filter(|kind| !(self.is_text && *kind == MediaKind::File));
        let kind = said.or(self.held)?;
        Some(Media::price(family, model, kind, self.detail, self.sight))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Api, Encoding, ExactCounter, Progress, RequestFacts, RequestScanner, ScanLimits};
    use crate::{TextSink, TokenSource};

    /// 1024 by 1024 pixels.
    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zUAAAMAElEQQ==";

    fn read(sink: impl TextSink, api: Api, pieces: &[&[u8]]) -> RequestFacts {
        let mut scanner = RequestScanner::with_sink(api, ScanLimits::default(), sink);
        for piece in pieces {
            scanner.feed(piece);
        }
        assert_eq!(scanner.finish(), Progress::Complete);
        scanner.into_facts()
    }

    /// How many tokens a part adds to a message, by either counter and in any two pieces.
    fn cost(api: Api, model: &str, part: &str) -> u64 {
        let body = |part: &str| {
            let list = if api == Api::OpenAiResponses { "input" } else { "messages" };
            format!(r#"{{"model":"{model}","{list}":[{{"role":"user","content":[{part}]}}]}}"#)
        };
        let (with, without) = (body(part), body(r#"{"type":"x"}"#));
        let estimate = |pieces: &[&[u8]]| read(crate::Estimator::default(), api, pieces);
        let counter = || ExactCounter::new(Encoding::O200kBase).unwrap();
        let (whole, nothing) = (estimate(&[with.as_bytes()]), estimate(&[without.as_bytes()]));
        for at in 0..with.len() {
            let (first, second) = with.as_bytes().split_at(at);
            assert_eq!(estimate(&[first, second]), whole, "cut at {at}: {with}");
        }
        let cost = whole.prompt.tokens - nothing.prompt.tokens;
        let bytes: Vec<&[u8]> = with.as_bytes().chunks(1).collect();
        let exact = read(counter(), api, &bytes);
        let exact_nothing = read(counter(), api, &[without.as_bytes()]);
        assert_eq!(exact.prompt.tokens - exact_nothing.prompt.tokens, cost, "{with}");
        assert_eq!(whole.has_media, cost > 0, "{with}");
        if cost > 0 {
            assert_eq!(exact.prompt.source, TokenSource::Estimated);
            assert_eq!(exact_nothing.prompt.source, TokenSource::Exact);
            assert!(exact.prompt.error_percent > 0 && exact.prompt.high() >= cost);
        }
        cost
    }

    #[test]
    fn chat_parts_cost_what_their_bytes_say_in_any_order_of_members() {
        let chat = |part: &str| cost(Api::OpenAiChat, "gpt-4o", &part.replace("PNG", PNG));
        let image = |inside: &str| chat(&format!(r#"{{"type":"image_url","image_url":{inside}}}"#));
        assert_eq!(image(r#"{"url":"data:image/png;base64,PNG","detail":"high"}"#), 765);
        assert_eq!(image(r#"{"url":"data:image/png;base64,PNG","detail":"low"}"#), 85);
        assert_eq!(image(r#"{"detail":"low","url":"data:image/png;base64,PNG"}"#), 85);
        assert_eq!(image(r#"{"url":"https://a.example/b.png"}"#), 765);
        assert_eq!(image(r#""data:image/gif;base64,R0lGODdhQAHIAIAAAAAAAAAAACw=""#), 255);
        // Neither the type nor the member's place matters.
        assert_eq!(chat(r#"{"image_url":{"url":"data:,PNG","detail":"low"}}"#), 85);
        assert_eq!(chat(r#"{"image_url":{"url":"data:,PNG"},"type":"image_url"}"#), 765);
        let wav = "UklGRiR9AABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQB9AAA";
        let wav = format!("{wav}{}", "A".repeat(4_000));
        let audio = format!(r#"{{"data":"{wav}","format":"wav"}}"#);
        assert_eq!(chat(&format!(r#"{{"type":"input_audio","input_audio":{audio}}}"#)), 1);
        let file = r#"{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0xLjcK"}"#;
        assert_eq!(chat(&format!(r#"{{"type":"file","file":{file}}}"#)), 3_000);
        assert_eq!(chat(r#"{"type":"file","file":{"file_id":"file-1"}}"#), 30_000);
        assert_eq!(chat(r#"{"type":"text","detail":"low","data":"PNG"}"#), 0);
    }

    #[test]
    fn the_model_decides_the_price() {
        let part = r#"{"type":"image_url","image_url":{"url":"data:,PNG","detail":"high"}}"#;
        let part = part.replace("PNG", PNG);
        let models = ["gpt-4o", "gpt-4o-mini", "openai/gpt-4.1-mini", "o3", "llava"];
        let costs = models.map(|model| cost(Api::OpenAiChat, model, &part));
        assert_eq!(costs, [765, 25_501, 1_659, 675, 765]);
    }

    #[test]
    fn responses_parts_have_their_media_beside_their_type() {
        let part = |part: &str| cost(Api::OpenAiResponses, "gpt-4o", &part.replace("PNG", PNG));
        assert_eq!(part(r#"{"type":"input_image","image_url":"data:,PNG","detail":"low"}"#), 85);
        assert_eq!(part(r#"{"detail":"low","image_url":"data:,PNG"}"#), 85);
        assert_eq!(part(r#"{"type":"input_image","file_id":"file-1","detail":"low"}"#), 85);
        assert_eq!(part(r#"{"type":"input_image","file_id":"file-1"}"#), 765);
        assert_eq!(part(r#"{"file_url":"https://a.example/b.pdf","type":"input_file"}"#), 30_000);
        assert_eq!(part(r#"{"type":"input_file","file_data":"data:,JVBERi0x"}"#), 3_000);
        let screen = r#"{"output":{"type":"computer_screenshot","image_url":"data:,PNG"}}"#;
        assert_eq!(part(&format!(r#"{{"type":"x","content":[{screen}]}}"#)), 0, "not there");
    }

    #[test]
    fn anthropics_parts_have_sources_and_results_have_parts() {
        let part = |part: &str| cost(Api::AnthropicMessages, "claude-x", &part.replace("PNG", PNG));
        let source = r#""source":{"type":"base64","media_type":"image/png","data":"PNG"}"#;
        let image = format!(r#"{{"type":"image",{source}}}"#);
        assert_eq!(part(&image), 1_369);
        assert_eq!(part(&format!(r#"{{{source},"type":"image"}}"#)), 1_369);
        let by_url = r#"{"type":"image","source":{"type":"url","url":"https://a.example/b"}}"#;
        assert_eq!(part(by_url), 1_369);
        let pdf = r#"{"type":"document","source":{"type":"base64","data":"JVBERi0x"}}"#;
        assert_eq!(part(pdf), 3_000);
        let result = |parts: &str| format!(r#"{{"content":[{parts}],"type":"tool_result"}}"#);
        assert_eq!(part(&result(&format!("{image},{pdf},{image}"))), 2 * 1_369 + 3_000);
        // The outer part is what it was before the inner ones.
        let inside = r#"{"type":"document","source":{"type":"content","content":[IMAGE]}}"#;
        assert_eq!(part(&inside.replace("IMAGE", &image)), 1_369);
    }
}
