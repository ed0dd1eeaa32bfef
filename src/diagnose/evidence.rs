//! What a rule may look at: one step with its last exchange, and what the other steps saw.

use serde_json::Value;

use super::cause::Fact;
use super::response::{header, reason};
use super::witness::{Witness, crosses, origin};
use crate::event::StepRef;
use crate::outcome::{Exchange, Response, SecretShape, SentPart, StepResult, Transport};

/// One step that did not pass, and everything that its rules may look at.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The step.
    pub step: &'a StepRef,
    /// How it ended.
    pub result: &'a StepResult,
    /// Its last exchange.
    pub exchange: &'a Exchange,
    /// What came back.
    pub response: Option<&'a Response>,
    /// Why nothing did.
    pub error: Option<&'a Transport>,
    /// The body as JSON, if it is whole and is JSON.
    pub body: Option<Value>,
    /// What the body says is wrong.
    pub said: Option<String>,
    /// The other steps of the plan that something answered.
    pub others: Vec<&'a Witness>,
}

impl<'a> Evidence<'a> {
    /// The evidence about a step, if it sent anything.
    #[must_use]
    pub fn of(step: &'a StepRef, result: &'a StepResult, others: &'a [Witness]) -> Option<Self> {
        let attempt = result.attempts.last()?;
        let exchange = attempt.exchange.as_deref()?;
        let response = exchange.response.as_ref();
        let body = response.and_then(Response::json);
        let said = body.as_ref().and_then(reason).map(|(_, text)| text);
        // A step of another plan may stand at the same position.
        let (key, at) = (step.key(), attempt.at);
        Some(Self {
            step,
            result,
            exchange,
            response,
            error: exchange.error.as_ref(),
            body,
            said,
            others: others.iter().filter(|other| other.key != key || other.at != at).collect(),
        })
    }

    /// The status; 0 where nothing came back.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.map_or(0, |response| response.status)
    }

    /// Whether the plan asked for this status: then it is not a cause of anything.
    #[must_use]
    pub fn status_was_wanted(&self) -> bool {
        self.result.attempts.last().is_some_and(|attempt| {
            attempt.assertions.iter().any(|a| a.subject == "status" && a.passed)
        })
    }

    /// A header of the response.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.response?, name)
    }

    /// What the body says is wrong, in lower case; empty where it says nothing.
    #[must_use]
    pub fn said_lower(&self) -> String {
        self.said.as_deref().unwrap_or_default().to_lowercase()
    }

    /// A header of the request.
    #[must_use]
    pub fn sent_header(&self, name: &str) -> Option<&'a str> {
        let headers = &self.exchange.request.headers;
        let known = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.as_str())
    }

    /// Scheme, host and port of what answered: where redirects led to, if any were followed.
    #[must_use]
    pub fn origin(&self) -> &'a str {
        let asked = &self.exchange.request.url;
        origin(self.exchange.hops.last().map_or(asked, |hop| &hop.location))
    }

    /// Whether redirects that were followed led to another origin at any time, where no key goes along.
    #[must_use]
    pub fn was_led_away(&self) -> bool {
        crosses(self.exchange)
    }

    /// The host that was asked, without its port.
    #[must_use]
    pub fn host(&self) -> &'a str {
        host(self.origin())
    }

    /// The path that was asked.
    #[must_use]
    pub fn path(&self) -> &'a str {
        let url = self.exchange.request.url.as_str();
        let rest = url.get(origin(url).len()..).unwrap_or_default();
        rest.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether a declared secret went with the request.
    #[must_use]
    pub fn sent_secret(&self) -> bool {
        !self.exchange.secrets_sent.is_empty()
    }

    /// The name of the first secret that was sent.
    #[must_use]
    pub fn secret(&self) -> &'a str {
        self.exchange.secrets_sent.first().map_or("", |(name, _)| name.as_str())
    }

    /// Steps whose request carried one of the same secrets.
    pub fn same_secret(&self) -> impl Iterator<Item = &'a Witness> {
        let secrets = &self.exchange.secrets_sent;
        self.others.iter().copied().filter(|other| secrets.iter().any(|(name, _)| other.sent(name)))
    }

    /// Steps that show that one of the same secrets is good. A page of the same server that is open to
    /// all, such as `/version`, takes any key: there only what lies beside the path counts.
    pub fn takers(&self) -> impl Iterator<Item = &'a Witness> {
        let (origin, own) = (self.origin(), first_part(&self.exchange.request.url));
        self.same_secret().filter(move |other| {
            let is_beside = other.origin != origin || first_part(other.url()) == own;
            other.passed && other.status < 300 && (other.says_valid || is_beside)
        })
    }

    /// What is known of the secrets that were sent.
    #[must_use]
    pub fn shapes(&self) -> &'a [SecretShape] {
        &self.exchange.secret_shapes
    }

    /// The part of the request that a pointer, `query NAME` or `header NAME` names, else the nearest
    /// that holds it.
    #[must_use]
    pub fn part(&self, at: &str) -> Option<&'a SentPart> {
        let parts = &self.exchange.sent_from;
        let mut at = at;
        loop {
            let same = |part: &&SentPart| match at.split_once(' ') {
                Some(("header", _)) => part.at.eq_ignore_ascii_case(at),
                Some(_) | None => part.at == at,
            };
            if let Some(part) = parts.iter().find(same) {
                return Some(part);
            }
            at = at
                .rsplit_once('/')
                .map(|(parent, _)| parent)
                .filter(|parent| !parent.is_empty())?;
        }
    }

    /// Which variable names the host, and where it is set.
    #[must_use]
    pub fn host_variable(&self) -> Option<Fact> {
        if self.was_led_away() {
            return None;
        }
        let url = &self.exchange.request.url;
        let part = self.exchange.url_from.iter().find(|part| {
            !part.value.is_empty()
                && (url.starts_with(&part.value) || part.value.contains(self.host()))
        })?;
        let text = format!("`{}` names this host: {}", part.name, part.value);
        let from = part.place.is_none() && !part.source.is_empty();
        Some(Fact::at(if from { format!("{text} ({})", part.source) } else { text }, part.place))
    }

    /// What the server says is wrong, as a fact.
    #[must_use]
    pub fn said_fact(&self) -> Option<Fact> {
        self.said.as_ref().map(|said| Fact::new(format!("the server says: {said}")))
    }

    /// A header of the response as a fact.
    #[must_use]
    pub fn header_fact(&self, name: &str) -> Option<Fact> {
        self.header(name).map(|value| Fact::new(format!("{name}: {value}")))
    }

    /// What the same origin answered well last before this, else anything that it answered well.
    #[must_use]
    pub fn answered_before(&self) -> Option<&'a Witness> {
        let own = self.result.attempts.last().map(|attempt| attempt.at).unwrap_or_default();
        let before = self.well_answered().filter(|other| other.at <= own);
        before.max_by_key(|other| other.at).or_else(|| self.well_answered().next())
    }

    /// Steps that the same origin answered well.
    pub fn well_answered(&self) -> impl Iterator<Item = &'a Witness> {
        let origin = self.origin();
        self.others
            .iter()
            .copied()
            .filter(move |other| other.origin == origin && other.status < 400)
    }
}

/// The host of an origin, without its port.
pub(super) fn host(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    match host.strip_prefix('[').and_then(|six| six.split_once(']')) {
        Some((six, _)) => six,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    }
}

/// Whether a text holds one of some words.
pub(super) fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Whether a text holds a value as a word of its own, not as a part of another.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_'));
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        ends(before) && ends(after)
    })
}

/// Whether a text, in lower case, speaks of a key or a token, and not of one that no plan declares.
pub(super) fn names_a_key(text: &str) -> bool {
    let words = ["key", "keys", "api-key", "token", "tokens", "bearer", "jwt"];
    let parts = ["credential", "api_key", "apikey", "access_token", "invalid_token"];
    let others = [
        "csrf",
        "xsrf",
        "one-time",
        "otp",
        "captcha",
        "two-factor",
        "mfa",
        "primary key",
        "foreign key",
    ];
    (words.iter().any(|word| has_word(text, word)) || has(text, &parts)) && !has(text, &others)
}

/// Whether a URL or a path leads to a login, by one of its parts.
pub(super) fn is_login(url: &str) -> bool {
    const LOGINS: [&str; 10] = [
        "login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "sso", "oauth",
        "oauth2",
    ];
    let lower = url.to_ascii_lowercase();
    lower.split(['/', '?', '#', '&', '=', '.', ':']).any(|part| LOGINS.contains(&part))
}

/// The first part of the path of a URL: `api` of `http://a.test/api/2.0/things`.
fn first_part(url: &str) -> &str {
    let path = url.get(origin(url).len()..).unwrap_or_default().trim_start_matches('/');
    path.split(['/', '?', '#']).next().unwrap_or_default()
}
