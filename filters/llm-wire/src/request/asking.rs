//! How a request for a stream is made to ask for the usage.
//!
//! Servers of OpenAI's two older APIs tell the tokens of a stream only when `include_usage` is true in
//! `stream_options`. One edit makes it so, and which one depends on what the body has of these: it is
//! known once the body was read to its end, and everything else in the body stays as it is.
//!
//! A body in which one of these members is twice, or of the wrong type, is left alone: what it means
//! is the server's to say.

use std::ops::Range;

/// Bytes of a body, and what is to stand in their place. An empty place is where to insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// Where in the body.
    pub place: Range<u64>,
    /// What is to stand there.
    pub text: &'static str,
}

/// What a body has of the request for usage, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UsagePlace {
    /// It asks already, or it cannot be told how it would.
    #[default]
    Nowhere,
    /// No `stream_options`; the body's members begin here.
    Body(u64),
    /// `stream_options` is null.
    Null(Range<u64>),
    /// `stream_options` has no members; they would begin here.
    Empty(u64),
    /// `stream_options` has other members, which begin here.
    Options(u64),
    /// `include_usage` is false or null.
    Value(Range<u64>),
}

impl UsagePlace {
    /// The object `stream_options` begins.
    pub(super) fn options_begin(&mut self, inside: u64) {
        *self = match self {
            Self::Body(_) => Self::Empty(inside),
            _ => Self::Nowhere,
        };
    }

    /// A member of `stream_options` begins.
    pub(super) fn has_member(&mut self) {
        if let Self::Empty(inside) = self {
            *self = Self::Options(*inside);
        }
    }

    /// `stream_options` is null.
    pub(super) fn options_are_null(&mut self, place: Range<u64>) {
        *self = match self {
            Self::Body(_) => Self::Null(place),
            _ => Self::Nowhere,
        };
    }

    /// `include_usage` is false or null.
    pub(super) fn is_not_asked(&mut self, place: Range<u64>) {
        *self = match self {
            Self::Options(_) => Self::Value(place),
            _ => Self::Nowhere,
        };
    }

    /// What makes `include_usage` true.
    pub(super) fn insertion(&self) -> Option<Insertion> {
        let (place, text) = match self {
            Self::Nowhere => return None,
            Self::Body(at) => (*at..*at, r#""stream_options":{"include_usage":true},"#),
            Self::Null(place) => (place.clone(), r#"{"include_usage":true}"#),
            Self::Empty(at) => (*at..*at, r#""include_usage":true"#),
            Self::Options(at) => (*at..*at, r#""include_usage":true,"#),
            Self::Value(place) => (place.clone(), "true"),
        };
        Some(Insertion { place, text })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Api, Progress, RequestScanner, ScanLimits};

    /// The edit of a body, however it is cut.
    fn asked(api: Api, body: &str) -> Option<Insertion> {
        let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut scanner = RequestScanner::new(api, ScanLimits::default());
            pieces.for_each(|piece| {
                scanner.feed(piece);
            });
            assert_eq!(scanner.finish(), Progress::Complete, "{body}");
            scanner.into_facts().ask_for_usage()
        };
        let bytes = body.as_bytes();
        let whole = read(&mut [bytes].into_iter());
        assert_eq!(read(&mut bytes.chunks(1)), whole, "byte by byte: {body}");
        for at in 0..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(read(&mut [a, b].into_iter()), whole, "cut at {at}: {body}");
        }
        whole
    }

    fn edited(body: &str, edit: &Insertion) -> String {
        let mut edited = body.to_owned();
        edited.replace_range(edit.place.start as usize..edit.place.end as usize, edit.text);
        edited
    }

    #[test]
    fn the_edited_body_asks_for_usage_and_is_the_same_otherwise() {
        let options = [
            "",
            r#""stream_options":null"#,
            r#""stream_options" : { }"#,
            r#""stream_options":{}"#,
            r#""stream_options":{"include_usage":false}"#,
            r#""stream_options":{"include_usage": null , "x":{"include_usage":true}}"#,
            r#""stream_options":{"x":[1],"include_usage":false}"#,
            r#""stream_options": {"continuous_usage_stats":true}"#,
            r#""stream\u005foptions":{"include\u005fusage":false}"#,
        ];
        let (stream, model) = (r#""stream" :true"#, r#""model":"stream_options""#);
        for option in options {
            for order in [[option, stream, model], [stream, option, model], [model, stream, option]]
            {
                let members: Vec<&str> = order.into_iter().filter(|m| !m.is_empty()).collect();
                for (before, after) in [("{", "}"), ("\n {", " }\r\n"), ("\u{feff}{ ", "}")] {
                    let body = format!("{before}{}{after}", members.join(","));
                    let edit = asked(Api::OpenAiChat, &body).expect(&body);
                    assert_eq!(asked(Api::OpenAiCompletions, &body).as_ref(), Some(&edit));
                    let parse = |body: &str| {
                        serde_json::from_str::<Value>(body.trim_start_matches('\u{feff}'))
                    };
                    let mut wanted = parse(&body).expect(&body);
                    let options = &mut wanted["stream_options"];
                    if options.is_null() {
                        *options = json!({});
                    }
                    options["include_usage"] = true.into();
                    assert_eq!(parse(&edited(&body, &edit)).ok(), Some(wanted), "{body} {edit:?}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_asks_or_is_odd_or_is_for_no_stream_is_left_alone() {
        for body in [
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":"false"}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":0}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":{}}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":[false]}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":false,"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":false},"stream_options":{}}"#,
            r#"{"stream":true,"stream_options":{},"stream_options":null}"#,
            r#"{"stream_options":null,"stream_options":{},"stream":true}"#,
            r#"{"stream":true,"stream_options":"x"}"#,
            r#"{"stream":true,"stream_options":7}"#,
            r#"{"stream":true,"stream_options":[{}]}"#,
            r#"{"stream":false}"#,
            r#"{"stream":"true"}"#,
            r#"{"stream":true,"stream":false}"#,
            r#"{"model":"m"}"#,
            "{}",
        ] {
            assert_eq!(asked(Api::OpenAiChat, body), None, "{body}");
        }
    }

    #[test]
    fn only_the_two_apis_that_have_the_option_are_asked() {
        for api in [Api::OpenAiResponses, Api::AnthropicMessages, Api::OpenAiEmbeddings] {
            assert_eq!(asked(api, r#"{"stream":true}"#), None, "{api:?}");
        }
    }
}
