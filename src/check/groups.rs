//! What a group leaves for the steps after it, and what its own steps may not do to each other.

use std::collections::BTreeMap;

use super::placed::Placed;
use super::types::StepIndex;
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{Action, GroupKind};
use crate::source::Place;

/// The step that makes each capture whenever the one at hand passes.
type Sure = BTreeMap<String, (StepIndex, Place)>;

impl Checker<'_> {
    /// Every group of a plan, once its own steps have been read.
    pub(super) fn leave_group(&mut self, all: &[Placed<'_>], group: &Placed<'_>) {
        let sure = self.surely(all, group);
        let mut some: BTreeMap<&str, (StepIndex, Place)> = BTreeMap::new();
        for placed in all.iter().filter(|placed| placed.top == group.index) {
            for name in placed.step.leaves() {
                let by = outermost_choice(all, placed).unwrap_or(placed.index);
                some.insert(&name.value, (by, name.place));
            }
        }
        for (name, (by, place)) in some {
            match sure.get(name) {
                Some((by, place)) => self.names.define_group_capture(name, *by, false, *place),
                None => self.names.define_group_capture(name, by, true, place),
            }
        }
    }

    /// What is captured for sure where a step passes; two of `parallel` that capture one name are
    /// reported.
    fn surely(&mut self, all: &[Placed<'_>], placed: &Placed<'_>) -> Sure {
        let Action::Group(kind, _) = &placed.step.action else {
            let names = placed.step.leaves();
            return names.map(|name| (name.value.clone(), (placed.index, name.place))).collect();
        };
        let mut of_children = Vec::new();
        for child in placed.children.iter().filter_map(|child| all.get(child.0)) {
            of_children.push(self.surely(all, child));
        }
        match kind {
            GroupKind::Parallel => {
                let mut union = Sure::new();
                for (name, (by, place)) in of_children.into_iter().flatten() {
                    if let Some((_, first)) = union.get(&name) {
                        self.two_at_once(&name, place, *first);
                    } else {
                        union.insert(name, (by, place));
                    }
                }
                union
            }
            GroupKind::FirstOf => {
                let Some((first, rest)) = of_children.split_first() else { return Sure::new() };
                first
                    .iter()
                    .filter(|(name, _)| rest.iter().all(|other| other.contains_key(*name)))
                    .map(|(name, (_, place))| (name.clone(), (placed.index, *place)))
                    .collect()
            }
        }
    }

    fn two_at_once(&mut self, name: &str, place: Place, first: Place) {
        self.report(
            Finding::error(
                Code::DuplicateName,
                format!("two steps that run at once capture `{name}`"),
            )
            .at(place, "again here")
            .at(first, "first here")
            .help("which of them comes last is chance: give one another name"),
        );
    }
}

/// The outermost `first_of` that holds a step: it passes without this step.
fn outermost_choice(all: &[Placed<'_>], placed: &Placed<'_>) -> Option<StepIndex> {
    let mut found = None;
    let mut parent = placed.parent;
    while let Some(group) = parent.and_then(|index| all.get(index.0)) {
        if matches!(group.step.action, Action::Group(GroupKind::FirstOf, _)) {
            found = Some(group.index);
        }
        parent = group.parent;
    }
    found
}
