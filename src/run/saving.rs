//! Keeps the body of a response: which file it goes into, and what is said where it holds a secret.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::attempt::{Attempted, Ended, StepScene};
use super::context::{Arriving, Keep};
use super::render::{Fault, Rendered, Renderer};
use crate::check::Request;
use crate::finding::{Code, Finding};
use crate::http::{Copying, Part};
use crate::secret::{Gate, sanitise_line};
use crate::source::Place;

/// A file name is not longer than this, in bytes; file systems allow 255.
const LONGEST: usize = 120;

/// The body of an answer on its way into a file, which is gone where this is dropped.
#[derive(Debug)]
pub(super) struct Saving {
    /// What the file is going to be called.
    name: String,
    /// Where the plan says so.
    place: Place,
    keep: WayIn,
    arriving: Arc<Mutex<Option<io::Result<Arriving>>>>,
}

/// What opens the file.
struct WayIn(Keep);

impl std::fmt::Debug for WayIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WayIn(…)")
    }
}

impl Saving {
    /// What takes the body while it comes. What goes wrong with the file is told in the end, and does
    /// not hold up the exchange.
    pub(super) fn copying(&self) -> Copying {
        let (name, keep) = (self.name.clone(), Arc::clone(&self.keep.0));
        let arriving = Arc::clone(&self.arriving);
        Copying(Arc::new(move |part| {
            let mut arriving = arriving.lock().unwrap_or_else(PoisonError::into_inner);
            match (part, &mut *arriving) {
                (Part::Begin, _) => *arriving = Some(keep(&name)),
                (Part::Bytes(bytes), Some(Ok(open))) => {
                    if let Err(error) = open.file.write_all(bytes) {
                        *arriving = Some(Err(error));
                    }
                }
                (Part::Bytes(_), Some(Err(_)) | None) => {}
            }
        }))
    }

    /// Gives the file its name; what it is called now, and whether there is a secret in it. Where it is
    /// not waited for any more, there is no file.
    fn settle(&self, gate: &Gate, given_up: &AtomicBool) -> io::Result<Option<(String, bool)>> {
        let arrived = self.arriving.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(arrived) = arrived else { return Ok(None) };
        let Arriving { mut file, settle } = arrived?;
        file.seek(SeekFrom::Start(0))?;
        let holds_secret = gate.masks_in(&mut Awaited { file: &mut file, given_up })?;
        Ok(Some((settle()?, holds_secret)))
    }
}

/// A file that is read as long as somebody waits for what is in it.
struct Awaited<'a> {
    file: &'a mut File,
    given_up: &'a AtomicBool,
}

impl Read for Awaited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the run ended before"));
        }
        self.file.read(buffer)
    }
}

impl StepScene<'_> {
    /// The request of an attempt, and where the body of its answer is to be written, if the step says so.
    pub(super) fn rendered(
        &self,
        request: &Request,
        number: u32,
    ) -> Result<(Rendered, Option<Saving>), Fault> {
        self.render(number, None, |renderer| {
            Ok((renderer.request(request)?, self.saving(request, renderer)?))
        })
    }

    fn saving(&self, request: &Request, renderer: &Renderer<'_>) -> Result<Option<Saving>, Fault> {
        let (Some((value, place)), Some(keep)) = (&request.save, &self.context.keep) else {
            return Ok(None);
        };
        let Some((path, _)) = renderer.text(value)? else { return Ok(None) };
        // Masked before it is cut and made fit for a file system: what is left of a secret then is
        // not known as one any more.
        let name = file_name(&self.context.gate.text(&path), &self.suffix());
        let (place, keep) = (*place, WayIn(Arc::clone(keep)));
        Ok(Some(Saving { name, place, keep, arriving: Arc::default() }))
    }

    /// Keeps the body of the last answer of a step, whatever became of its assertions. Its secrets are
    /// looked for now: some may have come with it.
    pub(super) async fn save(&self, attempted: &mut Attempted) {
        let Some(saving) = attempted.saving.take() else { return };
        let (gate, place) = (self.context.gate.clone(), saving.place);
        let given_up = Arc::<AtomicBool>::default();
        let awaited = Arc::clone(&given_up);
        let settled = tokio::task::spawn_blocking(move || saving.settle(&gate, &awaited));
        let settled = match self.bounded(settled, None).await {
            Ok(settled) => settled,
            Err(cut) => {
                given_up.store(true, Ordering::Relaxed);
                attempted.ended = Ended::Cut(cut);
                return;
            }
        };
        match settled.map_err(io::Error::other).and_then(|settled| settled) {
            Ok(None) => {}
            Ok(Some((kept, holds_secret))) => {
                if holds_secret {
                    attempted.attempt.findings.push(warning(&kept, place));
                }
                let exchange = attempted.attempt.exchange.as_mut();
                if let Some(response) = exchange.and_then(|it| it.response.as_mut()) {
                    response.saved = Some(kept);
                }
            }
            Err(error) => {
                let message = format!("the body could not be saved: {error}");
                let finding = Finding::error(Code::OutputFailed, message).at(place, "");
                attempted.ended = Ended::Errored(finding.code);
                attempted.attempt.findings.push(finding);
            }
        }
    }

    /// What tells the files of one step apart: its case, its sample.
    fn suffix(&self) -> String {
        let mut suffix = String::new();
        if let Some(case) = self.case {
            let _ = write!(suffix, "-{}", cut(&component(&case.name), LONGEST));
        }
        if self.step.samples.is_some() {
            let _ = write!(suffix, "-sample-{}", self.iteration);
        }
        suffix
    }
}

fn warning(kept: &str, place: Place) -> Finding {
    Finding::warning(Code::SavedSecret, format!("`{kept}` holds a secret"))
        .at(place, "what is saved is saved as it came")
        .help("delete the file when it is no longer needed, and publish no run with it")
}

/// A path below the folder of what is saved: no part of it leads anywhere else, and each is a name
/// that every file system takes.
fn file_name(path: &str, suffix: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
    let mut parts: Vec<String> = parts.map(component).collect();
    let last = parts.pop().unwrap_or_else(|| "body".to_owned());
    let (stem, ending) = match last.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 10 => {
            (stem, format!(".{ending}"))
        }
        Some(_) | None => (last.as_str(), String::new()),
    };
    let suffix = cut(suffix, LONGEST / 2);
    let last = format!("{}{suffix}{ending}", cut(stem, LONGEST - suffix.len() - ending.len()));
    let folders = parts.iter().map(|folder| cut(folder, LONGEST));
    folders.chain([last.as_str()]).collect::<Vec<_>>().join("/")
}

fn component(part: &str) -> String {
    if part.chars().all(|c| c == '.') {
        return "_".repeat(part.len());
    }
    let shown = sanitise_line(part);
    let plain = |c: char| if c.is_control() || "<>:\"|?*/\\".contains(c) { '_' } else { c };
    shown.chars().map(plain).collect()
}

/// The beginning of a text, of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, Span};

    #[test]
    fn what_is_not_waited_for_any_more_gets_no_name() {
        let place = Place { source: SourceId(0), span: Span { start: 0, end: 0 } };
        for (gives_up, named) in [(false, true), (true, false)] {
            let was_named = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&was_named);
            let keep: Keep = Arc::new(move |_| {
                let seen = Arc::clone(&seen);
                let settle = Box::new(move || {
                    seen.store(true, Ordering::Relaxed);
                    Ok("saved/a".to_owned())
                });
                Ok(Arriving { file: tempfile::tempfile()?, settle })
            });
            let saving =
                Saving { name: "a".into(), place, keep: WayIn(keep), arriving: Arc::default() };
            let Copying(copy) = saving.copying();
            copy(Part::Begin);
            copy(Part::Bytes(b"abc"));
            let settled = saving.settle(&Gate::new(), &AtomicBool::new(gives_up));
            assert_eq!(settled.is_ok(), named);
            assert_eq!(was_named.load(Ordering::Relaxed), named);
        }
    }

    #[test]
    fn a_path_stays_below_its_folder_and_every_name_is_safe() {
        for (path, suffix, name) in [
            ("report.pdf", "", "report.pdf"),
            ("out/./report.pdf", "-a-sample-2", "out/report-a-sample-2.pdf"),
            ("../../etc/passwd", "", "__/__/etc/passwd"),
            ("/etc/passwd", "", "etc/passwd"),
            ("a\\..\\b", "", "a/__/b"),
            ("", "", "body"),
            ("..", "", "__"),
            ("a\u{1b}[31m\nb:c?.txt", "", "a_[31m_b_c_.txt"),
            (".hidden", "-1", ".hidden-1"),
            ("archive.tar.gz", "-1", "archive.tar-1.gz"),
        ] {
            let made = file_name(path, suffix);
            if path.contains('\u{1b}') {
                assert!(!made.chars().any(char::is_control) && made.ends_with("_.txt"), "{made}");
            } else {
                assert_eq!(made, name, "{path}");
            }
        }
        let long = file_name(&format!("{}.txt", "ä".repeat(300)), &"-x".repeat(200));
        assert!(long.len() <= LONGEST && long.ends_with("x.txt"), "{long}");
    }
}
