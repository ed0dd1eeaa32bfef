//! `--report github=PATH` (`-` is the job's log): annotations on the lines of plans, in the words of
//! GitHub's own protocol. Everything from outside is escaped: it cannot speak that protocol.

use std::fmt::Write as _;

use super::document::{Document, Told};
use super::overall;
use super::phrase;
use crate::finding::{Finding, Severity};
use crate::outcome::{StepResult, Verdict};
use crate::record::Record;
use crate::secret::{sanitise, sanitise_line};

/// GitHub shows so many annotations of a kind for each step of a job.
const SHOWN: usize = 10;

/// The annotations, the gravest kind first. A line for each; empty where all is well.
#[must_use]
pub fn render(record: &Record) -> String {
    let document = Document::new(record);
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let findings =
        record.findings.iter().chain(record.plans.iter().flat_map(|plan| &plan.findings));
    for finding in findings {
        let line = of_finding(&document, finding);
        match finding.severity {
            Severity::Error => errors.push(line),
            Severity::Warning => warnings.push(line),
        }
    }
    for told in document.all() {
        let Some(result) = told.result() else { continue };
        if told.is_bad() {
            errors.push(of_step("error", &document, &told, result));
        } else if told.verdict() == Some(Verdict::Passed) && super::failure::warns(result) {
            warnings.push(of_step("warning", &document, &told, result));
        }
    }
    if let Some(incomplete) = document.incomplete() {
        errors.insert(0, format!("::error title=planrun::{}", data(&incomplete)));
    }
    causes(&document) + &limited("error", errors) + &limited("warning", warnings)
}

/// What many failures have in common, a notice each.
fn causes(document: &Document<'_>) -> String {
    let diagnosis = document.diagnosis();
    overall::groups(diagnosis)
        .take(SHOWN)
        .map(|(cluster, cause)| {
            let title = overall::explains(cluster, diagnosis);
            let place = Some(cluster.first.place);
            line("notice", document, place, &title, &[overall::sure(cause)]) + "\n"
        })
        .collect()
}

/// The first ones, and how many more there are.
fn limited(kind: &str, mut lines: Vec<String>) -> String {
    if lines.len() > SHOWN {
        let more = lines.len() - (SHOWN - 1);
        lines.truncate(SHOWN - 1);
        lines.push(format!("::{kind} title=planrun::and {more} more; the job's log has them all"));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn of_finding(document: &Document<'_>, finding: &Finding) -> String {
    let kind = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut said = vec![finding.message.clone()];
    said.extend(finding.help.iter().map(|help| format!("help: {help}")));
    line(kind, document, finding.place(), &finding.code.to_string(), &said)
}

fn of_step(kind: &str, document: &Document<'_>, told: &Told<'_>, result: &StepResult) -> String {
    // The assertion's own line is better than the step's.
    let together = result.samples.iter().flat_map(|samples| &samples.assertions);
    let alone = result.attempts.last().into_iter().flat_map(|attempt| &attempt.assertions);
    let place = together.chain(alone).find(|assertion| !assertion.passed).map(|one| one.place);
    let title = format!("{} · {}", told.plan.started.title(), told.title());
    let place = place.unwrap_or(told.record.step.place);
    let mut said = document.short(result);
    let ids = told.exchange().map(phrase::ids).filter(|ids| !ids.is_empty());
    said.extend(ids.map(|ids| ids.join(" · ")));
    line(kind, document, Some(place), &title, &said)
}

fn line(
    kind: &str,
    document: &Document<'_>,
    place: Option<crate::source::Place>,
    title: &str,
    said: &[String],
) -> String {
    let mut out = format!("::{kind} ");
    if let Some(spot) = place.and_then(|place| document.spot(place)) {
        let path = property(spot.path);
        let _ = write!(out, "file={path},line={},col={},", spot.line, spot.column);
    }
    let said: Vec<_> = said.iter().map(|text| sanitise_line(text)).collect();
    let _ = write!(out, "title={}::{}", property(&sanitise_line(title)), data(&said.join("\n")));
    out
}

/// A message of a workflow command: one line, whatever stands in it.
pub(crate) fn data(text: &str) -> String {
    sanitise(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
