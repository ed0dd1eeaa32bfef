//! An environment becomes values: services have started, so its templates can be evaluated.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::context::{EnvironmentValues, Origin};
use super::render::as_text;
use crate::check::{CheckedEnvironment, CheckedService, CheckedWork, Words};
use crate::finding::{Code, Finding};
use crate::http::AllowOrigins;
use crate::secret::{Gate, Secret};
use crate::services::{Command, Service, Work};
use crate::source::{Place, SourceSet, Spanned};
use crate::template::{Evaluated, Names, Scope, Seed, ValueTemplate};

/// Variables of an environment that have a value before its services run, as written.
pub type Known = BTreeMap<String, Value>;

/// What comes from outside the environment's files.
pub struct Given<'a> {
    /// Variables from `--var env.x` and `PLANRUN_VAR_x`, the winning one each.
    pub vars: &'a BTreeMap<String, (String, Origin)>,
    /// Secrets that were read already.
    pub secrets: &'a [Secret],
    /// Variables that have their value already: it was needed to start the services.
    pub known: &'a Known,
    /// What the services give.
    pub services: &'a Value,
    /// What the taps give; null before they listen.
    pub taps: &'a Value,
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
        let written = match given.known.get(name) {
            Some(known) => Some(known.clone()),
            None => scope_eval(template, &env, &services, given)?,
        };
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
    for tap in environment.iter().flat_map(|environment| &environment.taps) {
        let (place, template) = &tap.forward;
        let text = scope_eval(template, &env, &services, given)?;
        let text = text.map(|value| as_text(&value)).unwrap_or_default();
        let url = url::Url::parse(&text).ok();
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            return Err(Box::new(
                Finding::error(Code::TapFailed, format!("`{text}` is not a URL to forward to"))
                    .at(*place, "what this rendered to")
                    .help("a URL begins with `http://` or `https://`"),
            ));
        };
        values.forwards.push((tap.name.value.clone(), url));
    }
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
    Early::new(environment, given)?.words(words)
}

/// The services of an environment, ready to be started, and the variables that have a value already;
/// `folder` is what the paths of a file are relative to.
///
/// # Errors
/// The first template that cannot be evaluated or gives something else than is wanted, at its place.
pub fn services(
    environment: &CheckedEnvironment,
    folder: &dyn Fn(Place) -> PathBuf,
    given: &Given<'_>,
) -> Result<(Vec<Service>, Known), Box<Finding>> {
    let early = Early::new(environment, given)?;
    let services = environment.services.iter().map(|service| early.service(service, folder));
    Ok((services.collect::<Result<_, _>>()?, early.written))
}

/// What is known of an environment before its services run.
struct Early<'a> {
    env: Names,
    /// What variables are as written, before anything from outside replaces it.
    written: Known,
    services: Arc<Value>,
    given: &'a Given<'a>,
}

impl<'a> Early<'a> {
    fn new(environment: &CheckedEnvironment, given: &'a Given<'a>) -> Result<Self, Box<Finding>> {
        let mut early = Self {
            env: Names::default(),
            written: BTreeMap::new(),
            services: Arc::new(Value::Null),
            given,
        };
        for (name, _, template) in &environment.vars {
            let no_tap = given.taps.is_null() && environment.tapped.contains(name);
            if no_tap || environment.late.contains(name) {
                continue;
            }
            let written = early.eval(template)?;
            let value = match given.vars.get(name) {
                Some((text, _)) => {
                    written.as_ref().map_or_else(|| Value::from(text.as_str()), |w| like(w, text))
                }
                None => written.clone().unwrap_or(Value::Null),
            };
            early.env.insert(name.clone(), value);
            early.written.extend(written.map(|written| (name.clone(), written)));
        }
        Ok(early)
    }

    fn eval(&self, template: &ValueTemplate) -> Result<Option<Value>, Box<Finding>> {
        scope_eval(template, &self.env, &self.services, self.given)
    }

    fn words(&self, words: &Words) -> Result<Vec<String>, Box<Finding>> {
        let mut texts = Vec::with_capacity(words.len());
        for (_, template) in words {
            texts.extend(self.eval(template)?.map(|value| as_text(&value)));
        }
        Ok(texts)
    }

    fn text(&self, template: &ValueTemplate) -> Result<String, Box<Finding>> {
        Ok(self.eval(template)?.map(|value| as_text(&value)).unwrap_or_default())
    }

    fn service(
        &self,
        service: &CheckedService,
        folder: &dyn Fn(Place) -> PathBuf,
    ) -> Result<Service, Box<Finding>> {
        let work = match &service.work {
            CheckedWork::Demo { place, fault, auth_url } => {
                let text = |written: &Option<(Place, ValueTemplate)>| {
                    let text = written.as_ref().map(|(place, template)| {
                        Ok::<_, Box<Finding>>(Spanned::new(self.text(template)?, *place))
                    });
                    text.transpose()
                };
                Work::Demo { place: *place, fault: text(fault)?, auth_url: text(auth_url)? }
            }
            CheckedWork::Command { place, run, ready: (ready_place, ready), timeout } => {
                let text = self.text(ready)?;
                let url = url::Url::parse(&text).ok();
                let web = |url: &url::Url| matches!(url.scheme(), "http" | "https");
                let Some(url) = url.filter(web) else {
                    return Err(Box::new(
                        Finding::error(Code::BadUrl, format!("`{text}` is not a URL"))
                            .at(*ready_place, "what this rendered to")
                            .help("a URL begins with `http://` or `https://`"),
                    ));
                };
                let timeout = timeout.get(|template, place| {
                    in_scope(&self.env, &self.services, self.given, |scope| {
                        match template.eval(scope) {
                            Ok(evaluated) => Ok(evaluated.value().unwrap_or(Value::Null)),
                            Err(fault) => Err(Box::new(Finding::of(&fault, place))),
                        }
                    })
                })?;
                Work::Command(Command {
                    place: *place,
                    words: self.words(run)?,
                    folder: folder(*place),
                    ready: Spanned::new(url, *ready_place),
                    timeout,
                })
            }
        };
        Ok(Service { name: service.name.clone(), work })
    }
}

fn scope_eval(
    template: &ValueTemplate,
    env: &Names,
    services: &Arc<Value>,
    given: &Given<'_>,
) -> Result<Option<Value>, Box<Finding>> {
    in_scope(env, services, given, |scope| match template.eval(scope) {
        Ok(Evaluated::Value { value, .. }) => Ok(Some(value)),
        Ok(Evaluated::Omit) => Ok(None),
        Err((place, fault)) => Err(Box::new(Finding::of(&fault, place))),
    })
}

fn in_scope<R>(
    env: &Names,
    services: &Arc<Value>,
    given: &Given<'_>,
    f: impl FnOnce(&Scope<'_>) -> R,
) -> R {
    let mut names = Names::over(Arc::clone(given.run));
    names.insert_group("env", env.clone());
    names.insert("services", Arc::clone(services));
    names.insert("taps", given.taps.clone());
    f(&Scope {
        names: &names,
        seed: Seed::default(),
        now: given.now,
        entropy: given.entropy,
        file: &|_| Err("files belong to plans".to_owned()),
    })
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
