//! How many bytes are on their way in one direction of one stream.
//!
//! The engine never waits, so what it hands on piles up where the receiver is slow. Whoever reads from a
//! socket into the engine waits until the pile at the other end is small again.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Reading stops at this many bytes that nobody has taken yet: Envoy's default buffer is 1 MiB, and a
/// gateway for one developer needs less.
const LIMIT: usize = 256 * 1024;

/// The pile.
#[derive(Clone, Default)]
pub(super) struct Backlog {
    bytes: Arc<AtomicUsize>,
    drained: Arc<Notify>,
}

/// A share of the pile; dropping it takes it off, however its owner ended.
pub(super) struct Held {
    backlog: Backlog,
    bytes: usize,
}

impl Backlog {
    pub(super) fn hold(&self, bytes: usize) -> Held {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        Held { backlog: self.clone(), bytes }
    }

    /// Waits until the pile is below the limit.
    pub(super) async fn has_room(&self) {
        loop {
            let drained = self.drained.notified();
            if self.bytes.load(Ordering::SeqCst) < LIMIT {
                return;
            }
            drained.await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.backlog.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        self.backlog.drained.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_full_backlog_has_room_again_when_its_bytes_were_taken() {
        let backlog = Backlog::default();
        let held = backlog.hold(LIMIT);
        let waited = tokio::time::timeout(Duration::from_millis(20), backlog.has_room()).await;
        assert!(waited.is_err(), "it is full");
        let waiting = tokio::spawn({
            let backlog = backlog.clone();
            async move { backlog.has_room().await }
        });
        tokio::task::yield_now().await;
        drop(held);
        let waited = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        assert!(waited.is_ok(), "whoever waited was told");
    }
}
