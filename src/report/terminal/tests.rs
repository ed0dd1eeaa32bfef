//! What the terminal shows of a run, and what it keeps back.

use serde_json::json;

use super::*;
use crate::finding::Code;
use crate::outcome::{Reason, Verdict};

use crate::report::fixture;
use crate::report::style::width;

fn show(events: &[Event], style: Style, options: Options) -> String {
    let mut terminal = Terminal::new(style, options);
    terminal.stored_at(".planrun/runs/20261122T153100-a1b2");
    events.iter().map(|event| terminal.take(event)).collect()
}

fn plain(events: &[Event]) -> String {
    show(events, Style::default(), Options::default())
}

/// Lines that are long on purpose: they are to be copied.
fn copied(line: &str) -> bool {
    line.starts_with("  curl ") || line.starts_with("  again ")
}

/// What every line must hold: no control character, at most 80 columns unless it is to be copied.
fn fits(text: &str) {
    for line in text.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(copied(line) || width(line) <= 80, "{line}");
    }
}

#[test]
fn a_run_in_which_everything_happens() {
    let text = plain(&fixture::run());
    fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_run_that_passes_is_short() {
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![fixture::direct(200, &json!({"is_valid": true}))]));
    events.push(fixture::end());
    insta::assert_snapshot!(plain(&events));
}

#[test]
fn colours_change_nothing_but_colours() {
    let colourful = Style { color: true, ..Style::default() };
    let text = show(&fixture::run(), colourful, Options::default());
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        let (code, after) = after.split_once('m').unwrap_or(("?", ""));
        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{code:?}");
        rest = after;
    }
    bare.push_str(rest);
    assert_ne!(text, bare);
    assert_eq!(bare, plain(&fixture::run()));
}

#[test]
fn quiet_shows_what_failed_and_the_verdict() {
    let quiet = Options { quiet: true, ..Options::default() };
    let text = show(&fixture::run(), Style::default(), quiet);
    assert!(text.starts_with("Register a model through the proxy · plans/"), "{text}");
    assert!(text.contains("failed[step::assertion] plans/registration.yaml:12:5"));
    assert!(!text.contains('✓') && !text.contains("slowest") && !text.contains("plan::unused"));
    assert!(text.lines().last().is_some_and(|line| line.contains("environment demo")), "{text}");

    let mut passing = fixture::beginning(1);
    passing.extend(fixture::job(0, vec![fixture::direct(200, &json!({}))]));
    passing.push(fixture::end());
    let text = show(&passing, Style::default(), quiet);
    assert_eq!(text, "passed: 1 step, 1 warning in 1 plan · 423 ms · environment demo\n");
}

#[test]
fn verbose_shows_every_request_and_response_masked() {
    let verbose = Options { verbose: true, ..Options::default() };
    let text = show(&fixture::run(), Style::default(), verbose);
    fits(&text);
    let list: Vec<&str> = text.lines().filter(|line| line.starts_with("      ")).collect();
    insta::assert_snapshot!(list.join("\n"));
}

#[test]
fn plans_at_once_come_out_in_their_order_whatever_ended_first() {
    let pass = || vec![fixture::direct(200, &json!({}))];
    let fail = || vec![fixture::through_the_proxy()];
    let jobs = [fixture::job(0, pass()), fixture::job(1, fail()), fixture::job(2, pass())];
    let mut orderly = fixture::beginning(3);
    orderly.extend(jobs.iter().flatten().cloned());
    orderly.push(fixture::end());
    let mut mixed = fixture::beginning(3);
    // Event by event in turn, the last job first.
    let longest = jobs.iter().map(Vec::len).max().unwrap_or(0);
    for n in 0..longest {
        mixed.extend(jobs.iter().rev().filter_map(|job| job.get(n)).cloned());
    }
    mixed.push(fixture::end());
    assert_ne!(orderly, mixed);
    assert_eq!(plain(&orderly), plain(&mixed));
    insta::assert_snapshot!(plain(&mixed));
}

#[test]
fn a_step_of_the_first_plan_is_shown_as_soon_as_it_ends() {
    let mut terminal = Terminal::new(Style::default(), Options::default());
    let mut seen = Vec::new();
    for event in fixture::run() {
        let text = terminal.take(&event);
        if let Event::StepFinished { .. } = event {
            seen.push(text.contains("The auth service") || text.contains('✗'));
        }
    }
    assert_eq!(seen.first(), Some(&true));
}

#[test]
fn a_run_that_was_interrupted_says_so_and_shows_what_it_knows() {
    let mut events = fixture::beginning(1);
    let mut job = fixture::job(0, vec![fixture::through_the_proxy()]);
    job.pop();
    events.extend(job);
    events.push(Event::RunFinished {
        duration: std::time::Duration::from_secs(2),
        interrupted: Some("SIGINT".into()),
    });
    let text = plain(&events);
    assert!(text.contains("failed[step::assertion]"), "{text}");
    assert!(text.contains("\ninterrupted by SIGINT: 1 failed, 1 warning in 1 plan"), "{text}");
}

#[test]
fn a_run_in_which_nothing_ran_never_reads_like_a_pass() {
    let skipped = fixture::did_not_run(Verdict::Skipped, Reason::Skip("not today".into()));
    let blocked = fixture::did_not_run(Verdict::Blocked, Reason::BlockedBy("create".into()));
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![skipped, blocked]));
    events.push(fixture::end());
    let text = plain(&events);
    assert!(text.contains("skipped: not today") && text.contains("blocked by `create`"), "{text}");
    assert!(text.contains("nothing ran: 1 blocked, 1 skipped, 1 warning in 1 plan"), "{text}");
    assert!(!text.contains("passed"), "{text}");

    let mut empty = fixture::beginning(0);
    empty.push(fixture::end());
    assert!(plain(&empty).contains("nothing ran: no step ran"), "{}", plain(&empty));
}

#[test]
fn many_blocked_steps_take_two_lines_and_verbose_names_them_all() {
    let blocked = |by: &str| fixture::did_not_run(Verdict::Blocked, Reason::BlockedBy(by.into()));
    let steps = vec![
        fixture::through_the_proxy(),
        blocked("create"),
        blocked("create"),
        blocked("create"),
        blocked("other"),
        blocked("other"),
    ];
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, steps));
    events.push(fixture::end());
    let lines = |text: &str| {
        let all: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("  ○"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        all
    };
    assert_eq!(
        lines(&plain(&events)),
        [
            "○ Delete the registered model blocked by `create`",
            "○ and 2 more blocked by `create`",
            "○ Delete the registered model blocked by `other`",
            "○ Delete the registered model blocked by `other`",
        ]
    );
    let verbose = Options { verbose: true, ..Options::default() };
    assert_eq!(lines(&show(&events, Style::default(), verbose)).len(), 5);
}

#[test]
fn a_plan_with_errors_ends_with_their_count() {
    let mut events = fixture::beginning(0);
    let place = fixture::at("steps");
    let finding = Finding::error(Code::UnknownKey, "unknown key `stesp`").at(place, "here");
    events.push(Event::Finding { finding });
    events.push(fixture::end());
    let text = plain(&events);
    assert!(text.contains("error[plan::unknown-key]"), "{text}");
    let last = "\nerror: 1 error, 1 warning in 2 files · no request was sent\n";
    assert!(text.ends_with(last), "{text}");
}

#[test]
fn a_flaky_pass_and_a_warning_are_seen() {
    let (step, mut result) = fixture::direct(200, &json!({}));
    result.flaky = true;
    result.tries = 3;
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![(step, result)]));
    events.push(fixture::end());
    let text = plain(&events);
    assert!(text.contains("flaky, 3 attempts  200"), "{text}");
    assert!(text.contains("passed: 1 passed (flaky), 1 warning in 1 plan"), "{text}");
    let strict = Options { flaky: Flaky::Fails, ..Options::default() };
    let text = show(&events, Style::default(), strict);
    let why = "failed: a step passed only on a later try (`--fail-on-flaky`)";
    assert!(text.contains(why), "{text}");
    assert!(text.contains("1 passed (flaky)"), "{text}");
}

#[test]
fn why_a_step_was_tried_again_is_said() {
    let (step, mut result) = fixture::direct(200, &json!({}));
    result.flaky = true;
    result.tries = 2;
    let (_, failed) = fixture::direct(503, &json!({"error": "busy"}));
    result.attempts.splice(0..0, failed.attempts);
    if let Some(last) = result.attempts.last_mut() {
        last.number = 2;
    }
    let mut events = fixture::beginning(1);
    let mut job = fixture::job(0, vec![(step.clone(), result)]);
    let why = "status 503; Retry-After `soon` is ignored".to_owned();
    job.insert(2, Event::StepRetried { job: JobId(0), step, attempt: 1, why });
    events.extend(job);
    events.push(fixture::end());
    let text = plain(&events);
    let said = "flaky: passed on attempt 2, after status 503; Retry-After `soon` is";
    assert!(text.contains(said), "{text}");
    assert!(!text.contains("busy"), "{text}");
    let verbose = Options { verbose: true, ..Options::default() };
    let text = show(&events, Style::default(), verbose);
    assert!(text.contains("      attempt 1: status 503; Retry-After `soon`"), "{text}");
    assert!(text.contains("503 Service Unavailable") && text.contains("busy"), "{text}");
    assert!(text.contains("200 OK"), "{text}");
}

#[test]
fn a_plan_over_its_budget_is_headed_by_its_place() {
    let mut events = fixture::beginning(1);
    let mut job = fixture::job(0, vec![fixture::direct(200, &json!({}))]);
    if let Some(Event::PlanFinished { breach, .. }) = job.last_mut() {
        *breach = Some(crate::outcome::BudgetBreach {
            phase: crate::outcome::Phase::Total,
            place: fixture::at("steps"),
            limit: std::time::Duration::from_millis(1),
            actual: std::time::Duration::from_millis(420),
            longest: None,
            severity: crate::finding::Severity::Error,
        });
    }
    events.extend(job);
    events.push(fixture::end());
    let text = plain(&events);
    let at = fixture::sources().locate(fixture::at("steps"));
    assert!(text.contains(&format!("\nfailed[step::budget] {at}\n")), "{text}");
}

#[test]
fn what_selected_nothing_is_named() {
    let mut events = fixture::beginning(0);
    if let Some(Event::RunStarted(run)) = events.first_mut() {
        run.command.extend(["--tag".into(), "smkoe".into()]);
    }
    events.push(fixture::end());
    let text = plain(&events);
    assert!(text.contains("nothing ran: no step is selected by `--tag smkoe`"), "{text}");
    let mut bare = fixture::beginning(0);
    bare.push(fixture::end());
    assert!(plain(&bare).contains("nothing ran: no step ran"));
}

#[test]
fn what_comes_from_outside_cannot_move_the_cursor() {
    let nasty = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\u{8}";
    let (mut step, mut result) = fixture::through_the_proxy();
    step.name = format!("Create {nasty}");
    step.id = Some(format!("x{nasty}"));
    if let Some(attempt) = result.attempts.first_mut() {
        for assertion in &mut attempt.assertions {
            assertion.subject.push_str(nasty);
            assertion.note = Some(nasty.into());
            assertion.expected.operand = json!(nasty);
        }
        if let Some(exchange) = &mut attempt.exchange {
            exchange.request.url.push_str(nasty);
            exchange.request.headers.push((nasty.into(), nasty.into()));
            if let Some(response) = &mut exchange.response {
                response.headers.push(("via".into(), nasty.into()));
                response.headers.push(("content-type".into(), nasty.into()));
                response.body = fixture::text_body(&format!("{nasty}\n{nasty}"));
            }
        }
    }
    result.message = Some(nasty.into());
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![(step, result)]));
    if let Some(Event::PlanStarted(plan)) = events.get_mut(4) {
        plan.name = nasty.into();
        plan.path = nasty.into();
    }
    events.push(fixture::end());
    for options in [Options::default(), Options { verbose: true, ..Options::default() }] {
        let text = show(&events, Style::default(), options);
        fits(&text);
        let bare = text.replace('\n', "");
        assert!(!bare.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r', '\u{8}', '\u{7}']));
    }
}
