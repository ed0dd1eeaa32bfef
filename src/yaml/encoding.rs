//! Owes the reader plain UTF-8 text: what a person sees is what runs.

use std::fmt;

use crate::finding::{Code, Fault, Finding};
use crate::source::{Place, SourceText, Span};

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// So many characters of one kind are reported, no more.
const REPORTED: usize = 20;

/// Why bytes are not the text of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncodingFault {
    /// UTF-16, by its byte order mark or its zero bytes.
    Utf16,
    /// A byte that is not UTF-8.
    NotUtf8 {
        /// Its line, from 1.
        line: usize,
        /// Its offset in the file.
        offset: usize,
    },
    /// More bytes than a plan may have.
    TooLarge {
        /// How many.
        bytes: usize,
    },
}

impl fmt::Display for EncodingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("the file is UTF-16, not UTF-8"),
            Self::NotUtf8 { line, offset } => {
                write!(f, "the file is not UTF-8: line {line}, byte {offset}")
            }
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "the file has {}; 4 MiB is the limit",
                    crate::units::show_size(*bytes as u64)
                )
            }
        }
    }
}

impl Fault for EncodingFault {
    fn code(&self) -> Code {
        match self {
            Self::Utf16 | Self::NotUtf8 { .. } => Code::YamlEncoding,
            Self::TooLarge { .. } => Code::YamlLimit,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Utf16 | Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::TooLarge { .. } => Some("split the file".to_owned()),
        }
    }
}

/// The text of a file's bytes, without a byte order mark: what a `SourceText` holds.
///
/// # Errors
/// An [`EncodingFault`] where the bytes are no UTF-8 text of at most 4 MiB.
pub fn decode(bytes: &[u8]) -> Result<&str, EncodingFault> {
    if bytes.len() > MAX_BYTES {
        return Err(EncodingFault::TooLarge { bytes: bytes.len() });
    }
    let mut every_other = bytes.iter().take(64).skip(1).step_by(2);
    let mut the_others = bytes.iter().take(64).step_by(2);
    if bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0xFE, 0xFF])
        || bytes.len() >= 4 && (every_other.all(|b| *b == 0) || the_others.all(|b| *b == 0))
    {
        return Err(EncodingFault::Utf16);
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line = bytes.iter().take(offset).filter(|b| **b == b'\n').count() + 1;
        EncodingFault::NotUtf8 { line, offset }
    })
}

/// Characters that a plan may not hold; whether the text can be read all the same.
pub(super) fn look(source: &SourceText) -> (bool, Vec<Finding>) {
    let text: &str = &source.text;
    let mut findings = Vec::new();
    if text.len() > MAX_BYTES {
        let fault = EncodingFault::TooLarge { bytes: text.len() };
        let start = Place { source: source.id, span: Span::new(0, 0) };
        return (false, vec![Finding::of(&fault, start)]);
    }
    let mut readable = true;
    let plain = text.bytes().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7E));
    if plain {
        return (true, findings);
    }
    for (at, c) in text.char_indices() {
        let (message, ends) = match c {
            '\0' => ("a NUL byte".to_owned(), true),
            '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{061C}' => (
                format!(
                    "an invisible character that turns the direction of text (U+{:04X})",
                    c as u32
                ),
                false,
            ),
            '\u{1}'..='\u{8}'
            | '\u{B}'
            | '\u{C}'
            | '\u{E}'..='\u{1F}'
            | '\u{7F}'
            | '\u{80}'..='\u{84}'
            | '\u{86}'..='\u{9F}'
            | '\u{FFFE}'
            | '\u{FFFF}' => (format!("a control character (U+{:04X})", c as u32), true),
            '\u{FEFF}' => ("a byte order mark in the middle of the file (U+FEFF)".to_owned(), true),
            _ => continue,
        };
        readable &= !ends;
        let place = Place { source: source.id, span: Span::new(at, at + c.len_utf8()) };
        findings.push(
            Finding::error(Code::YamlEncoding, message).at(place, "").help(
                "delete it; in double quotes an escape such as `\\u200E` says the same visibly",
            ),
        );
        if findings.len() == REPORTED {
            break;
        }
    }
    (readable, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_or_say_why_not() {
        assert_eq!(decode(b"\xEF\xBB\xBFplan: a"), Ok("plan: a"));
        assert_eq!(decode("plan: ä".as_bytes()), Ok("plan: ä"));
        assert_eq!(decode(b"\xFF\xFEp\0l\0"), Err(EncodingFault::Utf16));
        assert_eq!(decode(b"p\0l\0a\0n\0"), Err(EncodingFault::Utf16));
        assert_eq!(decode(b"a\nb\xFF"), Err(EncodingFault::NotUtf8 { line: 2, offset: 3 }));
        assert!(matches!(decode(&vec![b'a'; MAX_BYTES + 1]), Err(EncodingFault::TooLarge { .. })));
        assert_eq!(decode(b""), Ok(""));
    }
}
