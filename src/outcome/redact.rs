//! What of an outcome goes through the gate: each struct taken apart by all of its fields.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Actual, Assertion, Attempt, Body, BudgetBreach, CaptureResult, Content, ContractUse,
    DistinctCount, DocumentedPart, Exchange, Expected, Headers, Hint, Hop, Nearest, Part,
    PartContent, Reason, Request, Response, SampleColumns, SamplesResult, SecretShape, SentPart,
    StepResult, TapBreach, TapContract, TapRef, Tapped, Transport, UrlPart, Violation,
};
use crate::secret::{Gate, Redact, names_secret};

/// How many bytes of a body's text are kept; it is cut after it was masked.
pub const BODY_LIMIT: usize = 64 * 1024;

/// How many bytes of a value's text are kept.
const TEXT_LIMIT: usize = 4 * 1024;
/// How many items and fields of a value are kept.
const ITEM_LIMIT: usize = 1000;

impl Redact for StepResult {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            verdict: _,
            reason,
            flaky: _,
            attempts,
            tries: _,
            duration: _,
            code: _,
            message,
            ended_at: _,
            only_budget: _,
            samples,
        } = self;
        samples.redact(gate);
        reason.redact(gate);
        attempts.redact(gate);
        message.redact(gate);
    }
}

impl Redact for SamplesResult {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            counts: _,
            warmup: _,
            outcomes,
            statuses: _,
            distinct,
            spread: _,
            times: _,
            assertions,
        } = self;
        for (name, _) in outcomes {
            name.redact(gate);
        }
        for DistinctCount { path, values: _, present: _ } in distinct {
            path.redact(gate);
        }
        assertions.redact(gate);
    }
}

impl Redact for SampleColumns {
    fn redact(&mut self, gate: &Gate) {
        // The other columns are numbers and letters of our own.
        self.outcomes.redact(gate);
    }
}

impl Redact for Reason {
    fn redact(&mut self, gate: &Gate) {
        match self {
            Self::Skip(text)
            | Self::If(text)
            | Self::SecretMissing(text)
            | Self::TapMissing(text)
            | Self::NothingToCleanUp(text)
            | Self::BlockedBy(text)
            | Self::Deadline(text)
            | Self::Interrupted(text) => text.redact(gate),
            Self::NotSelected | Self::Failures(_) => {}
        }
    }
}

impl Redact for Attempt {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            number: _,
            sample: _,
            at: _,
            exchange,
            assertions,
            captures,
            limit: _,
            breaches,
            findings,
            outcome,
            contract,
            documented,
            routes,
            hints,
            tapped,
        } = self;
        documented.redact(gate);
        exchange.redact(gate);
        if let Some(routes) = routes {
            routes.redact(gate);
        }
        assertions.redact(gate);
        captures.redact(gate);
        breaches.redact(gate);
        findings.redact(gate);
        outcome.redact(gate);
        if let Some(contract) = contract {
            contract.redact(gate);
        }
        hints.redact(gate);
        tapped.redact(gate);
    }
}

impl Redact for Tapped {
    fn redact(&mut self, gate: &Gate) {
        let Self { tap, tie: _, at: _, path, exchange, contract, refused, late } = self;
        tap.redact(gate);
        gate.url(path);
        exchange.redact(gate);
        if let Some(TapContract { name, operation, breaches }) = contract {
            name.redact(gate);
            operation.redact(gate);
            for TapBreach { code: _, message, at, said: _, label } in breaches {
                message.redact(gate);
                at.redact(gate);
                label.redact(gate);
            }
        }
        refused.redact(gate);
        late.redact(gate);
    }
}

impl Redact for TapRef {
    fn redact(&mut self, gate: &Gate) {
        let Self { tap, seen: _, pointer } = self;
        tap.redact(gate);
        pointer.redact(gate);
    }
}

impl Redact for ContractUse {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            contract,
            operation,
            documented: _,
            pointer,
            place: _,
            nearest,
            status: _,
            response,
            parameters,
            media,
            security,
            validated: _,
            asserted: _,
        } = self;
        contract.redact(gate);
        operation.redact(gate);
        pointer.redact(gate);
        if let Some(Nearest { operation, place: _ }) = nearest {
            operation.redact(gate);
        }
        response.redact(gate);
        parameters.redact(gate);
        media.redact(gate);
        security.redact(gate);
    }
}

impl Redact for DocumentedPart {
    fn redact(&mut self, gate: &Gate) {
        let Self { at, contract, operation, pointer, place: _ } = self;
        at.redact(gate);
        contract.redact(gate);
        operation.redact(gate);
        pointer.redact(gate);
    }
}

impl Redact for Hint {
    fn redact(&mut self, gate: &Gate) {
        let Self { place: _, cause, next, when } = self;
        cause.redact(gate);
        next.redact(gate);
        when.redact(gate);
    }
}

impl Redact for Assertion {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            subject,
            place: _,
            severity: _,
            passed: _,
            expected,
            actual,
            pointer,
            outcome,
            note,
            violations,
            tap,
        } = self;
        let field = field_of(subject);
        if let Some(actual) = actual {
            // What is secret by its field alone may be quoted in the remark.
            if let (Some(note), Some(text)) = (&mut *note, secret_text(field, actual)) {
                *note = note.replace(&text, "«secret»");
            }
            redact_actual(actual, field, gate);
        }
        redact_expected(expected, field, gate);
        subject.redact(gate);
        pointer.redact(gate);
        outcome.redact(gate);
        note.redact(gate);
        violations.redact(gate);
        if let Some(tap) = tap {
            tap.redact(gate);
        }
    }
}

impl Redact for Violation {
    fn redact(&mut self, gate: &Gate) {
        let Self { at, pointer, wanted, keyword, place: _ } = self;
        at.redact(gate);
        pointer.redact(gate);
        wanted.redact(gate);
        keyword.redact(gate);
    }
}

/// The field whose value an assertion's subject is: the last name of a path, the name of a header.
/// What a cookie holds is always secret, its attributes are not.
pub(super) fn field_of(subject: &str) -> &str {
    if let Some(cookie) = subject.strip_prefix("cookies.") {
        return if cookie.contains('[') { "" } else { "cookie-token" };
    }
    let quotes = |c| matches!(c, '\'' | '"');
    subject
        .split(['.', '['])
        .map(|name| name.trim_end_matches(']').trim_matches(quotes))
        .rfind(|name| !name.is_empty() && *name != "*" && name.parse::<i64>().is_err())
        .unwrap_or_default()
}

/// The text of a value that is secret because of its field, long enough to be looked for.
fn secret_text(field: &str, actual: &Actual) -> Option<String> {
    let (Actual::Value(value) | Actual::Unjudgeable { value, why: _ }) = actual else {
        return None;
    };
    let text = value.as_str()?;
    (names_secret(field) && text.chars().count() >= 4).then(|| text.to_owned())
}

fn redact_expected(expected: &mut Expected, field: &str, gate: &Gate) {
    let Expected { operator, operand } = expected;
    match operator.as_str() {
        // The operand is a value of the field, or a part of one.
        "equals" | "not_equals" | "in" | "not_in" | "contains" | "not_contains" | "starts_with"
        | "ends_with" | "partial" => gate.field(field, operand),
        _ => gate.json(operand),
    }
    shorten(operand);
    operator.redact(gate);
}

fn redact_actual(actual: &mut Actual, field: &str, gate: &Gate) {
    match actual {
        Actual::Value(value) => {
            gate.field(field, value);
            shorten(value);
        }
        Actual::Missing { reached, there, nearest } => {
            reached.redact(gate);
            there.redact(gate);
            nearest.redact(gate);
        }
        Actual::NotJson(text) | Actual::Unreadable(text) => text.redact(gate),
        Actual::Unjudgeable { value, why } => {
            if let Some(text) = value.as_str()
                && names_secret(field)
                && text.chars().count() >= 4
            {
                *why = why.replace(text, "«secret»");
            }
            gate.field(field, value);
            shorten(value);
            why.redact(gate);
        }
    }
}

impl Redact for CaptureResult {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, place: _, value, missing } = self;
        if let Some(value) = value {
            gate.field(name, value);
            shorten(value);
        }
        if let Some(missing) = missing {
            redact_actual(missing, name, gate);
        }
        name.redact(gate);
    }
}

impl Redact for BudgetBreach {
    fn redact(&mut self, _: &Gate) {
        // Phases, places and durations: no text.
        let Self { phase: _, place: _, limit: _, actual: _, longest: _, severity: _ } = self;
    }
}

impl Redact for Exchange {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            request,
            hops,
            response,
            error,
            phases: _,
            reused: _,
            repeated: _,
            proxy,
            unverified: _,
            url_from,
            secrets_sent,
            plans_ids,
            secret_shapes,
            sent_from,
        } = self;
        for SecretShape { name, length: _, edge_whitespace: _, matches: _, expires, expired: _ } in
            secret_shapes
        {
            name.redact(gate);
            expires.redact(gate);
        }
        for SentPart { at, place: _, given_by, set_at: _ } in sent_from {
            at.redact(gate);
            given_by.redact(gate);
        }
        request.redact(gate);
        hops.redact(gate);
        response.redact(gate);
        error.redact(gate);
        if let Some(proxy) = proxy {
            gate.url(proxy);
        }
        url_from.redact(gate);
        for (name, place) in secrets_sent {
            name.redact(gate);
            place.redact(gate);
        }
        plans_ids.redact(gate);
    }
}

impl Redact for Request {
    fn redact(&mut self, gate: &Gate) {
        let Self { method, url, headers, body } = self;
        method.redact(gate);
        gate.url(url);
        redact_headers(headers, gate);
        body.redact(gate);
    }
}

impl Redact for Response {
    fn redact(&mut self, gate: &Gate) {
        let Self { status: _, http, headers, body, remote, saved } = self;
        http.redact(gate);
        redact_headers(headers, gate);
        body.redact(gate);
        remote.redact(gate);
        saved.redact(gate);
    }
}

fn redact_headers(headers: &mut Headers, gate: &Gate) {
    for (name, value) in headers {
        gate.header(name, value);
        name.redact(gate);
    }
}

impl Redact for Body {
    fn redact(&mut self, gate: &Gate) {
        let Self { content, size, sha256, cut } = self;
        match content {
            Content::Empty | Content::Generated(_) => {}
            Content::Text(text) => {
                if *cut {
                    gate.cut_end(text);
                }
                *cut |= gate.body(text, BODY_LIMIT);
            }
            Content::Hex(hex) => {
                if *size > hex.len() as u64 / 2 {
                    gate.cut_end(hex);
                }
                hex.redact(gate);
            }
            Content::File(path) => path.redact(gate),
            Content::Parts(parts) => {
                let mut left = BODY_LIMIT;
                for part in parts {
                    *cut |= redact_part(part, left, gate);
                    if let PartContent::Text(text) = &part.content {
                        left = left.saturating_sub(text.len());
                    }
                }
            }
        }
        sha256.redact(gate);
    }
}

/// Masks a part, of whose text at most `limit` bytes are kept; whether it was cut.
fn redact_part(part: &mut Part, limit: usize, gate: &Gate) -> bool {
    let Part { name, content, filename, media_type } = part;
    let cut = match content {
        PartContent::Text(text) if names_secret(name) => {
            gate.header(name, text);
            false
        }
        PartContent::Text(text) => gate.body(text, limit),
        PartContent::File(path) => {
            path.redact(gate);
            false
        }
    };
    name.redact(gate);
    filename.redact(gate);
    media_type.redact(gate);
    cut
}

impl Redact for Hop {
    fn redact(&mut self, gate: &Gate) {
        let Self { method, url, status: _, location } = self;
        method.redact(gate);
        gate.url(url);
        gate.url(location);
    }
}

impl Redact for Transport {
    fn redact(&mut self, gate: &Gate) {
        let Self { class: _, message, host, addresses, phase: _, help } = self;
        message.redact(gate);
        host.redact(gate);
        addresses.redact(gate);
        help.redact(gate);
    }
}

impl Redact for UrlPart {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, value, place: _, source } = self;
        gate.header(name, value);
        name.redact(gate);
        source.redact(gate);
    }
}

/// Cuts long texts and long lists in a value that was masked, and says so in it.
pub(super) fn shorten(value: &mut Value) {
    let mut items = ITEM_LIMIT;
    shorten_within(value, &mut items);
}

fn shorten_within(value: &mut Value, left: &mut usize) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            if text.len() > TEXT_LIMIT {
                let whole = text.len();
                let end =
                    (0..=TEXT_LIMIT).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
                text.truncate(end);
                // Writing to a String cannot fail.
                let _ = write!(text, "… ({whole} bytes)");
            }
        }
        Value::Array(list) => {
            let count = list.len();
            list.truncate(*left);
            let kept = list.len();
            *left -= kept;
            for item in &mut *list {
                shorten_within(item, left);
            }
            if kept < count {
                list.push(Value::String(format!("… ({} more)", count - kept)));
            }
        }
        Value::Object(fields) => {
            let count = fields.len();
            let kept = count.min(*left);
            *left -= kept;
            if kept < count {
                *fields = std::mem::take(fields).into_iter().take(kept).collect();
            }
            for field in fields.values_mut() {
                shorten_within(field, left);
            }
            if kept < count {
                fields.insert("…".to_owned(), Value::String(format!("… ({} more)", count - kept)));
            }
        }
    }
}
