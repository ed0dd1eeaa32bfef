//! Bodies that hold texts, or are none of what they are sent as: what their schema means by them.

use serde_json::Value;

use super::document::Spot;
use super::fields::{Looked, Step, may_be};
use super::operation::{Body, Media};
use super::request::{Held, Judge};
use super::rewrite::Direction;
use super::shape::{Field, Fields, Shape, Value3};
use super::words::readings;
use crate::finding::Code;
use crate::json;
use crate::secret::names_secret;

impl Judge<'_> {
    /// A body that is sent as JSON, or as nothing in particular, and is none.
    pub(super) fn not_json(&mut self, body: &Body, why: &str) {
        let said = self.place(&body.spot);
        let breach =
            self.breach(Code::ContractBadValue, format!("the body is not JSON: {why}"), "body");
        breach.said = said;
        "the kinds of content".clone_into(&mut breach.said_label);
    }

    /// A body that is sent as a text: one of what it can be read as has to fit.
    pub(super) fn text(&mut self, media: &Media, text: &str) {
        let Some(schema) = &media.schema else { return };
        let schemas = std::slice::from_ref(schema);
        let value = self.reading(&Value::String(text.to_owned()), schemas);
        self.value(&Held { shape: &Shape::of(&value), pointer: String::new(), key: None }, schemas);
    }

    /// What a text is meant as: what fits, else what is of a type that is wanted, else the text.
    fn reading(&self, text: &Value, schemas: &[Spot]) -> Value {
        let mut readings = readings(text);
        if text.as_str() == Some("") {
            readings.push(Value::Null);
        }
        let fits = |reading: &&Value| {
            let fit = |spot| self.document.fits(spot, Direction::Request, reading) != Some(false);
            schemas.is_empty() || schemas.iter().any(fit)
        };
        let types = self.document.types(schemas);
        let is_of_type =
            |reading: &&Value| types.as_ref().is_some_and(|t| may_be(t, json::kind(reading)));
        let best = readings.iter().find(fits).or_else(|| readings.iter().find(is_of_type));
        best.unwrap_or(text).clone()
    }

    /// A field of a form, which holds texts, as what its schema means by it. How lists and objects
    /// are written is a matter of style.
    fn form_field(&self, field: &Field, is_one: bool, schemas: &[Spot]) -> Field {
        let value = match (&field.shape.value, self.document.look(schemas, Step::Name(&field.name)))
        {
            (Value3::Scalar(text), Looked::At(spots)) if is_one => {
                let types = self.document.types(&spots);
                let holds = |kind| types.as_ref().is_some_and(|types| may_be(types, kind));
                if holds("array") || holds("object") {
                    Value3::Unknown
                } else {
                    Value3::Scalar(self.reading(text, &spots))
                }
            }
            (_, Looked::At(_) | Looked::Open | Looked::Absent) => Value3::Unknown,
        };
        Field { shape: Shape { value, ..field.shape.clone() }, ..field.clone() }
    }

    pub(super) fn form(&mut self, body: &Body, media: &Media, fields: &Fields) {
        if body.form.is_empty() {
            let Some(schema) = &media.schema else { return };
            let schemas = std::slice::from_ref(schema);
            let read = fields.known.iter().map(|field| {
                let is_one = fields.named(&field.name, false).count() == 1;
                self.form_field(field, is_one, schemas)
            });
            let read: Vec<Field> = read.collect();
            let shape = Shape { value: Value3::Unknown, place: None, secrets: Vec::new() };
            let key = self.request.body.place;
            let held = Held { shape: &shape, pointer: String::new(), key };
            if fields.open {
                self.found.complete = false;
            } else {
                self.object(&held, &read, schemas);
            }
            return;
        }
        for parameter in &body.form {
            let given: Vec<&Field> = fields.named(&parameter.name, false).collect();
            if given.is_empty() && parameter.required && !fields.open {
                let said = self.place(&parameter.spot);
                let name = &parameter.name;
                if names_secret(name) {
                    self.wanted.push((format!("form field `{name}`"), said));
                    continue;
                }
                let message =
                    format!("the form field `{name}` is required, and the step does not send it");
                let place = self.request.body.place;
                let breach =
                    self.breach(Code::ContractMissingField, message, &format!("body /{name}"));
                breach.place = place.or(breach.place);
                breach.said = said;
                "required here".clone_into(&mut breach.said_label);
                continue;
            }
            let shapes: Vec<&Shape> = given.iter().map(|field| &field.shape).collect();
            self.parameter_value(parameter, &shapes);
        }
    }
}
