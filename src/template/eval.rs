//! Evaluates an expression over JSON values: strict, exact, bounded, and aware of secrets.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use super::bridge::{self, BridgeFault, State, weight};
use super::expression::{Arguments, Expr, Node, Operator};
use super::fault::{EvalFault, EvalFaultKind, MissingField, Role};
use super::operators::{is_true, negate, slice};
use super::scope::{Bound, Group, Scope, Taint};
use super::{catalog, filters, functions};
use crate::finding::nearest;
use crate::json;
use crate::json::in_words;

/// A value on its way, with the secret that it derives from.
pub(super) struct Val<'s> {
    pub(super) data: Data<'s>,
    pub(super) taint: Taint,
}

/// What a value can be before it is used.
pub(super) enum Data<'s> {
    Json(Cow<'s, Value>),
    /// A file that is not text.
    Bytes(Vec<u8>),
    Group(&'s dyn Group),
    /// Nothing is there; the fault comes when it is used.
    Undefined(EvalFault),
    Omit,
}

impl<'s> Val<'s> {
    pub(super) fn plain(value: impl Into<Value>) -> Self {
        Self::tainted(value, None)
    }

    pub(super) fn tainted(value: impl Into<Value>, taint: Taint) -> Self {
        Self { data: Data::Json(Cow::Owned(value.into())), taint }
    }

    fn undefined(fault: EvalFault) -> Self {
        Self { data: Data::Undefined(fault), taint: None }
    }

    fn bound(bound: Bound<'s>) -> Self {
        match bound {
            Bound::Value { value, taint } => Self { data: Data::Json(value), taint },
            Bound::Group(group) => Self { data: Data::Group(group), taint: None },
            Bound::Omit => Self { data: Data::Omit, taint: None },
        }
    }
}

/// A value that is there, with its secret.
pub(super) type Got<'s> = (Cow<'s, Value>, Taint);

/// The first secret of two.
pub(super) fn either(first: Taint, second: Taint) -> Taint {
    first.or(second)
}

/// Arguments by position, by name, and the secret in them.
type Given = (Vec<Value>, Vec<(String, Value)>, Taint);

/// How many bytes all values made by one expression may have together.
const ROOM: u64 = 64 << 20;

/// One evaluation of one expression.
pub(super) struct Evaluation<'s> {
    pub(super) scope: &'s Scope<'s>,
    /// Tells this template from all others of the plan.
    pub(super) origin: u64,
    state: Option<State>,
    room: u64,
}

impl<'s> Evaluation<'s> {
    pub(super) fn new(scope: &'s Scope<'s>, origin: u64) -> Self {
        Self { scope, origin, state: None, room: ROOM }
    }

    /// Takes from the room that values may fill.
    pub(super) fn spend(&mut self, bytes: u64, range: &Range<usize>) -> Result<(), EvalFault> {
        match self.room.checked_sub(bytes) {
            Some(rest) => {
                self.room = rest;
                Ok(())
            }
            None => Err(fault(range, EvalFaultKind::TooMuch)),
        }
    }

    /// A value that is used: it must be there and be JSON.
    pub(super) fn get(&mut self, expr: &'s Expr) -> Result<Got<'s>, EvalFault> {
        let val = self.eval(expr)?;
        self.settle(val, &expr.range)
    }

    pub(super) fn settle(
        &mut self,
        val: Val<'s>,
        range: &Range<usize>,
    ) -> Result<Got<'s>, EvalFault> {
        match val.data {
            Data::Json(value) => Ok((value, val.taint)),
            Data::Undefined(fault) => Err(fault),
            Data::Omit => Err(fault(range, EvalFaultKind::OmitInText)),
            Data::Bytes(_) => Err(fault(range, EvalFaultKind::NotText)),
            Data::Group(group) => {
                let mut taint = val.taint;
                let value = self.collect(group, &mut taint, range)?;
                Ok((Cow::Owned(value), taint))
            }
        }
    }

    fn collect(
        &mut self,
        group: &'s dyn Group,
        taint: &mut Taint,
        range: &Range<usize>,
    ) -> Result<Value, EvalFault> {
        let mut fields = serde_json::Map::new();
        for name in group.names() {
            let value = match group.get(&name) {
                Some(Bound::Value { value, taint: secret }) => {
                    *taint = either(taint.take(), secret);
                    self.spend(weight(&value), range)?;
                    value.into_owned()
                }
                Some(Bound::Group(below)) => self.collect(below, taint, range)?,
                Some(Bound::Omit) | None => continue,
            };
            fields.insert(name.into_owned(), value);
        }
        Ok(Value::Object(fields))
    }

    /// A value of one's own, paid for.
    pub(super) fn own(&mut self, expr: &'s Expr) -> Result<(Value, Taint), EvalFault> {
        let (value, taint) = self.get(expr)?;
        self.spend(weight(&value), &expr.range)?;
        Ok((value.into_owned(), taint))
    }

    fn truth(&mut self, expr: &'s Expr) -> Result<bool, EvalFault> {
        let val = self.eval(expr)?;
        if let Data::Group(_) = val.data {
            return Ok(true);
        }
        Ok(is_true(&self.settle(val, &expr.range)?.0))
    }

    pub(super) fn eval(&mut self, expr: &'s Expr) -> Result<Val<'s>, EvalFault> {
        let range = &expr.range;
        Ok(match &expr.node {
            Node::Literal(value) => Val { data: Data::Json(Cow::Borrowed(value)), taint: None },
            Node::Name(name) => self.name(name, range),
            Node::Unique => Val::plain(functions::unique_word((self.scope.entropy)())),
            Node::Omit => Val { data: Data::Omit, taint: None },
            Node::Field(parent, field) => {
                let parent_value = self.eval(parent)?;
                field_of(parent_value, parent, (field, field), range)?
            }
            Node::Item(parent, key) => self.item(parent, key, range)?,
            Node::Slice(parent, parts) => self.slice(parent, parts, range)?,
            Node::Not(operand) => Val::plain(!self.truth(operand)?),
            Node::Negate(operand) => self.negate(operand, range)?,
            Node::And(left, right) => self.either_side(left, right, false)?,
            Node::Or(left, right) => self.either_side(left, right, true)?,
            Node::Binary(operator, left, right) => {
                let (left, left_taint) = self.get(left)?;
                let (right, right_taint) = self.get(right)?;
                let value = self.apply(*operator, &left, &right, range)?;
                let taint =
                    if operator.is_question() { None } else { either(left_taint, right_taint) };
                Val::tainted(value, taint)
            }
            Node::Chain(first, rest) => {
                let mut left = self.get(first)?.0;
                for (operator, next) in rest {
                    let right = self.get(next)?.0;
                    if !is_true(&self.apply(*operator, &left, &right, range)?) {
                        return Ok(Val::plain(false));
                    }
                    left = right;
                }
                Val::plain(true)
            }
            Node::If { test, yes, no } => match (self.truth(test)?, no) {
                (true, _) => self.eval(yes)?,
                (false, Some(no)) => self.eval(no)?,
                (false, None) => Val::undefined(fault(range, EvalFaultKind::NoElse)),
            },
            Node::Default { input, instead, also_false } => {
                self.default(input, instead.as_deref(), also_false.as_deref())?
            }
            Node::IsDefined { input, wanted } => {
                let val = self.eval(input)?;
                Val::plain(matches!(val.data, Data::Undefined(_)) != *wanted)
            }
            Node::Filter { name, input, arguments, regex } => {
                let val = self.eval(input)?;
                if catalog::is_own_filter(name) {
                    let given: &'s [Expr] = &arguments.positional;
                    filters::apply(self, name, (val, &input.range), (given, regex.as_ref()), range)?
                } else {
                    self.bridged(name, (val, &input.range), arguments, range)?
                }
            }
            Node::Test { name, input, arguments } => {
                Val::plain(self.test(name, input, arguments, range)?)
            }
            Node::Call { function, arguments } => {
                functions::call(self, *function, arguments, range)?
            }
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                let mut taint = None;
                for item in items {
                    let (value, secret) = self.own(item)?;
                    values.push(value);
                    taint = either(taint, secret);
                }
                Val::tainted(values, taint)
            }
            Node::Map(entries) => {
                let mut fields = serde_json::Map::new();
                let mut taint = None;
                for (key, value) in entries {
                    let (key, key_taint) = self.get(key)?;
                    let (value, secret) = self.own(value)?;
                    fields.insert(super::operators::text_of(&key), value);
                    taint = either(taint, either(key_taint, secret));
                }
                Val::tainted(fields, taint)
            }
        })
    }

    fn negate(&mut self, operand: &'s Expr, range: &Range<usize>) -> Result<Val<'s>, EvalFault> {
        let (value, taint) = self.get(operand)?;
        if let Value::Number(number) = value.as_ref() {
            return Ok(Val::tainted(negate(number), taint));
        }
        let right = in_words(&value);
        Err(fault(range, EvalFaultKind::WrongOperands { operator: "-", left: None, right }))
    }

    fn default(
        &mut self,
        input: &'s Expr,
        instead: Option<&'s Expr>,
        also_false: Option<&'s Expr>,
    ) -> Result<Val<'s>, EvalFault> {
        let also_false = also_false.map_or(Ok(false), |flag| self.truth(flag))?;
        let val = self.eval(input)?;
        let keep = match &val.data {
            Data::Undefined(_) => false,
            Data::Json(value) => !also_false || is_true(value),
            Data::Bytes(_) | Data::Group(_) | Data::Omit => true,
        };
        match instead {
            _ if keep => Ok(val),
            Some(instead) => self.eval(instead),
            None => Ok(Val::plain("")),
        }
    }

    fn name(&mut self, name: &str, range: &Range<usize>) -> Val<'s> {
        let names = self.scope.names;
        names.get(name).map_or_else(
            || {
                let known = names.names();
                let similar = nearest(name, known.iter().map(AsRef::as_ref)).map(str::to_owned);
                let kind = EvalFaultKind::UnknownName { name: name.to_owned(), similar };
                Val::undefined(fault(range, kind))
            },
            Val::bound,
        )
    }

    fn apply(
        &mut self,
        operator: Operator,
        left: &Value,
        right: &Value,
        range: &Range<usize>,
    ) -> Result<Value, EvalFault> {
        if !operator.is_question() {
            self.spend(weight(left) + weight(right), range)?;
        }
        let value = operator.apply(left, right).map_err(|kind| fault(range, kind))?;
        if operator == Operator::Multiply {
            self.spend(weight(&value), range)?;
        }
        Ok(value)
    }

    fn either_side(
        &mut self,
        left: &'s Expr,
        right: &'s Expr,
        wanted: bool,
    ) -> Result<Val<'s>, EvalFault> {
        let val = self.eval(left)?;
        let (value, taint) = self.settle(val, &left.range)?;
        if is_true(&value) == wanted {
            return Ok(Val { data: Data::Json(value), taint });
        }
        self.eval(right)
    }

    fn item(
        &mut self,
        parent: &'s Expr,
        key: &'s Expr,
        range: &Range<usize>,
    ) -> Result<Val<'s>, EvalFault> {
        let parent_value = self.eval(parent)?;
        let (key_value, key_taint) = self.get(key)?;
        let index = match key_value.as_ref() {
            Value::String(field) => {
                // A key that derives from a secret is not named.
                let shown = if key_taint.is_some() { "…" } else { field };
                let mut val = field_of(parent_value, parent, (field, shown), range)?;
                val.taint = either(val.taint, key_taint);
                return Ok(val);
            }
            Value::Number(number) => json::integer(number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let Some(index) = index else {
            let (name, given) = ("[ ]".to_owned(), in_words(&key_value));
            let wants = "an index or the name of a field";
            let kind = EvalFaultKind::CannotTake { role: Role::Filter, name, given, wants };
            return Err(fault(&key.range, kind));
        };
        if let Data::Undefined(_) = parent_value.data {
            return Ok(parent_value);
        }
        let (value, taint) = self.settle(parent_value, &parent.range)?;
        let missing = |length: usize| {
            let kind = EvalFaultKind::MissingItem { parent: describe(parent), length };
            Val::undefined(fault(range, kind))
        };
        let at = |length: usize| {
            let index = if index < 0 { index + i128::try_from(length).unwrap_or(0) } else { index };
            usize::try_from(index).ok().filter(|index| *index < length)
        };
        let data = match value {
            Cow::Borrowed(Value::Array(items)) => {
                match at(items.len()).and_then(|i| items.get(i)) {
                    Some(item) => Data::Json(Cow::Borrowed(item)),
                    None => return Ok(missing(items.len())),
                }
            }
            Cow::Owned(Value::Array(mut items)) => match at(items.len()) {
                Some(index) => Data::Json(Cow::Owned(items.swap_remove(index))),
                None => return Ok(missing(items.len())),
            },
            value => match value.as_ref() {
                Value::String(text) => {
                    let length = text.chars().count();
                    match at(length).and_then(|index| text.chars().nth(index)) {
                        Some(c) => Data::Json(Cow::Owned(Value::from(c.to_string()))),
                        None => return Ok(missing(length)),
                    }
                }
                other => {
                    let kind = in_words(other);
                    let (parent, field) = (describe(parent), format!("[{index}]"));
                    let kind = EvalFaultKind::NoContainer { parent, kind, field };
                    return Ok(Val::undefined(fault(range, kind)));
                }
            },
        };
        Ok(Val { data, taint })
    }

    fn slice(
        &mut self,
        parent: &'s Expr,
        parts: &'s [Option<Box<Expr>>; 3],
        range: &Range<usize>,
    ) -> Result<Val<'s>, EvalFault> {
        let (value, taint) = self.own(parent)?;
        let mut numbers = [None; 3];
        for (slot, part) in numbers.iter_mut().zip(parts) {
            let Some(part) = part else { continue };
            let (number, _) = self.get(part)?;
            *slot = match number.as_ref() {
                Value::Null => None,
                Value::Number(number) if json::integer(number).is_some() => json::integer(number),
                other => return Err(wants(&part.range, "[:]", other, "whole numbers")),
            };
        }
        let [start, stop, stride] = numbers;
        let taken = match value {
            Value::Array(items) => slice(items, start, stop, stride).map(Value::Array),
            Value::String(text) => slice(text.chars().collect(), start, stop, stride)
                .map(|chars| Value::String(chars.into_iter().collect())),
            other => return Err(wants(&parent.range, "[:]", &other, "a text or a list")),
        };
        match taken {
            Some(value) => Ok(Val::tainted(value, taint)),
            None => Err(wants(range, "[:]", &Value::from(0), "a step other than zero")),
        }
    }

    fn given(&mut self, arguments: &'s Arguments) -> Result<Given, EvalFault> {
        let mut taint = None;
        let mut positional = Vec::with_capacity(arguments.positional.len());
        for argument in &arguments.positional {
            let (value, secret) = self.own(argument)?;
            positional.push(value);
            taint = either(taint, secret);
        }
        let mut named = Vec::with_capacity(arguments.named.len());
        for (name, argument) in &arguments.named {
            let (value, secret) = self.own(argument)?;
            named.push((name.clone(), value));
            taint = either(taint, secret);
        }
        Ok((positional, named, taint))
    }

    fn bridged(
        &mut self,
        name: &'static str,
        (val, input_range): (Val<'s>, &Range<usize>),
        arguments: &'s Arguments,
        range: &Range<usize>,
    ) -> Result<Val<'s>, EvalFault> {
        let (input, input_taint) = self.settle(val, input_range)?;
        let (positional, named, taint) = self.given(arguments)?;
        let call = bridge::Call { name, input: &input, positional: &positional, named: &named };
        let state = self.state.get_or_insert_with(|| bridge::environment().empty_state());
        match call.filter(state) {
            Ok(value) => {
                self.spend(weight(&value), range)?;
                Ok(Val::tainted(value, either(input_taint, taint)))
            }
            Err(BridgeFault::TooMuch) => Err(fault(range, EvalFaultKind::TooMuch)),
            Err(BridgeFault::CannotTake) => Err(wants(range, name, &input, "")),
        }
    }

    fn test(
        &mut self,
        name: &'static str,
        input: &'s Expr,
        arguments: &'s Arguments,
        range: &Range<usize>,
    ) -> Result<bool, EvalFault> {
        let (value, _) = self.get(input)?;
        let operator = match name {
            "eq" | "equalto" | "==" => Some(Operator::Equal),
            "ne" | "!=" => Some(Operator::NotEqual),
            "lt" | "lessthan" | "<" => Some(Operator::Less),
            "le" | "<=" => Some(Operator::LessOrEqual),
            "gt" | "greaterthan" | ">" => Some(Operator::Greater),
            "ge" | ">=" => Some(Operator::GreaterOrEqual),
            "in" => Some(Operator::In),
            _ => None,
        };
        if let (Some(operator), Some(other)) = (operator, arguments.positional.first()) {
            let (other, _) = self.get(other)?;
            return Ok(is_true(&self.apply(operator, &value, &other, range)?));
        }
        match (name, value.as_ref()) {
            ("number", value) => return Ok(value.is_number()),
            ("integer" | "int", Value::Number(number)) => {
                return Ok(number.as_str().parse::<i128>().is_ok() || is_long_integer(number));
            }
            ("float", Value::Number(number)) => return Ok(!is_long_integer(number)),
            _ => {}
        }
        let (positional, named, _) = self.given(arguments)?;
        let call = bridge::Call { name, input: &value, positional: &positional, named: &named };
        let state = self.state.get_or_insert_with(|| bridge::environment().empty_state());
        match call.test(state) {
            Ok(answer) => Ok(answer),
            Err(BridgeFault::TooMuch) => Err(fault(range, EvalFaultKind::TooMuch)),
            Err(BridgeFault::CannotTake) => {
                let (name, given) = (name.to_owned(), in_words(&value));
                let kind = EvalFaultKind::CannotTake { role: Role::Test, name, given, wants: "" };
                Err(fault(range, kind))
            }
        }
    }
}

/// Whether a number is written without point or exponent, of whatever length.
fn is_long_integer(number: &serde_json::Number) -> bool {
    !number.as_str().contains(['.', 'e', 'E'])
}

pub(super) fn fault(range: &Range<usize>, kind: EvalFaultKind) -> EvalFault {
    EvalFault { range: range.clone(), kind }
}

/// A filter that was given what it cannot take.
pub(super) fn wants(
    range: &Range<usize>,
    name: &str,
    given: &Value,
    wants: &'static str,
) -> EvalFault {
    let (name, given) = (name.to_owned(), in_words(given));
    fault(range, EvalFaultKind::CannotTake { role: Role::Filter, name, given, wants })
}

fn field_of<'s>(
    parent: Val<'s>,
    parent_expr: &Expr,
    (field, shown): (&str, &str),
    range: &Range<usize>,
) -> Result<Val<'s>, EvalFault> {
    let taint = parent.taint;
    let missing = |names: &[Cow<'_, str>]| {
        // Names below a secret are kept to themselves.
        let names = if taint.is_some() { &[] } else { names };
        let kind = EvalFaultKind::MissingField(Box::new(MissingField {
            parent: describe(parent_expr),
            field: shown.to_owned(),
            similar: nearest(field, names.iter().map(AsRef::as_ref)).map(str::to_owned),
            there: names.iter().take(12).map(ToString::to_string).collect(),
        }));
        Val::undefined(fault(range, kind))
    };
    Ok(match parent.data {
        Data::Undefined(fault) => Val::undefined(fault),
        Data::Omit => return Err(fault(&parent_expr.range, EvalFaultKind::OmitInText)),
        Data::Bytes(_) => return Err(fault(&parent_expr.range, EvalFaultKind::NotText)),
        Data::Group(group) => match group.get(field) {
            Some(bound) => Val::bound(bound),
            None => missing(&group.names()),
        },
        Data::Json(Cow::Borrowed(Value::Object(fields))) => match fields.get(field) {
            Some(value) => Val { data: Data::Json(Cow::Borrowed(value)), taint },
            None => missing(&keys(fields)),
        },
        Data::Json(Cow::Owned(Value::Object(mut fields))) => match fields.swap_remove(field) {
            Some(value) => Val { data: Data::Json(Cow::Owned(value)), taint },
            None => missing(&keys(&fields)),
        },
        Data::Json(other) => {
            let (parent, kind) = (describe(parent_expr), in_words(&other));
            let kind = EvalFaultKind::NoContainer { parent, kind, field: shown.to_owned() };
            Val::undefined(fault(range, kind))
        }
    })
}

fn keys(fields: &serde_json::Map<String, Value>) -> Vec<Cow<'_, str>> {
    // Enough for a suggestion; a response may have a million keys.
    fields.keys().take(1000).map(|key| Cow::Borrowed(key.as_str())).collect()
}

/// A path as it is written; empty for what is no path.
fn describe(expr: &Expr) -> String {
    let below = |parent: &Expr, rest: String| {
        let parent = describe(parent);
        if parent.is_empty() { parent } else { parent + &rest }
    };
    match &expr.node {
        Node::Name(name) => name.clone(),
        Node::Field(parent, field) => below(parent, format!(".{field}")),
        Node::Item(parent, key) => match &key.node {
            Node::Literal(Value::Number(index)) => below(parent, format!("[{index}]")),
            _ => below(parent, "[…]".to_owned()),
        },
        _ => String::new(),
    }
}
