//! Every document reporter over the one run in which everything happens.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::Format;
use super::fixture;
use crate::event::Event;
use crate::outcome::{Content, Verdict};
use crate::record::Record;

fn rendered(format: Format, events: Vec<Event>) -> String {
    format.render(&Record::fold(events)).unwrap()
}

fn parsed(format: Format, events: Vec<Event>) -> Value {
    serde_json::from_str(&rendered(format, events)).unwrap()
}

/// The run with one of its results changed.
fn changed(mut change: impl FnMut(&str, &mut crate::outcome::StepResult)) -> Vec<Event> {
    let mut events = fixture::run();
    for event in &mut events {
        if let Event::StepFinished { step, result, .. } = event {
            change(&step.name, Arc::make_mut(result));
        }
    }
    events
}

#[test]
fn junit_tells_every_step_with_its_place_and_its_reason() {
    insta::assert_snapshot!(rendered(Format::Junit, fixture::run()));
}

#[test]
fn markdown_is_read_from_the_verdict_to_the_times() {
    insta::assert_snapshot!(rendered(Format::Markdown, fixture::run()));
}

#[test]
fn ctrf_has_a_test_for_every_step() {
    insta::assert_snapshot!(rendered(Format::Ctrf, fixture::run()));
}

#[test]
fn har_has_an_entry_for_every_exchange_that_is_kept() {
    insta::assert_snapshot!(rendered(Format::Har, fixture::run()));
}

#[test]
fn github_marks_the_lines_of_the_plan() {
    insta::assert_snapshot!(rendered(Format::Github, fixture::run()));
}

#[test]
fn the_body_of_the_html_page_has_every_part() {
    let page = rendered(Format::Html, fixture::run());
    let main = page.split("<header").nth(1).and_then(|rest| rest.split("<script>").next()).unwrap();
    insta::assert_snapshot!(main);
}

/// An output that notes how long each piece was.
#[derive(Default)]
struct Pieces(Vec<usize>);

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_html_page_is_written_plan_by_plan_however_many_there_are() {
    let pieces = |plans: u32| {
        let mut events = fixture::beginning(plans);
        events.extend((0..plans).flat_map(|n| fixture::job(n, vec![fixture::looked()])));
        events.push(fixture::end());
        let record = Record::fold(events);
        let mut pieces = Pieces::default();
        Format::Html.write(&record, &record, &mut pieces).unwrap();
        pieces.0
    };
    let (few, many) = (pieces(2), pieces(40));
    // The head, each plan, the end.
    assert_eq!((few.len(), many.len()), (4, 42));
    let longest = |pieces: &[usize]| pieces.iter().skip(1).copied().max();
    assert!(longest(&many) < longest(&few).map(|length| length + 64), "{few:?} {many:?}");
}

#[test]
fn the_html_page_loads_nothing_and_runs_only_its_own_script() {
    let page = rendered(Format::Html, fixture::run());
    let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
    let digest = ring::digest::digest(&ring::digest::SHA256, script.unwrap().as_bytes());
    let named = base64::engine::general_purpose::STANDARD.encode(digest);
    // Escaped in the attribute: `+`, `/` and `=` may be written as entities.
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    let plain = policy.replace("&#x27;", "'").replace("&#x2f;", "/").replace("&#x3d;", "=");
    assert!(plain.starts_with("default-src 'none';"), "{plain}");
    assert!(plain.contains(&format!("'sha256-{named}'")), "{plain}");
    for outside in ["src=", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// What a hostile server or plan would like to say.
const HOSTILE: &str =
    "</pre></code><script>alert(1)</script>\u{1b}[31m\u{202e}]]>&amp;\n::error::x\n````\n|";

#[test]
fn nothing_from_outside_speaks_the_language_of_a_report() {
    let hostile = || {
        let mut events = changed(|_, result| {
            result.message = Some(HOSTILE.to_owned());
            for attempt in &mut result.attempts {
                for assertion in &mut attempt.assertions {
                    assertion.subject = HOSTILE.to_owned();
                }
                if let Some(response) =
                    attempt.exchange.as_mut().and_then(|exchange| exchange.response.as_mut())
                {
                    response.body.content = Content::Text(HOSTILE.to_owned());
                    response.headers.push(("x".to_owned(), HOSTILE.to_owned()));
                }
            }
        });
        for event in &mut events {
            match event {
                Event::PlanStarted(plan) => plan.name = HOSTILE.to_owned(),
                Event::StepStarted { step, .. } | Event::StepFinished { step, .. } => {
                    step.name = HOSTILE.to_owned();
                }
                Event::RunStarted(_)
                | Event::Source { .. }
                | Event::Contract(_)
                | Event::Finding { .. }
                | Event::Environment(_)
                | Event::Tapped(_)
                | Event::StepRetried { .. }
                | Event::Moving { .. }
                | Event::Samples { .. }
                | Event::PlanFinished { .. }
                | Event::RunFinished { .. } => {}
            }
        }
        events
    };
    let page = rendered(Format::Html, hostile());
    assert_eq!(page.matches("<script>").count(), 1, "a script came in");
    assert!(page.contains("&lt;script&gt;"), "the text is gone");
    assert!(!page.contains('\u{1b}'), "a control character came in");
    let github = rendered(Format::Github, hostile());
    assert!(!github.is_empty());
    for line in github.lines() {
        assert!(line.starts_with("::error ") || line.starts_with("::warning "), "{line}");
    }
    let junit = rendered(Format::Junit, hostile());
    assert!(!junit.contains('\u{1b}') && !junit.contains("<script>"), "{junit}");
    let markdown = rendered(Format::Markdown, hostile());
    assert!(!markdown.contains('\u{1b}'), "{markdown}");
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            None if ticks.len() >= 3 => fence = Some(ticks),
            Some(open) if line.trim_end() == open => fence = None,
            // Outside of a block, nothing stands that a browser would take for an element of its own.
            None => assert!(!line.contains("<script"), "{line}"),
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block is not closed");
}

#[test]
fn a_flaky_pass_and_a_run_without_an_end_are_told_as_such() {
    let flaky = || {
        changed(|name, result| {
            if name.starts_with("The auth") {
                let mut first = result.attempts.first().unwrap().clone();
                if let Some(response) =
                    first.exchange.as_mut().and_then(|exchange| exchange.response.as_mut())
                {
                    response.status = 503;
                }
                let last = result.attempts.first_mut().unwrap();
                last.number = 2;
                result.attempts.insert(0, first);
                result.tries = 2;
                result.flaky = true;
            }
        })
    };
    let junit = rendered(Format::Junit, flaky());
    assert!(junit.contains("<flakyFailure "), "{junit}");
    assert!(junit.contains("message=\"attempt 1: 503 Service Unavailable\""), "{junit}");
    let ctrf = parsed(Format::Ctrf, flaky());
    assert_eq!(ctrf["results"]["tests"][0]["flaky"], true);
    assert_eq!(ctrf["results"]["tests"][0]["retries"], 1);
    assert_eq!(parsed(Format::Har, flaky())["log"]["entries"][0]["response"]["status"], 503);
    assert!(rendered(Format::Html, flaky()).contains("<h2>Flaky</h2>"));

    let cut: Vec<_> =
        fixture::run().into_iter().filter(|it| !matches!(it, Event::RunFinished { .. })).collect();
    assert!(rendered(Format::Junit, cut.clone()).contains("type=\"incomplete\""));
    assert!(rendered(Format::Markdown, cut.clone()).contains("Not the whole run."));
    assert!(rendered(Format::Github, cut.clone()).starts_with("::error title=planrun::"));
    assert!(rendered(Format::Html, cut.clone()).contains("The run has no end"));
    assert_eq!(parsed(Format::Ctrf, cut)["results"]["extra"]["complete"], false);
    // The twin: a run with an end says nothing of the kind.
    assert!(!rendered(Format::Junit, fixture::run()).contains("incomplete"));
}

#[test]
fn a_step_that_was_under_way_is_neither_passed_nor_lost() {
    let events: Vec<_> = fixture::run()
        .into_iter()
        .filter(|event| match event {
            Event::StepFinished { step, .. } => !step.name.starts_with("Create"),
            Event::PlanFinished { .. } | Event::RunFinished { .. } => false,
            Event::RunStarted(_)
            | Event::Source { .. }
            | Event::Contract(_)
            | Event::Finding { .. }
            | Event::Environment(_)
            | Event::Tapped(_)
            | Event::PlanStarted(_)
            | Event::StepStarted { .. }
            | Event::StepRetried { .. }
            | Event::Moving { .. }
            | Event::Samples { .. } => true,
        })
        .collect();
    let ctrf = parsed(Format::Ctrf, events.clone());
    let tests = ctrf["results"]["tests"].as_array().unwrap();
    let create = tests.iter().find(|test| test["name"] == "Create the registered model").unwrap();
    assert_eq!(create["status"], "other");
    assert_eq!(create["rawStatus"], "unfinished");
    assert!(rendered(Format::Junit, events.clone()).contains("type=\"unfinished\""));
    assert!(rendered(Format::Markdown, events).contains("## Not evidenced"));
}

#[test]
fn only_the_first_annotations_are_written_and_the_rest_is_counted() {
    let (step, result) = fixture::through_the_proxy();
    let steps = (0..25)
        .map(|n| {
            let mut step = step.clone();
            step.index = n;
            (step, result.clone())
        })
        .collect();
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, steps));
    events.push(fixture::end());
    let github = rendered(Format::Github, events);
    assert_eq!(github.lines().filter(|line| line.starts_with("::error ")).count(), 10, "{github}");
    assert!(github.contains("title=planrun::and 16 more"), "{github}");
}

#[test]
fn failures_that_look_alike_are_one_group_of_the_page() {
    let (step, result) = fixture::through_the_proxy();
    let steps = (0..3)
        .map(|n| {
            let mut step = step.clone();
            step.index = n;
            step.name = format!("Create model {n}");
            (step, result.clone())
        })
        .chain([fixture::looked()])
        .collect();
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, steps));
    events.push(fixture::end());
    let page = rendered(Format::Html, events);
    assert!(page.contains("4 steps did not pass, in 2 groups"), "groups are missing");
    assert!(page.contains("<b>3 steps</b>"), "the largest group is not told");
}

#[test]
fn a_case_of_junit_says_how_many_failures_its_cause_explains() {
    let run = |failures: u32| {
        let mut events = fixture::beginning(failures);
        events.extend((0..failures).flat_map(|n| {
            let steps = vec![
                fixture::direct(200, &json!({"is_valid": true})),
                fixture::through_the_proxy(),
            ];
            fixture::job(n, steps)
        }));
        events.push(fixture::end());
        rendered(Format::Junit, events)
    };
    let many = run(3);
    assert_eq!(many.matches("all 3 failures in 3 plans").count(), 3, "{many}");
    // The twin: one failure has nothing in common with others.
    let one = run(1);
    assert!(one.contains("<failure ") && !one.contains(" failures "), "{one}");
    assert!(!many.contains('\0') && !one.contains('\0'));
}

#[test]
fn a_pass_that_means_little_says_so_first() {
    let events = changed(|_, result| {
        result.verdict = Verdict::Passed;
        for attempt in &mut result.attempts {
            attempt.assertions.retain(|assertion| assertion.subject == "status");
            if let Some(response) =
                attempt.exchange.as_mut().and_then(|exchange| exchange.response.as_mut())
            {
                response.status = 401;
            }
        }
    });
    let page = rendered(Format::Html, events);
    assert!(page.contains("the key was never let in"), "401 everywhere is not told");
    assert!(page.contains("looks at more than the status"), "the bare assertions are not told");
    // The twin: one pass that looks at the body.
    let events = changed(|_, result| {
        for assertion in result.attempts.iter_mut().flat_map(|attempt| &mut attempt.assertions) {
            assertion.subject = "$.is_valid".to_owned();
        }
    });
    assert!(!rendered(Format::Html, events).contains("Read this before the numbers"));
}

/// The run with every response that passed changed.
fn answered(change: impl Fn(&mut crate::outcome::Attempt)) -> String {
    let events = changed(|_, result| {
        result.verdict = Verdict::Passed;
        result.attempts.iter_mut().for_each(&change);
    });
    rendered(Format::Html, events)
}

#[test]
fn passes_that_expect_nothing_are_named_before_the_numbers() {
    let page = answered(|attempt| attempt.assertions.clear());
    assert!(
        page.contains("steps that passed expect nothing: whatever comes back is fine."),
        "{page}"
    );
    assert!(!rendered(Format::Html, fixture::run()).contains("whatever comes back"));
}

#[test]
fn one_answer_to_every_question_is_told_before_the_numbers() {
    let same = |digest: &str| {
        let digest = digest.to_owned();
        answered(move |attempt| {
            let Some(exchange) = &mut attempt.exchange else { return };
            let response = fixture::looked().1.attempts.remove(0).exchange.unwrap().response;
            let response = exchange.response.get_or_insert_with(|| response.unwrap());
            response.body.sha256 = Some(format!("{digest}{}", exchange.request.url.len()));
            if digest == "same" {
                response.body.sha256 = Some(digest.clone());
            }
        })
    };
    let told = "all got the same body, byte for byte";
    assert!(same("same").contains(told));
    assert!(!same("other").contains(told));
}

#[test]
fn an_environment_that_is_elsewhere_by_name_and_here_by_its_requests_is_told() {
    let on = |name: &str| {
        let mut events = fixture::run();
        if let Some(Event::RunStarted(started)) = events.first_mut() {
            started.environment = Some(name.to_owned());
        }
        rendered(Format::Html, events)
    };
    assert!(on("production").contains("but every request went to this machine"));
    assert!(!on("demo").contains("but every request went to this machine"));
}

#[test]
fn two_texts_that_are_alike_have_their_letters_marked() {
    let page = |actual: &str| {
        let events = changed(|name, result| {
            for attempt in &mut result.attempts {
                if name != "Look at the model" {
                    continue;
                }
                let one = attempt.assertions.first_mut().unwrap();
                one.passed = false;
                one.expected.operator = "equals".to_owned();
                one.expected.operand = json!("planrun-model-42");
                one.actual = Some(crate::outcome::Actual::Value(json!(actual)));
            }
        });
        rendered(Format::Html, events)
    };
    let alike = page("planrun-model-43");
    assert!(alike.contains("- planrun-model-4<mark>2</mark>"), "{alike}");
    assert!(alike.contains("+ planrun-model-4<mark>3</mark>"), "{alike}");
    assert!(!page("something else altogether").contains("class=\"diff\""));
}

#[test]
fn the_budget_of_an_endpoint_stands_beside_its_times_whether_it_held_or_not() {
    let page = |limit: Option<Duration>| {
        let events = changed(|_, result| {
            for attempt in &mut result.attempts {
                attempt.limit = limit;
            }
        });
        rendered(Format::Html, events)
    };
    assert!(page(Some(Duration::from_secs(9))).contains("<td class=\"n\">9.00 s</td>"));
    assert!(page(Some(Duration::from_micros(3))).contains("µs exceeded</td>"));
    assert!(!page(None).contains(" exceeded</td>"));
}

#[test]
fn a_plan_with_cases_is_a_table_whose_cells_lead_to_them() {
    let run = |cases: u32| {
        let mut events = fixture::beginning(cases);
        for n in 0..cases {
            let mut job = fixture::job(n, vec![fixture::looked()]);
            if let Some(Event::PlanStarted(plan)) = job.first_mut() {
                plan.case = Some(format!("size {n}"));
            }
            events.extend(job);
        }
        events.push(fixture::end());
        rendered(Format::Html, events)
    };
    let two = run(2);
    assert!(two.contains("<h2>Cases</h2>"), "no table");
    assert!(two.contains("<a class=\"tag failed\" href=\"#p2\">"), "{two}");
    assert!(!run(1).contains("<h2>Cases</h2>"));
}

#[test]
fn every_link_of_the_page_leads_to_a_place_of_its_own() {
    let page = rendered(Format::Html, fixture::run());
    let ids: Vec<&str> =
        page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let links = page.split(" href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links {
        assert!(unique.contains(&link), "#{link} leads nowhere");
    }
}

#[test]
fn har_counts_tls_into_connect_and_leaves_what_did_not_happen_at_minus_one() {
    let events = changed(|_, result| {
        for attempt in &mut result.attempts {
            if let Some(exchange) = &mut attempt.exchange {
                exchange.phases.connect = Some(Duration::from_millis(2));
                exchange.phases.tls = Some(Duration::from_millis(3));
                exchange.phases.dns = None;
            }
        }
    });
    let har = parsed(Format::Har, events);
    let timings = &har["log"]["entries"][0]["timings"];
    assert_eq!(timings["connect"].as_f64(), Some(5.0));
    assert_eq!(timings["ssl"].as_f64(), Some(3.0));
    assert_eq!(timings["dns"], json!(-1));
}

#[test]
fn a_large_run_reads_the_same_where_what_passed_is_lean() {
    let events = || {
        let mut events = fixture::run();
        for event in &mut events {
            if let Event::RunStarted(started) = event {
                started.steps = 301;
            }
        }
        events
    };
    let whole = Record::fold(events());
    let mut lean = whole.clone();
    lean.plans.iter_mut().for_each(crate::record::PlanRecord::become_lean);
    assert_ne!(lean.plans, whole.plans, "nothing became lean");
    for format in Format::ALL {
        let mut seen = Vec::new();
        format.write(&lean, &whole, &mut seen).unwrap();
        let seen = String::from_utf8(seen).unwrap();
        assert_eq!(seen, format.render(&whole).unwrap(), "{format:?}");
    }
    // The twin: a run that is not large is told with every body.
    let small = Record::fold(fixture::run());
    let mut lean = small.clone();
    lean.plans.iter_mut().for_each(crate::record::PlanRecord::become_lean);
    assert_ne!(Format::Html.render(&lean).unwrap(), Format::Html.render(&small).unwrap());
}

#[test]
fn the_head_of_junit_counts_what_follows_it() {
    let cut: Vec<_> =
        fixture::run().into_iter().filter(|it| !matches!(it, Event::RunFinished { .. })).collect();
    for events in [fixture::run(), cut, Vec::new()] {
        let text = rendered(Format::Junit, events);
        let head = text.lines().nth(1).unwrap();
        let elements = |name: &str| text.matches(&format!("<{name} ")).count();
        for (attribute, count) in [
            ("tests", elements("testcase")),
            ("failures", elements("failure")),
            ("errors", elements("error")),
            ("skipped", elements("skipped")),
        ] {
            assert!(head.contains(&format!(" {attribute}=\"{count}\"")), "{attribute}: {head}");
        }
        assert!(text.ends_with("\n</testsuites>\n"), "{text}");
    }
}
