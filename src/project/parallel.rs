//! Does the same to many things, on every core where they are many; the results keep their order.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{Builder, available_parallelism, scope};

/// So many things are worth a thread of their own.
const WORTH: usize = 32;
/// As much as the main thread has: values may lie deep.
const STACK: usize = 8 << 20;

/// What `f` makes of each item.
pub fn each<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let worth = items.len() / WORTH;
    let threads =
        if worth < 2 { 1 } else { worth.min(available_parallelism().map_or(1, NonZero::get)) };
    let mut parts = items.chunks(items.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    scope(|scope| {
        let f = &f;
        let others: Vec<_> = parts
            .map(|part| {
                let work = move || part.iter().map(f).collect::<Vec<R>>();
                // Without a thread the work is done here, after our own.
                (part, Builder::new().stack_size(STACK).spawn_scoped(scope, work))
            })
            .collect();
        let mut results: Vec<R> = own.iter().map(f).collect();
        results.reserve(items.len() - own.len());
        for (part, thread) in others {
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(more)) => results.extend(more),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => results.extend(part.iter().map(f)),
            }
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_keep_the_order_however_many_there_are() {
        for count in [0, 1, 2, WORTH, 2 * WORTH, 2 * WORTH + 1, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(each(&items, |n| n + 1), (1..=count).collect::<Vec<_>>());
        }
    }
}
