//! The bug report of the run in which everything happens, and of runs that differ from it.

use serde_json::json;

use super::super::fixture;
use super::*;
use crate::event::Event;
use crate::outcome::Verdict;

fn report(record: &Record, step: Option<&str>, earlier: &[Record]) -> Result<String, NoBug> {
    render(&Bug { record, step, earlier, zone: &TimeZone::UTC })
}

fn run() -> Record {
    Record::fold(fixture::run())
}

/// The run with another beginning, in which all steps passed or none did.
fn before(at: &str, verdict: Verdict, change: impl Fn(&mut Event)) -> Record {
    let mut events = fixture::run();
    for event in &mut events {
        match event {
            Event::RunStarted(started) => {
                at.clone_into(&mut started.started_at);
                started.run = format!("run-of-{at}");
            }
            Event::StepFinished { result, .. } => {
                std::sync::Arc::make_mut(result).verdict = verdict;
            }
            Event::Source { .. }
            | Event::Finding { .. }
            | Event::Environment(_)
            | Event::Tapped(_)
            | Event::Contract(_)
            | Event::Moving { .. }
            | Event::PlanStarted(_)
            | Event::StepStarted { .. }
            | Event::StepRetried { .. }
            | Event::Samples { .. }
            | Event::PlanFinished { .. }
            | Event::RunFinished { .. } => {}
        }
        change(event);
    }
    Record::fold(events)
}

#[test]
fn the_first_failure_is_told_so_that_nobody_has_to_ask() {
    let said = report(&run(), None, &[]).unwrap();
    let title = said.lines().next().unwrap();
    assert!(
        title.starts_with("# [demo] POST /api/2.0/mlflow/registered-models/create: "),
        "{title}"
    );
    assert!(title.ends_with("expected 2xx, got 401 Unauthorized"), "{title}");
    for part in [
        "**Severity** ",
        "3 of 5 steps of the run did not pass",
        "(plans/registration.yaml:12)",
        "The server says: “Invalid or expired API key”.",
        "planrun plans/registration.yaml -e demo --step create\n",
        "curl -sS -i ",
        "HTTP/1.1 401 Unauthorized",
        "- Attempts: 1 of 1 did not pass",
        "no earlier run of this step",
        "the key itself is good",
        "- Likely owner: ",
        "env.service\\_id | platform | plans/environments/demo.yaml:4:15",
        "plans at commit 4f2a9c1d7e3b on main",
        "`api_key` (`$API_KEY`)",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
    let times = said.lines().find(|line| line.starts_with("- Times: ")).unwrap();
    assert_eq!(times.matches("total ").count(), 1, "{times}");
}

#[test]
fn a_request_without_an_answer_is_told_too() {
    let said = report(&run(), Some("The version becomes ready"), &[]).unwrap();
    let title = said.lines().next().unwrap();
    assert!(title.contains("expected an answer, got none: nothing listens on"), "{title}");
    for part in ["- Attempts: 21 of 21 did not pass", "check that the service is running"] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
    // The twin: what answered is not said to be silent.
    assert!(!report(&run(), None, &[]).unwrap().contains("got none"));
}

#[test]
fn a_step_is_found_by_its_id_its_name_and_its_number() {
    let record = run();
    let title =
        |step| report(&record, Some(step), &[]).map(|it| it.lines().next().unwrap().to_owned());
    let look = title("look").unwrap();
    assert!(look.contains("GET /api/2.0/mlflow/registered-models/get"), "{look}");
    assert_eq!(title("Look at the model").as_ref(), Ok(&look));
    assert_eq!(title("3").as_ref(), Ok(&look));
    assert_eq!(title("direct"), Err(NoBug::DidNotFail("passed")));
    assert_eq!(title("lok"), Err(NoBug::NoSuchStep(Some("look".to_owned()))));
    assert_eq!(title("99"), Err(NoBug::NoSuchStep(None)));
}

#[test]
fn a_run_in_which_nothing_failed_has_no_bug() {
    let (step, result) = fixture::direct(200, &json!({"is_valid": true}));
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![(step, result)]));
    events.push(fixture::end());
    assert_eq!(report(&Record::fold(events), None, &[]), Err(NoBug::NothingFailed));
}

#[test]
fn earlier_runs_say_since_when_and_what_changed() {
    let record = run();
    let good = before("2026-11-20T10:00:00Z", Verdict::Passed, |event| {
        if let Event::RunStarted(started) = event {
            started.planrun = "0.0.9".to_owned();
        }
        if let Event::Environment(environment) = event {
            for variable in &mut environment.variables {
                if variable.name == "service_id" {
                    variable.value = json!("ml-platform");
                }
            }
        }
    });
    let bad = before("2026-11-21T10:00:00Z", Verdict::Failed, |_| {});
    let elsewhere = before("2026-11-22T10:00:00Z", Verdict::Passed, |event| {
        if let Event::RunStarted(started) = event {
            started.environment = Some("staging".to_owned());
        }
    });
    let said = report(&record, None, &[bad, elsewhere, good]).unwrap();
    let part = said.split("## Since when").nth(1).unwrap().split("##").next().unwrap();
    assert!(part.contains("First seen: 2026-11-21T10:00:00Z"), "{part}");
    assert!(part.contains("in 2 of 2 runs"), "{part}");
    assert!(part.contains("Last passed: 2026-11-20T10:00:00Z"), "{part}");
    assert!(part.contains("was \"ml-platform\" and is \"platform\""), "{part}");
    assert!(part.contains("planrun 0.0.9 became 0.1.0"), "{part}");
    assert!(!part.contains("was edited"), "{part}");
    // The twin: without them, nothing is claimed.
    assert!(report(&record, None, &[]).unwrap().contains("no earlier run of this step"));
}

#[test]
fn a_report_never_grows_too_large_and_its_fences_hold() {
    let mut events = fixture::run();
    for event in &mut events {
        if let Event::StepFinished { result, .. } = event {
            for attempt in &mut std::sync::Arc::make_mut(result).attempts {
                if let Some(exchange) = attempt.exchange.as_mut()
                    && let Some(response) = exchange.response.as_mut()
                {
                    let text = "``````\n<script>\u{1b}[31m\n".repeat(3000);
                    response.headers = vec![("x".to_owned(), "y".repeat(2000)); 20];
                    response.body.content = crate::outcome::Content::Text(text);
                }
            }
        }
    }
    let said = report(&Record::fold(events), None, &[]).unwrap();
    assert!(said.len() <= 60 * 1024, "{}", said.len());
    assert!(!said.contains('\u{1b}'));
    let mut fence: Option<String> = None;
    for line in said.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            None if ticks.len() >= 3 => fence = Some(ticks),
            Some(open) if line.trim_end() == open => fence = None,
            None => assert!(!line.contains("<script"), "{line}"),
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block is not closed");
}
