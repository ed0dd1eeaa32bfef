//! What came back, beside the step that asked: status, the headers that explain, and the body
//! pretty-printed with its marks.

use std::fmt::Write as _;

use serde_json::Value;

use super::drawing::{Drawing, Weight};
use super::frame::{Frame, Mark, Room};
use super::phrase;
use super::style::{Paint, Style, width};
use crate::diagnose;
use crate::json::{self, Pretty};
use crate::outcome::{Actual, Attempt, Content, Exchange, Response, Violation};
use crate::secret::{sanitise, sanitise_line};
use crate::source::{SourceId, SourceText, Span};
use crate::units::show_size;

/// Lines around a mark in a body; small bodies are shown whole.
const BODY: Room = Room { context: 2, whole: 16 };
/// How many places of a body are marked.
const MARKS: usize = 20;
/// Lines of a body that has no marks.
const HEAD: usize = 12;
/// Response headers that explain a failure.
const TELLING: [&str; 7] =
    ["server", "via", "www-authenticate", "location", "allow", "retry-after", "deprecation"];

/// The response of an attempt with marks where its assertions looked; empty where none came.
pub(crate) fn render(attempt: &Attempt, style: &Style) -> String {
    let Some(exchange) = attempt.exchange.as_deref() else { return String::new() };
    let Some(response) = &exchange.response else { return String::new() };
    let name = body_name(response, style);
    let (frame, plain) = match &response.body.content {
        // What was read or made while it was sent is never a response.
        Content::Empty | Content::File(_) | Content::Generated(_) | Content::Parts(_) => {
            (None, String::new())
        }
        Content::Hex(hex) => (None, hex_dump(&name, hex, style)),
        Content::Text(text) => match parsed(response, text) {
            Some(value) => {
                let pretty = json::pretty(&value);
                let marks = marks(attempt, response, &value, &pretty, style);
                if marks.is_empty() {
                    (None, head(&name, &pretty.text, style))
                } else {
                    let source = SourceText::new(SourceId(0), String::new(), pretty.text.into());
                    (Some(Frame::new(&name, &source, &marks, BODY, style)), String::new())
                }
            }
            None => (None, head(&name, text, style)),
        },
    };
    let mut out = Drawing {
        weight: Weight::Beside,
        code: None,
        message: answered(exchange, response, style),
        frame,
        located: false,
        help: Vec::new(),
    }
    .render(style);
    out.push_str(&plain);
    if response.body.content == Content::Empty {
        out.push_str(&style.fact("body", "empty"));
    }
    let telling: Vec<String> = response
        .headers
        .iter()
        .filter(|(header, _)| TELLING.contains(&header.to_ascii_lowercase().as_str()))
        .map(|(header, value)| format!("{}: {}", sanitise_line(header), sanitise_line(value)))
        .collect();
    out.push_str(&style.facts("header", &telling));
    out
}

/// `401 Unauthorized · POST http://…`, with the redirects that led there.
fn answered(exchange: &Exchange, response: &Response, style: &Style) -> String {
    let arrow = style.symbols().arrow;
    let request = &exchange.request;
    let words = format!("{} {}", response.status, phrase::status(response.status));
    let mut asked = format!("{} {}", sanitise_line(&request.method), sanitise_line(&request.url));
    for hop in &exchange.hops {
        let _ = write!(asked, " {arrow} {} {}", hop.status, sanitise_line(&hop.location));
    }
    style.dotted([words.trim_end().to_owned(), asked])
}

/// `response body · application/json · 42 B`
fn body_name(response: &Response, style: &Style) -> String {
    let kind = diagnose::header(response, "content-type").unwrap_or("no content type");
    let mut parts = vec!["response body".to_owned(), sanitise_line(kind).into_owned()];
    parts.push(show_size(response.body.size));
    if response.body.cut {
        parts.push("only its head was kept".to_owned());
    }
    if diagnose::is_html(response)
        && let Content::Text(text) = &response.body.content
        && let Some(title) = diagnose::title(text)
    {
        parts.push(format!("<title>{}", sanitise_line(&title)));
    }
    style.cut(&style.dotted(parts), style.columns().saturating_sub(10))
}

/// The body as JSON, where it is kept whole and is JSON.
fn parsed(response: &Response, text: &str) -> Option<Value> {
    if response.body.cut {
        return None;
    }
    let value = json::parse(text.as_bytes()).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// Where the failing assertions and captures looked, and what the server gives as its reason.
fn marks(
    attempt: &Attempt,
    response: &Response,
    value: &Value,
    pretty: &Pretty,
    style: &Style,
) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    // First, so that many failing assertions do not crowd it out.
    let reason = (response.status >= 400).then(|| diagnose::reason(value)).flatten();
    let beside = reason.is_some() && phrase::is_error_instead(attempt);
    if let Some((pointer, _)) = reason {
        add(&mut marks, pretty, &pointer, "what the server says".to_owned());
    }
    let failed = attempt.assertions.iter().filter(|assertion| !assertion.passed);
    // What a tap saw stands in another body.
    for assertion in failed.filter(|assertion| assertion.tap.is_none()) {
        let wanted = phrase::expected(&assertion.subject, &assertion.expected, style);
        if let Some(Actual::Missing { reached, there, nearest }) = &assertion.actual {
            let pointer = assertion.pointer.clone().or_else(|| pointer_of(reached));
            if let Some(pointer) = pointer.filter(|_| !beside) {
                let said = stopped(&assertion.subject, there, nearest.as_deref(), style);
                add(&mut marks, pretty, &pretty.nearest(&pointer).0, said);
            }
        } else if !assertion.violations.is_empty() {
            for violation in &assertion.violations {
                let Violation { at: _, pointer, wanted, keyword, place: _ } = violation;
                let text =
                    format!("expected: {} (`{}`)", sanitise_line(wanted), sanitise_line(keyword));
                if let Some(pointer) = pointer {
                    add(&mut marks, pretty, &pretty.nearest(pointer).0, text);
                }
            }
        } else if let Some(pointer) = &assertion.pointer {
            add(&mut marks, pretty, pointer, format!("expected: {wanted}"));
        }
    }
    for capture in &attempt.captures {
        if let Some(Actual::Missing { reached, there, nearest }) = &capture.missing
            && let Some(pointer) = pointer_of(reached).filter(|_| !beside)
        {
            let subject = &capture.name;
            let said = stopped(subject, there, nearest.as_deref(), style);
            add(&mut marks, pretty, &pretty.nearest(&pointer).0, said);
        }
    }
    marks
}

/// Adds a mark at a pointer; what stands at the same place is said together.
fn add(marks: &mut Vec<Mark>, pretty: &Pretty, pointer: &str, text: String) {
    let Some(spot) = pretty.at(pointer).filter(|_| marks.len() < MARKS) else { return };
    let value = Span::new(spot.value.start, spot.value.end);
    let multi_line = pretty.text.get(spot.value.clone()).is_some_and(|text| text.contains('\n'));
    // An object that begins on the line of its key is marked from the key on.
    let span = match &spot.key {
        Some(key) if multi_line => Span::new(key.start, spot.value.end),
        Some(_) | None => value,
    };
    match marks.iter_mut().find(|mark| mark.span == span) {
        Some(mark) => {
            for line in text.lines() {
                if !mark.text.lines().any(|known| known == line) {
                    mark.text.push('\n');
                    mark.text.push_str(line);
                }
            }
        }
        None => marks.push(Mark { span, text }),
    }
}

/// What is said where a path ended.
fn stopped(subject: &str, there: &[String], nearest: Option<&str>, style: &Style) -> String {
    let mut text = format!("`{}` stopped here", sanitise_line(subject));
    if let Some(nearest) = nearest {
        text = format!("{text}\ndid you mean `{}`?", sanitise_line(nearest));
    }
    if !there.is_empty() {
        text = format!("{text}\nthere: {}", phrase::keys(there, style));
    }
    text
}

/// The JSON pointer of a path that names one thing: `$.a['b c'][0]`.
fn pointer_of(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('$')?;
    let mut pointer = String::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, next) = after.split_at(end);
            json::push(&mut pointer, name);
            rest = next;
        } else {
            let inner = rest.strip_prefix('[')?;
            let (token, next) = match inner.chars().next()? {
                quote @ ('\'' | '"') => {
                    let (name, next) = inner.get(1..)?.split_once(quote)?;
                    (name, next.strip_prefix(']')?)
                }
                _ => inner.split_once(']')?,
            };
            json::push(&mut pointer, token);
            rest = next;
        }
    }
    Some(pointer)
}

/// The first lines of a body without marks, drawn as a frame is.
fn head(name: &str, text: &str, style: &Style) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    // One line too many is not worth a line that says so.
    let shown = if lines.len() <= HEAD + 1 { lines.len() } else { HEAD };
    let digits = shown.to_string().len();
    let mut out = rim(name, digits, style);
    for (n, line) in lines.iter().take(shown).enumerate() {
        let room = style.columns().saturating_sub(digits + 4);
        let line = sanitise(line).replace('\t', "    ");
        let number = style.paint(Paint::Dim, &format!("{:>digits$}", n + 1));
        let line = style.cut(&line, room);
        out.push_str(format!(" {number} {} {line}", style.symbols().bar).trim_end());
        out.push('\n');
    }
    out.push_str(&foot(digits, lines.len() - shown, style));
    out
}

/// The first bytes of a body that is not text.
fn hex_dump(name: &str, hex: &str, style: &Style) -> String {
    let bytes: Vec<String> =
        hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
    let mut out = rim(&format!("{name} {} binary", style.symbols().dot), 2, style);
    for (n, row) in bytes.chunks(16).take(4).enumerate() {
        let at = style.paint(Paint::Dim, &format!("{:02x}", n * 16));
        let _ = writeln!(out, " {at} {} {}", style.symbols().bar, row.join(" "));
    }
    out.push_str(&foot(2, 0, style));
    out
}

fn rim(name: &str, digits: usize, style: &Style) -> String {
    let (corner, line) = if style.unicode { ("╭", "─") } else { (",", "-") };
    let name = style.cut(name, style.columns().saturating_sub(digits + 6));
    debug_assert!(width(&name) < style.columns());
    format!("{}{corner}{line}[{}]\n", " ".repeat(digits + 2), style.paint(Paint::Key, &name))
}

fn foot(digits: usize, more: usize, style: &Style) -> String {
    let (corner, line) = if style.unicode { ("╰", "─") } else { ("`", "-") };
    let more = match more {
        0 => String::new(),
        1 => " 1 more line".to_owned(),
        n => format!(" {n} more lines"),
    };
    format!(
        "{}{corner}{}{}\n",
        " ".repeat(digits + 2),
        line.repeat(4),
        style.paint(Paint::Dim, &more)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_names_one_thing_becomes_a_pointer() {
        assert_eq!(pointer_of("$"), Some(String::new()));
        assert_eq!(pointer_of("$.a.b[0]['c d']"), Some("/a/b/0/c d".into()));
        assert_eq!(pointer_of("$['a/b']"), Some("/a~1b".into()));
        assert_eq!(pointer_of("status"), None);
    }
}
