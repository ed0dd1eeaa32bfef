//! The files that a plan names: where each lies, what may be opened, what it is called in a report.

use std::path::{Component, Path, PathBuf};

use super::context::PlanValues;
use super::render::Fault;
use crate::finding::Finding;
use crate::project::Upload;
use crate::source::{Place, SourceId};

/// The files of one plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanFiles<'a> {
    pub(super) values: &'a PlanValues,
    pub(super) absent: Absent,
}

/// What becomes of a file that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The request cannot be sent.
    Refused,
    /// The request is only looked at.
    Shown,
}

impl PlanFiles<'_> {
    /// What opens a file; nothing where it is absent and that does not matter.
    pub(super) fn upload(&self, path: &str, place: Place) -> Result<Option<Upload>, Fault> {
        let folder = self.values.folder_of(place.source);
        match (self.values.files.upload(folder, path), self.absent) {
            (Ok(upload), _) => Ok(Some(upload)),
            (Err(_), Absent::Shown) => Ok(None),
            (Err(fault), Absent::Refused) => Err(Box::new(Finding::of(&fault, place))),
        }
    }
}

impl PlanFiles<'_> {
    /// The content of a small file; nothing where it is absent and that does not matter.
    pub(super) fn read(&self, path: &str, place: Place) -> Result<Option<Vec<u8>>, Fault> {
        let folder = self.values.folder_of(place.source);
        match (self.values.files.read(folder, path), self.absent) {
            (Ok(bytes), _) => Ok(Some(bytes)),
            (Err(_), Absent::Shown) => Ok(None),
            (Err(fault), Absent::Refused) => Err(Box::new(Finding::of(&fault, place))),
        }
    }
}

impl PlanValues {
    /// The folder that paths in a file are relative to.
    pub(super) fn folder_of(&self, source: SourceId) -> &Path {
        self.folders.get(&source).unwrap_or(&self.folder)
    }

    /// The path of a file as it is called from where the plan's own path is.
    pub(super) fn shown(&self, path: &str, source: SourceId) -> String {
        let folder = Path::new(&self.path).parent().filter(|_| !self.folders.contains_key(&source));
        let mut shown = PathBuf::new();
        for part in folder.unwrap_or(Path::new("")).join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if shown.file_name().is_some() => {
                    shown.pop();
                }
                Component::ParentDir
                | Component::Normal(_)
                | Component::RootDir
                | Component::Prefix(_) => shown.push(part),
            }
        }
        shown.display().to_string()
    }
}
