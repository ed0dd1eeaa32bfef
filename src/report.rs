//! Formats, one file each, of what happened, and the live terminal. Everything that is shown went
//! through the gate before it came here, and is made harmless for a terminal here.

mod curl;
mod document;
#[cfg(test)]
mod documents;
mod doubts;
mod drawing;
#[cfg(test)]
pub(crate) mod fixture;
mod frame;
mod notices;
mod overall;
mod phrase;
mod response;
mod routes;
mod style;

pub mod bug;
pub mod check;
pub mod comparison;
pub mod contract_coverage;
pub mod coverage;
pub mod ctrf;
pub mod failure;
pub mod finding;
pub mod github;
pub mod har;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod notification;
mod taps;
pub mod terminal;

use std::io::Write;

use document::append;

use crate::record::{Flaky, Plans, Record};

pub use curl::{curl_line, variables_of};
pub use style::Style;
pub(crate) use style::wrap;
pub use terminal::{Options, Terminal};

/// The verdict of a run in one word: `passed`, `failed`, `errored`, `too-slow`, …
#[must_use]
pub fn verdict_of(record: &Record) -> &'static str {
    json::verdict(&record.end, record.exit_code(Flaky::Passes))
}

/// A document that a run can be told as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Common Test Report Format.
    Ctrf,
    /// Annotations of a job on GitHub.
    Github,
    /// HTTP Archive 1.2.
    Har,
    /// One page for a browser.
    Html,
    /// Everything, for programs.
    Json,
    /// What CI servers read.
    Junit,
    /// For people.
    Markdown,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Ctrf, Self::Github, Self::Har, Self::Html, Self::Json, Self::Junit, Self::Markdown];

    /// Its name in `--report NAME=PATH`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ctrf => "ctrf",
            Self::Github => "github",
            Self::Har => "har",
            Self::Html => "html",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }
    }

    /// The document. The record must have gone through the gate.
    ///
    /// # Errors
    /// Why a writer could not write it.
    pub fn render(self, record: &Record) -> Result<String, String> {
        let mut text = Vec::new();
        self.write(record, &record.plans, &mut text)?;
        String::from_utf8(text).map_err(|error| error.to_string())
    }

    /// Writes the document. Those that tell each exchange take `plans`, one after the other; to the
    /// others the record says enough, also where what passed in it is lean.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn write(
        self,
        record: &Record,
        plans: &dyn Plans,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        match self {
            Self::Ctrf => ctrf::write(record, plans, out),
            Self::Github => append(out, &github::render(record)),
            Self::Har => har::write(record, plans, out),
            Self::Html => html::write(record, out),
            Self::Json => json::write(record, plans, out),
            Self::Junit => junit::write(record, plans, out),
            Self::Markdown => append(out, &markdown::render(record)),
        }
    }
}
