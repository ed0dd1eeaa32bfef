//! `planrun compare plans/ -e A -e B`: the same plans on two environments, and what counts as different.

use crate::scripted::{Reply, Scripted};
use crate::{Project, json};

/// A project with the environments `one` and `two`, each on a server of its own.
fn project(one: &Scripted, two: &Scripted, steps: &str) -> Project {
    let project = Project::new();
    for (name, server) in [("one", one), ("two", two)] {
        let file = format!("environment: {name}\nvars: {{url: \"{}\"}}\n", server.url());
        project.write(&format!("environments/{name}.yaml"), &file);
    }
    project.plan("p.yaml", steps);
    project
}

const BOTH: [&str; 6] = ["compare", "p.yaml", "-e", "one", "-e", "two"];
const GET: &str = "  - {name: Look, GET: \"${{ env.url }}/models\"}\n";

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    BOTH.into_iter().chain(more.iter().copied()).collect()
}

/// A server that always answers this.
fn always(body: &'static str) -> Scripted {
    Scripted::start(move |_, _| Reply::json(200, body))
}

#[test]
fn environments_that_answer_alike_are_alike_and_the_first_is_asked_twice() {
    let (one, two) = (always(r#"{"n": 1.0}"#), always(r#"{ "n": 1 }"#));
    let project = project(&one, &two, GET);
    project.run(&BOTH).ends(0).says("alike: 1 step");
    assert_eq!((one.log().len(), two.log().len()), (2, 1));
}

#[test]
fn a_body_is_compared_by_path_and_places_under_one_path_are_told_together() {
    let one = always(r#"{"models": [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}], "only": true}"#);
    let two = always(r#"{"models": [{"id": 7, "v": "a"}, {"id": 8, "v": "b"}]}"#);
    let project = project(&one, &two, GET);
    let ran = project
        .run(&BOTH)
        .ends(1)
        .says("Answered otherwise (1)")
        .says("$.models[*].id (in 2 places, the first:)")
        .says("one: 1")
        .says("two: 7")
        .says("$.only")
        .says("two: not there")
        .says("different: 0 steps ended otherwise, 1 answered otherwise, 1 ended alike");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    ran.never_says("$.models[*].v");
    project.run(&with(&["--ignore", "$.models[*].id", "--ignore", "$.only"])).ends(0);
    let value = json(&project.run(&with(&["--format", "json"])).ends(1).out);
    assert_eq!(value["answers"]["steps"][0]["differences"][0]["what"], "$.models[*].id");
    assert_eq!(value["answers"]["steps"][0]["differences"][0]["places"], 2);
    project
        .run(&with(&["--format", "markdown"]))
        .ends(1)
        .says("| $.models\\[\\*\\].id | 2 | 1 | 7 |");
}

#[test]
fn what_differs_between_two_tries_on_one_side_is_noise_unless_its_type_does() {
    let noisy = || {
        Scripted::start(|_, number| {
            Reply::json(200, &format!(r#"{{"tag": "t-{number}", "n": {number}, "v": 1}}"#))
                .with("X-Trace", &number.to_string())
        })
    };
    let (one, two) = (
        noisy(),
        Scripted::start(|_, _| {
            Reply::json(200, r#"{"tag": "other", "n": 99, "v": 1}"#).with("X-Trace", "z")
        }),
    );
    let same = project(&one, &two, GET);
    same.run(&BOTH).ends(0).says("Not counted: 3 places differ on one by itself");
    // The type is never noise, nor is what is missing.
    let typed = always(r#"{"tag": null, "n": 99, "v": 1}"#);
    let project = project(&noisy(), &typed, GET);
    project
        .run(&BOTH)
        .ends(1)
        .says("$.tag")
        .says("two: null")
        .never_says("$.n")
        .says("headers.x-trace");
}

#[test]
fn a_status_is_no_noise_although_it_differs_on_one_side_too() {
    let one = Scripted::start(|_, number| Reply::json(if number == 0 { 200 } else { 500 }, "{}"));
    let two = Scripted::start(|_, _| Reply::json(503, "{}"));
    let steps = "  - {name: Look, GET: \"${{ env.url }}/\", expect: {status: any}}\n";
    let project = project(&one, &two, steps);
    project.run(&BOTH).ends(1).says("200 → 503").says("one: 200").says("two: 503");
}

#[test]
fn another_status_shows_both_bodies_shortened_and_no_paths() {
    let one = always(r#"{"a": 1}"#);
    let two =
        Scripted::start(|_, _| Reply::json(503, &format!(r#"{{"error": "{}"}}"#, "x".repeat(500))));
    let project =
        project(&one, &two, "  - {name: Look, GET: \"${{ env.url }}/\", expect: {status: any}}\n");
    let ran = project.run(&BOTH).ends(1).says("Answered with another status (1)").says("200 → 503");
    let ran = ran.says("status").says("body").says("xxx").never_says("$.a");
    assert!(!ran.out.contains(&"x".repeat(300)), "{}", ran.out);
    // What each side expected comes first.
    project.plan("p.yaml", GET);
    project
        .run(&BOTH)
        .ends(1)
        .says("Only on one as expected (1)")
        .says("passed → failed")
        .says("503");
}

#[test]
fn what_each_side_captured_is_one_value() {
    let server = |id: &'static str| {
        Scripted::start(move |seen, _| match seen.path() {
            "/new" => Reply::json(200, &format!(r#"{{"id": "{id}"}}"#)),
            _ => Reply::json(200, &format!(r#"{{"self": "/runs/{id}", "n": 1}}"#)),
        })
    };
    let (one, two) = (server("run-aaaa"), server("run-bbbb"));
    let steps = "  - {GET: \"${{ env.url }}/new\", capture: {id: $.id}}\n  - GET: ${{ env.url }}/x/${{ id }}\n";
    let project = project(&one, &two, steps);
    project.run(&BOTH).ends(0).says("alike: 2 steps");
    project.plan("p.yaml", "  - GET: ${{ env.url }}/new\n  - GET: ${{ env.url }}/x\n");
    project.run(&BOTH).ends(1).says("$.self");
}

#[test]
fn a_list_by_a_field_numbers_that_are_close_and_texts_that_are_replaced() {
    let one = always(r#"{"l": [{"name": "a"}, {"name": "b"}], "s": 0.50, "h": "node-1"}"#);
    let two = always(r#"{"l": [{"name": "b"}, {"name": "a"}], "s": 0.51, "h": "node-22"}"#);
    let project = project(&one, &two, GET);
    project.run(&BOTH).ends(1).says("$.l[*].name").says("$.s").says("$.h");
    let rules = ["--set-by", "$.l=name", "--within", "$.s=0.02", "--replace", "node-\\d+=node"];
    project.run(&with(&rules)).ends(0).says("2 places were passed over by a rule");
    project.run(&with(&["--ignore", "$.["])).ends(2).says("is no path");
    project.run(&with(&["--set-by", "$.l"])).ends(2).says("wants PATH=FIELD");
    project.run(&with(&["--within", "$.s=near"])).ends(2).says("is no distance");
    project.run(&with(&["--replace", "(=x"])).ends(2).says("--replace");
}

#[test]
fn a_step_that_one_side_skips_is_a_difference() {
    let (one, two) = (always("{}"), always("{}"));
    let project = project(&one, &two, GET);
    let file = format!("environment: two\nvars: {{url: \"{}\", look: false}}\n", two.url());
    project.write("environments/two.yaml", &file);
    let file = format!("environment: one\nvars: {{url: \"{}\", look: true}}\n", one.url());
    project.write("environments/one.yaml", &file);
    project.plan(
        "p.yaml",
        "  - GET: ${{ env.url }}/a\n  - {name: B, if: env.look, GET: \"${{ env.url }}/b\"}\n",
    );
    project.run(&BOTH).ends(1).says("passed → skipped").says("p.yaml · B");
}

#[test]
fn what_writes_is_refused_before_anything_is_sent_unless_it_is_allowed() {
    let (one, two) = (always("{}"), always("{}"));
    let project = project(&one, &two, "  - POST: ${{ env.url }}/new\n");
    project.run(&BOTH).ends(3).says("command::compared-write").says("sends it three times");
    assert_eq!((one.log().len(), two.log().len()), (0, 0));
    project.run(&with(&["--allow-writes"])).ends(0);
    assert_eq!((one.log().len(), two.log().len()), (2, 1));
    // Never where it is protected.
    let file = format!("environment: two\nprotected: true\nvars: {{url: \"{}\"}}\n", two.url());
    project.write("environments/two.yaml", &file);
    project.run(&with(&["--allow-writes"])).ends(3).says("never writes on the protected");
    assert_eq!((one.log().len(), two.log().len()), (2, 1));
    project.plan("p.yaml", GET);
    project.run(&BOTH).ends(0);
}

#[test]
fn a_secret_of_either_side_stays_a_secret_and_its_equality_is_seen() {
    let echo = || {
        Scripted::start(|seen, _| {
            Reply::json(
                200,
                &format!(r#"{{"got": "{}"}}"#, seen.header("x-api-key").unwrap_or_default()),
            )
        })
    };
    let (one, two) = (echo(), echo());
    let project = project(&one, &two, GET);
    for (name, server) in [("one", &one), ("two", &two)] {
        let variable = name.to_uppercase();
        let file = format!(
            "environment: {name}\nvars: {{url: \"{}\"}}\nsecrets: {{api_key: {{env_var: KEY_{variable}}}}}\n",
            server.url()
        );
        project.write(&format!("environments/{name}.yaml"), &file);
    }
    let plan = "plan: P\nsecrets: {api_key: {}}\nsteps:\n  - GET: ${{ env.url }}/\n    auth: {api_key: {header: X-Api-Key, value: \"${{ secrets.api_key }}\"}}\n";
    project.write("p.yaml", plan);
    let keys = [("KEY_ONE", "hk_live_aaaaaaaa"), ("KEY_TWO", "hk_live_bbbbbbbb")];
    let ran = project.run_with(&with(&["--format", "json"]), &keys).ends(0);
    ran.never_says("hk_live_aaaaaaaa").never_says("hk_live_bbbbbbbb");
}

#[test]
fn two_sides_that_nobody_answers_on_are_no_good_news() {
    let (one, two) = (Scripted::start(|_, _| Reply::Close), Scripted::start(|_, _| Reply::Close));
    let project = project(&one, &two, GET);
    project.run(&BOTH).ends(5);
    project.plan("p.yaml", "  - {skip: later, GET: \"${{ env.url }}/\"}\n");
    project.run(&BOTH).ends(4);
}

#[test]
fn plans_are_compared_on_two_environments_and_no_other_number() {
    let (one, two) = (always("{}"), always("{}"));
    let project = project(&one, &two, GET);
    project.run(&["compare", "p.yaml", "-e", "one"]).ends(2).says("-e A -e B");
    project.run(&["compare", "p.yaml", "-e", "one", "-e", "nowhere"]).ends(2).says("nowhere");
    project.run(&["compare", "a", "b", "c"]).ends(2).says("two runs are compared at a time");
    project.run(&["compare", "."]).ends(2).says("plans are compared on two environments");
    assert_eq!(one.log().len(), 0);
}

#[test]
fn what_is_masked_on_both_sides_is_not_said_to_be_equal() {
    let answer = |token: &str| {
        let body =
            format!(r#"{{"token": "{token}", "items": [{{"api_key": "{token}"}}], "n": 1}}"#);
        let token = token.to_owned();
        Scripted::start(move |_, _| Reply::json(200, &body).with("X-Api-Key", &token))
    };
    let project = project(&answer("one-4711"), &answer("two-4712"), GET);
    let ran = project.run(&BOTH).ends(0).never_says("471").says("alike: 1 step");
    let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "Not compared: `$.items[*].api_key`, `$.token`, `headers.x-api-key`; masked on both \
                sides, so nobody knows whether it is the same";
    assert!(flat.contains(told), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    let value = json(&project.run(&with(&["--format", "json"])).ends(0).out);
    let masked = serde_json::json!(["$.items[*].api_key", "$.token", "headers.x-api-key"]);
    assert_eq!(value["answers"]["masked"], masked);
    project.run(&with(&["--format", "markdown"])).ends(0).says("Not compared: ");
    // What a rule passes over, and what is no secret, is not told so.
    let rules = ["--ignore", "$.items", "--ignore", "$.token", "--ignore", "headers.x-api-key"];
    project.run(&with(&rules)).ends(0).never_says("Not compared");
}
