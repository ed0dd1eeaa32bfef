//! What the registry answers to each of its calls, without a connection.

use std::sync::Arc;

use serde_json::json;

use super::super::keys::Keys;
use super::*;

/// A fresh memory and a short way to call it.
struct Registry(State);

impl Registry {
    fn new() -> Self {
        let keys = Arc::new(Keys::generate().expect("random bytes"));
        Self(State::new(Fault::None, &keys))
    }

    fn try_call(&self, name: &str, body: &Value) -> Result<Value, Refusal> {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let (_, _, call) =
            CALLS.iter().find(|(m, p, _)| (*m, *p) == (method, path)).expect("a call");
        call(&mut self.0.lock(), &Params::of_body(body.to_string().as_bytes()))
    }

    fn call(&self, name: &str, body: &Value) -> Value {
        self.try_call(name, body).expect(name)
    }

    fn refused(&self, name: &str, body: &Value) -> String {
        self.try_call(name, body).expect_err(name).message
    }

    /// A run in the default experiment.
    fn run(&self) -> String {
        let made = self.call("POST runs/create", &json!({ "experiment_id": "0" }));
        made["run"]["info"]["run_id"].as_str().expect("an id").to_owned()
    }
}

#[test]
fn a_path_names_its_call_under_both_prefixes() {
    for prefix in ["/api/2.0", "/ajax-api/2.0"] {
        let path = format!("{prefix}/mlflow/registered-models/alias");
        let found = target(&path);
        assert_eq!(found, Target::Call("registered-models/alias"));
        assert_eq!(allowed(&found), ["POST", "GET", "DELETE"]);
    }
    assert_eq!(target("/api/2.0/mlflow-artifacts/artifacts/a/b"), Target::Artifact("a/b"));
    assert!(allowed(&target("/api/2.0/mlflow/nope")).is_empty());
    assert!(allowed(&target("/api/3.0/mlflow/experiments/search")).is_empty());
}

#[test]
fn no_call_stands_twice_in_the_table() {
    for (place, (method, path, _)) in CALLS.iter().enumerate() {
        let again = CALLS.iter().skip(place + 1).any(|(m, p, _)| (m, p) == (method, path));
        assert!(!again, "{method} {path}");
    }
}

#[test]
fn parameters_never_change_and_a_refused_batch_logs_nothing() {
    let registry = Registry::new();
    let id = registry.run();
    let param = |value: &str| json!({ "run_id": id, "key": "c", "value": value });
    registry.call("POST runs/log-parameter", &param("1"));
    registry.call("POST runs/log-parameter", &param("1"));
    let told = registry.refused("POST runs/log-parameter", &param("2"));
    assert!(told.contains("value='1'") && told.contains("value '2'"), "{told}");

    let batch = json!({
        "run_id": id,
        "metrics": [{ "key": "f1", "value": 1, "timestamp": 1 }],
        "params": [{ "key": "c", "value": "2" }],
        "tags": [{ "key": "t", "value": "v" }],
    });
    registry.refused("POST runs/log-batch", &batch);
    let data = registry.call("GET runs/get", &json!({ "run_id": id }))["run"]["data"].clone();
    assert!(data.get("metrics").is_none(), "{data}");
    assert_eq!(data["params"], json!([{ "key": "c", "value": "1" }]));
}

#[test]
fn a_metric_shows_its_latest_point_and_keeps_its_history() {
    let registry = Registry::new();
    let id = registry.run();
    for (value, timestamp, step) in [(1, 1, 0), (3, 1, 2), (2, 9, 1)] {
        let point = json!({
            "run_id": id, "key": "loss", "value": value, "timestamp": timestamp, "step": step,
        });
        registry.call("POST runs/log-metric", &point);
    }
    let run = registry.call("GET runs/get", &json!({ "run_id": id }));
    assert_eq!(run["run"]["data"]["metrics"][0]["value"].as_f64(), Some(3.0));
    let history = json!({ "run_id": id, "metric_key": "loss" });
    let history = registry.call("GET metrics/get-history", &history);
    assert_eq!(history["metrics"].as_array().map(Vec::len), Some(3));
    let search = |filter: &str| {
        let found = json!({ "experiment_ids": ["0"], "filter": filter });
        registry.call("POST runs/search", &found)["runs"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((search("metrics.loss > 2.5"), search("metrics.loss > 3")), (1, 0));
}

#[test]
fn a_deleted_run_takes_no_logs_until_it_is_restored() {
    let registry = Registry::new();
    let id = registry.run();
    let tag = json!({ "run_id": id, "key": "k", "value": "v" });
    registry.call("POST runs/delete", &json!({ "run_id": id }));
    assert!(registry.refused("POST runs/set-tag", &tag).contains("must be in the 'active' state"));
    registry.call("POST runs/restore", &json!({ "run_id": id }));
    registry.call("POST runs/set-tag", &tag);
}

#[test]
fn a_deleted_experiment_hides_keeps_its_name_and_comes_back_with_its_runs() {
    let registry = Registry::new();
    let made = registry.call("POST experiments/create", &json!({ "name": "e" }));
    let id = json!({ "experiment_id": made["experiment_id"] });
    let run = registry.call("POST runs/create", &id)["run"]["info"]["run_id"].clone();
    let names = || {
        let found = registry.call("POST experiments/search", &json!({ "max_results": 10 }));
        let found = found["experiments"].as_array().expect("experiments").clone();
        found.iter().map(|it| it["name"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["e", "Default"]);
    registry.call("POST experiments/delete", &id);
    assert_eq!(names(), ["Default"]);
    assert!(registry.refused("POST experiments/delete", &id).contains("No Experiment"));
    assert!(registry.refused("POST runs/create", &id).contains("Current state is deleted"));
    let taken = registry.refused("POST experiments/create", &json!({ "name": "e" }));
    assert!(taken.contains("already exists"), "{taken}");
    registry.call("POST experiments/restore", &id);
    let stage = registry.call("GET runs/get", &json!({ "run_id": run }));
    assert_eq!(stage["run"]["info"]["lifecycle_stage"], json!("active"));
}

#[test]
fn versions_count_on_and_one_of_a_stage_archives_the_other() {
    let registry = Registry::new();
    registry.call("POST registered-models/create", &json!({ "name": "m" }));
    let source = json!({ "name": "m", "source": "s3://bucket/m" });
    let make = || registry.call("POST model-versions/create", &source)["model_version"].clone();
    assert_eq!((&make()["version"], &make()["version"]), (&json!("1"), &json!("2")));
    registry.call("DELETE model-versions/delete", &json!({ "name": "m", "version": "2" }));
    assert_eq!(make()["version"], json!("3"));

    let stage = |version: &str, archive: bool| {
        let change = json!({
            "name": "m", "version": version, "stage": "production",
            "archive_existing_versions": archive,
        });
        registry.call("POST model-versions/transition-stage", &change);
    };
    let stage_of = |version: &str| {
        let one =
            registry.call("GET model-versions/get", &json!({ "name": "m", "version": version }));
        one["model_version"]["current_stage"].as_str().expect("a stage").to_owned()
    };
    stage("1", false);
    stage("3", true);
    assert_eq!((stage_of("1"), stage_of("3")), ("Archived".to_owned(), "Production".to_owned()));
}

#[test]
fn a_renamed_model_takes_its_versions_and_aliases_along() {
    let registry = Registry::new();
    for name in ["m", "taken"] {
        registry.call("POST registered-models/create", &json!({ "name": name }));
    }
    registry.call("POST model-versions/create", &json!({ "name": "m", "source": "s3://b/m" }));
    let alias = json!({ "name": "m", "alias": "champion", "version": "1" });
    registry.call("POST registered-models/alias", &alias);
    let to = |name: &str| json!({ "name": "m", "new_name": name });
    assert!(registry.refused("POST registered-models/rename", &to("taken")).contains("taken"));
    registry.call("POST registered-models/rename", &to("n"));
    assert!(
        registry.refused("GET registered-models/get", &json!({ "name": "m" })).contains("name=m")
    );
    let asked = json!({ "name": "n", "alias": "champion" });
    let champion = registry.call("GET registered-models/alias", &asked);
    assert_eq!(champion["model_version"]["aliases"], json!(["champion"]));
}

#[test]
fn an_alias_points_at_a_version_that_is_there() {
    let registry = Registry::new();
    registry.call("POST registered-models/create", &json!({ "name": "m" }));
    registry.call("POST model-versions/create", &json!({ "name": "m", "source": "s3://b/m" }));
    let set = |alias: &str, version: &str| {
        let body = json!({ "name": "m", "alias": alias, "version": version });
        registry.try_call("POST registered-models/alias", &body).map_err(|refusal| refusal.message)
    };
    assert!(set("champion", "9").is_err_and(|told| told.contains("version=9")));
    assert!(set("champion", "x").is_err_and(|told| told.contains("must be an integer")));
    assert!(set("Latest", "1").is_err_and(|told| told.contains("reserved")));
    assert!(set("v12", "1").is_err_and(|told| told.contains("reserved")));
    assert!(set("a b", "1").is_err_and(|told| told.contains("Invalid alias name")));
    assert!(set("champion", "1").is_ok());
    registry.call("DELETE model-versions/delete", &json!({ "name": "m", "version": "1" }));
    let told = registry
        .refused("GET registered-models/alias", &json!({ "name": "m", "alias": "champion" }));
    assert_eq!(told, "Registered model alias champion not found.");
}

#[test]
fn a_version_comes_from_a_remote_store_or_out_of_its_own_run() {
    let registry = Registry::new();
    registry.call("POST registered-models/create", &json!({ "name": "m" }));
    let run = registry.run();
    let from = |source: &str, run_id: &str| {
        let body = json!({ "name": "m", "source": source, "run_id": run_id });
        registry.try_call("POST model-versions/create", &body).is_ok()
    };
    assert!(from("s3://bucket/m", ""));
    assert!(from(&format!("runs:/{run}/model"), &run));
    for (source, run_id) in [
        (format!("runs:/{run}/model"), ""),
        (format!("runs:/{run}/model"), "another"),
        ("runs:/another/model".to_owned(), "another"),
        ("/etc/passwd".to_owned(), &run),
        ("file:///etc/passwd".to_owned(), &run),
        ("relative/path".to_owned(), &run),
        ("mlflow-artifacts:/../../etc".to_owned(), &run),
        ("s3://bucket/%2e%2e/x".to_owned(), &run),
    ] {
        assert!(!from(&source, run_id), "{source}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_type() {
    let registry = Registry::new();
    let told =
        |value: Value| registry.refused("POST registered-models/create", &json!({ "name": value }));
    for (value, kind) in [
        (json!(42), "int"),
        (json!(4.5), "float"),
        (json!(true), "bool"),
        (json!(["a"]), "list"),
        (json!({ "a": 1 }), "dict"),
    ] {
        let told = told(value);
        assert!(told.contains(&format!("of type '{kind}'")), "{told}");
    }
    for missing in [json!(null), json!("")] {
        assert!(told(missing).starts_with("Missing value for required parameter 'name'"));
    }
    assert!(told(json!("a/b")).starts_with("Invalid model name"));
}
