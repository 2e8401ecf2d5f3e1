//! Keeps requests away from servers that keep failing, and lets them come back a few at a time.
//!
//! `Healthy -> Ejected -> Probing -> Restoring -> Healthy`, for a pool, its versions and its endpoints.
//!
//! # Why several signals
//! A run of failures reacts at once to a server that is gone, and never sees one that fails every second
//! request; a failure rate sees that, but only after enough requests. A server that is too slow to its
//! first token fails nobody and loses its clients all the same. One that says "enough for now" has not
//! failed at all: it is left alone for as long as it asked for, and that does not count against it.
//!
//! # Why one record for a pool
//! How many members are ejected decides whether one more may be. A record for each would let two workers
//! eject the last two at once; with all in one, compare-and-swap makes the share exact. So a [`Group`] is
//! read from that record, at one moment, then asked and told, and written back; who lost against another
//! worker begins again. [`Group::transitions`] have happened if the record was written.
//!
//! # What may be ejected
//! At most `max_ejected_percent` of the members of one kind: endpoints among endpoints, versions among
//! versions. The share includes the one that is to be ejected, as in Envoy's outlier detection today: of
//! four members 50 % are two, and of one member none, because there is no rule that one may always go. A
//! member that is probed still counts as ejected, since it carries nothing. The pool itself has no peers
//! here: it may always be ejected, and where its requests go then is for its fallbacks to say.
//!
//! # What outcomes count
//! Those of requests that were sent after the last ejection was over. Many fail together when a server
//! goes, and some tell it a minute late: they are one cause, and eject once. A hint of when to come back
//! always counts: the longest wins.
//!
//! # Limits
//! Each proxy learns by itself. A member that nobody asks stays as it is: no request, no probe.

mod config;
mod group;
mod member;
mod record;
mod roster;
mod signal;
mod transition;

use std::time::Duration;

pub use config::{Policy, RawBreaker, WhenAllEjected};
pub use group::{Admitted, Group, Probed, Standing};
pub use roster::{Kind, MOST_MEMBERS, Member, Roster};
pub use signal::{Cause, Signal};
pub use transition::{Reason, Transition};

/// Where a member is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It gets all its requests.
    #[default]
    Healthy,
    /// It gets a growing share of them.
    Restoring,
    /// It gets a few, to see whether it is well again.
    Probing,
    /// It gets none.
    Ejected,
}

impl Phase {
    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Restoring => "restoring",
            Self::Probing => "probing",
            Self::Ejected => "ejected",
        }
    }
}

/// How a member is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It gets all its requests.
    Healthy,
    /// It gets none.
    Ejected {
        /// When its ejection is over, by the clock that all workers have.
        until: Duration,
    },
    /// It gets a few.
    Probing,
    /// It gets a share of them.
    Restoring {
        /// In a thousand.
        permille: u16,
    },
}

/// Whether a request may go to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Yes,
    /// It may, and shows whether the member is well again: the record has to be written, and the
    /// request's outcome observed, whatever it is.
    Probe,
    /// It may not.
    No {
        /// When it is worth while to ask again; zero while the member is being restored, where the next
        /// request may be luckier.
        retry_in: Duration,
    },
}

#[cfg(test)]
mod tests;
