//! Result data in words: what was expected, what was there, how long it took.

use serde_json::Value;

use super::style::Style;
use crate::finding::Severity;
use crate::outcome::{
    Actual, Assertion, Attempt, BudgetBreach, CaptureResult, Exchange, Expected, Ids, Phase,
    Phases, Reason, SamplesResult, Spread, Violation,
};
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// The subject of what is expected of the answers of all routes.
const ROUTES: &str = "routes";
/// Operators whose operand may be of any type.
const TYPED: [&str; 4] = ["equals", "not_equals", "contains", "not_contains"];
/// Columns of a value in a sentence; longer ones are cut.
const VALUE: usize = 120;

/// How subjects begin that are about what a tap saw, whose body no report shows.
const HOPS: &str = "hops.";

/// `equals true (boolean)`, `present`, `2xx`.
pub(crate) fn expected(subject: &str, expected: &Expected, style: &Style) -> String {
    let operator = sanitise_line(&expected.operator).replace('_', " ");
    match &expected.operand {
        Value::String(first) if subject == ROUTES => {
            format!("the answer of `{}`", sanitise_line(first))
        }
        Value::Null if expected.operator != "equals" => operator,
        // A status is known by its number, a class such as `2xx` by its word: neither needs a type.
        operand if subject == "status" => {
            let words: Vec<String> = match operand {
                Value::Array(items) => items.iter().map(|item| bare(item, style)).collect(),
                operand => vec![bare(operand, style)],
            };
            match expected.operator.as_str() {
                "equals" | "in" => words.join(" or "),
                _ => format!("{operator} {}", words.join(", ")),
            }
        }
        Value::Bool(true)
            if ["present", "absent", "empty"].contains(&expected.operator.as_str()) =>
        {
            operator
        }
        Value::Array(items) if ["in", "not_in", "only"].contains(&expected.operator.as_str()) => {
            let items: Vec<String> = items.iter().map(|item| value(item, style)).collect();
            style.cut(&format!("{operator} {}", items.join(", ")), VALUE)
        }
        operand if TYPED.contains(&expected.operator.as_str()) => {
            format!("{operator} {}", typed(operand, style))
        }
        operand if expected.operator == "type" => format!("type {}", bare(operand, style)),
        operand => format!("{operator} {}", value(operand, style)),
    }
}

/// A text without its quotes, anything else as JSON.
fn bare(operand: &Value, style: &Style) -> String {
    match operand {
        Value::String(text) => sanitise_line(text).into_owned(),
        operand => value(operand, style),
    }
}

/// What was there, in a line or two. What stands where a path into the body ended is shown in the
/// body itself.
pub(crate) fn actual(subject: &str, actual: &Actual, style: &Style) -> String {
    match actual {
        Actual::Value(found) if subject == "status" => value(found, style),
        Actual::Value(found) if subject == ROUTES => bare(found, style),
        Actual::Value(found) => typed(found, style),
        Actual::Missing { reached, there, nearest } => {
            let mut text = "nothing".to_owned();
            if !reached.is_empty() && reached != subject {
                text = match reached.as_str() {
                    "$" if subject.starts_with(HOPS) => {
                        "nothing: it is not in the body of that request".to_owned()
                    }
                    "$" => "nothing: it is not in the body".to_owned(),
                    part if subject.starts_with(HOPS) && !part.starts_with('$') => {
                        format!("nothing: it is not in the {part} of that request")
                    }
                    _ => format!("nothing: the path ends at `{}`", sanitise_line(reached)),
                };
            }
            if !there.is_empty() && (!reached.starts_with('$') || subject.starts_with(HOPS)) {
                text = format!("{text}\nthere: {}", keys(there, style));
            }
            if let Some(nearest) = nearest {
                text = format!("{text}\ndid you mean `{}`?", sanitise_line(nearest));
            }
            text
        }
        Actual::NotJson(what) => format!("not JSON: {}", sanitise_line(what)),
        Actual::Unreadable(why) => sanitise_line(why).into_owned(),
        Actual::Unjudgeable { value: found, why } => {
            format!("{}\n{}", typed(found, style), sanitise_line(why))
        }
    }
}

/// What is said under the mark of assertions that stand at one place: each expectation, and what
/// was there, once. `beside` says that the response is an error, which explains what it lacks.
pub(crate) fn assertions(at_one_place: &[&Assertion], beside: bool, style: &Style) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut known: Option<&Actual> = None;
    for assertion in at_one_place {
        if let Some(outcome) = &assertion.outcome {
            let line = format!("outcome `{}`", sanitise_line(outcome));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if assertion.severity == Severity::Warning {
            lines.push("only a warning".to_owned());
        }
        let wanted =
            format!("expected: {}", expected(&assertion.subject, &assertion.expected, style));
        let last = at_one_place.last().is_some_and(|last| std::ptr::eq(*last, *assertion));
        let next_is_same = !last
            && at_one_place.iter().all(|other| other.actual == assertion.actual)
            && assertion.note.is_none();
        lines.push(wanted);
        if let Some(found) = assertion.actual.as_ref().filter(|_| !next_is_same)
            && known != Some(found)
        {
            known = Some(found);
            let text = if beside && assertion.tap.is_none() && is_lacking(found) {
                "nothing: the response is an error".to_owned()
            } else {
                found_in_full(assertion, found, style)
            };
            for (n, line) in text.lines().enumerate() {
                let before = if n == 0 { "  actual: " } else { "          " };
                lines.push(format!("{before}{line}"));
            }
        }
        lines
            .extend(assertion.note.iter().map(|note| format!("    note: {}", sanitise_line(note))));
    }
    lines.join("\n")
}

/// What was there, and where long texts part.
fn found_in_full(assertion: &Assertion, found: &Actual, style: &Style) -> String {
    let mut text = actual(&assertion.subject, found, style);
    if let (Value::String(wanted), Actual::Value(Value::String(got))) =
        (&assertion.expected.operand, found)
    {
        text.extend(difference(wanted, got, &assertion.expected.operator, style));
    }
    text
}

/// Whether something is not there at all.
pub(crate) fn is_lacking(actual: &Actual) -> bool {
    match actual {
        Actual::Missing { .. } | Actual::NotJson(_) => true,
        Actual::Value(_) | Actual::Unreadable(_) | Actual::Unjudgeable { .. } => false,
    }
}

/// Whether the response is an error where none was expected: nobody looks in it for the fields of
/// a success.
pub(crate) fn is_error_instead(attempt: &Attempt) -> bool {
    let response = attempt.exchange.as_deref().and_then(|exchange| exchange.response.as_ref());
    response.is_some_and(|response| response.status >= 400) && wrong_status(attempt)
}

/// Whether the status itself is not the expected one.
pub(crate) fn wrong_status(attempt: &Attempt) -> bool {
    attempt
        .assertions
        .iter()
        .any(|one| one.subject == "status" && !one.passed && one.severity == Severity::Error)
}

/// An assertion in one line, for the live list: `status is 401, expected 200`.
pub(crate) fn in_short(assertion: &Assertion, style: &Style) -> String {
    let subject = style.cut(&sanitise_line(&assertion.subject), 60);
    let operand = &assertion.expected.operand;
    let wanted = match (&assertion.actual, assertion.expected.operator.as_str()) {
        // Types are only worth a word where they are what differs.
        (Some(Actual::Value(found)), "equals") if alike(found, operand) => value(operand, style),
        (Some(Actual::Missing { .. }), "equals") => value(operand, style),
        (_, _) => expected(&assertion.subject, &assertion.expected, style),
    };
    match &assertion.actual {
        Some(Actual::Value(found)) if assertion.subject == ROUTES => {
            format!("routes: {}, expected {wanted}", bare(found, style))
        }
        Some(Actual::Value(found))
            if assertion.expected.operator == "equals"
                && assertion.subject != "status"
                && !alike(found, operand) =>
        {
            format!("{subject} is {}, expected {wanted}", typed(found, style))
        }
        Some(Actual::Value(found)) => {
            format!("{subject} is {}, expected {wanted}", value(found, style))
        }
        Some(Actual::Unjudgeable { value: found, why }) => {
            format!("{subject} is {}: {}", value(found, style), sanitise_line(why))
        }
        Some(Actual::Unreadable(why)) => {
            format!("{subject} cannot be read: {}", sanitise_line(why))
        }
        Some(Actual::Missing { .. }) => format!("{subject} is not there, expected {wanted}"),
        Some(Actual::NotJson(what)) => {
            format!("{subject}: the body is not JSON: {}", sanitise_line(what))
        }
        None => match &assertion.note {
            Some(note) if assertion.tap.is_some() => format!("{subject}: {}", sanitise_line(note)),
            _ => format!("{subject}: expected {wanted}"),
        },
    }
}

/// Whether two values are of one type.
fn alike(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// What is said in a JSON Schema of a value that does not fit it.
pub(crate) fn violation(violation: &Violation) -> String {
    match violation.keyword.as_str() {
        "status" => return "the status that came is not among these".to_owned(),
        "media-type" => return "another kind of content came".to_owned(),
        "header" => return "the header that came is not so".to_owned(),
        "undocumented" => {
            return format!("`{}` is not among these", sanitise_line(&violation.at));
        }
        _ => {}
    }
    match violation.at.as_str() {
        "" => "the value itself is not so".to_owned(),
        at => format!("not so at `{}`", sanitise_line(at)),
    }
}

/// A capture that took nothing, in lines.
pub(crate) fn capture(capture: &CaptureResult, beside: bool, style: &Style) -> Option<String> {
    let missing = capture.missing.as_ref()?;
    if beside {
        return Some("captured nothing: the response is an error".to_owned());
    }
    let found = actual("", missing, style);
    Some(match missing {
        Actual::Missing { .. } => format!("captured {found}"),
        Actual::NotJson(_)
        | Actual::Value(_)
        | Actual::Unreadable(_)
        | Actual::Unjudgeable { .. } => {
            format!("captured nothing: {found}")
        }
    })
}

/// `limit 300 ms, took 1.24 s: wait took 1.20 s of it (97 %)`
pub(crate) fn breach(breach: &BudgetBreach) -> String {
    let phase = match breach.phase {
        Phase::Total => String::new(),
        phase @ (Phase::Dns
        | Phase::Connect
        | Phase::Tls
        | Phase::Send
        | Phase::Wait
        | Phase::Receive) => format!("{phase} "),
    };
    let mut text = format!(
        "{phase}took {}, the budget is {}",
        show_duration(breach.actual),
        show_duration(breach.limit)
    );
    if let Some((longest, spent)) = breach.longest.filter(|(longest, _)| *longest != breach.phase) {
        let share = 100.0 * spent.as_secs_f64() / breach.actual.as_secs_f64().max(1e-9);
        text = format!("{text}\n`{longest}` ate {} of it ({share:.0} %)", show_duration(spent));
    }
    text
}

/// `dns 1 ms · connect 2 ms · wait 80 ms · total 83 ms`; phases that did not happen are not named.
pub(crate) fn phases(phases: &Phases, reused: bool) -> Vec<String> {
    let mut parts: Vec<String> = Phase::ALL
        .into_iter()
        .filter_map(|phase| Some(format!("{phase} {}", show_duration(phases.get(phase)?))))
        .collect();
    if reused {
        parts.push("reused".to_owned());
    }
    parts
}

/// Under which ids an exchange is found in logs: ours, and what the server calls it.
pub(crate) fn ids(exchange: &Exchange) -> Vec<String> {
    let Ids { trace, span: _, request, servers } = exchange.ids();
    let mut parts = Vec::new();
    parts.extend(trace.map(|trace| format!("trace {}", sanitise_line(trace))));
    parts.extend(request.map(|request| format!("request {}", sanitise_line(request))));
    for (name, value) in servers {
        // Many servers take over the id that they were given.
        if request == Some(value) {
            if let Some(part) = parts.iter_mut().find(|part| part.starts_with("request ")) {
                part.push_str(", as the server says too");
            }
        } else {
            let (name, value) = (sanitise_line(name), sanitise_line(value));
            parts.push(format!("the server's {name}: {value}"));
        }
    }
    parts
}

/// Why a step did not run or was ended.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Skip(text) => format!("skipped: {}", sanitise_line(text)),
        Reason::If(condition) => format!("skipped: `{}` is false", sanitise_line(condition)),
        Reason::SecretMissing(name) => {
            format!("skipped: the secret `{}` was not given", sanitise_line(name))
        }
        Reason::TapMissing(name) => {
            format!("skipped: the environment has no tap `{}`", sanitise_line(name))
        }
        Reason::NothingToCleanUp(what) => {
            format!("skipped: nothing to clean up (`{}`)", sanitise_line(what))
        }
        Reason::BlockedBy(step) => format!("blocked by `{}`", sanitise_line(step)),
        Reason::NotSelected => "skipped: not selected".to_owned(),
        Reason::Deadline(which) if which.is_empty() => "ended by the deadline".to_owned(),
        Reason::Deadline(which) => format!("ended by the deadline: {}", sanitise_line(which)),
        Reason::Interrupted(signal) => format!("interrupted by {}", sanitise_line(signal)),
        Reason::Failures(1) => "not begun: a step has failed".to_owned(),
        Reason::Failures(most) => format!("not begun: {most} steps have failed"),
    }
}

/// A value as JSON on one line, harmless and cut.
pub(crate) fn value(value: &Value, style: &Style) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    style.cut(&sanitise_line(&text), VALUE)
}

/// A value and its type, as the language names types.
pub(crate) fn typed(found: &Value, style: &Style) -> String {
    let kind = match found {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    format!("{} ({kind})", value(found, style))
}

/// What stands where a path ended: the first few names.
pub(crate) fn keys(there: &[String], style: &Style) -> String {
    let shown: Vec<String> =
        there.iter().take(8).map(|key| style.cut(&sanitise_line(key), 40)).collect();
    let more = there.len().saturating_sub(shown.len());
    let mut text = shown.join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

/// Where two long texts part, so that nobody has to look for it.
fn difference(wanted: &str, got: &str, operator: &str, style: &Style) -> Option<String> {
    if operator != "equals" || wanted.len().min(got.len()) < 24 {
        return None;
    }
    let same = wanted.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let part = |text: &str| {
        let rest: String = text.chars().skip(same).take(16).collect();
        if rest.is_empty() { "the end".to_owned() } else { format!("`{}`", sanitise_line(&rest)) }
    };
    Some(style.cut(
        &format!(
            "\nthey part at character {}: {} expected, {} there",
            same + 1,
            part(wanted),
            part(got)
        ),
        VALUE,
    ))
}

/// The words of a status code (RFC 9110 §15, RFC 6585).
pub(crate) fn status(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// What many samples were together: outcomes or statuses, how close they were sent, their times.
pub(crate) fn samples(samples: &SamplesResult) -> Vec<String> {
    let mut said = Vec::new();
    if samples.outcomes.is_empty() {
        said.extend(samples.statuses.iter().map(|(status, count)| format!("{status}: {count}")));
    } else {
        said.extend(samples.outcomes.iter().map(|(name, count)| match name.as_str() {
            "" => format!("none of the outcomes: {count}"),
            name => format!("{}: {count}", sanitise_line(name)),
        }));
    }
    if samples.counts.errored > 0 {
        said.push(format!("errored: {}", samples.counts.errored));
    }
    said.extend(samples.distinct.iter().map(|distinct| {
        let values = if distinct.values == 1 { "value" } else { "values" };
        format!("{}: {} {values}", sanitise_line(&distinct.path), distinct.values)
    }));
    if let Some(Spread { requests, within, waves }) = samples.spread {
        let of = if waves > 1 { format!(" ({waves} waves)") } else { String::new() };
        said.push(format!("{requests} sent within {}{of}", show_duration(within)));
    }
    if let Some(times) = samples.times.filter(|_| samples.counts.total() > 1) {
        let [p50, p95, max] = [times.p50, times.p95, times.max].map(show_duration);
        said.push(format!("p50 {p50}, p95 {p95}, max {max}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn wanted(operator: &str, operand: Value) -> Expected {
        Expected { operator: operator.into(), operand }
    }

    #[test]
    fn expectations_read_with_their_types() {
        let style = Style::default();
        let said = |subject: &str, e: &Expected| expected(subject, e, &style);
        assert_eq!(said("$.a", &wanted("equals", json!(true))), "equals true (boolean)");
        assert_eq!(said("$.a", &wanted("equals", Value::Null)), "equals null");
        assert_eq!(said("$.a", &wanted("starts_with", json!("x"))), "starts with \"x\"");
        assert_eq!(said("$.a", &wanted("present", Value::Null)), "present");
        assert_eq!(said("status", &wanted("equals", json!("2xx"))), "2xx");
        assert_eq!(said("status", &wanted("equals", json!(200))), "200");
        assert_eq!(said("status", &wanted("in", json!([200, "4xx"]))), "200 or 4xx");
        assert_eq!(said("status", &wanted("not", json!("5xx"))), "not 5xx");
        assert_eq!(said("$.a", &wanted("type", json!("array"))), "type array");
        assert_eq!(said("$.a", &wanted("absent", json!(true))), "absent");
        assert_eq!(said("$.a", &wanted("absent", json!(false))), "absent false");
    }

    #[test]
    fn in_short_types_are_named_only_where_they_differ() {
        let place = (crate::source::SourceId(0), crate::source::Span::new(0, 1)).into();
        let short = |operand: Value, found: Value| {
            let one = Assertion {
                subject: "$.a".into(),
                place,
                severity: Severity::Error,
                passed: false,
                expected: wanted("equals", operand),
                actual: Some(Actual::Value(found)),
                pointer: None,
                outcome: None,
                note: None,
                violations: Vec::new(),
                tap: None,
            };
            in_short(&one, &Style::default())
        };
        assert_eq!(short(json!(true), json!(false)), "$.a is false, expected true");
        assert_eq!(short(json!(1), json!("1")), "$.a is \"1\" (text), expected equals 1 (number)");
    }

    #[test]
    fn what_is_missing_names_where_the_path_ended() {
        let missing = Actual::Missing {
            reached: "$.user".into(),
            there: vec!["id".into(), "nmae".into()],
            nearest: Some("nmae".into()),
        };
        assert_eq!(
            actual("$.user.name", &missing, &Style::default()),
            "nothing: the path ends at `$.user`\ndid you mean `nmae`?"
        );
        let header = Actual::Missing {
            reached: "headers".into(),
            there: vec!["Server".into(), "Date".into()],
            nearest: None,
        };
        assert_eq!(
            actual("headers.Via", &header, &Style::default()),
            "nothing: the path ends at `headers`\nthere: Server, Date"
        );
    }

    #[test]
    fn a_breach_names_the_phase_that_ate_the_time() {
        let over = BudgetBreach {
            phase: Phase::Total,
            place: (crate::source::SourceId(0), crate::source::Span::new(0, 1)).into(),
            limit: Duration::from_millis(300),
            actual: Duration::from_millis(1240),
            longest: Some((Phase::Wait, Duration::from_millis(1200))),
            severity: Severity::Error,
        };
        assert_eq!(
            breach(&over),
            "took 1.24 s, the budget is 300 ms\n`wait` ate 1.20 s of it (97 %)"
        );
    }

    #[test]
    fn long_texts_say_where_they_part() {
        let a = "the quick brown fox jumps over the lazy dog";
        let b = "the quick brown fox jumps over the lazy cat";
        let text = difference(a, b, "equals", &Style::default()).unwrap_or_default();
        assert_eq!(text, "\nthey part at character 41: `dog` expected, `cat` there");
        assert_eq!(difference(a, b, "contains", &Style::default()), None);
    }
}
