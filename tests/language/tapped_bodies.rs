//! A body that went through a tap is known: what cannot be read as what it is sent as is wrong.

use crate::bench::{Bench, Ran};
use crate::scripted::Scripted;

const DOCUMENT: &str = r#"openapi: 3.1.0
info: {title: d, version: "1"}
paths:
  /v:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [k], properties: {k: {type: string}}}
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [k]
              properties: {k: {type: integer, maximum: 9}, name: {type: string, minLength: 2}, l: {type: array, items: {type: integer}}}
          text/plain: {schema: {type: string, minLength: 5}}
      responses: {"200": {description: ok}}
  /json:
    post:
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
"#;

/// A plan that plays the service sends this to a tap.
fn sends(mode: &str, path: &str, (media, body): (&str, &str)) -> Ran {
    let server = Scripted::ok();
    let environment = format!(
        "environment: here\ntaps:\n  dep: {{forward: \"{}\", contract: dep, mode: {mode}}}\nvars: {{tap: \"${{{{ taps.dep.url }}}}\"}}\n",
        server.url()
    );
    let plan = format!(
        "plan: P\ncontracts:\n  dep: {{spec: dep.yaml, base: http://127.0.0.1:9}}\nsteps:\n  - POST: ${{{{ env.tap }}}}{path}\n    headers: {{Content-Type: {media}}}\n    text: '{body}'\n    expect: {{status: 200, hops: {{dep: {{contract: true}}}}}}\n"
    );
    Bench::plan(&plan).file("dep.yaml", DOCUMENT).environment("here", &environment).run()
}

#[test]
fn a_body_that_is_not_what_it_is_sent_as_breaks_the_contract() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let none = "\"${{ omit }}\"";
    for (path, sent, told) in [
        ("/v", (json, r#"{"k":"#), "the body is not JSON"),
        ("/v", (json, "k=v"), "the body is not JSON"),
        ("/v", (json, "<html>"), "the body is not JSON"),
        ("/json", (none, "k=v"), ""),
        ("/v", (form, "k=a"), "`k` wants type integer"),
        ("/v", (form, "k=12"), "`k` wants"),
        ("/v", (form, "k=1&name=1"), "`name` wants"),
        ("/v", ("text/plain", "abc"), "the body wants"),
        ("/v", ("text/plain", "12"), "the body wants"),
    ] {
        let ran = sends("observe", path, sent).exits(1).says(told);
        assert!(ran.failures(0).iter().any(|one| one.contains("contract")), "{}", ran.said);
        let ran = sends("enforce", path, sent).exits(1);
        assert!(ran.step(0)["attempts"][0]["taps"][0]["refused"].is_string(), "{}", ran.said);
    }
    let ran = sends("observe", "/v", (json, "{}")).exits(1);
    let breach = &ran.step(0)["attempts"][0]["taps"][0]["contract"]["breaches"][0];
    assert_eq!(breach["message"], "the body field `k` is required, and it is not sent");
    // The twins.
    for (path, sent) in [
        ("/v", (json, r#"{"k":"v"}"#)),
        ("/json", (none, "{}")),
        ("/v", (form, "k=1&name=12&l=1")),
        ("/v", (form, "k=1&l=1&l=2")),
        ("/v", ("text/plain", "abcde")),
        ("/v", ("text/plain", "12345")),
    ] {
        sends("observe", path, sent).exits(0);
        sends("enforce", path, sent).exits(0);
    }
}
