//! `--report html=PATH`: one page that needs nothing beside it: no network, and no script to be read.
//!
//! The page is a template over a plain value; everything in it is escaped, and its policy forbids
//! what could be loaded or run, but for the one script whose digest it names.

mod exchange;
mod frame;
mod latency;
mod lists;
mod page;
mod row;
mod step;
mod text;

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::json;

use super::document::{Document, Told, append};
use super::{Format, Pieces};
use crate::record::Record;
use crate::secret::sanitise;

pub(super) use row::piece;
use text::Html;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// A step that the page lists, and how the page names it and its plan: what a link leads to.
struct Listed<'a> {
    told: Told<'a>,
    id: String,
    plan: String,
}

/// Where the template leaves room for the plans. Everything of a run is escaped: it holds no such mark.
const PLANS: &str = "<!--plans-->\n";

/// Writes the page: what is said of the run as a whole, then one plan after the other.
///
/// # Errors
/// What the template says where it does not fit the page's value, or why it could not be written.
pub fn write(record: &Record, pieces: &dyn Pieces, out: &mut dyn Write) -> Result<(), String> {
    let digest = ring::digest::digest(&ring::digest::SHA256, SCRIPT.as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        STANDARD.encode(digest)
    );
    let mut environment = Environment::new();
    // A name that the page's value does not have is a mistake of ours, never an empty spot.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("ticked", ticked);
    let said = |error: minijinja::Error| format!("{error}");
    let template = environment.template_from_named_str("page.html", PAGE).map_err(said)?;
    let document = Document::new(record);
    let text = template
        .render(minijinja::context! {
            policy,
            page => value(page::page(&document)),
            // Ours, and the digest is of exactly these bytes.
            style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            script => minijinja::Value::from_safe_string(SCRIPT.to_owned()),
        })
        .map_err(said)?;
    let (before, after) = text.split_once(PLANS).ok_or("the page has no room for its plans")?;
    append(out, before)?;
    pieces
        .each(Format::Html, &mut |piece| out.write_all(piece).map_err(|error| error.to_string()))?;
    append(out, after)
}

/// A sentence whose words in backticks are code.
fn ticked(text: Option<String>) -> minijinja::Value {
    let mut html = Html::default();
    html.ticked(&text.unwrap_or_default());
    minijinja::Value::from_safe_string(html.into_text())
}

/// The one key of a value that is a piece of the page already. All keys are ours.
const MARKUP: &str = "$html";

/// A piece of the page that is written without a template.
fn markup(write: impl FnOnce(&mut Html)) -> serde_json::Value {
    let mut html = Html::default();
    write(&mut html);
    json!({MARKUP: html.into_text()})
}

/// A value as templates take it, control characters shown; numbers of the page are counts.
fn value(json: serde_json::Value) -> minijinja::Value {
    match json {
        serde_json::Value::Null => minijinja::Value::from(()),
        serde_json::Value::Bool(flag) => minijinja::Value::from(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => minijinja::Value::from(number),
            None => minijinja::Value::from(number.to_string()),
        },
        serde_json::Value::String(text) => minijinja::Value::from(sanitise(&text).into_owned()),
        serde_json::Value::Array(items) => items.into_iter().map(value).collect(),
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::String(html)) = fields.get(MARKUP) {
                return minijinja::Value::from_safe_string(html.clone());
            }
            let fields: BTreeMap<String, minijinja::Value> =
                fields.into_iter().map(|(name, field)| (name, value(field))).collect();
            minijinja::Value::from(fields)
        }
    }
}
