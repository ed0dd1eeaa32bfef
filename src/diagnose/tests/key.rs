//! Rules about keys.

use super::scene::*;
use super::*;

#[expect(clippy::too_many_lines, reason = "a table: one row for each rule")]
pub(super) fn rows() -> Vec<Row> {
    let upstream = json!({"detail": "Invalid key", "upstream": {"status": 422, "body": {
        "detail": [{"loc": ["body", "api_key"], "msg": "Field required"}]}}});
    let not_upstream = json!({"detail": "Invalid key", "upstream": {"status": 401}});
    let registry = |scene: Scene| scene.header("server", "registry");
    let before = |millis: u64| Witness {
        secrets: vec![("key".into(), "header Authorization".into())],
        at: Duration::from_millis(millis),
        ..same_host()
    };
    vec![
        (
            "key/upstream-disagrees",
            "401 that quotes a 422 with the field `api_key`",
            "401 that quotes a 401",
            answered(401, &upstream),
            answered(401, &not_upstream),
        ),
        (
            "key/left-behind",
            "401 after a redirect to another origin",
            "401 after a redirect to another path",
            says(401, "API key required").led(302, "http://other.test/v1/items"),
            says(401, "API key required").led(302, "http://api.test/v2/items"),
        ),
        (
            "key/other-service",
            "401, `registered for service 'platform'`",
            "401, `Invalid key`",
            says(401, "This key is registered for service 'platform', not for 'shop'"),
            says(401, "Invalid key"),
        ),
        (
            "key/none-sent",
            "401, and nothing was sent that could be a key",
            "401, and a header `X-Api-Key` was sent",
            says(401, "no").no_secret(),
            says(401, "no").no_secret().with(|exchange| {
                exchange.request.headers.push(("X-Api-Key".into(), "abc".into()));
            }),
        ),
        (
            "key/expired",
            "401, and the token's `exp` is over",
            "401, and the token's `exp` is to come",
            says(401, "no").shape(|shape| {
                shape.expired = true;
                shape.expires = Some("2020-01-01T00:00:00Z".into());
            }),
            says(401, "no").shape(|shape| shape.expires = Some("2099-01-01T00:00:00Z".into())),
        ),
        (
            "key/white-space",
            "401, and a key with white space at its edge",
            "401, and a key without",
            says(401, "no").shape(|shape| shape.edge_whitespace = true),
            says(401, "no").shape(|_| {}),
        ),
        (
            "key/malformed",
            "401, and a key that `matches` does not fit",
            "401, and a key that it fits",
            says(401, "no").shape(|shape| shape.matches = Some(false)),
            says(401, "no").shape(|shape| shape.matches = Some(true)),
        ),
        (
            "key/other-place",
            "401, and the same path took the key from the body",
            "401, and the same path took the key from the same header",
            says(401, "no")
                .seen(Witness { asked: "POST http://api.test/v1/items".into(), ..same_host() }),
            says(401, "no").seen(Witness {
                asked: "POST http://api.test/v1/items".into(),
                secrets: vec![("key".into(), "header Authorization".into())],
                ..same_host()
            }),
        ),
        (
            "key/misrouted",
            "401, `API key required`, though sent, and another host with the same `Server` says the same",
            "the other host has another `Server`",
            registry(says(401, "API key required")).seen(twin("API key required")),
            registry(says(401, "API key required"))
                .seen(Witness { server: Some("auth".into()), ..twin("API key required") }),
        ),
        (
            "key/good-elsewhere",
            "401, and another service accepted the key",
            "401, and another service refused it too",
            says(401, "Invalid key").seen(other()),
            says(401, "Invalid key").seen(Witness { passed: false, status: 401, ..other() }),
        ),
        (
            "key/not-seen",
            "401, `API key required`, and a key was sent",
            "401, `API key required`, and none was sent",
            says(401, "API key required"),
            says(401, "API key required").no_secret(),
        ),
        (
            "key/refused",
            "401, and the server says why",
            "401, and it says nothing",
            says(401, "Invalid key"),
            answered(401, &json!({})),
        ),
        (
            "key/not-checked",
            "401, `Authentication service unavailable`",
            "401, `Authentication service: the key is unknown`",
            says(401, "Authentication service unavailable"),
            says(401, "Authentication service: the key is unknown"),
        ),
        (
            "key/ended",
            "401, and the same server took the key in the same place before",
            "401, and the same server takes it later",
            says(401, "Invalid key").seen(before(1)),
            says(401, "Invalid key").seen(before(9)),
        ),
    ]
}

#[test]
fn a_page_that_is_open_to_all_says_nothing_of_a_key() {
    let rules = |asked: &str| {
        let secrets = vec![("key".into(), "header Authorization".into())];
        let seen = Witness { asked: asked.into(), secrets, at: Duration::ZERO, ..same_host() };
        let causes = says(401, "Invalid key").seen(seen).causes();
        causes.iter().map(|cause| cause.rule).collect::<Vec<_>>()
    };
    let own = says(401, "Invalid key").exchange.request.url;
    assert_eq!(own, "http://api.test/v1/items");
    assert_eq!(rules("GET http://api.test/v1/things"), ["key/ended"]);
    assert_eq!(rules("GET http://api.test/version"), ["key/refused"]);
}

#[test]
fn a_service_that_takes_a_key_is_sure_to_know_it_where_it_says_so_or_refuses_others() {
    let sure = |seen: &[Witness]| {
        let scene = seen.iter().fold(says(401, "no"), |scene, it| scene.seen(it.clone()));
        let causes = scene.causes();
        causes.iter().find(|it| it.rule == "key/good-elsewhere").map(|it| it.confidence)
    };
    let takes = || Witness { says_valid: false, ..other() };
    let refuses = || Witness { status: 401, secrets: Vec::new(), key: step(2).key(), ..other() };
    assert_eq!(sure(&[other()]), Some(Confidence::Certain));
    assert_eq!(sure(&[takes()]), Some(Confidence::Likely));
    assert_eq!(sure(&[takes(), refuses()]), Some(Confidence::Certain));
}
