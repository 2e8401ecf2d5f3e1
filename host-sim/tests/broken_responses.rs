//! A response that its client cannot read, while its body is still coming: on a real Envoy chance decides
//! whether the client goes first, here it always does. DIFFERENCES.md says so.

use host_sim::scenario::observation::Ended;
use host_sim::scenario::step::Request;
use host_sim::simulation::Simulation;

const BREAKS_ITS_RESPONSES: &str = r#"(module
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "x-broken")
  (data (i32.const 80) "a\00b")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $add (i32.const 2) (i32.const 64) (i32.const 8) (i32.const 80) (i32.const 3)))
    (i32.const 0)))"#;

#[test]
fn a_client_that_cannot_read_is_gone_before_the_body() {
    let simulation = Simulation::of_plugin(BREAKS_ITS_RESPONSES.as_bytes()).expect("a module");
    let seen = simulation.request(Request::get("/")).run().expect("a run");
    let exchange = &seen.exchanges[0];
    assert_eq!(exchange.response.ended, Ended::Reset);
    let access = exchange.access.as_ref().expect("a line");
    assert_eq!((access.code, &*access.details), (200, "downstream_remote_disconnect"));
}
