//! Looks after an exchange that takes long, and tells how far its bodies have come.

use std::pin::Pin;
use std::time::Duration;

use super::attempt::StepScene;
use crate::event::{Event, Transfer, Way};
use crate::http::{Moved, Moving};

/// How often it is told; what ends before that is never told of.
const EVERY: Duration = Duration::from_secs(1);

impl StepScene<'_> {
    /// Waits for an exchange; tells meanwhile what `moved` counts.
    pub(super) async fn watched<T>(
        &self,
        moved: &Moved,
        mut exchange: Pin<Box<impl Future<Output = T>>>,
    ) -> T {
        // What may never be told is not worth a look.
        let Some((job, step)) = self.told.filter(|_| self.held.is_none()) else {
            return exchange.await;
        };
        let begun = self.context.elapsed();
        let mut last: Option<Transfer> = None;
        loop {
            tokio::select! {
                biased;
                done = &mut exchange => return done,
                () = tokio::time::sleep(EVERY) => {}
            }
            let Some(moving) = moved.now() else { continue };
            let took = self.context.elapsed().saturating_sub(begun);
            let transfer = after(last, moving, took);
            let is_told =
                last.is_some_and(|last| (last.way, last.bytes) == (transfer.way, transfer.bytes));
            // A body that was sent at once, before an answer that takes its time, is no news.
            let is_over =
                last.is_none() && transfer.way == Way::Up && transfer.of == Some(transfer.bytes);
            if !is_told && !is_over {
                let step = Box::new(step.clone());
                Box::pin(self.context.emit(Event::Moving { job, step, transfer })).await;
            }
            last = Some(transfer);
        }
    }
}

/// What is to be told now, with the rate since it was told last.
fn after(last: Option<Transfer>, moving: Moving, took: Duration) -> Transfer {
    let (way, bytes, of) = match moving {
        Moving::Up(bytes, of) => (Way::Up, bytes, of),
        Moving::Down(bytes, of) => (Way::Down, bytes, of),
    };
    let last = last.filter(|last| last.way == way);
    let (before, since) = last.map_or((0, Duration::ZERO), |last| (last.bytes, last.took));
    let millis = took.saturating_sub(since).as_millis().max(1);
    let rate = u128::from(bytes.saturating_sub(before)) * 1000 / millis;
    Transfer { way, bytes, of, took, rate: u64::try_from(rate).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_since_it_was_told_last() {
        let seconds = Duration::from_secs;
        let first = after(None, Moving::Up(3000, Some(9000)), seconds(1));
        assert_eq!((first.rate, first.of), (3000, Some(9000)));
        let next = after(Some(first), Moving::Up(4000, Some(9000)), seconds(3));
        assert_eq!(next.rate, 500);
        // The other way begins anew.
        assert_eq!(after(Some(next), Moving::Down(8000, None), seconds(4)).rate, 2000);
    }
}
