//! Hints: what a team knows of a failure stands beside what planrun can tell itself.

use serde_json::{Value, json};

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

/// A server that refuses every key.
fn refusing() -> Scripted {
    Scripted::start(|_, _| {
        Reply::json(401, "{\"detail\": \"not registered for service x\", \"code\": 7}")
    })
}

fn plan(server: &Scripted, hints: &str, steps: &str) -> String {
    format!(
        "plan: P\non_failure: continue\nvars: {{who: Ada}}\ndefaults: {{base_url: {}}}\nhints: {hints}\nsteps:\n{steps}",
        server.url()
    )
}

/// The causes of a step that are hints.
fn hints(ran: &Ran, step: usize) -> Vec<&Value> {
    let causes = ran.step(step)["causes"].as_array().expect("causes");
    causes.iter().filter(|cause| cause["confidence"] == "hint").collect()
}

const FITS: &str = "{when: {status: 401, $.detail: {contains: registered for service}}, \
                    cause: \"The key of ${{ who }} belongs to another service\", next: Ask the auth team}";

#[test]
fn a_hint_that_fits_a_failing_step_is_shown_before_what_planrun_can_tell() {
    let server = refusing();
    let ran = Bench::plan(&plan(&server, &format!("[{FITS}]"), "  - GET: /a\n")).run().exits(1);
    let found = hints(&ran, 0);
    assert_eq!(found.len(), 1);
    let expected = json!({
        "rule": "hint",
        "confidence": "hint",
        "text": "The key of Ada belongs to another service",
        "about": "The key of Ada belongs to another service",
        "facts": ["status is 401", "$.detail contains \"registered for service\""],
        "against": [],
        "next": "Ask the auth team",
        "owner": null,
        "at": {"path": "plan.yaml", "line": 5, "column": 10},
    });
    assert_eq!(found[0], &expected);
    assert_eq!(ran.step(0)["causes"].as_array().map(Vec::len), Some(2));
    let hint = ran.said.find("The key of Ada belongs").expect("the hint");
    let built_in = ran.said.find("carried no credential").expect("what planrun says");
    assert!(hint < built_in, "{}", ran.said);
    let ran = ran.says("plan.yaml:5:10");
    assert!(ran.said.contains("next   Ask the auth team"), "{}", ran.said);
}

#[test]
fn a_hint_is_silent_where_the_step_passes_or_the_response_is_another() {
    let server = refusing();
    let shown = |hint: &str, step: &str| {
        let text = plan(&server, &format!("[{hint}]"), &format!("  - {step}\n"));
        hints(&Bench::plan(&text).run(), 0).len()
    };
    let step = "GET: /a";
    assert_eq!(shown(FITS, step), 1);
    assert_eq!(shown(FITS, "{GET: /a, expect: {status: 401, $.code: 7}}"), 0);
    for (when, count) in [
        ("{status: [401, 403]}", 1),
        ("{status: 403}", 0),
        ("{status: 401, $.detail: other}", 0),
        ("{$.code: {gt: 6}, headers: {Content-Type: {contains: json}}}", 1),
        ("{$.nowhere: {absent: true}}", 1),
        ("{values: {code: 7}}", 1),
        ("{values: {later: 7}}", 0),
        ("{$.detail: {contains: \"${{ who }}\"}}", 0),
    ] {
        let step = "{GET: /a, capture: {code: $.code}}\n  - {GET: /b, capture: {later: $.code}}";
        assert_eq!(shown(&format!("{{when: {when}, cause: c}}"), step), count, "{when}");
    }
    // What only a budget failed has its hint too, and nothing that never got an answer.
    let slow = "{GET: /a, expect: {status: 401, $.code: 7}, budget: 1ns}";
    assert_eq!(shown(FITS, slow), 1);
    assert_eq!(shown(FITS, "{GET: \"http://127.0.0.1:1/\"}"), 0);
}

#[test]
fn of_many_samples_any_failing_one_has_its_hint() {
    let server = Scripted::start(|_, number| {
        Reply::json(if number == 1 { 401 } else { 200 }, "{\"detail\": \"registered for service\"}")
    });
    let steps = "  - {GET: /a, repeat: 4}\n";
    let ran = Bench::plan(&plan(&server, &format!("[{FITS}]"), steps)).run().exits(1);
    assert_eq!(hints(&ran, 0).len(), 1, "{}", ran.said);
}

#[test]
fn plans_and_projects_share_hints_in_a_file() {
    let server = refusing();
    let file = format!("hints:\n  - {FITS}\n  - when: {{status: 401}}\n    cause: From the file\n");
    let own = "[{when: {status: 4xx}, cause: From the plan}]";
    let steps = "  - GET: /a\n";
    let causes = |ran: &Ran| -> Vec<String> {
        let found = hints(ran, 0);
        found.iter().map(|hint| hint["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let shared = Bench::plan(&plan(&server, "{file: shared/hints.yaml}", steps))
        .file("shared/hints.yaml", &file)
        .run()
        .exits(1);
    let both = ["The key of Ada belongs to another service", "From the file"];
    assert_eq!(causes(&shared), both);
    assert_eq!(hints(&shared, 0)[1]["at"]["path"], "shared/hints.yaml");
    assert_eq!(hints(&shared, 0)[1]["next"], Value::Null);
    let of_project = Bench::plan(&plan(&server, own, steps))
        .file("shared/hints.yaml", &file)
        .file("planrun.yaml", "project: Test\nhints: {file: shared/hints.yaml}\n")
        .run()
        .exits(1);
    assert_eq!(causes(&of_project), ["From the plan", both[0], both[1]]);
}

#[test]
fn a_hint_that_could_never_be_shown_is_a_finding() {
    let server = refusing();
    let finds = |hints: &str, says: &[&str]| {
        let bench = Bench::plan(&plan(&server, hints, "  - GET: /a\n"))
            .file("bad.yaml", "hints:\n  - {when: {stauts: 1}, cause: a}\n")
            .file("none.yaml", "hints: []\n");
        let ran = says.iter().fold(bench.check().exits(3), |ran, words| ran.says(words));
        assert_eq!(ran.said.matches("error[").count(), 1, "{}", ran.said);
    };
    finds(
        "[{when: {status: {gt: 599}}, cause: a}]",
        &["plan::impossible-assertion", "the hint is never shown", "plan.yaml:5:25"],
    );
    finds("[{when: {$.a: {gt: x}}, cause: a}]", &["plan::impossible-assertion"]);
    finds("[{when: {'$.a[': 1}, cause: a}]", &["plan::bad-jsonpath"]);
    finds("[{when: {status: 401}, cause: '${{ whom }}'}]", &["did you mean `who`?"]);
    finds("[{when: {status: 401}, cuase: a, next: b}]", &["did you mean `cause`?"]);
    finds("{file: nowhere.yaml}", &["plan::missing-file", "nowhere.yaml", "plan.yaml:5:15"]);
    finds("{file: ../../etc/passwd}", &["plan.yaml:5:15"]);
    finds("{file: bad.yaml}", &["bad.yaml:2:13", "did you mean `status`?"]);
    let empty = plan(&server, "{file: none.yaml}", "  - GET: /a\n");
    Bench::plan(&empty).file("none.yaml", "hints: []\n").check().exits(0).says("holds no hint");
    assert!(server.targets().is_empty());
}

#[test]
fn a_secret_in_a_hint_is_masked() {
    let server = refusing();
    let hints = "[{when: {status: 401}, cause: 'The key ${{ secrets.api_key }} is old', next: 'Renew ${{ secrets.api_key }}'}]";
    let step = "  - {GET: /a, auth: {bearer: \"${{ secrets.api_key }}\"}}\n";
    let text = plan(&server, hints, step).replace("vars:", "secrets: {api_key: {}}\nvars:");
    let text = text.replace("vars: {who: Ada}\n", "");
    let ran = Bench::plan(&text).variable("API_KEY", "very-secret-value").run().exits(1);
    assert_eq!(hints_text(&ran), "The key «secret:api_key» is old");
    assert!(!ran.said.contains("very-secret") && !ran.report.to_string().contains("very-secret"));
}

fn hints_text(ran: &Ran) -> &str {
    hints(ran, 0)[0]["text"].as_str().unwrap_or_default()
}
