//! Where the parts of a request are written: what a server says about a field leads back to its line.

use crate::json;
use crate::plan::{BodyAst, PartContentAst, RequestAst};
use crate::source::Place;
use crate::yaml::{Kind, Node};

/// So many parts of one request are known by their places.
const PARTS: usize = 256;

/// A part of a request with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPart {
    /// Which part: a JSON pointer into the body, `query NAME` or `header NAME`.
    pub at: String,
    /// Its key, or the item of a list.
    pub place: Place,
    /// The name that its value is, where it is nothing but that: `env.service_id`.
    pub given_by: Option<String>,
}

/// The parts of a request: what its query, its own headers and its body are made of.
pub(super) fn parts(request: &RequestAst) -> Vec<WrittenPart> {
    let mut parts = Vec::new();
    for (word, entries) in [("query", &request.query), ("header", &request.options.headers)] {
        for entry in entries {
            let at = format!("{word} {}", entry.key.value);
            parts.push(part(at, entry.key.place, &entry.value));
        }
    }
    let mut at = String::new();
    match request.body.as_ref().map(|body| &body.value) {
        Some(BodyAst::Json(node)) => below(node, &mut at, &mut parts),
        Some(BodyAst::Form(entries)) => {
            for entry in entries {
                json::push(&mut at, &entry.key.value);
                parts.push(part(std::mem::take(&mut at), entry.key.place, &entry.value));
            }
        }
        Some(BodyAst::Multipart(multipart)) => {
            for field in multipart {
                json::push(&mut at, &field.name.value);
                let value = match &field.content {
                    PartContentAst::Text(node) => node,
                    PartContentAst::File { file, filename: _, media_type: _ } => file,
                };
                parts.push(part(std::mem::take(&mut at), field.name.place, value));
            }
        }
        Some(BodyAst::Graphql { query: _, variables: Some(variables) }) => {
            json::push(&mut at, "variables");
            below(variables, &mut at, &mut parts);
        }
        Some(
            BodyAst::Text(_)
            | BodyAst::File(_)
            | BodyAst::Generate { .. }
            | BodyAst::Graphql { query: _, variables: None },
        )
        | None => {}
    }
    parts.truncate(PARTS);
    parts
}

fn part(at: String, place: Place, value: &Node) -> WrittenPart {
    WrittenPart { at, place, given_by: name(value) }
}

/// Every field and item below a node; `at` is the pointer to the node.
fn below(node: &Node, at: &mut String, parts: &mut Vec<WrittenPart>) {
    let whole = at.len();
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                json::push(at, &entry.key.value);
                parts.push(part(at.clone(), entry.key.place, &entry.value));
                inside(&entry.value, at, parts);
                at.truncate(whole);
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                json::push_index(at, index);
                parts.push(part(at.clone(), item.place, item));
                inside(item, at, parts);
                at.truncate(whole);
            }
        }
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) => {}
    }
}

fn inside(node: &Node, at: &mut String, parts: &mut Vec<WrittenPart>) {
    if parts.len() < PARTS {
        below(node, at, parts);
    }
}

/// The name that a scalar is, where it is one whole lookup and nothing else.
fn name(node: &Node) -> Option<String> {
    let inner = node.as_str()?.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    inner.split('.').all(is_name).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, SourceText};

    fn written(body: &str) -> Vec<(String, String, Option<String>)> {
        let source = SourceText::new(SourceId(0), "a.yaml".into(), body.into());
        let (node, _) = crate::yaml::read(&source);
        let mut parts = Vec::new();
        below(&node.expect("a node"), &mut String::new(), &mut parts);
        let text = |place: Place| body.get(place.span.range()).unwrap_or_default().to_owned();
        parts.into_iter().map(|part| (part.at, text(part.place), part.given_by)).collect()
    }

    #[test]
    fn every_field_and_item_of_a_body_has_its_place() {
        let parts = written(
            "name: ${{ model }}\ntags:\n  - {key: \"a/b\", value: \"x-${{ env.y }}\"}\n\"a/b\": 1\n",
        );
        let seen: Vec<_> = parts.iter().map(|(at, text, _)| (at.as_str(), text.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("/name", "name"),
                ("/tags", "tags"),
                ("/tags/0", "{key: \"a/b\", value: \"x-${{ env.y }}\"}"),
                ("/tags/0/key", "key"),
                ("/tags/0/value", "value"),
                ("/a~1b", "\"a/b\""),
            ]
        );
    }

    #[test]
    fn only_a_whole_lookup_is_given_by_a_name() {
        let parts = written(
            "a: ${{ env.service_id }}\nb: \"x ${{ y }}\"\nc: ${{ y | upper }}\nd: \"${{ z }}\"\n",
        );
        let names: Vec<_> = parts.iter().map(|(_, _, name)| name.as_deref()).collect();
        assert_eq!(names, [Some("env.service_id"), None, None, Some("z")]);
    }
}
