//! Which environments plans can be run on: for a check against all of them.
#![expect(clippy::disallowed_methods, reason = "this room reads the file system")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::find::{absolute, environments_near, find_environment, find_plans, find_root};
use crate::environment;
use crate::plan::{FileKind, include_only_by_look, kind_by_look, parse_project};
use crate::source::{SourceId, SourceText};

/// The environments near some plans, sorted by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Survey {
    /// All of them.
    pub environments: Vec<String>,
    /// Those of them that others extend, and that are no project's default: they need not be whole by
    /// themselves.
    pub extended: Vec<String>,
}

/// Looks for the environments near all plans under `paths`; what cannot be read is passed over, a
/// check says it.
#[must_use]
pub fn survey(paths: &[PathBuf], current: &Path) -> Survey {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for path in paths {
        let full = absolute(path, current);
        let is_folder = full.is_dir();
        let files = if is_folder { find_plans(&full).unwrap_or_default() } else { vec![full] };
        folders.extend(
            files
                .iter()
                // What is only for including runs on the environment of the plan that includes it.
                .filter(|file| is_plan(file, is_folder))
                .filter_map(|file| file.parent().map(Path::to_path_buf)),
        );
    }
    let mut names = BTreeSet::new();
    let mut extended = BTreeSet::new();
    let mut defaults = BTreeSet::new();
    for folder in &folders {
        let root = find_root(folder, current);
        for name in environments_near(folder, &root) {
            let base = find_environment(&name, folder, &root).and_then(|path| base_of(&path));
            // What extends a file of its own name further up is meant to hide it.
            extended.extend(base.filter(|base| *base != name));
            names.insert(name);
        }
        defaults.extend(default_of(&root));
    }
    let is_base = |name: &&String| extended.contains(*name) && !defaults.contains(*name);
    let extended = names.iter().filter(is_base).cloned().collect();
    Survey { environments: names.into_iter().collect(), extended }
}

fn is_plan(file: &Path, by_folder: bool) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| {
        matches!(kind_by_look(&text), FileKind::Plan | FileKind::StepsWithoutPlan)
            && !(by_folder && include_only_by_look(&text))
    })
}

/// What an environment file extends.
fn base_of(path: &Path) -> Option<String> {
    let (file, _) = environment::parse(&text(path)?);
    Some(file?.extends?.value)
}

/// The environment that a project runs on where none is chosen.
fn default_of(root: &Path) -> Option<String> {
    let (project, _) = parse_project(&text(&root.join("planrun.yaml"))?);
    Some(project?.default_environment?.value)
}

fn text(path: &Path) -> Option<SourceText> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(SourceText::new(SourceId(0), String::new(), text.into()))
}
