//! The filter of the command line: an expression that is true or false of each step of each plan.
//!
//! The manner is nextest's: predicates with matchers, joined by `and`, `or`, `not`.

mod parse;

use std::fmt;
use std::ops::Range;

use globset::GlobMatcher;

use crate::check::{CheckedPlan, CheckedStep, Work};
use crate::event::Section;
use crate::finding::{Code, Fault, nearest};
use crate::query::{Regular, RegularFault};

/// An expression as it was written, ready to judge steps.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    expression: Expression,
}

/// A step with what is around it: what a filter looks at. It is a step that holds no others; what
/// is true of the one that holds it is true of it too.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The plan.
    pub plan: &'a CheckedPlan,
    /// The plan's path as shown.
    pub path: &'a str,
    /// The step.
    pub step: &'a CheckedStep,
}

impl<'a> Candidate<'a> {
    /// The step and all that hold it, the nearest first.
    fn line(&self) -> impl Iterator<Item = &'a CheckedStep> + use<'a> {
        let steps = self.plan.steps();
        std::iter::successors(Some(self.step), |step| steps.get(step.parent?.0))
    }

    /// A step that a filter judges; nothing for one of setup or cleanup, which go along by
    /// themselves, and for one that only holds others.
    #[must_use]
    pub fn new(plan: &'a CheckedPlan, path: &'a str, step: &'a CheckedStep) -> Option<Self> {
        let is_judged = step.section == Section::Steps && !matches!(step.work, Work::Group(_));
        is_judged.then_some(Self { plan, path, step })
    }

    /// Every step of a plan that a filter judges.
    pub fn all(plan: &'a CheckedPlan, path: &'a str) -> impl Iterator<Item = Self> {
        plan.steps().iter().filter_map(move |step| Self::new(plan, path, step))
    }
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where in it.
    pub fn parse(text: &str) -> Result<Self, FilterFault> {
        Ok(Self { text: text.to_owned(), expression: parse::parse(text)? })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is true of a step.
    #[must_use]
    pub fn selects(&self, candidate: &Candidate<'_>) -> bool {
        self.expression.holds(candidate)
    }

    /// Its predicates that are true of no step at all: each is perhaps a misspelling.
    #[must_use]
    pub fn idle<'a>(&self, candidates: &[Candidate<'a>]) -> Vec<Idle<'a>> {
        let mut leaves = Vec::new();
        self.expression.leaves(&mut leaves);
        leaves
            .into_iter()
            .filter(|leaf| !candidates.iter().any(|candidate| leaf.holds(candidate)))
            .map(|leaf| Idle {
                written: self.text.get(leaf.range.clone()).unwrap_or_default().to_owned(),
                about: leaf.about,
                nearest: leaf.matcher.word().and_then(|word| {
                    nearest(word, candidates.iter().flat_map(|one| leaf.about.words(one)))
                }),
            })
            .collect()
    }
}

/// A predicate that is true of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle<'a> {
    /// As it was written: `tag(smok)`.
    pub written: String,
    /// What it looks at.
    pub about: About,
    /// A word that there is, and that looks like the one that was asked for.
    pub nearest: Option<&'a str>,
}

/// A step of the expression.
#[derive(Debug, Clone)]
enum Expression {
    All,
    None,
    Leaf(Leaf),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Expression {
    fn holds(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Leaf(leaf) => leaf.holds(candidate),
            Self::Not(inner) => !inner.holds(candidate),
            Self::And(left, right) => left.holds(candidate) && right.holds(candidate),
            Self::Or(left, right) => left.holds(candidate) || right.holds(candidate),
        }
    }

    fn leaves<'a>(&'a self, found: &mut Vec<&'a Leaf>) {
        match self {
            Self::All | Self::None => {}
            Self::Leaf(leaf) => found.push(leaf),
            Self::Not(inner) => inner.leaves(found),
            Self::And(left, right) | Self::Or(left, right) => {
                left.leaves(found);
                right.leaves(found);
            }
        }
    }
}

/// One predicate: what it looks at, and how that must be.
#[derive(Debug, Clone)]
struct Leaf {
    about: About,
    matcher: Matcher,
    /// Where it stands in the expression.
    range: Range<usize>,
}

impl Leaf {
    fn holds(&self, candidate: &Candidate<'_>) -> bool {
        self.about.words(candidate).iter().any(|word| self.matcher.matches(word))
    }
}

/// What a predicate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The plan's name.
    Plan,
    /// The step's name, else its request line, as written; that of what holds it too.
    Step,
    /// The plan's tags.
    Tag,
    /// The step's id, and that of what holds it.
    Id,
    /// The requirement ids of the step and of its plan.
    Covers,
    /// The plan's path as shown.
    Path,
}

impl About {
    const ALL: [Self; 6] = [Self::Plan, Self::Step, Self::Tag, Self::Id, Self::Covers, Self::Path];

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.as_str() == word)
    }

    /// The predicate's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Step => "step",
            Self::Tag => "tag",
            Self::Id => "id",
            Self::Covers => "covers",
            Self::Path => "path",
        }
    }

    /// What there is to look at.
    fn words<'a>(self, candidate: &Candidate<'a>) -> Vec<&'a str> {
        match self {
            Self::Plan => vec![candidate.plan.name().value.as_str()],
            Self::Step => candidate.line().map(|step| step.name.text().trim()).collect(),
            Self::Tag => candidate.plan.tags().iter().map(String::as_str).collect(),
            Self::Id => candidate.line().filter_map(|step| step.id.as_deref()).collect(),
            Self::Covers => {
                let covers = candidate.line().flat_map(|step| &step.covers);
                covers.chain(candidate.plan.covers()).map(String::as_str).collect()
            }
            Self::Path => vec![candidate.path],
        }
    }

    /// Names are sentences, of which a part is typed; words are typed whole, or with a `*`.
    fn takes_a_part(self) -> bool {
        match self {
            Self::Plan | Self::Step => true,
            Self::Tag | Self::Id | Self::Covers | Self::Path => false,
        }
    }
}

/// How a word must be.
#[derive(Debug, Clone)]
enum Matcher {
    /// `=word`
    Equal(String),
    /// `~word`
    Contains(String),
    /// `#word*`, with the text that was written
    Glob(GlobMatcher, String),
    /// `/word/`
    Regex(Regular),
}

impl Matcher {
    fn matches(&self, word: &str) -> bool {
        match self {
            Self::Equal(wanted) => word == wanted,
            Self::Contains(part) => word.contains(part),
            Self::Glob(glob, _) => glob.is_match(word),
            Self::Regex(regex) => regex.is_found(word),
        }
    }

    /// The plain word that was asked for.
    fn word(&self) -> Option<&str> {
        match self {
            Self::Equal(word) | Self::Contains(word) | Self::Glob(_, word) => Some(word),
            Self::Regex(_) => None,
        }
    }
}

/// What is wrong with an expression, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFault {
    /// The bytes of the expression that are to blame.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub mistake: FilterMistake,
}

/// What can be wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterMistake {
    /// There is nothing.
    Empty,
    /// A predicate should stand here.
    NoTerm,
    /// A word that is no predicate.
    UnknownPredicate {
        /// The word.
        word: String,
        /// The predicate that looks like it.
        nearest: Option<&'static str>,
        /// Whether a bracket follows it.
        called: bool,
    },
    /// A predicate without its brackets.
    NoBracket(&'static str),
    /// A bracket that is never closed.
    Open,
    /// A bracket that was never opened.
    Closed,
    /// Two terms with nothing between.
    NoOperator,
    /// An operator of another language.
    ForeignOperator(&'static str),
    /// `all(x)`.
    TakesNothing(&'static str),
    /// `tag()`.
    WantsSomething(&'static str),
    /// A regular expression without its last `/`.
    OpenRegex,
    /// A regular expression that does not parse.
    BadRegex(RegularFault),
    /// Something between the last `/` of a regular expression and `)`.
    AfterRegex,
    /// A glob that does not parse.
    BadGlob(String),
    /// A `\` before a character that needs none.
    BadEscape(char),
    /// More brackets inside each other than anybody writes.
    TooDeep,
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mistake {
            FilterMistake::Empty => f.write_str("the filter is empty"),
            FilterMistake::NoTerm => f.write_str("a predicate is missing"),
            FilterMistake::UnknownPredicate { word, .. } => {
                write!(f, "there is no predicate `{word}`")
            }
            FilterMistake::NoBracket(word) => write!(f, "`{word}` says nothing to look for"),
            FilterMistake::Open => f.write_str("a bracket is not closed"),
            FilterMistake::Closed => f.write_str("a bracket is closed that was never opened"),
            FilterMistake::NoOperator => f.write_str("two predicates with nothing between them"),
            FilterMistake::ForeignOperator(_) => f.write_str("not an operator of a filter"),
            FilterMistake::TakesNothing(word) => write!(f, "`{word}()` takes nothing"),
            FilterMistake::WantsSomething(word) => write!(f, "`{word}()` looks for nothing"),
            FilterMistake::OpenRegex => f.write_str("the regular expression has no end"),
            FilterMistake::BadRegex(fault) => write!(f, "{fault}"),
            FilterMistake::AfterRegex => {
                f.write_str("something stands after the regular expression")
            }
            FilterMistake::BadGlob(why) => write!(f, "the glob does not parse: {why}"),
            FilterMistake::BadEscape(c) => write!(f, "`\\{c}` means nothing here"),
            FilterMistake::TooDeep => f.write_str("too many brackets inside each other"),
        }
    }
}

/// The predicates, for whoever needs one.
const PREDICATES: &str = "the predicates are plan() step() tag() id() covers() path() all() none()";

impl Fault for FilterFault {
    fn code(&self) -> Code {
        Code::BadFilter
    }

    fn help(&self) -> Option<String> {
        Some(match &self.mistake {
            FilterMistake::Empty => "write `tag(smoke)`, or `all()` for everything".to_owned(),
            FilterMistake::NoTerm | FilterMistake::TooDeep => PREDICATES.to_owned(),
            FilterMistake::UnknownPredicate { nearest: Some(near), .. } => {
                format!("did you mean `{near}(…)`?")
            }
            FilterMistake::UnknownPredicate { nearest: None, called: true, .. } => {
                PREDICATES.to_owned()
            }
            FilterMistake::UnknownPredicate { word, .. } => {
                format!("say what it is: `tag({word})`, `step({word})`, `plan({word})`")
            }
            FilterMistake::NoBracket(word) => match About::from_word(word) {
                Some(_) => format!("write `{word}(WORD)`"),
                None => format!("write `{word}()`"),
            },
            FilterMistake::Open => "add `)`; where `)` is part of a name, write `\\)`".to_owned(),
            FilterMistake::Closed => {
                "delete it, or write `\\)` where it is part of a name".to_owned()
            }
            FilterMistake::NoOperator => "write `and`, `or` or `-` (but not) between".to_owned(),
            FilterMistake::ForeignOperator(ours) => format!("write `{ours}`"),
            FilterMistake::TakesNothing(word) => format!("write `{word}()`"),
            FilterMistake::WantsSomething(word) => format!("write `{word}(WORD)`"),
            FilterMistake::OpenRegex => {
                "end it with `/`; where no regular expression is meant, write `~/…`".to_owned()
            }
            FilterMistake::BadRegex(fault) => return fault.help(),
            FilterMistake::AfterRegex => {
                "a `/` inside is written `\\/`; where no regular expression is meant, write `~/…`"
                    .to_owned()
            }
            FilterMistake::BadGlob(_) => {
                "`*` is anything, `?` one character, `[ab]` one of them, `{a,b}` one of those"
                    .to_owned()
            }
            FilterMistake::BadEscape(_) => {
                "what can be escaped is `\\\\` `\\(` `\\)` `\\/` `\\,`".to_owned()
            }
        })
    }

    fn label(&self) -> String {
        match &self.mistake {
            FilterMistake::Empty
            | FilterMistake::BadRegex(_)
            | FilterMistake::BadGlob(_)
            | FilterMistake::BadEscape(_)
            | FilterMistake::TakesNothing(_)
            | FilterMistake::AfterRegex
            | FilterMistake::TooDeep => "here",
            FilterMistake::NoTerm => "a predicate should stand here",
            FilterMistake::UnknownPredicate { .. } => "not a predicate",
            FilterMistake::NoBracket(_) => "`(` is missing",
            FilterMistake::Open => "opened here",
            FilterMistake::Closed => "not opened",
            FilterMistake::NoOperator => "an operator is missing before this",
            FilterMistake::ForeignOperator(_) => "not known",
            FilterMistake::WantsSomething(_) => "nothing in it",
            FilterMistake::OpenRegex => "begins here",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests;
