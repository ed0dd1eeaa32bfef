//! What is expected, captured, allowed and hidden; names, seeds and secrets.

use serde_json::json;

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};

const BODY: &str = r#"{"id": 7, "name": "ada", "token": "tok-1234567", "big": 18446744073709551616, "empty": "", "nothing": null, "no": false, "items": [{"sku": "AB-1"}, {"sku": "CD-2"}], "none": []}"#;

fn server() -> Scripted {
    Scripted::start(|seen, _| {
        let status = seen.path().strip_prefix("/status/").and_then(|text| text.parse().ok());
        Reply::json(status.unwrap_or(200), BODY)
            .with("X-Fruit", "apple")
            .with("X-Fruit", "pear")
            .with("Set-Cookie", "session=s3; Path=/; Max-Age=90")
    })
}

fn run(server: &Scripted, before: &str, steps: &str) -> Ran {
    let plan =
        format!("plan: P\n{before}defaults: {{base_url: {}}}\nsteps:\n{steps}", server.url());
    Bench::plan(&plan).run()
}

fn expect(expect: &str) -> Ran {
    run(&server(), "", &format!("  - GET: /a\n    expect: {expect}\n"))
}

#[test]
fn every_subject_holds_and_fails() {
    for (holds, fails) in [
        ("{status: 200}", "{status: 201}"),
        ("{status: [201, 2xx]}", "{status: [201, 4xx]}"),
        ("{status: {not: 5xx}}", "{status: {not: 2xx}}"),
        ("{headers: {x-fruit: 'apple, pear'}}", "{headers: {x-fruit: apple}}"),
        ("{headers: {'X-Fruit[1]': pear}}", "{headers: {'X-Fruit[2]': pear}}"),
        ("{$.id: 7}", "{$.id: '7'}"),
        ("{$.big: 18446744073709551616}", "{$.big: 18446744073709551615}"),
        ("{$.missing: {absent: true}}", "{$.nothing: {absent: true}}"),
        ("{$.nothing: null}", "{$.empty: null}"),
        (
            "{'$.items[*].sku': {each: {matches: '^[A-Z]{2}-'}}}",
            "{'$.none[*]': {each: {type: string}}}",
        ),
        ("{$: {partial: {name: ada}}}", "{$: {equals: {name: ada}}}"),
        ("{text: {contains: ada}}", "{text: {contains: bob}}"),
        ("{cookies: {session: s3}}", "{cookies: {sessio: {present: true}}}"),
        (
            "{cookies: {'session[Max-Age]': {apply: [int], gt: 60}}}",
            "{cookies: {'session[Max-Age]': {apply: [int], gt: 100}}}",
        ),
        ("{url: {ends_with: /a}}", "{url: {ends_with: /b}}"),
        ("{redirects: {length: 0}}", "{redirects: {length: 1}}"),
        ("{size: {lt: 1MiB}}", "{size: {lt: 10}}"),
        ("{bytes: {starts_with: 7b22}}", "{bytes: {starts_with: ffd8}}"),
        ("{sha256: {matches: '^[0-9a-f]{64}$'}}", "{sha256: {ends_with: xyz}}"),
        ("{md5: {length: 32}}", "{md5: {length: 31}}"),
        ("{http: '1.1'}", "{http: '2'}"),
        ("{remote_ip: 127.0.0.1}", "{remote_ip: 10.0.0.1}"),
        ("{values: {'1 + 1': 2}}", "{values: {'1 + 1': 3}}"),
    ] {
        expect(holds).exits(0);
        let ran = expect(fails).exits(1);
        assert_eq!(ran.failures(0).len(), 1, "{fails}\n{}", ran.said);
    }
}

#[test]
fn without_a_status_2xx_is_expected() {
    for (status, code) in [(200, 0), (204, 0), (302, 1), (404, 1), (500, 1)] {
        run(&server(), "", &format!("  - GET: /status/{status}\n")).exits(code);
    }
    let ran = run(&server(), "", "  - {GET: /status/404, expect: {$.id: 7}}\n").exits(1);
    assert_eq!(ran.failures(0), ["status equals"]);
    run(&server(), "", "  - {GET: /status/404, expect: {status: any}}\n").exits(0);
}

#[test]
fn every_failing_assertion_is_reported() {
    let ran = expect("{status: 201, $.id: 8, $.name: {starts_with: b}, text: {contains: ada}}");
    let ran = ran.exits(1);
    assert_eq!(ran.failures(0), ["status equals", "$.id equals", "$.name starts_with"]);
}

#[test]
fn only_an_error_and_nothing_more_is_warned_of() {
    let ran = run(&server(), "", "  - {GET: /status/404, expect: {status: 404}}\n").exits(0);
    ran.says("plan::bare-negative");
    let ran = run(&server(), "", "  - {GET: /status/404, expect: {status: 404, $.id: 7}}\n");
    assert!(!ran.exits(0).said.contains("bare-negative"));
}

#[test]
fn warn_reports_and_fails_nothing() {
    let ran = run(&server(), "", "  - {GET: /a, warn: {$.id: 8}}\n").exits(0);
    let assertions = ran.step(0)["attempts"][0]["assertions"].as_array().expect("assertions");
    assert!(assertions.iter().any(|it| it["severity"] == "warning" && it["passed"] == false));
    run(&server(), "", "  - {GET: /a, expect: {$.id: 8}}\n").exits(1);
}

#[test]
fn the_first_outcome_that_holds_is_the_steps() {
    let one_of = "one_of: {made: {status: 201}, there: {$.id: 7}, also: {status: any}}";
    let ran = expect(&format!("{{{one_of}}}")).exits(0);
    assert_eq!(ran.step(0)["attempts"][0]["outcome"], "there");
    expect(&format!("{{{one_of}, outcome: there}}")).exits(0);
    let ran = expect(&format!("{{{one_of}, outcome: made}}")).exits(1);
    assert_eq!(ran.failures(0), ["outcome equals"]);
    expect(&format!("{{{one_of}, $.name: bob}}")).exits(1);
    expect("{one_of: {made: {status: 201}, gone: {$.id: 8}}}").exits(1);
    expect(&format!("{{{one_of}, outcome: ther}}")).exits(3).says("did you mean `there`?");
    expect("{outcome: there}").exits(3);
    // Without a status an outcome means 2xx.
    let step = "  - {GET: /status/404, expect: {one_of: {found: {$.id: 7}}}}\n";
    run(&server(), "", step).exits(1);
}

#[test]
fn captures_take_from_everywhere() {
    let captures = "    capture:\n      id: $.id\n      code: status\n      where: url\n      all: text\n      fruit: {header: X-Fruit}\n      second: {header: 'X-Fruit[1]'}\n      cookie: {cookie: session}\n      number: {json: '$.items[0].sku', regex: '-(\\d+)'}\n      upper: {json: $.name, apply: [upper]}\n      lost: {json: $.lost, default: 5}\n      nothing: $.nothing\n      took: duration\n";
    let asserts = "  - assert: [id == 7, code == 200, where is defined, \"'ada' in all\", \"fruit == 'apple, pear'\", \"second == 'pear'\", \"cookie == 's3'\", \"number == '1'\", \"upper == 'ADA'\", lost == 5, nothing is none, took > 0]\n";
    run(&server(), "", &format!("  - GET: /a\n{captures}{asserts}")).exits(0);
    let ran = run(&server(), "", "  - {GET: /a, capture: {x: $.nmae}}\n").exits(1);
    assert_eq!(ran.step(0)["code"], "step::capture");
    ran.says("name");
}

#[test]
fn captures_are_made_although_an_assertion_failed_and_may_be_made_again() {
    let steps = "  - {GET: /a, on_failure: continue, expect: {$.id: 8}, capture: {x: $.id}}\n  - {GET: /b, capture: {x: $.name}}\n  - assert: [\"x == 'ada'\"]\n";
    run(&server(), "", steps).exits(1);
    let ran = run(&server(), "", steps);
    assert_eq!(ran.verdicts(), ["failed", "passed", "passed"]);
    assert_eq!(ran.step(0)["attempts"][0]["captures"][0]["value"], json!(7));
}

#[test]
fn values_see_the_steps_own_captures_and_others_do_not() {
    let steps =
        "  - GET: /a\n    capture: {x: $.id}\n    expect: {values: {x: {gt: 6}, x + 1: 8}}\n";
    run(&server(), "", steps).exits(0);
    run(&server(), "", &steps.replace("gt: 6", "gt: 7")).exits(1);
    let steps = "  - GET: /a\n    capture: {x: $.id}\n    expect: {$.id: \"${{ x }}\"}\n";
    run(&server(), "", steps).exits(3).says("captured by this step itself");
    let steps = "  - GET: /a\n    capture: {x: $.id}\n  - GET: /b\n    expect: {$.id: \"${{ x }}\", $.name: {not_equals: \"${{ x }}\"}}\n";
    run(&server(), "", steps).exits(0);
}

#[test]
fn a_captured_token_is_shown_nowhere() {
    let steps = "  - {GET: /a, capture: {token: $.token, mine: {json: $.name, secret: true}}}\n  - {GET: /b, auth: {bearer: \"${{ token }}\"}, expect: {$.name: bob}}\n";
    let server = server();
    let ran = run(&server, "", steps).exits(1);
    assert_eq!(server.log()[1].header("authorization"), Some("Bearer tok-1234567"));
    for shown in [&ran.said, &ran.report.to_string()] {
        assert!(!shown.contains("tok-1234567"), "{shown}");
    }
}

#[test]
fn cookies_are_kept_for_the_case_unless_none_are_wanted() {
    let server = server();
    let steps = "  - {GET: /a, cookies: none}\n  - {GET: /b, cookies: {mine: \"1\"}}\n  - {GET: /c, cookies: none}\n  - {GET: /d, cookies: {session: own}}\n";
    run(&server, "", steps).exits(0);
    let log = server.log();
    assert_eq!(log[0].header("cookie"), None);
    let both = log[1].header("cookie").expect("cookies");
    assert!(both.contains("session=s3") && both.contains("mine=1"), "{both}");
    assert_eq!(log[2].header("cookie"), None);
    assert_eq!(log[3].header("cookie"), Some("session=own"));
}

/// `/hop/2` leads to `/hop/1` and so on.
fn hops() -> Scripted {
    Scripted::start(|seen, _| {
        let left = seen.path().strip_prefix("/hop/").and_then(|text| text.parse::<u32>().ok());
        match left {
            None | Some(0) => Reply::json(200, "{}"),
            Some(left) => Reply::plain(302, "").with("Location", &format!("/hop/{}", left - 1)),
        }
    })
}

#[test]
fn redirects_are_followed_as_far_as_asked() {
    for (keys, code, count) in [
        ("expect: {status: 302}", 0, 1),
        ("follow_redirects: false, expect: {status: 302}", 0, 1),
        (
            "follow_redirects: true, expect: {url: {ends_with: /hop/0}, redirects: {length: 3}}",
            0,
            4,
        ),
        ("follow_redirects: 3, expect: {'redirects[-1]': {ends_with: /hop/0}}", 0, 4),
        ("follow_redirects: 2", 5, 3),
        ("follow_redirects: \"${{ yes }}\"", 0, 4),
        ("follow_redirects: \"${{ 2 }}\"", 5, 3),
        ("follow_redirects: \"${{ 'x' }}\"", 5, 0),
    ] {
        let server = hops();
        run(&server, "vars: {yes: true}\n", &format!("  - {{GET: /hop/3, {keys}}}\n")).exits(code);
        assert_eq!(server.targets().len(), count, "{keys}");
    }
}

#[test]
fn a_url_out_of_a_response_goes_only_where_it_may() {
    let other = Scripted::ok();
    let url = other.url();
    let home = Scripted::start(move |_, _| {
        Reply::json(200, &format!("{{\"next\": \"{url}/next\", \"host\": \"{}\"}}", &url[7..]))
    });
    let first = "  - {id: a, GET: /a, capture: {next: $.next, host: $.host}}\n";
    for second in [
        "${{ next }}",
        "${{ steps.a.json.next }}",
        "http://${{ host | raw }}/next",
        "${{ 'http://' ~ host }}",
    ] {
        let ran = run(&home, "", &format!("{first}  - GET: {second}\n")).exits(5);
        assert_eq!(ran.step(1)["code"], "transport::origin", "{second}");
        assert!(other.targets().is_empty());
    }
    let plan = format!(
        "plan: P\ndefaults: {{base_url: {}}}\nsteps:\n{first}  - GET: ${{{{ next }}}}\n",
        home.url()
    );
    let environment =
        |allowed: &str| format!("environment: e\nallow_origins: [{}, {allowed}]\n", home.url());
    Bench::plan(&plan).environment("e", &environment(&other.url())).run().exits(0);
    assert_eq!(other.targets(), ["GET /next"]);
    Bench::plan(&plan).environment("e", &environment("http://localhost:1")).run().exits(5);
    let named = format!("vars: {{other: {}}}\n", other.url());
    let templated = named.clone() + &environment("'${{ env.other }}'");
    Bench::plan(&plan).environment("e", &templated).run().exits(0);
    assert_eq!(other.targets().len(), 2);
    // A variable that is a URL counts only where nothing is stated, and an empty list is a statement.
    let unstated = format!("environment: e\n{named}");
    Bench::plan(&plan).environment("e", &unstated).run().exits(0);
    assert_eq!(other.targets().len(), 3);
    Bench::plan(&plan).environment("e", &format!("{unstated}allow_origins: []\n")).run().exits(5);
    let base = format!("environment: base\n{named}allow_origins: []\n");
    let bench = |own: &str| {
        let own = format!("environment: e\nextends: base\n{own}");
        Bench::plan(&plan).file("environments/base.yaml", &base).environment("e", &own)
    };
    bench("").run().exits(5);
    bench("allow_origins: ['${{ env.other }}']\n").run().exits(0);
    bench("allow_origins: ['${{ 1 }}']\n").run().exits(3).says("`1` is no origin");
    assert_eq!(other.targets().len(), 4);
    // A captured segment has no say in where the request goes.
    run(&home, "", &format!("{first}  - GET: /x/${{{{ next }}}}\n")).exits(0);
}

#[test]
fn a_large_body_and_a_fresh_connection_are_as_asked() {
    let large = Scripted::start(|_, _| Reply::plain(200, &"x".repeat(3000)));
    run(&large, "", "  - {GET: /a, max_body: 2KiB}\n").exits(5);
    run(&large, "", "  - {GET: /a, max_body: 3KiB}\n").exits(0);
    run(&large, "vars: {m: 2KiB}\n", "  - {GET: /a, max_body: \"${{ m }}\"}\n").exits(5);
    let connections = |keys: &str| {
        let server = Scripted::ok();
        run(&server, "", &format!("  - GET: /a\n  - {{GET: /b{keys}}}\n")).exits(0);
        server.log()[1].connection
    };
    assert_eq!(connections(""), 0);
    assert_eq!(connections(", connection: fresh"), 1);
}

#[test]
fn a_seed_repeats_a_run_and_unique_never_follows_it() {
    let sent = |seed: &str| {
        let server = Scripted::ok();
        let plan = format!(
            "plan: P\nvars: {{a: \"${{{{ uuid() }}}}\"}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{POST: /a, json: [\"${{{{ a }}}}\", \"${{{{ random_int(1, 1000000) }}}}\", \"${{{{ fake('email') }}}}\", \"${{{{ random_string(9) }}}}\"]}}\n  - {{POST: /b, text: \"${{{{ unique }}}}\"}}\n",
            server.url()
        );
        Bench::plan(&plan).with(&["--seed", seed]).run().exits(0);
        let log = server.log();
        (log[0].body.clone(), log[1].body.clone())
    };
    let (first, again, other) = (sent("5"), sent("5"), sent("6"));
    assert_eq!(first.0, again.0);
    assert_ne!(first.0, other.0);
    assert_ne!(first.1, again.1);
}

#[test]
fn unique_is_one_word_in_an_attempt_and_another_in_the_next() {
    let server =
        Scripted::start(|_, number| Reply::json(if number == 0 { 503 } else { 200 }, "{}"));
    let steps = "  - {POST: \"/${{ unique }}\", text: \"${{ unique }}\", retry: {times: 1, delay: 1ms}}\n  - {POST: \"/${{ word }}\", text: \"${{ word }}\"}\n";
    run(&server, "vars: {word: \"${{ unique }}\"}\n", steps).exits(0);
    let log = server.log();
    let words: Vec<&str> = log.iter().map(|seen| &seen.target[1..]).collect();
    for (seen, word) in log.iter().zip(&words) {
        assert_eq!(seen.body, *word);
    }
    assert!(words[0] != words[1] && words[1] != words[2], "{words:?}");
}

#[test]
fn inputs_and_variables_come_from_outside_with_their_type() {
    let server = Scripted::ok();
    let plan = format!(
        "plan: P\ninputs: [who]\nvars: {{count: 1, name: a}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{POST: /a, json: [\"${{{{ who }}}}\", \"${{{{ count }}}}\", \"${{{{ name }}}}\"]}}\n",
        server.url()
    );
    let bench = || Bench::plan(&plan);
    bench().with(&["--var", "who=5", "--var", "count=2", "--var", "name=3"]).run().exits(0);
    assert_eq!(server.only().body, r#"["5",2,"3"]"#);
    bench().run().exits(3).says("`who` is not given");
    bench().with(&["--var", "who=5", "--var", "cuont=2"]).run().exits(2).says("`count`");
}

#[test]
fn the_environment_gives_variables_and_the_nearest_wins() {
    let server = Scripted::ok();
    let plan = "plan: P\ndefaults: {base_url: \"${{ env.url }}\"}\nsteps:\n  - {POST: /a, json: [\"${{ env.a }}\", \"${{ env.b }}\"]}\n";
    let bench = || {
        Bench::plan(plan)
            .file("environments/base.yaml", "environment: base\nvars: {a: 1, b: far}\n")
            .environment(
                "e",
                &format!(
                    "environment: e\nextends: base\nvars: {{url: {}, b: near}}\n",
                    server.url()
                ),
            )
    };
    bench().run().exits(0);
    bench().variable("PLANRUN_VAR_a", "2").run().exits(0);
    bench().variable("PLANRUN_VAR_a", "2").with(&["--var", "env.a=3"]).run().exits(0);
    let bodies: Vec<String> = server.log().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [r#"[1,"near"]"#, r#"[2,"near"]"#, r#"[3,"near"]"#]);
    Bench::plan(plan).run().exits(3).says("env.url");
    bench().with(&["-e", "nope"]).run().exits(2);
}

#[test]
fn an_optional_secret_that_is_missing_skips_what_needs_it() {
    let server = Scripted::ok();
    let plan = |optional: bool| {
        format!(
            "plan: P\nsecrets: {{key: {{optional: {optional}}}}}\nvars: {{full: \"Key ${{{{ secrets.key }}}}\"}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{GET: /a, auth: {{bearer: \"${{{{ secrets.key }}}}\"}}}}\n  - {{GET: /b, headers: {{X-Key: \"${{{{ full }}}}\"}}}}\n  - {{GET: /c, headers: {{X-Key: \"${{{{ secrets.key | default('none') }}}}\"}}}}\n",
            server.url()
        )
    };
    let ran = Bench::plan(&plan(true)).run().exits(0);
    assert_eq!(ran.verdicts(), ["skipped", "skipped", "passed"]);
    assert_eq!(ran.step(0)["reason"], json!({"secret-missing": "key"}));
    assert_eq!(server.only().header("x-key"), Some("none"));
    Bench::plan(&plan(false)).run().exits(3).says("secret::missing");
    assert_eq!(server.targets().len(), 1);
    let ran = Bench::plan(&plan(true)).variable("KEY", "k-123456").run().exits(0);
    assert_eq!(ran.verdicts(), ["passed", "passed", "passed"]);
    assert_eq!(server.log()[2].header("x-key"), Some("Key k-123456"));
    assert!(!ran.report.to_string().contains("k-123456"));
}

#[test]
fn what_an_expression_cannot_do_with_a_response_is_errored() {
    let steps = "  - {id: a, GET: /a, capture: {x: $.items}}\n  - GET: /b/${{ x[5].sku }}\n";
    let ran = run(&server(), "", steps).exits(5);
    assert_eq!(ran.verdicts(), ["passed", "errored"]);
    let steps = "  - {id: a, GET: /a, capture: {x: $.items}}\n  - GET: /b/${{ x[1].sku }}\n";
    run(&server(), "", steps).exits(0);
}

#[test]
fn what_came_out_of_a_response_is_never_rendered() {
    let server = Scripted::start(|_, _| Reply::json(200, r#"{"x": "${{ 1 + 1 }}"}"#));
    let steps = "  - {GET: /a, capture: {x: $.x}}\n  - {POST: /b, text: \"${{ x }} $${{ y }}\"}\n";
    run(&server, "", steps).exits(0);
    assert_eq!(server.log()[1].body, "${{ 1 + 1 }} ${{ y }}");
}

#[test]
fn check_sends_nothing_and_says_the_same() {
    let server = Scripted::ok();
    let plan = |path: &str| format!("plan: P\nsteps:\n  - GET: {}{path}\n", server.url());
    Bench::plan(&plan("/a")).check().exits(0);
    Bench::plan(&plan("/${{ x }}")).check().exits(3).says("plan::undefined-name");
    assert!(server.targets().is_empty());
}
