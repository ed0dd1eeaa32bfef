//! What one step saw, as evidence about another.

use std::time::Duration;

use serde_json::Value;

use super::response::{challenge, header, reason, text};
use crate::event::{StepKey, StepRef};
use crate::outcome::{Attempt, Exchange, Hop, StepResult, Verdict};
use crate::record::PlanRecord;

/// What one step saw, as evidence about another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The step's id, else its name; with its case.
    pub step: String,
    /// Where it stands.
    pub key: StepKey,
    /// `POST http://…`, without the query.
    pub asked: String,
    /// Scheme, host and port.
    pub origin: String,
    /// The status.
    pub status: u16,
    /// Whether the step passed.
    pub passed: bool,
    /// Names of the secrets that were sent, each with its place in the request.
    pub secrets: Vec<(String, String)>,
    /// The `Server` header.
    pub server: Option<String>,
    /// What the body says is wrong.
    pub reason: Option<String>,
    /// The fields at the top of an error's body, in the order of the alphabet.
    pub shape: Option<String>,
    /// What `WWW-Authenticate` asks for: its scheme.
    pub challenge: Option<String>,
    /// The fields that a refusal names: `body.api_key`.
    pub fields: Vec<String>,
    /// Whether the body says that a key is valid: `is_valid`, `active`.
    pub says_valid: bool,
    /// How long the exchange took.
    pub took: Duration,
    /// When it began, since the run's start.
    pub at: Duration,
    /// How many requests it stands for.
    pub requests: u64,
}

/// How much is kept of a reason, in characters.
const REASON: usize = 400;

impl Witness {
    /// What a step saw, if anything answered.
    #[must_use]
    pub fn of(step: &StepRef, result: &StepResult) -> Option<Self> {
        let attempt = result.attempts.last()?;
        let exchange = attempt.exchange.as_deref()?;
        let response = exchange.response.as_ref()?;
        // Where a redirect led to another origin, that one answered, and was given no key.
        let led = exchange.hops.last().filter(|_| crosses(exchange));
        let url = led.map_or(&exchange.request.url, |hop| &hop.location);
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let method = match led {
            Some(_) if exchange.hops.iter().any(changes_method) => "GET",
            Some(_) | None => exchange.request.method.as_str(),
        };
        // What is well says little of others: only errors are parsed.
        let body = (response.status >= 400).then(|| response.json()).flatten();
        let said = body.as_ref().and_then(reason).map(|(_, text)| text);
        Some(Self {
            step: label(step),
            key: step.key(),
            asked: format!("{method} {url}"),
            origin: origin(url).to_owned(),
            status: response.status,
            passed: result.verdict == Verdict::Passed,
            secrets: if led.is_some() { Vec::new() } else { exchange.secrets_sent.clone() },
            server: header(response, "server").map(str::to_owned),
            reason: said.map(|text| text.chars().take(REASON).collect()),
            shape: body.as_ref().and_then(shape),
            challenge: challenge(response).map(str::to_owned),
            fields: body
                .iter()
                .flat_map(super::rules::fields_named)
                .map(|field| field.name)
                .collect(),
            says_valid: response.status < 300
                && text(response).is_some_and(|text| says_valid(text, url)),
            took: exchange.phases.total.unwrap_or_default(),
            at: attempt.at,
            requests: requests(result, attempt),
        })
    }

    /// Whether this secret went with its request, wherever.
    #[must_use]
    pub fn sent(&self, secret: &str) -> bool {
        self.secrets.iter().any(|(name, _)| name == secret)
    }

    /// The URL that was asked, without the query.
    #[must_use]
    pub fn url(&self) -> &str {
        self.asked.split_once(' ').map_or(&self.asked, |(_, url)| url)
    }

    /// `POST http://… (step `x`, 200)`
    #[must_use]
    pub fn cited(&self) -> String {
        format!("{} (step `{}`, {})", self.asked, self.step, self.status)
    }
}

/// What all steps of a plan saw that something answered.
#[must_use]
pub fn witnesses(plan: &PlanRecord) -> Vec<Witness> {
    plan.steps
        .iter()
        .filter_map(|record| Witness::of(&record.step, record.result.as_ref()?))
        .collect()
}

/// What a person calls a step.
pub(super) fn label(step: &StepRef) -> String {
    let name = step.id.as_ref().unwrap_or(&step.name);
    match &step.case {
        Some(case) => format!("{name} [{}]", case.name),
        None => name.clone(),
    }
}

/// Scheme, host and port of a URL.
pub(super) fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..host + end)).unwrap_or(url)
}

/// The fields of an error, by which services are told apart.
pub(super) fn shape(body: &Value) -> Option<String> {
    let mut names: Vec<&str> = body.as_object()?.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.truncate(12);
    Some(names.join(" "))
}

/// Whether redirects that were followed led to another origin at any time: there no key goes along.
pub(super) fn crosses(exchange: &Exchange) -> bool {
    let own = origin(&exchange.request.url);
    exchange.hops.iter().any(|hop| origin(&hop.location) != own)
}

/// Whether a redirect turns a request into a GET without its body, as browsers do it.
pub(super) fn changes_method(hop: &Hop) -> bool {
    match hop.status {
        301 | 302 => hop.method == "POST",
        303 => !matches!(hop.method.as_str(), "GET" | "HEAD"),
        _ => false,
    }
}

/// Whether a field says that a key is valid, in the words of those who check keys. A thing may be
/// `active`, or `valid`, too: there the body or the URL has to speak of a key.
fn says_valid(text: &str, url: &str) -> bool {
    let is_true = |name: &str| {
        let after = text.split_once(name).map_or("", |(_, after)| after);
        let value = after.trim_start().strip_prefix(':').unwrap_or_default();
        value.trim_start().starts_with("true")
    };
    let speaks_of = |names: &[&str]| names.iter().any(|name| text.contains(name));
    let path = url.get(origin(url).len()..).unwrap_or_default().to_ascii_lowercase();
    let asks_about = |names: &[&str]| names.iter().any(|name| path.contains(name));
    is_true("\"is_valid\"")
        || (is_true("\"active\"") && (speaks_of(&OF_A_TOKEN) || asks_about(&["introspect"])))
        || (is_true("\"valid\"")
            && (speaks_of(&OF_A_TOKEN)
                || speaks_of(&["\"api_key\"", "\"key_id\"", "\"token\"", "\"key\""])
                || asks_about(&["introspect", "key", "token", "auth"])))
}

/// What stands beside `active` where a token is spoken of, as RFC 7662 has it.
const OF_A_TOKEN: [&str; 5] =
    ["\"client_id\"", "\"token_type\"", "\"scope\"", "\"scopes\"", "\"exp\""];

fn requests(result: &StepResult, attempt: &Attempt) -> u64 {
    let samples = result.samples.as_ref().map(|samples| u64::from(samples.counts.total()));
    samples.unwrap_or_else(|| u64::from(result.tries.max(attempt.number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_checks_keys_is_known_by_what_it_says() {
        let (keys, page) = ("http://h/keys/check", "http://h/offers");
        for (text, url) in [
            (r#"{"is_valid": true}"#, page),
            (r#"{"a":{"active":true, "scope": "x"}}"#, page),
            (r#"{"active":true}"#, "http://h/oauth/introspect"),
            ("{\"valid\"\n:\ttrue}", keys),
            (r#"{"valid": true, "key_id": 7}"#, page),
        ] {
            assert!(says_valid(text, url), "{text}");
        }
        for text in [r#"{"is_valid": false}"#, r#"{"valid": "true"}"#, "", "true", r#""active""#] {
            assert!(!says_valid(text, keys), "{text}");
        }
        // Anything may be active, or valid.
        for text in [r#"{"name": "summer", "active": true}"#, r#"{"valid": true}"#] {
            assert!(!says_valid(text, page), "{text}");
        }
        assert!(!says_valid(r#"[{"active": true}]"#, "http://h/keys"));
    }

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin("http://h:1/a?b"), "http://h:1");
        assert_eq!(origin("http://h"), "http://h");
    }
}
