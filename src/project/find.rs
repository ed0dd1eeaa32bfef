//! Where things are: the project root, the plans under a folder, the environments near a plan.
#![expect(clippy::disallowed_methods, reason = "this room reads the file system")]

use std::io;
use std::path::{Path, PathBuf};

/// The project root of a path: the nearest folder upward with a `planrun.yaml`, else with `.git`,
/// else the current folder if the path is in it, else the path's own folder.
#[must_use]
pub fn find_root(path: &Path, current: &Path) -> PathBuf {
    let absolute = absolute(path, current);
    let folder = if absolute.is_dir() {
        absolute.as_path()
    } else {
        absolute.parent().unwrap_or(absolute.as_path())
    };
    let with = |name: &str| folder.ancestors().find(|dir| dir.join(name).exists());
    if let Some(root) = with("planrun.yaml").or_else(|| with(".git")) {
        return root.to_path_buf();
    }
    let current = resolved(current);
    if folder.starts_with(&current) { current } else { folder.to_path_buf() }
}

/// A path made absolute, links resolved where it exists.
#[must_use]
pub(super) fn absolute(path: &Path, current: &Path) -> PathBuf {
    let joined = current.join(path);
    joined.canonicalize().unwrap_or(joined)
}

/// The current folder with its links followed: once for a command, since every file is shown
/// relative to it.
#[must_use]
pub(super) fn resolved(current: &Path) -> PathBuf {
    current.canonicalize().unwrap_or_else(|_| current.to_path_buf())
}

/// The path as a person would write it: relative to the current folder, its links followed, where
/// it lies below it.
#[must_use]
pub(super) fn shown(path: &Path, current: &Path) -> String {
    if let Ok(relative) = path.strip_prefix(current) {
        return relative.display().to_string();
    }
    // A sibling folder reads better with `../` than from the root of the disk, if it is near.
    for (ups, folder) in current.ancestors().enumerate().skip(1).take(3) {
        if folder.parent().is_none() {
            break;
        }
        if let Ok(relative) = path.strip_prefix(folder) {
            return format!("{}{}", "../".repeat(ups), relative.display());
        }
    }
    path.display().to_string()
}

/// The YAML files under a folder, sorted by path; hidden folders are passed over.
///
/// # Errors
/// The folder that cannot be read, and what the file system says of it.
pub fn find_plans(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let here = |error| (folder.clone(), error);
        for entry in std::fs::read_dir(&folder).map_err(here)? {
            let entry = entry.map_err(here)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let name = name.as_ref();
            let kind = entry.file_type().map_err(here)?;
            if kind.is_dir() {
                if !name.starts_with('.')
                    && name != "target"
                    && name != "node_modules"
                    && depth < 32
                {
                    folders.push((entry.path(), depth + 1));
                }
            } else if is_yaml(name) && (kind.is_file() || entry.path().is_file()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_yaml(name: &str) -> bool {
    let path = Path::new(name);
    path.extension().is_some_and(|e| e == "yaml" || e == "yml") && !name.starts_with('.')
}

/// The file of an environment: `environments/NAME.yaml` in a folder or above it, up to the root;
/// the nearest wins.
#[must_use]
pub(super) fn find_environment(name: &str, folder: &Path, root: &Path) -> Option<PathBuf> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return None;
    }
    folders_up(folder, root).find_map(|folder| {
        ["yaml", "yml"]
            .iter()
            .map(|ending| folder.join("environments").join(format!("{name}.{ending}")))
            .find(|path| path.is_file())
    })
}

/// The names of all environments that a plan in this folder could be run on, sorted.
#[must_use]
pub fn environments_near(folder: &Path, root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for folder in folders_up(folder, root) {
        let Ok(entries) = std::fs::read_dir(folder.join("environments")) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_yaml(name) {
                names
                    .extend(Path::new(name).file_stem().and_then(|s| s.to_str()).map(String::from));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn folders_up<'a>(folder: &'a Path, root: &'a Path) -> impl Iterator<Item = &'a Path> {
    let inside = folder.starts_with(root);
    folder.ancestors().take_while(move |f| if inside { f.starts_with(root) } else { true }).take(64)
}
