//! Lines of a plan with what is marked in them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::document::Document;
use crate::finding::Label;
use crate::source::{SourceId, SourceText};

/// Lines shown before and after a marked one.
const AROUND: usize = 2;
/// Labels of one frame.
const LABELS: usize = 12;

/// A frame for each file that is marked.
pub(super) fn frames(document: &Document<'_>, labels: &[Label]) -> Vec<Value> {
    let mut files: Vec<(SourceId, Vec<&Label>)> = Vec::new();
    for label in labels.iter().take(LABELS) {
        match files.iter_mut().find(|(source, _)| *source == label.place.source) {
            Some((_, labels)) => labels.push(label),
            None => files.push((label.place.source, vec![label])),
        }
    }
    files
        .into_iter()
        .filter_map(|(id, labels)| Some(frame(document.record.sources.get(id)?, &labels)))
        .collect()
}

fn frame(source: &SourceText, labels: &[&Label]) -> Value {
    // Each marked line with the bytes of its mark and what is said about it.
    let mut marked: BTreeMap<usize, Vec<(usize, usize, &str)>> = BTreeMap::new();
    for label in labels {
        let at = source.line_column(label.place.span.start);
        let Some(text) = source.line(at.line) else { continue };
        let begin = byte_of(text, at.column);
        let length = label.place.span.len();
        let end = (begin + length.max(1)).min(text.trim_end().len()).max(begin);
        marked.entry(at.line).or_default().push((begin, end, label.text.as_str()));
    }
    let mut numbers: Vec<usize> = Vec::new();
    for line in marked.keys() {
        numbers.extend(line.saturating_sub(AROUND).max(1)..=line + AROUND);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut lines = Vec::new();
    let mut last = None;
    for number in numbers {
        let Some(text) = source.line(number) else { continue };
        let gap = last.is_some_and(|last| number > last + 1);
        last = Some(number);
        let marks = marked.get(&number).map(Vec::as_slice).unwrap_or_default();
        lines.push(json!({
            "number": number,
            "gap": gap,
            "marked": !marks.is_empty(),
            "pieces": pieces(text.trim_end(), marks),
            "notes": marks
                .iter()
                .filter(|(_, _, note)| !note.is_empty())
                .map(|(begin, _, note)| {
                    let column = text.get(..*begin).map_or(0, |before| before.chars().count());
                    json!({"column": column, "text": note})
                })
                .collect::<Vec<_>>(),
        }));
    }
    json!({"path": source.path, "lines": lines})
}

/// The byte at which a column of characters, from 1, begins.
fn byte_of(line: &str, column: usize) -> usize {
    line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte)
}

/// A line cut at its marks; overlapping marks become one.
fn pieces(line: &str, marks: &[(usize, usize, &str)]) -> Vec<Value> {
    let mut ranges: Vec<(usize, usize)> = marks.iter().map(|(b, e, _)| (*b, *e)).collect();
    ranges.sort_unstable();
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut push = |from: usize, to: usize, mark: bool| {
        if let Some(text) = line.get(from..to).filter(|text| !text.is_empty()) {
            pieces.push(json!({"text": text, "mark": mark}));
        }
    };
    for (begin, end) in ranges {
        let begin = begin.max(at);
        if end <= begin {
            continue;
        }
        push(at, begin, false);
        push(begin, end, true);
        at = end;
    }
    push(at, line.len(), false);
    pieces
}
