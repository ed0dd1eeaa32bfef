//! `routes` as written: the ways that one request takes, and what may differ between its answers.

use crate::source::Place;
use crate::yaml::{Entry, Key, Node};

/// `routes:` of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutesAst {
    /// The key.
    pub place: Place,
    /// Each way, in its order.
    pub routes: Vec<RouteAst>,
}

/// One way.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteAst {
    /// What it is called.
    pub name: Key,
    /// What the URL of the step is appended to.
    pub url: Node,
}

/// `routes:` of `expect` or `warn`: the answers must be equal.
#[derive(Debug, Clone, PartialEq)]
pub struct EqualRoutesAst {
    /// The key.
    pub place: Place,
    /// Paths and headers that are not compared.
    pub ignore: Vec<Node>,
    /// Lists that are compared item by item by a field: path and field.
    pub set_by: Vec<Entry>,
    /// Numbers that may be so far apart: path and distance.
    pub within: Vec<Entry>,
    /// What is replaced in texts before they are compared: regular expression and text.
    pub replace: Vec<Entry>,
}
