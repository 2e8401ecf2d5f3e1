//! What is taken out of a stream, and what is held meanwhile.

use super::*;

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
    assert!((4096..2 * 4096 + 1_250).contains(&most), "{most}");
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
