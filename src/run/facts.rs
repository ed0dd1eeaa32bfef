//! What a cause will need to know of a request that was not taken, and what nobody could tell once
//! secrets are masked: how long a key is, when a token ends, which line gave which part.

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::Value;

use super::attempt::StepScene;
use crate::check::Request;
use crate::outcome::{Exchange, SecretShape, SentPart, UrlPart};
use crate::source::Place;
use crate::template::{Bound, Group};

impl StepScene<'_> {
    /// States the facts of a request that got an error, or nothing.
    pub(super) fn state_facts(&self, request: &Request, number: u32, exchange: &mut Exchange) {
        let answered = exchange.response.as_ref().map(|response| response.status);
        if answered.is_some_and(|status| status < 400) {
            return;
        }
        for UrlPart { name, value: _, place, source } in &mut exchange.url_from {
            if place.is_none() && source.is_empty() {
                *place = self.set_at(name);
            }
        }
        if answered.is_none() {
            return;
        }
        exchange.sent_from = request
            .written
            .iter()
            .map(|part| SentPart {
                at: part.at.clone(),
                place: part.place,
                given_by: part.given_by.clone(),
                set_at: part.given_by.as_deref().and_then(|name| self.set_at(name)),
            })
            .collect();
        let mut names: Vec<&String> = exchange.secrets_sent.iter().map(|(name, _)| name).collect();
        names.dedup();
        let shapes: Vec<SecretShape> =
            names.into_iter().filter_map(|name| self.shape(name, number)).collect();
        exchange.secret_shapes = shapes;
    }

    /// Where a variable is set, if in a file.
    fn set_at(&self, name: &str) -> Option<Place> {
        if let Some(variable) = name.strip_prefix("env.") {
            return self.values.environment.origins.get(variable)?.place;
        }
        let first = name.split('.').next()?;
        Some(self.plan.vars().iter().find(|var| var.name == first)?.place)
    }

    /// What may be said of a secret.
    fn shape(&self, name: &str, number: u32) -> Option<SecretShape> {
        let pattern = self.plan.secrets().iter().find(|secret| secret.name.value == name);
        let pattern = pattern.and_then(|secret| secret.matches.as_ref());
        self.render(number, None, |renderer| {
            let names = renderer.scope.names;
            let declared = match names.get("secrets") {
                Some(Bound::Group(secrets)) => text(secrets, name),
                Some(Bound::Value { .. } | Bound::Omit) | None => None,
            };
            let value = declared.or_else(|| text(names, name))?;
            let expires = expiry(&value);
            Some(SecretShape {
                name: name.to_owned(),
                length: u32::try_from(value.chars().count()).unwrap_or(u32::MAX),
                edge_whitespace: value.trim() != value,
                matches: pattern.map(|pattern| pattern.is_match(&value)),
                expired: expires.is_some_and(|expires| expires <= self.context.now()),
                expires: expires.map(|expires| expires.to_string()),
            })
        })
    }
}

/// A name that stands for a text.
fn text(names: &dyn Group, name: &str) -> Option<String> {
    match names.get(name)? {
        Bound::Value { value, taint: _ } => value.as_str().map(str::to_owned),
        Bound::Group(_) | Bound::Omit => None,
    }
}

/// When a JWT ends (RFC 7519 §4.1.4); nothing for any other text. Its signature is not looked at.
fn expiry(text: &str) -> Option<Timestamp> {
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = engine.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let exp = claims.get("exp")?;
    #[expect(clippy::cast_possible_truncation, reason = "a date of seconds, cut to whole ones")]
    let seconds = exp.as_i64().or_else(|| exp.as_f64().map(|seconds| seconds as i64))?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.sig", encode(r#"{"alg":"HS256"}"#), encode(claims))
    }

    #[test]
    fn the_end_of_a_token_is_read_out_of_it() {
        let ends = expiry(&token(r#"{"sub":"a","exp":1700000000}"#));
        assert_eq!(ends.map(|at| at.to_string()).as_deref(), Some("2023-11-14T22:13:20Z"));
        let ends = expiry(&format!("Bearer {}", token(r#"{"exp":1700000000.5}"#)));
        assert!(ends.is_some());
    }

    #[test]
    fn what_is_no_token_has_no_end() {
        for text in ["hk_live_0123456789", "a.b.c", "a.b", &token("{}"), &token("[1]")] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}
