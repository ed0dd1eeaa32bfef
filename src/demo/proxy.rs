//! The authenticating proxy: asks the auth service about every key, then passes the request on,
//! streaming both ways.
//!
//! Whatever goes wrong with the key is a 401, and only its body says what: this is how the proxy
//! of the story behaved, and what a reader of its status alone cannot tell apart.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Fault;
use super::answer::{detail, json_response};
use super::auth::{REQUEST_ID, TRACEPARENT};
use super::keys::Keys;
use super::registry::SERVER;

const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(120);

/// The most that the auth service may answer.
const AUTH_ANSWER_LIMIT: usize = 64 << 10;

/// What belongs to one connection and is not passed on (RFC 9110 §7.6.1), and what a proxy
/// answers itself.
const NOT_PASSED_ON: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// How the proxy asks, and where.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) auth_url: String,
    pub(super) registry_url: String,
    pub(super) service_id: &'static str,
    pub(super) key_goes: KeyGoes,
    pub(super) refusal: RefusalTells,
    pub(super) auth_timeout: Duration,
    pub(super) registry_timeout: Duration,
    pub(super) keys: Arc<Keys>,
}

/// Where the proxy puts the key when it asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyGoes {
    /// As the auth service's document wants it.
    InBody,
    /// As the proxy's authors guessed.
    InHeader,
}

/// What the proxy makes of an answer of the auth service that is neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalTells {
    /// An error of the auth service is told apart from a refused key.
    Kind,
    /// Everything is a refused key.
    Nothing,
    /// Everything is a refused key, with the auth service's answer beside it.
    Upstream,
}

impl Settings {
    /// A proxy that is sick in this way, before the demo's own two servers.
    pub(super) fn of(fault: Fault, auth_url: &str, registry_url: &str, keys: &Arc<Keys>) -> Self {
        let (key_goes, refusal) = match fault {
            Fault::None | Fault::WrongService | Fault::Misrouted | Fault::Race => {
                (KeyGoes::InBody, RefusalTells::Kind)
            }
            Fault::BrokenContract => (KeyGoes::InHeader, RefusalTells::Nothing),
            Fault::BrokenContractVerbose => (KeyGoes::InHeader, RefusalTells::Upstream),
        };
        Self {
            auth_url: auth_url.to_owned(),
            registry_url: registry_url.to_owned(),
            service_id: fault.service_id(),
            key_goes,
            refusal,
            auth_timeout: AUTH_TIMEOUT,
            registry_timeout: REGISTRY_TIMEOUT,
            keys: Arc::clone(keys),
        }
    }
}

/// Why a request is not passed on: always a 401, and only its words differ.
#[derive(Debug)]
enum Refused {
    NoKey,
    BadKey,
    BadKeyQuoting(Value),
    RateLimit,
    AuthError,
    AuthTimeout,
    AuthUnavailable,
}

impl Refused {
    fn response(self) -> Response {
        let told = match &self {
            Self::NoKey => "API key required",
            Self::BadKey | Self::BadKeyQuoting(_) => "Invalid or expired API key",
            Self::RateLimit => "Rate limit exceeded",
            Self::AuthError => "Authentication service error",
            Self::AuthTimeout => "Authentication service timeout",
            Self::AuthUnavailable => "Authentication service unavailable",
        };
        let mut body = json!({ "detail": told });
        if let (Self::BadKeyQuoting(upstream), Some(fields)) = (self, body.as_object_mut()) {
            fields.insert("upstream".to_owned(), upstream);
        }
        let mut response = own(json_response(StatusCode::UNAUTHORIZED, &body));
        let challenge = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        response
    }
}

/// The proxy with its pooled connections.
#[derive(Debug, Clone)]
struct Proxy {
    settings: Arc<Settings>,
    validate: Uri,
    client: Client<HttpConnector, Body>,
}

/// The service, ready to be served.
///
/// # Errors
/// An `auth_url` or `registry_url` that is no `http` origin.
pub(super) fn service(settings: Settings) -> io::Result<Router> {
    let bad = |url: &str| {
        let told = format!("`{url}` is no URL such as http://127.0.0.1:8080");
        io::Error::new(io::ErrorKind::InvalidInput, told)
    };
    let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
    let settings = Settings {
        auth_url: trimmed(&settings.auth_url),
        registry_url: trimmed(&settings.registry_url),
        ..settings
    };
    let is_http = |uri: &Uri| uri.scheme_str() == Some("http") && uri.authority().is_some();
    let validate = format!("{}/api/v1/keys/validate", settings.auth_url).parse().ok();
    let validate = validate.filter(is_http).ok_or_else(|| bad(&settings.auth_url))?;
    let registry = settings.registry_url.parse().ok();
    registry.filter(is_http).ok_or_else(|| bad(&settings.registry_url))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let proxy = Proxy { settings: Arc::new(settings), validate, client };
    Ok(Router::new().fallback(move |request: Request| {
        let proxy = proxy.clone();
        async move { proxy.answer(request).await }
    }))
}

impl Proxy {
    async fn answer(&self, mut request: Request) -> Response {
        let given = request.headers().get(REQUEST_ID).cloned();
        let id = given.or_else(|| HeaderValue::from_str(&self.settings.keys.fresh_id()).ok());
        if let Some(id) = &id {
            request.headers_mut().insert(REQUEST_ID, id.clone());
        }
        let open = matches!(request.uri().path(), "/health" | "/version");
        let judged = if open { Ok(()) } else { self.judge_key(request.headers()).await };
        let mut response = match judged {
            Ok(()) => self.pass_on(request).await,
            Err(refused) => refused.response(),
        };
        if let Some(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    /// Asks the auth service about the request's key.
    async fn judge_key(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(key) = bearer(headers) else {
            return Err(Refused::NoKey);
        };
        let asked = self.validate_request(key, headers);
        let asked = asked.map_err(|_| Refused::AuthError)?;
        let answered = tokio::time::timeout(self.settings.auth_timeout, async {
            let response = self.client.request(asked).await.ok()?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), AUTH_ANSWER_LIMIT).await.ok()?;
            Some((status, body))
        });
        match answered.await {
            Err(_) => Err(Refused::AuthTimeout),
            Ok(None) => Err(Refused::AuthUnavailable),
            Ok(Some((status, body))) => self.read_verdict(status, &body),
        }
    }

    fn validate_request(
        &self,
        key: &str,
        headers: &HeaderMap,
    ) -> Result<axum::http::Request<Body>, axum::http::Error> {
        let service_id = self.settings.service_id;
        let mut asked = axum::http::Request::post(self.validate.clone())
            .header(header::CONTENT_TYPE, "application/json");
        for name in [REQUEST_ID, TRACEPARENT] {
            if let Some(id) = headers.get(&name) {
                asked = asked.header(name, id);
            }
        }
        match self.settings.key_goes {
            KeyGoes::InBody => {
                let body = json!({ "api_key": key, "service_id": service_id });
                asked.body(Body::from(body.to_string()))
            }
            KeyGoes::InHeader => {
                let body = json!({ "service_id": service_id });
                asked
                    .header(header::AUTHORIZATION, format!("Bearer {key}"))
                    .body(Body::from(body.to_string()))
            }
        }
    }

    fn read_verdict(&self, status: StatusCode, body: &Bytes) -> Result<(), Refused> {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if status == StatusCode::OK {
            let valid = body.get("is_valid").and_then(Value::as_bool).unwrap_or(false);
            return if valid { Ok(()) } else { Err(Refused::BadKey) };
        }
        Err(match (self.settings.refusal, status.as_u16()) {
            (RefusalTells::Nothing, _) | (RefusalTells::Kind, 401 | 403) => Refused::BadKey,
            (RefusalTells::Upstream, status) => {
                Refused::BadKeyQuoting(json!({ "status": status, "body": shortened(&body) }))
            }
            (RefusalTells::Kind, 429) => Refused::RateLimit,
            (RefusalTells::Kind, _) => Refused::AuthError,
        })
    }

    /// Sends the request to the registry and gives its answer, neither of them in memory.
    async fn pass_on(&self, request: Request) -> Response {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let upstream = format!("{}{}", self.settings.registry_url, registry_path(path));
        let Ok(uri) = upstream.parse::<Uri>() else {
            return own(detail(StatusCode::BAD_REQUEST, "Bad request target"));
        };
        head.headers.remove(header::AUTHORIZATION);
        for name in NOT_PASSED_ON {
            head.headers.remove(name);
        }
        let mut passed = axum::http::Request::new(body);
        *passed.method_mut() = head.method;
        *passed.uri_mut() = uri;
        *passed.headers_mut() = head.headers;
        match tokio::time::timeout(self.settings.registry_timeout, self.client.request(passed))
            .await
        {
            Err(_) => own(detail(StatusCode::GATEWAY_TIMEOUT, "MLflow server request timeout")),
            Ok(Err(_)) => {
                own(detail(StatusCode::BAD_GATEWAY, "Failed to connect to MLflow server"))
            }
            Ok(Ok(answered)) => {
                let (mut head, body) = answered.into_parts();
                for name in NOT_PASSED_ON {
                    head.headers.remove(name);
                }
                Response::from_parts(head, Body::new(body))
            }
        }
    }
}

/// The proxy's short paths beside the registry's own.
fn registry_path(path: &str) -> String {
    for part in ["mlflow", "mlflow-artifacts"] {
        let rest = path.strip_prefix("/api/").and_then(|rest| rest.strip_prefix(part));
        if let Some(rest) = rest.filter(|rest| rest.starts_with('/')) {
            return format!("/api/2.0/{part}{rest}");
        }
    }
    path.to_owned()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = given.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// A FastAPI refusal without what only its authors read.
fn shortened(body: &Value) -> Value {
    let Some(entries) = body.get("detail").and_then(Value::as_array) else { return body.clone() };
    let entry = |entry: &Value| {
        json!({
            "loc": entry.get("loc").cloned().unwrap_or_default(),
            "msg": entry.get("msg").cloned().unwrap_or_default(),
        })
    };
    json!({ "detail": entries.iter().map(entry).collect::<Vec<_>>() })
}

/// Marks an answer that the proxy gives itself: it runs on the same server as the registry.
fn own(mut response: Response) -> Response {
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static(SERVER));
    response
}

#[cfg(test)]
mod tests;
