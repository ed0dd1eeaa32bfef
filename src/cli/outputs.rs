//! What a run leaves behind: document reports, complaints about outputs, masks for a CI log.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::args::{RunArgs, SectionArgs};
use super::fault::UsageFault;
use super::inputs::Process;
use super::kept::Told;
use super::printer::{Printer, quiet};
use super::section;
use super::store::{write_in_parts, write_over, write_whole};
use crate::finding::{Code, nearest};
use crate::report::Format;
use crate::secret::{Gate, Redacted, Secret};

/// A document report that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Report {
    format: Format,
    /// Absent for `-`, standard output.
    path: Option<PathBuf>,
    /// The summary of a job on GitHub, which belongs to its annotations.
    summary: Option<PathBuf>,
    /// The name of the section of the file that it is, instead of the whole file.
    section: Option<String>,
}

/// The largest summary that GitHub takes, in bytes.
const SUMMARY: usize = 1024 * 1024;

impl Report {
    /// What it is, and the folder that it goes to, if that is there.
    pub(super) fn goes(&self) -> (Format, Option<&Path>) {
        let folder = self
            .path
            .as_deref()
            .and_then(Path::parent)
            .map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        (self.format, folder.filter(|folder| folder.is_dir()))
    }
}

/// Reads `--report FORMAT=PATH`.
pub(super) fn reports(arguments: &[String], process: &Process) -> Result<Vec<Report>, UsageFault> {
    let reports = each_report(arguments, process)?;
    for (at, report) in reports.iter().enumerate() {
        let same = |other: &&Report| other.path == report.path;
        if let Some(other) = reports.iter().skip(at + 1).find(same) {
            let path = report.path.as_deref().unwrap_or(Path::new("-"));
            return Err(UsageFault::new(format!(
                "`--report {}` and `--report {}` both go to `{}`: each wants a file of its own",
                report.format.as_str(),
                other.format.as_str(),
                path.display()
            )));
        }
    }
    Ok(reports)
}

fn each_report(arguments: &[String], process: &Process) -> Result<Vec<Report>, UsageFault> {
    arguments
        .iter()
        .map(|argument| {
            let Some((format, path)) = argument.split_once('=') else {
                return Err(UsageFault::new(format!(
                    "`--report {argument}` wants FORMAT=PATH, such as `json=run.json`"
                )));
            };
            let names = Format::ALL.map(Format::as_str);
            let Some(known) = Format::ALL.into_iter().find(|known| known.as_str() == format) else {
                let known = names.join(", ");
                return Err(UsageFault::new(nearest(format, names).map_or_else(
                    || format!("there is no report `{format}`; there are {known}"),
                    |near| format!("there is no report `{format}`; did you mean `{near}`?"),
                )));
            };
            if path.is_empty() {
                return Err(UsageFault::new(format!("`--report {format}=` names no file")));
            }
            let summary = match known {
                Format::Github => process.get("GITHUB_STEP_SUMMARY").filter(|it| !it.is_empty()),
                Format::Ctrf
                | Format::Har
                | Format::Html
                | Format::Json
                | Format::Junit
                | Format::Markdown => None,
            };
            Ok(Report {
                format: known,
                path: (path != "-").then(|| PathBuf::from(path)),
                summary: summary.map(PathBuf::from),
                section: None,
            })
        })
        .collect()
}

/// Reads `--append-to FILE --marker NAME`.
pub(super) fn section(args: &SectionArgs) -> Result<Option<Report>, UsageFault> {
    let Some(path) = &args.append_to else { return Ok(None) };
    if !section::is_name(&args.marker) {
        return Err(UsageFault::new(format!(
            "`--marker {}` is no name: letters, digits, `.`, `_` and `-`, such as `nightly`",
            args.marker
        )));
    }
    Ok(Some(Report {
        format: Format::Markdown,
        path: Some(path.clone()),
        summary: None,
        section: Some(args.marker.clone()),
    }))
}

/// Takes out the sections that have no place in their file, and says why: before the first request.
pub(super) fn misplaced(reports: &mut Vec<Report>) -> Vec<String> {
    let mut said = Vec::new();
    reports.retain(|report| {
        let (Some(path), Some(name)) = (&report.path, &report.section) else { return true };
        let why = with_section(path, name, "").err();
        said.extend(why.iter().map(|why| format!("`{}`: {why}", path.display())));
        why.is_none()
    });
    said
}

/// A file with this text as its section.
#[expect(clippy::disallowed_methods, reason = "an output that is also read")]
fn with_section(path: &Path, name: &str, text: &str) -> io::Result<Vec<u8>> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    section::placed(&file, name, text).map_err(|broken| io::Error::other(broken.said(name)))
}

/// Writes every report; what failed, each by itself.
pub(super) fn write(reports: &[Report], told: &Told) -> Vec<String> {
    let mut failures = Vec::new();
    for wanted in reports {
        let name = wanted.path.as_ref().map_or_else(
            || format!("the report `{}`", wanted.format.as_str()),
            |path| format!("`{}`", path.display()),
        );
        let written = match (&wanted.path, &wanted.section) {
            (Some(path), Some(name)) => rendered(wanted.format, told)
                .and_then(|text| with_section(path, name, &lowered(&text)))
                .and_then(|content| write_over(path, &content)),
            (Some(path), None) => write_in_parts(path, |out| document(wanted.format, told, out)),
            (None, _) => {
                let mut out = BufWriter::new(io::stdout().lock());
                quiet(document(wanted.format, told, &mut out).and_then(|()| out.flush()))
            }
        };
        if let Err(error) = written {
            failures.push(format!("{name}: {error}"));
        }
        if let Some(path) = &wanted.summary
            && let Err(error) = add_summary(path, told)
        {
            failures.push(format!("the job's summary: {error}"));
        }
    }
    failures
}

/// Markdown whose headings stand one level lower: the file has a title of its own. In what is quoted
/// between fences nothing is a heading.
fn lowered(text: &str) -> String {
    let mut fence: Option<&str> = None;
    text.lines().fold(String::with_capacity(text.len()), |mut out, line| {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if line == open => fence = None,
            None if ticks >= 3 => fence = line.get(..ticks),
            None if line.starts_with('#') => out.push('#'),
            Some(_) | None => {}
        }
        out.push_str(line);
        out.push('\n');
        out
    })
}

/// One report; a reporter that fails silences no other.
fn document(format: Format, told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let mut failed = None;
    let written = catch_unwind(AssertUnwindSafe(|| {
        format.write(&told.record, told, &mut Watched { out, failed: &mut failed })
    }))
    .unwrap_or_else(|_| Err("its reporter failed".to_owned()));
    written.map_err(|why| failed.unwrap_or_else(|| io::Error::other(why)))
}

/// Keeps the error of an output as what it is: a pipe that was closed is no failure.
struct Watched<'a> {
    out: &'a mut dyn Write,
    failed: &'a mut Option<io::Error>,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let again = io::Error::new(error.kind(), error.to_string());
            *self.failed = Some(error);
            again
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn rendered(format: Format, told: &Told) -> io::Result<String> {
    let mut text = Vec::new();
    document(format, told, &mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

/// Appends what people read to the summary of a job, as far as it takes it.
fn add_summary(path: &Path, told: &Told) -> io::Result<()> {
    let mut text = rendered(Format::Markdown, told)?;
    let there = fs::metadata(path).map_or(0, |it| usize::try_from(it.len()).unwrap_or(usize::MAX));
    let room = SUMMARY.saturating_sub(there);
    if text.len() > room {
        let end = (0..=room.saturating_sub(64)).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push_str("\n\n… the summary ends here: GitHub takes no more.\n");
    }
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Says what could not be written; the verdict stands all the same.
pub(super) fn complain(failures: &[String], gate: &Gate, printer: &Printer) {
    for failure in failures {
        let text = format!("error[{}]: could not write {failure}", Code::OutputFailed);
        printer.error(&gate.redact(crate::secret::sanitise_line(&text).into_owned()));
    }
}

/// Writes a document to a file, or to standard output where none is named; whether that went well. Why
/// it did not is said.
pub(super) fn deliver(
    text: &Redacted<String>,
    output: Option<&Path>,
    gate: &Gate,
    printer: &Printer,
) -> bool {
    let written = match output {
        Some(path) => write_whole(path, format!("{}\n", text.trim_end()).as_bytes())
            .map_err(|error| format!("`{}`: {error}", path.display())),
        None => printer.out(text).map_err(|error| error.to_string()),
    };
    written.map_err(|failure| complain(&[failure], gate, printer)).is_ok()
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

#[cfg(test)]
mod tests {
    use super::lowered;

    #[test]
    fn headings_stand_one_level_lower_and_quoted_lines_stay() {
        let text = "# a\n\n````text\n# not one\n```\n# nor this\n````\n## b\n";
        assert_eq!(lowered(text), text.replacen("# a", "## a", 1).replace("## b", "### b"));
    }
}
