//! JSON documents with a long list in them: the items are written as they come, straight as text.

use std::io::Write;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Take;
use super::document::append;
use super::pretty::{self, INDENT, new_line};

/// The one list of a document that is written item by item.
pub(super) struct List {
    /// The line on which it begins, empty so far: it is told by its indentation, since no text of a
    /// value has line breaks.
    pub(super) line: &'static str,
    /// What is so many levels deep inside of an item stands in one line.
    pub(super) inline: usize,
}

impl List {
    /// Levels of what stands in the list.
    fn depth(&self) -> usize {
        (self.line.len() - self.line.trim_start().len()) / INDENT + 1
    }

    /// Appends an item behind a comma, which [`write`](Self::write) leaves out before the first.
    pub(super) fn item(&self, out: &mut Vec<u8>, item: &impl Serialize) {
        out.push(b',');
        let depth = self.depth();
        new_line(out, depth);
        pretty::write(out, (depth, depth + self.inline), item);
    }

    /// Writes a document up to its list, the items that `pieces` hands on, and the rest.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        value: &Value,
        pieces: impl FnOnce(Take<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        // A value made of texts and numbers always serialises.
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let line = format!("\n{}", self.line);
        let at = text.find(&line).map_or(text.len(), |at| at + line.len());
        let (head, end) = text.split_at_checked(at).unwrap_or((&text, ""));
        append(out, head)?;
        let mut is_empty = true;
        pieces(&mut |piece| {
            let piece = if is_empty { piece.get(1..).unwrap_or_default() } else { piece };
            is_empty &= piece.is_empty();
            out.write_all(piece).map_err(|error| error.to_string())
        })?;
        if !is_empty {
            let mut last = Vec::new();
            new_line(&mut last, self.depth() - 1);
            out.write_all(&last).map_err(|error| error.to_string())?;
        }
        append(out, end)?;
        append(out, "\n")
    }
}

/// A list whose items are made while they are written.
pub(super) struct Each<F>(pub(super) F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(items: &[Value], inline: usize) -> String {
        let list = List { line: "    \"items\": [", inline };
        let mut out = Vec::new();
        let document = json!({"of": {"items": [], "end": {}}});
        list.write(&mut out, &document, |take| {
            items.iter().try_for_each(|item| {
                let mut piece = Vec::new();
                list.item(&mut piece, item);
                take(&piece)
            })
        })
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_reads_as_if_it_were_written_at_once() {
        let deep = json!([1, [], {}, {"a": [{"b": 0.50, "c": null}], "\n[": "\"\u{1}"}]);
        for items in [vec![], vec![json!(1)], vec![deep.clone(), json!({}), json!([[[[deep]]]])]] {
            let whole = json!({"of": {"items": items, "end": {}}});
            assert_eq!(written(&items, usize::MAX / 2), format!("{whole:#}\n"));
        }
    }

    #[test]
    fn a_list_made_of_an_iterator_is_an_array() {
        assert_eq!(serde_json::to_string(&Each(|| 1..4)).unwrap(), "[1,2,3]");
    }
}
