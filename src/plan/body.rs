//! The body of a request as written.

use super::Templated;
use crate::source::Spanned;
use crate::yaml::{Entry, Node};

/// At most one body.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyAst {
    /// Any value, sent as JSON.
    Json(Node),
    /// Names with a scalar or a list, form-encoded.
    Form(Vec<Entry>),
    /// Text as it is.
    Text(Node),
    /// multipart/form-data (RFC 7578): its parts in their order.
    Multipart(Vec<PartAst>),
    /// The bytes of a file.
    File(Node),
    /// Bytes that follow from a number, so that each run sends the same.
    Generate {
        /// How many.
        size: Templated<u64>,
        /// The number; 0 if absent.
        seed: Option<Templated<u64>>,
    },
    /// A query with its variables, as JSON.
    Graphql {
        /// The query.
        query: Node,
        /// Any mapping.
        variables: Option<Node>,
    },
}

/// One part of `multipart`.
#[derive(Debug, Clone, PartialEq)]
pub struct PartAst {
    /// The field's name; several parts may have one name.
    pub name: Spanned<String>,
    /// What it holds.
    pub content: PartContentAst,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq)]
pub enum PartContentAst {
    /// Text.
    Text(Node),
    /// The bytes of a file.
    File {
        /// Its path.
        file: Node,
        /// The name that the server is told; that of the file if absent.
        filename: Option<Node>,
        /// Its media type; `application/octet-stream` if absent.
        media_type: Option<Node>,
    },
}
