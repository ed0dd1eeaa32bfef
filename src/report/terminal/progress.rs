//! The one line that moves: which step runs now, and for how long.
//!
//! It ends where its text ends: what a person types goes behind it, and is gone with it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::moving::note;
use crate::event::{JobId, StepRef, Transfer};
use crate::report::style::Style;
use crate::secret::sanitise_line;

/// How often it is drawn where nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Back to the first column, and the row is empty.
const CLEAR: &str = "\r\u{1b}[2K";

/// The progress line; it is drawn on standard error, and only there.
#[derive(Debug)]
pub(super) struct Progress {
    line: Arc<Mutex<Line>>,
    ticker: Option<JoinHandle<()>>,
}

/// What is drawn.
#[derive(Debug)]
struct Line {
    style: Style,
    /// Whether standard error is a terminal.
    is_visible: bool,
    is_drawn: bool,
    is_over: bool,
    turn: usize,
    /// Since when the step that is shown has been waited for.
    since: Option<Instant>,
    running: Vec<(JobId, StepRef, String)>,
    /// How many samples of a step were taken.
    sampled: Vec<(JobId, StepRef, usize)>,
    done: u32,
    steps: u32,
}

impl Progress {
    /// A line that shows nothing yet.
    pub(super) fn new(style: &Style) -> Self {
        let line = Line {
            style: *style,
            is_visible: io::stderr().is_terminal(),
            is_drawn: false,
            is_over: false,
            turn: 0,
            since: None,
            running: Vec::new(),
            sampled: Vec::new(),
            done: 0,
            steps: 0,
        };
        Self { line: Arc::new(Mutex::new(line)), ticker: None }
    }

    /// How many steps are going to run, as far as is known.
    pub(super) fn expect(&mut self, steps: u32) {
        self.line().steps = steps;
    }

    /// A step began.
    pub(super) fn started(&mut self, job: JobId, step: &StepRef) {
        if !step.is_counted() {
            return;
        }
        let mut line = self.line();
        if line.running.is_empty() {
            line.since = Some(now());
        }
        line.running.push((job, step.clone(), String::new()));
        line.draw();
        let is_visible = line.is_visible;
        drop(line);
        if is_visible && self.ticker.is_none() {
            let line = Arc::clone(&self.line);
            let ticker = std::thread::Builder::new().name("progress".into());
            self.ticker = ticker.spawn(move || tick(&line)).ok();
        }
    }

    /// A step tries again.
    pub(super) fn retried(&mut self, job: JobId, step: &StepRef, attempt: u32, why: &str) {
        let mut line = self.line();
        for (_, _, note) in line.running.iter_mut().filter(|(j, s, _)| *j == job && s == step) {
            *note = format!("(attempt {}: {})", attempt.saturating_add(1), sanitise_line(why));
        }
        line.draw();
    }

    /// A body is on its way.
    pub(super) fn moved(&mut self, job: JobId, step: &StepRef, transfer: &Transfer) {
        let mut line = self.line();
        let text = note(transfer, &line.style);
        for (_, _, note) in line.running.iter_mut().filter(|(j, s, _)| *j == job && s == step) {
            note.clone_from(&text);
        }
        line.draw();
    }

    /// Samples of a step were taken.
    pub(super) fn sampled(&mut self, job: JobId, step: &StepRef, more: usize, of: u32) {
        let mut line = self.line();
        let known = line.sampled.iter_mut().find(|(j, s, _)| *j == job && s.is(step));
        let taken = if let Some((.., taken)) = known {
            *taken += more;
            *taken
        } else {
            line.sampled.push((job, step.clone(), more));
            more
        };
        for (_, _, note) in line.running.iter_mut().filter(|(j, s, _)| *j == job && s == step) {
            *note = format!("({taken} of {of} samples)");
        }
        line.draw();
    }

    /// A step ended.
    pub(super) fn finished(&mut self, job: JobId, step: &StepRef) {
        if !step.is_counted() {
            return;
        }
        let mut line = self.line();
        line.done = line.done.saturating_add(1);
        line.running.retain(|(j, s, _)| *j != job || s != step);
        line.sampled.retain(|(j, s, _)| *j != job || s != step);
        line.since = Some(now());
        line.draw();
    }

    /// Writes something else without mixing it with the line.
    pub(super) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        // Nobody draws as long as the line is held.
        let mut line = self.line();
        line.clear();
        let written = write();
        line.draw();
        written
    }

    /// Removes the line for good.
    pub(super) fn clear(mut self) {
        {
            let mut line = self.line();
            line.is_over = true;
            line.clear();
        }
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            // It draws no more; that it panicked would change nothing.
            let _ = ticker.join();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the moving line says how long it has been waiting")]
fn now() -> Instant {
    Instant::now()
}

/// Draws the line again and again, so that it is seen that something is going on.
fn tick(line: &Mutex<Line>) {
    loop {
        std::thread::park_timeout(TICK);
        let mut line = lock(line);
        if line.is_over {
            return;
        }
        line.turn = line.turn.wrapping_add(1);
        line.draw();
    }
}

impl Line {
    fn draw(&mut self) {
        if !self.is_visible || self.is_over {
            return;
        }
        let message = self.message();
        if message.is_empty() {
            self.clear();
            return;
        }
        let waited = self.since.map(|since| now().saturating_duration_since(since));
        let waited = seconds(waited.unwrap_or_default());
        let signs: &[char] = if self.style.unicode {
            &['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
        } else {
            &['|', '/', '-', '\\']
        };
        let sign = signs.get(self.turn % signs.len()).copied().unwrap_or(' ');
        // The last columns stay free for the `^C` that a terminal puts behind it. The width is
        // asked for each time, since the terminal may have become narrower.
        let columns = terminal_size::terminal_size_of(io::stderr())
            .map_or(self.style.columns(), |(columns, _)| usize::from(columns.0));
        let room = columns.saturating_sub(8 + waited.len());
        let message = self.style.cut(&message, room);
        self.is_drawn = true;
        write(&format!("{CLEAR}  {sign} {message} {waited}"));
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            write(CLEAR);
        }
    }

    /// `3/12 Look at the model (attempt 4: status 404) and 2 more`
    fn message(&self) -> String {
        let Some(((_, step, note), rest)) = self.running.split_first() else {
            return String::new();
        };
        let mut text = sanitise_line(&step.title()).into_owned();
        if self.steps > 0 {
            // A count that was only an estimate is not allowed to look wrong.
            let at = self.done.saturating_add(1);
            text = format!("{at}/{} {text}", self.steps.max(at));
        }
        if !note.is_empty() {
            let _ = write!(text, " {note}");
        }
        if !rest.is_empty() {
            let _ = write!(text, " and {} more", rest.len());
        }
        text
    }
}

/// `7s`, `2m 07s`
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{seconds}s");
    }
    format!("{}m {:02}s", seconds / 60, seconds % 60)
}

/// A line that cannot be drawn is no reason to fail.
pub(super) fn write(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_line_names_the_step_the_attempt_and_how_many_more() {
        let mut progress = Progress::new(&Style::default());
        let message = |progress: &Progress| progress.line().message();
        assert_eq!(message(&progress), "");
        progress.expect(3);
        let (look, create) = (fixture::step(0, None, "Look"), fixture::step(1, None, "Create"));
        progress.started(JobId(0), &look);
        progress.started(JobId(1), &create);
        assert_eq!(message(&progress), "1/3 Look and 1 more");
        progress.retried(JobId(0), &look, 1, "status 404\u{1b}[2J");
        assert_eq!(message(&progress), "1/3 Look (attempt 2: status 404\\u{1b}[2J) and 1 more");
        progress.finished(JobId(0), &look);
        assert_eq!(message(&progress), "2/3 Create");
        progress.clear();
    }

    #[test]
    fn time_is_told_in_seconds_and_minutes() {
        assert_eq!(seconds(Duration::from_millis(59_999)), "59s");
        assert_eq!(seconds(Duration::from_secs(127)), "2m 07s");
    }
}
