//! One request and what came back, hop by hop, with the time each phase took.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::source::Place;
use crate::units::nanos;

/// Header names as sent or received, each with its text; a repeated name stands several times.
pub type Headers = Vec<(String, String)>;

/// Whether a header frames the message or belongs to the connection: whoever sends the body sets
/// it, and a plan that stated another one would cut the body or hang (RFC 9110 §7.6.1, RFC 9112 §6).
#[must_use]
pub fn is_framing(header: &str) -> bool {
    const FRAMING: [&str; 8] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    FRAMING.iter().any(|name| header.eq_ignore_ascii_case(name))
}

/// The header that says which trace a request belongs to (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// The header that names a request.
pub const REQUEST_ID: &str = "x-request-id";

/// Response headers in which a server says under which id it knows a request.
const SERVERS_IDS: [&str; 12] = [
    REQUEST_ID,
    "request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amzn-trace-id",
    "x-ms-request-id",
    "x-cloud-trace-context",
    "x-trace-id",
    "cf-ray",
    "traceresponse",
    TRACEPARENT,
];

/// A part of an exchange's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The host name was resolved.
    Dns,
    /// The TCP connection was made.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The request was written.
    Send,
    /// From the request sent to the first byte of the response.
    Wait,
    /// From the first byte to the last.
    Receive,
    /// From the start to the last byte.
    Total,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 7] =
        [Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Receive, Self::Total];

    /// The word of the plan language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long each phase took, in nanoseconds on a monotonic clock; absent, not 0, where it did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Name resolution.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub dns: Option<Duration>,
    /// TCP connect.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub connect: Option<Duration>,
    /// TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub tls: Option<Duration>,
    /// Writing the request.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub send: Option<Duration>,
    /// Request sent to first byte.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub wait: Option<Duration>,
    /// First byte to last.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub receive: Option<Duration>,
    /// Start to last byte, redirects included.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nanos::option")]
    pub total: Option<Duration>,
}

impl Phases {
    /// One phase's time.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Dns => self.dns,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::Send => self.send,
            Phase::Wait => self.wait,
            Phase::Receive => self.receive,
            Phase::Total => self.total,
        }
    }

    /// The phase before `total` that took longest.
    #[must_use]
    pub fn longest(&self) -> Option<(Phase, Duration)> {
        Phase::ALL
            .into_iter()
            .filter(|phase| *phase != Phase::Total)
            .filter_map(|phase| Some((phase, self.get(phase)?)))
            .max_by_key(|(_, duration)| *duration)
    }
}

/// What a body holds, as far as it is shown: redacted, at most 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// No body.
    Empty,
    /// UTF-8 text, cut after 64 KiB.
    Text(String),
    /// Anything else: its first bytes in hex, at most 64.
    Hex(String),
    /// A file that was read while it was sent: its path. Only of a request.
    File(String),
    /// Bytes that follow from this number, made while they were sent. Only of a request.
    Generated(u64),
    /// multipart/form-data, part by part. Only of a request.
    Parts(Vec<Part>),
}

/// A part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The field.
    pub name: String,
    /// What it holds.
    pub content: PartContent,
    /// The name of the file that the server is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Its media type, where one is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartContent {
    /// Text.
    Text(String),
    /// A file: its path.
    File(String),
}

/// A body: its content as far as it is shown, its whole size and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// What is shown of it.
    pub content: Content,
    /// The whole decoded size in bytes.
    pub size: u64,
    /// SHA-256 of the whole decoded body in lower-case hex; absent for an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether `content` is only the head of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Body {
    /// Its text, as far as it is shown.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Empty
            | Content::Hex(_)
            | Content::File(_)
            | Content::Generated(_)
            | Content::Parts(_) => None,
        }
    }
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers that planrun set; what the client adds by itself (Host, Content-Length) too where known.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub http: String,
    /// The headers.
    pub headers: Headers,
    /// The decoded body.
    pub body: Body,
    /// The address that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The file that the body was saved in, below the folder of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
}

impl Response {
    /// The body as JSON, where it is kept whole and is JSON.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        match &self.body.content {
            Content::Text(text) if !self.body.cut => json::parse(text.as_bytes()).ok(),
            Content::Text(_)
            | Content::Empty
            | Content::Hex(_)
            | Content::File(_)
            | Content::Generated(_)
            | Content::Parts(_) => None,
        }
    }
}

/// One redirect that was followed: what was asked and what sent it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The method of this hop.
    pub method: String,
    /// The URL of this hop.
    pub url: String,
    /// The status that sent it on.
    pub status: u16,
    /// The URL that it led to.
    pub location: String,
}

/// Why an exchange could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// Its class, which is also its code.
    pub class: TransportClass,
    /// What was seen, one line: ``nothing listens on 127.0.0.1:9``.
    pub message: String,
    /// The host that was asked.
    pub host: String,
    /// The addresses that were tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The phase in which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What to try next, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

/// The classes of transport errors; each is a finding of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransportClass {
    /// The name could not be resolved.
    Dns,
    /// Nothing listens.
    Refused,
    /// No connection in time.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// No whole response in time.
    Timeout,
    /// Closed without a byte.
    EmptyReply,
    /// Reset by the other side.
    Reset,
    /// Fewer bytes than announced.
    Truncated,
    /// Not well-formed HTTP.
    Framing,
    /// Not HTTP at all.
    NotHttp,
    /// Headers too large.
    HeadersTooLarge,
    /// Body over `max_body`.
    BodyTooLarge,
    /// The content encoding does not decode.
    BadEncoding,
    /// A kept connection was already closed.
    StaleConnection,
    /// A redirect that cannot be followed.
    Redirect,
    /// A URL out of a response that leads to a foreign origin.
    Origin,
    /// Anything else.
    Other,
}

/// One request with its response or error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was sent; of the first hop.
    pub request: Request,
    /// The redirects that were followed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// The final response, if one came whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// Why there is none, or why it is not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Transport>,
    /// How long each phase of the final hop took; `total` covers all hops.
    pub phases: Phases,
    /// Whether a kept connection was used.
    pub reused: bool,
    /// Whether a stale connection made it repeat once on a fresh one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// The proxy that it went through, credentials masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Whether whoever showed a certificate was believed (`tls: {insecure: true}`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// Which variables gave parts of the URL: the name (`env.registry_url`), its value, the place
    /// where it was set, if that is in a file, else its source (`--var`, `PLANRUN_VAR_x`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub url_from: Vec<UrlPart>,
    /// Which secrets went where: the secret's name and the place in the request (`header Authorization`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets_sent: Vec<(String, String)>,
    /// Which of [`TRACEPARENT`] and [`REQUEST_ID`] the plan decided itself; planrun made the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans_ids: Vec<String>,
    /// What is known of the secrets that were sent; told where the response is an error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_shapes: Vec<SecretShape>,
    /// Where in the plan the parts of the request are written; told where the response is an error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_from: Vec<SentPart>,
}

impl Exchange {
    /// The ids under which it is found in the logs of those who answered.
    #[must_use]
    pub fn ids(&self) -> Ids<'_> {
        // Most names have another length, which is seen at once.
        let is =
            |known: &str, name: &str| known.len() == name.len() && name.eq_ignore_ascii_case(known);
        let sent = |wanted: &str| {
            let mut headers = self.request.headers.iter();
            let found = headers.find(|(name, _)| is(wanted, name));
            found.map(|(_, value)| value.as_str())
        };
        let mut parts = sent(TRACEPARENT).into_iter().flat_map(|value| value.split('-')).skip(1);
        let (trace, span) = (parts.next(), parts.next());
        let headers = self.response.iter().flat_map(|response| &response.headers);
        let servers = headers
            .filter(|(name, _)| SERVERS_IDS.iter().any(|known| is(known, name)))
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Ids { trace, span, request: sent(REQUEST_ID), servers: servers.collect() }
    }
}

/// The ids under which an exchange is found in logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids<'a> {
    /// The trace of its `traceparent`; what stands there if it is none.
    pub trace: Option<&'a str>,
    /// The span of its `traceparent`.
    pub span: Option<&'a str>,
    /// Its `x-request-id`.
    pub request: Option<&'a str>,
    /// What the server calls it, each with its header.
    pub servers: Vec<(&'a str, &'a str)>,
}

impl Ids<'_> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { trace, span, request, servers } = self;
        trace.is_none() && span.is_none() && request.is_none() && servers.is_empty()
    }
}

/// What is known of a secret that was sent. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretShape {
    /// Its name.
    pub name: String,
    /// How many characters it has.
    pub length: u32,
    /// Whether it begins or ends with white space.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edge_whitespace: bool,
    /// Whether it is as `matches` of its declaration says, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<bool>,
    /// When it ends, if it is a JWT with an `exp`: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether that had passed when it was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// A part of a request and the line of the plan that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentPart {
    /// Which part: a JSON pointer into the body, `query NAME` or `header NAME`.
    pub at: String,
    /// Where it is written: its key, or the item of a list.
    pub place: Place,
    /// The name that its value comes from (`env.service_id`), where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_by: Option<String>,
    /// Where that name is set, if in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Place>,
}

/// A variable that gave a part of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlPart {
    /// The dotted name: `env.registry_url`, `model`.
    pub name: String,
    /// What it gave.
    pub value: String,
    /// Where it was set, if in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where it came from in words: `plans/environments/demo.yaml`, `--var`, `services.registry.url`.
    pub source: String,
}
