//! `--notify webhook=…`: who is told of a run, what, and that nothing of it decides the verdict.

use serde_json::Value;

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, json};

const SECRET: &str = "/echo/T0000/B0000/XyzXyzXyzXyz";

/// A plan whose only step expects this status of an answer with 200.
fn expecting(server: &Misbehaving, status: u16) -> String {
    format!(
        "  - {{name: Made, GET: \"{}\", expect: {{status: {status}}}}}\n",
        server.url("/status/200")
    )
}

/// Runs the plan and tells the hook at this path.
fn told(project: &Project, hook: &str, more: &[&str]) -> Ran {
    let mut args = vec!["p.yaml", "--notify", "webhook=env:HOOK"];
    args.extend(more);
    project.run_with(&args, &[("HOOK", hook)])
}

/// What the hook was told, in order.
fn news(server: &Misbehaving) -> Vec<Value> {
    let hooks = server.log().into_iter().filter(|seen| seen.path() == SECRET);
    hooks.map(|seen| json(&String::from_utf8(seen.body).expect("UTF-8"))).collect()
}

#[test]
fn a_failed_run_is_told_with_its_verdict_counts_and_places_and_a_passed_one_is_not() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 201));
    let hook = server.url(SECRET);
    told(&project, &hook, &[]).ends(1).never_says("XyzXyz").never_says("warning");
    let news_of = news(&server);
    assert_eq!(news_of.len(), 1);
    assert_eq!(news_of[0]["text"], news_of[0]["text"].as_str().expect("a text"));
    let text = news_of[0].to_string();
    for words in
        ["✗ planrun: failed", "1 step · 1 failed", "p.yaml:3:", "status is 200, expected 201"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let seen = server.only(SECRET);
    assert_eq!(
        (seen.method.as_str(), seen.header("content-type")),
        ("POST", Some("application/json"))
    );
    project.plan("p.yaml", &expecting(&server, 200));
    told(&project, &hook, &[]).ends(0);
    assert_eq!(news(&server).len(), 1);
    told(&project, &hook, &["--notify-on", "always"]).ends(0);
    assert!(
        news(&server)[1]["text"].as_str().is_some_and(|text| text.contains("✓ planrun: passed"))
    );
}

#[test]
fn a_change_is_told_once_and_what_stays_the_same_is_not() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 201));
    let hook = server.url(SECRET);
    let change = &["--notify-on", "change"];
    // The first run has nothing before it: that it failed is news.
    told(&project, &hook, change).ends(1);
    told(&project, &hook, change).ends(1);
    assert_eq!(news(&server).len(), 1);
    project.plan("p.yaml", &expecting(&server, 200));
    told(&project, &hook, change).ends(0);
    told(&project, &hook, change).ends(0);
    let all = news(&server);
    assert_eq!(all.len(), 2);
    assert!(all[1].to_string().contains("1 step better"), "{}", all[1]);
    // A run of another plan is no run before it.
    project.plan("q.yaml", &expecting(&server, 201));
    project.run(&["q.yaml"]).ends(1);
    told(&project, &hook, change).ends(0);
    assert_eq!(news(&server).len(), 2);
}

#[test]
fn a_webhook_that_fails_is_a_warning_with_its_host_alone() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 201));
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let cases = [
        (server.url("/status/500?key=XyzXyzXyz"), "it answered 500"),
        (format!("http://127.0.0.1:{closed}/XyzXyzXyz"), "nothing listens"),
        (server.url("/empty-reply/XyzXyzXyz"), "was not told"),
        (server.url("/redirect/3?key=XyzXyzXyz"), "it answered 30"),
    ];
    for (hook, why) in cases {
        let ran = told(&project, &hook, &["--report", "json=r.json"]);
        let ran =
            ran.ends(1).says("warning[output::not-notified]: the webhook at 127.0.0.1").says(why);
        ran.never_says("XyzXyz");
        assert!(!project.read("r.json").contains("XyzXyz"));
    }
    // A run that passed stays passed.
    project.plan("p.yaml", &expecting(&server, 200));
    told(&project, &server.url("/status/500?key=Xyz"), &["--notify-on", "always"])
        .ends(0)
        .says("500");
}

#[test]
fn a_webhook_that_hangs_is_given_up_after_ten_seconds() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 201));
    let started = std::time::Instant::now();
    told(&project, &server.url("/hang/XyzXyz"), &[]).ends(1).says("output::not-notified");
    let took = started.elapsed().as_secs();
    assert!((9..25).contains(&took), "{took}");
}

#[test]
fn a_url_on_the_command_line_is_warned_of_and_never_shown() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 201));
    let argument = format!("webhook={}", server.url(SECRET));
    let ran = project.run(&["p.yaml", "--notify", &argument, "--report", "json=r.json"]).ends(1);
    let ran = ran.says("every user of the machine can see arguments").says("webhook=env:WEBHOOK");
    ran.never_says("XyzXyz");
    assert!(!project.read("r.json").contains("XyzXyz"));
    let events = std::fs::read_to_string(project.stored().join("events.jsonl")).expect("events");
    assert!(!events.contains("XyzXyz"));
    assert_eq!(news(&server).len(), 1);
}

#[test]
fn a_plan_that_echoes_the_webhook_shows_none_of_it() {
    let server = Misbehaving::start();
    let hook = server.url(SECRET);
    let project = Project::of(&format!(
        "  - {{POST: \"{}\", text: \"go to {hook} now\", expect: {{status: 201}}}}\n",
        server.url("/echo")
    ));
    told(&project, &hook, &["-v"]).ends(1).never_says("XyzXyz").says("«secret:webhook»");
    assert!(!news(&server)[0].to_string().contains("XyzXyz"));
}

#[test]
fn what_cannot_be_a_webhook_is_told_before_anything_is_sent() {
    let server = Misbehaving::start();
    let project = Project::of(&expecting(&server, 200));
    let said = |argument: &str, words: &str| {
        project
            .run_with(&["p.yaml", "--notify", argument], &[("EMPTY", " "), ("BAD", "hooks/Xyz")])
            .ends(2)
            .says(words)
            .never_says("Xyz");
    };
    said("https://Xyz", "wants webhook=env:VARIABLE");
    said("webhook=Xyz", "is no URL");
    said("webhook=env:BAD", "is no URL");
    said("webhook=env:NONE", "the variable NONE is not set");
    said("webhook=env:EMPTY", "the variable EMPTY is empty");
    project.run(&["p.yaml", "--notify-on", "always"]).ends(2).says("--notify");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn an_invalid_plan_is_news_too() {
    let server = Misbehaving::start();
    let project = Project::of("  - GTE: http://localhost:1/\n");
    told(&project, &server.url(SECRET), &[]).ends(3);
    assert!(news(&server)[0].to_string().contains("p.yaml:3:"), "{}", news(&server)[0]);
}
