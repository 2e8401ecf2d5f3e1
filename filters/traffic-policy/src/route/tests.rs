use proptest::prelude::*;

use super::*;
use crate::catalog::{RawModel, RawPool};

fn router(section: serde_json::Value) -> Result<Router, crate::invalid::Invalid> {
    router_with(section, Fallback::RouteDefault, Fallback::RouteDefault)
}

fn router_with(
    section: serde_json::Value,
    on_incomplete: Fallback,
    on_malformed: Fallback,
) -> Result<Router, crate::invalid::Invalid> {
    let models: Vec<RawModel> = serde_json::from_value(serde_json::json!([
        {"name": "llama-70b", "aliases": ["gpt-4o"]}, {"name": "llama-8b"}
    ]))
    .unwrap();
    let pools: Vec<RawPool> =
        serde_json::from_value(serde_json::json!([{"name": "large"}, {"name": "small"}])).unwrap();
    let catalog = Catalog::try_from((models, pools)).unwrap();
    Router::build(serde_json::from_value(section).unwrap(), catalog, on_incomplete, on_malformed)
}

fn two_rules() -> serde_json::Value {
    serde_json::json!({
        "rules": [
            {"name": "long", "when": {"prompt_tokens": {"at_least": 6000}}, "pool": "large"},
            {"name": "small-model", "when": {"model": "llama-8b*"}, "pool": "small"}
        ],
        "default": {"pool": "large"},
        "on_unknown_model": "refuse"
    })
}

fn chat<'a>(model: &'a str, tokens: u64) -> Request<'a> {
    Request {
        seen: Seen::Whole,
        path: "/v1/chat/completions",
        headers: &[],
        expects_model: true,
        model: Known::Value(model),
        prompt_tokens: TokenCount::exactly(tokens),
        prompt_within: TokenCount::exactly(tokens),
        requested_tokens: Known::Absent,
        stream: Known::Absent,
        tools: Known::Absent,
        images: Known::Absent,
    }
}

#[track_caller]
fn goes(router: &Router, request: Request<'_>, pool: &str, reason: &str) {
    assert_eq!(router.route(&request), Choice { outcome: Outcome::Pool(pool), reason });
}

#[test]
fn the_first_rule_that_holds_wins() {
    let router = router(two_rules()).unwrap();
    goes(&router, chat("llama-8b", 7000), "large", "long");
    goes(&router, chat("llama-8b", 5999), "small", "small-model");
    goes(&router, chat("llama-70b", 10), "large", "default");
}

#[test]
fn a_threshold_belongs_to_its_range() {
    let router = router(two_rules()).unwrap();
    goes(&router, chat("llama-8b", 6000), "large", "long");
}

#[test]
fn an_alias_is_judged_by_the_model_it_stands_for() {
    let router = router(serde_json::json!({
        "rules": [{"name": "seventy", "when": {"model": "llama-70b"}, "pool": "small"}],
        "default": {"pool": "large"}
    }))
    .unwrap();
    goes(&router, chat("gpt-4o", 1), "small", "seventy");
}

#[test]
fn an_unknown_model_is_refused_or_sent_to_the_default_pool_as_configured() {
    let refusing = router(two_rules()).unwrap();
    let refused =
        Choice { outcome: Outcome::Refuse(Refusal::UnknownModel), reason: "unknown_model" };
    assert_eq!(refusing.route(&chat("gpt-5", 1)), refused);
    let mut section = two_rules();
    section["on_unknown_model"] = "route_default".into();
    goes(&router(section).unwrap(), chat("gpt-5", 7000), "large", "unknown_model");
}

#[test]
fn a_request_without_a_model_is_refused_only_where_one_belongs() {
    let router = router(two_rules()).unwrap();
    let nameless = Request { model: Known::Absent, ..chat("", 1) };
    assert_eq!(router.route(&nameless).outcome, Outcome::Refuse(Refusal::MissingModel));
    goes(&router, Request { expects_model: false, ..nameless }, "large", "default");
}

#[test]
fn a_part_of_a_body_decides_when_the_rest_cannot_change_the_answer() {
    let router = router(two_rules()).unwrap();
    let part = Request {
        seen: Seen::Part,
        prompt_tokens: TokenCount::at_least(6000),
        ..chat("llama-8b", 0)
    };
    goes(&router, part, "large", "long");
}

#[test]
fn a_part_of_a_body_that_leaves_an_earlier_rule_open_is_incomplete() {
    let router = router(two_rules()).unwrap();
    let part = Request {
        seen: Seen::Part,
        prompt_tokens: TokenCount::at_least(5999),
        ..chat("llama-8b", 0)
    };
    goes(&router, part, "large", "incomplete");
}

#[test]
fn an_incomplete_or_malformed_body_is_refused_if_so_configured() {
    let router = router_with(two_rules(), Fallback::Refuse, Fallback::Refuse).unwrap();
    let part =
        Request { seen: Seen::Part, prompt_tokens: TokenCount::at_least(1), ..chat("llama-8b", 0) };
    assert_eq!(router.route(&part).outcome, Outcome::Refuse(Refusal::Incomplete));
    let malformed = Request { seen: Seen::Malformed, ..part };
    assert_eq!(router.route(&malformed).outcome, Outcome::Refuse(Refusal::Malformed));
}

#[test]
fn without_a_body_rules_on_the_body_do_not_hold() {
    let router = router(two_rules()).unwrap();
    let headers_only = Request {
        seen: Seen::HeadersOnly,
        model: Known::NotYet,
        prompt_tokens: TokenCount::at_least(0),
        ..chat("", 0)
    };
    goes(&router, headers_only, "large", "default");
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let router = router(serde_json::json!({
        "rules": [{
            "name": "tenant-stream",
            "when": {"stream": true, "tools": false, "headers": {"X-Tenant": "gold*"}, "path": "/v1/chat/*"},
            "pool": "small"
        }],
        "default": {"pool": "large"}
    }))
    .unwrap();
    let headers = [("x-tenant".to_owned(), "gold-7".to_owned())];
    let fits = Request { stream: Known::Value(true), headers: &headers, ..chat("llama-8b", 1) };
    goes(&router, fits, "small", "tenant-stream");
    goes(&router, Request { stream: Known::Absent, ..fits }, "large", "default");
    goes(&router, Request { tools: Known::Value(true), ..fits }, "large", "default");
    goes(&router, Request { headers: &[], ..fits }, "large", "default");
    goes(&router, Request { path: "/v1/completions", ..fits }, "large", "default");
}

#[test]
fn total_tokens_count_the_longest_answer_allowed() {
    let router = router(serde_json::json!({
        "rules": [{"name": "fits-8k", "when": {"total_tokens": {"at_most": 8192}}, "pool": "small"}],
        "default": {"pool": "large"}
    }))
    .unwrap();
    let asks =
        |tokens| Request { requested_tokens: Known::Value(tokens), ..chat("llama-8b", 8000) };
    goes(&router, asks(192), "small", "fits-8k");
    goes(&router, asks(193), "large", "default");
    goes(&router, asks(u64::MAX), "large", "default");
}

#[track_caller]
fn refused(section: serde_json::Value, expected: &str) {
    assert_eq!(router(section).unwrap_err().to_string(), expected);
}

#[test]
fn a_rule_to_an_unknown_pool_is_refused_with_the_known_ones() {
    refused(
        serde_json::json!({
            "rules": [{"name": "a", "when": {"stream": true}, "pool": "big"}], "default": {"pool": "large"}
        }),
        "rules[0].pool: found `big`; allowed large, small; add it to pools",
    );
    refused(
        serde_json::json!({"default": {"pool": "big"}}),
        "default.pool: found `big`; allowed large, small; add it to pools",
    );
}

#[test]
fn a_rule_that_could_never_hold_is_refused() {
    let rule = |when: serde_json::Value| {
        serde_json::json!({
            "rules": [{"name": "a", "when": when, "pool": "large"}], "default": {"pool": "large"}
        })
    };
    refused(
        rule(serde_json::json!({"model": "lama-8b"})),
        "rules[0].when.model: found `lama-8b`; allowed llama-70b, llama-8b; name one of these, an alias, or a pattern that fits one",
    );
    refused(
        rule(serde_json::json!({"prompt_tokens": {"at_least": 9, "at_most": 8}})),
        "rules[0].when.prompt_tokens: found at_least `9` above at_most `8`; swap them",
    );
    assert!(router(rule(serde_json::json!({}))).is_err());
}

#[test]
fn a_rule_cannot_take_the_name_of_another_or_of_a_reason() {
    let named = |name: &str| {
        serde_json::json!({"rules": [
            {"name": "a", "when": {"stream": true}, "pool": "large"},
            {"name": name, "when": {"stream": true}, "pool": "large"}
        ], "default": {"pool": "large"}})
    };
    refused(named("a"), "rules[1].name: found `a` again; each rule needs a name of its own");
    assert!(router(named("default")).is_err());
    assert!(router(named("with space")).is_err());
}

proptest! {
    /// Deciding early must never decide otherwise: if a part of the body is enough, then every
    /// whole body that starts with this part gets the same answer.
    #[test]
    fn a_decision_on_a_part_is_the_decision_on_the_whole(
        seen in 0u64..9000, more in 0u64..9000, has_model: bool, eight: bool, stream in any::<Option<bool>>(),
    ) {
        let mut section = two_rules();
        section["rules"][1]["when"]["stream"] = true.into();
        let router = router_with(section, Fallback::Refuse, Fallback::Refuse).unwrap();
        let model = if eight { "llama-8b" } else { "llama-70b" };
        let whole = Request {
            stream: stream.map_or(Known::Absent, Known::Value),
            ..chat(model, seen + more)
        };
        let part = Request {
            seen: Seen::Part,
            model: if has_model { Known::Value(model) } else { Known::NotYet },
            stream: Known::NotYet,
            prompt_tokens: TokenCount::at_least(seen),
            ..whole
        };
        let early = router.route(&part);
        prop_assume!(early.reason != reason::INCOMPLETE);
        prop_assert_eq!(early, router.route(&whole));
    }
}

/// Rules that send short and long prompts elsewhere, and windows that send on what does not fit.
fn windows_and_rules(rule: (u64, u64), mut windows: [Option<u64>; 3], overflow: &str) -> Router {
    // A policy for overflow without any window is refused.
    windows[1].get_or_insert(300);
    let name = |at: usize| format!("m{at}");
    let models = windows
        .iter()
        .enumerate()
        .map(|(at, window)| serde_json::json!({"name": name(at), "context_window": window}));
    let pools = (0..3).map(|at| {
        let others: Vec<String> =
            (0..3).filter(|other| *other != at).map(|at| format!("p{at}")).collect();
        serde_json::json!({"name": format!("p{at}"), "model": name(at), "fallback": others})
    });
    let models = serde_json::from_value(models.collect()).unwrap();
    let pools = serde_json::from_value(pools.collect()).unwrap();
    let section = serde_json::json!({
        "rules": [
            {"name": "middle", "when": {"prompt_tokens": {"at_least": rule.0, "at_most": rule.0 + rule.1}}, "pool": "p1"},
            {"name": "long", "when": {"total_tokens": {"at_least": rule.0 + 2 * rule.1}}, "pool": "p2"},
        ],
        "default": {"pool": "p0"},
        "on_context_overflow": overflow
    });
    let section = serde_json::from_value(section).unwrap();
    let catalog = Catalog::try_from((models, pools)).unwrap();
    Router::build(section, catalog, Fallback::RouteDefault, Fallback::RouteDefault).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// An exact count may be left out only where it would change nothing: whatever the estimate,
    /// its error, and the true number, as long as all lie in the interval that is certain.
    #[test]
    fn what_is_settled_is_decided_the_same_whatever_the_count(
        rule in (1..300_u64, 0..100_u64),
        windows in [proptest::option::of(1..600_u64), proptest::option::of(1..600_u64), proptest::option::of(1..600_u64)],
        overflow in prop::sample::select(vec!["ignore", "refuse", "route_larger"]),
        requested in proptest::option::of(0..200_u64),
        at_least in 0..500_u64, more in 0..500_u64, is_open: bool,
        truth in 0..=500_u64, guess in 0..=500_u64, below in 0..=500_u64, above in 0..=500_u64,
    ) {
        let router = windows_and_rules(rule, windows, overflow);
        let at_most = at_least + more;
        let inside = |number: u64| at_least + number.min(more);
        let (truth, guess) = (inside(truth), inside(guess));
        let counted = |tokens, from, to| Request {
            prompt_tokens: TokenCount::exactly(tokens),
            prompt_within: TokenCount { at_least: from, at_most: Some(to) },
            requested_tokens: requested.map_or(Known::Absent, Known::Value),
            ..chat("m0", 0)
        };
        let interval = TokenCount { at_least, at_most: (!is_open).then_some(at_most) };
        prop_assume!(router.settles(&Request { prompt_tokens: interval, ..counted(0, 0, 0) }));
        let exact = counted(truth, truth, truth);
        let estimated = counted(
            guess,
            guess.saturating_sub(below).max(at_least),
            (guess + above).min(at_most),
        );
        prop_assert_eq!(router.route(&estimated), router.route(&exact));
    }
}
