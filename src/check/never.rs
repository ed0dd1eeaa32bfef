//! What can never happen: steps that never run, steps that nothing can fail, budgets that are
//! never exceeded.

use std::time::Duration;

use super::placed::{Placed, in_order};
use super::types::{CheckedBudget, CheckedStep, Late, Work};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::outcome::Phase;
use crate::plan::{Plan, Section};
use crate::query::SubjectKind;
use crate::source::Place;

impl Checker<'_> {
    /// Looks for all of it; `steps` are those of the plan, in their order.
    pub(super) fn never(&mut self, plan: &Plan, steps: &[Option<CheckedStep>]) {
        let all = in_order(plan);
        // Where a step that never runs has its reason.
        let mut dead: Vec<Option<Place>> = Vec::with_capacity(all.len());
        for (placed, step) in all.iter().zip(steps) {
            let skipped = placed.step.skip.as_ref().map(|reason| reason.place);
            let of_group = placed.parent.and_then(|parent| dead.get(parent.0).copied().flatten());
            let reason = skipped.or(of_group);
            let step = step.as_ref();
            let blocked = match (reason, step) {
                (None, Some(step)) => self.blocked_for_ever(placed, step, &dead),
                _ => None,
            };
            dead.push(reason.or(blocked));
            if let Some(step) = step {
                self.never_fails(placed, step);
                self.never_exceeded(step);
            }
        }
    }

    /// A step that waits for one that is skipped; the reason's place, where it does.
    fn blocked_for_ever(
        &mut self,
        placed: &Placed<'_>,
        step: &CheckedStep,
        dead: &[Option<Place>],
    ) -> Option<Place> {
        let reason = |index: &super::types::StepIndex| dead.get(index.0).copied().flatten();
        // A cleanup has nothing to do where nothing was made.
        if placed.section == Section::Cleanup {
            return None;
        }
        let needs = placed.step.needs.iter().zip(&step.needs);
        let by_need = needs
            .filter(|_| placed.step.needs.len() == step.needs.len())
            .find_map(|(id, index)| Some((id.place, "a pass".to_owned(), reason(index)?)));
        let by_capture = || {
            step.uses.captures.iter().filter(|(_, _, guarded)| !guarded).find_map(
                |(name, index, _)| {
                    Some((placed.step.place, format!("the capture `{name}`"), reason(index)?))
                },
            )
        };
        let (place, what, reason) = by_need.or_else(by_capture)?;
        self.report(
            Finding::warning(
                Code::NeverRuns,
                format!("this step never runs: it needs {what} of a step that is skipped"),
            )
            .at(place, "never runs")
            .at(reason, "skipped here")
            .help("skip it too, with its own reason, or let it do without"),
        );
        Some(reason)
    }

    /// Every status passes and nothing else is asked: only a broken line can fail such a step.
    fn never_fails(&mut self, placed: &Placed<'_>, step: &CheckedStep) {
        // Before and after the steps it may be enough that something was sent; and a step with an
        // id may be looked at by others.
        if placed.section != Section::Steps
            || !matches!(step.work, Work::Request(_))
            || step.id.is_some()
            || step.samples.is_some()
            || step.poll.is_some()
            || step.budget.is_some()
            || step.captures.iter().any(|capture| capture.default.is_none())
            || !step.expect.one_of.is_empty()
            || step.expect.contract.is_some()
            || !step.expect.hops.is_empty()
        {
            return;
        }
        let Some(expect) = &placed.step.expect else { return };
        let [only] = step.expect.assertions.as_slice() else { return };
        let is_any = matches!(only.subject.kind, SubjectKind::Status)
            && (100..=599).all(|status| only.predicate.accepts_status(status) == Some(true));
        if expect.assertions.len() == 1 && is_any {
            self.report(
                Finding::warning(
                    Code::NeverFails,
                    "nothing that comes back can fail this step",
                )
                .at(only.value_place, "every status passes")
                .help("say what is due: `status: 2xx`, or what the body holds; a call that only prepares stands in `setup`"),
            );
        }
    }

    /// A budget that something else ends before it is exceeded.
    fn never_exceeded(&mut self, step: &CheckedStep) {
        let known = |late: &Late<Duration>| match late {
            Late::Known(limit) => Some(*limit),
            Late::Template(..) => None,
        };
        let timeout = match &step.work {
            Work::Request(request) => known(&request.timeout),
            Work::Assert(_) | Work::Sleep(_) | Work::Group(_) | Work::Include(_) => None,
        };
        let deadline = step.deadline.as_ref().and_then(known);
        if let (Work::Sleep(Late::Known(sleep)), Some(deadline), Some(place)) =
            (&step.work, deadline, step.deadline_place)
            && deadline < *sleep
        {
            self.report(
                Finding::error(
                    Code::Conflict,
                    format!("this step always fails: it sleeps for {}", written(*sleep)),
                )
                .at(place, "ends it before")
                .help(format!("delete `deadline`, or write more than {}", written(*sleep))),
            );
        }
        let limits = [("timeout", timeout), ("deadline", deadline)];
        for budget in step.budget.iter().chain(&step.warn_budget) {
            self.ended_before(budget, &limits);
        }
    }

    /// Budgets of at least a limit that ends what they judge.
    pub(super) fn ended_before(
        &mut self,
        budget: &CheckedBudget,
        limits: &[(&str, Option<Duration>)],
    ) {
        for limit in &budget.budget.limits {
            let ends = limits
                .iter()
                .filter_map(|(word, end)| Some((*word, (*end)?)))
                .filter(|(_, end)| *end <= limit.limit)
                .min_by_key(|(_, end)| *end);
            let Some((word, end)) = ends else { continue };
            let what = match limit.phase {
                Phase::Total => "this budget".to_owned(),
                phase @ (Phase::Dns
                | Phase::Connect
                | Phase::Tls
                | Phase::Send
                | Phase::Wait
                | Phase::Receive) => format!("the budget of `{phase}`"),
            };
            self.report(
                Finding::warning(
                    Code::NeverFails,
                    format!("{what} is never exceeded: `{word}` ends it after {}", written(end)),
                )
                .at(limit.place, "never exceeded")
                .help(format!("write less than {}, or state a longer `{word}`", written(end))),
            );
        }
    }
}

/// A duration as a plan writes it.
fn written(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        _ if duration.subsec_micros().is_multiple_of(1000) => format!("{}ms", duration.as_millis()),
        _ => format!("{}us", duration.as_micros()),
    }
}
