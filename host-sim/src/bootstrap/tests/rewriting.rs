//! The bootstrap of a run.

use serde_json::json;

use super::*;

fn tree(text: &str) -> Node {
    parse("f.yaml", text).unwrap().remove(0)
}

fn plugin_of(bootstrap: &Bootstrap) -> &Plugin {
    match &bootstrap.listeners[0].manager.http_filters[0].kind {
        FilterKind::Wasm(plugin) => plugin,
        FilterKind::Router(_) => panic!("a plugin"),
    }
}

const PLUGIN: &str = "root_id: r
vm_config:
  runtime: envoy.wasm.runtime.v8
  code: {local: {filename: some/where/llm_mesh.wasm}}
configuration:
  '@type': type.googleapis.com/google.protobuf.StringValue
  value: |
    {\"a\": {\"b\": 1, \"c\": [1, 2]}, \"d\": \"x\"}
";

#[test]
fn addresses_endpoints_module_configuration_and_variables_are_replaced() {
    let rewrite = Rewrite {
        listeners: vec!["127.0.0.1:1111".parse().unwrap()],
        admin: Some("127.0.0.1:2222".parse().unwrap()),
        endpoints: [("a".to_owned(), vec!["127.0.0.1:3333".parse().unwrap()])].into(),
        modules: [("llm_mesh.wasm".to_owned(), "/tmp/built.wasm".into())].into(),
        patches: vec![("r".to_owned(), json!({"a": {"b": 2}, "d": null}))],
        environment: vec![("r".to_owned(), ("X".to_owned(), "yes".to_owned()))],
    };
    let tree = rewrite.apply(&tree(&with_plugin(PLUGIN))).unwrap();
    let bootstrap = Bootstrap::from_node(&tree).unwrap();
    assert_eq!(bootstrap.listeners[0].address, rewrite.listeners[0]);
    assert_eq!(bootstrap.admin, rewrite.admin);
    assert_eq!(bootstrap.clusters[0].endpoints[0].address, rewrite.endpoints["a"][0]);
    let plugin = plugin_of(&bootstrap);
    assert_eq!(plugin.vm.code, Code::File("/tmp/built.wasm".into()));
    assert_eq!(plugin.vm.environment["X"], "yes");
    let configuration: serde_json::Value = serde_json::from_slice(&plugin.configuration).unwrap();
    assert_eq!(configuration, json!({"a": {"b": 2, "c": [1, 2]}}));
    // What is written for Envoy reads back the same.
    let json = tree.to_json().unwrap().to_string();
    let again = read(&json).unwrap();
    assert_eq!(plugin_of(&again), plugin_of(&bootstrap));
}

#[test]
fn without_changes_the_file_stays_as_it_is() {
    let tree = tree(&with_plugin(PLUGIN));
    assert_eq!(Rewrite::default().apply(&tree).unwrap(), tree);
}

#[test]
fn other_modules_and_other_plugins_are_left_alone() {
    let rewrite = Rewrite {
        modules: [("other.wasm".to_owned(), "/tmp/built.wasm".into())].into(),
        ..Rewrite::default()
    };
    let tree = tree(&with_plugin(PLUGIN));
    assert_eq!(rewrite.apply(&tree).unwrap(), tree);
}

#[test]
fn a_change_without_anything_to_change_is_refused() {
    let tree = tree(&with_plugin(PLUGIN));
    let patch = Rewrite { patches: vec![("q".to_owned(), json!({}))], ..Rewrite::default() };
    assert_eq!(
        patch.apply(&tree).unwrap_err().to_string(),
        "f.yaml:1:1: a plugin's root_id: found a change for `q`; allowed r; \
         name one that the file has"
    );
    let endpoints = Rewrite { endpoints: [("b".to_owned(), vec![])].into(), ..Rewrite::default() };
    assert_eq!(
        endpoints.apply(&tree).unwrap_err().to_string(),
        "f.yaml:2:3: static_resources.clusters: found a change for `b`; allowed a; \
         name one that the file has"
    );
}

#[test]
fn a_struct_is_patched_as_a_struct() {
    let plugin = PLUGIN.replace("StringValue", "Struct").replace("value: |", "value:");
    let tree = tree(&with_plugin(&plugin));
    let rewrite =
        Rewrite { patches: vec![("r".to_owned(), json!({"a": null}))], ..Rewrite::default() };
    let bootstrap = Bootstrap::from_node(&rewrite.apply(&tree).unwrap()).unwrap();
    assert_eq!(&*plugin_of(&bootstrap).configuration, b"\x0a\x08\x0a\x01d\x12\x03\x1a\x01x");
}

#[test]
fn a_configuration_that_is_not_json_cannot_be_patched() {
    let tree = tree(&with_plugin(&PLUGIN.replace("{\"a\"", "{a")));
    let rewrite = Rewrite { patches: vec![("r".to_owned(), json!({}))], ..Rewrite::default() };
    let message = rewrite.apply(&tree).unwrap_err().to_string();
    assert!(
        message.starts_with("f.yaml:22:21: found a plugin's configuration that is not JSON"),
        "{message}"
    );
}
