//! How long things took: by endpoint, and along the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::document::{Document, word};
use super::text::Html;
use super::{Listed, markup};
use crate::outcome::{Phase, SampleColumns};
use crate::units::show_duration;

/// Endpoints and bars that are shown.
const SHOWN: usize = 200;
/// Points of a line of times.
const POINTS: usize = 60;
/// Fewer times are no line.
const LINE: usize = 3;
/// The p95 and the p99 of fewer times are their maximum by another name.
const P95: usize = 20;
const P99: usize = 100;

/// What is known of one endpoint.
#[derive(Default)]
struct Endpoint {
    times: Vec<Duration>,
    /// The tightest budget of the total that was written here.
    limit: Option<Duration>,
}

/// Every endpoint with its times, by origin; the slowest first.
pub(super) fn origins(all: &[Listed<'_>]) -> Vec<Value> {
    let mut endpoints: BTreeMap<(String, String), Endpoint> = BTreeMap::new();
    for listed in all {
        let told = &listed.told;
        let Some(exchange) = told.exchange() else { continue };
        let request = &exchange.request;
        let (origin, path) = shape(&request.url);
        let endpoint = endpoints.entry((origin, format!("{} {path}", request.method))).or_default();
        let attempts = || told.result().into_iter().flat_map(|result| &result.attempts);
        if told.record.samples.is_empty() {
            let totals = attempts().filter_map(|it| it.exchange.as_ref()?.phases.total);
            endpoint.times.extend(totals);
        } else {
            let rows = told.record.samples.iter().flat_map(SampleColumns::rows);
            endpoint.times.extend(rows.map(|row| row.took));
        }
        for attempt in attempts() {
            let exceeded = attempt.breaches.iter().filter(|it| it.phase == Phase::Total);
            let limits = exceeded.map(|breach| breach.limit).chain(attempt.limit);
            endpoint.limit = limits.chain(endpoint.limit).min();
        }
    }
    let mut slowest: Vec<_> = endpoints
        .into_iter()
        .filter_map(|(name, mut endpoint)| {
            let line = line(&endpoint.times, endpoint.limit);
            endpoint.times.sort_unstable();
            Some((*endpoint.times.last()?, name, endpoint, line))
        })
        .collect();
    slowest.sort_by_key(|(most, ..)| std::cmp::Reverse(*most));
    let more = slowest.len().saturating_sub(SHOWN);
    let mut origins: Vec<(String, Vec<Value>)> = Vec::new();
    for (most, (origin, name), endpoint, line) in slowest.into_iter().take(SHOWN) {
        let sorted = &endpoint.times;
        let at = |percent: usize| show_duration(nearest_rank(sorted, percent));
        let shown = json!({
            "name": name,
            "count": sorted.len(),
            "p50": at(50),
            "p95": (sorted.len() >= P95).then(|| at(95)),
            "p99": (sorted.len() >= P99).then(|| at(99)),
            "max": show_duration(most),
            "limit": endpoint.limit.map(show_duration),
            "over": endpoint.limit.is_some_and(|limit| most > limit),
            "line": line,
        });
        match origins.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, endpoints)) => endpoints.push(shown),
            None => origins.push((origin, vec![shown])),
        }
    }
    let last = origins.len().saturating_sub(1);
    let origins = origins.into_iter().enumerate().map(|(n, (origin, endpoints))| {
        let more = if n == last { more } else { 0 };
        json!({"origin": origin, "endpoints": endpoints, "more": more})
    });
    origins.collect()
}

/// The value at so many per cent of all, by nearest rank.
fn nearest_rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Points of a line of times in their order, 100 wide and 20 high, and the height of the limit; a
/// limit far above all times is left out: it would press the line flat.
fn line(times: &[Duration], limit: Option<Duration>) -> Option<Value> {
    if times.len() < LINE {
        return None;
    }
    let step = times.len().div_ceil(POINTS);
    let kept: Vec<f64> = times
        .chunks(step)
        .map(|chunk| chunk.iter().max().copied().unwrap_or_default().as_secs_f64())
        .collect();
    let longest = kept.iter().copied().fold(0.0, f64::max);
    let limit = limit.map(|limit| limit.as_secs_f64()).filter(|limit| *limit < longest * FAR);
    let most = longest.max(limit.unwrap_or_default()).max(1e-9);
    let wide = 100.0 / f64::from(u32::try_from(kept.len().max(2) - 1).unwrap_or(u32::MAX));
    let mut points = String::new();
    for (n, time) in (0_u32..).zip(&kept) {
        let _ = write!(points, "{:.1},{:.1} ", f64::from(n) * wide, 19.0 - time / most * 18.0);
    }
    let limit = limit.map(|limit| format!("{:.1}", 19.0 - limit / most * 18.0));
    Some(json!({"points": points.trim_end(), "limit": limit}))
}

/// So many times the longest time is far.
const FAR: f64 = 4.0;

/// The origin and the path of a URL without its query, with what looks like an id left open:
/// requests of one kind are one endpoint.
fn shape(url: &str) -> (String, String) {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = url.get(..end).unwrap_or(url);
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
    let (origin, path) = url.split_at_checked(path).unwrap_or((url, ""));
    let path = path
        .split('/')
        .map(|part| {
            let digits = part.chars().filter(char::is_ascii_digit).count();
            let is_id =
                !part.is_empty() && (digits == part.len() || (digits >= 2 && part.len() >= 10));
            if is_id { "…" } else { part }
        })
        .collect::<Vec<_>>()
        .join("/");
    (origin.to_owned(), if path.is_empty() { "/".to_owned() } else { path })
}

/// When each plan ran, as shares of the run, and in it each step, as shares of the plan: one long
/// transfer does not make everything else a dot.
pub(super) fn waterfall(document: &Document<'_>, all: &[Listed<'_>]) -> Value {
    let bars = || all.iter().filter_map(|it| Some((it, Window::of(it)?)));
    let mut plans: Vec<(Window, Vec<(&Listed<'_>, Window)>)> = Vec::new();
    for (listed, window) in bars().take(SHOWN) {
        let last = plans.last_mut();
        let same =
            last.filter(|(_, steps)| steps.first().is_some_and(|it| it.0.plan == listed.plan));
        match same {
            Some((whole, steps)) => {
                whole.from = whole.from.min(window.from);
                whole.to = whole.to.max(window.to);
                steps.push((listed, window));
            }
            None => plans.push((window, vec![(listed, window)])),
        }
    }
    let end = bars().map(|(_, window)| window.to).max();
    let run = Window {
        from: Duration::ZERO,
        to: end.or(document.record.end.duration()).unwrap_or_default(),
    };
    let alone = plans.len() == 1;
    let count = bars().count();
    json!({
        "plans": markup(|html| {
            for (whole, steps) in &plans {
                let Some((first, _)) = steps.first() else { continue };
                let plan = first.told.plan;
                html.raw(if alone { "<details open><summary>" } else { "<details><summary>" });
                html.raw("<span class=\"name\">").text(&plan.started.title()).raw("</span>");
                bar(html, word(plan.verdict), run.share(*whole));
                html.raw("</summary>\n<ol class=\"waterfall\">\n");
                for (listed, window) in steps {
                    html.raw("<li><a class=\"name\" href=\"#").plain(&listed.id).raw("\">");
                    html.text(&listed.told.title()).raw("</a>");
                    bar(html, word(listed.told.verdict()), whole.share(*window));
                    html.raw("</li>\n");
                }
                html.raw("</ol></details>\n");
            }
        }),
        "count": count,
        "more": count.saturating_sub(SHOWN),
        "whole": show_duration(run.to),
        "half": show_duration(run.to / 2),
    })
}

/// From when until when something ran, since the run's beginning.
#[derive(Clone, Copy)]
struct Window {
    from: Duration,
    to: Duration,
}

/// A window and where it stands in another, in per cent.
#[derive(Clone, Copy)]
struct Share {
    window: Window,
    left: f64,
    width: f64,
}

impl Window {
    /// When a step with a request ran.
    fn of(listed: &Listed<'_>) -> Option<Self> {
        listed.told.exchange()?;
        let from = listed.told.record.at?;
        let spent = listed.told.result().map(|result| result.duration).unwrap_or_default();
        Some(Self { from, to: from + spent })
    }

    fn share(self, inner: Self) -> Share {
        let whole = self.to.saturating_sub(self.from).as_secs_f64().max(1e-9);
        let per_cent = |part: Duration| part.as_secs_f64() / whole * 100.0;
        Share {
            window: inner,
            left: per_cent(inner.from.saturating_sub(self.from)),
            width: per_cent(inner.to.saturating_sub(inner.from)).max(0.2),
        }
    }
}

fn bar(html: &mut Html, verdict: &'static str, share: Share) {
    let Share { window, left, width } = share;
    html.raw("<span class=\"track\"><span class=\"span ").raw(verdict).raw("\" style=\"left:");
    html.plain(format_args!("{left:.2}%;width:{width:.2}%")).raw("\" title=\"at ");
    let time = show_duration(window.to.saturating_sub(window.from));
    html.plain(show_duration(window.from)).raw(", took ").plain(&time).raw("\"></span></span>");
    html.raw("<span class=\"n quiet\">").plain(&time).raw("</span>\n");
}
