use super::*;

const STALL: Duration = Duration::from_secs(10);

fn at(milliseconds: u64) -> Duration {
    // The clock does not begin with the request.
    Duration::from_millis(1_000_000 + milliseconds)
}

/// A stream that has answered 200.
fn stream() -> Meter {
    let mut meter = Meter::new(at(0), STALL);
    meter.request_complete(at(5));
    meter.headers(at(20), Some(200), Kind::Stream);
    meter
}

fn answer(events: u64) -> Answer {
    Answer { generated_events: events, estimated_output: events, ..Answer::default() }
}

const PROMPT: Prompt = Prompt { tokens: Some(30) };

#[test]
fn the_first_token_counts_from_the_complete_request() {
    let mut meter = stream();
    meter.bytes(at(21));
    assert_eq!(meter.generated(at(105)), None);
    let outcome = meter.end(at(200), Ended::Whole, &PROMPT, answer(1));
    assert_eq!(outcome.times.to_first_token(), Some(Duration::from_millis(100)));
    assert_eq!(outcome.times.first_byte, Some(Duration::from_millis(21)));
}

#[test]
fn tokens_of_one_piece_have_no_gap_between_them() {
    let mut meter = stream();
    let gaps: Vec<_> = [100, 100, 140].into_iter().map(|t| meter.generated(at(t))).collect();
    assert_eq!(gaps, [None, Some(Duration::ZERO), Some(Duration::from_millis(40))]);
    let outcome = meter.end(at(141), Ended::Whole, &PROMPT, answer(3));
    assert_eq!(outcome.per_token(), Some(Duration::from_millis(20)));
    assert_eq!(outcome.longest_gap, Duration::from_millis(40));
}

#[test]
fn a_gap_that_is_too_long_is_a_stall() {
    let mut meter = stream();
    meter.generated(at(100));
    meter.generated(at(10_100));
    meter.generated(at(20_101));
    let outcome = meter.end(at(20_102), Ended::Whole, &PROMPT, answer(3));
    assert_eq!(outcome.stalls, 1);
}

/// How a stream with these properties ends, `silent` milliseconds after its last token.
fn ends(ended: Ended, answer: Answer, silent: u64) -> Outcome {
    let mut meter = stream();
    meter.generated(at(100));
    meter.end(at(100 + silent), ended, &PROMPT, answer).outcome
}

#[test]
fn the_end_is_judged_by_what_came_and_by_who_ended_it() {
    let complete = Answer { is_complete: true, ..answer(1) };
    let error = Answer { has_error: true, ..answer(1) };
    assert_eq!(ends(Ended::Whole, complete, 0), Outcome::Complete);
    assert_eq!(ends(Ended::ByClient, complete, 0), Outcome::Complete);
    assert_eq!(ends(Ended::Whole, answer(1), 0), Outcome::Truncated);
    assert_eq!(ends(Ended::ByServer, answer(1), 0), Outcome::Truncated);
    assert_eq!(ends(Ended::ByClient, answer(1), 0), Outcome::Aborted);
    assert_eq!(ends(Ended::ByClient, answer(1), 10_001), Outcome::Stalled);
    assert_eq!(ends(Ended::ByServer, answer(1), 10_001), Outcome::Stalled);
    assert_eq!(ends(Ended::Whole, error, 0), Outcome::ErrorEvent);
    assert_eq!(ends(Ended::Refused, answer(0), 0), Outcome::Refused);
}

#[test]
fn a_server_that_never_says_a_word_has_stalled() {
    let meter = stream();
    let outcome = meter.end(at(10_021), Ended::ByClient, &PROMPT, answer(0));
    assert_eq!((outcome.outcome, outcome.stalls), (Outcome::Stalled, 1));
}

#[test]
fn an_error_status_or_no_answer_is_a_failure_and_a_client_that_goes_is_none() {
    let end = |status, ended| {
        let mut meter = Meter::new(at(0), STALL);
        if let Some(status) = status {
            meter.headers(at(1), Some(status), Kind::Json);
        }
        meter.end(at(2), ended, &PROMPT, answer(0)).outcome
    };
    assert_eq!(end(Some(429), Ended::Whole), Outcome::Failed);
    assert_eq!(end(None, Ended::ByServer), Outcome::Failed);
    assert_eq!(end(None, Ended::ByClient), Outcome::Aborted);
    assert!(!Outcome::Aborted.is_failure() && !Outcome::Refused.is_failure());
    assert!(Outcome::Failed.is_failure() && Outcome::Truncated.is_failure());
}

fn tokens(ended: Ended, answer: Answer) -> Option<Tokens> {
    let mut meter = stream();
    meter.generated(at(100));
    meter.end(at(101), ended, &PROMPT, answer).tokens
}

#[test]
fn each_number_says_where_it_comes_from() {
    let said = Counts { input: Some(31), output: Some(7), ..Counts::default() };
    let complete = Answer { is_complete: true, ..answer(5) };
    let reported = tokens(Ended::Whole, Answer { reported: Some(said), ..complete }).unwrap();
    assert_eq!((reported.source, reported.counts), (Source::Reported, said));
    let estimated = tokens(Ended::Whole, complete).unwrap();
    assert_eq!(estimated.source, Source::Estimated);
    assert_eq!((estimated.counts.input, estimated.counts.output), (Some(30), Some(5)));
    let aborted = tokens(Ended::ByClient, answer(5)).unwrap();
    assert_eq!((aborted.source, aborted.counts.output), (Source::Aborted, Some(5)));
}

#[test]
fn what_was_said_before_a_stream_was_cut_is_kept() {
    let said = Counts { input: Some(2_000), output: Some(1), ..Counts::default() };
    let aborted = tokens(Ended::ByClient, Answer { reported: Some(said), ..answer(5) }).unwrap();
    assert_eq!(aborted.source, Source::Aborted);
    assert_eq!((aborted.counts.input, aborted.counts.output), (Some(2_000), Some(5)));
}

#[test]
fn events_count_as_tokens_unless_they_are_clearly_larger() {
    let output = |events, estimate| {
        let answer = Answer { estimated_output: estimate, is_complete: true, ..answer(events) };
        tokens(Ended::Whole, answer).unwrap().counts.output
    };
    assert_eq!(output(100, 130), Some(100));
    assert_eq!(output(100, 400), Some(400));
    // The estimate of one word is no measure.
    assert_eq!(output(1, 3), Some(1));
    // One JSON body has no events.
    assert_eq!(output(0, 40), Some(40));
}

#[test]
fn an_error_has_no_tokens_that_nobody_has_reported() {
    let mut meter = Meter::new(at(0), STALL);
    meter.headers(at(1), Some(500), Kind::Json);
    assert_eq!(meter.end(at(2), Ended::Whole, &PROMPT, answer(0)).tokens, None);
}

#[test]
fn what_was_thought_before_the_first_token_is_not_in_the_time_of_the_others() {
    let mut meter = stream();
    for token in 0..6 {
        meter.generated(at(100 + 100 * token));
    }
    let said = Counts { output: Some(1_006), reasoning: 1_000, ..Counts::default() };
    let answer = Answer { reported: Some(said), is_complete: true, ..answer(6) };
    let outcome = meter.end(at(700), Ended::Whole, &PROMPT, answer);
    assert_eq!(outcome.per_token(), Some(Duration::from_millis(100)));
}

#[test]
fn a_prompt_of_which_a_part_was_read_has_as_many_more_tokens_as_it_is_longer() {
    assert_eq!(Prompt::beginning(100, 400, Some(1_000)).tokens, Some(250));
    assert_eq!(Prompt::beginning(100, 400, None).tokens, Some(100));
    // An announced length that was exceeded.
    assert_eq!(Prompt::beginning(100, 400, Some(300)).tokens, Some(100));
    assert_eq!(Prompt::beginning(0, 0, Some(1_000)).tokens, None);
}
