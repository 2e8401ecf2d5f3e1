//! What a route matches: path, headers, query parameters.

use std::borrow::Cow;

use regex::bytes::Regex;

use super::{
    super::message::{CURE, Message},
    select::RequestHead,
    string_match::{self, StringMatcher},
};
use crate::{
    model::EnvoyVersion,
    yaml::{Error, Reader},
};

/// `RouteMatch`: all of it has to match.
#[derive(Debug, Clone)]
pub struct RouteMatcher {
    /// The path, without its query.
    pub path: PathMatcher,
    /// Case counts in the path; it does by default.
    pub case_sensitive: bool,
    /// Every one has to match.
    pub headers: Vec<HeaderMatcher>,
    /// Every one has to match.
    pub query_parameters: Vec<QueryMatcher>,
    /// Every one has to match.
    pub filter_state: Vec<FilterStateMatcher>,
}

/// `FilterStateMatcher`
#[derive(Debug, Clone)]
pub struct FilterStateMatcher {
    /// The object's full name; those of plugins start with `wasm.`.
    pub key: String,
    /// What its text has to be.
    pub matches: StringMatcher,
}

/// How the path is matched.
#[derive(Debug, Clone)]
pub enum PathMatcher {
    /// It starts so.
    Prefix(String),
    /// It is this.
    Path(String),
    /// It is this, or starts so and goes on with a slash.
    SeparatedPrefix(String),
    /// The whole of it matches.
    Regex(Regex),
    /// The request is a CONNECT; the path does not matter.
    Connect,
}

/// `HeaderMatcher`
#[derive(Debug, Clone)]
pub struct HeaderMatcher {
    /// Lower case.
    pub name: String,
    /// What its value has to be.
    pub matches: HeaderMatch,
    /// The outcome is turned round.
    pub invert: bool,
    /// A missing header counts as an empty one.
    pub treat_missing_as_empty: bool,
}

/// What a header's value has to be; of several values one has to be it.
#[derive(Debug, Clone)]
pub enum HeaderMatch {
    /// There, or not there.
    Present(bool),
    /// A string.
    String(StringMatcher),
    /// A whole number from `start` to below `end`.
    Range {
        /// The first.
        start: i64,
        /// The first that is too large.
        end: i64,
    },
}

/// `QueryParameterMatcher`
#[derive(Debug, Clone)]
pub struct QueryMatcher {
    /// The parameter's name.
    pub name: String,
    /// What its first value has to be; `None`: it has to be there.
    pub matches: Option<StringMatcher>,
}

impl RouteMatcher {
    pub(super) fn matches(&self, head: &impl RequestHead, envoy: EnvoyVersion) -> bool {
        self.path_matches(head)
            && self.headers.iter().all(|header| header.matches(head, envoy))
            && (self.query_parameters.is_empty() || self.query_matches(head))
            && self.filter_state.iter().all(|matcher| {
                let value = head.filter_state(&matcher.key);
                value.is_some_and(|value| matcher.matches.matches(value))
            })
    }

    fn path_matches(&self, head: &impl RequestHead) -> bool {
        if let PathMatcher::Connect = self.path {
            return head.values(":method").next() == Some(b"CONNECT");
        }
        // A CONNECT of HTTP/1.1 has no path, and then only connect matchers are for it.
        let Some(path) = head.values(":path").next() else { return false };
        let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        let lowered;
        let path = if self.case_sensitive {
            path
        } else {
            lowered = path.to_ascii_lowercase();
            &lowered
        };
        match &self.path {
            PathMatcher::Prefix(prefix) => path.starts_with(prefix.as_bytes()),
            PathMatcher::Path(own) => path == own.as_bytes(),
            PathMatcher::SeparatedPrefix(prefix) => path
                .strip_prefix(prefix.as_bytes())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")),
            PathMatcher::Regex(regex) => regex.is_match(path),
            PathMatcher::Connect => false,
        }
    }

    fn query_matches(&self, head: &impl RequestHead) -> bool {
        let path = head.values(":path").next().unwrap_or_default();
        let query = path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
        let query = query.split(|byte| *byte == b'#').next().unwrap_or_default();
        self.query_parameters.iter().all(|matcher| {
            let value = first_value(query, matcher.name.as_bytes());
            match (&matcher.matches, value) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(matcher), Some(value)) => matcher.matches(value),
            }
        })
    }
}

/// The first value of a parameter. Envoy compares as it was sent, percent signs and all.
fn first_value<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        (parts.next() == Some(name)).then(|| parts.next().unwrap_or_default())
    })
}

impl HeaderMatcher {
    /// Whether it matches these headers, as this Envoy does.
    #[must_use]
    pub fn matches(&self, head: &impl RequestHead, envoy: EnvoyVersion) -> bool {
        let mut values: Vec<Cow<'_, [u8]>> = head.values(&self.name).map(Cow::Borrowed).collect();
        // Up to 1.37 several values are compared as one, joined by commas.
        if envoy <= EnvoyVersion::V1_37 && values.len() > 1 {
            values = vec![Cow::Owned(values.join(&b','))];
        }
        if values.is_empty() && self.treat_missing_as_empty {
            values.push(Cow::Borrowed(b""));
        }
        let matches = match &self.matches {
            HeaderMatch::Present(present) => values.is_empty() != *present,
            // Turned round or not, a value matcher does not match what is not there.
            _ if values.is_empty() => return false,
            HeaderMatch::String(matcher) => values.iter().any(|value| matcher.matches(value)),
            HeaderMatch::Range { start, end } => {
                let number = |value: &[u8]| std::str::from_utf8(value).ok()?.parse::<i64>().ok();
                let within = |number| (*start..*end).contains(&number);
                values.iter().any(|value| number(value).is_some_and(within))
            }
        };
        matches != self.invert
    }
}

const PATHS: [&str; 5] =
    ["prefix", "path", "safe_regex", "path_separated_prefix", "connect_matcher"];

pub(super) fn read(reader: &Reader<'_>) -> Result<RouteMatcher, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RouteMatch")?;
    let case_sensitive = message.or("case_sensitive", true, Reader::boolean)?;
    let (field, value) = message.exactly_one_of(&PATHS)?;
    let text = || {
        let text = value.string()?;
        Ok(if case_sensitive { text.to_owned() } else { text.to_ascii_lowercase() })
    };
    let path = match field {
        "prefix" => PathMatcher::Prefix(text()?),
        "path" => PathMatcher::Path(text()?),
        "safe_regex" => PathMatcher::Regex(string_match::regex(&value)?),
        "path_separated_prefix" => PathMatcher::SeparatedPrefix(text()?),
        _ => PathMatcher::Connect,
    };
    let matcher = RouteMatcher {
        // A regular expression says itself whether case counts.
        case_sensitive: case_sensitive || matches!(path, PathMatcher::Regex(_)),
        path,
        headers: message.each("headers", header)?,
        query_parameters: message.each("query_parameters", query)?,
        filter_state: message.each("filter_state", filter_state)?,
    };
    message.finish()?;
    Ok(matcher)
}

const HEADERS: [&str; 8] = [
    "string_match",
    "present_match",
    "range_match",
    "exact_match",
    "prefix_match",
    "suffix_match",
    "contains_match",
    "safe_regex_match",
];

pub(super) fn header(reader: &Reader<'_>) -> Result<HeaderMatcher, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.HeaderMatcher")?;
    let matches = match message.one_of(&HEADERS)? {
        None => HeaderMatch::Present(true),
        Some(("present_match", value)) => HeaderMatch::Present(value.boolean()?),
        Some(("range_match", value)) => range(&value)?,
        Some(("string_match", value)) => HeaderMatch::String(string_match::read(&value)?),
        Some((field, value)) => {
            let field = field.strip_suffix("_match").unwrap_or(field);
            HeaderMatch::String(StringMatcher::new(string_match::pattern(field, &value)?))
        }
    };
    let name = message.required("name")?.name()?.to_ascii_lowercase();
    let matcher = HeaderMatcher {
        // Envoy keeps the host under the name that HTTP/2 has for it.
        name: if name == "host" { ":authority".to_owned() } else { name },
        matches,
        invert: message.or("invert_match", false, Reader::boolean)?,
        treat_missing_as_empty: message.or(
            "treat_missing_header_as_empty",
            false,
            Reader::boolean,
        )?,
    };
    message.finish()?;
    Ok(matcher)
}

fn filter_state(reader: &Reader<'_>) -> Result<FilterStateMatcher, Error> {
    let mut message = Message::read(reader, "envoy.type.matcher.v3.FilterStateMatcher")?;
    let matcher = FilterStateMatcher {
        key: message.required("key")?.name()?.to_owned(),
        matches: string_match::read(&message.required("string_match")?)?,
    };
    message.finish()?;
    Ok(matcher)
}

fn range(reader: &Reader<'_>) -> Result<HeaderMatch, Error> {
    let mut message = Message::read(reader, "envoy.type.v3.Int64Range")?;
    let start = message.or("start", 0, Reader::integer)?;
    let end = message.or("end", 0, Reader::integer)?;
    message.finish()?;
    Ok(HeaderMatch::Range { start, end })
}

fn query(reader: &Reader<'_>) -> Result<QueryMatcher, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.QueryParameterMatcher")?;
    let name = message.required("name")?.name()?.to_owned();
    let matches = match message.one_of(&["string_match", "present_match"])? {
        Some(("string_match", value)) => Some(string_match::read(&value)?),
        Some((_, value)) if !value.boolean()? => {
            return Err(value.not_modelled(
                "`present_match: false`",
                "`present_match: true`",
                CURE,
            ));
        }
        _ => None,
    };
    message.finish()?;
    Ok(QueryMatcher { name, matches })
}
