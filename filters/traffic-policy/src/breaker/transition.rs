//! A step of a member from one phase to another, and why it was made.

use std::time::Duration;

use super::{Cause, Member, Phase};

/// Why a member has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Too many failures in a row; the last one.
    InARow(Cause),
    /// Too many failures of all requests in the window; the last one.
    Rate(Cause),
    /// Too many failures while it was being restored; the last one.
    Relapse(Cause),
    /// A probe has failed.
    ProbeFailed(Cause),
    /// It has asked to be left alone.
    RateLimited,
    /// Its time was over.
    TimeOver,
    /// A probe has succeeded.
    ProbeSucceeded,
    /// More were ejected than now may be, because members or the policy have changed.
    ShareExceeded,
}

impl Reason {
    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InARow(_) => "consecutive_failures",
            Self::Rate(_) => "failure_rate",
            Self::Relapse(_) => "relapse",
            Self::ProbeFailed(_) => "probe_failed",
            Self::RateLimited => "rate_limited",
            Self::TimeOver => "time_over",
            Self::ProbeSucceeded => "probe_succeeded",
            Self::ShareExceeded => "share_exceeded",
        }
    }

    /// The failure that was the last straw, if it was one.
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::InARow(cause)
            | Self::Rate(cause)
            | Self::Relapse(cause)
            | Self::ProbeFailed(cause) => Some(cause),
            _ => None,
        }
    }
}

/// One step of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Whose.
    pub member: Member,
    /// Where it was.
    pub from: Phase,
    /// Where it is.
    pub to: Phase,
    /// Why.
    pub reason: Reason,
    /// How long an ejection lasts; zero for other steps.
    pub lasts: Duration,
}
