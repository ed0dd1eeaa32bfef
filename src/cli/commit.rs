//! Which commit a project is at, out of its repository's files: no program is started for it.
#![expect(clippy::disallowed_methods, reason = "reads the files of a repository")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::event::Commit;

/// How many times one name of a commit may lead to another.
const LINKS: usize = 5;

/// The commit that the repository around a folder is at, if there is one.
pub(super) fn commit(root: &Path) -> Option<Commit> {
    let git = root.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    let git = if git.is_dir() { git } else { linked(&git)? };
    // What all work trees share lies beside what is this one's own.
    let shared = match fs::read_to_string(git.join("commondir")) {
        Ok(path) => git.join(path.trim()),
        Err(_) => git.clone(),
    };
    let mut name = fs::read_to_string(git.join("HEAD")).ok()?;
    let branch = name.trim().strip_prefix("ref: refs/heads/").map(str::to_owned);
    for _ in 0..LINKS {
        let Some(reference) = name.trim().strip_prefix("ref: ") else { break };
        if reference.contains("..") || reference.starts_with('/') {
            return None;
        }
        let loose = fs::read_to_string(git.join(reference))
            .or_else(|_| fs::read_to_string(shared.join(reference)));
        name = match loose {
            Ok(text) => text,
            Err(_) => packed(&shared, reference)?,
        };
    }
    let id = name.trim();
    let is_id = matches!(id.len(), 40 | 64) && id.chars().all(|c| c.is_ascii_hexdigit());
    is_id.then(|| Commit { id: id.to_owned(), branch })
}

/// `gitdir: PATH`, the `.git` of a work tree beside the first one.
fn linked(file: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(file).ok()?;
    let path = text.trim().strip_prefix("gitdir: ")?;
    Some(file.parent()?.join(path))
}

/// A reference that has no file of its own.
fn packed(shared: &Path, reference: &str) -> Option<String> {
    let packed = fs::read_to_string(shared.join("packed-refs")).ok()?;
    let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(_, name)| *name == reference).map(|(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn found(root: &Path) -> Option<(String, Option<String>)> {
        commit(root).map(|commit| (commit.id, commit.branch))
    }

    #[test]
    fn the_commit_is_found_loose_packed_detached_and_in_a_work_tree() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(found(&root.join("plans")), None);
        write(root, ".git/HEAD", "ref: refs/heads/topic/a\n");
        assert_eq!(found(root), None, "a branch without a commit");
        write(root, ".git/packed-refs", &format!("# pack-refs\n{ID} refs/heads/topic/a\n"));
        let on = |branch: &str| Some((ID.to_owned(), Some(branch.to_owned())));
        assert_eq!(found(root), on("topic/a"));
        let newer = ID.replace('0', "f");
        write(root, ".git/refs/heads/topic/a", &format!("{newer}\n"));
        assert_eq!(found(&root.join("plans/below")), Some((newer, Some("topic/a".to_owned()))));
        write(root, ".git/HEAD", ID);
        assert_eq!(found(root), Some((ID.to_owned(), None)));
        write(root, ".git/worktrees/w/HEAD", "ref: refs/heads/w\n");
        write(root, ".git/worktrees/w/commondir", "../..\n");
        write(root, ".git/refs/heads/w", ID);
        write(root, "w/.git", "gitdir: ../.git/worktrees/w\n");
        assert_eq!(found(&root.join("w")), on("w"));
    }

    #[test]
    fn what_is_no_commit_is_not_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, "secret", ID);
        write(root, ".git/HEAD", "ref: ../secret\n");
        assert_eq!(found(root), None);
        write(root, ".git/HEAD", "not a commit\n");
        assert_eq!(found(root), None);
        write(root, ".git/HEAD", "ref: HEAD\n");
        assert_eq!(found(root), None, "it leads to itself");
    }
}
