//! An included plan that is carried out many times: each time is one sample, of which few are told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::attempt::{Attempted, Cut, Ended, StepScene, Words};
use super::carry::errored;
use super::context::Held;
use super::execution::Execution;
use super::gathered::Gathered;
use super::include::Stand;
use super::samples::Sampled;
use super::step::{Finished, Limit};
use crate::check::{Include, Samples};
use crate::event::StepRef;
use crate::finding::Code;
use crate::outcome::{StepResult, Verdict};

/// So many samples are told with their steps: the first that passes, and the first of each kind of
/// failure.
const TOLD: usize = 6;

/// The kinds of samples that were told.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeSet<String>>);

impl<'a> Execution<'a> {
    /// Carries an included plan out as often as its samples say.
    pub(super) async fn many(
        &self,
        include: &'a Include,
        samples: &Samples,
        scene: &StepScene<'_>,
        (reference, limit): (&StepRef, Option<Limit>),
    ) -> Finished {
        let started = self.context.elapsed();
        let plan = match scene.plan_samples(samples) {
            Ok(plan) => plan,
            Err(finding) => return errored(*finding),
        };
        let kept = Kept::default();
        let mut gathered = Gathered::new(scene, samples, &[], &plan);
        let warmup = plan.repeat..plan.repeat.saturating_add(plan.warmup);
        for (numbers, counts) in [(warmup, false), (0..plan.repeat, true)] {
            gathered.counts = counts;
            let kept = counts.then_some(&kept);
            let begin = |number: u32| {
                let until = limit.as_ref();
                self.one_of_many(include, scene, (reference, number + 1), (kept, until))
            };
            let told = (&mut gathered, (self.job.id, reference));
            scene.in_turn(numbers, plan.at_once, told, begin).await;
            if gathered.cut.is_some() {
                break;
            }
        }
        gathered.flush(self.job.id, reference).await;
        let duration = self.context.elapsed().saturating_sub(started);
        gathered.finish(scene, samples, duration, limit)
    }

    async fn one_of_many(
        &self,
        include: &'a Include,
        scene: &StepScene<'_>,
        (reference, number): (&StepRef, u32),
        (kept, limit): (Option<&Kept>, Option<&Limit>),
    ) -> Sampled {
        let words = Words::default();
        let scene = StepScene { iteration: number, words: &words, ..*scene };
        let at = self.context.elapsed();
        let held = Arc::new(Held::default());
        let stand = Stand { step: reference, sample: Some(number), held: Some(Arc::clone(&held)) };
        let Finished { mut result, seen, captures, .. } =
            Box::pin(self.once(include, &scene, stand, limit)).await;
        if let Some(kept) = kept {
            let kind = format!("{:?} {:?} {:?}", result.verdict, result.code, result.message);
            self.tell_kept(&held, kept, &kind).await;
        }
        let ended = self.ended_as(&result, limit);
        let mut attempted = Attempted::new(1, at, ended);
        if let Some(attempt) = result.attempts.pop() {
            attempted.attempt = attempt;
        }
        attempted.sent = seen.sent;
        attempted.captures = captures;
        let took = self.context.elapsed().saturating_sub(at);
        Sampled { number, wave: 0, at, took, tries: 1, attempted }
    }

    fn ended_as(&self, result: &StepResult, limit: Option<&Limit>) -> Ended {
        let late = limit.is_some_and(|limit| self.context.elapsed() >= limit.until);
        match result.verdict {
            Verdict::Passed | Verdict::Skipped => Ended::Passed,
            Verdict::Failed if result.only_budget => Ended::Slow,
            Verdict::Failed => Ended::Failed(result.code.unwrap_or(Code::AssertionFailed)),
            Verdict::Errored if late => Ended::Cut(Cut::Deadline),
            Verdict::Errored => Ended::Errored(result.code.unwrap_or(Code::TransportOther)),
            Verdict::Blocked | Verdict::Cancelled => match self.context.stopped() {
                Some(stop) => Ended::Cut(Cut::Stopped(stop)),
                None => Ended::Failed(Code::AssertionFailed),
            },
        }
    }

    /// Tells what was held back of a sample, if it is the first of its kind.
    pub(super) async fn tell_kept(&self, held: &Held, kept: &Kept, kind: &str) {
        let is_first = {
            let mut kinds = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
            kinds.len() < TOLD && kinds.insert(kind.to_owned())
        };
        let events = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
        for event in events.into_iter().filter(|_| is_first) {
            self.tell(event).await;
        }
    }
}
