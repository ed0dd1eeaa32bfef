//! Does the same to many things, on every core where they are many; the results keep their order.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism, scope};

/// So many things are worth a thread of their own.
const WORTH: usize = 32;
/// The work of each thread is cut into so many parts.
const PARTS: usize = 8;
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
    if threads == 1 {
        return items.iter_mut().map(f).collect();
    }
    // Small parts, taken by whoever has nothing to do: no thread waits long for another.
    let parts: Vec<_> = items
        .chunks_mut(count.div_ceil(threads * PARTS).max(1))
        .map(|part| Mutex::new(Part { todo: part, done: Vec::new() }))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.done = std::mem::take(&mut part.todo).iter_mut().map(&f).collect();
        }
    };
    scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| Builder::new().stack_size(STACK).spawn_scoped(scope, work))
            .collect();
        work();
        // Where no thread could be had, all has been done here.
        for thread in others.into_iter().flatten() {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
    let done =
        parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
    done.flat_map(|part| part.done).collect()
}

/// Some of the items, and what became of them.
struct Part<'a, T, R> {
    todo: &'a mut [T],
    done: Vec<R>,
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
