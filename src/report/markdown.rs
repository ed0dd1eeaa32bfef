//! `--report markdown=PATH`: for people, in a merge request, a wiki, a job's summary.

use std::fmt::Write as _;

use super::document::{Document, Told, counts, word};
use super::finding::count;
use super::{doubts, notices, overall, phrase, taps};
use crate::diagnose;
use crate::event::Section;
use crate::outcome::{StepResult, Verdict};
use crate::record::{PlanRecord, Record};
use crate::units::show_duration;

/// How many failures are told in full.
const FAILURES: usize = 20;
/// How many slow steps are named.
const SLOWEST: usize = 5;

/// The document.
#[must_use]
pub fn render(record: &Record) -> String {
    let document = Document::new(record);
    let mut out = String::new();
    head(&document, &mut out);
    plans(&document, &mut out);
    findings(&document, &mut out);
    overall_causes(&document, &mut out);
    failures(&document, &mut out);
    not_evidenced(&document, &mut out);
    times(&document, &mut out);
    environment(&document, &mut out);
    out
}

/// The verdict, and what to know before any number is read.
fn head(document: &Document<'_>, out: &mut String) {
    let record = document.record;
    let (verdict, good) = document.verdict();
    let started = record.started.as_ref();
    let environment = started.and_then(|run| run.environment.as_deref());
    let on = environment.map(|name| format!(" on {}", text(name))).unwrap_or_default();
    let _ = writeln!(out, "# {} {verdict}{on}\n", if good { "✓" } else { "✗" });
    let all: Vec<Told<'_>> = document.all().collect();
    if let Some(incomplete) = document.incomplete() {
        let _ = writeln!(out, "> **Not the whole run.** {incomplete}\n");
    }
    let banners = notices::banners(document, &all);
    let banners = banners.iter().skip(usize::from(document.incomplete().is_some()));
    for notice in banners.chain(&doubts::doubts(record, &all)) {
        let _ = writeln!(out, "> {}\n", text(notice));
    }
    let mut parts = counts(record);
    parts.push(count(record.tally.requests, "request", "requests"));
    if record.tally.warnings > 0 {
        parts.push(count(record.tally.warnings, "warning", "warnings"));
    }
    let _ = writeln!(out, "{}\n", parts.join(" · "));
    let mut facts = Vec::new();
    if let Some(run) = started {
        facts.push(format!("run `{}`", run.run));
        facts.push(format!("begun {}", run.started_at));
        if let Some(duration) = record.end.duration() {
            facts.push(format!("took {}", show_duration(duration)));
        }
        facts.push(format!("planrun {}", run.planrun));
        facts.extend(notices::commit(document).map(|commit| format!("commit {}", text(&commit))));
        facts.push(format!("seed {}", run.seed));
    }
    if !facts.is_empty() {
        let _ = writeln!(out, "{}\n", facts.join(" · "));
    }
}

/// One line for each plan.
fn plans(document: &Document<'_>, out: &mut String) {
    if document.record.plans.is_empty() {
        return;
    }
    out.push_str("## Plans\n\n| plan | verdict | steps | time | budget |\n|---|---|---|---|---|\n");
    for plan in &document.record.plans {
        let (mut all, mut passed) = (0, 0);
        for told in Document::steps(plan) {
            all += 1;
            passed += usize::from(told.verdict() == Some(Verdict::Passed));
        }
        let budget = match &plan.breach {
            Some(breach) => format!("over: {}", show_duration(breach.limit)),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {passed} of {all} passed | {} | {budget} |",
            text(&plan.started.title()),
            word(plan.verdict),
            show_duration(plan.duration),
        );
    }
    out.push('\n');
}

/// What was found about the run or its plans as a whole.
fn findings(document: &Document<'_>, out: &mut String) {
    let record = document.record;
    let all: Vec<_> =
        record.findings.iter().chain(record.plans.iter().flat_map(|p| &p.findings)).collect();
    if all.is_empty() {
        return;
    }
    out.push_str("## Findings\n\n");
    for finding in all {
        let at = finding.place().map(|place| document.at(place)).unwrap_or_default();
        let word = if finding.is_error() { "error" } else { "warning" };
        let _ =
            writeln!(out, "- {word} `{}` {}: {}", finding.code, text(&at), text(&finding.message));
    }
    out.push('\n');
}

/// What many failures have in common.
fn overall_causes(document: &Document<'_>, out: &mut String) {
    let diagnosis = document.diagnosis();
    let mut lines = Vec::new();
    for (cluster, cause) in overall::groups(diagnosis) {
        let said =
            [overall::explains(cluster, diagnosis), overall::sure(cause)].map(|it| text(&it));
        lines.push(format!("- **{}**: {}", said[0], said[1]));
        lines.extend(cause.facts.iter().map(|it| format!("  - {}", text(&document.fact(it)))));
        lines.extend(cause.next.iter().map(|next| format!("  - next: {}", text(next))));
    }
    lines.extend(diagnosis.flips.iter().map(|it| format!("- {}", text(&overall::flip(it)))));
    lines.extend(diagnosis.backends.iter().map(|it| format!("- {}", text(&overall::backend(it)))));
    if !lines.is_empty() {
        let _ = writeln!(out, "## Why\n\n{}\n", lines.join("\n"));
    }
}

/// Each failure with its place, its cause and what came back.
fn failures(document: &Document<'_>, out: &mut String) {
    let bad: Vec<_> = document.all().filter(Told::is_bad).collect();
    if bad.is_empty() {
        return;
    }
    out.push_str("## What failed\n\n");
    let mut witnesses: Option<(&PlanRecord, Vec<diagnose::Witness>)> = None;
    for told in bad.iter().take(FAILURES) {
        if witnesses.as_ref().is_none_or(|(plan, _)| !std::ptr::eq(*plan, told.plan)) {
            witnesses = Some((told.plan, diagnose::witnesses(told.plan)));
        }
        let of_plan = witnesses.as_ref().map_or(&[][..], |(_, witnesses)| witnesses);
        failure(document, told, &Document::causes(told, of_plan), out);
    }
    if bad.len() > FAILURES {
        let _ = writeln!(out, "… and {} more.\n", bad.len() - FAILURES);
    }
}

fn failure(document: &Document<'_>, told: &Told<'_>, causes: &[diagnose::Cause], out: &mut String) {
    let Some(result) = told.result() else { return };
    let _ = writeln!(out, "### {}\n", text(&told.title()));
    let _ = writeln!(
        out,
        "{} `{}`{}\n",
        word(told.verdict()),
        document.at(told.record.step.place).replace('`', "'"),
        result.code.map(|code| format!(" · `{code}`")).unwrap_or_default(),
    );
    for line in document.short(result) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    for cause in causes {
        let _ = writeln!(out, "- **why** ({}): {}", cause.confidence.as_str(), text(&cause.text));
        for fact in &cause.facts {
            let _ = writeln!(out, "  - {}", text(&document.fact(fact)));
        }
        for fact in &cause.against {
            let _ = writeln!(out, "  - but: {}", text(&document.fact(fact)));
        }
        if let Some(next) = &cause.next {
            let _ = writeln!(out, "  - next: {}", text(next));
        }
    }
    let attempt = told.result().and_then(|result| result.attempts.last());
    for line in taps::lines(attempt.map_or(&[], |attempt| &attempt.tapped)) {
        let _ = writeln!(out, "- tap: {}", text(&line));
    }
    if let Some(ids) = told.exchange().map(phrase::ids).filter(|ids| !ids.is_empty()) {
        let _ = writeln!(out, "- ids: {}", text(&ids.join(" · ")));
    }
    out.push('\n');
    let full = document.full(told, causes);
    let _ = writeln!(
        out,
        "<details><summary>The whole report</summary>\n\n{}\n</details>\n",
        fenced(&full)
    );
}

/// What gives no evidence: it was skipped, blocked or ended, or did not run at all.
fn not_evidenced(document: &Document<'_>, out: &mut String) {
    let mut lines = Vec::new();
    for told in document.all() {
        let reason = match told.verdict() {
            Some(Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled) => told
                .result()
                .and_then(|result| result.reason.as_ref())
                .map_or_else(|| word(told.verdict()).to_owned(), phrase::reason),
            None => "the run ended while it was under way".to_owned(),
            Some(Verdict::Passed | Verdict::Failed | Verdict::Errored) => continue,
        };
        if told.record.step.section == Section::Cleanup && told.verdict() == Some(Verdict::Skipped)
        {
            continue;
        }
        lines.push(format!(
            "- {} · {}: {}",
            text(&told.plan.started.title()),
            text(&told.title()),
            text(&reason)
        ));
    }
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Not evidenced\n\n{}\n", lines.join("\n"));
}

/// The slowest steps, and every budget that was exceeded.
fn times(document: &Document<'_>, out: &mut String) {
    let mut steps: Vec<(Told<'_>, &StepResult)> = document
        .all()
        .filter_map(|told| Some((told, told.result()?)))
        .filter(|(told, _)| told.exchange().is_some())
        .collect();
    if steps.is_empty() {
        return;
    }
    steps.sort_by_key(|(_, result)| std::cmp::Reverse(result.duration));
    out.push_str("## Times\n\n| step | time | phases |\n|---|---|---|\n");
    for (told, result) in steps.iter().take(SLOWEST) {
        let phases = told
            .exchange()
            .map(|exchange| phrase::phases(&exchange.phases, exchange.reused).join(" · "))
            .unwrap_or_default();
        let phases = match &result.samples {
            Some(samples) => phrase::samples(samples).join(" · "),
            None => phases,
        };
        let time = show_duration(result.duration);
        let _ = writeln!(out, "| {} | {time} | {} |", text(&told.title()), text(&phases));
    }
    out.push('\n');
    let breaches = steps.iter().flat_map(|(told, result)| {
        let attempt = result.attempts.last();
        attempt.into_iter().flat_map(|attempt| &attempt.breaches).map(move |breach| (told, breach))
    });
    for (told, breach) in breaches {
        let said = phrase::breach(breach).replace('\n', ": ");
        let _ = writeln!(out, "- over budget: {}: {}", text(&told.title()), text(&said));
    }
}

/// On what the run ran, with the source of each value.
fn environment(document: &Document<'_>, out: &mut String) {
    let all: Vec<Told<'_>> = document.all().collect();
    let variables = notices::variables(document, &all);
    let beside = notices::beside(document);
    if variables.is_empty() && beside.is_empty() {
        return;
    }
    out.push_str("\n## Environment\n\n");
    if !variables.is_empty() {
        out.push_str("| variable | value | from |\n|---|---|---|\n");
        for it in variables {
            let (name, value, source) = (text(&it.name), text(&it.value), text(&it.source));
            let _ = writeln!(out, "| {name} | {value} | {source} |");
        }
        out.push('\n');
    }
    for line in beside {
        let _ = writeln!(out, "- {}", text(&line));
    }
}

/// A text that Markdown and HTML leave as it is, on one line.
pub(super) fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in crate::secret::sanitise_line(raw).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A block of text whose fence is longer than any in it.
pub(super) fn fenced(content: &str) -> String {
    let mut longest = 2;
    for line in content.lines() {
        let ticks = line.trim_start().chars().take_while(|c| *c == '`').count();
        longest = longest.max(ticks);
    }
    let fence = "`".repeat(longest + 1);
    format!("{fence}text\n{}\n{fence}", content.trim_end())
}
