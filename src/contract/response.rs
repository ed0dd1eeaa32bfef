//! A response against its operation: status, headers, media type, schema, undocumented fields.

use serde_json::Value;

use super::document::{Document, Spot};
use super::media;
use super::operation::{Operation, Response};
use super::rewrite::Direction;
use super::shape::ResponseShape;
use super::undocumented;
use crate::finding::Code;
use crate::source::Place;

/// What was found out about a response.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answered {
    /// The documented response that it was held against: `200`, `4XX`, `default`.
    pub response: Option<String>,
    /// The documented media type.
    pub media: Option<String>,
    /// Every way in which it is not as the document says.
    pub misfits: Vec<Misfit>,
}

/// One way in which a response is not as the document says.
#[derive(Debug, Clone, PartialEq)]
pub struct Misfit {
    /// Its kind, for who leaves some out.
    pub code: Code,
    /// What it is about: `status`, `headers.X-Id`, `body`.
    pub part: String,
    /// Where in the body, as a JSON pointer, where it is about the body.
    pub pointer: Option<String>,
    /// What is wanted there.
    pub wanted: String,
    /// The keyword of the schema, or `status`, `media-type`, `header`, `undocumented`.
    pub keyword: String,
    /// Where the document says so.
    pub place: Option<Place>,
    /// Whether it is only worth a warning.
    pub is_mild: bool,
}

impl Document {
    /// Judges a response.
    #[must_use]
    pub fn judge_response(&self, operation: &Operation, response: &ResponseShape<'_>) -> Answered {
        let mut answered = Answered::default();
        let Some(documented) = operation.response(response.status) else {
            answered.misfits.push(Misfit {
                code: Code::ContractUndocumentedStatus,
                part: "status".to_owned(),
                pointer: None,
                wanted: format!("a status among {}", operation.statuses().join(", ")),
                keyword: "status".to_owned(),
                place: self.place(&operation.spot.key("responses")),
                is_mild: false,
            });
            return answered;
        };
        answered.response = Some(documented.key.clone());
        self.headers(documented, response, &mut answered.misfits);
        self.body(documented, response, &mut answered);
        answered
    }

    fn headers(
        &self,
        documented: &Response,
        response: &ResponseShape<'_>,
        misfits: &mut Vec<Misfit>,
    ) {
        for header in &documented.headers {
            let mut sent =
                response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&header.name));
            let misfit = |wanted: String, spot: &Spot| Misfit {
                code: Code::ContractBadValue,
                part: format!("headers.{}", header.name),
                pointer: None,
                wanted,
                keyword: "header".to_owned(),
                place: self.place(spot),
                is_mild: false,
            };
            match (sent.next(), sent.next()) {
                (None, _) if header.required => {
                    misfits.push(misfit(format!("the header `{}`", header.name), &header.spot));
                }
                (Some((_, text)), None) => {
                    let Some(schema) = &header.schema else { continue };
                    let types = self.types(std::slice::from_ref(schema));
                    let styled = |kind: &str| types.as_ref().is_some_and(|t| t.contains(kind));
                    if styled("array") || styled("object") {
                        continue;
                    }
                    let text = Value::String(text.clone());
                    let read = text.as_str().and_then(|t| serde_json::from_str::<Value>(t).ok());
                    let readings: Vec<Value> = read.into_iter().chain([text]).collect();
                    let fits = |v: &Value| self.fits(schema, Direction::Response, v) != Some(false);
                    if readings.iter().any(fits) {
                        continue;
                    }
                    let first = readings.first().cloned().unwrap_or_default();
                    let unfit = self.unfits(schema, Direction::Response, &first).into_iter().next();
                    if let Some(unfit) = unfit {
                        let spot = unfit.said.unwrap_or_else(|| schema.clone());
                        misfits.push(misfit(unfit.wanted, &spot));
                    }
                }
                (None | Some(_), _) => {}
            }
        }
    }

    fn body(&self, documented: &Response, response: &ResponseShape<'_>, answered: &mut Answered) {
        // Nothing comes with these (RFC 9110 §15.3.5, §15.4.5, §9.3.2).
        let bodiless = response.is_of_head || matches!(response.status, 100..=199 | 204 | 304);
        if bodiless || documented.content.is_empty() {
            return;
        }
        let of_body = |wanted: String, keyword: &str, spot: &Spot| Misfit {
            code: Code::ContractBadValue,
            part: "body".to_owned(),
            pointer: Some(String::new()),
            wanted,
            keyword: keyword.to_owned(),
            place: self.place(spot),
            is_mild: false,
        };
        let mut types =
            response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let ranges: Vec<&str> = documented.content.iter().map(|m| m.range.as_str()).collect();
        let wanted = ranges.join(" or ");
        let Some((_, stated)) = types.next() else {
            if response.is_empty {
                // Of a body that may be anything, nothing may be enough.
                if documented.content.iter().any(|media| media.schema.is_some()) {
                    answered.misfits.push(of_body(
                        format!("a body, {wanted}"),
                        "media-type",
                        &documented.spot,
                    ));
                }
            } else {
                let mut misfit =
                    of_body(format!("the media type {wanted}"), "media-type", &documented.spot);
                "headers.Content-Type".clone_into(&mut misfit.part);
                misfit.pointer = None;
                answered.misfits.push(misfit);
            }
            return;
        };
        let Some(media) = media::find(&documented.content, stated) else {
            let spot = documented.content.first().map_or(&documented.spot, |media| &media.spot);
            let mut misfit = of_body(format!("the media type {wanted}"), "media-type", spot);
            "headers.Content-Type".clone_into(&mut misfit.part);
            misfit.pointer = None;
            answered.misfits.push(misfit);
            return;
        };
        answered.media = Some(media.range.clone());
        let Some(schema) = media.schema.as_ref().filter(|_| media::is_json(stated)) else { return };
        let Some(value) = response.json else {
            answered.misfits.push(of_body("JSON".to_owned(), "media-type", &media.spot));
            return;
        };
        for unfit in self.unfits(schema, Direction::Response, value) {
            let spot = unfit.said.unwrap_or_else(|| schema.clone());
            let mut misfit = of_body(unfit.wanted, &unfit.keyword, &spot);
            misfit.pointer = Some(unfit.at);
            if unfit.keyword == "required" {
                misfit.code = Code::ContractMissingField;
            }
            answered.misfits.push(misfit);
        }
        for (pointer, spot) in undocumented::fields(self, schema, value) {
            // What breaks the schema was told as that.
            let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            let told = |misfit: &Misfit| {
                let forbids = matches!(
                    misfit.keyword.as_str(),
                    "additionalProperties" | "unevaluatedProperties"
                );
                let at = misfit.pointer.as_deref();
                at == Some(pointer.as_str()) || forbids && at == Some(parent)
            };
            if answered.misfits.iter().any(told) {
                continue;
            }
            let mut misfit = of_body("no such field".to_owned(), "undocumented", &spot);
            misfit.pointer = Some(pointer);
            misfit.code = Code::ContractUnknownField;
            misfit.is_mild = true;
            answered.misfits.push(misfit);
        }
    }
}
