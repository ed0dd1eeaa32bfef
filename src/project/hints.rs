//! Reads the files that plans and projects share hints in, each once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::FileRoot;
use super::find::{resolved, shown};
use super::load::{LoadedPlan, Suite};
use crate::finding::{Code, Finding};
use crate::plan::{self, HintAst, HintsAst};
use crate::source::{Place, SourceSet, Span, Spanned};
use crate::yaml;

impl Suite {
    /// Gives every plan its hints, its own first; `more` are the folders of `--file-root`.
    pub fn read_hints(&mut self, more: &[PathBuf], current: &Path) {
        let current = resolved(current);
        let mut files = Files { known: HashMap::new(), more, current: &current };
        let mut of_projects: HashMap<usize, Arc<Vec<HintAst>>> = HashMap::new();
        let Self { sources, plans, included, projects, findings, hint_files, .. } = self;
        for loaded in plans.iter_mut().chain(included) {
            let LoadedPlan { plan, folder, root, project, hints, .. } = loaded;
            let mut read = |written: Option<HintsAst>, folder: &Path| match written? {
                HintsAst::List(hints) => Some(Arc::new(hints)),
                HintsAst::File(path) => {
                    files.read(&path, folder, root, (&mut *sources, &mut *findings))
                }
            };
            hints.extend(read(plan.hints.take(), folder));
            let Some(index) = *project else { continue };
            if let Some(known) = of_projects.get(&index) {
                hints.push(Arc::clone(known));
            } else if let Some(project) = projects.get(index) {
                let found = read(project.hints.clone(), root).unwrap_or_default();
                of_projects.insert(index, Arc::clone(&found));
                hints.push(found);
            }
        }
        hint_files.extend(files.known.values().map(|(source, _)| *source));
        hint_files.sort_unstable();
        findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
        findings.dedup();
    }
}

/// The files that were read, by their path.
struct Files<'a> {
    known: HashMap<PathBuf, (crate::source::SourceId, Arc<Vec<HintAst>>)>,
    more: &'a [PathBuf],
    current: &'a Path,
}

impl Files<'_> {
    fn read(
        &mut self,
        path: &Spanned<String>,
        folder: &Path,
        root: &Path,
        (sources, findings): (&mut SourceSet, &mut Vec<Finding>),
    ) -> Option<Arc<Vec<HintAst>>> {
        let files = FileRoot::new(root, self.more);
        let bytes = files
            .resolve(folder, &path.value)
            .and_then(|full| Ok((full, files.read(folder, &path.value)?)));
        let (full, bytes) = match bytes {
            Ok(read) => read,
            Err(fault) => {
                findings.push(Finding::of(&fault, path.place));
                return None;
            }
        };
        if let Some((_, known)) = self.known.get(&full) {
            return Some(Arc::clone(known));
        }
        let shown = shown(&full, self.current);
        let (hints, id) = match yaml::decode(&bytes) {
            Ok(text) => {
                let id = sources.add(&shown, text);
                let source = sources.get(id)?;
                let (hints, more) = plan::parse_hints(source);
                findings.extend(more);
                (hints, id)
            }
            Err(fault) => {
                let id = sources.add(&shown, "");
                let place = Place { source: id, span: Span::new(0, 0) };
                findings.push(Finding::of(&fault, place));
                (Vec::new(), id)
            }
        };
        if hints.is_empty() && !findings.iter().any(|f| f.place().is_some_and(|p| p.source == id)) {
            findings.push(
                Finding::warning(Code::EmptyValue, format!("`{shown}` holds no hint"))
                    .at(path.place, "")
                    .help("write `hints:` with a list into it, or delete this"),
            );
        }
        let hints = Arc::new(hints);
        self.known.insert(full, (id, Arc::clone(&hints)));
        Some(hints)
    }
}
