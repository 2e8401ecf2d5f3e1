//! Weights that follow load: what the workers measure together, and what one of them makes of it.
//!
//! Each worker adds once a second to what all have counted. Once in an interval one of them, whoever holds the
//! lease, asks the policy for the next weights and writes them down for all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use filter_shell::{Facts, Follower, Now, SharedRecord};
use traffic_policy::adjust::load::{self, Load};
use traffic_policy::adjust::{Adjust, Adjusted};
use traffic_policy::split::Split;
use traffic_policy::stream::StreamOutcome;

use crate::leading::Leading;

/// A pool whose weights follow load.
pub(crate) struct Adjusting {
    adjust: Adjust,
    /// What this worker has counted and not yet added.
    pending: RefCell<Vec<Load>>,
    is_replaced: Cell<bool>,
    counts: SharedRecord,
    weights: SharedRecord,
    leading: Leading,
    /// The weights in force.
    now: RefCell<Vec<u32>>,
    /// Of who leads: where it is, and what was counted at its last look.
    last: RefCell<Option<Look>>,
}

struct Look {
    at: Duration,
    counts: Vec<Load>,
    adjusted: Adjusted,
}

impl Adjusting {
    pub(crate) fn new(adjust: Adjust, pool: &str, split: &Split, configuration: u64) -> Self {
        let begin = adjust.begin().weights;
        // What others have come to counts if it is about the same versions with the same weights.
        let versions: Vec<&str> = split.arms().iter().map(|arm| arm.version.as_str()).collect();
        let name = format!("{pool};{versions:?};{begin:?}");
        let weights = SharedRecord::of("canary-weights", &name);
        let known = weights.read().and_then(|bytes| read(&bytes, begin.len()));
        Self {
            pending: RefCell::default(),
            is_replaced: Cell::new(false),
            counts: SharedRecord::of("canary-load", &name),
            leading: Leading::new(&format!("load/{name}"), configuration),
            weights,
            now: RefCell::new(known.unwrap_or(begin)),
            last: RefCell::new(None),
            adjust,
        }
    }

    pub(crate) fn weights(&self) -> Vec<u32> {
        self.now.borrow().clone()
    }

    pub(crate) fn tick(&self, now: Now) {
        self.flush();
        if self.leading.leads(now) {
            self.look(now);
        } else {
            self.last.replace(None);
        }
        let length = self.now.borrow().len();
        if let Some(weights) = self.weights.read().and_then(|bytes| read(&bytes, length)) {
            self.now.replace(weights);
        }
    }

    /// Once in an interval: what has been measured since the last look, and the weights that follow from it.
    fn look(&self, now: Now) {
        let mut last = self.last.borrow_mut();
        let elapsed = last.as_ref().map(|look| now.monotonic.saturating_sub(look.at));
        if elapsed.is_some_and(|elapsed| elapsed < self.adjust.interval()) {
            return;
        }
        let counts = load::read(self.counts.read().as_deref());
        let adjusted = match (&*last, elapsed) {
            (Some(look), Some(elapsed)) => {
                let before = |arm: usize| look.counts.get(arm).copied().unwrap_or_default();
                let since = |(arm, load): (usize, &Load)| {
                    load.since(&before(arm), self.adjust.by(), elapsed)
                };
                let measured: Vec<_> = counts.iter().enumerate().map(since).collect();
                self.adjust.next(&look.adjusted, &measured)
            }
            _ => self.adjust.resume(&self.now.borrow()),
        };
        let bytes = write(&adjusted.weights);
        self.weights.update(|_| (Some(bytes.clone()), ()));
        *last = Some(Look { at: now.monotonic, counts, adjusted });
    }

    pub(crate) fn replaced(&self) {
        self.is_replaced.set(true);
        self.flush();
    }

    fn flush(&self) {
        let pending = self.pending.take();
        if pending.is_empty() {
            return;
        }
        self.counts.update(|bytes| {
            let mut counts = load::read(bytes);
            load::add(&mut counts, &pending);
            (Some(load::write(&counts)), ())
        });
    }

    pub(crate) fn follow(this: &Rc<Self>, arm: usize, facts: &Facts) -> Option<Box<dyn Follower>> {
        let prompt = facts.body.prompt.tokens;
        Some(Box::new(Following { adjusting: Rc::clone(this), arm, prompt }))
    }
}

struct Following {
    adjusting: Rc<Adjusting>,
    arm: usize,
    prompt: u64,
}

impl Follower for Following {
    fn finish(&mut self, outcome: &StreamOutcome) {
        let output = outcome.tokens.and_then(|tokens| tokens.counts.output).unwrap_or(0);
        let tokens = self.prompt.saturating_add(output);
        let mut counted = vec![Load::default(); self.arm.saturating_add(1)];
        if let Some(load) = counted.last_mut() {
            load.record(outcome.times.to_first_token(), tokens, outcome.times.end);
        }
        load::add(&mut self.adjusting.pending.borrow_mut(), &counted);
        if self.adjusting.is_replaced.get() {
            self.adjusting.flush();
        }
    }
}

/// Weights as four bytes each.
fn write(weights: &[u32]) -> Vec<u8> {
    weights.iter().flat_map(|weight| weight.to_le_bytes()).collect()
}

/// Weights of so many versions, not all of them 0.
fn read(bytes: &[u8], length: usize) -> Option<Vec<u32>> {
    let (words, rest) = bytes.as_chunks();
    let weights: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let is_whole = rest.is_empty() && weights.len() == length;
    (is_whole && weights.iter().any(|weight| *weight > 0)).then_some(weights)
}
