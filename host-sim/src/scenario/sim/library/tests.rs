use super::*;

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().copied().collect()
}

/// A request with these fields behind those that it needs.
fn asked(http2: bool, more: &[(&'static str, &'static str)]) -> Heard {
    let needed = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/x#y")];
    request(&headers(&[&needed, more].concat()), true, http2)
}

fn said(http2: bool, status: &'static str, more: &[(&'static str, &'static str)]) -> Heard {
    response(&headers(&[&[(":status", status)], more].concat()), http2)
}

fn message(heard: Heard) -> HeaderMap {
    match heard {
        Heard::Message(headers) => headers,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_reads_what_its_library_lets_through() {
    let heard = message(asked(false, &[("x-a", " v "), (":weird", "1")]));
    assert_eq!(
        heard,
        headers(&[(":method", "GET"), (":path", "/x"), (":authority", "a"), ("x-a", "v")])
    );
    assert_eq!(message(asked(true, &[("x-a", " v ")])).text("x-a"), Some(" v "));
}

#[test]
fn http1_answers_by_itself_where_http2_resets_or_closes() {
    for (field, http2) in [
        (("", "v"), Heard::Unreadable),
        (("content-length", "x"), Heard::Malformed),
        (("transfer-encoding", "gzip"), Heard::Malformed),
    ] {
        assert_eq!(asked(false, &[field]), Heard::Unreadable, "{field:?}");
        assert_eq!(asked(true, &[field]), http2, "{field:?}");
    }
    for field in [(":weird", "v"), (":status", "99")] {
        assert_eq!(asked(true, &[field]), Heard::Unreadable, "{field:?}");
    }
    for field in [(":status", "200"), (":protocol", "p"), ("te", "gzip"), ("connection", "close")] {
        assert_eq!(asked(true, &[field]), Heard::Malformed, "{field:?}");
    }
}

#[test]
fn what_a_plugin_splits_is_two_fields_to_an_http1_client() {
    let heard = message(said(false, "200", &[("x-a", "a\r\nx-b: b")]));
    assert_eq!(heard, headers(&[(":status", "200"), ("x-a", "a"), ("x-b", "b")]));
    assert_eq!(said(false, "200", &[("x-a", "a\r\nb")]), Heard::Unreadable);
    assert_eq!(said(true, "200", &[("x-a", "a\r\nx-b: b")]), Heard::Unreadable);
}

#[test]
fn a_status_has_three_digits() {
    for status in ["99", "1000", "0"] {
        assert_eq!(said(false, status, &[]), Heard::Unreadable, "{status}");
        assert_eq!(said(true, status, &[]), Heard::Unreadable, "{status}");
    }
    assert_eq!(said(false, "103", &[]), Heard::Interim(103));
    assert_eq!(message(said(false, "999", &[])).text(":status"), Some("999"));
}

#[test]
fn lengths_may_be_repeated_to_an_http1_client() {
    assert!(matches!(said(false, "200", &[("content-length", "2,2")]), Heard::Message(_)));
    assert_eq!(said(false, "200", &[("content-length", "2,3")]), Heard::Unreadable);
    assert_eq!(said(true, "200", &[("content-length", "2,2")]), Heard::Malformed);
}
