//! Shows who a request is from where that takes more than a header: a token that is asked for first,
//! the answer to a challenge.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use url::{Position, Url};

use super::attempt::{Attempted, Cut, Ended, StepScene};
use super::context::Context;
use super::files::Absent;
use super::render::{Fault, Rendered, Renderer};
use super::url::encode;
use super::wire::{self, Provenance};
use crate::check::OAuth2;
use crate::finding::{Code, Finding};
use crate::http::{self, Asked, Exchanged, digest_answer, digest_secrets};
use crate::source::Place;
use crate::template::{Taint, ValueTemplate};
use crate::units::hex;

/// What a request does to show who it is from.
#[derive(Debug)]
pub(super) enum Login {
    /// Answers a challenge.
    Digest { user: String, password: String, taint: Taint },
    /// Shows a token.
    Token(Box<TokenRequest>),
}

/// A token, asked for where there is none yet.
#[derive(Debug)]
pub(super) struct TokenRequest {
    request: http::Request,
    /// Tells clients, scopes and endpoints apart, without a secret in it.
    key: String,
    place: Place,
    secret: Taint,
}

/// The tokens of a run, each asked for once.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Token>>>>>);

#[derive(Debug)]
struct Token {
    text: String,
    /// When it is to be asked for again, since the begin of the run.
    until: Option<Duration>,
}

/// No token: what is said, and what was asked.
struct NoToken(Box<Finding>, Option<Box<crate::outcome::Exchange>>);

impl Login {
    /// Where it asks before the request itself is sent.
    pub(super) fn asks(&self) -> Option<&Url> {
        match self {
            Self::Token(token) => Some(&token.request.url),
            Self::Digest { .. } => None,
        }
    }

    /// How it stands in a request that is only looked at.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Digest { user, password, taint: _ } => format!("Digest {user}:{password}"),
            Self::Token(_) => "Bearer {access_token}".to_owned(),
        }
    }
}

impl Renderer<'_> {
    /// The request for a token; connections are made as those of the step's own request.
    pub(super) fn token_request(&self, oauth: &OAuth2) -> Result<Option<Login>, Fault> {
        let (Some((url, _)), Some((client, _))) =
            (self.text(&oauth.token_url)?, self.text(&oauth.client_id)?)
        else {
            return Ok(None);
        };
        let optional = |value: &Option<ValueTemplate>| match value {
            Some(value) => self.text(value),
            None => Ok(None),
        };
        let (secret, scope) = (optional(&oauth.client_secret)?, optional(&oauth.scope)?);
        let shown = self.gate.text(&url).into_owned();
        let parsed = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let parsed = match (parsed, self.files.absent) {
            (Some(parsed), _) => parsed,
            (None, Absent::Shown) => return Ok(None),
            (None, Absent::Refused) => {
                return Err(Box::new(
                    Finding::error(Code::BadUrl, format!("`{shown}` is not a URL"))
                        .at(oauth.place, "what this rendered to")
                        .help("the URL of the token endpoint begins with `http://` or `https://`"),
                ));
            }
        };
        let mut request = http::Request::new("POST", parsed);
        request.url_from_response = oauth.captured;
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some((scope, _)) = &scope {
            let _ = write!(body, "&scope={}", encode(scope));
        }
        let taint = secret.as_ref().and_then(|(_, taint)| taint.clone());
        if let Some((secret, _)) = &secret {
            // RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
            let pair = format!("{}:{}", encode(&client), encode(secret));
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            if let Some(name) = &taint {
                let _ = self.gate.register(name, &pair);
            }
            request.headers.push(("Authorization".into(), format!("Basic {pair}")));
        } else {
            let _ = write!(body, "&client_id={}", encode(&client));
        }
        let form = "application/x-www-form-urlencoded";
        request.headers.push(("Content-Type".into(), form.into()));
        request.headers.push(("Accept".into(), "application/json".into()));
        request.body = http::Body::from(body);
        request.body_is_secret = taint.is_some();
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let secret = secret.map(|(secret, _)| secret).unwrap_or_default();
        let scope = scope.map(|(scope, _)| scope).unwrap_or_default();
        for text in [&url, &client, &secret, &scope] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let key = hex(context.finish().as_ref());
        let token = TokenRequest { request, key, place: oauth.place, secret: taint };
        Ok(Some(Login::Token(Box::new(token))))
    }
}

impl StepScene<'_> {
    /// Puts a token into a request that shows one, and asks for it where there is none; an attempt
    /// that has ended, where none is to be had.
    pub(super) async fn log_in(
        &self,
        rendered: &mut Rendered,
        number: u32,
        at: Duration,
        until: Option<Duration>,
    ) -> Result<(), Box<Attempted>> {
        let Some(Login::Token(token)) = &mut rendered.login else { return Ok(()) };
        let own = &rendered.request;
        token.request.timeout = own.timeout;
        token.request.connect_timeout = own.connect_timeout;
        token.request.dial = Arc::clone(&own.dial);
        token.request.allow = Arc::clone(&own.allow);
        self.name_own(&mut token.request);
        let found = match self.bounded(self.context.tokens.get(self.context, token), until).await {
            Ok(found) => found,
            Err(cut) => return Err(Box::new(cut_short(number, at, cut))),
        };
        match found {
            Ok(text) => {
                rendered.request.headers.push(("Authorization".into(), format!("Bearer {text}")));
                rendered.request.credentials.push("authorization".into());
                let sent = ("access_token".to_owned(), "header Authorization".to_owned());
                rendered.provenance.secrets_sent.push(sent);
                Ok(())
            }
            Err(NoToken(finding, exchange)) => {
                let mut attempted = Attempted::errored(number, at, vec![*finding]);
                attempted.attempt.exchange = exchange;
                Err(Box::new(attempted))
            }
        }
    }

    /// Answers a digest challenge, once; nothing where there is none to be answered.
    pub(super) async fn answer_challenge(
        &self,
        rendered: &mut Rendered,
        exchanged: &Exchanged,
    ) -> Option<Result<Exchanged, http::RequestFault>> {
        let Some(Login::Digest { user, password, taint }) = &rendered.login else { return None };
        let answer = exchanged.answer.as_ref().ok()?;
        if answer.status != 401 || !exchanged.hops.is_empty() {
            return None;
        }
        let request = &mut rendered.request;
        let seed = format!("{} {}", self.context.run, self.context.entropy());
        let cnonce = hex(ring::digest::digest(&ring::digest::SHA256, seed.as_bytes()).as_ref());
        let asked = Asked {
            user,
            password,
            method: &request.method,
            target: &request.url[Position::BeforePath..Position::AfterQuery],
            cnonce: cnonce.get(..32).unwrap_or_default(),
        };
        // A server that knows the digest of the password may show it: it is as good as the password.
        let name = taint.as_deref().unwrap_or("password");
        for secret in digest_secrets(answer.header("www-authenticate"), &asked) {
            let _ = self.context.gate.register(name, &secret);
        }
        let header = digest_answer(answer.header("www-authenticate"), &asked)?;
        let sent = taint.iter().map(|name| (name.to_string(), "header Authorization".to_owned()));
        rendered.provenance.secrets_sent.extend(sent);
        request.headers.push(("Authorization".into(), header));
        request.credentials.push("authorization".into());
        request.barrier = None;
        self.name_again(rendered);
        let jar = rendered.send_jar.then_some(self.jar);
        Some(self.context.client.exchange(&rendered.request, jar).await)
    }
}

fn cut_short(number: u32, at: Duration, cut: Cut) -> Attempted {
    Attempted::new(number, at, Ended::Cut(cut))
}

impl Tokens {
    /// The token of a client, asked for by the first who needs it; the others wait for it.
    async fn get(&self, context: &Context, wanted: &TokenRequest) -> Result<String, NoToken> {
        let cell = {
            let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(wanted.key.clone()).or_default())
        };
        let mut token = cell.lock().await;
        let now = context.elapsed();
        if let Some(Token { text, until }) = &*token
            && until.is_none_or(|until| now < until)
        {
            return Ok(text.clone());
        }
        let new = ask(context, wanted).await?;
        let text = new.text.clone();
        *token = Some(new);
        Ok(text)
    }
}

async fn ask(context: &Context, wanted: &TokenRequest) -> Result<Token, NoToken> {
    let shown = context.gate.text(wanted.request.url.as_str()).into_owned();
    let no_token = |why: String| {
        Box::new(
            Finding::error(Code::NoToken, format!("no token of `{shown}`: {why}"))
                .at(wanted.place, "asked here"),
        )
    };
    let exchanged = match context.client.exchange(&wanted.request, None).await {
        Ok(exchanged) => exchanged,
        Err(fault) => return Err(NoToken(no_token(fault.to_string()), None)),
    };
    let body = match &wanted.request.body {
        http::Body::Bytes(bytes) => bytes.clone(),
        http::Body::Empty | http::Body::Stream { .. } => bytes::Bytes::new(),
    };
    let sent = wanted.secret.iter().map(|name| (name.to_string(), "token request".to_owned()));
    let provenance = Provenance {
        url_from: Vec::new(),
        secrets_sent: sent.collect(),
        plans_ids: Vec::new(),
        body: super::body::Told::Bytes(body),
    };
    let told =
        |exchanged: &Exchanged| Some(Box::new(wire::exchange(exchanged, provenance.clone())));
    let answer = match &exchanged.answer {
        Ok(answer) => answer,
        Err(error) => {
            return Err(NoToken(no_token(error.message.clone()), told(&exchanged)));
        }
    };
    let json = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let field = |name: &str| json.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let text = match field("access_token") {
        Some(text) if (200..300).contains(&answer.status) => text.to_owned(),
        found => {
            // RFC 6749 §5.2 names what is wrong.
            let said: Vec<&str> =
                ["error", "error_description"].into_iter().filter_map(field).collect();
            let why = match (found, said.as_slice()) {
                (_, [_, ..]) => format!("{} ({})", answer.status, said.join(": ")),
                (None, []) if answer.status < 300 => {
                    format!("the answer {} holds no `access_token`", answer.status)
                }
                (_, []) => answer.status.to_string(),
            };
            if let Some(text) = found {
                let _ = context.gate.register("access_token", text);
            }
            let finding = no_token(why).help("look at the client's id, its secret and its scope");
            return Err(NoToken(Box::new(finding), told(&exchanged)));
        }
    };
    let _ = context.gate.register("access_token", &text);
    let lasts =
        json.get("expires_in").and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
    // A token that ends while a request is on its way would be refused.
    let lasts = lasts.map(Duration::from_secs);
    let until = lasts.map(|lasts| {
        let early = (lasts / 10).min(Duration::from_secs(30));
        context.elapsed().saturating_add(lasts.saturating_sub(early))
    });
    Ok(Token { text, until })
}
