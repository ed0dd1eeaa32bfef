//! The registry's artifacts: uploads are streamed through a digest, and lie on disk, not in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use percent_encoding::percent_decode_str;
use ring::digest;
use serde_json::{Value, json};

use super::answer::{Code, Refusal, detail, json_response, with_body};
use super::params::Params;
use super::runs;
use super::spool::{self, Kept, Spool};
use super::state::{Memory, State, put_list};
use crate::units::hex;

/// Endings that MLflow serves as text.
const TEXTS: [&str; 14] = [
    "MLmodel", "cfg", "conf", "csv", "ini", "json", "log", "md", "py", "rst", "tsv", "txt", "yaml",
    "yml",
];

/// What was uploaded, by its path.
#[derive(Debug, Default)]
pub(super) struct Artifacts {
    files: BTreeMap<String, Stored>,
    spool: Arc<Spool>,
}

#[derive(Debug)]
struct Stored {
    size: u64,
    sha256: String,
    /// None where there was no space for it.
    content: Option<Kept>,
}

impl Artifacts {
    /// Removes a file, or everything in a folder.
    fn remove(&mut self, path: &str) {
        self.files.retain(|name, _| name != path && !is_under(name, path));
    }

    /// What lies directly in a folder: name, and size where it is a file.
    fn list(&self, folder: &str) -> Vec<(String, Option<u64>)> {
        let mut folders = BTreeSet::new();
        let mut entries = Vec::new();
        for (path, stored) in &self.files {
            let Some(rest) = inside(path, folder) else { continue };
            match rest.split_once('/') {
                None => entries.push((rest.to_owned(), Some(stored.size))),
                Some((child, _)) if folders.insert(child) => {
                    entries.push((child.to_owned(), None));
                }
                Some(_) => {}
            }
        }
        entries
    }
}

/// Answers `/mlflow-artifacts/artifacts/…` for one method.
pub(super) async fn answer(
    state: &State,
    method: &Method,
    raw_path: &str,
    body: Body,
) -> Result<Response, Refusal> {
    let path = safe_path(raw_path)?;
    if *method == Method::PUT {
        return Ok(upload(state, path, body).await);
    }
    let mut memory = state.lock();
    if *method == Method::DELETE {
        memory.artifacts.remove(&path);
        return Ok(json_response(StatusCode::OK, &json!({})));
    }
    download(&memory.artifacts, &path)
}

/// `GET /mlflow-artifacts/artifacts?path=…`
pub(super) fn list(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let folder = match params.optional_text("path")? {
        None | Some("") => String::new(),
        Some(path) => safe_path(path)?,
    };
    let mut answer = json!({});
    put_list(&mut answer, "files", show(memory.artifacts.list(&folder), ""));
    Ok(answer)
}

/// `GET /mlflow/artifacts/list?run_id=…&path=…`
pub(super) fn list_of_run(memory: &mut Memory, params: &Params) -> Result<Value, Refusal> {
    let id = params.run_id()?;
    let folder = match params.optional_text("path")? {
        None | Some("") => String::new(),
        Some(path) => safe_path(path)?,
    };
    let run = memory.runs.get(id).ok_or_else(|| runs::unknown(id))?;
    let root = run.artifact_uri.strip_prefix("mlflow-artifacts:/").unwrap_or(&run.artifact_uri);
    let (whole, prefix) = if folder.is_empty() {
        (root.to_owned(), String::new())
    } else {
        (format!("{root}/{folder}"), format!("{folder}/"))
    };
    let mut answer = json!({ "root_uri": run.artifact_uri });
    put_list(&mut answer, "files", show(memory.artifacts.list(&whole), &prefix));
    Ok(answer)
}

/// Multipart uploads are for stores that can do them.
pub(super) fn no_multipart() -> Refusal {
    Refusal {
        code: Code::NotImplemented,
        message: "Multipart upload is not supported for the current artifact repository".to_owned(),
    }
}

async fn upload(state: &State, path: String, body: Body) -> Response {
    let spool = Arc::clone(&state.lock().artifacts.spool);
    let mut chunks = body.into_data_stream();
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut size: u64 = 0;
    let mut content = Some(Kept::default());
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            return detail(StatusCode::BAD_REQUEST, "The upload ended early");
        };
        digest.update(&chunk);
        size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        content = content.and_then(|mut kept| spool.append(&mut kept, &chunk).ok().map(|()| kept));
    }
    let sha256 = hex(digest.finish().as_ref());
    let artifacts = &mut state.lock().artifacts;
    artifacts.remove(&path);
    artifacts.files.insert(path, Stored { size, sha256, content });
    Response::new(Body::empty())
}

fn download(artifacts: &Artifacts, path: &str) -> Result<Response, Refusal> {
    let Some(stored) = artifacts.files.get(path) else {
        if artifacts.files.keys().any(|name| is_under(name, path)) {
            let told = format!("Artifact path refers to a directory, not a file: '{path}'");
            return Ok(detail(StatusCode::BAD_REQUEST, told));
        }
        return Err(Refusal::missing(format!("No such artifact: '{path}'")));
    };
    let Some(content) = stored.content.clone() else {
        return Err(Refusal {
            code: Code::NotImplemented,
            message: format!(
                "The demo had no space for this artifact's content: {} bytes, sha256 {}",
                stored.size, stored.sha256
            ),
        });
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit('.').next().unwrap_or(name);
    let kind = if TEXTS.contains(&ending) { "text/plain" } else { "application/octet-stream" };
    let mut response =
        with_body(StatusCode::OK, kind, spool::body(Arc::clone(&artifacts.spool), content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(stored.size));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename={name}")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", stored.sha256)) {
        headers.insert(header::ETAG, value);
    }
    Ok(response)
}

/// Decodes a path as often as it is encoded, and refuses one that could leave the store.
fn safe_path(raw: &str) -> Result<String, Refusal> {
    let refuse = || Refusal::invalid("Invalid path");
    let mut path = raw.to_owned();
    loop {
        let decoded = percent_decode_str(&path).decode_utf8().map_err(|_| refuse())?.into_owned();
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let leaves = path.split(['/', '\\']).any(|part| part == "..");
    if leaves || path.starts_with('/') || path.contains(['\\', '#', '\0']) {
        return Err(refuse());
    }
    let path: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(path.join("/"))
}

/// The rest of a path that lies in a folder; the empty folder holds everything.
fn inside<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn is_under(path: &str, folder: &str) -> bool {
    inside(path, folder).is_some()
}

fn show(entries: Vec<(String, Option<u64>)>, prefix: &str) -> Value {
    let entry = |(name, size): (String, Option<u64>)| {
        let path = format!("{prefix}{name}");
        match size {
            Some(size) => json!({ "path": path, "is_dir": false, "file_size": size }),
            None => json!({ "path": path, "is_dir": true }),
        }
    };
    entries.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_leave_the_store_is_refused_however_it_is_encoded() {
        for path in
            ["../x", "..%2fx", "%2e%2e%2fx", "a%2f..%2f..%2fb", "%252e%252e/x", "/etc", "a\\b"]
        {
            assert!(safe_path(path).is_err(), "{path}");
        }
        assert_eq!(safe_path("1/a..b/./c%20d").ok().as_deref(), Some("1/a..b/c d"));
    }

    #[test]
    fn a_folder_lists_its_files_and_folders_once() {
        let mut artifacts = Artifacts::default();
        for path in ["m/a", "m/sub/b", "m/sub/c", "mother/d"] {
            let stored = Stored { size: 1, sha256: String::new(), content: None };
            artifacts.files.insert(path.to_owned(), stored);
        }
        let names = artifacts.list("m");
        assert_eq!(names, [("a".to_owned(), Some(1)), ("sub".to_owned(), None)]);
        artifacts.remove("m");
        assert_eq!(artifacts.list(""), [("mother".to_owned(), None)]);
    }
}
