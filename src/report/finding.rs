//! Findings of the check phase as a person reads them: each with its lines, then one sentence.

use std::collections::BTreeSet;

use super::drawing::{Drawing, Weight};
use super::frame::{Frame, Mark, Room};
use super::style::{Paint, Style};
use crate::finding::{Finding, Label, Severity};
use crate::secret::{sanitise, sanitise_line};
use crate::source::{SourceId, SourceSet};

/// Lines around a mark in a plan.
pub(crate) const PLAN: Room = Room { context: 1, whole: 0 };

/// All findings in the order of their files and lines, and a closing line that counts them.
///
/// The findings must have gone through the gate. Empty where there are none.
#[must_use]
pub fn render(findings: &[Finding], sources: &SourceSet, style: &Style) -> String {
    let mut out = String::new();
    let mut ordered: Vec<&Finding> = findings.iter().collect();
    ordered.sort_by_key(|finding| finding.place().map(|place| (place.source, place.span)));
    for (n, finding) in ordered.iter().enumerate() {
        out.push_str(&nth(n, finding, sources, style));
    }
    out.push_str(&beyond(ordered.len()));
    out.push_str(&closing(findings, style));
    out
}

/// How many findings are shown with their lines; the next ones take a line each.
const WHOLE: usize = 100;
/// How many findings are shown at all; the rest is counted.
const SHOWN: usize = 400;

/// A finding by its turn, from 0: with its lines, on one line, or not at all.
pub(crate) fn nth(n: usize, finding: &Finding, sources: &SourceSet, style: &Style) -> String {
    if n < WHOLE {
        return format!("{}\n", one(finding, sources, style));
    }
    if n >= SHOWN {
        return String::new();
    }
    let message = sanitise_line(&finding.message);
    let line = format!("{}: {message}", header(word(finding.severity), finding, sources));
    let gap = if n + 1 == SHOWN { "\n" } else { "" };
    format!("{}\n{gap}", style.cut(&line, style.columns().max(120)))
}

/// Says how many findings were not shown.
pub(crate) fn beyond(findings: usize) -> String {
    match findings.saturating_sub(SHOWN) {
        0 if findings > WHOLE && findings < SHOWN => "\n".to_owned(),
        0 => String::new(),
        more => format!("and {more} more\n\n"),
    }
}

/// `error[plan::unknown-key] plans/a.yaml:3:5`
fn header(word: &str, finding: &Finding, sources: &SourceSet) -> String {
    let at = finding.place().map(|place| sources.locate(place)).unwrap_or_default();
    format!("{word}[{}] {}", finding.code, sanitise_line(&at)).trim_end().to_owned()
}

/// One finding with its lines; labels in other files follow, each file with a frame of its own.
#[must_use]
pub fn one(finding: &Finding, sources: &SourceSet, style: &Style) -> String {
    headed(word(finding.severity), finding, sources, style)
}

/// Like [`one`], with another word before the code.
pub(crate) fn headed(word: &str, finding: &Finding, sources: &SourceSet, style: &Style) -> String {
    let weight = match finding.severity {
        Severity::Error => Weight::Error,
        Severity::Warning => Weight::Warning,
    };
    let home = finding.place().map(|place| place.source);
    let main = Drawing {
        weight,
        code: Some(header(word, finding, sources)),
        message: match home.and_then(|home| sources.get(home)) {
            // There is no line to show: the file is named all the same.
            Some(file) if file.text.is_empty() && !finding.message.contains(&file.path) => {
                format!("{}: {}", sanitise(&file.path), sanitise(&finding.message))
            }
            Some(_) | None => sanitise(&finding.message).into_owned(),
        },
        frame: home.and_then(|home| frame(&finding.labels, home, sources, style)),
        located: true,
        help: finding.help.iter().map(|help| sanitise(help).into_owned()).collect(),
    };
    let mut out = main.render(style);
    let others: BTreeSet<SourceId> = finding
        .labels
        .iter()
        .map(|label| label.place.source)
        .filter(|source| Some(*source) != home)
        .collect();
    for other in others {
        out.push_str(&beside(&finding.labels, other, sources, style));
    }
    out
}

/// The labels that lie in one further file.
pub(crate) fn beside(
    labels: &[Label],
    source: SourceId,
    sources: &SourceSet,
    style: &Style,
) -> String {
    let path = sources.get(source).map(|text| text.path.as_str()).unwrap_or_default();
    Drawing {
        weight: Weight::Beside,
        code: None,
        message: format!("in {}", sanitise(path)),
        frame: frame(labels, source, sources, style),
        located: true,
        help: Vec::new(),
    }
    .render(style)
}

/// The lines of one file with those labels that lie in it; none where the text is not here.
pub(crate) fn frame(
    labels: &[Label],
    source: SourceId,
    sources: &SourceSet,
    style: &Style,
) -> Option<Frame> {
    let text = sources.get(source)?;
    let marks: Vec<Mark> = labels
        .iter()
        .filter(|label| label.place.source == source)
        .map(|label| Mark { span: label.place.span, text: label.text.clone() })
        .collect();
    (!marks.is_empty() && !text.text.is_empty())
        .then(|| Frame::new(&text.path, text, &marks, PLAN, style))
}

/// The word for a severity.
pub(crate) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `3 errors`, `1 error`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// `error: 3 errors, 1 warning in 2 files · no request was sent`
pub(crate) fn closing(findings: &[Finding], style: &Style) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    if findings.is_empty() {
        return String::new();
    }
    let files: BTreeSet<SourceId> =
        findings.iter().filter_map(|finding| finding.place().map(|place| place.source)).collect();
    let mut counts = Vec::new();
    if errors > 0 {
        counts.push(count(errors, "error", "errors"));
    }
    if warnings > 0 {
        counts.push(count(warnings, "warning", "warnings"));
    }
    let mut said = counts.join(", ");
    if !files.is_empty() {
        said = format!("{said} in {}", count(files.len(), "file", "files"));
    }
    if errors > 0 {
        let tail = "no request was sent".to_owned();
        format!("{} {}\n", style.paint(Paint::Bad, "error:"), style.dotted([said, tail]))
    } else {
        format!("{} {said}\n", style.paint(Paint::Warn, "warning:"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Code;
    use crate::source::{Place, Span};

    const PLAN_TEXT: &str = "plan: Health\nsteps:\n  - name: Is it there?\n    GET: /health\n    \
                             expct:\n      status: 200\n      $.a: {greater_than: 0}\n";

    fn place(sources: &SourceSet, id: SourceId, needle: &str) -> Place {
        let text = sources.get(id).map(|text| text.text.to_string()).unwrap_or_default();
        let start = text.find(needle).unwrap_or_default();
        Place { source: id, span: Span::new(start, start + needle.len()) }
    }

    fn two() -> (SourceSet, Vec<Finding>) {
        let mut sources = SourceSet::default();
        let plan = sources.add("plans/health.yaml", PLAN_TEXT);
        let env = sources.add(
            "plans/environments/demo.yaml",
            "environment: demo\nvars:\n  registry_url: http://127.0.0.1:9\n",
        );
        let unknown = Finding::error(Code::UnknownKey, "unknown key `expct`")
            .at(place(&sources, plan, "expct"), "not a key of a step")
            .help("did you mean `expect`?");
        let operator = Finding::error(Code::UnknownOperator, "unknown operator `greater_than`")
            .at(place(&sources, plan, "greater_than"), "did you mean `gt`?")
            .help("operators for numbers: `gt`, `gte`, `lt`, `lte`, `close_to`")
            .help("to compare with an object write `{equals: {…}}` or `{partial: {…}}`");
        let missing =
            Finding::warning(Code::MissingVariable, "`env.auth_url` is not defined in `demo`")
                .at(place(&sources, plan, "GET"), "used here")
                .at(place(&sources, env, "vars"), "defined here would do");
        (sources, vec![operator, unknown, missing])
    }

    #[test]
    fn findings_come_in_file_order_with_one_closing_line() {
        let (sources, findings) = two();
        insta::assert_snapshot!(render(&findings, &sources, &Style::default()));
    }

    #[test]
    fn without_box_characters_it_reads_the_same() {
        let (sources, findings) = two();
        let ascii = Style { unicode: false, ..Style::default() };
        let text = render(findings.get(1..2).unwrap_or_default(), &sources, &ascii);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_finding_is_found_by_its_place_in_one_line_and_a_thousand_stay_readable() {
        let (sources, findings) = two();
        let text = render(&findings, &sources, &Style::default());
        let place = "error[plan::unknown-key] plans/health.yaml:5:5\n";
        assert!(text.contains(place), "{text}");
        let Some(known) = findings.get(1) else { return };
        let many: Vec<Finding> = (0..1000).map(|_| known.clone()).collect();
        let text = render(&many, &sources, &Style::default());
        assert_eq!(text.matches(place).count(), 100);
        let short = "error[plan::unknown-key] plans/health.yaml:5:5: unknown key `expct`\n";
        assert_eq!(text.matches(short).count(), 300);
        assert!(text.contains("\n\nand 600 more\n\nerror: 1000 errors in 1 file"), "{text}");
        assert!(text.len() < 80_000, "{}", text.len());
        let text = render(many.get(..101).unwrap_or_default(), &sources, &Style::default());
        assert!(text.contains("`expct`\n\nerror: 101 errors"), "{text}");
    }

    #[test]
    fn a_warning_alone_does_not_claim_that_nothing_was_sent() {
        let (sources, findings) = two();
        let text = render(findings.get(2..).unwrap_or_default(), &sources, &Style::default());
        assert!(text.ends_with("warning: 1 warning in 1 file\n"), "{text}");
        assert_eq!(render(&[], &sources, &Style::default()), "");
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark_and_keeps_its_column() {
        let mut sources = SourceSet::default();
        let text = format!("a: {}BAD{}\n", "x".repeat(5000), "y".repeat(5000));
        let id = sources.add("long.yaml", text);
        let finding = Finding::error(Code::BadValue, "not allowed").at(
            place(&sources, id, "BAD"),
            "one of `a`, `b`, `c` or something that is long to say",
        );
        let text = render(&[finding], &sources, &Style::default());
        assert!(text.contains("[long.yaml:1:5004]"), "{text}");
        assert!(text.contains("…xxx") && text.contains("BAD") && text.contains("yyy…"), "{text}");
        assert!(text.lines().all(|line| super::super::style::width(line) <= 80), "{text}");
    }

    #[test]
    fn control_characters_of_a_plan_are_shown_not_sent() {
        let mut sources = SourceSet::default();
        let id = sources.add("a\u{1b}[2J.yaml", "x: \u{1b}]0;owned\u{7}\u{202e}BAD\n");
        let finding = Finding::error(Code::BadValue, "bad \u{1b}[31m")
            .at(place(&sources, id, "BAD"), "here\u{9b}31m")
            .help("try\u{7}");
        let text = render(&[finding], &sources, &Style::default());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(text.contains("\\u{1b}]0;owned\\u{7}\\u{202e}BAD"), "{text}");
    }

    #[test]
    fn colours_come_from_us_alone() {
        let (sources, findings) = two();
        let colourful = Style { color: true, ..Style::default() };
        let text = render(&findings, &sources, &colourful);
        assert!(text.contains("\u{1b}["));
        let bare = render(&findings, &sources, &Style::default());
        assert!(!bare.contains('\u{1b}'));
    }
}
