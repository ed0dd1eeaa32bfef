//! `--report junit=PATH`: what GitLab, Jenkins and GitHub actions read. A suite is a plan, a case is
//! a step in one of its own cases.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::document::{Document, Ground, Told, append, word};
use super::xml::{Xml, escaped, filled};
use super::{Format, Pieces, overall, phrase};
use crate::diagnose;
use crate::finding::Finding;
use crate::outcome::{Attempt, Ids, StepResult, Verdict};
use crate::record::{PlanRecord, Record};

/// The document, a suite after the other.
///
/// # Errors
/// What `pieces` and `out` say.
pub fn write(record: &Record, pieces: &dyn Pieces, out: &mut dyn Write) -> Result<(), String> {
    let document = Document::new(record);
    let ground: &Ground<'_> = &document;
    let own = run_suite(&document);
    // The head counts what follows it.
    let plans = record.plans.iter().flat_map(|plan| plan_kinds(ground, plan));
    let counts = Counts::of(plans.chain(own.iter().flatten().map(|_| Kind::Error)));
    append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let mut xml = Xml::inside(&[]);
    let run = record.started.as_ref().map_or("planrun", |run| run.run.as_str());
    let element = xml.element(ROOT).with("name", run);
    let mut element = element
        .plain("tests", counts.tests)
        .plain("skipped", counts.skipped)
        .plain("failures", counts.failures)
        .plain("errors", counts.errors);
    if let Some(at) = ground.clock(Duration::ZERO) {
        element = element.plain("timestamp", Stamp(at));
    }
    if let Some(duration) = record.end.duration() {
        element = element.plain("time", Seconds(duration));
    }
    element.begun();
    append(out, &xml.into_text())?;
    // What all failures have in common was not known when their plan ended.
    let explained = |note: &str| {
        let diagnosis = document.diagnosis();
        let mut groups = diagnosis.clusters.iter();
        let group = groups.find(|group| group.fingerprints.iter().any(|it| escaped(it) == note))?;
        (group.size > 1 && group.cause.is_some())
            .then(|| format!("\n{}", overall::explains(group, diagnosis)))
    };
    pieces.each(Format::Junit, &mut |piece| {
        let piece = std::str::from_utf8(piece).map_err(|error| error.to_string())?;
        append(out, &filled(piece, explained))
    })?;
    if let Some(faults) = own {
        append(out, &told(&faults))?;
    }
    append(out, "\n</testsuites>\n")
}

const ROOT: &str = "testsuites";

/// How JUnit counts a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    Skipped,
    Failure,
    Error,
}

fn kind(verdict: Option<Verdict>) -> Kind {
    match verdict {
        Some(Verdict::Passed) => Kind::Success,
        Some(Verdict::Failed) => Kind::Failure,
        Some(Verdict::Errored | Verdict::Cancelled) | None => Kind::Error,
        Some(Verdict::Skipped | Verdict::Blocked) => Kind::Skipped,
    }
}

/// How the cases of a plan are counted.
fn plan_kinds(ground: &Ground<'_>, plan: &PlanRecord) -> impl Iterator<Item = Kind> {
    let own = own_fault(ground, plan).map(|own| own.kind);
    Document::steps(plan).map(|told| kind(told.verdict())).chain(own)
}

#[derive(Default)]
struct Counts {
    tests: usize,
    skipped: usize,
    failures: usize,
    errors: usize,
}

impl Counts {
    fn of(kinds: impl Iterator<Item = Kind>) -> Self {
        kinds.fold(Self::default(), |mut counts, kind| {
            counts.tests += 1;
            match kind {
                Kind::Success => {}
                Kind::Skipped => counts.skipped += 1,
                Kind::Failure => counts.failures += 1,
                Kind::Error => counts.errors += 1,
            }
            counts
        })
    }
}

/// The suite of a plan, with notes of what [`write`] knows only when the run has ended.
pub(super) fn piece(ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
    let started = &plan.started;
    let counts = Counts::of(plan_kinds(ground, plan));
    let mut xml = Xml::inside(&[ROOT]);
    let mut element = begun_suite(&mut xml, &started.title(), &counts);
    if let Some(at) = ground.clock(started.at) {
        element = element.plain("timestamp", Stamp(at));
    }
    element = element.plain("time", Seconds(plan.duration)).with("file", &started.path);
    let covers = Some(started.covers.join(" ")).filter(|it| !it.is_empty());
    let tags = Some(started.tags.join(" ")).filter(|it| !it.is_empty());
    let seed = ground.started.map(|run| run.seed.to_string());
    let run = ground.started.map(|run| run.run.as_str());
    let environment = ground.started.map(|run| run.environment.as_deref().unwrap_or(""));
    let properties = [
        ("run", run),
        ("environment", environment),
        ("seed", seed.as_deref()),
        ("tags", tags.as_deref()),
        ("covers", covers.as_deref()),
    ];
    if counts.tests == 0 && properties.iter().all(|(_, value)| value.is_none()) {
        element.empty();
        return xml.into_text().into_bytes();
    }
    element.begun();
    write_properties(&mut xml, properties.into_iter().filter_map(|(name, it)| Some((name, it?))));
    let title = started.title();
    let witnesses = Document::witnesses(plan);
    for told in Document::steps(plan) {
        let causes = Document::causes(&told, &witnesses);
        case(&mut xml, ground, (&told, &title), &causes);
    }
    if let Some(OwnFault { kind, said, at }) = own_fault(ground, plan) {
        // A plan's own fault (its budget, its deadline) has no step: it gets a case of its own.
        xml.element("testcase")
            .with("name", "the plan as a whole")
            .with("classname", &title)
            .begun();
        let fault = xml.element(tag(kind)).with("message", &said).with("type", "plan");
        fault.holding(&at, None);
        xml.end();
    }
    xml.end();
    xml.into_text().into_bytes()
}

fn begun_suite<'x>(xml: &'x mut Xml, name: &str, counts: &Counts) -> super::xml::Element<'x> {
    xml.element("testsuite")
        .with("name", name)
        .plain("tests", counts.tests)
        .plain("skipped", counts.skipped)
        .plain("errors", counts.errors)
        .plain("failures", counts.failures)
}

fn write_properties<'p>(xml: &mut Xml, properties: impl Iterator<Item = (&'p str, &'p str)>) {
    let mut properties = properties.peekable();
    if properties.peek().is_none() {
        return;
    }
    xml.element("properties").begun();
    for (name, value) in properties {
        xml.element("property").with("name", name).with("value", value).empty();
    }
    xml.end();
}

fn case(
    xml: &mut Xml,
    ground: &Ground<'_>,
    (told, plan): (&Told<'_>, &str),
    causes: &[diagnose::Cause],
) {
    let (result, step) = (told.result(), &told.record.step);
    let mut element = xml.element("testcase").with("name", &told.title()).with("classname", plan);
    if let Some(attempt) = result.and_then(|result| result.attempts.last()) {
        element = element.plain("assertions", attempt.assertions.len());
    }
    if let Some(at) = told.record.at.and_then(|at| ground.clock(at)) {
        element = element.plain("timestamp", Stamp(at));
    }
    let spent = result.map(|result| result.duration).unwrap_or_default();
    element = element.plain("time", Seconds(spent));
    if let Some(spot) = ground.spot(step.place) {
        element = element.with("file", spot.path).plain("line", spot.line);
    }
    let covers = Some(step.covers.join(" ")).filter(|it| !it.is_empty());
    let ids = told.exchange().map(|exchange| exchange.ids());
    let reruns = earlier(result);
    let has_status = kind(told.verdict()) != Kind::Success || !reruns.is_empty();
    if step.id.is_none()
        && covers.is_none()
        && ids.as_ref().is_none_or(Ids::is_empty)
        && !has_status
    {
        element.empty();
        return;
    }
    element.begun();
    let own = [("id", step.id.as_deref()), ("covers", covers.as_deref())];
    let traced = ids
        .as_ref()
        .map(|ids| [("trace_id", ids.trace), ("span_id", ids.span), ("request_id", ids.request)]);
    let servers: Vec<(String, &str)> = ids
        .iter()
        .flat_map(|ids| &ids.servers)
        .map(|(name, id)| (format!("server:{name}"), *id))
        .collect();
    let known = own.into_iter().chain(traced.into_iter().flatten());
    let known = known.filter_map(|(name, value)| Some((name, value?)));
    write_properties(xml, known.chain(servers.iter().map(|(name, id)| (name.as_str(), *id))));
    status(xml, ground, told, causes);
    let tags = match kind(told.verdict()) {
        Kind::Success => ("flakyFailure", "flakyError"),
        Kind::Skipped | Kind::Failure | Kind::Error => ("rerunFailure", "rerunError"),
    };
    for attempt in reruns {
        rerun(xml, attempt, tags);
    }
    if told.is_bad() {
        xml.element("system-out").holding(&ground.full(told, causes), None);
    }
    xml.end();
}

fn status(xml: &mut Xml, ground: &Ground<'_>, told: &Told<'_>, causes: &[diagnose::Cause]) {
    let Some(result) = told.result() else {
        let said = "the run ended while this step was under way";
        xml.element("error").with("message", said).with("type", "unfinished").empty();
        return;
    };
    match result.verdict {
        Verdict::Passed => {}
        Verdict::Skipped | Verdict::Blocked => {
            xml.element("skipped").with("message", &reason_of(result)).empty();
        }
        Verdict::Failed | Verdict::Errored | Verdict::Cancelled => {
            let word = word(Some(result.verdict));
            let code = result.code.map_or_else(|| word.to_owned(), |code| code.to_string());
            let mut lines = vec![ground.at(told.record.step.place)];
            lines.extend(causes.iter().map(|cause| format!("why: {}", cause.text)));
            xml.element(tag(kind(Some(result.verdict))))
                .with("message", &ground.short(result).join("; "))
                .with("type", &code)
                .holding(&lines.join("\n"), Some(&diagnose::fingerprint(result, causes)));
        }
    }
}

fn tag(kind: Kind) -> &'static str {
    match kind {
        Kind::Success | Kind::Failure => "failure",
        Kind::Skipped => "skipped",
        Kind::Error => "error",
    }
}

/// The attempts before the last: failures of a flaky pass, else tries that did not help.
fn earlier(result: Option<&StepResult>) -> &[Attempt] {
    let Some(result) = result.filter(|result| result.samples.is_none()) else { return &[] };
    match result.verdict {
        Verdict::Skipped | Verdict::Blocked => &[],
        Verdict::Passed | Verdict::Failed | Verdict::Errored | Verdict::Cancelled => {
            result.attempts.split_last().map_or(&[], |(_, earlier)| earlier)
        }
    }
}

/// An attempt that another one followed.
fn rerun(xml: &mut Xml, attempt: &Attempt, (failure, error): (&'static str, &'static str)) {
    let exchange = attempt.exchange.as_deref();
    let (tag, ty, message) = match exchange.map(|it| (&it.response, &it.error)) {
        Some((_, Some(fault))) => (error, "transport", fault.message.clone()),
        Some((Some(response), None)) => {
            let status = response.status;
            let words = format!("{status} {}", phrase::status(status));
            (failure, "assertion", words.trim_end().to_owned())
        }
        Some((None, None)) | None => (failure, "assertion", String::new()),
    };
    let mut element = xml.element(tag);
    if let Some(total) = exchange.and_then(|exchange| exchange.phases.total) {
        element = element.plain("time", Seconds(total));
    }
    let message = format!("attempt {}: {message}", attempt.number);
    element.with("message", &message).with("type", ty).holding("", None);
}

fn reason_of(result: &StepResult) -> String {
    result.reason.as_ref().map_or_else(String::new, phrase::reason)
}

/// What is wrong with a plan as a whole.
struct OwnFault {
    kind: Kind,
    said: String,
    at: String,
}

fn own_fault(ground: &Ground<'_>, plan: &PlanRecord) -> Option<OwnFault> {
    if !matches!(plan.verdict, Some(Verdict::Failed | Verdict::Errored)) {
        return None;
    }
    let mut said: Vec<String> = plan.findings.iter().map(|f| f.message.clone()).collect();
    let mut at = plan.findings.iter().find_map(Finding::place);
    if let Some(breach) = &plan.breach {
        said.push(phrase::breach(breach).replace('\n', ": "));
        at = at.or(Some(breach.place));
    }
    if said.is_empty() {
        return None;
    }
    let at = at.map(|place| ground.at(place)).unwrap_or_default();
    Some(OwnFault { kind: kind(plan.verdict), said: said.join("; "), at })
}

/// What was wrong before or beside all plans.
struct RunFault {
    name: String,
    class: String,
    said: String,
    more: Option<String>,
}

/// A run that stopped must not look like a pass.
fn run_suite(document: &Document<'_>) -> Option<Vec<RunFault>> {
    let errors = document.record.findings.iter().filter(|finding| finding.is_error());
    let mut faults: Vec<RunFault> = errors
        .map(|finding| {
            let code = finding.code.to_string();
            let at = finding.place().map(|place| document.at(place)).unwrap_or_default();
            let help = finding.help.iter().map(|help| format!("help: {help}"));
            let more = std::iter::once(at).chain(help).collect::<Vec<_>>().join("\n");
            let said = finding.message.clone();
            RunFault { name: code.clone(), class: code, said, more: Some(more) }
        })
        .collect();
    faults.extend(document.incomplete().map(|said| RunFault {
        name: "the run came to its end".to_owned(),
        class: "incomplete".to_owned(),
        said,
        more: None,
    }));
    (!faults.is_empty()).then_some(faults)
}

fn told(faults: &[RunFault]) -> String {
    let mut xml = Xml::inside(&[ROOT]);
    let counts = Counts::of(faults.iter().map(|_| Kind::Error));
    begun_suite(&mut xml, "the run", &counts).begun();
    for RunFault { name, class, said, more } in faults {
        xml.element("testcase").with("name", name).begun();
        let error = xml.element("error").with("message", said).with("type", class);
        match more {
            Some(more) => error.holding(more, None),
            None => error.empty(),
        }
        xml.end();
    }
    xml.end();
    xml.into_text()
}

/// A time of day to the millisecond, as the times are.
struct Stamp(Timestamp);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Offset::UTC.to_datetime(self.0);
        write!(f, "{:04}-{:02}-{:02}T", at.year(), at.month(), at.day())?;
        write!(f, "{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
        write!(f, ".{:03}+00:00", at.millisecond())
    }
}

/// Seconds to the millisecond.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0.as_secs_f64())
    }
}
