//! What is expected of the requests that a tap saw, as written.

use super::AssertionAst;
use crate::source::{Place, Spanned};
use crate::yaml::Node;

/// One entry of `hops:`.
#[derive(Debug, Clone, PartialEq)]
pub struct HopAst {
    /// The tap.
    pub tap: Spanned<String>,
    /// How many requests it saw; at least one if absent.
    pub count: Option<(Place, Node)>,
    /// `contract: true`, at its value.
    pub contract: Option<Place>,
    /// `optional: true`: where there is no such tap, the step is skipped.
    pub optional: bool,
    /// What each of the requests is like. The group is `query` or `headers`.
    pub assertions: Vec<AssertionAst>,
}
