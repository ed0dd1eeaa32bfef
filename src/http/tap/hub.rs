//! What all taps of a run have seen, each exchange tied to the step that it belongs to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use super::passing::at;
use super::recorded::Recorded;
use crate::outcome::{Phases, Tie, Transport};

/// How long an answer that is still on its way is waited for, once the step has its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// Requests of so many steps that have ended are known, to say of what comes late where it belongs.
const REMEMBERED: usize = 256;
/// So many exchanges that belong to no step are kept until somebody takes them.
const STRAYS: usize = 1024;

/// Keeps what taps see. A clone is the same hub.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Requests of steps that are under way.
    active: Vec<Active>,
    /// Those that have ended, the newest last.
    ended: VecDeque<(Parent, String)>,
    entries: Vec<Entry>,
    /// Whether any tap is there: without one, nothing has to be looked after.
    tapped: bool,
}

#[derive(Debug)]
struct Active {
    token: u64,
    parent: Option<Parent>,
    label: String,
    /// How many requests each tap saw that may be of this one, or of another.
    unsure: Unsure,
}

/// How many requests taps saw of which nothing says whose they are, by the name of the tap.
pub type Unsure = BTreeMap<String, u64>;

/// Whose a request is that came to a tap.
#[derive(Debug)]
enum Owner {
    /// A request of a step.
    Of(u64, Tie),
    /// A step that had ended when it came.
    Late(String),
    /// One of these, or nobody.
    OneOf(Vec<u64>),
}

/// The trace and the span of a `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parent {
    trace: String,
    span: String,
}

impl Parent {
    fn read(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-').skip(1);
        let (trace, span) = (parts.next()?, parts.next()?);
        Some(Self { trace: trace.to_ascii_lowercase(), span: span.to_ascii_lowercase() })
    }
}

#[derive(Debug)]
struct Entry {
    id: u64,
    token: Option<u64>,
    tie: Tie,
    /// The step that had ended when it came.
    late: Option<String>,
    arrived: Arrived,
    at: Instant,
    answered: Option<(Answered, Instant)>,
    refused: Option<String>,
    over: Option<(Option<Transport>, Instant)>,
}

/// A request that came to a tap.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) tap: Arc<str>,
    pub(super) contract: Option<String>,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Recorded,
}

/// What the dependency answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Recorded,
    pub(super) remote: Option<String>,
}

/// One exchange that a tap saw, raw.
#[derive(Debug)]
pub struct Seen {
    /// The tap.
    pub tap: String,
    /// The contract that it is held against.
    pub contract: Option<String>,
    /// How it is tied to its step.
    pub tie: Tie,
    /// When it came.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The URL that the dependency is asked under.
    pub url: String,
    /// The path that the tap was asked for, with the query.
    pub path: String,
    /// The headers that the tap got.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, its size, and its digest.
    pub body: (Bytes, u64, Option<String>),
    /// Whether the caller sent all of the body, and the dependency took it.
    pub is_whole: bool,
    /// What the dependency answered.
    pub answer: Option<SeenAnswer>,
    /// Why there is none, or why it is not whole.
    pub error: Option<Transport>,
    /// Why the tap refused it.
    pub refused: Option<String>,
    /// How long it took.
    pub phases: Phases,
}

/// What the dependency answered, raw.
#[derive(Debug)]
pub struct SeenAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, its size, and its digest.
    pub body: (Bytes, u64, Option<String>),
    /// The address that answered.
    pub remote: Option<String>,
}

/// An exchange that belongs to no step that is under way.
#[derive(Debug)]
pub struct Stray {
    /// The exchange.
    pub seen: Seen,
    /// The step that it belongs to, where that had ended when it came.
    pub late: Option<String>,
}

impl Hub {
    /// Says that there is a tap.
    pub fn expect_taps(&self) {
        self.state().tapped = true;
    }

    /// Whether there is a tap.
    #[must_use]
    pub fn has_taps(&self) -> bool {
        self.state().tapped
    }

    /// A request of a step is about to be sent, with this `traceparent`.
    #[must_use]
    pub fn watch(&self, traceparent: Option<&str>, label: &str) -> Option<Watching> {
        let mut state = self.state();
        if !state.tapped {
            return None;
        }
        let token = state.next();
        let parent = traceparent.and_then(Parent::read);
        let (label, unsure) = (label.to_owned(), Unsure::new());
        state.active.push(Active { token, parent, label, unsure });
        Some(Watching { hub: self.clone(), token })
    }

    /// What belongs to no step that is under way, and is over; all of it where the run is.
    #[must_use]
    pub fn strays(&self, run_is_over: bool) -> Vec<Stray> {
        let mut state = self.state();
        let of_none =
            |entry: &Entry| entry.token.is_none() && (run_is_over || entry.over.is_some());
        state.take(of_none).into_iter().map(Entry::stray).collect()
    }

    pub(super) fn arrive(&self, arrived: Arrived) -> Entered {
        let named = |wanted: &str| {
            let mut headers = arrived.headers.iter();
            headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
        };
        let parent = named(crate::outcome::TRACEPARENT).and_then(|value| Parent::read(value));
        let mut state = self.state();
        let (token, tie, late) = match state.owner(parent.as_ref()) {
            Owner::Of(token, tie) => (Some(token), tie, None),
            Owner::Late(label) => (None, Tie::None, Some(label)),
            Owner::OneOf(tokens) => {
                for active in state.active.iter_mut().filter(|one| tokens.contains(&one.token)) {
                    *active.unsure.entry(arrived.tap.to_string()).or_default() += 1;
                }
                (None, Tie::None, None)
            }
        };
        let id = state.next();
        let strays = state.entries.iter().filter(|entry| entry.token.is_none()).count();
        if token.is_some() || strays < STRAYS {
            let (at, answered, refused, over) = (at(), None, None, None);
            state.entries.push(Entry {
                id,
                token,
                tie,
                late,
                arrived,
                at,
                answered,
                refused,
                over,
            });
        }
        Entered { hub: self.clone(), id }
    }

    /// How many bytes of requests came that nobody took yet.
    #[cfg(test)]
    pub(super) fn came(&self) -> u64 {
        self.state().entries.iter().map(|entry| entry.arrived.body.size()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.state().entries.iter_mut().find(|entry| entry.id == id) {
            change(entry);
        }
        self.0.changed.notify_waiters();
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The request of a step that something belongs to: by its trace, else by the time, where only
    /// one is under way.
    fn owner(&self, parent: Option<&Parent>) -> Owner {
        if let Some(parent) = parent {
            // Whoever passes a trace on may give it a span of its own.
            let ways: [&dyn Fn(&Parent) -> bool; 2] =
                [&|known| known == parent, &|known| known.trace == parent.trace];
            for is_same in ways {
                let active = self.active.iter();
                let active = active.filter(|one| one.parent.as_ref().is_some_and(is_same));
                let active: Vec<u64> = active.map(|active| active.token).collect();
                let ended = self.ended.iter().rev().find(|(ended, _)| is_same(ended));
                match (active.as_slice(), ended) {
                    ([], None) => {}
                    ([], Some((_, label))) => return Owner::Late(label.clone()),
                    ([only], None) => return Owner::Of(*only, Tie::Trace),
                    // Where the plan states a trace, several requests may bear the same.
                    (_, _) => return Owner::OneOf(active),
                }
            }
        }
        match self.active.as_slice() {
            [only] => Owner::Of(only.token, Tie::Time),
            several => Owner::OneOf(several.iter().map(|active| active.token).collect()),
        }
    }

    fn take(&mut self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.entries.extract_if(.., |entry| wanted(entry)).collect()
    }
}

impl Entry {
    fn seen(self) -> Seen {
        let since = |instant: Instant| instant.saturating_duration_since(self.at);
        let phases = Phases {
            wait: self.answered.as_ref().map(|(_, first)| since(*first)),
            total: self.over.as_ref().map(|(_, end)| since(*end)),
            ..Phases::default()
        };
        Seen {
            tap: self.arrived.tap.to_string(),
            contract: self.arrived.contract,
            tie: self.tie,
            at: self.at,
            method: self.arrived.method,
            url: self.arrived.url,
            path: self.arrived.path,
            headers: self.arrived.headers,
            is_whole: self.arrived.body.is_whole(),
            body: self.arrived.body.take(),
            answer: self.answered.map(|(answered, _)| SeenAnswer {
                status: answered.status,
                headers: answered.headers,
                body: answered.body.take(),
                remote: answered.remote,
            }),
            error: self.over.and_then(|(error, _)| error),
            refused: self.refused,
            phases,
        }
    }

    fn stray(self) -> Stray {
        let late = self.late.clone();
        Stray { seen: self.seen(), late }
    }
}

/// An exchange that a tap tells of.
pub(super) struct Entered {
    hub: Hub,
    id: u64,
}

impl Entered {
    pub(super) fn answered(&self, answered: Answered) {
        self.hub.entry(self.id, |entry| entry.answered = Some((answered, at())));
    }

    pub(super) fn refused(&self, why: &str) {
        self.hub.entry(self.id, |entry| entry.refused = Some(why.to_owned()));
    }

    pub(super) fn over(&self, error: Option<Transport>) {
        self.hub.entry(self.id, |entry| entry.over = Some((error, at())));
    }
}

/// A request of a step that is under way; what taps see meanwhile belongs to it.
#[derive(Debug)]
pub struct Watching {
    hub: Hub,
    token: u64,
}

impl Watching {
    /// The request has its answer: what taps saw of it. What is still on its way to the dependency
    /// is waited for, but not long. Beside it, how many requests may be of it or of another.
    pub async fn end(self) -> (Vec<Seen>, Unsure) {
        let all_over = async {
            loop {
                let changed = self.hub.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let pending =
                    |entry: &Entry| entry.token == Some(self.token) && entry.over.is_none();
                if !self.hub.state().entries.iter().any(pending) {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all_over).await;
        let mut state = self.hub.state();
        let own = state.active.iter_mut().find(|active| active.token == self.token);
        let unsure = own.map(|active| std::mem::take(&mut active.unsure)).unwrap_or_default();
        let seen = state.take(|entry| entry.token == Some(self.token));
        (seen.into_iter().map(Entry::seen).collect(), unsure)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let mine = state.active.iter().position(|active| active.token == self.token);
        if let Some(active) = mine.map(|at| state.active.swap_remove(at))
            && let Some(parent) = active.parent
        {
            state.ended.push_back((parent, active.label));
            if state.ended.len() > REMEMBERED {
                state.ended.pop_front();
            }
        }
        // What nobody took belongs to a request that was cut short.
        for entry in state.entries.iter_mut().filter(|entry| entry.token == Some(self.token)) {
            entry.token = None;
        }
    }
}
