//! A plan that was checked: names resolved, templates, paths and expressions compiled once.
//!
//! `check` is the only way to a [`CheckedPlan`]. Whoever takes one never asks again whether it is
//! valid. Nothing is sent and no file is read here: without an environment, what depends on it is
//! unknown, and unknown is never wrong.

mod alike;
mod body;
mod case_names;
mod cases;
mod contract;
mod dial;
mod environment;
mod expect;
mod exposed;
mod groups;
mod hints;
mod hops;
mod include;
mod late;
mod names;
mod never;
mod placed;
mod plan;
mod request;
mod retries;
mod routes;
mod samples;
mod step;
mod table;
mod types;
mod values;
mod written;

pub use body::{FilePath, Part, PartContent, RequestBody, SeedNumber};
pub use cases::{Axis, AxisValue, AxisValues, Cases, Row, RowFields};
pub use contract::{CheckedContract, Exception};
pub use dial::{Dial, TlsFiles, TlsSettings, is_proxy};
pub use environment::{
    CheckedEnvironment, CheckedService, CheckedTap, CheckedWork, ServiceFields, TAP_FIELDS, Words,
    check_environment,
};
pub use include::{Include, Included, Role, inside};
pub use plan::check;
pub use routes::{EqualRoutes, ROUTE, Route};
pub use samples::{Count, Distinct, ExpectAll, Samples, Share, Shares};
pub use types::{
    Assertion, Auth, Capture, CheckedBudget, CheckedHop, CheckedPlan, CheckedStep, Condition,
    Cookies, Expect, Group, Header, Hint, HopPart, Late, LateValue, OAuth2, Outcome, Poll,
    Redirects, Request, Retry, SecretUse, StepIndex, Uses, Var, Work,
};
pub use written::WrittenPart;

use std::collections::BTreeMap;

use crate::contract::Documents;
use crate::environment::EnvironmentShape;
use crate::plan::{ContractAst, HintAst, RequestOptions};
use crate::predicate::Schemas;
use crate::source::{SourceId, SourceSet};

/// What a plan is checked against beside itself.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The texts, for places inside scalars.
    pub sources: &'a SourceSet,
    /// What is known of the environment; nothing without one.
    pub environment: Option<&'a EnvironmentShape>,
    /// Defaults under the plan's own, the nearest first: the environment's, then the project's.
    pub defaults: &'a [&'a RequestOptions],
    /// Names of variables that the command line, or the plan that includes it, gives to the plan.
    pub given: &'a [String],
    /// Those of them whose values came out of a response.
    pub of_responses: &'a [String],
    /// The CSV files that the plan names, by their path as written.
    pub tables: &'a BTreeMap<String, SourceId>,
    /// Hints, the plan's own first.
    pub hints: &'a [&'a HintAst],
    /// Every plan that is included somewhere.
    pub included: &'a [Included<'a>],
    /// Which of them stands under each path that this plan includes, as written.
    pub includes: &'a BTreeMap<String, usize>,
    /// Whether it stands by itself.
    pub role: Role<'a>,
    /// The JSON Schemas that were read.
    pub schemas: Option<&'a Schemas>,
    /// What is known of contracts beside the plan's own.
    pub contracts: Contracts<'a>,
}

/// What is known of contracts beside those that the plan itself names.
#[derive(Debug, Clone, Copy)]
pub struct Contracts<'a> {
    /// Those of the project; the plan's own of the same name come over them.
    pub of_project: &'a [ContractAst],
    /// The documents that were read; nothing where none could be.
    pub documents: Option<&'a Documents>,
    /// The day, for exceptions that end; nothing where it is not known.
    pub today: Option<jiff::civil::Date>,
}

/// A plan that names no CSV file.
static NO_TABLES: BTreeMap<String, SourceId> = BTreeMap::new();
/// A plan that includes none.
static NO_INCLUDES: BTreeMap<String, usize> = BTreeMap::new();

impl<'a> Surroundings<'a> {
    /// Nothing but the texts.
    #[must_use]
    pub fn of(sources: &'a SourceSet) -> Self {
        Self {
            sources,
            environment: None,
            defaults: &[],
            given: &[],
            of_responses: &[],
            tables: &NO_TABLES,
            hints: &[],
            included: &[],
            includes: &NO_INCLUDES,
            role: Role::Alone,
            schemas: None,
            contracts: Contracts { of_project: &[], documents: None, today: None },
        }
    }
}

#[cfg(test)]
mod tests;
