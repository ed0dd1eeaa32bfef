//! Tables: cases, what was flaky, slow or idle, and where values came from.

use serde_json::{Value, json};

use super::super::document::{Document, Told, word};
use super::super::{notices, phrase};
use super::Listed;
use crate::outcome::{Reason, Verdict};
use crate::record::StepRecord;
use crate::units::show_duration;

/// Slow steps that are named.
const SLOWEST: usize = 10;

/// Each step and each plan that has cases, as a table: of two dimensions where their names have two
/// parts.
pub(super) fn matrices(all: &[Listed<'_>]) -> Vec<Value> {
    let mut tables = plans_with_cases(all);
    let mut rest = all;
    while let Some(first) = rest.first() {
        let same = rest
            .iter()
            .take_while(|other| {
                other.plan == first.plan && is_same(first.told.record, other.told.record)
            })
            .count()
            .max(1);
        let (cases, more) = rest.split_at_checked(same).unwrap_or((rest, &[]));
        rest = more;
        if first.told.record.step.case.is_some() && cases.len() > 1 {
            let case = |it: &Listed<'_>| {
                let name = it.told.record.step.case.as_ref().map(|case| case.name.clone());
                (name.unwrap_or_default(), cell(it))
            };
            let name = &first.told.record.step.name;
            let plan = first.told.plan.started.title();
            tables.push(table(name, &plan, cases.iter().map(case).collect()));
        }
    }
    tables
}

/// Whether two are cases of one step.
fn is_same(one: &StepRecord, other: &StepRecord) -> bool {
    (one.step.section, one.step.index, &one.step.within)
        == (other.step.section, other.step.index, &other.step.within)
}

/// The cases of whole plans.
fn plans_with_cases(all: &[Listed<'_>]) -> Vec<Value> {
    let mut files: Vec<(&str, Vec<(String, Value)>)> = Vec::new();
    let mut last = None;
    for Listed { told, plan, .. } in all {
        let started = &told.plan.started;
        let Some(case) = started.case.as_ref().filter(|_| last != Some(plan)) else { continue };
        last = Some(plan);
        let cell = json!({
            "id": plan,
            "verdict": word(told.plan.verdict),
            "status": Value::Null,
            "outcome": Value::Null,
            "time": show_duration(told.plan.duration),
        });
        match files.iter_mut().find(|(path, _)| *path == started.path) {
            Some((_, cases)) => cases.push((case.clone(), cell)),
            None => files.push((&started.path, vec![(case.clone(), cell)])),
        }
    }
    let several = files.into_iter().filter(|(_, cases)| cases.len() > 1);
    several.map(|(path, cases)| table("All steps", path, cases)).collect()
}

fn cell(listed: &Listed<'_>) -> Value {
    let result = listed.told.result();
    let attempt = result.and_then(|result| result.attempts.last());
    let status = attempt
        .and_then(|attempt| attempt.exchange.as_deref()?.response.as_ref())
        .map(|response| response.status);
    json!({
        "id": listed.id,
        "verdict": word(listed.told.verdict()),
        "status": status,
        "outcome": attempt.and_then(|attempt| attempt.outcome.as_ref()),
        "time": result.map(|result| show_duration(result.duration)),
    })
}

fn table(name: &str, plan: &str, cases: Vec<(String, Value)>) -> Value {
    let pairs: Option<Vec<(&str, &str)>> = cases
        .iter()
        .map(|(name, _)| name.split_once(", ").filter(|(_, rest)| !rest.contains(", ")))
        .collect();
    if let Some(pairs) = pairs {
        let mut rows: Vec<&str> = Vec::new();
        let mut columns: Vec<&str> = Vec::new();
        for (row, column) in &pairs {
            if !rows.contains(row) {
                rows.push(row);
            }
            if !columns.contains(column) {
                columns.push(column);
            }
        }
        if rows.len() > 1 && columns.len() > 1 && rows.len() * columns.len() == pairs.len() {
            let at = |row: &str, column: &str| {
                let found = pairs.iter().position(|pair| *pair == (row, column));
                found.and_then(|n| cases.get(n)).map(|(_, cell)| cell)
            };
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    let cells: Vec<_> = columns.iter().map(|column| at(row, column)).collect();
                    json!({"name": row, "cells": cells})
                })
                .collect();
            return json!({"name": name, "plan": plan, "columns": columns, "rows": rows});
        }
    }
    let rows: Vec<_> =
        cases.into_iter().map(|(name, cell)| json!({"name": name, "cells": [cell]})).collect();
    json!({"name": name, "plan": plan, "columns": [], "rows": rows})
}

/// Passes that needed more than one attempt, with what came before.
pub(super) fn flaky(all: &[Listed<'_>]) -> Vec<Value> {
    let flaky = all.iter().filter(|it| it.told.result().is_some_and(|result| result.flaky));
    flaky
        .map(|Listed { told, id, .. }| {
            let result = told.result();
            let attempts = result.into_iter().flat_map(|result| &result.attempts);
            let got: Vec<String> = attempts.map(super::step::got).collect();
            json!({
                "id": id,
                "title": told.title(),
                "plan": told.plan.started.title(),
                "tries": result.map_or(0, |result| result.tries),
                "got": got.join(", then "),
            })
        })
        .collect()
}

/// The slowest steps.
pub(super) fn slow(all: &[Listed<'_>]) -> Vec<Value> {
    let mut timed: Vec<_> = all
        .iter()
        .filter(|listed| listed.told.exchange().is_some())
        .filter_map(|listed| Some((listed.told.result()?.duration, listed)))
        .collect();
    timed.sort_by_key(|(duration, _)| std::cmp::Reverse(*duration));
    timed
        .into_iter()
        .take(SLOWEST)
        .map(|(duration, Listed { told, id, .. })| {
            let longest = told.exchange().and_then(|exchange| exchange.phases.longest());
            json!({
                "id": id,
                "title": told.title(),
                "plan": told.plan.started.title(),
                "time": show_duration(duration),
                "why": longest.map(|(phase, spent)| format!("{phase} {}", show_duration(spent))),
            })
        })
        .collect()
}

/// What did not run to an end, by why: it is no evidence.
pub(super) fn idle(all: &[Listed<'_>]) -> Vec<Value> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for listed in all.iter().filter(|it| is_idle(&it.told)) {
        let told = &listed.told;
        let reason = told.result().and_then(|result| result.reason.as_ref());
        let same = groups.iter_mut().find(|group| {
            group.plan == listed.plan && group.verdict == told.verdict() && group.reason == reason
        });
        match same {
            Some(group) => group.steps.push(listed),
            None => groups.push(Group {
                plan: &listed.plan,
                verdict: told.verdict(),
                reason,
                steps: vec![listed],
            }),
        }
    }
    let shown = groups.iter().map(|group| {
        let steps = group.steps.iter().map(|it| json!({"id": it.id, "title": it.told.title()}));
        // The verdict stands before it.
        let why = group.reason.map(phrase::reason);
        let why = why.map(|why| why.trim_start_matches("skipped: ").to_owned());
        json!({
            "verdict": word(group.verdict),
            "why": why,
            "plan": group.steps.first().map(|it| it.told.plan.started.title()),
            "by": blocker(all, group),
            "steps": steps.collect::<Vec<_>>(),
        })
    });
    shown.collect()
}

/// Steps of one plan that did not run for one reason.
struct Group<'a> {
    plan: &'a str,
    verdict: Option<Verdict>,
    reason: Option<&'a Reason>,
    steps: Vec<&'a Listed<'a>>,
}

/// Where the step stands that blocked these.
fn blocker<'a>(all: &'a [Listed<'_>], group: &Group<'_>) -> Option<&'a str> {
    let Some(Reason::BlockedBy(label)) = group.reason else { return None };
    all.iter()
        .filter(|it| it.plan == group.plan && !is_idle(&it.told))
        .find(|it| {
            let step = &it.told.record.step;
            step.id.as_ref() == Some(label) || step.name == *label
        })
        .map(|it| it.id.as_str())
}

/// Whether a step gives no evidence at all.
pub(super) fn is_idle(told: &Told<'_>) -> bool {
    !matches!(told.verdict(), Some(Verdict::Passed | Verdict::Failed | Verdict::Errored))
}

/// The variables of the environment, and where each came from.
pub(super) fn variables(document: &Document<'_>, all: &[Told<'_>]) -> Vec<Value> {
    let variables = notices::variables(document, all).into_iter();
    variables.map(|it| json!({"name": it.name, "value": it.value, "source": it.source})).collect()
}

/// The environment's own files, as they were read; secrets masked.
pub(super) fn environment_file(document: &Document<'_>) -> Vec<Value> {
    let is_environment = |path: &str| path.contains("environments/");
    let sources = document.record.sources.iter().filter(|source| is_environment(&source.path));
    sources.map(|source| json!({"path": source.path, "text": &*source.text})).collect()
}
