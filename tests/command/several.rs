//! `check` against several environments: what each lacks, said once for each place.

use crate::{Project, Ran};

const PLAN: &str = "plan: P\nsecrets:\n  api_key: {}\n  extra: {optional: true}\nsteps:\n  \
                    - GET: ${{ env.url }}/a\n    name: Ask\n    auth: {bearer: \"${{ secrets.api_key }}\"}\n  \
                    - {GET: \"${{ env.auth_url }}/b\", headers: {X-A: \"${{ secrets.extra }}\"}}\n";

fn project() -> Project {
    let project = Project::new();
    project.write("p.yaml", PLAN);
    project.write("environments/base.yaml", "environment: base\nvars: {url: \"http://h\"}\n");
    let all = "secrets: {api_key: {env_var: KEY}}\n";
    project.write(
        "environments/whole.yaml",
        &format!("environment: whole\nextends: base\nvars: {{auth_url: \"http://a\"}}\n{all}"),
    );
    project.write("environments/lean.yaml", &format!("environment: lean\nextends: base\n{all}"));
    project.write(
        "environments/poor.yaml",
        "environment: poor\nextends: base\nvars: {auth_ulr: \"http://a\"}\n",
    );
    project
}

/// How many findings there are, by the word that they begin with.
fn count(ran: &Ran, severity: &str) -> usize {
    ran.err.matches(&format!("{severity}[")).count()
}

#[test]
fn every_environment_is_checked_and_what_one_lacks_that_others_extend_is_not_judged() {
    let project = project();
    let ran = project
        .run(&["check", "p.yaml", "-e", "all"])
        .ends(3)
        .says("the environments `lean` and `poor` have no `env.auth_url`")
        .says("p.yaml:9:16")
        .says("the secret `api_key` has no source in the environment `poor`")
        .says("p.yaml:3:3")
        .never_says("`base`")
        .never_says("`extra`");
    assert_eq!((count(&ran, "error"), count(&ran, "warning")), (1, 1), "{}", ran.err);
    // What the process gives counts for all of them.
    let given = [("PLANRUN_VAR_auth_url", "http://a"), ("API_KEY", "k")];
    project
        .run_with(&["check", "p.yaml", "-e", "all"], &given)
        .ends(0)
        .says("environments base, lean, poor, whole (what base lacks is not judged: others extend it)")
        .never_says("warning");
    project
        .run_with(&["check", "p.yaml", "-e", "all"], &given[..1])
        .ends(0)
        .says("has no source in the environment `poor`")
        .says("needed by `Ask`");
    project.run_with(&["check", "p.yaml", "-e", "all", "--strict"], &given[..1]).ends(3);
    // The default one, and one that is named, has to be whole.
    project.run(&["check", "p.yaml", "-e", "all", "-e", "base"]).ends(3).says("`base`, `lean` and");
    project.write("planrun.yaml", "project: test\ndefault_environment: base\n");
    project.run(&["check", "p.yaml", "-e", "all"]).ends(3).says("`base`, `lean` and");
    // What else is wrong with it is said all the same.
    project.write("planrun.yaml", "project: test\n");
    project.write("environments/base.yaml", "environment: base\nvras: {}\n");
    project.run(&["check", "p.yaml", "-e", "all"]).ends(3).says("environments/base.yaml:2:1");
}

#[test]
fn several_environments_are_named_one_by_one() {
    let project = project();
    let ran = project
        .run(&["check", "p.yaml", "-e", "whole", "-e", "poor", "-e", "whole"])
        .ends(3)
        .says("the environment `poor` has no variable `auth_url`")
        .says("did you mean `env.auth_ulr`?");
    assert_eq!((count(&ran, "error"), count(&ran, "warning")), (1, 1), "{}", ran.err);
    project.run(&["check", "p.yaml", "-e", "base", "-e", "whole"]).ends(3).says("`base` has no");
    project
        .run(&["check", "p.yaml", "-e", "whole", "-e", "pooor"])
        .ends(2)
        .says("did you mean `poor`?");
    // One alone is checked as ever, and a run takes one.
    project.run(&["check", "p.yaml", "-e", "whole"]).ends(0).never_says("environments whole");
    for command in ["run", "list", "vars"] {
        project
            .run(&[command, "p.yaml", "-e", "whole", "-e", "poor"])
            .ends(2)
            .says("`planrun check` takes several");
    }
}

#[test]
fn what_is_wrong_in_the_plan_itself_is_said_once_and_what_only_one_environment_does_names_it() {
    let project = project();
    project.write("p.yaml", &PLAN.replace("name: Ask", "name: Ask\n    expct: 1"));
    let ran = project.run(&["check", "p.yaml", "-e", "all"]).ends(3).says("did you mean `expect`?");
    assert_eq!(ran.err.matches("expct").count() - 1, ran.err.matches("    expct: 1").count());
    assert!(!ran.err.contains("only in the"), "{}", ran.err);
    // A default of one environment makes a step of the plan wrong there alone.
    project.write("p.yaml", "plan: P\nsteps:\n  - GET: /a\n");
    project.write(
        "environments/poor.yaml",
        "environment: poor\nextends: base\ndefaults: {base_url: \"${{ env.url }}\"}\n",
    );
    project
        .run(&["check", "p.yaml", "-e", "all"])
        .ends(3)
        .says("it is so only in the environments `base`, `lean` and `whole`");
    // A mistake in an environment file is told by its place.
    project.write("environments/poor.yaml", "environment: poor\nvras: {}\n");
    project
        .run(&["check", "p.yaml", "-e", "all"])
        .ends(3)
        .says("environments/poor.yaml:2:1")
        .says("did you mean `vars`?");
}

#[test]
fn each_plan_is_checked_on_the_environments_near_it() {
    let project = project();
    project.write("a/p.yaml", "plan: A\nsteps:\n  - GET: ${{ env.near }}\n");
    project.write("a/environments/near.yaml", "environment: near\nvars: {near: \"http://n\"}\n");
    // `p.yaml` has no environment `near`, and is not checked on it.
    let ran = project
        .run(&["check", ".", "-e", "all"])
        .ends(3)
        .says("the environments `lean`, `poor` and `whole` have no `env.near`")
        .says("a/p.yaml:3:14")
        .never_says("`near`,");
    assert_eq!(count(&ran, "error"), 2, "{}", ran.err);
    project.run(&["check", "a", "-e", "near"]).ends(0);
    let alone = Project::of("  - GET: http://h\n");
    alone.run(&["check", "p.yaml", "-e", "all"]).ends(2).says("there is no environment `all`");
}
