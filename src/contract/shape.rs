//! What is known of a request and of a response, part by part.

use serde_json::Value;

use crate::source::Place;

/// Something that is known, or is there and not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It is this.
    Known(T),
    /// It is something.
    Unknown,
}

impl<T> Known<T> {
    /// What it is, where that is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

/// A JSON value of which parts are not known, with the places that gave them.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// What it is.
    pub value: Value3,
    /// Where it is written.
    pub place: Option<Place>,
    /// The secrets that go into it.
    pub secrets: Vec<String>,
}

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Value3 {
    /// Anything.
    Unknown,
    /// A text that is not known.
    SomeText,
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    /// A list of these.
    List(Vec<Shape>),
    /// An object with these fields.
    Object(Vec<Field>),
}

/// A named part.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where the name is written.
    pub place: Option<Place>,
    /// Whether it may be left out after all.
    pub perhaps: bool,
    /// What it is.
    pub shape: Shape,
}

impl Shape {
    /// Of which nothing is known.
    #[must_use]
    pub fn unknown(place: Option<Place>) -> Self {
        Self { value: Value3::Unknown, place, secrets: Vec::new() }
    }

    /// A value that is known as a whole, without places.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let value = match value {
            Value::Array(items) => Value3::List(items.iter().map(Self::of).collect()),
            Value::Object(fields) => Value3::Object(
                fields
                    .iter()
                    .map(|(name, value)| Field {
                        name: name.clone(),
                        place: None,
                        perhaps: false,
                        shape: Self::of(value),
                    })
                    .collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Value3::Scalar(value.clone())
            }
        };
        Self { value, place: None, secrets: Vec::new() }
    }

    /// The value, where all of it is known.
    #[must_use]
    pub fn whole(&self) -> Option<Value> {
        match &self.value {
            Value3::Unknown | Value3::SomeText => None,
            Value3::Scalar(value) => Some(value.clone()),
            Value3::List(items) => {
                items.iter().map(Self::whole).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            Value3::Object(fields) => fields
                .iter()
                .map(|field| {
                    if field.perhaps {
                        None
                    } else {
                        Some((field.name.clone(), field.shape.whole()?))
                    }
                })
                .collect::<Option<serde_json::Map<_, _>>>()
                .map(Value::Object),
        }
    }

    /// What stands at a JSON pointer inside it.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        let mut shape = self;
        for part in pointer.split('/').skip(1) {
            let token = crate::json::unescape(part);
            shape = match &shape.value {
                Value3::Object(fields) => &fields.iter().find(|field| field.name == token)?.shape,
                Value3::List(items) => items.get(token.parse::<usize>().ok()?)?,
                Value3::Unknown | Value3::SomeText | Value3::Scalar(_) => return None,
            };
        }
        Some(shape)
    }
}

/// Headers, cookies, parameters or fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    /// Those that are known to be there.
    pub known: Vec<Field>,
    /// Whether there may be others.
    pub open: bool,
}

impl Fields {
    /// Those of a name; header names are compared without regard to case.
    pub fn named<'f>(&'f self, name: &'f str, any_case: bool) -> impl Iterator<Item = &'f Field> {
        self.known.iter().filter(move |field| {
            if any_case { field.name.eq_ignore_ascii_case(name) } else { field.name == name }
        })
    }
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyShape {
    /// Its media type, where one is sent.
    pub media: Option<Known<String>>,
    /// Where that is stated.
    pub media_place: Option<Place>,
    /// What it holds.
    pub payload: Payload,
    /// The key that it stands under.
    pub place: Option<Place>,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// No body.
    Nothing,
    /// JSON.
    Json(Shape),
    /// Names with values: a form, or the parts of one.
    Form(Fields),
    /// A text that was sent as one.
    Text(String),
    /// What was sent as JSON, or as nothing that is stated, and is none: why not.
    NotJson(String),
    /// Bytes, of which nothing is known here.
    Opaque,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestShape {
    /// The method.
    pub method: String,
    /// Where it is written.
    pub method_place: Option<Place>,
    /// The path after what a contract names as its base, in decoded segments; nothing where not
    /// even their number is known.
    pub path: Option<Vec<Known<String>>>,
    /// Where it is written.
    pub path_place: Option<Place>,
    /// The query.
    pub query: Fields,
    /// The headers that were stated.
    pub headers: Fields,
    /// The cookies.
    pub cookies: Fields,
    /// The body.
    pub body: BodyShape,
    /// The line that says how the request shows who it is, for what is said about that.
    pub auth_place: Option<Place>,
    /// Whether it is meant to be refused for want of a credential: 401 or 403 is all it expects.
    pub expects_denial: bool,
}

/// Where a secret is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretAt {
    /// Its name.
    pub name: String,
    /// Where: `header Authorization`, `query key`, `body /api_key`.
    pub at: String,
    /// Where that is written.
    pub place: Option<Place>,
}

impl RequestShape {
    /// A request that went over the wire: all of it is known. `path` begins after the base, `query`
    /// without its question mark; the body is its bytes with the media type among the headers.
    #[must_use]
    pub fn recorded(
        method: &str,
        path: &str,
        query: &str,
        (headers, body): (&[(String, String)], &[u8]),
    ) -> Self {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let text = |name: String, value: String| Field {
            name,
            place: None,
            perhaps: false,
            shape: Shape::of(&Value::String(value)),
        };
        let pairs = |text_of: &str, separator: char, plus: bool| -> Vec<Field> {
            text_of
                .split(separator)
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    let read = |part: &str| {
                        if plus { decode(&part.replace('+', " ")) } else { part.to_owned() }
                    };
                    text(read(name), read(value))
                })
                .collect()
        };
        let named = |wanted: &str| {
            let mut of_name = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            of_name.next().map(|(_, value)| value.clone())
        };
        let media = named("content-type");
        let is = |kind: &str| media.as_deref().is_some_and(|media| super::essence(media) == kind);
        let payload = if body.is_empty() {
            Payload::Nothing
        } else if is("application/x-www-form-urlencoded") {
            let known = pairs(&String::from_utf8_lossy(body), '&', true);
            Payload::Form(Fields { known, open: false })
        } else {
            read(body, media.as_deref())
        };
        let cookies = named("cookie").map(|cookies| pairs(&cookies, ';', false));
        Self {
            method: method.to_ascii_uppercase(),
            method_place: None,
            path: Some(path_segments(path).map(|segment| Known::Known(decode(segment))).collect()),
            path_place: None,
            query: Fields { known: pairs(query, '&', true), open: false },
            headers: Fields {
                known: headers
                    .iter()
                    .map(|(name, value)| text(name.clone(), value.clone()))
                    .collect(),
                open: false,
            },
            cookies: Fields { known: cookies.unwrap_or_default(), open: false },
            body: BodyShape {
                media: media.map(Known::Known),
                media_place: None,
                payload,
                place: None,
            },
            auth_place: None,
            expects_denial: false,
        }
    }
}

/// What a body that is no form holds, by what it is sent as.
fn read(body: &[u8], media: Option<&str>) -> Payload {
    let text = || match media {
        Some(media) if super::essence(media).starts_with("text/") => {
            std::str::from_utf8(body).ok().map(|text| Payload::Text(text.to_owned()))
        }
        Some(_) | None => None,
    };
    let is_json = media.is_none_or(super::media::is_json);
    match crate::json::parse(body) {
        Ok(value) if is_json || value.is_object() || value.is_array() => {
            Payload::Json(Shape::of(&value))
        }
        Err(error) if is_json => Payload::NotJson(error.to_string()),
        Ok(_) | Err(_) => text().unwrap_or(Payload::Opaque),
    }
}

/// The segments of a path, as they are written.
pub(super) fn path_segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

/// A response, as far as a contract looks at it.
#[derive(Debug, Clone, Copy)]
pub struct ResponseShape<'r> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'r [(String, String)],
    /// The body as JSON, where it is; nothing where it is not.
    pub json: Option<&'r Value>,
    /// Whether the body has no bytes.
    pub is_empty: bool,
    /// Whether it answers HEAD, so that no body comes.
    pub is_of_head: bool,
}
