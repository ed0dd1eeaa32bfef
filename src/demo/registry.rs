//! The MLflow-shaped registry as a service: which call a method and a path name, and its answer.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::answer::{Refusal, allowing, json_response, method_page, not_found_page, with_body};
use super::params::Params;
use super::state::{Memory, State};
use super::{Fault, artifacts, experiments, models, runs, versions};

/// How the registry names itself, and the version that it is shaped after.
pub(super) const SERVER: &str = "uvicorn";
const VERSION: &str = "3.17.2";

/// The most that the body of a call other than an upload may have.
const BODY_LIMIT: usize = 16 << 20;

/// How long a registration waits between its check and its insert for another one, where they are
/// to race.
const RACE: Duration = Duration::from_millis(500);

/// One call of the tracking or the registry API: pure, on the memory.
type Call = fn(&mut Memory, &Params) -> Result<Value, Refusal>;

/// Every call, by the path below `/api/2.0/mlflow/`.
const CALLS: &[(&str, &str, Call)] = &[
    ("POST", "experiments/create", experiments::create),
    ("GET", "experiments/get", experiments::get),
    ("GET", "experiments/get-by-name", experiments::get_by_name),
    ("GET", "experiments/search", experiments::search),
    ("POST", "experiments/search", experiments::search),
    ("POST", "experiments/update", experiments::update),
    ("POST", "experiments/delete", experiments::delete),
    ("POST", "experiments/restore", experiments::restore),
    ("POST", "experiments/set-experiment-tag", experiments::set_tag),
    ("POST", "experiments/delete-experiment-tag", experiments::delete_tag),
    ("POST", "runs/create", runs::create),
    ("GET", "runs/get", runs::get),
    ("POST", "runs/update", runs::update),
    ("POST", "runs/delete", runs::delete),
    ("POST", "runs/restore", runs::restore),
    ("POST", "runs/search", runs::search),
    ("POST", "runs/log-parameter", runs::log_parameter),
    ("POST", "runs/log-metric", runs::log_metric),
    ("POST", "runs/log-batch", runs::log_batch),
    ("POST", "runs/set-tag", runs::set_tag),
    ("POST", "runs/delete-tag", runs::delete_tag),
    ("GET", "metrics/get-history", runs::metric_history),
    ("GET", "artifacts/list", artifacts::list_of_run),
    ("POST", "registered-models/create", models::create),
    ("GET", "registered-models/get", models::get),
    ("PATCH", "registered-models/update", models::update),
    ("POST", "registered-models/rename", models::rename),
    ("DELETE", "registered-models/delete", models::delete),
    ("GET", "registered-models/search", models::search),
    ("GET", "registered-models/get-latest-versions", models::latest_versions),
    ("POST", "registered-models/get-latest-versions", models::latest_versions),
    ("POST", "registered-models/set-tag", models::set_tag),
    ("DELETE", "registered-models/delete-tag", models::delete_tag),
    ("POST", "registered-models/alias", models::set_alias),
    ("GET", "registered-models/alias", models::get_alias),
    ("DELETE", "registered-models/alias", models::delete_alias),
    ("POST", "model-versions/create", versions::create),
    ("GET", "model-versions/get", versions::get),
    ("GET", "model-versions/get-download-uri", versions::download_uri),
    ("PATCH", "model-versions/update", versions::update),
    ("DELETE", "model-versions/delete", versions::delete),
    ("GET", "model-versions/search", versions::search),
    ("POST", "model-versions/transition-stage", versions::transition_stage),
    ("POST", "model-versions/set-tag", versions::set_tag),
    ("DELETE", "model-versions/delete-tag", versions::delete_tag),
];

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Health,
    Version,
    Call(&'a str),
    ArtifactList,
    Artifact(&'a str),
    Multipart,
    Unknown,
}

/// The service, ready to be served.
pub(super) fn service(state: State) -> Router {
    Router::new().fallback(move |request: Request| {
        let state = state.clone();
        async move { dressed(answer(&state, request).await) }
    })
}

async fn answer(state: &State, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let method = if head.method == Method::HEAD { Method::GET } else { head.method.clone() };
    let target = target(head.uri.path());
    let allowed = allowed(&target);
    if allowed.is_empty() {
        return not_found_page();
    }
    if !allowed.contains(&method.as_str()) {
        let mut listed = allowed.join(", ");
        if allowed.contains(&"GET") {
            listed.push_str(", HEAD");
        }
        listed.push_str(", OPTIONS");
        if method == Method::OPTIONS {
            let none = with_body(StatusCode::NO_CONTENT, "text/html; charset=utf-8", Body::empty());
            return allowing(none, &listed);
        }
        return method_page(&listed);
    }
    let query = head.uri.query();
    let answered = match target {
        Target::Health => Ok(with_body(StatusCode::OK, "text/plain; charset=utf-8", "OK")),
        Target::Version => Ok(with_body(StatusCode::OK, "text/html; charset=utf-8", VERSION)),
        Target::Artifact(path) => artifacts::answer(state, &method, path, body).await,
        Target::Multipart => Err(artifacts::no_multipart()),
        Target::ArtifactList => parameters(&head.method, query, &head.headers, body)
            .await
            .and_then(|params| artifacts::list(&mut state.lock(), &params).map(|it| done(&it))),
        Target::Call(path) => match parameters(&head.method, query, &head.headers, body).await {
            Ok(params) => call(state, method.as_str(), path, &params).await.map(|it| done(&it)),
            Err(refusal) => Err(refusal),
        },
        Target::Unknown => return not_found_page(),
    };
    answered.unwrap_or_else(|refusal| refusal.response())
}

async fn call(state: &State, method: &str, path: &str, params: &Params) -> Result<Value, Refusal> {
    if state.fault == Fault::Race && path == "registered-models/create" {
        models::check_new(&state.lock(), params)?;
        state.until_a_rival_came(RACE).await;
        return models::insert_new(&mut state.lock(), params);
    }
    let found =
        CALLS.iter().find(|(its_method, its_path, _)| *its_method == method && *its_path == path);
    match found {
        Some((_, _, call)) => call(&mut state.lock(), params),
        None => Err(Refusal::missing(format!("No call {method} {path}"))),
    }
}

fn target(path: &str) -> Target<'_> {
    match path {
        "/health" => return Target::Health,
        "/version" => return Target::Version,
        _ => {}
    }
    let api = path.strip_prefix("/api/2.0/").or_else(|| path.strip_prefix("/ajax-api/2.0/"));
    let Some(api) = api else { return Target::Unknown };
    if let Some(call) = api.strip_prefix("mlflow/") {
        return Target::Call(call);
    }
    match api.strip_prefix("mlflow-artifacts/") {
        Some("artifacts") => Target::ArtifactList,
        Some(rest) => match (rest.strip_prefix("artifacts/"), rest.strip_prefix("mpu/")) {
            (Some(path), _) if !path.is_empty() => Target::Artifact(path),
            (None, Some(_)) => Target::Multipart,
            (Some(_) | None, _) => Target::Unknown,
        },
        None => Target::Unknown,
    }
}

/// The methods that a path has; none means that there is no such path.
fn allowed(target: &Target<'_>) -> Vec<&'static str> {
    match target {
        Target::Health | Target::Version | Target::ArtifactList => vec!["GET"],
        Target::Artifact(_) => vec!["GET", "PUT", "DELETE"],
        Target::Multipart => vec!["POST"],
        Target::Unknown => Vec::new(),
        Target::Call(path) => {
            let of_path = CALLS.iter().filter(|(_, its_path, _)| its_path == path);
            of_path.map(|(method, _, _)| *method).collect()
        }
    }
}

/// A GET's parameters are its query, where it has one; all else is in the body, for a HEAD too:
/// MLflow answers it 400.
async fn parameters(
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Params, Refusal> {
    match query {
        Some(query) if *method == Method::GET && !query.is_empty() => {
            return Ok(Params::of_query(query));
        }
        Some(_) | None => {}
    }
    if *method == Method::POST || *method == Method::PUT {
        check_content_type(headers)?;
    }
    let body = to_bytes(body, BODY_LIMIT).await;
    let body = body.map_err(|_| Refusal::invalid("Bad Request. The body is too large."))?;
    Ok(Params::of_body(&body))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Err(Refusal::invalid("Bad Request. Content-Type header is missing."));
    };
    let kind = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if kind.trim() == "application/json" {
        return Ok(());
    }
    Err(Refusal::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

fn done(answer: &Value) -> Response {
    json_response(StatusCode::OK, answer)
}

/// The headers that every answer of the registry has.
fn dressed(mut response: Response) -> Response {
    const ALWAYS: [(HeaderName, &str); 4] = [
        (header::SERVER, SERVER),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::VARY, "Origin"),
    ];
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
