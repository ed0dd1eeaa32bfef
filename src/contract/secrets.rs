//! Where each secret is sent, against where the document wants one.
//!
//! A check of security schemes alone passes where a document keeps the key in a body model and
//! declares no scheme, as FastAPI does: so both directions are looked at, the places of the document
//! that the request does not serve, and those of the request that the document does not know.

use super::operation::{Credential, Operation, Within};
use super::request::Judge;
use super::shape::{Field, Fields, Payload, RequestShape, SecretAt, Shape, Value3};
use crate::finding::Code;
use crate::json;
use crate::secret::names_secret;
use crate::source::Place;

/// Whether something holds, where that can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    No,
    Perhaps,
    Yes,
}

impl RequestShape {
    /// Where each of its secrets goes.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretAt> {
        let mut found = Vec::new();
        let mut all = |fields: &Fields, word: &str| {
            for field in &fields.known {
                leaves(&field.shape, &format!("{word} {}", field.name), field.place, &mut found);
            }
        };
        all(&self.headers, "header");
        all(&self.query, "query");
        all(&self.cookies, "cookie");
        match &self.body.payload {
            Payload::Nothing | Payload::Text(_) | Payload::NotJson(_) | Payload::Opaque => {}
            Payload::Json(shape) => leaves(shape, "body ", self.body.place, &mut found),
            Payload::Form(fields) => {
                for field in &fields.known {
                    let at = format!("body /{}", json::escape(&field.name));
                    leaves(&field.shape, &at, field.place, &mut found);
                }
            }
        }
        found
    }
}

fn leaves(shape: &Shape, at: &str, place: Option<Place>, found: &mut Vec<SecretAt>) {
    match &shape.value {
        Value3::Object(fields) => {
            for Field { name, place: key, shape, .. } in fields {
                leaves(shape, &format!("{at}/{}", json::escape(name)), key.or(place), found);
            }
        }
        Value3::List(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), place, found);
            }
        }
        Value3::Unknown | Value3::SomeText | Value3::Scalar(_) => {
            found.extend(shape.secrets.iter().map(|name| SecretAt {
                name: name.clone(),
                at: at.to_owned(),
                place: shape.place.or(place),
            }));
        }
    }
}

/// The credentials that any way of an operation asks for.
pub(super) fn schemes(operation: &Operation) -> impl Iterator<Item = &Credential> {
    operation.security.iter().flatten().map(|scheme| &scheme.credential)
}

/// Judges where secrets go.
pub(super) fn flow(judge: &mut Judge<'_>) {
    let (operation, request) = (judge.operation, judge.request);
    let misplaced: Vec<SecretAt> = request
        .secrets()
        .into_iter()
        // What a body knows was looked at with it.
        .filter(|secret| !secret.at.starts_with("body") && !is_known(operation, &secret.at))
        .collect();
    let mut wanted = std::mem::take(&mut judge.wanted);
    if !operation.security.is_empty() && !is_served(operation, request, judge) {
        let ways: Vec<String> = operation
            .security
            .iter()
            .map(|way| {
                way.iter()
                    .map(|scheme| called(&scheme.credential))
                    .collect::<Vec<_>>()
                    .join(" and ")
            })
            .collect();
        let scheme = operation.security.iter().flatten().next();
        let said = scheme.and_then(|scheme| judge.document.place(&scheme.spot));
        wanted.push((ways.join(" or "), said));
    }
    if request.expects_denial {
        // To come without a credential is what it tries out.
        return;
    }
    if wanted.is_empty() {
        for secret in &misplaced {
            mismatch(judge, secret);
        }
        return;
    }
    for (place_of, said) in wanted {
        let message = match misplaced.first() {
            Some(secret) => format!(
                "the document wants a credential in the {place_of}, and the secret `{}` goes into the {}",
                secret.name,
                shown(&secret.at)
            ),
            None => format!(
                "the document wants a credential in the {place_of}, and the step sends none"
            ),
        };
        let sent_at = misplaced.first().and_then(|secret| secret.place);
        let place = sent_at.or(request.auth_place).or(request.body.place);
        let breach = judge.breach(Code::ContractMissingCredential, message, &place_of);
        breach.place = place.or(breach.place);
        breach.label = match misplaced.first() {
            Some(secret) => format!("sent as {}", shown(&secret.at)),
            None => "no credential".to_owned(),
        };
        breach.said = said;
        "wanted here".clone_into(&mut breach.said_label);
        let field = place_of.split('`').nth(1).unwrap_or_default().to_owned();
        let secret = misplaced.first().map_or("NAME", |secret| secret.name.as_str());
        breach.help.push(if place_of.starts_with("body field") {
            format!("send it in the body: `json: {{{field}: \"${{{{ secrets.{secret} }}}}\"}}`")
        } else if place_of.starts_with("header `Authorization`") {
            format!("send it: `auth: {{bearer: \"${{{{ secrets.{secret} }}}}\"}}`")
        } else {
            format!("send it in the {place_of}")
        });
    }
}

/// Whether the document knows that something secret may stand there.
fn is_known(operation: &Operation, at: &str) -> bool {
    let (word, name) = at.split_once(' ').unwrap_or((at, ""));
    let parameter = operation.parameters.iter().any(|parameter| match parameter.within {
        Within::Header => word == "header" && parameter.name.eq_ignore_ascii_case(name),
        Within::Query | Within::Cookie | Within::Path | Within::Form => {
            word == parameter.within.as_str() && parameter.name == name
        }
    });
    parameter
        || schemes(operation).any(|credential| match credential {
            Credential::Header(header) => word == "header" && header.eq_ignore_ascii_case(name),
            Credential::Query(query) => word == "query" && query == name,
            Credential::Cookie(cookie) => word == "cookie" && cookie == name,
            Credential::Elsewhere => true,
        })
}

/// Whether one of the ways is served, or may be.
fn is_served(operation: &Operation, request: &RequestShape, judge: &mut Judge<'_>) -> bool {
    let has = |fields: &Fields, name: &str, any_case: bool| {
        let mut found = Sure::No;
        for field in fields.named(name, any_case) {
            found = found.max(if field.perhaps { Sure::Perhaps } else { Sure::Yes });
        }
        if found == Sure::No && fields.open { Sure::Perhaps } else { found }
    };
    let served = operation
        .security
        .iter()
        .map(|way| {
            way.iter()
                .map(|scheme| match &scheme.credential {
                    Credential::Header(name) => has(&request.headers, name, true),
                    Credential::Query(name) => has(&request.query, name, false),
                    Credential::Cookie(name) => has(&request.cookies, name, false),
                    Credential::Elsewhere => Sure::Perhaps,
                })
                .min()
                .unwrap_or(Sure::Yes)
        })
        .max()
        .unwrap_or(Sure::Yes);
    if served == Sure::Perhaps {
        judge.found.complete = false;
    }
    served != Sure::No
}

/// A secret that goes where the document knows nothing of it.
fn mismatch(judge: &mut Judge<'_>, secret: &SecretAt) {
    let operation = judge.operation;
    let message = format!(
        "the secret `{}` goes into the {}, where `{}` wants none",
        secret.name,
        shown(&secret.at),
        operation.label()
    );
    let said = operation.security_spot.as_ref().unwrap_or(&operation.spot);
    let said = judge.document.place(said);
    let fields: Vec<String> = operation
        .body
        .iter()
        .flat_map(|body| &body.content)
        .filter_map(|media| media.schema.clone())
        .flat_map(|schema| judge.document.names(&[schema]))
        .filter(|name| names_secret(name))
        .collect();
    let ways: Vec<String> = schemes(operation).map(called).collect();
    let breach = judge.breach(Code::ContractAuthMismatch, message, &secret.at);
    breach.place = secret.place.or(breach.place);
    breach.said = said;
    "no credential is documented here".clone_into(&mut breach.said_label);
    if let Some(way) = ways.first() {
        breach.said_label = format!("documented: {way}");
        breach.help.push(format!("send it in the {way}"));
    } else if let Some(field) = fields.first() {
        breach
            .help
            .push(format!("the body has a field `{field}` that looks like the place for it"));
    } else {
        breach
            .help
            .push("leave it out, or let the document declare it under `security`".to_owned());
    }
}

fn called(credential: &Credential) -> String {
    match credential {
        Credential::Header(name) => format!("header `{name}`"),
        Credential::Query(name) => format!("query parameter `{name}`"),
        Credential::Cookie(name) => format!("cookie `{name}`"),
        Credential::Elsewhere => "connection".to_owned(),
    }
}

/// `header Authorization` as a sentence has it.
fn shown(at: &str) -> String {
    match at.split_once(' ') {
        Some(("query", name)) => format!("query parameter `{name}`"),
        Some(("body", pointer)) => {
            format!("body field `{}`", pointer.trim_start_matches('/').replace('/', "."))
        }
        Some((word, name)) => format!("{word} `{name}`"),
        None => at.to_owned(),
    }
}
