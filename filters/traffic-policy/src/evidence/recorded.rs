//! What one request counts for.
//!
//! # What is a failure
//! The server, or the way to it, is to blame and the user has no answer: no answer at all, a status of 500
//! and above, an error event inside of a 200, a stream that breaks off or falls silent, and a whole answer
//! with nothing in it. Besides these,
//!
//! - 404, because requests come here by their model: a server that does not know it, or the API, was
//!   started or configured wrongly. It is the most usual mistake with a new version.
//! - 408 and 429, because a version that lets people wait or sends them away has too little room for what
//!   it gets, and the next step gives it more. A breaker leaves alone whoever answers 429; that is no reason
//!   to give it the rest of the traffic.
//! - A silence that a *client* ended, in a stream or, after ten seconds, before any answer. A breaker blames nobody for it, because it judges by few requests and
//!   at once. Here both versions' clients are as impatient, and a candidate that hangs is seen by nothing
//!   else.
//!
//! # What counts for nothing
//! Neither for nor against: what a client left, what a filter of ours refused, requests that never came
//! whole, and all other statuses from 400. Those say that the request or its key is at fault, and one client
//! that repeats such a request for ever always gets the same version: it would be taken for many failures.
//! A candidate that wrongly refuses everything so has no samples, and never gets more than it has.
//!
//! # Sizes
//! Times and reasons count wherever they were measured, whatever came later: leaving them out when a stream
//! breaks off would make the candidate's numbers better by its failures. Lengths are those of whole answers.

use std::time::Duration;

use super::Sample;
use crate::stream::{Finish, Kind, Outcome, StreamOutcome};

impl Sample {
    /// A request more.
    pub fn record(&mut self, request: &StreamOutcome) {
        if request.outcome == Outcome::Refused {
            return;
        }
        if let Some(has_failed) = has_failed(request) {
            self.failures.record(has_failed);
        }
        if let Some(finish) = request.answer.finish {
            self.finish_length.record(finish == Finish::Length);
            self.finish_content_filter.record(finish == Finish::ContentFilter);
        }
        if let Some(took) = request.times.to_first_token() {
            self.first_token.record(whole(took.as_millis()));
        }
        if let Some(took) = request.per_token() {
            self.per_token.record(whole(took.as_micros()));
        }
        let output = request.tokens.and_then(|tokens| tokens.counts.output);
        if let Some(tokens) = output.filter(|_| request.outcome == Outcome::Complete) {
            self.output_tokens.record(tokens);
        }
    }
}

/// Whether it is a failure; none where it counts for nothing.
fn has_failed(request: &StreamOutcome) -> Option<bool> {
    match request.outcome {
        Outcome::Complete => Some(is_empty(request)),
        Outcome::Aborted if is_unanswered(request) => Some(true),
        Outcome::Aborted | Outcome::Refused => None,
        // Nobody could answer what never came whole.
        _ if request.times.request.is_none() => None,
        Outcome::Truncated | Outcome::Stalled | Outcome::ErrorEvent => Some(true),
        Outcome::Failed => {
            let is_its_own = |status: u16| status >= 500 || matches!(status, 404 | 408 | 429);
            request.status.is_none_or(is_its_own).then_some(true)
        }
    }
}

/// A client that leaves later than this, and has heard nothing, has been made to.
const UNANSWERED: Duration = Duration::from_secs(10);

fn is_unanswered(request: &StreamOutcome) -> bool {
    let whole = request.times.request.filter(|_| request.status.is_none());
    whole.is_some_and(|whole| request.times.end.saturating_sub(whole) >= UNANSWERED)
}

/// A whole answer without an answer. What ends for lack of room or by a filter has gates of its own, and
/// JSON that gives no reason for its end is no generated text: embeddings, lists of models.
fn is_empty(request: &StreamOutcome) -> bool {
    let answer = &request.answer;
    let audio = request.tokens.map_or(0, |tokens| tokens.counts.output_audio);
    let has_generated = answer.generated_events > 0 || answer.estimated_output > 0 || audio > 0;
    let should_have = match answer.finish {
        Some(Finish::Stop | Finish::Other) => true,
        Some(Finish::Length | Finish::ToolCalls | Finish::ContentFilter) => false,
        None => request.kind == Kind::Stream,
    };
    should_have && !has_generated
}

fn whole(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stream::{Answer, Counts, Ended, Meter, Prompt};

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A request whose answer had its first token after 400 ms, and `silent` ms later its end.
    fn ended(status: Option<u16>, ended: Ended, answer: Answer, silent: u64) -> StreamOutcome {
        let mut meter = Meter::new(at(0), at(5_000));
        meter.request_complete(at(100));
        if let Some(status) = status {
            meter.headers(at(200), Some(status), Kind::Stream);
        }
        if answer.generated_events > 0 {
            meter.generated(at(500));
            meter.generated(at(600));
        }
        meter.end(at(600 + silent), ended, &Prompt { tokens: Some(9) }, answer)
    }

    fn sample(outcome: &StreamOutcome) -> Sample {
        let mut sample = Sample::default();
        sample.record(outcome);
        sample
    }

    fn failures(status: Option<u16>, by: Ended, answer: Answer, silent: u64) -> [u64; 2] {
        let sample = sample(&ended(status, by, answer, silent));
        [sample.failures.all, sample.failures.events]
    }

    const TOKENS: Answer = Answer {
        reported: None,
        generated_events: 2,
        estimated_output: 2,
        finish: Some(Finish::Stop),
        has_error: false,
        is_complete: false,
    };
    const WHOLE: Answer = Answer { is_complete: true, ..TOKENS };
    const NOTHING: Answer = Answer { generated_events: 0, estimated_output: 0, ..TOKENS };
    const GOOD: [u64; 2] = [1, 0];
    const BAD: [u64; 2] = [1, 1];
    const NO_SAMPLE: [u64; 2] = [0, 0];

    #[test]
    fn a_failure_is_what_leaves_the_user_without_an_answer_by_the_servers_fault() {
        let error = Answer { has_error: true, ..TOKENS };
        assert_eq!(failures(Some(200), Ended::Whole, WHOLE, 1), GOOD);
        assert_eq!(failures(Some(200), Ended::Whole, error, 1), BAD, "error event");
        assert_eq!(failures(Some(200), Ended::ByServer, TOKENS, 1), BAD, "truncated");
        assert_eq!(failures(Some(200), Ended::ByServer, TOKENS, 9_000), BAD, "stalled");
        assert_eq!(failures(None, Ended::ByServer, NOTHING, 1), BAD, "no answer");
        for status in [404, 408, 429, 500, 503, 529, 599] {
            assert_eq!(failures(Some(status), Ended::Whole, NOTHING, 1), BAD, "{status}");
        }
    }

    #[test]
    fn requests_at_fault_and_clients_that_leave_count_for_nothing_unless_they_left_a_silence() {
        for status in [400, 401, 403, 413, 422] {
            assert_eq!(failures(Some(status), Ended::Whole, NOTHING, 1), NO_SAMPLE, "{status}");
        }
        assert_eq!(failures(Some(200), Ended::ByClient, TOKENS, 1), NO_SAMPLE);
        assert_eq!(failures(Some(200), Ended::ByClient, TOKENS, 9_000), BAD);
        assert_eq!(failures(None, Ended::ByClient, NOTHING, 1), NO_SAMPLE);
        // The request was complete after 100 ms, and the client leaves so long after 600 ms.
        assert_eq!(failures(None, Ended::ByClient, NOTHING, 9_499), NO_SAMPLE);
        assert_eq!(failures(None, Ended::ByClient, NOTHING, 9_500), BAD);
        let refused = ended(Some(200), Ended::Refused, WHOLE, 1);
        assert_eq!(sample(&refused), Sample::default());
        let mut half = ended(Some(503), Ended::Whole, NOTHING, 1);
        half.times.request = None;
        assert_eq!(sample(&half).failures, super::super::Counts::default());
    }

    #[test]
    fn an_answer_without_an_answer_is_a_failure_and_one_without_words_of_it_is_none() {
        let whole = Answer { is_complete: true, ..NOTHING };
        let of = |answer: Answer| failures(Some(200), Ended::Whole, answer, 1);
        assert_eq!(of(whole), BAD);
        assert_eq!(of(Answer { finish: None, ..whole }), BAD, "a stream of nothing but its end");
        assert_eq!(of(Answer { finish: Some(Finish::ToolCalls), ..whole }), GOOD);
        assert_eq!(of(Answer { finish: Some(Finish::ContentFilter), ..whole }), GOOD);
        let audio = Counts { output: Some(90), output_audio: 90, ..Counts::default() };
        assert_eq!(of(Answer { reported: Some(audio), ..whole }), GOOD);
        let mut embeddings = ended(Some(200), Ended::Whole, Answer { finish: None, ..whole }, 1);
        embeddings.kind = Kind::Json;
        assert_eq!(sample(&embeddings).failures.events, 0);
    }

    #[test]
    fn sizes_are_those_that_were_measured_in_the_units_of_their_histograms() {
        let said = Counts { output: Some(7), ..Counts::default() };
        let answer = Answer { reported: Some(said), finish: Some(Finish::Length), ..WHOLE };
        let seen = sample(&ended(Some(200), Ended::Whole, answer, 1));
        let mut expected = Sample::default();
        expected.failures.record(false);
        expected.finish_length.record(true);
        expected.finish_content_filter.record(false);
        expected.first_token.record(400);
        // Six gaps in a tenth of a second.
        expected.per_token.record(16_666);
        expected.output_tokens.record(7);
        assert_eq!(seen, expected);
        // Broken off: its times stay, its length tells nothing.
        let cut = sample(&ended(Some(200), Ended::ByServer, TOKENS, 1));
        assert_eq!((cut.first_token.total(), cut.output_tokens.total()), (1, 0));
    }
}
