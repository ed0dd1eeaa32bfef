//! Texts, byte spans, line and column: the only span arithmetic in the house.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names one text of a [`SourceSet`]; also on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// A half-open range of bytes, `start..end`, in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl From<(u32, u32)> for Span {
    fn from((start, end): (u32, u32)) -> Self {
        Self { start, end: end.max(start) }
    }
}

impl From<Span> for (u32, u32) {
    fn from(span: Span) -> Self {
        (span.start, span.end)
    }
}

impl Span {
    /// A span of byte offsets; texts are at most 4 MiB, larger offsets are clamped.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// How many bytes it covers.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers nothing: a point between two bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes as a range of `usize`, for slicing with `get`.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The part of this span that `inner`, relative to its start, names; never past its end.
    #[must_use]
    pub fn inward(self, inner: std::ops::Range<usize>) -> Self {
        let at = |n: usize| self.start.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        Self::from((at(inner.start).min(self.end), at(inner.end).min(self.end)))
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A span and the text that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(SourceId, Span)", into = "(SourceId, Span)")]
pub struct Place {
    /// The text.
    pub source: SourceId,
    /// The bytes in it.
    pub span: Span,
}

impl From<(SourceId, Span)> for Place {
    fn from((source, span): (SourceId, Span)) -> Self {
        Self { source, span }
    }
}

impl From<Place> for (SourceId, Span) {
    fn from(place: Place) -> Self {
        (place.source, place.span)
    }
}

impl Place {
    /// The part of this place that `inner`, relative to its start, names.
    #[must_use]
    pub fn inward(self, inner: std::ops::Range<usize>) -> Self {
        Self { source: self.source, span: self.span.inward(inner) }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: f(self.value), place: self.place }
    }
}

/// Line and column as editors count them: both begin at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineColumn {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters (Unicode scalar values), from 1.
    pub column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One text that was read, with the path it is shown under.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// Its number in the set.
    pub id: SourceId,
    /// The path as a person would write it: relative to the current folder where it lies below it.
    pub path: String,
    /// The whole text, without a byte order mark.
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
}

impl SourceText {
    /// A text under a path.
    #[must_use]
    pub fn new(id: SourceId, path: String, text: Arc<str>) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX))
            .collect();
        Self { id, path, text, line_starts: starts }
    }

    /// Line and column of a byte; a byte past the end counts as the end.
    #[must_use]
    pub fn line_column(&self, byte: u32) -> LineColumn {
        let byte = byte.min(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let head = self.text.get(start as usize..byte as usize).unwrap_or_default();
        LineColumn { line: line.max(1), column: head.chars().count() + 1 }
    }

    /// The text of a line, counted from 1, without its line break.
    #[must_use]
    pub fn line(&self, line: usize) -> Option<&str> {
        let start = *self.line_starts.get(line.checked_sub(1)?)? as usize;
        let end = self.line_starts.get(line).map_or(self.text.len(), |n| *n as usize);
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// The bytes of a span as text; empty where the span does not fit.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// `path:line:column` of a span's start.
    #[must_use]
    pub fn locate(&self, span: Span) -> String {
        format!("{}:{}", self.path, self.line_column(span.start))
    }
}

/// All texts of a run, each read once.
#[derive(Debug, Clone, Default)]
pub struct SourceSet {
    texts: Vec<SourceText>,
    by_path: HashMap<String, SourceId>,
}

impl SourceSet {
    /// Adds a text; the same path gives the same id and keeps the first text.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let path = path.into();
        if let Some(id) = self.by_path.get(&path) {
            return *id;
        }
        let id = SourceId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.by_path.insert(path.clone(), id);
        self.texts.push(SourceText::new(id, path, text.into()));
        id
    }

    /// Adds a text that came over the wire under the id it had there.
    pub fn insert(&mut self, source: SourceText) {
        self.by_path.insert(source.path.clone(), source.id);
        let index = source.id.0 as usize;
        while self.texts.len() <= index {
            let id = SourceId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
            self.texts.push(SourceText::new(id, String::new(), Arc::from("")));
        }
        if let Some(slot) = self.texts.get_mut(index) {
            *slot = source;
        }
    }

    /// A text by its number.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&SourceText> {
        self.texts.get(id.0 as usize)
    }

    /// All texts, in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = &SourceText> {
        self.texts.iter()
    }

    /// `path:line:column` of a place; empty where the text is not here.
    #[must_use]
    pub fn locate(&self, place: Place) -> String {
        self.get(place.source).map(|text| text.locate(place.span)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> SourceText {
        SourceText::new(SourceId(0), "a.yaml".into(), "plan: Ä b\r\nsteps:\n".into())
    }

    #[test]
    fn columns_count_characters_and_spans_count_bytes() {
        let at = text().text.find('b').map(|n| u32::try_from(n).unwrap_or(0));
        assert_eq!(text().line_column(at.unwrap_or(0)), LineColumn { line: 1, column: 9 });
        assert_eq!(text().line_column(12), LineColumn { line: 2, column: 1 });
        assert_eq!(text().line_column(999).line, 3);
    }

    #[test]
    fn a_line_comes_without_its_break() {
        assert_eq!(text().line(1), Some("plan: Ä b"));
        assert_eq!(text().line(2), Some("steps:"));
        assert_eq!(text().line(9), None);
    }

    #[test]
    fn an_inner_range_never_leaves_its_span() {
        assert_eq!(Span::new(10, 20).inward(2..4), Span::new(12, 14));
        assert_eq!(Span::new(10, 20).inward(8..40), Span::new(18, 20));
    }

    #[test]
    fn the_same_path_is_read_once() {
        let mut set = SourceSet::default();
        let first = set.add("a", "x");
        assert_eq!(set.add("a", "y"), first);
        assert_eq!(set.get(first).map(|t| t.text.as_ref()), Some("x"));
    }
}
