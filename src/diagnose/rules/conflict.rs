//! 409, and what means the same: something of that name is there already.

use serde_json::Value;

use super::Rule;
use super::fields::sent_body;
use crate::diagnose::cause::{Cause, Confidence, Fact};
use crate::diagnose::evidence::{Evidence, has, has_word};
use crate::diagnose::witness::Witness;

pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "conflict/made-in-this-run",
        says: "another step posted the same to the same path and passed: it was made in this run",
        find: made_in_this_run,
    },
    Rule {
        name: "conflict/left-by-another-run",
        says: "the name that is taken is written in the plan and the same in every run",
        find: left_by_another_run,
    },
];

/// Whether the server says that something is there already.
pub(super) fn is_conflict(evidence: &Evidence<'_>) -> bool {
    let code = evidence.body.as_ref().and_then(|body| body.get("error_code")?.as_str());
    let words = ["already exists", "already_exists", "duplicate", "already in use", "is taken"];
    match evidence.status() {
        409 => true,
        400 | 422 => {
            code.is_some_and(|code| has(&code.to_lowercase(), &words))
                || has(&evidence.said_lower(), &words)
        }
        _ => false,
    }
}

fn made_in_this_run(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_conflict(evidence) || evidence.exchange.request.method != "POST" {
        return None;
    }
    let url = evidence.exchange.request.url.split(['?', '#']).next().unwrap_or_default();
    let asked = format!("POST {url}");
    let own = sent_body(evidence);
    let quoted = quoted(evidence, own.as_ref());
    let (other, how) = evidence
        .others
        .iter()
        .filter(|other| other.asked == asked && other.passed && other.status < 300)
        .find_map(|other| Some((other, likeness(own.as_ref(), other, quoted.as_deref())?)))?;
    let (confidence, text) = match how {
        Same::Body => (Confidence::Likely, "sent the same request".to_owned()),
        Same::Value(value) => (Confidence::Likely, format!("sent `{value}` too")),
        Same::Path => (Confidence::Possible, "was a POST to the same path".to_owned()),
    };
    Some(
        Cause::new(confidence, "another step of this run made it already")
            .about(evidence.path())
            .facts(evidence.said_fact())
            .fact(format!("{} {text}", other.cited()))
            .next("give each step a name of its own: `${{ unique }}`"),
    )
}

/// In what an earlier request is the same.
enum Same {
    Body,
    /// The value that the server quotes was sent there too.
    Value(String),
    /// What was sent there is not known.
    Path,
}

/// In what an earlier request is the same as this one; nothing where it asked for something else.
fn likeness(own: Option<&Value>, other: &Witness, quoted: Option<&[String]>) -> Option<Same> {
    let (Some(own), Some(body)) = (own, &other.made_of) else {
        return quoted.is_none_or(|quoted| !quoted.is_empty()).then_some(Same::Path);
    };
    if own == body {
        return Some(Same::Body);
    }
    let values: Vec<&str> = body.as_object()?.values().filter_map(Value::as_str).collect();
    let value = quoted?.iter().find(|value| values.contains(&value.as_str()))?;
    Some(Same::Value(value.clone()))
}

/// The values that were sent and that the server's words quote; nothing where either is not known.
fn quoted(evidence: &Evidence<'_>, own: Option<&Value>) -> Option<Vec<String>> {
    let said = evidence.said.as_deref()?;
    let values = own?.as_object()?.values().filter_map(Value::as_str);
    Some(values.filter(|v| !v.is_empty() && has_word(said, v)).map(str::to_owned).collect())
}

fn left_by_another_run(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_conflict(evidence) {
        return None;
    }
    let said = evidence.said.as_deref()?;
    let body = sent_body(evidence)?;
    let part = evidence.exchange.sent_from.iter().find(|part| {
        let value = body.pointer(&part.at).and_then(|value| value.as_str());
        value.is_some_and(|value| value.len() > 2 && has_word(said, value))
            && part.given_by.as_ref().is_none_or(|name| name.starts_with("env."))
    })?;
    let value = body.pointer(&part.at)?.as_str()?;
    let name = part.at.trim_start_matches('/');
    Some(
        Cause::possible("something of this name was left by an earlier run")
            .about(evidence.path())
            .facts(evidence.said_fact())
            .facts([Fact::at(
                format!("`{name}` is `{value}`, and no random part of it is seen"),
                part.set_at.or(Some(part.place)),
            )])
            .next("make the name a new one in every run (`${{ unique }}`), and remove it in `cleanup`"),
    )
}
