//! What came of a rollout: second by second, and at each of its turns.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};

use super::drive::Watch;
use super::proxy::{Ended, Proxy, Version};
use super::published::Published;
use super::{Canary, Schedule};
use crate::host::Nanos;
use crate::model::date::iso_date;

/// Texts of plugins that are kept.
const SAID_MAX: usize = 50;
/// From this level on plugins' words are kept.
const WARN: u32 = 3;

/// Of several that come in one answer the first of these is told.
const VERDICTS: [&str; 3] = ["fail", "pass", "inconclusive"];

/// Requests of one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// Answered.
    pub requests: u64,
    /// Of them those that failed.
    pub failures: u64,
    /// Milliseconds to their first tokens.
    pub(super) first_tokens: Vec<u64>,
}

/// One second, or what stands for several of them.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// The candidate's.
    pub candidate: Counted,
    /// The stable version's.
    pub stable: Counted,
    /// What was published at its end.
    pub published: Published,
}

/// The rollout has moved, or a verdict has left it where it is.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Since the rollout's beginning, in nanoseconds; negative before it.
    pub at: i128,
    /// The verdict that led to it; none of a beginning.
    pub verdict: Option<String>,
    /// What is published now.
    pub published: Published,
    /// Answered so far, of both versions.
    pub answered: [u64; 2],
    /// Of these those that failed.
    pub failed: [u64; 2],
}

/// Everything that was counted.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was played.
    pub canary: Canary,
    /// What was planned.
    pub schedule: Schedule,
    /// Second by second; the rollout begins with the one at [`Record::lead`].
    pub seconds: Vec<Second>,
    /// What happened to the rollout.
    pub turns: Vec<Turn>,
    /// What plugins said, level `warn` and above, each text once.
    pub said: Vec<String>,
    /// How often a plugin trapped.
    pub traps: usize,
    /// How long before the rollout the record begins.
    pub lead: Duration,
    totals: [Counted; 2],
    /// When the rollout ended, on the clock of the record.
    pub(super) over: Option<Nanos>,
}

impl Record {
    pub(super) fn new(canary: &Canary, schedule: &Schedule, lead: Duration) -> Self {
        Self {
            canary: canary.clone(),
            schedule: schedule.clone(),
            seconds: Vec::new(),
            turns: Vec::new(),
            said: Vec::new(),
            traps: 0,
            lead,
            totals: Default::default(),
            over: None,
        }
    }

    /// Where it ended.
    #[must_use]
    pub fn published(&self) -> Published {
        self.turns.last().map(|turn| turn.published.clone()).unwrap_or_default()
    }

    /// Answered and failed, of the candidate and of the stable version.
    #[must_use]
    pub fn totals(&self) -> [(u64, u64); 2] {
        let [candidate, stable] = &self.totals;
        [candidate, stable].map(|version| (version.requests, version.failures))
    }

    /// A moment of the record as a date.
    pub(super) fn date(&self, turn: &Turn) -> String {
        let start = self.schedule.start.as_nanos().cast_signed();
        iso_date(u64::try_from(start + turn.at).unwrap_or(0))
    }

    fn second(&mut self, at: Nanos) -> &mut Second {
        let place = usize::try_from(at / 1_000_000_000).unwrap_or(usize::MAX);
        if self.seconds.len() <= place {
            let last = self.seconds.last().map(|second| second.published.clone());
            let published = last.unwrap_or_default();
            let next = Second { published, ..Second::default() };
            self.seconds.resize(place + 1, next);
        }
        // It was just made long enough.
        let last = self.seconds.len() - 1;
        let place = place.min(last);
        #[expect(clippy::indexing_slicing, reason = "the place was limited to the last one")]
        &mut self.seconds[place]
    }

    /// The record for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let published = self.published();
        let names = [&self.schedule.candidate, &self.schedule.stable];
        let versions = names.into_iter().zip(self.totals());
        let versions: serde_json::Map<String, Value> = versions
            .map(|(name, (requests, failures))| {
                (name.clone(), json!({"requests": requests, "failures": failures}))
            })
            .collect();
        json!({
            "candidate": self.canary.candidate.to_string(),
            "stable_error": self.canary.stable_error,
            "rate": self.canary.rate,
            "seed": self.canary.seed,
            "pool": self.schedule.pool,
            "ended": published.phase.name(),
            "step": published.step,
            "percent": published.percent,
            "ended_after_ms": self.over.map(|over| self.since_start(over) / 1_000_000),
            "versions": versions,
            "vetoes": published.vetoes,
            "asks": published.asks,
            "traps": self.traps,
            "timeline": self.turns.iter().map(|turn| self.turn(turn)).collect::<Vec<_>>(),
        })
    }

    fn since_start(&self, at: Nanos) -> i64 {
        i64::try_from(i128::from(at) - self.lead.as_nanos().cast_signed()).unwrap_or(i64::MAX)
    }

    fn turn(&self, turn: &Turn) -> Value {
        let Published { phase, step, percent, weights, evidence, vetoes, .. } = &turn.published;
        let evidence: BTreeMap<&String, Value> = evidence
            .iter()
            .map(|(signal, one)| (signal, json!({"ln": one.log, "bound": one.bound})))
            .collect();
        json!({
            "after_ms": i64::try_from(turn.at / 1_000_000).unwrap_or(i64::MAX),
            "at": self.date(turn),
            "phase": phase.name(),
            "step": step,
            "percent": percent,
            "verdict": turn.verdict,
            "vetoes": vetoes,
            "weights": weights,
            "evidence": evidence,
            "candidate_requests": turn.answered[0],
            "candidate_failures": turn.failed[0],
            "stable_requests": turn.answered[1],
            "stable_failures": turn.failed[1],
        })
    }
}

/// Writes a record, and tells how far it is.
pub(super) struct Recorder<'a> {
    pub(super) record: Record,
    /// How long to go on behind the rollout's end.
    pub(super) after: Nanos,
    pub(super) progress: &'a mut dyn FnMut(u64),
}

impl Watch for Recorder<'_> {
    fn ticked(&mut self, at: Nanos, _: usize, proxy: &mut Proxy) -> ControlFlow<()> {
        let record = &mut self.record;
        for line in proxy.host_mut().take_logs() {
            let is_new = !record.said.contains(&line.message);
            if line.level >= WARN && is_new && record.said.len() < SAID_MAX {
                record.said.push(line.message);
            }
        }
        record.traps = proxy.host().world().traps().len();
        let published = Published::read(proxy.host().world().metrics(), &record.schedule.pool);
        let begun = record.seconds.len();
        record.second(at).published = published.clone();
        if record.seconds.len() > begun {
            (self.progress)(at / 1_000_000_000);
        }
        let last = record.turns.last().map(|turn| &turn.published);
        let verdict = VERDICTS.into_iter().find(|name| {
            let of = |one: &Published| one.verdicts.get(*name).copied().unwrap_or(0);
            of(&published) > last.map_or(0, of)
        });
        let moved = last.is_none_or(|last| last.state() != published.state());
        if moved || verdict.is_some() {
            let vetoed = published.vetoes > last.map_or(0, |last| last.vetoes);
            let verdict = verdict.map(str::to_owned);
            let verdict = if vetoed { Some("veto".to_owned()) } else { verdict };
            let totals = record.totals();
            let turn = Turn {
                at: i128::from(at) - record.lead.as_nanos().cast_signed(),
                verdict,
                answered: totals.map(|(requests, _)| requests),
                failed: totals.map(|(_, failures)| failures),
                published: published.clone(),
            };
            record.turns.push(turn);
        }
        if published.phase.is_final() || published.is_stopped() {
            record.over.get_or_insert(at);
        }
        match record.over {
            Some(over) if at >= over + self.after => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn ended(&mut self, at: Nanos, ended: Ended) {
        let second = self.record.second(at);
        let (counted, place) = match ended.version {
            Version::Candidate => (&mut second.candidate, 0),
            Version::Stable => (&mut second.stable, 1),
            Version::Other => return,
        };
        count(counted, ended);
        if let Some(total) = self.record.totals.get_mut(place) {
            total.requests += 1;
            total.failures += u64::from(ended.failed);
        }
    }
}

fn count(counted: &mut Counted, ended: Ended) {
    counted.requests += 1;
    counted.failures += u64::from(ended.failed);
    counted.first_tokens.extend(ended.first_token.map(|time| time / 1_000_000));
}
