//! What the samples of a step were, gathered while they come in, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::attempt::{Attempted, Cut, Ended, StepScene};
use super::names::{Seen, SeenResponse};
use super::samples::{Plan, Sampled};
use super::step::{Finished, Limit, see};
use crate::check::Samples;
use crate::event::{Event, JobId, StepRef};
use crate::finding::{Code, Finding};
use crate::outcome::{
    Attempt, DistinctCount, Reason, SampleBefore, SampleColumns, SampleRow, SampleTimes,
    SamplesResult, Spread, StepResult, Verdict,
};
use crate::query::Found;

/// How many failing samples of different kinds are kept whole.
const KEPT: usize = 5;
/// How many passing samples of different kinds are kept whole.
const PASSES: usize = 4;
/// So many samples go into one event, or those of this time.
const CHUNK: usize = 512;
const EVERY: Duration = Duration::from_millis(250);

/// What a sample captured: names, values, whether they are secret.
type Captured = Vec<(String, Value, bool)>;
/// What the samples so far were.
pub(super) struct Gathered<'a> {
    scene: &'a StepScene<'a>,
    observed: &'a [String],
    repeat: u32,
    /// Whether what comes now counts: a warm-up does not.
    pub(super) counts: bool,
    result: SamplesResult,
    outcomes: BTreeMap<String, u32>,
    statuses: BTreeMap<u16, u32>,
    distinct: Vec<(&'a crate::check::Distinct, BTreeSet<String>, u32)>,
    times: Vec<u64>,
    /// When the requests of each wave were let go: the first, the last, how many.
    waves: Option<BTreeMap<u32, (Duration, Duration, u32)>>,
    /// The first pass of each status and outcome.
    passes: Vec<Attempt>,
    slowest: Option<(Duration, Attempt)>,
    kinds: BTreeSet<String>,
    wrong: Vec<(u32, Ended, Attempt)>,
    over_budget: u32,
    flaky: bool,
    tries: u32,
    sent: bool,
    captures: Vec<(u32, Captured)>,
    seen: Vec<(u32, SeenResponse)>,
    pub(super) cut: Option<Cut>,
    columns: SampleColumns,
    before: SampleBefore,
    flushed: Duration,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(
        scene: &'a StepScene<'a>,
        samples: &'a Samples,
        observed: &'a [String],
        plan: &Plan,
    ) -> Self {
        let distinct = samples.expect_all.iter().flat_map(|all| &all.distinct);
        Self {
            scene,
            observed,
            repeat: plan.repeat,
            counts: true,
            result: SamplesResult { warmup: plan.warmup, ..SamplesResult::default() },
            outcomes: BTreeMap::new(),
            statuses: BTreeMap::new(),
            distinct: distinct.map(|one| (one, BTreeSet::new(), 0)).collect(),
            times: Vec::new(),
            waves: samples.together.then(BTreeMap::new),
            passes: Vec::new(),
            slowest: None,
            kinds: BTreeSet::new(),
            wrong: Vec::new(),
            over_budget: 0,
            flaky: false,
            tries: 0,
            sent: false,
            captures: Vec::new(),
            seen: Vec::new(),
            cut: None,
            columns: SampleColumns::default(),
            before: SampleBefore::default(),
            flushed: scene.context.elapsed(),
        }
    }

    pub(super) fn take(&mut self, sampled: Sampled) {
        let Sampled { number, wave, at, took, tries, mut attempted } = sampled;
        self.tries = self.tries.saturating_add(tries);
        self.sent |= attempted.sent;
        if let Ended::Cut(cut) = attempted.ended {
            self.cut = Some(cut);
        }
        if !self.counts {
            return;
        }
        let ended = attempted.ended;
        let counts = &mut self.result.counts;
        let (count, letter) = match ended {
            Ended::Passed | Ended::Slow => (&mut counts.passed, 'p'),
            Ended::Failed(_) => (&mut counts.failed, 'f'),
            Ended::Errored(_) => (&mut counts.errored, 'e'),
            Ended::Cut(_) => (&mut counts.cancelled, 'c'),
        };
        *count += 1;
        self.over_budget += u32::from(ended == Ended::Slow);
        self.flaky |= tries > 1 && matches!(ended, Ended::Passed | Ended::Slow);
        let status = attempted.response.as_ref().map_or(0, |response| response.status);
        if status > 0 {
            *self.statuses.entry(status).or_default() += 1;
        }
        let outcome = attempted.attempt.outcome.clone();
        if !self.scene.step.expect.one_of.is_empty() {
            *self.outcomes.entry(outcome.clone().unwrap_or_default()).or_default() += 1;
        }
        self.look_for_distinct(&attempted);
        if let (Some(released), Some(waves)) = (attempted.released, &mut self.waves) {
            let wave = waves.entry(wave).or_insert((released, released, 0));
            *wave = (wave.0.min(released), wave.1.max(released), wave.2 + 1);
        }
        let exchange = attempted.attempt.exchange.as_deref();
        let phases = exchange.map(|exchange| exchange.phases).unwrap_or_default();
        let took = phases.total.unwrap_or(took);
        self.times.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let row = SampleRow {
            number,
            at,
            took,
            phases: (None, None),
            status,
            outcome,
            verdict: letter,
            reused: exchange.is_some_and(|exchange| exchange.reused),
        };
        self.columns.push(row, &phases, &mut self.before);
        if let Some(response) = attempted.response.take().filter(|_| !self.observed.is_empty()) {
            self.seen.push((number, see(&attempted, &response, self.observed)));
        }
        if !attempted.captures.is_empty() {
            self.captures.push((number, std::mem::take(&mut attempted.captures)));
        }
        self.keep(number, took, ended, attempted.attempt);
    }

    /// How many different values there are; each as JSON writes it, so that 1 and "1" are two.
    fn look_for_distinct(&mut self, attempted: &Attempted) {
        let Some(Ok(json)) = attempted.response.as_ref().map(crate::query::Response::json) else {
            return;
        };
        for (distinct, values, present) in &mut self.distinct {
            match distinct.path.find(json) {
                Found::One { value, .. } => {
                    *present += 1;
                    values.insert(value.to_string());
                }
                Found::Many(hits) if !hits.is_empty() => {
                    *present += 1;
                    let list: Vec<String> = hits.iter().map(|hit| hit.value.to_string()).collect();
                    values.insert(list.join(","));
                }
                Found::Many(_)
                | Found::Nothing(_)
                | Found::NotJson(_)
                | Found::Text(_)
                | Found::Bytes(_)
                | Found::Unreadable { .. } => {}
            }
        }
    }

    /// Whole exchanges are kept of the first pass, the slowest, and the first of each kind of
    /// failure.
    fn keep(&mut self, number: u32, took: Duration, ended: Ended, mut attempt: Attempt) {
        attempt.sample = Some(number);
        if !matches!(ended, Ended::Passed) {
            let kind = kind_of(ended, &attempt);
            if self.kinds.len() < KEPT && self.kinds.insert(kind) {
                self.wrong.push((number, ended, attempt));
            }
            return;
        }
        if self.passes.len() < PASSES && !self.passes.iter().any(|one| is_alike(one, &attempt)) {
            self.passes.push(attempt);
        } else if self.slowest.as_ref().is_none_or(|(slowest, _)| took > *slowest) {
            self.slowest = Some((took, attempt));
        }
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.columns.len() >= CHUNK || now.saturating_sub(self.flushed) >= EVERY
    }

    /// Tells what was not told yet.
    pub(super) async fn flush(&mut self, job: JobId, step: &StepRef) {
        self.flushed = self.scene.context.elapsed();
        if self.columns.is_empty() {
            return;
        }
        self.before = SampleBefore::default();
        let columns = Box::new(std::mem::take(&mut self.columns));
        let (step, of) = (step.clone(), self.repeat);
        self.scene.tell(Event::Samples { job, step, of, columns }).await;
    }

    pub(super) fn finish(
        mut self,
        scene: &StepScene<'_>,
        samples: &Samples,
        duration: Duration,
        limit: Option<Limit>,
    ) -> Finished {
        self.result.outcomes = self.in_order_of_the_plan();
        self.result.statuses = std::mem::take(&mut self.statuses).into_iter().collect();
        self.result.times = SampleTimes::of(&mut self.times);
        self.result.distinct = self
            .distinct
            .iter()
            .map(|(one, values, present)| DistinctCount {
                path: one.path.text().to_owned(),
                values: u32::try_from(values.len()).unwrap_or(u32::MAX),
                present: *present,
            })
            .collect();
        self.result.spread = self.spread();
        let mut findings = Vec::new();
        // What was cut short says nothing of what is due of all.
        if let (Some(all), None) = (&samples.expect_all, self.cut) {
            match scene.expect_all(all, &self.result) {
                Ok(assertions) => self.result.assertions = assertions,
                Err(more) => findings = more,
            }
        }
        let classifies = samples.expect_all.as_ref().is_some_and(|all| all.passed.is_some());
        let (verdict, code, reason) = self.verdict(classifies, &findings, limit.as_ref());
        let deadline = limit.as_ref().and_then(|limit| limit.place);
        let message = self.message(classifies, verdict, limit);
        let only_budget = code == Some(Code::BudgetExceeded);
        let seen = Seen { verdict: Some(verdict), sent: self.sent, response: self.seen() };
        let captures = self.captures();
        let mut attempts = self.attempts(verdict, classifies);
        if let (Some(last), false) = (attempts.last_mut(), findings.is_empty()) {
            last.findings.extend(findings);
        }
        let ended_at = match code {
            Some(Code::DeadlineExceeded) => deadline,
            _ => attempts.last().and_then(|last| scene.unanswered(last)),
        };
        let result = StepResult {
            verdict,
            reason,
            flaky: verdict == Verdict::Passed && self.flaky,
            attempts,
            tries: self.tries,
            duration,
            code,
            message,
            ended_at,
            only_budget,
            samples: Some(Box::new(self.result)),
        };
        Finished { result, seen, captures, stops: true }
    }

    fn verdict(
        &self,
        classifies: bool,
        findings: &[Finding],
        limit: Option<&Limit>,
    ) -> (Verdict, Option<Code>, Option<Reason>) {
        match self.cut {
            Some(Cut::Stopped(stop)) => {
                let reason = Reason::Interrupted(stop.as_str().to_owned());
                return (Verdict::Cancelled, None, Some(reason));
            }
            Some(Cut::Deadline) => {
                let what = limit.map(|limit| limit.what.clone()).unwrap_or_default();
                let code = Some(Code::DeadlineExceeded);
                return (Verdict::Errored, code, Some(Reason::Deadline(what)));
            }
            None => {}
        }
        if let Some(finding) = findings.first() {
            return (Verdict::Errored, Some(finding.code), None);
        }
        let first = |wanted: fn(&Ended) -> Option<Code>| {
            let mut codes = self.wrong.iter().filter_map(|(_, ended, _)| wanted(ended));
            codes.next().filter(|_| !classifies)
        };
        let errored = first(|ended| match ended {
            Ended::Errored(code) => Some(*code),
            Ended::Passed | Ended::Failed(_) | Ended::Slow | Ended::Cut(_) => None,
        });
        if let Some(code) = errored {
            return (Verdict::Errored, Some(code), None);
        }
        let failed = first(|ended| match ended {
            Ended::Failed(code) => Some(*code),
            Ended::Passed | Ended::Errored(_) | Ended::Slow | Ended::Cut(_) => None,
        });
        let due = self.result.assertions.iter().any(|one| !one.passed);
        if let Some(code) = failed.or_else(|| due.then_some(Code::AssertionFailed)) {
            return (Verdict::Failed, Some(code), None);
        }
        if self.over_budget > 0 {
            return (Verdict::Failed, Some(Code::BudgetExceeded), None);
        }
        (Verdict::Passed, None, None)
    }

    fn message(&self, classifies: bool, verdict: Verdict, limit: Option<Limit>) -> Option<String> {
        if self.cut == Some(Cut::Deadline) {
            return limit.map(|limit| limit.what);
        }
        let counts = &self.result.counts;
        let all = counts.total();
        let mut said = Vec::new();
        if !classifies && counts.errored > 0 {
            said.push(format!("{} of {all} samples could not be carried out", counts.errored));
        }
        if !classifies && counts.failed > 0 {
            said.push(format!("{} of {all} samples failed", counts.failed));
        }
        if self.over_budget > 0 {
            said.push(format!("{} of {all} samples were over their budget", self.over_budget));
        }
        if self.result.assertions.iter().any(|one| !one.passed) {
            said.push("`expect_all` does not hold".to_owned());
        }
        let is_wrong = matches!(verdict, Verdict::Failed | Verdict::Errored);
        (is_wrong && !said.is_empty()).then(|| said.join("; "))
    }

    fn in_order_of_the_plan(&mut self) -> Vec<(String, u32)> {
        let mut counted = std::mem::take(&mut self.outcomes);
        let mut outcomes = Vec::new();
        for named in &self.scene.step.expect.one_of {
            if let Some(count) = counted.remove(&named.name.value) {
                outcomes.push((named.name.value.clone(), count));
            }
        }
        outcomes.extend(counted);
        outcomes
    }

    fn spread(&self) -> Option<Spread> {
        let waves = self.waves.as_ref()?;
        let widest = waves.values().max_by_key(|(first, last, _)| last.saturating_sub(*first))?;
        Some(Spread {
            requests: widest.2,
            within: widest.1.saturating_sub(widest.0),
            waves: u32::try_from(waves.len()).unwrap_or(u32::MAX),
        })
    }

    fn seen(&mut self) -> Option<SeenResponse> {
        let mut all = std::mem::take(&mut self.seen);
        if all.is_empty() {
            return None;
        }
        all.sort_by_key(|(number, _)| *number);
        let mut fields = BTreeMap::new();
        for field in self.observed {
            let values = all.iter().filter_map(|(_, seen)| seen.fields.get(field));
            let list: Vec<Value> = values.map(|value| value.as_ref().clone()).collect();
            fields.insert(field.clone(), Arc::new(Value::Array(list)));
        }
        Some(SeenResponse { fields })
    }

    /// Captures become lists, in the order of the samples.
    fn captures(&mut self) -> Vec<(String, Value, bool)> {
        let mut all = std::mem::take(&mut self.captures);
        all.sort_by_key(|(number, _)| *number);
        let mut lists: Vec<(String, Vec<Value>, bool)> = Vec::new();
        for (name, value, secret) in all.into_iter().flat_map(|(_, captures)| captures) {
            match lists.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, list, any)) => {
                    list.push(value);
                    *any |= secret;
                }
                None => lists.push((name, vec![value], secret)),
            }
        }
        lists.into_iter().map(|(name, list, secret)| (name, Value::Array(list), secret)).collect()
    }

    /// The exchanges that are kept; the one that tells most stands last.
    fn attempts(&mut self, verdict: Verdict, classifies: bool) -> Vec<Attempt> {
        let mut wrong = std::mem::take(&mut self.wrong);
        let is_errored = |ended: &Ended| matches!(ended, Ended::Errored(_));
        wrong.sort_by_key(|(number, ended, _)| {
            let decides = is_errored(ended) == (verdict == Verdict::Errored);
            (decides, std::cmp::Reverse(*number))
        });
        let mut attempts: Vec<Attempt> = Vec::new();
        attempts.append(&mut self.passes);
        attempts.extend(self.slowest.take().map(|(_, attempt)| attempt));
        let due = self.result.assertions.iter().find(|one| !one.passed);
        let class = due.and_then(|one| one.subject.rsplit('.').next());
        // Nothing was wrong with any sample: one of the class of which there are too many.
        if let (Some(class), true) = (class, wrong.is_empty() || classifies)
            && let Some(position) = attempts.iter().position(|attempt| is_of(attempt, class))
        {
            let telling = attempts.remove(position);
            attempts.push(telling);
        }
        attempts.extend(wrong.into_iter().map(|(.., attempt)| attempt));
        attempts
    }
}

fn status_of(attempt: &Attempt) -> u16 {
    let exchange = attempt.exchange.as_deref();
    exchange.and_then(|exchange| exchange.response.as_ref()).map_or(0, |response| response.status)
}

fn is_alike(one: &Attempt, other: &Attempt) -> bool {
    (status_of(one), &one.outcome) == (status_of(other), &other.outcome)
}

/// Whether an exchange belongs to a class of `expect_all`: an outcome, a status.
fn is_of(attempt: &Attempt, class: &str) -> bool {
    attempt.outcome.as_deref() == Some(class) || status_of(attempt).to_string() == class
}

/// What is alike of two samples that did not pass.
fn kind_of(ended: Ended, attempt: &Attempt) -> String {
    let exchange = attempt.exchange.as_deref();
    let status = status_of(attempt);
    let class = exchange.and_then(|exchange| exchange.error.as_ref()).map(|error| error.class);
    let failing: Vec<&str> = attempt
        .assertions
        .iter()
        .filter(|one| !one.passed)
        .map(|one| one.subject.as_str())
        .collect();
    format!("{ended:?} {status} {class:?} {failing:?}")
}
