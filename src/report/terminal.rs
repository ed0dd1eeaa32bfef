//! The live terminal: each step as it ends, the reports of what went wrong at the end of its plan,
//! and one sentence at the end of the run.
//!
//! Several plans at once never mix: plans are printed in the order of their jobs, and only the
//! first that is not finished prints while it runs.

mod closing;
mod line;
mod moving;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, Write};

use closing::{Ending, Tally};
use moving::Lines;
use progress::Progress;

use super::failure::{self, Scene};
use super::finding;
use super::phrase;
use super::style::{Paint, Style};
use crate::diagnose;
use crate::event::{Event, JobId, PlanStarted, Section, StepKey, StepRef};
use crate::finding::{Code, Finding, Severity};
use crate::outcome::{Exchange, StepResult, Verdict};
use crate::record::{Flaky, Fold, Keeps, PlanRecord, StepRecord};
use crate::secret::{Redacted, sanitise_line};

pub(super) use line::{part_line, short as in_short};

/// What a person asked of the live terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Options {
    /// Only what went wrong, and the verdict (`-q`).
    pub quiet: bool,
    /// Request and response of every step (`-v`).
    pub verbose: bool,
    /// Whether a line may be drawn over: progress is shown only then.
    pub is_terminal: bool,
    /// Whether a line now and then tells of a body that takes long, where no line moves.
    pub lines: bool,
    /// Whether a flaky pass fails the run (`--fail-on-flaky`).
    pub flaky: Flaky,
}

/// Prints a run while it happens.
#[derive(Debug)]
pub struct Terminal {
    style: Style,
    options: Options,
    fold: Fold,
    blocks: BTreeMap<JobId, Block>,
    /// The first job that has not been printed to its end.
    head: u32,
    /// Whether a plan has been printed.
    begun: bool,
    tally: Tally,
    stored: Option<String>,
    progress: Option<Progress>,
    lines: Lines,
    /// Findings about the run so far.
    findings: usize,
    /// What failures of all plans have in common.
    clusters: diagnose::Clusters,
    /// Why steps that are under way were tried again.
    retries: BTreeMap<(JobId, StepKey), Vec<String>>,
}

/// How many reasons for trying again are kept of one step: a poll may have thousands.
const RETRIES: usize = 10;

/// One plan: what is not printed yet.
#[derive(Debug)]
struct Block {
    text: String,
    section: Section,
    /// Steps that are blocked by the same step as the one above, not printed yet.
    blocked: Vec<(StepRef, StepResult)>,
    /// Steps whose group has not ended: they come in any order, and are printed in one.
    held: Vec<Held>,
    begun: bool,
    finished: bool,
}

/// A step that ended before what holds it.
#[derive(Debug)]
struct Held {
    step: StepRef,
    result: StepResult,
    whys: Vec<String>,
}

impl Terminal {
    /// A terminal that has printed nothing yet.
    #[must_use]
    pub fn new(style: Style, options: Options) -> Self {
        Self {
            style,
            options,
            fold: Fold::keeping(Keeps::Exchanges),
            blocks: BTreeMap::new(),
            head: 0,
            begun: false,
            tally: Tally::default(),
            stored: None,
            progress: options.is_terminal.then(|| Progress::new(&style)),
            lines: Lines::default(),
            findings: 0,
            clusters: diagnose::Clusters::default(),
            retries: BTreeMap::new(),
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

    /// Shows what is left of a run that has no end: it was killed, or still goes on.
    ///
    /// # Errors
    /// What writing to `out` returned.
    pub fn cut_off(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let text = self.drain() + &self.closing();
        write(out, &text)
    }

    /// What an event makes visible.
    pub(super) fn take(&mut self, event: &Event) -> String {
        let ended = self.fold.push(event);
        match event {
            Event::RunStarted(run) => {
                if let Some(progress) = &mut self.progress {
                    progress.expect(run.steps);
                }
                String::new()
            }
            Event::Source { .. }
            | Event::Environment(_)
            | Event::Contract(_)
            | Event::Tapped(_) => String::new(),
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
                let whys = self.retries.entry((*job, step.key())).or_default();
                if whys.len() < RETRIES {
                    whys.push(sanitise_line(why).into_owned());
                }
                String::new()
            }
            Event::Moving { job, step, transfer } => {
                match &mut self.progress {
                    Some(progress) if !self.options.quiet => progress.moved(*job, step, transfer),
                    None if self.options.lines => self.lines.moved(*job, step, transfer),
                    Some(_) | None => {}
                }
                String::new()
            }
            Event::Samples { job, step, of, columns } => {
                if let Some(progress) = &mut self.progress {
                    progress.sampled(*job, step, columns.len(), *of);
                }
                String::new()
            }
            Event::StepFinished { job, step, result } => {
                self.step_finished(*job, step, result);
                self.flush()
            }
            Event::PlanFinished { .. } => {
                if let Some(plan) = ended {
                    self.plan_finished(&plan);
                }
                self.flush()
            }
            Event::RunFinished { .. } => {
                if let Some(progress) = self.progress.take() {
                    progress.clear();
                }
                self.drain() + &self.closing()
            }
        }
    }

    fn finding(&mut self, finding: &Finding) -> String {
        match finding.severity {
            Severity::Warning if self.options.quiet => String::new(),
            Severity::Warning | Severity::Error => {
                let n = self.findings;
                self.findings += 1;
                finding::nth(n, finding, self.fold.sources(), &self.style)
            }
        }
    }

    fn plan_started(&mut self, plan: &PlanStarted) {
        let text = if self.options.quiet { String::new() } else { self.title(plan) };
        self.tally.plans += 1;
        let block = Block {
            text,
            section: Section::Steps,
            blocked: Vec::new(),
            held: Vec::new(),
            begun: false,
            finished: false,
        };
        self.blocks.insert(plan.job, block);
    }

    /// `Register a model · plans/registration.yaml`
    fn title(&self, plan: &PlanStarted) -> String {
        let path = sanitise_line(&plan.path);
        let room = self.style.columns().saturating_sub(super::style::width(&path) + 3).max(20);
        let name = self.style.cut(&sanitise_line(&plan.title()), room);
        let name = self.style.paint(Paint::Bold, &name);
        let path = self.style.paint(Paint::Dim, &path);
        format!("{name} {} {path}\n", self.style.symbols().dot)
    }

    fn step_finished(&mut self, job: JobId, step: &StepRef, result: &StepResult) {
        if let Some(progress) = &mut self.progress {
            progress.finished(job, step);
        }
        let whys = if self.retries.is_empty() {
            Vec::new()
        } else {
            self.retries.remove(&(job, step.key())).unwrap_or_default()
        };
        let at = self.fold.sources().locate(step.place);
        self.tally.step(job, &at, (step, result, &whys), &self.style);
        let Some(block) = self.blocks.get_mut(&job).filter(|_| !self.options.quiet) else {
            return;
        };
        if step.depth > 0 {
            block.held.push(Held { step: step.clone(), result: result.clone(), whys });
            return;
        }
        let blocked = result.verdict == Verdict::Blocked && !self.options.verbose;
        let alike = block.blocked.last().is_some_and(|(_, last)| last.reason == result.reason);
        if blocked && alike && step.section == block.section {
            block.blocked.push((step.clone(), result.clone()));
            return;
        }
        block.unblock(&self.style);
        if blocked {
            block.blocked.push((step.clone(), result.clone()));
        }
        if step.section != block.section {
            block.section = step.section;
            block.text.push_str(&line::section(step.section, &self.style));
        }
        block.step(step, result, &whys, (&self.style, self.options.verbose));
        let mut held = std::mem::take(&mut block.held);
        held.sort_by_cached_key(|held| held.step.key());
        for Held { step, result, whys } in held {
            block.step(&step, &result, &whys, (&self.style, self.options.verbose));
        }
    }

    /// The reports of a plan that ended: of its steps, then of the plan as a whole.
    fn plan_finished(&mut self, plan: &PlanRecord) {
        self.clusters.push(plan);
        let mut reports = String::new();
        let environment = self.fold.started().and_then(|run| run.environment.as_deref());
        let scene = Scene {
            sources: self.fold.sources(),
            plan: &plan.started.path,
            environment,
            variables: self.fold.started().map(|run| &run.variables),
            includers: &[],
            style: &self.style,
        };
        let mut witnesses = None;
        for StepRecord { step, at: _, samples: _, result } in &plan.steps {
            let due = result.as_ref().filter(|result| {
                failure::is_due(result)
                    && !plan.is_overruled(step)
                    && (step.is_plain() || result.has_own_fault() || failure::warns(result))
                    && (!self.options.quiet || result.verdict != Verdict::Passed)
            });
            if let Some(result) = due {
                let witnesses = witnesses.get_or_insert_with(|| diagnose::witnesses(plan));
                let causes = diagnose::causes(step, result, witnesses);
                let scene = Scene { includers: &plan.includers(step), ..scene };
                reports.push('\n');
                reports.push_str(&failure::render(&scene, step, result, &causes));
            }
        }
        for finding in plan.findings.iter().chain(&over_budget(plan)) {
            if finding.is_error() || !self.options.quiet {
                let word = match (finding.severity, finding.code) {
                    (Severity::Error, Code::BudgetExceeded) => "failed",
                    (severity, _) => finding::word(severity),
                };
                let sources = self.fold.sources();
                reports.push('\n');
                reports.push_str(&finding::headed(word, finding, sources, &self.style));
            }
        }
        if self.options.quiet && !reports.is_empty() {
            reports = format!("{}{reports}", self.title(&plan.started));
        }
        if let Some(block) = self.blocks.get_mut(&plan.started.job) {
            block.unblock(&self.style);
            block.text.push_str(&reports);
            block.finished = true;
        }
    }

    /// What may be printed now: the first unfinished plan as far as it is, and all before it.
    fn flush(&mut self) -> String {
        let mut text = String::new();
        while let Some(block) = self.blocks.get_mut(&JobId(self.head)) {
            if !block.begun && !block.text.is_empty() {
                // An empty line between plans; after the first of the run, which has none above.
                text.push_str(if self.begun { "\n" } else { "" });
                (block.begun, self.begun) = (true, true);
            }
            text.push_str(&std::mem::take(&mut block.text));
            if !block.finished {
                break;
            }
            self.blocks.remove(&JobId(self.head));
            self.head += 1;
        }
        text
    }

    /// Everything that is left, in order: the run is over, plans that did not end included.
    fn drain(&mut self) -> String {
        let open: Vec<PlanRecord> =
            self.blocks.keys().filter_map(|job| self.fold.open(*job).cloned()).collect();
        for plan in open {
            self.plan_finished(&plan);
        }
        let mut text = String::new();
        for block in std::mem::take(&mut self.blocks).into_values() {
            if !block.begun && self.begun && !block.text.is_empty() {
                text.push('\n');
            }
            self.begun |= !block.text.is_empty();
            text.push_str(&block.text);
        }
        text
    }

    fn closing(&mut self) -> String {
        let diagnosis = std::mem::take(&mut self.clusters).finish();
        let ending = Ending {
            fold: &self.fold,
            diagnosis: &diagnosis,
            exit_code: self.fold.exit_code(self.options.flaky),
            flaky: self.options.flaky,
            without_flaky: self.fold.exit_code(Flaky::Passes),
            stored: self.stored.as_deref(),
            quiet: self.options.quiet,
        };
        finding::beyond(self.findings) + &self.tally.closing(&ending, &self.style)
    }
}

/// A request that was not sent, as `-v` shows one that was; it must have gone through the gate.
#[must_use]
pub fn request(exchange: &Exchange, style: &Style) -> String {
    line::one_exchange(exchange, style)
}

impl Block {
    fn step(
        &mut self,
        step: &StepRef,
        result: &StepResult,
        whys: &[String],
        (style, verbose): (&Style, bool),
    ) {
        self.text.push_str(&line::step(step, result, style));
        self.text.push_str(&line::tried(whys, result, verbose, style));
        if verbose {
            self.text.push_str(&line::traffic(result, style));
        }
    }

    /// Prints what was held back: one step as it is, more of them as a number. The first of them
    /// has been printed.
    fn unblock(&mut self, style: &Style) {
        let held = std::mem::take(&mut self.blocked);
        match held.get(1..) {
            None | Some([]) => {}
            Some([(step, result)]) => self.text.push_str(&line::step(step, result, style)),
            Some(more @ [(_, result), ..]) => {
                self.text.push_str(&line::more(more.len(), result, style));
            }
        }
    }
}

/// A plan's own budget, where it was exceeded, as a finding.
fn over_budget(plan: &PlanRecord) -> Option<Finding> {
    let breach = plan.breach.as_ref()?;
    let message = format!("{}: slower than its budget", plan.started.name);
    let finding = match breach.severity {
        Severity::Error => Finding::error(Code::BudgetExceeded, message),
        Severity::Warning => Finding::warning(Code::BudgetExceeded, message),
    };
    Some(finding.at(breach.place, phrase::breach(breach)))
}

fn write(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests;
