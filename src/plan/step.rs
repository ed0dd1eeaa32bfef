//! A step as written: one action, and what decides whether and how often it is done.

use std::time::Duration;

use super::{BodyAst, ExpectAst, Method, RequestOptions, Templated};
use crate::source::{Place, Spanned};
use crate::yaml::{Entry, Node};

/// A step as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The first key of the step: where it begins.
    pub place: Place,
    /// Refers to it.
    pub id: Option<Spanned<String>>,
    /// Shown for it; may hold a template.
    pub name: Option<Node>,
    /// What it does.
    pub action: Action,
    /// What it is repeated with.
    pub cases: Option<super::PlacedCases>,
    /// The ways that its request takes.
    pub routes: Option<super::RoutesAst>,
    /// How often it is done.
    pub samples: Option<super::SamplesAst>,
    /// Runs when true.
    pub condition: Option<Node>,
    /// Never runs, with the reason.
    pub skip: Option<Spanned<String>>,
    /// Blocked unless those passed.
    pub needs: Vec<Spanned<String>>,
    /// Waiting for something.
    pub poll: Option<Box<Spanned<Poll>>>,
    /// What its failure does to the rest; the plan's if absent.
    pub on_failure: Option<Spanned<Templated<OnFailure>>>,
    /// The limit of all attempts.
    pub deadline: Option<Spanned<Templated<Duration>>>,
    /// Requirement ids that a pass is evidence for.
    pub covers: Vec<Spanned<String>>,
    /// What must hold.
    pub expect: Option<ExpectAst>,
    /// What is only reported.
    pub warn: Option<ExpectAst>,
    /// What is kept of the response.
    pub capture: Vec<CaptureAst>,
    /// The time it may take: the node, read by `budget`.
    pub budget: Option<Node>,
    /// Why it violates its contract on purpose.
    pub violates_contract: Option<Spanned<String>>,
}

/// What a step does; exactly one thing.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sends a request.
    Request(Box<RequestAst>),
    /// Compares what earlier steps saw.
    Assert(Vec<Node>),
    /// Waits.
    Sleep(Spanned<Templated<Duration>>),
    /// Steps that belong together, at the key that says how.
    Group(GroupKind, Spanned<Vec<Step>>),
    /// Carries another plan out.
    Include(Box<IncludeAst>),
}

/// `include:` with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncludeAst {
    /// The file, relative to the folder of the plan that names it.
    pub path: Spanned<String>,
    /// What the plan in it is given.
    pub with: Vec<Entry>,
    /// What is taken from it.
    pub export: Vec<Spanned<String>>,
}

impl Step {
    /// The names that it leaves for the steps after it: captures, and what is taken from an
    /// included plan.
    pub fn leaves(&self) -> impl Iterator<Item = &Spanned<String>> {
        let exports: &[Spanned<String>] = match &self.action {
            Action::Include(include) => &include.export,
            Action::Request(_) | Action::Assert(_) | Action::Sleep(_) | Action::Group(..) => &[],
        };
        self.capture.iter().map(|capture| &capture.name).chain(exports)
    }
}

/// How the steps of a group belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// All at once; each must pass.
    Parallel,
    /// One after the other until one passes.
    FirstOf,
}

impl GroupKind {
    /// The key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Parallel => "parallel",
            Self::FirstOf => "first_of",
        }
    }
}

/// A request as written.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestAst {
    /// The method, at its key.
    pub method: Spanned<Method>,
    /// The URL's scalar.
    pub url: Node,
    /// Added to the query of the URL.
    pub query: Vec<Entry>,
    /// The body, at its key.
    pub body: Option<Spanned<BodyAst>>,
    /// The file that the body of the response is kept in.
    pub save: Option<Node>,
    /// Everything that `defaults` take too.
    pub options: RequestOptions,
}

/// What a failing step does to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The rest is blocked.
    Stop,
    /// The rest runs.
    Continue,
}

impl OnFailure {
    /// Each with its word.
    pub const WORDS: [(&str, Self); 2] = [("stop", Self::Stop), ("continue", Self::Continue)];
}

/// `poll:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// The pause between attempts.
    pub every: Templated<Duration>,
    /// How long in all (`for:`).
    pub within: Templated<Duration>,
    /// At most so many attempts.
    pub times: Option<Templated<u32>>,
    /// What ends it at once as failed.
    pub give_up: Option<ExpectAst>,
}

/// One capture as written.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureAst {
    /// Its name.
    pub name: Spanned<String>,
    /// Its source: a path, a word, or a mapping; read by `query`.
    pub value: Node,
}
