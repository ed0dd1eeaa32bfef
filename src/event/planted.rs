//! Holds that no field of any event lets a secret through: the secret is planted in all of them.
#![expect(clippy::format_collect, reason = "short texts, written plainly")]

mod routes;
mod taps;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{
    CaseRef, Commit, EnvironmentTold, Event, JobId, PlanStarted, RunStarted, Section, ServiceTold,
    StepRef, Transfer, VariableTold, Way, read_line,
};
use crate::contract::{Listed, ListedOperation};
use crate::finding::{Code, Finding, Label, Severity};
use crate::outcome::{
    Actual, Assertion, Attempt, BODY_LIMIT, Body, BudgetBreach, CaptureResult, Content,
    ContractUse, DistinctCount, DocumentedPart, Exchange, Expected, Hint, Hop, Nearest, Phase,
    Phases, Reason, Request, Response, SampleBefore, SampleColumns, SampleRow, SamplesResult,
    SecretShape, SentPart, StepResult, TapRef, Transport, TransportClass, UrlPart, Verdict,
    Violation,
};
use crate::secret::Gate;
use crate::source::{Place, SourceId, Span};

/// Nothing about it needs escaping, so that a trace of it can be looked for in a line as it is.
const SECRET: &str = "hk_live_9f8e7d6c5b4a";

fn s() -> String {
    SECRET.to_owned()
}

fn place() -> Place {
    Place { source: SourceId(0), span: Span::new(1, 2) }
}

fn gate() -> Gate {
    let gate = Gate::new();
    gate.register("k", SECRET);
    gate
}

/// The secret in encodings, as one text.
fn encodings() -> String {
    let hex: String = SECRET.bytes().map(|b| format!("{b:02X}")).collect();
    let percent: String = SECRET.bytes().map(|b| format!("%{b:02x}")).collect();
    let unicode: String = SECRET.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let base64 = STANDARD.encode(format!("user:{SECRET}"));
    format!("{SECRET} {hex} {percent} {unicode} {base64} {}", hex.to_lowercase())
}

fn finding() -> Finding {
    Finding {
        code: Code::AssertionFailed,
        severity: Severity::Error,
        message: s(),
        labels: vec![Label { place: place(), text: s() }],
        help: vec![s()],
    }
}

fn step() -> StepRef {
    StepRef {
        id: Some(s()),
        case: Some(CaseRef { number: 0, name: s(), of: vec![(s(), s())] }),
        covers: vec![s()],
        ..StepRef::new(Section::Steps, 0, SECRET, place())
    }
}

fn body(content: Content) -> Body {
    Body { content, size: 10, sha256: Some(s()), cut: false }
}

fn exchange() -> Exchange {
    let headers = vec![
        ("Authorization".to_owned(), format!("Bearer {SECRET}")),
        ("Cookie".to_owned(), format!("sid={SECRET}")),
        (s(), s()),
    ];
    Exchange {
        request: Request {
            method: s(),
            url: format!("https://{SECRET}@host/{SECRET}?q={SECRET}"),
            headers: headers.clone(),
            body: body(Content::Text(format!(
                "{{\"a\": \"{}\"}}",
                encodings().replace('\\', "\\\\")
            ))),
        },
        hops: vec![Hop { method: s(), url: s(), status: 302, location: s() }],
        response: Some(Response {
            status: 200,
            http: s(),
            headers,
            body: body(Content::Text(encodings())),
            remote: Some(s()),
            saved: None,
        }),
        error: Some(Transport {
            class: TransportClass::Other,
            message: s(),
            host: s(),
            addresses: vec![s()],
            phase: Some(Phase::Wait),
            help: vec![s()],
        }),
        phases: Phases { wait: Some(Duration::from_millis(3)), ..Phases::default() },
        reused: true,
        repeated: true,
        proxy: Some(format!("http://user:{SECRET}@proxy")),
        unverified: true,
        url_from: vec![UrlPart { name: s(), value: s(), place: Some(place()), source: s() }],
        secrets_sent: vec![(s(), s())],
        plans_ids: vec![s()],
        secret_shapes: vec![SecretShape {
            name: s(),
            length: 9,
            edge_whitespace: true,
            matches: Some(false),
            expires: Some(s()),
            expired: true,
        }],
        sent_from: vec![SentPart {
            at: s(),
            place: place(),
            given_by: Some(s()),
            set_at: Some(place()),
        }],
    }
}

fn value() -> Value {
    json!({SECRET: SECRET, "list": [SECRET, encodings()], "nested": {"deep": {SECRET: 1}}})
}

fn actuals() -> [Actual; 5] {
    [
        Actual::Value(value()),
        Actual::Missing { reached: s(), there: vec![s()], nearest: Some(s()) },
        Actual::NotJson(s()),
        Actual::Unreadable(s()),
        Actual::Unjudgeable { value: value(), why: s() },
    ]
}

fn assertion(actual: Actual) -> Assertion {
    Assertion {
        subject: s(),
        place: place(),
        severity: Severity::Error,
        passed: false,
        expected: Expected { operator: s(), operand: value() },
        actual: Some(actual),
        pointer: Some(s()),
        outcome: Some(s()),
        note: Some(s()),
        violations: vec![Violation {
            at: s(),
            pointer: Some(s()),
            wanted: s(),
            keyword: s(),
            place: None,
        }],
        tap: Some(Box::new(TapRef { tap: s(), seen: Some(0), pointer: Some(s()) })),
    }
}

fn breach() -> BudgetBreach {
    BudgetBreach {
        phase: Phase::Total,
        place: place(),
        limit: Duration::from_millis(1),
        actual: Duration::from_millis(2),
        longest: Some((Phase::Wait, Duration::from_millis(1))),
        severity: Severity::Error,
    }
}

fn samples() -> SamplesResult {
    SamplesResult {
        outcomes: vec![(s(), 1)],
        distinct: vec![DistinctCount { path: s(), values: 1, present: 1 }],
        assertions: actuals().map(assertion).to_vec(),
        ..SamplesResult::default()
    }
}

fn columns() -> SampleColumns {
    let row = SampleRow {
        number: 1,
        at: Duration::ZERO,
        took: Duration::ZERO,
        phases: (None, None),
        status: 200,
        outcome: Some(s()),
        verdict: 'p',
        reused: false,
    };
    let mut columns = SampleColumns::default();
    columns.push(row, &Phases::default(), &mut SampleBefore::default());
    columns
}

fn result(reason: Reason) -> StepResult {
    StepResult {
        verdict: Verdict::Failed,
        reason: Some(reason),
        flaky: true,
        attempts: vec![Attempt {
            number: 1,
            sample: Some(1),
            at: Duration::from_nanos(7),
            exchange: Some(Box::new(exchange())),
            assertions: actuals().map(assertion).to_vec(),
            captures: actuals()
                .map(|missing| CaptureResult {
                    name: s(),
                    place: place(),
                    value: Some(value()),
                    missing: Some(missing),
                })
                .to_vec(),
            limit: Some(Duration::from_nanos(9)),
            breaches: vec![breach()],
            findings: vec![finding()],
            outcome: Some(s()),
            contract: Some(Box::new(ContractUse {
                contract: s(),
                operation: s(),
                documented: true,
                pointer: Some(s()),
                place: Some(place()),
                nearest: Some(Nearest { operation: s(), place: Some(place()) }),
                status: Some(200),
                response: Some(s()),
                parameters: vec![s()],
                media: Some(s()),
                security: Some(s()),
                validated: true,
                asserted: true,
            })),
            documented: vec![DocumentedPart {
                at: s(),
                contract: s(),
                operation: s(),
                pointer: s(),
                place: place(),
            }],
            routes: Some(Box::new(routes::compared())),
            hints: vec![Hint {
                place: place(),
                cause: s(),
                next: Some(s()),
                when: actuals().map(assertion).to_vec(),
            }],
            tapped: vec![taps::tapped()],
        }],
        tries: 1,
        duration: Duration::from_millis(5),
        code: Some(Code::AssertionFailed),
        message: Some(s()),
        ended_at: Some(place()),
        only_budget: true,
        samples: Some(Box::new(samples())),
    }
}

fn events() -> Vec<Event> {
    let reasons = [
        Reason::Skip(s()),
        Reason::If(s()),
        Reason::SecretMissing(s()),
        Reason::TapMissing(s()),
        Reason::NothingToCleanUp(s()),
        Reason::BlockedBy(s()),
        Reason::NotSelected,
        Reason::Deadline(s()),
        Reason::Interrupted(s()),
        Reason::Failures(1),
    ];
    let job = JobId(0);
    let at = Duration::from_nanos(1);
    let mut events = vec![
        Event::RunStarted(RunStarted {
            version: 1,
            planrun: s(),
            run: s(),
            started_at: s(),
            environment: Some(s()),
            seed: 1,
            jobs: 1,
            steps: 1,
            command: vec![s(), format!("key={SECRET}")],
            variables: [(s(), s())].into(),
            commit: Some(Commit { id: s(), branch: Some(s()) }),
        }),
        Event::Source { id: SourceId(0), path: s(), sha256: s(), text: encodings().into() },
        Event::Contract(Listed {
            contract: s(),
            document: s(),
            operations: vec![ListedOperation {
                operation: s(),
                statuses: vec![s()],
                parameters: vec![s()],
                media: vec![s()],
                security: vec![s()],
            }],
        }),
        Event::Finding { finding: finding() },
        Event::Environment(EnvironmentTold {
            name: Some(s()),
            protected: true,
            variables: vec![VariableTold {
                name: s(),
                value: json!({"a": [s()]}),
                place: Some(place()),
                source: s(),
            }],
            services: vec![ServiceTold { name: s(), builtin: true, fault: Some(s()) }],
            secrets: vec![s()],
        }),
        Event::PlanStarted(PlanStarted {
            case: Some(s()),
            case_of: vec![(s(), s())],
            job,
            name: s(),
            path: s(),
            place: place(),
            tags: vec![s()],
            covers: vec![s()],
            steps: 1,
            left_out: 0,
            at,
        }),
        Event::StepStarted { job, step: step(), at },
        Event::StepRetried { job, step: step(), attempt: 1, why: s() },
        Event::Moving {
            job,
            step: Box::new(step()),
            transfer: Transfer {
                way: Way::Up,
                bytes: 1,
                of: Some(2),
                took: Duration::from_secs(3),
                rate: 4,
            },
        },
        Event::Samples { job, step: step(), of: 1, columns: Box::new(columns()) },
        Event::PlanFinished {
            job,
            verdict: Verdict::Failed,
            duration: at,
            findings: vec![finding()],
            breach: Some(breach()),
        },
        Event::RunFinished { duration: at, interrupted: Some(s()) },
    ];
    events.extend(reasons.map(|reason| Event::StepFinished {
        job,
        step: step(),
        result: Arc::new(result(reason)),
    }));
    events
}

/// Any six characters of the secret in a row, as they are or in hex, percent or `\u` form, and the
/// base64 of it.
fn assert_no_trace(line: &str) {
    let lower = line.to_lowercase();
    for at in 0..SECRET.len() - 6 {
        let part = &SECRET[at..at + 6];
        let hex: String = part.bytes().map(|b| format!("{b:02x}")).collect();
        let percent: String = part.bytes().map(|b| format!("%{b:02x}")).collect();
        let unicode: String = part.bytes().map(|b| format!("u{b:04x}")).collect();
        for trace in [part, &hex, &percent, &unicode] {
            assert!(!lower.contains(trace), "{trace} is left in {line}");
        }
    }
    let base64 = STANDARD.encode(format!("user:{SECRET}"));
    assert!(!line.contains(&base64[8..20]), "base64 is left in {line}");
}

#[test]
fn no_field_of_any_event_lets_a_secret_through() {
    let gate = gate();
    for event in events() {
        let line = Event::to_line(&gate.redact(event.clone()));
        assert_no_trace(&line);
        let masks = line.contains("«secret:k»");
        assert!(masks || !Event::to_line(&Gate::new().redact(event)).contains(SECRET));
    }
}

#[test]
fn the_planted_events_hold_the_secret_before_the_gate() {
    let untouched = Gate::new();
    for event in events() {
        let line = Event::to_line(&untouched.redact(event));
        assert!(line.contains(SECRET), "the test plants nothing in {line}");
    }
}

#[test]
fn a_masked_event_is_still_an_event() {
    let gate = gate();
    for event in events() {
        let redacted = gate.redact(event);
        let line = Event::to_line(&redacted);
        assert!(!line.contains('\n'));
        assert_eq!(read_line(&line), Ok(redacted.into_inner()));
    }
}

#[test]
fn masking_an_event_twice_changes_nothing() {
    let gate = gate();
    for event in events() {
        let once = gate.redact(event);
        let twice = gate.redact(once.clone().into_inner());
        assert_eq!(Event::to_line(&twice), Event::to_line(&once));
        // Neither does the gate of a later report, which knows no secret.
        let later = Gate::new().redact(once.clone().into_inner());
        assert_eq!(Event::to_line(&later), Event::to_line(&once));
    }
}

#[test]
fn a_source_keeps_its_width() {
    let text = format!("plan: x\nurl: http://h/{SECRET}\n");
    let event = Event::Source {
        id: SourceId(0),
        path: "a.yaml".to_owned(),
        sha256: String::new(),
        text: text.clone().into(),
    };
    let Event::Source { text: masked, .. } = gate().redact(event).into_inner() else {
        panic!("it stays a source");
    };
    assert_eq!(masked.as_ref(), text.replace(SECRET, &"*".repeat(SECRET.len())));
}

fn masked_assertion(subject: &str, actual: Value, note: &str) -> Assertion {
    let mut result = result(Reason::NotSelected);
    let mut one = assertion(Actual::Value(actual.clone()));
    one.subject = subject.to_owned();
    one.expected = Expected { operator: "equals".to_owned(), operand: actual };
    one.note = Some(note.to_owned());
    result.attempts = vec![Attempt {
        number: 1,
        sample: None,
        at: Duration::ZERO,
        exchange: None,
        assertions: vec![one],
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
    }];
    let mut redacted = gate().redact(result).into_inner();
    redacted.attempts.remove(0).assertions.remove(0)
}

#[test]
fn an_assertion_on_a_secret_field_shows_no_value() {
    for subject in [
        "$.access_token",
        "$.user['client-secret']",
        "$.tokens[0]",
        "headers.X-Api-Key",
        "cookies.session",
    ] {
        let shown = masked_assertion(subject, json!("unheard-of"), "`unheard-of` is a text");
        assert_eq!(shown.actual, Some(Actual::Value(json!("«secret»"))), "{subject}");
        assert_eq!(shown.expected.operand, json!("«secret»"), "{subject}");
        assert_eq!(shown.note.as_deref(), Some("`«secret»` is a text"), "{subject}");
    }
    for subject in ["$.name", "status", "cookies.session[Path]", "headers.Content-Type", "$"] {
        let shown = masked_assertion(subject, json!("ordinary"), "`ordinary` is a text");
        assert_eq!(shown.actual, Some(Actual::Value(json!("ordinary"))), "{subject}");
        assert_eq!(shown.note.as_deref(), Some("`ordinary` is a text"), "{subject}");
    }
}

#[test]
fn a_long_value_is_cut_and_says_so() {
    let long: Vec<u32> = (0..5000).collect();
    let shown = masked_assertion("$.list", json!(long), "");
    let Some(Actual::Value(Value::Array(items))) = shown.actual else {
        panic!("it stays a list");
    };
    assert_eq!(items.len(), 1001);
    assert_eq!(items.last(), Some(&json!("… (4000 more)")));
    let shown = masked_assertion("$.text", json!("ä".repeat(5000)), "");
    let Some(Actual::Value(Value::String(text))) = shown.actual else {
        panic!("it stays a text");
    };
    assert!(text.ends_with("… (10000 bytes)") && text.len() < 4200);
}

fn masked_body(content: Content, size: u64, cut: bool) -> Body {
    let mut event = result(Reason::NotSelected);
    let mut exchange = exchange();
    exchange.request.body = Body { content, size, sha256: None, cut };
    if let Some(attempt) = event.attempts.first_mut() {
        attempt.exchange = Some(Box::new(exchange));
    }
    let redacted = gate().redact(event).into_inner();
    let attempt = redacted.attempts.into_iter().next();
    attempt.and_then(|attempt| attempt.exchange).expect("it was put there").request.body
}

#[test]
fn a_body_is_masked_then_cut() {
    // The secret lies across the border.
    let text = format!("{}{SECRET}{}", "x".repeat(BODY_LIMIT - 8), "y".repeat(200));
    let size = text.len() as u64;
    let body = masked_body(Content::Text(text), size, false);
    let Content::Text(shown) = body.content else { panic!("it stays a text") };
    assert!(body.cut && shown.len() <= BODY_LIMIT);
    assert!(!shown.contains("hk"));
    let whole = masked_body(Content::Text("small".to_owned()), 5, false);
    assert_eq!(whole.content, Content::Text("small".to_owned()));
    assert!(!whole.cut);
}

#[test]
fn a_body_that_was_cut_before_ends_in_no_half_of_a_secret() {
    let body = masked_body(Content::Text("abc hk_live_9f".to_owned()), 900, true);
    assert_eq!(body.content, Content::Text("abc «secret:k»".to_owned()));
    // Bytes that are no text: the first of them in hex, the secret across the end.
    let body = masked_body(Content::Hex("00ff686b5f6c6976".to_owned()), 900, true);
    assert_eq!(body.content, Content::Hex("00ff«secret:k»".to_owned()));
    let body = masked_body(Content::Hex("00ff01".to_owned()), 3, false);
    assert_eq!(body.content, Content::Hex("00ff01".to_owned()));
}

#[test]
fn arguments_named_like_secrets_are_masked_and_sources_of_them_stay() {
    let event = Event::RunStarted(RunStarted {
        version: 1,
        planrun: String::new(),
        run: String::new(),
        started_at: String::new(),
        environment: None,
        seed: 0,
        jobs: 0,
        steps: 0,
        command: [
            "run",
            "token=literal",
            "--var=env.password=x",
            "--secret=token=@file",
            "token=env:TOKEN",
            "model=m",
        ]
        .map(str::to_owned)
        .to_vec(),
        variables: std::collections::BTreeMap::new(),
        commit: None,
    });
    let Event::RunStarted(started) = gate().redact(event).into_inner() else {
        panic!("it stays what it is");
    };
    assert_eq!(
        started.command,
        [
            "run",
            "token=«secret»",
            "--var=env.password=«secret»",
            "--secret=token=@file",
            "token=env:TOKEN",
            "model=m"
        ]
    );
}
