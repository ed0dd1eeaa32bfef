//! Holds the house to its plan: the order of rooms, the length of files, the fronts of rooms.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the test reads the sources; what cannot be read fails it"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in their order: each imports only from rooms that stand before it.
const ROOMS: [&str; 28] = [
    "units",
    "json",
    "source",
    "secret",
    "finding",
    "yaml",
    "plan",
    "environment",
    "outcome",
    "template",
    "query",
    "predicate",
    "budget",
    "contract",
    "schema",
    "check",
    "event",
    "record",
    "compare",
    "requirement",
    "schedule",
    "project",
    "http",
    "services",
    "run",
    "diagnose",
    "report",
    "cli",
];

/// Imports that are forbidden although the order would allow them, with the reason.
const FORBIDDEN: [(&str, &str, &str); 3] = [
    ("report", "run", "a reporter sees events and the record, never the runner"),
    ("report", "http", "a reporter sees events and the record, never the network"),
    (
        "diagnose",
        "run",
        "diagnosis works on what was recorded, so that a stored run gives the same",
    ),
];

/// Who may use the built-in registry: it is an island.
const DEMO_USERS: [&str; 3] = ["services", "cli", "demo"];

/// The most lines a file may have before its tests; a file `tests.rs` is nothing but tests.
const LIMIT: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The room of a file below `src`, if it belongs to one.
fn room_of(file: &Path) -> Option<String> {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.iter().next().unwrap().to_str().unwrap();
    let room = first.trim_end_matches(".rs");
    (!matches!(room, "lib" | "main")).then(|| room.to_owned())
}

/// Rooms that a source text names: `crate::room`, also inside `use crate::{a::…, b::…}`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                for part in group.split(',') {
                    found.push((number + 1, word(part)));
                }
            } else {
                found.push((number + 1, word(rest)));
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Every import of the tree that climbs, as `file:line room → room`.
fn climbing(files: &[(String, String, String)]) -> Vec<String> {
    let position = |room: &str| ROOMS.iter().position(|r| *r == room);
    let mut wrong = Vec::new();
    for (path, room, text) in files {
        for (line, target) in imports(text) {
            if target == *room {
                continue;
            }
            let complaint = if target == "demo" {
                (!DEMO_USERS.contains(&room.as_str()))
                    .then_some("only services and cli know the demo")
            } else if let Some((_, _, why)) =
                FORBIDDEN.iter().find(|(from, to, _)| from == room && *to == target)
            {
                Some(*why)
            } else {
                match (position(room), position(&target)) {
                    (Some(here), Some(there)) if there > here => Some("climbs"),
                    (None, Some(_))
                        if room == "demo" && !matches!(target.as_str(), "units" | "json") =>
                    {
                        Some("the demo is an island")
                    }
                    _ => None,
                }
            };
            if let Some(why) = complaint {
                wrong.push(format!("{path}:{line} {room} → {target}: {why}"));
            }
        }
    }
    wrong
}

fn sources() -> Vec<(String, String, String)> {
    rust_files(&root().join("src"))
        .into_iter()
        .filter_map(|file| {
            let room = room_of(&file)?;
            let text = fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix(root()).unwrap().display().to_string();
            Some((shown, room, text))
        })
        .collect()
}

#[test]
fn no_room_imports_from_a_later_one() {
    let wrong = climbing(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_climbing_import_is_seen() {
    let file = |room: &str, text: &str| vec![("x.rs".to_owned(), room.to_owned(), text.to_owned())];
    assert_eq!(climbing(&file("plan", "use crate::run::Job;")).len(), 1);
    assert_eq!(climbing(&file("plan", "use crate::{yaml::Node, run::Job};")).len(), 1);
    assert_eq!(climbing(&file("report", "use crate::http::Client;")).len(), 1);
    assert_eq!(climbing(&file("run", "use crate::demo::Demo;")).len(), 1);
    assert_eq!(climbing(&file("run", "use crate::http::Client; // crate::cli")).len(), 0);
}

#[test]
fn the_list_of_rooms_is_the_order_of_the_library() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .filter(|room| *room != "demo")
        .collect();
    assert_eq!(declared, ROOMS);
}

#[test]
fn no_file_is_too_long_to_be_read() {
    for file in rust_files(&root().join("src")) {
        if file.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().take_while(|line| !line.contains("#[cfg(test)]")).count();
        assert!(lines <= LIMIT, "{} has {lines} lines before its tests", file.display());
    }
}

#[test]
fn every_file_says_first_what_it_owes_to_the_others() {
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! ") && first.len() > 20 && !first.contains("under construction"),
            "{} begins with `{first}`",
            file.display()
        );
    }
}

#[test]
fn a_room_has_its_front_beside_its_folder() {
    let forbidden =
        ["mod.rs", "utils.rs", "util.rs", "helpers.rs", "common.rs", "imp.rs", "prelude.rs"];
    for file in rust_files(&root().join("src")) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            !forbidden.contains(&name.as_str()),
            "{} has a name that says nothing",
            file.display()
        );
        let folder = file.parent().unwrap();
        if folder != root().join("src") {
            let front = folder.with_extension("rs");
            assert!(front.is_file(), "{} has no front", folder.display());
        }
    }
}
