//! What of a document was used: its operations as data for the wire, and what a step did with one.

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::operation::{Operation, Within};
use crate::outcome::ContractUse;

/// A contract with all that can be covered of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the plan or project.
    pub contract: String,
    /// The path of its document as shown.
    pub document: String,
    /// Its operations, in the order of the document.
    pub operations: Vec<ListedOperation>,
}

/// An operation with all that can be covered of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOperation {
    /// `POST /pets`.
    pub operation: String,
    /// The documented statuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<String>,
    /// The parameters: `query limit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// The media types of the body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    /// The ways to show who asks: `header Authorization`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<String>,
}

impl Document {
    /// All that can be covered.
    #[must_use]
    pub fn listed(&self, contract: &str, shown: &str) -> Listed {
        Listed {
            contract: contract.to_owned(),
            document: shown.to_owned(),
            operations: self.operations().iter().map(Operation::listed).collect(),
        }
    }

    /// What an exchange with an operation used, before its response is looked at.
    #[must_use]
    pub fn used(
        &self,
        contract: &str,
        operation: &Operation,
        sent: &super::RequestShape,
    ) -> ContractUse {
        let mut parameters = Vec::new();
        for parameter in &operation.parameters {
            let given = match parameter.within {
                Within::Path => true,
                Within::Query => sent.query.named(&parameter.name, false).next().is_some(),
                Within::Header => sent.headers.named(&parameter.name, true).next().is_some(),
                Within::Cookie => sent.cookies.named(&parameter.name, false).next().is_some(),
                Within::Form => false,
            };
            if given {
                parameters.push(format!("{} {}", parameter.within.as_str(), parameter.name));
            }
        }
        let media = operation.body.as_ref().and_then(|body| {
            let stated = sent.body.media.as_ref()?.known()?;
            Some(super::media::find(&body.content, stated)?.range.clone())
        });
        let served = operation.security.iter().find(|way| {
            way.iter().all(|scheme| match &scheme.credential {
                super::Credential::Header(name) => sent.headers.named(name, true).next().is_some(),
                super::Credential::Query(name) => sent.query.named(name, false).next().is_some(),
                super::Credential::Cookie(name) => sent.cookies.named(name, false).next().is_some(),
                super::Credential::Elsewhere => false,
            })
        });
        ContractUse {
            contract: contract.to_owned(),
            operation: operation.label(),
            documented: true,
            pointer: Some(operation.spot.pointer.clone()),
            place: self.place(&operation.spot),
            nearest: None,
            status: None,
            response: None,
            parameters,
            media,
            security: served.map(|way| named(way)),
            validated: false,
            asserted: false,
        }
    }
}

impl Operation {
    fn listed(&self) -> ListedOperation {
        let media = self.body.iter().flat_map(|body| &body.content);
        let mut media: Vec<String> = media.map(|media| media.range.clone()).collect();
        media.dedup();
        ListedOperation {
            operation: self.label(),
            statuses: self.responses.iter().map(|response| response.key.clone()).collect(),
            parameters: self
                .parameters
                .iter()
                .map(|parameter| format!("{} {}", parameter.within.as_str(), parameter.name))
                .collect(),
            media,
            security: self.security.iter().map(|way| named(way)).collect(),
        }
    }
}

fn named(way: &[super::Scheme]) -> String {
    let names: Vec<&str> = way.iter().map(|scheme| scheme.name.as_str()).collect();
    if names.is_empty() { "anonymous".to_owned() } else { names.join(" + ") }
}
