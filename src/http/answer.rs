//! What came of one exchange: what was sent, what came back or why not, and how long each phase took.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use url::Url;

use super::trace::Marks;
use crate::outcome::{Headers, Hop, Phases, Transport};
use crate::units::hex;

/// One exchange, carried out or not. Secrets are in it as they went over the wire.
#[derive(Debug, Clone)]
pub struct Exchanged {
    /// What was sent first.
    pub sent: Sent,
    /// The redirects that were followed, in order.
    pub hops: Vec<Hop>,
    /// The final response, or why there is none.
    pub answer: Result<Answer, Transport>,
    /// What did come of the final response where it broke off in the body; its digests are of that part.
    pub partial: Option<Answer>,
    /// How long each phase of the final hop took; `total` covers all hops.
    pub phases: Phases,
    /// When it started, on this process's monotonic clock.
    pub started: Instant,
    /// When the final hop's request was let go, for the spread of `start: together`.
    pub released: Option<Instant>,
    /// Whether a kept connection was used.
    pub reused: bool,
    /// Whether a stale connection made it repeat once on a fresh one.
    pub repeated: bool,
    /// The proxy that it went through, its password masked.
    pub proxy: Option<String>,
    /// Whether TLS was spoken, and any certificate would have done.
    pub unverified: bool,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: Url,
    /// The headers, those that the client adds by itself too; lower-case names.
    pub headers: Headers,
    /// The body's size in bytes, as far as it was sent.
    pub size: u64,
    /// SHA-256 of the body in lower-case hex; absent for none, and for a stream not sent to its end.
    pub sha256: Option<String>,
}

/// A response, its body decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub http: &'static str,
    /// The headers with lower-case names, in the order of their first occurrence; a repeated one
    /// stands several times. Bytes that are not UTF-8 are replaced.
    pub headers: Headers,
    /// The decoded body, or its beginning where nothing reads it.
    pub body: Bytes,
    /// The size of the whole decoded body in bytes.
    pub size: u64,
    /// The size of the body as it came over the wire.
    pub wire_size: u64,
    /// SHA-256 of the decoded body in lower-case hex; absent for an empty one.
    pub sha256: Option<String>,
    /// MD5 of the decoded body in lower-case hex, where it was asked for.
    pub md5: Option<String>,
    /// The final URL.
    pub url: Url,
    /// The address that answered.
    pub remote: Option<SocketAddr>,
}

impl Answer {
    /// All values of a header, by its name in any case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The phases of the hop that these marks are of.
pub(crate) fn phases(
    marks: &Marks,
    fresh: bool,
    hop_started: Instant,
    first_byte: Option<Instant>,
    ended: Instant,
    started: Instant,
) -> Phases {
    let between =
        |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
    let mut phases =
        Phases { total: Some(ended.saturating_duration_since(started)), ..Phases::default() };
    let mut ready = Some(hop_started);
    if fresh {
        phases.dns = between(marks.dns_started, marks.dns_ended);
        let dialled = marks.dns_ended.or(marks.connect_started);
        phases.connect = between(dialled, marks.tls_started.or(marks.connected));
        phases.tls = between(marks.tls_started, marks.connected);
        ready = marks.released.or(marks.connected);
    }
    // A response may come before the whole request was written: then sending ended with it.
    let sent = match (marks.sent, first_byte) {
        (Some(sent), Some(first)) => Some(sent.min(first)),
        (sent, _) => sent,
    };
    phases.send = between(ready, sent);
    phases.wait = between(sent, first_byte);
    phases.receive = between(first_byte, Some(ended));
    phases
}

/// SHA-256 in lower-case hex; none of nothing.
pub(crate) fn sha256(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()))
}

/// MD5 in lower-case hex.
pub(crate) fn md5(bytes: &[u8]) -> String {
    use md5::Digest as _;
    hex(&md5::Md5::digest(bytes))
}
