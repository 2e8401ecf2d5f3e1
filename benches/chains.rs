//! The chains of filters that are compared, as a proxy's configuration has them.

use std::path::Path;

use serde_json::{Value, json};

use crate::proxies::Modules;

/// What a chain does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// No filter but the router.
    Nothing,
    /// A wasm filter whose callbacks return at once.
    Empty,
    /// A wasm filter that makes token-router's host calls, and does nothing else: what no plugin
    /// that reads a body and says something of it can be cheaper than.
    HostCalls,
    /// token-router, the request waiting in the plugin.
    Knob,
    /// token-router, the request waiting at the gate.
    Gate,
    /// Envoy's own filter that reads keys from a JSON body.
    JsonToMetadata,
    /// A Lua filter that finds the model in the body.
    Lua,
    /// The same module looking at headers of requests, and at nothing of answers.
    RequestsOnly,
    /// token-metrics alone, which looks at headers of requests and reads answers.
    TokenMetrics,
    /// token-metrics, and the model's name is read from the request's body.
    ModelMetrics,
    /// Envoy's own filter that reads a key from each event of a stream.
    SseToMetadata,
    /// `json_to_metadata` on answers.
    JsonToMetadataOfAnswers,
    /// retry-breaker alone, which looks at headers of requests and reads answers.
    Breaker,
    /// The same, with the names of four endpoints.
    BreakerOfFour,
    /// token-router and retry-breaker, by the headers of requests.
    RouterAndBreaker,
    /// token-router and retry-breaker, the request waiting in the plugin.
    KnobAndBreaker,
    /// canary-split alone, which looks at headers of requests.
    Split,
    /// canary-split in a rollout, which reads answers.
    Rollout,
    /// token-router and canary-split, by the headers of requests.
    RouterAndSplit,
    /// token-router and token-metrics, by the headers of requests.
    RouterAndMetrics,
    /// The same with canary-split in a rollout.
    RolloutAndMetrics,
    /// No filter; the route tries again as the filter would have it.
    RouteRetries,
    /// retry-breaker, and behind the router an empty wasm filter.
    BreakerAndEmpty,
    /// retry-breaker, and behind the router attempt-guard.
    BreakerAndGuard,
    /// The same, and each attempt names a model of its own.
    BreakerAndNaming,
}

impl Chain {
    /// Every chain, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Empty,
        Self::HostCalls,
        Self::Knob,
        Self::Gate,
        Self::JsonToMetadata,
        Self::Lua,
    ];

    /// The chains that are compared by what they do with answers.
    pub const OF_ANSWERS: [Self; 6] = [
        Self::Nothing,
        Self::Empty,
        Self::RequestsOnly,
        Self::TokenMetrics,
        Self::SseToMetadata,
        Self::JsonToMetadataOfAnswers,
    ];

    /// The chains that are compared by what retries and breakers cost.
    pub const OF_RETRIES: [Self; 8] = [
        Self::Nothing,
        Self::Empty,
        Self::RouteRetries,
        Self::RequestsOnly,
        Self::Breaker,
        Self::BreakerOfFour,
        Self::RouterAndBreaker,
        Self::KnobAndBreaker,
    ];

    /// The chains that are compared by what a split costs.
    pub const OF_SPLITS: [Self; 8] = [
        Self::Nothing,
        Self::Empty,
        Self::RequestsOnly,
        Self::Split,
        Self::RouterAndSplit,
        Self::Rollout,
        Self::RouterAndMetrics,
        Self::RolloutAndMetrics,
    ];

    /// The chains that are compared by what is behind the router; the first has nothing there.
    pub const OF_ATTEMPTS: [Self; 4] =
        [Self::Breaker, Self::BreakerAndEmpty, Self::BreakerAndGuard, Self::BreakerAndNaming];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no filter",
            Self::Empty => "empty wasm filter",
            Self::HostCalls => "wasm, host calls only",
            Self::Knob => "token-router, knob",
            Self::Gate => "token-router, gate",
            Self::JsonToMetadata => "json_to_metadata",
            Self::Lua => "Lua",
            Self::RequestsOnly => "the module without token-metrics",
            Self::TokenMetrics => "token-metrics",
            Self::ModelMetrics => "token-metrics, knob",
            Self::SseToMetadata => "sse_to_metadata",
            Self::JsonToMetadataOfAnswers => "json_to_metadata",
            Self::Breaker => "retry-breaker",
            Self::BreakerOfFour => "retry-breaker, four endpoints",
            Self::RouterAndBreaker => "token-router and retry-breaker",
            Self::KnobAndBreaker => "token-router and retry-breaker, knob",
            Self::Split => "canary-split",
            Self::Rollout => "canary-split, rollout",
            Self::RouterAndSplit => "token-router and canary-split",
            Self::RouterAndMetrics => "token-router and token-metrics",
            Self::RolloutAndMetrics => "token-router, canary-split in a rollout, token-metrics",
            Self::RouteRetries => "no filter, the route has the retries",
            Self::BreakerAndEmpty => "empty wasm filter behind the router",
            Self::BreakerAndGuard => "attempt-guard",
            Self::BreakerAndNaming => "attempt-guard, a model of its own",
        }
    }

    pub(crate) fn filters(self, modules: &Modules) -> Vec<Value> {
        let mut filters = match self {
            Self::Nothing | Self::RouteRetries => vec![],
            Self::Empty => vec![wasm("empty", "empty", &modules.empty, None, None)],
            Self::HostCalls => vec![wasm("calls", "calls", &modules.host_calls, None, None)],
            Self::Knob => vec![llm_mesh(modules, &mesh("knob"))],
            Self::Gate => vec![
                llm_mesh(modules, &mesh("gate")),
                wasm(
                    "body-gate",
                    "body-gate",
                    &modules.mesh,
                    Some(&json!({"version": 1})),
                    Some("body-gate"),
                ),
            ],
            Self::JsonToMetadata => vec![json_to_metadata()],
            Self::Lua => vec![lua()],
            Self::RequestsOnly => vec![llm_mesh(modules, &headers_only(&["token_router"]))],
            Self::TokenMetrics => vec![llm_mesh(modules, &headers_only(&["token_metrics"]))],
            Self::ModelMetrics => {
                let mut configuration = headers_only(&["token_metrics"]);
                if let Some(body) = configuration.get_mut("body") {
                    *body = json!({"access": "knob"});
                }
                vec![llm_mesh(modules, &configuration)]
            }
            Self::SseToMetadata => vec![sse_to_metadata()],
            Self::JsonToMetadataOfAnswers => vec![json_to_metadata_of_answers()],
            Self::Breaker
            | Self::BreakerAndEmpty
            | Self::BreakerAndGuard
            | Self::BreakerAndNaming => vec![llm_mesh(modules, &headers_only(&["retry_breaker"]))],
            Self::BreakerOfFour => {
                let mut configuration = headers_only(&["retry_breaker"]);
                if let Some(pool) = configuration.pointer_mut("/pools/0") {
                    let endpoints = [1, 2, 3, 4].map(|n| format!("10.0.0.{n}:8000"));
                    *pool = json!({"name": POOL, "endpoints": endpoints});
                }
                vec![llm_mesh(modules, &configuration)]
            }
            Self::RouterAndBreaker => {
                vec![llm_mesh(modules, &headers_only(&["token_router", "retry_breaker"]))]
            }
            Self::KnobAndBreaker => vec![llm_mesh(modules, &mesh_that_breaks())],
            Self::Split => vec![llm_mesh(modules, &headers_only(&["canary_split"]))],
            Self::RouterAndSplit => {
                vec![llm_mesh(modules, &headers_only(&["token_router", "canary_split"]))]
            }
            Self::RouterAndMetrics => {
                vec![llm_mesh(modules, &headers_only(&["token_router", "token_metrics"]))]
            }
            Self::Rollout => vec![llm_mesh(modules, &rolling(&["canary_split"]))],
            Self::RolloutAndMetrics => {
                let sections = ["token_router", "canary_split", "token_metrics"];
                vec![llm_mesh(modules, &rolling(&sections))]
            }
        };
        filters.push(router());
        filters
    }

    /// The filters behind the router, for each attempt; none: the cluster has no chain.
    pub(crate) fn filters_of_attempts(self, modules: &Modules) -> Vec<Value> {
        let guard = |pool: Value| {
            let configuration = json!({"version": 1, "pools": [pool]});
            let role = "attempt-guard";
            wasm(role, role, &modules.mesh, Some(&configuration), Some(role))
        };
        match self {
            Self::BreakerAndEmpty => vec![wasm("empty", "empty", &modules.empty, None, None)],
            Self::BreakerAndGuard => vec![guard(json!({"name": POOL}))],
            Self::BreakerAndNaming => vec![guard(json!({"name": POOL, "model": "small"}))],
            _ => vec![],
        }
    }

    /// What the route itself says of retries.
    pub(crate) fn retry_policy(self) -> Option<Value> {
        (self == Self::RouteRetries).then(|| {
            json!({"retry_on": "gateway-error,connect-failure,refused-stream",
                "retriable_status_codes": [429], "num_retries": 2, "per_try_timeout": "2s"})
        })
    }
}

const POOL: &str = "gpu-large";

fn llm_mesh(modules: &Modules, configuration: &Value) -> Value {
    wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(configuration), None)
}

/// The last filter of a chain.
pub(crate) fn router() -> Value {
    json!({"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}})
}

fn wasm(
    name: &str,
    root_id: &str,
    file: &Path,
    configuration: Option<&Value>,
    role: Option<&str>,
) -> Value {
    let environment: serde_json::Map<String, Value> =
        role.map(|role| ("LLM_MESH_ROLE".to_owned(), role.into())).into_iter().collect();
    let vm = json!({
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": file}},
        "environment_variables": {"key_values": environment}
    });
    let text = configuration.map(Value::to_string).unwrap_or_default();
    json!({"name": name, "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
    "config": {
        "name": name, "root_id": root_id, "vm_config": vm, "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true,
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    }}})
}

/// Two rules, one of which needs the count of the whole prompt.
fn mesh(access: &str) -> Value {
    json!({
        "version": 1,
        "body": {"access": access},
        "models": [{"name": "llama-70b", "aliases": ["gpt-4.1"]}, {"name": "llama-8b"}],
        "pools": [{"name": POOL}, {"name": "gpu-small"}],
        "token_router": {
            "rules": [
                {"name": "long-prompt", "when": {"prompt_tokens": {"at_least": 60000}}, "pool": POOL},
                {"name": "small-model", "when": {"model": "llama-8b*"}, "pool": "gpu-small"}
            ],
            "default": {"pool": POOL}
        }
    })
}

/// The same, and both pools are watched.
fn mesh_that_breaks() -> Value {
    let mut configuration = mesh("knob");
    if let Some(fields) = configuration.as_object_mut() {
        let watched = json!([{"pool": POOL}, {"pool": "gpu-small"}]);
        fields.insert("retry_breaker".to_owned(), watched);
    }
    configuration
}

/// These sections, and nothing of the request's body is read.
fn headers_only(sections: &[&str]) -> Value {
    let mut configuration = json!({
        "version": 1,
        "body": {"access": "headers_only"},
        "models": [{"name": "llama-70b", "aliases": ["gpt-4.1"]}],
        "pools": [{"name": POOL, "versions": ["v1", "v2"]}],
        "token_router": {"default": {"pool": POOL}},
        "canary_split": [{"pool": POOL,
            "weights": [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}],
            "sticky": [{"header": "x-user-id"}]}],
        "token_metrics": {},
        "retry_breaker": [{"pool": POOL}]
    });
    if let Some(fields) = configuration.as_object_mut() {
        let filters = ["token_router", "canary_split", "token_metrics", "retry_breaker"];
        let named = |name: &str| filters.contains(&name);
        fields.retain(|name, _| !named(name) || sections.contains(&name.as_str()));
    }
    configuration
}

/// These sections, the split in the middle of a rollout with all its gates that asks nobody.
fn rolling(sections: &[&str]) -> Value {
    let mut configuration = headers_only(sections);
    if let Some(Value::Object(split)) = configuration.pointer_mut("/canary_split/0") {
        let rollout = json!({"start_at": "2025-01-01T00:00:00Z", "interval": "1d",
            "candidate_steps": [10, 100], "analysis": "local", "min_samples": 1_000_000_000});
        split.insert("rollout".to_owned(), rollout);
    }
    configuration
}

/// One key, of the usage.
fn usage_rule() -> Value {
    json!({"selectors": [{"key": "usage"}, {"key": "total_tokens"}],
        "on_present": {"metadata_namespace": "bench", "key": "tokens"}})
}

/// Reads one key of each event's JSON.
fn sse_to_metadata() -> Value {
    json!({"name": "sse_to_metadata", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.sse_to_metadata.v3.SseToMetadata",
        "response_rules": {"content_parser": {"name": "envoy.content_parsers.json", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.content_parsers.json.v3.JsonContentParser",
            "rules": [{"rule": usage_rule()}]}}}}})
}

/// Reads one key of an answer's JSON.
fn json_to_metadata_of_answers() -> Value {
    json!({"name": "json_to_metadata", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
        "response_rules": {"rules": [usage_rule()]}}})
}

/// Reads two keys of the request's body, and cannot count tokens.
fn json_to_metadata() -> Value {
    let rule = |key: &str| {
        json!({"selectors": [{"key": key}],
            "on_present": {"metadata_namespace": "bench", "key": key}})
    };
    json!({"name": "json_to_metadata", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
        "request_rules": {"rules": [rule("model"), rule("stream")]}}})
}

/// Finds the model, estimates tokens by the body's length, sets the header.
fn lua() -> Value {
    let code = r#"
        function envoy_on_request(handle)
          local body = handle:body()
          if body == nil then return end
          local text = body:getBytes(0, body:length())
          local model = string.match(text, '"model"%s*:%s*"([^"]*)"')
          local words = 0
          for _ in string.gmatch(text, '%w+') do words = words + 1 end
          handle:headers():replace("x-llm-pool", words > 60000 and "gpu-large" or "gpu-small")
          handle:headers():replace("x-llm-model", model or "")
        end"#;
    json!({"name": "lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": code}}})
}
