//! Statuses as plans write them: `200`, `2xx`, `any`.

use std::fmt;

use serde_json::Value;

/// A status or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPattern {
    /// `200`
    Code(u16),
    /// `2xx`, by its first digit.
    Class(u16),
    /// `any`
    Any,
}

impl StatusPattern {
    /// Reads a status of a plan.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => {
                let code =
                    crate::json::integer(number).and_then(|code| u16::try_from(code).ok())?;
                (100..=599).contains(&code).then_some(Self::Code(code))
            }
            Value::String(word) if word == "any" => Some(Self::Any),
            Value::String(word) => {
                let digit = word.strip_suffix("xx").or_else(|| word.strip_suffix("XX"))?;
                let class = digit.parse().ok()?;
                (1..=5).contains(&class).then_some(Self::Class(class))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether a status fits.
    #[must_use]
    pub fn fits(self, status: u64) -> bool {
        match self {
            Self::Code(code) => status == u64::from(code),
            Self::Class(class) => status / 100 == u64::from(class),
            Self::Any => true,
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Any => f.write_str("any"),
        }
    }
}
