//! Cases of a matrix: the one name whose value decides whether a step passes.

use std::collections::BTreeMap;

use crate::event::{Section, StepRef};
use crate::outcome::{StepResult, Verdict};
use crate::record::PlanRecord;
use crate::source::Place;

/// The one name of a matrix whose value decides the outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The plan's name.
    pub plan: String,
    /// The step's name.
    pub step: String,
    /// Where the step is written.
    pub place: Place,
    /// The name in the matrix.
    pub name: String,
    /// Its values with which every case passes.
    pub passes: Vec<String>,
    /// Its values with which no case does.
    pub fails: Vec<String>,
    /// How many cases there were.
    pub cases: usize,
}

/// The cases of all steps that have some, counted by the values of their matrix.
#[derive(Debug, Default)]
pub(super) struct Matrices(BTreeMap<Position, Table>);

/// A step among the jobs of its plan: path, section, what holds it, position.
type Position = (String, Section, Vec<u32>, u32);

#[derive(Debug)]
struct Table {
    plan: String,
    step: String,
    place: Place,
    cases: usize,
    /// Whether a case failed because the server was asked too often: then the order decides.
    limited: bool,
    /// Each name of the matrix: each of its values with how many cases passed and failed.
    names: Vec<(String, Vec<Counted>)>,
}

/// What the routes of one request are called among the names of cases.
const ROUTE: &str = crate::check::ROUTE;

/// A value, and with how many cases it passed and failed.
type Counted = (String, usize, usize);

/// So many values of one name are told apart; a matrix with more says nothing at a glance.
const VALUES: usize = 100;

impl Matrices {
    /// Counts a step that ended in a case.
    pub(super) fn push(&mut self, plan: &PlanRecord, step: &StepRef, result: &StepResult) {
        let own = step.case.iter().flat_map(|case| &case.of);
        let of: Vec<&(String, String)> = plan.started.case_of.iter().chain(own).collect();
        let failed = match result.verdict {
            Verdict::Passed => false,
            Verdict::Failed | Verdict::Errored => true,
            Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => return,
        };
        if of.is_empty() {
            return;
        }
        let position = (plan.started.path.clone(), step.section, step.within.clone(), step.index);
        let table = self.0.entry(position).or_insert_with(|| Table {
            plan: plan.started.name.clone(),
            step: step.id.clone().unwrap_or_else(|| step.name.clone()),
            place: step.place,
            cases: 0,
            limited: false,
            names: Vec::new(),
        });
        table.cases += 1;
        table.limited |= failed && is_limited(result);
        for (name, value) in of {
            table.count(name, value, failed);
        }
    }

    /// The names that decide, one for each step where exactly one does.
    pub(super) fn flips(&self) -> Vec<Flip> {
        self.0.values().filter_map(Table::flip).collect()
    }
}

/// Whether the last answer was a 429.
fn is_limited(result: &StepResult) -> bool {
    let exchange = result.attempts.last().and_then(|attempt| attempt.exchange.as_deref());
    exchange.and_then(|it| it.response.as_ref()).is_some_and(|response| response.status == 429)
}

impl Table {
    fn count(&mut self, name: &str, value: &str, failed: bool) {
        let at = self.names.iter().position(|(known, _)| known == name);
        if at.is_none() {
            self.names.push((name.to_owned(), Vec::new()));
        }
        let at = at.unwrap_or(self.names.len() - 1);
        let Some((_, values)) = self.names.get_mut(at) else { return };
        let (passed, failed) = (usize::from(!failed), usize::from(failed));
        if let Some((_, p, f)) = values.iter_mut().find(|(known, ..)| known == value) {
            (*p, *f) = (*p + passed, *f + failed);
        } else if values.len() < VALUES {
            values.push((value.to_owned(), passed, failed));
        }
    }

    fn flip(&self) -> Option<Flip> {
        if self.limited {
            return None;
        }
        let decides = |values: &[Counted]| {
            values.iter().all(|(_, passed, failed)| *passed == 0 || *failed == 0)
                && values.iter().any(|(_, passed, _)| *passed > 0)
                && values.iter().any(|(_, _, failed)| *failed > 0)
        };
        let mut deciding = self.names.iter().filter(|(_, values)| decides(values));
        let (name, values) = deciding.next()?;
        if deciding.next().is_some() {
            return None;
        }
        let of = |wanted: fn(&Counted) -> bool| {
            values.iter().filter(|value| wanted(value)).map(|(value, ..)| value.clone()).collect()
        };
        let passes: Vec<String> = of(|(_, passed, _)| *passed > 0);
        let fails: Vec<String> = of(|(_, _, failed)| *failed > 0);
        // Of one name alone every case is its own value: that says something only of an odd one out.
        // Of two routes the one that passes is what the other is held against.
        let odd = passes.len().min(fails.len()) == 1 && (values.len() > 2 || name == ROUTE);
        let others = self.names.iter().any(|(known, values)| known != name && values.len() > 1);
        (others || odd).then(|| Flip {
            plan: self.plan.clone(),
            step: self.step.clone(),
            place: self.place,
            name: name.clone(),
            passes,
            fails,
            cases: self.cases,
        })
    }
}
