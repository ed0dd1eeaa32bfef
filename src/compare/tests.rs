//! Runs made of events by hand, and what a comparison says of them.

use super::*;
use crate::event::{CaseRef, Event, JobId, PlanStarted, RunStarted, Section, StepRef, VERSION};
use crate::outcome::{
    Attempt, Body, Content, Exchange, Phases, Request, Response, SampleBefore, SampleColumns,
    SampleRow,
};
use crate::source::{Place, SourceId, Span};

const PLACE: Place = Place { source: SourceId(0), span: Span { start: 0, end: 1 } };

/// A step of a run: its name, how it ended, its status, the times of its samples in ms.
struct Told {
    name: &'static str,
    verdict: Verdict,
    status: u16,
    times: Vec<f64>,
}

fn told(name: &'static str, verdict: Verdict) -> Told {
    Told { name, verdict, status: 200, times: Vec::new() }
}

fn answer(status: u16, total: Duration) -> Exchange {
    let body = || Body { content: Content::Empty, size: 0, sha256: None, cut: false };
    Exchange {
        request: Request {
            method: "GET".into(),
            url: "http://h/".into(),
            headers: Vec::new(),
            body: body(),
        },
        hops: Vec::new(),
        response: Some(Response {
            status,
            http: "1.1".into(),
            headers: Vec::new(),
            body: body(),
            remote: None,
            saved: None,
        }),
        error: None,
        phases: Phases { total: Some(total), ..Phases::default() },
        reused: false,
        repeated: false,
        proxy: None,
        url_from: Vec::new(),
        plans_ids: Vec::new(),
        unverified: false,
        secrets_sent: Vec::new(),
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    }
}

fn result(told: &Told) -> StepResult {
    let attempt = Attempt {
        number: 1,
        limit: None,
        sample: None,
        at: Duration::ZERO,
        exchange: Some(Box::new(answer(told.status, Duration::from_millis(5)))),
        assertions: Vec::new(),
        captures: Vec::new(),
        breaches: Vec::new(),
        findings: Vec::new(),
        outcome: None,
        contract: None,
        documented: Vec::new(),
        routes: None,
        hints: Vec::new(),
        tapped: Vec::new(),
    };
    StepResult {
        verdict: told.verdict,
        reason: None,
        flaky: false,
        attempts: vec![attempt],
        tries: 1,
        duration: Duration::from_millis(5),
        code: None,
        message: None,
        ended_at: None,
        only_budget: false,
        samples: None,
    }
}

fn columns(times: &[f64]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    let mut before = SampleBefore::default();
    for (number, time) in (1_u32..).zip(times) {
        let row = SampleRow {
            number,
            at: Duration::ZERO,
            took: Duration::from_secs_f64(time / 1e3),
            phases: (None, None),
            status: 200,
            outcome: None,
            verdict: 'p',
            reused: true,
        };
        columns.push(row, &Phases::default(), &mut before);
    }
    columns
}

/// A run of one plan with these steps.
fn run_of(path: &str, steps: &[Told]) -> Record {
    let job = JobId(0);
    let mut events = vec![
        Event::RunStarted(RunStarted {
            version: VERSION,
            planrun: "0".into(),
            run: "r".into(),
            started_at: "2026-07-11T09:00:00Z".into(),
            environment: None,
            seed: 1,
            jobs: 1,
            steps: 1,
            command: Vec::new(),
            variables: std::collections::BTreeMap::new(),
            commit: None,
        }),
        Event::Source {
            id: SourceId(0),
            path: path.into(),
            sha256: String::new(),
            text: "plan: P".into(),
        },
        Event::PlanStarted(PlanStarted {
            job,
            name: "P".into(),
            path: path.into(),
            case: None,
            case_of: Vec::new(),
            place: PLACE,
            tags: Vec::new(),
            covers: Vec::new(),
            steps: 1,
            left_out: 0,
            at: Duration::ZERO,
        }),
    ];
    for (index, told) in (0..).zip(steps) {
        let mut step = StepRef::new(Section::Steps, index, told.name, PLACE);
        // `create [ada]` is a case of `create`.
        if let Some((name, case)) = told.name.split_once(" [") {
            let name_of_case = case.trim_end_matches(']').to_owned();
            step.case = Some(CaseRef { number: index, name: name_of_case, of: Vec::new() });
            step.name = name.to_owned();
        }
        events.push(Event::StepStarted { job, step: step.clone(), at: Duration::ZERO });
        if !told.times.is_empty() {
            let columns = Box::new(columns(&told.times));
            events.push(Event::Samples { job, step: step.clone(), of: 1, columns });
        }
        events.push(Event::StepFinished { job, step, result: Arc::new(result(told)) });
    }
    let verdict = Verdict::gravest(steps.iter().map(|told| told.verdict));
    events.push(Event::PlanFinished {
        job,
        verdict,
        duration: Duration::ZERO,
        findings: Vec::new(),
        breach: None,
    });
    events.push(Event::RunFinished { duration: Duration::from_secs(1), interrupted: None });
    Record::fold(events)
}

/// What changed between two runs, in a line each.
fn changes(before: &[Told], after: &[Told]) -> Vec<String> {
    let compared = Comparison::of(&run_of("p.yaml", before), &run_of("p.yaml", after), 0.1);
    compared.changes.iter().map(|change| format!("{} {:?}", change.step, change.kind)).collect()
}

#[test]
fn equal_runs_have_no_change() {
    use Verdict::{Failed, Passed, Skipped};
    let steps = || [told("a", Passed), told("b", Failed), told("c", Skipped)];
    assert_eq!(changes(&steps(), &steps()), [""; 0]);
    let run = run_of("p.yaml", &steps());
    let compared = Comparison::of(&run, &run, 0.1);
    assert_eq!((compared.alike, compared.worse()), (3, 0));
    assert!(compared.metrics.iter().all(|metric| metric.improved().is_none()));
}

#[test]
fn every_way_in_which_a_verdict_flips_has_its_kind() {
    use Verdict::{Blocked, Errored, Failed, Passed, Skipped};
    let flips = [
        (Passed, Failed, "s Worse"),
        (Passed, Errored, "s Worse"),
        (Passed, Blocked, "s Worse"),
        // Only a pass is evidence: what is skipped now is not shown any more.
        (Passed, Skipped, "s Worse"),
        (Skipped, Failed, "s Worse"),
        (Blocked, Errored, "s Worse"),
        (Failed, Passed, "s Better"),
        (Skipped, Passed, "s Better"),
        (Failed, Errored, "s Otherwise"),
        (Failed, Blocked, "s Otherwise"),
        (Blocked, Skipped, "s Otherwise"),
    ];
    for (then, now, expected) in flips {
        assert_eq!(changes(&[told("s", then)], &[told("s", now)]), [expected], "{then:?} {now:?}");
    }
}

#[test]
fn steps_that_come_and_go_are_told_and_only_a_new_failure_is_worse() {
    use Verdict::{Failed, Passed};
    let before = [told("old", Passed), told("same", Passed)];
    let after = [told("same", Passed), told("new", Passed), told("bad", Failed)];
    assert_eq!(changes(&before, &after), ["new Added", "bad AddedWorse", "old Removed"]);
    let compared = Comparison::of(&run_of("p.yaml", &before), &run_of("p.yaml", &after), 0.1);
    assert_eq!(compared.worse(), 1);
}

#[test]
fn a_step_is_known_by_its_name_and_case_wherever_it_stands_now() {
    use Verdict::{Failed, Passed};
    let before = [told("s [ada]", Passed), told("s [bob]", Failed), told("t", Passed)];
    let after = [told("t", Passed), told("s [bob]", Failed), told("s [ada]", Failed)];
    assert_eq!(changes(&before, &after), ["s [ada] Worse"]);
    // Two of one name are taken in their order.
    let twice = |second| [told("s", Passed), told("s", second)];
    assert_eq!(changes(&twice(Passed), &twice(Failed)), ["s Worse"]);
}

#[test]
fn a_plan_that_moved_is_known_by_its_name() {
    let steps = || [told("a", Verdict::Passed)];
    let compared =
        Comparison::of(&run_of("old/p.yaml", &steps()), &run_of("p.yaml", &steps()), 0.1);
    assert_eq!((compared.alike, compared.changes.len()), (1, 0));
}

#[test]
fn another_status_under_the_same_verdict_is_told() {
    let answered = |status| [Told { status, ..told("a", Verdict::Passed) }];
    assert_eq!(changes(&answered(200), &answered(201)), ["a Answered"]);
}

#[test]
fn only_what_samples_can_show_is_called_slower() {
    let timed = |times: Vec<f64>| [Told { times, ..told("a", Verdict::Passed) }];
    let verdict = |before: Vec<f64>, after: Vec<f64>| {
        let compared = Comparison::of(
            &run_of("p.yaml", &timed(before)),
            &run_of("p.yaml", &timed(after)),
            0.1,
        );
        compared.times.first().map(|time| time.verdict)
    };
    let around = |middle: f64| (0..10).map(|n| middle + f64::from(n) / 10.0).collect::<Vec<f64>>();
    assert_eq!(verdict(around(10.0), around(15.0)), Some(TimeVerdict::Slower));
    assert_eq!(verdict(around(15.0), around(10.0)), Some(TimeVerdict::Faster));
    // 5 % more is inside the tolerance, however sure it is.
    assert_eq!(verdict(around(10.0), around(10.5)), Some(TimeVerdict::Alike));
    // One slow sample of ten is chance.
    let mut one = around(10.0);
    one.extend([90.0]);
    assert_eq!(verdict(around(10.0), one), Some(TimeVerdict::Alike));
    assert_eq!(verdict(vec![10.0, 10.1], vec![20.0, 21.0]), Some(TimeVerdict::TooFew));
    // A single request has one time, which shows nothing.
    assert_eq!(verdict(Vec::new(), Vec::new()), Some(TimeVerdict::TooFew));
}

#[test]
fn times_of_a_step_that_did_not_pass_are_not_compared() {
    let (passed, failed) = ([told("a", Verdict::Passed)], [told("a", Verdict::Failed)]);
    let compared = Comparison::of(&run_of("p.yaml", &passed), &run_of("p.yaml", &failed), 0.1);
    assert_eq!(compared.times, []);
}
