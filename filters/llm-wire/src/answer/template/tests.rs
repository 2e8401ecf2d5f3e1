use super::*;
use crate::answer::grammar::{Place, member};

const CHAT: &str = r#"data: {"id":"c","created":7,"choices":[{"index":0,"delta":{"content":"TEXT"}}],"obfuscation":"xyz"}"#;

/// The learner after one event, which ends as told.
fn learned(event: &str, end: &str) -> Learner {
    let mut learner = Learner::default();
    let event = format!("{event}{end}{end}");
    let at = event.find("TEXT").unwrap();
    learner.learn(event.as_bytes(), (at, 4), Channel::Content);
    learner
}

fn text(learner: &mut Learner, bytes: &str) -> Option<(String, usize)> {
    let again = learner.recognise(bytes.as_bytes())?;
    Some((String::from_utf8(again.text.to_vec()).unwrap(), again.rest.len()))
}

#[test]
fn an_event_that_differs_in_its_text_is_recognised_and_so_are_counters_and_padding() {
    for end in ["\n", "\r\n"] {
        let mut learner = learned(CHAT, end);
        for said in
            [" word", "a long text of more than sixteen bytes", r#"\"\n\\"#, r"\u00e9é", "}"]
        {
            for (number, padding) in [("7", "xyz"), ("0", ""), ("1731000000", r#"\"0"#)] {
                let event = CHAT.replace("TEXT", said).replace('7', number).replace("xyz", padding);
                let bytes = format!("{event}{end}{end}data");
                assert_eq!(text(&mut learner, &bytes), Some((said.to_owned(), 4)), "{bytes}");
            }
        }
    }
}

#[test]
fn an_event_that_differs_in_anything_else_is_not() {
    let mut learner = learned(CHAT, "\n");
    for (from, to) in [
        ("TEXT", ""),
        ("TEXT", "a\nb"),
        ("TEXT", "a\\\nb"),
        ("TEXT", "a\rb"),
        ("\"TEXT\"", "null"),
        ("TEXT\"", "x\",\"content\":\"y\""),
        ("\"c\"", "\"d\""),
        (":7", ":07"),
        (":7", ":-7"),
        (":7", ":7.5"),
        (":7", ":\"7\""),
        (":7", ":"),
        ("\"created\"", "\"creates\""),
        ("xyz\"", "xyz\",\"usage\":{}"),
        ("xyz", "\n"),
        ("}\n\n", "}\n"),
        ("}\n\n", "}\r\n\r\n"),
        ("}\n\n", "}"),
        ("data", "Data"),
    ] {
        let event = format!("{CHAT}\n\n").replace(from, to);
        assert_eq!(text(&mut learner, &event), None, "{event}");
    }
}

#[test]
fn a_text_ends_in_its_line_however_little_follows_it() {
    let mut learner = learned(r#"data: {"delta":"TEXT"}"#, "\n");
    let mut said = |said: &str| text(&mut learner, &format!("data: {{\"delta\":\"{said}\"}}\n\n"));
    assert!(said("a").is_some() && said(r#"\""#).is_some());
    for end in ["a\rb", "a\nb", "a\\\r", "a\\\n", "a\\", ""] {
        assert_eq!(said(end), None, "{end:?}");
    }
}

#[test]
fn what_only_looks_like_a_counter_is_a_part_of_its_string() {
    let event = r#"data: {"a":"\"index\":5","b\"index":5,"c":"index:5","content":"TEXT"}"#;
    let mut learner = learned(event, "\n");
    let bytes = format!("{event}\n\n");
    assert!(text(&mut learner, &bytes).is_some());
    for at in bytes.match_indices('5').map(|(at, _)| at) {
        let mut other = bytes.clone();
        other.replace_range(at..=at, "6");
        assert_eq!(text(&mut learner, &other), None, "{other}");
    }
}

#[test]
fn what_is_too_long_or_no_string_or_changes_too_much_is_not_remembered() {
    let nothing = |event: &str, end: &str| learned(event, end).template.is_none();
    assert!(!nothing(&CHAT.replace("\"c\"", &format!("{:0300}", 0)), "\n"));
    assert!(nothing(&CHAT.replace("\"c\"", &format!("{:0400}", 0)), "\n"));
    assert!(nothing(&CHAT.replace("\"TEXT\"", "[TEXT]"), "\n"));
    assert!(nothing(CHAT, "\r"));
    assert!(nothing(&CHAT.replace("\"c\"", &"{\"index\":1},".repeat(6)), "\n"));
}

#[test]
fn where_no_two_events_are_alike_few_are_remembered() {
    let mut learner = Learner::default();
    let mut remembered = 0;
    for number in 0..1000 {
        let event = format!("data: {{\"x\":{number},\"content\":\"TEXT\"}}\n\n");
        let before = learner.template.as_ref().map(|t| t.bytes.clone());
        learner.learn(event.as_bytes(), (event.find("TEXT").unwrap(), 4), Channel::Content);
        remembered += usize::from(learner.template.as_ref().map(|t| t.bytes.clone()) != before);
    }
    assert!((2..30).contains(&remembered), "{remembered}");
}

#[test]
fn members_that_may_change_mean_nothing_anywhere() {
    let objects = [
        Place::Root,
        Place::Message,
        Place::Response,
        Place::GroqUsage,
        Place::Usage,
        Place::InputDetails,
        Place::OutputDetails,
        Place::Incomplete,
        Place::Choice,
        Place::Said,
        Place::Part,
        Place::Call,
        Place::Function,
        Place::Audio,
        Place::OutputItem,
        Place::Item,
    ];
    for name in NUMBERS.into_iter().chain(STRINGS) {
        let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\":")).unwrap();
        for object in objects {
            assert_eq!(member(true, object, name), Place::Ignored, "{object:?}");
        }
    }
}
