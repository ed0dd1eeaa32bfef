//! Two hosts that answer as one: what answers is not the service that was meant.

use super::key::words;
use super::words::asks_for_one;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::response::challenge;
use crate::diagnose::witness::{Witness, shape};

/// Signs that two answers come from one backend: `Server`, the shape of errors, the challenge.
struct Likeness {
    facts: Vec<Fact>,
    /// How many of the three are the same.
    same: usize,
    /// Whether any is there in both and differs.
    differs: bool,
}

fn likeness(evidence: &Evidence<'_>, other: &Witness) -> Likeness {
    let own_shape = evidence.body.as_ref().and_then(shape);
    let own_challenge = evidence.response.and_then(challenge);
    let pairs = [
        ("Server", evidence.header("server"), other.server.as_deref()),
        ("fields of an error", own_shape.as_deref(), other.shape.as_deref()),
        ("WWW-Authenticate", own_challenge, other.challenge.as_deref()),
    ];
    let mut likeness = Likeness { facts: Vec::new(), same: 0, differs: false };
    for (what, own, theirs) in pairs {
        let (Some(own), Some(theirs)) = (own, theirs) else { continue };
        if own == theirs {
            likeness.same += 1;
            let text = match what {
                "Server" => format!("`Server: {own}` answers for {} too", other.origin),
                _ => format!("{what}: `{own}`, as from {}", other.origin),
            };
            likeness.facts.push(Fact::new(text));
        } else {
            likeness.differs = true;
        }
    }
    let own_server = evidence.header("server");
    if own_server.is_none() || own_server != other.server.as_deref() {
        likeness.same = 0;
    }
    likeness
}

/// Whether a `Server` is the name of a web server or a framework, which many services have.
fn is_of_a_framework(server: &str) -> bool {
    let known = [
        "uvicorn",
        "gunicorn",
        "hypercorn",
        "daphne",
        "waitress",
        "werkzeug",
        "tornado",
        "python",
        "nginx",
        "openresty",
        "apache",
        "caddy",
        "envoy",
        "istio",
        "kong",
        "traefik",
        "haproxy",
        "cloudflare",
        "aws",
        "google",
        "gws",
        "gse",
        "akamai",
        "fastly",
        "varnish",
        "kestrel",
        "microsoft",
        "jetty",
        "tomcat",
        "undertow",
        "express",
        "node",
        "puma",
        "phusion",
        "cowboy",
        "lighttpd",
        "litespeed",
        "go",
        "hyper",
        "actix",
    ];
    let lower = server.to_ascii_lowercase();
    known.iter().any(|name| lower.starts_with(name))
}

pub(super) fn misrouted(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() != 401 || !evidence.sent_secret() {
        return None;
    }
    let own_origin = evidence.origin();
    let elsewhere = || evidence.others.iter().copied().filter(|o| o.origin != own_origin);
    let own_words = evidence.said.as_deref().unwrap_or_default();
    let text = "another service answers than the one that was meant: two hosts, one backend";
    let next = "see where the proxy or the name server leads this host and path";
    if asks_for_one(own_words) {
        let (other, likeness) = elsewhere()
            .filter(|other| other.status == 401)
            .map(|other| (other, likeness(evidence, other)))
            .filter(|(_, likeness)| likeness.same > 0 && !likeness.differs)
            .max_by_key(|(other, likeness)| {
                (other.reason.as_deref() == Some(own_words), likeness.same)
            })?;
        let same_words = other.reason.as_deref() == Some(own_words);
        // Two services of one framework speak alike too.
        let own_server = !evidence.header("server").is_some_and(is_of_a_framework);
        let is_sure = same_words && likeness.same > 1 && own_server;
        let cause = if is_sure { Cause::certain } else { Cause::likely };
        return Some(
            cause(text)
                .about(own_origin)
                .facts(words(evidence))
                .facts(evidence.host_variable())
                .facts(likeness.facts)
                .facts(same_words.then(|| {
                    Fact::new(format!("{} is refused with the same words", other.cited()))
                }))
                .next(next)
                .owner("whoever runs the routing of this host"),
        );
    }
    // The same host does not see the key where it belongs, and refuses it as another host does.
    let blind = evidence.same_secret().find(|other| {
        other.origin == own_origin
            && other.status == 401
            && other.reason.as_deref().is_some_and(asks_for_one)
    });
    let twin = elsewhere().filter(|other| other.status == 401).find_map(|other| {
        let likeness = likeness(evidence, other);
        let same_words = other.reason.as_deref() == Some(own_words);
        (same_words && likeness.same > 1 && !likeness.differs).then_some((other, likeness))
    });
    if let (Some(blind), Some((twin, likeness))) = (blind, twin) {
        return Some(
            Cause::likely(text)
                .about(own_origin)
                .facts(words(evidence))
                .facts(evidence.host_variable())
                .fact(asks_though_sent(blind))
                .facts(likeness.facts)
                .fact(format!("{} is refused with the same words", twin.cited()))
                .next(next)
                .owner("whoever runs the routing of this host"),
        );
    }
    // The proxy refuses the key, and the service that knows keys does not see it: it is not there.
    let other = evidence.same_secret().find(|other| {
        other.origin != own_origin
            && other.status == 401
            && other.reason.as_deref().is_some_and(asks_for_one)
            && {
                let likeness = likeness(evidence, other);
                likeness.same > 1 && !likeness.differs
            }
    })?;
    Some(
        Cause::likely(text)
            .about(other.origin.as_str())
            .facts(words(evidence))
            .fact(asks_though_sent(other))
            .facts(likeness(evidence, other).facts)
            .next(format!("see where the proxy or the name server leads {}", other.url()))
            .owner(format!("whoever runs the routing of {}", other.origin)),
    )
}

fn asks_though_sent(other: &Witness) -> String {
    let said = other.reason.as_deref().unwrap_or_default();
    format!("{} asks for a key that was sent: {said}", other.cited())
}
