//! 403: who is asking is known, and may not.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, has, has_word};
use crate::diagnose::response::{is_html, title};

pub(super) const RULES: [Rule; 4] = [
    Rule {
        name: "permission/firewall",
        says: "a firewall before the service answered, known by its headers or its page",
        find: firewall,
    },
    Rule {
        name: "permission/host-header",
        says: "the server refuses the name of the host under which it was asked",
        find: host_header,
    },
    Rule {
        name: "permission/scope",
        says: "the key lacks a scope or a role: `WWW-Authenticate` or the body names it",
        find: scope,
    },
    Rule {
        name: "permission/not-allowed",
        says: "the same server took the same key for another request: it may not do this one",
        find: not_allowed,
    },
];

/// Headers that only firewalls and the edges of content networks set.
const EDGES: [&str; 5] =
    ["cf-ray", "x-sucuri-id", "x-iinfo", "x-amzn-waf-action", "x-akamai-request-id"];

fn firewall(evidence: &Evidence<'_>) -> Option<Cause> {
    let response = evidence.response.filter(|response| response.status == 403)?;
    if !is_html(response) {
        return None;
    }
    let page = super::page::text(evidence).and_then(title).unwrap_or_default();
    let edge = EDGES.iter().find_map(|name| evidence.header_fact(name));
    let words = ["access denied", "request blocked", "attention required", "request rejected"];
    let named = has(&page.to_lowercase(), &words);
    if edge.is_none() && !named {
        return None;
    }
    Some(
        Cause::likely("a firewall before the service refused the request")
            .about(evidence.origin())
            .facts(edge)
            .facts(named.then(|| Fact::new(format!("<title>{page}</title>"))))
            .facts(evidence.header_fact("server"))
            .next("ask whoever runs the firewall which rule was hit, with the time and the id")
            .owner("whoever runs what stands before the service"),
    )
}

fn host_header(evidence: &Evidence<'_>) -> Option<Cause> {
    let text = super::page::text(evidence).unwrap_or_default();
    let said = evidence.said.as_deref().unwrap_or(text);
    let lower = said.to_lowercase();
    // A field of the request may hold the name of a host too.
    let whole = ["invalid host", "bad host"].contains(&lower.trim().trim_end_matches('.'));
    let speaks = whole || has(&lower, &["invalid host header", "host header", "disallowedhost"]);
    let refused = matches!(evidence.status(), 400 | 403 | 421) && speaks;
    let said: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
    refused.then(|| {
        Cause::certain("the server does not know itself by the name under which it was asked")
            .about(evidence.origin())
            .fact(format!("the server says: {said}"))
            .facts(evidence.host_variable())
            .next("let the proxy before it set the `Host` header, or add the name to its list")
            .owner("whoever runs the proxy before it")
    })
}

fn scope(evidence: &Evidence<'_>) -> Option<Cause> {
    if !matches!(evidence.status(), 401 | 403) {
        return None;
    }
    let by_header = has_scope_challenge(evidence);
    let said = evidence.said_lower();
    let words = ["permission", "permissions", "privileges"];
    let by_words =
        || words.iter().any(|word| has_word(&said, word)) || said.contains("not authorized to");
    let by_body = evidence.status() == 403 && (names_a_scope(evidence) || by_words());
    if !by_header && !by_body {
        return None;
    }
    let cause = if by_header { Cause::certain } else { Cause::likely };
    Some(
        cause("the key is known, and lacks the right to do this")
            .about(evidence.secret())
            .facts(evidence.header_fact("www-authenticate").filter(|_| by_header))
            .facts(evidence.said_fact())
            .facts(passed_elsewhere(evidence))
            .next("ask for the scope or the role that is named, or use a key that has it")
            .owner("whoever gave out the key"),
    )
}

fn has_scope_challenge(evidence: &Evidence<'_>) -> bool {
    let challenge = evidence.header("www-authenticate").unwrap_or_default();
    challenge.to_lowercase().contains("insufficient_scope")
}

/// Whether the answer names a scope or a role that is wanted.
pub(super) fn names_a_scope(evidence: &Evidence<'_>) -> bool {
    let said = evidence.said_lower();
    let words = ["insufficient_scope", "scope", "scopes", "role", "roles", "privilege"];
    let by_words = || words.iter().any(|word| has_word(&said, word));
    matches!(evidence.status(), 401 | 403) && has_scope_challenge(evidence)
        || (evidence.status() == 403 && by_words())
}

fn not_allowed(evidence: &Evidence<'_>) -> Option<Cause> {
    let elsewhere = passed_elsewhere(evidence).filter(|_| evidence.status() == 403)?;
    Some(
        Cause::likely("the key is known, and may not do this")
            .about(evidence.secret())
            .facts([elsewhere])
            .facts(evidence.said_fact())
            .next("see who owns what is asked for, and which rights the key has")
            .owner("whoever gave out the key"),
    )
}

/// A step that the same origin answered well with the same key.
fn passed_elsewhere(evidence: &Evidence<'_>) -> Option<Fact> {
    let origin = evidence.origin();
    let other = evidence.takers().find(|other| other.origin == origin)?;
    Some(Fact::new(format!("the same key was taken by {}", other.cited())))
}
