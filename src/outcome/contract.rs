//! What an exchange used of a contract, as it goes over the wire.

use serde::{Deserialize, Serialize};

use crate::source::Place;

/// What one exchange used of a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractUse {
    /// The contract's name.
    pub contract: String,
    /// The operation, `POST /pets`; where the document has none, the method and path that were asked.
    pub operation: String,
    /// Whether the document has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub documented: bool,
    /// Where the operation stands in the document, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The same as a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where the document does not have it: the operation whose path is nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// The status that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The documented response of that status: `200`, `4XX`, `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The documented parameters that were sent: `query limit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// The documented media type of the body that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// The way to show who asks that was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<String>,
    /// Whether the response was held against the document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validated: bool,
    /// Whether the plan asserts something of the response beside its status and its contract.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asserted: bool,
}

/// A documented operation whose path is nearest to one that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// The operation: `GET /pets`.
    pub operation: String,
    /// Where its path stands in the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A part of a request that a refusal names, where a document says something of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentedPart {
    /// The part: a JSON pointer into the body, `query NAME`, `header NAME`.
    pub at: String,
    /// The contract's name.
    pub contract: String,
    /// The operation that takes it: `POST /keys`.
    pub operation: String,
    /// Where the document says it, as a JSON pointer.
    pub pointer: String,
    /// The same as a place.
    pub place: Place,
}
