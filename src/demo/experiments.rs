//! The registry's experiments: deleting one hides it and keeps its name taken.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::filter::{Fact, Family, Filter, not_positive, page};
use super::params::Params;
use super::state::{Experiment, Memory, now_ms, put_list, show_pairs};

/// The most experiments that one page may have.
const MOST: usize = 50_000;

pub(super) fn create(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?.to_owned();
    let location = params.optional_text("artifact_location")?.filter(|text| !text.is_empty());
    let tags = params.pairs("tags")?.into_iter().collect();
    if memory.experiments.values().any(|experiment| experiment.name == name) {
        return Err(Refusal::exists(format!(
            "Experiment(name={name}) already exists. Error: UNIQUE constraint failed: experiments.workspace, experiments.name"
        )));
    }
    let location = location.map(str::to_owned);
    let id = memory.add_experiment(name, tags, location);
    Ok(json!({ "experiment_id": id.to_string() }))
}

pub(super) fn get(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let experiment = memory.experiments.get(&id).ok_or_else(|| unknown(id))?;
    Ok(json!({ "experiment": show(id, experiment) }))
}

pub(super) fn get_by_name(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("experiment_name")?;
    let found = memory.experiments.iter().find(|(_, experiment)| experiment.name == name);
    let (id, experiment) = found
        .ok_or_else(|| Refusal::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(json!({ "experiment": show(*id, experiment) }))
}

pub(super) fn update(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let name = params.text("new_name")?;
    if memory.experiments.iter().any(|(other, it)| *other != id && it.name == name) {
        return Err(Refusal::constraint(
            "UNIQUE constraint failed: experiments.workspace, experiments.name",
        ));
    }
    let experiment = active(memory, id)?;
    name.clone_into(&mut experiment.name);
    experiment.updated = now_ms();
    Ok(json!({}))
}

pub(super) fn delete(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let experiment = memory.experiments.get_mut(&id).filter(|it| !it.deleted);
    let experiment = experiment.ok_or_else(|| unknown(id))?;
    experiment.deleted = true;
    experiment.updated = now_ms();
    for run in memory.runs.values_mut().filter(|run| run.experiment_id == id) {
        run.deleted = true;
    }
    Ok(json!({}))
}

pub(super) fn restore(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let experiment = memory.experiments.get_mut(&id).filter(|it| it.deleted);
    let experiment = experiment.ok_or_else(|| unknown(id))?;
    experiment.deleted = false;
    experiment.updated = now_ms();
    for run in memory.runs.values_mut().filter(|run| run.experiment_id == id) {
        run.deleted = false;
    }
    Ok(json!({}))
}

pub(super) fn set_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let key = params.text("key")?.to_owned();
    let value = params.optional_text("value")?.unwrap_or_default().to_owned();
    active(memory, id)?.tags.insert(key, value);
    Ok(json!({}))
}

pub(super) fn delete_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = id(params)?;
    let key = params.text("key")?;
    let gone = active(memory, id)?.tags.shift_remove(key);
    let told = || format!("No tag with name: {key} in experiment with id {id}");
    gone.map(|_| json!({})).ok_or_else(|| Refusal::missing(told()))
}

pub(super) fn search(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    if params.optional_integer("max_results")?.is_none() {
        // MLflow reads the absent number as 0, and a health probe without it is 400.
        return Err(not_positive(0));
    }
    let filter = Filter::parse(params.optional_text("filter")?.unwrap_or_default(), &["name"])?;
    let view = params.optional_text("view_type")?.unwrap_or("ACTIVE_ONLY");
    let in_view = |experiment: &Experiment| match view {
        "DELETED_ONLY" => experiment.deleted,
        "ALL" => true,
        _ => !experiment.deleted,
    };
    let mut found: Vec<(u64, &Experiment)> = memory
        .experiments
        .iter()
        .map(|(id, experiment)| (*id, experiment))
        .filter(|(_, experiment)| in_view(experiment) && admits(&filter, experiment))
        .collect();
    found.sort_by_key(|(id, experiment)| Reverse((experiment.created, *id)));
    let page = page(found.into_iter(), params, MOST, MOST)?;
    let mut answer = json!({});
    let list = page.items.iter().map(|(id, experiment)| show(*id, experiment)).collect();
    put_list(&mut answer, "experiments", list);
    if let (Some(next), Some(fields)) = (page.next, answer.as_object_mut()) {
        fields.insert("next_page_token".into(), next.into());
    }
    Ok(answer)
}

/// The experiment with this number, as long as it is not deleted.
pub(super) fn active(memory: &mut Memory, id: u64) -> Result<&mut Experiment, Refusal> {
    let experiment = memory.experiments.get_mut(&id).ok_or_else(|| unknown(id))?;
    if experiment.deleted {
        return Err(Refusal::invalid(format!(
            "The experiment {id} must be in the 'active' state. Current state is deleted."
        )));
    }
    Ok(experiment)
}

/// Reads an experiment's number from its text.
pub(super) fn parse_id(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| {
        Refusal::invalid(format!(
            "Invalid experiment ID '{text}'. Experiment ID must be a valid integer."
        ))
    })
}

fn id(params: &Params) -> Result<u64, Refusal> {
    parse_id(params.text("experiment_id")?)
}

fn unknown(id: u64) -> Refusal {
    Refusal::missing(format!("No Experiment with id={id} exists"))
}

fn admits(filter: &Filter, experiment: &Experiment) -> bool {
    filter.admits(|family, key| match family {
        Family::Attribute => Fact::Text(&experiment.name),
        Family::Tag => experiment.tags.get(key).map_or(Fact::Absent, |value| Fact::Text(value)),
        Family::Param | Family::Metric => Fact::Absent,
    })
}

fn show(id: u64, experiment: &Experiment) -> Value {
    let stage = if experiment.deleted { "deleted" } else { "active" };
    let mut shown = json!({
        "experiment_id": id.to_string(),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": stage,
        "last_update_time": experiment.updated,
        "creation_time": experiment.created,
    });
    put_list(&mut shown, "tags", show_pairs(&experiment.tags));
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("workspace".into(), "default".into());
    }
    shown
}
