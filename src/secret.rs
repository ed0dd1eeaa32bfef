//! Values that cannot be printed, and the one gate through which everything that leaves the run
//! goes: what it hands on holds no secret in any encoding that the tool itself can produce.
//!
//! The order is: redact, truncate, sanitise, encode. The gate sees whole texts: a body is masked
//! before it is cut, so that no half of a secret stays at a border.

mod book;
#[cfg(test)]
mod encodings;
mod fields;
mod gate;
mod masks;
mod redacted;
mod sanitise;
mod views;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

pub use book::is_findable;
pub use fields::names_secret;
pub use gate::{Gate, Registered};
pub use masks::hides_a_value;
pub use redacted::{Redact, Redacted, Sealed};
pub use sanitise::{sanitise, sanitise_line};

/// A secret with the name it is declared under. Neither `Debug` nor anything else prints its value.
#[derive(Clone)]
pub struct Secret {
    name: String,
    value: SecretString,
}

impl Secret {
    /// A value under its name. It is masked only after [`Gate::register`].
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: SecretString::from(value.into()) }
    }

    /// The name it is declared under: `api_key`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value itself: for the request that sends it, and for the gate that hides it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«secret:{}»", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_its_name_and_never_its_value() {
        let secret = Secret::new("api_key", "hk_live_0123456789");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).matches("hk_live").count(), 0);
        assert_eq!(format!("{secret:?}"), "«secret:api_key»");
        assert_eq!(secret.expose(), "hk_live_0123456789");
    }
}
