//! XML that is written element by element: what it cannot hold is shown, everything else is escaped.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use crate::secret::sanitise;

/// Elements, each on a line of its own, four spaces a level.
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

/// Stands round a note of what is written later. No text from outside holds it: it would be shown.
const LATER: char = '\0';

impl Xml {
    /// A piece of a document that goes inside of these elements.
    pub(super) fn inside(open: &[&'static str]) -> Self {
        Self { text: String::new(), open: open.to_vec() }
    }

    /// Begins an element; what follows are its attributes and what it holds.
    pub(super) fn element(&mut self, name: &'static str) -> Element<'_> {
        self.line();
        self.text.push('<');
        self.text.push_str(name);
        Element { xml: self, name }
    }

    /// Ends the element that was begun last.
    pub(super) fn end(&mut self) {
        let Some(name) = self.open.pop() else { return };
        self.line();
        self.close(name);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self) {
        self.text.push('\n');
        for _ in &self.open {
            self.text.push_str("    ");
        }
    }

    fn close(&mut self, name: &str) {
        self.text.extend(["</", name, ">"]);
    }
}

/// An element whose attributes are being written.
pub(super) struct Element<'x> {
    xml: &'x mut Xml,
    name: &'static str,
}

impl Element<'_> {
    /// With an attribute.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        self.xml.text.extend([" ", name, "=\""]);
        escape(&mut self.xml.text, value, "\n\t");
        self.xml.text.push('"');
        self
    }

    /// With a value of ours in which nothing is to be escaped: a number, a time.
    pub(super) fn plain(self, name: &str, value: impl Display) -> Self {
        let _ = write!(self.xml.text, " {name}=\"{value}\"");
        self
    }

    /// Holds nothing.
    pub(super) fn empty(self) {
        self.xml.text.push_str("/>");
    }

    /// Holds the elements that follow, until [`Xml::end`].
    pub(super) fn begun(self) {
        self.xml.text.push('>');
        self.xml.open.push(self.name);
    }

    /// Holds a text, and behind it what [`filled`] puts there for `later`.
    pub(super) fn holding(self, text: &str, later: Option<&str>) {
        self.xml.text.push('>');
        escape(&mut self.xml.text, text, "");
        if let Some(later) = later {
            self.xml.text.push(LATER);
            escape(&mut self.xml.text, later, "");
            self.xml.text.push(LATER);
        }
        self.xml.close(self.name);
    }
}

/// A text as it stands in an element.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(&mut out, text, "");
    out
}

/// A piece with what was not known when it was written; `fill` is told each note as it was escaped.
pub(super) fn filled(piece: &str, fill: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    if !piece.contains(LATER) {
        return Cow::Borrowed(piece);
    }
    let mut out = String::with_capacity(piece.len());
    for (number, part) in piece.split(LATER).enumerate() {
        if number % 2 == 0 {
            out.push_str(part);
        } else if let Some(text) = fill(part) {
            escape(&mut out, &text, "");
        }
    }
    Cow::Owned(out)
}

const NONE: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// Writes a text, with what means something to XML as entities; `white` too, which an attribute would
/// lose.
fn escape(out: &mut String, text: &str, white: &str) {
    let text = sanitise(text);
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let (entity, length) = match byte {
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'&' => ("&amp;", 1),
            b'"' => ("&quot;", 1),
            b'\'' => ("&apos;", 1),
            b'\n' if white.contains('\n') => ("&#10;", 1),
            b'\t' if white.contains('\t') => ("&#9;", 1),
            // How U+FFFE and U+FFFF begin, which no XML holds.
            0xef if text.get(at..).is_some_and(|rest| rest.starts_with(NONE)) => ("\u{fffd}", 3),
            _ => continue,
        };
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(entity);
        done = at + length;
    }
    out.push_str(text.get(done..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_each_other_and_hold_any_text() {
        let mut xml = Xml::inside(&["all"]);
        xml.element("one").with("name", "<\"'&\n\t>").plain("count", 1).begun();
        xml.element("two").empty();
        xml.element("three").holding("a\nb \u{1b}[1m\0\u{ffff}</three>", None);
        xml.end();
        let expected = "\n    <one name=\"&lt;&quot;&apos;&amp;&#10;&#9;&gt;\" count=\"1\">\
                        \n        <two/>\
                        \n        <three>a\nb \\u{1b}[1m\\u{0}\u{fffd}&lt;/three&gt;</three>\
                        \n    </one>";
        assert_eq!(xml.into_text(), expected);
    }

    #[test]
    fn what_comes_later_is_filled_in_or_left_out() {
        let mut xml = Xml::inside(&[]);
        xml.element("a").holding("1", Some("<x>"));
        xml.element("b").holding("2", Some("\0y"));
        let text = xml.into_text();
        let known = |note: &str| (note == escaped("<x>")).then(|| " & more".to_owned());
        assert_eq!(filled(&text, known), "\n<a>1 &amp; more</a>\n<b>2</b>");
        assert!(matches!(filled("\n<a>1</a>", known), Cow::Borrowed(_)));
    }
}
