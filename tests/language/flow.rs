//! Which steps run, which do not and why; what is tried again; what ends in time.

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted, Seen};

fn run(server: &Scripted, before: &str, steps: &str) -> Ran {
    let plan = format!("plan: P\n{before}defaults: {{base_url: {}}}\n{steps}", server.url());
    Bench::plan(&plan).run()
}

/// Answers what the path says: `/status/404`.
fn told() -> Scripted {
    Scripted::start(|seen, _| Reply::json(status_of(seen), "{\"id\": 7, \"state\": \"new\"}"))
}

fn status_of(seen: &Seen) -> u16 {
    seen.path().strip_prefix("/status/").and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[test]
fn a_failure_stops_the_rest_unless_it_is_to_continue() {
    let server = told();
    let steps = "steps:\n  - {id: a, GET: /status/500}\n  - GET: /b\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "blocked"]);
    assert_eq!(ran.step(1)["reason"], json!({"blocked-by": "a"}), "{}", ran.step(1));
    assert_eq!(server.targets(), ["GET /status/500"]);

    let server = told();
    let steps = "steps:\n  - {id: a, GET: /status/500, on_failure: continue}\n  - GET: /b\n";
    assert_eq!(run(&server, "", steps).exits(1).verdicts(), ["failed", "passed"]);
    let server = told();
    let steps = "steps:\n  - {id: a, GET: /status/500}\n  - GET: /b\n";
    let ran = run(&server, "on_failure: continue\n", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "passed"]);
}

#[test]
fn a_step_is_blocked_by_the_step_that_is_to_blame_in_the_first_place() {
    let server = told();
    let steps = "on_failure: continue\nsteps:\n  - {id: a, GET: /status/500, capture: {x: $.id}}\n  - {id: b, GET: \"/b/${{ x }}\", capture: {y: $.id}}\n  - {id: c, GET: \"/c/${{ y }}\"}\n  - {id: d, needs: [c], GET: /d}\n  - {id: e, GET: /e, if: \"steps.d.status == 200\"}\n  - {id: f, GET: /f}\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "blocked", "blocked", "blocked", "blocked", "passed"]);
    for step in 1..5 {
        assert_eq!(ran.step(step)["reason"], json!({"blocked-by": "a"}), "{}", ran.step(step));
    }
    assert_eq!(server.targets(), ["GET /status/500", "GET /f"]);
}

#[test]
fn what_is_skipped_says_why() {
    let server = told();
    let steps = "steps:\n  - {GET: /a, skip: \"broken until May\"}\n  - {id: b, GET: /b, if: \"1 > 2 or not plan.name\"}\n  - {GET: /c, needs: [b], skip: \"skip comes before blocked\"}\n  - {GET: /d, needs: [b], if: false}\n  - {GET: /e, if: \"${{ 1 < 2 }}\"}\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(ran.verdicts(), ["skipped", "skipped", "skipped", "blocked", "passed"]);
    assert_eq!(ran.step(0)["reason"], json!({"skip": "broken until May"}));
    assert_eq!(ran.step(1)["reason"], json!({"if": "1 > 2 or not plan.name"}));
    assert_eq!(ran.step(3)["reason"], json!({"blocked-by": "b"}));
    assert_eq!(server.targets(), ["GET /e"]);
    ran.says("plan::never-runs");
}

#[test]
fn nothing_but_skipped_steps_is_exit_4() {
    let server = told();
    let ran = run(&server, "", "steps:\n  - {GET: /a, skip: later}\n").exits(4);
    assert_eq!(ran.report["plans"][0]["verdict"], "skipped");
    run(&server, "", "steps:\n  - {GET: /a, skip: later}\n  - GET: /b\n").exits(0);
}

#[test]
fn a_condition_must_be_a_boolean() {
    let server = told();
    let ran = run(&server, "vars: {n: 1}\n", "steps:\n  - {GET: /a, if: n}\n").exits(5);
    ran.says("`if` wants true or false");
    run(&server, "", "steps:\n  - {GET: /a, if: !n}\n").exits(3);
    assert!(server.targets().is_empty());
}

#[test]
fn a_failed_setup_blocks_and_cleanup_runs_all_the_same() {
    let server = told();
    let steps = "setup:\n  - {id: s, GET: /status/500, on_failure: continue}\nsteps:\n  - GET: /a\ncleanup:\n  - DELETE: /status/500\n  - DELETE: /c\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "blocked", "failed", "passed"]);
    assert_eq!(server.targets(), ["GET /status/500", "DELETE /status/500", "DELETE /c"]);
}

#[test]
fn cleanup_uses_what_was_captured_and_skips_what_was_never_made() {
    let server = told();
    let steps = "steps:\n  - {id: a, POST: /a, capture: {x: $.id}, expect: {$.state: old}}\n  - {id: b, POST: /b, capture: {y: $.id}}\ncleanup:\n  - DELETE: /x/${{ x }}\n  - {id: c, DELETE: \"/y/${{ y }}\"}\n  - {DELETE: /z, if: steps.b.sent}\n  - {DELETE: /w, if: \"steps.b.status == 200\"}\n  - {DELETE: /v, needs: [a]}\n  - DELETE: /u/${{ y | default('none') }}\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(
        ran.verdicts(),
        ["failed", "blocked", "passed", "skipped", "skipped", "skipped", "blocked", "passed"]
    );
    assert_eq!(ran.step(3)["reason"], json!({"nothing-to-clean-up": "y"}));
    assert_eq!(ran.step(4)["reason"], json!({"if": "steps.b.sent"}));
    assert_eq!(server.targets(), ["POST /a", "DELETE /x/7", "DELETE /u/none"]);
    ran.says("nothing to clean up");
}

#[test]
fn cleanup_ends_in_its_time() {
    let server = Scripted::start(|_, _| Reply::Hang);
    let steps = "cleanup_timeout: 100ms\nsteps:\n  - {assert: [1 == 1]}\ncleanup:\n  - DELETE: /a\n  - DELETE: /b\n";
    let ran = run(&server, "", steps).exits(5);
    assert_eq!(ran.verdicts(), ["passed", "errored", "errored"]);
    assert_eq!(ran.step(1)["code"], "step::deadline");
    let steps = "cleanup_timeout: 50ms\nsteps:\n  - {assert: [1 == 1]}\ncleanup:\n  - sleep: 20s\n";
    run(&server, "", steps).exits(5).says("cleanup_timeout");
    let steps = "steps:\n  - {assert: [1 == 1]}\ncleanup:\n  - sleep: 1ms\n";
    run(&server, "", steps).exits(0);
}

#[test]
fn a_plan_of_cleanup_alone_is_no_plan() {
    let server = told();
    run(&server, "", "cleanup:\n  - DELETE: /a\n").exits(3);
    assert!(server.targets().is_empty());
}

/// 503 for the first `count` requests, then 200.
fn better_after(count: usize) -> Scripted {
    Scripted::start(move |_, number| Reply::json(if number < count { 503 } else { 200 }, "{}"))
}

#[test]
fn retry_tries_again_and_a_late_pass_is_flaky() {
    let server = better_after(2);
    let steps = "steps:\n  - {GET: /a, retry: {times: 2, delay: 1ms}}\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(
        (ran.step(0)["flaky"].clone(), ran.step(0)["tries"].clone()),
        (json!(true), json!(3))
    );
    assert_eq!(ran.step(0)["attempts"].as_array().map(Vec::len), Some(3));
    let server = better_after(2);
    let steps = "steps:\n  - {GET: /a, retry: {times: 1, delay: 1ms}}\n";
    run(&server, "", steps).exits(1);
    assert_eq!(server.targets().len(), 2);
    let server = better_after(1);
    let steps = "steps:\n  - {GET: /a, retry: {times: 3, delay: 1ms, when: [429, transport]}}\n";
    run(&server, "", steps).exits(1);
    assert_eq!(server.targets().len(), 1);
}

#[test]
fn retry_of_the_defaults_leaves_post_alone() {
    for (method, count) in [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)] {
        let server = better_after(1);
        let plan = format!(
            "plan: P\ndefaults: {{base_url: {}, retry: {{times: 1, delay: 1ms}}}}\nsteps:\n  - {method}: /a\n",
            server.url()
        );
        Bench::plan(&plan).run().exits(i32::from(count == 1));
        assert_eq!(server.targets().len(), count, "{method}");
    }
    let server = better_after(1);
    run(&server, "", "steps:\n  - {POST: /a, retry: {times: 1, delay: 1ms}}\n").exits(0);
}

#[test]
fn retry_after_is_honoured_up_to_max_delay_and_a_bad_one_is_ignored() {
    for after in ["1000000000", "-5", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let server = Scripted::start(move |_, number| {
            Reply::json(if number == 0 { 429 } else { 200 }, "{}").with("Retry-After", after)
        });
        let steps = "steps:\n  - {GET: /a, retry: {times: 1, delay: 1ms, max_delay: 20ms}}\n";
        run(&server, "", steps).exits(0);
        assert_eq!(server.targets().len(), 2, "{after}");
    }
}

#[test]
fn a_lost_connection_is_tried_again_where_retry_says_so() {
    let server = || {
        Scripted::start(|_, number| if number == 0 { Reply::Close } else { Reply::json(200, "{}") })
    };
    let steps = "steps:\n  - {POST: /a, retry: {times: 1, delay: 1ms, when: [transport]}}\n";
    run(&server(), "", steps).exits(0);
    run(&server(), "", "steps:\n  - POST: /a\n").exits(5);
}

/// `{"state": …}`: new twice, then ready.
fn becomes_ready() -> Scripted {
    Scripted::start(|_, number| {
        let state = if number < 2 { "new" } else { "ready" };
        Reply::json(200, &format!("{{\"state\": \"{state}\"}}"))
    })
}

#[test]
fn poll_asks_until_it_holds() {
    let server = becomes_ready();
    let steps = "steps:\n  - {GET: /a, poll: {every: 1ms, for: 10s}, expect: {$.state: ready}}\n";
    let ran = run(&server, "", steps).exits(0);
    assert_eq!(
        (ran.step(0)["tries"].clone(), ran.step(0)["flaky"].clone()),
        (json!(3), json!(false))
    );
    assert_eq!(ran.step(0)["attempts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn poll_ends_by_times_by_time_and_by_what_it_gives_up_on() {
    let server = becomes_ready();
    let steps =
        "steps:\n  - {GET: /a, poll: {every: 1ms, for: 10s, times: 2}, expect: {$.state: ready}}\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(
        (ran.step(0)["tries"].clone(), ran.step(0)["code"].clone()),
        (json!(2), json!("step::poll"))
    );
    assert_eq!(ran.failures(0), ["$.state equals"]);

    let server = Scripted::ok();
    let steps = "steps:\n  - {GET: /a, poll: {every: 10ms, for: 60ms}, expect: {$.state: ready}}\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.step(0)["tries"], json!(server.targets().len()));

    let server = becomes_ready();
    let steps = "steps:\n  - {GET: /a, poll: {every: 1ms, for: 10s, give_up: {$.state: new}}, expect: {$.state: ready}}\n";
    run(&server, "", steps).exits(1).says("give_up");
    assert_eq!(server.targets().len(), 1);
}

#[test]
fn a_poll_that_hangs_at_last_reports_the_answer_before() {
    let server = Scripted::start(|_, number| {
        if number == 0 { Reply::json(200, "{\"state\": \"new\"}") } else { Reply::Hang }
    });
    let steps = "steps:\n  - {GET: /a, poll: {every: 1ms, for: 300ms}, expect: {$.state: ready}}\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.failures(0), ["$.state equals"]);
    assert_eq!(ran.step(0)["tries"], json!(2));
}

#[test]
fn a_poll_that_is_denied_ends_at_once_unless_that_is_expected() {
    for (status, expect, count) in [
        (401, "{status: 200}", 1),
        (403, "{status: 200}", 1),
        (403, "{status: [200, 401]}", 1),
        (403, "{status: {not: 403}}", 1),
        (401, "{status: [200, 401], $.x: 1}", 3),
        (404, "{status: 200}", 3),
    ] {
        let server = Scripted::start(move |_, _| Reply::json(status, "{}"));
        let steps = format!(
            "steps:\n  - {{GET: /a, poll: {{every: 1ms, for: 10s, times: 3}}, expect: {expect}}}\n"
        );
        run(&server, "", &steps).exits(1);
        assert_eq!(server.targets().len(), count, "{status} {expect}");
    }
}

#[test]
fn a_transport_error_is_not_yet() {
    let server =
        Scripted::start(|_, number| if number < 2 { Reply::Close } else { Reply::json(200, "{}") });
    run(&server, "", "steps:\n  - {POST: /a, poll: {every: 1ms, for: 10s}}\n").exits(0);
}

#[test]
fn deadlines_end_a_step_and_the_rest_of_a_plan() {
    let server = Scripted::start(|_, _| Reply::Hang);
    let steps =
        "steps:\n  - {GET: /a, deadline: 50ms, on_failure: continue}\n  - {assert: [1 == 1]}\n";
    let ran = run(&server, "", steps).exits(5);
    assert_eq!(ran.verdicts(), ["errored", "passed"]);
    ran.says("the step's deadline of 50 ms");
    let steps = "deadline: 50ms\non_failure: continue\nsteps:\n  - GET: /a\n  - {assert: [1 == 1]}\ncleanup:\n  - {assert: [1 == 1]}\n";
    let ran = run(&server, "", steps).exits(5);
    assert_eq!(ran.verdicts(), ["errored", "errored", "passed"]);
    ran.says("the plan's deadline of 50 ms");
    let steps = "steps:\n  - {GET: /a, timeout: 50ms}\n";
    let ran = run(&server, "", steps).exits(5);
    assert_eq!(ran.step(0)["code"], "transport::timeout");
}

#[test]
fn sleep_waits_and_its_length_may_be_a_template() {
    let server = told();
    let vars = "vars: {pause: 2ms, bad: \"${{ 2 + 3 }}\"}\n";
    run(&server, vars, "steps:\n  - sleep: ${{ pause }}\n").exits(0);
    run(&server, vars, "steps:\n  - sleep: ${{ bad }}\n").exits(5).says("not a duration");
    run(&server, "", "steps:\n  - sleep: 2\n").exits(3);
    // A value that stands in the plan is judged before anything is sent.
    let known = "steps:\n  - sleep: ${{ bad }}\n";
    run(&server, "vars: {bad: 5}\n", known).exits(3).says("`bad` does not fit here");
}

#[test]
fn assert_judges_what_earlier_steps_saw() {
    let server = told();
    let steps = "steps:\n  - {id: a, GET: /a, capture: {x: $.id}}\n  - assert: [x == 7, steps.a.status == 200, \"steps.a.json.state == 'new'\", steps.a.passed, not steps.a.failed]\n  - assert: [x == 8, x == 7, x]\n";
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "passed", "failed"]);
    assert_eq!(ran.failures(2), ["x == 8 equals", "x equals"]);
}

#[test]
fn fields_of_earlier_steps_are_there_as_far_as_they_are_looked_at() {
    let server = Scripted::start(|_, _| {
        Reply::json(201, "{\"a\": [1, {\"b\": \"c\"}]}").with("X-Two", "1").with("X-Two", "2")
    });
    let steps = "steps:\n  - {id: a, POST: /a, text: abc, expect: {one_of: {made: {status: 201}}}}\n  - assert: [\"steps.a.json.a[1].b == 'c'\", \"steps.a.text is containing 'b'\", \"steps.a.headers['x-two'] == '1, 2'\", steps.a.duration > 0, \"steps.a.outcome == 'made'\", \"steps.a.request_sha256 == ('abc' | sha256)\", \"steps.a.response_sha256 == (steps.a.text | sha256)\"]\n";
    let steps = steps.replace("\"steps.a.text is containing 'b'\", ", "\"'c' in steps.a.text\", ");
    run(&server, "", &steps).exits(0);
    let steps = "on_failure: continue\nsteps:\n  - {id: a, skip: later, GET: /a}\n  - assert: [\"steps.a.status | default(0) == 0\", not steps.a.sent]\n  - assert: [steps.a.status == 0]\n";
    assert_eq!(run(&server, "", steps).exits(0).verdicts(), ["skipped", "passed", "blocked"]);
    let steps = "steps:\n  - {id: a, GET: /a}\n  - assert: [steps.a.json.nope == 1]\n";
    run(&server, "", steps).exits(5).says("nope");
    let steps =
        "steps:\n  - {id: a, GET: /a}\n  - assert: [\"steps.a.json.nope | default(1) == 1\"]\n";
    run(&server, "", steps).exits(0);
    run(&server, "", "steps:\n  - {id: a, GET: /a}\n  - assert: [steps.a.stat == 1]\n").exits(3);
}

#[test]
fn budgets_judge_and_block_nothing() {
    let server = told();
    let steps =
        "steps:\n  - {id: a, GET: /a, budget: 1ns, capture: {x: $.id}}\n  - GET: /b/${{ x }}\n";
    let ran = run(&server, "", steps).exits(6);
    assert_eq!(ran.verdicts(), ["failed", "passed"]);
    assert_eq!(ran.step(0)["code"], "step::budget");
    let steps = "steps:\n  - {GET: /a, budget: {wait: 1ns, total: 1h}}\n";
    run(&server, "", steps).exits(6).says("wait");
    run(&server, "", "steps:\n  - {GET: /a, budget: {wait: 1h, total: 1h}}\n").exits(0);
    run(&server, "", "steps:\n  - {GET: /a, budget: {connect: 1h}, connection: fresh}\n").exits(0);
    run(&server, "", "steps:\n  - {GET: /a, budget: {connect: 1h}}\n").exits(3);
    run(&server, "", "steps:\n  - {GET: /a, budget: {ttfb: 1h}}\n").exits(3).says("wait");
    run(&server, "", "steps:\n  - {GET: /a, warn: {budget: 1ns}}\n").exits(0);
    run(&server, "budget: 1ns\n", "steps:\n  - GET: /a\n  - GET: /b\n").exits(6);
    run(&server, "budget: 1h\n", "steps:\n  - GET: /a\n").exits(0);
    let steps = "steps:\n  - {GET: /a, budget: 1ns, expect: {status: 404}}\n";
    run(&server, "", steps).exits(1);
    let vars = "vars: {most: 1ns}\n";
    run(&server, vars, "steps:\n  - {GET: /a, budget: \"${{ most }}\"}\n").exits(6);
}

/// A port on which nothing listens any more.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    format!("http://{address}")
}

#[test]
fn cleanup_knows_whether_anything_went_out() {
    let cleanup = "cleanup:\n  - {GET: /b, if: steps.a.sent}\n";
    let server = told();
    let refused = format!("steps:\n  - {{id: a, GET: \"{}/x\"}}\n{cleanup}", closed());
    assert_eq!(run(&server, "", &refused).exits(5).verdicts(), ["errored", "skipped"]);
    assert!(server.targets().is_empty(), "{:?}", server.targets());

    let server = told();
    let answered = format!("steps:\n  - {{id: a, GET: /status/500}}\n{cleanup}");
    assert_eq!(run(&server, "", &answered).exits(1).verdicts(), ["failed", "passed"]);
}

#[test]
fn needs_blocks_in_cleanup_too() {
    let plan = |status: u16| {
        format!(
            "steps:\n  - {{id: a, GET: /status/{status}}}\ncleanup:\n  - {{GET: /b, needs: [a]}}\n"
        )
    };
    let server = told();
    let ran = run(&server, "", &plan(500)).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "blocked"]);
    assert_eq!(ran.step(1)["reason"], json!({"blocked-by": "a"}));
    assert_eq!(run(&server, "", &plan(200)).exits(0).verdicts(), ["passed", "passed"]);
}

#[test]
fn a_field_that_a_step_can_never_have_is_found_beforehand() {
    let server = told();
    for (field, has) in [("outcome", "names no outcomes"), ("request_sha256", "sends no body")] {
        let steps =
            format!("steps:\n  - {{id: a, GET: /a}}\n  - GET: /b/${{{{ steps.a.{field} }}}}\n");
        let ran = run(&server, "", &steps).exits(3);
        assert!(ran.said.contains(has), "{}", ran.said);
    }
    let slept = "steps:\n  - {id: a, sleep: 1ms}\n  - GET: /b/${{ steps.a.status }}\n";
    let ran = run(&server, "", slept).exits(3);
    assert!(ran.said.contains("sends no request"), "{}", ran.said);
    assert!(server.targets().is_empty());
    let known = "steps:\n  - {id: a, sleep: 1ms}\n  - {GET: /b, if: steps.a.passed}\n";
    assert_eq!(run(&server, "", known).exits(0).verdicts(), ["passed", "passed"]);
}

#[test]
fn words_may_come_out_of_templates_and_wrong_ones_are_marked() {
    let server = told();
    let vars = "vars: {go: continue, no: halt}\n";
    let after = "  - GET: /after\n";
    let failing = "    expect: {status: 404, $.a: {present: true}}\n";
    let steps = format!("steps:\n  - GET: /a\n    on_failure: ${{{{ go }}}}\n{failing}{after}");
    assert_eq!(run(&server, vars, &steps).exits(1).verdicts(), ["failed", "passed"]);
    let of_case = format!(
        "steps:\n  - GET: /a\n    rows: [{{word: stop}}]\n    on_failure: ${{{{ case.word }}}}\n{failing}{after}"
    );
    assert_eq!(run(&server, "", &of_case).exits(1).verdicts(), ["failed", "blocked"]);
    let of_plan = format!("on_failure: ${{{{ go }}}}\nsteps:\n  - GET: /a\n{failing}{after}");
    assert_eq!(run(&server, vars, &of_plan).exits(1).verdicts(), ["failed", "passed"]);
    let wrong = "steps:\n  - GET: /a\n    on_failure: ${{ no }}\n";
    run(&server, vars, wrong).exits(3).says("`halt` is not `stop` or `continue`");
    let late = "steps:\n  - GET: /a\n    on_failure: \"${{ 'ha' ~ 'lt' }}\"\n";
    run(&server, "", late).exits(5).says("`halt` is not `stop` or `continue`");
    let fresh = "steps:\n  - GET: /a\n    connection: ${{ c }}\n    budget: {connect: 9s}\n";
    run(&server, "vars: {c: fresh}\n", fresh).exits(0);
    run(&server, "vars: {c: frsh}\n", fresh).exits(3).says("`frsh` is not `reuse` or `fresh`");
}
