//! What every job of a run shares: the client, the gate, the wire, the clock, the values from outside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::login::Tokens;
use crate::event::Event;
use crate::http::{AllowOrigins, Client, Hub};
use crate::outcome::Verdict;
use crate::project::FileRoot;
use crate::secret::{Gate, Sealed};
use crate::source::{Place, SourceId, SourceText};
use crate::template::{Bound, Group as _, Names};

/// Why a run is to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// `--deadline`.
    Deadline,
}

impl Stop {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Deadline => "deadline",
        }
    }
}

/// Where a variable's value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where it was set, if in a file.
    pub place: Option<Place>,
    /// The same in words: a path, `--var`, `PLANRUN_VAR_x`.
    pub source: String,
}

/// The values of one environment, ready for its plans.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentValues {
    /// `env.…` and `secrets.…`, as groups.
    pub names: Arc<Names>,
    /// Where each variable came from.
    pub origins: BTreeMap<String, Origin>,
    /// Secrets that have a value.
    pub secrets: Vec<String>,
    /// Origins that the environment's variables name, or that it allows.
    pub allow: AllowOrigins,
    /// Whether `allow` was given and nothing else counts.
    pub allow_given: bool,
    /// What each tap forwards to.
    pub forwards: Vec<(String, url::Url)>,
}

impl EnvironmentValues {
    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<Value> {
        let Some(Bound::Group(variables)) = self.names.get("env") else { return None };
        match variables.get(name)? {
            Bound::Value { value, taint: _ } => Some(value.into_owned()),
            Bound::Group(_) | Bound::Omit => None,
        }
    }
}

/// What a plan needs beyond its environment.
#[derive(Debug, Clone)]
pub struct PlanValues {
    /// The environment's values.
    pub environment: Arc<EnvironmentValues>,
    /// Values for the plan's own variables and inputs, with where each came from.
    pub given: BTreeMap<String, (Value, Origin)>,
    /// The plan's path as shown: part of every seed.
    pub path: String,
    /// The plan's folder, for `plan.dir` and `file()`.
    pub folder: PathBuf,
    /// The folders of the other files whose paths count: environments and the project.
    pub folders: Arc<BTreeMap<SourceId, PathBuf>>,
    /// What may be read.
    pub files: Arc<FileRoot>,
    /// The plan's text, told once before the first event that refers to it.
    pub source: Option<SourceText>,
    /// The same for every plan that it includes, near or far, by its file.
    pub included: Arc<BTreeMap<SourceId, Self>>,
}

/// Opens a file that is going to have this name, or one like it.
pub type Keep = Arc<dyn Fn(&str) -> std::io::Result<Arriving> + Send + Sync>;

/// A file that is being written; dropped, it is gone.
pub struct Arriving {
    /// What is there of it.
    pub file: std::fs::File,
    /// Gives the file its name, and says what it is.
    pub settle: Box<dyn FnOnce() -> std::io::Result<String> + Send>,
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arriving").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What every job shares.
pub struct Context {
    /// One client, one pool of connections.
    pub client: Client,
    /// The gate that every event passes.
    pub gate: Gate,
    /// The wire; at its other end the events are opened.
    pub events: mpsc::Sender<Sealed<Event>>,
    /// When the run began, on the monotonic clock.
    pub started: Instant,
    /// The same on the wall clock.
    pub started_at: Timestamp,
    /// The run's id.
    pub run: String,
    /// Decides all random values.
    pub seed: u64,
    /// Tells when to end early.
    pub stop: watch::Receiver<Option<Stop>>,
    /// Makes every word of `unique` a new one; begins at a number that no other run has.
    pub entropy: AtomicU64,
    /// Keeps the bodies of responses; nothing where nothing is kept.
    pub keep: Option<Keep>,
    /// What taps see.
    pub hub: Hub,
    /// The tokens that were asked for.
    pub tokens: Tokens,
    /// How many jobs run at once.
    pub jobs: usize,
    /// After so many failed steps none begins any more.
    pub max_failures: Option<u32>,
    /// How many steps have failed so far; begins at 0.
    pub failures: AtomicU32,
}

/// Events that are told later, or never.
pub(super) type Held = Mutex<Vec<Event>>;

impl Context {
    /// What one job by itself needs: it begins now, keeps nothing, and nothing of it is left to chance.
    #[expect(clippy::disallowed_methods, reason = "the clock belongs to this room")]
    #[must_use]
    pub fn alone(
        client: Client,
        gate: Gate,
        events: mpsc::Sender<Sealed<Event>>,
        stop: watch::Receiver<Option<Stop>>,
    ) -> Self {
        Self {
            client,
            gate,
            events,
            started: Instant::now(),
            started_at: Timestamp::now(),
            run: String::new(),
            seed: 0,
            stop,
            entropy: AtomicU64::new(0),
            keep: None,
            hub: Hub::default(),
            tokens: Tokens::default(),
            jobs: 1,
            max_failures: None,
            failures: AtomicU32::new(0),
        }
    }

    /// Tells an event, or holds it back.
    pub(super) async fn tell(&self, held: Option<&Held>, event: Event) {
        match held {
            Some(held) => held.lock().unwrap_or_else(PoisonError::into_inner).push(event),
            None => self.emit(event).await,
        }
    }

    /// Time since the run began.
    #[expect(clippy::disallowed_methods, reason = "the clock belongs to this room")]
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.started)
    }

    /// The wall clock, in step with the monotonic one.
    pub(super) fn now(&self) -> Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.elapsed()).unwrap_or_default();
        self.started_at.checked_add(elapsed).unwrap_or(self.started_at)
    }

    /// A number that was never given before.
    pub(super) fn entropy(&self) -> u64 {
        self.entropy.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts an event on the wire, through the gate.
    pub(super) async fn emit(&self, event: Event) {
        if let Event::StepFinished { job: _, step, result } = &event
            && matches!(result.verdict, Verdict::Failed | Verdict::Errored)
            && (step.is_counted() || !step.tentative && result.has_own_fault())
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        // What is masked is cut: nothing large waits to be.
        let event = if is_large(&event) { self.gate.redact(event).into_inner() } else { event };
        // The receiver is gone only when the process is ending.
        let _ = self.events.send(self.gate.seal(event)).await;
    }

    /// The number of failures after which nothing begins, where it is reached.
    pub(super) fn enough_failures(&self) -> Option<u32> {
        self.max_failures.filter(|most| self.failures.load(Ordering::Relaxed) >= *most)
    }

    /// Why the run is to end early, if it is.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        *self.stop.borrow()
    }

    /// Ends when the run is to end early.
    pub async fn until_stopped(&self) -> Stop {
        let mut stop = self.stop.clone();
        loop {
            if let Some(reason) = *stop.borrow_and_update() {
                return reason;
            }
            if stop.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A body of more bytes is large: it, or what was taken out of it, would fill the wire.
const LARGE: u64 = 256 * 1024;

/// Whether an event may hold much that is going to be cut.
fn is_large(event: &Event) -> bool {
    let Event::StepFinished { job: _, step: _, result } = event else { return false };
    result.attempts.iter().filter_map(|attempt| attempt.exchange.as_deref()).any(|exchange| {
        let response = exchange.response.as_ref().map_or(0, |response| response.body.size);
        response.max(exchange.request.body.size) > LARGE
    })
}
