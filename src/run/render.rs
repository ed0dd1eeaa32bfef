//! Renders a checked request: templates evaluated, URL put together, credentials in their places.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use url::Url;

use super::context::EnvironmentValues;
use super::files::{Absent, PlanFiles};
use super::login::Login;
use super::url::{UrlFault, UrlText};
use super::wire::Provenance;
use crate::budget::Limit;
use crate::check::{Auth, CheckedBudget, Cookies, Header, Late, LateValue, ROUTE, Request};
use crate::finding::{Code, Finding};
use crate::http;
use crate::outcome::{REQUEST_ID, TRACEPARENT, UrlPart};
use crate::plan::{ApiKeyPlace, Connection};
use crate::secret::{Gate, Registered};
use crate::source::Place;
use crate::template::{
    Bound, Entry, EvalFault, Evaluated, EvaluatedPart, Scope, Taint, Template, ValueTemplate,
};

/// A request that can be sent, and what is known of its parts.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) request: http::Request,
    /// Whether cookies of the jar go with it.
    pub(super) send_jar: bool,
    pub(super) provenance: Provenance,
    /// What it does beside that to show who it is from.
    pub(super) login: Option<Login>,
}

/// Evaluates templates of one attempt; every derived secret is registered before it is used.
#[derive(Clone, Copy)]
pub(super) struct Renderer<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) gate: &'a Gate,
    pub(super) environment: &'a EnvironmentValues,
    pub(super) literal_origins: &'a [String],
    pub(super) files: PlanFiles<'a>,
}

pub(super) type Fault = Box<Finding>;

impl Renderer<'_> {
    /// A value of any shape; nothing for `omit`.
    pub(super) fn value(&self, value: &ValueTemplate) -> Result<Option<(Value, Taint)>, Fault> {
        let evaluated = value.eval_with(&self.scope, &mut |value, secret| {
            self.register(value, &Some(Arc::from(secret)))
        });
        match evaluated {
            Ok(Evaluated::Value { value, taint }) => Ok(Some((value, taint))),
            Ok(Evaluated::Omit) => Ok(None),
            Err((place, fault)) => Err(failed(&fault, place)),
        }
    }

    /// A value that gets a name.
    pub(super) fn entry(&self, value: &ValueTemplate) -> Result<Entry, Fault> {
        let entry = value.entry_with(&self.scope, &mut |value, secret| {
            self.register(value, &Some(Arc::from(secret)))
        });
        entry.map_err(|(place, fault)| failed(&fault, place))
    }

    /// One template with its type.
    pub(super) fn template(&self, template: &Template, place: Place) -> Result<Value, Fault> {
        match template.eval(&self.scope) {
            Ok(Evaluated::Value { value, taint }) => {
                if !template.is_lookup() {
                    self.register(&value, &taint);
                }
                Ok(value)
            }
            Ok(Evaluated::Omit) => Err(Box::new(
                Finding::error(Code::TemplateFailed, "`omit` has nothing to remove here")
                    .at(place, "rendered to `omit`"),
            )),
            Err(fault) => Err(failed(&fault, place)),
        }
    }

    pub(super) fn late<T: LateValue>(&self, late: &Late<T>) -> Result<T, Fault> {
        late.get(|template, place| self.template(template, place))
    }

    /// The limits of a budget, its templates evaluated.
    pub(super) fn limits(&self, budget: &CheckedBudget) -> Result<Vec<Limit>, Vec<Finding>> {
        let values = budget
            .operands
            .iter()
            .map(|operand| Ok(self.value(operand)?.map(|(value, _)| value)))
            .collect::<Result<Vec<_>, Fault>>()
            .map_err(|finding| vec![*finding])?;
        Ok(budget.budget.resolve(&values)?.into_owned())
    }

    /// A value that derives from a secret is a secret: the gate learns it before anyone sees it.
    /// Tells whether all of it is long enough to be known wherever it stands.
    fn register(&self, value: &Value, taint: &Taint) -> bool {
        let Some(secret) = taint else { return true };
        match value {
            Value::String(text) => self.gate.register(secret, text) == Registered::ByValue,
            Value::Array(items) => {
                items.iter().map(|item| self.register(item, taint)).min().unwrap_or(true)
            }
            Value::Object(fields) => {
                fields.values().map(|field| self.register(field, taint)).min().unwrap_or(true)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Renders the whole request.
    pub(super) fn request(&self, request: &Request) -> Result<Rendered, Fault> {
        let mut url = self.url(request)?;
        let url_from_response = url.origin_is_captured();
        let mut sent = Vec::new();
        for secret in url.secrets.drain(..) {
            sent.push((secret, "url".to_owned()));
        }
        for (name, value) in &request.query {
            for (text, taint) in self.texts(value)? {
                url.query(name, &text, &taint);
            }
        }
        for secret in url.secrets.drain(..) {
            sent.push((secret, "query".to_owned()));
        }
        let auth = self.auth(request)?;
        let mut parsed = Url::parse(url.as_str());
        // A URL that begins with its base leads to it, and is a URL only if its base is one.
        let begins_there = url.has_base && parsed.as_ref().is_ok_and(|url| unsound(url).is_none());
        let base = if begins_there { None } else { self.base(request)? };
        let at_base = match (&base, &parsed) {
            (Some(base), Ok(url)) => is_same_origin(base, url),
            (None, _) | (Some(_), Err(_)) => begins_there,
        };
        let auth_inherited = request.auth.as_ref().is_some_and(|(_, inherited)| *inherited);
        if let Some(Credential::Query { name, text, taint }) = &auth
            && (at_base || !auth_inherited)
        {
            url.query(name, text, taint);
            sent.extend(taint.iter().map(|secret| (secret.to_string(), format!("query {name}"))));
            parsed = Url::parse(url.as_str());
        }
        let parsed = self.sound(parsed, url.as_str(), request.url_place)?;
        let mut out = http::Request::new(request.method.as_str(), parsed);
        out.url_from_response = url_from_response;
        // The step's own `auth` is nearer than a header of the defaults.
        let own_auth = match &auth {
            Some(Credential::Later(_)) if !auth_inherited => Some("authorization"),
            Some(Credential::Header { name, .. }) if !auth_inherited => Some(name.as_str()),
            Some(Credential::Header { .. } | Credential::Query { .. } | Credential::Later(_))
            | None => None,
        };
        let headers = request.headers.iter().filter(|header| {
            let hidden = own_auth.is_some_and(|name| header.name.eq_ignore_ascii_case(name));
            if header.from_defaults { at_base && !hidden } else { true }
        });
        let headers: Vec<&Header> = headers.collect();
        self.headers(&headers, &mut out, &mut sent)?;
        let allowed = at_base || !auth_inherited;
        let mut login = None;
        if let Some(Credential::Later(later)) = auth {
            let stated = |(name, _): &(String, String)| name.eq_ignore_ascii_case("authorization");
            login = Some(later).filter(|_| allowed && !out.headers.iter().any(stated));
        } else if let Some(Credential::Header { name, value, taint }) = auth
            && allowed
            && !out.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name))
        {
            sent.extend(taint.iter().map(|s| (s.to_string(), format!("header {name}"))));
            out.credentials.push(name.to_ascii_lowercase());
            out.headers.push((name, value));
        }
        if let Cookies::Jar(cookies, inherited) = &request.cookies
            && (at_base || !*inherited)
        {
            for (name, text, taint) in self.pairs(cookies)? {
                sent.extend(taint.iter().map(|s| (s.to_string(), format!("cookie {name}"))));
                out.cookies.push((name, text));
            }
        }
        let stated = headers.iter().any(|h| h.name.eq_ignore_ascii_case("content-type"));
        let body = self.body(request, stated, &mut out, &mut sent)?;
        out.timeout = self.late(&request.timeout)?;
        out.connect_timeout = self.late(&request.connect_timeout)?;
        out.follow_redirects = self.late(&request.follow_redirects)?.0;
        out.max_body = self.late(&request.max_body)?;
        out.connection = match self.late(&request.connection)? {
            Connection::Reuse => http::Connection::Reuse,
            Connection::Fresh => http::Connection::Fresh,
        };
        out.dial = Arc::new(self.dial(&request.dial)?);
        // Nobody else asks where it may lead; the request for a token takes it over.
        if url_from_response || out.follow_redirects > 0 || login.is_some() {
            let base = if begins_there { self.base(request)? } else { base };
            out.allow = Arc::new(self.allow(base.as_ref()));
        }
        let decides =
            |id: &&str| request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(id));
        let provenance = Provenance {
            url_from: self.url_from(url.names),
            secrets_sent: sent,
            plans_ids: [TRACEPARENT, REQUEST_ID]
                .into_iter()
                .filter(decides)
                .map(Into::into)
                .collect(),
            body,
        };
        let send_jar = !matches!(request.cookies, Cookies::None);
        if let (Some(login), Absent::Shown) = (&login, self.files.absent) {
            out.headers.push(("Authorization".into(), login.shown()));
        }
        Ok(Rendered { request: out, send_jar, provenance, login })
    }

    fn url(&self, request: &Request) -> Result<UrlText, Fault> {
        let mut url = UrlText::default();
        let place = request.url_place;
        let parts = self.parts(&request.url, place)?;
        let begins_with_slash = match parts.first() {
            Some(EvaluatedPart::Literal(text)) => text.starts_with('/'),
            Some(EvaluatedPart::Value { text, .. }) => text.starts_with('/'),
            None => false,
        };
        if begins_with_slash && let Some((base, base_place)) = self.base_of(request) {
            let parts = self.parts(base, base_place)?;
            url.push(&parts, &captured(base, request))
                .map_err(|fault| refused_url(&fault, base_place))?;
            url.slash();
            // Without a host what follows would be taken for one.
            let authority = url.as_str().split_once("://").map(|(_, authority)| authority);
            url.has_base = authority.is_some_and(|authority| !authority.is_empty());
        }
        url.push(&parts, &captured(&request.url, request))
            .map_err(|fault| refused_url(&fault, place))?;
        Ok(url)
    }

    fn parts<'t>(
        &self,
        template: &'t Template,
        place: Place,
    ) -> Result<Vec<EvaluatedPart<'t>>, Fault> {
        let parts = template.eval_parts(&self.scope).map_err(|fault| failed(&fault, place))?;
        let parts = parts.unwrap_or_default();
        for part in &parts {
            if let EvaluatedPart::Value { text, taint: Some(secret), looked_up: false, .. } = part {
                let _ = self.gate.register(secret, text);
            }
        }
        Ok(parts)
    }

    fn plain_url(&self, template: &Template, place: Place) -> Result<Url, Fault> {
        let mut url = UrlText::default();
        let parts = self.parts(template, place)?;
        url.push(&parts, &[]).map_err(|fault| refused_url(&fault, place))?;
        self.sound(Url::parse(url.as_str()), url.as_str(), place)
    }

    /// A URL that can be asked.
    fn sound(
        &self,
        parsed: Result<Url, url::ParseError>,
        text: &str,
        place: Place,
    ) -> Result<Url, Fault> {
        let bad = |why: &str| {
            let shown = self.gate.text(text);
            Box::new(
                Finding::error(Code::BadUrl, format!("`{shown}` {why}"))
                    .at(place, "what this rendered to")
                    .help(
                        "a URL begins with `http://` or `https://`, or with `/` after `base_url`",
                    ),
            )
        };
        let url = parsed.map_err(|error| bad(&format!("is not a URL: {error}")))?;
        match unsound(&url) {
            Some(why) => Err(bad(why)),
            None => Ok(url),
        }
    }

    /// The base URL, if there is one.
    fn base(&self, request: &Request) -> Result<Option<Url>, Fault> {
        let Some((template, place)) = self.base_of(request) else { return Ok(None) };
        self.plain_url(template, place).map(Some)
    }

    /// What stands before a URL that begins with a slash: the route of this case, else `base_url`.
    fn base_of<'r>(&self, request: &'r Request) -> Option<(&'r Template, Place)> {
        let route = if request.routes.is_empty() { None } else { self.route() };
        match request.routes.iter().find(|it| Some(&it.name) == route.as_ref()) {
            Some(route) => Some((&route.url, route.place)),
            None => request.base_url.as_ref().map(|(template, place)| (template, *place)),
        }
    }

    /// The route of this case.
    fn route(&self) -> Option<String> {
        let Some(Bound::Group(case)) = self.scope.names.get("case") else { return None };
        match case.get(ROUTE)? {
            Bound::Value { value, taint: _ } => value.as_str().map(str::to_owned),
            Bound::Group(_) | Bound::Omit => None,
        }
    }

    fn headers(
        &self,
        headers: &[&Header],
        out: &mut http::Request,
        sent: &mut Vec<(String, String)>,
    ) -> Result<(), Fault> {
        for header in headers {
            for (text, taint) in self.texts(&header.value)? {
                if let Some(secret) = &taint {
                    sent.push((secret.to_string(), format!("header {}", header.name)));
                    out.credentials.push(header.name.to_ascii_lowercase());
                }
                out.headers.push((header.name.clone(), text));
            }
        }
        Ok(())
    }

    fn auth(&self, request: &Request) -> Result<Option<Credential>, Fault> {
        let Some((auth, _)) = &request.auth else { return Ok(None) };
        let header = |name: &str, value: String, taint: Taint| Credential::Header {
            name: name.to_owned(),
            value,
            taint,
        };
        Ok(match auth {
            Auth::Template(value, place) => match self.value(value)? {
                None => None,
                Some((Value::String(text), _)) if text == "none" => None,
                Some(_) => {
                    return Err(Box::new(
                        Finding::error(
                            Code::WrongType,
                            "`auth` wants a mapping (`bearer`, `basic`, `api_key`) or `none`",
                        )
                        .at(*place, "what this template rendered to")
                        .help("write `auth: {bearer: \"${{ … }}\"}`"),
                    ));
                }
            },
            Auth::Bearer(value) => self
                .text(value)?
                .map(|(token, taint)| header("Authorization", format!("Bearer {token}"), taint)),
            Auth::Basic(user, password) => {
                let (Some((user, _)), Some((password, taint))) =
                    (self.text(user)?, self.text(password)?)
                else {
                    return Ok(None);
                };
                let pair =
                    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                if let Some(secret) = &taint {
                    let _ = self.gate.register(secret, &pair);
                }
                Some(header("Authorization", format!("Basic {pair}"), taint))
            }
            Auth::Digest(user, password) => {
                let (Some((user, _)), Some((password, taint))) =
                    (self.text(user)?, self.text(password)?)
                else {
                    return Ok(None);
                };
                Some(Credential::Later(Login::Digest { user, password, taint }))
            }
            Auth::OAuth2(oauth) => self.token_request(oauth)?.map(Credential::Later),
            Auth::ApiKey(place, name, value) => {
                self.text(value)?.map(|(text, taint)| match place {
                    ApiKeyPlace::Header => header(name, text, taint),
                    ApiKeyPlace::Query => Credential::Query { name: name.clone(), text, taint },
                })
            }
        })
    }

    /// One scalar as text; nothing for `omit`.
    pub(super) fn text(&self, value: &ValueTemplate) -> Result<Option<(String, Taint)>, Fault> {
        Ok(self.value(value)?.map(|(value, taint)| (as_text(&value), taint)))
    }

    /// A scalar or a list of them as texts; a list repeats the name.
    pub(super) fn texts(&self, value: &ValueTemplate) -> Result<Vec<(String, Taint)>, Fault> {
        Ok(match self.value(value)? {
            None => Vec::new(),
            Some((Value::Array(items), taint)) => {
                items.iter().map(|item| (as_text(item), taint.clone())).collect()
            }
            Some((value, taint)) => vec![(as_text(&value), taint)],
        })
    }

    pub(super) fn pairs(
        &self,
        entries: &[(String, ValueTemplate)],
    ) -> Result<Vec<(String, String, Taint)>, Fault> {
        let mut pairs = Vec::new();
        for (name, value) in entries {
            for (text, taint) in self.texts(value)? {
                pairs.push((name.clone(), text, taint));
            }
        }
        Ok(pairs)
    }

    /// Origins that a URL out of a response may lead to.
    fn allow(&self, base: Option<&Url>) -> http::AllowOrigins {
        let mut allow = self.environment.allow.clone();
        if !self.environment.allow_given {
            if let Some(base) = base {
                allow.add(base);
            }
            for origin in self.literal_origins {
                if let Ok(url) = Url::parse(origin) {
                    allow.add(&url);
                }
            }
        }
        allow
    }

    fn url_from(&self, names: Vec<(String, String)>) -> Vec<UrlPart> {
        names
            .into_iter()
            .map(|(name, value)| {
                let origin = name
                    .strip_prefix("env.")
                    .and_then(|variable| self.environment.origins.get(variable));
                UrlPart {
                    place: origin.and_then(|origin| origin.place),
                    source: origin.map(|origin| origin.source.clone()).unwrap_or_default(),
                    name,
                    value,
                }
            })
            .collect()
    }
}

/// The expressions of a template that give what came out of a response.
fn captured(template: &Template, request: &Request) -> Vec<Range<usize>> {
    let from_response = |path: &[String]| {
        path.first().is_some_and(|root| root == "steps" || request.captured.contains(root))
    };
    let names: Vec<usize> = template
        .names()
        .iter()
        .filter(|name| from_response(&name.path))
        .map(|name| name.range.start)
        .collect();
    template.expressions().filter(|range| names.iter().any(|start| range.contains(start))).collect()
}

/// Why a URL cannot be asked.
fn unsound(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some("is neither http nor https");
    }
    let is_named = !url.username().is_empty() || url.password().is_some();
    is_named.then_some("holds a user name: use `auth: {basic: …}`")
}

/// Whether two URLs that can be asked lead to the same scheme, host and port.
fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// How a request shows who it is, rendered.
enum Credential {
    Header { name: String, value: String, taint: Taint },
    Query { name: String, text: String, taint: Taint },
    Later(Login),
}

/// A value where text is wanted: a text as it is, anything else as JSON writes it.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "every fault of this room is boxed")]
fn failed(fault: &EvalFault, place: Place) -> Fault {
    Box::new(Finding::of(fault, place))
}

#[expect(clippy::unnecessary_box_returns, reason = "every fault of this room is boxed")]
fn refused_url(fault: &UrlFault, place: Place) -> Fault {
    let message = match fault {
        UrlFault::LineBreak => "a line break at the start of a URL".to_owned(),
        UrlFault::DotSegment(segment) => {
            format!("the segment `{segment}` would be removed before it is sent")
        }
    };
    Box::new(
        Finding::error(Code::ValueRefused, message)
            .at(place, "what this rendered to")
            .help("look at the step that captured the value"),
    )
}

/// The longest pause that anything asks for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);
