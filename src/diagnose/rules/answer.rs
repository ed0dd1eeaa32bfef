//! A good status with an answer that is not as the plan expects: empty, cut off, an error after all,
//! or of another form. What is only another value has no cause that a client could know.

use serde_json::Value;

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::response::{self, reason};
use crate::finding::Severity;
use crate::json::{self, JsonFaultKind};
use crate::outcome::{Actual, Assertion, Response};

pub(super) const RULES: [Rule; 7] = [
    Rule {
        name: "answer/empty",
        says: "the status is good and there is no body, where the plan reads one",
        find: empty,
    },
    Rule {
        name: "answer/cut-off",
        says: "the body came whole, and the JSON in it ends before it is complete",
        find: cut_off,
    },
    Rule {
        name: "answer/error-inside",
        says: "the status is good, and the body says that something went wrong",
        find: error_inside,
    },
    Rule {
        name: "answer/moved",
        says: "what the plan looks for at the top stands deeper, as in an envelope",
        find: moved,
    },
    Rule {
        name: "answer/renamed",
        says: "a name differs in its capitals, its underscores or an `s` from what the plan looks for",
        find: renamed,
    },
    Rule {
        name: "answer/missing",
        says: "the object is there and does not hold what the plan looks for: what it holds instead",
        find: missing,
    },
    Rule {
        name: "answer/other-type",
        says: "a value is of another type than the plan expects: a number for a text",
        find: other_type,
    },
];

/// The response, if its status is a good one: then what is wrong is in the answer.
pub(super) fn good<'a>(evidence: &Evidence<'a>) -> Option<&'a Response> {
    evidence.response.filter(|it| (200..300).contains(&it.status) && evidence.status_was_wanted())
}

/// What did not hold, in the order of the plan.
pub(super) fn unmet<'a>(
    evidence: &Evidence<'a>,
) -> impl Iterator<Item = (&'a Assertion, &'a Actual)> {
    let attempt = evidence.result.attempts.last();
    let all = attempt.into_iter().flat_map(|attempt| &attempt.assertions);
    all.filter(|it| !it.passed && it.severity == Severity::Error)
        .filter_map(|it| Some((it, it.actual.as_ref()?)))
}

fn is_path(assertion: &Assertion) -> bool {
    assertion.subject.starts_with('$')
}

fn empty(evidence: &Evidence<'_>) -> Option<Cause> {
    let response = good(evidence).filter(|response| response.body.size == 0)?;
    unmet(evidence).find(|(assertion, _)| is_path(assertion))?;
    Some(
        Cause::certain("the answer is empty, where the plan reads a body")
            .about(evidence.path())
            .fact(format!("status {} with 0 bytes", response.status))
            .facts(evidence.header_fact("Content-Type"))
            .facts(evidence.header_fact("Server"))
            .next("see who answered: the service, or something before it that lost the body"),
    )
}

fn cut_off(evidence: &Evidence<'_>) -> Option<Cause> {
    let response = good(evidence).filter(|response| !response.body.cut)?;
    let text = response::text(response)?;
    let fault = json::parse(text.as_bytes()).err()?;
    if fault.kind != JsonFaultKind::EarlyEnd || !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Some(
        Cause::certain("the JSON of the answer ends before it is complete")
            .about(evidence.path())
            .fact(format!("{fault}, after {} bytes", response.body.size))
            .fact("the response itself came whole: no byte is missing of what was announced")
            .facts(evidence.header_fact("Server"))
            .next("see whether something between cuts the body, or the service ends too early"),
    )
}

fn error_inside(evidence: &Evidence<'_>) -> Option<Cause> {
    let response = good(evidence)?;
    unmet(evidence).find(|(_, actual)| matches!(actual, Actual::Missing { .. }))?;
    let body = evidence.body.as_ref()?.as_object()?;
    let told = |name: &&str| {
        body.get(*name).is_some_and(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        })
    };
    let refused =
        ["success", "ok"].into_iter().find(|name| body.get(*name) == Some(&Value::Bool(false)));
    let name =
        ["error", "errors", "error_code", "error_message"].into_iter().find(told).or(refused)?;
    let said = evidence.body.as_ref().and_then(reason).map(|(_, said)| said);
    Some(
        Cause::likely("the service tells an error under a good status")
            .about(evidence.path())
            .fact(format!("status {}, and the body has `{name}`", response.status))
            .facts(said.map(|said| Fact::new(format!("the server says: {said}"))))
            .next("see what the error means; whoever runs the service should answer with a 4xx or 5xx")
            .owner("whoever runs the service"),
    )
}

/// A name that is missing.
struct Gap<'a> {
    /// `status`
    name: String,
    /// `$.run.info`
    reached: &'a str,
    /// The names there.
    there: &'a [String],
    assertion: &'a Assertion,
}

/// The first name that an object does not hold. A list that is shorter is a state, not a form.
fn gap<'a>(evidence: &Evidence<'a>) -> Option<Gap<'a>> {
    good(evidence)?;
    unmet(evidence).find_map(|(assertion, actual)| {
        let Actual::Missing { reached, there, nearest: _ } = actual else { return None };
        let rest = assertion.subject.strip_prefix(reached.as_str())?;
        let name = match rest.strip_prefix('.') {
            Some(rest) => rest.split(['.', '[', ' ']).next()?.to_owned(),
            None => rest.strip_prefix("['")?.split('\'').next()?.to_owned(),
        };
        // A list that is not there may only be empty: many services leave such a one out.
        let listed = rest.trim_start_matches('.').strip_prefix(name.as_str());
        let is_list = listed.is_some_and(|rest| rest.starts_with('['));
        let plain = !name.is_empty() && !name.starts_with(['*', '?']) && !is_list;
        plain.then_some(Gap { name, reached, there, assertion })
    })
}

/// The place of a name in objects inside an object, at most two deep.
fn deeper(value: &Value, name: &str, at: &str, depth: usize) -> Option<String> {
    value.as_object().filter(|_| depth < 2)?.iter().find_map(|(key, inner)| {
        let here = format!("{at}.{key}");
        if inner.get(name).is_some() {
            return Some(format!("{here}.{name}"));
        }
        deeper(inner, name, &here, depth + 1)
    })
}

fn moved(evidence: &Evidence<'_>) -> Option<Cause> {
    let gap = gap(evidence).filter(|gap| gap.reached == "$")?;
    let at = deeper(evidence.body.as_ref()?, &gap.name, "$", 0)?;
    Some(
        Cause::likely(format!("`{}` stands deeper in the answer than the plan looks", gap.name))
            .about(evidence.path())
            .facts([Fact::at(format!("it is at `{at}`"), Some(gap.assertion.place))])
            .next("see which form the service's document promises: an envelope is new, or the path is wrong"),
    )
}

/// A name without what conventions differ in.
fn folded(name: &str) -> String {
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let bare = bare.to_ascii_lowercase();
    bare.strip_suffix('s').map_or(bare.clone(), str::to_owned)
}

fn renamed(evidence: &Evidence<'_>) -> Option<Cause> {
    let gap = gap(evidence)?;
    let own = folded(&gap.name);
    let other = gap.there.iter().find(|there| !own.is_empty() && folded(there) == own)?;
    Some(
        Cause::likely(format!("`{}` is called `{other}` in the answer", gap.name))
            .about(evidence.path())
            .facts([Fact::at(
                format!("`{}` has `{other}`, and no `{}`", gap.reached, gap.name),
                Some(gap.assertion.place),
            )])
            .next("see which name the service's document promises"),
    )
}

/// So many names are listed.
const NAMES: usize = 12;

fn missing(evidence: &Evidence<'_>) -> Option<Cause> {
    let gap = gap(evidence)?;
    let holds = match gap.there {
        [] => "nothing".to_owned(),
        names => {
            let more = names.len().saturating_sub(NAMES);
            let listed: Vec<String> =
                names.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", listed.join(", "))
        }
    };
    Some(
        Cause::certain(format!("the answer has no `{}` at `{}`", gap.name, gap.reached))
            .about(evidence.path())
            .facts([Fact::at(
                format!("what is there: {holds}"),
                Some(gap.assertion.place),
            )])
            .facts(evidence.header_fact("Server"))
            .next("see what the service's document promises here, and whether another service answers"),
    )
}

/// The type that an assertion expects a value to be of, where it says so.
fn expected(assertion: &Assertion) -> Option<&'static str> {
    match (assertion.expected.operator.as_str(), &assertion.expected.operand) {
        ("equals" | "matches" | "contains" | "starts_with" | "ends_with", Value::String(_)) => {
            Some("string")
        }
        ("equals", Value::Bool(_)) => Some("boolean"),
        ("equals", Value::Number(_)) => Some("number"),
        _ => None,
    }
}

/// `integer` is a number too.
fn kind(value: &Value) -> &'static str {
    match json::kind(value) {
        "integer" => "number",
        kind => kind,
    }
}

fn other_type(evidence: &Evidence<'_>) -> Option<Cause> {
    good(evidence)?;
    let (assertion, wanted, value) = unmet(evidence).find_map(|(assertion, actual)| {
        let (Actual::Value(value) | Actual::Unjudgeable { value, .. }) = actual else {
            return None;
        };
        let wanted = expected(assertion).filter(|_| is_path(assertion))?;
        // `contains` looks into lists too.
        let listed = value.is_array() && assertion.expected.operator == "contains";
        (kind(value) != wanted && !listed).then_some((assertion, wanted, value))
    })?;
    Some(
        Cause::certain(format!(
            "`{}` is of another type than the plan expects: {}, not {wanted}",
            assertion.subject,
            kind(value)
        ))
        .about(evidence.path())
        .facts([Fact::at(
            format!("it is {} ({})", json::show(value, SHOWN), kind(value)),
            Some(assertion.place),
        )])
        .next("see which type the service's document promises, and expect that one"),
    )
}

/// How much of a value is shown, in characters.
pub(super) const SHOWN: usize = 60;
