//! `--append-to FILE --marker NAME`: a section of a file that people write.

use crate::Project;
use crate::misbehaving::Misbehaving;

fn project(server: &Misbehaving) -> Project {
    Project::of(&format!(
        "  - {{name: Made, GET: \"{}\", expect: {{status: 201}}}}\n",
        server.url("/echo")
    ))
}

#[test]
fn a_live_run_and_a_stored_one_write_the_same_section_once() {
    let server = Misbehaving::start();
    let project = project(&server);
    let (before, after) = ("# Fixes\n\nby hand  \n", "\n## Open\n- one\n");
    project.write("FIXES.md", before);
    project.run(&["p.yaml", "--append-to", "FIXES.md", "--marker", "nightly"]).ends(1);
    let once = project.read("FIXES.md");
    assert!(
        once.starts_with(&format!("{before}\n<!-- planrun:nightly begin -->\n\n## ✗ failed")),
        "{once}"
    );
    assert!(
        once.contains("### What failed") && once.ends_with("\n<!-- planrun:nightly end -->\n"),
        "{once}"
    );
    project.write("FIXES.md", &format!("{once}{after}"));
    project.run(&["report", "--append-to", "FIXES.md", "--marker", "nightly"]).ends(0);
    assert_eq!(project.read("FIXES.md"), format!("{once}{after}"));
    // Another name is another section.
    project.run(&["report", "--append-to", "FIXES.md"]).ends(0);
    let both = project.read("FIXES.md");
    assert!(both.starts_with(&format!("{once}{after}\n<!-- planrun:report begin -->\n")), "{both}");
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let server = Misbehaving::start();
    let project = project(&server);
    project.run(&["p.yaml", "--append-to", "notes/FIXES.md"]).ends(1);
    assert!(project.read("notes/FIXES.md").starts_with("<!-- planrun:report begin -->\n"));
}

#[test]
fn a_broken_pair_of_comments_is_told_before_the_first_request_and_left_as_it_is() {
    let server = Misbehaving::start();
    let project = project(&server);
    let file = "# Fixes\n<!-- planrun:report begin -->\nby hand\n";
    project.write("FIXES.md", file);
    let ran = project
        .run(&["p.yaml", "--append-to", "FIXES.md", "--report", "json=r.json"])
        .ends(7)
        .says("line 2 has `<!-- planrun:report begin -->`")
        .says("`<!-- planrun:report end -->`: put that where the section ends")
        .says("no request was sent");
    assert_eq!(ran.err.matches("put that where").count(), 1, "{}", ran.err);
    assert_eq!(server.log().len(), 0);
    assert_eq!(project.read("FIXES.md"), file);
    assert_eq!(crate::json(&project.read("r.json"))["exit_code"], 7);
    // Mended, it works.
    project.write("FIXES.md", &format!("{file}<!-- planrun:report end -->\n"));
    project.run(&["p.yaml", "--append-to", "FIXES.md"]).ends(1);
    assert!(!project.read("FIXES.md").contains("by hand"));
    project.write("FIXES.md", file);
    project.run(&["report", "--append-to", "FIXES.md"]).ends(7).says("take line 2 out");
}

#[test]
fn a_marker_has_a_name_and_a_file() {
    let project = Project::of("  - GET: http://localhost:1/\n");
    project.run(&["p.yaml", "--append-to", "F.md", "--marker", "a -->"]).ends(2).says("is no name");
    project.run(&["p.yaml", "--marker", "a"]).ends(2).says("--append-to");
}

#[test]
fn the_file_keeps_its_mode_and_a_link_stays_a_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Misbehaving::start();
    let project = project(&server);
    project.write("docs/FIXES.md", "by hand\n");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(project.path("docs/FIXES.md"), mode(0o644)).expect("a mode");
    std::os::unix::fs::symlink("docs/FIXES.md", project.path("F.md")).expect("a link");
    project.run(&["p.yaml", "--append-to", "F.md"]).ends(1);
    assert!(project.path("F.md").is_symlink());
    assert!(project.read("docs/FIXES.md").starts_with("by hand\n\n<!-- planrun:report begin -->"));
    let kept = std::fs::metadata(project.path("docs/FIXES.md")).expect("a file").permissions();
    assert_eq!(kept.mode() & 0o777, 0o644);
}

#[test]
fn no_secret_stands_in_the_section_although_the_server_echoes_it() {
    let server = Misbehaving::start();
    let project = Project::new();
    project.write(
        "p.yaml",
        &format!(
            "plan: P\nsecrets: {{api_key: {{}}}}\nsteps:\n  - POST: {}\n    text: \"${{{{ secrets.api_key }}}}\"\n    expect: {{status: 201}}\n",
            server.url("/echo")
        ),
    );
    let args = ["p.yaml", "--append-to", "F.md"];
    project.run_with(&args, &[("API_KEY", "hk_live_12345678")]).ends(1);
    let file = project.read("F.md");
    assert!(file.contains("status") && !file.contains("hk_live_12345678"), "{file}");
}
