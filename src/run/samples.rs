//! Many samples of one step: taken at once or one after the other, counted, and judged together.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::attempt::{Attempted, Ended, StepScene, Words};
use super::gathered::Gathered;
use super::step::{Finished, Limit};
use crate::check::Samples;
use crate::event::{JobId, StepRef};
use crate::finding::{Code, Finding};
use crate::http::Barrier;

/// How many samples are taken, and how.
pub(super) struct Plan {
    pub(super) repeat: u32,
    pub(super) warmup: u32,
    pub(super) at_once: u32,
}

/// One sample with what it left.
pub(super) struct Sampled {
    pub(super) number: u32,
    pub(super) wave: u32,
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) tries: u32,
    pub(super) attempted: Attempted,
}

impl StepScene<'_> {
    /// Takes all samples; `limit` is when the step has to end.
    pub(super) async fn samples(
        &self,
        samples: &Samples,
        (job, reference): (JobId, &StepRef),
        limit: Option<Limit>,
        observed: &[String],
    ) -> Finished {
        let started = self.context.elapsed();
        let plan = match self.plan_samples(samples) {
            Ok(plan) => plan,
            Err(finding) => {
                let attempted = Attempted::errored(1, started, vec![*finding]);
                return self.finish(started, vec![attempted], 1, None, observed);
            }
        };
        let until = limit.as_ref().map(|limit| limit.until);
        let mut gathered = Gathered::new(self, samples, observed, &plan);
        let warmup = plan.repeat..plan.repeat.saturating_add(plan.warmup);
        let counted = 0..plan.repeat;
        for (numbers, counts) in [(warmup, false), (counted, true)] {
            gathered.counts = counts;
            if samples.together {
                self.in_waves(numbers, plan.at_once, (job, reference, until), &mut gathered).await;
            } else {
                let begin = |number: u32| self.sample(number + 1, 0, None, (job, reference, until));
                self.in_turn(numbers, plan.at_once, (&mut gathered, (job, reference)), begin).await;
            }
            if gathered.cut.is_some() {
                break;
            }
        }
        gathered.flush(job, reference).await;
        let duration = self.context.elapsed().saturating_sub(started);
        gathered.finish(self, samples, duration, limit)
    }

    pub(super) fn plan_samples(&self, samples: &Samples) -> Result<Plan, Box<Finding>> {
        self.render(1, None, |renderer| {
            let at_least_one = |late: &crate::check::Late<u32>| {
                let number = renderer.late(late)?;
                if number > 0 {
                    return Ok(number);
                }
                let place = late.place().unwrap_or(self.step.place);
                Err(Box::new(
                    Finding::error(Code::BadValue, "0 samples would always pass")
                        .at(place, "what this template rendered to"),
                ))
            };
            let repeat = at_least_one(&samples.repeat)?;
            let warmup = match &samples.warmup {
                Some(warmup) => renderer.late(warmup)?,
                None => 0,
            };
            let at_once = match &samples.concurrency {
                Some(concurrency) => at_least_one(concurrency)?,
                None if samples.together => repeat,
                None => 1,
            };
            Ok(Plan { repeat, warmup, at_once })
        })
    }

    /// So many at once: when one ends, the next begins.
    pub(super) async fn in_turn<F: Future<Output = Sampled>>(
        &self,
        numbers: std::ops::Range<u32>,
        at_once: u32,
        (gathered, (job, reference)): (&mut Gathered<'_>, (JobId, &StepRef)),
        begin: impl Fn(u32) -> F,
    ) {
        let mut left = numbers;
        let mut running = FuturesUnordered::new();
        for number in left.by_ref().take(usize::try_from(at_once).unwrap_or(usize::MAX)) {
            running.push(begin(number));
        }
        while let Some(sampled) = running.next().await {
            gathered.take(sampled);
            if gathered.is_due(self.context.elapsed()) {
                gathered.flush(job, reference).await;
            }
            if gathered.cut.is_none()
                && let Some(number) = left.next()
            {
                running.push(begin(number));
            }
        }
    }

    /// Waves whose requests are let go at once, when each has its connection.
    async fn in_waves(
        &self,
        numbers: std::ops::Range<u32>,
        at_once: u32,
        (job, reference, until): (JobId, &StepRef, Option<Duration>),
        gathered: &mut Gathered<'_>,
    ) {
        let all: Vec<u32> = numbers.collect();
        let size = usize::try_from(at_once).unwrap_or(usize::MAX);
        for (wave, numbers) in (0_u32..).zip(all.chunks(size)) {
            let barrier = Barrier::new(numbers.len());
            let running = numbers.iter().map(|number| {
                self.sample(number + 1, wave, Some(&barrier), (job, reference, until))
            });
            for sampled in join_all(running).await {
                gathered.take(sampled);
            }
            gathered.flush(job, reference).await;
            if gathered.cut.is_some() {
                break;
            }
        }
    }

    async fn sample(
        &self,
        number: u32,
        wave: u32,
        barrier: Option<&Barrier>,
        (job, reference, until): (JobId, &StepRef, Option<Duration>),
    ) -> Sampled {
        let words = Words::default();
        let scene = StepScene { iteration: number, words: &words, barrier, ..*self };
        let at = self.context.elapsed();
        let (mut attempted, tries) = match &self.step.retry {
            Some(retry) => {
                let (mut attempts, tries, _) = scene.retry(retry, job, reference, until).await;
                let last = attempts.pop();
                (last.unwrap_or_else(|| Attempted::new(1, at, Ended::Passed)), tries)
            }
            None => (scene.attempt(1, until).await, 1),
        };
        let took = self.context.elapsed().saturating_sub(at);
        scene.save(&mut attempted).await;
        Sampled { number, wave, at, took, tries, attempted }
    }
}
