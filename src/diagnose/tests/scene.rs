//! Steps as rules see them, put together fact by fact.

use super::*;

/// A step, as a rule sees it, with the others of its plan.
pub(super) struct Scene {
    pub(super) exchange: Exchange,
    pub(super) others: Vec<Witness>,
    pub(super) tries: u32,
    /// What did not hold although the status was a good one.
    pub(super) unmet: Vec<Assertion>,
    pub(super) breaches: Vec<BudgetBreach>,
    /// What taps saw meanwhile.
    pub(super) tapped: Vec<Tapped>,
    /// How a poll ended.
    pub(super) over: Option<&'static str>,
    /// The answer beside that of the first route.
    pub(super) routes: Option<RoutesCompared>,
    /// Where contracts say something of what the answer names.
    pub(super) documented: Vec<DocumentedPart>,
    /// What was used of a contract.
    pub(super) contract: Option<ContractUse>,
}

pub(super) fn place(at: usize) -> Place {
    Place { source: SourceId(0), span: Span::new(at, at + 1) }
}

pub(super) fn text_body(text: &str) -> Body {
    let content = if text.is_empty() { Content::Empty } else { Content::Text(text.to_owned()) };
    Body { content, size: text.len() as u64, sha256: None, cut: false }
}

/// `POST http://api.test/v1/items` with a key and a body, answered with a status and JSON.
pub(super) fn answered(status: u16, body: &Value) -> Scene {
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

pub(super) fn sent(at: &str, place_at: usize, by: Option<&str>) -> SentPart {
    SentPart {
        at: at.into(),
        place: place(place_at),
        given_by: by.map(Into::into),
        set_at: by.map(|_| place(99)),
    }
}

/// No answer, with this class.
pub(super) fn failed(class: TransportClass) -> Scene {
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

pub(super) fn page(status: u16, html: &str) -> Scene {
    answered(status, &json!(null)).typed("text/html").body(html)
}

/// `POST http://auth.test/keys`, which took the key in its body.
pub(super) fn other() -> Witness {
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
pub(super) fn same_host() -> Witness {
    Witness {
        asked: "GET http://api.test/v1/things".into(),
        origin: "http://api.test".into(),
        says_valid: false,
        ..other()
    }
}

/// Another host that refuses and speaks as `answered` does, with these words.
pub(super) fn twin(words: &str) -> Witness {
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

pub(super) fn step(index: u32) -> StepRef {
    StepRef::new(Section::Steps, index, "step", place(0))
}

pub(super) fn status_is(status: u16, passed: bool) -> Assertion {
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
pub(super) fn tapped(status: u16, breaches: &[&str]) -> Tapped {
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

/// The same without an answer.
pub(super) fn unanswered(why: &str) -> Tapped {
    let mut error = failed(TransportClass::Other).exchange.error;
    if let Some(error) = &mut error {
        why.clone_into(&mut error.message);
    }
    let exchange = Exchange { response: None, error, ..*tapped(502, &[]).exchange };
    Tapped { exchange: Box::new(exchange), ..tapped(502, &[]) }
}

impl Scene {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Exchange)) -> Self {
        change(&mut self.exchange);
        self
    }

    pub(super) fn response(self, change: impl FnOnce(&mut Response)) -> Self {
        self.with(|exchange| {
            if let Some(response) = &mut exchange.response {
                change(response);
            }
        })
    }

    pub(super) fn header(self, name: &str, value: &str) -> Self {
        self.response(|response| response.headers.push((name.into(), value.into())))
    }

    pub(super) fn typed(self, kind: &str) -> Self {
        self.response(|response| response.headers = vec![("content-type".into(), kind.into())])
    }

    pub(super) fn body(self, text: &str) -> Self {
        self.response(|response| response.body = text_body(text))
    }

    pub(super) fn url(self, url: &str) -> Self {
        self.with(|exchange| exchange.request.url = url.into())
    }

    /// The variable names `/v1` too.
    pub(super) fn based(self) -> Self {
        self.with(|exchange| {
            exchange.url_from.iter_mut().for_each(|part| part.value = "http://api.test/v1".into());
        })
    }

    pub(super) fn tapped(mut self, tapped: Tapped) -> Self {
        self.tapped.push(tapped);
        self
    }

    /// A redirect that was followed.
    pub(super) fn led(self, status: u16, location: &str) -> Self {
        self.with(|exchange| {
            let Request { method, url, .. } = exchange.request.clone();
            exchange.hops.push(Hop { method, url, status, location: location.to_owned() });
        })
    }

    pub(super) fn method(self, method: &str) -> Self {
        self.with(|exchange| exchange.request.method = method.into())
    }

    /// How sure a rule is of this; nothing where it is silent.
    pub(super) fn sure(&self, rule: &str) -> Option<Confidence> {
        self.causes().iter().find(|cause| cause.rule == rule).map(|cause| cause.confidence)
    }

    pub(super) fn no_secret(self) -> Self {
        self.with(|exchange| exchange.secrets_sent = Vec::new())
    }

    pub(super) fn seen(mut self, other: Witness) -> Self {
        self.others.push(other);
        self
    }

    pub(super) fn shape(self, change: impl FnOnce(&mut SecretShape)) -> Self {
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
    pub(super) fn but(
        mut self,
        subject: &str,
        (operator, operand): (&str, Value),
        actual: Actual,
    ) -> Self {
        self.unmet.push(Assertion {
            subject: subject.into(),
            expected: Expected { operator: operator.into(), operand },
            actual: Some(actual),
            ..status_is(200, false)
        });
        self
    }

    /// The status was good, and nothing stands at this path: so far it goes.
    pub(super) fn lacks(self, subject: &str, reached: &str, there: &[&str]) -> Self {
        let there = there.iter().map(|name| (*name).to_owned()).collect();
        let missing = Actual::Missing { reached: reached.into(), there, nearest: None };
        self.but(subject, ("equals", json!("apple")), missing)
    }

    /// A second's budget of this phase, of which so much is gone.
    pub(super) fn over_budget(mut self, actual: u64, longest: (Phase, u64)) -> Self {
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
    pub(super) fn by_another_route(mut self, holds: bool) -> Self {
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
    pub(super) fn documented(mut self) -> Self {
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
    pub(super) fn unknown_to_the_document(mut self, nearest: Option<&str>) -> Self {
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

    pub(super) fn polled(mut self, over: &'static str) -> Self {
        self.over = Some(over);
        self
    }

    pub(super) fn took(self, millis: u64) -> Self {
        self.with(|exchange| exchange.phases.wait = Some(Duration::from_millis(millis)))
    }

    pub(super) fn result(&self, assertions: Vec<Assertion>) -> StepResult {
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

    pub(super) fn causes(&self) -> Vec<Cause> {
        let good = !self.unmet.is_empty() || !self.breaches.is_empty();
        let mut assertions = vec![status_is(200, good)];
        assertions.extend(self.unmet.iter().cloned());
        causes(&step(0), &self.result(assertions), &self.others)
    }

    pub(super) fn rules(&self) -> Vec<&'static str> {
        self.causes().iter().map(|cause| cause.rule).collect()
    }
}

pub(super) fn says(status: u16, words: &str) -> Scene {
    answered(status, &json!({ "detail": words })).header("www-authenticate", "Bearer")
}

/// A rule; in words, when it speaks and when it is silent; and the two scenes.
pub(super) type Row = (&'static str, &'static str, &'static str, Scene, Scene);
