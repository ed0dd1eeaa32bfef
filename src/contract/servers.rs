//! The paths of servers, which may stand before the paths of a document.

use serde_json::Value;

use super::document::{Document, Spot, Version};
use super::path::{pieces, taken};
use super::shape::Known;

/// The path of a server, without a slash at the end: `/api/v1`, `/api/v{n}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Base(String);

/// How many values of a server's variables are gone through.
const VALUES: usize = 64;

impl Base {
    /// What may come after it in a path, each with whether that is sure: a variable may hold several
    /// segments, and then it is not.
    pub(super) fn after<'p>(&self, path: &'p [Known<String>]) -> Vec<(&'p [Known<String>], bool)> {
        let wanted: Vec<&str> = self.0.trim_start_matches('/').split('/').collect();
        let is_open = self.0.contains('{');
        let most = if is_open { path.len() } else { wanted.len() };
        (wanted.len()..=most)
            .filter_map(|count| {
                let (head, rest) = path.split_at_checked(count)?;
                let is_it = if is_open && count > wanted.len() {
                    let all: Option<Vec<&str>> =
                        head.iter().map(|one| one.known().map(String::as_str)).collect();
                    all.is_none_or(|all| fits(&self.0, &format!("/{}", all.join("/"))))
                } else {
                    let known = |one: &'p Known<String>| one.known().map(String::as_str);
                    wanted
                        .iter()
                        .zip(head)
                        .all(|(wanted, one)| known(one).is_none_or(|one| fits(wanted, one)))
                };
                is_it.then_some((rest, count == wanted.len()))
            })
            .collect()
    }
}

fn fits(wanted: &str, given: &str) -> bool {
    if wanted.contains('{') { taken(&pieces(wanted), given).is_some() } else { wanted == given }
}

/// The paths of the servers of a document, of its paths and of its operations.
pub(super) fn read(document: &Document) -> Vec<Base> {
    let root = Spot::new("");
    let mut paths: Vec<String> = Vec::new();
    if document.version() == Version::Two {
        let base = document.field(&root, "basePath").and_then(Value::as_str);
        paths.extend(base.map(str::to_owned));
    } else {
        let mut holders = vec![document.get(&root)];
        let items = document.field(&root, "paths").and_then(Value::as_object);
        for name in items.into_iter().flat_map(serde_json::Map::keys) {
            let spot = document.resolve(&Spot::new("/paths").key(name));
            let item = spot.and_then(|spot| document.get(&spot));
            holders.push(item);
            let operations = item.and_then(Value::as_object);
            holders.extend(operations.into_iter().flat_map(serde_json::Map::values).map(Some));
        }
        let servers = holders.into_iter().flatten().filter_map(|it| it.get("servers")?.as_array());
        paths.extend(servers.flatten().flat_map(paths_of));
    }
    let trimmed = paths.iter().map(|path| path.trim_end_matches('/'));
    let mut bases: Vec<Base> =
        trimmed.filter(|path| !path.is_empty()).map(|path| Base(path.to_owned())).collect();
    // What is known before what may be anything, and the longest first: `/api/v1` before `/api`.
    bases.sort_by_key(|Base(path)| {
        (path.contains('{'), std::cmp::Reverse(path.len()), path.clone())
    });
    bases.dedup();
    bases
}

/// The paths of one server, with the values that its variables may have. One that may have any stays
/// a variable, beside its default.
fn paths_of(server: &Value) -> Vec<String> {
    let url = server.get("url").or(Some(server)).and_then(Value::as_str);
    let mut urls: Vec<String> = url.into_iter().map(str::to_owned).collect();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let listed = variable.get("enum").and_then(Value::as_array);
        let values: Vec<&str> = listed
            .into_iter()
            .flatten()
            .chain(variable.get("default"))
            .filter_map(Value::as_str)
            .collect();
        let hole = format!("{{{name}}}");
        let is_open = listed.is_none() || urls.len().saturating_mul(values.len()) > VALUES;
        let mut next: Vec<String> = Vec::new();
        for url in &urls {
            next.extend(values.iter().take(VALUES).map(|value| url.replace(&hole, value)));
            if is_open {
                next.push(url.clone());
            }
        }
        next.truncate(VALUES.saturating_mul(2));
        next.dedup();
        urls = next;
    }
    urls.iter().flat_map(|url| paths_of_url(url)).collect()
}

fn paths_of_url(url: &str) -> Vec<String> {
    let after_host = |rest: &str| rest.find('/').and_then(|at| rest.get(at..)).map(str::to_owned);
    match url.split_once("://").map(|(_, rest)| rest).or_else(|| url.strip_prefix("//")) {
        Some(rest) => after_host(rest).into_iter().collect(),
        None if url.starts_with('/') => vec![url.to_owned()],
        // A variable that may be a host, or a host and a path.
        None if url.starts_with('{') => {
            after_host(url).into_iter().chain([format!("/{url}")]).collect()
        }
        None => Vec::new(),
    }
}
