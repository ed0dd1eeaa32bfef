//! `parallel` and `first_of`: what runs at once, what is tried in order, and what follows from it.

use std::sync::{Arc, Barrier};

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted, Seen};

fn run(server: &Scripted, before: &str, steps: &str) -> Ran {
    let plan = format!("plan: P\n{before}defaults: {{base_url: {}}}\n{steps}", server.url());
    Bench::plan(&plan).run()
}

fn check(steps: &str) -> Ran {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: http://localhost:1}}\n{steps}")).check()
}

/// Answers what the path says: `/status/404`.
fn told() -> Scripted {
    Scripted::start(|seen, _| Reply::json(status_of(seen), "{\"id\": 7}"))
}

fn status_of(seen: &Seen) -> u16 {
    seen.path().strip_prefix("/status/").and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[test]
fn steps_of_parallel_are_on_their_way_at_once() {
    // None is answered before all three have come.
    let all = Arc::new(Barrier::new(3));
    let server = Scripted::start(move |_, _| {
        all.wait();
        Reply::json(200, "{}")
    });
    let steps = "steps:\n  - parallel:\n    - GET: /a\n    - GET: /b\n    - GET: /c\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(ran.verdicts(), ["passed"; 4]);
    assert_eq!(ran.step(0)["kind"], "parallel");
    assert_eq!(ran.step(0)["name"], "parallel (3)");
    let names: Vec<_> = (1..4).map(|step| ran.step(step)["name"].clone()).collect();
    assert_eq!(names, ["GET /a", "GET /b", "GET /c"]);
    assert_eq!(ran.report["counts"]["steps"]["passed"], 3, "{}", ran.said);
    ran.says("    ✓ GET /a").says("3 steps");
}

#[test]
fn when_one_of_parallel_fails_its_siblings_finish_and_the_rest_is_blocked() {
    let server = told();
    let steps = "steps:\n  - id: both\n    parallel:\n    - {id: a, GET: /status/500}\n    - GET: /b\n  - GET: /c\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed", "passed", "blocked"]);
    assert_eq!(ran.step(3)["reason"], json!({"blocked-by": "both"}));
    assert_eq!(ran.report["counts"]["steps"]["failed"], 1, "{}", ran.said);
    ran.says("failed[step::assertion] plan.yaml:6:8");

    let on = "steps:\n  - on_failure: continue\n    parallel: [{GET: /status/500}, {GET: /b}]\n  - GET: /c\n";
    let ran = run(&told(), "", on).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed", "passed", "passed"]);
    let on = "steps:\n  - parallel: [{GET: /status/500, on_failure: continue}, {GET: /b}]\n  - GET: /c\n";
    assert_eq!(run(&told(), "", on).exits(1).verdicts(), ["failed", "failed", "passed", "passed"]);
}

#[test]
fn captures_of_parallel_keep_their_values_for_the_steps_behind_it() {
    let server = told();
    let steps = "steps:\n  - parallel:\n    - {GET: /a, capture: {x: $.id}}\n    - {id: b, GET: /b}\n  - GET: /c/${{ x }}/${{ steps.b.status }}\n";
    run(&server, "", steps).exits(0);
    assert!(server.targets().contains(&"GET /c/7/200".to_owned()), "{:?}", server.targets());

    // The step that made it did not pass: what uses it is blocked by that one.
    let steps = "on_failure: continue\nsteps:\n  - parallel:\n    - {id: a, GET: /status/500, capture: {x: $.id}}\n    - GET: /b\n  - GET: /c/${{ x }}\n";
    let ran = run(&told(), "", steps).exits(1);
    assert_eq!(ran.step(3)["reason"], json!({"blocked-by": "a"}), "{}", ran.said);
}

#[test]
fn steps_of_a_group_cannot_look_at_each_other() {
    let steps = "steps:\n  - parallel:\n    - {id: a, GET: /a, capture: {x: $.id}}\n    - GET: /b/${{ x }}\n";
    check(steps).exits(3).says("`x` is captured by a step of the same group");
    let steps = "steps:\n  - parallel:\n    - {id: a, GET: /a}\n    - {GET: /b, needs: [a]}\n";
    check(steps).exits(3).says("the step `a` stands in the same group: it may not have run");
    let steps = "steps:\n  - parallel:\n    - {GET: /a, capture: {x: $.id}}\n    - {GET: /b, capture: {x: $.id}}\n  - GET: /${{ x }}\n";
    check(steps).exits(3).says("two steps that run at once capture `x`");
    let steps =
        "steps:\n  - parallel: [{GET: /a, capture: {x: $.id}}, {GET: /b}]\n  - GET: /${{ x }}\n";
    check(steps).exits(0);
}

#[test]
fn the_first_of_several_that_passes_is_the_result() {
    let server = told();
    let steps = "steps:\n  - id: found\n    first_of:\n    - {id: new, GET: /status/404, capture: {x: $.id}}\n    - {id: old, GET: /old, capture: {x: $.id}}\n    - {GET: /never, capture: {x: $.id}}\n  - {GET: \"/then/${{ x }}\", if: steps.found.passed and steps.old.passed and not steps.new.passed}\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(ran.verdicts(), ["passed", "failed", "passed", "passed"]);
    assert_eq!(server.targets(), ["GET /status/404", "GET /old", "GET /then/7"]);
    assert_eq!(ran.step(1)["tentative"], true);
    assert_eq!(ran.report["counts"]["steps"]["passed"], 2, "{}", ran.said);
    assert_eq!(ran.report["counts"]["steps"]["failed"], 0, "{}", ran.said);
    assert!(!ran.said.contains("failed["), "{}", ran.said);
}

#[test]
fn where_none_of_several_passes_each_says_why() {
    let server = told();
    let steps = "steps:\n  - id: any\n    first_of: [{GET: /status/404}, {GET: /status/500}]\n  - GET: /c\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed", "failed", "blocked"]);
    assert_eq!(ran.step(0)["code"], "step::none-passed");
    assert_eq!(ran.report["counts"]["steps"]["failed"], 1, "{}", ran.said);
    let ran = ran.says("failed[step::none-passed] plan.yaml:4:5");
    assert!(ran.said.matches("failed[step::assertion]").count() == 2, "{}", ran.said);
    ran.says("none of the 2 ways that were tried passed");
}

#[test]
fn a_way_that_cannot_be_carried_out_is_passed_over() {
    let server = told();
    let steps = "steps:\n  - first_of: [{GET: \"http://127.0.0.1:1/\"}, {GET: /b}]\n";
    run(&server, "", steps).exits(0);
    let steps = "steps:\n  - first_of: [{GET: \"http://127.0.0.1:1/\"}]\n";
    run(&server, "", steps).exits(5);
}

#[test]
fn a_capture_that_only_some_ways_make_needs_a_default() {
    let steps = "steps:\n  - first_of:\n    - {GET: /a, capture: {x: $.id}}\n    - GET: /b\n  - GET: /c/${{ x }}\n";
    check(steps).exits(3).says("only some steps of `first_of` capture `x`");
    let steps = "steps:\n  - first_of:\n    - {GET: /status/404, capture: {x: $.id}}\n    - GET: /b\n  - GET: /c/${{ x | default('none') }}\n";
    let server = told();
    run(&server, "", steps).exits(0);
    assert!(server.targets().contains(&"GET /c/none".to_owned()), "{:?}", server.targets());
}

#[test]
fn groups_nest() {
    let server = told();
    let steps = "steps:\n  - first_of:\n    - parallel: [{GET: /status/500}, {GET: /b}]\n    - parallel: [{GET: /c}, {GET: /d}]\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(
        ran.verdicts(),
        ["passed", "failed", "failed", "passed", "passed", "passed", "passed"]
    );
    let within: Vec<_> = (0..7).map(|step| ran.step(step)["within"].clone()).collect();
    assert_eq!(json!(within), json!([[], [0], [0, 0], [0, 0], [0], [0, 1], [0, 1]]));
}

#[test]
fn a_group_that_does_not_run_takes_its_steps_with_it() {
    let server = told();
    let steps = "steps:\n  - {if: false, parallel: [{id: a, GET: /a, capture: {x: $.id}}, {GET: /b}]}\n  - {GET: \"/c/${{ x }}\"}\n  - GET: /d\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(ran.verdicts(), ["skipped", "blocked", "passed"]);
    assert_eq!(server.targets(), ["GET /d"]);
}

#[test]
fn a_group_has_a_deadline_and_a_budget_of_its_own() {
    let server = Scripted::start(|seen, _| match seen.path() {
        "/never" => Reply::Hang,
        _ => Reply::json(200, "{}"),
    });
    let steps = "steps:\n  - deadline: 200ms\n    parallel: [{GET: /never}, {GET: /b}]\n";
    let ran = run(&server, "", steps).exits(5);
    assert_eq!(ran.verdicts(), ["errored", "errored", "passed"]);
    ran.says("deadline of 200 ms came first");

    let steps = "steps:\n  - budget: 1us\n    parallel: [{GET: /a}, {GET: /b}]\n  - GET: /c\n";
    let ran = run(&server, "", steps).exits(6);
    assert_eq!(ran.verdicts(), ["failed", "passed", "passed", "passed"]);
    ran.says("failed[step::budget] plan.yaml:4:5");
    let steps = "steps:\n  - budget: 1h\n    parallel: [{GET: /a}, {GET: /b}]\n";
    run(&server, "", steps).exits(0);
}

#[test]
fn an_empty_group_and_a_request_beside_a_group_are_findings() {
    check("steps:\n  - parallel: []\n").exits(3).says("would always pass");
    check("steps:\n  - first_of: {GET: /a}\n").exits(3).says("a list of steps is wanted here");
    check("steps:\n  - {parallel: [{GET: /a}], GET: /b}\n").exits(3).says("exactly one thing");
    check("steps:\n  - {parallel: [{GET: /a}], expect: {status: 200}}\n")
        .exits(3)
        .says("`expect` belongs to a request, and `parallel` sends none");
}

#[test]
fn a_step_of_a_group_is_selected_by_its_id() {
    let server = told();
    let plan = format!(
        "plan: P\ndefaults: {{base_url: {}}}\nsteps:\n  - {{id: a, GET: /a}}\n  - id: both\n    needs: [a]\n    parallel: [{{id: b, GET: /b}}, {{id: c, GET: /c}}]\n  - GET: /d\n",
        server.url()
    );
    let ran = Bench::plan(&plan).with(&["--step", "b"]).run().exits(0);
    assert_eq!(server.targets(), ["GET /a", "GET /b"], "{}", ran.said);
    Bench::plan(&plan).with(&["--step", "both"]).run().exits(0).says("3 steps");
}
