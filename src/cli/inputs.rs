//! What comes from outside the files: variables and secrets, each with where it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::Values;
use super::fault::UsageFault;
use crate::check::CheckedPlan;
use crate::environment::SourceOfSecret;
use crate::finding::{Code, Finding, nearest};
use crate::project::{DotEnv, LoadedEnvironment, read_dot_env, read_secret_file};
use crate::run::Origin;
use crate::secret::Secret;

/// The process environment, read once, with `.env` under it.
#[derive(Default)]
pub(super) struct Process {
    variables: BTreeMap<String, String>,
    dot_env: BTreeMap<String, String>,
}

impl Process {
    /// Reads the variables of the process.
    #[expect(clippy::disallowed_methods, reason = "the process environment is read here")]
    pub(super) fn read() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables, dot_env: BTreeMap::new() }
    }

    /// Puts `.env` of a project under the process's own variables; what is unsafe about it is said.
    pub(super) fn with_dot_env(&mut self, root: &Path) -> Vec<Finding> {
        let Some(DotEnv { variables, readable_by_others, tracked, bad_line }) = read_dot_env(root)
        else {
            return Vec::new();
        };
        self.dot_env = variables.into_iter().collect();
        let mut findings = Vec::new();
        if tracked {
            findings.push(
                Finding::warning(Code::SecretSource, "`.env` is tracked by git").help(
                    "`git rm --cached .env`, add it to .gitignore, and change the keys in it",
                ),
            );
        }
        if readable_by_others {
            findings.push(
                Finding::warning(Code::SecretSource, "`.env` can be read by other users")
                    .help("`chmod 600 .env`"),
            );
        }
        if bad_line.is_some() {
            findings.push(
                Finding::warning(Code::SecretSource, "a line of `.env` cannot be read")
                    .help("each line is `NAME=value`; quote a value with spaces"),
            );
        }
        findings
    }

    /// A variable; the process wins over `.env`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).or_else(|| self.dot_env.get(name)).map(String::as_str)
    }

    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.dot_env
            .iter()
            .filter(|(name, _)| !self.variables.contains_key(*name))
            .chain(&self.variables)
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }
}

/// Variables from the command line and the process.
#[derive(Debug, Default)]
pub(super) struct GivenVars {
    /// For the environment: `--var env.x`, `PLANRUN_VAR_x`.
    pub(super) environment: BTreeMap<String, (String, Origin)>,
    /// For plans: `--var x`.
    pub(super) plans: BTreeMap<String, (Value, Origin)>,
}

/// Reads `--var` and `PLANRUN_VAR_x`.
pub(super) fn vars(values: &Values, process: &Process) -> Result<GivenVars, UsageFault> {
    let mut given = GivenVars::default();
    for (name, value) in process.with_prefix("PLANRUN_VAR_") {
        let origin = Origin { place: None, source: format!("PLANRUN_VAR_{name}") };
        given.environment.insert(name.to_owned(), (value.to_owned(), origin));
    }
    for pair in &values.vars {
        let Some((name, value)) = pair.split_once('=') else {
            // What was given may be a secret's value: it is not repeated.
            return Err(UsageFault::new("`--var` wants NAME=VALUE"));
        };
        let origin = Origin { place: None, source: "--var".into() };
        match name.strip_prefix("env.") {
            Some(name) => {
                given.environment.insert(name.to_owned(), (value.to_owned(), origin));
            }
            None => {
                given.plans.insert(name.to_owned(), (Value::from(value), origin));
            }
        }
    }
    Ok(given)
}

/// `--var x` for a name that no plan has is a misspelling.
pub(super) fn unknown_vars(
    given: &GivenVars,
    plans: &[crate::project::LoadedPlan],
) -> Result<(), UsageFault> {
    let known = || {
        plans.iter().flat_map(|loaded| {
            let vars = loaded.plan.vars.iter().map(|entry| entry.key.value.as_str());
            vars.chain(loaded.plan.inputs.iter().map(|input| input.value.as_str()))
        })
    };
    for name in given.plans.keys() {
        if !known().any(|known| known == name) {
            let message = format!("`--var {name}=…`: no plan has a variable or input `{name}`");
            return Err(match nearest(name, known()) {
                Some(near) => UsageFault::new(format!("{message}; did you mean `{near}`?")),
                None => UsageFault::new(format!(
                    "{message}; for a variable of the environment write `--var env.{name}=…`"
                )),
            });
        }
    }
    Ok(())
}

/// Where one secret may come from, by the command line.
#[derive(Debug, Clone)]
enum SecretArgument {
    File(PathBuf),
    Variable(String),
}

/// The secrets of one environment, as far as they can be known before services start.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Those that have a value.
    pub(super) found: Vec<Secret>,
    /// Those that a service will give.
    pub(super) from_services: Vec<String>,
    /// Where each missing one was looked for.
    looked: BTreeMap<String, String>,
}

/// Reads every secret that the plans of one environment declare.
pub(super) fn secrets(
    values: &Values,
    process: &Process,
    environment: Option<&LoadedEnvironment>,
    current: &Path,
    plans: &[&CheckedPlan],
) -> Result<(Secrets, Vec<Finding>), UsageFault> {
    let arguments = arguments(values, plans)?;
    let mut secrets = Secrets::default();
    let mut findings = Vec::new();
    let mut names: Vec<&str> = plans
        .iter()
        .flat_map(|plan| plan.secrets())
        .map(|secret| secret.name.value.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let source = environment.and_then(|loaded| {
            loaded.environment.secrets().into_iter().find(|source| source.name.value == name)
        });
        let upper = name.to_ascii_uppercase();
        let prefixed = format!("PLANRUN_SECRET_{name}");
        let value = if let Some(argument) = arguments.get(name) {
            match argument {
                SecretArgument::File(path) => {
                    let shown = path.display().to_string();
                    secrets.looked.insert(name.to_owned(), format!("`--secret {name}=@{shown}`"));
                    match read_secret_file(&current.join(path), &shown) {
                        Ok(value) => Some(value),
                        Err(fault) => return Err(UsageFault::new(format!("--secret: {fault}"))),
                    }
                }
                SecretArgument::Variable(variable) => {
                    secrets.looked.insert(name.to_owned(), format!("the variable `{variable}`"));
                    process.get(variable).map(str::to_owned)
                }
            }
        } else if let Some(value) = process.get(&prefixed) {
            Some(value.to_owned())
        } else if let Some(source) = source {
            match &source.source {
                SourceOfSecret::EnvVar(variable) => {
                    secrets.looked.insert(name.to_owned(), format!("the variable `{variable}`"));
                    process.get(variable).map(str::to_owned)
                }
                SourceOfSecret::File(path) => {
                    secrets.looked.insert(name.to_owned(), format!("the file `{path}`"));
                    let folder = environment.map_or(current, LoadedEnvironment::folder);
                    match read_secret_file(&folder.join(path), path) {
                        Ok(value) => Some(value),
                        Err(crate::project::FileFault::Missing { .. }) => None,
                        Err(fault) => {
                            findings.push(Finding::of(&fault, source.place));
                            None
                        }
                    }
                }
                SourceOfSecret::Value(_) => {
                    secrets.from_services.push(name.to_owned());
                    continue;
                }
            }
        } else {
            secrets.looked.insert(name.to_owned(), format!("the variable `{upper}`"));
            process.get(&upper).map(str::to_owned)
        };
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            secrets.found.push(Secret::new(name, value));
        }
    }
    Ok((secrets, findings))
}

fn arguments(
    values: &Values,
    plans: &[&CheckedPlan],
) -> Result<BTreeMap<String, SecretArgument>, UsageFault> {
    let mut arguments = BTreeMap::new();
    let known = || plans.iter().flat_map(|p| p.secrets()).map(|secret| secret.name.value.as_str());
    for pair in &values.secrets {
        let usage = "`--secret` wants NAME=@FILE or NAME=env:VARIABLE: a value on the command line \
                     can be seen by every user of the machine";
        let Some((name, source)) = pair.split_once('=') else {
            return Err(UsageFault::new(usage));
        };
        let argument = match (source.strip_prefix('@'), source.strip_prefix("env:")) {
            (Some(path), _) => SecretArgument::File(PathBuf::from(path)),
            (None, Some(variable)) => SecretArgument::Variable(variable.to_owned()),
            (None, None) => return Err(UsageFault::new(usage)),
        };
        if !known().any(|known| known == name) {
            let message = format!("`--secret {name}=…`: no plan declares a secret `{name}`");
            return Err(UsageFault::new(match nearest(name, known()) {
                Some(near) => format!("{message}; did you mean `{near}`?"),
                None => message,
            }));
        }
        arguments.insert(name.to_owned(), argument);
    }
    Ok(arguments)
}

impl Secrets {
    /// Missing and mis-shaped secrets of one plan; a mis-shaped one is never sent.
    pub(super) fn judge(&self, plan: &CheckedPlan) -> Vec<Finding> {
        let mut findings = Vec::new();
        for secret in plan.secrets() {
            let name = secret.name.value.as_str();
            if self.from_services.iter().any(|given| given == name) {
                continue;
            }
            let Some(found) = self.found.iter().find(|found| found.name() == name) else {
                if !secret.optional && !secret.needed_by.is_empty() {
                    findings.push(self.missing(secret));
                }
                continue;
            };
            let fits = secret.matches.as_ref().is_none_or(|m| m.is_match(found.expose()));
            if !fits {
                findings.push(malformed(secret, found.expose()));
            } else if found.expose().chars().count() < 4 {
                findings.push(
                    Finding::warning(
                        Code::ShortSecret,
                        format!("the secret `{name}` is too short to be masked by its value"),
                    )
                    .at(secret.name.place, "fewer than four characters"),
                );
            }
        }
        findings
    }

    fn missing(&self, secret: &crate::check::SecretUse) -> Finding {
        let name = secret.name.value.as_str();
        let looked = self.looked.get(name).cloned().unwrap_or_default();
        let mut finding = Finding::error(
            Code::MissingSecret,
            format!("the secret `{name}` is missing: {looked} gives no value"),
        )
        .at(secret.name.place, format!("needed by {}", some_of(&secret.needed_by)));
        if let Some(description) = &secret.description {
            finding = finding.help(format!("it is: {description}"));
        }
        // What was looked at is what has to be filled: a variable that nobody reads is no help.
        let other = format!("`--secret {name}=@FILE`");
        finding.help(if looked.starts_with("the variable ") {
            format!("set {looked}, or give {other}")
        } else {
            format!("give {other}, or set the variable `PLANRUN_SECRET_{name}`")
        })
    }
}

/// The first few of many names.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names.get(..SHOWN) {
        Some(first) if names.len() > SHOWN + 1 => {
            format!("{} and {} more steps", first.join(", "), names.len() - SHOWN)
        }
        _ => names.join(", "),
    }
}

/// What can be said of a value of the wrong shape without showing it.
fn malformed(secret: &crate::check::SecretUse, value: &str) -> Finding {
    let name = secret.name.value.as_str();
    let mut facts = vec![format!("{} characters", value.chars().count())];
    if value.trim() != value {
        facts.push("white space at its edge".into());
    }
    if value.starts_with(['"', '\'']) && value.len() > 1 && value.ends_with(['"', '\'']) {
        facts.push("quotes around it".into());
    }
    if value.contains('\n') {
        facts.push("a line break in it".into());
    }
    if value.to_ascii_lowercase().starts_with("bearer ") {
        facts.push("`Bearer` before it".into());
    }
    let pattern = secret.matches.as_ref().map(|m| m.as_str().to_owned()).unwrap_or_default();
    Finding::error(
        Code::MalformedSecret,
        format!("the secret `{name}` does not have the declared shape"),
    )
    .at(secret.name.place, format!("it has {}", facts.join(", ")))
    .help(format!("it must match `{pattern}`; it was not sent anywhere"))
}

/// `--var` with the value of a secret: arguments are visible to others.
pub(super) fn visible_secrets(values: &Values, secrets: &[Secret]) -> Vec<Finding> {
    values
        .vars
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .filter(|(_, value)| secrets.iter().any(|secret| secret.expose() == *value))
        .map(|(name, _)| {
            Finding::warning(
                Code::SecretSource,
                format!("`--var {name}=…` holds the value of a secret, and arguments are visible to every user"),
            )
            .help("declare it under `secrets:`, and give it by a variable or a file")
        })
        .collect()
}
