//! From paths to checked plans: everything that is known before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Values;
use super::fault::UsageFault;
use super::inputs::{self, GivenVars, Process};
use super::requirements;
use super::secrets::{self, Arguments, Places, Secrets};
use super::taps;
use crate::check::{
    self, CheckedEnvironment, CheckedPlan, Contracts, Included, Role, ServiceFields, Surroundings,
    TlsFiles,
};
use crate::environment::{EnvironmentShape, SourceOfSecret, TapShape};
use crate::finding::{Code, Finding, Severity};
use crate::http::{self, RequestFault, TlsPart};
use crate::plan::{HintAst, RequestOptions, literal_secrets};
use crate::project::{self, Choice, Folders, Suite};
use crate::schedule::Job;
use crate::secret::Gate;
use crate::services;
use crate::source::{SourceId, Spanned};

/// Everything that is known of a suite before it runs.
pub(super) struct Prepared {
    /// The files.
    pub(super) suite: Suite,
    /// Each plan of the suite, checked; nothing where it has errors.
    pub(super) plans: Vec<Option<Arc<CheckedPlan>>>,
    /// Each environment of the suite.
    pub(super) environments: Vec<CheckedEnvironment>,
    /// All findings so far.
    pub(super) findings: Vec<Finding>,
    /// Variables from outside.
    pub(super) given: GivenVars,
    /// The process environment.
    pub(super) process: Process,
    /// The current folder.
    pub(super) current: PathBuf,
    /// Knows every secret that can be read, and what looks like one in the files.
    pub(super) gate: Gate,
    arguments: Arguments,
    file_roots: Vec<PathBuf>,
}

impl Prepared {
    /// Whether anything keeps the suite from running.
    pub(super) fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Every request that may be repeated is tried so many more times.
    pub(super) fn retry(&mut self, times: u32) {
        // Nobody else holds them yet.
        for plan in self.plans.iter_mut().flatten().filter_map(Arc::get_mut) {
            plan.retry(times);
        }
    }

    /// Findings of the check phase are errors all, under `--strict`.
    pub(super) fn be_strict(&mut self) {
        for finding in &mut self.findings {
            finding.severity = Severity::Error;
        }
    }

    /// Secrets that the environments of these plans take from a variable with another name than
    /// their own in upper case, each with that variable.
    pub(super) fn variables(
        &self,
        positions: impl Iterator<Item = usize>,
    ) -> BTreeMap<String, String> {
        let mut environments: Vec<usize> =
            positions.filter_map(|position| self.suite.plans.get(position)?.environment).collect();
        environments.sort_unstable();
        environments.dedup();
        environments
            .iter()
            .filter_map(|index| self.suite.environments.get(*index))
            .flat_map(|loaded| loaded.environment.secrets())
            .filter_map(|secret| match &secret.source {
                SourceOfSecret::EnvVar(word) => Some((secret.name.value.clone(), word.clone())),
                SourceOfSecret::File(_)
                | SourceOfSecret::Value(_)
                | SourceOfSecret::Command(_)
                | SourceOfSecret::Prompt => None,
            })
            .filter(|(name, word)| name.to_ascii_uppercase() != *word)
            .collect()
    }

    /// The secrets of one environment (or of none), with what is wrong with them.
    pub(super) fn secrets(
        &self,
        environment: Option<usize>,
        jobs: &[Job],
    ) -> Result<(Secrets, Vec<Finding>), UsageFault> {
        let loaded = environment.and_then(|index| self.suite.environments.get(index));
        let there = |job: &&Job| {
            self.suite.plans.get(job.position).is_some_and(|p| p.environment == environment)
        };
        let jobs: Vec<&Job> = jobs.iter().filter(there).collect();
        let mut plans: Vec<&CheckedPlan> = Vec::new();
        for job in &jobs {
            job.plan.each_plan(&mut |plan| plans.push(plan));
        }
        let (secrets, mut findings) = secrets::read(self.places(), loaded, &plans)?;
        for job in jobs {
            findings.extend(secrets.judge_all(job, &|_| true));
        }
        Ok((secrets, findings))
    }

    pub(super) fn places(&self) -> Places<'_> {
        Places {
            arguments: &self.arguments,
            process: &self.process,
            current: &self.current,
            file_roots: &self.file_roots,
        }
    }

    /// Teaches the gate what must not be shown, before anything is: secrets from outside, and what
    /// looks like one in the files.
    fn learn(&self) {
        self.learn_into(&self.gate);
    }

    /// The same for another gate.
    pub(super) fn learn_into(&self, gate: &Gate) {
        secrets::learn(gate, self.places(), &self.suite);
        for source in self.suite.sources.iter() {
            for range in literal_secrets(&source.text) {
                if let Some(text) = source.text.get(range) {
                    let _ = gate.register("literal", text);
                }
            }
        }
        let literal =
            |f: &&Finding| matches!(f.code, Code::LiteralSecret | Code::LiteralInEnvironment);
        for place in self.findings.iter().filter(literal).filter_map(Finding::place) {
            if let Some(source) = self.suite.sources.get(place.source) {
                let text = source.slice(place.span).trim_matches(['"', '\'']);
                let _ = gate.register("literal", text);
            }
        }
    }
}

/// Which environment plans are read with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// The one of the command line, of the process, of the project, or none.
    Chosen,
    /// This one; a plan that has none of this name is a usage error.
    Named(&'a str),
    /// This one; a plan that has none of this name is left out.
    IfThere(&'a str),
}

/// Reads and checks everything.
pub(super) fn prepare(
    paths: &[PathBuf],
    values: &Values,
    current: &Path,
) -> Result<Prepared, UsageFault> {
    if let [first, second, ..] = values.environments.as_slice() {
        return Err(UsageFault::new(format!(
            "`-e {first}` and `-e {second}`: plans run on one environment at a time; \
             `planrun check` takes several"
        )));
    }
    prepare_on(paths, values, (current, Wanted::Chosen))
}

/// Reads and checks everything on one environment.
pub(super) fn prepare_on(
    paths: &[PathBuf],
    values: &Values,
    (current, wanted): (&Path, Wanted<'_>),
) -> Result<Prepared, UsageFault> {
    if paths.is_empty() {
        return Err(UsageFault::new("name a plan or a folder: `planrun plans/registration.yaml`"));
    }
    let mut process = Process::read();
    let root = paths.first().map(|path| project::find_root(path, current));
    let unsafe_env = root.map(|root| process.with_dot_env(&root)).unwrap_or_default();
    let environment = asked_environment(wanted, values, &process);
    let choice = match (&environment, wanted) {
        (None, _) => Choice::Default,
        (Some(name), Wanted::IfThere(_)) => Choice::IfThere(name),
        (Some(name), Wanted::Chosen | Wanted::Named(_)) => Choice::Named(name),
    };
    let mut suite = project::load(paths, choice, current)?;
    let roots: Vec<PathBuf> = values.file_roots.iter().map(|root| current.join(root)).collect();
    let more = read_beside(&mut suite, paths, (values, &roots), current)?;
    let mut findings = suite.findings.clone();
    findings.extend(more);
    findings.extend(unsafe_env);
    let given = inputs::vars(values, &process)?;
    inputs::unknown_vars(values, &given, &suite)?;
    let arguments = Arguments::read(values, &suite)?;
    let mut environments = Vec::new();
    for loaded in &suite.environments {
        let fields = ServiceFields { demo: &services::FIELDS, command: &services::COMMAND_FIELDS };
        let (checked, more) = check::check_environment(&loaded.environment, &suite.sources, fields);
        findings.extend(more);
        environments.push(checked);
    }
    let today = today();
    let names: Vec<String> = given.plans.keys().cloned().collect();
    let included: Vec<Included<'_>> = suite.included.iter().map(included).collect();
    let folders = suite.folders();
    let mut loaded_plans = std::mem::take(&mut suite.plans);
    let checked = project::each_mut(&mut loaded_plans, |loaded| {
        let environment = loaded.environment.and_then(|index| suite.environments.get(index));
        let shape = shape(environment.map(|loaded| &loaded.environment), &given);
        let project = loaded.project.and_then(|index| suite.projects.get(index));
        let defaults: Vec<&RequestOptions> = environment
            .iter()
            .flat_map(|loaded| loaded.environment.defaults())
            .chain(project.map(|project| &project.defaults))
            .collect();
        let hints: Vec<&HintAst> = loaded.hints.iter().flat_map(|hints| &**hints).collect();
        let around = Surroundings {
            sources: &suite.sources,
            environment: if loaded.broken_environment { None } else { Some(&shape) },
            defaults: &defaults,
            given: &names,
            of_responses: &[],
            tables: &loaded.tables,
            hints: &hints,
            included: &included,
            includes: &loaded.includes,
            role: Role::Alone,
            schemas: Some(&suite.schemas),
            contracts: Contracts {
                of_project: project.map_or(&[], |project| &*project.contracts),
                documents: Some(&suite.documents),
                today: Some(today),
            },
        };
        let checked = check::check(&loaded.plan, &around);
        // What was written has become what is run: it need not stay beside it.
        loaded.plan.forget_steps();
        checked
    });
    suite.plans = loaded_plans;
    let mut plans = Vec::with_capacity(checked.len());
    for ((plan, more), loaded) in checked.into_iter().zip(&suite.plans) {
        findings.extend(more.into_iter().filter(|finding| !is_said_already(finding, &suite)));
        if let Some(plan) = &plan {
            findings.extend(unreadable_files(plan, loaded, values, ((&suite, &folders), current)));
        }
        plans.push(plan.map(Arc::new));
    }
    findings.extend(taps::unknown_contracts(&suite, &environments));
    only_unused(&mut findings, &suite, &roots);
    for loaded in &mut suite.included {
        loaded.plan.forget_steps();
    }
    findings.sort_by_key(|finding| finding.place().map(|place| (place.source, place.span)));
    findings.dedup();
    let findings = said_once(findings, &suite);
    let mut prepared = Prepared {
        suite,
        plans,
        environments,
        findings,
        given,
        process,
        current: current.to_path_buf(),
        gate: Gate::new(),
        arguments,
        file_roots: roots,
    };
    prepared.learn();
    if values.strict {
        prepared.be_strict();
    }
    Ok(prepared)
}

/// Leaves of what is said of names that nobody uses what is so: plans that were not asked for may take
/// them by `export`.
fn only_unused(findings: &mut Vec<Finding>, suite: &Suite, roots: &[PathBuf]) {
    // Where something is wrong, a use may be what is wrong.
    if findings.iter().any(Finding::is_error) {
        findings.retain(|finding| finding.code != Code::UnusedName);
    }
    let name = |finding: &Finding| {
        let place = finding.place().filter(|_| finding.code == Code::UnusedName)?;
        let text = suite.sources.get(place.source)?.slice(place.span);
        Some((place.source, text.trim_matches(['\'', '"'])))
    };
    let files: BTreeSet<SourceId> =
        findings.iter().filter_map(name).map(|(file, _)| file).collect();
    if files.is_empty() {
        return;
    }
    let taken = suite.exported_elsewhere(&files, roots);
    findings.retain(|finding| {
        let is_taken = name(finding)
            .is_some_and(|(file, name)| taken.get(&file).is_some_and(|names| names.contains(name)));
        !is_taken
    });
}

/// The name of the environment that is asked for, if one is.
fn asked_environment(wanted: Wanted<'_>, values: &Values, process: &Process) -> Option<String> {
    let of_process =
        || process.get("PLANRUN_ENV").filter(|name| !name.is_empty()).map(str::to_owned);
    match wanted {
        Wanted::Chosen => values.environments.first().cloned().or_else(of_process),
        Wanted::Named(name) | Wanted::IfThere(name) => Some(name.to_owned()),
    }
}

/// Reads what plans and their project name beside themselves, and says what the checklists make of it.
fn read_beside(
    suite: &mut Suite,
    paths: &[PathBuf],
    (values, roots): (&Values, &[PathBuf]),
    current: &Path,
) -> Result<Vec<Finding>, UsageFault> {
    suite.read_includes(roots, current);
    suite.read_tables(roots, current);
    suite.read_hints(roots, current);
    suite.read_schemas(roots, current);
    let findings = requirements::judge(suite, paths, (values, roots), current)?;
    suite.read_contracts(roots, current);
    suite.show_includers();
    Ok(findings)
}

/// Files that a plan names literally and that cannot be read: found before anything is sent.
fn unreadable_files(
    plan: &CheckedPlan,
    loaded: &project::LoadedPlan,
    values: &Values,
    ((suite, folders), current): ((&Suite, &Folders), &Path),
) -> Vec<Finding> {
    let mut named: Vec<(&Path, &Spanned<String>)> = Vec::new();
    let mut certificates: Vec<(&Path, &TlsFiles)> = Vec::new();
    plan.each_plan(&mut |plan| {
        let inner = suite.included.iter().find(|loaded| loaded.plan.source == plan.source());
        let folder = if plan.source() == loaded.plan.source { Some(loaded) } else { inner };
        let folder = folder.map_or(&*loaded.folder, |loaded| &*loaded.folder);
        named.extend(plan.files().iter().map(|file| (folder, file)));
        certificates.extend(plan.tls_files().iter().map(|files| (folder, files)));
    });
    if named.is_empty() {
        return Vec::new();
    }
    let more: Vec<PathBuf> = values.file_roots.iter().map(|root| current.join(root)).collect();
    let files = project::FileRoot::new(&loaded.root, &more);
    let probe = |(folder, file): (&Path, &Spanned<String>)| {
        let fault = files.probe(folder_of(folders, folder, file), &file.value).err()?;
        Some(Finding::of(&fault, file.place))
    };
    let mut findings: Vec<Finding> = named.into_iter().filter_map(probe).collect();
    for (folder, tls) in certificates {
        let TlsFiles { ca_file, cert, key } = tls;
        // One that is not there was found above.
        let [ca, chain, private] = [ca_file, cert, key].map(|file| {
            let file = file.as_ref()?;
            files.read(folder_of(folders, folder, file), &file.value).ok()
        });
        let wrong = http::check_tls(ca.as_deref(), chain.as_deref(), private.as_deref());
        findings.extend(wrong.into_iter().filter_map(|(part, fault)| {
            let file = match part {
                TlsPart::Ca => ca_file,
                TlsPart::Certificate => cert,
                TlsPart::Key => key,
            };
            Some(bad_certificate(file.as_ref()?, &fault))
        }));
    }
    findings
}

/// What the path of a file is relative to: the folder of the file that names it.
fn folder_of<'f>(folders: &'f Folders, plans: &'f Path, file: &Spanned<String>) -> &'f Path {
    folders.get(&file.place.source).map_or(plans, |folder| &**folder)
}

fn bad_certificate(file: &Spanned<String>, fault: &RequestFault) -> Finding {
    let why = match fault {
        RequestFault::Tls { seen } => seen.clone(),
        other => other.to_string(),
    };
    Finding::error(Code::BadCertificate, format!("`{}` cannot be used: {why}", file.value))
        .at(file.place, "this file")
        .help("certificates and keys are PEM: text that begins with `-----BEGIN`")
}

/// The day, for exceptions that end.
#[expect(clippy::disallowed_methods, reason = "an exception from a contract ends on a day")]
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A plan that others include, as the check phase takes it.
fn included(loaded: &project::LoadedPlan) -> Included<'_> {
    Included {
        plan: &loaded.plan,
        path: &loaded.shown,
        tables: &loaded.tables,
        hints: loaded.hints.iter().flat_map(|hints| &**hints).collect(),
        includes: &loaded.includes,
        exported: &loaded.exported,
    }
}

/// Findings of an included plan once, however often it is included.
fn said_once(findings: Vec<Finding>, suite: &Suite) -> Vec<Finding> {
    let of_included = |finding: &Finding| {
        let place = finding.place();
        place.is_some_and(|place| suite.included.iter().any(|p| p.plan.source == place.source))
    };
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let near = kept.iter().rev().take_while(|said| said.place() == finding.place());
        let is_known =
            |said: &Finding| said.code == finding.code && said.message == finding.message;
        if !of_included(&finding) || !near.into_iter().any(is_known) {
            kept.push(finding);
        }
    }
    kept
}

/// Whether a finding of the check phase is about a text that could not be read as it was meant.
fn is_said_already(finding: &Finding, suite: &Suite) -> bool {
    let Some(place) = finding.place() else { return false };
    suite.findings.iter().filter(|said| said.is_error()).filter_map(Finding::place).any(|said| {
        said.source == place.source
            && said.span.start <= place.span.start
            && place.span.start <= said.span.end
            && said.span.start < said.span.end
    })
}

fn shape(
    environment: Option<&crate::environment::Environment>,
    given: &GivenVars,
) -> EnvironmentShape {
    let mut vars: Vec<String> = environment
        .iter()
        .flat_map(|environment| environment.vars())
        .map(|entry| entry.key.value.clone())
        .collect();
    vars.extend(given.environment.keys().cloned());
    EnvironmentShape {
        name: environment.map(|environment| environment.name().to_owned()).unwrap_or_default(),
        vars,
        secrets: environment
            .iter()
            .flat_map(|environment| environment.secrets())
            .map(|secret| secret.name.value.clone())
            .collect(),
        taps: environment
            .iter()
            .flat_map(|environment| environment.taps())
            .map(|tap| TapShape { name: tap.name.clone(), contract: tap.contract.clone() })
            .collect(),
    }
}
