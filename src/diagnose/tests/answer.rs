//! Rules about answers whose status is a good one.

use super::scene::*;
use super::*;

pub(super) fn rows() -> Vec<Row> {
    let good = |body: Value| answered(200, &body);
    let text = |text: &str| answered(200, &json!({})).body(text);
    let state = |over| {
        good(json!({"state": "WAITS"}))
            .but("$.state", ("equals", json!("READY")), Actual::Value(json!("WAITS")))
            .polled(over)
    };
    let (gave_up, too_late) = ("gave up: `give_up` describes the response", "gave up within 10 s");
    let not_json = |what: &str| Actual::NotJson(what.into());
    let wants = ("equals", json!("apple"));
    vec![
        (
            "answer/empty",
            "200 without a body, where a path is looked for",
            "200 without a body, where only its size is asked",
            text("").but("$.name", wants.clone(), not_json("empty")),
            text("").but("size", ("equals", json!(12)), Actual::Value(json!(0))),
        ),
        (
            "answer/cut-off",
            "200, `{\"name\": \"app`",
            "200, JSON that is broken in its middle",
            text(r#"{"name": "app"#).but("$.name", wants.clone(), not_json("broken")),
            text(r#"{"name" "app"}"#).but("$.name", wants.clone(), not_json("broken")),
        ),
        (
            "answer/error-inside",
            "200, `{\"error\": {\"message\": …}}`",
            "200, `{\"error\": null}`",
            good(json!({"error": {"message": "no"}})).lacks("$.name", "$", &["error"]),
            good(json!({"error": null})).lacks("$.name", "$", &["error"]),
        ),
        (
            "answer/moved",
            "`$.name` stands at `$.data.name`",
            "`$.name` stands nowhere",
            good(json!({"data": {"name": "apple"}})).lacks("$.name", "$", &["data"]),
            good(json!({"data": ["name"]})).lacks("$.name", "$", &["data"]),
        ),
        (
            "answer/renamed",
            "`itemName` for `item_name`",
            "`item` for `item_name`",
            good(json!({"itemName": "apple"})).lacks("$.item_name", "$", &["itemName"]),
            good(json!({"item": "apple"})).lacks("$.item_name", "$", &["item"]),
        ),
        (
            "answer/missing",
            "the object has no `name`",
            "the list has no first item",
            good(json!({"a": 1})).lacks("$.name", "$", &["a"]),
            good(json!({"items": []})).lacks("$.items[0]", "$.items", &["length 0"]),
        ),
        (
            "answer/other-type",
            "7 where a text is expected",
            "another text",
            good(json!({"name": 7})).but("$.name", wants.clone(), Actual::Value(json!(7))),
            good(json!({"name": "x"})).but("$.name", wants, Actual::Value(json!("x"))),
        ),
        (
            "state/gave-up",
            "a poll that `give_up` ended",
            "a poll whose time was over",
            state(gave_up),
            state(too_late),
        ),
        (
            "state/unchanged",
            "a poll whose time was over",
            "a poll that `give_up` ended",
            state(too_late),
            state(gave_up),
        ),
        (
            "time/phase",
            "1.3 s of 1.4 s were waiting, the budget is 1 s",
            "0.6 s of 1.4 s were waiting",
            good(json!({})).over_budget(1_400, (Phase::Wait, 1_300)),
            good(json!({})).over_budget(1_400, (Phase::Wait, 600)),
        ),
    ]
}
