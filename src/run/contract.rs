//! Holds a response against the operation that its request belongs to, and says what was used of
//! the contract.

use serde_json::Value;
use url::Url;

use super::attempt::StepScene;
use crate::check::CheckedContract;
use crate::contract::{Binding, Documented, Misfit, Operation, RequestShape, ResponseShape};
use crate::finding::{Finding, Severity};
use crate::json;
use crate::outcome::{
    self, Actual, ContractUse, DocumentedPart, Exchange, Expected, Hop, Nearest, Violation, refusal,
};
use crate::query::Response;
use crate::secret::names_secret;
use crate::source::Place;

/// A response that was held against its contract.
#[derive(Debug, Default)]
pub(super) struct Contracted {
    /// What was used of a contract; nothing where the request belongs to none.
    pub(super) used: Option<ContractUse>,
    /// What `contract: true` gives: why there is nothing to hold it against, or what is not so.
    verdict: Verdict,
}

#[derive(Debug, Default)]
enum Verdict {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// There is nothing to hold it against.
    Unbound(String),
    /// What is not as documented.
    Judged { operation: String, misfits: Vec<(Misfit, Option<Actual>)> },
}

impl StepScene<'_> {
    /// Whether the step asks for its contract anywhere.
    pub(super) fn asks_for_contract(&self) -> bool {
        let expects = [&self.step.expect, &self.step.warn];
        expects.iter().any(|expect| {
            expect.contract.is_some() || expect.one_of.iter().any(|one| one.contract.is_some())
        })
    }

    /// Holds the final response of an exchange against its contract.
    ///
    /// # Errors
    /// What is wrong with the template of a base.
    pub(super) fn contracted(
        &self,
        number: u32,
        exchange: &Exchange,
        response: &Response,
    ) -> Result<Contracted, Vec<Finding>> {
        let contracts = self.plan.contracts();
        if contracts.is_empty() {
            return Ok(Contracted::default());
        }
        let asked = self.asks_for_contract();
        let method = final_method(&exchange.request.method, &exchange.hops);
        let found = self.belongs_to(number, &response.url)?;
        let Some((contract, path, query)) = found else {
            let reason = "the URL lies under the `base` of no contract".to_owned();
            let verdict = if asked { Verdict::Unbound(reason) } else { Verdict::NotAsked };
            return Ok(Contracted { used: None, verdict });
        };
        let headers = exchange.request.headers.as_slice();
        let sent = RequestShape::recorded(method, &path, &query, (headers, b""));
        let bound = contract.document.bind(method, sent.path.as_deref().unwrap_or_default());
        let Binding::To(operation, _) = bound else {
            let used = ContractUse {
                contract: contract.name.clone(),
                operation: format!("{method} {path}"),
                nearest: nearest(contract, &bound),
                status: Some(response.status),
                ..ContractUse::default()
            };
            let reason = match bound {
                Binding::Method { path, methods, .. } => {
                    format!("`{path}` is documented with {}, not with {method}", methods.join(", "))
                }
                Binding::To(..) | Binding::Path { .. } | Binding::Unknown => {
                    format!("the document has no operation `{method} {path}`")
                }
            };
            let verdict = if asked { Verdict::Unbound(reason) } else { Verdict::NotAsked };
            return Ok(Contracted { used: Some(used), verdict });
        };
        let mut used = contract.document.used(&contract.name, operation, &sent);
        used.status = Some(response.status);
        used.response = operation.response(response.status).map(|one| one.key.clone());
        used.validated = asked;
        used.asserted = self.asserts();
        let verdict = if asked {
            Verdict::Judged {
                operation: operation.label(),
                misfits: misfits(contract, operation, response, method == "HEAD"),
            }
        } else {
            Verdict::NotAsked
        };
        Ok(Contracted { used: Some(used), verdict })
    }

    /// Where the contracts of the plan say something of what the answer names as wrong: of the
    /// operation that was asked, or of one that takes all that a quoted answer of a service behind
    /// names.
    pub(super) fn documented(
        &self,
        used: Option<&ContractUse>,
        response: &Response,
    ) -> Vec<DocumentedPart> {
        let contracts = self.plan.contracts();
        if contracts.is_empty() || response.status < 400 {
            return Vec::new();
        }
        let Ok(body) = response.json() else { return Vec::new() };
        let quoted = refusal::upstream(body);
        let named = refusal::named(quoted.as_ref().map_or(body, |behind| behind.body));
        let mut found: Vec<Vec<DocumentedPart>> = Vec::new();
        for contract in contracts.iter().filter(|_| !named.is_empty()) {
            for operation in contract.document.operations() {
                let is_asked = used.is_some_and(|used| {
                    used.contract == contract.name && used.operation == operation.label()
                });
                if quoted.is_none() && !is_asked {
                    continue;
                }
                let parts = named.iter().map(|field| {
                    let Documented { operation, pointer, place } =
                        contract.document.part(operation, &field.at)?;
                    let (at, contract) = (field.at.clone(), contract.name.clone());
                    Some(DocumentedPart { at, contract, operation, pointer, place })
                });
                let parts: Vec<Option<DocumentedPart>> = parts.collect();
                if is_asked || parts.iter().all(Option::is_some) {
                    found.push(parts.into_iter().flatten().collect());
                }
            }
        }
        // What many operations take tells nothing of the one that was meant.
        if found.len() > OPERATIONS {
            return Vec::new();
        }
        found.into_iter().flatten().collect()
    }

    /// Whether the step says more of the response than its status and its contract.
    fn asserts(&self) -> bool {
        let outcomes = self.step.expect.one_of.iter().flat_map(|one| &one.assertions);
        let all = self.step.expect.assertions.iter().chain(outcomes);
        all.into_iter().any(|one| !one.implied && one.subject.tells_what_came())
    }

    /// The contract whose base a URL lies under, the longest first, with what comes after it.
    fn belongs_to(
        &self,
        number: u32,
        url: &str,
    ) -> Result<Option<(&CheckedContract, String, String)>, Vec<Finding>> {
        let Ok(url) = Url::parse(url) else { return Ok(None) };
        let mut best: Option<(usize, &CheckedContract, String)> = None;
        let mut findings = Vec::new();
        for contract in self.plan.contracts() {
            let base = self.render(number, None, |renderer| {
                renderer.template(&contract.base, contract.base_place)
            });
            match base {
                Ok(Value::String(base)) => {
                    if let Some((length, rest)) = rest_after(&base, &url)
                        && best.as_ref().is_none_or(|(known, _, _)| length > *known)
                    {
                        best = Some((length, contract, rest));
                    }
                }
                Ok(_) => {}
                Err(finding) => findings.push(*finding),
            }
        }
        if findings.is_empty() {
            let query = url.query().unwrap_or_default();
            Ok(best.map(|(_, contract, rest)| (contract, rest, query.to_owned())))
        } else {
            Err(findings)
        }
    }
}

/// So many operations may be meant by what a quoted answer names.
const OPERATIONS: usize = 2;

/// The operation whose path is nearest to one that the document does not have.
fn nearest(contract: &CheckedContract, bound: &Binding<'_>) -> Option<Nearest> {
    let (Binding::Path { near: Some(near) } | Binding::Method { near, .. }) = bound else {
        return None;
    };
    let place = contract.document.place(&contract.document.path_spot(near));
    Some(Nearest { operation: near.label(), place })
}

/// What of the path of a URL comes after a base that it lies under, and how long the base is.
fn rest_after(base: &str, url: &Url) -> Option<(usize, String)> {
    let base = Url::parse(base).ok()?;
    if base.origin() != url.origin() {
        return None;
    }
    let path = base.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(path)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| (path.len(), rest.to_owned()))
}

/// The method that the last hop was asked with: who follows a redirect to another page asks by GET
/// (RFC 9110 §15.4).
fn final_method<'m>(first: &'m str, hops: &'m [Hop]) -> &'m str {
    match hops.last() {
        None => first,
        Some(hop) => match (hop.status, hop.method.as_str()) {
            (_, "HEAD") => "HEAD",
            (303, _) | (301 | 302, "POST") => "GET",
            (_, method) => method,
        },
    }
}

fn misfits(
    contract: &CheckedContract,
    operation: &Operation,
    response: &Response,
    is_of_head: bool,
) -> Vec<(Misfit, Option<Actual>)> {
    let json = response.json().ok();
    let shape = ResponseShape {
        status: response.status,
        headers: &response.headers,
        json,
        is_empty: response.body.is_empty(),
        is_of_head,
    };
    let answered = contract.document.judge_response(operation, &shape);
    let kept = answered.misfits.into_iter().filter(|m| !contract.leaves_out(operation, m.code));
    kept.map(|misfit| {
        let actual = actual_of(&misfit, response);
        (misfit, actual)
    })
    .collect()
}

/// What is there instead.
fn actual_of(misfit: &Misfit, response: &Response) -> Option<Actual> {
    let missing = || Actual::Missing { reached: String::new(), there: Vec::new(), nearest: None };
    if misfit.part == "status" {
        return Some(Actual::Value(Value::from(response.status)));
    }
    if let Some(name) = misfit.part.strip_prefix("headers.") {
        let mut sent = response.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let value = sent.next().map(|(_, value)| Value::String(value.clone()));
        return Some(match value {
            Some(_) if names_secret(name) => Actual::Value("«secret»".into()),
            Some(value) => Actual::Value(value),
            None => missing(),
        });
    }
    let pointer = misfit.pointer.as_deref()?;
    match response.json() {
        Err(not) if response.body.is_empty() || misfit.keyword == "media-type" => {
            Some(Actual::NotJson(not.to_string()))
        }
        Err(_) => Some(missing()),
        Ok(body) => {
            let last = pointer.rsplit('/').next().map(json::unescape).unwrap_or_default();
            let value = body.pointer(pointer)?;
            Some(Actual::Value(if names_secret(&last) {
                "«secret»".into()
            } else {
                value.clone()
            }))
        }
    }
}

impl Contracted {
    /// What `contract: true` at a place gives.
    pub(super) fn assertions(
        &self,
        place: Place,
        severity: Severity,
        outcome: Option<&str>,
    ) -> Vec<outcome::Assertion> {
        let assertion = |operand: Value, severity: Severity| outcome::Assertion {
            outcome: outcome.map(str::to_owned),
            ..as_documented("contract".to_owned(), operand, (place, severity))
        };
        match &self.verdict {
            Verdict::NotAsked => Vec::new(),
            Verdict::Unbound(reason) => vec![outcome::Assertion {
                passed: false,
                note: Some(reason.clone()),
                ..assertion(Value::Null, severity)
            }],
            Verdict::Judged { operation, misfits } => {
                let operand = || Value::String(operation.clone());
                let mut found = Vec::new();
                let mut parts: Vec<(&str, bool)> = Vec::new();
                for (misfit, _) in misfits {
                    let part = (misfit.part.as_str(), misfit.is_mild);
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
                for (part, is_mild) in parts {
                    let own: Vec<&(Misfit, Option<Actual>)> = misfits
                        .iter()
                        .filter(|(misfit, _)| misfit.part == part && misfit.is_mild == is_mild)
                        .collect();
                    let severity = if is_mild { Severity::Warning } else { severity };
                    found.push(of_part(&own, assertion(operand(), severity)));
                }
                if !found.iter().any(|one: &outcome::Assertion| one.severity == severity) {
                    found.insert(0, assertion(operand(), severity));
                }
                found
            }
        }
    }
}

/// What holds where something is as documented.
pub(super) fn as_documented(
    subject: String,
    operand: Value,
    (place, severity): (Place, Severity),
) -> outcome::Assertion {
    outcome::Assertion {
        subject,
        place,
        severity,
        passed: true,
        expected: Expected { operator: "as_documented".to_owned(), operand },
        actual: None,
        pointer: None,
        outcome: None,
        note: None,
        violations: Vec::new(),
        tap: None,
    }
}

/// What is not as documented in one part of a response.
fn of_part(
    misfits: &[&(Misfit, Option<Actual>)],
    assertion: outcome::Assertion,
) -> outcome::Assertion {
    let first = misfits.first();
    let note = first.map(|(misfit, _)| {
        let at = match misfit.pointer.as_deref() {
            Some("") => "the body: ".to_owned(),
            Some(pointer) => format!("at `{pointer}` "),
            None => String::new(),
        };
        let more = match misfits.len() {
            1 => String::new(),
            more => format!("; this is the first of {more} places"),
        };
        format!("{at}the document wants {}{more}", misfit.wanted)
    });
    outcome::Assertion {
        passed: false,
        actual: first.and_then(|(_, actual)| actual.clone()),
        pointer: first.and_then(|(misfit, _)| misfit.pointer.clone()),
        note,
        violations: misfits
            .iter()
            .map(|(misfit, _)| Violation {
                at: misfit.pointer.clone().unwrap_or_default(),
                pointer: misfit.pointer.clone(),
                wanted: misfit.wanted.clone(),
                keyword: misfit.keyword.clone(),
                place: misfit.place,
            })
            .collect(),
        ..assertion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_lies_under_a_base_up_to_a_slash() {
        let after = |base: &str, url: &str| {
            rest_after(base, &Url::parse(url).unwrap()).map(|(_, rest)| rest)
        };
        assert_eq!(after("http://a/v1/", "http://a/v1/pets?x=1").as_deref(), Some("/pets"));
        assert_eq!(after("http://a", "http://a/pets").as_deref(), Some("/pets"));
        assert_eq!(after("http://a/v1", "http://a/v1").as_deref(), Some(""));
        assert_eq!(after("http://a/v1", "http://a/v10/pets"), None);
        assert_eq!(after("http://a:80/", "http://a/pets").as_deref(), Some("/pets"));
        assert_eq!(after("http://a", "http://b/pets"), None);
    }

    #[test]
    fn the_last_hop_is_asked_as_clients_ask_it() {
        let hop = |method: &str, status: u16| Hop {
            method: method.to_owned(),
            url: String::new(),
            status,
            location: String::new(),
        };
        assert_eq!(final_method("POST", &[]), "POST");
        assert_eq!(final_method("POST", &[hop("POST", 303)]), "GET");
        assert_eq!(final_method("POST", &[hop("POST", 307)]), "POST");
        assert_eq!(final_method("HEAD", &[hop("HEAD", 302)]), "HEAD");
    }
}
