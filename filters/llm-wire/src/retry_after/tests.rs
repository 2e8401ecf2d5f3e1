use proptest::prelude::*;

use super::*;

/// 2026-11-23T06:00:00Z
const WALL: Duration = Duration::from_secs(1_795_413_600);

fn after(headers: &[(&str, &str)]) -> Option<Duration> {
    let bytes = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    retry_after(bytes, WALL).wait(true)
}

fn says(value: &str) -> Option<Duration> {
    after(&[("retry-after", value)])
}

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

const fn milliseconds(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

#[test]
fn retry_after_is_read_in_every_dialect() {
    for (value, wanted) in [
        ("20", seconds(20)),
        (" 20 ", seconds(20)),
        ("0", seconds(0)),
        ("1.5", milliseconds(1500)),
        ("0.0000000001", seconds(0)),
        ("Mon, 23 Nov 2026 06:01:30 GMT", seconds(90)),
        ("Monday, 23-Nov-26 06:01:30 GMT", seconds(90)),
        ("Mon Nov 23 06:01:30 2026", seconds(90)),
        ("2026-11-23T06:01:30Z", seconds(90)),
        ("2026-11-23T06:01:30.25Z", milliseconds(90_250)),
        ("2026-11-23T08:01:30+02:00", seconds(90)),
        ("2026-11-23t00:31:30-05:30", seconds(90)),
        ("1m30s", seconds(90)),
        ("6m0s", seconds(360)),
        ("20ms", milliseconds(20)),
        ("2m59.56s", milliseconds(179_560)),
        ("1h0m0.5s", milliseconds(3_600_500)),
        ("1795413690", seconds(90)),
        ("1795413690000", seconds(90)),
    ] {
        assert_eq!(says(value), wanted, "{value}");
    }
}

#[test]
fn a_date_that_has_passed_says_now() {
    for value in [
        "Fri, 31 Dec 1999 23:59:59 GMT",
        "2026-11-23T05:59:59Z",
        "1795413599",
        "1795413599999",
        "1970-01-01T00:00:00Z",
    ] {
        assert_eq!(says(value), seconds(0), "{value}");
    }
}

#[test]
fn what_is_no_time_says_nothing() {
    for value in [
        "",
        "-1",
        "-0.5",
        "+1",
        "100000000000000000000",
        "1000000000000000",
        "1e3",
        "1.",
        ".5",
        "1.5.5",
        "soon",
        "10 apples",
        "1m30",
        "1y",
        "99999999999999w",
        "NaN",
        "inf",
        "2026-13-01T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T06:00:00",
        "2026-11-23T06:00:00+2",
        "2026-11-23",
        "20261-11-23T06:00:00Z",
        "0000-00-00T00:00:00Z",
        "Mon, 99 Nov 2026 06:01:30 GMT",
        "１０",
    ] {
        assert_eq!(says(value), None, "{value}");
    }
    let bytes: [(&[u8], &[u8]); 1] = [(b"retry-after", &[0xff, 0xfe, b'1'])];
    assert_eq!(retry_after(bytes, WALL), RetryAfter::default());
}

#[test]
fn what_was_said_for_this_answer_beats_what_is_said_with_each() {
    let reset = ("x-ratelimit-reset-requests", "1s");
    assert_eq!(after(&[reset, ("retry-after", "20")]), seconds(20));
    assert_eq!(after(&[("retry-after", "20"), ("retry-after-ms", "19500")]), milliseconds(19_500));
    assert_eq!(after(&[("x-ms-retry-after-ms", "7"), ("retry-after", "20")]), milliseconds(7));
    // What cannot be read is as if it were not there.
    assert_eq!(after(&[("retry-after-ms", "x"), ("retry-after", "20")]), seconds(20));
    assert_eq!(after(&[("retry-after", "-1"), reset]), seconds(1));
}

#[test]
fn the_latest_reset_of_the_limits_that_are_used_up_counts() {
    let limits = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("x-ratelimit-remaining-requests-day", "14"),
        ("x-ratelimit-reset-requests-day", "33011.38"),
    ];
    assert_eq!(after(&limits), seconds(360));
    let anthropic = [
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-11-23T06:00:05Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T06:00:40Z"),
    ];
    assert_eq!(after(&anthropic), seconds(40));
}

#[test]
fn of_limits_that_do_not_tell_the_soonest_counts_that_is_still_to_come() {
    let limits = [
        ("x-ratelimit-reset-requests", "0s"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("x-ratelimit-reset", "30"),
    ];
    assert_eq!(after(&limits), seconds(30));
    assert_eq!(after(&[("x-ratelimit-reset-requests", "0s")]), seconds(0));
    assert_eq!(after(&[("ratelimit-reset", "50"), ("x-ratelimit-limit", "1")]), seconds(50));
    assert_eq!(after(&[("x-ratelimit-remaining", "0")]), None);
}

#[test]
fn no_more_limits_are_looked_at_than_a_server_can_have() {
    let names: Vec<String> = (0..1000).map(|n| format!("x-ratelimit-reset-{n}")).collect();
    let mut limits = Limits::default();
    names.iter().for_each(|name| limits.reset(name.as_bytes(), seconds(1)));
    assert_eq!(limits.limits.len(), MOST);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_not(value in prop::collection::vec(any::<u8>(), 0..60), wall: u32) {
        let headers = ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"];
        let wall = Duration::from_secs(u64::from(wall));
        for name in headers {
            let _ = retry_after([(name.as_bytes(), value.as_slice())], wall);
        }
    }

    #[test]
    fn what_looks_like_a_time_never_panics(value in "[0-9]{1,22}(\\.[0-9]{0,12})?(ns|us|ms|s|m|h|d|w|T|Z|-|:|[0-9 +.]){0,12}") {
        let _ = says(&value);
    }

    #[test]
    fn a_time_that_was_damaged_never_panics(
        which in 0_usize..6,
        at in 0_usize..40,
        by in any::<u8>(),
        wall: u32,
    ) {
        let times = [
            "Mon, 23 Nov 2026 06:01:30 GMT",
            "Monday, 23-Nov-26 06:01:30 GMT",
            "Mon Nov 23 06:01:30 2026",
            "2026-11-23T06:01:30.25+02:00",
            "1h2m59.56s",
            "1795413690000",
        ];
        let mut value = times[which].as_bytes().to_vec();
        let at = at % value.len();
        value[at] = by;
        let _ = retry_after([(b"retry-after".as_slice(), value.as_slice())], Duration::from_secs(u64::from(wall)));
    }

    #[test]
    fn a_date_says_the_same_in_every_form(wait in 0_u64..3_000_000_000) {
        let then = WALL + Duration::from_secs(wait);
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + then);
        prop_assert_eq!(says(&date), seconds(wait));
        prop_assert_eq!(says(&then.as_secs().to_string()), seconds(wait));
    }

    #[test]
    fn days_are_those_of_the_calendar(days in 0_u64..2_900_000) {
        let then = Duration::from_secs(days * 86_400);
        let date = httpdate::HttpDate::from(std::time::UNIX_EPOCH + then).to_string();
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months.iter().position(|m| *m == &date[8..11]).unwrap() + 1;
        let text = format!("{}-{month:02}-{}T00:00:00Z", &date[12..16], &date[5..7]);
        let bytes: [(&[u8], &[u8]); 1] = [(b"retry-after", text.as_bytes())];
        prop_assert_eq!(retry_after(bytes, Duration::ZERO).wait(true), Some(then));
    }
}
