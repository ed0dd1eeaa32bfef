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
