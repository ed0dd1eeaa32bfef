//! Every step of a plan in the order in which it is numbered, with the group that it stands in.

use super::types::StepIndex;
use crate::plan::{Action, Plan, Section, Step};

/// A step with its place among the others.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub(super) step: &'a Step,
    pub(super) index: StepIndex,
    pub(super) section: Section,
    /// Its position in its part or group, from 0.
    pub(super) position: u32,
    /// The group that it stands in.
    pub(super) parent: Option<StepIndex>,
    /// The outermost step that holds it: itself where it stands in no group.
    pub(super) top: StepIndex,
    /// Its own steps, where it is a group.
    pub(super) children: Vec<StepIndex>,
}

/// All steps: setup, steps, cleanup, each group before its own steps.
pub(super) fn in_order(plan: &Plan) -> Vec<Placed<'_>> {
    let mut all = Vec::with_capacity(plan.setup.len() + plan.steps.len() + plan.cleanup.len());
    for (section, steps) in [
        (Section::Setup, &plan.setup),
        (Section::Steps, &plan.steps),
        (Section::Cleanup, &plan.cleanup),
    ] {
        place(&mut all, section, steps, None);
    }
    all
}

/// Places steps behind each other, each with what it holds behind it; how they are numbered.
fn place<'a>(
    all: &mut Vec<Placed<'a>>,
    section: Section,
    steps: &'a [Step],
    parent: Option<(StepIndex, StepIndex)>,
) -> Vec<StepIndex> {
    let mut numbers = Vec::with_capacity(steps.len());
    for (position, step) in (0_u32..).zip(steps) {
        let index = StepIndex(all.len());
        let top = parent.map_or(index, |(_, top)| top);
        let children = Vec::new();
        let parent = parent.map(|(parent, _)| parent);
        all.push(Placed { step, index, section, position, parent, top, children });
        numbers.push(index);
        if let Action::Group(_, own) = &step.action {
            let children = place(all, section, &own.value, Some((index, top)));
            if let Some(placed) = all.get_mut(index.0) {
                placed.children = children;
            }
        }
    }
    numbers
}
