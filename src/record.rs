//! Events folded: what a run was, as a whole, and the exit code that follows from it.
//!
//! A live reporter pushes events into a [`Fold`] and gets each plan when it ends, so that memory
//! does not grow with the number of plans; a document is rendered from a whole [`Record`].

mod covered;
mod exit;
mod fold;
mod lean;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use covered::{
    ContractCoverage, CoveredContract, CoveredOperation, Item, Level, Undocumented, reached,
};
pub use exit::{Flaky, exit_code, gravest};
pub use fold::{Fold, Keeps};
pub use tally::{Counts, Tally};

use crate::contract::Listed;
use crate::event::{EnvironmentTold, Event, JobId, PlanStarted, RunStarted, StepKind, StepRef};
use crate::finding::Finding;
use crate::outcome::{BudgetBreach, SampleColumns, StepResult, Tapped, Verdict};
use crate::source::SourceSet;

/// A run, whole.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What was known when it began; absent where the stream does not begin with it.
    pub started: Option<RunStarted>,
    /// The texts that places refer to, secrets masked.
    pub sources: SourceSet,
    /// The environments with their values.
    pub environments: Vec<EnvironmentTold>,
    /// What can be covered of each contract.
    pub contracts: Vec<Listed>,
    /// Findings of the check phase and about the run, in their order.
    pub findings: Vec<Finding>,
    /// What taps saw that belongs to no step that was under way: the first ones.
    pub untied: Vec<Tapped>,
    /// How many of these there were.
    pub untied_seen: usize,
    /// The jobs, by number; those that did not end have no verdict.
    pub plans: Vec<PlanRecord>,
    /// Everything counted.
    pub tally: Tally,
    /// How the run ended.
    pub end: End,
}

impl Record {
    /// Folds a stream of events.
    pub fn fold(events: impl IntoIterator<Item = Event>) -> Self {
        let mut fold = Fold::default();
        let mut plans: Vec<PlanRecord> =
            events.into_iter().filter_map(|event| fold.push(&event)).collect();
        let (mut record, open) = fold.into_record();
        plans.extend(open);
        plans.sort_by_key(|plan| plan.started.job);
        record.plans = plans;
        record
    }

    /// The plan of a job.
    #[must_use]
    pub fn plan(&self, job: JobId) -> Option<&PlanRecord> {
        self.plans.iter().find(|plan| plan.started.job == job)
    }

    /// The code that the process ends with; see [`exit_code`].
    #[must_use]
    pub fn exit_code(&self, flaky: Flaky) -> u8 {
        exit_code(&self.tally, &self.end, flaky)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    /// The stream has no last event: the run was killed, or is still going on.
    #[default]
    Incomplete,
    /// It ran to its end.
    Finished {
        /// The wall clock.
        duration: Duration,
    },
    /// A signal or the deadline ended it; cleanup ran.
    Interrupted {
        /// The wall clock.
        duration: Duration,
        /// `SIGINT`, `SIGTERM`, `deadline`.
        by: String,
    },
}

impl End {
    /// The wall clock of the run, where it came to an end.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Incomplete => None,
            Self::Finished { duration } | Self::Interrupted { duration, by: _ } => Some(*duration),
        }
    }

    /// Whether the run came to its own end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Finished { .. })
    }
}

/// One plan in one case.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRecord {
    /// What was known when it began.
    pub started: PlanStarted,
    /// Its steps in the order in which they began.
    pub steps: Vec<StepRecord>,
    /// How it ended; absent where the stream broke off.
    pub verdict: Option<Verdict>,
    /// The wall clock of setup and steps; zero where the stream broke off.
    pub duration: Duration,
    /// Its own budget, where it was exceeded.
    pub breach: Option<BudgetBreach>,
    /// Findings about the plan as a whole.
    pub findings: Vec<Finding>,
}

impl PlanRecord {
    /// A plan that begins.
    #[must_use]
    pub fn new(started: PlanStarted) -> Self {
        Self {
            started,
            steps: Vec::new(),
            verdict: None,
            duration: Duration::ZERO,
            breach: None,
            findings: Vec::new(),
        }
    }

    /// Whether a step is one of several ways of which another passed, or stands in one of many samples
    /// that passed together: what was wrong with it is no failure of the plan.
    #[must_use]
    pub fn is_overruled(&self, step: &StepRef) -> bool {
        step.tentative
            && self.steps.iter().any(|record| {
                matches!(record.step.kind, StepKind::FirstOf | StepKind::Repeated)
                    && step.is_inside(&record.step)
                    && record.verdict() == Some(Verdict::Passed)
            })
    }

    /// The steps that include the plan in which a step stands, the nearest first.
    #[must_use]
    pub fn includers(&self, step: &StepRef) -> Vec<&StepRef> {
        if step.within.is_empty() {
            return Vec::new();
        }
        let includes = self.steps.iter().map(|record| &record.step);
        let mut found: Vec<&StepRef> =
            includes.filter(|other| other.includes() && step.is_inside(other)).collect();
        found.sort_by_key(|include| std::cmp::Reverse(include.depth));
        found
    }

    /// The steps that are told one by one: what only holds others is left out, unless it has a fault of
    /// its own, and so is one of several ways that another way overruled.
    pub fn told(&self) -> impl Iterator<Item = &StepRecord> {
        self.steps.iter().filter(|record| {
            let own_fault = record.result.as_deref().is_some_and(StepResult::has_own_fault);
            (record.step.is_counted() || (own_fault && !record.step.tentative))
                && !self.is_overruled(&record.step)
        })
    }

    /// Its steps that ended so, in their order.
    pub fn ended(&self, verdict: Verdict) -> impl Iterator<Item = &StepRecord> {
        self.steps.iter().filter(move |step| step.verdict() == Some(verdict))
    }
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Which step.
    pub step: StepRef,
    /// When it began, since the run's start; absent for one that never began.
    pub at: Option<Duration>,
    /// Its samples, where it is repeated.
    pub samples: Vec<SampleColumns>,
    /// How it ended; absent where the stream broke off.
    pub result: Option<Arc<StepResult>>,
}

impl StepRecord {
    /// One that begins.
    #[must_use]
    pub fn begun(step: StepRef, at: Duration) -> Self {
        Self { step, at: Some(at), samples: Vec::new(), result: None }
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.result.as_ref().map(|result| result.verdict)
    }
}
