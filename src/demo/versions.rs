//! The registry's model versions: numbered, staged, ready at once.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::filter::{Fact, Family, Filter, page};
use super::models;
use super::params::Params;
use super::state::{Memory, Model, Pairs, Version, now_ms, put_list, show_pairs};

/// The stages of a version, as they are shown.
const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

/// The keys of a filter over versions that need no prefix.
const ATTRIBUTES: [&str; 4] = ["name", "run_id", "source_path", "version_number"];

/// The most versions that one page may have, and how many it has where nothing is said.
const MOST: usize = 200_000;
const USUAL: usize = 10_000;

pub(super) fn create(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let name = params.text("name")?;
    let source = params.text("source")?;
    let run_id = params.optional_text("run_id")?.unwrap_or_default();
    let run_link = params.optional_text("run_link")?.unwrap_or_default();
    let description = params.optional_text("description")?.unwrap_or_default();
    let tags = params.pairs("tags")?.into_iter().collect::<Pairs>();
    check_source(memory, source, run_id)?;
    let model = models::find(memory, name)?;
    let now = now_ms();
    let number = model.last_version.saturating_add(1);
    let version = Version {
        created: now,
        updated: now,
        stage: "None",
        description: description.to_owned(),
        source: source.to_owned(),
        run_id: run_id.to_owned(),
        run_link: run_link.to_owned(),
        tags,
    };
    model.last_version = number;
    model.versions.insert(number, version);
    model.updated = now;
    Ok(answer(name, model, number))
}

pub(super) fn get(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let model = memory.models.get_mut(name).ok_or_else(|| unknown(name, number))?;
    find(name, model, number)?;
    Ok(answer(name, model, number))
}

pub(super) fn download_uri(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let version = of(memory, name, number)?;
    Ok(json!({ "artifact_uri": version.source }))
}

pub(super) fn update(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let description = params.optional_text("description")?.unwrap_or_default();
    let version = of(memory, name, number)?;
    description.clone_into(&mut version.description);
    version.updated = now_ms();
    Ok(answer(name, models::find(memory, name)?, number))
}

pub(super) fn delete(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let model = memory.models.get_mut(name).ok_or_else(|| unknown(name, number))?;
    model.versions.remove(&number).ok_or_else(|| unknown(name, number))?;
    model.aliases.retain(|_, version| *version != number);
    model.updated = now_ms();
    Ok(json!({}))
}

pub(super) fn transition_stage(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let stage = parse_stage(params.text("stage")?)?;
    let archive = params.flag("archive_existing_versions")?;
    of(memory, name, number)?;
    let model = models::find(memory, name)?;
    let now = now_ms();
    for (other, version) in &mut model.versions {
        if *other == number {
            version.stage = stage;
            version.updated = now;
        } else if archive && version.stage == stage && stage != "None" {
            version.stage = "Archived";
            version.updated = now;
        }
    }
    model.updated = now;
    Ok(answer(name, model, number))
}

pub(super) fn set_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let key = params.text("key")?.to_owned();
    let value = params.optional_text("value")?.unwrap_or_default().to_owned();
    of(memory, name, number)?.tags.insert(key, value);
    Ok(json!({}))
}

pub(super) fn delete_tag(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let (name, number) = (params.text("name")?, number(params)?);
    let key = params.text("key")?;
    of(memory, name, number)?.tags.shift_remove(key);
    Ok(json!({}))
}

pub(super) fn search(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let filter = Filter::parse(params.optional_text("filter")?.unwrap_or_default(), &ATTRIBUTES)?;
    let mut found: Vec<(&String, &Model, u64, &Version)> = memory
        .models
        .iter()
        .flat_map(|(name, model)| {
            model.versions.iter().map(move |(number, version)| (name, model, *number, version))
        })
        .filter(|(name, _, number, version)| admits(&filter, name, *number, version))
        .collect();
    found.sort_by_key(|(name, _, number, version)| {
        (Reverse(version.updated), (*name).clone(), Reverse(*number))
    });
    let page = page(found.into_iter(), params, USUAL, MOST)?;
    let mut answer = json!({});
    let list = page.items.iter();
    let list = list.map(|(name, model, number, _)| show(name, model, *number, true)).collect();
    put_list(&mut answer, "model_versions", list);
    if let (Some(next), Some(fields)) = (page.next, answer.as_object_mut()) {
        fields.insert("next_page_token".into(), next.into());
    }
    Ok(answer)
}

/// The newest version of every stage.
pub(super) fn latest(model: &Model) -> impl Iterator<Item = (u64, &Version)> {
    let newest = |stage: &str| {
        let of_stage = model.versions.iter().rev().find(|(_, version)| version.stage == stage);
        of_stage.map(|(number, version)| (*number, version))
    };
    STAGES.into_iter().filter_map(newest)
}

/// A version as the registry shows it; `aliases` are left out inside a model.
pub(super) fn show(name: &str, model: &Model, number: u64, with_aliases: bool) -> Value {
    let Some(version) = model.versions.get(&number) else { return Value::Null };
    let mut shown = json!({
        "name": name,
        "version": number.to_string(),
        "creation_timestamp": version.created,
        "last_updated_timestamp": version.updated,
        "current_stage": version.stage,
        "description": version.description,
        "source": version.source,
        "run_id": version.run_id,
        "status": "READY",
        "run_link": version.run_link,
    });
    put_list(&mut shown, "tags", show_pairs(&version.tags));
    if with_aliases {
        let aliases = model.aliases.iter().filter(|(_, version)| **version == number);
        let aliases = aliases.map(|(alias, _)| Value::from(alias.as_str())).collect();
        put_list(&mut shown, "aliases", aliases);
    }
    shown
}

/// The version with this number.
pub(super) fn find<'a>(
    name: &str,
    model: &'a mut Model,
    number: u64,
) -> Result<&'a mut Version, Refusal> {
    model.versions.get_mut(&number).ok_or_else(|| unknown(name, number))
}

/// The parameter `version`, which is text with digits.
pub(super) fn number(params: &Params) -> Result<u64, Refusal> {
    let text = params.text("version")?;
    text.parse().map_err(|_| {
        Refusal::invalid(format!("Parameter 'version' must be an integer, got '{text}'."))
    })
}

/// Reads a stage in any case.
pub(super) fn parse_stage(text: &str) -> Result<&'static str, Refusal> {
    STAGES.into_iter().find(|stage| stage.eq_ignore_ascii_case(text)).ok_or_else(|| {
        Refusal::invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of None, Staging, Production, Archived."
        ))
    })
}

fn of<'a>(memory: &'a mut Memory, name: &str, number: u64) -> Result<&'a mut Version, Refusal> {
    let model = memory.models.get_mut(name).ok_or_else(|| unknown(name, number))?;
    find(name, model, number)
}

fn unknown(name: &str, number: u64) -> Refusal {
    Refusal::missing(format!("Model Version (name={name}, version={number}) not found"))
}

fn answer(name: &str, model: &Model, number: u64) -> Value {
    json!({ "model_version": show(name, model, number, true) })
}

/// A version may come from a remote store, or out of the run that it names; never off the
/// server's own disk.
fn check_source(memory: &Memory, source: &str, run_id: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::invalid(format!("Invalid model version source: {why}")));
    let (scheme, rest) = match source.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => (scheme.to_ascii_lowercase(), rest),
        Some(_) | None => (String::new(), source),
    };
    match scheme.as_str() {
        "" | "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            refuse(&format!(
                "'{path}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id."
            ))
        }
        "runs" => {
            let owner = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
            if run_id.is_empty() || owner != run_id || !memory.runs.contains_key(run_id) {
                return refuse(&format!(
                    "'{source}'. The run_id request parameter must identify the resource that contains the source."
                ));
            }
            Ok(())
        }
        _ => {
            let decoded = percent_encoding::percent_decode_str(rest).decode_utf8_lossy();
            if decoded.split(['/', '\\']).any(|part| part == "..") {
                return refuse(&format!(
                    "'{source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path."
                ));
            }
            Ok(())
        }
    }
}

fn admits(filter: &Filter, name: &str, number: u64, version: &Version) -> bool {
    filter.admits(|family, key| match family {
        Family::Attribute => match key {
            "run_id" => Fact::Text(&version.run_id),
            "source_path" => Fact::Text(&version.source),
            #[expect(clippy::cast_precision_loss, reason = "nobody registers 2^53 versions")]
            "version_number" => Fact::Number(number as f64),
            _ => Fact::Text(name),
        },
        Family::Tag => version.tags.get(key).map_or(Fact::Absent, |value| Fact::Text(value)),
        Family::Param | Family::Metric => Fact::Absent,
    })
}
