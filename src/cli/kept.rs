//! The plans of a run that documents are made of: as many whole as fit, the others lean, and where
//! in the stored events the whole ones stand.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::store;
use crate::event::{Event, JobId, RunStarted, read_line};
use crate::record::{Fold, PlanRecord, Plans, Record};

/// So many bytes of events are kept as whole plans; what comes after them is read again.
const WHOLE: u64 = 3 * 1024 * 1024;

/// Plans as they end.
#[derive(Debug)]
pub(super) struct Kept {
    plans: Vec<PlanRecord>,
    open: BTreeMap<JobId, Vec<Part>>,
    lean: BTreeMap<JobId, Vec<Part>>,
    at: u64,
    whole: u64,
    /// How many bytes of events are kept as whole plans.
    most: u64,
}

impl Default for Kept {
    fn default() -> Self {
        let (plans, open, lean) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { plans, open, lean, at: 0, whole: 0, most: WHOLE }
    }
}

/// Some bytes of the stored events: whole lines.
#[derive(Debug, Clone, Copy)]
struct Part {
    at: u64,
    length: u64,
}

impl Kept {
    /// Notes where an event stands in the stored run: behind those that were noted before.
    pub(super) fn stored(&mut self, job: Option<JobId>, length: u64) {
        let at = self.at;
        self.at += length;
        let Some(job) = job else { return };
        let parts = self.open.entry(job).or_default();
        match parts.last_mut().filter(|last| last.at + last.length == at) {
            Some(last) => last.length += length,
            None => parts.push(Part { at, length }),
        }
    }

    /// Keeps a plan that ended.
    pub(super) fn plan(&mut self, mut plan: PlanRecord, run: Option<&RunStarted>) {
        let job = plan.started.job;
        let parts = self.open.remove(&job).unwrap_or_default();
        let bytes: u64 = parts.iter().map(|part| part.length).sum();
        if !run.is_some_and(RunStarted::is_large) || bytes == 0 {
            self.plans.push(plan);
        } else if self.whole + bytes <= self.most {
            self.whole += bytes;
            self.plans.push(plan);
        } else {
            plan.become_lean();
            self.plans.push(plan);
            self.lean.insert(job, parts);
        }
    }

    /// The record of the run, and what gives its plans whole out of the stored events.
    pub(super) fn whole(self, fold: Fold, events: PathBuf) -> Told {
        let (mut record, open) = fold.into_record();
        record.plans = self.plans;
        record.plans.extend(open);
        record.plans.sort_by_key(|plan| plan.started.job);
        Told { record, lean: self.lean, events }
    }
}

/// A run as documents are made of it.
#[derive(Debug)]
pub(super) struct Told {
    /// The record; of a large run some plans are lean.
    pub(super) record: Record,
    lean: BTreeMap<JobId, Vec<Part>>,
    events: PathBuf,
}

impl From<Record> for Told {
    /// A run whose plans are all there.
    fn from(record: Record) -> Self {
        Self { record, lean: BTreeMap::new(), events: PathBuf::new() }
    }
}

impl Plans for Told {
    fn each(&self, take: &mut dyn FnMut(&PlanRecord) -> Result<(), String>) -> Result<(), String> {
        for plan in &self.record.plans {
            match self.lean.get(&plan.started.job) {
                Some(parts) => take(&self.read(parts)?)?,
                None => take(plan)?,
            }
        }
        Ok(())
    }
}

impl Told {
    /// The record with every plan whole, in memory.
    pub(super) fn into_whole(self) -> Result<Record, String> {
        if self.lean.is_empty() {
            return Ok(self.record);
        }
        let mut plans = Vec::new();
        self.each(&mut |plan| {
            plans.push(plan.clone());
            Ok(())
        })?;
        Ok(Record { plans, ..self.record })
    }

    /// A plan out of the stored events.
    fn read(&self, parts: &[Part]) -> Result<PlanRecord, String> {
        let again = |why: &dyn std::fmt::Display| {
            format!("`{}` cannot be read again: {why}", self.events.display())
        };
        let mut file = store::open(&self.events).map_err(|error| again(&error))?;
        let mut fold = Fold::default();
        let mut text = String::new();
        for part in parts {
            text.clear();
            file.seek(SeekFrom::Start(part.at)).map_err(|error| again(&error))?;
            let read = (&mut file).take(part.length).read_to_string(&mut text);
            read.map_err(|error| again(&error))?;
            for line in text.lines() {
                let event: Event = read_line(line).map_err(|broken| again(&broken))?;
                if let Some(plan) = fold.push(&event) {
                    return Ok(plan);
                }
            }
        }
        Err(again(&"a plan has no end in it"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::report::{Format, fixture};
    use crate::secret::Gate;

    /// Two plans at once, in a large run.
    fn events() -> Vec<Event> {
        let mut events = fixture::beginning(2);
        if let Some(Event::RunStarted(started)) = events.first_mut() {
            started.steps = 301;
        }
        let steps = || vec![fixture::direct(200, &serde_json::json!({"a": 1})), fixture::looked()];
        let (one, other) = (fixture::job(0, steps()), fixture::job(1, steps()));
        // The second is told first, and both by turns.
        events.extend(other.into_iter().zip(one).flat_map(|(other, one)| [other, one]));
        events.push(fixture::end());
        events
    }

    /// The run as it is kept where so many bytes fit, with its events in a file.
    fn kept(most: u64, file: &mut tempfile::NamedTempFile) -> Told {
        let mut fold = Fold::default();
        let mut kept = Kept { most, ..Kept::default() };
        for event in events() {
            let line = Event::to_line(&Gate::new().redact(event.clone())) + "\n";
            file.write_all(line.as_bytes()).unwrap();
            kept.stored(event.job(), u64::try_from(line.len()).unwrap());
            if let Some(plan) = fold.push(&event) {
                kept.plan(plan, fold.started());
            }
        }
        kept.whole(fold, file.path().to_path_buf())
    }

    #[test]
    fn documents_are_the_same_whether_plans_were_kept_or_are_read_again() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let told = kept(0, &mut file);
        assert_eq!(told.lean.len(), 2);
        let whole = Record::fold(events());
        assert_ne!(told.record.plans, whole.plans);
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
    fn what_fits_is_kept_whole_and_nothing_is_read_again() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let told = kept(u64::MAX, &mut file);
        assert_eq!(told.record.plans, Record::fold(events()).plans);
        std::fs::remove_file(file.path()).unwrap();
        assert!(told.each(&mut |_| Ok(())).is_ok());
    }

    #[test]
    fn events_that_are_gone_are_told_not_taken_for_an_empty_run() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let told = kept(0, &mut file);
        std::fs::remove_file(file.path()).unwrap();
        let why = told.each(&mut |_| Ok(())).unwrap_err();
        assert!(why.contains("cannot be read again"), "{why}");
    }
}
