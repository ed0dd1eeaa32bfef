//! Reads everything that a command needs, once: plans, their environments, their project files.
#![expect(clippy::disallowed_methods, reason = "this room reads the file system")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::content::Content;
use super::find::{
    absolute, environments_near, find_environment, find_plans, find_root, resolved, shown,
};
use super::parallel::each;
use super::requirements::LoadedChecklist;
use crate::contract::Documents;
use crate::environment::{self, Environment, EnvironmentFile};
use crate::finding::{Code, Finding, nearest};
use crate::plan::{self, FileKind, HintAst, Plan, Project};
use crate::predicate::Schemas;
use crate::source::{Place, SourceId, SourceSet, SourceText, Span, Spanned};

/// The largest plan, environment or project file, in bytes.
pub(super) const LIMIT: u64 = 4 << 20;

/// Everything that was read for one command.
#[derive(Debug, Default)]
pub struct Suite {
    /// All texts.
    pub sources: SourceSet,
    /// The plans, in the order of the paths given, each folder's sorted.
    pub plans: Vec<LoadedPlan>,
    /// The plans that others include, each once for every project root it is included from.
    pub included: Vec<LoadedPlan>,
    /// The environments that the plans use, each once.
    pub environments: Vec<LoadedEnvironment>,
    /// The project files, each once.
    pub projects: Vec<Project>,
    /// The files that hints are shared in.
    pub hint_files: Vec<SourceId>,
    /// The JSON Schemas that plans and hints name.
    pub schemas: Schemas,
    /// The files that those are made of.
    pub schema_files: Vec<SourceId>,
    /// The checklists of requirements.
    pub checklists: Vec<LoadedChecklist>,
    /// The OpenAPI documents that plans and projects name.
    pub documents: Documents,
    /// The files that those are made of.
    pub spec_files: Vec<SourceId>,
    /// All that is wrong in any file.
    pub findings: Vec<Finding>,
    /// The project root of the first path.
    pub root: PathBuf,
    /// The line that was the first to include each file.
    pub(super) includers: BTreeMap<SourceId, Place>,
    /// Plans of folders that are only for including, by their file.
    pub(super) set_aside: HashMap<PathBuf, (Plan, String)>,
}

impl Suite {
    /// The environment of a plan, by the plan's position.
    #[must_use]
    pub fn environment_of(&self, plan: usize) -> Option<&LoadedEnvironment> {
        self.environments.get(self.plans.get(plan)?.environment?)
    }

    /// A plan and every plan that it includes, near or far, each once.
    #[must_use]
    pub fn with_included<'s>(&'s self, loaded: &'s LoadedPlan) -> Vec<&'s LoadedPlan> {
        let mut found = vec![loaded];
        let mut open: Vec<usize> = loaded.includes.values().copied().collect();
        let mut known: BTreeSet<usize> = BTreeSet::new();
        while let Some(index) = open.pop() {
            let Some(inner) = self.included.get(index).filter(|_| known.insert(index)) else {
                continue;
            };
            found.push(inner);
            open.extend(inner.includes.values());
        }
        found
    }
}

/// A plan with what belongs to it.
#[derive(Debug)]
pub struct LoadedPlan {
    /// The plan.
    pub plan: Plan,
    /// Its path as shown.
    pub shown: String,
    /// The file, links followed.
    pub file: PathBuf,
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// Its project root.
    pub root: PathBuf,
    /// Its environment's position in [`Suite::environments`].
    pub environment: Option<usize>,
    /// Its environment, or what that extends, could not be read: nothing is known of it.
    pub broken_environment: bool,
    /// Its project file's position in [`Suite::projects`].
    pub project: Option<usize>,
    /// The CSV files that it names, by their path as written.
    pub tables: BTreeMap<String, SourceId>,
    /// Its hints, then those of its project.
    pub hints: Vec<Arc<Vec<HintAst>>>,
    /// Which of [`Suite::included`] stands under each path that it includes, as written.
    pub includes: BTreeMap<String, usize>,
    /// Those of its names that are taken by any that includes it.
    pub exported: BTreeSet<String>,
}

impl LoadedPlan {
    /// A plan of which nothing is known but what stands in its file.
    pub(super) fn new(plan: Plan, shown: String, file: &Path, root: PathBuf) -> Self {
        Self {
            plan,
            shown,
            file: file.to_path_buf(),
            folder: file.parent().unwrap_or(Path::new("/")).to_path_buf(),
            root,
            environment: None,
            broken_environment: false,
            project: None,
            tables: BTreeMap::new(),
            hints: Vec::new(),
            includes: BTreeMap::new(),
            exported: BTreeSet::new(),
        }
    }
}

/// An environment with the folder that its paths are relative to.
#[derive(Debug)]
pub struct LoadedEnvironment {
    /// The environment.
    pub environment: Environment,
    /// The folder of each of its files.
    folders: Vec<(SourceId, PathBuf)>,
    /// The project root: files that it names stay inside.
    pub root: PathBuf,
}

impl LoadedEnvironment {
    /// The folder of one of its files: what a path written there is relative to.
    #[must_use]
    pub fn folder(&self, file: SourceId) -> &Path {
        let found = self.folders.iter().find(|(source, _)| *source == file);
        found.or(self.folders.first()).map_or(Path::new("."), |(_, folder)| folder)
    }
}

/// The folders that paths in environments and project files are relative to.
pub type Folders = BTreeMap<SourceId, PathBuf>;

impl Suite {
    /// The folder of every file but the plans: theirs they know.
    #[must_use]
    pub fn folders(&self) -> Folders {
        let environments =
            self.environments.iter().flat_map(|loaded| loaded.folders.iter().cloned());
        let projects = self.plans.iter().filter_map(|loaded| {
            Some((self.projects.get(loaded.project?)?.source, loaded.root.clone()))
        });
        environments.chain(projects).collect()
    }
}

/// What became of the environment of a plan.
#[derive(Debug, Clone, Copy)]
enum Chosen {
    /// None was asked for.
    Nothing,
    /// It, or what it extends, could not be read, which was reported.
    Broken(Option<usize>),
    /// Its position.
    Whole(usize),
}

/// Which environment plans are loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The default one of the project, if any.
    Default,
    /// The one of this name.
    Named(&'a str),
    /// The one of this name; plans that have none are left out.
    IfThere(&'a str),
}

/// What is wrong with the command line rather than with a file: exit 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadFault {
    /// A path that is not there.
    NoSuchPath {
        /// As given.
        path: String,
        /// What may have been meant.
        similar: Option<String>,
    },
    /// A folder that cannot be read.
    Unreadable {
        /// As given.
        path: String,
        /// What the file system says.
        why: String,
    },
    /// An environment that no plan can be run on.
    NoSuchEnvironment {
        /// As asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPath { path, similar } => {
                write!(f, "there is no file or folder `{path}`")?;
                match similar {
                    Some(similar) => write!(f, "; did you mean `{similar}`?"),
                    None => Ok(()),
                }
            }
            Self::Unreadable { path, why } => write!(f, "`{path}` cannot be read: {why}"),
            Self::NoSuchEnvironment { name, known } => {
                write!(f, "there is no environment `{name}`")?;
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None if known.is_empty() => {
                        f.write_str("; environments are files `environments/NAME.yaml` beside the plan or above it")
                    }
                    None => write!(f, "; there is {}", known.join(", ")),
                }
            }
        }
    }
}

/// Reads plans, environments and project files for `paths`.
///
/// `environment` says which one; without one each plan's project may name a default.
///
/// # Errors
/// A [`LoadFault`] where a path or the environment does not exist. What is wrong inside files is in
/// [`Suite::findings`].
pub fn load(
    paths: &[PathBuf],
    environment: Choice<'_>,
    current: &Path,
) -> Result<Suite, LoadFault> {
    let current = resolved(current);
    let mut loader = Loader::new(&current);
    for path in paths {
        loader.path(path, environment)?;
    }
    if let Some(first) = paths.first() {
        loader.suite.root = find_root(first, &current);
    }
    let mut suite = loader.suite;
    suite.findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
    Ok(suite)
}

struct Loader<'a> {
    current: &'a Path,
    suite: Suite,
    environments: HashMap<PathBuf, Chosen>,
    environment_files: HashMap<PathBuf, Option<EnvironmentFile>>,
    projects: HashMap<PathBuf, Option<usize>>,
    roots: HashMap<PathBuf, PathBuf>,
    seen: HashSet<PathBuf>,
}

impl<'a> Loader<'a> {
    fn new(current: &'a Path) -> Self {
        Self {
            current,
            suite: Suite::default(),
            environments: HashMap::new(),
            environment_files: HashMap::new(),
            projects: HashMap::new(),
            roots: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    fn path(&mut self, path: &Path, environment: Choice<'_>) -> Result<(), LoadFault> {
        let full = absolute(path, self.current);
        if !full.exists() {
            return Err(LoadFault::NoSuchPath {
                path: path.display().to_string(),
                similar: similar(&full, self.current),
            });
        }
        if full.is_dir() {
            let files = find_plans(&full).map_err(|(folder, error)| LoadFault::Unreadable {
                path: shown(&folder, self.current),
                why: error.to_string(),
            })?;
            self.files(files, environment, Named::ByFolder)
        } else {
            self.files(vec![full], environment, Named::ByPath)
        }
    }

    /// All texts are read first: what is in each is independent of the others.
    fn files(
        &mut self,
        paths: Vec<PathBuf>,
        environment: Choice<'_>,
        named: Named,
    ) -> Result<(), LoadFault> {
        let unseen: Vec<PathBuf> =
            paths.into_iter().filter(|path| self.seen.insert(path.clone())).collect();
        let contents = each(&unseen, |path| Content::read(path, self.current));
        let mut texts = Vec::new();
        for (path, content) in unseen.into_iter().zip(contents) {
            let Some(source) = self.take(content) else { continue };
            let kind = plan::kind_by_look(&source.text);
            if named == Named::ByPath || matches!(kind, FileKind::Plan | FileKind::StepsWithoutPlan)
            {
                texts.push((path, source));
            }
        }
        let parsed = each(&texts, |(_, source)| plan::parse(source));
        for ((path, source), (plan, findings)) in texts.into_iter().zip(parsed) {
            self.suite.findings.extend(findings);
            self.plan(&path, source, plan, environment, named)?;
        }
        Ok(())
    }

    fn plan(
        &mut self,
        path: &Path,
        source: SourceText,
        plan: Option<Plan>,
        environment: Choice<'_>,
        named: Named,
    ) -> Result<(), LoadFault> {
        let Some(plan) = plan else { return Ok(()) };
        if plan.include_only && named == Named::ByFolder {
            self.suite.set_aside.insert(path.to_path_buf(), (plan, source.path));
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let current = self.current;
        let root =
            self.roots.entry(folder.clone()).or_insert_with(|| find_root(path, current)).clone();
        if let Choice::IfThere(name) = environment
            && find_environment(name, &folder, &root).is_none()
        {
            return Ok(());
        }
        let project = self.project(&root);
        let chosen = self.environment(environment, project, &folder, &root)?;
        let (environment, broken_environment) = match chosen {
            Chosen::Nothing => (None, false),
            Chosen::Broken(index) => (index, true),
            Chosen::Whole(index) => (Some(index), false),
        };
        self.suite.plans.push(LoadedPlan {
            environment,
            broken_environment,
            project,
            ..LoadedPlan::new(plan, source.path, path, root)
        });
        Ok(())
    }

    /// Reads a file into the sources; `None` where it could not be read, which was reported.
    fn read(&mut self, path: &Path) -> Option<SourceText> {
        self.take(Content::read(path, self.current))
    }

    /// A file that was read, among the others; one that could not be is a finding.
    fn take(&mut self, Content { shown, text }: Content) -> Option<SourceText> {
        let sources = &mut self.suite.sources;
        match text {
            Ok(text) => {
                let id = sources.add(shown, text);
                sources.get(id).cloned()
            }
            Err(unread) => {
                let source = sources.add(shown, "");
                let place = Place { source, span: Span::new(0, 0) };
                self.suite.findings.push(unread.finding(place));
                None
            }
        }
    }

    fn project(&mut self, root: &Path) -> Option<usize> {
        if let Some(known) = self.projects.get(root) {
            return *known;
        }
        let path = root.join("planrun.yaml");
        let found = path
            .is_file()
            .then(|| self.read(&path))
            .flatten()
            .and_then(|source| {
                let (project, findings) = plan::parse_project(&source);
                self.suite.findings.extend(findings);
                project
            })
            .map(|project| {
                self.suite.projects.push(project);
                self.suite.projects.len() - 1
            });
        self.projects.insert(root.to_path_buf(), found);
        found
    }

    fn environment(
        &mut self,
        choice: Choice<'_>,
        project: Option<usize>,
        folder: &Path,
        root: &Path,
    ) -> Result<Chosen, LoadFault> {
        let default = project
            .and_then(|index| self.suite.projects.get(index))
            .and_then(|project| project.default_environment.clone());
        let name = match (choice, &default) {
            (Choice::Named(name) | Choice::IfThere(name), _) => name.to_owned(),
            (Choice::Default, Some(default)) => default.value.clone(),
            (Choice::Default, None) => return Ok(Chosen::Nothing),
        };
        let Some(path) = find_environment(&name, folder, root) else {
            if let (Choice::Default, Some(default)) = (choice, default) {
                let finding = unknown_environment(&default, folder, root);
                if !self.suite.findings.contains(&finding) {
                    self.suite.findings.push(finding);
                }
                return Ok(Chosen::Broken(None));
            }
            return Err(LoadFault::NoSuchEnvironment {
                name,
                known: environments_near(folder, root),
            });
        };
        if let Some(known) = self.environments.get(&path) {
            return Ok(*known);
        }
        let before = self.suite.findings.len();
        let chain = self.chain(&path, root);
        let whole = !self.suite.findings.iter().skip(before).any(Finding::is_error);
        let chosen = match chain {
            Some(loaded) => {
                let index = self.suite.environments.len();
                self.suite.environments.push(loaded);
                if whole { Chosen::Whole(index) } else { Chosen::Broken(Some(index)) }
            }
            None => Chosen::Broken(None),
        };
        self.environments.insert(path, chosen);
        Ok(chosen)
    }

    /// An environment file and what it extends, the chosen one first.
    fn chain(&mut self, path: &Path, root: &Path) -> Option<LoadedEnvironment> {
        let mut files: Vec<EnvironmentFile> = Vec::new();
        let mut folders = Vec::new();
        let mut visited: Vec<PathBuf> = Vec::new();
        let mut next = Some(path.to_path_buf());
        while let Some(path) = next.take() {
            let Some(file) = self.environment_file(&path) else { break };
            visited.push(path.clone());
            folders.push((file.source, path.parent().unwrap_or(root).to_path_buf()));
            if let Some(base) = &file.extends {
                let folder = path.parent().and_then(Path::parent).unwrap_or(root);
                match find_environment(&base.value, folder, root) {
                    Some(under) if visited.contains(&under) => {
                        self.suite.findings.push(
                            Finding::error(Code::Cycle, "environments that extend each other")
                                .at(base.place, "leads back here")
                                .help("let one of them stand by itself"),
                        );
                    }
                    Some(under) => next = Some(under),
                    None => {
                        let finding = unknown_environment(base, folder, root);
                        self.suite.findings.push(finding);
                    }
                }
            }
            files.push(file);
        }
        let mut files = files.into_iter();
        let chosen = files.next()?;
        Some(LoadedEnvironment {
            environment: Environment::new(chosen, files.collect()),
            folders,
            root: root.to_path_buf(),
        })
    }

    /// A file is read once, however many environments extend it.
    fn environment_file(&mut self, path: &Path) -> Option<EnvironmentFile> {
        if let Some(known) = self.environment_files.get(path) {
            return known.clone();
        }
        let file = self.read(path).and_then(|source| {
            let (file, findings) = environment::parse(&source);
            self.suite.findings.extend(findings);
            self.suite.findings.extend(file.as_ref().and_then(|file| misnamed(file, path)));
            file
        });
        self.environment_files.insert(path.to_path_buf(), file.clone());
        file
    }
}

/// How a file came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// A person named it: it must be a plan.
    ByPath,
    /// It lies in a folder: it may be anything.
    ByFolder,
}

/// An environment is chosen by its file's name: another one inside misleads whoever reads reports.
fn misnamed(file: &EnvironmentFile, path: &Path) -> Option<Finding> {
    let stem = path.file_stem()?.to_str()?;
    let name = &file.name;
    // An empty name has its finding, and a template would be one.
    if name.value == stem || name.value.trim().is_empty() {
        return None;
    }
    Some(
        Finding::warning(
            Code::MisnamedEnvironment,
            format!("the environment `{}` is chosen as `{stem}`", name.value),
        )
        .at(name.place, format!("its file is `{stem}`"))
        .help(format!("write `environment: {stem}`, or rename the file")),
    )
}

fn unknown_environment(name: &Spanned<String>, folder: &Path, root: &Path) -> Finding {
    let known = environments_near(folder, root);
    let finding = Finding::error(
        Code::UnknownEnvironment,
        format!("there is no environment `{}`", name.value),
    )
    .at(name.place, "not found");
    match nearest(&name.value, known.iter().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => finding
            .help("environments are files `environments/NAME.yaml` beside the plan or above it"),
        None => finding.help(format!("there is {}", known.join(", "))),
    }
}

/// A file beside the missing one with nearly its name.
fn similar(path: &Path, current: &Path) -> Option<String> {
    let folder = path.parent()?;
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let near = nearest(wanted, names.iter().map(String::as_str))?;
    Some(shown(&folder.join(near), current))
}
