use serde_json::json;

use super::*;
use crate::decision::Decision;
use crate::facts::Facts;

struct Idle;

impl Filter for Idle {
    fn settles(&self, _: &Facts, _: u64, _: Option<u64>) -> bool {
        true
    }

    fn decide(&self, _: &Facts, _: &mut Decision) {}
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdle {
    #[serde(default)]
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[expect(dead_code, reason = "only its name and type are tested")]
    pool: String,
}

const SECTIONS: [Section; 1] = [Section {
    name: "idle",
    build: |value, _| {
        let raw: RawIdle = section(value)?;
        drop(raw.rules);
        Ok(Box::new(Idle))
    },
}];

#[track_caller]
fn refused(configuration: Value, expected: &str) {
    let bytes = configuration.to_string().into_bytes();
    let error = read(&bytes, &SECTIONS).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_section_turns_its_filter_on() {
    let read = read(br#"{"version": 1, "idle": {}}"#, &SECTIONS).unwrap();
    assert_eq!(read.filters.len(), 1);
    assert_eq!(read.shared.body.access, Access::Gate);
    assert_eq!(read.shared.body.inspect_limit, 524_288);
}

#[test]
fn a_configuration_without_a_section_is_refused() {
    refused(
        json!({"version": 1}),
        "configuration: found no section that turns a filter on; allowed idle; add one",
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_known_ones() {
    refused(
        json!({"version": 1, "idel": {}}),
        "idel: found `idel`; allowed version, match, body, limits, tokens, models, pools, debug_headers, log_fields, trust_incoming, idle; remove it or correct its name",
    );
}

#[test]
fn an_error_inside_a_section_says_where() {
    refused(
        json!({"version": 1, "idle": {"rules": [{"pool": "a"}, {"pol": "b"}]}}),
        "idle.rules[1].pol: unknown field `pol`, expected `pool`",
    );
    refused(
        json!({"version": 1, "idle": {}, "body": {"decide_within": 5}}),
        "body.decide_within: invalid type: integer `5`, expected a length of time such as 300us, 250ms, 2s, 5m, 24h",
    );
    refused(
        json!({"version": 1, "idle": {}, "body": {"inspect_limit": "0B"}}),
        "body.inspect_limit: found 0 bytes; allowed 1B to 1GiB; stay below the proxy's per_connection_buffer_limit_bytes",
    );
}

#[test]
fn the_version_is_required_and_checked() {
    refused(json!({"idle": {}}), "version: found none; allowed 1; add \"version\": 1");
    refused(json!({"version": 2, "idle": {}}), "version: found `2`; allowed 1");
}

#[test]
fn a_protobuf_struct_is_recognised_and_refused_with_the_cure() {
    let binary = [0x0a, 0x0c, 0x0a, 0x07, b'v', b'e', 0xff];
    let error = object(&binary).unwrap_err().to_string();
    assert!(error.contains("give it as google.protobuf.StringValue"), "{error}");
    assert!(object(b"").is_err());
    assert!(object(b"[]").is_err());
    assert!(object(b"{\"version\": 1").unwrap_err().to_string().contains("line 1 column"));
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    for (text, key) in [
        (r#"{"version": 2, "version": 1, "idle": {}}"#, "version"),
        (r#"{"version": 1, "idle": {"rules": [], "rules": []}}"#, "rules"),
    ] {
        let error = read(text.as_bytes(), &SECTIONS).map(|_| ()).unwrap_err().to_string();
        let found = format!("configuration: found the key `{key}` twice at line 1 column ");
        assert!(
            error.starts_with(&found) && error.ends_with("; allowed once; remove one"),
            "{error}"
        );
    }
}

#[test]
fn no_stream_is_as_lively_as_a_limit_of_nothing_wants() {
    refused(
        json!({"version": 1, "idle": {}, "limits": {"stall_after": "0s"}}),
        "limits.stall_after: found 0ns; allowed 10ms and more; tokens of a healthy stream are as far apart",
    );
}
