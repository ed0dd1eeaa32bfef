//! The left side of an assertion: which part of a response is looked at.

use std::fmt;
use std::ops::Range;

use serde_json::Value;

use super::found::{Found, Gap};
use super::path::{JsonPath, PathFault};
use super::response::Response;
use crate::finding::{Code, Fault, nearest};

/// Words that stand alone as subjects.
const WORDS: [&str; 11] = [
    "status",
    "redirects",
    "url",
    "text",
    "size",
    "sha256",
    "md5",
    "bytes",
    "http",
    "remote_ip",
    "duration",
];
/// Words that hold a mapping of names, and words that are no values.
const OTHERS: [&str; 7] =
    ["headers", "cookies", "values", "contract", "one_of", "outcome", "budget"];

/// A part of a response, with the words that named it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is looked at.
    pub kind: SubjectKind,
    /// As it is shown: `$.id`, `status`, `headers.Content-Type`.
    pub label: String,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub enum SubjectKind {
    /// The status, a number.
    Status,
    /// A header.
    Header {
        /// Its name, compared without regard to case.
        name: String,
        /// Which of its values.
        bracket: Bracket,
    },
    /// A cookie that the response sets.
    Cookie {
        /// Its name.
        name: String,
        /// One of its attributes, as text; else its value.
        attribute: Option<String>,
    },
    /// The URLs that redirects led to.
    Redirects(Bracket),
    /// The final URL.
    Url,
    /// The decoded body as text.
    Text,
    /// The length of the decoded body in bytes.
    Size,
    /// The SHA-256 of the decoded body, in lower-case hex.
    Sha256,
    /// The MD5 of the decoded body, in lower-case hex.
    Md5,
    /// The decoded body in lower-case hex.
    Bytes,
    /// The HTTP version: `1.1` or `2`.
    Http,
    /// The address that answered.
    RemoteIp,
    /// How long the exchange took, in milliseconds; for captures.
    Duration,
    /// A path into the JSON body.
    Path(JsonPath),
    /// An expression; `run` evaluates it, since it may use this step's captures.
    Value(String),
}

/// Which of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bracket {
    /// No bracket: the values of a header joined with `, `; a list as it is.
    None,
    /// `[*]`: a list of all values.
    All,
    /// `[0]`, `[-1]`.
    Index(i64),
}

/// What a subject always yields, as far as that is known before a response is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// Whatever is there.
    Anything,
}

/// Why a key is no subject, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectFault {
    /// A word that is not known.
    Unknown {
        /// The word.
        name: String,
        /// The known word that is nearest.
        similar: Option<&'static str>,
    },
    /// A word that holds names, without one.
    Group {
        /// The word.
        name: String,
    },
    /// `Set-Cookie`, whose values cannot be joined.
    SetCookie,
    /// Something in brackets that has no meaning there.
    Bracket {
        /// The bytes inside the brackets.
        range: Range<usize>,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A name that no header can have.
    HeaderName {
        /// The name.
        name: String,
    },
    /// A path that does not parse.
    Path(PathFault),
    /// A word of the language that this version does not run yet.
    NotYet {
        /// The word.
        name: String,
    },
}

impl Subject {
    /// Whether it reads the body itself, and not only its size or a digest of it.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        match &self.kind {
            SubjectKind::Text | SubjectKind::Bytes | SubjectKind::Path(_) => true,
            SubjectKind::Status
            | SubjectKind::Header { .. }
            | SubjectKind::Cookie { .. }
            | SubjectKind::Redirects(_)
            | SubjectKind::Url
            | SubjectKind::Size
            | SubjectKind::Sha256
            | SubjectKind::Md5
            | SubjectKind::Http
            | SubjectKind::RemoteIp
            | SubjectKind::Duration
            | SubjectKind::Value(_) => false,
        }
    }

    /// Whether two subjects are the same part of any response, however they are written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (SubjectKind::Path(one), SubjectKind::Path(other)) => one.is_same(other),
            (
                SubjectKind::Header { name, bracket },
                SubjectKind::Header { name: other, bracket: others },
            ) => name.eq_ignore_ascii_case(other) && bracket == others,
            // An expression may give another value each time.
            (SubjectKind::Value(_), _) => false,
            _ => self.label == other.label,
        }
    }
}

impl fmt::Display for SubjectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, .. } => write!(f, "unknown subject `{name}`"),
            Self::Group { name } => write!(f, "`{name}` needs a mapping of names"),
            Self::SetCookie => f.write_str("the values of `Set-Cookie` cannot be joined"),
            Self::Bracket { .. } => f.write_str("this has no meaning in brackets"),
            Self::HeaderName { name } => write!(f, "`{name}` cannot be the name of a header"),
            Self::Path(fault) => fault.fmt(f),
            Self::NotYet { name } => write!(f, "`{name}` is not run by this version yet"),
        }
    }
}

impl Fault for SubjectFault {
    fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::UnknownKey,
            Self::Group { .. } => Code::WrongType,
            Self::SetCookie | Self::Bracket { .. } | Self::HeaderName { .. } => Code::BadValue,
            Self::Path(fault) => fault.code(),
            Self::NotYet { .. } => Code::NotYet,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { name, similar: None } if name.contains(['.', '[']) => {
                Some(format!("a path into the body begins with `$`: `$.{name}`"))
            }
            Self::Unknown { similar: None, .. } => Some(format!(
                "known here: a path such as `$.id`, {}, headers, cookies, values",
                WORDS.join(", ")
            )),
            Self::Unknown { similar: Some(similar), .. } => {
                Some(format!("did you mean `{similar}`?"))
            }
            Self::Group { name } => Some(format!("write `{name}: {{NAME: …}}`")),
            Self::SetCookie => Some(
                "use `cookies: {NAME: …}`, or `Set-Cookie[*]` for the list of its values"
                    .to_owned(),
            ),
            Self::Bracket { allowed, .. } => Some(format!("write {allowed}")),
            Self::Path(fault) => fault.help(),
            Self::HeaderName { .. } | Self::NotYet { .. } => None,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Path(fault) => fault.label(),
            Self::Unknown { .. }
            | Self::Group { .. }
            | Self::SetCookie
            | Self::Bracket { .. }
            | Self::HeaderName { .. }
            | Self::NotYet { .. } => String::new(),
        }
    }
}

impl SubjectFault {
    /// The bytes inside the key that are to blame; the whole key where there is none.
    #[must_use]
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Path(fault) => Some(fault.range.clone()),
            Self::Bracket { range, .. } => Some(range.clone()),
            Self::Unknown { .. }
            | Self::Group { .. }
            | Self::SetCookie
            | Self::HeaderName { .. }
            | Self::NotYet { .. } => None,
        }
    }
}

impl Subject {
    /// Reads a key of `expect`: `group` is the word that it stands under (`headers`, `cookies`,
    /// `values`), if any.
    ///
    /// # Errors
    /// A [`SubjectFault`] with the place inside the key where it is known.
    pub fn parse(group: Option<&str>, key: &str) -> Result<Self, SubjectFault> {
        let (kind, label) = match group {
            None => (alone(key)?, key.to_owned()),
            Some("headers") => (header(key)?, format!("headers.{key}")),
            Some("cookies") => (cookie(key)?, format!("cookies.{key}")),
            Some("values") => (SubjectKind::Value(key.to_owned()), format!("values.{key}")),
            Some(other) => return Err(unknown(other)),
        };
        Ok(Self { kind, label })
    }

    /// Whether it is a path that can yield many values.
    #[must_use]
    pub fn is_many(&self) -> bool {
        matches!(&self.kind, SubjectKind::Path(path) if !path.is_singular())
    }

    /// The path, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&JsonPath> {
        if let SubjectKind::Path(path) = &self.kind { Some(path) } else { None }
    }

    /// Whether it says something about the body or the headers, so that a negative test with it
    /// is not bare.
    #[must_use]
    pub fn tells_what_came(&self) -> bool {
        !matches!(self.kind, SubjectKind::Status | SubjectKind::Duration)
    }

    /// What it yields, as far as that is known beforehand.
    #[must_use]
    pub fn yields(&self) -> Yields {
        match &self.kind {
            SubjectKind::Status | SubjectKind::Size | SubjectKind::Duration => Yields::Number,
            SubjectKind::Header { bracket: Bracket::All, .. }
            | SubjectKind::Redirects(Bracket::None | Bracket::All) => Yields::List,
            SubjectKind::Path(path) if !path.is_singular() => Yields::List,
            SubjectKind::Path(_) | SubjectKind::Value(_) => Yields::Anything,
            SubjectKind::Header { .. }
            | SubjectKind::Cookie { .. }
            | SubjectKind::Redirects(Bracket::Index(_))
            | SubjectKind::Url
            | SubjectKind::Text
            | SubjectKind::Sha256
            | SubjectKind::Md5
            | SubjectKind::Bytes
            | SubjectKind::Http
            | SubjectKind::RemoteIp => Yields::Text,
        }
    }

    /// Looks at a response. A [`SubjectKind::Value`] finds nothing here: `run` evaluates it.
    #[must_use]
    pub fn read<'a>(&self, response: &'a Response) -> Found<'a> {
        match &self.kind {
            SubjectKind::Status => Found::made(Value::from(response.status)),
            SubjectKind::Header { name, bracket } => read_header(response, name, *bracket),
            SubjectKind::Cookie { name, attribute } => {
                read_cookie(response, name, attribute.as_deref())
            }
            SubjectKind::Redirects(Bracket::Index(index)) => {
                let urls: Vec<&str> = response.redirects.iter().map(String::as_str).collect();
                nth("redirects", &urls, *index)
            }
            SubjectKind::Redirects(Bracket::None | Bracket::All) => {
                Found::made(response.redirects.iter().map(String::as_str).collect())
            }
            SubjectKind::Url => text(&response.url),
            SubjectKind::Text => match response.text() {
                Ok(text) => Found::Text(text),
                Err(why) => Found::Unreadable { value: None, why: why.to_string() },
            },
            SubjectKind::Size => Found::made(Value::from(response.size())),
            SubjectKind::Sha256 => Found::Text(response.sha256()),
            SubjectKind::Md5 => Found::Text(response.md5()),
            SubjectKind::Bytes => Found::Bytes(&response.body),
            SubjectKind::Http => text(&response.http),
            SubjectKind::RemoteIp => match response.remote {
                Some(address) => Found::Text(address.ip().to_string().into()),
                None => Found::Nothing(Gap { reached: "remote_ip".to_owned(), ..Gap::default() }),
            },
            SubjectKind::Duration => {
                let micros = u64::try_from(response.duration.as_micros()).unwrap_or(u64::MAX);
                let text = format!("{}.{:03}", micros / 1000, micros % 1000);
                let number = text.trim_end_matches('0').trim_end_matches('.').parse();
                Found::made(number.map_or(Value::Null, Value::Number))
            }
            SubjectKind::Path(path) => match response.json() {
                Ok(body) => path.find(body),
                Err(what) => Found::NotJson(what),
            },
            SubjectKind::Value(expression) => {
                Found::Nothing(Gap { reached: expression.clone(), ..Gap::default() })
            }
        }
    }
}

fn text(text: &str) -> Found<'_> {
    Found::Text(text.into())
}

fn alone(key: &str) -> Result<SubjectKind, SubjectFault> {
    if key.starts_with('$') {
        return JsonPath::parse(key).map(SubjectKind::Path).map_err(SubjectFault::Path);
    }
    let (word, inner) = split(key);
    if word == "redirects" {
        return match inner {
            None => Ok(SubjectKind::Redirects(Bracket::None)),
            Some(inner) => index(key, inner, "`[0]`, `[-1]` or `[*]`").map(SubjectKind::Redirects),
        };
    }
    Ok(match key {
        "status" => SubjectKind::Status,
        "url" => SubjectKind::Url,
        "text" => SubjectKind::Text,
        "size" => SubjectKind::Size,
        "sha256" => SubjectKind::Sha256,
        "md5" => SubjectKind::Md5,
        "bytes" => SubjectKind::Bytes,
        "http" => SubjectKind::Http,
        "remote_ip" => SubjectKind::RemoteIp,
        "headers" | "cookies" | "values" => {
            return Err(SubjectFault::Group { name: key.to_owned() });
        }
        "contract" | "duration" => return Err(SubjectFault::NotYet { name: key.to_owned() }),
        _ if WORDS.contains(&word) && inner.is_some() => {
            let range = word.len()..key.len();
            return Err(SubjectFault::Bracket { range, allowed: "the word without brackets" });
        }
        _ => return Err(unknown(key)),
    })
}

fn unknown(name: &str) -> SubjectFault {
    let similar = match name.to_ascii_lowercase().as_str() {
        "body" => Some("text"),
        "cookie" => Some("cookies"),
        "code" | "status_code" => Some("status"),
        "jsonpath" | "json" => Some("$.name"),
        "header" | "location" | "content-type" => Some("headers"),
        _ => nearest(name, WORDS.iter().chain(&OTHERS).copied())
            .and_then(|near| WORDS.iter().chain(&OTHERS).find(|word| **word == near).copied()),
    };
    SubjectFault::Unknown { name: name.to_owned(), similar }
}

/// A name and what stands in brackets behind it.
fn split(key: &str) -> (&str, Option<&str>) {
    match key.strip_suffix(']').and_then(|head| head.rsplit_once('[')) {
        Some((name, inner)) => (name, Some(inner)),
        None => (key, None),
    }
}

fn index(key: &str, inner: &str, allowed: &'static str) -> Result<Bracket, SubjectFault> {
    if inner == "*" {
        return Ok(Bracket::All);
    }
    inner.parse().map(Bracket::Index).map_err(|_| {
        let start = key.len() - 1 - inner.len();
        SubjectFault::Bracket { range: start..key.len() - 1, allowed }
    })
}

fn header(key: &str) -> Result<SubjectKind, SubjectFault> {
    let (name, inner) = split(key);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(SubjectFault::HeaderName { name: name.to_owned() });
    }
    let bracket = match inner {
        None => Bracket::None,
        Some(inner) => index(key, inner, "`[0]`, `[-1]` or `[*]`")?,
    };
    if bracket == Bracket::None && name.eq_ignore_ascii_case("set-cookie") {
        return Err(SubjectFault::SetCookie);
    }
    Ok(SubjectKind::Header { name: name.to_owned(), bracket })
}

fn cookie(key: &str) -> Result<SubjectKind, SubjectFault> {
    const ATTRIBUTES: [&str; 8] =
        ["Path", "Domain", "Expires", "Max-Age", "Secure", "HttpOnly", "SameSite", "Partitioned"];
    let (name, inner) = split(key);
    let attribute = match inner {
        None => None,
        Some(inner) => {
            let known = ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(inner));
            if known.is_none() {
                let start = key.len() - 1 - inner.len();
                return Err(SubjectFault::Bracket {
                    range: start..key.len() - 1,
                    allowed: "one of Path, Domain, Expires, Max-Age, Secure, HttpOnly, SameSite",
                });
            }
            known.map(|known| (*known).to_owned())
        }
    };
    Ok(SubjectKind::Cookie { name: name.to_owned(), attribute })
}

fn read_header<'a>(response: &'a Response, name: &str, bracket: Bracket) -> Found<'a> {
    let values: Vec<&str> = response
        .headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    if values.is_empty() {
        let mut there: Vec<String> = Vec::new();
        for (known, _) in &response.headers {
            if !there.iter().any(|name| name.eq_ignore_ascii_case(known)) {
                there.push(known.clone());
            }
        }
        let similar = nearest(name, there.iter().map(String::as_str)).map(str::to_owned);
        return Found::Nothing(Gap {
            reached: "headers".to_owned(),
            there,
            nearest: similar,
            pointer: String::new(),
        });
    }
    match (bracket, values.as_slice()) {
        (Bracket::None, [only]) => text(only),
        (Bracket::None, _) => Found::Text(values.join(", ").into()),
        (Bracket::All, _) => Found::made(values.into_iter().collect()),
        (Bracket::Index(index), _) => nth(&format!("headers.{name}"), &values, index),
    }
}

fn nth<'a>(name: &str, values: &[&'a str], index: i64) -> Found<'a> {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if index < 0 { values.len().checked_sub(distance) } else { Some(distance) };
    match at.and_then(|at| values.get(at)) {
        Some(value) => text(value),
        None => Found::Nothing(Gap {
            reached: name.to_owned(),
            there: vec![format!("{} items", values.len())],
            ..Gap::default()
        }),
    }
}

/// The last cookie of that name that the response sets.
fn read_cookie<'a>(response: &'a Response, name: &str, attribute: Option<&str>) -> Found<'a> {
    let mut names = Vec::new();
    let mut found = None;
    for written in response.header("set-cookie") {
        let mut parts = written.split(';').map(str::trim);
        let Some((known, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let known = known.trim();
        if known == name {
            found = Some((value.trim(), parts.collect::<Vec<_>>()));
        }
        if !names.iter().any(|seen: &String| seen == known) {
            names.push(known.to_owned());
        }
    }
    let Some((value, attributes)) = found else {
        let similar = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        return Found::Nothing(Gap {
            reached: "cookies".to_owned(),
            there: names,
            nearest: similar,
            pointer: String::new(),
        });
    };
    let Some(wanted) = attribute else { return text(value) };
    let pairs = attributes.iter().map(|part| part.split_once('=').unwrap_or((part, "")));
    match pairs.clone().find(|(known, _)| known.trim().eq_ignore_ascii_case(wanted)) {
        Some((_, value)) => text(value.trim()),
        None => Found::Nothing(Gap {
            reached: format!("cookies.{name}"),
            there: pairs.map(|(known, _)| known.trim().to_owned()).collect(),
            ..Gap::default()
        }),
    }
}
