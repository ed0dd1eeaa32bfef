//! `--dry-run`: what would be sent, as far as that can be known, and nothing is.

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

/// Everything that a request can hold, in setup, steps, groups, cases and cleanup.
fn whole(server: &Misbehaving) -> Project {
    let project = Project::new();
    let plan = "plan: Everything
tags: [all]
vars: {model: my-model}
secrets: {api_key: {}}
defaults: {base_url: \"URL/base\", auth: {bearer: \"${{ secrets.api_key }}\"}}
setup:
  - {id: login, POST: /login, form: {user: me, key: \"${{ secrets.api_key }}\"}, capture: {token: $.token, uid: $.id}}
steps:
  - id: create
    name: Create ${{ model }}
    POST: /models/${{ uid }}
    headers: {X-Plan: \"${{ plan.name }}\", X-Step: \"${{ step.id }}\", X-Run: \"${{ run.id }}\"}
    query: {a: \"b c\", t: \"${{ token }}\"}
    json: {name: \"${{ model }}\", owner: \"${{ uid }}\", count: 1, status: \"${{ steps.login.status }}\"}
    retry: {times: 2}
  - name: Read ${{ case.n }}
    matrix: {n: [1, 2]}
    needs: [create]
    GET: /read/${{ case.n }}
  - {GET: \"/sum/${{ uid | int + 1 }}\", poll: {every: 1s, for: 10s}}
  - {GET: /later, skip: broken}
  - parallel:
      - GET: /left
      - {GET: /right, if: steps.create.sent}
  - assert: [1 == 1]
cleanup:
  - DELETE: /models/${{ uid }}
";
    project.write("p.yaml", &plan.replace("URL", &server.url("")));
    project
}

#[test]
fn every_selected_request_is_shown_masked_and_none_is_sent() {
    let server = Misbehaving::start();
    let project = whole(&server);
    let key = "hk_live_0123456789abcdef";
    for given in [&[][..], &[("API_KEY", key)]] {
        // No secret has to be there.
        let ran = project.run_with(&["p.yaml", "--dry-run"], given).ends(0).never_says(key);
        assert!(ran.err.is_empty(), "{}", ran.err);
        insta::assert_snapshot!("whole", ran.out.replace(&server.url(""), "http://h"));
    }
    assert_eq!(server.log().len(), 0);
    assert!(!project.path(".planrun").exists());
}

#[test]
fn programs_are_told_the_same() {
    let server = Misbehaving::start();
    let project = whole(&server);
    let key = "hk_live_0123456789abcdef";
    let args = ["p.yaml", "--dry-run", "--format", "json"];
    let ran = project.run_with(&args, &[("API_KEY", key)]).ends(0).never_says(key);
    let plans = json(&ran.out);
    assert_eq!(plans[0]["plan"], "Everything");
    let steps = plans[0]["steps"].as_array().expect("steps");
    let create = &steps[1];
    assert_eq!(create["id"], "create");
    assert_eq!(create["place"], "p.yaml:9:5");
    let request = &create["request"];
    let url = server.url("/base/models/{uid}?a=b%20c&t={token}");
    assert_eq!((&request["method"], &request["url"]), (&"POST".into(), &url.into()));
    let headers = request["headers"].as_array().expect("headers");
    let bearer = serde_json::json!(["Authorization", "Bearer «secret:api_key»"]);
    assert!(headers.contains(&bearer), "{headers:?}");
    let body = json(request["body"]["text"].as_str().expect("a text"));
    assert_eq!(body["owner"], "{uid}");
    assert_eq!(body["status"], "{steps.login.status}");
    let cases: Vec<_> = steps.iter().filter_map(|step| step["case"].as_str()).collect();
    assert_eq!(cases, ["1", "2"]);
    let sum = steps.iter().find(|step| step["unknown"].is_string()).expect("one is unknown");
    assert_eq!(sum["unknown"], "it computes with `uid`");
    assert_eq!(sum["request"]["url"], "/sum/${{ uid | int + 1 }}");
    assert_eq!(sum["terms"]["poll"], "for 10.00 s");
    project.run(&["p.yaml", "--format", "json"]).ends(2).says("--dry-run");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn only_what_is_selected_is_shown() {
    let server = Misbehaving::start();
    let project = whole(&server);
    let shown = |args: &[&str]| {
        let mut all = vec!["p.yaml", "--dry-run"];
        all.extend(args);
        project.run(&all).ends(0).out
    };
    let some = shown(&["--step", "create"]);
    assert!(
        some.contains("/login") && some.contains("/models") && !some.contains("/read"),
        "{some}"
    );
    let some = shown(&["-E", "step(Read)"]);
    assert!(some.contains("/read/2") && !some.contains("/sum"), "{some}");
    let some = shown(&["--until", "create"]);
    assert!(some.contains("3 requests of 1 plan"), "{some}");
    project.run(&["p.yaml", "--dry-run", "-t", "none"]).ends(4);
    let invalid = project.read("p.yaml").replace("${{ model }}", "${{ modle }}");
    project.write("p.yaml", &invalid);
    project.run(&["p.yaml", "--dry-run"]).ends(3).says("did you mean `model`?");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn every_case_of_a_plan_is_shown() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P\nmatrix: {who: {ada: 1, bob: 2}}\nsteps:\n  - GET: http://h/${{ case.who }}\n",
    );
    let ran = project.run(&["p.yaml", "--dry-run"]).ends(0);
    ran.says("P [ada] · p.yaml").says("> GET http://h/1").says("P [bob]").says("> GET http://h/2");
    // In a listing it is one plan.
    let listed = project.run(&["list", "p.yaml"]).ends(0);
    assert_eq!(listed.out, "p.yaml  P  2 cases\n  4  GET http://h/${{ case.who }}\n");
    assert_eq!(json(&project.run(&["list", "p.yaml", "--format", "json"]).out)[0]["cases"], 2);
}

#[cfg(feature = "demo")]
#[test]
fn no_service_is_started_and_what_it_would_give_is_a_placeholder() {
    let project = Project::new();
    project.write(
        "environments/e.yaml",
        "environment: e\nservices: {registry: {builtin: demo}}\n\
         vars: {url: \"${{ services.registry.url }}\", service: \"${{ services.registry.service_id }}\"}\n",
    );
    project.write(
        "p.yaml",
        "plan: P\nsteps:\n  - id: s\n    POST: ${{ env.url }}/models\n    text: of ${{ env.service }}\n",
    );
    project
        .run(&["p.yaml", "-e", "e", "--dry-run"])
        .ends(0)
        .says("> POST http://{services.registry.url}/models")
        .says("> of {services.registry.service_id}");
    let line = project.run(&["curl", "p.yaml", "-e", "e", "--step", "s"]).ends(0).out;
    assert!(line.contains("'http://{services.registry.url}/models'"), "{line}");
}

#[test]
fn a_field_that_is_named_like_a_secret_and_made_of_one_names_that_one() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P\nsecrets: {api_key: {}}\nsteps:\n  - id: s\n    POST: http://127.0.0.1:1/x\n    headers: {X-Api-Key: \"k ${{ secrets.api_key }}\", X-Token: written}\n    json: {password: \"p-${{ secrets.api_key }}\", secret: written}\n",
    );
    let line = project.run(&["curl", "p.yaml", "--step", "s"]).ends(0).out;
    for part in ["-H 'X-Api-Key: k '\"$API_KEY\"", "{\"password\":\"p-'\"$API_KEY\"'\""] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
    // The twin: what is written in the plan and named like a secret has no name to be called by.
    assert!(!line.contains("written"), "{line}");
    assert!(line.contains("X-Token: «secret»"), "{line}");
}

#[test]
fn a_parameter_that_is_named_like_a_secret_and_made_of_one_names_that_one() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P
secrets: {api_key: {}}
defaults: {base_url: http://127.0.0.1:1}
steps:
  - {id: query, GET: \"/x?token=k-${{ secrets.api_key }}&password=written\", query: {api_key: \"& ${{ secrets.api_key }}\"}}
  - {id: form, POST: /x, form: {password: \"p ${{ secrets.api_key }}\", secret: written}}
  - {id: parts, POST: /x, multipart: {password: \"p ${{ secrets.api_key }}\", secret: written}}
",
    );
    for (step, named, masked) in [
        ("query", "--data-urlencode token=k-\"$API_KEY\"", "password=«secret»"),
        ("query", "--data-urlencode 'api_key=& '\"$API_KEY\"", "password=«secret»"),
        ("form", "--data-urlencode 'password=p '\"$API_KEY\"", "'secret=«secret»'"),
        ("parts", "--form-string 'password=p '\"$API_KEY\"", "'secret=«secret»'"),
    ] {
        let line = project.run(&["curl", "p.yaml", "--step", step]).ends(0).out;
        assert!(line.contains(named), "no `{named}` in {line}");
        // The twin: what is written in the plan and named like a secret has no name to be called by.
        assert!(line.contains(masked) && !line.contains("written"), "{line}");
    }
}

#[test]
fn bodies_that_are_not_held_in_memory_are_described() {
    let server = Misbehaving::start();
    let project = Project::new();
    let steps = "  - id: parts
    POST: URL/x
    multipart:
      note: \"first ${{ secrets.api_key }}\\nsecond\"
      token: abcdefgh
      photo: {file: data/a.png, type: image/png, filename: photo.png}
      more: [{file: data/a.png}, b]
  - {PUT: URL/x, file: data/a.png}
  - {PUT: URL/x, file: \"data/${{ id }}.png\"}
  - {POST: URL/x, generate: {size: 3MiB, seed: 7}}
  - {POST: URL/x, graphql: {query: \"{ me }\", variables: {k: \"${{ secrets.api_key }}\"}}}
";
    let plan = format!(
        "plan: Bodies\nsecrets: {{api_key: {{}}}}\nsetup:\n  - {{GET: URL/x, capture: {{id: $.id}}}}\nsteps:\n{steps}"
    );
    project.write("p.yaml", &plan.replace("URL", &server.url("")));
    project.write("data/a.png", "0123456789");
    let ran = project.run(&["p.yaml", "--dry-run", "--seed", "1"]).ends(0);
    let shown = ran.out.replace(&server.url(""), "http://h");
    insta::assert_snapshot!("bodies", shown);
    let args = ["p.yaml", "--dry-run", "--format", "json"];
    let plans = json(&project.run(&args).ends(0).out);
    let body = |step: usize| plans[0]["steps"][step]["request"]["body"].clone();
    assert_eq!(body(1)["parts"][2]["filename"], "photo.png");
    assert_eq!(body(2), serde_json::json!({"file": "data/a.png", "size": 10}));
    assert_eq!(body(4), serde_json::json!({"seed": 7, "size": 3 << 20}));
    assert_eq!(server.log().len(), 0);
}
