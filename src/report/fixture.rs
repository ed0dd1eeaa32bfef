//! One run that has everything a reporter must show, for the tests of all reporters.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::event::{
    Commit, EnvironmentTold, Event, JobId, PlanStarted, RunStarted, Section, ServiceTold, StepRef,
    VERSION, VariableTold,
};
use crate::finding::{Code, Finding, Severity};
use crate::outcome::{
    Actual, Assertion, Attempt, Body, BudgetBreach, CaptureResult, Content, Exchange, Expected,
    Phase, Phases, Reason, Request, Response, StepResult, Transport, TransportClass, UrlPart,
    Verdict,
};
use crate::record::Record;
use crate::source::{Place, SourceId, SourceSet, Span};

/// The path of the plan.
pub(crate) const PATH: &str = "plans/registration.yaml";

/// The plan.
pub(crate) const PLAN: &str = r#"plan: Register a model through the proxy
steps:
  - name: The auth service accepts the key
    id: direct
    POST: ${{ env.auth_url }}/api/v1/keys/validate
    json: {api_key: "${{ secrets.api_key }}", service_id: "${{ env.service_id }}"}
    expect:
      status: 200
      $.is_valid: true
    budget: {wait: 300ms}

  - name: Create the registered model
    id: create
    POST: /api/2.0/mlflow/registered-models/create
    json:
      name: ${{ model }}
    expect:
      $.registered_model.name: ${{ model }}

  - name: Look at the model
    id: look
    GET: /api/2.0/mlflow/registered-models/get
    expect:
      $.registered_model.versoin: "1"
      $.registered_model.stage: {one_of: [Production, Staging]}
      headers: {Content-Type: {starts_with: application/json}}
    capture:
      run_id: $.registered_model.run_id

  - name: The version becomes ready
    GET: /api/2.0/mlflow/model-versions/get
    poll: {every: 500ms, for: 10s}
    expect:
      $.model_version.status: READY

cleanup:
  - name: Delete the registered model
    DELETE: /api/2.0/mlflow/registered-models/delete
"#;

/// The environment.
pub(crate) const ENVIRONMENT: &str =
    "environment: demo\nvars:\n  registry_url: http://127.0.0.1:9\n  service_id: platform\n";

/// Both texts under the ids of the stream.
pub(crate) fn sources() -> SourceSet {
    Record::fold(beginning(1)).sources
}

/// The first place of a text in the plan.
pub(crate) fn at(needle: &str) -> Place {
    let start = PLAN.find(needle).unwrap_or_default();
    Place { source: SourceId(0), span: Span::new(start, start + needle.len()) }
}

/// A step of the plan by its name.
pub(crate) fn step(index: u32, id: Option<&str>, name: &str) -> StepRef {
    let section = if name.starts_with("Delete") { Section::Cleanup } else { Section::Steps };
    let start = PLAN.find(name).unwrap_or_default().saturating_sub("name: ".len());
    let place = Place { source: SourceId(0), span: Span::new(start, start + "name".len()) };
    StepRef { id: id.map(Into::into), ..StepRef::new(section, index, name, place) }
}

/// A body of JSON.
pub(crate) fn json_body(value: &Value) -> Body {
    text_body(&value.to_string())
}

/// A body of text.
pub(crate) fn text_body(text: &str) -> Body {
    let content = if text.is_empty() { Content::Empty } else { Content::Text(text.to_owned()) };
    Body { content, size: text.len() as u64, sha256: None, cut: false }
}

/// An exchange with a JSON response; the key is sent as Bearer.
pub(crate) fn exchange(method: &str, url: &str, status: u16, body: &Value) -> Exchange {
    let ms = |n| Some(Duration::from_micros(n));
    Exchange {
        request: Request {
            method: method.into(),
            url: url.into(),
            headers: vec![
                ("authorization".into(), "Bearer «secret:api_key»".into()),
                (
                    "traceparent".into(),
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
                ),
                ("x-request-id".into(), "0af76519-16cd-43dd-8448-eb211c80319c".into()),
            ],
            body: text_body(""),
        },
        hops: Vec::new(),
        response: Some(Response {
            status,
            http: "1.1".into(),
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("server".into(), "demo-registry".into()),
                ("cf-ray".into(), "8c6de62ee8b99b96-FRA".into()),
            ],
            body: json_body(body),
            remote: Some("127.0.0.1:4400".into()),
            saved: None,
        }),
        error: None,
        phases: Phases {
            dns: None,
            connect: ms(210),
            tls: None,
            send: ms(30),
            wait: ms(11_400),
            receive: ms(120),
            total: ms(11_800),
        },
        reused: false,
        repeated: false,
        proxy: None,
        unverified: false,
        url_from: Vec::new(),
        secrets_sent: vec![("api_key".into(), "header Authorization".into())],
        plans_ids: Vec::new(),
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    }
}

/// A judged assertion.
pub(crate) fn assertion(
    subject: &str,
    place: Place,
    expected: (&str, Value),
    actual: Option<Actual>,
    pointer: Option<&str>,
) -> Assertion {
    Assertion {
        subject: subject.into(),
        place,
        severity: Severity::Error,
        passed: actual.is_none(),
        expected: Expected { operator: expected.0.into(), operand: expected.1 },
        actual,
        pointer: pointer.map(Into::into),
        outcome: None,
        note: None,
        violations: Vec::new(),
        tap: None,
    }
}

/// An attempt with an exchange.
pub(crate) fn attempt(exchange: Exchange, assertions: Vec<Assertion>) -> Attempt {
    Attempt {
        number: 1,
        sample: None,
        at: Duration::from_millis(3),
        exchange: Some(Box::new(exchange)),
        assertions,
        captures: Vec::new(),
        limit: None,
        breaches: Vec::new(),
        findings: Vec::new(),
        outcome: None,
        contract: None,
        documented: Vec::new(),
        routes: None,
        hints: Vec::new(),
        tapped: Vec::new(),
    }
}

/// A result of one attempt.
pub(crate) fn result(verdict: Verdict, attempt: Option<Attempt>) -> StepResult {
    let code = match verdict {
        Verdict::Failed => Some(Code::AssertionFailed),
        Verdict::Passed
        | Verdict::Errored
        | Verdict::Skipped
        | Verdict::Blocked
        | Verdict::Cancelled => None,
    };
    StepResult {
        verdict,
        reason: None,
        flaky: false,
        tries: u32::from(attempt.is_some()),
        attempts: attempt.into_iter().collect(),
        duration: Duration::from_micros(11_900),
        code,
        message: None,
        ended_at: None,
        only_budget: false,
        samples: None,
    }
}

/// The auth service's own answer to the key.
pub(crate) fn direct(status: u16, body: &Value) -> (StepRef, StepResult) {
    let mut exchange = exchange("POST", "http://127.0.0.1:4401/api/v1/keys/validate", status, body);
    exchange.request.headers.remove(0);
    exchange.request.headers.push(("content-type".into(), "application/json".into()));
    exchange.request.body =
        json_body(&json!({"api_key": "«secret:api_key»", "service_id": "platform"}));
    exchange.secrets_sent = vec![("api_key".into(), "json api_key".into())];
    let passed = status == 200;
    if let Some(response) = &mut exchange.response
        && passed
    {
        response.headers.retain(|(name, _)| name != "server");
    }
    let got = (!passed).then(|| Actual::Value(json!(status)));
    let assertions =
        vec![assertion("status", at("status: 200"), ("equals", json!(200)), got, None)];
    let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
    (
        step(0, Some("direct"), "The auth service accepts the key"),
        result(verdict, Some(attempt(exchange, assertions))),
    )
}

/// The proxy's 401.
pub(crate) fn through_the_proxy() -> (StepRef, StepResult) {
    let body = json!({"detail": "Invalid or expired API key"});
    let url = "http://127.0.0.1:4400/api/2.0/mlflow/registered-models/create";
    let mut exchange = exchange("POST", url, 401, &body);
    exchange.request.body = json_body(&json!({"name": "planrun-x7"}));
    exchange.request.headers.push(("content-type".into(), "application/json".into()));
    let post = at("POST: /api");
    let post = Place { source: post.source, span: Span { end: post.span.start + 4, ..post.span } };
    let missing =
        Actual::Missing { reached: "$".into(), there: vec!["detail".into()], nearest: None };
    let assertions = vec![
        assertion("status", post, ("equals", json!("2xx")), Some(Actual::Value(json!(401))), None),
        assertion(
            "$.registered_model.name",
            at("$.registered_model.name"),
            ("equals", json!("planrun-x7")),
            Some(missing),
            None,
        ),
    ];
    (
        step(1, Some("create"), "Create the registered model"),
        result(Verdict::Failed, Some(attempt(exchange, assertions))),
    )
}

/// Wrong fields, a misspelt path, a capture that found nothing, a budget.
pub(crate) fn looked() -> (StepRef, StepResult) {
    let body = json!({"registered_model": {
        "name": "planrun-x7",
        "creation_timestamp": 1_795_275_123_456_u64,
        "tags": [{"key": "owner", "value": "ada"}, {"key": "team", "value": "core"}],
        "latest_versions": [
            {"version": "1", "current_stage": "None", "source": "runs:/1/model"},
            {"version": "2", "current_stage": "None", "source": "runs:/2/model"},
        ],
        "version": 1,
        "stage": "None",
    }});
    let exchange = exchange(
        "GET",
        "http://127.0.0.1:4400/api/2.0/mlflow/registered-models/get?name=planrun-x7",
        200,
        &body,
    );
    let there: Vec<String> =
        ["name", "creation_timestamp", "tags", "latest_versions", "version", "stage"]
            .map(Into::into)
            .into();
    let missing = |nearest: Option<&str>| Actual::Missing {
        reached: "$.registered_model".into(),
        there: there.clone(),
        nearest: nearest.map(Into::into),
    };
    let mut attempt = attempt(
        exchange,
        vec![
            assertion(
                "$.registered_model.versoin",
                at("$.registered_model.versoin"),
                ("equals", json!("1")),
                Some(missing(Some("version"))),
                None,
            ),
            assertion(
                "$.registered_model.stage",
                at("$.registered_model.stage"),
                ("in", json!(["Production", "Staging"])),
                Some(Actual::Value(json!("None"))),
                Some("/registered_model/stage"),
            ),
        ],
    );
    attempt.captures.push(CaptureResult {
        name: "run_id".into(),
        place: at("run_id: $"),
        value: None,
        missing: Some(missing(None)),
    });
    attempt.breaches.push(BudgetBreach {
        phase: Phase::Wait,
        place: at("GET: /api/2.0/mlflow/registered"),
        limit: Duration::from_millis(10),
        actual: Duration::from_micros(11_400),
        longest: Some((Phase::Wait, Duration::from_micros(11_400))),
        severity: Severity::Error,
    });
    (step(2, Some("look"), "Look at the model"), result(Verdict::Failed, Some(attempt)))
}

/// A poll whose last request found nobody at home.
pub(crate) fn nobody_there() -> (StepRef, StepResult) {
    let url = "http://127.0.0.1:9/api/2.0/mlflow/model-versions/get";
    let mut exchange = exchange("GET", url, 0, &Value::Null);
    exchange.response = None;
    exchange.phases = Phases { total: Some(Duration::from_micros(400)), ..Phases::default() };
    exchange.error = Some(Transport {
        class: TransportClass::Refused,
        message: "nothing listens on 127.0.0.1:9".into(),
        host: "127.0.0.1:9".into(),
        addresses: vec!["127.0.0.1:9".into()],
        phase: Some(Phase::Connect),
        help: Vec::new(),
    });
    let needle = "http://127.0.0.1:9";
    let start = ENVIRONMENT.find(needle).unwrap_or_default();
    exchange.url_from = vec![UrlPart {
        name: "env.registry_url".into(),
        value: needle.into(),
        place: Some(Place { source: SourceId(1), span: Span::new(start, start + needle.len()) }),
        source: "plans/environments/demo.yaml".into(),
    }];
    let mut result = result(Verdict::Errored, Some(attempt(exchange, Vec::new())));
    result.code = Some(Code::TransportRefused);
    result.tries = 21;
    result.duration = Duration::from_secs(10);
    (step(3, None, "The version becomes ready"), result)
}

/// A step that did not run.
pub(crate) fn did_not_run(verdict: Verdict, reason: Reason) -> (StepRef, StepResult) {
    let mut result = result(verdict, None);
    result.reason = Some(reason);
    result.duration = Duration::ZERO;
    (step(0, None, "Delete the registered model"), result)
}

/// The beginning of a run: its id, its texts, one warning.
pub(crate) fn beginning(jobs: u32) -> Vec<Event> {
    let source = |id: u32, path: &str, text: &str| Event::Source {
        id: SourceId(id),
        path: path.into(),
        sha256: "0".repeat(64),
        text: text.into(),
    };
    vec![
        Event::RunStarted(RunStarted {
            version: VERSION,
            planrun: "0.1.0".into(),
            run: "20261122T153100-a1b2".into(),
            started_at: "2026-11-22T15:31:00Z".into(),
            environment: Some("demo".into()),
            seed: 42,
            jobs,
            steps: 5 * jobs,
            command: vec!["planrun".into(), "plans".into(), "-e".into(), "demo".into()],
            variables: [("deploy_key".to_owned(), "CI_DEPLOY_KEY".to_owned())].into(),
            commit: Some(Commit {
                id: "4f2a9c1d7e3b5a6f8091a2b3c4d5e6f708192a3b".into(),
                branch: Some("main".into()),
            }),
        }),
        source(0, PATH, PLAN),
        source(1, "plans/environments/demo.yaml", ENVIRONMENT),
        Event::Finding {
            finding: Finding::warning(Code::UnusedName, "`service_id` is never used")
                .at(Place { source: SourceId(1), span: Span::new(57, 67) }, "defined here"),
        },
        Event::Environment(environment()),
    ]
}

/// What the run told of its environment.
fn environment() -> EnvironmentTold {
    let of_file = |name: &str, value: &str| {
        let start = ENVIRONMENT.find(value).unwrap_or_default();
        let span = Span::new(start, start + value.len());
        VariableTold {
            name: name.into(),
            value: json!(value),
            place: Some(Place { source: SourceId(1), span }),
            source: "plans/environments/demo.yaml".into(),
        }
    };
    let given = VariableTold {
        name: "auth_url".into(),
        value: json!("http://127.0.0.1:4401"),
        place: None,
        source: "PLANRUN_VAR_auth_url".into(),
    };
    EnvironmentTold {
        name: Some("demo".into()),
        protected: false,
        variables: vec![
            of_file("registry_url", "http://127.0.0.1:9"),
            of_file("service_id", "platform"),
            given,
        ],
        services: vec![ServiceTold {
            name: "registry".into(),
            builtin: true,
            fault: Some("broken-contract".into()),
        }],
        secrets: vec!["api_key".into()],
    }
}

/// One job with these steps.
pub(crate) fn job(id: u32, steps: Vec<(StepRef, StepResult)>) -> Vec<Event> {
    let job = JobId(id);
    let mut events = vec![Event::PlanStarted(PlanStarted {
        case: None,
        case_of: Vec::new(),
        job,
        name: "Register a model through the proxy".into(),
        path: PATH.into(),
        place: at("Register a model through the proxy"),
        tags: vec!["registration".into()],
        covers: vec!["2a".into()],
        steps: u32::try_from(steps.len()).unwrap_or(u32::MAX),
        left_out: 0,
        at: Duration::from_millis(1),
    })];
    let mut verdict = Verdict::Passed;
    for (step, result) in steps {
        if matches!(result.verdict, Verdict::Failed | Verdict::Errored) {
            verdict = Verdict::Failed;
        }
        events.push(Event::StepStarted { job, step: step.clone(), at: Duration::from_millis(2) });
        events.push(Event::StepFinished { job, step, result: Arc::new(result) });
    }
    events.push(Event::PlanFinished {
        job,
        verdict,
        duration: Duration::from_millis(420),
        findings: Vec::new(),
        breach: None,
    });
    events
}

/// The last event.
pub(crate) fn end() -> Event {
    Event::RunFinished { duration: Duration::from_millis(423), interrupted: None }
}

/// A whole run of one plan in which everything happens.
pub(crate) fn run() -> Vec<Event> {
    let mut events = beginning(1);
    events.extend(job(
        0,
        vec![
            direct(200, &json!({"is_valid": true, "user_id": "u-1", "scopes": ["model:write"]})),
            through_the_proxy(),
            looked(),
            nobody_there(),
            did_not_run(Verdict::Skipped, Reason::NothingToCleanUp("create".into())),
        ],
    ));
    events.push(end());
    events
}
