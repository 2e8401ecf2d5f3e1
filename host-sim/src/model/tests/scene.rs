//! A proxy with native guests, one client side and one server side.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use crate::{
    abi::Callback,
    bootstrap::Bootstrap,
    host::{Host, HostOptions, OpenStream, Protocol},
    model::{
        Guest, GuestFactory, HeaderMap, InstantiateError, Trap, VmSpec, World,
        effect::{AttemptId, CalloutId, Effect, StreamEvent, StreamId, UpstreamEvent},
    },
};

/// What a guest does with a callback; the state is its own.
pub(super) type Body = Box<dyn FnMut(&mut World, &Callback) -> Result<Option<u32>, Trap> + Send>;
type Maker = Box<dyn Fn() -> Body + Send + Sync>;

pub(super) const CONTINUE: Result<Option<u32>, Trap> = Ok(Some(0));
pub(super) const PAUSE: Result<Option<u32>, Trap> = Ok(Some(1));

/// Answers as a guest without any export of its own would, and accepts its configuration.
pub(super) fn default_answer(callback: &Callback) -> Result<Option<u32>, Trap> {
    match callback {
        Callback::VmStart { .. } | Callback::Configure { .. } | Callback::Done { .. } => {
            Ok(Some(1))
        }
        _ => Ok(Some(0)),
    }
}

struct Native(Body);

impl Guest for Native {
    fn call(&mut self, world: &mut World, callback: &Callback) -> Result<Option<u32>, Trap> {
        (self.0)(world, callback)
    }
}

/// Makes guests by the text that stands for their code.
#[derive(Default)]
pub(super) struct Guests {
    makers: BTreeMap<String, Maker>,
}

impl Guests {
    pub(super) fn with(
        mut self,
        code: &str,
        make: impl Fn() -> Body + Send + Sync + 'static,
    ) -> Self {
        self.makers.insert(code.to_owned(), Box::new(make));
        self
    }

    /// A guest without state.
    pub(super) fn plain(
        self,
        code: &str,
        body: fn(&mut World, &Callback) -> Result<Option<u32>, Trap>,
    ) -> Self {
        self.with(code, move || Box::new(body))
    }
}

impl GuestFactory for Guests {
    fn instantiate(
        &self,
        _: &mut World,
        spec: &VmSpec,
    ) -> Result<Box<dyn Guest>, InstantiateError> {
        let code = String::from_utf8_lossy(&spec.code).into_owned();
        let make = self.makers.get(&code).ok_or_else(|| InstantiateError::new("no such guest"))?;
        Ok(Box::new(Native(make())))
    }
}

/// A wasm filter in a bootstrap file; `more` are further fields of its configuration.
pub(super) struct Filter(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

/// Server `b` speaks HTTP/2.
const HTTP2: &str = r#"typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}"#;

/// The text of a bootstrap file; `manager` are further fields of the connection manager.
pub(super) fn file(filters: &[Filter], manager: &str, listener: &str) -> String {
    let mut chain = String::new();
    for Filter(name, code, more) in filters {
        let code = crate::model::access_log::base64(code.as_bytes());
        let vm = format!(
            "vm_config: {{runtime: envoy.wasm.runtime.v8, \
             code: {{local: {{inline_bytes: \"{code}\"}}}}}}"
        );
        // A test that says more of the VM says all of it.
        let vm = if more.contains("vm_config") { "" } else { &vm };
        write!(
            chain,
            r#"
          - name: {name}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: {name}
                root_id: {name}
                {vm}
                configuration: {{"@type": type.googleapis.com/google.protobuf.StringValue, value: "{name}'s own"}}
                {more}"#
        )
        .unwrap();
    }
    let mut clusters = String::new();
    for (name, port, http) in [("a", 8001, ""), ("b", 8002, HTTP2)] {
        write!(
            clusters,
            r#"
  - name: {name}
    {http}
    load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}"#
        )
        .unwrap();
    }
    format!(
        r#"
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: 10000}}}}
    {listener}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          {manager}
          http_filters:{chain}
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {{match: {{prefix: /nowhere}}, route: {{cluster_header: x-cluster}}}}
              - {{match: {{prefix: /direct}}, direct_response: {{status: 204}}}}
              - {{match: {{prefix: /, headers: [{{name: x-pool, string_match: {{exact: b}}}}]}}, route: {{cluster: b}}}}
              - {{match: {{prefix: /}}, route: {{cluster: a}}}}
  clusters:{clusters}
  - name: empty
"#
    )
}

/// What a client has got.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    pub(super) ended: bool,
    pub(super) reset: Option<String>,
    pub(super) continues: usize,
    pub(super) reading: Option<bool>,
    pub(super) access: Option<String>,
}

impl Response {
    pub(super) fn status(&self) -> &str {
        self.headers.text(":status").unwrap_or("")
    }
}

/// What a server has got.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) attempt: AttemptId,
    pub(super) cluster: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    pub(super) ended: bool,
    pub(super) reset: bool,
    pub(super) reading: Option<bool>,
}

/// A proxy, its clients and its servers.
pub(super) struct Scene {
    pub(super) host: Host,
    pub(super) responses: BTreeMap<StreamId, Response>,
    pub(super) requests: Vec<Request>,
    pub(super) callouts: Vec<(CalloutId, HeaderMap)>,
}

impl Scene {
    pub(super) fn new(guests: Guests, filters: &[Filter]) -> Self {
        Self::from_file(guests, &file(filters, "", ""), HostOptions::default())
    }

    pub(super) fn from_file(guests: Guests, text: &str, options: HostOptions) -> Self {
        Self::try_new(guests, text, options).unwrap()
    }

    pub(super) fn try_new(
        guests: Guests,
        text: &str,
        options: HostOptions,
    ) -> Result<Self, crate::host::StartError> {
        let tree = crate::yaml::parse("test.yaml", text).unwrap().remove(0);
        let bootstrap = Bootstrap::from_node(&tree).unwrap();
        let options = HostOptions { trace: true, ..options };
        let host = Host::new(&bootstrap, &options, Arc::new(guests))?;
        let (responses, requests, callouts) = Default::default();
        Ok(Self { host, responses, requests, callouts })
    }

    pub(super) fn open(&mut self, protocol: Protocol) -> StreamId {
        self.open_on(0, protocol)
    }

    pub(super) fn open_on(&mut self, worker: usize, protocol: Protocol) -> StreamId {
        let peer = "127.0.0.1:40000".parse().unwrap();
        let stream = self.host.open_stream(OpenStream { listener: 0, worker, protocol, peer });
        self.responses.insert(stream, Response::default());
        stream
    }

    /// Opens an HTTP/1.1 stream and sends headers.
    pub(super) fn request(&mut self, more: &[(&str, &str)], end: bool) -> StreamId {
        let stream = self.open(Protocol::Http11);
        self.send_headers(stream, more, end);
        stream
    }

    pub(super) fn send_headers(&mut self, stream: StreamId, more: &[(&str, &str)], end: bool) {
        let has = |name: &str| more.iter().any(|(key, _)| *key == name);
        let mut headers = HeaderMap::new();
        let usual = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "example.com"),
        ];
        for (name, value) in usual {
            if !has(name) {
                headers.append(name, value);
            }
        }
        for (name, value) in more {
            headers.append(name.to_string(), value.to_string());
        }
        self.host.request_headers(stream, headers, end);
        self.collect();
    }

    pub(super) fn send(&mut self, stream: StreamId, data: &str, end: bool) {
        self.host.request_data(stream, Bytes::from(data.to_owned()), end);
        self.collect();
    }

    /// Runs what was posted.
    pub(super) fn turn(&mut self) {
        self.host.advance_to(self.host.now());
        self.collect();
    }

    pub(super) fn wait_millis(&mut self, millis: u64) {
        self.host.advance_to(self.host.now() + millis * 1_000_000);
        self.collect();
    }

    pub(super) fn answer(&mut self, request: usize, more: &[(&str, &str)], end: bool) {
        let mut headers: HeaderMap = [(":status", "200")].into_iter().collect();
        for (name, value) in more {
            headers.set(name.to_string(), value.to_string());
        }
        self.host.response_headers(self.requests[request].attempt, headers, end);
        self.collect();
    }

    pub(super) fn answer_data(&mut self, request: usize, data: &str, end: bool) {
        let attempt = self.requests[request].attempt;
        self.host.response_data(attempt, Bytes::from(data.to_owned()), end);
        self.collect();
    }

    pub(super) fn response(&self, stream: StreamId) -> &Response {
        &self.responses[&stream]
    }

    pub(super) fn trace(&self) -> String {
        self.host.world().trace().join("\n")
    }

    pub(super) fn collect(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => {
                    let response = self.responses.get_mut(&stream).unwrap();
                    match event {
                        StreamEvent::Continue100 => response.continues += 1,
                        StreamEvent::Headers(headers, end) => {
                            assert!(response.headers.is_empty(), "headers twice");
                            response.headers = headers;
                            response.ended = end;
                        }
                        StreamEvent::Data(data, end) => {
                            assert!(!response.ended, "data after the end");
                            response.body.extend_from_slice(&data);
                            response.ended = end;
                        }
                        StreamEvent::Trailers(trailers) => {
                            response.trailers = trailers;
                            response.ended = true;
                        }
                        StreamEvent::Reset(reason) => response.reset = Some(reason),
                    }
                }
                Effect::ReadDownstream { stream, enabled } => {
                    self.responses.get_mut(&stream).unwrap().reading = Some(enabled);
                }
                Effect::Upstream { attempt, event, .. } => self.serve(attempt, event),
                Effect::ReadUpstream { attempt, enabled } => {
                    self.at(attempt).reading = Some(enabled);
                }
                Effect::Callout { call, headers, .. } => self.callouts.push((call, headers)),
                Effect::CalloutCancelled { call } => self.callouts.retain(|(id, _)| *id != call),
                Effect::Closed { stream, access } => {
                    let code = access.response_code.unwrap_or(0);
                    let line = format!("{code} {} {}", access.flags, access.details);
                    self.responses.get_mut(&stream).unwrap().access = Some(line);
                }
            }
        }
    }

    fn at(&mut self, attempt: AttemptId) -> &mut Request {
        self.requests.iter_mut().find(|request| request.attempt == attempt).unwrap()
    }

    fn serve(&mut self, attempt: AttemptId, event: UpstreamEvent) {
        match event {
            UpstreamEvent::Connect { cluster, .. } => {
                self.requests.push(Request { attempt, cluster, ..Request::default() });
                self.host.upstream_connected(attempt);
            }
            UpstreamEvent::Headers(headers, end) => {
                let request = self.at(attempt);
                assert!(request.headers.is_empty(), "headers twice");
                (request.headers, request.ended) = (headers, end);
            }
            UpstreamEvent::Data(data, end) => {
                let request = self.at(attempt);
                assert!(!request.ended, "data after the end");
                request.body.extend_from_slice(&data);
                request.ended = end;
            }
            UpstreamEvent::Trailers(trailers) => {
                let request = self.at(attempt);
                (request.trailers, request.ended) = (trailers, true);
            }
            UpstreamEvent::Reset => self.at(attempt).reset = true,
        }
    }
}

/// What guests tell a test, across VMs and threads.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(super) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
