//! Reads JSON and says, where it is none, what a person would have seen.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

/// A place in a text that is not a source: line and column in characters from 1, and the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The byte, from 0.
    pub offset: usize,
}

/// Why bytes are not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// What is wrong.
    pub kind: JsonFaultKind,
    /// Where it was noticed.
    pub at: Position,
}

/// What makes bytes not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFaultKind {
    /// Nothing, or only white space.
    Empty,
    /// The text begins with U+FEFF, which RFC 8259 §8.1 forbids.
    ByteOrderMark,
    /// Bytes that are not UTF-8.
    InvalidUtf8 {
        /// The first wrong bytes, in hexadecimal.
        hex: String,
    },
    /// Lists and objects nested more than 127 deep.
    TooDeep,
    /// `NaN`, `Infinity` and their kin.
    NotANumber {
        /// The word as written.
        word: String,
    },
    /// A comma before `]` or `}`.
    TrailingComma,
    /// More after the end of the first value.
    SecondValue,
    /// `'` where `"` must stand.
    SingleQuote,
    /// A key without quotes.
    BareKey,
    /// A comment.
    Comment,
    /// The text begins with `<`.
    Markup,
    /// The text ends inside a value.
    EarlyEnd,
    /// A line break or another control character inside a text.
    ControlCharacter,
    /// Anything else, in the words of the parser.
    Other {
        /// The parser's message without its position.
        message: String,
    },
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.kind, self.at.line, self.at.column)
    }
}

impl fmt::Display for JsonFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing is there"),
            Self::ByteOrderMark => f.write_str("a byte order mark stands before the JSON"),
            Self::InvalidUtf8 { hex } => write!(f, "the bytes {hex} are not UTF-8"),
            Self::TooDeep => f.write_str("nested deeper than 127 levels"),
            Self::NotANumber { word } => write!(f, "`{word}` is not JSON"),
            Self::TrailingComma => f.write_str("a comma stands before the end of a list or object"),
            Self::SecondValue => f.write_str("something follows after the end of the value"),
            Self::SingleQuote => f.write_str("a text stands in single quotes"),
            Self::BareKey => f.write_str("a key has no quotes"),
            Self::Comment => f.write_str("a comment stands in the JSON"),
            Self::Markup => f.write_str("this is markup, not JSON"),
            Self::EarlyEnd => f.write_str("the text ends inside a value"),
            Self::ControlCharacter => f.write_str("a control character stands inside a text"),
            Self::Other { message } => f.write_str(message),
        }
    }
}

/// Reads one JSON value; numbers keep their digits, the last of duplicate keys counts.
///
/// # Errors
/// A [`JsonFault`] with its place.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonFault> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.valid_up_to();
            let head = bytes.get(..valid).and_then(|b| std::str::from_utf8(b).ok());
            let wrong = bytes.get(valid..).unwrap_or_default();
            let count = error.error_len().unwrap_or(wrong.len()).max(1);
            let hex: Vec<_> = wrong.iter().take(count).map(|b| format!("{b:02x}")).collect();
            let kind = JsonFaultKind::InvalidUtf8 { hex: hex.join(" ") };
            return Err(JsonFault { kind, at: position(head.unwrap_or_default(), valid) });
        }
    };
    serde_json::from_str(text).map_err(|error| describe(text, &error))
}

fn describe(text: &str, error: &serde_json::Error) -> JsonFault {
    let offset = offset_of(text, error.line(), error.column());
    let head = text.get(..offset).unwrap_or_default();
    let rest = text.get(offset..).unwrap_or_default();
    let message = error.to_string();
    let words = message.split(" at line ").next().unwrap_or_default();
    let word = around(text, offset);
    let kind = if text.trim().is_empty() {
        JsonFaultKind::Empty
    } else if text.starts_with('\u{feff}') {
        JsonFaultKind::ByteOrderMark
    } else if text.trim_start().starts_with('<') {
        JsonFaultKind::Markup
    } else if error.is_eof() {
        JsonFaultKind::EarlyEnd
    } else if words == "recursion limit exceeded" {
        JsonFaultKind::TooDeep
    } else if words == "trailing comma"
        || (matches!(rest.chars().next(), Some(']' | '}')) && head.trim_end().ends_with(','))
    {
        JsonFaultKind::TrailingComma
    } else if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') {
        JsonFaultKind::Comment
    } else if words == "trailing characters" {
        JsonFaultKind::SecondValue
    } else if rest.starts_with('\'') {
        JsonFaultKind::SingleQuote
    } else if words == "key must be a string" {
        JsonFaultKind::BareKey
    } else if words.starts_with("control character") {
        JsonFaultKind::ControlCharacter
    } else if is_no_number(&word) {
        JsonFaultKind::NotANumber { word }
    } else {
        JsonFaultKind::Other { message: words.to_owned() }
    };
    JsonFault { kind, at: position(text, offset) }
}

/// The word that a byte stands in.
fn around(text: &str, offset: usize) -> String {
    let is_word = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '+');
    let head = text.get(..offset).unwrap_or_default();
    let start = head.trim_end_matches(is_word).len();
    text.get(start..).unwrap_or_default().chars().take_while(|c| is_word(*c)).collect()
}

fn is_no_number(word: &str) -> bool {
    let bare = word.trim_start_matches(['-', '+']).to_ascii_lowercase();
    matches!(bare.as_str(), "nan" | "inf" | "infinity" | "undefined" | "none")
        || matches!(word, "True" | "False")
}

/// The byte of a line and a column in bytes, both from 1; the column points at the culprit.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(skip) => text.match_indices('\n').nth(skip).map_or(0, |(at, _)| at + 1),
    };
    let mut offset = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn position(text: &str, offset: usize) -> Position {
    let head = text.get(..offset).unwrap_or(text);
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let line = head.matches('\n').count() + 1;
    let column = head.get(start..).unwrap_or_default().chars().count() + 1;
    Position { line, column, offset }
}

/// A key that an object has twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key.
    pub key: String,
    /// Where it stands first.
    pub first: Position,
    /// Where it stands again: the value that counts is here.
    pub again: Position,
}

/// All keys that stand twice in their object, in the order of the text, at most a hundred.
///
/// The text must be JSON; of anything else the answer is of no use, but it comes.
#[must_use]
pub fn duplicate_keys(text: &str) -> Vec<DuplicateKey> {
    let mut found = Vec::new();
    // One entry for each open bracket: the keys seen, or nothing for a list.
    let mut open: Vec<Option<HashMap<String, usize>>> = Vec::new();
    let mut expects_key = false;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                open.push(Some(HashMap::new()));
                expects_key = true;
            }
            b'[' => {
                open.push(None);
                expects_key = false;
            }
            b'}' | b']' => {
                open.pop();
                expects_key = false;
            }
            b',' => expects_key = matches!(open.last(), Some(Some(_))),
            b'"' => {
                let end = end_of_string(bytes, at);
                if expects_key && let Some(Some(keys)) = open.last_mut() {
                    let written = text.get(at..end).unwrap_or_default();
                    let key = serde_json::from_str(written).unwrap_or_else(|_| written.to_owned());
                    if let Some(first) = keys.get(&key) {
                        let (first, again) = (position(text, *first), position(text, at));
                        found.push(DuplicateKey { key, first, again });
                        if found.len() >= 100 {
                            return found;
                        }
                    } else {
                        keys.insert(key, at);
                    }
                    expects_key = false;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// One past the closing quote of the text that begins at `start`.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words() {
        let table = [
            ("", "nothing is there at line 1, column 1"),
            ("{\"a\": NaN}", "`NaN` is not JSON at line 1, column 7"),
            ("{\"a\": -Infinity}", "`-Infinity` is not JSON at line 1, column 8"),
            (
                "[1,\n 2,\n]",
                "a comma stands before the end of a list or object at line 3, column 1",
            ),
            ("{\"a\":1,}", "a comma stands before the end of a list or object at line 1, column 8"),
            ("{} {}", "something follows after the end of the value at line 1, column 4"),
            ("{'a':1}", "a text stands in single quotes at line 1, column 2"),
            ("{a:1}", "a key has no quotes at line 1, column 2"),
            ("[1, // one\n2]", "a comment stands in the JSON at line 1, column 5"),
            ("<html>", "this is markup, not JSON at line 1, column 1"),
            ("{\"ä\": tru}", "expected ident at line 1, column 10"),
            ("\u{feff}{}", "a byte order mark stands before the JSON at line 1, column 1"),
        ];
        for (text, expected) in table {
            assert_eq!(fault(text), expected, "{text}");
        }
        assert!(fault("{\"a\": [1").starts_with("the text ends inside a value"));
        assert!(fault("\"a\nb\"").starts_with("a control character"));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        let fault = parse(b"{\"a\": \"\xff\xfe\"}").unwrap_err();
        assert_eq!(fault.to_string(), "the bytes ff are not UTF-8 at line 1, column 8");
        assert_eq!(fault.at.offset, 7);
    }

    #[test]
    fn depth_is_bounded_and_fails_cleanly() {
        for depth in [128, 100_000] {
            let fault = parse(&b"[".repeat(depth)).unwrap_err();
            assert_eq!(fault.kind, JsonFaultKind::TooDeep, "{depth}");
        }
        let fits = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert!(parse(fits.as_bytes()).is_ok());
        assert!(duplicate_keys(&"[".repeat(100_000)).is_empty());
    }

    #[test]
    fn both_places_of_a_duplicate_key_are_found() {
        let text = "{\"a\": {\"b\": \"a\", \"b\\\"\": 1},\n \"x\": [{\"b\": 1}],\n \"\\u0061\": 2}";
        let found = duplicate_keys(text);
        assert_eq!(found.len(), 1);
        let duplicate = found.first().unwrap();
        assert_eq!(duplicate.key, "a");
        assert_eq!((duplicate.first.line, duplicate.first.column), (1, 2));
        assert_eq!((duplicate.again.line, duplicate.again.column), (3, 2));
        assert!(duplicate_keys("{\"a\":1,\"b\":{\"a\":1}}").is_empty());
    }
}
