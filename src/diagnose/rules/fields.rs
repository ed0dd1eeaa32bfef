//! 400, 415, 422: which field the server names, and which line of the plan sent it.

use serde_json::Value;

use super::Rule;
use crate::diagnose::cause::{Cause, Confidence, Fact};
use crate::diagnose::evidence::{Evidence, has};
use crate::json;
use crate::outcome::Content;
pub(super) use crate::outcome::refusal::upstream;
pub(in crate::diagnose) use crate::outcome::refusal::{Field, named};
use crate::units::show_size;

pub(super) const RULES: [Rule; 4] = [
    Rule {
        name: "fields/media-type",
        says: "a 415, or words about it: which Content-Type was sent",
        find: media_type,
    },
    Rule {
        name: "fields/lost",
        says: "the server says that something is missing which was sent: it was lost on the way, or not read",
        find: lost,
    },
    Rule {
        name: "fields/named",
        says: "the server names the fields that are wrong (`detail[].loc`, `errors[].pointer`): the lines that sent them",
        find: fields,
    },
    Rule {
        name: "fields/quoted",
        says: "the server's words quote a parameter: the line that sends it, or that none does",
        find: quoted,
    },
];

/// The body that was sent, as JSON: what a form holds becomes an object.
pub(super) fn sent_body(evidence: &Evidence<'_>) -> Option<Value> {
    let body = &evidence.exchange.request.body;
    let text = match &body.content {
        Content::Text(text) if !body.cut => text,
        Content::Text(_)
        | Content::Empty
        | Content::Hex(_)
        | Content::File(_)
        | Content::Generated(_)
        | Content::Parts(_) => return None,
    };
    let kind = evidence.sent_header("content-type").unwrap_or_default();
    if kind.contains("urlencoded") {
        let fields = url::form_urlencoded::parse(text.as_bytes());
        let fields = fields.map(|(name, value)| (name.into_owned(), Value::from(value.as_ref())));
        return Some(Value::Object(fields.collect()));
    }
    json::parse(text.as_bytes()).ok()
}

/// Whether the server says that a request is not as it should be.
fn is_invalid(evidence: &Evidence<'_>) -> bool {
    matches!(evidence.status(), 400 | 415 | 422)
}

fn media_type(evidence: &Evidence<'_>) -> Option<Cause> {
    let words = ["content-type", "content type", "media type", "mimetype"];
    // Who names a field speaks of what that one holds.
    let fields = evidence.body.as_ref().map(named).unwrap_or_default();
    let says_so = is_invalid(evidence)
        && evidence.exchange.request.body.size > 0
        && has(&evidence.said_lower(), &words)
        && fields.iter().all(|field| field.at.eq_ignore_ascii_case("header content-type"));
    if evidence.status() != 415 && !says_so {
        return None;
    }
    let by_status = evidence.status() == 415;
    let sure = if by_status { Confidence::Certain } else { Confidence::Likely };
    let sent = match evidence.sent_header("content-type") {
        Some(kind) => Fact::at(
            format!("Content-Type: {kind} was sent"),
            evidence.part("header Content-Type").map(|part| part.place),
        ),
        None => Fact::new("no Content-Type was sent"),
    };
    Some(
        Cause::new(sure, "the server does not take a body of this kind")
            .about(evidence.path())
            .facts([sent])
            .facts(evidence.said_fact())
            .facts(["Accept", "Accept-Post", "Accept-Patch"].iter().filter_map(|name| {
                evidence.header_fact(name)
            }))
            .next("send the body as the server wants it: `json:`, `form:`, or `headers: {Content-Type: …}`"),
    )
}

/// A field that a refusal names, with the line that sent it.
fn placed(evidence: &Evidence<'_>, field: &Field) -> Fact {
    let part = evidence.part(&field.at);
    let whole = part.filter(|part| part.at == field.at || field.at.starts_with("header "));
    let text = match (part, whole) {
        (_, Some(part)) => {
            let by = part.given_by.as_ref().map(|by| format!(" (given by `{by}`)"));
            format!("`{}`: {}{}", field.name, field.says, by.unwrap_or_default())
        }
        (Some(part), None) => {
            format!("`{}`: {} (not in what `{}` holds)", field.name, field.says, part.at)
        }
        (None, None) => format!("`{}`: {} (it was not sent)", field.name, field.says),
    };
    // Nothing is known of what was sent: then nothing is said of it.
    if evidence.exchange.sent_from.is_empty() {
        return Fact::new(format!("`{}`: {}", field.name, field.says));
    }
    Fact::at(text, part.map(|part| part.place))
}

fn fields(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_invalid(evidence) {
        return None;
    }
    let fields = named(evidence.body.as_ref()?);
    let (first, more) = fields.split_first()?;
    let text = match more.len() {
        0 => format!("the server does not accept `{}` of this request", first.name),
        more => format!("the server does not accept {} fields of this request", more + 1),
    };
    Some(
        Cause::certain(text)
            .about(evidence.path())
            .facts(fields.iter().flat_map(|field| {
                std::iter::once(placed(evidence, field)).chain(documented(evidence, field))
            }))
            .next("correct the marked lines, or see what the service's document says of them"),
    )
}

/// Where contracts say something of a field that a refusal names.
pub(super) fn documented(evidence: &Evidence<'_>, field: &Field) -> Vec<Fact> {
    let attempt = evidence.result.attempts.last();
    let parts = attempt.into_iter().flat_map(|attempt| &attempt.documented);
    let own = parts.filter(|part| part.at == field.at);
    own.map(|part| {
        let text = format!("the document of `{}` has it: {}", part.contract, part.operation);
        Fact::at(text, Some(part.place))
    })
    .collect()
}

/// Whether a server says that something is not there: "Field required", "Missing value for …". What
/// is "required to be …" is there.
fn says_missing(said: &str) -> bool {
    let said = said.to_lowercase();
    let said = said.trim().trim_end_matches(['.', '!']);
    let begins = ["missing", "required parameter", "required property", "required field"];
    let ends = ["required", "missing", "not provided", "required property", "required parameter"];
    begins.iter().any(|begin| said.starts_with(begin)) || ends.iter().any(|end| said.ends_with(end))
}

fn lost(evidence: &Evidence<'_>) -> Option<Cause> {
    if !is_invalid(evidence) {
        return None;
    }
    let named = evidence.body.as_ref().map(named).unwrap_or_default();
    let by_field = named
        .iter()
        .filter(|field| says_missing(&field.says))
        .find_map(|field| evidence.exchange.sent_from.iter().find(|part| part.at == field.at));
    let by_words = || {
        let said = evidence.said.as_deref().filter(|said| says_missing(said))?;
        let name = quoted_name(said)?;
        // Deeper down another thing may have the same name.
        let at = [format!("/{name}"), format!("query {name}")];
        evidence.exchange.sent_from.iter().find(|part| at.contains(&part.at))
    };
    let part = by_field.or_else(by_words)?;
    let method = &evidence.exchange.request.method;
    let size = evidence.exchange.request.body.size;
    let name = part.at.trim_start_matches('/');
    let by_body = part.at.starts_with('/');
    Some(
        Cause::likely("what was sent did not arrive, or was not read")
            .about(evidence.path())
            .facts(evidence.said_fact())
            .facts([Fact::at(format!("`{name}` was sent from here"), Some(part.place))])
            .facts(by_body.then(|| {
                let kind = evidence.sent_header("content-type").unwrap_or("no Content-Type");
                Fact::new(format!("the {method} had a body of {}: {kind}", show_size(size)))
            }))
            .next(if by_body {
                "see whether something between drops the body (of a DELETE, many do) or its Content-Type"
            } else {
                "see whether something between changes the URL"
            }),
    )
}

/// The name that a text quotes.
fn quoted_name(said: &str) -> Option<&str> {
    let is_name = |word: &&str| {
        (2..=40).contains(&word.len())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    said.split(['\'', '`', '"']).skip(1).step_by(2).find(is_name)
}

/// Words in quotes of any kind, as servers name a parameter.
fn quoted(evidence: &Evidence<'_>) -> Option<Cause> {
    let said = evidence.said.as_deref().filter(|_| evidence.status() == 400)?;
    let name = quoted_name(said)?;
    let last = |at: &str| at.rsplit(['/', ' ']).next().unwrap_or_default() == name;
    let part = evidence.exchange.sent_from.iter().find(|part| last(&part.at));
    let missing = says_missing(said);
    let fact = match part {
        Some(part) => Fact::at(format!("`{name}` was sent from here"), Some(part.place)),
        None if missing && !evidence.exchange.sent_from.is_empty() => {
            Fact::new(format!("`{name}` was not sent"))
        }
        None => return None,
    };
    Some(
        Cause::likely(format!("the server does not accept `{name}` of this request"))
            .about(evidence.path())
            .facts(evidence.said_fact())
            .facts([fact])
            .next("correct it, or see what the service's document says of it"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(body: &Value) -> Vec<(String, String)> {
        named(body).into_iter().map(|field| (field.at, field.says)).collect()
    }

    #[test]
    fn the_fields_are_found_in_the_ways_in_which_services_name_them() {
        let one = |at: &str, says: &str| vec![(at.to_owned(), says.to_owned())];
        for (body, expected) in [
            (
                json!({"detail": [{"loc": ["body", "items", 0, "name"], "msg": "too long"}]}),
                one("/items/0/name", "too long"),
            ),
            (
                json!({"detail": [{"loc": ["query", "limit"], "msg": "not a number"}]}),
                one("query limit", "not a number"),
            ),
            (
                json!({"errors": [{"source": {"pointer": "/data/name"}, "detail": "empty"}]}),
                one("/data/name", "empty"),
            ),
            (json!({"errors": [{"pointer": "#/age", "detail": "low"}]}), one("/age", "low")),
            (json!({"errors": {"name": ["is taken"]}}), one("/name", "is taken")),
            (
                json!({"violations": [{"propertyPath": "a[0].b", "message": "no"}]}),
                one("/a/0/b", "no"),
            ),
        ] {
            assert_eq!(names(&body), expected, "{body}");
        }
    }

    #[test]
    fn a_refusal_that_names_no_field_has_none() {
        for body in [json!({"detail": "no"}), json!({"errors": ["a"]}), json!([1]), json!({})] {
            assert_eq!(names(&body), [], "{body}");
        }
    }

    #[test]
    fn what_a_service_behind_said_is_found_below_the_top_alone() {
        let quoting =
            json!({"detail": "bad key", "upstream": {"status": 422, "body": {"detail": []}}});
        let found = upstream(&quoting).expect("an upstream");
        assert_eq!((found.pointer.as_str(), found.status), ("/upstream", Some(422)));
        for body in [
            json!({"status": 422, "detail": [{"loc": ["body"], "msg": "x"}]}),
            json!({"error": {"status": 401, "message": "no"}}),
            json!({"detail": "no"}),
        ] {
            assert!(upstream(&body).is_none(), "{body}");
        }
    }
}
