//! A path into a JSON document by RFC 9535: parsed once, refused where its answer would be wrong.
//!
//! The grammar is that of `jsonpath-rust`. Its evaluation compares numbers as binary floats with a
//! tolerance (`1e-17 == 0` holds there), so that answers come from our own walk, which compares
//! exactly; what RFC 9535 forbids and the grammar lets pass is refused while lowering.

mod lower;
mod mistake;
mod walk;

use std::fmt;
use std::ops::Range;

use serde_json::Value;

pub use mistake::Mistake;

use super::found::{Found, Gap, Hit};
use crate::finding::{Code, Fault, nearest};
use crate::json;

/// How many keys of an object are listed where a name was not found.
const SHOWN_KEYS: usize = 40;

/// A path that parses, and that this version answers exactly.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: String,
    shape: Shape,
    /// The leading names and indices, before the first segment that can yield many.
    prefix: Vec<Key>,
}

/// A name or an index of a singular segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// The field of an object.
    Name(String),
    /// The item of a list; negative ones count from its end.
    Index(i64),
}

#[derive(Debug, Clone)]
enum Shape {
    /// Only names and indices: [`JsonPath::prefix`] is the whole path.
    Singular,
    /// Anything else.
    Many(Vec<walk::Step>),
}

/// Why a text is not a path, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFault {
    /// The bytes inside the path that are to blame.
    pub range: Range<usize>,
    /// What is wrong there.
    pub mistake: Mistake,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mistake.fmt(f)
    }
}

impl Fault for PathFault {
    fn code(&self) -> Code {
        if matches!(self.mistake, Mistake::BadRegex { .. }) {
            Code::BadRegex
        } else {
            Code::BadJsonPath
        }
    }

    fn help(&self) -> Option<String> {
        self.mistake.help()
    }

    fn label(&self) -> String {
        self.mistake.label()
    }
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A [`PathFault`] with the place inside the path: what does not parse, what RFC 9535 forbids
    /// (§2.4.3 for function types), and a regular expression inside `match` or `search` that does
    /// not parse.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        if let Some(prefix) = plain(text) {
            return Ok(Self { text: text.to_owned(), shape: Shape::Singular, prefix });
        }
        let steps = lower::lower(text)?;
        let prefix: Vec<Key> = steps.iter().map_while(walk::Step::key).cloned().collect();
        let shape = if prefix.len() == steps.len() { Shape::Singular } else { Shape::Many(steps) };
        Ok(Self { text: text.to_owned(), shape, prefix })
    }

    /// The path as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether two paths lead to the same place, as far as their form says so.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let singular = self.is_singular() && other.is_singular();
        if singular { self.prefix == other.prefix } else { self.text == other.text }
    }

    /// Whether it yields at most one value, by its form (RFC 9535 §2.3.5.1).
    #[must_use]
    pub fn is_singular(&self) -> bool {
        matches!(self.shape, Shape::Singular)
    }

    /// The names and indices before the first segment that can yield many; all of a singular path.
    #[must_use]
    pub fn literal_prefix(&self) -> &[Key] {
        &self.prefix
    }

    /// The name that the path ends in: `access_token` of `$.access_token`.
    #[must_use]
    pub fn last_name(&self) -> Option<&str> {
        let last = match &self.shape {
            Shape::Singular => self.prefix.last(),
            Shape::Many(steps) => steps.last().and_then(walk::Step::last_key),
        };
        match last {
            Some(Key::Name(name)) => Some(name),
            Some(Key::Index(_)) | None => None,
        }
    }

    /// What the path finds: one value or the gap for a singular path, else a list, maybe empty.
    #[must_use]
    pub fn find<'a>(&self, root: &'a Value) -> Found<'a> {
        match &self.shape {
            Shape::Singular => self.follow(root),
            Shape::Many(steps) => {
                let mut hits = Vec::new();
                walk::visit(steps, root, root, &mut Vec::new(), &mut |value, trail| {
                    hits.push(Hit { value, pointer: walk::pointer(trail) });
                    walk::Flow::On
                });
                Found::Many(hits)
            }
        }
    }

    /// Walks names and indices by hand: faster than a general walk, and it knows how far it got.
    fn follow<'a>(&self, root: &'a Value) -> Found<'a> {
        let mut value = root;
        for (at, key) in self.prefix.iter().enumerate() {
            match walk::child(value, key) {
                Some(next) => value = next,
                None => return Found::Nothing(self.gap(root, value, at)),
            }
        }
        Found::at(value, walk::pointer_of(root, &self.prefix))
    }

    fn gap(&self, root: &Value, value: &Value, at: usize) -> Gap {
        let (walked, missing) = self.prefix.split_at(at);
        let mut reached = String::from("$");
        for key in walked {
            key.write_onto(&mut reached);
        }
        let mut gap = Gap { reached, ..Gap::default() };
        gap.pointer = walk::pointer_of(root, walked);
        match value {
            Value::Object(fields) => {
                gap.there = fields.keys().take(SHOWN_KEYS).cloned().collect();
                if let Some(Key::Name(name)) = missing.first() {
                    gap.nearest =
                        nearest(name, fields.keys().map(String::as_str)).map(str::to_owned);
                }
            }
            Value::Array(items) => {
                gap.there.push(format!(
                    "{} item{}",
                    items.len(),
                    if items.len() == 1 { "" } else { "s" }
                ));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                gap.there.push(json::kind(value).to_owned());
            }
        }
        gap
    }
}

/// The keys of a path of plain names and indices, `$.items[0].id`: nearly all are such, and the
/// grammar would take many times as long. Nothing for any other path, sound or not.
fn plain(text: &str) -> Option<Vec<Key>> {
    let mut rest = text.strip_prefix('$')?;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, more) = after.split_at(end.unwrap_or(after.len()));
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                return None;
            }
            keys.push(Key::Name(name.to_owned()));
            rest = more;
        } else {
            let (digits, more) = rest.strip_prefix('[')?.split_once(']')?;
            let sound = (1..=9).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
                && (digits == "0" || !digits.starts_with('0'));
            keys.push(Key::Index(digits.parse().ok().filter(|_| sound)?));
            rest = more;
        }
    }
    Some(keys)
}

impl Key {
    /// Writes the key as a path would: `.name`, `['two words']`, `[0]`.
    fn write_onto(&self, text: &mut String) {
        match self {
            Self::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
            Self::Name(name) => {
                let plain = !name.is_empty()
                    && !name.starts_with(|c: char| c.is_ascii_digit())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c >= '\u{80}');
                if plain {
                    text.push('.');
                    text.push_str(name);
                } else {
                    text.push_str("['");
                    text.push_str(&name.replace('\\', "\\\\").replace('\'', "\\'"));
                    text.push_str("']");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(path: &str) -> PathFault {
        JsonPath::parse(path).unwrap_err()
    }

    fn found(path: &str, body: &str) -> Vec<(String, String)> {
        let body = serde_json::from_str(body).unwrap();
        match JsonPath::parse(path).unwrap().find(&body) {
            Found::One { value, pointer } => vec![(value.to_string(), pointer.unwrap())],
            Found::Many(hits) => {
                hits.into_iter().map(|hit| (hit.value.to_string(), hit.pointer)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_case_of_the_compliance_suite_agrees_or_is_refused() {
        let suite: Value =
            serde_json::from_str(include_str!("../../tests/data/jsonpath-cts.json")).unwrap();
        let tests = suite["tests"].as_array().unwrap();
        let mut refused = Vec::new();
        for test in tests {
            let (name, selector) = (&test["name"], test["selector"].as_str().unwrap());
            let path = JsonPath::parse(selector);
            if test["invalid_selector"] == true {
                assert!(path.is_err(), "{name}: `{selector}` is not refused");
                continue;
            }
            let Ok(path) = path else {
                refused.push(selector);
                continue;
            };
            let hits = match path.find(&test["document"]) {
                Found::One { value, .. } => vec![value.into_owned()],
                Found::Many(hits) => hits
                    .iter()
                    .map(|hit| {
                        let there = test["document"].pointer(&hit.pointer);
                        assert_eq!(there, Some(hit.value), "{name}: {}", hit.pointer);
                        hit.value.clone()
                    })
                    .collect(),
                Found::Nothing(_) => Vec::new(),
                other => panic!("{name}: {other:?}"),
            };
            let hits = Value::Array(hits);
            let agrees = match test.get("results") {
                Some(several) => {
                    several.as_array().unwrap().iter().any(|one| json::equal(one, &hits))
                }
                None => json::equal(&test["result"], &hits),
            };
            assert!(agrees, "{name}: `{selector}` found {hits}");
        }
        assert_eq!(tests.len(), 703);
        assert_eq!(refused, [] as [&str; 0]);
    }

    #[test]
    fn what_people_write_instead_is_named_with_its_place() {
        let table = [
            ("$.items[?(@.id = 1)]", "=", "write `==`"),
            ("$.items.length()", ".length()", "as the operator"),
            ("items[0].id", "i", "write `$.name`"),
            ("$.items.0", "0", "write `[0]`"),
            ("$.user-id", "user-id", "write `['user-id']`"),
            ("$[name]", "name", "write `['name']`"),
            ("$.a.['b']", ".", "delete the dot"),
            ("$.items[(@.length-1)]", "[(", "write `[-1]`"),
            ("$.items[?(@.n =~ /x/)]", "=~", "search("),
            ("$.items[?@.a == 1 and @.b == 2]", "and", "write `&&`"),
            ("$.items[?@.state == READY]", "READY", "write `'READY'`"),
            ("$.items[?@.a == 1", "[", "add `]`"),
            ("$.items['a", "'a", "closing quote"),
            ("$.a.", ".", "add a name"),
            ("$.a ", " ", "delete it"),
            ("$.a^", "^", "RFC 9535"),
            ("$.a[?length(@.b)]", "length", "compare it"),
            ("$.a[?count(1) > 1]", "count", "a path"),
            ("$.a[?nin(@, $.b)]", "nin", "the functions are"),
            ("$.a[?@ == 0.5000000000000000000001]", "0.5000000000000000000001", "15 digits"),
        ];
        for (path, blamed, help) in table {
            let fault = fault(path);
            assert_eq!(path.get(fault.range.clone()), Some(blamed), "{path}: {fault:?}");
            assert!(fault.help().unwrap_or_default().contains(help), "{path}: {fault:?}");
        }
    }

    #[test]
    fn a_bad_regex_in_a_filter_is_found_with_its_place_in_the_path() {
        let path = "$.a[?search(@.n, '^[A-Z')]";
        let fault = fault(path);
        assert_eq!(fault.code(), Code::BadRegex);
        assert_eq!(path.get(fault.range), Some("["));
    }

    #[test]
    fn numbers_in_filters_compare_exactly() {
        let body = r#"[{"a":1e-17},{"a":0},{"a":9007199254740993},{"a":9007199254740992.0}]"#;
        assert_eq!(found("$[?@.a == 0].a", body), [("0".to_owned(), "/1/a".to_owned())]);
        assert_eq!(found("$[?@.a > 9007199254740991].a", body).len(), 2);
        assert_eq!(found("$[?@.a == $[2].a].a", body).len(), 1);
    }

    #[test]
    fn a_singular_path_says_how_far_it_got() {
        let body = serde_json::json!({"user": {"user_id": 1, "name": "Ada"}, "list": [1, 2]});
        let gap = |path: &str| match JsonPath::parse(path).unwrap().find(&body) {
            Found::Nothing(gap) => gap,
            other => panic!("{other:?}"),
        };
        let missing = gap("$.user.userid.x");
        assert_eq!(missing.reached, "$.user");
        assert_eq!(missing.there, ["user_id", "name"]);
        assert_eq!(missing.nearest.as_deref(), Some("user_id"));
        assert_eq!(missing.pointer, "/user");
        assert_eq!(gap("$.list[2]").there, ["2 items"]);
        assert_eq!(gap("$.user.name.first").there, ["string"]);
        assert_eq!(gap("$['no such']").reached, "$");
    }

    #[test]
    fn pointers_are_escaped_and_count_from_the_start() {
        assert_eq!(
            found("$['a/b'][-1]", r#"{"a/b":[1,2]}"#),
            [("2".to_owned(), "/a~1b/1".to_owned())]
        );
        assert_eq!(
            found("$..id", r#"{"id":1,"x":[{"id":2}]}"#),
            [("1".to_owned(), "/id".to_owned()), ("2".to_owned(), "/x/0/id".to_owned())]
        );
    }

    #[test]
    fn plain_paths_read_as_the_grammar_reads_them() {
        for path in ["$", "$.a", "$._a1.b_c", "$.a[0].b", "$[10][2].c", "$.a[999999999]"] {
            let keys = plain(path).expect(path);
            let steps = lower::lower(path).expect(path);
            let lowered: Vec<Key> = steps.iter().filter_map(walk::Step::key).cloned().collect();
            assert_eq!((&lowered, steps.len()), (&keys, keys.len()), "{path}");
        }
        for path in ["", "a", "$.", "$.1", "$.a-b", "$[01]", "$[-1]", "$[]", "$[1", "$..a", "$ .a"]
        {
            assert_eq!(plain(path), None, "{path}");
        }
    }

    #[test]
    fn only_names_and_indices_make_a_path_singular() {
        for path in ["$", "$.a", "$['a'][0]", "$.a[-1].b"] {
            assert!(JsonPath::parse(path).unwrap().is_singular(), "{path}");
        }
        for path in ["$.*", "$..a", "$[0,1]", "$[1:2]", "$[?@.a]", "$['a','b']"] {
            assert!(!JsonPath::parse(path).unwrap().is_singular(), "{path}");
        }
        let prefix = JsonPath::parse("$.a.b[*].c").unwrap();
        assert_eq!(prefix.literal_prefix(), [Key::Name("a".to_owned()), Key::Name("b".to_owned())]);
        assert_eq!(prefix.last_name(), Some("c"));
    }
}
