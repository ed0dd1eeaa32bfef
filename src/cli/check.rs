//! `check`: everything that is known of plans before anything is sent, for people and for programs.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::args::{CheckArgs, CheckFormat, Requirements, Values};
use super::fault::UsageFault;
use super::other::{json_escaped, plural};
use super::outputs;
use super::prepare::Prepared;
use super::preview::invalid;
use super::printer::Printer;
use super::secrets;
use super::several::{self, Checked};
use crate::finding::Finding;
use crate::report;
use crate::secret::Redacted;
use crate::source::SourceId;

/// Checks plans; nothing is sent.
pub(super) fn check(args: &CheckArgs, current: &Path) -> Result<u8, UsageFault> {
    let requirements = match &args.requirements {
        Some(file) => Requirements::Given(file.clone()),
        None => Requirements::Covered,
    };
    let values = Values { requirements, ..args.values.clone() };
    let Checked { prepared, environments, extended } =
        several::prepare(&args.paths, &values, current)?;
    let printer = Printer::new(&args.look, &prepared.process);
    let steps: usize = prepared.plans.iter().flatten().map(|plan| plan.steps().len()).sum();
    let count = prepared.plans.len();
    let code = match (prepared.has_errors(), count) {
        (true, _) => 3,
        (false, 0) => 4,
        (false, _) => 0,
    };
    let shown = match args.format {
        CheckFormat::Human => {
            if !prepared.findings.is_empty() {
                invalid(&prepared, &prepared.findings, &printer);
            }
            let text = format!(
                "checked: {count} plan{}, {steps} step{}{} · nothing was sent",
                plural(count),
                plural(steps),
                several::said(&environments, &extended)
            );
            if args.quiet || code != 0 { Ok(()) } else { printer.out(&prepared.gate.redact(text)) }
        }
        CheckFormat::Json | CheckFormat::Sarif => {
            let checked = (count, steps);
            let text = prepared.document(args.format, checked, current);
            printer.out(&prepared.gate.redact(text))
        }
        CheckFormat::Github => {
            if prepared.process.get("GITHUB_ACTIONS") == Some("true") {
                let known = secrets::readable(prepared.places(), &prepared.suite);
                outputs::add_masks(known.iter());
            }
            let text = prepared.document(args.format, (count, steps), current);
            if text.is_empty() { Ok(()) } else { printer.out(&prepared.gate.redact(text)) }
        }
    };
    if code == 4 {
        printer.error(&Redacted::literal("no plans here: a plan begins with `plan: NAME`"));
    }
    // The process ends now: giving every small piece of memory back first would only take time.
    std::mem::forget(prepared);
    Ok(if shown.is_ok() { code } else { 7 })
}

impl Prepared {
    /// The findings as another program reads them; `checked` counts plans and steps.
    fn document(&self, format: CheckFormat, checked: (usize, usize), current: &Path) -> String {
        let findings: Vec<Finding> = self
            .findings
            .iter()
            .map(|finding| self.gate.redact(finding.clone()).into_inner())
            .collect();
        let base = match format {
            // What the reader of each takes paths to be relative to.
            CheckFormat::Sarif => Some(self.suite.root.clone()),
            CheckFormat::Github => self.process.get("GITHUB_WORKSPACE").map(PathBuf::from),
            CheckFormat::Human | CheckFormat::Json => None,
        };
        let paths = base.map(|base| self.paths_below(&base, current)).unwrap_or_default();
        let checked = report::check::Checked {
            findings: &findings,
            sources: &self.suite.sources,
            paths: &paths,
            plans: checked.0,
            steps: checked.1,
        };
        let pretty = |value| serde_json::to_string_pretty(&value).unwrap_or_default();
        match format {
            CheckFormat::Human | CheckFormat::Json => {
                json_escaped(&pretty(report::check::document(&checked)))
            }
            CheckFormat::Sarif => json_escaped(&pretty(report::check::sarif(&checked))),
            CheckFormat::Github => report::check::github(&checked),
        }
    }

    /// The paths of all texts, relative to a folder where they lie below it.
    fn paths_below(&self, base: &Path, current: &Path) -> BTreeMap<SourceId, String> {
        let current = whole(current);
        let base = whole(&current.join(base));
        let relative = |path: &str| {
            let full = plain(&current.join(path));
            let below = full.strip_prefix(&base).unwrap_or(&full);
            let parts: Vec<_> =
                below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let text = parts.join("/");
            // The root of the file system is a part of its own.
            if below.is_absolute() { text.replacen("//", "/", 1) } else { text }
        };
        self.suite.sources.iter().map(|source| (source.id, relative(&source.path))).collect()
    }
}

/// A folder with its links followed.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}
