//! How an answer is framed, and whether it can be read at all.

/// How an answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One JSON object.
    Json,
    /// Server-sent events.
    Events,
}

impl Framing {
    /// That of an answer with these headers; `None` for an error, for what is compressed, and for
    /// content that has no usage.
    #[must_use]
    pub fn of_answer(
        status: Option<&[u8]>,
        content_encoding: Option<&[u8]>,
        content_type: Option<&[u8]>,
    ) -> Option<Self> {
        let is_plain =
            content_encoding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
        let is_answer = status == Some(b"200") && is_plain;
        content_type.filter(|_| is_answer).and_then(Self::of)
    }

    /// That of a content type; `None` for those that have no usage.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let mut parts = content_type.split(|byte| *byte == b';');
        let kind = parts.next().unwrap_or_default().trim_ascii();
        if kind.eq_ignore_ascii_case(b"application/json") {
            Some(Self::Json)
        } else if kind.eq_ignore_ascii_case(b"text/event-stream") {
            Some(Self::Events)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_compressed_answers_report_nothing() {
        let json: &[u8] = b"application/json";
        let framing = |status: &[u8], coding| Framing::of_answer(Some(status), coding, Some(json));
        assert_eq!(framing(b"200", None), Some(Framing::Json));
        assert_eq!(framing(b"200", Some(b"Identity")), Some(Framing::Json));
        assert_eq!(framing(b"200", Some(b"gzip")), None);
        assert_eq!(framing(b"429", None), None);
        assert_eq!(Framing::of_answer(None, None, Some(json)), None);
        assert_eq!(Framing::of_answer(Some(b"200"), None, None), None);
    }

    #[test]
    fn a_content_type_tells_the_framing() {
        assert_eq!(Framing::of(b"application/json; charset=utf-8"), Some(Framing::Json));
        assert_eq!(Framing::of(b"Text/Event-Stream"), Some(Framing::Events));
        assert_eq!(Framing::of(b"text/plain"), None);
        assert_eq!(Framing::of(b""), None);
    }
}
