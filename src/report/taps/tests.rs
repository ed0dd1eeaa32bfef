//! A broken contract that a tap saw, in every report that people read.

use std::time::Duration;

use serde_json::json;

use crate::event::Event;
use crate::finding::Code;
use crate::outcome::{
    Actual, Attempt, CALLER_LEFT, StepResult, TapBreach, TapContract, TapRef, Tapped, Tie,
    Transport, TransportClass, Verdict, Violation,
};
use crate::record::Record;
use crate::report::{Format, Options, Style, Terminal, fixture};
use crate::source::{Place, SourceId, Span};

const PLAN: &str = "plan: What the proxy asks\nsteps:\n  - GET: /models\n    expect:\n      hops:\n        auth:\n          contract: true\n          $.api_key: {present: true}\n";
const DOCUMENT: &str = "components:\n  schemas:\n    KeyRequest:\n      required: [api_key]\n";
const SAYS: &str = "the document wants a credential in the body field `api_key`, and the secret `api_key` goes into the header `authorization`";

fn at(source: u32, text: &str, needle: &str) -> Place {
    let start = text.find(needle).unwrap();
    Place { source: SourceId(source), span: Span::new(start, start + needle.len()) }
}

fn tapped() -> Tapped {
    let url = "http://127.0.0.1:4401/api/v1/keys/validate";
    let mut exchange = fixture::exchange("POST", url, 422, &json!({"detail": "field required"}));
    exchange.request.body = fixture::json_body(&json!({"service_id": "platform"}));
    Tapped {
        tap: "auth".into(),
        tie: Tie::Trace,
        at: Duration::from_millis(6),
        path: "/api/v1/keys/validate".into(),
        exchange: Box::new(exchange),
        contract: Some(TapContract {
            name: "auth".into(),
            operation: Some("POST /api/v1/keys/validate".into()),
            breaches: vec![TapBreach {
                code: Code::ContractMissingCredential,
                message: SAYS.into(),
                at: "body field `api_key`".into(),
                said: Some(at(3, DOCUMENT, "api_key")),
                label: "wanted here".into(),
            }],
        }),
        refused: None,
        late: None,
    }
}

fn attempt() -> Attempt {
    let about = |pointer: Option<&str>| {
        let pointer = pointer.map(Into::into);
        Some(Box::new(TapRef { tap: "auth".into(), seen: Some(0), pointer }))
    };
    let mut contract = fixture::assertion(
        "hops.auth.contract",
        at(2, PLAN, "true\n"),
        ("as_documented", json!("POST /api/v1/keys/validate")),
        None,
        None,
    );
    contract.passed = false;
    contract.note = Some(SAYS.into());
    contract.tap = about(None);
    contract.violations = vec![Violation {
        at: "body field api_key".into(),
        pointer: None,
        wanted: SAYS.into(),
        keyword: Code::ContractMissingCredential.as_str().into(),
        place: Some(at(3, DOCUMENT, "api_key")),
    }];
    let there = vec!["service_id".into()];
    let mut field = fixture::assertion(
        "hops.auth.$.api_key",
        at(2, PLAN, "{present: true}"),
        ("present", json!(true)),
        Some(Actual::Missing { reached: "$".into(), there, nearest: None }),
        None,
    );
    field.tap = about(None);
    let url = "http://127.0.0.1:4400/models";
    let exchange =
        fixture::exchange("GET", url, 401, &json!({"detail": "Invalid or expired API key"}));
    let mut attempt = fixture::attempt(exchange, vec![contract, field]);
    attempt.tapped.push(tapped());
    attempt
}

fn run(attempt: Attempt) -> Vec<Event> {
    let source = |id: u32, path: &str, text: &str| Event::Source {
        id: SourceId(id),
        path: path.into(),
        sha256: "0".repeat(64),
        text: text.into(),
    };
    let (mut step, _) = fixture::through_the_proxy();
    step.name = "GET /models".into();
    step.place = at(2, PLAN, "GET");
    let result: StepResult = fixture::result(Verdict::Failed, Some(attempt));
    let mut events = fixture::beginning(1);
    events.push(source(2, "plans/hop.yaml", PLAN));
    events.push(source(3, "plans/specs/auth.yaml", DOCUMENT));
    events.extend(fixture::job(0, vec![(step, result)]));
    events.push(fixture::end());
    events
}

fn rendered(format: Format) -> String {
    format.render(&Record::fold(run(attempt()))).unwrap()
}

#[test]
fn on_the_terminal() {
    let mut terminal = Terminal::new(Style::default(), Options::default());
    let text: String = run(attempt()).iter().map(|event| terminal.take(event)).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn in_markdown() {
    let text = rendered(Format::Markdown);
    let failed =
        text.split("## What failed").nth(1).and_then(|rest| rest.split("<details>").next());
    insta::assert_snapshot!(failed.unwrap());
}

#[test]
fn in_html() {
    let page = rendered(Format::Html);
    let article = page.split("<article").find(|part| part.contains("hops.auth.contract"));
    let article = article.and_then(|rest| rest.split("</article>").next());
    insta::assert_snapshot!(article.unwrap());
}

#[test]
fn in_junit() {
    let text = rendered(Format::Junit);
    let failure = text.split("<failure").nth(1).and_then(|rest| rest.split("</failure>").next());
    insta::assert_snapshot!(failure.unwrap());
}

#[test]
fn a_line_says_what_came_of_each_exchange() {
    let line = |change: &dyn Fn(&mut Tapped)| {
        let mut tapped = tapped();
        change(&mut tapped);
        super::lines(&[tapped]).remove(0)
    };
    let error = |message: &str| Transport {
        class: TransportClass::Other,
        message: message.into(),
        host: String::new(),
        addresses: Vec::new(),
        phase: None,
        help: Vec::new(),
    };
    let asked = "`auth` saw POST /api/v1/keys/validate {\"service_id\":\"platform\"} · authorization: Bearer «secret:api_key»";
    assert_eq!(line(&|_| {}), format!("{asked} → 422"));
    assert_eq!(line(&|tapped| tapped.tie = Tie::Time), format!("{asked} → 422 (by the time)"));
    assert_eq!(line(&|tapped| tapped.tie = Tie::None), format!("{asked} → 422 (of no step)"));
    let refused = line(&|tapped| tapped.refused = Some("it is bad".into()));
    assert_eq!(refused, format!("{asked} → refused with 502: it is bad"));
    let left = line(&|tapped| tapped.exchange.error = Some(error(CALLER_LEFT)));
    assert_eq!(left, format!("{asked} → 422, {CALLER_LEFT}"));
    let down = line(&|tapped| {
        tapped.exchange.response = None;
        tapped.exchange.error = Some(error("nothing listens"));
    });
    assert_eq!(down, format!("{asked} → no answer: nothing listens"));
    let long = line(&|tapped| {
        tapped.exchange.request.body.cut = true;
        tapped.exchange.request.body.size = 70_000;
        tapped.exchange.request.headers.clear();
    });
    assert_eq!(long, "`auth` saw POST /api/v1/keys/validate with 68.4 KiB → 422");
}
