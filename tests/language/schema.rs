//! The operator `schema`: a JSON Schema of the project judges what came back.

use serde_json::{Value, json};

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

const USER: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["email", "age"],
  "properties": {
    "email": {"type": "string"},
    "age": {"$ref": "parts/common.json#/$defs/age"}
  }
}
"#;
const COMMON: &str = r#"{"$defs": {"age": {"type": "integer", "minimum": 18}}}
"#;

const BODY: &str = r#"{"user": {"email": 7, "age": 3}, "all": [{"email": "a", "age": 20}, {"age": 19}], "text": "x"}"#;

fn serving(body: &'static str) -> Scripted {
    Scripted::start(move |_, _| Reply::json(200, body))
}

fn bench(server: &Scripted, expect: &str) -> Bench {
    Bench::plan(&format!("plan: P\nsteps:\n  - GET: {}/\n    expect: {expect}\n", server.url()))
        .file("schemas/user.json", USER)
        .file("schemas/parts/common.json", COMMON)
}

/// The one assertion that failed.
fn failed(ran: &Ran) -> Value {
    let assertions = ran.step(0)["attempts"][0]["assertions"].as_array().expect("assertions");
    let failed: Vec<_> = assertions.iter().filter(|one| one["passed"] == false).collect();
    assert_eq!(failed.len(), 1, "{}", ran.said);
    failed[0].clone()
}

#[test]
fn a_body_that_fits_passes_and_each_place_that_does_not_is_told() {
    let server = serving(BODY);
    bench(&server, "{'$.all[0]': {schema: schemas/user.json}}").run().exits(0);
    let ran = bench(&server, "{$.user: {schema: schemas/user.json}}").run().exits(1);
    let assertion = failed(&ran);
    assert_eq!(
        assertion["expected"],
        json!({"operator": "schema", "operand": "schemas/user.json"})
    );
    assert_eq!(assertion["pointer"], "/user/email");
    let violations = json!([
        {
            "at": "/age", "pointer": "/user/age", "wanted": "at least 18", "keyword": "minimum",
            "schema": {"path": "schemas/parts/common.json", "line": 1, "column": 39},
        },
        {
            "at": "/email", "pointer": "/user/email", "wanted": "type string", "keyword": "type",
            "schema": {"path": "schemas/user.json", "line": 6, "column": 15},
        },
    ]);
    let mut found = assertion["violations"].as_array().expect("violations").clone();
    found.sort_by_key(|violation| violation["at"].as_str().unwrap_or_default().to_owned());
    assert_eq!(Value::from(found), violations);
    // In the response and in the files of the schema.
    let ran = ran.says("expected: at least 18 (`minimum`)").says("not so at `/age`");
    assert!(ran.said.contains("in schemas/parts/common.json"), "{}", ran.said);
}

#[test]
fn it_stands_wherever_an_operator_does() {
    let server = serving(BODY);
    let code = |expect: &str| bench(&server, expect).run().code;
    for (expect, expected) in [
        ("{$.user: {not: {schema: schemas/user.json}}}", 0),
        ("{'$.all[0]': {not: {schema: schemas/user.json}}}", 1),
        ("{'$.all': {each: {schema: schemas/user.json}}}", 1),
        ("{'$.all': {some: {schema: schemas/user.json}}}", 0),
        ("{'$.all[*].age': {each: {all_of: [{schema: schemas/age.json}, {gt: 18}]}}}", 0),
        ("{'$.user.age': {any_of: [{schema: schemas/age.json}, {equals: 4}]}}", 1),
        ("{'$.user.age': {any_of: [{schema: schemas/age.json}, {equals: 3}]}}", 0),
        ("{text: {schema: schemas/text.json}}", 0),
        ("{$.none: {schema: schemas/user.json}}", 1),
        ("{$.none: {not: {schema: schemas/user.json}}}", 1),
        ("{one_of: {a: {$.user: {schema: schemas/user.json}}, b: {$.user: {present: true}}}}", 0),
    ] {
        let bench = bench(&server, expect)
            .file("schemas/age.json", r#"{"$ref": "parts/common.json#/$defs/age"}"#)
            .file("schemas/text.json", r#"{"type": "string", "minLength": 10}"#);
        assert_eq!(bench.run().code, expected, "{expect}");
    }
    assert_eq!(code("{'$.all[0]': {schema: ./schemas/../schemas/user.json}}"), 0);
    let ran = bench(&server, "{'$.all': {each: {schema: schemas/user.json}}}").run().exits(1);
    let assertion = failed(&ran);
    assert_eq!(assertion["violations"][0]["pointer"], "/all/1");
    assert_eq!(assertion["violations"][0]["wanted"], "the field `email`");
}

#[test]
fn a_body_that_is_not_json_fits_no_schema() {
    let server = Scripted::start(|_, _| {
        Reply::plain(200, "<title>Sign in</title>").with("Content-Type", "text/html")
    });
    let open = bench(&server, "{$: {schema: schemas/any.json}}").file("schemas/any.json", "true");
    open.run().exits(1).says("Sign in");
    let not = bench(&server, "{$: {not: {schema: schemas/none.json}}}");
    not.file("schemas/none.json", "false").run().exits(1);
}

#[test]
fn what_is_wrong_with_a_schema_is_said_before_anything_is_sent() {
    let server = serving(BODY);
    let refused = |file: &str, text: &str, says: &[&str]| {
        let bench = bench(&server, "{$: {schema: schemas/it.json}}").file(file, text);
        let ran = says.iter().fold(bench.run().exits(3), |ran, words| ran.says(words));
        assert_eq!(ran.said.matches("error[").count(), 1, "{}", ran.said);
    };
    let it = "schemas/it.json";
    refused("schemas/other.json", "{}", &["plan::missing-file", "schemas/it.json", "plan.yaml:4"]);
    refused(
        it,
        "{\"type\":\n  \"strng\"}",
        &["error[plan::bad-schema] schemas/it.json:2:3", "this schema", "in plan.yaml"],
    );
    refused(it, "{\"type\": }", &["schemas/it.json:1:10", "not JSON"]);
    refused(it, r#"{"$ref": "gone.json"}"#, &["plan::missing-file", "schemas/it.json:1:10"]);
    refused(it, r#"{"$ref": "../../x.json"}"#, &["schemas/it.json:1:10"]);
    refused(
        it,
        r#"{"items": {"$ref": "https://example.com/a.json"}}"#,
        &["schemas/it.json:1:20", "nothing is fetched", "save it beside this file"],
    );
    refused(it, r#"{"$ref": "user.json#/$defs/none"}"#, &["leads to nothing"]);
    assert_eq!(server.log().len(), 0);
}

#[test]
fn an_address_of_its_own_leads_to_the_files_beside_it() {
    let server = serving(r#"{"age": 3}"#);
    let user = r#"{"$id": "https://example.com/schemas/it.json", "type": "object",
        "properties": {"age": {"$ref": "parts/common.json#/$defs/age"}, "me": {"$ref": "https://example.com/schemas/it.json"}}}"#;
    let ran = bench(&server, "{$: {schema: schemas/it.json}}").file("schemas/it.json", user);
    let assertion = failed(&ran.run().exits(1));
    assert_eq!(assertion["violations"][0]["schema"]["path"], "schemas/parts/common.json");
}

#[test]
fn a_secret_in_what_does_not_fit_stays_secret() {
    let server = serving(r#"{"hk_live_a8Kd03jfLq92": 1}"#);
    let plan = format!(
        "plan: P\nsecrets: {{key: {{}}}}\nsteps:\n  - GET: {}/\n    auth: {{bearer: \"${{{{ secrets.key }}}}\"}}\n    \
         expect: {{$: {{schema: it.json}}}}\n",
        server.url()
    );
    let ran = Bench::plan(&plan)
        .file("it.json", r#"{"additionalProperties": false}"#)
        .variable("KEY", "hk_live_a8Kd03jfLq92")
        .run()
        .exits(1)
        .says("«secret:key»");
    assert!(!ran.said.contains("a8Kd03jfLq92"), "{}", ran.said);
    assert!(!ran.report.to_string().contains("a8Kd03jfLq92"));
}
