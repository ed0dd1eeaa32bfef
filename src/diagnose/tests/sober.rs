//! Readings that the facts leave open: there a rule is silent, or less than certain.

use super::scene::*;
use super::*;

use Confidence::{Certain, Likely, Possible};

/// What each text makes of a rule, under a status.
fn all(rule: &str, status: u16, texts: &[(&str, Option<Confidence>)]) {
    for (text, expected) in texts {
        assert_eq!(says(status, text).sure(rule), *expected, "{rule}: {text}");
    }
}

#[test]
fn a_redirect_changed_the_method_only_where_it_does_and_was_not_to() {
    let rule = "path/redirect-changed-method";
    let moved = "https://api.test/v1/items/";
    assert_eq!(answered(405, &json!({})).led(302, moved).sure(rule), Some(Certain));
    for method in ["PUT", "DELETE", "PATCH"] {
        let scene = answered(405, &json!({})).method(method);
        assert_eq!(scene.led(301, moved).sure(rule), None, "{method}");
    }
    assert_eq!(says(500, "no").led(303, "http://api.test/result").sure(rule), None);
    assert_eq!(says(404, "no").led(302, "http://api.test/result").sure(rule), Some(Likely));
    assert_eq!(says(500, "no").led(302, "http://api.test/result").sure(rule), None);
}

#[test]
fn a_hop_stands_back_where_the_words_of_the_answer_give_a_cause_unless_they_are_its_own() {
    let hop = || Tapped { contract: None, ..tapped(422, &[]) };
    let named = || answered(422, &json!({"detail": [{"loc": ["body", "name"], "msg": "bad"}]}));
    let all = [
        says(403, "scope model:write is missing"),
        answered(403, &json!({})).header("www-authenticate", "Bearer error=\"insufficient_scope\""),
        named(),
        says(409, "apple already exists"),
    ];
    for scene in all {
        let rules = scene.tapped(hop()).tapped(unanswered("nothing listens")).rules();
        assert!(!rules.iter().any(|rule| rule.starts_with("hop/")), "{rules:?}");
    }
    let broken = named().tapped(tapped(422, &["`api_key` is missing"]));
    assert_eq!(broken.sure("hop/broken-contract"), None);
    assert_eq!(says(422, "no").tapped(hop()).sure("hop/refused"), Some(Likely));
    let mut own = hop();
    own.exchange.response = named().exchange.response;
    assert_eq!(named().tapped(own).sure("hop/refused"), Some(Likely));
}

#[test]
fn a_key_is_refused_for_certain_where_the_words_judge_it() {
    all(
        "key/refused",
        401,
        &[
            ("Invalid or expired API key", Some(Certain)),
            ("The token was revoked", Some(Certain)),
            ("Request timestamp is too far from server time", Some(Likely)),
            ("Account temporarily locked after 5 failed logins", Some(Likely)),
            ("Wrong user name or password", Some(Likely)),
            ("CSRF token missing or incorrect", Some(Likely)),
            ("only an admin session may list keys", Some(Likely)),
        ],
    );
}

#[test]
fn words_count_only_where_they_speak_of_it() {
    all(
        "key/not-checked",
        401,
        &[
            ("Authentication service unavailable", Some(Certain)),
            ("Could not reach the authentication service", Some(Certain)),
            ("auth service: request timed out", Some(Certain)),
            ("Authentication service error", Some(Likely)),
            ("Authentication service error: the key is not known", None),
        ],
    );
    let negative = "auth service said the request's timeout field is negative";
    all("key/not-checked", 500, &[(negative, None)]);
    all(
        "key/other-service",
        403,
        &[
            ("This key is registered for 'shop'", Some(Certain)),
            ("The user is not registered for this course", None),
            ("This message is not intended for bots", None),
        ],
    );
    all(
        "permission/host-header",
        400,
        &[
            ("Invalid Host header", Some(Certain)),
            ("invalid host in callback_url", None),
            ("Invalid hostname given in field `webhook`", None),
        ],
    );
    all(
        "rate/limited",
        403,
        &[
            ("Rate limit exceeded", Some(Certain)),
            ("Plan 'free' cannot change its rate limit", None),
        ],
    );
}

#[test]
fn a_field_that_is_called_content_type_is_not_the_media_type() {
    let body = |loc: Value| {
        answered(
            422,
            &json!({"detail": [{"loc": loc, "msg": "content type of the article is too long"}]}),
        )
    };
    let article = body(json!(["body", "content type"]));
    assert_eq!(article.sure("fields/media-type"), None);
    assert_eq!(article.sure("fields/named"), Some(Certain));
    let header = body(json!(["header", "content-type"]));
    assert_eq!(header.sure("fields/media-type"), Some(Likely));
    let empty = header.with(|exchange| exchange.request.body = text_body(""));
    assert_eq!(empty.sure("fields/media-type"), None);
    assert_eq!(answered(415, &json!({})).sure("fields/media-type"), Some(Certain));
}

#[test]
fn a_login_and_a_gateway_are_known_by_whole_words() {
    let led = |to: &str| {
        let causes = answered(302, &json!({})).header("location", to).causes();
        causes.first().is_some_and(|cause| cause.text.contains("login"))
    };
    assert!(led("/login?next=/items") && led("https://login.test/x") && led("/oauth2/authorize"));
    assert!(!led("/catalogin/items") && !led("/docs/oauth-guide"));
    let titled = |title: &str, rule: &str| page(200, &format!("<title>{title}</title>")).sure(rule);
    assert_eq!(titled("Sign in | Shop", "page/login"), Some(Certain));
    assert_eq!(titled("Log in to your account", "page/login"), Some(Likely));
    assert_eq!(titled("How to log in to your API", "page/login"), None);
    let form = page(404, "<title>Not found</title><form><input type=\"password\"></form>");
    assert_eq!(form.sure("page/login"), Some(Likely));
    let shut = page(503, "<title>Maintenance until 12:00</title>");
    assert_eq!(shut.sure("page/gateway"), Some(Likely));
    assert_eq!(titled("503 Service Unavailable", "page/gateway"), Some(Certain));
    assert_eq!(titled("Service Unavailable notices archive", "page/gateway"), None);
}

#[test]
fn an_answer_that_contradicts_the_cause_is_heard() {
    let jobs = json!({"detail": "boom", "jobs": {"status": 422,
        "detail": [{"loc": ["body", "a"], "msg": "bad"}]}});
    assert_eq!(answered(500, &jobs).sure("key/upstream-disagrees"), None);
    let get = answered(405, &json!({})).method("GET");
    assert_eq!(get.header("allow", "GET, HEAD").sure("path/method"), None);
    let unchanged = answered(304, &json!({})).header("location", "/items");
    assert_eq!(unchanged.sure("path/redirected"), None);
    let at_once = says(504, "the service refused at once").took(1_000);
    assert_eq!(at_once.sure("gateway/timeout"), None);
    assert_eq!(says(504, "timed out").took(1_000).sure("gateway/timeout"), Some(Certain));
}

#[test]
fn after_a_redirect_to_another_origin_the_first_one_is_not_spoken_of() {
    let led = || {
        let asks = says(401, "API key required").method("GET");
        asks.led(302, "http://other.test/v1/items")
    };
    let scene = led().header("server", "registry").seen(Witness {
        origin: "http://other.test".into(),
        asked: "GET http://other.test/v1/items".into(),
        ..twin("API key required")
    });
    assert_eq!(scene.rules(), ["key/left-behind"]);
    let causes = scene.causes();
    assert_eq!((causes[0].confidence, causes[0].about.as_str()), (Certain, "http://other.test"));
    let seen = Witness::of(&step(0), &led().result(Vec::new())).expect("a witness");
    assert_eq!((seen.origin.as_str(), seen.secrets.len()), ("http://other.test", 0));
    assert_eq!(seen.asked, "GET http://other.test/v1/items");
}

#[test]
fn another_place_is_named_only_for_the_same_request_and_where_a_key_is_spoken_of() {
    let rule = "key/other-place";
    let seen = |method: &str| Witness {
        asked: format!("{method} http://api.test/v1/items"),
        secrets: vec![("key".into(), "header X-Api-Key".into())],
        ..same_host()
    };
    let limit = json!({"detail": [{"loc": ["query", "limit"], "msg": "not a number"}]});
    let key = json!({"detail": [{"loc": ["header", "x-api-key"], "msg": "Field required"}]});
    assert_eq!(answered(422, &limit).seen(seen("POST")).sure(rule), None);
    assert_eq!(answered(422, &key).seen(seen("POST")).sure(rule), Some(Certain));
    assert_eq!(says(401, "no").seen(seen("GET")).sure(rule), None);
}

#[test]
fn who_asks_for_something_else_does_not_ask_for_a_key() {
    all(
        "key/not-seen",
        401,
        &[
            ("API key required", Some(Likely)),
            ("Authorization header is missing", Some(Likely)),
            ("CSRF token missing or incorrect", None),
            ("One-time password required", None),
            ("Tenant header X-Tenant is required", None),
            ("Missing Authentication Token", None),
        ],
    );
    let end = |says: &str| {
        let body = json!({"detail": [{"loc": ["body", "name"], "msg": says}]});
        answered(422, &body).sure("fields/lost")
    };
    assert_eq!(end("Field required"), Some(Likely));
    assert_eq!(end("name is required to be after start"), None);
    let prefix = "Parameter 'name' must not contain required prefix 'x-'";
    all("fields/lost", 400, &[(prefix, None)]);
}

#[test]
fn a_router_that_has_no_such_path_does_not_speak_of_a_thing() {
    all(
        "path/no-such-thing",
        404,
        &[
            ("no Route matched with those values", None),
            ("Cannot GET /x", None),
            ("No route matches [GET] \"/rails\"", None),
            (
                "The requested URL was not found on the server. If you entered the URL manually \
                 please check your spelling and try again.",
                None,
            ),
            ("No static resource api/x.", None),
            ("Route GET:/x not found", None),
            ("Resource not found", None),
            ("Cannot find the item `apple`", Some(Likely)),
            ("there is no route from Paris to Rome", Some(Likely)),
        ],
    );
}

#[test]
fn the_same_framework_on_two_hosts_makes_a_wrong_route_likely_at_most() {
    let sure = |server: &str| {
        let twin = Witness { server: Some(server.into()), ..twin("API key required") };
        says(401, "API key required").header("server", server).seen(twin).sure("key/misrouted")
    };
    assert_eq!(sure("registry"), Some(Certain));
    assert_eq!(sure("uvicorn"), Some(Likely));
    assert_eq!(sure("nginx/1.25"), Some(Likely));
}

#[test]
fn a_token_that_others_take_may_not_have_ended() {
    let scene = || {
        says(401, "no").shape(|shape| {
            shape.expired = true;
            shape.expires = Some("2020-01-01T00:00:00Z".into());
        })
    };
    assert_eq!(scene().sure("key/expired"), Some(Certain));
    let causes = scene().seen(other()).causes();
    assert_eq!((causes[0].rule, causes[0].confidence), ("key/expired", Likely));
    assert!(causes[0].against[0].text.contains("was taken by POST http://auth.test/keys"));
}

#[test]
fn what_an_earlier_post_made_is_only_possibly_what_is_in_the_way() {
    let asked = "POST http://api.test/v1/items".to_owned();
    let scene = says(409, "apple already exists").seen(Witness { asked, ..same_host() });
    let causes = scene.causes();
    assert_eq!((causes[0].rule, causes[0].confidence), ("conflict/made-in-this-run", Possible));
    assert!(causes[0].facts[1].text.ends_with("was a POST to the same path"));
}

#[test]
fn a_name_of_a_matrix_does_not_decide_where_the_server_was_asked_too_often() {
    let flips = |status: u16| {
        let case = |number: u32| {
            let name = ["w", "x", "y", "z"][number as usize];
            let of = vec![("a".to_owned(), name.to_owned())];
            let case = CaseRef { number, name: name.to_owned(), of };
            let scene = answered(if number == 3 { status } else { 200 }, &json!({}));
            let verdict = if number == 3 { Verdict::Failed } else { Verdict::Passed };
            let result = StepResult { verdict, ..scene.result(Vec::new()) };
            (StepRef { case: Some(case), ..step(0) }, result)
        };
        super::run::whole(&[super::run::plan(1, (0..4).map(case).collect())]).flips.len()
    };
    assert_eq!(flips(500), 1);
    assert_eq!(flips(429), 0);
}

#[test]
fn a_scope_is_a_word_of_its_own_and_a_409_may_mean_another_state() {
    all(
        "permission/scope",
        403,
        &[
            ("the key lacks the role admin", Some(Likely)),
            ("this item is controlled by its owner", None),
        ],
    );
    all(
        "conflict/left-by-another-run",
        409,
        &[
            ("item 'apple' already exists", Some(Possible)),
            ("item 'apple' is locked by an open order", None),
        ],
    );
}
