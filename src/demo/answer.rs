//! How the three servers speak: JSON bodies, the registry's error vocabulary, its HTML pages.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// What the registry refuses, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
}

/// The registry's error codes, each with its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    InvalidParameterValue,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    NotImplemented,
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::NotImplemented => "NOT_IMPLEMENTED",
        }
    }

    /// The `error_class`; the codes of no class have no `sqlstate` either.
    fn class(self) -> Option<&'static str> {
        match self {
            Self::BadRequest | Self::InvalidParameterValue => Some("INVALID_PARAMETER_VALUE"),
            Self::ResourceAlreadyExists => Some("RESOURCE_ALREADY_EXISTS"),
            Self::ResourceDoesNotExist => Some("RESOURCE_NOT_FOUND"),
            Self::NotImplemented => None,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::InvalidParameterValue | Self::ResourceAlreadyExists => {
                StatusCode::BAD_REQUEST
            }
            Self::ResourceDoesNotExist => StatusCode::NOT_FOUND,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

impl Refusal {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: Code::InvalidParameterValue, message: message.into() }
    }

    /// What MLflow's database complains about, and MLflow passes on.
    pub(super) fn constraint(which: &str) -> Self {
        Self { code: Code::BadRequest, message: format!("(sqlite3.IntegrityError) {which}") }
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self { code: Code::ResourceAlreadyExists, message: message.into() }
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { code: Code::ResourceDoesNotExist, message: message.into() }
    }

    pub(super) fn response(&self) -> Response {
        let mut body = json!({ "error_code": self.code.name(), "message": self.message });
        if let (Some(class), Some(fields)) = (self.code.class(), body.as_object_mut()) {
            fields.insert("sqlstate".into(), "KAM00".into());
            fields.insert("error_class".into(), class.into());
        }
        json_response(self.code.status(), &body)
    }
}

/// A JSON answer.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    with_body(status, "application/json", body.to_string())
}

/// `{"detail": …}`, the way in which the proxy and the auth service refuse.
pub(super) fn detail(status: StatusCode, detail: impl Into<Value>) -> Response {
    json_response(status, &json!({ "detail": detail.into() }))
}

/// The registry's page for a path that it does not know.
pub(super) fn not_found_page() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "404 Not Found",
        "Not Found",
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.",
    )
}

/// The registry's page for a method that the path does not have.
pub(super) fn method_page(allowed: &str) -> Response {
    let response = page(
        StatusCode::METHOD_NOT_ALLOWED,
        "405 Method Not Allowed",
        "Method Not Allowed",
        "The method is not allowed for the requested URL.",
    );
    allowing(response, allowed)
}

/// Adds an `Allow` header.
pub(super) fn allowing(mut response: Response, allowed: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// A response with a body of one content type.
pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn page(status: StatusCode, title: &str, heading: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<title>{title}</title>\n<h1>{heading}</h1>\n<p>{text}</p>\n"
    );
    with_body(status, "text/html; charset=utf-8", html)
}
