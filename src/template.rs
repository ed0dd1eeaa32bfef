//! Templates: `${{ expression }}` in any string, strict, with types and digits kept.
//!
//! minijinja parses an expression once; it is checked and lowered to our own tree, which is
//! evaluated over JSON values, so that numbers keep their digits, a missing field says what is
//! there instead, and every value knows whether a secret went into it. Filters and tests that are
//! not ours are minijinja's. What comes out of an evaluation is data: it is never rendered again.

mod bridge;
mod catalog;
mod eval;
mod expression;
mod fault;
mod filters;
mod functions;
mod names;
mod operators;
mod scan;
mod scope;
mod tree;

use std::fmt;
use std::ops::Range;

use serde_json::Value;

use crate::finding::{Code, Finding};
use crate::source::Place;
use eval::{Data, Evaluation};
use expression::{Expr, Node};
use names::Uses;
use operators::text_of;
use scan::Piece;

pub use fault::{EvalFault, EvalFaultKind, MissingField, Role, TemplateFault, TemplateFaultKind};
pub use names::{FileUse, NameUse};
pub use scope::{Bound, Entry, Evaluated, Group, Names, Scope, Seed, Taint};
pub use tree::{ValueTemplate, compile, compile_expression, compile_text};

/// The content of a scalar, compiled: literal text and expressions.
#[derive(Clone)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
    uses: Uses,
    origin: u64,
    /// Where the content stands, if it stands in the file as it is.
    content: Option<Place>,
}

#[derive(Clone)]
enum Part {
    /// The whole text as it is.
    Whole,
    Literal(String),
    Expression {
        outer: Range<usize>,
        expr: Expr,
    },
}

/// One part of an evaluated template, for a caller that encodes each value by itself (URLs).
#[derive(Clone, PartialEq)]
pub enum EvaluatedPart<'t> {
    /// Text of the plan.
    Literal(&'t str),
    /// What an expression gave, as text.
    Value {
        /// The text: a string as it is, anything else as JSON.
        text: String,
        /// Whether `| raw` stood last: it goes out as it is.
        raw: bool,
        /// The secret that it derives from.
        taint: Taint,
        /// Whether it is what a name stands for: then what is secret in it is known already.
        looked_up: bool,
        /// The bytes of `${{ … }}` in the content.
        range: Range<usize>,
        /// The first name in the expression, as written: `env.auth_url`.
        name: Option<String>,
    },
}

impl fmt::Debug for EvaluatedPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "Literal({text:?})"),
            Self::Value { taint: Some(name), .. } => write!(f, "Value(from secret `{name}`)"),
            Self::Value { text, raw, .. } => write!(f, "Value({text:?}, raw: {raw})"),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.origin == other.origin
    }
}

impl Template {
    /// Compiles the content of a scalar.
    ///
    /// # Errors
    /// All faults at once, in the order of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<TemplateFault>> {
        // Most texts of a plan are no templates, and nothing in them is even an attempt at one.
        if !text.is_empty() && !text.contains("{{") {
            return Ok(Self::literal(text));
        }
        let mut faults = Vec::new();
        let pieces = scan::scan(text, &mut faults);
        let mut uses = Uses::default();
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => parts.push(Part::Literal(literal)),
                Piece::Expression { outer, inner } => {
                    let parsed = expression::parse(text, inner, &mut uses, &mut faults);
                    parts.extend(parsed.map(|expr| Part::Expression { outer, expr }));
                }
            }
        }
        if parts.len() > 1 {
            let kind = || TemplateFaultKind::OmitInText;
            faults.extend(uses.omits.drain(..).map(|range| TemplateFault { range, kind: kind() }));
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| (fault.range.start, fault.range.end));
            return Err(faults);
        }
        Ok(Self { text: text.to_owned(), parts, uses, origin: hash(text), content: None })
    }

    /// Compiles a bare expression, or one `${{ … }}`: what `if:` and `assert:` take.
    ///
    /// # Errors
    /// All faults at once, in the order of the text.
    pub fn parse_expression(text: &str) -> Result<Self, Vec<TemplateFault>> {
        if text.contains("${{") {
            let template = Self::parse(text.trim_end())?;
            if template.is_whole() {
                return Ok(template);
            }
            let kind = TemplateFaultKind::NotWhole;
            return Err(vec![TemplateFault { range: 0..text.len(), kind }]);
        }
        let mut faults = Vec::new();
        let bare = text.trim();
        if bare.starts_with("{{") && bare.ends_with("}}") {
            scan::scan(text, &mut faults);
        }
        let mut uses = Uses::default();
        let outer = 0..text.len();
        let parsed = if faults.is_empty() {
            expression::parse(text, outer.clone(), &mut uses, &mut faults)
        } else {
            None
        };
        match parsed {
            Some(expr) if faults.is_empty() => {
                let parts = vec![Part::Expression { outer, expr }];
                Ok(Self { text: text.to_owned(), parts, uses, origin: hash(text), content: None })
            }
            Some(_) | None => Err(faults),
        }
    }

    /// A text in which nothing is a template.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parts: vec![Part::Whole],
            uses: Uses::default(),
            origin: hash(text),
            content: None,
        }
    }

    /// The same template at the place of its content, which random values depend on: the inside
    /// of the quotes, with no escape in it, so that a range in the content has its own place.
    #[must_use]
    pub fn placed(mut self, content: Place) -> Self {
        self.origin = u64::from(content.span.start);
        self.content = Some(content);
        self
    }

    /// The same template in a scalar whose content stands otherwise in the file: in a block, or
    /// with escapes.
    #[must_use]
    pub fn placed_within(mut self, whole: Place) -> Self {
        self.origin = u64::from(whole.span.start);
        self.content = None;
        self
    }

    /// The place of a range of the content; `whole` where it cannot be told.
    #[must_use]
    pub fn locate(&self, range: &Range<usize>, whole: Place) -> Place {
        self.content.map_or(whole, |content| content.inward(range.clone()))
    }

    /// The content as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a template without expressions, `$${{` unescaped.
    #[must_use]
    pub fn is_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Whole] => Some(&self.text),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is exactly one expression: then the value keeps its type.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Expression { .. }])
    }

    /// Whether one expression and a line break are all: `|` was written where `|-` was meant.
    #[must_use]
    pub fn is_whole_but_line_break(&self) -> bool {
        match self.parts.as_slice() {
            [Part::Expression { .. }, Part::Literal(rest)] => {
                !rest.is_empty() && rest.chars().all(|c| c == '\n')
            }
            _ => false,
        }
    }

    /// Whether it begins with an expression: at the start of a URL that is URL text.
    #[must_use]
    pub fn starts_with_expression(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Expression { .. }))
    }

    /// The literal texts with their neighbours unknown: what `check` can know of a URL.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Whole => Some(self.text.as_str()),
            Part::Literal(text) => Some(text.as_str()),
            Part::Expression { .. } => None,
        })
    }

    /// The bytes of each `${{ … }}` in the content.
    pub fn expressions(&self) -> impl Iterator<Item = Range<usize>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Whole | Part::Literal(_) => None,
            Part::Expression { outer, .. } => Some(outer.clone()),
        })
    }

    /// Every name that it refers to.
    #[must_use]
    pub fn names(&self) -> &[NameUse] {
        &self.uses.names
    }

    /// Every file that it names literally with `file('path')`.
    #[must_use]
    pub fn files(&self) -> &[FileUse] {
        &self.uses.files
    }

    /// Whether `omit` can come out of it by itself.
    #[must_use]
    pub fn may_omit(&self) -> bool {
        !self.uses.omits.is_empty()
    }

    /// Whether it is one whole expression that only hands on what a name stands for: then what is
    /// secret in its value is known already.
    #[must_use]
    pub fn is_lookup(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Expression { expr, .. }] if expr.is_lookup())
    }

    /// Evaluates: one whole expression keeps its type, anything else is a text.
    ///
    /// # Errors
    /// The first fault, without any value in it.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Evaluated, EvalFault> {
        if let [Part::Expression { expr, .. }] = self.parts.as_slice() {
            let mut evaluation = Evaluation::new(scope, self.origin);
            let val = evaluation.eval(expr)?;
            if let Data::Omit = val.data {
                return Ok(Evaluated::Omit);
            }
            let (value, taint) = evaluation.settle(val, &expr.range)?;
            return Ok(Evaluated::Value { value: value.into_owned(), taint });
        }
        let mut text = String::new();
        let mut taint = None;
        for part in self.eval_parts(scope)?.unwrap_or_default() {
            match part {
                EvaluatedPart::Literal(literal) => text.push_str(literal),
                EvaluatedPart::Value { text: value, taint: secret, .. } => {
                    text.push_str(&value);
                    taint = eval::either(taint, secret);
                }
            }
        }
        Ok(Evaluated::Value { value: Value::String(text), taint })
    }

    /// Evaluates part by part; nothing where the whole is `omit`.
    ///
    /// # Errors
    /// The first fault, without any value in it.
    pub fn eval_parts(
        &self,
        scope: &Scope<'_>,
    ) -> Result<Option<Vec<EvaluatedPart<'_>>>, EvalFault> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Whole => parts.push(EvaluatedPart::Literal(&self.text)),
                Part::Literal(text) => parts.push(EvaluatedPart::Literal(text)),
                Part::Expression { outer, expr } => {
                    let mut evaluation = Evaluation::new(scope, self.origin);
                    let val = evaluation.eval(expr)?;
                    if matches!(val.data, Data::Omit) && self.is_whole() {
                        return Ok(None);
                    }
                    let (value, taint) = evaluation.settle(val, &expr.range)?;
                    parts.push(EvaluatedPart::Value {
                        text: text_of(&value),
                        raw: matches!(expr.node, Node::Filter { name: "raw", .. }),
                        taint,
                        looked_up: expr.is_lookup(),
                        range: outer.clone(),
                        name: self.first_name(outer),
                    });
                }
            }
        }
        Ok(Some(parts))
    }

    fn first_name(&self, outer: &Range<usize>) -> Option<String> {
        let inside = self.uses.names.iter().find(|name| outer.contains(&name.range.start));
        inside.map(|name| name.path.join("."))
    }
}

/// The functions and filters that the language has beside minijinja's.
pub fn words() -> impl Iterator<Item = &'static str> {
    catalog::words()
}

/// Whether a scalar is exactly `${{ omit }}`.
#[must_use]
pub fn is_omit(text: &str) -> bool {
    let inner = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim() == "omit")
}

/// How a function is called, if it is one: `now()`.
#[must_use]
pub fn call_of(name: &str) -> Option<String> {
    let function = catalog::Function::from_name(name)?;
    Some(function.signature().map_or_else(|| format!("{name}()"), str::to_owned))
}

/// What is said of `omit` where nothing may be removed: an assertion or a limit that disappears
/// would let a step pass by accident.
#[must_use]
pub fn nothing_to_remove(code: Code, place: Place) -> Finding {
    Finding::error(code, "`omit` has nothing to remove here").at(place, "").help(
        "`omit` removes a header, a query parameter, a field of a body or `auth`; what is expected \
         always stays: write a value, `{absent: true}` or `{present: true}`",
    )
}

/// A number of a text that is the same on every machine (FNV-1a).
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
