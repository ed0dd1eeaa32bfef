//! What the names of a plan stand for while it runs: variables, captures, earlier steps.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cases::Case;
use crate::outcome::Verdict;
use crate::template::{Bound, Entry, Group, Names, Taint};

/// What is seen of a step by those after it: `steps.ID.…`.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) verdict: Option<Verdict>,
    pub(super) sent: bool,
    pub(super) response: Option<SeenResponse>,
}

/// The response of a step, kept where a later step looks at it.
#[derive(Debug, Clone)]
pub(super) struct SeenResponse {
    pub(super) fields: BTreeMap<String, Arc<Value>>,
}

/// All names of one job.
#[derive(Debug)]
pub(super) struct JobNames {
    /// Variables and captures over what the environment and the run give.
    own: Names,
    steps: BTreeMap<String, SeenGroup>,
}

/// A step as a group of names.
#[derive(Debug, Default)]
struct SeenGroup {
    flags: [Value; 3],
    fields: BTreeMap<String, Arc<Value>>,
}

const FLAGS: [&str; 3] = ["sent", "passed", "failed"];

impl JobNames {
    pub(super) fn new(shared: Arc<Names>) -> Self {
        Self { own: Names::over(shared), steps: BTreeMap::new() }
    }

    pub(super) fn define(&mut self, name: &str, entry: impl Into<Entry>) {
        self.own.insert_entry(name, entry);
    }

    pub(super) fn capture(&mut self, name: &str, value: Value, taint: Taint) {
        self.own.bind(name, value, taint);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.own.get(name).is_some()
    }

    /// What later steps can see of this one.
    pub(super) fn see(&mut self, id: &str, seen: &Seen) {
        let passed = seen.verdict == Some(Verdict::Passed);
        let failed = matches!(seen.verdict, Some(Verdict::Failed | Verdict::Errored));
        let group = SeenGroup {
            flags: [Value::Bool(seen.sent), Value::Bool(passed), Value::Bool(failed)],
            fields: seen.response.as_ref().map(|r| r.fields.clone()).unwrap_or_default(),
        };
        self.steps.insert(id.to_owned(), group);
    }
}

impl Group for SeenGroup {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        if let Some(flag) = FLAGS.iter().position(|flag| *flag == name) {
            return self.flags.get(flag).map(Bound::plain);
        }
        self.fields.get(name).map(|value| Bound::plain(value))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        FLAGS.into_iter().chain(self.fields.keys().map(String::as_str)).map(Cow::Borrowed).collect()
    }
}

/// The steps as a group of names.
struct Steps<'a>(&'a BTreeMap<String, SeenGroup>);

impl Group for Steps<'_> {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        self.0.get(name).map(|step| Bound::Group(step))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.0.keys().map(|name| Cow::Borrowed(name.as_str())).collect()
    }
}

impl Group for JobNames {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        self.own.get(name)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.own.names()
    }
}

/// The names that one attempt of one step sees.
pub(super) struct AttemptNames<'a> {
    job: &'a JobNames,
    /// The step's own captures, for `values`.
    captures: Option<&'a Names>,
    steps: Steps<'a>,
    case: Option<&'a Case>,
    /// The step's id, or nothing.
    step: &'a str,
    attempt: u32,
    iteration: u32,
}

impl<'a> AttemptNames<'a> {
    pub(super) fn new(job: &'a JobNames, case: Option<&'a Case>, step: &'a str) -> Self {
        let steps = Steps(&job.steps);
        Self { job, captures: None, steps, case, step, attempt: 1, iteration: 1 }
    }

    /// The same, in another attempt and sample.
    pub(super) fn at(mut self, attempt: u32, iteration: u32) -> Self {
        self.attempt = attempt;
        self.iteration = iteration;
        self
    }

    /// The same, with the step's own captures.
    pub(super) fn with(mut self, captures: &'a Names) -> Self {
        self.captures = Some(captures);
        self
    }
}

impl Group for AttemptNames<'_> {
    fn get(&self, name: &str) -> Option<Bound<'_>> {
        match name {
            "steps" => Some(Bound::Group(&self.steps)),
            "case" => self.case.map(Case::bound),
            "step" => Some(Bound::owned(json!({"id": self.step}))),
            "attempt" => Some(Bound::owned(self.attempt.into())),
            "iter" => Some(Bound::owned(self.iteration.into())),
            _ => self.captures.and_then(|own| own.get(name)).or_else(|| self.job.own.get(name)),
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let mut names = self.job.own.names();
        names.extend(["steps", "step", "attempt", "iter"].map(Cow::Borrowed));
        names.extend(self.case.map(|_| Cow::Borrowed("case")));
        names
    }
}
