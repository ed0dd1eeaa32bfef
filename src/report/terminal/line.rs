//! One step in the live list: a symbol, its name, its status and its time.

use std::fmt::Write as _;

use crate::diagnose;
use crate::event::{Section, StepRef};
use crate::finding::Severity;
use crate::json;
use crate::outcome::{Attempt, Body, Content, Exchange, Part, PartContent, StepResult, Verdict};
use crate::report::phrase;
use crate::report::style::{Paint, Style, hang, width};
use crate::secret::{sanitise, sanitise_line};
use crate::units::{show_duration, show_size};

/// The list is not drawn wider than this, so that eyes find the end of the line.
const WIDEST: usize = 100;
/// Lines of a body under `-v`.
const BODY: usize = 24;
/// Rows of the terminal that one line of a header or body may take under `-v`.
const ROWS: usize = 12;

/// The line of a step that ended, with a second one that says what was wrong.
pub(super) fn step(step: &StepRef, result: &StepResult, style: &Style) -> String {
    let symbols = style.symbols();
    let title = step.title();
    let name = sanitise_line(title.strip_prefix(&step.name).map_or(&*title, |_| &step.name));
    let case = sanitise_line(title.get(step.name.len()..).unwrap_or_default());
    let (symbol, paint) = match result.verdict {
        // One way of several that did not pass decides nothing.
        Verdict::Failed | Verdict::Errored if step.tentative => (symbols.skip, Paint::Dim),
        Verdict::Passed if result.flaky => (symbols.pass, Paint::Warn),
        Verdict::Passed => (symbols.pass, Paint::Good),
        Verdict::Failed | Verdict::Errored => (symbols.fail, Paint::Bad),
        Verdict::Skipped => (symbols.skip, Paint::Dim),
        Verdict::Blocked | Verdict::Cancelled => (symbols.block, Paint::Warn),
    };
    let indent = indent(step);
    let head =
        Head { indent: &indent, symbol: &style.paint(paint, symbol), name: &name, case: &case };
    match result.verdict {
        Verdict::Skipped | Verdict::Blocked => did_not_run(&head, result, style),
        Verdict::Passed | Verdict::Failed | Verdict::Errored | Verdict::Cancelled => {
            let mut out = ran(&head, result, style);
            if let Some(samples) = &result.samples {
                let room = style.columns().saturating_sub(6 + indent.len());
                for said in style.flow(&phrase::samples(samples), room) {
                    let _ = writeln!(out, "{indent}      {}", style.paint(Paint::Dim, &said));
                }
            }
            for said in short(result, style) {
                let room = style.columns().saturating_sub(6 + indent.len());
                let said = style.cut(&said, room);
                let paint = match result.verdict {
                    Verdict::Passed => Paint::Warn,
                    Verdict::Failed | Verdict::Errored if step.tentative => Paint::Dim,
                    Verdict::Failed
                    | Verdict::Errored
                    | Verdict::Skipped
                    | Verdict::Blocked
                    | Verdict::Cancelled => Paint::Bad,
                };
                let _ = writeln!(out, "{indent}      {}", style.paint(paint, &said));
            }
            out
        }
    }
}

/// What stands before a step that others hold; deep nesting leaves room for words.
fn indent(step: &StepRef) -> String {
    "  ".repeat(usize::try_from(step.depth).unwrap_or(usize::MAX).min(6))
}

/// The beginning of a line.
struct Head<'a> {
    indent: &'a str,
    symbol: &'a str,
    name: &'a str,
    /// ` [case]`, which is kept where the name has to be cut.
    case: &'a str,
}

impl Head<'_> {
    fn title(&self, room: usize, style: &Style) -> String {
        let Self { name, case, .. } = self;
        let for_name = room.saturating_sub(width(case)).max(room / 3);
        style.cut(&format!("{}{case}", style.cut(name, for_name)), room)
    }
}

/// The line for further steps that did not run for the same reason as the one above.
pub(super) fn more(steps: usize, result: &StepResult, style: &Style) -> String {
    let symbol = style.paint(Paint::Warn, style.symbols().block);
    let name = format!("and {steps} more");
    did_not_run(&Head { indent: "", symbol: &symbol, name: &name, case: "" }, result, style)
}

/// The word above the first step of another part of the plan.
pub(super) fn section(section: Section, style: &Style) -> String {
    let word = match section {
        Section::Setup => "setup",
        Section::Steps => "steps",
        Section::Cleanup => "cleanup",
    };
    format!("  {}\n", style.paint(Paint::Dim, word))
}

/// What is wrong in one line each: the first failing facts of the last attempt.
pub(in crate::report) fn short(result: &StepResult, style: &Style) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let wanted = match result.verdict {
        Verdict::Passed => Severity::Warning,
        Verdict::Failed
        | Verdict::Errored
        | Verdict::Skipped
        | Verdict::Blocked
        | Verdict::Cancelled => Severity::Error,
    };
    if let Some(samples) = &result.samples {
        let failing = samples.assertions.iter().filter(|one| !one.passed);
        said.extend(failing.map(|one| phrase::in_short(one, style)));
        if said.is_empty() && result.verdict != Verdict::Passed {
            said.extend(result.message.as_ref().map(|text| sanitise_line(text).into_owned()));
        }
    }
    if let Some(attempt) = result.attempts.last() {
        said.extend(of_attempt(attempt, wanted, style));
    }
    if result.verdict != Verdict::Passed && said.is_empty() {
        said.extend(result.message.as_ref().map(|message| sanitise_line(message).into_owned()));
        if said.is_empty() {
            said.extend(result.reason.as_ref().map(phrase::reason));
        }
    }
    let more = said.len().saturating_sub(2);
    said.truncate(2);
    if more > 0
        && let Some(last) = said.last_mut()
    {
        let _ = write!(last, " (and {more} more)");
    }
    said
}

fn of_attempt(attempt: &Attempt, wanted: Severity, style: &Style) -> Vec<String> {
    let mut said = Vec::new();
    let exchange = attempt.exchange.as_deref();
    if wanted == Severity::Error
        && let Some(error) = exchange.and_then(|exchange| exchange.error.as_ref())
    {
        said.push(sanitise_line(&error.message).into_owned());
    }
    let instead = phrase::is_error_instead(attempt);
    for assertion in attempt.assertions.iter().filter(|a| !a.passed && a.severity == wanted) {
        let mut text = phrase::in_short(assertion, style);
        if assertion.subject == "status"
            && let Some(reason) = reason(attempt)
        {
            text = format!("{text}: {reason}");
        }
        // What a success would have held is not there when it is none.
        let consequence = assertion.actual.as_ref().is_some_and(phrase::is_lacking);
        if !(instead && consequence) {
            said.push(text);
        }
    }
    if wanted == Severity::Error && !instead {
        for capture in attempt.captures.iter().filter(|capture| capture.missing.is_some()) {
            said.push(format!("capture `{}` found nothing", sanitise_line(&capture.name)));
        }
    }
    for breach in attempt.breaches.iter().filter(|breach| breach.severity == wanted) {
        said.push(phrase::breach(breach).replace('\n', ": "));
    }
    for finding in attempt.findings.iter().filter(|finding| finding.severity == wanted) {
        said.push(sanitise_line(&finding.message).into_owned());
    }
    said
}

/// What an error body says, on one line.
fn reason(attempt: &Attempt) -> Option<String> {
    let response = attempt.exchange.as_deref()?.response.as_ref()?;
    let Content::Text(text) = &response.body.content else { return None };
    let text = match json::parse(text.as_bytes()) {
        Ok(value) => diagnose::reason(&value)?.1,
        Err(_) => diagnose::title(text)?,
    };
    Some(sanitise_line(&text).into_owned())
}

/// How many samples or attempts a step took, where it is more than one exchange.
pub(super) fn how_many(result: &StepResult) -> Option<String> {
    if let Some(samples) = &result.samples {
        let taken = samples.counts.total();
        return Some(format!("{taken} sample{}", if taken == 1 { "" } else { "s" }));
    }
    (result.tries > 1).then(|| format!("{} attempts", result.tries))
}

/// `  ✓ Create the registered model              2 attempts  200   83 ms`
fn ran(head: &Head<'_>, result: &StepResult, style: &Style) -> String {
    let Head { indent, symbol, .. } = head;
    let mut extra = how_many(result).unwrap_or_default();
    if result.flaky && result.samples.is_none() {
        extra = format!("flaky, {extra}");
    }
    // Of many samples no single status is the step's.
    let attempt = result.attempts.last().filter(|_| result.samples.is_none());
    let response = attempt.and_then(|a| a.exchange.as_deref()).and_then(|e| e.response.as_ref());
    let status = response.map(|response| response.status.to_string()).unwrap_or_default();
    let time = show_duration(result.duration);
    let tail = format!("  {extra:>}  {status:>3}  {time:>8}");
    let room = style.columns().min(WIDEST).saturating_sub(4 + indent.len() + width(&tail));
    let name = head.title(room, style);
    let pad = " ".repeat(room.saturating_sub(width(&name)));
    let status = match attempt {
        // Red only where the status itself is wrong.
        Some(attempt) if phrase::wrong_status(attempt) => style.paint(Paint::Bad, &status),
        Some(_) | None => status,
    };
    let gap = if response.is_some() { "" } else { "   " };
    format!(
        "{indent}  {symbol} {name}{pad}  {}  {gap}{status}  {}\n",
        style.paint(Paint::Warn, &extra),
        style.paint(Paint::Dim, &format!("{time:>8}"))
    )
}

/// `  – Delete the model                      skipped: nothing to clean up`
fn did_not_run(head: &Head<'_>, result: &StepResult, style: &Style) -> String {
    let Head { indent, symbol, .. } = head;
    let why = match (&result.reason, &result.message) {
        (Some(reason), _) => phrase::reason(reason),
        (None, Some(message)) => sanitise_line(message).into_owned(),
        (None, None) => String::new(),
    };
    let columns = style.columns().min(WIDEST).saturating_sub(4 + indent.len());
    let name = head.title(columns, style);
    let room = columns.saturating_sub(width(&name) + 2);
    if width(&why) <= room {
        let pad = " ".repeat(columns.saturating_sub(width(&name) + width(&why)));
        return format!("{indent}  {symbol} {name}{pad}{}\n", style.paint(Paint::Dim, &why));
    }
    let why = style.cut(&why, columns.saturating_sub(2));
    let why = style.paint(Paint::Dim, &why);
    format!("{indent}  {symbol} {name}\n{indent}      {why}\n")
}

/// Why a step was tried again: the last reason of a flaky pass, every one under `-v`.
pub(super) fn tried(whys: &[String], result: &StepResult, verbose: bool, style: &Style) -> String {
    let mut lines = Vec::new();
    if verbose {
        lines.extend(whys.iter().enumerate().map(|(n, why)| format!("attempt {}: {why}", n + 1)));
        let tries = usize::try_from(result.tries).unwrap_or(usize::MAX);
        let more = tries.saturating_sub(1).saturating_sub(whys.len());
        if more > 0 && !whys.is_empty() {
            lines.push(format!("and {more} more"));
        }
    }
    if result.flaky
        && let Some(why) = whys.last()
    {
        lines.push(format!("flaky: passed on attempt {}, after {why}", result.tries));
    }
    let mut out = String::new();
    for line in lines.iter().flat_map(|line| hang(line, style.columns().saturating_sub(6))) {
        let _ = writeln!(out, "      {}", style.paint(Paint::Warn, &line));
    }
    out
}

/// Requests and responses of the attempts that are kept, as `-v` shows them.
pub(super) fn traffic(result: &StepResult, style: &Style) -> String {
    let exchanges: Vec<_> = result
        .attempts
        .iter()
        .filter_map(|attempt| Some((attempt.number, attempt.exchange.as_deref()?)))
        .collect();
    let mut out = String::new();
    for (number, exchange) in &exchanges {
        if exchanges.len() > 1 {
            let title = format!("attempt {number}");
            let _ = writeln!(out, "      {}", style.paint(Paint::Dim, &title));
        }
        out.push_str(&one_exchange(exchange, style));
    }
    out
}

/// A request, and the response if one came.
pub(super) fn one_exchange(exchange: &Exchange, style: &Style) -> String {
    let request = &exchange.request;
    let mut out = String::new();
    let mut put = |mark: &str, line: &str| {
        let line = sanitise(line).replace('\t', "    ");
        let lines = hang(&line, style.columns() - 8);
        let more = lines.len().saturating_sub(ROWS);
        for line in lines.iter().take(ROWS) {
            let text = format!("      {} {line}", style.paint(Paint::Key, mark));
            out.push_str(text.trim_end());
            out.push('\n');
        }
        if more > 0 {
            let ellipsis = style.symbols().ellipsis;
            let _ = writeln!(
                out,
                "      {} {ellipsis} {more} more rows",
                style.paint(Paint::Key, mark)
            );
        }
    };
    let asked = sanitise_line(&format!("{} {}", request.method, request.url)).into_owned();
    put(">", &asked);
    for (name, value) in &request.headers {
        put(">", &sanitise_line(&format!("{name}: {value}")));
    }
    for line in body_lines(&request.body) {
        put(">", &line);
    }
    if let Some(response) = &exchange.response {
        let words = phrase::status(response.status);
        put("<", &format!("{} {words} (HTTP/{})", response.status, response.http));
        for (name, value) in &response.headers {
            put("<", &sanitise_line(&format!("{name}: {value}")));
        }
        for line in body_lines(&response.body) {
            put("<", &line);
        }
    }
    if let Some(saved) = exchange.response.as_ref().and_then(|response| response.saved.as_ref()) {
        put("<", &sanitise_line(&format!("(saved as {saved} in the folder of the run)")));
    }
    if exchange.phases.total.is_some() {
        put(" ", &style.dotted(phrase::phases(&exchange.phases, exchange.reused)));
    }
    out
}

/// A part of a multipart body in one line.
pub(in crate::report) fn part_line(part: &Part) -> String {
    let Part { name, content, filename, media_type } = part;
    match content {
        PartContent::Text(text) => {
            let line = text.lines().next().unwrap_or_default();
            let more = if text.lines().nth(1).is_some() { " …" } else { "" };
            format!("{name}: {line}{more}")
        }
        PartContent::File(path) => {
            let own = path.rsplit('/').next();
            let called = filename.as_deref().filter(|name| Some(*name) != own);
            let called = called.map(|name| format!(" as {name}")).unwrap_or_default();
            let media_type = media_type.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{name}: the file {path}{called}{media_type}")
        }
    }
}

/// A size in words, where it is known.
fn sized(size: u64) -> String {
    if size == 0 { String::new() } else { format!(", {}", show_size(size)) }
}

/// The first lines of a body, after an empty one.
fn body_lines(body: &Body) -> Vec<String> {
    let mut lines = vec![String::new()];
    match &body.content {
        Content::Empty => return Vec::new(),
        Content::Hex(hex) => lines.push(format!("{} of binary: {hex}", show_size(body.size))),
        Content::File(path) => {
            let size = sized(body.size);
            lines.push(sanitise_line(&format!("the file {path}{size}")).into_owned());
        }
        Content::Generated(seed) => {
            lines.push(format!("{} generated from seed {seed}", show_size(body.size)));
        }
        Content::Parts(parts) => {
            for part in parts.iter().take(BODY) {
                lines.push(sanitise_line(&part_line(part)).into_owned());
            }
            let more = parts.len().saturating_sub(BODY);
            if more > 0 {
                lines.push(format!("(and {more} more parts)"));
            }
            if let Some(size) = Some(body.size).filter(|size| *size > 0) {
                lines.push(format!("({} in all)", show_size(size)));
            }
        }
        Content::Text(text) => {
            let value = json::parse(text.as_bytes()).ok().filter(|_| !body.cut);
            let pretty = value.map(|value| json::pretty(&value).text);
            let text = pretty.as_deref().unwrap_or(text);
            lines.extend(text.lines().take(BODY).map(str::to_owned));
            let more = text.lines().count().saturating_sub(BODY);
            if more > 0 || body.cut {
                lines.push(format!("({} in all)", show_size(body.size)));
            }
        }
    }
    lines
}
