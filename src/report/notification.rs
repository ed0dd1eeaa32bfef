//! What a chat is told of a run: a text, and blocks as Slack's incoming webhooks take them.
//!
//! Everything from outside is escaped: `<!channel>` of a server calls nobody, and a link of it is text.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document::counts;
use super::document::{Document, Told};
use super::finding::count;
use crate::compare::{ChangeKind, Comparison};
use crate::outcome::StepResult;
use crate::record::Record;
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// So many failures are told.
const FAILURES: usize = 5;
/// The most characters of a header.
const HEADER: usize = 150;
/// The most characters of a section, with room for what its escapes add.
const SECTION: usize = 2400;

/// The body for a webhook. `before` is the last run of the same plans, where one is known.
#[must_use]
pub fn slack(record: &Record, before: Option<&Comparison>) -> Value {
    let document = Document::new(record);
    let (verdict, good) = document.verdict();
    let started = record.started.as_ref();
    let on = started.and_then(|run| run.environment.as_deref());
    let on = on.map(|name| format!(" on {}", plain(name))).unwrap_or_default();
    let headline = format!("{} planrun: {verdict}{on}", if good { "✓" } else { "✗" });
    let bad: Vec<Told<'_>> = document.all().filter(Told::is_bad).collect();
    let counts = in_numbers(record);
    let text = format!("{}: {counts}", escape(&headline));
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": cut(&headline, HEADER)}}),
        section(&counts),
    ];
    blocks.extend(before.map(|compared| section(&changed(compared))));
    blocks.extend(bad.iter().take(FAILURES).map(|told| section(&failure(&document, told))));
    // Nothing ran where a plan is wrong: then that is what is told.
    let errors = record.findings.iter().filter(|finding| finding.is_error());
    blocks.extend(errors.take(FAILURES).map(|finding| {
        let at = finding.place().map(|place| document.at(place)).unwrap_or_default();
        let said = [at, finding.message.clone()].map(|it| escape(&plain(&it)));
        section(said.join(" ").trim())
    }));
    if bad.len() > FAILURES {
        blocks.push(section(&format!("and {} more", bad.len() - FAILURES)));
    }
    if let Some(run) = started {
        let run = escape(&plain(&run.run));
        let more = format!("run `{run}` · `planrun report {run}` where it ran");
        blocks.push(json!({
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": more}],
        }));
    }
    json!({"text": text, "blocks": blocks})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// `12 steps · 9 passed · 2 failed · 3.1 s`
fn in_numbers(record: &Record) -> String {
    let mut parts = counts(record);
    parts.extend(record.end.duration().map(show_duration));
    parts.join(" · ")
}

/// What is not as it was in the run before.
fn changed(compared: &Comparison) -> String {
    let better = compared.of_kind(ChangeKind::Better).count();
    let mut parts = Vec::new();
    for (n, word) in [(compared.worse(), "worse"), (better, "better")] {
        if n > 0 {
            parts.push(format!("{} {word}", count(n, "step", "steps")));
        }
    }
    if parts.is_empty() {
        parts.push("no step is worse or better".to_owned());
    }
    let run = escape(&plain(&compared.before.run));
    format!("since run `{run}`: {}", parts.join(", "))
}

/// A failure: its plan and step, its place, what is wrong.
fn failure(document: &Document<'_>, told: &Told<'_>) -> String {
    let title = format!("{} · {}", told.plan.started.title(), told.title());
    let place = told.result().and_then(StepResult::first_failed).unwrap_or(told.record.step.place);
    let mut out = format!(
        "*{}*\n`{}`",
        escape(&cut(&plain(&title), 200)),
        escape(&plain(&document.at(place)))
    );
    for line in told.result().map(|result| document.short(result)).unwrap_or_default() {
        let room = SECTION.saturating_sub(out.chars().count()).min(600);
        let _ = write!(out, "\n{}", escape(&cut(&plain(&line), room)));
    }
    out
}

/// One line that formats nothing: no bold, no code.
fn plain(text: &str) -> String {
    sanitise_line(text).replace('`', "'").replace('*', "∗")
}

/// The three characters with which Slack's markup begins links, mentions and entities.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;
    use crate::report::fixture;

    #[test]
    fn a_chat_reads_the_verdict_the_counts_and_the_first_failures_with_their_places() {
        let record = Record::fold(fixture::run());
        let text = serde_json::to_string_pretty(&slack(&record, None)).expect("JSON");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_a_server_says_calls_nobody_and_stays_within_the_limits() {
        let (step, mut result) = fixture::through_the_proxy();
        result.attempts.clear();
        result.verdict = Verdict::Errored;
        result.message = Some(format!("<!channel> *bold* `code` {}", "long ".repeat(2000)));
        let mut events = fixture::beginning(1);
        events.extend(fixture::job(0, (0..9).map(|_| (step.clone(), result.clone())).collect()));
        events.push(fixture::end());
        let body = slack(&Record::fold(events), None);
        let blocks = body["blocks"].as_array().expect("blocks");
        assert!(blocks.len() <= 50, "{}", blocks.len());
        for block in blocks {
            let text = block["text"]["text"].as_str().unwrap_or_default();
            let most = if block["type"] == "header" { 150 } else { 3000 };
            assert!(text.chars().count() <= most, "{text}");
            assert!(!text.contains('<') && !text.contains("*bold*"), "{text}");
        }
        assert!(body.to_string().contains("and 4 more"), "{body}");
    }
}
