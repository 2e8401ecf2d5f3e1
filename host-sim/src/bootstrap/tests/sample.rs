//! A bootstrap file as small as can be.

use super::*;

pub(super) const MINIMAL: &str = "\
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: s
          http_filters:
          - name: router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: v
              domains: ['*']
              routes:
              - {match: {prefix: /}, route: {cluster: a}}
  clusters:
  - {name: a, type: STATIC}
";

pub(super) fn read(text: &str) -> Result<Bootstrap, Error> {
    Bootstrap::from_node(&parse("f.yaml", text).unwrap()[0])
}

/// `MINIMAL` with a wasm filter whose plugin configuration is this YAML.
pub(super) fn with_plugin(plugin: &str) -> String {
    let mut filter = String::from(
        "          - name: wasm\n            typed_config:\n              \
         '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n              \
         config:\n",
    );
    for line in plugin.lines() {
        filter.push_str(&format!("                {line}\n"));
    }
    MINIMAL.replacen(
        "          - name: router\n",
        &format!("{filter}          - name: router\n"),
        1,
    )
}
