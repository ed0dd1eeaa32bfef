//! The checklist of the plans tells the truth: each item names the plans that cover it or says why
//! none does, and no plan covers what is no item.

#![expect(clippy::expect_used, reason = "what is not as expected fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test reads the repository's own files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use planrun::source::SourceSet;
use regex::Regex;

const CHECKLIST: &str = "checklist.md";

/// What one row of the checklist says.
struct Item {
    id: String,
    /// What is to be shown.
    words: String,
    /// The plans that it names as evidence.
    plans: BTreeSet<String>,
    /// All of the last column.
    evidence: String,
}

#[test]
fn the_checklist_has_its_46_items_once_each_and_in_order() {
    let ids: Vec<String> = items(&checklist()).into_iter().map(|item| item.id).collect();
    let due: Vec<String> = [5, 6, 5, 5, 5, 5, 5, 5, 5]
        .into_iter()
        .zip(1..)
        .flat_map(|(count, section)| ('a'..).take(count).map(move |it| format!("{section}{it}")))
        .collect();
    assert_eq!(due.len(), 46);
    assert_eq!(ids, due);
}

#[test]
fn each_item_names_the_plans_that_cover_it_or_says_why_none_does() {
    let mistakes = mistakes(&items(&checklist()), &covered());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn a_checklist_that_says_too_much_or_too_little_is_found() {
    let page = "\
| 1a | a key is asked for | [`a.yaml`](a.yaml) |
| 1b | all is installed | No plan: planrun is one program and needs no other. |
| 1c | all can be reached | later |
| 1d | the key is private | [`a.yaml`](a.yaml), [`b.yaml`](b.yaml) |
";
    let plans = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let covered = BTreeMap::from([
        ("1a".to_owned(), plans(&["a.yaml"])),
        ("1d".to_owned(), plans(&["b.yaml"])),
        ("9z".to_owned(), plans(&["b.yaml"])),
    ]);
    let found = mistakes(&items(page), &covered);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("1c") && found[1].contains("1d") && found[2].contains("9z"));
}

#[test]
fn every_plan_that_the_checklist_names_is_there() {
    let named = Regex::new(r"`([a-z-]+\.yaml)`").expect("a regular expression");
    for found in named.captures_iter(&checklist()) {
        assert!(folder().join(&found[1]).is_file(), "{} is not there", &found[1]);
    }
}

/// Where the checklist and the plans do not say the same.
fn mistakes(items: &[Item], covered: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut mistakes = Vec::new();
    for Item { id, words, plans, evidence } in items {
        let due = covered.get(id).cloned().unwrap_or_default();
        if *plans != due {
            mistakes.push(format!(
                "{id} ({words}): covered by {due:?}, and the checklist says {plans:?}"
            ));
        } else if plans.is_empty() && (!evidence.starts_with("No plan") || evidence.len() < 40) {
            mistakes
                .push(format!("{id} ({words}): covered by no plan, and no reason why: {evidence}"));
        }
    }
    for (id, plans) in covered {
        if !items.iter().any(|item| item.id == *id) {
            mistakes.push(format!("{plans:?} cover {id}, which is no item of the checklist"));
        }
    }
    mistakes
}

/// The rows of the checklist's tables.
fn items(page: &str) -> Vec<Item> {
    let row =
        Regex::new(r"(?m)^\| (\d[a-z]) \| ([^|]+) \| (.+) \|$").expect("a regular expression");
    let plan = Regex::new(r"\[`([^`]+)`\]\(([^)]+)\)").expect("a regular expression");
    row.captures_iter(page)
        .map(|found| Item {
            id: found[1].to_owned(),
            words: found[2].to_owned(),
            plans: plan
                .captures_iter(&found[3])
                .map(|link| {
                    assert_eq!(link[1], link[2], "a link leads where it says");
                    link[1].to_owned()
                })
                .collect(),
            evidence: found[3].to_owned(),
        })
        .collect()
}

/// Which plans cover which ids, by themselves or in one of their steps.
fn covered() -> BTreeMap<String, BTreeSet<String>> {
    let mut covered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(folder()).expect("the folder of the plans") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_none_or(|ending| ending != "yaml") || name == "planrun.yaml" {
            continue;
        }
        let mut sources = SourceSet::default();
        let id = sources.add(name.clone(), fs::read_to_string(&path).expect("a plan"));
        let (plan, _) = planrun::plan::parse(sources.get(id).expect("it was added"));
        let plan = plan.expect("a plan");
        let mut ids: Vec<String> = plan.covers.iter().map(|id| id.value.clone()).collect();
        plan.each_step(&mut |step| ids.extend(step.covers.iter().map(|id| id.value.clone())));
        for id in ids {
            covered.entry(id).or_default().insert(name.clone());
        }
    }
    assert!(covered.len() > 20, "{covered:?}");
    covered
}

fn checklist() -> String {
    fs::read_to_string(folder().join(CHECKLIST)).expect("the checklist")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plans")
}
