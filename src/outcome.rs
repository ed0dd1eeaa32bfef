//! What happened, as data: exchanges, attempts, assertions and verdicts, as they go over the wire.

mod contract;
mod exchange;
mod judged;
mod redact;
pub mod refusal;
mod routes;
mod samples;
mod tapped;

pub use contract::{ContractUse, DocumentedPart, Nearest};
pub use exchange::{
    Body, Content, Exchange, Headers, Hop, Ids, Part, PartContent, Phase, Phases, REQUEST_ID,
    Request, Response, SecretShape, SentPart, TRACEPARENT, Transport, TransportClass, UrlPart,
    is_framing,
};
pub use judged::{
    Actual, Assertion, Attempt, BudgetBreach, CaptureResult, Expected, Hint, Reason, StepResult,
    Verdict, Violation,
};
pub use redact::BODY_LIMIT;
pub use routes::{RouteDifference, RouteTaken, RoutesCompared};
pub use samples::{
    DistinctCount, SampleBefore, SampleColumns, SampleCounts, SampleRow, SampleTimes,
    SamplesResult, Spread,
};
pub(crate) use tapped::CALLER_LEFT;
pub use tapped::{TapBreach, TapContract, TapRef, Tapped, Tie};
