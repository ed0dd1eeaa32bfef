//! `auth: oauth2` and `auth: digest`: what takes more than a header.

use crate::bench::Bench;
use crate::scripted::{Reply, Scripted, Seen};

const SECRET: &str = "cs-0123456789abcdef";
const TOKEN: &str = "tok-Zq8rT2xW5vN1mK7p";

/// A token endpoint at `/token` beside a service that wants the token.
fn tokens(expires_in: u64) -> Scripted {
    Scripted::start(move |seen, _| match seen.path() {
        "/token" => Reply::json(
            200,
            &format!(
                "{{\"access_token\":\"{TOKEN}\",\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}"
            ),
        ),
        _ if seen.header("authorization") == Some(&format!("Bearer {TOKEN}")) => {
            Reply::json(200, "{}")
        }
        _ => Reply::json(401, "{}"),
    })
}

fn oauth2(server: &Scripted, more: &str, steps: &str) -> Bench {
    let plan = format!(
        "plan: P\nsecrets: {{client: {{}}}}\ndefaults:\n  base_url: URL\n  auth: {{oauth2: {{token_url: URL/token, client_id: me, client_secret: \"${{{{ secrets.client }}}}\"{more}}}}}\nsteps:\n{steps}"
    );
    Bench::plan(&plan.replace("URL", &server.url())).variable("CLIENT", SECRET)
}

fn asked(server: &Scripted) -> Vec<Seen> {
    server.log().into_iter().filter(|seen| seen.path() == "/token").collect()
}

#[test]
fn a_token_is_asked_for_once_and_shown_with_every_request() {
    let server = tokens(3600);
    let steps = "  - GET: /a\n  - {GET: /b, repeat: 5, concurrency: 5}\n  - {GET: /c, auth: none, expect: {status: 401, $.x: {absent: true}}}\n";
    oauth2(&server, ", scope: \"model:write a\"", steps).run().exits(0);
    let asked = asked(&server);
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=model%3Awrite%20a");
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6Y3MtMDEyMzQ1Njc4OWFiY2RlZg=="));
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn another_scope_is_another_token_and_one_that_expired_is_asked_for_again() {
    let server = tokens(3600);
    let steps = "  - GET: /a\n  - {GET: /b, auth: {oauth2: {token_url: URL/token, client_id: me, scope: b}}}\n";
    oauth2(&server, "", &steps.replace("URL", &server.url())).run().exits(0);
    let bodies: Vec<String> = asked(&server).into_iter().map(|seen| seen.body).collect();
    // A client without a secret names itself in the body.
    let named = "grant_type=client_credentials&scope=b&client_id=me";
    assert_eq!(bodies, ["grant_type=client_credentials", named]);
    let server = tokens(0);
    oauth2(&server, "", "  - GET: /a\n  - GET: /b\n").run().exits(0);
    assert_eq!(asked(&server).len(), 2);
}

#[test]
fn a_token_and_the_secret_it_was_asked_with_are_shown_nowhere() {
    let server = Scripted::start(|seen, _| match seen.path() {
        "/token" => Reply::json(200, &format!("{{\"access_token\":\"{TOKEN}\"}}")),
        _ => Reply::plain(200, seen.header("authorization").unwrap_or_default()),
    });
    let bench = oauth2(&server, "", "  - {GET: /a, expect: {text: none}}\n").with(&["-v"]);
    let ran = bench.run().exits(1);
    for hidden in [TOKEN, SECRET, "bWU6Y3MtMDEyMzQ1Njc4OWFiY2RlZg"] {
        assert!(!ran.said.contains(hidden), "{hidden}: {}", ran.said);
        assert!(!ran.report.to_string().contains(hidden), "{hidden}");
    }
    assert!(ran.said.contains("«secret:access_token»"), "{}", ran.said);
}

#[test]
fn an_endpoint_that_gives_no_token_is_shown_with_what_it_was_asked() {
    for (status, body, said) in [
        (
            401,
            "{\"error\":\"invalid_client\",\"error_description\":\"unknown id\"}",
            "401 (invalid_client: unknown id)",
        ),
        (200, "{\"token\":\"x\"}", "holds no `access_token`"),
        (503, "<html>", "503"),
    ] {
        let server = Scripted::start(move |_, _| Reply::json(status, body));
        let ran = oauth2(&server, "", "  - GET: /a\n").run().exits(5).says("step::no-token");
        let findings = ran.step(0)["attempts"][0]["findings"].to_string();
        assert!(findings.contains(said) && findings.contains("/token"), "{findings}");
        assert_eq!(asked(&server).len(), server.log().len());
        let exchange = &ran.step(0)["attempts"][0]["exchange"];
        assert_eq!(exchange["request"]["method"], "POST");
        assert!(!ran.said.contains(SECRET) && !ran.report.to_string().contains(SECRET));
    }
    let server = Scripted::ok();
    let away = "auth: {oauth2: {token_url: 'http://127.0.0.1:9/token', client_id: me}}";
    let ran = oauth2(&server, "", &format!("  - {{GET: /a, {away}}}\n")).run().exits(5);
    ran.says("step::no-token");
    for (auth, said) in [
        ("{oauth2: {client_id: me}}", "add `token_url:"),
        ("{oauth2: {token_url: a}}", "add `client_id:"),
        (
            "{oauth2: {token_url: a, client_id: b, client_secrt: c}}",
            "did you mean `client_secret`?",
        ),
        ("{oauth2: {token_url: a, client_id: b}}", "`a` is not a URL"),
    ] {
        let ran = oauth2(&server, "", &format!("  - {{GET: /a, auth: {auth}}}\n")).run();
        assert!(ran.code == 3 || said.contains("not a URL") && ran.code == 5, "{}", ran.said);
        ran.says(said);
    }
    assert!(server.targets().is_empty());
}

/// A server that challenges everybody and answers 200 to whoever answers.
fn challenging(algorithm: &'static str) -> Scripted {
    Scripted::start(move |seen, _| {
        match seen.header("authorization") {
        Some(answer) if answer.starts_with("Digest ") => Reply::json(200, "{}"),
        Some(_) | None => Reply::json(401, "{}").with(
            "WWW-Authenticate",
            &format!("Basic realm=\"x\", Digest realm=\"r\", qop=\"auth\", nonce=\"n0nce\", algorithm={algorithm}"),
        ),
    }
    })
}

const DIGEST: &str = "auth: {digest: {user: ada, password: \"${{ secrets.pw }}\"}}";

fn digest(server: &Scripted, step: &str) -> Bench {
    let plan = format!(
        "plan: P\nsecrets: {{pw: {{}}}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{id: s, {step}, {DIGEST}}}\n",
        server.url()
    );
    Bench::plan(&plan).variable("PW", SECRET).file("a.txt", "abc")
}

#[test]
fn a_challenge_is_answered_once_with_the_body_sent_again() {
    for algorithm in ["MD5", "SHA-256"] {
        let server = challenging(algorithm);
        let ran = digest(&server, "PUT: \"/x?a=b c\", file: a.txt").with(&["-v"]).run().exits(0);
        let log = server.log();
        assert_eq!(log.len(), 2);
        assert_eq!((log[0].header("authorization"), log[0].body.as_str()), (None, "abc"));
        let answer = log[1].header("authorization").expect("an answer");
        for part in
            ["username=\"ada\"", "uri=\"/x?a=b%20c\"", "nonce=\"n0nce\"", "qop=auth", algorithm]
        {
            assert!(answer.contains(part), "{answer}");
        }
        assert_eq!(log[1].body, "abc");
        assert!(!ran.said.contains(SECRET) && !ran.said.contains("response="), "{}", ran.said);
    }
}

#[test]
fn what_cannot_be_answered_is_the_result() {
    let server = challenging("SHA-512-256");
    digest(&server, "GET: /x").run().exits(1);
    assert_eq!(server.log().len(), 1);
    let refusing = Scripted::start(|_, _| {
        Reply::json(401, "{}").with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")
    });
    digest(&refusing, "GET: /x").run().exits(1);
    assert_eq!(refusing.log().len(), 2, "it is answered once");
    let plan = "plan: P\nsteps:\n  - {GET: 'http://127.0.0.1:9/', auth: {digest: {user: ada}}}\n";
    Bench::plan(plan).run().exits(3).says("`digest` needs `password`");
}
