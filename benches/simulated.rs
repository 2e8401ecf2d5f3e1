//! A simulated proxy with a chain of guests, and whole requests through it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use host_sim::bootstrap::{Bootstrap, Code, FilterKind};
use host_sim::host::{Host, HostOptions, OpenStream, Protocol};
use host_sim::model::HeaderMap;
use host_sim::model::effect::{Effect, UpstreamEvent};
use host_sim::vm::Engine;
use host_sim::yaml;
use serde_json::{Value as Json, json};

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// A proxy in front of one server that answers at once.
pub struct Simulated {
    host: Host,
}

impl Simulated {
    /// A chain of these modules, each in a VM of its own.
    ///
    /// # Panics
    /// When a module does not load: there is nothing to measure then.
    #[expect(
        clippy::expect_used,
        reason = "a benchmark that cannot be set up has nothing to report"
    )]
    #[must_use]
    pub fn new(modules: &[Vec<u8>], engine: &Arc<Engine>) -> Self {
        let place = yaml::Place { file: "bench".into(), line: 0, column: 0 };
        let tree = yaml::Node::from_json(&file(modules.len()), &place);
        let mut bootstrap = Bootstrap::from_node(&tree).expect("a file that the model reads");
        let managers = bootstrap.listeners.iter_mut().map(|listener| &mut listener.manager);
        let filters = managers.flat_map(|manager| &mut manager.http_filters);
        let plugins = filters.filter_map(|filter| match &mut filter.kind {
            FilterKind::Wasm(plugin) => Some(plugin),
            FilterKind::Router(_) => None,
        });
        for (plugin, module) in plugins.zip(modules) {
            plugin.vm.code = Code::Inline(module.clone().into());
        }
        let factory = Arc::clone(engine);
        let host = Host::new(&bootstrap, &HostOptions::default(), factory).expect("a proxy");
        Self { host }
    }

    /// A POST, its answer, and everything in between; gives how many bytes came back.
    pub fn request(&mut self, body: &[u8]) -> usize {
        let stream = self.host.open_stream(OpenStream {
            listener: 0,
            worker: 0,
            protocol: Protocol::Http11,
            peer: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        });
        let length = body.len().to_string();
        let headers = [
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "llm.example.com"),
            ("user-agent", "bench"),
            ("accept", "*/*"),
            ("content-type", "application/json"),
            ("content-length", &length),
        ];
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.host.request_headers(stream, headers, false);
        let mut back = self.serve();
        self.host.request_data(stream, Bytes::copy_from_slice(body), true);
        back += self.serve();
        self.host.advance_to(self.host.now() + 1_000);
        back + self.serve()
    }

    fn serve(&mut self) -> usize {
        let mut back = 0;
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Upstream { attempt, event, .. } => match event {
                    UpstreamEvent::Connect { .. } => self.host.upstream_connected(attempt),
                    UpstreamEvent::Data(_, true) | UpstreamEvent::Headers(_, true) => {
                        let headers = [(":status", "200"), ("content-length", "2")];
                        let headers = headers.into_iter().collect();
                        self.host.response_headers(attempt, headers, false);
                        self.host.response_data(attempt, Bytes::from_static(b"ok"), true);
                    }
                    _ => {}
                },
                Effect::Closed { access, .. } => {
                    back += usize::from(access.response_code == Some(200));
                }
                _ => {}
            }
        }
        back
    }
}

fn file(filters: usize) -> Json {
    let address =
        |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let mut chain: Vec<Json> = (0..filters)
        .map(|number| {
            json!({"name": "wasm", "typed_config": {
                "@type": format!("{TYPES}.http.wasm.v3.Wasm"),
                "config": {"name": format!("p{number}"), "root_id": "r", "vm_config": {
                    "vm_id": number.to_string(),
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": "module"}},
                }},
            }})
        })
        .collect();
    chain.push(json!({"name": "router", "typed_config": {
        "@type": format!("{TYPES}.http.router.v3.Router"),
    }}));
    json!({"static_resources": {
        "listeners": [{"name": "l", "address": address(10_000), "filter_chains": [{"filters": [{
            "name": "hcm",
            "typed_config": {
                "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "s",
                "route_config": {"virtual_hosts": [{
                    "name": "v", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "c"}}],
                }]},
                "http_filters": chain,
            },
        }]}]}],
        "clusters": [{"name": "c", "type": "STATIC", "load_assignment": {
            "cluster_name": "c",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(10_001)}}]}],
        }}],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guests::{CHAIN, FAMILIES, family};
    use host_sim::vm::EngineOptions;

    #[test]
    fn every_request_is_answered_whatever_the_guest_does() {
        let engine = Arc::new(Engine::new(EngineOptions::default()).unwrap());
        let chain = wat::parse_str(CHAIN).unwrap();
        assert_eq!(Simulated::new(&[chain.clone(), chain], &engine).request(b"body"), 1);
        for (name, body) in FAMILIES {
            let mut proxy =
                Simulated::new(&[wat::parse_str(family(body, 1_000)).unwrap()], &engine);
            assert_eq!(proxy.request(b"twelve bytes"), 1, "{name}");
            assert_eq!(proxy.host.world().lints(), [], "{name}");
        }
    }
}
