//! Events as lines of `events.jsonl`: one JSON object each, without a line break in it.

use std::fmt;

use serde::Deserialize;

use super::{Event, VERSION};
use crate::secret::Redacted;

impl Event {
    /// Appends the event as one line, with the line break at its end.
    pub fn write_line(event: &Redacted<Self>, into: &mut Vec<u8>) {
        // JSON can write every event: all keys are texts. An empty line would be refused on reading.
        let _ = serde_json::to_writer(&mut *into, event);
        into.push(b'\n');
    }

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
    let read = serde_json::from_str(line).or_else(|fault| {
        // A body as deep as bodies may be lies some levels deeper in its event.
        let is_deep = fault.to_string().starts_with("recursion limit exceeded");
        if is_deep && depth(line) <= DEPTH { read_deep(line) } else { Err(fault) }
    });
    read.map_err(|fault| LineFault::Broken {
        message: what_went_wrong(&fault),
        column: fault.column(),
    })
}

/// Lists and objects in each other, at most, in a line that is read: a body's own 127, and the levels
/// of an event round it.
const DEPTH: usize = 192;

fn read_deep(line: &str) -> serde_json::Result<Event> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    deserializer.disable_recursion_limit();
    let event = Event::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(event)
}

/// How many lists and objects lie in each other.
fn depth(line: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in line.bytes() {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
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

#[cfg(test)]
mod tests {
    use super::super::{JobId, RunStarted};
    use super::*;
    use crate::outcome::Verdict;
    use crate::secret::Gate;
    use std::time::Duration;

    fn line(event: Event) -> String {
        Event::to_line(&Gate::new().redact(event))
    }

    fn finished() -> Event {
        Event::PlanFinished {
            job: JobId(3),
            verdict: Verdict::Passed,
            duration: Duration::new(2, 5),
            findings: Vec::new(),
            breach: None,
        }
    }

    fn started(version: u32) -> Event {
        Event::RunStarted(RunStarted {
            version,
            planrun: "0.1.0".to_owned(),
            run: "r1".to_owned(),
            started_at: "2026-11-22T15:00:00Z".to_owned(),
            environment: None,
            seed: u64::MAX,
            jobs: 1,
            steps: 1,
            command: Vec::new(),
            variables: std::collections::BTreeMap::new(),
            commit: None,
        })
    }

    #[test]
    fn durations_are_whole_nanoseconds() {
        assert_eq!(
            line(finished()),
            r#"{"plan-finished":{"job":3,"verdict":"passed","duration":2000000005}}"#
        );
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        for event in [finished(), started(VERSION)] {
            assert_eq!(read_line(&line(event.clone())), Ok(event));
        }
    }

    #[test]
    fn a_newer_stream_is_refused_even_where_it_would_fit() {
        let newer = VERSION + 1;
        assert_eq!(read_line(&line(started(newer))), Err(LineFault::Newer { version: newer }));
        let strange = format!(r#"{{"run-started": {{"version": {newer}, "new": true}}}}"#);
        assert_eq!(read_line(&strange), Err(LineFault::Newer { version: newer }));
    }

    #[test]
    fn a_line_that_is_no_event_says_what_is_wrong_and_where() {
        let fault = read_line(r#"{"plan-finished":{"job":3}}"#).map_err(|f| f.to_string());
        assert_eq!(fault, Err("not an event: missing field `verdict`, at column 26".to_owned()));
        assert!(matches!(read_line(r#"{"unheard-of":{}}"#), Err(LineFault::Broken { .. })));
        assert!(matches!(read_line(""), Err(LineFault::Broken { .. })));
        let bottomless = format!(r#"{{"plan-finished":{{"job":{}"#, "[".repeat(100_000));
        assert!(matches!(read_line(&bottomless), Err(LineFault::Broken { .. })));
    }

    #[test]
    fn what_lies_in_a_text_is_not_deep() {
        assert_eq!(depth(r#"{"a":[{"b":"[[[\"[[["}]}"#), 3);
        assert_eq!(depth("[]{}[[]]"), 2);
    }

    #[test]
    fn only_a_last_line_that_was_cut_is_left_out() {
        let whole = line(finished());
        let half = &whole[..20];
        let killed = format!("{whole}\n{half}");
        assert_eq!(read_lines(&killed).collect::<Vec<_>>(), [Ok(finished())]);
        let broken = format!("{half}\n{whole}\n");
        let read: Vec<_> = read_lines(&broken).collect();
        assert!(matches!(read.as_slice(), [Err(LineFault::Broken { .. }), Ok(_)]));
        // A whole last line without its line break still counts.
        assert_eq!(read_lines(&whole).count(), 1);
    }
}
