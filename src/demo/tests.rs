//! The demo over real connections: the auth service, the proxy and the registry, well and sick.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::*;

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

async fn demo(fault: Fault) -> Demo {
    Demo::start(Options { fault, ..Options::default() }).await.expect("a free port")
}

async fn send(method: &str, url: &str, key: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-request-id", "asked-1");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = request.body(body).expect("a request");
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let (head, body) = client.request(request).await.expect("an answer").into_parts();
    let body = to_bytes(Body::new(body), 1 << 20).await.expect("a whole answer");
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// The plan's first call: the key in the body, for the service that the proxy asks for.
async fn direct(demo: &Demo) -> Answer {
    let url = format!("{}/api/v1/keys/validate", demo.auth_url());
    let body = json!({ "api_key": demo.api_key(), "service_id": demo.service_id() });
    send("POST", &url, None, &body).await
}

/// The plan's other calls: through the proxy, with the key as a bearer.
async fn proxied(demo: &Demo) -> Answer {
    let url = format!("{}/api/2.0/mlflow/experiments/search?max_results=1", demo.url());
    send("GET", &url, Some(demo.api_key()), &Value::Null).await
}

#[tokio::test]
async fn a_healthy_demo_says_yes_on_both_ways_with_two_fingerprints() {
    let demo = demo(Fault::None).await;
    let (direct, proxied) = (direct(&demo).await, proxied(&demo).await);
    assert_eq!((direct.status, proxied.status), (200, 200));
    assert_eq!(direct.body["is_valid"], json!(true));
    assert_eq!(direct.body["service_id"], json!("platform"));
    assert!(direct.body["scopes"].as_array().is_some_and(|it| it.contains(&json!("model:write"))));
    assert_ne!(direct.header("server"), proxied.header("server"));
    assert_eq!(
        (direct.header("x-request-id"), proxied.header("x-request-id")),
        ("asked-1", "asked-1")
    );
    demo.stop().await;
}

#[tokio::test]
async fn broken_contract_is_seen_through_the_proxy_only() {
    let demo = demo(Fault::BrokenContract).await;
    assert_eq!(direct(&demo).await.status, 200);
    let proxied = proxied(&demo).await;
    assert_eq!(proxied.status, 401);
    assert_eq!(proxied.body, json!({ "detail": "Invalid or expired API key" }));
}

#[tokio::test]
async fn the_verbose_one_quotes_what_the_auth_service_said() {
    let demo = demo(Fault::BrokenContractVerbose).await;
    assert_eq!(direct(&demo).await.status, 200);
    let proxied = proxied(&demo).await;
    let upstream = json!({
        "status": 422,
        "body": { "detail": [{ "loc": ["body", "api_key"], "msg": "Field required" }] },
    });
    assert_eq!(proxied.status, 401);
    let told = json!({ "detail": "Invalid or expired API key", "upstream": upstream });
    assert_eq!(proxied.body, told);
}

#[tokio::test]
async fn wrong_service_is_named_by_the_direct_call_only() {
    let demo = demo(Fault::WrongService).await;
    let (direct, proxied) = (direct(&demo).await, proxied(&demo).await);
    assert_eq!((direct.status, proxied.status), (401, 401));
    let told = "API key does not have access to service 'ml-platform'. This key is registered for service 'platform'. Valid service IDs include: platform, website, prediction-api, ml-platform";
    assert_eq!(direct.body, json!({ "detail": told }));
    assert_eq!(proxied.body, json!({ "detail": "Invalid or expired API key" }));
}

#[tokio::test]
async fn misrouted_answers_with_one_voice_on_both_hosts() {
    let demo = demo(Fault::Misrouted).await;
    let (direct, proxied) = (direct(&demo).await, proxied(&demo).await);
    assert_eq!((direct.status, proxied.status), (401, 401));
    assert_eq!(direct.body, json!({ "detail": "API key required" }));
    assert_eq!(proxied.body, json!({ "detail": "Invalid or expired API key" }));
    assert_eq!(direct.header("server"), "uvicorn");
    assert_eq!(direct.header("server"), proxied.header("server"));
}

/// How many of twenty registrations of one name won.
async fn winners(fault: Fault) -> usize {
    let demo = demo(fault).await;
    assert_eq!((direct(&demo).await.status, proxied(&demo).await.status), (200, 200));
    let url = format!("{}/api/2.0/mlflow/registered-models/create", demo.url());
    let body = json!({ "name": "one" });
    let all = (0..20).map(|_| send("POST", &url, Some(demo.api_key()), &body));
    let all = futures_util::future::join_all(all).await;
    all.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn a_race_has_two_winners_and_without_the_fault_there_is_one() {
    assert!(winners(Fault::Race).await >= 2);
    assert_eq!(winners(Fault::None).await, 1);
}

#[tokio::test]
async fn a_key_is_missing_malformed_unknown_or_expired() {
    let demo = demo(Fault::None).await;
    let url = format!("{}/api/2.0/mlflow/experiments/search?max_results=1", demo.url());
    let unknown = demo.api_key().replace(|c: char| c.is_ascii_digit(), "Z") + "Z";
    let cases = [
        (None, "API key required"),
        (Some(""), "API key required"),
        (Some("no-key"), "Invalid or expired API key"),
        (Some(unknown.as_str()), "Invalid or expired API key"),
        (Some(demo.expired_key()), "Invalid or expired API key"),
    ];
    for (key, told) in cases {
        let answer = send("GET", &url, key, &Value::Null).await;
        assert_eq!(answer.status, 401, "{told}");
        assert_eq!(answer.body, json!({ "detail": told }));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for open in ["health", "version"] {
        let answer = send("GET", &format!("{}/{open}", demo.url()), None, &Value::Null).await;
        assert_eq!(answer.status, 200, "{open}");
    }
}

#[tokio::test]
async fn the_auth_service_wants_the_key_in_the_body_and_documents_it() {
    let demo = demo(Fault::None).await;
    let auth = demo.auth_url();
    let validate = format!("{auth}/api/v1/keys/validate");
    let header_only = send("POST", &validate, Some(demo.api_key()), &json!({})).await;
    assert_eq!(header_only.status, 422);
    assert_eq!(header_only.body["detail"][0]["loc"], json!(["body", "api_key"]));
    let number = send("POST", &validate, None, &json!({ "api_key": 7 })).await;
    assert_eq!((number.status, &number.body["detail"][0]["type"]), (422, &json!("string_type")));
    let unknown = send("POST", &validate, None, &json!({ "api_key": "hk_live_x" })).await;
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.body, json!({ "detail": "Invalid or expired API key" }));
    let wrong_method = send("GET", &validate, None, &Value::Null).await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "POST"));

    let document = send("GET", &format!("{auth}/openapi.json"), None, &Value::Null).await.body;
    assert_eq!(document["servers"], json!([{ "url": "/auth" }]));
    let operation = &document["paths"]["/api/v1/keys/validate"]["post"];
    assert!(operation.get("security").is_none() && document.get("security").is_none());
    let responses = operation["responses"].as_object().expect("responses");
    assert_eq!(responses.keys().collect::<Vec<_>>(), ["200", "422"]);
    let wanted = &document["components"]["schemas"]["ValidateRequest"]["required"];
    assert_eq!(wanted, &json!(["api_key"]));
    // The document's own base leads to the same place.
    let body = json!({ "api_key": demo.api_key() });
    let based = send("POST", &format!("{auth}/auth/api/v1/keys/validate"), None, &body).await;
    assert_eq!(based.status, 200);
}

#[tokio::test]
async fn an_upload_of_any_size_can_be_read_again() {
    let demo = demo(Fault::None).await;
    let store = format!("{}/api/2.0/mlflow-artifacts/artifacts", demo.url());
    let sent = [
        ("small.json", json!({ "small": true }), "text/plain"),
        ("large.bin", Value::String("x".repeat(900_000)), "application/octet-stream"),
    ];
    for (name, content, kind) in &sent {
        let url = format!("{store}/up/{name}");
        let put = send("PUT", &url, Some(demo.api_key()), content).await;
        assert_eq!((put.status, put.header("content-length")), (200, "0"), "{name}");
        let read = send("GET", &url, Some(demo.api_key()), &Value::Null).await;
        let length = content.to_string().len().to_string();
        assert_eq!((read.header("content-type"), read.header("content-length")), (*kind, &*length));
        assert_eq!(&read.body, content, "{name}");
    }
    let list = send("GET", &format!("{store}?path=up"), Some(demo.api_key()), &Value::Null).await;
    let files = json!([
        { "path": "large.bin", "is_dir": false, "file_size": 900_002 },
        { "path": "small.json", "is_dir": false, "file_size": 14 },
    ]);
    assert_eq!(list.body["files"], files);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_stopping_frees_it() {
    let first = demo(Fault::None).await;
    let port = first.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let on_it = || Options { port, ..Options::default() };
    let error = Demo::start(on_it()).await.expect_err("the port is taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    first.stop().await;
    Demo::start(on_it()).await.expect("the port is free again").stop().await;
}

#[tokio::test]
async fn an_override_that_is_no_url_is_an_error() {
    let options = Options { auth_url: Some("nonsense".to_owned()), ..Options::default() };
    let error = Demo::start(options).await.expect_err("no URL");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`nonsense`"), "{error}");
}
