//! Rules about what lies between, and about those who let in.

use super::scene::*;
use super::*;

#[expect(clippy::too_many_lines, reason = "a table: one row for each rule")]
pub(super) fn rows() -> Vec<Row> {
    vec![
        (
            "permission/firewall",
            "403, a page `Access Denied`, `cf-ray`",
            "403, another page, no such header",
            page(403, "<title>Access Denied</title>").header("cf-ray", "8a"),
            page(403, "<title>Nothing here</title>"),
        ),
        (
            "permission/host-header",
            "403, `Invalid Host header`",
            "403, `No`",
            answered(403, &json!({})).typed("text/plain").body("Invalid Host header"),
            answered(403, &json!({})).typed("text/plain").body("No"),
        ),
        (
            "permission/scope",
            "403, the words name a scope",
            "403, the words name none",
            says(403, "the key lacks the scope items:write"),
            says(403, "no"),
        ),
        (
            "permission/not-allowed",
            "403, and the same server took the key for another request",
            "403, and only another server took the key",
            says(403, "no").seen(same_host()),
            says(403, "no").seen(other()),
        ),
        (
            "hop/broken-contract",
            "401, and the tap saw a request without the field that its contract wants, answered with 422",
            "401, and the tap saw a request as its contract wants it, answered with 401",
            says(401, "no").tapped(tapped(422, &["`api_key` is missing"])),
            says(401, "no").tapped(tapped(401, &[])),
        ),
        (
            "hop/refused",
            "401, and the tap saw that the dependency answered with 422",
            "401, and the tap saw that it answered with 401",
            says(401, "no").tapped(Tapped { contract: None, ..tapped(422, &[]) }),
            says(401, "no").tapped(Tapped { contract: None, ..tapped(401, &[]) }),
        ),
        (
            "hop/impatient",
            "401, and the tap saw that the service went away before there was an answer",
            "401, and the tap saw that the dependency did not answer",
            says(401, "no").tapped(unanswered("the caller went away before there was an answer")),
            says(401, "no").tapped(unanswered("nothing listens")),
        ),
        (
            "hop/unanswered",
            "401, and the tap saw that the dependency did not answer",
            "401, and the tap saw that it answered with 200",
            says(401, "no").tapped(unanswered("nothing listens")),
            says(401, "no").tapped(tapped(200, &[])),
        ),
        (
            "rate/limited",
            "429",
            "503 with Retry-After",
            answered(429, &json!({})).header("retry-after", "5"),
            answered(503, &json!({})).header("retry-after", "5"),
        ),
        (
            "gateway/timeout",
            "504 after 30.02 s",
            "504 after 7.4 s",
            says(504, "late").took(30_020),
            says(504, "late").took(7_400),
        ),
        ("gateway/nothing-behind", "502", "500", says(502, "no"), says(500, "no")),
        (
            "page/login",
            "200, a page `Sign in`",
            "200, a page `Welcome`",
            page(200, "<title>Sign in</title>"),
            page(200, "<title>Welcome</title>"),
        ),
        (
            "page/gateway",
            "500, a page `502 Bad Gateway`",
            "500, a page `Welcome`",
            page(500, "<title>502 Bad Gateway</title>"),
            page(500, "<title>Welcome</title>"),
        ),
        (
            "page/web-server",
            "200, a page",
            "200, JSON that is called HTML",
            page(200, "<html></html>"),
            page(200, "{}"),
        ),
        (
            "service/failed",
            "500 with a reason",
            "500 with `{}`, and nothing else was answered",
            says(500, "null"),
            answered(500, &json!({})),
        ),
        (
            "routes/hop",
            "401 by `proxy`, and by `direct` all is as expected",
            "401 by `proxy`, and another fault by `direct`",
            says(401, "no").by_another_route(true),
            says(401, "no").by_another_route(false),
        ),
    ]
}

#[test]
fn a_broken_contract_is_a_certain_cause_only_where_the_refusal_can_come_of_nothing_else() {
    let found = |status: u16, code: Code| {
        let mut tapped = tapped(status, &["the field `a` is wrong"]);
        let breaches = tapped.contract.iter_mut().flat_map(|contract| &mut contract.breaches);
        breaches.for_each(|breach| breach.code = code);
        let causes = says(401, "no").tapped(tapped).causes();
        let own = causes.iter().find(|cause| cause.rule == "hop/broken-contract");
        own.map(|cause| cause.confidence)
    };
    assert_eq!(found(422, Code::ContractMissingField), Some(Confidence::Certain));
    assert_eq!(found(401, Code::ContractMissingCredential), Some(Confidence::Certain));
    // The key may be expired all the same.
    assert_eq!(found(401, Code::ContractBadValue), Some(Confidence::Likely));
    // Nobody is refused for a field more, and what was taken was not refused.
    assert_eq!(found(422, Code::ContractUnknownField), None);
    assert_eq!(found(200, Code::ContractMissingField), None);
}
