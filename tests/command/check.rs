//! `check --format`: what editors, GitHub and code scanning read is what people are told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Project, Ran};

const PLAN: &str = "plan: P\nsteps:\n  - GET: http://127.0.0.1:1/\n    expct: {status: 404}\n    expect:\n      status: 4xx\n      $.ä: {greater_than: 0}\n";

fn project() -> Project {
    let project = Project::new();
    project.write("plans/a b.yaml", PLAN);
    project.write("plans/ok.yaml", "plan: Q\nsteps:\n  - GET: http://127.0.0.1:1/\n");
    project
}

/// What a document says of each finding: its code, its file, and the text that it marks.
type Said = Vec<(String, String, String)>;

fn expected() -> Said {
    [("plan::unknown-key", "expct"), ("plan::unknown-operator", "greater_than")]
        .map(|(code, text)| (code.to_owned(), "plans/a b.yaml".to_owned(), text.to_owned()))
        .to_vec()
}

/// The text from one line and column to another; columns count characters from 1.
fn cut(text: &str, [line, column, end_line, end_column]: [&Value; 4]) -> String {
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("small");
    assert_eq!(line, end_line);
    let line = text.lines().nth(number(line) - 1).expect("the line");
    let (from, to) = (number(column) - 1, number(end_column) - 1);
    line.chars().skip(from).take(to - from).collect()
}

fn parsed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

#[test]
fn json_holds_every_finding_with_ranges_that_an_editor_can_use() {
    let ran = project().run(&["check", "plans", "--format", "json"]).ends(3);
    assert_eq!(ran.err, "");
    let document = parsed(&ran);
    assert_eq!((&document["plans"], &document["errors"]), (&2.into(), &2.into()));
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let said: Said = document["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| {
            let (start, end) = (&finding["range"]["start"], &finding["range"]["end"]);
            let range = [&start["line"], &start["column"], &end["line"], &end["column"]];
            (word(&finding["code"]), word(&finding["path"]), cut(PLAN, range))
        })
        .collect();
    assert_eq!(said, expected());
    assert_eq!(document["findings"][0]["help"][0], "did you mean `expect`?");
}

#[test]
fn json_of_sound_plans_is_a_document_too_and_warnings_are_errors_where_that_is_asked() {
    let project = project();
    let ran = project.run(&["check", "plans/ok.yaml", "--format", "json", "-q"]).ends(0);
    let document = parsed(&ran);
    assert_eq!((&document["plans"], &document["steps"]), (&1.into(), &1.into()));
    assert_eq!(document["findings"].as_array().map(Vec::len), Some(0));
    project.plan("w.yaml", "  - {GET: \"http://127.0.0.1:1/\", expect: {status: 404}}\n");
    let severity = |args: &[&str], code: i32| {
        parsed(&project.run(args).ends(code))["findings"][0]["severity"].clone()
    };
    assert_eq!(severity(&["check", "w.yaml", "--format", "json"], 0), "warning");
    assert_eq!(severity(&["check", "w.yaml", "--format", "json", "--strict"], 3), "error");
    std::fs::create_dir(project.path("empty")).expect("a folder");
    let ran = project.run(&["check", "empty", "--format", "json"]).ends(4);
    assert_eq!(parsed(&ran)["plans"], 0);
}

#[test]
fn github_gets_one_command_a_finding_relative_to_its_workspace() {
    let project = project();
    let parent = project.path("plans");
    let root = project.path("").display().to_string();
    let mut command = project.command(&["check", "a b.yaml", "--format", "github"]);
    command.current_dir(parent).env("GITHUB_WORKSPACE", root.trim_end_matches('/'));
    let ran = Ran::of(command.output().expect("planrun starts")).ends(3);
    let said: Said = ran
        .out
        .lines()
        .map(|line| {
            let (head, _) =
                line.strip_prefix("::error ").expect("a command").split_once("::").expect("data");
            let pairs: BTreeMap<&str, Value> = head
                .split(',')
                .map(|pair| pair.split_once('=').expect("a property"))
                .map(|(key, value)| {
                    (key, value.parse().map_or(Value::from(value), |n: u64| n.into()))
                })
                .collect();
            let at = |key: &str| pairs.get(key).expect("a property");
            let text = cut(PLAN, [at("line"), at("col"), at("endLine"), at("endColumn")]);
            let word = |key: &str| at(key).as_str().expect("a text").replace("%3A", ":");
            (word("title"), word("file"), text)
        })
        .collect();
    assert_eq!(said, expected());
    let sound = project.run(&["check", "plans/ok.yaml", "--format", "github"]).ends(0);
    assert_eq!(sound.out, "");
}

#[test]
fn github_is_told_its_masks_first_and_no_document_holds_a_secret() {
    const KEY: &str = "hk_live_a8Kd03jfLq92mZx7";
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!("plan: P\nsecrets: {{key: {{}}}}\nsteps:\n  - GET: http://127.0.0.1:1/\n    \"{KEY}\": 1\n    auth: {{bearer: \"${{{{ secrets.key }}}}\"}}\n"),
    );
    let check = |format: &str, actions: &str| {
        let variables = [("KEY", KEY), ("GITHUB_ACTIONS", actions)];
        project.run_with(&["check", "p.yaml", "--format", format], &variables).ends(3)
    };
    let mask = format!("::add-mask::{KEY}\n");
    let ran = check("github", "true");
    let rest = ran.out.strip_prefix(&mask).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(rest.starts_with("::error file=p.yaml,line=5"), "{rest}");
    assert!(!rest.contains("a8Kd03jfLq92") && !rest.contains("add-mask"), "{rest}");
    for format in ["json", "sarif", "human", "github"] {
        let ran = check(format, "false");
        assert!(!format!("{}{}", ran.out, ran.err).contains("a8Kd03jfLq92"), "{format}");
    }
}

#[test]
fn sarif_names_files_from_the_project_root_and_explains_each_rule() {
    let project = project();
    let mut command = project.command(&["check", "a b.yaml", "--format", "sarif"]);
    command.current_dir(project.path("plans"));
    let ran = Ran::of(command.output().expect("planrun starts")).ends(3);
    let log = parsed(&ran);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let said: Said = run["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| {
            let index =
                usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
            let rule = &run["tool"]["driver"]["rules"][index];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(rule["help"]["text"].as_str().expect("a text").contains("Repair:"));
            let at = &result["locations"][0]["physicalLocation"];
            let region = &at["region"];
            let range = [
                &region["startLine"],
                &region["startColumn"],
                &region["endLine"],
                &region["endColumn"],
            ];
            let word = |value: &Value| value.as_str().expect("a text").replace("%20", " ");
            (word(&result["ruleId"]), word(&at["artifactLocation"]["uri"]), cut(PLAN, range))
        })
        .collect();
    assert_eq!(said, expected());
    assert!(!ran.out.contains(&project.path("").display().to_string()), "{}", ran.out);
}

#[test]
fn a_format_that_is_none_is_a_mistake_of_the_command_line() {
    project().run(&["check", "plans", "--format", "xml"]).ends(2).says("sarif");
}
