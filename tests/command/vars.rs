//! `planrun vars`: each variable and secret of a plan, and where it comes from.

use crate::{Project, Ran, json};

const KEY: &str = "hk_live_0123456789abcdef";

fn project() -> Project {
    let project = Project::new();
    project.write("environments/base.yaml", "environment: base\nvars: {a: 1, b: low, c: base}\n");
    project.write(
        "environments/e.yaml",
        "environment: e\nextends: base\nservices: {registry: {builtin: demo}}\n\
         vars: {b: high, url: \"${{ services.registry.url }}/x\", token: abcdefgh}\n\
         secrets:\n  api_key: {env_var: STAGING_KEY}\n  demo_key: {value: \"${{ services.registry.api_key }}\"}\n",
    );
    project.write(
        "p.yaml",
        "plan: P\ninputs: [who]\nvars: {size: 3, text: \"${{ env.b }}-${{ secrets.api_key }}-${{ who }}\"}\n\
         secrets:\n  api_key: {matches: ^hk_}\n  demo_key: {}\n  other: {optional: true}\nsteps:\n  - POST: ${{ env.url }}\n    \
         json: [\"${{ text }}\", \"${{ size }}\", \"${{ secrets.demo_key }}\", \"${{ secrets.other }}\"]\n",
    );
    project
}

fn row<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let found = ran.out.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
    found.unwrap_or_else(|| panic!("no {name} in {}\n{}", ran.out, ran.err))
}

#[test]
fn every_variable_and_secret_is_shown_with_its_source() {
    let project = project();
    let args = ["vars", "p.yaml", "-e", "e", "--var", "who=me", "--var", "env.c=cli"];
    let given = [("STAGING_KEY", KEY), ("PLANRUN_VAR_a", "7")];
    let ran = project.run_with(&args, &given).ends(0).never_says(KEY).never_says("abcdefgh");
    assert!(ran.out.starts_with("P · p.yaml · environment e\n"), "{}", ran.out);
    for (name, value, source) in [
        ("env.a", "7", "PLANRUN_VAR_a"),
        ("env.b", "high", "environments/e.yaml:4:11"),
        ("env.c", "cli", "--var"),
        ("env.url", "{services.registry.url}/x", "environments/e.yaml:4:22"),
        ("env.token", "«secret»", "environments/e.yaml:4:63"),
        ("size", "3", "p.yaml:3:14"),
        ("text", "high-«secret:api_key»-me", "p.yaml:3:23"),
        ("who", "me", "--var"),
        (
            "secrets.api_key",
            "«secret:api_key»",
            "the variable `STAGING_KEY` (environments/e.yaml:6:12)",
        ),
        ("secrets.demo_key", "«secret:demo_key»", "a service (environments/e.yaml:7:13)"),
        ("secrets.other", "missing (optional)", "the variable `OTHER`"),
    ] {
        let row = row(&ran, name);
        assert!(row.contains(&format!(" {value} ")) && row.contains(source), "{row}");
    }
}

#[test]
fn vars_tells_programs_the_same() {
    let project = project();
    let args = ["vars", "p.yaml", "-e", "e", "--format", "json", "--var", "who=me"];
    let ran = project.run_with(&args, &[("STAGING_KEY", "Bearer x")]).ends(0);
    let listed = json(&ran.out);
    let (variables, secrets) = (&listed[0]["variables"], &listed[0]["secrets"]);
    assert_eq!(listed[0]["environment"], "e");
    let named = variables.as_array().and_then(|all| all.iter().find(|it| it["name"] == "env.a"));
    let named = named.expect("`env.a`");
    assert_eq!(
        (&named["value"], &named["source"]),
        (&1.into(), &"environments/base.yaml:2:11".into())
    );
    assert_eq!(secrets[0]["state"], "malformed");
    assert_eq!(secrets[0]["at"], "environments/e.yaml:6:12");
    assert_eq!(secrets[0]["needed_by"][0], "POST ${{ env.url }}");
    assert_eq!(secrets[1]["state"], "from-service");
    assert_eq!((&secrets[2]["state"], &secrets[2]["optional"]), (&"missing".into(), &true.into()));
    let empty = project.run_with(&args, &[("STAGING_KEY", "")]).ends(0);
    assert_eq!(json(&empty.out)[0]["secrets"][0]["state"], "empty");
}

#[test]
fn what_is_wrong_is_said_and_what_is_known_is_shown() {
    let project = project();
    let args = ["vars", "p.yaml", "-e", "base", "--var", "who=me"];
    let ran = project.run(&args).ends(3).says("the environment `base` has no variable `url`");
    assert!(row(&ran, "env.b").contains("low"), "{}", ran.out);
    assert!(row(&ran, "secrets.api_key").contains("set the variable API_KEY"), "{}", ran.out);
    project.run(&["vars", "p.yaml", "-e", "bsae"]).ends(2).says("did you mean `base`?");
    project.run(&["vars"]).ends(2);
}

#[test]
fn a_variable_that_only_a_case_decides_is_shown_as_it_is_written() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P\nmatrix: {size: [1, 2]}\nvars: {name: \"n-${{ case.size }}\", fixed: 7}\nsteps:\n  - GET: http://h/${{ name }}/${{ fixed }}\n",
    );
    let ran = project.run(&["vars", "p.yaml"]).ends(0);
    assert!(row(&ran, "name").contains("\"n-${{ case.size }}\"  p.yaml:3:14"), "{}", ran.out);
    assert!(row(&ran, "fixed").contains(" 7 "), "{}", ran.out);
    let listed = json(&project.run(&["vars", "p.yaml", "--format", "json"]).ends(0).out);
    let name = &listed[0]["variables"][0];
    assert!(name["value"].is_null() && name["written"] == "\"n-${{ case.size }}\"", "{name}");
}
