//! To whom a request belongs that a tap saw: what is not known is said, and counts for nobody.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Barrier, Mutex};

use crate::bench::{Bench, Ran};
use crate::scripted::{Reply, Scripted, Seen};

/// Asks the tap that a request names, with this trace or none.
fn ask(seen: &Seen, trace: Option<&str>) {
    let tap = seen.header("x-tap").expect("the tap").trim_start_matches("http://");
    let trace = trace.map(|trace| format!("traceparent: {trace}\r\n")).unwrap_or_default();
    let mut wire = TcpStream::connect(tap).expect("the tap listens");
    write!(wire, "GET /ok HTTP/1.1\r\nHost: {tap}\r\nConnection: close\r\n{trace}\r\n")
        .expect("it is sent");
    let mut answer = String::new();
    wire.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// The trace of a request with a span of the service's own.
fn own_span(seen: &Seen) -> String {
    let parent = seen.header("traceparent").expect("a trace");
    let trace = parent.split('-').nth(1).expect("a trace");
    format!("00-{trace}-00000000000000aa-01")
}

fn run(steps: &str, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Ran {
    let (service, dependency) = (Scripted::start(script), Scripted::ok());
    let environment = format!(
        "environment: here\ntaps:\n  dep: {{forward: \"{}\"}}\nvars: {{tap: \"${{{{ taps.dep.url }}}}\"}}\n",
        dependency.url()
    );
    let plan = format!(
        "plan: P\ndefaults: {{base_url: \"{}\", headers: {{X-Tap: \"${{{{ env.tap }}}}\"}}}}\nsteps:\n{steps}",
        service.url()
    );
    Bench::plan(&plan).environment("here", &environment).run()
}

/// Asserts that a text is said, however it is wrapped.
fn says(ran: &Ran, text: &str) {
    let words = ran.said.split_whitespace().filter(|word| !["│", "·"].contains(word));
    let said = words.collect::<Vec<_>>().join(" ");
    assert!(said.contains(text), "`{text}` was not said:\n{}", ran.said);
}

#[test]
fn what_comes_late_of_a_step_is_not_taken_for_what_the_next_one_asks() {
    let steps = "  - GET: /first\n  - GET: /second\n    expect: {hops: {dep: {count: 1}}}\n";
    let two = |is_late: bool| {
        let first = Mutex::new(String::new());
        run(steps, move |seen, _| {
            if seen.path() == "/first" {
                *first.lock().unwrap() = own_span(seen);
            } else {
                let late = first.lock().unwrap().clone();
                ask(seen, Some(&if is_late { late } else { own_span(seen) }));
            }
            Reply::plain(200, "")
        })
    };
    says(&two(true).exits(1), "saw no request of this step");
    // The twin: with a span of its own in the trace that it got, it is the step's own.
    let ran = two(false).exits(0);
    assert_eq!(ran.step(1)["attempts"][0]["taps"][0]["tie"], "trace");
}

#[test]
fn what_comes_late_of_an_attempt_is_not_taken_for_what_the_next_one_asks() {
    let steps = "  - GET: /job\n    poll: {every: 1ms, for: 9s}\n    expect: {status: 200, hops: {dep: {count: 0}}}\n";
    let first = Mutex::new(String::new());
    let ran = run(steps, move |seen, nth| {
        if nth == 0 {
            *first.lock().unwrap() = own_span(seen);
            return Reply::plain(202, "");
        }
        let late = first.lock().unwrap().clone();
        ask(seen, Some(&late));
        Reply::plain(200, "")
    });
    ran.exits(0);
}

#[test]
fn a_trace_that_the_plan_states_for_several_requests_tells_nothing() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let step = |path: &str| {
        format!(
            "  - GET: {path}\n    headers: {{traceparent: {trace}}}\n    expect: {{hops: {{dep: {{count: 1}}}}}}\n"
        )
    };
    let asks = |seen: &Seen, _| {
        ask(seen, seen.header("traceparent"));
        Reply::plain(200, "")
    };
    run(&step("/a"), asks).exits(0);
    let ran = run(&[step("/a"), step("/b")].concat(), asks).exits(1);
    assert_eq!(ran.verdicts(), ["passed", "failed"]);
    says(&ran, "1 request meanwhile that may be of this step or of another");
}

/// Two steps at once, each of which asks the tap while both are under way.
fn both(hops: &str, is_told: bool) -> Ran {
    let step = |name: &str| {
        format!(
            "      - GET: /{name}\n        name: {name}\n        expect: {{hops: {{dep: {{{hops}}}}}}}\n"
        )
    };
    let (here, there) = (Barrier::new(2), Barrier::new(2));
    let steps = format!("  - parallel:\n{}{}", step("a"), step("b"));
    run(&steps, move |seen, _| {
        here.wait();
        ask(seen, is_told.then(|| own_span(seen)).as_deref());
        there.wait();
        Reply::plain(200, "")
    })
}

#[test]
fn a_count_that_holds_only_without_what_belongs_to_nobody_does_not_hold() {
    for count in ["count: 0", "count: {lte: 1}", "count: {lt: 2}", "count: {gte: 0, lte: 1}"] {
        let ran = both(count, false).exits(1);
        says(&ran, "2 requests meanwhile that may be of this step or of another");
    }
    // One that is missing may be among them.
    says(&both("count: 1", false).exits(1), "2 requests meanwhile");
    // The twins: it holds whosever they are, or it is known whose they are.
    both("count: {lte: 2}", false).exits(0);
    both("count: 1", true).exits(0);
    both("count: 0", true).exits(1);
    // What is said of each request was not looked at in those: a warning says so.
    says(&both("count: {lte: 2}, path: /elsewhere", false).exits(0), "2 requests meanwhile");
}

#[test]
fn a_bound_that_nothing_keeps_holds_where_nothing_came() {
    let step = |hops: &str| format!("  - GET: /a\n    expect: {{hops: {{dep: {{{hops}}}}}}}\n");
    let hops = "count: {lte: 2}, path: /wrong";
    run(&step(hops), |_, _| Reply::plain(200, "")).exits(0);
    let asks = |seen: &Seen, _| {
        ask(seen, seen.header("traceparent"));
        Reply::plain(200, "")
    };
    run(&step(hops), asks).exits(1);
    run(&step("path: /wrong"), |_, _| Reply::plain(200, "")).exits(1);
}
