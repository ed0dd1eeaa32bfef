//! The one line that moves: which step runs now, and for how long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{JobId, StepRef};
use crate::report::style::Style;
use crate::secret::sanitise_line;

/// The progress line; it is drawn on standard error, and only there.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    style: Style,
    running: Vec<(JobId, StepRef, String)>,
    /// How many samples of a step were taken.
    sampled: Vec<(JobId, StepRef, usize)>,
    started: bool,
    done: u32,
    steps: u32,
}

impl Progress {
    /// A line that shows nothing yet.
    pub(super) fn new(style: &Style) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(12));
        let ticks = if style.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "|/-\\ " };
        if let Ok(template) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            bar.set_style(template.tick_chars(ticks));
        }
        Self {
            bar,
            style: *style,
            running: Vec::new(),
            sampled: Vec::new(),
            started: false,
            done: 0,
            steps: 0,
        }
    }

    /// How many steps are going to run, as far as is known.
    pub(super) fn expect(&mut self, steps: u32) {
        self.steps = steps;
    }

    /// A step began.
    pub(super) fn started(&mut self, job: JobId, step: &StepRef) {
        if !step.is_counted() {
            return;
        }
        if !self.started {
            self.started = true;
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
        if self.running.is_empty() {
            self.bar.reset_elapsed();
        }
        self.running.push((job, step.clone(), String::new()));
        self.show();
    }

    /// A step tries again.
    pub(super) fn retried(&mut self, job: JobId, step: &StepRef, attempt: u32, why: &str) {
        for (_, _, note) in self.running.iter_mut().filter(|(j, s, _)| *j == job && s == step) {
            *note = format!("(attempt {}: {})", attempt.saturating_add(1), sanitise_line(why));
        }
        self.show();
    }

    /// Samples of a step were taken.
    pub(super) fn sampled(&mut self, job: JobId, step: &StepRef, more: usize, of: u32) {
        let known = self.sampled.iter_mut().find(|(j, s, _)| *j == job && s.is(step));
        let taken = if let Some((.., taken)) = known {
            *taken += more;
            *taken
        } else {
            self.sampled.push((job, step.clone(), more));
            more
        };
        for (_, _, note) in self.running.iter_mut().filter(|(j, s, _)| *j == job && s == step) {
            *note = format!("({taken} of {of} samples)");
        }
        self.show();
    }

    /// A step ended.
    pub(super) fn finished(&mut self, job: JobId, step: &StepRef) {
        if !step.is_counted() {
            return;
        }
        self.done = self.done.saturating_add(1);
        self.running.retain(|(j, s, _)| *j != job || s != step);
        self.sampled.retain(|(j, s, _)| *j != job || s != step);
        self.bar.reset_elapsed();
        self.show();
    }

    /// Writes something else without mixing it with the line.
    pub(super) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Removes the line for good.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        let room = self.style.columns().saturating_sub(12);
        self.bar.set_message(self.style.cut(&self.message(), room));
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
            text = format!("{text} {note}");
        }
        if !rest.is_empty() {
            text = format!("{text} and {} more", rest.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_line_names_the_step_the_attempt_and_how_many_more() {
        let mut progress = Progress::new(&Style::default());
        assert_eq!(progress.message(), "");
        progress.expect(3);
        let (look, create) = (fixture::step(0, None, "Look"), fixture::step(1, None, "Create"));
        progress.started(JobId(0), &look);
        progress.started(JobId(1), &create);
        assert_eq!(progress.message(), "1/3 Look and 1 more");
        progress.retried(JobId(0), &look, 1, "status 404\u{1b}[2J");
        assert_eq!(progress.message(), "1/3 Look (attempt 2: status 404\\u{1b}[2J) and 1 more");
        progress.finished(JobId(0), &look);
        assert_eq!(progress.message(), "2/3 Create");
        progress.clear();
    }
}
