//! How one failure is told: its place, its evidence, its cause and its next step.

use serde_json::json;

use super::*;
use crate::diagnose::{self, Witness};
use crate::finding::Finding;
use crate::outcome::{Actual, Body, Content};
use crate::report::fixture;
use crate::report::style::width;

/// The report of the last step; the steps before it are what else was seen.
fn report(steps: &[(StepRef, StepResult)]) -> String {
    let sources = fixture::sources();
    let style = Style::default();
    let scene = Scene {
        includers: &[],
        sources: &sources,
        plan: fixture::PATH,
        environment: Some("demo"),
        variables: None,
        style: &style,
    };
    let witnesses: Vec<Witness> =
        steps.iter().filter_map(|(step, result)| Witness::of(step, result)).collect();
    let Some((step, result)) = steps.last() else { return String::new() };
    let text = render(&scene, step, result, &diagnose::causes(step, result, &witnesses));
    for line in text.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let copied = line.starts_with("  curl ") || line.starts_with("  again ");
        assert!(copied || width(line) <= 80, "{line}");
    }
    text
}

/// What a text says, whatever its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| !["│", "·"].contains(word)).collect::<Vec<_>>().join(" ")
}

fn with_body(kind: &str, body: Body) -> (StepRef, StepResult) {
    let (step, mut result) = fixture::through_the_proxy();
    if let Some(attempt) = result.attempts.first_mut() {
        if let Some(assertion) = attempt.assertions.get_mut(1) {
            assertion.actual = Some(Actual::NotJson(kind.to_owned()));
        }
        if let Some(response) = attempt.exchange.as_mut().and_then(|e| e.response.as_mut()) {
            response.headers = vec![("content-type".into(), kind.to_owned())];
            response.body = body;
            response.status = 502;
        }
    }
    (step, result)
}

#[test]
fn a_broken_contract_says_that_the_same_key_was_accepted_elsewhere() {
    let accepted = fixture::direct(200, &json!({"is_valid": true}));
    let text = flat(&report(&[accepted, fixture::through_the_proxy()]));
    assert!(text.contains("Invalid or expired API key"), "{text}");
    let said = "the same key was accepted by POST http://127.0.0.1:4401/api/v1/keys/validate \
                (step `direct`, 200)";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_wrong_service_shows_what_the_auth_service_says_about_the_key() {
    let said = "API key does not have access to service 'ml-platform'. This key is registered \
                for service 'platform'. Valid service IDs include: platform, website, \
                prediction-api, ml-platform";
    let refused = fixture::direct(401, &json!({"detail": said}));
    let text = report(&[fixture::through_the_proxy(), refused.clone()]);
    insta::assert_snapshot!(text);
    assert!(flat(&text).contains("registered for service 'platform'"), "{text}");
    assert!(!text.contains("was accepted"), "{text}");
    let proxy = flat(&report(&[refused, fixture::through_the_proxy()]));
    assert!(proxy.contains("says why: API key does not"), "{proxy}");
}

#[test]
fn a_misrouted_host_is_known_by_its_server_and_by_asking_for_a_key_that_was_sent() {
    let asked = fixture::direct(401, &json!({"detail": "API key required"}));
    let text = report(&[fixture::through_the_proxy(), asked]);
    insta::assert_snapshot!(text);
    let text = flat(&text);
    assert!(text.contains("server: demo-registry"), "{text}");
    assert!(text.contains("`Server: demo-registry` answers for http://127.0.0.1:4400 too"));
    assert!(text.contains("`api_key` was sent in json api_key"), "{text}");
}

#[test]
fn a_request_without_a_credential_is_told_so() {
    let (step, mut result) = fixture::through_the_proxy();
    if let Some(exchange) = result.attempts.first_mut().and_then(|a| a.exchange.as_mut()) {
        exchange.secrets_sent = Vec::new();
        exchange.request.headers.retain(|(name, _)| name != "authorization");
    }
    let text = report(&[fixture::direct(200, &json!({})), (step, result)]);
    assert!(text.contains("why    likely: the request carried no credential"), "{text}");
    assert!(!text.contains("was accepted"), "{text}");
}

#[test]
fn a_page_where_json_was_due_shows_its_title() {
    let page = "<!DOCTYPE html>\n<html><head><title>Sign  in</title></head>\n<body>\n\
                <h1>Sign in to continue</h1>\n</body></html>\n";
    let text = report(&[with_body("text/html", fixture::text_body(page))]);
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_body_says_empty_and_a_binary_one_shows_its_head() {
    let empty = report(&[with_body("no body", fixture::text_body(""))]);
    assert!(empty.contains("\n  body   empty\n"), "{empty}");
    let content = Content::Hex("ffd8ffe000104a46494600010100000100010000".into());
    let body = Body { content, size: 5000, sha256: None, cut: true };
    let binary = report(&[with_body("image/jpeg", body)]);
    assert!(binary.contains("binary]"), "{binary}");
    assert!(binary.contains("ff d8 ff e0 00 10 4a 46 49 46"), "{binary}");
}

#[test]
fn a_large_body_is_shown_around_the_place_alone() {
    let items: Vec<_> = (0..4000).map(|n| json!({"id": n, "name": "x".repeat(300)})).collect();
    let (step, mut result) = fixture::looked();
    if let Some(attempt) = result.attempts.first_mut() {
        attempt.captures.clear();
        attempt.breaches.clear();
        attempt.assertions.remove(0);
        for assertion in &mut attempt.assertions {
            assertion.pointer = Some("/items/2500/name".into());
        }
        if let Some(response) = attempt.exchange.as_mut().and_then(|e| e.response.as_mut()) {
            response.body = fixture::json_body(&json!({"items": items}));
        }
    }
    let text = report(&[(step, result)]);
    assert!(text.contains("\"id\": 2500") && !text.contains("\"id\": 2498"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
fn a_budget_alone_is_a_failure_of_its_own_kind() {
    let (step, mut result) = fixture::looked();
    result.only_budget = true;
    result.code = Some(Code::BudgetExceeded);
    if let Some(attempt) = result.attempts.first_mut() {
        attempt.assertions.clear();
        attempt.captures.clear();
    }
    let text = report(&[(step, result)]);
    assert!(text.starts_with("failed[step::budget] plans/registration.yaml:20:5\n"), "{text}");
    assert!(text.contains("× Look at the model: slower than its budget"), "{text}");
    assert!(text.contains("wait took 11 ms, the budget is 10 ms"), "{text}");
}

#[test]
fn a_poll_that_ran_out_says_how_often_it_asked() {
    let (step, mut result) = fixture::looked();
    result.code = Some(Code::PollRanOut);
    result.tries = 21;
    result.message = Some("gave up: the expectation did not hold within 10 s".into());
    let text = report(&[(step, result)]);
    assert!(text.contains("failed[step::poll]"), "{text}");
    assert!(flat(&text).contains("Look at the model: gave up: the expectation"), "{text}");
    assert!(text.contains("  tries  21 attempts in"), "{text}");
}

#[test]
fn retries_say_what_each_attempt_got() {
    let (step, mut result) = fixture::looked();
    let (_, unavailable) = with_body("text/plain", fixture::text_body("later"));
    result.attempts.splice(0..0, unavailable.attempts);
    result.tries = 2;
    let text = report(&[(step, result)]);
    assert!(text.contains("  tries  2 attempts in 12 ms · 1: 502 · 1: 200\n"), "{text}");
}

#[test]
fn a_host_from_the_command_line_is_named_with_its_source() {
    let (step, mut result) = fixture::nobody_there();
    if let Some(exchange) = result.attempts.first_mut().and_then(|a| a.exchange.as_mut()) {
        for part in &mut exchange.url_from {
            part.place = None;
            part.source = "--var".into();
        }
    }
    let text = report(&[(step, result)]);
    assert!(text.contains("set by env.registry_url = http://127.0.0.1:9 (--var)"), "{text}");
}

#[test]
fn a_template_that_failed_points_into_the_plan() {
    let (step, mut result) = fixture::nobody_there();
    result.code = Some(Code::TemplateFailed);
    if let Some(attempt) = result.attempts.first_mut() {
        attempt.exchange = None;
        let place = fixture::at("${{ model }}");
        attempt.findings = vec![
            Finding::error(Code::TemplateFailed, "`model` is not a number")
                .at(place, "here")
                .help("use `| int`"),
        ];
    }
    let text = report(&[(step, result)]);
    assert!(text.contains("error[step::template]"), "{text}");
    assert!(text.contains("× The version becomes ready: `model` is not a number"), "{text}");
    assert!(text.contains("╰── here") && text.contains("  help   use `| int`"), "{text}");
}

#[test]
fn what_did_not_run_and_what_passed_is_no_report() {
    assert!(!is_due(&fixture::direct(200, &json!({})).1));
    assert!(!is_due(&fixture::did_not_run(Verdict::Blocked, Reason::NotSelected).1));
    let (_, mut warned) = fixture::looked();
    warned.verdict = Verdict::Passed;
    if let Some(attempt) = warned.attempts.first_mut() {
        for assertion in &mut attempt.assertions {
            assertion.severity = Severity::Warning;
        }
    }
    assert!(is_due(&warned));
}

#[test]
fn a_hint_stands_before_what_planrun_can_tell() {
    let (step, mut result) = fixture::through_the_proxy();
    let place = fixture::at("name: Create the registered model");
    let mut when = vec![
        fixture::assertion("status", place, ("equals", json!(401)), None, None),
        fixture::assertion("$.detail", place, ("starts_with", json!("Invalid")), None, None),
        fixture::assertion("$.code", place, ("absent", json!(true)), None, None),
    ];
    let hint = crate::outcome::Hint {
        place,
        cause: "The key is one of the old kind".into(),
        next: Some("Ask the auth team for a new one".into()),
        when: when.clone(),
    };
    when.truncate(1);
    let place = fixture::at("name: Look at the model");
    let silent = crate::outcome::Hint { place, next: None, when, ..hint.clone() };
    if let Some(attempt) = result.attempts.first_mut() {
        attempt.hints = vec![hint, silent];
    }
    let text = report(&[(step, result)]);
    let hints = text.find("  hint ").and_then(|at| text.get(at..)).unwrap_or_default();
    let end = hints.find("  why ").unwrap_or_default();
    insta::assert_snapshot!(hints.get(..end).unwrap_or_default());
}
