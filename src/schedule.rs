//! What is going to run: one job for each plan and case, with the steps that are selected.

mod again;
mod filter;
mod selection;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use again::Again;
pub use filter::{About, Candidate, Filter, FilterFault, FilterMistake, Idle};
pub use selection::{NoSuchStep, Selection};

use crate::check::{Cases, CheckedPlan, CheckedStep, StepIndex, Work};
use crate::event::{JobId, Section};
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
    /// Which of the plan's cases, where it has some.
    pub case: Option<usize>,
    /// Whether each step is selected.
    pub selected: Vec<bool>,
}

impl Job {
    /// Whether a step is selected.
    #[must_use]
    pub fn is_selected(&self, step: StepIndex) -> bool {
        self.selected.get(step.0).copied().unwrap_or(true)
    }

    /// The plan with its selected steps, then every plan that one of them includes, near or far.
    #[must_use]
    pub fn plans(&self) -> Vec<(&CheckedPlan, Vec<bool>)> {
        let mut plans = vec![(self.plan.as_ref(), self.selected.clone())];
        for (number, step) in self.plan.steps().iter().enumerate() {
            if let Work::Include(include) = &step.work
                && self.is_selected(StepIndex(number))
                && step.skip.is_none()
            {
                include.plan.each_plan(&mut |plan| {
                    plans.push((plan, vec![true; plan.steps().len()]));
                });
            }
        }
        plans
    }

    /// How many steps are going to be counted: those that hold others are not.
    #[must_use]
    pub fn steps(&self) -> u32 {
        u32::try_from(counted(&self.plan, &|number| self.selected.get(number) == Some(&true)))
            .unwrap_or(u32::MAX)
    }

    /// How many steps the selection leaves out.
    #[must_use]
    pub fn left_out(&self) -> u32 {
        let all = u32::try_from(counted(&self.plan, &|_| true)).unwrap_or(u32::MAX);
        all.saturating_sub(self.steps())
    }
}

/// How many steps of a plan are counted, those of the plans that it includes too.
fn counted(plan: &CheckedPlan, is_selected: &dyn Fn(usize) -> bool) -> usize {
    let steps = plan.steps();
    let is_one_of_several = |step: &CheckedStep| {
        std::iter::successors(step.parent, |holder| steps.get(holder.0)?.parent)
            .filter_map(|holder| steps.get(holder.0))
            .any(is_first_of)
    };
    let selected = steps.iter().enumerate().filter(|(number, _)| is_selected(*number));
    selected.fold(0, |sum: usize, (_, step)| {
        if is_one_of_several(step) {
            return sum;
        }
        let once = match &step.work {
            // Of many samples the step itself is counted.
            Work::Include(_) if step.samples.is_some() => 1,
            Work::Include(include) => counted(&include.plan, &|_| true),
            Work::Group(group) => match group.kind {
                GroupKind::Parallel => 0,
                GroupKind::FirstOf => 1,
            },
            Work::Request(_) | Work::Assert(_) | Work::Sleep(_) => 1,
        };
        let cases = step.cases.as_ref().and_then(Cases::count).unwrap_or(1);
        sum.saturating_add(once.saturating_mul(cases))
    })
}

fn is_first_of(step: &CheckedStep) -> bool {
    matches!(&step.work, Work::Group(group) if group.kind == GroupKind::FirstOf)
}

/// The jobs of a suite, in the order of its plans; each plan comes with its path as shown.
///
/// # Errors
/// [`NoSuchStep`] where a selected step stands in none of the plans.
pub fn schedule(
    plans: &[(Arc<CheckedPlan>, String)],
    selection: &Selection,
) -> Result<Vec<Job>, NoSuchStep> {
    let all: Vec<(&CheckedPlan, &str)> =
        plans.iter().map(|(plan, path)| (plan.as_ref(), path.as_str())).collect();
    selection.look_up(&all)?;
    let mut jobs = Vec::new();
    for (position, (plan, path)) in plans.iter().enumerate() {
        let Some(asked) = selection.asked(plan, path) else { continue };
        let mut selected = selected_steps(plan, &asked);
        selection.cut(plan, &mut selected);
        let cases = match plan.cases() {
            // Cases of a plan are known before the run.
            Some(cases) => (0..cases.count().unwrap_or(0)).map(Some).collect(),
            None => vec![None],
        };
        for case in cases {
            let id = JobId(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
            let (plan, selected) = (Arc::clone(plan), selected.clone());
            jobs.push(Job { id, plan, position, case, selected });
        }
    }
    Ok(jobs)
}

/// Which steps run when some are asked for.
fn selected_steps(plan: &CheckedPlan, asked: &[bool]) -> Vec<bool> {
    let steps = plan.steps();
    let mut selected: Vec<bool> = vec![false; steps.len()];
    let mut open: Vec<StepIndex> = Vec::new();
    let mut whole: BTreeSet<StepIndex> = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        if step.section != Section::Steps || asked.get(number) == Some(&true) {
            open.push(StepIndex(number));
        }
    }
    // A step comes with what holds it, a group with its steps, and both with what they need.
    // Cleanup is not asked, it takes what is there.
    while let Some(index) = open.pop() {
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
            open.extend(needed(group));
            holder = group.parent;
        }
        if let Work::Group(group) = &step.work {
            open.extend(&group.children);
        }
        if step.section != Section::Cleanup {
            open.extend(needed(step));
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
