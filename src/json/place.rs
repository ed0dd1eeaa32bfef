//! Where in a text that is JSON the value at a pointer stands.

use std::ops::Range;

use super::parse::end_of_string;
use super::pointer::unescape;

/// The byte ranges of one value in the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its key with the quotes; nothing for an item or the whole.
    pub key: Option<Range<usize>>,
    /// The value, from its first to its last byte.
    pub value: Range<usize>,
}

/// Where the value at a JSON pointer stands in a text that is JSON. Of duplicate keys the last one
/// counts, as it does for who reads the text. Nothing where the pointer leads nowhere; of a text
/// that is no JSON the answer is of no use, but it comes.
#[must_use]
pub fn written(text: &str, pointer: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let start = skip_space(bytes, 0);
    let mut found = Written { key: None, value: start..end_of_value(bytes, start) };
    if pointer.is_empty() {
        return Some(found);
    }
    for part in pointer.strip_prefix('/')?.split('/') {
        found = child(text, found.value, &unescape(part))?;
    }
    Some(found)
}

/// The field or item of the value that stands at `within`.
fn child(text: &str, within: Range<usize>, token: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let is_object = match bytes.get(within.start)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let wanted = if is_object { None } else { Some(token.parse::<usize>().ok()?) };
    let mut found = None;
    let mut at = skip_space(bytes, within.start + 1);
    let mut index = 0;
    while at < within.end && !matches!(bytes.get(at), None | Some(b'}' | b']')) {
        let mut key = None;
        if is_object {
            let end = end_of_string(bytes, at);
            key = Some(at..end);
            // The colon, and what stands around it.
            at = skip_space(bytes, skip_space(bytes, end) + 1);
        }
        let value = at..end_of_value(bytes, at);
        at = skip_space(bytes, value.end);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        let is_it = match (&key, wanted) {
            (Some(key), _) => text.get(key.clone()).is_some_and(|written| {
                serde_json::from_str::<String>(written).is_ok_and(|name| name == token)
            }),
            (None, Some(wanted)) => index == wanted,
            (None, None) => false,
        };
        // Something that is no value would be stood on for ever.
        let stuck = value.is_empty();
        if is_it {
            found = Some(Written { key, value });
        }
        if stuck {
            break;
        }
        index += 1;
    }
    found
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// One past the last byte of the value that begins at `start`.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at).min(bytes.len());
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                // Who closes nothing ends the value before it.
                let Some(less) = depth.checked_sub(1) else { return at };
                depth = less;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = " {\"a\\u0062\": [1, {\"c/d\": \"x ] \\\" y\"}, -1.5e3],\n\t\"ä\" : true , \
                        \"e\": {}, \"e\": [ ]} ";

    fn value(pointer: &str) -> Option<&'static str> {
        TEXT.get(written(TEXT, pointer)?.value)
    }

    fn key(pointer: &str) -> Option<&'static str> {
        TEXT.get(written(TEXT, pointer)?.key?)
    }

    #[test]
    fn a_pointer_finds_its_key_and_value_in_the_text() {
        assert_eq!(value(""), Some(TEXT.trim()));
        assert_eq!(key(""), None);
        assert_eq!((key("/ab"), value("/ab/0")), (Some("\"a\\u0062\""), Some("1")));
        assert_eq!(value("/ab/2"), Some("-1.5e3"));
        assert_eq!(value("/ab/1"), Some("{\"c/d\": \"x ] \\\" y\"}"));
        assert_eq!(key("/ab/1/c~1d"), Some("\"c/d\""));
        assert_eq!(value("/ab/1/c~1d"), Some("\"x ] \\\" y\""));
        assert_eq!((key("/ä"), value("/ä")), (Some("\"ä\""), Some("true")));
        assert_eq!(value("/e"), Some("[ ]"), "the last of two counts");
    }

    #[test]
    fn a_pointer_that_leads_nowhere_finds_nothing() {
        for pointer in ["/ab/3", "/ab/x", "/none", "/ab/0/x", "ab"] {
            assert_eq!(value(pointer), None, "{pointer}");
        }
    }

    #[test]
    fn a_text_that_is_no_json_is_looked_through_to_its_end() {
        for text in ["", "{", "{\"a\"", "{\"a\":", "[1,", "{]", "[,,]", "}", "\"\\", "{\"a\" 1}"] {
            for pointer in ["", "/a", "/0", "/1"] {
                if let Some(found) = written(text, pointer) {
                    assert!(found.value.end <= text.len(), "{text} {pointer}");
                }
            }
        }
    }
}
