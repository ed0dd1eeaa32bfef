//! What the doctor found, as a table for people and as a document for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Examined, KeyRow, SecretRow};
use crate::outcome::UrlPart;
use crate::report::Style;
use crate::run::{Endpoint, Layer, State};
use crate::secret::sanitise_line;
use crate::source::SourceSet;
use crate::units::show_duration;

/// One line of a block: its word, its state, what was seen, what to do.
struct Row<'a> {
    word: &'a str,
    state: State,
    said: Vec<String>,
    next: Option<&'a str>,
}

/// The table: a block for the secrets, one for each place, one for the keys, and the verdict.
pub(super) fn table(examined: &Examined, sources: &SourceSet, style: &Style) -> String {
    let mut out = String::new();
    for (endpoint, layers) in &examined.endpoints {
        let _ = writeln!(out, "{}", sanitise_line(&origin(endpoint)));
        for line in named(endpoint, sources) {
            let _ = writeln!(out, "  {}", sanitise_line(&line));
        }
        let rows = layers.iter().map(|layer| {
            let mut said = layer.said.clone();
            said.extend(layer.took.map(show_duration));
            Row { word: layer.name.as_str(), state: layer.state, said, next: layer.next.as_deref() }
        });
        block(rows, style, &mut out);
    }
    if !examined.secrets.is_empty() {
        out.push_str("secrets\n");
        let rows = examined.secrets.iter().map(|row| Row {
            word: &row.name,
            state: row.state,
            said: row.said.clone(),
            next: row.next.as_deref(),
        });
        block(rows, style, &mut out);
    }
    if !examined.keys.is_empty() {
        out.push_str("keys\n");
        let names: Vec<String> = examined.keys.iter().map(|row| row.secrets.join(", ")).collect();
        let rows = examined.keys.iter().zip(&names).map(|(row, name)| Row {
            word: name,
            state: row.state,
            said: row.said.iter().cloned().chain(more(row)).collect(),
            next: row.next.as_deref(),
        });
        block(rows, style, &mut out);
    }
    let _ = writeln!(out, "{}", verdict(examined));
    out
}

/// Other steps that were answered the same.
fn more(row: &KeyRow) -> Option<String> {
    match row.more {
        0 => None,
        1 => Some("another step says the same".to_owned()),
        n => Some(format!("{n} other steps say the same")),
    }
}

fn block<'a>(rows: impl Iterator<Item = Row<'a>>, style: &Style, out: &mut String) {
    let rows: Vec<Row<'_>> = rows.collect();
    let wide = rows.iter().map(|row| row.word.chars().count()).max().unwrap_or(0).clamp(5, 24);
    let indent = wide + 14;
    for Row { word, state, said, next } in rows {
        let said: Vec<String> = said.iter().map(|it| sanitise_line(it).into_owned()).collect();
        let room = style.columns().min(100).saturating_sub(indent);
        let mut lines = style.flow(&said, room);
        let next = next.map(|next| format!("next: {}", sanitise_line(next)));
        lines.extend(next.iter().flat_map(|next| style.flow(std::slice::from_ref(next), room)));
        let first = lines.first().cloned().unwrap_or_default();
        let word = sanitise_line(word);
        let _ = writeln!(
            out,
            "{}",
            format!("  {word:wide$}  {:8}  {first}", state.as_str()).trim_end()
        );
        for line in lines.iter().skip(1) {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }
    out.push('\n');
}

fn origin(endpoint: &Endpoint) -> String {
    let tokens = if endpoint.gives_tokens { " (gives tokens)" } else { "" };
    format!("{}{tokens}", endpoint.url.as_str().trim_end_matches('/'))
}

/// Which variables name a place, and where each is set.
fn named(endpoint: &Endpoint, sources: &SourceSet) -> Vec<String> {
    let line = |part: &UrlPart| {
        let at = part.place.map(|place| sources.locate(place)).filter(|at| !at.is_empty());
        match at.or_else(|| Some(part.source.clone()).filter(|source| !source.is_empty())) {
            Some(at) => format!("{} ({at})", part.name),
            None => part.name.clone(),
        }
    };
    endpoint.named_by.iter().map(line).collect()
}

/// What fails, named; or that all is well.
fn verdict(examined: &Examined) -> String {
    let mut failing: Vec<String> = Vec::new();
    for (endpoint, layers) in &examined.endpoints {
        let bad = layers.iter().filter(|layer| layer.state == State::Bad);
        let place = endpoint.url.as_str().trim_end_matches('/');
        failing.extend(bad.map(|layer| format!("{} of {place}", layer.name.as_str())));
    }
    let secrets = examined.secrets.iter().filter(|row| row.state == State::Bad);
    failing.extend(secrets.map(|row| format!("the secret `{}`", row.name)));
    let keys = examined.keys.iter().filter(|row| row.state == State::Bad);
    failing.extend(keys.map(|row| {
        let what = if row.lacks_right { "lacks a right" } else { "is refused" };
        format!("the key `{}` {what}", row.secrets.join("`, `"))
    }));
    let on = examined.environment.as_ref();
    let on = on.map(|name| format!(" · environment {}", sanitise_line(name))).unwrap_or_default();
    failing.dedup();
    if failing.is_empty() {
        let doubtful = examined
            .endpoints
            .iter()
            .flat_map(|(_, layers)| layers.iter().map(|layer| layer.state))
            .chain(examined.keys.iter().map(|row| row.state))
            .filter(|state| *state == State::Doubtful)
            .count();
        let but = if doubtful > 0 { format!(", {doubtful} doubtful") } else { String::new() };
        return format!("well{but}{on}");
    }
    format!("not well: {}{on}", sanitise_line(&failing.join("; ")))
}

/// The same for programs.
pub(super) fn document(examined: &Examined, sources: &SourceSet) -> Value {
    let endpoints = examined.endpoints.iter().map(|(endpoint, layers)| {
        let layers = layers.iter().map(|layer| {
            let Layer { name, state, said, took, next } = layer;
            let took = took.map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            json!({
                "layer": name.as_str(),
                "state": state.as_str(),
                "said": said,
                "took_ns": took,
                "next": next,
            })
        });
        json!({
            "url": endpoint.url.as_str(),
            "named_by": named(endpoint, sources),
            "gives_tokens": endpoint.gives_tokens,
            "layers": layers.collect::<Vec<_>>(),
        })
    });
    let secrets = examined.secrets.iter().map(|row| {
        let SecretRow { name, state, said, next } = row;
        json!({"name": name, "state": state.as_str(), "said": said, "next": next})
    });
    let keys = examined.keys.iter().map(|row| {
        let KeyRow { secrets, origin, state, said, lacks_right: _, more, next } = row;
        json!({
            "secrets": secrets,
            "origin": origin,
            "state": state.as_str(),
            "said": said,
            "more": more,
            "next": next,
        })
    });
    json!({
        "planrun_doctor": 1,
        "environment": examined.environment,
        "exit_code": examined.exit_code(),
        "endpoints": endpoints.collect::<Vec<_>>(),
        "secrets": secrets.collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
    })
}
