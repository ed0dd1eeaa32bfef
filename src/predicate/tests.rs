//! One table for each operator, each with what holds, what fails, and what cannot be judged.

mod operands;

use serde_json::Value;

use super::*;
use crate::query::Response;
use crate::yaml::testing::{render, source};

/// The predicate under the key `x` of a text.
fn parse_about(predicate: &str, about: About) -> Result<Predicate, String> {
    let source = source(&format!("x: {predicate}\n"));
    let (node, findings) = crate::yaml::read(&source);
    assert!(findings.is_empty(), "{predicate}: {findings:?}");
    let root = node.unwrap();
    let context = Context { text: &source.text, about, schemas: None };
    Predicate::parse(root.get("x").unwrap(), &context)
        .map_err(|findings| render(&source, &findings))
}

fn parse(predicate: &str) -> Predicate {
    parse_about(predicate, About::Kind(Yields::Anything)).unwrap()
}

fn judge(predicate: &str, value: &str) -> Vec<Judgement> {
    let value: Value = serde_json::from_str(value).unwrap();
    let found = Found::at(&value, String::new());
    parse(predicate).judge(&[], found).unwrap()
}

fn holds(predicate: &str, value: &str) -> bool {
    judge(predicate, value).iter().all(|judgement| judgement.passed)
}

/// Every predicate must hold of the first values and fail of the second ones.
fn check(table: &[(&str, &[&str], &[&str])]) {
    for (predicate, good, bad) in table {
        for value in *good {
            let judged = judge(predicate, value);
            assert!(judged.iter().all(|j| j.passed), "{predicate} of {value}: {judged:?}");
            assert!(judged.iter().all(|j| j.actual.is_none()), "{predicate} of {value}");
        }
        for value in *bad {
            let judged = judge(predicate, value);
            assert!(judged.iter().any(|j| !j.passed), "{predicate} of {value} holds");
        }
    }
}

/// The one judgement of a predicate that fails.
fn failure(predicate: &str, value: &str) -> Judgement {
    let mut judged = judge(predicate, value);
    judged.retain(|judgement| !judgement.passed);
    assert_eq!(judged.len(), 1, "{predicate} of {value}: {judged:?}");
    judged.remove(0)
}

fn note(predicate: &str, value: &str) -> String {
    failure(predicate, value).note.unwrap_or_default()
}

fn at(predicate: &str, value: &str) -> String {
    failure(predicate, value).pointer.unwrap_or_default()
}

fn why(predicate: &str, value: &str) -> String {
    match failure(predicate, value).actual {
        Some(Actual::Unjudgeable { why, .. }) => why,
        other => panic!("{predicate} of {value}: {other:?}"),
    }
}

fn refused(predicate: &str, about: About) -> String {
    parse_about(predicate, about).map(|_| predicate.to_owned()).unwrap_err()
}

#[test]
fn equals_and_its_opposite_judge_value_and_type() {
    check(&[
        ("1", &["1", "1.0", "10e-1"], &["\"1\"", "2", "null", "[1]", "true"]),
        ("'1'", &["\"1\""], &["1"]),
        ("null", &["null"], &["false", "\"\"", "0"]),
        ("[1, a]", &["[1.0,\"a\"]"], &["[\"a\",1]", "[1]", "{}"]),
        ("18446744073709551616", &["18446744073709551616"], &["18446744073709551617"]),
        ("{equals: {a: 1}}", &["{\"a\":1}"], &["{\"a\":1,\"b\":2}", "{\"a\":2}", "{}"]),
        ("{not_equals: 1}", &["2", "\"1\"", "null", "[]"], &["1", "1.0"]),
    ]);
    assert_eq!(note("1", "\"1\""), "`1` is a number, `\"1\"` is a text");
    assert_eq!(
        note("{equals: {a: {b: 1}}}", "{\"a\":{\"b\":2}}"),
        "the first difference is at `/a/b`"
    );
    assert_eq!(at("{equals: {a: {b: 1}}}", "{\"a\":{\"b\":2}}"), "/a/b");
    assert_eq!(note("[1, 2]", "[1]"), "2 items expected, 1 there");
}

#[test]
fn order_compares_numbers_exactly() {
    check(&[
        ("{gt: 0}", &["1", "1e-400", "0.1"], &["0", "-1", "\"1\"", "null"]),
        ("{gte: 0.5000000000000000000001}", &["0.5000000000000000000001", "1"], &["0.5"]),
        ("{lt: 9007199254740993}", &["9007199254740992"], &["9007199254740993", "\"0\""]),
        ("{lte: 2}", &["2", "2.0", "-3"], &["2.1", "[1]"]),
        ("{close_to: {value: 1.0, within: 0.1}}", &["1.1", "0.9", "1"], &["1.11", "\"1\""]),
        ("{close_to: {value: 1e30, within: 0}}", &["1e30"], &["1.1e30"]),
    ]);
    assert_eq!(why("{gt: 0}", "\"1\""), "`gt` compares numbers, this is a text");
}

#[test]
fn membership_judges_any_present_value() {
    check(&[
        ("{in: [1, a]}", &["1.0", "\"a\""], &["\"1\"", "2", "[1]"]),
        ("{not_in: [1, a]}", &["\"1\"", "null", "[1]"], &["1", "\"a\""]),
    ]);
    assert_eq!(note("{in: [1, 2]}", "\"1\""), "`1` is a number, `\"1\"` is a text");
}

#[test]
fn contains_looks_in_texts_and_lists() {
    check(&[
        (
            "{contains: b}",
            &["\"abc\"", "[\"a\",\"b\"]"],
            &["\"xyz\"", "[\"ab\"]", "{\"b\":1}", "1"],
        ),
        ("{contains: {a: 1}}", &["[{\"a\":1.0}]"], &["[{\"a\":1,\"b\":2}]", "{\"a\":1}"]),
        ("{not_contains: b}", &["\"xyz\"", "[\"ab\"]"], &["\"abc\"", "[\"b\"]", "1", "null"]),
    ]);
    assert_eq!(
        why("{contains: 1}", "\"1\""),
        "`contains` of a number looks in a list, this is a text"
    );
    assert_eq!(
        why("{not_contains: a}", "{}"),
        "`not_contains` looks in a text or a list, this is an object"
    );
}

#[test]
fn texts_begin_end_and_match() {
    check(&[
        ("{starts_with: ab}", &["\"abc\""], &["\"cab\"", "1", "[\"ab\"]"]),
        ("{ends_with: bc}", &["\"abc\""], &["\"bcd\"", "null"]),
        ("{matches: 'b\\d'}", &["\"ab1c\""], &["\"abc\"", "1"]),
        ("{matches: '^b$'}", &["\"b\""], &["\"ab\""]),
    ]);
    assert_eq!(why("{matches: a}", "1"), "`matches` judges texts, this is a number");
}

#[test]
fn formats_follow_their_standards() {
    check(&[
        (
            "{format: uuid}",
            &["\"0192d3b4-5f6a-7c1b-9d2e-3f4a5b6c7d8e\""],
            &["\"0192d3b45f6a7c1b9d2e3f4a5b6c7d8e\"", "\"x\"", "1"],
        ),
        ("{format: email}", &["\"a.b+c@example.com\""], &["\"a@\"", "\"a b@c.d\"", "\"a..b@c.d\""]),
        ("{format: uri}", &["\"https://a.b/c?d\"", "\"urn:a:b\""], &["\"/a\"", "\"http://a b\""]),
        (
            "{format: date}",
            &["\"2024-02-29\""],
            &["\"2023-02-29\"", "\"24-02-29\"", "\"20240229\""],
        ),
        (
            "{format: date-time}",
            &["\"2024-02-29T12:00:00Z\"", "\"2024-02-29T12:00:00.123+02:00\""],
            &[
                "\"2024-02-29T12:00:00\"",
                "\"2024-02-29\"",
                "\"2024-02-29T25:00:00Z\"",
                "\"2024-02-29T12:00:00.Z\"",
            ],
        ),
        ("{format: ipv4}", &["\"127.0.0.1\""], &["\"127.0.0.01\"", "\"256.0.0.1\"", "\"::1\""]),
        ("{format: ipv6}", &["\"::1\""], &["\"127.0.0.1\"", "\"::g\""]),
        (
            "{format: jwt}",
            &["\"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln\""],
            &["\"a.b.c\"", "\"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0\""],
        ),
    ]);
}

#[test]
fn times_are_before_and_after() {
    check(&[
        (
            "{before: '2024-01-01T00:00:00Z'}",
            &["\"2023-12-31T23:59:59Z\"", "\"2024-01-01T00:30:00+01:00\"", "\"2023-12-31\""],
            &["\"2024-01-01T00:00:00Z\"", "\"tomorrow\"", "1"],
        ),
        (
            "{after: 2024-01-01}",
            &["\"2024-01-01T00:00:01Z\"", "\"Tue, 02 Jan 2024 00:00:00 GMT\""],
            &["\"2023-01-01\"", "\"2024-01-01\""],
        ),
    ]);
    let said = why("{before: 2024-01-01}", "\"soon\"");
    assert_eq!(said, "`before` judges times by RFC 3339, this is a text");
}

#[test]
fn length_and_empty_count_characters_items_and_fields() {
    check(&[
        ("{length: 2}", &["\"äö\"", "[1,2]", "{\"a\":1,\"b\":2}"], &["\"a\"", "[]", "2", "null"]),
        ("{length: {gte: 1, lt: 3}}", &["[1]", "\"ab\""], &["[]", "[1,2,3]"]),
        ("{empty: true}", &["\"\"", "[]", "{}"], &["\"a\"", "[0]", "null", "0", "false"]),
        ("{empty: false}", &["\"a\"", "[0]"], &["\"\"", "{}", "1"]),
    ]);
    assert_eq!(note("{length: 2}", "[1]"), "its length is 1");
    assert_eq!(
        why("{empty: true}", "null"),
        "`empty` judges texts, lists and objects, this is null"
    );
}

#[test]
fn types_have_the_names_of_json_schema() {
    check(&[
        ("{type: integer}", &["1", "1.0", "1e2"], &["1.5", "\"1\"", "null"]),
        ("{type: number}", &["1", "1.5"], &["\"1\"", "true"]),
        ("{type: [string, 'null']}", &["\"a\"", "null"], &["1", "[]"]),
        ("{type: object}", &["{}"], &["[]"]),
        ("{type: array}", &["[]"], &["{}"]),
        ("{type: boolean}", &["false"], &["0", "\"false\""]),
    ]);
    assert_eq!(note("{type: string}", "1"), "it is of type integer");
}

#[test]
fn partial_looks_at_the_fields_that_count() {
    check(&[
        (
            "{partial: {a: 1, b: {c: 2}}}",
            &["{\"a\":1.0,\"b\":{\"c\":2,\"d\":3},\"e\":4}"],
            &["{\"a\":1}", "{\"a\":1,\"b\":{\"c\":3}}", "[]", "null"],
        ),
        ("{partial: [{a: 1}]}", &["[{\"a\":1,\"b\":2}]"], &["[{\"a\":1},{\"a\":1}]", "[]", "{}"]),
    ]);
    assert_eq!(at("{partial: {b: {c: 2}}}", "{\"b\":{\"c\":3}}"), "/b/c");
    assert_eq!(note("{partial: {b: {c: 2}}}", "{\"b\":{}}"), "at `/b`: the field `c` is missing");
}

#[test]
fn unordered_names_the_missing_and_the_extra() {
    check(&[(
        "{unordered: [1, 2, 2]}",
        &["[2,1,2.0]"],
        &["[1,2]", "[1,1,2]", "[1,2,2,2]", "1", "{}"],
    )]);
    assert_eq!(note("{unordered: [1, 2]}", "[2, 3]"), "missing: `1`; extra: `3`");
}

#[test]
fn each_some_and_none_go_through_the_items() {
    check(&[
        ("{each: {gt: 0}}", &["[1,2]"], &["[1,0]", "[]", "[\"a\"]", "1", "{}"]),
        ("{each: 1}", &["[1,1.0]"], &["[1,2]"]),
        ("{some: {gt: 0}}", &["[0,1]", "[\"a\",1]"], &["[0]", "[]", "null"]),
        ("{none: {gt: 0}}", &["[0]", "[]"], &["[0,1]", "[\"a\"]", "1"]),
        ("{not: {some: 1}}", &["[2]"], &["[1]", "[]"]),
    ]);
    let value = "[{\"sku\":\"A\"},{\"sku\":\"b\"},{\"sku\":\"c\"}]";
    let predicate = "{each: {partial: {sku: A}}}";
    assert_eq!(at(predicate, value), "/1/sku");
    assert_eq!(
        note(predicate, value),
        "item 2 of 3, the first of 2 that fail: the first difference is at `/sku`"
    );
    assert_eq!(note("{each: 1}", "[]"), "the list is empty, and `each` needs an item");
    assert_eq!(note("{some: 1}", "[]"), "the list is empty, and `some` needs an item");
    assert_eq!(note("{some: 1}", "[2, 3]"), "it holds for none of 2 items");
    assert_eq!(note("{none: 1}", "[2, 1]"), "it holds for item 2 of 2");
    assert_eq!(at("{none: 1}", "[2, 1]"), "/1");
    let blamed = failure("{each: {gt: 0, lt: 5}}", "[1, 9]");
    assert_eq!(blamed.actual, Some(Actual::Value(9.into())));
    assert_eq!(blamed.note.as_deref(), Some("item 2 of 2: `lt` does not hold"));
}

#[test]
fn logic_is_strict_about_what_cannot_be_judged() {
    check(&[
        ("{not: {gt: 5}}", &["5", "1"], &["6", "\"a\"", "null"]),
        ("{not: 5}", &["6", "\"5\"", "null"], &["5.0"]),
        ("{all_of: [{gt: 0}, {lt: 9}]}", &["5"], &["0", "9", "\"5\""]),
        ("{any_of: [{lt: 0}, {gt: 9}]}", &["-1", "10"], &["5", "\"a\""]),
        ("{any_of: [{gt: 9}, {equals: a}]}", &["\"a\"", "10"], &["\"b\"", "5"]),
        ("{not: {any_of: [{gt: 9}, {equals: a}]}}", &["5"], &["\"b\"", "\"a\"", "10"]),
        ("{not: {all_of: [{gt: 0}, {contains: a}]}}", &[], &["5", "\"a\""]),
        ("{gt: 0, lt: 9}", &["5"], &["0", "9"]),
    ]);
    assert_eq!(why("{not: {gt: 5}}", "\"a\""), "`gt` compares numbers, this is a text");
    assert_eq!(note("{any_of: [1, 2]}", "3"), "none of the 2 holds");
    assert_eq!(note("{all_of: [{gt: 0}, {lt: 9}]}", "9"), "number 2 of 2 does not hold");
    assert_eq!(judge("{gt: 5, in: [9]}", "3").iter().filter(|j| !j.passed).count(), 2);
}

#[test]
fn only_absent_holds_of_what_is_not_there() {
    let body = serde_json::json!({"user": {"name": "Ada", "gone": null}});
    let path = Subject::parse(None, "$.user.nme").unwrap();
    let found = || path.path().unwrap().find(&body);
    let passed = |predicate: &str| {
        parse(predicate).judge(&[], found()).unwrap().iter().all(|judgement| judgement.passed)
    };
    for predicate in [
        "{absent: true}",
        "{present: false}",
        "{not: {present: true}}",
        "{any_of: [{absent: true}, {equals: 1}]}",
    ] {
        assert!(passed(predicate), "{predicate}");
    }
    for predicate in [
        "null",
        "{not_equals: 1}",
        "{not_in: [1]}",
        "{not: {equals: 1}}",
        "{present: true}",
        "{absent: false}",
        "{none: 1}",
        "{empty: true}",
        "{not_contains: a}",
        "{type: 'null'}",
    ] {
        assert!(!passed(predicate), "{predicate}");
    }
    assert!(!holds("{absent: true}", "null"));
    assert!(holds("{present: true}", "null"));
    let judged = parse("Ada").judge(&[], found()).unwrap();
    let judgement = judged.first().unwrap();
    assert_eq!(
        judgement.actual,
        Some(Actual::Missing {
            reached: "$.user".to_owned(),
            there: vec!["name".to_owned(), "gone".to_owned()],
            nearest: Some("name".to_owned()),
        })
    );
    assert_eq!(judgement.pointer.as_deref(), Some("/user"));
}

#[test]
fn the_results_of_a_path_are_a_list_that_is_always_there() {
    let body: Value =
        serde_json::from_str(r#"{"items":[{"sku":"A"},{"sku":"b"}],"none":[]}"#).unwrap();
    let judged = |path: &str, predicate: &str| {
        let subject = Subject::parse(None, path).unwrap();
        let found = subject.path().unwrap().find(&body);
        let mut judged =
            parse_about(predicate, About::ManyResults).unwrap().judge(&[], found).unwrap();
        judged.remove(0)
    };
    for predicate in [
        "{length: 2}",
        "{contains: A}",
        "[A, b]",
        "{unordered: [b, A]}",
        "{some: b}",
        "{each: {type: string}}",
        "{present: true}",
        "{type: array}",
        "{none: c}",
        "{not_equals: [A]}",
        "{empty: false}",
        "{partial: [A, b]}",
        "{in: [[A, b]]}",
    ] {
        assert!(judged("$.items[*].sku", predicate).passed, "{predicate}");
    }
    let failed = judged("$.items[*].sku", "{each: {matches: '^[A-Z]$'}}");
    assert_eq!(failed.pointer.as_deref(), Some("/items/1/sku"));
    assert_eq!(failed.note.as_deref(), Some("item 2 of 2"));
    assert_eq!(judged("$.items[*].sku", "[A, c]").pointer.as_deref(), Some("/items/1/sku"));
    assert!(judged("$.none[*]", "{empty: true}").passed);
    assert!(judged("$.none[*]", "{present: true}").passed);
    assert!(!judged("$.none[*]", "{each: 1}").passed);
}

#[test]
fn a_body_that_is_not_json_fails_every_operator_and_says_what_it_is() {
    let response = Response {
        headers: vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())],
        body: "<html><title>Sign in</title>".into(),
        ..Response::default()
    };
    let subject = Subject::parse(None, "$.id").unwrap();
    for predicate in ["1", "{absent: true}", "{not: {present: true}}", "{not_equals: 1}"] {
        let judged = parse(predicate).judge(&[], subject.read(&response)).unwrap();
        let judgement = judged.first().unwrap();
        assert!(!judgement.passed, "{predicate}");
        let html = Actual::NotJson("text/html: <title>Sign in".to_owned());
        assert_eq!(judgement.actual, Some(html), "{predicate}");
    }
}

#[test]
fn statuses_take_classes_lists_and_operators() {
    let accepts = |predicate: &str, status: u16| {
        parse_about(predicate, About::Status).unwrap().accepts_status(status).unwrap()
    };
    let table: [(&str, &[u16], &[u16]); 9] = [
        ("200", &[200], &[201]),
        ("2xx", &[200, 299], &[300, 199]),
        ("[200, 4xx]", &[200, 404], &[201, 500]),
        ("{not: 5xx}", &[200, 404], &[500]),
        ("any", &[200, 599], &[]),
        ("{gte: 200, lt: 400}", &[200, 302], &[404, 100]),
        ("{in: [2xx, 404]}", &[204, 404], &[400]),
        ("{not_in: [2xx, 404]}", &[400], &[204, 404]),
        ("{not_equals: 2xx}", &[400], &[204]),
    ];
    for (predicate, good, bad) in table {
        assert!(good.iter().all(|status| accepts(predicate, *status)), "{predicate}");
        assert!(!bad.iter().any(|status| accepts(predicate, *status)), "{predicate}");
    }
    for (predicate, help) in
        [("20x", "`2xx`"), ("600", "`2xx`"), ("'200'", "without quotes"), ("[]", "any")]
    {
        let said = refused(predicate, About::Status);
        assert!(said.contains("plan::bad-status") && said.contains(help), "{said}");
    }
}

#[test]
fn sizes_compare_with_units() {
    let passed = |predicate: &str, bytes: u64| {
        let found = Found::made(Value::from(bytes));
        let predicate = parse_about(predicate, About::Size).unwrap();
        predicate.judge(&[], found).unwrap().iter().all(|judgement| judgement.passed)
    };
    assert!(passed("{lt: 1MiB}", 1_048_575));
    assert!(!passed("{lt: 1MiB}", 1_048_576));
    assert!(passed("12", 12) && passed("12B", 12) && passed("{in: [1kB, 2kB]}", 2000));
    assert!(refused("{lt: 1 parsec}", About::Size).contains("plan::bad-size"));
}

#[test]
fn the_first_bytes_are_judged_without_writing_out_the_rest() {
    let body = [vec![0xff, 0xd8, 0xff, 0xe0], vec![0; 1000]].concat();
    let passed = |predicate: &str| {
        let judged = parse(predicate).judge(&[], Found::Bytes(&body)).unwrap();
        judged.iter().all(|judgement| judgement.passed)
    };
    assert!(passed("{starts_with: ffd8ffe0}") && !passed("{starts_with: ffd9}"));
    assert!(passed("{starts_with: ffd}") && passed("{ends_with: '000'}"));
    assert!(!passed("{ends_with: '01'}") && !passed("ffd8ffe0") && passed("{length: 2008}"));
    assert!(passed("{not_equals: ffd8}"));
}
