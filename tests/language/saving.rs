//! `save`: the body of a response in a file of the run's folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::bench::Bench;
use crate::scripted::{Reply, Scripted};

fn bench(server: &Scripted, steps: &str) -> Bench {
    let url = server.url();
    Bench::plan(&format!("plan: P\ndefaults: {{base_url: {url}}}\nsteps:\n{steps}"))
        .with(&["--out", "run"])
}

/// What was saved, by its path in the folder, sorted.
fn saved(bench: &Bench) -> Vec<(String, String)> {
    let root = bench.path("run/saved");
    let mut folders = vec![root.clone()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        assert_eq!(
            std::fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777,
            0o700
        );
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    let read = |path: &PathBuf| {
        assert_eq!(std::fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
        let name = path.strip_prefix(&root).expect("below it").display().to_string();
        (name, std::fs::read_to_string(path).expect("text"))
    };
    found.iter().map(read).collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn names(bench: &Bench) -> Vec<String> {
    saved(bench).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_body_is_kept_whole_also_where_an_assertion_fails() {
    let server = Scripted::start(|seen, _| Reply::plain(200, seen.path()));
    let steps = "  - {GET: /a, save: reports/a.txt, expect: {text: b}}\n";
    let bench = bench(&server, steps).with(&["-v"]);
    let ran = bench.run().exits(1);
    assert_eq!(saved(&bench), [("reports/a.txt".to_owned(), "/a".to_owned())]);
    let response = &ran.step(0)["attempts"][0]["exchange"]["response"];
    assert_eq!(response["saved"], "saved/reports/a.txt");
    ran.says("(saved as saved/reports/a.txt in the folder of the run)");
}

#[test]
fn cases_samples_attempts_and_steps_never_share_a_file() {
    let server = Scripted::start(|seen, number| {
        Reply::plain(if seen.path() == "/again" && number < 1 { 503 } else { 200 }, seen.path())
    });
    let steps = "  - {GET: /again, save: a.txt, retry: {times: 1, delay: 1ms}}
  - {GET: '/case/${{ case.n }}', save: a.txt, matrix: {n: [x/y, 2]}}
  - {GET: /twice, save: a.txt, repeat: 2}
  - {GET: /same, save: a.txt}
";
    let bench = bench(&server, steps);
    bench.run().exits(0);
    // `a-2.txt` is the case `2`; the last step found its name taken, and the next one too.
    let expected = [
        "a-2.txt",
        "a-3.txt",
        "a-attempt-2.txt",
        "a-sample-1.txt",
        "a-sample-2.txt",
        "a-x_y.txt",
        "a.txt",
    ];
    assert_eq!(names(&bench), named(&expected));
}

#[test]
fn a_name_that_is_rendered_is_made_safe_and_a_literal_one_that_leaves_is_refused() {
    let server = Scripted::ok();
    for path in ["../a.txt", "/etc/passwd", "a/../../b", "a/", "''"] {
        let ran = bench(&server, &format!("  - {{GET: /a, save: {path}}}\n")).run().exits(3);
        assert!(ran.said.contains("plan::bad-value"), "{path}: {}", ran.said);
    }
    assert!(server.targets().is_empty());
    let steps = "  - {GET: /a, save: \"${{ '../../x' }}/\\e[31m${{ 'y' }}.txt\"}\n";
    let bench = bench(&server, steps);
    bench.run().exits(0);
    let names = names(&bench);
    assert!(names[0].starts_with("__/__/x/") && names[0].ends_with("y.txt"), "{names:?}");
    assert!(!names[0].contains('\u{1b}'), "{names:?}");
}

#[test]
fn a_body_with_a_secret_is_saved_as_it_came_with_a_warning() {
    let server = Scripted::start(|seen, _| Reply::plain(200, seen.header("x-key").unwrap_or("")));
    let plan = format!(
        "plan: P\nsecrets: {{api_key: {{}}}}\ndefaults: {{base_url: {}}}\nsteps:\n  - {{GET: /a, save: a.txt, headers: {{X-Key: \"${{{{ secrets.api_key }}}}\"}}}}\n  - {{GET: /b, save: b.txt}}\n",
        server.url()
    );
    let bench = Bench::plan(&plan).variable("API_KEY", "abcdefgh1234").with(&["--out", "run"]);
    let ran = bench.run().exits(0).says("step::saved-secret").says("saved/a.txt");
    assert!(
        !ran.said.contains("abcdefgh1234") && !ran.said.contains("saved/b.txt"),
        "{}",
        ran.said
    );
    assert_eq!(saved(&bench)[0].1, "abcdefgh1234");
}
