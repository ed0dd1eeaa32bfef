//! Opens what plans name, and only that: regular files inside the root.
#![expect(clippy::disallowed_methods, reason = "this room reads the file system")]

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::finding::{Code, Fault, Finding};
use crate::source::{Place, SourceId, SourceSet, Span};
use crate::yaml;

/// The folders that files may be read from.
#[derive(Debug, Clone)]
pub struct FileRoot {
    roots: Vec<PathBuf>,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// It lies outside the project root, links followed.
    Outside {
        /// The path as written.
        path: String,
    },
    /// It is not there.
    Missing {
        /// The path as written.
        path: String,
    },
    /// It is a folder, a pipe or a device.
    NotAFile {
        /// The path as written.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// It is larger than may be read at once.
    TooLarge {
        /// The path as written.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file system refuses it.
    Refused {
        /// The path as written.
        path: String,
        /// What it says.
        why: String,
    },
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { path } => write!(f, "`{path}` lies outside the project"),
            Self::Missing { path } => write!(f, "there is no file `{path}`"),
            Self::NotAFile { path, kind } => write!(f, "`{path}` is {kind}, not a file"),
            Self::TooLarge { path, limit } => {
                write!(f, "`{path}` is larger than {}", crate::units::show_size(*limit))
            }
            Self::Refused { path, why } => write!(f, "`{path}` cannot be read: {why}"),
        }
    }
}

impl Fault for FileFault {
    fn code(&self) -> Code {
        match self {
            Self::Outside { .. } => Code::OutsideRoot,
            Self::Missing { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. } => Code::MissingFile,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Outside { .. } => {
                Some("move it into the project, or allow its folder with `--file-root DIR`".into())
            }
            Self::Missing { .. } => Some("paths are relative to the file that names them".into()),
            Self::NotAFile { .. } | Self::TooLarge { .. } | Self::Refused { .. } => None,
        }
    }
}

/// The most that is read of a file at once, in bytes.
const LIMIT: u64 = 64 << 20;

impl FileRoot {
    /// The project root and the folders that `--file-root` adds.
    #[must_use]
    pub fn new(root: &Path, more: &[PathBuf]) -> Self {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        Self {
            roots: std::iter::once(root)
                .chain(more.iter().map(PathBuf::as_path))
                .map(canonical)
                .collect(),
        }
    }

    /// Reads a whole file that a plan in `folder` names.
    ///
    /// # Errors
    /// A [`FileFault`] where it is outside, missing, not a regular file or too large.
    pub fn read(&self, folder: &Path, path: &str) -> Result<Vec<u8>, FileFault> {
        let resolved = self.resolve(folder, path)?;
        read_regular(&resolved, path, LIMIT)
    }

    /// Whether a file that a plan in `folder` names can be read, without reading it.
    ///
    /// # Errors
    /// A [`FileFault`] where it is outside, missing or not a regular file.
    pub fn probe(&self, folder: &Path, path: &str) -> Result<(), FileFault> {
        regular(&self.resolve(folder, path)?, path).map(drop)
    }

    /// A file that a plan in `folder` names, to be read while it is sent.
    ///
    /// # Errors
    /// A [`FileFault`] where it is outside, missing or not a regular file.
    pub fn upload(&self, folder: &Path, path: &str) -> Result<Upload, FileFault> {
        let resolved = self.resolve(folder, path)?;
        let size = regular(&resolved, path)?.len();
        Ok(Upload { path: resolved, size })
    }

    /// The file that a plan in `folder` names, links followed.
    ///
    /// # Errors
    /// A [`FileFault`] where it is outside or missing.
    pub fn resolve(&self, folder: &Path, path: &str) -> Result<PathBuf, FileFault> {
        let written = || path.to_owned();
        let joined = folder.join(path);
        let resolved = joined.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FileFault::Missing { path: written() },
            _ => FileFault::Refused { path: written(), why: error.to_string() },
        })?;
        if self.roots.iter().any(|root| resolved.starts_with(root)) {
            Ok(resolved)
        } else {
            Err(FileFault::Outside { path: written() })
        }
    }
}

/// A file that is read while it is sent.
#[derive(Debug, Clone)]
pub struct Upload {
    path: PathBuf,
    size: u64,
}

impl Upload {
    /// Its size in bytes when it was found.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens it from the start; as many bytes are read as it had when it was found.
    ///
    /// # Errors
    /// What the file system says; also where it is no regular file any more.
    pub fn open(&self) -> io::Result<impl Read + Send + use<>> {
        if !std::fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("it is not a file any more"));
        }
        Ok(std::fs::File::open(&self.path)?.take(self.size))
    }
}

/// Reads a regular file of at most `limit` bytes; never hangs on a pipe or a device.
pub(super) fn read_regular(path: &Path, written: &str, limit: u64) -> Result<Vec<u8>, FileFault> {
    let kind = regular(path, written)?;
    let refused = |error: io::Error| refused(&error, written);
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len().min(limit)).unwrap_or(0));
    let file = std::fs::File::open(path).map_err(refused)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > limit {
        return Err(FileFault::TooLarge { path: written.to_owned(), limit });
    }
    Ok(bytes)
}

/// Reads a text into the sources; what was wrong, at who asks for it or at the text itself.
pub(super) fn read_source(
    sources: &mut SourceSet,
    path: &Path,
    (shown, limit): (&str, u64),
    asked: Place,
) -> Result<SourceId, Finding> {
    let bytes = read_regular(path, shown, limit).map_err(|fault| Finding::of(&fault, asked))?;
    match yaml::decode(&bytes) {
        Ok(text) => Ok(sources.add(shown, text)),
        Err(fault) => {
            let place = Place { source: sources.add(shown, ""), span: Span::new(0, 0) };
            Err(Finding::of(&fault, place))
        }
    }
}

/// What is known of a file that is one.
fn regular(path: &Path, written: &str) -> Result<std::fs::Metadata, FileFault> {
    let kind = std::fs::metadata(path).map_err(|error| refused(&error, written))?;
    if kind.is_file() {
        return Ok(kind);
    }
    let kind = if kind.is_dir() { "a folder" } else { "a pipe or a device" };
    Err(FileFault::NotAFile { path: written.to_owned(), kind })
}

fn refused(error: &io::Error, written: &str) -> FileFault {
    match error.kind() {
        io::ErrorKind::NotFound => FileFault::Missing { path: written.to_owned() },
        _ => FileFault::Refused { path: written.to_owned(), why: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("in/a.txt"), "a").unwrap();
        std::fs::write(dir.path().join("secret.txt"), "s").unwrap();
        dir
    }

    #[test]
    fn a_file_inside_is_read_and_one_outside_is_not() {
        let dir = root();
        let files = FileRoot::new(&dir.path().join("in"), &[]);
        assert_eq!(files.read(&dir.path().join("in"), "a.txt"), Ok(b"a".to_vec()));
        assert!(matches!(
            files.read(&dir.path().join("in"), "../secret.txt"),
            Err(FileFault::Outside { .. })
        ));
        let wider = FileRoot::new(&dir.path().join("in"), &[dir.path().to_path_buf()]);
        assert_eq!(wider.read(&dir.path().join("in"), "../secret.txt"), Ok(b"s".to_vec()));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leaves_is_followed_before_judging() {
        let dir = root();
        std::os::unix::fs::symlink(dir.path().join("secret.txt"), dir.path().join("in/link"))
            .unwrap();
        let files = FileRoot::new(&dir.path().join("in"), &[]);
        assert!(matches!(
            files.read(&dir.path().join("in"), "link"),
            Err(FileFault::Outside { .. })
        ));
    }

    #[test]
    fn a_folder_or_nothing_is_not_a_file() {
        let dir = root();
        let files = FileRoot::new(dir.path(), &[]);
        assert!(matches!(files.read(dir.path(), "in"), Err(FileFault::NotAFile { .. })));
        assert!(matches!(files.read(dir.path(), "none"), Err(FileFault::Missing { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_never_hangs() {
        let dir = root();
        let pipe = dir.path().join("pipe");
        let status = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(status.success());
        let files = FileRoot::new(dir.path(), &[]);
        assert!(matches!(files.read(dir.path(), "pipe"), Err(FileFault::NotAFile { .. })));
    }
}
