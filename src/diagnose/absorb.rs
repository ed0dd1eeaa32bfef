//! What was seen at a tap explains the same refusal where no plan looked at the tap.

use std::sync::Arc;

use super::cause::{Confidence, Fact};
use super::response::reason;
use super::run::Cluster;
use super::witness::origin;
use crate::outcome::{Exchange, StepResult};

/// What is said of a refusal where only the key is known.
const OF_THE_KEY: [&str; 4] =
    ["key/good-elsewhere", "key/refused", "key/not-seen", "permission/not-allowed"];

/// Failures with one cause, and the first of them.
pub(super) type Group = (Cluster, Arc<StepResult>);

/// Joins refusals that are only known by their key with a cause that a tap is certain of, where the
/// same server refused the first of them with the same words. `failed` is in how many plans something failed.
pub(super) fn absorb(groups: Vec<Group>, failed: usize) -> Vec<Group> {
    let (mut seen, others): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|(cluster, _)| is_seen(cluster));
    let mut left = Vec::new();
    for (other, result) in others {
        let is_of_the_key =
            other.cause.as_ref().is_some_and(|cause| OF_THE_KEY.contains(&cause.rule));
        let same = |(_, seen): &&mut Group| is_of_the_key && is_same(seen, &result);
        match seen.iter_mut().find(same) {
            Some((cluster, _)) => take(cluster, other, failed),
            None => left.push((other, result)),
        }
    }
    seen.into_iter().chain(left).collect()
}

fn is_seen(cluster: &Cluster) -> bool {
    cluster.cause.as_ref().is_some_and(|cause| {
        cause.rule.starts_with("hop/") && cause.confidence == Confidence::Certain
    })
}

fn take(cluster: &mut Cluster, other: Cluster, failed: usize) {
    if let Some(cause) = &mut cluster.cause {
        let (more, are) = if other.size == 1 { ("failure", "is") } else { ("failures", "are") };
        cause.facts.push(Fact::new(format!(
            "{} more {more} {are} the same refusal by the same server, where no plan looks at the tap",
            other.size
        )));
    }
    cluster.fingerprints.extend(other.fingerprints);
    cluster.size += other.size;
    cluster.plans = (cluster.plans + other.plans).min(failed);
    cluster.blocked += other.blocked;
    if (other.first.job, other.first.place.span.start)
        < (cluster.first.job, cluster.first.place.span.start)
    {
        cluster.first = other.first;
    }
}

/// Whether two failures are one refusal, and no tap says of the second that all was well there.
fn is_same(seen: &StepResult, other: &StepResult) -> bool {
    let attempt = other.attempts.last();
    let is_cleared = attempt.is_some_and(|attempt| {
        let judged = attempt.tapped.iter().filter_map(|tapped| tapped.contract.as_ref());
        judged.into_iter().any(|contract| contract.breaches.is_empty())
    });
    !is_cleared && refusal(seen).is_some_and(|seen| refusal(other) == Some(seen))
}

/// Who refuses, with which status and which words.
fn refusal(result: &StepResult) -> Option<(&str, u16, Option<String>)> {
    let exchange: &Exchange = result.attempts.last()?.exchange.as_deref()?;
    let response = exchange.response.as_ref()?;
    let words = response.json().as_ref().and_then(reason).map(|(_, words)| words);
    Some((origin(&exchange.request.url), response.status, words))
}
