//! A check against several environments: each plan is checked on each, and what is the same in all of
//! them is said once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::args::Values;
use super::fault::UsageFault;
use super::prepare::{Prepared, Wanted, prepare_on};
use super::secrets::{has_source, steps};
use crate::check::CheckedPlan;
use crate::finding::{Code, Finding};
use crate::project::{LoadFault, survey};
use crate::secret::sanitise_line;
use crate::source::{Place, SourceSet};

/// The word that stands for every environment.
const ALL: &str = "all";

/// Plans that were checked, and on what.
pub(super) struct Checked {
    /// All plans, with the findings of all environments.
    pub(super) prepared: Prepared,
    /// The environments, where there were several.
    pub(super) environments: Vec<String>,
    /// Those of them that others extend: what they lack may come from there.
    pub(super) extended: Vec<String>,
}

/// Reads and checks everything on every environment that is asked for.
pub(super) fn prepare(
    paths: &[PathBuf],
    values: &Values,
    current: &Path,
) -> Result<Checked, UsageFault> {
    let mut names: Vec<String> = Vec::new();
    for name in &values.environments {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let all = names.iter().any(|name| name == ALL);
    if !all && names.len() < 2 {
        let prepared = super::prepare::prepare(paths, values, current)?;
        return Ok(Checked { prepared, environments: Vec::new(), extended: Vec::new() });
    }
    let mut extended = Vec::new();
    if all {
        let found = survey(paths, current);
        names.retain(|name| name != ALL);
        names.extend(
            found.environments.into_iter().filter(|name| !values.environments.contains(name)),
        );
        extended = found.extended;
        extended.retain(|name| !values.environments.contains(name));
        if names.is_empty() {
            let fault = LoadFault::NoSuchEnvironment { name: ALL.to_owned(), known: Vec::new() };
            return Err(fault.into());
        }
    }
    let mut merged: Option<Merged> = None;
    for name in &names {
        let asked = values.environments.contains(name);
        let wanted = if asked { Wanted::Named(name) } else { Wanted::IfThere(name) };
        let mut prepared = prepare_on(paths, values, (current, wanted))?;
        if extended.contains(name) {
            prepared.findings.retain(|finding| finding.code != Code::MissingVariable);
        } else {
            let lacking = lacking_secrets(&prepared);
            prepared.findings.extend(lacking);
        }
        match &mut merged {
            Some(merged) => merged.add(name, prepared),
            None => merged = Some(Merged::new(name, prepared)),
        }
    }
    let Some(merged) = merged else { return Err(UsageFault::new("name an environment")) };
    Ok(Checked { prepared: merged.into_prepared(values), environments: names, extended })
}

/// The environments, for the line that closes a check; nothing where there was one.
pub(super) fn said(environments: &[String], extended: &[String]) -> String {
    if environments.is_empty() {
        return String::new();
    }
    let extended = match extended {
        [] => String::new(),
        [one] => format!(" (what {one} lacks is not judged: others extend it)"),
        more => format!(" (what {} lack is not judged: others extend them)", more.join(", ")),
    };
    sanitise_line(&format!(" · environments {}{extended}", environments.join(", "))).into_owned()
}

/// What was found, with the environments in which it was.
struct Merged {
    whole: Prepared,
    found: Vec<(Finding, BTreeSet<String>)>,
    /// The environments in which each plan was checked, by its path.
    checked: BTreeMap<String, BTreeSet<String>>,
}

impl Merged {
    fn new(environment: &str, mut prepared: Prepared) -> Self {
        let findings = std::mem::take(&mut prepared.findings);
        let mut merged = Self { whole: prepared, found: Vec::new(), checked: BTreeMap::new() };
        merged.take(environment, findings);
        let plans: Vec<String> =
            merged.whole.suite.plans.iter().map(|plan| plan.shown.clone()).collect();
        merged.was_checked(environment, plans);
        merged
    }

    fn add(&mut self, environment: &str, mut other: Prepared) {
        let mut findings = std::mem::take(&mut other.findings);
        other.learn_into(&self.whole.gate);
        let ids: Vec<_> = other
            .suite
            .sources
            .iter()
            .map(|source| (source.id, same_text(&mut self.whole.suite.sources, source)))
            .collect();
        let moved = |place: Place| {
            let found = ids.iter().find(|(old, _)| *old == place.source);
            found.map_or(place, |(_, new)| Place { source: *new, ..place })
        };
        for label in findings.iter_mut().flat_map(|finding| &mut finding.labels) {
            label.place = moved(label.place);
        }
        self.take(environment, findings);
        self.was_checked(environment, other.suite.plans.iter().map(|plan| plan.shown.clone()));
        let known: BTreeSet<&str> =
            self.whole.suite.plans.iter().map(|plan| plan.shown.as_str()).collect();
        let fresh: Vec<bool> =
            other.suite.plans.iter().map(|plan| !known.contains(plan.shown.as_str())).collect();
        for ((plan, checked), fresh) in other.suite.plans.into_iter().zip(other.plans).zip(fresh) {
            if fresh {
                self.whole.suite.plans.push(plan);
                self.whole.plans.push(checked);
            }
        }
    }

    fn was_checked(&mut self, environment: &str, plans: impl IntoIterator<Item = String>) {
        for plan in plans {
            self.checked.entry(plan).or_default().insert(environment.to_owned());
        }
    }

    fn take(&mut self, environment: &str, findings: Vec<Finding>) {
        for finding in findings {
            match self.found.iter_mut().find(|(known, _)| is_same(known, &finding)) {
                Some((known, environments)) => {
                    environments.insert(environment.to_owned());
                    if known.labels.iter().all(|label| label.text.is_empty()) {
                        known.labels = finding.labels;
                    }
                }
                None => self.found.push((finding, [environment.to_owned()].into())),
            }
        }
    }

    fn into_prepared(self, values: &Values) -> Prepared {
        let Self { mut whole, found, checked } = self;
        let wrong = found.iter().any(|(finding, _)| finding.is_error());
        let mut findings: Vec<Finding> = found
            .into_iter()
            // Where something is wrong, a use may be what is wrong.
            .filter(|(finding, _)| !(wrong && finding.code == Code::UnusedName))
            .map(|(finding, environments)| {
                let source = finding.place().and_then(|at| whole.suite.sources.get(at.source));
                let all = source.and_then(|source| checked.get(&source.path));
                told(finding, &environments, all, &whole.suite.sources)
            })
            .collect();
        findings.sort_by_key(|finding| finding.place().map(|place| (place.source, place.span)));
        whole.findings = findings;
        if values.strict {
            whole.be_strict();
        }
        whole
    }
}

/// Whether two findings say the same, but for the environment that they name.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let of_environments = matches!(one.code, Code::MissingVariable | Code::MissingSecret);
    one == other || of_environments && one.code == other.code && one.place() == other.place()
}

/// A finding with the environments in which it was found, where it was not found in all.
fn told(
    mut finding: Finding,
    environments: &BTreeSet<String>,
    all: Option<&BTreeSet<String>>,
    sources: &SourceSet,
) -> Finding {
    match finding.code {
        Code::MissingVariable if environments.len() > 1 => {
            let slice = finding.place().and_then(|place| {
                let text = sources.get(place.source)?.slice(place.span);
                text.starts_with("env.").then(|| text.to_owned())
            });
            if let Some(name) = slice {
                finding.message = format!("the {} have no `{name}`", list(environments));
            } else {
                finding.help.push(format!("it is so in the {}", list(environments)));
            }
        }
        Code::MissingVariable => {}
        Code::MissingSecret => {
            finding.message = format!("{} in the {}", finding.message, list(environments));
        }
        _ if all.is_some_and(|all| all != environments) => {
            finding.help.push(format!("it is so only in the {}", list(environments)));
        }
        _ => {}
    }
    finding
}

/// ``environments `a`, `b` and `c` ``.
fn list(environments: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = environments.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("environments {} and {last}", rest.join(", "))
        }
        Some(_) | None => format!("environment {}", quoted.concat()),
    }
}

/// The same text in another set; added where it is not there yet.
fn same_text(sources: &mut SourceSet, text: &crate::source::SourceText) -> crate::source::SourceId {
    let known = sources.iter().find(|known| known.path == text.path).map(|known| known.id);
    known.unwrap_or_else(|| sources.add(text.path.clone(), text.text.clone()))
}

/// Secrets that are declared and that this environment gives no source, nor does anything else.
fn lacking_secrets(prepared: &Prepared) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (loaded, plan) in prepared.suite.plans.iter().zip(&prepared.plans) {
        let environment =
            loaded.environment.and_then(|index| prepared.suite.environments.get(index));
        let all = prepared.suite.with_included(loaded);
        let all = all.iter().flat_map(|inner| inner.plan.secrets.iter().map(move |s| (inner, s)));
        let mut said: BTreeSet<&str> = BTreeSet::new();
        for (inner, secret) in all.filter(|(_, secret)| !secret.optional) {
            let name = &secret.name.value;
            if said.contains(name.as_str()) || has_source(name, prepared.places(), environment) {
                continue;
            }
            // A plan that is wrong here may still say who needs it in another environment.
            let checked = plan.as_ref().and_then(|plan| plan.of_file(inner.plan.source));
            let used = checked
                .map(CheckedPlan::secrets)
                .and_then(|all| all.iter().find(|used| used.name == secret.name));
            let label = match used.map(|used| used.needed_by.as_slice()) {
                Some([]) => continue,
                Some(labels) => {
                    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                    format!("needed by {}", steps(&labels))
                }
                None => String::new(),
            };
            said.insert(name);
            let upper = name.to_ascii_uppercase();
            findings.push(
                Finding::warning(Code::MissingSecret, format!("the secret `{name}` has no source"))
                    .at(secret.name.place, label)
                    .help(format!("name one there: `secrets: {{{name}: {{env_var: {upper}}}}}`"))
                    .help(format!("or set the variable {upper}")),
            );
        }
    }
    findings
}
