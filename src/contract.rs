//! What an OpenAPI document says, and whether a request and a response are as it says.
//!
//! OpenAPI 3.0, 3.1 and Swagger 2.0 stay the JSON values that they are, with accessors that follow
//! references and know the place of everything. Whoever has a plan or an exchange lowers it to a
//! [`RequestShape`] or a [`ResponseShape`]; this room knows neither. What is not known is never
//! wrong: every answer is one of three.

mod coverage;
mod document;
mod fields;
mod media;
mod named;
mod operation;
mod path;
mod recorded;
mod reference;
mod request;
mod response;
mod rewrite;
mod secrets;
mod servers;
mod shape;
mod texts;
mod undocumented;
mod validate;
mod words;

pub use coverage::{Listed, ListedOperation};
pub use document::{Document, SpecFile, Spot, Version};
pub use fields::{Looked, Step};
pub use media::{essence, is_json};
pub use named::Documented;
pub use operation::{
    Body, Credential, Media, Operation, Parameter, Response, ResponseHeader, Scheme, Within,
};
pub use path::{Binding, Segment};
pub use recorded::Sent;
pub use reference::{Link, links};
pub use request::Judged;
pub use response::{Answered, Misfit};
pub use shape::{
    BodyShape, Field, Fields, Known, Payload, RequestShape, ResponseShape, SecretAt, Shape, Value3,
};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Code;
use crate::source::{Place, SourceId};

/// The documents of a command, by the file that names them and the path written there.
#[derive(Debug, Clone, Default)]
pub struct Documents(Arc<Read>);

/// What was read, by the file that names it and the path written there; nothing where it could not be.
type Read = BTreeMap<(SourceId, String), Option<Arc<Document>>>;

impl Documents {
    /// Those that were read; nothing for one that could not be, which was reported.
    #[must_use]
    pub fn new(read: Read) -> Self {
        Self(Arc::new(read))
    }

    /// The document that a file names.
    #[must_use]
    pub fn get(&self, source: SourceId, path: &str) -> Option<&Arc<Document>> {
        self.0.get(&(source, path.to_owned()))?.as_ref()
    }
}

/// One way in which a plan, a request or a response is not as the document says.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// Its kind.
    pub code: Code,
    /// One line, lower case, the user's text in backticks.
    pub message: String,
    /// Where in the request or response: `body /api_key`, `query page`, `header X-Id`.
    pub at: String,
    /// The line of the plan that gave it, where a plan did.
    pub place: Option<Place>,
    /// A few words about that place.
    pub label: String,
    /// Where the document says it.
    pub said: Option<Place>,
    /// A few words about that place.
    pub said_label: String,
    /// What to type instead.
    pub help: Vec<String>,
}

#[cfg(test)]
mod tests;
