//! Values that a template may give: numbers, durations, sizes and words, read as if they had been
//! written.

use std::time::Duration;

use serde_json::Value;

use crate::finding::{Code, Finding};
use crate::plan::{Backoff, Connection, OnFailure};
use crate::source::Place;
use crate::template::Template;
use crate::units;

/// A value that is known, or a template that gives it when it is used.
#[derive(Debug)]
pub enum Late<T> {
    /// Known as written.
    Known(T),
    /// Rendered when used, then read as if it had been written.
    Template(Box<Template>, Place),
}

/// What a [`Late`] value is read from once it is rendered.
pub trait LateValue: Sized + Copy {
    /// Reads the rendered value; the error is the code and message of the written one.
    ///
    /// # Errors
    /// The code and the message of what is wrong with it.
    fn read(value: &Value) -> Result<Self, (Code, String)>;
}

impl LateValue for Duration {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        match value {
            Value::String(text) => {
                units::parse_duration(text).map_err(|fault| (Code::BadDuration, fault.to_string()))
            }
            other => Err((Code::BadDuration, format!("`{other}` is not a duration"))),
        }
    }
}

impl LateValue for u64 {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        match value {
            Value::String(text) => {
                units::parse_size(text).map_err(|fault| (Code::BadSize, fault.to_string()))
            }
            other => Err((Code::BadSize, format!("`{other}` is not a size"))),
        }
    }
}

impl LateValue for u32 {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .or_else(|| value.as_str()?.parse().ok())
            .ok_or_else(|| (Code::WrongType, format!("`{value}` is not a whole number")))
    }
}

impl LateValue for OnFailure {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        word(value, &Self::WORDS)
    }
}

impl LateValue for Backoff {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        word(value, &Self::WORDS)
    }
}

impl LateValue for Connection {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        word(value, &Self::WORDS)
    }
}

/// One of a few words; a number counts as it is written.
pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, (Code, String)> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        (Code::BadValue, format!("`{text}` is not {}", known.join(" or ")))
    })
}

/// How many redirects are followed: a number, or true for ten and false for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirects(pub u32);

impl LateValue for Redirects {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        match value {
            Value::Bool(true) => Ok(Self(10)),
            Value::Bool(false) => Ok(Self(0)),
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => u32::read(value).map(Self).map_err(|(code, _)| {
                (code, format!("`{value}` is neither true or false nor a whole number"))
            }),
        }
    }
}

impl<T> Late<T> {
    /// Where its template stands, if it is one.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Known(_) => None,
            Self::Template(_, place) => Some(*place),
        }
    }
}

impl<T: LateValue> Late<T> {
    /// The value, rendered by `eval` where it is a template.
    ///
    /// # Errors
    /// What `eval` says, or a finding at the template's place where it renders to something else.
    pub fn get(
        &self,
        eval: impl FnOnce(&Template, Place) -> Result<Value, Box<Finding>>,
    ) -> Result<T, Box<Finding>> {
        match self {
            Self::Known(value) => Ok(*value),
            Self::Template(template, place) => {
                let value = eval(template, *place)?;
                T::read(&value).map_err(|(code, message)| {
                    Box::new(
                        Finding::error(code, message).at(*place, "what this template rendered to"),
                    )
                })
            }
        }
    }
}
