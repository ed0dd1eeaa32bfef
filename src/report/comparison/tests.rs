//! What a comparison looks like, for people and for programs.

use serde_json::json;

use super::*;
use crate::outcome::Verdict;
use crate::record::Record;
use crate::report::fixture;

/// A run in which the key was accepted and the model made, and one in which neither was.
fn comparison() -> Comparison {
    let made = json!({"registered_model": {"name": "planrun-x7"}});
    let url = "http://127.0.0.1:4400/api/2.0/mlflow/registered-models/create";
    let mut created = fixture::exchange("POST", url, 200, &made);
    created.phases.total = Some(std::time::Duration::from_millis(4));
    let create = (
        fixture::step(1, Some("create"), "Create the registered model"),
        fixture::result(Verdict::Passed, Some(fixture::attempt(created, Vec::new()))),
    );
    let record = |steps: Vec<(crate::event::StepRef, crate::outcome::StepResult)>| {
        let mut events = fixture::beginning(1);
        events.extend(fixture::job(0, steps));
        events.push(fixture::end());
        Record::fold(events)
    };
    let before = record(vec![fixture::direct(200, &json!({"is_valid": true})), create]);
    let after = record(vec![
        fixture::direct(200, &json!({"is_valid": true})),
        fixture::through_the_proxy(),
        fixture::looked(),
    ]);
    Comparison::of(&before, &after, 0.1)
}

#[test]
fn a_person_reads_what_flipped_where_and_why() {
    let text = terminal(&comparison(), &Style::default());
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn without_symbols_and_in_forty_columns_it_reads_the_same() {
    let narrow = Style { width: 40, color: false, unicode: false };
    let text = terminal(&comparison(), &narrow);
    assert!(text.contains("passed -> failed") && !text.contains('✗'), "{text}");
}

#[test]
fn markdown_has_the_same_facts() {
    insta::assert_snapshot!(markdown(&comparison()));
}

#[test]
fn programs_read_the_same_facts() {
    let value: serde_json::Value = serde_json::from_str(&json(&comparison())).expect("JSON");
    assert_eq!(value["worse"], 2);
    assert_eq!(value["changes"][0]["kind"], "worse");
    assert_eq!(value["changes"][0]["before"]["verdict"], "passed");
    assert_eq!(value["changes"][0]["after"]["status"], 401);
    assert_eq!(value["changes"][0]["after"]["at"], "plans/registration.yaml:14:5");
    assert_eq!(value["changes"][1]["kind"], "added-worse");
    assert_eq!(value["times"][0]["verdict"], "too-few-samples");
}

#[test]
fn text_from_outside_moves_no_cursor_and_is_no_markup() {
    let mut comparison = comparison();
    for change in &mut comparison.changes {
        change.step = "a\u{1b}[31m|<b>\u{202e}".to_owned();
    }
    let shown = terminal(&comparison, &Style::default());
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    let marked = markdown(&comparison);
    assert!(!marked.contains("<b>") && !marked.contains("31m|<"), "{marked}");
}

#[test]
fn a_share_is_read_at_a_glance() {
    assert_eq!([1.0, 1.004, 1.32, 0.5, 12.0].map(share), ["±0 %", "±0 %", "+32 %", "-50 %", "×12"]);
}

#[test]
fn a_long_name_loses_its_plan_before_its_step_and_never_its_case() {
    let style = Style { width: 80, color: false, unicode: true };
    let name =
        |step: &str, room| short_name(("The auth service answers for itself", step), room, &style);
    assert_eq!(name("A key", 60), "The auth service answers for itself · A key");
    assert_eq!(
        name("Only a key in the body counts [own, body]", 60),
        "The auth servic… · Only a key in the body counts [own, body]"
    );
    assert_eq!(
        name("Only a key in the body counts [own, body]", 45),
        "The auth se… · Only a key in the… [own, body]"
    );
    assert_eq!(name("Only a key in the body counts", 30), "The auth se… · Only a key in …");
    assert_eq!(name("A step [a case that is longer than the room]", 20).chars().count(), 20);
}
