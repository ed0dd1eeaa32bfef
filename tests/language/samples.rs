//! `repeat` and its kin: how many, how many at once, and what must hold of all of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

fn plan(server: &Scripted, rest: &str) -> Bench {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {}}}\n{rest}", server.url()))
}

fn run(server: &Scripted, rest: &str) -> Ran {
    plan(server, rest).run()
}

fn check(step: &str) -> Ran {
    let plan = format!("plan: P\ndefaults: {{base_url: http://localhost:1}}\nsteps:\n  - {step}\n");
    Bench::plan(&plan).check()
}

/// Answers with its number, from 1.
fn counting() -> Scripted {
    Scripted::start(|_, number| Reply::json(200, &json!({"id": number + 1}).to_string()))
}

/// Refuses every request but the first.
fn one_wins() -> Scripted {
    Scripted::start(|_, number| match number {
        0 => Reply::json(201, r#"{"id": 7}"#),
        _ => Reply::json(409, r#"{"error": "exists"}"#),
    })
}

const RACE: &str = "POST: /models
    expect:
      one_of:
        created: {status: 201}
        refused: {status: 409}
    expect_all:
      outcomes: {created: 1, refused: rest}
";

#[test]
fn a_step_is_repeated_one_after_the_other_with_iter_and_a_new_unique() {
    let server = counting();
    let steps = "steps:\n  - {id: many, repeat: 3, GET: \"/${{ iter }}/${{ unique }}\", capture: {ids: $.id}}\n  - POST: /after\n    json: {ids: \"${{ ids }}\", status: \"${{ steps.many.status }}\"}\n";
    let ran = run(&server, steps).exits(0);
    let targets = server.targets();
    let words: Vec<&str> = targets[..3].iter().filter_map(|t| t.rsplit('/').next()).collect();
    assert!(targets[0].starts_with("GET /1/") && targets[2].starts_with("GET /3/"), "{targets:?}");
    assert!(words[0] != words[1] && words[1] != words[2], "{words:?}");
    let last = server.log().pop().expect("a request");
    assert_eq!(last.body, r#"{"ids":[1,2,3],"status":[200,200,200]}"#);
    assert_eq!(ran.step(0)["samples"]["counts"]["passed"], 3);
    assert_eq!(ran.report["counts"]["requests"], 4);
    let rows = ran.step(0)["samples"]["rows"].as_array().expect("rows").clone();
    let numbers: Vec<&Value> = rows.iter().map(|row| &row["number"]).collect();
    assert_eq!(json!(numbers), json!([1, 2, 3]));
    ran.says("3 samples").says("200: 3");
}

#[test]
fn so_many_are_on_their_way_at_once_and_no_more() {
    let all = Arc::new(Barrier::new(4));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (in_now, in_most) = (Arc::clone(&now), Arc::clone(&most));
    // None of four is answered before all four have come.
    let server = Scripted::start(move |_, _| {
        in_most.fetch_max(in_now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        all.wait();
        in_now.fetch_sub(1, Ordering::SeqCst);
        Reply::json(200, "{}")
    });
    let ran = run(&server, "steps:\n  - {repeat: 12, concurrency: 4, GET: /a}\n").exits(0);
    assert_eq!(ran.step(0)["samples"]["counts"]["passed"], 12);
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[test]
fn a_warm_up_is_sent_and_does_not_count() {
    let server = Scripted::start(|_, number| Reply::json(if number < 2 { 500 } else { 200 }, "{}"));
    let ran = run(&server, "steps:\n  - {repeat: 3, warmup: 2, GET: \"/${{ iter }}\"}\n").exits(0);
    assert_eq!(server.targets().len(), 5);
    assert_eq!(server.targets()[..3], ["GET /4", "GET /5", "GET /1"]);
    assert_eq!(
        ran.step(0)["samples"]["counts"],
        json!({"passed": 3, "failed": 0, "errored": 0, "cancelled": 0})
    );
    run(&server, "steps:\n  - {repeat: 3, GET: /a}\n").exits(0);
    let server = Scripted::start(|_, number| Reply::json(if number < 2 { 500 } else { 200 }, "{}"));
    run(&server, "steps:\n  - {repeat: 3, GET: /a}\n").exits(1);
}

#[test]
fn the_requests_of_a_wave_start_together_over_their_own_connections() {
    let all = Arc::new(Barrier::new(5));
    let server = Scripted::start(move |_, _| {
        all.wait();
        Reply::json(200, "{}")
    });
    let steps = "steps:\n  - {repeat: 10, concurrency: 5, start: together, GET: /a}\n";
    let ran = run(&server, steps).exits(0);
    let spread = &ran.step(0)["samples"]["spread"];
    assert_eq!((&spread["requests"], &spread["waves"]), (&json!(5), &json!(2)), "{spread}");
    assert!(spread["within_ns"].as_u64().is_some(), "{spread}");
    let connections: std::collections::BTreeSet<usize> =
        server.log().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 10);
    ran.says("5 sent within").says("(2 waves)");
}

#[test]
fn exactly_one_of_twenty_wins() {
    let race = format!("steps:\n  - repeat: 20\n    start: together\n    {RACE}");
    let ran = run(&one_wins(), &race).exits(0);
    assert_eq!(ran.step(0)["samples"]["outcomes"], json!({"created": 1, "refused": 19}));
    ran.says("created: 1 · refused: 19 · 20 sent within");

    // A registry whose check is not atomic lets two in.
    let two_win = Scripted::start(|_, number| match number {
        0 | 5 => Reply::json(201, &json!({"id": number}).to_string()),
        _ => Reply::json(409, "{}"),
    });
    let ran = run(&two_win, &race).exits(1);
    assert_eq!(ran.step(0)["samples"]["outcomes"], json!({"created": 2, "refused": 18}));
    ran.says("failed[step::assertion] plan.yaml:4:5")
        .says("expected: equals 1 (number)")
        .says("actual: 2 (number)")
        .says("`expect_all` does not hold")
        .says("201 Created")
        .says("sample ");
}

#[test]
fn an_outcome_that_nobody_named_fails_its_sample_and_the_whole() {
    let race = format!("steps:\n  - repeat: 4\n    {RACE}");
    let locked = Scripted::start(|_, number| match number {
        0 => Reply::json(201, "{}"),
        2 => Reply::json(503, r#"{"error": "database is locked"}"#),
        _ => Reply::json(409, "{}"),
    });
    let ran = run(&locked, &race).exits(1);
    assert_eq!(ran.step(0)["samples"]["outcomes"], json!({"created": 1, "refused": 2, "": 1}));
    ran.says("1 of 4 samples failed").says("database is locked").says("what is not listed fails");
}

#[test]
fn statuses_are_counted_by_the_most_exact_class() {
    let server =
        || Scripted::start(|_, number| Reply::json([200, 201, 404, 409][number % 4], "{}"));
    let steps = |shares: &str| {
        format!(
            "steps:\n  - repeat: 8\n    GET: /a\n    expect: {{status: any}}\n    expect_all: {{statuses: {shares}}}\n"
        )
    };
    run(&server(), &steps("{200: 2, 2xx: 2, 4xx: rest}")).exits(0);
    run(&server(), &steps("{200: 2, 201: {gte: 1, lt: 3}, 404: 2, 409: 2}")).exits(0);
    let ran = run(&server(), &steps("{200: 3, 2xx: 2, 4xx: rest}")).exits(1);
    ran.says("plan.yaml:7:34").says("expected: equals 3 (number)");
    run(&server(), &steps("{2xx: 4}")).exits(1).says("expected: only \"2xx\"");
}

#[test]
fn different_values_are_counted_where_the_path_exists() {
    let steps = |due: &str| {
        format!(
            "steps:\n  - repeat: 4\n    GET: /a\n    expect: {{status: any}}\n    expect_all: {{distinct: {{$.id: {due}}}}}\n"
        )
    };
    run(&counting(), &steps("all")).exits(0);
    run(&counting(), &steps("{gte: 2}")).exits(0);
    run(&counting(), &steps("1")).exits(1).says("expect_all.distinct.$.id");
    run(&one_wins(), &steps("1")).exits(0);
    let same = Scripted::start(|_, _| Reply::json(200, r#"{"id": "x"}"#));
    run(&same, &steps("all")).exits(1).says("actual: 1 (number)");
}

#[test]
fn a_share_that_passes_may_be_enough() {
    let server =
        || Scripted::start(|_, number| Reply::json(if number == 3 { 500 } else { 200 }, "{}"));
    let steps = |due: &str| {
        format!("steps:\n  - repeat: 10\n    GET: /a\n    expect_all: {{passed: {due}}}\n")
    };
    run(&server(), &steps("{gte: 90%}")).exits(0);
    run(&server(), &steps("9")).exits(0);
    run(&server(), &steps("{gte: 95%}")).exits(1).says("expected: gte 95").says("actual: 90");
    run(&server(), &steps("10")).exits(1);
    // Without it every sample has to pass.
    run(&server(), "steps:\n  - {repeat: 10, GET: /a}\n").exits(1).says("1 of 10 samples failed");
}

#[test]
fn a_budget_holds_for_every_sample() {
    let server = counting();
    run(&server, "steps:\n  - {repeat: 3, GET: /a, budget: 1h}\n").exits(0);
    let ran = run(&server, "steps:\n  - {repeat: 3, GET: /a, budget: 1us}\n  - GET: /b\n").exits(6);
    assert_eq!(ran.verdicts(), ["failed", "passed"]);
    ran.says("3 of 3 samples were over their budget");
}

#[test]
fn a_deadline_cuts_the_rest_short() {
    let server = Scripted::start(|_, number| match number {
        2 => Reply::Hang,
        _ => Reply::json(200, "{}"),
    });
    let ran = run(&server, "steps:\n  - {repeat: 50, deadline: 300ms, GET: /a}\n").exits(5);
    assert_eq!(ran.step(0)["code"], "step::deadline");
    assert_eq!(ran.step(0)["samples"]["counts"]["passed"], 2);
    assert_eq!(server.targets().len(), 3);
}

#[test]
fn a_refused_connection_is_an_error_of_its_samples() {
    let plan = "plan: P\nsteps:\n  - {repeat: 3, GET: \"http://127.0.0.1:1/\"}\n";
    let ran = Bench::plan(plan).run().exits(5);
    assert_eq!(ran.step(0)["samples"]["counts"]["errored"], 3);
    ran.says("3 of 3 samples could not be carried out");
}

#[test]
fn each_sample_may_be_tried_again() {
    let server =
        Scripted::start(|_, number| Reply::json(if number % 2 == 0 { 503 } else { 200 }, "{}"));
    let step = "{repeat: 3, GET: /a, retry: {times: 1, delay: 1ms, when: [503]}}";
    let ran = run(&server, &format!("steps:\n  - {step}\n")).exits(0);
    assert_eq!(server.targets().len(), 6);
    assert_eq!(ran.step(0)["flaky"], true);
    assert_eq!(ran.report["counts"]["requests"], 6);
}

#[test]
fn few_exchanges_are_kept_whole() {
    let server = Scripted::start(|_, number| Reply::json([200, 404, 500][number % 3], "{}"));
    let ran = run(&server, "steps:\n  - {repeat: 90, GET: /a}\n").exits(1);
    let attempts = ran.step(0)["attempts"].as_array().expect("attempts").len();
    assert!((3..=10).contains(&attempts), "{attempts}");
    assert_eq!(ran.step(0)["samples"]["statuses"], json!({"200": 30, "404": 30, "500": 30}));
}

#[test]
fn how_many_may_come_out_of_a_template() {
    let server = counting();
    run(
        &server,
        "vars: {n: 4}\nsteps:\n  - {repeat: \"${{ n }}\", concurrency: \"${{ n }}\", GET: /a}\n",
    )
    .exits(0);
    assert_eq!(server.targets().len(), 4);
    let none = "vars: {n: 0}\nsteps:\n  - {repeat: \"${{ n }}\", GET: /a}\n";
    run(&server, none).exits(5).says("0 samples would always pass");
}

#[test]
fn cases_and_samples_go_together() {
    let server = counting();
    let ran =
        run(&server, "steps:\n  - {rows: [a, b], repeat: 2, GET: \"/${{ case }}/${{ iter }}\"}\n")
            .exits(0);
    assert_eq!(server.targets(), ["GET /a/1", "GET /a/2", "GET /b/1", "GET /b/2"]);
    assert_eq!(ran.verdicts(), ["passed", "passed"]);
}

#[test]
fn what_cannot_be_of_many_samples_is_a_finding() {
    check("{repeat: 0, GET: /a}").exits(3).says("0 samples would always pass");
    check("{concurrency: 3, GET: /a}").exits(3).says("`concurrency` needs `repeat`");
    check("{start: together, GET: /a}").exits(3).says("`start` needs `repeat`");
    check("{repeat: 3, start: now, GET: /a}").exits(3).says("`now` is not `together`");
    check("{repeat: 1, start: together, GET: /a}").exits(3).says("one alone cannot start together");
    check("{repeat: 2, concurrency: 3, GET: /a}").exits(0).says("3 cannot run at once");
    check("{repeat: 2, start: together, GET: /a, retry: {times: 1}}")
        .exits(3)
        .says("`retry` and `start: together` exclude each other");
    check("{repeat: 2, GET: /a, poll: {every: 1s, for: 2s}}")
        .exits(3)
        .says("`poll` and `repeat` exclude each other");
    check("{repeat: 2, sleep: 1s}").exits(3).says("`repeat` belongs to a request");
    check("{repeat: 2, GET: /a, expect_all: {}}").exits(3).says("says nothing");
    check("{repeat: 2, GET: /a, expect_all: {outcomes: {a: 1}}}")
        .exits(3)
        .says("`outcomes` counts outcomes, and none is named");
    check("{repeat: 2, GET: /a, expect: {one_of: {made: {status: 201}}}, expect_all: {outcomes: {mode: 1}}}")
        .exits(3)
        .says("did you mean `made`?");
    check("{repeat: 2, GET: /a, expect_all: {statuses: {2x: 1}}}")
        .exits(3)
        .says("`2x` is no status");
    check("{repeat: 2, GET: /a, expect_all: {statuses: {200: rest, 404: rest}}}")
        .exits(3)
        .says("two classes take the rest");
    check("{repeat: 2, GET: /a, expect_all: {distinct: {\"$.a[\": 1}}}").exits(3);
    check("{repeat: 2, GET: /a, expect_all: {statuses: {200: 50%}}}")
        .exits(3)
        .says("only `passed` takes percent");
    check("{repeat: 2, GET: /a, expect_all: {passed: true}}")
        .exits(3)
        .says("a number, or operators");
    check("{repeat: 2, GET: /a, expect_all: {dropped: 1}}").exits(3).says("plan::not-yet");
}
