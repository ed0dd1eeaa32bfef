//! `planrun coverage --format markdown`: for whoever has to show what was tested.

use std::fmt::Write as _;

use super::super::markdown::text;
use super::{Told, Traced};
use crate::requirement::{Item, Standing};

/// The document.
#[must_use]
pub fn render(traced: &Traced<'_>) -> String {
    let mut out = String::new();
    let good = traced.coverage.lacking().next().is_none();
    let mark = if good { "✓" } else { "✗" };
    let _ = writeln!(out, "# {mark} Evidence for {}\n", text(traced.path));
    let _ = writeln!(out, "{}\n", traced.counts().join(" · "));
    let by_hand = traced.by_hand();
    if by_hand > 0 {
        let _ = writeln!(
            out,
            "Only passed is evidence. The checklist says of {by_hand} why no plan shows them.\n"
        );
    }
    for (run, record) in traced.runs().iter().zip(traced.runs) {
        let started = record.started.as_ref();
        let begun = started.map(|run| format!(" · begun {}", run.started_at)).unwrap_or_default();
        let planrun = started.map(|run| format!(" · planrun {}", run.planrun)).unwrap_or_default();
        let _ = writeln!(out, "- run {}{}{}", text(run), text(&begun), text(&planrun));
    }
    for (group, items) in traced.groups() {
        let _ = writeln!(out, "\n## {}\n", text(group.unwrap_or("Requirements")));
        out.push_str("| id | item | | evidence |\n|---|---|---|---|\n");
        for item in items {
            row(item, &mut out);
        }
    }
    if !traced.coverage.unknown.is_empty() {
        out.push_str("\n## Covered, and no requirement\n\n");
        for (id, evidence) in &traced.coverage.unknown {
            let at: Vec<String> = evidence.iter().map(|one| text(&Told::of(one).at)).collect();
            let _ = writeln!(out, "- {}: {}", text(id), at.join(", "));
        }
    }
    out
}

fn row(item: &Item<'_>, out: &mut String) {
    let mark = match item.standing {
        Standing::Passed if item.is_flaky() => "✓ flaky",
        Standing::Passed => "✓ passed",
        Standing::Failed => "✗ **failed**",
        Standing::Skipped => "– skipped",
        Standing::Blocked => "○ blocked",
        Standing::NotEvidenced => "**not evidenced**",
    };
    let mut evidence: Vec<String> = item
        .evidence
        .iter()
        .map(|one| {
            let told = Told::of(one);
            let why = told.why.map(|why| format!(" ({})", text(&why))).unwrap_or_default();
            format!("{} {}{why}", text(&told.at), text(&told.title))
        })
        .collect();
    if evidence.is_empty() {
        let reason = item.requirement.no_plan.as_deref();
        evidence.push(text(reason.unwrap_or("nothing that ran covers it")));
    }
    let requirement = item.requirement;
    let (id, words) = (text(&requirement.id.value), text(&requirement.words));
    let _ = writeln!(out, "| {id} | {words} | {mark} | {} |", evidence.join("<br>"));
}
