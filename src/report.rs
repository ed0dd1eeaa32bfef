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
mod list;
mod notices;
mod overall;
mod phrase;
mod response;
mod routes;
mod style;
mod xml;

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

use crate::record::{Flaky, PlanRecord, Record};

pub use curl::{curl_line, variables_of};
pub use document::Ground;
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
        self.write(record, record, &mut text)?;
        String::from_utf8(text).map_err(|error| error.to_string())
    }

    /// Whether the document tells one plan after the other, each in a [`piece`](Self::piece).
    #[must_use]
    pub fn has_pieces(self) -> bool {
        match self {
            Self::Ctrf | Self::Har | Self::Html | Self::Json | Self::Junit => true,
            Self::Github | Self::Markdown => false,
        }
    }

    /// What the document says of a plan. It depends on nothing that is known only when the run ends,
    /// so that a plan may be told, and let go, as soon as it has ended. Of a document without pieces
    /// it is empty.
    #[must_use]
    pub fn piece(self, ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
        match self {
            Self::Ctrf => ctrf::piece(ground, plan),
            Self::Har => har::piece(ground, plan),
            Self::Html => html::piece(ground, plan),
            Self::Json => json::piece(ground, plan),
            Self::Junit => junit::piece(ground, plan),
            Self::Github | Self::Markdown => Vec::new(),
        }
    }

    /// Writes the document: what is said of the run as a whole, for which what passed in the record
    /// may be lean, and the pieces of its plans.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn write(
        self,
        record: &Record,
        pieces: &dyn Pieces,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        match self {
            Self::Ctrf => ctrf::write(record, pieces, out),
            Self::Github => append(out, &github::render(record)),
            Self::Har => har::write(record, pieces, out),
            Self::Html => html::write(record, pieces, out),
            Self::Json => json::write(record, pieces, out),
            Self::Junit => junit::write(record, pieces, out),
            Self::Markdown => append(out, &markdown::render(record)),
        }
    }
}

/// Takes a piece; its error ends the document.
pub type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), String>;

/// What documents say of the plans of a run, told as the plans ended.
pub trait Pieces {
    /// Hands on the [`piece`](Format::piece) of each plan, in the order of the jobs.
    ///
    /// # Errors
    /// What `take` says, or why a piece is not there.
    fn each(&self, format: Format, take: Take<'_>) -> Result<(), String>;
}

/// Plans that are still whole are told now.
impl Pieces for Record {
    fn each(&self, format: Format, take: Take<'_>) -> Result<(), String> {
        let ground = Ground::new(self.started.as_ref(), &self.sources);
        self.plans.iter().try_for_each(|plan| take(&format.piece(&ground, plan)))
    }
}
