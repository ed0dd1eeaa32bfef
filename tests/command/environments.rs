//! Which environment is chosen, what it extends, and which value of a variable wins.

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran};

/// A plan that shows variables by sending them, typed, as JSON.
fn showing(server: &Misbehaving) -> Project {
    let project = Project::new();
    project.write(
        "plans/p.yaml",
        &format!(
            "plan: P\nvars: {{own: 1}}\nsteps:\n  - POST: {}\n    json: {{x: \"${{{{ env.x }}}}\", own: \"${{{{ own }}}}\"}}\n",
            server.url("/echo")
        ),
    );
    project.write("environments/base.yaml", "environment: base\nvars: {x: from base, y: 1}\n");
    project.write("environments/top.yaml", "environment: top\nextends: base\n");
    project.write("environments/n.yaml", "environment: n\nextends: base\nvars: {x: 7}\n");
    project
}

fn sent(server: &Misbehaving, ran: Ran) -> String {
    ran.ends(0);
    let last = server.log().pop().expect("a request");
    String::from_utf8(last.body).expect("JSON")
}

#[test]
fn the_nearest_definition_wins() {
    let server = Misbehaving::start();
    let project = showing(&server);
    let says = |args: &[&str], variables: &[(&str, &str)], body: &str| {
        let mut all = vec!["plans"];
        all.extend(args);
        assert_eq!(
            sent(&server, project.run_with(&all, variables)),
            body,
            "{args:?} {variables:?}"
        );
    };
    says(&["-e", "top"], &[], r#"{"x":"from base","own":1}"#);
    says(&["-e", "n"], &[], r#"{"x":7,"own":1}"#);
    says(&[], &[("PLANRUN_ENV", "n")], r#"{"x":7,"own":1}"#);
    says(&["-e", "top"], &[("PLANRUN_ENV", "n")], r#"{"x":"from base","own":1}"#);
    // Values from outside are typed like what they replace.
    says(&["-e", "n"], &[("PLANRUN_VAR_x", "8")], r#"{"x":8,"own":1}"#);
    says(&["-e", "top"], &[("PLANRUN_VAR_x", "8")], r#"{"x":"8","own":1}"#);
    says(&["-e", "n", "--var", "env.x=9"], &[("PLANRUN_VAR_x", "8")], r#"{"x":9,"own":1}"#);
    says(&["-e", "n", "--var", "own=2"], &[], r#"{"x":7,"own":2}"#);
    says(&["-e", "n", "--var", "own=two"], &[], r#"{"x":7,"own":"two"}"#);
    says(&["--var", "env.x=alone"], &[], r#"{"x":"alone","own":1}"#);
    project.write("planrun.yaml", "project: test\ndefault_environment: n\n");
    says(&[], &[], r#"{"x":7,"own":1}"#);
    // Nearer to the plan.
    project.write("plans/environments/n.yaml", "environment: n\nvars: {x: near}\n");
    says(&[], &[], r#"{"x":"near","own":1}"#);
    project.write(".env", "PLANRUN_ENV=top\n");
    says(&[], &[], r#"{"x":"from base","own":1}"#);
}

#[test]
fn defaults_of_step_plan_environment_and_project_in_this_order() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "planrun.yaml",
        "project: test\ndefaults: {headers: {X-A: project, X-B: project, X-C: project, X-D: project}}\n",
    );
    project.write(
        "environments/e.yaml",
        "environment: e\ndefaults: {headers: {x-b: environment, x-c: environment, x-d: environment}}\n",
    );
    project.write(
        "p.yaml",
        &format!(
            "plan: P\ndefaults: {{base_url: \"{}\", headers: {{X-C: plan, X-D: plan}}}}\nsteps:\n  \
             - GET: /echo\n    headers: {{X-D: step}}\n",
            server.url("")
        ),
    );
    project.run(&["p.yaml", "-e", "e"]).ends(0);
    let seen = server.only("/echo");
    let got: Vec<_> = ["x-a", "x-b", "x-c", "x-d"].map(|name| seen.header(name)).into();
    assert_eq!(got, [Some("project"), Some("environment"), Some("plan"), Some("step")]);
}

#[test]
fn an_environment_that_is_not_there_is_a_usage_error_or_a_finding() {
    let server = Misbehaving::start();
    let project = showing(&server);
    project.run(&["plans", "-e", "tpo"]).ends(2).says("did you mean `top`?");
    project
        .run_with(&["plans"], &[("PLANRUN_ENV", "none")])
        .ends(2)
        .says("there is no environment");
    project.run(&["plans"]).ends(3).says("no environment was chosen").says("-e");
    project.write("planrun.yaml", "project: test\ndefault_environment: tpo\n");
    let ran = project.run(&["plans"]).ends(3).says("planrun.yaml:2:22").says("did you mean `top`?");
    assert!(ran.err.contains("1 error"), "what is unknown is not wrong: {}", ran.err);
    project.write("environments/n.yaml", "environment: n\nextends: bsae\n");
    let ran = project.run(&["plans", "-e", "n"]).ends(3).says("did you mean `base`?");
    assert!(ran.err.contains("1 error"), "{}", ran.err);
    assert_eq!(server.log().len(), 0);
}

#[test]
fn an_environment_with_another_name_than_its_file_is_a_warning() {
    let server = Misbehaving::start();
    let project = showing(&server);
    project.write("environments/top.yaml", "environment: tip\nextends: base\n");
    project
        .run(&["plans", "-e", "top"])
        .ends(0)
        .says("environment::misnamed")
        .says("environments/top.yaml:1:14")
        .says("`environment: top`");
    project.run(&["check", "plans", "-e", "top", "--strict"]).ends(3);
    project.run(&["plans", "-e", "n"]).ends(0).never_says("misnamed");
}

#[test]
fn environments_that_extend_each_other_are_a_cycle() {
    let server = Misbehaving::start();
    let project = showing(&server);
    project.write("environments/a.yaml", "environment: a\nextends: b\n");
    project.write("environments/b.yaml", "environment: b\nextends: a\n");
    project.write("plans/q.yaml", &project.read("plans/p.yaml"));
    let ran = project.run(&["plans", "-e", "a"]).ends(3).says("environments/b.yaml:2:10");
    assert_eq!(ran.err.matches("extend each other").count(), 1, "{}", ran.err);
}

#[test]
fn the_demo_starts_with_the_run_and_ends_with_it() {
    let project = Project::new();
    project.write(
        "environments/demo.yaml",
        "environment: demo\nservices: {registry: {builtin: demo}}\n\
         vars: {url: \"${{ services.registry.url }}\"}\n\
         secrets: {api_key: {value: \"${{ services.registry.api_key }}\"}}\n",
    );
    project.write(
        "p.yaml",
        "plan: P\nsecrets: {api_key: {}}\nsteps:\n  - GET: ${{ env.url }}/api/2.0/mlflow/experiments/search\n    \
         query: {max_results: 1}\n    auth: {bearer: \"${{ secrets.api_key }}\"}\n",
    );
    let ran = project.run(&["p.yaml", "-e", "demo", "-v"]).ends(0);
    assert!(ran.out.contains("«secret:api_key»") && !ran.out.contains("hk_"), "{}", ran.out);
    let broken = project.read("environments/demo.yaml").replace("demo}", "demo, fault: nonsense}");
    project.write("environments/demo.yaml", &broken);
    let ran = project.run(&["p.yaml", "-e", "demo"]).says("nonsense");
    assert!([3, 5].contains(&ran.code), "{ran:?}");
}
