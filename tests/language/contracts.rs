//! Contracts: a plan against its OpenAPI documents before anything is sent, and a response against
//! what is documented of it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

const AUTH: &str = include_str!("../../plans/specs/auth.openapi.yaml");
const PETS: &str = include_str!("../data/contracts/petstore-3.0.yaml");

/// A plan whose steps belong to the auth service's document.
fn auth(steps: &str) -> Bench {
    bench("auth", AUTH, steps)
}

fn pets(steps: &str) -> Bench {
    bench("pets", PETS, steps)
}

fn bench(name: &str, document: &str, steps: &str) -> Bench {
    let plan = format!(
        "plan: P\ncontracts:\n  {name}: {{spec: specs/{name}.yaml, base: \"${{{{ env.url }}}}\"}}\nvars: {{limit: 10, word: many}}\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: \"${{{{ env.url }}}}\"}}\non_failure: continue\nsteps:\n{steps}"
    );
    // Each step may use them, and need not.
    let plan = plan.replace("steps:\n", "steps:\n  - {GET: \"http://127.0.0.1:9/${{ limit }}/${{ word }}\", headers: {X: \"${{ secrets.api_key }}\"}, skip: unused}\n");
    Bench::plan(&plan)
        .file(&format!("specs/{name}.yaml"), document)
        .environment("here", "environment: here\nvars: {url: \"http://api.test\"}\n")
        .variable("API_KEY", "hk_live_0123456789abcdef")
}

/// What `check` says of the steps of a plan, without the frames: codes, messages and help.
fn told(bench: &Bench) -> String {
    let ran = bench.on(&["check", "plan.yaml", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.said).expect("JSON");
    let mut said = String::new();
    for finding in document["findings"].as_array().expect("findings") {
        let _ = writeln!(
            said,
            "{}: {}",
            finding["code"].as_str().unwrap_or_default().trim_start_matches("contract::"),
            finding["message"].as_str().unwrap_or_default()
        );
    }
    said
}

#[test]
fn a_plan_that_plays_the_proxy_is_told_where_the_key_belongs_and_nothing_is_sent() {
    let proxy = "  - name: As the proxy asks\n    POST: /api/v1/keys/validate\n    auth: {bearer: \"${{ secrets.api_key }}\"}\n    json: {service_id: platform}\n    expect: {$.is_valid: true}\n";
    let ran = auth(proxy).check().exits(0);
    insta::assert_snapshot!(ran.said);
    let error = auth(proxy).with(&["--strict"]).check().exits(3);
    assert!(error.said.contains("contract::missing-credential"), "{}", error.said);
    // The twin: the key in the body is what the document wants.
    let sound = "  - name: As the document says\n    POST: /api/v1/keys/validate\n    json: {service_id: platform, api_key: \"${{ secrets.api_key }}\"}\n    expect: {$.is_valid: true}\n";
    assert_eq!(told(&auth(sound)), "");
}

/// The plan of root causes marks the step that asks as the proxy does; without the mark it is told.
#[test]
fn the_plan_of_root_causes_without_its_mark_is_told_of_the_missing_credential() {
    let plan = include_str!("../../plans/root-cause.yaml");
    let check = |plan: &str| {
        Bench::plan(plan)
            .file("specs/auth.openapi.yaml", AUTH)
            .environment("here", "environment: here\nvars: {auth_url: \"http://auth.test\", registry_url: \"http://registry.test\", service_id: platform}\n")
            .check()
            .exits(0)
            .said
    };
    let marked = check(plan);
    assert!(!marked.contains("contract::"), "{marked}");
    let lines = plan.lines().filter(|line| !line.contains("violates_contract:"));
    let said = check(&lines.collect::<Vec<_>>().join("\n"));
    for due in ["contract::missing-credential", "body field", "`api_key`", "required: [api_key]"] {
        assert!(said.contains(due), "{due}: {said}");
    }
}

#[test]
fn every_kind_of_violation_is_told_at_the_line_of_the_plan_and_of_the_document() {
    let steps = r#"  - GET: /pets?limit=${{ word }}
    headers: {X-Api-Key: "${{ secrets.api_key }}", X-Trace: abc}
    query: {sttus: sold}
    expect:
      status: [200, 302]
      $[0].nam: {present: true}
      $[0].weight: "12"
      $[0].name: {type: integer}
      $[0].status: {in: [gone, lost]}
  - POST: /pets
    headers: {X-Api-Key: "${{ secrets.api_key }}"}
    json: {nme: Rex, weight: heavy, owner: {email: nobody, age: 3}}
    capture: {pet: $.idd}
  - POST: /pets
    headers: {X-Api-Key: "${{ secrets.api_key }}"}
    expect: {$.detail: "${{ pet }}"}
  - PUT: /pets
  - GET: /pet
  - GET: /pets?limit=1
  - GET: /pets/mine
    auth: {bearer: "${{ secrets.api_key }}"}
"#;
    let ran = pets(steps).check().exits(0);
    insta::assert_snapshot!(ran.said);
}

#[test]
fn what_is_not_known_before_the_run_is_not_wrong() {
    let steps = r#"  - GET: /pets/${{ case.id }}
    matrix: {id: [1, x]}
    headers: {X-Api-Key: "${{ secrets.api_key }}"}
    expect: {status: "${{ 200 }}", '$..name': {present: true}, $.labels.any: x, $.extra.free: 1}
    capture: {name: $.name, pet: {json: $.none, default: 1}}
  - POST: /pets
    headers: {X-Api-Key: "${{ secrets.api_key if name == 'x' else omit }}"}
    json: {name: "${{ name }}", secret: "${{ pet }}", status: "${{ name }}", owner: {email: "${{ name }}"}}
  - GET: /pets?limit=${{ limit }}
    cookies: {a: b}
    headers: {X-Api-Key: "${{ secrets.api_key }}"}
  - GET: ${{ env.url }}/${{ name | raw }}
  - GET: ${{ env.url }}${{ name }}
  - GET: http://elsewhere.test/pets/nothing
  - {GET: "/pets?limit=1", expect: {status: [401, 403], text: {contains: no}}}
  - HEAD: /pets
"#;
    assert_eq!(told(&pets(steps)), "");
}

#[test]
fn a_body_that_is_written_as_text_and_sent_as_json_is_looked_at() {
    let step = |kind: &str, text: &str| {
        told(&auth(&format!(
            "  - POST: /api/v1/keys/validate\n    headers: {{Content-Type: {kind}}}\n    text: '{text}'\n    expect: {{$.is_valid: false}}\n"
        )))
    };
    let sound = r#"{"service_id": "platform", "api_key": "a"}"#;
    assert_eq!(step("application/json", sound), "");
    let said = step("application/json", r#"{"service_id": 5, "api_key": "a"}"#);
    assert!(said.starts_with("bad-value:") && said.lines().count() == 1, "{said}");
    // What a template gives is not known.
    assert_eq!(step("application/json", r#"{"service_id": ${{ limit }}, "api_key": "a"}"#), "");
}

#[test]
fn a_deliberate_violation_is_left_alone_and_one_that_violates_nothing_is_told() {
    let post = |fields: &str, more: &str| {
        format!(
            "  - POST: /api/v1/keys/validate\n    json: {{{fields}}}\n    expect: {{status: 422, $.detail: {{present: true}}}}\n{more}"
        )
    };
    let marked = "    violates_contract: the key is missing\n";
    assert_eq!(told(&auth(&post("service_id: platform", marked))), "");
    insta::assert_snapshot!(told(&auth(&post("api_key: some-key", marked))), @"not-violating: the request is as the document wants it
");
    // Unknown values may break it.
    assert_eq!(told(&auth(&post("api_key: \"${{ secrets.api_key }}\"", marked))), "");
    let unmarked = told(&auth(&post("service_id: platform", "")));
    assert!(unmarked.starts_with("missing-credential"), "{unmarked}");
}

#[test]
fn a_step_about_a_contract_that_belongs_to_none_is_an_error() {
    let ran = Bench::plan("plan: P\ncontracts: {pets: {spec: specs/pets.yaml, base: \"http://api.test\"}}\nsteps:\n  - GET: http://elsewhere.test/\n    expect: {contract: true}\n")
        .file("specs/pets.yaml", PETS)
        .check();
    let said = ran.exits(3).said;
    for due in
        ["contract::unbound", "lies under the `base` of no contract", "nothing to compare with"]
    {
        assert!(said.contains(due), "{due}: {said}");
    }
    let none = Bench::plan(
        "plan: P\nsteps:\n  - GET: http://elsewhere.test/\n    violates_contract: why not\n",
    );
    let said = none.check().exits(3).said;
    assert!(said.contains("contract::unbound") && said.contains("name the document"), "{said}");
    pets("  - GET: /pets/mine\n    expect: {contract: true}\n").check().exits(0);
}

#[test]
fn exceptions_hold_up_to_their_day_and_only_for_what_they_name() {
    let plan = |ignore: &str, more: &str| {
        Bench::plan(&format!("plan: P\ncontracts:\n  pets:\n    spec: specs/pets.yaml\n    base: http://api.test\n{more}    ignore:\n      - {ignore}\nsteps:\n  - GET: http://api.test/pets/mine?color=red\n"))
            .file("specs/pets.yaml", PETS)
    };
    let entry = |operation: &str, code: &str, until: &str| {
        format!("{{operation: {operation}, code: {code}, reason: it lags behind, until: {until}}}")
    };
    assert_eq!(told(&plan(&entry("GET /pets/mine", "unknown-field", "2999-12-31"), "")), "");
    assert_eq!(told(&plan(&entry("myPets", "contract::unknown-field", "2999-12-31"), "")), "");
    let other = told(&plan(&entry("myPets", "bad-value", "2999-12-31"), ""));
    assert!(other.starts_with("unknown-field"), "{other}");
    let over = plan(&entry("myPets", "unknown-field", "2020-01-31"), "").check().exits(3).said;
    assert!(over.contains("contract::expired-ignore") && over.contains("it lags behind"), "{over}");
    let nobody = told(&plan(&entry("myPet", "unknown-field", "2999-12-31"), ""));
    assert!(nobody.contains("unused-ignore: the document has no operation `myPet`"), "{nobody}");
    let strict = "    on_violation: error\n";
    plan(&entry("myPets", "bad-value", "2999-12-31"), strict).check().exits(3);
    plan(&entry("myPets", "unknown-field", "2999-12-31"), strict).check().exits(0);
    let bad = plan("{operation: myPets, code: unknwn-field, until: soon}", "").check().exits(3);
    for said in ["did you mean `unknown-field`?", "`reason`", "not a date"] {
        assert!(bad.said.contains(said), "{said}: {}", bad.said);
    }
}

#[test]
fn the_contracts_of_the_project_count_and_a_plan_may_say_otherwise() {
    let plan = |own: &str| {
        Bench::plan(&format!("plan: P\n{own}steps:\n  - GET: http://api.test/pets/mine?color=red\n"))
            .file("planrun.yaml", "project: Test\ncontracts: {pets: {spec: specs/pets.yaml, base: \"http://api.test\"}}\n")
            .file("specs/pets.yaml", PETS)
            .file("more/pets.yaml", PETS)
    };
    assert!(told(&plan("")).starts_with("unknown-field"));
    let own = "contracts: {pets: {spec: more/pets.yaml, base: \"http://elsewhere.test\"}}\n";
    assert_eq!(told(&plan(own)), "");
}

#[test]
fn a_document_that_cannot_be_used_ends_it_before_the_run() {
    let ran = bench("pets", "openapi: 3.0.0\npaths:\n  /a: {$ref: b.yaml#/a}\n", "  - GET: /a\n")
        .check()
        .exits(3);
    assert!(ran.said.contains("there is no file `b.yaml`"), "{}", ran.said);
    assert!(ran.said.contains("specs/pets.yaml:3"), "{}", ran.said);
    let ran = bench("pets", "plan: no\n", "  - GET: /a\n").check().exits(3);
    assert!(ran.said.contains("contract::bad-document"), "{}", ran.said);
    let ran =
        bench("pets", "openapi: 3.0.0\npaths: {/a: {$ref: 'http://x.test/a'}}\n", "  - GET: /a\n");
    assert!(ran.check().exits(3).said.contains("nothing is fetched"));
}

/// A pet store that answers with what is asked for, by the path.
fn store() -> Scripted {
    Scripted::start(|seen, _| {
        let pet = r#"{"id": 1, "name": "Rex", "owner": {"email": "a@example.com"}}"#;
        match seen.path() {
            "/pets/1" => Reply::json(200, pet),
            "/pets/2" => Reply::json(
                200,
                r#"{"id": "2", "color": "red", "owner": {"email": "nobody"}, "status": null}"#,
            ),
            "/pets/3" => Reply::json(200, r#"{"id": 3, "name": "Rex", "color": "red"}"#),
            "/pets/4" => Reply::json(503, r#"{"title": "busy"}"#),
            "/pets/5" => Reply::plain(200, "<p>Rex").with("Content-Type", "text/html"),
            "/pets/6" => Reply::plain(302, "").with("Location", "/pets/2"),
            "/pets/7" if seen.method == "DELETE" => Reply::plain(204, ""),
            "/pets" => Reply::json(200, "[]"),
            _ => Reply::json(404, "{}").with("Content-Type", "application/problem+json"),
        }
    })
}

fn at_store(server: &Scripted, steps: &str) -> Ran {
    Bench::plan(&format!(
        "plan: P\ncontracts: {{pets: {{spec: specs/pets.yaml, base: \"{0}\"}}}}\ndefaults: {{base_url: \"{0}\", headers: {{X-Api-Key: k}}}}\non_failure: continue\nsteps:\n{steps}",
        server.url()
    ))
    .file("specs/pets.yaml", PETS)
    .run()
}

/// The assertions about contracts of a step that do not hold.
fn failed(ran: &Ran, step: usize) -> Vec<Value> {
    let assertions = ran.step(step)["attempts"][0]["assertions"].as_array().expect("assertions");
    let of_contract = assertions.iter().filter(|one| one["subject"] == "contract");
    of_contract.filter(|one| one["passed"] == false).cloned().collect()
}

#[test]
fn a_response_as_documented_passes_and_each_place_that_is_not_is_told() {
    let server = store();
    let steps = "  - {GET: /pets/1, expect: {contract: true}}\n  - {GET: /pets/2, expect: {contract: true}}\n  - {DELETE: /pets/7, expect: {contract: true}}\n";
    let ran = at_store(&server, steps).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed", "passed"]);
    let failed = failed(&ran, 1);
    let violations = failed[0]["violations"].as_array().expect("violations");
    let told: Vec<String> = violations
        .iter()
        .map(|one| {
            format!(
                "{} wants {} ({}:{})",
                one["pointer"], one["wanted"], one["schema"]["path"], one["schema"]["line"]
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(failed[0]["expected"]["operand"], "GET /pets/{petId}");
    assert_eq!(failed[1]["severity"], "warning");
    // What is printed shows the body and the document.
    assert!(ran.said.contains("specs/pets.yaml"), "{}", ran.said);
    let used = &ran.step(1)["attempts"][0]["contract"];
    assert_eq!(used["operation"], "GET /pets/{petId}");
    assert_eq!(used["pointer"], "/paths/~1pets~1{petId}/get");
    assert_eq!((&used["response"], &used["validated"]), (&"200".into(), &true.into()));
}

#[test]
fn an_undocumented_field_is_a_warning_and_nothing_else_fails() {
    let server = store();
    let ran = at_store(&server, "  - {GET: /pets/3, expect: {contract: true}}\n").exits(0);
    let failed = failed(&ran, 0);
    assert_eq!((failed.len(), &failed[0]["severity"]), (1, &"warning".into()));
    assert_eq!(failed[0]["violations"][0]["pointer"], "/color");
}

#[test]
fn status_media_type_and_the_final_hop_are_held_against_the_document() {
    let server = store();
    let steps = "  - {GET: /pets/4, expect: {status: any, contract: true}}\n  - {GET: /pets/5, expect: {contract: true}}\n  - {GET: /pets/6, follow_redirects: true, expect: {contract: true}}\n  - {GET: /pets/8, expect: {status: 404, contract: true}}\n  - {GET: /elsewhere, expect: {status: 404, contract: true}}\n  - {GET: /pets/4, expect: {status: any}, warn: {contract: true}}\n";
    let ran = at_store(&server, steps).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "failed", "failed", "failed", "failed", "passed"]);
    let note = |step: usize| failed(&ran, step)[0]["note"].as_str().unwrap_or_default().to_owned();
    insta::assert_snapshot!([0, 1, 2, 3, 4, 5].map(note).join("\n"));
}

#[test]
fn each_outcome_may_ask_for_its_contract() {
    let server = store();
    let steps = "  - GET: /pets/2\n    expect:\n      one_of:\n        sound: {contract: true}\n        other: {$.color: red}\n";
    let ran = at_store(&server, steps).exits(0);
    assert_eq!(ran.step(0)["attempts"][0]["outcome"], "other");
    let steps = steps.replace("/pets/2", "/pets/1");
    let ran = at_store(&server, &steps).exits(0);
    assert_eq!(ran.step(0)["attempts"][0]["outcome"], "sound");
}

#[test]
fn the_key_of_a_contract_is_refused_where_it_means_nothing() {
    let steps = "  - GET: /pets/1\n    poll: {every: 1ms, for: 1s, give_up: {contract: true}}\n    expect: {contract: maybe}\n";
    let said = pets(steps).check().exits(3).said;
    assert!(said.contains("`contract` has no meaning under `give_up`"), "{said}");
    assert!(said.contains("true or false"), "{said}");
}

#[test]
fn coverage_tells_what_was_called_validated_and_asserted_and_a_ratchet_holds_it() {
    let server = store();
    let plan = |steps: &str| {
        format!(
            "plan: P\ncontracts: {{pets: {{spec: specs/pets.yaml, base: \"{0}\"}}}}\ndefaults: {{base_url: \"{0}\", headers: {{X-Api-Key: k}}}}\non_failure: continue\nsteps:\n{steps}",
            server.url()
        )
    };
    let all = "  - {GET: /pets/1, expect: {$.name: Rex, contract: true}}\n  - {DELETE: /pets/7, expect: {contract: true}}\n  - {GET: /pets?limit=1}\n  - {GET: /elsewhere, expect: {status: 404, text: {present: true}}}\n  - {GET: /pets/mine, skip: not today}\n";
    let bench = Bench::plan(&plan(all)).file("specs/pets.yaml", PETS);
    let ran = bench.run();
    assert_eq!(ran.verdicts(), ["passed", "passed", "passed", "passed", "skipped"], "{}", ran.said);
    let told = bench.on(&["coverage", "--contracts"]).exits(0).said;
    for due in [
        "pets (specs/pets.yaml)",
        "operations  3 of 7 called, 2 validated, 1 asserted",
        "asserted      GET /pets/{petId}",
        "never called  POST /animals",
        "pets: GET /elsewhere 404",
    ] {
        assert!(told.contains(due), "{due}: {told}");
    }
    let ratchet = ["coverage", "--contracts", "--ratchet", "pets.ratchet.json", "--format", "json"];
    let data: Value = serde_json::from_str(&bench.on(&ratchet).exits(0).said).expect("JSON");
    assert_eq!(data["contracts"][0]["operations"][3]["level"], "asserted");
    assert_eq!(data["undocumented"][0]["operation"], "GET /elsewhere");
    let held: Value = serde_json::from_str(&bench.read("pets.ratchet.json")).expect("JSON");
    assert_eq!(held["pets"]["DELETE /pets/{petId}"], "validated");
    assert_eq!(held["pets"]["GET /pets query limit"], "called");
    // Less is covered: what was lost is told, and the file stays.
    let less = all.replace("  - {DELETE: /pets/7, expect: {contract: true}}\n", "");
    let bench = bench.file("plan.yaml", &plan(&less));
    bench.run();
    let lost = bench.on(&ratchet).exits(1).said;
    assert!(lost.contains("`DELETE /pets/{petId}` was validated, and is not used"), "{lost}");
    let still: Value = serde_json::from_str(&bench.read("pets.ratchet.json")).expect("JSON");
    assert_eq!(held, still);
    bench.on(&["coverage"]).exits(2);
    let bench = bench.file("pets.ratchet.json", "[]");
    assert!(bench.on(&ratchet).exits(2).said.contains("not a ratchet"));
}

/// A plan that asks a proxy; the auth service's document is bound elsewhere.
fn behind(server: &Scripted, base: &str, steps: &str) -> Bench {
    let plan = format!(
        "plan: P\ncontracts:\n  auth: {{spec: specs/auth.yaml, base: \"{base}\"}}\nsteps:\n{steps}"
    );
    let environment = format!("environment: here\nvars: {{url: \"{}\"}}\n", server.url());
    // A default, so that commands that take no environment find theirs too.
    Bench::plan(&plan)
        .file("specs/auth.yaml", AUTH)
        .file("environments/here.yaml", &environment)
        .file("planrun.yaml", "project: Test\ndefault_environment: here\n")
}

/// The line of the document, from 1, that begins a field of the request.
fn line_of(text: &str) -> String {
    let line = AUTH.lines().position(|line| line.contains(text)).expect("a line") + 1;
    format!("specs/auth.yaml:{line}:")
}

const QUOTED: &str = r#"{"detail": "no", "upstream": {"status": 422, "body": {"detail": [{"loc": ["body", "api_key"], "msg": "Field required"}]}}}"#;

#[test]
fn the_line_of_the_document_stands_beside_a_field_that_a_quoted_answer_names() {
    let server = Scripted::start(|_, _| Reply::json(401, QUOTED));
    let steps = "  - GET: ${{ env.url }}/models\n    headers: {X-Key: abcd}\n";
    let bench = behind(&server, "http://auth.test", steps);
    let ran = bench.run().exits(1).says("it says of `body.api_key`: Field required");
    let part = &ran.step(0)["attempts"][0]["documented"][0];
    assert_eq!(part["at"]["path"], "specs/auth.yaml");
    assert_eq!(part["operation"], "POST /api/v1/keys/validate");
    let ran = ran.says("the document of `auth` has it: POST");
    ran.says("specs/auth.yaml:");
    let bug = bench.on(&["bug-report"]).said;
    assert!(
        bug.contains("in contract `auth`, POST /api/v1/keys/validate: specs/auth.yaml:"),
        "{bug}"
    );
    // The twin: a field that the document does not have.
    let other = QUOTED.replace("api_key", "colour");
    let server = Scripted::start(move |_, _| Reply::json(401, &other));
    let ran = behind(&server, "http://auth.test", steps).run().exits(1);
    assert!(!ran.said.contains("the document of"), "{}", ran.said);
    assert_eq!(ran.step(0)["attempts"][0]["documented"], serde_json::json!([]));
}

#[test]
fn the_nearest_documented_path_stands_beside_a_404_of_one_that_is_not() {
    let server = Scripted::start(|_, _| Reply::json(404, r#"{"detail": "Not Found"}"#));
    let steps = "  - POST: ${{ env.url }}/api/v1/keys/validat\n    json: {}\n";
    let bench = behind(&server, "${{ env.url }}", steps);
    let ran = bench.run().exits(1);
    let ran = ran.says("the document of `auth` does not know `POST");
    let ran = ran.says("the document knows `POST /api/v1/keys/validate`, the nearest");
    let ran = ran.says(&line_of("/api/v1/keys/validate"));
    ran.says("ask for `POST /api/v1/keys/validate`");
    let bug = bench.on(&["bug-report"]).said;
    assert!(bug.contains("nearest is POST /api/v1/keys/validate: specs/auth.yaml:"), "{bug}");
    // The twin: what no path is near to.
    let steps = "  - GET: ${{ env.url }}/weather\n";
    let ran = behind(&server, "${{ env.url }}", steps).run().exits(1);
    assert!(!ran.said.contains("the nearest"), "{}", ran.said);
}
