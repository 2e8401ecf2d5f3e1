//! The guard's configuration.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use llm_wire::Api;
use serde::Deserialize;
use serde_json::{Map, Value};
use traffic_policy::invalid::Invalid;
use traffic_policy::mode::Mode;
use traffic_policy::units::{Size, Span};

use crate::config;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGuard {
    mode: Option<Mode>,
    hold_at_most: Option<Span>,
    hold_bytes: Option<Size>,
    held_answers: Option<usize>,
    body_limit: Option<Size>,
    add_missing_end: Option<bool>,
    #[serde(default)]
    pools: Vec<RawHop>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHop {
    name: String,
    model: Option<String>,
    path: Option<String>,
    #[serde(default)]
    body: Map<String, Value>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What one configuration says.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) is_shadow: bool,
    pub(super) hold_at_most: Duration,
    pub(super) hold_bytes: usize,
    pub(super) held_answers: usize,
    pub(super) body_limit: usize,
    pub(super) add_missing_end: bool,
    hops: Vec<Hop>,
    /// Headers that some pool sets, lower-case.
    pub(super) headers: Vec<String>,
    /// Some pool has a path of its own, or wants another body.
    pub(super) edits_path: bool,
    pub(super) edits_body: bool,
}

/// What the servers of a pool want.
#[derive(Debug)]
pub(super) struct Hop {
    pool: String,
    path: Option<(Api, String)>,
    /// Fields of the body, as JSON, by the names that stand beside them.
    pub(super) fields: Vec<String>,
    pub(super) names: Rc<[String]>,
    headers: BTreeMap<String, String>,
}

/// Longer than any client waits for its first token.
const DEFAULT_HOLD_AT_MOST: Span = Span(Duration::from_secs(30));

/// First events have less than a kilobyte.
const DEFAULT_HOLD_BYTES: Size = Size(64 * 1024);

/// Half of the 1 MiB that a proxy buffers by default.
const DEFAULT_BODY_LIMIT: Size = Size(512 * 1024);
const DEFAULT_HELD_ANSWERS: usize = 16_384;

/// What is written into a body in one place.
const LONGEST_FIELD: usize = 4096;

impl Settings {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        let raw: RawGuard = config::section(config::object(bytes)?.into())?;
        let hops: Vec<Hop> =
            raw.pools.into_iter().enumerate().map(hop).collect::<Result<_, _>>()?;
        let mut headers: Vec<String> =
            hops.iter().flat_map(|h| h.headers.keys().cloned()).collect();
        headers.sort_unstable();
        headers.dedup();
        Ok(Self {
            is_shadow: raw.mode.unwrap_or_default().is_shadow(),
            hold_at_most: hold_at_most(raw.hold_at_most)?,
            hold_bytes: size("hold_bytes", raw.hold_bytes, DEFAULT_HOLD_BYTES)?,
            held_answers: raw.held_answers.unwrap_or(DEFAULT_HELD_ANSWERS),
            body_limit: size("body_limit", raw.body_limit, DEFAULT_BODY_LIMIT)?,
            add_missing_end: raw.add_missing_end.unwrap_or(true),
            headers,
            edits_path: hops.iter().any(|hop| hop.path.is_some()),
            edits_body: hops.iter().any(Hop::edits_body),
            hops,
        })
    }

    /// What the servers of this pool want, if that is anything.
    pub(super) fn hop(&self, pool: &str) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.pool == pool)
    }

    /// Whether attempts differ in anything.
    pub(super) fn edits(&self) -> bool {
        self.edits_path || self.edits_body || !self.headers.is_empty()
    }
}

impl Hop {
    /// The path for a request of this API: one of another API cannot be made one of it.
    pub(super) fn path(&self, api: Api) -> Option<&str> {
        self.path.as_ref().filter(|(of, _)| *of == api).map(|(_, path)| path.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn edits_body(&self) -> bool {
        !self.fields.is_empty()
    }
}

fn hop((index, raw): (usize, RawHop)) -> Result<Hop, Invalid> {
    let at = |field: &str| format!("pools[{index}].{field}");
    let api = |path: String| match Api::from_path(path.as_bytes()) {
        Some(api) if path.starts_with('/') => Ok((api, path)),
        _ => Err(Invalid::new(
            at("path"),
            format!(
                "found `{path}`; allowed the path of an LLM API, such as /v1/chat/completions; write the one that the pool's servers have"
            ),
        )),
    };
    let path = raw.path.map(api).transpose()?;
    let mut body = raw.body;
    if let Some(model) = raw.model
        && body.insert("model".into(), model.into()).is_some()
    {
        return Err(Invalid::new(
            at("body.model"),
            "found beside `model`; allowed once; remove one",
        ));
    }
    let fields: Vec<String> = body.values().map(Value::to_string).collect();
    if let Some((name, _)) = body.keys().zip(&fields).find(|(_, json)| json.len() > LONGEST_FIELD) {
        let problem = format!("found more than {LONGEST_FIELD} bytes of JSON; give it less");
        return Err(Invalid::new(at(&format!("body.{name}")), problem));
    }
    for (name, value) in &raw.headers {
        header(name, value).map_err(|e| e.under(&at("headers")))?;
    }
    let names = body.keys().cloned().collect();
    Ok(Hop { pool: raw.name, path, fields, names, headers: raw.headers })
}

/// Headers that a server may be sent: none of those by which the proxy frames, routes or tries again.
fn header(name: &str, value: &str) -> Result<(), Invalid> {
    const OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "te"];
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if !is_name
        || OURS.contains(&name)
        || name.starts_with("x-envoy-")
        || name.starts_with("x-llm-")
    {
        let problem = "found a name that cannot be set; allowed a header's name in lower case that is not the proxy's own; correct or remove it";
        return Err(Invalid::new(name, problem));
    }
    if value.is_empty() || value.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err(Invalid::new(
            name,
            format!(
                "found `{}`; allowed text without control characters; remove them, or the header",
                value.escape_default()
            ),
        ));
    }
    Ok(())
}

fn hold_at_most(raw: Option<Span>) -> Result<Duration, Invalid> {
    let span = raw.unwrap_or(DEFAULT_HOLD_AT_MOST).0;
    if span < Duration::from_millis(20) || span > Duration::from_secs(600) {
        let cure = if span < Duration::from_millis(20) { "raise it" } else { "lower it" };
        let problem = format!("found {}; allowed 20ms to 600s; {cure}", Span(span));
        return Err(Invalid::new("hold_at_most", problem));
    }
    Ok(span)
}

fn size(name: &str, raw: Option<Size>, default: Size) -> Result<usize, Invalid> {
    let bytes = raw.unwrap_or(default).0;
    if !(1024..=1 << 30).contains(&bytes) {
        let problem = format!(
            "found {bytes} bytes; allowed 1KiB to 1GiB; stay below the proxy's per_connection_buffer_limit_bytes"
        );
        return Err(Invalid::new(name, problem));
    }
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(configuration: &Value) -> Result<Settings, String> {
        Settings::read(configuration.to_string().as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_a_pool_wants_is_read() {
        let settings = read(&serde_json::json!({"version": 1, "pools": [
            {"name": "gpu"},
            {"name": "provider", "model": "small", "path": "/openai/v1/chat/completions",
             "body": {"temperature": 0, "metadata": {"a": [1]}}, "headers": {"x-b": "2", "x-a": "1"}},
        ]}));
        let settings = settings.unwrap();
        assert_eq!(settings.headers, ["x-a", "x-b"]);
        assert!(settings.edits() && settings.edits_path && settings.edits_body);
        let hop = settings.hop("provider").unwrap();
        assert_eq!(hop.path(Api::OpenAiChat), Some("/openai/v1/chat/completions"));
        assert_eq!(hop.path(Api::OpenAiEmbeddings), None);
        let fields: Vec<_> = hop.names.iter().zip(&hop.fields).collect();
        assert!(fields.iter().any(|(n, v)| *n == "model" && *v == "\"small\""), "{fields:?}");
        assert_eq!(fields.len(), 3);
        assert!(!settings.hop("gpu").unwrap().edits_body());
        assert!(settings.hop("other").is_none());
    }

    #[test]
    fn nothing_needs_to_be_said() {
        let settings = read(&serde_json::json!({"version": 1})).unwrap();
        assert!(!settings.edits() && !settings.is_shadow && settings.add_missing_end);
        assert_eq!(settings.hold_at_most, Duration::from_secs(30));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let pool =
            |pool: Value| read(&serde_json::json!({"version": 1, "pools": [pool]})).unwrap_err();
        assert_eq!(
            pool(serde_json::json!({"name": "a", "path": "v1/x"})),
            "pools[0].path: found `v1/x`; allowed the path of an LLM API, such as /v1/chat/completions; write the one that the pool's servers have"
        );
        assert_eq!(
            pool(serde_json::json!({"name": "a", "model": "b", "body": {"model": "c"}})),
            "pools[0].body.model: found beside `model`; allowed once; remove one"
        );
        for name in ["X-A", ":path", "host", "x-envoy-max-retries", "x-llm-pool", "a b"] {
            let error = pool(serde_json::json!({"name": "a", "headers": {name: "1"}}));
            assert!(
                error.starts_with(&format!("pools[0].headers.{name}: found a name")),
                "{error}"
            );
        }
        let error = pool(serde_json::json!({"name": "a", "headers": {"x-a": "1\r\nx-b: 2"}}));
        assert_eq!(
            error,
            "pools[0].headers.x-a: found `1\\r\\nx-b: 2`; allowed text without control characters; remove them, or the header"
        );
        assert_eq!(
            read(&serde_json::json!({"version": 1, "hold_at_most": "1ms"})).unwrap_err(),
            "hold_at_most: found 1ms; allowed 20ms to 600s; raise it"
        );
        assert!(read(&serde_json::json!({"version": 1, "hold_bytes": "1B"})).is_err());
    }
}
