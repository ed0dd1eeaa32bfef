//! The proof, held by a type, that a value went through the gate.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Gate;

/// What can be masked in place. Implementations take each struct apart by all of its fields, so
/// that a new field does not compile until someone decided about it.
pub trait Redact {
    /// Masks every text in it.
    fn redact(&mut self, gate: &Gate);
}

/// A value that holds no secret. [`Gate::redact`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    pub(super) fn vouch(value: T) -> Self {
        Self(value)
    }

    /// The value, for a reporter that takes it apart.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A value on its way to the gate: nobody can look at it before it is opened, and opening masks it.
pub struct Sealed<T> {
    pub(super) value: T,
    /// Goes by what was known when the value was sealed.
    pub(super) gate: Gate,
}

impl<T: Redact> Sealed<T> {
    /// Masks the value and hands it on with the proof.
    #[must_use]
    pub fn open(self) -> Redacted<T> {
        self.gate.pass(self.value)
    }
}

/// Says nothing about what it holds.
impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl Redacted<String> {
    /// The program's own words: what stands in its source cannot be a secret.
    #[must_use]
    pub fn literal(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl<T> Deref for Redacted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Redact for String {
    fn redact(&mut self, gate: &Gate) {
        gate.string(self);
    }
}

impl Redact for Arc<str> {
    fn redact(&mut self, gate: &Gate) {
        if let std::borrow::Cow::Owned(masked) = gate.text(self) {
            *self = masked.into();
        }
    }
}

impl Redact for Value {
    fn redact(&mut self, gate: &Gate) {
        gate.json(self);
    }
}

impl<T: Redact> Redact for Option<T> {
    fn redact(&mut self, gate: &Gate) {
        if let Some(value) = self {
            value.redact(gate);
        }
    }
}

impl<T: Redact> Redact for Vec<T> {
    fn redact(&mut self, gate: &Gate) {
        for value in self {
            value.redact(gate);
        }
    }
}

impl<T: Redact + ?Sized> Redact for Box<T> {
    fn redact(&mut self, gate: &Gate) {
        (**self).redact(gate);
    }
}
