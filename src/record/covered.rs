//! What of each contract the runs have used: operations, statuses, parameters, and how far.

use std::collections::BTreeMap;

use super::Record;
use crate::contract::{Listed, ListedOperation};
use crate::outcome::ContractUse;

/// How far something of a contract was used. Only steps that were carried out count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A request went to it.
    Called,
    /// Its response was held against the document.
    Validated,
    /// A plan asserts more of its response than the status and the contract.
    Asserted,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Called, Self::Validated, Self::Asserted];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Called => "called",
            Self::Validated => "validated",
            Self::Asserted => "asserted",
        }
    }

    /// Reads its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    fn of(used: &ContractUse) -> Self {
        match (used.asserted, used.validated) {
            (true, _) => Self::Asserted,
            (false, true) => Self::Validated,
            (false, false) => Self::Called,
        }
    }
}

/// Something that can be covered, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `200`, `query limit`, `application/json`.
    pub name: String,
    /// How far; nothing where it was never used.
    pub level: Option<Level>,
}

/// An operation and all that can be covered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredOperation {
    /// `POST /pets`, and how far.
    pub operation: Item,
    /// The documented statuses.
    pub statuses: Vec<Item>,
    /// The parameters.
    pub parameters: Vec<Item>,
    /// The media types of the body.
    pub media: Vec<Item>,
    /// The ways to show who asks.
    pub security: Vec<Item>,
}

/// A contract and all that can be covered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredContract {
    /// Its name.
    pub name: String,
    /// The path of its document.
    pub document: String,
    /// Its operations.
    pub operations: Vec<CoveredOperation>,
}

/// A method, a path and a status that no document has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Undocumented {
    /// The contract under whose base it lies.
    pub contract: String,
    /// The operation, or the method and path that were asked.
    pub operation: String,
    /// The status that came.
    pub status: Option<u16>,
}

/// What several runs have used of their contracts together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContractCoverage {
    /// The contracts.
    pub contracts: Vec<CoveredContract>,
    /// What was met and is not documented.
    pub undocumented: Vec<Undocumented>,
}

impl ContractCoverage {
    /// Of runs.
    #[must_use]
    pub fn of(runs: &[Record]) -> Self {
        let mut coverage = Self::default();
        for listed in runs.iter().flat_map(|run| &run.contracts) {
            coverage.list(listed);
        }
        for run in runs {
            let results = run.plans.iter().flat_map(|plan| &plan.steps);
            let results = results.filter_map(|step| step.result.as_ref());
            for used in results.flat_map(|result| &result.attempts) {
                if let Some(used) = &used.contract {
                    coverage.count(used);
                }
            }
        }
        coverage.undocumented.sort();
        coverage.undocumented.dedup();
        coverage
    }

    /// Everything that is covered, with how far: what a ratchet holds.
    #[must_use]
    pub fn covered(&self) -> BTreeMap<String, BTreeMap<String, Level>> {
        let mut all = BTreeMap::new();
        for contract in &self.contracts {
            let own: &mut BTreeMap<String, Level> = all.entry(contract.name.clone()).or_default();
            for operation in &contract.operations {
                let name = &operation.operation.name;
                let parts = [
                    &operation.statuses,
                    &operation.parameters,
                    &operation.media,
                    &operation.security,
                ];
                own.extend(operation.operation.level.map(|level| (name.clone(), level)));
                for item in parts.into_iter().flatten() {
                    own.extend(item.level.map(|level| (format!("{name} {}", item.name), level)));
                }
            }
        }
        all
    }

    /// Whether something can still be covered: what is no longer documented is no loss.
    #[must_use]
    pub fn has(&self, contract: &str, item: &str) -> bool {
        let mut of_name = self.contracts.iter().filter(|one| one.name == contract);
        of_name.any(|contract| {
            contract.operations.iter().any(|operation| {
                let name = &operation.operation.name;
                let Some(rest) = item.strip_prefix(name.as_str()) else { return false };
                let rest = rest.trim_start();
                let parts = [
                    &operation.statuses,
                    &operation.parameters,
                    &operation.media,
                    &operation.security,
                ];
                rest.is_empty() || parts.into_iter().flatten().any(|item| item.name == rest)
            })
        })
    }

    fn list(&mut self, listed: &Listed) {
        let is_it =
            |one: &&CoveredContract| one.name == listed.contract && one.document == listed.document;
        if self.contracts.iter().any(|one| is_it(&one)) {
            return;
        }
        self.contracts.push(CoveredContract {
            name: listed.contract.clone(),
            document: listed.document.clone(),
            operations: listed.operations.iter().map(CoveredOperation::of).collect(),
        });
    }

    fn count(&mut self, used: &ContractUse) {
        let level = Level::of(used);
        if !used.documented || used.response.is_none() {
            self.undocumented.push(Undocumented {
                contract: used.contract.clone(),
                operation: used.operation.clone(),
                status: used.status,
            });
        }
        let of_name = self.contracts.iter_mut().filter(|one| one.name == used.contract);
        for operation in of_name.flat_map(|contract| &mut contract.operations) {
            if operation.operation.name != used.operation {
                continue;
            }
            operation.operation.reach(level);
            let reach = |items: &mut Vec<Item>, names: &mut dyn Iterator<Item = &String>| {
                for name in names {
                    for item in items.iter_mut().filter(|item| item.name == *name) {
                        item.reach(level);
                    }
                }
            };
            reach(&mut operation.statuses, &mut used.response.iter());
            reach(&mut operation.parameters, &mut used.parameters.iter());
            reach(&mut operation.media, &mut used.media.iter());
            reach(&mut operation.security, &mut used.security.iter());
        }
    }
}

impl Item {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), level: None }
    }

    fn reach(&mut self, level: Level) {
        self.level = self.level.max(Some(level));
    }
}

impl CoveredOperation {
    fn of(listed: &ListedOperation) -> Self {
        let items = |names: &[String]| names.iter().map(|name| Item::of(name)).collect();
        Self {
            operation: Item::of(&listed.operation),
            statuses: items(&listed.statuses),
            parameters: items(&listed.parameters),
            media: items(&listed.media),
            security: items(&listed.security),
        }
    }
}

/// How many of some items reach a level, and how many there are.
#[must_use]
pub fn reached<'i>(items: impl Iterator<Item = &'i Item>, level: Level) -> (usize, usize) {
    items.fold((0, 0), |(reached, all), item| {
        (reached + usize::from(item.level.is_some_and(|own| own >= level)), all + 1)
    })
}
