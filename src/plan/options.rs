//! What a request can say beside its URL: the keys that `defaults` take too.

use std::fmt;
use std::time::Duration;

use crate::source::Spanned;
use crate::yaml::{Entry, Node};

/// A value that is known as written, or a template that will give it.
#[derive(Debug, Clone, PartialEq)]
pub enum Templated<T> {
    /// As written.
    Known(T),
    /// `${{ … }}`: judged when it is rendered, with the same message; the scalar keeps its places.
    Template(Box<Node>),
}

/// Request options; each is absent where it was not written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestOptions {
    /// What a URL that begins with `/` is appended to.
    pub base_url: Option<Node>,
    /// Headers: names with a scalar or a list.
    pub headers: Vec<Entry>,
    /// Cookies to send, or `none`.
    pub cookies: Option<CookiesAst>,
    /// How the request shows who it is.
    pub auth: Option<Box<Spanned<Auth>>>,
    /// The limit of the whole exchange; 30 s if absent.
    pub timeout: Option<Spanned<Templated<Duration>>>,
    /// The limit of making the connection; 10 s if absent.
    pub connect_timeout: Option<Spanned<Templated<Duration>>>,
    /// How many redirects are followed: `true` is 10, `false` and absent 0.
    pub follow_redirects: Option<Spanned<Templated<u32>>>,
    /// The largest decoded body, in bytes; 16 MiB if absent.
    pub max_body: Option<Spanned<Templated<u64>>>,
    /// Whether a kept connection may be used.
    pub connection: Option<Spanned<Templated<Connection>>>,
    /// The version of HTTP that is spoken.
    pub http: Option<Spanned<Templated<HttpWord>>>,
    /// Trying again.
    pub retry: Option<Spanned<Retry>>,
    /// TLS settings.
    pub tls: Option<Box<Spanned<TlsAst>>>,
    /// The proxy of every request, or `none`; of an environment alone.
    pub proxy: Option<Node>,
    /// Addresses of hosts; of an environment alone.
    pub resolve: Vec<Entry>,
}

/// `cookies:` of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum CookiesAst {
    /// `none`: the jar is not sent either.
    None,
    /// Names with their values.
    Send(Vec<Entry>),
}

/// TLS settings of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TlsAst {
    /// Accepts any certificate.
    pub insecure: Option<Spanned<Templated<bool>>>,
    /// A file with certificates that are trusted beside the system's.
    pub ca_file: Option<Node>,
    /// A file with the client's certificate.
    pub cert: Option<Node>,
    /// A file with its key; that of the certificate if absent.
    pub key: Option<Node>,
    /// The name that the certificate must bear instead of the URL's host.
    pub server_name: Option<Node>,
}

/// How a request shows who it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// `none`: nothing, whatever the defaults say.
    None,
    /// The whole value is `${{ omit }}` or another template that may be omitted.
    Template(Node),
    /// `Authorization: Bearer …`.
    Bearer(Node),
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: Node,
        /// The password.
        password: Node,
    },
    /// The answer to the challenge of the server (RFC 7616).
    Digest {
        /// The user.
        user: Node,
        /// The password.
        password: Node,
    },
    /// A bearer token that a token endpoint gives to a client (RFC 6749 §4.4).
    OAuth2 {
        /// The endpoint.
        token_url: Node,
        /// The client.
        client_id: Node,
        /// Its secret.
        client_secret: Option<Node>,
        /// What the token is to allow.
        scope: Option<Node>,
    },
    /// A key in a header or the query.
    ApiKey {
        /// Where.
        place: ApiKeyPlace,
        /// The name of the header or parameter.
        name: Spanned<String>,
        /// The key.
        value: Node,
    },
}

/// Where an API key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyPlace {
    /// In a header.
    Header,
    /// In the query.
    Query,
}

/// The version of HTTP that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpWord {
    /// Only 1.1.
    One,
    /// Only 2.
    Two,
}

impl HttpWord {
    /// The words.
    pub const WORDS: [(&str, Self); 2] = [("1.1", Self::One), ("2", Self::Two)];
}

/// Whether a kept connection may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It may.
    Reuse,
    /// A new one is made.
    Fresh,
}

impl Connection {
    /// The words.
    pub const WORDS: [(&str, Self); 2] = [("reuse", Self::Reuse), ("fresh", Self::Fresh)];
}

/// `retry:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Up to so many more tries after the first.
    pub times: Templated<u32>,
    /// The pause before a try; 1 s if absent.
    pub delay: Option<Templated<Duration>>,
    /// How the pause grows; fixed if absent.
    pub backoff: Option<Templated<Backoff>>,
    /// The longest pause, Retry-After included; 30 s if absent.
    pub max_delay: Option<Templated<Duration>>,
    /// Whether the pause is varied at random (by the seed).
    pub jitter: Option<Templated<bool>>,
    /// What is tried again; `[transport, 429, 5xx]` if absent.
    pub when: Vec<RetryWhen>,
}

/// How the pause before a try grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Not at all.
    Fixed,
    /// It doubles.
    Exponential,
}

impl Backoff {
    /// The words of the language.
    pub const WORDS: [(&'static str, Self); 2] =
        [("fixed", Self::Fixed), ("exponential", Self::Exponential)];
}

/// What makes a step try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryWhen {
    /// A transport error.
    Transport,
    /// A status.
    Status(u16),
    /// A class of statuses: 5 for `5xx`.
    Class(u8),
}

/// A request method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// One of the seven, upper case.
    Known(&'static str),
    /// Any other token that `method:` gives.
    Other(String),
}

impl Method {
    /// The word that goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => word,
            Self::Other(word) => word,
        }
    }

    /// Whether asking twice is asking once (RFC 9110 §9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
    }

    /// Whether it only reads (RFC 9110 §9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
