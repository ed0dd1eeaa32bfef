//! What is said of whole plans: one cause for many failures, names of a matrix that decide.

use super::scene::*;
use super::*;

/// A plan with these steps, each with how it ended.
pub(super) fn plan(job: u32, steps: Vec<(StepRef, StepResult)>) -> PlanRecord {
    let started = PlanStarted {
        job: JobId(job),
        name: format!("plan {job}"),
        path: format!("plans/{job}.yaml"),
        case: None,
        case_of: Vec::new(),
        place: place(0),
        tags: Vec::new(),
        covers: Vec::new(),
        steps: 1,
        left_out: 0,
        at: Duration::ZERO,
    };
    let mut record = PlanRecord::new(started);
    for (step, result) in steps {
        let mut begun = StepRecord::begun(step, Duration::ZERO);
        begun.result = Some(Arc::new(result));
        record.steps.push(begun);
    }
    record
}

pub(super) fn whole(plans: &[PlanRecord]) -> Diagnosis {
    let mut clusters = Clusters::default();
    for plan in plans {
        clusters.push(plan);
    }
    clusters.finish()
}

fn failing(scene: &Scene) -> StepResult {
    scene.result(vec![status_is(200, false)])
}

fn passing(scene: &Scene) -> StepResult {
    StepResult { verdict: Verdict::Passed, ..scene.result(vec![status_is(200, true)]) }
}

fn blocked_by(label: &str) -> StepResult {
    StepResult {
        verdict: Verdict::Blocked,
        reason: Some(Reason::BlockedBy(label.into())),
        attempts: Vec::new(),
        ..failing(&says(401, "no"))
    }
}

#[test]
fn one_cause_explains_many_failures_and_what_is_blocked_is_counted_and_not_blamed() {
    let refused = || failing(&says(401, "Invalid key"));
    let plans = (0..3)
        .map(|job| {
            plan(
                job,
                vec![(step(0), refused()), (step(1), refused()), (step(2), blocked_by("step"))],
            )
        })
        .chain([plan(3, vec![(step(0), failing(&failed(TransportClass::Dns)))])]);
    let diagnosis = whole(&plans.collect::<Vec<_>>());
    assert_eq!((diagnosis.failures, diagnosis.blocked, diagnosis.clusters.len()), (7, 3, 2));
    let leading = diagnosis.leading().expect("a leading cause");
    assert_eq!((leading.size, leading.plans, leading.blocked), (6, 3, 3));
    assert_eq!(leading.cause.as_ref().map(|cause| cause.rule), Some("key/refused"));
    assert_eq!(leading.first.job, JobId(0));
}

#[test]
fn failures_without_a_cause_stand_together_and_are_given_none() {
    let odd = || failing(&answered(500, &json!({})));
    let diagnosis = whole(&[plan(0, vec![(step(0), odd()), (step(1), odd())])]);
    assert_eq!(
        diagnosis.clusters.iter().map(|c| (c.size, c.cause.is_some())).collect::<Vec<_>>(),
        [(2, false)]
    );
    assert_eq!(diagnosis.leading(), None);
}

#[test]
fn a_run_without_failures_says_nothing() {
    let diagnosis = whole(&[plan(0, vec![(step(0), passing(&answered(200, &json!({}))))])]);
    assert_eq!(diagnosis, Diagnosis::default());
}

#[test]
fn what_another_plan_saw_of_the_key_changes_the_cause() {
    let valid = answered(200, &json!({"is_valid": true})).url("http://auth.test/keys");
    let refused = || failing(&says(401, "Invalid key"));
    let alone = whole(&[plan(0, vec![(step(0), refused())]), plan(1, vec![(step(0), refused())])]);
    let rule = |diagnosis: &Diagnosis| {
        diagnosis.leading().and_then(|it| it.cause.as_ref()).map(|it| it.rule)
    };
    assert_eq!(rule(&alone), Some("key/refused"));
    let seen = whole(&[
        plan(0, vec![(step(0), refused())]),
        plan(1, vec![(step(0), refused())]),
        plan(2, vec![(step(7), passing(&valid))]),
    ]);
    assert_eq!(rule(&seen), Some("key/good-elsewhere"));
}

#[test]
fn what_a_tap_is_certain_of_explains_the_same_refusal_where_no_contract_is_held_against_it() {
    let valid = || passing(&answered(200, &json!({"is_valid": true})).url("http://auth.test/keys"));
    let unjudged = |words: &str, status: u16| {
        says(401, words).tapped(Tapped { contract: None, ..tapped(status, &[]) })
    };
    let seen = || failing(&says(401, "Invalid key").tapped(tapped(422, &["`api_key` is missing"])));
    let sizes = |other: &Scene| {
        let plans = [
            plan(0, vec![(step(7), valid()), (step(0), failing(other))]),
            plan(1, vec![(step(7), valid()), (step(1), seen())]),
        ];
        let clusters = whole(&plans).clusters;
        clusters.iter().map(|it| (it.size, it.plans, it.first.job.0)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&unjudged("Invalid key", 422)), [(2, 2, 0)]);
    // Other words, another answer to the tap, a tap that saw nothing or that all was well, another
    // secret: that is something else.
    let two = [(1, 1, 0), (1, 1, 1)];
    assert_eq!(sizes(&unjudged("expired", 422)), two);
    assert_eq!(sizes(&unjudged("Invalid key", 401)), two);
    assert_eq!(sizes(&unjudged("Invalid key", 200)), two);
    assert_eq!(sizes(&says(401, "Invalid key")), two);
    assert_eq!(sizes(&says(401, "Invalid key").tapped(tapped(401, &[]))), two);
    let mut other = unjudged("Invalid key", 422);
    other.exchange.secrets_sent = vec![("other_key".into(), "header Authorization".into())];
    assert_eq!(sizes(&other), two);
}

/// The cases of a matrix of a region and a size; the step fails where `fails` says so.
fn matrix(fails: impl Fn(&str, &str) -> bool) -> Diagnosis {
    let mut steps = Vec::new();
    let mut number = 0;
    for region in ["eu", "us", "asia"] {
        for size in ["small", "large"] {
            let of =
                [("region", region), ("size", size)].map(|(n, v)| (n.to_owned(), v.to_owned()));
            let case = CaseRef { number, name: format!("{region}, {size}"), of: of.into() };
            number += 1;
            let result = if fails(region, size) {
                failing(&answered(500, &json!({})))
            } else {
                passing(&answered(200, &json!({})))
            };
            steps.push((StepRef { case: Some(case), ..step(0) }, result));
        }
    }
    whole(&[plan(0, steps)])
}

#[test]
fn the_one_name_of_a_matrix_that_decides_is_named() {
    let diagnosis = matrix(|region, _| region == "us");
    let flips: Vec<_> =
        diagnosis.flips.iter().map(|f| (f.name.as_str(), f.passes.len(), &*f.fails)).collect();
    assert_eq!(flips, [("region", 2, &["us".to_owned()][..])]);
}

#[test]
fn no_name_is_blamed_where_two_decide_together_or_all_fail() {
    assert_eq!(matrix(|region, size| region == "us" && size == "large").flips, []);
    assert_eq!(matrix(|_, _| true).flips, []);
    assert_eq!(matrix(|_, _| false).flips, []);
}

#[test]
fn two_hosts_that_answer_alike_are_named_where_something_was_refused() {
    let refusing = |url: &str, server: &str| {
        failing(&says(401, "API key required").url(url).header("server", server).no_secret())
    };
    let alike = |server: &str| {
        whole(&[plan(
            0,
            vec![
                (step(0), refusing("http://a.test/x", "registry")),
                (step(1), refusing("http://b.test/x", server)),
            ],
        )])
        .backends
        .len()
    };
    assert_eq!(alike("registry"), 1);
    assert_eq!(alike("auth"), 0);
}

#[test]
fn memory_is_one_failure_for_each_fingerprint() {
    let mut clusters = Clusters::default();
    for job in 0..2000 {
        clusters.push(&plan(job, vec![(step(0), failing(&says(401, "Invalid key")))]));
    }
    assert_eq!(clusters.kept(), 1);
    assert_eq!(clusters.finish().clusters.first().map(|cluster| cluster.size), Some(2000));
}
