//! One execution of a plan: what its names stand for, how each step ended, its sections in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::attempt::{StepScene, Words, inside_of};
use super::carry::{Around, Ran};
use super::cases::{Case, CaseList};
use super::context::{Context, Held, PlanValues};
use super::environment::like;
use super::files::{Absent, PlanFiles};
use super::ids::TraceId;
use super::include::{Inside, Pending};
use super::judge::register_fields;
use super::names::{AttemptNames, JobNames, Seen};
use super::render::Renderer;
use super::step::Limit;
use crate::check::{CheckedPlan, CheckedStep, StepIndex};
use crate::event::Section;
use crate::finding::{Code, Finding, Severity};
use crate::http::Jar;
use crate::outcome::{BudgetBreach, Phase, Phases, Verdict};
use crate::schedule::Job;
use crate::source::SourceId;
use crate::template::{Entry, Evaluated, Names, Scope, Seed, ValueTemplate};

/// How long cleanup may take, where the plan does not say.
const CLEANUP: Duration = Duration::from_secs(60);

/// A plan under way.
pub(super) struct Execution<'a> {
    pub(super) context: &'a Context,
    pub(super) job: &'a Job,
    pub(super) plan: &'a CheckedPlan,
    pub(super) values: &'a PlanValues,
    pub(super) names: JobNames,
    pub(super) jar: &'a Jar,
    /// The trace of all its requests.
    pub(super) trace: TraceId,
    /// The case of the plan.
    pub(super) case: Option<Arc<Case>>,
    /// An optional secret that the case of the plan needs and that is not there.
    pub(super) case_lacks: Option<String>,
    /// How each step ended; nothing for those that did not come yet.
    pub(super) ended: Vec<Option<End>>,
    /// The steps that no other holds and that went wrong by more than a budget: what may stop others
    /// is looked for among them alone.
    pub(super) wrong: BTreeSet<StepIndex>,
    /// Which fields of a step's response others look at.
    pub(super) observed: BTreeMap<StepIndex, Vec<String>>,
    pub(super) findings: Vec<Finding>,
    pub(super) breach: Option<BudgetBreach>,
    /// When setup and steps had ended, since the run's start.
    pub(super) steps_ended: Option<Duration>,
    /// Where another plan includes this one.
    pub(super) inside: Option<Inside>,
    /// What is needed of each plan that it includes.
    pub(super) included: &'a BTreeMap<SourceId, PlanValues>,
    /// Included plans that have run, and clean up at the end of this one.
    pub(super) pending: Mutex<Vec<Pending<'a>>>,
    /// How their cleanups ended.
    pub(super) cleaned: Vec<End>,
    /// Where its events wait until it is known whether they are told.
    pub(super) held: Option<Arc<Held>>,
}

/// How a step ended, as far as others care.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) verdict: Verdict,
    pub(super) only_budget: bool,
    /// What names the ending, if it did not pass.
    pub(super) code: Option<Code>,
    pub(super) sent: bool,
    /// Whether it blocks what stands behind it, if it did not pass.
    pub(super) stops: bool,
    /// The step that is to blame: itself, or what blocked it.
    pub(super) blame: String,
}

impl End {
    /// Whether those that need it may run: a breached budget blocks nothing.
    pub(super) fn lets_through(&self) -> bool {
        self.verdict == Verdict::Passed || self.only_budget
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Failed | Verdict::Errored)
    }

    /// How several ended together.
    pub(super) fn worst(all: &[Self]) -> Self {
        let verdict = Verdict::gravest(all.iter().map(|end| end.verdict));
        let mut wrong = all.iter().filter(|end| end.is_wrong()).peekable();
        Self {
            verdict,
            only_budget: wrong.peek().is_some() && wrong.all(|end| end.only_budget),
            code: all.iter().find(|end| end.verdict == verdict).and_then(|end| end.code),
            sent: all.iter().any(|end| end.sent),
            stops: all.iter().any(|end| end.is_wrong() && end.stops),
            blame: all.first().map(|end| end.blame.clone()).unwrap_or_default(),
        }
    }
}

/// The limit that comes first.
fn sooner(own: Option<Limit>, outer: Option<&Limit>) -> Option<Limit> {
    match (own, outer) {
        (Some(own), Some(outer)) if outer.until <= own.until => Some(outer.clone()),
        (Some(own), _) => Some(own),
        (None, outer) => outer.cloned(),
    }
}

impl<'a> Execution<'a> {
    pub(super) fn new(
        context: &'a Context,
        job: &'a Job,
        values: &'a PlanValues,
        jar: &'a Jar,
    ) -> Self {
        Self::of(context, (job, job.plan.as_ref()), values, (jar, context.trace()))
    }

    /// An execution of a plan that this one includes.
    pub(super) fn within(&self, plan: &'a CheckedPlan, values: &'a PlanValues) -> Self {
        Self::of(self.context, (self.job, plan), values, (self.jar, self.trace))
    }

    fn of(
        context: &'a Context,
        (job, plan): (&'a Job, &'a CheckedPlan),
        values: &'a PlanValues,
        (jar, trace): (&'a Jar, TraceId),
    ) -> Self {
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
            jar,
            trace,
            case: None,
            case_lacks: None,
            ended: vec![None; plan.steps().len()],
            wrong: BTreeSet::new(),
            observed,
            findings: Vec::new(),
            breach: None,
            steps_ended: None,
            inside: None,
            included: &values.included,
            pending: Mutex::default(),
            cleaned: Vec::new(),
            held: None,
        }
    }

    /// What the plan is given from outside, and its case.
    pub(super) fn begin(&mut self) -> Result<(), Box<Finding>> {
        for input in self.plan.inputs() {
            if let Some((value, _)) = self.values.given.get(input) {
                let evaluated = Evaluated::Value { value: value.clone(), taint: None };
                self.names.define(input, evaluated);
            }
        }
        if let (Some(cases), Some(number)) = (self.plan.cases(), self.job.case) {
            let there = &self.values.environment.secrets;
            let case: Result<_, Box<Finding>> =
                self.render(&format!("case.{number}"), |renderer| {
                    let list = CaseList::open(cases, renderer)?;
                    let lacks =
                        list.secrets(number).into_iter().find(|s| !there.contains(s)).cloned();
                    let (case, fault) = match &lacks {
                        Some(_) => (list.without_values(number), None),
                        None => match list.evaluate(number, renderer, None) {
                            Ok(case) => (case, None),
                            Err(finding) => (list.without_values(number), Some(finding)),
                        },
                    };
                    Ok((case, lacks, fault))
                });
            let (case, lacks, fault) = case?;
            self.case = Some(Arc::new(case));
            self.case_lacks = lacks;
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Variables, each once for this job.
    pub(super) fn variables(&mut self) -> Result<(), Box<Finding>> {
        for var in self.plan.vars() {
            if let Some(given) =
                self.inside.as_mut().and_then(|inside| inside.with.remove(&var.name))
            {
                self.names.define(&var.name, given);
                continue;
            }
            let there = &self.values.environment.secrets;
            if self.case_lacks.is_some() || var.secrets.iter().any(|s| !there.contains(s)) {
                // An optional secret is not there: the steps that use the variable are skipped.
                continue;
            }
            let evaluated = self.evaluate(&var.name, &var.value)?;
            self.names.define(&var.name, evaluated);
        }
        Ok(())
    }

    /// Calls `f` with what renders templates outside of steps.
    fn render<R>(&self, place: &str, f: impl FnOnce(&Renderer<'_>) -> R) -> R {
        let names = AttemptNames::new(&self.names, self.case.as_deref(), "");
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
                case: &inside_of(self.seed(), self.case.as_ref().map(|case| case.seed.as_str())),
                step: place,
                iteration: 1,
                attempt: 1,
            },
            now: self.context.now(),
            entropy: &entropy,
            file: &file,
        };
        f(&Renderer {
            scope,
            gate: &self.context.gate,
            environment: &self.values.environment,
            literal_origins: &[],
            files: PlanFiles { values: self.values, absent: Absent::Refused },
        })
    }

    fn evaluate(&self, name: &str, value: &ValueTemplate) -> Result<Entry, Box<Finding>> {
        let Some((given, _)) = self.values.given.get(name) else {
            return self.render(name, |renderer| renderer.entry(value));
        };
        // The file's own value is evaluated also where another is given: the given one takes its type.
        let own = self.render(name, |renderer| renderer.value(value))?;
        let value = match (given, own) {
            (Value::String(text), Some((own, _))) => like(&own, text),
            (Value::String(text), None) => like(&Value::Null, text),
            (given, _) => given.clone(),
        };
        Ok(Evaluated::Value { value, taint: None }.into())
    }

    /// Setup, steps and cleanup, with the plan's own limits.
    pub(super) async fn all_sections(&mut self, started: Duration) {
        if self.forward(started, None).await {
            self.clean_up(None).await;
        }
    }

    /// Setup and steps; whether they could begin. `outer` is when what holds the plan has to end.
    pub(super) async fn forward(&mut self, started: Duration, outer: Option<&Limit>) -> bool {
        let deadline = match self.limit(started, self.plan.deadline()) {
            Ok(limit) => limit.map(|(until, own)| Limit {
                until,
                what: format!(
                    "the plan's deadline of {} came first",
                    crate::units::show_duration(own)
                ),
                place: self.plan.deadline_place(),
            }),
            Err(finding) => {
                self.findings.push(*finding);
                return false;
            }
        };
        let deadline = sooner(deadline, outer);
        for section in [Section::Setup, Section::Steps] {
            self.section(section, deadline.as_ref()).await;
        }
        let took = self.context.elapsed();
        self.steps_ended = Some(took);
        self.judge_budget(took.saturating_sub(started));
        true
    }

    /// The plan's own cleanup, then that of the plans that it included, the last one first.
    pub(super) async fn clean_up(&mut self, outer: Option<&Limit>) {
        let took = self.context.elapsed();
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
            place: None,
        };
        let limit = sooner(Some(limit), outer);
        self.section(Section::Cleanup, limit.as_ref()).await;
        self.clean_up_included(limit.as_ref()).await;
    }

    fn limit(
        &self,
        from: Duration,
        late: Option<&crate::check::Late<Duration>>,
    ) -> Result<Option<(Duration, Duration)>, Box<Finding>> {
        let Some(late) = late else { return Ok(None) };
        let own = self.render("", |renderer| renderer.late(late))?;
        Ok(Some((from.saturating_add(own), own)))
    }

    /// The plan's budget: the wall clock of setup and steps.
    fn judge_budget(&mut self, took: Duration) {
        let Some(budget) = self.plan.budget() else { return };
        match self.render("", |renderer| renderer.limits(budget)) {
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

    /// Everything that the attempts of a step have in common.
    pub(super) fn scene<'s>(
        &'s self,
        step: &'s CheckedStep,
        around: &'s Around,
        case: Option<&'s Arc<Case>>,
        (key, words): (&'s str, &'s Words),
    ) -> StepScene<'s> {
        let is_read_later = |named: &[&str]| {
            self.observed.iter().any(|(index, fields)| {
                let seen = self.plan.steps().get(index.0);
                fields.iter().any(|field| named.contains(&field.as_str()))
                    && seen.is_some_and(|seen| std::ptr::eq(seen, step))
            })
        };
        let body_is_read_later = is_read_later(&["json", "text"]);
        let digest_is_read_later = is_read_later(&["request_sha256"]);
        StepScene {
            context: self.context,
            values: self.values,
            plan: self.plan,
            step,
            names: &self.names,
            inside: self.seed(),
            key,
            jar: self.jar,
            trace: self.trace,
            words,
            told: None,
            case: case.or(around.case.as_ref()).or(self.case.as_ref()),
            iteration: 1,
            barrier: None,
            held: self.held.as_deref(),
            body_is_read_later,
            digest_is_read_later,
            stoppable: step.section != Section::Cleanup && !self.cleans_up(),
        }
    }

    async fn section(&mut self, section: Section, limit: Option<&Limit>) {
        let plan = self.plan;
        for (number, step) in plan.steps().iter().enumerate() {
            if step.section == section && step.parent.is_none() {
                let around = Around { limit: limit.cloned(), ..self.around() };
                let ran = self.carry_out(StepIndex(number), &around).await;
                self.keep(ran);
            }
        }
    }

    /// What a step leaves for those behind it.
    fn keep(&mut self, ran: Ran) {
        let Ran { ends, seen, captures } = ran;
        for (name, value, secret) in captures {
            let taint = secret.then(|| name.as_str().into());
            self.names.capture(&name, value, taint);
        }
        for (id, seen) in seen {
            let fields = seen.response.iter().flat_map(|response| &response.fields);
            for (_, value) in
                fields.filter(|(field, _)| matches!(field.as_str(), "json" | "headers"))
            {
                register_fields(&self.context.gate, value);
            }
            self.names.see(&id, &seen);
        }
        for (index, end) in ends {
            let is_held = self.plan.steps().get(index.0).is_none_or(|step| step.parent.is_some());
            if end.is_wrong() && !end.only_budget && !is_held {
                self.wrong.insert(index);
            } else {
                self.wrong.remove(&index);
            }
            if let Some(slot) = self.ended.get_mut(index.0) {
                *slot = Some(end);
            }
        }
    }

    /// How the plan ended as a whole.
    pub(super) fn verdict(&self) -> Verdict {
        let steps = self.plan.steps().iter().zip(&self.ended);
        let verdicts = || {
            let top = steps.clone().filter(|(step, _)| step.parent.is_none());
            top.filter_map(|(_, end)| end.as_ref()).chain(&self.cleaned)
        };
        let any = |wanted: Verdict| verdicts().any(|end| end.verdict == wanted);
        if !self.findings.is_empty() || any(Verdict::Errored) {
            Verdict::Errored
        } else if any(Verdict::Failed) || self.breach.is_some() {
            Verdict::Failed
        } else if any(Verdict::Cancelled) {
            Verdict::Cancelled
        } else if any(Verdict::Passed) {
            Verdict::Passed
        } else {
            Verdict::Skipped
        }
    }
}
