//! The run's own folder, and outputs that are whole or not there at all.
#![expect(clippy::disallowed_methods, reason = "outputs are written here, and nowhere else")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempPath;

use crate::run::{Arriving, Keep};

/// How many runs are kept in `.planrun/runs`.
const KEPT: usize = 20;

/// The events of a run, in its folder.
pub(super) const EVENTS: &str = "events.jsonl";

/// The folder of one run, held against a second run until it is dropped.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    lock: PathBuf,
}

impl RunFolder {
    /// Makes `.planrun/runs/RUN` below the project root and forgets all but the last runs, or
    /// takes `out` where one is given.
    ///
    /// # Errors
    /// What the file system says; also where another run is using `out`, or has ended in it. What
    /// a run left that was killed may be written over.
    pub(super) fn create(root: &Path, out: Option<&Path>, run: &str) -> io::Result<Self> {
        let path = if let Some(out) = out {
            private_folder(out)?;
            out.to_path_buf()
        } else {
            let home = root.join(".planrun");
            private_folder(&home)?;
            let ignore = home.join(".gitignore");
            if !ignore.exists() {
                fs::write(&ignore, "*\n")?;
            }
            let runs = home.join("runs");
            private_folder(&runs)?;
            forget_old(&runs);
            let path = runs.join(run);
            private_folder(&path)?;
            path
        };
        let lock = path.join(".running");
        if !lock.exists() && path.join(EVENTS).exists() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("`{}` holds a run already", path.display()),
            ));
        }
        let mut file = private_file(OpenOptions::new().write(true).create_new(true), &lock)
            .map_err(|error| {
                if error.kind() == io::ErrorKind::AlreadyExists && !stale(&lock) {
                    return io::Error::new(
                        io::ErrorKind::AlreadyExists,
                        format!("another run is writing to `{}`", path.display()),
                    );
                }
                error
            });
        if file.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AlreadyExists) && stale(&lock) {
            let _ = fs::remove_file(&lock);
            file = private_file(OpenOptions::new().write(true).create_new(true), &lock);
        }
        write!(file?, "{}", std::process::id())?;
        Ok(Self { path, lock })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What keeps the bodies of responses in this folder.
    pub(super) fn keep(&self) -> Keep {
        let path = self.path.clone();
        Arc::new(move |name| open_saved(&path, name))
    }

    /// Opens `events.jsonl` for the events of this run.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn events(&self) -> io::Result<BufWriter<File>> {
        log_file(&self.path.join(EVENTS))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.lock);
    }
}

/// The events of the stored runs of a project that have ended, in no order: a folder's name tells
/// the second at which its run began, no more.
pub(super) fn ended_runs(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join(".planrun/runs")) else { return Vec::new() };
    let is_over = |path: &PathBuf| {
        let lock = path.join(".running");
        !lock.exists() || stale(&lock)
    };
    let runs = entries.flatten().map(|entry| entry.path()).filter(is_over);
    runs.map(|run| run.join(EVENTS)).filter(|events| events.is_file()).collect()
}

/// Reads a stored run line by line; `take` says whether more is wanted.
///
/// # Errors
/// What the file system says.
pub(super) fn each_line(
    path: &Path,
    mut take: impl FnMut(&str) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = String::new();
    loop {
        let length = reader.read_line(&mut line)?;
        // A line without its end was being written when the run was killed.
        if length == 0 || (line.ends_with('\n') && take(line.trim_end()).is_break()) {
            return Ok(());
        }
        line.clear();
    }
}

/// Whether the process that holds a lock is gone.
fn stale(lock: &Path) -> bool {
    let Ok(text) = fs::read_to_string(lock) else { return false };
    let Ok(process) = text.trim().parse::<u32>() else { return false };
    cfg!(target_os = "linux") && !Path::new(&format!("/proc/{process}")).exists()
}

/// Opens a file for lines that are appended as they come, readable by its owner alone.
///
/// # Errors
/// What the file system says.
pub(super) fn log_file(path: &Path) -> io::Result<BufWriter<File>> {
    make_parent(path)?;
    private_file(OpenOptions::new().write(true).create(true).truncate(true), path)
        .map(BufWriter::new)
}

/// The folder inside that of a run for the bodies of responses.
const SAVED: &str = "saved";

/// Opens a file for what a run saves under a name. Until it is whole it lies in the run's own folder, and
/// is gone where it never is.
///
/// # Errors
/// What the file system says.
fn open_saved(run: &Path, name: &str) -> io::Result<Arriving> {
    let (file, arrived) =
        tempfile::Builder::new().prefix(".saving-").tempfile_in(run)?.into_parts();
    let (run, name) = (run.to_path_buf(), name.to_owned());
    Ok(Arriving { file, settle: Box::new(move || settle(arrived, &run, &name)) })
}

/// Gives a file its name among what a run saves, and says what it is: where the name is taken, it gets a
/// number.
fn settle(mut arrived: TempPath, run: &Path, name: &str) -> io::Result<String> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && !ending.contains('/') => {
            (stem, format!(".{ending}"))
        }
        Some(_) | None => (name, String::new()),
    };
    for number in 1..=u32::MAX {
        let numbered =
            if number == 1 { name.to_owned() } else { format!("{stem}-{number}{ending}") };
        let path = run.join(SAVED).join(&numbered);
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        match arrived.persist_noclobber(&path) {
            Ok(()) => return Ok(format!("{SAVED}/{numbered}")),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                arrived = taken.path;
            }
            Err(failed) => return Err(failed.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Writes a whole output: to a temporary file beside it, synced, then renamed over it.
///
/// # Errors
/// What the file system says; the old file, if there was one, is untouched then.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    write_in_parts(path, |file| file.write_all(content))
}

/// Bytes of an output that are written at once.
const BUFFER: usize = 64 * 1024;

/// Writes a file part by part; it is there once all of it is.
///
/// # Errors
/// What the file system or `content` says; the file is then as it was.
pub(super) fn write_in_parts(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    make_parent(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.exists() && !path.is_file() {
        // A pipe or a device, such as /dev/stdout: there is nothing to rename over.
        let mut file = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        content(&mut file)?;
        return file.flush();
    }
    let mut file = tempfile::Builder::new().prefix(".planrun-").tempfile_in(folder)?;
    let mut parts = BufWriter::with_capacity(BUFFER, &mut file);
    content(&mut parts)?;
    parts.flush()?;
    drop(parts);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file of someone else's anew, as [`write_whole`] does: it keeps its mode, and what a link
/// leads to is written, not the link.
///
/// # Errors
/// What the file system says; the old file is untouched then.
pub(super) fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let Ok(real) = path.canonicalize() else { return write_whole(path, content) };
    let mode = fs::metadata(&real)?.permissions();
    let folder = real.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".planrun-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(&real).map_err(|error| error.error)?;
    Ok(())
}

fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder),
        _ => Ok(()),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Removes the oldest runs; their names sort by time. One that is still running stays.
fn forget_old(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut old: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    old.sort();
    let surplus = (old.len() + 1).saturating_sub(KEPT);
    for path in old.into_iter().take(surplus) {
        let lock = path.join(".running");
        if !lock.exists() || stale(&lock) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_runs_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..25 {
            RunFolder::create(dir.path(), None, &format!("run-{n:03}")).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(dir.path().join(".planrun/runs"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), KEPT);
        assert_eq!(names.last().map(String::as_str), Some("run-024"));
    }

    #[test]
    fn a_second_run_with_the_same_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let first = RunFolder::create(dir.path(), Some(&out), "a").unwrap();
        let second = RunFolder::create(dir.path(), Some(&out), "b").unwrap_err();
        assert!(second.to_string().contains("another run"), "{second}");
        drop(first);
        RunFolder::create(dir.path(), Some(&out), "c").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn outputs_are_readable_by_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(dir.path(), None, "a").unwrap();
        run.events().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(run.path()), 0o700);
        assert_eq!(mode(&run.path().join("events.jsonl")), 0o600);
        write_whole(&dir.path().join("x/report.json"), b"{}").unwrap();
        assert_eq!(mode(&dir.path().join("x/report.json")), 0o600);
    }

    #[test]
    fn an_output_that_cannot_be_written_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.json");
        write_whole(&path, b"old").unwrap();
        assert!(write_whole(&path.join("below/a/file"), b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
