//! Contracts as written: which document, where it counts, what is left out of it.

use jiff::civil::Date;

use crate::finding::{Code, Severity};
use crate::source::{Place, Spanned};
use crate::yaml::Node;

/// One of `contracts`.
#[derive(Debug, Clone, PartialEq)]
pub struct ContractAst {
    /// Its name.
    pub name: Spanned<String>,
    /// The path of the document, relative to the file that names it.
    pub spec: Spanned<String>,
    /// What a URL begins with that belongs to it; the scalar, templates inside.
    pub base: Node,
    /// What a violation in a plan is; a warning if absent.
    pub on_violation: Severity,
    /// What is left out.
    pub ignore: Vec<IgnoreAst>,
}

/// An exception from a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct IgnoreAst {
    /// The operation: `POST /pets`, or its id.
    pub operation: Spanned<String>,
    /// What is left out of it.
    pub code: Code,
    /// Why.
    pub reason: Spanned<String>,
    /// The last day on which it is.
    pub until: Spanned<Date>,
    /// Where it is written.
    pub place: Place,
}
