//! JSON pointers (RFC 6901), built token by token.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A token as it is written in a pointer: `~` becomes `~0`, `/` becomes `~1`.
#[must_use]
pub fn escape(token: &str) -> Cow<'_, str> {
    if token.contains(['~', '/']) {
        Cow::Owned(token.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The token that a part of a pointer stands for.
#[must_use]
pub fn unescape(part: &str) -> Cow<'_, str> {
    if part.contains('~') {
        Cow::Owned(part.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(part)
    }
}

/// Appends a key to a pointer.
pub fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&escape(token));
}

/// Appends an index to a pointer.
pub fn push_index(pointer: &mut String, index: usize) {
    let _ = write!(pointer, "/{index}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_back_to_its_value() {
        let value = serde_json::json!({"a/b": {"~1": [10, 20]}});
        let mut pointer = String::new();
        push(&mut pointer, "a/b");
        push(&mut pointer, "~1");
        push_index(&mut pointer, 1);
        assert_eq!(pointer, "/a~1b/~01/1");
        assert_eq!(value.pointer(&pointer), Some(&serde_json::json!(20)));
        assert_eq!(unescape("~01"), "~1");
    }
}
