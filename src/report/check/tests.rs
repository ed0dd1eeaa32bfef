//! The documents are parsed, and their ranges cut the very text out of the source.

use serde_json::Value;

use super::*;
use crate::finding::Code;
use crate::source::Span;

const TEXT: &str = "plan: Ä😀 P\nsteps:\n  - GET: /a\n    name: \"😀é\" # x\n    expct: 1\n";

struct Scene {
    sources: SourceSet,
    paths: BTreeMap<SourceId, String>,
    findings: Vec<Finding>,
}

fn place(source: SourceId, needle: &str) -> Place {
    let start = TEXT.find(needle).unwrap();
    Place { source, span: Span::new(start, start + needle.len()) }
}

fn scene() -> Scene {
    let mut sources = SourceSet::default();
    let id = sources.add("plans/ä, 100%:a.yaml", TEXT);
    let empty = sources.add("/elsewhere/b.yaml", "");
    let findings = vec![
        Finding::error(Code::UnknownKey, "unknown key `expct`: 100 %\r\n::error::gotcha")
            .at(place(id, "expct"), "not a key")
            .at(place(id, "# x"), "near here")
            .help("did you mean `expect`?")
            .help("or, not"),
        Finding::warning(Code::UnusedName, "\u{1b}[2Jodd").at(place(id, "\"😀é\""), ""),
        Finding::error(Code::EmptyPlan, "two lines").at(place(id, "/a\n    name"), "from here"),
        Finding::error(Code::YamlEncoding, "no text").at(place(empty, ""), ""),
        Finding::error(Code::UnknownEnvironment, "nowhere"),
    ];
    Scene { sources, paths: BTreeMap::new(), findings }
}

impl Scene {
    fn checked(&self) -> Checked<'_> {
        Checked {
            findings: &self.findings,
            sources: &self.sources,
            paths: &self.paths,
            plans: 1,
            steps: 2,
        }
    }
}

/// The text between two places that are counted in `unit` per character.
fn cut(range: &Value, column: &str, unit: fn(char) -> usize) -> String {
    let at = |end: &str| {
        let line = usize::try_from(range[end]["line"].as_u64().unwrap()).unwrap();
        let column = usize::try_from(range[end][column].as_u64().unwrap()).unwrap();
        let before: usize = TEXT.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let mut left = column - 1;
        let mut bytes = 0;
        for c in TEXT[before..].chars() {
            if left == 0 {
                break;
            }
            left -= unit(c);
            bytes += c.len_utf8();
        }
        before + bytes
    };
    TEXT[at("start")..at("end")].to_owned()
}

#[test]
fn ranges_of_the_document_cut_the_text_out_in_every_way_of_counting() {
    let scene = scene();
    let document = document(&scene.checked());
    assert_eq!((&document["errors"], &document["warnings"]), (&4.into(), &1.into()));
    for (number, expected) in [(0, "expct"), (1, "\"😀é\""), (2, "/a\n    name")] {
        let range = &document["findings"][number]["range"];
        assert_eq!(cut(range, "column", |_| 1), expected);
        assert_eq!(cut(range, "utf16", char::len_utf16), expected);
        let byte = |end: &str| usize::try_from(range[end]["byte"].as_u64().unwrap()).unwrap();
        assert_eq!(&TEXT[byte("start")..byte("end")], expected);
    }
    let first = &document["findings"][0];
    assert_eq!(first["code"], "plan::unknown-key");
    assert_eq!(first["labels"][1]["text"], "near here");
    assert_eq!(cut(&first["labels"][1]["range"], "utf16", char::len_utf16), "# x");
    assert_eq!(first["help"][0], "did you mean `expect`?");
    assert_eq!(document["findings"][3]["range"]["start"]["line"], 1);
    assert_eq!(document["findings"][4]["range"], Value::Null);
}

/// A workflow command as the runner reads it.
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let unescape = |text: &str| {
        let text = text.replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n");
        text.replace("%0D", "\r").replace("%25", "%")
    };
    let rest = line.strip_prefix("::").unwrap();
    let (head, data) = rest.split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap();
    let properties = properties
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            (key.to_owned(), unescape(value))
        })
        .collect();
    (name.to_owned(), properties, unescape(data))
}

#[test]
fn a_line_of_github_is_one_command_whatever_stands_in_it() {
    let scene = scene();
    let text = github(&scene.checked());
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    let (name, properties, data) = command(text.lines().next().unwrap());
    assert_eq!(name, "error");
    assert_eq!(properties["file"], "plans/ä, 100%:a.yaml");
    assert_eq!(properties["title"], "plan::unknown-key");
    let range = serde_json::json!({
        "start": {"line": 5, "column": properties["col"].parse::<u64>().unwrap()},
        "end": {"line": 5, "column": properties["endColumn"].parse::<u64>().unwrap()},
    });
    assert_eq!((properties["line"].as_str(), cut(&range, "column", |_| 1)), ("5", "expct".into()));
    assert!(data.ends_with("not a key\nhelp: did you mean `expect`?\nhelp: or, not"), "{data}");
    let (name, _, _) = command(text.lines().nth(1).unwrap());
    assert_eq!(name, "warning");
    // Columns of several lines are not understood.
    let (_, properties, _) = command(text.lines().nth(2).unwrap());
    assert_eq!((properties["line"].as_str(), properties["endLine"].as_str()), ("3", "4"));
    assert!(!properties.contains_key("col"));
    let (_, properties, data) = command(text.lines().nth(4).unwrap());
    assert!(!properties.contains_key("file") && data == "nowhere");
}

#[test]
fn sarif_has_a_rule_for_each_result_and_regions_that_cut_the_text_out() {
    let mut scene = scene();
    scene.paths.insert(SourceId(0), "plans/ä b.yaml".to_owned());
    let log = sarif(&scene.checked());
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (5, 5));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(rules[index]["help"]["text"].as_str().unwrap().contains("Repair:"));
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
    }
    let physical = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "plans/%C3%A4%20b.yaml");
    let base = physical["artifactLocation"]["uriBaseId"].as_str().unwrap();
    assert!(run["originalUriBaseIds"][base].is_object());
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let region = &physical["region"];
    let range = serde_json::json!({
        "start": {"line": region["startLine"], "column": region["startColumn"]},
        "end": {"line": region["endLine"], "column": region["endColumn"]},
    });
    assert_eq!(cut(&range, "column", |_| 1), "expct");
    assert_eq!(results[0]["relatedLocations"][0]["message"]["text"], "near here");
    let elsewhere = &results[3]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(elsewhere, &serde_json::json!({"uri": "/elsewhere/b.yaml"}));
    assert_eq!(results[4]["locations"].as_array().map(Vec::len), Some(0));
}
