//! Every source of a secret, what is said of a bad one, and where none is ever shown.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::misbehaving::Misbehaving;
use crate::{Project, Ran};

const KEY: &str = "hk_live_0123456789abcdef";

fn keyed(server: &Misbehaving, declaration: &str) -> Project {
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsecrets:\n  api_key: {declaration}\nsteps:\n  - name: Ask\n    GET: {}\n    \
             auth: {{bearer: \"${{{{ secrets.api_key }}}}\"}}\n",
            server.url("/ok")
        ),
    );
    project
}

fn key_of(server: &Misbehaving, ran: Ran) -> String {
    ran.ends(0).never_says(KEY);
    let last = server.log().pop().expect("a request");
    last.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

#[test]
fn a_secret_comes_from_the_first_source_that_names_it() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}");
    project.write("key.txt", "from-file\n");
    project.write("environments/keys/k", "beside\n");
    project.write(
        "environments/v.yaml",
        "environment: v\nsecrets: {api_key: {env_var: STAGING_KEY}}\n",
    );
    project.write("environments/f.yaml", "environment: f\nsecrets: {api_key: {file: keys/k}}\n");
    let all = [
        ("STAGING_KEY", "from-environment"),
        ("API_KEY", "from-upper"),
        ("PLANRUN_SECRET_api_key", "from-prefix"),
        ("OTHER", "from-other"),
    ];
    let with = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = vec!["p.yaml"];
        command.extend(args);
        key_of(&server, project.run_with(&command, variables))
    };
    assert_eq!(with(&["-e", "v", "--secret", "api_key=@key.txt"], &all), "from-file");
    assert_eq!(with(&["-e", "v", "--secret", "api_key=env:OTHER"], &all), "from-other");
    assert_eq!(with(&["-e", "v"], &all), "from-prefix");
    assert_eq!(with(&["-e", "v"], &all[..2]), "from-environment");
    assert_eq!(with(&["-e", "f"], &all[..2]), "beside");
    assert_eq!(with(&[], &all[..2]), "from-upper");
    project.write(".env", "API_KEY=from-dot-env\n");
    assert_eq!(with(&[], &[]), "from-dot-env");
    assert_eq!(with(&[], &all[..2]), "from-upper", "the process wins");
}

#[test]
fn a_missing_secret_names_its_steps_and_where_to_put_it() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{description: Live key of a developer}");
    project
        .run(&["p.yaml"])
        .ends(3)
        .says("`api_key` is missing")
        .says("needed by `Ask`")
        .says("Live key of a developer")
        .says("set the variable API_KEY")
        .says("no request was sent");
    project.run_with(&["p.yaml"], &[("API_KEY", "")]).ends(3).says("is empty");
    project.run(&["p.yaml", "--secret", "api_key=env:NONE"]).ends(3).says("set the variable NONE");
    project.write(
        "environments/v.yaml",
        "environment: v\nsecrets: {api_key: {env_var: STAGING_KEY}}\n",
    );
    project.run(&["p.yaml", "-e", "v"]).ends(3).says("set the variable STAGING_KEY");
    project.write("environments/v.yaml", "environment: v\nsecrets: {api_key: {file: none.txt}}\n");
    project.run(&["p.yaml", "-e", "v"]).ends(3).says("none.txt");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn a_secret_that_no_selected_step_needs_may_be_missing() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}");
    let more = format!("  - {{id: open, GET: {}}}\n", server.url("/echo"));
    project.write("p.yaml", &(project.read("p.yaml") + &more));
    project.run(&["p.yaml"]).ends(3);
    project.run(&["p.yaml", "--step", "open"]).ends(0);
    assert_eq!(server.log().len(), 1);
}

#[test]
fn a_file_of_a_secret_stays_inside_the_project() {
    let server = Misbehaving::start();
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("key"), KEY).expect("a file");
    let project = keyed(&server, "{}");
    let file = outside.path().join("key").display().to_string();
    std::os::unix::fs::symlink(&file, project.path("link")).expect("a link");
    for written in [file.as_str(), "../link"] {
        let text = format!("environment: f\nsecrets: {{api_key: {{file: {written}}}}}\n");
        project.write("environments/f.yaml", &text);
        project
            .run(&["p.yaml", "-e", "f"])
            .ends(3)
            .says("plan::outside-root")
            .says("environments/f.yaml:2:20")
            .says("--file-root")
            .never_says("secret::missing");
        let root = outside.path().display().to_string();
        let wider = ["p.yaml", "-e", "f", "--file-root", &root];
        assert_eq!(key_of(&server, project.run(&wider)), KEY);
    }
    // What the command line names may lie anywhere.
    let given = format!("api_key=@{file}");
    assert_eq!(key_of(&server, project.run(&["p.yaml", "--secret", &given])), KEY);
}

#[test]
fn a_mis_shaped_secret_is_described_and_neither_shown_nor_sent() {
    let server = Misbehaving::start();
    for declaration in
        ["{matches: '^hk_[a-z0-9_]+$'}", "{matches: '^hk_[a-z0-9_]+$', optional: true}"]
    {
        let project = keyed(&server, declaration);
        for (value, fact) in [
            ("Bearer hk_live_0123456789", "`Bearer` before it"),
            (" hk_live_0123456789", "white space at its edge"),
            ("\"hk_live_0123456789\"", "quotes around it"),
            ("hk_live_\n0123456789", "a line break in it"),
            ("XK-live-0123456789", "18 characters"),
        ] {
            project
                .run_with(&["p.yaml", "--report", "json=r.json"], &[("API_KEY", value)])
                .ends(3)
                .says("does not have the declared shape")
                .says(fact)
                .never_says("0123456789");
            assert!(!project.read("r.json").contains("0123456789"));
        }
    }
    assert_eq!(server.log().len(), 0);
}

#[test]
fn a_missing_optional_secret_skips_with_the_reason() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{optional: true}");
    project.run(&["p.yaml"]).ends(4).says("api_key");
    assert_eq!(server.log().len(), 0);
}

#[test]
fn short_and_visible_secrets_are_warned_of() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}");
    project.run_with(&["p.yaml"], &[("API_KEY", "abc")]).ends(0).says("too short to be masked");
    let plan = project.read("p.yaml").replace("steps:", "vars: {x: y}\nsteps:");
    project.write("p.yaml", &plan);
    project
        .run_with(&["p.yaml", "--var", &format!("x=a{KEY}")], &[("API_KEY", KEY)])
        .ends(0)
        .says("`--var x=…` holds the value of a secret")
        .never_says(KEY);
}

#[test]
fn an_unsafe_dot_env_is_warned_of() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}");
    project.write(".env", &format!("API_KEY={KEY}\nthis line's secret {KEY} is bad\n"));
    let mode = |mode| {
        std::fs::set_permissions(project.path(".env"), std::fs::Permissions::from_mode(mode))
            .expect("a mode");
    };
    mode(0o644);
    project
        .run(&["p.yaml"])
        .ends(0)
        .says("can be read by other users")
        .says("line 2 of `.env`")
        .never_says(KEY);
    mode(0o600);
    project.write(".env", &format!("API_KEY={KEY}\n"));
    project.run(&["p.yaml"]).ends(0).never_says(".env");
    let git = |args: &[&str]| {
        let git = Command::new("git").args(args).current_dir(project.path("")).output();
        assert!(git.is_ok_and(|output| output.status.success()), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", ".env"]);
    project.run(&["p.yaml"]).ends(0).says("tracked by git").never_says(KEY);
}

#[test]
fn a_ci_log_is_told_its_masks_before_anything_else() {
    let server = Misbehaving::start();
    let project = keyed(&server, "{}");
    let variables = [("API_KEY", "line one\nline%two"), ("GITHUB_ACTIONS", "true")];
    project.write(
        "p.yaml",
        &project.read("p.yaml").replace(
            "auth: {bearer: \"${{ secrets.api_key }}\"}",
            "query: {k: \"${{ secrets.api_key }}\"}",
        ),
    );
    let ran = project.run_with(&["p.yaml"], &variables).ends(0);
    let masks = "::add-mask::line one\n::add-mask::line%25two\n";
    let rest = ran.out.strip_prefix(masks).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(!rest.contains("line%two") && !rest.contains("line one"), "{rest}");
    // A dry run uses no secret: what it prints may be for a program.
    let ran = project.run_with(&["p.yaml", "--dry-run", "--format", "json"], &variables).ends(0);
    assert!(ran.out.starts_with('[') && !ran.out.contains("line one"), "{}", ran.out);
    let ran = project.run_with(&["p.yaml"], &variables[..1]).ends(0);
    assert!(!ran.out.contains("add-mask"), "{}", ran.out);
}

#[test]
fn a_plan_that_contains_the_value_shows_it_nowhere() {
    let server = Misbehaving::start();
    for value in [KEY, "correct horse 'battery' staple"] {
        let project = keyed(&server, "{}");
        // In a name, in a request, in what is expected, and in a comment beside a mistake.
        let steps = format!(
            "  - name: \"With {value}\"\n    id: lit\n    POST: {}\n    text: \"x {value} y\"\n    \
             expect: {{text: {{contains: \"no {value}\"}}}}\n",
            server.url("/echo")
        );
        let mistake = format!("    expct: 1   # {value}\n");
        let plan = project.read("p.yaml");
        let key = [("API_KEY", value), ("RUST_BACKTRACE", "1"), ("RUST_LOG", "trace")];
        for text in [format!("{plan}{steps}"), format!("{plan}{steps}{mistake}")] {
            project.write("p.yaml", &text);
            for args in [
                &["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json", "--out", "run"][..],
                &["check", "p.yaml"],
                &["list", "p.yaml"],
                &["list", "p.yaml", "--format", "json"],
                &["curl", "p.yaml", "--step", "lit"],
                &["p.yaml", "--dry-run"],
            ] {
                let _ = std::fs::remove_dir_all(project.path("run"));
                let ran = project.run_with(args, &key).never_says(value);
                assert!([0, 1, 3].contains(&ran.code), "{ran:?}");
            }
            for file in ["log", "r.json", "run/events.jsonl"] {
                let text = std::fs::read_to_string(project.path(file)).unwrap_or_default();
                assert!(!text.contains(value), "{file}: {text}");
            }
        }
    }
}

#[test]
fn a_literal_secret_is_a_finding_that_does_not_repeat_it() {
    let project = Project::new();
    let literal = "hk_live_9876543210fedcba9876";
    project.plan(
        "p.yaml",
        &format!("  - GET: http://h\n    headers: {{Authorization: Bearer {literal}}}\n    atuh: none   # {literal}\n"),
    );
    for args in [&["p.yaml", "--report", "json=r.json"][..], &["check", "p.yaml"]] {
        project.run(args).ends(3).says("plan::literal-secret").says("atuh").never_says(literal);
    }
    assert!(!project.read("r.json").contains(literal));
    project.write("p.yaml", "plan: P\nsteps:\n  - GET: ${{ env.x }}\n");
    project.write(
        "environments/e.yaml",
        "environment: e\nvars: {x: \"http://h\"}\nsecrets: {api_key: {value: plain-hunter2}}\n",
    );
    project.run(&["check", "p.yaml", "-e", "e"]).ends(3).never_says("plain-hunter2");
}

#[test]
fn a_secret_in_a_url_a_template_error_and_a_refused_connection_stays_hidden() {
    let project = Project::new();
    project.write(
        "p.yaml",
        "plan: P\non_failure: continue\nsecrets: {api_key: {}}\nsteps:\n  - GET: \"http://127.0.0.1:1/a/${{ secrets.api_key }}?q=${{ secrets.api_key }}\"\n  \
         - GET: \"http://${{ secrets.api_key }}.invalid/\"\n    timeout: 2s\n  \
         - POST: http://127.0.0.1:1/\n    json: {n: \"${{ secrets.api_key | int }}\"}\n  \
         - {GET: \"http://127.0.0.1:1/\", headers: {X-A: \"a${{ secrets.api_key }}\"}}\n",
    );
    let key = "top-secret-value-77";
    let args = ["p.yaml", "-v", "--log-file", "log", "--report", "json=r.json"];
    project.run_with(&args, &[("API_KEY", key)]).ends(5).never_says(key);
    for text in [project.read("log"), project.read("r.json")] {
        assert!(!text.contains(key), "{text}");
    }
    let events: String = project.events().iter().map(ToString::to_string).collect();
    assert!(!events.contains(key));
}
