//! What the registry remembers, behind one lock that is never held over an `.await`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Fault;
use super::artifacts::Artifacts;
use super::keys::Keys;

/// Tags, parameters and their kin: in the order in which they came, each key once.
pub(super) type Pairs = IndexMap<String, String>;

/// The registry's memory, shared by its connections.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) fault: Fault,
    memory: Arc<Mutex<Memory>>,
    /// Tells a registration that waits between its check and its insert that another one came.
    rival: Arc<Notify>,
}

impl State {
    pub(super) fn new(fault: Fault, keys: &Arc<Keys>) -> Self {
        Self {
            fault,
            memory: Arc::new(Mutex::new(Memory::new(Arc::clone(keys)))),
            rival: Arc::default(),
        }
    }

    /// Waits until another registration has checked too, or for so long.
    pub(super) async fn until_a_rival_came(&self, longest: Duration) {
        self.rival.notify_waiters();
        let _ = tokio::time::timeout(longest, self.rival.notified()).await;
    }

    /// Everything, for as long as the guard lives.
    pub(super) fn lock(&self) -> MutexGuard<'_, Memory> {
        // A panic in one request must not take the others with it.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Experiments, runs, models and artifacts.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) experiments: BTreeMap<u64, Experiment>,
    pub(super) runs: IndexMap<String, Run>,
    pub(super) models: BTreeMap<String, Model>,
    pub(super) artifacts: Artifacts,
    pub(super) keys: Arc<Keys>,
}

impl Memory {
    fn new(keys: Arc<Keys>) -> Self {
        let mut memory = Self {
            experiments: BTreeMap::new(),
            runs: IndexMap::new(),
            models: BTreeMap::new(),
            artifacts: Artifacts::default(),
            keys,
        };
        memory.add_experiment("Default".to_owned(), Pairs::new(), None);
        memory
    }

    /// Adds an experiment under the next number; the first, `Default`, is 0.
    pub(super) fn add_experiment(
        &mut self,
        name: String,
        tags: Pairs,
        artifact_location: Option<String>,
    ) -> u64 {
        let id = self.experiments.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let now = now_ms();
        let artifact_location =
            artifact_location.unwrap_or_else(|| format!("mlflow-artifacts:/{id}"));
        let experiment = Experiment {
            name,
            artifact_location,
            deleted: false,
            created: now,
            updated: now,
            tags,
        };
        self.experiments.insert(id, experiment);
        id
    }
}

/// An experiment; deleting hides it and keeps its name taken.
#[derive(Debug)]
pub(super) struct Experiment {
    pub(super) name: String,
    pub(super) artifact_location: String,
    pub(super) deleted: bool,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) tags: Pairs,
}

/// A run with what was logged to it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) experiment_id: u64,
    pub(super) name: String,
    pub(super) user_id: String,
    pub(super) status: String,
    pub(super) start_time: i64,
    pub(super) end_time: Option<i64>,
    pub(super) artifact_uri: String,
    pub(super) deleted: bool,
    pub(super) metrics: IndexMap<String, Vec<Metric>>,
    pub(super) params: Pairs,
    pub(super) tags: Pairs,
}

/// One point of a metric; the value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    pub(super) value: Value,
    pub(super) timestamp: i64,
    pub(super) step: i64,
}

/// A registered model and its versions.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) description: Option<String>,
    pub(super) tags: Pairs,
    pub(super) versions: BTreeMap<u64, Version>,
    pub(super) aliases: BTreeMap<String, u64>,
    /// The highest number that was ever given: a deleted version's is not given again.
    pub(super) last_version: u64,
}

/// One version of a model.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) stage: &'static str,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) run_id: String,
    pub(super) run_link: String,
    pub(super) tags: Pairs,
}

/// Milliseconds since 1970, as in every time of the registry.
#[expect(clippy::disallowed_methods, reason = "a registry stamps what it creates")]
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `[{key, value}, …]`.
pub(super) fn show_pairs(pairs: &Pairs) -> Value {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// Adds a field only where it is not empty, as protobuf's JSON does with lists.
pub(super) fn put_list(object: &mut Value, name: &str, list: Value) {
    if list.as_array().is_some_and(Vec::is_empty) {
        return;
    }
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), list);
    }
}
