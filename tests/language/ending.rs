//! Options of the command that end a run early or try again: `--retries`, `--fail-fast`,
//! `--max-fail`, `--fail-on-flaky`.

use serde_json::{Value, json};

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted, Seen};

/// What the path says: `/status/404`, `/flaky/…` at first 503; else 200.
fn told() -> Scripted {
    let seen_before = std::sync::Mutex::new(std::collections::BTreeSet::new());
    Scripted::start(move |seen: &Seen, _| {
        let path = seen.path();
        let told = path.strip_prefix("/status/").and_then(|text| text.parse().ok());
        let is_first = || seen_before.lock().expect("a lock").insert(path.to_owned());
        let status = match told {
            Some(status) => status,
            None if path.starts_with("/flaky/") && is_first() => 503,
            None => 200,
        };
        Reply::json(status, "{\"id\": 7}")
    })
}

fn bench(server: &Scripted, steps: &str) -> Bench {
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {}}}\n{steps}", server.url()))
}

/// Runs a plan and one more, `zz.yaml`, one after the other.
fn two(server: &Scripted, steps: &str, second: &str, arguments: &[&str]) -> Ran {
    let second = format!("plan: Q\ndefaults: {{base_url: {}}}\n{second}", server.url());
    bench(server, steps)
        .file("zz.yaml", &second)
        .with(&["zz.yaml", "-j", "1"])
        .with(arguments)
        .run()
}

#[test]
fn retries_of_the_command_line_replace_the_number_of_a_plan() {
    let steps = "steps:\n  - {POST: /flaky/a, retry: {times: 5, delay: 1ms}}\n  - {GET: /flaky/b, retry: {times: 5, delay: 1ms}}\n";
    let server = told();
    let ran = bench(&server, steps).with(&["--retries", "1"]).run().exits(0);
    assert_eq!(ran.step(0)["tries"], 2);
    // None at all.
    let server = told();
    let ran = bench(&server, steps).with(&["--retries", "0"]).run().exits(1);
    assert_eq!(ran.verdicts(), ["failed", "blocked"]);
    assert_eq!(server.targets(), ["POST /flaky/a"]);
    let server = Scripted::start(|_, _| Reply::json(503, "{}"));
    let steps = "steps:\n  - {GET: /a, retry: {times: 1, delay: 1ms}}\n";
    let ran = bench(&server, steps).with(&["--retries", "3"]).run().exits(1);
    assert_eq!((ran.step(0)["tries"].clone(), server.targets().len()), (json!(4), 4));
}

#[test]
fn retries_of_the_command_line_repeat_what_may_be_repeated() {
    let server = told();
    let steps = "on_failure: continue\nsteps:\n  - GET: /flaky/a\n  - POST: /flaky/b\n  - {GET: /status/404}\n  - {GET: /flaky/c, poll: {every: 1ms, for: 10s}}\n  - assert: [1 == 2]\n";
    let ran = bench(&server, steps).with(&["--retries", "1"]).run().exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed", "failed", "passed", "failed"]);
    let tries: Vec<_> = (0..5).map(|n| ran.step(n)["tries"].as_u64()).collect();
    assert_eq!(tries, [Some(2), Some(1), Some(1), Some(2), Some(1)]);
    let flaky: Vec<_> = (0..5).filter(|n| ran.step(*n)["flaky"] == true).collect();
    assert_eq!(flaky, [0], "waiting is no flakiness");
    let server = told();
    bench(&server, "steps:\n  - GET: /flaky/a\n").run().exits(1);
}

#[test]
fn flaky_steps_are_named_where_they_fail_the_run() {
    let steps = "steps:\n  - GET: /a\n  - {name: Comes late, GET: /flaky/b, retry: {times: 1, delay: 1ms}}\n";
    bench(&told(), steps).run().exits(0).says("flaky");
    for quiet in [&[][..], &["-q"]] {
        let ran = bench(&told(), steps).with(&["--fail-on-flaky"]).with(quiet).run().exits(1);
        ran.says("✓ plan.yaml:5:6 Comes late\n    passed on attempt 2, after status 503\n")
            .says("failed: a step passed only on a later try (`--fail-on-flaky`)");
    }
    let steady = "steps:\n  - {GET: /a, retry: {times: 1, delay: 1ms}}\n";
    bench(&told(), steady).with(&["--fail-on-flaky"]).run().exits(0);
}

#[test]
fn after_the_first_failure_nothing_begins_and_cleanup_runs() {
    let failing = "on_failure: continue\nsteps:\n  - GET: /status/500\n  - GET: /b\n  - {id: c, GET: /c}\n  - {GET: /d, needs: [c]}\ncleanup:\n  - DELETE: /e\n";
    let second = "steps:\n  - GET: /f\n";
    let server = told();
    let ran = two(&server, failing, second, &["--fail-fast"]).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "cancelled", "cancelled", "blocked", "passed"]);
    assert_eq!(ran.step(1)["reason"], json!({"failures": 1}));
    assert_eq!(server.targets(), ["GET /status/500", "DELETE /e"]);
    assert_eq!(ran.report["plans"].as_array().map(Vec::len), Some(1));
    ran.says("not begun: a step has failed").says("1 plan did not begin");
    // Without it everything goes on.
    let server = told();
    two(&server, failing, second, &[]).exits(1);
    assert_eq!(server.targets().len(), 6);
    // Nothing fails: nothing is left out.
    let server = told();
    two(&server, "steps:\n  - GET: /a\n", second, &["--fail-fast"]).exits(0);
    assert_eq!(server.targets().len(), 2);
}

#[test]
fn so_many_failures_are_enough() {
    let failing = "on_failure: continue\nsteps:\n  - GET: /status/500\n  - GET: /b\n  - {GET: /status/404, budget: 1h}\n  - GET: /d\n";
    let second = "steps:\n  - GET: /e\n";
    let server = told();
    let ran = two(&server, failing, second, &["--max-fail", "2"]).exits(1);
    assert_eq!(ran.verdicts(), ["failed", "passed", "failed", "cancelled"]);
    assert_eq!(ran.step(3)["reason"], json!({"failures": 2}));
    ran.says("not begun: 2 steps have failed").says("1 plan did not begin");
    let server = told();
    two(&server, failing, second, &["--max-fail", "3"]).exits(1);
    assert_eq!(server.targets().len(), 5);
    bench(&server, second).with(&["--max-fail", "0"]).run().exits(2).says("1..");
    bench(&server, second).with(&["--max-fail", "1", "--fail-fast"]).run().exits(2);
}

#[test]
fn a_step_that_could_not_be_carried_out_and_a_broken_budget_are_failures_too() {
    let closed = "steps:\n  - {GET: \"http://127.0.0.1:1/\", timeout: 2s}\n";
    let server = told();
    two(&server, closed, "steps:\n  - GET: /b\n", &["--fail-fast"]).exits(5);
    assert!(server.targets().is_empty());
    let slow = "steps:\n  - {GET: /a, budget: 1us}\n";
    two(&server, slow, "steps:\n  - GET: /b\n", &["--fail-fast"]).exits(6);
    assert_eq!(server.targets(), ["GET /a"]);
    // A way that was tried and is not the result is no failure.
    let ways = "steps:\n  - first_of:\n      - GET: /status/404\n      - GET: /c\n";
    two(&server, ways, "steps:\n  - GET: /d\n", &["--fail-fast"]).exits(0);
    assert_eq!(server.targets().len(), 4);
}

/// How long a step took, in milliseconds.
fn took(ran: &Ran) -> u64 {
    ran.step(0)["duration_ns"].as_u64().expect("a duration") / 1_000_000
}

#[test]
fn pauses_are_fixed_or_double_and_end_at_the_longest() {
    let never_good = || Scripted::start(|_, _| Reply::json(503, "{}"));
    let retried = |retry: &str| {
        let server = never_good();
        let ran =
            bench(&server, &format!("steps:\n  - {{GET: /a, deadline: 1m, retry: {retry}}}\n"))
                .run();
        let ran = ran.exits(1);
        assert_eq!(server.targets().len(), 4, "{retry}");
        took(&ran)
    };
    // Pauses are never shorter than they have to be; how much longer, is up to the machine.
    assert!(retried("{times: 3, delay: 30ms}") >= 90);
    assert!(retried("{times: 3, delay: 30ms, backoff: fixed}") >= 90);
    assert!(retried("{times: 3, delay: 30ms, backoff: exponential}") >= 30 + 60 + 120);
    assert!(retried("{times: 3, delay: 30ms, backoff: exponential, jitter: true}") >= 15 + 30 + 60);
    let templated =
        "{times: 3, delay: 30ms, backoff: '${{ \"exponential\" }}', jitter: '${{ 1 == 2 }}'}";
    assert!(retried(templated) >= 30 + 60 + 120);
    // Without its limit this would go on for hours: the deadline would end it, exit 5.
    assert!(retried("{times: 3, delay: 1h, max_delay: 20ms}") >= 60);
    assert!(
        retried("{times: 3, delay: 1h, max_delay: 20ms, backoff: exponential, jitter: true}") >= 30
    );
    for key in ["backoff: linear", "jitter: 3"] {
        let plan = format!("steps:\n  - {{GET: /a, retry: {{times: 1, {key}}}}}\n");
        bench(&never_good(), &plan).run().exits(3).says("plan::bad-value");
    }
}

#[test]
fn a_server_may_ask_for_a_longer_pause() {
    let server = Scripted::start(|_, number| {
        Reply::json(if number == 0 { 429 } else { 200 }, "{}").with("Retry-After", "1")
    });
    let steps = "steps:\n  - {GET: /a, retry: {times: 1, delay: 1ms}}\n";
    let ran = bench(&server, steps).run().exits(0);
    assert!(took(&ran) >= 1000, "{}", took(&ran));
    ran.says("Retry-After says 1.00 s");
}

/// A listener whose backlog is full: what comes is dropped, as a firewall does.
fn full() -> (String, impl Sized) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let held = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(0).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut held = Vec::new();
        for _ in 0..3 {
            let connecting = tokio::net::TcpStream::connect(address);
            let soon = tokio::time::timeout(std::time::Duration::from_millis(50), connecting).await;
            held.extend(soon.ok().and_then(Result::ok));
        }
        (address, listener, held)
    });
    (format!("http://{}/", held.0), (held, runtime))
}

#[test]
fn making_the_connection_has_a_limit_of_its_own() {
    let (url, _full) = full();
    let steps = |more: &str| format!("plan: P\nsteps:\n  - {{GET: \"{url}\", {more}}}\n");
    // The whole exchange would have an hour: only this limit can end it.
    let ran = Bench::plan(&steps("timeout: 1h, connect_timeout: 60ms")).run().exits(5);
    assert_eq!(ran.step(0)["code"], "transport::connect-timeout");
    ran.says("within 60 ms");
    // It may come out of an environment, as any duration may.
    let ran = Bench::plan(&steps("timeout: 1h, connect_timeout: \"${{ env.patience }}\""))
        .environment("e", "environment: e\nvars: {patience: 50ms}\n")
        .run()
        .exits(5);
    ran.says("within 50 ms");
    // Where the exchange ends first, it is not that one.
    let ran = Bench::plan(&steps("timeout: 60ms, connect_timeout: 1h")).run().exits(5);
    assert_ne!(ran.step(0)["code"], "transport::connect-timeout");
    // A connection that is made knows nothing of it: the answer may take longer.
    let slow = Scripted::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(800));
        Reply::json(200, "{}")
    });
    bench(&slow, "steps:\n  - {GET: /a, connect_timeout: 500ms}\n").run().exits(0);
}

#[test]
fn a_deadline_is_marked_on_its_own_line_and_a_request_without_an_answer_on_its_url() {
    let server = Scripted::start(|_, _| Reply::Hang);
    let url = server.url();
    let step = format!("plan: P\nsteps:\n  - name: Slow\n    GET: {url}/a\n    deadline: 50ms\n");
    let ran = Bench::plan(&step).run().exits(5).says("[plan.yaml:5:15]");
    assert!(ran.said.contains("the step's deadline of 50"), "{}", ran.said);
    assert_eq!(ran.step(0)["ended_at"], json!({"path": "plan.yaml", "line": 5, "column": 15}));
    let of_plan = format!("plan: P\ndeadline: 50ms\nsteps:\n  - name: Slow\n    GET: {url}/a\n");
    Bench::plan(&of_plan).run().exits(5).says("[plan.yaml:2:11]");
    // Together with what else was wrong.
    let polled = format!("plan: P\nsteps:\n  - GET: {url}/a\n    repeat: 2\n    deadline: 50ms\n");
    Bench::plan(&polled).run().exits(5).says("[plan.yaml:5:15]");
    let refused = "plan: P\nsteps:\n  - name: Nobody there\n    GET: http://127.0.0.1:1/a\n";
    let ran = Bench::plan(refused).run().exits(5).says("[plan.yaml:4:10]");
    assert!(ran.said.contains("this request got no answer"), "{}", ran.said);
    let many =
        "plan: P\nsteps:\n  - name: Nobody there\n    GET: http://127.0.0.1:1/a\n    repeat: 2\n";
    Bench::plan(many).run().exits(5).says("[plan.yaml:4:10]");
    let passed = Bench::plan("plan: P\nsteps:\n  - sleep: 1ms\n").run().exits(0);
    assert_eq!(passed.step(0)["ended_at"], Value::Null);
}
