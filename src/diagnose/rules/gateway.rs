//! 502, 503, 504: something stands between. Any other 5xx: the service itself.

use std::time::Duration;

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, has};
use crate::units::show_duration;

pub(super) const RULES: [Rule; 3] = [
    Rule {
        name: "gateway/timeout",
        says: "a 502, 503 or 504 that came after a round number of seconds: a timeout that someone set",
        find: timeout,
    },
    Rule {
        name: "gateway/nothing-behind",
        says: "a 502, 503 or 504: a gateway answered, and what stands behind it did not",
        find: nothing_behind,
    },
    Rule {
        name: "service/failed",
        says: "a 500 or another 5xx that no gateway means: the service broke on this request, and says so or answered others",
        find: failed,
    },
];

/// Timeouts that people and programs set, in seconds.
const ROUND: [u64; 14] = [1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 100, 120, 300];

fn is_gateway(evidence: &Evidence<'_>) -> bool {
    matches!(evidence.status(), 502..=504)
}

/// The round number of seconds that the exchange took, if it did: at most 3 % or 150 ms more.
fn round(evidence: &Evidence<'_>) -> Option<(u64, Duration)> {
    let took = evidence.exchange.phases.wait.or(evidence.exchange.phases.total)?;
    let fits = |seconds: &&u64| {
        let round = Duration::from_secs(**seconds);
        let slack = (round * 3 / 100).max(Duration::from_millis(150));
        took + Duration::from_millis(20) >= round && took <= round + slack
    };
    ROUND.iter().find(fits).map(|seconds| (*seconds, took))
}

fn timeout(evidence: &Evidence<'_>) -> Option<Cause> {
    let (seconds, took) = round(evidence).filter(|_| is_gateway(evidence))?;
    let said = evidence.said_lower();
    if has(&said, &["refused", "unreachable", "at once", "no such host"]) {
        return None;
    }
    let speaks = said.is_empty() || has(&said, &["time-out", "timeout", "timed out", "in time"]);
    let is_sure = evidence.status() == 504 && speaks;
    let cause = if is_sure { Cause::certain } else { Cause::likely };
    Some(
        cause(format!("a gateway gave up after {seconds} s: what stands behind it is too slow"))
            .about(evidence.origin())
            .fact(format!("{} came after {}", evidence.status(), show_duration(took)))
            .facts(evidence.header_fact("Server"))
            .facts(evidence.said_fact())
            .next("find out why the service behind is slow, or raise the gateway's timeout")
            .owner("whoever runs the service behind the gateway"),
    )
}

fn nothing_behind(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_gateway(evidence) {
        return None;
    }
    let answered = evidence
        .well_answered()
        .next()
        .map(|other| Fact::new(format!("the same host answered {}", other.cited())));
    Some(
        Cause::likely("a gateway answered, and what stands behind it did not")
            .about(evidence.origin())
            .fact(format!("status {}", evidence.status()))
            .facts(evidence.header_fact("Server"))
            .facts(evidence.header_fact("Retry-After"))
            .facts(evidence.said.as_ref().map(|said| Fact::new(format!("it says: {said}"))))
            .against(answered)
            .next("look at the service behind the gateway"),
    )
}

fn failed(evidence: &Evidence<'_>) -> Option<Cause> {
    if !(500..600).contains(&evidence.status()) || is_gateway(evidence) {
        return None;
    }
    let answered = evidence.answered_before();
    // A bare 500 of a server that answered nothing else may be anyone's.
    if answered.is_none() && evidence.said.is_none() {
        return None;
    }
    Some(
        Cause::likely("the service broke on this very request: by its status the fault is its own")
            .about(evidence.path())
            .fact(format!("status {}", evidence.status()))
            .facts(evidence.said_fact())
            .facts(evidence.header_fact("Server"))
            .facts(
                answered
                    .map(|other| Fact::new(format!("the same host answered {}", other.cited()))),
            )
            .next("look into the service's log at this time, by the ids that stand below")
            .owner("whoever runs the service"),
    )
}
