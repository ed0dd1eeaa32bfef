//! What two responses may differ in without being different.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use crate::query::{Found, JsonPath};

/// What is not looked at, and what counts as equal.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Paths that are not compared, with everything under them.
    pub ignored: Vec<JsonPath>,
    /// Headers that are not compared, in lower case.
    pub ignored_headers: BTreeSet<String>,
    /// Lists that are compared item by item by a field, whatever their order.
    pub keyed: Vec<(JsonPath, String)>,
    /// Numbers that may be so far apart.
    pub close: Vec<(JsonPath, f64)>,
    /// What is replaced in texts before they are compared.
    pub replaced: Vec<(Regex, String)>,
}

/// Headers that say something of the connection or the moment, not of the answer.
const OF_THE_MOMENT: [&str; 5] = ["date", "age", "set-cookie", "alt-svc", "via"];

impl Rules {
    /// Whether a header is not compared.
    pub(super) fn ignores_header(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        crate::outcome::is_framing(&name)
            || OF_THE_MOMENT.contains(&name.as_str())
            || self.ignored_headers.contains(&name)
    }

    /// A text as it is compared.
    pub(super) fn text(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (what, with)| {
            what.replace_all(&text, with.as_str()).into_owned()
        })
    }

    /// Where the rules apply in one body.
    pub(super) fn of(&self, body: &Value) -> Here {
        Here {
            ignored: self.ignored.iter().flat_map(|path| pointers(path, body)).collect(),
            keyed: by_pointer(&self.keyed, body),
            close: by_pointer(&self.close, body),
        }
    }
}

/// The places of one body that rules are about, as JSON pointers.
#[derive(Debug, Default)]
pub(super) struct Here {
    pub(super) ignored: BTreeSet<String>,
    pub(super) keyed: BTreeMap<String, String>,
    pub(super) close: BTreeMap<String, f64>,
}

fn by_pointer<T: Clone>(rules: &[(JsonPath, T)], body: &Value) -> BTreeMap<String, T> {
    let each = rules.iter().flat_map(|(path, rule)| {
        pointers(path, body).into_iter().map(move |pointer| (pointer, rule.clone()))
    });
    each.collect()
}

fn pointers(path: &JsonPath, body: &Value) -> Vec<String> {
    match path.find(body) {
        Found::One { pointer, value: _ } => pointer.into_iter().collect(),
        Found::Many(hits) => hits.into_iter().map(|hit| hit.pointer).collect(),
        Found::Text(_)
        | Found::Bytes(_)
        | Found::Nothing(_)
        | Found::NotJson(_)
        | Found::Unreadable { .. } => Vec::new(),
    }
}
