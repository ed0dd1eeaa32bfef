//! The plans of a run as documents are made of them: each is told when it ends, and of a large run
//! only what a summary needs stays in memory.

use std::path::Path;

use super::spool::Spool;
use crate::event::RunStarted;
use crate::record::{Fold, PlanRecord, Record};
use crate::report::{Format, Ground, Pieces};

/// Plans as they end.
#[derive(Debug)]
pub(super) struct Kept {
    plans: Vec<PlanRecord>,
    /// What each document says of the plans; absent where somebody looks at the plans themselves.
    spools: Option<Vec<Spool>>,
}

impl Kept {
    /// For these documents, each with the folder that it goes to.
    pub(super) fn told<'f>(
        documents: impl IntoIterator<Item = (Format, Option<&'f Path>)>,
    ) -> Self {
        let mut spools: Vec<Spool> = Vec::new();
        for (format, folder) in documents {
            if format.has_pieces() && spools.iter().all(|spool| spool.format() != format) {
                let elsewhere = std::env::temp_dir();
                spools.push(Spool::new(format, folder.unwrap_or(&elsewhere)));
            }
        }
        Self { plans: Vec::new(), spools: Some(spools) }
    }

    /// Every plan whole, however many there are.
    pub(super) fn whole() -> Self {
        Self { plans: Vec::new(), spools: None }
    }

    /// Takes a plan that ended.
    pub(super) fn plan(&mut self, mut plan: PlanRecord, ground: &Ground<'_>) {
        if let Some(spools) = &mut self.spools {
            for spool in spools {
                spool.tell(ground, &plan);
            }
            if ground.started().is_some_and(RunStarted::is_large) {
                plan.become_lean();
            }
        }
        self.plans.push(plan);
    }

    /// The run as a whole, with the plans that did not end.
    pub(super) fn end(mut self, fold: Fold) -> Told {
        let (mut record, open) = fold.into_record();
        let ground = Ground::new(record.started.as_ref(), &record.sources);
        for plan in open {
            self.plan(plan, &ground);
        }
        self.spools.iter_mut().flatten().for_each(Spool::end);
        record.plans = self.plans;
        record.plans.sort_by_key(|plan| plan.started.job);
        Told { record, spools: self.spools }
    }
}

/// A run as documents are made of it.
#[derive(Debug)]
pub(super) struct Told {
    /// The record; of a large run what passed in it is lean, unless it was kept whole.
    pub(super) record: Record,
    spools: Option<Vec<Spool>>,
}

impl From<Record> for Told {
    /// A run whose plans are all there.
    fn from(record: Record) -> Self {
        Self { record, spools: None }
    }
}

impl Pieces for Told {
    fn each(
        &self,
        format: Format,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(spools) = &self.spools else { return self.record.each(format, take) };
        match spools.iter().find(|spool| spool.format() == format) {
            Some(spool) => spool.each(take),
            None => Err("its plans were not told while the run went on".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::report::fixture;

    /// Two plans at once, in a large run; a third has no end.
    fn events() -> Vec<Event> {
        let mut events = fixture::beginning(3);
        if let Some(Event::RunStarted(started)) = events.first_mut() {
            started.steps = 301;
        }
        let passed = || fixture::direct(200, &serde_json::json!({"a": 1}));
        let steps = || vec![passed(), fixture::through_the_proxy(), fixture::looked()];
        let (one, other) = (fixture::job(0, steps()), fixture::job(1, steps()));
        // The second is told first, and both by turns.
        events.extend(other.into_iter().zip(one).flat_map(|(other, one)| [other, one]));
        let mut open = fixture::job(2, steps());
        open.pop();
        events.extend(open);
        events.push(fixture::end());
        events
    }

    fn kept(mut kept: Kept) -> Told {
        let mut fold = Fold::default();
        for event in events() {
            if let Some(plan) = fold.push(&event) {
                kept.plan(plan, &Ground::new(fold.started(), fold.sources()));
            }
        }
        kept.end(fold)
    }

    #[test]
    fn documents_are_the_same_whether_plans_are_told_as_they_end_or_all_at_the_end() {
        let told = kept(Kept::told(Format::ALL.map(|format| (format, None))));
        let whole = Record::fold(events());
        assert_ne!(told.record.plans, whole.plans, "nothing became lean");
        for format in Format::ALL {
            let mut seen = Vec::new();
            format.write(&told.record, &told, &mut seen).unwrap();
            assert_eq!(
                String::from_utf8(seen).unwrap(),
                format.render(&whole).unwrap(),
                "{format:?}"
            );
        }
    }

    #[test]
    fn a_run_that_is_kept_whole_is_whole() {
        assert_eq!(kept(Kept::whole()).record.plans, Record::fold(events()).plans);
    }

    #[test]
    fn a_document_that_nobody_asked_for_in_time_is_refused_not_empty() {
        let told = kept(Kept::told([(Format::Json, None)]));
        let why = Format::Junit.write(&told.record, &told, &mut Vec::new()).unwrap_err();
        assert!(why.contains("not told while the run went on"), "{why}");
        // The twin: those that are made of the record alone.
        Format::Markdown.write(&told.record, &told, &mut Vec::new()).unwrap();
    }
}
