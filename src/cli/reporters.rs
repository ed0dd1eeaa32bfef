//! Everything that listens to a run: the stored events, the terminal, the log, the record.
//!
//! They live on a thread of their own, so that writing never holds up a request, and none of them
//! can silence another.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::kept::Kept;
use super::printer::quiet;
use crate::event::Event;
use crate::record::{Fold, Keeps};
use crate::report::{Ground, Terminal};
use crate::secret::{Redacted, Sealed};

/// How long the listeners wait for more before they sleep until woken.
const PAUSE: Duration = Duration::from_millis(5);

/// The most that is held back, in bytes: a run that never pauses is shown too.
const HELD: usize = 64 * 1024;

/// What the terminal says until it is written at once.
#[derive(Debug, Default)]
pub(super) struct Held {
    text: Vec<u8>,
    /// Whether nothing is held: a line that is drawn over must be drawn at once.
    is_live: bool,
}

impl Held {
    /// Holds what goes to a file or a pipe.
    pub(super) fn new(is_live: bool) -> Self {
        Self { text: Vec::new(), is_live }
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The listeners of one run.
pub(super) struct Reporters {
    pub(super) terminal: Option<Terminal>,
    pub(super) held: Held,
    pub(super) events: Option<BufWriter<File>>,
    /// The log: what `-v` shows, without colour.
    pub(super) log: Option<(Terminal, BufWriter<File>)>,
    /// Takes the plans that ended, for document reports.
    pub(super) kept: Option<Kept>,
    /// The line of an event: one piece of memory for all.
    pub(super) line: Vec<u8>,
}

/// What the listeners leave when the run has ended.
pub(super) struct Heard {
    pub(super) fold: Fold,
    pub(super) kept: Option<Kept>,
    /// Outputs that failed, each once.
    pub(super) failures: Vec<String>,
}

impl Reporters {
    /// Listens until the run has ended; unparking the thread cuts a pause short.
    pub(super) fn listen(mut self, mut events: Receiver<Sealed<Event>>) -> Heard {
        let kept = self.kept.take();
        let keeps = if kept.is_some() { Keeps::Whole } else { Keeps::Verdicts };
        let fold = Fold::keeping(keeps);
        let mut heard = Heard { fold, kept, failures: Vec::new() };
        let mut busy = false;
        loop {
            let event = match events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if busy => {
                    // What came is shown, and reaches the disk, so that a killed run can be
                    // reported up to its last line. More is likely to come: waiting for a few
                    // events at once costs far less than being woken for each.
                    self.flush(&mut heard);
                    busy = false;
                    std::thread::park_timeout(PAUSE);
                    continue;
                }
                Err(TryRecvError::Empty) => match events.blocking_recv() {
                    Some(event) => event,
                    None => break,
                },
            };
            busy = true;
            self.one(&event.open(), &mut heard);
            if self.held.text.len() >= HELD {
                self.flush(&mut heard);
            }
        }
        self.flush(&mut heard);
        heard
    }

    fn one(&mut self, event: &Redacted<Event>, heard: &mut Heard) {
        if let Some(file) = self.events.as_mut().filter(|_| !event.is_transient()) {
            // A line at a time: a run that is killed leaves whole lines.
            self.line.clear();
            Event::write_line(event, &mut self.line);
            if let Err(error) = file.write_all(&self.line) {
                heard.failures.push(format!("the stored run: {error}"));
                self.events = None;
            }
        }
        if let Some((log, file)) = &mut self.log {
            let written = catch_unwind(AssertUnwindSafe(|| log.event(event, file)))
                .unwrap_or_else(|_| Err(io::Error::other("its reporter failed")));
            if let Err(error) = written {
                heard.failures.push(format!("the log file: {error}"));
                self.log = None;
            }
        }
        if let Some(terminal) = &mut self.terminal {
            let shown = catch_unwind(AssertUnwindSafe(|| {
                if self.held.is_live {
                    terminal.event(event, &mut io::stdout().lock())
                } else {
                    terminal.event(event, &mut self.held)
                }
            }));
            if let Ok(result) = shown {
                self.shown(result, heard);
            } else {
                heard.failures.push("the terminal reporter failed".into());
                self.terminal = None;
            }
        }
        if let (Some(plan), Some(kept)) = (heard.fold.push(event), &mut heard.kept) {
            kept.plan(plan, &Ground::new(heard.fold.started(), heard.fold.sources()));
        }
    }

    /// A terminal that cannot be written to is told of once; one that was closed is no failure.
    fn shown(&mut self, result: io::Result<()>, heard: &mut Heard) {
        if result.is_err() {
            self.terminal = None;
        }
        if let Err(error) = quiet(result) {
            heard.failures.push(format!("the terminal: {error}"));
        }
    }

    fn flush(&mut self, heard: &mut Heard) {
        if !self.held.text.is_empty() {
            let text = std::mem::take(&mut self.held.text);
            let mut out = io::stdout().lock();
            let result = out.write_all(&text).and_then(|()| out.flush());
            drop(out);
            self.shown(result, heard);
        }
        if let Some(Err(error)) = self.events.as_mut().map(Write::flush) {
            heard.failures.push(format!("the stored run: {error}"));
            self.events = None;
        }
        if let Some(Err(error)) = self.log.as_mut().map(|(_, file)| file.flush()) {
            heard.failures.push(format!("the log file: {error}"));
            self.log = None;
        }
    }
}
