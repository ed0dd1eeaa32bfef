//! What a check found, for programs: a document for editors, lines for GitHub, SARIF for whoever
//! shows the findings of many tools.

mod document;
mod github;
mod sarif;

use std::collections::BTreeMap;

pub use document::document;
pub use github::github;
pub use sarif::sarif;

use crate::finding::Finding;
use crate::source::{LineColumn, Place, SourceId, SourceSet, SourceText};

/// What was checked, and what is to be said of it. The findings must have gone through the gate; the
/// texts are only measured, and nothing of them is shown.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// In the order of their files and lines.
    pub findings: &'a [Finding],
    /// The texts that they point into.
    pub sources: &'a SourceSet,
    /// How the reader of the document names each text.
    pub paths: &'a BTreeMap<SourceId, String>,
    /// How many plans were checked.
    pub plans: usize,
    /// How many steps they have.
    pub steps: usize,
}

/// A place as lines and columns.
struct Region<'a> {
    path: &'a str,
    source: &'a SourceText,
    start: LineColumn,
    end: LineColumn,
}

impl Checked<'_> {
    /// Where something is, if its text is known.
    fn region(&self, place: Place) -> Option<Region<'_>> {
        let source = self.sources.get(place.source)?;
        let path = self.paths.get(&place.source).map_or(source.path.as_str(), String::as_str);
        let start = source.line_column(place.span.start);
        let end = source.line_column(place.span.end);
        Some(Region { path, source, start, end })
    }
}

#[cfg(test)]
mod tests;
