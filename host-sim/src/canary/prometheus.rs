//! A stand-in for the Prometheus that proxies ask about a candidate.
//!
//! It scrapes each simulated proxy in a rhythm of its own, and knows one series: the verdicts that the
//! project's recording rules make of the proxies' evidence. What these rules mean is in [`rule`], what a
//! question is and how it is answered in [`query`]; the real one is compared with neither, but both are held
//! to numbers that were worked out by hand.
//!
//! Some scrapes are known late only: written from afar, or read from a store that lags. Such a sample has the
//! time at which it was taken, so that a question about that time has one answer before it arrives and another
//! one behind. That is what `evaluation_delay` is for.
//!
//! # Limits
//! Rules are evaluated when somebody asks, for the moment that is asked about, and not every few seconds: the
//! recorded series of a real one steps from evaluation to evaluation, and is as late as its youngest part.
//! While it is away it does not scrape, and whoever asks gets no connection.

mod query;
mod rule;
mod scrape;

use std::ops::Range;

use bytes::Bytes;

use crate::host::Nanos;
use crate::model::HeaderMap;
use crate::model::effect::CalloutOutcome;
use crate::model::metric::Metrics;

pub(super) use query::Asked;
pub(super) use scrape::readings;

use rule::Store;

/// Every how many scrapes one is late, and by how much, in milliseconds; all others take a moment. The latest
/// are known before `evaluation_delay` is over, which is 30 seconds by default.
const ONE_LATE_IN: u8 = 2;
const LATE: Range<u64> = 2_000..28_000;
const MOMENT: u64 = 50;

/// The stand-in.
#[derive(Debug)]
pub(super) struct Prometheus {
    store: Store,
    random: fastrand::Rng,
    /// The wall clock at the beginning of the simulation, in milliseconds.
    begins: u64,
    away: Range<Nanos>,
}

/// What it made of a question.
pub(super) struct Answer {
    pub(super) outcome: CalloutOutcome,
    /// What was asked; none of a question that is none.
    pub(super) asked: Option<Asked>,
}

impl Prometheus {
    /// `begins`: the wall clock at the beginning, in nanoseconds.
    pub(super) fn new(proxies: usize, seed: u64, begins: u64, away: Range<Nanos>) -> Self {
        let begins = begins / 1_000_000;
        Self { store: Store::new(proxies), random: fastrand::Rng::with_seed(seed), begins, away }
    }

    fn wall(&self, now: Nanos) -> u64 {
        self.begins + now / 1_000_000
    }

    pub(super) fn is_away(&self, now: Nanos) -> bool {
        self.away.contains(&now)
    }

    /// Reads what a proxy publishes.
    pub(super) fn scrape(&mut self, proxy: usize, metrics: &Metrics, now: Nanos) {
        let is_late = self.random.u8(..ONE_LATE_IN) == 0;
        let takes = if is_late { self.random.u64(LATE) } else { MOMENT };
        if !self.is_away(now) {
            let at = self.wall(now);
            self.store.add(proxy, at, at + takes, readings(metrics));
        }
    }

    /// Answers a request; none: there is nobody there.
    pub(super) fn answer(&self, headers: &HeaderMap, body: &Bytes, now: Nanos) -> Answer {
        if self.is_away(now) {
            return Answer { outcome: CalloutOutcome::ConnectFailure, asked: None };
        }
        let path = headers.text(":path").unwrap_or_default();
        let (status, body, asked) = query::answer(&self.store, path, body, self.wall(now));
        let mut headers = HeaderMap::new();
        headers.append(":status".to_owned(), status.to_string());
        headers.append("content-type".to_owned(), "application/json".to_owned());
        headers.append("content-length".to_owned(), body.len().to_string());
        let trailers = HeaderMap::new();
        let outcome = CalloutOutcome::Response { headers, body: body.into(), trailers };
        Answer { outcome, asked }
    }
}
