//! A request against its operation: what is missing, what is not known there, what cannot be right.

use serde_json::Value;

use super::document::{Document, Spot};
use super::fields::{Looked, Step, may_be};
use super::media;
use super::operation::{Body, Media, Operation, Parameter, Within};
use super::rewrite::Direction;
use super::shape::{Field, Known, Payload, RequestShape, Shape, Value3};
use super::words::{called, readings, shown};
use super::{Breach, secrets};
use crate::finding::{Code, nearest};
use crate::json;
use crate::secret::names_secret;
use crate::source::Place;

/// What was found out about a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Every way in which it is not as the document says.
    pub breaches: Vec<Breach>,
    /// Whether all of it is known, so that nothing else can be wrong with it.
    pub complete: bool,
}

impl Document {
    /// Judges a request against its operation; `path` are the values of its path parameters.
    #[must_use]
    pub fn judge_request(
        &self,
        operation: &Operation,
        path: &[(String, Known<String>)],
        request: &RequestShape,
    ) -> Judged {
        let mut judge = Judge {
            document: self,
            operation,
            request,
            found: Judged { breaches: Vec::new(), complete: true },
            wanted: Vec::new(),
        };
        judge.path_values(path);
        judge.parameters();
        judge.body();
        secrets::flow(&mut judge);
        judge.found
    }
}

/// A request that is being judged.
pub(super) struct Judge<'a> {
    pub(super) document: &'a Document,
    pub(super) operation: &'a Operation,
    pub(super) request: &'a RequestShape,
    pub(super) found: Judged,
    /// Credentials that the document wants where the request has none: where, and where that is said.
    pub(super) wanted: Vec<(String, Option<Place>)>,
}

/// What a field or value is called, and the keys that hold it.
pub(super) struct Held<'s> {
    pub(super) shape: &'s Shape,
    /// Where in the body, as a JSON pointer.
    pub(super) pointer: String,
    /// The key that the object stands under.
    pub(super) key: Option<Place>,
}

impl Judge<'_> {
    pub(super) fn breach(&mut self, code: Code, message: String, at: &str) -> &mut Breach {
        self.found.breaches.push(Breach {
            code,
            message,
            at: at.to_owned(),
            place: self.request.method_place,
            label: String::new(),
            said: None,
            said_label: String::new(),
            help: Vec::new(),
        });
        let last = self.found.breaches.len() - 1;
        // It was pushed just now.
        &mut self.found.breaches[last]
    }

    pub(super) fn place(&self, spot: &Spot) -> Option<Place> {
        self.document.place(spot)
    }

    fn path_values(&mut self, path: &[(String, Known<String>)]) {
        for (name, value) in path {
            let mut all = self.operation.parameters.iter();
            let documented = all.find(|p| p.within == Within::Path && p.name == *name);
            match (documented, value) {
                (Some(parameter), Known::Known(text)) => {
                    let shape = Shape {
                        place: self.request.path_place,
                        ..Shape::of(&Value::String(text.clone()))
                    };
                    self.parameter_value(parameter, &[&shape]);
                }
                (_, Known::Unknown) => self.found.complete = false,
                (None, Known::Known(_)) => {}
            }
        }
    }

    fn parameters(&mut self) {
        let operation = self.operation;
        for parameter in &operation.parameters {
            let (fields, any_case) = match parameter.within {
                Within::Query => (&self.request.query, false),
                Within::Header => (&self.request.headers, true),
                Within::Cookie => (&self.request.cookies, false),
                Within::Path | Within::Form => continue,
            };
            // Said by other means (OpenAPI 3.1 §4.8.12.2).
            let aside = ["accept", "content-type", "authorization"];
            if any_case && aside.iter().any(|name| parameter.name.eq_ignore_ascii_case(name)) {
                continue;
            }
            let given: Vec<&Field> = fields.named(&parameter.name, any_case).collect();
            let open = fields.open;
            self.one_parameter(parameter, &given, open);
        }
        self.unknown_query();
    }

    fn one_parameter(&mut self, parameter: &Parameter, given: &[&Field], open: bool) {
        if given.iter().any(|field| field.perhaps) || (given.is_empty() && open) {
            self.found.complete = false;
        }
        let word = parameter.within.as_str();
        let name = &parameter.name;
        if given.is_empty() && parameter.required && !open {
            let said = self.place(&parameter.spot);
            if names_secret(name) {
                self.wanted.push((format!("{word} parameter `{name}`"), said));
                return;
            }
            let breach = self.breach(
                Code::ContractMissingParam,
                format!("the {word} parameter `{name}` is required, and the step sends none"),
                &format!("{word} {name}"),
            );
            breach.said = said;
            "required here".clone_into(&mut breach.said_label);
            breach.help.push(match parameter.within {
                Within::Query => format!("add `query: {{{name}: …}}`"),
                Within::Header => format!("add `headers: {{{name}: …}}`"),
                Within::Cookie => format!("add `cookies: {{{name}: …}}`"),
                Within::Path | Within::Form => format!("send `{name}`"),
            });
            return;
        }
        let shapes: Vec<&Shape> = given.iter().map(|field| &field.shape).collect();
        self.parameter_value(parameter, &shapes);
    }

    /// Judges the text of a parameter as what its schema wants.
    pub(super) fn parameter_value(&mut self, parameter: &Parameter, given: &[&Shape]) {
        let Some(schema) = &parameter.schema else { return };
        let types = self.document.types(std::slice::from_ref(schema));
        let holds = |kind: &str| types.as_ref().is_some_and(|types| types.contains(kind));
        // How lists and objects are written is a matter of style.
        if holds("array") || holds("object") || given.len() > 1 {
            return;
        }
        for shape in given {
            match &shape.value {
                Value3::Unknown | Value3::SomeText => self.found.complete = false,
                Value3::Scalar(value) => {
                    let readings = readings(value);
                    let fit =
                        |reading: &Value| self.document.fits(schema, Direction::Request, reading);
                    if readings.iter().any(|reading| fit(reading) != Some(false)) {
                        continue;
                    }
                    let best = readings.first().unwrap_or(value);
                    let mut unfits = self.document.unfits(schema, Direction::Request, best);
                    let Some(unfit) = (!unfits.is_empty()).then(|| unfits.remove(0)) else {
                        continue;
                    };
                    let (word, name) = (parameter.within.as_str(), &parameter.name);
                    let message = format!(
                        "the {word} parameter `{name}` wants {}, and gets {}",
                        unfit.wanted,
                        json::show(value, 60)
                    );
                    let said = unfit.said.and_then(|spot| self.place(&spot));
                    let place = shape.place;
                    let breach =
                        self.breach(Code::ContractBadValue, message, &format!("{word} {name}"));
                    breach.place = place.or(breach.place);
                    breach.said = said;
                    "wanted here".clone_into(&mut breach.said_label);
                }
                Value3::List(_) | Value3::Object(_) => {}
            }
        }
    }

    fn unknown_query(&mut self) {
        let (operation, request) = (self.operation, self.request);
        let of_query = |p: &&Parameter| p.within == Within::Query;
        let names: Vec<&str> =
            operation.parameters.iter().filter(of_query).map(|p| p.name.as_str()).collect();
        for field in &request.query.known {
            let of_scheme = secrets::schemes(operation).any(|credential| {
                matches!(credential, super::Credential::Query(name) if *name == field.name)
            });
            // `filter[name]` and `ids[]` are ways to write `filter` and `ids`.
            let plain = field.name.split('[').next().unwrap_or_default();
            let known = names
                .iter()
                .any(|name| *name == field.name || name.split('[').next() == Some(plain));
            if known || of_scheme || !field.shape.secrets.is_empty() {
                continue;
            }
            // An object may be spread over parameters of any name.
            let spread = operation.parameters.iter().filter(of_query).any(|p| {
                let types =
                    p.schema.as_ref().and_then(|s| self.document.types(std::slice::from_ref(s)));
                p.schema.is_none() || types.is_some_and(|types| types.contains("object"))
            });
            if spread {
                continue;
            }
            let said = self.place(&operation.spot);
            let help = match nearest(&field.name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "it takes no query parameter".to_owned(),
                None => format!("it takes {}", names.join(", ")),
            };
            let message = format!("the query parameter `{}` is not documented", field.name);
            let breach =
                self.breach(Code::ContractUnknownField, message, &format!("query {}", field.name));
            breach.place = field.place.or(breach.place);
            breach.said = said;
            "this operation".clone_into(&mut breach.said_label);
            breach.help.push(help);
        }
    }

    fn body(&mut self) {
        let request = self.request;
        let Some(body) = &self.operation.body else {
            if request.body.payload != Payload::Nothing {
                let said = self.place(&self.operation.spot);
                let message = format!("`{}` takes no body", self.operation.label());
                let breach = self.breach(Code::ContractUnknownField, message, "body");
                breach.place = request.body.place.or(breach.place);
                "sent all the same".clone_into(&mut breach.label);
                breach.said = said;
                "no body is documented here".clone_into(&mut breach.said_label);
            }
            return;
        };
        if request.body.payload == Payload::Nothing {
            if body.required {
                self.missing_body(body);
            }
            return;
        }
        let media = match &request.body.media {
            Some(Known::Known(stated)) => {
                if let Some(media) = media::find(&body.content, stated) {
                    media
                } else {
                    self.wrong_media(body, stated);
                    return;
                }
            }
            Some(Known::Unknown) | None => {
                if let Payload::NotJson(why) = &request.body.payload
                    && body.content.iter().all(|media| media::is_json(&media.range))
                {
                    self.not_json(body, why);
                    return;
                }
                self.found.complete = false;
                let of_json = matches!(request.body.payload, Payload::Json(_));
                match media::json(&body.content).filter(|_| of_json) {
                    Some(media) => media,
                    None => return,
                }
            }
        };
        match &request.body.payload {
            Payload::Nothing => {}
            Payload::Opaque => self.found.complete = false,
            Payload::NotJson(why) => self.not_json(body, why),
            Payload::Text(text) => self.text(media, text),
            Payload::Json(shape) => self.json(media, shape),
            Payload::Form(fields) => self.form(body, media, fields),
        }
    }

    fn missing_body(&mut self, body: &Body) {
        let said = self.place(&body.spot);
        let schema = body.content.iter().find_map(|media| media.schema.clone());
        let mut names: Vec<String> = match &schema {
            Some(schema) => {
                let all = self.document.required(std::slice::from_ref(schema), Direction::Request);
                all.into_iter().map(|(name, _)| name).collect()
            }
            None => Vec::new(),
        };
        names.extend(body.form.iter().filter(|f| f.required).map(|f| f.name.clone()));
        for name in names.iter().filter(|name| names_secret(name)) {
            self.wanted.push((format!("body field `{name}`"), said));
        }
        let message = format!("`{}` wants a body, and the step sends none", self.operation.label());
        let breach = self.breach(Code::ContractMissingBody, message, "body");
        breach.said = said;
        "required here".clone_into(&mut breach.said_label);
        if !names.is_empty() {
            let fields: Vec<String> = names.iter().map(|name| format!("{name}: …")).collect();
            breach.help.push(format!("add `json: {{{}}}`", fields.join(", ")));
        }
    }

    fn wrong_media(&mut self, body: &Body, stated: &str) {
        let said = self.place(&body.spot);
        let ranges: Vec<&str> = body.content.iter().map(|media| media.range.as_str()).collect();
        let message = format!(
            "the body is sent as `{}`, and the document takes {}",
            media::essence(stated),
            ranges.join(" or ")
        );
        let place = self.request.body.media_place.or(self.request.body.place);
        let breach = self.breach(Code::ContractBadValue, message, "header Content-Type");
        breach.place = place.or(breach.place);
        breach.said = said;
        "the kinds of content".clone_into(&mut breach.said_label);
    }

    fn json(&mut self, media: &Media, shape: &Shape) {
        let Some(schema) = &media.schema else { return };
        let before = self.found.breaches.len() + self.wanted.len();
        let key = self.request.body.place;
        self.value(&Held { shape, pointer: String::new(), key }, std::slice::from_ref(schema));
        if self.found.breaches.len() + self.wanted.len() > before {
            return;
        }
        let Some(whole) = shape.whole() else {
            self.found.complete = false;
            return;
        };
        for unfit in self.document.unfits(schema, Direction::Request, &whole) {
            let at =
                if unfit.at.is_empty() { "the body".to_owned() } else { format!("`{}`", unfit.at) };
            let message = format!("{at} wants {}", unfit.wanted);
            let place = shape.at(&unfit.at).and_then(|shape| shape.place);
            let said = unfit.said.and_then(|spot| self.place(&spot));
            let breach =
                self.breach(Code::ContractBadValue, message, &format!("body {}", unfit.at));
            breach.place = place.or(key).or(breach.place);
            breach.said = said;
            "wanted here".clone_into(&mut breach.said_label);
        }
    }

    /// A value against alternative schemas: wrong is only what none of them takes.
    pub(super) fn value(&mut self, held: &Held<'_>, schemas: &[Spot]) {
        let kinds: &[&str] = match &held.shape.value {
            Value3::Unknown => {
                self.found.complete = false;
                return;
            }
            Value3::SomeText => {
                self.found.complete = false;
                &["string"]
            }
            Value3::Scalar(value) => {
                self.scalar(held, value, schemas);
                return;
            }
            Value3::List(_) => &["array"],
            Value3::Object(_) => &["object"],
        };
        if let Some(types) = self.document.types(schemas)
            && !kinds.iter().any(|kind| may_be(&types, kind))
        {
            let wanted: Vec<String> = types.into_iter().collect();
            let found = kinds.first().copied().unwrap_or_default();
            let message = format!(
                "{} wants type {}, and gets type {found}",
                called(&held.pointer),
                wanted.join(" or ")
            );
            self.bad_value(held, message, schemas.first().cloned());
            return;
        }
        match &held.shape.value {
            Value3::Object(fields) => self.object(held, fields, schemas),
            Value3::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let step = Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
                    if let Looked::At(spots) = self.document.look(schemas, step) {
                        let mut pointer = held.pointer.clone();
                        json::push_index(&mut pointer, index);
                        self.value(&Held { shape: item, pointer, key: held.key }, &spots);
                    }
                }
            }
            Value3::Unknown | Value3::SomeText | Value3::Scalar(_) => {}
        }
    }

    fn scalar(&mut self, held: &Held<'_>, value: &Value, schemas: &[Spot]) {
        let takes =
            |spot: &Spot| self.document.fits(spot, Direction::Request, value) != Some(false);
        if schemas.is_empty() || schemas.iter().any(takes) {
            return;
        }
        let unfits =
            schemas.iter().flat_map(|s| self.document.unfits(s, Direction::Request, value));
        let Some(unfit) = unfits.into_iter().next() else { return };
        // Of alternatives that all are of another type, the types tell most.
        let types = self.document.types(schemas).filter(|types| !may_be(types, json::kind(value)));
        let wanted = types.map_or(unfit.wanted, |types| {
            format!("type {}", types.into_iter().collect::<Vec<_>>().join(" or "))
        });
        let message = format!(
            "{} wants {}, and gets {}",
            called(&held.pointer),
            wanted,
            json::show(value, 60)
        );
        self.bad_value(held, message, unfit.said);
    }

    fn bad_value(&mut self, held: &Held<'_>, message: String, said: Option<Spot>) {
        let said = said.and_then(|spot| self.place(&spot));
        let place = held.shape.place.or(held.key);
        let breach =
            self.breach(Code::ContractBadValue, message, &format!("body {}", held.pointer));
        breach.place = place.or(breach.place);
        breach.said = said;
        "wanted here".clone_into(&mut breach.said_label);
    }

    pub(super) fn object(&mut self, held: &Held<'_>, fields: &[Field], schemas: &[Spot]) {
        for field in fields {
            if field.perhaps {
                self.found.complete = false;
            }
            let mut pointer = held.pointer.clone();
            json::push(&mut pointer, &field.name);
            match self.document.look(schemas, Step::Name(&field.name)) {
                Looked::At(spots) => {
                    let key = field.place.or(held.key);
                    self.value(&Held { shape: &field.shape, pointer, key }, &spots);
                }
                Looked::Open => {
                    if field.shape.whole().is_none() {
                        self.found.complete = false;
                    }
                }
                Looked::Absent => self.unknown_field(field, &pointer, schemas),
            }
        }
        let required = self.document.required(schemas, Direction::Request);
        for (name, said) in required {
            if fields.iter().any(|field| field.name == name) {
                continue;
            }
            let mut pointer = held.pointer.clone();
            json::push(&mut pointer, &name);
            let said = self.place(&said);
            if names_secret(&name) {
                self.wanted.push((format!("body field `{}`", shown(&pointer)), said));
                continue;
            }
            let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let near = nearest(&name, known.iter().copied());
            let message = format!(
                "the body field `{}` is required, and the step does not send it",
                shown(&pointer)
            );
            let hint = match near {
                Some(near) => format!("`{near}` is sent: did you mean `{name}`?"),
                None => format!("add `{name}: …`"),
            };
            let breach =
                self.breach(Code::ContractMissingField, message, &format!("body {pointer}"));
            breach.place = held.key.or(held.shape.place).or(breach.place);
            breach.label = format!("without `{name}`");
            breach.said = said;
            "required here".clone_into(&mut breach.said_label);
            breach.help.push(hint);
        }
    }

    fn unknown_field(&mut self, field: &Field, pointer: &str, schemas: &[Spot]) {
        let names = self.document.names(schemas);
        let first = schemas.first().and_then(|spot| self.document.resolve(spot));
        let said = first.map(|spot| spot.key("properties")).and_then(|spot| self.place(&spot));
        let secret = field.shape.secrets.first();
        let (code, message) = match secret {
            Some(secret) => (
                Code::ContractAuthMismatch,
                format!(
                    "the secret `{secret}` goes into the body field `{}`, which is not documented",
                    shown(pointer)
                ),
            ),
            None => (
                Code::ContractUnknownField,
                format!("the body field `{}` is not documented", shown(pointer)),
            ),
        };
        let help = match nearest(&field.name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "no field is documented here".to_owned(),
            None => format!("documented here: {}", names.join(", ")),
        };
        let place = field.place;
        let breach = self.breach(code, message, &format!("body {pointer}"));
        breach.place = place.or(breach.place);
        "not in the document".clone_into(&mut breach.label);
        breach.said = said;
        "the documented fields".clone_into(&mut breach.said_label);
        breach.help.push(help);
    }
}
