//! How `weights`, `sticky` and `force` are written, and what is refused of them.

use super::*;

fn refused(weights: serde_json::Value, expected: &str) {
    let serde_json::Value::Array(weights) = weights else { panic!("a list") };
    assert_eq!(read("gpu", weights).unwrap_err().to_string(), expected);
}

#[test]
fn weights_are_whole_numbers_of_any_sum_and_versions_are_the_pools() {
    let arms = json!([{"version": "v1", "weight": 900}, {"version": "v0", "weight": 0}]);
    let serde_json::Value::Array(arms) = arms else { panic!("a list") };
    let split = read("gpu", arms).unwrap();
    assert_eq!(split.weights(), [900, 0]);
    assert_eq!(split.position("v0"), Some(1));
    assert_eq!(split.position("v2"), None);
}

#[test]
fn what_could_never_be_split_is_refused_with_what_can() {
    let arm = |version: &str, weight: i64| json!({"version": version, "weight": weight});
    refused(json!([]), "weights: found `0` versions; allowed 1 to 16; add one");
    refused(
        (0..17).map(|n| arm(&format!("v{n}"), 1)).collect::<Vec<_>>().into(),
        "weights: found `17` versions; allowed 1 to 16; remove some",
    );
    refused(
        json!([arm("v0", 0), arm("v1", 0)]),
        "weights: found no weight above 0; allowed one or more; raise that of the version to use",
    );
    refused(
        json!([arm("v0", 1), arm("v1", -1)]),
        "weights[1].weight: found `-1`; allowed 0 to 2147483647; raise it",
    );
    refused(
        json!([arm("v0", 1 << 31)]),
        "weights[0].weight: found `2147483648`; allowed 0 to 2147483647; lower all in proportion",
    );
    refused(
        json!([arm("v0", 1), arm("v0", 2)]),
        "weights[1].version: found `v0` again; allowed once; remove one",
    );
    refused(
        json!([{"version": "v0", "weight": 1, "model": "m"}]),
        "weights[0].model: found `m`; allowed none yet; add it to models",
    );
    let error = read("gpu", vec![arm("w", 1)]).unwrap_err().to_string();
    assert!(error.starts_with("weights[0].version: found `w`; allowed v0, v1, "), "{error}");
    assert!(error.ends_with("; add it to versions of pool `gpu`"), "{error}");
}

fn keys(list: serde_json::Value) -> Result<Vec<Key>, String> {
    let raw: Vec<RawKey> = serde_json::from_value(list).map_err(|e| e.to_string())?;
    sticky(raw).map_err(|e| e.under("sticky").to_string())
}

#[test]
fn a_request_may_be_known_by_five_kinds_of_things() {
    let list = json!([
        {"header": "X-User-Id"}, {"cookie": {"name": "llm-version", "max_age": "24h"}},
        {"claim": "sub"}, {"claim": {"header": "X-Token", "name": "sub"}}, {"body": "user"},
        "conversation",
    ]);
    let keys = keys(list).unwrap();
    let kinds: Vec<_> = keys.iter().map(Key::as_str).collect();
    assert_eq!(kinds, ["header", "cookie", "claim", "claim", "body", "conversation"]);
    assert_eq!(keys[0], Key::Header("x-user-id".into()));
    assert_eq!(keys[2], Key::Claim { header: "authorization".into(), name: "sub".into() });
    assert_eq!(keys[3], Key::Claim { header: "x-token".into(), name: "sub".into() });
}

#[test]
fn a_cookie_is_found_among_others_and_set_with_its_attributes() {
    let cookie =
        |value: serde_json::Value| match keys(json!([{"cookie": value}])).unwrap().remove(0) {
            Key::Cookie(cookie) => cookie,
            other => panic!("{other:?}"),
        };
    let plain = cookie(json!({"name": "v"}));
    assert_eq!(plain.set("ab12"), "v=ab12; Path=/; SameSite=Lax; HttpOnly");
    assert_eq!(plain.find("xv=1; v=2;v=3; w"), Some("2"));
    assert_eq!(plain.find("w=v=1"), None);
    let full = cookie(json!({
        "name": "v", "max_age": "24h", "path": "/v1", "secure": true, "same_site": "none",
        "http_only": false,
    }));
    assert_eq!(full.set("a"), "v=a; Max-Age=86400; Path=/v1; SameSite=None; Secure");
}

#[test]
fn what_could_break_a_header_is_refused() {
    let refused = |key: serde_json::Value, expected: &str| {
        assert_eq!(keys(json!([key])).unwrap_err(), expected);
    };
    let names = "allowed 1 to 128 letters, digits and `-`, `_`, `.`; choose another name";
    refused(json!({"header": ":path"}), &format!("sticky[0].header: found `:path`; {names}"));
    refused(
        json!({"cookie": {"name": "a b"}}),
        &format!("sticky[0].cookie.name: found `a b`; {names}"),
    );
    refused(
        json!({"cookie": {"name": "a", "path": "/;Secure"}}),
        "sticky[0].cookie.path: found `/;Secure`; allowed `/` and printable ASCII without `;`; begin it with `/`",
    );
    refused(
        json!({"cookie": {"name": "a", "max_age": "401d"}}),
        "sticky[0].cookie.max_age: found `401d`; allowed 1s to 400d; lower it",
    );
    refused(
        json!({"cookie": {"name": "a", "same_site": "none"}}),
        "sticky[0].cookie.same_site: found `none` without secure; allowed strict, lax; set secure to true",
    );
    refused(json!({"claim": 1}), "a claim's name, or an object {header, name}");
}

#[test]
fn testers_get_the_versions_that_they_may_ask_for_even_without_weight() {
    let arms = json!([{"version": "v1", "weight": 1}, {"version": "v2", "weight": 0}]);
    let serde_json::Value::Array(arms) = arms else { panic!("a list") };
    let split = read("gpu", arms).unwrap();
    let force = |value: serde_json::Value| {
        Force::try_from((serde_json::from_value(value).unwrap(), &split))
            .map_err(|e: Invalid| e.under("force").to_string())
    };
    let some = force(json!({"header": "X-Force", "values": ["v2"]})).unwrap();
    assert_eq!(some.header, "x-force");
    assert_eq!(some.choose(&split, " v2"), Some(1));
    assert_eq!(some.choose(&split, "v1"), None);
    assert_eq!(some.choose(&split, "v3"), None);
    assert_eq!(force(json!({"header": "x"})).unwrap().choose(&split, "v1"), Some(0));
    assert_eq!(
        force(json!({"header": "x", "values": ["v3"]})).unwrap_err(),
        "force.values[0]: found `v3`; allowed v1, v2; add it to weights"
    );
    assert_eq!(
        force(json!({"header": "x", "values": []})).unwrap_err(),
        "force.values: found no version; allowed one or more; name some, or leave force out"
    );
}
