//! 404 and 405: the path, the method, and what a redirect made of them.

use super::Rule;
use crate::diagnose::cause::{Cause, Confidence, Fact};
use crate::diagnose::evidence::{Evidence, is_login};
use crate::diagnose::response::is_html;
use crate::diagnose::witness::{Witness, changes_method, origin};

pub(super) const RULES: [Rule; 9] = [
    Rule {
        name: "path/redirect-changed-method",
        says: "a redirect turned the request into a GET without its body",
        find: redirect_changed_method,
    },
    Rule {
        name: "path/redirected",
        says: "the server sends the request elsewhere and the plan does not follow: where to",
        find: redirected,
    },
    Rule {
        name: "path/method",
        says: "the path is there and takes other methods: `Allow` names them",
        find: method,
    },
    Rule {
        name: "path/doubled",
        says: "a part of the path stands in it twice, as when `base_url` ends with what the step begins with",
        find: doubled,
    },
    Rule {
        name: "path/undocumented",
        says: "a 404 or 405, and the document of the contract does not have what was asked: what it has that is nearest",
        find: undocumented,
    },
    Rule {
        name: "path/misspelt",
        says: "the same server answered a path that differs in a letter or two",
        find: misspelt,
    },
    Rule {
        name: "path/base",
        says: "the path begins with what the base URL adds, and nothing below that was answered in this run",
        find: base,
    },
    Rule {
        name: "path/no-such-thing",
        says: "the service knows the path and says in its own words that what is named is not there",
        find: no_such_thing,
    },
    Rule {
        name: "path/no-route",
        says: "a web server answered that it has no such path, not the service",
        find: no_route,
    },
];

fn redirect_changed_method(evidence: &Evidence<'_>) -> Option<Cause> {
    let method = evidence.exchange.request.method.as_str();
    // What a 303 leads to is meant to be read: a change of the method is what it says.
    let hop = evidence.exchange.hops.iter().find(|hop| changes_method(hop) && hop.status != 303)?;
    let path = |url: &str| {
        let path = url.get(origin(url).len()..).unwrap_or_default();
        path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned()
    };
    // To the same path, as with https or a slash, the same request was to go. Elsewhere a result may lie.
    let confidence = match (path(&hop.url) == path(&hop.location), evidence.status()) {
        (true, 400..=499) => Confidence::Certain,
        (true, 500..) | (false, 400 | 404 | 405 | 411 | 415 | 422) => Confidence::Likely,
        _ => return None,
    };
    Some(
        Cause::new(confidence, format!("a redirect turned this {method} into a GET without its body"))
            .about(evidence.origin())
            .fact(format!("{} {} answered {} to {}", hop.method, hop.url, hop.status, hop.location))
            .facts(evidence.host_variable())
            .next("ask for the URL that the redirect leads to: often https instead of http, or a slash at the end"),
    )
}

fn redirected(evidence: &Evidence<'_>) -> Option<Cause> {
    let is_redirect = matches!(evidence.status(), 301..=303 | 307 | 308);
    let location = evidence.header("location").filter(|_| is_redirect)?;
    let text = if is_login(location) {
        "the server sends to a login instead of an answer: a session was wanted, not a key"
    } else {
        "the server sends the request elsewhere, and the plan does not follow"
    };
    Some(
        Cause::certain(text)
            .about(evidence.origin())
            .fact(format!("{} to {location}", evidence.status()))
            .facts(evidence.host_variable())
            .next("ask the URL that it leads to, or follow it: `follow_redirects: true`"),
    )
}

fn method(evidence: &Evidence<'_>) -> Option<Cause> {
    let allow = evidence.header_fact("Allow").filter(|_| evidence.status() == 405)?;
    let method = &evidence.exchange.request.method;
    let mut allowed = evidence.header("Allow").unwrap_or_default().split(',');
    // Whoever answers so contradicts itself.
    if allowed.any(|allowed| allowed.trim().eq_ignore_ascii_case(method)) {
        return None;
    }
    Some(
        Cause::certain(format!("`{method}` is not allowed on this path"))
            .about(evidence.path())
            .facts([allow])
            .next("correct the method, or the path"),
    )
}

fn doubled(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() != 404 {
        return None;
    }
    let segments: Vec<&str> =
        evidence.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let twice = (1..=segments.len() / 2).rev().find_map(|length| {
        let pairs = segments.windows(2 * length);
        pairs
            .map(|pair| pair.split_at(length))
            .find(|(one, other)| one == other)
            .map(|(one, _)| one)
    })?;
    let part = format!("/{}", twice.join("/"));
    let base = evidence.exchange.url_from.iter().find(|from| {
        let path = from.value.split_once("://").map_or("", |(_, rest)| rest);
        path.trim_end_matches('/').ends_with(&part)
    });
    let cause = if base.is_some() { Cause::certain } else { Cause::likely };
    Some(
        cause(format!("`{part}` stands twice in the path"))
            .about(evidence.origin())
            .fact(format!("the path is {}", evidence.path()))
            .facts(base.map(|base| {
                Fact::at(format!("`{}` ends with it: {}", base.name, base.value), base.place)
            }))
            .next("take it out of the variable, or out of the step"),
    )
}

fn misspelt(evidence: &Evidence<'_>) -> Option<Cause> {
    if !matches!(evidence.status(), 404 | 405) || evidence.path().len() < 4 {
        return None;
    }
    let (own, path) = (evidence.path(), |other: &Witness| {
        let url = other.asked.split_once(' ').map_or("", |(_, url)| url).to_owned();
        url.get(other.origin.len()..).unwrap_or_default().to_owned()
    });
    let near = evidence.well_answered().find(|other| {
        let other = path(other);
        other != own && differ_in_a_word(own, &other) && near(own, &other)
    })?;
    Some(
        Cause::likely("the path is misspelt")
            .about(own)
            .fact(format!("the path is {own}"))
            .fact(format!("the same server answered {}", near.cited()))
            .next(format!("did you mean {}?", path(near))),
    )
}

/// Whether two paths have the same number of segments, and one of them differs: not an id.
fn differ_in_a_word(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    let differing: Vec<_> = one.iter().zip(&other).filter(|(a, b)| a != b).collect();
    let is_word = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_ascii_digit());
    one.len() == other.len()
        && matches!(differing.as_slice(), [(a, b)] if is_word(a) && is_word(b) && a.len() > 3)
}

/// At most two letters apart.
fn near(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let begin = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let rest = |all: &[char]| all.get(begin..).unwrap_or_default().to_vec();
    let (one, other) = (rest(&one), rest(&other));
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    one.len().max(other.len()) - end.min(one.len()).min(other.len()) <= 2
}

fn base(evidence: &Evidence<'_>) -> Option<Cause> {
    if evidence.status() != 404 || says_what(evidence) || evidence.was_led_away() {
        return None;
    }
    let url = &evidence.exchange.request.url;
    let from = evidence.exchange.url_from.iter().find(|from| {
        let rest = from.value.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        !path.trim_matches('/').is_empty() && url.starts_with(&from.value)
    })?;
    let below =
        |url: &str| url.split_once(' ').is_some_and(|(_, url)| url.starts_with(&from.value));
    if evidence.well_answered().any(|other| below(&other.asked)) {
        return None;
    }
    let path = from.value.get(evidence.origin().len()..).unwrap_or_default();
    Some(
        Cause::possible(format!("the server has nothing below `{path}`, which the base URL adds"))
            .about(evidence.origin())
            .facts([Fact::at(format!("`{}` is {}", from.name, from.value), from.place)])
            .fact(format!(
                "the path is {}, and nothing below `{path}` was answered",
                evidence.path()
            ))
            .facts(evidence.header_fact("Server"))
            .next("take it out of the variable, or see below which path the service stands"),
    )
}

/// Whether a 404 tells what is not there; frameworks say less of a path that they do not have.
fn says_what(evidence: &Evidence<'_>) -> bool {
    let words = evidence.said_lower();
    let words = words.trim().trim_end_matches(['.', '!']);
    let bare = [
        "",
        "not found",
        "404 not found",
        "404 page not found",
        "page not found",
        "resource not found",
        "route not found",
        "path not found",
        "endpoint not found",
        "unknown endpoint",
        "unknown path",
    ];
    !bare.contains(&words) && !is_of_a_router(words)
}

/// Whether a framework says that it has no such path: Kong, Rails, Werkzeug, Spring, Express, Fastify.
fn is_of_a_router(words: &str) -> bool {
    let begins = [
        "no route matched",
        "no route matches",
        "no route found",
        "the requested url was not found on th",
        "no static resource",
        "no handler found",
        "no endpoint ",
    ];
    let has_path = || words.contains('/');
    let methods = ["get", "head", "post", "put", "patch", "delete", "options"];
    let cannot = words.strip_prefix("cannot ").and_then(|rest| rest.split([' ', ':']).next());
    begins.iter().any(|begin| words.starts_with(begin))
        || cannot.is_some_and(|word| methods.contains(&word))
        || (words.starts_with("route ") && words.ends_with("not found") && has_path())
}

fn no_such_thing(evidence: &Evidence<'_>) -> Option<Cause> {
    let said = evidence.said_fact().filter(|_| evidence.status() == 404 && says_what(evidence))?;
    Some(
        Cause::likely("the service knows the path, and what is named is not there")
            .about(evidence.path())
            .facts([said])
            .facts(deleted(evidence))
            .next("see which step was to make it, and whether another one removed it"),
    )
}

/// A step of this run that deleted something on the way to what is missing.
fn deleted(evidence: &Evidence<'_>) -> Option<Fact> {
    let origin = evidence.origin();
    let path = evidence.path();
    let other = evidence.others.iter().find(|other| {
        other.passed
            && other.origin == origin
            && other.asked.strip_prefix("DELETE ").is_some_and(|url| url.ends_with(path))
    })?;
    Some(Fact::new(format!("{} removed it in this run", other.cited())))
}

fn no_route(evidence: &Evidence<'_>) -> Option<Cause> {
    let response = evidence.response.filter(|response| response.status == 404)?;
    if !is_html(response) {
        return None;
    }
    let known = evidence
        .well_answered()
        .next()
        .map(|other| Fact::new(format!("it answered {}", other.cited())));
    Some(
        Cause::likely("what answered has no such path: it is a web server or another service")
            .about(evidence.origin())
            .facts(evidence.header_fact("Content-Type"))
            .facts(evidence.header_fact("Server"))
            .facts(evidence.host_variable())
            .against(known)
            .next("check the path, and which service answers under this host"),
    )
}

fn undocumented(evidence: &Evidence<'_>) -> Option<Cause> {
    let used = evidence.result.attempts.last()?.contract.as_deref()?;
    let nearest = used.nearest.as_ref().filter(|_| matches!(evidence.status(), 404 | 405))?;
    let (asked, known) = (&used.operation, &nearest.operation);
    Some(
        Cause::likely(format!("the document of `{}` does not know `{asked}`", used.contract))
            .about(evidence.path())
            .fact(format!("status {}", evidence.status()))
            .facts([Fact::at(format!("the document knows `{known}`, the nearest"), nearest.place)])
            .facts(evidence.said_fact())
            .next(format!("ask for `{known}`, or let the document know `{asked}`")),
    )
}
