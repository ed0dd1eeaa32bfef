//! What comes from outside the files: the process environment and variables, each with where it
//! came from.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::args::Values;
use super::fault::UsageFault;
use crate::finding::{Code, Finding, nearest};
use crate::project::{DotEnv, Suite, read_dot_env};
use crate::run::Origin;

/// The process environment, read once, with `.env` under it.
#[derive(Default)]
pub(super) struct Process {
    variables: BTreeMap<String, String>,
    dot_env: BTreeMap<String, String>,
}

impl Process {
    /// Reads the variables of the process.
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
        if let Some(line) = bad_line {
            findings.push(
                Finding::warning(
                    Code::SecretSource,
                    format!("line {line} of `.env` cannot be read"),
                )
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
            return Err(UsageFault::new("`--var` wants NAME=VALUE, such as `--var model=m1`"));
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

/// `--var x` for a name that no plan has is a misspelling; so is `--var env.x` for one that no
/// environment sets and no file mentions.
pub(super) fn unknown_vars(
    values: &Values,
    given: &GivenVars,
    suite: &Suite,
) -> Result<(), UsageFault> {
    let known = || {
        suite.plans.iter().flat_map(|loaded| {
            let vars = loaded.plan.vars.iter().map(|entry| entry.key.value.as_str());
            vars.chain(loaded.plan.inputs.iter().map(|input| input.value.as_str()))
        })
    };
    let of_environments = || {
        suite
            .environments
            .iter()
            .flat_map(|loaded| loaded.environment.vars())
            .map(|entry| entry.key.value.as_str())
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
    let written =
        values.vars.iter().filter_map(|pair| pair.split_once('=')?.0.strip_prefix("env."));
    for name in written {
        let wanted = format!("env.{name}");
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let mentioned =
            || suite.sources.iter().any(|source| source.text.split(&wanted).skip(1).any(ends));
        if !of_environments().any(|known| known == name) && !mentioned() {
            let message = format!("`--var env.{name}=…`: nothing uses `env.{name}`");
            return Err(UsageFault::new(match nearest(name, of_environments()) {
                Some(near) => format!("{message}; did you mean `env.{near}`?"),
                None if known().any(|known| known == name) => {
                    format!("{message}; for the plan's own variable write `--var {name}=…`")
                }
                None => message,
            }));
        }
    }
    Ok(())
}
