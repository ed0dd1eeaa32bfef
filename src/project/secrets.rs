//! Reads the files that secrets come from.

use std::path::Path;

use super::files::{FileFault, read_regular};

/// The largest secret file, in bytes.
const LIMIT: u64 = 1 << 20;

/// What a `.env` file gives, and what is unsafe about it.
#[derive(Default)]
pub struct DotEnv {
    /// Names with their values, in order; the process wins over them.
    pub variables: Vec<(String, String)>,
    /// Others may read it.
    pub readable_by_others: bool,
    /// git tracks it.
    pub tracked: bool,
    /// The first line that could not be read, from 1.
    pub bad_line: Option<usize>,
}

/// Reads a secret from a file; one trailing newline is cut.
///
/// # Errors
/// A [`FileFault`] where it is missing, not a regular file, too large or not UTF-8.
pub fn read_secret_file(path: &Path, written: &str) -> Result<String, FileFault> {
    let bytes = read_regular(path, written, LIMIT)?;
    let mut text = String::from_utf8(bytes).map_err(|_| FileFault::Refused {
        path: written.to_owned(),
        why: "it is not UTF-8 text".into(),
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Reads `.env` at the project root, if there is one.
#[must_use]
pub fn read_dot_env(root: &Path) -> Option<DotEnv> {
    let path = root.join(".env");
    let bytes = read_regular(&path, ".env", LIMIT).ok()?;
    let mut found = DotEnv {
        readable_by_others: readable_by_others(&path),
        tracked: tracked_by_git(root),
        ..DotEnv::default()
    };
    for item in dotenvy::from_read_iter(bytes.as_slice()) {
        match item {
            Ok(pair) => found.variables.push(pair),
            // The error would print the line, and the line may hold the secret: its number says it.
            Err(dotenvy::Error::LineParse(bad, _)) => {
                let text = String::from_utf8_lossy(&bytes);
                let line = text.lines().position(|line| line.trim() == bad.trim());
                found.bad_line = found.bad_line.or(line.map(|line| line + 1));
            }
            Err(_) => found.bad_line = found.bad_line.or(Some(1)),
        }
    }
    Some(found)
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

/// Whether git's index holds `.env`: the index stores each path after its length, NUL-terminated.
fn tracked_by_git(root: &Path) -> bool {
    let Some(repository) = root.ancestors().find(|dir| dir.join(".git/index").is_file()) else {
        return false;
    };
    let Ok(inner) = root.strip_prefix(repository) else { return false };
    let name = inner.join(".env").display().to_string();
    let Ok(index) = read_regular(&repository.join(".git/index"), "index", 64 << 20) else {
        return false;
    };
    let Ok(length) = u8::try_from(name.len()) else { return false };
    let mut entry = vec![0, length];
    entry.extend_from_slice(name.as_bytes());
    entry.push(0);
    index.windows(entry.len()).any(|window| window == entry)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test writes what is read")]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_newline_is_cut_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "abc\n\n").unwrap();
        assert_eq!(read_secret_file(&path, "key"), Ok("abc\n".into()));
    }

    #[test]
    fn a_dot_env_gives_its_variables() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_dot_env(dir.path()).is_none());
        std::fs::write(dir.path().join(".env"), "# keys\nAPI_KEY='a b'\nX=1\n").unwrap();
        let found = read_dot_env(dir.path()).unwrap();
        assert_eq!(
            found.variables,
            [("API_KEY".to_owned(), "a b".to_owned()), ("X".into(), "1".into())]
        );
        assert!(!found.tracked);
    }

    #[test]
    fn a_tracked_dot_env_is_seen_in_the_index() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        std::fs::write(dir.path().join(".env"), "A=1\n").unwrap();
        std::fs::write(dir.path().join(".git/index"), b"DIRC....\x00\x05a.txt\0\0\x00\x04.env\0")
            .unwrap();
        assert!(read_dot_env(dir.path()).unwrap().tracked);
        std::fs::write(dir.path().join(".git/index"), b"DIRC....\x00\x08x/.env.x\0").unwrap();
        assert!(!read_dot_env(dir.path()).unwrap().tracked);
    }
}
