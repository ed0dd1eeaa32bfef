//! What a response says of itself: its reason, its title, its kind.

use serde_json::Value;

use crate::json;
use crate::outcome::{Content, Response};

/// What an error body says is wrong, with the JSON pointer to it: the first text under one of the
/// names that services use for it.
#[must_use]
pub fn reason(body: &Value) -> Option<(String, String)> {
    const NAMES: [&str; 9] = [
        "detail",
        "message",
        "error_description",
        "msg",
        "reason",
        "error",
        "title",
        "errors",
        "error_code",
    ];
    let mut pointer = String::new();
    let mut value = body;
    // A reason lies at most a few levels deep: `{"error": {"errors": [{"message": …}]}}`.
    for _ in 0..6 {
        match value {
            Value::String(text) if !pointer.is_empty() && !text.trim().is_empty() => {
                return Some((pointer, text.clone()));
            }
            Value::Array(items) => {
                value = items.first()?;
                json::push_index(&mut pointer, 0);
            }
            Value::Object(fields) => {
                let name = NAMES.into_iter().find(|name| {
                    fields.get(*name).is_some_and(|field| {
                        matches!(field, Value::String(_) | Value::Object(_) | Value::Array(_))
                    })
                })?;
                value = fields.get(name)?;
                json::push(&mut pointer, name);
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => return None,
        }
    }
    None
}

/// The `<title>` of a page.
#[must_use]
pub fn title(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    let text = html.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// A response header's first value.
#[must_use]
pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Whether a response is a web page.
#[must_use]
pub fn is_html(response: &Response) -> bool {
    let named = header(response, "content-type").is_some_and(|kind| kind.contains("html"));
    match &response.body.content {
        Content::Text(text) => {
            let head = text.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
            named || head.starts_with("<!doctype") || head.starts_with("<html")
        }
        Content::Empty
        | Content::Hex(_)
        | Content::File(_)
        | Content::Generated(_)
        | Content::Parts(_) => false,
    }
}

/// The scheme that `WWW-Authenticate` asks for: `Bearer`.
pub(super) fn challenge(response: &Response) -> Option<&str> {
    header(response, "www-authenticate")?.split([' ', ',']).next()
}

/// The text of a body, as far as it is there.
pub(super) fn text(response: &Response) -> Option<&str> {
    response.body.text()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(body: &Value) -> Option<(String, String)> {
        reason(body)
    }

    #[test]
    fn the_reason_is_found_where_services_put_it() {
        let found = |pointer: &str, text: &str| Some((pointer.to_owned(), text.to_owned()));
        assert_eq!(said(&json!({"detail": "no"})), found("/detail", "no"));
        assert_eq!(
            said(&json!({"detail": [{"loc": ["body"], "msg": "Field required"}]})),
            found("/detail/0/msg", "Field required")
        );
        assert_eq!(
            said(&json!({"error": {"code": 7, "message": "gone"}})),
            found("/error/message", "gone")
        );
        assert_eq!(
            said(&json!({"error_code": "EXISTS", "message": "it is there"})),
            found("/message", "it is there")
        );
        assert_eq!(said(&json!({"errors": ["a", "b"]})), found("/errors/0", "a"));
    }

    #[test]
    fn a_body_without_a_reason_has_none() {
        for body in [json!({}), json!([]), json!("text"), json!({"detail": []}), json!({"ok": 1})] {
            assert_eq!(said(&body), None, "{body}");
        }
        let mut deep = json!("bottom");
        for _ in 0..100 {
            deep = json!({"error": deep});
        }
        assert_eq!(said(&deep), None);
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(title("<TITLE lang=en>\n Sign\n in </title>").as_deref(), Some("Sign in"));
        assert_eq!(title("<title></title>"), None);
        assert_eq!(title("<title>never closed"), None);
        assert_eq!(title("İ<title>x</title>").as_deref(), Some("x"));
    }
}
