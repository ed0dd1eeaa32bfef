//! Ctrl-C, SIGTERM and `--deadline`: the run ends early and cleans up; a second signal ends at once.
//!
//! They live on a thread of their own, so that they are heard even where the run is stuck.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::run::Stop;
use crate::services::Groups;

/// How long a run may go on after its cleanup should have ended.
const GRACE: Duration = Duration::from_secs(30);

/// Listens until the process ends; the receiver tells the run. A run that was told to end and takes
/// longer than its `cleanup`, and a little more, is ended; what has no cleanup ends without a word.
pub(super) fn listen(
    deadline: Option<Duration>,
    cleanup: Option<Duration>,
    groups: Arc<Groups>,
) -> watch::Receiver<Option<Stop>> {
    let (sender, receiver) = watch::channel(None);
    let (ready, is_ready) = std::sync::mpsc::channel();
    let listening = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            let signals = Signals::new();
            let _ = ready.send(());
            let last = wait(signals, sender, deadline, cleanup).await;
            // What was started for the run does not outlive it.
            groups.end();
            // Nothing is drawn any more.
            let _held = std::io::stderr().lock();
            if cleanup.is_some() {
                tell("ended before cleanup was over", last);
            }
            leave(last);
        });
    });
    drop(listening);
    // Nothing is sent before a signal is heard: it would end the process without its cleanup.
    let _ = is_ready.recv();
    receiver
}

async fn wait(
    mut signals: Signals,
    sender: watch::Sender<Option<Stop>>,
    deadline: Option<Duration>,
    cleanup: Option<Duration>,
) -> Stop {
    let first = tokio::select! {
        stop = signals.next() => stop,
        () = sleep(deadline) => Stop::Deadline,
    };
    let _ = sender.send(Some(first));
    if cleanup.is_some() {
        tell("interrupted: cleanup runs, Ctrl-C again ends at once", first);
    }
    let patience = cleanup.unwrap_or_default().saturating_add(GRACE);
    // Only the second word ends the process without its cleanup; so does a run that is stuck.
    tokio::select! {
        stop = signals.next() => stop,
        () = tokio::time::sleep(patience) => first,
    }
}

/// Tells a person at a terminal what their Ctrl-C does: on a line of its own, in place of the one
/// that moves.
fn tell(words: &str, stop: Stop) {
    let mut err = std::io::stderr().lock();
    if stop == Stop::Interrupt && err.is_terminal() {
        // Where that fails there is nobody to be told.
        let _ = write!(err, "\r\u{1b}[2K{words}\n").and_then(|()| err.flush());
    }
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// The exit code of an early end.
pub(super) fn code(stop: Stop) -> u8 {
    match stop {
        Stop::Interrupt => 130,
        Stop::Terminate => 143,
        Stop::Deadline => 124,
    }
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the run did not end by itself, and the user asked twice"
)]
fn leave(stop: Stop) {
    std::process::exit(i32::from(code(stop)));
}

/// The signals that end a run.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn next(&mut self) -> Stop {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => {
                    let _ = signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = one(&mut self.interrupt) => Stop::Interrupt,
            () = one(&mut self.terminate) => Stop::Terminate,
        }
    }
}

/// The signals that end a run.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> Stop {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Stop::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
