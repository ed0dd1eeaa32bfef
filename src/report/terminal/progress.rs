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
    started: bool,
}

impl Progress {
    /// A line that shows nothing yet.
    pub(super) fn new(style: &Style) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(12));
        let ticks = if style.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "|/-\\ " };
        if let Ok(template) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            bar.set_style(template.tick_chars(ticks));
        }
        Self { bar, style: *style, running: Vec::new(), started: false }
    }

    /// A step began.
    pub(super) fn started(&mut self, job: JobId, step: &StepRef) {
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

    /// A step ended.
    pub(super) fn finished(&mut self, job: JobId, step: &StepRef) {
        self.running.retain(|(j, s, _)| *j != job || s != step);
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
        let text = match self.running.as_slice() {
            [] => String::new(),
            [(_, step, note)] => format!("{} {note}", sanitise_line(&step.name)),
            [(_, step, note), rest @ ..] => {
                format!("{} {note} and {} more", sanitise_line(&step.name), rest.len())
            }
        };
        let room = self.style.columns().saturating_sub(12);
        self.bar.set_message(self.style.cut(text.trim_end(), room));
    }
}
