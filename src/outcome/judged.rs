//! What was judged: assertions, captures and budgets of an attempt, and the verdict of a step.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Content, ContractUse, DocumentedPart, Exchange, Phase, RoutesCompared, SamplesResult, TapRef,
    Tapped,
};
use crate::finding::{Code, Finding, Severity};
use crate::source::Place;
use crate::units::nanos;

/// How a step, a plan or a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Carried out, and everything was as expected. Only this is evidence.
    Passed,
    /// Carried out, and something was wrong.
    Failed,
    /// Could not be carried out.
    Errored,
    /// Did not run, for a reason that the plan gives.
    Skipped,
    /// Did not run, because a step that it needs did not pass.
    Blocked,
    /// Was interrupted.
    Cancelled,
}

impl Verdict {
    /// The verdict of several together: what was skipped changes nothing, unless all was.
    #[must_use]
    pub fn gravest(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |verdict: &Self| match verdict {
            Self::Skipped => 0,
            Self::Passed => 1,
            Self::Blocked => 2,
            Self::Cancelled => 3,
            Self::Failed => 4,
            Self::Errored => 5,
        };
        all.into_iter().max_by_key(rank).unwrap_or(Self::Skipped)
    }
}

/// Why a step did not run or was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `skip: "…"`, with its text.
    Skip(String),
    /// `if:` was false, with the expression.
    If(String),
    /// A secret that is optional was not given.
    SecretMissing(String),
    /// What it expects of a tap is optional, and the environment has no such tap.
    TapMissing(String),
    /// In cleanup: what it would clean up was never made (the capture's or step's name).
    NothingToCleanUp(String),
    /// A step that it needs did not pass: that step's label (id or name).
    BlockedBy(String),
    /// Not among the selected steps.
    NotSelected,
    /// The run or plan deadline.
    Deadline(String),
    /// SIGINT or SIGTERM.
    Interrupted(String),
    /// So many steps have failed that no other begins (`--max-fail`).
    Failures(u32),
}

/// What an assertion expected, as data; reporters phrase it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The operator's word: `equals`, `matches`, …
    pub operator: String,
    /// Its operand; null for `present` and the like.
    pub operand: Value,
}

/// What was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actual {
    /// A value; long ones are cut by the gate.
    Value(Value),
    /// Nothing: how far the path got and what is there instead.
    Missing {
        /// The longest part of the path that exists: `$.registered_model`.
        reached: String,
        /// What stands there: the keys of an object, the length of a list, or the kind of a scalar.
        there: Vec<String>,
        /// A key there that looks like the missing one.
        nearest: Option<String>,
    },
    /// The body is not JSON: what it is instead (`text/html: <title>Sign in`).
    NotJson(String),
    /// What is there cannot be read: why (`only 64 KiB of the body's 70 KiB are kept`).
    Unreadable(String),
    /// The value could not be judged or transformed: why.
    Unjudgeable {
        /// The value that was there.
        value: Value,
        /// Why: `` `gt` compares numbers, this is a text ``.
        why: String,
    },
}

/// One assertion and how it was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// The subject as written: `$.is_valid`, `status`, `headers.Content-Type`.
    pub subject: String,
    /// The assertion's own span in the plan: the subject's key, or the value where it is to blame.
    pub place: Place,
    /// `Error` for `expect`, `Warning` for `warn`.
    pub severity: Severity,
    /// Whether it holds.
    pub passed: bool,
    /// What was expected.
    pub expected: Expected,
    /// What was there; absent where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Actual>,
    /// Where in the response: a JSON pointer into the body where the subject is a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which outcome of `one_of` it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// A remark that explains: ``1 is a number, "1" is a text``.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What of the value does not fit a JSON Schema, as far as it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The tap that it is about, where it is about none of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<Box<TapRef>>,
}

/// One place of a value that does not fit a JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the judged value, as a JSON pointer.
    pub at: String,
    /// Where in the response body, as a JSON pointer, where the value stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What the schema wants there: ``at least 18``, ``the field `email` ``.
    pub wanted: String,
    /// The keyword that says so: `minimum`, `required`.
    pub keyword: String,
    /// Where in the schema's file that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// One capture and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureResult {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// What it took; masked where secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why it took nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Actual>,
}

/// A budget that was exceeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetBreach {
    /// The phase that was limited.
    pub phase: Phase,
    /// Where the limit is written.
    pub place: Place,
    /// The limit in nanoseconds.
    #[serde(with = "nanos")]
    pub limit: Duration,
    /// What it took.
    #[serde(with = "nanos")]
    pub actual: Duration,
    /// The phase that ate the time, with its share.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::share")]
    pub longest: Option<(Phase, Duration)>,
    /// `Error` for `budget`, `Warning` under `warn`.
    pub severity: Severity,
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Which sample it is of, from 1, where there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
    /// When it began, since the run's start, in nanoseconds.
    #[serde(with = "nanos")]
    pub at: Duration,
    /// What went over the network; absent for a step that sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<Exchange>>,
    /// Every assertion that was evaluated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Assertion>,
    /// Every capture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<CaptureResult>,
    /// The tightest limit of its total, kept or not.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub limit: Option<Duration>,
    /// Budgets that were exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<BudgetBreach>,
    /// Errors and warnings of this attempt that are none of the above: a template that failed, a
    /// duplicate key in the response.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The outcome of `one_of` that held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What was used of a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Box<ContractUse>>,
    /// Where contracts say something of what the answer names as wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documented: Vec<DocumentedPart>,
    /// How the answer compares with that of the step's first route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Box<RoutesCompared>>,
    /// The hints that fit a failing attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
    /// What the system under test sent to its dependencies meanwhile, as taps saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tapped: Vec<Tapped>,
}

/// What a team knew of a failure beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hint {
    /// Where it is written.
    pub place: Place,
    /// Why the step failed.
    pub cause: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What it says of the response; all of it holds.
    pub when: Vec<Assertion>,
}

/// How one step of one case ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// How it ended.
    pub verdict: Verdict,
    /// Why it did not run, or was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// A pass that needed more than one attempt of `retry`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// The last attempt whole; earlier ones of a poll are only counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// How many attempts were made.
    pub tries: u32,
    /// From the first attempt's start to the last one's end.
    #[serde(with = "nanos")]
    pub duration: Duration,
    /// The code that names the ending, where it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What ended it in one line, where that is not one of the attempt's own facts:
    /// ``gave up: the expectation did not hold within 10 s (21 attempts)``.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where what ended it is written: its deadline, or the request that got no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Place>,
    /// Whether only budgets failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_budget: bool,
    /// What its samples were together, where it was repeated: then the attempts are those of a few
    /// samples, and the last one tells most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Box<SamplesResult>>,
}

impl StepResult {
    /// A result with nothing in it but how it ended.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            reason: None,
            flaky: false,
            attempts: Vec::new(),
            tries: 0,
            duration: Duration::ZERO,
            code: None,
            message: None,
            ended_at: None,
            only_budget: false,
            samples: None,
        }
    }

    /// Whether it passed at once, and no warning, no remark and no failed assertion is in it.
    #[must_use]
    pub fn tells_nothing(&self) -> bool {
        let is_plain = |attempt: &Attempt| {
            attempt.assertions.iter().all(|assertion| assertion.passed)
                && attempt.captures.iter().all(|capture| capture.missing.is_none())
                && attempt.breaches.is_empty()
                && attempt.findings.is_empty()
                && attempt.hints.is_empty()
        };
        self.verdict == Verdict::Passed
            && self.tries <= 1
            && self.samples.is_none()
            && self.attempts.iter().all(is_plain)
    }

    /// Lets go of what was judged and of what was sent beside the request line.
    pub fn forget_details(&mut self) {
        for attempt in &mut self.attempts {
            attempt.assertions = Vec::new();
            attempt.captures = Vec::new();
            if let Some(exchange) = &mut attempt.exchange {
                exchange.request.headers = Vec::new();
                exchange.request.body.content = Content::Empty;
            }
        }
    }

    /// Whether a step that holds others has a fault beside theirs: a deadline, a budget, that none
    /// of its ways passed.
    #[must_use]
    pub fn has_own_fault(&self) -> bool {
        self.code.is_some() && matches!(self.verdict, Verdict::Failed | Verdict::Errored)
    }

    /// Where the first thing is written that did not hold: of all samples, else of the last attempt.
    #[must_use]
    pub fn first_failed(&self) -> Option<Place> {
        let together = self.samples.iter().flat_map(|samples| &samples.assertions);
        let alone = self.attempts.last().into_iter().flat_map(|attempt| &attempt.assertions);
        let failed = |one: &&Assertion| !one.passed && one.severity == Severity::Error;
        together.chain(alone).find(failed).map(|one| one.place)
    }
}
