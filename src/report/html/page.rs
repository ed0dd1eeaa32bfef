//! The whole page as a value: its parts in the order in which they are read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::document::{Document, Told, word};
use super::super::finding::count;
use super::super::phrase;
use super::{frame, latency, lists, step};
use crate::diagnose;
use crate::finding::Finding;
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record};
use crate::units::show_duration;

/// Runs with more steps show requests and responses of those alone that did not simply pass.
const WHOLE: usize = 300;

pub(super) fn page(record: &Record) -> Value {
    let document = Document::new(record);
    let (verdict, good) = document.verdict();
    let started = record.started.as_ref();
    let all: Vec<Told<'_>> = document.all().collect();
    let everything = all.len() <= WHOLE;
    let mut failures = Vec::new();
    let mut plans = Vec::new();
    let mut number = 0;
    for plan in &record.plans {
        let witnesses = diagnose::witnesses(plan);
        let mut steps = Vec::new();
        for told in Document::steps(plan) {
            number += 1;
            let id = format!("s{number}");
            let causes = Document::causes(&told, &witnesses);
            if told.is_bad() {
                failures.push(step::failure(&document, &told, &causes, &id));
            }
            steps.push(step::row(&document, &told, &id, everything));
        }
        plans.push(plan_value(&document, plan, &steps));
    }
    json!({
        "title": format!("{verdict} · {}", name_of(record)),
        "verdict": verdict,
        "good": good,
        "sentence": sentence(&document, verdict),
        "facts": facts(record),
        "banners": banners(&document, &all),
        "doubts": doubts(&all),
        "findings": findings(&document),
        "clusters": clusters(&failures),
        "failures": failures,
        "latency": latency::endpoints(&all),
        "waterfall": latency::waterfall(&document, &all),
        "matrices": lists::matrices(&document),
        "flaky": lists::flaky(&all),
        "slow": lists::slow(&all),
        "idle": lists::idle(&all),
        "variables": lists::variables(&document, &all),
        "environment": lists::environment_file(&document),
        "plans": plans,
        "steps": all.len(),
        "command": started.map(|run| run.command.join(" ")),
    })
}

fn name_of(record: &Record) -> String {
    match record.plans.as_slice() {
        [plan] => plan.started.name.clone(),
        plans => count(plans.len(), "plan", "plans"),
    }
}

/// `Failed: 2 of 14 steps on demo, in 1.2 s.`
fn sentence(document: &Document<'_>, verdict: &str) -> String {
    let record = document.record;
    let steps = &record.tally.steps;
    let on = record
        .started
        .as_ref()
        .and_then(|run| run.environment.as_deref())
        .map(|name| format!(" on {name}"))
        .unwrap_or_default();
    let took = record.end.duration().map(|d| format!(", in {}", show_duration(d)));
    let bad = steps.failed + steps.errored;
    let mut said = if steps.total() == 0 {
        format!("No step ran{on}")
    } else if bad == 0 {
        format!("{} of {} passed{on}", steps.passed, count(steps.total(), "step", "steps"))
    } else {
        format!("{bad} of {} did not pass{on}", count(steps.total(), "step", "steps"))
    };
    said.push_str(&took.unwrap_or_default());
    let mut word: Vec<char> = verdict.chars().collect();
    if let Some(first) = word.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    format!("{}: {said}.", word.into_iter().collect::<String>())
}

fn facts(record: &Record) -> Vec<Value> {
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| facts.push(json!({"key": key, "value": value}));
    if let Some(run) = &record.started {
        fact("environment", run.environment.clone().unwrap_or_else(|| "none".to_owned()));
        fact("begun", run.started_at.clone());
        fact("run", run.run.clone());
        fact("planrun", run.planrun.clone());
        fact("seed", run.seed.to_string());
    }
    let tally = &record.tally;
    fact("requests", tally.requests.to_string());
    fact("warnings", tally.warnings.to_string());
    if tally.flaky > 0 {
        fact("flaky", tally.flaky.to_string());
    }
    facts
}

/// What to know before any number is read.
fn banners(document: &Document<'_>, all: &[Told<'_>]) -> Vec<String> {
    let mut banners: Vec<String> = document.incomplete().into_iter().collect();
    let proxies: std::collections::BTreeSet<_> =
        all.iter().filter_map(|told| told.exchange()?.proxy.as_deref()).collect();
    banners.extend(proxies.iter().map(|proxy| format!("Requests went through the proxy {proxy}.")));
    banners
}

/// What makes a pass mean less than it looks.
fn doubts(all: &[Told<'_>]) -> Vec<String> {
    let mut doubts = Vec::new();
    let passed: Vec<_> = all.iter().filter(|it| it.verdict() == Some(Verdict::Passed)).collect();
    let refused = passed
        .iter()
        .filter_map(|told| told.exchange()?.response.as_ref())
        .map(|response| matches!(response.status, 401 | 403))
        .collect::<Vec<_>>();
    if refused.len() > 1 && refused.iter().all(|refused| *refused) {
        doubts.push(
            "Every response of a step that passed is a 401 or 403: the key was never let in, so \
             nothing behind it was tested."
                .to_owned(),
        );
    }
    let asserting = |told: &&&Told<'_>| {
        told.result().is_some_and(|result| {
            let attempt = result.attempts.last();
            attempt.is_some_and(|attempt| {
                attempt.assertions.iter().any(|assertion| assertion.subject != "status")
            })
        })
    };
    let sent = passed.iter().filter(|told| told.exchange().is_some()).count();
    if sent > 0 && passed.iter().filter(asserting).count() == 0 {
        doubts.push(
            "No step that passed looks at more than the status: a body with an error in it would \
             pass as well."
                .to_owned(),
        );
    }
    doubts
}

fn findings(document: &Document<'_>) -> Vec<Value> {
    let record = document.record;
    record
        .findings
        .iter()
        .chain(record.plans.iter().flat_map(|plan| &plan.findings))
        .map(|finding| finding_value(document, finding))
        .collect()
}

pub(super) fn finding_value(document: &Document<'_>, finding: &Finding) -> Value {
    json!({
        "word": if finding.is_error() { "error" } else { "warning" },
        "code": finding.code.to_string(),
        "message": finding.message,
        "at": finding.place().map(|place| document.at(place)),
        "frames": frame::frames(document, &finding.labels),
        "help": finding.help,
    })
}

/// Failures that look alike, the largest group first: one cause often stands behind many.
fn clusters(failures: &[Value]) -> Vec<Value> {
    let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for failure in failures {
        let fingerprint = failure["fingerprint"].as_str().unwrap_or_default().to_owned();
        groups.entry(fingerprint).or_default().push(failure);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    groups
        .into_iter()
        .map(|(_, members)| {
            let first = members.first();
            json!({
                "size": count(members.len(), "step", "steps"),
                "said": first.map(|it| &it["cluster"]),
                "causes": first.map(|it| &it["causes"]),
                "steps": members
                    .iter()
                    .map(|it| json!({"id": it["id"], "title": it["title"], "plan": it["plan"]}))
                    .collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn plan_value(document: &Document<'_>, plan: &PlanRecord, steps: &[Value]) -> Value {
    json!({
        "name": plan.started.title(),
        "at": document.at(plan.started.place),
        "verdict": word(plan.verdict),
        "time": show_duration(plan.duration),
        "tags": plan.started.tags,
        "covers": plan.started.covers,
        "breach": plan.breach.as_ref().map(|breach| phrase::breach(breach).replace('\n', ": ")),
        "steps": steps,
    })
}
