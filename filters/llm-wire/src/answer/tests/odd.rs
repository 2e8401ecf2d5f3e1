//! Broken answers, odd ones, and those that mean to deceive.

use super::*;

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
    for _ in 0..300 {
        feed(delta(r#""content":" wörds \u4e2d\u6587""#).as_bytes());
    }
    feed(b"data: {\"choices\":[{\"delta\":{\"content\":\"");
    for _ in 0..300 {
        feed(&[b'x'; 10_000]);
    }
    feed(b"\",\"");
    for _ in 0..300 {
        feed(&[b'k'; 10_000]);
    }
    feed(b"\n\ndata: {\"x\":");
    for _ in 0..300 {
        feed(&[b'['; 1_000]);
    }
    assert!(most < 1_250, "{most}");
}

#[test]
fn a_stream_of_several_choices_is_whole_when_all_of_them_are() {
    let finish = |choice: u8| {
        format!("data: {{\"choices\":[{{\"index\":{choice},\"finish_reason\":\"stop\"}}]}}\n\n")
    };
    let is_complete = |events: &str| {
        let mut scanner = AnswerScanner::new(Framing::Events).of_choices(2);
        let _ = scanner.feed(events.as_bytes(), &mut || {});
        scanner.facts().is_complete
    };
    assert!(!is_complete(&finish(0)));
    assert!(is_complete(&(finish(0) + &finish(1))));
    assert!(is_complete(&(finish(0) + "data: [DONE]\n\n")));
}
