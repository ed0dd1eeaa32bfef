//! Prints a value over several lines and knows where each part of it went.

use std::ops::Range;

use serde_json::Value;

use super::pointer::unescape;

/// A printed value and the places of its parts.
#[derive(Debug, Clone)]
pub struct Pretty {
    /// The text: two spaces a level, no line break at the end.
    pub text: String,
    root: Spot,
}

/// The byte ranges of one part in the printed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The key with its quotes; nothing for an item or the whole.
    pub key: Option<Range<usize>>,
    /// The value, from its first to its last character.
    pub value: Range<usize>,
    children: Vec<(String, Spot)>,
}

impl Pretty {
    /// Where the value at a JSON pointer stands; nothing where the pointer leads nowhere.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Spot> {
        let mut spot = &self.root;
        if pointer.is_empty() {
            return Some(spot);
        }
        for part in pointer.strip_prefix('/')?.split('/') {
            let token = unescape(part);
            spot = match token.parse::<usize>().ok().and_then(|index| spot.children.get(index)) {
                Some((name, child)) if *name == token => child,
                Some(_) | None => &spot.children.iter().find(|(name, _)| *name == token)?.1,
            };
        }
        Some(spot)
    }

    /// The longest part of a pointer that leads somewhere, with its place.
    #[must_use]
    pub fn nearest(&self, pointer: &str) -> (String, &Spot) {
        let mut known = pointer;
        loop {
            if let Some(spot) = self.at(known) {
                return (known.to_owned(), spot);
            }
            known = known.rfind('/').and_then(|end| known.get(..end)).unwrap_or_default();
        }
    }
}

/// Prints a value with two spaces a level, numbers as they were written.
#[must_use]
pub fn pretty(value: &Value) -> Pretty {
    let mut text = String::new();
    let root = print(value, 0, None, &mut text);
    Pretty { text, root }
}

fn print(value: &Value, depth: usize, key: Option<Range<usize>>, text: &mut String) -> Spot {
    let start = text.len();
    let mut children = Vec::new();
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                line(text, index > 0, depth + 1);
                children.push((index.to_string(), print(item, depth + 1, None, text)));
            }
            close(text, ']', items.is_empty(), depth);
        }
        Value::Object(fields) => {
            text.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                line(text, index > 0, depth + 1);
                let from = text.len();
                text.push_str(&Value::from(name.as_str()).to_string());
                let key = from..text.len();
                text.push_str(": ");
                children.push((name.clone(), print(field, depth + 1, Some(key), text)));
            }
            close(text, '}', fields.is_empty(), depth);
        }
    }
    Spot { key, value: start..text.len(), children }
}

fn line(text: &mut String, comma: bool, depth: usize) {
    text.push_str(if comma { ",\n" } else { "\n" });
    text.extend(std::iter::repeat_n("  ", depth));
}

fn close(text: &mut String, bracket: char, empty: bool, depth: usize) {
    if !empty {
        line(text, false, depth);
    }
    text.push(bracket);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> (Value, Pretty) {
        let value = serde_json::from_str(
            r#"{"id":18446744073709551616,"a/b":{"items":[{"x":"ä"},[],{}]},"0":"zero"}"#,
        )
        .unwrap();
        let printed = pretty(&value);
        (value, printed)
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let (value, printed) = fixture();
        assert_eq!(serde_json::from_str::<Value>(&printed.text).unwrap(), value);
        assert!(printed.text.starts_with("{\n  \"id\": 18446744073709551616,\n"));
        assert!(printed.text.contains("      [],\n      {}\n    ]"));
    }

    #[test]
    fn a_pointer_finds_key_and_value_in_the_text() {
        let (_, printed) = fixture();
        let spot = printed.at("/a~1b/items/0/x").unwrap();
        assert_eq!(&printed.text[spot.value.clone()], "\"ä\"");
        assert_eq!(&printed.text[spot.key.clone().unwrap()], "\"x\"");
        assert_eq!(&printed.text[printed.at("/0").unwrap().value.clone()], "\"zero\"");
        assert_eq!(printed.at("").unwrap().value, 0..printed.text.len());
        assert_eq!(printed.at("/a~1b/nothing"), None);
        assert_eq!(printed.at("no-pointer"), None);
    }

    #[test]
    fn a_pointer_that_leads_nowhere_has_a_nearest_place() {
        let (_, printed) = fixture();
        assert_eq!(printed.nearest("/a~1b/items/9/x").0, "/a~1b/items");
        assert_eq!(printed.nearest("/none").0, "");
    }
}
