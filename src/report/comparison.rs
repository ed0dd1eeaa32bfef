//! A comparison as a table on the terminal, as Markdown, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document::word;
use super::finding::count;
use super::markdown::text;
use super::style::{Paint, Style, width, wrap};
use super::terminal::in_short;
use crate::compare::{
    Across, Change, ChangeKind, Comparison, Ended, Measure, Metric, Side, TimeChange, TimeVerdict,
};
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// So many steps of one kind are listed.
const LISTED: usize = 20;
/// So many times that cannot be judged are listed.
const TIMES: usize = 5;

/// The kinds in their order.
const KINDS: [ChangeKind; 7] = [
    ChangeKind::Worse,
    ChangeKind::AddedWorse,
    ChangeKind::Better,
    ChangeKind::Otherwise,
    ChangeKind::Answered,
    ChangeKind::Added,
    ChangeKind::Removed,
];

/// What stands above the changes of a kind.
fn title(kind: ChangeKind, comparison: &Comparison) -> String {
    let (before, after) = (&comparison.before.name, &comparison.after.name);
    match (kind, comparison.across.is_some()) {
        (ChangeKind::Worse, false) => "Worse".to_owned(),
        (ChangeKind::Worse, true) => format!("Only on {before} as expected"),
        (ChangeKind::AddedWorse, false) => "New, and went wrong".to_owned(),
        (ChangeKind::AddedWorse, true) => format!("Only on {after}, and went wrong"),
        (ChangeKind::Better, false) => "Better".to_owned(),
        (ChangeKind::Better, true) => format!("Only on {after} as expected"),
        (ChangeKind::Otherwise, _) => "Otherwise".to_owned(),
        (ChangeKind::Answered, _) => "Answered with another status".to_owned(),
        (ChangeKind::Added, false) => "Added".to_owned(),
        (ChangeKind::Added, true) => format!("Only on {after}"),
        (ChangeKind::Removed, false) => "Removed".to_owned(),
        (ChangeKind::Removed, true) => format!("Only on {before}"),
    }
}

/// The table for a terminal.
#[must_use]
pub fn terminal(comparison: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    let names = width(&comparison.before.name).max(width(&comparison.after.name)).max(8);
    for side in [&comparison.before, &comparison.after] {
        let about = style.dotted(about(side));
        let name = sanitise_line(&side.name);
        let _ = writeln!(out, "{name:names$}  {about}");
    }
    let rows: Vec<[String; 4]> = comparison.metrics.iter().filter_map(row).collect();
    let head = ["metric", &comparison.before.name, &comparison.after.name, "change"];
    out.push('\n');
    table(&mut out, &head, &rows, style);
    for kind in KINDS {
        let changes: Vec<&Change> = comparison.of_kind(kind).collect();
        if changes.is_empty() {
            continue;
        }
        let title = sanitise_line(&title(kind, comparison)).into_owned();
        let heading = format!("{title} ({})", changes.len());
        let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, &heading));
        for change in changes.iter().take(LISTED) {
            out.push_str(&change_lines(change, style));
        }
        if changes.len() > LISTED {
            let _ = writeln!(out, "  and {} more", changes.len() - LISTED);
        }
    }
    for line in answers(comparison, style) {
        let _ = writeln!(out, "{line}");
    }
    times(&mut out, comparison, style);
    let _ = writeln!(out, "\n{}", verdict(comparison));
    out
}

/// What is told of a run beside its name.
fn about(side: &Side) -> Vec<String> {
    let started = side.started_at.split('.').next().unwrap_or_default();
    vec![
        sanitise_line(&side.run).into_owned(),
        // Where a side is called like its environment, that is said.
        side.environment
            .as_deref()
            .filter(|name| *name != side.name)
            .map(sanitise_line)
            .unwrap_or_default()
            .into_owned(),
        sanitise_line(started.trim_end_matches('Z')).replace('T', " "),
        if side.complete { String::new() } else { "incomplete".to_owned() },
    ]
}

/// A metric as a row; nothing where both are nothing.
fn row(metric: &Metric) -> Option<[String; 4]> {
    let (before, after, change) = match (metric.before, metric.after) {
        (Measure::Count(0), Measure::Count(0)) => return None,
        (Measure::Count(before), Measure::Count(after)) => {
            let change = match after.cmp(&before) {
                std::cmp::Ordering::Less => format!("-{}", before - after),
                std::cmp::Ordering::Equal => String::new(),
                std::cmp::Ordering::Greater => format!("+{}", after - before),
            };
            (before.to_string(), after.to_string(), change)
        }
        (Measure::Time(before), Measure::Time(after)) => {
            let shown = |time: Option<std::time::Duration>| {
                time.map_or_else(|| "no end".to_owned(), show_duration)
            };
            let change = before.zip(after).filter(|(before, _)| !before.is_zero());
            let change = change.map(|(before, after)| after.as_secs_f64() / before.as_secs_f64());
            (shown(before), shown(after), change.map(share).unwrap_or_default())
        }
        (before, after) => (measured(before), measured(after), String::new()),
    };
    let note = match metric.improved() {
        Some(true) => "better",
        Some(false) => "worse",
        None => "",
    };
    let change = [change.as_str(), note].join(" ").trim().to_owned();
    Some([metric.name.to_owned(), before, after, change])
}

fn measured(measure: Measure) -> String {
    match measure {
        Measure::Count(count) => count.to_string(),
        Measure::Time(time) => time.map(show_duration).unwrap_or_default(),
        Measure::Code(code) => code.to_string(),
    }
}

/// A ratio as the share by which it differs from 1: `+12 %`.
fn share(ratio: f64) -> String {
    let percent = ((ratio - 1.0) * 100.0).round();
    if percent.abs() < 1.0 {
        return "±0 %".to_owned();
    }
    if ratio >= 10.0 {
        return format!("×{ratio:.0}");
    }
    format!("{percent:+.0} %")
}

/// Columns, the first to the left, the two in the middle to the right.
fn table(out: &mut String, head: &[&str; 4], rows: &[[String; 4]], style: &Style) {
    let widest = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
        cells.chain(head.get(at).map(|cell| width(cell))).max().unwrap_or(0)
    };
    let [first, second, third] = [widest(0), widest(1), widest(2)];
    let line = |[name, before, after, change]: [&str; 4]| {
        let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
        let text = format!(
            "{name}{}   {}{before}   {}{after}   {change}",
            pad(name, first),
            pad(before, second),
            pad(after, third)
        );
        text.trim_end().to_owned()
    };
    let _ = writeln!(out, "{}", style.paint(Paint::Dim, &line(*head)));
    for [name, before, after, change] in rows {
        let _ = writeln!(out, "{}", line([name, before, after, change]));
    }
}

/// A step with what it was and is, where it is written, and what is wrong now.
fn change_lines(change: &Change, style: &Style) -> String {
    let symbols = style.symbols();
    let (symbol, paint) = match change.kind {
        ChangeKind::Worse | ChangeKind::AddedWorse => (symbols.fail, Paint::Bad),
        ChangeKind::Better => (symbols.pass, Paint::Good),
        ChangeKind::Otherwise | ChangeKind::Answered => (symbols.block, Paint::Warn),
        ChangeKind::Added => ("+", Paint::Dim),
        ChangeKind::Removed => ("-", Paint::Dim),
    };
    let was = ways(change, symbols.arrow);
    let room = style.columns().saturating_sub(6 + width(&was));
    let name = short_name((&change.plan, &change.step), room, style);
    let pad = " ".repeat(room.saturating_sub(width(&name)));
    let mut out = format!("  {} {name}{pad}  {was}\n", style.paint(paint, symbol));
    let Some(ended) = change.after.as_ref().or(change.before.as_ref()) else { return out };
    let room = style.columns().saturating_sub(4);
    let at = style.cut(&sanitise_line(&ended.at), room);
    let _ = writeln!(out, "    {}", style.paint(Paint::Dim, &at));
    for line in reasons(change, style) {
        let _ = writeln!(out, "    {}", style.paint(paint, &style.cut(&line, room)));
    }
    out
}

fn full_name(change: &Change) -> String {
    format!("{} · {}", change.plan, change.step)
}

/// The least that is left of the name of a plan, in columns.
const LEAST: usize = 12;

/// A step with its plan in one line: what has to go goes from the plan's name first, then from the step's,
/// and its case stays.
fn short_name((plan, step): (&str, &str), room: usize, style: &Style) -> String {
    let (plan, step) = (sanitise_line(plan), sanitise_line(step));
    let left = room.saturating_sub(width(&step) + 3).max(LEAST);
    let plan = style.cut(&plan, left);
    let (own, case) = step.split_at(step.rfind(" [").unwrap_or(step.len()));
    let left = room.saturating_sub(width(&plan) + 3 + width(case));
    let name = format!("{plan} · {}{case}", style.cut(own, left.max(LEAST)));
    style.cut(&name, room)
}

/// `passed → failed`
fn ways(change: &Change, arrow: &str) -> String {
    let said = |ended: &Ended| match (change.kind, ended.status()) {
        (ChangeKind::Answered, Some(status)) => status.to_string(),
        (ChangeKind::Answered, None) => "no answer".to_owned(),
        (_, _) => word(ended.verdict).to_owned(),
    };
    let both = [change.before.as_ref().map(said), change.after.as_ref().map(said)];
    both.into_iter().flatten().collect::<Vec<_>>().join(&format!(" {arrow} "))
}

/// What is wrong with a step now, or was before it became better.
fn reasons(change: &Change, style: &Style) -> Vec<String> {
    let (ended, prefix) = match change.kind {
        ChangeKind::Worse | ChangeKind::AddedWorse | ChangeKind::Otherwise => (&change.after, ""),
        ChangeKind::Better => (&change.before, "was: "),
        ChangeKind::Answered | ChangeKind::Added | ChangeKind::Removed => return Vec::new(),
    };
    let result = ended.as_ref().and_then(|ended| ended.result.as_deref());
    let lines = result.map(|result| in_short(result, style)).unwrap_or_default();
    lines.into_iter().map(|line| format!("{prefix}{line}")).collect()
}

/// Times that can be judged, and the largest changes of those that cannot.
fn times(out: &mut String, comparison: &Comparison, style: &Style) {
    let shown = shown_times(comparison);
    if shown.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, "Times"));
    let rows: Vec<[String; 4]> = shown.iter().map(|time| time_row(time, style)).collect();
    let head = ["step", &comparison.before.name, &comparison.after.name, "change"];
    table(out, &head, &rows, style);
    if shown.iter().any(|time| time.verdict == TimeVerdict::TooFew) {
        out.push_str("These are too few samples to judge by; `repeat` takes more.\n");
    }
}

fn shown_times(comparison: &Comparison) -> Vec<&TimeChange> {
    let judged = comparison.times.iter().filter(|time| time.verdict != TimeVerdict::TooFew);
    let few = comparison.times.iter().filter(|time| time.verdict == TimeVerdict::TooFew);
    judged.chain(few.take(TIMES)).collect()
}

fn time_row(time: &TimeChange, style: &Style) -> [String; 4] {
    let many = |(n, median): (usize, std::time::Duration)| {
        let n = if n > 1 { format!(" ({n})") } else { String::new() };
        format!("{}{n}", show_duration(median))
    };
    let (before, after) = (many(time.before), many(time.after));
    let change = time_change(time);
    let beside = 9 + width(&before) + width(&after) + width(&change);
    let room = style.columns().saturating_sub(beside).max(12);
    let name = style.cut(&sanitise_line(&time.step), room);
    [name, before, after, change]
}

/// `+32 % slower`, with the interval of the change.
fn time_change(time: &TimeChange) -> String {
    let interval = time.interval.map(|(low, high)| format!(" [{}, {}]", share(low), share(high)));
    let word = match time.verdict {
        TimeVerdict::Slower => " slower",
        TimeVerdict::Faster => " faster",
        TimeVerdict::Alike => " not shown",
        TimeVerdict::TooFew => "",
    };
    format!("{}{}{word}", share(time.ratio), interval.unwrap_or_default())
}

/// What was answered otherwise, as lines: each step with the paths that differ.
fn answers(comparison: &Comparison, style: &Style) -> Vec<String> {
    let Some(across) = &comparison.across else { return Vec::new() };
    let mut lines = Vec::new();
    if !across.steps.is_empty() {
        let heading = format!("Answered otherwise ({})", across.steps.len());
        lines.extend([String::new(), style.paint(Paint::Bold, &heading)]);
    }
    let room = style.columns().saturating_sub(4);
    let (before, after) = (&comparison.before.name, &comparison.after.name);
    for answered in across.steps.iter().take(LISTED) {
        let name = short_name((&answered.plan, &answered.step), room, style);
        let symbol = style.paint(Paint::Bad, style.symbols().fail);
        lines.push(format!("  {symbol} {name}"));
        lines.push(format!(
            "    {}",
            style.paint(Paint::Dim, &style.cut(&sanitise_line(&answered.at), room))
        ));
        for difference in answered.differences.iter().take(LISTED) {
            let places = match difference.places {
                0 | 1 => String::new(),
                places => format!(" (in {places} places, the first:)"),
            };
            let what = format!("{}{places}", sanitise_line(&difference.what));
            lines.push(format!("    {}", style.cut(&what, room)));
            for (name, value) in [(before, &difference.before), (after, &difference.after)] {
                let name = sanitise_line(name);
                let value = sanitise_line(&shown(value.as_ref())).into_owned();
                lines.push(format!("      {}", style.cut(&format!("{name}: {value}"), room - 2)));
            }
        }
        if answered.differences.len() > LISTED {
            lines.push(format!("    and {} more", answered.differences.len() - LISTED));
        }
    }
    if across.steps.len() > LISTED {
        lines.push(format!("  and {} more", across.steps.len() - LISTED));
    }
    let mut passed_over = Vec::new();
    if across.noise > 0 {
        let places = count(across.noise, "place differs", "places differ");
        passed_over.push(format!("{places} on {} by itself", sanitise_line(before)));
    }
    if across.ignored > 0 {
        let places = count(across.ignored, "place was", "places were");
        passed_over.push(format!("{places} passed over by a rule"));
    }
    if !passed_over.is_empty() {
        lines.extend([String::new(), format!("Not counted: {}", passed_over.join(", "))]);
    }
    if let Some(masked) = masked(across) {
        let masked = wrap(&sanitise_line(&masked), style.columns());
        lines.push(String::new());
        lines.extend(masked);
    }
    lines
}

/// A value in a few words.
fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "not there".to_owned(), |value| crate::json::show(value, 200))
}

/// The last line: what is worse, better, the same.
fn verdict(comparison: &Comparison) -> String {
    if let Some(across) = &comparison.across {
        let verdicts = comparison.changes.len();
        let answers = across.steps.len();
        return if comparison.is_different() {
            format!(
                "different: {} ended otherwise, {answers} answered otherwise, {} ended alike",
                count(verdicts, "step", "steps"),
                comparison.alike
            )
        } else {
            format!("alike: {}", count(comparison.alike, "step", "steps"))
        };
    }
    let steps = |n: usize| count(n, "step", "steps");
    let worse = comparison.worse();
    let better = comparison.of_kind(ChangeKind::Better).count();
    let other = comparison.changes.len() - worse - better;
    let mut parts = Vec::new();
    if worse > 0 {
        parts.push(format!("{} worse", steps(worse)));
    }
    if better > 0 {
        parts.push(format!("{} better", steps(better)));
    }
    if other > 0 {
        parts.push(format!("{} otherwise", steps(other)));
    }
    parts.push(format!("{} alike", steps(comparison.alike)));
    match comparison.slower() {
        0 => {}
        slower => parts.push(format!("{} slower", steps(slower))),
    }
    let head = if worse > 0 { "worse" } else { "not worse" };
    format!("{head}: {}", parts.join(", "))
}

/// The comparison for a comment or a wiki. Begins with a heading of the second level.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let style = Style { width: 200, ..Style::default() };
    let (before, after) = (text(&comparison.before.name), text(&comparison.after.name));
    let mut out = String::new();
    let _ = writeln!(out, "## Comparison: {}\n", text(&verdict(comparison)));
    for side in [&comparison.before, &comparison.after] {
        let about: Vec<String> =
            about(side).iter().filter(|it| !it.is_empty()).map(|it| text(it)).collect();
        let _ = writeln!(out, "- {}: {}", text(&side.name), about.join(" · "));
    }
    let _ = writeln!(out, "\n| metric | {before} | {after} | change |\n|---|--:|--:|---|");
    for row in comparison.metrics.iter().filter_map(row) {
        let _ = writeln!(out, "| {} |", row.map(|cell| text(&cell)).join(" | "));
    }
    for kind in KINDS {
        let changes: Vec<&Change> = comparison.of_kind(kind).collect();
        if changes.is_empty() {
            continue;
        }
        let title = text(&title(kind, comparison));
        let _ = writeln!(out, "\n### {title} ({})\n", changes.len());
        for change in changes.iter().take(LISTED) {
            let ended = change.after.as_ref().or(change.before.as_ref());
            let at = ended.map(|ended| format!(" ({})", text(&ended.at))).unwrap_or_default();
            let said: Vec<String> = reasons(change, &style).iter().map(|it| text(it)).collect();
            let said =
                if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
            let _ = writeln!(
                out,
                "- {}, {}{at}{said}",
                text(&full_name(change)),
                text(&ways(change, "→"))
            );
        }
        if changes.len() > LISTED {
            let _ = writeln!(out, "- and {} more", changes.len() - LISTED);
        }
    }
    answers_in_markdown(comparison, &mut out);
    let times = shown_times(comparison);
    if !times.is_empty() {
        let _ = writeln!(
            out,
            "\n### Times\n\n| step | {before} | {after} | change |\n|---|--:|--:|---|"
        );
        for time in times {
            let _ =
                writeln!(out, "| {} |", time_row(time, &style).map(|cell| text(&cell)).join(" | "));
        }
    }
    out
}

/// What cannot be compared: both sides are masked.
fn masked(across: &Across) -> Option<String> {
    let named: Vec<String> =
        across.masked.iter().take(LISTED).map(|what| format!("`{what}`")).collect();
    let more = across.masked.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let told = || {
        format!(
            "Not compared: {}{more}; masked on both sides, so nobody knows whether it is the same",
            named.join(", ")
        )
    };
    (!named.is_empty()).then(told)
}

/// What was answered otherwise, as a table for each step.
fn answers_in_markdown(comparison: &Comparison, out: &mut String) {
    let Some(across) = &comparison.across else { return };
    if !across.steps.is_empty() {
        let _ = writeln!(out, "\n### Answered otherwise ({})", across.steps.len());
    }
    let (before, after) = (text(&comparison.before.name), text(&comparison.after.name));
    for answered in across.steps.iter().take(LISTED) {
        let name = format!("{} · {}", answered.plan, answered.step);
        let _ = writeln!(out, "\n{} ({})\n", text(&name), text(&answered.at));
        let _ = writeln!(out, "| what | places | {before} | {after} |\n|---|--:|---|---|");
        for difference in answered.differences.iter().take(LISTED) {
            let [one, other] =
                [&difference.before, &difference.after].map(|value| text(&shown(value.as_ref())));
            let what = text(&difference.what);
            let _ = writeln!(out, "| {what} | {} | {one} | {other} |", difference.places);
        }
    }
    let (noise, ignored) = (across.noise, across.ignored);
    let _ = writeln!(out, "\nNot counted: {noise} differ by themselves, {ignored} by a rule.");
    if let Some(masked) = masked(across) {
        let _ = writeln!(out, "\n{}.", text(&masked));
    }
}

/// The comparison for programs. Ends with a line break.
#[must_use]
pub fn json(comparison: &Comparison) -> String {
    let side = |side: &Side| {
        json!({
            "name": side.name,
            "run": side.run,
            "environment": side.environment,
            "started_at": side.started_at,
            "complete": side.complete,
        })
    };
    let measure = |measure: Measure| match measure {
        Measure::Count(count) => json!(count),
        Measure::Time(time) => json!(time.map(nanos)),
        Measure::Code(code) => json!(code),
    };
    let style = Style { width: 200, ..Style::default() };
    let value = json!({
        "planrun_comparison": 1,
        "before": side(&comparison.before),
        "after": side(&comparison.after),
        "worse": comparison.worse(),
        "slower": comparison.slower(),
        "alike": comparison.alike,
        "metrics": comparison.metrics.iter().map(|metric| json!({
            "name": metric.name,
            "before": measure(metric.before),
            "after": measure(metric.after),
            "improved": metric.improved(),
        })).collect::<Vec<_>>(),
        "changes": comparison.changes.iter().map(|change| json!({
            "kind": kind(change.kind),
            "plan": change.plan,
            "step": change.step,
            "before": change.before.as_ref().map(ended),
            "after": change.after.as_ref().map(ended),
            "why": reasons(change, &style),
        })).collect::<Vec<_>>(),
        "different": comparison.is_different(),
        "answers": comparison.across.as_ref().map(|across| json!({
            "noise": across.noise,
            "ignored": across.ignored,
            "masked": across.masked,
            "steps": across.steps.iter().map(|answered| json!({
                "plan": answered.plan,
                "step": answered.step,
                "at": answered.at,
                "differences": answered.differences.iter().map(|one| json!({
                    "what": one.what,
                    "places": one.places,
                    "before": one.before,
                    "after": one.after,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })),
        "times": comparison.times.iter().map(time).collect::<Vec<_>>(),
    });
    // A value made of strings and numbers always serialises.
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Worse => "worse",
        ChangeKind::AddedWorse => "added-worse",
        ChangeKind::Better => "better",
        ChangeKind::Otherwise => "otherwise",
        ChangeKind::Answered => "answered",
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
    }
}

fn ended(ended: &Ended) -> Value {
    json!({"verdict": word(ended.verdict), "status": ended.status(), "at": ended.at})
}

fn time(time: &TimeChange) -> Value {
    let many = |(n, median): (usize, std::time::Duration)| json!({"samples": n, "median_ns": nanos(median)});
    json!({
        "plan": time.plan,
        "step": time.step,
        "before": many(time.before),
        "after": many(time.after),
        "ratio": time.ratio,
        "interval": time.interval.map(|(low, high)| [low, high]),
        "verdict": match time.verdict {
            TimeVerdict::Slower => "slower",
            TimeVerdict::Faster => "faster",
            TimeVerdict::Alike => "not-shown",
            TimeVerdict::TooFew => "too-few-samples",
        },
    })
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
