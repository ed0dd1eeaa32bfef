//! 429: how often this run asked.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, has};
use crate::units::show_duration;

pub(super) const RULES: [Rule; 1] = [Rule {
    name: "rate/limited",
    says: "a 429, or a refusal that says so: the limit that was told, and how often this run asked",
    find: limited,
}];

/// Headers that tell a limit.
const LIMITS: [&str; 6] = [
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
];

fn limited(evidence: &Evidence<'_>) -> Option<Cause> {
    let said = evidence.said_lower();
    // That there is a limit does not say that it was reached.
    let reached = || has(&said, &["exceeded", "reached", "hit", "rate limited", "over the"]);
    let says_so = matches!(evidence.status(), 401 | 403 | 503)
        && (has(&said, &["too many requests", "too many calls"])
            || (has(&said, &["rate limit", "rate-limit"]) && reached())
            || ["rate limit", "rate limited"].contains(&said.trim()));
    if evidence.status() != 429 && !says_so {
        return None;
    }
    let told: Vec<Fact> = LIMITS.iter().filter_map(|name| evidence.header_fact(name)).collect();
    let without = told.is_empty() && !says_so;
    Some(
        Cause::certain("the server limits how often it may be asked")
            .about(evidence.origin())
            .facts(told)
            .facts(without.then(|| Fact::new("429 without Retry-After")))
            .facts(evidence.said_fact())
            .facts(own_rate(evidence))
            .next("ask less often (`-j`, `concurrency`), or use another key"),
    )
}

/// How often this plan asked the same origin, and in which time.
fn own_rate(evidence: &Evidence<'_>) -> Option<Fact> {
    let origin = evidence.origin();
    let attempt = evidence.result.attempts.last()?;
    let own = match &evidence.result.samples {
        Some(samples) => u64::from(samples.counts.total()),
        None => u64::from(evidence.result.tries.max(1)),
    };
    let same = || evidence.others.iter().filter(|other| other.origin == origin);
    let requests: u64 = own + same().map(|other| other.requests).sum::<u64>();
    let begun = same().map(|other| other.at).min().unwrap_or(attempt.at).min(attempt.at);
    let ended = same().map(|other| other.at + other.took).max().unwrap_or_default();
    let within = ended.max(attempt.at + evidence.result.duration).saturating_sub(begun);
    (requests > 1).then(|| {
        Fact::new(format!("this plan asked it {requests} times within {}", show_duration(within)))
    })
}
