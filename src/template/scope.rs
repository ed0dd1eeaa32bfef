//! What the names of an expression stand for, and where fresh values come from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

/// The name of a secret that a value derives from.
pub type Taint = Option<Arc<str>>;

/// What a name stands for.
#[derive(Clone)]
pub enum Bound<'s> {
    /// A value, with the secret that it derives from.
    Value {
        /// The value; borrowed, so that a large capture is never copied for a lookup.
        value: Cow<'s, Value>,
        /// The secret, if any.
        taint: Taint,
    },
    /// More names below this one: `env`, `secrets`, `steps`, `steps.create`.
    Group(&'s dyn Group),
    /// The value `omit`.
    Omit,
}

impl<'s> Bound<'s> {
    /// A value that no secret went into.
    #[must_use]
    pub fn plain(value: &'s Value) -> Self {
        Self::Value { value: Cow::Borrowed(value), taint: None }
    }

    /// A computed value that no secret went into.
    #[must_use]
    pub fn owned(value: Value) -> Self {
        Self::Value { value: Cow::Owned(value), taint: None }
    }
}

/// Names with what they stand for, looked up when they are used.
pub trait Group {
    /// What a name stands for, if it is there.
    fn get(&self, name: &str) -> Option<Bound<'_>>;
    /// All names, for suggestions and for a group that is used as a value.
    fn names(&self) -> Vec<Cow<'_, str>>;
}

/// A group held in memory, over another one that it hides name by name.
#[derive(Default, Clone)]
pub struct Names {
    entries: BTreeMap<String, Entry>,
    below: Option<Arc<Names>>,
}

/// What a name of a group held in memory stands for.
#[derive(Clone)]
pub enum Entry {
    /// A value, with the secret that it derives from.
    Value {
        /// The value.
        value: Arc<Value>,
        /// The secret, if any.
        taint: Taint,
    },
    /// More names.
    Group(Arc<dyn Group + Send + Sync>),
    /// The value `omit`.
    Omit,
}

impl Entry {
    /// A mapping: one plain value, or where a secret or an `omit` is somewhere in it a group, so that
    /// what stands beside a secret is none, and an omitted field is omitted where it is used.
    #[must_use]
    pub(super) fn of_fields(fields: Vec<(String, Self)>) -> Self {
        let plain = |(_, entry): &(String, Self)| matches!(entry, Self::Value { taint: None, .. });
        if !fields.iter().all(plain) {
            return Self::Group(Arc::new(Fields(fields)));
        }
        let values = fields.into_iter().filter_map(|(name, entry)| match entry {
            Self::Value { value, .. } => Some((name, Arc::unwrap_or_clone(value))),
            Self::Group(_) | Self::Omit => None,
        });
        let value = Arc::new(Value::Object(values.collect()));
        Self::Value { value, taint: None }
    }

    /// What it is to an expression.
    #[must_use]
    pub fn bound(&self) -> Bound<'_> {
        match self {
            Self::Value { value, taint } => {
                Bound::Value { value: Cow::Borrowed(value), taint: taint.clone() }
            }
            Self::Group(group) => Bound::Group(group.as_ref()),
            Self::Omit => Bound::Omit,
        }
    }
}

impl From<Evaluated> for Entry {
    fn from(evaluated: Evaluated) -> Self {
        match evaluated {
            Evaluated::Value { value, taint } => Self::Value { value: Arc::new(value), taint },
            Evaluated::Omit => Self::Omit,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the value: it may be a secret.
        f.write_str(match self {
            Self::Value { .. } => "Value",
            Self::Group(_) => "Group",
            Self::Omit => "Omit",
        })
    }
}

/// The fields of a mapping in their order, each with its own secret.
struct Fields(Vec<(String, Entry)>);

impl Group for Fields {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, entry)| entry.bound())
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(|(name, _)| Cow::Borrowed(name.as_str())).collect()
    }
}

impl Names {
    /// An empty group over another one.
    #[must_use]
    pub fn over(below: Arc<Names>) -> Self {
        Self { entries: BTreeMap::new(), below: Some(below) }
    }

    /// Binds a name to a value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Arc<Value>>) {
        self.bind(name, value, None);
    }

    /// Binds a name to a value that derives from a secret, or from none.
    pub fn bind(&mut self, name: impl Into<String>, value: impl Into<Arc<Value>>, taint: Taint) {
        self.entries.insert(name.into(), Entry::Value { value: value.into(), taint });
    }

    /// Binds a name to more names.
    pub fn insert_group(
        &mut self,
        name: impl Into<String>,
        group: impl Into<Arc<dyn Group + Send + Sync>>,
    ) {
        self.entries.insert(name.into(), Entry::Group(group.into()));
    }

    /// Binds a name to `omit`.
    pub fn insert_omit(&mut self, name: impl Into<String>) {
        self.entries.insert(name.into(), Entry::Omit);
    }

    /// Binds a name to what an expression or a whole value gave.
    pub fn insert_entry(&mut self, name: impl Into<String>, entry: impl Into<Entry>) {
        self.entries.insert(name.into(), entry.into());
    }

    /// Forgets a name of this level; one below it shows again.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }
}

impl From<Names> for Arc<dyn Group + Send + Sync> {
    fn from(names: Names) -> Self {
        Arc::new(names)
    }
}

impl Group for Names {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        match self.entries.get(name) {
            Some(entry) => Some(entry.bound()),
            None => self.below.as_ref()?.get(name),
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let mut names: Vec<_> =
            self.entries.keys().map(|name| Cow::Borrowed(name.as_str())).collect();
        if let Some(below) = &self.below {
            names.extend(below.names().into_iter().filter(|n| !self.entries.contains_key(&**n)));
        }
        names
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names only: a value may be a secret.
        f.debug_list().entries(self.names()).finish()
    }
}

/// Where an evaluation stands: random values depend on this and on the place in the plan alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seed<'s> {
    /// The run's seed.
    pub seed: u64,
    /// The plan, by its path.
    pub plan: &'s str,
    /// The case's name; empty without cases.
    pub case: &'s str,
    /// The step's id or its place; empty outside steps.
    pub step: &'s str,
    /// The sample, from 1.
    pub iteration: u64,
    /// The attempt, from 1.
    pub attempt: u64,
}

/// Everything that an evaluation may look at.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    /// The names.
    pub names: &'s dyn Group,
    /// Where random values come from.
    pub seed: Seed<'s>,
    /// What `now()` is.
    pub now: Timestamp,
    /// A number that was never given before, in this run or another: `unique` is made of it.
    pub entropy: &'s dyn Fn() -> u64,
    /// Reads the file that `file('path')` names, or says why it cannot be read.
    pub file: &'s dyn Fn(&str) -> Result<Vec<u8>, String>,
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("names", &self.names.names()).finish_non_exhaustive()
    }
}

/// What a template gave.
#[derive(Clone, PartialEq)]
pub enum Evaluated {
    /// A value.
    Value {
        /// The value.
        value: Value,
        /// The secret that it derives from: it must be registered before anything is shown.
        taint: Taint,
    },
    /// The bearer of this value is left out.
    Omit,
}

impl Evaluated {
    /// The value; nothing for `omit`.
    #[must_use]
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Value { value, .. } => Some(value),
            Self::Omit => None,
        }
    }

    /// The secret that it derives from.
    #[must_use]
    pub fn taint(&self) -> Taint {
        match self {
            Self::Value { taint, .. } => taint.clone(),
            Self::Omit => None,
        }
    }
}

impl fmt::Debug for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { taint: Some(name), .. } => write!(f, "Value(from secret `{name}`)"),
            Self::Value { value, taint: None } => write!(f, "Value({value})"),
            Self::Omit => f.write_str("Omit"),
        }
    }
}
