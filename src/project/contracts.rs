//! Reads the OpenAPI documents that plans and projects name, each once, with the files that they
//! refer to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{FileRoot, read_source};
use super::find::shown;
use super::load::Suite;
use crate::contract::{Document, Documents, SpecFile, links};
use crate::finding::{Code, Finding};
use crate::source::{Place, SourceId, SourceSet, Spanned};

/// The largest file of a document, in bytes.
const LIMIT: u64 = 16 << 20;
/// The most files that one document may be made of.
const FILES: usize = 500;

impl Suite {
    /// Reads every document that a plan or a project names; `more` are the folders of `--file-root`.
    pub fn read_contracts(&mut self, more: &[PathBuf], current: &Path) {
        let Self { sources, plans, included, projects, findings, documents, spec_files, .. } = self;
        let mut reading =
            Reading { known: HashMap::new(), current, sources, findings, files: Vec::new() };
        let mut read = BTreeMap::new();
        for loaded in plans.iter().chain(&*included) {
            let project = loaded.project.and_then(|index| projects.get(index));
            let of_project = project.iter().flat_map(|project| &project.contracts);
            let own = loaded.plan.contracts.iter().map(|contract| (contract, &loaded.folder));
            for (contract, folder) in own.chain(of_project.map(|one| (one, &loaded.root))) {
                let spec = &contract.spec;
                let key = (spec.place.source, spec.value.clone());
                if let std::collections::btree_map::Entry::Vacant(vacant) = read.entry(key) {
                    let files = FileRoot::new(&loaded.root, more);
                    vacant.insert(reading.named(spec, folder, &files));
                }
            }
        }
        spec_files.extend(reading.files);
        *documents = Documents::new(read);
        findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
    }
}

struct Reading<'a> {
    /// By the path of their first file.
    known: HashMap<PathBuf, Option<Arc<Document>>>,
    current: &'a Path,
    sources: &'a mut SourceSet,
    findings: &'a mut Vec<Finding>,
    /// The texts that were read.
    files: Vec<SourceId>,
}

impl Reading<'_> {
    fn named(
        &mut self,
        named: &Spanned<String>,
        folder: &Path,
        files: &FileRoot,
    ) -> Option<Arc<Document>> {
        let full = match files.resolve(folder, &named.value) {
            Ok(full) => full,
            Err(fault) => {
                self.findings.push(Finding::of(&fault, named.place));
                return None;
            }
        };
        if let Some(known) = self.known.get(&full) {
            return known.clone();
        }
        let before = self.findings.len();
        let document = self.document(&full, named.place, files).map(Arc::new);
        for finding in self.findings.iter_mut().skip(before) {
            if finding.labels.iter().all(|label| label.place != named.place) {
                let said =
                    std::mem::replace(finding, Finding::error(Code::ContractBadDocument, ""));
                *finding = said.at(named.place, "this document");
            }
        }
        self.known.insert(full, document.clone());
        document
    }

    fn document(&mut self, full: &Path, named: Place, files: &FileRoot) -> Option<Document> {
        let mut read: Vec<SpecFile> = Vec::new();
        let mut paths: HashMap<PathBuf, usize> = HashMap::from([(full.to_path_buf(), 0)]);
        let mut due = VecDeque::from([(full.to_path_buf(), named)]);
        let mut whole = true;
        while let Some((path, asked)) = due.pop_front() {
            if read.len() == FILES {
                let message = format!("a document of more than {FILES} files");
                self.findings
                    .push(Finding::error(Code::ContractBadDocument, message).at(asked, ""));
                return None;
            }
            let Some(mut file) = self.file(&path, asked) else {
                // The numbers of the others stand: what is not there leads to nothing.
                return None;
            };
            for link in links(&file.value) {
                let place = file.place(&link.pointer);
                if link.is_address {
                    whole = false;
                    let message = format!("`{}` lies outside: nothing is fetched", link.path);
                    self.findings.push(
                        Finding::error(Code::ContractBadDocument, message)
                            .at(place, "no file of the project")
                            .help("save it beside this file, and refer to it by its path"),
                    );
                    continue;
                }
                let decoded = percent_encoding::percent_decode_str(&link.path).decode_utf8_lossy();
                let folder = path.parent().unwrap_or(Path::new("/"));
                match files.resolve(folder, &decoded) {
                    Ok(target) => {
                        let next = paths.len();
                        let index = *paths.entry(target.clone()).or_insert_with(|| {
                            due.push_back((target, place));
                            next
                        });
                        file.links.insert(link.path, index);
                    }
                    Err(fault) => {
                        whole = false;
                        self.findings.push(Finding::of(&fault, place));
                    }
                }
            }
            read.push(file);
        }
        if !whole {
            return None;
        }
        match Document::new(read) {
            Ok(document) => Some(document),
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    /// One file; nothing where something was wrong, which is reported.
    fn file(&mut self, path: &Path, asked: Place) -> Option<SpecFile> {
        let shown = shown(path, self.current);
        let id = match read_source(self.sources, path, (&shown, LIMIT), asked) {
            Ok(id) => id,
            Err(finding) => {
                self.findings.push(finding);
                return None;
            }
        };
        if !self.files.contains(&id) {
            self.files.push(id);
        }
        match SpecFile::read(self.sources.get(id)?) {
            Ok(file) => Some(file),
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }
}
