//! 409, and what means the same: something of that name is there already.

use super::Rule;
use super::fields::sent_body;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, has, has_word};

pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "conflict/made-in-this-run",
        says: "a POST of this run to the same path passed: it may have been made there",
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
    // A 409 may say of something that it is there, and that its state does not allow this.
    let of_409 = ["exist", "already", "unique", "in use", "taken", "conflict"];
    let said = evidence.said_lower();
    match evidence.status() {
        409 if said.is_empty() || code.is_some_and(|code| has(&code.to_lowercase(), &of_409)) => {
            true
        }
        409 => has(&said, &words) || has(&said, &of_409),
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
    let other = evidence.others.iter().find(|other| {
        other.asked == asked && other.passed && other.status < 300 && quotes_what_was_sent(evidence)
    })?;
    // What was sent there is not kept: of a step that passed only little is.
    Some(
        Cause::possible("another step of this run made it already")
            .about(evidence.path())
            .facts(evidence.said_fact())
            .fact(format!("{} was a POST to the same path", other.cited()))
            .next("give each step a name of its own: `${{ unique }}`"),
    )
}

/// Whether the server quotes a value that was sent, or says nothing.
fn quotes_what_was_sent(evidence: &Evidence<'_>) -> bool {
    evidence.said.as_deref().is_none_or(|said| {
        sent_body(evidence).and_then(|body| body.as_object().cloned()).is_none_or(|fields| {
            fields.values().filter_map(|v| v.as_str()).any(|v| !v.is_empty() && has_word(said, v))
        })
    })
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
