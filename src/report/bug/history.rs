//! Since when a step fails: what earlier runs of the project saw of it, and what changed between.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::document::Told;
use super::Case;
use crate::diagnose::header;
use crate::event::{RunStarted, StepKey};
use crate::outcome::{StepResult, Verdict};
use crate::record::Record;
use crate::units::show_duration;

/// What an earlier run saw of the step.
struct Earlier<'a> {
    record: &'a Record,
    started: &'a RunStarted,
    result: &'a StepResult,
}

impl<'a> Earlier<'a> {
    /// What a run saw of a step on the same environment; nothing where it did not run there.
    fn of(record: &'a Record, case: &Case<'_>) -> Option<Self> {
        let own = case.bug.record.started.as_ref()?;
        let started = record.started.as_ref()?;
        if started.environment != own.environment || started.started_at >= own.started_at {
            return None;
        }
        let told = &case.told;
        let plan = record.plans.iter().find(|plan| {
            plan.started.path == told.plan.started.path
                && plan.started.case == told.plan.started.case
        })?;
        let key: StepKey = told.record.step.key();
        let named = |name: &str| name == told.record.step.name;
        // A step that moved in its plan is still the step of its id, else of its name.
        let step = plan
            .steps
            .iter()
            .find(|step| {
                let id = &told.record.step.id;
                let case = &told.record.step.case;
                step.step.case == *case
                    && (id.is_some() && step.step.id == *id || named(&step.step.name))
            })
            .or_else(|| plan.steps.iter().find(|step| step.step.key() == key))?;
        let result = step.result.as_deref()?;
        matches!(result.verdict, Verdict::Passed | Verdict::Failed | Verdict::Errored)
            .then_some(Self { record, started, result })
    }

    fn passed(&self) -> bool {
        self.result.verdict == Verdict::Passed
    }

    fn named(&self) -> String {
        format!("{} (run `{}`)", self.started.started_at, self.started.run)
    }

    fn total(&self) -> Option<Duration> {
        self.result.attempts.last()?.exchange.as_deref()?.phases.total
    }
}

/// Since when it fails, how often, and what changed since it last passed.
pub(super) fn history(case: &Case<'_>) -> Vec<String> {
    let mut seen: Vec<Earlier<'_>> =
        case.bug.earlier.iter().filter_map(|record| Earlier::of(record, case)).collect();
    seen.sort_by(|a, b| b.started.started_at.cmp(&a.started.started_at));
    let mut lines = Vec::new();
    if seen.is_empty() {
        lines.push(
            "First seen: in this run; no earlier run of this step on this environment is stored, so \
             nobody can tell here whether it ever passed."
                .to_owned(),
        );
        return lines;
    }
    let failing = seen.iter().take_while(|earlier| !earlier.passed()).count();
    let first = failing.checked_sub(1).and_then(|at| seen.get(at));
    match first {
        Some(first) => lines.push(format!(
            "First seen: {}; since then in {} of {} runs.",
            first.named(),
            failing + 1,
            failing + 1
        )),
        None => lines.push("First seen: in this run.".to_owned()),
    }
    match seen.get(failing) {
        Some(passed) => {
            lines.push(format!("Last passed: {}.", passed.named()));
            let (record, started) = match first {
                Some(first) => (first.record, Some(first.started)),
                None => (case.bug.record, case.bug.record.started.as_ref()),
            };
            let result = first.map_or_else(|| case.told.result(), |first| Some(first.result));
            let changes = changes(passed, (record, started, result), &case.told);
            if changes.is_empty() {
                lines.push(
                    "Changed between: nothing that planrun knows of: the same plan, variables, \
                     planrun and commit, the same `Server`."
                        .to_owned(),
                );
            } else {
                lines.push(format!("Changed between: {}.", changes.join("; ")));
            }
        }
        None => lines.push(format!(
            "Last passed: in none of the {} earlier runs that are stored.",
            seen.len()
        )),
    }
    lines
}

/// How long it took where it passed.
pub(super) fn before(case: &Case<'_>) -> Option<String> {
    let seen = case.bug.earlier.iter().filter_map(|record| Earlier::of(record, case));
    let mut times: Vec<Duration> =
        seen.filter(Earlier::passed).filter_map(|earlier| earlier.total()).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2)?;
    Some(format!(
        "{} in the {} that passed",
        show_duration(*median),
        match times.len() {
            1 => "earlier run".to_owned(),
            n => format!("{n} earlier runs (median)"),
        }
    ))
}

fn changes(
    passed: &Earlier<'_>,
    (record, started, result): (&Record, Option<&RunStarted>, Option<&StepResult>),
    told: &Told<'_>,
) -> Vec<String> {
    let mut changes = Vec::new();
    let text = |record: &Record, path: &str| {
        record.sources.iter().find(|source| source.path == path).map(|source| source.text.clone())
    };
    let mut files: BTreeSet<&str> = BTreeSet::from([told.plan.started.path.as_str()]);
    let beside = record.sources.iter().map(|source| source.path.as_str());
    files.extend(beside.filter(|path| path.contains("environments/")));
    for path in files {
        let (old, new) = (text(passed.record, path), text(record, path));
        if old.is_some() && new.is_some() && old != new {
            changes.push(format!("`{path}` was edited"));
        }
    }
    let variables = |record: &Record| {
        let all = record.environments.iter().flat_map(|it| &it.variables);
        // A service that planrun starts is somewhere else in every run.
        let all = all.filter(|variable| {
            let text = variable.place.and_then(|place| {
                Some(record.sources.get(place.source)?.slice(place.span).to_owned())
            });
            !text.is_some_and(|text| text.contains("services."))
        });
        all.map(|it| (it.name.clone(), it.value.clone())).collect::<Vec<_>>()
    };
    let (old, new) = (variables(passed.record), variables(record));
    for (name, value) in &new {
        match old.iter().find(|(known, _)| known == name) {
            Some((_, before)) if before != value => {
                changes.push(format!("`env.{name}` was {before} and is {value}"));
            }
            Some(_) => {}
            None => changes.push(format!("`env.{name}` is new: {value}")),
        }
    }
    let services = |record: &Record| {
        let all = record.environments.iter().flat_map(|it| &it.services);
        all.map(|it| (it.name.clone(), it.fault.clone())).collect::<Vec<_>>()
    };
    if services(passed.record) != services(record) {
        changes.push("what the environment starts".to_owned());
    }
    if let Some(started) = started {
        if started.planrun != passed.started.planrun {
            let (old, new) = (&passed.started.planrun, &started.planrun);
            changes.push(format!("planrun {old} became {new}"));
        }
        let id = |started: &RunStarted| started.commit.as_ref().map(|commit| commit.id.clone());
        if id(started) != id(passed.started) {
            let short = |id: Option<String>| {
                id.map_or_else(|| "none".to_owned(), |id| id.chars().take(12).collect())
            };
            changes.push(format!(
                "the commit of the plans was {} and is {}",
                short(id(passed.started)),
                short(id(started))
            ));
        }
    }
    for name in ["server", "via"] {
        let of = |result: Option<&StepResult>| {
            let response = result?.attempts.last()?.exchange.as_deref()?.response.as_ref()?;
            header(response, name).map(str::to_owned)
        };
        let (old, new) = (of(Some(passed.result)), of(result));
        if old != new {
            let said = |it: Option<String>| it.unwrap_or_else(|| "not there".to_owned());
            changes.push(format!("the header `{name}` was {} and is {}", said(old), said(new)));
        }
    }
    changes
}
