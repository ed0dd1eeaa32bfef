//! What coverage says of the run in which everything happens, and what counts as evidence.

use super::super::fixture;
use super::super::style::Style;
use super::*;
use crate::event::Event;
use crate::outcome::Reason;
use crate::source::{SourceId, SourceText};

const LIST: &str = "\
# Registration
- 2a the registration runs
- 2b the auth service takes the key
- 2c a model is created
- 2d the version becomes ready
- 2e what was made is deleted
- 2f the service says that it is sorry
## Elsewhere
- 3a the phone is answered (no plan: somebody calls)
- 3b nobody thought of it
";

fn covering(events: Vec<Event>, left_out: u32) -> Record {
    let cover = |name: &str| match name {
        name if name.starts_with("The auth") => vec!["2b".to_owned()],
        name if name.starts_with("Create") => vec!["2c".to_owned()],
        name if name.starts_with("The version") => vec!["2d".to_owned()],
        name if name.starts_with("Delete") => vec!["2e".to_owned(), "9z".to_owned()],
        _ => Vec::new(),
    };
    let mut events = events;
    for event in &mut events {
        match event {
            Event::StepStarted { step, .. } | Event::StepFinished { step, .. } => {
                step.covers = cover(&step.name);
            }
            Event::PlanStarted(plan) => plan.left_out = left_out,
            Event::RunStarted(_)
            | Event::Source { .. }
            | Event::Finding { .. }
            | Event::Environment(_)
            | Event::Tapped(_)
            | Event::Contract(_)
            | Event::StepRetried { .. }
            | Event::Moving { .. }
            | Event::Samples { .. }
            | Event::PlanFinished { .. }
            | Event::RunFinished { .. } => {}
        }
    }
    Record::fold(events)
}

fn checklist() -> Checklist {
    let source = SourceText::new(SourceId(0), "checklist.md".to_owned(), LIST.into());
    Checklist::parse(&source).0
}

fn with<T>(runs: &[Record], look: impl Fn(&Traced<'_>) -> T) -> T {
    let checklist = checklist();
    let coverage = Coverage::of(&checklist, runs);
    look(&Traced { checklist: &checklist, path: "checklist.md", runs, coverage: &coverage })
}

fn standing(runs: &[Record], id: &str) -> String {
    with(runs, |traced| {
        let mut items = traced.coverage.items.iter();
        let item = items.find(|item| item.requirement.id.value == id).unwrap();
        let flaky = if item.is_flaky() { ", flaky" } else { "" };
        format!("{}{flaky}", item.standing.as_str())
    })
}

#[test]
fn a_run_in_which_everything_happens_is_traced_to_its_requirements() {
    let runs = [covering(fixture::run(), 0)];
    insta::assert_snapshot!(with(&runs, |traced| table(traced, &Style::default())));
    insta::assert_snapshot!(with(&runs, markdown));
    let pretty = |value| serde_json::to_string_pretty(&value).unwrap();
    insta::assert_snapshot!(with(&runs, |traced| pretty(json(traced))));
}

#[test]
fn no_line_of_the_table_is_wider_than_the_terminal() {
    let runs = [covering(fixture::run(), 0)];
    for width in [40, 80] {
        let style = Style { width, ..Style::default() };
        let table = with(&runs, |traced| table(traced, &style));
        for line in table.lines() {
            assert!(super::super::style::width(line) <= width, "{line}");
        }
    }
}

/// The passing step alone, changed.
fn passing(change: impl Fn(&mut crate::outcome::StepResult)) -> Vec<Event> {
    let body = serde_json::json!({"is_valid": true});
    let (step, mut result) = fixture::direct(200, &body);
    change(&mut result);
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![(step, result)]));
    events.push(fixture::end());
    events
}

#[test]
fn a_part_of_a_plan_is_no_evidence_for_the_whole_of_it() {
    assert_eq!(standing(&[covering(passing(|_| {}), 0)], "2a"), "passed");
    let part = [covering(passing(|_| {}), 3)];
    assert_eq!(standing(&part, "2a"), "not evidenced");
    assert_eq!(standing(&part, "2b"), "passed");
}

#[test]
fn a_plan_of_which_all_was_skipped_is_no_evidence() {
    let skipped = passing(|result| {
        result.verdict = Verdict::Skipped;
        result.reason = Some(Reason::SecretMissing("api_key".to_owned()));
    });
    let runs = [covering(skipped, 0)];
    assert_eq!(standing(&runs, "2a"), "skipped");
    assert_eq!(standing(&runs, "2b"), "skipped");
    let blocked = passing(|result| {
        result.verdict = Verdict::Blocked;
        result.reason = Some(Reason::BlockedBy("login".to_owned()));
    });
    assert_eq!(standing(&[covering(blocked, 0)], "2b"), "blocked");
}

#[test]
fn a_pass_on_a_second_attempt_is_told_as_flaky() {
    let flaky = passing(|result| {
        result.flaky = true;
        result.tries = 2;
    });
    assert_eq!(standing(&[covering(flaky, 0)], "2b"), "passed, flaky");
}

#[test]
fn of_several_runs_the_last_one_of_a_step_counts_unless_it_was_skipped_there() {
    let at = |time: &str, environment: &str, mut events: Vec<Event>| {
        if let Some(Event::RunStarted(started)) = events.first_mut() {
            time.clone_into(&mut started.started_at);
            started.environment = Some(environment.to_owned());
        }
        covering(events, 0)
    };
    let failed = || {
        passing(|result| {
            result.verdict = Verdict::Failed;
        })
    };
    let skipped = || {
        passing(|result| {
            result.verdict = Verdict::Skipped;
            result.reason = Some(Reason::Skip("not today".to_owned()));
        })
    };
    let first = at("2026-11-22T15:00:00Z", "demo", failed());
    let second = at("2026-11-22T16:00:00Z", "demo", passing(|_| {}));
    let third = at("2026-11-22T17:00:00Z", "demo", skipped());
    // The order in which they are named says nothing.
    assert_eq!(standing(&[second.clone(), first.clone()], "2b"), "passed");
    assert_eq!(standing(&[first.clone(), third.clone()], "2b"), "failed");
    assert_eq!(standing(&[third, second.clone()], "2b"), "passed");
    // Another environment is another piece of evidence.
    let elsewhere = at("2026-11-22T14:00:00Z", "staging", failed());
    assert_eq!(standing(&[elsewhere, second], "2b"), "failed");
}

#[test]
fn a_run_that_was_cut_off_is_no_evidence_for_what_was_under_way() {
    let events: Vec<_> = fixture::run()
        .into_iter()
        .filter(|event| match event {
            Event::StepFinished { step, .. } => !step.name.starts_with("Create"),
            Event::PlanFinished { .. } | Event::RunFinished { .. } => false,
            Event::RunStarted(_)
            | Event::Source { .. }
            | Event::Finding { .. }
            | Event::Environment(_)
            | Event::Tapped(_)
            | Event::Contract(_)
            | Event::PlanStarted(_)
            | Event::StepStarted { .. }
            | Event::StepRetried { .. }
            | Event::Moving { .. }
            | Event::Samples { .. } => true,
        })
        .collect();
    let runs = [covering(events, 0)];
    assert_eq!(standing(&runs, "2a"), "not evidenced");
    assert_eq!(standing(&runs, "2c"), "not evidenced");
    assert_eq!(standing(&runs, "2b"), "passed");
    let said = with(&runs, |traced| table(traced, &Style::default()));
    assert!(said.contains("which is incomplete"), "{said}");
}
