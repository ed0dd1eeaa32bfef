//! `--report` on a live run and `planrun report` on a stored one: the same documents from the same
//! events.

use serde_json::Value;

use crate::Project;
use crate::misbehaving::Misbehaving;
use crate::scripted::{Reply, Scripted};

const FORMATS: [&str; 7] = ["ctrf", "github", "har", "html", "json", "junit", "markdown"];

/// A plan of which one step passes and one fails.
fn project(server: &Misbehaving) -> Project {
    let steps = format!(
        "  - GET: {0}/echo\n  - id: wrong\n    GET: {0}/echo\n    expect: {{status: 201}}\n",
        server.url("")
    );
    Project::of(&steps)
}

#[test]
fn a_stored_run_gives_the_same_documents_as_the_run_itself() {
    let server = Misbehaving::start();
    let project = project(&server);
    let live: Vec<String> = FORMATS.map(|it| format!("--report={it}=live.{it}")).into();
    let mut args = vec!["p.yaml"];
    args.extend(live.iter().map(String::as_str));
    assert_eq!(project.run(&args).code, 1);
    let again: Vec<String> = FORMATS.map(|it| format!("--report={it}=again.{it}")).into();
    let mut args = vec!["report"];
    args.extend(again.iter().map(String::as_str));
    // The plan is gone: the events alone tell the run.
    std::fs::remove_file(project.path("p.yaml")).expect("a plan");
    let ran = project.run(&args);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for format in FORMATS {
        let [live, again] = ["live", "again"].map(|it| project.read(&format!("{it}.{format}")));
        assert!(live.contains("201") || live.contains("/echo"), "{format}: {live}");
        assert_eq!(live, again, "{format}");
    }
}

/// More plans than stay in memory as they are told, several at once, so that they end out of order.
#[test]
fn a_large_run_that_is_told_plan_by_plan_has_the_same_documents_afterwards() {
    let server = Misbehaving::start();
    let project = Project::new();
    for n in 0..64 {
        let wait = server.url(&format!("/slow/{}", (64 - n) % 5 * 4));
        let echo = server.url(&format!("/echo?plan={n}"));
        let status = if n % 16 == 3 { 201 } else { 200 };
        let again = format!("  - GET: {echo}\n").repeat(4);
        let last = format!("  - GET: {echo}\n    expect: {{status: {status}}}\n");
        let steps = format!("  - GET: {wait}\n{again}{last}");
        project.plan(&format!("plans/{n:02}.yaml"), &steps);
    }
    let live: Vec<String> = FORMATS.map(|it| format!("--report={it}=live.{it}")).into();
    let mut args = vec!["plans", "-j", "16", "-q"];
    args.extend(live.iter().map(String::as_str));
    assert_eq!(project.run(&args).code, 1);
    let again: Vec<String> = FORMATS.map(|it| format!("--report={it}=again.{it}")).into();
    let mut args = vec!["report"];
    args.extend(again.iter().map(String::as_str));
    std::fs::remove_dir_all(project.path("plans")).expect("the plans");
    project.run(&args).ends(0);
    for format in FORMATS {
        let [live, again] = ["live", "again"].map(|it| project.read(&format!("{it}.{format}")));
        assert!(live == again, "{format} differs");
    }
    let report: Value = serde_json::from_str(&project.read("live.json")).expect("JSON");
    let plans = report["plans"].as_array().expect("plans");
    let jobs: Vec<u64> = plans.iter().filter_map(|plan| plan["job"].as_u64()).collect();
    assert_eq!(jobs, (0..64).collect::<Vec<_>>());
    let junit = project.read("live.junit");
    assert_eq!(junit.matches("<failure ").count(), 4);
    assert_eq!(junit.matches("<testsuite ").count(), 64);
}

#[test]
fn a_run_that_was_killed_is_told_up_to_its_last_whole_line() {
    let server = Misbehaving::start();
    let project = project(&server);
    assert_eq!(project.run(&["p.yaml"]).code, 1);
    let stored = project.stored().join("events.jsonl");
    let events = std::fs::read_to_string(&stored).expect("events");
    let whole: Vec<&str> = events.lines().collect();
    let kept = whole.len() - 2;
    let half: String = whole[kept].chars().take(20).collect();
    std::fs::write(&stored, format!("{}\n{half}", whole[..kept].join("\n"))).expect("a file");
    let ran = project.run(&["report", "--report", "json=-"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON on standard output");
    assert_eq!(report["verdict"], "incomplete");
    assert_eq!(report["plans"][0]["steps"].as_array().map(Vec::len), Some(2));
    let ran = project.run(&["report"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("incomplete"), "{}", ran.out);
}

#[test]
fn without_a_format_the_last_run_is_shown_once_more() {
    let server = Misbehaving::start();
    let project = project(&server);
    let first = project.run(&["p.yaml"]);
    let again = project.run(&["report"]);
    assert_eq!(again.code, 0, "{}", again.err);
    // All but where it is stored, which the reader knows.
    let shown = first.out.split("stored in").next().expect("a run");
    assert_eq!(again.out.trim_end(), shown.trim_end());
}

#[test]
fn a_run_is_named_by_its_folder_or_its_file() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.run(&["p.yaml", "--out", "one"]);
    for named in ["one", "one/events.jsonl"] {
        let ran = project.run(&["report", named, "--report", "markdown=-"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with("# ✗ failed"), "{}", ran.out);
    }
    for (named, said) in
        [("two", "there is no stored run"), (".", "holds no stored run"), ("p.yaml", "line 1")]
    {
        let ran = project.run(&["report", named, "--report", "markdown=-"]);
        assert_eq!(ran.code, 2, "{named}: {}", ran.out);
        assert!(ran.err.contains(said), "{named}: {}", ran.err);
    }
    let empty = Project::new();
    let ran = empty.run(&["report"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("run the plans first"), "{}", ran.err);
}

#[test]
fn a_misspelt_format_is_told_before_anything_is_sent() {
    let server = Misbehaving::start();
    let project = project(&server);
    let ran = project.run(&["p.yaml", "--report", "junti=r.xml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `junit`?"), "{}", ran.err);
    let ran = project.run(&["p.yaml", "--report", "pdf=r.pdf"]);
    assert!(ran.err.contains("ctrf, github, har, html, json, junit, markdown"), "{}", ran.err);
    assert_eq!(server.log().len(), 0);
}

#[test]
fn an_invalid_plan_gives_every_document_too() {
    let project = Project::of("  - GTE: http://localhost:1/\n");
    let live: Vec<String> = FORMATS.map(|it| format!("--report={it}=live.{it}")).into();
    let mut args = vec!["p.yaml"];
    args.extend(live.iter().map(String::as_str));
    assert_eq!(project.run(&args).code, 3);
    for format in FORMATS.into_iter().filter(|format| !["har", "ctrf"].contains(format)) {
        let text = project.read(&format!("live.{format}"));
        assert!(text.contains("GTE"), "{format}: {text}");
    }
}

#[test]
fn the_summary_of_a_job_on_github_is_added_to_what_is_there() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.write("summary.md", "before\n");
    let summary = project.path("summary.md");
    let summary = summary.to_str().expect("a path");
    let variables = [("GITHUB_STEP_SUMMARY", summary)];
    let ran = project.run_with(&["p.yaml", "-q", "--report", "github=-"], &variables);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("::error file=p.yaml,line=6,col="), "{}", ran.out);
    let text = project.read("summary.md");
    assert!(text.starts_with("before\n# ✗ failed"), "{text}");
    // Without that report nobody asked for a summary.
    project.run_with(&["p.yaml"], &variables);
    assert_eq!(project.read("summary.md"), text);
}

#[test]
fn the_last_run_is_found_from_the_folder_above_its_project_too() {
    let server = Misbehaving::start();
    let project = Project::new();
    std::fs::remove_file(project.path("planrun.yaml")).expect("a project file");
    for name in ["older", "newer"] {
        project.write(&format!("{name}/planrun.yaml"), "project: p\n");
        project.plan(&format!("{name}/p.yaml"), &format!("  - GET: {}\n", server.url("/echo")));
        assert_eq!(project.run(&[&format!("{name}/p.yaml")]).code, 0);
    }
    let ran = project.run(&["report", "--report", "markdown=-"]);
    assert!(ran.out.contains("newer/p.yaml"), "{}{}", ran.out, ran.err);
    let ran = project.run(&["report", "older", "--report", "markdown=-"]);
    assert!(ran.out.contains("older/p.yaml"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_body_as_deep_as_bodies_may_be_is_stored_so_that_it_can_be_read() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let server = Scripted::start(move |seen, _| {
        Reply::json(200, &deep(if seen.path() == "/most" { 127 } else { 128 }))
    });
    let project = Project::new();
    let step = |path: &str| {
        format!(
            "  - {{GET: \"{}{path}\", capture: {{all: {{json: $}}}}, expect: {{$: {{type: array}}}}}}",
            server.url()
        )
    };
    project.write("p.yaml", &format!("plan: P\nsteps:\n{}\n", step("/most")));
    assert_eq!(project.run(&["p.yaml", "--out", "run"]).code, 0);
    let told = project.run(&["report", "run", "--report", "json=-"]);
    assert_eq!(told.code, 0, "{told:?}");
    project.write("p.yaml", &format!("plan: P\nsteps:\n{}\n", step("/more")));
    let ran = project.run(&["p.yaml", "--out", "other"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("nested deeper than 127 levels"), "{ran:?}");
}

#[test]
fn two_reports_in_one_file_are_refused_before_anything_is_sent() {
    let server = Scripted::ok();
    let project = Project::new();
    project.write("p.yaml", &format!("plan: P\nsteps:\n  - GET: {}\n", server.url()));
    let ran = project.run(&["p.yaml", "--report", "json=r", "--report", "junit=r"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("`--report json` and `--report junit` both go to `r`"), "{ran:?}");
    assert!(server.log().is_empty());
    let ran = project.run(&["p.yaml", "--report", "json=r", "--report", "junit=s"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
