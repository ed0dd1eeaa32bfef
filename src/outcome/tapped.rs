//! What a tap saw: a request of the system under test to its own dependency.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exchange;
use crate::finding::Code;
use crate::source::Place;
use crate::units::nanos;

/// One exchange that a tap saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tapped {
    /// The tap.
    pub tap: String,
    /// How it is tied to its step.
    pub tie: Tie,
    /// When it came, since the run's start.
    #[serde(with = "nanos")]
    pub at: Duration,
    /// The path that the tap was asked for, with the query.
    pub path: String,
    /// The request, under the URL of the dependency, and what that answered. The headers are those
    /// that the tap got.
    pub exchange: Box<Exchange>,
    /// What its contract says of it, where the tap names one that the plan has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<TapContract>,
    /// Why the tap answered itself, with 502, instead of passing it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The step that it belongs to by its trace, where that had ended when it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<String>,
}

/// How the error of an exchange begins whose caller did not wait for the answer.
pub(crate) const CALLER_LEFT: &str = "the caller went away";

/// How an exchange is tied to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// Its `traceparent` is that of the step's request.
    Trace,
    /// It came while the request of that step alone was under way.
    Time,
    /// It is tied to none.
    #[default]
    None,
}

/// What a contract says of a request that a tap saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapContract {
    /// The contract.
    pub name: String,
    /// The operation; absent where the document has none like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What is not as the document says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<TapBreach>,
}

/// One way in which a request is not as its document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapBreach {
    /// Its kind.
    pub code: Code,
    /// One line.
    pub message: String,
    /// Where in the request: `body /api_key`, `query page`, `header X-Id`.
    pub at: String,
    /// Where the document says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Place>,
    /// A few words about that place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Tapped {
    /// Whether it breaks its contract.
    #[must_use]
    pub fn is_breach(&self) -> bool {
        self.contract.as_ref().is_some_and(|contract| !contract.breaches.is_empty())
    }

    /// Whether the service that asked did not wait for the answer.
    #[must_use]
    pub fn is_left(&self) -> bool {
        let error = self.exchange.error.as_ref();
        error.is_some_and(|error| error.message.starts_with(CALLER_LEFT))
    }

    /// Method and path, as the system under test asked.
    #[must_use]
    pub fn title(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.exchange.request.method)
    }
}

/// The tap that an assertion is about, and which of what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapRef {
    /// The tap.
    pub tap: String,
    /// The place among the attempt's exchanges of taps of the one that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u32>,
    /// A JSON pointer into the body of that request, where the subject is a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}
