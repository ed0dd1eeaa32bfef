//! An environment becomes values: services have started, so its templates can be evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::context::{EnvironmentValues, Origin};
use super::render::as_text;
use crate::check::{CheckedEnvironment, Words};
use crate::finding::{Code, Finding};
use crate::http::AllowOrigins;
use crate::secret::{Gate, Secret};
use crate::source::{Place, SourceSet};
use crate::template::{Evaluated, Names, Scope, Seed, ValueTemplate};

/// What comes from outside the environment's files.
pub struct Given<'a> {
    /// Variables from `--var env.x` and `PLANRUN_VAR_x`, the winning one each.
    pub vars: &'a BTreeMap<String, (String, Origin)>,
    /// Secrets that were read already.
    pub secrets: &'a [Secret],
    /// What the services give.
    pub services: &'a Value,
    /// `run.…` and other names that every plan sees.
    pub run: &'a Arc<Names>,
    /// Where values of secrets are registered.
    pub gate: &'a Gate,
    /// What `now()` is.
    pub now: Timestamp,
    /// Makes words of `unique`.
    pub entropy: &'a dyn Fn() -> u64,
}

/// Evaluates an environment.
///
/// # Errors
/// The first template that cannot be evaluated, at its place.
pub fn evaluate(
    environment: Option<&CheckedEnvironment>,
    sources: &SourceSet,
    given: &Given<'_>,
) -> Result<EnvironmentValues, Box<Finding>> {
    let mut values = EnvironmentValues::default();
    let mut env = Names::default();
    let mut secrets = Names::default();
    let mut defined: Vec<(String, Value)> = Vec::new();
    let services: Arc<Value> = Arc::new(given.services.clone());
    for (name, place, template) in environment.iter().flat_map(|e| &e.vars) {
        let written = scope_eval(template, &env, &services, given)?;
        let (value, origin) = if let Some((text, origin)) = given.vars.get(name) {
            let value =
                written.as_ref().map_or_else(|| Value::from(text.as_str()), |w| like(w, text));
            (value, origin.clone())
        } else {
            let source = sources.get(place.source).map(|s| s.path.clone()).unwrap_or_default();
            (written.unwrap_or(Value::Null), Origin { place: Some(*place), source })
        };
        values.origins.insert(name.clone(), origin);
        env.insert(name.clone(), value.clone());
        defined.push((name.clone(), value));
    }
    for (name, (text, origin)) in given.vars {
        if !values.origins.contains_key(name) {
            values.origins.insert(name.clone(), origin.clone());
            env.insert(name.clone(), Value::from(text.as_str()));
            defined.push((name.clone(), Value::from(text.as_str())));
        }
    }
    for secret in given.secrets {
        let _ = given.gate.register_secret(secret);
        secrets.bind(secret.name(), Value::from(secret.expose()), Some(Arc::from(secret.name())));
        values.secrets.push(secret.name().to_owned());
    }
    for (name, template) in environment.iter().flat_map(|e| &e.secret_values) {
        if values.secrets.contains(&name.value) {
            continue;
        }
        if let Some(value) = scope_eval(template, &env, &services, given)? {
            let text = as_text(&value);
            let _ = given.gate.register(&name.value, &text);
            secrets.bind(
                name.value.clone(),
                Value::from(text),
                Some(Arc::from(name.value.as_str())),
            );
            values.secrets.push(name.value.clone());
        }
    }
    let stated = environment.and_then(|environment| environment.allow_origins.as_ref());
    values.allow_given = stated.is_some();
    values.allow = match stated {
        Some(origins) => stated_origins(origins, &env, &services, given)?,
        None => origins_of(&defined),
    };
    let mut names = Names::over(Arc::clone(given.run));
    names.insert_group("env", env);
    names.insert_group("secrets", secrets);
    values.names = Arc::new(names);
    Ok(values)
}

/// The words of a command that runs before any service: only variables that need none have a value.
///
/// # Errors
/// The first template that cannot be evaluated, at its place.
pub fn early_words(
    environment: &CheckedEnvironment,
    words: &Words,
    given: &Given<'_>,
) -> Result<Vec<String>, Box<Finding>> {
    let mut env = Names::default();
    let nothing = Arc::new(Value::Null);
    for (name, _, template) in &environment.vars {
        if environment.late.contains(name) {
            continue;
        }
        let written = scope_eval(template, &env, &nothing, given)?;
        let value = match given.vars.get(name) {
            Some((text, _)) => {
                written.as_ref().map_or_else(|| Value::from(text.as_str()), |w| like(w, text))
            }
            None => written.unwrap_or(Value::Null),
        };
        env.insert(name.clone(), value);
    }
    let mut texts = Vec::with_capacity(words.len());
    for (_, template) in words {
        texts.extend(scope_eval(template, &env, &nothing, given)?.map(|value| as_text(&value)));
    }
    Ok(texts)
}

fn scope_eval(
    template: &ValueTemplate,
    env: &Names,
    services: &Arc<Value>,
    given: &Given<'_>,
) -> Result<Option<Value>, Box<Finding>> {
    let mut names = Names::over(Arc::clone(given.run));
    names.insert_group("env", env.clone());
    names.insert("services", Arc::clone(services));
    let scope = Scope {
        names: &names,
        seed: Seed::default(),
        now: given.now,
        entropy: given.entropy,
        file: &|_| Err("files belong to plans".to_owned()),
    };
    match template.eval(&scope) {
        Ok(Evaluated::Value { value, .. }) => Ok(Some(value)),
        Ok(Evaluated::Omit) => Ok(None),
        Err((place, fault)) => Err(Box::new(Finding::of(&fault, place))),
    }
}

/// The origins of all variables that are URLs.
fn origins_of(vars: &[(String, Value)]) -> AllowOrigins {
    let mut allow = AllowOrigins::default();
    for (_, value) in vars {
        if let Some(Ok(url)) = value.as_str().map(url::Url::parse) {
            allow.add(&url);
        }
    }
    allow
}

/// The origins that the environment states; nothing else counts then.
fn stated_origins(
    origins: &[(Place, ValueTemplate)],
    env: &Names,
    services: &Arc<Value>,
    given: &Given<'_>,
) -> Result<AllowOrigins, Box<Finding>> {
    let mut allow = AllowOrigins::default();
    for (place, template) in origins {
        let Some(value) = scope_eval(template, env, services, given)? else { continue };
        let text = as_text(&value);
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => allow.add(&url),
            Ok(_) | Err(_) => {
                return Err(Box::new(
                    Finding::error(Code::BadUrl, format!("`{text}` is no origin"))
                        .at(*place, "what this template rendered to")
                        .help("a scheme and a host, such as `https://api.example.com`"),
                ));
            }
        }
    }
    Ok(allow)
}

/// A text from outside, typed like the value that it replaces; else it is a text.
pub(super) fn like(old: &Value, text: &str) -> Value {
    match old {
        Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            serde_json::from_str::<Value>(text)
                .ok()
                .filter(|new| std::mem::discriminant(new) == std::mem::discriminant(old))
                .unwrap_or_else(|| Value::from(text))
        }
        Value::Null | Value::String(_) => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_outside_is_typed_like_the_one_it_replaces() {
        assert_eq!(like(&Value::from(1), "25"), Value::from(25));
        assert_eq!(like(&Value::from(true), "false"), Value::from(false));
        assert_eq!(like(&Value::from("a"), "25"), Value::from("25"));
        assert_eq!(like(&Value::from(1), "many"), Value::from("many"));
    }
}
