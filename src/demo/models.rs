//! The registry's registered models, their tags and aliases.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::filter::{Fact, Family, Filter, page};
use super::params::Params;
use super::state::{Memory, Model, Pairs, now_ms, put_list, show_pairs};
use super::versions;

/// The most models that one page may have, and how many it has where nothing is said.
const MOST: usize = 1000;
const USUAL: usize = 100;

pub(super) fn create(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    check_new(memory, params)?;
    insert_new(memory, params)
}

/// The first half of [`create`]: whether the name is good and free.
pub(super) fn check_new(memory: &Memory, params: &Params) -> Result<(), Refusal> {
    let name = params.text("name")?;
    params.pairs("tags")?;
    params.optional_text("description")?;
    check_name(name)?;
    if memory.models.contains_key(name) {
        return Err(taken(name));
    }
    Ok(())
}

/// The second half: the model is there, whether or not there was one.
pub(super) fn insert_new(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let now = now_ms();
    let model = Model {
        created: now,
        updated: now,
        description: params.optional_text("description")?.map(str::to_owned),
        tags: params.pairs("tags")?.into_iter().collect::<Pairs>(),
        versions: BTreeMap::new(),
        aliases: BTreeMap::new(),
        last_version: 0,
    };
    let shown = answer(name, &model);
    memory.models.insert(name.to_owned(), model);
    Ok(shown)
}

pub(super) fn get(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let model = find(memory, name)?;
    Ok(answer(name, model))
}

pub(super) fn update(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let description = params.optional_text("description")?.map(str::to_owned);
    let model = find(memory, name)?;
    if description.is_some() {
        model.description = description;
    }
    model.updated = now_ms();
    Ok(answer(name, model))
}

pub(super) fn rename(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let new_name = params.text("new_name")?;
    check_name(new_name)?;
    find(memory, name)?;
    if memory.models.contains_key(new_name) {
        return Err(taken(new_name));
    }
    let Some(mut model) = memory.models.remove(name) else { return Err(unknown(name)) };
    let now = now_ms();
    model.updated = now;
    for version in model.versions.values_mut() {
        version.updated = now;
    }
    let shown = answer(new_name, &model);
    memory.models.insert(new_name.to_owned(), model);
    Ok(shown)
}

pub(super) fn delete(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    memory.models.remove(name).map(|_| json!({})).ok_or_else(|| unknown(name))
}

pub(super) fn search(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let filter = Filter::parse(params.optional_text("filter")?.unwrap_or_default(), &["name"])?;
    let found = memory.models.iter().filter(|(name, model)| {
        filter.admits(|family, key| match family {
            Family::Attribute => Fact::Text(name),
            Family::Tag => model.tags.get(key).map_or(Fact::Absent, |value| Fact::Text(value)),
            Family::Param | Family::Metric => Fact::Absent,
        })
    });
    let page = page(found, params, USUAL, MOST)?;
    let mut answer = json!({});
    let list = page.items.iter().map(|(name, model)| show(name, model)).collect();
    put_list(&mut answer, "registered_models", list);
    if let (Some(next), Some(fields)) = (page.next, answer.as_object_mut()) {
        fields.insert("next_page_token".into(), next.into());
    }
    Ok(answer)
}

pub(super) fn latest_versions(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let mut stages = Vec::new();
    for stage in params.list("stages")?.iter().filter_map(Value::as_str) {
        stages.push(versions::parse_stage(stage)?);
    }
    let model = find(memory, name)?;
    let wanted = versions::latest(model)
        .filter(|(_, version)| stages.is_empty() || stages.contains(&version.stage));
    let list = wanted.map(|(number, _)| versions::show(name, model, number, true)).collect();
    let mut answer = json!({});
    put_list(&mut answer, "model_versions", list);
    Ok(answer)
}

pub(super) fn set_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let key = params.text("key")?.to_owned();
    let value = params.optional_text("value")?.unwrap_or_default().to_owned();
    find(memory, params.text("name")?)?.tags.insert(key, value);
    Ok(json!({}))
}

pub(super) fn delete_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let key = params.text("key")?;
    find(memory, params.text("name")?)?.tags.shift_remove(key);
    Ok(json!({}))
}

pub(super) fn set_alias(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let alias = params.text("alias")?;
    let version = versions::number(params)?;
    check_alias(alias)?;
    let model = find(memory, name)?;
    versions::find(name, model, version)?;
    model.aliases.insert(alias.to_owned(), version);
    Ok(json!({}))
}

pub(super) fn get_alias(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let alias = params.text("alias")?;
    let model = find(memory, name)?;
    let number = model.aliases.get(alias).copied().ok_or_else(|| {
        // Not 404: this is MLflow's own choice.
        Refusal::invalid(format!("Registered model alias {alias} not found."))
    })?;
    Ok(json!({ "model_version": versions::show(name, model, number, true) }))
}

/// Deleting an alias that is not there is no error.
pub(super) fn delete_alias(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let alias = params.text("alias")?;
    find(memory, params.text("name")?)?.aliases.remove(alias);
    Ok(json!({}))
}

/// The model with this name.
pub(super) fn find<'a>(memory: &'a mut Memory, name: &str) -> Result<&'a mut Model, Refusal> {
    memory.models.get_mut(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Refusal {
    Refusal::missing(format!("Registered Model with name={name} not found"))
}

fn taken(name: &str) -> Refusal {
    Refusal::exists(format!("Registered Model (name={name}) already exists."))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::invalid("Missing value for required parameter 'name'."));
    }
    if name.contains(['/', ':']) {
        return Err(Refusal::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    Ok(())
}

fn check_alias(alias: &str) -> Result<(), Refusal> {
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Refusal::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !alias.chars().all(good) {
        return Err(Refusal::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    Ok(())
}

fn answer(name: &str, model: &Model) -> Value {
    json!({ "registered_model": show(name, model) })
}

fn show(name: &str, model: &Model) -> Value {
    let mut shown = json!({
        "name": name,
        "creation_timestamp": model.created,
        "last_updated_timestamp": model.updated,
    });
    if let (Some(description), Some(fields)) = (&model.description, shown.as_object_mut()) {
        fields.insert("description".into(), description.as_str().into());
    }
    let latest = versions::latest(model)
        .map(|(number, _)| versions::show(name, model, number, false))
        .collect();
    put_list(&mut shown, "latest_versions", latest);
    put_list(&mut shown, "tags", show_pairs(&model.tags));
    let aliases = model.aliases.iter();
    let aliases = aliases
        .map(|(alias, version)| json!({ "alias": alias, "version": version.to_string() }))
        .collect();
    put_list(&mut shown, "aliases", aliases);
    shown
}
