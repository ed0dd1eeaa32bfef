//! What the command itself prints: only what went through the gate, and quietly where a pipe closes.

use std::io::{self, IsTerminal, Write};

use super::args::{ColorWhen, Look};
use super::inputs::Process;
use crate::report::Style;
use crate::secret::Redacted;

/// Standard output and standard error, with how each may look.
pub(super) struct Printer {
    /// How output looks.
    pub(super) style: Style,
    /// Whether standard output is a terminal.
    pub(super) is_terminal: bool,
    /// How standard error looks.
    pub(super) error_style: Style,
}

impl Printer {
    pub(super) fn new(look: &Look, process: &Process) -> Self {
        let out = io::stdout().is_terminal();
        let err = io::stderr().is_terminal();
        let set = |name: &str| process.get(name).is_some_and(|value| !value.is_empty());
        let dumb = process.get("TERM") == Some("dumb");
        // https://no-color.org and https://bixense.com/clicolors, and what Node's tools read.
        let forced = ["CLICOLOR_FORCE", "FORCE_COLOR"]
            .iter()
            .any(|name| set(name) && process.get(name) != Some("0"));
        let refused = set("NO_COLOR") || !forced && process.get("CLICOLOR") == Some("0");
        let color = |is_terminal: bool| match look.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => !refused && (forced || is_terminal && !dumb),
        };
        let width = width(process, out || err);
        let unicode = is_utf8(process);
        Self {
            style: Style { width, color: color(out), unicode },
            is_terminal: out && !dumb,
            error_style: Style { width, color: color(err), unicode },
        }
    }

    /// Prints to standard output.
    #[expect(clippy::unused_self, reason = "a printer prints")]
    pub(super) fn out(&self, text: &Redacted<String>) -> io::Result<()> {
        quiet(write(&mut io::stdout().lock(), text))
    }

    /// Prints keys to whoever asked for them: the demo's, made anew at every start.
    #[cfg(feature = "demo")]
    #[expect(clippy::unused_self, reason = "a printer prints")]
    pub(super) fn handed_out(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Asks a question on standard error; the answer is typed behind it.
    #[expect(clippy::unused_self, reason = "a printer prints")]
    pub(super) fn ask(&self, question: &Redacted<String>) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(question.as_bytes()).and_then(|()| err.flush());
    }

    /// Prints to standard error.
    #[expect(clippy::unused_self, reason = "a printer prints")]
    pub(super) fn error(&self, text: &Redacted<String>) {
        // There is nowhere left to complain.
        let _ = write(&mut io::stderr().lock(), text);
    }
}

fn write(out: &mut dyn Write, text: &Redacted<String>) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A reader that went away (`| head`) is no error.
pub(super) fn quiet(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The columns of the terminal; 80 where there is none.
fn width(process: &Process, is_terminal: bool) -> usize {
    if let Some(columns) = process.get("COLUMNS").and_then(|text| text.parse().ok()) {
        return columns;
    }
    if !is_terminal {
        return 80;
    }
    columns().filter(|columns| *columns > 0).map_or(80, |columns| columns.min(120))
}

/// What the terminal says of its width.
fn columns() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Whether the locale's characters are UTF-8; where nothing says otherwise they are.
fn is_utf8(process: &Process) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| process.get(name).filter(|value| !value.is_empty()))
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8")
                || locale.contains("utf8")
                || locale == "c"
                || locale == "posix"
        })
}
