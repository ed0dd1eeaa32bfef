//! `routes`: one request by several ways, each a case of its own, and answers that have to be equal.

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

/// A plan whose environment names two servers.
fn plan(direct: &Scripted, proxy: &Scripted, steps: &str) -> Bench {
    let environment = format!(
        "environment: e\nvars: {{direct: \"{}\", proxy: \"{}\"}}\n",
        direct.url(),
        proxy.url()
    );
    Bench::plan(&format!("plan: P\nsteps:\n{steps}")).environment("e", &environment)
}

fn run(direct: &Scripted, proxy: &Scripted, steps: &str) -> Ran {
    plan(direct, proxy, steps).run()
}

fn check(step: &str) -> Ran {
    Bench::plan(&format!("plan: P\nsteps:\n{step}")).check()
}

const ROUTES: &str = "routes: {direct: \"${{ env.direct }}\", proxy: \"${{ env.proxy }}\"}";

/// A step that reads.
fn get(expect: &str) -> String {
    format!("  - {ROUTES}\n    GET: /models\n    expect: {expect}\n")
}

fn always(status: u16, body: &'static str) -> Scripted {
    Scripted::start(move |_, _| Reply::json(status, body))
}

fn names(ran: &Ran) -> Vec<String> {
    let steps = ran.report["plans"][0]["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["case"].as_str().unwrap_or("-").to_owned()).collect()
}

/// What the answer of a step's last attempt came to beside that of the first route.
fn compared(ran: &Ran, step: usize) -> &serde_json::Value {
    &ran.step(step)["attempts"][0]["routes"]
}

/// What differs.
fn differs(ran: &Ran, step: usize) -> Vec<String> {
    let all = compared(ran, step)["differences"].as_array().expect("differences");
    all.iter().map(|one| one["what"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn each_route_is_a_case_and_equal_answers_pass_with_one_request_each() {
    let (one, two) = (always(200, r#"{"n": 1}"#), always(200, r#"{ "n": 1.0 }"#));
    let ran = run(&one, &two, &get("{$.n: 1, routes: equal}")).exits(0);
    assert_eq!(names(&ran), ["direct", "proxy"]);
    assert_eq!(
        (one.targets(), two.targets()),
        (vec!["GET /models".into()], vec!["GET /models".into()])
    );
    assert_eq!(compared(&ran, 0), &serde_json::Value::Null, "the first is compared with nothing");
    assert_eq!(compared(&ran, 1)["equal"], true);
    assert_eq!(compared(&ran, 1)["first"]["name"], "direct");
    assert_eq!(compared(&ran, 1)["other"]["origin"], two.url());
}

#[test]
fn another_answer_fails_the_route_at_the_key_with_a_table_of_both() {
    let one = always(200, r#"{"items": [{"id": 1}, {"id": 2}], "only": true}"#);
    let two = always(200, r#"{"items": [{"id": 7}, {"id": 8}]}"#);
    let ran = run(&one, &two, &get("{routes: equal}")).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed"]);
    assert_eq!(ran.step(1)["code"], "step::routes-differ");
    assert_eq!(differs(&ran, 1), ["$.items[*].id", "$.only"]);
    assert_eq!(compared(&ran, 1)["asked_again"], true);
    assert_eq!(one.log().len(), 2, "once more, to know what differs by itself");
    let assertion = &ran.step(1)["attempts"][0]["assertions"][1];
    assert_eq!((&assertion["subject"], &assertion["at"]["line"]), (&json!("routes"), &json!(5)));
    assert_eq!(assertion["at"]["column"], 14);
    ran.says("failed[step::routes-differ]")
        .says("expected: the answer of `direct`")
        .says("actual: another answer, in 3 places")
        .says("differs in                    direct   proxy")
        .says("$.items[*].id (in 2 places)   1        7")
        .says("$.only                        true     not there");
}

#[test]
fn another_status_stands_first_and_the_bodies_are_not_taken_apart() {
    let (one, two) = (always(200, r#"{"n": 1}"#), always(502, r#"{"n": 2}"#));
    let ran = run(&one, &two, &get("{$.n: 1, routes: equal}")).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed"]);
    assert_eq!(ran.step(1)["code"], "step::assertion");
    assert_eq!(differs(&ran, 1), ["status", "expect $.n", "body"]);
    assert_eq!(one.log().len(), 1, "a status is never noise");
    let ran = ran.says("status       200").says("holds").says("does not hold");
    let ran = ran.says("what `proxy` passes through, and `direct` does not");
    ran.says("`route` decides: direct passes; proxy fails");
}

#[test]
fn where_the_first_route_is_at_fault_the_other_is_not_blamed() {
    let (one, two) = (always(500, r#"{"n": 1}"#), always(200, r#"{"n": 1}"#));
    let ran = run(&one, &two, &get("{routes: equal}")).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "passed"]);
    assert_eq!(differs(&ran, 1)[0], "status");
    assert_eq!(differs(&ran, 1), ["status"]);
    let ran = ran.says("`direct` did not pass by itself");
    ran.says("`route` decides: proxy passes; direct fails");
}

#[test]
fn a_failure_that_both_routes_share_is_no_difference() {
    let (one, two) = (always(404, "{}"), always(404, "{}"));
    let ran = run(&one, &two, &get("{routes: equal}")).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed"]);
    assert_eq!(compared(&ran, 1)["equal"], true);
}

#[test]
fn a_route_that_does_not_answer_is_told_as_another_answer() {
    let one = always(200, "{}");
    let environment = format!(
        "environment: e\nvars: {{direct: \"{}\", proxy: 'http://127.0.0.1:1'}}\n",
        one.url()
    );
    let bench = Bench::plan(&format!("plan: P\nsteps:\n{}", get("{routes: equal}")));
    let ran = bench.environment("e", &environment).run().exits(5);
    assert_eq!(ran.verdicts(), ["passed", "errored"]);
    assert_eq!(differs(&ran, 1), ["status"]);
}

#[test]
fn what_differs_between_two_answers_of_the_first_route_is_noise_unless_its_type_does() {
    let noisy = || {
        Scripted::start(|_, number| {
            Reply::json(200, &format!(r#"{{"at": {number}, "v": 1}}"#))
                .with("X-Trace", &number.to_string())
        })
    };
    let two =
        Scripted::start(|_, _| Reply::json(200, r#"{"at": 99, "v": 1}"#).with("X-Trace", "z"));
    let ran = run(&noisy(), &two, &get("{routes: equal}")).exits(0);
    assert_eq!(
        (&compared(&ran, 1)["noise"], &compared(&ran, 1)["equal"]),
        (&json!(2), &json!(true))
    );
    let two =
        Scripted::start(|_, _| Reply::json(200, r#"{"at": "99", "v": 1}"#).with("X-Trace", "z"));
    let ran = run(&noisy(), &two, &get("{routes: equal}")).exits(1);
    assert_eq!(differs(&ran, 1), ["$.at"]);
    ran.says("1 place differs on `direct` by itself, and is not counted");
}

#[test]
fn a_request_that_may_write_is_sent_once_by_each_route() {
    let (one, two) = (always(200, r#"{"n": 1}"#), always(200, r#"{"n": 2}"#));
    let step = format!(
        "  - {ROUTES}\n    POST: /models\n    json: {{a: 1}}\n    expect: {{routes: equal}}\n"
    );
    let ran = run(&one, &two, &step).exits(1);
    assert_eq!((one.log().len(), two.log().len()), (1, 1));
    assert_eq!(compared(&ran, 1)["asked_again"], false);
}

#[test]
fn a_request_that_may_write_is_sent_to_a_protected_environment_by_no_route_unasked() {
    let (one, two) = (always(200, "{}"), always(200, "{}"));
    let step = format!("  - {ROUTES}\n    DELETE: /models/1\n    expect: {{routes: equal}}\n");
    let environment = format!(
        "environment: e\nprotected: true\nvars: {{direct: \"{}\", proxy: \"{}\"}}\n",
        one.url(),
        two.url()
    );
    let bench = Bench::plan(&format!("plan: P\nsteps:\n{step}")).environment("e", &environment);
    bench.run().exits(3).says("`DELETE` may write, and the environment `e` is protected");
    assert_eq!((one.log().len(), two.log().len()), (0, 0));
    bench.with(&["--allow-writes"]).run().exits(0);
    assert_eq!((one.log().len(), two.log().len()), (1, 1));
}

#[test]
fn what_may_differ_is_named() {
    let one = Scripted::start(|_, _| {
        Reply::json(200, r#"{"id": 1, "s": 0.5, "on": "node-1", "all": [{"k": 1}, {"k": 2}]}"#)
            .with("Server", "a")
    });
    let two = Scripted::start(|_, _| {
        Reply::json(200, r#"{"id": 2, "s": 0.505, "on": "node-22", "all": [{"k": 2}, {"k": 1}]}"#)
            .with("Server", "b")
    });
    let rules = "{routes: {equal: true, ignore: [headers.Server, $.id], within: {$.s: 0.01}, replace: {'node-\\d+': node}, set_by: {$.all: k}}}";
    let ran = run(&one, &two, &get(rules)).exits(0);
    assert_eq!(compared(&ran, 1)["ignored"], 4);
    let ran = run(&one, &two, &get("{routes: {equal: true}}")).exits(1);
    assert_eq!(differs(&ran, 1), ["headers.server", "$.id", "$.s", "$.on", "$.all[*].k"]);
}

#[test]
fn what_each_route_has_of_its_own_counts_as_equal() {
    let own = || {
        Scripted::start(|seen, number| {
            let host = seen.header("host").unwrap_or_default();
            let id = seen.header("x-request-id").unwrap_or_default();
            Reply::json(201, &format!(r#"{{"id": "model-{host}-{number}", "asked": "{id}"}}"#))
                .with("Location", &format!("http://{host}/models/{number}"))
        })
    };
    let step = |capture: &str| {
        format!(
            "  - {ROUTES}\n    POST: /models\n    json: {{}}\n    expect: {{status: 201, routes: equal}}\n{capture}"
        )
    };
    let capture = "    capture: {id: $.id}\n  - assert: ['id | length == 2']\n";
    run(&own(), &own(), &step(capture)).exits(0);
    let ran = run(&own(), &own(), &step("")).exits(1);
    assert_eq!(differs(&ran, 1), ["$.id"]);
}

#[test]
fn what_a_plan_makes_up_is_the_same_by_every_route() {
    let (one, two) = (Scripted::ok(), Scripted::ok());
    let step = format!(
        "  - {ROUTES}\n    matrix: {{n: [1, 2]}}\n    POST: /${{{{ case.n }}}}\n    json: {{a: \"${{{{ unique }}}}\", b: \"${{{{ uuid() }}}}\", by: \"${{{{ case.route }}}}\"}}\n"
    );
    let ran = run(&one, &two, &format!("{step}    expect: {{routes: equal}}\n")).exits(0);
    assert_eq!(names(&ran), ["1, direct", "1, proxy", "2, direct", "2, proxy"]);
    let bodies = |server: &Scripted| -> Vec<String> {
        server.log().into_iter().map(|seen| seen.body).collect()
    };
    let (direct, proxy) = (bodies(&one), bodies(&two));
    let by: Vec<String> = direct.iter().map(|body| body.replace("direct", "proxy")).collect();
    assert_eq!(by, proxy);
    assert_ne!(direct[0], direct[1], "another case makes up its own");
}

#[test]
fn under_warn_a_difference_is_only_told() {
    let (one, two) = (always(200, r#"{"n": 1}"#), always(200, r#"{"n": 2}"#));
    let step = format!("  - {ROUTES}\n    GET: /models\n    warn: {{routes: equal}}\n");
    let ran = run(&one, &two, &step).exits(0);
    assert_eq!(ran.verdicts(), ["passed", "passed"]);
    ran.says("only a warning").says("$.n          1        2");
}

#[test]
fn a_secret_that_the_answers_hold_is_compared_and_not_shown() {
    let (one, two) = (
        always(200, r#"{"token": "first-secret-value"}"#),
        always(200, r#"{"token": "other-secret-value"}"#),
    );
    let ran = run(&one, &two, &get("{routes: equal}")).exits(1);
    assert_eq!(differs(&ran, 1), ["$.token"]);
    assert!(!ran.said.contains("secret-value"), "{}", ran.said);
    assert!(!ran.report.to_string().contains("secret-value"));
    let (one, two) = (
        always(200, r#"{"token": "first-secret-value"}"#),
        always(200, r#"{"token": "first-secret-value"}"#),
    );
    run(&one, &two, &get("{routes: equal}")).exits(0);
    let (one, two) = (always(200, "{}"), always(500, r#"{"token": "other-secret-value"}"#));
    let ran = run(&one, &two, &get("{routes: equal}")).exits(1);
    assert!(!ran.report.to_string().contains("secret-value"));
}

#[test]
fn the_default_credentials_go_to_every_route() {
    let (one, two) = (Scripted::ok(), Scripted::ok());
    let environment =
        format!("environment: e\nvars: {{direct: \"{}\", proxy: \"{}\"}}\n", one.url(), two.url());
    let text = format!(
        "plan: P\ndefaults: {{auth: {{bearer: abcdefgh}}, headers: {{X-A: b}}}}\nsteps:\n{}",
        get("{routes: equal}")
    );
    Bench::plan(&text).environment("e", &environment).run().exits(0);
    for server in [one, two] {
        assert_eq!(server.only().header("authorization"), Some("Bearer abcdefgh"));
        assert_eq!(server.only().header("x-a"), Some("b"));
    }
}

#[test]
fn routes_that_cannot_be_compared_are_found_before_anything_is_sent() {
    let two = "routes: {a: 'http://h:1', b: 'http://h:2'}";
    check(&format!("  - {{{two}, GET: /x, expect: {{routes: equal}}}}\n")).exits(0);
    check("  - {routes: {a: 'http://h:1'}, GET: /x, expect: {routes: equal}}\n")
        .exits(3)
        .says("`routes` needs at least two");
    check("  - {routes: {a: 'http://h:1', b: 'http://h:1/'}, GET: /x, expect: {routes: equal}}\n")
        .exits(3)
        .says("`a` and `b` are one route");
    check("  - {GET: 'http://h:1/x', expect: {routes: equal}}\n")
        .exits(3)
        .says("`routes` is expected, and the step has none");
    check(&format!("  - {{{two}, GET: /x}}\n"))
        .exits(0)
        .says("warning[plan::never-fails]")
        .says("the answers of these routes are not compared");
    check(&format!("  - {{{two}, GET: 'http://h:1/x', expect: {{routes: equal}}}}\n"))
        .exits(3)
        .says("a URL of its own leaves no room for a route before it");
    check(&format!("  - {{{two}, GET: /x, rows: [1], expect: {{routes: equal}}}}\n"))
        .exits(3)
        .says("`routes` and `rows` exclude each other");
    check(&format!("  - {{{two}, GET: /x, repeat: 3, expect: {{routes: equal}}}}\n"))
        .exits(3)
        .says("`routes` and `repeat` exclude each other");
    check(&format!("  - {{{two}, matrix: {{route: [1]}}, GET: /x, expect: {{routes: equal}}}}\n"))
        .exits(3)
        .says("`case.route` is the name of the route here");
    check(&format!("  - {{{two}, sleep: 1s}}\n")).exits(3).says("`routes` belongs to a request");
}

#[test]
fn rules_that_do_not_parse_are_found_at_their_place() {
    let expect = |rule: &str| {
        check(&format!(
            "  - routes: {{a: 'http://h:1', b: 'http://h:2'}}\n    GET: /x\n    expect: {{routes: {rule}}}\n"
        ))
    };
    expect("same").exits(3).says("the word `equal`, or a mapping is wanted here");
    expect("{equal: false}").exits(3).says("`equal` can only be true");
    expect("{ignore: [$.a]}").exits(3).says("`routes` needs `equal`");
    expect("{equal: true, ignores: [$.a]}").exits(3).says("did you mean `ignore`?");
    expect("{equal: true, ignore: [a]}").exits(3).says("`a` is no path and no header");
    expect("{equal: true, ignore: ['$.a[']}").exits(3).says("plan::bad-jsonpath");
    expect("{equal: true, within: {$.a: much}}").exits(3).says("a distance, such as `0.01`");
    expect("{equal: true, set_by: {$.a: 1}}").exits(3).says("the name of a field");
    expect("{equal: true, replace: {'a(': b}}").exits(3).says("plan::bad-regex");
    check("  - {GET: 'http://h:1/x', poll: {every: 1s, for: 2s, give_up: {routes: equal}}}\n")
        .exits(3)
        .says("unknown key `routes` in `give_up`");
}
