//! What planrun has to say about a place: a stable code, a message, labels and help, as data.

mod codes;
mod redact;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::Code;

use crate::source::Place;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Ends the run before the first request.
    Error,
    /// Is shown; an error under `--strict`.
    Warning,
}

/// A place and what is to be said about just that place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The smallest span that shows it.
    pub place: Place,
    /// A few words, lower case, no full stop; may be empty.
    pub text: String,
}

/// One located message. The first label is the primary one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind it is; `planrun explain` knows it.
    pub code: Code,
    /// Whether it ends the run.
    pub severity: Severity,
    /// One line that stands alone, lower case, no full stop, the user's text in backticks.
    pub message: String,
    /// Where; the first is the primary place. May be empty where there is no text to point at.
    pub labels: Vec<Label>,
    /// What to type instead, a line each.
    pub help: Vec<String>,
}

/// A leaf error that knows what is wrong but not where: its caller adds the place.
pub trait Fault: fmt::Display {
    /// The stable code of this fault.
    fn code(&self) -> Code;
    /// What to type instead.
    fn help(&self) -> Option<String>;
    /// A few words for the label; empty by default.
    fn label(&self) -> String {
        String::new()
    }
}

impl Finding {
    /// An error without a place yet.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// A fault at the place that its caller knows.
    #[must_use]
    pub fn of(fault: &impl Fault, place: Place) -> Self {
        let mut finding = Self::error(fault.code(), fault.to_string()).at(place, fault.label());
        finding.help.extend(fault.help());
        finding
    }

    /// Adds a label; the first one added is the primary place.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The primary place.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.labels.first().map(|label| label.place)
    }

    /// Whether it ends the run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The known name that is nearest to a misspelt one, if any is near enough to suggest.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= (candidate.chars().count().max(name.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("expct", ["expect", "if"]), Some("expect"));
        assert_eq!(nearest("lgoin", ["login", "logout"]), Some("login"));
        assert_eq!(nearest("STEPS", ["steps"]), Some("steps"));
        assert_eq!(nearest("frobnicate", ["expect", "if"]), None);
    }

    #[test]
    fn every_code_is_explained_and_reads_back() {
        for code in Code::ALL {
            assert!(code.explanation().len() > 40, "{code} is not explained");
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
        }
    }
}
