//! `planrun bug-report` writes what its receiver needs, and the commands in it show the failure again.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

/// The repository's plans, which run on the built-in registry.
fn plans() -> Project {
    let project = Project::new();
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    for folder in ["", "environments", "flows", "specs"] {
        for entry in std::fs::read_dir(from.join(folder)).expect("the plans") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).expect("a plan");
                project.write(&format!("plans/{folder}/{name}"), &text);
            }
        }
    }
    project
}

/// The blocks of a page that a shell runs.
fn scripts(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

#[test]
fn the_report_of_a_sick_registry_tells_its_cause_and_can_be_run_again() {
    for (fault, cause) in [
        ("broken-contract", "the key itself is good"),
        ("wrong-service", "another service than the one"),
        ("misrouted", "that was meant"),
    ] {
        let project = plans();
        let environment = format!("demo-{fault}");
        assert_eq!(project.run(&["plans/access.yaml", "-e", &environment]).code, 1);
        project.run(&["bug-report", "-o", "bug.md"]).ends(0);
        let page = project.read("bug.md");
        assert!(page.len() < 60 * 1024, "{}", page.len());
        let title = page.lines().next().expect("a title");
        assert!(title.starts_with(&format!("# [{environment}] ")), "{title}");
        assert!(title.contains("got 401 Unauthorized"), "{title}");
        assert!(page.contains(cause), "{page}");
        assert!(!page.contains("hk_"), "a key is shown:\n{page}");
        for part in [
            "Expected and actual",
            "Steps to reproduce",
            "Request and response",
            "Since when",
            "Why",
            "Next step",
            "Environment",
            "What was masked",
        ] {
            assert!(page.contains(&format!("## {part}\n")), "no `{part}`:\n{page}");
        }
        // Where the key was accepted elsewhere, a third one shows that.
        let scripts = scripts(&page);
        let [planrun, curl, ..] = scripts.as_slice() else { panic!("two scripts:\n{page}") };
        // The one line fails again in the same way.
        let words: Vec<&str> = planrun.split(' ').skip(1).collect();
        project.run(&words).ends(1).says("401");
        // The curl lines do on a registry that is as sick.
        let out = on_a_demo(&project, &["--fault", fault], curl);
        assert!(out.contains("401 Unauthorized"), "{curl}\n{out}");
    }
}

#[test]
fn who_can_mend_it_and_what_to_do_follow_from_the_cause() {
    for (fault, next, owner, rest) in [
        (
            "misrouted",
            "- see where the proxy or the name server leads this host and path",
            "- Likely owner: whoever runs the routing of this host\n- Here is http://127.0.0.1:",
            "One cause explains all 6 failures",
        ),
        (
            "wrong-service",
            "- set \\`env.service\\_id\\` to the service that the key is for (\\`platform\\`)",
            "- Likely owner: whoever keeps \\`env.service\\_id\\` of the environment",
            "A wrong or expired \\`api\\_key\\`: the service knows it",
        ),
        (
            "broken-contract",
            "- change what this service sends there: the line of the document says what is wanted",
            "- Likely owner: whoever runs what answers here, not whoever gave out the key\n- Here is",
            "what the same run saw pass with the same `api_key`:\n\n```sh\nAUTH_URL=",
        ),
    ] {
        let project = plans();
        let environment = format!("demo-{fault}");
        assert_eq!(project.run(&["plans/root-cause.yaml", "-e", &environment]).code, 1);
        let page = project.run(&["bug-report"]).ends(0).out;
        for part in [next, owner, rest] {
            assert!(page.contains(part), "no `{part}`:\n{page}");
        }
        assert!(
            page.contains("\nValues of the secrets `api_key` (`$API_KEY`), in every"),
            "{page}"
        );
        // Whoever gave out a key is not sent for where the way to it is what is wrong.
        assert!(!page.contains("whoever issued the key"), "{page}");
    }
}

#[test]
fn what_a_request_needs_of_earlier_ones_is_taken_anew() {
    let project = plans();
    project.write(
        "plans/chain.yaml",
        "plan: Chain
secrets: {api_key: {}}
defaults: {base_url: \"${{ env.registry_url }}\", auth: {bearer: \"${{ secrets.api_key }}\"}}
steps:
  - name: Nobody needs this
    GET: /health
  - name: A run is made
    POST: /api/2.0/mlflow/runs/create
    json: {experiment_id: \"0\"}
    capture: {run_id: $.run.info.run_id}
  - id: look
    GET: /api/2.0/mlflow/runs/get
    query: {run_id: \"${{ run_id }}\"}
    expect: {$.run.info.status: FINISHED}
",
    );
    assert_eq!(project.run(&["plans/chain.yaml"]).code, 1);
    let ran = project.run(&["bug-report", "last#look"]).ends(0);
    assert!(ran.out.contains("FINISHED") && ran.out.contains("RUNNING"), "{}", ran.out);
    let [planrun, curl] = scripts(&ran.out).try_into().expect("two scripts");
    assert_eq!(planrun, "planrun plans/chain.yaml -e demo --step look");
    assert!(curl.contains("# 1. A run is made") && curl.contains("# 2. "), "{curl}");
    assert!(!curl.contains("Nobody needs"), "{curl}");
    let out = on_a_demo(&project, &[], &curl);
    assert!(out.contains("200 OK") && out.contains("RUNNING"), "{curl}\n{out}");
}

/// What a script says on a registry that was started anew.
fn on_a_demo(project: &Project, options: &[&str], script: &str) -> String {
    let mut args = vec!["demo", "--format", "json"];
    args.extend(options);
    let mut demo = project.command(&args).stdout(Stdio::piped()).spawn().expect("the demo starts");
    let mut line = String::new();
    let out = demo.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let told = json(&line);
    let said = |name: &str| told[name].as_str().expect("a text").to_owned();
    let ran = Command::new("bash")
        .args(["-euc", script])
        .env("REGISTRY_URL", said("url"))
        .env("AUTH_URL", said("auth_url"))
        .env("API_KEY", said("api_key"))
        .output();
    let _ = demo.kill();
    let _ = demo.wait();
    let ran = ran.expect("bash");
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{script}\n{out}\n{err}");
    out
}

#[test]
fn where_nothing_failed_there_is_no_report() {
    let server = Misbehaving::start();
    let project = Project::of(&format!("  - {{id: good, GET: {}/echo}}\n", server.url("")));
    project.run(&["bug-report"]).ends(2).says("no run is stored here yet");
    project.run(&["p.yaml"]).ends(0);
    project.run(&["bug-report"]).ends(4).says("nothing failed in the run");
    project.run(&["bug-report", "#good"]).ends(4).says("passed: there is nothing to report");
    project.run(&["bug-report", "#god"]).ends(2).says("did you mean `good`?");
    project.run(&["bug-report", "19990101#good"]).ends(2).says("19990101");
    let bad = format!("  - {{id: bad, GET: {}/echo, expect: {{status: 201}}}}\n", server.url(""));
    project.plan("p.yaml", &bad);
    assert_eq!(project.run(&["p.yaml"]).code, 1);
    project.run(&["bug-report", "-o", "p.yaml/below/bug.md"]).ends(7).says("output::failed");
    let ran = project.run(&["bug-report"]).ends(0);
    ran.says("expected 201, got 200 OK").says("First seen: in this run");
}
