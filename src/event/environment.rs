//! Owes the others what was told of an environment: its variables, where each came from, its services.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secret::{Gate, Redact};
use crate::source::Place;

/// An environment with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentTold {
    /// Its name; nothing where only the command line gave variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether requests that may write had to be allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Its variables, in the order in which they are written; those from outside last.
    pub variables: Vec<VariableTold>,
    /// What was started for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceTold>,
    /// The names of its secrets that had a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// A variable of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariableTold {
    /// Its name, without `env.`.
    pub name: String,
    /// Its value, masked where it is secret.
    pub value: Value,
    /// Where it is written, if in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where it came from: the file's path, `--var`, `PLANRUN_VAR_x`.
    pub source: String,
}

/// A service that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTold {
    /// Its name.
    pub name: String,
    /// Whether it is the built-in registry; a command of the environment otherwise.
    pub builtin: bool,
    /// What makes the built-in registry sick, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id in hex.
    pub id: String,
    /// The branch that was checked out, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

impl EnvironmentTold {
    /// Whether its services include the built-in registry.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.services.iter().any(|service| service.builtin)
    }
}

impl Redact for EnvironmentTold {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, protected: _, variables, services, secrets } = self;
        name.redact(gate);
        variables.redact(gate);
        services.redact(gate);
        secrets.redact(gate);
    }
}

impl Redact for VariableTold {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, value, place: _, source } = self;
        // A variable with the name of a secret is masked whatever it holds.
        gate.field(name, value);
        value.redact(gate);
        name.redact(gate);
        source.redact(gate);
    }
}

impl Redact for ServiceTold {
    fn redact(&mut self, gate: &Gate) {
        let Self { name, builtin: _, fault } = self;
        name.redact(gate);
        fault.redact(gate);
    }
}

impl Redact for Commit {
    fn redact(&mut self, gate: &Gate) {
        let Self { id, branch } = self;
        id.redact(gate);
        branch.redact(gate);
    }
}
