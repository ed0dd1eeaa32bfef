//! What the grammar parsed becomes our steps; what RFC 9535 forbids all the same is refused here.

use std::ops::Range;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Literal, Segment, Selector, SingularQuery,
    SingularQuerySegment, Test, TestFunction,
};
use jsonpath_rust::parser::parse_json_path;
use pest::error::InputLocation;
use serde_json::{Number, Value};

use super::mistake::{self, Mistake};
use super::walk::{Logic, Operand, Pattern, Pick, Query, Relation, Step, Whole};
use super::{Key, PathFault};
use crate::query::regular;

/// The most digits of a decimal that a binary float gives back unchanged.
const EXACT_DIGITS: usize = 15;

/// Reads a path into steps.
pub(super) fn lower(text: &str) -> Result<Vec<Step>, PathFault> {
    // The grammar lets white space pass at the end, where RFC 9535 §2.1.1 has none.
    if text.trim().len() != text.len() {
        return Err(mistake::explain(text, None));
    }
    let lowering = Lowering { text };
    let query = parse_json_path(text).map_err(|error| match &error {
        JsonPathError::InvalidJsonPath(why) if why.contains("expected a node") => {
            lowering.refuse("count(", Mistake::ArgumentIsNoPath)
        }
        _ => mistake::explain(text, place_of(&error, text)),
    })?;
    exact_numbers(text)?;
    lowering.steps(&query.segments)
}

/// Where the grammar stopped.
fn place_of(error: &JsonPathError, text: &str) -> Option<usize> {
    match error {
        JsonPathError::PestError(error) => Some(match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(text.len()),
        }),
        _ => None,
    }
}

/// The grammar keeps decimals as binary floats: one with more digits than that keeps is refused.
fn exact_numbers(text: &str) -> Result<(), PathFault> {
    for range in mistake::numbers(text) {
        let written = text.get(range.clone()).unwrap_or_default();
        let decimal = written.contains(['.', 'e', 'E']);
        let mantissa = written.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
        let value = written.parse::<f64>().unwrap_or(f64::NAN);
        let lost = !value.is_finite() || (value == 0.0 && significant > 0);
        if decimal && (significant > EXACT_DIGITS || lost) {
            return Err(PathFault { range, mistake: Mistake::TooManyDigits });
        }
    }
    Ok(())
}

struct Lowering<'t> {
    text: &'t str,
}

impl Lowering<'_> {
    fn steps(&self, segments: &[Segment]) -> Result<Vec<Step>, PathFault> {
        segments.iter().map(|segment| self.step(segment)).collect()
    }

    fn step(&self, segment: &Segment) -> Result<Step, PathFault> {
        Ok(match segment {
            Segment::Selector(selector) => Step::Children(vec![self.pick(selector)?]),
            Segment::Selectors(selectors) => Step::Children(self.picks(selectors)?),
            Segment::Descendant(inner) => match inner.as_ref() {
                Segment::Selector(selector) => Step::Descendants(vec![self.pick(selector)?]),
                Segment::Selectors(selectors) => Step::Descendants(self.picks(selectors)?),
                Segment::Descendant(_) => return Err(self.refuse("..", Mistake::Syntax)),
            },
        })
    }

    fn picks(&self, selectors: &[Selector]) -> Result<Vec<Pick>, PathFault> {
        selectors.iter().map(|selector| self.pick(selector)).collect()
    }

    fn pick(&self, selector: &Selector) -> Result<Pick, PathFault> {
        Ok(match selector {
            Selector::Name(name) => Pick::Key(Key::Name(name.clone())),
            Selector::Index(index) => Pick::Key(Key::Index(*index)),
            Selector::Wildcard => Pick::Any,
            Selector::Slice(start, end, step) => Pick::Slice(*start, *end, step.unwrap_or(1)),
            Selector::Filter(filter) => Pick::Where(self.logic(filter)?),
        })
    }

    fn logic(&self, filter: &Filter) -> Result<Logic, PathFault> {
        let all = |filters: &[Filter]| {
            filters.iter().map(|filter| self.logic(filter)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match filter {
            Filter::Or(filters) => Logic::Any(all(filters)?),
            Filter::And(filters) => Logic::All(all(filters)?),
            Filter::Atom(FilterAtom::Filter { expr, not }) => negate(self.logic(expr)?, *not),
            Filter::Atom(FilterAtom::Test { expr, not }) => negate(self.test(expr)?, *not),
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.comparison(comparison)?,
        })
    }

    fn test(&self, test: &Test) -> Result<Logic, PathFault> {
        match test {
            Test::RelQuery(_) | Test::AbsQuery(_) => Ok(Logic::Exists(self.query(test)?)),
            Test::Function(function) => match function.as_ref() {
                TestFunction::Match(subject, pattern) => self.matches(subject, pattern, Whole::Yes),
                TestFunction::Search(subject, pattern) => self.matches(subject, pattern, Whole::No),
                TestFunction::Length(_) => Err(self.uncompared("length")),
                TestFunction::Count(_) => Err(self.uncompared("count")),
                TestFunction::Value(_) => Err(self.uncompared("value")),
                TestFunction::Custom(name, _) => Err(self.unknown(name)),
            },
        }
    }

    /// A query as such; a function is none.
    fn query(&self, test: &Test) -> Result<Query, PathFault> {
        match test {
            Test::RelQuery(segments) => Ok(Query { absolute: false, steps: self.steps(segments)? }),
            Test::AbsQuery(query) => {
                Ok(Query { absolute: true, steps: self.steps(&query.segments)? })
            }
            Test::Function(_) => Err(self.refuse("(", Mistake::ArgumentIsNoPath)),
        }
    }

    fn comparison(&self, comparison: &Comparison) -> Result<Logic, PathFault> {
        let relation = match comparison {
            Comparison::Eq(..) => Relation::Equal,
            Comparison::Ne(..) => Relation::Unequal,
            Comparison::Gt(..) => Relation::Greater,
            Comparison::Gte(..) => Relation::GreaterOrEqual,
            Comparison::Lt(..) => Relation::Less,
            Comparison::Lte(..) => Relation::LessOrEqual,
        };
        let (left, right) = comparison.vals();
        Ok(Logic::Compare(self.comparable(left)?, relation, self.comparable(right)?))
    }

    fn comparable(&self, comparable: &Comparable) -> Result<Operand, PathFault> {
        match comparable {
            Comparable::Literal(literal) => self.literal(literal),
            Comparable::Function(function) => self.value_function(function),
            Comparable::SingularQuery(query) => {
                let (absolute, segments) = match query {
                    SingularQuery::Current(segments) => (false, segments),
                    SingularQuery::Root(segments) => (true, segments),
                };
                let steps = segments
                    .iter()
                    .map(|segment| {
                        Step::Children(vec![Pick::Key(match segment {
                            SingularQuerySegment::Index(index) => Key::Index(*index),
                            SingularQuerySegment::Name(name) => Key::Name(name.clone()),
                        })])
                    })
                    .collect();
                Ok(Operand::Singular(Query { absolute, steps }))
            }
        }
    }

    /// The functions that yield a value (RFC 9535 §2.4.4–2.4.8).
    fn value_function(&self, function: &TestFunction) -> Result<Operand, PathFault> {
        match function {
            TestFunction::Length(argument) => {
                Ok(Operand::Length(Box::new(self.value_argument(argument, "length(")?)))
            }
            TestFunction::Count(argument) => {
                Ok(Operand::Count(self.nodes_argument(argument, "count(")?))
            }
            TestFunction::Value(argument) => {
                Ok(Operand::Value(self.nodes_argument(argument, "value(")?))
            }
            TestFunction::Match(..) => Err(self.refuse("match(", Mistake::ComparedTruth)),
            TestFunction::Search(..) => Err(self.refuse("search(", Mistake::ComparedTruth)),
            TestFunction::Custom(name, _) => Err(self.unknown(name)),
        }
    }

    fn nodes_argument(&self, argument: &FnArg, at: &str) -> Result<Query, PathFault> {
        match argument {
            FnArg::Test(test) => match test.as_ref() {
                Test::RelQuery(_) | Test::AbsQuery(_) => self.query(test),
                Test::Function(_) => Err(self.refuse(at, Mistake::ArgumentIsNoPath)),
            },
            FnArg::Literal(_) | FnArg::Filter(_) => Err(self.refuse(at, Mistake::ArgumentIsNoPath)),
        }
    }

    fn value_argument(&self, argument: &FnArg, at: &str) -> Result<Operand, PathFault> {
        match argument {
            FnArg::Literal(literal) => self.literal(literal),
            FnArg::Filter(_) => Err(self.refuse(at, Mistake::ArgumentIsNoValue)),
            FnArg::Test(test) => match test.as_ref() {
                Test::RelQuery(_) | Test::AbsQuery(_) => {
                    let query = self.query(test)?;
                    if query.steps.iter().all(|step| step.key().is_some()) {
                        Ok(Operand::Singular(query))
                    } else {
                        Err(self.refuse(at, Mistake::ArgumentYieldsMany))
                    }
                }
                Test::Function(function) => self.value_function(function),
            },
        }
    }

    fn literal(&self, literal: &Literal) -> Result<Operand, PathFault> {
        Ok(Operand::Literal(match literal {
            Literal::Int(number) => Value::from(*number),
            Literal::Float(number) => match Number::from_f64(*number) {
                Some(number) => Value::Number(number),
                None => return Err(self.refuse("", Mistake::TooManyDigits)),
            },
            Literal::String(text) => Value::String(text.clone()),
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Null => Value::Null,
        }))
    }

    fn matches(&self, text: &FnArg, pattern: &FnArg, whole: Whole) -> Result<Logic, PathFault> {
        let name = if whole == Whole::Yes { "match(" } else { "search(" };
        let text = self.value_argument(text, name)?;
        let pattern = match self.value_argument(pattern, name)? {
            Operand::Literal(Value::String(pattern)) => Pattern::Fixed(
                regular::i_regexp(&pattern, whole == Whole::Yes).map_err(|fault| {
                    let range = self.inside_literal(&pattern, &fault.range);
                    PathFault { range, mistake: Mistake::BadRegex { why: fault.why } }
                })?,
            ),
            operand => Pattern::Taken(operand, whole),
        };
        Ok(Logic::Matches(text, pattern))
    }

    /// The place of a pattern's bytes in the path: inside its literal where it has no escapes.
    fn inside_literal(&self, pattern: &str, inner: &Range<usize>) -> Range<usize> {
        let literals = mistake::literals(self.text);
        for range in &literals {
            let content = self.text.get(range.start + 1..range.end - 1).unwrap_or_default();
            if content == pattern {
                return range.start + 1 + inner.start..range.start + 1 + inner.end;
            }
        }
        literals.last().cloned().unwrap_or(0..self.text.len())
    }

    fn unknown(&self, name: &str) -> PathFault {
        self.refuse(&format!("{name}("), Mistake::UnknownFunction { name: name.to_owned() })
    }

    fn uncompared(&self, name: &'static str) -> PathFault {
        self.refuse(&format!("{name}("), Mistake::UncomparedFunction { name })
    }

    /// A fault at the first place of a piece of text; the model keeps no places of its own.
    fn refuse(&self, piece: &str, mistake: Mistake) -> PathFault {
        let range = match self.text.find(piece) {
            Some(at) if !piece.is_empty() => at..at + piece.trim_end_matches('(').len().max(1),
            _ => 0..self.text.len(),
        };
        PathFault { range, mistake }
    }
}

fn negate(logic: Logic, not: bool) -> Logic {
    if not { Logic::Not(Box::new(logic)) } else { logic }
}
