//! The live terminal: each step as it ends, the reports of what went wrong at the end of its plan,
//! and one sentence at the end of the run.
//!
//! Several plans at once never mix: plans are printed in the order of their jobs, and only the
//! first that is not finished prints while it runs.

mod closing;
mod line;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, Write};

use closing::Tally;
use progress::Progress;

use super::failure::{self, Scene};
use super::finding;
use super::phrase;
use super::style::{Paint, Style};
use crate::diagnose::{self, Witness};
use crate::event::{Event, JobId, PlanStarted, RunStarted, Section, StepRef};
use crate::finding::{Code, Finding, Severity};
use crate::outcome::{BudgetBreach, StepResult};
use crate::secret::{Redacted, sanitise_line};
use crate::source::{SourceSet, SourceText};

/// What a person asked of the live terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Only what went wrong, and the verdict (`-q`).
    pub quiet: bool,
    /// Request and response of every step (`-v`).
    pub verbose: bool,
    /// Whether a line may be drawn over: progress is shown only then.
    pub is_terminal: bool,
}

/// Prints a run while it happens.
#[derive(Debug)]
pub struct Terminal {
    style: Style,
    options: Options,
    run: Option<RunStarted>,
    sources: SourceSet,
    blocks: BTreeMap<JobId, Block>,
    /// The first job that has not been printed to its end.
    head: u32,
    tally: Tally,
    stored: Option<String>,
    progress: Option<Progress>,
}

/// One plan: what is not printed yet, and what its end needs.
#[derive(Debug)]
struct Block {
    plan: PlanStarted,
    text: String,
    section: Section,
    due: Vec<(StepRef, StepResult)>,
    witnesses: Vec<Witness>,
    finished: bool,
}

impl Terminal {
    /// A terminal that has printed nothing yet.
    #[must_use]
    pub fn new(style: Style, options: Options) -> Self {
        Self {
            style,
            options,
            run: None,
            sources: SourceSet::default(),
            blocks: BTreeMap::new(),
            head: 0,
            tally: Tally::default(),
            stored: None,
            progress: options.is_terminal.then(|| Progress::new(&style)),
        }
    }

    /// Says where the run is stored, for the closing lines.
    pub fn stored_at(&mut self, path: impl Into<String>) {
        self.stored = Some(path.into());
    }

    /// Takes the next event and writes what can be shown now.
    ///
    /// # Errors
    /// What writing to `out` returned.
    pub fn event(&mut self, event: &Redacted<Event>, out: &mut dyn Write) -> io::Result<()> {
        let text = self.take(event);
        if text.is_empty() {
            return Ok(());
        }
        match &self.progress {
            Some(progress) => progress.around(|| write(out, &text)),
            None => write(out, &text),
        }
    }

    /// What an event makes visible.
    fn take(&mut self, event: &Event) -> String {
        match event {
            Event::RunStarted(run) => {
                self.run = Some(run.clone());
                String::new()
            }
            Event::Source { id, path, sha256: _, text } => {
                self.sources.insert(SourceText::new(*id, path.clone(), text.clone()));
                String::new()
            }
            Event::Finding { finding } => self.finding(finding),
            Event::PlanStarted(plan) => {
                self.plan_started(plan);
                self.flush()
            }
            Event::StepStarted { job, step, at: _ } => {
                if let Some(progress) = &mut self.progress {
                    progress.started(*job, step);
                }
                String::new()
            }
            Event::StepRetried { job, step, attempt, why } => {
                if let Some(progress) = &mut self.progress {
                    progress.retried(*job, step, *attempt, why);
                }
                String::new()
            }
            Event::StepFinished { job, step, result } => {
                self.step_finished(*job, step, result);
                self.flush()
            }
            Event::PlanFinished { job, verdict: _, duration: _, findings, breach } => {
                self.plan_finished(*job, findings, breach.as_ref());
                self.flush()
            }
            Event::RunFinished { duration, interrupted } => {
                if let Some(progress) = self.progress.take() {
                    progress.clear();
                }
                let mut text = self.drain();
                text.push_str(&self.tally.closing(
                    self.run.as_ref(),
                    *duration,
                    interrupted.as_deref(),
                    self.stored.as_deref(),
                    self.options.quiet,
                    &self.style,
                ));
                text
            }
        }
    }

    fn finding(&mut self, finding: &Finding) -> String {
        let shown = match finding.severity {
            Severity::Error => true,
            Severity::Warning => {
                self.tally.warnings += 1;
                !self.options.quiet
            }
        };
        if !shown {
            return String::new();
        }
        format!("{}\n", finding::one(finding, &self.sources, &self.style))
    }

    fn plan_started(&mut self, plan: &PlanStarted) {
        self.tally.plans += 1;
        let mut text = String::new();
        if !self.options.quiet {
            if self.tally.plans > 1 {
                text.push('\n');
            }
            text.push_str(&self.title(plan));
        }
        let block = Block {
            plan: plan.clone(),
            text,
            section: Section::Steps,
            due: Vec::new(),
            witnesses: Vec::new(),
            finished: false,
        };
        self.blocks.insert(plan.job, block);
    }

    /// `Register a model · plans/registration.yaml`
    fn title(&self, plan: &PlanStarted) -> String {
        let path = sanitise_line(&plan.path);
        let room = self.style.columns().saturating_sub(super::style::width(&path) + 3).max(20);
        let name = self.style.cut(&sanitise_line(&plan.name), room);
        let name = self.style.paint(Paint::Bold, &name);
        let path = self.style.paint(Paint::Dim, &path);
        format!("{name} {} {path}\n", self.style.symbols().dot)
    }

    fn step_finished(&mut self, job: JobId, step: &StepRef, result: &StepResult) {
        if let Some(progress) = &mut self.progress {
            progress.finished(job, step);
        }
        let at = self.sources.locate(step.place);
        self.tally.step(&at, step, result, &self.style);
        let Some(block) = self.blocks.get_mut(&job) else { return };
        if !self.options.quiet {
            if step.section != block.section {
                block.section = step.section;
                block.text.push_str(&line::section(step.section, &self.style));
            }
            block.text.push_str(&line::step(step, result, &self.style));
            if self.options.verbose {
                block.text.push_str(&line::traffic(result, &self.style));
            }
        }
        block.witnesses.extend(Witness::of(step, result));
        if failure::is_due(result) && (!self.options.quiet || !failure::warns_only(result)) {
            block.due.push((step.clone(), result.clone()));
        }
    }

    fn plan_finished(&mut self, job: JobId, findings: &[Finding], breach: Option<&BudgetBreach>) {
        let Some(mut block) = self.blocks.remove(&job) else { return };
        let mut reports = String::new();
        for (step, result) in std::mem::take(&mut block.due) {
            let scene = Scene {
                sources: &self.sources,
                plan: &block.plan.path,
                environment: self.run.as_ref().and_then(|run| run.environment.as_deref()),
                style: &self.style,
            };
            let causes = diagnose::causes(&step, &result, &block.witnesses);
            reports.push('\n');
            reports.push_str(&failure::render(&scene, &step, &result, &causes));
        }
        let over = breach.map(|breach| {
            self.tally.plan_budgets += usize::from(breach.severity == Severity::Error);
            let message = format!("{}: slower than its budget", block.plan.name);
            let finding = match breach.severity {
                Severity::Error => Finding::error(Code::BudgetExceeded, message),
                Severity::Warning => Finding::warning(Code::BudgetExceeded, message),
            };
            finding.at(breach.place, phrase::breach(breach))
        });
        for finding in findings.iter().chain(&over) {
            self.tally.warnings += usize::from(finding.severity == Severity::Warning);
            if finding.is_error() || !self.options.quiet {
                reports.push('\n');
                reports.push_str(&finding::one(finding, &self.sources, &self.style));
            }
        }
        if self.options.quiet && !reports.is_empty() {
            block.text.push_str(&self.title(&block.plan));
            reports.push('\n');
        }
        block.text.push_str(&reports);
        block.finished = true;
        block.witnesses = Vec::new();
        self.blocks.insert(job, block);
    }

    /// What may be printed now: the first unfinished plan as far as it is, and all before it.
    fn flush(&mut self) -> String {
        let mut text = String::new();
        while let Some(block) = self.blocks.get_mut(&JobId(self.head)) {
            text.push_str(&std::mem::take(&mut block.text));
            if !block.finished {
                break;
            }
            self.blocks.remove(&JobId(self.head));
            self.head += 1;
        }
        text
    }

    /// Everything that is left, in order: the run is over.
    fn drain(&mut self) -> String {
        let left: Vec<JobId> = self.blocks.keys().copied().collect();
        for job in left {
            if self.blocks.get(&job).is_some_and(|block| !block.finished) {
                self.plan_finished(job, &[], None);
            }
        }
        std::mem::take(&mut self.blocks).into_values().map(|block| block.text).collect()
    }
}

fn write(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests;
