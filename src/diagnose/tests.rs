//! Each rule where its fact is there, and where it is missing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::event::{CaseRef, JobId, PlanStarted, Section};
use crate::finding::Code;
use crate::outcome::{
    Actual, Assertion, Attempt, Body, BudgetBreach, Content, ContractUse, DocumentedPart, Exchange,
    Expected, Hop, Nearest, Phase, Phases, Reason, Request, Response, RouteDifference, RouteTaken,
    RoutesCompared, SecretShape, SentPart, TapBreach, TapContract, Tapped, Tie, Transport,
    TransportClass, UrlPart,
};
use crate::record::{PlanRecord, StepRecord};
use crate::source::{Place, SourceId, Span};

/// A step, as a rule sees it, with the others of its plan.
struct Scene {
    exchange: Exchange,
    others: Vec<Witness>,
    tries: u32,
    /// What did not hold although the status was a good one.
    unmet: Vec<Assertion>,
    breaches: Vec<BudgetBreach>,
    /// What taps saw meanwhile.
    tapped: Vec<Tapped>,
    /// How a poll ended.
    over: Option<&'static str>,
    /// The answer beside that of the first route.
    routes: Option<RoutesCompared>,
    /// Where contracts say something of what the answer names.
    documented: Vec<DocumentedPart>,
    /// What was used of a contract.
    contract: Option<ContractUse>,
}

fn place(at: usize) -> Place {
    Place { source: SourceId(0), span: Span::new(at, at + 1) }
}

fn text_body(text: &str) -> Body {
    let content = if text.is_empty() { Content::Empty } else { Content::Text(text.to_owned()) };
    Body { content, size: text.len() as u64, sha256: None, cut: false }
}

/// `POST http://api.test/v1/items` with a key and a body, answered with a status and JSON.
fn answered(status: u16, body: &Value) -> Scene {
    let response = Response {
        status,
        http: "1.1".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: text_body(&body.to_string()),
        remote: None,
        saved: None,
    };
    let exchange = Exchange {
        request: Request {
            method: "POST".into(),
            url: "http://api.test/v1/items".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: text_body(r#"{"name":"apple","service":"shop"}"#),
        },
        hops: Vec::new(),
        response: Some(response),
        error: None,
        phases: Phases {
            wait: Some(Duration::from_millis(12)),
            total: Some(Duration::from_millis(14)),
            ..Phases::default()
        },
        reused: false,
        repeated: false,
        proxy: None,
        url_from: vec![UrlPart {
            name: "env.api".into(),
            value: "http://api.test".into(),
            place: Some(place(7)),
            source: "environments/test.yaml".into(),
        }],
        secrets_sent: vec![("key".into(), "header Authorization".into())],
        unverified: false,
        plans_ids: Vec::new(),
        secret_shapes: Vec::new(),
        sent_from: vec![
            sent("/name", 10, None),
            sent("/service", 20, Some("env.service")),
            sent("query limit", 30, None),
        ],
    };
    Scene {
        exchange,
        others: Vec::new(),
        tries: 1,
        unmet: Vec::new(),
        breaches: Vec::new(),
        tapped: Vec::new(),
        over: None,
        routes: None,
        documented: Vec::new(),
        contract: None,
    }
}

fn sent(at: &str, place_at: usize, by: Option<&str>) -> SentPart {
    SentPart {
        at: at.into(),
        place: place(place_at),
        given_by: by.map(Into::into),
        set_at: by.map(|_| place(99)),
    }
}

/// No answer, with this class.
fn failed(class: TransportClass) -> Scene {
    let mut scene = answered(200, &json!({}));
    scene.exchange.response = None;
    scene.exchange.error = Some(Transport {
        class,
        message: "what was seen".into(),
        host: "api.test".into(),
        addresses: Vec::new(),
        phase: Some(Phase::Wait),
        help: Vec::new(),
    });
    scene
}

fn page(status: u16, html: &str) -> Scene {
    answered(status, &json!(null)).typed("text/html").body(html)
}

/// `POST http://auth.test/keys`, which took the key in its body.
fn other() -> Witness {
    Witness {
        step: "other".into(),
        key: step(1).key(),
        asked: "POST http://auth.test/keys".into(),
        origin: "http://auth.test".into(),
        status: 200,
        passed: true,
        secrets: vec![("key".into(), "body".into())],
        server: None,
        reason: None,
        shape: None,
        challenge: None,
        fields: Vec::new(),
        says_valid: true,
        took: Duration::from_millis(9),
        at: Duration::from_millis(1),
        requests: 1,
    }
}

/// `GET http://api.test/v1/things`, which answered well.
fn same_host() -> Witness {
    Witness {
        asked: "GET http://api.test/v1/things".into(),
        origin: "http://api.test".into(),
        says_valid: false,
        ..other()
    }
}

/// Another host that refuses and speaks as `answered` does, with these words.
fn twin(words: &str) -> Witness {
    Witness {
        status: 401,
        passed: false,
        server: Some("registry".into()),
        reason: Some(words.into()),
        shape: Some("detail".into()),
        challenge: Some("Bearer".into()),
        says_valid: false,
        ..other()
    }
}

fn step(index: u32) -> StepRef {
    StepRef::new(Section::Steps, index, "step", place(0))
}

fn status_is(status: u16, passed: bool) -> Assertion {
    Assertion {
        subject: "status".into(),
        place: place(1),
        severity: crate::finding::Severity::Error,
        passed,
        expected: Expected { operator: "equals".into(), operand: json!(status) },
        actual: None,
        pointer: None,
        outcome: None,
        note: None,
        violations: Vec::new(),
        tap: None,
    }
}

/// A request that a tap saw: what was answered, and what of it breaks its contract.
fn tapped(status: u16, breaches: &[&str]) -> Tapped {
    let breach = |message: &&str| TapBreach {
        code: Code::ContractMissingField,
        message: (*message).to_owned(),
        at: "body".to_owned(),
        said: Some(place(50)),
        label: "required".to_owned(),
    };
    Tapped {
        tap: "auth".to_owned(),
        tie: Tie::Trace,
        at: Duration::from_millis(6),
        path: "/validate".to_owned(),
        exchange: Box::new(answered(status, &json!({})).exchange),
        contract: Some(TapContract {
            name: "auth".to_owned(),
            operation: Some("POST /validate".to_owned()),
            breaches: breaches.iter().map(breach).collect(),
        }),
        refused: None,
        late: None,
    }
}

impl Scene {
    fn with(mut self, change: impl FnOnce(&mut Exchange)) -> Self {
        change(&mut self.exchange);
        self
    }

    fn response(self, change: impl FnOnce(&mut Response)) -> Self {
        self.with(|exchange| {
            if let Some(response) = &mut exchange.response {
                change(response);
            }
        })
    }

    fn header(self, name: &str, value: &str) -> Self {
        self.response(|response| response.headers.push((name.into(), value.into())))
    }

    fn typed(self, kind: &str) -> Self {
        self.response(|response| response.headers = vec![("content-type".into(), kind.into())])
    }

    fn body(self, text: &str) -> Self {
        self.response(|response| response.body = text_body(text))
    }

    fn url(self, url: &str) -> Self {
        self.with(|exchange| exchange.request.url = url.into())
    }

    /// The variable names `/v1` too.
    fn based(self) -> Self {
        self.with(|exchange| {
            exchange.url_from.iter_mut().for_each(|part| part.value = "http://api.test/v1".into());
        })
    }

    fn tapped(mut self, tapped: Tapped) -> Self {
        self.tapped.push(tapped);
        self
    }

    fn no_secret(self) -> Self {
        self.with(|exchange| exchange.secrets_sent = Vec::new())
    }

    fn seen(mut self, other: Witness) -> Self {
        self.others.push(other);
        self
    }

    fn shape(self, change: impl FnOnce(&mut SecretShape)) -> Self {
        let mut shape = SecretShape {
            name: "key".into(),
            length: 40,
            edge_whitespace: false,
            matches: None,
            expires: None,
            expired: false,
        };
        change(&mut shape);
        self.with(|exchange| exchange.secret_shapes = vec![shape])
    }

    /// The status was good, and this is not so.
    fn but(mut self, subject: &str, (operator, operand): (&str, Value), actual: Actual) -> Self {
        self.unmet.push(Assertion {
            subject: subject.into(),
            expected: Expected { operator: operator.into(), operand },
            actual: Some(actual),
            ..status_is(200, false)
        });
        self
    }

    /// The status was good, and nothing stands at this path: so far it goes.
    fn lacks(self, subject: &str, reached: &str, there: &[&str]) -> Self {
        let there = there.iter().map(|name| (*name).to_owned()).collect();
        let missing = Actual::Missing { reached: reached.into(), there, nearest: None };
        self.but(subject, ("equals", json!("apple")), missing)
    }

    /// A second's budget of this phase, of which so much is gone.
    fn over_budget(mut self, actual: u64, longest: (Phase, u64)) -> Self {
        self.breaches.push(BudgetBreach {
            phase: Phase::Total,
            place: place(40),
            limit: Duration::from_secs(1),
            actual: Duration::from_millis(actual),
            longest: Some((longest.0, Duration::from_millis(longest.1))),
            severity: crate::finding::Severity::Error,
        });
        self
    }

    /// The same request by another route, which gave what was expected or did not.
    fn by_another_route(mut self, holds: bool) -> Self {
        let taken = |name: &str, holds| RouteTaken {
            name: name.to_owned(),
            place: place(60),
            origin: format!("http://{name}.test"),
            holds,
            time: None,
        };
        let status = RouteDifference {
            what: "status".to_owned(),
            places: 1,
            first: Some(json!(200)),
            other: Some(json!(self.exchange.response.as_ref().map(|it| it.status))),
        };
        self.routes = Some(RoutesCompared {
            first: taken("direct", holds),
            other: taken("proxy", false),
            differences: vec![status],
            more: 0,
            noise: 0,
            ignored: 0,
            asked_again: false,
        });
        self
    }

    /// A document has the field that the quoted answer names.
    fn documented(mut self) -> Self {
        self.documented.push(DocumentedPart {
            at: "/api_key".into(),
            contract: "auth".into(),
            operation: "POST /keys".into(),
            pointer: "/x".into(),
            place: place(70),
        });
        self
    }

    /// The request belongs to a contract whose document does not have the path.
    fn unknown_to_the_document(mut self, nearest: Option<&str>) -> Self {
        let nearest = nearest
            .map(|operation| Nearest { operation: operation.into(), place: Some(place(80)) });
        self.contract = Some(ContractUse {
            contract: "shop".into(),
            operation: "POST /v1/items".into(),
            nearest,
            ..ContractUse::default()
        });
        self
    }

    fn polled(mut self, over: &'static str) -> Self {
        self.over = Some(over);
        self
    }

    fn took(self, millis: u64) -> Self {
        self.with(|exchange| exchange.phases.wait = Some(Duration::from_millis(millis)))
    }

    fn result(&self, assertions: Vec<Assertion>) -> StepResult {
        let attempt = Attempt {
            number: self.tries,
            limit: None,
            sample: None,
            at: Duration::from_millis(5),
            exchange: Some(Box::new(self.exchange.clone())),
            assertions,
            captures: Vec::new(),
            breaches: self.breaches.clone(),
            findings: Vec::new(),
            outcome: None,
            contract: self.contract.clone().map(Box::new),
            documented: self.documented.clone(),
            routes: self.routes.clone().map(Box::new),
            hints: Vec::new(),
            tapped: self.tapped.clone(),
        };
        StepResult {
            verdict: Verdict::Failed,
            reason: None,
            flaky: false,
            attempts: vec![attempt],
            tries: self.tries,
            duration: Duration::from_millis(14),
            code: self.over.map(|_| Code::PollRanOut),
            message: self.over.map(str::to_owned),
            ended_at: None,
            only_budget: false,
            samples: None,
        }
    }

    fn causes(&self) -> Vec<Cause> {
        let good = !self.unmet.is_empty() || !self.breaches.is_empty();
        let mut assertions = vec![status_is(200, good)];
        assertions.extend(self.unmet.iter().cloned());
        causes(&step(0), &self.result(assertions), &self.others)
    }

    fn rules(&self) -> Vec<&'static str> {
        self.causes().iter().map(|cause| cause.rule).collect()
    }
}

fn says(status: u16, words: &str) -> Scene {
    answered(status, &json!({ "detail": words })).header("www-authenticate", "Bearer")
}

/// A rule; in words, when it speaks and when it is silent; and the two scenes.
type Row = (&'static str, &'static str, &'static str, Scene, Scene);

/// Each rule with a scene in which it speaks, and one that lacks the fact.
#[expect(clippy::too_many_lines, reason = "a table: one row for each rule")]
fn table() -> Vec<Row> {
    use TransportClass::{ConnectTimeout, Dns, NotHttp, Other, Refused, Reset, Timeout, Tls};
    let upstream = json!({"detail": "Invalid key", "upstream": {"status": 422, "body": {
        "detail": [{"loc": ["body", "api_key"], "msg": "Field required"}]}}});
    let not_upstream = json!({"detail": "Invalid key", "upstream": {"status": 401}});
    let named = json!({"detail": [{"loc": ["body", "name"], "msg": "too short"}]});
    let registry = |scene: Scene| scene.header("server", "registry");
    let mut table = vec![
        (
            "transport/unknown-host",
            "the name server does not know the host",
            "another error of the connection",
            failed(Dns),
            failed(Other),
        ),
        (
            "transport/nothing-listens",
            "the connection is refused",
            "another error of the connection",
            failed(Refused),
            failed(Other),
        ),
        (
            "transport/no-answer",
            "the connection is not made in time",
            "another error of the connection",
            failed(ConnectTimeout),
            failed(Other),
        ),
        (
            "transport/certificate",
            "the handshake fails",
            "another error of the connection",
            failed(Tls),
            failed(Other),
        ),
        (
            "transport/slow",
            "the time is over while it waits for the answer",
            "the time is over, and how far it got is unknown",
            failed(Timeout),
            failed(Timeout).with(|exchange| {
                if let Some(error) = &mut exchange.error {
                    error.phase = None;
                }
            }),
        ),
        (
            "transport/closed",
            "a reset, where the server answered another request",
            "a reset of a server that answered nothing",
            failed(Reset).seen(same_host()),
            failed(Reset),
        ),
        (
            "transport/not-http",
            "what answers is not HTTP",
            "another error of the connection",
            failed(NotHttp),
            failed(Other),
        ),
        (
            "permission/firewall",
            "403, a page `Access Denied`, `cf-ray`",
            "403, another page, no such header",
            page(403, "<title>Access Denied</title>").header("cf-ray", "8a"),
            page(403, "<title>Nothing here</title>"),
        ),
        (
            "permission/host-header",
            "403, `Invalid Host header`",
            "403, `No`",
            answered(403, &json!({})).typed("text/plain").body("Invalid Host header"),
            answered(403, &json!({})).typed("text/plain").body("No"),
        ),
        (
            "permission/scope",
            "403, the words name a scope",
            "403, the words name none",
            says(403, "the key lacks the scope items:write"),
            says(403, "no"),
        ),
        (
            "permission/not-allowed",
            "403, and the same server took the key for another request",
            "403, and only another server took the key",
            says(403, "no").seen(same_host()),
            says(403, "no").seen(other()),
        ),
        (
            "hop/broken-contract",
            "401, and the tap saw a request without the field that its contract wants, answered with 422",
            "401, and the tap saw a request as its contract wants it, answered with 401",
            says(401, "no").tapped(tapped(422, &["`api_key` is missing"])),
            says(401, "no").tapped(tapped(401, &[])),
        ),
        (
            "hop/unanswered",
            "401, and the tap saw that the dependency did not answer",
            "401, and the tap saw that it answered with 200",
            says(401, "no").tapped(Tapped {
                exchange: Box::new(Exchange {
                    response: None,
                    error: failed(TransportClass::Refused).exchange.error,
                    ..*tapped(502, &[]).exchange
                }),
                ..tapped(502, &[])
            }),
            says(401, "no").tapped(tapped(200, &[])),
        ),
        (
            "key/upstream-disagrees",
            "401 that quotes a 422 with the field `api_key`",
            "401 that quotes a 401",
            answered(401, &upstream),
            answered(401, &not_upstream),
        ),
        (
            "key/other-service",
            "401, `registered for service 'platform'`",
            "401, `Invalid key`",
            says(401, "This key is registered for service 'platform', not for 'shop'"),
            says(401, "Invalid key"),
        ),
        (
            "key/none-sent",
            "401, and nothing was sent that could be a key",
            "401, and a header `X-Api-Key` was sent",
            says(401, "no").no_secret(),
            says(401, "no").no_secret().with(|exchange| {
                exchange.request.headers.push(("X-Api-Key".into(), "abc".into()));
            }),
        ),
        (
            "key/expired",
            "401, and the token's `exp` is over",
            "401, and the token's `exp` is to come",
            says(401, "no").shape(|shape| {
                shape.expired = true;
                shape.expires = Some("2020-01-01T00:00:00Z".into());
            }),
            says(401, "no").shape(|shape| shape.expires = Some("2099-01-01T00:00:00Z".into())),
        ),
        (
            "key/white-space",
            "401, and a key with white space at its edge",
            "401, and a key without",
            says(401, "no").shape(|shape| shape.edge_whitespace = true),
            says(401, "no").shape(|_| {}),
        ),
        (
            "key/malformed",
            "401, and a key that `matches` does not fit",
            "401, and a key that it fits",
            says(401, "no").shape(|shape| shape.matches = Some(false)),
            says(401, "no").shape(|shape| shape.matches = Some(true)),
        ),
        (
            "key/other-place",
            "401, and the same path took the key from the body",
            "401, and the same path took the key from the same header",
            says(401, "no")
                .seen(Witness { asked: "POST http://api.test/v1/items".into(), ..same_host() }),
            says(401, "no").seen(Witness {
                asked: "POST http://api.test/v1/items".into(),
                secrets: vec![("key".into(), "header Authorization".into())],
                ..same_host()
            }),
        ),
        (
            "key/misrouted",
            "401, `API key required`, though sent, and another host with the same `Server` says the same",
            "the other host has another `Server`",
            registry(says(401, "API key required")).seen(twin("API key required")),
            registry(says(401, "API key required"))
                .seen(Witness { server: Some("auth".into()), ..twin("API key required") }),
        ),
        (
            "key/good-elsewhere",
            "401, and another service accepted the key",
            "401, and another service refused it too",
            says(401, "Invalid key").seen(other()),
            says(401, "Invalid key").seen(Witness { passed: false, status: 401, ..other() }),
        ),
        (
            "key/not-seen",
            "401, `API key required`, and a key was sent",
            "401, `API key required`, and none was sent",
            says(401, "API key required"),
            says(401, "API key required").no_secret(),
        ),
        (
            "key/refused",
            "401, and the server says why",
            "401, and it says nothing",
            says(401, "Invalid key"),
            answered(401, &json!({})),
        ),
        (
            "path/redirect-changed-method",
            "404 after a 301 of a POST",
            "404 after a 308 of a POST",
            answered(404, &json!({})).with(|exchange| {
                exchange.hops = vec![Hop {
                    method: "POST".into(),
                    url: "http://api.test/v1/items".into(),
                    status: 301,
                    location: "https://api.test/v1/items".into(),
                }];
            }),
            answered(404, &json!({})).with(|exchange| {
                exchange.hops = vec![Hop {
                    method: "POST".into(),
                    url: "http://api.test/v1/items".into(),
                    status: 308,
                    location: "https://api.test/v1/items".into(),
                }];
            }),
        ),
        (
            "path/method",
            "405 with Allow",
            "405 without it",
            answered(405, &json!({})).header("allow", "GET"),
            answered(405, &json!({})),
        ),
        (
            "path/doubled",
            "404, `/api/v1` stands twice",
            "404, only `/v1` comes again, elsewhere",
            answered(404, &json!({})).url("http://api.test/api/v1/api/v1/items"),
            answered(404, &json!({})).url("http://api.test/api/v1/items/v1"),
        ),
        (
            "path/misspelt",
            "404 of `/thigns`, where `/things` was answered",
            "404 of `/apples`, where `/things` was answered",
            answered(404, &json!({})).url("http://api.test/v1/thigns").seen(same_host()),
            answered(404, &json!({})).url("http://api.test/v1/apples").seen(same_host()),
        ),
        (
            "path/no-such-thing",
            "404, ``there is no item `apple` ``",
            "404, `Not Found`",
            says(404, "there is no item `apple`"),
            says(404, "Not Found"),
        ),
        (
            "path/no-route",
            "404, a page",
            "404, JSON",
            page(404, "<h1>Not Found</h1>"),
            answered(404, &json!({})),
        ),
        (
            "conflict/made-in-this-run",
            "409, and a POST to the same path passed before",
            "409, and another path was asked before",
            says(409, "apple already exists").seen(Witness {
                asked: "POST http://api.test/v1/items".into(),
                secrets: Vec::new(),
                ..same_host()
            }),
            says(409, "it already exists").seen(same_host()),
        ),
        (
            "conflict/left-by-another-run",
            "409, and the words quote what was sent",
            "409, and they quote nothing",
            says(409, "apple already exists"),
            says(409, "it already exists"),
        ),
        ("size/too-large", "413", "400", answered(413, &json!({})), answered(400, &json!({}))),
        (
            "rate/limited",
            "429",
            "503 with Retry-After",
            answered(429, &json!({})).header("retry-after", "5"),
            answered(503, &json!({})).header("retry-after", "5"),
        ),
        ("fields/media-type", "415", "400, `bad`", answered(415, &json!({})), says(400, "bad")),
        (
            "fields/named",
            "422 with `detail[].loc`",
            "422 with a text",
            answered(422, &named),
            answered(422, &json!({"detail": "no"})),
        ),
        (
            "fields/quoted",
            "400, the words quote `limit`, which was sent",
            "400, they quote `colour`, which was not",
            says(400, "Invalid value for 'limit'"),
            says(400, "Invalid value for 'colour'"),
        ),
        (
            "gateway/timeout",
            "504 after 30.02 s",
            "504 after 7.4 s",
            says(504, "late").took(30_020),
            says(504, "late").took(7_400),
        ),
        ("gateway/nothing-behind", "502", "500", says(502, "no"), says(500, "no")),
        (
            "page/login",
            "200, a page `Sign in`",
            "200, a page `Welcome`",
            page(200, "<title>Sign in</title>"),
            page(200, "<title>Welcome</title>"),
        ),
        (
            "page/gateway",
            "500, a page `502 Bad Gateway`",
            "500, a page `Welcome`",
            page(500, "<title>502 Bad Gateway</title>"),
            page(500, "<title>Welcome</title>"),
        ),
        (
            "page/web-server",
            "200, a page",
            "200, JSON that is called HTML",
            page(200, "<html></html>"),
            page(200, "{}"),
        ),
    ];
    table.extend(lost_on_the_way());
    table.extend(good_statuses());
    table
}

/// The rows about what lies between, and about a server that changes its mind.
fn lost_on_the_way() -> Vec<Row> {
    use TransportClass::{BadEncoding, Framing, Other, Truncated};
    let missing = |name: &str| says(400, &format!("Missing value for required parameter '{name}'"));
    let before = |millis: u64| Witness {
        secrets: vec![("key".into(), "header Authorization".into())],
        at: Duration::from_millis(millis),
        ..same_host()
    };
    vec![
        (
            "transport/cut-off",
            "fewer bytes than announced",
            "another error of the connection",
            failed(Truncated),
            failed(Other),
        ),
        (
            "transport/encoding",
            "a body that does not decode",
            "another error of the connection",
            failed(BadEncoding),
            failed(Other),
        ),
        (
            "transport/framing",
            "an answer that breaks the rules of HTTP",
            "another error of the connection",
            failed(Framing),
            failed(Other),
        ),
        (
            "key/not-checked",
            "401, `Authentication service unavailable`",
            "401, `Authentication service: the key is unknown`",
            says(401, "Authentication service unavailable"),
            says(401, "Authentication service: the key is unknown"),
        ),
        (
            "key/ended",
            "401, and the same server took the key in the same place before",
            "401, and the same server takes it later",
            says(401, "Invalid key").seen(before(1)),
            says(401, "Invalid key").seen(before(9)),
        ),
        (
            "path/redirected",
            "302 with a Location",
            "302 without one",
            answered(302, &json!({})).header("location", "/login"),
            answered(302, &json!({})),
        ),
        (
            "path/base",
            "404, a page, below `/v1` of the variable",
            "the same, and another request below `/v1` was answered",
            page(404, "<h1>Not Found</h1>").url("http://api.test/v1/items").based(),
            page(404, "<h1>Not Found</h1>")
                .url("http://api.test/v1/items")
                .based()
                .seen(Witness { asked: "GET http://api.test/v1/things".into(), ..same_host() }),
        ),
        (
            "fields/lost",
            "400, `Missing value for required parameter 'name'`, and `name` was sent",
            "the same of `colour`, which was not sent",
            missing("name"),
            missing("colour"),
        ),
        (
            "service/failed",
            "500 with a reason",
            "500 with `{}`, and nothing else was answered",
            says(500, "null"),
            answered(500, &json!({})),
        ),
    ]
}

/// The rows in which the status is a good one.
fn good_statuses() -> Vec<Row> {
    let good = |body: Value| answered(200, &body);
    let text = |text: &str| answered(200, &json!({})).body(text);
    let state = |over| {
        good(json!({"state": "WAITS"}))
            .but("$.state", ("equals", json!("READY")), Actual::Value(json!("WAITS")))
            .polled(over)
    };
    let (gave_up, too_late) = ("gave up: `give_up` describes the response", "gave up within 10 s");
    let not_json = |what: &str| Actual::NotJson(what.into());
    let wants = ("equals", json!("apple"));
    vec![
        (
            "answer/empty",
            "200 without a body, where a path is looked for",
            "200 without a body, where only its size is asked",
            text("").but("$.name", wants.clone(), not_json("empty")),
            text("").but("size", ("equals", json!(12)), Actual::Value(json!(0))),
        ),
        (
            "answer/cut-off",
            "200, `{\"name\": \"app`",
            "200, JSON that is broken in its middle",
            text(r#"{"name": "app"#).but("$.name", wants.clone(), not_json("broken")),
            text(r#"{"name" "app"}"#).but("$.name", wants.clone(), not_json("broken")),
        ),
        (
            "answer/error-inside",
            "200, `{\"error\": {\"message\": …}}`",
            "200, `{\"error\": null}`",
            good(json!({"error": {"message": "no"}})).lacks("$.name", "$", &["error"]),
            good(json!({"error": null})).lacks("$.name", "$", &["error"]),
        ),
        (
            "answer/moved",
            "`$.name` stands at `$.data.name`",
            "`$.name` stands nowhere",
            good(json!({"data": {"name": "apple"}})).lacks("$.name", "$", &["data"]),
            good(json!({"data": ["name"]})).lacks("$.name", "$", &["data"]),
        ),
        (
            "answer/renamed",
            "`itemName` for `item_name`",
            "`item` for `item_name`",
            good(json!({"itemName": "apple"})).lacks("$.item_name", "$", &["itemName"]),
            good(json!({"item": "apple"})).lacks("$.item_name", "$", &["item"]),
        ),
        (
            "answer/missing",
            "the object has no `name`",
            "the list has no first item",
            good(json!({"a": 1})).lacks("$.name", "$", &["a"]),
            good(json!({"items": []})).lacks("$.items[0]", "$.items", &["length 0"]),
        ),
        (
            "answer/other-type",
            "7 where a text is expected",
            "another text",
            good(json!({"name": 7})).but("$.name", wants.clone(), Actual::Value(json!(7))),
            good(json!({"name": "x"})).but("$.name", wants, Actual::Value(json!("x"))),
        ),
        (
            "state/gave-up",
            "a poll that `give_up` ended",
            "a poll whose time was over",
            state(gave_up),
            state(too_late),
        ),
        (
            "state/unchanged",
            "a poll whose time was over",
            "a poll that `give_up` ended",
            state(too_late),
            state(gave_up),
        ),
        (
            "time/phase",
            "1.3 s of 1.4 s were waiting, the budget is 1 s",
            "0.6 s of 1.4 s were waiting",
            good(json!({})).over_budget(1_400, (Phase::Wait, 1_300)),
            good(json!({})).over_budget(1_400, (Phase::Wait, 600)),
        ),
        (
            "path/undocumented",
            "404, and the document of the contract has a path that is nearest",
            "404, and the document has none that is near",
            page(404, "").unknown_to_the_document(Some("POST /v2/items")),
            page(404, "").unknown_to_the_document(None),
        ),
        (
            "routes/hop",
            "401 by `proxy`, and by `direct` all is as expected",
            "401 by `proxy`, and another fault by `direct`",
            says(401, "no").by_another_route(true),
            says(401, "no").by_another_route(false),
        ),
    ]
}

#[test]
fn each_rule_speaks_where_its_fact_is_there_and_is_silent_where_it_is_not() {
    for (rule, _, _, there, missing) in table() {
        let found = there.rules();
        assert!(found.contains(&rule), "{rule} is silent: {found:?}");
        let found = missing.rules();
        assert!(!found.contains(&rule), "{rule} speaks without its fact: {found:?}");
    }
}

#[test]
fn the_line_of_the_document_stands_beside_the_field_that_a_quoted_answer_names() {
    let quoted = json!({"detail": "no", "upstream": {"status": 422, "body": {"detail": [
        {"loc": ["body", "api_key"], "msg": "Field required"},
    ]}}});
    let places = |scene: Scene| -> Vec<Option<Place>> {
        let causes = scene.causes();
        let cause = causes.iter().find(|cause| cause.rule == "key/upstream-disagrees");
        let facts = &cause.expect("a cause").facts;
        let of_document = facts.iter().filter(|fact| fact.text.contains("of `auth`"));
        of_document.map(|fact| fact.place).collect()
    };
    assert_eq!(places(answered(401, &quoted).documented()), [Some(place(70))]);
    assert_eq!(places(answered(401, &quoted)), []);
}

#[test]
fn every_rule_is_in_the_table_and_has_a_name_and_a_sentence() {
    let tested: Vec<&str> = table().into_iter().map(|(rule, ..)| rule).collect();
    let known: Vec<&str> = rules().map(|rule| rule.name).collect();
    for rule in rules() {
        assert!(tested.contains(&rule.name), "{} has no test", rule.name);
        assert!(rule.name.contains('/') && rule.says.len() > 20, "{rule:?}");
        assert_eq!(known.iter().filter(|name| **name == rule.name).count(), 1, "{}", rule.name);
    }
    assert_eq!(tested.len(), known.len());
}

/// The book's page, which lists the two cases of every rule in words.
const PAGE: &str = include_str!("../../docs/src/reference/causes.md");

#[test]
fn the_book_tells_of_every_rule_a_case_in_which_it_speaks_and_one_in_which_it_is_silent() {
    let shown = PAGE.split_once("## Each rule's test").map_or("", |(_, section)| section);
    let shown: Vec<&str> = shown.lines().filter(|line| line.starts_with("| `")).collect();
    let tested: Vec<Row> = table();
    let mut rows: Vec<String> = Vec::new();
    for rule in rules() {
        let row = tested.iter().find(|(name, ..)| *name == rule.name);
        let (_, speaks, silent, ..) = row.expect("every rule is in the table");
        rows.push(format!("| `{}` | {speaks} | {silent} |", rule.name));
    }
    assert_eq!(shown, rows, "docs/src/reference/causes.md should say:\n{}", rows.join("\n"));
}

#[test]
fn no_cause_is_without_a_fact_and_without_a_next_step() {
    for (rule, _, _, there, _) in table() {
        for cause in there.causes() {
            assert!(!cause.facts.is_empty() && cause.next.is_some(), "{rule}: {cause:?}");
            assert!(!cause.about.is_empty(), "{rule}: {cause:?}");
        }
    }
}

#[test]
fn a_status_that_was_asked_for_is_no_cause() {
    let scene = says(401, "Invalid key");
    let result = scene.result(vec![status_is(401, true)]);
    assert_eq!(causes(&step(0), &result, &[]), []);
}

#[test]
fn a_passed_or_blocked_step_has_no_cause() {
    for verdict in [Verdict::Passed, Verdict::Skipped, Verdict::Blocked] {
        let scene = says(401, "Invalid key");
        let result = StepResult { verdict, ..scene.result(Vec::new()) };
        assert_eq!(causes(&step(0), &result, &[]), [], "{verdict:?}");
    }
}

#[test]
fn a_field_leads_to_the_line_that_sent_it_and_to_the_variable_that_gave_it() {
    let body = json!({"detail": [
        {"loc": ["body", "service"], "msg": "unknown"},
        {"loc": ["query", "limit"], "msg": "not a number"},
        {"loc": ["body", "colour"], "msg": "Field required"},
    ]});
    let causes = answered(422, &body).causes();
    let facts: Vec<_> =
        causes.iter().flat_map(|c| &c.facts).map(|f| (f.text.as_str(), f.place)).collect();
    assert_eq!(
        facts,
        [
            ("`body.service`: unknown (given by `env.service`)", Some(place(20))),
            ("`query.limit`: not a number", Some(place(30))),
            ("`body.colour`: Field required (it was not sent)", None),
        ]
    );
}

#[test]
fn a_value_that_the_server_quotes_leads_to_where_it_was_set() {
    let scene = says(401, "no access to 'shop'. This key is registered for service 'platform'");
    let causes = scene.causes();
    let quoted = causes.iter().flat_map(|c| &c.facts).find(|f| f.text.contains("`shop`"));
    let quoted = quoted.expect("the quoted value");
    assert_eq!(quoted.text, "`service` of the body is `shop`, given by `env.service`");
    assert_eq!(quoted.place, Some(place(99)));
}

#[test]
fn an_unknown_host_names_the_variable_and_its_line() {
    let causes = failed(TransportClass::Dns).causes();
    let named = causes.iter().flat_map(|c| &c.facts).find(|f| f.text.contains("env.api"));
    assert_eq!(named.and_then(|fact| fact.place), Some(place(7)));
}

#[test]
fn what_speaks_against_a_cause_is_kept_beside_it() {
    let causes = says(502, "no").seen(same_host()).causes();
    let against: Vec<_> = causes.iter().flat_map(|cause| &cause.against).collect();
    assert!(against.iter().any(|fact| fact.text.contains("the same host answered")), "{causes:?}");
    assert!(says(502, "no").causes().iter().all(|cause| cause.against.is_empty()));
}

#[test]
fn the_same_words_on_two_hosts_make_a_wrong_route_certain() {
    let sure = |words: &str| {
        let scene = says(401, "API key required").header("server", "registry").seen(twin(words));
        scene.causes().first().map(|cause| (cause.rule, cause.confidence))
    };
    assert_eq!(sure("API key required"), Some(("key/misrouted", Confidence::Certain)));
    assert_eq!(sure("Invalid key"), Some(("key/misrouted", Confidence::Likely)));
}

#[test]
fn a_host_that_asks_for_a_key_that_was_sent_is_misrouted_in_its_other_refusals_too() {
    let blind = Witness {
        reason: Some("API key required".into()),
        passed: false,
        status: 401,
        ..same_host()
    };
    let scene = |twin: Witness| {
        let scene = says(401, "Invalid key").header("server", "registry");
        scene.seen(blind.clone()).seen(twin).causes().into_iter().next()
    };
    let cause = scene(twin("Invalid key")).expect("a cause");
    assert_eq!((cause.rule, cause.about.as_str()), ("key/misrouted", "http://api.test"));
    assert_eq!(cause.owner.as_deref(), Some("whoever runs the routing of this host"));
    // Another voice elsewhere says nothing of this host.
    let other = Witness { server: Some("auth".into()), ..twin("Invalid key") };
    assert_eq!(scene(other).map(|cause| cause.rule), Some("key/refused"));
}

#[test]
fn a_key_of_another_service_is_mended_where_the_service_is_named() {
    let said = "no access to 'shop'. This key is registered for service 'platform'";
    let causes = says(401, said).causes();
    let cause = causes.first().expect("a cause");
    let next = cause.next.as_deref().unwrap_or_default();
    assert!(
        next.contains("set `env.service` to the service that the key is for (`platform`)"),
        "{next}"
    );
    assert!(cause.owner.as_deref().is_some_and(|it| it.starts_with("whoever keeps `env.service`")));
    // The twin: what the plan did not send is named by whoever asks about the key.
    let causes = says(401, "This key is registered for service 'platform'").causes();
    let cause = causes.first().expect("a cause");
    assert!(cause.owner.as_deref().is_some_and(|it| it.contains("what asks about the key here")));
}

#[test]
fn a_refused_key_is_never_left_without_an_owner() {
    for (rule, _, _, speaks, _) in table() {
        let causes = speaks.causes();
        let own = causes.iter().filter(|cause| cause.rule == rule && rule.starts_with("key/"));
        for cause in own {
            assert!(cause.owner.is_some(), "{rule} names nobody");
        }
    }
}

/// A plan with these steps, each with how it ended.
fn plan(job: u32, steps: Vec<(StepRef, StepResult)>) -> PlanRecord {
    let started = PlanStarted {
        job: JobId(job),
        name: format!("plan {job}"),
        path: format!("plans/{job}.yaml"),
        case: None,
        case_of: Vec::new(),
        place: place(0),
        tags: Vec::new(),
        covers: Vec::new(),
        steps: 1,
        left_out: 0,
        at: Duration::ZERO,
    };
    let mut record = PlanRecord::new(started);
    for (step, result) in steps {
        let mut begun = StepRecord::begun(step, Duration::ZERO);
        begun.result = Some(Arc::new(result));
        record.steps.push(begun);
    }
    record
}

fn whole(plans: &[PlanRecord]) -> Diagnosis {
    let mut clusters = Clusters::default();
    for plan in plans {
        clusters.push(plan);
    }
    clusters.finish()
}

fn failing(scene: &Scene) -> StepResult {
    scene.result(vec![status_is(200, false)])
}

fn passing(scene: &Scene) -> StepResult {
    StepResult { verdict: Verdict::Passed, ..scene.result(vec![status_is(200, true)]) }
}

fn blocked_by(label: &str) -> StepResult {
    StepResult {
        verdict: Verdict::Blocked,
        reason: Some(Reason::BlockedBy(label.into())),
        attempts: Vec::new(),
        ..failing(&says(401, "no"))
    }
}

#[test]
fn one_cause_explains_many_failures_and_what_is_blocked_is_counted_and_not_blamed() {
    let refused = || failing(&says(401, "Invalid key"));
    let plans = (0..3)
        .map(|job| {
            plan(
                job,
                vec![(step(0), refused()), (step(1), refused()), (step(2), blocked_by("step"))],
            )
        })
        .chain([plan(3, vec![(step(0), failing(&failed(TransportClass::Dns)))])]);
    let diagnosis = whole(&plans.collect::<Vec<_>>());
    assert_eq!((diagnosis.failures, diagnosis.blocked, diagnosis.clusters.len()), (7, 3, 2));
    let leading = diagnosis.leading().expect("a leading cause");
    assert_eq!((leading.size, leading.plans, leading.blocked), (6, 3, 3));
    assert_eq!(leading.cause.as_ref().map(|cause| cause.rule), Some("key/refused"));
    assert_eq!(leading.first.job, JobId(0));
}

#[test]
fn failures_without_a_cause_stand_together_and_are_given_none() {
    let odd = || failing(&answered(500, &json!({})));
    let diagnosis = whole(&[plan(0, vec![(step(0), odd()), (step(1), odd())])]);
    assert_eq!(
        diagnosis.clusters.iter().map(|c| (c.size, c.cause.is_some())).collect::<Vec<_>>(),
        [(2, false)]
    );
    assert_eq!(diagnosis.leading(), None);
}

#[test]
fn a_run_without_failures_says_nothing() {
    let diagnosis = whole(&[plan(0, vec![(step(0), passing(&answered(200, &json!({}))))])]);
    assert_eq!(diagnosis, Diagnosis::default());
}

#[test]
fn what_another_plan_saw_of_the_key_changes_the_cause() {
    let valid = answered(200, &json!({"is_valid": true})).url("http://auth.test/keys");
    let refused = || failing(&says(401, "Invalid key"));
    let alone = whole(&[plan(0, vec![(step(0), refused())]), plan(1, vec![(step(0), refused())])]);
    let rule = |diagnosis: &Diagnosis| {
        diagnosis.leading().and_then(|it| it.cause.as_ref()).map(|it| it.rule)
    };
    assert_eq!(rule(&alone), Some("key/refused"));
    let seen = whole(&[
        plan(0, vec![(step(0), refused())]),
        plan(1, vec![(step(0), refused())]),
        plan(2, vec![(step(7), passing(&valid))]),
    ]);
    assert_eq!(rule(&seen), Some("key/good-elsewhere"));
}

/// The cases of a matrix of a region and a size; the step fails where `fails` says so.
fn matrix(fails: impl Fn(&str, &str) -> bool) -> Diagnosis {
    let mut steps = Vec::new();
    let mut number = 0;
    for region in ["eu", "us", "asia"] {
        for size in ["small", "large"] {
            let of =
                [("region", region), ("size", size)].map(|(n, v)| (n.to_owned(), v.to_owned()));
            let case = CaseRef { number, name: format!("{region}, {size}"), of: of.into() };
            number += 1;
            let result = if fails(region, size) {
                failing(&answered(500, &json!({})))
            } else {
                passing(&answered(200, &json!({})))
            };
            steps.push((StepRef { case: Some(case), ..step(0) }, result));
        }
    }
    whole(&[plan(0, steps)])
}

#[test]
fn the_one_name_of_a_matrix_that_decides_is_named() {
    let diagnosis = matrix(|region, _| region == "us");
    let flips: Vec<_> =
        diagnosis.flips.iter().map(|f| (f.name.as_str(), f.passes.len(), &*f.fails)).collect();
    assert_eq!(flips, [("region", 2, &["us".to_owned()][..])]);
}

#[test]
fn no_name_is_blamed_where_two_decide_together_or_all_fail() {
    assert_eq!(matrix(|region, size| region == "us" && size == "large").flips, []);
    assert_eq!(matrix(|_, _| true).flips, []);
    assert_eq!(matrix(|_, _| false).flips, []);
}

#[test]
fn two_hosts_that_answer_alike_are_named_where_something_was_refused() {
    let refusing = |url: &str, server: &str| {
        failing(&says(401, "API key required").url(url).header("server", server).no_secret())
    };
    let alike = |server: &str| {
        whole(&[plan(
            0,
            vec![
                (step(0), refusing("http://a.test/x", "registry")),
                (step(1), refusing("http://b.test/x", server)),
            ],
        )])
        .backends
        .len()
    };
    assert_eq!(alike("registry"), 1);
    assert_eq!(alike("auth"), 0);
}

#[test]
fn memory_is_one_failure_for_each_fingerprint() {
    let mut clusters = Clusters::default();
    for job in 0..2000 {
        clusters.push(&plan(job, vec![(step(0), failing(&says(401, "Invalid key")))]));
    }
    assert_eq!(clusters.kept(), 1);
    assert_eq!(clusters.finish().clusters.first().map(|cluster| cluster.size), Some(2000));
}
