//! The registry's runs, and what is logged to them: parameters never change, metrics pile up.

use std::cmp::Reverse;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::experiments;
use super::filter::{Fact, Family, Filter, page};
use super::params::{Params, integer, missing};
use super::state::{Memory, Metric, Pairs, Run, put_list, show_pairs};

/// The states that a run can be in; others are read as none.
const STATUSES: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];

/// The keys of a filter over runs that need no prefix.
const ATTRIBUTES: [&str; 7] =
    ["run_id", "run_name", "status", "artifact_uri", "user_id", "start_time", "end_time"];

/// The most runs that one page may have, and how many it has where nothing is said.
const MOST: usize = 50_000;
const USUAL: usize = 1000;

pub(super) fn create(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let experiment_id = params.optional_text("experiment_id")?.unwrap_or_default();
    if experiment_id.is_empty() {
        return Err(Refusal::constraint("FOREIGN KEY constraint failed"));
    }
    let experiment_id = experiments::parse_id(experiment_id)?;
    let start_time = params.optional_integer("start_time")?.unwrap_or(0);
    let mut tags: Pairs = params.pairs("tags")?.into_iter().collect();
    let tagged = tags.get("mlflow.runName").cloned();
    let named = params.optional_text("run_name")?.filter(|name| !name.is_empty());
    let name = named.map(str::to_owned).or(tagged).unwrap_or_else(|| {
        let number = memory.keys.fresh_number(1000);
        format!("demo-run-{number}")
    });
    tags.insert("mlflow.runName".to_owned(), name.clone());
    let location = experiments::active(memory, experiment_id)?.artifact_location.clone();
    let id = memory.keys.fresh_id();
    let run = Run {
        experiment_id,
        name,
        user_id: params.optional_text("user_id")?.unwrap_or_default().to_owned(),
        status: "RUNNING".to_owned(),
        start_time,
        end_time: None,
        artifact_uri: format!("{location}/{id}/artifacts"),
        deleted: false,
        metrics: IndexMap::new(),
        params: Pairs::new(),
        tags,
    };
    let shown = json!({ "run": show(&id, &run, &[]) });
    memory.runs.insert(id, run);
    Ok(shown)
}

pub(super) fn get(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let run = memory.runs.get(id).ok_or_else(|| unknown(id))?;
    Ok(json!({ "run": show(id, run, &["outputs"]) }))
}

pub(super) fn update(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let status = params.optional_text("status")?.filter(|status| STATUSES.contains(status));
    let end_time = params.optional_integer("end_time")?;
    let name = params.optional_text("run_name")?;
    let run = active(memory, id)?;
    if let Some(status) = status {
        status.clone_into(&mut run.status);
    }
    if end_time.is_some() {
        run.end_time = end_time;
    }
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        name.clone_into(&mut run.name);
        run.tags.insert("mlflow.runName".to_owned(), name.to_owned());
    }
    Ok(json!({ "run_info": show_head(id, run) }))
}

pub(super) fn delete(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    set_deleted(memory, params, true)
}

pub(super) fn restore(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    set_deleted(memory, params, false)
}

pub(super) fn log_parameter(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let key = name_of("key", params.text("key")?)?;
    let value = params.optional_text("value")?.unwrap_or_default();
    let run = active(memory, id)?;
    check_param(id, run, key, value)?;
    run.params.insert(key.to_owned(), value.to_owned());
    Ok(json!({}))
}

pub(super) fn log_metric(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let key = name_of("key", params.text("key")?)?.to_owned();
    let value = params.number("value")?.clone();
    let timestamp = params.integer("timestamp")?;
    let step = params.optional_integer("step")?.unwrap_or(0);
    add_metric(active(memory, id)?, key, Metric { value, timestamp, step });
    Ok(json!({}))
}

/// Logs all of it or, where one part is refused, nothing.
pub(super) fn log_batch(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let mut metrics = Vec::new();
    for (place, metric) in params.list("metrics")?.iter().enumerate() {
        let lacks = |field: &str| missing(&format!("metrics[{place}].{field}"));
        let key = metric.get("key").and_then(Value::as_str).ok_or_else(|| lacks("key"))?;
        let value = metric.get("value").filter(|value| value.is_number() || value.is_string());
        let value = value.ok_or_else(|| lacks("value"))?.clone();
        let timestamp = metric.get("timestamp").and_then(integer);
        let timestamp = timestamp.ok_or_else(|| lacks("timestamp"))?;
        let step = metric.get("step").and_then(integer).unwrap_or(0);
        let key = name_of("key", key)?.to_owned();
        metrics.push((key, Metric { value, timestamp, step }));
    }
    let new_params = params.pairs("params")?;
    let tags = params.pairs("tags")?;
    let run = active(memory, id)?;
    for (key, value) in &new_params {
        check_param(id, run, key, value)?;
    }
    for (key, metric) in metrics {
        add_metric(run, key, metric);
    }
    run.params.extend(new_params);
    run.tags.extend(tags);
    Ok(json!({}))
}

pub(super) fn set_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let key = name_of("key", params.text("key")?)?;
    let value = params.optional_text("value")?.unwrap_or_default();
    active(memory, id)?.tags.insert(key.to_owned(), value.to_owned());
    Ok(json!({}))
}

pub(super) fn delete_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let key = params.text("key")?;
    let gone = active(memory, id)?.tags.shift_remove(key);
    let told = || format!("No tag with name: {key} in run with id {id}");
    gone.map(|_| json!({})).ok_or_else(|| Refusal::missing(told()))
}

pub(super) fn metric_history(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let key = params.text("metric_key")?;
    let run = memory.runs.get(id).ok_or_else(|| unknown(id))?;
    let points = run.metrics.get(key).into_iter().flatten();
    let mut answer = json!({});
    put_list(&mut answer, "metrics", points.map(|point| show_metric(key, point)).collect());
    Ok(answer)
}

pub(super) fn search(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let filter = Filter::parse(params.optional_text("filter")?.unwrap_or_default(), &ATTRIBUTES)?;
    let view = params.optional_text("run_view_type")?.unwrap_or("ACTIVE_ONLY");
    let experiments: Vec<&str> =
        params.list("experiment_ids")?.iter().filter_map(Value::as_str).collect();
    let in_view = |run: &Run| match view {
        "DELETED_ONLY" => run.deleted,
        "ALL" => true,
        _ => !run.deleted,
    };
    let mut found: Vec<(&String, &Run)> = memory
        .runs
        .iter()
        .filter(|(_, run)| experiments.contains(&run.experiment_id.to_string().as_str()))
        .filter(|(id, run)| in_view(run) && admits(&filter, id, run))
        .collect();
    found.sort_by_key(|(id, run)| (Reverse(run.start_time), *id));
    let page = page(found.into_iter(), params, USUAL, MOST)?;
    let mut answer = json!({});
    let list = page.items.iter().map(|(id, run)| show(id, run, &["outputs"])).collect();
    put_list(&mut answer, "runs", list);
    if let (Some(next), Some(fields)) = (page.next, answer.as_object_mut()) {
        fields.insert("next_page_token".into(), next.into());
    }
    Ok(answer)
}

/// The refusal of a run that is not there.
pub(super) fn unknown(id: &str) -> Refusal {
    Refusal::missing(format!("Run with id={id} not found"))
}

fn active<'a>(memory: &'a mut Memory, id: &str) -> Result<&'a mut Run, Refusal> {
    let run = memory.runs.get_mut(id).ok_or_else(|| unknown(id))?;
    if run.deleted {
        return Err(Refusal::invalid(format!(
            "The run {id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(run)
}

fn set_deleted(memory: &mut Memory, params: &Params, deleted: bool) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    memory.runs.get_mut(id).ok_or_else(|| unknown(id))?.deleted = deleted;
    Ok(json!({}))
}

/// Names become files in some stores, so one that would be another file is refused.
fn name_of<'a>(parameter: &str, name: &'a str) -> Result<&'a str, Refusal> {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    if name.split('/').any(odd) {
        return Err(Refusal::invalid(format!(
            "Invalid value \"{name}\" for parameter '{parameter}' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such."
        )));
    }
    Ok(name)
}

fn check_param(id: &str, run: &Run, key: &str, value: &str) -> Result<(), Refusal> {
    match run.params.get(key) {
        Some(old) if old != value => Err(Refusal::invalid(format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for run ID='{id}'. Attempted logging new value '{value}'."
        ))),
        Some(_) | None => Ok(()),
    }
}

fn add_metric(run: &mut Run, key: String, mut metric: Metric) {
    // A metric is a floating number, also where it was sent as 1.
    if let Some(number) = metric.value.as_i64().and_then(|_| metric.value.as_f64()) {
        metric.value = number.into();
    }
    let points = run.metrics.entry(key).or_default();
    if !points.contains(&metric) {
        points.push(metric);
    }
}

/// The point that counts: of the highest step the latest, of the latest the last that came.
fn latest(points: &[Metric]) -> Option<&Metric> {
    points.iter().max_by_key(|point| (point.step, point.timestamp))
}

fn admits(filter: &Filter, id: &str, run: &Run) -> bool {
    filter.admits(|family, key| match family {
        Family::Attribute => match key {
            "run_name" => Fact::Text(&run.name),
            "status" => Fact::Text(&run.status),
            "artifact_uri" => Fact::Text(&run.artifact_uri),
            "user_id" => Fact::Text(&run.user_id),
            "start_time" => Fact::Number(as_number(run.start_time)),
            "end_time" => run.end_time.map_or(Fact::Absent, |time| Fact::Number(as_number(time))),
            _ => Fact::Text(id),
        },
        Family::Tag => run.tags.get(key).map_or(Fact::Absent, |value| Fact::Text(value)),
        Family::Param => run.params.get(key).map_or(Fact::Absent, |value| Fact::Text(value)),
        Family::Metric => {
            let point = run.metrics.get(key).and_then(|points| latest(points));
            let number = point.and_then(|point| point.value.as_f64());
            number.map_or(Fact::Absent, Fact::Number)
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact for 285,000 years")]
fn as_number(time: i64) -> f64 {
    time as f64
}

fn show_metric(key: &str, point: &Metric) -> Value {
    json!({ "key": key, "value": point.value, "timestamp": point.timestamp, "step": point.step })
}

fn show_head(id: &str, run: &Run) -> Value {
    let mut head = json!({
        "run_uuid": id,
        "experiment_id": run.experiment_id.to_string(),
        "run_name": run.name,
        "user_id": run.user_id,
        "status": run.status,
        "start_time": run.start_time,
    });
    if let Some(fields) = head.as_object_mut() {
        if let Some(end_time) = run.end_time {
            fields.insert("end_time".into(), end_time.into());
        }
        let stage = if run.deleted { "deleted" } else { "active" };
        fields.insert("artifact_uri".into(), run.artifact_uri.as_str().into());
        fields.insert("lifecycle_stage".into(), stage.into());
        fields.insert("run_id".into(), id.into());
    }
    head
}

fn show(id: &str, run: &Run, empty_parts: &[&str]) -> Value {
    let mut data = json!({});
    let metrics = run
        .metrics
        .iter()
        .filter_map(|(key, points)| latest(points).map(|point| show_metric(key, point)));
    put_list(&mut data, "metrics", metrics.collect());
    put_list(&mut data, "params", show_pairs(&run.params));
    put_list(&mut data, "tags", show_pairs(&run.tags));
    let mut shown = json!({ "info": show_head(id, run), "data": data, "inputs": {} });
    if let Some(fields) = shown.as_object_mut() {
        for part in empty_parts {
            fields.insert((*part).to_owned(), json!({}));
        }
    }
    shown
}
