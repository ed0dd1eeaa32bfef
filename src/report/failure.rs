//! One step that did not pass, as one report: the plan's lines, what came back, why, how long it
//! took, and the commands that try it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::curl::{curl_line, variables_of};
use super::drawing::{Drawing, Weight};
use super::finding::{beside, count, frame};
use super::phrase;
use super::response;
use super::routes;
use super::style::{Paint, Style};
use super::taps;
use crate::diagnose::{Cause, Confidence, Fact, header, next_step};
use crate::event::StepRef;
use crate::finding::{Code, Label, Severity};
use crate::outcome::{Attempt, Exchange, Reason, StepResult, Transport, Verdict};
use crate::secret::{sanitise, sanitise_line};
use crate::source::{Place, SourceId, SourceSet};
use crate::units::show_duration;

/// What a report needs to know besides the step.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The texts that places point into.
    pub sources: &'a SourceSet,
    /// The path of the plan that was given on the command line.
    pub plan: &'a str,
    /// The chosen environment.
    pub environment: Option<&'a str>,
    /// Process variables of secrets that have another name than their own, for the curl line.
    pub variables: Option<&'a BTreeMap<String, String>>,
    /// The steps that include the plan of the step, the nearest first.
    pub includers: &'a [&'a StepRef],
    /// How to draw.
    pub style: &'a Style,
}

/// Whether a step is worth a report: it failed, errored or was ended, or warned while passing.
#[must_use]
pub fn is_due(result: &StepResult) -> bool {
    match result.verdict {
        Verdict::Failed | Verdict::Errored => true,
        Verdict::Passed => warns(result),
        Verdict::Cancelled | Verdict::Skipped | Verdict::Blocked => false,
    }
}

/// Whether the last attempt has something that does not fail the step but is to be seen.
#[must_use]
pub fn warns(result: &StepResult) -> bool {
    result.attempts.last().is_some_and(|attempt| {
        attempt.assertions.iter().any(|a| !a.passed && a.severity == Severity::Warning)
            || attempt.breaches.iter().any(|b| b.severity == Severity::Warning)
            || attempt.findings.iter().any(|f| f.severity == Severity::Warning)
    })
}

/// How many places of a plan are labelled in one report.
const LABELS: usize = 40;

/// The whole report of one step. What it is given must have gone through the gate.
#[must_use]
pub fn render(scene: &Scene<'_>, step: &StepRef, result: &StepResult, causes: &[Cause]) -> String {
    let style = scene.style;
    let attempt = result.attempts.last();
    let exchange = attempt.and_then(|attempt| attempt.exchange.as_deref());
    let error = exchange.and_then(|exchange| exchange.error.as_ref());
    let mut labels = labels(step, result, error, style);
    let beyond = labels.len().saturating_sub(LABELS);
    labels.truncate(LABELS);
    let home = labels.first().map_or(step.place.source, |label| label.place.source);
    let mut out = Drawing {
        weight: weight(result.verdict),
        code: Some(code_line(scene, step, result)),
        message: headline(step, result, error),
        frame: frame(&labels, home, scene.sources, style),
        located: true,
        help: Vec::new(),
    }
    .render(style);
    let others: BTreeSet<SourceId> =
        labels.iter().map(|label| label.place.source).filter(|source| *source != home).collect();
    for other in others {
        out.push_str(&beside(&labels, other, scene.sources, style));
    }
    if beyond > 0 {
        let places = count(beyond, "more place is", "more places are");
        out.push_str(&style.fact("note", &format!("{places} not shown")));
    }
    if !scene.includers.is_empty() {
        let lines = scene.includers.iter().map(|include| scene.sources.locate(include.place));
        let lines: Vec<String> = lines.map(|at| sanitise_line(&at).into_owned()).collect();
        out.push_str(&style.facts("from", &lines));
    }
    if let (Some(exchange), Some(error)) = (exchange, error) {
        let explained = causes.iter().any(|cause| cause.next.is_some());
        out.push_str(&transport(scene, exchange, error, explained));
    }
    if let Some(attempt) = attempt {
        out.push_str(&routes::render(attempt, style));
        out.push_str(&response::render(attempt, style));
    }
    out.push_str(&facts(scene, step, result, causes));
    out
}

/// `failed[step::assertion] plans/a.yaml:3:5`
fn code_line(scene: &Scene<'_>, step: &StepRef, result: &StepResult) -> String {
    let word = match result.verdict {
        Verdict::Failed => "failed",
        Verdict::Errored => "error",
        Verdict::Passed => "warning",
        Verdict::Skipped => "skipped",
        Verdict::Blocked => "blocked",
        Verdict::Cancelled => "cancelled",
    };
    let findings = result.attempts.last().map(|attempt| &attempt.findings);
    let warned = findings.and_then(|findings| findings.first()).map(|finding| finding.code);
    let warned = warned.filter(|_| result.verdict == Verdict::Passed);
    let code = result.code.or(warned).unwrap_or(match result.verdict {
        Verdict::Failed | Verdict::Passed if result.only_budget => Code::BudgetExceeded,
        Verdict::Failed | Verdict::Passed => Code::AssertionFailed,
        Verdict::Errored => Code::TransportOther,
        Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => Code::DeadlineExceeded,
    });
    let at = scene.sources.locate(step.place);
    let at = if at.is_empty() { scene.plan.to_owned() } else { at };
    format!("{word}[{code}] {}", sanitise_line(&at))
}

fn weight(verdict: Verdict) -> Weight {
    match verdict {
        Verdict::Failed | Verdict::Errored => Weight::Error,
        Verdict::Passed | Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => {
            Weight::Warning
        }
    }
}

/// The step's name and what is wrong with it, in one sentence.
fn headline(step: &StepRef, result: &StepResult, error: Option<&Transport>) -> String {
    let title = step.title();
    let name = sanitise_line(&title);
    let mut said: Vec<String> = Vec::new();
    said.extend(result.message.as_ref().map(|message| sanitise_line(message).into_owned()));
    if let Some(error) = error {
        let message = sanitise_line(&error.message).into_owned();
        if !said.iter().any(|line| line.contains(&message)) {
            said.push(message);
        }
    }
    if let Some(attempt) = result.attempts.last() {
        said.extend(what_failed(attempt, result.verdict));
    }
    if said.is_empty() {
        said.extend(result.reason.as_ref().map(phrase::reason));
    }
    if said.is_empty() {
        said.push("did not pass".to_owned());
    }
    format!("{name}: {}", said.join("; "))
}

/// `2 of 3 assertions failed`, `over its budget`, `a capture found nothing`, the finding's words.
fn what_failed(attempt: &Attempt, verdict: Verdict) -> Vec<String> {
    let mut said = Vec::new();
    let all = attempt.assertions.iter().filter(|a| a.severity == Severity::Error).count();
    let failed =
        attempt.assertions.iter().filter(|a| !a.passed && a.severity == Severity::Error).count();
    if failed > 0 && verdict != Verdict::Passed {
        said.push(format!("{failed} of {} failed", count(all, "assertion", "assertions")));
    }
    let missing = attempt.captures.iter().filter(|c| c.missing.is_some()).count();
    if missing > 0 && verdict != Verdict::Passed {
        said.push(format!("{} found nothing", count(missing, "capture", "captures")));
    }
    if attempt.breaches.iter().any(|b| b.severity == Severity::Error) {
        said.push("slower than its budget".to_owned());
    }
    said.extend(
        attempt
            .findings
            .iter()
            .filter(|finding| finding.is_error() || verdict == Verdict::Passed)
            .map(|finding| sanitise_line(&finding.message).into_owned()),
    );
    let warned = attempt.assertions.iter().any(|a| !a.passed && a.severity == Severity::Warning)
        || attempt.breaches.iter().any(|b| b.severity == Severity::Warning);
    if said.is_empty() && warned {
        said.push("passed, with a warning".to_owned());
    }
    said
}

/// Every place of the plan that has something to say, else the step itself.
pub(super) fn labels(
    step: &StepRef,
    result: &StepResult,
    error: Option<&Transport>,
    style: &Style,
) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    let mut add = |place: Place, text: String| match labels.iter_mut().find(|l| l.place == place) {
        Some(label) => {
            label.text.push('\n');
            label.text.push_str(&text);
        }
        None => labels.push(Label { place, text }),
    };
    for one in result.samples.iter().flat_map(|samples| &samples.assertions) {
        if !one.passed {
            add(one.place, phrase::assertions(&[one], false, style));
        }
    }
    if let Some(attempt) = result.attempts.last() {
        let beside = phrase::is_error_instead(attempt);
        let failed: Vec<_> = attempt.assertions.iter().filter(|one| !one.passed).collect();
        for (n, first) in failed.iter().enumerate() {
            let seen = failed.iter().take(n).any(|earlier| earlier.place == first.place);
            if !seen {
                let here: Vec<_> =
                    failed.iter().copied().filter(|one| one.place == first.place).collect();
                add(first.place, phrase::assertions(&here, beside, style));
            }
        }
        for one in &failed {
            for violation in &one.violations {
                let Some(place) = violation.place else { continue };
                let of_tap = taps::label(attempt, one, violation);
                add(place, of_tap.unwrap_or_else(|| phrase::violation(violation)));
            }
        }
        for capture in &attempt.captures {
            if let Some(text) = phrase::capture(capture, beside, style) {
                add(capture.place, text);
            }
        }
        for breach in &attempt.breaches {
            add(breach.place, phrase::breach(breach));
        }
        for label in attempt.findings.iter().flat_map(|finding| &finding.labels) {
            add(label.place, label.text.clone());
        }
    }
    let is_deadline = matches!(result.reason, Some(Reason::Deadline(_)));
    if labels.is_empty() || (is_deadline && result.ended_at.is_some()) {
        let text = match (&result.reason, error) {
            (Some(reason @ (Reason::Deadline(_) | Reason::Interrupted(_))), _) => {
                phrase::reason(reason)
            }
            (_, Some(_)) => "this request got no answer".to_owned(),
            (_, None) => "this step".to_owned(),
        };
        labels.push(Label { place: result.ended_at.unwrap_or(step.place), text });
    }
    labels
}

/// Who was asked, how far it came, and which variable names the host.
fn transport(scene: &Scene<'_>, exchange: &Exchange, error: &Transport, explained: bool) -> String {
    let style = scene.style;
    let request = &exchange.request;
    let mut out = String::new();
    let mut beside = String::new();
    let mut elsewhere = Vec::new();
    for part in exchange.url_from.iter().filter(|part| {
        request.url.starts_with(&part.value)
            || (!error.host.is_empty() && part.value.contains(&error.host))
    }) {
        let said = format!("`{}` gives the host of this request", part.name);
        match part.place.filter(|place| scene.sources.get(place.source).is_some()) {
            Some(place) => {
                let label = Label { place, text: String::new() };
                beside.push_str(
                    &Drawing {
                        weight: Weight::Beside,
                        code: None,
                        message: sanitise(&format!(
                            "{} {}\n{said}: {}",
                            request.method, request.url, part.value
                        ))
                        .into_owned(),
                        frame: frame(&[label], place.source, scene.sources, style),
                        located: true,
                        help: Vec::new(),
                    }
                    .render(style),
                );
            }
            None if part.source.is_empty() => {
                elsewhere.push(format!("{} = {}", part.name, part.value));
            }
            None => elsewhere.push(format!("{} = {} ({})", part.name, part.value, part.source)),
        }
    }
    if beside.is_empty() {
        let asked = format!("{} {}", request.method, request.url);
        out.push_str(&style.fact("asked", &sanitise_line(&asked)));
    }
    out.push_str(&beside);
    for line in elsewhere {
        out.push_str(&style.fact("set by", &sanitise_line(&line)));
    }
    let mut reached = Vec::new();
    if !error.addresses.iter().any(|address| address.starts_with(&error.host)) {
        reached.push(sanitise_line(&error.host).into_owned());
    }
    reached.extend(error.addresses.iter().map(|address| sanitise_line(address).into_owned()));
    reached.extend(error.phase.map(|phase| format!("ended in phase `{phase}`")));
    reached.extend(exchange.proxy.as_ref().map(|p| format!("through proxy {}", sanitise_line(p))));
    out.push_str(&style.facts("host", &reached));
    if error.help.is_empty() && !explained {
        out.push_str(&style.fact("help", next_step(error.class)));
    }
    for help in &error.help {
        out.push_str(&style.fact("help", &sanitise(help)));
    }
    out
}

/// A fact of a cause with its line, where it has one.
pub(super) fn told(fact: &Fact, sources: &SourceSet) -> String {
    match fact.place.map(|place| sources.locate(place)).filter(|at| !at.is_empty()) {
        Some(at) => format!("{} ({at})", fact.text),
        None => fact.text.clone(),
    }
}

/// Whether what is told of a request without an answer says it already.
fn is_shown_above(fact: &Fact, exchange: &Exchange) -> bool {
    exchange.error.as_ref().is_some_and(|error| {
        let framed = |place| exchange.url_from.iter().any(|part| part.place == Some(place));
        fact.text == error.message || fact.place.is_some_and(framed)
    })
}

/// Why, how long, how often, and what to type.
fn facts(scene: &Scene<'_>, step: &StepRef, result: &StepResult, causes: &[Cause]) -> String {
    let style = scene.style;
    let attempt = result.attempts.last();
    let exchange = attempt.and_then(|attempt| attempt.exchange.as_deref());
    let mut out = String::new();
    for cause in causes {
        let (word, sure) = match cause.confidence {
            Confidence::Certain => ("why", ""),
            Confidence::Likely => ("why", "likely: "),
            Confidence::Possible => ("why", "possibly: "),
            Confidence::Hint => ("hint", ""),
        };
        let text = format!("{sure}{}", sanitise_line(&cause.text));
        out.push_str(&style.headline(word, &text));
        let against = cause.against.iter().map(|fact| ("but: ", fact));
        for (but, fact) in cause.facts.iter().map(|fact| ("", fact)).chain(against) {
            if exchange.is_some_and(|exchange| is_shown_above(fact, exchange)) {
                continue;
            }
            let fact = told(fact, scene.sources);
            let fact = format!("  {} {but}{}", style.symbols().dot, sanitise_line(&fact));
            out.push_str(&style.more(&fact));
        }
        if let Some(place) = cause.hint {
            let at = sanitise_line(&scene.sources.locate(place)).into_owned();
            out.push_str(&style.more(&format!("  {} {at}", style.symbols().dot)));
        }
        if let Some(next) = &cause.next {
            out.push_str(&style.fact("next", &sanitise_line(next)));
        }
        if let Some(owner) = &cause.owner {
            out.push_str(&style.fact("who", &sanitise_line(owner)));
        }
    }
    for finding in attempt.iter().flat_map(|attempt| &attempt.findings) {
        for help in &finding.help {
            out.push_str(&style.fact("help", &sanitise(help)));
        }
        if finding.severity == Severity::Warning && result.verdict != Verdict::Passed {
            out.push_str(&style.fact("note", &sanitise_line(&finding.message)));
        }
    }
    if let Some(samples) = &result.samples {
        let mut said = phrase::samples(samples);
        said.extend(
            attempt.and_then(|a| a.sample).map(|number| format!("sample {number} is shown")),
        );
        out.push_str(&style.facts("taken", &said));
    } else if result.tries > 1 {
        out.push_str(&style.facts("tries", &tries(result)));
    }
    if let Some(exchange) = attempt.and_then(|attempt| attempt.exchange.as_deref()) {
        if exchange.repeated {
            let text = "a kept connection was already closed; sent once more on a fresh one";
            out.push_str(&style.fact("note", text));
        }
        if exchange.unverified {
            let text = "the certificate was not checked (`insecure`): who answered is not known";
            out.push_str(&style.fact("note", text));
        }
        for line in taps::lines(attempt.map_or(&[], |attempt| &attempt.tapped)) {
            out.push_str(&style.fact("tap", &line));
        }
        out.push_str(&style.whole("ids", &phrase::ids(exchange)));
        out.push_str(&style.facts("time", &phrase::phases(&exchange.phases, exchange.reused)));
        // One line however long, so that it can be copied.
        let line = curl_line(exchange, &variables_of(scene.variables));
        let _ = writeln!(out, "  {}   {line}", style.paint(Paint::Key, "curl"));
    }
    let _ = writeln!(out, "  {}  {}", style.paint(Paint::Key, "again"), again(scene, step));
    out
}

/// How often it was tried, and what each attempt that is kept got.
fn tries(result: &StepResult) -> Vec<String> {
    let mut facts =
        vec![format!("{} attempts in {}", result.tries, show_duration(result.duration))];
    if result.attempts.len() > 1 {
        facts.extend(result.attempts.iter().take(10).map(|attempt| {
            let exchange = attempt.exchange.as_deref();
            let got = match exchange.map(|exchange| (&exchange.response, &exchange.error)) {
                Some((Some(response), _)) => match header(response, "retry-after") {
                    Some(after) => {
                        format!("{} (Retry-After: {})", response.status, sanitise_line(after))
                    }
                    None => response.status.to_string(),
                },
                Some((None, Some(error))) => sanitise_line(&error.message).into_owned(),
                Some((None, None)) | None => "nothing was sent".to_owned(),
            };
            format!("{}: {got}", attempt.number)
        }));
    }
    facts
}

/// The command that runs this step again, with what it needs.
fn again(scene: &Scene<'_>, step: &StepRef) -> String {
    let mut words = vec!["planrun".to_owned(), word(scene.plan)];
    // A step of an included plan is selected by the one that includes it.
    let selected = scene.includers.last().copied().unwrap_or(step);
    words.extend(selected.id.iter().flat_map(|id| ["--step".to_owned(), word(id)]));
    words.extend(scene.environment.iter().flat_map(|name| ["-e".to_owned(), word(name)]));
    words.join(" ")
}

/// A word for a POSIX shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", sanitise_line(text).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
