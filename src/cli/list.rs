//! `list`: the plans and steps that a selection means, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{Format, ListArgs};
use super::fault::UsageFault;
use super::other::json_escaped;
use super::prepare::{Prepared, prepare};
use super::preview::invalid;
use super::printer::Printer;
use super::selection;
use crate::check::{Cases, CheckedPlan, CheckedStep, Late, StepIndex, Work};
use crate::event::Section;
use crate::schedule::Job;
use crate::source::Place;

/// Lists plans and their steps.
pub(super) fn list(args: &ListArgs, current: &Path) -> Result<u8, UsageFault> {
    let selection = match selection::read(&args.selection, &args.look) {
        Ok(selection) => selection,
        Err(code) => return Ok(code),
    };
    let prepared = prepare(&args.paths, &args.values, current)?;
    let printer = Printer::new(&args.look, &prepared.process);
    if prepared.has_errors() {
        return Ok(invalid(&prepared, &prepared.findings, &printer));
    }
    let selection = prepared.look_back(&args.selection, selection)?;
    let jobs = prepared.schedule(&selection)?;
    // A plan with cases is one plan.
    let mut listed: Vec<&Job> = jobs.iter().collect();
    listed.dedup_by_key(|job| job.position);
    let text = match args.format {
        Format::Json => {
            let plans: Vec<Value> = listed.iter().map(|job| prepared.plan_as_json(job)).collect();
            json_escaped(&serde_json::to_string_pretty(&plans).unwrap_or_default())
        }
        Format::Human => {
            let text: String = listed.iter().map(|job| prepared.plan_as_text(job)).collect();
            crate::secret::sanitise(&text).into_owned()
        }
    };
    let shown = if text.is_empty() { Ok(()) } else { printer.out(&prepared.gate.redact(text)) };
    prepared.explain_selection(&selection, &jobs, &printer);
    Ok(match shown {
        Ok(()) if jobs.is_empty() => 4,
        Ok(()) => 0,
        Err(_) => 7,
    })
}

impl Prepared {
    fn path_of(&self, job: &Job) -> &str {
        self.suite.plans.get(job.position).map(|loaded| loaded.shown.as_str()).unwrap_or_default()
    }

    fn line_of(&self, place: Place) -> usize {
        let text = self.suite.sources.get(place.source);
        text.map_or(0, |text| text.line_column(place.span.start).line)
    }

    /// A line for the plan and one for each step, with the step's line in the file.
    fn plan_as_text(&self, job: &Job) -> String {
        let plan = &job.plan;
        let mut text = format!("{}  {}", self.path_of(job), plan.name().value);
        if !plan.tags().is_empty() {
            let _ = write!(text, "  [{}]", plan.tags().join(", "));
        }
        let _ = writeln!(text, "{}{}", cases(plan.cases()), covers(plan.covers()));
        let steps = listed(job);
        let lines = steps.iter().map(|listed| self.line_of(listed.step.place));
        let width = lines.max().unwrap_or_default().to_string().len();
        for Listed { plan: _, step, depth, from } in steps {
            let section = match step.section {
                Section::Setup => "setup: ",
                Section::Steps => "",
                Section::Cleanup => "cleanup: ",
            };
            let id = step.id.as_ref().filter(|_| from.is_empty());
            let id = id.map(|id| format!("  ({id})")).unwrap_or_default();
            let skip = if step.skip.is_some() { "  skipped" } else { "" };
            let _ = writeln!(
                text,
                "  {:>width$}  {}{section}{}{id}{}{}{}{skip}",
                self.line_of(step.place),
                "  ".repeat(depth),
                step.name.text().trim(),
                file(step),
                cases(step.cases.as_ref()),
                covers(&step.covers)
            );
        }
        text
    }

    fn plan_as_json(&self, job: &Job) -> Value {
        let plan = &job.plan;
        let steps = listed(job);
        let steps: Vec<Value> = steps.iter().map(|listed| self.step_as_json(listed)).collect();
        json!({
            "plan": plan.name().value,
            "path": self.path_of(job),
            "place": self.suite.sources.locate(plan.name().place),
            "description": plan.description(),
            "tags": plan.tags(),
            "covers": plan.covers(),
            "cases": plan.cases().and_then(Cases::count),
            "steps": steps,
        })
    }

    fn step_as_json(&self, listed: &Listed<'_>) -> Value {
        let Listed { plan, step, depth, from } = listed;
        let request = match &step.work {
            Work::Request(request) => Some(request),
            Work::Assert(_) | Work::Sleep(_) | Work::Group(_) | Work::Include(_) => None,
        };
        json!({
            "section": step.section,
            "id": step.id,
            "name": step.name.text().trim(),
            "depth": depth,
            "kind": kind(&step.work),
            "method": request.map(|request| request.method.as_str()),
            "url": request.map(|request| request.url.text()),
            "place": self.suite.sources.locate(step.place),
            "included_from": from
                .iter()
                .map(|place| self.suite.sources.locate(*place))
                .collect::<Vec<_>>(),
            "covers": step.covers,
            "needs": needs(plan, step),
            "cases": step.cases.as_ref().and_then(Cases::count),
            "repeat": step.samples.as_ref().and_then(|samples| match &samples.repeat {
                Late::Known(repeat) => Some(*repeat),
                Late::Template(..) => None,
            }),
            "skip": step.skip,
        })
    }
}

/// One step with where it stands.
struct Listed<'a> {
    plan: &'a CheckedPlan,
    step: &'a CheckedStep,
    depth: usize,
    /// The lines that include its plan, the nearest first.
    from: Vec<Place>,
}

/// The selected steps, each include followed by the steps of its plan.
fn listed(job: &Job) -> Vec<Listed<'_>> {
    let mut all = Vec::new();
    let selected = job.plan.steps().iter().zip(&job.selected).filter(|(_, selected)| **selected);
    for (step, _) in selected {
        list_step(&mut all, (&job.plan, step), 0, &[]);
    }
    all
}

fn list_step<'a>(
    all: &mut Vec<Listed<'a>>,
    (plan, step): (&'a CheckedPlan, &'a CheckedStep),
    outer: usize,
    from: &[Place],
) {
    let depth = outer + depth(plan, step);
    all.push(Listed { plan, step, depth, from: from.to_vec() });
    if let Work::Include(include) = &step.work {
        let from: Vec<Place> = std::iter::once(step.place).chain(from.iter().copied()).collect();
        for inner in include.plan.steps() {
            list_step(all, (&include.plan, inner), depth + 1, &from);
        }
    }
}

/// `  flows/login.yaml` for a step that includes it under a name of its own.
fn file(step: &CheckedStep) -> String {
    match &step.work {
        Work::Include(include) if !step.name.text().contains(&include.path.value) => {
            format!("  {}", include.path.value)
        }
        Work::Include(_) | Work::Request(_) | Work::Assert(_) | Work::Sleep(_) | Work::Group(_) => {
            String::new()
        }
    }
}

/// What a step does, in one word.
pub(super) fn kind(work: &Work) -> &'static str {
    match work {
        Work::Request(_) => "request",
        Work::Assert(_) => "assert",
        Work::Sleep(_) => "sleep",
        Work::Group(group) => group.kind.key(),
        Work::Include(_) => "include",
    }
}

/// What to call the steps that it needs.
pub(super) fn needs(plan: &CheckedPlan, step: &CheckedStep) -> Vec<String> {
    let steps = step.needs.iter().filter_map(|needed| plan.steps().get(needed.0));
    steps.map(CheckedStep::label).collect()
}

/// How many steps hold it.
pub(super) fn depth(plan: &CheckedPlan, step: &CheckedStep) -> usize {
    let holder = |index: &StepIndex| plan.steps().get(index.0)?.parent;
    std::iter::successors(step.parent, holder).count()
}

/// `  4 cases`; nothing where there is but one.
fn cases(cases: Option<&Cases>) -> String {
    match cases.map(Cases::count) {
        None => String::new(),
        Some(Some(1)) => "  1 case".to_owned(),
        Some(Some(count)) => format!("  {count} cases"),
        Some(None) => "  cases".to_owned(),
    }
}

/// `  covers 2a, 2c`; nothing where there is none.
fn covers(ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("  covers {}", ids.join(", ")) }
}
