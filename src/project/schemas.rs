//! Reads the JSON Schemas that plans name, each once, with the files that they refer to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{FileRoot, read_source};
use super::find::{resolved, shown};
use super::load::{LoadedPlan, Suite};
use crate::finding::{Code, Finding};
use crate::plan::{AssertionAst, ExpectAst};
use crate::predicate::{Document, Read, Reference, Schema, Schemas, schema_paths};
use crate::source::{Place, SourceSet, Spanned};

/// The largest file of a schema, in bytes.
const LIMIT: u64 = 4 << 20;
/// The most files that one schema may be made of.
const FILES: usize = 200;

impl Suite {
    /// Reads and compiles every JSON Schema that a plan or a hint names; `more` are the folders of
    /// `--file-root`.
    pub fn read_schemas(&mut self, more: &[PathBuf], current: &Path) {
        let Self { sources, plans, included, findings, schemas, schema_files, .. } = self;
        let current = &*resolved(current);
        let mut reading =
            Reading { known: HashMap::new(), current, sources, findings, files: Vec::new() };
        let mut read = BTreeMap::new();
        for loaded in plans.iter().chain(&*included) {
            for named in named(loaded) {
                let key = (named.place.source, named.value.clone());
                if read.contains_key(&key) {
                    continue;
                }
                // A path is relative to the file that names it, which may be one of hints.
                let folder = reading
                    .sources
                    .get(named.place.source)
                    .and_then(|source| current.join(&source.path).parent().map(Path::to_path_buf));
                let files = FileRoot::new(&loaded.root, more);
                let folder = folder.unwrap_or_else(|| loaded.folder.clone());
                let schema = reading.named(&named, &folder, &files);
                read.insert(key, schema);
            }
        }
        schema_files.extend(reading.files);
        *schemas = Schemas::new(read);
        findings.sort_by_key(|finding| finding.place().map(|p| (p.source, p.span)));
    }
}

/// The paths that a plan and its hints name.
fn named(loaded: &LoadedPlan) -> Vec<Spanned<String>> {
    let mut expects: Vec<&ExpectAst> = Vec::new();
    loaded.plan.each_step(&mut |step| {
        let give_up = step.poll.iter().filter_map(|poll| poll.value.give_up.as_ref());
        expects.extend(step.expect.iter().chain(&step.warn).chain(give_up));
    });
    expects.extend(loaded.hints.iter().flat_map(|hints| hints.iter().map(|hint| &hint.when)));
    let mut found = Vec::new();
    for expect in expects {
        expect.each_assertion(&mut |assertion: &AssertionAst| {
            for node in schema_paths(&assertion.predicate) {
                // Whatever is no path has its finding where it is read as a predicate.
                let path = node.as_str().filter(|path| !path.trim().is_empty());
                if let Some(path) = path.filter(|_| !node.has_template()) {
                    found.push(Spanned::new(path.to_owned(), node.place));
                }
            }
        });
    }
    found
}

struct Reading<'a> {
    /// By the path of their first file.
    known: HashMap<PathBuf, Read>,
    current: &'a Path,
    sources: &'a mut SourceSet,
    findings: &'a mut Vec<Finding>,
    /// The texts that were read.
    files: Vec<crate::source::SourceId>,
}

/// A file that is still to be read: where it is, its address, and who asks for it.
struct Due {
    path: PathBuf,
    uri: String,
    asked: Place,
}

impl Reading<'_> {
    fn named(&mut self, named: &Spanned<String>, folder: &Path, files: &FileRoot) -> Read {
        let full = match files.resolve(folder, &named.value) {
            Ok(full) => full,
            Err(fault) => {
                self.findings.push(Finding::of(&fault, named.place));
                return Read::Broken;
            }
        };
        if let Some(known) = self.known.get(&full) {
            return known.clone();
        }
        let before = self.findings.len();
        let schema = self.schema(full.clone(), named.place, files);
        let read = schema.map_or(Read::Broken, |schema| Read::Whole(Arc::new(schema)));
        for finding in self.findings.iter_mut().skip(before) {
            if finding.labels.iter().all(|label| label.place != named.place) {
                let said = std::mem::replace(finding, Finding::error(Code::BadSchema, ""));
                *finding = said.at(named.place, "this schema");
            }
        }
        self.known.insert(full, read.clone());
        read
    }

    fn schema(&mut self, full: PathBuf, named: Place, files: &FileRoot) -> Option<Schema> {
        let mut documents: Vec<Document> = Vec::new();
        let mut uris: HashMap<String, usize> = HashMap::new();
        let mut remote: Vec<(Place, Reference)> = Vec::new();
        let mut paths: HashMap<PathBuf, usize> = HashMap::new();
        let uri = address(&full);
        let mut due = VecDeque::from([Due { path: full, uri, asked: named }]);
        let mut whole = true;
        while let Some(Due { path, uri, asked }) = due.pop_front() {
            if let Some(index) = paths.get(&path) {
                uris.insert(uri, *index);
                continue;
            }
            if documents.len() == FILES {
                let message = format!("a schema of more than {FILES} files");
                self.findings.push(Finding::error(Code::BadSchema, message).at(asked, ""));
                return None;
            }
            let Some(document) = self.document(&path, asked) else {
                whole = false;
                continue;
            };
            let index = documents.len();
            uris.extend(document.identifiers().into_iter().map(|uri| (uri, index)));
            uris.insert(document.uri.clone(), index);
            uris.insert(uri, index);
            for reference in document.references() {
                let place = document.place(&reference.pointer);
                let known = reference.target.as_ref().is_some_and(|uri| uris.contains_key(uri));
                match (&reference.file, &reference.target) {
                    _ if known => {}
                    (Some(file), Some(uri)) => {
                        let folder = path.parent().unwrap_or(Path::new("/"));
                        match files.resolve(folder, file) {
                            Ok(path) => {
                                due.push_back(Due { path, uri: uri.clone(), asked: place });
                            }
                            Err(fault) => {
                                whole = false;
                                self.findings.push(Finding::of(&fault, place));
                            }
                        }
                    }
                    (None, Some(_)) => remote.push((place, reference)),
                    (_, None) => {
                        whole = false;
                        let message = format!("`{}` is no address", reference.written);
                        self.findings.push(Finding::error(Code::BadSchema, message).at(place, ""));
                    }
                }
            }
            paths.insert(path, index);
            documents.push(document);
        }
        for (place, reference) in remote {
            let target = reference.target.unwrap_or_default();
            let of_json_schema = ["http://json-schema.org/", "https://json-schema.org/"]
                .iter()
                .any(|known| target.starts_with(known));
            if !of_json_schema && !uris.contains_key(&target) {
                whole = false;
                let message = format!("`{}` lies outside: nothing is fetched", reference.written);
                self.findings.push(
                    Finding::error(Code::BadSchema, message)
                        .at(place, "no file of the project")
                        .help("save it beside this file, and refer to it by its path"),
                );
            }
        }
        if !whole {
            return None;
        }
        match Schema::compile(documents, uris) {
            Ok(schema) => Some(schema),
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    /// One file; nothing where something was wrong, which is reported.
    fn document(&mut self, path: &Path, asked: Place) -> Option<Document> {
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
        match Document::read(self.sources.get(id)?, address(path)) {
            Ok(document) => Some(document),
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }
}

/// The address of a file.
fn address(path: &Path) -> String {
    url::Url::from_file_path(path).map_or_else(|()| "file:///".to_owned(), String::from)
}
