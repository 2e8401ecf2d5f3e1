//! The proxies that are compared: one real Envoy each, with one chain of filters.

use std::error::Error;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use host_sim::parts::{Features, Parts};
use serde_json::{Value, json};

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
        }
    }

    fn filters(self, modules: &Modules) -> Vec<Value> {
        let mut filters = match self {
            Self::Nothing => vec![],
            Self::Empty => vec![wasm("empty", "empty", &modules.empty, None, None)],
            Self::HostCalls => vec![wasm("calls", "calls", &modules.host_calls, None, None)],
            Self::Knob => {
                vec![wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(mesh("knob")), None)]
            }
            Self::Gate => vec![
                wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(mesh("gate")), None),
                wasm(
                    "body-gate",
                    "body-gate",
                    &modules.mesh,
                    Some(json!({"version": 1})),
                    Some("body-gate"),
                ),
            ],
            Self::JsonToMetadata => vec![json_to_metadata()],
            Self::Lua => vec![lua()],
            Self::RequestsOnly => {
                let section = ("token_router", json!({"default": {"pool": "gpu-large"}}));
                vec![wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(headers_only(section)), None)]
            }
            Self::TokenMetrics => {
                let section = ("token_metrics", json!({}));
                vec![wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(headers_only(section)), None)]
            }
            Self::ModelMetrics => {
                let mut configuration = headers_only(("token_metrics", json!({})));
                if let Some(body) = configuration.get_mut("body") {
                    *body = json!({"access": "knob"});
                }
                vec![wasm("llm-mesh", "llm-mesh", &modules.mesh, Some(configuration), None)]
            }
            Self::SseToMetadata => vec![sse_to_metadata()],
            Self::JsonToMetadataOfAnswers => vec![json_to_metadata_of_answers()],
        };
        filters.push(router());
        filters
    }
}

/// Where the modules are.
pub struct Modules {
    /// `llm_mesh.wasm`.
    pub mesh: PathBuf,
    /// The empty filter.
    pub empty: PathBuf,
    /// The filter that only makes host calls.
    pub host_calls: PathBuf,
}

impl Modules {
    /// The filters built by `parts`, and the two that are written here.
    ///
    /// # Errors
    /// When one of them cannot be built or written.
    pub fn build(parts: &Parts, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let written = |name: &str, text: &str| -> Result<PathBuf, Box<dyn Error>> {
            let file = folder.join(name);
            fs::write(&file, wat::parse_str(text)?)?;
            Ok(file)
        };
        Ok(Self {
            mesh: parts.filters(&Features::Default)?,
            empty: written("empty.wasm", EMPTY)?,
            host_calls: written("host_calls.wasm", HOST_CALLS)?,
        })
    }
}

/// A running Envoy; stopped when dropped.
pub struct Proxy {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Proxy {
    /// Starts an Envoy with one worker and this chain, in front of `upstream`.
    ///
    /// # Errors
    /// When it does not come up within ten seconds.
    pub fn start(
        envoy: &Path,
        folder: &Path,
        chain: Chain,
        modules: &Modules,
        upstream: SocketAddr,
    ) -> io::Result<Self> {
        let address = free_address()?;
        let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "upstream"}});
        let many = json!({"max_connections": 100_000, "max_pending_requests": 100_000,
            "max_requests": 100_000});
        let cluster = json!({"name": "upstream", "type": "STATIC", "connect_timeout": "1s",
            "circuit_breakers": {"thresholds": [many]},
            "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": socket(upstream)}}]}]}});
        let bootstrap = bootstrap(address, chain.filters(modules), route, vec![cluster]);
        Self::run(envoy, &folder.join(format!("{chain:?}.json")), address, &bootstrap, 1)
    }

    /// As [`Proxy::start`], with so many workers, and how long it took until it listened.
    ///
    /// # Errors
    /// When it does not come up within ten seconds.
    pub fn start_timed(
        envoy: &Path,
        folder: &Path,
        chain: Chain,
        modules: &Modules,
        workers: u32,
    ) -> io::Result<(Self, Duration)> {
        let address = free_address()?;
        let route = json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}});
        let bootstrap = bootstrap(address, chain.filters(modules), route, vec![]);
        let start = Instant::now();
        let proxy = Self::run(envoy, &folder.join("timed.json"), address, &bootstrap, workers)?;
        Ok((proxy, start.elapsed()))
    }

    /// Starts an Envoy that answers everything by itself, as the server behind the others.
    ///
    /// # Errors
    /// When it does not come up within ten seconds.
    pub fn start_upstream(envoy: &Path, folder: &Path) -> io::Result<Self> {
        let address = free_address()?;
        let route = json!({"match": {"prefix": "/"}, "direct_response":
            {"status": 200, "body": {"inline_string": "{\"object\":\"chat.completion\",\"choices\":[]}"}}});
        // It waits for the whole body: an answer before that closes the connection, and then every
        // request would pay for a new one.
        let buffer = json!({"name": "buffer", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1 << 20}});
        let bootstrap = bootstrap(address, vec![buffer, router()], route, vec![]);
        Self::run(envoy, &folder.join("upstream.json"), address, &bootstrap, 1)
    }

    fn run(
        envoy: &Path,
        file: &Path,
        address: SocketAddr,
        bootstrap: &Value,
        workers: u32,
    ) -> io::Result<Self> {
        fs::write(file, serde_json::to_vec(bootstrap)?)?;
        let child = Command::new(envoy)
            .arg("-c")
            .arg(file)
            .args(["--concurrency", &workers.to_string()])
            .args(["--use-dynamic-base-id", "-l", "critical"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let proxy = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{} does not come up", file.display())));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(proxy)
    }

    /// The bytes of memory it holds.
    ///
    /// # Errors
    /// When `/proc` does not tell; only Linux does.
    pub fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// Processor time of all its threads so far, as the kernel accounts it.
    ///
    /// # Errors
    /// When `/proc` does not tell; only Linux does.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn bootstrap(
    address: SocketAddr,
    filters: Vec<Value>,
    route: Value,
    clusters: Vec<Value>,
) -> Value {
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}
    });
    json!({"static_resources": {
        "listeners": [{"name": "bench", "address": socket(address), "filter_chains": [
            {"filters": [{"name": "hcm", "typed_config": manager}]}]}],
        "clusters": clusters
    }})
}

fn router() -> Value {
    json!({"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}})
}

fn wasm(
    name: &str,
    root_id: &str,
    file: &Path,
    configuration: Option<Value>,
    role: Option<&str>,
) -> Value {
    let environment: serde_json::Map<String, Value> =
        role.map(|role| ("LLM_MESH_ROLE".to_owned(), role.into())).into_iter().collect();
    let vm = json!({
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": file}},
        "environment_variables": {"key_values": environment}
    });
    let text = configuration.map(|value| value.to_string()).unwrap_or_default();
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
        "pools": [{"name": "gpu-large"}, {"name": "gpu-small"}],
        "token_router": {
            "rules": [
                {"name": "long-prompt", "when": {"prompt_tokens": {"at_least": 60000}}, "pool": "gpu-large"},
                {"name": "small-model", "when": {"model": "llama-8b*"}, "pool": "gpu-small"}
            ],
            "default": {"pool": "gpu-large"}
        }
    })
}

/// One section, and nothing of the request's body is read.
fn headers_only((name, section): (&str, Value)) -> Value {
    json!({
        "version": 1,
        "body": {"access": "headers_only"},
        "models": [{"name": "llama-70b", "aliases": ["gpt-4.1"]}],
        "pools": [{"name": "gpu-large"}],
        name: section
    })
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

/// A filter that pauses, reads headers, filter state and body, and then writes one counter, one
/// property and three headers.
const HOST_CALLS: &str = r#"(module
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $body (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value"
    (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (memory (export "memory") 8)
  (data (i32.const 128) "x-llm-model")
  (data (i32.const 144) "x-llm-pool")
  (data (i32.const 160) "x-llm-reason")
  (data (i32.const 176) "gpu-large")
  (data (i32.const 192) "llm.facts")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $define (i32.const 0) (i32.const 192) (i32.const 9) (i32.const 64)))
    (i32.const 1))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $pairs (i32.const 0) (i32.const 16) (i32.const 20)))
    (drop (call $property (i32.const 192) (i32.const 9) (i32.const 16) (i32.const 20)))
    (i32.const 1))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
    (drop (call $body (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 16) (i32.const 20)))
    (drop (call $increment (i32.load (i32.const 64)) (i64.const 1)))
    (drop (call $set_property (i32.const 192) (i32.const 9) (i32.const 0) (i32.const 40)))
    (drop (call $header (i32.const 0) (i32.const 128) (i32.const 11) (i32.const 176) (i32.const 9)))
    (drop (call $header (i32.const 0) (i32.const 144) (i32.const 10) (i32.const 176) (i32.const 9)))
    (drop (call $header (i32.const 0) (i32.const 160) (i32.const 12) (i32.const 176) (i32.const 9)))
    (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32)))"#;

/// A filter that has every callback of a request, each of which returns at once.
pub const EMPTY: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32)))"#;
