//! `parallel` and `first_of`: steps that belong together, and the verdict that follows from theirs.

use std::time::Duration;

use futures_util::future::join_all;

use super::attempt::{Attempted, Ended, StepScene};
use super::carry::{Around, Ran, bare, errored};
use super::execution::{End, Execution};
use super::names::Seen;
use super::step::Finished;
use crate::budget;
use crate::check::{Group, StepIndex};
use crate::event::StepRef;
use crate::finding::{Code, Severity};
use crate::outcome::{Phase, Phases, StepResult, Verdict};
use crate::plan::GroupKind;

impl Execution<'_> {
    /// Carries the steps of a group out; its own result, and what they leave behind.
    pub(super) async fn group(
        &self,
        group: &Group,
        scene: &StepScene<'_>,
        reference: &StepRef,
        around: &Around,
        started: Duration,
    ) -> (Finished, Ran) {
        let limit = match scene.step_limit(started, around.limit.as_ref()) {
            Ok(limit) => limit,
            Err(finding) => {
                let end = left_out_of(scene, Verdict::Errored);
                let mut ran = Ran::default();
                for child in &group.children {
                    ran.take(self.left_out(*child, &end));
                }
                return (errored(*finding), ran);
            }
        };
        let inner = Around {
            within: reference.trail(),
            depth: reference.depth + 1,
            tentative: reference.tentative || group.kind == GroupKind::FirstOf,
            limit,
            case: scene.case.cloned(),
        };
        let ran = match group.kind {
            GroupKind::Parallel => self.all_at_once(group, &inner).await,
            GroupKind::FirstOf => self.one_by_one(group, &inner, scene).await,
        };
        let ends: Vec<&End> = group.children.iter().filter_map(|child| ran.end(*child)).collect();
        let mut result = match group.kind {
            GroupKind::Parallel => together(&ends),
            GroupKind::FirstOf => best_of(&ends),
        };
        let stops = ends.iter().any(|end| end.stops && end.is_wrong()) || result.code.is_some();
        let sent = ends.iter().any(|end| end.sent);
        result.tries = 1;
        result.duration = self.context.elapsed().saturating_sub(started);
        judge_budget(scene, &mut result, started);
        let seen = Seen { verdict: Some(result.verdict), sent, response: None };
        (Finished { result, seen, captures: Vec::new(), stops }, ran)
    }

    async fn all_at_once(&self, group: &Group, inner: &Around) -> Ran {
        let running = group.children.iter().map(|child| self.carry_out(*child, inner));
        let mut all = Ran::default();
        for ran in join_all(running).await {
            all.take(ran);
        }
        all
    }

    async fn one_by_one(&self, group: &Group, inner: &Around, scene: &StepScene<'_>) -> Ran {
        let mut all = Ran::default();
        let mut left = group.children.iter();
        for child in left.by_ref() {
            let mut ran = self.carry_out(*child, inner).await;
            let verdict = ran.end(*child).map(|end| end.verdict);
            if verdict != Some(Verdict::Passed) {
                // What another way captured must not be taken for the result's.
                ran.captures.clear();
            }
            all.take(ran);
            if matches!(verdict, Some(Verdict::Passed | Verdict::Cancelled)) {
                break;
            }
        }
        let end = left_out_of(scene, Verdict::Skipped);
        let others: Vec<StepIndex> = left.copied().collect();
        for child in others {
            all.take(self.left_out(child, &end));
        }
        all
    }
}

fn left_out_of(scene: &StepScene<'_>, verdict: Verdict) -> End {
    let blame = scene.step.label();
    End { verdict, only_budget: false, code: None, sent: false, stops: false, blame }
}

/// All must pass: the gravest verdict counts; what was skipped changes nothing.
fn together(ends: &[&End]) -> StepResult {
    let ends: Vec<End> = ends.iter().copied().cloned().collect();
    let end = End::worst(&ends);
    StepResult { only_budget: end.only_budget, ..bare(end.verdict, None) }
}

/// One must pass.
fn best_of(ends: &[&End]) -> StepResult {
    let any = |wanted: Verdict| ends.iter().any(|end| end.verdict == wanted);
    let tried = ends.iter().filter(|end| end.is_wrong()).count();
    if any(Verdict::Passed) {
        return bare(Verdict::Passed, None);
    }
    if any(Verdict::Cancelled) {
        return bare(Verdict::Cancelled, None);
    }
    if tried == 0 {
        let verdict = if any(Verdict::Blocked) { Verdict::Blocked } else { Verdict::Skipped };
        return bare(verdict, None);
    }
    let verdict = if any(Verdict::Failed) { Verdict::Failed } else { Verdict::Errored };
    StepResult {
        code: Some(Code::NonePassed),
        message: Some(match tried {
            1 => "the one way that was tried did not pass".to_owned(),
            tried => format!("none of the {tried} ways that were tried passed"),
        }),
        ..bare(verdict, None)
    }
}

/// A group's budget is on the wall clock, like a plan's; it fails what would have passed.
pub(super) fn judge_budget(scene: &StepScene<'_>, result: &mut StepResult, started: Duration) {
    let Some(limits) = &scene.step.budget else { return };
    let mut attempted = Attempted::new(1, started, Ended::Passed);
    match scene.render(1, None, |renderer| renderer.limits(limits)) {
        Ok(limits) => {
            let phases = Phases { total: Some(result.duration), ..Phases::default() };
            let breaches = budget::judge(&limits, &phases, result.duration, Severity::Error);
            attempted.attempt.breaches =
                breaches.into_iter().filter(|breach| breach.phase == Phase::Total).collect();
            for breach in &mut attempted.attempt.breaches {
                breach.longest = None;
            }
            if attempted.attempt.breaches.is_empty() {
                return;
            }
            if result.verdict == Verdict::Passed {
                result.verdict = Verdict::Failed;
                result.code = Some(Code::BudgetExceeded);
                result.only_budget = true;
            }
        }
        Err(findings) => {
            attempted.attempt.findings = findings;
            result.verdict = Verdict::Errored;
            result.code = attempted.attempt.findings.first().map(|finding| finding.code);
            result.only_budget = false;
        }
    }
    result.attempts.push(attempted.attempt);
}
