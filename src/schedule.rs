//! What is going to run: one job for each plan and case, with the steps that are selected.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check::{CheckedPlan, CheckedStep, StepIndex, Work};
use crate::event::{JobId, Section};
use crate::finding::nearest;
use crate::plan::GroupKind;

/// One plan in one case.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number; jobs are reported in this order.
    pub id: JobId,
    /// The plan.
    pub plan: Arc<CheckedPlan>,
    /// The plan's position in the suite.
    pub position: usize,
    /// Whether each step is selected.
    pub selected: Vec<bool>,
}

impl Job {
    /// Whether a step is selected.
    #[must_use]
    pub fn is_selected(&self, step: StepIndex) -> bool {
        self.selected.get(step.0).copied().unwrap_or(true)
    }

    /// How many steps are going to be counted: those that hold others are not.
    #[must_use]
    pub fn steps(&self) -> u32 {
        let steps = self.plan.steps();
        let is_counted = |step: &CheckedStep| {
            let mut holder = step.parent;
            while let Some(above) = holder.and_then(|index| steps.get(index.0)) {
                if is_group(above, GroupKind::FirstOf) {
                    return false;
                }
                holder = above.parent;
            }
            !is_group(step, GroupKind::Parallel)
        };
        let selected = self.selected.iter().zip(steps).filter(|(selected, _)| **selected);
        let counted = selected.filter(|(_, step)| is_counted(step)).count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    }
}

fn is_group(step: &CheckedStep, kind: GroupKind) -> bool {
    matches!(&step.work, Work::Group(group) if group.kind == kind)
}

/// What the command line selects; empty lists select everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Plans with one of these tags.
    pub tags: Vec<String>,
    /// Steps with one of these ids, with setup, cleanup and what they need.
    pub steps: Vec<String>,
}

/// A selected step that no plan has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchStep {
    /// The id as asked for.
    pub id: String,
    /// The nearest one that exists.
    pub nearest: Option<String>,
}

/// The jobs of a suite, in the order of its plans.
///
/// # Errors
/// [`NoSuchStep`] where a selected step stands in none of the plans.
pub fn schedule(plans: &[Arc<CheckedPlan>], selection: &Selection) -> Result<Vec<Job>, NoSuchStep> {
    let tagged = |plan: &CheckedPlan| {
        selection.tags.is_empty() || plan.tags().iter().any(|tag| selection.tags.contains(tag))
    };
    for id in &selection.steps {
        let ids = || plans.iter().flat_map(|plan| plan.steps()).filter_map(|s| s.id.as_deref());
        if !ids().any(|known| known == id) {
            let nearest = nearest(id, ids()).map(str::to_owned);
            return Err(NoSuchStep { id: id.clone(), nearest });
        }
    }
    let mut jobs = Vec::new();
    for (position, plan) in plans.iter().enumerate() {
        if !tagged(plan) {
            continue;
        }
        let selected = selected_steps(plan, &selection.steps);
        if selection.steps.is_empty() || selected.iter().any(|selected| *selected) {
            let id = JobId(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
            jobs.push(Job { id, plan: Arc::clone(plan), position, selected });
        }
    }
    Ok(jobs)
}

/// Which steps run when only some ids are asked for.
fn selected_steps(plan: &CheckedPlan, ids: &[String]) -> Vec<bool> {
    let steps = plan.steps();
    if ids.is_empty() {
        return vec![true; steps.len()];
    }
    let named = |id: &Option<String>| id.as_ref().is_some_and(|id| ids.contains(id));
    if !steps.iter().any(|step| named(&step.id)) {
        return vec![false; steps.len()];
    }
    let mut selected: Vec<bool> = vec![false; steps.len()];
    let mut asked: Vec<StepIndex> = Vec::new();
    let mut whole: BTreeSet<StepIndex> = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        if step.section != Section::Steps || named(&step.id) {
            asked.push(StepIndex(number));
        }
    }
    // A step comes with what holds it, a group with its steps, and both with what they need.
    // Cleanup is not asked, it takes what is there.
    while let Some(index) = asked.pop() {
        let Some(step) = steps.get(index.0) else { continue };
        if !whole.insert(index) {
            continue;
        }
        if let Some(slot) = selected.get_mut(index.0) {
            *slot = true;
        }
        let mut holder = step.parent;
        while let Some(above) = holder {
            if let Some(slot) = selected.get_mut(above.0) {
                *slot = true;
            }
            let Some(group) = steps.get(above.0) else { break };
            asked.extend(needed(group));
            holder = group.parent;
        }
        if let Work::Group(group) = &step.work {
            asked.extend(&group.children);
        }
        if step.section != Section::Cleanup {
            asked.extend(needed(step));
        }
    }
    selected
}

fn needed(step: &CheckedStep) -> impl Iterator<Item = StepIndex> + '_ {
    step.needs
        .iter()
        .copied()
        .chain(step.uses.captures.iter().map(|(_, index, _)| *index))
        .chain(step.uses.steps.iter().copied())
}
