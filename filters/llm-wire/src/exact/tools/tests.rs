use crate::{
    Api, Encoding, ExactCounter, Progress, RequestScanner, ScanLimits, TokenCount, TokenSource,
};

/// The request of OpenAI's cookbook with one tool, and its definition.
const MESSAGES: &str = r#"{"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
    {"role": "user", "content": "What's the weather like in San Francisco?"}"#;
const WEATHER: &str = r#"{"type": "function", "function": {"name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {"type": "object", "properties": {
        "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
        "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]}},
    "required": ["location"]}}}"#;

fn request(tools: &str) -> String {
    format!(r#"{{"model": "gpt-4o", "messages": [{MESSAGES}], "tools": [{tools}]}}"#)
}

fn count(encoding: Encoding, body: &[u8], at: usize) -> TokenCount {
    let sink = ExactCounter::new(encoding).unwrap();
    let mut scanner = RequestScanner::with_sink(Api::OpenAiChat, ScanLimits::default(), sink);
    let (first, second) = body.split_at(at);
    scanner.feed(first);
    let certain = scanner.sink().certain();
    assert_eq!(scanner.feed(second), Progress::Complete);
    let count = scanner.into_facts().prompt;
    assert!(certain <= count.tokens, "what is certain stays: {certain} of {count:?}");
    count
}

fn tools(definitions: &str) -> TokenCount {
    count(Encoding::O200kBase, request(definitions).as_bytes(), 0)
}

#[test]
fn a_published_request_with_a_tool_counts_as_the_servers_reported_at_every_split() {
    let body = request(WEATHER);
    for (encoding, tokens) in [(Encoding::O200kBase, 101), (Encoding::Cl100kBase, 105)] {
        let reported = TokenCount { tokens, error_percent: 0, source: TokenSource::Exact };
        for at in 0..=body.len() {
            assert_eq!(count(encoding, body.as_bytes(), at), reported, "{encoding:?}, cut at {at}");
        }
    }
}

#[test]
fn the_order_of_members_escapes_and_a_final_full_stop_do_not_matter() {
    let others = [
        r#"{"function": {"parameters": {"required": ["location"], "properties": {
            "location": {"description": "The city and state, e.g. San Francisco, CA", "type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"], "description": "The unit of temperature to return", "type": "string"}},
            "type": "object"}, "description": "Get the current weather in a given location",
            "name": "get_current_weather"}, "type": "function"}"#
            .to_owned(),
        WEATHER.replace("location\"", r#"loc\u0061tion""#),
        WEATHER.replace("to return", "to return.").replace("given location", "given location."),
    ];
    for other in others {
        assert_eq!(tools(&other), tools(WEATHER), "{other}");
    }
}

#[test]
fn each_function_is_counted_and_the_end_of_the_list_once() {
    let bare = r#"{"type": "function", "function": {"name": "f", "description": "g",
        "parameters": {"type": "object", "properties": {}}}}"#;
    let none = tools("").tokens;
    // `f` and `:g` are a token each.
    assert_eq!(tools(bare).tokens, none + 7 + 2 + 12);
    let two = tools(&format!("{bare}, {bare}"));
    assert_eq!((two.tokens, two.source), (none + 2 * (7 + 2) + 12, TokenSource::Exact));
}

#[test]
fn what_the_rule_does_not_know_is_counted_as_text_and_the_count_an_estimate() {
    let deep = "[".repeat(20) + &"]".repeat(20);
    let cases = [
        WEATHER.replace(r#""type": "function""#, r#""type": "custom""#),
        WEATHER.replace(r#""type": "function", "#, ""),
        WEATHER.replace(r#""type": "function""#, r#""type": "function", "type": "function""#),
        WEATHER.replace(r#""type": "object", "#, ""),
        WEATHER.replace(r#""required": ["location"]"#, r#""additionalProperties": false"#),
        WEATHER.replace(r#""required": ["location"]"#, &format!(r#""required": {deep}"#)),
        WEATHER.replace(r#""unit": {"type": "string""#, r#""unit": {"type": "array""#),
        WEATHER.replace(r#""unit": {"type": "string""#, r#""unit": {"type": ["string", "null"]"#),
        WEATHER.replace(r#""unit": {"#, r#""unit": {"type": "string", "#),
        WEATHER.replace(r#""celsius""#, "1"),
        WEATHER.replace(r#""description": "The unit of temperature to return", "#, ""),
        WEATHER.replace("The unit", &"very long ".repeat(1000)),
        WEATHER.replace(r#""celsius""#, &[r#""celsius""#; 4000].join(",")),
        r#"{"type": "web_search"}"#.to_owned(),
        r#"{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}"#
            .to_owned(),
    ];
    for case in cases {
        assert_ne!(case, WEATHER);
        let count = tools(&case);
        assert_eq!(count.source, TokenSource::Estimated, "{case}");
        let without = tools("").tokens;
        assert!(count.tokens > without && count.error_percent > 0, "{count:?} {case}");
    }
}

#[test]
fn a_tool_with_a_price_beside_one_without_keeps_its_price() {
    let unknown = r#"{"type": "web_search"}"#;
    let (both, priced) = (tools(&format!("{WEATHER}, {unknown}")), tools(WEATHER));
    let alone = tools(unknown).tokens - tools("").tokens;
    assert_eq!((both.tokens, both.source), (priced.tokens + alone, TokenSource::Estimated));
}
