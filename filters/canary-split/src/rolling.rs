//! A rollout at work: counting, judging, asking, and telling the other workers.
//!
//! Each worker counts what becomes of the requests of candidate and stable version, and adds it once a second to
//! what all have counted ([`counted`]). One of them, whoever holds the lease, weighs what is new ([`judged`]),
//! asks Prometheus for the fleet's verdicts when there are new ones ([`asking`]), and writes down how far the
//! rollout has come ([`Published`]). All read that at their next tick.
//!
//! # Why a worker that leads, and no worker alone
//! A proxy that asked once for each of its threads would multiply the questions of a mesh; and a thread that
//! answers for all of them for ever is one that must never trap.
//!
//! # What is kept where
//! Everything that the one who leads has to know is in shared data, so that another one goes on where it was.
//! Only questions that are open are forgotten with it; they are asked again.

mod answer;
mod asking;
mod counted;
mod judged;
mod metrics;
mod told;
mod weighed;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use filter_shell::{Answered, Follower, Now, Question, SharedRecord};
use traffic_policy::rollout::{Analysis, Judgement, Phase, Published, Rollout, State};
use traffic_policy::split::Split;

use crate::leading::Leading;
use answer::Answers;
use asking::Asking;
use counted::{Counting, Side};
use judged::{Judged, Judging};
use metrics::{Metrics, Names};
use told::Why;

/// The rollout of one pool.
pub(crate) struct Rolling {
    rollout: Rollout,
    names: Names,
    counting: Rc<Counting>,
    judging: Judging,
    leading: Leading,
    asking: Option<Asking>,
    record: SharedRecord,
    /// Who has shown the pool's rollout last.
    shown: SharedRecord,
    /// Where it was when this worker looked last.
    state: Cell<State>,
    /// What this proxy's own evidence was when this worker weighed it last.
    judged: RefCell<Judged>,
    metrics: Metrics,
}

impl Rolling {
    pub(crate) fn new(rollout: Rollout, pool: &str, split: &Split, configuration: u64) -> Self {
        let key = rollout.key(pool, split);
        let names = Names::new(&rollout, pool, split);
        let leading = Leading::new(&key, configuration);
        let asking = rollout.prometheus().filter(|_| rollout.analysis() != Analysis::Local);
        let record = SharedRecord::of("canary-state", &key);
        let state =
            Published::read(record.read().as_deref(), &rollout).state(&rollout, Now::read().wall);
        let rolling = Self {
            asking: asking.map(|prometheus| Asking::new(prometheus, &names, leading.me())),
            counting: Rc::new(Counting::new(&key)),
            judging: Judging::new(&key, &rollout, &names),
            metrics: Metrics::declare(&names, &rollout),
            judged: RefCell::default(),
            state: Cell::new(state),
            shown: SharedRecord::of("canary-shown", pool),
            record,
            leading,
            names,
            rollout,
        };
        rolling.counting.is_running(state.phase == Phase::Running);
        rolling
    }

    pub(crate) fn in_force(&self) {
        let me = self.leading.me().to_le_bytes().to_vec();
        self.shown.update(|_| (Some(me.clone()), ()));
        self.metrics.show(&self.state.get());
        self.judging.in_force();
    }

    /// The weights in force.
    pub(crate) fn weights(&self, configured: &[u32]) -> Vec<u32> {
        self.rollout.weights(&self.state.get(), configured)
    }

    pub(crate) fn tick(&self, now: Now) -> Option<Question> {
        self.counting.flush();
        let question = if self.leading.leads(now) { self.lead(now) } else { None };
        self.catch_up(&self.published(), now);
        question
    }

    /// What one worker does for all.
    fn lead(&self, now: Now) -> Option<Question> {
        // Over: there is nothing to find out any more.
        self.state.get().next?;
        let judged = self.judging.look(&self.counting, &self.rollout, self.state.get().step);
        self.judged.replace(judged.clone());
        let rollout = &self.rollout;
        self.update(now, |published| {
            published.begins(rollout, now.wall);
            match rollout.analysis() {
                Analysis::Local => published.local(rollout, now.wall, judged.verdict),
                Analysis::Both if judged.has_failed() => published.veto(rollout, now.wall),
                Analysis::Both | Analysis::Prometheus => {}
            }
            Vec::new()
        });
        let published = self.published();
        self.asking.as_ref()?.question(rollout, &published, now)
    }

    pub(crate) fn answered(&self, answered: &Answered, now: Now) {
        let Some(asking) = &self.asking else { return };
        let Some(asked) = asking.answered() else { return };
        // Whoever is newer may know it by another schedule, and asks for itself.
        if self.counting.is_replaced() {
            return;
        }
        let answers = match answered {
            Answered::Answer { status: 200, body } => Answers::read(body, &self.rollout, asked.0),
            _ => None,
        };
        self.metrics.asked(asking.learns(answered, answers.as_ref(), asked, now));
        if let Some(answers) = answers {
            let (rollout, is_own) = (&self.rollout, asking.is_own());
            self.update(now, |published| {
                published.answers(rollout, answers.instants(), asked, is_own)
            });
        }
    }

    fn published(&self) -> Published {
        Published::read(self.record.read().as_deref(), &self.rollout)
    }

    /// Changes what all workers know, and tells what has come of it.
    fn update(&self, now: Now, change: impl Fn(&mut Published) -> Vec<Judgement>) {
        let changed = self.record.update(|bytes| {
            let before = Published::read(bytes, &self.rollout);
            let mut after = before.clone();
            let judgements = change(&mut after);
            let state = after.state(&self.rollout, now.wall);
            let told = after.tells(&state).then_some(state);
            ((after != before).then(|| after.write()), (before, after, judgements, told))
        });
        let Some((before, after, judgements, told)) = changed else { return };
        judgements.iter().for_each(|judgement| self.metrics.judged(judgement.verdict));
        let why = if after.is_vetoed() && !before.is_vetoed() {
            self.metrics.vetoes.increment();
            Why::Veto
        } else {
            Why::Verdict(judgements.into_iter().flat_map(|judgement| judgement.failed).collect())
        };
        if let Some(state) = told {
            told::tell(&self.names, &state, &why, &self.judged.borrow());
        }
        self.catch_up(&after, now);
    }

    /// Takes over where it is.
    fn catch_up(&self, published: &Published, now: Now) {
        let state = published.state(&self.rollout, now.wall);
        self.counting.is_running(state.phase == Phase::Running);
        if self.state.replace(state) != state {
            self.metrics.show(&state);
        }
    }

    /// The last one to go shows that the pool has no rollout any more, if nobody has shown one since.
    pub(crate) fn replaced(&self) {
        self.counting.replaced();
        if self.shown.read().is_some_and(|shown| shown == self.leading.me().to_le_bytes()) {
            self.metrics.ends();
        }
    }

    /// Follows a request of the candidate or of the stable version.
    pub(crate) fn follow(this: &Rc<Self>, arm: usize) -> Option<Box<dyn Follower>> {
        let side = match arm {
            arm if arm == this.rollout.candidate() => Side::Candidate,
            arm if arm == this.rollout.stable() => Side::Stable,
            _ => return None,
        };
        (this.state.get().phase == Phase::Running)
            .then(|| Box::new(Counting::follow(&this.counting, side)) as _)
    }
}

#[cfg(test)]
mod tests;
