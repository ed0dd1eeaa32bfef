//! `--report ctrf=PATH`: the Common Test Report Format, one test for each step.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::document::{Document, Ground, Told, ids, word};
use super::list::List;
use super::{Format, Pieces, overall, phrase};
use crate::diagnose;
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record};

/// The version of the format that is written.
const SPEC: &str = "0.0.0";

/// The document, a test after the other. Ends with a line break.
///
/// # Errors
/// What `pieces` and `out` say.
pub fn write(record: &Record, pieces: &dyn Pieces, out: &mut dyn Write) -> Result<(), String> {
    let document = Document::new(record);
    let started = record.started.as_ref();
    let begin = document.clock(Duration::ZERO).map_or(0, jiff::Timestamp::as_millisecond);
    let took = record.end.duration().map_or(0, millis);
    let count = |status: &str| document.all().filter(|it| status_of(it) == status).count();
    let value = json!({
        "reportFormat": "CTRF",
        "specVersion": SPEC,
        "runId": started.map_or("", |run| run.run.as_str()),
        "timestamp": started.map_or("", |run| run.started_at.as_str()),
        "generatedBy": "planrun",
        "results": {
            "tool": {"name": "planrun", "version": started.map_or("", |run| run.planrun.as_str())},
            "summary": {
                "tests": document.all().count(),
                "passed": count("passed"),
                "failed": count("failed"),
                "pending": count("pending"),
                "skipped": count("skipped"),
                "other": count("other"),
                "flaky": record.tally.flaky,
                "suites": record.plans.len(),
                "start": begin,
                "stop": begin + took,
                "duration": took,
            },
            "tests": [],
            "environment": {
                "testEnvironment": started.and_then(|run| run.environment.as_deref()).unwrap_or(""),
            },
            "extra": {
                "complete": record.end.is_complete(),
                "verdict": document.verdict().0,
                "causes": overall::groups(document.diagnosis())
                    .map(|(cluster, cause)| json!({
                        "failures": cluster.size,
                        "confidence": cause.confidence.as_str(),
                        "text": cause.text,
                    }))
                    .collect::<Vec<_>>(),
            },
        },
    });
    TESTS.write(out, &value, |take| pieces.each(Format::Ctrf, take))
}

const TESTS: List = List { line: "    \"tests\": [", inline: 2 };

/// The tests of a plan.
pub(super) fn piece(ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
    let mut out = Vec::new();
    let witnesses = Document::witnesses(plan);
    for told in Document::steps(plan) {
        let causes = Document::causes(&told, &witnesses);
        TESTS.item(&mut out, &test(ground, &told, &causes));
    }
    out
}

fn status_of(told: &Told<'_>) -> &'static str {
    match told.verdict() {
        Some(Verdict::Passed) => "passed",
        Some(Verdict::Failed | Verdict::Errored) => "failed",
        Some(Verdict::Skipped | Verdict::Blocked) => "skipped",
        Some(Verdict::Cancelled) | None => "other",
    }
}

fn test(ground: &Ground<'_>, told: &Told<'_>, causes: &[diagnose::Cause]) -> Value {
    let result = told.result();
    let mut test = Map::new();
    let mut set = |name: &str, value: Value| {
        test.insert(name.to_owned(), value);
    };
    set("name", told.title().into());
    set("status", status_of(told).into());
    set("duration", result.map_or(0, |result| millis(result.duration)).into());
    if let Some(at) = told.record.at.and_then(|at| ground.clock(at)) {
        let begin = at.as_millisecond();
        set("start", begin.into());
        set("stop", (begin + result.map_or(0, |result| millis(result.duration))).into());
    }
    set("suite", json!([told.plan.started.title()]));
    set("rawStatus", word(told.verdict()).into());
    set("type", "api".into());
    if !told.plan.started.tags.is_empty() {
        set("tags", json!(told.plan.started.tags));
    }
    if let Some(spot) = ground.spot(told.record.step.place) {
        set("filePath", spot.path.into());
        set("line", spot.line.into());
    }
    if let Some(result) = result {
        let said = match result.verdict {
            Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => {
                result.reason.as_ref().map(phrase::reason).into_iter().collect()
            }
            Verdict::Passed | Verdict::Failed | Verdict::Errored => ground.short(result),
        };
        if !said.is_empty() {
            set("message", said.join("; ").into());
        }
        if result.samples.is_none() {
            set("retries", result.tries.saturating_sub(1).into());
        }
        set("flaky", result.flaky.into());
    }
    if told.is_bad() {
        set("trace", ground.full(told, causes).into());
    }
    let code = result.and_then(|result| result.code);
    set(
        "extra",
        json!({
            "id": told.record.step.id,
            "covers": told.record.step.covers,
            "code": code.map(|code| code.to_string()),
            "ids": told.exchange().map(ids),
            "causes": causes.iter().map(|cause| &cause.text).collect::<Vec<_>>(),
        }),
    );
    Value::Object(test)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
