//! Shows what could move a terminal's cursor, or turn a line around, as plain escapes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Writes every control character, C1 code and invisible direction mark as `\u{1b}`; line breaks
/// and tabs stay, so that a body keeps its lines.
#[must_use]
pub fn sanitise(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// Like [`sanitise`] for what must stay on one line: line breaks and tabs are escaped too.
#[must_use]
pub fn sanitise_line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks, overrides
/// and isolates, zero-width characters, and the byte order mark.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn escape(text: &str, unsafe_here: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly every text is plain. Without an early end many bytes are compared at once.
    if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let Some(first) = text.find(&unsafe_here) else {
        return Cow::Borrowed(text);
    };
    let (safe, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(safe);
    for c in rest.chars() {
        match c {
            '\n' if unsafe_here(c) => out.push_str("\\n"),
            '\r' if unsafe_here(c) => out.push_str("\\r"),
            '\t' if unsafe_here(c) => out.push_str("\\t"),
            _ if unsafe_here(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_terminal_become_text() {
        assert_eq!(sanitise("a\u{1b}]0;x\u{7}b"), "a\\u{1b}]0;x\\u{7}b");
        assert_eq!(sanitise("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(sanitise("abc\u{202e}fed"), "abc\\u{202e}fed");
        assert_eq!(sanitise("one\r\ntwo"), "one\\r\ntwo");
    }

    #[test]
    fn ordinary_text_is_borrowed_unchanged() {
        for text in ["", "Grüße, 世界 🎉\n\tindented", "a\\u{1b}"] {
            assert!(matches!(sanitise(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(sanitise_line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(sanitise_line("a\u{2028}b"), "a\\u{2028}b");
    }

    #[test]
    fn no_control_character_ever_comes_out() {
        let all: String = (0..=0xffff_u32).filter_map(char::from_u32).collect();
        assert!(!sanitise_line(&all).chars().any(char::is_control));
        assert!(!sanitise(&all).chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
    }
}
