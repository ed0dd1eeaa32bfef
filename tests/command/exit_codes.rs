//! Every exit code of the language page, provoked for real, and which of several wins.

use crate::misbehaving::Misbehaving;
use crate::{Project, json};

const REFUSED: &str = "  - {GET: http://127.0.0.1:1/, timeout: 2s}\n";

#[test]
fn each_way_to_end_has_its_code_and_its_reports() {
    let server = Misbehaving::start();
    let passing = format!("  - GET: {}\n", server.url("/ok"));
    let failing = format!("  - {{GET: {}, expect: {{status: 201}}}}\n", server.url("/ok"));
    let slow = format!("  - {{GET: {}, budget: 1ms}}\n", server.url("/slow/50"));
    let skipped = format!("  - {{GET: {}, skip: not today}}\n", server.url("/ok"));
    let invalid = format!("  - {{GTE: {}}}\n", server.url("/ok"));
    let table: [(i32, &[&str]); 13] = [
        (0, &[&passing]),
        (0, &[&passing, &skipped]),
        (1, &[&failing]),
        (4, &[&skipped]),
        (5, &[REFUSED]),
        (6, &[&slow]),
        (6, &[&slow, &passing]),
        (1, &[&slow, &failing]),
        (1, &[&failing, &skipped]),
        (5, &[&slow, REFUSED]),
        (5, &[&failing, REFUSED, &passing]),
        (3, &[&invalid, &passing]),
        (3, &[&invalid, REFUSED, &failing]),
    ];
    for (code, plans) in table {
        let project = Project::new();
        for (n, steps) in plans.iter().enumerate() {
            project.plan(&format!("plans/{n}.yaml"), steps);
        }
        let before = server.log().len();
        let ran = project.run(&["plans", "--report", "json=r.json"]).ends(code);
        let report = json(&project.read("r.json"));
        assert!(report.is_object(), "{report}");
        assert!(!ran.out.is_empty() || code == 3, "{ran:?}");
        if code == 3 {
            assert_eq!(server.log().len(), before, "no request is sent: {plans:?}");
        }
    }
}

#[test]
fn an_output_that_cannot_be_written_outweighs_a_failure_and_the_verdict_is_said() {
    let server = Misbehaving::start();
    let project =
        Project::of(&format!("  - {{GET: {}, expect: {{status: 201}}}}\n", server.url("/ok")));
    project.write("file", "");
    let ran = project
        .run(&["p.yaml", "--report", "json=file/r.json", "--report", "json=good.json"])
        .ends(7)
        .says("file/r.json")
        .says("failed: 1 failed");
    assert!(ran.err.contains("output::failed"), "{}", ran.err);
    assert!(json(&project.read("good.json")).is_object(), "one report silences no other");
    project.run(&["p.yaml", "--report", "json=/dev/full"]).ends(7).says("failed: 1 failed");
    // Invalid and not writable: 7 is graver than 3.
    project.plan("p.yaml", "  - GTE: x\n");
    project.run(&["p.yaml", "--report", "json=file/r.json"]).ends(7).says("unknown key");
}

#[test]
fn a_command_line_that_is_wrong_writes_nothing_and_says_what_to_type() {
    let project = Project::new();
    project.write(
        "environments/staging.yaml",
        "environment: staging\nvars: {url: \"http://127.0.0.1:1\"}\n",
    );
    project.write(
        "plans/p.yaml",
        "plan: P\nvars: {model: m}\nsecrets: {api_key: {}}\nsteps:\n  - id: create\n    \
         GET: ${{ env.url }}/${{ model }}\n    auth: {bearer: \"${{ secrets.api_key }}\"}\n",
    );
    let table: [(&[&str], &str); 16] = [
        (&["plns"], "did you mean `plans`?"),
        (&["plans/q.yaml"], "did you mean `plans/p.yaml`?"),
        (&["chek"], "did you mean the command `planrun check`?"),
        (&["plans", "-e", "stagin"], "did you mean `staging`?"),
        (&["plans", "-e", "staging", "--step", "creat"], "did you mean `create`?"),
        (&["plans", "-e", "staging", "--var", "modle=x"], "did you mean `model`?"),
        (&["plans", "-e", "staging", "--var", "env.ur=x"], "did you mean `env.url`?"),
        (&["plans", "-e", "staging", "--var", "model"], "`--var` wants NAME=VALUE"),
        (&["plans", "-e", "staging", "--secret", "api_kee=env:X"], "did you mean `api_key`?"),
        (
            &["plans", "-e", "staging", "--secret", "api_key=hunter2"],
            "NAME=@FILE or NAME=env:VARIABLE",
        ),
        (
            &["plans", "-e", "staging", "--secret", "api_key=@none.txt"],
            "there is no file `none.txt`",
        ),
        (&["plans", "--report", "jsn=x"], "did you mean `json`?"),
        (&["plans", "--report", "r.json"], "wants FORMAT=PATH"),
        (&["plans", "--deadline", "soon"], "`10m` or `90s`"),
        (&["plans", "--jobs", "0"], "1..=65535"),
        (&["plans", "-q", "-v"], "cannot be used with"),
    ];
    for (args, words) in table {
        let mut args = args.to_vec();
        if !args.contains(&"--report") {
            args.extend(["--report", "json=r.json"]);
        }
        let ran = project.run(&args).ends(2).says(words).never_says("hunter2");
        assert!(ran.out.is_empty(), "{ran:?}");
        assert!(!project.path("r.json").exists(), "{args:?}");
        assert!(!project.path(".planrun").exists(), "{args:?}");
    }
}

#[test]
fn a_tag_that_no_plan_has_is_an_empty_selection_and_the_near_one_is_named() {
    let project = Project::new();
    project.write("p.yaml", "plan: P\ntags: [smoke]\nsteps:\n  - GET: http://127.0.0.1:1\n");
    project.run(&["p.yaml", "-t", "smok"]).ends(4).says("did you mean `smoke`?");
}

#[test]
fn a_flaky_pass_fails_only_where_that_is_asked() {
    let server = Misbehaving::start();
    // The second request over a connection gets no answer; the retry comes over a new one.
    let steps = format!(
        "  - GET: {0}\n  - {{POST: {0}, retry: {{times: 1, delay: 1ms, when: [transport]}}}}\n",
        server.url("/stale")
    );
    let project = Project::of(&steps);
    project.run(&["p.yaml"]).ends(0).says("flaky");
    project.run(&["p.yaml", "--fail-on-flaky"]).ends(1);
}
