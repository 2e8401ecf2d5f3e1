//! One attempt, from its request to its verdict and on to the end of its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use llm_wire::{AnswerScanner, Api, Members, RetryAfter};
use traffic_policy::attempt::Plan;

use super::judging::Judging;
use super::root::Guard;

/// One attempt and what is known of it.
pub(super) struct Attempting {
    pub(super) context: u32,
    pub(super) guard: Rc<Guard>,
    pub(super) phase: Phase,
    /// Counted from one.
    pub(super) number: u8,
    pub(super) plan: Plan,
    /// The API that the client speaks; none: the request is none of our business.
    pub(super) api: Option<Api>,
    /// How many answers were asked for, and whether as a stream.
    pub(super) choices: u64,
    pub(super) wants_stream: bool,
    pub(super) began: Duration,
    pub(super) endpoint: String,
    /// The request has gone to the server, to its end.
    pub(super) is_asked: bool,
    /// Its verdict was told.
    pub(super) is_told: bool,
    /// What the answer's headers said.
    pub(super) status: u16,
    pub(super) retry_after: RetryAfter,
}

pub(super) type Shared = Rc<RefCell<Attempting>>;

/// How far an attempt has come.
pub(super) enum Phase {
    /// Nothing of it is looked at, or nothing has come yet.
    Passing,
    /// The request waits for its body, which is to be changed.
    Asking(Box<Asking>),
    /// The answer has begun, and is not judged yet.
    Judging(Box<Judging>),
    /// The answer goes to the client, and may end too early.
    Watching(Box<AnswerScanner>),
    /// This goes to the client in place of the answer's body, should it get there.
    Replacing(Vec<u8>),
}

/// A body that is read.
pub(super) struct Asking {
    pub(super) members: Members,
    /// The pool whose wishes these are.
    pub(super) pool: String,
    /// How long the body was announced to be.
    pub(super) length: Option<u64>,
    pub(super) read: usize,
}

impl Attempting {
    pub(super) fn new(context: u32, guard: Rc<Guard>) -> Shared {
        Rc::new(RefCell::new(Self {
            context,
            guard,
            phase: Phase::Passing,
            number: 1,
            plan: Plan::default(),
            api: None,
            choices: 1,
            wants_stream: false,
            began: Duration::ZERO,
            endpoint: String::new(),
            is_asked: false,
            is_told: false,
            status: 0,
            retry_after: RetryAfter::default(),
        }))
    }

    /// Takes the phase out, so that what it has can be used; another is put in its place.
    pub(super) fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Passing)
    }
}
