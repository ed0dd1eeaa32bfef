//! A server that gives a secret back in every encoding: it stands in no output.

use std::fmt::Write as _;

use crate::Project;
use crate::misbehaving::{Encoded, Misbehaving, encodings};
use crate::scripted::{Reply, Scripted};

const PLAIN: &str = "hk_live_Zq8rT2xW5vN1mK7p";
const PLAIN_COOKIE: &str = "abcdefgh01234567";
const NASTY: &str = "p\"a's+s/w&o<r>d%é世\\1";

/// Every output of a run, with its name.
fn outputs(project: &Project, out: String, err: String) -> Vec<(&'static str, String)> {
    let read = |file: &str| project.read(file);
    vec![
        ("standard output", out),
        ("standard error", err),
        ("the log", read("log")),
        ("the json report", read("r.json")),
        ("the stored run", read("run/events.jsonl")),
    ]
}

fn nothing_shows(secret: &str, plan: &str) {
    let project = Project::new();
    project.write("p.yaml", plan);
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"];
    let ran = project.run_with(&args, &[("API_KEY", secret), ("RUST_LOG", "trace")]);
    assert!([0, 1, 5].contains(&ran.code), "{ran:?}");
    assert!(ran.out.contains("«secret:api_key»"), "something was masked: {}", ran.out);
    for (name, text) in outputs(&project, ran.out, ran.err) {
        for Encoded { how, core, .. } in encodings(secret) {
            if let Some(at) = text.find(&core) {
                let mut from = at.saturating_sub(60);
                while !text.is_char_boundary(from) {
                    from -= 1;
                }
                let around: String =
                    text.get(from..).unwrap_or_default().chars().take(160).collect();
                panic!("{name} shows the secret as {how}: …{around}…");
            }
        }
    }
}

fn plan(server: &Misbehaving, steps: &[&str]) -> String {
    let mut plan = format!(
        "plan: P\non_failure: continue\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: \"{}\"}}\nsteps:\n",
        server.url("")
    );
    for step in steps {
        let _ = writeln!(plan, "  - {step}");
    }
    plan
}

#[test]
fn the_encodings_are_what_they_are_said_to_be() {
    let all = encodings("a\"b/é");
    let core = |how: &str| all.iter().find(|e| e.how == how).map(|e| e.core.as_str());
    assert_eq!(core("raw"), Some("a\"b/é"));
    assert_eq!(core("JSON"), Some("a\\\"b/é"));
    assert_eq!(core("\\u"), Some("\\u0061\\u0022\\u0062\\u002f\\u00e9"));
    assert_eq!(core("percent"), Some("a%22b%2F%C3%A9"));
    assert_eq!(core("hex"), Some("6122622fc3a9"));
    assert_eq!(core("HTML"), Some("a&quot;b/é"));
    assert_eq!(core("JSON in JSON"), Some("a\\\\\\\"b/é"));
    assert!(all.len() >= 30, "{}", all.len());
}

#[test]
fn a_key_in_every_kind_of_body_shows_nowhere() {
    let server = Misbehaving::start();
    let steps = [
        "{POST: /mirror/text, multipart: {a: \"x ${{ secrets.api_key }} y\"}}",
        "{POST: /mirror/text, multipart: {a: {file: p.yaml, filename: \"${{ secrets.api_key }}\"}}}",
        "{POST: /mirror/text, multipart: {password: \"${{ secrets.api_key }}\"}}",
        "{POST: /mirror/text, multipart: {a: {file: p.yaml, type: \"a/${{ secrets.api_key }}\"}}}",
        "{POST: /mirror/text, graphql: {query: \"{ a(k: \\\"${{ secrets.api_key }}\\\") }\"}}",
        "{POST: /mirror/text, graphql: {query: q, variables: {k: \"${{ secrets.api_key }}\"}}}",
        "{POST: /mirror/text, file: \"none-${{ secrets.api_key }}\"}",
        "{POST: /mirror/text, file: p.yaml, headers: {X-A: \"${{ secrets.api_key }}\"}}",
    ];
    nothing_shows(PLAIN, &plan(&server, &steps));
}

#[test]
fn a_body_with_the_key_in_every_encoding_shows_it_nowhere() {
    let server = Misbehaving::start();
    for how in ["", "?bytes=1"] {
        let ask = |path: &str, expect: &str| {
            format!(
                "{{POST: {path}{how}, auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}, expect: {{{expect}}}}}"
            )
        };
        let steps = [
            ask("/mirror/text", "status: 200"),
            ask("/mirror/text", "text: nothing of the kind"),
            ask("/mirror/text", "text: {starts_with: no, length: 3}"),
            ask("/mirror/json", "$.raw: x, \"$['JSON']\": y, $.hex: {length: 1}"),
            ask("/mirror/json", "$: {type: array}"),
            ask("/mirror/html", "$.a: 1"),
            ask("/mirror/headers", "headers: {X-Echo-0: no, X-Echo-3: no}"),
        ];
        nothing_shows(PLAIN, &plan(&server, &steps.each_ref().map(String::as_str)));
    }
}

#[test]
fn a_nasty_key_in_a_body_shows_nowhere() {
    let server = Misbehaving::start();
    for how in ["", "?bytes=1"] {
        let ask = |path: &str, expect: &str| {
            format!(
                "{{POST: {path}{how}, json: {{key: \"${{{{ secrets.api_key }}}}\"}}, expect: {{{expect}}}}}"
            )
        };
        let steps = [
            ask("/mirror/text", "text: nothing of the kind"),
            ask("/mirror/json", "$.raw: x, \"$['JSON']\": y"),
            ask("/mirror/html", "text: {contains: nothing}"),
        ];
        nothing_shows(NASTY, &plan(&server, &steps.each_ref().map(String::as_str)));
    }
}

#[test]
fn a_key_in_a_reason_a_location_or_an_answer_that_is_no_http_shows_nowhere() {
    let server = Misbehaving::start();
    let ask =
        |path: &str| format!("{{POST: {path}, auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}}}");
    let steps = [
        ask("/mirror/reason"),
        ask("/mirror/location"),
        ask("/mirror/garbage"),
        ask("/mirror/cut"),
    ];
    nothing_shows(PLAIN, &plan(&server, &steps.each_ref().map(String::as_str)));
}

#[test]
fn a_captured_token_is_secret_also_where_it_came_from() {
    let server = Misbehaving::start();
    let token = "tok-4711-captured-value";
    let project = Project::new();
    project.write(
        "p.yaml",
        &plan(
            &server,
            &[
                &format!("{{POST: /mirror/text, text: plain, headers: {{X-Give: {token}}}, capture: {{access: {{text: true, regex: 'give=(\\S+)', secret: true}}}}}}"),
                "{GET: /echo, query: {again: \"${{ access }}\"}, expect: {text: no}}",
            ],
        )
        // The plan gives it away itself; only its outputs count.
        .replace("secrets: {api_key: {}}\n", ""),
    );
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"];
    let ran = project.run(&args).ends(1);
    for (name, text) in outputs(&project, ran.out, ran.err) {
        let after = text.split("give=").nth(1).unwrap_or_default();
        assert!(!after.starts_with(token), "{name}: {text}");
        assert!(!text.contains(&format!("again={token}")), "{name}: {text}");
    }
}

/// All encodings of a secret, as the members of one JSON object.
fn all(secret: &str) -> String {
    let members = encodings(secret).into_iter().map(|one| (one.how.to_owned(), one.written.into()));
    serde_json::Value::Object(members.collect()).to_string()
}

/// A plan with these keys of `defaults`, run with everything that writes: none of it shows a secret.
fn shown_by_nothing(hidden: &[&str], auth: &str, steps: &str, ends: i32) {
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\non_failure: continue\nsecrets: {{api_key: {{}}}}\ndefaults: {{{auth}}}\nsteps:\n{steps}"
        ),
    );
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"];
    let given = [("API_KEY", hidden[0]), ("RUST_LOG", "trace")];
    let ran = project.run_with(&args, &given).ends(ends);
    assert!(ran.out.contains("«secret"), "something was masked: {}", ran.out);
    for (name, text) in outputs(&project, ran.out, ran.err) {
        for (secret, Encoded { how, core, .. }) in hidden
            .iter()
            .flat_map(|secret| encodings(secret).into_iter().map(move |it| (secret, it)))
        {
            assert!(!text.contains(&core), "{name} shows {secret} as {how}: {text}");
        }
    }
}

#[test]
fn the_secret_and_the_token_of_oauth2_show_nowhere_whatever_a_server_says() {
    const TOKEN: &str = "t+k/Zq8rT2\"xW5vN1=mK7p";
    for client in [PLAIN, NASTY] {
        let server = Scripted::start(move |seen, nth| match (seen.path(), nth) {
            ("/token", 0) => Reply::json(
                200,
                &serde_json::json!({"access_token": TOKEN, "said": all(client)}).to_string(),
            ),
            ("/none", _) => Reply::json(
                400,
                &serde_json::json!({"error": "invalid_client", "error_description": all(client)})
                    .to_string(),
            ),
            _ => Reply::json(401, &all(TOKEN)).with("X-Said", &TOKEN.replace('"', "%22")),
        });
        let url = server.url();
        let oauth2 = |path: &str| {
            format!(
                "auth: {{oauth2: {{token_url: {url}/{path}, client_id: me, client_secret: \"${{{{ secrets.api_key }}}}\"}}}}"
            )
        };
        let steps = format!(
            "  - {{GET: {url}/a, expect: {{text: none, \"$['raw']\": x}}}}\n  - {{GET: {url}/b, {}}}\n",
            oauth2("none")
        );
        let defaults = format!("base_url: {url}, {}", oauth2("token"));
        shown_by_nothing(&[client, TOKEN], &defaults, &steps, 5);
    }
}

#[test]
fn the_password_of_digest_shows_nowhere_whatever_a_server_says() {
    for password in [PLAIN, NASTY] {
        // What is hashed with the password would do in its place: RFC 7616 §3.4.2.
        let joined = format!("ada:re:{password}");
        let said = [all(password), all(&joined)].concat();
        let server = Scripted::start(move |seen, _| {
            let challenge = r#"Digest realm="re", nonce="n", qop="auth", algorithm=SHA-256"#;
            let reply = Reply::json(401, &said).with("WWW-Authenticate", challenge);
            match seen.header("authorization") {
                Some(answer) => reply.with("X-Said", &answer.replace('"', "'")),
                None => reply,
            }
        });
        let url = server.url();
        let auth = "digest: {user: ada, password: \"${{ secrets.api_key }}\"}";
        let defaults = format!("base_url: {url}, auth: {{{auth}}}");
        shown_by_nothing(&[password], &defaults, &format!("  - GET: {url}/a\n"), 1);
        let answers: Vec<String> = server
            .log()
            .iter()
            .filter_map(|seen| seen.header("authorization").map(str::to_owned))
            .collect();
        assert!(answers[0].contains("response="), "{answers:?}");
    }
}

#[test]
fn no_part_of_a_secret_shows_where_it_was_cut_or_changed_on_the_way() {
    let server = Scripted::start(|_, _| {
        Reply::plain(200, PLAIN).with("Set-Cookie", &format!("sid=of-a-session-{PLAIN_COOKIE}"))
    });
    let project = Project::new();
    let plan = "plan: P
on_failure: continue
secrets: {api_key: {}}
steps:
  - {GET: URL, expect: {bytes: {starts_with: ff}}}
  - {GET: URL, expect: {bytes: {ends_with: ff}}}
  - {GET: URL, expect: {bytes: ff}}
  - {GET: URL, capture: {session: {cookie: sid}}}
  - {GET: URL, save: \"${{ secrets.api_key }}<${{ 'x' * 90 }}.txt\"}
  - {GET: \"http://${{ secrets.api_key }}.localhost:1/\"}
";
    project.write("p.yaml", &plan.replace("URL", &server.url()));
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"];
    let ran = project.run_with(&args, &[("API_KEY", PLAIN)]);
    assert_eq!(ran.code, 5, "{ran:?}");
    let hex = |text: &str| {
        text.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    let parts = [
        PLAIN[..12].to_owned(),
        PLAIN[12..].to_owned(),
        hex(&PLAIN[..12]),
        hex(&PLAIN[12..]),
        PLAIN.to_lowercase(),
        PLAIN_COOKIE.to_owned(),
    ];
    for (name, text) in outputs(&project, ran.out, ran.err) {
        for part in &parts {
            assert!(!text.contains(part), "{name} shows {part}: {text}");
        }
    }
}

#[test]
fn a_password_in_a_mapping_that_is_captured_is_secret_where_it_is_used() {
    let server = Scripted::start(|_, _| {
        let body = r#"{"data": {"user": "ann", "password": "Pw-of-ann-0123",
            "keys": [{"api_key": "Key-of-ann-4567"}], "token_type": "Bearer",
            "max_tokens": 4096}}"#;
        Reply::json(200, body)
    });
    let project = Project::new();
    let step = format!(
        "{{GET: {}, headers: {{X-A: \"${{{{ all.password }}}}\", X-B: \"${{{{ all['keys'][0].api_key }}}} ${{{{ all.token_type }}}} ${{{{ all.max_tokens }}}} ${{{{ all.user }}}}\"}}}}",
        server.url()
    );
    let plan = format!(
        "plan: P\nsteps:\n  - {{GET: {}, capture: {{all: $.data}}}}\n  - {step}\n",
        server.url()
    );
    project.write("p.yaml", &plan);
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"];
    let ran = project.run_with(&args, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains(" Bearer 4096 ann"), "{}", ran.out);
    for (name, text) in outputs(&project, ran.out, ran.err) {
        for secret in ["Pw-of-ann-0123", "Key-of-ann-4567"] {
            assert!(!text.contains(secret), "{name} shows {secret}: {text}");
        }
    }
    assert_eq!(server.log().last().and_then(|seen| seen.header("x-a")), Some("Pw-of-ann-0123"));
}
