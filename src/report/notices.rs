//! What to know before any number of a report is read, and on what the run ran, for every document.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Document, Told};
use super::finding::count;
use crate::event::EnvironmentTold;

/// What is to be known of the whole run.
pub(super) fn banners(document: &Document<'_>, all: &[Told<'_>]) -> Vec<String> {
    let mut banners: Vec<String> = document.incomplete().into_iter().collect();
    let proxies: BTreeSet<_> =
        all.iter().filter_map(|told| told.exchange()?.proxy.as_deref()).collect();
    banners.extend(proxies.iter().map(|proxy| format!("Requests went through the proxy {proxy}.")));
    for environment in &document.record.environments {
        let name = environment.name.as_deref().unwrap_or("none");
        for service in environment.services.iter().filter(|service| service.builtin) {
            let sick = service.fault.as_ref().map(|fault| format!(", made sick by `{fault}`"));
            banners.push(format!(
                "The environment `{name}` starts the built-in registry{}: this run says nothing of \
                 a deployed system.",
                sick.unwrap_or_default()
            ));
        }
        let writes = all.iter().filter(|told| may_write(told)).count();
        if environment.protected && writes > 0 {
            banners.push(format!(
                "The environment `{name}` is protected, and {} that may write {} sent.",
                count(writes, "request", "requests"),
                if writes == 1 { "was" } else { "were" }
            ));
        }
    }
    banners.extend(untied(document));
    banners.extend(elsewhere(&document.record.environments, all));
    banners
}

/// What taps saw that belongs to no step.
fn untied(document: &Document<'_>) -> Option<String> {
    let first = document.record.untied.first()?;
    let late = first.late.as_ref().map(|step| format!(", after the step `{step}` had ended"));
    let all = document.record.untied_seen;
    Some(format!(
        "Taps saw {} that {} to no step and {} judged by none: the first is {} at `{}`{}.",
        count(all, "request", "requests"),
        if all == 1 { "belongs" } else { "belong" },
        if all == 1 { "was" } else { "were" },
        first.title(),
        first.tap,
        late.unwrap_or_default()
    ))
}

fn may_write(told: &Told<'_>) -> bool {
    let method = told.exchange().map(|exchange| exchange.request.method.as_str());
    method.is_some_and(|method| !matches!(method, "GET" | "HEAD" | "OPTIONS"))
}

/// Origins that were asked and that no variable of an environment names: perhaps the wrong system.
fn elsewhere(environments: &[EnvironmentTold], all: &[Told<'_>]) -> Option<String> {
    let variables = environments.iter().flat_map(|environment| &environment.variables);
    let named: BTreeSet<String> =
        variables.filter_map(|variable| origin(variable.value.as_str()?)).collect();
    if named.is_empty() {
        return None;
    }
    let asked = all.iter().filter_map(|told| origin(&told.exchange()?.request.url));
    let others: BTreeSet<String> = asked.filter(|asked| !named.contains(asked)).collect();
    let others: Vec<String> = others.into_iter().collect();
    (!others.is_empty()).then(|| {
        format!(
            "Requests also went where no variable of the environment leads: {}.",
            others.join(", ")
        )
    })
}

/// Scheme, host and port of a URL.
fn origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    web.then(|| url.origin().ascii_serialization())
}

/// A variable of an environment, for people.
pub(super) struct Variable {
    /// `env.registry_url`
    pub(super) name: String,
    pub(super) value: String,
    /// Where it came from: `plans/environments/demo.yaml:4:17`, `--var`.
    pub(super) source: String,
}

/// The variables of the environments; where the run did not tell them, those that gave URLs.
pub(super) fn variables(document: &Document<'_>, all: &[Told<'_>]) -> Vec<Variable> {
    let told = document.record.environments.iter().flat_map(|environment| &environment.variables);
    let told = told.map(|variable| Variable {
        name: format!("env.{}", variable.name),
        value: match &variable.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        source: source(document, variable.place, &variable.source),
    });
    let told: Vec<Variable> = told.collect();
    if !told.is_empty() {
        return told;
    }
    let parts = all.iter().filter_map(Told::exchange).flat_map(|exchange| &exchange.url_from);
    let seen: BTreeSet<_> = parts
        .filter(|part| part.name.starts_with("env."))
        .map(|part| {
            let source = source(document, part.place, &part.source);
            (part.name.clone(), part.value.clone(), source)
        })
        .collect();
    seen.into_iter().map(|(name, value, source)| Variable { name, value, source }).collect()
}

fn source(document: &Document<'_>, place: Option<crate::source::Place>, words: &str) -> String {
    match place {
        Some(place) if document.record.sources.get(place.source).is_some() => document.at(place),
        Some(_) | None => words.to_owned(),
    }
}

/// What the environments start, and the names of their secrets.
pub(super) fn beside(document: &Document<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for environment in &document.record.environments {
        for service in &environment.services {
            let what = if service.builtin { "the built-in registry" } else { "a command" };
            let sick = service.fault.as_ref().map(|fault| format!(", fault {fault}"));
            let sick = sick.unwrap_or_default();
            lines.push(format!("service {}: {what}{sick}", service.name));
        }
        if !environment.secrets.is_empty() {
            lines.push(format!("secrets with a value: {}", environment.secrets.join(", ")));
        }
    }
    lines
}

/// `0123456789ab on main`
pub(super) fn commit(document: &Document<'_>) -> Option<String> {
    let commit = document.record.started.as_ref()?.commit.as_ref()?;
    let short = commit.id.get(..12).unwrap_or(&commit.id);
    let branch = commit.branch.as_ref().map(|branch| format!(" on {branch}"));
    Some(format!("{short}{}", branch.unwrap_or_default()))
}
