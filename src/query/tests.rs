//! Every subject, filter and capture: with what it finds, and with what it says when it does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::outcome::Actual;
use crate::yaml::testing::{render, source};

fn response() -> Response {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Response {
        status: 201,
        http: "1.1".to_owned(),
        headers: vec![
            header("Content-Type", "application/json"),
            header("X-Fruit", "apple"),
            header("x-fruit", "pear"),
            header("Set-Cookie", "session=abc; Path=/; Max-Age=60; HttpOnly"),
            header("Set-Cookie", "theme=dark"),
        ],
        body: br#"{"id":7,"name":"Ada","tags":["a","b"],"token":null}"#.as_slice().into(),
        url: "https://example.com/welcome".to_owned(),
        redirects: vec!["https://example.com/a".to_owned(), "https://example.com/b".to_owned()],
        remote: "127.0.0.1:8080".parse().ok(),
        duration: Duration::from_micros(12_340),
        ..Response::default()
    }
}

fn read(group: Option<&str>, key: &str) -> Result<Value, Actual> {
    Subject::parse(group, key).unwrap().read(&response()).into_value()
}

fn of_body(body: &str, key: &str) -> Result<Value, Actual> {
    let response = Response { body: body.to_owned().into(), ..Response::default() };
    Subject::parse(None, key).unwrap().read(&response).into_value()
}

fn refused(group: Option<&str>, key: &str) -> String {
    use crate::finding::Fault as _;
    let fault = Subject::parse(group, key).unwrap_err();
    let blamed = fault.range().and_then(|range| key.get(range)).unwrap_or_default().to_owned();
    format!("{} [{blamed}] {fault} = {}", fault.code(), fault.help().unwrap_or_default())
}

#[test]
fn every_subject_finds_its_part_of_the_response() {
    let headers = Some("headers");
    let cookies = Some("cookies");
    let table: [(Option<&str>, &str, Value); 22] = [
        (None, "status", json!(201)),
        (None, "url", json!("https://example.com/welcome")),
        (None, "http", json!("1.1")),
        (None, "remote_ip", json!("127.0.0.1")),
        (None, "size", json!(51)),
        (None, "redirects", json!(["https://example.com/a", "https://example.com/b"])),
        (None, "redirects[-1]", json!("https://example.com/b")),
        (None, "redirects[*]", json!(["https://example.com/a", "https://example.com/b"])),
        (None, "$.id", json!(7)),
        (None, "$.tags[*]", json!(["a", "b"])),
        (None, "$.none[*]", json!([])),
        (None, "$.token", json!(null)),
        (headers, "content-type", json!("application/json")),
        (headers, "X-Fruit", json!("apple, pear")),
        (headers, "X-Fruit[*]", json!(["apple", "pear"])),
        (headers, "X-Fruit[0]", json!("apple")),
        (headers, "X-Fruit[-1]", json!("pear")),
        (headers, "Set-Cookie[1]", json!("theme=dark")),
        (cookies, "session", json!("abc")),
        (cookies, "session[Path]", json!("/")),
        (cookies, "session[max-age]", json!("60")),
        (cookies, "session[HttpOnly]", json!("")),
    ];
    for (group, key, expected) in table {
        assert_eq!(read(group, key), Ok(expected), "{key}");
    }
    let duration = Subject { kind: SubjectKind::Duration, label: "duration".to_owned() };
    let number: Value = serde_json::from_str("12.34").unwrap();
    assert_eq!(duration.read(&response()).into_value(), Ok(number));
    assert_eq!(of_body("abc", "md5"), Ok(json!("900150983cd24fb0d6963f7d28e17f72")));
    assert_eq!(
        of_body("abc", "sha256"),
        Ok(json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    );
    assert_eq!(of_body("\u{e4}", "bytes"), Ok(json!("c3a4")));
    assert_eq!(of_body("\u{e4}", "text"), Ok(json!("ä")));
    let whole = Whole { size: 7_000_000_000, sha256: Some("ab".repeat(32)), md5: None };
    let streamed = Response { whole: Some(whole), ..Response::default() };
    let read = |subject| Subject::parse(None, subject).unwrap().read(&streamed).into_value();
    assert_eq!(read("sha256"), Ok(json!("ab".repeat(32))));
    assert_eq!(read("size"), Ok(json!(7_000_000_000_u64)));
}

#[test]
fn a_subject_that_is_not_there_says_what_is() {
    let missing = |group: Option<&str>, key: &str| match read(group, key) {
        Err(Actual::Missing { reached, there, nearest }) => (reached, there.join(" "), nearest),
        other => panic!("{key}: {other:?}"),
    };
    let (reached, there, nearest) = missing(Some("headers"), "X-Friut");
    assert_eq!((reached.as_str(), nearest.as_deref()), ("headers", Some("X-Fruit")));
    assert_eq!(there, "Content-Type X-Fruit Set-Cookie");
    assert_eq!(missing(Some("headers"), "X-Fruit[2]").1, "2 items");
    assert_eq!(missing(Some("cookies"), "sesion").2.as_deref(), Some("session"));
    assert_eq!(missing(Some("cookies"), "session[Domain]").1, "Path Max-Age HttpOnly");
    assert_eq!(missing(None, "redirects[2]").0, "redirects");
    assert_eq!(missing(None, "$.nme").2.as_deref(), Some("name"));
}

#[test]
fn a_key_that_is_no_subject_says_what_to_type() {
    let table = [
        (None, "staus", "plan::unknown-key", "did you mean `status`?"),
        (None, "body", "plan::unknown-key", "did you mean `text`?"),
        (None, "user.id", "plan::unknown-key", "`$.user.id`"),
        (None, "header", "plan::unknown-key", "did you mean `headers`?"),
        (None, "headers", "plan::wrong-type", "headers: {NAME: …}"),
        (None, "contract", "plan::not-yet", ""),
        (None, "$.a[?@.b = 1]", "plan::bad-jsonpath [=]", "write `==`"),
        (None, "status[0]", "plan::bad-value [[0]]", "without brackets"),
        (None, "redirects[last]", "plan::bad-value [last]", "`[-1]`"),
        (Some("headers"), "Set-Cookie", "plan::bad-value", "Set-Cookie[*]"),
        (Some("headers"), "X Y", "plan::bad-value", "cannot be the name"),
        (Some("headers"), "X-Y[a]", "plan::bad-value [a]", "`[0]`"),
        (Some("cookies"), "session[Colour]", "plan::bad-value [Colour]", "Max-Age"),
    ];
    for (group, key, code, help) in table {
        let said = refused(group, key);
        assert!(said.contains(code) && said.contains(help), "{key}: {said}");
    }
}

#[test]
fn a_body_that_is_not_json_says_what_it_is() {
    let said = |media: &str, body: &[u8]| {
        let response = Response {
            headers: vec![("content-type".to_owned(), media.to_owned())],
            body: body.to_vec().into(),
            ..Response::default()
        };
        response.json().unwrap_err().to_string()
    };
    assert_eq!(said("application/json", b""), "empty");
    assert_eq!(said("application/json", b" \n"), "empty");
    assert_eq!(
        said("text/html; charset=utf-8", b"<html><head>\n<TITLE lang=en>Sign\n in</TITLE>"),
        "text/html: <title>Sign in"
    );
    assert_eq!(said("text/html", b"<p>no title"), "text/html");
    assert_eq!(said("application/json", b"{\"a\":\"\xff\"}"), "not UTF-8: byte 6 is ff");
    assert_eq!(
        said("application/json", b"\xef\xbb\xbf{\"a\":\"\xff\"}"),
        "not UTF-8: byte 9 is ff"
    );
    assert!(said("application/json", b"[1,]").starts_with("application/json: "));
    assert!(said("application/json", b"[1,]").ends_with("line 1, column 4"));
    assert!(said("text/plain", b"{} {}").contains("line 1, column 4"));
    assert_eq!(of_body("\u{feff}{\"a\":1}", "$.a"), Ok(json!(1)));
    assert_eq!(
        of_body("18446744073709551616", "$").map(|value| value.to_string()),
        Ok("18446744073709551616".to_owned())
    );
    let latin = Response {
        headers: vec![("Content-Type".to_owned(), "text/plain; charset=ISO-8859-1".to_owned())],
        body: vec![0xe4].into(),
        ..Response::default()
    };
    assert_eq!(latin.text().unwrap(), "ä");
    let broken = Response { body: vec![b'a', 0xe4].into(), ..Response::default() };
    assert_eq!(broken.text().unwrap_err().to_string(), "not UTF-8: byte 1 is e4");
}

#[test]
fn duplicate_keys_are_noted_and_the_last_one_counts() {
    let keys = |body: &str| {
        let response = Response { body: body.to_owned().into(), ..Response::default() };
        response.duplicate_keys().into_iter().map(|found| found.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(r#"{"a":1,"b":{"a":":\":"},"c":[{"a":1},{"a":2}]}"#), [] as [&str; 0]);
    assert_eq!(keys(r#"{"a":1,"b":[{"c":1,"c":2}],"a":3}"#), ["c", "a"]);
    assert_eq!(of_body(r#"{"a":1,"a":3}"#, "$.a"), Ok(json!(3)));
}

fn filter(filter: &str, value: &Value) -> Result<Value, String> {
    let source = source(&format!("x: {filter}\n"));
    let node = crate::yaml::read(&source).0.unwrap();
    let filters = Filter::parse_all(node.get("x").unwrap(), &source.text)
        .map_err(|findings| render(&source, &findings))?;
    match Filter::apply_all(&filters, Found::borrowed(value)) {
        Found::One { value, .. } => Ok(value.into_owned()),
        Found::Unreadable { why, .. } => Err(why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_filter_transforms_what_it_takes() {
    let table = [
        ("[length]", json!("äö"), json!(2)),
        ("[length]", json!({"a": 1}), json!(1)),
        ("[first]", json!([1, 2]), json!(1)),
        ("[last]", json!([1, 2]), json!(2)),
        ("[{nth: 1}]", json!([1, 2]), json!(2)),
        ("[{nth: -2}]", json!([1, 2]), json!(1)),
        ("[int]", json!(" 042 "), json!(42)),
        ("[int]", json!("-7"), json!(-7)),
        ("[int]", json!(4.0), json!(4)),
        ("[string]", json!(4), json!("4")),
        ("[string]", json!(null), json!("null")),
        ("[trim, lower]", json!(" AB "), json!("ab")),
        ("[upper]", json!("ab"), json!("AB")),
        ("[{split: ', '}]", json!("a, b"), json!(["a", "b"])),
        ("[{replace: [a, b]}]", json!("aXa"), json!("bXb")),
        ("[{replace: [a, '']}]", json!("aXa"), json!("X")),
        ("[{replace_regex: ['(\\d)', '<$1>']}]", json!("a1"), json!("a<1>")),
        ("[{regex: 'id=(\\d+)'}]", json!("x id=42"), json!("42")),
        ("[{regex: '\\d+'}]", json!("x 42"), json!("42")),
        ("[{date: '%Y-%m-%d'}]", json!("2024-02-29T23:00:00+01:00"), json!("2024-02-29")),
        ("[{date: '%Y'}]", json!(0), json!("1970")),
        ("[{parse_date: '%d.%m.%Y'}]", json!("29.02.2024"), json!("2024-02-29T00:00:00Z")),
        ("[base64]", json!("a?>"), json!("YT8+")),
        ("[base64_decode]", json!("YT8+"), json!("a?>")),
        ("[base64url_decode]", json!("YT8-"), json!("a?>")),
        ("[base64url_decode]", json!("YQ"), json!("a")),
        ("[hex]", json!("aä"), json!("61c3a4")),
        ("[{replace: [a, b]}, hex]", json!("a"), json!("62")),
        ("[urlencode]", json!("a b/ä~"), json!("a%20b%2F%C3%A4~")),
        ("[url_decode]", json!("a%20b%2F"), json!("a b/")),
        ("[{query_param: page}]", json!("https://a.b/c?x=1&page=2%203#d"), json!("2 3")),
        ("[json]", json!("{\"a\":1}"), json!({"a": 1})),
        ("trim", json!(" a "), json!("a")),
    ];
    for (text, value, expected) in table {
        assert_eq!(filter(text, &value), Ok(expected), "{text} of {value}");
    }
    let sha = filter("[sha256]", &json!("abc")).unwrap();
    assert!(sha.as_str().unwrap().starts_with("ba7816bf"));
    let digits = filter("[float]", &json!("0.5000000000000000000001")).unwrap();
    assert_eq!(digits.to_string(), "0.5000000000000000000001");
    let long = filter("[int]", &json!("18446744073709551616")).unwrap();
    assert_eq!(long.to_string(), "18446744073709551616");
}

#[test]
fn a_filter_that_cannot_says_why() {
    let table = [
        ("[length]", json!(1), "`length` takes a text, a list or an object"),
        ("[first]", json!([]), "`first` of an empty list"),
        ("[last]", json!("ab"), "`last` takes a list, this is of type string"),
        ("[{nth: 2}]", json!([1, 2]), "`nth` 2 is not there, the list has 2 items"),
        ("[int]", json!("4.5"), "`int` cannot read `4.5`: it is not an integer"),
        ("[int]", json!(4.5), "`int` cannot read `4.5`"),
        ("[int]", json!(true), "`int` takes a text or a number"),
        ("[float]", json!("abc"), "`float` cannot read `abc`: it is not a number"),
        ("[trim]", json!(1), "`trim` takes a text"),
        ("[lower]", json!(null), "`lower` takes a text"),
        ("[upper]", json!([]), "`upper` takes a text"),
        ("[{split: ','}]", json!(1), "`split` takes a text"),
        ("[{replace: [a, b]}]", json!(1), "`replace` takes a text"),
        ("[{replace_regex: [a, b]}]", json!(1), "`replace_regex` takes a text"),
        ("[{regex: 'x(\\d)'}]", json!("y"), "`regex` finds no match of `x(\\d)`"),
        ("[{date: '%Y'}]", json!("soon"), "`date` cannot read `soon`: it is not a time"),
        ("[{date: '%Y'}]", json!(1_700_000_000_000_i64), "`date` cannot read the time"),
        ("[{parse_date: '%Y'}]", json!("soon"), "`parse_date` cannot read the time"),
        ("[base64]", json!(1), "`base64` takes a text"),
        ("[base64_decode]", json!("YT8-"), "`base64_decode` cannot read `YT8-`: it is not base64"),
        ("[base64url_decode]", json!("_w"), "it is not UTF-8 text when decoded"),
        ("[hex]", json!(1), "`hex` takes a text"),
        ("[sha256]", json!(1), "`sha256` takes a text"),
        ("[urlencode]", json!(1), "`urlencode` takes a text"),
        ("[url_decode]", json!("%ff"), "it is not UTF-8 text when decoded"),
        ("[{query_param: page}]", json!("https://a.b/c?x=1"), "finds no parameter `page`"),
        ("[json]", json!("{a"), "it is not JSON"),
        ("[string, int]", json!([1]), "`int` cannot read `[1]`"),
        // Filters that are none are found before the first request.
        ("[tirm]", json!(1), "did you mean `trim`?"),
        ("[split]", json!(1), "`split` needs an argument"),
        ("[{trim: 1}]", json!(1), "`trim` takes no argument"),
        ("[{nth: a}]", json!(1), "`nth` takes an index"),
        ("[{replace: a}]", json!(1), "`replace` takes two texts"),
        ("[{regex: '(a'}]", json!(1), "1:14 [(] plan::bad-regex"),
        ("[{split: ', ', trim: 1}]", json!(1), "each filter is an item of its own"),
        ("3", json!(1), "`apply` takes a list of filters"),
        ("[{split: '${{ x }}'}]", json!(1), "plan::not-yet"),
    ];
    for (text, value, expected) in table {
        let said = filter(text, &value).unwrap_err();
        assert!(said.contains(expected), "{text} of {value}: {said}");
    }
    let long = filter("[int]", &json!("x".repeat(100))).unwrap_err();
    assert_eq!(long, "`int` cannot read this: it is not an integer");
}

fn capture(written: &str) -> Result<Capture, String> {
    let source = source(&format!("x: {written}\n"));
    let (node, findings) = crate::yaml::read(&source);
    assert!(findings.is_empty(), "{written}: {findings:?}");
    Capture::parse(node.unwrap().get("x").unwrap(), &source.text)
        .map_err(|findings| render(&source, &findings))
}

#[test]
fn captures_take_values_with_their_types() {
    let table = [
        ("$.id", json!(7)),
        ("$.token", json!(null)),
        ("$.tags[*]", json!(["a", "b"])),
        ("status", json!(201)),
        ("url", json!("https://example.com/welcome")),
        ("{json: $.name}", json!("Ada")),
        ("{header: 'X-Fruit[1]'}", json!("pear")),
        ("{cookie: 'session[Max-Age]', apply: [int]}", json!(60)),
        ("{text: true, regex: '\"id\":(\\d+)', apply: [int]}", json!(7)),
        ("{json: $.tags, apply: [last], regex: '.'}", json!("b")),
    ];
    for (written, expected) in table {
        assert_eq!(capture(written).unwrap().take(&response()), Ok(expected), "{written}");
    }
    let secret = capture("{json: $.token, secret: true, default: none}").unwrap();
    assert!(secret.secret && secret.default.is_some());
    assert_eq!(secret.field(), Some("token"));
}

#[test]
fn a_capture_that_finds_nothing_leaves_room_for_its_default() {
    for (written, nothing) in [
        ("$.nme", true),
        ("{header: X-None}", true),
        ("{text: true, regex: 'x(\\d)'}", true),
        ("{json: $.name, apply: [int]}", false),
    ] {
        let capture = capture(written).unwrap();
        let actual = capture.take(&response()).unwrap_err();
        assert_eq!(capture.found_nothing(&actual), nothing, "{written}: {actual:?}");
    }
    let body = |body: &str| Response { body: body.to_owned().into(), ..Response::default() };
    let path = capture("$.id").unwrap();
    let empty = path.take(&body("")).unwrap_err();
    assert!(path.found_nothing(&empty));
    let page = path.take(&body("<html>")).unwrap_err();
    assert!(!path.found_nothing(&page));
}

#[test]
fn what_is_no_capture_says_what_to_type() {
    let table = [
        ("$.a[", "plan::bad-jsonpath", "add `]`"),
        ("statsu", "plan::bad-value", "did you mean `status`?"),
        ("user.id", "plan::bad-value", "`$.user.id`"),
        ("'${{ x }}'", "plan::bad-value", "a `var`"),
        ("", "plan::empty-value", "$.user_id"),
        ("3", "plan::wrong-type", "$.user_id"),
        ("{jsn: $.a}", "plan::unknown-key", "did you mean `json`?"),
        ("{secret: true}", "plan::missing-key", "`json`"),
        ("{json: $.a, header: B}", "plan::conflict", "also"),
        ("{json: 3}", "plan::wrong-type", "{json: $.id}"),
        ("{json: '$.a = 1'}", "1:16 [=] plan::bad-jsonpath", "write `==`"),
        ("{header: Set-Cookie}", "plan::bad-value", "Set-Cookie[*]"),
        ("{text: yes please}", "plan::wrong-type", "text: true"),
        ("{json: $.a, regex: '(a'}", "plan::bad-regex", ""),
        ("{json: $.a, apply: [tirm], secret: 1}", "plan::bad-value", "plan::wrong-type"),
    ];
    for (written, code, help) in table {
        let said = capture(written).unwrap_err();
        assert!(said.contains(code) && said.contains(help), "{written}: {said}");
    }
}
