//! Hints as written: what a failing step looks like, why, and what to do.

use super::ExpectAst;
use crate::source::{Place, Spanned};
use crate::yaml::Node;

/// `hints:` of a plan or a project.
#[derive(Debug, Clone, PartialEq)]
pub enum HintsAst {
    /// They stand here.
    List(Vec<HintAst>),
    /// They stand in a file of their own, relative to this one.
    File(Spanned<String>),
}

/// One hint.
#[derive(Debug, Clone, PartialEq)]
pub struct HintAst {
    /// Its first key.
    pub place: Place,
    /// What the response is like.
    pub when: ExpectAst,
    /// Why the step failed: a text, templates inside.
    pub cause: Node,
    /// What to do about it.
    pub next: Option<Node>,
}
