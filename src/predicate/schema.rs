//! JSON Schemas: compiled once, and what of a value does not fit them.

mod document;
mod words;

pub(crate) use words::{telling, wanted};

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

pub use document::{Document, Reference};

use super::operator::Operator;
use crate::finding::{Code, Finding};
use crate::json;
use crate::outcome::Violation;
use crate::source::{Place, SourceId};
use crate::yaml::Node;

/// So many places of one value are told; more of them tell nothing new.
pub(super) const CAP: usize = 20;
/// So many mistakes of one schema are told.
const TOLD: usize = 10;

/// The JSON Schemas of a command, by the file that names them and the path written there.
#[derive(Debug, Clone, Default)]
pub struct Schemas(Arc<BTreeMap<Named, Read>>);

/// The file that names a schema, and the path as it is written there.
type Named = (SourceId, String);

/// What became of a schema that is named.
#[derive(Debug, Clone)]
pub enum Read {
    /// It can be used.
    Whole(Arc<Schema>),
    /// It, or what it refers to, could not be read; that was reported.
    Broken,
}

impl Schemas {
    /// Those that were read.
    #[must_use]
    pub fn new(read: BTreeMap<Named, Read>) -> Self {
        Self(Arc::new(read))
    }

    /// What became of the schema that a file names; nothing where nobody read it.
    pub(super) fn get(&self, source: SourceId, path: &str) -> Option<&Read> {
        self.0.get(&(source, path.to_owned()))
    }
}

/// The scalars of a predicate that name a JSON Schema.
#[must_use]
pub fn schema_paths(predicate: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut open = vec![predicate];
    while let Some(node) = open.pop() {
        for entry in node.entries() {
            match Operator::from_name(&entry.key.value) {
                Some(Operator::Schema) => found.push(&entry.value),
                Some(Operator::Each | Operator::Some | Operator::None | Operator::Not) => {
                    open.push(&entry.value);
                }
                Some(Operator::AllOf | Operator::AnyOf) => open.extend(entry.value.items()),
                // What stands under any other operator is data.
                Some(
                    Operator::Equals
                    | Operator::NotEquals
                    | Operator::Gt
                    | Operator::Gte
                    | Operator::Lt
                    | Operator::Lte
                    | Operator::CloseTo
                    | Operator::In
                    | Operator::NotIn
                    | Operator::Contains
                    | Operator::NotContains
                    | Operator::StartsWith
                    | Operator::EndsWith
                    | Operator::Matches
                    | Operator::Length
                    | Operator::Empty
                    | Operator::Type
                    | Operator::Present
                    | Operator::Absent
                    | Operator::Partial
                    | Operator::Unordered
                    | Operator::Format
                    | Operator::Before
                    | Operator::After,
                )
                | None => {}
            }
        }
    }
    found
}

/// A JSON Schema with the texts that it is made of.
pub struct Schema {
    validator: Validator,
    documents: Vec<Document>,
    uris: HashMap<String, usize>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("documents", &self.documents).finish_non_exhaustive()
    }
}

/// The texts that references may lead to; nothing else is ever opened.
struct Known(HashMap<String, Arc<Value>>);

impl Retrieve for Known {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        match self.0.get(uri.as_str()) {
            Some(value) => Ok(Value::clone(value)),
            None => Err(format!("`{uri}` was not read").into()),
        }
    }
}

impl Schema {
    /// Compiles the first document; `uris` says which one an address means.
    ///
    /// # Errors
    /// What is wrong with any of the documents, at its place.
    pub fn compile(
        documents: Vec<Document>,
        uris: HashMap<String, usize>,
    ) -> Result<Self, Vec<Finding>> {
        let mut findings: Vec<Finding> = documents.iter().flat_map(mistakes).collect();
        let Some(first) = documents.first() else { return Err(findings) };
        if !findings.is_empty() {
            findings.truncate(TOLD);
            return Err(findings);
        }
        let known = uris
            .iter()
            .filter_map(|(uri, index)| Some((uri.clone(), documents.get(*index)?.value.clone())))
            .collect();
        let built = jsonschema::options()
            .with_base_uri(first.uri.clone())
            .should_validate_formats(true)
            .with_retriever(Known(known))
            .build(&first.value);
        match built {
            Ok(validator) => Ok(Self { validator, documents, uris }),
            Err(error) => Err(vec![unusable(&error, &documents)]),
        }
    }

    /// Every place of a value that does not fit, at most [`CAP`].
    pub(super) fn misfits(&self, value: &Value) -> Vec<Violation> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let mut found: Vec<Violation> = Vec::new();
        for error in self.validator.iter_errors(value) {
            for error in words::telling(&error) {
                let violation = Violation {
                    at: error.instance_path().as_str().to_owned(),
                    pointer: None,
                    wanted: words::wanted(error),
                    keyword: error.kind().keyword().to_owned(),
                    place: self.place(error),
                };
                if !found.contains(&violation) {
                    found.push(violation);
                }
                if found.len() == CAP {
                    return found;
                }
            }
        }
        found
    }

    /// Where the schema says it.
    fn place(&self, error: &ValidationError<'_>) -> Option<Place> {
        let address = error.absolute_keyword_location()?.as_str();
        let (uri, fragment) = address.split_once('#').unwrap_or((address, ""));
        let document = self.documents.get(*self.uris.get(uri)?)?;
        document.keyword(&decoded(fragment))
    }
}

/// The pointer of a URI's fragment.
fn decoded(fragment: &str) -> String {
    percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

/// What the rules of JSON Schema itself say against a document.
fn mistakes(document: &Document) -> Vec<Finding> {
    let Ok(rules) = jsonschema::meta::validator_for(&document.value) else {
        return vec![
            Finding::error(Code::BadSchema, "this version of JSON Schema is not known")
                .at(document.place("/$schema"), "")
                .help("write `\"$schema\": \"https://json-schema.org/draft/2020-12/schema\"`, or draft 4, 6, 7 or 2019-09"),
        ];
    };
    let mut findings: Vec<Finding> = Vec::new();
    for error in rules.iter_errors(&document.value).take(TOLD) {
        for error in words::telling(&error) {
            let finding = against_the_rules(error, document);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by_key(|finding| finding.place().map(|place| place.span));
    findings
}

/// A value that a keyword of JSON Schema does not take.
fn against_the_rules(error: &ValidationError<'_>, document: &Document) -> Finding {
    let at = error.instance_path().as_str();
    let subject = at.rsplit('/').next().map(json::unescape).unwrap_or_default();
    let message = if subject.is_empty() {
        format!("a JSON Schema is {}", words::wanted(error))
    } else {
        format!("`{subject}` in a JSON Schema wants {}", words::wanted(error))
    };
    Finding::error(Code::BadSchema, message).at(document.place(at), "")
}

/// Why a document that follows the rules cannot be used all the same: a reference that leads
/// nowhere, nearly always.
fn unusable(error: &ValidationError<'_>, documents: &[Document]) -> Finding {
    let pointer = error.instance_path().as_str();
    let message = error.to_string();
    // The error names what was not found, and not who asked for it.
    let asking = documents.iter().find_map(|document| {
        let reference = document.references().into_iter().find(|reference| {
            let fragment = reference.written.split_once('#').map_or("", |(_, fragment)| fragment);
            let whole = fragment.is_empty() && message.contains(&reference.written);
            whole || (!fragment.is_empty() && message.contains(&format!("'{}'", decoded(fragment))))
        })?;
        Some((document.place(&reference.pointer), reference.written))
    });
    if let Some((place, written)) = asking {
        return Finding::error(Code::BadSchema, format!("`{written}` leads to nothing"))
            .at(place, "no schema stands there");
    }
    let holder = documents.iter().rev().find(|document| document.value.pointer(pointer).is_some());
    match (holder.or(documents.first()), error.kind()) {
        (Some(document), ValidationErrorKind::Format { .. }) => against_the_rules(error, document),
        (Some(document), _) => cannot_be_used(&message).at(document.place(pointer), ""),
        (None, _) => cannot_be_used(&message),
    }
}

fn cannot_be_used(message: &str) -> Finding {
    Finding::error(Code::BadSchema, format!("the schema cannot be used: {message}"))
}

#[cfg(test)]
mod tests;
