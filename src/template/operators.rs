//! What an operator makes of two JSON values; numbers stay exact as long as they can.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::expression::Operator;
use super::fault::EvalFaultKind;
use crate::json;
use crate::json::in_words;

/// The longest text or list that `*` may make, in bytes or items.
const LARGEST: usize = 1 << 20;

impl Operator {
    /// The operator as it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::Join => "~",
        }
    }

    /// Whether the result is only a yes or no, which gives no secret away.
    pub(super) fn is_question(self) -> bool {
        match self {
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In
            | Self::NotIn => true,
            Self::Add
            | Self::Subtract
            | Self::Multiply
            | Self::Divide
            | Self::FloorDivide
            | Self::Remainder
            | Self::Power
            | Self::Join => false,
        }
    }

    /// Applies the operator.
    pub(super) fn apply(self, left: &Value, right: &Value) -> Result<Value, EvalFaultKind> {
        let wrong = || EvalFaultKind::WrongOperands {
            operator: self.sign(),
            left: Some(in_words(left)),
            right: in_words(right),
        };
        let ordered = |holds: fn(Ordering) -> bool| match (left, right) {
            (Value::Number(a), Value::Number(b)) => Ok(Value::Bool(holds(json::compare(a, b)))),
            (Value::String(a), Value::String(b)) => Ok(Value::Bool(holds(a.cmp(b)))),
            _ => Err(wrong()),
        };
        match self {
            Self::Equal => Ok(Value::Bool(json::equal(left, right))),
            Self::NotEqual => Ok(Value::Bool(!json::equal(left, right))),
            Self::Less => ordered(Ordering::is_lt),
            Self::LessOrEqual => ordered(Ordering::is_le),
            Self::Greater => ordered(Ordering::is_gt),
            Self::GreaterOrEqual => ordered(Ordering::is_ge),
            Self::In => contains(right, left).map(Value::Bool).ok_or_else(wrong),
            Self::NotIn => contains(right, left).map(|is| Value::Bool(!is)).ok_or_else(wrong),
            Self::Join => Ok(Value::String(text_of(left) + &text_of(right))),
            Self::Add => match (left, right) {
                (Value::String(a), Value::String(b)) => Ok(Value::String(format!("{a}{b}"))),
                (Value::Array(a), Value::Array(b)) => Ok(a.iter().chain(b).cloned().collect()),
                _ => self.compute(left, right).unwrap_or_else(|| Err(wrong())),
            },
            Self::Multiply => match (left, right) {
                (Value::String(_) | Value::Array(_), Value::Number(times)) => repeat(left, times),
                _ => self.compute(left, right).unwrap_or_else(|| Err(wrong())),
            },
            Self::Subtract | Self::Divide | Self::FloorDivide | Self::Remainder | Self::Power => {
                self.compute(left, right).unwrap_or_else(|| Err(wrong()))
            }
        }
    }

    /// Arithmetic on two numbers; nothing where they are none.
    fn compute(self, left: &Value, right: &Value) -> Option<Result<Value, EvalFaultKind>> {
        let (Value::Number(a), Value::Number(b)) = (left, right) else { return None };
        if let (Some(x), Some(y)) = (plain_integer(a), plain_integer(b))
            && let Some(exact) = self.integers(x, y)
        {
            return Some(Ok(from_i128(exact)));
        }
        let (x, y) = (json::as_f64(a), json::as_f64(b));
        let float = match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            Self::FloorDivide => (x / y).floor(),
            Self::Remainder => x - y * (x / y).floor(),
            Self::Power => x.powf(y),
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In
            | Self::NotIn
            | Self::Join => return None,
        };
        Some(json::from_f64(float).map(Value::Number).ok_or(EvalFaultKind::Arithmetic))
    }

    fn integers(self, x: i128, y: i128) -> Option<i128> {
        match self {
            Self::Add => x.checked_add(y),
            Self::Subtract => x.checked_sub(y),
            Self::Multiply => x.checked_mul(y),
            Self::FloorDivide => {
                let quotient = x.checked_div(y)?;
                let exact = x.checked_rem(y)? == 0;
                if exact || (x < 0) == (y < 0) { Some(quotient) } else { quotient.checked_sub(1) }
            }
            Self::Remainder => {
                let rest = x.checked_rem(y)?;
                if rest == 0 || (rest < 0) == (y < 0) { Some(rest) } else { rest.checked_add(y) }
            }
            Self::Power => x.checked_pow(u32::try_from(y).ok()?),
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In
            | Self::NotIn
            | Self::Divide
            | Self::Join => None,
        }
    }
}

/// A number that is written as an integer: `2.0` counts as a float, as in minijinja.
fn plain_integer(number: &Number) -> Option<i128> {
    number.as_str().parse().ok()
}

pub(super) fn from_i128(value: i128) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}

/// `-x` with every digit.
pub(super) fn negate(number: &Number) -> Value {
    let lexeme = number.as_str();
    let negated = match lexeme.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if lexeme == "0" => lexeme.to_owned(),
        None => format!("-{lexeme}"),
    };
    serde_json::from_str(&negated).unwrap_or_default()
}

fn contains(container: &Value, item: &Value) -> Option<bool> {
    match (container, item) {
        (Value::Array(items), _) => Some(items.iter().any(|other| json::equal(other, item))),
        (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
        (Value::Object(fields), Value::String(key)) => Some(fields.contains_key(key)),
        _ => None,
    }
}

fn repeat(what: &Value, times: &Number) -> Result<Value, EvalFaultKind> {
    let times = plain_integer(times).ok_or(EvalFaultKind::WrongOperands {
        operator: "*",
        left: Some(in_words(what)),
        right: "a number with a fraction",
    })?;
    let times = usize::try_from(times.max(0)).map_err(|_| EvalFaultKind::TooMuch)?;
    let fits = |length: usize| length.checked_mul(times).is_some_and(|all| all <= LARGEST);
    match what {
        Value::String(text) if fits(text.len()) => Ok(Value::String(text.repeat(times))),
        Value::Array(items)
            if fits(usize::try_from(super::bridge::weight(what)).unwrap_or(usize::MAX)) =>
        {
            Ok(std::iter::repeat_n(items, times).flatten().cloned().collect())
        }
        _ => Err(EvalFaultKind::TooMuch),
    }
}

/// Whether a value counts as true: not null, false, zero or empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(number) => !json::same(number, &Number::from(0)),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A value inside a text: a text as it is, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// The items of a slice, as Python takes them; nothing for a step of zero.
pub(super) fn slice<T>(
    items: Vec<T>,
    start: Option<i128>,
    stop: Option<i128>,
    stride: Option<i128>,
) -> Option<Vec<T>> {
    let length = i128::try_from(items.len()).ok()?;
    let stride = stride.unwrap_or(1);
    let from_end = |n: i128| if n < 0 { n.saturating_add(length) } else { n };
    let (low, high) = if stride > 0 { (0, length) } else { (-1, length - 1) };
    let clamp =
        |n: Option<i128>, otherwise: i128| n.map_or(otherwise, |n| from_end(n).clamp(low, high));
    let (first, last) = match stride.cmp(&0) {
        Ordering::Greater => (clamp(start, 0), clamp(stop, length)),
        Ordering::Less => (clamp(start, length - 1), clamp(stop, -1)),
        Ordering::Equal => return None,
    };
    let mut slots: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let mut taken = Vec::new();
    let mut at = first;
    while if stride > 0 { at < last } else { at > last } {
        let slot = usize::try_from(at).ok().and_then(|index| slots.get_mut(index));
        taken.extend(slot.and_then(Option::take));
        at = at.saturating_add(stride);
    }
    Some(taken)
}
