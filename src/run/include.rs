//! `include`: another plan carried out as a step, and its cleanup at the end of the plan that holds it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::attempt::{Attempted, Ended, StepScene};
use super::carry::{Around, bare, errored};
use super::context::Held;
use super::execution::{End, Execution};
use super::group::judge_budget;
use super::many::Kept;
use super::names::Seen;
use super::step::{Finished, Limit};
use crate::check::{CheckedStep, Include, StepIndex, Work};
use crate::event::{Event, Section, StepKind, StepRef};
use crate::finding::{Code, Finding};
use crate::outcome::{StepResult, Verdict};
use crate::template::{Bound, Evaluated, Group as _};

/// Where an included plan stands.
pub(super) struct Inside {
    /// What surrounds its steps.
    around: Around,
    /// The part of the outermost plan in which its steps are told.
    section: Section,
    /// What its random values depend on: which plan includes it, and where.
    seed: String,
    /// What it was given and did not take yet.
    pub(super) with: BTreeMap<String, Evaluated>,
}

/// An included plan that has run and cleans up later.
pub(super) struct Pending<'a> {
    execution: Execution<'a>,
    /// The step that included it.
    step: StepRef,
    /// Which of its samples it is, where it has many.
    sample: Option<u32>,
}

/// Where one execution of an included plan stands.
pub(super) struct Stand<'s> {
    /// The step that includes it.
    pub(super) step: &'s StepRef,
    /// Which of its samples it is, where it has many.
    pub(super) sample: Option<u32>,
    /// Where its events wait.
    pub(super) held: Option<Arc<Held>>,
}

impl Stand<'_> {
    /// The [`StepRef::within`] of its steps.
    fn trail(&self) -> Vec<u32> {
        self.step.trail().into_iter().chain(self.sample).collect()
    }
}

impl<'a> Execution<'a> {
    /// What surrounds the outermost steps of this plan.
    pub(super) fn around(&self) -> Around {
        self.inside.as_ref().map(|inside| inside.around.clone()).unwrap_or_default()
    }

    /// What random values depend on where another plan includes this one.
    pub(super) fn seed(&self) -> &str {
        self.inside.as_ref().map_or("", |inside| inside.seed.as_str())
    }

    /// Whether all of it is part of a cleanup: then nothing but time ends it.
    pub(super) fn cleans_up(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.section == Section::Cleanup)
    }

    /// Where a step is told: those of an included plan stand in the step that includes it, its setup
    /// before its steps.
    pub(super) fn stands_at(&self, step: &CheckedStep) -> (Section, u32) {
        let Some(inside) = &self.inside else { return (step.section, step.position) };
        let mut position = step.position;
        if step.section == Section::Steps && step.parent.is_none() {
            position = position.saturating_add(self.outermost(Section::Setup));
        }
        (inside.section, position)
    }

    /// How many steps stand in a part of the plan itself.
    fn outermost(&self, section: Section) -> u32 {
        let steps = self.plan.steps().iter();
        let own = steps.filter(|step| step.section == section && step.parent.is_none());
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }

    /// Carries an included plan out: setup and steps; its cleanup is left for later.
    pub(super) async fn include(
        &self,
        index: StepIndex,
        scene: &StepScene<'_>,
        reference: &StepRef,
        around: &Around,
        started: Duration,
    ) -> Finished {
        let step = self.plan.steps().get(index.0);
        let (step, include) = match step.map(|step| (step, &step.work)) {
            Some((step, Work::Include(include))) => (step, &**include),
            Some((_, Work::Request(_) | Work::Assert(_) | Work::Sleep(_) | Work::Group(_)))
            | None => return Finished::of(bare(Verdict::Passed, None)),
        };
        let limit = match scene.step_limit(started, around.limit.as_ref()) {
            Ok(limit) => limit,
            Err(finding) => return errored(*finding),
        };
        if let Some(samples) = &step.samples {
            return self.many(include, samples, scene, (reference, limit)).await;
        }
        let place = Stand { step: reference, sample: None, held: self.held.clone() };
        self.once(include, scene, place, limit.as_ref()).await
    }

    /// One execution of an included plan.
    pub(super) async fn once(
        &self,
        include: &'a Include,
        scene: &StepScene<'_>,
        stand: Stand<'_>,
        limit: Option<&Limit>,
    ) -> Finished {
        let started = self.context.elapsed();
        let begun = with(include, scene).and_then(|with| self.open(include, with, &stand));
        let mut inner = match begun {
            Ok(inner) => inner,
            Err(finding) => return errored(*finding),
        };
        inner.forward(started, limit).await;
        let (mut result, captures) = inner.outcome(include, started);
        if stand.sample.is_some() && result.code.is_none() {
            // A sample is judged by itself: what its steps have found is its own.
            let wrong = inner.ended.iter().flatten().find(|end| end.is_wrong());
            result.code = wrong.and_then(|end| end.code);
            result.message = wrong.map(|end| end.blame.clone());
        }
        result.duration = self.context.elapsed().saturating_sub(started);
        judge_budget(scene, &mut result, started);
        let sent = inner.ended.iter().flatten().any(|end| end.sent);
        let seen = Seen { verdict: Some(result.verdict), sent, response: None };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Stand { step, sample, held: _ } = stand;
        pending.push(Pending { execution: inner, step: step.clone(), sample });
        Finished { result, seen, captures, stops: true }
    }

    /// An included plan with its variables, ready for its first step.
    fn open(
        &self,
        include: &'a Include,
        mut with: BTreeMap<String, Evaluated>,
        stand: &Stand<'_>,
    ) -> Result<Self, Box<Finding>> {
        let source = include.plan.source();
        let Some(values) = self.included.get(&source) else {
            return Err(Box::new(
                Finding::error(Code::MissingFile, "the included plan was not read")
                    .at(include.path.place, ""),
            ));
        };
        let given = include.plan.inputs().iter().map(|name| (name, with.remove(name)));
        let given: Vec<(&String, Option<Evaluated>)> = given.collect();
        let reference = stand.step;
        let trail: Vec<String> = stand.trail().iter().map(u32::to_string).collect();
        let mut inner = Self {
            included: self.included,
            inside: Some(Inside {
                around: Around {
                    within: stand.trail(),
                    depth: reference.depth + 1,
                    // One of many samples decides nothing by itself.
                    tentative: reference.tentative || stand.sample.is_some(),
                    ..Around::default()
                },
                section: reference.section,
                seed: format!(
                    "{}\0{}\0{:?}.{}",
                    super::attempt::inside_of(
                        self.seed(),
                        self.case.as_ref().map(|case| case.seed.as_str())
                    ),
                    self.values.path,
                    reference.section,
                    trail.join(".")
                ),
                with,
            }),
            held: stand.held.clone(),
            ..self.within(&include.plan, values)
        };
        for (name, given) in given {
            match given {
                Some(given) => inner.names.define(name, given),
                None => {
                    return Err(Box::new(
                        Finding::error(
                            Code::TemplateFailed,
                            format!("the input `{name}` was left out: its value is `omit`"),
                        )
                        .at(include.path.place, "needs it")
                        .help("an input must have a value; a variable has one of its own"),
                    ));
                }
            }
        }
        inner
            .variables()
            .map_err(|finding| Box::new(crate::check::inside(*finding, include.path.place)))?;
        Ok(inner)
    }

    /// How the included plan ended, before its cleanup, and what is taken from it.
    fn outcome(
        &mut self,
        include: &Include,
        started: Duration,
    ) -> (StepResult, Vec<(String, Value, bool)>) {
        let verdict = self.verdict();
        let mut result = StepResult { tries: 1, ..bare(verdict, None) };
        let mut attempted = Attempted::new(1, started, Ended::Passed);
        let ends: Vec<End> = self.ended.iter().flatten().cloned().collect();
        let own_steps_are_right = !ends.iter().any(End::is_wrong);
        attempted.attempt.findings = std::mem::take(&mut self.findings);
        attempted.attempt.breaches.extend(self.breach.take());
        if let Some(finding) = attempted.attempt.findings.first() {
            result.code = Some(finding.code);
        } else if !attempted.attempt.breaches.is_empty() && own_steps_are_right {
            result.code = Some(Code::BudgetExceeded);
            result.only_budget = true;
        } else {
            result.only_budget = End::worst(&ends).only_budget;
        }
        let mut taken = Vec::new();
        for name in &include.export {
            match self.names.get(&name.value) {
                Some(Bound::Value { value, taint }) => {
                    taken.push((name.value.clone(), value.into_owned(), taint.is_some()));
                }
                Some(Bound::Group(_) | Bound::Omit) | None if verdict == Verdict::Passed => {
                    let message = format!("the included plan passed and left no `{}`", name.value);
                    let finding = Finding::error(Code::ExportMissing, message)
                        .at(name.place, "nothing to take")
                        .help("the step that captures it did not run, or captured nothing");
                    attempted.attempt.findings.push(finding);
                    result.verdict = Verdict::Failed;
                    result.code = Some(Code::ExportMissing);
                }
                Some(Bound::Group(_) | Bound::Omit) | None => {}
            }
        }
        if !attempted.attempt.findings.is_empty() || !attempted.attempt.breaches.is_empty() {
            result.attempts.push(attempted.attempt);
        }
        (result, taken)
    }

    /// The cleanup of the plans that this one included, the last one first.
    pub(super) async fn clean_up_included(&mut self, limit: Option<&Limit>) {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut pending: Vec<Pending<'a>> = std::mem::take(pending);
        pending.retain(|one| one.execution.has_cleanup());
        // Several may have run at once, in any order.
        pending.sort_by_cached_key(|one| std::cmp::Reverse((one.step.key(), one.sample)));
        let around = self.around();
        let mut number = self.outermost(Section::Cleanup);
        while let Some(first) = pending.first() {
            // All samples of one step are told under one line.
            let same = pending.iter().take_while(|one| one.step.is(&first.step)).count();
            let step = StepRef {
                section: Section::Cleanup,
                index: number,
                within: around.within.clone(),
                depth: around.depth,
                tentative: false,
                kind: StepKind::Include,
                id: None,
                covers: Vec::new(),
                ..first.step.clone()
            };
            number = number.saturating_add(1);
            let group: Vec<Pending<'a>> = pending.drain(..same).collect();
            let end = self.clean_up_group(group, step, limit).await;
            self.cleaned.push(end);
        }
    }

    async fn clean_up_group(
        &self,
        group: Vec<Pending<'a>>,
        step: StepRef,
        limit: Option<&Limit>,
    ) -> End {
        let started = self.context.elapsed();
        self.started(&step).await;
        let mut ends = Vec::new();
        let mut findings = Vec::new();
        let kept = Kept::default();
        for Pending { mut execution, step: _, sample } in group {
            let held = sample.map(|_| Arc::new(Held::default()));
            execution.held = held.clone().or_else(|| self.held.clone());
            if let Some(inside) = &mut execution.inside {
                inside.section = Section::Cleanup;
                inside.around = Around {
                    within: step.trail().into_iter().chain(sample).collect(),
                    depth: step.depth + 1,
                    ..Around::default()
                };
            }
            Box::pin(execution.clean_up(limit)).await;
            let steps = execution.plan.steps().iter().zip(&execution.ended);
            let own = steps
                .filter(|(step, _)| step.section == Section::Cleanup && step.parent.is_none())
                .filter_map(|(_, end)| end.clone());
            let all: Vec<End> = own.chain(execution.cleaned.iter().cloned()).collect();
            let end = End::worst(&all);
            findings.append(&mut execution.findings);
            if let Some(held) = held {
                self.tell_kept(&held, &kept, &format!("{:?} {:?}", end.verdict, end.code)).await;
            }
            ends.push(end);
        }
        let mut end = End::worst(&ends);
        let mut result = StepResult {
            duration: self.context.elapsed().saturating_sub(started),
            only_budget: end.only_budget,
            tries: 1,
            ..bare(end.verdict, None)
        };
        if let Some(finding) = findings.first() {
            result.verdict = Verdict::Errored;
            result.code = Some(finding.code);
            result.attempts = vec![Attempted::errored(1, started, findings).attempt];
            end.verdict = Verdict::Errored;
        }
        let (job, result) = (self.job.id, Arc::new(result));
        self.tell(Event::StepFinished { job, step, result }).await;
        end
    }

    /// Whether it, or a plan that it included, has something to clean up.
    fn has_cleanup(&self) -> bool {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.plan.steps().iter().any(|step| step.section == Section::Cleanup)
            || pending.iter().any(|one| one.execution.has_cleanup())
    }
}

/// What an included plan is given, evaluated where it is included; what is omitted is not given.
fn with(
    include: &Include,
    scene: &StepScene<'_>,
) -> Result<BTreeMap<String, Evaluated>, Box<Finding>> {
    let mut with = BTreeMap::new();
    for (name, _, template) in &include.with {
        if let Some((value, taint)) = scene.render(1, None, |renderer| renderer.value(template))? {
            with.insert(name.clone(), Evaluated::Value { value, taint });
        }
    }
    Ok(with)
}
