//! The commands beside `run`: help, `check`, `list`, `explain`, `curl`, `demo`, `--dry-run`.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::misbehaving::{Misbehaving, Seen};
use crate::{Project, json, signal};

#[test]
fn planrun_alone_says_what_to_type() {
    let ran = Project::new().run(&[]).ends(2).says("planrun plans/").says("planrun -h");
    assert!(ran.out.is_empty() && ran.err.lines().count() <= 12, "{}", ran.err);
    Project::new().run(&["run"]).ends(2).says("name a plan or a folder");
    Project::new().run(&["check"]).ends(2).says("PATH");
}

#[test]
fn help_fits_one_screen_and_help_run_tells_all() {
    let project = Project::new();
    let short = project.run(&["-h"]).ends(0).out;
    assert!(short.lines().count() <= 24, "{short}");
    assert!(short.lines().all(|line| line.chars().count() <= 80), "{short}");
    let long = project.run(&["help", "run"]).ends(0).out;
    for option in
        ["--deadline", "--out", "--log-file", "--seed", "--file-root", "--fail-on-flaky", "--color"]
    {
        assert!(long.contains(option), "{option} in {long}");
    }
    for word in ["124", "130", "143", "PLANRUN_SECRET_"] {
        assert!(long.contains(word), "{word}");
    }
}

#[test]
fn check_sends_nothing_and_needs_no_secret() {
    let server = Misbehaving::start();
    let project = Project::new();
    let plan = format!(
        "plan: P\nsecrets: {{api_key: {{}}}}\nsteps:\n  - GET: {}\n    auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}\n",
        server.url("/ok")
    );
    project.write("p.yaml", &plan);
    project.run(&["check", "p.yaml"]).ends(0).says("1 plan, 1 step");
    assert_eq!(project.run(&["check", "p.yaml", "-q"]).ends(0).out, "");
    // A warning is shown, and is an error where that is asked.
    project.write("p.yaml", &format!("{plan}    expect: {{status: 404}}\n"));
    project.run(&["check", "p.yaml"]).ends(0).says("plan::bare-negative");
    project.run(&["check", "p.yaml", "--strict"]).ends(3).says("plan::bare-negative");
    project.write("p.yaml", &plan.replace("auth:", "atuh:"));
    project.run(&["check", "p.yaml"]).ends(3).says("did you mean `auth`?").says("p.yaml:5:5");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn strict_stops_a_run_with_a_warning() {
    let server = Misbehaving::start();
    let step = format!("  - {{GET: {}, expect: {{status: 404}}}}\n", server.url("/status/404"));
    let project = Project::of(&step);
    project.run(&["p.yaml"]).ends(0).says("plan::bare-negative");
    assert_eq!(server.log().len(), 1);
    project.run(&["p.yaml", "--strict"]).ends(3);
    assert_eq!(server.log().len(), 1);
}

#[test]
fn list_tells_programs_the_same_as_people() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: Päckchen\ntags: [smoke]\ncovers: [1a]\nsteps:\n  - {id: one, name: First, GET: \"http://h\"}\n\
         cleanup:\n  - DELETE: http://h\n",
    );
    project.run(&["list", "p.yaml"]).ends(0).says("Päckchen  [smoke]").says("First  (one)");
    let listed = json(&project.run(&["list", "p.yaml", "--format", "json"]).ends(0).out);
    assert_eq!(listed[0]["plan"], "Päckchen");
    assert_eq!(listed[0]["steps"][0]["id"], "one");
    assert_eq!(listed[0]["steps"][0]["place"], "p.yaml:5:6");
    assert_eq!(listed[0]["steps"][0]["kind"], "request");
    assert_eq!(listed[0]["steps"][0]["url"], "http://h");
    assert_eq!(listed[0]["steps"][1]["section"], "cleanup");
    project.run(&["list", "p.yaml", "-t", "none"]).ends(4);
}

#[test]
fn every_code_is_explained() {
    let project = Project::new();
    let all = project.run(&["explain"]).ends(0).out;
    let codes: Vec<&str> = all.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(codes.len(), planrun::finding::Code::ALL.len());
    for code in codes {
        let ran = project.run(&["explain", code]).ends(0);
        assert!(ran.out.starts_with(code) && ran.out.lines().count() >= 3, "{}", ran.out);
    }
    project.run(&["explain", "plan::unkown-key"]).ends(2).says("did you mean `plan::unknown-key`?");
    project.run(&["explain", "unknown-key"]).ends(2).says("plan::unknown-key");
}

/// What counts of a request: what curl and planrun say of themselves is left out.
fn essence(seen: &Seen) -> (String, String, Vec<(String, String)>, String) {
    // Each of them names itself: what is sent again is another request.
    const OWN: [&str; 6] =
        ["user-agent", "accept", "connection", "accept-encoding", "traceparent", "x-request-id"];
    let mut headers = seen.headers.clone();
    headers.retain(|(name, _)| !OWN.contains(&name.as_str()));
    headers.sort();
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    (seen.method.clone(), upper_escapes(&seen.target), headers, body)
}

/// Percent escapes in upper case: some versions of curl write them in lower case.
fn upper_escapes(target: &str) -> String {
    let mut pieces = target.split('%');
    let mut upper = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (escape, rest) = piece.split_at(2);
        let _ = write!(upper, "%{}{rest}", escape.to_ascii_uppercase());
    }
    upper
}

#[test]
fn the_curl_line_sends_what_planrun_sends() {
    let server = Misbehaving::start();
    let project = Project::new();
    let steps = [
        ("get", "GET: URL\n    query: {q: \"a b&c=[d]\", token: \"${{ secrets.api_key }}\"}"),
        (
            "json",
            "POST: URL\n    json: {note: \"it's $HOME `id` \\\"x\\\" ä\", key: \"${{ secrets.api_key }}\"}",
        ),
        ("form", "PUT: URL\n    form: {a: \"1 2\", b: \"${{ secrets.api_key }}\"}"),
        (
            "text",
            "POST: URL\n    text: \"@file 'quoted' ! #\"\n    headers: {X-Empty: \"\", X-Two: \"a  b\"}",
        ),
        ("delete", "DELETE: URL\n    headers: {If-Match: '\"a\"'}"),
        ("query", "POST: URL?a=1\n    query: {q: \"x-${{ secrets.api_key }}\"}\n    text: t"),
        ("file", "PUT: URL\n    file: data/a.bin"),
        ("graphql", "POST: URL\n    graphql: {query: '{ me }', variables: {a: \"it's\"}}"),
    ];
    let mut plan = format!(
        "plan: P\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: \"{}\", auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}}}\nsteps:\n",
        server.url("")
    );
    for (id, step) in steps {
        let step = step.replace("URL", &format!("/echo/{id}"));
        let _ = writeln!(plan, "  - id: {id}\n    {step}");
    }
    project.write("p.yaml", &plan);
    project.write("data/a.bin", "\u{1} bytes\n");
    let key = "k'e\"y+/=&%$(id)";
    project.run_with(&["p.yaml"], &[("API_KEY", key)]).ends(0);
    for (id, _) in steps {
        let sent = essence(&server.only(&format!("/echo/{id}")));
        let ran = project.run_with(&["curl", "p.yaml", "--step", id], &[("API_KEY", key)]).ends(0);
        let ran = ran.never_says(key);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(&ran.out).env("API_KEY", key).current_dir(project.path(""));
        assert!(shell.output().expect("sh").status.success(), "{}", ran.out);
        let repeated = server.log().pop().map(|seen| essence(&seen));
        if id == "json" {
            // A variable is put in as it is: where the secret was encoded, this one is not.
            let (method, target, ..) = repeated.expect("a request");
            assert_eq!(method, sent.0);
            assert_eq!(target.split('?').next(), sent.1.split('?').next());
        } else {
            assert_eq!(repeated.as_ref(), Some(&sent), "{}", ran.out);
        }
    }
    project.run(&["curl", "p.yaml", "--step", "jsn"]).ends(2).says("did you mean `json`?");
}

#[test]
fn the_curl_line_of_parts_sends_what_planrun_sends() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write("data/the file.txt", "one\ntwo");
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsecrets: {{key: {{}}}}\nsteps:\n  - id: up\n    POST: {}\n    multipart:\n      note: '@it''s <${{{{ secrets.key }}}}>'\n      file: {{file: data/the file.txt, filename: 'a \"b\";c.txt', type: text/csv}}\n",
            server.url("/echo")
        ),
    );
    let given = [("KEY", "k'e\"y+/=&%$(id)")];
    project.run_with(&["p.yaml"], &given).ends(0);
    let ran = project.run_with(&["curl", "p.yaml", "--step", "up"], &given).ends(0);
    let line = ran.never_says(given[0].1).out;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&line).envs(given).current_dir(project.path(""));
    assert!(shell.output().expect("sh").status.success(), "{line}");
    let bodies: Vec<String> = server
        .log()
        .iter()
        .map(|seen| {
            let kind = seen.header("content-type").unwrap_or_default();
            let boundary = kind.split("boundary=").nth(1).expect("a boundary");
            String::from_utf8_lossy(&seen.body).replace(boundary, "BOUNDARY")
        })
        .collect();
    assert_eq!(bodies.first(), bodies.last(), "{line}");
    assert!(bodies[0].contains(given[0].1));
}

#[test]
fn the_curl_line_of_a_user_and_password_runs_too() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsecrets: {{pw: {{}}}}\nsteps:\n  - id: basic\n    GET: {}\n    auth: {{basic: {{user: me, password: \"${{{{ secrets.pw }}}}\"}}}}\n",
            server.url("/echo")
        ),
    );
    let given = [("PW", "it's a \"secret\"")];
    project.run_with(&["p.yaml"], &given).ends(0);
    let line = project.run_with(&["curl", "p.yaml", "--step", "basic"], &given).ends(0).out;
    assert!(line.contains("me:\"$PW\""), "{line}");
    let shell = Command::new("sh").arg("-c").arg(&line).envs(given).output();
    assert!(shell.expect("sh").status.success(), "{line}");
    let log = server.log();
    let sent: Vec<_> = log.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent.first(), sent.last(), "{line}");
}

#[test]
fn a_dry_run_shows_requests_and_sends_none() {
    let server = Misbehaving::start();
    let project = Project::of(&format!(
        "  - id: a\n    GET: {}\n    capture: {{x: $.ok}}\n  - POST: {}\n    json: {{x: \"${{{{ x }}}}\"}}\n",
        server.url("/ok"),
        server.url("/echo")
    ));
    project
        .run(&["p.yaml", "--dry-run"])
        .ends(0)
        .says("> POST ")
        .says("/echo")
        .says("{x}")
        .says("nothing was sent");
    assert_eq!(server.log().len(), 0);
    assert!(!project.path(".planrun").exists());
}

#[test]
fn the_demo_says_where_it_is_and_stays_until_it_is_told_to_end() {
    let project = Project::new();
    let mut child = project.start(&["demo", "--format", "json"]);
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let said = json(&line);
    for field in ["url", "auth_url", "service_id", "api_key", "expired_key"] {
        assert!(said[field].is_string(), "{field} in {said}");
    }
    let url = said["url"].as_str().unwrap_or_default();
    project.plan("p.yaml", &format!("  - GET: {url}/health\n"));
    project.run(&["p.yaml"]).ends(0);
    assert!(child.try_wait().expect("its state").is_none(), "it stays");
    let port = url.rsplit(':').next().unwrap_or_default().to_owned();
    project.run(&["demo", "--port", &port]).ends(5).says("cannot listen on port");
    signal("-TERM", &child);
    assert!(child.wait().expect("its end").code().is_some());
    project.run(&["demo", "--fault", "rase"]).ends(2).says("race");
}
