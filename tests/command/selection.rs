//! Which plans and steps a command line means: tags, filters, ids, up to a step; and what is said
//! where that is none.

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran, json};

/// Three plans: what each sends is its own path.
fn three(server: &Misbehaving) -> Project {
    let project = Project::new();
    let url = |path: &str| server.url(&format!("/echo/{path}"));
    project.write(
        "plans/models.yaml",
        &format!(
            "plan: Models\ntags: [smoke]\ncovers: [2a]\nsetup:\n  - {{id: login, GET: {}}}\nsteps:\n  \
             - {{id: create, name: Create, POST: {}, capture: {{was: status}}}}\n  \
             - {{id: upload, name: Upload a file, PUT: {}}}\n  \
             - {{id: read, name: Read, GET: \"{}/${{{{ was }}}}\", covers: [2b]}}\n\
             cleanup:\n  - {{id: delete, DELETE: {}}}\n",
            url("login"), url("create"), url("upload"), url("read"), url("delete")
        ),
    );
    project.write(
        "plans/health.yaml",
        &format!(
            "plan: Health\ntags: [smoke, quick]\nsteps:\n  - {{id: up, GET: {}}}\n",
            url("up")
        ),
    );
    project.write(
        "plans/slow/large.yaml",
        &format!("plan: Large\ntags: [slow]\nsteps:\n  - {{id: large, GET: {}}}\n", url("large")),
    );
    project
}

/// The last parts of the paths that a run sends, in their order.
fn sent(arguments: &[&str]) -> Vec<String> {
    let server = Misbehaving::start();
    let project = three(&server);
    let mut all = vec!["plans", "-j", "1"];
    all.extend(arguments);
    project.run(&all).ends(0);
    server
        .log()
        .iter()
        .filter_map(|seen| seen.path().split('/').nth(2).map(str::to_owned))
        .collect()
}

#[test]
fn tags_are_or_and_those_with_a_mark_leave_out() {
    assert_eq!(sent(&["-t", "quick", "-t", "slow"]), ["up", "large"]);
    assert_eq!(
        sent(&["-t", "smoke", "-t", "!quick"]),
        ["login", "create", "upload", "read", "delete"]
    );
    assert_eq!(sent(&["-t", "!smoke"]), ["large"]);
}

#[test]
fn a_filter_chooses_steps_with_setup_cleanup_and_what_they_need() {
    assert_eq!(sent(&["-E", "id(upload)"]), ["login", "upload", "delete"]);
    // It needs what was captured.
    assert_eq!(sent(&["-E", "covers(2b)"]), ["login", "create", "read", "delete"]);
    assert_eq!(
        sent(&["--filter", "tag(smoke) and not step(/[Uu]pload/)"]),
        ["up", "login", "create", "read", "delete"]
    );
    assert_eq!(sent(&["-E", "path(plans/*) - plan(Models)"]), ["up"]);
    assert_eq!(sent(&["-E", "id(up)", "-E", "id(large)"]), ["up", "large"], "two are either");
    assert_eq!(sent(&["-E", "id(up) or id(large)", "-t", "slow"]), ["large"], "tags hold as well");
    assert_eq!(sent(&["-E", "all()"]).len(), 7);
}

#[test]
fn several_steps_by_their_ids() {
    assert_eq!(
        sent(&["--step", "large", "--step", "upload"]),
        ["login", "upload", "delete", "large"]
    );
    assert_eq!(
        sent(&["--step", "upload", "--step", "read", "-E", "not id(read)"]),
        ["login", "upload", "delete"]
    );
}

#[test]
fn up_to_a_step_and_cleanup_follows() {
    assert_eq!(sent(&["--until", "upload"]), ["login", "create", "upload", "delete"]);
    assert_eq!(sent(&["--until", "create"]), ["login", "create", "delete"]);
    assert_eq!(sent(&["--until", "read"]).len(), 5);
    let server = Misbehaving::start();
    let project = three(&server);
    project.run(&["plans", "--until", "uplod"]).ends(2).says("did you mean `upload`?");
    project.run(&["plans", "--until", "up", "--step", "up"]).ends(2).says("cannot be used with");
    // Setup and cleanup are no evidence.
    project.run(&["plans", "--until", "login"]).ends(4);
    let log = server.log();
    let paths: Vec<&str> = log.iter().map(crate::misbehaving::Seen::path).collect();
    assert_eq!(paths, ["/echo/login", "/echo/delete"]);
}

#[test]
fn up_to_a_group_is_the_whole_group() {
    let server = Misbehaving::start();
    let project = Project::of(&format!(
        "  - id: both\n    parallel:\n      - {{id: a, GET: {0}/a}}\n      - {{id: b, GET: {0}/b}}\n  - {{id: c, GET: {0}/c}}\n",
        server.url("/echo")
    ));
    project.run(&["p.yaml", "--until", "both"]).ends(0);
    assert_eq!(server.log().len(), 2);
    project.run(&["p.yaml", "-E", "id(both) and not id(a)"]).ends(0);
    assert_eq!(server.log().last().map(|seen| seen.path().to_owned()).as_deref(), Some("/echo/b"));
    assert_eq!(server.log().len(), 3);
}

#[test]
fn a_filter_that_does_not_parse_is_marked_at_its_place_and_sends_nothing() {
    let server = Misbehaving::start();
    let project = three(&server);
    for command in [&["plans"][..], &["list", "plans"]] {
        let mut args = command.to_vec();
        args.extend(["-E", "tag(smoke) and tga(x)"]);
        let ran = project
            .run(&args)
            .ends(2)
            .says("error[command::filter] --filter:1:16")
            .says("there is no predicate `tga`")
            .says("─┬─")
            .says("did you mean `tag(…)`?");
        assert!(ran.out.is_empty(), "{ran:?}");
    }
    project.run(&["plans", "-E", ""]).ends(2).says("the filter is empty");
    // The filter is looked at before anything else is.
    project.run(&["nowhere", "-E", "("]).ends(2).says("--filter:1:2");
    assert_eq!(server.log().len(), 0);
    assert!(!project.path(".planrun").exists());
}

#[test]
fn an_empty_selection_says_what_would_have_been_there() {
    let server = Misbehaving::start();
    let project = three(&server);
    let empty = |args: &[&str]| -> Ran {
        let mut all = vec!["plans"];
        all.extend(args);
        project.run(&all).ends(4)
    };
    empty(&["-E", "tag(smok) and id(creat)"])
        .says("no step is selected")
        .says("`tag(smok)` matches nothing; did you mean `smoke`?")
        .says("`id(creat)` matches nothing; did you mean `create`?")
        .says("there are 3 plans with 7 steps")
        .says("tags: quick, slow, smoke")
        .says("ids: create, delete, large, login, read, up, upload");
    empty(&["-E", "none()"]).says("no step is selected").says("3 plans");
    empty(&["-t", "smok"]).says("no plan has the tag `smok`; did you mean `smoke`?");
    empty(&["-t", "!smoke", "-t", "!slow"]).says("no step is selected").says("tags: quick");
    assert_eq!(server.log().len(), 0);
    let listed = project.run(&["list", "plans", "-t", "smok", "--format", "json"]).ends(4);
    assert_eq!(json(&listed.out), serde_json::json!([]));
    assert!(listed.err.contains("did you mean `smoke`?"), "{}", listed.err);
}

#[test]
fn a_word_that_leaves_out_nothing_and_looks_like_one_that_would_is_told_of() {
    let server = Misbehaving::start();
    let project = three(&server);
    let warning = "warning: no plan has the tag `slwo`; did you mean `slow`?";
    let ran = project.run(&["list", "plans", "-t", "!slwo"]).ends(0);
    assert_eq!(ran.err.trim_end(), warning);
    project
        .run(&["list", "plans", "-E", "not tag(slwo)"])
        .ends(0)
        .says("warning: `tag(slwo)` matches nothing; did you mean `slow`?");
    // One that looks like none may be for other plans.
    let ran = project.run(&["list", "plans", "-t", "!flaky", "-E", "not id(zebra)"]).ends(0);
    assert_eq!(ran.err, "");
}

#[test]
fn a_listing_honours_every_option_that_selects() {
    let server = Misbehaving::start();
    let project = three(&server);
    let listed = |args: &[&str]| -> Vec<String> {
        let mut all = vec!["list", "plans", "--format", "json"];
        all.extend(args);
        let plans = json(&project.run(&all).ends(0).out);
        let steps =
            plans.as_array().into_iter().flatten().filter_map(|plan| plan["steps"].as_array());
        steps.flatten().filter_map(|step| step["id"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(listed(&[]).len(), 7);
    assert_eq!(listed(&["-t", "slow"]), ["large"]);
    assert_eq!(listed(&["-t", "!smoke"]), ["large"]);
    assert_eq!(listed(&["-E", "id(upload)"]), ["login", "upload", "delete"]);
    assert_eq!(listed(&["--step", "up"]), ["up"]);
    assert_eq!(listed(&["--until", "create"]), ["login", "create", "delete"]);
    let ran = project.run(&["list", "plans/models.yaml"]).ends(0);
    insta::assert_snapshot!(ran.out.replace(&server.url(""), "http://h"));
    assert_eq!(server.log().len(), 0);
}

/// What a run sends that is not `/ok` nor of setup or cleanup, since `before` requests.
fn since(server: &Misbehaving, before: usize) -> Vec<String> {
    server.log().split_off(before).iter().map(|seen| seen.path().to_owned()).collect()
}

#[test]
fn what_did_not_pass_is_run_again_with_what_it_needs_until_all_has_passed() {
    let server = Misbehaving::start();
    let project = Project::new();
    let plan = |good: bool| {
        let due = if good { 200 } else { 201 };
        format!(
            "plan: A\nsetup:\n  - GET: {0}/setup\non_failure: continue\nsteps:\n  - {{id: one, GET: {0}/one}}\n  \
             - {{id: two, GET: {0}/two, capture: {{was: status}}}}\n  \
             - {{GET: \"{0}/three?was=${{{{ was }}}}\", expect: {{status: {due}}}}}\n  \
             - {{id: four, GET: {0}/four, expect: {{status: {due}}}}}\n  - {{GET: {0}/five, needs: [four]}}\n\
             cleanup:\n  - GET: {0}/cleanup\n",
            server.url("/echo")
        )
    };
    project.write("plans/a.yaml", &plan(false));
    project.plan("plans/b.yaml", &format!("  - GET: {}\n", server.url("/echo/b")));
    project.plan("plans/c.yaml", &format!("  - {{GET: {}, skip: later}}\n", server.url("/echo/c")));
    project.run(&["plans", "--last-failed"]).ends(2).says("no run is stored here yet");
    project.run(&["plans", "-j", "1"]).ends(1);
    let before = server.log().len();
    project.run(&["plans", "--last-failed"]).ends(1);
    let left = ["setup", "two", "three", "four", "cleanup"].map(|word| format!("/echo/{word}"));
    assert_eq!(since(&server, before), left, "what was blocked is asked for too");
    let listed = project.run(&["list", "plans", "--last-failed"]).ends(0);
    assert!(listed.out.contains("/five") && !listed.out.contains("(one)"), "{}", listed.out);
    // From a folder below, the same.
    let listed = project
        .command(&["list", ".", "--last-failed"])
        .current_dir(project.path("plans"))
        .output();
    let listed = Ran::of(listed.expect("planrun starts")).ends(0);
    assert!(listed.out.contains("/five") && !listed.out.contains("(one)"), "{}", listed.out);
    // Put right, also where a step was put before the others.
    let edited = plan(true).replace("steps:\n", "steps:\n  - GET: http://127.0.0.1:1/new\n");
    project.write("plans/a.yaml", &edited);
    let before = server.log().len();
    project.run(&["plans", "--last-failed"]).ends(0);
    let left =
        ["setup", "two", "three", "four", "five", "cleanup"].map(|word| format!("/echo/{word}"));
    assert_eq!(since(&server, before), left);
    project
        .run(&["plans", "--last-failed"])
        .ends(4)
        .says("nothing is left to do: all of the last run passed");
    // That run had nothing to do: the one before it counts.
    project.run(&["plans", "--last-failed"]).ends(4).says("all of the last run passed");
}

#[test]
fn a_plan_whose_setup_or_cleanup_failed_is_run_again_as_a_whole() {
    let server = Misbehaving::start();
    let url = server.url("/echo");
    let project = Project::new();
    let failing = format!("GET: {url}/x, expect: {{status: 201}}");
    project.write(
        "a.yaml",
        &format!("plan: A\nsteps:\n  - GET: {url}/a\ncleanup:\n  - {{{failing}}}\n"),
    );
    project.write("b.yaml", &format!("plan: B\nbudget: 1us\nsteps:\n  - GET: {url}/b\n"));
    project.write(
        "c.yaml",
        &format!("plan: C\nsetup:\n  - {{{failing}}}\nsteps:\n  - GET: {url}/c\n"),
    );
    project.run(&["a.yaml", "b.yaml", "c.yaml"]).ends(1);
    let listed = project.run(&["list", "a.yaml", "b.yaml", "c.yaml", "--last-failed"]).ends(0);
    for word in ["/echo/a", "/echo/b", "/echo/c"] {
        assert!(listed.out.contains(word), "{}", listed.out);
    }
    // Other options hold as well.
    let listed = project
        .run(&["list", "a.yaml", "b.yaml", "c.yaml", "--last-failed", "-E", "plan(=B)"])
        .ends(0);
    assert!(!listed.out.contains("/echo/a") && listed.out.contains("/echo/b"), "{}", listed.out);
}

#[test]
fn a_step_of_a_group_and_a_run_that_was_killed_leave_what_they_were_at() {
    let server = Misbehaving::start();
    let project = Project::of(&format!(
        "  - GET: {0}/echo/first\n  - parallel:\n      - {{id: left, GET: {0}/echo/left, expect: {{status: 201}}}}\n      - {{id: right, GET: {0}/echo/right}}\n  - GET: {0}/hang\n",
        server.url("")
    ));
    project.run(&["p.yaml", "-E", "not step(~hang)"]).ends(1);
    let before = server.log().len();
    project.run(&["p.yaml", "--last-failed"]).ends(1);
    assert_eq!(since(&server, before), ["/echo/left"]);
    project
        .plan("p.yaml", &format!("  - GET: {0}/echo/first\n  - GET: {0}/hang\n", server.url("")));
    let mut child = project.start(&["p.yaml"]);
    let runs = || std::fs::read_dir(project.path(".planrun/runs")).expect("stored runs");
    let begun = |run: std::fs::DirEntry| {
        let events = std::fs::read_to_string(run.path().join("events.jsonl"));
        events.is_ok_and(|text| text.contains("step-started"))
    };
    crate::until("the first step", || {
        runs().count() == 3 && runs().all(|run| run.is_ok_and(begun))
    });
    crate::signal("-KILL", &child);
    child.wait().expect("its end");
    let listed = project.run(&["list", "p.yaml", "--last-failed"]).ends(0);
    assert!(listed.out.contains("/hang") && listed.out.contains("/first"), "{}", listed.out);
}
