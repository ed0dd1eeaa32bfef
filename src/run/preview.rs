//! Requests as they would be sent, without sending anything: secrets are their masks, and what only
//! a run can know stands as `{name}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cases::{Case, CaseList};
use super::context::{Origin, PlanValues};
use super::files::{Absent, PlanFiles};
use super::names::JobNames;
use super::render::{Rendered, Renderer, as_text};
use super::wire;
use crate::check::{Cases, CheckedPlan, CheckedStep, Include, Request, Work};
use crate::finding::Finding;
use crate::outcome::Exchange;
use crate::secret::Gate;
use crate::template::{Bound, Group, Names, Scope, Seed};

/// What a preview is made with.
pub struct Preview<'a> {
    /// The values from outside.
    pub values: &'a PlanValues,
    /// The run's seed.
    pub seed: u64,
    /// What `now()` is.
    pub now: jiff::Timestamp,
}

/// What a step would send in one of its cases.
#[derive(Debug)]
pub struct Sight {
    /// The case, where the step has cases that are known before the run.
    pub case: Option<String>,
    /// The step's name in this case, rendered as far as it can be.
    pub name: String,
    /// What is sent.
    pub shown: Shown,
}

/// A step's request as it would be sent.
#[derive(Debug)]
pub enum Shown {
    /// A request.
    Request(Box<Exchange>),
    /// Something that sends nothing.
    Nothing,
    /// A request that only a run can put together: why.
    Unknown(Box<Finding>),
    /// What the steps of the included plan would send, in their order.
    Included(Vec<Vec<Sight>>),
}

impl Preview<'_> {
    /// What all steps would send, in their order, in one case of the plan; each in all its cases.
    #[must_use]
    pub fn steps(&self, plan: &CheckedPlan, case: Option<usize>) -> Vec<Vec<Sight>> {
        let mut names = self.names(plan);
        names.case = self.plan_case(plan, case, &names);
        let names = names;
        plan.steps().iter().map(|step| self.step(plan, step, &names)).collect()
    }

    /// What a case of the plan is called.
    #[must_use]
    pub fn case(&self, plan: &CheckedPlan, case: Option<usize>) -> Option<String> {
        self.plan_case(plan, case, &self.names(plan)).map(|case| case.name)
    }

    fn plan_case(&self, plan: &CheckedPlan, case: Option<usize>, names: &Unknown) -> Option<Case> {
        let cases = self.cases(plan, plan.cases()?, names);
        cases.into_iter().nth(case.unwrap_or_default())
    }

    /// The variables and inputs of a plan, in the order of their evaluation; secrets in them are
    /// masks, and one that only a case decides has no value.
    #[must_use]
    pub fn vars(&self, plan: &CheckedPlan) -> Vec<(String, Option<Value>)> {
        let names = self.names(plan);
        let declared = plan.vars().iter().map(|var| &var.name).chain(plan.inputs());
        declared
            .map(|name| {
                let value = match names.known.get(name) {
                    Some(Bound::Value { value, taint: _ }) => Some(value.into_owned()),
                    Some(Bound::Group(_) | Bound::Omit) | None => None,
                };
                (name.clone(), value.filter(|value| *value != placeholder(name)))
            })
            .collect()
    }

    fn names(&self, plan: &CheckedPlan) -> Unknown {
        let mut secrets = Names::default();
        for secret in plan.secrets() {
            let name = &secret.name.value;
            secrets.insert(name.clone(), Value::from(format!("«secret:{name}»")));
        }
        let mut shared = Names::over(Arc::clone(&self.values.environment.names));
        let folder = self.values.folder.display().to_string();
        shared.insert("plan", json!({"name": plan.name().value, "dir": folder}));
        let mut run = Names::default();
        for name in ["id", "started_at"] {
            run.insert(name, placeholder(&format!("run.{name}")));
        }
        run.insert("seed", Value::from(self.seed));
        shared.insert_group("run", run);
        let mut names = Unknown {
            known: JobNames::new(Arc::new(shared)),
            secrets,
            steps: earlier(plan),
            case: None,
        };
        // A variable may use an input.
        for (name, (value, _)) in &self.values.given {
            names.known.capture(name, value.clone(), None);
        }
        for var in plan.vars() {
            let given = self.values.given.get(&var.name).map(|(value, _)| value.clone());
            let evaluated = self.with(plan, &names, "", |renderer| renderer.value(&var.value));
            let value = given.or_else(|| evaluated.ok().flatten().map(|(value, _)| value));
            names.known.capture(&var.name, value.unwrap_or(placeholder(&var.name)), None);
        }
        names
    }

    fn with<R>(
        &self,
        plan: &CheckedPlan,
        names: &dyn Group,
        step: &str,
        f: impl FnOnce(&Renderer<'_>) -> R,
    ) -> R {
        // Secrets are their masks here: there is nothing to register, and nothing to mask.
        let gate = Gate::new();
        let file = |path: &str| {
            let read = self.values.files.read(&self.values.folder, path);
            read.map_err(|fault| fault.to_string())
        };
        let scope = Scope {
            names,
            seed: Seed {
                seed: self.seed,
                plan: &self.values.path,
                case: "",
                step,
                iteration: 1,
                attempt: 1,
            },
            now: self.now,
            entropy: &|| 0,
            file: &file,
        };
        f(&Renderer {
            scope,
            gate: &gate,
            environment: &self.values.environment,
            literal_origins: plan.literal_origins(),
            files: PlanFiles { values: self.values, absent: Absent::Shown },
        })
    }

    /// The cases, as far as they are known before the run.
    fn cases(&self, plan: &CheckedPlan, cases: &Cases, names: &Unknown) -> Vec<Case> {
        self.with(plan, names, "", |renderer| {
            let Ok(list) = CaseList::open(cases, renderer) else { return Vec::new() };
            let case = |number| {
                list.evaluate(number, renderer, names.case.as_ref())
                    .unwrap_or_else(|_| list.without_values(number))
            };
            (0..list.count).map(case).collect()
        })
    }

    fn step(&self, plan: &CheckedPlan, step: &CheckedStep, names: &Unknown) -> Vec<Sight> {
        let cases = step.cases.as_ref().map(|cases| self.cases(plan, cases, names));
        let cases = cases.unwrap_or_default();
        let about = json!({"id": step.id.as_deref().unwrap_or_default()});
        if cases.is_empty() {
            return vec![self.one(plan, step, &InStep { names, step: about, case: None })];
        }
        let in_case =
            |case| self.one(plan, step, &InStep { names, step: about.clone(), case: Some(case) });
        cases.into_iter().map(in_case).collect()
    }

    /// A request in its first case, by each of its routes, with what is known before the run; nothing
    /// where that is not enough.
    pub(super) fn rendered(
        &self,
        plan: &CheckedPlan,
        step: &CheckedStep,
        request: &Request,
    ) -> Vec<Rendered> {
        let names = self.names(plan);
        let about = json!({"id": step.id.as_deref().unwrap_or_default()});
        let cases = step.cases.as_ref().map(|cases| self.cases(plan, cases, &names));
        let cases = cases.unwrap_or_default().into_iter().map(Some);
        let cases: Vec<Option<Case>> = cases.take(request.routes.len().max(1)).collect();
        let cases = if cases.is_empty() { vec![None] } else { cases };
        let in_case = |case| {
            let names = InStep { names: &names, step: about.clone(), case };
            self.with(plan, &names, &step.label(), |renderer| renderer.request(request).ok())
        };
        cases.into_iter().filter_map(in_case).collect()
    }

    fn one(&self, plan: &CheckedPlan, step: &CheckedStep, names: &InStep<'_>) -> Sight {
        let case = names.case.as_ref().map(|case| case.name.clone());
        self.with(plan, names, &step.label(), |renderer| {
            let name = renderer.template(&step.name, step.place);
            let name = name.map_or_else(|_| step.name.text().to_owned(), |value| as_text(&value));
            let shown = match &step.work {
                Work::Request(request) => match renderer.request(request) {
                    Ok(rendered) => Shown::Request(Box::new(wire::preview(&rendered))),
                    Err(finding) => Shown::Unknown(finding),
                },
                Work::Include(include) => self.included(include, renderer),
                Work::Assert(_) | Work::Sleep(_) | Work::Group(_) => Shown::Nothing,
            };
            Sight { case, name: name.trim().to_owned(), shown }
        })
    }
}

impl Preview<'_> {
    /// The steps of an included plan, with what it is given as far as that is known.
    fn included(&self, include: &Include, renderer: &Renderer<'_>) -> Shown {
        let Some(values) = self.given(include, renderer) else { return Shown::Nothing };
        let inner = Preview { values: &values, seed: self.seed, now: self.now };
        Shown::Included(inner.steps(&include.plan, None))
    }

    /// Every plan that a plan includes itself, at its step, with the values that it is given.
    #[must_use]
    pub fn inside<'p>(
        &self,
        plan: &'p CheckedPlan,
    ) -> Vec<(&'p CheckedStep, &'p Include, PlanValues)> {
        let names = self.names(plan);
        let values = |step: &CheckedStep, include: &Include| {
            self.with(plan, &names, &step.label(), |renderer| self.given(include, renderer))
        };
        let included = plan.included();
        included
            .filter_map(|(step, include)| Some((step, include, values(step, include)?)))
            .collect()
    }

    /// What an included plan needs, with what it is given as far as that is known.
    fn given(&self, include: &Include, renderer: &Renderer<'_>) -> Option<PlanValues> {
        let values = self.values.included.get(&include.plan.source())?;
        let mut given = BTreeMap::new();
        for (name, place, template) in &include.with {
            let value = match renderer.value(template) {
                Ok(Some((value, _))) => value,
                Ok(None) => continue,
                Err(_) => placeholder(name),
            };
            let origin = Origin { place: Some(*place), source: String::new() };
            given.insert(name.clone(), (value, origin));
        }
        let included = Arc::clone(&self.values.included);
        Some(PlanValues { given, included, ..values.clone() })
    }
}

/// The names that a step sees: its own beside those of its plan.
struct InStep<'a> {
    names: &'a Unknown,
    step: Value,
    case: Option<Case>,
}

impl Group for InStep<'_> {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        match (name, &self.case) {
            ("case", Some(case)) => Some(case.bound()),
            ("step", _) => Some(Bound::plain(&self.step)),
            _ => self.names.get(name),
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.names.names()
    }
}

/// What steps look at of those before them, each as a placeholder.
fn earlier(plan: &CheckedPlan) -> Names {
    let mut fields: BTreeMap<&str, Names> = BTreeMap::new();
    for (index, field) in plan.steps().iter().flat_map(|step| &step.uses.seen) {
        if let Some(id) = plan.steps().get(index.0).and_then(|step| step.id.as_deref()) {
            let names = fields.entry(id).or_default();
            names.insert(field.clone(), placeholder(&format!("steps.{id}.{field}")));
        }
    }
    let mut steps = Names::default();
    for (id, fields) in fields {
        steps.insert_group(id, fields);
    }
    steps
}

fn placeholder(name: &str) -> Value {
    Value::from(format!("{{{name}}}"))
}

/// Names of which only some have a value: the others stand for themselves.
struct Unknown {
    known: JobNames,
    secrets: Names,
    /// What is looked at of earlier steps.
    steps: Names,
    /// The case of the plan.
    case: Option<Case>,
}

impl Group for Unknown {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        match name {
            "secrets" => Some(Bound::Group(&self.secrets)),
            "steps" => Some(Bound::Group(&self.steps)),
            "attempt" | "iter" => Some(Bound::owned(Value::from(1))),
            "case" if self.case.is_some() => self.case.as_ref().map(Case::bound),
            "unique" | "omit" | "env" | "run" | "plan" => self.known.get(name),
            _ => self.known.get(name).or_else(|| Some(Bound::owned(placeholder(name)))),
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.known.names()
    }
}
