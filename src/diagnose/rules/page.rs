//! A web page where data was expected: a login page, an error page of a gateway, a web server.

use super::Rule;
use crate::diagnose::cause::{Cause, Fact};
use crate::diagnose::evidence::{Evidence, is_login};
use crate::diagnose::response::{self, is_html, title};

pub(super) const RULES: [Rule; 3] = [
    Rule {
        name: "page/login",
        says: "the page asks to sign in, by its title, its form or its URL: a session was wanted, not a key",
        find: login,
    },
    Rule {
        name: "page/gateway",
        says: "the page is the error page of a gateway, by its title: the service was not reached",
        find: gateway,
    },
    Rule { name: WEB_SERVER, says: "the answer is a web page, not data", find: web_server },
];

/// The weakest rule: it is heard where no other one is.
pub(super) const WEB_SERVER: &str = "page/web-server";

/// The text of a body.
pub(super) fn text<'a>(evidence: &Evidence<'a>) -> Option<&'a str> {
    response::text(evidence.response?)
}

/// Its kind and its title; nothing where it is no page, and JSON is none whatever it is called.
fn marks(evidence: &Evidence<'_>) -> Option<(Vec<Fact>, String)> {
    let response =
        evidence.response.filter(|response| is_html(response) && evidence.body.is_none())?;
    let kind = response::header(response, "content-type");
    let kind = kind.unwrap_or("not given, but the body is HTML");
    let mut facts = vec![Fact::new(format!("Content-Type: {kind}"))];
    let title = text(evidence).and_then(title).unwrap_or_default();
    if !title.is_empty() {
        facts.push(Fact::new(format!("<title>{title}</title>")));
    }
    Some((facts, title.to_lowercase()))
}

/// The parts of a title, without the number of a status: `502 Bad Gateway | Shop`.
fn parts(title: &str) -> impl Iterator<Item = &str> {
    let is_number = |c: char| c.is_ascii_digit() || c.is_whitespace();
    title.split(['|', '-', '–', '—', '·', ':', '»']).map(move |part| {
        let part = part.trim_matches(is_number);
        part.strip_prefix("error").unwrap_or(part).trim_matches(is_number)
    })
}

/// Whether a part of a title says this and no more. A page about logins has them in its title too.
fn is_titled(title: &str, words: &[&str]) -> bool {
    words.contains(&title) || parts(title).any(|part| words.contains(&part))
}

fn title_begins(title: &str, words: &[&str]) -> bool {
    parts(title).any(|part| words.iter().any(|word| part.starts_with(word)))
}

fn login(evidence: &Evidence<'_>) -> Option<Cause> {
    let (facts, title) = marks(evidence)?;
    let logins = ["sign in", "signin", "log in", "login", "single sign-on"];
    let (whole, begun) = (is_titled(&title, &logins), title_begins(&title, &logins));
    let form = text(evidence).is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        text.contains("type=\"password\"") || text.contains("type='password'")
    });
    let last = evidence.exchange.hops.last();
    let hop = last
        .filter(|hop| is_login(&hop.location) || hop.location.to_lowercase().ends_with("/auth"));
    // A page of another kind may have such a form beside.
    let is_sure = whole || hop.is_some() || (form && begun);
    if !begun && !form && !is_sure {
        return None;
    }
    let cause = if is_sure { Cause::certain } else { Cause::likely };
    Some(
        cause("the answer is a login page: a session was wanted, not a key")
            .about(evidence.origin())
            .facts(facts)
            .facts(form.then(|| Fact::new("the page has a form with a password")))
            .facts(hop.map(|hop| Fact::new(format!("{} led to {}", hop.url, hop.location))))
            .next("ask the API's own host, or send what its login wants"),
    )
}

fn gateway(evidence: &Evidence<'_>) -> Option<Cause> {
    let (facts, title) = marks(evidence)?;
    let named = ["bad gateway", "gateway time-out", "gateway timeout", "service unavailable"];
    let is_sure = is_titled(&title, &named);
    if !is_sure && !matches!(evidence.status(), 502..=504) {
        return None;
    }
    // A service that is shut for a while has a page too.
    let cause = if is_sure { Cause::certain } else { Cause::likely };
    Some(
        cause("the answer is a gateway's page, not the service's data")
            .about(evidence.origin())
            .facts(facts)
            .facts(evidence.header_fact("Server"))
            .next("look at the service behind the gateway"),
    )
}

fn web_server(evidence: &Evidence<'_>) -> Option<Cause> {
    let (facts, _) = marks(evidence)?;
    Some(
        Cause::certain("the answer is a web page, not data")
            .about(evidence.origin())
            .facts(facts)
            .next(
                "check the URL: a login page, a gateway or a web server answered instead of the API",
            ),
    )
}
