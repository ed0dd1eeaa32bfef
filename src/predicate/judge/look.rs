//! What is judged, and what is to blame where an operator does not hold.

use std::borrow::Cow;

use serde_json::Value;

use crate::json;
use crate::outcome::{Actual, Violation};
use crate::predicate::compare;
use crate::predicate::operator::Test;
use crate::query::{Gap, Hit};

/// The most items of a list that stand in a report of a failure.
const SHOWN_ITEMS: usize = 100;

/// What is judged, borrowed from where it stands.
#[derive(Clone, Copy)]
pub(super) enum Look<'a> {
    /// A JSON value with its pointer, if it stands in the body.
    Value(&'a Value, Option<&'a str>),
    /// A text that is no JSON value.
    Text(&'a str),
    /// The results of a path with many.
    Many(&'a [Hit<'a>]),
    /// Nothing.
    Missing(&'a Gap),
}

/// How an operator was judged.
pub(super) enum Ruling {
    Holds,
    /// It was judged, and does not hold.
    Fails(Blame),
    /// It cannot judge such a value: a failure that `not` does not turn.
    Cannot(Blame),
}

/// What is to blame.
pub(super) struct Blame {
    pub(super) actual: Actual,
    pub(super) pointer: Option<String>,
    pub(super) note: Option<String>,
    /// What of the value does not fit a JSON Schema.
    pub(super) violations: Vec<Violation>,
}

impl Blame {
    /// Nothing but what was there.
    pub(super) fn of(actual: Actual) -> Self {
        Self { actual, pointer: None, note: None, violations: Vec::new() }
    }
}

/// The items of a list, wherever they stand.
pub(super) enum List<'a> {
    Array(&'a [Value], Option<&'a str>),
    Hits(&'a [Hit<'a>]),
}

impl<'a> List<'a> {
    pub(super) fn of(look: Look<'a>) -> Option<Self> {
        match look {
            Look::Value(Value::Array(items), base) => Some(Self::Array(items, base)),
            Look::Many(hits) => Some(Self::Hits(hits)),
            Look::Value(..) | Look::Text(_) | Look::Missing(_) => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Array(items, _) => items.len(),
            Self::Hits(hits) => hits.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&'a Value> {
        match self {
            Self::Array(items, _) => items.get(index),
            Self::Hits(hits) => hits.get(index).map(|hit| hit.value),
        }
    }

    pub(super) fn pointer(&self, index: usize) -> Option<String> {
        match self {
            Self::Array(_, base) => base.map(|base| format!("{base}/{index}")),
            Self::Hits(hits) => hits.get(index).map(|hit| hit.pointer.clone()),
        }
    }

    /// Judges an item. Its pointer is only made where it is needed: when the item is to blame.
    pub(super) fn rule(&self, index: usize, test: &Test) -> Ruling {
        let Some(value) = self.get(index) else { return Ruling::Holds };
        let ruling = test.rule(Look::Value(value, None));
        if let Ruling::Holds = ruling {
            return ruling;
        }
        match self.pointer(index) {
            Some(pointer) => test.rule(Look::Value(value, Some(&pointer))),
            None => ruling,
        }
    }
}

pub(super) fn in_list(mut blame: Blame, index: usize, failures: usize, list: &List<'_>) -> Blame {
    if blame.pointer.is_none() {
        blame.pointer = list.pointer(index);
    }
    let item = format!("item {} of {}", index + 1, list.len());
    let note =
        if failures > 1 { format!("{item}, the first of {failures} that fail") } else { item };
    blame.note = Some(match blame.note {
        Some(more) => format!("{note}: {more}"),
        None => note,
    });
    blame
}

pub(super) fn fails(look: Look<'_>) -> Ruling {
    Ruling::Fails(Blame { pointer: pointer(look), ..Blame::of(actual(look)) })
}

pub(super) fn fails_with(look: Look<'_>, note: String) -> Ruling {
    Ruling::Fails(Blame { pointer: pointer(look), note: Some(note), ..Blame::of(actual(look)) })
}

pub(super) fn actual(look: Look<'_>) -> Actual {
    match look {
        Look::Missing(gap) => gap.clone().into(),
        Look::Value(..) | Look::Text(_) | Look::Many(_) => Actual::Value(whole(look).into_owned()),
    }
}

/// The value as one; a list of many results by its first items.
pub(super) fn whole(look: Look<'_>) -> Cow<'_, Value> {
    match look {
        Look::Value(value, _) => Cow::Borrowed(value),
        Look::Text(text) => Cow::Owned(Value::String(text.to_owned())),
        Look::Many(hits) => {
            Cow::Owned(hits.iter().take(SHOWN_ITEMS).map(|hit| hit.value.clone()).collect())
        }
        Look::Missing(_) => Cow::Owned(Value::Null),
    }
}

pub(super) fn pointer(look: Look<'_>) -> Option<String> {
    match look {
        Look::Value(_, pointer) => pointer.map(str::to_owned),
        Look::Missing(gap) => gap.reached.starts_with('$').then(|| gap.pointer.clone()),
        Look::Text(_) | Look::Many(_) => None,
    }
}

/// The pointer in the body of a place in the list of results: `/1/sku` is in the second hit.
pub(super) fn in_hits(hits: &[Hit<'_>], pointer: &str) -> Option<String> {
    let rest = pointer.strip_prefix('/')?;
    let (index, inner) = rest
        .split_once('/')
        .map_or((rest, ""), |(index, _)| (index, rest.get(index.len()..).unwrap_or_default()));
    let hit = hits.get(index.parse::<usize>().ok()?)?;
    Some(format!("{}{inner}", hit.pointer))
}

pub(super) fn length(look: Look<'_>) -> Option<usize> {
    match look {
        Look::Text(text) => Some(text.chars().count()),
        Look::Value(Value::String(text), _) => Some(text.chars().count()),
        Look::Value(Value::Array(items), _) => Some(items.len()),
        Look::Value(Value::Object(fields), _) => Some(fields.len()),
        Look::Many(hits) => Some(hits.len()),
        Look::Value(Value::Null | Value::Bool(_) | Value::Number(_), _) | Look::Missing(_) => None,
    }
}

pub(super) fn status(look: Look<'_>) -> Option<u64> {
    match look {
        Look::Value(value, _) => value.as_u64(),
        Look::Text(_) | Look::Many(_) | Look::Missing(_) => None,
    }
}

/// The text of a scalar without quotes.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) | Value::Null => compare::brief(value),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a value equals what is looked at.
pub(super) fn same(expected: &Value, look: Look<'_>) -> bool {
    match look {
        Look::Value(value, _) => json::equal(expected, value),
        Look::Text(text) => expected.as_str() == Some(text),
        Look::Many(hits) => expected.as_array().is_some_and(|wanted| {
            wanted.len() == hits.len()
                && wanted.iter().zip(hits).all(|(wanted, hit)| json::equal(wanted, hit.value))
        }),
        Look::Missing(_) => false,
    }
}
