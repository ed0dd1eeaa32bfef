//! A capture: where its value comes from, and what is done to it before it is kept.

use serde_json::Value;

use super::filter::Filter;
use super::path::JsonPath;
use super::response::{NotJson, Response};
use super::subject::{Subject, SubjectFault, SubjectKind};
use crate::finding::{Code, Finding, nearest};
use crate::outcome::Actual;
use crate::plan::keys::CAPTURE;
use crate::yaml::{Kind, Node};

/// Words that a capture may be in short.
const WORDS: [&str; 4] = ["status", "url", "text", "duration"];

/// What a capture reads: a [`Subject`] of one of the kinds that captures know.
pub type Source = Subject;

/// A capture, ready to be taken from a response.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Where its value comes from.
    pub source: Source,
    /// What is done to it, in the order written; `regex` is one of them.
    pub apply: Vec<Filter>,
    /// What is taken where nothing is found; may hold templates.
    pub default: Option<Node>,
    /// Whether the value is a secret.
    pub secret: bool,
}

impl Capture {
    /// The words that a capture may be in short.
    pub const WORDS: &'static [&'static str] = &WORDS;

    /// Reads a capture as written; `text` is the source that the node lies in.
    ///
    /// # Errors
    /// Every finding about it.
    pub fn parse(node: &Node, text: &str) -> Result<Self, Vec<Finding>> {
        match &node.kind {
            Kind::String(written) => short(written, node, text)
                .map(|source| Self { source, apply: Vec::new(), default: None, secret: false })
                .map_err(|finding| vec![*finding]),
            Kind::Map(_) => long(node, text),
            Kind::Empty => Err(vec![
                Finding::error(Code::EmptyValue, "nothing says where the capture comes from")
                    .at(node.place, "")
                    .help("write a path: `user_id: $.user_id`"),
            ]),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::List(_) => Err(vec![
                Finding::error(
                    Code::WrongType,
                    format!("a capture is a path, a word or a mapping, not {}", node.kind_name()),
                )
                .at(node.place, "")
                .help("write a path: `user_id: $.user_id`"),
            ]),
        }
    }

    /// Takes the value. A null that was found is a value; the default is not looked at here.
    ///
    /// # Errors
    /// What was there instead; [`Actual::Missing`] where nothing was found, which is where the
    /// default counts.
    pub fn take(&self, response: &Response) -> Result<Value, Actual> {
        Filter::apply_all(&self.apply, self.source.read(response)).into_value()
    }

    /// Whether a failure of [`Capture::take`] means that nothing was found, so that the default
    /// counts: a gap, an empty body, a pattern that matches nowhere.
    #[must_use]
    pub fn found_nothing(&self, actual: &Actual) -> bool {
        match actual {
            Actual::Missing { .. } => true,
            Actual::NotJson(what) => *what == NotJson::Empty.to_string(),
            Actual::Unjudgeable { why, .. } => why.starts_with("`regex` finds no match"),
            Actual::Value(_) | Actual::Unreadable(_) => false,
        }
    }

    /// Whether it is a cookie that is captured: what one holds is always secret.
    #[must_use]
    pub fn is_cookie(&self) -> bool {
        matches!(self.source.kind, SubjectKind::Cookie { .. })
    }

    /// The name of the field that is captured, where it is one: `access_token`.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match &self.source.kind {
            SubjectKind::Path(path) => path.last_name(),
            SubjectKind::Header { name, .. } | SubjectKind::Cookie { name, .. } => Some(name),
            SubjectKind::Status
            | SubjectKind::Redirects(_)
            | SubjectKind::Url
            | SubjectKind::Text
            | SubjectKind::Size
            | SubjectKind::Sha256
            | SubjectKind::Md5
            | SubjectKind::Bytes
            | SubjectKind::Http
            | SubjectKind::RemoteIp
            | SubjectKind::Duration
            | SubjectKind::Value(_) => None,
        }
    }
}

fn short(written: &str, node: &Node, text: &str) -> Result<Subject, Box<Finding>> {
    let kind = match written {
        "status" => SubjectKind::Status,
        "url" => SubjectKind::Url,
        "text" => SubjectKind::Text,
        "duration" => SubjectKind::Duration,
        path if path.starts_with('$') && !path.starts_with("${{") => {
            return path_of(path, node, text);
        }
        other => {
            let finding =
                Finding::error(Code::BadValue, format!("`{other}` is no source of a capture"))
                    .at(node.place, "");
            return Err(Box::new(match nearest(other, WORDS) {
                Some(similar) => finding.help(format!("did you mean `{similar}`?")),
                None if other.contains("${{") => {
                    finding.help("a capture takes from the response; a computed value is a `var`")
                }
                None => finding.help(format!(
                    "write a path such as `$.{}`, one of {}, or `{{header: NAME}}`",
                    other.trim_start_matches('.'),
                    WORDS.join(", ")
                )),
            }));
        }
    };
    Ok(Subject { kind, label: written.to_owned() })
}

fn path_of(written: &str, node: &Node, text: &str) -> Result<Subject, Box<Finding>> {
    match JsonPath::parse(written) {
        Ok(path) => Ok(Subject { kind: SubjectKind::Path(path), label: written.to_owned() }),
        Err(fault) => {
            let place = node
                .content_place(text)
                .map_or(node.place, |content| content.inward(fault.range.clone()));
            Err(Box::new(Finding::of(&fault, place)))
        }
    }
}

fn of_subject(fault: &SubjectFault, node: &Node, text: &str) -> Finding {
    let place = match (fault.range(), node.content_place(text)) {
        (Some(range), Some(content)) => content.inward(range),
        _ => node.place,
    };
    Finding::of(fault, place)
}

fn long(node: &Node, text: &str) -> Result<Capture, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut sources: Vec<(Subject, crate::source::Place)> = Vec::new();
    let mut apply = Vec::new();
    let mut default = None;
    let mut secret = false;
    let mut named = 0;
    for entry in node.entries() {
        let value = &entry.value;
        let source = match entry.key.value.as_str() {
            "json" => Some(match value.as_str() {
                Some(written) => path_of(written, value, text),
                None => Err(Box::new(wants(value, "`json` takes a path", "{json: $.id}"))),
            }),
            "header" => Some(named_source("headers", value, text)),
            "cookie" => Some(named_source("cookies", value, text)),
            "text" => Some(match &value.kind {
                Kind::Bool(true) => {
                    Ok(Subject { kind: SubjectKind::Text, label: "text".to_owned() })
                }
                _ => Err(Box::new(wants(
                    value,
                    "`text` takes `true`",
                    "{text: true, regex: 'id=(\\d+)'}",
                ))),
            }),
            "apply" => {
                match Filter::parse_all(value, text) {
                    Ok(filters) => apply.extend(filters),
                    Err(more) => findings.extend(more),
                }
                None
            }
            "regex" => {
                match super::filter::regular(value, text) {
                    Ok(regex) => apply.push(Filter::Regex(regex)),
                    Err(finding) => findings.push(*finding),
                }
                None
            }
            "default" => {
                default = Some(value.clone());
                None
            }
            "secret" => {
                match &value.kind {
                    Kind::Bool(is) => secret = *is,
                    _ => findings.push(wants(value, "`secret` takes `true`", "{secret: true}")),
                }
                None
            }
            other => {
                let finding =
                    Finding::error(Code::UnknownKey, format!("unknown key `{other}` in a capture"))
                        .at(entry.key.place, "");
                let keys = || CAPTURE.iter().map(|key| key.name);
                findings.push(match nearest(other, keys()) {
                    Some(similar) => finding.help(format!("did you mean `{similar}`?")),
                    None => finding
                        .help(format!("the keys are {}", keys().collect::<Vec<_>>().join(", "))),
                });
                None
            }
        };
        match source {
            Some(Ok(subject)) => sources.push((subject, entry.key.place)),
            Some(Err(finding)) => findings.push(*finding),
            None => continue,
        }
        named += 1;
    }
    if named == 0 && findings.is_empty() {
        findings.push(
            Finding::error(Code::MissingKey, "nothing says where the capture comes from")
                .at(node.place, "")
                .help("add one of `json`, `header`, `cookie`, `text`"),
        );
    }
    if let [(_, first), (_, second), ..] = sources.as_slice() {
        findings.push(
            Finding::error(Code::Conflict, "a capture comes from one place")
                .at(*second, "")
                .at(*first, "the other one"),
        );
    }
    match sources.into_iter().next() {
        Some((source, _)) if findings.is_empty() => Ok(Capture { source, apply, default, secret }),
        _ => Err(findings),
    }
}

fn named_source(group: &str, value: &Node, text: &str) -> Result<Subject, Box<Finding>> {
    match value.as_str() {
        Some(name) => Subject::parse(Some(group), name)
            .map_err(|fault| Box::new(of_subject(&fault, value, text))),
        None => Err(Box::new(wants(value, "a name is missing here", "{header: Location}"))),
    }
}

fn wants(node: &Node, message: &str, example: &str) -> Finding {
    let code = if node.kind == Kind::Empty { Code::EmptyValue } else { Code::WrongType };
    Finding::error(code, message).at(node.place, "").help(format!("write for example `{example}`"))
}
