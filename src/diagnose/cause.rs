//! A cause with its evidence, as data.

use std::fmt;

use serde_json::Value;

use crate::json;
use crate::outcome::{Assertion, Hint};
use crate::source::Place;

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The facts leave no other reading.
    Certain,
    /// The facts speak for it.
    Likely,
    /// The facts fit it, and other readings too.
    Possible,
    /// The team wrote down beforehand that such facts mean this.
    Hint,
}

impl Confidence {
    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
            Self::Hint => "hint",
        }
    }
}

/// Something that this run saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// One line, no full stop.
    pub text: String,
    /// The line of a plan or an environment that it is about.
    pub place: Option<Place>,
}

impl Fact {
    /// A fact without a line of its own.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), place: None }
    }

    /// A fact about a line of a plan or an environment.
    #[must_use]
    pub fn at(text: impl Into<String>, place: Option<Place>) -> Self {
        Self { text: text.into(), place }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a step did not pass, as far as the run can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule that found it: `key/refused`; `hint` for what the team wrote.
    pub rule: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// One line, lower case, no full stop.
    pub text: String,
    /// What it is about: the name of a secret, an origin. Failures by one rule about one thing have
    /// one cause.
    pub about: String,
    /// What this run saw that speaks for it; never empty.
    pub facts: Vec<Fact>,
    /// What this run saw that speaks against it.
    pub against: Vec<Fact>,
    /// What to do next; a hint may say nothing of it.
    pub next: Option<String>,
    /// Who can likely mend it, where a fact says so.
    pub owner: Option<String>,
    /// Where the hint is written, if it is one.
    pub hint: Option<Place>,
}

impl Cause {
    /// A cause that has no evidence yet; without any it is dropped.
    pub(super) fn new(confidence: Confidence, text: impl Into<String>) -> Self {
        Self {
            rule: "",
            confidence,
            text: text.into(),
            about: String::new(),
            facts: Vec::new(),
            against: Vec::new(),
            next: None,
            owner: None,
            hint: None,
        }
    }

    pub(super) fn certain(text: impl Into<String>) -> Self {
        Self::new(Confidence::Certain, text)
    }

    pub(super) fn likely(text: impl Into<String>) -> Self {
        Self::new(Confidence::Likely, text)
    }

    pub(super) fn possible(text: impl Into<String>) -> Self {
        Self::new(Confidence::Possible, text)
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    pub(super) fn fact(mut self, text: impl Into<String>) -> Self {
        self.facts.push(Fact::new(text));
        self
    }

    pub(super) fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    pub(super) fn against(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.against.extend(facts);
        self
    }

    pub(super) fn next(mut self, text: impl Into<String>) -> Self {
        self.next = Some(text.into());
        self
    }

    pub(super) fn owner(mut self, text: impl Into<String>) -> Self {
        self.owner = Some(text.into());
        self
    }

    /// What a hint says, with what fits it.
    pub(super) fn of_hint(hint: &Hint) -> Self {
        Self {
            rule: "hint",
            about: hint.cause.clone(),
            facts: hint.when.iter().map(|assertion| Fact::new(holds(assertion))).collect(),
            next: hint.next.clone(),
            hint: Some(hint.place),
            ..Self::new(Confidence::Hint, hint.cause.clone())
        }
    }
}

/// An assertion that holds, in words: `status is 401`, `$.detail contains "expired"`.
fn holds(assertion: &Assertion) -> String {
    let Assertion { subject, expected, .. } = assertion;
    let operator = expected.operator.replace('_', " ");
    match (expected.operator.as_str(), &expected.operand) {
        ("present" | "absent" | "empty", _) | (_, Value::Null) => {
            format!("{subject} is {operator}")
        }
        ("equals", operand) => format!("{subject} is {}", json::show(operand, SHOWN)),
        (_, operand) => format!("{subject} {operator} {}", json::show(operand, SHOWN)),
    }
}

/// How much of an operand is shown, in characters.
const SHOWN: usize = 60;
