//! What makes a pass mean less than it looks: it stands before every number.

use std::collections::BTreeSet;

use super::document::Told;
use super::finding::count;
use crate::outcome::{Exchange, Verdict};
use crate::record::Record;

/// Steps that are named in one doubt.
const NAMED: usize = 5;
/// Words in the name of an environment that is not this machine.
const ELSEWHERE: [&str; 2] = ["prod", "stag"];

/// Why the verdict of a run is worth less than it says.
pub(super) fn doubts(record: &Record, all: &[Told<'_>]) -> Vec<String> {
    let passed: Vec<(&Told<'_>, &Exchange)> = all
        .iter()
        .filter(|told| told.verdict() == Some(Verdict::Passed))
        .filter_map(|told| Some((told, told.exchange()?)))
        .collect();
    let environment = record.started.as_ref().and_then(|run| run.environment.as_deref());
    [
        unverified(all),
        only_skipped(record),
        never_let_in(&passed),
        nothing_asserted(&passed),
        only_the_status(&passed),
        one_answer_for_all(&passed),
        another_place(environment, all),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn unverified(all: &[Told<'_>]) -> Option<String> {
    let hosts: BTreeSet<String> = all
        .iter()
        .filter_map(Told::exchange)
        .filter(|exchange| exchange.unverified)
        .map(|exchange| {
            let url = url::Url::parse(&exchange.request.url).ok();
            url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
        })
        .collect();
    (!hosts.is_empty()).then(|| {
        let hosts: Vec<String> = hosts.into_iter().collect();
        format!(
            "Certificates were not checked (`tls: {{insecure: true}}`): who answered for {} is not \
             known.",
            hosts.join(", ")
        )
    })
}

fn only_skipped(record: &Record) -> Option<String> {
    let tally = &record.tally;
    let idle = tally.evidence == 0 && tally.steps.skipped + tally.steps.blocked > 0;
    idle.then(|| {
        "No step passed: what was skipped or blocked is no evidence of anything.".to_owned()
    })
}

fn never_let_in(passed: &[(&Told<'_>, &Exchange)]) -> Option<String> {
    let mut statuses = passed.iter().filter_map(|(_, it)| it.response.as_ref()).map(|it| it.status);
    let refused = passed.len() > 1 && statuses.all(|status| matches!(status, 401 | 403));
    refused.then(|| {
        "Every response of a step that passed is a 401 or 403: the key was never let in, so \
         nothing behind it was tested."
            .to_owned()
    })
}

fn nothing_asserted(passed: &[(&Told<'_>, &Exchange)]) -> Option<String> {
    let mut names: Vec<String> = passed
        .iter()
        .filter(|(told, _)| assertions(told).next().is_none())
        .map(|(told, _)| told.title())
        .collect();
    let all = names.len();
    names.truncate(NAMED);
    let more = if all > NAMED { " …" } else { "" };
    (all > 0).then(|| {
        let steps = count(all, "step that passed expects", "steps that passed expect");
        format!("{steps} nothing: whatever comes back is fine. {}{more}", names.join(" · "))
    })
}

fn only_the_status(passed: &[(&Told<'_>, &Exchange)]) -> Option<String> {
    let bare = |told: &Told<'_>| assertions(told).all(|subject| subject == "status");
    let all = passed.iter().filter(|(told, _)| bare(told)).count();
    if all == 0 {
        None
    } else if all == passed.len() {
        Some(
            "No step that passed looks at more than the status: a body with an error in it would \
             pass as well."
                .to_owned(),
        )
    } else if all * 2 > passed.len() {
        Some(format!(
            "{all} of {} steps that passed look at nothing but the status: a body with an error \
             in it would pass as well.",
            passed.len()
        ))
    } else {
        None
    }
}

/// What was asserted of all samples and of the last attempt.
fn assertions<'a>(told: &Told<'a>) -> impl Iterator<Item = &'a str> {
    let result = told.result();
    let together =
        result.and_then(|result| result.samples.as_ref()).into_iter().flat_map(|it| &it.assertions);
    let alone =
        result.and_then(|result| result.attempts.last()).into_iter().flat_map(|it| &it.assertions);
    together.chain(alone).map(|assertion| assertion.subject.as_str())
}

/// Requests of different kinds that all got the same bytes: something in front answers.
fn one_answer_for_all(passed: &[(&Told<'_>, &Exchange)]) -> Option<String> {
    let mut asked = BTreeSet::new();
    let mut bodies = BTreeSet::new();
    for (_, exchange) in passed {
        // An empty body has no digest.
        let digest = exchange.response.as_ref()?.body.sha256.as_deref()?;
        let url = exchange.request.url.split(['?', '#']).next().unwrap_or_default();
        asked.insert((&exchange.request.method, url));
        bodies.insert(digest);
    }
    (asked.len() > 2 && bodies.len() == 1).then(|| {
        format!(
            "{} different requests all got the same body, byte for byte: something in front of \
             the service may answer for it.",
            asked.len()
        )
    })
}

/// An environment whose name says that it is somewhere else, and requests that never left here.
fn another_place(environment: Option<&str>, all: &[Told<'_>]) -> Option<String> {
    let name = environment?;
    let lower = name.to_lowercase();
    let mut hosts = all
        .iter()
        .filter_map(|it| url::Url::parse(&it.exchange()?.request.url).ok())
        .filter_map(|url| url.host_str().map(str::to_owned))
        .peekable();
    hosts.peek()?;
    let here = |host: String| {
        host == "localhost"
            || host.ends_with(".localhost")
            || host.starts_with("127.")
            || host == "[::1]"
    };
    let wrong = ELSEWHERE.iter().any(|word| lower.contains(word)) && hosts.all(here);
    wrong.then(|| {
        format!("The environment is called `{name}`, but every request went to this machine.")
    })
}
