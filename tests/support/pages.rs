//! What tests of the pages for people share: parts of plans made whole, a shell, and outputs
//! without what differs from run to run.

#![allow(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "each test binary that includes this file uses its own part; it reads the repository"
)]

mod markdown;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) use markdown::{Block, blocks};
use planrun::plan::keys;
use regex::Regex;

/// Names that the pages' parts of plans take from the plan around them.
const AROUND: [&str; 5] = ["user_id", "model", "run_id", "experiment_id", "token"];

/// Puts a plan around steps, around keys of one step, or around what its info string says:
/// `yaml,expect`, `yaml,capture`, `yaml,step`.
pub(crate) fn around(part: &str, place: Option<&str>) -> String {
    let mut plan = String::from("plan: On a page\n");
    let first = part.split(':').next().unwrap_or_default();
    let top = place.is_none()
        && keys::PLAN.iter().any(|key| key.name == first)
        && !keys::STEP.iter().chain(keys::REQUEST).any(|key| key.name == first);
    let has = |key: &str| part.lines().any(|line| line.starts_with(&format!("{key}:")));
    let writes = |key: &str| top && has(key);
    if !writes("defaults") {
        plan.push_str("defaults: {base_url: http://127.0.0.1:1}\n");
    }
    let secrets = names(r"\bsecrets\.([a-z_][a-z0-9_]*)", part);
    if !secrets.is_empty() && !writes("secrets") {
        plan.push_str("secrets:\n");
        for name in secrets {
            let _ = writeln!(plan, "  {name}: {{}}");
        }
    }
    let used: Vec<_> = AROUND
        .iter()
        .filter(|name| {
            part.contains(&format!("${{{{ {name} "))
                && !part.contains(&format!("{name}: $."))
                && !part.contains(&format!("export: [{name}]"))
        })
        .collect();
    if !used.is_empty() && !writes("vars") {
        plan.push_str("vars:\n");
        for name in used {
            let _ = writeln!(plan, "  {name}: any");
        }
    }
    if top {
        plan.push_str(part);
        if !has("steps") {
            plan.push_str("steps:\n  - GET: /\n");
            if has("secrets") {
                plan.push_str("    headers:\n");
                for name in names(r"(?m)^  ([a-z_]+):", part) {
                    let _ = writeln!(plan, "      X-{name}: ${{{{ secrets.{name} }}}}");
                }
            }
        }
        return plan;
    }
    plan.push_str("steps:\n");
    let steps = part.starts_with("- ");
    if !steps {
        let sends = place.is_none_or(|place| place == "step")
            && ["include", "sleep", "assert", "parallel", "first_of", "url"]
                .iter()
                .copied()
                .chain(keys::METHODS.iter().map(|key| key.name))
                .any(has);
        plan.push_str(if sends { "  - name: On a page\n" } else { "  - GET: /\n" });
    }
    let under = place.filter(|place| *place != "step");
    if let Some(key) = under {
        let _ = writeln!(plan, "    {key}:");
    }
    let indent = match (steps, under) {
        (true, _) => "  ",
        (false, None) => "    ",
        (false, Some(_)) => "      ",
    };
    for line in part.lines() {
        let _ = writeln!(plan, "{indent}{line}");
    }
    plan
}

/// What group 1 of a pattern matches in a text, each once.
pub(crate) fn names(pattern: &str, text: &str) -> BTreeSet<String> {
    Regex::new(pattern)
        .expect("a regular expression")
        .captures_iter(text)
        .map(|found| found.get(1).expect("a group").as_str().to_owned())
        .collect()
}

/// Runs a command line of a page in a folder, as a shell would.
pub(crate) fn run(folder: &Path, line: &str) -> Output {
    shell(folder, line).output().expect("a shell")
}

/// A shell in a folder that finds the command by its name.
pub(crate) fn shell(folder: &Path, line: &str) -> Command {
    let command = line.replacen("cargo run -- ", "planrun ", 1);
    let binary = Path::new(env!("CARGO_BIN_EXE_planrun")).parent().expect("a folder").to_owned();
    let mut path = binary.into_os_string();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .stdin(Stdio::null());
    shell
}

/// Runs planrun with these words in a folder.
pub(crate) fn planrun(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
    command.args(words).current_dir(folder).env_clear().stdin(Stdio::null());
    command.output().expect("planrun starts")
}

/// All that a command said.
pub(crate) fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// What an output says, without what differs from run to run: times, addresses, ids, and where
/// lines are broken because of them.
pub(crate) fn essence(text: &str) -> String {
    let rules = [
        (r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
        (r"seed \d+", "SEED"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
        (r"\d+(\.\d+)?\s+(µs|ms|s)\b", "TIME"),
        (r"[\s│·]+", ""),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).expect("a regular expression").replace_all(&text, *with).into_owned()
    })
}

/// Where the repository is.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub(crate) fn read(page: &str) -> String {
    let path = root().join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is there", path.display()))
}

/// The pages in a folder of the repository and below it, by their paths in the repository, sorted.
pub(crate) fn pages_in(folder: &str) -> Vec<String> {
    let mut pages = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).expect("a folder of the repository") {
            let path = folder.join(entry.expect("an entry").file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path.display().to_string());
            }
        }
    }
    pages.sort();
    pages
}
