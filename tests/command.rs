//! The command as a person meets it: the real binary in a folder of its own, its exit codes, its
//! words, its files, and what never stands in any of them.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails, and the binary is started here"
)]

#[path = "support/misbehaving.rs"]
mod misbehaving;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "support/tls.rs"]
mod tls;

#[path = "command/across.rs"]
mod across;
#[path = "command/bug_report.rs"]
mod bug_report;
#[path = "command/causes.rs"]
mod causes;
#[path = "command/check.rs"]
mod check;
#[path = "command/compare.rs"]
mod compare;
#[path = "command/coverage.rs"]
mod coverage;
#[path = "command/doctor.rs"]
mod doctor;
#[path = "command/dry_run.rs"]
mod dry_run;
#[path = "command/echoes.rs"]
mod echoes;
#[path = "command/environments.rs"]
mod environments;
#[path = "command/exit_codes.rs"]
mod exit_codes;
#[path = "command/folders.rs"]
mod folders;
#[path = "command/includes.rs"]
mod includes;
#[path = "command/notify.rs"]
mod notify;
#[path = "command/obtained.rs"]
mod obtained;
#[path = "command/other.rs"]
mod other;
#[path = "command/outputs.rs"]
mod outputs;
#[path = "command/protection.rs"]
mod protection;
#[path = "command/reports.rs"]
mod reports;
#[path = "command/secrets.rs"]
mod secrets;
#[path = "command/sections.rs"]
mod sections;
#[path = "command/selection.rs"]
mod selection;
#[path = "command/services.rs"]
mod services;
#[path = "command/several.rs"]
mod several;
#[path = "command/shell.rs"]
mod shell;
#[path = "command/signals.rs"]
mod signals;
#[path = "command/story.rs"]
mod story;
#[path = "command/terminal.rs"]
mod terminal;
#[path = "command/vars.rs"]
mod vars;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A project folder that is gone when the test ends.
struct Project {
    folder: tempfile::TempDir,
}

/// What a command said, and how it ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = Self { folder };
        project.write("planrun.yaml", "project: test\n");
        project
    }

    /// A project with one plan, `p.yaml`, of these steps.
    fn of(steps: &str) -> Self {
        let project = Self::new();
        project.plan("p.yaml", steps);
        project
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn plan(&self, path: &str, steps: &str) {
        self.write(path, &format!("plan: {path}\nsteps:\n{steps}"));
    }

    fn read(&self, path: &str) -> String {
        let path = self.path(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The command in this folder, with nothing of the test's own environment but the path.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        Ran::of(command.output().expect("planrun starts"))
    }

    /// Starts the command without waiting for its end.
    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("planrun starts")
    }

    /// The folder of the only run so far.
    fn stored(&self) -> PathBuf {
        let runs = self.path(".planrun/runs");
        let mut found: Vec<_> = std::fs::read_dir(runs)
            .expect("stored runs")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn events(&self) -> Vec<serde_json::Value> {
        lines(&self.stored().join("events.jsonl"))
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n---\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        let all = format!("{}\n---\n{}", self.out, self.err);
        assert!(all.contains(words), "no `{words}` in:\n{all}");
        self
    }

    #[track_caller]
    fn never_says(self, words: &str) -> Self {
        let all = format!("{}\n---\n{}", self.out, self.err);
        assert!(!all.contains(words), "`{words}` in:\n{all}");
        self
    }
}

/// Every line of a stored run.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("a stored run");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().map(parse).collect()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits until something has happened in another process; a test fails rather than hang.
#[track_caller]
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to one process.
fn signal(name: &str, child: &Child) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "{name}");
}
