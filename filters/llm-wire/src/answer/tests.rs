//! What answers say, however they are cut.

use super::*;

mod odd;
mod opening;
mod removal;

/// What became of an answer: the facts, how often something was generated, and the bytes that went on.
type Read = (AnswerFacts, u64, Vec<u8>);

fn read<'a>(framing: Framing, removing: bool, pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut scanner = AnswerScanner::new(framing);
    if removing {
        scanner = scanner.removing_usage();
    }
    let (mut calls, mut out) = (0, Vec::new());
    for piece in pieces {
        let changed = scanner.feed(piece, &mut || calls += 1);
        out.extend(changed.as_deref().unwrap_or(piece));
    }
    out.extend(scanner.finish().unwrap_or_default());
    (scanner.facts(), calls, out)
}

/// The same, which must not depend on how the answer is cut.
fn in_any_pieces(framing: Framing, removing: bool, answer: &[u8]) -> Read {
    let whole = read(framing, removing, [answer].into_iter());
    for size in [1, 2, 3, 7] {
        let cut = read(framing, removing, answer.chunks(size));
        assert_eq!(cut, whole, "in pieces of {size}: {}", answer.escape_ascii());
    }
    for at in 0..=answer.len() {
        let (a, b) = answer.split_at(at);
        let cut = read(framing, removing, [a, b].into_iter());
        assert_eq!(cut, whole, "cut at {at}: {}", answer.escape_ascii());
    }
    assert_eq!(whole.0.generated_events, whole.1);
    if whole.0.removed == 0 {
        assert_eq!(whole.2.escape_ascii().to_string(), answer.escape_ascii().to_string());
    }
    whole
}

fn events(stream: &str) -> AnswerFacts {
    in_any_pieces(Framing::Events, true, stream.as_bytes());
    in_any_pieces(Framing::Events, false, stream.as_bytes()).0
}

fn json(body: &str) -> AnswerFacts {
    in_any_pieces(Framing::Json, true, body.as_bytes()).0
}

/// The stream that the client gets.
fn passed(stream: &str) -> (String, u32) {
    let (facts, _, out) = in_any_pieces(Framing::Events, true, stream.as_bytes());
    (String::from_utf8(out).unwrap(), facts.removed)
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn chunk(choices: &str, rest: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{choices}]{rest}}}\n\n"
    )
}

fn delta(delta: &str) -> String {
    chunk(&format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":null}}"#), r#","usage":null"#)
}

#[test]
fn a_chat_stream_tells_what_it_generated_why_it_ended_and_what_it_cost() {
    let stream = [
        delta(r#""role":"assistant","content":"""#),
        ": keep-alive\n\n".to_owned(),
        delta(r#""content":"Hel""#),
        delta(r#""content":"lo""#),
        chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, ""),
        chunk(
            "",
            r#","usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":2}}"#,
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    let facts = events(&stream.concat());
    let wanted =
        Usage { cached_input: 4, reasoning: 5, input_audio: 1, output_audio: 2, ..usage(11, 7) };
    assert_eq!(facts.usage, Some(wanted));
    assert_eq!(facts.finish, Some(FinishReason::Stop));
    assert!(facts.is_complete && !facts.has_error);
    assert_eq!((facts.generated_events, facts.resyncs), (2, 0));
    assert_eq!(facts.generated.tokens, 1);
    let (passed, removed) = passed(&stream.concat());
    assert_eq!(removed, 1);
    let [a, b, c, d, e, _, f] = stream;
    assert_eq!(passed, [a, b, c, d, e, f].concat());
}

#[test]
fn every_channel_of_output_is_generated_and_nothing_else() {
    for (said, count) in [
        (r#""content":"x""#, 1),
        (r#""content":"""#, 0),
        (r#""content":null"#, 0),
        (r#""role":"assistant""#, 0),
        (r#""content":[{"type":"text","text":"x"}]"#, 1),
        (r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]}]"#, 1),
        (r#""reasoning_content":"x""#, 1),
        (r#""reasoning":"x""#, 1),
        (r#""refusal":"x""#, 1),
        (r#""tool_calls":[{"index":0,"id":"call","function":{"name":"f","arguments":""}}]"#, 1),
        (r#""tool_calls":[{"index":0,"function":{"arguments":"{"}}]"#, 1),
        (r#""tool_calls":[{"index":0,"function":{"arguments":""}}]"#, 0),
        (r#""tool_calls":[{"custom":{"input":"x"}}]"#, 1),
        (r#""function_call":{"name":"f"}"#, 1),
        (r#""audio":{"id":"a","transcript":"x"}"#, 1),
        (r#""audio":{"data":"QUJD"}"#, 1),
        (r#""audio":{"id":"a","expires_at":1}"#, 0),
        (r#""obfuscation":"x","logprobs":{"content":[{"token":"x"}]}"#, 0),
    ] {
        assert_eq!(events(&delta(said)).generated_events, count, "{said}");
    }
    let text = chunk(r#"{"index":0,"text":"x"}"#, "");
    assert_eq!(events(&text).generated_events, 1);
    let message = chunk(r#"{"message":{"content":"x"},"finish_reason":"stop"}"#, "");
    assert_eq!(events(&message).generated_events, 0, "said before");
}

#[test]
fn reasoning_under_two_names_is_counted_once() {
    let text = "some words that are thought";
    let one = events(&delta(&format!(r#""reasoning":"{text}""#))).generated;
    let both = format!(r#""reasoning":"{text}","reasoning_content":"{text}""#);
    assert_eq!(events(&delta(&both)).generated, one);
    let null = format!(r#""reasoning":null,"reasoning_content":"{text}""#);
    assert_eq!(events(&delta(&null)).generated, one);
}

#[test]
fn an_anthropic_stream_reports_at_its_beginning_and_at_its_end() {
    let stream = [
        r#"{"type":"message_start","message":{"id":"m","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":2000,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream = stream.map(|data| format!("event: x\r\ndata: {data}\r\n\r\n")).concat();
    let facts = events(&stream);
    let wanted = Usage { cached_input: 2000, cache_creation_input: 100, ..usage(2125, 15) };
    assert_eq!(facts.usage, Some(wanted));
    assert_eq!(facts.finish, Some(FinishReason::ToolCalls));
    assert!(facts.is_complete && !facts.has_error);
    assert_eq!((facts.generated_events, facts.removed), (4, 0));
}

#[test]
fn a_responses_stream_repeats_itself_and_is_counted_once() {
    let item = r#"{"type":"function_call","name":"weather","arguments":""}"#;
    let stream = [
        r#"{"type":"response.created","response":{"status":"in_progress","usage":null,"error":null}}"#.to_owned(),
        r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#.to_owned(),
        r#"{"type":"response.output_text.delta","delta":"Hello there"}"#.to_owned(),
        r#"{"type":"response.output_text.done","text":"Hello there"}"#.to_owned(),
        r#"{"type":"response.content_part.done","part":{"type":"output_text","text":"Hello there"}}"#.to_owned(),
        r#"{"type":"response.reasoning_summary_text.delta","delta":"Hm"}"#.to_owned(),
        format!(r#"{{"type":"response.output_item.added","item":{item}}}"#),
        r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#.to_owned(),
        format!(r#"{{"type":"response.output_item.done","item":{item}}}"#),
        r#"{"type":"response.completed","response":{"status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hello there"}]}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":8,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":17}}}"#.to_owned(),
    ];
    let stream = stream.map(|data| format!("event: x\ndata: {data}\n\n")).concat();
    let facts = events(&stream);
    assert_eq!(facts.usage, Some(Usage { cached_input: 3, reasoning: 2, ..usage(9, 8) }));
    assert_eq!((facts.generated_events, facts.finish), (4, Some(FinishReason::Stop)));
    assert!(facts.is_complete && !facts.has_error);
    assert!(facts.generated.tokens < 12, "once: {:?}", facts.generated);
}

#[test]
fn a_response_that_does_not_come_to_its_end_says_so() {
    let incomplete = r#"data: {"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let facts = events(&format!("{incomplete}\n\n"));
    assert_eq!((facts.finish, facts.has_error), (Some(FinishReason::Length), false));
    let failed = r#"data: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"}}}"#;
    let facts = events(&format!("{failed}\n\n"));
    assert_eq!((facts.finish, facts.has_error, facts.is_complete), (None, true, true));
    let sound = r#"data: {"delta":"QUJDQUJDQUJDQUJD","type":"response.audio.delta"}"#;
    let facts = events(&format!("{sound}\n\n"));
    assert_eq!((facts.generated_events, facts.generated.tokens), (1, 0));
}

#[test]
fn errors_inside_a_stream_are_seen_however_they_are_written() {
    for (error, has_error) in [
        (r#"data: {"error":{"message":"x"}}"#, true),
        (r#"data: {"error":"x"}"#, true),
        (r#"data: {"error":""}"#, false),
        (r#"data: {"error":null}"#, false),
        (r#"data: {"object":"error","message":"x"}"#, true),
        (r#"data: {"type":"error","error":{"type":"overloaded_error"}}"#, true),
        (r#"error: {"code":500}"#, true),
        (r#"errors: {"code":500}"#, false),
        (r#"data: {"choices":[{"delta":{"content":"error"}}]}"#, false),
    ] {
        assert_eq!(events(&format!("{error}\n\n")).has_error, has_error, "{error}");
    }
    assert!(json(r#"{"error":{"message":"x"}}"#).has_error);
    assert!(json(r#"{"type":"error"}"#).has_error);
    assert!(!json(r#"{"error":{"message":"x"}"#).has_error, "cut short");
}

#[test]
fn bodies_tell_the_same_as_streams() {
    let chat = json(
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"The answer is 42, more or less","reasoning_content":"Hm"},"finish_reason":"length"}],"usage":{"prompt_tokens":42,"completion_tokens":7}}"#,
    );
    assert_eq!((chat.usage, chat.finish), (Some(usage(42, 7)), Some(FinishReason::Length)));
    assert!(chat.is_complete && chat.generated.tokens >= 7 && chat.generated_events == 0);
    let messages = json(
        r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hello"},{"type":"tool_use","name":"f","input":{"a":[1,"b"]}}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":3,"cache_read_input_tokens":5}}"#,
    );
    assert_eq!(messages.usage, Some(Usage { cached_input: 5, ..usage(12, 3) }));
    assert_eq!(messages.finish, Some(FinishReason::Stop));
    assert!(messages.generated.tokens > 8, "{:?}", messages.generated);
    let response = json(
        r#"{"object":"response","status":"completed","error":null,"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]},{"type":"message","content":[{"type":"output_text","text":"Hello"}]},{"type":"function_call","name":"f","arguments":"{}"}],"usage":{"input_tokens":9,"output_tokens":1}}"#,
    );
    assert_eq!((response.usage, response.finish), (Some(usage(9, 1)), Some(FinishReason::Stop)));
    assert!(!response.has_error && response.generated.tokens > 5);
    let embeddings = json(
        r#"{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
    );
    assert_eq!(embeddings.usage, Some(Usage { input: Some(8), ..Usage::default() }));
    assert_eq!(embeddings.generated.tokens, 0);
}

#[test]
fn the_words_of_other_servers_are_understood() {
    let report = |usage: &str| json(&format!(r#"{{"usage":{usage}}}"#)).usage;
    let deepseek = r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#;
    assert_eq!(report(deepseek), Some(Usage { cached_input: 4, ..usage(9, 2) }));
    let sglang = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":null,"reasoning_tokens":3}"#;
    assert_eq!(report(sglang), Some(Usage { reasoning: 3, ..usage(9, 5) }));
    let xai = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":24,"completion_tokens_details":{"reasoning_tokens":10}}"#;
    assert_eq!(report(xai), Some(Usage { reasoning: 10, ..usage(9, 15) }));
    let groq = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}"#;
    assert_eq!(events(&format!("{groq}\n\n")).usage, Some(usage(3, 4)));
}
