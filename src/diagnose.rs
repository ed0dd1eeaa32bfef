//! What can be said for certain, or nearly so, about why a step did not pass, and which facts of
//! this run say so. Never a cause without a fact.

use serde_json::Value;

use crate::event::StepRef;
use crate::json;
use crate::outcome::{
    Assertion, Content, Exchange, Hint, Response, StepResult, TransportClass, Verdict,
};
use crate::record::PlanRecord;
use crate::source::Place;

/// How sure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The facts leave no other reading.
    Certain,
    /// The facts speak for it.
    Likely,
    /// The team wrote down beforehand that such facts mean this.
    Hint,
}

impl Confidence {
    /// The word that reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Hint => "hint",
        }
    }
}

/// Why a step did not pass, as far as the run can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// How sure it is.
    pub confidence: Confidence,
    /// One line, lower case, no full stop.
    pub text: String,
    /// What this run saw that speaks for it, a line each; never empty.
    pub facts: Vec<String>,
    /// What to do next; a hint may say nothing of it.
    pub next: Option<String>,
    /// Where the hint is written, if it is one.
    pub hint: Option<Place>,
}

impl Cause {
    /// What a hint says, with what fits it.
    fn of_hint(hint: &Hint) -> Self {
        Self {
            confidence: Confidence::Hint,
            text: hint.cause.clone(),
            facts: hint.when.iter().map(fact).collect(),
            next: hint.next.clone(),
            hint: Some(hint.place),
        }
    }
}

/// An assertion that holds, in words: `status is 401`, `$.detail contains "expired"`.
fn fact(assertion: &Assertion) -> String {
    let Assertion { subject, expected, .. } = assertion;
    let operator = expected.operator.replace('_', " ");
    match (expected.operator.as_str(), &expected.operand) {
        ("present" | "absent" | "empty", _) | (_, Value::Null) => {
            format!("{subject} is {operator}")
        }
        ("equals", operand) => format!("{subject} is {}", json::show(operand, SHOWN)),
        (_, operand) => format!("{subject} {operator} {}", json::show(operand, SHOWN)),
    }
}

/// How much of an operand is shown, in characters.
const SHOWN: usize = 60;

/// What one step saw, as evidence about another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The step's id, else its name.
    pub step: String,
    /// `POST http://…`, without the query.
    pub asked: String,
    /// Scheme, host and port.
    pub origin: String,
    /// The status.
    pub status: u16,
    /// Whether the step passed.
    pub passed: bool,
    /// Names of the secrets that were sent.
    pub secrets: Vec<String>,
    /// The `Server` header.
    pub server: Option<String>,
    /// What the body says is wrong.
    pub reason: Option<String>,
}

impl Witness {
    /// What a step saw, if anything answered.
    #[must_use]
    pub fn of(step: &StepRef, result: &StepResult) -> Option<Self> {
        let exchange = last_exchange(result)?;
        let response = exchange.response.as_ref()?;
        let url = exchange.request.url.split(['?', '#']).next().unwrap_or_default();
        Some(Self {
            step: step.id.clone().unwrap_or_else(|| step.name.clone()),
            asked: format!("{} {url}", exchange.request.method),
            origin: origin(url).to_owned(),
            status: response.status,
            passed: result.verdict == Verdict::Passed,
            secrets: exchange.secrets_sent.iter().map(|(name, _)| name.clone()).collect(),
            server: header(response, "server").map(str::to_owned),
            reason: body(response).and_then(|body| reason(&body)).map(|(_, text)| text),
        })
    }
}

/// What all steps of a plan saw that something answered.
#[must_use]
pub fn witnesses(plan: &PlanRecord) -> Vec<Witness> {
    plan.steps
        .iter()
        .filter_map(|record| Witness::of(&record.step, record.result.as_ref()?))
        .collect()
}

/// Why a step did not pass, the team's hints first; `others` are the steps of the same plan that
/// something answered.
#[must_use]
pub fn causes(step: &StepRef, result: &StepResult, others: &[Witness]) -> Vec<Cause> {
    if matches!(result.verdict, Verdict::Passed | Verdict::Skipped | Verdict::Blocked) {
        return Vec::new();
    }
    hints(result).into_iter().map(Cause::of_hint).chain(built_in(step, result, others)).collect()
}

/// The hints that fit: of many samples any may have failed, of several attempts the last one counts.
fn hints(result: &StepResult) -> Vec<&Hint> {
    let kept = if result.samples.is_some() { result.attempts.len() } else { 1 };
    let mut found: Vec<&Hint> = Vec::new();
    for hint in result.attempts.iter().rev().take(kept).rev().flat_map(|attempt| &attempt.hints) {
        if !found.iter().any(|known| known.place == hint.place) {
            found.push(hint);
        }
    }
    found
}

/// What planrun itself can tell.
fn built_in(step: &StepRef, result: &StepResult, others: &[Witness]) -> Vec<Cause> {
    let Some(exchange) = last_exchange(result) else { return Vec::new() };
    let Some(response) = &exchange.response else { return Vec::new() };
    let label = step.id.as_ref().unwrap_or(&step.name);
    let others: Vec<&Witness> = others.iter().filter(|other| other.step != *label).collect();
    // A status that the plan asked for is not a cause of anything.
    let wanted = result.attempts.last().is_some_and(|attempt| {
        attempt.assertions.iter().any(|a| a.subject == "status" && a.passed)
    });
    if wanted {
        return html(response).into_iter().collect();
    }
    let mut found = Vec::new();
    match response.status {
        401 | 403 => found.push(refused(exchange, response, &others)),
        405 => found.extend(header(response, "allow").map(|allow| Cause {
            confidence: Confidence::Certain,
            text: format!("`{}` is not allowed on this path", exchange.request.method),
            facts: vec![format!("Allow: {allow}")],
            next: Some("correct the method, or the path".to_owned()),
            hint: None,
        })),
        429 => found.push(Cause {
            confidence: Confidence::Certain,
            text: "the server limits how often it may be asked".to_owned(),
            facts: vec![match header(response, "retry-after") {
                Some(after) => format!("429 with Retry-After: {after}"),
                None => "429 without Retry-After".to_owned(),
            }],
            next: Some("ask less often (`-j`, `concurrency`), or use another key".to_owned()),
            hint: None,
        }),
        502..=504 => found.push(gateway(response)),
        _ => {}
    }
    found.extend(html(response));
    found
}

/// What to try when nothing came back, by class.
#[must_use]
pub fn next_step(class: TransportClass) -> &'static str {
    match class {
        TransportClass::Dns => "check the spelling of the host, and whether a VPN is needed",
        TransportClass::Refused => "check that the service is running, and its port",
        TransportClass::ConnectTimeout => {
            "the host does not answer at all: check address, firewall and VPN"
        }
        TransportClass::Tls => "check the certificate, `tls: {ca_file}`, and http against https",
        TransportClass::Timeout => "raise `timeout`, or find out why the server is slow",
        TransportClass::EmptyReply | TransportClass::Reset => {
            "look into the server's log: it closed the connection without an answer"
        }
        TransportClass::Truncated => "the server stopped in the middle: look into its log",
        TransportClass::Framing | TransportClass::NotHttp => {
            "check the port: what answers there does not speak HTTP as it should"
        }
        TransportClass::HeadersTooLarge => "the response headers are larger than any client takes",
        TransportClass::BodyTooLarge => "raise `max_body` if the response is meant to be so large",
        TransportClass::BadEncoding => {
            "the body does not decode as its Content-Encoding says: a fault of the server"
        }
        TransportClass::StaleConnection => "use `connection: fresh`, or allow it with `retry`",
        TransportClass::Redirect => "follow the redirect by hand, or raise `follow_redirects`",
        TransportClass::Origin => "add the origin to `allow_origins` of the environment",
        TransportClass::Other => "run it again with `-v`",
    }
}

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

/// 401 and 403: was a credential sent, what is said about it, and what others with the same saw.
fn refused(exchange: &Exchange, response: &Response, others: &[&Witness]) -> Cause {
    let said = body(response).and_then(|body| reason(&body)).map(|(_, text)| text);
    let mut facts = Vec::new();
    if let Some(said) = &said {
        facts.push(format!("the server says: {said}"));
    }
    if let Some(scheme) = header(response, "www-authenticate") {
        facts.push(format!("WWW-Authenticate: {scheme}"));
    }
    if exchange.secrets_sent.is_empty() {
        facts.push("no declared secret was sent with this request".to_owned());
        return Cause {
            confidence: Confidence::Likely,
            text: "the request carried no credential".to_owned(),
            facts,
            next: Some("add `auth:` to the step, or to `defaults`".to_owned()),
            hint: None,
        };
    }
    for (name, place) in &exchange.secrets_sent {
        facts.push(format!("`{name}` was sent in {place}"));
    }
    let own_origin = origin(&exchange.request.url);
    let same = |other: &&&Witness| {
        exchange.secrets_sent.iter().any(|(name, _)| other.secrets.contains(name))
    };
    if let Some(other) = others.iter().filter(same).find(|other| other.passed) {
        facts.push(format!(
            "the same key was accepted by {} (step `{}`, {})",
            other.asked, other.step, other.status
        ));
        return Cause {
            confidence: Confidence::Certain,
            text: "the key itself is good; what answers here does not take it".to_owned(),
            facts,
            next: Some(
                "compare how this server checks the key (which place, which fields, which \
                   service) with the request that was accepted"
                    .to_owned(),
            ),
            hint: None,
        };
    }
    let wants_one = said.as_deref().is_some_and(|said| {
        let said = said.to_lowercase();
        ["required", "missing", "not provided", "no api key"].iter().any(|w| said.contains(w))
    });
    if wants_one {
        let twin = header(response, "server").and_then(|server| {
            others
                .iter()
                .find(|o| o.origin != own_origin && o.server.as_deref() == Some(server))
                .map(|other| format!("`Server: {server}` answers for {} too", other.origin))
        });
        facts.extend(header(response, "server").map(|server| format!("Server: {server}")));
        facts.extend(host_variable(exchange));
        let confidence = if twin.is_some() { Confidence::Certain } else { Confidence::Likely };
        facts.extend(twin);
        return Cause {
            confidence,
            text: "a key was sent, and what answered did not see it: it is not the service that \
                   was meant, or it looks elsewhere"
                .to_owned(),
            facts,
            next: Some("check which service answers under this host and path".to_owned()),
            hint: None,
        };
    }
    if let Some(other) = others.iter().filter(same).find(|o| matches!(o.status, 401 | 403)) {
        let text = other.reason.as_deref().unwrap_or("no reason");
        facts.push(format!("{} refuses it too (step `{}`): {text}", other.asked, other.step));
    }
    Cause {
        confidence: Confidence::Certain,
        text: "the server refuses the key".to_owned(),
        facts,
        next: Some(
            "compare the key with what the server says: expired, revoked, for another service"
                .to_owned(),
        ),
        hint: None,
    }
}

/// Which variable names the host.
fn host_variable(exchange: &Exchange) -> Option<String> {
    let part =
        exchange.url_from.iter().find(|part| exchange.request.url.starts_with(&part.value))?;
    Some(format!("`{}` names this host: {}", part.name, part.value))
}

/// 502, 503, 504: something stands between.
fn gateway(response: &Response) -> Cause {
    let mut facts = vec![format!("status {}", response.status)];
    facts.extend(header(response, "server").map(|server| format!("Server: {server}")));
    facts.extend(body(response).and_then(|b| reason(&b)).map(|(_, r)| format!("it says: {r}")));
    Cause {
        confidence: Confidence::Likely,
        text: "a gateway answered, and what stands behind it did not".to_owned(),
        facts,
        next: Some("look at the service behind the gateway".to_owned()),
        hint: None,
    }
}

/// A page where data was expected.
fn html(response: &Response) -> Option<Cause> {
    if !is_html(response) {
        return None;
    }
    let mut facts = vec![format!(
        "Content-Type: {}",
        header(response, "content-type").unwrap_or("not given, but the body is HTML")
    )];
    if let Content::Text(text) = &response.body.content {
        facts.extend(title(text).map(|title| format!("<title>{title}</title>")));
    }
    Some(Cause {
        confidence: Confidence::Certain,
        text: "the answer is a web page, not data".to_owned(),
        facts,
        next: Some(
            "check the URL: a login page, a gateway or a web server answered instead of the API"
                .to_owned(),
        ),
        hint: None,
    })
}

/// The body as JSON, if it is whole and is JSON.
fn body(response: &Response) -> Option<Value> {
    match &response.body.content {
        Content::Text(text) if !response.body.cut => json::parse(text.as_bytes()).ok(),
        Content::Text(_)
        | Content::Empty
        | Content::Hex(_)
        | Content::File(_)
        | Content::Generated(_)
        | Content::Parts(_) => None,
    }
}

fn last_exchange(result: &StepResult) -> Option<&Exchange> {
    result.attempts.last()?.exchange.as_deref()
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..host + end)).unwrap_or(url)
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

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin("http://h:1/a?b"), "http://h:1");
        assert_eq!(origin("http://h"), "http://h");
    }
}
