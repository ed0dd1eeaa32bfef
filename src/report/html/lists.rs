//! Tables: cases, what was flaky, slow or idle, and where values came from.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::document::{Document, Told, word};
use super::super::phrase;
use crate::outcome::Verdict;
use crate::record::StepRecord;
use crate::units::show_duration;

/// Slow steps that are named.
const SLOWEST: usize = 10;

/// Each step that has cases, as a table: of two dimensions where their names have two parts.
pub(super) fn matrices(document: &Document<'_>) -> Vec<Value> {
    let mut tables = Vec::new();
    for plan in &document.record.plans {
        let mut at = 0;
        let steps = &plan.steps;
        while let Some(first) = steps.get(at) {
            let same = steps.iter().skip(at).take_while(|other| is_same(first, other)).count();
            if first.step.case.is_some() && same > 1 {
                let cases = steps.get(at..at + same).unwrap_or_default();
                tables.push(table(&first.step.name, &plan.started.title(), cases));
            }
            at += same.max(1);
        }
    }
    tables
}

/// Whether two are cases of one step.
fn is_same(one: &StepRecord, other: &StepRecord) -> bool {
    (one.step.section, one.step.index, &one.step.within)
        == (other.step.section, other.step.index, &other.step.within)
}

fn table(name: &str, plan: &str, cases: &[StepRecord]) -> Value {
    let cell = |record: &StepRecord| {
        let result = record.result.as_deref();
        let attempt = result.and_then(|result| result.attempts.last());
        let status = attempt
            .and_then(|attempt| attempt.exchange.as_deref()?.response.as_ref())
            .map(|response| response.status);
        json!({
            "verdict": word(record.verdict()),
            "status": status,
            "outcome": attempt.and_then(|attempt| attempt.outcome.as_ref()),
            "time": result.map(|result| show_duration(result.duration)),
        })
    };
    let names: Vec<&str> = cases
        .iter()
        .map(|it| it.step.case.as_ref().map_or("", |case| case.name.as_str()))
        .collect();
    let pairs: Option<Vec<(&str, &str)>> = names
        .iter()
        .map(|name| name.split_once(", ").filter(|(_, rest)| !rest.contains(", ")))
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
                found.and_then(|n| cases.get(n)).map(cell)
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
    let rows: Vec<_> = names
        .iter()
        .zip(cases)
        .map(|(name, record)| json!({"name": name, "cells": [cell(record)]}))
        .collect();
    json!({"name": name, "plan": plan, "columns": [], "rows": rows})
}

/// Passes that needed more than one attempt.
pub(super) fn flaky(all: &[Told<'_>]) -> Vec<Value> {
    let flaky = all.iter().filter(|told| told.result().is_some_and(|result| result.flaky));
    flaky
        .map(|told| {
            let tries = told.result().map_or(0, |result| result.tries);
            json!({"title": told.title(), "plan": told.plan.started.title(), "tries": tries})
        })
        .collect()
}

/// The slowest steps.
pub(super) fn slow(all: &[Told<'_>]) -> Vec<Value> {
    let mut timed: Vec<_> = all
        .iter()
        .filter(|told| told.exchange().is_some())
        .filter_map(|told| Some((told.result()?.duration, told)))
        .collect();
    timed.sort_by_key(|(duration, _)| std::cmp::Reverse(*duration));
    timed
        .into_iter()
        .take(SLOWEST)
        .map(|(duration, told)| {
            let longest = told.exchange().and_then(|exchange| exchange.phases.longest());
            json!({
                "title": told.title(),
                "plan": told.plan.started.title(),
                "time": show_duration(duration),
                "why": longest.map(|(phase, spent)| format!("{phase} {}", show_duration(spent))),
            })
        })
        .collect()
}

/// What did not run, and why: it is no evidence.
pub(super) fn idle(all: &[Told<'_>]) -> Vec<Value> {
    all.iter()
        .filter(|told| {
            !matches!(told.verdict(), Some(Verdict::Passed | Verdict::Failed | Verdict::Errored))
        })
        .map(|told| {
            let reason = told.result().and_then(|result| result.reason.as_ref());
            json!({
                "title": told.title(),
                "plan": told.plan.started.title(),
                "verdict": word(told.verdict()),
                "why": reason.map(phrase::reason),
            })
        })
        .collect()
}

/// Which variables gave parts of the URLs, and where each was set.
pub(super) fn variables(document: &Document<'_>, all: &[Told<'_>]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let parts = all.iter().filter_map(Told::exchange).flat_map(|exchange| &exchange.url_from);
    for part in parts.filter(|part| part.name.starts_with("env.")) {
        let source = match part.place {
            Some(place) if document.record.sources.get(place.source).is_some() => {
                document.at(place)
            }
            Some(_) | None => part.source.clone(),
        };
        seen.insert((part.name.clone(), part.value.clone(), source));
    }
    seen.into_iter()
        .map(|(name, value, source)| json!({"name": name, "value": value, "source": source}))
        .collect()
}

/// The environment's own files, as they were read; secrets masked.
pub(super) fn environment_file(document: &Document<'_>) -> Vec<Value> {
    let is_environment = |path: &str| path.contains("environments/");
    let sources = document.record.sources.iter().filter(|source| is_environment(&source.path));
    sources.map(|source| json!({"path": source.path, "text": &*source.text})).collect()
}
