//! What became of a request that was sent to a pool, and what that says of its servers.
//!
//! Attempts before the last are judged when the answer's headers come: there are no more then. The last one
//! is judged by the end of its answer.

use std::rc::Rc;
use std::time::Duration;

use filter_shell::{Followed, Follower, Upstream, monotonic};
use traffic_policy::attempt::{Attempt, Plan, Verdict};
use traffic_policy::breaker::{Cause, Signal};
use traffic_policy::stream::StreamOutcome;

use crate::filter::prompt_tokens;
use crate::metrics::UNSEEN;
use crate::watched::{Probed, Seen, Sent, Watched};

/// A request on its way.
pub(crate) struct Following {
    watched: Rc<[Watched]>,
    /// The pool that answers.
    pool: String,
    /// The pool of which the version was chosen.
    chosen: String,
    version: Option<String>,
    sent: Sent,
    upstream: Upstream,
    is_stream: bool,
    probed: Option<Probed>,
}

impl Following {
    pub(crate) fn of(watched: &Rc<[Watched]>, exchange: &Followed<'_>) -> Option<Self> {
        let Followed { facts, decision, upstream, .. } = exchange;
        // Where no server was asked there is nothing to learn of one.
        let last = u8::try_from(upstream.attempts).unwrap_or(u8::MAX);
        let sent = Sent { at: facts.now, draw: facts.draw };
        if decision.refusal().is_some() || last == 0 {
            watched.iter().for_each(|pool| pool.gives_back(sent));
            return None;
        }
        let first = decision.pool.as_deref().or(facts.pool.as_deref())?;
        let hops = decision.plan.as_ref().map(|plan| plan.hops.clone()).filter(|h| !h.is_empty());
        let plan = Plan { hops: hops.unwrap_or_else(|| vec![first.into()]), ..Plan::default() };
        let mut following = Self {
            watched: Rc::clone(watched),
            pool: plan.hop(last)?.to_owned(),
            version: decision.version.clone().or_else(|| facts.version.clone()),
            sent,
            chosen: first.to_owned(),
            upstream: (*upstream).clone(),
            is_stream: facts.body.stream.unwrap_or(false),
            probed: None,
        };
        following.judge_earlier(&plan, last, prompt_tokens(facts));
        following.probed = following.find(&following.pool)?.probed_by(following.sent);
        Some(following)
    }

    /// All attempts but the last.
    fn judge_earlier(&self, plan: &Plan, last: u8, prompt_tokens: u64) {
        let now = monotonic();
        for number in 1..last {
            let Some(pool) = plan.hop(number).and_then(|name| self.find(name)) else { continue };
            let judged = self.judged(number);
            pool.metrics.attempt(judged.map_or(UNSEEN, |attempt| attempt.verdict.as_str()));
            pool.retried(now, prompt_tokens);
            // That there was another attempt is all that is known where nobody saw this one.
            // Of one that somebody should have seen and did not, nobody was asked: the proxy had no room.
            let has_guard = !self.upstream.judged.is_empty();
            let unseen = if has_guard { Signal::Nothing } else { Signal::Failure(Cause::NoAnswer) };
            let signal = judged.map_or(unseen, |a| Signal::of_attempt(a, self.is_stream));
            let endpoint = judged.map(|attempt| attempt.endpoint.as_str());
            // As long as the pool goes on trying it has not failed.
            let is_last = plan.hop(number) != plan.hop(number + 1);
            let version = self.version_of(pool).filter(|_| is_last);
            pool.observe(&Seen { endpoint, version, is_last, signal }, self.sent, now);
        }
    }

    fn version_of(&self, pool: &Watched) -> Option<&str> {
        self.version.as_deref().filter(|_| pool.name() == self.chosen)
    }

    fn judged(&self, number: u8) -> Option<&Attempt> {
        self.upstream.judged.iter().find(|attempt| attempt.number == number)
    }

    /// What the attempt that is answered tells.
    fn observe(&self, signal: Signal, of: Probed) {
        let endpoint = self.upstream.endpoint.as_deref().filter(|_| of.endpoint);
        if let Some(pool) = self.find(&self.pool) {
            let version = self.version_of(pool).filter(|_| of.version);
            pool.observe(
                &Seen { endpoint, version, is_last: of.pool, signal },
                self.sent,
                monotonic(),
            );
        }
    }

    fn find(&self, name: &str) -> Option<&Watched> {
        self.watched.iter().find(|pool| pool.name() == name)
    }

    /// What the last attempt says of who answered it.
    fn signal(&self, outcome: &StreamOutcome) -> Signal {
        // Nobody was asked, or nobody could answer what never came.
        let is_half = outcome.times.request.is_none() && outcome.outcome.is_failure();
        if self.upstream.is_overflow || is_half {
            return Signal::Nothing;
        }
        let judged = u8::try_from(self.upstream.attempts).ok().and_then(|n| self.judged(n));
        let failed = judged.filter(|attempt| attempt.verdict != Verdict::Passed);
        if let Some(attempt) = failed.filter(|_| outcome.outcome.is_failure()) {
            return Signal::of_attempt(attempt, self.is_stream);
        }
        match Signal::of_outcome(outcome, None, self.upstream.retry_after) {
            // The time since the request came is that of all attempts.
            Signal::Success { .. } if self.upstream.attempts > 1 => {
                let took = judged.map(|attempt| attempt.took).filter(|_| self.is_stream);
                Signal::Success { first_token: took }
            }
            signal => signal,
        }
    }
}

impl Follower for Following {
    /// What a probe was sent for is known with its first token, and need not wait for the end of a long answer.
    fn begins(&mut self, _took: Duration) {
        if let Some(probed) = self.probed {
            self.observe(Signal::Success { first_token: None }, probed);
        }
    }

    fn finish(&mut self, outcome: &StreamOutcome) {
        self.observe(self.signal(outcome), Probed { pool: true, version: true, endpoint: true });
    }
}
