//! Does the same to many things, on every core where they are many; the results keep their order.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism, scope};

/// So many things are worth a thread of their own.
const WORTH: usize = 32;
/// As much as the main thread has: values may lie deep.
const STACK: usize = 8 << 20;

/// What `f` makes of each item.
pub fn each<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut items: Vec<&T> = items.iter().collect();
    each_mut(&mut items, |item| f(item))
}

/// What `f` makes of each item, which it may change.
pub fn each_mut<T: Send, R: Send>(items: &mut [T], f: impl Fn(&mut T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let worth = count / WORTH;
    let threads =
        if worth < 2 { 1 } else { worth.min(available_parallelism().map_or(1, NonZero::get)) };
    let mut parts = items.chunks_mut(count.div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    // Whoever does a part takes it out of its place.
    let parts: Vec<_> = parts.map(|part| Mutex::new(Some(part))).collect();
    let do_part = |part: &Mutex<Option<&mut [T]>>| -> Vec<R> {
        let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
        part.into_iter().flatten().map(&f).collect()
    };
    let do_part = &do_part;
    scope(|scope| {
        let others: Vec<_> = parts
            .iter()
            .map(|part| {
                let work = move || do_part(part);
                (part, Builder::new().stack_size(STACK).spawn_scoped(scope, work))
            })
            .collect();
        let mut results: Vec<R> = Vec::with_capacity(count);
        results.extend(own.iter_mut().map(&f));
        for (part, thread) in others {
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(more)) => results.extend(more),
                Ok(Err(panic)) => resume_unwind(panic),
                // Without a thread the work is done here, after our own.
                Err(_) => results.extend(do_part(part)),
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
