//! One operation of a document: what it takes, what it answers, who may ask.

use serde_json::Value;

use super::document::{Document, Spot, Version};
use super::path::{self, Segment};
use crate::finding::{Code, Finding};

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method, in capitals.
    pub method: String,
    /// The path as the document writes it.
    pub path: String,
    /// Its `operationId`.
    pub id: Option<String>,
    /// Where it stands.
    pub spot: Spot,
    /// The path in its segments.
    pub segments: Vec<Segment>,
    /// Parameters, those of the path included.
    pub parameters: Vec<Parameter>,
    /// What the body is.
    pub body: Option<Body>,
    /// What it answers, in the order of the document.
    pub responses: Vec<Response>,
    /// The ways to show who asks, each a list of what is needed together; nothing where the
    /// document asks for none.
    pub security: Vec<Vec<Scheme>>,
    /// Where that is said.
    pub security_spot: Option<Spot>,
}

impl Operation {
    /// What a person calls it: `POST /pets`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether a name means it: its label or its id.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_deref() == Some(name) || self.label() == name.trim()
    }

    /// The response that a status is documented by: itself, its class, else the default.
    #[must_use]
    pub fn response(&self, status: u16) -> Option<&Response> {
        let exact = status.to_string();
        let class = format!("{}XX", status / 100);
        let find = |key: &str| self.responses.iter().find(|r| r.key.eq_ignore_ascii_case(key));
        find(&exact).or_else(|| find(&class)).or_else(|| find("default"))
    }

    /// The statuses that are documented, as written.
    #[must_use]
    pub fn statuses(&self) -> Vec<&str> {
        self.responses.iter().map(|response| response.key.as_str()).collect()
    }
}

/// Where a parameter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
    /// In a form (Swagger 2.0).
    Form,
}

impl Within {
    /// What a person calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Form => "form",
        }
    }

    fn read(word: &str) -> Option<Self> {
        match word {
            "path" => Some(Self::Path),
            "query" => Some(Self::Query),
            "header" => Some(Self::Header),
            "cookie" => Some(Self::Cookie),
            "formData" => Some(Self::Form),
            _ => None,
        }
    }
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it is sent.
    pub within: Within,
    /// Whether it must be.
    pub required: bool,
    /// What it is, where that is a schema of one plain value.
    pub schema: Option<Spot>,
    /// Where it stands.
    pub spot: Spot,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub struct Body {
    /// Whether there must be one.
    pub required: bool,
    /// Where it stands.
    pub spot: Spot,
    /// What it may be.
    pub content: Vec<Media>,
    /// The fields of a form (Swagger 2.0).
    pub form: Vec<Parameter>,
}

/// A kind of content.
#[derive(Debug, Clone)]
pub struct Media {
    /// The media type or range, as written.
    pub range: String,
    /// What it holds.
    pub schema: Option<Spot>,
    /// Where it stands.
    pub spot: Spot,
}

/// What an operation answers.
#[derive(Debug, Clone)]
pub struct Response {
    /// `200`, `4XX` or `default`.
    pub key: String,
    /// Where it stands under the operation, not where a reference leads.
    pub spot: Spot,
    /// Headers.
    pub headers: Vec<ResponseHeader>,
    /// What the body may be; nothing where there is none.
    pub content: Vec<Media>,
}

impl Response {
    /// The schema of its JSON; nothing where it says nothing of it.
    #[must_use]
    pub fn json_schema(&self) -> Option<&Spot> {
        super::media::json(&self.content)?.schema.as_ref()
    }
}

/// A header of a response.
#[derive(Debug, Clone)]
pub struct ResponseHeader {
    /// Its name.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it is.
    pub schema: Option<Spot>,
    /// Where it stands.
    pub spot: Spot,
}

/// A way to show who asks.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Its name.
    pub name: String,
    /// Where it is sent.
    pub credential: Credential,
    /// Where it is defined.
    pub spot: Spot,
}

/// Where a credential is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// In a header.
    Header(String),
    /// In the query.
    Query(String),
    /// In a cookie.
    Cookie(String),
    /// By the connection, or in a way that is not known here.
    Elsewhere,
}

/// The methods that a path may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Every operation of a document, and every reference of one that leads nowhere.
pub(super) fn read(document: &Document) -> (Vec<Operation>, Vec<Finding>) {
    let mut reader = Reader { document, findings: Vec::new() };
    let paths = Spot::new("/paths");
    let mut operations = Vec::new();
    let names: Vec<String> = keys(document, &paths);
    for name in names.iter().filter(|name| name.starts_with('/')) {
        let Some(item) = reader.follow(&paths.key(name)) else { continue };
        let shared = reader.parameters(&item);
        for method in METHODS {
            let spot = item.key(method);
            if document.get(&spot).is_some_and(Value::is_object) {
                operations.push(reader.operation(method, name, &spot, &shared));
            }
        }
    }
    (operations, reader.findings)
}

struct Reader<'d> {
    document: &'d Document,
    findings: Vec<Finding>,
}

/// Parameters as they are read: with the bodies of Swagger 2.0 apart.
#[derive(Debug, Clone, Default)]
struct Read {
    parameters: Vec<Parameter>,
    body: Option<(bool, Spot)>,
}

impl Reader<'_> {
    /// Where a reference leads; one that leads nowhere is said once.
    fn follow(&mut self, spot: &Spot) -> Option<Spot> {
        let found = self.document.resolve(spot);
        if found.is_none() && self.document.get(spot).is_some() {
            let written = self.document.field(spot, "$ref").and_then(Value::as_str);
            let message = format!("`{}` leads to nothing", written.unwrap_or("$ref"));
            let mut finding = Finding::error(Code::ContractBadDocument, message);
            if let Some(place) = self.document.place(&spot.key("$ref")) {
                finding = finding.at(place, "nothing stands there");
            }
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        found
    }

    fn operation(&mut self, method: &str, path: &str, spot: &Spot, shared: &Read) -> Operation {
        let own = self.parameters(spot);
        let mut parameters = own.parameters.clone();
        for parameter in &shared.parameters {
            let known =
                |own: &Parameter| own.name == parameter.name && own.within == parameter.within;
            if !parameters.iter().any(known) {
                parameters.push(parameter.clone());
            }
        }
        let (form, parameters) =
            parameters.into_iter().partition(|parameter| parameter.within == Within::Form);
        let body = if self.document.version() == Version::Two {
            self.body_of_two(spot, own.body.or_else(|| shared.body.clone()), form)
        } else {
            self.body(&spot.key("requestBody"))
        };
        let (security, security_spot) = self.security(spot);
        Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            id: text(self.document, spot, "operationId"),
            spot: spot.clone(),
            segments: path::segments(path),
            parameters,
            body,
            responses: self.responses(spot),
            security,
            security_spot,
        }
    }

    fn parameters(&mut self, holder: &Spot) -> Read {
        let list = holder.key("parameters");
        let count = self.document.get(&list).and_then(Value::as_array).map_or(0, Vec::len);
        let mut read = Read::default();
        for index in 0..count {
            let Some(spot) = self.follow(&list.item(index)) else { continue };
            let document = self.document;
            let Some(name) = text(document, &spot, "name") else { continue };
            let Some(within) = text(document, &spot, "in") else { continue };
            let required = flag(document, &spot, "required");
            if within == "body" {
                read.body = Some((required, spot));
                continue;
            }
            let Some(within) = Within::read(&within) else { continue };
            let schema = if document.version() == Version::Two {
                Some(spot.clone())
            } else {
                let schema = spot.key("schema");
                document.get(&schema).is_some().then_some(schema)
            };
            let required = required || within == Within::Path;
            read.parameters.push(Parameter { name, within, required, schema, spot });
        }
        read
    }

    fn body(&mut self, at: &Spot) -> Option<Body> {
        self.document.get(at)?;
        let spot = self.follow(at)?;
        Some(Body {
            required: flag(self.document, &spot, "required"),
            content: self.content(&spot.key("content")),
            form: Vec::new(),
            spot,
        })
    }

    fn body_of_two(
        &mut self,
        operation: &Spot,
        body: Option<(bool, Spot)>,
        form: Vec<Parameter>,
    ) -> Option<Body> {
        let consumes = self.media_types(operation, "consumes");
        let media = |range: &str, schema: Option<Spot>, spot: &Spot| Media {
            range: range.to_owned(),
            schema,
            spot: spot.clone(),
        };
        if let Some((required, spot)) = body {
            let schema = spot.key("schema");
            let schema = self.document.get(&schema).is_some().then_some(schema);
            let ranges = if consumes.is_empty() { vec!["*/*".to_owned()] } else { consumes };
            let content = ranges.iter().map(|range| media(range, schema.clone(), &spot)).collect();
            return Some(Body { required, spot, content, form: Vec::new() });
        }
        let first = form.first()?.spot.clone();
        let forms = ["application/x-www-form-urlencoded", "multipart/form-data"];
        let ranges = if consumes.is_empty() { forms.map(str::to_owned).to_vec() } else { consumes };
        Some(Body {
            required: form.iter().any(|field| field.required),
            content: ranges.iter().map(|range| media(range, None, &first)).collect(),
            spot: first,
            form,
        })
    }

    /// `consumes` or `produces`, of the operation or of the document.
    fn media_types(&self, operation: &Spot, key: &str) -> Vec<String> {
        let own = self.document.field(operation, key);
        let list = own.or_else(|| self.document.field(&Spot::new(""), key));
        let list = list.and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn content(&mut self, at: &Spot) -> Vec<Media> {
        keys(self.document, at)
            .into_iter()
            .map(|range| {
                let spot = at.key(&range);
                let schema = spot.key("schema");
                let schema = self.document.get(&schema).is_some().then_some(schema);
                Media { range, schema, spot }
            })
            .collect()
    }

    fn responses(&mut self, operation: &Spot) -> Vec<Response> {
        let all = operation.key("responses");
        let mut responses = Vec::new();
        for key in keys(self.document, &all) {
            if key.starts_with("x-") {
                continue;
            }
            let spot = all.key(&key);
            let Some(at) = self.follow(&spot) else { continue };
            let content = if self.document.version() == Version::Two {
                let schema = at.key("schema");
                if self.document.get(&schema).is_none() {
                    Vec::new()
                } else {
                    let mut ranges = self.media_types(operation, "produces");
                    if ranges.is_empty() {
                        ranges.push("*/*".to_owned());
                    }
                    let media =
                        |range| Media { range, schema: Some(schema.clone()), spot: at.clone() };
                    ranges.into_iter().map(media).collect()
                }
            } else {
                self.content(&at.key("content"))
            };
            let headers = self.headers(&at.key("headers"));
            responses.push(Response { key, spot, headers, content });
        }
        responses
    }

    fn headers(&mut self, at: &Spot) -> Vec<ResponseHeader> {
        let mut headers = Vec::new();
        for name in keys(self.document, at) {
            // The description of a content type says nothing (OpenAPI 3.1 §4.8.17).
            if name.eq_ignore_ascii_case("content-type") {
                continue;
            }
            let Some(spot) = self.follow(&at.key(&name)) else { continue };
            let schema = if self.document.version() == Version::Two {
                Some(spot.clone())
            } else {
                let schema = spot.key("schema");
                self.document.get(&schema).is_some().then_some(schema)
            };
            let required = flag(self.document, &spot, "required");
            headers.push(ResponseHeader { name, required, schema, spot });
        }
        headers
    }

    /// Who may ask: what the operation says, else what the document says for all.
    fn security(&self, operation: &Spot) -> (Vec<Vec<Scheme>>, Option<Spot>) {
        let own = operation.key("security");
        let of_all = Spot::new("/security");
        let Some(at) = [own, of_all].into_iter().find(|at| self.document.get(at).is_some()) else {
            return (Vec::new(), None);
        };
        let list = self.document.get(&at).and_then(Value::as_array);
        let mut ways = Vec::new();
        for way in list.into_iter().flatten() {
            let names = way.as_object().into_iter().flat_map(serde_json::Map::keys);
            ways.push(names.map(|name| self.scheme(name)).collect());
        }
        (ways, Some(at))
    }

    fn scheme(&self, name: &str) -> Scheme {
        let document = self.document;
        let holder = if document.version() == Version::Two {
            Spot::new("/securityDefinitions")
        } else {
            Spot::new("/components/securitySchemes")
        };
        let written = holder.key(name);
        let spot = document.resolve(&written).unwrap_or(written);
        let kind = text(document, &spot, "type").unwrap_or_default();
        let named = text(document, &spot, "name").unwrap_or_default();
        let credential = match (kind.as_str(), text(document, &spot, "in").as_deref()) {
            ("apiKey", Some("header")) => Credential::Header(named),
            ("apiKey", Some("query")) => Credential::Query(named),
            ("apiKey", Some("cookie")) => Credential::Cookie(named),
            ("http" | "basic" | "oauth2" | "openIdConnect", _) => {
                Credential::Header("Authorization".to_owned())
            }
            _ => Credential::Elsewhere,
        };
        Scheme { name: name.to_owned(), credential, spot }
    }
}

/// The keys of an object, in their order.
fn keys(document: &Document, at: &Spot) -> Vec<String> {
    let fields = document.get(at).and_then(Value::as_object);
    fields.into_iter().flat_map(serde_json::Map::keys).cloned().collect()
}

fn text(document: &Document, at: &Spot, key: &str) -> Option<String> {
    document.field(at, key)?.as_str().map(str::to_owned)
}

fn flag(document: &Document, at: &Spot, key: &str) -> bool {
    document.field(at, key) == Some(&Value::Bool(true))
}
