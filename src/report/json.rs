//! `--report json=PATH`: the whole record as one document with stable names.
//!
//! ```text
//! {
//!   "planrun_report": 1,                      the version of this form
//!   "run": {"id", "started_at", "planrun", "commit": {"id", "branch"}, "environment", "seed",
//!           "command", "duration_ns", "complete", "interrupted"},
//!   "verdict": "passed" | "failed" | "errored" | "too-slow" | "nothing-ran" | "invalid"
//!              | "interrupted" | "incomplete",
//!   "exit_code": 0,
//!   "counts": {"plans": {…}, "steps": {…}, "flaky", "requests", "warnings"},
//!   "notices": [what to know before any number is read],
//!   "environments": [{"name", "protected", "variables": [{"name", "value", "at", "source"}],
//!                     "services": [{"name", "builtin", "fault"}], "secrets"}],
//!   "findings": [{"code", "severity", "message", "labels": [{"at", "text"}], "help"}],
//!   "diagnosis": {"failures", "blocked", "clusters": [{"failures", "plans", "blocked", "said",
//!                 "cause", "first": {"job", "plan", "step", "at"}}], "flips": [{"plan", "step",
//!                 "at", "name", "passes", "fails", "cases"}], "backends": [{"origins", "facts"}]},
//!   "plans": [{"job", "name", "case", "at", "tags", "covers", "verdict", "duration_ns", "findings",
//!              "breach", "steps": [{"section", "index", "within", "kind", "tentative", "id", "name",
//!              "case", "at", "included_from", "covers", "verdict", "reason", "flaky", "tries",
//!              "duration_ns", "code", "message", "ended_at",
//!              "causes": [{"rule", "confidence", "text", "about", "facts", "against", "next",
//!              "owner", "at"}], "curl", "samples",
//!              "attempts"}]}]
//! }
//! ```
//!
//! `at` is a place: `{"path", "line", "column"}`, both from 1, columns in characters. Times are
//! whole nanoseconds. A key whose value is unknown is null. What an attempt holds is named as in
//! the event stream, with places as above; beside it stand `ids`: `{"trace", "span", "request",
//! "server": [{"header", "id"}]}`.

mod plan;

use std::io::Write;
use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::document::{Document, Ground};
use super::list::List;
use super::{Format, Pieces, doubts, notices};
use crate::diagnose::{self, Cause, Cluster, Diagnosis, Fact, Flip, SharedBackend};
use crate::event::EnvironmentTold;
use crate::finding::Finding;
use crate::outcome::{
    BudgetBreach, ContractUse, RouteTaken, RoutesCompared, SampleColumns, SamplesResult, Tapped,
};
use crate::record::{Counts, End, Flaky, PlanRecord, Record};
use crate::source::Place;

/// The version of the form; it grows when a name changes its meaning.
const FORM: u32 = 1;

/// The document, a plan after the other. Ends with a line break.
///
/// # Errors
/// What `pieces` and `out` say.
pub fn write(record: &Record, pieces: &dyn Pieces, out: &mut dyn Write) -> Result<(), String> {
    let started = record.started.as_ref();
    let told = Told { ground: Ground::new(started, &record.sources) };
    let interrupted = match &record.end {
        End::Interrupted { by, duration: _ } => Some(by),
        End::Incomplete | End::Finished { .. } => None,
    };
    let exit_code = record.exit_code(Flaky::Passes);
    let tally = &record.tally;
    let value = json!({
        "planrun_report": FORM,
        "run": {
            "id": started.map(|run| &run.run),
            "started_at": started.map(|run| &run.started_at),
            "planrun": started.map(|run| &run.planrun),
            "commit": started.and_then(|run| run.commit.as_ref()),
            "environment": started.and_then(|run| run.environment.as_ref()),
            "seed": started.map(|run| run.seed),
            "command": started.map(|run| &run.command),
            "duration_ns": record.end.duration().map(nanos),
            "complete": record.end.is_complete(),
            "interrupted": interrupted,
        },
        "verdict": verdict(&record.end, exit_code),
        "exit_code": exit_code,
        "counts": {
            "plans": counts(&tally.plans),
            "steps": counts(&tally.steps),
            "flaky": tally.flaky,
            "requests": tally.requests,
            "warnings": tally.warnings,
        },
        "notices": document_notices(record),
        "environments": record.environments.iter().map(|it| told.environment(it)).collect::<Vec<_>>(),
        "findings": told.findings(&record.findings),
        "diagnosis": told.diagnosis(&diagnose::whole_run(record)),
        "plans": [],
    });
    PLANS.write(out, &value, |take| pieces.each(Format::Json, take))
}

/// Each part of an exchange, each assertion and each capture stands in one line.
const PLANS: List = List { line: "  \"plans\": [", inline: 6 };

/// A plan of the document.
pub(super) fn piece(ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
    let mut out = Vec::new();
    PLANS.item(&mut out, &plan::Plan { told: Told { ground: *ground }, plan });
    out
}

/// What to know before any number is read.
fn document_notices(record: &Record) -> Vec<String> {
    let document = Document::new(record);
    let all: Vec<_> = document.all().collect();
    let mut notices = notices::banners(&document, &all);
    notices.extend(doubts::doubts(record, &all));
    notices
}

/// The word for the whole run, by its exit code.
pub(super) fn verdict(end: &End, exit_code: u8) -> &'static str {
    match (end, exit_code) {
        (End::Incomplete, _) => "incomplete",
        (End::Interrupted { .. }, _) => "interrupted",
        (End::Finished { .. }, 0) => "passed",
        (End::Finished { .. }, 1) => "failed",
        (End::Finished { .. }, 3) => "invalid",
        (End::Finished { .. }, 4) => "nothing-ran",
        (End::Finished { .. }, 6) => "too-slow",
        (End::Finished { .. }, _) => "errored",
    }
}

fn counts(counts: &Counts) -> Value {
    let Counts { passed, failed, errored, skipped, blocked, cancelled } = counts;
    json!({
        "passed": passed,
        "failed": failed,
        "errored": errored,
        "skipped": skipped,
        "blocked": blocked,
        "cancelled": cancelled,
    })
}

/// Tells parts of a record; it knows the texts that places point into. What few steps have becomes a
/// value, what all have is written straight.
#[derive(Clone, Copy)]
struct Told<'a> {
    ground: Ground<'a>,
}

impl<'a> Told<'a> {
    fn environment(self, environment: &EnvironmentTold) -> Value {
        let variables = environment.variables.iter().map(|variable| {
            json!({
                "name": variable.name,
                "value": variable.value,
                "at": variable.place.map(|place| self.at(place)),
                "source": variable.source,
            })
        });
        let services = environment.services.iter().map(|service| {
            json!({"name": service.name, "builtin": service.builtin, "fault": service.fault})
        });
        json!({
            "name": environment.name,
            "protected": environment.protected,
            "variables": variables.collect::<Vec<_>>(),
            "services": services.collect::<Vec<_>>(),
            "secrets": environment.secrets,
        })
    }

    /// What the samples were together, and each of them.
    fn samples(self, together: &SamplesResult, columns: &[SampleColumns]) -> Value {
        let SamplesResult {
            counts,
            warmup,
            outcomes,
            statuses,
            distinct,
            spread,
            times,
            assertions,
        } = together;
        let counted = |name: &str, count: u32| (name.to_owned(), Value::from(count));
        let outcomes = outcomes.iter().map(|(name, count)| counted(name, *count));
        let statuses = statuses.iter().map(|(status, count)| counted(&status.to_string(), *count));
        let rows = columns.iter().flat_map(SampleColumns::rows).map(|row| {
            json!({
                "number": row.number,
                "at_ns": nanos(row.at),
                "took_ns": nanos(row.took),
                "status": (row.status > 0).then_some(row.status),
                "outcome": row.outcome,
                "verdict": match row.verdict {
                    'p' => "passed",
                    'f' => "failed",
                    'e' => "errored",
                    _ => "cancelled",
                },
                "reused": row.reused,
            })
        });
        json!({
            "counts": counts,
            "warmup": warmup,
            "outcomes": outcomes.collect::<Map<_, _>>(),
            "statuses": statuses.collect::<Map<_, _>>(),
            "distinct": distinct,
            "spread": spread.map(|spread| json!({
                "requests": spread.requests,
                "within_ns": nanos(spread.within),
                "waves": spread.waves,
            })),
            "times": times.map(|times| json!({
                "min_ns": nanos(times.min),
                "p50_ns": nanos(times.p50),
                "p95_ns": nanos(times.p95),
                "max_ns": nanos(times.max),
                "mean_ns": nanos(times.mean),
            })),
            "assertions": self.each(assertions),
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    /// The answer of a route beside that of the first one.
    fn routes(self, compared: &RoutesCompared) -> Value {
        let RoutesCompared { first, other, differences, more, noise, ignored, asked_again } =
            compared;
        let taken = |route: &RouteTaken| {
            let RouteTaken { name, place, origin, holds, time } = route;
            json!({
                "name": name,
                "at": self.at(*place),
                "origin": origin,
                "holds": holds,
                "time_ns": time.map(nanos),
            })
        };
        json!({
            "first": taken(first),
            "other": taken(other),
            "equal": differences.is_empty(),
            "differences": differences,
            "more": more,
            "noise": noise,
            "ignored": ignored,
            "asked_again": asked_again,
        })
    }

    fn contract(self, used: &ContractUse) -> Value {
        let mut shown = serde_json::to_value(used).unwrap_or_default();
        if let (Some(place), Some(fields)) = (used.place, shown.as_object_mut()) {
            fields.remove("place");
            fields.insert("at".to_owned(), json!(self.at(place)));
        }
        if let (Some(nearest), Some(fields)) = (&used.nearest, shown.as_object_mut()) {
            let at = nearest.place.map(|place| self.at(place));
            let nearest = json!({"operation": nearest.operation, "at": at});
            fields.insert("nearest".to_owned(), nearest);
        }
        shown
    }

    fn diagnosis(self, diagnosis: &Diagnosis) -> Value {
        let Diagnosis { failures, blocked, clusters, flips, backends } = diagnosis;
        let clusters = clusters.iter().map(|cluster| {
            let Cluster { fingerprints: _, size, plans, blocked, first, said, cause } = cluster;
            json!({
                "failures": size,
                "plans": plans,
                "blocked": blocked,
                "said": said,
                "cause": cause.as_ref().map(|cause| self.cause(cause)),
                "first": {
                    "job": first.job,
                    "plan": first.plan,
                    "step": first.step,
                    "at": self.at(first.place),
                },
            })
        });
        let flips = flips.iter().map(|flip| {
            let Flip { plan, step, place, name, passes, fails, cases } = flip;
            json!({
                "plan": plan,
                "step": step,
                "at": self.at(*place),
                "name": name,
                "passes": passes,
                "fails": fails,
                "cases": cases,
            })
        });
        let backends = backends.iter().map(|shared| {
            let SharedBackend { origins, facts } = shared;
            json!({"origins": origins, "facts": facts})
        });
        json!({
            "failures": failures,
            "blocked": blocked,
            "clusters": clusters.collect::<Vec<_>>(),
            "flips": flips.collect::<Vec<_>>(),
            "backends": backends.collect::<Vec<_>>(),
        })
    }

    fn cause(self, cause: &Cause) -> Value {
        let Cause { rule, confidence, text, about, facts, against, next, owner, hint } = cause;
        let told = |facts: &[Fact]| -> Value {
            facts.iter().map(|fact| Value::from(self.ground.fact(fact))).collect()
        };
        json!({
            "rule": rule,
            "confidence": confidence.as_str(),
            "text": text,
            "about": about,
            "facts": told(facts),
            "against": told(against),
            "next": next,
            "owner": owner,
            "at": hint.map(|place| self.at(place)),
        })
    }

    /// What a tap saw, with the lines of the document that it breaks.
    fn tapped(self, tapped: &Tapped) -> Value {
        let mut shown = serde_json::to_value(tapped).unwrap_or_default();
        let breaches = shown.pointer_mut("/contract/breaches").and_then(Value::as_array_mut);
        let told = tapped.contract.iter().flat_map(|contract| &contract.breaches);
        for (shown, breach) in breaches.into_iter().flatten().zip(told) {
            if let Some(fields) = shown.as_object_mut() {
                fields.remove("said");
                fields
                    .extend(breach.said.map(|said| ("document".to_owned(), json!(self.at(said)))));
            }
        }
        shown
    }

    fn breach(self, breach: &BudgetBreach) -> Value {
        let BudgetBreach { phase, place, limit, actual, longest, severity } = breach;
        json!({
            "phase": phase,
            "at": self.at(*place),
            "limit_ns": nanos(*limit),
            "actual_ns": nanos(*actual),
            "longest": longest
                .map(|(phase, spent)| json!({"phase": phase, "duration_ns": nanos(spent)})),
            "severity": severity,
        })
    }

    fn findings(self, findings: &[Finding]) -> Value {
        findings
            .iter()
            .map(|finding| {
                let Finding { code, severity, message, labels, help } = finding;
                let labels: Vec<Value> = labels
                    .iter()
                    .map(|label| json!({"at": self.at(label.place), "text": label.text}))
                    .collect();
                json!({
                    "code": code,
                    "severity": severity,
                    "message": message,
                    "labels": labels,
                    "help": help,
                })
            })
            .collect()
    }

    /// `{"path", "line", "column"}`, or null where the text is not in the record.
    fn at(self, place: Place) -> At<'a> {
        At { ground: self.ground, place }
    }
}

/// A place as a person finds it.
struct At<'a> {
    ground: Ground<'a>,
    place: Place,
}

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(spot) = self.ground.spot(self.place) else { return serializer.serialize_none() };
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("path", spot.path)?;
        fields.serialize_entry("line", &spot.line)?;
        fields.serialize_entry("column", &spot.column)?;
        fields.end()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, fixture};

    #[test]
    fn the_document_holds_the_whole_run() {
        insta::assert_snapshot!(Format::Json.render(&Record::fold(fixture::run())).unwrap());
    }

    #[test]
    fn a_run_without_an_end_says_that_it_is_incomplete() {
        let mut events = fixture::run();
        events.pop();
        let text = Format::Json.render(&Record::fold(events)).unwrap();
        assert!(text.contains("\"verdict\": \"incomplete\""), "{text}");
        assert!(text.contains("\"complete\": false"), "{text}");
    }

    #[test]
    fn every_number_keeps_its_digits() {
        let huge: Value =
            serde_json::from_str("0.5000000000000000000000000000000001").unwrap_or_default();
        let (step, mut result) = fixture::through_the_proxy();
        if let Some(assertion) = result.attempts.first_mut().and_then(|a| a.assertions.first_mut())
        {
            assertion.expected.operand = huge;
        }
        let mut events = fixture::beginning(1);
        events.extend(fixture::job(0, vec![(step, result)]));
        let text = Format::Json.render(&Record::fold(events)).unwrap();
        assert!(text.contains("0.5000000000000000000000000000000001"), "{text}");
    }
}
