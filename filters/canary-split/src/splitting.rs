//! A pool that is split: which version each of its requests gets, by the weights in force.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use filter_shell::{Answered, Decision, Facts, Followed, Follower, Now, Question};
use traffic_policy::split::Arm;

use crate::adjusting::Adjusting;
use crate::config::{Course, Entry};
use crate::known::known;
use crate::metrics::{FORCED, Metrics};
use crate::rolling::Rolling;

/// A pool that is split.
pub(crate) struct Splitting {
    entry: Entry,
    weights: RefCell<Vec<u32>>,
    metrics: Metrics,
    moved_by: MovedBy,
}

/// What moves the weights, at work.
enum MovedBy {
    Nothing,
    Load(Rc<Adjusting>),
    Rollout(Rc<Rolling>),
}

impl Splitting {
    pub(crate) fn new(entry: Entry, configuration: u64) -> Self {
        let metrics = Metrics::declare(&entry.pool, &entry.split, &entry.sticky);
        let (pool, split) = (&entry.pool, &entry.split);
        let moved_by = match &entry.course {
            Course::Fixed => MovedBy::Nothing,
            Course::Adjusted(adjust) => {
                MovedBy::Load(Rc::new(Adjusting::new(adjust.clone(), pool, split, configuration)))
            }
            Course::Rollout(rollout) => MovedBy::Rollout(Rc::new(Rolling::new(
                (**rollout).clone(),
                pool,
                split,
                configuration,
            ))),
        };
        let weights = RefCell::new(Vec::new());
        Self { entry, weights, metrics, moved_by }
    }

    pub(crate) fn in_force(&self) {
        if let MovedBy::Rollout(rolling) = &self.moved_by {
            rolling.in_force();
        }
        self.weigh();
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Whether it has something to do from time to time.
    pub(crate) fn ticks_every(&self) -> Option<Duration> {
        (!matches!(self.moved_by, MovedBy::Nothing)).then_some(Duration::from_secs(1))
    }

    pub(crate) fn tick(&self, now: Now) -> Option<Question> {
        let question = match &self.moved_by {
            MovedBy::Nothing => None,
            MovedBy::Load(adjusting) => {
                adjusting.tick(now);
                None
            }
            MovedBy::Rollout(rolling) => rolling.tick(now),
        };
        self.weigh();
        question
    }

    pub(crate) fn answered(&self, answered: &Answered) {
        if let MovedBy::Rollout(rolling) = &self.moved_by {
            rolling.answered(answered, Now::read());
            self.weigh();
        }
    }

    pub(crate) fn replaced(&self) {
        match &self.moved_by {
            MovedBy::Nothing => {}
            MovedBy::Load(adjusting) => adjusting.replaced(),
            MovedBy::Rollout(rolling) => rolling.replaced(),
        }
    }

    /// Takes over the weights that are in force now.
    fn weigh(&self) {
        let configured = self.entry.split.weights();
        let weights = match &self.moved_by {
            MovedBy::Nothing => configured,
            MovedBy::Load(adjusting) => adjusting.weights(),
            MovedBy::Rollout(rolling) => rolling.weights(&configured),
        };
        let is_new = *self.weights.borrow() != weights;
        if is_new {
            self.metrics.weights(&weights);
            self.weights.replace(weights);
        }
    }

    pub(crate) fn decide(&self, facts: &Facts, decision: &mut Decision) {
        let Some((arm, reason, set_cookie)) = self.choose(facts, &decision.avoid_versions) else {
            return;
        };
        self.metrics.count(arm, reason);
        let Some(arm) = self.entry.split.arms().get(arm) else { return };
        if self.entry.mode.is_shadow() {
            return;
        }
        decision.version = Some(arm.version.clone());
        decision.version_reason = Some(reason);
        decision.set_cookie = set_cookie;
        if let Some(model) = &arm.model {
            decision.serve_as(model, facts);
        }
    }

    /// The place of the version, why it is that one, and what the client is to be given.
    fn choose(
        &self,
        facts: &Facts,
        avoid: &[String],
    ) -> Option<(usize, &'static str, Option<String>)> {
        let Entry { split, sticky, force, .. } = &self.entry;
        let forced = force.as_ref().and_then(|force| {
            let (_, value) = facts.headers.iter().find(|(name, _)| *name == force.header)?;
            force.choose(split, value)
        });
        if let Some(arm) = forced {
            return Some((arm, FORCED, None));
        }
        let known = known(facts, sticky);
        let weights = self.weights.borrow();
        // Only the users of a version that is avoided move. If all are, none is.
        let weight = |(arm, weight): (&Arm, &u32)| {
            if avoid.contains(&arm.version) { 0 } else { *weight }
        };
        let allowed: Vec<u32> = split.arms().iter().zip(weights.iter()).map(weight).collect();
        let arm =
            split.assign(known.key, &allowed).or_else(|| split.assign(known.key, &weights))?;
        Some((arm, known.by, known.set_cookie))
    }

    /// Follows an exchange that it has given a version, if somebody wants to know what becomes of it.
    pub(crate) fn follow(&self, exchange: &Followed<'_>) -> Option<Box<dyn Follower>> {
        let decision = exchange.decision;
        // Whom a tester has sent is not like the others.
        if decision.version_reason? == FORCED {
            return None;
        }
        let arm = self.entry.split.position(decision.version.as_deref()?)?;
        match &self.moved_by {
            MovedBy::Nothing => None,
            MovedBy::Load(adjusting) => Adjusting::follow(adjusting, arm, exchange.facts),
            MovedBy::Rollout(rolling) => Rolling::follow(rolling, arm),
        }
    }
}
