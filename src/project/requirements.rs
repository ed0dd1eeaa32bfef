//! Reads the checklists of requirements that projects and the command line name, each once.

use std::path::{Path, PathBuf};

use super::files::{FileRoot, read_regular};
use super::find::{absolute, shown};
use super::load::{LIMIT, LoadFault, LoadedPlan, Suite};
use crate::finding::Finding;
use crate::plan::parse_project;
use crate::requirement::Checklist;
use crate::source::{SourceSet, SourceText, Spanned};
use crate::yaml;

/// A checklist with what belongs to it.
#[derive(Debug)]
pub struct LoadedChecklist {
    /// The checklist.
    pub checklist: Checklist,
    /// Its path as shown.
    pub shown: String,
    /// The file, links followed.
    pub file: PathBuf,
    /// The root of the project that names it; nothing where the command line does.
    pub root: Option<PathBuf>,
}

impl LoadedChecklist {
    /// Every id that one of its plans covers, or a step of one, near or far.
    #[must_use]
    pub fn covers<'s>(&self, suite: &'s Suite) -> Vec<&'s Spanned<String>> {
        let mut ids = Vec::new();
        let is_its = |loaded: &&LoadedPlan| self.root.as_ref().is_none_or(|it| *it == loaded.root);
        for loaded in suite.plans.iter().chain(&suite.included).filter(is_its) {
            ids.extend(&loaded.plan.covers);
            loaded.plan.each_step(&mut |step| ids.extend(&step.covers));
        }
        // A file that several projects include is read for each.
        ids.sort_by_key(|id| id.place);
        ids.dedup_by_key(|id| id.place);
        ids
    }
}

/// A checklist that is read for itself.
#[derive(Debug)]
pub struct ReadChecklist {
    /// The checklist.
    pub checklist: Checklist,
    /// Its text.
    pub sources: SourceSet,
    /// What is wrong in it.
    pub findings: Vec<Finding>,
}

/// Reads a checklist that the command line names.
///
/// # Errors
/// A [`LoadFault`] where there is no such file, or it cannot be read.
pub fn read_checklist(path: &Path, current: &Path) -> Result<ReadChecklist, LoadFault> {
    let mut sources = SourceSet::default();
    let source = read(path, current, &mut sources)?;
    let (checklist, findings) = Checklist::parse(&source);
    Ok(ReadChecklist { checklist, sources, findings })
}

/// The checklist that the project file of a root names, if it does.
#[must_use]
pub fn checklist_of(root: &Path) -> Option<PathBuf> {
    let bytes = read_regular(&root.join("planrun.yaml"), "planrun.yaml", LIMIT).ok()?;
    let mut sources = SourceSet::default();
    let id = sources.add("planrun.yaml", yaml::decode(&bytes).ok()?);
    let (project, _) = parse_project(sources.get(id)?);
    Some(root.join(project?.requirements?.value))
}

impl Suite {
    /// Reads the checklist that is given, else that of each project; `more` are the folders of
    /// `--file-root`.
    ///
    /// # Errors
    /// A [`LoadFault`] where the given one is not there. What is wrong with the others is in
    /// [`Suite::findings`].
    pub fn read_checklists(
        &mut self,
        given: Option<&Path>,
        more: &[PathBuf],
        current: &Path,
    ) -> Result<(), LoadFault> {
        if let Some(path) = given {
            let source = read(path, current, &mut self.sources)?;
            self.take(&source, absolute(path, current), None);
            return Ok(());
        }
        for project in 0..self.projects.len() {
            let named = self.projects.get(project).and_then(|it| it.requirements.clone());
            let of_project = |loaded: &&LoadedPlan| loaded.project == Some(project);
            let root = self.plans.iter().find(of_project).map(|loaded| loaded.root.clone());
            let (Some(named), Some(root)) = (named, root) else { continue };
            let files = FileRoot::new(&root, more);
            let file = match files.resolve(&root, &named.value) {
                Ok(file) => file,
                Err(fault) => {
                    self.findings.push(Finding::of(&fault, named.place));
                    continue;
                }
            };
            match read(&file, current, &mut self.sources) {
                Ok(source) => self.take(&source, file, Some(root)),
                Err(fault) => {
                    let code = crate::finding::Code::MissingFile;
                    let finding = Finding::error(code, fault.to_string()).at(named.place, "");
                    self.findings.push(finding);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, source: &SourceText, file: PathBuf, root: Option<PathBuf>) {
        let (checklist, findings) = Checklist::parse(source);
        self.findings.extend(findings);
        self.checklists.push(LoadedChecklist { checklist, shown: source.path.clone(), file, root });
    }
}

fn read(path: &Path, current: &Path, sources: &mut SourceSet) -> Result<SourceText, LoadFault> {
    let full = absolute(path, current);
    let written = path.display().to_string();
    let unreadable = |why: String| LoadFault::Unreadable { path: written.clone(), why };
    if !full.exists() {
        return Err(LoadFault::NoSuchPath { path: written, similar: None });
    }
    let shown = shown(&full, current);
    let bytes =
        read_regular(&full, &shown, LIMIT).map_err(|fault| unreadable(fault.to_string()))?;
    let text = yaml::decode(&bytes).map_err(|fault| unreadable(fault.to_string()))?;
    let id = sources.add(shown, text);
    let empty = || SourceText::new(id, String::new(), "".into());
    Ok(sources.get(id).cloned().unwrap_or_else(empty))
}
