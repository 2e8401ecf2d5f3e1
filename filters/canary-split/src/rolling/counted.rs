//! What became of the requests of both versions, as all workers have counted it.
//!
//! A worker counts by itself and adds to the shared record once a second: a request costs no host call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use filter_shell::{Follower, SharedRecord};
use traffic_policy::evidence::Stratum;
use traffic_policy::stream::StreamOutcome;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Candidate,
    Stable,
}

/// The counts of one rollout.
pub(super) struct Counting {
    pending: RefCell<Option<Box<Stratum>>>,
    record: SharedRecord,
    /// There are no more ticks to add at.
    is_replaced: Cell<bool>,
    /// Requests count.
    is_running: Cell<bool>,
}

impl Counting {
    pub(super) fn new(key: &str) -> Self {
        Self {
            pending: RefCell::new(None),
            record: SharedRecord::of("canary-counts", key),
            is_replaced: Cell::new(false),
            is_running: Cell::new(false),
        }
    }

    /// Everything that has been counted, by all workers.
    pub(super) fn all(&self) -> Stratum {
        self.record.read().and_then(|bytes| Stratum::read(&bytes)).unwrap_or_default()
    }

    /// Adds what this worker has counted.
    pub(super) fn flush(&self) {
        let Some(pending) = self.pending.take() else { return };
        self.record.update(|bytes| {
            let mut all = bytes.and_then(Stratum::read).unwrap_or_default();
            all.add(&pending);
            (Some(all.write()), ())
        });
    }

    pub(super) fn replaced(&self) {
        self.is_replaced.set(true);
        self.flush();
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced.get()
    }

    /// Before a rollout begins, and after its end, requests say nothing.
    pub(super) fn is_running(&self, is_running: bool) {
        self.is_running.set(is_running);
    }

    pub(super) fn follow(this: &Rc<Self>, side: Side) -> Following {
        Following { counting: Rc::clone(this), side }
    }

    fn count(&self, side: Side, outcome: &StreamOutcome) {
        if !self.is_running.get() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        let stratum = pending.get_or_insert_default();
        match side {
            Side::Candidate => stratum.candidate.record(outcome),
            Side::Stable => stratum.stable.record(outcome),
        }
    }
}

/// One request.
pub(super) struct Following {
    counting: Rc<Counting>,
    side: Side,
}

impl Follower for Following {
    fn finish(&mut self, outcome: &StreamOutcome) {
        self.counting.count(self.side, outcome);
        if self.counting.is_replaced.get() {
            self.counting.flush();
        }
    }
}
