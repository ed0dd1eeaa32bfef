//! What taps saw between the service that answered and its own dependencies.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::outcome::Tapped;

pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "hop/broken-contract",
        says: "a tap saw what the service sent to its own dependency: it breaks that one's contract, and was refused",
        find: broken_contract,
    },
    Rule {
        name: "hop/unanswered",
        says: "a tap saw that the dependency of the service which was asked did not answer",
        find: unanswered,
    },
];

fn seen<'e>(evidence: &'e Evidence<'_>) -> impl Iterator<Item = &'e Tapped> {
    let attempt = evidence.result.attempts.last();
    attempt.into_iter().flat_map(|attempt| &attempt.tapped)
}

/// Which request it was, and what came of it.
fn told(tapped: &Tapped) -> Fact {
    let came = match (&tapped.refused, &tapped.exchange.response) {
        (Some(_), _) => "and refused it: 502".to_owned(),
        (None, Some(response)) => format!("which was answered with {}", response.status),
        (None, None) => "which was not answered".to_owned(),
    };
    Fact::new(format!("the tap `{}` saw {}, {came}", tapped.tap, tapped.title()))
}

fn broken_contract(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() < 400 {
        return None;
    }
    let refused = |tapped: &&Tapped| {
        let response = tapped.exchange.response.as_ref();
        tapped.refused.is_some() || response.is_some_and(|response| response.status >= 400)
    };
    let tapped = seen(evidence).filter(refused).find(|tapped| tapped.is_breach())?;
    let contract = tapped.contract.as_ref()?;
    let breaches = contract.breaches.iter().map(|breach| Fact::at(&*breach.message, breach.said));
    Some(
        Cause::certain(format!(
            "what this service sends to its own dependency is not what that one's contract \
             `{}` wants",
            contract.name
        ))
        .about(format!("{} {}", tapped.tap, tapped.title()))
        .facts([told(tapped)])
        .facts(breaches)
        .facts(evidence.said_fact())
        .next(
            "change what this service sends there: the line of the document says what is wanted; \
             the key itself may be good",
        )
        .owner("whoever runs what answers here, not whoever gave out the key"),
    )
}

fn unanswered(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() < 400 {
        return None;
    }
    let no_answer =
        |tapped: &&Tapped| tapped.refused.is_none() && tapped.exchange.response.is_none();
    let tapped = seen(evidence).find(no_answer)?;
    let error = tapped.exchange.error.as_ref()?;
    Some(
        Cause::likely("the service that was asked could not ask its own dependency")
            .about(format!("{} {}", tapped.tap, tapped.title()))
            .facts([told(tapped)])
            .fact(error.message.clone())
            .next(
                "see whether the dependency runs, and whether `forward` of the tap is its address",
            )
            .owner("whoever runs the dependency"),
    )
}
