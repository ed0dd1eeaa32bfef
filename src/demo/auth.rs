//! The auth service: says whether a key is good for a service, and documents itself.
//!
//! It stands for a service of another team: another vocabulary than the registry's, another
//! `Server`, FastAPI's way to say 422.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tower_service::Service as _;

use super::answer::{allowing, detail, json_response};
use super::keys::Keys;

/// How the auth service names itself.
pub(super) const SERVER: &str = "key-service/2.4";

/// The header by which the three services know one request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that says which trace a request belongs to (W3C Trace Context).
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The service to which the demo's keys belong, and all that there are.
const KEY_OF: &str = "platform";
const SERVICES: &str = "platform, website, prediction-api, ml-platform";

/// The most that a validation may send.
const BODY_LIMIT: usize = 64 << 10;

/// What the auth service needs to know.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) keys: Arc<Keys>,
    /// Answers `/api…` in its place, where the host is misrouted.
    pub(super) misrouted_to: Option<Router>,
}

/// The service, ready to be served.
pub(super) fn service(settings: Settings) -> Router {
    Router::new().fallback(move |request: Request| {
        let settings = settings.clone();
        async move { answer(settings, request).await }
    })
}

async fn answer(settings: Settings, request: Request) -> Response {
    if let Some(mut registry) = settings.misrouted_to
        && request.uri().path().starts_with("/api")
    {
        return match registry.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    let request_id = request.headers().get(REQUEST_ID).cloned();
    let mut response = own_answer(&settings.keys, request).await;
    let id = request_id.or_else(|| HeaderValue::from_str(&settings.keys.fresh_id()).ok());
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    response
}

async fn own_answer(keys: &Keys, request: Request) -> Response {
    // Its document says `servers: [/auth]`; both ways lead there.
    let path = request.uri().path();
    let path = path.strip_prefix("/auth").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let is_read = *request.method() == Method::GET || *request.method() == Method::HEAD;
    match path {
        "/api/v1/keys/validate" => {
            if *request.method() != Method::POST {
                return method_not_allowed("POST");
            }
            match to_bytes(request.into_body(), BODY_LIMIT).await {
                Ok(body) => validate(keys, &body),
                Err(_) => detail(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
            }
        }
        "/health" | "/openapi.json" if !is_read => method_not_allowed("GET"),
        "/health" => json_response(StatusCode::OK, &json!({ "status": "healthy" })),
        "/openapi.json" => json_response(StatusCode::OK, &document()),
        _ => detail(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn method_not_allowed(allowed: &str) -> Response {
    allowing(detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), allowed)
}

fn validate(keys: &Keys, body: &[u8]) -> Response {
    if body.is_empty() {
        return unprocessable("missing", &["body"], "Field required");
    }
    let fields = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => {
            let told = "Input should be a valid dictionary or object to extract fields from";
            return unprocessable("model_attributes_type", &["body"], told);
        }
        Err(_) => return unprocessable("json_invalid", &["body"], "JSON decode error"),
    };
    let key = match fields.get("api_key") {
        None => return unprocessable("missing", &["body", "api_key"], "Field required"),
        Some(Value::String(key)) => key,
        Some(_) => return not_text("api_key"),
    };
    for name in ["service_id", "client_ip"] {
        if !matches!(fields.get(name), None | Some(Value::Null | Value::String(_))) {
            return not_text(name);
        }
    }
    if key != keys.live() {
        return detail(StatusCode::UNAUTHORIZED, "Invalid or expired API key");
    }
    judge_service(&fields)
}

fn judge_service(fields: &Map<String, Value>) -> Response {
    match fields.get("service_id").and_then(Value::as_str) {
        None | Some(KEY_OF) => json_response(
            StatusCode::OK,
            &json!({
                "is_valid": true,
                "user_id": "user-4711",
                "key_id": "key-0815",
                "service_id": KEY_OF,
                "scopes": ["model:read", "model:write"],
                "rate_limit_per_hour": 1000,
            }),
        ),
        Some(other) => detail(
            StatusCode::UNAUTHORIZED,
            format!(
                "API key does not have access to service '{other}'. This key is registered for service '{KEY_OF}'. Valid service IDs include: {SERVICES}"
            ),
        ),
    }
}

fn not_text(name: &str) -> Response {
    unprocessable("string_type", &["body", name], "Input should be a valid string")
}

fn unprocessable(kind: &str, place: &[&str], told: &str) -> Response {
    detail(StatusCode::UNPROCESSABLE_ENTITY, json!([{ "type": kind, "loc": place, "msg": told }]))
}

/// The service's own OpenAPI document: the key belongs in the body, and nowhere else.
fn document() -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let content = |name: &str| json!({ "application/json": { "schema": reference(name) } });
    let text_or_null = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "API key service", "version": "2.4.0" },
        "servers": [{ "url": "/auth" }],
        "paths": {
            "/api/v1/keys/validate": {
                "post": {
                    "summary": "Validate an API key",
                    "operationId": "validate_key",
                    "requestBody": { "required": true, "content": content("ValidateRequest") },
                    "responses": {
                        "200": {
                            "description": "What the key may do",
                            "content": content("ValidateResponse"),
                        },
                        "422": {
                            "description": "Validation Error",
                            "content": content("ValidationFailure"),
                        },
                    },
                },
            },
        },
        "components": {
            "schemas": {
                "ValidateRequest": {
                    "type": "object",
                    "required": ["api_key"],
                    "properties": {
                        "api_key": { "type": "string" },
                        "service_id": text_or_null,
                        "client_ip": text_or_null,
                    },
                },
                "ValidateResponse": {
                    "type": "object",
                    "required": ["is_valid"],
                    "properties": {
                        "is_valid": { "type": "boolean" },
                        "user_id": { "type": "string" },
                        "key_id": { "type": "string" },
                        "service_id": { "type": "string" },
                        "scopes": { "type": "array", "items": { "type": "string" } },
                        "rate_limit_per_hour": { "type": "integer" },
                    },
                },
                "ValidationFailure": {
                    "type": "object",
                    "properties": {
                        "detail": { "type": "array", "items": reference("ValidationError") },
                    },
                },
                "ValidationError": {
                    "type": "object",
                    "required": ["loc", "msg", "type"],
                    "properties": {
                        "loc": {
                            "type": "array",
                            "items": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
                        },
                        "msg": { "type": "string" },
                        "type": { "type": "string" },
                    },
                },
            },
        },
    })
}
