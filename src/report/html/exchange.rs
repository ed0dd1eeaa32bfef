//! A request and its response, masked and sized.

use serde_json::{Value, json};

use super::super::phrase;
use super::super::terminal::part_line;
use crate::json;
use crate::outcome::{Body, Content, Exchange, Headers};
use crate::units::show_size;

/// Bytes of a body that the page shows.
const SHOWN: usize = 32 * 1024;

pub(super) fn value(exchange: &Exchange) -> Value {
    let request = &exchange.request;
    json!({
        "method": request.method,
        "url": request.url,
        "headers": headers(&request.headers),
        "body": body(&request.body),
        "hops": exchange.hops.iter().map(|hop| json!({
            "method": hop.method, "url": hop.url, "status": hop.status, "location": hop.location,
        })).collect::<Vec<_>>(),
        "response": exchange.response.as_ref().map(|response| json!({
            "status": response.status,
            "words": phrase::status(response.status),
            "http": response.http,
            "headers": headers(&response.headers),
            "body": body(&response.body),
            "remote": response.remote,
        })),
        "error": exchange.error.as_ref().map(|error| &error.message),
        "reused": exchange.reused,
        "ids": phrase::ids(exchange),
        "secrets": exchange.secrets_sent.iter().map(|(name, place)| json!({
            "name": name, "place": place,
        })).collect::<Vec<_>>(),
    })
}

fn headers(headers: &Headers) -> Vec<Value> {
    headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn body(body: &Body) -> Value {
    let size = show_size(body.size);
    let (text, kind) = match &body.content {
        Content::Empty => (String::new(), "empty"),
        Content::Text(text) => match json::parse(text.as_bytes()) {
            Ok(value) if !body.cut => {
                (serde_json::to_string_pretty(&value).unwrap_or_default(), "json")
            }
            Ok(_) | Err(_) => (text.clone(), "text"),
        },
        Content::Hex(hex) => (hex.clone(), "hex"),
        Content::File(path) => (format!("the file {path}"), "streamed"),
        Content::Generated(seed) => (format!("generated from seed {seed}"), "streamed"),
        Content::Parts(parts) => {
            (parts.iter().map(part_line).collect::<Vec<_>>().join("\n"), "streamed")
        }
    };
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let shown = text.get(..end.unwrap_or_default()).unwrap_or_default();
    json!({
        "text": shown,
        "kind": kind,
        "size": size,
        "cut": body.cut || shown.len() < text.len(),
        "sha256": body.sha256,
    })
}
