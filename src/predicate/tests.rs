//! One table for each operator, each with what holds, what fails, and what cannot be judged.

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

#[test]
fn what_can_never_hold_is_found_before_the_first_request() {
    let any = About::Kind(Yields::Anything);
    let text = About::Kind(Yields::Text);
    let table = [
        ("{greater_than: 0}", any, "plan::unknown-operator", "did you mean `gt`?"),
        ("{contians: a}", any, "plan::unknown-operator", "did you mean `contains`?"),
        ("{name: Ada}", any, "plan::unknown-operator", "`{partial: {…}}`"),
        ("{gt: abc}", any, "1:9 [abc] plan::impossible-assertion", "without quotes"),
        ("{gt: '2024-01-01'}", any, "plan::impossible-assertion", "write `after`"),
        ("{gt: }", any, "plan::empty-value", "write a value"),
        ("", any, "plan::empty-value", "{absent: true}"),
        ("{}", any, "plan::missing-key", "{present: true}"),
        ("{close_to: {value: 1}}", any, "plan::missing-key", "within: 0.1"),
        ("{close_to: {value: 1, within: -1}}", any, "plan::impossible-assertion", ""),
        ("{close_to: {value: 1, withn: 1}}", any, "plan::unknown-key", "`within`"),
        ("{close_to: 3}", any, "plan::missing-key", "within"),
        ("{matches: '[A-Z'}", any, "1:15 [[] plan::bad-regex", ""),
        ("{matches: '(?=a)'}", any, "plan::bad-regex", "look-around"),
        ("{type: int}", any, "plan::bad-value", "did you mean `integer`?"),
        ("{type: null}", any, "plan::bad-value", "\"null\""),
        ("{format: uid}", any, "plan::bad-value", "did you mean `uuid`?"),
        ("{in: 3}", any, "plan::wrong-type", "[1, 2]"),
        ("{in: []}", any, "plan::impossible-assertion", ""),
        ("{any_of: []}", any, "plan::wrong-type", "{gt: 0}"),
        ("{absent: yes please}", any, "plan::wrong-type", "true"),
        ("{partial: 3}", any, "plan::wrong-type", "name: Ada"),
        ("{unordered: a}", any, "plan::wrong-type", "a list"),
        ("{before: soon}", any, "plan::impossible-assertion", "RFC 3339"),
        ("{length: '3'}", any, "plan::impossible-assertion", "without quotes"),
        ("{contains: ''}", any, "plan::bad-value", "empty"),
        ("{schema: a.json}", any, "plan::missing-file", "was not read"),
        ("{schema: {type: object}}", any, "plan::wrong-type", "into a file"),
        ("{schema: 'a-${{ x }}.json'}", any, "plan::bad-value", "write its path"),
        ("{each: {gt: a}}", any, "plan::impossible-assertion", ""),
        ("1", About::ManyResults, "plan::not-singular", "each, some, contains"),
        ("{gt: 1}", About::ManyResults, "plan::not-singular", "each"),
        ("{not: {matches: a}}", About::ManyResults, "plan::not-singular", "each"),
        ("{absent: true}", About::ManyResults, "plan::impossible-assertion", "{empty: true}"),
        ("3", text, "plan::impossible-assertion", "`\"3\"`"),
        ("null", text, "plan::impossible-assertion", "absent"),
        ("{gt: 3}", text, "plan::impossible-assertion", "apply: [int]"),
        ("{each: a}", text, "plan::impossible-assertion", "split"),
        ("{contains: a}", About::Status, "plan::impossible-assertion", "`gt`"),
        ("{apply: [itn], gt: 0}", text, "plan::bad-value unknown filter", "did you mean `int`?"),
    ];
    for (predicate, about, code, help) in table {
        let said = refused(predicate, about);
        assert!(said.contains(code) && said.contains(help), "{predicate}: {said}");
    }
    let two = refused("{gt: a, tpye: string, lt: b}", any);
    assert_eq!(two.matches("plan::").count(), 3, "{two}");
}

#[test]
fn filters_come_before_the_operators() {
    assert!(holds(
        "{apply: [{split: ', '}, first], equals: 192.168.2.1}",
        "\"192.168.2.1, 10.0.0.1\""
    ));
    assert!(parse_about("{apply: [int], gt: 60}", About::Kind(Yields::Text)).is_ok());
    let failed = failure("{apply: [int], gt: 60}", "\"soon\"");
    assert_eq!(
        failed.actual,
        Some(Actual::Unjudgeable {
            value: "soon".into(),
            why: "`int` cannot read `soon`: it is not an integer".to_owned(),
        })
    );
    assert!(!holds("{apply: [int], not: {gt: 60}}", "\"soon\""));
}

#[test]
fn operands_with_templates_are_read_again_with_their_values() {
    let predicate = parse("{gt: '${{ low }}', in: [1, '${{ b }}'], not_equals: '${{ c }}'}");
    assert_eq!(predicate.templates().len(), 3);
    assert_eq!(predicate.accepts_status(200), None);
    let number = |n: i64| Some(Value::from(n));
    let values = [number(3), number(5), number(6)];
    let five = Value::from(5);
    let judged = predicate.judge(&values, Found::borrowed(&five)).unwrap();
    assert_eq!(judged.len(), 3);
    assert!(judged.iter().all(|judgement| judgement.passed));
    assert_eq!(judged.first().map(|j| j.expected.operand.clone()), number(3));
    let wrong = predicate.judge(&[Some("x".into()), number(5), number(6)], Found::borrowed(&five));
    let findings = wrong.unwrap_err();
    assert_eq!(
        findings.first().map(|finding| finding.code),
        Some(crate::finding::Code::ImpossibleAssertion)
    );
    // What a template gives is a value, never operators, and never a template again.
    let whole = parse("${{ x }}");
    let object = serde_json::json!({"gt": "${{ y }}"});
    assert!(whole.judge(&[Some(object.clone())], Found::borrowed(&object)).unwrap()[0].passed);
}

#[test]
fn operators_under_contains_are_no_object() {
    for (predicate, help) in [
        ("{contains: {partial: {a: 1}}}", "write `some: {…}`"),
        ("{not_contains: {gt: 1, lt: 5}}", "write `none: {…}`"),
    ] {
        let said = refused(predicate, About::Kind(Yields::Anything));
        assert!(said.contains("these are operators") && said.contains(help), "{said}");
    }
    assert!(holds("{contains: {a: 1}}", "[{\"a\": 1}]"));
    assert!(holds("{some: {partial: {a: 1}}}", "[{\"a\": 1, \"b\": 2}]"));
    assert!(holds("{some: {equals: {type: x}}}", "[{\"type\": \"x\"}]"));
}

#[test]
fn a_difference_deep_inside_shows_the_whole_value_and_its_place() {
    let value: Value = serde_json::from_str("{\"a\": 1, \"b\": {\"c\": 2}}").unwrap();
    let failed = failure("{equals: {a: 1}}", &value.to_string());
    assert_eq!(failed.actual, Some(Actual::Value(value)));
    assert_eq!(failed.note.as_deref(), Some("at `/b`: the field `b` is not expected"));
    assert_eq!(failed.pointer.as_deref(), Some("/b"));
}

#[test]
fn omit_never_removes_an_assertion() {
    let one = serde_json::json!([1]);
    for (predicate, holes) in [
        ("${{ x }}", 1),
        ("{equals: '${{ x }}'}", 1),
        ("{gt: 0, lt: '${{ x }}'}", 1),
        ("{in: [1, '${{ x }}']}", 1),
        ("{all_of: [{gt: '${{ x }}'}]}", 1),
        ("{each: '${{ x }}'}", 1),
        ("{length: '${{ x }}'}", 1),
        ("{close_to: {value: '${{ x }}', within: '${{ y }}'}}", 2),
        ("{partial: {name: '${{ x }}'}}", 1),
    ] {
        // What a template gives at run time.
        let read = parse(predicate);
        let findings = read.judge(&vec![None; holes], Found::borrowed(&one)).unwrap_err();
        assert!(!findings.is_empty(), "{predicate}");
        // What is written as `omit` is found before the run.
        let written = predicate.replace("${{ x }}", "${{ omit }}");
        let said = refused(&written, About::Kind(Yields::Anything));
        assert!(
            said.contains("plan::omit-in-text `omit` has nothing to remove here")
                || said.contains("every object has at least no fields"),
            "{written}: {said}"
        );
    }
    // The twin: inside a value that is compared, `omit` leaves a field or an item out.
    for (predicate, value) in [
        ("{equals: {a: 1, b: '${{ omit }}', c: '${{ x }}'}}", "{\"a\": 1, \"c\": 2}"),
        ("[1, '${{ omit }}', '${{ x }}']", "[1, 2]"),
        ("{partial: {a: 1, b: '${{ omit }}', c: '${{ x }}'}}", "{\"a\": 1, \"c\": 2}"),
    ] {
        let value: Value = serde_json::from_str(value).unwrap();
        let judged = parse(predicate).judge(&[Some(2.into())], Found::borrowed(&value)).unwrap();
        assert!(judged.iter().all(|j| j.passed), "{predicate}: {judged:?}");
    }
}

#[test]
fn what_is_expected_is_reported_as_data() {
    let judged = judge("{each: {gt: 0, type: integer}, length: 2}", "[1,2]");
    let expected: Vec<String> = judged
        .iter()
        .map(|judgement| format!("{} {}", judgement.expected.operator, judgement.expected.operand))
        .collect();
    assert_eq!(expected, [r#"each {"gt":0,"type":"integer"}"#, "length 2"]);
}
