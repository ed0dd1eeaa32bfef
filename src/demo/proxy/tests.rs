//! What the proxy answers, with each kind of service beside it.

use tokio::net::TcpListener;
use tower_service::Service as _;

use super::*;

/// What a service beside the proxy does.
#[derive(Clone, Copy)]
enum Beside {
    Says(u16, &'static str),
    NeverAnswers,
    IsGone,
}

/// A service beside the proxy, and how long it is worth waiting for, where that is short.
struct Origin {
    url: String,
    patience: Option<Duration>,
}

async fn origin(beside: Beside) -> Origin {
    let mut patience = None;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    match beside {
        Beside::IsGone => drop(listener),
        Beside::NeverAnswers => {
            patience = Some(Duration::from_millis(20));
            tokio::spawn(async move {
                let mut open = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    open.push(stream);
                }
            });
        }
        Beside::Says(status, body) => {
            let service = Router::new().fallback(move || async move {
                let status = StatusCode::from_u16(status).expect("a status");
                super::super::answer::with_body(status, "application/json", body)
            });
            tokio::spawn(async move { axum::serve(listener, service).await });
        }
    }
    Origin { url, patience }
}

/// The proxy's status and body between two services.
async fn between(auth: Beside, registry: Beside) -> (u16, String) {
    let keys = Arc::new(Keys::generate().expect("random bytes"));
    let (auth, registry) = (origin(auth).await, origin(registry).await);
    let usual = Settings::of(Fault::None, &auth.url, &registry.url, &keys);
    let settings = Settings {
        auth_timeout: auth.patience.unwrap_or(usual.auth_timeout),
        registry_timeout: registry.patience.unwrap_or(usual.registry_timeout),
        ..usual
    };
    let mut proxy = service(settings).expect("two origins");
    let request = axum::http::Request::get("/api/2.0/mlflow/experiments/search")
        .header(header::AUTHORIZATION, "Bearer k")
        .body(Body::empty())
        .expect("a request");
    let (head, body) = proxy.call(request).await.expect("an answer").into_parts();
    let body = to_bytes(body, 1 << 16).await.expect("a body");
    (head.status.as_u16(), String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn every_failure_has_its_status_and_its_words() {
    const YES: Beside = Beside::Says(200, r#"{"is_valid": true}"#);
    let fine = Beside::Says(200, "{}");
    let cases = [
        (Beside::Says(401, "{}"), fine, 401, "Invalid or expired API key"),
        (Beside::Says(200, r#"{"is_valid": false}"#), fine, 401, "Invalid or expired API key"),
        (Beside::Says(429, "{}"), fine, 401, "Rate limit exceeded"),
        (Beside::Says(422, "{}"), fine, 401, "Authentication service error"),
        (Beside::Says(500, "oops"), fine, 401, "Authentication service error"),
        (Beside::NeverAnswers, fine, 401, "Authentication service timeout"),
        (Beside::IsGone, fine, 401, "Authentication service unavailable"),
        (YES, Beside::IsGone, 502, "Failed to connect to MLflow server"),
        (YES, Beside::NeverAnswers, 504, "MLflow server request timeout"),
    ];
    for (auth, registry, status, told) in cases {
        let wanted = (status, json!({ "detail": told }).to_string());
        assert_eq!(between(auth, registry).await, wanted, "{told}");
    }
    assert_eq!(between(YES, fine).await, (200, "{}".to_owned()));
}

#[test]
fn a_short_path_is_the_registrys_own_path() {
    assert_eq!(registry_path("/api/mlflow/runs/get?run_id=1"), "/api/2.0/mlflow/runs/get?run_id=1");
    assert_eq!(
        registry_path("/api/mlflow-artifacts/artifacts/a"),
        "/api/2.0/mlflow-artifacts/artifacts/a"
    );
    for same in ["/api/2.0/mlflow/runs/get", "/ajax-api/2.0/mlflow/runs/get", "/api/mlflows/x", "/"]
    {
        assert_eq!(registry_path(same), same);
    }
}
