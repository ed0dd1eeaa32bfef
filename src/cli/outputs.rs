//! What a run leaves behind: document reports, complaints about outputs, masks for a CI log.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::args::RunArgs;
use super::fault::UsageFault;
use super::printer::Printer;
use super::store::write_whole;
use crate::finding::{Code, nearest};
use crate::record::Record;
use crate::report;
use crate::secret::{Gate, Secret};

/// The formats of `--report`.
const FORMATS: [&str; 1] = ["json"];

/// A document report that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Report {
    path: PathBuf,
}

/// Reads `--report FORMAT=PATH`.
pub(super) fn reports(arguments: &[String]) -> Result<Vec<Report>, UsageFault> {
    arguments
        .iter()
        .map(|argument| {
            let Some((format, path)) = argument.split_once('=') else {
                return Err(UsageFault::new(format!(
                    "`--report {argument}` wants FORMAT=PATH, such as `json=run.json`"
                )));
            };
            if !FORMATS.contains(&format) {
                let known = FORMATS.join(", ");
                return Err(UsageFault::new(match nearest(format, FORMATS) {
                    Some(near) => {
                        format!("there is no report `{format}`; did you mean `{near}`?")
                    }
                    None => format!("there is no report `{format}`; there is {known}"),
                }));
            }
            if path.is_empty() {
                return Err(UsageFault::new(format!("`--report {format}=` names no file")));
            }
            Ok(Report { path: PathBuf::from(path) })
        })
        .collect()
}

/// Writes every report; what failed, each by itself.
pub(super) fn write(reports: &[Report], record: &Record) -> Vec<String> {
    let mut failures = Vec::new();
    for wanted in reports {
        let rendered = std::panic::catch_unwind(|| report::json::render(record));
        let Ok(text) = rendered else {
            failures.push(format!("`{}`: its reporter failed", wanted.path.display()));
            continue;
        };
        if let Err(error) = write_whole(&wanted.path, text.as_bytes()) {
            failures.push(format!("`{}`: {error}", wanted.path.display()));
        }
    }
    failures
}

/// Says what could not be written; the verdict stands all the same.
pub(super) fn complain(failures: &[String], gate: &Gate, printer: &Printer) {
    for failure in failures {
        let text = format!("error[{}]: could not write {failure}", Code::OutputFailed);
        printer.error(&gate.redact(crate::secret::sanitise_line(&text).into_owned()));
    }
}

/// The masks that GitHub's log wants before anything else is printed: its own protocol, and the
/// only place where a secret is written.
pub(super) fn add_masks<'a>(secrets: impl Iterator<Item = &'a Secret>) {
    let mut out = io::stdout().lock();
    for secret in secrets {
        for line in secret.expose().lines().filter(|line| line.trim().chars().count() >= 4) {
            let escaped = line.replace('%', "%25").replace('\r', "%0D");
            let _ = writeln!(out, "::add-mask::{escaped}");
        }
    }
    let _ = out.flush();
}

/// The command line that makes this run again, without what may be secret.
pub(super) fn command(args: &RunArgs) -> Vec<String> {
    let mut words = vec!["planrun".to_owned()];
    words.extend(args.paths.iter().map(|path| path.display().to_string()));
    for environment in &args.values.environments {
        words.extend(["-e".to_owned(), environment.clone()]);
    }
    words.extend(args.values.vars.iter().filter_map(|pair| {
        let (name, _) = pair.split_once('=')?;
        Some(format!("--var={name}=…"))
    }));
    words.extend(args.selection.tags.iter().map(|tag| format!("--tag={tag}")));
    words.extend(args.selection.filters.iter().map(|filter| format!("--filter={filter}")));
    words.extend(args.selection.until.iter().map(|step| format!("--until={step}")));
    words.extend(args.selection.last_failed.then(|| "--last-failed".to_owned()));
    words.extend(args.selection.steps.iter().map(|step| format!("--step={step}")));
    words
}

/// A path as a person would write it.
pub(super) fn shown(path: &Path, current: &Path) -> String {
    let current = current.canonicalize().unwrap_or_else(|_| current.to_path_buf());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    path.strip_prefix(&current).unwrap_or(&path).display().to_string()
}
