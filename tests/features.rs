//! `docs/features.md` names, for each word of the language, the test in which it holds and the test in
//! which it fails: no word is missing, each test is there, and it is about the word.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use planrun::plan::keys::{self, KeyDoc};
use planrun::predicate::Operator;
use planrun::query::Filter;
use regex::Regex;

/// Tables of keys that stand under a key which this version refuses.
const LATER_TABLES: [&str; 4] = ["LOAD", "STAGE", "BASELINE", "STATISTICS"];

/// Phases of a budget.
const PHASES: [&str; 7] = ["dns", "connect", "tls", "send", "wait", "receive", "total"];

/// Options that tests write in their short form.
const SHORT: [(&str, &str); 6] = [
    ("--env", "-e"),
    ("--tag", "-t"),
    ("--filter", "-E"),
    ("--jobs", "-j"),
    ("--verbose", "-v"),
    ("--quiet", "-q"),
];

/// A row of the list.
struct Row {
    table: String,
    word: String,
    holds: String,
    fails: String,
}

#[test]
fn every_word_of_the_language_has_a_test_that_holds_and_one_that_fails() {
    let rows = rows();
    let mut wrong = String::new();
    for (table, words) in language() {
        let named: BTreeSet<&str> =
            rows.iter().filter(|row| row.table == table).map(|row| row.word.as_str()).collect();
        for word in words.iter().filter(|word| !named.contains(word.as_str())) {
            let _ = writeln!(wrong, "docs/features.md has no row for `{word}` under ({table})");
        }
        let words: BTreeSet<&str> = words.iter().map(String::as_str).collect();
        for word in named.iter().filter(|word| !words.contains(*word)) {
            let _ = writeln!(wrong, "docs/features.md: `{word}` under ({table}) is no such word");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_table_of_keys_is_looked_at() {
    let keys = fs::read_to_string(root().join("src/plan/keys.rs")).expect("the keys");
    let tables: BTreeSet<&str> = keys
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(tables.len() > 25, "{tables:?}");
    let language = language();
    let known: BTreeSet<&str> =
        language.iter().map(|(name, _)| *name).chain(LATER_TABLES).collect();
    let missing: Vec<_> = tables.difference(&known).collect();
    assert!(missing.is_empty(), "tests/features.rs does not know {missing:?} of src/plan/keys.rs");
}

#[test]
fn every_test_of_the_list_is_there_and_is_about_its_word() {
    let mut wrong = String::new();
    for Row { table, word, holds, fails } in rows() {
        for name in [holds, fails] {
            let Some(bodies) = TESTS.get(&name) else {
                let _ = writeln!(wrong, "({table}) `{word}`: there is no test `{name}`");
                continue;
            };
            if !bodies.iter().any(|body| is_about(body, &word)) {
                let _ = writeln!(wrong, "({table}) `{word}`: `{name}` does not contain it");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_test_that_is_not_there_or_is_about_something_else_would_be_found() {
    assert!(!TESTS.contains_key("no_test_has_this_name"));
    let bodies = &TESTS["every_operator_holds_and_fails"];
    assert!(bodies.iter().any(|body| is_about(body, "close_to")));
    assert!(!bodies.iter().any(|body| is_about(body, "close_too")));
}

/// The words that the code knows and carries out, by the name of their table.
fn language() -> Vec<(&'static str, BTreeSet<String>)> {
    let tables: [(&str, &[KeyDoc]); 38] = [
        ("PLAN", keys::PLAN),
        ("OPTIONS", keys::OPTIONS),
        ("DEFAULTS_ONLY", keys::DEFAULTS_ONLY),
        ("METHODS", keys::METHODS),
        ("REQUEST", keys::REQUEST),
        ("STEP", keys::STEP),
        ("EXPECT_ALL", keys::EXPECT_ALL),
        ("ROWS", keys::ROWS),
        ("POLL", keys::POLL),
        ("RETRY", keys::RETRY),
        ("AUTH", keys::AUTH),
        ("BASIC", keys::BASIC),
        ("API_KEY", keys::API_KEY),
        ("TLS", keys::TLS),
        ("EXPECT", keys::EXPECT),
        ("OUTCOMES", keys::OUTCOMES),
        ("HOPS", keys::HOPS),
        ("HOP", keys::HOP),
        ("WARN_ONLY", keys::WARN_ONLY),
        ("CAPTURE", keys::CAPTURE),
        ("SECRET", keys::SECRET),
        ("ENVIRONMENT", keys::ENVIRONMENT),
        ("SECRET_SOURCE", keys::SECRET_SOURCE),
        ("TAP", keys::TAP),
        ("SERVICE", keys::SERVICE),
        ("PROJECT", keys::PROJECT),
        ("HINT", keys::HINT),
        ("HINTS", keys::HINTS),
        ("HINTS_FILE", keys::HINTS_FILE),
        ("PART", keys::PART),
        ("GENERATE", keys::GENERATE),
        ("GRAPHQL", keys::GRAPHQL),
        ("CLOSE_TO", keys::CLOSE_TO),
        ("ROUTED", keys::ROUTED),
        ("EQUAL_ROUTES", keys::EQUAL_ROUTES),
        ("CONTRACT", keys::CONTRACT),
        ("CONTRACT_IGNORE", keys::CONTRACT_IGNORE),
        ("ENVIRONMENT_DEFAULTS_ONLY", keys::ENVIRONMENT_DEFAULTS_ONLY),
    ];
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut language: Vec<(&str, BTreeSet<String>)> = tables
        .into_iter()
        .map(|(name, table)| {
            let built = table.iter().filter(|key| key.built).map(|key| key.name.to_owned());
            (name, built.collect())
        })
        .collect();
    let operators = Operator::ALL.iter().map(|it| it.as_str());
    language.push(("operators", operators.map(str::to_owned).collect()));
    language.push(("filters", of(Filter::WORDS)));
    language.push(("templates", planrun::template::words().map(str::to_owned).collect()));
    language.push(("names", of(keys::RESERVED)));
    language.push(("phases", of(&PHASES)));
    language.push(("options", options()));
    language
}

/// The long options of `planrun run`.
fn options() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(["help", "run"])
        .output()
        .expect("the command runs");
    let help = String::from_utf8(output.stdout).expect("the help is text");
    let options: BTreeSet<String> = Regex::new(r"(?m)^ +(?:-\w, )?(--[a-z-]+)")
        .expect("a regular expression")
        .captures_iter(&help)
        .map(|found| found[1].to_owned())
        .filter(|option| option != "--help")
        .collect();
    assert!(options.len() > 20, "{options:?}");
    options
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/features.md")).expect("the list");
    let mut table = String::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ").and_then(|line| line.split(['(', ')']).nth(1))
        {
            name.clone_into(&mut table);
        } else if line.starts_with("| `") {
            let cells: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            let [word, holds, fails] = cells.as_slice() else { panic!("a cell is empty: {line}") };
            rows.push(Row {
                table: table.clone(),
                word: (*word).to_owned(),
                holds: (*holds).to_owned(),
                fails: (*fails).to_owned(),
            });
        }
    }
    assert!(rows.len() > 150, "only {} rows", rows.len());
    rows
}

/// The tests of the repository by their names, each with what it is made of: its own lines, and those
/// of the functions and constants of its file that it uses.
static TESTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                for (name, body) in tests_of(&path) {
                    tests.entry(name).or_default().push(body);
                }
            }
        }
    }
    tests
});

fn tests_of(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).expect("a file of the repository");
    let lines: Vec<&str> = text.lines().collect();
    let mut items: BTreeMap<&str, String> = BTreeMap::new();
    let mut names = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((indent, kind, name)) = item(line) else { continue };
        let end = format!("{indent}}}");
        let is_last = |line: &str| if kind == "fn" { line == end } else { line.ends_with(';') };
        let rest = lines.iter().skip(index);
        let length = rest.clone().position(|line| is_last(line)).map_or(1, |last| last + 1);
        let body: Vec<&str> = rest.take(length).copied().collect();
        // Line breaks of plans are `\n` in the source; what follows begins a word.
        items.entry(name).or_insert_with(|| body.join("\n").replace("\\n", "  "));
        let above = lines.iter().take(index).rev().take(4);
        if above.take_while(|line| !line.trim().is_empty()).any(|line| line.contains("test]")) {
            names.push(name);
        }
    }
    let whole = |test: &str| {
        let mut seen = BTreeSet::from([test]);
        let mut todo: Vec<&String> = items.get(test).into_iter().collect();
        let mut whole = String::new();
        while let Some(body) = todo.pop() {
            whole.push_str(body);
            for used in body.split(|c: char| !c.is_alphanumeric() && c != '_') {
                if let Some((name, used)) = items.get_key_value(used)
                    && seen.insert(name)
                {
                    todo.push(used);
                }
            }
        }
        whole
    };
    names.into_iter().map(|name| (name.to_owned(), whole(name))).collect()
}

/// What a line begins: its indent, `fn`, `const` or `static`, and the name.
fn item(line: &str) -> Option<(&str, &str, &str)> {
    let code = line.trim_start();
    let indent = line.get(..line.len() - code.len())?;
    let words = code.split([' ', '(', ':', '<', ')']).filter(|word| !word.is_empty());
    let before = ["pub", "crate", "super", "async", "const"];
    let is_function = code.contains("fn ");
    let mut words =
        words.skip_while(|word| before.contains(word) && (is_function || *word != "const"));
    match words.next()? {
        kind @ ("fn" | "const" | "static") => Some((indent, kind, words.next()?)),
        _ => None,
    }
}

fn is_about(body: &str, word: &str) -> bool {
    let short = SHORT.iter().find(|(long, _)| *long == word).map(|(_, short)| *short);
    [Some(word), short].into_iter().flatten().any(|word| {
        body.match_indices(word).any(|(at, _)| {
            let is_edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let before = body.get(..at).and_then(|text| text.chars().next_back());
            let after = body.get(at + word.len()..).and_then(|text| text.chars().next());
            is_edge(before) && is_edge(after)
        })
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
