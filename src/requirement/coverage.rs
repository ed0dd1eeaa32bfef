//! Owes the others how each requirement stands after one run or several. Only passed is evidence.

use std::collections::{BTreeMap, HashMap};

use super::checklist::{Checklist, Requirement};
use crate::event::{Section, StepKey};
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record, StepRecord};

/// How the requirements of a checklist stand.
#[derive(Debug)]
pub struct Coverage<'a> {
    /// The requirements, in the order of the checklist.
    pub items: Vec<Item<'a>>,
    /// What was covered and is no requirement.
    pub unknown: Vec<(String, Vec<Evidence<'a>>)>,
}

/// One requirement and what speaks for it and against it.
#[derive(Debug)]
pub struct Item<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// How it stands.
    pub standing: Standing,
    /// Each plan and step that covers it and was to run.
    pub evidence: Vec<Evidence<'a>>,
}

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// There is evidence.
    Passed,
    /// There is evidence against it.
    Failed,
    /// What covers it was skipped.
    Skipped,
    /// What covers it was blocked by a step that did not pass.
    Blocked,
    /// Nothing that covers it came to an end.
    NotEvidenced,
}

impl Standing {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 5] =
        [Self::Passed, Self::Failed, Self::Blocked, Self::Skipped, Self::NotEvidenced];

    /// The words that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
            Self::NotEvidenced => "not evidenced",
        }
    }
}

/// A step, or a plan as a whole, that covers a requirement.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The run.
    pub record: &'a Record,
    /// The plan.
    pub plan: &'a PlanRecord,
    /// The step; nothing where the whole plan covers it.
    pub step: Option<&'a StepRecord>,
    /// How it ended.
    pub ended: Ended,
}

/// How a step or a plan ended, as far as evidence goes; what decides about a requirement comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Only a part of the plan was selected: no evidence for the whole of it.
    InPart,
    /// It was skipped, or all of it was.
    Skipped,
    /// It passed.
    Passed,
    /// It was interrupted, or the run ended under it.
    Cut,
    /// A step that it needs did not pass.
    Blocked,
    /// It failed, or could not be carried out.
    Failed,
}

impl Ended {
    /// How a requirement stands that only this covers.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Self::Passed => Standing::Passed,
            Self::Failed => Standing::Failed,
            Self::Blocked => Standing::Blocked,
            Self::Skipped => Standing::Skipped,
            Self::InPart | Self::Cut => Standing::NotEvidenced,
        }
    }

    fn of_step(step: &StepRecord) -> Self {
        match step.verdict() {
            Some(Verdict::Passed) => Self::Passed,
            Some(Verdict::Failed | Verdict::Errored) => Self::Failed,
            Some(Verdict::Skipped) => Self::Skipped,
            Some(Verdict::Blocked) => Self::Blocked,
            Some(Verdict::Cancelled) | None => Self::Cut,
        }
    }

    fn of_plan(plan: &PlanRecord) -> Self {
        match plan.verdict {
            Some(Verdict::Passed) if plan.started.left_out > 0 => Self::InPart,
            // Setup and cleanup are no evidence.
            Some(Verdict::Passed) if !has_passed(plan) => Self::Skipped,
            Some(Verdict::Passed) => Self::Passed,
            Some(Verdict::Failed | Verdict::Errored) => Self::Failed,
            Some(Verdict::Skipped) => Self::Skipped,
            Some(Verdict::Blocked) => Self::Blocked,
            Some(Verdict::Cancelled) | None => Self::Cut,
        }
    }
}

fn has_passed(plan: &PlanRecord) -> bool {
    let mut passed = plan.ended(Verdict::Passed);
    passed.any(|step| step.step.section == Section::Steps && step.step.is_counted())
}

impl Evidence<'_> {
    /// Whether it passed only on a second attempt, or something in the plan did.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        let flaky = |step: &StepRecord| step.result.as_ref().is_some_and(|result| result.flaky);
        self.ended == Ended::Passed
            && self.step.map_or_else(|| self.plan.steps.iter().any(flaky), flaky)
    }
}

impl Item<'_> {
    /// Whether it passed, but only with something that passed on a second attempt.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.standing == Standing::Passed && self.evidence.iter().any(Evidence::is_flaky)
    }
}

impl<'a> Coverage<'a> {
    /// How the requirements stand after these runs.
    ///
    /// Where the same step of the same plan ran on the same environment in several of them, the last
    /// one counts, unless it was skipped there.
    #[must_use]
    pub fn of(checklist: &'a Checklist, runs: &'a [Record]) -> Self {
        let mut runs: Vec<&Record> = runs.iter().collect();
        runs.sort_by_key(|run| run.started.as_ref().map(|started| started.started_at.as_str()));
        let mut all: Vec<(&[String], Evidence<'_>)> = Vec::new();
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        for record in runs {
            let environment = record.started.as_ref().and_then(|run| run.environment.as_deref());
            for plan in &record.plans {
                for (covers, evidence) in evidence_of(record, plan) {
                    let key = Key {
                        environment,
                        plan: &plan.started.path,
                        case: plan.started.case.as_deref(),
                        step: evidence.step.map(|step| step.step.key()),
                    };
                    let earlier = known.get(&key).and_then(|at| all.get_mut(*at));
                    if let Some(earlier) = earlier {
                        if !matches!(evidence.ended, Ended::InPart | Ended::Skipped) {
                            *earlier = (covers, evidence);
                        }
                    } else {
                        known.insert(key, all.len());
                        all.push((covers, evidence));
                    }
                }
            }
        }
        let mut by_id: BTreeMap<&str, Vec<Evidence<'a>>> = BTreeMap::new();
        for (covers, evidence) in all {
            for id in covers {
                by_id.entry(id).or_default().push(evidence);
            }
        }
        let items = checklist
            .items
            .iter()
            .map(|requirement| {
                let evidence = by_id.remove(requirement.id.value.as_str()).unwrap_or_default();
                let ended = evidence.iter().map(|one| one.ended).max();
                let standing = ended.map_or(Standing::NotEvidenced, Ended::standing);
                Item { requirement, standing, evidence }
            })
            .collect();
        let unknown = by_id.into_iter().map(|(id, evidence)| (id.to_owned(), evidence)).collect();
        Self { items, unknown }
    }

    /// How many stand so.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.items.iter().filter(|item| item.standing == standing).count()
    }

    /// Those without evidence that a plan could give: all but what the checklist says no plan shows.
    pub fn lacking(&self) -> impl Iterator<Item = &Item<'a>> {
        self.items.iter().filter(|item| {
            let by_hand = item.standing == Standing::NotEvidenced
                && item.evidence.is_empty()
                && item.requirement.no_plan.is_some();
            item.standing != Standing::Passed && !by_hand
        })
    }
}

/// What is the same in several runs.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    environment: Option<&'a str>,
    plan: &'a str,
    case: Option<&'a str>,
    step: Option<StepKey>,
}

/// The plan and its steps that cover anything; what another way overruled decides nothing.
fn evidence_of<'a>(record: &'a Record, plan: &'a PlanRecord) -> Vec<(&'a [String], Evidence<'a>)> {
    let mut found: Vec<(&[String], Evidence<'_>)> = Vec::new();
    if !plan.started.covers.is_empty() {
        let ended = Ended::of_plan(plan);
        found.push((&plan.started.covers, Evidence { record, plan, step: None, ended }));
    }
    for step in &plan.steps {
        if !step.step.covers.is_empty() && !plan.is_overruled(&step.step) {
            let ended = Ended::of_step(step);
            found.push((&step.step.covers, Evidence { record, plan, step: Some(step), ended }));
        }
    }
    found
}
