//! How long things took: by endpoint, and along the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::document::{Document, Told, word};
use crate::outcome::SampleColumns;
use crate::units::show_duration;

/// Endpoints and bars that are shown.
const SHOWN: usize = 200;
/// Points of a line of times.
const POINTS: usize = 60;

/// What is known of one endpoint.
#[derive(Default)]
struct Endpoint {
    times: Vec<Duration>,
    /// The tightest budget that was exceeded here.
    limit: Option<Duration>,
}

/// Every endpoint with its times, the slowest first.
pub(super) fn endpoints(all: &[Told<'_>]) -> Vec<Value> {
    let mut endpoints: BTreeMap<String, Endpoint> = BTreeMap::new();
    for told in all {
        let Some(exchange) = told.exchange() else { continue };
        let request = &exchange.request;
        let name = format!("{} {}", request.method, shape(&request.url));
        let endpoint = endpoints.entry(name).or_default();
        if told.record.samples.is_empty() {
            let attempts = told.result().into_iter().flat_map(|result| &result.attempts);
            endpoint.times.extend(attempts.filter_map(|it| it.exchange.as_ref()?.phases.total));
        } else {
            let rows = told.record.samples.iter().flat_map(SampleColumns::rows);
            endpoint.times.extend(rows.map(|row| row.took));
        }
        let attempt = told.result().and_then(|result| result.attempts.last());
        for breach in attempt.into_iter().flat_map(|attempt| &attempt.breaches) {
            endpoint.limit = Some(endpoint.limit.map_or(breach.limit, |l| l.min(breach.limit)));
        }
    }
    let mut endpoints: Vec<_> =
        endpoints.into_iter().filter(|(_, endpoint)| !endpoint.times.is_empty()).collect();
    endpoints.sort_by_key(|(_, endpoint)| std::cmp::Reverse(endpoint.times.iter().max().copied()));
    endpoints
        .into_iter()
        .take(SHOWN)
        .map(|(name, endpoint)| {
            let mut sorted = endpoint.times.clone();
            sorted.sort_unstable();
            let at = |percent: usize| show_duration(nearest_rank(&sorted, percent));
            json!({
                "name": name,
                "count": sorted.len(),
                "p50": at(50),
                "p95": at(95),
                "max": at(100),
                "limit": endpoint.limit.map(show_duration),
                "line": line(&endpoint.times, endpoint.limit),
            })
        })
        .collect()
}

/// The value at so many per cent of all, by nearest rank.
fn nearest_rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Points of a line of times in their order, 100 wide and 20 high, and the height of the limit.
fn line(times: &[Duration], limit: Option<Duration>) -> Option<Value> {
    if times.len() < 2 {
        return None;
    }
    let step = times.len().div_ceil(POINTS);
    let kept: Vec<f64> = times
        .chunks(step)
        .map(|chunk| chunk.iter().max().copied().unwrap_or_default().as_secs_f64())
        .collect();
    let most =
        kept.iter().copied().fold(limit.map_or(0.0, |l| l.as_secs_f64()), f64::max).max(1e-9);
    let wide = 100.0 / f64::from(u32::try_from(kept.len().max(2) - 1).unwrap_or(u32::MAX));
    let mut points = String::new();
    for (n, time) in (0_u32..).zip(&kept) {
        let _ = write!(points, "{:.1},{:.1} ", f64::from(n) * wide, 19.0 - time / most * 18.0);
    }
    let limit = limit.map(|limit| format!("{:.1}", 19.0 - limit.as_secs_f64() / most * 18.0));
    Some(json!({"points": points.trim_end(), "limit": limit}))
}

/// A URL without its query, and with what looks like an id left open: requests of one kind are one
/// endpoint.
fn shape(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, host_end) = match url.find("://") {
        Some(at) => (url.get(..end).unwrap_or(url), at + 3),
        None => (url.get(..end).unwrap_or(url), 0),
    };
    path.split('/')
        .enumerate()
        .map(|(n, part)| {
            let in_path = host_end == 0 || n > 2;
            let digits = part.chars().filter(char::is_ascii_digit).count();
            let is_id = in_path
                && !part.is_empty()
                && (digits == part.len() || (digits >= 2 && part.len() >= 10));
            if is_id { "…" } else { part }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// When each step ran, as shares of the run.
pub(super) fn waterfall(document: &Document<'_>, all: &[Told<'_>]) -> Value {
    let ends = all.iter().filter_map(|told| {
        Some(told.record.at? + told.result().map(|result| result.duration).unwrap_or_default())
    });
    let whole = ends.max().or(document.record.end.duration()).unwrap_or_default();
    let seconds = whole.as_secs_f64().max(1e-9);
    let mut bars = Vec::new();
    for told in all.iter().filter(|told| told.exchange().is_some()).take(SHOWN) {
        let Some(at) = told.record.at else { continue };
        let spent = told.result().map(|result| result.duration).unwrap_or_default();
        bars.push(json!({
            "title": told.title(),
            "verdict": word(told.verdict()),
            "left": format!("{:.2}", at.as_secs_f64() / seconds * 100.0),
            "width": format!("{:.2}", (spent.as_secs_f64() / seconds * 100.0).max(0.2)),
            "at": show_duration(at),
            "time": show_duration(spent),
        }));
    }
    let more = all.iter().filter(|told| told.exchange().is_some()).count().saturating_sub(SHOWN);
    json!({"bars": bars, "more": more, "whole": show_duration(whole)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_differ_in_an_id_alone_are_one_endpoint() {
        for (url, wanted) in [
            ("http://h:1/a/42?x=1", "http://h:1/a/…"),
            ("http://h:1/a/planrun-x7k2m9q", "http://h:1/a/…"),
            ("http://h:1/api/2.0/mlflow/runs", "http://h:1/api/2.0/mlflow/runs"),
            ("/v1/keys", "/v1/keys"),
        ] {
            assert_eq!(shape(url), wanted);
        }
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let times: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(nearest_rank(&times, 50), Duration::from_millis(10));
        assert_eq!(nearest_rank(&times, 95), Duration::from_millis(19));
        assert_eq!(nearest_rank(&times, 100), Duration::from_millis(20));
        assert_eq!(nearest_rank(&times[..1], 50), Duration::from_millis(1));
    }
}
