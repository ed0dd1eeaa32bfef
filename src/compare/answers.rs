//! Two answers to one request: status, headers, body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::body::{Captured, Spot, Walk};
use super::rules::Rules;
use crate::outcome::{Content, Exchange, Response};
use crate::secret::hides_a_value;

/// In what two answers differ, told together by path.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What: `status`, `headers.content-type`, `$.items[*].id`, `body`.
    pub what: String,
    /// In how many places.
    pub places: usize,
    /// What the first of them is on one side; nothing where it is not there.
    pub before: Option<Value>,
    /// What it is on the other side.
    pub after: Option<Value>,
}

/// What two answers came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// In how many places they differ as one side differs from itself.
    pub noise: usize,
    /// How many places were passed over because of a rule.
    pub ignored: usize,
    /// Which places look alike because both are masked: nobody knows what stands there.
    pub masked: BTreeSet<String>,
}

/// So much of a body is shown where the statuses differ.
const SHORT: usize = 200;

/// Compares two answers. `again` is the answer of the first side to the same request once more: what
/// differs between those two, both there and of one type, is noise.
#[must_use]
pub fn compare(
    rules: &Rules,
    (before, after): (&Exchange, &Exchange),
    captured: (&Captured, &Captured),
    again: Option<(&Exchange, &Captured)>,
) -> Answers {
    let mut answers = raw(rules, (before, after), captured);
    let all = answers.spots.len();
    // A status is never noise, nor is the body that comes with another one.
    let noise = again.filter(|_| status(before) == status(after));
    let noise: BTreeSet<String> = noise
        .map(|(exchange, captures)| raw(rules, (before, exchange), (captured.0, captures)).spots)
        .unwrap_or_default()
        .into_iter()
        .filter(|spot| spot.is_of_one_type() && spot.path != "status")
        .map(|spot| spot.path)
        .collect();
    answers.spots.retain(|spot| !(spot.is_of_one_type() && noise.contains(&spot.path)));
    Answers {
        noise: all - answers.spots.len(),
        ignored: answers.ignored,
        masked: answers.masked,
        differences: together(answers.spots),
    }
}

fn status(exchange: &Exchange) -> Option<u16> {
    exchange.response.as_ref().map(|response| response.status)
}

/// Every place in which two answers differ.
#[derive(Default)]
struct Raw {
    spots: Vec<Spot>,
    ignored: usize,
    masked: BTreeSet<String>,
}

impl Raw {
    fn add(&mut self, what: &str, before: Option<Value>, after: Option<Value>) {
        let (path, folded) = (what.to_owned(), what.to_owned());
        self.spots.push(Spot { path, folded, before, after });
    }
}

fn raw(
    rules: &Rules,
    (before, after): (&Exchange, &Exchange),
    captured: (&Captured, &Captured),
) -> Raw {
    let mut raw = Raw::default();
    let (before, after) = match (&before.response, &after.response) {
        (Some(before), Some(after)) => (before, after),
        (None, None) => return raw,
        (before, after) => {
            let status = |response: &Option<Response>| {
                response.as_ref().map(|response| Value::from(response.status))
            };
            raw.add("status", status(before), status(after));
            return raw;
        }
    };
    if before.status != after.status {
        raw.add("status", Some(before.status.into()), Some(after.status.into()));
        // Another status has another body: field by field it would only hide what matters.
        raw.add("body", Some(short(before)), Some(short(after)));
        return raw;
    }
    let mut walk = Walk::new(rules, captured);
    headers(&mut raw, &mut walk, rules, (before, after));
    match (before.json(), after.json()) {
        (Some(one), Some(other)) => walk.bodies(&one, &other),
        (_, _) => texts(&mut raw, &walk, (before, after)),
    }
    raw.ignored += walk.ignored;
    raw.masked.append(&mut walk.masked);
    raw.spots.append(&mut walk.spots);
    raw
}

fn headers(
    raw: &mut Raw,
    walk: &mut Walk<'_>,
    rules: &Rules,
    (before, after): (&Response, &Response),
) {
    let by_name = |response: &Response| {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &response.headers {
            all.entry(name.to_ascii_lowercase()).or_default().push(value.clone());
        }
        all
    };
    let (before, after) = (by_name(before), by_name(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (one, other) = (before.get(name), after.get(name));
        if one == other {
            let hidden = one.is_some_and(|values| values.iter().any(|value| hides_a_value(value)));
            if hidden && !rules.ignores_header(name) {
                raw.masked.insert(format!("headers.{name}"));
            }
            continue;
        }
        if rules.ignores_header(name) {
            raw.ignored += usize::from(!crate::outcome::is_framing(name));
            continue;
        }
        let joined = |values: Option<&Vec<String>>| values.map(|values| values.join(", "));
        let (one, other) = (joined(one), joined(other));
        if let (Some(one), Some(other)) = (&one, &other)
            && walk.texts(one, other)
        {
            continue;
        }
        raw.add(&format!("headers.{name}"), one.map(Value::from), other.map(Value::from));
    }
}

/// Bodies that are not both JSON, or not kept whole.
fn texts(raw: &mut Raw, walk: &Walk<'_>, (before, after): (&Response, &Response)) {
    let equal = match (&before.body.content, &after.body.content) {
        (Content::Text(one), Content::Text(other)) if !before.body.cut && !after.body.cut => {
            walk.texts(one, other)
        }
        (_, _) => (&before.body.sha256, before.body.size) == (&after.body.sha256, after.body.size),
    };
    if let (true, Content::Text(text)) = (equal, &before.body.content)
        && hides_a_value(text)
    {
        raw.masked.insert("body".to_owned());
    }
    if !equal {
        raw.add("body", Some(short(before)), Some(short(after)));
    }
}

/// The beginning of a body.
fn short(response: &Response) -> Value {
    match &response.body.content {
        Content::Text(text) => {
            let mut short: String = text.chars().take(SHORT).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            short.into()
        }
        Content::Empty => "".into(),
        Content::Hex(_) | Content::File(_) | Content::Generated(_) | Content::Parts(_) => format!(
            "{} bytes, SHA-256 {}",
            response.body.size,
            response.body.sha256.as_deref().unwrap_or("unknown")
        )
        .into(),
    }
}

/// Differences under one path without its indices are one, with their number.
fn together(spots: Vec<Spot>) -> Vec<Difference> {
    let mut all: Vec<Difference> = Vec::new();
    for spot in spots {
        match all.iter_mut().find(|known| known.what == spot.folded) {
            Some(known) => known.places += 1,
            None => all.push(Difference {
                what: spot.folded,
                places: 1,
                before: spot.before,
                after: spot.after,
            }),
        }
    }
    all
}
