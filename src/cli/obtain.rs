//! Secrets that are not simply read: the output of a command, or what a person types. They are got
//! last, when nothing else keeps the run from beginning.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::means::runtime;
use super::prepare::Prepared;
use super::printer::Printer;
use super::prompt::{Asked, ask};
use super::secrets::{Deferred, How, Secrets, needed_by, steps};
use crate::check::SecretUse;
use crate::finding::{Code, Finding, Severity};
use crate::run::{self, Given};
use crate::schedule::Job;
use crate::secret::{Secret, sanitise_line};
use crate::services::{ExecFault, Words, output_of};
use crate::template::Names;

/// How long a command may take: a person may have to unlock something.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines of a failing command's standard error are shown.
const LINES: usize = 5;

/// What is needed to get secrets.
pub(super) struct Scene<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) jobs: &'a [Job],
    pub(super) printer: &'a Printer,
    /// `run.…` in the words of a command.
    pub(super) run: Arc<Names>,
    pub(super) now: Timestamp,
    pub(super) entropy: &'a dyn Fn() -> u64,
}

/// Ctrl-C while a secret was asked for.
pub(super) struct Interrupted;

/// What was got already: the same command is run once, the same secret asked for once, also where
/// several runs are compared.
#[derive(Default)]
pub(super) struct Known {
    /// Whom one answer is for, where that is not plain.
    whom: String,
    printed: BTreeMap<(Vec<String>, PathBuf), String>,
    typed: BTreeMap<String, Option<String>>,
}

impl Known {
    /// For runs on several environments, which get one answer.
    pub(super) fn for_all(environments: &[String]) -> Self {
        Self { whom: format!(", for {}", environments.join(" and ")), ..Self::default() }
    }
}

/// A secret that is to be got, with who declares and needs it.
struct Wanted<'a> {
    deferred: Deferred,
    declared: &'a SecretUse,
    needed_by: Vec<&'a str>,
    /// Whether nobody is kept from running by its absence.
    optional: bool,
}

/// The commands that would have to be run, where they are not allowed.
pub(super) fn not_allowed(
    scene: &Scene<'_>,
    environment: Option<usize>,
    secrets: &Secrets,
) -> Vec<Finding> {
    wanted(scene, environment, secrets)
        .into_iter()
        .filter(|wanted| wanted.deferred.how == How::Command && !wanted.optional)
        .map(|wanted| {
            let name = &wanted.deferred.name;
            Finding::error(
                Code::ExecNotAllowed,
                format!("the secret `{name}` comes from a command, which was not allowed"),
            )
            .at(wanted.deferred.place, format!("needed by {}", steps(&wanted.needed_by)))
            .help("if it is meant to run: `--allow-exec`")
            .help(format!("or give the secret: `--secret {name}=@FILE`"))
        })
        .collect()
}

/// Gets what is needed, commands first; what could not be got is missing from then on.
pub(super) fn obtain(
    scene: &Scene<'_>,
    secrets: &mut BTreeMap<Option<usize>, Secrets>,
    may_run: bool,
    known: &mut Known,
) -> Result<Vec<Finding>, Interrupted> {
    let mut findings = Vec::new();
    for how in [How::Command, How::Prompt] {
        for (environment, secrets) in &mut *secrets {
            for wanted in wanted(scene, *environment, secrets) {
                if wanted.deferred.how != how {
                    continue;
                }
                let got = match how {
                    How::Command if !may_run => Err(None),
                    How::Command => print(scene, *environment, &wanted, known).map_err(Some),
                    How::Prompt => typed(scene, &wanted, known)?.ok_or(None),
                };
                keep(scene, secrets, &wanted, got, &mut findings);
            }
        }
        // Nobody is asked for a secret of a run that does not begin.
        if findings.iter().any(Finding::is_error) {
            return Ok(findings);
        }
    }
    for (environment, secrets) in secrets {
        let names = std::mem::take(&mut secrets.deferred);
        let deferred = |name: &str| names.iter().any(|deferred| deferred.name == name);
        for job in scene.jobs.iter().filter(|job| uses(scene, job, *environment)) {
            findings.extend(secrets.judge_all(job, &deferred));
        }
    }
    findings.dedup();
    Ok(findings)
}

fn keep(
    scene: &Scene<'_>,
    secrets: &mut Secrets,
    wanted: &Wanted<'_>,
    got: Result<String, Option<Finding>>,
    findings: &mut Vec<Finding>,
) {
    let name = &wanted.deferred.name;
    let (why, repair) = match got {
        Ok(value) if !value.is_empty() => {
            let _ = scene.prepared.gate.register(name, &value);
            secrets.found.push(Secret::new(name, value));
            return;
        }
        Ok(_) => match wanted.deferred.how {
            How::Command => ("is empty: the command printed nothing", "run the command by hand"),
            How::Prompt => ("is empty: nothing was typed", "type it, or paste it"),
        },
        Err(finding) => {
            findings.extend(finding);
            match wanted.deferred.how {
                How::Command => {
                    ("is missing: its command gave nothing", "allow it: `--allow-exec`")
                }
                How::Prompt => (
                    "is missing: it is asked for, and there is no terminal",
                    "run it in a terminal",
                ),
            }
        }
    };
    let repair = format!("{repair}, or give `--secret {name}=@FILE`");
    secrets.missing.insert(name.clone(), (why.to_owned(), repair));
}

fn uses(scene: &Scene<'_>, job: &Job, environment: Option<usize>) -> bool {
    let loaded = scene.prepared.suite.plans.get(job.position);
    loaded.is_some_and(|loaded| loaded.environment == environment)
}

/// The secrets of one environment that steps need which are going to run.
fn wanted<'a>(scene: &Scene<'a>, environment: Option<usize>, secrets: &Secrets) -> Vec<Wanted<'a>> {
    let mut found: Vec<Wanted<'a>> = Vec::new();
    for deferred in &secrets.deferred {
        for job in scene.jobs.iter().filter(|job| uses(scene, job, environment)) {
            for (plan, selected) in job.plans() {
                let declared = plan.secrets().iter().find(|s| s.name.value == deferred.name);
                let Some(declared) = declared else { continue };
                let labels = needed_by(declared, plan, &selected);
                if labels.is_empty() {
                    continue;
                }
                match found.iter_mut().find(|wanted| wanted.deferred.name == deferred.name) {
                    Some(wanted) => {
                        wanted.optional &= declared.optional;
                        let fresh = labels.iter().filter(|label| !wanted.needed_by.contains(label));
                        let fresh: Vec<&str> = fresh.copied().collect();
                        wanted.needed_by.extend(fresh);
                    }
                    None => found.push(Wanted {
                        deferred: deferred.clone(),
                        declared,
                        needed_by: labels,
                        optional: declared.optional,
                    }),
                }
            }
        }
    }
    found
}

/// What the command of a secret prints.
fn print(
    scene: &Scene<'_>,
    environment: Option<usize>,
    wanted: &Wanted<'_>,
    known: &mut Known,
) -> Result<String, Finding> {
    let name = &wanted.deferred.name;
    let prepared = scene.prepared;
    let loaded = environment.and_then(|index| prepared.suite.environments.get(index));
    let checked = environment.and_then(|index| prepared.environments.get(index));
    let words = checked.and_then(|checked| {
        let (_, words) = checked.secret_commands.iter().find(|(known, _)| known == name)?;
        Some((checked, words))
    });
    let (Some(loaded), Some((checked, words))) = (loaded, words) else {
        return Err(Finding::error(Code::CommandFailed, format!("`{name}` has no command")));
    };
    let given = Given {
        taps: &serde_json::Value::Null,
        vars: &prepared.given.environment,
        secrets: &[],
        known: &BTreeMap::new(),
        services: &serde_json::Value::Null,
        run: &scene.run,
        gate: &prepared.gate,
        now: scene.now,
        entropy: scene.entropy,
    };
    let words = run::early_words(checked, words, &given).map_err(|finding| *finding)?;
    let folder = loaded.folder(wanted.deferred.place.source).to_path_buf();
    let key = (words, folder);
    if let Some(printed) = known.printed.get(&key) {
        return Ok(printed.clone());
    }
    let command = Words { words: &key.0, folder: &key.1 };
    let failed = |fault: &dyn std::fmt::Display| {
        Finding::error(Code::CommandFailed, format!("the secret `{name}` was not given: {fault}"))
            .at(wanted.deferred.place, format!("needed by {}", steps(&wanted.needed_by)))
    };
    let runtime = runtime(1).map_err(|error| failed(&error))?;
    let printed = runtime.block_on(output_of(command, PATIENCE));
    // What still reads a pipe does not hold up the run.
    runtime.shutdown_background();
    match printed {
        Ok(printed) => {
            // Before anything else is said: another command may complain with this one's output.
            let _ = prepared.gate.register(name, &printed);
            known.printed.insert(key, printed.clone());
            Ok(printed)
        }
        Err(fault) => {
            let mut finding = failed(&fault);
            if wanted.optional {
                finding.severity = Severity::Warning;
            }
            let said = said(&fault);
            Err(said
                .into_iter()
                .fold(finding, Finding::help)
                .help(format!("run the command by hand, or give `--secret {name}=@FILE`")))
        }
    }
}

/// The last lines of what a failing command said; the gate masks them with the finding.
fn said(fault: &ExecFault) -> Vec<String> {
    let lines: Vec<&str> = fault.said().lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    last.iter().map(|line| format!("it said: {}", sanitise_line(line))).collect()
}

/// What a person types for a secret; nothing where nobody can be asked.
fn typed(
    scene: &Scene<'_>,
    wanted: &Wanted<'_>,
    known: &mut Known,
) -> Result<Option<String>, Interrupted> {
    let name = &wanted.deferred.name;
    if let Some(typed) = known.typed.get(name) {
        return Ok(typed.clone());
    }
    let what = wanted.declared.description.as_deref().map(str::trim).unwrap_or_default();
    let what = if what.is_empty() { String::new() } else { format!(" ({what})") };
    let question = format!("{name}{what}{}: ", known.whom);
    let question = sanitise_line(&question).into_owned();
    let typed = match ask(scene.printer, &scene.prepared.gate.redact(question)) {
        Asked::Answer(typed) => Some(typed),
        Asked::NoTerminal => None,
        Asked::Interrupted => return Err(Interrupted),
    };
    known.typed.insert(name.clone(), typed.clone());
    Ok(typed)
}
