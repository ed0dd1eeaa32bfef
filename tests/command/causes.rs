//! The cause of a failure, as the command tells it: on each sick demo, and again out of the stored run.

use serde_json::Value;

use crate::Project;

/// Both ways to the key in one plan: the service that knows it, and the proxy that asks that service.
const BOTH_WAYS: &str = "\
plan: Both ways
secrets: {api_key: {}}
steps:
  - name: direct
    POST: ${{ env.auth_url }}/api/v1/keys/validate
    json: {api_key: \"${{ secrets.api_key }}\", service_id: \"${{ env.service_id }}\"}
    expect: {$.is_valid: true}
    on_failure: continue
  - name: proxy
    GET: ${{ env.registry_url }}/api/2.0/mlflow/experiments/search?max_results=1
    auth: {bearer: \"${{ secrets.api_key }}\"}
    on_failure: continue
  - name: proxy again
    GET: ${{ env.registry_url }}/api/2.0/mlflow/registered-models/search
    auth: {bearer: \"${{ secrets.api_key }}\"}
    on_failure: continue
";

/// The repository's environment of that name, with a run of the plan.
fn run(environment: &str) -> (Project, crate::Ran, Value) {
    let project = Project::new();
    project.write("both.yaml", BOTH_WAYS);
    for name in ["demo", environment] {
        let path = format!("environments/{name}.yaml");
        let text = std::fs::read_to_string(format!("{}/plans/{path}", env!("CARGO_MANIFEST_DIR")));
        project.write(&path, &text.expect("an environment of the repository"));
    }
    let ran = project.run(&[
        "both.yaml",
        "-e",
        environment,
        "--out",
        "stored",
        "--report",
        "json=report.json",
    ]);
    let report = serde_json::from_str(&project.read("report.json")).expect("a JSON report");
    (project, ran, report)
}

/// The rule and the confidence of what explains most.
fn leading(report: &Value) -> (String, String) {
    let cause = &report["diagnosis"]["clusters"][0]["cause"];
    let text = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    (text("rule"), text("confidence"))
}

#[test]
fn each_sick_demo_has_its_own_cause_with_evidence() {
    for (environment, rule, confidence, evidence) in [
        ("demo-broken-contract", "key/good-elsewhere", "certain", "was accepted by POST"),
        (
            "demo-broken-contract-verbose",
            "key/upstream-disagrees",
            "certain",
            "`body.api_key`: Field required",
        ),
        ("demo-wrong-service", "key/other-service", "certain", "registered for service 'platform'"),
        ("demo-misrouted", "key/misrouted", "likely", "API key required"),
    ] {
        let (_, ran, report) = run(environment);
        assert_eq!(ran.code, 1, "{environment}: {}{}", ran.out, ran.err);
        assert_eq!(
            leading(&report),
            (rule.into(), confidence.into()),
            "{environment}: {}",
            ran.out
        );
        assert!(ran.out.contains("one cause explains"), "{environment}: {}", ran.out);
        let facts = report["diagnosis"]["clusters"][0]["cause"]["facts"].to_string();
        let evidence = evidence.replace("`body.api_key`: ", "it says of `body.api_key`: ");
        assert!(facts.contains(&evidence), "{environment}: {facts}");
    }
}

#[test]
fn the_healthy_demo_has_no_cause_of_anything() {
    let (_, ran, report) = run("demo");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(report["diagnosis"]["failures"], 0);
    assert_eq!(report["diagnosis"]["clusters"], serde_json::json!([]));
    assert!(!ran.out.contains("why"), "{}", ran.out);
}

#[test]
fn the_stored_run_alone_gives_the_same_causes() {
    for environment in ["demo-broken-contract", "demo-wrong-service", "demo-misrouted"] {
        let (project, _, report) = run(environment);
        let again = project.run(&["report", "stored", "--report", "json=again.json"]);
        assert!(again.err.is_empty() || again.code < 2, "{}{}", again.out, again.err);
        let stored: Value = serde_json::from_str(&project.read("again.json")).expect("JSON");
        assert_eq!(stored["diagnosis"], report["diagnosis"], "{environment}");
        assert_eq!(stored["plans"], report["plans"], "{environment}");
    }
}

#[test]
fn a_value_that_the_server_quotes_leads_to_the_line_of_the_environment() {
    let (_, ran, _) = run("demo-wrong-service");
    let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("`service_id` of the body is `ml-platform`, given by `env.service_id`"),
        "{flat}"
    );
    assert!(flat.contains("demo-wrong-service.yaml:9:15"), "{flat}");
}

/// `plans/root-cause.yaml` of the repository, on one of its environments.
fn root_cause(environment: &str) -> (crate::Ran, Value) {
    let project = Project::new();
    let plan = format!("{}/plans/root-cause.yaml", env!("CARGO_MANIFEST_DIR"));
    let args =
        [plan.as_str(), "-e", environment, "--out", "stored", "--report", "json=report.json"];
    let ran = project.run(&args);
    let report = serde_json::from_str(&project.read("report.json")).expect("a JSON report");
    (ran, report)
}

#[test]
fn the_plan_of_root_causes_finds_the_right_one_on_each_sick_demo() {
    for (environment, rule, evidence) in [
        ("demo-broken-contract", "key/good-elsewhere", "it wants `body.api_key`"),
        ("demo-broken-contract-verbose", "key/upstream-disagrees", "Field required"),
        ("demo-wrong-service", "key/other-service", "registered for service 'platform'"),
        ("demo-misrouted", "key/misrouted", "is refused with the same words"),
    ] {
        let (ran, report) = root_cause(environment);
        assert_eq!(ran.code, 1, "{environment}: {}{}", ran.out, ran.err);
        let (found, confidence) = leading(&report);
        assert_eq!(found, rule, "{environment}: {}", ran.out);
        assert!(["certain", "likely"].contains(&&*confidence), "{environment}: {confidence}");
        let facts = report["diagnosis"]["clusters"][0]["cause"]["facts"].to_string();
        assert!(facts.contains(evidence), "{environment}: {facts}");
    }
}

#[test]
fn the_plan_of_root_causes_says_nothing_where_nothing_is_wrong() {
    for environment in ["demo", "demo-race"] {
        let (ran, report) = root_cause(environment);
        assert_eq!(ran.code, 0, "{environment}: {}{}", ran.out, ran.err);
        assert_eq!(report["diagnosis"]["clusters"], serde_json::json!([]), "{environment}");
        assert_eq!(report["diagnosis"]["backends"], serde_json::json!([]), "{environment}");
    }
}
