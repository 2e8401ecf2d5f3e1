use super::*;

fn scan(api: Api, body: &str) -> (Progress, RequestFacts) {
    let mut scanner = RequestScanner::new(api, ScanLimits::default());
    scanner.feed(body.as_bytes());
    (scanner.finish(), scanner.into_facts())
}

fn facts(api: Api, body: &str) -> RequestFacts {
    let (progress, facts) = scan(api, body);
    assert_eq!(progress, Progress::Complete, "{body}");
    facts
}

fn chat(body: &str) -> RequestFacts {
    facts(Api::OpenAiChat, body)
}

#[test]
fn a_chat_request_tells_what_it_is() {
    let facts = chat(
        r#"{"model":"gpt-4.1","stream":true,"stream_options":{"include_usage":true},"n":2,
        "max_tokens":5,"max_completion_tokens":7,"tools":[{"type":"function"}],
        "messages":[{"role":"user","content":[{"type":"text","text":"hi"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
    );
    assert_eq!(facts.model.as_deref(), Some("gpt-4.1"));
    assert_eq!((facts.stream, facts.include_usage), (Some(true), Some(true)));
    assert_eq!((facts.max_output_tokens, facts.n), (Some(7), Some(2)));
    assert!(facts.has_tools && facts.has_images && !facts.has_duplicate_keys);
}

#[test]
fn names_mean_something_only_at_their_depth() {
    let facts = chat(
        r#"{"metadata":{"model":"a","stream":true,"max_tokens":1,"n":3,"tools":[{}]},
        "messages":[{"role":"user","content":"{\"model\":\"b\",\"stream\":true}","model":"c"}]}"#,
    );
    assert_eq!(facts.model, None);
    assert_eq!((facts.stream, facts.max_output_tokens, facts.n), (None, None, None));
    assert!(!facts.has_tools);
}

#[test]
fn facts_are_there_as_soon_as_their_bytes_are() {
    let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
    assert_eq!(scanner.feed(b"{\"model\":\"gpt"), Progress::Reading);
    assert_eq!(scanner.facts().model, None);
    scanner.feed(b"-4.1\"");
    assert_eq!(scanner.facts().model.as_deref(), Some("gpt-4.1"));
    scanner.feed(b",\"messages\":[{\"role\":\"user\",\"content\":\"one two three four");
    assert!(scanner.facts().prompt.tokens >= 4, "{:?}", scanner.facts().prompt);
    assert_eq!(scanner.facts().bytes_read, 75);
}

#[test]
fn completions_and_embeddings_take_text_and_token_numbers() {
    for (api, field) in [(Api::OpenAiCompletions, "prompt"), (Api::OpenAiEmbeddings, "input")] {
        let tokens = |value: &str| {
            let body = format!(r#"{{"model":"m","{field}":{value},"max_tokens":9,"n":2}}"#);
            facts(api, &body).prompt.tokens
        };
        let one = tokens(r#""how are you""#);
        assert!((2..=5).contains(&one), "{one}");
        assert_eq!(tokens(r#"["how are you"]"#), one);
        assert!(tokens(r#"["how are you","how are you"]"#) >= 2 * one - 1);
        assert_eq!(tokens("[1,2,300]"), 3);
        assert_eq!(tokens("[[1,2],[3]]"), 3);
        assert_eq!(tokens("null"), 0);
    }
    let limits = |api| {
        let facts = facts(api, r#"{"max_tokens":9,"n":2,"stream":true}"#);
        (facts.max_output_tokens, facts.n, facts.stream)
    };
    assert_eq!(limits(Api::OpenAiCompletions), (Some(9), Some(2), Some(true)));
    assert_eq!(limits(Api::OpenAiEmbeddings), (None, None, None));
}

fn responses(body: &str) -> RequestFacts {
    facts(Api::OpenAiResponses, body)
}

#[test]
fn a_responses_request_tells_what_it_is() {
    let facts = responses(
        r#"{"model":"gpt-4.1","instructions":"Be brief.","max_output_tokens":50,"max_tokens":1,
        "previous_response_id":"resp_1","tools":[{"type":"web_search"}],
        "input":[{"role":"user","content":[{"type":"input_text","text":"What is this?"},
        {"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},
        {"type":"function_call_output","call_id":"c","output":"42"}]}"#,
    );
    assert_eq!(facts.max_output_tokens, Some(50));
    assert!(facts.has_images && facts.has_tools && facts.has_stored_context);
    let short = responses(r#"{"input":"What is this?"}"#);
    assert!((6..=10).contains(&short.prompt.tokens) && !short.has_stored_context);
}

#[test]
fn an_anthropic_request_tells_what_it_is() {
    let body = |system: &str| {
        format!(
            r#"{{"model":"claude-sonnet-4","max_tokens":1024,"system":{system},"stream":false,
            "tools":[{{"name":"f","input_schema":{{"type":"object"}}}}],"messages":[
            {{"role":"user","content":[{{"type":"image","source":{{"type":"base64","data":"{}"}}}},
            {{"type":"tool_result","content":[{{"type":"text","text":"done"}}]}}]}}]}}"#,
            "QUJD".repeat(1000)
        )
    };
    let text = facts(Api::AnthropicMessages, &body(r#""You are terse and kind.""#));
    let parts = facts(
        Api::AnthropicMessages,
        &body(r#"[{"type":"text","text":"You are terse and kind."}]"#),
    );
    assert_eq!(text.model.as_deref(), Some("claude-sonnet-4"));
    assert_eq!((text.max_output_tokens, text.stream), (Some(1024), Some(false)));
    assert!(text.has_images && text.has_tools);
    assert_eq!(text.prompt, parts.prompt);
    // An image of unknown size, and no 2,000 tokens of base64.
    assert!((1_369..1_420).contains(&text.prompt.tokens), "{:?}", text.prompt);
}

#[test]
fn a_plain_text_document_is_text_and_a_pdf_is_not() {
    let tokens = |kind: &str| {
        let text = "a plain word ".repeat(100);
        let body = format!(
            r#"{{"messages":[{{"content":[{{"type":"document","source":
            {{"type":"{kind}","data":"{text}"}}}}]}}]}}"#
        );
        let facts = facts(Api::AnthropicMessages, &body);
        (facts.prompt.tokens > 200, facts.has_media)
    };
    assert_eq!((tokens("text"), tokens("base64").1), ((true, false), true));
}

#[test]
fn tools_are_there_only_if_the_list_has_some() {
    assert!(!chat(r#"{"tools":[]}"#).has_tools);
    assert!(!chat(r#"{"tools":null}"#).has_tools);
    assert!(chat(r#"{"functions":[{"name":"f"}]}"#).has_tools);
    let tool = r#"{"tools":[{"type":"function","function":{"name":"get_weather",
        "description":"The weather at a place","parameters":{"model":{"type":"object"}}}}]}"#;
    assert!(chat(tool).prompt.tokens > 15, "definitions are part of the prompt");
}

#[test]
fn the_last_of_duplicate_keys_wins_and_is_told() {
    let facts = chat(r#"{"model":"a","model":"b","stream":true,"stream":null}"#);
    assert_eq!((facts.model.as_deref(), facts.stream), (Some("b"), None));
    assert!(facts.has_duplicate_keys);
    let facts = chat(r#"{"stream_options":{"include_usage":true},"stream_options":{}}"#);
    assert_eq!(facts.include_usage, None);
    assert!(facts.has_duplicate_keys);
    let facts = chat(r#"{"max_tokens":5,"\u006dax_tokens":"x"}"#);
    assert_eq!((facts.max_output_tokens, facts.has_duplicate_keys), (None, true));
    let messages = r#""messages":[{"content":"one two three"}]"#;
    let twice = chat(&format!("{{{messages},{messages}}}"));
    assert!(twice.has_duplicate_keys);
    let once = chat(&format!("{{{messages}}}")).prompt.tokens;
    assert!(twice.prompt.tokens >= 2 * once - 1, "both are counted");
    assert!(!chat(r#"{"messages":[{"model":"a"},{"model":"b"}]}"#).has_duplicate_keys);
}

#[test]
fn values_of_the_wrong_type_count_as_absent() {
    let facts = chat(
        r#"{"model":7,"stream":"true","stream_options":[true],"n":-1,"max_tokens":1.5,
        "messages":"x","tools":{"a":1}}"#,
    );
    assert_eq!(facts.model, None);
    assert_eq!((facts.stream, facts.include_usage), (None, None));
    assert_eq!((facts.n, facts.max_output_tokens), (None, None));
    assert!(!facts.has_tools && facts.prompt.tokens == 0);
}

#[test]
fn numbers_too_large_are_the_largest() {
    let facts = chat(r#"{"max_tokens":1e400,"n":99999999999999999999999}"#);
    assert_eq!((facts.max_output_tokens, facts.n), (Some(u64::MAX), Some(u64::MAX)));
}

#[test]
fn the_model_is_decoded_and_bounded() {
    assert_eq!(chat(r#"{"model":"a\u002fb\ud83d\ude00"}"#).model.as_deref(), Some("a/b😀"));
    assert_eq!(chat(r#"{"model":"a\ud83db"}"#).model.as_deref(), Some("a\u{fffd}b"));
    let facts = chat(&format!(r#"{{"model":"{}"}}"#, "m".repeat(256)));
    assert_eq!((facts.model.map(|model| model.len()), facts.model_too_long), (Some(256), false));
    let facts = chat(&format!(r#"{{"model":"{}"}}"#, "m".repeat(257)));
    assert_eq!((facts.model, facts.model_too_long), (None, true));
    let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
    scanner.feed(b"{\"model\":\"a\xff\"}");
    assert_eq!(scanner.facts().model.as_deref(), Some("a\u{fffd}"));
}

#[test]
fn a_malformed_body_keeps_the_facts_seen_before() {
    let (progress, facts) = scan(Api::OpenAiChat, r#"{"model":"m","n":2}} {"n":3}"#);
    assert_eq!(progress, Progress::Malformed { at: 19, why: Malformed::TrailingBytes });
    assert_eq!((facts.model.as_deref(), facts.n, facts.bytes_read), (Some("m"), Some(2), 19));
    let (progress, facts) = scan(Api::OpenAiChat, r#"{"model":"m","n":"#);
    assert_eq!(progress, Progress::Malformed { at: 17, why: Malformed::Truncated });
    assert_eq!(facts.model.as_deref(), Some("m"));
    assert_eq!(
        scan(Api::OpenAiChat, "").0,
        Progress::Malformed { at: 0, why: Malformed::Truncated }
    );
}

#[test]
fn after_a_malformed_byte_nothing_is_read() {
    let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
    let bad = scanner.feed(b"{]");
    assert_eq!(bad, Progress::Malformed { at: 1, why: Malformed::UnexpectedByte });
    assert_eq!(scanner.feed(b"\"model\":\"m\"}"), bad);
    assert_eq!(scanner.finish(), bad);
    let facts = scanner.facts();
    assert_eq!((facts.model.as_deref(), facts.bytes_read), (None, 1));
}

#[test]
fn nesting_is_limited_by_the_argument() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(scan(Api::OpenAiChat, &nested(999)).0, Progress::Complete);
    let too_deep = Progress::Malformed { at: 1004, why: Malformed::TooDeep };
    assert_eq!(scan(Api::OpenAiChat, &nested(1000)).0, too_deep);
    let limits = ScanLimits { max_depth: 2, ..ScanLimits::default() };
    let mut scanner = RequestScanner::new(Api::OpenAiChat, limits);
    let progress = scanner.feed(b"{\"messages\":[{");
    assert_eq!(progress, Progress::Malformed { at: 13, why: Malformed::TooDeep });
}

#[test]
fn a_byte_order_mark_and_whitespace_around_the_body_are_fine() {
    assert_eq!(chat("\u{feff}\r\n {\"n\" : 2}\n ").n, Some(2));
}

#[test]
fn a_scanner_is_small_whatever_it_has_read() {
    let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
    scanner.feed(b"{\"messages\":[");
    for _ in 0..10_000 {
        scanner.feed(br#"{"role":"user","content":[{"type":"text","text":"word \u4e2d \\ "}]},"#);
    }
    let allocated = scanner.facts().model.as_ref().map_or(0, String::capacity);
    assert_eq!(allocated, 0);
    assert!(size_of_val(&scanner) < 2_048, "{}", size_of_val(&scanner));
}

#[test]
fn what_costs_tokens_by_no_published_rule_is_noticed() {
    let unpriced = |api: Api, body: &str| {
        let mut scanner = RequestScanner::new(api, ScanLimits::default());
        for byte in body.as_bytes() {
            scanner.feed(&[*byte]);
        }
        assert_eq!(scanner.finish(), Progress::Complete, "{body}");
        scanner.into_facts().has_unpriced
    };
    let chat = |rest: &str| unpriced(Api::OpenAiChat, &format!(r#"{{"model":"m",{rest}}}"#));
    let responses = |rest: &str| unpriced(Api::OpenAiResponses, &format!("{{{rest}}}"));
    let messages = |rest: &str| unpriced(Api::AnthropicMessages, &format!("{{{rest}}}"));

    let schema = r#""response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#;
    assert!(chat(schema));
    assert!(!chat(r#""response_format":{"type":"json_object"}"#));
    assert!(chat(r#""messages":[{"role":"assistant","audio":{"id":"a"}}]"#));
    assert!(!chat(r#""messages":[{"role":"assistant","audio":null,"content":"hi"}]"#));
    assert!(chat(r#""messages":[{"role":"user","content":[{"type":"video","video":["u"]}]}]"#));
    assert!(responses(r#""text":{"format":{"type":"json_schema","schema":{}}}"#));
    assert!(!responses(r#""text":{"format":{"type":"text"},"verbosity":"low"}"#));
    assert!(responses(r#""input":[{"type":"reasoning","encrypted_content":"x"}]"#));
    assert!(responses(r#""input":[{"type":"item_reference","id":"x"}]"#));
    let redacted = r#"[{"type":"redacted_thinking","data":"x"}]"#;
    assert!(messages(&format!(r#""messages":[{{"role":"assistant","content":{redacted}}}]"#)));
    assert!(!messages(r#""messages":[{"role":"user","content":"json_schema"}]"#));
}
