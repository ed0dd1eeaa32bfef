//! What the commands say of plans in plans: listings, dry runs, curl lines, variables, selections.

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

/// A plan that includes one twice, which includes another.
fn project(server: &Misbehaving) -> Project {
    let project = Project::new();
    project.write("environments/here.yaml", "environment: here\nvars: {word: low}\n");
    let url = |path: &str| server.url(path);
    project.write(
        "flows/login.yaml",
        &format!(
            "plan: Log in\ninclude_only: true\ninputs: [user]\nvars: {{greeting: \"hello ${{{{ user }}}}\"}}\nsecrets: {{api_key: {{optional: true}}}}\nsetup:\n  - GET: {}\nsteps:\n  - name: Ask as ${{{{ user }}}}\n    id: inner\n    POST: {}\n    json: {{text: \"${{{{ greeting }}}}\"}}\n    expect: {{status: 2xx}}\n    capture: {{token: {{text: true}}}}\n  - {{include: deep.yaml, with: {{n: 3}}}}\ncleanup:\n  - DELETE: {}\n",
            url("/ok?setup"),
            url("/ok?login"),
            url("/ok?logout"),
        ),
    );
    project.write(
        "flows/deep.yaml",
        &format!(
            "plan: Deep\ninclude_only: true\ninputs: [n]\nsteps:\n  - GET: {}${{{{ n }}}}\n",
            url("/ok?deep")
        ),
    );
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - {{id: first, GET: {}}}\n  - id: login\n    name: Log in\n    include: flows/login.yaml\n    with: {{user: ada}}\n    export: [token]\n  - {{include: flows/login.yaml, with: {{user: \"${{{{ case }}}}\"}}, rows: [bob, eve]}}\n  - {{id: last, GET: \"{}${{{{ token }}}}\"}}\n",
            url("/ok?first"),
            url("/ok?last="),
        ),
    );
    project
}

fn asked(server: &Misbehaving) -> Vec<String> {
    let log = server.log();
    log.iter().filter_map(|seen| Some(seen.target.split_once('?')?.1.to_owned())).collect()
}

#[test]
fn a_listing_shows_the_steps_inside_with_their_own_lines() {
    let server = Misbehaving::start();
    let project = project(&server);
    let ran = project.run(&["list", "."]).ends(0);
    insta::assert_snapshot!(ran.out.replace(&server.url(""), "http://h"));
    let ran = project.run(&["list", "p.yaml", "--format", "json"]).ends(0);
    let plans = json(&ran.out);
    let steps = plans[0]["steps"].as_array().expect("steps").clone();
    assert_eq!(steps.len(), 14, "{}", ran.out);
    let deep = &steps[5];
    assert_eq!(deep["place"], "flows/deep.yaml:5:5");
    assert_eq!(deep["included_from"], serde_json::json!(["flows/login.yaml:15:6", "p.yaml:4:5"]));
    assert_eq!((&deep["depth"], &steps[1]["kind"]), (&2.into(), &"include".into()));
    assert_eq!(server.log().len(), 0);
}

#[test]
fn a_dry_run_shows_what_the_steps_inside_would_send() {
    let server = Misbehaving::start();
    let project = project(&server);
    let ran = project.run(&["p.yaml", "--dry-run"]).ends(0);
    insta::assert_snapshot!(ran.out.replace(&server.url(""), "http://h"));
    let ran = project.run(&["p.yaml", "--dry-run", "--format", "json"]).ends(0);
    let steps = json(&ran.out)[0]["steps"].as_array().expect("steps").clone();
    let asks: Vec<_> =
        steps.iter().filter(|step| step["place"] == "flows/login.yaml:9:5").collect();
    let sent: Vec<_> = asks.iter().map(|step| step["request"]["body"]["text"].clone()).collect();
    let sent: Vec<String> =
        sent.iter().map(|text| text.as_str().expect("text").replace([' ', '\n'], "")).collect();
    assert_eq!(sent, ["ada", "bob", "eve"].map(|name| format!("{{\"text\":\"hello{name}\"}}")));
    assert_eq!(asks[1]["included_from"], serde_json::json!(["p.yaml:9:6"]));
    assert_eq!(server.log().len(), 0);
}

#[test]
fn curl_of_an_include_is_a_line_for_each_request_before_its_cleanup() {
    let server = Misbehaving::start();
    let project = project(&server);
    let ran = project.run(&["curl", "p.yaml", "--step", "login"]).ends(0);
    let queries = ["setup", "login", "deep3"];
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    for (line, query) in ran.out.lines().zip(queries) {
        assert!(line.starts_with("curl ") && line.contains(&format!("?{query}")), "{line}");
    }
    project.run(&["curl", "p.yaml", "--step", "inner"]).ends(2).says("`inner`");
}

#[test]
fn an_include_is_selected_as_a_whole() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.run(&["p.yaml", "--step", "login"]).ends(0).says("4 steps");
    assert_eq!(asked(&server), ["setup", "login", "deep3", "logout"]);
    // What needs it brings it along.
    let server = Misbehaving::start();
    let project = self::project(&server);
    project.run(&["p.yaml", "--step", "last"]).ends(0);
    assert!(asked(&server)[..3] == ["setup", "login", "deep3"], "{:?}", asked(&server));
    let server = Misbehaving::start();
    let project = self::project(&server);
    project.run(&["p.yaml", "--until", "login"]).ends(0);
    assert_eq!(asked(&server), ["first", "setup", "login", "deep3", "logout"]);
    let server = Misbehaving::start();
    let project = self::project(&server);
    project.run(&["p.yaml", "-E", "step(/^Log in$/)"]).ends(0);
    assert_eq!(asked(&server), ["setup", "login", "deep3", "logout"]);
    project.run(&["p.yaml", "--step", "inner"]).ends(2).says("`inner`");
    project.run(&["p.yaml", "-E", "id(inner)"]).ends(4);
}

#[test]
fn what_is_left_of_a_run_is_the_include_and_not_a_step_inside() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "x.yaml",
        &format!(
            "plan: X\ninclude_only: true\nsteps:\n  - {{id: a, GET: {}}}\n  - GET: {}\n",
            server.url("/ok?x"),
            server.url("/status/500")
        ),
    );
    project.write(
        "p.yaml",
        &format!("plan: P\non_failure: continue\nsteps:\n  - {{id: a, GET: {}}}\n  - GET: {}\n  - include: x.yaml\n", server.url("/ok?own"), server.url("/ok?other")),
    );
    project.run(&["p.yaml"]).ends(1);
    let before = server.log().len();
    project.run(&["p.yaml", "--last-failed"]).ends(1);
    let again: Vec<String> =
        server.log()[before..].iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(again, ["/ok?x", "/status/500"]);
}

#[test]
fn vars_shows_what_an_included_plan_is_given_and_what_it_needs() {
    let server = Misbehaving::start();
    let project = project(&server);
    let ran = project.run(&["vars", "p.yaml", "-e", "here"]).ends(0);
    let lines: Vec<String> =
        ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "flows/login.yaml included at p.yaml:4:5",
        "user ada p.yaml:7:12",
        "greeting hello ada flows/login.yaml:4:18",
        "flows/deep.yaml included at flows/login.yaml:15:6",
        "n 3 flows/login.yaml:15:33",
    ] {
        assert!(lines.iter().any(|found| found == line), "`{line}` in\n{}", ran.out);
    }
    assert!(ran.out.contains("secrets.api_key"), "{}", ran.out);
    let ran = project.run(&["vars", "p.yaml", "--format", "json"]).ends(0);
    let included = json(&ran.out)[0]["included"].clone();
    assert_eq!(included[0]["included_from"], "p.yaml:4:5");
    assert_eq!(included[0]["variables"][1]["value"], "ada");
}

#[test]
fn writes_inside_an_included_plan_need_leave_in_a_protected_environment() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.write("environments/prod.yaml", "environment: prod\nprotected: true\n");
    let ran = project.run(&["p.yaml", "-e", "prod"]).ends(3).says("flows/login.yaml:11:5");
    assert_eq!(ran.err.matches("`POST` may write").count(), 1, "{}", ran.err);
    assert_eq!(server.log().len(), 0);
    project.run(&["p.yaml", "-e", "prod", "--step", "first"]).ends(0);
    project.run(&["p.yaml", "-e", "prod", "--allow-writes"]).ends(0);
}

#[test]
fn a_check_on_all_environments_looks_into_included_plans_and_runs_none_by_itself() {
    let project = Project::new();
    project.write(
        "plans/environments/a.yaml",
        "environment: a\nvars: {url: \"http://h\"}\nsecrets: {key: {env_var: K}}\n",
    );
    project.write("plans/environments/b.yaml", "environment: b\nvars: {ulr: \"http://h\"}\n");
    // The environments beside a plan that is only for including are not those that it runs on.
    project.write("flows/environments/c.yaml", "environment: c\n");
    project.write("flows/x.yaml", "plan: X\ninclude_only: true\nsecrets: {key: {}}\nsteps:\n  - {GET: \"${{ env.url }}\", auth: {bearer: \"${{ secrets.key }}\"}}\n");
    project.write(
        "plans/p.yaml",
        "plan: P\nsteps:\n  - include: ../flows/x.yaml\n  - include: ../flows/x.yaml\n",
    );
    let ran = project.run(&["check", ".", "-e", "all"]).ends(3);
    assert!(!ran.err.contains("`c`"), "{}", ran.err);
    assert_eq!(ran.err.matches("has no variable `url`").count(), 1, "{}", ran.err);
    let ran = ran.says("flows/x.yaml:5:16").says("the environment `b` has no variable `url`");
    ran.says("the secret `key` has no source in the environment `b`").says("included here");
    project
        .run_with(&["check", ".", "-e", "all"], &[("PLANRUN_VAR_url", "http://h"), ("KEY", "k")])
        .ends(0)
        .says("environments a, b ");
}

#[test]
fn a_plan_outside_of_the_project_is_included_only_where_that_is_allowed() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write("shared/x.yaml", &format!("plan: X\nsteps:\n  - GET: {}\n", server.url("/ok")));
    project.write("inner/planrun.yaml", "project: Inner\n");
    project.write("inner/p.yaml", "plan: P\nsteps:\n  - include: ../shared/x.yaml\n");
    project.run(&["inner/p.yaml"]).ends(3).says("plan::outside-root").says("inner/p.yaml:3:14");
    assert_eq!(server.log().len(), 0);
    project.run(&["inner/p.yaml", "--file-root", "shared"]).ends(0);
}
