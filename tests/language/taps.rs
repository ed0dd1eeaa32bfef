//! Taps: what the system under test sends to its own dependency is seen, judged, told and tied.
#![cfg(feature = "demo")]

use std::net::TcpListener;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};
use crate::tls::{Flaw, TlsServer};

const DOCUMENT: &str = include_str!("../../plans/specs/auth.openapi.yaml");

/// A plan that asks the proxy of the built-in registry, which asks the auth service through a tap.
fn asks(hops: &str) -> Bench {
    asks_for("any", hops)
}

fn asks_for(status: &str, hops: &str) -> Bench {
    let plan = format!(
        "plan: P\ncontracts:\n  auth: {{spec: auth.yaml, base: \"${{{{ env.auth_url }}}}\"}}\nsecrets: {{api_key: {{}}}}\nsteps:\n  - GET: ${{{{ env.url }}}}/api/2.0/mlflow/experiments/search?max_results=1\n    auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}\n    expect:\n      status: {status}\n      hops:\n        auth: {{{hops}}}\n"
    );
    Bench::plan(&plan).file("auth.yaml", DOCUMENT)
}

fn on(bench: Bench, fault: &str, tap: &str) -> Ran {
    let fault = if fault.is_empty() { String::new() } else { format!(", fault: {fault}") };
    let environment = format!(
        "environment: here\nservices:\n  registry: {{builtin: demo{fault}, auth_url: \"${{{{ taps.auth.url }}}}\"}}\ntaps:\n  auth: {{{tap}}}\nvars:\n  url: ${{{{ services.registry.url }}}}\n  auth_url: ${{{{ services.registry.auth_url }}}}\nsecrets:\n  api_key: {{value: \"${{{{ services.registry.api_key }}}}\"}}\n"
    );
    bench.environment("here", &environment).run()
}

/// `taps: {auth: {forward: …, contract: auth}}`.
const TAP: &str = "forward: \"${{ services.registry.auth_url }}\", contract: auth";

#[test]
fn a_healthy_hop_holds_in_every_part() {
    let hops = "count: 1, contract: true, method: POST, path: /api/v1/keys/validate, headers: {Authorization: {absent: true}}, $.api_key: {present: true}, text: {contains: platform}, status: 200";
    let ran = on(asks(hops), "", TAP).exits(0);
    let tap = &ran.step(0)["attempts"][0]["taps"][0];
    assert_eq!(tap["tap"], "auth");
    assert_eq!(tap["tie"], "trace");
    assert_eq!(tap["exchange"]["response"]["status"], 200);
    let sent = tap["exchange"]["request"]["body"]["content"]["text"].as_str().expect("a body");
    assert!(sent.contains("«secret") && !sent.contains("hk_"), "{sent}");
}

#[test]
fn a_broken_hop_is_seen_with_both_lines() {
    let ran = on(asks_for("200", "contract: true"), "broken-contract", TAP).exits(1);
    let ran = ran.says("`api_key`").says("auth.yaml:").says("plan.yaml:");
    let ran = ran.says("this service does not ask its own dependency as the contract");
    let ran = ran.says("╰── wanted here").says("authorization: Bearer «secret:api_key» → 422");
    assert!(!ran.said.contains("hk_live"), "{}", ran.said);
    // Nobody has to expect it: the cause of the 401 is known from the tap.
    let step = ran.step(0);
    assert_eq!(step["causes"][0]["rule"], "hop/broken-contract");
    assert_eq!(step["causes"][0]["confidence"], "certain");
}

#[test]
fn every_part_of_a_hop_can_fail() {
    for (hops, told) in [
        ("count: 2", "hops.auth.count"),
        ("count: 0", "hops.auth.count"),
        ("method: GET", "hops.auth.method"),
        ("path: /elsewhere", "hops.auth.path"),
        ("headers: {Authorization: {present: true}}", "hops.auth.headers.Authorization"),
        ("$.api_kee: {present: true}", "hops.auth.$.api_kee"),
        ("text: {contains: nothing like it}", "hops.auth.text"),
        ("status: 422", "hops.auth.status"),
    ] {
        let ran = on(asks(hops), "", TAP).exits(1);
        let failures = ran.failures(0);
        assert_eq!(failures.len(), 1, "{}", ran.said);
        assert!(failures.iter().all(|one| one.starts_with(told)), "{failures:?}");
    }
}

#[test]
fn the_query_of_a_hop_is_looked_at() {
    // The plan itself plays the service: what it sends to the tap is tied by its trace.
    let server = Scripted::start(|_, _| Reply::json(200, "{}"));
    let environment = format!(
        "environment: here\ntaps:\n  auth: {{forward: {}/v1}}\nvars: {{tap: \"${{{{ taps.auth.url }}}}\"}}\n",
        server.url()
    );
    let run = |expected: &str| {
        let plan = format!(
            "plan: P\nsteps:\n  - GET: ${{{{ env.tap }}}}/keys?q=a%20b\n    expect: {{hops: {{auth: {{query: {{{expected}}}, path: /keys}}}}}}\n"
        );
        Bench::plan(&plan).environment("here", &environment).run()
    };
    run("q: a b").exits(0);
    run("q: a").exits(1);
    run("r: a").exits(1).says("nothing: it is not in the query of that request");
    assert!(server.log().iter().all(|seen| seen.path() == "/v1/keys"), "{:?}", server.log().len());
}

#[test]
fn a_tap_that_enforces_answers_itself() {
    let tap = |mode: &str| format!("{TAP}, mode: {mode}");
    on(asks("status: 422"), "broken-contract", &tap("observe")).exits(0);
    let ran = on(asks("contract: true"), "broken-contract", &tap("enforce")).exits(1);
    assert!(ran.step(0)["attempts"][0]["taps"][0]["refused"].is_string(), "{}", ran.said);
    assert!(ran.step(0)["attempts"][0]["taps"][0]["exchange"]["response"].is_null());
    // The twin: what is as it should be is passed on.
    on(asks("status: 200"), "", &tap("enforce")).exits(0);
    on(asks("status: 200"), "", &tap("enforced")).exits(3).says("`enforce`");
}

#[test]
fn a_tap_that_is_not_there_is_found_before_the_run() {
    let plan =
        "plan: P\nsteps:\n  - GET: ${{ env.url }}/a\n    expect: {hops: {auht: {count: 1}}}\n";
    let environment =
        |taps: &str| format!("environment: here\nvars: {{url: http://127.0.0.1:9}}\n{taps}");
    let run = |taps: &str| Bench::plan(plan).environment("here", &environment(taps)).run();
    run("taps: {auth: {forward: http://127.0.0.1:9}}\n").exits(3).says("did you mean `auth`?");
    run("").exits(3).says("has no tap `auht`");
    // A contract that the plan does not have.
    let contract = "plan: P\nsteps:\n  - GET: ${{ env.url }}/a\n    expect: {hops: {auth: {contract: true}}}\n";
    let taps = "taps: {auth: {forward: http://127.0.0.1:9, contract: auth}}\n";
    let bench = Bench::plan(contract).environment("here", &environment(taps));
    bench.run().exits(3).says("this plan has no contract `auth`");
}

#[test]
fn a_contract_that_nobody_has_is_found_before_the_run_where_it_is_meant_to_hold() {
    let server = Scripted::ok();
    let run = |tap: &str| {
        let plan = format!(
            "plan: P\ncontracts:\n  auth: {{spec: auth.yaml, base: http://127.0.0.1:9}}\nsteps:\n  - GET: {}/a\n",
            server.url()
        );
        let environment = format!(
            "environment: here\ntaps:\n  auth: {{forward: \"http://127.0.0.1:9\", {tap}}}\n"
        );
        Bench::plan(&plan).file("auth.yaml", DOCUMENT).environment("here", &environment).run()
    };
    run("contract: nix, mode: enforce").exits(3).says("has the contract `nix`");
    run("contract: auht, mode: enforce").exits(3).says("did you mean `auth`?");
    assert!(server.log().is_empty());
    // One that only looks may be there for other plans, but for a slip.
    run("contract: auht").exits(0).says("did you mean `auth`?");
    let ran = run("contract: nix").exits(0);
    assert!(!ran.said.contains("nix"), "{}", ran.said);
    run("contract: auth, mode: enforce").exits(0);
}

#[test]
fn a_tap_that_is_optional_skips_the_step_where_it_is_not_there() {
    let server = Scripted::ok();
    let run = |expects: &str, taps: &str| {
        let plan = format!(
            "plan: P\nsteps:\n  - GET: ${{{{ env.url }}}}/a\n  - GET: ${{{{ env.url }}}}/b\n    {expects}: {{hops: {{auth: {{optional: true, count: 1}}}}}}\n"
        );
        let environment = format!("environment: here\nvars: {{url: \"{}\"}}\n{taps}", server.url());
        Bench::plan(&plan).environment("here", &environment).run()
    };
    let ran = run("expect", "").exits(0).says("skipped: the environment has no tap `auth`");
    assert_eq!(ran.verdicts(), ["passed", "skipped"]);
    let before = server.log().len();
    // What only warns skips nothing.
    assert_eq!(run("warn", "").exits(0).verdicts(), ["passed", "passed"]);
    assert_eq!(server.log().len(), before + 2);
    // Where the tap is there, it is judged; a name that is nearly there is a slip.
    let tap = |name: &str| format!("taps: {{{name}: {{forward: \"{}\"}}}}\n", server.url());
    run("expect", &tap("auth")).exits(1).says("saw no request of this step");
    run("expect", &tap("auht")).exits(3).says("did you mean `auht`?");
    run("expect", &tap("mailer")).exits(0).says("has no tap `auth`");
}

#[test]
fn an_address_that_is_taken_ends_the_run_at_its_place() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("its address").port();
    let tap = format!("{TAP}, listen: \"127.0.0.1:{port}\"");
    on(asks("count: 1"), "", &tap).exits(5).says("this address is taken");
    on(asks("count: 1"), "", &format!("{TAP}, listen: \"127.0.0.1:0\"")).exits(0);
    on(asks("count: 1"), "", &format!("{TAP}, listen: \"0.0.0.0:9100\"")).exits(3).says("loopback");
    drop(taken);
}

#[test]
fn a_dependency_that_does_not_answer_is_told() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = gone.local_addr().expect("its address").port();
    drop(gone);
    let tap = format!("forward: \"http://127.0.0.1:{port}\", contract: auth");
    let hops = "contract: true, $.api_key: {present: true}";
    let ran = on(asks_for("200", hops), "", &tap).exits(1);
    let tapped = &ran.step(0)["attempts"][0]["taps"][0]["exchange"];
    assert!(tapped["response"].is_null(), "{tapped}");
    assert!(tapped["error"]["message"].is_string(), "{tapped}");
    let ran = ran.says("the dependency of this service did not answer it");
    // What it was asked is judged all the same, though nobody took it.
    assert_eq!(ran.failures(0), ["status equals"], "{}", ran.said);
}

#[test]
fn what_bears_no_trace_is_tied_by_the_time() {
    let server = Scripted::start(|_, _| Reply::json(200, "{}"));
    let environment = format!(
        "environment: here\ntaps:\n  auth: {{forward: {}}}\nvars: {{tap: \"${{{{ taps.auth.url }}}}\"}}\n",
        server.url()
    );
    let plan = "plan: P\nsteps:\n  - GET: ${{ env.tap }}/a\n    headers: {traceparent: \"${{ omit }}\"}\n    expect: {hops: {auth: {count: 1}}}\n";
    let ran = Bench::plan(plan).environment("here", &environment).run().exits(0);
    assert_eq!(ran.step(0)["attempts"][0]["taps"][0]["tie"], "time");
}

/// A plan that plays the service: what it sends to the tap of `to` is tied by its trace.
fn plays(to: &str, request: &str, hops: &str) -> Bench {
    plays_with("", to, request, hops)
}

/// The same where the environment has `defaults`.
fn plays_with(defaults: &str, to: &str, request: &str, hops: &str) -> Bench {
    let environment = format!(
        "environment: here\ndefaults: {{{defaults}}}\ntaps:\n  auth: {{forward: \"{to}\", contract: auth}}\nvars: {{tap: \"${{{{ taps.auth.url }}}}\"}}\n"
    );
    let plan = format!(
        "plan: P\ncontracts:\n  auth: {{spec: auth.yaml, base: http://127.0.0.1:9}}\nsteps:\n  - {request}\n    expect: {{status: any, hops: {{auth: {{{hops}}}}}}}\n"
    );
    Bench::plan(&plan).file("auth.yaml", DOCUMENT).environment("here", &environment)
}

#[test]
fn a_dependency_behind_tls_is_asked_over_tls_and_its_certificate_is_checked() {
    let server = TlsServer::start(Flaw::None);
    let ask = || plays(&server.url(), "GET: \"${{ env.tap }}/keys\"", "status: 200");
    let ran = ask().run().exits(1);
    let tapped = &ran.step(0)["attempts"][0]["taps"][0]["exchange"];
    assert_eq!(tapped["error"]["class"], "tls", "{tapped}");
    assert_eq!(ran.step(0)["attempts"][0]["exchange"]["response"]["status"], 502, "{}", ran.said);
    // The system is told whom to trust.
    let ask = ask().file("ca.pem", &String::from_utf8_lossy(&server.ca));
    let trusted = ask.path("ca.pem").display().to_string();
    let ran = ask.variable("SSL_CERT_FILE", &trusted).run().exits(0);
    let tapped = &ran.step(0)["attempts"][0]["taps"][0]["exchange"];
    assert_eq!(tapped["request"]["url"], format!("{}keys", server.url()));
}

#[test]
fn a_tap_connects_as_the_defaults_of_its_environment_say() {
    let get = "GET: \"${{ env.tap }}/keys\"";
    let server = TlsServer::start(Flaw::None);
    let trusts = |file: &str| {
        let ask =
            plays_with(&format!("tls: {{ca_file: {file}}}"), &server.url(), get, "status: 200");
        ask.file("environments/ca/own.pem", &String::from_utf8_lossy(&server.ca)).run()
    };
    trusts("ca/own.pem").exits(0);
    trusts("ca/other.pem").exits(3).says("there is no file `ca/other.pem`");
    // A name that no server knows, at the address that the environment states.
    let plain = Scripted::ok();
    let url = plain.url().replace("127.0.0.1", "auth.test");
    plays(&url, get, "status: 200").run().exits(1).says("auth.test");
    plays_with("resolve: {auth.test: 127.0.0.1}", &url, get, "status: 200").run().exits(0);
    assert_eq!(plain.log().len(), 1);
}

#[test]
fn a_body_of_which_only_the_beginning_is_kept_is_not_held_to_be_good() {
    let server = Scripted::ok();
    let ask = |size: usize, hops: &str| {
        let long = "x".repeat(size);
        let request = format!(
            "POST: \"${{{{ env.tap }}}}/api/v1/keys/validate\"\n    json: {{api_key: {long}, service_id: platform}}"
        );
        plays(&server.url(), &request, hops).run()
    };
    for hops in ["contract: true", "$.service_id: platform", "text: {contains: api_key}"] {
        ask(1000, hops).exits(0);
        ask(70_000, hops).exits(1).says("only 64 KiB of the body's 68.4");
    }
    // What the tap knows of the whole is judged all the same.
    ask(70_000, "count: 1, path: /api/v1/keys/validate, status: 200").exits(0);
}
