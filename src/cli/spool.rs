//! What a document says of each plan, written down as the plans end and read in the order of the jobs.

use std::cell::RefCell;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tempfile::SpooledData;
use tempfile::SpooledTempFile;

use crate::event::JobId;
use crate::record::PlanRecord;
use crate::report::{Format, Ground};

/// So many bytes stay in memory; more go to a file without a name, which is gone with the process.
const MEMORY: usize = 128 * 1024;
/// So many bytes are written and read at once.
const AT_ONCE: usize = 64 * 1024;

/// The pieces of one document.
#[derive(Debug)]
pub(super) struct Spool {
    format: Format,
    file: RefCell<SpooledTempFile>,
    /// What is not in the file yet.
    pending: Vec<u8>,
    pieces: Vec<Piece>,
    length: u64,
    fault: Option<String>,
}

/// Where the piece of a job stands.
#[derive(Debug, Clone, Copy)]
struct Piece {
    job: JobId,
    at: u64,
    length: usize,
}

impl Spool {
    /// Pieces that go to a file in this folder, once there are many.
    pub(super) fn new(format: Format, folder: &Path) -> Self {
        let file = RefCell::new(tempfile::spooled_tempfile_in(MEMORY, folder));
        Self { format, file, pending: Vec::new(), pieces: Vec::new(), length: 0, fault: None }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Tells a plan that ended; what goes wrong is said when the document is written.
    pub(super) fn tell(&mut self, ground: &Ground<'_>, plan: &PlanRecord) {
        if self.fault.is_some() {
            return;
        }
        let told = catch_unwind(AssertUnwindSafe(|| self.format.piece(ground, plan)));
        let Ok(text) = told else {
            self.fault = Some("its reporter failed".to_owned());
            return;
        };
        let (job, at, length) = (plan.started.job, self.length, text.len());
        self.pieces.push(Piece { job, at, length });
        self.length += u64::try_from(length).unwrap_or(u64::MAX);
        self.pending.extend_from_slice(&text);
        if self.pending.len() >= AT_ONCE {
            self.put_aside();
        }
    }

    /// No plan follows.
    pub(super) fn end(&mut self) {
        self.put_aside();
        self.pending = Vec::new();
    }

    fn put_aside(&mut self) {
        let file = self.file.get_mut();
        let mut written = file.write_all(&self.pending);
        if written.is_err() && !file.is_rolled() {
            // Nowhere is room for a file: all of it stays in memory.
            let unlimited = SpooledTempFile::new(usize::MAX);
            if let SpooledData::InMemory(before) = std::mem::replace(file, unlimited).into_inner() {
                written = file.write_all(before.get_ref());
            }
            written = written.and_then(|()| file.write_all(&self.pending));
        }
        self.pending.clear();
        if let Err(error) = written {
            self.fault = Some(aside(&error));
        }
    }

    /// Hands on every piece, in the order of the jobs.
    pub(super) fn each(
        &self,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut pieces = self.pieces.clone();
        pieces.sort_by_key(|piece| piece.job);
        let mut file = self.file.borrow_mut();
        file.rewind().map_err(|error| aside(&error))?;
        let mut file = BufReader::with_capacity(AT_ONCE, &mut *file);
        let (mut at, mut text) = (0_u64, Vec::new());
        for piece in pieces {
            // Plans end nearly in their order: most of what is next has been read already.
            let way = i64::try_from(i128::from(piece.at) - i128::from(at)).unwrap_or(i64::MAX);
            text.resize(piece.length, 0);
            let read = file.seek_relative(way).and_then(|()| file.read_exact(&mut text));
            read.map_err(|error| aside(&error))?;
            at = piece.at + u64::try_from(piece.length).unwrap_or(u64::MAX);
            take(&text)?;
        }
        Ok(())
    }
}

fn aside(error: &io::Error) -> String {
    format!("what was put aside for it: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::record::Record;
    use crate::report::fixture;

    fn told(folder: &Path, plans: u32) -> (Spool, Record) {
        let mut events: Vec<Event> = fixture::beginning(plans);
        events.extend((0..plans).flat_map(|n| fixture::job(n, vec![fixture::looked()])));
        let record = Record::fold(events);
        let ground = Ground::new(record.started.as_ref(), &record.sources);
        let mut spool = Spool::new(Format::Json, folder);
        // The other way round.
        for plan in record.plans.iter().rev() {
            spool.tell(&ground, plan);
        }
        spool.end();
        (spool, record)
    }

    fn pieces(spool: &Spool) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        spool
            .each(&mut |piece| {
                pieces.push(piece.to_vec());
                Ok(())
            })
            .unwrap();
        pieces
    }

    #[test]
    fn pieces_come_in_the_order_of_the_jobs_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for (plans, rolled) in [(3, false), (120, true)] {
            let (spool, record) = told(folder.path(), plans);
            assert_eq!(spool.file.borrow().is_rolled(), rolled);
            let ground = Ground::new(record.started.as_ref(), &record.sources);
            let expected = record.plans.iter().map(|plan| Format::Json.piece(&ground, plan));
            assert_eq!(pieces(&spool), expected.collect::<Vec<_>>());
            // It may be read again, for a second file.
            assert_eq!(pieces(&spool).len(), record.plans.len());
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "something is left");
    }

    #[test]
    fn where_no_file_can_be_made_all_of_it_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, record) = told(&folder.path().join("not/there"), 120);
        assert!(!spool.file.borrow().is_rolled());
        assert_eq!(pieces(&spool).len(), record.plans.len());
    }
}
