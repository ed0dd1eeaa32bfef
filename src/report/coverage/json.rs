//! `planrun coverage --format json`: for programs.
//!
//! ```text
//! {"checklist", "runs": [{"run", "environment", "started_at", "complete"}],
//!  "counts": {"passed", "failed", "blocked", "skipped", "not_evidenced", "flaky", "no_plan"},
//!  "items": [{"id", "words", "group", "standing", "flaky", "no_plan",
//!             "evidence": [{"at", "plan", "step", "run", "standing", "why", "flaky", "tries"}]}],
//!  "unknown": [{"id", "evidence"}]}
//! ```
//! `no_plan` of an item is what the checklist says of why no plan shows it; `step` is null where the
//! whole plan covers it.

use serde_json::{Value, json};

use super::{Told, Traced};
use crate::requirement::{Evidence, Standing};

/// The document.
#[must_use]
pub fn render(traced: &Traced<'_>) -> Value {
    let coverage = traced.coverage;
    let mut counts = serde_json::Map::new();
    for standing in Standing::ALL {
        counts.insert(word(standing), json!(coverage.count(standing)));
    }
    let flaky = coverage.items.iter().filter(|item| item.is_flaky()).count();
    counts.insert("flaky".to_owned(), json!(flaky));
    counts.insert("no_plan".to_owned(), json!(traced.by_hand()));
    let runs: Vec<Value> = traced
        .runs
        .iter()
        .map(|record| {
            let started = record.started.as_ref();
            json!({
                "run": started.map(|run| &run.run),
                "environment": started.and_then(|run| run.environment.as_ref()),
                "started_at": started.map(|run| &run.started_at),
                "complete": record.end.is_complete(),
            })
        })
        .collect();
    let items: Vec<Value> = traced
        .groups()
        .into_iter()
        .flat_map(|(group, items)| items.into_iter().map(move |item| (group, item)))
        .map(|(group, item)| {
            json!({
                "id": item.requirement.id.value,
                "words": item.requirement.words,
                "group": group,
                "standing": word(item.standing),
                "flaky": item.is_flaky(),
                "no_plan": item.requirement.no_plan,
                "evidence": item.evidence.iter().map(evidence).collect::<Vec<_>>(),
            })
        })
        .collect();
    let unknown: Vec<Value> = coverage
        .unknown
        .iter()
        .map(
            |(id, all)| json!({"id": id, "evidence": all.iter().map(evidence).collect::<Vec<_>>()}),
        )
        .collect();
    json!({
        "checklist": traced.path,
        "runs": runs,
        "counts": counts,
        "items": items,
        "unknown": unknown,
    })
}

fn evidence(evidence: &Evidence<'_>) -> Value {
    let told = Told::of(evidence);
    json!({
        "at": told.at,
        "plan": told.plan,
        "step": evidence.step.map(|_| &told.title),
        "run": told.run,
        "standing": word(evidence.ended.standing()),
        "why": told.why,
        "flaky": evidence.is_flaky(),
        "tries": told.tries,
    })
}

fn word(standing: Standing) -> String {
    standing.as_str().replace(' ', "_")
}
