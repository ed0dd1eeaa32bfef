//! Owes the rooms `yaml`, `plan` and `environment` their corpus: a file in, findings out.
//!
//! `tests/data/findings/KIND/NAME.yaml` gives what `NAME.txt` holds; `NAME.twin.yaml`, the same
//! without the mistake, gives nothing. `PLANRUN_BLESS=1` writes the texts anew.

#![expect(clippy::disallowed_methods, reason = "a test reads its own corpus")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::finding::Finding;
use crate::plan::{parse, parse_hints, parse_project};
use crate::source::SourceText;
use crate::yaml::testing::{render, source};
use crate::yaml::{Kind, Node, read};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The YAML files of a folder, and of those below it, by path.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn findings(source: &SourceText, kind: &str) -> Vec<Finding> {
    match kind {
        "yaml" => read(source).1,
        "environment" => super::parse(source).1,
        "project" => parse_project(source).1,
        "hints" => parse_hints(source).1,
        _ => parse(source).1,
    }
}

#[test]
fn every_mistake_is_said_as_its_file_says_and_its_twin_is_silent() {
    let bless = std::env::var_os("PLANRUN_BLESS").is_some();
    let folder = root().join("tests/data/findings");
    let mut wrong = String::new();
    let files = files(&folder);
    assert!(files.len() > 30, "the corpus is there");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let source = source(&text);
        let kind = path.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap();
        let found = render(&source, &findings(&source, kind));
        let shown = path.strip_prefix(&folder).unwrap().display();
        let is_twin = path.to_string_lossy().ends_with(".twin.yaml");
        let expected = path.with_extension("txt");
        if is_twin {
            if !found.is_empty() {
                let _ = writeln!(wrong, "--- {shown} is not silent\n{found}");
            }
        } else if bless {
            std::fs::write(&expected, &found).unwrap();
        } else {
            let expected = std::fs::read_to_string(&expected).unwrap_or_default();
            if expected.is_empty() || found != expected {
                let _ = writeln!(wrong, "--- {shown}\n{found}+++ expected\n{expected}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Texts beside the files that are read in both ways.
const BOTH_WAYS: &[&str] = &[
    "a: 1\nb: [1.10, .5, 1e3, 0x1F, 0o17, +1, -2, 012, NO, on, ~, null, true, False, 1_000, 1:30]\n",
    "a: &x {p: 1, q: [1, 2]}\nb: *x\nc: {<<: *x, p: 3}\nd: {<<: [*x, {r: 1, p: 9}], q: 0}\n",
    "a: |\n  two\n  lines\n\nb: >-\n  one\n  line\nc: |+\n  kept\n\nd: |2\n   x\n",
    "a: 'it''s'\nb: \"tab\\t \\u00e4 \\\"\"\nc: plain text\n  that goes on\n",
    "- a\n- [b, {c: d}]\n- {}\n- []\n- ''\n",
    "? a\n: b\n1: c\ntrue: d\n",
    "a: !!str 12\nb: !!int \"7\"\nc: !!float 1.5\nd: !!map {a: 1}\ne: !!seq [1]\n",
    "%YAML 1.2\n---\na: 1\n...\n",
    "a: ${{ x }}\nb: \"${{ y | default('z: 1') }}\"\nc: http://x:1/y?z=1#f\nd: a:b\n",
    "a:\r\n  - 1\r\n  - b: |\r\n      x\r\n",
    "a: \"\u{e9}\u{1F600}\"\n\u{e4}: [\u{fc}]\n",
];

#[test]
fn the_tree_and_serde_yaml_read_the_same() {
    let mut texts: Vec<String> = BOTH_WAYS.iter().map(|text| (*text).to_owned()).collect();
    for folder in ["plans", "tests/data/findings"] {
        for path in files(&root().join(folder)) {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    let mut compared = 0;
    for text in texts {
        let (node, found) = read(&source(&text));
        let Some(node) = node.filter(|_| !found.iter().any(Finding::is_error)) else { continue };
        let mut value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_else(|error| {
            panic!("serde_yaml refuses what the tree takes: {error}\n{text}")
        });
        value.apply_merge().unwrap();
        assert_same(&node, &value, &text);
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

fn assert_same(node: &Node, value: &serde_yaml::Value, text: &str) {
    use serde_yaml::Value;
    match (&node.kind, value) {
        (Kind::Empty | Kind::Null, Value::Null) => {}
        (Kind::Bool(a), Value::Bool(b)) => assert_eq!(a, b),
        (Kind::Number { .. }, Value::Number(_)) => assert_eq!(&node.to_yaml(), value, "{text}"),
        (Kind::String(a), Value::String(b)) => assert_eq!(a, b, "{text}"),
        (Kind::List(a), Value::Sequence(b)) => {
            assert_eq!(a.len(), b.len(), "{text}");
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b, text));
        }
        (Kind::Map(a), Value::Mapping(b)) => {
            assert_eq!(a.len(), b.len(), "{text}");
            for (key, value) in b {
                let key = match key {
                    Value::String(key) => key.clone(),
                    Value::Bool(key) => key.to_string(),
                    other => serde_yaml::to_string(other).unwrap().trim().to_owned(),
                };
                let mine = node.get(&key).unwrap_or_else(|| panic!("`{key}` is missing\n{text}"));
                assert_same(mine, value, text);
            }
        }
        (a, b) => panic!("{a:?} is not {b:?}\n{text}"),
    }
}

#[test]
fn a_plan_cut_anywhere_gives_a_plan_or_a_finding() {
    let whole =
        std::fs::read_to_string(root().join("tests/data/findings/plan/whole.twin.yaml")).unwrap();
    for (cut, _) in whole.char_indices() {
        let source = source(whole.get(..cut).unwrap());
        let (plan, found) = parse(&source);
        assert!(plan.is_some() || !found.is_empty(), "cut at {cut}");
        for label in found.iter().flat_map(|finding| &finding.labels) {
            assert!(label.place.span.end as usize <= cut.max(1), "cut at {cut}: {found:?}");
            assert!(source.text.is_char_boundary(label.place.span.start as usize));
        }
    }
}

#[test]
fn a_plan_with_any_character_in_any_place_never_panics() {
    let whole =
        std::fs::read_to_string(root().join("tests/data/findings/plan/whole.twin.yaml")).unwrap();
    let strange = [
        "{", "}", "[", "]", ":", " #", "\t", "\"", "'", "!", "&", "*", "${{", "}}", "|", "\n", "ä",
        "@",
    ];
    for (n, (at, _)) in whole.char_indices().enumerate() {
        let Some(mark) = strange.get(n % strange.len()) else { continue };
        let (head, tail) = whole.split_at(at);
        let source = source(&format!("{head}{mark}{tail}"));
        let (plan, found) = parse(&source);
        assert!(plan.is_some() || !found.is_empty(), "{mark} at {at}");
        let _ = render(&source, &found);
    }
}

/// What must end soon, whatever it is.
fn bounded(text: &str, wanted: &str) {
    let begin = Instant::now();
    let source = source(text);
    let (_, found) = parse(&source);
    let took = begin.elapsed();
    let shown = render(&source, &found);
    assert!(shown.contains(wanted), "{}", shown.chars().take(400).collect::<String>());
    // Ten times what a slow machine needs without optimisation: a bound that is missing shows as
    // minutes.
    assert!(took < Duration::from_secs(20), "{wanted} took {took:?}");
}

#[test]
fn bombs_end_soon_with_a_finding() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let item = format!("*a{}", n - 1);
        let _ = writeln!(laughs, "a{n}: &a{n} [{}]", vec![item; 10].join(", "));
    }
    bounded(&laughs, "yaml::limit the aliases expand to more than 100000 values");
    bounded(&format!("plan: {}", "[".repeat(100_000)), "yaml::limit nested deeper than 128 levels");
    bounded(&format!("plan: {}", "{a: ".repeat(100_000)), "yaml::limit nested deeper");
    bounded(&format!("plan: {}", "- ".repeat(100_000)), "yaml::");
    bounded(&"a".repeat(5 << 20), "yaml::limit the file has 5 MiB");
    bounded(&"a: ${{ x\n".repeat(30_000), "yaml::duplicate-key");
    bounded(&format!("plan: x\nsteps:\n{}", "  - {GET: ${{ x }}}\n".repeat(20_000)), "yaml::trap");
    bounded(&format!("plan: '{}'", "{{".repeat(200_000)), "plan::missing-key");
}

#[test]
fn what_is_recovered_is_the_text_that_was_meant() {
    for (text, meant) in [
        ("a: {{ x }}", "${{ x }}"),
        ("a: {{ x }}/rest", "${{ x }}/rest"),
        ("a: ${{ x # later", "${{ x }}"),
        ("a: ${{ x | f('b #c') }}", "${{ x | f('b #c') }}"),
        ("a: ${{ x | f('b: c') }}", "${{ x | f('b: c') }}"),
        ("a: !x", "not x"),
        ("a: @x", "@x"),
        ("a: b: c", "b: c"),
    ] {
        let (node, found) = read(&source(text));
        let value = node.as_ref().and_then(|node| node.get("a")).and_then(Node::as_str);
        assert_eq!((value, found.len()), (Some(meant), 1), "{text}");
    }
    let (node, _) = read(&source("a: [${{ x }}, b-{{ y }}]"));
    let json = node.map(|node| node.to_json().to_string()).unwrap_or_default();
    assert_eq!(json, r#"{"a":["${{ x }}","b-${{ y }}"]}"#);
}

#[test]
fn a_mapping_of_many_keys_finds_its_duplicates() {
    let mut text = String::new();
    for n in (0..40).chain([3, 20, 39]) {
        let _ = writeln!(text, "k{n}: {n}");
    }
    let (node, found) = read(&source(&text));
    assert_eq!((node.map(|node| node.entries().len()), found.len()), (Some(40), 3));
}
