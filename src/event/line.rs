//! Events as lines of `events.jsonl`: one JSON object each, without a line break in it.

use std::fmt;

use serde::Deserialize;

use super::{Event, VERSION};
use crate::secret::Redacted;

impl Event {
    /// The event as one line, without a line break at its end. Only what went through the gate can
    /// be written.
    #[must_use]
    pub fn to_line(event: &Redacted<Self>) -> String {
        // JSON can write every event: all keys are texts. An empty line would be refused on reading.
        serde_json::to_string(event).unwrap_or_default()
    }
}

/// Why a line is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFault {
    /// The stream was written by a newer planrun.
    Newer {
        /// The version that it states; this reader knows [`VERSION`].
        version: u32,
    },
    /// The line is not JSON, or not an event: broken, or cut when the run was killed.
    Broken {
        /// What the parser met.
        message: String,
        /// The column in bytes, from 1.
        column: usize,
    },
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { version } => write!(
                f,
                "the events have version {version}, this planrun reads up to version {VERSION}"
            ),
            Self::Broken { message, column } => {
                write!(f, "not an event: {message}, at column {column}")
            }
        }
    }
}

impl std::error::Error for LineFault {}

/// Reads one line.
///
/// # Errors
/// A [`LineFault`]; a run that was started by a newer version is refused even where its line would
/// still fit.
pub fn read_line(line: &str) -> Result<Event, LineFault> {
    if let Some(version) = version_of(line).filter(|version| *version > VERSION) {
        return Err(LineFault::Newer { version });
    }
    serde_json::from_str(line).map_err(|fault| LineFault::Broken {
        message: what_went_wrong(&fault),
        column: fault.column(),
    })
}

/// Reads the lines of a whole stream in order; empty ones are passed over. Where the last line has
/// no line break and cannot be read, the run was killed while writing it: it is left out.
pub fn read_lines(stream: &str) -> impl Iterator<Item = Result<Event, LineFault>> {
    stream.split_inclusive('\n').filter(|line| !line.trim().is_empty()).filter_map(|line| {
        let event = read_line(line.trim_end());
        match event {
            Err(LineFault::Broken { .. }) if !line.ends_with('\n') => None,
            Ok(_) | Err(_) => Some(event),
        }
    })
}

/// The version in the first event, whatever else a newer planrun put there.
fn version_of(line: &str) -> Option<u32> {
    #[derive(Deserialize)]
    struct First {
        #[serde(rename = "run-started")]
        started: Versioned,
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    if !line.trim_start().starts_with("{\"run-started\"") {
        return None;
    }
    serde_json::from_str::<First>(line).ok().map(|first| first.started.version)
}

/// The parser's words without its own place.
fn what_went_wrong(fault: &serde_json::Error) -> String {
    let words = fault.to_string();
    words.rsplit_once(" at line ").map_or_else(|| words.clone(), |(what, _)| what.to_owned())
}
