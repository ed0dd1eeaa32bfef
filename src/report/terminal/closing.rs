//! The end of a run on the terminal: what was slow, what failed where, and the verdict.

use std::fmt::Write as _;
use std::time::Duration;

use super::line;
use crate::event::{RunStarted, StepRef};
use crate::outcome::{Phases, StepResult, Verdict};
use crate::report::failure;
use crate::report::finding::count;
use crate::report::style::{Paint, Style, width};
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// How many slow steps are named.
const SLOWEST: usize = 3;
/// How many failures are listed again when there are several plans.
const LISTED: usize = 20;

/// What the closing lines count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) plans: usize,
    pub(super) warnings: usize,
    pub(super) plan_budgets: usize,
    passed: usize,
    failed: usize,
    over_budget: usize,
    errored: usize,
    skipped: usize,
    blocked: usize,
    cancelled: usize,
    flaky: usize,
    slowest: Vec<(Duration, String, Option<Phases>, u32)>,
    failures: Vec<String>,
    failures_beyond: usize,
}

impl Tally {
    /// Counts a step that ended.
    pub(super) fn step(&mut self, at: &str, step: &StepRef, result: &StepResult, style: &Style) {
        match result.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed if result.only_budget => self.over_budget += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Errored => self.errored += 1,
            Verdict::Skipped => self.skipped += 1,
            Verdict::Blocked => self.blocked += 1,
            Verdict::Cancelled => self.cancelled += 1,
        }
        self.flaky += usize::from(result.flaky);
        self.warnings += usize::from(failure::warns(result));
        let name = sanitise_line(&step.name).into_owned();
        if matches!(result.verdict, Verdict::Failed | Verdict::Errored) {
            if self.failures.len() < LISTED {
                let why = line::short(result, style).into_iter().next().unwrap_or_default();
                self.failures.push(format!("{} {name}\n{why}", sanitise_line(at)));
            } else {
                self.failures_beyond += 1;
            }
        }
        let exchange = result.attempts.last().and_then(|attempt| attempt.exchange.as_deref());
        if let Some(exchange) = exchange {
            self.slowest.push((result.duration, name, Some(exchange.phases), result.tries));
            // Stable: of two that took the same, the first stays first.
            self.slowest.sort_by_key(|(time, ..)| std::cmp::Reverse(*time));
            self.slowest.truncate(SLOWEST);
        }
    }

    /// The closing lines.
    pub(super) fn closing(
        &self,
        run: Option<&RunStarted>,
        duration: Duration,
        interrupted: Option<&str>,
        stored: Option<&str>,
        quiet: bool,
        style: &Style,
    ) -> String {
        let mut out = String::new();
        if !quiet {
            out.push('\n');
            out.push_str(&self.slow(style));
            if self.plans > 1 {
                out.push_str(&self.list(style));
            }
        }
        let mut said = vec![self.counts()];
        said.push(show_duration(duration));
        if let Some(name) = run.and_then(|run| run.environment.as_deref()) {
            said.push(format!("environment {}", sanitise_line(name)));
        }
        let (word, paint) = self.verdict(interrupted);
        let colon = style.paint(paint, &format!("{word}:"));
        let indent = " ".repeat(width(&word) + 2);
        let text = style.dotted(said);
        let lines = crate::report::style::wrap(&text, style.columns() - width(&indent));
        let _ = writeln!(out, "{colon} {}", lines.join(&format!("\n{indent}")));
        if let Some(run) = run {
            let mut ids = vec![format!("run {}", sanitise_line(&run.run))];
            ids.push(format!("seed {}", run.seed));
            ids.extend(stored.map(|path| format!("stored in {}", sanitise_line(path))));
            if !quiet {
                for line in crate::report::style::wrap(&style.dotted(ids), style.columns()) {
                    out.push_str(&style.paint(Paint::Dim, &line));
                    out.push('\n');
                }
            }
        }
        out
    }

    /// `12 passed, 1 failed in 1 plan`
    fn counts(&self) -> String {
        let all = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.over_budget, "over budget"),
            (self.errored, "errored"),
            (self.skipped, "skipped"),
            (self.blocked, "blocked"),
            (self.cancelled, "cancelled"),
            (self.flaky, "flaky"),
        ];
        let mut parts: Vec<String> = all
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        if self.plan_budgets > 0 {
            parts.push(format!("{} over budget", count(self.plan_budgets, "plan", "plans")));
        }
        if self.warnings > 0 {
            parts.push(count(self.warnings, "warning", "warnings"));
        }
        if parts.is_empty() {
            parts.push("0 steps".to_owned());
        }
        format!("{} in {}", parts.join(", "), count(self.plans, "plan", "plans"))
    }

    /// One word for the whole run; the gravest wins.
    fn verdict(&self, interrupted: Option<&str>) -> (String, Paint) {
        let (word, paint) = match interrupted {
            Some(what) => {
                return (format!("interrupted by {}", sanitise_line(what)), Paint::Bad);
            }
            None if self.errored > 0 => ("errored", Paint::Bad),
            None if self.failed > 0 => ("failed", Paint::Bad),
            None if self.over_budget + self.plan_budgets > 0 => ("too slow", Paint::Bad),
            None if self.cancelled > 0 => ("cancelled", Paint::Bad),
            None if self.passed == 0 => ("nothing ran", Paint::Warn),
            None => ("passed", Paint::Good),
        };
        (word.to_owned(), paint)
    }

    /// The slowest steps, where there are enough steps for that to say something.
    fn slow(&self, style: &Style) -> String {
        let ran = self.passed + self.failed + self.over_budget + self.errored;
        if ran <= SLOWEST {
            return String::new();
        }
        let mut out = String::new();
        for (n, (time, name, phases, tries)) in self.slowest.iter().enumerate() {
            let key = if n == 0 { "slowest" } else { "" };
            let mut why = String::new();
            if *tries > 1 {
                why = format!("{tries} attempts");
            } else if let Some((phase, spent)) = phases.and_then(|phases| phases.longest()) {
                why = format!("{phase} {}", show_duration(spent));
            }
            let room = style.columns().min(100).saturating_sub(22 + width(&why));
            let name = style.cut(name, room);
            let pad = " ".repeat(room.saturating_sub(width(&name)));
            let _ = writeln!(
                out,
                "{}{} {:>8}  {name}{pad}  {}",
                style.paint(Paint::Key, key),
                " ".repeat(7 - width(key)),
                show_duration(*time),
                style.paint(Paint::Dim, &why)
            );
        }
        out.push('\n');
        out
    }

    /// What failed where, once more: with many plans their own reports are far up.
    fn list(&self, style: &Style) -> String {
        let mut out = String::new();
        for failure in &self.failures {
            let (first, why) = failure.split_once('\n').unwrap_or((failure, ""));
            let symbol = style.paint(Paint::Bad, style.symbols().fail);
            let _ = writeln!(out, "{symbol} {}", style.cut(first, style.columns() - 2));
            if !why.is_empty() {
                let _ = writeln!(out, "    {}", style.cut(why, style.columns() - 4));
            }
        }
        if self.failures_beyond > 0 {
            let _ = writeln!(out, "  and {} more", self.failures_beyond);
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}
