//! The plan and project files as typed data: what was written, with a place for every key and value.
//!
//! Nothing here is checked against anything outside its own file: names, paths and templates are
//! text with places. `check` makes a checked plan of it.

mod body;
mod cases;
mod contract;
mod expect;
mod hint;
mod hops;
pub mod keys;
mod kind;
mod literal_secret;
mod options;
mod parse;
mod reader;
mod routes;
mod samples;
mod step;

pub use body::{BodyAst, PartAst, PartContentAst};
pub use cases::{AxisAst, AxisValuesAst, CasesAst, ColumnType, PlacedCases, RowsAst};
pub use contract::{ContractAst, IgnoreAst};
pub use expect::{AssertionAst, ExpectAst, OutcomeAst, SubjectAst};
pub use hint::{HintAst, HintsAst};
pub use hops::HopAst;
pub use kind::{FileKind, include_only_by_look, kind, kind_by_look};
pub use literal_secret::literal_secrets;
pub use options::{
    ApiKeyPlace, Auth, Backoff, Connection, CookiesAst, HttpWord, Method, RequestOptions, Retry,
    RetryWhen, Templated, TlsAst,
};
pub use parse::{parse, parse_hints, parse_project};
pub use routes::{EqualRoutesAst, RouteAst, RoutesAst};
pub use samples::{DistinctAst, ExpectAllAst, SamplesAst, ShareAst, SharesAst};
pub use step::{Action, CaptureAst, GroupKind, IncludeAst, OnFailure, Poll, RequestAst, Step};

pub(crate) use parse::{begin, defaults, finish, look_everywhere, other_kind};
pub(crate) use reader::{Fields, Reader};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::source::{SourceId, Spanned};
use crate::yaml::{Entry, Node};

/// A plan file as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The file.
    pub source: SourceId,
    /// `plan:`, the name.
    pub name: Spanned<String>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// Words to select it by.
    pub tags: Vec<Spanned<String>>,
    /// Requirement ids that a pass of the whole plan is evidence for.
    pub covers: Vec<Spanned<String>>,
    /// Only for including; a run of a folder passes it over.
    pub include_only: bool,
    /// Names that an includer or `--var` must give.
    pub inputs: Vec<Spanned<String>>,
    /// Variables: any value, templates inside.
    pub vars: Vec<Entry>,
    /// Declared secrets.
    pub secrets: Vec<SecretDeclaration>,
    /// What requests have in common.
    pub defaults: RequestOptions,
    /// The budget of setup and steps together: the node, read by `budget`.
    pub budget: Option<Node>,
    /// The limit of the whole plan.
    pub deadline: Option<Spanned<Templated<Duration>>>,
    /// The limit of cleanup; 60 s if absent.
    pub cleanup_timeout: Option<Spanned<Templated<Duration>>>,
    /// What a failing step does to the rest; `stop` if absent.
    pub on_failure: Option<Spanned<Templated<OnFailure>>>,
    /// What the whole plan is repeated with, each time as a job of its own.
    pub cases: Option<PlacedCases>,
    /// Runs first.
    pub setup: Vec<Step>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Always runs.
    pub cleanup: Vec<Step>,
    /// Team knowledge about failures.
    pub hints: Option<HintsAst>,
    /// OpenAPI documents that steps are compared with.
    pub contracts: Vec<ContractAst>,
}

impl Plan {
    /// Shows every step, those that others hold included.
    pub fn each_step<'p>(&'p self, visit: &mut dyn FnMut(&'p Step)) {
        fn all<'p>(steps: &'p [Step], visit: &mut dyn FnMut(&'p Step)) {
            for step in steps {
                visit(step);
                if let Action::Group(_, own) = &step.action {
                    all(&own.value, visit);
                }
            }
        }
        for section in [&self.setup, &self.steps, &self.cleanup] {
            all(section, visit);
        }
    }

    /// Shows every plan that it includes.
    pub fn each_include<'p>(&'p self, visit: &mut dyn FnMut(&'p IncludeAst)) {
        self.each_step(&mut |step| {
            if let Action::Include(include) = &step.action {
                visit(include);
            }
        });
    }

    /// Lets go of the steps as they were written, once they have been checked.
    pub fn forget_steps(&mut self) {
        let Self { setup, steps, cleanup, .. } = self;
        for section in [setup, steps, cleanup] {
            *section = Vec::new();
        }
    }
}

/// Which part of a plan a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Runs first; a failure blocks the rest.
    Setup,
    /// The steps.
    Steps,
    /// Always runs.
    Cleanup,
}

/// A secret that a plan declares.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretDeclaration {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is, for whoever has to give it.
    pub description: Option<Spanned<String>>,
    /// The regular expression that it must match; the scalar, for places inside it.
    pub matches: Option<Node>,
    /// Whether the cases that use it are skipped where it is missing.
    pub optional: bool,
}

/// A project file as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// The file.
    pub source: SourceId,
    /// `project:`, the name.
    pub name: Spanned<String>,
    /// The environment that is used where none is chosen.
    pub default_environment: Option<Spanned<String>>,
    /// The checklist that `covers` names items of.
    pub requirements: Option<Spanned<String>>,
    /// What requests have in common; a plan's own come over them.
    pub defaults: RequestOptions,
    /// Team knowledge about failures; a plan's own comes before it.
    pub hints: Option<HintsAst>,
    /// OpenAPI documents that steps are compared with; a plan's own of the same name come over them.
    pub contracts: Vec<ContractAst>,
}
