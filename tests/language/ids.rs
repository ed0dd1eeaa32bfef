//! `traceparent` and `X-Request-Id`: every request bears ids of its own, unless the plan decides them.

use std::collections::BTreeSet;

use crate::bench::Bench;
use crate::scripted::{Reply, Scripted, Seen};

/// Trace, span and request id of a request, each as it has to look.
fn ids(seen: &Seen) -> [String; 3] {
    let trace = seen.header("traceparent").unwrap_or_default();
    let request = seen.header("x-request-id").unwrap_or_default();
    let parts: Vec<&str> = trace.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("`{trace}` in {seen:#?}") };
    assert_eq!((version, trace.len(), span.len(), flags), ("00", 32, 16, "01"), "{seen:#?}");
    let hex = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    assert!(hex(trace) && hex(span), "{seen:#?}");
    let lengths: Vec<usize> = request.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{request}");
    [trace, span, request].map(str::to_owned)
}

fn different<'a>(values: impl IntoIterator<Item = &'a String>) -> usize {
    values.into_iter().collect::<BTreeSet<_>>().len()
}

fn plan(server: &Scripted, steps: &str) -> Bench {
    let plan = format!("plan: P\ndefaults: {{base_url: URL}}\nsteps:\n{steps}");
    Bench::plan(&plan.replace("URL", &server.url()))
}

#[test]
fn every_attempt_and_sample_has_ids_of_its_own_in_the_trace_of_its_plan() {
    let server = Scripted::start(|seen, nth| match (seen.path(), nth) {
        ("/flaky", n) if n < 2 => Reply::plain(503, ""),
        ("/slow", n) if n < 5 => Reply::json(200, r#"{"s": 1}"#),
        _ => Reply::json(200, r#"{"s": 2}"#),
    });
    let steps = "  - {GET: /flaky, retry: {times: 3, delay: 1ms}}\n  - {GET: /slow, poll: {every: 1ms, for: 9s}, expect: {$.s: 2}}\n  - {GET: /many, repeat: 3, concurrency: 3}\n";
    plan(&server, steps).run().exits(0);
    let ids: Vec<_> = server.log().iter().map(ids).collect();
    assert!(ids.len() >= 8, "{ids:#?}");
    assert_eq!(different(ids.iter().map(|[trace, ..]| trace)), 1, "one trace: {ids:#?}");
    assert_eq!(different(ids.iter().map(|[_, span, _]| span)), ids.len(), "{ids:#?}");
    assert_eq!(different(ids.iter().map(|[.., request]| request)), ids.len(), "{ids:#?}");
}

#[test]
fn each_case_of_a_plan_is_a_trace_and_no_seed_repeats_one() {
    let server = Scripted::ok();
    let bench = plan(&server, "  - GET: /a\n  - GET: /b\nmatrix: {n: [1, 2]}\n");
    let bench = bench.with(&["--seed", "7"]);
    bench.run().exits(0);
    bench.run().exits(0);
    let ids: Vec<_> = server.log().iter().map(ids).collect();
    assert_eq!(different(ids.iter().map(|[trace, ..]| trace)), 4, "{ids:#?}");
    assert_eq!(different(ids.iter().map(|[_, span, _]| span)), 8, "{ids:#?}");
    assert_eq!(different(ids.iter().map(|[.., request]| request)), 8, "{ids:#?}");
}

#[test]
fn what_the_plan_states_is_sent_and_recorded_and_omit_sends_none() {
    let server = Scripted::ok();
    let steps = "  - {GET: /own, headers: {X-Request-ID: mine, Traceparent: 00-aa-bb-00}}\n  - GET: /none\n    headers: {x-request-id: '${{ omit }}', traceparent: '${{ omit }}'}\n  - {GET: /half, headers: {x-request-id: mine}}\n";
    let ran = plan(&server, steps).run().exits(0);
    let log = server.log();
    assert_eq!(log[0].header("x-request-id"), Some("mine"));
    assert_eq!(log[0].header("traceparent"), Some("00-aa-bb-00"));
    assert_eq!(ran.step(0)["attempts"][0]["ids"]["request"], "mine");
    assert_eq!(ran.step(0)["attempts"][0]["ids"]["trace"], "aa");
    assert_eq!(log[1].header("x-request-id"), None);
    assert_eq!(log[1].header("traceparent"), None);
    assert!(ran.step(1)["attempts"][0]["ids"]["trace"].is_null());
    assert_eq!(log[2].header("x-request-id"), Some("mine"));
    assert_eq!(log[2].header("traceparent").map(str::len), Some(55));
    // The line that repeats a request repeats the plan's ids alone.
    assert!(ran.step(0)["curl"].to_string().contains("x-request-id: mine"));
    let half = ran.step(2)["curl"].to_string();
    assert!(half.contains("x-request-id: mine") && !half.contains("traceparent"), "{half}");
}

#[test]
fn ids_stated_in_the_defaults_are_the_plans_too() {
    let server = Scripted::ok();
    let defaults = "plan: P\ndefaults: {base_url: URL, headers: {X-Request-Id: all, traceparent: '${{ omit }}'}}\nsteps:\n  - GET: /a\n";
    Bench::plan(&defaults.replace("URL", &server.url())).run().exits(0);
    assert_eq!(server.log()[0].header("x-request-id"), Some("all"));
    assert_eq!(server.log()[0].header("traceparent"), None);
}

#[test]
fn a_token_request_an_answered_challenge_and_a_redirect_bear_ids_too() {
    let server = Scripted::start(|seen, _| match (seen.path(), seen.header("authorization")) {
        ("/token", _) => Reply::json(200, r#"{"access_token": "tok-Zq8rT2xW5vN1mK7p"}"#),
        ("/digest", None) => Reply::plain(401, "").with(
            "WWW-Authenticate",
            r#"Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256"#,
        ),
        ("/moved", _) => Reply::plain(302, "").with("Location", "/there"),
        _ => Reply::json(200, "{}"),
    });
    let steps = "  - {GET: /a, auth: {oauth2: {token_url: URL/token, client_id: me}}}\n  - {GET: /digest, auth: {digest: {user: ada, password: pw}}}\n  - {GET: /moved, follow_redirects: true}\n";
    plan(&server, &steps.replace("URL", &server.url())).run().exits(0);
    let log = server.log();
    let named = |path: &str| -> Vec<[String; 3]> {
        log.iter().filter(|seen| seen.path() == path).map(ids).collect()
    };
    let (token, digest) = (named("/token"), named("/digest"));
    assert_eq!((token.len(), digest.len()), (1, 2));
    // The answer to a challenge is another request.
    assert_ne!(digest[0][1], digest[1][1]);
    assert_ne!(digest[0][2], digest[1][2]);
    // A redirect is followed by the same one.
    assert_eq!(named("/moved"), named("/there"));
    let all: Vec<_> = log.iter().map(ids).collect();
    assert_eq!(different(all.iter().map(|[trace, ..]| trace)), 1, "{all:#?}");
}

#[test]
fn a_failure_says_under_which_ids_it_is_found_in_the_logs() {
    let server = Scripted::start(|seen, _| {
        let reply = Reply::json(500, "{}").with("CF-Ray", "8c6d-FRA");
        match seen.path() {
            "/echo" => reply.with("X-Request-Id", seen.header("x-request-id").unwrap_or_default()),
            _ => reply.with("x-amzn-RequestId", "am-1"),
        }
    });
    let steps = "  - {GET: /echo, on_failure: continue}\n  - GET: /own\n";
    let bench = plan(&server, steps).with(&["--report", "junit=j.xml", "--report", "github=g"]);
    let ran = bench.run();
    let [trace, _, request] = ids(&server.log()[0]);
    assert_eq!(ran.code, 1, "{}", ran.said);
    let flat = ran.said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&format!("ids trace {trace} request {request}")), "{}", ran.said);
    assert!(flat.contains("as the server says too"), "{}", ran.said);
    assert!(flat.contains("the server's cf-ray: 8c6d-FRA"), "{}", ran.said);
    let junit = bench.read("j.xml");
    let property = |name: &str, value: &str| format!("<property name=\"{name}\" value=\"{value}\"");
    for (name, value) in [("trace_id", trace.as_str()), ("request_id", request.as_str())] {
        assert!(junit.contains(&property(name, value)), "{junit}");
    }
    assert!(junit.contains(&property("server:cf-ray", "8c6d-FRA")), "{junit}");
    assert!(bench.read("g").contains(&trace), "{}", bench.read("g"));
    assert_eq!(ran.step(0)["attempts"][0]["ids"]["server"][0]["header"], "cf-ray");
}
