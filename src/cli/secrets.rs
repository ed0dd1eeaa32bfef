//! Secrets from outside the files: where each comes from, and what can be said of a bad one without
//! showing it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::Values;
use super::fault::UsageFault;
use super::inputs::Process;
use crate::check::{CheckedPlan, SecretUse};
use crate::environment::SourceOfSecret;
use crate::finding::{Code, Fault as _, Finding, nearest};
use crate::project::{FileFault, FileRoot, LoadedEnvironment, Suite, read_secret_file};
use crate::schedule::Job;
use crate::secret::{Gate, Secret};
use crate::source::Place;

/// How many of the steps that need a secret are named.
const NAMED: usize = 3;

/// Where secrets are looked for.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// `--secret`.
    pub(super) arguments: &'a Arguments,
    /// The process and `.env`.
    pub(super) process: &'a Process,
    /// What paths of `--secret` are relative to.
    pub(super) current: &'a Path,
    /// The folders of `--file-root`.
    pub(super) file_roots: &'a [PathBuf],
}

/// What `--secret` says, by the name of the secret.
#[derive(Debug, Default)]
pub(super) struct Arguments(BTreeMap<String, Argument>);

/// Where one secret may come from, by the command line.
#[derive(Debug)]
enum Argument {
    File(PathBuf),
    Variable(String),
}

impl Arguments {
    /// Reads `--secret`; a name that no plan declares is a misspelling.
    pub(super) fn read(values: &Values, suite: &Suite) -> Result<Self, UsageFault> {
        let usage = "`--secret` wants NAME=@FILE or NAME=env:VARIABLE: a value on the command line \
                     can be seen by every user of the machine";
        let mut arguments = BTreeMap::new();
        for pair in &values.secrets {
            let Some((name, source)) = pair.split_once('=') else {
                return Err(UsageFault::new(usage));
            };
            let argument = match (source.strip_prefix('@'), source.strip_prefix("env:")) {
                (Some(path), _) => Argument::File(PathBuf::from(path)),
                (None, Some(variable)) => Argument::Variable(variable.to_owned()),
                (None, None) => return Err(UsageFault::new(usage)),
            };
            // A plan that could not be read may declare it.
            let all_read = !suite.findings.iter().any(Finding::is_error);
            if all_read && !declared(suite).any(|known| known == name) {
                let message = format!("`--secret {name}=…`: no plan declares a secret `{name}`");
                return Err(UsageFault::new(match nearest(name, declared(suite)) {
                    Some(near) => format!("{message}; did you mean `{near}`?"),
                    None => format!("{message}; a plan declares it under `secrets:`"),
                }));
            }
            arguments.insert(name.to_owned(), argument);
        }
        Ok(Self(arguments))
    }
}

fn declared(suite: &Suite) -> impl Iterator<Item = &str> {
    let plans = suite.plans.iter().chain(&suite.included);
    plans.flat_map(|loaded| &loaded.plan.secrets).map(|secret| secret.name.value.as_str())
}

/// Teaches the gate every secret that can be read, whatever else is wrong: a message about an
/// invalid plan shows none of them.
pub(super) fn learn(gate: &Gate, places: Places<'_>, suite: &Suite) {
    for secret in readable(places, suite) {
        // One that is too short is masked by its field.
        let _ = gate.register_secret(&secret);
    }
}

/// Every secret that a plan declares and that can be read without asking anybody.
pub(super) fn readable(places: Places<'_>, suite: &Suite) -> Vec<Secret> {
    let included = || suite.included.iter().flat_map(|loaded| &loaded.plan.secrets);
    let mut used: Vec<(Option<usize>, &str)> = Vec::new();
    for loaded in &suite.plans {
        // What an included plan declares may be of any environment.
        let inside = if loaded.includes.is_empty() { None } else { Some(included()) };
        let names = loaded.plan.secrets.iter().chain(inside.into_iter().flatten());
        used.extend(names.map(|secret| (loaded.environment, secret.name.value.as_str())));
    }
    used.sort_unstable();
    used.dedup();
    let mut found = Vec::new();
    for (environment, name) in used {
        let environment = environment.and_then(|index| suite.environments.get(index));
        if let Ok(Looked { value: Value::Found(value), .. }) = look(name, places, environment) {
            found.push(Secret::new(name, value));
        }
    }
    found
}

/// Where one secret would come from, and whether it is there: what `vars` tells of it.
pub(super) struct Described {
    /// `given`, `missing`, `empty`, `malformed`, `unreadable`, `from-service`, `from-command`,
    /// `from-prompt`.
    pub(super) state: &'static str,
    /// Where it was looked for, in words.
    pub(super) place: String,
    /// Where an environment names that source.
    pub(super) at: Option<Place>,
    /// What to do where it has no value.
    pub(super) repair: Option<String>,
}

/// Looks for one secret and tells what came of it, without its value; `shape` is what it must match.
pub(super) fn describe(
    name: &str,
    shape: Option<&regex::Regex>,
    places: Places<'_>,
    environment: Option<&LoadedEnvironment>,
) -> Described {
    let looked = match look(name, places, environment) {
        Ok(looked) => looked,
        Err(fault) => {
            return Described {
                state: "unreadable",
                place: fault.to_string(),
                at: None,
                repair: fault.help(),
            };
        }
    };
    let Looked { value, place, at, repair, finding } = looked;
    let fits = |value: &str| shape.is_none_or(|shape| shape.is_match(value));
    let state = match value {
        Value::Found(value) if fits(&value) => "given",
        Value::Found(_) => "malformed",
        Value::Later => "from-service",
        Value::Deferred(How::Command) => "from-command",
        Value::Deferred(How::Prompt) => "from-prompt",
        Value::Empty => "empty",
        Value::Missing if finding.is_some() => "unreadable",
        Value::Missing => "missing",
    };
    let repair = Some(repair).filter(|_| !matches!(state, "given") && !state.starts_with("from-"));
    Described { state, place, at, repair }
}

/// Whether anything says where a secret comes from; its value is not asked for.
pub(super) fn has_source(
    name: &str,
    places: Places<'_>,
    environment: Option<&LoadedEnvironment>,
) -> bool {
    let named = |loaded: &LoadedEnvironment| {
        loaded.environment.secrets().iter().any(|source| source.name.value == name)
    };
    environment.is_some_and(named)
        || places.arguments.0.contains_key(name)
        || [format!("PLANRUN_SECRET_{name}"), name.to_ascii_uppercase()]
            .iter()
            .any(|variable| places.process.get(variable).is_some())
}

/// What came of looking for one secret.
struct Looked {
    value: Value,
    /// Where it was looked for.
    place: String,
    /// Where an environment names that place.
    at: Option<Place>,
    /// What to do where it has no value.
    repair: String,
    finding: Option<Finding>,
}

enum Value {
    Found(String),
    Empty,
    Missing,
    /// A service gives it.
    Later,
    /// It takes a command or a person.
    Deferred(How),
}

/// How a secret is got that is not simply read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A command prints it.
    Command,
    /// A person types it.
    Prompt,
}

/// A secret that is still to be got.
#[derive(Debug, Clone)]
pub(super) struct Deferred {
    pub(super) name: String,
    pub(super) how: How,
    /// Where the environment says so.
    pub(super) place: Place,
}

/// Looks for one secret, the first source that is named wins.
fn look(
    name: &str,
    places: Places<'_>,
    environment: Option<&LoadedEnvironment>,
) -> Result<Looked, FileFault> {
    let variable = |variable: &str| Looked {
        value: given(places.process.get(variable).map(str::to_owned)),
        place: format!("the variable `{variable}`"),
        at: None,
        repair: format!("set the variable {variable}, or give `--secret {name}=@FILE`"),
        finding: None,
    };
    match places.arguments.0.get(name) {
        Some(Argument::File(path)) => {
            let shown = path.display().to_string();
            let value = read_secret_file(&places.current.join(path), &shown)?;
            return Ok(Looked {
                value: given(Some(value)),
                place: format!("the file `{shown}`"),
                at: None,
                repair: format!("write the secret into `{shown}`"),
                finding: None,
            });
        }
        Some(Argument::Variable(name)) => return Ok(variable(name)),
        None => {}
    }
    let prefixed = format!("PLANRUN_SECRET_{name}");
    if places.process.get(&prefixed).is_some() {
        return Ok(variable(&prefixed));
    }
    let source = environment.and_then(|loaded| {
        let found = loaded.environment.secrets().into_iter().find(|s| s.name.value == name)?;
        Some((loaded, found))
    });
    let Some((loaded, source)) = source else {
        return Ok(variable(&name.to_ascii_uppercase()));
    };
    let not_read = |value: Value, from: &str| Looked {
        value,
        place: from.to_owned(),
        at: Some(source.place),
        repair: String::new(),
        finding: None,
    };
    Ok(match &source.source {
        SourceOfSecret::Command(_) => not_read(Value::Deferred(How::Command), "a command"),
        SourceOfSecret::Prompt => not_read(Value::Deferred(How::Prompt), "asked for"),
        SourceOfSecret::Value(_) => not_read(Value::Later, "a service"),
        SourceOfSecret::EnvVar(named) => Looked { at: Some(source.place), ..variable(named) },
        SourceOfSecret::File(path) => {
            // What an environment names stays inside the project; `--secret` names what it likes.
            let read = FileRoot::new(&loaded.root, places.file_roots)
                .resolve(loaded.folder(source.place.source), path)
                .and_then(|resolved| read_secret_file(&resolved, path));
            let (value, finding) = match read {
                Ok(value) => (given(Some(value)), None),
                Err(FileFault::Missing { .. }) => (Value::Missing, None),
                Err(fault) => (Value::Missing, Some(Finding::of(&fault, source.place))),
            };
            Looked {
                value,
                place: format!("the file `{path}`"),
                at: Some(source.place),
                repair: format!("write it into `{path}`, or give `--secret {name}=@FILE`"),
                finding,
            }
        }
    })
}

fn given(value: Option<String>) -> Value {
    match value {
        Some(value) if value.is_empty() => Value::Empty,
        Some(value) => Value::Found(value),
        None => Value::Missing,
    }
}

/// The secrets of one environment, as far as they can be known before services start.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Those that have a value.
    pub(super) found: Vec<Secret>,
    /// Those that a service will give.
    from_services: Vec<String>,
    /// Those that take a command or a person.
    pub(super) deferred: Vec<Deferred>,
    /// Why each missing one is missing, and what to do.
    pub(super) missing: BTreeMap<String, (String, String)>,
}

/// Reads every secret that the plans of one environment declare.
pub(super) fn read(
    places: Places<'_>,
    environment: Option<&LoadedEnvironment>,
    plans: &[&CheckedPlan],
) -> Result<(Secrets, Vec<Finding>), UsageFault> {
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
        let looked = look(name, places, environment)
            .map_err(|fault| UsageFault::new(format!("`--secret {name}=@…`: {fault}")))?;
        let Looked { value, place, at, repair, finding } = looked;
        let why = match value {
            Value::Found(value) => {
                secrets.found.push(Secret::new(name, value));
                continue;
            }
            Value::Later => {
                secrets.from_services.push(name.to_owned());
                continue;
            }
            Value::Deferred(how) => {
                let deferred = |place| Deferred { name: name.to_owned(), how, place };
                secrets.deferred.extend(at.map(deferred));
                continue;
            }
            Value::Empty => format!("is empty: {place} has nothing in it"),
            Value::Missing => format!("is missing: {place} is not there"),
        };
        // A source that cannot be read is said once, and not as missing too.
        match finding {
            Some(finding) => {
                findings.push(finding);
                secrets.from_services.push(name.to_owned());
            }
            None => {
                secrets.missing.insert(name.to_owned(), (why, repair));
            }
        }
    }
    Ok((secrets, findings))
}

impl Secrets {
    /// The same of a job's plan and of those that it includes; a missing one is said once.
    pub(super) fn judge_all(&self, job: &Job, meant: &dyn Fn(&str) -> bool) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for (plan, selected) in job.plans() {
            for finding in self.judge(plan, &selected, meant) {
                let is_alike = |said: &Finding| said.message == finding.message;
                if finding.code != Code::MissingSecret || !findings.iter().any(is_alike) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    /// Missing and mis-shaped secrets of one plan; a mis-shaped one is never sent. `selected` tells
    /// which of the steps run: what only others need may be missing; `meant`, which secrets are
    /// judged.
    fn judge(
        &self,
        plan: &CheckedPlan,
        selected: &[bool],
        meant: &dyn Fn(&str) -> bool,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for secret in plan.secrets() {
            let name = secret.name.value.as_str();
            let is_known_later = self.from_services.iter().any(|given| given == name)
                || self.deferred.iter().any(|deferred| deferred.name == name);
            if is_known_later || !meant(name) {
                continue;
            }
            let Some(found) = self.found.iter().find(|found| found.name() == name) else {
                let needed_by = needed_by(secret, plan, selected);
                if !secret.optional && !needed_by.is_empty() {
                    findings.push(self.missing(secret, &needed_by));
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
                    .at(secret.name.place, "fewer than four characters")
                    .help("it is hidden only in fields and headers named like secrets"),
                );
            }
        }
        findings
    }

    fn missing(&self, secret: &SecretUse, needed_by: &[&str]) -> Finding {
        let name = secret.name.value.as_str();
        let (why, repair) = self.missing.get(name).cloned().unwrap_or_default();
        let mut finding = Finding::error(Code::MissingSecret, format!("the secret `{name}` {why}"))
            .at(secret.name.place, format!("needed by {}", steps(needed_by)));
        if let Some(description) = &secret.description {
            finding = finding.help(format!("it is: {}", description.trim()));
        }
        finding.help(repair)
    }
}

/// The first of the steps that need a secret, and how many more there are.
pub(super) fn steps(needed_by: &[&str]) -> String {
    let mut steps: Vec<String> =
        needed_by.iter().take(NAMED).map(|label| format!("`{label}`")).collect();
    if needed_by.len() > NAMED {
        steps.push(format!("{} more", needed_by.len() - NAMED));
    }
    steps.join(", ")
}

/// What needs a secret: variables of the plan, and the steps that are going to run.
pub(super) fn needed_by<'a>(
    secret: &'a SecretUse,
    plan: &CheckedPlan,
    selected: &[bool],
) -> Vec<&'a str> {
    let runs = |label: &str| {
        plan.steps().iter().zip(selected).any(|(step, selected)| *selected && step.label() == label)
    };
    let labels = secret.needed_by.iter().map(String::as_str);
    labels.filter(|label| label.starts_with("vars.") || runs(label)).collect()
}

/// What can be said of a value of the wrong shape without showing it.
fn malformed(secret: &SecretUse, value: &str) -> Finding {
    let name = secret.name.value.as_str();
    let count = value.chars().count();
    let mut facts = vec![format!("{count} character{}", if count == 1 { "" } else { "s" })];
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
    .at(secret.name.place, format!("the value has {}", facts.join(", ")))
    .help(format!("it must match `{pattern}`; it was not sent anywhere"))
}

/// `--var` with the value of a secret in it: arguments are visible to others.
pub(super) fn visible(values: &Values, secrets: &[Secret]) -> Vec<Finding> {
    let holds = |value: &str, secret: &Secret| match secret.expose() {
        short if short.chars().count() < 4 => value == short,
        long => value.contains(long),
    };
    values
        .vars
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .filter(|(_, value)| secrets.iter().any(|secret| holds(value, secret)))
        .map(|(name, _)| {
            Finding::warning(
                Code::SecretSource,
                format!("`--var {name}=…` holds the value of a secret"),
            )
            .help("every user of the machine can see arguments: declare it under `secrets:`")
            .help("and give it by a variable or a file")
        })
        .collect()
}
