//! Everything counted, and the facts from which the exit code follows; it does not grow.

use std::collections::BTreeSet;

use super::PlanRecord;
use crate::event::{Section, StepRef};
use crate::finding::{Code, Finding, Severity};
use crate::outcome::{StepResult, Verdict};

/// How many ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Errored.
    pub errored: usize,
    /// Skipped.
    pub skipped: usize,
    /// Blocked.
    pub blocked: usize,
    /// Cancelled.
    pub cancelled: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Passed => &mut self.passed,
            Verdict::Failed => &mut self.failed,
            Verdict::Errored => &mut self.errored,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Blocked => &mut self.blocked,
            Verdict::Cancelled => &mut self.cancelled,
        };
        *count += 1;
    }

    /// How many ended so.
    #[must_use]
    pub fn get(&self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Passed => self.passed,
            Verdict::Failed => self.failed,
            Verdict::Errored => self.errored,
            Verdict::Skipped => self.skipped,
            Verdict::Blocked => self.blocked,
            Verdict::Cancelled => self.cancelled,
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        let Self { passed, failed, errored, skipped, blocked, cancelled } = self;
        passed + failed + errored + skipped + blocked + cancelled
    }
}

/// What a run counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Plans that ended.
    pub plans: Counts,
    /// Plans that began and did not end.
    pub unfinished: usize,
    /// Steps that ended, setup and cleanup included.
    pub steps: Counts,
    /// Steps of the plans' own `steps` that passed: setup and cleanup are no evidence.
    pub evidence: usize,
    /// Passes that needed more than one attempt.
    pub flaky: usize,
    /// Requests that were sent, retries, polls and redirects included, as far as they are recorded.
    pub requests: usize,
    /// Warnings: findings, assertions and budgets under `warn`.
    pub warnings: usize,
    /// What went wrong, by its exit code; without signals and what only `cli` knows.
    pub(super) faults: BTreeSet<u8>,
}

impl Tally {
    /// Counts a finding about the run.
    pub(super) fn finding(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Warning => self.warnings += 1,
            Severity::Error => {
                self.faults.insert(fault_of_run(finding.code));
            }
        }
    }

    /// Counts a step that ended.
    pub(super) fn step(&mut self, step: &StepRef, result: &StepResult) {
        self.requests += requests(result);
        self.warnings += warnings(result);
        if !step.is_counted() && (step.tentative || !result.has_own_fault()) {
            return;
        }
        self.steps.add(result.verdict);
        match result.verdict {
            Verdict::Passed => {
                self.evidence += usize::from(step.section == Section::Steps);
                self.flaky += usize::from(result.flaky);
            }
            Verdict::Failed => {
                self.faults.insert(if result.only_budget { BUDGET } else { ASSERTION });
            }
            Verdict::Errored => {
                self.faults.insert(ERROR);
            }
            // A blocked step adds nothing beyond its blocker, a cancelled one nothing beyond what
            // cancelled it.
            Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => {}
        }
    }

    /// Counts a plan that ended, with all of its steps already counted.
    pub(super) fn plan(&mut self, plan: &PlanRecord) {
        let Some(verdict) = plan.verdict else { return };
        self.plans.add(verdict);
        for finding in &plan.findings {
            match (finding.severity, finding.code) {
                (Severity::Warning, _) => self.warnings += 1,
                (Severity::Error, Code::BudgetExceeded) => {
                    self.faults.insert(BUDGET);
                }
                (Severity::Error, _) => {
                    self.faults.insert(ERROR);
                }
            }
        }
        match plan.breach.as_ref().map(|breach| breach.severity) {
            Some(Severity::Error) => {
                self.faults.insert(BUDGET);
            }
            Some(Severity::Warning) => self.warnings += 1,
            None => {}
        }
        let explained = plan.breach.is_some()
            || !plan.findings.is_empty()
            || plan
                .steps
                .iter()
                .filter(|step| !step.step.tentative)
                .any(|step| matches!(step.verdict(), Some(Verdict::Failed | Verdict::Errored)));
        match verdict {
            // A verdict that none of the plan's own facts explains still counts.
            Verdict::Failed if !explained => {
                self.faults.insert(ASSERTION);
            }
            Verdict::Errored if !explained => {
                self.faults.insert(ERROR);
            }
            Verdict::Passed
            | Verdict::Failed
            | Verdict::Errored
            | Verdict::Skipped
            | Verdict::Blocked
            | Verdict::Cancelled => {}
        }
    }
}

/// An assertion failed.
pub(super) const ASSERTION: u8 = 1;
/// A plan, environment or secret is invalid.
pub(super) const INVALID: u8 = 3;
/// Something could not be carried out.
pub(super) const ERROR: u8 = 5;
/// A budget was exceeded.
pub(super) const BUDGET: u8 = 6;
/// An output could not be written, or planrun itself failed.
pub(super) const OUTPUT: u8 = 7;

/// What an error about the run as a whole means: most are found before the first request.
fn fault_of_run(code: Code) -> u8 {
    if code == Code::OutputFailed {
        OUTPUT
    } else if matches!(code, Code::ServiceFailed | Code::TapFailed | Code::DeadlineExceeded)
        || code.as_str().starts_with("transport::")
    {
        ERROR
    } else {
        INVALID
    }
}

/// The warnings of a step's last attempt.
fn warnings(result: &StepResult) -> usize {
    result.attempts.last().map_or(0, |attempt| {
        let warns = |severity| severity == Severity::Warning;
        let assertions = attempt.assertions.iter();
        assertions.filter(|one| !one.passed && warns(one.severity)).count()
            + attempt.breaches.iter().filter(|breach| warns(breach.severity)).count()
            + attempt.findings.iter().filter(|finding| warns(finding.severity)).count()
    })
}

/// How many requests a step sent: earlier attempts of a poll are only counted, so their redirects
/// are not known.
fn requests(result: &StepResult) -> usize {
    let exchanges: Vec<_> =
        result.attempts.iter().filter_map(|attempt| attempt.exchange.as_ref()).collect();
    if exchanges.is_empty() {
        return 0;
    }
    let more: usize =
        exchanges.iter().map(|exchange| exchange.hops.len() + usize::from(exchange.repeated)).sum();
    usize::try_from(result.tries).unwrap_or(usize::MAX).max(exchanges.len()) + more
}
