//! How far the bodies of an exchange have come, for whoever looks while it goes on.

use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for a size that nobody knows.
const UNKNOWN: u64 = u64::MAX;

/// Bytes of both bodies of an exchange, counted as they go.
#[derive(Debug, Default)]
pub struct Moved {
    sent: AtomicU64,
    to_send: AtomicU64,
    received: AtomicU64,
    to_receive: AtomicU64,
}

/// One body on its way: its bytes so far, and its size where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// The body of the request.
    Up(u64, Option<u64>),
    /// The body of the response.
    Down(u64, Option<u64>),
}

impl Moved {
    /// The body that moves now; nothing where none has begun.
    #[must_use]
    pub fn now(&self) -> Option<Moving> {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let of = |number: &AtomicU64| Some(read(number)).filter(|size| *size != UNKNOWN);
        match (read(&self.received), read(&self.sent)) {
            (0, 0) => None,
            (0, sent) => Some(Moving::Up(sent, of(&self.to_send))),
            (received, _) => Some(Moving::Down(received, of(&self.to_receive))),
        }
    }

    pub(crate) fn begins_to_send(&self, size: Option<u64>) {
        self.to_send.store(size.unwrap_or(UNKNOWN), Ordering::Relaxed);
        self.sent.store(0, Ordering::Relaxed);
        self.received.store(0, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn begins_to_receive(&self, size: Option<u64>) {
        self.to_receive.store(size.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_that_moves_is_told_with_its_size_where_it_is_known() {
        let moved = Moved::default();
        moved.begins_to_send(Some(10));
        assert_eq!(moved.now(), None);
        moved.sent(4);
        assert_eq!(moved.now(), Some(Moving::Up(4, Some(10))));
        moved.begins_to_receive(None);
        moved.received(3);
        assert_eq!(moved.now(), Some(Moving::Down(3, None)));
        moved.begins_to_send(None);
        assert_eq!(moved.now(), None);
    }
}
