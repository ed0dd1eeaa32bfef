//! An OpenAPI document: its files, where everything in it stands, and the operations it has.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::operation::{self, Operation};
use super::servers::{self, Base};
use super::validate::Validators;
use crate::finding::{Code, Finding};
use crate::json;
use crate::source::{Place, SourceId, SourceText, Span};
use crate::yaml::{self, Kind, Node};

/// The version of the language that a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Swagger 2.0.
    Two,
    /// `OpenAPI` 3.0.x.
    Three,
    /// `OpenAPI` 3.1 and later: its schemas are JSON Schema.
    ThreeOne,
}

/// One text of a document.
pub struct SpecFile {
    /// The text.
    pub source: SourceId,
    /// What it says.
    pub value: Value,
    places: Places,
    /// Which file of the document each path means that a `$ref` here names.
    pub links: BTreeMap<String, usize>,
}

/// How places are found: YAML by its tree; a text that is JSON by looking again, since not all JSON
/// is YAML.
enum Places {
    Tree(Box<Node>),
    Json(std::sync::Arc<str>),
}

impl fmt::Debug for SpecFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpecFile").field("source", &self.source).finish_non_exhaustive()
    }
}

impl SpecFile {
    /// Reads a text, JSON or YAML.
    ///
    /// # Errors
    /// What is wrong with it as a text.
    pub fn read(source: &SourceText) -> Result<Self, Vec<Finding>> {
        let links = BTreeMap::new();
        if source.text.trim_start().starts_with('{')
            && let Ok(value) = json::parse(source.text.as_bytes())
        {
            let places = Places::Json(std::sync::Arc::clone(&source.text));
            return Ok(Self { source: source.id, value, places, links });
        }
        let (tree, mut findings) = yaml::read(source);
        // What trips a plan up is at home in a document: only what cannot be read counts.
        findings.retain(|finding| finding.is_error() && finding.code != Code::YamlTrap);
        match tree {
            Some(tree) if findings.is_empty() => Ok(Self {
                source: source.id,
                value: tree.to_json(),
                places: Places::Tree(Box::new(tree)),
                links,
            }),
            None if findings.is_empty() => Err(vec![no_document(
                Place { source: source.id, span: Span::new(0, 0) },
                "the file is empty",
            )]),
            Some(_) | None => Err(findings),
        }
    }

    /// Where the value at a pointer stands, short: a scalar itself, else its key; where it is not
    /// there, what holds it.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place {
        let mut known = pointer;
        loop {
            if let Some(span) = self.written(known) {
                return Place { source: self.source, span };
            }
            let Some(end) = known.rfind('/') else {
                return Place { source: self.source, span: Span::new(0, 0) };
            };
            known = known.get(..end).unwrap_or_default();
        }
    }

    fn written(&self, pointer: &str) -> Option<Span> {
        let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
        match &self.places {
            Places::Json(text) => {
                let written = json::written(text, pointer)?;
                let range = match written.key {
                    Some(key) if !is_scalar(self.value.pointer(pointer)?) => key,
                    Some(_) => written.value,
                    None if is_scalar(self.value.pointer(pointer)?) => written.value,
                    None => {
                        let within = |key: &str| json::written(text, &format!("{pointer}/{key}"));
                        let named = within("name").or_else(|| within("$ref"));
                        let start = written.value.start;
                        named.map_or(start..start + 1, |named| named.value)
                    }
                };
                Some(Span::new(range.start, range.end))
            }
            Places::Tree(root) => {
                let (mut node, mut key): (&Node, Option<Place>) = (root, None);
                for part in pointer.split('/').skip(1) {
                    let token = json::unescape(part);
                    match &node.kind {
                        Kind::Map(entries) => {
                            let entry = entries.iter().find(|entry| entry.key.value == token)?;
                            (node, key) = (&entry.value, Some(entry.key.place));
                        }
                        Kind::List(items) => {
                            (node, key) = (items.get(token.parse::<usize>().ok()?)?, None);
                        }
                        Kind::Empty
                        | Kind::Null
                        | Kind::Bool(_)
                        | Kind::Number { .. }
                        | Kind::String(_) => return None,
                    }
                }
                let first = node.entries().first().map(|entry| entry.key.place);
                let named = node.get("name").or(node.get("$ref")).map(|name| name.place);
                let place = match &node.kind {
                    Kind::Map(_) => key.or(named).or(first).unwrap_or(node.place),
                    Kind::List(_) | Kind::Empty => key.unwrap_or(node.place),
                    Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) => {
                        node.place
                    }
                };
                Some(place.span)
            }
        }
    }
}

/// Something in a document: which of its files, and a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// The file, the first is the document itself.
    pub file: usize,
    /// The pointer in it.
    pub pointer: String,
}

impl Spot {
    /// A pointer into the document itself.
    #[must_use]
    pub fn new(pointer: &str) -> Self {
        Self { file: 0, pointer: pointer.to_owned() }
    }

    /// What stands under a key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut spot = self.clone();
        json::push(&mut spot.pointer, key);
        spot
    }

    /// An item of a list.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        let mut spot = self.clone();
        json::push_index(&mut spot.pointer, index);
        spot
    }
}

/// An `OpenAPI` document.
#[derive(Debug)]
pub struct Document {
    files: Vec<SpecFile>,
    version: Version,
    bases: Vec<Base>,
    operations: Vec<Operation>,
    pub(super) validators: Validators,
}

/// How often a reference may lead to another.
const HOPS: usize = 50;

impl Document {
    /// A document of its files, the first of which is the one that was named.
    ///
    /// # Errors
    /// Why it is none, and every reference of its operations that leads nowhere.
    pub fn new(files: Vec<SpecFile>) -> Result<Self, Vec<Finding>> {
        let Some(first) = files.first() else { return Err(Vec::new()) };
        let version = version(first).map_err(|finding| vec![*finding])?;
        let validators = Validators::new(&files, version);
        let mut document =
            Self { files, version, bases: Vec::new(), operations: Vec::new(), validators };
        document.bases = servers::read(&document);
        let (operations, findings) = operation::read(&document);
        document.operations = operations;
        if findings.is_empty() { Ok(document) } else { Err(findings) }
    }

    /// The version that it is written in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The file that was named.
    #[must_use]
    pub fn source(&self) -> Option<SourceId> {
        self.files.first().map(|file| file.source)
    }

    /// All of its files.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> {
        self.files.iter().map(|file| file.source)
    }

    pub(super) fn files(&self) -> &[SpecFile] {
        &self.files
    }

    /// Its operations, in its order.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The paths of its servers: what may stand before its paths.
    pub(super) fn bases(&self) -> &[Base] {
        &self.bases
    }

    /// What stands somewhere.
    #[must_use]
    pub fn get(&self, spot: &Spot) -> Option<&Value> {
        self.files.get(spot.file)?.value.pointer(&spot.pointer)
    }

    /// What stands under a key there.
    pub(super) fn field(&self, spot: &Spot, key: &str) -> Option<&Value> {
        self.get(spot)?.get(key)
    }

    /// Where it is written.
    #[must_use]
    pub fn place(&self, spot: &Spot) -> Option<Place> {
        Some(self.files.get(spot.file)?.place(&spot.pointer))
    }

    /// Where a reference leads, over others; itself where it is none, nothing where it leads nowhere.
    #[must_use]
    pub fn resolve(&self, spot: &Spot) -> Option<Spot> {
        let mut spot = spot.clone();
        for _ in 0..HOPS {
            let value = self.get(&spot)?;
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Some(spot);
            };
            spot = self.target(spot.file, reference)?;
        }
        None
    }

    /// Where a reference that stands in a file leads to.
    pub(super) fn target(&self, file: usize, reference: &str) -> Option<Spot> {
        target(&self.files, file, reference)
    }
}

/// Where a reference that stands in one of several files leads to.
pub(super) fn target(files: &[SpecFile], file: usize, reference: &str) -> Option<Spot> {
    let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let file = if path.is_empty() { file } else { *files.get(file)?.links.get(path)? };
    let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?.into_owned();
    files.get(file)?.value.pointer(&pointer)?;
    Some(Spot { file, pointer })
}

fn version(file: &SpecFile) -> Result<Version, Box<Finding>> {
    let written = |key: &str| match file.value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let unknown = |key: &str, found: &str| {
        let message = format!("`{key}: {found}` is not a version that planrun reads");
        Err(Box::new(
            Finding::error(Code::ContractBadDocument, message)
                .at(file.place(&format!("/{key}")), "")
                .help("it reads Swagger 2.0, OpenAPI 3.0 and 3.1"),
        ))
    };
    match (written("openapi"), written("swagger")) {
        (Some(found), _) if found.starts_with("3.0") => Ok(Version::Three),
        (Some(found), _) if found.starts_with("3.") => Ok(Version::ThreeOne),
        (Some(found), _) => unknown("openapi", &found),
        (None, Some(found)) if found.starts_with('2') => Ok(Version::Two),
        (None, Some(found)) => unknown("swagger", &found),
        (None, None) => {
            Err(Box::new(no_document(file.place(""), "the file is not an OpenAPI document")))
        }
    }
}

fn no_document(place: Place, message: &str) -> Finding {
    Finding::error(Code::ContractBadDocument, message)
        .at(place, "no `openapi` or `swagger` here")
        .help("a document begins with `openapi: 3.1.0`, or with `swagger: \"2.0\"`")
}
