//! Owes steps the one body of a request.

use super::super::keys;
use super::super::reader::{Fields, Reader};
use super::super::{BodyAst, PartAst, PartContentAst};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

/// Bodies, built or not: at most one of them.
const BODIES: [&str; 7] = ["json", "form", "text", "multipart", "file", "generate", "graphql"];

/// The body among the fields of a step.
pub(super) fn body(reader: &mut Reader, fields: &Fields<'_>) -> Option<Spanned<BodyAst>> {
    let bodies: Vec<&Entry> = BODIES.iter().filter_map(|name| fields.get(name)).collect();
    let (first, rest) = bodies.split_first()?;
    if !rest.is_empty() {
        let mut finding = Finding::error(
            Code::TwoBodies,
            format!("a request has one body, and this one has {}", bodies.len()),
        );
        let mut placed = bodies.clone();
        placed.sort_by_key(|entry| std::cmp::Reverse(entry.key.place.span.start));
        for entry in placed {
            finding = finding.at(entry.key.place, "a body");
        }
        reader.push(finding.help("keep one of the marked keys"));
    }
    let value = &first.value;
    let body = match first.key.value.as_str() {
        "form" => BodyAst::Form(reader.pairs(value, "a mapping of fields", "form: {name: Ada}")),
        "text" => {
            reader.text(value, "a text")?;
            BodyAst::Text(value.clone())
        }
        "multipart" => BodyAst::Multipart(multipart(reader, value)),
        "file" => BodyAst::File(file(reader, value)?),
        "generate" => generate(reader, first)?,
        "graphql" => graphql(reader, first)?,
        _ => BodyAst::Json(value.clone()),
    };
    Some(Spanned::new(body, first.key.place))
}

/// Fields with a text, a file, or a list of both that repeats the name.
fn multipart(reader: &mut Reader, node: &Node) -> Vec<PartAst> {
    let write = "multipart: {photo: {file: a.png}}";
    let mut parts = Vec::new();
    for entry in reader.entries(node, "a mapping of fields", write) {
        let each = match &entry.value.kind {
            Kind::List(items) => items.as_slice(),
            Kind::Empty => &[],
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) | Kind::Map(_) => {
                std::slice::from_ref(&entry.value)
            }
        };
        for value in each {
            let name = Spanned::new(entry.key.value.clone(), entry.key.place);
            parts.extend(part(reader, entry, value).map(|content| PartAst { name, content }));
        }
    }
    parts
}

fn part(reader: &mut Reader, entry: &Entry, node: &Node) -> Option<PartContentAst> {
    if !matches!(node.kind, Kind::Map(_)) {
        reader.text(node, "a text or a file")?;
        return Some(PartContentAst::Text(node.clone()));
    }
    let fields = reader.fields(node, "a file of `multipart`", &[keys::PART]);
    if !fields.names("file") {
        reader.missing(entry.key.place, "a part that is a mapping", "file", "file: a.png");
    }
    let mut text = |key: &str, wanted: &str| {
        let node = fields.value(key)?;
        reader.text(node, wanted).is_some().then(|| node.clone())
    };
    let filename = text("filename", "the name of a file");
    let media_type = text("type", "a media type");
    let file = file(reader, fields.value("file")?)?;
    Some(PartContentAst::File { file, filename, media_type })
}

/// The path of a file.
pub(super) fn file(reader: &mut Reader, node: &Node) -> Option<Node> {
    reader.title(node, "the path of the file").map(|_| node.clone())
}

fn generate(reader: &mut Reader, entry: &Entry) -> Option<BodyAst> {
    let node = &entry.value;
    if let Some(size) = node.text_of() {
        reader.wrong(node, "a mapping", format_args!("generate: {{size: {size}}}"));
        return None;
    }
    let fields = reader.fields(node, "`generate`", &[keys::GENERATE]);
    if !fields.names("size") && matches!(node.kind, Kind::Map(_)) {
        reader.missing(entry.key.place, "`generate`", "size", "size: 1MiB");
    }
    let seed = fields.value("seed").map(|seed| reader.templated(seed, "a whole number", "seed: 7"));
    let size = reader.size(fields.value("size")?)?;
    let seed = match seed {
        Some(seed) => Some(seed?),
        None => None,
    };
    Some(BodyAst::Generate { size, seed })
}

fn graphql(reader: &mut Reader, entry: &Entry) -> Option<BodyAst> {
    let node = &entry.value;
    if node.text_of().is_some() {
        reader.wrong(node, "a mapping", "graphql: {query: \"{ me { id } }\"}");
        return None;
    }
    let fields = reader.fields(node, "`graphql`", &[keys::GRAPHQL]);
    if !fields.names("query") && matches!(node.kind, Kind::Map(_)) {
        reader.missing(entry.key.place, "`graphql`", "query", "query: \"{ me { id } }\"");
    }
    let variables = fields.value("variables").filter(|variables| {
        let sound = matches!(variables.kind, Kind::Map(_)) || variables.has_template();
        if !sound {
            reader.wrong(variables, "a mapping of variables", "variables: {id: 1}");
        }
        sound
    });
    let variables = variables.cloned();
    let query = fields.value("query")?;
    reader.text(query, "a query")?;
    Some(BodyAst::Graphql { query: query.clone(), variables })
}
