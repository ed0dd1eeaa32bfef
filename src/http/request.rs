//! What is to be sent, how the connection is made, and what cannot be sent at all.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::barrier::Barrier;
use super::moved::Moved;
use super::redirect::AllowOrigins;

/// The decoded body that is held at most, unless the plan says otherwise.
pub const MAX_BODY: u64 = 16 << 20;

/// One request, rendered and ready.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, … as the plan writes it.
    pub method: String,
    /// `http` or `https`, without a user name.
    pub url: Url,
    /// The headers of the plan, in order; a name may stand several times.
    pub headers: Vec<(String, String)>,
    /// Cookies of the plan; one in the jar of the same name is not sent.
    pub cookies: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// From the start of name resolution to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// The whole exchange, redirects included.
    pub timeout: Duration,
    /// How many redirects are followed; with 0 the 3xx is the result.
    pub follow_redirects: u32,
    /// How many bytes of decoded body are accepted.
    pub max_body: u64,
    /// Whether a kept connection may be used.
    pub connection: Connection,
    /// Lower-case names of headers that carry a secret: they do not cross origins.
    pub credentials: Vec<String>,
    /// Whether the body holds a secret: it does not cross origins.
    pub body_is_secret: bool,
    /// Whether the URL's origin came out of a response: it must be among `allow`.
    pub url_from_response: bool,
    /// Where URLs out of responses may lead.
    pub allow: Arc<AllowOrigins>,
    /// How the connection is made.
    pub dial: Arc<Dial>,
    /// What of the response body is kept.
    pub keep: Keep,
    /// Where else the response body goes.
    pub copy: Option<Copying>,
    /// The digests that are wanted.
    pub digests: Digests,
    /// Counts what of both bodies has gone.
    pub moved: Option<Arc<Moved>>,
    /// Holds the request back until all connections of a wave are there (`start: together`).
    pub barrier: Option<Barrier>,
}

/// Which digests are made beside SHA-256 of the response body and of a body in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256 of a streamed body, on its way out.
    pub sent: bool,
    /// MD5 of the response body.
    pub md5: bool,
}

impl Default for Digests {
    fn default() -> Self {
        Self { sent: true, md5: false }
    }
}

/// What of a response body is kept in memory; its size and its digests are of the whole in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of it: something reads it.
    Whole,
    /// So much of its beginning as a report shows: nothing reads it.
    Head,
}

/// Takes the decoded body of the final response as it comes, beside what is kept in memory.
#[derive(Clone)]
pub struct Copying(pub Arc<dyn Fn(Part<'_>) + Send + Sync>);

impl fmt::Debug for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copying(…)")
    }
}

/// What comes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'b> {
    /// Its head is there; what came of another one before is of no use any more.
    Begin,
    /// The next decoded bytes.
    Bytes(&'b [u8]),
}

impl Request {
    /// A request with the defaults of the plan language.
    #[must_use]
    pub fn new(method: impl Into<String>, url: Url) -> Self {
        Self {
            method: method.into(),
            url,
            headers: Vec::new(),
            cookies: Vec::new(),
            body: Body::Empty,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            follow_redirects: 0,
            max_body: MAX_BODY,
            connection: Connection::Reuse,
            credentials: Vec::new(),
            body_is_secret: false,
            url_from_response: false,
            allow: Arc::default(),
            dial: Arc::default(),
            keep: Keep::Whole,
            copy: None,
            digests: Digests::default(),
            moved: None,
            barrier: None,
        }
    }
}

/// A request's body; each kind can be sent again.
#[derive(Clone, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Held in memory.
    Bytes(Bytes),
    /// Read while it is sent: files and generated bodies. Memory does not grow with its size.
    Stream {
        /// Its size, if known before; without it the body goes out chunked.
        size: Option<u64>,
        /// Opens it from the start; asked once for every time that it is sent.
        open: Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>,
    },
}

impl Body {
    /// Whether nothing at all is to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Stream { size, .. } => *size == Some(0),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream { size, .. } => write!(f, "Stream({size:?})"),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Bytes(text.into()) }
    }
}

/// Whether a kept connection may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Connection {
    /// A kept one if there is one.
    #[default]
    Reuse,
    /// Always a new one, which is not kept.
    Fresh,
}

/// How a connection is made; requests with the same one share their connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Dial {
    /// Which HTTP versions may be spoken.
    pub http: HttpVersion,
    /// What the TLS handshake does differently.
    pub tls: Tls,
    /// The proxy to go through, whatever the process environment says.
    pub proxy: ProxyChoice,
    /// Addresses for names, instead of asking the resolver; port 0 stands for the URL's port.
    pub resolve: Vec<(String, Vec<SocketAddr>)>,
}

/// Which HTTP versions may be spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// Whatever TLS negotiates; 1.1 in the clear.
    #[default]
    Any,
    /// Only 1.1.
    One,
    /// Only 2; in the clear with prior knowledge.
    Two,
}

/// What the TLS handshake does differently from the default.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// PEM certificates that are trusted beside the system's.
    pub ca: Option<Arc<[u8]>>,
    /// The client's own certificate.
    pub identity: Option<Identity>,
    /// The name that the certificate must bear, instead of the URL's host.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .field("insecure", &self.insecure)
            .finish()
    }
}

/// A client's certificate with its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The PEM certificate chain, its own first.
    pub chain: Arc<[u8]>,
    /// The PEM private key.
    pub key: Arc<[u8]>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// Which proxy a request goes through.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum ProxyChoice {
    /// What the process environment says (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`).
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one: `http://user:password@host:port`.
    Url(String),
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            // The URL may hold a password.
            Self::Url(_) => f.write_str("Url(…)"),
        }
    }
}

/// Why a request cannot be sent at all; nothing went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// Not a token (RFC 9110 §5.6.2).
    Method {
        /// As written.
        method: String,
    },
    /// Not a header name.
    HeaderName {
        /// As written.
        name: String,
    },
    /// A header that follows from the body or the connection, stated by the plan.
    FramingHeader {
        /// As written.
        name: String,
    },
    /// A header value with a line break or another control character.
    HeaderValue {
        /// The header.
        name: String,
        /// The first character that cannot be sent; the value itself may be secret.
        character: char,
    },
    /// A cookie whose name or value would end it early.
    Cookie {
        /// The cookie.
        name: String,
        /// The first character that cannot be sent.
        character: char,
    },
    /// Neither `http` nor `https`.
    Scheme {
        /// As written.
        scheme: String,
    },
    /// A user name or password in the URL: `auth: basic` is the place for them.
    Userinfo,
    /// A URL without a host, or with one that cannot be asked.
    Url,
    /// A CA, certificate or key that is not PEM, or does not fit together.
    Tls {
        /// What is wrong with it; never its content.
        seen: String,
    },
    /// A proxy that is no URL, or of a kind that is not supported.
    Proxy,
}

impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { method } => {
                write!(f, "`{}` is not a method", method.escape_debug())
            }
            Self::HeaderName { name } => {
                write!(f, "`{}` is not a header name", name.escape_debug())
            }
            Self::FramingHeader { name } => write!(
                f,
                "the header `{name}` is set by planrun: it follows from the body and the connection"
            ),
            Self::HeaderValue { name, character } => write!(
                f,
                "the value of the header `{name}` holds {}, which cannot be sent in a header",
                Named(*character)
            ),
            Self::Cookie { name, character } => write!(
                f,
                "the cookie `{}` holds {}, which cannot be sent in a cookie",
                name.escape_debug(),
                Named(*character)
            ),
            Self::Scheme { scheme } => {
                write!(f, "a URL with the scheme `{scheme}` cannot be asked, only http and https")
            }
            Self::Userinfo => f.write_str("a URL must not hold a user name or password"),
            Self::Url => f.write_str("the URL has no host that can be asked"),
            Self::Tls { seen } => write!(f, "the TLS settings cannot be used: {seen}"),
            Self::Proxy => f.write_str("the proxy is not a URL that can be used"),
        }
    }
}

impl std::error::Error for RequestFault {}

/// A character by its name, for those that do not show.
struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '\r' | '\n' => f.write_str("a line break"),
            '\0' => f.write_str("a NUL"),
            other if other.is_control() => write!(f, "a control character ({:#04x})", other as u32),
            other => write!(f, "`{other}`"),
        }
    }
}
