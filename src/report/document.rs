//! What every document says of a step in the same words: its place, its verdict, what was wrong.

use std::cell::OnceCell;
use std::io::Write;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::curl::{curl_line, variables_of};

use super::failure::{self, Scene};
use super::finding::count;
use super::list::Each;
use super::style::Style;
use super::terminal::in_short;
use crate::diagnose::{self, Cause, Diagnosis, Fact, Witness};
use crate::event::RunStarted;
use crate::outcome::{Exchange, Ids, StepResult, Verdict};
use crate::record::{End, PlanRecord, Record, StepRecord};
use crate::source::{Place, SourceSet};

/// What is known of a run while it goes on: all that may be said of a plan when it ends.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub(super) started: Option<&'a RunStarted>,
    pub(super) sources: &'a SourceSet,
    begun: Option<Timestamp>,
    style: Style,
}

/// A record with what its texts say.
pub(super) struct Document<'a> {
    pub(super) record: &'a Record,
    ground: Ground<'a>,
    diagnosis: OnceCell<Diagnosis>,
}

/// What can be said of a plan can be said of it at the end too.
impl<'a> Deref for Document<'a> {
    type Target = Ground<'a>;

    fn deref(&self) -> &Ground<'a> {
        &self.ground
    }
}

/// Where something is written, for a tool: the path as it was given, line and column from 1.
pub(super) struct Spot<'a> {
    pub(super) path: &'a str,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// One step of one plan.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) plan: &'a PlanRecord,
    pub(super) record: &'a StepRecord,
}

impl<'a> Ground<'a> {
    /// What a run said when it began, and the texts so far, secrets masked.
    #[must_use]
    pub fn new(started: Option<&'a RunStarted>, sources: &'a SourceSet) -> Self {
        let begun = started.and_then(|run| run.started_at.parse().ok());
        Self { started, sources, begun, style: STYLE }
    }

    /// What the run said when it began.
    #[must_use]
    pub fn started(&self) -> Option<&'a RunStarted> {
        self.started
    }

    pub(super) fn spot(&self, place: Place) -> Option<Spot<'a>> {
        let source = self.sources.get(place.source)?;
        let at = source.line_column(place.span.start);
        Some(Spot { path: &source.path, line: at.line, column: at.column })
    }

    /// `plans/a.yaml:3:5`
    pub(super) fn at(&self, place: Place) -> String {
        self.sources.locate(place)
    }

    /// What was wrong, in a line or two.
    pub(super) fn short(&self, result: &StepResult) -> Vec<String> {
        in_short(result, &self.style)
    }

    /// A fact of a cause with its line, where it has one.
    pub(super) fn fact(&self, fact: &Fact) -> String {
        failure::told(fact, self.sources)
    }

    /// The whole report of a step, as the terminal shows it, without colour.
    pub(super) fn full(&self, told: &Told<'_>, causes: &[Cause]) -> String {
        let includers = told.plan.includers(&told.record.step);
        let scene = Scene {
            includers: &includers,
            sources: self.sources,
            plan: &told.plan.started.path,
            environment: self.started.and_then(|run| run.environment.as_deref()),
            variables: self.started.map(|run| &run.variables),
            style: &self.style,
        };
        match &told.record.result {
            Some(result) => failure::render(&scene, &told.record.step, result, causes),
            None => String::new(),
        }
    }

    /// The line for a shell that sends a request again.
    pub(super) fn curl(&self, exchange: &Exchange) -> String {
        curl_line(exchange, &variables_of(self.started.map(|run| &run.variables)))
    }

    /// The wall clock at so long after the run's beginning.
    pub(super) fn clock(&self, after: std::time::Duration) -> Option<Timestamp> {
        self.begun?.checked_add(SignedDuration::try_from(after).ok()?).ok()
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        let ground = Ground::new(record.started.as_ref(), &record.sources);
        Self { record, ground, diagnosis: OnceCell::new() }
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
pub(super) fn ids(exchange: &Exchange) -> impl Serialize {
    Named(exchange.ids())
}

struct Named<'a>(Ids<'a>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Ids { trace, span, request, servers } = &self.0;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("trace", trace)?;
        fields.serialize_entry("span", span)?;
        fields.serialize_entry("request", request)?;
        fields.serialize_entry("server", &Each(|| servers.iter().map(Header)))?;
        fields.end()
    }
}

struct Header<'a>(&'a (&'a str, &'a str));

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, id) = self.0;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("header", name)?;
        fields.serialize_entry("id", id)?;
        fields.end()
    }
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

/// Writes a part of a document.
pub(super) fn append(out: &mut dyn Write, text: &str) -> Result<(), String> {
    out.write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// How a document quotes the terminal.
const STYLE: Style = Style { width: 100, color: false, unicode: true };

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
