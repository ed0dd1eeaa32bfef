//! What a document says of each plan, written down as the plans end and read in the order of the jobs.

use std::cell::RefCell;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tempfile::SpooledTempFile;

use crate::event::JobId;
use crate::record::PlanRecord;
use crate::report::{Format, Ground};

/// So many bytes stay in memory; more go to a file without a name, which is gone with the process.
const MEMORY: usize = 256 * 1024;

/// The pieces of one document.
#[derive(Debug)]
pub(super) struct Spool {
    format: Format,
    file: RefCell<SpooledTempFile>,
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
    pub(super) fn new(format: Format) -> Self {
        let file = RefCell::new(SpooledTempFile::new(MEMORY));
        Self { format, file, pieces: Vec::new(), length: 0, fault: None }
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
        if let Err(error) = self.file.get_mut().write_all(&text) {
            self.fault = Some(aside(&error));
            return;
        }
        let (job, at, length) = (plan.started.job, self.length, text.len());
        self.pieces.push(Piece { job, at, length });
        self.length += u64::try_from(length).unwrap_or(u64::MAX);
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
        let mut file = BufReader::with_capacity(MEMORY, &mut *file);
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
