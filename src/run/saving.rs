//! Keeps the body of a response: which file it goes into, and what is said where it holds a secret.

use std::fmt::Write as _;

use super::attempt::{Attempted, Ended, StepScene};
use crate::check::Request;
use crate::finding::{Code, Finding};
use crate::secret::sanitise_line;
use crate::source::Place;

/// A file name is not longer than this, in bytes; file systems allow 255.
const LONGEST: usize = 120;

impl StepScene<'_> {
    /// Writes the body of an answer where the step says so, whatever became of its assertions.
    pub(super) async fn save(
        &self,
        request: &Request,
        body: &bytes::Bytes,
        number: u32,
        attempted: &mut Attempted,
    ) -> Option<String> {
        let (value, place) = request.save.as_ref()?;
        let place = *place;
        let path = match self.render(number, None, |renderer| renderer.text(value)) {
            Ok(path) => path?.0,
            Err(finding) => {
                fail(attempted, *finding);
                return None;
            }
        };
        let name = file_name(&path, &self.suffix(number));
        let (keep, content) = (self.context.keep.clone()?, body.clone());
        let kept = tokio::task::spawn_blocking(move || keep(&name, &content)).await;
        let kept = kept.map_err(std::io::Error::other).and_then(|kept| kept);
        match kept {
            Ok(kept) => {
                let text = String::from_utf8_lossy(body);
                if self.context.gate.text(&text) != text {
                    attempted.attempt.findings.push(warning(&kept, place));
                }
                Some(kept)
            }
            Err(error) => {
                let message = format!("the body could not be saved: {error}");
                fail(attempted, Finding::error(Code::OutputFailed, message).at(place, ""));
                None
            }
        }
    }

    /// What tells the files of one step apart: its case, its sample, its attempt from the second on.
    fn suffix(&self, number: u32) -> String {
        let mut suffix = String::new();
        if let Some(case) = self.case {
            let _ = write!(suffix, "-{}", cut(&component(&case.name), LONGEST));
        }
        if self.step.samples.is_some() {
            let _ = write!(suffix, "-sample-{}", self.iteration);
        }
        if number > 1 {
            let _ = write!(suffix, "-attempt-{number}");
        }
        suffix
    }
}

fn fail(attempted: &mut Attempted, finding: Finding) {
    attempted.ended = Ended::Errored(finding.code);
    attempted.attempt.findings.push(finding);
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

    #[test]
    fn a_path_stays_below_its_folder_and_every_name_is_safe() {
        for (path, suffix, name) in [
            ("report.pdf", "", "report.pdf"),
            ("out/./report.pdf", "-a-attempt-2", "out/report-a-attempt-2.pdf"),
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
