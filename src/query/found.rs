//! What a subject or a path found, borrowed from the response wherever it stands there.

use std::borrow::Cow;

use serde_json::Value;

use super::response::NotJson;
use crate::outcome::Actual;
use crate::units::hex;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// One value.
    One {
        /// The value.
        value: Cow<'a, Value>,
        /// Where in the JSON body, as a JSON pointer; absent for anything else.
        pointer: Option<String>,
    },
    /// One text, borrowed: a body need not be copied to be judged.
    Text(Cow<'a, str>),
    /// Bytes that stand for their lower-case hex digits.
    Bytes(&'a [u8]),
    /// The list that a path with several results yields; it may be empty and is there all the same.
    Many(Vec<Hit<'a>>),
    /// Nothing.
    Nothing(Gap),
    /// The body is not JSON, and JSON was asked for.
    NotJson(&'a NotJson),
    /// Something is there, and it cannot be read or transformed.
    Unreadable {
        /// What is there, as far as that can be told.
        value: Option<Value>,
        /// Why it cannot be read.
        why: String,
    },
}

/// One result of a path with several.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'a> {
    /// The value.
    pub value: &'a Value,
    /// Where in the body, as a JSON pointer.
    pub pointer: String,
}

/// How far a path got, and what is there instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// The longest part that exists: `$.registered_model`.
    pub reached: String,
    /// The keys of an object, the length of a list, or the kind of a scalar.
    pub there: Vec<String>,
    /// A name there that looks like the missing one.
    pub nearest: Option<String>,
    /// The JSON pointer of what was reached.
    pub pointer: String,
}

impl<'a> Found<'a> {
    /// A value that stands in the body at a pointer.
    #[must_use]
    pub fn at(value: &'a Value, pointer: String) -> Self {
        Self::One { value: Cow::Borrowed(value), pointer: Some(pointer) }
    }

    /// A value that was made.
    #[must_use]
    pub fn made(value: Value) -> Found<'static> {
        Found::One { value: Cow::Owned(value), pointer: None }
    }

    /// A value that stands elsewhere than in the body.
    #[must_use]
    pub fn borrowed(value: &'a Value) -> Self {
        Self::One { value: Cow::Borrowed(value), pointer: None }
    }

    /// The pointer of what was found, or of what was reached.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::One { pointer, .. } => pointer.as_deref(),
            Self::Nothing(gap) if gap.reached.starts_with('$') => Some(&gap.pointer),
            Self::Text(_)
            | Self::Bytes(_)
            | Self::Many(_)
            | Self::Nothing(_)
            | Self::NotJson(_)
            | Self::Unreadable { .. } => None,
        }
    }

    /// The value as one JSON value: texts and lists are copied.
    ///
    /// # Errors
    /// What was there instead.
    pub fn into_value(self) -> Result<Value, Actual> {
        match self {
            Self::One { value, .. } => Ok(value.into_owned()),
            Self::Text(text) => Ok(Value::String(text.into_owned())),
            Self::Bytes(bytes) => Ok(Value::String(hex(bytes))),
            Self::Many(hits) => Ok(hits.into_iter().map(|hit| hit.value.clone()).collect()),
            Self::Nothing(gap) => Err(gap.into()),
            Self::NotJson(what) => Err(Actual::NotJson(what.to_string())),
            Self::Unreadable { value, why } => Err(unreadable(value, why)),
        }
    }
}

/// What is there where something cannot be read.
pub(crate) fn unreadable(value: Option<Value>, why: String) -> Actual {
    match value {
        Some(value) => Actual::Unjudgeable { value, why },
        None => Actual::Unreadable(why),
    }
}

impl From<Gap> for Actual {
    fn from(gap: Gap) -> Self {
        Self::Missing { reached: gap.reached, there: gap.there, nearest: gap.nearest }
    }
}
