//! Guests in WebAssembly text, and how tests call them.

use std::{sync::Arc, time::Duration};

use host_sim::{
    abi::Callback,
    bootstrap::Bootstrap,
    host::{Host, HostOptions},
    model::{EnvoyVersion, Guest, Trap, VmSpec, World},
    vm::{Engine, EngineOptions, Instance, LoadError},
};

/// A module of ABI 0.2.1 with memory and an allocator that never frees, plus these parts.
///
/// Memory is two pages. The first 4 KiB are the test's own; allocations follow.
pub(crate) fn module(imports: &str, body: &str) -> Arc<[u8]> {
    bare(&format!(
        r#"{imports}
        (memory (export "memory") 2)
        (global $heap (mut i32) (i32.const 4096))
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
            (global.get $heap)
            (global.set $heap (i32.add (global.get $heap) (local.get $size))))
        {body}"#
    ))
}

/// A module of these parts only.
pub(crate) fn bare(parts: &str) -> Arc<[u8]> {
    wat::parse_str(format!("(module {parts})")).unwrap().into()
}

/// A module whose `proxy_on_vm_start` does this and answers with what is left on the stack.
pub(crate) fn on_start(imports: &str, body: &str) -> Arc<[u8]> {
    let start = "(func (export \"proxy_on_vm_start\") (param i32 i32) (result i32)";
    module(imports, &format!("{start} {body})"))
}

pub(crate) fn engine() -> Engine {
    Engine::new(EngineOptions::default()).unwrap()
}

/// An engine that takes what runs for a twentieth of a second for an endless loop.
pub(crate) fn impatient_engine() -> Engine {
    let call_limit = Duration::from_millis(50);
    Engine::new(EngineOptions { call_limit, ..EngineOptions::default() }).unwrap()
}

pub(crate) fn spec(code: &Arc<[u8]>) -> VmSpec {
    VmSpec { code: Arc::clone(code), envoy: EnvoyVersion::V1_40, ..VmSpec::default() }
}

pub(crate) fn load(code: &Arc<[u8]>) -> Result<Instance, LoadError> {
    engine().instance(&mut World::default(), &spec(code))
}

/// Why a module is refused.
pub(crate) fn refusal(code: &Arc<[u8]>) -> String {
    match load(code) {
        Ok(_) => panic!("the module was loaded"),
        Err(error) => error.to_string(),
    }
}

pub(crate) const START: Callback = Callback::VmStart { context: 1, size: 0 };

/// Calls `proxy_on_vm_start` of a new VM.
pub(crate) fn answer(world: &mut World, code: &Arc<[u8]>) -> Result<u32, Trap> {
    let mut vm = engine().instance(world, &spec(code)).unwrap();
    vm.call(world, &START).map(Option::unwrap)
}

/// What a guest's one hostcall answered, in a world of its own.
pub(crate) fn status(imports: &str, body: &str) -> u32 {
    answer(&mut World::default(), &on_start(imports, body)).unwrap()
}

/// A proxy whose one plugin is this module; each VM has been started and configured.
pub(crate) fn host(code: &[u8], options: &HostOptions) -> Host {
    let directory = tempfile::tempdir().unwrap();
    let wasm = directory.path().join("plugin.wasm");
    let file = directory.path().join("envoy.yaml");
    std::fs::write(&wasm, code).unwrap();
    std::fs::write(&file, BOOTSTRAP.replace("PLUGIN", wasm.to_str().unwrap())).unwrap();
    let bootstrap = Bootstrap::load(&file).unwrap();
    Host::new(&bootstrap, options, Arc::new(engine())).unwrap()
}

/// Why a proxy with this module as its plugin `p` does not start.
pub(crate) fn no_host(code: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let wasm = directory.path().join("plugin.wasm");
    let file = directory.path().join("envoy.yaml");
    std::fs::write(&wasm, code).unwrap();
    std::fs::write(&file, BOOTSTRAP.replace("PLUGIN", wasm.to_str().unwrap())).unwrap();
    let bootstrap = Bootstrap::load(&file).unwrap();
    let options = EngineOptions {
        call_limit: Duration::from_millis(50),
        memory_limit: 8 * 1024 * 1024,
        ..EngineOptions::default()
    };
    let engine = Arc::new(Engine::new(options).unwrap());
    match Host::new(&bootstrap, &HostOptions::default(), engine) {
        Ok(_) => panic!("the proxy started"),
        Err(error) => error.to_string(),
    }
}

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: l
    address: { socket_address: { address: 127.0.0.1, port_value: 18931 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          route_config:
            name: r
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                direct_response: { status: 200 }
          http_filters:
          - name: wasm
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: p
                root_id: r
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: hello
                vm_config:
                  runtime: envoy.wasm.runtime.v8
                  code: { local: { filename: "PLUGIN" } }
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;
