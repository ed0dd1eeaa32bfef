//! What a schema says of a field or an item, over references and combinators.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Document, Spot, Version};
use super::rewrite::Direction;
use crate::json;

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'s> {
    /// A field.
    Name(&'s str),
    /// An item; a negative one counts from the end.
    Index(i64),
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It is documented: the schemas of which one or all hold for it.
    At(Vec<Spot>),
    /// Anything may be there.
    Open,
    /// It is not documented, and nothing else may be there.
    Absent,
}

/// What one schema says by itself.
enum Said {
    At(Vec<Spot>),
    Open,
    Absent,
    /// It speaks of other things.
    Nothing,
}

/// How deep references and combinators are followed.
const DEPTH: usize = 40;

impl Document {
    /// What several alternative schemas say of a step; what one of them leaves open is open.
    #[must_use]
    pub fn look(&self, from: &[Spot], step: Step<'_>) -> Looked {
        let said = from.iter().map(|spot| self.look_at(spot, step, 0)).collect();
        match one_of(said) {
            Said::At(spots) => Looked::At(spots),
            Said::Open | Said::Nothing => Looked::Open,
            Said::Absent => Looked::Absent,
        }
    }

    fn look_at(&self, spot: &Spot, step: Step<'_>, depth: usize) -> Said {
        if depth > DEPTH {
            return Said::Open;
        }
        let Some(schema) = self.get(spot) else { return Said::Open };
        let Some(fields) = schema.as_object() else {
            return if schema == &Value::Bool(false) { Said::Absent } else { Said::Open };
        };
        let mut all = Vec::new();
        if fields.contains_key("$ref") {
            match fields.get("$ref").and_then(Value::as_str).and_then(|r| self.target(spot.file, r))
            {
                Some(target) => all.push(self.look_at(&target, step, depth + 1)),
                None => return Said::Open,
            }
            if self.version() != Version::ThreeOne {
                return all.pop().unwrap_or(Said::Open);
            }
        }
        // What these say depends on the value.
        let depends = ["$dynamicRef", "if", "dependentSchemas", "unevaluatedProperties"];
        let is_open = |key: &&str| fields.get(*key).is_some_and(|v| v != &Value::Bool(false));
        if depends.iter().any(is_open) {
            all.push(Said::Open);
        }
        all.push(self.own(spot, step));
        if let Some(parts) = fields.get("allOf").and_then(Value::as_array) {
            let at = spot.key("allOf");
            all.extend((0..parts.len()).map(|i| self.look_at(&at.item(i), step, depth + 1)));
        }
        for word in ["anyOf", "oneOf"] {
            let Some(ways) = fields.get(word).and_then(Value::as_array) else { continue };
            let at = spot.key(word);
            let ways: Vec<Said> = ways
                .iter()
                .enumerate()
                // A null has no fields: who asks for one means another alternative.
                .filter(|(_, way)| way.get("type").and_then(Value::as_str) != Some("null"))
                .map(|(i, _)| self.look_at(&at.item(i), step, depth + 1))
                .collect();
            all.push(one_of(ways));
        }
        all_of(all)
    }

    /// What the keywords of one schema say, without its combinators.
    fn own(&self, spot: &Spot, step: Step<'_>) -> Said {
        match step {
            Step::Name(name) => self.own_field(spot, name),
            Step::Index(index) => self.own_item(spot, index),
        }
    }

    fn own_field(&self, spot: &Spot, name: &str) -> Said {
        let field = |key: &str| self.field(spot, key);
        let named = spot.key("properties").key(name);
        if self.get(&named).is_some() {
            return Said::At(vec![named]);
        }
        if field("patternProperties").is_some() {
            return Said::Open;
        }
        match field("additionalProperties") {
            Some(Value::Bool(false)) => return Said::Absent,
            Some(Value::Object(fields)) if !fields.is_empty() => {
                return Said::At(vec![spot.key("additionalProperties")]);
            }
            Some(_) => return Said::Open,
            None => {}
        }
        if field("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty()) {
            return Said::Absent;
        }
        match field("type") {
            // An object of which nothing is said.
            Some(Value::String(kind)) if kind == "object" => {
                if self.has_combinators(spot) {
                    Said::Nothing
                } else {
                    Said::Open
                }
            }
            Some(Value::String(_)) => Said::Absent,
            Some(Value::Array(kinds)) if !kinds.iter().any(|kind| kind == "object") => Said::Absent,
            Some(_) | None => Said::Nothing,
        }
    }

    fn own_item(&self, spot: &Spot, index: i64) -> Said {
        let prefix = spot.key("prefixItems");
        let count = self.get(&prefix).and_then(Value::as_array).map_or(0, Vec::len);
        if let Ok(index) = usize::try_from(index)
            && index < count
        {
            return Said::At(vec![prefix.item(index)]);
        }
        let items = spot.key("items");
        match self.get(&items) {
            Some(Value::Bool(false)) => return Said::Absent,
            Some(Value::Object(_)) if count == 0 || index >= 0 => return Said::At(vec![items]),
            Some(_) => return Said::Open,
            None => {}
        }
        if count > 0 {
            return Said::Open;
        }
        match self.field(spot, "type") {
            Some(Value::String(kind)) if kind == "array" => Said::Open,
            Some(Value::String(_)) => Said::Absent,
            Some(Value::Array(kinds)) if !kinds.iter().any(|kind| kind == "array") => Said::Absent,
            None if self.field(spot, "properties").is_some() => Said::Absent,
            Some(_) | None => Said::Nothing,
        }
    }

    fn has_combinators(&self, spot: &Spot) -> bool {
        ["allOf", "anyOf", "oneOf"].iter().any(|key| self.field(spot, key).is_some())
    }

    /// The fields that a schema documents, over references and combinators.
    #[must_use]
    pub fn names(&self, from: &[Spot]) -> Vec<String> {
        let mut found = Vec::new();
        for spot in from {
            self.each_part(spot, 0, &mut |part| {
                let own = self.field(part, "properties").and_then(Value::as_object);
                for name in own.into_iter().flat_map(serde_json::Map::keys) {
                    if !found.contains(name) {
                        found.push(name.clone());
                    }
                }
            });
        }
        found
    }

    /// Shows a schema, and every one that it is put together of.
    fn each_part(&self, spot: &Spot, depth: usize, visit: &mut dyn FnMut(&Spot)) {
        let Some(at) = self.resolve(spot).filter(|_| depth < DEPTH) else { return };
        visit(&at);
        for word in ["allOf", "anyOf", "oneOf"] {
            let list = at.key(word);
            let count = self.get(&list).and_then(Value::as_array).map_or(0, Vec::len);
            for index in 0..count {
                self.each_part(&list.item(index), depth + 1, visit);
            }
        }
    }

    /// The fields that must be there whichever alternative holds, with where that is said.
    pub(super) fn required(&self, from: &[Spot], direction: Direction) -> Vec<(String, Spot)> {
        let all = from.iter().map(|spot| self.required_at(spot, direction, 0)).collect();
        in_each(all)
    }

    fn required_at(&self, spot: &Spot, direction: Direction, depth: usize) -> Vec<(String, Spot)> {
        let Some(at) = self.resolve(spot).filter(|_| depth < DEPTH) else { return Vec::new() };
        let list = at.key("required");
        let names = self.get(&list).and_then(Value::as_array);
        let mut found: Vec<(String, Spot)> = names
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, name)| Some((name.as_str()?.to_owned(), list.item(index))))
            .collect();
        let parts = |word: &str| {
            let list = at.key(word);
            let count = self.get(&list).and_then(Value::as_array).map_or(0, Vec::len);
            (0..count).map(move |index| list.item(index)).collect::<Vec<Spot>>()
        };
        for part in parts("allOf") {
            found.extend(self.required_at(&part, direction, depth + 1));
        }
        for word in ["anyOf", "oneOf"] {
            let ways: Vec<_> = parts(word)
                .iter()
                .map(|part| self.required_at(part, direction, depth + 1))
                .collect();
            found.extend(in_each(ways));
        }
        // What does not go this way need not be there.
        let mark = direction.left_out();
        found.retain(|(name, _)| match self.look(std::slice::from_ref(&at), Step::Name(name)) {
            Looked::At(spots) => !spots.iter().any(|spot| {
                let resolved = self.resolve(spot);
                [Some(spot.clone()), resolved]
                    .iter()
                    .flatten()
                    .any(|spot| self.field(spot, mark) == Some(&Value::Bool(true)))
            }),
            Looked::Open | Looked::Absent => true,
        });
        found
    }

    /// The types that a value may have; nothing where any may.
    #[must_use]
    pub fn types(&self, from: &[Spot]) -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for spot in from {
            found.extend(self.types_at(spot, 0)?);
        }
        Some(found)
    }

    fn types_at(&self, spot: &Spot, depth: usize) -> Option<BTreeSet<String>> {
        let at = self.resolve(spot).filter(|_| depth < DEPTH)?;
        let schema = self.get(&at)?.as_object()?;
        let mut limits: Vec<BTreeSet<String>> = Vec::new();
        let nullable = ["nullable", "x-nullable"]
            .iter()
            .any(|key| schema.get(*key) == Some(&Value::Bool(true)));
        match schema.get("type") {
            Some(Value::String(kind)) if kind == "file" => return None,
            Some(Value::String(kind)) => limits.push(BTreeSet::from([kind.clone()])),
            Some(Value::Array(kinds)) => {
                limits.push(kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            Some(_) | None => {}
        }
        let values: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => values.iter().collect(),
            (_, Some(value)) => vec![value],
            (_, None) => Vec::new(),
        };
        if !values.is_empty() && limits.is_empty() {
            limits.push(values.iter().map(|value| json::kind(value).to_owned()).collect());
        }
        for (word, together) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
            let list = at.key(word);
            let count = self.get(&list).and_then(Value::as_array).map_or(0, Vec::len);
            let parts: Vec<_> =
                (0..count).map(|i| self.types_at(&list.item(i), depth + 1)).collect();
            if together {
                limits.extend(parts.into_iter().flatten());
            } else if count > 0
                && let Some(all) = parts.into_iter().collect::<Option<Vec<_>>>()
            {
                limits.push(all.into_iter().flatten().collect());
            }
        }
        let mut limits = limits.into_iter();
        let first = limits.next()?;
        let mut types = limits.fold(first, |kept, limit| {
            kept.into_iter().filter(|kind| may_be(&limit, kind)).collect()
        });
        if nullable {
            types.insert("null".to_owned());
        }
        Some(types)
    }
}

/// Whether a value of a type may be among types.
pub(super) fn may_be(types: &BTreeSet<String>, kind: &str) -> bool {
    types.contains(kind)
        || (kind == "integer" && types.contains("number"))
        || (kind == "number" && types.contains("integer"))
}

/// What alternatives say together: what one leaves open is open.
fn one_of(ways: Vec<Said>) -> Said {
    let mut spots = Vec::new();
    let mut absent = false;
    for way in ways {
        match way {
            Said::At(more) => spots.extend(more),
            Said::Absent => absent = true,
            Said::Open | Said::Nothing => return Said::Open,
        }
    }
    match (spots.is_empty(), absent) {
        (false, _) => Said::At(spots),
        (true, true) => Said::Absent,
        (true, false) => Said::Nothing,
    }
}

/// What parts say that hold together: who knows it decides.
fn all_of(parts: Vec<Said>) -> Said {
    let mut spots = Vec::new();
    let (mut open, mut absent) = (false, false);
    for part in parts {
        match part {
            Said::At(more) => spots.extend(more),
            Said::Open => open = true,
            Said::Absent => absent = true,
            Said::Nothing => {}
        }
    }
    match (spots.is_empty(), open, absent) {
        (false, _, _) => Said::At(spots),
        (true, true, _) => Said::Open,
        (true, false, true) => Said::Absent,
        (true, false, false) => Said::Nothing,
    }
}

/// What stands in every list.
fn in_each(lists: Vec<Vec<(String, Spot)>>) -> Vec<(String, Spot)> {
    let mut lists = lists.into_iter();
    let Some(first) = lists.next() else { return Vec::new() };
    lists.fold(first, |kept, list| {
        kept.into_iter().filter(|(name, _)| list.iter().any(|(other, _)| other == name)).collect()
    })
}
