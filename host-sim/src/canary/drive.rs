//! One or several proxies and their Prometheus on one clock.
//!
//! Proxies meet in nothing but the answers of Prometheus. So whoever has the next thing to do does it, and
//! nobody is ahead of the others by more than that.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use super::prometheus::{Asked, Prometheus};
use super::proxy::{Behaviour, Ended, Proxy, Question, Start};
use super::{CanaryError, Schedule};
use crate::bootstrap::Bootstrap;
use crate::host::Nanos;
use crate::model::GuestFactory;
use crate::model::effect::{CalloutId, CalloutOutcome};
use crate::model::time::nanos;
use crate::scenario::sim::timeline::Timeline;

/// From a question to its answer.
const ANSWERS_AFTER: Nanos = 20_000_000;

/// What is set up.
pub(super) struct Setting<'a> {
    pub(super) file: &'a Bootstrap,
    pub(super) factory: Arc<dyn GuestFactory>,
    pub(super) behaviour: Behaviour,
    pub(super) workers: usize,
    pub(super) seed: u64,
    /// How long before the rollout everything begins.
    pub(super) lead: Duration,
    pub(super) scrape_interval: Duration,
    pub(super) away: Range<Duration>,
    pub(super) proxies: Vec<Plan>,
}

/// A proxy that is to be started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) at: Nanos,
    /// Requests a second.
    pub(super) rate: f64,
    /// When it is first scraped, behind its start.
    pub(super) phase: Nanos,
}

/// Whoever looks on. Times are those of the simulation, which begins before the rollout.
pub(super) trait Watch {
    /// The filters of a proxy have ticked.
    fn ticked(&mut self, at: Nanos, place: usize, proxy: &mut Proxy) -> ControlFlow<()>;

    /// A client has its answer.
    fn ended(&mut self, at: Nanos, ended: Ended);

    /// A proxy has asked and was answered.
    fn asked(&mut self, _at: Nanos, _place: usize, _asked: &Asked) {}
}

enum Act {
    Start(usize),
    Scrape(usize),
    Answer(usize, CalloutId, CalloutOutcome),
}

pub(super) struct Drive<'a> {
    setting: Setting<'a>,
    schedule: Arc<Schedule>,
    wall: u64,
    seeds: Vec<u64>,
    proxies: Vec<Option<Proxy>>,
    prometheus: Prometheus,
    acts: Timeline<Act>,
}

impl<'a> Drive<'a> {
    pub(super) fn new(setting: Setting<'a>) -> Self {
        let schedule = Arc::clone(&setting.behaviour.schedule);
        let wall = nanos(schedule.start.saturating_sub(setting.lead));
        let mut random = fastrand::Rng::with_seed(setting.seed);
        let count = setting.proxies.len();
        // Times of `away` are those of the rollout.
        let away = nanos(setting.away.start + setting.lead)..nanos(setting.away.end + setting.lead);
        let away = if setting.away.is_empty() { 0..0 } else { away };
        let mut acts = Timeline::default();
        for (place, plan) in setting.proxies.iter().enumerate() {
            acts.push(plan.at, Act::Start(place));
        }
        Self {
            seeds: (0..count).map(|_| random.u64(..)).collect(),
            prometheus: Prometheus::new(count, random.u64(..), wall, away),
            proxies: (0..count).map(|_| None).collect(),
            acts,
            schedule,
            wall,
            setting,
        }
    }

    /// Runs until this time, or until the one who looks on has seen enough.
    pub(super) fn run(&mut self, until: Nanos, watch: &mut dyn Watch) -> Result<(), CanaryError> {
        loop {
            let next = self.proxies.iter().enumerate();
            let next = next.filter_map(|(place, proxy)| Some((proxy.as_ref()?.next_at()?, place)));
            let next = next.min();
            let act = self.acts.next_at();
            let at = next.map(|(at, _)| at).into_iter().chain(act).min();
            let Some(at) = at.filter(|at| *at <= until) else { break };
            let flow = if act.is_some_and(|act| act <= at) {
                if let Some(act) = self.acts.pop() {
                    self.act(at, act)?;
                }
                ControlFlow::Continue(())
            } else {
                let Some((_, place)) = next else { break };
                self.step(at, place, watch)
            };
            if flow.is_break() {
                break;
            }
        }
        let mut refused: Vec<String> = Vec::new();
        for proxy in self.proxies.iter_mut().flatten() {
            refused.extend(proxy.host_mut().take_refusals());
        }
        refused.sort_unstable();
        refused.dedup();
        if refused.is_empty() { Ok(()) } else { Err(CanaryError::NotModelled(refused)) }
    }

    pub(super) fn proxies(&mut self) -> impl Iterator<Item = Option<&mut Proxy>> {
        self.proxies.iter_mut().map(Option::as_mut)
    }

    fn step(&mut self, at: Nanos, place: usize, watch: &mut dyn Watch) -> ControlFlow<()> {
        let Some(proxy) = self.proxies.get_mut(place).and_then(Option::as_mut) else {
            return ControlFlow::Continue(());
        };
        let ticked = proxy.step();
        for ended in proxy.ended.drain(..) {
            watch.ended(at, ended);
        }
        for question in std::mem::take(&mut proxy.questions) {
            let (call, outcome, asked) = self.question(at, question);
            if let Some(asked) = asked {
                watch.asked(at, place, &asked);
            }
            self.acts.push(at + ANSWERS_AFTER, Act::Answer(place, call, outcome));
        }
        match self.proxies.get_mut(place).and_then(Option::as_mut) {
            Some(proxy) if ticked => watch.ticked(at, place, proxy),
            _ => ControlFlow::Continue(()),
        }
    }

    fn question(
        &self,
        at: Nanos,
        question: Question,
    ) -> (CalloutId, CalloutOutcome, Option<Asked>) {
        let Question { call, cluster, headers, body } = question;
        if self.schedule.prometheus.as_ref() != Some(&cluster) {
            return (call, CalloutOutcome::ConnectFailure, None);
        }
        let answer = self.prometheus.answer(&headers, &body, at);
        (call, answer.outcome, answer.asked)
    }

    fn act(&mut self, at: Nanos, act: Act) -> Result<(), CanaryError> {
        match act {
            Act::Start(place) => {
                let Some(plan) = self.setting.proxies.get(place).copied() else { return Ok(()) };
                let proxy = Proxy::start(Start {
                    file: self.setting.file,
                    factory: Arc::clone(&self.setting.factory),
                    behaviour: self.setting.behaviour.clone(),
                    workers: self.setting.workers,
                    seed: self.seeds.get(place).copied().unwrap_or_default(),
                    rate: plan.rate,
                    at,
                    wall: self.wall,
                })?;
                if let Some(slot) = self.proxies.get_mut(place) {
                    *slot = Some(proxy);
                }
                if self.schedule.prometheus.is_some() {
                    self.acts.push(at + plan.phase, Act::Scrape(place));
                }
            }
            Act::Scrape(place) => {
                if let Some(proxy) = self.proxies.get(place).and_then(Option::as_ref) {
                    self.prometheus.scrape(place, proxy.host().world().metrics(), at);
                }
                let next = at + nanos(self.setting.scrape_interval).max(1_000_000);
                self.acts.push(next, Act::Scrape(place));
            }
            Act::Answer(place, call, outcome) => {
                if let Some(proxy) = self.proxies.get_mut(place).and_then(Option::as_mut) {
                    proxy.answer(at, call, outcome);
                }
            }
        }
        Ok(())
    }
}
