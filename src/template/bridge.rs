//! The way to minijinja's filters and tests and back, with exact numbers and bounded work.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{DynObject, Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Number, Value};

use crate::json;

/// What one evaluation may cost: it ends long before a second.
const FUEL: u64 = 400_000;

/// The one environment: strict, without debug output, with fuel.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Debug output would hold values, and so secrets.
        environment.set_debug(false);
        environment.set_fuel(Some(FUEL));
        environment
    })
}

/// Why a filter or test gave nothing. Its words are dropped: they may hold values.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BridgeFault {
    CannotTake,
    TooMuch,
}

impl From<minijinja::Error> for BridgeFault {
    fn from(error: minijinja::Error) -> Self {
        if error.kind() == ErrorKind::OutOfFuel { Self::TooMuch } else { Self::CannotTake }
    }
}

/// A state that counts the fuel of one evaluation.
pub(super) type State = minijinja::State<'static, 'static>;

/// What a filter or test is given.
pub(super) struct Call<'a> {
    pub(super) name: &'static str,
    pub(super) input: &'a Value,
    pub(super) positional: &'a [Value],
    pub(super) named: &'a [(String, Value)],
}

impl Call<'_> {
    /// Applies a filter of minijinja.
    pub(super) fn filter(&self, state: &mut State) -> Result<Value, BridgeFault> {
        let arguments = self.arguments(state)?;
        let result = state.apply_filter(self.name, &arguments)?;
        let mut room = 1_000_000;
        from_minijinja(&result, &mut room)
    }

    /// Asks a test of minijinja.
    pub(super) fn test(&self, state: &mut State) -> Result<bool, BridgeFault> {
        let arguments = self.arguments(state)?;
        Ok(state.perform_test(self.name, &arguments)?)
    }

    fn arguments(&self, state: &mut State) -> Result<Vec<minijinja::Value>, BridgeFault> {
        let values = || std::iter::once(self.input).chain(self.positional);
        let size: u64 = values().map(weight).sum();
        state.consume_fuel(size / 64)?;
        let numbers = if values().all(is_plain) {
            Numbers::Plain
        } else if matches!(self.name, "abs" | "round" | "int" | "float" | "sum" | "format") {
            Numbers::Nearest
        } else {
            Numbers::Exact
        };
        let mut arguments: Vec<_> = values().map(|value| to_minijinja(value, numbers)).collect();
        if !self.named.is_empty() {
            let named: Kwargs = self
                .named
                .iter()
                .map(|(name, value)| (name.as_str(), to_minijinja(value, numbers)))
                .collect();
            arguments.push(named.into());
        }
        Ok(arguments)
    }
}

/// About how many bytes a value takes.
pub(super) fn weight(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 8,
        Value::Number(number) => 8 + number.as_str().len() as u64,
        Value::String(text) => 24 + text.len() as u64,
        Value::Array(items) => 24 + items.iter().map(weight).sum::<u64>(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| 48 + key.len() as u64 + weight(value)).sum::<u64>()
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// All fit minijinja's own numbers without loss.
    Plain,
    /// Some do not, and the filter computes with them.
    Nearest,
    /// Some do not, and the filter only carries or compares them.
    Exact,
}

/// Whether every number in a value comes back from minijinja as it was written.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => plain_number(number).is_some(),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
    }
}

fn plain_number(number: &Number) -> Option<minijinja::Value> {
    let lexeme = number.as_str();
    if let Ok(integer) = lexeme.parse::<i64>() {
        return (integer.to_string() == lexeme).then(|| integer.into());
    }
    if let Ok(integer) = lexeme.parse::<i128>() {
        return (integer.to_string() == lexeme).then(|| integer.into());
    }
    let float = json::as_f64(number);
    (json::from_f64(float)?.as_str() == lexeme).then(|| float.into())
}

fn to_minijinja(value: &Value, numbers: Numbers) -> minijinja::Value {
    match value {
        Value::Null => ().into(),
        Value::Bool(b) => (*b).into(),
        Value::Number(number) if numbers == Numbers::Exact => {
            minijinja::Value::from_object(Exact(number.clone()))
        }
        Value::Number(number) => {
            plain_number(number).unwrap_or_else(|| json::as_f64(number).into())
        }
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            items.iter().map(|item| to_minijinja(item, numbers)).collect::<Vec<_>>().into()
        }
        Value::Object(fields) => minijinja::Value::from_pairs(
            fields.iter().map(|(key, value)| (key.as_str(), to_minijinja(value, numbers))),
        ),
    }
}

fn from_minijinja(value: &minijinja::Value, room: &mut u64) -> Result<Value, BridgeFault> {
    *room = room.checked_sub(1).ok_or(BridgeFault::TooMuch)?;
    Ok(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => {
            serde_json::from_str(&value.to_string()).map_err(|_| BridgeFault::CannotTake)?
        }
        ValueKind::Number => {
            let float = f64::try_from(value.clone())?;
            Value::Number(json::from_f64(float).ok_or(BridgeFault::CannotTake)?)
        }
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            *room = room.checked_sub(text.len() as u64 / 32).ok_or(BridgeFault::TooMuch)?;
            Value::from(text)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()?.checked() {
                items.push(from_minijinja(&item?, room)?);
            }
            Value::Array(items)
        }
        ValueKind::Map => {
            let mut fields = serde_json::Map::new();
            for key in value.try_iter()?.checked() {
                let key = key?;
                let field = from_minijinja(&value.get_item(&key)?, room)?;
                fields.insert(key.to_string(), field);
            }
            Value::Object(fields)
        }
        ValueKind::Plain => match value.downcast_object_ref::<Exact>() {
            Some(Exact(number)) => Value::Number(number.clone()),
            None => return Err(BridgeFault::CannotTake),
        },
        // Undefined, bytes, invalid, and what later versions may add.
        _ => return Err(BridgeFault::CannotTake),
    })
}

/// A number with all its digits, which minijinja can carry, print and order.
#[derive(Debug)]
struct Exact(Number);

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        json::compare(&self.0, &Number::from(0)) != Ordering::Equal
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(json::compare(&self.0, &other.downcast_ref::<Self>()?.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
