//! How the connection is made: TLS, versions of HTTP, proxies, addresses of hosts.

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted};
use crate::tls::{Flaw, TlsServer};

/// A bench with the certificate of a server's authority in `ca.pem`.
fn bench(server: &TlsServer, tls: &str) -> Bench {
    let plan = format!("plan: P\nsteps:\n  - {{GET: \"{}\", {tls}}}\n", server.url());
    let [cert, key] = &server.client;
    Bench::plan(&plan)
        .file("tls/ca.pem", std::str::from_utf8(&server.ca).expect("PEM"))
        .file("tls/client.pem", cert)
        .file("tls/client.key", key)
        .file("tls/both.pem", &format!("{cert}{key}"))
}

#[track_caller]
fn fails(flaw: Flaw, tls: &str, said: &str) -> Ran {
    bench(&TlsServer::start(flaw), tls).run().exits(5).says("transport::tls").says(said)
}

#[test]
fn a_certificate_is_accepted_from_a_known_issuer_for_the_right_name_in_its_time() {
    let trusted = "tls: {ca_file: tls/ca.pem}";
    bench(&TlsServer::start(Flaw::None), trusted).run().exits(0);
    fails(Flaw::None, "timeout: 20s", "issue");
    fails(Flaw::Expired, trusted, "expired");
    fails(Flaw::NotYetValid, trusted, "is not\n  │ valid yet");
    fails(Flaw::WrongName, trusted, "other.test");
    fails(Flaw::SelfSigned, trusted, "issue");
}

#[test]
fn the_name_that_a_certificate_must_bear_can_be_stated() {
    let server = TlsServer::start(Flaw::WrongName);
    let named = "tls: {ca_file: tls/ca.pem, server_name: other.test}";
    bench(&server, named).run().exits(0);
    let wrong = "tls: {ca_file: tls/ca.pem, server_name: third.test}";
    bench(&server, wrong).run().exits(5).says("third.test");
}

#[test]
fn any_certificate_is_accepted_where_the_plan_says_so() {
    for flaw in [Flaw::Expired, Flaw::WrongName, Flaw::SelfSigned] {
        bench(&TlsServer::start(flaw), "tls: {insecure: true}").run().exits(0);
    }
    fails(Flaw::SelfSigned, "tls: {insecure: false}", "issue");
    bench(&TlsServer::start(Flaw::SelfSigned), "tls: {insecure: \"${{ 1 == 1 }}\"}").run().exits(0);
    let ran = bench(&TlsServer::start(Flaw::SelfSigned), "tls: {insecure: \"${{ 1 + 1 }}\"}").run();
    ran.exits(5).says("`2` is neither true nor false");
}

#[test]
fn a_client_shows_its_own_certificate() {
    let server = TlsServer::start(Flaw::WantsClient);
    for own in ["cert: tls/client.pem, key: tls/client.key", "cert: tls/both.pem"] {
        bench(&server, &format!("tls: {{ca_file: tls/ca.pem, {own}}}")).run().exits(0);
    }
    let ran = bench(&server, "tls: {ca_file: tls/ca.pem}").run().exits(5);
    ran.says("name it: `tls: {cert: client.pem, key: client.key}`");
    let ran = bench(&server, "tls: {ca_file: tls/ca.pem, cert: tls/client.pem}").run().exits(3);
    let ran = ran.says("plan::bad-certificate");
    ran.says("`tls/client.pem` cannot be used: there is no private key in PEM");
    let ran = bench(&server, "tls: {key: tls/client.key}").run().exits(3);
    ran.says("add `cert: client.pem`");
}

#[test]
fn files_of_certificates_are_there_before_anything_is_sent() {
    let server = TlsServer::start(Flaw::None);
    for (file, code) in [
        ("none.pem", "plan::missing-file"),
        ("tls", "plan::missing-file"),
        ("/etc/passwd", "plan::outside-root"),
    ] {
        bench(&server, &format!("tls: {{ca_file: {file}}}")).run().exits(3).says(code);
        let rendered = format!("tls: {{ca_file: \"${{{{ '{file}' }}}}\"}}");
        bench(&server, &rendered).run().exits(5).says(code);
    }
}

#[test]
fn what_is_no_certificate_is_found_before_anything_is_sent() {
    let server = TlsServer::start(Flaw::None);
    let other = TlsServer::start(Flaw::None).client[1].clone();
    let broken = "-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n";
    for (tls, place, said) in [
        ("ca_file: plan.yaml", "plan.yaml:3:", "the CA file holds no certificate"),
        ("ca_file: broken.pem", "plan.yaml:3:", "the CA file is not PEM"),
        ("cert: plan.yaml, key: tls/client.key", "plan.yaml:3:", "holds no certificate"),
        ("cert: tls/client.pem, key: plan.yaml", "plan.yaml:3:", "no private key in PEM"),
        ("cert: tls/client.pem, key: other.key", "plan.yaml:3:", "does not fit the certificate"),
    ] {
        let bench = bench(&server, &format!("tls: {{{tls}}}"));
        let ran = bench.file("other.key", &other).file("broken.pem", broken).run().exits(3);
        let ran = ran.says("plan::bad-certificate").says(place);
        let flat = ran.said.replace("\n  │", "");
        assert!(flat.contains(said), "`{said}` was not said: {}", ran.said);
    }
    // What only the run knows, the run finds.
    let templated = "tls: {ca_file: \"${{ 'plan.yaml' }}\"}";
    bench(&server, templated).run().exits(5).says("holds no certificate");
    let environment = "environment: e\ndefaults: {tls: {ca_file: e.yaml}}\n";
    let plan = format!("plan: P\nsteps:\n  - GET: {}\n", server.url());
    let ran = Bench::plan(&plan).environment("e", environment).run().exits(3);
    ran.says("plan::bad-certificate").says("environments/e.yaml:2:");
}

#[test]
fn a_certificate_that_is_not_checked_is_warned_of_before_and_after() {
    let server = TlsServer::start(Flaw::SelfSigned);
    let ran = bench(&server, "tls: {insecure: true}").with(&["--report", "html=r.html"]);
    let html = |bench: &Bench| bench.read("r.html").contains("Certificates were not checked");
    let said = ran.run().exits(0).says("plan::insecure-tls").says("certificate of `localhost:");
    assert_eq!(said.step(0)["attempts"][0]["exchange"]["unverified"], true);
    assert!(html(&ran));
    bench(&server, "tls: {insecure: true}").with(&["--strict"]).run().exits(3);
    // What a template decides, only the run knows.
    let late = bench(&server, "expect: {status: 418}, tls: {insecure: \"${{ 1 == 1 }}\"}");
    let said = late.run().exits(1).says("the certificate was not checked");
    assert!(!said.said.contains("plan::insecure-tls"), "{}", said.said);
    let checked =
        bench(&TlsServer::start(Flaw::None), "tls: {ca_file: tls/ca.pem, insecure: false}");
    let checked = checked.with(&["--report", "html=r.html"]);
    let said = checked.run().exits(0);
    assert!(!said.said.contains("insecure-tls") && !html(&checked), "{}", said.said);
    assert!(said.step(0)["attempts"][0]["exchange"]["unverified"].is_null());
}

#[test]
fn the_warning_names_the_host_of_each_request_that_defaults_make_insecure() {
    let plan = "plan: P\ndefaults: {base_url: \"${{ env.url }}/v1\", tls: {insecure: true}}\nsteps:\n  - GET: /a\n  - GET: /b\n  - {GET: https://other.test/c, on_failure: continue}\n  - {GET: /d, tls: {insecure: false}}\n";
    let checked = Bench::plan(plan).check();
    assert_eq!(checked.said.matches("plan::insecure-tls").count(), 2, "{}", checked.said);
    let checked = checked.says("the certificate of `${{ env.url }}` is not checked");
    checked.says("the certificate of `other.test` is not checked");
}

#[test]
fn two_is_spoken_over_tls_where_the_server_does() {
    let server = TlsServer::http_2();
    let trusted = "tls: {ca_file: tls/ca.pem}";
    for word in ["", "http: \"2\", "] {
        let plan = format!("{word}{trusted}, expect: {{http: \"2\", $.ok: true}}");
        let ran = bench(&server, &plan).run().exits(0);
        assert_eq!(ran.step(0)["attempts"][0]["exchange"]["response"]["http"], "2");
    }
    bench(&server, &format!("{trusted}, expect: {{http: \"1.1\"}}")).run().exits(1);
    bench(&server, &format!("http: \"1.1\", {trusted}")).run().exits(5).says("transport::tls");
    // One connection carries them all, and a body in both directions.
    let many = "POST: \"URL\", text: hello, tls: {ca_file: tls/ca.pem}, repeat: 5";
    let plan = format!("plan: P\nsteps:\n  - {{{}}}\n", many.replace("URL", &server.url()));
    let ca = std::str::from_utf8(&server.ca).expect("PEM");
    Bench::plan(&plan).file("tls/ca.pem", ca).run().exits(0);
}

#[test]
fn an_environment_trusts_for_all_its_plans_and_its_paths_are_its_own() {
    let server = TlsServer::start(Flaw::None);
    let environment = "environment: e\ndefaults: {tls: {ca_file: ca/own.pem}}\n";
    let plan = format!("plan: P\nsteps:\n  - GET: {}\n", server.url());
    Bench::plan(&plan)
        .file("environments/ca/own.pem", std::str::from_utf8(&server.ca).expect("PEM"))
        .environment("e", environment)
        .run()
        .exits(0);
    let ran = Bench::plan(&plan).environment("e", environment).run().exits(3);
    ran.says("environments/e.yaml").says("there is no file `ca/own.pem`");
}

#[test]
fn one_version_of_http_can_be_asked_for() {
    let server = TlsServer::start(Flaw::None);
    for word in ["\"1.1\"", "1.1", "\"${{ 1.1 }}\""] {
        bench(
            &server,
            &format!("http: {word}, tls: {{ca_file: tls/ca.pem}}, expect: {{http: \"1.1\"}}"),
        )
        .run()
        .exits(0);
    }
    let ran = bench(&server, "http: \"2\", tls: {ca_file: tls/ca.pem}").run().exits(5);
    ran.says("leave `http` out, then either will do");
    let ran = bench(&server, "http: \"3\"").run().exits(3);
    ran.says("`3` is not `1.1` or `2`");
    let ran = bench(&server, "http: \"${{ 3 }}\"").run().exits(5);
    ran.says("`3` is not `1.1` or `2`");
}

#[test]
fn a_connection_can_be_a_fresh_one_each_time() {
    let server = Scripted::ok();
    let plan = |word: &str| {
        format!(
            "plan: P\nvars: {{word: fresh}}\ndefaults: {{base_url: {}, connection: {word}}}\nsteps:\n  - GET: /a\n  - GET: /b\n",
            server.url()
        )
    };
    Bench::plan(&plan("reuse")).run().exits(0);
    Bench::plan(&plan("\"${{ word }}\"")).run().exits(0);
    let connections: Vec<usize> = server.log().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 2]);
    let ran = Bench::plan(&plan("\"${{ word }}er\"")).run().exits(5);
    ran.says("`fresher` is not `reuse` or `fresh`");
    Bench::plan(&plan("frehs")).run().exits(3).says("did you mean `fresh`?");
}

/// A plan that asks a host that is not there.
const AFAR: &str = "plan: P\nsteps:\n  - GET: http://api.afar.test:PORT/x\n";

fn afar(server: &Scripted) -> String {
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    AFAR.replace("PORT", &port)
}

#[test]
fn an_environment_states_the_address_of_a_host() {
    let server = Scripted::ok();
    let plan = afar(&server);
    let resolve = |entries: &str| format!("environment: e\ndefaults: {{resolve: {{{entries}}}}}\n");
    for entries in ["api.afar.test: 127.0.0.1", "API.afar.test: \"${{ env.address }}\""] {
        let vars = "vars: {address: 127.0.0.1}\n";
        let environment = format!("{}{vars}", resolve(entries));
        Bench::plan(&plan).environment("e", &environment).run().exits(0);
    }
    assert_eq!(server.log()[0].header("host"), plan.split('/').nth(2));
    let environment = resolve("other.test: 127.0.0.1");
    Bench::plan(&plan).environment("e", &environment).run().exits(5).says("transport::dns");
    let environment = resolve("api.afar.test: localhost");
    let ran = Bench::plan(&plan).environment("e", &environment).run().exits(3);
    ran.says("`localhost` is not an address");
    let ran = Bench::plan(
        "plan: P\ndefaults: {resolve: {a.test: 127.0.0.1}}\nsteps:\n  - GET: http://a.test/\n",
    );
    ran.run().exits(3).says("unknown key `resolve`");
}

/// A proxy: it answers itself, whatever it is asked for.
fn proxy() -> Scripted {
    Scripted::start(|_, _| Reply::json(200, "{}"))
}

#[test]
fn an_environment_names_a_proxy_whose_password_is_shown_nowhere() {
    let proxy = proxy();
    let url = proxy.url();
    let with_password = url.replace("http://", "http://user:${{ secrets.proxy_pw }}@");
    let environment = format!("environment: e\ndefaults: {{proxy: \"{with_password}\"}}\n");
    let plan = "plan: P\nsecrets: {proxy_pw: {}}\nsteps:\n  - {GET: http://api.afar.test/x, expect: {status: 201}}\n";
    let ran = Bench::plan(plan)
        .environment("e", &environment)
        .variable("PROXY_PW", "pw-0123456789")
        .with(&["-v"])
        .run()
        .exits(1);
    let seen = proxy.only();
    assert_eq!(seen.target, "http://api.afar.test/x");
    assert_eq!(seen.header("proxy-authorization"), Some("Basic dXNlcjpwdy0wMTIzNDU2Nzg5"));
    for hidden in ["pw-0123456789", "dXNlcjpwdy0wMTIzNDU2Nzg5"] {
        assert!(
            !ran.said.contains(hidden) && !ran.report.to_string().contains(hidden),
            "{}",
            ran.said
        );
    }
    let exchange = &ran.step(0)["attempts"][0]["exchange"];
    assert_eq!(exchange["proxy"], url.replace("http://", "http://«secret»@") + "/");
}

#[test]
fn the_proxy_of_the_process_is_honoured_and_an_environment_can_go_without() {
    let proxy = proxy();
    let plan = "plan: P\nsteps:\n  - GET: http://api.afar.test/x\n";
    Bench::plan(plan).variable("HTTP_PROXY", &proxy.url()).run().exits(0);
    assert_eq!(proxy.only().target, "http://api.afar.test/x");
    let direct =
        Bench::plan(plan).variable("HTTP_PROXY", &proxy.url()).variable("NO_PROXY", "afar.test");
    direct.run().exits(5).says("transport::dns");
    let environment = "environment: e\ndefaults: {proxy: none}\n";
    let direct =
        Bench::plan(plan).variable("HTTP_PROXY", &proxy.url()).environment("e", environment);
    direct.run().exits(5).says("transport::dns");
    assert_eq!(proxy.log().len(), 1);
}

#[test]
fn a_proxy_that_is_none_is_found_beforehand_and_not_repeated() {
    for text in ["proxy:3128", "socks5://h:1", "'http://'", "ftp://u:pw-0123456789@h"] {
        let environment = format!("environment: e\ndefaults: {{proxy: {text}}}\n");
        let plan = "plan: P\nsteps:\n  - GET: http://api.afar.test/x\n";
        let ran = Bench::plan(plan).environment("e", &environment).run().exits(3);
        ran.says("not the URL of a proxy");
    }
}
