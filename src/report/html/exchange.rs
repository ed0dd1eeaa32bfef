//! A request and its response, masked and sized, and where its time went.

use std::time::Duration;

use super::super::phrase;
use super::super::terminal::part_line;
use super::text::Html;
use crate::json;
use crate::outcome::{Body, Content, Exchange, Headers, Phase, Phases};
use crate::units::{show_duration, show_size};

/// Bytes of a body that the page shows.
const SHOWN: usize = 32 * 1024;

pub(super) fn write(html: &mut Html, exchange: &Exchange) {
    let request = &exchange.request;
    html.raw("<div class=\"exchange\">\n<section><h4>Request</h4>\n<p class=\"mono\">");
    html.text(&request.method).raw(" ").text(&request.url).raw("</p>\n");
    headers(html, &request.headers);
    body(html, &request.body);
    html.raw("</section>\n<section><h4>Response</h4>\n");
    for id in phrase::ids(exchange) {
        html.raw("<p class=\"mono quiet\">").text(&id).raw("</p>\n");
    }
    for hop in &exchange.hops {
        html.raw("<p class=\"mono quiet\">").text(&hop.method).raw(" ").text(&hop.url);
        html.raw(" → ").plain(hop.status).raw(" ").text(&hop.location).raw("</p>");
    }
    match (&exchange.response, &exchange.error) {
        (Some(response), _) => {
            html.raw("<p class=\"mono\"><b>").plain(response.status).raw(" ");
            html.text(phrase::status(response.status)).raw("</b> · HTTP/").text(&response.http);
            if let Some(remote) = &response.remote {
                html.raw(" · ").text(remote);
            }
            html.raw("</p>\n");
            headers(html, &response.headers);
            body(html, &response.body);
        }
        (None, Some(error)) => {
            html.raw("<p class=\"bad\">No answer: ").text(&error.message).raw("</p>\n");
        }
        (None, None) => {
            html.raw("<p class=\"quiet\">No answer.</p>\n");
        }
    }
    html.raw("</section>\n</div>\n");
}

fn headers(html: &mut Html, headers: &Headers) {
    html.raw("<table class=\"headers\"><tbody>");
    for (name, value) in headers {
        html.raw("<tr><th scope=\"row\">").text(name).raw("</th><td>").text(value);
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>\n");
}

fn body(html: &mut Html, body: &Body) {
    let text = match &body.content {
        Content::Empty => {
            html.raw("<p class=\"quiet\">no body</p>\n");
            return;
        }
        Content::Text(text) => match json::parse(text.as_bytes()) {
            Ok(value) if !body.cut => serde_json::to_string_pretty(&value).unwrap_or_default(),
            Ok(_) | Err(_) => text.clone(),
        },
        Content::Hex(hex) => hex.clone(),
        Content::File(path) => format!("the file {path}"),
        Content::Generated(seed) => format!("generated from seed {seed}"),
        Content::Parts(parts) => parts.iter().map(part_line).collect::<Vec<_>>().join("\n"),
    };
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let shown = text.get(..end.unwrap_or_default()).unwrap_or_default();
    html.raw("<pre class=\"body\" tabindex=\"0\">").text(shown).raw("</pre>\n<p class=\"quiet\">");
    html.plain(show_size(body.size));
    if body.cut || shown.len() < text.len() {
        html.raw(" in all; the page shows the beginning");
    }
    if let Some(sha256) = &body.sha256 {
        let short = sha256.get(..12).unwrap_or(sha256);
        html.raw(" · <span title=\"").text(sha256).raw("\">sha256 ").text(short).raw("…</span>");
    }
    html.raw("</p>\n");
}

/// The bar of an exchange: each phase with its share of the whole.
pub(super) fn write_phases(html: &mut Html, phases: &Phases) {
    let parts = || {
        let parts = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Total);
        parts.filter_map(|phase| Some((phase, phases.get(phase)?)))
    };
    let shown: Vec<(Phase, Duration, String)> =
        parts().map(|(phase, spent)| (phase, spent, show_duration(spent))).collect();
    html.raw("<div class=\"phases\" role=\"img\" aria-label=\"");
    for (number, (phase, _, time)) in shown.iter().enumerate() {
        html.raw(if number == 0 { "" } else { ", " });
        html.raw(phase.as_str()).raw(" ").text(time);
    }
    html.raw("\">\n<div class=\"bar\">");
    let sum: Duration = shown.iter().map(|(_, spent, _)| *spent).sum();
    let mut left = Duration::ZERO;
    for (phase, spent, _) in &shown {
        html.raw("<span class=\"phase ").raw(phase.as_str()).raw("\" style=\"left:");
        html.plain(Share(left, sum)).raw("%;width:").plain(Share(*spent, sum)).raw("%\"></span>");
        left += *spent;
    }
    html.raw("</div>\n<p class=\"quiet\">");
    for (phase, _, time) in &shown {
        html.raw("<span class=\"key ").raw(phase.as_str()).raw("\"></span>");
        html.raw(phase.as_str()).raw(" ").text(time).raw(" ");
    }
    if let Some(total) = phases.total {
        html.raw("· total ").plain(show_duration(total));
    }
    html.raw("</p>\n</div>\n");
}

/// A part of a whole in per cent, to two digits.
pub(super) struct Share(pub(super) Duration, pub(super) Duration);

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(part, whole) = self;
        let whole = whole.as_nanos().max(1);
        let hundredths = (part.as_nanos() * 10_000 + whole / 2) / whole;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}
