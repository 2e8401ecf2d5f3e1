//! What became of a request that was sent to a pool, and what that says of its servers.
//!
//! Attempts before the last are judged when the answer's headers come: there are no more then. The last one
//! is judged by the end of its answer.

use std::rc::Rc;
use std::time::Duration;

use filter_shell::{Followed, Follower, monotonic};
use traffic_policy::attempt::{Plan, Upstream};
use traffic_policy::breaker::{Probed, Signal};
use traffic_policy::stream::StreamOutcome;

use crate::ask::prompt_tokens;
use crate::metrics::UNSEEN;
use crate::watched::{Seen, Sent, Watched};

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
        let sent = Sent { at: facts.now, draw: facts.draw };
        if decision.refusal().is_some() || upstream.attempts == 0 {
            watched.iter().for_each(|pool| pool.gives_back(sent));
            return None;
        }
        let first = decision.pool_of(facts)?;
        let hops = decision.plan.as_ref().map(|plan| plan.hops.clone()).filter(|h| !h.is_empty());
        let plan = Plan { hops: hops.unwrap_or_else(|| vec![first.into()]), ..Plan::default() };
        let mut following = Self {
            watched: Rc::clone(watched),
            pool: plan.hop(upstream.attempts)?.to_owned(),
            version: decision.version_of(facts).map(str::to_owned),
            sent,
            chosen: first.to_owned(),
            upstream: (*upstream).clone(),
            is_stream: facts.body.stream.unwrap_or(false),
            probed: None,
        };
        following.judge_earlier(&plan, prompt_tokens(facts));
        following.probed = following.find(&following.pool)?.probed_by(following.sent);
        Some(following)
    }

    /// All attempts but the last.
    fn judge_earlier(&self, plan: &Plan, prompt_tokens: u64) {
        let now = monotonic();
        for number in 1..self.upstream.attempts {
            let Some(pool) = plan.hop(number).and_then(|name| self.find(name)) else { continue };
            let judged = self.upstream.judged(number);
            pool.metrics.attempt(judged.map_or(UNSEEN, |attempt| attempt.verdict.as_str()));
            pool.retried(now, prompt_tokens);
            let signal = Signal::of_earlier(&self.upstream, number, self.is_stream);
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
}

impl Follower for Following {
    /// What a probe was sent for is known with its first token, and need not wait for the end of a long answer.
    fn begins(&mut self, _took: Duration) {
        if let Some(probed) = self.probed {
            self.observe(Signal::Success { first_token: None }, probed);
        }
    }

    fn finish(&mut self, outcome: &StreamOutcome) {
        let signal = Signal::of_last(&self.upstream, outcome, self.is_stream);
        self.observe(signal, Probed::ALL);
    }
}
