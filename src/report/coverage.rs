//! Which requirements have evidence, grouped by the headings of their checklist: as a table for the
//! terminal, as Markdown and as JSON.

mod json;
mod markdown;
mod table;

use super::document::Document;
use super::phrase;
use crate::event::Section;
use crate::outcome::Verdict;
use crate::record::{PlanRecord, Record};
use crate::requirement::{Checklist, Coverage, Ended, Evidence, Item, Standing};
use crate::secret::sanitise_line;
use crate::source::Place;

pub use json::render as json;
pub use markdown::render as markdown;
pub use table::render as table;

/// Everything that is told.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// The checklist.
    pub checklist: &'a Checklist,
    /// Its path as shown.
    pub path: &'a str,
    /// The runs.
    pub runs: &'a [Record],
    /// How the requirements stand after them.
    pub coverage: &'a Coverage<'a>,
}

impl<'a> Traced<'a> {
    /// The requirements under each heading; those before the first one have none.
    fn groups(&self) -> Vec<(Option<&'a str>, Vec<&'a Item<'a>>)> {
        let mut groups: Vec<(Option<usize>, Vec<&Item<'_>>)> = Vec::new();
        for item in &self.coverage.items {
            match groups.last_mut() {
                Some((group, items)) if *group == item.requirement.group => items.push(item),
                Some(_) | None => groups.push((item.requirement.group, vec![item])),
            }
        }
        let name = |group: usize| self.checklist.groups.get(group).map(String::as_str);
        groups.into_iter().map(|(group, items)| (group.and_then(name), items)).collect()
    }

    /// `26 of 46 passed · 1 failed · 19 not evidenced, 18 of them since no plan shows them`
    fn counts(&self) -> Vec<String> {
        let coverage = self.coverage;
        let mut parts = vec![format!(
            "{} of {} passed",
            coverage.count(Standing::Passed),
            coverage.items.len()
        )];
        let flaky = coverage.items.iter().filter(|item| item.is_flaky()).count();
        if flaky > 0 {
            parts.push(format!("{flaky} of them flaky"));
        }
        for standing in Standing::ALL.into_iter().filter(|it| *it != Standing::Passed) {
            let count = coverage.count(standing);
            if count > 0 {
                parts.push(format!("{count} {}", standing.as_str()));
            }
        }
        parts
    }

    /// How many of those without evidence the checklist itself says that no plan shows.
    fn by_hand(&self) -> usize {
        let without = self.coverage.items.len() - self.coverage.count(Standing::Passed);
        without - self.coverage.lacking().count()
    }

    /// Each run: its id, its environment, and whether it is whole.
    fn runs(&self) -> Vec<String> {
        let told = |record: &Record| {
            let started = record.started.as_ref();
            let id = started.map_or("?", |run| run.run.as_str());
            let environment = started.and_then(|run| run.environment.as_deref());
            let on = environment.map(|name| format!(" on {name}")).unwrap_or_default();
            let cut = if record.end.is_complete() { "" } else { ", which is incomplete" };
            sanitise_line(&format!("{id}{on}{cut}")).into_owned()
        };
        self.runs.iter().map(told).collect()
    }
}

/// One piece of evidence, in words.
struct Told {
    /// `plans/registration.yaml:33`
    at: String,
    title: String,
    plan: String,
    run: Option<String>,
    /// Why it is none, where it is none; which attempt passed, where it is flaky.
    why: Option<String>,
    tries: u32,
}

impl Told {
    fn of(evidence: &Evidence<'_>) -> Self {
        let document = Document::new(evidence.record);
        let place = evidence.step.map_or(evidence.plan.started.place, |step| step.step.place);
        let plan = evidence.plan.started.title().into_owned();
        let title = match evidence.step {
            None => "the whole plan".to_owned(),
            Some(step) => match step.step.section {
                Section::Steps => step.step.title().into_owned(),
                Section::Setup => format!("setup · {}", step.step.title()),
                Section::Cleanup => format!("cleanup · {}", step.step.title()),
            },
        };
        let result = evidence.step.and_then(|step| step.result.as_deref());
        let line = |text: String| sanitise_line(&text).into_owned();
        Self {
            at: line(at(&document, place)),
            title: line(title),
            plan: line(plan),
            run: evidence.record.started.as_ref().map(|run| line(run.run.clone())),
            why: why(evidence, &document).map(line),
            tries: result.map_or(0, |result| result.tries),
        }
    }
}

fn at(document: &Document<'_>, place: Place) -> String {
    let spot = document.spot(place);
    spot.map(|spot| format!("{}:{}", spot.path, spot.line)).unwrap_or_default()
}

/// Why it is no evidence, or not the best.
fn why(evidence: &Evidence<'_>, document: &Document<'_>) -> Option<String> {
    let Some(step) = evidence.step else { return why_of_plan(evidence, document) };
    let result = step.result.as_deref();
    let reason = result.and_then(|result| result.reason.as_ref()).map(phrase::reason);
    match evidence.ended {
        Ended::Passed if evidence.is_flaky() => {
            let tries = result.map_or(0, |result| result.tries);
            Some(format!("flaky: it passed on attempt {tries}"))
        }
        Ended::Passed => None,
        Ended::Failed => {
            let short = result.map(|result| document.short(result)).unwrap_or_default();
            let errored = step.verdict() == Some(Verdict::Errored);
            let said = short.into_iter().next().or(reason).unwrap_or_default();
            Some(if errored { format!("could not be carried out: {said}") } else { said })
        }
        Ended::Skipped | Ended::Blocked | Ended::Cut | Ended::InPart => {
            Some(reason.unwrap_or_else(|| "the run ended while it was under way".to_owned()))
        }
    }
}

fn why_of_plan(evidence: &Evidence<'_>, document: &Document<'_>) -> Option<String> {
    let plan = evidence.plan;
    let first = |verdict| plan.ended(verdict).next();
    let reason = |verdict| {
        let result = first(verdict).and_then(|step| step.result.as_deref());
        result.and_then(|result| result.reason.as_ref()).map(phrase::reason)
    };
    match evidence.ended {
        Ended::Passed => {
            evidence.is_flaky().then(|| "flaky: a step passed on a later try".to_owned())
        }
        Ended::InPart => {
            let left_out = plan.started.left_out;
            Some(format!("only a part of it ran: {left_out} of its steps were not selected"))
        }
        Ended::Skipped => Some(match reason(Verdict::Skipped) {
            Some(reason) => format!("nothing in it passed: {reason}"),
            None => "nothing in it passed".to_owned(),
        }),
        Ended::Blocked => reason(Verdict::Blocked),
        Ended::Failed => Some(why_failed(plan, document)),
        Ended::Cut => Some("the run ended while it was under way".to_owned()),
    }
}

/// The first step that did not pass, or what was wrong with the plan as a whole.
fn why_failed(plan: &PlanRecord, document: &Document<'_>) -> String {
    let bad = Document::steps(plan).find(|told| told.is_bad() && !told.record.step.tentative);
    match bad {
        Some(told) => {
            let at = at(document, told.record.step.place);
            format!("`{}` did not pass ({at})", told.title())
        }
        None => match (&plan.breach, plan.findings.first()) {
            (Some(breach), _) => phrase::breach(breach).replace('\n', ": "),
            (None, Some(finding)) => finding.message.clone(),
            (None, None) => "it did not pass".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests;
