//! Two runs beside each other: which verdicts flipped, which steps came and went, and whether times
//! differ by more than chance.
//!
//! Both are folded records, so that a comparison needs no plan, no network and no clock.

mod align;
mod answers;
mod body;
mod rules;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use answers::{Answers, Difference, compare as answers};
pub use body::Captured;
pub use rules::Rules;
pub use times::{TimeChange, TimeVerdict};

use crate::event::JobId;
use crate::outcome::{StepResult, Verdict};
use crate::record::{Flaky, PlanRecord, Record, StepRecord};

/// Two runs compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The run that was first.
    pub before: Side,
    /// The run that is compared with it.
    pub after: Side,
    /// What can be counted of each.
    pub metrics: Vec<Metric>,
    /// Every step that is not the same, in the order of the later run; what only the earlier one has
    /// stands at the end.
    pub changes: Vec<Change>,
    /// How many steps ended alike.
    pub alike: usize,
    /// How long steps took, those that can be judged first.
    pub times: Vec<TimeChange>,
    /// The answers, where those of two environments were compared.
    pub across: Option<Across>,
}

/// What two environments answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Across {
    /// Every step that was answered otherwise.
    pub steps: Vec<Answered>,
    /// In how many places the answers differ as those of the first environment differ from their own.
    pub noise: usize,
    /// How many places were passed over because of a rule.
    pub ignored: usize,
    /// Which places look alike because both are masked: nobody knows what stands there.
    pub masked: BTreeSet<String>,
}

/// A step that two environments answered otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The plan's title.
    pub plan: String,
    /// The step's title.
    pub step: String,
    /// Where it is written.
    pub at: String,
    /// In what the answers differ.
    pub differences: Vec<Difference>,
}

/// What is told of a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side {
    /// What it is called beside the other: `previous`, `current`, an environment.
    pub name: String,
    /// Its id.
    pub run: String,
    /// Its environment.
    pub environment: Option<String>,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// Whether it came to its own end.
    pub complete: bool,
}

/// Something that is counted or measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What.
    pub name: &'static str,
    /// In the earlier run.
    pub before: Measure,
    /// In the later run.
    pub after: Measure,
    /// Which way is better.
    pub better: Better,
}

/// A value of a [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// So many.
    Count(usize),
    /// So long; nothing where the run has no end.
    Time(Option<Duration>),
    /// The exit code.
    Code(u8),
}

/// Which way a metric gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    More,
    /// Less is better.
    Less,
    /// It says nothing about good and bad.
    Neither,
}

impl Metric {
    /// Whether it became better or worse; nothing where neither.
    #[must_use]
    pub fn improved(&self) -> Option<bool> {
        let (before, after) = match (self.before, self.after) {
            (Measure::Count(before), Measure::Count(after)) => (before, after),
            (Measure::Code(before), Measure::Code(after)) => (before.into(), after.into()),
            (Measure::Time(_) | Measure::Count(_) | Measure::Code(_), _) => return None,
        };
        match self.better {
            Better::Neither => None,
            Better::More | Better::Less if before == after => None,
            Better::More => Some(after > before),
            Better::Less => Some(after < before),
        }
    }
}

/// A step that is not the same in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The plan's title.
    pub plan: String,
    /// The step's title.
    pub step: String,
    /// In which way it is not the same.
    pub kind: ChangeKind,
    /// How it ended in the earlier run.
    pub before: Option<Ended>,
    /// How it ended in the later run.
    pub after: Option<Ended>,
}

/// In which way a step is not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It passed and does not any more, or it went wrong now and did not before.
    Worse,
    /// It is new and went wrong.
    AddedWorse,
    /// It passes now and did not before.
    Better,
    /// It ended otherwise, neither better nor worse: failed before, errored now.
    Otherwise,
    /// It ended alike and was answered with another status.
    Answered,
    /// Only the later run has it.
    Added,
    /// Only the earlier run has it.
    Removed,
}

impl ChangeKind {
    /// Whether the later run is worse for it.
    #[must_use]
    pub fn is_worse(self) -> bool {
        match self {
            Self::Worse | Self::AddedWorse => true,
            Self::Better | Self::Otherwise | Self::Answered | Self::Added | Self::Removed => false,
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Its verdict; absent where the run broke off.
    pub verdict: Option<Verdict>,
    /// Where it is written, or what of it did not hold: `plans/a.yaml:3:5`.
    pub at: String,
    /// Everything else.
    pub result: Option<Arc<StepResult>>,
}

impl Ended {
    fn of(record: &Record, step: &StepRecord) -> Self {
        let failed = step.result.as_deref().and_then(StepResult::first_failed);
        Self {
            verdict: step.verdict(),
            at: record.sources.locate(failed.unwrap_or(step.step.place)),
            result: step.result.clone(),
        }
    }

    /// The status of the last response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let attempt = self.result.as_ref()?.attempts.last()?;
        Some(attempt.exchange.as_ref()?.response.as_ref()?.status)
    }
}

impl Comparison {
    /// Compares two runs. `tolerance` is how much slower a step may be (0.1 is 10 %).
    #[must_use]
    pub fn of(before: &Record, after: &Record, tolerance: f64) -> Self {
        let pairs = align::steps(before, after);
        let mut changes = Vec::new();
        let mut alike = 0;
        let mut times = Vec::new();
        for pair in &pairs {
            match change(before, after, pair) {
                Some(change) => changes.push(change),
                None => alike += 1,
            }
            times.extend(times::of(pair, tolerance));
        }
        times.sort_by(TimeChange::order);
        Self {
            before: side("previous", before),
            after: side("current", after),
            metrics: metrics(before, after),
            changes,
            alike,
            times,
            across: None,
        }
    }

    /// Compares the runs of the same plans on two environments: what was answered too. `again` is
    /// another run on the first one, which shows what differs by itself.
    #[must_use]
    pub fn across((before, after): (&Record, &Record), again: &Record, rules: &Rules) -> Self {
        let mut compared = Self::of(before, after, TOLERANCE);
        let name = |side: &Side| side.environment.clone().unwrap_or_else(|| side.name.clone());
        compared.before.name = name(&compared.before);
        compared.after.name = name(&compared.after);
        compared.across = Some(across((before, after), again, rules));
        compared
    }

    /// Whether anything differs: between two environments every difference counts, between two runs
    /// what is worse.
    #[must_use]
    pub fn is_different(&self) -> bool {
        match &self.across {
            Some(across) => !self.changes.is_empty() || !across.steps.is_empty(),
            None => self.worse() > 0,
        }
    }

    /// The changes of one kind.
    pub fn of_kind(&self, kind: ChangeKind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.kind == kind)
    }

    /// How many steps are worse.
    #[must_use]
    pub fn worse(&self) -> usize {
        self.changes.iter().filter(|change| change.kind.is_worse()).count()
    }

    /// How many steps are slower by more than chance and tolerance allow.
    #[must_use]
    pub fn slower(&self) -> usize {
        self.times.iter().filter(|time| time.verdict == TimeVerdict::Slower).count()
    }
}

/// How much slower a step may be before it is told, where nobody says.
pub const TOLERANCE: f64 = 0.1;

/// Compares what was answered, step by step.
fn across((before, after): (&Record, &Record), again: &Record, rules: &Rules) -> Across {
    let pairs = align::steps(before, after);
    // The same steps of the first environment in both of its runs.
    let twice: BTreeMap<*const StepRecord, Here<'_>> = align::steps(before, again)
        .into_iter()
        .filter_map(|pair| Some((std::ptr::from_ref(pair.before?.1), pair.after?)))
        .collect();
    let captured = [before, after, again].map(captures);
    let [of_before, of_after, of_again] = &captured;
    let mut across = Across::default();
    for pair in &pairs {
        let (Some(then), Some(now)) = (pair.before, pair.after) else { continue };
        let (Some(one), Some(other)) = (exchange(then.1), exchange(now.1)) else { continue };
        let of = |captures: &Captures, (plan, _): Here<'_>| {
            captures.get(&plan.started.job).cloned().unwrap_or_default()
        };
        let repeated = twice.get(&std::ptr::from_ref(then.1)).copied();
        let of_repeated = repeated.map(|here| of(of_again, here)).unwrap_or_default();
        let repeated = repeated.and_then(|(_, step)| exchange(step));
        let answers = answers(
            rules,
            (one, other),
            (&of(of_before, then), &of(of_after, now)),
            repeated.map(|exchange| (exchange, &of_repeated)),
        );
        across.noise += answers.noise;
        across.ignored += answers.ignored;
        across.masked.extend(answers.masked);
        if !answers.differences.is_empty() {
            let (plan, step) = now;
            across.steps.push(Answered {
                plan: plan.started.title().into_owned(),
                step: step.step.title().into_owned(),
                at: after.sources.locate(step.step.place),
                differences: answers.differences,
            });
        }
    }
    across
}

/// What each job captured.
type Captures = BTreeMap<JobId, body::Captured>;

fn captures(record: &Record) -> Captures {
    let of_plan = |plan: &PlanRecord| {
        let attempts = plan.steps.iter().filter_map(|step| step.result.as_ref()?.attempts.last());
        let captures = attempts.flat_map(|attempt| &attempt.captures);
        captures.filter_map(|one| Some((one.name.clone(), one.value.clone()?))).collect()
    };
    record.plans.iter().map(|plan| (plan.started.job, of_plan(plan))).collect()
}

/// The last exchange of a step.
fn exchange(step: &StepRecord) -> Option<&crate::outcome::Exchange> {
    step.result.as_ref()?.attempts.last()?.exchange.as_deref()
}

fn side(name: &str, record: &Record) -> Side {
    let started = record.started.as_ref();
    Side {
        name: name.to_owned(),
        run: started.map(|run| run.run.clone()).unwrap_or_default(),
        environment: started.and_then(|run| run.environment.clone()),
        started_at: started.map(|run| run.started_at.clone()).unwrap_or_default(),
        complete: record.end.is_complete(),
    }
}

fn metrics(before: &Record, after: &Record) -> Vec<Metric> {
    let metric = |name, better, of: &dyn Fn(&Record) -> Measure| Metric {
        name,
        before: of(before),
        after: of(after),
        better,
    };
    let steps = |name, better, verdict| {
        metric(name, better, &|record| Measure::Count(record.tally.steps.get(verdict)))
    };
    vec![
        metric("exit code", Better::Less, &|record| Measure::Code(record.exit_code(Flaky::Passes))),
        metric("plans passed", Better::More, &|record| Measure::Count(record.tally.plans.passed)),
        steps("steps passed", Better::More, Verdict::Passed),
        steps("steps failed", Better::Less, Verdict::Failed),
        steps("steps errored", Better::Less, Verdict::Errored),
        steps("steps blocked", Better::Less, Verdict::Blocked),
        steps("steps skipped", Better::Neither, Verdict::Skipped),
        steps("steps cancelled", Better::Less, Verdict::Cancelled),
        metric("flaky", Better::Less, &|record| Measure::Count(record.tally.flaky)),
        metric("warnings", Better::Less, &|record| Measure::Count(record.tally.warnings)),
        metric("requests", Better::Neither, &|record| Measure::Count(record.tally.requests)),
        metric("duration", Better::Neither, &|record| Measure::Time(record.end.duration())),
    ]
}

/// The step in both runs.
type Here<'a> = (&'a PlanRecord, &'a StepRecord);

fn change(before: &Record, after: &Record, pair: &align::Pair<'_>) -> Option<Change> {
    let ended =
        |record: &Record, here: Option<Here<'_>>| here.map(|(_, step)| Ended::of(record, step));
    let then = ended(before, pair.before);
    let now = ended(after, pair.after);
    let kind = match (&then, &now) {
        (Some(then), Some(now)) => kind(then, now)?,
        (None, Some(now)) if is_bad(now.verdict) => ChangeKind::AddedWorse,
        (None, Some(_)) => ChangeKind::Added,
        (Some(_), None) => ChangeKind::Removed,
        (None, None) => return None,
    };
    let (plan, step) = pair.after.or(pair.before)?;
    Some(Change {
        plan: plan.started.title().into_owned(),
        step: step.step.title().into_owned(),
        kind,
        before: then,
        after: now,
    })
}

/// In which way a step that both runs have is not the same.
fn kind(then: &Ended, now: &Ended) -> Option<ChangeKind> {
    if then.verdict == now.verdict {
        return (then.status() != now.status()).then_some(ChangeKind::Answered);
    }
    let passed = |ended: &Ended| ended.verdict == Some(Verdict::Passed);
    // Only a pass is evidence: to be skipped or blocked where it passed is worse too.
    Some(if passed(then) || !is_bad(then.verdict) && is_bad(now.verdict) {
        ChangeKind::Worse
    } else if passed(now) {
        ChangeKind::Better
    } else {
        ChangeKind::Otherwise
    })
}

/// Whether a step went wrong, or did not come to its end.
fn is_bad(verdict: Option<Verdict>) -> bool {
    match verdict {
        Some(Verdict::Failed | Verdict::Errored) | None => true,
        Some(Verdict::Passed | Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled) => false,
    }
}

#[cfg(test)]
mod tests;
