//! What taps saw between the service that answered and its own dependencies.

use super::fields::named;
use super::{Rule, conflict, permission};
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::response::reason;
use crate::finding::Code;
use crate::outcome::{Response, TapBreach, Tapped};
use crate::units::show_duration;

pub(super) const RULES: [Rule; 4] = [
    Rule {
        name: "hop/broken-contract",
        says: "a tap saw what the service asked its own dependency: it breaks that one's contract, and was refused",
        find: broken_contract,
    },
    Rule {
        name: "hop/refused",
        says: "a tap saw that the dependency cannot read what the service asks it, whatever is asked about: 405, 406, 411, 415, 422",
        find: refused,
    },
    Rule {
        name: "hop/impatient",
        says: "a tap saw that the service which was asked did not wait for the answer of its own dependency",
        find: impatient,
    },
    Rule {
        name: "hop/unanswered",
        says: "a tap saw that the dependency of the service which was asked did not answer, or not to the end",
        find: unanswered,
    },
];

/// Statuses that say that a request is not as it should be, whoever sends it.
const OF_FORM: [u16; 7] = [400, 404, 405, 406, 411, 415, 422];

/// What taps saw that may explain the answer. Where its own words give a cause, only what the service
/// hands on from its dependency does.
fn seen<'e>(evidence: &'e Evidence<'_>) -> impl Iterator<Item = &'e Tapped> {
    let attempt = evidence.result.attempts.last();
    let says_why = says_why(evidence);
    let all = attempt.into_iter().flat_map(|attempt| &attempt.tapped);
    all.filter(move |tapped| !says_why || is_handed_on(evidence, tapped))
}

/// Whether the words of the answer give a cause of their own: a scope, fields, a conflict.
fn says_why(evidence: &Evidence<'_>) -> bool {
    let names_fields = || evidence.body.as_ref().is_some_and(|body| !named(body).is_empty());
    permission::names_a_scope(evidence)
        || (matches!(evidence.status(), 400 | 422) && names_fields())
        || (evidence.said.is_some() && conflict::is_conflict(evidence))
}

/// Whether the service answers with the words of its dependency.
fn is_handed_on(evidence: &Evidence<'_>, tapped: &Tapped) -> bool {
    let answer = tapped.exchange.response.as_ref().and_then(Response::json);
    let words = answer.as_ref().and_then(reason).map(|(_, words)| words);
    words.is_some() && words == evidence.said
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
    let status = |tapped: &Tapped| tapped.exchange.response.as_ref().map(|answer| answer.status);
    let refused =
        |tapped: &&Tapped| tapped.refused.is_some() || status(tapped).is_some_and(|s| s >= 400);
    // Nobody is refused for a field more.
    let is_grave = |breach: &&TapBreach| breach.code != Code::ContractUnknownField;
    let (tapped, contract) = seen(evidence).filter(refused).find_map(|tapped| {
        let contract = tapped.contract.as_ref()?;
        contract.breaches.iter().any(|breach| is_grave(&breach)).then_some((tapped, contract))
    })?;
    let breaches: Vec<_> = contract.breaches.iter().filter(is_grave).collect();
    let is_about_keys = breaches.iter().any(|breach| {
        matches!(breach.code, Code::ContractMissingCredential | Code::ContractAuthMismatch)
    });
    let is_of_form =
        tapped.refused.is_some() || status(tapped).is_some_and(|s| OF_FORM.contains(&s));
    let claim = format!(
        "this service does not ask its own dependency as the contract `{}` says",
        contract.name
    );
    let cause =
        if is_of_form || is_about_keys { Cause::certain(claim) } else { Cause::likely(claim) };
    let breaches = breaches.into_iter().map(|breach| Fact::at(&*breach.message, breach.said));
    Some(
        cause
            .about(format!("{} {}", tapped.tap, tapped.title()))
            .facts([told(tapped)])
            .facts(breaches)
            .facts(evidence.said_fact())
            .next(
                "change what this service sends there: the line of the document says what is \
                 wanted; the key itself may be good",
            )
            .owner("whoever runs what answers here, not whoever gave out the key"),
    )
}

/// Statuses that say that a request cannot be read, whatever it is about.
const UNREADABLE: [u16; 5] = [405, 406, 411, 415, 422];

fn refused(evidence: &Evidence<'_>) -> Option<Cause> {
    // Where the key is known to be good, that says more, and the tap is told of all the same.
    if evidence.status() < 400 || evidence.takers().next().is_some() {
        return None;
    }
    // Where a contract was held against it, that says more.
    let (tapped, answer) =
        seen(evidence).filter(|it| it.contract.is_none()).find_map(|tapped| {
            let answer = tapped.exchange.response.as_ref()?;
            UNREADABLE.contains(&answer.status).then_some((tapped, answer))
        })?;
    let words = answer.json().as_ref().and_then(reason);
    Some(
        Cause::likely("the dependency of this service cannot read what it is asked")
            .about(format!("{} {}", tapped.tap, tapped.title()))
            .facts([told(tapped)])
            .facts(words.map(|(_, words)| Fact::new(format!("the dependency says: {words}"))))
            .facts(evidence.said_fact())
            .next(
                "compare what the tap saw with the dependency's document; with that among the \
                 plan's `contracts`, planrun does",
            )
            .owner("whoever runs what answers here, not whoever gave out the key"),
    )
}

fn impatient(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() < 400 {
        return None;
    }
    let tapped = seen(evidence).find(|tapped| tapped.is_left())?;
    let waited = tapped.exchange.phases.total.map(show_duration);
    Some(
        Cause::likely("this service did not wait for the answer of its own dependency")
            .about(format!("{} {}", tapped.tap, tapped.title()))
            .facts([told(tapped)])
            .facts(waited.map(|waited| Fact::new(format!("the service went away after {waited}"))))
            .next(
                "compare the service's timeout with the time that the dependency takes; see why it \
                 takes so long",
            )
            .owner("whoever runs what answers here, and whoever runs the dependency"),
    )
}

fn unanswered(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() < 400 {
        return None;
    }
    let broken = |tapped: &&Tapped| tapped.exchange.error.is_some() && !tapped.is_left();
    let tapped = seen(evidence).find(broken)?;
    let error = tapped.exchange.error.as_ref()?;
    Some(
        Cause::likely("the dependency of this service did not answer it")
            .about(format!("{} {}", tapped.tap, tapped.title()))
            .facts([told(tapped)])
            .fact(error.message.clone())
            .next(
                "see whether the dependency runs, and whether `forward` of the tap is its address",
            )
            .owner("whoever runs the dependency"),
    )
}
