//! A plan as a step of another: what it is given, what is taken from it, and its own check.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::placed::in_order;
use super::plan::check;
use super::types::{CheckedPlan, Work};
use super::values::Checker;
use super::{Surroundings, types};
use crate::finding::{Code, Finding, nearest};
use crate::plan::{HintAst, IncludeAst, Plan, Section, Step};
use crate::source::{Place, SourceId, Spanned};
use crate::template::ValueTemplate;

/// Whether a plan stands by itself.
#[derive(Debug, Clone, Copy)]
pub enum Role<'a> {
    /// It was named, or lies in a folder that was.
    Alone,
    /// Another one includes it; these of its names are taken by any that does.
    Included(&'a BTreeSet<String>),
}

/// A plan that others include, with what was read for it.
#[derive(Debug)]
pub struct Included<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its path as shown.
    pub path: &'a str,
    /// The CSV files that it names, by their path as written.
    pub tables: &'a BTreeMap<String, SourceId>,
    /// Its hints, its own first.
    pub hints: Vec<&'a HintAst>,
    /// The plans that it includes itself, by their path as written.
    pub includes: &'a BTreeMap<String, usize>,
    /// Those of its names that are taken by any that includes it.
    pub exported: &'a BTreeSet<String>,
}

/// A plan that is carried out as a step.
#[derive(Debug)]
pub struct Include {
    /// The plan, as it is carried out here.
    pub plan: CheckedPlan,
    /// Its file as written.
    pub path: Spanned<String>,
    /// What it is given: each name, where that is written, the value.
    pub with: Vec<(String, Place, ValueTemplate)>,
    /// What is taken from it.
    pub export: Vec<Spanned<String>>,
}

impl CheckedPlan {
    /// The plans that it includes, each at its step, those inside of them left out.
    pub fn included(&self) -> impl Iterator<Item = (&types::CheckedStep, &Include)> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Include(include) => Some((step, &**include)),
            Work::Request(_) | Work::Assert(_) | Work::Sleep(_) | Work::Group(_) => None,
        })
    }

    /// This plan or the first one inside of it that stands in a file.
    #[must_use]
    pub fn of_file(&self, source: SourceId) -> Option<&CheckedPlan> {
        let mut found = None;
        self.each_plan(&mut |plan| {
            if found.is_none() && plan.source == source {
                found = Some(plan);
            }
        });
        found
    }

    /// Shows this plan, then every plan inside of it, however deep.
    pub fn each_plan<'p>(&'p self, visit: &mut dyn FnMut(&'p CheckedPlan)) {
        visit(self);
        for (_, include) in self.included() {
            include.plan.each_plan(visit);
        }
    }
}

impl Checker<'_> {
    /// The plan of an include step, checked for this place; nothing where it cannot be carried out.
    pub(super) fn include(&mut self, ast: &IncludeAst) -> Option<Include> {
        let with: Vec<Option<(String, Place, ValueTemplate)>> = ast
            .with
            .iter()
            .map(|entry| {
                let value = self.value(&entry.value)?;
                Some((entry.key.value.clone(), entry.key.place, value))
            })
            .collect();
        // A file that could not be read has its finding.
        let index = *self.around.includes.get(&ast.path.value)?;
        let included = self.around.included.get(index)?;
        self.refused(ast, included);
        self.given(ast, included.plan);
        self.taken(ast, included.plan);
        for secret in &included.plan.secrets {
            self.names.use_secret(&secret.name.value);
        }
        let of_responses = self.of_responses(&with);
        let given: Vec<String> = ast.with.iter().map(|entry| entry.key.value.clone()).collect();
        let around = Surroundings {
            given: &given,
            of_responses: &of_responses,
            tables: included.tables,
            hints: &included.hints,
            includes: included.includes,
            role: Role::Included(included.exported),
            ..self.around
        };
        let (plan, findings) = check(included.plan, &around);
        for finding in findings {
            self.report(inside(finding, ast.path.place));
        }
        let with = with.into_iter().collect::<Option<_>>()?;
        Some(Include { plan: plan?, path: ast.path.clone(), with, export: ast.export.clone() })
    }

    /// The names that are given values which came out of a response.
    fn of_responses(&self, with: &[Option<(String, Place, ValueTemplate)>]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, _, value) in with.iter().flatten() {
            let mut is_one = false;
            value.visit(&mut |template, _| {
                let mut roots = template.names().iter().filter_map(|name| name.path.first());
                is_one |= roots.any(|root| self.names.is_of_a_response(root));
            });
            if is_one {
                found.push(name.clone());
            }
        }
        found
    }

    /// A plan that is several jobs is no step.
    fn refused(&mut self, ast: &IncludeAst, included: &Included<'_>) {
        let Some((place, _)) = &included.plan.cases else { return };
        let finding = Finding::error(
            Code::Conflict,
            format!("`{}` has cases of its own: it cannot be a step", included.path),
        )
        .at(ast.path.place, "included here")
        .at(*place, "its cases")
        .help("give the cases to the step that includes it, and their values by `with`");
        self.report(finding);
    }

    /// `with`: every input, and nothing that nobody asked for.
    fn given(&mut self, ast: &IncludeAst, plan: &Plan) {
        let inputs = || plan.inputs.iter().map(|input| input.value.as_str());
        let vars = || plan.vars.iter().map(|var| var.key.value.as_str());
        for entry in &ast.with {
            let name = entry.key.value.as_str();
            if inputs().chain(vars()).any(|known| known == name) {
                continue;
            }
            let finding = Finding::error(
                Code::UnknownName,
                format!("`{}` has no input and no variable `{name}`", ast.path.value),
            )
            .at(entry.key.place, "nobody would read it")
            .at(plan.name.place, "the included plan");
            self.report(match nearest(name, inputs().chain(vars())) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(match listed(inputs().chain(vars())) {
                    Some(known) => format!("it takes {known}"),
                    None => format!("it takes nothing: declare `inputs: [{name}]` in it"),
                }),
            });
        }
        for input in &plan.inputs {
            let name = input.value.as_str();
            if ast.with.iter().any(|entry| entry.key.value == name) {
                continue;
            }
            let finding = Finding::error(
                Code::MissingKey,
                format!("`{}` needs the input `{name}`", ast.path.value),
            )
            .at(ast.path.place, "not given to it")
            .at(input.place, "declared here");
            // What was meant for it stands under a name that is not known.
            let unknown = ast.with.iter().map(|entry| entry.key.value.as_str());
            let unknown =
                unknown.filter(|name| !inputs().chain(vars()).any(|known| known == *name));
            if nearest(name, unknown).is_none() {
                self.report(finding.help(format!("add `with: {{{name}: …}}`")));
            }
        }
    }

    /// `export`: names that the included plan defines.
    fn taken(&mut self, ast: &IncludeAst, plan: &Plan) {
        let known = names_of(plan);
        for name in &ast.export {
            if known.contains(name.value.as_str()) {
                continue;
            }
            let finding = Finding::error(
                Code::UnknownName,
                format!("`{}` defines no name `{}`", ast.path.value, name.value),
            )
            .at(name.place, "nothing to take")
            .at(plan.name.place, "the included plan");
            self.report(match nearest(&name.value, known.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(match listed(known.iter().copied()) {
                    Some(known) => format!("it defines {known}"),
                    None => "it captures nothing and has no variables".to_owned(),
                }),
            });
        }
    }

    /// What an include takes is known to the steps behind it, like a capture.
    pub(super) fn exports(&mut self, step: &Step, index: types::StepIndex) {
        for name in step.leaves().skip(step.capture.len()) {
            if let Some(taken) = self.names.define_capture(&name.value, index, name.place) {
                let message = format!("`{}` would hide a variable of this plan", name.value);
                let finding = Finding::error(Code::DuplicateName, message)
                    .at(name.place, "taken from the included plan")
                    .at(taken, "the variable")
                    .help("give the variable another name");
                self.report(finding);
            }
        }
    }
}

/// Every name that a plan defines and that is there when its steps have run.
fn names_of(plan: &Plan) -> BTreeSet<&str> {
    let vars = plan.vars.iter().map(|var| var.key.value.as_str());
    let inputs = plan.inputs.iter().map(|input| input.value.as_str());
    let mut names: BTreeSet<&str> = vars.chain(inputs).collect();
    let steps = in_order(plan);
    let before_cleanup = steps.iter().filter(|placed| placed.section != Section::Cleanup);
    names.extend(before_cleanup.flat_map(|placed| placed.step.leaves()).map(|n| n.value.as_str()));
    names
}

/// ``a`, `b` and 3 more``; nothing where there is none.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(6);
    let mut said = names.into_iter().take(6).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(said, " and {more} more");
    }
    (!said.is_empty()).then_some(said)
}

/// A finding of an included plan, with the line that includes it.
#[must_use]
pub fn inside(finding: Finding, include: Place) -> Finding {
    finding.at(include, "included here")
}
