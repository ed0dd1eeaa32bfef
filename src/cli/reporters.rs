//! Everything that listens to a run: the stored events, the terminal, the log, the record.
//!
//! They live on a thread of their own, so that writing never holds up a request, and none of them
//! can silence another.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::printer::quiet;
use crate::event::Event;
use crate::record::{Fold, PlanRecord};
use crate::report::Terminal;
use crate::secret::Redacted;

/// The listeners of one run.
pub(super) struct Reporters {
    pub(super) terminal: Option<Terminal>,
    pub(super) events: Option<BufWriter<File>>,
    /// The log: what `-v` shows, without colour.
    pub(super) log: Option<(Terminal, BufWriter<File>)>,
    /// Whether whole plans are kept, for document reports.
    pub(super) keep: bool,
}

/// What the listeners leave when the run has ended.
pub(super) struct Heard {
    pub(super) fold: Fold,
    pub(super) plans: Vec<PlanRecord>,
    /// Outputs that failed, each once.
    pub(super) failures: Vec<String>,
}

impl Reporters {
    /// Listens until the run has ended.
    pub(super) fn listen(mut self, mut events: Receiver<Redacted<Event>>) -> Heard {
        let mut heard = Heard { fold: Fold::default(), plans: Vec::new(), failures: Vec::new() };
        loop {
            let event = match events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    // Nothing to do: what was written so far reaches the disk, so that a killed
                    // run can be reported up to its last line.
                    self.flush(&mut heard);
                    match events.blocking_recv() {
                        Some(event) => event,
                        None => break,
                    }
                }
            };
            self.one(event, &mut heard);
        }
        self.flush(&mut heard);
        heard
    }

    fn one(&mut self, event: Redacted<Event>, heard: &mut Heard) {
        if let Some(file) = &mut self.events {
            if let Err(error) = writeln!(file, "{}", Event::to_line(&event)) {
                heard.failures.push(format!("the stored run: {error}"));
                self.events = None;
            }
        }
        if let Some((log, file)) = &mut self.log {
            let written = catch_unwind(AssertUnwindSafe(|| log.event(&event, file)))
                .unwrap_or_else(|_| Err(io::Error::other("its reporter failed")));
            if let Err(error) = written {
                heard.failures.push(format!("the log file: {error}"));
                self.log = None;
            }
        }
        if let Some(terminal) = &mut self.terminal {
            let mut out = io::stdout().lock();
            let shown = catch_unwind(AssertUnwindSafe(|| terminal.event(&event, &mut out)));
            match shown {
                Ok(result) => {
                    let is_open =
                        !matches!(&result, Err(e) if e.kind() == io::ErrorKind::BrokenPipe);
                    if let Err(error) = quiet(result) {
                        heard.failures.push(format!("the terminal: {error}"));
                        self.terminal = None;
                    } else if !is_open {
                        self.terminal = None;
                    }
                }
                Err(_) => {
                    heard.failures.push("the terminal reporter failed".into());
                    self.terminal = None;
                }
            }
        }
        if let Some(plan) = heard.fold.push(event.into_inner()) {
            if self.keep {
                heard.plans.push(plan);
            }
        }
    }

    fn flush(&mut self, heard: &mut Heard) {
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
