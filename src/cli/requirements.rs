//! Whether plans and the checklist of requirements agree, before anything runs.

use std::path::{Path, PathBuf};

use super::args::{Requirements, Values};
use crate::finding::Finding;
use crate::project::{LoadFault, LoadedChecklist, Suite};
use crate::requirement::{uncovered, unknown};

/// Reads the checklists of the suite and compares its plans with them; `roots` are the folders of
/// `--file-root`.
pub(super) fn judge(
    suite: &mut Suite,
    paths: &[PathBuf],
    (values, roots): (&Values, &[PathBuf]),
    current: &Path,
) -> Result<Vec<Finding>, LoadFault> {
    let given = match &values.requirements {
        Requirements::Given(file) => Some(file.as_path()),
        Requirements::Known | Requirements::Covered => None,
    };
    suite.read_checklists(given, roots, current)?;
    let mut findings = Vec::new();
    for loaded in &suite.checklists {
        let covers = loaded.covers(suite);
        findings.extend(unknown(&loaded.checklist, &loaded.shown, covers.iter().copied()));
        let whole = match values.requirements {
            Requirements::Known => false,
            Requirements::Covered => is_whole(loaded, paths, current),
            Requirements::Given(_) => true,
        };
        if whole {
            findings.extend(uncovered(&loaded.checklist, covers));
        }
    }
    Ok(findings)
}

/// Whether a folder was named that holds the checklist, or the whole project: of some plans alone,
/// nobody can say what others cover.
fn is_whole(loaded: &LoadedChecklist, paths: &[PathBuf], current: &Path) -> bool {
    let holds = |folder: &Path| {
        loaded.file.starts_with(folder)
            || loaded.root.as_ref().is_some_and(|root| root.starts_with(folder))
    };
    let mut folders = paths.iter().filter_map(|path| current.join(path).canonicalize().ok());
    folders.any(|folder| holds(&folder))
}
