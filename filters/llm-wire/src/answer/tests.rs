use super::*;

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
    out.extend(scanner.finish(&mut || calls += 1).unwrap_or_default());
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

#[test]
fn what_is_no_count_is_not_believed() {
    let report = |usage: &str| json(&format!(r#"{{"usage":{usage}}}"#)).usage;
    for count in ["-1", "1e30", "4294967296", "1.5", "\"7\"", "null", "[7]", "{}", "true"] {
        assert_eq!(report(&format!(r#"{{"prompt_tokens":{count}}}"#)), None, "{count}");
        let twice = format!(r#"{{"prompt_tokens":7,"prompt_tokens":{count}}}"#);
        assert_eq!(report(&twice), None, "the last wins: {count}");
    }
    assert_eq!(report(r#"{"prompt_tokens":1e2,"completion_tokens":-1}"#).unwrap().output, None);
    let detail = r#"{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":3},"prompt_tokens_details":{}}"#;
    assert_eq!(report(detail).unwrap().cached_input, 0);
    let more = r#"{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":9}}"#;
    assert_eq!(report(more).unwrap().cached_input, 5, "a part");
}

#[test]
fn a_null_erases_the_usage_of_its_own_object_only() {
    let reported = r#"{"prompt_tokens":5,"completion_tokens":1}"#;
    assert_eq!(json(&format!(r#"{{"usage":{reported},"usage":null}}"#)).usage, None);
    assert_eq!(json(&format!(r#"{{"usage":null,"usage":{reported}}}"#)).usage, Some(usage(5, 1)));
    let running = format!(
        "{}{}{}",
        chunk("", r#","usage":{"prompt_tokens":5,"completion_tokens":1}"#),
        chunk("", r#","usage":null"#),
        chunk("", r#","usage":{"prompt_tokens":5,"completion_tokens":2}"#),
    );
    assert_eq!(events(&running).usage, Some(usage(5, 2)));
    let (first, _) = running.split_at(running.len() / 2);
    assert_eq!(events(first).usage, Some(usage(5, 1)));
    let message = r#"{"message":{"usage":{"input_tokens":1}},"message":{}}"#;
    assert_eq!(json(message).usage, None);
    let other = r#"{"x_groq":{"usage":{"prompt_tokens":3}},"usage":null}"#;
    assert_eq!(json(other).usage.unwrap().input, Some(3));
}

#[test]
fn only_events_with_nothing_but_the_usage_are_removed() {
    let usage = r#","usage":{"prompt_tokens":5,"completion_tokens":1}"#;
    let choice = r#"{"delta":{"content":"x"}}"#;
    for (event, is_removed) in [
        (chunk("", usage), true),
        ("data: {\"usage\":{}}\n\n".to_owned(), true),
        ("data: {\"choices\":null,\"usage\":{\"prompt_tokens\":1}}\n\n".to_owned(), true),
        (chunk("", r#","usage":null"#), false),
        (chunk("", ""), false),
        (chunk("", r#","prompt_filter_results":[]"#), false),
        (chunk(choice, usage), false),
        (chunk("{}", usage), false),
        (chunk("1", usage), false),
        (chunk(r#"{"finish_reason":"stop","delta":{}}"#, usage), false),
        (chunk("", &format!(r#"{usage},"error":{{}}"#)), false),
        (chunk("", &format!(r#"{usage},"type":"x""#)), false),
        (chunk("", &format!(r#"{usage},"choices":[{choice}]"#)), false),
        ("data: {\"usage\":{\"prompt_tokens\":1}} x\n\n".to_owned(), false),
        ("data: {\"usage\":[]}\n\n".to_owned(), false),
        ("error: x\ndata: {\"usage\":{}}\n\n".to_owned(), false),
        ("data: {\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n".to_owned(), false),
    ] {
        let (out, removed) = passed(&format!("{}{event}data: [DONE]\n\n", delta("")));
        let kept = if is_removed { "" } else { &event };
        assert_eq!(out, format!("{}{kept}data: [DONE]\n\n", delta("")), "{event}");
        assert_eq!(removed, u32::from(is_removed));
    }
}

#[test]
fn what_belongs_to_a_removed_event_goes_with_it_and_comments_before_it_stay() {
    for end in ["\n", "\r", "\r\n"] {
        let lines = |lines: &[&str]| lines.iter().map(|line| format!("{line}{end}")).collect();
        let before: String = lines(&["\u{feff}: hello", "", "data: {}", "", ": before"]);
        let gone: String = lines(&["id: 7", "data: {\"usage\":", ": within", "data:{}}", ""]);
        let after: String = lines(&["data: [DONE]", ""]);
        let (out, removed) = passed(&[&*before, &gone, &after].concat());
        assert_eq!((out, removed), ([&*before, &after].concat(), 1));
        let (out, removed) = passed(&[&*before, &gone].concat());
        assert_eq!((out, removed), (before.clone(), 1));
        let unfinished = gone.trim_end_matches(end);
        let (out, removed) = passed(&[&*before, unfinished].concat());
        assert_eq!((out, removed), ([&*before, unfinished].concat(), 0));
    }
}

#[test]
fn no_more_than_four_kilobytes_are_held() {
    let long = |length: usize| {
        let frame = "data: {\"usage\":{},\"x\":\"\"}\n\n".len();
        format!("data: {{\"usage\":{{}},\"x\":\"{}\"}}\n\n", "x".repeat(length - frame))
    };
    for (length, removed, too_long) in [(4096, 1, 0), (4097, 0, 1)] {
        let (facts, _, out) = in_any_pieces(Framing::Events, true, long(length).as_bytes());
        assert_eq!((facts.removed, facts.held_too_long), (removed, too_long), "{length}");
        assert_eq!(out.len(), if removed == 1 { 0 } else { length });
    }
}

#[test]
fn what_is_held_of_an_event_without_end_is_let_go() {
    let mut scanner = AnswerScanner::new(Framing::Events).removing_usage();
    let (mut passed, mut most) = (0, 0);
    for _ in 0..2000 {
        let frame = b"data:         \n";
        passed += scanner.feed(frame, &mut || {}).map_or(frame.len(), |out| out.len());
        most = most.max(scanner.memory());
    }
    assert_eq!(passed, 2000 * 15, "all of it, from four kilobytes on");
    assert!((4096..2 * 4096 + 1_200).contains(&most), "{most}");
}

#[test]
fn an_event_is_held_only_as_long_as_it_may_be_the_usage() {
    let mut scanner = AnswerScanner::new(Framing::Events).removing_usage();
    let mut feed = |frame: &str| scanner.feed(frame.as_bytes(), &mut || {});
    assert_eq!(feed("data: {\"id\":\"x\","), Some(Vec::new()));
    assert_eq!(feed("\"choices\":[{"), Some(b"data: {\"id\":\"x\",\"choices\":[{".to_vec()));
    assert_eq!(feed("\"delta\":{}"), None);
    assert_eq!(feed("}]}\n\n: ping"), None);
    assert_eq!(feed("\n\ndata: {\"us"), Some(b"\n\n".to_vec()));
    assert_eq!(feed("age\":1}\n\n"), Some(b"data: {\"usage\":1}\n\n".to_vec()));
}

#[test]
fn broken_events_are_counted_and_spoil_no_other() {
    let broken = ["{\"a\":", "{\"a\" 1}", "{}x", "<html>", "\u{0}", "[1]", "7", "[DONE", "[DONE]]"];
    for data in broken {
        let stream = format!(
            "data: {data}\n\n{}{}",
            delta(r#""content":"x""#),
            chunk("", r#","usage":{"prompt_tokens":5,"completion_tokens":1}"#)
        );
        let facts = events(&stream);
        assert_eq!((facts.resyncs, facts.generated_events), (1, 1), "{data}");
        assert_eq!((facts.usage, facts.is_complete), (Some(usage(5, 1)), false), "{data}");
    }
    for data in ["", " ", "[DONE]", " [DONE] ", "{}"] {
        assert_eq!(events(&format!("data: {data}\n\n")).resyncs, 0, "{data}");
    }
    let page = "<html><body>Bad gateway</body></html>";
    assert_eq!(events(page), AnswerFacts { generated: events("").generated, ..Default::default() });
    assert_eq!(json(page).resyncs, 1);
    let text = delta(r#""content":"the text of a broken event""#).replace("}]", "]");
    assert_eq!(events(&text).generated.tokens, 0);
}

#[test]
fn the_last_reason_wins_although_its_event_is_like_one_before() {
    let end = |reason| {
        let choice = format!(r#"{{"text":"x","finish_reason":"{reason}"}}"#);
        chunk(&choice, "").repeat(3)
    };
    let facts = events(&[end("stop"), end("length"), end("stop")].concat());
    assert_eq!((facts.finish, facts.generated_events), (Some(FinishReason::Stop), 9));
}

#[test]
fn an_event_like_one_before_is_no_event_inside_another() {
    let event = delta(r#""content":"x""#);
    let facts = events(&[event.repeat(3), "data: {}\n".to_owned(), event.repeat(2)].concat());
    assert_eq!((facts.generated_events, facts.resyncs), (4, 1));
    let named = ["event: x\n".to_owned(), event.repeat(2)].concat();
    assert_eq!(events(&[event.repeat(3), named].concat()).generated_events, 5);
    let comment = [": x\n".to_owned(), event.repeat(2)].concat();
    assert_eq!(events(&[event.repeat(3), comment].concat()).generated_events, 5);
}

#[test]
fn what_is_elsewhere_is_no_usage() {
    for answer in [
        r#"{"prompt_tokens":5}"#,
        r#"{"choices":[{"usage":{"prompt_tokens":5}}]}"#,
        r#"{"a":{"usage":{"prompt_tokens":5}}}"#,
        r#"{"usage":{"a":{"prompt_tokens":5}}}"#,
        r#"{"usage":{"a":{}},"prompt_tokens":5}"#,
        r#"{"usage":[{"prompt_tokens":5}]}"#,
        r#"{"usage":null,"x":{"prompt_tokens":5}}"#,
        r#"{"text":"\"usage\":{\"prompt_tokens\":5}"}"#,
        r#"{"usage":{"prompt_tokens":5}"#,
        r#"{"usage":{"prompt_tokens":5}}{}"#,
        r#"[{"usage":{"prompt_tokens":5}}]"#,
        "",
    ] {
        assert_eq!(json(answer).usage, None, "{answer}");
        assert_eq!(events(&format!("data: {answer}\n\n")).usage, None, "{answer}");
    }
}

#[test]
fn two_cuts_anywhere_change_nothing() {
    let stream = [
        "\u{feff}event: x\r\n".to_owned(),
        delta(r#""content":"a\n""#).replace('\n', "\r\n"),
        "data: {\"choices\":[],\rdata:\"usage\":{}}\r\r: x\n".to_owned(),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}}\r\n\r\n".to_owned(),
        "data: [DONE]\n\n".to_owned(),
    ];
    let stream = stream.concat().into_bytes();
    let whole = read(Framing::Events, true, [&stream[..]].into_iter());
    assert_eq!((whole.0.removed, whole.0.generated_events), (2, 1));
    for from in 0..stream.len() {
        for to in from..stream.len() {
            let pieces = [&stream[..from], &stream[from..to], &stream[to..]];
            let cut = read(Framing::Events, true, pieces.into_iter());
            assert_eq!(cut, whole, "cut at {from} and {to}");
        }
    }
}

#[test]
fn the_last_event_may_lack_its_end_but_generates_nothing() {
    let told = r#"data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let facts = events(told);
    assert_eq!((facts.usage, facts.finish), (Some(usage(1, 1)), Some(FinishReason::Stop)));
    assert_eq!((facts.generated_events, facts.generated.tokens), (0, 0));
    assert!(events("data: [DONE]").is_complete);
    assert!(!events("data: [DONE").is_complete);
    assert_eq!(events("data: {\"error\":{}").resyncs, 0);
}

#[test]
fn a_scanner_is_small_whatever_it_has_read() {
    let mut scanner = AnswerScanner::new(Framing::Events).removing_usage();
    let mut most = scanner.memory();
    let mut feed = |bytes: &[u8]| {
        scanner.feed(bytes, &mut || {});
        most = most.max(scanner.memory());
    };
    for _ in 0..1000 {
        feed(delta(r#""content":" wörds \u4e2d\u6587""#).as_bytes());
    }
    feed(b"data: {\"choices\":[{\"delta\":{\"content\":\"");
    for _ in 0..1000 {
        feed(&[b'x'; 10_000]);
    }
    feed(b"\",\"");
    for _ in 0..1000 {
        feed(&[b'k'; 10_000]);
    }
    feed(b"\n\ndata: {\"x\":");
    for _ in 0..1000 {
        feed(&[b'['; 1_000]);
    }
    assert!(most < 1_200, "{most}");
}
