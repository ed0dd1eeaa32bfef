//! JSON documents with a long list in them: the items are written as they come, straight as text.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::ser::Formatter;

use super::Take;
use super::document::append;

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
        (self.line.len() - self.line.trim_start().len()) / INDENT.len() + 1
    }

    /// Appends an item behind a comma, which [`write`](Self::write) leaves out before the first.
    pub(super) fn item(&self, out: &mut Vec<u8>, item: &impl Serialize) {
        out.push(b',');
        let depth = self.depth();
        // Memory takes everything, and all keys are texts: this always succeeds.
        let _ = new_line(out, depth);
        let pretty = Pretty { depth, inline: depth + self.inline, has_value: false };
        let _ = item.serialize(&mut serde_json::Serializer::with_formatter(out, pretty));
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
            let _ = new_line(&mut last, self.depth() - 1);
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

const INDENT: &str = "  ";
/// A line break with the spaces of many levels.
const LINE: &str = "\n                                                                ";

fn new_line(out: &mut (impl Write + ?Sized), depth: usize) -> io::Result<()> {
    if let Some(line) = LINE.get(..=depth * INDENT.len()) {
        return out.write_all(line.as_bytes());
    }
    out.write_all(b"\n")?;
    (0..depth).try_for_each(|_| out.write_all(INDENT.as_bytes()))
}

/// Indents as `serde_json` itself does, from some depth on, and up to some depth.
struct Pretty {
    depth: usize,
    inline: usize,
    has_value: bool,
}

impl Pretty {
    fn begin(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(bracket)
    }

    fn end(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value && self.depth < self.inline {
            new_line(out, self.depth)?;
        }
        out.write_all(bracket)
    }

    fn next(&self, out: &mut (impl Write + ?Sized), is_first: bool) -> io::Result<()> {
        if self.depth > self.inline {
            return if is_first { Ok(()) } else { out.write_all(b", ") };
        }
        if !is_first {
            out.write_all(b",")?;
        }
        new_line(out, self.depth)
    }
}

impl Formatter for Pretty {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
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
    fn what_is_deep_stands_in_one_line() {
        let item = json!({"a": {"b": {"c": [1, {"d": []}]}, "e": {}}});
        let text = written(std::slice::from_ref(&item), 2);
        let expected = "      {\n        \"a\": {\n          \"b\": {\"c\": [1, {\"d\": []}]},\
                        \n          \"e\": {}\n        }\n      }\n";
        assert!(text.contains(expected), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["of"]["items"], json!([item]));
    }

    #[test]
    fn a_list_made_of_an_iterator_is_an_array() {
        assert_eq!(serde_json::to_string(&Each(|| 1..4)).unwrap(), "[1,2,3]");
    }
}
