//! `--report junit=PATH`: what GitLab, Jenkins and GitHub actions read. A suite is a plan, a case is
//! a step in one of its own cases.

use std::io::Write;

use quick_junit::{
    NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::document::{Document, Told, append, word};
use super::overall;
use super::phrase;
use crate::diagnose;
use crate::outcome::{Attempt, Ids, StepResult, Verdict};
use crate::record::{PlanRecord, Plans, Record};

/// The document, a suite after the other.
///
/// # Errors
/// What the XML writer says, which escapes everything, and what `plans` and `out` say.
pub fn write(record: &Record, plans: &dyn Plans, out: &mut dyn Write) -> Result<(), String> {
    let document = Document::new(record);
    let started = record.started.as_ref();
    let mut report = Report::new(started.map_or("planrun", |run| run.run.as_str()));
    if let Some(at) = document.clock(std::time::Duration::ZERO) {
        report.set_timestamp(timestamp(at));
    }
    if let Some(duration) = record.end.duration() {
        report.set_time(duration);
    }
    let own = run_suite(&document);
    // The head counts what follows it.
    for plan in &record.plans {
        let own = own_fault(&document, plan);
        let steps = Document::steps(plan).map(|told| kind(told.verdict()));
        for kind in steps.chain(own.map(|own| Kind::NonSuccess(own.kind))) {
            add(&mut report, kind);
        }
    }
    report.tests += own.as_ref().map_or(0, |own| own.tests);
    report.errors += own.as_ref().map_or(0, |own| own.errors);
    let text = report.to_string().map_err(|error| error.to_string())?;
    let (head, end) = text.split_at(text.find(END).unwrap_or(text.len()));
    append(out, head.trim_end())?;
    plans.each(&mut |plan| appended(out, suite(&document, plan)))?;
    if let Some(own) = own {
        appended(out, own)?;
    }
    append(out, "\n")?;
    append(out, end)
}

const BEGIN: &str = "\n    <testsuite ";
const END: &str = "</testsuites>";

/// How JUnit counts a case.
#[derive(Clone, Copy)]
enum Kind {
    Success,
    Skipped,
    NonSuccess(NonSuccessKind),
}

fn kind(verdict: Option<Verdict>) -> Kind {
    match verdict {
        Some(Verdict::Passed) => Kind::Success,
        Some(Verdict::Failed) => Kind::NonSuccess(NonSuccessKind::Failure),
        Some(Verdict::Errored | Verdict::Cancelled) | None => {
            Kind::NonSuccess(NonSuccessKind::Error)
        }
        Some(Verdict::Skipped | Verdict::Blocked) => Kind::Skipped,
    }
}

fn add(report: &mut Report, kind: Kind) {
    report.tests += 1;
    match kind {
        Kind::Success => {}
        Kind::Skipped => report.skipped += 1,
        Kind::NonSuccess(NonSuccessKind::Failure) => report.failures += 1,
        Kind::NonSuccess(NonSuccessKind::Error) => report.errors += 1,
    }
}

/// Appends one suite, as a document of its own has it.
fn appended(out: &mut dyn Write, suite: TestSuite) -> Result<(), String> {
    let mut alone = Report::new("");
    alone.add_test_suite(suite);
    let text = alone.to_string().map_err(|error| error.to_string())?;
    let begin = text.find(BEGIN).unwrap_or_default();
    let end = text.rfind(END).unwrap_or(text.len());
    append(out, text.get(begin..end).unwrap_or_default().trim_end())
}

fn suite(document: &Document<'_>, plan: &PlanRecord) -> TestSuite {
    let started = &plan.started;
    let mut suite = TestSuite::new(started.title().as_ref());
    suite.set_time(plan.duration);
    if let Some(at) = document.clock(started.at) {
        suite.set_timestamp(timestamp(at));
    }
    suite.extra.insert("file".into(), started.path.as_str().into());
    if let Some(run) = document.record.started.as_ref() {
        suite.add_property(Property::new("run", run.run.as_str()));
        suite.add_property(Property::new("environment", run.environment.as_deref().unwrap_or("")));
        suite.add_property(Property::new("seed", run.seed.to_string()));
    }
    if !started.tags.is_empty() {
        suite.add_property(Property::new("tags", started.tags.join(" ")));
    }
    if !started.covers.is_empty() {
        suite.add_property(Property::new("covers", started.covers.join(" ")));
    }
    let witnesses = Document::witnesses(plan);
    for told in Document::steps(plan) {
        let causes = Document::causes(&told, &witnesses);
        suite.add_test_case(case(document, &told, &causes));
    }
    if let Some(own) = plan_case(document, plan) {
        suite.add_test_case(own);
    }
    suite
}

fn case(document: &Document<'_>, told: &Told<'_>, causes: &[diagnose::Cause]) -> TestCase {
    let result = told.result();
    let mut case = TestCase::new(told.title(), status(document, told, causes));
    case.set_classname(told.plan.started.title().as_ref());
    case.set_time(result.map(|result| result.duration).unwrap_or_default());
    if let Some(at) = told.record.at.and_then(|at| document.clock(at)) {
        case.set_timestamp(timestamp(at));
    }
    if let Some(spot) = document.spot(told.record.step.place) {
        case.extra.insert("file".into(), spot.path.into());
        case.extra.insert("line".into(), spot.line.to_string().into());
    }
    let asserted = result.and_then(|result| result.attempts.last());
    if let Some(attempt) = asserted {
        case.set_assertions(attempt.assertions.len());
    }
    if let Some(id) = &told.record.step.id {
        case.add_property(Property::new("id", id.as_str()));
    }
    if !told.record.step.covers.is_empty() {
        case.add_property(Property::new("covers", told.record.step.covers.join(" ")));
    }
    if let Some(exchange) = told.exchange() {
        let Ids { trace, span, request, servers } = exchange.ids();
        let own = [("trace_id", trace), ("span_id", span), ("request_id", request)];
        for (name, id) in own.into_iter().filter_map(|(name, id)| Some((name, id?))) {
            case.add_property(Property::new(name, id));
        }
        for (name, id) in servers {
            case.add_property(Property::new(format!("server:{name}"), id));
        }
    }
    if told.is_bad() {
        case.set_system_out(document.full(told, causes));
    }
    case
}

fn status(document: &Document<'_>, told: &Told<'_>, causes: &[diagnose::Cause]) -> TestCaseStatus {
    let Some(result) = told.result() else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("unfinished").set_message("the run ended while this step was under way");
        return status;
    };
    let mut status = match kind(Some(result.verdict)) {
        Kind::Success => TestCaseStatus::success(),
        Kind::Skipped => TestCaseStatus::skipped(),
        Kind::NonSuccess(kind) => TestCaseStatus::non_success(kind),
    };
    let code = result.code.map_or_else(|| word(Some(result.verdict)).to_owned(), |c| c.to_string());
    match result.verdict {
        Verdict::Passed => {}
        Verdict::Skipped | Verdict::Blocked => {
            status.set_message(reason_of(result));
        }
        Verdict::Failed | Verdict::Errored | Verdict::Cancelled => {
            status.set_type(code).set_message(document.short(result).join("; "));
            let mut lines = vec![document.at(told.record.step.place)];
            lines.extend(causes.iter().map(|cause| format!("why: {}", cause.text)));
            let diagnosis = document.diagnosis();
            let group = diagnosis.cluster(&diagnose::fingerprint(result, causes));
            lines.extend(
                group
                    .filter(|group| group.size > 1 && group.cause.is_some())
                    .map(|group| overall::explains(group, diagnosis)),
            );
            status.set_description(lines.join("\n"));
        }
    }
    // The attempts before the last: failures of a flaky pass, else tries that did not help.
    let earlier = result.attempts.split_last().map_or(&[][..], |(_, earlier)| earlier);
    if result.samples.is_none() {
        status.add_reruns(earlier.iter().map(rerun));
    }
    status
}

/// An attempt that another one followed.
fn rerun(attempt: &Attempt) -> TestRerun {
    let exchange = attempt.exchange.as_deref();
    let (kind, ty, message) = match exchange.map(|it| (&it.response, &it.error)) {
        Some((_, Some(error))) => (NonSuccessKind::Error, "transport", error.message.clone()),
        Some((Some(response), None)) => {
            let status = response.status;
            let words = format!("{status} {}", phrase::status(status));
            (NonSuccessKind::Failure, "assertion", words.trim_end().to_owned())
        }
        Some((None, None)) | None => (NonSuccessKind::Failure, "assertion", String::new()),
    };
    let mut rerun = TestRerun::new(kind);
    rerun.set_type(ty).set_message(format!("attempt {}: {message}", attempt.number));
    if let Some(total) = exchange.and_then(|exchange| exchange.phases.total) {
        rerun.set_time(total);
    }
    rerun
}

fn reason_of(result: &StepResult) -> String {
    result.reason.as_ref().map_or_else(String::new, phrase::reason)
}

/// What is wrong with a plan as a whole.
struct OwnFault {
    kind: NonSuccessKind,
    said: String,
    at: String,
}

fn own_fault(document: &Document<'_>, plan: &PlanRecord) -> Option<OwnFault> {
    let mut said: Vec<String> = plan.findings.iter().map(|f| f.message.clone()).collect();
    let mut at = plan.findings.iter().find_map(crate::finding::Finding::place);
    if let Some(breach) = &plan.breach {
        said.push(phrase::breach(breach).replace('\n', ": "));
        at = at.or(Some(breach.place));
    }
    if said.is_empty() || !matches!(plan.verdict, Some(Verdict::Failed | Verdict::Errored)) {
        return None;
    }
    let kind = match plan.verdict {
        Some(Verdict::Errored) => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let at = at.map(|place| document.at(place)).unwrap_or_default();
    Some(OwnFault { kind, said: said.join("; "), at })
}

/// A plan's own fault (its budget, its deadline) has no step: it gets a case of its own.
fn plan_case(document: &Document<'_>, plan: &PlanRecord) -> Option<TestCase> {
    let OwnFault { kind, said, at } = own_fault(document, plan)?;
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type("plan").set_message(said);
    status.set_description(at);
    let mut case = TestCase::new("the plan as a whole", status);
    case.set_classname(plan.started.title().as_ref());
    Some(case)
}

fn timestamp(at: jiff::Timestamp) -> chrono::DateTime<chrono::FixedOffset> {
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    chrono::DateTime::from_timestamp(at.as_second(), nanos).unwrap_or_default().fixed_offset()
}

/// What was wrong before or beside all plans: a run that stopped must not look like a pass.
fn run_suite(document: &Document<'_>) -> Option<TestSuite> {
    let errors: Vec<_> = document.record.findings.iter().filter(|f| f.is_error()).collect();
    let incomplete = document.incomplete();
    if errors.is_empty() && incomplete.is_none() {
        return None;
    }
    let mut suite = TestSuite::new("the run");
    for finding in errors {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(finding.code.to_string()).set_message(finding.message.as_str());
        let at = finding.place().map(|place| document.at(place)).unwrap_or_default();
        let help = finding.help.iter().map(|help| format!("help: {help}"));
        status.set_description(std::iter::once(at).chain(help).collect::<Vec<_>>().join("\n"));
        suite.add_test_case(TestCase::new(finding.code.to_string(), status));
    }
    if let Some(incomplete) = incomplete {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("incomplete").set_message(incomplete);
        suite.add_test_case(TestCase::new("the run came to its end", status));
    }
    Some(suite)
}
