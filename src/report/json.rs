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

use std::collections::BTreeMap;

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::curl::{curl_line, variables_of};
use super::document::{self, List, fill, ids};
use super::{doubts, notices};
use crate::diagnose::{self, Cause, Cluster, Diagnosis, Fact, Flip, SharedBackend, Witness};
use crate::event::EnvironmentTold;
use crate::finding::Finding;
use crate::outcome::{
    Assertion, Attempt, BudgetBreach, ContractUse, RouteTaken, RoutesCompared, SampleColumns,
    SamplesResult, SentPart, Tapped, UrlPart, Violation,
};
use crate::record::{Counts, End, Flaky, PlanRecord, Plans, Record, StepRecord};
use crate::source::{Place, SourceSet};

/// The version of the form; it grows when a name changes its meaning.
const FORM: u32 = 1;

/// The document, a plan after the other. Ends with a line break.
///
/// # Errors
/// What `plans` and `out` say.
pub fn write(record: &Record, plans: &dyn Plans, out: &mut dyn Write) -> Result<(), String> {
    let started = record.started.as_ref();
    let variables = started.map(|run| &run.variables);
    let document = Document { sources: &record.sources, variables };
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
        "environments": record.environments.iter().map(|it| document.environment(it)).collect::<Vec<_>>(),
        "findings": document.findings(&record.findings),
        "diagnosis": document.diagnosis(&diagnose::whole_run(record)),
        "plans": [],
    });
    let mut list = List::begin(out, &value, "  \"plans\": [")?;
    plans.each(&mut |plan| list.add(&document.plan(plan)))?;
    list.end()
}

/// What to know before any number is read.
fn document_notices(record: &Record) -> Vec<String> {
    let document = super::document::Document::new(record);
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

/// Turns parts of a record into values; it knows the texts that places point into.
struct Document<'a> {
    sources: &'a SourceSet,
    variables: Option<&'a BTreeMap<String, String>>,
}

impl Document<'_> {
    fn environment(&self, environment: &EnvironmentTold) -> Value {
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

    fn plan(&self, plan: &PlanRecord) -> Value {
        let witnesses = document::Document::witnesses(plan);
        let steps = plan.steps.iter().map(|step| self.step(plan, step, &witnesses));
        let mut told = json!({
            "job": plan.started.job,
            "name": plan.started.name,
            "case": plan.started.case,
            "at": self.at(plan.started.place),
            "tags": plan.started.tags,
            "covers": plan.started.covers,
            "verdict": plan.verdict,
            "duration_ns": nanos(plan.duration),
            "findings": self.findings(&plan.findings),
            "breach": plan.breach.as_ref().map(|breach| self.breach(breach)),
            "steps": null,
        });
        fill(&mut told, "steps", steps.collect::<Vec<_>>());
        told
    }

    fn step(&self, plan: &PlanRecord, record: &StepRecord, witnesses: &[Witness]) -> Value {
        let StepRecord { step, at: _, samples, result } = record;
        let result = result.as_ref();
        let causes = result.map(|result| diagnose::causes(step, result, witnesses));
        let exchange = result.and_then(|result| result.attempts.last()?.exchange.as_deref());
        let attempts = result.into_iter().flat_map(|result| &result.attempts);
        let mut told = json!({
            "section": step.section,
            "index": step.index,
            "within": step.within,
            "kind": step.kind,
            "tentative": step.tentative,
            "id": step.id,
            "name": step.name,
            "case": step.case.as_ref().map(|case| &case.name),
            "at": self.at(step.place),
            "included_from": plan
                .includers(step)
                .iter()
                .map(|include| self.at(include.place))
                .collect::<Vec<_>>(),
            "covers": step.covers,
            "verdict": result.map(|result| result.verdict),
            "reason": result.and_then(|result| result.reason.as_ref()),
            "flaky": result.is_some_and(|result| result.flaky),
            "tries": result.map_or(0, |result| result.tries),
            "duration_ns": result.map(|result| nanos(result.duration)),
            "code": result.and_then(|result| result.code),
            "message": result.and_then(|result| result.message.as_ref()),
            "ended_at": result
                .and_then(|result| result.ended_at)
                .map(|place| self.at(place)),
            "causes": causes
                .unwrap_or_default()
                .iter()
                .map(|cause| self.cause(cause))
                .collect::<Vec<_>>(),
            "curl": exchange.map(|exchange| curl_line(exchange, &variables_of(self.variables))),
            "samples": result
                .and_then(|result| result.samples.as_ref())
                .map(|together| self.samples(together, samples)),
            "attempts": null,
        });
        let attempts = attempts.map(|attempt| self.attempt(attempt));
        fill(&mut told, "attempts", attempts.collect::<Vec<_>>());
        told
    }

    /// What the samples were together, and each of them.
    fn samples(&self, together: &SamplesResult, columns: &[SampleColumns]) -> Value {
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
            "assertions": assertions
                .iter()
                .map(|assertion| self.placed(assertion, assertion.place))
                .collect::<Vec<_>>(),
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    fn attempt(&self, attempt: &Attempt) -> Value {
        // Hints are among the causes of the step.
        let Attempt {
            number,
            sample,
            at,
            exchange,
            assertions,
            captures,
            limit,
            breaches,
            findings,
            outcome,
            contract,
            documented,
            routes,
            hints: _,
            tapped,
        } = attempt;
        let mut shown = serde_json::to_value(exchange).unwrap_or_default();
        if let Some(exchange) = exchange
            && let Some(fields) = shown.as_object_mut()
            && !exchange.url_from.is_empty()
        {
            let parts = exchange.url_from.iter().map(|part| self.url_part(part)).collect();
            fields.insert("url_from".to_owned(), Value::Array(parts));
        }
        if let Some(exchange) = exchange
            && let Some(fields) = shown.as_object_mut()
            && !exchange.sent_from.is_empty()
        {
            let parts = exchange.sent_from.iter().map(|part| self.sent_part(part)).collect();
            fields.insert("sent_from".to_owned(), Value::Array(parts));
        }
        let mut told = json!({
            "number": number,
            "sample": sample,
            "at_ns": nanos(*at),
            "exchange": null,
            "ids": null,
            "assertions": null,
            "captures": null,
            "limit_ns": limit.map(nanos),
            "breaches": breaches.iter().map(|breach| self.breach(breach)).collect::<Vec<_>>(),
            "findings": null,
            "outcome": outcome,
            "contract": null,
            "documented": null,
            "routes": null,
        });
        fill(&mut told, "exchange", shown);
        fill(&mut told, "ids", exchange.as_deref().map_or(Value::Null, ids));
        let assertions = assertions.iter().map(|assertion| self.assertion(assertion));
        fill(&mut told, "assertions", assertions.collect::<Vec<_>>());
        let captures = captures.iter().map(|capture| self.placed(capture, capture.place));
        fill(&mut told, "captures", captures.collect::<Vec<_>>());
        fill(&mut told, "findings", self.findings(findings));
        let contract = contract.as_deref().map_or(Value::Null, |used| self.contract(used));
        fill(&mut told, "contract", contract);
        let documented = documented.iter().map(|part| self.placed(part, part.place));
        fill(&mut told, "documented", documented.collect::<Vec<_>>());
        let routes = routes.as_deref().map_or(Value::Null, |compared| self.routes(compared));
        fill(&mut told, "routes", routes);
        if let Some(fields) = told.as_object_mut().filter(|_| !tapped.is_empty()) {
            let taps = tapped.iter().map(|tapped| self.tapped(tapped)).collect();
            fields.insert("taps".to_owned(), Value::Array(taps));
        }
        told
    }

    /// The answer of a route beside that of the first one.
    fn routes(&self, compared: &RoutesCompared) -> Value {
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

    fn contract(&self, used: &ContractUse) -> Value {
        let mut shown = serde_json::to_value(used).unwrap_or_default();
        if let (Some(place), Some(fields)) = (used.place, shown.as_object_mut()) {
            fields.remove("place");
            fields.insert("at".to_owned(), self.at(place));
        }
        if let (Some(nearest), Some(fields)) = (&used.nearest, shown.as_object_mut()) {
            let at = nearest.place.map(|place| self.at(place));
            let nearest = json!({"operation": nearest.operation, "at": at});
            fields.insert("nearest".to_owned(), nearest);
        }
        shown
    }

    fn assertion(&self, assertion: &Assertion) -> Value {
        let mut shown = self.placed(assertion, assertion.place);
        if !assertion.violations.is_empty()
            && let Some(fields) = shown.as_object_mut()
        {
            let told = assertion.violations.iter().map(|violation| {
                let Violation { at, pointer, wanted, keyword, place } = violation;
                json!({
                    "at": at,
                    "pointer": pointer,
                    "wanted": wanted,
                    "keyword": keyword,
                    "schema": place.map(|place| self.at(place)),
                })
            });
            fields.insert("violations".to_owned(), told.collect());
        }
        shown
    }

    fn url_part(&self, part: &UrlPart) -> Value {
        let UrlPart { name, value, place, source } = part;
        let at = place.map(|place| self.at(place));
        json!({"name": name, "value": value, "source": source, "at": at})
    }

    fn diagnosis(&self, diagnosis: &Diagnosis) -> Value {
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

    fn sent_part(&self, part: &SentPart) -> Value {
        let SentPart { at, place, given_by, set_at } = part;
        json!({
            "part": at,
            "at": self.at(*place),
            "given_by": given_by,
            "set_at": set_at.map(|place| self.at(place)),
        })
    }

    fn cause(&self, cause: &Cause) -> Value {
        let Cause { rule, confidence, text, about, facts, against, next, owner, hint } = cause;
        let told = |facts: &[Fact]| -> Value {
            facts.iter().map(|fact| Value::from(super::failure::told(fact, self.sources))).collect()
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
    fn tapped(&self, tapped: &Tapped) -> Value {
        let mut shown = serde_json::to_value(tapped).unwrap_or_default();
        let breaches = shown.pointer_mut("/contract/breaches").and_then(Value::as_array_mut);
        let told = tapped.contract.iter().flat_map(|contract| &contract.breaches);
        for (shown, breach) in breaches.into_iter().flatten().zip(told) {
            if let Some(fields) = shown.as_object_mut() {
                fields.remove("said");
                fields.extend(breach.said.map(|said| ("document".to_owned(), self.at(said))));
            }
        }
        shown
    }

    fn breach(&self, breach: &BudgetBreach) -> Value {
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

    fn findings(&self, findings: &[Finding]) -> Value {
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

    /// A part as in the stream, with `at` instead of its raw `place`.
    fn placed(&self, part: &impl serde::Serialize, place: Place) -> Value {
        let mut value = serde_json::to_value(part).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            let old = std::mem::take(fields);
            *fields = old.into_iter().map(|(key, value)| self.rename(key, value, place)).collect();
        }
        value
    }

    fn rename(&self, key: String, value: Value, place: Place) -> (String, Value) {
        if key == "place" { ("at".to_owned(), self.at(place)) } else { (key, value) }
    }

    /// `{"path", "line", "column"}`, or null where the text is not in the record.
    fn at(&self, place: Place) -> Value {
        let Some(text) = self.sources.get(place.source) else { return Value::Null };
        let at = text.line_column(place.span.start);
        let mut fields = Map::new();
        fields.insert("path".to_owned(), json!(text.path));
        fields.insert("line".to_owned(), json!(at.line));
        fields.insert("column".to_owned(), json!(at.column));
        Value::Object(fields)
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
