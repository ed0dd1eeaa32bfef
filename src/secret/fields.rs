//! Names that say of a value that it is secret, whatever the value: header names, JSON keys,
//! query parameters and form fields.

use std::borrow::Cow;
use std::ops::Range;

use super::views::{Layer, View};

/// Whether a field of this name holds a secret: `Authorization`, `Cookie`, `access_token`,
/// `client-secret`, `X-Api-Key`, `userPassword`.
#[must_use]
pub fn names_secret(name: &str) -> bool {
    Kind::of(name).is_some()
}

/// A longer name is rare.
const SHORT: usize = 64;

/// How much of a field's value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All but the scheme: `Bearer`, `Basic`, `Digest`.
    Authorization,
    /// The values of all cookies.
    Cookie,
    /// The value of one cookie; its name and attributes stay.
    SetCookie,
    /// All of it; numbers stay, since `max_tokens: 4096` is a count.
    Token,
    /// All of it, numbers of four digits or more too.
    Password,
}

impl Kind {
    /// What a name says, without regard to case and separators.
    pub(super) fn of(name: &str) -> Option<Self> {
        // A name that was masked says nothing.
        let name = if name.contains('«') {
            Cow::Owned(name.replace("«secret", ""))
        } else {
            Cow::Borrowed(name)
        };
        // Every header and every key of every body comes by here: bytes, in one pass, and only a
        // long name needs memory.
        let is_letter = |byte: &u8| !matches!(byte, b'-' | b'_' | b'.' | b' ');
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        let name = if let Some(room) = short.get_mut(..name.len()) {
            let mut filled = 0;
            for byte in name.bytes() {
                if let Some(slot) = room.get_mut(filled) {
                    *slot = byte.to_ascii_lowercase();
                }
                // One that says nothing is written over.
                filled += usize::from(is_letter(&byte));
            }
            short.get(..filled).unwrap_or_default()
        } else {
            long.extend(name.bytes().filter(is_letter).map(|byte| byte.to_ascii_lowercase()));
            long.as_slice()
        };
        match name {
            b"authorization" | b"proxyauthorization" => return Some(Self::Authorization),
            b"cookie" => return Some(Self::Cookie),
            b"setcookie" => return Some(Self::SetCookie),
            _ => {}
        }
        let mut found = None;
        let mut rest = name;
        while let [_, after @ ..] = rest {
            match rest {
                [b's', b'e', b'c', b'r', b'e', b't', ..]
                | [b'p', b'a', b's', b's', b'w', b'o', b'r', b'd', ..]
                | [b'p', b'a', b's', b's', b'w', b'd', ..]
                | [b'p', b'a', b's', b's', b'p', b'h', b'r', b'a', b's', b'e', ..]
                | [b'p', b'r', b'i', b'v', b'a', b't', b'e', b'k', b'e', b'y', ..]
                | [b'a', b'p', b'i', b'k', b'e', b'y', ..] => return Some(Self::Password),
                [b't', b'o', b'k', b'e', b'n', ..] => found = Some(Self::Token),
                _ => {}
            }
            rest = after;
        }
        found
    }

    /// Whether a number under this name is secret.
    pub(super) fn hides_number(self, digits: &str) -> bool {
        self == Self::Password && digits.bytes().filter(u8::is_ascii_digit).count() >= 4
    }

    /// The secret parts of a value of this kind.
    pub(super) fn ranges(self, value: &str) -> Vec<Range<usize>> {
        match self {
            Self::Authorization => vec![credentials(value)],
            Self::Cookie => pieces(value, ';').map(|piece| after_equals(value, piece)).collect(),
            Self::SetCookie => {
                pieces(value, ';').take(1).map(|piece| after_equals(value, piece)).collect()
            }
            Self::Token | Self::Password => vec![trimmed(value, 0..value.len())],
        }
    }
}

/// The schemes whose name says nothing about the credentials.
const SCHEMES: [&str; 9] = [
    "bearer",
    "basic",
    "digest",
    "token",
    "apikey",
    "negotiate",
    "ntlm",
    "dpop",
    "aws4-hmac-sha256",
];

fn credentials(value: &str) -> Range<usize> {
    let whole = trimmed(value, 0..value.len());
    let text = value.get(whole.clone()).unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, _)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            trimmed(value, whole.start + scheme.len()..whole.end)
        }
        Some(_) | None => whole,
    }
}

/// The ranges between separators.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split(separator).map(move |piece| {
        let range = start..start + piece.len();
        start = range.end + separator.len_utf8();
        range
    })
}

/// What follows the first `=` of a piece; the whole piece where there is none.
fn after_equals(text: &str, piece: Range<usize>) -> Range<usize> {
    let inner = text.get(piece.clone()).unwrap_or_default();
    let start = inner.find('=').map_or(piece.start, |n| piece.start + n + 1);
    trimmed(text, start..piece.end)
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = text.get(range.clone()).unwrap_or_default();
    let start = range.start + inner.len() - inner.trim_start().len();
    start..start + inner.trim().len()
}

/// The secret parts of all URLs in a text: the password before the host, and the values of
/// parameters named like secrets in query and fragment.
pub(super) fn in_urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    // Every text of every event comes by here, and `contains` is much faster than `find`.
    let has_url = text.contains("://");
    while let Some(at) = text.get(from..).filter(|_| has_url).and_then(|rest| rest.find("://")) {
        let start = from + at + 3;
        from = start;
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|c| matches!(c, '/' | '?' | '#') || ends_url(c)).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@') {
            let password = user.find(':').map_or(0, |n| n + 1);
            found.push(start + password..start + user.len());
        }
    }
    if !text.contains('=') {
        return found;
    }
    let mut done = 0;
    for (at, _) in text.match_indices(['?', '&', ';', '#']).filter(|(_, c)| c.len() == 1) {
        if let Some(value) = (at >= done).then(|| parameter(text, at + 1)).flatten() {
            done = value.end;
            found.push(value);
        }
    }
    found
}

/// The secret parts of a body: fields of JSON, wherever it stands in the text, of a form, and parts
/// of a multipart body.
pub(super) fn in_body(text: &str) -> Vec<Range<usize>> {
    if is_form(text) {
        return in_form(text);
    }
    let mut found = in_multipart(text);
    found.extend(in_json(text));
    found
}

/// The secret parts of a form body: `grant_type=password&password=…`.
fn in_form(text: &str) -> Vec<Range<usize>> {
    pieces(text, '&').filter_map(|piece| parameter(text, piece.start)).collect()
}

/// Whether a text may be a form body: pairs, and nothing that such a body would have encoded.
fn is_form(text: &str) -> bool {
    text.contains('=')
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '{' | '"'))
}

/// What stands in the parts of a multipart body that are named like secrets.
fn in_multipart(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if !text.contains("form-data;") {
        return found;
    }
    let mut done = 0;
    for (at, _) in text.match_indices("form-data;") {
        let rest = text.get(at..).filter(|_| at >= done).unwrap_or_default();
        let near: &str = (0..=LONGEST_HEAD.min(rest.len()))
            .rev()
            .find_map(|end| rest.get(..end))
            .unwrap_or_default();
        let blank = near.split_once("\r\n\r\n").or_else(|| near.split_once("\n\n"));
        let Some((head, _)) = blank else { continue };
        let name = head.split_once(" name=").map_or("", |(_, name)| name);
        let name = name.trim_start_matches('"').split(['"', ';', '\r', '\n']).next();
        if name.is_some_and(names_secret) {
            let start = at + head.len();
            let rest = text.get(start..).unwrap_or_default();
            let len = rest.find("\n--").unwrap_or(rest.len());
            found.push(trimmed(text, start..start + len));
            done = start + len;
        }
    }
    found
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\')
}

/// The head of a part of a multipart body is short.
const LONGEST_HEAD: usize = 1000;

/// Names of parameters are short; without a bound, many beginnings would each look for a far end.
const LONGEST_NAME: usize = 200;

/// The value of the parameter whose name begins at a byte, if the name says that it is secret.
fn parameter(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let (equals, _) = rest
        .char_indices()
        .take(LONGEST_NAME)
        .find(|(_, c)| matches!(c, '=' | '&' | '?' | '#') || ends_url(*c))?;
    let (name, value) = rest.split_at_checked(equals)?;
    let value = value.strip_prefix('=')?;
    if value.starts_with("${{") {
        // A template as it is written: it names the secret, it is none.
        return None;
    }
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    Kind::of(&name)?;
    let end = value.find(|c| matches!(c, '&' | '#') || ends_url(c)).unwrap_or(value.len());
    let start = at + equals + 1;
    Some(start..start + end)
}

/// The secret parts of a JSON text, found without reading it whole: the text may be cut, or be
/// JSON only in places. Everything below a secret key is secret. A text that is JSON again (a server
/// that echoes what it was sent) is read too.
fn in_json(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    scan_json(text, 2, &mut |range| found.push(range));
    found
}

fn scan_json(text: &str, depth_left: usize, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    // The depth at which a secret key's object or list was opened, and its kind.
    let mut inside: Option<(usize, Kind)> = None;
    let mut depth = 0_usize;
    // The kind of the key that was just read.
    let mut key = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                let after = bytes.iter().skip(end + 1).position(|b| !b.is_ascii_whitespace());
                let is_key = after.is_some_and(|n| bytes.get(end + 1 + n) == Some(&b':'));
                let content = text.get(at + 1..end).unwrap_or_default();
                if is_key {
                    key = Kind::of(&unescaped(content));
                } else if let Some(kind) = key.take().or(inside.map(|(_, kind)| kind)) {
                    for range in kind.ranges(content) {
                        found(at + 1 + range.start..at + 1 + range.end);
                    }
                } else if depth_left > 0 && content.contains("\\\"") {
                    scan_inner(content, depth_left - 1, &mut |range| {
                        found(at + 1 + range.start..at + 1 + range.end);
                    });
                }
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                if inside.is_none() {
                    inside = key.map(|kind| (depth, kind));
                }
                key = None;
            }
            b'}' | b']' => {
                if inside.is_some_and(|(opened, _)| opened >= depth) {
                    inside = None;
                }
                depth = depth.saturating_sub(1);
                key = None;
            }
            b'0'..=b'9' | b'-' => {
                let len = bytes
                    .iter()
                    .skip(at)
                    .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                    .count();
                let digits = text.get(at..at + len).unwrap_or_default();
                if let Some(kind) = key.take().or(inside.map(|(_, kind)| kind))
                    && kind.hides_number(digits)
                {
                    found(at..at + len);
                }
                at += len.max(1) - 1;
            }
            b',' => key = None,
            _ => {}
        }
        at += 1;
    }
}

/// Reads the content of a JSON text as JSON.
fn scan_inner(content: &str, depth_left: usize, found: &mut dyn FnMut(Range<usize>)) {
    let Some(view) = View::of(content.as_bytes(), Layer::Json) else { return };
    if let Ok(inner) = std::str::from_utf8(&view.bytes) {
        scan_json(inner, depth_left, &mut |range| {
            if !range.is_empty() {
                found(view.outward(range));
            }
        });
    }
}

/// The byte of the closing quote, or the end of the text.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn unescaped(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    serde_json::from_str::<String>(&format!("\"{content}\""))
        .map_or(Cow::Borrowed(content), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_that_they_are_secret_without_regard_to_case_and_separators() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "set-cookie",
            "X-Api-Key",
            "x_api_key",
            "apiKey",
            "access_token",
            "X-CSRF-Token",
            "clientSecret",
            "client-secret",
            "PASSWORD",
            "db.passwd",
            "user[password]",
            "private_key",
            "passphrase",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "",
            "key",
            "keys",
            "author",
            "Authority",
            "cookies",
            "name",
            "pass",
            "monkey",
            "api",
            "WWW-Authenticate",
            "session",
            "compass",
            "X-Request-Id",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn counts_of_tokens_stay_and_numeric_passwords_go() {
        assert!(!Kind::Token.hides_number("4096"));
        assert!(Kind::Password.hides_number("123456"));
        assert!(!Kind::Password.hides_number("12"));
    }

    fn parts(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
        ranges.into_iter().filter_map(|range| text.get(range)).collect()
    }

    #[test]
    fn fields_of_a_body_are_found_in_every_form() {
        for (text, found) in [
            (r#"{"a": "x", "token": "t"}"#, vec!["t"]),
            (r#"{"pass\u0077ord": "escaped key"}"#, vec!["escaped key"]),
            (r#"{"token": ["a", {"b": "c"}], "d": "e"}"#, vec!["a", "c"]),
            (r#"{"token": {"password": 1234}, "n": 1234}"#, vec!["1234"]),
            (r#"{"token": {"a": {"b": "c"}, "d": "e"}, "f": "g"}"#, vec!["c", "e"]),
            (r#"{"token": true, "x": "y"}"#, vec![]),
            (r#"{"cookies": {"cookie": "a=1; b=2"}}"#, vec!["1", "2"]),
            (r#"[{"Set-Cookie": "a=1; Path=/"}]"#, vec!["1"]),
            (r#"data: {"token": "in a stream"}"#, vec!["in a stream"]),
            (r#"{"echo": "{\"token\": \"i\\\"n\"}"}"#, vec![r#"i\\\"n"#]),
            (r#"{"token": "not closed"#, vec!["not closed"]),
            ("grant=1&password=a+b&x=2", vec!["a+b"]),
            ("password=only", vec!["only"]),
            (
                "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nline\r\nline\r\n--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nopen\r\n--b--",
                vec!["line\r\nline"],
            ),
            ("<p>password=x and so on</p>", vec![]),
            ("plain \"quoted: words\"", vec![]),
        ] {
            assert_eq!(parts(text, in_body(text)), found, "{text}");
        }
    }

    #[test]
    fn secret_parts_of_urls_are_found_in_any_text() {
        for (text, found) in [
            ("see https://u:p@h:8/a?token=t&b=c#api_key=d now", vec!["p", "t", "d"]),
            ("https://tok@h", vec!["tok"]),
            ("https://u:p%40x@h?a=b@c", vec!["p%40x"]),
            ("/x?access%5Ftoken=t", vec!["t"]),
            ("a&amp;token=t", vec!["t"]),
            ("?token=${{ secrets.token }}", vec![]),
            ("?token=", vec![""]),
            ("?tokens", vec![]),
            ("https://h/a?b=c&d", vec![]),
        ] {
            assert_eq!(parts(text, in_urls(text)), found, "{text}");
        }
    }
}
