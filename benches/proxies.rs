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

use crate::chains::{Chain, router};

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
        let retry = chain.retry_policy();
        let route = json!({"match": {"prefix": "/"},
            "route": {"cluster": "upstream", "retry_policy": retry}});
        let many = json!({"max_connections": 100_000, "max_pending_requests": 100_000,
            "max_requests": 100_000});
        let cluster = json!({"name": "upstream", "type": "STATIC", "connect_timeout": "1s",
            "circuit_breakers": {"thresholds": [many]},
            "typed_extension_protocol_options": of_attempts(chain.filters_of_attempts(modules)),
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
        let json = json!({"header": {"key": "content-type", "value": "application/json"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"});
        let route = json!({"match": {"prefix": "/"}, "response_headers_to_add": [json],
            "direct_response": {"status": 200,
            "body": {"inline_string": "{\"object\":\"chat.completion\",\"choices\":[]}"}}});
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
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
            "include_request_attempt_count": true, "routes": [route]}]}
    });
    json!({"static_resources": {
        "listeners": [{"name": "bench", "address": socket(address), "filter_chains": [
            {"filters": [{"name": "hcm", "typed_config": manager}]}]}],
        "clusters": clusters
    }})
}

/// The cluster's own chain of filters.
fn of_attempts(mut filters: Vec<Value>) -> Option<Value> {
    if filters.is_empty() {
        return None;
    }
    filters.push(json!({"name": "upstream_codec", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"}}));
    Some(json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {}},
        "http_filters": filters}}))
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
