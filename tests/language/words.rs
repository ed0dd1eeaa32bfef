//! Every operator, filter and function of the language: one line that holds, and its twin that does
//! not.

use std::fmt::Write as _;

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

fn server() -> Scripted {
    Scripted::start(|_, _| {
        let body = json!({
            "n": 5, "price": 9.99, "name": "Ada", "empty": "", "nothing": null, "ok": true,
            "tags": ["a", "b"], "none": [], "owner": {"name": "Ada", "age": 36},
            "items": [{"sku": "AB-1"}, {"sku": "CD-2"}],
            "id": "3f2b8c1e-5a7d-4e9f-8b1a-2c3d4e5f6a7b", "at": "2026-05-04T03:02:01Z",
            "list": "10.0.0.1, 10.0.0.2", "padded": "  x  ", "digits": "42", "half": "0.5",
            "day": "04.05.2026", "base": "aGVsbG8=", "url64": "eyJhIjoxfQ", "encoded": "a%20b",
            "spaced": "a b", "link": "http://localhost/?user=ada&x=1", "inner": "{\"a\":1}",
        });
        Reply::json(200, &body.to_string())
    })
}

fn expect(server: &Scripted, expect: &str) -> Ran {
    let url = server.url();
    Bench::plan(&format!("plan: P\nsteps:\n  - GET: {url}/a\n    expect: {expect}\n")).run()
}

/// Each first one holds; each second one fails, in one assertion.
fn hold_and_fail(pairs: &[(&str, &str)]) {
    let server = server();
    let steps = |which: fn(&(&str, &str)) -> String| {
        let steps = pairs.iter().fold(String::new(), |mut steps, pair| {
            let _ = writeln!(steps, "  - GET: /a\n    expect: {}", which(pair));
            steps
        });
        let before = format!("on_failure: continue\ndefaults: {{base_url: {}}}\n", server.url());
        Bench::plan(&format!("plan: P\n{before}steps:\n{steps}")).run()
    };
    steps(|(holds, _)| (*holds).to_owned()).exits(0);
    let ran = steps(|(_, fails)| (*fails).to_owned()).exits(1);
    for (number, (_, fails)) in pairs.iter().enumerate() {
        assert_eq!(ran.failures(number).len(), 1, "{fails}\n{}", ran.said);
    }
}

#[test]
fn every_operator_holds_and_fails() {
    hold_and_fail(&[
        ("{$.n: {equals: 5}}", "{$.n: {equals: '5'}}"),
        ("{$.n: {not_equals: 6}}", "{$.n: {not_equals: 5}}"),
        ("{$.n: {gt: 4}}", "{$.n: {gt: 5}}"),
        ("{$.n: {gte: 5}}", "{$.n: {gte: 6}}"),
        ("{$.n: {lt: 6}}", "{$.n: {lt: 5}}"),
        ("{$.n: {lte: 5}}", "{$.n: {lte: 4}}"),
        (
            "{$.price: {close_to: {value: 10, within: 0.01}}}",
            "{$.price: {close_to: {value: 10, within: 0.001}}}",
        ),
        ("{$.name: {in: [Ada, Bob]}}", "{$.name: {in: [Bob]}}"),
        ("{$.name: {not_in: [Bob]}}", "{$.name: {not_in: [Ada]}}"),
        ("{$.tags: {contains: a}}", "{$.tags: {contains: c}}"),
        ("{$.name: {not_contains: z}}", "{$.name: {not_contains: d}}"),
        ("{$.name: {starts_with: A}}", "{$.name: {starts_with: d}}"),
        ("{$.name: {ends_with: a}}", "{$.name: {ends_with: A}}"),
        ("{$.name: {matches: '^A.a$'}}", "{$.name: {matches: '^a'}}"),
        ("{$.tags: {length: 2}}", "{$.tags: {length: {gt: 2}}}"),
        ("{$.empty: {empty: true}}", "{$.name: {empty: true}}"),
        ("{$.n: {type: integer}}", "{$.price: {type: integer}}"),
        ("{$.nothing: {present: true}}", "{$.missing: {present: true}}"),
        ("{$.missing: {absent: true}}", "{$.nothing: {absent: true}}"),
        ("{$.owner: {partial: {name: Ada}}}", "{$.owner: {partial: {name: Bob}}}"),
        ("{$.tags: {unordered: [b, a]}}", "{$.tags: {unordered: [a]}}"),
        ("{'$.items[*].sku': {each: {length: 4}}}", "{'$.none[*]': {each: {length: 4}}}"),
        ("{'$.items[*].sku': {some: {equals: AB-1}}}", "{'$.items[*].sku': {some: {equals: X}}}"),
        ("{'$.items[*].sku': {none: {equals: X}}}", "{'$.items[*].sku': {none: {equals: AB-1}}}"),
        ("{$.n: {all_of: [{gt: 4}, {lt: 6}]}}", "{$.n: {all_of: [{gt: 4}, {lt: 5}]}}"),
        ("{$.n: {any_of: [{gt: 9}, {lt: 6}]}}", "{$.n: {any_of: [{gt: 9}, {lt: 5}]}}"),
        ("{$.n: {not: {gt: 5}}}", "{$.name: {not: {gt: 5}}}"),
        ("{$.id: {format: uuid}}", "{$.name: {format: uuid}}"),
        (
            "{$.at: {before: '2026-05-04T05:00:00+01:00'}}",
            "{$.at: {before: '2026-05-04T03:00:00Z'}}",
        ),
        ("{$.at: {after: '2026-05-04T05:00:00+02:00'}}", "{$.at: {after: '2026-05-05T00:00:00Z'}}"),
    ]);
}

#[test]
fn every_filter_of_apply_gives_its_value_or_fails() {
    hold_and_fail(&[
        ("{$.tags: {apply: [length], equals: 2}}", "{$.n: {apply: [length], equals: 1}}"),
        ("{$.tags: {apply: [first], equals: a}}", "{$.none: {apply: [first], equals: a}}"),
        ("{$.tags: {apply: [last], equals: b}}", "{$.none: {apply: [last], equals: a}}"),
        ("{$.tags: {apply: [{nth: -2}], equals: a}}", "{$.tags: {apply: [{nth: 2}], equals: a}}"),
        ("{$.digits: {apply: [int], equals: 42}}", "{$.name: {apply: [int], equals: 42}}"),
        ("{$.half: {apply: [float], equals: 0.5}}", "{$.name: {apply: [float], equals: 0.5}}"),
        ("{$.n: {apply: [string], equals: '5'}}", "{$.tags: {apply: [string], equals: '5'}}"),
        ("{$.padded: {apply: [trim], equals: x}}", "{$.n: {apply: [trim], equals: x}}"),
        ("{$.name: {apply: [lower], equals: ada}}", "{$.n: {apply: [lower], equals: ada}}"),
        ("{$.name: {apply: [upper], equals: ADA}}", "{$.n: {apply: [upper], equals: ADA}}"),
        (
            "{$.list: {apply: [{split: ', '}], length: 2}}",
            "{$.list: {apply: [{split: ';'}], length: 2}}",
        ),
        (
            "{$.name: {apply: [{replace: [A, E]}], equals: Eda}}",
            "{$.name: {apply: [{replace: [x, E]}], equals: Eda}}",
        ),
        (
            "{$.day: {apply: [{replace_regex: ['(\\d+)\\.(\\d+)\\.(\\d+)', '$3-$2-$1']}], equals: '2026-05-04'}}",
            "{$.n: {apply: [{replace_regex: ['5', '6']}], equals: '6'}}",
        ),
        (
            "{$.id: {apply: [{regex: '^([0-9a-f]+)-'}], equals: 3f2b8c1e}}",
            "{$.id: {apply: [{regex: '^z'}], equals: z}}",
        ),
        (
            "{$.at: {apply: [{date: '%d.%m.%Y'}], equals: 04.05.2026}}",
            "{$.name: {apply: [{date: '%Y'}], equals: '2026'}}",
        ),
        (
            "{$.day: {apply: [{parse_date: '%d.%m.%Y'}], starts_with: '2026-05-04'}}",
            "{$.name: {apply: [{parse_date: '%d.%m.%Y'}], starts_with: '2026'}}",
        ),
        ("{$.name: {apply: [base64], equals: QWRh}}", "{$.tags: {apply: [base64], equals: QWRh}}"),
        (
            "{$.base: {apply: [base64_decode], equals: hello}}",
            "{$.list: {apply: [base64_decode], equals: hello}}",
        ),
        (
            "{$.url64: {apply: [base64url_decode, json], equals: {a: 1}}}",
            "{$.list: {apply: [base64url_decode], equals: a}}",
        ),
        ("{$.name: {apply: [hex], equals: '416461'}}", "{$.tags: {apply: [hex], equals: '41'}}"),
        (
            "{$.name: {apply: [sha256], matches: '^[0-9a-f]{64}$'}}",
            "{$.n: {apply: [sha256], length: 64}}",
        ),
        (
            "{$.spaced: {apply: [urlencode], equals: a%20b}}",
            "{$.tags: {apply: [urlencode], equals: a}}",
        ),
        (
            "{$.encoded: {apply: [url_decode], equals: a b}}",
            "{$.n: {apply: [url_decode], equals: a b}}",
        ),
        (
            "{$.link: {apply: [{query_param: user}], equals: ada}}",
            "{$.link: {apply: [{query_param: age}], equals: ada}}",
        ),
        ("{$.inner: {apply: [json], equals: {a: 1}}}", "{$.name: {apply: [json], equals: Ada}}"),
    ]);
}

#[test]
fn every_function_gives_what_its_name_says() {
    hold_and_fail(&[
        ("{values: {'uuid()': {format: uuid}}}", "{values: {'uuid()': {length: 35}}}"),
        (
            "{values: {'now()': {format: date-time}}}",
            "{values: {'now()': {before: '2020-01-01T00:00:00Z'}}}",
        ),
        (
            "{values: {'timestamp_ms()': {type: integer, gt: 1700000000000}}}",
            "{values: {'timestamp_ms()': {type: string}}}",
        ),
        (
            "{values: {'random_int(7, 9)': {gte: 7, lte: 9}}}",
            "{values: {'random_int(7, 9)': {gt: 9}}}",
        ),
        (
            "{values: {'random_string(12)': {length: 12}}}",
            "{values: {'random_string(12)': {length: 11}}}",
        ),
        (
            "{values: {\"fake('email')\": {format: email}}}",
            "{values: {\"fake('name')\": {format: email}}}",
        ),
    ]);
    for (wrong, says) in [
        ("{values: {'uuid(1)': 1}}", "uuid()"),
        ("{values: {'random_int(1)': 1}}", "random_int(a, b)"),
        ("{values: {\"fake('colour')\": x}}", "no fake `colour`"),
        ("{values: {'file()': x}}", "file('path')"),
    ] {
        expect(&server(), wrong).exits(3).says(says);
    }
    let server = server();
    let plan = |file: &str| {
        let url = server.url();
        let test = format!("{{values: {{\"file('{file}')\": hello}}}}");
        Bench::plan(&format!("plan: P\nsteps:\n  - GET: {url}/a\n    expect: {test}\n"))
            .file("there.txt", "hello")
            .run()
    };
    plan("there.txt").exits(0);
    plan("nowhere.txt").exits(3).says("nowhere.txt");
}

#[test]
fn every_filter_of_templates_gives_what_its_name_says() {
    hold_and_fail(&[
        ("{values: {\"'Ada' | base64\": QWRh}}", "{values: {\"'Ada' | base64\": QWRo}}"),
        ("{values: {\"'a?>' | base64url\": YT8-}}", "{values: {\"'a?>' | base64url\": YT8+}}"),
        ("{values: {\"'Ada' | hex\": '416461'}}", "{values: {\"'Ada' | hex\": '416462'}}"),
        (
            "{values: {\"'' | sha256\": {starts_with: e3b0c442}}}",
            "{values: {\"'a' | sha256\": {starts_with: e3b0c442}}}",
        ),
        (
            "{values: {\"'x' | hmac_sha256('key')\": {length: 64}}}",
            "{values: {\"'x' | hmac_sha256('key')\": {length: 63}}}",
        ),
        (
            "{values: {\"'a b/' | urlencode\": a%20b%2F}}",
            "{values: {\"'a b/' | urlencode\": a+b/}}",
        ),
        ("{values: {\"'a/b' | raw\": a/b}}", "{values: {\"'a/b' | raw\": a%2Fb}}"),
        ("{values: {'[1, \"a\"] | json': '[1,\"a\"]'}}", "{values: {'[1] | json': [1]}}"),
        (
            "{values: {\"'2026-05-04T03:02:01Z' | date('%d.%m.%Y')\": 04.05.2026}}",
            "{values: {\"'2026-05-04T03:02:01Z' | date('%Y')\": 2026}}",
        ),
        (
            "{values: {\"'2026-05-04T03:02:01Z' | add_days(-4)\": {starts_with: '2026-04-30'}}}",
            "{values: {\"'2026-05-04T03:02:01Z' | add_days(1)\": {starts_with: '2026-05-04'}}}",
        ),
        (
            "{values: {\"'id-42' | regex('-(.+)')\": '42'}}",
            "{values: {\"'id-42' | regex('-(.+)')\": '-42'}}",
        ),
        ("{values: {'5 | string': '5'}}", "{values: {'5 | string': 5}}"),
        ("{values: {'[1, 2] | length': 2}}", "{values: {'[1, 2] | length': 1}}"),
        ("{values: {'[1, 2] | first': 1}}", "{values: {'[1, 2] | first': 2}}"),
        ("{values: {'[1, 2] | last': 2}}", "{values: {'[1, 2] | last': 1}}"),
        (
            "{values: {\"dict(a=1).b | default('none')\": none}}",
            "{values: {\"dict(b=1).b | default('none')\": none}}",
        ),
    ]);
    for (wrong, says) in [
        ("{values: {\"'a' | bas64\": 1}}", "base64"),
        ("{values: {\"'a' | hmac_sha256\": 1}}", "hmac_sha256(key)"),
        ("{values: {\"'a' | regex('(')\": 1}}", "regex"),
    ] {
        expect(&server(), wrong).exits(3).says(says);
    }
}
