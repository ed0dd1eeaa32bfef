//! One environment put together from its file and what that extends, the nearest first.

use super::{EnvironmentFile, SecretSource, ServiceAst, TapAst};
use crate::plan::RequestOptions;
use crate::source::Place;
use crate::yaml::{Entry, Node};

/// An environment: the chosen file first, then what it extends, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    files: Vec<EnvironmentFile>,
}

impl Environment {
    /// Puts a chain of files together; the first is the chosen one.
    #[must_use]
    pub fn new(chosen: EnvironmentFile, under: Vec<EnvironmentFile>) -> Self {
        Self { files: std::iter::once(chosen).chain(under).collect() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.files.first().map_or("", |file| file.name.value.as_str())
    }

    /// The files, the chosen one first.
    #[must_use]
    pub fn files(&self) -> &[EnvironmentFile] {
        &self.files
    }

    /// Variables with their nearest definition, in the order of the files.
    #[must_use]
    pub fn vars(&self) -> Vec<&Entry> {
        nearest(self.files.iter().map(|file| file.vars.as_slice()), |entry| &entry.key.value)
    }

    /// Sources of secrets, each with its nearest definition.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretSource> {
        nearest(self.files.iter().map(|file| file.secrets.as_slice()), |s| &s.name.value)
    }

    /// Services, each with its nearest definition.
    #[must_use]
    pub fn services(&self) -> Vec<&ServiceAst> {
        nearest(self.files.iter().map(|file| file.services.as_slice()), |s| &s.name.value)
    }

    /// Taps, each with its nearest definition.
    #[must_use]
    pub fn taps(&self) -> Vec<&TapAst> {
        nearest(self.files.iter().map(|file| file.taps.as_slice()), |tap| &tap.name.value)
    }

    /// Where it is said that requests which may write need `--allow-writes`; the nearest file that
    /// says anything of it counts.
    #[must_use]
    pub fn protected(&self) -> Option<Place> {
        let nearest = self.files.iter().find_map(|file| file.protected.as_ref())?;
        nearest.value.then_some(nearest.place)
    }

    /// Request defaults, the nearest first.
    #[must_use]
    pub fn defaults(&self) -> Vec<&RequestOptions> {
        self.files.iter().map(|file| &file.defaults).collect()
    }

    /// The only origins that URLs out of responses may lead to, where any file states them; the
    /// nearest one counts, and an empty list allows none.
    #[must_use]
    pub fn allow_origins(&self) -> Option<&[Node]> {
        self.files.iter().find_map(|file| file.allow_origins.as_deref())
    }
}

fn nearest<'a, T>(
    files: impl Iterator<Item = &'a [T]>,
    name: impl Fn(&T) -> &String,
) -> Vec<&'a T> {
    let mut found: Vec<&'a T> = Vec::new();
    for item in files.flatten() {
        if !found.iter().any(|known| name(known) == name(item)) {
            found.push(item);
        }
    }
    found
}
