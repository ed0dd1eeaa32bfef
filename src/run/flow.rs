//! Whether a step runs at all: `skip`, what blocks it, the deadline, the end of the run.

use super::carry::Around;
use super::execution::{End, Execution};
use super::step::Limit;
use crate::check::{CheckedStep, StepIndex};
use crate::event::Section;
use crate::outcome::{Reason, Verdict};

/// Why a step does not run.
#[derive(Debug)]
pub(super) struct NotRun {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<Reason>,
    /// The step that is to blame.
    pub(super) blame: String,
}

impl NotRun {
    fn new(verdict: Verdict, reason: Reason, blame: String) -> Self {
        Self { verdict, reason: Some(reason), blame }
    }

    fn blocked(by: String) -> Self {
        Self::new(Verdict::Blocked, Reason::BlockedBy(by.clone()), by)
    }
}

impl Execution<'_> {
    /// Whether a step does not run, and why: `skip`, blocked; `if` comes after.
    pub(super) fn decide(&self, step: &CheckedStep, around: &Around) -> Option<NotRun> {
        let limit = around.limit.as_ref();
        let own = || step.label();
        if let Some(reason) = &step.skip {
            return Some(NotRun::new(Verdict::Skipped, Reason::Skip(reason.clone()), own()));
        }
        let missing = step
            .uses
            .secrets
            .iter()
            .find(|secret| !self.values.environment.secrets.contains(secret))
            .or(self.case_lacks.as_ref());
        if let Some(secret) = missing {
            let reason = Reason::SecretMissing(secret.clone());
            return Some(NotRun::new(Verdict::Skipped, reason, own()));
        }
        if let Some(hop) = step.expect.hops.iter().find(|hop| hop.is_absent) {
            let reason = Reason::TapMissing(hop.tap.value.clone());
            return Some(NotRun::new(Verdict::Skipped, reason, own()));
        }
        if step.section == Section::Cleanup {
            return self
                .nothing_to_clean_up(step)
                .or_else(|| self.needs_more(step))
                .or_else(|| self.out_of_time(step, limit));
        }
        if let Some(stop) = self.context.stopped().filter(|_| !self.cleans_up()) {
            let reason = Reason::Interrupted(stop.as_str().to_owned());
            return Some(NotRun::new(Verdict::Cancelled, reason, own()));
        }
        if let Some(late) = self.out_of_time(step, limit) {
            return Some(late);
        }
        let enough = || {
            if self.cleans_up() {
                return None;
            }
            let reason = Reason::Failures(self.context.enough_failures()?);
            Some(NotRun::new(Verdict::Cancelled, reason, own()))
        };
        self.blocker(step).map(NotRun::blocked).or_else(enough)
    }

    /// In cleanup only `needs` blocks: a failure elsewhere does not.
    fn needs_more(&self, step: &CheckedStep) -> Option<NotRun> {
        self.needed(step).map(NotRun::blocked)
    }

    /// The plan's deadline came, or what cleanup may take is used up.
    fn out_of_time(&self, step: &CheckedStep, limit: Option<&Limit>) -> Option<NotRun> {
        let limit = limit.filter(|limit| self.context.elapsed() >= limit.until)?;
        Some(NotRun::new(Verdict::Errored, Reason::Deadline(limit.what.clone()), step.label()))
    }

    /// In cleanup: what it would clean up was never made.
    fn nothing_to_clean_up(&self, step: &CheckedStep) -> Option<NotRun> {
        let capture = step
            .uses
            .captures
            .iter()
            .find(|(name, _, guarded)| !*guarded && !self.names.has(name))
            .map(|(name, ..)| name.clone());
        let unseen = || {
            step.uses
                .steps
                .iter()
                .find(|needed| !self.end(**needed).is_some_and(|end| end.sent))
                .map(|needed| self.label(*needed))
        };
        if let Some(what) = capture.or_else(unseen) {
            let reason = Reason::NothingToCleanUp(what);
            return Some(NotRun::new(Verdict::Skipped, reason, step.label()));
        }
        self.needed(step).map(NotRun::blocked)
    }

    fn end(&self, index: StepIndex) -> Option<&End> {
        self.ended.get(index.0).and_then(Option::as_ref)
    }

    fn label(&self, index: StepIndex) -> String {
        self.plan.steps().get(index.0).map(CheckedStep::label).unwrap_or_default()
    }

    /// Who is to blame that a step did not pass.
    fn blame(&self, index: StepIndex) -> Option<String> {
        match self.end(index) {
            Some(end) if end.lets_through() => None,
            Some(end) => Some(end.blame.clone()),
            None => Some(self.label(index)),
        }
    }

    /// The first of `needs` that did not pass.
    fn needed(&self, step: &CheckedStep) -> Option<String> {
        step.needs.iter().find_map(|index| self.blame(*index))
    }

    /// The step that keeps this one from running.
    fn blocker(&self, step: &CheckedStep) -> Option<String> {
        let needed = self.needed(step);
        let captured = || {
            step.uses
                .captures
                .iter()
                .filter(|(_, _, guarded)| !*guarded)
                .find_map(|(_, index, _)| self.blame(*index))
        };
        let looked_at = || {
            step.uses
                .steps
                .iter()
                .find(|index| !self.end(**index).is_some_and(|end| end.sent))
                .map(|index| self.blame(*index).unwrap_or_else(|| self.label(*index)))
        };
        needed.or_else(captured).or_else(looked_at).or_else(|| self.stopper(step))
    }

    /// An earlier step whose failure stops the rest; one of setup stops everything.
    fn stopper(&self, step: &CheckedStep) -> Option<String> {
        if step.parent.is_some() {
            // What holds it was let through, and the steps of a group do not stop each other.
            return None;
        }
        self.wrong
            .iter()
            .filter_map(|index| Some((self.plan.steps().get(index.0)?, self.end(*index)?)))
            .find(|(earlier, end)| match earlier.section {
                Section::Setup => step.section == Section::Steps || end.stops,
                Section::Steps => end.stops,
                Section::Cleanup => false,
            })
            .map(|(_, end)| end.blame.clone())
    }
}
