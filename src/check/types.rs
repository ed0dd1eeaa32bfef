//! The checked plan as data; its fields are private to this room.

use std::time::Duration;

use regex::Regex;

use super::body::RequestBody;
use super::cases::Cases;
use super::contract::CheckedContract;
use super::dial::{Dial, TlsFiles};
use super::include::Include;
pub use super::late::{Late, LateValue, Redirects};
use super::routes::{EqualRoutes, Route};
use super::samples::Samples;
use super::written::WrittenPart;
use crate::budget::Budget;
use crate::plan::{
    ApiKeyPlace, Backoff, Connection, GroupKind, Method, OnFailure, RetryWhen, Section,
};
use crate::predicate::Predicate;
use crate::query::{self, Subject};
use crate::source::{Place, SourceId, Spanned};
use crate::template::{Template, ValueTemplate};

/// A step's position among all steps of its plan: setup, steps, cleanup in this order, each group
/// before its own steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub usize);

/// A plan that can be carried out.
#[derive(Debug)]
pub struct CheckedPlan {
    pub(super) source: SourceId,
    pub(super) name: Spanned<String>,
    pub(super) description: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) covers: Vec<String>,
    pub(super) inputs: Vec<String>,
    pub(super) vars: Vec<Var>,
    pub(super) secrets: Vec<SecretUse>,
    pub(super) cases: Option<Cases>,
    pub(super) budget: Option<CheckedBudget>,
    pub(super) deadline: Option<Late<Duration>>,
    pub(super) deadline_place: Option<Place>,
    pub(super) cleanup_timeout: Option<Late<Duration>>,
    pub(super) steps: Vec<CheckedStep>,
    pub(super) literal_origins: Vec<String>,
    pub(super) hints: Vec<Hint>,
    pub(super) contracts: Vec<CheckedContract>,
    pub(super) files: Vec<Spanned<String>>,
    pub(super) tls_files: Vec<TlsFiles>,
}

impl CheckedPlan {
    /// The file.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Its name, where it is written.
    #[must_use]
    pub fn name(&self) -> &Spanned<String> {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Words to select it by.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Requirement ids that a pass of the whole plan is evidence for.
    #[must_use]
    pub fn covers(&self) -> &[String] {
        &self.covers
    }

    /// Names that must be given from outside.
    #[must_use]
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Variables in the order in which they can be evaluated.
    #[must_use]
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Declared secrets.
    #[must_use]
    pub fn secrets(&self) -> &[SecretUse] {
        &self.secrets
    }

    /// What the whole plan is repeated with.
    #[must_use]
    pub fn cases(&self) -> Option<&Cases> {
        self.cases.as_ref()
    }

    /// The budget of setup and steps together.
    #[must_use]
    pub fn budget(&self) -> Option<&CheckedBudget> {
        self.budget.as_ref()
    }

    /// The limit of the whole plan.
    #[must_use]
    pub fn deadline(&self) -> Option<&Late<Duration>> {
        self.deadline.as_ref()
    }

    /// Where that is written.
    #[must_use]
    pub fn deadline_place(&self) -> Option<Place> {
        self.deadline_place
    }

    /// The limit of cleanup.
    #[must_use]
    pub fn cleanup_timeout(&self) -> Option<&Late<Duration>> {
        self.cleanup_timeout.as_ref()
    }

    /// All steps: setup, steps, cleanup in this order, each group before its own steps.
    #[must_use]
    pub fn steps(&self) -> &[CheckedStep] {
        &self.steps
    }

    /// Files that templates name literally, relative to the plan's folder.
    #[must_use]
    pub fn files(&self) -> &[Spanned<String>] {
        &self.files
    }

    /// Those of them that hold certificates and keys.
    #[must_use]
    pub fn tls_files(&self) -> &[TlsFiles] {
        &self.tls_files
    }

    /// What is known of failures beforehand.
    #[must_use]
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The documents that its steps belong to.
    #[must_use]
    pub fn contracts(&self) -> &[CheckedContract] {
        &self.contracts
    }

    /// Origins of URLs that are literal in the plan.
    #[must_use]
    pub fn literal_origins(&self) -> &[String] {
        &self.literal_origins
    }
}

/// What a team knows of a failure.
#[derive(Debug)]
pub struct Hint {
    /// Where it is written: its first key.
    pub place: Place,
    /// What the response is like.
    pub when: Vec<Assertion>,
    /// Why the step failed.
    pub cause: Template,
    /// What to do about it.
    pub next: Option<Template>,
}

/// A variable of the plan.
#[derive(Debug)]
pub struct Var {
    /// Its name.
    pub name: String,
    /// Where it is defined: the value.
    pub place: Place,
    /// What it is.
    pub value: ValueTemplate,
    /// The secrets that go into it, also through other variables.
    pub secrets: Vec<String>,
}

/// A declared secret and who needs it.
#[derive(Debug)]
pub struct SecretUse {
    /// Its name, where it is declared.
    pub name: Spanned<String>,
    /// What it is.
    pub description: Option<String>,
    /// The shape that it must have.
    pub matches: Option<Regex>,
    /// Whether steps that need it are skipped where it is missing.
    pub optional: bool,
    /// The labels of the steps that need it.
    pub needed_by: Vec<String>,
}

/// What a step uses of others; decides whether it is blocked.
#[derive(Debug, Default, Clone)]
pub struct Uses {
    /// Captures: the name, the step that makes it, and whether `default(…)` stands on it.
    pub captures: Vec<(String, StepIndex, bool)>,
    /// Steps whose response is looked at, so that it must be there.
    pub steps: Vec<StepIndex>,
    /// Every field of a response that is looked at, `default(…)` or not.
    pub seen: Vec<(StepIndex, String)>,
    /// Secrets without which it cannot run, by name.
    pub secrets: Vec<String>,
}

/// A step that can be carried out.
#[derive(Debug)]
pub struct CheckedStep {
    /// The part of the plan.
    pub section: Section,
    /// Its position in that part or in its group, from 0.
    pub position: u32,
    /// The group that it stands in.
    pub parent: Option<StepIndex>,
    /// Where it begins.
    pub place: Place,
    /// Refers to it.
    pub id: Option<String>,
    /// Shown for it: the name, or the request line.
    pub name: Template,
    /// Requirement ids that a pass is evidence for.
    pub covers: Vec<String>,
    /// Never runs, with the reason.
    pub skip: Option<String>,
    /// What it is repeated with.
    pub cases: Option<Cases>,
    /// How often it is done.
    pub samples: Option<Box<Samples>>,
    /// Runs when true.
    pub condition: Option<Box<Condition>>,
    /// Blocked unless those passed.
    pub needs: Vec<StepIndex>,
    /// What it uses of others.
    pub uses: Uses,
    /// Whether its failure blocks the rest.
    pub on_failure: Late<OnFailure>,
    /// The limit of all attempts.
    pub deadline: Option<Late<Duration>>,
    /// Where that is written.
    pub deadline_place: Option<Place>,
    /// What it does.
    pub work: Work,
    /// What must hold.
    pub expect: Expect,
    /// What is only reported.
    pub warn: Expect,
    /// What is due of the answers of all its routes.
    pub equal_routes: Option<Box<EqualRoutes>>,
    /// What is kept.
    pub captures: Vec<Capture>,
    /// The time it may take.
    pub budget: Option<CheckedBudget>,
    /// The time after which it is reported.
    pub warn_budget: Option<CheckedBudget>,
    /// Trying again.
    pub retry: Option<Retry>,
    /// Waiting for something.
    pub poll: Option<Box<Poll>>,
}

impl CheckedStep {
    /// What to call it in a message: its id, else its name as written.
    #[must_use]
    pub fn label(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.name.text().to_owned())
    }
}

/// An expression that must be true.
#[derive(Debug)]
pub struct Condition {
    /// The expression.
    pub template: Template,
    /// As written.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// What a step does.
#[derive(Debug)]
pub enum Work {
    /// Sends a request.
    Request(Box<Request>),
    /// Judges expressions over what earlier steps saw.
    Assert(Vec<Condition>),
    /// Waits.
    Sleep(Late<Duration>),
    /// Carries its own steps out.
    Group(Group),
    /// Carries another plan out.
    Include(Box<Include>),
}

/// Steps that belong together.
#[derive(Debug)]
pub struct Group {
    /// How.
    pub kind: GroupKind,
    /// Its steps, in their order.
    pub children: Vec<StepIndex>,
}

/// A request that can be rendered and sent.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The key that names it.
    pub method_place: Place,
    /// The URL as written, or `base_url` before it when it begins with `/`.
    pub url: Template,
    /// Where the URL is written.
    pub url_place: Place,
    /// `base_url`, where one is defined, with its place.
    pub base_url: Option<(Template, Place)>,
    /// The ways that it takes, each before the URL instead of `base_url`.
    pub routes: Vec<Route>,
    /// Names in the URL that stand for captures: what they give came out of a response.
    pub captured: Vec<String>,
    /// Added to the query.
    pub query: Vec<(String, ValueTemplate)>,
    /// Headers: the step's own and those of the defaults that it does not override.
    pub headers: Vec<Header>,
    /// Cookies.
    pub cookies: Cookies,
    /// How it shows who it is, and whether that comes from the defaults.
    pub auth: Option<(Auth, bool)>,
    /// The body.
    pub body: Option<RequestBody>,
    /// Where the parts of it are written.
    pub written: Vec<WrittenPart>,
    /// The file that the body of the response is kept in, and where that is written.
    pub save: Option<(ValueTemplate, Place)>,
    /// The limit of the whole exchange.
    pub timeout: Late<Duration>,
    /// The limit of making the connection.
    pub connect_timeout: Late<Duration>,
    /// How many redirects are followed.
    pub follow_redirects: Late<Redirects>,
    /// The largest decoded body.
    pub max_body: Late<u64>,
    /// Whether a kept connection may be used.
    pub connection: Late<Connection>,
    /// How the connection is made.
    pub dial: Dial,
}

/// A header of a request.
#[derive(Debug)]
pub struct Header {
    /// Its name as written.
    pub name: String,
    /// Its value or list of values.
    pub value: ValueTemplate,
    /// Whether it comes from the defaults: then it goes only to the origin of `base_url`.
    pub from_defaults: bool,
}

/// Cookies of a request.
#[derive(Debug)]
pub enum Cookies {
    /// The jar is not sent either.
    None,
    /// The jar and these; whether they come from the defaults.
    Jar(Vec<(String, ValueTemplate)>, bool),
}

/// How a request shows who it is.
#[derive(Debug)]
pub enum Auth {
    /// A template that may be omitted.
    Template(ValueTemplate, Place),
    /// A bearer token.
    Bearer(ValueTemplate),
    /// User and password.
    Basic(ValueTemplate, ValueTemplate),
    /// User and password, for the challenge of the server.
    Digest(ValueTemplate, ValueTemplate),
    /// A token that a token endpoint gives.
    OAuth2(Box<OAuth2>),
    /// A key in a header or the query.
    ApiKey(ApiKeyPlace, String, ValueTemplate),
}

/// What a token endpoint is asked with.
#[derive(Debug)]
pub struct OAuth2 {
    /// The endpoint.
    pub token_url: ValueTemplate,
    /// Where it is written.
    pub place: Place,
    /// Whether its URL came out of a response.
    pub captured: bool,
    /// The client.
    pub client_id: ValueTemplate,
    /// Its secret.
    pub client_secret: Option<ValueTemplate>,
    /// What the token is to allow.
    pub scope: Option<ValueTemplate>,
}

/// What must hold.
#[derive(Debug, Default)]
pub struct Expect {
    /// Every assertion.
    pub assertions: Vec<Assertion>,
    /// Named outcomes; the first that holds is the step's.
    pub one_of: Vec<Outcome>,
    /// Where `contract: true` is written.
    pub contract: Option<Place>,
    /// What taps are to have seen.
    pub hops: Vec<CheckedHop>,
    /// Which outcome is due.
    pub due: Option<Box<(Template, Place)>>,
    /// Where `one_of` is written.
    pub place: Option<Place>,
}

/// What one tap is to have seen of a step.
#[derive(Debug)]
pub struct CheckedHop {
    /// The tap.
    pub tap: Spanned<String>,
    /// How many requests; the subject is the number of them.
    pub count: Assertion,
    /// Where `contract: true` is written.
    pub contract: Option<Place>,
    /// Whether it is optional and the environment has no such tap: the step is skipped.
    pub is_absent: bool,
    /// What each of them is like.
    pub assertions: Vec<(HopPart, Assertion)>,
}

/// What is looked at of a request that a tap saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopPart {
    /// The method.
    Method,
    /// The path without its query.
    Path,
    /// A parameter of the query.
    Query(String),
    /// The status of the dependency's answer.
    Status,
    /// Its headers and its body, by the subject of the assertion.
    Request,
}

/// A named outcome.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: Spanned<String>,
    /// What must hold for it.
    pub assertions: Vec<Assertion>,
    /// Where `contract: true` is written.
    pub contract: Option<Place>,
}

/// A budget with the templates of its limits.
#[derive(Debug)]
pub struct CheckedBudget {
    /// The limits.
    pub budget: Budget,
    /// The limits that are templates, in the order in which the budget wants them.
    pub operands: Vec<ValueTemplate>,
}

/// A subject with what is expected of it.
#[derive(Debug)]
pub struct Assertion {
    /// What is looked at.
    pub subject: Subject,
    /// As written: `$.id`, `headers.Content-Type`.
    pub text: String,
    /// The subject's key.
    pub place: Place,
    /// What is expected, where.
    pub value_place: Place,
    /// What is expected, transforms included.
    pub predicate: Predicate,
    /// The operands that are templates, in the order in which the predicate wants them.
    pub operands: Vec<ValueTemplate>,
    /// The expression of `values`, instead of something in the response.
    pub expression: Option<Box<Template>>,
    /// Whether planrun added it: 2xx where no status is stated.
    pub implied: bool,
}

/// A capture.
#[derive(Debug)]
pub struct Capture {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// What it takes.
    pub query: query::Capture,
    /// What is taken where nothing is found.
    pub default: Option<ValueTemplate>,
}

/// Trying again.
#[derive(Debug)]
pub struct Retry {
    /// Up to so many more.
    pub times: Late<u32>,
    /// The pause.
    pub delay: Late<Duration>,
    /// How it grows.
    pub backoff: Late<Backoff>,
    /// The longest pause.
    pub max_delay: Late<Duration>,
    /// Whether it varies.
    pub jitter: Late<bool>,
    /// What is tried again.
    pub when: Vec<RetryWhen>,
}

/// Waiting for something.
#[derive(Debug)]
pub struct Poll {
    /// The pause.
    pub every: Late<Duration>,
    /// How long in all.
    pub within: Late<Duration>,
    /// At most so many attempts.
    pub times: Option<Late<u32>>,
    /// What ends it as failed.
    pub give_up: Vec<Assertion>,
    /// Those of 401 and 403 that `expect` names.
    pub denials: Vec<u16>,
}
