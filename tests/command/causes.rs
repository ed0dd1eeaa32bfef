//! The cause of a failure, as the command tells it: on each sick demo, and again out of the stored run.

use serde_json::Value;

use crate::Project;
use crate::doctor::Server;

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
    for name in ["demo", "demo-tapped", environment] {
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
        ("demo-broken-contract", "hop/broken-contract", "wants a credential in the body field"),
        ("demo-broken-contract-verbose", "hop/broken-contract", "422"),
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
    for environment in ["demo", "demo-tapped", "demo-race"] {
        let (ran, report) = root_cause(environment);
        assert_eq!(ran.code, 0, "{environment}: {}{}", ran.out, ran.err);
        assert_eq!(report["diagnosis"]["clusters"], serde_json::json!([]), "{environment}");
        assert_eq!(report["diagnosis"]["backends"], serde_json::json!([]), "{environment}");
    }
}

/// A run of steps against a server that answers everything so; its output and its report.
fn answered(answer: &'static str, steps: &str, key: &str) -> (crate::Ran, Value) {
    let server = Server::start(answer);
    let project = Project::new();
    let plan = format!("plan: P\nsecrets: {{api_key: {{}}}}\ninputs: [url]\nsteps:\n{steps}");
    project.write("p.yaml", &plan);
    let url = format!("url=http://{}", server.address);
    let args = ["p.yaml", "--var", &url, "--out", "stored", "--report", "json=report.json"];
    let ran = project.run_with(&args, &[("API_KEY", key)]);
    let stored = project.read("stored/events.jsonl");
    let report = project.read("report.json");
    for text in [&ran.out, &ran.err, &stored, &report] {
        assert!(!text.contains(key.trim()), "{text}");
    }
    (ran, serde_json::from_str(&report).expect("a JSON report"))
}

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"detail\":\"no\"}";

const ASK: &str = "  - {POST: \"${{ url }}/x\", json: {key: \"${{ secrets.api_key }}\"}}\n";

#[test]
fn a_field_that_the_server_names_leads_to_its_line() {
    const BODY: &str = "HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: application/json\r\ncontent-length: 64\r\nconnection: close\r\n\r\n{\"detail\":[{\"loc\":[\"body\",\"tags\",1,\"key\"],\"msg\":\"is too long\"}]}\n";
    let steps =
        "  - POST: ${{ url }}/x\n    json:\n      tags:\n        - {key: a}\n        - {key: b}\n";
    let (ran, report) = answered(BODY, steps, "hk_live_0123456789");
    let facts = report["diagnosis"]["clusters"][0]["cause"]["facts"].to_string();
    assert!(facts.contains("`body.tags.1.key`: is too long (p.yaml:9:12)"), "{facts}{}", ran.out);
}

/// A token that ends at this second.
fn token(exp: u64) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.c2lnbmF0dXJl",
        encode("{\"alg\":\"HS256\"}"),
        encode(&format!("{{\"exp\":{exp}}}"))
    )
}

#[test]
fn a_token_that_had_ended_is_the_cause_and_one_that_goes_on_is_not() {
    let rule = |exp| {
        let (_, report) = answered(REFUSED, ASK, &token(exp));
        leading(&report).0
    };
    assert_eq!(rule(1_000_000_000), "key/expired");
    assert_ne!(rule(33_000_000_000), "key/expired");
}

#[test]
fn white_space_at_the_edge_of_a_key_is_seen_though_the_key_is_not() {
    let rule = |key| leading(&answered(REFUSED, ASK, key).1).0;
    assert_eq!(rule("hk_live_0123456789 "), "key/white-space");
    assert_ne!(rule("hk_live_0123456789"), "key/white-space");
}

#[test]
fn what_a_cause_needs_is_not_told_of_a_step_that_passed() {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (ran, report) = answered(OK, ASK, "hk_live_0123456789");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!report.to_string().contains("sent_from"), "{report}");
    let (_, report) = answered(REFUSED, ASK, "hk_live_0123456789");
    assert!(report.to_string().contains("sent_from"), "{report}");
}

#[test]
fn the_name_of_a_matrix_that_decides_is_told_at_the_end() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P\nsecrets: {api_key: {}}\nsteps:\n  - name: ask\n    id: ask\n    matrix:\n      \
         service: [platform, \"${{ omit }}\"]\n      place: {body: {key: \"${{ secrets.api_key }}\"}, nowhere: {}, \
         elsewhere: {}}\n    POST: ${{ env.auth_url }}/api/v1/keys/validate\n    json:\n      \
         api_key: ${{ case.place.key | default(omit) }}\n      service_id: ${{ case.service }}\n    expect: {status: 200}\n",
    );
    let path = "environments/demo.yaml";
    let text = std::fs::read_to_string(format!("{}/plans/{path}", env!("CARGO_MANIFEST_DIR")));
    project.write(path, &text.expect("the environment of the repository"));
    let ran = project.run(&["p.yaml", "-e", "demo"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let flat = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "in `ask`, `place` decides: body passes; nowhere, elsewhere fail";
    assert!(flat.contains(said), "{}", ran.out);
}
