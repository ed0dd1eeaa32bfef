//! `planrun coverage` tells which requirements have evidence; `planrun check` finds where plans and
//! checklist do not agree.

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

const LIST: &str = "\
# Release
- 1a the server answers
- 1b it answers with a good number
- 1c it is asked twice
- 1d somebody rings up (no plan: by hand)
";

/// A plan of which one step passes and one fails, and one of which all is skipped.
fn project(server: &Misbehaving) -> Project {
    let project = Project::new();
    project.write("list.md", LIST);
    let steps = format!(
        "  - {{id: good, name: One, covers: [1a], GET: {0}/echo}}\n  - {{name: Two, covers: [1b], GET: \
         {0}/echo, expect: {{status: 201}}}}\n  - {{name: Three, covers: [1c], skip: not today, GET: \
         {0}/echo}}\n",
        server.url("")
    );
    project.plan("p.yaml", &steps);
    project
}

#[test]
fn only_what_passed_in_a_stored_run_is_evidence() {
    let server = Misbehaving::start();
    let project = project(&server);
    let coverage = ["coverage", "--requirements", "list.md"];
    project.run(&coverage).ends(2).says("no run is stored here yet");
    assert_eq!(project.run(&["p.yaml"]).code, 1);
    let ran = project.run(&coverage).ends(1);
    for line in [
        "Release",
        "  ✓ 1a  passed         the server answers",
        "        p.yaml:3 · One",
        "  ✗ 1b  failed         it answers with a good number",
        "        p.yaml:4 · Two (status is 200, expected 201)",
        "  – 1c  skipped        it is asked twice",
        "        p.yaml:5 · Three (skipped: not today)",
        "  · 1d  not evidenced  somebody rings up",
        "        no plan: by hand",
        "1 of 4 passed · 1 failed · 1 skipped · 1 not evidenced",
    ] {
        assert!(ran.out.lines().any(|it| it == line), "no line `{line}` in:\n{}", ran.out);
    }
    // The twin: a run of the good step alone ends well, and proves less.
    project.run(&["p.yaml", "--step", "good", "--out", "part"]).ends(0);
    let ran = project.run(&["coverage", "part", "--requirements", "list.md"]).ends(0);
    ran.says("1 of 4 passed · 3 not evidenced");
    let strict = ["coverage", "part", "--requirements", "list.md", "--fail-on-unevidenced"];
    project.run(&strict).ends(1);
    project.write("list.md", "- 1a the server answers\n- 1d (no plan: by hand)\n");
    project.run(&strict).ends(0);
}

#[test]
fn evidence_is_written_as_markdown_and_json_too() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.write("planrun.yaml", "project: test\nrequirements: list.md\n");
    assert_eq!(project.run(&["p.yaml"]).code, 1);
    // The project names the checklist.
    let ran = project.run(&["coverage", "--format", "json"]).ends(1);
    let told = json(&ran.out);
    assert_eq!(told["counts"]["passed"], 1);
    assert_eq!(told["counts"]["not_evidenced"], 1);
    assert_eq!(told["items"][1]["standing"], "failed");
    assert_eq!(told["items"][1]["evidence"][0]["at"], "p.yaml:4");
    assert_eq!(told["items"][2]["evidence"][0]["why"], "skipped: not today");
    let ran = project.run(&["coverage", "-o", "evidence.md"]).ends(1);
    assert_eq!(ran.out, "");
    let page = project.read("evidence.md");
    assert!(page.contains("| 1a | the server answers | ✓ passed | p.yaml:3 One |"), "{page}");
    project.run(&["coverage", "-o", "list.md/below/it"]).ends(7).says("output::failed");
}

#[test]
fn a_checklist_that_is_none_ends_before_anything_is_told() {
    let server = Misbehaving::start();
    let project = project(&server);
    assert_eq!(project.run(&["p.yaml"]).code, 1);
    project.run(&["coverage", "--requirements", "nowhere.md"]).ends(2).says("nowhere.md");
    project.run(&["coverage"]).ends(2).says("--requirements FILE");
    project.write("list.md", "- 1a one\n- 1b two\n- 1a three\n");
    let ran = project.run(&["coverage", "--requirements", "list.md"]).ends(3);
    ran.says("requirement::duplicate").says("list.md:3:3");
    project.write("list.md", "# To do\n\nNothing yet.\n");
    let ran = project.run(&["coverage", "--requirements", "list.md"]).ends(3);
    ran.says("requirement::none").says("a checklist without requirements");
}

#[test]
fn what_plans_and_checklist_do_not_agree_on_is_found_at_its_place() {
    let project = Project::new();
    project.write("planrun.yaml", "project: test\nrequirements: list.md\n");
    project.write("list.md", LIST);
    let steps = "  - {covers: [1a, 1B], GET: 'http://127.0.0.1:9/'}\n  - {covers: [9z], GET: \
                 'http://127.0.0.1:9/'}\n";
    project.plan("p.yaml", steps);
    let ran = project.run(&["check", "."]).ends(3);
    insta::assert_snapshot!(ran.err);
    // A run does not go on either: a pass would be evidence for nothing.
    project.run(&["p.yaml"]).ends(3).says("requirement::unknown").never_says("uncovered");
    // Of one plan alone nobody can say what others cover.
    project.plan("p.yaml", "  - {covers: [1a], GET: 'http://127.0.0.1:9/'}\n");
    project.run(&["check", "p.yaml"]).ends(0).never_says("requirement::");
    project.run(&["check", "."]).ends(0).says("requirement::uncovered").says("`1b`");
    project.run(&["check", ".", "--strict"]).ends(3);
    // The twin: every item is covered, or the checklist says why not.
    project.plan("p.yaml", "  - {covers: [1a, 1b, 1c], GET: 'http://127.0.0.1:9/'}\n");
    project.run(&["check", ".", "--strict"]).ends(0).never_says("requirement::");
}

#[test]
fn a_checklist_can_be_named_for_a_check_alone() {
    let project = Project::new();
    project.write("list.md", LIST);
    project.plan("p.yaml", "  - {covers: [1a, 1b], GET: 'http://127.0.0.1:9/'}\n");
    project.run(&["check", "p.yaml"]).ends(0).never_says("requirement::");
    let ran = project.run(&["check", "p.yaml", "--requirements", "list.md"]).ends(0);
    ran.says("no plan covers the requirement `1c`").says("list.md:4:3");
    project.run(&["check", "p.yaml", "--requirements", "gone.md"]).ends(2).says("gone.md");
    project.write("planrun.yaml", "project: test\nrequirements: gone.md\n");
    project.run(&["check", "p.yaml"]).ends(3).says("there is no file `gone.md`");
}
