//! Which plans and steps the command line means, and what is said where that is none.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args;
use super::fault::UsageFault;
use super::inputs::Process;
use super::prepare::Prepared;
use super::printer::Printer;
use super::store;
use super::stored;
use crate::check::CheckedPlan;
use crate::event::{Event, read_line};
use crate::finding::{Finding, nearest};
use crate::record::Fold;
use crate::report;
use crate::schedule::{
    About, Again, Candidate, Filter, Idle, Job, NoSuchStep, Selection, schedule,
};
use crate::secret::Gate;
use crate::source::{Place, SourceSet, Span};

/// How many words of a kind are named where nothing is selected.
const NAMED: usize = 12;

/// Reads the options that select; a filter that does not parse is shown with its place, exit 2.
pub(super) fn read(args: &args::Selection, look: &args::Look) -> Result<Selection, u8> {
    let mut filters = Vec::new();
    for text in &args.filters {
        match Filter::parse(text) {
            Ok(filter) => filters.push(filter),
            Err(fault) => {
                let mut sources = SourceSet::default();
                let source = sources.add("--filter", text.as_str());
                let span = Span::new(fault.range.start, fault.range.end);
                let finding = Finding::of(&fault, Place { source, span });
                let printer = Printer::new(look, &Process::read());
                let text = report::finding::one(&finding, &sources, &printer.error_style);
                printer.error(&Gate::new().redact(text));
                return Err(2);
            }
        }
    }
    Ok(Selection {
        tags: args.tags.clone(),
        steps: args.steps.clone(),
        until: args.until.clone(),
        filters,
        again: None,
    })
}

/// What the last stored run left to do; one in which no plan began is passed over.
fn last_failed(root: &Path) -> Result<Again, UsageFault> {
    let mut runs: Vec<(Timestamp, PathBuf)> =
        store::ended_runs(root).into_iter().map(|path| (stored::began(&path), path)).collect();
    runs.sort_unstable_by(|one, other| other.cmp(one));
    for (_, path) in runs {
        if let Some(again) = left_of(&path)? {
            return Ok(again);
        }
    }
    Err(UsageFault::new("--last-failed: no run is stored here yet; run the plans first"))
}

fn left_of(path: &Path) -> Result<Option<Again>, UsageFault> {
    let unreadable = |why: &dyn fmt::Display| {
        UsageFault::new(format!("--last-failed: `{}` cannot be read: {why}", path.display()))
    };
    let mut fold = Fold::default();
    let mut again = Again::default();
    let mut fault = None;
    let read = store::each_line(path, |line| match read_line(line) {
        Ok(event) => {
            if let Event::RunStarted(started) = &event {
                again = Again::of(&started.run);
            }
            if let Some(plan) = fold.push(&event) {
                again.take(&plan);
            }
            ControlFlow::Continue(())
        }
        Err(broken) => {
            fault = Some(unreadable(&broken));
            ControlFlow::Break(())
        }
    });
    read.map_err(|error| unreadable(&error))?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let ended = fold.tally().plans.total();
    let (_, open) = fold.into_record();
    if ended + open.len() == 0 {
        return Ok(None);
    }
    for plan in &open {
        again.take(plan);
    }
    Ok(Some(again))
}

impl Prepared {
    /// Adds what only the project knows: what its last run left to do.
    pub(super) fn look_back(
        &self,
        args: &args::Selection,
        selection: Selection,
    ) -> Result<Selection, UsageFault> {
        let again = args.last_failed.then(|| last_failed(&self.suite.root)).transpose()?;
        Ok(Selection { again, ..selection })
    }

    /// The jobs that a selection means.
    pub(super) fn schedule(&self, selection: &Selection) -> Result<Vec<Job>, NoSuchStep> {
        let paths = self.suite.plans.iter().map(|loaded| loaded.shown.clone());
        let plans: Vec<_> = self.plans.iter().flatten().cloned().zip(paths).collect();
        schedule(&plans, selection)
    }

    /// Says on standard error what is odd about a selection.
    pub(super) fn explain_selection(&self, selection: &Selection, jobs: &[Job], printer: &Printer) {
        if jobs.is_empty() {
            printer.error(&self.gate.redact(self.nothing_selected(selection)));
            return;
        }
        for line in self.perhaps_misspelt(selection) {
            printer.error(&self.gate.redact(line));
        }
    }

    /// Why nothing is selected, and what there would be.
    fn nothing_selected(&self, selection: &Selection) -> String {
        let plans: Vec<&CheckedPlan> = self.plans.iter().flatten().map(|plan| &**plan).collect();
        if plans.is_empty() {
            return "no plans here: a plan is a YAML file that begins with `plan: NAME`".to_owned();
        }
        if let Some(again) = selection.again.as_ref().filter(|again| again.is_empty()) {
            let text = format!("nothing is left to do: all of the last run passed ({})", again.run);
            return crate::secret::sanitise_line(&text).into_owned();
        }
        let mut lines = vec![match selection.tags.as_slice() {
            [tag] if selection.filters.is_empty() && !tag.starts_with('!') => {
                no_tag(tag, &tags(&plans))
            }
            _ => "no step is selected".to_owned(),
        }];
        if let Some(again) = &selection.again {
            lines.push(format!("  among what did not pass in the last run ({})", again.run));
        }
        lines.extend(self.idle(selection).iter().map(said));
        let steps: usize = plans.iter().map(|plan| plan.steps().len()).sum();
        lines.push(format!("  there {} {}", is(plans.len(), "plan"), with(steps, "step")));
        let ids = plans.iter().flat_map(|plan| plan.steps()).filter_map(|step| step.id.as_deref());
        lines.extend(words("tags", tags(&plans)));
        lines.extend(words("ids", sorted(ids)));
        crate::secret::sanitise(&lines.join("\n")).into_owned()
    }

    /// What looks like a misspelling among the words that select, a line each.
    fn perhaps_misspelt(&self, selection: &Selection) -> Vec<String> {
        let plans: Vec<&CheckedPlan> = self.plans.iter().flatten().map(|plan| &**plan).collect();
        let known = tags(&plans);
        let near = |tag: &&String| {
            let tag = tag.trim_start_matches('!');
            if known.contains(&tag) { None } else { nearest(tag, known.iter().copied()) }
        };
        let tags = selection.tags.iter().filter_map(|tag| {
            let near = near(&tag)?;
            let tag = tag.trim_start_matches('!');
            Some(format!("warning: no plan has the tag `{tag}`; did you mean `{near}`?"))
        });
        let idle = self.idle(selection);
        let filters = idle.iter().filter(|idle| idle.nearest.is_some());
        tags.chain(filters.map(|idle| format!("warning: {}", said(idle).trim_start())))
            .map(|line| crate::secret::sanitise_line(&line).into_owned())
            .collect()
    }

    /// Predicates of the filters that are true of no step here.
    fn idle(&self, selection: &Selection) -> Vec<Idle<'_>> {
        let plans = self.plans.iter().flatten().zip(&self.suite.plans);
        let candidates: Vec<Candidate<'_>> =
            plans.flat_map(|(plan, loaded)| Candidate::all(plan, &loaded.shown)).collect();
        selection.filters.iter().flat_map(|filter| filter.idle(&candidates)).collect()
    }
}

fn no_tag(tag: &str, known: &[&str]) -> String {
    match nearest(tag, known.iter().copied()) {
        Some(near) => format!("no plan has the tag `{tag}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("no plan has the tag `{tag}`, nor any other"),
        None => format!("no plan has the tag `{tag}`"),
    }
}

/// `  tag(smok) matches nothing; did you mean `smoke`?`
fn said(idle: &Idle<'_>) -> String {
    let Idle { written, about, nearest } = idle;
    let more = match (nearest, about) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, About::Id) => "; a step is called so by its key `id`".to_owned(),
        (None, About::Plan | About::Step | About::Tag | About::Covers | About::Path) => {
            String::new()
        }
    };
    format!("  `{written}` matches nothing{more}")
}

fn tags<'a>(plans: &[&'a CheckedPlan]) -> Vec<&'a str> {
    sorted(plans.iter().flat_map(|plan| plan.tags()).map(String::as_str))
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// `  tags: slow, smoke`; nothing where there are none.
fn words(kind: &str, words: Vec<&str>) -> Option<String> {
    let more = words.len().saturating_sub(NAMED);
    let mut named: Vec<String> = words.into_iter().take(NAMED).map(str::to_owned).collect();
    if named.is_empty() {
        return None;
    }
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    Some(format!("  {kind}: {}", named.join(", ")))
}

/// `is 1 plan`, `are 2 plans`.
fn is(count: usize, word: &str) -> String {
    if count == 1 { format!("is 1 {word}") } else { format!("are {count} {word}s") }
}

fn with(count: usize, word: &str) -> String {
    format!("with {count} {word}{}", if count == 1 { "" } else { "s" })
}
