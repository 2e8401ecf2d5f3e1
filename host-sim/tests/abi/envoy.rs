//! What a real Envoy 1.40.0 answered, recorded, and what the simulator answers.
//!
//! The same modules ran in the official binary (V8, one worker): a guest makes every call below in
//! `proxy_on_vm_start` or `proxy_on_configure` of its root context and logs the statuses.
//! Everything is a root context without a stream; what streams may do is tested with the model.
//! Each digit is the status of one call, in hexadecimal.

use std::{fmt::Write, sync::Arc};

use host_sim::{
    bootstrap::Bootstrap,
    host::{Host, HostOptions},
};

use crate::{
    guest::{engine, module},
    pointers::signatures,
    recorded::{CASES, Case, Row, SWEPT},
};

/// One number for every parameter of a hostcall, from these.
const SWEEP: [i64; 8] = [-1, 0, 1, 8, 65_536, 131_071, 131_072, 131_073];

/// A module that makes these calls, one after another, in both callbacks, and logs the statuses.
fn probe(calls: &[(&str, Vec<Vec<i64>>)]) -> Arc<[u8]> {
    let (mut imports, mut body, mut place) = (String::new(), String::new(), 2048);
    for (number, (name, arguments)) in calls.iter().enumerate() {
        let (_, signature) = signatures().find(|(known, _)| known == name).unwrap();
        let types: Vec<_> =
            signature.chars().map(|letter| if letter == 'l' { "i64" } else { "i32" }).collect();
        let list = types.join(" ");
        write!(
            imports,
            "(import \"env\" \"{name}\" (func $f{number} (param {list}) (result i32)))"
        )
        .unwrap();
        for arguments in arguments {
            let values = types.iter().zip(arguments).map(|(ty, n)| format!("({ty}.const {n})"));
            let values = values.collect::<Vec<_>>().join(" ");
            write!(
                body,
                "(i32.store8 (i32.const {place})
                    (i32.add (i32.const 65) (call $f{number} {values})))"
            )
            .unwrap();
            place += 1;
        }
        write!(body, "(i32.store8 (i32.const {place}) (i32.const 32))").unwrap();
        place += 1;
    }
    let log =
        format!("(drop (call $say (i32.const 4) (i32.const 2048) (i32.const {})))", place - 2048);
    let callback = |name: &str| {
        format!(
            "(func (export \"{name}\") (param i32 i32) (result i32) {body} {log} (i32.const 1))"
        )
    };
    module(
        &format!(
            "{imports} (import \"env\" \"proxy_log\" (func $say (param i32 i32 i32) (result i32)))"
        ),
        &format!(
            "(data (i32.const 100) \"clear_route_cache\") (data (i32.const 200) \"plugin_name\") {} {}",
            callback("proxy_on_vm_start"),
            callback("proxy_on_configure")
        ),
    )
}

/// What the module logged on the first VM: in `proxy_on_vm_start`, then in `proxy_on_configure`.
fn run(code: &[u8]) -> [Vec<String>; 2] {
    let directory = tempfile::tempdir().unwrap();
    let wasm = directory.path().join("probe.wasm");
    let file = directory.path().join("envoy.yaml");
    std::fs::write(&wasm, code).unwrap();
    std::fs::write(&file, BOOTSTRAP.replace("PROBE", wasm.to_str().unwrap())).unwrap();
    let bootstrap = Bootstrap::load(&file).unwrap();
    let host = Host::new(&bootstrap, &HostOptions::default(), Arc::new(engine())).unwrap();
    let mut logs = host.world().logs().iter().filter(|line| line.level == 4);
    [(); 2].map(|()| {
        let digit = |letter| format!("{:x}", letter - b'A');
        let words = logs.next().unwrap().message.split_whitespace();
        words.map(|word| word.bytes().map(digit).collect()).collect()
    })
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
                  code: { local: { filename: "PROBE" } }
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;

fn compare(wanted: &[(&str, &str)], answered: &[String]) {
    let differences: Vec<_> = wanted
        .iter()
        .zip(answered)
        .filter(|((_, envoy), here)| envoy != here)
        .map(|((name, envoy), here)| format!("{name}: Envoy {envoy}, here {here}"))
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    assert_eq!(wanted.len(), answered.len());
}

#[test]
fn whatever_number_is_passed_the_status_is_envoys() {
    let arguments = |row: &Row| {
        let (_, signature) = signatures().find(|(name, _)| *name == row.name).unwrap();
        SWEEP.iter().map(|number| vec![*number; signature.len()]).collect()
    };
    let calls: Vec<_> = SWEPT.iter().map(|row| (row.name, arguments(row))).collect();
    let wanted: Vec<_> = SWEPT.iter().map(|row| (row.name, row.statuses)).collect();
    // The second time, keys are what the first time left in memory, clocks among it.
    let [first, _] = run(&probe(&calls));
    compare(&wanted, &first);
}

#[test]
fn each_of_these_calls_answers_as_in_envoy() {
    let arguments = |case: &Case| case.arguments.iter().map(|list| list.to_vec()).collect();
    let calls: Vec<_> = CASES.iter().map(|case| (case.name, arguments(case))).collect();
    let wanted = CASES.iter().map(|case| (case.name, case.vm_start));
    let again = CASES.iter().map(|case| (case.name, case.configure));
    compare(&wanted.chain(again).collect::<Vec<_>>(), &run(&probe(&calls)).concat());
}
