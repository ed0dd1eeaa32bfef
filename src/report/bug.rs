//! `planrun bug-report`: one failure as whoever has to mend it needs it told, in Markdown.
//!
//! It can be acted on without asking back: what was expected and what came, where that is written, a
//! chain of commands that shows it again, what else of the run speaks for and against, and since when.

mod chain;
mod history;
mod scope;
mod sections;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::document::{Document, Told};
use crate::record::Record;

/// The largest report, in bytes.
const LARGEST: usize = 60 * 1024;
/// How much of a body is shown, in bytes: less where the report would grow too large.
const BODIES: [usize; 4] = [8 * 1024, 2 * 1024, 512, 0];

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Bug<'a> {
    /// The run.
    pub record: &'a Record,
    /// Which step: its id, its name or its number; the first that did not pass where it is not said.
    pub step: Option<&'a str>,
    /// Earlier runs of the same project, in any order.
    pub earlier: &'a [Record],
    /// The time zone of whoever writes it.
    pub zone: &'a TimeZone,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoBug {
    /// Nothing failed in the run.
    NothingFailed,
    /// There is no such step; the nearest one.
    NoSuchStep(Option<String>),
    /// The step passed, or did not run: how it ended.
    DidNotFail(&'static str),
}

/// The report.
///
/// # Errors
/// [`NoBug`] where there is nothing to report.
pub fn render(bug: &Bug<'_>) -> Result<String, NoBug> {
    let document = Document::new(bug.record);
    let all: Vec<Told<'_>> = document.all().collect();
    let told = chosen(bug.step, &all)?;
    let mut text = String::new();
    for limit in BODIES {
        let case = Case { bug, document: &document, all: &all, told, limit };
        text = sections::render(&case);
        text.push_str(&masked(&text, bug.record));
        if text.len() <= LARGEST {
            return Ok(text);
        }
    }
    let end = (0..=LARGEST.saturating_sub(100)).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text.push_str("\n\n… the report is longer than 60 KiB and ends here.\n");
    Ok(text)
}

/// One report under way.
struct Case<'a> {
    bug: &'a Bug<'a>,
    document: &'a Document<'a>,
    /// Every step of the run that is listed.
    all: &'a [Told<'a>],
    /// The one that is reported.
    told: Told<'a>,
    /// How much of a body is shown.
    limit: usize,
}

fn chosen<'a>(wanted: Option<&str>, all: &[Told<'a>]) -> Result<Told<'a>, NoBug> {
    let Some(wanted) = wanted else {
        return all.iter().find(|told| told.is_bad()).copied().ok_or(NoBug::NothingFailed);
    };
    let is_it = |told: &&Told<'_>| {
        let step = &told.record.step;
        step.id.as_deref() == Some(wanted) || step.name == wanted || *step.title() == *wanted
    };
    // Of several cases the one that failed is meant.
    let named = || all.iter().filter(is_it);
    let number = wanted.parse::<usize>().ok().and_then(|number| all.get(number.checked_sub(1)?));
    let found = named().find(|told| told.is_bad()).or_else(|| named().next()).or(number);
    match found {
        Some(told) if told.is_bad() => Ok(*told),
        Some(told) => Err(NoBug::DidNotFail(super::document::word(told.verdict()))),
        None => {
            let ids = all.iter().filter_map(|told| told.record.step.id.as_deref());
            let titles = all.iter().map(|told| told.record.step.name.as_str());
            let near = crate::finding::nearest(wanted, ids.chain(titles));
            Err(NoBug::NoSuchStep(near.map(str::to_owned)))
        }
    }
}

/// What was masked in a text, by name.
fn masked(text: &str, record: &Record) -> String {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("«secret") {
        let name = behind.strip_prefix(':').and_then(|it| it.split_once('»')).map(|(name, _)| name);
        // In prose it stands as Markdown has it: `api\_key`.
        names.insert(name.unwrap_or_default().replace('\\', ""));
        rest = behind;
    }
    let nameless = names.remove("");
    let variables = record.started.as_ref().map(|run| &run.variables);
    let variable = super::curl::variables_of(variables);
    let secrets: Vec<String> =
        names.iter().map(|name| format!("`{name}` (`${}`)", variable(name))).collect();
    let mut out = String::from("\n## What was masked\n\n");
    if secrets.is_empty() && !nameless {
        out.push_str("Nothing in this report was a secret.\n");
        return out;
    }
    if !secrets.is_empty() {
        out.push_str("Values of the secrets ");
        out.push_str(&secrets.join(", "));
        out.push_str(", in every encoding.");
    }
    if nameless {
        out.push_str(" Values of headers and fields that are named like secrets.");
    }
    out.push_str(" Nothing else was changed; a body that is cut says so.\n");
    out
}

#[cfg(test)]
mod tests;
