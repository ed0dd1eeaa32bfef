//! What every document says of a step in the same words: its place, its verdict, what was wrong.

use std::cell::OnceCell;
use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::failure::{self, Scene};
use super::finding::count;
use super::style::Style;
use super::terminal::in_short;
use crate::diagnose::{self, Cause, Diagnosis, Fact, Witness};
use crate::outcome::{Exchange, Ids, StepResult, Verdict};
use crate::record::{End, PlanRecord, Record, StepRecord};
use crate::source::Place;

/// A record with what its texts say.
pub(super) struct Document<'a> {
    pub(super) record: &'a Record,
    style: Style,
    diagnosis: OnceCell<Diagnosis>,
}

/// Where something is written, for a tool: the path as it was given, line and column from 1.
pub(super) struct Spot {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// One step of one plan.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) plan: &'a PlanRecord,
    pub(super) record: &'a StepRecord,
}

impl<'a> Document<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        let style = Style { width: COLUMNS, ..Style::default() };
        Self { record, style, diagnosis: OnceCell::new() }
    }

    /// What all failures have in common.
    pub(super) fn diagnosis(&self) -> &Diagnosis {
        self.diagnosis.get_or_init(|| diagnose::whole_run(self.record))
    }

    /// The steps of a plan that a document lists.
    pub(super) fn steps(plan: &'a PlanRecord) -> impl Iterator<Item = Told<'a>> {
        plan.told().map(move |record| Told { plan, record })
    }

    /// Every listed step of every plan.
    pub(super) fn all(&self) -> impl Iterator<Item = Told<'a>> {
        self.record.plans.iter().flat_map(Self::steps)
    }

    pub(super) fn spot(&self, place: Place) -> Option<Spot> {
        let source = self.record.sources.get(place.source)?;
        let at = source.line_column(place.span.start);
        Some(Spot { path: source.path.clone(), line: at.line, column: at.column })
    }

    /// `plans/a.yaml:3:5`
    pub(super) fn at(&self, place: Place) -> String {
        self.record.sources.locate(place)
    }

    /// What was wrong, in a line or two.
    pub(super) fn short(&self, result: &StepResult) -> Vec<String> {
        in_short(result, &self.style)
    }

    /// What the steps of a plan saw, where one of them needs a cause.
    pub(super) fn witnesses(plan: &PlanRecord) -> Vec<Witness> {
        let needs = |step: &StepRecord| match step.verdict() {
            Some(Verdict::Failed | Verdict::Errored | Verdict::Cancelled) => true,
            Some(Verdict::Passed | Verdict::Skipped | Verdict::Blocked) | None => false,
        };
        if plan.steps.iter().any(needs) { diagnose::witnesses(plan) } else { Vec::new() }
    }

    /// The causes that this run holds facts for.
    pub(super) fn causes(told: &Told<'_>, witnesses: &[Witness]) -> Vec<Cause> {
        match &told.record.result {
            Some(result) => diagnose::causes(&told.record.step, result, witnesses),
            None => Vec::new(),
        }
    }

    /// A fact of a cause with its line, where it has one.
    pub(super) fn fact(&self, fact: &Fact) -> String {
        failure::told(fact, &self.record.sources)
    }

    /// The whole report of a step, as the terminal shows it, without colour.
    pub(super) fn full(&self, told: &Told<'_>, causes: &[Cause]) -> String {
        let started = self.record.started.as_ref();
        let includers = told.plan.includers(&told.record.step);
        let scene = Scene {
            includers: &includers,
            sources: &self.record.sources,
            plan: &told.plan.started.path,
            environment: started.and_then(|run| run.environment.as_deref()),
            variables: started.map(|run| &run.variables),
            style: &self.style,
        };
        match &told.record.result {
            Some(result) => failure::render(&scene, &told.record.step, result, causes),
            None => String::new(),
        }
    }

    /// The wall clock at so long after the run's beginning.
    pub(super) fn clock(&self, after: std::time::Duration) -> Option<Timestamp> {
        let begun: Timestamp = self.record.started.as_ref()?.started_at.parse().ok()?;
        begun.checked_add(SignedDuration::try_from(after).ok()?).ok()
    }

    /// The verdict of the run in one word, and whether it is a good one.
    pub(super) fn verdict(&self) -> (&'static str, bool) {
        let word = super::verdict_of(self.record);
        (word, word == "passed")
    }

    /// What to know before any number is read: why the run is not whole.
    pub(super) fn incomplete(&self) -> Option<String> {
        match &self.record.end {
            End::Finished { .. } => None,
            End::Interrupted { by, duration: _ } => {
                Some(format!("The run was ended by {by}: what is not listed did not run."))
            }
            End::Incomplete => Some(
                "The run has no end: it was killed or still goes on. What is listed is what it \
                 had told until then."
                    .to_owned(),
            ),
        }
    }
}

/// How many steps a run had and how they ended: `12 steps`, `9 passed`, `2 failed`.
pub(super) fn counts(record: &Record) -> Vec<String> {
    let steps = &record.tally.steps;
    let mut parts = vec![count(steps.total(), "step", "steps")];
    for (n, word) in [
        (steps.passed, "passed"),
        (steps.failed, "failed"),
        (steps.errored, "errored"),
        (steps.blocked, "blocked"),
        (steps.skipped, "skipped"),
        (steps.cancelled, "cancelled"),
        (record.tally.flaky, "flaky"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    parts
}

/// Under which ids an exchange is found in logs, for a machine.
pub(super) fn ids(exchange: &Exchange) -> Value {
    let Ids { trace, span, request, servers } = exchange.ids();
    let servers = servers.into_iter().map(|(name, id)| json!({"header": name, "id": id}));
    json!({
        "trace": trace,
        "span": span,
        "request": request,
        "server": servers.collect::<Vec<_>>(),
    })
}

impl<'a> Told<'a> {
    pub(super) fn result(&self) -> Option<&'a StepResult> {
        self.record.result.as_deref()
    }

    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.record.verdict()
    }

    /// The last exchange.
    pub(super) fn exchange(&self) -> Option<&'a Exchange> {
        self.result()?.attempts.last()?.exchange.as_deref()
    }

    /// Whether a person has to look at it.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.verdict(), Some(Verdict::Failed | Verdict::Errored))
    }

    /// `setup · Register a model [case]`
    pub(super) fn title(&self) -> String {
        let step = &self.record.step;
        match step.section {
            crate::event::Section::Steps => step.title().into_owned(),
            crate::event::Section::Setup => format!("setup · {}", step.title()),
            crate::event::Section::Cleanup => format!("cleanup · {}", step.title()),
        }
    }
}

/// Moves a value to the place that a form has left for it, as null: in `json!` it would be made anew,
/// with everything below it, at each level.
pub(super) fn fill(form: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(place) = form.get_mut(name) {
        *place = value.into();
    }
}

/// A JSON document with a long list in it, written item by item.
pub(super) struct List<'a> {
    out: &'a mut dyn Write,
    indent: String,
    count: usize,
    end: String,
}

impl<'a> List<'a> {
    /// Writes a value up to the one list that begins with this line, which is empty so far. The line
    /// is told by its indentation: no text of a value has line breaks.
    pub(super) fn begin(out: &'a mut dyn Write, value: &Value, line: &str) -> Result<Self, String> {
        // A value made of texts and numbers always serialises.
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let line = format!("\n{line}");
        let at = text.find(&line).map_or(text.len(), |at| at + line.len());
        let (head, end) = text.split_at_checked(at).unwrap_or((&text, ""));
        append(out, head)?;
        let indent = line.chars().skip(1).take_while(|c| *c == ' ').collect();
        Ok(Self { out, indent, count: 0, end: format!("{end}\n") })
    }

    pub(super) fn add(&mut self, item: &Value) -> Result<(), String> {
        append(self.out, if self.count == 0 { "" } else { "," })?;
        self.count += 1;
        let text = serde_json::to_string_pretty(item).unwrap_or_default();
        let line = format!("\n{}  ", self.indent);
        append(self.out, &line)?;
        append(self.out, &text.replace('\n', &line))
    }

    pub(super) fn end(self) -> Result<(), String> {
        if self.count > 0 {
            append(self.out, &format!("\n{}", self.indent))?;
        }
        append(self.out, &self.end)
    }
}

/// Writes a part of a document.
pub(super) fn append(out: &mut dyn Write, text: &str) -> Result<(), String> {
    out.write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// Columns of what a document quotes from the terminal.
const COLUMNS: usize = 100;

/// The word of a verdict; a step that has none was under way when the run ended.
pub(super) fn word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "passed",
        Some(Verdict::Failed) => "failed",
        Some(Verdict::Errored) => "errored",
        Some(Verdict::Skipped) => "skipped",
        Some(Verdict::Blocked) => "blocked",
        Some(Verdict::Cancelled) => "cancelled",
        None => "unfinished",
    }
}
