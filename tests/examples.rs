//! The tour: each of its plans passes on the built-in registry, is short, has its number, and fails
//! as it says it does where the registry is sick.

#![cfg(all(unix, feature = "demo"))]
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

#[path = "support/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use pages::{root, text as said};
use regex::Regex;
use serde_json::Value;

/// The most lines that a plan of the tour has.
const LINES: usize = 39;

#[test]
fn every_plan_of_the_tour_passes_on_the_built_in_registry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = folder.path().join("report.json");
    let output = planrun(&["run", "examples", "--report", &format!("json={}", report.display())]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));

    let report = fs::read_to_string(report).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    let passed: BTreeSet<String> = report["plans"]
        .as_array()
        .expect("plans")
        .iter()
        .filter(|plan| plan["verdict"] == "passed")
        .map(|plan| plan["at"]["path"].as_str().expect("a path").to_owned())
        .collect();
    let there: BTreeSet<String> =
        numbered().into_iter().map(|(_, name)| format!("examples/{name}")).collect();
    assert_eq!(passed, there);
}

#[test]
fn the_tour_gives_no_warning() {
    let output = planrun(&["check", "examples", "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("::"), "{}", said(&output));
}

#[test]
fn the_tour_is_numbered_without_gaps() {
    let numbers: Vec<usize> = numbered().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() >= 25, "{numbers:?}");
}

#[test]
fn every_plan_of_the_tour_is_short_and_begins_with_what_it_shows() {
    for (_, name) in numbered() {
        let text = read(&name);
        let lines = text.lines().count();
        assert!(lines <= LINES, "{name} has {lines} lines");
        assert!(text.starts_with("# "), "{name} does not say what it shows");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{name} is {widest:?} wide");
    }
}

#[test]
fn the_table_of_the_tour_has_every_plan_under_its_name() {
    let table = read("README.md");
    for (_, name) in numbered() {
        let plan = read(&name);
        let title = plan.lines().find_map(|line| line.strip_prefix("plan: ")).expect("a name");
        let short = name.trim_end_matches(".yaml");
        let row = format!("| [{short}]({name}) | {title} | ");
        assert!(table.contains(&row), "examples/README.md has no row that begins with `{row}`");
    }
}

#[test]
fn a_failure_that_the_tour_promises_is_there() {
    let promise =
        Regex::new(r"planrun (examples/\S+\.yaml) -e (\S+)").expect("a regular expression");
    let mut seen = 0;
    for file in yaml_files(&["", "environments"]) {
        let text = read(&file);
        for found in promise.captures_iter(&text) {
            let (_, [plan, environment]) = found.extract();
            let output = planrun(&["run", plan, "-e", environment]);
            assert_eq!(output.status.code(), Some(1), "{plan} -e {environment}\n{}", said(&output));
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} promises");
}

/// The plans of the tour in their order, with their numbers.
fn numbered() -> Vec<(usize, String)> {
    yaml_files(&[""])
        .into_iter()
        .filter(|name| name != "planrun.yaml")
        .map(|name| {
            let number = name.split('-').next().and_then(|number| number.parse().ok());
            (number.unwrap_or_else(|| panic!("{name} has no number")), name)
        })
        .collect()
}

fn yaml_files(folders: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root().join("examples").join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "yaml") {
                let name = Path::new(folder).join(path.file_name().expect("a name"));
                files.push(name.display().to_string());
            }
        }
    }
    files.sort();
    files
}

/// Runs the command at the root of the repository; what it stores lies elsewhere.
fn planrun(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run").display().to_string();
    let mut words = arguments.to_vec();
    if arguments.first() == Some(&"run") {
        words.extend(["--out", &out]);
    }
    pages::planrun(&root(), &words)
}

fn read(name: &str) -> String {
    pages::read(&format!("examples/{name}"))
}
