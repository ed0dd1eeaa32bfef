//! What a run writes and prints: kept, placed, coloured, wide and safe as promised.

use std::io::Read as _;
use std::process::Stdio;

use unicode_width::UnicodeWidthStr as _;

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, lines};

fn passing(server: &Misbehaving) -> Project {
    Project::of(&format!("  - GET: {}\n", server.url("/ok")))
}

#[test]
fn a_run_is_stored_in_the_project_and_ignored_by_git() {
    let server = Misbehaving::start();
    let project = passing(&server);
    project.run(&["p.yaml"]).ends(0).says(".planrun/runs/");
    assert!(!project.events().is_empty());
    assert_eq!(project.read(".planrun/.gitignore").trim(), "*");
}

#[test]
fn out_places_the_run_and_log_file_the_log() {
    let server = Misbehaving::start();
    let project = passing(&server);
    project.run(&["p.yaml", "--out", "here/run", "--log-file", "logs/run.log", "-q"]).ends(0);
    assert!(!lines(&project.path("here/run/events.jsonl")).is_empty());
    assert!(!project.path(".planrun").exists());
    let log = project.read("logs/run.log");
    assert!(log.contains("/ok") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_folder_that_cannot_be_made_ends_the_run_before_its_first_request() {
    let server = Misbehaving::start();
    let project = passing(&server);
    project.write("file", "");
    project.write(".planrun", "in the way");
    for args in [
        &["p.yaml"][..],
        &["p.yaml", "--out", "file/run"],
        &["p.yaml", "--out", "/proc/none/run"],
        &["p.yaml", "--out", "run", "--log-file", "file/log"],
    ] {
        let ran = project.run(args).ends(7).says("could not write").says("no request was sent");
        assert!(ran.err.contains("output::failed"), "{}", ran.err);
    }
    assert_eq!(server.log().len(), 0);
}

#[test]
fn a_folder_that_holds_a_run_is_not_written_over() {
    let server = Misbehaving::start();
    let project = passing(&server);
    let args = ["p.yaml", "--out", "run", "--report", "json=r.json"];
    project.run(&args).ends(0);
    let first = project.read("run/events.jsonl");
    project
        .run(&args)
        .ends(7)
        .says("holds a run already")
        .says("`--out DIR` names another")
        .says("no request was sent");
    assert!(project.read("r.json").contains("output::failed"));
    assert_eq!(project.read("run/events.jsonl"), first);
    assert_eq!(server.log().len(), 1);
    // A folder that holds anything else will do.
    project.write("other/notes.txt", "mine");
    project.run(&["p.yaml", "--out", "other"]).ends(0);
    assert_eq!(project.read("other/notes.txt"), "mine");
}

#[test]
fn a_full_disk_under_the_terminal_is_said_and_the_run_is_stored() {
    let server = Misbehaving::start();
    let project = passing(&server);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = project.command(&["p.yaml"]).stdout(full).output().expect("planrun starts");
    Ran::of(output).ends(7).says("the terminal");
    let last = project.events().pop().expect("events").to_string();
    assert!(last.contains("finished"), "{last}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let server = Misbehaving::start();
    let steps = format!("  - GET: {}\n", server.url("/echo")).repeat(300);
    for (code, more) in [(0, ""), (1, "  - {GET: URL, expect: {status: 201}}\n")] {
        let more = more.replace("URL", &server.url("/ok"));
        let project = Project::of(&format!("{steps}{more}"));
        let mut child = project.start(&["p.yaml", "-v"]);
        let mut first = [0; 10];
        let mut out = child.stdout.take().expect("its output");
        out.read_exact(&mut first).expect("a little of it");
        drop(out);
        let ran = Ran::of(child.wait_with_output().expect("its end")).ends(code);
        assert!(ran.err.is_empty(), "{}", ran.err);
    }
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let server = Misbehaving::start();
    let project = passing(&server);
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        project.run_with(args, variables).ends(0).out.contains('\u{1b}')
    };
    assert!(!coloured(&["p.yaml"], &[]));
    assert!(coloured(&["p.yaml", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["p.yaml", "--color", "never"], &[("FORCE_COLOR", "1")]));
    assert!(!coloured(&["p.yaml"], &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
    assert!(!coloured(&["p.yaml"], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    assert!(coloured(&["p.yaml"], &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]));
    assert!(coloured(&["p.yaml"], &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")]));
    assert!(!coloured(&["p.yaml"], &[("CLICOLOR_FORCE", "0")]));
    assert!(!coloured(&["p.yaml"], &[("FORCE_COLOR", "0")]));
}

#[test]
fn quiet_shows_failures_and_the_verdict_and_verbose_the_exchange() {
    let server = Misbehaving::start();
    let project = Project::of(&format!(
        "  - {{name: Good, GET: {0}}}\n  - {{name: Bad, GET: {0}, expect: {{status: 201}}}}\n",
        server.url("/ok")
    ));
    let quiet = project.run(&["p.yaml", "-q"]).ends(1).says("Bad");
    assert!(!quiet.out.contains("✓ Good"), "{}", quiet.out);
    let verbose = project.run(&["p.yaml", "-v"]).ends(1);
    assert!(verbose.out.contains("GET /ok") || verbose.out.contains("GET http"), "{}", verbose.out);
    assert!(verbose.out.contains("{\"ok\":true}") || verbose.out.contains("\"ok\": true"));
}

#[test]
fn lines_fit_eighty_columns() {
    let server = Misbehaving::start();
    let long = "a name that goes on and on ".repeat(8);
    let project = Project::of(&format!(
        "  - {{name: {long}, GET: {}, expect: {{status: 201, $.ok: {{equals: false}}}}}}\n",
        server.url("/ok")
    ));
    let ran = project.run(&["p.yaml"]).ends(1);
    // Lines to copy stay whole, and so do lines of the file itself.
    let copied = |line: &str| {
        ["curl ", "again ", "asked "].iter().any(|word| line.trim_start().starts_with(word))
            || line.contains('│')
    };
    for line in ran.out.lines().filter(|line| !copied(line)) {
        assert!(line.width() <= 80, "{}: {line}", line.width());
    }
    for columns in ["0", "1", "20", "100000", "x"] {
        project.run_with(&["p.yaml"], &[("COLUMNS", columns)]).ends(1);
    }
}

#[test]
fn fifty_plans_at_once_are_told_in_their_order() {
    let server = Misbehaving::start();
    let project = Project::new();
    for n in 0..50 {
        let wait = (50 - n) % 7 * 10;
        let url = server.url(&format!("/slow/{wait}"));
        project.plan(&format!("plans/{n:02}.yaml"), &format!("  - GET: {url}\n"));
    }
    let ran = project.run(&["plans", "-j", "16"]).ends(0);
    let told: Vec<&str> =
        ran.out.lines().filter(|line| line.contains(".yaml")).map(str::trim).collect();
    assert_eq!(told.len(), 50, "{}", ran.out);
    assert!(told.is_sorted(), "{told:#?}");
}

#[test]
fn what_comes_from_outside_moves_no_cursor() {
    let server = Misbehaving::start();
    let project = Project::new();
    let name = format!("\\e]0;x\\a../../{}/\\u202e", "n".repeat(300));
    project.write(
        "p.yaml",
        &format!(
            "plan: \"{name}\"\nsteps:\n  - name: \"{name}\"\n    GET: {}\n    expect: {{text: nothing}}\n",
            server.url("/html-login")
        ),
    );
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json"];
    let ran = project.run(&args).ends(1).says("\\u{1b}");
    for text in [&ran.out, &ran.err, &project.read("log")] {
        let bad = text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(bad, None, "{text}");
    }
    crate::json(&project.read("r.json"));
    for command in [&["list", "p.yaml"][..], &["p.yaml", "--dry-run"], &["check", "p.yaml"]] {
        let ran = project.run(command).ends(0);
        assert!(!ran.out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{}", ran.out);
    }
    let listed = project.run(&["list", "p.yaml", "--format", "json"]).ends(0);
    assert!(listed.out.is_ascii());
    let plan = crate::json(&listed.out)[0]["plan"].clone();
    assert!(plan.as_str().is_some_and(|name| name.contains("\u{1b}]0;x\u{7}../..")), "{plan}");
}

#[test]
fn reports_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Misbehaving::start();
    let project = passing(&server);
    project.run(&["p.yaml", "--report", "json=r.json", "--log-file", "log"]).ends(0);
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("an output").permissions().mode() & 0o777
    };
    let run = project.stored();
    assert_eq!(mode(&run), 0o700);
    for path in [run.join("events.jsonl"), project.path("r.json"), project.path("log")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_closed_standard_input_and_error_are_no_reason_to_fail() {
    let server = Misbehaving::start();
    let project = passing(&server);
    let status = project
        .command(&["p.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("planrun starts");
    assert_eq!(status.code(), Some(0));
}
