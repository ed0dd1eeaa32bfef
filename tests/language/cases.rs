//! `matrix` and `rows`: a case for every combination or row, of a step and of a whole plan.

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

fn plan(server: &Scripted, rest: &str) -> Bench {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {}}}\n{rest}", server.url()))
}

fn run(server: &Scripted, rest: &str) -> Ran {
    plan(server, rest).run()
}

fn check(rest: &str) -> Ran {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: http://localhost:1}}\n{rest}")).check()
}

/// Answers with the status that the path ends with, else 200; the body says what was asked.
fn echo() -> Scripted {
    Scripted::start(|seen, _| {
        let status = seen.path().rsplit('/').next().and_then(|end| end.parse().ok());
        let status = status.filter(|status| (100..600).contains(status)).unwrap_or(200);
        Reply::json(status, &json!({"asked": seen.target, "sent": seen.body}).to_string())
    })
}

fn names(ran: &Ran) -> Vec<String> {
    let steps = ran.report["plans"][0]["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["case"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_matrix_gives_a_case_for_every_combination_reported_by_its_name() {
    let server = echo();
    let steps = "steps:\n  - matrix: {size: [1, 2], user: {admin: root, guest: nobody}}\n    GET: /${{ case.user }}/${{ case.size }}/${{ case.name }}\n  - GET: /after\n";
    let ran = run(&server, steps).exits(0);
    assert_eq!(names(&ran), ["1, admin", "1, guest", "2, admin", "2, guest", "-"]);
    assert_eq!(
        server.targets(),
        [
            "GET /root/1/1%2C%20admin",
            "GET /nobody/1/1%2C%20guest",
            "GET /root/2/2%2C%20admin",
            "GET /nobody/2/2%2C%20guest",
            "GET /after"
        ]
    );
    assert_eq!(ran.report["counts"]["steps"]["passed"], 5);
    ran.says("[1, admin]");
}

#[test]
fn each_case_is_judged_by_itself_and_the_rest_waits_for_all() {
    let server = echo();
    let steps = "steps:\n  - id: all\n    rows: [{code: 200}, {code: 404}, {code: 201}]\n    GET: /${{ case.code }}\n  - GET: /after\n  - {assert: [not steps.all.passed], needs: []}\n";
    let ran = run(&server, steps).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed", "passed", "blocked", "blocked"]);
    assert_eq!(ran.step(3)["reason"], json!({"blocked-by": "all"}));
    ran.says("[404]: 1 of 1 assertion failed");

    let steps = "on_failure: continue\nsteps:\n  - id: all\n    rows: [200, 404]\n    GET: /${{ case }}\n  - {assert: [not steps.all.passed, \"steps.all.status == [200, 404]\"]}\n";
    let ran = run(&echo(), steps).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed", "passed"]);
}

#[test]
fn values_keep_their_types_and_omit_travels() {
    let server = echo();
    let steps = "steps:\n  - rows:\n    - {case: whole, n: 1, list: [a, 1], gone: \"${{ omit }}\"}\n    - {case: big, n: 18446744073709551616, list: null, gone: here}\n    POST: /x\n    json: {n: \"${{ case.n }}\", list: \"${{ case.list }}\", gone: \"${{ case.gone }}\"}\n";
    let ran = run(&server, steps).exits(0);
    assert_eq!(names(&ran), ["whole", "big"]);
    let bodies: Vec<String> = server.log().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [r#"{"n":1,"list":["a",1]}"#, r#"{"n":18446744073709551616,"list":null,"gone":"here"}"#]
    );
}

#[test]
fn captures_and_what_is_seen_become_lists_in_order() {
    let server = echo();
    let steps = "steps:\n  - {id: made, rows: [a, b, c], GET: \"/${{ case }}\", if: case != 'b', capture: {asked: $.asked}}\n  - POST: /all\n    json: {asked: \"${{ asked }}\", status: \"${{ steps.made.status }}\"}\n  - assert: [steps.made.passed]\n";
    let ran = run(&server, steps).exits(0);
    assert_eq!(ran.verdicts(), ["passed", "skipped", "passed", "passed", "passed"]);
    let last = server.log().pop().expect("a request");
    assert_eq!(last.body, r#"{"asked":["/a","/c"],"status":[200,200]}"#);
}

#[test]
fn rows_come_out_of_a_csv_file_with_types() {
    let server = echo();
    let steps = "steps:\n  - rows: {file: data/users.csv, types: {age: integer, ok: boolean}}\n    POST: /x\n    json: {name: \"${{ case.name }}\", age: \"${{ case.age }}\", ok: \"${{ case.ok }}\"}\n";
    let csv = "name,age,ok\n\"Lovelace, Ada\",36,true\n${{ secrets.x }},007,\n";
    let ran = plan(&server, steps).file("data/users.csv", csv).run().exits(3);
    ran.says("data/users.csv:3:18").says("is not of type integer");
    assert!(server.targets().is_empty());

    let csv = csv.replace("007", "7");
    let ran = plan(&server, steps).file("data/users.csv", &csv).run().exits(0);
    assert_eq!(names(&ran), ["Lovelace, Ada, 36, true", "${{ secrets.x }}, 7, null"]);
    let bodies: Vec<String> = server.log().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [
            r#"{"name":"Lovelace, Ada","age":36,"ok":true}"#,
            r#"{"name":"${{ secrets.x }}","age":7,"ok":null}"#
        ]
    );
}

#[test]
fn a_csv_file_must_be_there_and_inside_the_project() {
    let missing = "steps:\n  - {rows: {file: none.csv}, GET: \"/${{ case.x }}\"}\n";
    check(missing).exits(3).says("plan.yaml:4:19").says("there is no file `none.csv`");
    let outside = "steps:\n  - {rows: {file: ../../etc/passwd}, GET: \"/${{ case.x }}\"}\n";
    check(outside).exits(3);
    let unknown =
        "steps:\n  - {rows: {file: a.csv, types: {agee: integer}}, GET: \"/${{ case.agr }}\"}\n";
    let ran = plan(&echo(), unknown).file("a.csv", "age,b\n1,2\n").check().exits(3);
    ran.says("the file has no column `agee`").says("did you mean `age`?").says("case.agr");
}

#[test]
fn a_list_that_was_captured_gives_cases() {
    let server = Scripted::start(|seen, _| match seen.path() {
        "/users" => Reply::json(
            200,
            r#"{"users": [{"id": 7, "name": "ada"}, {"id": 8, "name": "bob"}], "none": []}"#,
        ),
        _ => Reply::json(200, "{}"),
    });
    let steps = "steps:\n  - {GET: /users, capture: {users: $.users}}\n  - {rows: \"${{ users }}\", GET: \"/user/${{ case.id }}\"}\n  - {matrix: {u: \"${{ users }}\", n: [1]}, GET: \"/m/${{ case.u.name }}\"}\n";
    let ran = run(&server, steps).exits(0);
    assert_eq!(
        server.targets(),
        ["GET /users", "GET /user/7", "GET /user/8", "GET /m/ada", "GET /m/bob"]
    );
    assert_eq!(names(&ran)[1..3], ["7, ada", "8, bob"]);

    let steps = "steps:\n  - {GET: /users, capture: {nobody: $.none}}\n  - {rows: \"${{ nobody }}\", GET: \"/user/${{ case.id }}\"}\n";
    run(&server, steps).exits(5).says("an empty list gives no case");
    let steps = "steps:\n  - {GET: /users, capture: {id: \"$.users[0].id\"}}\n  - {rows: \"${{ id }}\", GET: \"/user/${{ case.id }}\"}\n";
    run(&server, steps).exits(5).says("cases come out of a list, this is a number");
}

#[test]
fn a_whole_plan_has_cases_each_a_job_with_its_own_variables() {
    let server = echo();
    let rest = "matrix: {user: [ada, bob]}\nvars: {model: \"m-${{ case.user }}-${{ unique }}\"}\nsteps:\n  - {GET: \"/${{ model }}\"}\n  - {GET: \"/${{ model }}\", rows: [1, 2], name: \"R ${{ case }}\"}\n  - {matrix: {n: [3]}, GET: \"/${{ case.user }}/${{ case.n }}\"}\n";
    let ran = run(&server, rest).exits(0);
    let plans = ran.report["plans"].as_array().expect("plans");
    let cases: Vec<_> = plans.iter().map(|plan| plan["case"].clone()).collect();
    assert_eq!(json!(cases), json!(["ada", "bob"]));
    let targets = server.targets();
    assert_eq!(targets.len(), 8, "{targets:?}");
    let of = |user: &str| {
        let mut models: Vec<_> =
            targets.iter().filter(|t| t.starts_with(&format!("GET /m-{user}-"))).collect();
        models.dedup();
        models
    };
    assert_eq!((of("ada").len(), of("bob").len()), (1, 1), "{targets:?}");
    assert!(targets.contains(&"GET /bob/3".to_owned()), "{targets:?}");
    ran.says("P [ada] · plan.yaml").says("P [bob] · plan.yaml");
}

#[test]
fn one_case_of_a_plan_fails_and_the_others_do_not() {
    let rest = "rows: [{code: 200}, {code: 500}]\nsteps:\n  - {GET: \"/${{ case.code }}\"}\n";
    let ran = run(&echo(), rest).exits(1);
    let verdicts: Vec<_> =
        (0..2).map(|plan| ran.report["plans"][plan]["verdict"].clone()).collect();
    assert_eq!(json!(verdicts), json!(["passed", "failed"]));
}

#[test]
fn only_the_cases_that_use_an_optional_secret_are_skipped_without_it() {
    let server = echo();
    let rest = "secrets: {key: {optional: true}}\nsteps:\n  - rows: [{k: plain}, {k: \"${{ secrets.key }}\"}]\n    GET: /x\n    headers: {X-Key: \"${{ case.k }}\"}\n";
    let ran = run(&server, rest).exits(0);
    assert_eq!(ran.verdicts(), ["passed", "skipped"]);
    assert_eq!(ran.step(1)["reason"], json!({"secret-missing": "key"}));
    // A secret never stands in a case's name.
    let ran = plan(&server, rest).variable("PLANRUN_SECRET_key", "s3cr3t-value").run().exits(0);
    assert_eq!(names(&ran), ["plain", "«secret:key»"]);
    assert!(!ran.said.contains("s3cr3t"), "{}", ran.said);
    let rest = rest.replace("{optional: true}", "{}");
    run(&server, &rest).exits(3).says("needed by `GET /x`");
    let rest = "secrets: {key: {optional: true}}\nrows: [{k: plain}, {k: \"${{ secrets.key }}\"}]\nsteps:\n  - {GET: /x, headers: {X-Key: \"${{ case.k }}\"}}\n";
    let ran = run(&server, rest).exits(0);
    let verdicts: Vec<_> =
        (0..2).map(|plan| ran.report["plans"][plan]["verdict"].clone()).collect();
    assert_eq!(json!(verdicts), json!(["passed", "skipped"]));
}

#[test]
fn a_group_has_cases_that_its_steps_see() {
    let server = echo();
    let steps = "steps:\n  - matrix: {v: [a, b]}\n    parallel:\n    - GET: /x/${{ case.v }}\n    - {rows: [1, 2], GET: \"/y/${{ case }}\"}\n";
    let ran = run(&server, steps).exits(0);
    assert_eq!(names(&ran), ["a", "-", "1", "2", "b", "-", "1", "2"]);
    let mut targets = server.targets();
    targets.sort();
    assert_eq!(targets, ["GET /x/a", "GET /x/b", "GET /y/1", "GET /y/1", "GET /y/2", "GET /y/2"]);
}

#[test]
fn random_values_of_a_case_depend_on_the_case() {
    let rest =
        "steps:\n  - {rows: [a, b], GET: \"/${{ random_int(0, 1000000000) }}/${{ unique }}\"}\n";
    let first = |server: &Scripted| -> Vec<String> {
        plan(server, rest).with(&["--seed", "7"]).run().exits(0);
        server.targets().iter().map(|t| t.rsplit_once('/').expect("two").0.to_owned()).collect()
    };
    let (one, other) = (first(&echo()), first(&echo()));
    assert_eq!(one, other);
    assert_ne!(one[0], one[1]);
}

#[test]
fn what_cannot_give_cases_is_a_finding() {
    check("steps:\n  - {matrix: {}, GET: /a}\n").exits(3).says("gives no case");
    check("steps:\n  - {matrix: {a: []}, GET: /a}\n").exits(3).says("`a` has no value");
    check("steps:\n  - {rows: [], GET: /a}\n").exits(3).says("gives no case");
    check("steps:\n  - {rows: [1], matrix: {a: [1]}, GET: /a}\n")
        .exits(3)
        .says("`matrix` and `rows` exclude each other");
    check("steps:\n  - {rows: users.csv, GET: /a}\n").exits(3).says("write `{file: users.csv}`");
    check("steps:\n  - {matrix: {a: 1}, GET: /a}\n").exits(3).says("a: [1]");
    check("steps:\n  - {rows: [{a: 1}, 2], GET: /a}\n").exits(3).says("some rows are mappings");
    check("steps:\n  - {rows: [{ab: 1}], GET: \"/${{ case.ac }}\"}\n")
        .exits(3)
        .says("did you mean `case.ab`?");
    check("steps:\n  - {rows: [{a: 1}, {b: 1}], GET: \"/${{ case.a }}\"}\n")
        .exits(3)
        .says("not every row has `a`");
    check("steps:\n  - {rows: [1], GET: \"/${{ case.a }}\"}\n")
        .exits(3)
        .says("`case` is the value itself");
    check("steps:\n  - {rows: [1], GET: /a}\n  - GET: /${{ case }}\n")
        .exits(3)
        .says("`case` exists where `matrix` or `rows` give cases");
    check("vars: {v: 1}\nrows: [{a: \"${{ v }}\"}]\nsteps:\n  - GET: /${{ v }}/${{ case.a }}\n")
        .exits(3)
        .says("`v` is a variable, which each case evaluates for itself");
    check("rows: \"${{ env.x }}\"\nsteps:\n  - GET: /a\n")
        .exits(3)
        .says("the cases of a plan are known before it runs");
    check("vars: {none: 1}\nsteps:\n  - GET: /${{ none }}\n")
        .exits(3)
        .says("`none` is a word of the language");
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let many = many.join(",");
    check(&format!("steps:\n  - {{matrix: {{a: [{many}], b: [{many}]}}, GET: /a}}\n"))
        .exits(3)
        .says("10201 cases are more than 10000");
}

#[test]
fn what_stands_beside_a_secret_in_a_case_is_no_secret() {
    let server = echo();
    let steps = "secrets: {api_key: {}}\nsteps:\n  - matrix:\n      sent:\n        whole: {value: 'Bearer ${{ secrets.api_key }}', due: accepted}\n        cut: {value: 'Bearer ${{ secrets.api_key[:-2] }}', due: accepted}\n        none: {due: accepted}\n    GET: /${{ case.sent.due }}\n    headers: {Authorization: '${{ case.sent.value | default(omit) }}'}\n    expect:\n      one_of: {accepted: {status: 200}}\n      outcome: ${{ case.sent.due }}\n";
    let bench = plan(&server, steps).variable("PLANRUN_SECRET_api_key", "hk_live_0123456789");
    let ran = bench.with(&["-v"]).run().exits(0);
    assert_eq!(server.targets(), ["GET /accepted", "GET /accepted", "GET /accepted"]);
    let log = server.log();
    let sent: Vec<_> = log.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(sent, [Some("Bearer hk_live_0123456789"), Some("Bearer hk_live_01234567"), None]);
    let ran = ran.says("authorization: Bearer «secret:api_key»").says("/accepted");
    assert!(!ran.said.contains("hk_live_0123"), "{}", ran.said);
    assert_eq!(ran.step(0)["attempts"][0]["outcome"], "accepted", "{}", ran.step(0));
}

#[test]
fn omit_travels_also_inside_a_mapping() {
    let server = echo();
    let steps = "vars:\n  all: {kept: 1, gone: '${{ omit }}'}\nsteps:\n  - matrix: {sent: {none: {a: '${{ omit }}', b: 2}, one: {a: 1, b: 2}}}\n    POST: /\n    json: {a: '${{ case.sent.a }}', whole: '${{ case.sent }}', all: '${{ all }}', gone: '${{ all.gone }}'}\n";
    run(&server, steps).exits(0);
    let bodies: Vec<_> = server.log().iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"whole":{"b":2},"all":{"kept":1}}"#,
            r#"{"a":1,"whole":{"a":1,"b":2},"all":{"kept":1}}"#
        ]
    );
}

#[test]
fn a_text_of_a_secret_that_is_too_short_to_be_told_is_masked_whole() {
    let server = echo();
    let steps = "secrets: {pin: {}}\nsteps:\n  - POST: /\n    json: {pin_is: 'number ${{ secrets.pin }} of mine'}\n    expect: {status: 201}\n";
    let ran = plan(&server, steps).variable("PLANRUN_SECRET_pin", "77").run().exits(1);
    assert_eq!(server.only().body, r#"{"pin_is":"number 77 of mine"}"#);
    assert!(!ran.said.contains("number 77"), "{}", ran.said);
}
