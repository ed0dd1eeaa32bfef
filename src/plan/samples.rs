//! `repeat` and what belongs to it, as written: many samples of one step.

use super::Templated;
use crate::source::{Place, Spanned};
use crate::yaml::{Key, Node};

/// How often a step is done, and what must hold of all that together.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplesAst {
    /// How many samples count.
    pub repeat: Spanned<Templated<u32>>,
    /// How many come before them and do not count.
    pub warmup: Option<Spanned<Templated<u32>>>,
    /// How many at once.
    pub concurrency: Option<Spanned<Templated<u32>>>,
    /// `start: together`.
    pub together: Option<Place>,
    /// What must hold of all of them.
    pub expect_all: Option<ExpectAllAst>,
}

/// `expect_all:`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectAllAst {
    /// The key.
    pub place: Place,
    /// How many ended in which outcome.
    pub outcomes: Option<SharesAst>,
    /// How many got which status.
    pub statuses: Option<SharesAst>,
    /// How many different values a path gave.
    pub distinct: Vec<DistinctAst>,
    /// How many passed.
    pub passed: Option<Spanned<Node>>,
}

/// How many samples fall into each class; what is not listed fails.
#[derive(Debug, Clone, PartialEq)]
pub struct SharesAst {
    /// The key.
    pub place: Place,
    /// Each class with its share.
    pub shares: Vec<(Key, ShareAst)>,
}

/// How many samples are due in one class.
#[derive(Debug, Clone, PartialEq)]
pub enum ShareAst {
    /// All that fall into no other.
    Rest(Place),
    /// A number, or operators on it.
    Count(Node),
}

/// How many different values are due.
#[derive(Debug, Clone, PartialEq)]
pub struct DistinctAst {
    /// The path.
    pub path: Key,
    /// A number or operators on it; nothing for `all`.
    pub count: Option<Node>,
    /// Where that is written.
    pub place: Place,
}
