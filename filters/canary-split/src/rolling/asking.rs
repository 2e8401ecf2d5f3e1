//! When Prometheus is asked, and what.
//!
//! Once for each instant, a little later than it is due by a time of this proxy's own: so the questions of a mesh
//! are spread over the interval. All instants that are not known yet are asked for, so whoever could not ask for a
//! while, or starts late, comes to the same state. After a failure it waits longer each time.

use std::cell::Cell;
use std::time::Duration;

use filter_shell::{Answered, Now, Question};
use traffic_policy::rollout::{Piece, Prometheus, Published, Rollout};

use super::answer::Answers;
use super::metrics::Names;

/// Who asks Prometheus.
pub(super) struct Asking {
    prometheus: Prometheus,
    query: String,
    /// A number of this worker's own.
    me: u64,
    /// What is asked, until when an answer may come, and how many instants were due then.
    open: Cell<Option<(Piece, Duration, u32)>>,
    /// How many instants were due when all had been asked for.
    asked: Cell<Option<u32>>,
    /// Failures in a row, and how long nothing is asked after them.
    failures: Cell<u32>,
    not_before: Cell<Duration>,
    /// Of a history in pieces, the last instant of the one before.
    passed: Cell<u32>,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There were samples.
    Answered,
    /// There were none.
    Empty,
    /// An answer, but none that says anything.
    Unreadable,
    /// None came, or an error.
    Failed,
    /// It could not be sent.
    NotSent,
}

impl Outcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Answered, Self::Empty, Self::Unreadable, Self::Failed, Self::NotSent];

    /// The word for labels.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Empty => "empty",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
            Self::NotSent => "not_sent",
        }
    }
}

/// Nobody asks later than this after an instant, however long the interval is.
const LONGEST_JITTER: Duration = Duration::from_secs(10);

/// After failures, at most so long nothing is asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Asking {
    pub(super) fn new(prometheus: &Prometheus, names: &Names, me: u64) -> Self {
        let query = prometheus.query.clone().unwrap_or_else(|| names.query());
        Self {
            prometheus: prometheus.clone(),
            query,
            me,
            open: Cell::new(None),
            asked: Cell::new(None),
            failures: Cell::new(0),
            not_before: Cell::new(Duration::ZERO),
            passed: Cell::new(0),
        }
    }

    /// Whether the question is the user's own.
    pub(super) fn is_own(&self) -> bool {
        self.prometheus.query.is_some()
    }

    /// The next question, if it is time for one. Who knows nothing yet asks at once.
    pub(super) fn question(
        &self,
        rollout: &Rollout,
        published: &Published,
        now: Now,
    ) -> Option<Question> {
        let is_open = self.open.get().is_some_and(|(_, until, _)| now.monotonic < until);
        if is_open || now.monotonic < self.not_before.get() {
            return None;
        }
        let longest = (rollout.interval() / 4).min(LONGEST_JITTER);
        let jitter = if published.has_begun() { part(longest, self.me) } else { Duration::ZERO };
        let wall = now.wall.saturating_sub(jitter);
        let due = rollout.due(wall);
        // A little less is due when the jitter begins to count; much less if a clock has gone back.
        if self.asked.get().is_some_and(|asked| due <= asked && asked - due <= 1) {
            return None;
        }
        // What had no sample is asked for again: it may only have been late.
        let known = published.progress().known().max(self.passed.get());
        let piece = rollout.questions(known, wall)?;
        // Who got no answer at all, because its call was ended with something else, asks again.
        let until = now.monotonic.saturating_add(self.prometheus.timeout * 2);
        self.open.set(Some((piece, until, due)));
        Some(Question {
            number: 0,
            cluster: self.prometheus.cluster.clone(),
            authority: self.prometheus.host.clone(),
            path: path(&self.query, rollout.range(piece)),
            timeout: self.prometheus.timeout,
        })
    }

    /// An answer has come: what was asked.
    pub(super) fn answered(&self) -> Option<(Piece, u32)> {
        self.open.take().map(|(piece, _, due)| (piece, due))
    }

    /// What an answer, and what could be read of it, means for the next question.
    pub(super) fn learns(
        &self,
        answered: &Answered,
        answers: Option<&Answers>,
        (piece, due): (Piece, u32),
        now: Now,
    ) -> Outcome {
        let outcome = match (answered, answers) {
            (_, Some(answers)) if answers.is_empty() => Outcome::Empty,
            (_, Some(_)) => Outcome::Answered,
            (Answered::Answer { status: 200, .. } | Answered::TooLong, None) => Outcome::Unreadable,
            (Answered::Answer { .. } | Answered::Nothing, None) => Outcome::Failed,
            (Answered::NotSent, None) => Outcome::NotSent,
        };
        match outcome {
            Outcome::Answered | Outcome::Empty if piece.last < due => self.passed.set(piece.last),
            Outcome::Answered | Outcome::Empty => {
                self.passed.set(0);
                self.asked.set(Some(due));
            }
            Outcome::Unreadable | Outcome::Failed | Outcome::NotSent => {
                let failures = self.failures.get().saturating_add(1);
                self.failures.set(failures);
                let pause = Duration::from_secs(1_u64 << failures.min(6)).min(LONGEST_PAUSE);
                // Half of it is the same for all, so that it grows for each.
                let pause = pause / 2 + part(pause / 2, self.me.rotate_left(failures % 64));
                self.not_before.set(now.monotonic.saturating_add(pause));
                return outcome;
            }
        }
        self.failures.set(0);
        outcome
    }
}

/// A part of a time, by a number that is as good as drawn.
fn part(whole: Duration, draw: u64) -> Duration {
    let millionths = u32::try_from(draw % 1_000_000).unwrap_or(0);
    whole / 1_000 * millionths / 1_000
}

/// The question, as Prometheus takes it.
fn path(query: &str, [from, to, step]: [Duration; 3]) -> String {
    let mut path = String::from("/api/v1/query_range?query=");
    for byte in query.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => {
                path.push(char::from(byte));
            }
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    let [from, to, step] = [from, to, step].map(|time| time.as_secs_f64());
    path.push_str(&format!("&start={from:.3}&end={to:.3}&step={step:.3}"));
    path
}
