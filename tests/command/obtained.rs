//! Secrets that take a command or a person: allowed, asked for once, and shown nowhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, json, until};

const KEY: &str = "hk_live_0123456789abcdef";

/// A plan that sends `api_key`, on an environment that says where it comes from.
fn keyed(server: &Misbehaving, declaration: &str, source: &str) -> Project {
    let project = Project::new();
    project.write(
        "environments/e.yaml",
        &format!("environment: e\nvars: {{vault: main}}\nsecrets:\n  api_key: {source}\n"),
    );
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsecrets:\n  api_key: {declaration}\nsteps:\n  - name: Ask\n    GET: {}\n    \
             auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}\n  - {{id: open, GET: {}}}\n",
            server.url("/ok"),
            server.url("/echo"),
        ),
    );
    project
}

fn sent(server: &Misbehaving) -> Vec<String> {
    let seen = server.log();
    seen.iter().filter_map(|seen| seen.header("authorization").map(str::to_owned)).collect()
}

/// A program beside the environment that prints a key, and leaves a line in `ran` each time.
fn vault(project: &Project, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    project.write("environments/vault", &format!("#!/bin/sh\necho run >> ran\n{script}\n"));
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(project.path("environments/vault"), executable).expect("a mode");
}

fn times_run(project: &Project) -> usize {
    std::fs::read_to_string(project.path("environments/ran")).unwrap_or_default().lines().count()
}

const RUN: [&str; 6] = ["p.yaml", "-e", "e", "-v", "--allow-exec", "--log-file=log"];

#[test]
fn a_command_gives_a_secret_where_it_is_allowed() {
    let server = Misbehaving::start();
    let project =
        keyed(&server, "{matches: ^hk_}", "{command: [./vault, \"${{ env.vault }}/key\"]}");
    vault(&project, &format!("[ \"$1\" = main/key ] && echo {KEY}"));
    project.run(&RUN).ends(0).never_says(KEY);
    assert_eq!(sent(&server), [format!("Bearer {KEY}")]);
    assert!(!project.read("log").contains(KEY) && !format!("{:?}", project.events()).contains(KEY));
    assert_eq!(times_run(&project), 1);
    // What only looks runs nothing.
    for args in [
        &["p.yaml", "-e", "e", "--dry-run"][..],
        &["check", "p.yaml", "-e", "e"],
        &["vars", "p.yaml", "-e", "e"],
        &["list", "p.yaml", "-e", "e"],
    ] {
        project.run(args).ends(0);
    }
    project.run(&["vars", "p.yaml", "-e", "e"]).says("a command (environments/e.yaml:4:12)");
    // What comes from nearer, and what no selected step needs, is not got by it.
    project.run_with(&["p.yaml", "-e", "e"], &[("PLANRUN_SECRET_api_key", KEY)]).ends(0);
    project.run(&["p.yaml", "-e", "e", "--step", "open"]).ends(0);
    assert_eq!(times_run(&project), 1);
}

#[test]
fn a_command_that_nobody_allowed_is_not_run() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}", "{command: [./vault]}");
    vault(&project, "echo key");
    let args = ["p.yaml", "-e", "e", "--report", "json=r.json"];
    project
        .run(&args)
        .ends(3)
        .says("environment::exec")
        .says("environments/e.yaml:4:12")
        .says("needed by `Ask`")
        .says("--allow-exec");
    assert!(project.read("r.json").contains("environment::exec"));
    assert_eq!((times_run(&project), server.log().len()), (0, 0));
    // An optional one is simply not there.
    let project = keyed(&server, "{optional: true}", "{command: [./vault]}");
    project.run(&args).ends(0);
    assert_eq!(sent(&server).len(), 0);
}

#[test]
fn a_command_that_fails_says_why_and_shows_no_secret() {
    let server = Misbehaving::start();
    let other = "other-secret-value";
    let ends = |script: &str| {
        let project = keyed(&server, "{matches: ^hk_}", "{command: [./vault]}");
        let plan = project.read("p.yaml").replace("  api_key:", "  other: {}\n  api_key:");
        project.write(
            "p.yaml",
            &plan.replace("id: open,", "id: open, query: {o: \"${{ secrets.other }}\"},"),
        );
        vault(&project, script);
        project.run_with(&RUN, &[("OTHER", other)]).never_says(other).never_says(KEY)
    };
    ends(&format!("echo {KEY}; echo 'vault is locked' >&2; echo {other} >&2; exit 4"))
        .ends(3)
        .says("secret::command")
        .says("`./vault` ended with exit code 4")
        .says("it said: vault is locked")
        .says("it said: «secret:other»")
        .says("needed by `Ask`")
        .says("no request was sent");
    ends("echo not-of-that-shape").ends(3).says("secret::malformed").never_says("not-of-that");
    ends("true").ends(3).says("is empty: the command printed nothing");
    let project = keyed(&server, "{}", "{command: [no-such-program, x]}");
    project.run(&RUN).ends(3).says("there is no program `no-such-program`");
    let project = keyed(&server, "{optional: true}", "{command: [./vault]}");
    vault(&project, "exit 1");
    project.run(&RUN).ends(0).says("secret::command");
    assert_eq!(sent(&server).len(), 0);
}

#[test]
fn one_command_is_run_once_for_all_that_need_it() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}", "{command: [./vault]}");
    vault(&project, &format!("echo {KEY}"));
    project.write("q/p.yaml", &project.read("p.yaml"));
    // Another environment of the same name, which takes it from the same command.
    project.write("q/environments/e.yaml", "environment: e\nextends: base\n");
    project.write(
        "environments/base.yaml",
        &project.read("environments/e.yaml").replace(": e", ": base"),
    );
    project.run(&["p.yaml", "q/p.yaml", "-e", "e", "--allow-exec"]).ends(0);
    assert_eq!((times_run(&project), sent(&server).len()), (1, 2));
    // A comparison takes it once for all of its runs.
    project.run(&["compare", "p.yaml", "-e", "e", "-e", "base", "--allow-exec"]).ends(0);
    assert_eq!((times_run(&project), sent(&server).len()), (2, 5));
}

#[test]
fn without_a_terminal_a_secret_that_is_asked_for_is_missing() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{description: Key of a developer}", "{prompt: true}");
    project
        .run(&["p.yaml", "-e", "e"])
        .ends(3)
        .says("secret::missing")
        .says("there is no terminal")
        .says("needed by `Ask`");
    project.run_with(&["p.yaml", "-e", "e"], &[("PLANRUN_SECRET_api_key", KEY)]).ends(0);
    let project = keyed(&server, "{optional: true}", "{prompt: true}");
    project.run(&["p.yaml", "-e", "e"]).ends(0);
    assert_eq!(sent(&server).len(), 1);
}

/// A run on a terminal, and the person before it.
struct Seat {
    keyboard: File,
    screen: Receiver<u8>,
    shown: String,
    child: std::process::Child,
}

impl Seat {
    fn new(project: &Project, args: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let ours = openpt(flags).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal");
        let path = ptsname(&ours, Vec::new()).expect("its name").into_string().expect("UTF-8");
        let theirs = File::options().read(true).write(true).open(path).expect("the other end");
        let mut command = project.command(args);
        let child = command
            .stdin(theirs.try_clone().expect("a copy"))
            .stderr(theirs)
            .stdout(Stdio::piped())
            .spawn()
            .expect("planrun starts");
        drop(command);
        let keyboard = File::from(ours);
        let mut screen = keyboard.try_clone().expect("a copy");
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            // The terminal ends with an error once nobody has the other end.
            while screen.read(&mut byte).is_ok_and(|read| read == 1) && sender.send(byte[0]).is_ok()
            {
            }
        });
        Self { keyboard, screen: receiver, shown: String::new(), child }
    }

    fn waits_for(&mut self, words: &str) {
        let Self { screen, shown, .. } = self;
        until(words, || {
            shown.extend(screen.try_iter().map(char::from));
            shown.contains(words)
        });
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a key");
    }

    fn leaves(mut self) -> Ran {
        let output = self.child.wait_with_output().expect("its end");
        self.shown.extend(self.screen.iter().map(char::from));
        let mut ran = Ran::of(output);
        ran.err = self.shown;
        ran
    }
}

#[test]
fn a_secret_is_asked_for_once_and_not_shown() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{description: Key of a developer}", "{prompt: true}");
    project.write("q/p.yaml", &project.read("p.yaml"));
    let mut seat = Seat::new(&project, &["p.yaml", "q/p.yaml", "-e", "e", "-v"]);
    seat.waits_for("api_key (Key of a developer): ");
    assert_eq!(server.log().len(), 0, "it is asked for before the first request");
    seat.types(&format!("{KEY}x\x7f\r"));
    let ran = seat.leaves().ends(0).never_says(KEY);
    assert_eq!(ran.err.matches("api_key (").count(), 1, "{}", ran.err);
    assert_eq!(sent(&server), [format!("Bearer {KEY}"), format!("Bearer {KEY}")]);
}

#[test]
fn a_comparison_of_two_environments_asks_once_for_all_of_its_runs() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{description: Key of a developer}", "{prompt: true}");
    let other = project.read("environments/e.yaml").replace("environment: e", "environment: f");
    project.write("environments/f.yaml", &other);
    let mut seat = Seat::new(&project, &["compare", "p.yaml", "-e", "e", "-e", "f"]);
    // It is told whom the answer is for.
    seat.waits_for("api_key (Key of a developer), for e and f: ");
    seat.types(&format!("{KEY}\r"));
    let ran = seat.leaves().ends(0).never_says(KEY);
    assert_eq!(ran.err.matches("api_key (").count(), 1, "{}", ran.err);
    assert_eq!(sent(&server).len(), 3);
    // Nothing typed is nothing for each of them, and that is said once.
    let mut seat = Seat::new(&project, &["compare", "p.yaml", "-e", "e", "-e", "f"]);
    seat.waits_for("for e and f: ");
    seat.types("\r");
    seat.leaves().ends(3).says("nothing was typed");
    assert_eq!(sent(&server).len(), 3);
}

#[test]
fn what_is_typed_is_judged_like_any_other_secret() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{matches: ^hk_}", "{prompt: true}");
    for (keys, says) in [("wrong-shape\r", "secret::malformed"), ("\r", "nothing was typed")] {
        let mut seat = Seat::new(&project, &["p.yaml", "-e", "e"]);
        seat.waits_for("api_key: ");
        seat.types(keys);
        seat.leaves().ends(3).says(says).never_says("wrong-shape");
    }
    assert_eq!(server.log().len(), 0);
}

#[test]
fn nobody_is_asked_where_something_else_is_wrong() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}", "{prompt: true}");
    let plan = project.read("p.yaml");
    project.write(
        "p.yaml",
        &plan
            .replace("  api_key:", "  other: {}\n  api_key:")
            .replace("auth:", "headers: {X-A: \"${{ secrets.other }}\"}\n    auth:"),
    );
    let seat = Seat::new(&project, &["p.yaml", "-e", "e"]);
    // It ends by itself: nobody types.
    seat.leaves().ends(3).says("`other` is missing");
}

#[test]
fn an_interrupt_at_the_question_ends_the_run_before_it_begins() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}", "{prompt: true}");
    let mut seat = Seat::new(&project, &["p.yaml", "-e", "e", "--report", "json=r.json"]);
    seat.waits_for("api_key: ");
    seat.types("hk_\x03");
    seat.leaves().ends(130).says("no request was sent");
    assert_eq!(json(&project.read("r.json"))["verdict"], "interrupted");
    assert_eq!(server.log().len(), 0);
}
