//! `--report har=PATH`: HTTP Archive 1.2, one entry for each exchange that is kept, secrets masked.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::document::{Ground, Told, ids};
use super::list::List;
use super::{Format, Pieces, phrase};
use crate::outcome::{Attempt, Body, Content, Exchange, Headers, PartContent, Phases, Response};
use crate::record::{PlanRecord, Record};

/// The document, an entry after the other. Ends with a line break.
///
/// # Errors
/// What `pieces` and `out` say.
pub fn write(record: &Record, pieces: &dyn Pieces, out: &mut dyn Write) -> Result<(), String> {
    let version = record.started.as_ref().map_or("", |run| run.planrun.as_str());
    let value = json!({
        "log": {
            "version": "1.2",
            "creator": {"name": "planrun", "version": version},
            "entries": [],
            "comment": "secrets are masked; a truncated body says so",
        }
    });
    ENTRIES.write(out, &value, |take| pieces.each(Format::Har, take))
}

/// Each header stands in one line.
const ENTRIES: List = List { line: "    \"entries\": [", inline: 3 };

/// The entries of a plan.
pub(super) fn piece(ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
    let mut out = Vec::new();
    for told in plan.steps.iter().map(|record| Told { plan, record }) {
        for attempt in told.result().into_iter().flat_map(|result| &result.attempts) {
            if let Some(exchange) = &attempt.exchange {
                for hop in hops(ground, &told, attempt, exchange) {
                    ENTRIES.item(&mut out, &hop);
                }
                ENTRIES.item(&mut out, &entry(ground, &told, attempt, exchange));
            }
        }
    }
    out
}

fn entry(ground: &Ground<'_>, told: &Told<'_>, attempt: &Attempt, exchange: &Exchange) -> Value {
    let request = &exchange.request;
    let total = exchange.phases.total.unwrap_or_default();
    let mut entry = json!({
        "startedDateTime": begun(ground, attempt.at),
        "time": millis(total),
        "request": {
            "method": request.method,
            "url": request.url,
            "httpVersion": version(exchange.response.as_ref()),
            "cookies": cookies(&request.headers),
            "headers": headers(&request.headers),
            "queryString": query(&request.url),
            "headersSize": -1,
            "bodySize": request.body.size,
        },
        "response": response(exchange),
        "cache": {},
        "timings": timings(&exchange.phases),
        "_planrun": {
            "plan": told.plan.started.name,
            "step": told.record.step.title(),
            "id": told.record.step.id,
            "at": ground.at(told.record.step.place),
            "attempt": attempt.number,
            "sample": attempt.sample,
            "hop": exchange.hops.len(),
            "reused": exchange.reused,
            "ids": ids(exchange),
        },
    });
    if let (Some(posted), Some(fields)) =
        (posted(&request.headers, &request.body), entry["request"].as_object_mut())
    {
        fields.insert("postData".to_owned(), posted);
    }
    let remote = exchange.response.as_ref().and_then(|response| response.remote.as_deref());
    if let (Some(remote), Some(fields)) = (remote, entry.as_object_mut()) {
        let address = remote.rsplit_once(':').map_or(remote, |(address, _)| address);
        let address = address.trim_start_matches('[').trim_end_matches(']');
        fields.insert("serverIPAddress".to_owned(), address.into());
    }
    entry
}

/// The redirects that were followed on the way: their bodies and times are not kept.
fn hops<'a>(
    ground: &'a Ground<'_>,
    told: &'a Told<'_>,
    attempt: &'a Attempt,
    exchange: &'a Exchange,
) -> impl Iterator<Item = Value> {
    exchange.hops.iter().enumerate().map(move |(n, hop)| {
        json!({
            "startedDateTime": begun(ground, attempt.at),
            "time": 0,
            "request": {
                "method": hop.method,
                "url": hop.url,
                "httpVersion": version(exchange.response.as_ref()),
                "cookies": [],
                "headers": [],
                "queryString": query(&hop.url),
                "headersSize": -1,
                "bodySize": -1,
            },
            "response": {
                "status": hop.status,
                "statusText": phrase::status(hop.status),
                "httpVersion": version(exchange.response.as_ref()),
                "cookies": [],
                "headers": [{"name": "location", "value": hop.location}],
                "content": {"size": 0, "mimeType": "x-unknown"},
                "redirectURL": hop.location,
                "headersSize": -1,
                "bodySize": -1,
            },
            "cache": {},
            "timings": {"send": 0, "wait": 0, "receive": 0},
            "_planrun": {
                "step": told.record.step.title(), "attempt": attempt.number, "hop": n,
            },
        })
    })
}

fn response(exchange: &Exchange) -> Value {
    let Some(response) = &exchange.response else {
        // No answer came: browsers write status 0, and so do we; why is said beside it.
        let error = exchange.error.as_ref().map(|error| &error.message);
        return json!({
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_error": error,
        });
    };
    let location = header(&response.headers, "location").unwrap_or_default();
    json!({
        "status": response.status,
        "statusText": phrase::status(response.status),
        "httpVersion": version(Some(response)),
        "cookies": set_cookies(&response.headers),
        "headers": headers(&response.headers),
        "content": content(response),
        "redirectURL": location,
        "headersSize": -1,
        "bodySize": -1,
    })
}

fn content(response: &Response) -> Value {
    let body = &response.body;
    let mime = header(&response.headers, "content-type").unwrap_or("x-unknown");
    let mut content = json!({"size": body.size, "mimeType": mime});
    let Some(fields) = content.as_object_mut() else { return content };
    match &body.content {
        // What was read or made while it was sent is never a response.
        Content::Empty | Content::File(_) | Content::Generated(_) | Content::Parts(_) => {}
        Content::Text(text) => {
            fields.insert("text".to_owned(), text.as_str().into());
        }
        Content::Hex(hex) => {
            fields.insert("comment".to_owned(), format!("not text; it begins {hex}").into());
        }
    }
    if body.cut {
        let said = format!("truncated; {} bytes in all", body.size);
        fields.insert("comment".to_owned(), said.into());
        fields.insert("_truncated".to_owned(), true.into());
    }
    content
}

fn posted(headers: &Headers, body: &Body) -> Option<Value> {
    let mime = header(headers, "content-type").unwrap_or_default();
    match &body.content {
        Content::Empty if body.size == 0 => None,
        Content::Text(text) => {
            let mut posted = json!({"mimeType": mime, "text": text, "params": []});
            if let (true, Some(fields)) = (body.cut, posted.as_object_mut()) {
                fields.insert("_truncated".to_owned(), true.into());
            }
            Some(posted)
        }
        Content::Parts(parts) => {
            let params = parts.iter().map(|part| match &part.content {
                PartContent::Text(text) => json!({"name": part.name, "value": text}),
                PartContent::File(path) => json!({
                    "name": part.name,
                    "fileName": part.filename.as_ref().unwrap_or(path),
                    "contentType": part.media_type.as_deref().unwrap_or_default(),
                }),
            });
            Some(json!({"mimeType": mime, "text": "", "params": params.collect::<Vec<_>>()}))
        }
        Content::File(path) => Some(absent(mime, &format!("the file {path}"), body)),
        Content::Generated(seed) => Some(absent(mime, &format!("made from seed {seed}"), body)),
        Content::Empty | Content::Hex(_) => Some(absent(mime, "not text", body)),
    }
}

/// A body whose bytes are not kept.
fn absent(mime: &str, what: &str, body: &Body) -> Value {
    json!({
        "mimeType": mime,
        "text": "",
        "params": [],
        "comment": format!("{what}: {} bytes that are not kept", body.size),
        "_truncated": true,
    })
}

/// In milliseconds; -1 for what did not happen. HAR counts TLS into `connect` as well.
fn timings(phases: &Phases) -> Value {
    let known = |phase: Option<Duration>| phase.map_or(json!(-1), millis);
    let connect = match (phases.connect, phases.tls) {
        (None, None) => None,
        (connect, tls) => Some(connect.unwrap_or_default() + tls.unwrap_or_default()),
    };
    json!({
        "blocked": -1,
        "dns": known(phases.dns),
        "connect": known(connect),
        "ssl": known(phases.tls),
        "send": millis(phases.send.unwrap_or_default()),
        "wait": millis(phases.wait.unwrap_or_default()),
        "receive": millis(phases.receive.unwrap_or_default()),
    })
}

fn millis(duration: Duration) -> Value {
    json!(duration.as_secs_f64() * 1e3)
}

fn begun(ground: &Ground<'_>, at: Duration) -> String {
    ground.clock(at).map_or_else(String::new, |at| at.to_string())
}

fn version(response: Option<&Response>) -> String {
    response.map_or_else(String::new, |response| format!("HTTP/{}", response.http))
}

fn headers(headers: &Headers) -> Vec<Value> {
    headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

fn cookies(headers: &Headers) -> Vec<Value> {
    let sent = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    sent.flat_map(|(_, value)| value.split("; ")).map(pair).collect()
}

fn set_cookies(headers: &Headers) -> Vec<Value> {
    let set = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    set.filter_map(|(_, value)| value.split(';').next()).map(pair).collect()
}

fn pair(text: &str) -> Value {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    json!({"name": name.trim(), "value": value.trim()})
}

fn query(url: &str) -> Vec<Value> {
    let Some((_, query)) = url.split_once('?') else { return Vec::new() };
    let query = query.split('#').next().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}
