//! The whole page as a value: its parts in the order in which they are read.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::document::{Document, Told, word};
use super::super::finding::count;
use super::super::{doubts, notices, overall};
use super::{Listed, frame, latency, lists, step};
use crate::finding::Finding;
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record};
use crate::units::show_duration;

/// The page without its list of all steps, which is made of pieces.
pub(super) fn page(document: &Document<'_>) -> Value {
    let record = document.record;
    let (verdict, good) = document.verdict();
    let started = record.started.as_ref();
    let all: Vec<Listed<'_>> = record.plans.iter().flat_map(listed).collect();
    let told: Vec<Told<'_>> = all.iter().map(|it| it.told).collect();
    let mut failures = Vec::new();
    for plan in &record.plans {
        let mut bad = listed(plan).filter(|listed| listed.told.is_bad()).peekable();
        if bad.peek().is_none() {
            continue;
        }
        let witnesses = Document::witnesses(plan);
        failures.extend(bad.map(|listed| {
            step::failure(document, &listed, &Document::causes(&listed.told, &witnesses))
        }));
    }
    let latency = latency::origins(&all);
    let known = |percentile: &str| {
        let mut endpoints = latency.iter().filter_map(|it| it["endpoints"].as_array()).flatten();
        endpoints.any(|it| !it[percentile].is_null())
    };
    json!({
        "title": format!("{verdict} · {}", name_of(record)),
        "verdict": verdict,
        "good": good,
        "sentence": sentence(document, verdict),
        "tally": tally(record),
        "facts": facts(document),
        "banners": notices::banners(document, &told),
        "doubts": doubts::doubts(record, &told),
        "findings": findings(document),
        "clusters": clusters(document, &failures),
        "patterns": patterns(document),
        "failures": failures,
        "percentiles": {"p95": known("p95"), "p99": known("p99")},
        "latency": latency,
        "waterfall": latency::waterfall(document, &all),
        "matrices": lists::matrices(&all),
        "flaky": lists::flaky(&all),
        "slow": lists::slow(&all),
        "idle": lists::idle(&all),
        "variables": lists::variables(document, &told),
        "environment": lists::environment_file(document),
        "beside": notices::beside(document),
        "counts": {
            "all": all.len(),
            "bad": all.iter().filter(|it| it.told.is_bad()).count(),
            "idle": all.iter().filter(|it| lists::is_idle(&it.told)).count(),
        },
        "command": started.map(|run| run.command.join(" ")),
    })
}

/// The steps of a plan that the page lists, each with its names.
pub(super) fn listed(plan: &PlanRecord) -> impl Iterator<Item = Listed<'_>> {
    let name = plan_id(plan);
    (1..).zip(Document::steps(plan)).map(move |(number, told)| Listed {
        told,
        id: format!("{name}-{number}"),
        plan: name.clone(),
    })
}

pub(super) fn plan_id(plan: &PlanRecord) -> String {
    format!("p{}", plan.started.job.0.saturating_add(1))
}

fn name_of(record: &Record) -> String {
    match record.plans.as_slice() {
        [plan] => plan.started.name.clone(),
        plans => count(plans.len(), "plan", "plans"),
    }
}

/// `Failed on demo in 1.2 s: of 14 steps 2 failed, 3 were blocked and 9 passed.`
fn sentence(document: &Document<'_>, verdict: &str) -> String {
    let record = document.record;
    let steps = &record.tally.steps;
    let mut said: String = verdict.replace('-', " ");
    if let Some(first) = said.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if let Some(name) = record.started.as_ref().and_then(|run| run.environment.as_deref()) {
        let _ = write!(said, " on {name}");
    }
    if let Some(duration) = record.end.duration() {
        let _ = write!(said, " in {}", show_duration(duration));
    }
    let parts: Vec<String> = [
        (steps.failed, "failed", "failed"),
        (steps.errored, "could not be carried out", "could not be carried out"),
        (steps.blocked, "was blocked", "were blocked"),
        (steps.cancelled, "was cancelled", "were cancelled"),
        (steps.skipped, "was skipped", "were skipped"),
        (steps.passed, "passed", "passed"),
    ]
    .into_iter()
    .filter(|(n, ..)| *n > 0)
    .map(|(n, one, many)| format!("{n} {}", if n == 1 { one } else { many }))
    .collect();
    let total = count(steps.total(), "step", "steps");
    let _ = match parts.as_slice() {
        [] => write!(said, ": no step ran."),
        [_] if steps.passed == 1 => write!(said, ": its one step passed."),
        [_] if steps.passed > 0 => write!(said, ": all {total} passed."),
        [one] => write!(said, ": of {total} {one}."),
        [before @ .., last] => write!(said, ": of {total} {} and {last}.", before.join(", ")),
    };
    said
}

/// The shares of the verdicts, as a bar.
fn tally(record: &Record) -> Vec<Value> {
    let steps = &record.tally.steps;
    let part = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let whole = part(steps.total()).max(1.0);
    [
        (steps.failed, Verdict::Failed),
        (steps.errored, Verdict::Errored),
        (steps.cancelled, Verdict::Cancelled),
        (steps.blocked, Verdict::Blocked),
        (steps.skipped, Verdict::Skipped),
        (steps.passed, Verdict::Passed),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, verdict)| {
        json!({
            "count": n,
            "verdict": word(Some(verdict)),
            "share": format!("{:.2}", part(n) / whole * 100.0),
        })
    })
    .collect()
}

fn facts(document: &Document<'_>) -> Vec<Value> {
    let record = document.record;
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| facts.push(json!({"key": key, "value": value}));
    if let Some(run) = &record.started {
        fact("environment", run.environment.clone().unwrap_or_else(|| "none".to_owned()));
        let begun = document.clock(Duration::ZERO);
        let begun = begun.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
        fact("begun", begun.unwrap_or_else(|| run.started_at.clone()));
        fact("run", run.run.clone());
        fact("planrun", run.planrun.clone());
        if let Some(commit) = notices::commit(document) {
            fact("commit", commit);
        }
        fact("seed", run.seed.to_string());
    }
    let tally = &record.tally;
    fact("requests", tally.requests.to_string());
    if tally.warnings > 0 {
        fact("warnings", tally.warnings.to_string());
    }
    if tally.flaky > 0 {
        fact("flaky", tally.flaky.to_string());
    }
    facts
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

/// Failures that have one cause or look alike, the largest group first.
fn clusters(document: &Document<'_>, failures: &[Value]) -> Vec<Value> {
    let diagnosis = document.diagnosis();
    let clusters = diagnosis.clusters.iter().map(|cluster| {
        let is_member = |it: &&Value| {
            cluster.fingerprints.iter().any(|own| it["fingerprint"].as_str() == Some(own))
        };
        let members: Vec<&Value> = failures.iter().filter(is_member).collect();
        let cause = cluster.cause.as_ref();
        json!({
            "size": count(cluster.size, "step", "steps"),
            "said": members.first().map(|it| &it["cluster"]),
            "explains": cause
                .filter(|_| cluster.size > 1)
                .map(|_| overall::explains(cluster, diagnosis)),
            "causes": cause.map(|cause| [step::cause(document, cause)]),
            "steps": members
                .iter()
                .map(|it| json!({"id": it["id"], "title": it["title"], "plan": it["plan"]}))
                .collect::<Vec<_>>(),
        })
    });
    clusters.collect()
}

/// What is seen only of all together: what decides in a matrix, hosts that answer as one.
fn patterns(document: &Document<'_>) -> Vec<String> {
    let diagnosis = document.diagnosis();
    let flips = diagnosis.flips.iter().map(overall::flip);
    flips.chain(diagnosis.backends.iter().map(overall::backend)).collect()
}
