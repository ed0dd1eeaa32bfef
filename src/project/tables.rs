//! Reads the CSV files that plans take their cases from, each once a plan.

use std::path::{Path, PathBuf};

use super::files::FileRoot;
use super::find::{resolved, shown};
use super::load::Suite;
use crate::finding::{Code, Finding};
use crate::source::Spanned;

impl Suite {
    /// Reads every table that a plan names; `more` are the folders of `--file-root`.
    pub fn read_tables(&mut self, more: &[PathBuf], current: &Path) {
        let current = &*resolved(current);
        for loaded in self.plans.iter_mut().chain(&mut self.included) {
            let mut named: Vec<Spanned<String>> = Vec::new();
            named.extend(loaded.plan.cases.iter().filter_map(|(_, cases)| cases.file()).cloned());
            loaded.plan.each_step(&mut |step| {
                named.extend(step.cases.iter().filter_map(|(_, cases)| cases.file()).cloned());
            });
            if named.is_empty() {
                continue;
            }
            let files = FileRoot::new(&loaded.root, more);
            for path in named {
                if loaded.tables.contains_key(&path.value) {
                    continue;
                }
                let bytes = match files.read(&loaded.folder, &path.value) {
                    Ok(bytes) => bytes,
                    Err(fault) => {
                        self.findings.push(Finding::of(&fault, path.place));
                        continue;
                    }
                };
                match String::from_utf8(bytes) {
                    Ok(text) => {
                        let shown = shown(&loaded.folder.join(&path.value), current);
                        let id = self.sources.add(shown, text);
                        loaded.tables.insert(path.value, id);
                    }
                    Err(_) => self.findings.push(
                        Finding::error(
                            Code::BadTable,
                            format!("`{}` is not UTF-8 text", path.value),
                        )
                        .at(path.place, "")
                        .help("save it as UTF-8 with commas between the cells"),
                    ),
                }
            }
        }
        self.findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
    }
}
