//! What was waited for and did not come: which state it was in.

use super::Rule;
use super::answer::{SHOWN, good, unmet};
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::finding::Code;
use crate::json;
use crate::outcome::Actual;

pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "state/gave-up",
        says: "what was waited for ended in the state that `give_up` describes",
        find: gave_up,
    },
    Rule {
        name: "state/unchanged",
        says: "what was waited for did not come in time: which state it was in to the end",
        find: unchanged,
    },
];

/// What a poll that ran out saw last.
fn last_state(evidence: &Evidence<'_>) -> Option<Fact> {
    if evidence.result.code != Some(Code::PollRanOut) {
        return None;
    }
    good(evidence)?;
    unmet(evidence).find_map(|(assertion, actual)| {
        let Actual::Value(value) = actual else { return None };
        let text = format!("`{}` is {} in the end", assertion.subject, json::show(value, SHOWN));
        Some(Fact::at(text, Some(assertion.place)))
    })
}

fn was_given_up(evidence: &Evidence<'_>) -> bool {
    evidence.result.message.as_deref().is_some_and(|message| message.contains("`give_up`"))
}

fn gave_up(evidence: &Evidence<'_>) -> Option<Cause> {
    let state = last_state(evidence).filter(|_| was_given_up(evidence))?;
    Some(
        Cause::certain("the service ended this in a state from which waiting does not lead")
            .about(evidence.path())
            .facts([state])
            .facts(evidence.result.message.clone().map(Fact::new))
            .next("ask the service why it failed: the answer and its log may say"),
    )
}

fn unchanged(evidence: &Evidence<'_>) -> Option<Cause> {
    let state = last_state(evidence).filter(|_| !was_given_up(evidence))?;
    let tries = evidence.result.tries;
    Some(
        Cause::likely("the service had not come to the expected state when the time was over")
            .about(evidence.path())
            .facts([state])
            .fact(format!("it was asked {tries} times, and answered well each time that counts"))
            .facts(evidence.result.message.clone().map(Fact::new))
            .next("see whether the service still works on it: wait longer with `for`, or look into its log"),
    )
}
