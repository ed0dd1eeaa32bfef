//! What is going to run: one job for each plan and case, with the steps that are selected.

use std::sync::Arc;

use crate::check::{CheckedPlan, StepIndex};
use crate::event::{JobId, Section};
use crate::finding::nearest;

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
    let mut selected: Vec<bool> =
        steps.iter().map(|step| step.section != Section::Steps || named(&step.id)).collect();
    // What is needed stands before: one pass from the end reaches it all. Cleanup is not asked,
    // it takes what is there.
    for index in (0..steps.len()).rev() {
        let Some(step) = steps.get(index) else { continue };
        if step.section == Section::Cleanup || !selected.get(index).copied().unwrap_or(false) {
            continue;
        }
        for StepIndex(needed) in needed(step) {
            if let Some(slot) = selected.get_mut(needed) {
                *slot = true;
            }
        }
    }
    selected
}

fn needed(step: &crate::check::CheckedStep) -> impl Iterator<Item = StepIndex> + '_ {
    step.needs
        .iter()
        .copied()
        .chain(step.uses.captures.iter().map(|(_, index, _)| *index))
        .chain(step.uses.steps.iter().copied())
}
