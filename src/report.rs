//! Formats, one file each, of what happened, and the live terminal. Everything that is shown went
//! through the gate before it came here, and is made harmless for a terminal here.

mod curl;
mod drawing;
#[cfg(test)]
mod fixture;
mod frame;
mod phrase;
mod response;
mod style;

pub mod failure;
pub mod finding;
pub mod json;
pub mod terminal;

pub use curl::{curl_line, variables_of};
pub use style::Style;
pub(crate) use style::wrap;
pub use terminal::{Options, Terminal};
