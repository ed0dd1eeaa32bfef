//! One job: a plan in one case, from its variables to its cleanup.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::attempt::{StepScene, Words};
use super::context::{Context, PlanValues};
use super::environment::like;
use super::names::{JobNames, Seen};
use super::render::Renderer;
use super::step::{Finished, Limit};
use crate::check::{CheckedPlan, CheckedStep, StepIndex};
use crate::event::{Event, PlanStarted, Section, StepRef};
use crate::finding::{Code, Finding, Severity};
use crate::http::Jar;
use crate::outcome::{BudgetBreach, Phase, Phases, Reason, StepResult, Verdict};
use crate::plan::OnFailure;
use crate::schedule::Job;
use crate::template::{Evaluated, Names, Scope, Seed};

/// How long cleanup may take, where the plan does not say.
const CLEANUP: Duration = Duration::from_secs(60);

/// Runs one job and tells what happens; the job's own end is the last event.
pub(super) async fn run(context: &Context, job: &Job, values: &PlanValues) {
    let plan = &job.plan;
    let started = context.elapsed();
    if let Some(source) = &values.source {
        context.emit(Event::source(source)).await;
    }
    context
        .emit(Event::PlanStarted(PlanStarted {
            job: job.id,
            name: plan.name().value.clone(),
            path: values.path.clone(),
            place: plan.name().place,
            tags: plan.tags().to_vec(),
            covers: plan.covers().to_vec(),
            steps: u32::try_from(job.selected.iter().filter(|s| **s).count()).unwrap_or(u32::MAX),
            at: started,
        }))
        .await;
    let mut state = State::new(context, job, values);
    match state.variables() {
        Ok(()) => state.all_steps(started).await,
        Err(finding) => state.findings.push(*finding),
    }
    state.finish(started).await;
}

/// A job under way.
struct State<'a> {
    context: &'a Context,
    job: &'a Job,
    plan: &'a CheckedPlan,
    values: &'a PlanValues,
    names: JobNames,
    jar: Jar,
    /// How each step ended; nothing for those that did not come yet.
    ended: Vec<Option<End>>,
    /// Which fields of a step's response others look at.
    observed: BTreeMap<StepIndex, Vec<String>>,
    findings: Vec<Finding>,
    breach: Option<BudgetBreach>,
    /// When setup and steps had ended, since the run's start.
    steps_ended: Option<Duration>,
}

/// How a step ended, as far as others care.
#[derive(Debug, Clone)]
struct End {
    verdict: Verdict,
    only_budget: bool,
    sent: bool,
    /// The step that is to blame: itself, or what blocked it.
    blame: String,
}

impl End {
    /// Whether those that need it may run: a breached budget blocks nothing.
    fn lets_through(&self) -> bool {
        self.verdict == Verdict::Passed || self.only_budget
    }
}

impl<'a> State<'a> {
    fn new(context: &'a Context, job: &'a Job, values: &'a PlanValues) -> Self {
        let plan = job.plan.as_ref();
        let mut shared = Names::over(Arc::clone(&values.environment.names));
        shared.insert(
            "plan",
            json!({"name": plan.name().value, "dir": values.folder.display().to_string()}),
        );
        let mut names = JobNames::new(Arc::new(shared));
        for step in plan.steps() {
            if let Some(id) = &step.id {
                names.see(id, &Seen::default());
            }
        }
        let mut observed: BTreeMap<StepIndex, Vec<String>> = BTreeMap::new();
        for (index, field) in plan.steps().iter().flat_map(|step| &step.uses.seen) {
            observed.entry(*index).or_default().push(field.clone());
        }
        Self {
            context,
            job,
            plan,
            values,
            names,
            jar: Jar::new(),
            ended: vec![None; plan.steps().len()],
            observed,
            findings: Vec::new(),
            breach: None,
            steps_ended: None,
        }
    }

    /// Variables and inputs, each once for this job.
    fn variables(&mut self) -> Result<(), Box<Finding>> {
        for var in self.plan.vars() {
            if var.secrets.iter().any(|secret| !self.values.environment.secrets.contains(secret)) {
                // An optional secret is not there: the steps that use the variable are skipped.
                continue;
            }
            let evaluated = self.evaluate(&var.name, &var.value)?;
            self.names.define(&var.name, evaluated);
        }
        for input in self.plan.inputs() {
            if let Some((value, _)) = self.values.given.get(input) {
                let evaluated = Evaluated::Value { value: value.clone(), taint: None };
                self.names.define(input, evaluated);
            }
        }
        Ok(())
    }

    fn evaluate(
        &self,
        name: &str,
        value: &crate::template::ValueTemplate,
    ) -> Result<Evaluated, Box<Finding>> {
        let names = super::names::AttemptNames::new(&self.names, "", 1);
        let entropy = || self.context.entropy();
        let file = |path: &str| {
            let read = self.values.files.read(&self.values.folder, path);
            read.map_err(|fault| fault.to_string())
        };
        let scope = Scope {
            names: &names,
            seed: Seed {
                seed: self.context.seed,
                plan: &self.values.path,
                case: "",
                step: name,
                iteration: 1,
                attempt: 1,
            },
            now: self.context.now(),
            entropy: &entropy,
            file: &file,
        };
        let renderer = Renderer {
            scope,
            gate: &self.context.gate,
            environment: &self.values.environment,
            literal_origins: &[],
        };
        // The file's own value is evaluated also where another is given: the given one takes its type.
        let (own, taint) = match renderer.value(value)? {
            Some(own) => own,
            None if self.values.given.contains_key(name) => (Value::Null, None),
            None => return Ok(Evaluated::Omit),
        };
        Ok(match self.values.given.get(name) {
            Some((Value::String(text), _)) => {
                Evaluated::Value { value: like(&own, text), taint: None }
            }
            Some((given, _)) => Evaluated::Value { value: given.clone(), taint: None },
            None => Evaluated::Value { value: own, taint },
        })
    }

    async fn all_steps(&mut self, started: Duration) {
        let deadline = match self.limit(started, self.plan.deadline()) {
            Ok(limit) => limit.map(|(until, own)| Limit {
                until,
                what: format!(
                    "the plan's deadline of {} came first",
                    crate::units::show_duration(own)
                ),
            }),
            Err(finding) => {
                self.findings.push(*finding);
                return;
            }
        };
        for section in [Section::Setup, Section::Steps] {
            self.section(section, deadline.as_ref()).await;
        }
        let took = self.context.elapsed();
        self.steps_ended = Some(took);
        self.judge_budget(took.saturating_sub(started));
        let limit = match self.limit(took, self.plan.cleanup_timeout()) {
            Ok(limit) => limit.unwrap_or((took.saturating_add(CLEANUP), CLEANUP)),
            Err(finding) => {
                self.findings.push(*finding);
                (took.saturating_add(CLEANUP), CLEANUP)
            }
        };
        let limit = Limit {
            until: limit.0,
            what: format!(
                "cleanup may take {} (`cleanup_timeout`)",
                crate::units::show_duration(limit.1)
            ),
        };
        self.section(Section::Cleanup, Some(&limit)).await;
    }

    fn limit(
        &self,
        from: Duration,
        late: Option<&crate::check::Late<Duration>>,
    ) -> Result<Option<(Duration, Duration)>, Box<Finding>> {
        let Some(late) = late else { return Ok(None) };
        let Some(step) = self.plan.steps().first() else { return Ok(None) };
        let words = Words::default();
        let own =
            self.scene(step, "", &words, false).render(1, None, |renderer| renderer.late(late))?;
        Ok(Some((from.saturating_add(own), own)))
    }

    /// The plan's budget: the wall clock of setup and steps.
    fn judge_budget(&mut self, took: Duration) {
        let Some(budget) = self.plan.budget() else { return };
        let Some(step) = self.plan.steps().first() else { return };
        let words = Words::default();
        let limits =
            self.scene(step, "", &words, false).render(1, None, |renderer| renderer.limits(budget));
        match limits {
            Ok(limits) => {
                let phases = Phases { total: Some(took), ..Phases::default() };
                self.breach = crate::budget::judge(&limits, &phases, took, Severity::Error)
                    .into_iter()
                    .find(|breach| breach.phase == Phase::Total);
            }
            Err(findings) => self.findings.extend(findings),
        }
        if let Some(breach) = &mut self.breach {
            breach.longest = None;
        }
    }

    fn scene<'s>(
        &'s self,
        step: &'s CheckedStep,
        key: &'s str,
        words: &'s Words,
        stoppable: bool,
    ) -> StepScene<'s> {
        StepScene {
            context: self.context,
            values: self.values,
            plan: self.plan,
            step,
            names: &self.names,
            key,
            jar: &self.jar,
            words,
            stoppable,
        }
    }

    async fn section(&mut self, section: Section, limit: Option<&Limit>) {
        let plan = self.plan;
        for (number, step) in plan.steps().iter().enumerate() {
            if step.section == section {
                self.step(StepIndex(number), step, limit).await;
            }
        }
    }

    async fn step(&mut self, index: StepIndex, step: &CheckedStep, limit: Option<&Limit>) {
        if !self.job.selected.get(index.0).copied().unwrap_or(true) {
            return;
        }
        let place = format!("{:?}.{}", step.section, step.position);
        let key = step.id.clone().unwrap_or(place);
        let words = Words::default();
        let reference = self.reference(step, &key, &words);
        if let Some((verdict, reason, blame)) = self.decide(step, limit) {
            let end = End { verdict, only_budget: false, sent: false, blame };
            self.not_run(index, step, reference, end, reason).await;
            return;
        }
        let at = self.context.elapsed();
        self.context
            .emit(Event::StepStarted { job: self.job.id, step: reference.clone(), at })
            .await;
        let stoppable = step.section != Section::Cleanup;
        let observed = self.observed.get(&index).map_or(&[][..], Vec::as_slice);
        let condition = step.condition.as_ref().map(|condition| {
            (condition, self.scene(step, &key, &words, stoppable).condition(condition))
        });
        let finished = match condition {
            Some((_, Err(finding))) => errored(*finding),
            Some((condition, Ok(false))) => {
                let reason = Reason::If(condition.text.clone());
                let end = End {
                    verdict: Verdict::Skipped,
                    only_budget: false,
                    sent: false,
                    blame: step.label(),
                };
                self.not_run(index, step, reference, end, Some(reason)).await;
                return;
            }
            Some((_, Ok(true))) | None => {
                let scene = self.scene(step, &key, &words, stoppable);
                scene.carry_out(self.job.id, &reference, limit, observed).await
            }
        };
        for (name, value, secret) in finished.captures {
            let taint = secret.then(|| name.as_str().into());
            self.names.capture(&name, value, taint);
        }
        if let Some(id) = &step.id {
            self.names.see(id, &finished.seen);
        }
        if let Some(slot) = self.ended.get_mut(index.0) {
            *slot = Some(End {
                verdict: finished.result.verdict,
                only_budget: finished.result.only_budget,
                sent: finished.seen.sent,
                blame: step.label(),
            });
        }
        self.context
            .emit(Event::StepFinished {
                job: self.job.id,
                step: reference,
                result: Arc::new(finished.result),
            })
            .await;
    }

    async fn not_run(
        &mut self,
        index: StepIndex,
        step: &CheckedStep,
        reference: StepRef,
        end: End,
        reason: Option<Reason>,
    ) {
        if let Some(id) = &step.id {
            let seen = Seen { verdict: Some(end.verdict), ..Seen::default() };
            self.names.see(id, &seen);
        }
        let result = bare(end.verdict, reason);
        if let Some(slot) = self.ended.get_mut(index.0) {
            *slot = Some(end);
        }
        self.context
            .emit(Event::StepFinished {
                job: self.job.id,
                step: reference,
                result: Arc::new(result),
            })
            .await;
    }

    fn reference(&self, step: &CheckedStep, key: &str, words: &Words) -> StepRef {
        let name = match step.name.is_literal() {
            Some(name) => name.to_owned(),
            // A name is shown also where what it uses is not there yet: then as it is written.
            None => self
                .scene(step, key, words, false)
                .render(1, None, |renderer| renderer.template(&step.name, step.place))
                .map_or_else(
                    |_| step.name.text().to_owned(),
                    |value| super::render::as_text(&value),
                ),
        };
        StepRef {
            section: step.section,
            index: step.position,
            id: step.id.clone(),
            name: name.trim().to_owned(),
            place: step.place,
            covers: step.covers.clone(),
        }
    }

    /// Whether a step does not run, and why: `skip`, blocked; `if` comes after.
    fn decide(
        &self,
        step: &CheckedStep,
        limit: Option<&Limit>,
    ) -> Option<(Verdict, Option<Reason>, String)> {
        let own = || step.label();
        if let Some(reason) = &step.skip {
            return Some((Verdict::Skipped, Some(Reason::Skip(reason.clone())), own()));
        }
        let missing = step
            .uses
            .secrets
            .iter()
            .find(|secret| !self.values.environment.secrets.contains(secret));
        if let Some(secret) = missing {
            let reason = Reason::SecretMissing(secret.clone());
            return Some((Verdict::Skipped, Some(reason), own()));
        }
        if step.section == Section::Cleanup {
            return self
                .nothing_to_clean_up(step)
                .or_else(|| self.needs_more(step))
                .or_else(|| self.out_of_time(step, limit));
        }
        if let Some(stop) = self.context.stopped() {
            let reason = Reason::Interrupted(stop.as_str().to_owned());
            return Some((Verdict::Cancelled, Some(reason), own()));
        }
        if let Some(late) = self.out_of_time(step, limit) {
            return Some(late);
        }
        let blocker = self.blocker(step)?;
        Some((Verdict::Blocked, Some(Reason::BlockedBy(blocker.clone())), blocker))
    }

    /// In cleanup only `needs` blocks: a failure elsewhere does not.
    fn needs_more(&self, step: &CheckedStep) -> Option<(Verdict, Option<Reason>, String)> {
        let blocker = step.needs.iter().copied().find_map(|index| self.blame(index))?;
        Some((Verdict::Blocked, Some(Reason::BlockedBy(blocker.clone())), blocker))
    }

    /// The plan's deadline came, or what cleanup may take is used up.
    fn out_of_time(
        &self,
        step: &CheckedStep,
        limit: Option<&Limit>,
    ) -> Option<(Verdict, Option<Reason>, String)> {
        let limit = limit.filter(|limit| self.context.elapsed() >= limit.until)?;
        Some((Verdict::Errored, Some(Reason::Deadline(limit.what.clone())), step.label()))
    }

    /// In cleanup: what it would clean up was never made.
    fn nothing_to_clean_up(&self, step: &CheckedStep) -> Option<(Verdict, Option<Reason>, String)> {
        let capture = step
            .uses
            .captures
            .iter()
            .find(|(name, _, guarded)| !*guarded && !self.names.has(name))
            .map(|(name, ..)| name.clone());
        let unseen = || {
            step.uses
                .steps
                .iter()
                .find(|needed| !self.end(**needed).is_some_and(|end| end.sent))
                .map(|needed| self.label(*needed))
        };
        if let Some(what) = capture.or_else(unseen) {
            return Some((Verdict::Skipped, Some(Reason::NothingToCleanUp(what)), step.label()));
        }
        let blocker = self.needed(step)?;
        Some((Verdict::Blocked, Some(Reason::BlockedBy(blocker.clone())), blocker))
    }

    fn end(&self, index: StepIndex) -> Option<&End> {
        self.ended.get(index.0).and_then(Option::as_ref)
    }

    fn label(&self, index: StepIndex) -> String {
        self.plan.steps().get(index.0).map(CheckedStep::label).unwrap_or_default()
    }

    /// Who is to blame that a step did not pass.
    fn blame(&self, index: StepIndex) -> Option<String> {
        match self.end(index) {
            Some(end) if end.lets_through() => None,
            Some(end) => Some(end.blame.clone()),
            None => Some(self.label(index)),
        }
    }

    /// The first of `needs` that did not pass.
    fn needed(&self, step: &CheckedStep) -> Option<String> {
        step.needs.iter().find_map(|index| self.blame(*index))
    }

    /// The step that keeps this one from running.
    fn blocker(&self, step: &CheckedStep) -> Option<String> {
        let needed = self.needed(step);
        let captured = || {
            step.uses
                .captures
                .iter()
                .filter(|(_, _, guarded)| !*guarded)
                .find_map(|(_, index, _)| self.blame(*index))
        };
        let looked_at = || {
            step.uses
                .steps
                .iter()
                .find(|index| !self.end(**index).is_some_and(|end| end.sent))
                .map(|index| self.blame(*index).unwrap_or_else(|| self.label(*index)))
        };
        needed.or_else(captured).or_else(looked_at).or_else(|| self.stopper(step))
    }

    /// An earlier step whose failure stops the rest; one of setup stops everything.
    fn stopper(&self, step: &CheckedStep) -> Option<String> {
        self.plan
            .steps()
            .iter()
            .zip(&self.ended)
            .filter_map(|(earlier, end)| Some((earlier, end.as_ref()?)))
            .filter(|(_, end)| matches!(end.verdict, Verdict::Failed | Verdict::Errored))
            .filter(|(_, end)| !end.only_budget)
            .find(|(earlier, _)| match earlier.section {
                Section::Setup => {
                    step.section == Section::Steps || earlier.on_failure == OnFailure::Stop
                }
                Section::Steps => earlier.on_failure == OnFailure::Stop,
                Section::Cleanup => false,
            })
            .map(|(_, end)| end.blame.clone())
    }

    async fn end_event(&self, started: Duration, verdict: Verdict) {
        let ended = self.steps_ended.unwrap_or_else(|| self.context.elapsed());
        self.context
            .emit(Event::PlanFinished {
                job: self.job.id,
                verdict,
                duration: ended.saturating_sub(started),
                findings: self.findings.clone(),
                breach: self.breach.clone(),
            })
            .await;
    }

    async fn finish(self, started: Duration) {
        let verdicts = || self.ended.iter().flatten();
        let any = |wanted: Verdict| verdicts().any(|end| end.verdict == wanted);
        let verdict = if !self.findings.is_empty() || any(Verdict::Errored) {
            Verdict::Errored
        } else if any(Verdict::Failed) || self.breach.is_some() {
            Verdict::Failed
        } else if any(Verdict::Cancelled) {
            Verdict::Cancelled
        } else if any(Verdict::Passed) {
            Verdict::Passed
        } else {
            Verdict::Skipped
        };
        self.end_event(started, verdict).await;
    }
}

fn bare(verdict: Verdict, reason: Option<Reason>) -> StepResult {
    let deadline = matches!(reason, Some(Reason::Deadline(_)));
    StepResult {
        verdict,
        flaky: false,
        attempts: Vec::new(),
        tries: 0,
        duration: Duration::ZERO,
        code: deadline.then_some(Code::DeadlineExceeded),
        message: match &reason {
            Some(Reason::Deadline(what)) => Some(what.clone()),
            _ => None,
        },
        reason,
        only_budget: false,
    }
}

/// A step whose condition could not be evaluated.
fn errored(finding: Finding) -> Finished {
    let code = finding.code;
    let attempted = super::attempt::Attempted::errored(1, Duration::ZERO, vec![finding]);
    Finished {
        result: StepResult {
            attempts: vec![attempted.attempt],
            tries: 1,
            code: Some(code),
            ..bare(Verdict::Errored, None)
        },
        seen: Seen { verdict: Some(Verdict::Errored), ..Seen::default() },
        captures: Vec::new(),
    }
}
