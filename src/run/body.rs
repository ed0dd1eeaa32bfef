//! Renders the body of a request: small ones in memory, files and generated ones as what reads them.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::files::PlanFiles;
use super::generated::Generated;
use super::render::{Fault, Renderer};
use super::url::encode;
use crate::check::{FilePath, Part, PartContent, Request, RequestBody};
use crate::finding::{Code, Finding};
use crate::http;
use crate::outcome::{self, Content};
use crate::project::Upload;
use crate::source::Place;
use crate::template::{Taint, ValueTemplate};
use crate::units::hex;

/// What is told of a body.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// Its bytes.
    Bytes(Bytes),
    /// What it was made of, where it was not held in memory as it was sent.
    Made(Content),
}

impl Default for Told {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

/// A rendered body.
struct Made {
    body: http::Body,
    told: Told,
    taint: Taint,
    content_type: Option<String>,
}

impl Made {
    fn text(text: String, taint: Taint, content_type: Option<&str>) -> Self {
        let bytes = Bytes::from(text);
        Self {
            body: http::Body::Bytes(bytes.clone()),
            told: Told::Bytes(bytes),
            taint,
            content_type: content_type.map(str::to_owned),
        }
    }
}

/// What a multipart body is put together of.
#[derive(Debug, Clone)]
enum Segment {
    Text(Bytes),
    File(Option<Upload>),
}

impl Renderer<'_> {
    pub(super) fn body(
        &self,
        request: &Request,
        content_type_stated: bool,
        out: &mut http::Request,
        sent: &mut Vec<(String, String)>,
    ) -> Result<Told, Fault> {
        let Some(body) = &request.body else { return Ok(Told::default()) };
        let Some(Made { body, told, taint, content_type }) = self.made(body)? else {
            return Ok(Told::default());
        };
        if let Some(secret) = &taint {
            out.body_is_secret = true;
            sent.push((secret.to_string(), "body".to_owned()));
        }
        if let (Some(kind), false) = (content_type, content_type_stated) {
            out.headers.push(("Content-Type".into(), kind));
        }
        out.body = body;
        Ok(told)
    }

    fn made(&self, body: &RequestBody) -> Result<Option<Made>, Fault> {
        Ok(match body {
            RequestBody::Json(value) => self
                .value(value)?
                .map(|(value, taint)| Made::text(value.to_string(), taint, Some(JSON))),
            RequestBody::Form(fields) => {
                let mut text = String::new();
                let mut taint = None;
                for (name, value, secret) in self.pairs(fields)? {
                    if !text.is_empty() {
                        text.push('&');
                    }
                    let _ = write!(text, "{}={}", encode(&name), encode(&value));
                    taint = taint.or(secret);
                }
                Some(Made::text(text, taint, Some("application/x-www-form-urlencoded")))
            }
            RequestBody::Text(value) => {
                self.text(value)?.map(|(text, taint)| Made::text(text, taint, None))
            }
            RequestBody::Graphql { query, variables } => self.graphql(query, variables.as_ref())?,
            RequestBody::Multipart(parts) => Some(self.multipart(parts)?),
            RequestBody::File(path) => self.file(path)?.map(|(shown, upload, taint)| Made {
                body: streamed(vec![Segment::File(upload)]),
                told: Told::Made(Content::File(shown)),
                taint,
                content_type: None,
            }),
            RequestBody::Generate { size, seed } => {
                let (size, seed) = (self.late(size)?, self.late(seed)?.0);
                let open = move || Ok(Box::new(Generated::new(seed, size)) as Box<dyn Read + Send>);
                Some(Made {
                    body: http::Body::Stream { size: Some(size), open: Arc::new(open) },
                    told: Told::Made(Content::Generated(seed)),
                    taint: None,
                    content_type: None,
                })
            }
        })
    }

    fn graphql(
        &self,
        query: &ValueTemplate,
        variables: Option<&ValueTemplate>,
    ) -> Result<Option<Made>, Fault> {
        let Some((query, mut taint)) = self.text(query)? else { return Ok(None) };
        let mut body = json!({"query": query});
        if let Some(variables) = variables
            && let Some((variables, secret)) = self.value(variables)?
            && let Value::Object(fields) = &mut body
        {
            fields.insert("variables".to_owned(), variables);
            taint = taint.or(secret);
        }
        Ok(Some(Made::text(body.to_string(), taint, Some(JSON))))
    }

    /// multipart/form-data (RFC 7578), names and file names escaped as browsers do it.
    fn multipart(&self, parts: &[Part]) -> Result<Made, Fault> {
        let boundary = self.boundary();
        let mut segments = Vec::new();
        let mut told = Vec::new();
        let mut taint: Taint = None;
        let head = |part: &outcome::Part| {
            let mut text = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
                escaped(&part.name)
            );
            if let Some(filename) = &part.filename {
                let _ = write!(text, "; filename=\"{}\"", escaped(filename));
            }
            if let Some(media_type) = &part.media_type {
                let _ = write!(text, "\r\nContent-Type: {media_type}");
            }
            text.push_str("\r\n\r\n");
            text
        };
        for part in parts {
            match &part.content {
                PartContent::Text(value) => {
                    for (text, secret) in self.texts(value)? {
                        taint = taint.or(secret);
                        let part = outcome::Part {
                            name: part.name.clone(),
                            content: outcome::PartContent::Text(text.clone()),
                            filename: None,
                            media_type: None,
                        };
                        segments.push(Segment::Text(format!("{}{text}\r\n", head(&part)).into()));
                        told.push(part);
                    }
                }
                PartContent::File { file, filename, media_type } => {
                    let Some((shown, upload, secret)) = self.file(file)? else { continue };
                    taint = taint.or(secret);
                    let own = shown.rsplit('/').next().unwrap_or_default().to_owned();
                    let mut optional = |value: &Option<ValueTemplate>| match value {
                        None => Ok(None),
                        Some(value) => Ok::<_, Fault>(self.text(value)?.map(|(text, secret)| {
                            taint = taint.take().or(secret);
                            text
                        })),
                    };
                    let filename = optional(filename)?.unwrap_or(own);
                    let media_type = optional(media_type)?;
                    let media_type = media_type.unwrap_or("application/octet-stream".to_owned());
                    refuse_line_breaks(&media_type, file.place)?;
                    let part = outcome::Part {
                        name: part.name.clone(),
                        content: outcome::PartContent::File(shown),
                        filename: Some(filename),
                        media_type: Some(media_type),
                    };
                    segments.push(Segment::Text(head(&part).into()));
                    segments.push(Segment::File(upload));
                    segments.push(Segment::Text(Bytes::from_static(b"\r\n")));
                    told.push(part);
                }
            }
        }
        segments.push(Segment::Text(format!("--{boundary}--\r\n").into()));
        Ok(Made {
            body: streamed(segments),
            told: Told::Made(Content::Parts(told)),
            taint,
            content_type: Some(format!("multipart/form-data; boundary={boundary}")),
        })
    }

    /// A text that no part holds but by a chance of one in 2¹²⁸; `--seed` repeats it.
    fn boundary(&self) -> String {
        let seed = &self.scope.seed;
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for text in ["boundary", seed.plan, seed.case, seed.step] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        for number in [seed.seed, seed.iteration, seed.attempt] {
            context.update(&number.to_be_bytes());
        }
        let digest = hex(context.finish().as_ref());
        format!("planrun-{}", digest.get(..32).unwrap_or_default())
    }

    /// A file: how it is called, what opens it, and whether its name is secret; nothing for `omit`.
    fn file(&self, path: &FilePath) -> Result<Option<(String, Option<Upload>, Taint)>, Fault> {
        let Some((text, taint)) = self.text(&path.path)? else { return Ok(None) };
        let PlanFiles { values, absent: _ } = self.files;
        let upload = self.files.upload(&text, path.place)?;
        Ok(Some((values.shown(&text, path.place.source), upload, taint)))
    }
}

const JSON: &str = "application/json";

fn refuse_line_breaks(text: &str, place: Place) -> Result<(), Fault> {
    if !text.contains(|c: char| c.is_control()) {
        return Ok(());
    }
    Err(Box::new(
        Finding::error(Code::ValueRefused, "a line break in the media type of a part")
            .at(place, "of this file")
            .help("look at the step that captured the value"),
    ))
}

/// A name inside a part's head, as browsers write it (the multipart/form-data algorithm of HTML).
fn escaped(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

/// A body of these segments: in memory, unless one of them is a file.
fn streamed(segments: Vec<Segment>) -> http::Body {
    let in_memory = |segment: &Segment| match segment {
        Segment::Text(text) => Some(text.clone()),
        Segment::File(_) => None,
    };
    if let Some(texts) = segments.iter().map(in_memory).collect::<Option<Vec<_>>>() {
        return http::Body::Bytes(texts.concat().into());
    }
    let size = segments.iter().map(|segment| match segment {
        Segment::Text(text) => Some(text.len() as u64),
        Segment::File(upload) => upload.as_ref().map(Upload::size),
    });
    let size = size.sum();
    let segments: Arc<[Segment]> = segments.into();
    let open = move || {
        let chain = Chain { segments: Arc::clone(&segments), next: 0, current: None };
        Ok(Box::new(chain) as Box<dyn Read + Send>)
    };
    http::Body::Stream { size, open: Arc::new(open) }
}

/// Reads segments one after the other; a file is opened when its turn comes.
struct Chain {
    segments: Arc<[Segment]>,
    next: usize,
    current: Option<Box<dyn Read + Send>>,
}

impl Read for Chain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                match current.read(into)? {
                    0 => self.current = None,
                    length => return Ok(length),
                }
            }
            let Some(segment) = self.segments.get(self.next) else { return Ok(0) };
            self.next += 1;
            self.current = Some(match segment {
                Segment::Text(text) => Box::new(io::Cursor::new(text.clone())),
                Segment::File(Some(upload)) => Box::new(upload.open()?),
                Segment::File(None) => return Err(io::ErrorKind::NotFound.into()),
            });
        }
    }
}
