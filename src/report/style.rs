//! How words look on a terminal: width, colours, symbols; the only place that writes an escape.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a reporter may draw. The caller decides (`--color`, `NO_COLOR`, the terminal); nothing here
/// asks the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns; less than 40 are drawn as 40.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
    /// Whether box characters and symbols beyond ASCII may be used.
    pub unicode: bool,
}

/// What a piece of text is, so that it can be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Passed.
    Good,
    /// Failed or errored.
    Bad,
    /// A warning, flaky, blocked.
    Warn,
    /// Beside the point.
    Dim,
    /// A name or a title.
    Bold,
    /// The word before a line of facts.
    Key,
}

/// The symbols of a [`Style`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbols {
    pub(crate) pass: &'static str,
    pub(crate) fail: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) block: &'static str,
    pub(crate) dot: &'static str,
    pub(crate) arrow: &'static str,
    pub(crate) ellipsis: char,
    pub(crate) bar: char,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, color: false, unicode: true }
    }
}

impl Style {
    /// The columns that are used.
    pub(crate) fn columns(&self) -> usize {
        self.width.max(40)
    }

    /// The symbols that may be used.
    pub(crate) fn symbols(&self) -> Symbols {
        if self.unicode {
            Symbols {
                pass: "✓",
                fail: "✗",
                skip: "–",
                block: "○",
                dot: "·",
                arrow: "→",
                ellipsis: '…',
                bar: '│',
            }
        } else {
            Symbols {
                pass: "+",
                fail: "x",
                skip: "-",
                block: "o",
                dot: "|",
                arrow: "->",
                ellipsis: '~',
                bar: '|',
            }
        }
    }

    /// A text in its colour, or as it is.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Bad => "31;1",
            Paint::Warn => "33",
            Paint::Dim => "2",
            Paint::Bold => "1",
            Paint::Key => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Parts that are there, with a dot between.
    pub(crate) fn dotted(&self, parts: impl IntoIterator<Item = String>) -> String {
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(&format!(" {} ", self.symbols().dot))
    }

    /// Parts with a dot between, on lines of at most `width` columns; broken between parts only,
    /// unless one is longer than a line.
    pub(crate) fn flow(&self, parts: &[String], width: usize) -> Vec<String> {
        self.flow_by(parts, width, |part| wrap(part, width))
    }

    fn flow_by(
        &self,
        parts: &[String],
        width: usize,
        lines_of: impl Fn(&str) -> Vec<String>,
    ) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let dot = self.symbols().dot;
            match lines.last_mut() {
                Some(line) if line.width() + part.width() + 3 <= width => {
                    line.extend([" ", dot, " ", part]);
                }
                Some(_) | None => lines.extend(lines_of(part)),
            }
        }
        lines
    }

    /// A text cut to a width, with an ellipsis where something is missing.
    pub(crate) fn cut(&self, text: &str, width: usize) -> String {
        if text.width() <= width {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut used = 0;
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide + 1 > width {
                break;
            }
            used += wide;
            out.push(c);
        }
        out.push(self.symbols().ellipsis);
        out
    }

    /// Lines under a key: `  time  dns 1 ms · …`, wrapped and aligned. `text` is not
    /// painted: it would be broken with its colours.
    pub(crate) fn fact(&self, key: &str, text: &str) -> String {
        self.keyed(key, text.lines().flat_map(|line| hang(line, self.beside_keys())))
    }

    /// Like [`Style::fact`], as what is to be seen first.
    pub(crate) fn headline(&self, key: &str, text: &str) -> String {
        let lines = wrap(text, self.beside_keys());
        self.keyed(key, lines.iter().map(|line| self.paint(Paint::Bold, line)))
    }

    /// More lines under the key of the fact above.
    pub(crate) fn more(&self, text: &str) -> String {
        self.fact("", text)
    }

    /// Like [`Style::fact`] for several short facts, with a dot between.
    pub(crate) fn facts(&self, key: &str, parts: &[String]) -> String {
        self.keyed(key, self.flow(parts, self.beside_keys()))
    }

    /// Like [`Style::facts`], none of them ever broken, so that each can be copied.
    pub(crate) fn whole(&self, key: &str, parts: &[String]) -> String {
        let width = self.beside_keys();
        self.keyed(key, self.flow_by(parts, width, |part| vec![part.to_owned()]))
    }

    fn keyed(&self, key: &str, lines: impl IntoIterator<Item = String>) -> String {
        let mut out = String::new();
        for (n, line) in lines.into_iter().enumerate() {
            let key = if n == 0 { key } else { "" };
            let pad = " ".repeat(KEY.saturating_sub(key.width()));
            out.push_str("  ");
            out.push_str(&self.paint(Paint::Key, key));
            out.push_str(&pad);
            out.push_str(&line);
            out.push('\n');
        }
        out
    }

    fn beside_keys(&self) -> usize {
        self.columns().saturating_sub(KEY + 2)
    }
}

/// The width of the column of keys in [`Style::fact`].
const KEY: usize = 7;

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Like [`wrap`]; what follows the first line stands under the text behind `word: ` or `· `.
pub(crate) fn hang(text: &str, width: usize) -> Vec<String> {
    let leading = text.chars().take_while(|c| *c == ' ').count();
    let rest = text.trim_start();
    let bullet = ["· ", "| "].iter().any(|bullet| rest.starts_with(bullet));
    let word = rest.split_once(": ").filter(|(word, _)| !word.contains(' ')).map(|(word, _)| word);
    let inner = match word {
        _ if bullet => leading + 2,
        Some(word) if word.width() <= 10 => leading + word.width() + 2,
        Some(_) | None => leading,
    };
    lay(text, width, if inner + 12 > width { leading } else { inner })
}

/// A text broken at spaces into lines of at most `width` columns; a word that is longer is broken
/// where it must. Leading spaces are kept on each line. Nothing else changes: a line break stands
/// for one space, or for nothing inside a word.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let leading = text.chars().take_while(|c| *c == ' ').count();
    lay(text, width, leading.min(width / 2))
}

/// Lays a text out; what follows the first line stands `indent` columns to the right.
fn lay(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(8);
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let rest = text.trim_start_matches(' ');
    let pad = " ".repeat(indent);
    let mut lines = Vec::new();
    let mut line = " ".repeat((text.len() - rest.len()).min(width / 2));
    let mut used = line.width();
    let mut fresh = true;
    for word in words(rest) {
        let wide = word.width();
        if !fresh && used + 1 + wide <= width {
            line.push(' ');
            line.push_str(word);
            used += 1 + wide;
            continue;
        }
        if !fresh {
            lines.push(std::mem::replace(&mut line, pad.clone()));
            used = indent;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                lines.push(std::mem::replace(&mut line, pad.clone()));
                used = indent;
            }
            line.push(c);
            used += wide;
        }
        fresh = false;
    }
    lines.push(line);
    lines
}

/// The parts between single spaces. Several spaces in a row are part of a value: they stay.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_space = |at: usize| bytes.get(at) == Some(&b' ');
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len().saturating_sub(1) {
        if is_space(at) && !is_space(at - 1) && !is_space(at + 1) {
            words.extend(text.get(start..at));
            start = at + 1;
        }
    }
    words.extend(text.get(start..));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_broken_and_short_ones_kept() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghijkl m", 8), ["abcdefgh", "ijkl m"]);
        assert_eq!(wrap("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(wrap("", 8), [""]);
    }

    #[test]
    fn a_value_keeps_every_character_when_it_is_broken() {
        let value = r#"expected: equals [{"id":"D-2","q":2,"tok":"«secret:tok»"},{"n":18446744073709551616,"two":"a  b"}] (list)"#;
        let bare = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        for width in 24..90 {
            let lines = hang(value, width);
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:#?}");
            assert_eq!(bare(&lines.concat()), bare(value), "{width}: {lines:#?}");
            // No space is put where none was, and two of them are never made one.
            let inside: Vec<&str> = lines.iter().map(|line| line.trim_start()).collect();
            assert!(inside.iter().all(|line| value.contains(line)), "{width}: {lines:#?}");
            assert!(lines.len() < 3 || lines.iter().skip(1).all(|line| line.starts_with(' ')));
        }
        let number = "1".repeat(20);
        let text = format!("expected: equals {number} (number)");
        assert!(
            hang(&text, 34).iter().any(|line| line.contains(&number)),
            "a number is not broken"
        );
    }

    #[test]
    fn a_cut_text_says_so_and_counts_columns() {
        let style = Style::default();
        assert_eq!(style.cut("世界世界", 5), "世界…");
        assert_eq!(style.cut("four", 4), "four");
    }

    #[test]
    fn without_colour_nothing_is_painted() {
        assert_eq!(Style::default().paint(Paint::Bad, "x"), "x");
        let colourful = Style { color: true, ..Style::default() };
        assert_eq!(colourful.paint(Paint::Bad, "x"), "\u{1b}[31;1mx\u{1b}[0m");
    }
}
