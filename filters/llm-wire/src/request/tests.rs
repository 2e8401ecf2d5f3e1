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
