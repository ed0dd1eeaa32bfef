//! What a stored run left to do again: the steps that did not pass, found in the plans of today.

use std::collections::BTreeSet;

use crate::check::{CheckedPlan, CheckedStep};
use crate::event::{Section, StepRef};
use crate::finding::{Finding, Severity};
use crate::outcome::Verdict;
use crate::record::PlanRecord;

/// What did not pass in a run; it does not grow with what passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Again {
    /// The run.
    pub run: String,
    plans: Vec<Left>,
}

/// What is left to do of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    /// The plan's path as it was shown.
    path: String,
    /// Steps that did not pass; none of them where it was the plan as a whole.
    steps: Vec<Mark>,
}

/// What names a step over an edit of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    id: Option<String>,
    name: String,
    /// Its position among the steps of the plan, or that of the step which holds it.
    position: u32,
    /// Whether it stands in another step.
    is_held: bool,
}

impl Again {
    /// Nothing yet of a run.
    #[must_use]
    pub fn of(run: &str) -> Self {
        Self { run: run.to_owned(), plans: Vec::new() }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Takes a plan of the run; one that passed leaves nothing. Where the plan itself is at fault,
    /// or only its setup or cleanup, or it did not come to its end, all of it is left.
    pub fn take(&mut self, plan: &PlanRecord) {
        let is_left = |verdict| match verdict {
            Some(Verdict::Passed | Verdict::Skipped) => false,
            Some(Verdict::Failed | Verdict::Errored | Verdict::Blocked | Verdict::Cancelled)
            | None => true,
        };
        // What of a plan that was killed would have passed, nobody knows.
        let is_whole = plan.verdict.is_none()
            || plan.breach.as_ref().is_some_and(|b| b.severity == Severity::Error)
            || plan.findings.iter().any(Finding::is_error);
        let steps: Vec<Mark> = plan
            .steps
            .iter()
            .filter(|_| !is_whole)
            .filter(|record| is_left(record.verdict()) && !plan.is_overruled(&record.step))
            .map(|record| &record.step)
            .filter(|step| {
                step.section == Section::Steps
                    && !is_included(plan, step)
                    && (step.is_plain() || step.includes() || !has_more(plan, step))
            })
            .map(Mark::of)
            .collect();
        if is_left(plan.verdict) || !steps.is_empty() {
            self.plans.push(Left { path: plan.started.path.clone(), steps });
        }
    }

    /// The steps of a plan that are left to do; nothing where none is.
    pub(super) fn asked(&self, plan: &CheckedPlan, path: &str) -> Option<BTreeSet<usize>> {
        let all = || (0..plan.steps().len()).collect();
        let mut found = BTreeSet::new();
        for left in self.plans.iter().filter(|left| is_same_file(&left.path, path)) {
            let steps: Vec<usize> =
                left.steps.iter().filter_map(|mark| mark.find(plan.steps())).collect();
            // Setup, cleanup, or a step that is no longer there: then the plan as a whole.
            if steps.len() < left.steps.len() || steps.is_empty() {
                return Some(all());
            }
            found.extend(steps);
        }
        (!found.is_empty()).then_some(found)
    }
}

/// Whether it is a step of an included plan: that one is done again as a whole.
fn is_included(plan: &PlanRecord, step: &StepRef) -> bool {
    let includes = plan.steps.iter().filter(|record| record.step.includes());
    includes.into_iter().any(|record| step.is_inside(&record.step))
}

/// Whether something that it holds was reported too: then that is what is left.
fn has_more(plan: &PlanRecord, step: &StepRef) -> bool {
    plan.steps.iter().any(|record| record.step.is_inside(step))
}

impl Mark {
    fn of(step: &StepRef) -> Self {
        Self {
            id: step.id.clone(),
            name: step.name.clone(),
            position: step.within.first().copied().unwrap_or(step.index),
            is_held: !step.within.is_empty(),
        }
    }

    /// The step of today: by its id, else by a name that only one has, else by its position.
    fn find(&self, steps: &[CheckedStep]) -> Option<usize> {
        let only = |wanted: &dyn Fn(&CheckedStep) -> bool| {
            let mut found = steps.iter().enumerate().filter(|(_, step)| wanted(step));
            let first = found.next()?;
            found.next().is_none().then_some(first.0)
        };
        if let Some(id) = &self.id {
            let named = steps.iter().position(|step| step.id.as_ref() == Some(id));
            if named.is_some() {
                return named;
            }
        }
        let outermost =
            |step: &CheckedStep| step.section == Section::Steps && step.parent.is_none();
        let named =
            only(&|step| !self.is_held && outermost(step) && step.name.text().trim() == self.name);
        named.or_else(|| only(&|step| outermost(step) && step.position == self.position))
    }
}

/// Whether two paths name one file; they may have been written from different folders.
fn is_same_file(one: &str, other: &str) -> bool {
    let one = one.trim_start_matches("../");
    let other = other.trim_start_matches("../");
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends(one, other) || ends(other, one)
}
