//! Services that are commands: started where it is allowed, waited for, stopped with all they started.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, json, signal, until};

/// A server that is ready once a file is there, as if the service that writes it served.
struct Door {
    address: SocketAddr,
}

impl Door {
    fn of(file: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let status = if file.exists() { "200 OK" } else { "503 Not Yet" };
                let head = "content-length: 0\r\nconnection: close";
                let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n");
            }
        });
        Self { address }
    }
}

/// A project whose environment starts a shell script; it runs in the folder of the environment.
fn project(script: &str, more: &str) -> Project {
    let project = Project::new();
    project.write("environments/serve", script);
    let door = Door::of(project.path("environments/up"));
    project.write(
        "environments/e.yaml",
        &format!(
            "environment: e\nvars:\n  port: {}\n  url: ${{{{ services.app.url }}}}\nservices:\n  app:\n    \
             run: [sh, serve, \"${{{{ env.port }}}}\"]\n    ready: http://127.0.0.1:${{{{ env.port }}}}/health\n{more}",
            door.address.port()
        ),
    );
    project.write(
        "p.yaml",
        "plan: P\nsecrets: {api_key: {optional: true}}\nsteps:\n  - GET: ${{ env.url }}/x\n    id: ask\n  \
         - GET: ${{ env.url }}/y\n    headers: {X-Key: \"${{ secrets.api_key }}\"}\n",
    );
    project
}

/// Serves, with a process beside it, until it is asked to end; tells how it ended.
const SERVES: &str = "echo \"$1\" > port\nsleep 100000 &\necho $! > beside\necho $$ > itself\n\
                      trap 'echo asked > ended; exit' TERM\ntouch up\nwait\n";

const RUN: [&str; 4] = ["p.yaml", "-e", "e", "--allow-exec"];

/// Whether a process whose id stands in a file still runs; one that ended and whose parent has not
/// asked how is a shadow (`Z`).
fn runs(project: &Project, file: &str) -> bool {
    let id = project.read(&format!("environments/{file}"));
    if !Path::new("/proc/self/stat").exists() {
        let probe = Command::new("kill").args(["-0", id.trim()]).output();
        return probe.is_ok_and(|probe| probe.status.success());
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn is_there(project: &Project, file: &str) -> bool {
    project.path(&format!("environments/{file}")).exists()
}

#[test]
fn a_service_is_started_waited_for_and_stopped_with_all_that_it_started() {
    let project = project(SERVES, "");
    project.run(&RUN).ends(0).says("/x").says("passed");
    assert_eq!(project.read("environments/ended"), "asked\n");
    assert!(!runs(&project, "itself") && !runs(&project, "beside"));
    let port = project.read("environments/port");
    let vars = project.run(&["vars", "p.yaml", "-e", "e"]).ends(0);
    assert!(vars.out.contains(&format!("http://127.0.0.1:{}", port.trim())), "{}", vars.out);
}

#[test]
fn a_service_that_nobody_allowed_is_not_started() {
    let project = project(SERVES, "");
    let args = ["p.yaml", "-e", "e", "--report", "json=r.json"];
    project
        .run(&args)
        .ends(3)
        .says("environment::exec")
        .says("environments/e.yaml:7:10")
        .says("needed by the environment `e`")
        .says("no request was sent");
    assert!(project.read("r.json").contains("environment::exec"));
    // What only looks starts nothing, and knows the address all the same.
    project.run(&["p.yaml", "-e", "e", "--dry-run"]).ends(0).says("http://127.0.0.1:");
    project.run(&["check", "p.yaml", "-e", "e"]).ends(0);
    project.run(&["curl", "p.yaml", "-e", "e", "--step", "ask"]).ends(0).says("/x");
    assert!(!is_there(&project, "port"));
}

#[test]
fn a_service_that_ends_too_early_shows_what_it_said() {
    let key = "very-secret-value";
    let project = project(&format!("echo starting; echo 'no database {key}' >&2; exit 3\n"), "");
    let mut args = RUN.to_vec();
    args.extend(["--report", "json=r.json"]);
    project
        .run_with(&args, &[("API_KEY", key)])
        .ends(5)
        .says("service::failed")
        .says("the service `app` ended before it was ready: exit code 3")
        .says("it said: starting")
        .says("it said: no database «secret:api_key»")
        .never_says(key);
    let report = json(&project.read("r.json"));
    assert_eq!((&report["verdict"], &report["exit_code"]), (&"errored".into(), &5.into()));
    assert_eq!(report["plans"].as_array().map(Vec::len), Some(0));
    // A launcher that leaves its server behind cannot be stopped.
    project.write("environments/serve", "exit 0\n");
    project.run(&RUN).ends(5).says("it must stay in the foreground");
    project.write(
        "environments/e.yaml",
        &project.read("environments/e.yaml").replace("sh, serve", "./none"),
    );
    project.run(&RUN).ends(5).says("there is no program `./none`");
}

#[test]
fn a_service_that_does_not_become_ready_is_ended() {
    let project = project(
        "echo waiting for godot\necho $$ > itself\nexec sleep 100000\n",
        "    timeout: 500ms\n",
    );
    project
        .run(&RUN)
        .ends(5)
        .says("the service `app` was not ready within 500 ms")
        .says("answered 503 last")
        .says("it said: waiting for godot");
    assert!(!runs(&project, "itself"));
}

#[test]
fn what_answers_already_is_not_taken_for_the_service() {
    let project = project(SERVES, "");
    project.write("environments/up", "");
    project.run(&RUN).ends(5).says("answers already").says("environments/e.yaml:8:12");
    assert!(!is_there(&project, "port"));
}

#[test]
fn a_service_that_dies_during_the_run_is_told() {
    let script = "echo $$ > itself; touch up; echo crashed >&2\n\
                  while ! [ -e go ]; do sleep 0.01; done; exit 9\n";
    let (project, server) = (project(script, ""), Misbehaving::start());
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsteps:\n  - GET: {}\n  - GET: ${{{{ env.url }}}}/x\n    \
             poll: {{every: 10ms, for: 20s}}\n    expect: {{status: 503}}\n",
            server.url("/ok")
        ),
    );
    let child = project.start(&RUN);
    until("the run", || !server.log().is_empty());
    project.write("environments/go", "");
    until("its end", || !runs(&project, "itself"));
    std::fs::remove_file(project.path("environments/up")).expect("the file");
    let ran = Ran::of(child.wait_with_output().expect("its end"));
    ran.ends(5)
        .says("the service `app` ended during the run: exit code 9")
        .says("it said: crashed");
}

/// A plan whose step and whose cleanup hang.
fn hanging(project: &Project, server: &Misbehaving) {
    let url = server.url("/hang");
    project.write(
        "p.yaml",
        &format!("plan: P\nsteps:\n  - GET: {url}\n  - GET: ${{{{ env.url }}}}/x\ncleanup:\n  - {{DELETE: {url}, timeout: 50s}}\n"),
    );
}

#[test]
fn an_interrupt_stops_the_service_after_the_cleanup() {
    let (project, server) = (project(SERVES, ""), Misbehaving::start());
    hanging(&project, &server);
    project.write("p.yaml", &project.read("p.yaml").replace("timeout: 50s", "timeout: 10ms"));
    let child = project.start(&RUN);
    until("the request", || !server.log().is_empty());
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    assert_eq!(project.read("environments/ended"), "asked\n");
    assert!(!runs(&project, "itself") && !runs(&project, "beside"));
}

#[test]
fn an_interrupt_while_it_starts_ends_it_and_sends_nothing() {
    let script = "trap 'echo asked > ended; exit' TERM\necho $$ > itself\nsleep 100000 &\nwait\n";
    let project = project(script, "");
    let child = project.start(&[&RUN[..], &["--report", "json=r.json"]].concat());
    until("the service", || is_there(&project, "itself"));
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    assert_eq!(project.read("environments/ended"), "asked\n");
    assert_eq!(json(&project.read("r.json"))["verdict"], "interrupted");
}

#[test]
fn a_second_interrupt_leaves_no_service_behind() {
    let script = SERVES.replace("trap 'echo asked > ended; exit' TERM", "trap '' TERM");
    let (project, server) = (project(&script, ""), Misbehaving::start());
    hanging(&project, &server);
    let child = project.start(&RUN);
    until("the request", || !server.log().is_empty());
    signal("-INT", &child);
    until("the cleanup", || server.log().len() == 2);
    signal("-INT", &child);
    Ran::of(child.wait_with_output().expect("its end")).ends(130);
    until("its end", || !runs(&project, "itself") && !runs(&project, "beside"));
}

#[test]
fn what_a_command_needs_is_known_before_any_service_runs() {
    let project = project(SERVES, "");
    let environment = project.read("environments/e.yaml");
    let finds = |from: &str, to: &str, says: &str| {
        project.write("environments/e.yaml", &environment.replace(from, to));
        project.run(&["check", "p.yaml", "-e", "e"]).ends(3).says(says);
    };
    finds(
        "sh, serve,",
        "sh, \"${{ env.url }}\",",
        "`env.url` is not known yet: a service gives it",
    );
    finds("sh, serve,", "sh, \"${{ services.app.url }}\",", "no service runs yet");
    finds("sh, serve,", "sh, \"${{ env.prot }}\",", "did you mean `port`?");
    finds("services.app.url", "services.app.auth_url", "the service `app` gives no `auth_url`");
    finds("    ready:", "    timeout: \"${{ env.url }}\"\n    ready:", "is not known yet");
    // Also through another variable.
    project.write(
        "environments/e.yaml",
        &environment
            .replace("  url:", "  more: ${{ env.url }}/x\n  url:")
            .replace("sh, serve,", "sh, \"${{ env.more }}\","),
    );
    project.run(&["check", "p.yaml", "-e", "e"]).ends(3).says("`env.more` is not known yet");
    let wait = environment.replace("    ready:", "    timeout: \"${{ env.wait }}\"\n    ready:");
    let waiting = |wait_for: &str| {
        let wait = wait.replace("vars:\n", &format!("vars:\n  wait: {wait_for}\n"));
        project.write("environments/e.yaml", &wait);
        project.run(&RUN)
    };
    waiting("10s").ends(0);
    std::fs::remove_file(project.path("environments/up")).expect("the file");
    waiting("ten").ends(3).says("`ten` does not begin with a number");
}
