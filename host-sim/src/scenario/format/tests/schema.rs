//! The schema says what the parser says: the same fields in every object, the same words in every
//! choice. The parser's own errors are asked, because they are made of what it asks for.

use serde_json::{Value as Json, json};

use super::*;
use crate::model::lint::Lint;

/// Every object of the schema, and a scenario with an unknown field in one of those.
const OBJECTS: [(&str, &str); 29] = [
    ("", "ZZZ: 1\nsteps: []\n"),
    ("/$defs/plugin", "plugin: {file: wire/a.json, ZZZ: 1}\nsteps: []\n"),
    ("/$defs/fault", "hosts: sim\nbecause: b\nfaults: [{worker_loss: 1, ZZZ: 1}]\nsteps: []\n"),
    ("/$defs/trap", "faults: [{trap: {callback: proxy_on_tick, ZZZ: 1}}]\nsteps: []\n"),
    ("/$defs/allocation_failure", "faults: [{allocation_failure: {ZZZ: 1}}]\nsteps: []\n"),
    (
        "/$defs/clock_jump",
        "hosts: sim\nbecause: b\nfaults: [{clock_jump: {back: 1s, ZZZ: 1}}]\nsteps: []\n",
    ),
    ("/$defs/step", "steps: [{request: {get: /}, ZZZ: 1}]\n"),
    ("/$defs/request", "steps: [{request: {get: /, ZZZ: 1}}]\n"),
    ("/$defs/made_body", "steps: [{request: {post: /, body: {json: 1, ZZZ: 1}}}]\n"),
    ("/$defs/cut", "steps: [{request: {post: /, chunks: {ZZZ: 1}}}]\n"),
    ("/$defs/expect", "steps: [{request: {get: /}, expect: {ZZZ: 1}}]\n"),
    ("/$defs/upstream_expect", "steps: [{request: {get: /}, expect: {upstream: {a: {ZZZ: 1}}}}]\n"),
    ("/$defs/text_match", "steps: [{request: {get: /}, expect: {flags: {contains: a, ZZZ: 1}}}]\n"),
    (
        "/$defs/bounds",
        "steps: [{request: {get: /}, expect: {upstream_requests: {a: {at_least: 1, ZZZ: 1}}}}]\n",
    ),
    ("/$defs/update", "steps: [{update: {config: {}, ZZZ: 1}}]\n"),
    ("/$defs/finally", "steps: []\nfinally: {ZZZ: 1}\n"),
    ("/$defs/logs", "steps: []\nfinally: {logs: {ZZZ: 1}}\n"),
    ("/$defs/trace", "steps: []\nfinally: {trace: {ZZZ: 1}}\n"),
    // What serde reads tells its fields in another way.
    ("/$defs/reply", "upstreams: {a: [{ZZZ: 1}]}\nsteps: []\n"),
    ("/$defs/usage", "upstreams: {a: [{usage: {ZZZ: 1}}]}\nsteps: []\n"),
    (
        "/$defs/tool_call",
        "upstreams: {a: [{tool_calls: [{name: a, arguments: b, ZZZ: 1}]}]}\nsteps: []\n",
    ),
    // Choices.
    ("/properties/hosts", "hosts: ZZZ\nsteps: []\n"),
    ("/properties/control", "control: ZZZ\nsteps: []\n"),
    ("/properties/since", "since: ZZZ\nsteps: []\n"),
    ("/properties/envoys/items", "envoys: [ZZZ]\nsteps: []\n"),
    ("/$defs/expect/properties/ended", "steps: [{request: {get: /}, expect: {ended: ZZZ}}]\n"),
    ("/$defs/trap/properties/callback", "faults: [{trap: {callback: ZZZ}}]\nsteps: []\n"),
    ("/$defs/reply/properties/reply", "upstreams: {a: [{reply: ZZZ}]}\nsteps: []\n"),
    ("/$defs/reply/properties/fault", "upstreams: {a: [{fault: ZZZ}]}\nsteps: []\n"),
];

fn schema() -> Json {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What the parser allows where `ZZZ` stands.
fn allowed_by_parser(scenario: &str) -> Vec<String> {
    let target = if scenario.starts_with("plugin") { "" } else { "envoy: chain.yaml\n" };
    let (read, _) = read_raw(&format!("# Something.\n{target}{scenario}"));
    let error = read.expect_err("an unknown word");
    let mut allowed: Vec<String> = match error.problem() {
        Problem::UnknownField { allowed, .. } => allowed.split(", ").map(str::to_owned).collect(),
        Problem::Invalid { found, allowed, .. }
            if found.contains('`') && allowed.contains("reply") =>
        {
            found.split('`').skip(3).step_by(2).map(str::to_owned).collect()
        }
        Problem::Invalid { allowed, .. } => allowed.split(", ").map(str::to_owned).collect(),
        other => panic!("{other}"),
    };
    allowed.sort_unstable();
    allowed.dedup();
    allowed
}

fn allowed_by_schema(schema: &Json, pointer: &str) -> Vec<String> {
    let found = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is in the schema"));
    let mut allowed: Vec<String> = match found["enum"].as_array() {
        Some(words) => words.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        None => found["properties"].as_object().unwrap().keys().cloned().collect(),
    };
    allowed.sort_unstable();
    allowed
}

#[test]
fn the_schema_has_the_parsers_fields_and_words() {
    let schema = schema();
    for (pointer, scenario) in OBJECTS {
        let (ours, theirs) = (allowed_by_schema(&schema, pointer), allowed_by_parser(scenario));
        assert_eq!(ours, theirs, "{pointer}");
    }
    let lints = schema["properties"]["silence"]["propertyNames"]["enum"].as_array().unwrap();
    let lints: Vec<&str> = lints.iter().filter_map(Json::as_str).collect();
    assert_eq!(lints, Lint::ALL.map(Lint::name));
}

#[test]
fn every_object_of_the_schema_is_compared() {
    fn objects(value: &Json) -> usize {
        let own = usize::from(value.get("additionalProperties") == Some(&Json::Bool(false)));
        let below = match value {
            Json::Object(fields) => fields.values().map(objects).sum(),
            Json::Array(items) => items.iter().map(objects).sum(),
            _ => 0,
        };
        own + below
    }
    let schema = schema();
    let compared = OBJECTS.iter().filter(|(pointer, _)| {
        schema.pointer(pointer).is_some_and(|found| found.get("properties").is_some())
    });
    assert_eq!(compared.count(), objects(&schema));
}

#[test]
fn the_schema_accepts_every_scenario_of_the_project_and_refuses_what_is_misspelt() {
    let schema = schema();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let files = crate::scenario::catalog::find(&[scenarios]).unwrap();
    assert!(files.len() > 50, "{}", files.len());
    for file in files {
        let node = yaml::read_file(&file).unwrap().remove(0);
        let json = node.to_json().unwrap();
        let wrong = refused(&schema, &schema, &json);
        assert_eq!(wrong, None, "{}", file.display());
    }
    let wrong = json!({"envoy": "a", "steps": [{"requset": {}}]});
    assert!(refused(&schema, &schema, &wrong).is_some());
    let wrong = json!({"envoy": "a", "hosts": "all", "steps": []});
    assert!(refused(&schema, &schema, &wrong).is_some());
}

/// Why the schema refuses a value. It knows the keywords that the schema uses, and no others.
fn refused(root: &Json, schema: &Json, value: &Json) -> Option<String> {
    schema.as_object()?.iter().find_map(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "title" | "description" | "$defs" | "pattern" => None,
        "$ref" => {
            let target = root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
            refused(root, target, value)
        }
        "anyOf" => {
            let tried: Vec<Option<String>> =
                rule.as_array()?.iter().map(|one| refused(root, one, value)).collect();
            if tried.iter().any(Option::is_none) { None } else { tried.into_iter().next()? }
        }
        "items" => value.as_array()?.iter().find_map(|item| refused(root, rule, item)),
        "propertyNames" => {
            value.as_object()?.keys().find_map(|name| refused(root, rule, &json!(name)))
        }
        "properties" => value
            .as_object()?
            .iter()
            .find_map(|(name, field)| refused(root, rule.get(name)?, field)),
        "additionalProperties" => {
            let known = schema.get("properties");
            let is_more = |name: &str| known.is_none_or(|known| known.get(name).is_none());
            let mut more = value.as_object()?.iter().filter(|(name, _)| is_more(name));
            match rule {
                Json::Bool(false) => more.next().map(|(name, _)| format!("`{name}`")),
                rule => more.find_map(|(_, field)| refused(root, rule, field)),
            }
        }
        _ => (!holds(keyword, rule, value)).then(|| format!("{keyword} {rule}: {value}")),
    })
}

/// The keywords that look at one value and at nothing below it.
fn holds(keyword: &str, rule: &Json, value: &Json) -> bool {
    let fields = value.as_object().map(|fields| fields.len() as u64);
    match keyword {
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minItems" => value.as_array().is_none_or(|all| all.len() as u64 >= rule.as_u64().unwrap()),
        "minProperties" => fields.is_none_or(|count| count >= rule.as_u64().unwrap()),
        "maxProperties" => fields.is_none_or(|count| count <= rule.as_u64().unwrap()),
        "required" => {
            let mut names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            names.all(|name| value.get(name).is_some())
        }
        "type" => match rule {
            Json::Array(kinds) => kinds.iter().any(|kind| holds("type", kind, value)),
            one => match one.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "null" => value.is_null(),
                other => panic!("a type {other}"),
            },
        },
        other => panic!("the keyword {other} is not known here"),
    }
}
