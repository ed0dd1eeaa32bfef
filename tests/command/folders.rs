//! Which files a path means, and what becomes of those that are none.

use std::process::Command;

use crate::Project;
use crate::misbehaving::Misbehaving;

#[test]
fn a_folder_means_the_plans_under_it_sorted_and_nothing_else() {
    let server = Misbehaving::start();
    let project = Project::new();
    let step = format!("  - GET: {}\n", server.url("/ok"));
    for path in ["plans/b.yaml", "plans/a/z.yml", "plans/c.yaml"] {
        project.plan(path, &step);
    }
    project.write("plans/data.yaml", "rows: [1, 2]\n");
    project.write("plans/notes.txt", "plan: not YAML by its name\n");
    project.write("plans/.hidden.yaml", "plan: hidden\n");
    project.write(
        "plans/included.yaml",
        &format!("plan: Included\ninclude_only: true\nsteps:\n{step}"),
    );
    let ran = project.run(&["list", "plans"]).ends(0);
    let plans: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        plans,
        [
            "plans/a/z.yml  plans/a/z.yml",
            "plans/b.yaml  plans/b.yaml",
            "plans/c.yaml  plans/c.yaml"
        ]
    );
    project.run(&["plans"]).ends(0);
    assert_eq!(server.log().len(), 3);
    // Twice the same, by several paths, is once.
    project.run(&["plans/b.yaml", "plans", "plans/../plans/b.yaml"]).ends(0);
    assert_eq!(server.log().len(), 6);
}

#[test]
fn steps_without_a_plan_are_a_finding_and_stop_the_whole_run() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.plan("plans/a.yaml", &format!("  - GET: {}\n", server.url("/ok")));
    project.write("plans/b.yaml", "steps:\n  - GET: /health\n");
    project.run(&["plans"]).ends(3).says("plans/b.yaml").says("plan:");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn everything_that_is_wrong_in_any_plan_is_said_at_once() {
    let project = Project::new();
    project.plan("plans/a.yaml", "  - {GET: http://h, expct: 1}\n");
    project.plan("plans/b.yaml", "  - {GET: \"http://h/${{ modle }}\"}\n");
    project.plan("plans/c.yaml", "  - {GET: http://h, timeout: soon}\n");
    project
        .run(&["plans"])
        .ends(3)
        .says("plans/a.yaml:3:21")
        .says("did you mean `expect`?")
        .says("plans/b.yaml:3:25")
        .says("plans/c.yaml:3:30")
        .says("no request was sent");
}

#[test]
fn a_pipe_a_device_and_a_folder_never_hang() {
    let project = Project::new();
    let pipe = project.path("pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    project.run(&["pipe.yaml"]).ends(3).says("is a pipe or a device");
    project.run(&["/dev/zero"]).ends(3).says("is a pipe or a device");
    project.write("empty/notes.txt", "");
    project.run(&["empty"]).ends(4).says("no plans here");
    project.run(&["check", "empty"]).ends(4);
    // In a folder they are no plans.
    project.run(&["check", "."]).ends(4);
}

#[test]
fn files_that_cannot_be_plans_are_told_with_their_place() {
    let project = Project::new();
    for (text, words) in [
        ("", "empty"),
        ("plan: P\nplan: Q\nsteps: []\n", "twice"),
        ("environment: e\n", "environment"),
        ("plan: P\nsteps:\n\t- GET: /\n", "tab"),
    ] {
        project.write("p.yaml", text);
        let ran = project.run(&["p.yaml"]).ends(3).says("p.yaml");
        assert!(ran.err.to_lowercase().contains(words), "`{words}` in:\n{}", ran.err);
    }
    std::fs::write(project.path("p.yaml"), [0xff, 0xfe, 0x00, 0x80]).expect("a file");
    project.run(&["p.yaml"]).ends(3).says("p.yaml");
    std::fs::write(project.path("p.yaml"), vec![b'#'; 10 << 20]).expect("a file");
    project.run(&["p.yaml"]).ends(3).says("larger than 4 MiB");
}

#[test]
fn a_step_runs_with_setup_cleanup_and_what_it_needs() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsetup:\n  - {{id: before, GET: {0}/1}}\nsteps:\n  - id: two\n    GET: {1}\n    \
             capture: {{ok: $.ok}}\n  - {{id: three, GET: {0}/3}}\n  - {{id: four, GET: \"{0}/4?ok=${{{{ ok }}}}\"}}\n\
             cleanup:\n  - {{GET: {0}/5}}\n",
            server.url("/echo"),
            server.url("/ok"),
        ),
    );
    let paths = || -> Vec<String> { server.log().iter().map(|seen| seen.target.clone()).collect() };
    project.run(&["p.yaml", "--step", "four"]).ends(0);
    assert_eq!(paths(), ["/echo/1", "/ok", "/echo/4?ok=true", "/echo/5"]);
    project.run(&["p.yaml", "--step", "before"]).ends(4);
    assert_eq!(paths().split_off(4), ["/echo/1", "/echo/5"], "setup and cleanup are no evidence");
}

#[test]
fn tags_choose_plans() {
    let server = Misbehaving::start();
    let project = Project::new();
    for (name, tags) in [("a", "smoke, slow"), ("b", "slow"), ("c", "other")] {
        project.write(
            &format!("plans/{name}.yaml"),
            &format!(
                "plan: {name}\ntags: [{tags}]\nsteps:\n  - GET: {}\n",
                server.url(&format!("/echo/{name}"))
            ),
        );
    }
    project.run(&["plans", "-t", "smoke", "-t", "other", "-j", "1"]).ends(0);
    let paths: Vec<String> = server.log().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(paths, ["/echo/a", "/echo/c"]);
}
