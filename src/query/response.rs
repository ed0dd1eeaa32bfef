//! One response as subjects read it: never copied, its JSON parsed once, on the first question.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde_json::Value;

use crate::json::{self, DuplicateKey, JsonFault, JsonFaultKind};
use crate::units::hex;

/// The longest title that is shown of an HTML page, in bytes; a longer one is left out whole, since
/// what is cut before it is masked could show half a secret.
const TITLE: usize = 200;

/// What came back, whole and decoded.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The HTTP version: `1.1`, `2`.
    pub http: String,
    /// The headers in their order; a repeated name stands several times.
    pub headers: Vec<(String, String)>,
    /// The body after its content encoding was undone.
    pub body: Bytes,
    /// The final URL.
    pub url: String,
    /// The URLs that redirects led to, in order.
    pub redirects: Vec<String>,
    /// The address that answered.
    pub remote: Option<SocketAddr>,
    /// What was found out of the whole decoded body while it streamed; `body` may be its head.
    pub whole: Option<Whole>,
    /// How long the whole exchange took.
    pub duration: Duration,
    /// The body as JSON; filled on the first question.
    pub json: OnceLock<Result<Value, NotJson>>,
}

/// What is known of a body as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 in lower-case hex; none of nothing.
    pub sha256: Option<String>,
    /// MD5 in lower-case hex, where it was made.
    pub md5: Option<String>,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            status: 200,
            http: "1.1".to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            url: String::new(),
            redirects: Vec::new(),
            remote: None,
            whole: None,
            duration: Duration::ZERO,
            json: OnceLock::new(),
        }
    }
}

/// What a body is that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotJson {
    /// No body, or only white space.
    Empty,
    /// A page for people.
    Html {
        /// The media type of the response, if it has one.
        media_type: Option<String>,
        /// The text of `<title>`, if it has one.
        title: Option<String>,
    },
    /// Bytes that are not UTF-8.
    NotUtf8 {
        /// The first wrong byte, from 0.
        offset: usize,
        /// The wrong bytes in hex.
        hex: String,
    },
    /// Anything else that does not parse.
    Broken {
        /// The media type of the response, if it has one.
        media_type: Option<String>,
        /// What is wrong, and where.
        fault: JsonFault,
    },
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Html { media_type, title } => {
                f.write_str(media_type.as_deref().unwrap_or("HTML"))?;
                title.as_ref().map_or(Ok(()), |title| write!(f, ": <title>{title}"))
            }
            Self::NotUtf8 { offset, hex } => write!(f, "not UTF-8: byte {offset} is {hex}"),
            Self::Broken { media_type, fault } => {
                write!(f, "{}: {fault}", media_type.as_deref().unwrap_or("no content type"))
            }
        }
    }
}

impl Response {
    /// The size of the whole body in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.whole.as_ref().map_or(self.body.len() as u64, |whole| whole.size)
    }

    /// SHA-256 of the whole body in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> Cow<'_, str> {
        let known = self.whole.as_ref().and_then(|whole| whole.sha256.as_deref());
        known.map_or_else(
            || hex(ring::digest::digest(&ring::digest::SHA256, &self.body).as_ref()).into(),
            Cow::Borrowed,
        )
    }

    /// MD5 of the whole body in lower-case hex.
    #[must_use]
    pub fn md5(&self) -> Cow<'_, str> {
        let known = self.whole.as_ref().and_then(|whole| whole.md5.as_deref());
        known.map_or_else(|| hex(&Md5::digest(&self.body)).into(), Cow::Borrowed)
    }

    /// The body as JSON, whatever its content type; a byte order mark is tolerated.
    ///
    /// # Errors
    /// What the body is instead.
    pub fn json(&self) -> Result<&Value, &NotJson> {
        self.json.get_or_init(|| self.parse()).as_ref()
    }

    /// Keys that stand twice in one object of the body, both places each; the last one counts.
    #[must_use]
    pub fn duplicate_keys(&self) -> Vec<DuplicateKey> {
        let Ok(value) = self.json() else { return Vec::new() };
        let Ok(text) = std::str::from_utf8(self.without_mark()) else { return Vec::new() };
        // In JSON every colon outside of a text follows a key: where there are as many as there
        // are fields, no key was lost, and the costly search is not needed.
        if colons(text.as_bytes()) == fields(value) {
            Vec::new()
        } else {
            json::duplicate_keys(text)
        }
    }

    /// All values of a header, in their order; its name is compared without regard to case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let written = self.header("content-type").next()?;
        let bare = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!bare.is_empty()).then_some(bare)
    }

    /// The body as text; Latin-1 where the response says so, else UTF-8.
    ///
    /// # Errors
    /// The first byte that is not UTF-8, with its hex digits.
    pub fn text(&self) -> Result<std::borrow::Cow<'_, str>, NotJson> {
        let latin = self.header("content-type").next().is_some_and(|written| {
            let written = written.to_ascii_lowercase();
            written.contains("charset=iso-8859-1") || written.contains("charset=latin1")
        });
        if latin {
            return Ok(self.body.iter().map(|byte| char::from(*byte)).collect::<String>().into());
        }
        let body = self.without_mark();
        std::str::from_utf8(body).map(Into::into).map_err(|error| {
            let at = error.valid_up_to();
            let wrong = body.get(at..at + error.error_len().unwrap_or(1)).unwrap_or_default();
            let skipped = self.body.len() - body.len();
            NotJson::NotUtf8 { offset: at + skipped, hex: crate::units::hex(wrong) }
        })
    }

    fn without_mark(&self) -> &[u8] {
        self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body)
    }

    fn parse(&self) -> Result<Value, NotJson> {
        let body = self.without_mark();
        json::parse(body).map_err(|fault| match fault.kind {
            JsonFaultKind::Empty => NotJson::Empty,
            JsonFaultKind::InvalidUtf8 { hex } => {
                NotJson::NotUtf8 { offset: fault.at.offset + self.body.len() - body.len(), hex }
            }
            JsonFaultKind::Markup => {
                NotJson::Html { media_type: self.media_type(), title: title(body) }
            }
            JsonFaultKind::ByteOrderMark
            | JsonFaultKind::TooDeep
            | JsonFaultKind::NotANumber { .. }
            | JsonFaultKind::TrailingComma
            | JsonFaultKind::SecondValue
            | JsonFaultKind::SingleQuote
            | JsonFaultKind::BareKey
            | JsonFaultKind::Comment
            | JsonFaultKind::EarlyEnd
            | JsonFaultKind::ControlCharacter
            | JsonFaultKind::Other { .. } => {
                NotJson::Broken { media_type: self.media_type(), fault }
            }
        })
    }
}

/// The text of the first `<title>`, in one line.
fn title(body: &[u8]) -> Option<String> {
    let head = body.get(..body.len().min(64 * 1024)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let lower = text.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let rest = text.get(start..)?;
    let inner = rest.get(..rest.find('<').unwrap_or(rest.len()))?;
    let words: Vec<_> = inner.split_whitespace().collect();
    let title = words.join(" ");
    (!title.is_empty() && title.len() <= TITLE).then_some(title)
}

fn colons(text: &[u8]) -> usize {
    let mut count = 0;
    let mut quoted = false;
    let mut escaped = false;
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

fn fields(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(fields).sum(),
        Value::Object(object) => object.len() + object.values().map(fields).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
