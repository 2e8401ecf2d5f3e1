//! Virtual time: a clock that only the driver moves, and one queue of what happens at which instant.
//!
//! Two things at the same instant happen in the order in which they were put in; that order, and
//! nothing else, makes a run repeatable.

use std::collections::BTreeMap;

use super::{
    effect::{AttemptId, CalloutId, StreamId},
    thread::Thread,
    vm::VmId,
};
use crate::abi::ContextId;

/// Nanoseconds of virtual, monotonic time since the host was made.
pub type Nanos = u64;

/// Nanoseconds of a duration, or the end of time.
pub(crate) fn nanos(duration: std::time::Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A root context's timer.
    Tick { vm: VmId, root: ContextId },
    /// A shared queue has something for its last registrant.
    QueueReady { thread: Thread, spec: usize, context: ContextId, token: u32 },
    /// More of a request can be read from its socket.
    Read(StreamId),
    /// Nothing moved on a stream for too long.
    StreamIdle(StreamId),
    /// The client did not finish its request in time.
    RequestTimeout(StreamId),
    /// The route's timeout.
    ResponseTimeout(StreamId),
    /// No connection in time.
    ConnectTimeout(AttemptId),
    /// An attempt has no answer in time.
    PerTryTimeout(AttemptId),
    /// The back-off before another attempt is over.
    Retry(StreamId),
    /// A plugin's own request took too long.
    CalloutTimeout(CalloutId),
    /// A copy of a request has no answer.
    MirrorTimeout(AttemptId),
    /// A plugin's request cannot be sent as it is.
    CalloutConnected(CalloutId),
    /// A gRPC call of a plugin took too long.
    GrpcTimeout(AttemptId),
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Tick { .. } => "tick",
            Self::QueueReady { .. } => "queue ready",
            Self::Read(_) => "socket read",
            Self::StreamIdle(_) => "stream idle timeout",
            Self::RequestTimeout(_) => "request timeout",
            Self::ResponseTimeout(_) => "route timeout",
            Self::ConnectTimeout(_) => "connect timeout",
            Self::PerTryTimeout(_) => "per-try timeout",
            Self::Retry(_) => "retry",
            Self::CalloutTimeout(_) => "callout timeout",
            Self::MirrorTimeout(_) => "timeout of a copy",
            Self::CalloutConnected(_) => "callout connected",
            Self::GrpcTimeout(_) => "gRPC timeout",
        }
    }
}

/// Takes one event out of the schedule again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Nanos, u64);

/// The queue of what happens when.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    events: BTreeMap<TimerKey, Event>,
    added: u64,
}

impl Schedule {
    pub(crate) fn at(&mut self, when: Nanos, event: Event) -> TimerKey {
        self.added += 1;
        let key = TimerKey(when, self.added);
        self.events.insert(key, event);
        key
    }

    pub(crate) fn cancel(&mut self, key: Option<TimerKey>) {
        if let Some(key) = key {
            self.events.remove(&key);
        }
    }

    /// The next event's instant and kind.
    pub(crate) fn next(&self) -> Option<(Nanos, &'static str)> {
        self.events.first_key_value().map(|(key, event)| (key.0, event.name()))
    }

    /// Takes the next event, if it is due at `until`.
    pub(crate) fn pop(&mut self, until: Nanos) -> Option<(Nanos, Event)> {
        let entry = self.events.first_entry()?;
        if entry.key().0 > until {
            return None;
        }
        let (key, event) = entry.remove_entry();
        Some((key.0, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_instants_keep_the_order_of_insertion_and_cancelled_events_are_gone() {
        let mut schedule = Schedule::default();
        let idle = |n| Event::StreamIdle(StreamId(n));
        schedule.at(5, idle(1));
        let second = schedule.at(5, idle(2));
        schedule.at(5, idle(3));
        schedule.at(4, idle(4));
        schedule.cancel(Some(second));
        assert_eq!(schedule.next(), Some((4, "stream idle timeout")));
        let order: Vec<_> = std::iter::from_fn(|| schedule.pop(5)).collect();
        assert_eq!(order, [(4, idle(4)), (5, idle(1)), (5, idle(3))]);
    }

    #[test]
    fn what_is_not_due_stays() {
        let mut schedule = Schedule::default();
        schedule.at(6, Event::StreamIdle(StreamId(1)));
        assert_eq!(schedule.pop(5), None);
        assert!(schedule.next().is_some());
    }
}
