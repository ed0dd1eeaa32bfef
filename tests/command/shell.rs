//! What the shell and `man` are told, and what is said of words that are no commands.

use std::process::Command;

use crate::Project;

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];
const COMMANDS: [&str; 10] =
    ["run", "check", "list", "vars", "explain", "curl", "demo", "completions", "man", "schema"];

#[test]
fn every_shell_learns_every_command_and_every_option() {
    let project = Project::new();
    for shell in SHELLS {
        let script = project.run(&["completions", shell]).ends(0).out;
        for word in
            COMMANDS.into_iter().chain(["last-failed", "fail-on-flaky", "until", "file-root"])
        {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("report") || !script.contains("import"), "not built yet: {shell}");
    }
    project.run(&["completions", "bsh"]).ends(2).says("'bash'");
    project.run(&["completions"]).ends(2).says("SHELL");
}

/// What bash offers for the last of these words.
fn completed(words: &[&str]) -> Vec<String> {
    let project = Project::new();
    project.write("planrun.bash", &project.run(&["completions", "bash"]).ends(0).out);
    let script = format!(
        "source ./planrun.bash; COMP_WORDS=({}); COMP_CWORD={}; _planrun planrun '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1,
        words.last().copied().unwrap_or_default(),
        words.iter().rev().nth(1).copied().unwrap_or_default(),
    );
    let bash = Command::new("bash").args(["-c", &script]).current_dir(project.path("")).output();
    let bash = bash.expect("bash");
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    String::from_utf8_lossy(&bash.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(completed(&["planrun", "ch"]), ["check"]);
    assert_eq!(completed(&["planrun", "--last"]), ["--last-failed"]);
    assert_eq!(completed(&["planrun", "check", "--stri"]), ["--strict"]);
    assert_eq!(completed(&["planrun", "list", "--format", "j"]), ["json"]);
    assert_eq!(completed(&["planrun", "sch"]), ["schema"]);
    assert_eq!(completed(&["planrun", "schema", "env"]), ["environment"]);
    assert_eq!(completed(&["planrun", "--zzz"]), [""]);
}

#[test]
fn the_manual_has_a_page_for_everything() {
    let project = Project::new();
    let page = project.run(&["man"]).ends(0).out;
    assert!(page.contains(".TH planrun 1"), "{page}");
    for words in
        ["\\-\\-deadline", "Ends the run after this time", "Exit codes", "planrun\\-check(1)"]
    {
        assert!(page.contains(words), "`{words}` in {page}");
    }
    for command in COMMANDS {
        let page = project.run(&["man", command]).ends(0).out;
        assert!(page.contains(&format!(".TH planrun-{command} 1")), "{page}");
        assert!(page.lines().count() > 10, "{page}");
    }
    project.run(&["man", "chek"]).ends(2).says("did you mean `check`?");
}

#[test]
fn a_schema_is_printed_for_each_kind_of_file_and_for_no_other() {
    let project = Project::new();
    for (kind, key) in [("plan", "steps"), ("environment", "services"), ("project", "hints")] {
        let schema = crate::json(&project.run(&["schema", kind]).ends(0).out);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert!(schema["properties"][kind].is_object(), "{kind}");
        assert!(schema["properties"][key]["description"].is_string(), "{kind}: {key}");
        assert_eq!(schema["additionalProperties"], false, "{kind}");
    }
    project.run(&["schema"]).ends(2).says("KIND");
    project.run(&["schema", "pln"]).ends(2).says("'plan'");
    project.run(&["schem", "plan"]).ends(2).says("did you mean the command `planrun schema`?");
    let page = project.run(&["man", "schema"]).ends(0).out;
    assert!(page.contains("environment") && page.contains("yaml\\-language\\-server"), "{page}");
}

#[test]
fn a_word_that_is_no_command_is_told_which_one_is_near() {
    let project = Project::new();
    project.write("plans/p.yaml", "plan: P\nsteps:\n  - GET: http://127.0.0.1:1\n");
    let table: [(&[&str], &str); 9] = [
        (&["chek", "plans"], "did you mean the command `planrun check`?"),
        (&["lst", "plans", "--format", "json"], "did you mean `planrun list`?"),
        (&["explian", "plan::empty"], "did you mean the command `planrun explain`?"),
        (&["crul", "plans/p.yaml", "--stepp", "x"], "did you mean `planrun curl`?"),
        (&["completion", "bash"], "did you mean the command `planrun completions`?"),
        (&["help", "chek"], "did you mean `planrun help check`?"),
        (&["plans", "--tags", "smoke"], "'--tag'"),
        (&["plans", "--last-faild"], "'--last-failed'"),
        (&["check", "plans", "--strct"], "'--strict'"),
    ];
    for (args, words) in table {
        let ran = project.run(args).ends(2).says(words);
        assert!(ran.out.is_empty(), "{ran:?}");
    }
    // Where there is such a path, it is one.
    project.plan("chek", "  - GET: http://127.0.0.1:1\n");
    project.run(&["chek", "--strct"]).ends(2).says("'--strict'");
}

#[test]
fn a_command_that_is_not_built_says_so_and_what_there_is_instead() {
    let project = Project::new();
    project
        .run(&["import", "curl", "--anything"])
        .ends(2)
        .says("`planrun import` is not built yet");
    project.run(&["./import"]).ends(2).says("there is no file or folder");
}

#[test]
fn the_help_on_help_is_the_help_and_its_other_words_are_none() {
    let project = Project::new();
    let help = project.run(&["help"]).ends(0).out;
    for words in [["help", "--help"], ["help", "-h"]] {
        assert_eq!(project.run(&words).ends(0).out, help);
    }
    project.run(&["help", "--halp"]).ends(2);
}
