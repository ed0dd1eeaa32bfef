//! The filters of `apply`: each turns a value into another, or says why it cannot.

mod act;
mod read;

use std::fmt;

use serde_json::Value;

use super::found::Found;
use super::regular::Regular;
use super::subject::Yields;
use crate::finding::Finding;
use crate::yaml::Node;

/// One filter with its arguments.
#[derive(Debug, Clone)]
pub enum Filter {
    /// The number of characters, items or fields.
    Length,
    /// The first item.
    First,
    /// The last item.
    Last,
    /// The item at an index from 0; negative ones count from the end.
    Nth(i64),
    /// A text or a number as an integer.
    Int,
    /// A text or a number as a number.
    Float,
    /// A scalar as text.
    String,
    /// A text without white space around it.
    Trim,
    /// A text in lower case.
    Lower,
    /// A text in upper case.
    Upper,
    /// The parts of a text between separators.
    Split(String),
    /// A text with every occurrence of the first replaced by the second.
    Replace(String, String),
    /// A text with every match replaced; `$1` stands for group 1.
    ReplaceRegex(Regular, String),
    /// Group 1 of the first match, else the match.
    Regex(Regular),
    /// A time in a strftime format; a number counts seconds since 1970.
    Date(String),
    /// A text in a strptime format as RFC 3339.
    ParseDate(String),
    /// A text in base64.
    Base64,
    /// The text behind base64.
    Base64Decode,
    /// The text behind unpadded or padded base64url.
    Base64urlDecode,
    /// The bytes of a text in lower-case hex.
    Hex,
    /// The SHA-256 of a text in lower-case hex.
    Sha256,
    /// A text with all but unreserved characters percent-encoded.
    Urlencode,
    /// A percent-encoded text as it was.
    UrlDecode,
    /// The value of a query parameter of a URL.
    QueryParam(String),
    /// The JSON value that a text holds.
    Json,
}

/// Why a filter cannot transform a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFault {
    /// The filter's word.
    pub filter: &'static str,
    /// Why not.
    pub why: Refusal,
}

/// What keeps a filter from transforming a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It takes another kind of value.
    Takes {
        /// What it takes: `a text`.
        wanted: &'static str,
        /// What it got: `integer`.
        got: &'static str,
    },
    /// The list is empty.
    EmptyList,
    /// The list is shorter.
    NoItem {
        /// The index asked for.
        index: i64,
        /// The number of items.
        len: usize,
    },
    /// The value does not have the form that the filter reads.
    NotA {
        /// The form: `an integer`, `base64`.
        form: &'static str,
        /// The value, where it is short.
        shown: Option<String>,
    },
    /// The pattern matches nowhere.
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// The URL has no such parameter.
    NoParameter {
        /// The name.
        name: String,
    },
    /// A time that does not fit its format, in the words of the time library.
    Time {
        /// The reason.
        why: String,
    },
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.filter)?;
        match &self.why {
            Refusal::Takes { wanted, got } => write!(f, "takes {wanted}, this is of type {got}"),
            Refusal::EmptyList => f.write_str("of an empty list"),
            Refusal::NoItem { index, len } => {
                write!(f, "{index} is not there, the list has {len} items")
            }
            Refusal::NotA { form, shown: Some(shown) } => {
                write!(f, "cannot read `{shown}`: it is not {form}")
            }
            Refusal::NotA { form, shown: None } => write!(f, "cannot read this: it is not {form}"),
            Refusal::NoMatch { pattern } => write!(f, "finds no match of `{pattern}`"),
            Refusal::NoParameter { name } => write!(f, "finds no parameter `{name}`"),
            Refusal::Time { why } => write!(f, "cannot read the time: {why}"),
        }
    }
}

impl Filter {
    /// The words of all filters, in the order of the language page.
    pub const WORDS: &[&str] = &read::WORDS;

    /// Reads one filter: a word, or a mapping of one word to its arguments.
    ///
    /// # Errors
    /// Every finding about it.
    pub fn parse(node: &Node, text: &str) -> Result<Self, Vec<Finding>> {
        read::filter(node, text).map_err(|finding| vec![*finding])
    }

    /// Reads the list under `apply`; a single filter may stand without a list.
    ///
    /// # Errors
    /// Every finding about all of them.
    pub fn parse_all(node: &Node, text: &str) -> Result<Vec<Self>, Vec<Finding>> {
        read::all(node, text)
    }

    /// Transforms a value.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn apply(&self, value: &Value) -> Result<Value, FilterFault> {
        act::apply(self, value).map_err(|why| FilterFault { filter: self.word(), why })
    }

    /// Transforms what was found, one filter after the other; the pointer of the source stays.
    #[must_use]
    pub fn apply_all<'a>(filters: &[Self], found: Found<'a>) -> Found<'a> {
        if filters.is_empty() {
            return found;
        }
        let pointer = found.pointer().map(str::to_owned);
        let mut value = match found {
            Found::Nothing(_) | Found::NotJson(_) | Found::Unreadable { .. } => return found,
            Found::One { .. } | Found::Text(_) | Found::Bytes(_) | Found::Many(_) => {
                match found.into_value() {
                    Ok(value) => value,
                    Err(_) => return Found::made(Value::Null),
                }
            }
        };
        for filter in filters {
            match filter.apply(&value) {
                Ok(next) => value = next,
                Err(fault) => {
                    return Found::Unreadable { value: Some(value), why: fault.to_string() };
                }
            }
        }
        Found::One { value: std::borrow::Cow::Owned(value), pointer }
    }

    /// What it makes of any value.
    #[must_use]
    pub fn yields(&self) -> Yields {
        match self {
            Self::Length | Self::Int | Self::Float => Yields::Number,
            Self::String
            | Self::Trim
            | Self::Lower
            | Self::Upper
            | Self::Replace(..)
            | Self::ReplaceRegex(..)
            | Self::Regex(_)
            | Self::Date(_)
            | Self::ParseDate(_)
            | Self::Base64
            | Self::Base64Decode
            | Self::Base64urlDecode
            | Self::Hex
            | Self::Sha256
            | Self::Urlencode
            | Self::UrlDecode
            | Self::QueryParam(_) => Yields::Text,
            Self::Split(_) => Yields::List,
            Self::First | Self::Last | Self::Nth(_) | Self::Json => Yields::Anything,
        }
    }

    /// The word of the plan language.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::First => "first",
            Self::Last => "last",
            Self::Nth(_) => "nth",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Trim => "trim",
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Split(_) => "split",
            Self::Replace(..) => "replace",
            Self::ReplaceRegex(..) => "replace_regex",
            Self::Regex(_) => "regex",
            Self::Date(_) => "date",
            Self::ParseDate(_) => "parse_date",
            Self::Base64 => "base64",
            Self::Base64Decode => "base64_decode",
            Self::Base64urlDecode => "base64url_decode",
            Self::Hex => "hex",
            Self::Sha256 => "sha256",
            Self::Urlencode => "urlencode",
            Self::UrlDecode => "url_decode",
            Self::QueryParam(_) => "query_param",
            Self::Json => "json",
        }
    }
}

/// Reads the regular expression under `regex`, for captures.
pub(super) fn regular(node: &Node, text: &str) -> Result<Regular, Box<Finding>> {
    read::regular("regex", node, text)
}
