//! Which step of one run is which of the other: by id, else by name, inside the same plan, case and
//! enclosing steps.

use std::collections::{BTreeMap, VecDeque};

use super::Here;
use crate::event::Section;
use crate::record::{PlanRecord, Record, StepRecord};

/// A step of one run, of the other, or of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) before: Option<Here<'a>>,
    pub(super) after: Option<Here<'a>>,
}

/// What names a step whatever its line is: its section and the labels of what holds it and its own.
type Name = (Section, Vec<String>);

/// All steps that are told of both runs, in the order of the later one; then what only the earlier
/// one has.
pub(super) fn steps<'a>(before: &'a Record, after: &'a Record) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    let mut gone = Vec::new();
    for (then, now) in plans(before, after) {
        let mut known: BTreeMap<Name, VecDeque<Here<'a>>> = BTreeMap::new();
        if let Some(plan) = then {
            for step in plan.told() {
                known.entry(name(plan, step)).or_default().push_back((plan, step));
            }
        }
        if let Some(plan) = now {
            for step in plan.told() {
                // Steps with one name are taken in their order.
                let before = known.get_mut(&name(plan, step)).and_then(VecDeque::pop_front);
                pairs.push(Pair { before, after: Some((plan, step)) });
            }
        }
        let mut left: Vec<Here<'a>> = known.into_values().flatten().collect();
        left.sort_by_key(|(_, step)| step.step.key());
        gone.extend(left.into_iter().map(|here| Pair { before: Some(here), after: None }));
    }
    pairs.extend(gone);
    pairs
}

/// Which plan is which: by path and case, else by name and case.
fn plans<'a>(
    before: &'a Record,
    after: &'a Record,
) -> Vec<(Option<&'a PlanRecord>, Option<&'a PlanRecord>)> {
    let mut left: Vec<&PlanRecord> = before.plans.iter().collect();
    let mut take = |same: &dyn Fn(&PlanRecord) -> bool| {
        let at = left.iter().position(|plan| same(plan))?;
        Some(left.remove(at))
    };
    let mut pairs: Vec<_> = after
        .plans
        .iter()
        .map(|now| {
            let is_same = |then: &PlanRecord| {
                (&then.started.path, &then.started.case) == (&now.started.path, &now.started.case)
            };
            (take(&is_same), Some(now))
        })
        .collect();
    for (then, now) in &mut pairs {
        let Some(now) = now.filter(|_| then.is_none()) else { continue };
        // A plan that was moved, or was run from another folder, keeps its name.
        *then = take(&|plan: &PlanRecord| {
            (&plan.started.name, &plan.started.case) == (&now.started.name, &now.started.case)
        });
    }
    pairs.extend(left.into_iter().map(|then| (Some(then), None)));
    pairs
}

fn name(plan: &PlanRecord, step: &StepRecord) -> Name {
    let label = |record: &StepRecord| {
        let step = &record.step;
        let own = step.id.as_ref().unwrap_or(&step.name);
        match &step.case {
            Some(case) => format!("{own} [{}]", case.name),
            None => own.clone(),
        }
    };
    let mut labels: Vec<String> = if step.step.within.is_empty() {
        Vec::new()
    } else {
        plan.steps.iter().filter(|outer| step.step.is_inside(&outer.step)).map(label).collect()
    };
    labels.push(label(step));
    (step.step.section, labels)
}
