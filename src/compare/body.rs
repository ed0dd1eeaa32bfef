//! Where two JSON values differ, path by path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::{Here, Rules};
use crate::json;
use crate::secret::hides_a_value;

/// One place in which two values differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    /// The path with its indices: `$.items[0].id`.
    pub(super) path: String,
    /// The same without them, for what is told together: `$.items[*].id`.
    pub(super) folded: String,
    /// What stands there in one.
    pub(super) before: Option<Value>,
    /// What stands there in the other.
    pub(super) after: Option<Value>,
}

impl Spot {
    /// Whether both are there and of one type: only such a difference can be noise.
    pub(super) fn is_of_one_type(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => json::kind(before) == json::kind(after),
            (_, _) => false,
        }
    }
}

/// The values that one side captured, by name.
pub type Captured = BTreeMap<String, Value>;

/// Compares two values.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    here: (Here, Here),
    captured: (&'a Captured, &'a Captured),
    /// What differs.
    pub(super) spots: Vec<Spot>,
    /// How many places were passed over because of a rule.
    pub(super) ignored: usize,
    /// Which places look alike because both are masked, by paths without indices.
    pub(super) masked: BTreeSet<String>,
}

/// Where the walk stands: the pointers of both sides, and the path in both forms.
#[derive(Clone)]
struct At {
    pointers: (String, String),
    path: String,
    folded: String,
}

impl At {
    fn field(&self, name: &str) -> Self {
        let mut next = self.clone();
        json::push(&mut next.pointers.0, name);
        json::push(&mut next.pointers.1, name);
        let step = shown_field(name);
        next.path.push_str(&step);
        next.folded.push_str(&step);
        next
    }

    /// The items of these indices, shown so.
    fn item(&self, (before, after): (usize, usize), shown: &str) -> Self {
        let mut next = self.clone();
        json::push_index(&mut next.pointers.0, before);
        json::push_index(&mut next.pointers.1, after);
        next.path.push_str(shown);
        next.folded.push_str("[*]");
        next
    }
}

/// `.name`, or `['a name']` where that is no plain one.
fn shown_field(name: &str) -> String {
    let plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { format!(".{name}") } else { format!("['{}']", name.replace('\'', "\\'")) }
}

impl<'a> Walk<'a> {
    pub(super) fn new(rules: &'a Rules, captured: (&'a Captured, &'a Captured)) -> Self {
        let here = (Here::default(), Here::default());
        Self { rules, here, captured, spots: Vec::new(), ignored: 0, masked: BTreeSet::new() }
    }

    /// Compares two bodies.
    pub(super) fn bodies(&mut self, before: &Value, after: &Value) {
        self.here = (self.rules.of(before), self.rules.of(after));
        let at = At {
            pointers: (String::new(), String::new()),
            path: "$".to_owned(),
            folded: "$".to_owned(),
        };
        self.values(&at, Some(before), Some(after));
    }

    fn values(&mut self, at: &At, before: Option<&Value>, after: Option<&Value>) {
        if self.here.0.ignored.contains(&at.pointers.0)
            || self.here.1.ignored.contains(&at.pointers.1)
        {
            self.ignored += 1;
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                for (name, value) in before {
                    self.values(&at.field(name), Some(value), after.get(name));
                }
                for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                    self.values(&at.field(name), None, Some(value));
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                match self.here.0.keyed.get(&at.pointers.0).cloned() {
                    Some(field) => self.keyed(at, &field, before, after),
                    None => self.items(at, before, after),
                }
            }
            (Some(before), Some(after)) if self.equal(at, before, after) => {}
            (before, after) => self.spots.push(Spot {
                path: at.path.clone(),
                folded: at.folded.clone(),
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }

    fn items(&mut self, at: &At, before: &[Value], after: &[Value]) {
        for index in 0..before.len().max(after.len()) {
            let at = at.item((index, index), &format!("[{index}]"));
            self.values(&at, before.get(index), after.get(index));
        }
    }

    /// Items that belong together by a field, whatever their order; those that have none or share one
    /// are taken in their order.
    fn keyed(&mut self, at: &At, field: &str, before: &[Value], after: &[Value]) {
        let key = |value: &Value| value.get(field).map(|key| json::show(key, 60));
        let mut left: Vec<(usize, &Value)> = after.iter().enumerate().collect();
        for (index, value) in before.iter().enumerate() {
            let name = key(value);
            let found = left.iter().position(|(_, other)| key(other) == name);
            let found = found.map(|position| left.remove(position));
            let there = found.map_or(usize::MAX, |(index, _)| index);
            let shown = format!("[{field}={}]", name.unwrap_or_else(|| index.to_string()));
            let at = at.item((index, there), &shown);
            self.values(&at, Some(value), found.map(|(_, value)| value));
        }
        for (index, value) in left {
            let shown = format!("[{field}={}]", key(value).unwrap_or_else(|| index.to_string()));
            self.values(&at.item((usize::MAX, index), &shown), None, Some(value));
        }
    }

    /// Whether two values count as equal: as they are, by a rule, as what each side captured, or as
    /// moments in time.
    fn equal(&mut self, at: &At, before: &Value, after: &Value) -> bool {
        if json::equal(before, after) || self.same_capture(at, before, after) {
            if before.as_str().is_some_and(hides_a_value) {
                self.masked.insert(at.folded.clone());
            }
            return true;
        }
        let by_rule = match (before, after) {
            (Value::Number(before), Value::Number(after)) => {
                let within = self.here.0.close.get(&at.pointers.0);
                within.is_some_and(|within| {
                    (json::as_f64(before) - json::as_f64(after)).abs() <= *within
                })
            }
            (Value::String(before), Value::String(after)) => {
                self.texts(before, after) || is_moment(before) && is_moment(after)
            }
            (_, _) => false,
        };
        self.ignored += usize::from(by_rule);
        by_rule
    }

    /// Whether both are what the side itself captured under one name. A value that says little, as `1`
    /// does, stands for a capture only in a field of its name or of an id; `true` never does.
    fn same_capture(&self, at: &At, before: &Value, after: &Value) -> bool {
        let field = at.pointers.0.rsplit('/').next().unwrap_or_default();
        self.captured.0.iter().any(|(name, value)| {
            json::equal(value, before)
                && self.captured.1.get(name).is_some_and(|other| json::equal(other, after))
                && match (telling(before), telling(after)) {
                    (Some(before), Some(after)) => {
                        before >= TELLING && after >= TELLING || field == name || is_id(field)
                    }
                    (_, _) => false,
                }
        })
    }

    /// Whether two texts are equal once replacements are made and captured values are names.
    pub(super) fn texts(&self, before: &str, after: &str) -> bool {
        let named = |text: &str, captured: &Captured| {
            let mut texts: Vec<(&String, String)> = captured
                .iter()
                .filter_map(|(name, value)| match value {
                    Value::String(text) if text.chars().count() >= TELLING => {
                        Some((name, text.clone()))
                    }
                    Value::Number(number) if number.to_string().len() >= TELLING => {
                        Some((name, number.to_string()))
                    }
                    _ => None,
                })
                .collect();
            // A value that holds another is named first.
            texts.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
            let text = texts.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(value, &format!("\u{1}{name}\u{1}"))
            });
            self.rules.text(&text)
        };
        named(before, self.captured.0) == named(after, self.captured.1)
    }
}

/// So many characters make a value one that hardly stands somewhere by chance.
const TELLING: usize = 4;

/// How many characters a value has that may stand for a capture; `true` and `null` stand for none.
fn telling(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Number(number) => Some(number.to_string().len()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a field holds an id by its name: `id`, `run_id`, `runId`.
fn is_id(field: &str) -> bool {
    matches!(field, "id" | "ID" | "_id") || field.ends_with("_id") || field.ends_with("Id")
}

/// Whether a text is a moment in time, as RFC 3339 writes one or HTTP does.
fn is_moment(text: &str) -> bool {
    let is_long = (10..=40).contains(&text.len());
    is_long && (text.parse::<jiff::Timestamp>().is_ok() || jiff::fmt::rfc2822::parse(text).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::query::JsonPath;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).expect("a path")
    }

    /// The paths that differ, and how many places a rule passed over.
    fn differ(rules: &Rules, before: &Value, after: &Value) -> (Vec<String>, usize) {
        let none = Captured::new();
        let mut walk = Walk::new(rules, (&none, &none));
        walk.bodies(before, after);
        (walk.spots.into_iter().map(|spot| spot.path).collect(), walk.ignored)
    }

    #[test]
    fn each_place_is_told_by_its_path_and_equal_values_are_not() {
        let before = json!({"a": 1, "b": {"c d": [1, {"x": null}]}, "gone": 1, "n": 1.0});
        let after = json!({"a": "1", "b": {"c d": [1, {"x": false}, 3]}, "new": 1, "n": 1});
        let (paths, ignored) = differ(&Rules::default(), &before, &after);
        assert_eq!(paths, ["$.a", "$.b['c d'][1].x", "$.b['c d'][2]", "$.gone", "$.new"]);
        assert_eq!(ignored, 0);
    }

    #[test]
    fn an_ignored_path_takes_everything_under_it() {
        let rules =
            Rules { ignored: vec![path("$.meta"), path("$.items[*].id")], ..Rules::default() };
        let before = json!({"meta": {"a": 1}, "items": [{"id": 1, "n": 1}]});
        let after = json!({"meta": 7, "items": [{"id": 2, "n": 2}]});
        assert_eq!(differ(&rules, &before, &after), (vec!["$.items[0].n".to_owned()], 2));
    }

    #[test]
    fn items_that_are_known_by_a_field_may_stand_in_any_order() {
        let before = json!([{"name": "a", "n": 1}, {"name": "b", "n": 2}, {"name": "gone"}]);
        let after = json!([{"name": "b", "n": 3}, {"name": "new"}, {"name": "a", "n": 1}]);
        let rules = Rules { keyed: vec![(path("$"), "name".to_owned())], ..Rules::default() };
        let (paths, _) = differ(&rules, &before, &after);
        assert_eq!(paths, ["$[name=\"b\"].n", "$[name=\"gone\"]", "$[name=\"new\"]"]);
        assert_eq!(differ(&Rules::default(), &before, &after).0.len(), 6);
    }

    #[test]
    fn numbers_may_be_close_and_texts_may_be_replaced() {
        let before = json!({"score": 0.5, "host": "node-17 is up"});
        let after = json!({"score": 0.505, "host": "node-4 is up"});
        let rules = Rules {
            close: vec![(path("$.score"), 0.01)],
            replaced: vec![(regex::Regex::new("node-\\d+").expect("a regex"), "node".to_owned())],
            ..Rules::default()
        };
        assert_eq!(differ(&rules, &before, &after), (vec![], 2));
        assert_eq!(differ(&Rules::default(), &before, &after).0, ["$.score", "$.host"]);
        let far = json!({"score": 0.52, "host": "node is down"});
        assert_eq!(differ(&rules, &before, &far).0, ["$.score", "$.host"]);
    }

    #[test]
    fn moments_are_equal_by_type_and_other_texts_are_not() {
        let before = json!({"at": "2026-07-11T09:00:00Z", "v": "2026-07-11T09:00:00Z"});
        let after = json!({"at": "2026-07-12T10:00:00+02:00", "v": "never"});
        assert_eq!(differ(&Rules::default(), &before, &after), (vec!["$.v".to_owned()], 1));
    }

    #[test]
    fn what_each_side_captured_under_one_name_is_one_value() {
        let captured = |id: &str, n: u64| {
            Captured::from([("id".to_owned(), json!(id)), ("n".to_owned(), json!(n))])
        };
        let (one, other) = (captured("run-aaaa", 1), captured("run-bbbb", 2));
        let rules = Rules::default();
        let mut walk = Walk::new(&rules, (&one, &other));
        walk.bodies(
            &json!({"id": "run-aaaa", "url": "runs:/run-aaaa/m", "n": 1, "x": "run-aaaa"}),
            &json!({"id": "run-bbbb", "url": "runs:/run-bbbb/m", "n": 2, "x": "run-cccc"}),
        );
        let paths: Vec<&str> = walk.spots.iter().map(|spot| spot.path.as_str()).collect();
        assert_eq!(paths, ["$.x"], "what only one side captured is a value like any other");
    }

    #[test]
    fn a_captured_flag_or_small_number_hides_no_other_place() {
        let captured = |ok: bool, n: u64| {
            Captured::from([("ok".to_owned(), json!(ok)), ("item".to_owned(), json!(n))])
        };
        let (one, other) = (captured(true, 1), captured(false, 2));
        let rules = Rules::default();
        let paths = |before: &Value, after: &Value| -> Vec<String> {
            let mut walk = Walk::new(&rules, (&one, &other));
            walk.bodies(before, after);
            walk.spots.into_iter().map(|spot| spot.path).collect()
        };
        let before = json!({"ok": true, "admin": true, "id": 1, "n": 1, "xs": [1, 1]});
        let after = json!({"ok": false, "admin": false, "id": 2, "n": 2, "xs": [2, 2]});
        let differs = ["$.admin", "$.n", "$.ok", "$.xs[0]", "$.xs[1]"];
        let mut found = paths(&before, &after);
        found.sort();
        assert_eq!(found, differs);
        let same =
            (json!({"id": 1, "item": 1, "run_id": 1}), json!({"id": 2, "item": 2, "run_id": 2}));
        assert!(paths(&same.0, &same.1).is_empty(), "an id is what each side made it");
    }

    #[test]
    fn a_difference_in_type_or_presence_is_never_of_one_type() {
        let none = Captured::new();
        let rules = Rules::default();
        let mut walk = Walk::new(&rules, (&none, &none));
        walk.bodies(&json!({"a": 1, "b": 1, "c": 1}), &json!({"a": 2, "b": "1"}));
        let one_type: Vec<bool> = walk.spots.iter().map(Spot::is_of_one_type).collect();
        assert_eq!(one_type, [true, false, false]);
    }
}
