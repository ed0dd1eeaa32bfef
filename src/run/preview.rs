//! Requests as they would be sent, without sending anything: secrets are their masks, and what only
//! a run can know stands as `{name}`.

use std::borrow::Cow;

use serde_json::Value;

use super::cases::{Case, CaseList};
use super::context::PlanValues;
use super::names::JobNames;
use super::render::Renderer;
use super::wire;
use crate::check::{Cases, CheckedPlan, CheckedStep, Work};
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

/// A step's request as it would be sent.
#[derive(Debug)]
pub enum Shown {
    /// A request.
    Request(Box<Exchange>),
    /// Something that sends nothing.
    Nothing,
    /// A request that only a run can put together: why.
    Unknown(Box<Finding>),
}

impl Preview<'_> {
    /// The requests of all steps, in their order.
    #[must_use]
    pub fn steps(&self, plan: &CheckedPlan) -> Vec<Shown> {
        let mut names = self.names(plan);
        names.case = plan.cases().and_then(|cases| self.first_case(plan, cases, &names));
        let names = names;
        plan.steps().iter().map(|step| self.step(plan, step, &names)).collect()
    }

    /// The variables and inputs of a plan, in the order of their evaluation; secrets in them are
    /// masks.
    #[must_use]
    pub fn vars(&self, plan: &CheckedPlan) -> Vec<(String, Value)> {
        let names = self.names(plan);
        let declared = plan.vars().iter().map(|var| &var.name).chain(plan.inputs());
        declared
            .filter_map(|name| match names.known.get(name)? {
                Bound::Value { value, taint: _ } => Some((name.clone(), value.into_owned())),
                Bound::Group(_) | Bound::Omit => None,
            })
            .collect()
    }

    fn names(&self, plan: &CheckedPlan) -> Unknown {
        let mut secrets = Names::default();
        for secret in plan.secrets() {
            let name = &secret.name.value;
            secrets.insert(name.clone(), Value::from(format!("«secret:{name}»")));
        }
        let mut names = Unknown {
            known: JobNames::new(std::sync::Arc::clone(&self.values.environment.names)),
            secrets,
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
        })
    }

    /// The first case, as far as it is known before the run.
    fn first_case(&self, plan: &CheckedPlan, cases: &Cases, names: &Unknown) -> Option<Case> {
        self.with(plan, names, "", |renderer| {
            let list = CaseList::open(cases, renderer).ok()?;
            Some(
                list.evaluate(0, renderer, names.case.as_ref())
                    .unwrap_or_else(|_| list.without_values(0)),
            )
        })
    }

    fn step(&self, plan: &CheckedPlan, step: &CheckedStep, names: &Unknown) -> Shown {
        let Work::Request(request) = &step.work else { return Shown::Nothing };
        let key = step.label();
        let own = step.cases.as_ref().and_then(|cases| self.first_case(plan, cases, names));
        let in_case;
        let names = match own {
            Some(case) => {
                in_case = InCase { names, case };
                &in_case as &dyn Group
            }
            None => names,
        };
        match self.with(plan, names, &key, |renderer| renderer.request(request)) {
            Ok(rendered) => Shown::Request(Box::new(wire::preview(&rendered))),
            Err(finding) => Shown::Unknown(finding),
        }
    }
}

/// The names that a step in its first case sees.
struct InCase<'a> {
    names: &'a Unknown,
    case: Case,
}

impl Group for InCase<'_> {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        if name == "case" { Some(self.case.bound()) } else { self.names.get(name) }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.names.names()
    }
}

fn placeholder(name: &str) -> Value {
    Value::from(format!("{{{name}}}"))
}

/// Names of which only some have a value: the others stand for themselves.
struct Unknown {
    known: JobNames,
    secrets: Names,
    /// The first case of the plan.
    case: Option<Case>,
}

impl Group for Unknown {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        match name {
            "secrets" => Some(Bound::Group(&self.secrets)),
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
