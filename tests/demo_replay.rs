//! The demo agrees with a real MLflow 3.17.2: 65 recorded exchanges, replayed in their order.
//!
//! `data/mlflow-3.17.2-calls.txt` holds what was sent and what came back. Status, content type,
//! error code and the shape of the JSON must agree, or stand in [`DIFFERENCES`] with a reason.

#![cfg(feature = "demo")]
#![expect(clippy::expect_used, reason = "what is not as expected fails the test")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use planrun::demo::{Demo, Options};
use serde_json::Value;

/// Where the demo is not like the recording, and why. None today.
const DIFFERENCES: &[(&str, &str)] = &[];

/// The run that the recording made; the demo's own takes its place in what is sent.
const RECORDED_RUN: &str = "d94a79b766b84f90906d8bde67669f5b";

struct Recorded {
    title: String,
    method: String,
    path: String,
    body: String,
    status: u16,
    content_type: Option<String>,
    answer: String,
}

#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    content_type: Option<String>,
    error_code: Option<String>,
    shape: Option<String>,
}

#[test]
fn the_recording_is_read_whole() {
    let recorded = recording();
    assert_eq!(recorded.len(), 65);
    assert!(recorded.iter().all(|it| it.status >= 200), "every exchange has a status");
    assert_eq!(recorded.iter().filter(|it| it.status >= 400).count(), 27);
}

#[tokio::test]
async fn through_the_proxy_with_a_key() {
    let demo = Demo::start(Options::default()).await.expect("a free port");
    replay(&demo, "/api/2.0/").await;
    demo.stop().await;
}

#[tokio::test]
async fn under_the_proxys_short_paths() {
    let demo = Demo::start(Options::default()).await.expect("a free port");
    replay(&demo, "/api/").await;
    demo.stop().await;
}

async fn replay(demo: &Demo, api: &str) {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut run_id = RECORDED_RUN.to_owned();
    let mut complaints = Vec::new();
    for recorded in recording() {
        let path = recorded.path.replacen("/api/2.0/", api, 1).replace(RECORDED_RUN, &run_id);
        let kind = match recorded.title.as_str() {
            "artifact PUT" => "application/octet-stream",
            _ => "application/json",
        };
        let request = Request::builder()
            .method(recorded.method.as_str())
            .uri(format!("{}{path}", demo.url()))
            .header(header::AUTHORIZATION, format!("Bearer {}", demo.api_key()))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(recorded.body.replace(RECORDED_RUN, &run_id)))
            .expect("a recorded request is a request");
        let (head, body) = client.request(request).await.expect("an answer").into_parts();
        let body = to_bytes(Body::new(body), 1 << 20).await.expect("a whole answer");
        let body = String::from_utf8(body.to_vec()).expect("text");
        if recorded.title == "runs/create" {
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            let id = answer.pointer("/run/info/run_id").and_then(Value::as_str);
            id.expect("a run id").clone_into(&mut run_id);
        }
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.map(|it| it.to_str().expect("text").to_owned());
        let wanted = told(recorded.status, recorded.content_type, &recorded.answer);
        let mut given = told(head.status.as_u16(), content_type, &body);
        if wanted.shape.is_none() {
            // No JSON, or JSON that the recording cut off.
            given.shape = None;
        }
        let listed = DIFFERENCES.iter().any(|(title, _)| *title == recorded.title);
        if (wanted == given) == listed {
            complaints.push(format!(
                "{}\n  recorded {wanted:?}\n  demo     {given:?}\n  {body}",
                recorded.title
            ));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn told(status: u16, content_type: Option<String>, body: &str) -> Told {
    let body: Option<Value> = serde_json::from_str(body).ok();
    let error_code = body.as_ref().and_then(|body| body.get("error_code")?.as_str());
    let error_code = error_code.map(str::to_owned);
    Told { status, content_type, error_code, shape: body.as_ref().map(shape) }
}

/// The names and types of a value without the values.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shape).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}: {}", shape(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn recording() -> Vec<Recorded> {
    let text = include_str!("data/mlflow-3.17.2-calls.txt");
    text.split("### ").skip(1).map(exchange).collect()
}

fn exchange(block: &str) -> Recorded {
    let mut lines = block.lines();
    let title = lines.next().expect("a title").to_owned();
    let sent: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    let (line, body) = sent.split_first().expect("a request line");
    let mut words = line.split(' ');
    let method = words.next().expect("a method").to_owned();
    let path = words.next().expect("a path").to_owned();
    let mut body = body.join("\n");
    let answer = lines.skip_while(|line| line.starts_with("> "));
    let mut answer: Vec<&str> = answer.collect();
    let first = answer.remove(0);
    let (status, content_type) = if let Some(told) = first.strip_prefix("< ") {
        let (status, rest) = told.split_once(' ').expect("a status");
        let (content_type, _) = rest.split_once(" ttfb=").expect("times");
        (status, Some(content_type.to_owned()))
    } else {
        // The upload was recorded with its headers: 12 bytes went out, and no type came back.
        "flavors: {}\n".clone_into(&mut body);
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next());
        (status.expect("a status line"), None)
    };
    let status = status.parse().expect("a number");
    Recorded { title, method, path, body, status, content_type, answer: answer.join("\n") }
}
