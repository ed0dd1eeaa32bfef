//! What the pages for people say is true: their plans are checked, their commands are run, and the
//! output that they show is the output that there is.
//!
//! `PLANRUN_BLESS=1 cargo test --test docs` writes the output of today into the README.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

#[path = "support/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use pages::{Block, around, blocks, essence, read, root, shell, text};
use planrun::plan::keys;
use planrun::predicate::Operator;
use regex::Regex;
use tempfile::TempDir;

/// Commands that the README names and that are not for a test to run.
const NOT_RUN: [&str; 2] = ["cargo test", "cargo install --path ."];

#[test]
fn every_plan_on_a_page_is_read_without_a_finding() {
    for page in ["README.md", "CONTRIBUTING.md"] {
        let project = project();
        for block in blocks(&read(page)).iter().filter(|block| block.language == "yaml") {
            let output = check(&project, block);
            assert!(
                output.status.success() && !text(&output).contains("plan::"),
                "{page}:{}\n{}",
                block.line,
                text(&output)
            );
        }
    }
}

#[test]
fn a_mistake_in_a_plan_on_a_page_would_be_found() {
    let page = "```yaml\n- GET: /health\n  expcet: {status: 200}\n```\n";
    let output = check(&project(), &blocks(page)[0]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}

#[test]
fn every_command_of_the_readme_ends_as_it_says() {
    let project = project();
    let mut seen = 0;
    for block in blocks(&read("README.md")).iter().filter(|block| block.language == "sh") {
        for line in block.text.lines().filter(|line| !NOT_RUN.contains(line)) {
            assert!(
                line.starts_with("planrun ") || line.starts_with("cargo run -- "),
                "README.md:{}: what should a test make of `{line}`?",
                block.line
            );
            if block.mark("serves").is_some() {
                serves(&project, line);
            } else {
                let output = run(&project, line);
                let expected = block.mark("exit").unwrap_or("0");
                let code = output.status.code().map(|code| code.to_string());
                assert_eq!(code.as_deref(), Some(expected), "{line}\n{}", text(&output));
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} commands");
}

#[test]
fn the_output_that_the_readme_shows_is_the_output_that_there_is() {
    let page = read("README.md");
    let block = blocks(&page)
        .into_iter()
        .find(|block| block.mark("output").is_some())
        .expect("the README shows an output");
    let command = block.mark("output").expect("it was asked for").to_owned();
    let output = run(&project(), &command);
    let now = String::from_utf8(output.stdout).expect("the output is text");
    if essence(&now) == essence(&block.text) {
        return;
    }
    assert!(
        std::env::var_os("PLANRUN_BLESS").is_some(),
        "`{command}` says now:\n\n{now}\nPLANRUN_BLESS=1 writes that into the README"
    );
    let lines: Vec<&str> = page.lines().collect();
    let end = block.line + block.text.lines().count();
    let mut blessed = lines[..block.line].join("\n");
    let _ = write!(blessed, "\n{}\n{}\n", now.trim_end(), lines[end..].join("\n"));
    fs::write(root().join("README.md"), blessed).expect("the README can be written");
}

#[test]
fn only_times_addresses_and_ids_may_differ_in_an_output() {
    let shown = "GET http://127.0.0.1:4000/a · 1.5 ms\nrun 20260101-101010-00ff · seed 7\n";
    let now = "GET http://127.0.0.1:51234/a\n  │ · 12 µs\nrun 20270101-111111-abcd · seed 123\n";
    assert_eq!(essence(shown), essence(now));
    assert_ne!(essence(shown), essence(&now.replace("GET", "PUT")));
    assert_ne!(essence("expected: 200"), essence("expected: 201"));
}

#[test]
fn what_the_readme_calls_not_built_is_what_is_refused() {
    let page = read("README.md");
    let list = page
        .split_once("<!-- not built: keys -->")
        .and_then(|(_, after)| after.trim_start().split_once("\n\n"))
        .expect("the README lists what is not built")
        .0;
    let named: BTreeSet<&str> = Regex::new("`([a-z0-9_]+)`")
        .expect("a regular expression")
        .captures_iter(list)
        .map(|found| found.get(1).expect("a group").as_str())
        .collect();
    let tables = || keys::ALL.iter().copied().flatten();
    let later: BTreeSet<&str> = tables().filter(|key| !key.built).map(|key| key.name).collect();
    let missing: Vec<_> = later.difference(&named).collect();
    assert!(missing.is_empty(), "refused, and not in the README's list: {missing:?}");
    // `auth` and `tls` stand there to say where the others belong.
    let where_they_belong = BTreeSet::from(["auth", "tls"]);
    let built: Vec<_> =
        named.difference(&later).filter(|it| !where_they_belong.contains(*it)).collect();
    assert!(built.is_empty(), "in the README's list, and not refused: {built:?}");
}

#[test]
fn the_readme_names_every_operator_and_every_subject() {
    let page = read("README.md");
    for operator in Operator::ALL {
        let word = operator.as_str();
        assert!(page.contains(&format!("`{word}`")), "the operator `{word}` is not in the README");
    }
    for subject in keys::EXPECT {
        let word = subject.name;
        assert!(
            page.contains(&format!("`{word}: ")) || page.contains(&format!("`{word}`")),
            "`{word}` is not in the README"
        );
    }
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let named = Regex::new(r"\]\(([^)#:]+)\)|`((?:src|tests|plans|\.ci)/[A-Za-z0-9_./-]+)`")
        .expect("a regular expression");
    for page in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(page);
        let written: Vec<String> = blocks(&text)
            .iter()
            .filter_map(|block| block.mark("file").map(str::to_owned))
            .collect();
        for found in named.captures_iter(&text) {
            let path = found.get(1).or(found.get(2)).expect("one of two groups").as_str();
            let stands_for_many = ["ROOM", "NAME", "KIND"].iter().any(|it| path.contains(it));
            assert!(
                stands_for_many
                    || root().join(path).exists()
                    || written.iter().any(|file| file == path),
                "{page} names `{path}`, which is not there"
            );
        }
    }
}

/// Reads a block as whatever it is: a file of its own, steps, or keys of a step.
fn check(project: &TempDir, block: &Block) -> Output {
    let begins = block.text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let first = begins.split(':').next().unwrap_or_default();
    let (name, plan) = match first {
        "plan" => ("page.yaml".to_owned(), block.text.clone()),
        "environment" | "project" => {
            let name = block.mark("file").unwrap_or("plans/page.yaml");
            let name = name.strip_prefix("plans/").expect("it stands under plans").to_owned();
            let path = project.path().join("plans").join(&name);
            fs::write(&path, &block.text).expect("the project can be written");
            let environment = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let command = match first {
                "environment" => format!("planrun check plans/access.yaml -e {environment}"),
                _ => "planrun check plans/access.yaml".to_owned(),
            };
            return run(project, &command);
        }
        _ => ("page.yaml".to_owned(), around(&block.text, None)),
    };
    fs::write(project.path().join("plans").join(&name), plan).expect("the project can be written");
    run(project, &format!("planrun check plans/{name}"))
}

/// A copy of the repository's plans, with the files that the README tells to write.
fn project() -> TempDir {
    let project = tempfile::tempdir().expect("a temporary folder");
    for folder in ["plans", "plans/environments", "plans/flows", "plans/specs"] {
        fs::create_dir(project.path().join(folder)).expect("a folder");
        for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "yaml" || ending == "md") {
                let name = path.file_name().expect("a name");
                fs::copy(&path, project.path().join(folder).join(name)).expect("a copy");
            }
        }
    }
    for block in blocks(&read("README.md")) {
        let Some(file) = block.mark("file") else { continue };
        let path = project.path().join(file);
        if let Ok(there) = fs::read_to_string(&path) {
            assert_eq!(there, block.text, "README.md shows another {file} than there is");
        } else {
            fs::write(&path, &block.text).expect("the project can be written");
        }
    }
    project
}

/// Runs a command line of a page in the project, as a shell would.
fn run(project: &TempDir, line: &str) -> Output {
    pages::run(project.path(), line)
}

/// Starts what serves until it is ended, waits for its first line, and ends it.
fn serves(project: &TempDir, line: &str) {
    let mut child = shell(project.path(), &format!("exec {line}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut first = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut first);
    child.kill().expect("it still serves");
    child.wait().expect("it was ended");
    assert!(read.is_ok() && first.contains("http://"), "{line}: {first}");
}
