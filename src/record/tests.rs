//! The fold and the exit codes, on streams that are built event by event.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::event::Section;
use crate::finding::{Code, Severity};
use crate::outcome::{
    Assertion, Attempt, Body, Content, Exchange, Expected, Hop, Phase, Phases, Request,
};
use crate::source::{Place, SourceId, Span};

fn place() -> Place {
    Place { source: SourceId(0), span: Span::new(0, 1) }
}

fn plan_started(job: u32) -> Event {
    Event::PlanStarted(PlanStarted {
        case: None,
        case_of: Vec::new(),
        job: JobId(job),
        name: format!("plan {job}"),
        path: "a.yaml".to_owned(),
        place: place(),
        tags: Vec::new(),
        covers: Vec::new(),
        steps: 1,
        left_out: 0,
        at: Duration::ZERO,
    })
}

fn step(section: Section, index: u32) -> StepRef {
    StepRef::new(section, index, &format!("step {index}"), place())
}

fn ended(verdict: Verdict) -> StepResult {
    StepResult {
        verdict,
        reason: None,
        flaky: false,
        attempts: Vec::new(),
        tries: 1,
        duration: Duration::from_millis(1),
        code: None,
        message: None,
        ended_at: None,
        only_budget: false,
        samples: None,
    }
}

fn attempt() -> Attempt {
    Attempt {
        number: 1,
        sample: None,
        at: Duration::ZERO,
        exchange: None,
        assertions: Vec::new(),
        captures: Vec::new(),
        limit: None,
        breaches: Vec::new(),
        findings: Vec::new(),
        outcome: None,
        contract: None,
        documented: Vec::new(),
        routes: None,
        hints: Vec::new(),
        tapped: Vec::new(),
    }
}

fn breach(severity: Severity) -> BudgetBreach {
    BudgetBreach {
        phase: Phase::Total,
        place: place(),
        limit: Duration::from_millis(1),
        actual: Duration::from_millis(2),
        longest: None,
        severity,
    }
}

fn finished(job: u32, section: Section, index: u32, result: StepResult) -> Event {
    Event::StepFinished { job: JobId(job), step: step(section, index), result: Arc::new(result) }
}

fn plan_finished(job: u32, verdict: Verdict) -> Event {
    Event::PlanFinished {
        job: JobId(job),
        verdict,
        duration: Duration::from_millis(9),
        findings: Vec::new(),
        breach: None,
    }
}

fn run_finished(interrupted: Option<&str>) -> Event {
    Event::RunFinished {
        duration: Duration::from_secs(1),
        interrupted: interrupted.map(str::to_owned),
    }
}

/// A run of one plan with steps that ended so.
fn run(verdict: Verdict, steps: Vec<(Section, StepResult)>) -> Vec<Event> {
    let mut events = vec![plan_started(0)];
    for (index, (section, result)) in (0..).zip(steps) {
        events.push(finished(0, section, index, result));
    }
    events.push(plan_finished(0, verdict));
    events.push(run_finished(None));
    events
}

fn steps(verdicts: &[Verdict]) -> Vec<Event> {
    let verdict = verdicts.iter().copied().find(|v| *v != Verdict::Passed);
    run(
        verdict.unwrap_or(Verdict::Passed),
        verdicts.iter().map(|verdict| (Section::Steps, ended(*verdict))).collect(),
    )
}

fn code(events: Vec<Event>) -> u8 {
    Record::fold(events).exit_code(Flaky::Passes)
}

#[test]
fn the_gravest_of_the_steps_gives_the_exit_code() {
    use Verdict::{Blocked, Cancelled, Errored, Failed, Passed, Skipped};
    for (verdicts, expected) in [
        (vec![Passed], 0),
        (vec![Passed, Skipped], 0),
        (vec![Passed, Failed], 1),
        (vec![Passed, Failed, Blocked, Blocked], 1),
        (vec![Failed, Errored], 5),
        (vec![Errored], 5),
        (vec![Skipped], 4),
        (vec![Skipped, Blocked], 4),
        (vec![Cancelled], 4),
        (vec![], 4),
    ] {
        assert_eq!(code(steps(&verdicts)), expected, "{verdicts:?}");
    }
}

#[test]
fn an_empty_selection_is_four() {
    assert_eq!(code(vec![run_finished(None)]), 4);
}

#[test]
fn setup_and_cleanup_are_no_evidence_but_their_failures_count() {
    let around = |verdict| {
        run(
            verdict,
            vec![
                (Section::Setup, ended(Verdict::Passed)),
                (Section::Steps, ended(Verdict::Skipped)),
                (Section::Cleanup, ended(verdict)),
            ],
        )
    };
    assert_eq!(code(around(Verdict::Passed)), 4);
    assert_eq!(code(around(Verdict::Failed)), 1);
}

#[test]
fn only_budgets_are_six_and_an_assertion_beside_them_is_one() {
    let slow = StepResult { only_budget: true, ..ended(Verdict::Failed) };
    let one = (Section::Steps, slow);
    assert_eq!(code(run(Verdict::Failed, vec![one.clone()])), 6);
    let wrong = (Section::Steps, ended(Verdict::Failed));
    assert_eq!(code(run(Verdict::Failed, vec![one, wrong])), 1);
}

#[test]
fn a_plans_own_budget_is_six_and_its_deadline_five() {
    let events = |breach, findings| {
        vec![
            plan_started(0),
            finished(0, Section::Steps, 0, ended(Verdict::Passed)),
            Event::PlanFinished {
                job: JobId(0),
                verdict: Verdict::Failed,
                duration: Duration::ZERO,
                findings,
                breach,
            },
            run_finished(None),
        ]
    };
    assert_eq!(code(events(Some(breach(Severity::Error)), Vec::new())), 6);
    let late = Finding::error(Code::DeadlineExceeded, "late");
    assert_eq!(code(events(None, vec![late])), 5);
    let slow = Finding::error(Code::BudgetExceeded, "slow");
    assert_eq!(code(events(None, vec![slow])), 6);
    // A failed plan that nothing explains is not a passed one.
    assert_eq!(code(events(None, Vec::new())), 1);
}

#[test]
fn a_plan_budget_under_warn_fails_nothing() {
    let events = vec![
        plan_started(0),
        finished(0, Section::Steps, 0, ended(Verdict::Passed)),
        Event::PlanFinished {
            job: JobId(0),
            verdict: Verdict::Passed,
            duration: Duration::ZERO,
            findings: Vec::new(),
            breach: Some(breach(Severity::Warning)),
        },
        run_finished(None),
    ];
    let record = Record::fold(events);
    assert_eq!((record.exit_code(Flaky::Passes), record.tally.warnings), (0, 1));
}

#[test]
fn what_interrupted_the_run_wins_over_what_failed() {
    for (by, expected) in [("SIGINT", 130), ("SIGTERM", 143), ("deadline", 124)] {
        let mut events = steps(&[Verdict::Failed, Verdict::Cancelled]);
        events.pop();
        events.push(run_finished(Some(by)));
        let record = Record::fold(events);
        assert_eq!(record.exit_code(Flaky::Passes), expected);
        assert!(!record.end.is_complete());
        assert_eq!(record.end.duration(), Some(Duration::from_secs(1)));
    }
}

#[test]
fn a_stream_that_breaks_off_is_never_a_success() {
    let mut events = steps(&[Verdict::Passed]);
    events.pop();
    let record = Record::fold(events);
    assert_eq!(record.end, End::Incomplete);
    assert_eq!(record.exit_code(Flaky::Passes), 7);
}

#[test]
fn errors_before_the_first_request_are_three_and_other_errors_their_own() {
    for (finding, expected) in [
        (Finding::error(Code::UnknownKey, "x"), 3),
        (Finding::error(Code::MissingSecret, "x"), 3),
        (Finding::error(Code::ServiceFailed, "x"), 5),
        (Finding::error(Code::TransportDns, "x"), 5),
        (Finding::error(Code::OutputFailed, "x"), 7),
        (Finding::warning(Code::UnknownKey, "x"), 4),
    ] {
        let what = finding.code;
        assert_eq!(code(vec![Event::Finding { finding }, run_finished(None)]), expected, "{what}");
    }
}

#[test]
fn a_flaky_pass_passes_unless_it_may_not() {
    let flaky = StepResult { flaky: true, tries: 2, ..ended(Verdict::Passed) };
    let record = Record::fold(run(Verdict::Passed, vec![(Section::Steps, flaky)]));
    assert_eq!(record.exit_code(Flaky::Passes), 0);
    assert_eq!(record.exit_code(Flaky::Fails), 1);
    assert_eq!(Record::fold(steps(&[Verdict::Passed])).exit_code(Flaky::Fails), 0);
}

fn assertion(severity: Severity, passed: bool) -> Assertion {
    Assertion {
        subject: "status".to_owned(),
        place: place(),
        severity,
        passed,
        expected: Expected { operator: "equals".to_owned(), operand: 200.into() },
        actual: None,
        pointer: None,
        outcome: None,
        note: None,
        violations: Vec::new(),
        tap: None,
    }
}

#[test]
fn of_a_pass_that_tells_nothing_a_live_fold_keeps_no_judgement_and_counts_the_same() {
    let judged = |verdict, severity, passed| StepResult {
        attempts: vec![Attempt { assertions: vec![assertion(severity, passed)], ..attempt() }],
        ..ended(verdict)
    };
    let events = || {
        run(
            Verdict::Failed,
            vec![
                (Section::Steps, judged(Verdict::Passed, Severity::Error, true)),
                (Section::Steps, judged(Verdict::Passed, Severity::Warning, false)),
                (Section::Steps, judged(Verdict::Failed, Severity::Error, false)),
            ],
        )
    };
    let kept = |keeps| {
        let mut fold = Fold::keeping(keeps);
        let mut plans = Vec::new();
        for event in events() {
            plans.extend(fold.push(&event));
        }
        let plan = plans.pop().expect("it ended");
        let count = |step: &StepRecord| {
            let attempts = step.result.iter().flat_map(|result| &result.attempts);
            attempts.map(|attempt| attempt.assertions.len()).sum::<usize>()
        };
        let counts: Vec<usize> = plan.steps.iter().map(count).collect();
        (counts, fold.tally().clone(), fold.exit_code(Flaky::Passes))
    };
    let (whole, tally, code) = kept(Keeps::Whole);
    let (exchanges, ..) = kept(Keeps::Exchanges);
    let (verdicts, ..) = kept(Keeps::Verdicts);
    assert_eq!((whole, exchanges, verdicts), (vec![1, 1, 1], vec![0, 1, 1], vec![0, 0, 0]));
    for keeps in [Keeps::Exchanges, Keeps::Verdicts] {
        let (_, other, other_code) = kept(keeps);
        assert_eq!((&other, other_code), (&tally, code));
    }
}

#[test]
fn assertions_under_warn_are_counted_and_fail_nothing() {
    let mut passed = ended(Verdict::Passed);
    passed.attempts = vec![Attempt {
        assertions: vec![
            assertion(Severity::Warning, false),
            assertion(Severity::Warning, true),
            assertion(Severity::Error, true),
        ],
        breaches: vec![breach(Severity::Warning)],
        findings: vec![Finding::warning(Code::Conflict, "duplicate key")],
        ..attempt()
    }];
    let record = Record::fold(run(Verdict::Passed, vec![(Section::Steps, passed)]));
    assert_eq!((record.exit_code(Flaky::Passes), record.tally.warnings), (0, 3));
}

#[test]
fn the_order_of_gravity_is_that_of_the_language() {
    let order = [143, 124, 7, 2, 3, 5, 1, 6, 4, 0];
    for (n, graver) in order.iter().enumerate() {
        for lighter in order.iter().skip(n) {
            assert_eq!(gravest([*lighter, *graver]), *graver);
            assert_eq!(gravest([*graver, *lighter]), *graver);
        }
    }
    assert_eq!(gravest([124, 130]), 130);
    assert_eq!(gravest([]), 0);
}

#[test]
fn plans_that_run_at_once_stand_in_the_order_of_their_jobs() {
    let mut events = vec![plan_started(1), plan_started(0), plan_started(2)];
    for job in [2, 0, 1] {
        events.push(Event::StepStarted {
            job: JobId(job),
            step: step(Section::Steps, 0),
            at: Duration::from_millis(u64::from(job)),
        });
    }
    for job in [1, 2, 0] {
        events.push(finished(job, Section::Steps, 0, ended(Verdict::Passed)));
        events.push(plan_finished(job, Verdict::Passed));
    }
    events.push(run_finished(None));
    let record = Record::fold(events);
    let jobs: Vec<u32> = record.plans.iter().map(|plan| plan.started.job.0).collect();
    assert_eq!(jobs, [0, 1, 2]);
    for plan in &record.plans {
        assert_eq!(plan.steps.len(), 1);
        assert_eq!(plan.ended(Verdict::Passed).count(), 1);
        let at = Duration::from_millis(u64::from(plan.started.job.0));
        assert_eq!(plan.steps.first().and_then(|step| step.at), Some(at));
    }
    assert_eq!(record.tally.plans.get(Verdict::Passed), 3);
    assert_eq!(record.tally.steps.total(), 3);
}

#[test]
fn a_fold_hands_out_each_plan_and_keeps_none() {
    let mut fold = Fold::default();
    for job in 0..100 {
        assert!(fold.push(&plan_started(job)).is_none());
        assert!(fold.open(JobId(job)).is_some());
        assert!(fold.push(&finished(job, Section::Steps, 0, ended(Verdict::Passed))).is_none());
        let plan = fold.push(&plan_finished(job, Verdict::Passed));
        assert_eq!(plan.map(|plan| plan.steps.len()), Some(1));
        assert!(fold.open(JobId(job)).is_none());
    }
    assert_eq!(fold.tally().evidence, 100);
    fold.push(&run_finished(None));
    assert_eq!(fold.exit_code(Flaky::Passes), 0);
    let (record, open) = fold.into_record();
    assert!(record.plans.is_empty() && open.is_empty());
}

#[test]
fn a_plan_that_did_not_end_keeps_what_is_known_of_it() {
    let begun = |index| Event::StepStarted {
        job: JobId(0),
        step: step(Section::Steps, index),
        at: Duration::ZERO,
    };
    let record = Record::fold(vec![
        plan_started(0),
        begun(0),
        finished(0, Section::Steps, 0, ended(Verdict::Passed)),
        begun(1),
    ]);
    let plan = record.plan(JobId(0)).expect("it began");
    assert_eq!(plan.verdict, None);
    let verdicts: Vec<_> = plan.steps.iter().map(StepRecord::verdict).collect();
    assert_eq!(verdicts, [Some(Verdict::Passed), None]);
    assert_eq!(record.tally.unfinished, 1);
}

#[test]
fn cases_of_one_step_find_their_own_beginnings() {
    let begun = |at| Event::StepStarted {
        job: JobId(0),
        step: step(Section::Steps, 0),
        at: Duration::from_millis(at),
    };
    let record = Record::fold(vec![
        plan_started(0),
        begun(1),
        begun(2),
        finished(0, Section::Steps, 0, ended(Verdict::Passed)),
        finished(0, Section::Steps, 0, ended(Verdict::Failed)),
        finished(0, Section::Cleanup, 0, ended(Verdict::Skipped)),
    ]);
    let plan = record.plan(JobId(0)).expect("it began");
    let seen: Vec<_> = plan.steps.iter().map(|step| (step.at.is_some(), step.verdict())).collect();
    assert_eq!(
        seen,
        [
            (true, Some(Verdict::Passed)),
            (true, Some(Verdict::Failed)),
            (false, Some(Verdict::Skipped))
        ]
    );
}

#[test]
fn requests_count_retries_and_redirects() {
    let body = Body { content: Content::Empty, size: 0, sha256: None, cut: false };
    let hop = Hop {
        method: "GET".to_owned(),
        url: "/a".to_owned(),
        status: 302,
        location: "/b".to_owned(),
    };
    let exchange = Exchange {
        request: Request {
            method: "GET".to_owned(),
            url: "/a".to_owned(),
            headers: Vec::new(),
            body,
        },
        hops: vec![hop],
        response: None,
        error: None,
        phases: Phases::default(),
        reused: false,
        repeated: false,
        proxy: None,
        unverified: false,
        url_from: Vec::new(),
        secrets_sent: Vec::new(),
        plans_ids: Vec::new(),
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    };
    let mut polled = ended(Verdict::Passed);
    polled.tries = 5;
    polled.attempts = vec![Attempt { exchange: Some(Box::new(exchange)), ..attempt() }];
    let asserted = ended(Verdict::Passed);
    let record = Record::fold(run(
        Verdict::Passed,
        vec![(Section::Steps, polled), (Section::Steps, asserted)],
    ));
    assert_eq!(record.tally.requests, 6);
}

#[test]
fn sources_and_findings_are_kept_for_the_reports() {
    let record = Record::fold(vec![
        Event::Source {
            id: SourceId(1),
            path: "b.yaml".to_owned(),
            sha256: String::new(),
            text: "plan: B\n".into(),
        },
        Event::Finding { finding: Finding::warning(Code::UnusedName, "unused").at(place(), "") },
        run_finished(None),
    ]);
    assert_eq!(record.findings.len(), 1);
    let at = Place { source: SourceId(1), span: Span::new(6, 7) };
    assert_eq!(record.sources.locate(at), "b.yaml:1:7");
}

#[test]
fn a_plan_that_never_ended_is_no_pass_in_a_run_that_did() {
    let passed = || finished(0, Section::Steps, 0, ended(Verdict::Passed));
    let lost = vec![plan_started(0), passed(), run_finished(None)];
    let mut fold = Fold::default();
    for event in lost.clone() {
        fold.push(&event);
    }
    assert_eq!(fold.exit_code(Flaky::Passes), 7);
    assert_eq!(code(lost), 7);
    let ended =
        vec![plan_started(0), passed(), plan_finished(0, Verdict::Passed), run_finished(None)];
    assert_eq!(code(ended), 0);
}
