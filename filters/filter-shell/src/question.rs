//! What a filter asks of other servers, and what it is told.
//!
//! A filter says at a tick what it wants to know, and is told later; it knows neither tokens nor callbacks. So
//! what it does with an answer can be tested without a proxy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::{calls, clock};

/// The time, by both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// By one that never goes back, the same in all workers.
    pub monotonic: Duration,
    /// Since 1970, as far as the machine knows; it can jump.
    pub wall: Duration,
}

impl Now {
    /// What the clocks say.
    pub fn read() -> Self {
        Self { monotonic: clock::monotonic(), wall: clock::wall() }
    }
}

/// A GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The filter's own number for it.
    pub number: u32,
    /// The proxy's cluster.
    pub cluster: String,
    /// The host that it is meant for.
    pub authority: String,
    /// The path with its query.
    pub path: String,
    /// How long to wait.
    pub timeout: Duration,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// An answer, of whatever status.
    Answer {
        /// Its status.
        status: u16,
        /// Its body.
        body: Vec<u8>,
    },
    /// An answer that is too long to be read.
    TooLong,
    /// None came: the connection broke, or the time was over.
    Nothing,
    /// It could not be sent: there is no such cluster, or nobody in it.
    NotSent,
}

/// An answer of many thousand instants has half of it.
const LONGEST: usize = 1 << 20;

/// So many questions may be open at once.
const MOST: usize = 64;

/// Questions that were sent, by the proxy's numbers: whose they are.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: RefCell<BTreeMap<u32, (usize, u32)>>,
}

impl Questions {
    /// Sends a question of this filter. False: it could not be sent.
    pub(crate) fn send(&self, filter: usize, question: &Question) -> bool {
        let Question { number, cluster, authority, path, timeout } = question;
        let Ok(mut open) = self.open.try_borrow_mut() else { return false };
        if open.len() >= MOST {
            return false;
        }
        let sent = calls::get(cluster, authority, path, *timeout);
        if let Ok(token) = sent {
            open.insert(token, (filter, *number));
        }
        sent.is_ok()
    }

    /// An answer has come: whose it is, the number of the question, and what it says.
    pub(crate) fn answered(&self, token: u32, length: usize) -> Option<(usize, u32, Answered)> {
        let (filter, number) = self.open.try_borrow_mut().ok()?.remove(&token)?;
        let answered = match calls::status() {
            None => Answered::Nothing,
            Some(_) if length > LONGEST => Answered::TooLong,
            Some(status) => {
                Answered::Answer { status, body: calls::body(length).unwrap_or_default() }
            }
        };
        Some((filter, number, answered))
    }
}
