//! Where a value comes from: paths, subjects and captures, read from one response.
//!
//! A [`JsonPath`] finds values in a JSON document. A [`Subject`] is the left side of an assertion.
//! [`Filter`]s transform what was found, and a [`Capture`] keeps it. All of them read a
//! [`Response`] that is never copied: its JSON is parsed once, on the first question.

mod path;

mod regular;

mod response;

mod found;

mod subject;

pub mod time;

mod filter;

mod capture;

pub use capture::{Capture, Source};
pub use filter::{Filter, FilterFault, Refusal};
pub(crate) use found::unreadable;
pub use found::{Found, Gap, Hit};
pub use path::{JsonPath, Key, Mistake, PathFault};
pub use regular::{Regular, RegularFault};
pub use response::{NotJson, Response, Whole};
pub use subject::{Bracket, Subject, SubjectFault, SubjectKind, Yields};

#[cfg(test)]
mod tests;
