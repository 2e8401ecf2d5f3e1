//! What became of an answer: how it ended, what it took, how many tokens it cost.
//!
//! A [`Meter`] is told of each thing that happens to one exchange, with the time at which it did,
//! and makes a [`StreamOutcome`] of them at the end. The outcome is a plain value, and the same for
//! everybody who judges by it: metrics, logs, breakers, canaries.
//!
//! # Times
//! All are spans since the request's headers came, by a clock that never goes back. What counts as
//! the first token is the first *generated* output of any channel (content, reasoning, a tool call);
//! a role, an empty delta or a keep-alive is none, and a server that thinks for three minutes and
//! sends comments meanwhile has a first token after three minutes.
//!
//! # Gaps
//! The gap before a token is the time since the one before it came. Tokens that came in one piece
//! have gaps of zero between them, because that is how the client sees them too.

mod ending;
mod tokens;

use std::time::Duration;

pub use ending::{Ended, Outcome};
pub use tokens::{Answer, Counts, Finish, Prompt, Source, Tokens};

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A stream of events.
    Stream,
    /// One JSON object.
    Json,
    /// Compressed, so that nothing of it can be read.
    Encoded,
    /// Anything else: an error, a page, nothing at all.
    #[default]
    Other,
}

impl Kind {
    /// Whether something can be found in it.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Stream | Self::Json)
    }

    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Json => "json",
            Self::Encoded => "encoded",
            Self::Other => "other",
        }
    }
}

/// When things happened, since the request's headers came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// The request was complete.
    pub request: Option<Duration>,
    /// The response's headers came.
    pub headers: Option<Duration>,
    /// The first bytes of its body.
    pub first_byte: Option<Duration>,
    /// The first generated token.
    pub first_token: Option<Duration>,
    /// The last one.
    pub last_token: Option<Duration>,
    /// How long it waited in the server's queue, if the server says so.
    pub queued: Option<Duration>,
    /// The end, however it came.
    pub end: Duration,
}

impl Times {
    /// From the complete request to the first token. A server that answers sooner has taken no time.
    pub fn to_first_token(&self) -> Option<Duration> {
        Some(self.first_token?.saturating_sub(self.request.unwrap_or_default()))
    }
}

/// Measures one exchange.
#[derive(Debug, Clone)]
pub struct Meter {
    arrived: Duration,
    stall_after: Duration,
    times: Times,
    status: Option<u16>,
    kind: Kind,
    stalls: u32,
    longest_gap: Duration,
}

/// What became of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOutcome {
    /// How it ended.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended: Ended,
    /// The response's status, if there was a response.
    pub status: Option<u16>,
    /// What kind of answer it was.
    pub kind: Kind,
    /// When things happened.
    pub times: Times,
    /// Its tokens; none where there is nothing to count or nothing to count it by.
    pub tokens: Option<Tokens>,
    /// What was found in the answer.
    pub answer: Answer,
    /// How often nothing came for longer than is right.
    pub stalls: u32,
    /// The longest time between two tokens.
    pub longest_gap: Duration,
}

impl StreamOutcome {
    /// The mean time for each token after the first.
    ///
    /// Servers may put several tokens into one event, so the reported number counts if it is larger than
    /// that of the events; but not what was thought before the first token and never sent.
    pub fn per_token(&self) -> Option<Duration> {
        let taken = self.times.last_token?.checked_sub(self.times.first_token?)?;
        let gaps = self.answer.generated_events.checked_sub(1)?;
        let counts = self.tokens.map(|tokens| tokens.counts).unwrap_or_default();
        let sent = counts.output.unwrap_or(0).saturating_sub(counts.reasoning);
        taken.checked_div(u32::try_from(gaps.max(sent.saturating_sub(1))).ok()?)
    }
}

impl Meter {
    /// The request's headers have come.
    pub fn new(arrived: Duration, stall_after: Duration) -> Self {
        Self {
            arrived,
            stall_after,
            times: Times::default(),
            status: None,
            kind: Kind::Other,
            stalls: 0,
            longest_gap: Duration::ZERO,
        }
    }

    /// The request is complete.
    pub fn request_complete(&mut self, now: Duration) {
        let since = self.since(now);
        self.times.request.get_or_insert(since);
    }

    /// The response's headers have come.
    pub fn headers(&mut self, now: Duration, status: Option<u16>, kind: Kind) {
        self.times.headers = Some(self.since(now));
        self.status = status;
        self.kind = kind;
    }

    /// The server has said how long the request waited in its queue.
    pub fn queued(&mut self, queued: Option<Duration>) {
        self.times.queued = queued;
    }

    /// Bytes of the response's body have come.
    pub fn bytes(&mut self, now: Duration) {
        let since = self.since(now);
        self.times.first_byte.get_or_insert(since);
    }

    /// Generated output has come. The gap before it, if it is not the first.
    pub fn generated(&mut self, now: Duration) -> Option<Duration> {
        let since = self.since(now);
        let Some(last) = self.times.last_token.replace(since) else {
            self.times.first_token = Some(since);
            return None;
        };
        let gap = since.saturating_sub(last);
        self.longest_gap = self.longest_gap.max(gap);
        self.stalls += u32::from(gap > self.stall_after);
        Some(gap)
    }

    /// How long the first token took, once there is one.
    pub fn first_token(&self) -> Option<Duration> {
        self.times.to_first_token()
    }

    /// It is over.
    pub fn end(
        mut self,
        now: Duration,
        ended: Ended,
        prompt: &Prompt,
        answer: Answer,
    ) -> StreamOutcome {
        self.times.end = self.since(now);
        let silence = self.times.end.saturating_sub(self.last_sign());
        let is_silent = self.kind == Kind::Stream && silence > self.stall_after;
        let outcome = Outcome::of(ended, self.status, self.kind, &answer, is_silent);
        self.stalls += u32::from(outcome == Outcome::Stalled);
        StreamOutcome {
            outcome,
            ended,
            status: self.status,
            kind: self.kind,
            times: self.times,
            tokens: Tokens::of(outcome, self.kind, prompt, &answer),
            answer,
            stalls: self.stalls,
            longest_gap: self.longest_gap,
        }
    }

    /// The last time that the server has shown it is alive.
    fn last_sign(&self) -> Duration {
        self.times.last_token.or(self.times.headers).unwrap_or(self.times.end)
    }

    fn since(&self, now: Duration) -> Duration {
        now.saturating_sub(self.arrived)
    }
}

#[cfg(test)]
mod tests;
