//! A proxy that counts: the filters' module with one model, and a route that answers by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_sim::bootstrap::Bootstrap;
use host_sim::parts::{Features, Parts};
use host_sim::scenario::observation::Observation;
use host_sim::scenario::step::{Chunks, Cut, Http, Request};
use host_sim::simulation::{Simulation, SimulationError};
use host_sim::vm::{Engine, EngineOptions};
use host_sim::yaml::{Error, Node, Place};
use serde_json::{Value, json};

use super::Encoding;
use super::body::{BODY_MAX, Body};

/// What the filters said of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) source: String,
    /// By how many percent of the count it may be off.
    pub(super) bound: u64,
}

/// Why the proxy gave no count.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The simulation did not run.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// The configuration is none that the simulator reads.
    #[error(transparent)]
    Configuration(#[from] Error),
    /// The filters did not read it to its end.
    #[error(
        "found a request that the filters call {0}; allowed a JSON object with at most 1,000 brackets open; correct the file, or count it with --shape text"
    )]
    NotRead(String),
    /// They said nothing.
    #[error("the filters left no count ({0})")]
    Silent(String),
}

/// Makes a simulated proxy for each file; they share the compiled module.
pub(super) struct Proxy {
    module: PathBuf,
    engine: Arc<Engine>,
    encoding: Option<&'static str>,
}

impl Proxy {
    /// Builds the module if it is stale.
    pub(super) fn new(encoding: Encoding) -> Result<Self, Box<dyn std::error::Error>> {
        let parts = Parts::here()?;
        // One module for both vocabularies, which scenarios have as well.
        let with_tables = ["default", "exact-cl100k", "exact-o200k"].map(str::to_owned);
        let (encoding, features) = match encoding {
            Encoding::Estimate => (None, Features::Default),
            Encoding::O200kBase => (Some("o200k_base"), Features::Only(with_tables.into())),
            Encoding::Cl100kBase => (Some("cl100k_base"), Features::Only(with_tables.into())),
        };
        let module = parts.filters(&features)?;
        let engine = Engine::new(EngineOptions {
            module_cache: Some(parts.path("compiled")),
            // All of a body is counted in one call.
            call_limit: Duration::from_secs(600),
            ..EngineOptions::default()
        })?;
        Ok(Self { module, engine: Arc::new(engine), encoding })
    }

    /// Sends a body in pieces of so many bytes, and reads what the filters have left.
    pub(super) fn count(&self, body: Body, split: usize) -> Result<Counted, ProxyError> {
        let place = Place { file: "the file made for counting".into(), line: 0, column: 0 };
        let tree = Node::from_json(&self.bootstrap(&body.model), &place);
        let length = body.bytes.len();
        let mut request = Request::post(body.path, body.bytes);
        // Over HTTP/1.1 pieces that come at once would be read together; over HTTP/2 a client stops
        // when it has sent as much as its window while the request waits.
        request.http = if length < WINDOW { Http::V2 } else { Http::V1_1 };
        request.chunks = Chunks { cut: Cut::Frames(split), ..Chunks::default() };
        let simulation = Simulation::of_bootstrap(Bootstrap::from_node(&tree)?);
        read(&simulation.engine(&self.engine).request(request).run()?)
    }

    fn bootstrap(&self, model: &str) -> Value {
        let mut named = json!({"name": model});
        if let (Some(encoding), Some(fields)) = (self.encoding, named.as_object_mut()) {
            fields.insert("encoding".to_owned(), json!(encoding));
        }
        let plugin = json!({
            "version": 1,
            "body": {"access": "knob", "inspect_limit": format!("{BODY_MAX}B")},
            "tokens": {"exact": "always"},
            "models": [named],
            "pools": [{"name": "any"}],
            "token_router": {"default": {"pool": "any"}},
            "log_fields": ["prompt_tokens", "token_source", "token_error_percent"],
        });
        let types = "type.googleapis.com/envoy.extensions";
        json!({"static_resources": {"listeners": [{
            "name": "ingress",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10_000}},
            "per_connection_buffer_limit_bytes": BODY_MAX,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": format!("{types}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
                    "stat_prefix": "ingress",
                    "access_log": [{"name": "envoy.access_loggers.stdout", "typed_config": {
                        "@type": format!("{types}.access_loggers.stream.v3.StdoutAccessLog"),
                        "log_format": {"text_format_source": {"inline_string": LINE}},
                    }}],
                    "route_config": {"virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                    }]},
                    "http_filters": [
                        {"name": "llm-mesh", "typed_config": {
                            "@type": format!("{types}.filters.http.wasm.v3.Wasm"),
                            "config": {
                                "name": "llm-mesh",
                                "root_id": "llm-mesh",
                                "allow_on_headers_stop_iteration": true,
                                "vm_config": {
                                    "runtime": "envoy.wasm.runtime.v8",
                                    "code": {"local": {"filename": self.module}},
                                },
                                "configuration": {
                                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                                    "value": plugin.to_string(),
                                },
                            },
                        }},
                        {"name": "envoy.filters.http.router", "typed_config": {
                            "@type": format!("{types}.filters.http.router.v3.Router"),
                        }},
                    ],
                },
            }]}],
        }]}})
    }
}

/// Envoy's window of a stream.
const WINDOW: usize = 16 << 20;

/// Count, source, error and reason.
const LINE: &str = "%FILTER_STATE(wasm.llm.prompt_tokens:PLAIN)% \
                    %FILTER_STATE(wasm.llm.token_source:PLAIN)% \
                    %FILTER_STATE(wasm.llm.token_error_percent:PLAIN)% %REQ(X-LLM-REASON)%\n";

fn read(seen: &Observation) -> Result<Counted, ProxyError> {
    let access = seen.exchanges.first().and_then(|exchange| exchange.access.as_ref());
    let line = access.and_then(|access| access.lines.first()).map_or("", |line| line.trim());
    let words: Vec<&str> = line.split(' ').collect();
    let [count, source, bound, reason] = words.as_slice() else {
        let logged = seen.logs.iter().map(|line| line.text.as_str());
        return Err(ProxyError::Silent(logged.chain([line]).collect::<Vec<_>>().join("; ")));
    };
    match (count.parse(), bound.parse()) {
        (Ok(count), Ok(bound)) if *reason == "default" => {
            Ok(Counted { count, source: (*source).to_owned(), bound })
        }
        (Ok(_), Ok(_)) => Err(ProxyError::NotRead((*reason).to_owned())),
        _ => Err(ProxyError::Silent(line.to_owned())),
    }
}
