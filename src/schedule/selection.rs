//! What the command line selects: plans by their tags, steps by their ids, both by a filter.

use super::again::Again;
use super::filter::{Candidate, Filter};
use crate::check::{CheckedPlan, CheckedStep};
use crate::event::Section;
use crate::finding::nearest;

/// What the command line selects; what is empty selects everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Plans with one of these tags, and with none of those that begin with `!`.
    pub tags: Vec<String>,
    /// Steps with one of these ids, with setup, cleanup and what they need.
    pub steps: Vec<String>,
    /// The plan with this step, up to and with it; cleanup follows.
    pub until: Option<String>,
    /// Steps of which one of these is true, with setup, cleanup and what they need.
    pub filters: Vec<Filter>,
    /// What is left to do of an earlier run, with setup, cleanup and what it needs.
    pub again: Option<Again>,
}

/// A selected step that no plan has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchStep {
    /// The id as asked for.
    pub id: String,
    /// The nearest one that exists.
    pub nearest: Option<String>,
}

impl Selection {
    /// Looks for the steps that are asked for by their ids.
    pub(super) fn look_up(&self, plans: &[(&CheckedPlan, &str)]) -> Result<(), NoSuchStep> {
        let ids = || {
            let steps = plans.iter().flat_map(|(plan, _)| plan.steps());
            steps.filter_map(|step| step.id.as_deref())
        };
        for id in self.steps.iter().chain(&self.until) {
            if !ids().any(|known| known == id) {
                let nearest = nearest(id, ids()).map(str::to_owned);
                return Err(NoSuchStep { id: id.clone(), nearest });
            }
        }
        Ok(())
    }

    /// The steps of a plan that are asked for, without what they need; nothing where the plan is
    /// not selected.
    pub(super) fn asked(&self, plan: &CheckedPlan, path: &str) -> Option<Vec<bool>> {
        if !self.has_tags(plan) {
            return None;
        }
        let steps = plan.steps();
        let last = match &self.until {
            None => steps.len(),
            Some(until) => last_of(plan, until)?,
        };
        let again = match &self.again {
            Some(again) => Some(again.asked(plan, path)?),
            None => None,
        };
        if self.steps.is_empty() && self.filters.is_empty() && again.is_none() {
            return Some((0..steps.len()).map(|number| number <= last).collect());
        }
        let wanted = |(number, step): (usize, &CheckedStep)| {
            let named = |id: &String| self.steps.contains(id);
            let by_id = self.steps.is_empty() || step.id.as_ref().is_some_and(named);
            let by_filter = self.filters.is_empty()
                || Candidate::new(plan, path, step)
                    .is_some_and(|it| self.filters.iter().any(|filter| filter.selects(&it)));
            let by_again = again.as_ref().is_none_or(|again| again.contains(&number));
            number <= last && by_id && by_filter && by_again
        };
        let asked: Vec<bool> = steps.iter().enumerate().map(wanted).collect();
        asked.contains(&true).then_some(asked)
    }

    /// Ends a plan with the step up to which it is asked for; cleanup follows all the same.
    pub(super) fn cut(&self, plan: &CheckedPlan, selected: &mut [bool]) {
        let Some(until) = &self.until else { return };
        let Some(last) = last_of(plan, until) else { return };
        for (number, (step, selected)) in plan.steps().iter().zip(selected).enumerate() {
            *selected &= number <= last || step.section == Section::Cleanup;
        }
    }

    fn has_tags(&self, plan: &CheckedPlan) -> bool {
        let has = |tag: &str| plan.tags().iter().any(|known| known == tag);
        let (without, with): (Vec<&str>, Vec<&str>) =
            self.tags.iter().map(String::as_str).partition(|tag| tag.starts_with('!'));
        (with.is_empty() || with.into_iter().any(has))
            && !without.into_iter().any(|tag| has(tag.trim_start_matches('!')))
    }
}

/// The last step of the step with this id: itself, or what it holds.
fn last_of(plan: &CheckedPlan, id: &str) -> Option<usize> {
    let steps = plan.steps();
    let first = steps.iter().position(|step| step.id.as_deref() == Some(id))?;
    let is_held = |step: &CheckedStep| {
        std::iter::successors(step.parent, |holder| steps.get(holder.0)?.parent)
            .any(|holder| holder.0 == first)
    };
    let held = steps.iter().skip(first + 1).take_while(|step| is_held(step));
    Some(first + held.count())
}
