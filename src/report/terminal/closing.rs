//! The end of a run on the terminal: what was slow, what failed where, and the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::line::{self, how_many};
use crate::diagnose::Diagnosis;
use crate::event::{JobId, StepRef};
use crate::outcome::{StepResult, Verdict};
use crate::record::{End, Flaky, Fold};
use crate::report::finding::{self, count};
use crate::report::overall;
use crate::report::style::{Paint, Style, width};
use crate::secret::sanitise_line;
use crate::units::show_duration;

/// How many slow steps are named.
const SLOWEST: usize = 3;
/// How many failures are listed again when there are several plans.
const LISTED: usize = 20;

/// What the closing lines gather beside the record's own tally.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Plans that began.
    pub(super) plans: usize,
    /// Steps that failed only on a budget.
    over_budget: usize,
    slowest: Vec<Slow>,
    /// The first failures in the order of the jobs, whatever ended first.
    failures: BTreeMap<(JobId, usize), String>,
    failed: usize,
    /// The first steps that passed only on a later try, in the same order.
    flaky: BTreeMap<(JobId, usize), String>,
    flakes: usize,
}

/// One of the slowest steps.
#[derive(Debug)]
struct Slow {
    job: JobId,
    time: Duration,
    name: String,
    /// What took the time: how many samples or attempts, else the longest phase.
    why: String,
}

/// How a run ended.
pub(super) struct Ending<'a> {
    pub(super) fold: &'a Fold,
    pub(super) diagnosis: &'a Diagnosis,
    pub(super) exit_code: u8,
    /// Whether a flaky pass fails the run.
    pub(super) flaky: Flaky,
    /// What the exit code would be if a flaky pass were good enough.
    pub(super) without_flaky: u8,
    pub(super) stored: Option<&'a str>,
    pub(super) quiet: bool,
}

impl Tally {
    /// Takes what the end will name of a step.
    pub(super) fn step(
        &mut self,
        job: JobId,
        at: &str,
        (step, result, whys): (&StepRef, &StepResult, &[String]),
        style: &Style,
    ) {
        let name = sanitise_line(&step.title()).into_owned();
        let counts = step.is_counted() || (!step.tentative && result.has_own_fault());
        if counts && matches!(result.verdict, Verdict::Failed | Verdict::Errored) {
            self.over_budget += usize::from(result.only_budget);
            let why = line::short(result, style).into_iter().next().unwrap_or_default();
            let text = format!("{} {name}\n{why}", sanitise_line(at));
            self.failures.insert((job, self.failed), text);
            self.failed += 1;
            if self.failures.len() > LISTED {
                self.failures.pop_last();
            }
        }
        if counts && result.flaky {
            let after = whys.last().map(|why| format!(", after {why}")).unwrap_or_default();
            let text =
                format!("{} {name}\npassed on attempt {}{after}", sanitise_line(at), result.tries);
            self.flaky.insert((job, self.flakes), text);
            self.flakes += 1;
            if self.flaky.len() > LISTED {
                self.flaky.pop_last();
            }
        }
        let exchange = result.attempts.last().and_then(|attempt| attempt.exchange.as_deref());
        if let Some(exchange) = exchange {
            let why = match (how_many(result), exchange.phases.longest()) {
                (Some(many), _) => many,
                (None, Some((phase, spent))) => format!("{phase} {}", show_duration(spent)),
                (None, None) => String::new(),
            };
            self.slowest.push(Slow { job, time: result.duration, name, why });
            // Stable: of two of a plan that took the same, the first stays first.
            self.slowest.sort_by_key(|slow| (std::cmp::Reverse(slow.time), slow.job));
            self.slowest.truncate(SLOWEST);
        }
    }

    /// The closing lines; the verdict is the last but one, where eyes look.
    pub(super) fn closing(&self, ending: &Ending<'_>, style: &Style) -> String {
        let mut out = String::new();
        let flaky_fails = ending.flaky == Flaky::Fails && self.flakes > 0;
        if (!ending.quiet && self.plans > 0) || self.failed > 0 || flaky_fails {
            out.push('\n');
        }
        if !ending.quiet {
            let steps = &ending.fold.tally().steps;
            out.push_str(&self.slow(steps.passed + steps.failed + steps.errored, style));
            if self.plans > 1 {
                out.push_str(&list(
                    &self.failures,
                    self.failed,
                    (style.symbols().fail, Paint::Bad),
                    style,
                ));
            }
        }
        out.push_str(&overall::closing(ending.diagnosis, ending.fold.sources(), style));
        if flaky_fails {
            out.push_str(&list(
                &self.flaky,
                self.flakes,
                (style.symbols().pass, Paint::Warn),
                style,
            ));
        }
        if ending.exit_code == 3 && self.plans == 0 {
            return out + &finding::closing(ending.fold.findings(), style);
        }
        let run = ending.fold.started();
        let mut said = vec![self.counts(ending)];
        if ending.exit_code != ending.without_flaky {
            let why = match ending.fold.tally().flaky {
                1 => "a step passed only on a later try".to_owned(),
                n => format!("{n} steps passed only on a later try"),
            };
            said.insert(0, format!("{why} (`--fail-on-flaky`)"));
        }
        said.extend(not_begun(ending.fold));
        said.extend(ending.fold.end().duration().map(show_duration));
        if let Some(name) = run.and_then(|run| run.environment.as_deref()) {
            said.push(format!("environment {}", sanitise_line(name)));
        }
        let (word, paint) = verdict(ending);
        let indent = width(&word) + 2;
        for (n, line) in style.flow(&said, style.columns() - indent).iter().enumerate() {
            let _ = if n == 0 {
                writeln!(out, "{} {line}", style.paint(paint, &format!("{word}:")))
            } else {
                writeln!(out, "{}{line}", " ".repeat(indent))
            };
        }
        if let Some(run) = run.filter(|_| !ending.quiet) {
            let mut ids = vec![format!("run {}", sanitise_line(&run.run))];
            ids.push(format!("seed {}", run.seed));
            ids.extend(ending.stored.map(|path| format!("stored in {}", sanitise_line(path))));
            for line in style.flow(&ids, style.columns()) {
                let _ = writeln!(out, "{}", style.paint(Paint::Dim, &line));
            }
        }
        out
    }

    /// `1 errored, 2 failed, 9 passed in 1 plan`: the gravest first.
    fn counts(&self, ending: &Ending<'_>) -> String {
        let tally = ending.fold.tally();
        let steps = &tally.steps;
        let all = [
            (steps.errored, "errored"),
            (steps.failed - self.over_budget.min(steps.failed), "failed"),
            (self.over_budget, "over budget"),
            (steps.blocked, "blocked"),
            (steps.cancelled, "cancelled"),
            (steps.passed, "passed"),
            (steps.skipped, "skipped"),
        ];
        let mut parts: Vec<String> = all
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| match (word, tally.flaky) {
                ("passed", 1..) if tally.flaky == n => format!("{n} passed (flaky)"),
                ("passed", 1..) => format!("{n} passed ({} flaky)", tally.flaky),
                _ => format!("{n} {word}"),
            })
            .collect();
        if steps.total() == steps.passed && tally.flaky == 0 {
            parts = vec![count(steps.passed, "step", "steps")];
        }
        if tally.warnings > 0 {
            parts.push(count(tally.warnings, "warning", "warnings"));
        }
        if steps.total() == 0 {
            let command = ending.fold.started().map(|run| run.command.as_slice());
            return match selectors(command.unwrap_or_default()).as_slice() {
                [] => "no step ran".to_owned(),
                chosen => format!("no step is selected by `{}`", chosen.join(" ")),
            };
        }
        format!("{} in {}", parts.join(", "), count(self.plans, "plan", "plans"))
    }

    /// The slowest steps, where there are enough steps for that to say something.
    fn slow(&self, steps: usize, style: &Style) -> String {
        if steps <= SLOWEST {
            return String::new();
        }
        let mut out = String::new();
        for (n, Slow { job: _, time, name, why }) in self.slowest.iter().enumerate() {
            let key = if n == 0 { "slowest" } else { "" };
            let room = style.columns().min(100).saturating_sub(22 + width(why));
            let name = style.cut(name, room);
            let pad = " ".repeat(room.saturating_sub(width(&name)));
            let line = format!(
                "{}{} {:>8}  {name}{pad}  {}",
                style.paint(Paint::Key, key),
                " ".repeat(7 - width(key)),
                show_duration(*time),
                style.paint(Paint::Dim, why)
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out.push('\n');
        out
    }
}

/// Steps with their places and reasons, once more: with many plans their own lines are far up.
fn list(
    steps: &BTreeMap<(JobId, usize), String>,
    all: usize,
    (symbol, paint): (&str, Paint),
    style: &Style,
) -> String {
    let mut out = String::new();
    for step in steps.values() {
        let (first, why) = step.split_once('\n').unwrap_or((step, ""));
        let _ = writeln!(
            out,
            "{} {}",
            style.paint(paint, symbol),
            style.cut(first, style.columns() - 2)
        );
        if !why.is_empty() {
            let _ = writeln!(out, "    {}", style.cut(why, style.columns() - 4));
        }
    }
    let more = all - steps.len();
    if more > 0 {
        let _ = writeln!(out, "  and {more} more");
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Plans that were to run and did not begin, because enough had failed.
fn not_begun(fold: &Fold) -> Option<String> {
    let due = usize::try_from(fold.started()?.jobs).ok()?;
    let tally = fold.tally();
    let left = due.checked_sub(tally.plans.total() + tally.unfinished)?;
    let is_over = fold.end().is_complete() && tally.plans.total() > 0;
    (is_over && left > 0).then(|| match left {
        1 => "1 plan did not begin".to_owned(),
        n => format!("{n} plans did not begin"),
    })
}

/// The options of a command line that choose among plans and steps, with their values.
fn selectors(command: &[String]) -> Vec<String> {
    let mut chosen = Vec::new();
    let mut words = command.iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or(word);
        if ["-t", "--tag", "-E", "--filter", "--step", "--until", "--last-failed"].contains(&name) {
            chosen.push(sanitise_line(word).into_owned());
            if !word.contains('=') && name != "--last-failed" {
                chosen.extend(words.next().map(|value| sanitise_line(value).into_owned()));
            }
        }
    }
    chosen
}

/// One word for the whole run, by its exit code.
fn verdict(ending: &Ending<'_>) -> (String, Paint) {
    if let End::Interrupted { by, duration: _ } = ending.fold.end() {
        return (format!("interrupted by {}", sanitise_line(by)), Paint::Bad);
    }
    let (word, paint) = match ending.exit_code {
        0 => ("passed", Paint::Good),
        1 => ("failed", Paint::Bad),
        3 => ("invalid", Paint::Bad),
        4 if ending.fold.tally().steps.passed > 0 => ("nothing tested", Paint::Warn),
        4 => ("nothing ran", Paint::Warn),
        6 => ("too slow", Paint::Bad),
        7 => ("incomplete", Paint::Bad),
        _ => ("errored", Paint::Bad),
    };
    (word.to_owned(), paint)
}
