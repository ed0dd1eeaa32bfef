//! The plans of this repository on the healthy demo and on each sick one.

use crate::Project;

/// A plan of the repository, its run stored in a folder of the test's own.
fn run(plan: &str, environment: &str) -> (crate::Ran, serde_json::Value) {
    let project = Project::new();
    let plan = format!("{}/plans/{plan}", env!("CARGO_MANIFEST_DIR"));
    let mut args = vec![plan.as_str(), "-e", environment, "--out", "stored"];
    args.extend(["--report", "json=report.json"]);
    if plan.ends_with("edge-cases.yaml") {
        // The size of an upload is not what is looked at here.
        args.extend(["--var", "upload=1MB"]);
    }
    let ran = project.run(&args);
    let report = serde_json::from_str(&project.read("report.json")).expect("a JSON report");
    (ran, report)
}

fn step<'r>(report: &'r serde_json::Value, id: &str) -> &'r serde_json::Value {
    let steps = report["plans"][0]["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["id"] == id).expect("a step with this id")
}

#[test]
fn one_of_twenty_registrations_at_once_is_made() {
    let (ran, report) = run("edge-cases.yaml", "demo");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let step = step(&report, "one_name");
    assert_eq!(step["samples"]["outcomes"], serde_json::json!({"created": 1, "refused": 19}));
    assert!(ran.out.contains("20 sent within "), "{}", ran.out);
}

#[test]
fn a_race_is_caught_and_the_line_that_counts_the_winners_is_marked() {
    let (ran, report) = run("edge-cases.yaml", "demo-race");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let created = step(&report, "one_name")["samples"]["outcomes"]["created"].as_u64();
    assert!(created.is_some_and(|created| created >= 2), "{created:?}");
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("outcomes: {created: 1, refused: rest"), "{said}");
    assert!(said.contains("expected: equals 1 (number)"), "{said}");
}

#[test]
fn the_auth_service_reads_the_key_in_the_body_alone() {
    let (ran, report) = run("auth-service.yaml", "demo");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let steps = report["plans"][0]["steps"].as_array().expect("steps");
    let outcomes: Vec<_> = steps
        .iter()
        .filter(|step| step["id"] == "places")
        .map(|step| {
            format!("{}: {}", step["case"], step["attempts"][0]["outcome"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            "own, body: accepted",
            "own, bearer header: key_missing",
            "own, own header: key_missing",
            "own, query: key_missing",
            "own, nowhere: key_missing",
            "unsaid, body: accepted",
            "unsaid, bearer header: key_missing",
            "unsaid, own header: key_missing",
            "unsaid, query: key_missing",
            "unsaid, nowhere: key_missing",
            "foreign, body: foreign_service",
            "foreign, bearer header: key_missing",
            "foreign, own header: key_missing",
            "foreign, query: key_missing",
            "foreign, nowhere: key_missing",
        ]
    );
}

#[test]
fn each_sick_demo_fails_the_registration_and_a_healthy_plan_of_it_passes() {
    // The direct call alone tells a broken contract from a key for another service.
    for (environment, direct) in
        [("demo-broken-contract", 0), ("demo-wrong-service", 1), ("demo-misrouted", 1)]
    {
        let (ran, _) = run("registration.yaml", environment);
        assert_eq!(ran.code, 1, "{environment}: {}{}", ran.out, ran.err);
        let (ran, _) = run("auth-service.yaml", environment);
        assert_eq!(ran.code, direct, "{environment}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn what_the_proxy_asks_is_seen_where_a_tap_stands_and_left_out_where_none_does() {
    let hop = |environment: &str, code: i32| {
        let (ran, report) = run("root-cause.yaml", environment);
        assert_eq!(ran.code, code, "{environment}: {}{}", ran.out, ran.err);
        (ran.out, step(&report, "hop").clone())
    };
    let (said, step) = hop("demo", 0);
    assert_eq!(step["verdict"], "skipped");
    assert!(said.contains("the environment has no tap `auth`"), "{said}");
    let (_, step) = hop("demo-tapped", 0);
    assert_eq!(step["verdict"], "passed");
    assert_eq!(step["attempts"][0]["taps"][0]["exchange"]["response"]["status"], 200);
    for environment in ["demo-broken-contract", "demo-broken-contract-verbose"] {
        let (said, step) = hop(environment, 1);
        let cause = &step["causes"][0];
        assert_eq!(
            (&cause["rule"], &cause["confidence"]),
            (&"hop/broken-contract".into(), &"certain".into())
        );
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "one cause explains all 3 failures",
            "the tap `auth` saw POST /api/v1/keys/validate, which was answered with 422",
            "the document wants a credential in the body field `api_key`, and the secret `api_key` \
             goes into the header `authorization`",
            "specs/auth.openapi.yaml:34:18",
        ] {
            assert!(flat.contains(part), "{environment}: no `{part}`: {said}");
        }
    }
    // The proxy asks as it should, for another service.
    let (_, step) = hop("demo-wrong-service", 1);
    let failed = step["attempts"][0]["assertions"].as_array().expect("assertions");
    let failed: Vec<_> = failed.iter().filter(|one| one["passed"] == false).collect();
    let subjects: Vec<_> = failed.iter().filter_map(|one| one["subject"].as_str()).collect();
    assert_eq!(subjects, ["status", "hops.auth.status"]);
}
