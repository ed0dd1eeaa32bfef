//! What goes over the wire.

use crate::bench::{Bench, Ran};
use crate::scripted::{Scripted, Seen};

/// Runs steps against a server that answers 200, and gives what it saw.
fn run(before: &str, steps: &str) -> (Ran, Vec<Seen>) {
    let server = Scripted::ok();
    let plan =
        format!("plan: P\n{before}defaults: {{base_url: {}}}\nsteps:\n{steps}", server.url());
    let ran = Bench::plan(&plan.replace("URL", &server.url())).run();
    (ran, server.log())
}

/// The one request that these steps make.
#[track_caller]
fn sent(steps: &str) -> Seen {
    sent_with("", steps)
}

#[track_caller]
fn sent_with(before: &str, steps: &str) -> Seen {
    let (ran, mut log) = run(before, steps);
    ran.exits(0);
    assert_eq!(log.len(), 1, "{log:#?}");
    log.remove(0)
}

/// What is said of steps that send nothing.
#[track_caller]
fn refused(code: i32, steps: &str) -> String {
    refused_with(code, "", steps)
}

#[track_caller]
fn refused_with(code: i32, before: &str, steps: &str) -> String {
    let (ran, log) = run(before, steps);
    let ran = ran.exits(code);
    assert!(log.is_empty(), "{log:#?}");
    ran.said
}

#[test]
fn every_method_is_a_key() {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        let seen = sent(&format!("  - {method}: /x\n"));
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (method, "/x"));
    }
    let seen = sent("  - method: PURGE\n    url: /x\n");
    assert_eq!(seen.method, "PURGE");
    assert!(refused(3, "  - GTE: /x\n").contains("did you mean `GET`?"));
    assert!(refused(3, "  - method: PURGE\n").contains("url"));
    refused(3, "  - GET: /x\n    POST: /y\n");
}

#[test]
fn one_slash_stands_between_base_url_and_path() {
    for (base, path, target) in [
        ("URL", "/x", "/x"),
        ("URL/", "/x", "/x"),
        ("URL/api/", "/x/", "/api/x/"),
        ("URL/api", "/", "/api/"),
    ] {
        let server = Scripted::ok();
        let plan = format!("plan: P\ndefaults: {{base_url: {base}}}\nsteps:\n  - GET: {path}\n");
        Bench::plan(&plan.replace("URL", &server.url())).run().exits(0);
        assert_eq!(server.only().target, target);
    }
    let ran = Bench::plan("plan: P\nsteps:\n  - GET: /x\n").run().exits(3);
    ran.says("plan::no-base-url");
}

#[test]
fn a_template_in_a_url_means_what_its_place_says() {
    let vars = "vars: {odd: \"a/b c?d&e=ü\", whole: \"URL/x?y=1\"}\n";
    let target = |url: &str| sent_with(vars, &format!("  - GET: {url}\n")).target;
    // `whole` is unused in some of these: a warning, no more.
    assert_eq!(target("/items/${{ odd }}/z"), "/items/a%2Fb%20c%3Fd%26e%3D%C3%BC/z");
    assert_eq!(target("/s?q=${{ odd }}&r=1"), "/s?q=a%2Fb%20c%3Fd%26e%3D%C3%BC&r=1");
    assert_eq!(target("${{ whole }}"), "/x?y=1");
    assert_eq!(target("${{ whole }}&z=2"), "/x?y=1&z=2");
    let vars = "vars: {path: a/b}\n";
    let seen = sent_with(vars, "  - GET: /items/${{ path | raw }}\n");
    assert_eq!(seen.target, "/items/a/b");
}

#[test]
fn a_segment_that_a_client_would_resolve_is_refused() {
    for url in ["/a/../b", "/a/%2e%2E/b", "/a/.%2e", "URL/../b"] {
        assert!(refused(3, &format!("  - GET: {url}\n")).contains("plan::bad-url"), "{url}");
    }
    let said = refused_with(5, "vars: {up: ..}\n", "  - GET: /a/${{ up }}/b\n");
    assert!(said.contains("step::value-refused"), "{said}");
    assert_eq!(sent("  - GET: /a/..%2fb\n").target, "/a/..%2fb");
    assert_eq!(sent("  - GET: /a/...\n").target, "/a/...");
    assert_eq!(sent("  - GET: /a?x=/../b\n").target, "/a?x=/../b");
}

#[test]
fn a_user_name_in_a_url_is_refused() {
    assert!(refused(3, "  - GET: http://ada:pw@127.0.0.1/\n").contains("auth: {basic:"));
    let said = refused_with(5, "vars: {u: 'http://ada:pw@127.0.0.1/'}\n", "  - GET: ${{ u }}\n");
    assert!(said.contains("user name"), "{said}");
}

#[test]
fn query_is_encoded_repeated_and_added_to_what_is_there() {
    let seen = sent(
        "  - GET: /x?a=1\n    query:\n      q: a b&c\n      n: 5\n      list: [1, two]\n      empty: \"\"\n      gone: ${{ omit }}\n",
    );
    assert_eq!(seen.target, "/x?a=1&q=a%20b%26c&n=5&list=1&list=two&empty=");
}

#[test]
fn headers_repeat_are_empty_or_left_out() {
    let seen = sent(
        "  - GET: /x\n    headers:\n      X-List: [a, b]\n      X-Empty: \"\"\n      X-Gone: ${{ omit }}\n      X-Items: [a, \"${{ omit }}\"]\n      X-Number: 5\n",
    );
    assert_eq!(seen.all("x-list"), ["a", "b"]);
    assert_eq!(seen.header("x-empty"), Some(""));
    assert_eq!(seen.header("x-gone"), None);
    assert_eq!(seen.header("x-items"), Some("a"));
    assert_eq!(seen.header("x-number"), Some("5"));
    assert!(refused(3, "  - GET: /x\n    headers: {\"X Y\": a}\n").contains("no name of a header"));
}

#[test]
fn a_line_break_is_refused_in_a_header_and_a_cookie_and_encoded_in_a_url() {
    let vars = "vars: {evil: \"a\\r\\nX-Evil: 1\"}\n";
    for step in [
        "  - GET: /x\n    headers: {X-A: \"${{ evil }}\"}\n",
        "  - GET: /x\n    cookies: {a: \"${{ evil }}\"}\n",
        "  - GET: /x\n    auth: {bearer: \"${{ evil }}\"}\n",
        "  - GET: ${{ evil }}\n",
    ] {
        assert!(refused_with(5, vars, step).contains("step::value-refused"), "{step}");
    }
    let seen = sent_with(vars, "  - GET: /x/${{ evil }}\n");
    assert_eq!(seen.target, "/x/a%0D%0AX-Evil%3A%201");
}

#[test]
fn json_keeps_types_digits_and_order() {
    let seen = sent_with(
        "vars: {count: 3, big: 18446744073709551616, flag: true, nothing: null, list: [1, 0.50]}\n",
        "  - POST: /x\n    json:\n      z: ${{ count }}\n      quoted: \"${{ count }}\"\n      text: n-${{ count }}\n      big: ${{ big }}\n      flag: ${{ flag }}\n      none: ${{ nothing }}\n      list: ${{ list }}\n      gone: ${{ omit }}\n      items: [1, \"${{ omit }}\", 2]\n      plain: 0.5000000000000000000001\n      mixed: \"${{ flag }} ${{ nothing }}\"\n",
    );
    assert_eq!(
        seen.body,
        r#"{"z":3,"quoted":3,"text":"n-3","big":18446744073709551616,"flag":true,"none":null,"list":[1,0.50],"items":[1,2],"plain":0.5000000000000000000001,"mixed":"true null"}"#
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[test]
fn form_and_text_are_sent_as_they_are_meant() {
    let seen = sent("  - POST: /x\n    form: {a: 1 + 1, l: [x, y], e: \"\", g: \"${{ omit }}\"}\n");
    assert_eq!(seen.body, "a=1%20%2B%201&l=x&l=y&e=");
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    let seen = sent("  - POST: /x\n    text: a ${{ 1 + 1 }} b\n");
    assert_eq!((seen.body.as_str(), seen.header("content-type")), ("a 2 b", None));
    refused(3, "  - POST: /x\n    text: a\n    json: {}\n");
}

#[test]
fn a_content_type_is_stated_or_left_out() {
    let seen =
        sent("  - POST: /x\n    json: {}\n    headers: {content-type: application/merge+json}\n");
    assert_eq!(seen.header("content-type"), Some("application/merge+json"));
    let seen = sent("  - POST: /x\n    json: {}\n    headers: {Content-Type: \"${{ omit }}\"}\n");
    assert_eq!(seen.header("content-type"), None);
}

#[test]
fn auth_is_shown_in_its_place() {
    let auth = |auth: &str| sent(&format!("  - GET: /x\n    auth: {auth}\n"));
    assert_eq!(auth("{bearer: abc}").header("authorization"), Some("Bearer abc"));
    let basic = auth("{basic: {user: ada, password: love}}");
    assert_eq!(basic.header("authorization"), Some("Basic YWRhOmxvdmU="));
    let key = auth("{api_key: {header: X-Key, value: k 1}}");
    assert_eq!((key.header("x-key"), key.header("authorization")), (Some("k 1"), None));
    assert_eq!(auth("{api_key: {query: key, value: k 1}}").target, "/x?key=k%201");
    assert_eq!(auth("none").header("authorization"), None);
    assert_eq!(auth("${{ omit }}").header("authorization"), None);
    assert!(
        refused(3, "  - GET: /x\n    auth: {baerer: abc}\n").contains("did you mean `bearer`?")
    );
    assert!(refused(5, "  - GET: /x\n    auth: ${{ 'abc' }}\n").contains("wants a mapping"));
}

#[test]
fn defaults_go_to_the_origin_of_base_url_alone() {
    let home = Scripted::ok();
    let other = Scripted::ok();
    let plan = format!(
        "plan: P\ndefaults:\n  base_url: {}\n  auth: {{bearer: abc}}\n  headers: {{X-Team: qa}}\n  cookies: {{c: \"1\"}}\nsteps:\n  - GET: /x\n  - GET: {}/y\n  - GET: {}/z\n    auth: {{bearer: own}}\n    headers: {{X-Team: own}}\n    cookies: {{c: own}}\n",
        home.url(),
        other.url(),
        other.url()
    );
    Bench::plan(&plan).run().exits(0);
    let shown = |seen: &Seen| {
        ["authorization", "x-team", "cookie"].map(|name| seen.header(name).map(str::to_owned))
    };
    let own = |texts: [&str; 3]| texts.map(|text| Some(text.to_owned()));
    assert_eq!(shown(&home.only()), own(["Bearer abc", "qa", "c=1"]));
    let log = other.log();
    assert_eq!(shown(&log[0]), [None, None, None]);
    assert_eq!(shown(&log[1]), own(["Bearer own", "own", "c=own"]));
}

#[test]
fn what_defaults_cannot_send_anywhere_is_said() {
    let server = Scripted::ok();
    let plan = format!(
        "plan: P\ndefaults: {{auth: {{bearer: abc}}}}\nsteps:\n  - GET: {}/x\n",
        server.url()
    );
    Bench::plan(&plan).run().exits(0).says("sent nowhere");
    assert_eq!(server.only().header("authorization"), None);
}

#[test]
fn headers_merge_without_regard_to_case_and_the_nearest_wins() {
    let server = Scripted::ok();
    let plan = format!(
        "plan: P\ndefaults:\n  base_url: {}\n  headers: {{X-A: far, X-B: far, Authorization: far}}\nsteps:\n  - GET: /x\n    headers: {{x-a: near, X-b: \"${{{{ omit }}}}\"}}\n    auth: {{bearer: near}}\n",
        server.url()
    );
    Bench::plan(&plan).run().exits(0);
    let seen = server.only();
    assert_eq!(seen.all("x-a"), ["near"]);
    assert_eq!(seen.header("x-b"), None);
    assert_eq!(seen.header("authorization"), Some("Bearer near"));
}

#[test]
fn a_plain_number_is_sent_as_its_warning_says() {
    let server = Scripted::ok();
    let plan = format!(
        "plan: P\ndefaults: {{base_url: {}}}\nsteps:\n  - GET: /a\n    query: {{b: 1e3, c: \"1e3\"}}\n    headers: {{X-V: 1.10}}\n",
        server.url()
    );
    let ran = Bench::plan(&plan).run().exits(0);
    assert_eq!(server.targets(), ["GET /a?b=1000&c=1e3"], "{}", ran.said);
    assert_eq!(server.log()[0].header("x-v"), Some("1.1"));
    assert!(ran.said.contains("1000") && ran.said.contains("1.1"), "{}", ran.said);
}

#[test]
fn a_port_that_cannot_be_is_found_beforehand() {
    let ran = Bench::plan("plan: P\nsteps:\n  - GET: http://127.0.0.1:99999/x\n").run().exits(3);
    assert!(ran.said.contains("plan::bad-url"), "{}", ran.said);
    Bench::plan("plan: P\nsteps:\n  - GET: http://127.0.0.1:9999/x\n").check().exits(0);
}

#[test]
fn a_file_that_is_named_literally_must_be_there_before_anything_is_sent() {
    let server = Scripted::ok();
    let plan = |path: &str| {
        format!(
            "plan: P\nvars: {{name: {path}}}\ndefaults: {{base_url: {}}}\nsteps:\n  - GET: /first\n  - {{POST: /a, text: \"${{{{ file('{path}') }}}}${{{{ name }}}}\"}}\n",
            server.url()
        )
    };
    for (path, code) in [
        ("none.txt", "plan::missing-file"),
        (".", "plan::missing-file"),
        ("../..", "plan::outside-root"),
        ("/etc/passwd", "plan::outside-root"),
    ] {
        let ran = Bench::plan(&plan(path)).run().exits(3);
        assert!(ran.said.contains(code), "{path}: {}", ran.said);
    }
    assert!(server.targets().is_empty());
    Bench::plan(&plan("there.txt")).file("there.txt", "content").run().exits(0);
    assert_eq!(server.log()[1].body, "contentthere.txt");
}

#[test]
fn a_file_whose_name_is_rendered_is_an_error_of_its_step() {
    let server = Scripted::ok();
    let plan = format!(
        "plan: P\nvars: {{name: none}}\ndefaults: {{base_url: {}}}\nsteps:\n  - GET: /first\n  - {{POST: /a, text: \"${{{{ file(name ~ '.txt') }}}}\"}}\n",
        server.url()
    );
    Bench::plan(&plan).run().exits(5);
    assert_eq!(server.targets(), ["GET /first"]);
}

#[test]
fn a_header_that_frames_the_message_is_refused_before_anything_is_sent() {
    for header in ["Content-Length: \"3\"", "transfer-encoding: chunked", "Connection: close"] {
        let plan = format!(
            "plan: A\nsteps:\n  - POST: http://127.0.0.1:9/\n    headers: {{{header}}}\n    text: abcdef\n"
        );
        Bench::plan(&plan).run().exits(3).says("delete the line").says("no request was sent");
    }
}

#[test]
fn a_step_without_a_name_is_called_by_its_method_and_path() {
    let server = Scripted::ok();
    let ran = Bench::plan("plan: P\nsteps:\n  - GET: ${{ env.host }}/health\n")
        .environment("e", &format!("environment: e\nvars: {{host: \"{}\"}}\n", server.url()))
        .run()
        .exits(0);
    assert_eq!(ran.step(0)["name"], "GET /health");
    let named = Bench::plan("plan: P\nsteps:\n  - {name: Up, GET: \"${{ env.host }}/health\"}\n")
        .environment("e", &format!("environment: e\nvars: {{host: \"{}\"}}\n", server.url()));
    assert_eq!(named.run().exits(0).step(0)["name"], "Up");
}

#[test]
fn the_curl_line_names_the_variable_that_the_environment_reads() {
    let server = Scripted::start(|_, _| crate::scripted::Reply::json(401, "{}"));
    let plan = format!(
        "plan: P\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: \"{}\", auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}}}\nsteps:\n  - GET: /a\n",
        server.url()
    );
    let named = "environment: e\nsecrets: {api_key: {env_var: STAGING_KEY}}\n";
    let ran = Bench::plan(&plan).environment("e", named).variable("STAGING_KEY", "abcdefgh1234");
    ran.run().exits(1).says("\"$STAGING_KEY\"");
    let ran = Bench::plan(&plan).variable("API_KEY", "abcdefgh1234").run().exits(1);
    ran.says("\"$API_KEY\"");
}
