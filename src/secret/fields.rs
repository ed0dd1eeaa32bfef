//! Names that say of a value that it is secret, whatever the value: header names, JSON keys,
//! query parameters and form fields.

use std::borrow::Cow;
use std::ops::Range;

/// Whether a field of this name holds a secret: `Authorization`, `Cookie`, `access_token`,
/// `client-secret`, `X-Api-Key`, `userPassword`.
#[must_use]
pub fn names_secret(name: &str) -> bool {
    Kind::of(name).is_some()
}

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
        let name: String = name
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | '.' | ' '))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match name.as_str() {
            "authorization" | "proxyauthorization" => return Some(Self::Authorization),
            "cookie" => return Some(Self::Cookie),
            "setcookie" => return Some(Self::SetCookie),
            _ => {}
        }
        if ["secret", "password", "passwd", "passphrase", "apikey", "privatekey"]
            .iter()
            .any(|word| name.contains(word))
        {
            Some(Self::Password)
        } else if name.contains("token") {
            Some(Self::Token)
        } else {
            None
        }
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
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("://")) {
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
    for (at, c) in text.char_indices().filter(|(_, c)| matches!(c, '?' | '&' | ';' | '#')) {
        found.extend(parameter(text, at + c.len_utf8()));
    }
    found
}

/// The secret parts of a form body: `grant_type=password&password=…`.
pub(super) fn in_form(text: &str) -> Vec<Range<usize>> {
    pieces(text, '&').filter_map(|piece| parameter(text, piece.start)).collect()
}

/// Whether a text may be a form body: pairs, and nothing that such a body would have encoded.
pub(super) fn is_form(text: &str) -> bool {
    text.contains('=')
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '{' | '"'))
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\')
}

/// The value of the parameter whose name begins at a byte, if the name says that it is secret.
fn parameter(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let equals = rest.find(|c: char| c == '=' || matches!(c, '&' | '?' | '#') || ends_url(c))?;
    let (name, value) = rest.split_at_checked(equals)?;
    let value = value.strip_prefix('=')?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    Kind::of(&name)?;
    let end = value.find(|c| matches!(c, '&' | '#') || ends_url(c)).unwrap_or(value.len());
    let start = at + equals + 1;
    Some(start..start + end)
}

/// A secret part of a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JsonPart {
    /// The text between the quotes, or the number.
    pub(super) range: Range<usize>,
    /// The kind that its key gave it.
    pub(super) kind: Kind,
}

/// The secret parts of a JSON text, found without reading it whole: the text may be cut, or be
/// JSON only in places. Everything below a secret key is secret.
pub(super) fn in_json(text: &str) -> Vec<JsonPart> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
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
                    found.push(JsonPart { range: at + 1..end, kind });
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
                    found.push(JsonPart { range: at..at + len, kind });
                }
                at += len.max(1) - 1;
            }
            b',' => key = None,
            _ => {}
        }
        at += 1;
    }
    found
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
