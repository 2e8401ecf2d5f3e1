//! What Envoy does with what a plugin breaks, and the simulator does not do yet. Each test holds an
//! entry of DIFFERENCES.md, and fails when the gap is closed.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use host_sim::scenario::observation::Observation;
use host_sim::scenario::step::Request;
use host_sim::simulation::Simulation;

/// A plugin that makes one call in one callback.
fn run(callback: &str, call: &str) -> Observation {
    let guest = format!(
        r#"(module
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "x-broken")
  (data (i32.const 80) "a\0d\0ab")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "{callback}") (param i32 i32 i32) (result i32)
    (drop {call})
    (i32.const 0)))"#
    );
    let simulation = Simulation::of_plugin(guest.as_bytes()).expect("a module");
    simulation.request(Request::get("/")).run().expect("a run")
}

#[test]
fn a_header_that_a_plugin_breaks_is_sent_on() {
    let add = "(call $add (i32.const 0) (i32.const 64) (i32.const 8) (i32.const 80) (i32.const 4))";
    let seen = run("proxy_on_request_headers", add);
    assert_eq!(seen.exchanges[0].response.status, Some(200), "Envoy answers 503 by itself");
    assert_eq!(seen.exchanges[0].upstream.len(), 1);
}
