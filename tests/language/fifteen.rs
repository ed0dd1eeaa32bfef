//! One plan with fifteen different mistakes gets fifteen findings in one run.

use crate::bench::Bench;
use crate::scripted::Scripted;

const PLAN: &str = include_str!("../data/fifteen.yaml");

/// Each mistake: its line, its code, and a part of what is to be typed instead.
const MISTAKES: [(u64, &str, &str); 15] = [
    (4, "yaml::trap", "write `${{ user_path }}`"),
    (6, "plan::ttfb", "wait"),
    (11, "plan::undefined-name", "`model_name`"),
    (12, "plan::unknown-function", "`uuid`"),
    (13, "plan::bad-template", ""),
    (15, "plan::unknown-key", "`expect`"),
    (16, "plan::bad-duration", "30s"),
    (17, "yaml::tag", "not created"),
    (21, "yaml::duplicate-key", ""),
    (22, "plan::bad-jsonpath", ""),
    (23, "plan::unknown-operator", "`matches`"),
    (24, "plan::bad-regex", ""),
    (25, "plan::empty-value", "null"),
    (26, "plan::unknown-step", "`create`"),
    (28, "plan::wrong-type", "3"),
];

#[test]
fn fifteen_mistakes_are_fifteen_findings_in_one_run() {
    let server = Scripted::ok();
    let bench = Bench::plan(&PLAN.replace("BASE", &server.url()));
    let ran = bench.run().exits(3).says("15 errors");
    let findings = ran.report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), MISTAKES.len(), "{}", ran.said);
    for (finding, (line, code, help)) in findings.iter().zip(MISTAKES) {
        assert_eq!(finding["code"], code, "{}", ran.said);
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["labels"][0]["at"]["line"], line, "{finding}");
        let advice = finding["help"].to_string();
        assert!(advice.len() > 4 && advice.contains(help), "{finding}");
    }
    let checked = bench.check().exits(3);
    assert_eq!(checked.said.matches("error[").count(), MISTAKES.len(), "{}", checked.said);
    assert!(server.targets().is_empty());
}

#[test]
fn the_same_plan_put_right_runs() {
    let server = Scripted::start(|_, _| {
        crate::scripted::Reply::json(200, r#"{"items": [1], "id": "abc", "name": "a"}"#)
    });
    let mut plan = PLAN.replace("BASE", &server.url());
    for (wrong, right) in [
        ("{{ user_path }}", "/tmp"),
        ("{ttfb: 300ms}", "30s"),
        ("modle_name", "model_name"),
        ("uuidd()", "uuid()"),
        ("1 + }}", "1 + 1 }}"),
        ("expct: {status: 201}", "expect: {status: 200}"),
        ("30 secs", "30s"),
        ("!created", "steps.create.sent"),
        ("      status: 201\n", ""),
        ("$.items[: 1", "'$.items[0]': 1"),
        ("mathces", "matches"),
        ("'([a-z'", "'[a-z]'"),
        ("$.deleted_at:", "$.deleted_at: {absent: true}"),
        ("craete", "create"),
        ("three", "3"),
    ] {
        assert!(plan.contains(wrong), "{wrong}");
        plan = plan.replacen(wrong, right, 1);
    }
    Bench::plan(&plan).run().exits(0);
    assert_eq!(server.targets().len(), 3);
}
