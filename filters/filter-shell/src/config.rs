//! A plugin's configuration: one JSON object, of which the shell reads the shared part and hands
//! each remaining section to the filter it names.
//!
//! Text becomes raw structs (strict: an unknown field is an error), raw structs become policies
//! that cannot be wrong. Every error is one line that says where, what was found, what is allowed,
//! and the cure. `flatten` and `untagged` are not used, since serde's messages lose the place.

mod body;
mod json;
mod matching;
mod tokens;

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use traffic_policy::catalog::{Catalog, RawModel, RawPool};
use traffic_policy::invalid::Invalid;
use traffic_policy::units::Span;

pub(crate) use body::Access;
pub use body::Body;
use body::RawBody;
use json::Strict;
pub(crate) use matching::Matching;
use matching::RawMatch;
pub(crate) use tokens::Exact;
use tokens::RawTokens;

use crate::filter::Filter;
use crate::tokens::Vocabularies;

/// A section of the configuration, and the filter it turns on.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its key.
    pub name: &'static str,
    /// Makes the filter. Paths of errors are relative to the section.
    pub build: Build,
}

/// Makes a filter from its section and the shared part.
pub type Build = fn(Value, &Shared) -> Result<Box<dyn Filter>, Invalid>;

/// The part of a configuration that all sections share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Models and pools.
    pub catalog: Catalog,
    /// How a request's body is looked at.
    pub body: Body,
    pub(crate) matching: Matching,
    pub(crate) waiting_requests: usize,
    pub(crate) debug_headers: bool,
    pub(crate) log_fields: Vec<LogField>,
    pub(crate) trust_incoming: Vec<String>,
    pub(crate) exact: Exact,
    pub(crate) calibrate: bool,
    pub(crate) vocabularies: Rc<Vocabularies>,
    /// How long a stream may be silent.
    pub(crate) stall_after: Duration,
    /// How many values a label may have that the configuration does not name.
    pub labels_per_key: usize,
}

/// A fact that access logs may name, as `%FILTER_STATE(wasm.llm.model:PLAIN)%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogField {
    /// `llm.model`
    Model,
    /// `llm.prompt_tokens`
    PromptTokens,
    /// `llm.token_source`
    TokenSource,
    /// `llm.token_error_percent`
    TokenErrorPercent,
    /// `llm.pool`
    Pool,
    /// `llm.version`
    Version,
    /// `llm.reason`: the rule, or why it was refused
    Reason,
    /// `llm.input_tokens`: as the server reported them, or counted here
    InputTokens,
    /// `llm.output_tokens`
    OutputTokens,
    /// `llm.cached_tokens`
    CachedTokens,
    /// `llm.reasoning_tokens`
    ReasoningTokens,
    /// `llm.usage_source`
    UsageSource,
    /// `llm.outcome`
    Outcome,
    /// `llm.finish_reason`
    FinishReason,
    /// `llm.time_to_first_token`, in milliseconds
    TimeToFirstToken,
    /// `llm.duration`, in milliseconds
    Duration,
    /// `llm.stalls`
    Stalls,
}

impl LogField {
    /// The property in filter state.
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::Model => "llm.model",
            Self::PromptTokens => "llm.prompt_tokens",
            Self::TokenSource => "llm.token_source",
            Self::TokenErrorPercent => "llm.token_error_percent",
            Self::Pool => "llm.pool",
            Self::Version => "llm.version",
            Self::Reason => "llm.reason",
            Self::InputTokens => "llm.input_tokens",
            Self::OutputTokens => "llm.output_tokens",
            Self::CachedTokens => "llm.cached_tokens",
            Self::ReasoningTokens => "llm.reasoning_tokens",
            Self::UsageSource => "llm.usage_source",
            Self::Outcome => "llm.outcome",
            Self::FinishReason => "llm.finish_reason",
            Self::TimeToFirstToken => "llm.time_to_first_token",
            Self::Duration => "llm.duration",
            Self::Stalls => "llm.stalls",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    /// How many requests may wait for a decision at once, in one worker.
    waiting_requests: Option<usize>,
    /// How many values a label may have that the configuration does not name.
    labels_per_key: Option<usize>,
    /// How long a stream may be silent.
    stall_after: Option<Span>,
}

/// What the configuration of the plugin `llm-mesh` makes.
pub(crate) struct Configured {
    pub(crate) shared: Shared,
    pub(crate) filters: Vec<Box<dyn Filter>>,
}

const SHARED_KEYS: [&str; 10] = [
    "version",
    "match",
    "body",
    "limits",
    "tokens",
    "models",
    "pools",
    "debug_headers",
    "log_fields",
    "trust_incoming",
];

/// Labels beyond this are called `other`.
const DEFAULT_LABELS_PER_KEY: usize = 200;

/// Ten seconds are no gap between tokens any more.
const DEFAULT_STALL_AFTER: Span = Span(Duration::from_secs(10));

/// More than any proxy holds open; less than would hurt.
const DEFAULT_WAITING_REQUESTS: usize = 16_384;

/// Reads the configuration of the plugin `llm-mesh`, with these sections in this order.
pub(crate) fn read(bytes: &[u8], sections: &[Section]) -> Result<Configured, Invalid> {
    let mut object = object(bytes)?;
    let known = || SHARED_KEYS.into_iter().chain(sections.iter().map(|s| s.name));
    if let Some(unknown) = object.keys().find(|key| !known().any(|k| k == *key)) {
        return Err(Invalid::not_one_of(
            unknown,
            unknown,
            known(),
            "remove it or correct its name",
        ));
    }
    let shared = shared(&mut object)?;
    let mut filters = Vec::new();
    for section in sections {
        if let Some(value) = object.remove(section.name) {
            filters.push((section.build)(value, &shared).map_err(|e| e.under(section.name))?);
        }
    }
    if filters.is_empty() {
        let names: Vec<&str> = sections.iter().map(|s| s.name).collect();
        return Err(Invalid::new(
            "configuration",
            format!(
                "found no section that turns a filter on; allowed {}; add one",
                names.join(", ")
            ),
        ));
    }
    Ok(Configured { shared, filters })
}

/// Whether a configuration would be accepted.
///
/// # Errors
/// What the plugin would log.
pub fn check(bytes: &[u8], sections: &[Section]) -> Result<(), Invalid> {
    read(bytes, sections).map(drop)
}

// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
fn shared(object: &mut Map<String, Value>) -> Result<Shared, Invalid> {
    let models: Vec<RawModel> = take(object, "models")?.unwrap_or_default();
    let pools: Vec<RawPool> = take(object, "pools")?.unwrap_or_default();
    let matching: RawMatch = take(object, "match")?.unwrap_or_default();
    let body: RawBody = take(object, "body")?.unwrap_or_default();
    let tokens: RawTokens = take(object, "tokens")?.unwrap_or_default();
    let limits: RawLimits = take(object, "limits")?.unwrap_or_default();
    let catalog = Catalog::try_from((models, pools))?;
    Ok(Shared {
        vocabularies: Rc::new(Vocabularies::of(&catalog)?),
        exact: tokens.exact,
        calibrate: tokens.calibrate,
        catalog,
        body: Body::try_from(body).map_err(|e| e.under("body"))?,
        matching: matching.into(),
        waiting_requests: limits.waiting_requests.unwrap_or(DEFAULT_WAITING_REQUESTS),
        labels_per_key: limits.labels_per_key.unwrap_or(DEFAULT_LABELS_PER_KEY),
        stall_after: stall_after(limits.stall_after)?,
        debug_headers: take(object, "debug_headers")?.unwrap_or(false),
        log_fields: take(object, "log_fields")?.unwrap_or_default(),
        trust_incoming: take(object, "trust_incoming")?.unwrap_or_default(),
    })
}

fn stall_after(raw: Option<Span>) -> Result<Duration, Invalid> {
    let span = raw.unwrap_or(DEFAULT_STALL_AFTER).0;
    if span < Duration::from_millis(10) {
        return Err(Invalid::new(
            "limits.stall_after",
            format!(
                "found {span:?}; allowed 10ms and more; tokens of a healthy stream are as far apart"
            ),
        ));
    }
    Ok(span)
}

/// The configuration as an object of the version we read, without its `version`.
// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Invalid> {
    const HERE: &str = "configuration";
    if bytes.is_empty() {
        return Err(Invalid::new(
            HERE,
            "found nothing; give a JSON object as google.protobuf.StringValue",
        ));
    }
    if std::str::from_utf8(bytes).is_err() || bytes.first().is_some_and(|byte| *byte < b'\t') {
        return Err(Invalid::new(
            HERE,
            "found binary data, as a google.protobuf.Struct arrives; allowed JSON text; give it as google.protobuf.StringValue",
        ));
    }
    let Strict(value) = serde_json::from_slice(bytes).map_err(|e| {
        Invalid::new(
            HERE,
            if e.is_data() {
                format!("found {e}; allowed once; remove one")
            } else {
                format!("found text that is not JSON ({e}); correct it there")
            },
        )
    })?;
    let Value::Object(mut object) = value else {
        return Err(Invalid::new(
            HERE,
            "found JSON that is not an object; allowed {\"version\": 1, ...}",
        ));
    };
    match object.remove("version") {
        Some(version) if version == 1 => Ok(object),
        Some(other) => Err(Invalid::new("version", format!("found `{other}`; allowed 1"))),
        None => Err(Invalid::new("version", "found none; allowed 1; add \"version\": 1")),
    }
}

/// Takes a key out of the object and reads it.
// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
pub(crate) fn take<T: DeserializeOwned>(
    object: &mut Map<String, Value>,
    key: &str,
) -> Result<Option<T>, Invalid> {
    object.remove(key).map(|value| section(value).map_err(|e: Invalid| e.under(key))).transpose()
}

/// Reads a value into its raw struct; an error's path says where in the value it is.
// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
pub fn section<T: DeserializeOwned>(value: Value) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        Invalid::new(path, error.into_inner().to_string())
    })
}

#[cfg(test)]
mod tests;
