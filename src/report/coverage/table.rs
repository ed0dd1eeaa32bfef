//! `planrun coverage`: for people at a terminal, in its columns.

use std::fmt::Write as _;

use super::super::style::{Paint, Style, hang, width};
use super::{Told, Traced};
use crate::requirement::{Item, Standing};
use crate::secret::sanitise_line;

/// How many pieces of evidence are named of each requirement.
const NAMED: usize = 3;

/// The table.
#[must_use]
pub fn render(traced: &Traced<'_>, style: &Style) -> String {
    let mut out = String::new();
    let ids = traced.coverage.items.iter().map(|item| width(&item.requirement.id.value));
    let ids = ids.max().unwrap_or_default();
    for (group, items) in traced.groups() {
        if let Some(group) = group {
            out.push_str(&style.paint(Paint::Bold, &sanitise_line(group)));
            out.push('\n');
        }
        for item in items {
            row(item, ids, style, &mut out);
        }
        out.push('\n');
    }
    for (id, evidence) in &traced.coverage.unknown {
        let at: Vec<String> = evidence.iter().map(|one| Told::of(one).at).collect();
        let id = sanitise_line(id);
        let said = format!("`{id}` is no requirement, and covered by {}", at.join(", "));
        lines("warning: ", &said, Paint::Warn, style, &mut out);
    }
    let counts = style.flow(&traced.counts(), style.columns());
    let paint = match traced.coverage.count(Standing::Failed) {
        0 => Paint::Good,
        _ => Paint::Bad,
    };
    for line in counts {
        out.push_str(&style.paint(paint, &line));
        out.push('\n');
    }
    let by_hand = traced.by_hand();
    if by_hand > 0 {
        let said = format!("the checklist says of {by_hand} why no plan shows them");
        lines("", &said, Paint::Dim, style, &mut out);
    }
    for run in traced.runs() {
        lines("", &format!("{} · run {run}", traced.path), Paint::Dim, style, &mut out);
    }
    out
}

/// `  ✓ 1a  passed         a live API key is asked for`, and below it what says so.
fn row(item: &Item<'_>, ids: usize, style: &Style, out: &mut String) {
    let symbols = style.symbols();
    let (symbol, paint) = match item.standing {
        Standing::Passed if item.is_flaky() => (symbols.pass, Paint::Warn),
        Standing::Passed => (symbols.pass, Paint::Good),
        Standing::Failed => (symbols.fail, Paint::Bad),
        Standing::Skipped => (symbols.skip, Paint::Warn),
        Standing::Blocked => (symbols.block, Paint::Warn),
        Standing::NotEvidenced => (symbols.dot, Paint::Warn),
    };
    let id = sanitise_line(&item.requirement.id.value).into_owned();
    let id = format!("{id}{}", " ".repeat(ids.saturating_sub(width(&id))));
    let word = if item.is_flaky() { "flaky" } else { item.standing.as_str() };
    let before = 2 + 2 + ids + 2 + STANDING + 2;
    let words = sanitise_line(&item.requirement.words).into_owned();
    for (n, line) in hang(&words, style.columns().saturating_sub(before)).iter().enumerate() {
        if n == 0 {
            let mark = style.paint(paint, &format!("{symbol} {id}  {word:STANDING$}"));
            let _ = writeln!(out, "  {mark}  {line}");
        } else {
            let _ = writeln!(out, "{}{line}", " ".repeat(before));
        }
    }
    let indent = " ".repeat(6 + ids);
    let mut evidence: Vec<_> = item.evidence.iter().collect();
    // What decides comes first.
    evidence.sort_by_key(|one| std::cmp::Reverse(one.ended));
    for one in evidence.iter().take(NAMED) {
        let told = Told::of(one);
        let why = told.why.map(|why| format!(" ({why})")).unwrap_or_default();
        let said = format!("{} {} {}{why}", told.at, symbols.dot, told.title);
        lines(&indent, &said, Paint::Dim, style, out);
    }
    if evidence.len() > NAMED {
        let more = format!("{} and {} more", symbols.ellipsis, evidence.len() - NAMED);
        lines(&indent, &more, Paint::Dim, style, out);
    }
    if evidence.is_empty() {
        let why = match &item.requirement.no_plan {
            Some(reason) => sanitise_line(reason).into_owned(),
            None => "nothing that ran covers it".to_owned(),
        };
        lines(&indent, &why, Paint::Dim, style, out);
    }
}

/// Columns of the longest standing.
const STANDING: usize = 13;

fn lines(indent: &str, text: &str, paint: Paint, style: &Style, out: &mut String) {
    let room = style.columns().saturating_sub(width(indent));
    for (n, line) in hang(text, room).iter().enumerate() {
        let before = if n == 0 { indent.to_owned() } else { " ".repeat(width(indent)) };
        out.push_str(&before);
        out.push_str(&style.paint(paint, line));
        out.push('\n');
    }
}
