//! Documents written by hand from the specifications, and what is said of requests and responses.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::source::SourceSet;

const THREE: &str = include_str!("../../tests/data/contracts/petstore-3.0.yaml");
const TWO: &str = include_str!("../../tests/data/contracts/petstore-2.0.json");
const AUTH: &str = include_str!("../../plans/specs/auth.openapi.yaml");
const MLFLOW: &str = include_str!("../../tests/data/contracts/mlflow.yaml");

/// One more thing that was said, under what was asked.
macro_rules! show {
    ($out:ident, $told:expr) => {
        let _ = writeln!($out, "# {}\n{}", stringify!($told), $told);
    };
}

struct Read {
    document: Document,
    sources: SourceSet,
}

fn read(text: &str) -> Read {
    read_all(&[("spec.yaml", text, &[])])
}

/// A path, its text, and its links: the path as written, and which file it means.
type TestFile<'a> = (&'a str, &'a str, &'a [(&'a str, usize)]);

/// Each file with its links: the path as written, and which file it means.
fn read_all(files: &[TestFile<'_>]) -> Read {
    let mut sources = SourceSet::default();
    let mut read = Vec::new();
    for (path, text, links) in files {
        let id = sources.add(*path, *text);
        let mut file = SpecFile::read(sources.get(id).unwrap()).unwrap();
        file.links = links.iter().map(|(path, index)| ((*path).to_owned(), *index)).collect();
        read.push(file);
    }
    Read { document: Document::new(read).unwrap(), sources }
}

impl Read {
    fn bound(&self, method: &str, path: &str) -> String {
        let segments: Vec<Known<String>> = path
            .trim_start_matches('/')
            .split('/')
            .map(|s| if s == "?" { Known::Unknown } else { Known::Known(s.to_owned()) })
            .collect();
        match self.document.bind(method, &segments) {
            Binding::To(operation, values) => {
                let mut said = operation.label();
                for (name, value) in values {
                    let _ = write!(said, " {name}={}", value.known().map_or("?", |v| v.as_str()));
                }
                said
            }
            Binding::Method { path, methods, .. } => format!("{path} has {}", methods.join(" ")),
            Binding::Path { near } => {
                near.map_or_else(|| "nothing".to_owned(), |near| format!("near {}", near.path))
            }
            Binding::Unknown => "unknown".to_owned(),
        }
    }

    /// What is said of a request that was recorded: `code message @ the document's text`.
    fn asked(&self, line: &str, headers: &[(&str, &str)], body: Option<Value>) -> Vec<String> {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let body = body.map(|body| body.to_string());
        if body.is_some() && !all.iter().any(|(name, _)| name == "Content-Type") {
            all.push(("Content-Type".into(), "application/json".into()));
        }
        let body = body.unwrap_or_default();
        let shape = RequestShape::recorded(method, path, query, (&all, body.as_bytes()));
        let Binding::To(operation, values) =
            self.document.bind(method, shape.path.as_deref().unwrap())
        else {
            return vec![format!("not bound: {}", self.bound(method, path))];
        };
        let judged = self.document.judge_request(operation, &values, &shape);
        assert!(judged.complete, "all of a recorded request is known");
        judged.breaches.iter().map(|breach| self.told(breach)).collect()
    }

    fn told(&self, breach: &Breach) -> String {
        let said = breach.said.map_or("-", |place| self.text(place));
        let code = breach.code.as_str().trim_start_matches("contract::");
        format!("{code}: {} @ {said}", breach.message)
    }

    fn text(&self, place: Place) -> &str {
        self.sources.get(place.source).unwrap().slice(place.span)
    }

    fn answered(
        &self,
        operation: &str,
        answer: (u16, &[(&str, &str)], Option<Value>),
    ) -> Vec<String> {
        let (status, headers, json) = answer;
        let operation =
            self.document.operations().iter().find(|one| one.is_called(operation)).unwrap();
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        if json.is_some() && !all.iter().any(|(name, _)| name == "Content-Type") {
            all.push(("Content-Type".into(), "application/json; charset=utf-8".into()));
        }
        let shape = ResponseShape {
            status,
            headers: &all,
            json: json.as_ref(),
            is_empty: json.is_none(),
            is_of_head: false,
        };
        let answered = self.document.judge_response(operation, &shape);
        answered
            .misfits
            .iter()
            .map(|misfit| {
                let at = misfit.pointer.as_deref().unwrap_or(&misfit.part);
                let said = misfit.place.map_or("-", |place| self.text(place));
                let mild = if misfit.is_mild { " (mild)" } else { "" };
                format!("{at}: {}{mild} @ {said}", misfit.wanted)
            })
            .collect()
    }
}

fn pet() -> Value {
    json!({"id": 1, "name": "Rex", "status": "sold", "owner": {"email": "a@example.com"}})
}

#[test]
fn a_literal_beats_a_template_and_what_is_not_known_is_not_denied() {
    let read = read(THREE);
    assert_eq!(read.bound("GET", "/pets/mine"), "GET /pets/mine");
    assert_eq!(read.bound("GET", "/pets/7"), "GET /pets/{petId} petId=7");
    // A template of the plan may be the literal, and is the template for certain.
    assert_eq!(read.bound("GET", "/pets/?"), "GET /pets/{petId} petId=?");
    assert_eq!(read.bound("GET", "/?"), "unknown");
    assert_eq!(
        read.bound("GET", "/pets/7/photo.png"),
        "GET /pets/{petId}/photo.{kind} petId=7 kind=png"
    );
    assert_eq!(read.bound("DELETE", "/pets"), "/pets has GET POST");
    assert_eq!(read.bound("GET", "/pet"), "near /pets");
    assert_eq!(read.bound("GET", "/invoices/7/items"), "nothing");
}

#[test]
fn the_path_of_a_server_may_stand_before_the_paths() {
    let read = read(THREE);
    assert_eq!(read.bound("GET", "/v1/pets"), "GET /pets");
    assert_eq!(read.bound("GET", "/v2/pets"), "near /pets");
    let two = super::tests::read(TWO);
    assert_eq!(two.bound("GET", "/v2/pet/3"), "GET /pet/{petId} petId=3");
    assert_eq!(two.bound("GET", "/pet/findByStatus"), "GET /pet/findByStatus");
}

#[test]
fn a_server_with_variables_and_one_of_a_path_may_stand_before_the_paths_too() {
    let document = |servers: &str, of_path: &str| {
        read(&format!(
            "openapi: 3.0.3\ninfo: {{title: t, version: '1'}}\nservers: {servers}\npaths:\n  /x:\n    \
             {of_path}\n    get: {{responses: {{'200': {{description: ok}}}}}}\n"
        ))
    };
    let free = "[{url: 'https://api.ex.com/api/v{n}', variables: {n: {default: '2'}}}]";
    let free = document(free, "summary: s");
    for path in ["/x", "/api/v2/x", "/api/v31/x"] {
        assert_eq!(free.bound("GET", path), "GET /x", "{path}");
    }
    for path in ["/api/2/x", "/ap/v2/x", "/api/v2/y"] {
        assert!(free.bound("GET", path).starts_with("near"), "{path}");
    }
    let listed = "[{url: '/api/v{n}', variables: {n: {default: '2', enum: ['1', '2']}}}]";
    let listed = document(listed, "summary: s");
    assert_eq!(listed.bound("GET", "/api/v1/x"), "GET /x");
    assert_eq!(listed.bound("GET", "/api/v3/x"), "near /x");
    let whole = "[{url: '{scheme}://h/{base}', variables: {scheme: {default: http}, base: {default: a/b}}}]";
    let whole = document(whole, "summary: s");
    assert_eq!(whole.bound("GET", "/a/b/x"), "GET /x");
    assert_eq!(whole.bound("GET", "/c/x"), "GET /x");
    assert_eq!(whole.bound("GET", "/c/d/x"), "unknown", "which of it is the base is not sure");
    let of_path = document("[{url: /}]", "servers: [{url: 'https://files.ex.com/up'}]");
    assert_eq!(of_path.bound("GET", "/up/x"), "GET /x");
    assert_eq!(of_path.bound("GET", "/down/x"), "near /x");
}

#[test]
fn a_request_as_the_document_wants_it_is_not_complained_about() {
    let three = read(THREE);
    let key = [("X-Api-Key", "k")];
    let none: Vec<String> = Vec::new();
    assert_eq!(three.asked("GET /pets?limit=10&status=sold&tags=a&tags=b", &key, None), none);
    let body = json!({"name": "Rex", "secret": "s", "status": null, "nickname": null, "owner": null,
        "labels": {"a": "b"}, "extra": {"anything": 1}, "default": true});
    assert_eq!(three.asked("POST /pets", &key, Some(body)), none);
    assert_eq!(three.asked("GET /pets/mine", &[], None), none);
    let bearer = [("Authorization", "Bearer t"), ("Content-Type", "application/vnd.animal+json")];
    let cat = json!({"kind": "cat", "name": "Tom", "lives": 9});
    assert_eq!(three.asked("POST /animals", &bearer, Some(cat)), none);
    let two = read(TWO);
    let basic = [("Authorization", "Basic dTpw")];
    let pet = json!({"name": "Rex", "photoUrls": [], "note": "n"});
    assert_eq!(two.asked("POST /v2/pet", &basic, Some(pet)), none);
    assert_eq!(two.asked("GET /v2/pet/3?api_key=k", &[], None), none);
    let auth = read(AUTH);
    let key = json!({"api_key": "k", "service_id": null});
    assert_eq!(auth.asked("POST /auth/api/v1/keys/validate", &[], Some(key)), none);
    let mlflow = read(MLFLOW);
    assert_eq!(
        mlflow.asked("GET /api/2.0/mlflow/experiments/search?max_results=1", &[], None),
        none
    );
    let run = json!({"experiment_id": "0", "start_time": 1_795_353_393_790_i64});
    assert_eq!(mlflow.asked("POST /api/2.0/mlflow/runs/create", &[], Some(run)), none);
}

#[test]
fn what_is_missing_unknown_or_wrong_is_told_with_the_line_of_the_document() {
    let mut out = String::new();
    let three = read(THREE);
    let key = [("X-Api-Key", "k")];
    show!(out, three.asked("GET /pets?limit=0&sttus=sold", &key, None).join("\n"));
    show!(
        out,
        three
            .asked("GET /pets?status=gone", &[("X-Api-Key", "k"), ("X-Trace", "abc")], None)
            .join("\n")
    );
    let body = json!({"nme": "Rex", "weight": 0, "owner": {"email": "nobody", "age": 3}});
    show!(out, three.asked("POST /pets", &key, Some(body)).join("\n"));
    show!(out, three.asked("POST /pets", &key, None).join("\n"));
    show!(out, three.asked("DELETE /pets/x", &key, None).join("\n"));
    show!(out, three.asked("DELETE /pets/1", &key, Some(json!({}))).join("\n"));
    let text = [("X-Api-Key", "k"), ("Content-Type", "text/plain")];
    show!(out, three.asked("POST /pets", &text, Some(json!({}))).join("\n"));
    let two = read(TWO);
    let basic = [("Authorization", "Basic dTpw")];
    show!(out, two.asked("POST /pet", &basic, Some(json!({"name": 3, "x": 1}))).join("\n"));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    show!(out, two.asked("POST /pet/1", &form, Some(json!("age=x"))).join("\n"));
    show!(out, two.asked("GET /pet/findByStatus?limit=10", &[], None).join("\n"));
    insta::assert_snapshot!(out);
}

#[test]
fn a_value_that_no_alternative_takes_is_told_by_the_one_that_was_meant() {
    let mut out = String::new();
    let three = read(THREE);
    let media = [("X-Api-Key", "k"), ("Content-Type", "application/vnd.animal+json")];
    let ask = |body: Value| three.asked("POST /animals", &media, Some(body)).join("\n");
    show!(out, ask(json!({"kind": "cat", "name": "Tom", "lives": 10})));
    show!(out, ask(json!({"kind": "dog", "name": "Rex", "lives": 3})));
    show!(out, ask(json!({"kind": "dog", "name": "Rex", "bark": {"volume": "loud"}})));
    show!(out, ask(json!({"name": "Tom", "lives": 3})));
    insta::assert_snapshot!(out);
}

#[test]
fn a_credential_that_is_wanted_and_not_sent_is_named() {
    let mut out = String::new();
    let three = read(THREE);
    show!(out, three.asked("GET /pets?limit=1", &[], None).join("\n"));
    show!(out, three.asked("POST /animals", &[], None).join("\n"));
    let auth = read(AUTH);
    let bearer = [("Authorization", "Bearer k")];
    let ask = |body| auth.asked("POST /api/v1/keys/validate", &bearer, body).join("\n");
    show!(out, ask(Some(json!({"service_id": "platform"}))));
    show!(out, ask(None));
    insta::assert_snapshot!(out);
}

/// A secret in a header, beside a body without it: a plan that plays the proxy of the story.
#[test]
fn a_secret_in_the_wrong_place_is_told_together_with_the_right_one() {
    let mut out = String::new();
    let auth = read(AUTH);
    let mut request = RequestShape::recorded(
        "POST",
        "/api/v1/keys/validate",
        "",
        (&[("Content-Type".into(), "application/json".into())], br#"{"service_id": "platform"}"#),
    );
    let secret = |name: &str| Field {
        name: name.to_owned(),
        place: None,
        perhaps: false,
        shape: Shape { secrets: vec!["api_key".into()], ..Shape::unknown(None) },
    };
    request.headers.known.push(secret("Authorization"));
    let judge = |request: &RequestShape| {
        let Binding::To(operation, values) =
            auth.document.bind("POST", request.path.as_deref().unwrap())
        else {
            panic!("it is bound");
        };
        let judged = auth.document.judge_request(operation, &values, request);
        let told: Vec<String> = judged
            .breaches
            .iter()
            .map(|breach| format!("{}\n  {}", auth.told(breach), breach.help.join("; ")))
            .collect();
        told.join("\n")
    };
    show!(out, judge(&request));
    // The twin: in the body it is in its place, and a second copy in a header is not.
    let Payload::Json(Shape { value: Value3::Object(fields), .. }) = &mut request.body.payload
    else {
        panic!("an object");
    };
    fields.push(secret("api_key"));
    show!(out, judge(&request));
    request.headers.known.retain(|field| field.name != "Authorization");
    assert_eq!(judge(&request), "");
    insta::assert_snapshot!(out);
}

#[test]
fn a_response_as_documented_is_not_complained_about() {
    let none: Vec<String> = Vec::new();
    let three = read(THREE);
    let next: &[(&str, &str)] = &[("X-Next", "2")];
    assert_eq!(three.answered("listPets", (200, next, Some(json!([pet(), pet()])))), none);
    assert_eq!(three.answered("deletePet", (204, &[], None)), none);
    let problem: &[(&str, &str)] = &[("Content-Type", "application/problem+json")];
    let body = json!({"title": "No", "detail": null});
    assert_eq!(three.answered("listPets", (418, problem, Some(body.clone()))), none);
    assert_eq!(three.answered("createPet", (500, problem, Some(body))), none);
    let mine = json!({"any": ["thing"]});
    assert_eq!(three.answered("myPets", (200, &[], Some(mine))), none);
    let png: &[(&str, &str)] = &[("Content-Type", "image/png")];
    assert_eq!(three.answered("photo", (200, png, None)), none);
    let two = read(TWO);
    let pet = json!({"id": 1, "name": "Rex", "photoUrls": ["a"], "note": null});
    assert_eq!(two.answered("getPet", (200, &[("X-Rate-Limit", "5")], Some(pet))), none);
    assert_eq!(two.answered("getPet", (404, &[], None)), none);
    let auth = read(AUTH);
    let valid = json!({"is_valid": true, "scopes": ["a"], "rate_limit_per_hour": 1000});
    assert_eq!(auth.answered("validate_key", (200, &[], Some(valid))), none);
    let detail = json!({"detail": [{"loc": ["body", 1], "msg": "m", "type": "t"}]});
    assert_eq!(auth.answered("validate_key", (422, &[], Some(detail))), none);
}

#[test]
fn what_of_a_response_is_not_as_documented_is_told() {
    let mut out = String::new();
    let three = read(THREE);
    let next: &[(&str, &str)] = &[("X-Next", "two")];
    let wrong = json!([{"id": "1", "name": "", "secret": 1, "color": "red", "status": "gone",
        "owner": {"email": "x", "age": 3}, "extra": {"free": 1}, "labels": {"a": 1}}]);
    show!(out, three.answered("listPets", (200, next, Some(wrong))).join("\n"));
    show!(out, three.answered("listPets", (200, &[], Some(json!([])))).join("\n"));
    show!(out, three.answered("deletePet", (200, &[], None)).join("\n"));
    let html: &[(&str, &str)] = &[("Content-Type", "text/html")];
    show!(out, three.answered("getPet", (200, html, None)).join("\n"));
    show!(out, three.answered("getPet", (200, &[], None)).join("\n"));
    let text: &[(&str, &str)] = &[("Content-Type", "application/json")];
    show!(out, three.answered("getPet", (200, text, None)).join("\n"));
    let animal: &[(&str, &str)] = &[("Content-Type", "application/vnd.animal+json")];
    let dog = json!({"kind": "dog", "name": "Rex", "bark": {}});
    show!(out, three.answered("createAnimal", (200, animal, Some(dog))).join("\n"));
    let two = read(TWO);
    let pet = json!({"id": 1, "photoUrls": "a"});
    show!(out, two.answered("getPet", (200, &[("X-Rate-Limit", "many")], Some(pet))).join("\n"));
    let auth = read(AUTH);
    show!(out, auth.answered("validate_key", (401, &[], Some(json!({"detail": "no"})))).join("\n"));
    insta::assert_snapshot!(out);
}

#[test]
fn a_document_of_several_files_is_followed_into_each() {
    let mut out = String::new();
    let files: &[TestFile<'_>] = &[
        (
            "split.yaml",
            include_str!("../../tests/data/contracts/split.yaml"),
            &[("parts/things.yaml", 1)],
        ),
        (
            "things.yaml",
            include_str!("../../tests/data/contracts/parts/things.yaml"),
            &[("common.json", 2)],
        ),
        ("common.json", include_str!("../../tests/data/contracts/parts/common.json"), &[]),
    ];
    let read = read_all(files);
    show!(out, read.asked("GET /things", &[], None).join("\n"));
    let wrong = json!([{"id": "a", "parts": [{"id": 1}, {"name": "b"}]}]);
    show!(out, read.answered("things", (200, &[], Some(wrong))).join("\n"));
    let right = json!([{"id": "a", "parts": [{"id": "b", "parts": []}]}]);
    assert!(read.answered("things", (200, &[], Some(right))).is_empty());
    insta::assert_snapshot!(out);
}

#[test]
fn a_text_that_is_no_document_and_a_reference_to_nothing_are_told() {
    let mut out = String::new();
    let told = |text: &str| {
        let mut sources = SourceSet::default();
        let id = sources.add("spec.yaml", text);
        let found = SpecFile::read(sources.get(id).unwrap())
            .and_then(|file| Document::new(vec![file]).map(drop));
        let findings = found.expect_err("it is none");
        crate::yaml::testing::render(sources.get(id).unwrap(), &findings)
    };
    show!(out, told("plan: Health\n"));
    show!(out, told("openapi: 4.0.0\npaths: {}\n"));
    show!(out, told(""));
    show!(
        out,
        told(
            "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      responses:\n        '200': {$ref: '#/components/responses/Gone'}\n"
        )
    );
    show!(out, told("openapi: 3.0.0\npaths:\n\t/a: 1\n"));
    insta::assert_snapshot!(out);
}

#[test]
fn a_schema_that_cannot_be_used_says_nothing() {
    let text = THREE.replace("{type: string, minLength: 1}", "{type: string, pattern: '('}");
    assert_ne!(text, THREE);
    let read = read(&text);
    let wrong = json!({"id": "not a number", "name": "x"});
    assert!(read.answered("getPet", (200, &[], Some(wrong))).is_empty());
}
