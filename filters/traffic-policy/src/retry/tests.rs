use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::attempt::Class;
use crate::invalid::Invalid;

fn build(retry: serde_json::Value, per_try: serde_json::Value) -> Result<RetryPolicy, Invalid> {
    let retry = serde_json::from_value::<RawRetry>(retry).unwrap();
    let per_try = serde_json::from_value::<RawPerTry>(per_try).unwrap();
    RetryPolicy::try_from((retry, per_try, RawFirstToken::default()))
}

fn policy(retry: serde_json::Value) -> RetryPolicy {
    build(retry, json!({})).unwrap()
}

fn chain(pools: &[&str]) -> Vec<String> {
    pools.iter().map(|pool| (*pool).to_owned()).collect()
}

fn ask(hops: &[String]) -> Ask<'_> {
    Ask {
        prompt_tokens: 1_000,
        output_tokens: Some(100),
        stream: false,
        hops,
        body_bytes: Some(9_000),
    }
}

/// The value of `x-envoy-` and this name.
fn header<'a>(retry: &'a Retry, name: &str) -> Option<&'a str> {
    let of = |(n, value): &'a (&str, String)| (n[8..] == *name).then_some(value.as_str());
    retry.headers.iter().find_map(of)
}

#[test]
fn what_is_not_written_is_the_documented_default() {
    let hops = chain(&["gpu-a"]);
    let retry = policy(json!({})).plan(&ask(&hops), true);
    assert_eq!(header(&retry, "max-retries"), Some("2"));
    assert_eq!(
        header(&retry, "retry-on"),
        Some("gateway-error,connect-failure,refused-stream,retriable-status-codes")
    );
    assert_eq!(header(&retry, "retriable-status-codes"), Some("408,429,500,501,502,503,504,529"));
    // 2 s, and 0.3 s to read, and 2.5 s to write.
    assert_eq!(header(&retry, "upstream-rq-per-try-timeout-ms"), Some("4800"));
    assert_eq!(header(&retry, "upstream-rq-timeout-ms"), Some("14900"));
    assert_eq!(header(&retry, "hedge-on-per-try-timeout"), None);
    assert_eq!((retry.plan.attempts, retry.plan.hops, retry.why_not), (3, hops, None));
    assert_eq!(retry.plan.first_event_within, None);
}

#[test]
fn a_stream_is_limited_to_its_first_event_and_not_beyond() {
    let hops = chain(&["gpu-a"]);
    let ask = Ask { stream: true, output_tokens: None, ..ask(&hops) };
    let retry = policy(json!({})).plan(&ask, true);
    assert_eq!(header(&retry, "upstream-rq-per-try-timeout-ms"), Some("2300"));
    assert_eq!(header(&retry, "upstream-rq-timeout-ms"), Some("0"));
    assert_eq!(retry.plan.first_event_within, Some(Duration::from_millis(2_300)));
}

#[test]
fn who_does_not_say_how_much_it_wants_has_the_longest_time_there_is() {
    let hops = chain(&["gpu-a"]);
    let ask = Ask { output_tokens: None, ..ask(&hops) };
    let retry = policy(json!({"attempts": 1})).plan(&ask, true);
    assert_eq!(header(&retry, "upstream-rq-per-try-timeout-ms"), Some("300000"));
    assert_eq!(header(&retry, "upstream-rq-timeout-ms"), Some("300000"));
}

#[test]
fn a_budget_that_is_spent_and_a_body_that_is_not_kept_allow_one_attempt_and_say_so() {
    let hops = chain(&["gpu-a", "gpu-b"]);
    let policy = policy(json!({"along": "fallback", "body_limit": "10KiB"}));
    let long = Ask { body_bytes: Some(10_241), ..ask(&hops) };
    let unknown = Ask { body_bytes: None, ..ask(&hops) };
    for (ask, allowed, why_not) in [
        (ask(&hops), false, Some("budget")),
        (long, true, Some("body_limit")),
        (Ask { body_bytes: Some(10_240), ..long }, true, None),
        (unknown, true, None),
    ] {
        let retry = policy.plan(&ask, allowed);
        let attempts = if why_not.is_some() { 1 } else { 2 };
        assert_eq!((retry.why_not, retry.plan.attempts), (why_not, attempts));
        assert_eq!(retry.plan.hops.len(), usize::from(attempts));
        let retries = (attempts - 1).to_string();
        assert_eq!(header(&retry, "max-retries"), Some(retries.as_str()));
        assert_eq!(header(&retry, "retry-on").is_some(), why_not.is_none());
    }
}

#[test]
fn a_request_that_is_sent_once_anyway_is_denied_nothing() {
    let hops = chain(&["gpu-a"]);
    let policy = policy(json!({"along": "fallback"}));
    assert_eq!(policy.at_stake(&ask(&hops)), 0);
    let retry = policy.plan(&ask(&hops), false);
    assert_eq!((retry.plan.attempts, retry.why_not), (1, None));
}

#[test]
fn along_a_chain_there_are_as_many_attempts_as_members_and_in_a_pool_as_many_as_configured() {
    let hops = chain(&["gpu-a", "gpu-b", "provider", "last"]);
    for (along, members, attempts, ways) in [
        ("fallback", 1, 1, 1),
        ("fallback", 2, 2, 2),
        ("fallback", 4, 3, 3),
        ("pool", 1, 3, 1),
        ("pool", 4, 3, 1),
    ] {
        let policy = policy(json!({"along": along}));
        let ask = ask(&hops[..members]);
        let plan = policy.plan(&ask, true).plan;
        assert_eq!((plan.attempts, plan.hops.len()), (attempts, ways), "{along} {members}");
        assert_eq!(policy.at_stake(&ask), if attempts > 1 { 1_000 } else { 0 });
    }
}

#[test]
fn each_class_has_its_own_statuses_and_those_without_are_rewritten_to_503() {
    let none = json!({"rate_limited": "fail", "overloaded": "fail", "server_error": "fail", "timeout": "fail"});
    let hops = chain(&["gpu-a"]);
    let codes = |class: Option<&str>| {
        let mut classes = none.clone();
        if let Some(class) = class {
            classes[class] = "next".into();
        }
        let retry = policy(json!({"classes": classes})).plan(&ask(&hops), true);
        let going_on: Vec<Class> =
            Class::ALL.into_iter().filter(|class| retry.plan.goes_on.has(*class)).collect();
        assert_eq!(going_on.iter().map(|c| c.as_str()).next(), class);
        header(&retry, "retriable-status-codes").map(str::to_owned)
    };
    for (class, expected) in [
        ("rate_limited", "429,503"),
        ("overloaded", "503,529"),
        ("server_error", "500,501,502,503"),
        ("timeout", "408,503,504"),
        ("context_length", "503"),
        ("content_policy", "503"),
        ("authentication", "401,403,503"),
    ] {
        assert_eq!(codes(Some(class)).as_deref(), Some(expected));
    }
    assert_eq!(codes(None), None);
}

#[test]
fn the_names_of_events_are_envoys() {
    let names = [
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
    ];
    let hops = chain(&["gpu-a"]);
    let retry = policy(json!({"on": names})).plan(&ask(&hops), true);
    assert_eq!(header(&retry, "retry-on"), Some(names.join(",").as_str()));
    let error = serde_json::from_value::<RawRetry>(json!({"on": ["gateway_error"]})).unwrap_err();
    assert!(
        error.to_string().starts_with("unknown variant `gateway_error`, expected one of `5xx`")
    );
}

#[test]
fn hedging_is_told_to_envoy_only_when_it_is_on() {
    let hops = chain(&["gpu-a"]);
    let retry = policy(json!({"hedge_on_per_try_timeout": true})).plan(&ask(&hops), true);
    assert_eq!(header(&retry, "hedge-on-per-try-timeout"), Some("true"));
}

#[test]
fn every_header_is_one_that_a_client_could_have_sent() {
    let hops = chain(&["gpu-a"]);
    let retry = policy(json!({"hedge_on_per_try_timeout": true})).plan(&ask(&hops), true);
    for (name, _) in retry.headers {
        assert!(STEERING.contains(&name), "{name}");
    }
}

#[test]
fn what_contradicts_itself_or_never_ends_is_refused() {
    let refused = |retry, per_try, expected: &str| {
        assert_eq!(build(retry, per_try).unwrap_err().to_string(), expected);
    };
    refused(
        json!({"attempts": 0}),
        json!({}),
        "retry.attempts: found `0`; allowed 1 to 16; 1 sends every request once",
    );
    refused(
        json!({"statuses": [409, 200]}),
        json!({}),
        "retry.statuses[1]: found `200`; allowed 400 to 599; remove it",
    );
    refused(
        json!({"statuses": [401]}),
        json!({}),
        "retry.statuses[0]: found `401`, and classes.authentication is `fail`; allowed one of the two; remove it, or set classes.authentication to `next`",
    );
    refused(
        json!({"budget_window": "1d"}),
        json!({}),
        "retry.budget_window: found `1d`; allowed 1s to 1h; lower it",
    );
    refused(
        json!({}),
        json!({"at_most": "0s"}),
        "per_try_timeout.at_most: found `0us`; allowed 1ms to 1h; raise it",
    );
}

proptest! {
    #[test]
    fn whatever_is_at_stake_the_limits_are_limits(
        prompt_tokens: u64, output_tokens: Option<u64>, stream: bool, body_bytes: Option<u64>,
        members in prop_oneof![0_usize..4, 0_usize..300], allowed: bool, attempts in 1_u8..=16, is_chain: bool,
    ) {
        let along = if is_chain { "fallback" } else { "pool" };
        let policy = policy(json!({"attempts": attempts, "along": along}));
        let hops = vec!["gpu-a".to_owned(); members];
        let ask = Ask { prompt_tokens, output_tokens, stream, hops: &hops, body_bytes };
        let retry = policy.plan(&ask, allowed);
        let number = |name: &str| header(&retry, name).unwrap().parse::<u64>().unwrap();
        let (per_try, all) =
            (number("upstream-rq-per-try-timeout-ms"), number("upstream-rq-timeout-ms"));
        prop_assert!((2_000..=300_000).contains(&per_try));
        let tries = u64::from(retry.plan.attempts);
        prop_assert_eq!(number("max-retries") + 1, tries);
        prop_assert_eq!(all == 0, stream);
        prop_assert!(stream || all >= per_try * tries);
        prop_assert!(tries >= 1 && tries <= u64::from(attempts));
        prop_assert!(!is_chain || tries <= members.max(1) as u64);
        prop_assert!(tries == 1 || policy.at_stake(&ask) == prompt_tokens);
    }

    #[test]
    fn more_tokens_never_have_less_time(
        prompt in 0_u64..200_000, output in 0_u64..20_000, more in 0_u64..100_000, stream: bool,
    ) {
        let policy = policy(json!({}));
        let time = |prompt_tokens, output| {
            let output_tokens = Some(output);
            let ask = Ask { prompt_tokens, output_tokens, stream, hops: &[], body_bytes: None };
            policy.limits.per_try(&ask)
        };
        prop_assert!(time(prompt, output) <= time(prompt + more, output));
        prop_assert!(time(prompt, output) <= time(prompt, output + more));
    }
}
