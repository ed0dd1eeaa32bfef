//! `include`: a plan as a step of another, what it is given, what it leaves, and when it cleans up.

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted, Seen};

/// Answers what the path says (`/status/404`); `/login` gives a token and a cookie.
fn told() -> Scripted {
    Scripted::start(|seen, _| match seen.path() {
        "/login" => Reply::json(200, "{\"token\": \"t0ken-of-ada\"}")
            .with("Set-Cookie", "session=s1; Path=/"),
        "/hang" => Reply::Hang,
        _ => Reply::json(status_of(seen), "{\"id\": 7}"),
    })
}

fn status_of(seen: &Seen) -> u16 {
    let path = seen.path().strip_prefix("/status/");
    path.and_then(|rest| rest.split('/').next()?.parse().ok()).unwrap_or(200)
}

/// A project with `plan.yaml` and some plans to include, all on one server.
fn bench(server: &Scripted, steps: &str, flows: &[(&str, &str)]) -> Bench {
    let plan = format!("plan: P\ndefaults: {{base_url: \"${{{{ env.url }}}}\"}}\n{steps}");
    let environment = format!("environment: here\nvars: {{url: {}}}\n", server.url());
    let bench = Bench::plan(&plan).environment("here", &environment);
    flows.iter().fold(bench, |bench, (path, text)| bench.file(path, text))
}

fn run(server: &Scripted, steps: &str, flows: &[(&str, &str)]) -> Ran {
    bench(server, steps, flows).run()
}

fn check(steps: &str, flows: &[(&str, &str)]) -> Ran {
    bench(&told(), steps, flows).check()
}

/// A plan that is only for including, with its requests on the server.
fn flow(rest: &str) -> String {
    format!(
        "plan: Flow\ninclude_only: true\ndefaults: {{base_url: \"${{{{ env.url }}}}\"}}\n{rest}"
    )
}

#[test]
fn an_included_plan_takes_its_inputs_and_leaves_what_is_exported() {
    let server = told();
    let login = flow(
        "inputs: [user]\nvars: {path: login, greeting: \"hello ${{ user }}\"}\nsteps:\n  - POST: /${{ path }}\n    json: {user: \"${{ user }}\", count: \"${{ greeting }}\"}\n    capture: {token: $.token, status: status}\n",
    );
    let steps = "steps:\n  - id: login\n    include: flows/login.yaml\n    with: {user: ada}\n    export: [token, greeting]\n  - GET: /then/${{ token | length }}/${{ greeting }}\n    if: steps.login.passed and steps.login.sent\n";
    let ran = run(&server, steps, &[("flows/login.yaml", &login)]).exits(0);
    assert_eq!(ran.verdicts(), ["passed"; 3]);
    assert_eq!(server.targets(), ["POST /login", "GET /then/12/hello%20ada"]);
    let sent: serde_json::Value = serde_json::from_str(&server.log()[0].body).expect("JSON");
    assert_eq!(sent, json!({"user": "ada", "count": "hello ada"}));
    // The line itself is no step; the steps inside are, at their own place.
    assert_eq!(ran.report["counts"]["steps"]["passed"], 2, "{}", ran.said);
    assert_eq!(ran.step(0)["kind"], "include");
    assert_eq!(ran.step(0)["name"], "include flows/login.yaml");
    assert_eq!(ran.step(1)["at"], json!({"path": "flows/login.yaml", "line": 7, "column": 5}));
    assert_eq!(ran.step(1)["within"], json!([0]));
    assert_eq!(
        ran.step(1)["included_from"],
        json!([{"path": "plan.yaml", "line": 4, "column": 5}])
    );
    ran.says("    ✓ POST /${{ path }}").says("passed: 2 steps");
}

#[test]
fn types_travel_into_an_included_plan_and_out_of_it() {
    let server = told();
    let inner = flow(
        "inputs: [list]\nvars: {n: 1, text: a}\nsteps:\n  - POST: /x\n    json: {list: \"${{ list }}\", n: \"${{ n }}\", text: \"${{ text }}\"}\n    capture: {id: $.id}\n",
    );
    let steps = "vars: {five: 5}\nsteps:\n  - include: x.yaml\n    with: {list: [1, {a: true}], n: \"${{ five }}\", text: \"${{ omit }}\"}\n    export: [id]\n  - assert: [id == 7, id + 1 == 8]\n";
    run(&server, steps, &[("x.yaml", &inner)]).exits(0);
    let sent: serde_json::Value = serde_json::from_str(&server.only().body).expect("JSON");
    // What is left out keeps its own value.
    assert_eq!(sent, json!({"list": [1, {"a": true}], "n": 5, "text": "a"}));

    let steps = "steps:\n  - include: x.yaml\n    with: {list: \"${{ omit }}\"}\n";
    run(&told(), steps, &[("x.yaml", &inner)])
        .exits(5)
        .says("the input `list` was left out: its value is `omit`");
}

#[test]
fn names_of_an_included_plan_and_of_the_one_that_includes_it_are_apart() {
    let inner = flow("steps:\n  - {id: a, GET: /a, capture: {x: $.id}}\n");
    let with = |steps: &str| check(steps, &[("x.yaml", &inner)]);
    with("steps:\n  - include: x.yaml\n  - GET: /${{ x }}\n").exits(3).says("undefined name `x`");
    with("steps:\n  - include: x.yaml\n  - {GET: /b, needs: [a]}\n")
        .exits(3)
        .says("unknown step `a`");
    with("steps:\n  - {include: x.yaml, export: [x]}\n  - GET: /${{ x }}\n").exits(0);
    // One id and one name in both is no conflict.
    with("vars: {x: 1}\nsteps:\n  - {id: a, GET: \"/${{ x }}\"}\n  - include: x.yaml\n").exits(0);

    let nosy = flow("steps:\n  - GET: /${{ outer }}/${{ case.n }}\n");
    check(
        "vars: {outer: 1}\nsteps:\n  - {include: x.yaml, rows: [{n: 1}]}\n  - GET: /${{ outer }}\n",
        &[("x.yaml", &nosy)],
    )
    .exits(3)
    .says("undefined name `outer`")
    .says("undefined name `case`");
}

#[test]
fn variables_of_an_included_plan_are_evaluated_once_for_each_inclusion() {
    let server = told();
    let inner = flow(
        "vars: {word: \"${{ unique }}\", id: \"${{ uuid() }}\"}\nsteps:\n  - GET: /1/${{ word }}/${{ id }}\n  - GET: /2/${{ word }}/${{ id }}\n",
    );
    let steps = "steps:\n  - include: x.yaml\n  - include: x.yaml\n";
    run(&server, steps, &[("x.yaml", &inner)]).exits(0);
    let paths: Vec<String> = server.log().iter().map(|seen| seen.path()[3..].to_owned()).collect();
    assert_eq!(paths[0], paths[1]);
    assert_eq!(paths[2], paths[3]);
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (parts(&paths[0]), parts(&paths[2]));
    assert!(one[0] != two[0] && one[1] != two[1], "{paths:?}");
}

#[test]
fn random_values_inside_follow_the_seed_and_differ_between_cases() {
    let inner =
        flow("steps:\n  - {GET: \"/${{ case }}/${{ random_int(0, 1000000000) }}\", rows: [a]}\n");
    let steps = "rows: [{n: 1}, {n: 2}]\nsteps:\n  - include: x.yaml\n";
    let once = || {
        let server = told();
        bench(&server, steps, &[("x.yaml", &inner)]).with(&["--seed", "7"]).run().exits(0);
        let mut targets = server.targets();
        targets.sort();
        targets
    };
    let first = once();
    assert_ne!(first[0], first[1]);
    assert_eq!(first, once());
}

#[test]
fn an_included_plan_shares_the_environment_and_the_cookies_and_not_the_defaults() {
    let server = told();
    let inner = flow("steps:\n  - GET: /login\n");
    let steps = "steps:\n  - include: x.yaml\n  - GET: /then\n";
    run(&server, steps, &[("x.yaml", &inner)]).exits(0);
    assert_eq!(server.log()[1].header("cookie"), Some("session=s1"));

    let own = "plan: X\ninclude_only: true\nsteps:\n  - GET: ${{ env.url }}/own\n";
    let plan = "plan: P\ndefaults: {headers: {X-Mine: 1}, base_url: \"${{ env.url }}\"}\nsteps:\n  - include: x.yaml\n  - GET: /mine\n";
    let server = told();
    let environment = format!("environment: here\nvars: {{url: {}}}\n", server.url());
    Bench::plan(plan).file("x.yaml", own).environment("here", &environment).run().exits(0);
    assert_eq!(server.log()[0].header("x-mine"), None);
    assert_eq!(server.log()[1].header("x-mine"), Some("1"));
    check("steps:\n  - include: x.yaml\n", &[("x.yaml", "plan: X\nsteps:\n  - GET: /a\n")])
        .exits(3)
        .says("plan::no-base-url");
}

#[test]
fn a_failure_inside_is_shown_at_its_own_place_with_the_lines_that_include_it() {
    let server = told();
    let outer = flow("steps:\n  - include: inner.yaml\n");
    let inner = flow("steps:\n  - name: Broken\n    GET: /status/500\n  - GET: /never\n");
    let steps = "steps:\n  - {id: all, include: flows/outer.yaml}\n  - GET: /c\n";
    let ran = run(&server, steps, &[("flows/outer.yaml", &outer), ("flows/inner.yaml", &inner)]);
    let ran = ran.exits(1);
    assert_eq!(
        ran.verdicts(),
        ["failed", "failed", "failed", "blocked", "blocked"],
        "{}",
        ran.said
    );
    assert_eq!(ran.step(4)["reason"], json!({"blocked-by": "all"}));
    assert_eq!(ran.report["counts"]["steps"]["failed"], 1, "{}", ran.said);
    assert_eq!(ran.said.matches("failed[").count(), 1, "{}", ran.said);
    ran.says("failed[step::assertion] flows/inner.yaml:5:5")
        .says("from   flows/outer.yaml:5:5 · plan.yaml:4:6")
        .says("again  planrun plan.yaml --step all -e here");
}

#[test]
fn what_an_include_exports_blocks_those_that_need_it_where_it_did_not_pass() {
    let server = told();
    let inner = flow("steps:\n  - {GET: /a, capture: {x: $.id}}\n  - GET: /status/500\n");
    let steps = "on_failure: continue\nsteps:\n  - {id: i, include: x.yaml, export: [x]}\n  - GET: /b/${{ x }}\n  - GET: /c\ncleanup:\n  - DELETE: /d/${{ x }}\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(
        ran.verdicts(),
        ["failed", "passed", "failed", "blocked", "passed", "passed"],
        "{}",
        ran.said
    );
    // Cleanup has every capture that was made.
    assert_eq!(server.targets()[3], "DELETE /d/7");
}

#[test]
fn an_export_that_is_missing_after_a_pass_fails_the_include() {
    let server = told();
    let inner =
        flow("vars: {on: false}\nsteps:\n  - {GET: /a, if: on, capture: {x: $.id}}\n  - GET: /b\n");
    let steps = |on: &str| {
        format!(
            "steps:\n  - include: x.yaml\n    with: {{on: {on}}}\n    export: [x]\n  - GET: /c/${{{{ x }}}}\n"
        )
    };
    let ran = run(&server, &steps("false"), &[("x.yaml", &inner)]).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "skipped", "passed", "blocked"]);
    assert_eq!(ran.step(0)["code"], "step::export");
    // Now the line has a fault of its own, and counts.
    assert_eq!(ran.report["counts"]["steps"]["failed"], 1, "{}", ran.said);
    ran.says("failed[step::export] plan.yaml:4:5")
        .says("the included plan passed and left no `x`")
        .says("plan.yaml:6:14");
    run(&told(), &steps("true"), &[("x.yaml", &inner)]).exits(0);
}

#[test]
fn cleanup_of_included_plans_comes_after_the_own_one_the_last_first() {
    let server = told();
    let inner = flow(
        "inputs: [n]\nsteps:\n  - GET: /step/${{ n }}\n  - include: deep.yaml\n    with: {n: \"${{ n }}\"}\ncleanup:\n  - DELETE: /inner/${{ n }}\n",
    );
    let deep = flow(
        "inputs: [n]\nsteps:\n  - GET: /deep/${{ n }}\ncleanup:\n  - DELETE: /deep/${{ n }}\n",
    );
    let flows = [("x.yaml", inner.as_str()), ("deep.yaml", &deep)];
    let steps = "steps:\n  - {include: x.yaml, with: {n: 1}}\n  - {name: Two, include: x.yaml, with: {n: 2}}\n  - GET: /own\ncleanup:\n  - DELETE: /own\n";
    let ran = run(&server, steps, &flows).exits(0);
    assert_eq!(
        server.targets(),
        [
            "GET /step/1",
            "GET /deep/1",
            "GET /step/2",
            "GET /deep/2",
            "GET /own",
            "DELETE /own",
            "DELETE /inner/2",
            "DELETE /deep/2",
            "DELETE /inner/1",
            "DELETE /deep/1",
        ]
    );
    let cleanup: Vec<_> = (9..16)
        .map(|step| (ran.step(step)["section"].clone(), ran.step(step)["within"].clone()))
        .collect();
    assert!(cleanup.iter().all(|(section, _)| *section == "cleanup"), "{cleanup:?}");
    let within: Vec<_> = cleanup.into_iter().map(|(_, within)| within).collect();
    assert_eq!(json!(within), json!([[], [], [1], [1], [1, 1], [], [2]]));
    assert_eq!(ran.step(10)["name"], "Two");
    assert_eq!(ran.step(11)["included_from"][0]["line"], 5);
    ran.says("passed: 10 steps");
}

#[test]
fn cleanup_of_an_included_plan_runs_also_after_a_failure_inside_and_outside() {
    let inner = flow(
        "steps:\n  - {GET: /made, capture: {x: $.id}}\n  - GET: /status/500\ncleanup:\n  - DELETE: /inner/${{ x }}\n  - DELETE: /inner/more\n",
    );
    let server = told();
    let ran = run(&server, "steps:\n  - include: x.yaml\n", &[("x.yaml", &inner)]).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "passed", "failed", "passed", "passed", "passed"]);
    assert_eq!(
        server.targets(),
        ["GET /made", "GET /status/500", "DELETE /inner/7", "DELETE /inner/more"]
    );

    // What was never made is not cleaned up; a plan that never began cleans nothing up.
    let inner = flow(
        "steps:\n  - GET: /status/500\n  - {GET: /made, capture: {x: $.id}}\ncleanup:\n  - DELETE: /inner/${{ x }}\n",
    );
    let server = told();
    let steps = "steps:\n  - include: x.yaml\n  - include: x.yaml\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(
        ran.verdicts(),
        ["failed", "failed", "blocked", "blocked", "skipped", "skipped"],
        "{}",
        ran.said
    );
    assert_eq!(server.targets(), ["GET /status/500"]);

    // A cleanup that fails fails the run, and stops no other.
    let inner = flow(
        "inputs: [status]\nsteps:\n  - GET: /a\ncleanup:\n  - DELETE: /status/${{ status }}\n",
    );
    let server = told();
    let steps = "steps:\n  - {include: x.yaml, with: {status: 200}}\n  - {include: x.yaml, with: {status: 500}}\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(server.targets()[2..], ["DELETE /status/500", "DELETE /status/200"]);
    assert_eq!(ran.report["plans"][0]["verdict"], "failed");
    ran.says("failed[step::assertion] x.yaml:8:5").says("from   plan.yaml:5:6");
}

#[test]
fn setup_of_an_included_plan_runs_first_and_its_failure_blocks_its_steps() {
    let server = told();
    let inner = flow(
        "inputs: [status]\nsetup:\n  - GET: /status/${{ status }}/setup\nsteps:\n  - GET: /step\n",
    );
    let steps = |status: u16| {
        format!(
            "setup:\n  - {{include: x.yaml, with: {{status: {status}}}}}\nsteps:\n  - GET: /own\n"
        )
    };
    let ran = run(&server, &steps(200), &[("x.yaml", &inner)]).exits(0);
    assert_eq!(server.targets(), ["GET /status/200/setup", "GET /step", "GET /own"]);
    let sections: Vec<_> = (0..4).map(|step| ran.step(step)["section"].clone()).collect();
    assert_eq!(json!(sections), json!(["setup", "setup", "setup", "steps"]));
    let ran = run(&told(), &steps(500), &[("x.yaml", &inner)]).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed", "blocked", "blocked"]);
}

#[test]
fn an_include_in_cleanup_runs_whatever_happened() {
    let server = told();
    let inner = flow("steps:\n  - DELETE: /x\ncleanup:\n  - DELETE: /y\n");
    let steps = "steps:\n  - GET: /status/500\ncleanup:\n  - include: x.yaml\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(server.targets(), ["GET /status/500", "DELETE /x", "DELETE /y"]);
    let sections: Vec<_> = (1..5).map(|step| ran.step(step)["section"].clone()).collect();
    assert_eq!(json!(sections), json!(vec!["cleanup"; 4]));
}

#[test]
fn an_include_is_skipped_blocked_and_conditional_like_any_step() {
    let inner = flow("steps:\n  - {GET: /x, capture: {x: $.id}}\n");
    let server = told();
    let steps = "on_failure: continue\nsteps:\n  - {include: x.yaml, if: 1 > 2, export: [x]}\n  - {include: x.yaml, skip: later}\n  - {id: bad, GET: /status/500}\n  - {include: x.yaml, needs: [bad]}\n  - GET: /y/${{ x }}\n  - {include: x.yaml, if: steps.bad.failed}\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(
        ran.verdicts(),
        ["skipped", "skipped", "failed", "blocked", "blocked", "passed", "passed"],
        "{}",
        ran.said
    );
    assert_eq!(server.targets(), ["GET /status/500", "GET /x"]);
}

#[test]
fn on_failure_of_the_include_decides_what_follows_and_its_plan_what_happens_inside() {
    let inner = flow("on_failure: continue\nsteps:\n  - GET: /status/500\n  - GET: /inside\n");
    let server = told();
    let steps = "steps:\n  - {include: x.yaml, on_failure: continue}\n  - include: x.yaml\n  - GET: /never\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(
        server.targets(),
        ["GET /status/500", "GET /inside", "GET /status/500", "GET /inside"]
    );
    assert_eq!(ran.verdicts().last(), Some(&"blocked"));
}

#[test]
fn an_include_has_cases_and_its_exports_become_lists() {
    let server = Scripted::start(|seen, _| {
        let id = seen.path().rsplit('/').next().unwrap_or_default();
        Reply::json(200, &format!("{{\"id\": \"{id}\"}}"))
    });
    let inner = flow(
        "inputs: [n]\nsteps:\n  - {GET: \"/get/${{ n }}\", capture: {x: $.id}}\ncleanup:\n  - DELETE: /${{ x }}\n",
    );
    let steps = "steps:\n  - include: x.yaml\n    rows: [{n: k}, {n: q}]\n    with: {n: \"${{ case.n }}\"}\n    export: [x]\n  - assert: [\"x == ['k', 'q']\"]\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(0);
    assert_eq!(server.targets(), ["GET /get/k", "GET /get/q", "DELETE /q", "DELETE /k"]);
    assert_eq!(ran.step(2)["case"], "q");
    assert_eq!(ran.step(3)["within"], json!([0, 1]));
    ran.says("include x.yaml [k]").says("passed: 5 steps");
}

#[test]
fn includes_run_at_once_and_one_of_several_is_taken() {
    let server = told();
    let inner = flow(
        "inputs: [p]\nsteps:\n  - {GET: \"/status/${{ p }}/a\", capture: {x: $.id}}\ncleanup:\n  - DELETE: /${{ p }}\n",
    );
    let flows = [("x.yaml", inner.as_str())];
    let steps = "steps:\n  - parallel:\n    - {include: x.yaml, with: {p: 200}, export: [x]}\n    - {include: x.yaml, with: {p: 201}}\n  - GET: /then/${{ x }}\n";
    let ran = run(&server, steps, &flows).exits(0);
    assert_eq!(server.targets()[2..], ["GET /then/7", "DELETE /201", "DELETE /200"]);
    assert_eq!(ran.step(2)["within"], json!([0, 0]));

    let server = told();
    let steps = "steps:\n  - first_of:\n    - {include: x.yaml, with: {p: 404}, export: [x]}\n    - {include: x.yaml, with: {p: 200}, export: [x]}\n  - GET: /then/${{ x }}\n";
    let ran = run(&server, steps, &flows).exits(0);
    assert_eq!(ran.step(2)["tentative"], true);
    assert_eq!(ran.report["counts"]["steps"]["failed"], 0, "{}", ran.said);
    // Both began, so both clean up.
    assert_eq!(server.targets()[2..], ["GET /then/7", "DELETE /200", "DELETE /404"]);
}

#[test]
fn an_include_ends_at_its_deadline_and_at_that_of_its_plan() {
    let inner = flow("steps:\n  - GET: /hang\n  - GET: /b\ncleanup:\n  - DELETE: /x\n");
    let server = told();
    let steps = "steps:\n  - {include: x.yaml, deadline: 200ms}\n";
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(5);
    assert_eq!(ran.verdicts(), ["errored", "errored", "errored", "passed", "passed"]);
    assert_eq!(server.targets(), ["GET /hang", "DELETE /x"]);
    ran.says("the step's deadline of 200 ms came first");
    let inner = flow("deadline: 200ms\nsteps:\n  - GET: /hang\n");
    run(&told(), "steps:\n  - include: x.yaml\n", &[("x.yaml", &inner)])
        .exits(5)
        .says("the plan's deadline of 200 ms came first");
}

#[test]
fn an_include_has_a_budget_and_its_plan_has_one_too() {
    let inner = flow("steps:\n  - GET: /a\n");
    let steps = "steps:\n  - {include: x.yaml, budget: 1us}\n  - GET: /b\n";
    let ran = run(&told(), steps, &[("x.yaml", &inner)]).exits(6);
    assert_eq!(ran.verdicts(), ["failed", "passed", "passed"]);
    ran.says("failed[step::budget] plan.yaml:4:6");
    run(&told(), "steps:\n  - {include: x.yaml, budget: 1h}\n", &[("x.yaml", &inner)]).exits(0);

    let inner = flow("budget: 1us\nsteps:\n  - GET: /a\n");
    let ran = run(&told(), "steps:\n  - include: x.yaml\n  - GET: /b\n", &[("x.yaml", &inner)]);
    let ran = ran.exits(6);
    assert_eq!(ran.verdicts(), ["failed", "passed", "passed"]);
    ran.says("x.yaml:4:9");
    let inner = flow("steps:\n  - {GET: /a, budget: 1us}\n");
    let ran = run(&told(), "steps:\n  - include: x.yaml\n  - GET: /b\n", &[("x.yaml", &inner)]);
    assert_eq!(ran.exits(6).verdicts(), ["failed", "failed", "passed"]);
}

#[test]
fn an_included_plan_uses_the_secrets_that_it_declares() {
    let inner = flow(
        "secrets:\n  key: {matches: ^k}\nsteps:\n  - {GET: /a, auth: {bearer: \"${{ secrets.key }}\"}, capture: {x: $.id}}\n",
    );
    let steps = "steps:\n  - include: x.yaml\n";
    let server = told();
    let with = |value: Option<&str>| {
        let bench = bench(&server, steps, &[("x.yaml", &inner)]);
        match value {
            Some(value) => bench.variable("KEY", value).run(),
            None => bench.run(),
        }
    };
    with(Some("key-of-ada")).exits(0);
    assert_eq!(server.only().header("authorization"), Some("Bearer key-of-ada"));
    with(None).exits(3).says("the secret `key` is missing").says("needed by `GET /a`");
    let ran = with(Some("wrong-value-1")).exits(3).says("secret::malformed");
    assert!(!ran.said.contains("wrong-value-1"), "{}", ran.said);
    assert_eq!(server.log().len(), 1);

    // A declaration of the plan outside is used too, and both are one.
    let both = "secrets: {key: {}}\nsteps:\n  - include: x.yaml\n";
    let ran = bench(&told(), both, &[("x.yaml", &inner)]).check().exits(0);
    assert!(!ran.said.contains("plan::unused"), "{}", ran.said);
    let undeclared = flow("steps:\n  - GET: /${{ secrets.key }}\n");
    check(both, &[("x.yaml", &undeclared)])
        .exits(3)
        .says("the secret `key` is not declared in this plan");
}

#[test]
fn a_secret_that_travels_by_with_and_export_stays_one() {
    let inner = flow(
        "inputs: [key]\nsteps:\n  - {POST: /echo, json: {a: \"${{ key }}\"}}\n  - {GET: /login, capture: {token: {json: $.token, secret: true}}}\n",
    );
    let steps = "secrets: {key: {}}\nsteps:\n  - {include: x.yaml, with: {key: \"${{ secrets.key }}\"}, export: [token]}\n  - GET: /status/404/${{ token }}\n";
    let server = told();
    let ran = bench(&server, steps, &[("x.yaml", &inner)])
        .variable("KEY", "val-of-the-key")
        .with(&["-v"])
        .run()
        .exits(1);
    assert!(server.log()[0].body.contains("val-of-the-key"));
    assert!(server.targets()[2].ends_with("/t0ken-of-ada"));
    let all = format!("{}{}", ran.said, ran.report);
    assert!(!all.contains("val-of-the-key") && !all.contains("t0ken-of-ada"), "{all}");
}

#[test]
fn a_url_out_of_a_response_stays_one_on_its_way_through_plans() {
    let foreign = Scripted::ok();
    let url = foreign.url();
    let server = Scripted::start(move |_, _| Reply::json(200, &format!("{{\"url\": \"{url}\"}}")));
    let direct = flow("inputs: [to]\nsteps:\n  - GET: ${{ to }}/x\n");
    let by_variable =
        flow("inputs: [to]\nvars: {there: \"${{ to }}/deep\"}\nsteps:\n  - GET: ${{ there }}\n");
    let deeper = flow("inputs: [to]\nsteps:\n  - {include: x.yaml, with: {to: \"${{ to }}\"}}\n");
    let flows = [("x.yaml", direct.as_str()), ("y.yaml", &by_variable), ("z.yaml", &deeper)];
    for file in ["x.yaml", "y.yaml", "z.yaml"] {
        let steps = format!(
            "steps:\n  - {{GET: /a, capture: {{to: $.url}}}}\n  - {{include: {file}, with: {{to: \"${{{{ to }}}}\"}}}}\n"
        );
        run(&server, &steps, &flows).exits(5).says("transport::origin");
    }
    // What the plan itself says may be asked, and so may what a response says of an allowed place.
    let steps = format!("steps:\n  - {{include: y.yaml, with: {{to: \"{}\"}}}}\n", foreign.url());
    run(&server, &steps, &flows).exits(0);
    assert_eq!(foreign.targets(), ["GET /deep"]);
    let inside = flow("steps:\n  - {GET: /a, capture: {to: $.url}}\n");
    let steps = "steps:\n  - {include: w.yaml, export: [to]}\n  - GET: ${{ to }}/y\n";
    run(&server, steps, &[("w.yaml", &inside)]).exits(5).says("transport::origin");
    let steps = "steps:\n  - {GET: /a, capture: {to: $.url}}\n  - {GET: \"${{ case }}/z\", rows: \"${{ [to] }}\"}\n";
    run(&server, steps, &[]).exits(5).says("transport::origin");
    assert_eq!(foreign.log().len(), 1);
}

#[test]
fn hints_of_an_included_plan_are_for_its_steps() {
    let inner = flow(
        "hints:\n  - {when: {status: 500}, cause: The inner one knows}\nsteps:\n  - GET: /status/500\n",
    );
    let steps = "hints:\n  - {when: {status: 500}, cause: The outer one knows}\non_failure: continue\nsteps:\n  - include: x.yaml\n  - GET: /status/500\n";
    let ran = run(&told(), steps, &[("x.yaml", &inner)]).exits(1);
    let (inner, outer) = ran.said.split_once("failed[step::assertion] plan.yaml").expect("both");
    assert!(inner.contains("The inner one knows") && !inner.contains("The outer"), "{inner}");
    assert!(outer.contains("The outer one knows") && !outer.contains("The inner"), "{outer}");
}

#[test]
fn a_plan_for_including_is_passed_over_in_a_folder_and_refused_without_its_inputs() {
    let login = flow("inputs: [user]\nsteps:\n  - GET: /${{ user }}\n");
    let server = told();
    let bench = bench(&server, "steps:\n  - GET: /a\n", &[("flows/login.yaml", &login)]);
    bench.on(&["."]).exits(0);
    assert_eq!(server.targets(), ["GET /a"]);
    bench.on(&["flows/login.yaml"]).exits(3).says("the input `user` is not given");
    bench.on(&["flows/login.yaml", "--var", "user=bob"]).exits(0);
    assert_eq!(server.targets()[1], "GET /bob");
    bench.on(&["flows"]).exits(4);
}

#[test]
fn a_text_that_is_included_often_is_told_once_before_it_is_needed() {
    let inner = flow("steps:\n  - GET: /a\n");
    let steps = "steps:\n  - include: x.yaml\n  - include: x.yaml\n";
    let bench = bench(
        &told(),
        steps,
        &[("x.yaml", &inner), ("y.yaml", "plan: Y\nsteps:\n  - include: x.yaml\n")],
    );
    bench.on(&["plan.yaml", "y.yaml", "--out", "run"]).exits(0);
    let events = bench.read("run/events.jsonl");
    let told = events
        .lines()
        .filter(|line| line.contains("\"source\"") && line.contains("\"path\":\"x.yaml\""));
    assert_eq!(told.count(), 1, "{events}");
    let first = |word: &str| events.lines().position(|line| line.contains(word));
    assert!(first("\"path\":\"x.yaml\"") < first("step-started"), "{events}");
}

#[test]
fn an_include_can_be_repeated_and_is_judged_as_a_whole() {
    let server = Scripted::start(|seen, _| {
        let n: u32 = seen.path().rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let status = if seen.path().starts_with("/second") && n % 5 == 3 { 500 } else { 200 };
        Reply::json(status, &format!("{{\"id\": {n}}}"))
    });
    let inner = flow(
        "inputs: [n]\nvars: {word: \"${{ unique }}\"}\nsteps:\n  - GET: /first/${{ word }}/${{ n }}\n  - {id: two, GET: \"/second/${{ word }}/${{ n }}\", capture: {x: $.id}}\ncleanup:\n  - DELETE: /away/${{ n }}\n",
    );
    let flows = [("x.yaml", inner.as_str())];
    let steps = |rest: &str| {
        format!(
            "steps:\n  - id: many\n    include: x.yaml\n    with: {{n: \"${{{{ iter }}}}\"}}\n    export: [x]\n    repeat: 10\n    concurrency: 3\n    warmup: 2\n{rest}"
        )
    };
    let expect = "    expect_all: {passed: 8}\n  - assert: [x | length == 10, \"'9' in x | join(' ')\"]\n    if: steps.many.passed\n";
    let ran = run(&server, &steps(expect), &flows).exits(0);
    let many = ran.step(0);
    assert_eq!((&many["kind"], &many["verdict"]), (&json!("repeated"), &json!("passed")));
    assert_eq!(
        many["samples"]["counts"],
        json!({"passed": 8, "failed": 2, "errored": 0, "cancelled": 0}),
        "{}",
        ran.said
    );
    assert_eq!(many["samples"]["warmup"], 2);
    // The steps of the first that passes are told, and of the first of each kind of failure.
    let inside: Vec<_> = (1..5).map(|step| ran.step(step)["within"].clone()).collect();
    assert_eq!(inside[0], inside[1]);
    assert_eq!(
        (inside[2].clone(), inside[3].clone()),
        (json!([0, 3]), json!([0, 3])),
        "{inside:?}"
    );
    assert_eq!(ran.step(4)["verdict"], "failed");
    assert_eq!(ran.report["counts"]["steps"]["failed"], 0, "{}", ran.said);
    assert!(!ran.said.contains("failed["), "{}", ran.said);
    // All of them are really carried out, each with its own variables, and cleaned up after.
    let targets = server.targets();
    assert_eq!(targets.iter().filter(|target| target.starts_with("GET /second")).count(), 12);
    let words: std::collections::BTreeSet<&str> = targets
        .iter()
        .filter_map(|target| target.strip_prefix("GET /first/")?.split('/').next())
        .collect();
    assert_eq!(words.len(), 12, "{targets:?}");
    let away: Vec<&String> = targets.iter().filter(|target| target.starts_with("DELETE")).collect();
    assert_eq!(away.len(), 12);
    assert_eq!((away[0].as_str(), away[11].as_str()), ("DELETE /away/12", "DELETE /away/1"));

    let ran = run(&server, &steps("  - GET: /then\n"), &flows).exits(1);
    assert_eq!(ran.step(0)["verdict"], "failed");
    assert_eq!(ran.report["counts"]["steps"]["failed"], 1, "{}", ran.said);
    let ran = ran.says("2 of 10 samples failed").says("failed[step::assertion] x.yaml:8:6");
    assert_eq!(ran.said.matches("failed[step").count(), 2, "{}", ran.said);
    let last = ran.report["plans"][0]["steps"].as_array().map_or(0, Vec::len);
    assert!(last < 14, "{}", ran.report);
}

#[test]
fn each_execution_of_a_repeated_include_has_its_budget_and_all_of_them_their_deadline() {
    let inner = flow("steps:\n  - GET: /a\n");
    let steps = "steps:\n  - {include: x.yaml, repeat: 3, budget: 1us}\n  - GET: /b\n";
    let ran = run(&told(), steps, &[("x.yaml", &inner)]).exits(6);
    assert_eq!(ran.verdicts().last(), Some(&"passed"));
    ran.says("3 of 3 samples were over their budget").says("plan.yaml:4:6");
    run(&told(), "steps:\n  - {include: x.yaml, repeat: 3, budget: 1h}\n", &[("x.yaml", &inner)])
        .exits(0);
    let hang = flow("steps:\n  - GET: /hang\ncleanup:\n  - DELETE: /x\n");
    let server = told();
    let steps = "steps:\n  - {include: x.yaml, repeat: 3, deadline: 200ms}\n";
    run(&server, steps, &[("x.yaml", &hang)]).exits(5).says("deadline of 200 ms came first");
    assert_eq!(server.targets(), ["GET /hang", "DELETE /x"]);
}

#[test]
fn a_cleanup_that_fails_in_one_of_many_executions_is_told_once_and_fails_the_run() {
    let inner = flow(
        "inputs: [n]\nsteps:\n  - GET: /a\ncleanup:\n  - DELETE: /status/${{ 500 if n > 1 else 200 }}\n",
    );
    let steps = "steps:\n  - {include: x.yaml, repeat: 4, with: {n: \"${{ iter }}\"}}\n";
    let server = told();
    let ran = run(&server, steps, &[("x.yaml", &inner)]).exits(1);
    assert_eq!(ran.said.matches("failed[step::assertion] x.yaml").count(), 1, "{}", ran.said);
    assert_eq!(server.targets().len(), 8);
    assert_eq!(ran.report["plans"][0]["verdict"], "failed");
}

#[test]
fn every_mistake_of_an_include_is_found_at_once() {
    let flows = [
        (
            "flows/login.yaml",
            "plan: Log in\ninclude_only: true\ninputs: [user, service]\nvars: {timeout: 3}\nsteps:\n  - GET: http://h/${{ user }}/${{ timeout }}/${{ service }}/${{ tiemout }}\n    capture: {token: $.token}\n    expct: {status: 200}\n",
        ),
        (
            "flows/cases.yaml",
            "plan: Cases\nmatrix: {a: [1, 2]}\nsteps:\n  - GET: http://h/${{ case.a }}\n",
        ),
        ("flows/self.yaml", "plan: Self\nsteps:\n  - include: self.yaml\n"),
        ("flows/one.yaml", "plan: One\nsteps:\n  - include: two.yaml\n"),
        ("flows/two.yaml", "plan: Two\nsteps:\n  - GET: http://h/a\n  - include: one.yaml\n"),
        ("flows/note.yaml", "just: a note\n"),
    ];
    let steps = "vars: {token: 1}
steps:
  - include: flows/login.yaml
    with: {usr: ada, color: red}
    export: [tokn, taste, taste]
  - include: flows/login.yaml
    with: {user: \"${{ nobody }}\", service: s}
    export: [token]
  - include: flows/cases.yaml
  - include: flows/self.yaml
  - include: flows/one.yaml
  - include: flows/lgoin.yaml
  - include: nowhere.yaml
  - include: flows
  - include: ../../outside.yaml
  - include: flows/note.yaml
  - include: flows/${{ token }}.yaml
  - include: [flows/login.yaml]
  - {GET: http://h/a, with: {user: ada}, export: [x]}
  - {include: flows/login.yaml, with: {user: a, service: b}, retry: {times: 2}, headers: {A: b}}
  - {include: flows/login.yaml, with: [user], GET: http://h/b}
";
    let ran = check(steps, &flows).exits(3);
    insta::assert_snapshot!(ran.said);
}

#[test]
fn the_twin_of_every_mistake_is_silent() {
    let flows = [
        (
            "flows/login.yaml",
            "plan: Log in\ninclude_only: true\ninputs: [user, service]\nvars: {timeout: 3, given: 1}\nsteps:\n  - GET: http://h/${{ user }}/${{ timeout }}/${{ service }}\n    capture: {token: $.token}\n",
        ),
        ("flows/one.yaml", "plan: One\nsteps:\n  - include: two.yaml\n  - include: two.yaml\n"),
        ("flows/two.yaml", "plan: Two\nsteps:\n  - GET: http://h/a\n"),
    ];
    let steps = "steps:\n  - include: flows/login.yaml\n    with: {user: ada, service: s, timeout: 5}\n    export: [token, given]\n  - include: flows/one.yaml\n  - include: flows/login.yaml\n    with: {user: \"${{ token }}\", service: \"${{ given }}\"}\n";
    let ran = check(steps, &flows).exits(0);
    assert!(!ran.said.contains("warning"), "{}", ran.said);
}

#[test]
fn a_finding_deep_inside_shows_every_line_that_leads_to_it_and_is_said_once() {
    let flows = [
        ("flows/outer.yaml", "plan: Outer\ninclude_only: true\nsteps:\n  - include: inner.yaml\n"),
        (
            "flows/inner.yaml",
            "plan: Inner\ninclude_only: true\nvars: {unused: 1}\nsteps:\n  - GET: http://h/${{ nobody }}\n  - {GET: http://h/a, expct: 1}\n",
        ),
    ];
    let steps = "steps:\n  - include: flows/outer.yaml\n  - include: flows/outer.yaml\n";
    let ran = check(steps, &flows).exits(3);
    assert_eq!(ran.said.matches("undefined name `nobody`").count(), 1, "{}", ran.said);
    insta::assert_snapshot!(ran.said);
}

#[test]
fn plans_that_would_come_to_too_many_are_refused_at_once() {
    let twice = |next: &str| format!("plan: X\nsteps:\n  - include: {next}\n  - include: {next}\n");
    let mut bench = Bench::plan(&twice("f0.yaml"));
    for number in 0..30 {
        let next = format!("f{}.yaml", number + 1);
        bench = bench.file(&format!("f{number}.yaml"), &twice(&next));
    }
    let bench = bench.file("f30.yaml", "plan: X\nsteps:\n  - GET: http://h/a\n");
    bench.check().exits(3).says("comes to more than 1000 plans");
}

#[test]
fn an_export_or_capture_that_nobody_uses_is_told_and_one_that_another_plan_takes_is_not() {
    let flow = flow("steps:\n  - GET: /a\n    capture: {x: $.id, y: $.id}\n");
    let flows = [("x.yaml", flow.as_str())];
    let steps = "steps:\n  - {include: x.yaml, export: [x]}\n";
    let ran = check(&format!("{steps}  - GET: /b\n"), &flows).exits(0);
    let ran = ran.says("plan.yaml:4:32").says("the export `x` is never used");
    assert_eq!(ran.said.matches("plan::unused").count(), 1, "{}", ran.said);
    let ran = check(&format!("{steps}  - GET: /b/${{{{ x }}}}\n"), &flows).exits(0);
    assert!(!ran.said.contains("plan::unused"), "{}", ran.said);
}

#[test]
fn what_a_plan_that_was_not_asked_for_takes_is_used() {
    let flow = "plan: Flow\nsteps:\n  - GET: http://h/a\n    capture: {x: $.id, 'y z': $.id, \"w\": $.id}\n";
    let flow = flow.replace("'y z'", "'y'");
    let middle = "plan: Middle\nsteps:\n  - {include: flow.yaml, export: [x, y]}\n";
    let outer =
        "steps:\n  - {include: flows/middle.yaml, export: [y]}\n  - GET: http://h/${{ y }}\n";
    let bench = |outer: &str| {
        Bench::plan(&format!("plan: Outer\n{outer}"))
            .file("flows/flow.yaml", &flow)
            .file("flows/middle.yaml", middle)
    };
    let unused = |ran: &Ran| {
        let lines = ran.said.lines().filter(|line| line.contains("is never used"));
        let mut names: Vec<_> =
            lines.map(|line| line.split('`').nth(1).unwrap_or_default().to_owned()).collect();
        names.sort();
        names
    };
    let all = bench(outer);
    // `w` is taken by nobody, `x` by the plan between, which hands on `y` alone.
    assert_eq!(unused(&all.on(&["check", "flows/flow.yaml"]).exits(0)), ["w"]);
    assert_eq!(unused(&all.on(&["check", "flows/middle.yaml"]).exits(0)), ["w", "x"]);
    // The twin: nobody takes `y` from the plan between.
    let none = bench("steps:\n  - include: flows/middle.yaml\n");
    assert_eq!(unused(&none.on(&["check", "flows/middle.yaml"]).exits(0)), ["w", "x", "y"]);
    // A plan of another project is no neighbour.
    let other = bench(outer).file("flows/planrun.yaml", "project: Other\n");
    assert_eq!(unused(&other.on(&["check", "flows/middle.yaml"]).exits(0)), ["w", "x", "y"]);
}
