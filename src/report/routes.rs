//! The answers of two routes beside each other, as a table: what differs, and what it is by each.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::finding::count;
use super::style::{Paint, Style, width};
use crate::outcome::{Attempt, RouteDifference, RouteTaken, RoutesCompared};
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// So many rows are shown on a terminal.
const ROWS: usize = 20;
/// Columns of a path; longer ones are cut.
const WHAT: usize = 40;

/// What differs, in rows: the place, and what either route gave there.
pub(crate) fn rows(compared: &RoutesCompared) -> Vec<[String; 3]> {
    compared.differences.iter().map(row).collect()
}

fn row(difference: &RouteDifference) -> [String; 3] {
    let RouteDifference { what, places, first, other } = difference;
    let places = if *places > 1 { format!(" (in {places} places)") } else { String::new() };
    let [first, other] = [first, other].map(|value| shown(what, value.as_ref()));
    [format!("{}{places}", sanitise_line(what)), first, other]
}

/// A value as it is written in JSON; a word of ours and a body as it stands.
fn shown(what: &str, value: Option<&Value>) -> String {
    match value {
        None => "not there".to_owned(),
        Some(Value::String(word)) if matches!(word.as_str(), "holds" | "does not hold") => {
            word.clone()
        }
        Some(Value::String(body)) if what == RouteDifference::BODY => {
            if body.is_empty() {
                "empty".to_owned()
            } else {
                sanitise_line(body).into_owned()
            }
        }
        Some(value) => {
            let text = serde_json::to_string(value).unwrap_or_default();
            sanitise_line(&text).into_owned()
        }
    }
}

/// What stands under the table: what was not counted, and how long either took.
pub(crate) fn remarks(compared: &RoutesCompared) -> Vec<String> {
    let RoutesCompared { first, other, differences: _, more, noise, ignored, asked_again: _ } =
        compared;
    let mut remarks = Vec::new();
    if *more > 0 {
        remarks.push(format!("{} not shown", count(*more, "difference is", "differences are")));
    }
    if *noise > 0 {
        let places = count(*noise, "place differs", "places differ");
        let name = sanitise_line(&first.name);
        remarks.push(format!("{places} on `{name}` by itself, and is not counted"));
    }
    if *ignored > 0 {
        let places = count(*ignored, "place was", "places were");
        remarks.push(format!("{places} passed over by a rule"));
    }
    let time = |route: &RouteTaken| {
        let time = route.time?;
        Some(format!("{} {}", sanitise_line(&route.name), show_duration(time)))
    };
    if let (Some(first), Some(other)) = (time(first), time(other)) {
        remarks.push(format!("time: {first}, {other} (not judged)"));
    }
    remarks
}

/// The table for a terminal; empty where the answers are equal.
pub(crate) fn render(attempt: &Attempt, style: &Style) -> String {
    let Some(compared) = attempt.routes.as_deref() else { return String::new() };
    if compared.differences.is_empty() {
        return String::new();
    }
    let rows = rows(compared);
    let head = [
        "differs in".to_owned(),
        sanitise_line(&compared.first.name).into_owned(),
        sanitise_line(&compared.other.name).into_owned(),
    ];
    let widest = |at: usize| {
        let cells = rows.iter().take(ROWS).chain([&head]).filter_map(|row| row.get(at));
        cells.map(|cell| width(cell)).max().unwrap_or(0)
    };
    let what = widest(0).min(WHAT);
    let room = style.columns().saturating_sub(what + 8).max(20);
    // The narrower of the two values leaves its room to the other.
    let (one, two) = (widest(1), widest(2));
    let first =
        if one + two <= room { one } else { one.min((room / 2).max(room.saturating_sub(two))) };
    let other = room.saturating_sub(first);
    let line = |[place, one, two]: &[String; 3]| {
        let pad = |text: &str, to: usize| {
            let text = style.cut(text, to);
            let space = " ".repeat(to.saturating_sub(width(&text)));
            format!("{text}{space}")
        };
        let line =
            format!("  {}   {}   {}", pad(place, what), pad(one, first), style.cut(two, other));
        line.trim_end().to_owned()
    };
    let mut out = format!("{}\n", style.paint(Paint::Dim, &line(&head)));
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(out, "{}", line(row));
    }
    if rows.len() > ROWS {
        let _ = writeln!(out, "  and {} more", rows.len() - ROWS);
    }
    for remark in remarks(compared) {
        let _ = writeln!(out, "  {}", style.paint(Paint::Dim, &remark));
    }
    out
}

/// The table for a page.
pub(crate) fn value(attempt: &Attempt) -> Value {
    let Some(compared) = attempt.routes.as_deref() else { return Value::Null };
    if compared.differences.is_empty() {
        return Value::Null;
    }
    json!({
        "first": compared.first.name,
        "other": compared.other.name,
        "rows": rows(compared),
        "remarks": remarks(compared),
    })
}
