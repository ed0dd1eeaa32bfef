//! `planrun compare`: two stored runs beside each other, and what names a stored run.

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

/// A project with a run that passed and one in which a step failed.
fn two_runs(server: &Misbehaving) -> Project {
    let project = Project::new();
    let steps = |status: u16| {
        format!(
            "  - id: health\n    GET: {0}\n  - {{name: made, GET: \"{1}\", expect: {{status: {status}}}}}\n",
            server.url("/echo"),
            server.url("/status/201"),
        )
    };
    project.plan("p.yaml", &steps(201));
    project.run(&["p.yaml"]).ends(0);
    project.plan("p.yaml", &steps(200));
    project.run(&["p.yaml"]).ends(1);
    project
}

fn ids(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path(".planrun/runs")).expect("runs");
    let mut runs: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let events = crate::lines(&path.join("events.jsonl"));
            let began = events[0]["run-started"]["started_at"].as_str().map(str::to_owned);
            (began, path.file_name().expect("a name").to_str().expect("UTF-8").to_owned())
        })
        .collect();
    runs.sort();
    runs.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn the_last_run_is_compared_with_the_one_before_it() {
    let server = Misbehaving::start();
    let project = two_runs(&server);
    let ran = project
        .run(&["compare"])
        .ends(1)
        .says("p.yaml · made")
        .says("passed → failed")
        .says("    p.yaml:5:")
        .says("status is 201, expected 200")
        .says("worse: 1 step worse, 1 step alike");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    // The other way round it became better, and a run is like itself.
    project
        .run(&["compare", "last", "previous"])
        .ends(0)
        .says("failed → passed")
        .says("Better (1)");
    project.run(&["compare", "last", "last"]).ends(0).says("not worse: 2 steps alike");
}

#[test]
fn a_run_is_named_by_folder_id_and_the_beginning_of_its_id() {
    let server = Misbehaving::start();
    let project = two_runs(&server);
    let ids = ids(&project);
    let folder = format!(".planrun/runs/{}", ids[0]);
    for name in [folder.as_str(), ids[0].as_str(), &ids[0][..ids[0].len() - 1]] {
        project.run(&["compare", name, "last"]).ends(1);
        project.run(&["report", name, "--report", "json=-"]).ends(0).says(&ids[0]);
    }
    // Both began in the same year.
    project.run(&["compare", &ids[0][..4], "last"]).ends(2).says("several stored runs");
    project.run(&["compare", "nowhere"]).ends(2).says("there is no stored run `nowhere`");
    let near = format!("x{}", &ids[1][1..]);
    project.run(&["compare", &near]).ends(2).says(&format!("did you mean `{}`?", ids[1]));
}

#[test]
fn one_run_alone_has_nothing_to_be_compared_with() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.run(&["compare"]).ends(2).says("no run is stored here yet");
    project.plan("p.yaml", &format!("  - GET: {}\n", server.url("/echo")));
    project.run(&["p.yaml"]).ends(0);
    project.run(&["compare"]).ends(2).says("only one run is stored here");
}

#[test]
fn programs_and_wikis_get_the_same_comparison() {
    let server = Misbehaving::start();
    let project = two_runs(&server);
    let value = json(&project.run(&["compare", "--format", "json"]).ends(1).out);
    assert_eq!(value["worse"], 1);
    assert_eq!(value["changes"][0]["step"], "made");
    assert_eq!(value["changes"][0]["after"]["verdict"], "failed");
    project
        .run(&["compare", "--format", "markdown"])
        .ends(1)
        .says("| steps passed | 2 | 1 | -1 worse |")
        .says("### Worse (1)");
}

#[test]
fn a_slower_step_is_worse_only_where_that_is_asked_for() {
    let server = Misbehaving::start();
    let project = Project::new();
    let plan =
        |path: &str| format!("  - {{name: many, repeat: 8, GET: \"{}\"}}\n", server.url(path));
    project.plan("p.yaml", &plan("/echo"));
    project.run(&["p.yaml"]).ends(0);
    project.plan("p.yaml", &plan("/slow/120"));
    project.run(&["p.yaml"]).ends(0);
    project.run(&["compare"]).ends(0).says("slower").says("(8)");
    project.run(&["compare", "--max-regression", "50%"]).ends(1).says("1 step slower");
    project.run(&["compare", "last", "previous", "--max-regression", "50%"]).ends(0).says("faster");
    project.run(&["compare", "--max-regression", "much"]).ends(2).says("write it as `10%`");
}
