//! What is not done unless the command line allows it: writing in a protected environment.

use crate::Project;
use crate::misbehaving::Misbehaving;

/// A plan that reads, and then does what is asked.
fn on(server: &Misbehaving, protected: &str, more: &str) -> Project {
    let project = Project::new();
    project.write("environments/prod.yaml", &format!("environment: prod\n{protected}"));
    project.write(
        "p.yaml",
        &format!(
            "plan: P\ndefaults: {{base_url: \"{}\"}}\nsteps:\n  - {{GET: /ok, id: read}}\n{more}",
            server.url("")
        ),
    );
    project
}

#[test]
fn a_protected_environment_is_only_read() {
    let server = Misbehaving::start();
    let project = on(
        &server,
        "protected: true\n",
        "  - {HEAD: /ok}\n  - {OPTIONS: /ok, expect: {status: any}}\n  - {skip: later, POST: /ok}\n",
    );
    project.run(&["p.yaml", "-e", "prod"]).ends(0);
    assert_eq!(server.log().len(), 3);
}

#[test]
fn writing_in_a_protected_environment_ends_the_run_before_its_first_request() {
    let server = Misbehaving::start();
    for step in
        ["POST: /echo", "DELETE: /ok", "method: TRACE\n    url: /ok", "method: PURGE\n    url: /ok"]
    {
        let project = on(&server, "protected: true\n", &format!("  - id: write\n    {step}\n"));
        let args = ["p.yaml", "-e", "prod", "--report", "json=r.json"];
        project
            .run(&args)
            .ends(3)
            .says("environment::protected")
            .says("p.yaml:6:")
            .says("environments/prod.yaml:2:12")
            .says("--allow-writes")
            .says("no request was sent");
        assert!(project.read("r.json").contains("environment::protected"));
    }
    assert_eq!(server.log().len(), 0);
}

#[test]
fn writing_is_allowed_where_it_is_asked_for_or_nothing_is_protected() {
    let server = Misbehaving::start();
    let write = "  - {POST: /echo, id: write}\n";
    let project = on(&server, "protected: true\n", write);
    let env = ["p.yaml", "-e", "prod"];
    project.run(&[&env[..], &["--allow-writes"]].concat()).ends(0);
    // What is not selected is not sent; a preview sends nothing, and a check neither.
    project.run(&[&env[..], &["--step", "read"]].concat()).ends(0);
    assert_eq!(server.log().len(), 3);
    project.run(&[&env[..], &["--dry-run"]].concat()).ends(0);
    project.run(&["check", "p.yaml", "-e", "prod"]).ends(0);
    project.run(&["p.yaml"]).ends(0);
    on(&server, "protected: false\n", write).run(&env).ends(0);
    assert_eq!(server.log().len(), 7);
}

#[test]
fn protection_is_inherited_and_the_nearest_word_counts() {
    let server = Misbehaving::start();
    let write = "  - {POST: /echo, id: write}\n";
    let project = on(&server, "extends: base\n", write);
    project.write("environments/base.yaml", "environment: base\nprotected: true\n");
    let args = ["p.yaml", "-e", "prod"];
    project.run(&args).ends(3).says("environments/base.yaml:2:12");
    project.write("environments/prod.yaml", "environment: prod\nextends: base\nprotected: false\n");
    project.run(&args).ends(0);
}
