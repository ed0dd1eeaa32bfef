//! Keys whose effect is quickly shown: a plan that does what the key says, and its twin that does not.

use crate::bench::Bench;
use crate::scripted::{Reply, Scripted};

/// Answers with the status that the path ends with, else 200.
fn told() -> Scripted {
    Scripted::start(|seen, _| {
        let status = seen.path().rsplit('/').next().and_then(|end| end.parse().ok());
        Reply::json(status.unwrap_or(200), "{\"id\": 7}")
    })
}

fn bench(server: &Scripted, rest: &str) -> Bench {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {}}}\n{rest}", server.url()))
}

#[test]
fn what_describes_a_plan_is_text_and_lists_of_words() {
    let server = told();
    let steps = "steps:\n  - GET: /a\n";
    let whole = "description: What it is for\ntags: [smoke]\ncovers: [2a]\n";
    let ran = bench(&server, &format!("{whole}{steps}")).run().exits(0);
    assert_eq!(ran.report["plans"][0]["tags"][0], "smoke");
    assert_eq!(ran.report["plans"][0]["covers"][0], "2a");
    for wrong in ["description: [a]\n", "tags: smoke\n", "covers: {a: b}\n", "plan: again\n"] {
        bench(&server, &format!("{wrong}{steps}")).run().exits(3);
    }
    assert_eq!(server.log().len(), 1, "nothing is sent where a plan is wrong");
}

#[test]
fn tags_and_requirements_select_plans_and_steps() {
    let server = told();
    let rest = "tags: [smoke]\nsteps:\n  - {GET: /a, covers: [2a]}\n  - {GET: /b, covers: [2b]}\n";
    let with = |arguments: &[&str]| bench(&server, rest).with(arguments).run();
    with(&["--tag", "smoke"]).exits(0);
    with(&["--tag", "slow"]).exits(4);
    with(&["--tag", "!smoke"]).exits(4);
    let before = server.log().len();
    let ran = with(&["--filter", "covers(2b)"]).exits(0);
    assert_eq!(ran.report["plans"][0]["steps"][0]["covers"][0], "2b");
    assert_eq!(server.log().len(), before + 1);
    with(&["--filter", "covers(2c)"]).exits(4);
}

#[test]
fn a_plan_for_including_runs_only_by_its_name() {
    let server = told();
    let text = "include_only: true\nsteps:\n  - GET: /a\n";
    bench(&server, text).run().exits(0);
    let ran = bench(&server, text).run_path(".").exits(4);
    assert_eq!(server.log().len(), 1, "{}", ran.said);
    bench(&server, "include_only: false\nsteps:\n  - GET: /a\n").run_path(".").exits(0);
}

#[test]
fn every_method_can_fail() {
    let server = told();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        bench(&server, &format!("steps:\n  - {method}: /200\n")).run().exits(0);
        bench(&server, &format!("steps:\n  - {method}: /500\n")).run().exits(1);
    }
    bench(&server, "steps:\n  - {method: PURGE, url: /200}\n").run().exits(0);
    bench(&server, "steps:\n  - {method: PURGE, url: /500}\n").run().exits(1);
    bench(&server, "steps:\n  - method: PURGE\n").run().exits(3);
    bench(&server, "steps:\n  - url: /200\n").run().exits(3);
}

#[test]
fn a_budget_of_a_plan_and_its_deadline_are_two_things() {
    let server = told();
    let steps = "steps:\n  - GET: /a\n";
    bench(&server, &format!("budget: 1m\ndeadline: 1m\n{steps}")).run().exits(0);
    bench(&server, &format!("budget: 1ns\n{steps}")).run().exits(6);
    bench(&server, "deadline: 50ms\nsteps:\n  - sleep: 1m\n").run().exits(5);
    bench(&server, "cleanup_timeout: soon\nsteps:\n  - GET: /a\n").run().exits(3);
}

#[test]
fn requests_end_at_their_limits() {
    let server = Scripted::start(|seen, _| match seen.path() {
        "/hang" => Reply::Hang,
        _ => Reply::json(200, "{\"id\": 7}"),
    });
    let run = |step: &str| bench(&server, &format!("steps:\n  - {step}\n")).run();
    run("{GET: /a, timeout: 1m, connect_timeout: 1m}").exits(0);
    run("{GET: /hang, timeout: 100ms}").exits(5).says("transport::timeout");
    run("{GET: /a, connect_timeout: soon}").exits(3);
    run("{GET: /a, max_body: 1KiB}").exits(0);
    run("{GET: /a, max_body: 4B}").exits(5).says("transport::body-too-large");
    run("{GET: /a, connection: fresh}").exits(0);
    run("{GET: /a, connection: kept}").exits(3);
    run("{GET: /a, tls: {insecure: true}}").exits(0);
    run("{GET: /a, tls: {insecure: maybe}}").exits(3);
    run("{GET: /a, budget: 1m}").exits(0);
    run("{GET: /a, budget: 1ns}").exits(6);
    run("{GET: /a, warn: {budget: 1ns}}").exits(0).says("warning");
}

#[test]
fn captures_that_find_nothing_fail_and_a_default_saves_them() {
    let server = Scripted::start(|_, _| {
        let mut reply = Reply::json(200, "{\"id\": 7, \"words\": \"a b\"}");
        if let Reply::Answer { headers, .. } = &mut reply {
            headers.push(("Set-Cookie".to_owned(), "session=s3".to_owned()));
        }
        reply
    });
    let run = |capture: &str, value: &str| {
        let steps = format!(
            "steps:\n  - GET: /a\n    capture: {{x: {capture}}}\n  - assert: [\"x == {value}\"]\n"
        );
        bench(&server, &steps).run()
    };
    for (holds, value, fails) in [
        ("{json: $.id}", "7", "{json: $.none}"),
        ("{header: content-type}", "'application/json'", "{header: X-None}"),
        ("{cookie: session}", "'s3'", "{cookie: none}"),
        ("{json: $.words, apply: [upper]}", "'A B'", "{json: $.id, apply: [upper]}"),
        ("{json: $.words, regex: '(.) b'}", "'a'", "{json: $.words, regex: z}"),
        ("{json: $.none, default: 3}", "3", "{json: $.none}"),
        ("{text: true, regex: '\"id\": (.)'}", "'7'", "{text: true, regex: z}"),
    ] {
        run(holds, value).exits(0);
        let ran = run(fails, value).exits(1);
        assert_eq!(ran.verdicts(), ["failed", "blocked"], "{fails}");
    }
    run("{json: $.id, secret: true}", "7").exits(0);
    run("{json: $.id, secret: maybe}", "7").exits(3);
}

#[test]
fn an_environment_extends_another_and_is_the_one_by_default() {
    let server = told();
    let run = |project: &str, lower: &str| {
        let base = format!("environment: base\nvars: {{url: \"{}\", at: /200}}\n", server.url());
        Bench::plan("plan: P\nsteps:\n  - GET: ${{ env.url }}${{ env.at | raw }}\n")
            .file("planrun.yaml", &format!("project: Test\n{project}"))
            .file("environments/base.yaml", &base)
            .file("environments/local.yaml", &format!("environment: local\n{lower}"))
            .run()
    };
    run("default_environment: local\n", "extends: base\n").exits(0);
    run("default_environment: local\n", "extends: base\nvars: {at: /500}\n").exits(1);
    run("default_environment: local\n", "").exits(3);
    run("default_environment: local\n", "extends: nowhere\n").exits(3);
    run("default_environment: nowhere\n", "extends: base\n").exits(3);
    run("", "extends: base\n").exits(3);
}

#[test]
#[cfg(feature = "demo")]
fn the_built_in_registry_is_a_service_and_can_be_sick() {
    let plan = "plan: P\nsecrets: {api_key: {}}\nsteps:\n  - GET: ${{ env.url }}/api/2.0/mlflow/experiments/search?max_results=1\n    auth: {bearer: \"${{ secrets.api_key }}\"}\n";
    let run = |service: &str| {
        let environment = format!(
            "environment: here\nservices:\n  registry: {service}\nvars:\n  url: ${{{{ services.registry.url }}}}\nsecrets:\n  api_key: {{value: \"${{{{ services.registry.api_key }}}}\"}}\n"
        );
        Bench::plan(plan).environment("here", &environment).run()
    };
    run("{builtin: demo}").exits(0);
    run("{builtin: demo, fault: broken-contract}").exits(1);
    run("{builtin: demo, fault: tired}").exits(3);
    run("{builtin: postgres}").exits(3);
}

#[test]
fn what_a_step_knows_of_itself_is_named() {
    let server = told();
    let run = |body: &str| {
        let step = format!("{{id: me, POST: /a, json: {{x: \"${{{{ {body} }}}}\"}}}}");
        bench(&server, &format!("steps:\n  - {step}\n")).run()
    };
    for (holds, fails) in [("step.id", "step.ix"), ("attempt", "atempt"), ("iter", "iterr")] {
        run(holds).exits(0);
        run(fails).exits(3);
    }
    let sent: Vec<String> = server.log().into_iter().map(|seen| seen.body).collect();
    assert_eq!(sent, [r#"{"x":"me"}"#, r#"{"x":1}"#, r#"{"x":1}"#]);
}

#[test]
fn a_body_or_a_number_of_the_wrong_kind_is_refused() {
    let server = told();
    for wrong in [
        "{POST: /a, form: [a]}",
        "{POST: /a, query: a=b}",
        "{POST: /a, text: {a: b}}",
        "{POST: /a, json: {}, form: {}}",
        "{GET: /a, warmup: 2}",
        "{GET: /a, repeat: many}",
        "{GET: /a, needs: me}",
        "{GET: /a, retry: {times: 1, jitter: often}}",
    ] {
        bench(&server, &format!("steps:\n  - {wrong}\n")).run().exits(3);
    }
    assert!(server.log().is_empty());
}

#[test]
fn an_option_with_a_wrong_value_is_a_usage_error() {
    let server = told();
    let run =
        |arguments: &[&str]| bench(&server, "steps:\n  - {id: a, GET: /a}\n").with(arguments).run();
    for wrong in [
        &["--until", "b"][..],
        &["--seed", "first"],
        &["--format", "xml", "--dry-run"],
        &["--format", "json"],
        &["--color", "blue"],
        &["--retries", "often"],
        &["--max-fail", "0"],
        &["--max-fail", "1", "--fail-fast"],
        &["--dry-run=yes"],
        &["--last-failed=yes"],
    ] {
        run(wrong).exits(2);
    }
    run(&["--log-file", "plan.yaml/run.log"]).exits(7);
    assert!(server.log().is_empty(), "{:?}", server.targets());
    run(&["--until", "a", "--seed", "7", "--color", "never", "--retries", "1"]).exits(0);
}

#[test]
fn a_file_outside_the_project_needs_a_root_of_its_own() {
    let server = told();
    let plan = format!(
        "plan: P\nsteps:\n  - {{POST: {}/a, json: \"${{{{ file('../shared.txt') }}}}\"}}\n",
        server.url()
    );
    let bench = Bench::plan("plan: Unused\nsteps: [{GET: \"http://localhost/\"}]\n")
        .file("inner/planrun.yaml", "project: Inner\n")
        .file("inner/plan.yaml", &plan)
        .file("shared.txt", "hello");
    bench.run_path("inner/plan.yaml").exits(3).says("plan::outside-root");
    bench.with(&["--file-root", "."]).run_path("inner/plan.yaml").exits(0);
    assert_eq!(server.only().body, "\"hello\"");
}
