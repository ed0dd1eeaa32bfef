//! Owes the second Ctrl-C the process groups that services run in: what planrun started ends with it.

use std::sync::{Mutex, PoisonError};

/// The process groups of all services that run; shared with whoever ends planrun at once.
#[derive(Debug, Default)]
pub struct Groups(Mutex<Vec<u32>>);

impl Groups {
    /// Ends every process of every group at once.
    pub fn end(&self) {
        for group in self.lock().drain(..) {
            kill(group);
        }
    }

    pub(super) fn add(&self, group: u32) {
        self.lock().push(group);
    }

    /// Ends what is left of one group, and forgets it.
    pub(super) fn end_one(&self, group: u32) {
        self.lock().retain(|known| *known != group);
        kill(group);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(unix)]
fn pid(group: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(group).ok()?)
}

/// Asks every process of a group to end.
#[cfg(unix)]
pub(super) fn terminate(group: u32) {
    if let Some(pid) = pid(group) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
    }
}

/// Whether a group has a process left.
#[cfg(unix)]
pub(super) fn is_alive(group: u32) -> bool {
    pid(group).is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
}

#[cfg(unix)]
fn kill(group: u32) {
    if let Some(pid) = pid(group) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(super) fn terminate(_: u32) {}

#[cfg(not(unix))]
pub(super) fn is_alive(_: u32) -> bool {
    false
}

#[cfg(not(unix))]
fn kill(_: u32) {}
