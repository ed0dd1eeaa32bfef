//! The state between two events: jobs that are under way, and what was counted so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{End, Flaky, PlanRecord, Record, StepRecord, Tally, exit_code};
use crate::event::{Event, JobId, RunStarted, StepRef};
use crate::finding::Finding;
use crate::outcome::{BudgetBreach, StepResult, Verdict};
use crate::source::{SourceSet, SourceText};

/// Takes events in their order and hands out each plan when it ends. An event of a job that never
/// began is passed over: a stream may begin in the middle.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    record: Record,
    open: BTreeMap<JobId, Open>,
    keeps: Keeps,
    /// The step that ended last: its event may still be shown.
    fresh: Option<(JobId, usize)>,
}

/// What is kept of a step that ended, as long as its plan goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeps {
    /// All of it.
    #[default]
    Whole,
    /// Of one that passed and has nothing to tell, what was asked and what was answered: it may be
    /// evidence about another. All of any other.
    Exchanges,
    /// How it ended.
    Verdicts,
}

/// So many exchanges that belong to no step are kept; more are counted.
const UNTIED: usize = 100;

/// A job under way.
#[derive(Debug, Clone)]
struct Open {
    plan: PlanRecord,
    /// So many of its first steps have ended: a result need not be looked for among them.
    settled: usize,
}

impl Fold {
    /// One that keeps no more than it has to.
    #[must_use]
    pub fn keeping(keeps: Keeps) -> Self {
        Self { keeps, ..Self::default() }
    }

    /// Takes one event; the plan that ended with it, if one did.
    pub fn push(&mut self, event: &Event) -> Option<PlanRecord> {
        self.forget();
        match event {
            Event::RunStarted(started) => self.record.started = Some(started.clone()),
            Event::Source { id, path, sha256: _, text } => {
                self.record.sources.insert(SourceText::new(*id, path.clone(), Arc::clone(text)));
            }
            Event::Contract(listed) => self.record.contracts.push(listed.clone()),
            Event::Finding { finding } => {
                self.record.tally.finding(finding);
                self.record.findings.push(finding.clone());
            }
            Event::Environment(environment) => self.record.environments.push(environment.clone()),
            Event::PlanStarted(started) => {
                let plan = PlanRecord::new(started.clone());
                self.open.insert(started.job, Open { plan, settled: 0 });
            }
            Event::StepStarted { job, step, at } => {
                if let Some(open) = self.open.get_mut(job) {
                    open.plan.steps.push(StepRecord::begun(step.clone(), *at));
                }
            }
            // For the live terminal; the result counts attempts and bytes.
            Event::StepRetried { job: _, step: _, attempt: _, why: _ }
            | Event::Moving { job: _, step: _, transfer: _ } => {}
            Event::Samples { job, step, of: _, columns } => {
                let open = self.open.get_mut(job);
                let record = open.and_then(|open| {
                    let mut steps = open.plan.steps.iter_mut().skip(open.settled);
                    steps.find(|begun| begun.result.is_none() && begun.step.is(step))
                });
                if let Some(record) = record.filter(|_| self.keeps != Keeps::Verdicts) {
                    record.samples.push(columns.as_ref().clone());
                }
            }
            Event::Tapped(tapped) => {
                if self.record.untied.len() < UNTIED {
                    self.record.untied.push(tapped.as_ref().clone());
                }
                self.record.untied_seen += 1;
            }
            Event::StepFinished { job, step, result } => self.step_finished(*job, step, result),
            Event::PlanFinished { job, verdict, duration, findings, breach } => {
                return self.plan_finished(*job, *verdict, *duration, (findings, breach.as_ref()));
            }
            Event::RunFinished { duration, interrupted } => {
                let duration = *duration;
                self.record.end = match interrupted.clone() {
                    Some(by) => End::Interrupted { duration, by },
                    None => End::Finished { duration },
                };
            }
        }
        None
    }

    /// What was known when the run began.
    #[must_use]
    pub fn started(&self) -> Option<&RunStarted> {
        self.record.started.as_ref()
    }

    /// The texts so far.
    #[must_use]
    pub fn sources(&self) -> &SourceSet {
        &self.record.sources
    }

    /// The findings about the run so far.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.record.findings
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.record.tally
    }

    /// How the run ended; incomplete until it did.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.record.end
    }

    /// A job that is under way.
    #[must_use]
    pub fn open(&self, job: JobId) -> Option<&PlanRecord> {
        self.open.get(&job).map(|open| &open.plan)
    }

    /// The code that the process would end with now; see [`exit_code`].
    #[must_use]
    pub fn exit_code(&self, flaky: Flaky) -> u8 {
        let tally = Tally { unfinished: self.open.len(), ..self.record.tally.clone() };
        exit_code(&tally, &self.record.end, flaky)
    }

    /// The record without the plans that were handed out, and the plans that did not end.
    #[must_use]
    pub fn into_record(mut self) -> (Record, Vec<PlanRecord>) {
        let open: Vec<PlanRecord> = self.open.into_values().map(|open| open.plan).collect();
        self.record.tally.unfinished = open.len();
        (self.record, open)
    }

    /// Lets go of the details of the step that ended last, if it has nothing to tell and nobody else
    /// looks at them.
    fn forget(&mut self) {
        let Some((job, number)) = self.fresh.take().filter(|_| self.keeps == Keeps::Exchanges)
        else {
            return;
        };
        let record = self.open.get_mut(&job).and_then(|open| open.plan.steps.get_mut(number));
        let result = record.and_then(|record| record.result.as_mut()).and_then(Arc::get_mut);
        if let Some(result) = result.filter(|result| result.tells_nothing()) {
            result.forget_details();
        }
    }

    fn step_finished(&mut self, job: JobId, step: &StepRef, result: &Arc<StepResult>) {
        let Some(open) = self.open.get_mut(&job) else { return };
        let plan = &mut open.plan;
        self.record.tally.step(step, result);
        let result = match self.keeps {
            Keeps::Whole | Keeps::Exchanges => Arc::clone(result),
            Keeps::Verdicts => Arc::new(StepResult::of(result.verdict)),
        };
        let plan_steps = plan.steps.len();
        let begun = plan
            .steps
            .iter_mut()
            .enumerate()
            .skip(open.settled)
            .find(|(_, begun)| begun.result.is_none() && begun.step.is(step));
        self.fresh = Some((job, begun.as_ref().map_or(plan_steps, |(number, _)| *number)));
        match begun {
            Some((_, begun)) => begun.result = Some(result),
            None => plan.steps.push(StepRecord {
                step: step.clone(),
                at: None,
                samples: Vec::new(),
                result: Some(result),
            }),
        }
        while plan.steps.get(open.settled).is_some_and(|step| step.result.is_some()) {
            open.settled += 1;
        }
    }

    fn plan_finished(
        &mut self,
        job: JobId,
        verdict: Verdict,
        duration: std::time::Duration,
        (findings, breach): (&[Finding], Option<&BudgetBreach>),
    ) -> Option<PlanRecord> {
        let mut plan = self.open.remove(&job)?.plan;
        if plan.steps.iter().any(|step| !step.step.within.is_empty()) {
            // What ran at once began in any order; a report has one.
            plan.steps.sort_by_cached_key(|step| step.step.key());
        }
        plan.verdict = Some(verdict);
        plan.duration = duration;
        plan.findings = findings.to_vec();
        plan.breach = breach.cloned();
        self.record.tally.plan(&plan);
        Some(plan)
    }
}
