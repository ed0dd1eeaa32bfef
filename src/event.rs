//! What just happened, versioned: the wire between the run and everything that reports it.

mod environment;
mod line;
#[cfg(test)]
mod planted;
mod redact;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contract::Listed;
use crate::finding::Finding;
use crate::outcome::{SampleColumns, StepResult, Tapped, Verdict};
use crate::source::{Place, SourceId, SourceText};
use crate::units::nanos;

pub use crate::plan::Section;
pub use environment::{Commit, EnvironmentTold, ServiceTold, VariableTold};
pub use line::{LineFault, read_line, read_lines};

/// The version of the stream; a reader refuses a larger one.
pub const VERSION: u32 = 1;

/// Names one job of a run: one plan in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(pub u32);

/// Which step: its position, its label and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    /// The part of the plan.
    pub section: Section,
    /// Its position in that part or in what holds it, from 0.
    pub index: u32,
    /// Where it stands inside others: the positions of all that hold it, the outermost first, each
    /// followed by the number of the case or repetition where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<u32>,
    /// Which case of the step, where it has cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseRef>,
    /// How many steps that are reported hold it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// Whether it holds others.
    #[serde(default, skip_serializing_if = "StepKind::is_plain")]
    pub kind: StepKind,
    /// Whether it is one of several ways (`first_of`): what it finds decides nothing by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tentative: bool,
    /// Its id, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, or its request line (`GET /health`).
    pub name: String,
    /// Where it is written: the step's first key.
    pub place: Place,
    /// Requirement ids that a pass is evidence for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
}

/// One of the cases of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRef {
    /// Its number, from 0.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Of a case of a matrix: each name of the matrix with the value that it has here, in short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<(String, String)>,
}

/// What kind of step is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Does its one thing itself.
    #[default]
    Plain,
    /// Holds steps that run at once.
    Parallel,
    /// Holds steps of which the first that passes is the result.
    FirstOf,
    /// Holds the steps of another plan.
    Include,
    /// Holds another plan that is carried out many times: the steps of some of its samples, which
    /// decide nothing by themselves.
    Repeated,
}

impl StepKind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl StepRef {
    /// A step that stands in no other.
    #[must_use]
    pub fn new(section: Section, index: u32, name: &str, place: Place) -> Self {
        Self {
            section,
            index,
            within: Vec::new(),
            case: None,
            depth: 0,
            kind: StepKind::Plain,
            tentative: false,
            id: None,
            name: name.to_owned(),
            place,
            covers: Vec::new(),
        }
    }

    /// What a person reads: the name, and the case in brackets.
    #[must_use]
    pub fn title(&self) -> Cow<'_, str> {
        titled(&self.name, self.case.as_ref().map(|case| case.name.as_str()))
    }

    /// Sorts the steps of a job as they are written: what holds others before them.
    #[must_use]
    pub fn key(&self) -> StepKey {
        StepKey { section: self.section, trail: self.trail() }
    }

    /// The [`within`](Self::within) of the steps that it holds.
    #[must_use]
    pub fn trail(&self) -> Vec<u32> {
        let mut trail = self.within.clone();
        trail.push(self.index);
        trail.extend(self.case.as_ref().map(|case| case.number));
        trail
    }

    /// Whether both name the same step.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let number = |step: &Self| step.case.as_ref().map(|case| case.number);
        (self.section, self.index) == (other.section, other.index)
            && self.within == other.within
            && number(self) == number(other)
    }

    /// Whether it does its one thing itself, and holds no others.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.kind.is_plain()
    }

    /// Whether it holds the steps of another plan.
    #[must_use]
    pub fn includes(&self) -> bool {
        match self.kind {
            StepKind::Include | StepKind::Repeated => true,
            StepKind::Plain | StepKind::Parallel | StepKind::FirstOf => false,
        }
    }

    /// Whether another one holds it, near or far.
    #[must_use]
    pub fn is_inside(&self, other: &Self) -> bool {
        self.section == other.section && self.within.starts_with(&other.trail())
    }

    /// Whether its verdict is one of the run's steps: what only holds others adds nothing to them,
    /// and one of several ways nothing to the step that tries them.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let holds = match self.kind {
            StepKind::Plain | StepKind::FirstOf | StepKind::Repeated => false,
            StepKind::Parallel | StepKind::Include => true,
        };
        !holds && !self.tentative
    }
}

/// The position of a step among all of its job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    section: Section,
    trail: Vec<u32>,
}

/// One line of `events.jsonl`. Each is emitted through the gate as `Redacted<Event>`.
///
/// Tagged from outside: an inner tag would buffer the numbers, and numbers keep every digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The first event.
    RunStarted(RunStarted),
    /// A text that later events refer to; once each, before the first reference.
    Source {
        /// Its number.
        id: SourceId,
        /// The path it is shown under.
        path: String,
        /// SHA-256 of the text in lower-case hex.
        sha256: String,
        /// The text, secrets masked with the same width.
        text: Arc<str>,
    },
    /// What can be covered of a contract; once for each.
    Contract(Listed),
    /// A finding of the check phase or about the run as a whole (warnings; errors with exit 3).
    Finding {
        /// What it says.
        finding: Finding,
    },
    /// An environment has its values: its services run.
    Environment(EnvironmentTold),
    /// A job begins.
    PlanStarted(PlanStarted),
    /// A step begins.
    StepStarted {
        /// The job.
        job: JobId,
        /// The step.
        step: StepRef,
        /// Since the run's start.
        #[serde(with = "nanos")]
        at: Duration,
    },
    /// A step tries again: for the live terminal.
    StepRetried {
        /// The job.
        job: JobId,
        /// The step.
        step: StepRef,
        /// The attempt that just ended, from 1.
        attempt: u32,
        /// Why, in a few words.
        why: String,
    },
    /// A body that takes long is on its way: for the live terminal, and never stored.
    Moving {
        /// The job.
        job: JobId,
        /// The step.
        step: Box<StepRef>,
        /// How far it has come.
        transfer: Transfer,
    },
    /// Samples of a step that is repeated, since the last such event of the step.
    Samples {
        /// The job.
        job: JobId,
        /// The step.
        step: StepRef,
        /// How many are going to be taken.
        of: u32,
        /// What they were.
        columns: Box<SampleColumns>,
    },
    /// A tap saw an exchange that belongs to no request of a step that was under way; those that do
    /// are told with their attempt.
    Tapped(Box<Tapped>),
    /// A step ended.
    StepFinished {
        /// The job.
        job: JobId,
        /// The step.
        step: StepRef,
        /// How; shared, since several listeners keep it.
        result: Arc<StepResult>,
    },
    /// A job ended.
    PlanFinished {
        /// The job.
        job: JobId,
        /// How.
        verdict: Verdict,
        /// The wall clock of setup and steps.
        #[serde(with = "nanos")]
        duration: Duration,
        /// The plan's own budget or deadline, where it was exceeded.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
        /// The plan's budget where it was exceeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        breach: Option<crate::outcome::BudgetBreach>,
    },
    /// The last event; a stream without it is incomplete.
    RunFinished {
        /// The wall clock of the run.
        #[serde(with = "nanos")]
        duration: Duration,
        /// What interrupted it, if anything: `SIGINT`, `SIGTERM`, `deadline`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interrupted: Option<String>,
    },
}

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// With the request.
    Up,
    /// With the response.
    Down,
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which way it goes.
    pub way: Way,
    /// The bytes that have gone.
    pub bytes: u64,
    /// All its bytes, where that is known.
    pub of: Option<u64>,
    /// Since the begin of the exchange.
    #[serde(with = "nanos")]
    pub took: Duration,
    /// Bytes in a second, since it was told last.
    pub rate: u64,
}

impl Event {
    /// Whether it is of use only while it happens: no stored run and no document holds it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Moving { .. })
    }

    /// The job that it is about, if it is about one.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::RunStarted(_)
            | Self::Environment(_)
            | Self::Contract(_)
            | Self::Source { .. }
            | Self::Finding { .. }
            | Self::Tapped(_)
            | Self::RunFinished { .. } => None,
            Self::PlanStarted(started) => Some(started.job),
            Self::StepStarted { job, .. }
            | Self::StepRetried { job, .. }
            | Self::Samples { job, .. }
            | Self::Moving { job, .. }
            | Self::StepFinished { job, .. }
            | Self::PlanFinished { job, .. } => Some(*job),
        }
    }

    /// A text that later events refer to.
    #[must_use]
    pub fn source(source: &SourceText) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, source.text.as_bytes());
        Self::Source {
            id: source.id,
            path: source.path.clone(),
            sha256: crate::units::hex(digest.as_ref()),
            text: Arc::clone(&source.text),
        }
    }
}

/// What is known when a run begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`VERSION`].
    pub version: u32,
    /// The tool's version.
    pub planrun: String,
    /// The run's id: sortable by time.
    pub run: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// The environment's name, if one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The seed; `--seed` with it repeats the run.
    pub seed: u64,
    /// How many jobs are going to run.
    pub jobs: u32,
    /// How many steps they have together, as far as is known.
    pub steps: u32,
    /// The command line without secrets, for `run it again`.
    pub command: Vec<String>,
    /// Secrets that come from a variable of the process with another name than their own in upper
    /// case: each with that variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The commit that the project was at, as far as its repository says; whether files were changed
    /// since is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}

impl PlanStarted {
    /// What a person reads: the name, and the case in brackets.
    #[must_use]
    pub fn title(&self) -> Cow<'_, str> {
        titled(&self.name, self.case.as_deref())
    }
}

fn titled<'a>(name: &'a str, case: Option<&str>) -> Cow<'a, str> {
    match case {
        // A name that is made of the case says it already.
        Some(case) if !case.is_empty() && !name.contains(case) => {
            Cow::Owned(format!("{name} [{case}]"))
        }
        Some(_) | None => Cow::Borrowed(name),
    }
}

/// What is known when a job begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStarted {
    /// The job.
    pub job: JobId,
    /// The plan's name.
    pub name: String,
    /// The plan's path as shown.
    pub path: String,
    /// Its case, where it has cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Of a case of a matrix: each name of the matrix with the value that it has here, in short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub case_of: Vec<(String, String)>,
    /// Where the name is written.
    pub place: Place,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Requirement ids that a pass of the whole plan is evidence for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    /// How many steps are selected, setup and cleanup included.
    pub steps: u32,
    /// How many are not: a pass of the rest is none of the whole plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// Since the run's start.
    #[serde(with = "nanos")]
    pub at: Duration,
}
