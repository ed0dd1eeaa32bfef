//! Operands: those that are refused, those that come out of templates, and how they are reported.

use super::*;

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
        ("3", text, "plan::impossible-assertion", "apply: [int], equals: 3}"),
        ("1.1", text, "plan::impossible-assertion", "`{apply: [float], equals: 1.1}`"),
        ("true", text, "plan::impossible-assertion", "as text: `\"true\"`\n"),
        ("null", text, "plan::impossible-assertion", "absent"),
        ("{gt: 3}", text, "plan::impossible-assertion", "apply: [int]"),
        ("{each: a}", text, "plan::impossible-assertion", "split"),
        ("{type: string}", About::Status, "1:11 [string] plan::impossible-assertion", "integer"),
        ("{type: array}", text, "plan::impossible-assertion", "of type string"),
        ("{type: string}", About::ManyResults, "plan::impossible-assertion", "of type array"),
        ("{apply: [length], type: string}", any, "plan::impossible-assertion", "integer"),
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
