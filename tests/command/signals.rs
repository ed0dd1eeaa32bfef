//! Ctrl-C, SIGTERM, SIGKILL and the deadline: the run ends in time, cleans up, and says so.

use std::time::{Duration, Instant};

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, json, lines, signal, until};

fn hanging(server: &Misbehaving, step: &str) -> Project {
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - GET: {}\n  - {step}\ncleanup:\n  - DELETE: {}\n",
            server.url("/ok"),
            server.url("/status/200"),
        ),
    );
    project
}

fn cleaned_up(server: &Misbehaving) -> bool {
    server.log().iter().any(|seen| seen.method == "DELETE")
}

fn interrupted(step: &str, path: &str, name: &str) -> (Project, Ran, Misbehaving, Duration) {
    let server = Misbehaving::start();
    let project = hanging(&server, &step.replace("URL", &server.url(path)));
    let child = project.start(&["p.yaml", "--report", "json=r.json"]);
    until("the request", || server.log().iter().any(|seen| seen.path() == path));
    let told = Instant::now();
    signal(name, &child);
    let ran = Ran::of(child.wait_with_output().expect("its end"));
    (project, ran, server, told.elapsed())
}

fn marked(project: &Project, word: &str) {
    let report = project.read("r.json");
    assert!(json(&report).is_object() && report.contains(word), "{report}");
    let events = project.events();
    let last = events.last().expect("events").to_string();
    assert!(last.contains(word), "{last}");
}

#[test]
fn an_interrupt_ends_a_hanging_request_cleans_up_and_reports() {
    let (project, ran, server, took) = interrupted("GET: URL", "/hang", "-INT");
    let ran = ran.ends(130);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(cleaned_up(&server));
    marked(&project, "SIGINT");
    ran.says("interrupted");
}

#[test]
fn an_interrupt_ends_a_poll() {
    let step = "{GET: URL, poll: {every: 1h, for: 2h}, expect: {$.ok: false}}";
    let (project, ran, server, took) = interrupted(step, "/slow/1", "-INT");
    ran.ends(130);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(cleaned_up(&server));
    marked(&project, "SIGINT");
}

#[test]
fn a_termination_has_its_own_code() {
    let (project, ran, server, _) = interrupted("GET: URL", "/hang", "-TERM");
    ran.ends(143);
    assert!(cleaned_up(&server));
    marked(&project, "SIGTERM");
}

#[test]
fn a_deadline_ends_the_run_and_cleanup_follows() {
    let server = Misbehaving::start();
    let project = hanging(&server, &format!("GET: {}", server.url("/hang")));
    let started = Instant::now();
    project.run(&["p.yaml", "--deadline", "500ms", "--report", "json=r.json"]).ends(124);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(cleaned_up(&server));
    marked(&project, "deadline");
}

#[test]
fn an_interrupt_is_graver_than_a_failure() {
    let server = Misbehaving::start();
    let project = Project::new();
    let failing = format!("  - {{GET: {}, expect: {{status: 201}}}}\n", server.url("/ok"));
    project.plan("plans/a.yaml", &failing);
    project.plan("plans/b.yaml", &format!("  - GET: {}\n", server.url("/hang")));
    let child = project.start(&["plans"]);
    until("the requests", || server.log().len() >= 2);
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - GET: {0}\ncleanup:\n  - {{DELETE: {0}, timeout: 50s}}\n",
            server.url("/hang")
        ),
    );
    let child = project.start(&["p.yaml"]);
    until("the request", || !server.log().is_empty());
    signal("-INT", &child);
    until("the cleanup", || cleaned_up(&server));
    let told = Instant::now();
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    assert!(told.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_killed_run_leaves_whole_lines_and_its_folder_can_be_used_again() {
    let server = Misbehaving::start();
    let project = hanging(&server, &format!("GET: {}", server.url("/hang")));
    let mut child = project.start(&["p.yaml", "--out", "run"]);
    let stored = project.path("run/events.jsonl");
    until("the first step", || {
        std::fs::read_to_string(&stored).is_ok_and(|text| text.contains("step-finished"))
            || std::fs::read_to_string(&stored).is_ok_and(|text| text.contains("step_finished"))
    });
    until("the second request", || server.log().len() == 2);
    signal("-KILL", &child);
    child.wait().expect("its end");
    let events = lines(&stored);
    assert!(events.len() >= 4, "{events:?}");
    // The lock of a process that is gone holds nobody up.
    project.plan("p.yaml", &format!("  - GET: {}\n", server.url("/ok")));
    project.run(&["p.yaml", "--out", "run"]).ends(0);
}

#[test]
fn two_runs_never_share_a_folder() {
    let server = Misbehaving::start();
    let project = hanging(&server, &format!("GET: {}", server.url("/hang")));
    let first = project.start(&["p.yaml", "--out", "run"]);
    until("the first run", || server.log().len() == 2);
    project
        .run(&["p.yaml", "--out", "run", "--report", "json=second.json"])
        .ends(7)
        .says("another run")
        .says("no request was sent");
    assert_eq!(server.log().len(), 2);
    assert!(json(&project.read("second.json")).is_object());
    signal("-INT", &first);
    Ran::of(first.wait_with_output().expect("its end")).ends(130);
    lines(&project.path("run/events.jsonl"));
}

#[test]
fn an_interrupt_inside_an_included_plan_cleans_up_from_the_inside_out() {
    let server = Misbehaving::start();
    let project = Project::new();
    let url = |path: &str| server.url(path);
    let inner = format!(
        "plan: Inner\ninclude_only: true\nsteps:\n  - GET: {}\n  - GET: {}\ncleanup:\n  - DELETE: {}\n",
        url("/hang"),
        url("/ok?never"),
        url("/ok?inner")
    );
    let outer = format!(
        "plan: Outer\ninclude_only: true\nsteps:\n  - include: inner.yaml\ncleanup:\n  - DELETE: {}\n",
        url("/ok?outer")
    );
    project.write("flows/inner.yaml", &inner);
    project.write("flows/outer.yaml", &outer);
    let first = format!(
        "plan: First\nsteps:\n  - GET: {}\ncleanup:\n  - DELETE: {}\n",
        url("/ok"),
        url("/ok?first")
    );
    project.write("flows/first.yaml", &first);
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - include: flows/first.yaml\n  - include: flows/outer.yaml\n  - GET: {}\ncleanup:\n  - DELETE: {}\n",
            url("/ok?never"),
            url("/ok?own")
        ),
    );
    let child = project.start(&["p.yaml", "--report", "json=r.json"]);
    until("the request", || server.log().iter().any(|seen| seen.path() == "/hang"));
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    let log = server.log();
    let cleanup: Vec<&str> = log
        .iter()
        .filter(|seen| seen.method == "DELETE")
        .filter_map(|seen| Some(seen.target.split_once('?')?.1))
        .collect();
    assert_eq!(cleanup, ["own", "outer", "inner", "first"]);
    assert!(!log.iter().any(|seen| seen.target.contains("never")), "{log:?}");
    marked(&project, "SIGINT");
    let report = json(&project.read("r.json"));
    let steps = report["plans"][0]["steps"].as_array().expect("steps").clone();
    let verdicts: Vec<&str> = steps.iter().filter_map(|step| step["verdict"].as_str()).collect();
    assert_eq!(
        verdicts,
        [vec!["passed"; 2], vec!["cancelled"; 5], vec!["passed"; 7],].concat(),
        "{report}"
    );
}

#[test]
fn an_interrupt_ends_a_repeated_include_and_each_execution_that_began_cleans_up() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "x.yaml",
        &format!(
            "plan: X\ninclude_only: true\nsteps:\n  - GET: {}\ncleanup:\n  - DELETE: {}\n",
            server.url("/hang"),
            server.url("/ok")
        ),
    );
    project.write("p.yaml", "plan: P\nsteps:\n  - {include: x.yaml, repeat: 9, concurrency: 2}\n");
    let child = project.start(&["p.yaml", "--report", "json=r.json"]);
    until("the requests", || server.log().len() == 2);
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    let deleted = server.log().iter().filter(|seen| seen.method == "DELETE").count();
    assert_eq!((server.log().len(), deleted), (4, 2));
    marked(&project, "SIGINT");
    let report = json(&project.read("r.json"));
    assert_eq!(report["plans"][0]["steps"][0]["verdict"], "cancelled", "{report}");
}
