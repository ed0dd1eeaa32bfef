//! Owes the shapes of what a request says: its options, bodies, samples, captures and budgets.

use serde_json::{Map, Value, json};

use super::expect;
use super::shape::{
    Keys, Shape, TEMPLATE, any, boolean, count, described, duration, fits, list, mapping, named,
    number, object, one_of, or, or_template, own_named, reference, shape, size, string, text, word,
};
use crate::outcome::Phase;
use crate::plan::{Backoff, Connection, HttpWord, keys};
use crate::query::Capture;
use crate::units;

/// A token of HTTP (RFC 9110 §5.6.2): a method, the name of a header.
const TOKEN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/// The requests of a step.
pub(super) const METHODS: Keys = Keys { table: keys::METHODS, shape: method };
/// What a request of a step has.
pub(super) const REQUEST: Keys = Keys { table: keys::REQUEST, shape: request };
/// What requests have in common.
pub(super) const OPTIONS: Keys = Keys { table: keys::OPTIONS, shape: option };

const DEFAULTS_ONLY: Keys = Keys { table: keys::DEFAULTS_ONLY, shape: default };
const POLL: Keys = Keys { table: keys::POLL, shape: poll };
const RETRY: Keys = Keys { table: keys::RETRY, shape: retry };
const AUTH: Keys = Keys { table: keys::AUTH, shape: auth };
const BASIC: Keys = Keys { table: keys::BASIC, shape: texts };
const API_KEY: Keys = Keys { table: keys::API_KEY, shape: texts };
const OAUTH2: Keys = Keys { table: keys::OAUTH2, shape: texts };
const TLS: Keys = Keys { table: keys::TLS, shape: tls };
const PART: Keys = Keys { table: keys::PART, shape: texts };
const GENERATE: Keys = Keys { table: keys::GENERATE, shape: generate };
const GRAPHQL: Keys = Keys { table: keys::GRAPHQL, shape: graphql };
const LOAD: Keys = Keys { table: keys::LOAD, shape: load };
const STAGE: Keys = Keys { table: keys::STAGE, shape: load };
const BASELINE: Keys = Keys { table: keys::BASELINE, shape: baseline };
const CAPTURE: Keys = Keys { table: keys::CAPTURE, shape: capture };
const STATISTICS: Keys = Keys { table: keys::STATISTICS, shape: statistic };

/// `defaults:`, with what stands in those of an environment alone.
pub(super) fn defaults(more: &[Keys]) -> Shape {
    let mut tables = vec![DEFAULTS_ONLY, OPTIONS];
    tables.extend(more);
    object(&tables, &[])
}

fn method(key: &str) -> Option<Shape> {
    key.chars().all(|c| c.is_ascii_uppercase()).then(string)
}

fn default(key: &str) -> Option<Shape> {
    (key == "base_url").then(string)
}

fn option(key: &str) -> Option<Shape> {
    Some(match key {
        "headers" => {
            let mut headers = pairs("A header: a text, or a list to repeat it.", "text/html");
            headers.insert("propertyNames".to_owned(), json!({"pattern": format!("{TOKEN}|^<<$")}));
            headers
        }
        "cookies" => or(
            pairs("A cookie: its value, or a list to repeat its name.", "abc"),
            &["string"],
            json!({"pattern": or_template("^none$")}),
        ),
        "auth" => or(one_of(&[AUTH]), &["string"], json!({"pattern": or_template("^none$")})),
        "timeout" | "connect_timeout" => duration(),
        "follow_redirects" => shape(json!({
            "type": ["boolean", "integer", "string"],
            "minimum": 0,
            "pattern": TEMPLATE,
        })),
        "max_body" => size(),
        "connection" => word(&Connection::WORDS.map(|(word, _)| word)),
        "retry" => object(&[RETRY], &["times"]),
        "tls" => {
            let mut tls = object(&[TLS], &[]);
            tls.insert("dependencies".to_owned(), json!({"key": ["cert"]}));
            tls
        }
        // YAML reads `2` and `1.1` as numbers, which are the same words.
        "http" => shape(json!({
            "anyOf": [
                {"enum": HttpWord::WORDS.map(|(word, _)| word)},
                {"enum": [1.1, 2]},
                {"type": "string", "pattern": TEMPLATE},
            ],
        })),
        _ => return None,
    })
}

fn request(key: &str) -> Option<Shape> {
    Some(match key {
        "method" => fits(TOKEN),
        "url" => string(),
        "query" => pairs("A parameter: its value, or a list to repeat it.", "2"),
        "json" => any(),
        "form" => pairs("A field: its value, or a list to repeat it.", "Ada"),
        "text" | "file" | "save" | "violates_contract" => text(),
        "poll" => object(&[POLL], &["every", "for"]),
        "expect" => reference("expect"),
        "warn" => reference("warn"),
        "capture" => captures(),
        "budget" => reference("budget"),
        "multipart" => multipart(),
        "generate" => object(&[GENERATE], &["size"]),
        "graphql" => object(&[GRAPHQL], &["query"]),
        "repeat" | "concurrency" => count(1),
        "warmup" => count(0),
        "start" => word(&["together"]),
        "expect_all" => expect::expect_all(),
        "routes" => {
            let url = json!("${{ env.direct_url }}");
            let mut routes = named("What the URL of the step is appended to.", url, string());
            routes.insert("minProperties".to_owned(), json!(2));
            routes
        }
        "load" => object(&[LOAD], &[]),
        "baseline" => object(&[BASELINE], &[]),
        _ => return None,
    })
}

/// Names with a scalar, or with a list that repeats the name.
fn pairs(doc: &str, example: &str) -> Shape {
    let scalar = ["string", "number", "boolean"];
    let value = json!({
        "type": ["string", "number", "boolean", "array"],
        "items": {"type": scalar},
    });
    mapping(doc, json!(example), shape(value))
}

fn multipart() -> Shape {
    let part = |types: &[&str]| or(object(&[PART], &["file"]), types, json!({}));
    let scalar = ["string", "number", "boolean"];
    let mut parts = part(&["string", "number", "boolean", "array"]);
    parts.insert("items".to_owned(), Value::Object(part(&scalar)));
    mapping("A part: a text, a file, or a list to repeat it.", json!({"file": "a.png"}), parts)
}

fn texts(key: &str) -> Option<Shape> {
    const TEXTS: [&str; 12] = [
        "user",
        "password",
        "header",
        "query",
        "value",
        "token_url",
        "client_id",
        "client_secret",
        "scope",
        "file",
        "filename",
        "type",
    ];
    TEXTS.contains(&key).then(text)
}

fn poll(key: &str) -> Option<Shape> {
    Some(match key {
        "every" | "for" => duration(),
        "times" => count(1),
        "give_up" => expect::subjects_reference(),
        _ => return None,
    })
}

fn retry(key: &str) -> Option<Shape> {
    Some(match key {
        "times" => count(0),
        "delay" | "max_delay" => duration(),
        "backoff" => word(&Backoff::WORDS.map(|(word, _)| word)),
        "jitter" => boolean(),
        "when" => {
            let what = json!({
                "type": ["string", "integer"],
                "pattern": or_template("^(transport|[1-5]xx|[1-5][0-9]{2})$"),
                "minimum": 100,
                "maximum": 599,
            });
            list(shape(what), 0)
        }
        _ => return None,
    })
}

fn auth(key: &str) -> Option<Shape> {
    Some(match key {
        "bearer" => text(),
        "basic" | "digest" => object(&[BASIC], &["user", "password"]),
        "api_key" => object(&[API_KEY], &["value"]),
        "oauth2" => object(&[OAUTH2], &[]),
        _ => return None,
    })
}

fn tls(key: &str) -> Option<Shape> {
    Some(match key {
        "insecure" => boolean(),
        "ca_file" | "cert" | "key" | "server_name" => text(),
        _ => return None,
    })
}

fn generate(key: &str) -> Option<Shape> {
    Some(match key {
        "size" => size(),
        "seed" => count(0),
        _ => return None,
    })
}

fn graphql(key: &str) -> Option<Shape> {
    Some(match key {
        "query" => string(),
        "variables" => or(
            mapping("A variable: any value.", json!(1), any()),
            &["string"],
            json!({"pattern": TEMPLATE}),
        ),
        _ => return None,
    })
}

/// A number of arrivals in a time: `50/s`.
fn rate() -> Shape {
    fits(r"^\s*\d+(\.\d+)?\s*/\s*(ms|s|m|h)\s*$")
}

fn load(key: &str) -> Option<Shape> {
    Some(match key {
        "rate" => rate(),
        "for" => duration(),
        "max_in_flight" => count(1),
        "stages" => list(object(&[STAGE], &["rate", "for"]), 1),
        _ => return None,
    })
}

fn baseline(key: &str) -> Option<Shape> {
    Some(match key {
        "max_regression" => fits(r"^\s*\d+(\.\d+)?\s*%\s*$"),
        "on_regression" => word(&["fail", "warn"]),
        "remeasure" => boolean(),
        "metric" | "against" => string(),
        "max_ratio" => number(),
        _ => return None,
    })
}

/// `capture:`, by the name under which each value is kept.
fn captures() -> Shape {
    let words = Capture::WORDS.join("|");
    let capture = or(
        object(&[CAPTURE], &[]),
        &["string"],
        // A path; `${{` is none: a capture takes from the response.
        json!({"pattern": format!(r"^(\$([^{{].*)?|{words})$")}),
    );
    own_named("Where the value comes from: a path, a word, or more.", json!("$.id"), capture)
}

fn capture(key: &str) -> Option<Shape> {
    Some(match key {
        "json" => shape(json!({"type": "string", "pattern": r"^\$"})),
        "header" | "cookie" | "regex" => string(),
        "text" => shape(json!({"enum": [true]})),
        "apply" => reference("filters"),
        "default" => any(),
        "secret" => shape(json!({"type": "boolean"})),
        _ => return None,
    })
}

/// A limit in time: a duration, or phases and statistics.
pub(super) fn budget() -> Shape {
    let mut properties: Map<String, Value> = Phase::ALL
        .into_iter()
        .map(|phase| {
            let (doc, example) = of_phase(phase);
            (phase.as_str().to_owned(), described(doc, json!(example), reference("phase")))
        })
        .collect();
    if let Some(Value::Object(of_total)) = object(&[STATISTICS], &[]).remove("properties") {
        properties.extend(of_total);
    }
    shape(json!({
        "type": ["string", "object"],
        "pattern": or_template(&units::duration_pattern()),
        "properties": properties,
        "patternProperties": percentiles(),
        "additionalProperties": false,
        "minProperties": 1,
    }))
}

/// The limit of one phase: a duration, or statistics.
pub(super) fn phase() -> Shape {
    let mut phase = or(
        object(&[STATISTICS], &[]),
        &["string"],
        json!({"pattern": or_template(&units::duration_pattern())}),
    );
    phase.insert("patternProperties".to_owned(), percentiles());
    phase.insert("minProperties".to_owned(), json!(1));
    phase
}

/// Any percentile, as `p90`.
fn percentiles() -> Value {
    let doc = "A percentile of many samples; `observed_`: of exactly these.";
    json!({"^(observed_)?p[0-9]+$": described(doc, json!("500ms"), duration())})
}

/// A plan's budget: its wall clock alone.
pub(super) fn budget_of_plan() -> Shape {
    let total = "The time that setup and steps may take together.";
    shape(json!({
        "type": ["string", "object"],
        "pattern": or_template(&units::duration_pattern()),
        "properties": {"total": described(total, json!("30s"), duration())},
        "additionalProperties": false,
        "minProperties": 1,
    }))
}

fn statistic(key: &str) -> Option<Shape> {
    let is_one = matches!(key, "p50" | "p95" | "p99" | "observed_p95" | "max" | "mean");
    is_one.then(duration)
}

/// What a phase is, and a limit for it.
fn of_phase(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Dns => ("Finding the address of the host; needs `connection: fresh`.", "50ms"),
        Phase::Connect => ("Making the connection; needs `connection: fresh`.", "100ms"),
        Phase::Tls => ("The TLS handshake; needs `connection: fresh`.", "150ms"),
        Phase::Send => ("Sending the request, its body included.", "100ms"),
        Phase::Wait => ("From the request sent to the first byte of the response.", "300ms"),
        Phase::Receive => ("Receiving the response, its body included.", "200ms"),
        Phase::Total => ("The whole exchange.", "800ms"),
    }
}

/// Every table of this file, for the test that none of its keys lacks a shape.
#[cfg(test)]
pub(super) const TABLES: [Keys; 19] = [
    METHODS,
    REQUEST,
    OPTIONS,
    DEFAULTS_ONLY,
    POLL,
    RETRY,
    AUTH,
    BASIC,
    API_KEY,
    OAUTH2,
    TLS,
    PART,
    GENERATE,
    GRAPHQL,
    LOAD,
    STAGE,
    BASELINE,
    CAPTURE,
    STATISTICS,
];
