//! One step is carried out, with the steps that it holds, and told as events.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::attempt::{Attempted, Words};
use super::cases::Case;
use super::execution::{End, Execution};
use super::flow::NotRun;
use super::names::Seen;
use super::routes::Compared;
use super::step::{Finished, Limit};
use crate::check::{CheckedStep, Late, StepIndex, Work};
use crate::event::{Event, StepKind, StepRef};
use crate::finding::{Code, Finding};
use crate::outcome::{Reason, StepResult, Verdict};
use crate::plan::{GroupKind, OnFailure};

/// What surrounds a step while it is carried out.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    /// The positions of what holds it; see [`StepRef::within`].
    pub(super) within: Vec<u32>,
    /// How many reported steps hold it.
    pub(super) depth: u32,
    /// Whether it is one of several ways.
    pub(super) tentative: bool,
    /// When what holds it has to end.
    pub(super) limit: Option<Limit>,
    /// The case of what holds it.
    pub(super) case: Option<Arc<Case>>,
}

/// What a step leaves behind, with the steps that it holds.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) ends: Vec<(StepIndex, End)>,
    /// What can be seen of each step with an id.
    pub(super) seen: Vec<(String, Seen)>,
    /// Captures: name, value, whether it is secret.
    pub(super) captures: Vec<(String, Value, bool)>,
}

impl Ran {
    /// How a step ended, if it came to its turn.
    pub(super) fn end(&self, index: StepIndex) -> Option<&End> {
        self.ends.iter().find(|(ended, _)| *ended == index).map(|(_, end)| end)
    }

    /// Takes what another one left.
    pub(super) fn take(&mut self, other: Self) {
        let Self { ends, seen, captures } = other;
        self.ends.extend(ends);
        self.seen.extend(seen);
        self.captures.extend(captures);
    }

    fn one(index: StepIndex, step: &CheckedStep, end: End, seen: &Seen) -> Self {
        Self {
            ends: vec![(index, end)],
            seen: step.id.iter().map(|id| (id.clone(), seen.clone())).collect(),
            captures: Vec::new(),
        }
    }
}

impl Execution<'_> {
    /// Carries a step out, if it is selected; steps that it holds come with it.
    pub(super) fn carry_out<'s>(
        &'s self,
        index: StepIndex,
        around: &'s Around,
    ) -> Pin<Box<dyn Future<Output = Ran> + Send + 's>> {
        Box::pin(self.step(index, around))
    }

    async fn step(&self, index: StepIndex, around: &Around) -> Ran {
        let Some(step) = self.plan.steps().get(index.0) else { return Ran::default() };
        if self.inside.is_none() && !self.job.is_selected(index) {
            return Ran::default();
        }
        if let Some(not_run) = self.decide(step, around) {
            let words = Words::default();
            let reference = self.reference(step, around, None, ("", &words));
            return self.not_run(index, step, reference, not_run).await;
        }
        match &step.cases {
            // What few steps do is kept out of the future that every step is.
            Some(cases) => Box::pin(self.all_cases(index, step, cases, around)).await,
            None => self.instance(index, step, around, None, None).await,
        }
    }

    /// A step in one case, or without cases; whether it runs at all has been decided.
    pub(super) async fn instance(
        &self,
        index: StepIndex,
        step: &CheckedStep,
        around: &Around,
        case: Option<&Arc<Case>>,
        mut compared: Option<&mut Compared>,
    ) -> Ran {
        let key = seed_key(step, around);
        // A request by another route is the same request.
        let words = compared.as_ref().map(|compared| compared.words()).unwrap_or_default();
        let reference = self.reference(step, around, case, (&key, &words));
        let at = self.context.elapsed();
        self.started(&reference).await;
        let scene = self.scene(step, around, case, (&key, &words));
        if let Some(condition) = &step.condition {
            match scene.condition(condition) {
                Ok(true) => {}
                Ok(false) => {
                    let reason = Some(Reason::If(condition.text.clone()));
                    let not_run = NotRun { verdict: Verdict::Skipped, reason, blame: step.label() };
                    return self.not_run(index, step, reference, not_run).await;
                }
                Err(finding) => {
                    return self.finished(index, step, reference, errored(*finding)).await;
                }
            }
        }
        let stops = match scene.render(1, None, |renderer| renderer.late(&step.on_failure)) {
            Ok(word) => word == OnFailure::Stop,
            Err(finding) => {
                return self.finished(index, step, reference, errored(*finding)).await;
            }
        };
        let mut finished = match &step.work {
            Work::Group(group) => {
                let (mut finished, mut ran) =
                    Box::pin(self.group(group, &scene, &reference, around, at)).await;
                finished.stops &= stops;
                ran.take(self.finished(index, step, reference, finished).await);
                return ran;
            }
            Work::Include(_) => Box::pin(self.include(index, &scene, &reference, around, at)).await,
            Work::Request(_) | Work::Assert(_) | Work::Sleep(_) => {
                let observed = self.observed.get(&index).map_or(&[][..], Vec::as_slice);
                scene.carry_out(self.job.id, &reference, around.limit.as_ref(), observed).await
            }
        };
        finished.stops &= stops;
        if let Some(compared) = compared.take() {
            Box::pin(self.compare_routes(compared, (step, around, case), &mut finished)).await;
        }
        self.finished(index, step, reference, finished).await
    }

    pub(super) async fn started(&self, step: &StepRef) {
        let at = self.context.elapsed();
        self.tell(Event::StepStarted { job: self.job.id, step: step.clone(), at }).await;
    }

    pub(super) async fn finished(
        &self,
        index: StepIndex,
        step: &CheckedStep,
        reference: StepRef,
        finished: Finished,
    ) -> Ran {
        let Finished { result, seen, captures, stops } = finished;
        let end = End {
            verdict: result.verdict,
            only_budget: result.only_budget,
            code: result.code,
            sent: seen.sent,
            stops: stops && !goes_on(step),
            blame: step.label(),
        };
        self.ended(reference, result).await;
        Ran { captures, ..Ran::one(index, step, end, &seen) }
    }

    /// A step that does not run, and with it none that it holds.
    pub(super) async fn not_run(
        &self,
        index: StepIndex,
        step: &CheckedStep,
        reference: StepRef,
        not_run: NotRun,
    ) -> Ran {
        let NotRun { verdict, reason, blame } = not_run;
        let stops = !goes_on(step);
        let end = End { verdict, only_budget: false, code: None, sent: false, stops, blame };
        let ran = self.left_out(index, &end);
        self.ended(reference, bare(verdict, reason)).await;
        ran
    }

    /// A step and all that it holds, none of which came to its turn.
    pub(super) fn left_out(&self, index: StepIndex, end: &End) -> Ran {
        let Some(step) = self.plan.steps().get(index.0) else { return Ran::default() };
        let seen = Seen { verdict: Some(end.verdict), ..Seen::default() };
        let mut ran = Ran::one(index, step, end.clone(), &seen);
        if let Work::Group(group) = &step.work {
            for child in &group.children {
                ran.take(self.left_out(*child, end));
            }
        }
        ran
    }

    async fn ended(&self, step: StepRef, result: StepResult) {
        let (job, result) = (self.job.id, Arc::new(result));
        self.tell(Event::StepFinished { job, step, result }).await;
    }

    /// Tells what happened.
    pub(super) async fn tell(&self, event: Event) {
        self.context.tell(self.held.as_deref(), event).await;
    }

    pub(super) fn reference(
        &self,
        step: &CheckedStep,
        around: &Around,
        case: Option<&Arc<Case>>,
        (key, words): (&str, &Words),
    ) -> StepRef {
        let name = match step.name.is_literal() {
            Some(name) => name.to_owned(),
            // A name is shown also where what it uses is not there yet: then as it is written.
            None => self
                .scene(step, around, case, (key, words))
                .render(1, None, |renderer| renderer.template(&step.name, step.place))
                .map_or_else(
                    |_| step.name.text().to_owned(),
                    |value| super::render::as_text(&value),
                ),
        };
        let (section, position) = self.stands_at(step);
        StepRef {
            within: around.within.clone(),
            depth: around.depth,
            kind: match &step.work {
                Work::Request(_) | Work::Assert(_) | Work::Sleep(_) => StepKind::Plain,
                Work::Group(group) => match group.kind {
                    GroupKind::Parallel => StepKind::Parallel,
                    GroupKind::FirstOf => StepKind::FirstOf,
                },
                Work::Include(_) if step.samples.is_some() => StepKind::Repeated,
                Work::Include(_) => StepKind::Include,
            },
            tentative: around.tentative,
            case: case.map(|case| case.reference()),
            id: step.id.clone(),
            covers: covers(step),
            ..StepRef::new(section, position, name.trim(), step.place)
        }
    }
}

/// What a pass of the step is evidence for; a pass of an included plan is one of all of it.
fn covers(step: &CheckedStep) -> Vec<String> {
    let mut covers = step.covers.clone();
    if let Work::Include(include) = &step.work {
        let of_plan = include.plan.covers().iter().filter(|id| !step.covers.contains(id));
        covers.extend(of_plan.cloned());
    }
    covers
}

/// What the random values of a step depend on beside the seed and the plan.
pub(super) fn seed_key(step: &CheckedStep, around: &Around) -> String {
    let own = match &step.id {
        Some(id) => id.clone(),
        None => format!("{:?}.{}", step.section, step.position),
    };
    around.within.iter().rev().fold(own, |key, position| format!("{position}/{key}"))
}

/// Whether a step's failure is known to block nothing; what a template gives is judged where the step
/// is carried out.
fn goes_on(step: &CheckedStep) -> bool {
    matches!(step.on_failure, Late::Known(OnFailure::Continue))
}

/// A result with nothing in it but how it ended.
pub(super) fn bare(verdict: Verdict, reason: Option<Reason>) -> StepResult {
    let deadline = matches!(reason, Some(Reason::Deadline(_)));
    StepResult {
        code: deadline.then_some(Code::DeadlineExceeded),
        message: match &reason {
            Some(Reason::Deadline(what)) => Some(what.clone()),
            _ => None,
        },
        reason,
        ..StepResult::of(verdict)
    }
}

/// A step that could not begin: its condition or its limits could not be evaluated.
pub(super) fn errored(finding: Finding) -> Finished {
    let code = finding.code;
    let attempted = Attempted::errored(1, Duration::ZERO, vec![finding]);
    Finished {
        result: StepResult {
            attempts: vec![attempted.attempt],
            tries: 1,
            code: Some(code),
            ..bare(Verdict::Errored, None)
        },
        seen: Seen { verdict: Some(Verdict::Errored), ..Seen::default() },
        captures: Vec::new(),
        stops: true,
    }
}
