//! The world of a run: what its environments need is started, their values are put together, and each
//! plan is given what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::Values;
use super::prepare::Prepared;
use super::secrets::Secrets;
use super::taps::{self, Bound};
use crate::check::{CheckedPlan, CheckedWork};
use crate::contract::Listed;
use crate::event::{EnvironmentTold, ServiceTold, VariableTold};
use crate::finding::{Code, Finding};
use crate::http::Tap;
use crate::project::{FileRoot, LoadedPlan};
use crate::run::{self, Context, EnvironmentValues, Given, PlanValues};
use crate::schedule::Job;
use crate::secret::Secret;
use crate::services::{self, Groups, Purpose, Services, StartFault};
use crate::source::{Place, SourceId, SourceText};
use crate::template::Names;

/// Texts that any plan may refer to: environments, project files, hints, JSON Schemas and OpenAPI
/// documents.
pub(super) fn common_sources(prepared: &Prepared) -> Vec<&SourceText> {
    let suite = &prepared.suite;
    let environments = suite.environments.iter().flat_map(|loaded| loaded.environment.files());
    let ids = environments
        .map(|file| file.source)
        .chain(suite.projects.iter().map(|project| project.source))
        .chain(suite.hint_files.iter().copied())
        .chain(suite.schema_files.iter().copied())
        .chain(suite.spec_files.iter().copied())
        .chain(suite.included.iter().map(|loaded| loaded.plan.source));
    let mut found: Vec<&SourceText> = Vec::new();
    for id in ids {
        if let Some(source) = suite.sources.get(id)
            && !found.iter().any(|known| known.id == source.id)
        {
            found.push(source);
        }
    }
    found
}

/// The values of each environment that is used; `None` is no environment.
pub(super) type Evaluated = BTreeMap<Option<usize>, Arc<EnvironmentValues>>;

/// `run.…`, which every plan and environment sees.
pub(super) fn run_names(id: &str, started_at: Timestamp, seed: u64) -> Arc<Names> {
    let mut names = Names::default();
    names.insert("run", json!({"id": id, "started_at": started_at.to_string(), "seed": seed}));
    Arc::new(names)
}

/// What the environments need, and what they came to.
pub(super) struct World {
    /// Their values.
    pub(super) values: Evaluated,
    /// What runs for them, in the order in which it was started.
    pub(super) running: Vec<Services>,
    /// The taps that stand before their dependencies.
    pub(super) taps: Vec<Tap>,
    /// What keeps the run from beginning.
    pub(super) problems: Vec<Finding>,
}

/// How environments are started.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) context: &'a Context,
    pub(super) purpose: Purpose,
    pub(super) groups: &'a Arc<Groups>,
}

/// Starts what the environments of the jobs need, and evaluates them; the end of the run ends it.
pub(super) async fn start(
    prepared: &Prepared,
    jobs: &[Job],
    secrets: &BTreeMap<Option<usize>, Secrets>,
    how: Start<'_>,
) -> World {
    let context = how.context;
    let mut world = World {
        values: BTreeMap::new(),
        running: Vec::new(),
        taps: Vec::new(),
        problems: Vec::new(),
    };
    let run = run_names(&context.run, context.started_at, context.seed);
    let none: Vec<Secret> = Vec::new();
    for index in used(prepared, jobs) {
        let given = Given {
            vars: &prepared.given.environment,
            secrets: secrets.get(&index).map_or(&none, |secrets| &secrets.found),
            known: &BTreeMap::new(),
            services: &Value::Null,
            taps: &Value::Null,
            run: &run,
            gate: &context.gate,
            now: context.started_at,
            entropy: &|| context.entropy.fetch_add(1, Ordering::Relaxed),
        };
        let taps = match Bound::bind(prepared, (index, jobs), how).await {
            Ok(taps) => taps,
            Err(finding) => {
                world.problems.push(*finding);
                continue;
            }
        };
        let told = taps.values();
        let given = Given { taps: &told, ..given };
        let taps = taps.serve(how);
        match one(prepared, index, &given, how).await {
            Ok((values, services)) => {
                let values = Arc::new(values);
                world.problems.extend(taps::forward(prepared, index, (&taps, &values), how));
                world.values.insert(index, values);
                world.running.push(services);
                world.taps.extend(taps);
            }
            Err(StartFault::Stopped) => return world,
            Err(StartFault::Failed(mut finding)) => {
                if !matches!(finding.code, Code::ServiceFailed | Code::TapFailed) {
                    finding.help.push("this is a template of the environment".into());
                }
                world.problems.push(*finding);
            }
        }
    }
    world
}

/// What is told of an environment whose services run; nothing where there is none and nothing was
/// given from outside.
pub(super) fn told(
    prepared: &Prepared,
    index: Option<usize>,
    values: &EnvironmentValues,
) -> Option<EnvironmentTold> {
    let loaded = index.and_then(|index| prepared.suite.environments.get(index));
    let checked = index.and_then(|index| prepared.environments.get(index));
    if loaded.is_none() && values.origins.is_empty() {
        return None;
    }
    let mut origins: Vec<_> = values.origins.iter().collect();
    origins.sort_by_key(|(_, origin)| (origin.place.is_none(), origin.place));
    let variables = origins.into_iter().map(|(name, origin)| VariableTold {
        name: name.clone(),
        value: values.variable(name).unwrap_or_default(),
        place: origin.place,
        source: origin.source.clone(),
    });
    let written = |place: Place| {
        let source = prepared.suite.sources.get(place.source)?;
        Some(source.slice(place.span).to_owned())
    };
    let services = checked.into_iter().flat_map(|checked| &checked.services);
    let services = services.map(|service| match &service.work {
        CheckedWork::Demo { place: _, fault, auth_url: _ } => ServiceTold {
            name: service.name.value.clone(),
            builtin: true,
            fault: fault.as_ref().and_then(|(place, _)| written(*place)),
        },
        CheckedWork::Command { .. } => {
            ServiceTold { name: service.name.value.clone(), builtin: false, fault: None }
        }
    });
    Some(EnvironmentTold {
        name: loaded.map(|loaded| loaded.environment.name().to_owned()),
        protected: loaded.is_some_and(|loaded| loaded.environment.protected().is_some()),
        variables: variables.collect(),
        services: services.collect(),
        secrets: values.secrets.clone(),
    })
}

/// The environments that jobs use, each once.
fn used(prepared: &Prepared, jobs: &[Job]) -> Vec<Option<usize>> {
    let mut used: Vec<Option<usize>> = jobs
        .iter()
        .filter_map(|job| prepared.suite.plans.get(job.position))
        .map(|loaded| loaded.environment)
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

async fn one(
    prepared: &Prepared,
    index: Option<usize>,
    given: &Given<'_>,
    how: Start<'_>,
) -> Result<(EnvironmentValues, Services), StartFault> {
    let sources = &prepared.suite.sources;
    let loaded = index.and_then(|index| prepared.suite.environments.get(index));
    let checked = index.and_then(|index| prepared.environments.get(index));
    let (Some(loaded), Some(checked)) = (loaded, checked) else {
        let values = run::evaluate_environment(None, sources, given);
        return Ok((values.map_err(StartFault::Failed)?, Services::default()));
    };
    let folder = |place: Place| loaded.folder(place.source).to_path_buf();
    let (wanted, known) = run::services(checked, &folder, given).map_err(StartFault::Failed)?;
    let with = services::How { client: how.context.client.clone(), groups: Arc::clone(how.groups) };
    let mut stop = Box::pin(async {
        let _ = how.context.until_stopped().await;
    });
    let services = Services::start(&wanted, how.purpose, &with, &mut stop).await?;
    let given = Given { known: &known, services: &services.values(), ..*given };
    match run::evaluate_environment(Some(checked), sources, &given) {
        Ok(values) => Ok((values, services)),
        Err(finding) => {
            let _ = services.stop().await;
            Err(StartFault::Failed(finding))
        }
    }
}

/// What can be covered of each contract that the plans of the jobs have, once each.
pub(super) fn contracts(prepared: &Prepared, jobs: &[Job]) -> Vec<Listed> {
    let mut found: Vec<Listed> = Vec::new();
    for job in jobs {
        job.plan.each_plan(&mut |plan| {
            for contract in plan.contracts() {
                let source = contract.document.source();
                let source = source.and_then(|id| prepared.suite.sources.get(id));
                let shown = source.map_or("", |source| &source.path);
                let is_known =
                    |one: &Listed| one.contract == contract.name && one.document == shown;
                if !found.iter().any(is_known) {
                    found.push(contract.document.listed(&contract.name, shown));
                }
            }
        });
    }
    found
}

/// What each plan of the suite needs, by its position among the checked plans.
pub(super) fn plan_values(
    prepared: &Prepared,
    given: &Values,
    environments: &Evaluated,
) -> Vec<Arc<PlanValues>> {
    let roots: Vec<PathBuf> =
        given.file_roots.iter().map(|root| prepared.current.join(root)).collect();
    let files = Arc::new(FileRoot::new(&prepared.suite.root, &roots));
    let included: BTreeSet<SourceId> =
        prepared.suite.included.iter().map(|loaded| loaded.plan.source).collect();
    let folders = Arc::new(prepared.suite.folders());
    prepared
        .suite
        .plans
        .iter()
        .zip(&prepared.plans)
        .map(|(loaded, plan)| {
            let files = if loaded.root == prepared.suite.root {
                Arc::clone(&files)
            } else {
                Arc::new(FileRoot::new(&loaded.root, &roots))
            };
            let environment = environments.get(&loaded.environment).cloned().unwrap_or_default();
            let mut values = PlanValues {
                environment,
                given: prepared.given.plans.clone(),
                path: loaded.shown.clone(),
                folder: loaded.folder.clone(),
                folders: Arc::clone(&folders),
                files,
                source: prepared.suite.sources.get(loaded.plan.source).cloned(),
                included: Arc::default(),
            };
            if let Some(plan) = plan {
                values.included = Arc::new(values_inside(prepared, loaded, plan, &values));
            }
            // A text that several plans refer to is told before any of them.
            values.source = values.source.filter(|source| !included.contains(&source.id));
            Arc::new(values)
        })
        .collect()
}

/// What the plans need that a plan includes, by their files.
fn values_inside(
    prepared: &Prepared,
    loaded: &LoadedPlan,
    plan: &CheckedPlan,
    outer: &PlanValues,
) -> BTreeMap<SourceId, PlanValues> {
    let mut values = BTreeMap::new();
    plan.each_plan(&mut |inner| {
        let mut read = prepared.suite.included.iter();
        let read = read.find(|one| one.plan.source == inner.source() && one.root == loaded.root);
        if let Some(read) = read {
            let inside = PlanValues {
                given: BTreeMap::new(),
                path: read.shown.clone(),
                folder: read.folder.clone(),
                source: None,
                ..outer.clone()
            };
            values.insert(inner.source(), inside);
        }
    });
    values
}
