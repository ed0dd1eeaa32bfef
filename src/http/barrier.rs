//! Holds a wave of requests back until each has its connection, then lets all go at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// A barrier between connecting and sending. A clone shares it.
///
/// It stands in the connector, where a request has its connection and has not been written yet.
/// A request that fails before counts as arrived, so that it never holds up the others.
#[derive(Debug, Clone)]
pub struct Barrier {
    missing: Arc<AtomicUsize>,
    open: watch::Sender<bool>,
}

impl Barrier {
    /// A barrier for this many requests. Each is sent over a fresh connection, or [skipped](Self::skip).
    #[must_use]
    pub fn new(requests: usize) -> Self {
        let (open, _) = watch::channel(requests == 0);
        Self { missing: Arc::new(AtomicUsize::new(requests)), open }
    }

    /// Counts a request as arrived that will not be sent at all.
    pub fn skip(&self) {
        drop(self.ticket());
    }

    /// A ticket for one of the requests: it arrives when told to, else when dropped.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { barrier: self.clone(), arrived: false }
    }
}

/// One request's place at the barrier.
#[derive(Debug)]
pub(crate) struct Ticket {
    barrier: Barrier,
    arrived: bool,
}

impl Ticket {
    fn arrive(&mut self) {
        if !std::mem::replace(&mut self.arrived, true)
            && self.barrier.missing.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.barrier.open.send_replace(true);
        }
    }

    /// Arrives and waits until all have.
    pub(crate) async fn pass(mut self) {
        let mut seen = self.barrier.open.subscribe();
        self.arrive();
        // The sender lives in `self.barrier`: waiting cannot fail.
        let _ = seen.wait_for(|open| *open).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.arrive();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_passes_before_all_are_there_and_a_dropped_one_counts() {
        let barrier = Barrier::new(3);
        let waiting = tokio::spawn(barrier.ticket().pass());
        drop(barrier.ticket());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        barrier.ticket().pass().await;
        waiting.await.expect("the first passes too");
    }
}
