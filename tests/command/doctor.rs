//! `planrun doctor`: the layer that fails is named, nothing is written, nothing secret is shown.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::tls::{Flaw, TlsServer};
use crate::{Project, Ran};

const KEY: &str = "hk_live_0123456789abcdef";

/// A plan that reads with a key, writes with it, and reads again.
const PLAN: &str = "\
plan: Items
secrets: {api_key: {matches: '^hk_live_'}}
defaults: {base_url: \"${{ env.api }}\", auth: {bearer: \"${{ secrets.api_key }}\"}}
steps:
  - {name: Make one, id: make, POST: /items, json: {name: x}}
  - {name: See all, id: see, GET: /items}
";

/// A server that remembers the first line of each request and answers all of them so.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            // It ends with the process.
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut seen = Vec::new();
                let mut piece = [0; 4096];
                while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut piece) {
                        Ok(length @ 1..) => seen.extend_from_slice(&piece[..length]),
                        Ok(0) | Err(_) => break,
                    }
                }
                let text = String::from_utf8_lossy(&seen).into_owned();
                let first = text.lines().next().unwrap_or_default().to_owned();
                log.lock().expect("the log").push(first);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, asked }
    }

    fn methods(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("the log");
        asked.iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nserver: items/1\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

/// A project whose environment has this address.
fn project(api: &str) -> Project {
    let project = Project::new();
    project.write("plans/items.yaml", PLAN);
    project.write(
        "plans/environments/test.yaml",
        &format!("environment: test\nvars: {{api: \"{api}\"}}\n"),
    );
    project
}

fn doctor(project: &Project, more: &[&str]) -> (Ran, Value) {
    let args = [&["doctor", "-e", "test", "--format", "json"][..], more].concat();
    let ran = project.run_with(&args, &[("API_KEY", KEY)]);
    let value = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
    assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{}{}", ran.out, ran.err);
    (ran, value)
}

/// `dns ok, tcp fails`: the layers of the first place.
fn layers(value: &Value) -> String {
    let layers = value["endpoints"][0]["layers"].as_array().cloned().unwrap_or_default();
    let text = |layer: &Value, name: &str| layer[name].as_str().unwrap_or_default().to_owned();
    let all: Vec<String> = layers
        .iter()
        .map(|layer| format!("{} {}", text(layer, "layer"), text(layer, "state")))
        .collect();
    all.join(", ")
}

/// A port on which nothing listens.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

#[test]
fn the_healthy_demo_is_well_in_eighty_columns() {
    let project = Project::new();
    let plans = format!("{}/plans", env!("CARGO_MANIFEST_DIR"));
    let ran = project.run(&["doctor", "-e", "demo", &plans]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("Server: key-service/2.4"), "{}", ran.out);
    assert!(ran.out.contains("api_key  ok        accepted by GET"), "{}", ran.out);
    assert!(ran.out.ends_with("well · environment demo\n"), "{}", ran.out);
    for line in ran.out.lines().filter(|line| !line.contains("demo.yaml")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_key_that_is_refused_ends_with_one_and_the_cause() {
    let project = Project::new();
    let plan = format!("{}/plans/registration.yaml", env!("CARGO_MANIFEST_DIR"));
    let ran = project.run(&["doctor", "-e", "demo-wrong-service", &plan]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("refused with 401 by GET"), "{}", ran.out);
    assert!(ran.out.contains("not well: the key `api_key` is refused"), "{}", ran.out);
}

/// A plan of one step that shows a key, and what the doctor says of it where it is answered so.
fn said_of_the_key(step: &str, status: &str, kind: &str, body: &str) -> (Ran, Value) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let server = Server::start(answer.leak());
    let project = project(&format!("http://{}", server.address));
    let (head, _) = PLAN.split_once("steps:").expect("steps");
    project.write("plans/items.yaml", &format!("{head}steps:\n  - {step}\n"));
    let (ran, value) = doctor(&project, &[]);
    assert_eq!(value["keys"].as_array().map(Vec::len), Some(1), "{}{}", ran.out, ran.err);
    (ran, value)
}

#[test]
fn an_answer_that_is_no_word_for_the_key_is_doubtful() {
    let json = "application/json";
    let see = "GET: /items";
    let valid = r#"{"is_valid": true}"#;
    let invalid = r#"{"is_valid": false}"#;
    let wanted = "{GET: /items, expect: {$.is_valid: true}}";
    let page = "<html><head><title>Sign in</title></head><body></body></html>";
    let table = [
        (see, "200 OK", json, valid, "ok", "accepted by", 0),
        (wanted, "200 OK", json, valid, "ok", "accepted by", 0),
        (see, "200 OK", json, invalid, "doubtful", "said not to be valid", 0),
        (wanted, "200 OK", json, invalid, "fails", "said not to be valid", 1),
        (see, "200 OK", "text/html", page, "doubtful", "page to sign in", 0),
        (
            see,
            "200 OK",
            "text/html",
            "<html><title>Catalog in short</title></html>",
            "ok",
            "accepted by",
            0,
        ),
        ("GET: /v1/health", "200 OK", json, "{}", "doubtful", "open to all", 0),
        ("GET: /v1/health-plans", "200 OK", json, "{}", "ok", "accepted by", 0),
    ];
    for (step, status, kind, body, state, said, code) in table {
        let (ran, value) = said_of_the_key(step, status, kind, body);
        let key = &value["keys"][0];
        assert_eq!(key["state"], state, "{step} {body}: {key}");
        assert!(key["said"][0].as_str().is_some_and(|it| it.contains(said)), "{key}");
        assert_eq!(ran.code, code, "{step} {body}");
    }
}

#[test]
fn a_key_that_lacks_a_right_is_not_called_refused() {
    let lacks = r#"{"detail": "insufficient_scope: the scope items:read is missing"}"#;
    let refused = r#"{"detail": "Invalid API key"}"#;
    let table = [
        ("403 Forbidden", lacks, "known, and may not"),
        ("401 Unauthorized", refused, "refused with 401"),
    ];
    for (status, body, said) in table {
        let (ran, value) = said_of_the_key("GET: /items", status, "application/json", body);
        let key = &value["keys"][0];
        assert_eq!(ran.code, 1, "{key}");
        assert!(key["said"][0].as_str().is_some_and(|it| it.contains(said)), "{key}");
    }
}

#[test]
fn only_what_reads_is_sent_and_a_step_that_writes_only_where_it_is_named() {
    let server = Server::start(OK);
    let project = project(&format!("http://{}", server.address));
    let (ran, value) = doctor(&project, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "tcp ok, http ok");
    assert_eq!(value["keys"][0]["state"], "ok");
    assert_eq!(value["secrets"][0]["said"][1], "as `matches` says");
    let methods = server.methods();
    assert!(methods.len() >= 2 && methods.iter().all(|method| method == "GET"), "{methods:?}");
    let (ran, _) = doctor(&project, &["--step", "make"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(server.methods().contains(&"POST".to_owned()));
}

#[test]
fn a_closed_port_is_the_layer_tcp() {
    let (ran, value) = doctor(&project(&format!("http://{}", closed())), &[]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "tcp fails");
    assert!(
        value["endpoints"][0]["named_by"][0].as_str().is_some_and(|by| by.starts_with("env.api"))
    );
}

#[test]
fn an_unknown_host_is_the_layer_dns() {
    let (ran, value) = doctor(&project("http://nowhere.invalid"), &[]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "dns fails");
}

#[test]
fn what_speaks_another_protocol_is_the_layer_http() {
    let server = Server::start("SSH-2.0-OpenSSH_9.2\r\n");
    let (ran, value) = doctor(&project(&format!("http://{}", server.address)), &[]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "tcp ok, http fails");
}

#[test]
fn a_gateway_without_a_service_is_the_layer_http() {
    let answer = "HTTP/1.1 502 Bad Gateway\r\nserver: nginx\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start(answer);
    let (ran, value) = doctor(&project(&format!("http://{}", server.address)), &[]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "tcp ok, http fails");
}

#[test]
fn a_clock_that_is_far_away_is_a_layer_of_its_own() {
    let answer = "HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2001 00:00:00 GMT\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start(answer);
    let (ran, value) = doctor(&project(&format!("http://{}", server.address)), &[]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert_eq!(layers(&value), "tcp ok, http ok, clock fails");
}

/// The doctor before a TLS server with this flaw.
fn secured(flaw: Flaw) -> (Ran, Value) {
    let server = TlsServer::start(flaw);
    let project = project(&format!("https://localhost:{}", server.address.port()));
    let ca = String::from_utf8(server.ca.clone()).expect("PEM");
    project.write("plans/ca.pem", &ca);
    project.write(
        "plans/items.yaml",
        &PLAN.replace("defaults: {", "defaults: {tls: {ca_file: ca.pem}, "),
    );
    doctor(&project, &[])
}

fn tls(value: &Value) -> String {
    let layers = value["endpoints"][0]["layers"].as_array().cloned().unwrap_or_default();
    layers
        .iter()
        .find(|layer| layer["layer"] == "tls")
        .map(|layer| layer["said"].to_string())
        .unwrap_or_default()
}

#[test]
fn a_good_certificate_tells_its_issuer_its_names_and_its_days() {
    let (ran, value) = secured(Flaw::None);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(layers(&value).contains("tls ok, http ok"), "{}", layers(&value));
    let said = tls(&value);
    for part in ["issued by", "for localhost", "until "] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn an_expired_certificate_is_the_layer_tls_with_the_day_on_which_it_ended() {
    let (ran, value) = secured(Flaw::Expired);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(layers(&value).ends_with("tls fails"), "{}", layers(&value));
    assert!(tls(&value).contains("ended 2001-01-01"), "{}", tls(&value));
}

#[test]
fn a_certificate_for_another_name_is_the_layer_tls_with_that_name() {
    let (ran, value) = secured(Flaw::WrongName);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(layers(&value).ends_with("tls fails"), "{}", layers(&value));
    assert!(tls(&value).contains("for other.test"), "{}", tls(&value));
}

#[test]
fn a_missing_or_malformed_secret_ends_with_three_and_the_layers_are_shown_all_the_same() {
    let server = Server::start(OK);
    let project = project(&format!("http://{}", server.address));
    let args = ["doctor", "-e", "test", "--format", "json"];
    for (variables, word) in
        [(&[][..], "missing"), (&[("API_KEY", "short-and-wrong")][..], "malformed")]
    {
        let ran = project.run_with(&args, variables);
        assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
        let value: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!(layers(&value), "tcp ok, http ok");
        assert!(value["secrets"][0]["said"][0].as_str().is_some_and(|said| said.starts_with(word)));
        assert!(!ran.out.contains("short-and-wrong"), "{}", ran.out);
        assert_eq!(value["keys"], serde_json::json!([]));
    }
}

#[test]
fn an_invalid_plan_ends_with_three_and_nothing_is_asked() {
    let server = Server::start(OK);
    let project = project(&format!("http://{}", server.address));
    project.write("plans/items.yaml", &PLAN.replace("GET: /items", "GTE: /items"));
    let (ran, _) = doctor(&project, &[]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert_eq!(server.methods(), Vec::<String>::new());
}

#[test]
fn places_of_included_plans_and_of_every_route_are_examined_too() {
    let [first, second, third] = [Server::start(OK), Server::start(OK), Server::start(OK)];
    let project = Project::new();
    let vars = format!(
        "environment: test\nvars: {{a: \"http://{}\", b: \"http://{}\", c: \"http://{}\"}}\n",
        first.address, second.address, third.address
    );
    project.write("plans/environments/test.yaml", &vars);
    let inner =
        "plan: Inner\ninclude_only: true\ninputs: [where]\nsteps:\n  - GET: ${{ where }}/inner\n";
    project.write("plans/inner.yaml", inner);
    let outer = "plan: Outer\nsteps:\n  - include: inner.yaml\n    with: {where: \"${{ env.a }}\"}\n  - routes: {direct: \"${{ env.b }}\", proxy: \"${{ env.c }}\"}\n    GET: /routed\n    expect: {routes: equal}\n";
    project.write("plans/outer.yaml", outer);
    let ran = project.run(&["doctor", "-e", "test", "--format", "json"]);
    for server in [&first, &second, &third] {
        assert!(ran.out.contains(&server.address.to_string()), "{}{}", ran.out, ran.err);
        assert_eq!(server.methods(), ["GET"]);
    }
}
