//! The book says what is true: its plans are checked, its commands are run in the order of the page,
//! and what it shows of their output is what they say.
//!
//! The pages of a part share one folder, which begins as the tour's project. What a block is, is said by
//! its info string and by the comments before it:
//!
//! - `yaml`: a plan, an environment, a project, steps, or keys of a step or plan; it is checked.
//!   `yaml,expect`, `yaml,capture`: what stands under that key. `yml`: not ours, it only has to parse.
//! - `console`: each `$ planrun …` is run; what stands below it is compared, and a line `…` stands
//!   for any lines. `<!-- exit: 1 -->` says how it ends.
//! - `<!-- file: PATH -->`: the block is written there first. `<!-- run -->`: a whole plan passes on
//!   the built-in registry. `<!-- finds: CODE -->`: the check finds this.
//!
//! `PLANRUN_BLESS=1 cargo test --test book` writes the outputs of today into the pages.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

#[path = "support/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use pages::{Block, around, blocks, essence, names, pages_in, read, root, run, text};
use planrun::plan::keys;
use planrun::predicate::Operator;
use planrun::query::Filter;
use regex::Regex;
use tempfile::TempDir;

#[test]
fn what_the_tutorial_shows_is_so() {
    pages_are_true("tutorial");
}

#[test]
fn what_the_reference_shows_is_so() {
    pages_are_true("reference");
}

#[test]
fn what_the_cookbook_shows_is_so() {
    pages_are_true("cookbook");
}

#[test]
fn what_those_who_come_from_elsewhere_are_shown_is_so() {
    pages_are_true("coming-from");
}

#[test]
fn what_stands_beside_another_tools_words_is_of_the_language() {
    let project = project();
    write(&project, "users.csv", "name\nada\n");
    let mut wrong = String::new();
    let mut seen = 0;
    for page in pages_in("docs/src").iter().filter(|page| page.contains("/coming-from/")) {
        for (line, part) in ours(&read(page)) {
            let key = part.split([':', '[', ' ']).next().unwrap_or_default();
            let is_expected = part.starts_with('$') || keys::EXPECT.iter().any(|it| it.name == key);
            let place = is_expected.then_some("expect");
            write(&project, "page.yaml", &around(&format!("{part}\n"), place));
            write(&project, "environments/page.yaml", "environment: page\n");
            let said = text(&run(project.path(), "planrun check page.yaml -e page"));
            // Of the language, though a page of fragments does not define every name, nor use it, and
            // a fragment alone may say little.
            let said = ["[plan::undefined-name]", "[plan::unused]", "[plan::never-fails]"]
                .iter()
                .fold(said, |said, code| said.replace(code, ""));
            if said.contains("::") {
                let _ = writeln!(wrong, "---- {page}:{line}\n{part}\n{said}");
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen >= 25, "only {seen} parts");
}

/// The parts of plans in the right column of a page's tables, with their lines.
fn ours(page: &str) -> Vec<(usize, String)> {
    let known: Vec<&str> = [keys::REQUEST, keys::OPTIONS, keys::STEP, keys::EXPECT]
        .into_iter()
        .flatten()
        .filter(|key| key.built)
        .map(|key| key.name)
        .collect();
    let mut parts = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let Some(cell) = line.strip_prefix("| ").and_then(|line| line.split(" | ").nth(1)) else {
            continue;
        };
        for part in cell.trim_end_matches(" |").split('`').skip(1).step_by(2) {
            let begins = part.split_once(": ").map(|(key, _)| key);
            let is_ours = begins.is_some_and(|key| key.starts_with('$') || known.contains(&key));
            if is_ours && !part.contains('…') && !part.contains("schema:") {
                parts.push((index + 1, part.to_owned()));
            }
        }
    }
    parts
}

#[test]
fn every_block_of_the_book_is_of_a_kind_that_is_tested() {
    let kinds = [
        "yaml",
        "yaml,expect",
        "yaml,capture",
        "yml",
        "console",
        "text",
        "json",
        "csv",
        "js",
        "http",
        "hurl",
        "sh",
    ];
    for page in pages_in("docs/src") {
        for block in blocks(&read(&page)) {
            assert!(
                kinds.contains(&block.language.as_str()),
                "{page}:{}: `{}` is not looked at by any test",
                block.line,
                block.language
            );
        }
    }
}

#[test]
fn every_page_is_in_the_table_of_contents_and_every_link_leads_somewhere() {
    let summary = names(r"\]\(([^)]+)\)", &read("docs/src/SUMMARY.md"));
    let there: BTreeSet<String> = pages_in("docs/src")
        .iter()
        .map(|page| page.trim_start_matches("docs/src/").to_owned())
        .filter(|page| page != "SUMMARY.md")
        .collect();
    assert_eq!(summary, there);

    let link = Regex::new(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)").expect("a regular expression");
    for page in pages_in("docs/src") {
        let folder = root().join(&page).parent().expect("a folder").to_owned();
        let text = without_blocks(&read(&page));
        for found in link.captures_iter(&text) {
            let (path, anchor) = (found.get(1).map_or("", |it| it.as_str()), found.get(2));
            let target = if path.is_empty() { root().join(&page) } else { folder.join(path) };
            assert!(target.exists(), "{page} links to `{path}`, which is not there");
            if let Some(anchor) = anchor {
                let target = fs::read_to_string(target).expect("a page");
                assert!(
                    anchors(&target).contains(anchor.as_str()),
                    "{page} links to `{path}#{}`, which is not there",
                    anchor.as_str()
                );
            }
        }
    }
}

#[test]
fn the_first_page_and_those_of_the_parts_lead_to_every_other_one() {
    let link = Regex::new(r"\]\(([^)#:\s]+)(?:#([^)\s]+))?\)").expect("a regular expression");
    let leads_to = |page: &str, target: &str, anchor: Option<&str>| {
        link.captures_iter(&without_blocks(&read(page)))
            .any(|found| &found[1] == target && found.get(2).map(|it| it.as_str()) == anchor)
    };
    // What mdBook shows first is a copy of the first page at the top: its links hold only there.
    let first = link.captures(&read("docs/src/SUMMARY.md")).map(|found| found[1].to_owned());
    assert_eq!(first.as_deref(), Some("index.md"));
    let mut missing = String::new();
    for page in pages_in("docs/src") {
        let below = page.trim_start_matches("docs/src/");
        let Some((part, name)) = below.split_once('/') else { continue };
        let index = format!("docs/src/{part}/index.md");
        if name == "index.md" && !leads_to("docs/src/index.md", below, None) {
            let _ = writeln!(missing, "docs/src/index.md does not lead to {below}");
        }
        if name == "index.md" || !root().join(&index).exists() {
            continue;
        }
        let whole = leads_to(&index, name, None);
        let recipes = anchors_of(&read(&page), "## ");
        let each = recipes.iter().all(|recipe| leads_to(&index, name, Some(recipe)));
        if !whole && !each {
            let _ = writeln!(missing, "{index} does not lead to {name}, or not to all of it");
        }
    }
    assert!(missing.is_empty(), "{missing}");
    assert!(!leads_to("docs/src/index.md", "reference/nothing.md", None));
}

#[test]
fn a_mistake_on_a_page_would_be_found() {
    let wrong = [
        "```yaml\n- GET: /health\n  expcet: {status: 200}\n```\n",
        "```yaml,expect\n$.a: {equls: 1}\n```\n",
        "<!-- finds: plan::cycle -->\n```yaml\nplan: Fine\nsteps:\n  - GET: http://127.0.0.1:1/\n```\n",
        "<!-- run -->\n```yaml\nplan: Fails\nsteps:\n  - GET: ${{ env.registry_url }}/nope\n```\n",
        "```console\n$ planrun explain no::code\n```\n",
        "```console\n$ planrun explain plan::cycle\nsomething else\n```\n",
        "```yml\n{ no yaml\n```\n",
    ];
    for page in wrong {
        assert!(!mistakes("page.md", page, &project()).0.is_empty(), "{page}");
    }
    let right = [
        "```yaml\n- GET: /health\n```\n",
        "```yaml,expect\n$.a: {equals: 1}\n```\n",
        "```console\n$ planrun explain plan::cycle\n…\nRepair: break the circle at one of the marked places.\n```\n",
    ];
    for page in right {
        let (mistakes, _) = mistakes("page.md", page, &project());
        assert!(mistakes.is_empty(), "{mistakes}");
    }
}

#[test]
fn the_reference_has_a_row_for_every_word_of_the_language() {
    let mut missing = String::new();
    let mut ask = |page: &str, words: &[&str]| {
        let text = read(&format!("docs/src/reference/{page}.md"));
        for word in words {
            let row = |line: &str| {
                let cell = line.strip_prefix("| ").and_then(|line| line.split(" | ").next());
                cell.is_some_and(|cell| {
                    cell.split('`').any(|it| it.split([' ', '(']).next() == Some(*word))
                })
            };
            if !text.lines().any(row) {
                let _ = writeln!(missing, "docs/src/reference/{page}.md has no row for `{word}`");
            }
        }
    };
    let tables = [
        ("plan", vec![keys::PLAN, keys::DEFAULTS_ONLY, keys::SECRET, keys::HINT, keys::HINTS]),
        (
            "steps",
            vec![
                keys::METHODS,
                keys::STEP,
                keys::REQUEST,
                keys::OPTIONS,
                keys::AUTH,
                keys::BASIC,
                keys::API_KEY,
                keys::OAUTH2,
                keys::TLS,
                keys::POLL,
                keys::RETRY,
                keys::PART,
                keys::GENERATE,
                keys::GRAPHQL,
            ],
        ),
        ("taps", vec![keys::TAP, keys::HOPS, keys::HOP]),
        (
            "expect",
            vec![
                keys::EXPECT,
                keys::ROUTED,
                keys::HOPS,
                keys::OUTCOMES,
                keys::WARN_ONLY,
                keys::CLOSE_TO,
            ],
        ),
        ("capture", vec![keys::CAPTURE]),
        ("contracts", vec![keys::CONTRACT, keys::CONTRACT_IGNORE]),
        ("samples", vec![keys::ROWS, keys::EXPECT_ALL, keys::EQUAL_ROUTES]),
        (
            "environments",
            vec![
                keys::ENVIRONMENT,
                keys::ENVIRONMENT_DEFAULTS_ONLY,
                keys::SECRET_SOURCE,
                keys::SERVICE,
                keys::PROJECT,
            ],
        ),
    ];
    // What stands under a key that this version refuses, and `hints`, which the page of plans has.
    let elsewhere = [keys::LOAD, keys::STAGE, keys::BASELINE, keys::STATISTICS, keys::HINTS_FILE];
    for table in keys::ALL {
        let is_asked = tables.iter().any(|(_, asked)| asked.contains(table));
        assert!(is_asked || elsewhere.contains(table), "no page is asked for {table:#?}");
    }
    for (page, tables) in tables {
        ask(page, &tables.into_iter().flatten().map(|key| key.name).collect::<Vec<_>>());
    }
    ask("expect", &Operator::ALL.iter().map(|operator| operator.as_str()).collect::<Vec<_>>());
    ask("time", &["dns", "connect", "tls", "send", "wait", "receive", "total"]);
    ask("templates", keys::RESERVED);
    ask("capture", Filter::WORDS);
    ask("causes", &planrun::diagnose::rules().map(|rule| rule.name).collect::<Vec<_>>());
    ask("templates", &planrun::template::words().collect::<Vec<_>>());
    let help = text(&run(&root(), "planrun help run"));
    let options = names(r"(?m)^ +(?:-\w, )?(--[a-z-]+)", &help);
    assert!(options.len() > 20, "{options:?}");
    let options: Vec<&str> =
        options.iter().map(String::as_str).filter(|option| *option != "--help").collect();
    ask("command", &options);
    let manual = text(&run(&root(), "planrun man"));
    let commands = names(r"planrun\\-(\w+)\(1\)", &manual);
    assert!(commands.len() >= 9, "{commands:?}");
    let page = read("docs/src/reference/command.md");
    for command in commands.iter().filter(|command| *command != "help") {
        if !page.contains(&format!("| `planrun {command}")) {
            let _ = writeln!(missing, "docs/src/reference/command.md has no row for `{command}`");
        }
    }
    assert!(missing.is_empty(), "{missing}");
}

/// Fails with every mistake of the pages of one part.
fn pages_are_true(part: &str) {
    let mut wrong = String::new();
    let mut seen = 0;
    let project = project();
    for page in pages_in("docs/src") {
        if !page.trim_start_matches("docs/src/").starts_with(part) {
            continue;
        }
        let text = read(&page);
        let (mistakes, blessed) = mistakes(&page, &text, &project);
        if blessed != text && std::env::var_os("PLANRUN_BLESS").is_some() {
            fs::write(root().join(&page), blessed).expect("the page can be written");
        }
        wrong.push_str(&mistakes);
        seen += blocks(&text).len();
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nPLANRUN_BLESS=1 writes the outputs of today into the pages"
    );
    assert!(seen > 3, "only {seen} blocks");
}

/// What is wrong on a page, and the page with the outputs of today.
fn mistakes(page: &str, page_text: &str, project: &TempDir) -> (String, String) {
    let mut wrong = String::new();
    let mut blessed: Vec<String> = page_text.lines().map(str::to_owned).collect();
    // From the end, so that a blessed block does not move the lines of those before it.
    let mut outputs = Vec::new();
    for block in blocks(page_text) {
        if let Some(file) = block.mark("file") {
            write(project, file, &block.text);
        }
        let (language, place) = match block.language.split_once(',') {
            Some((language, place)) => (language, Some(place)),
            None => (block.language.as_str(), None),
        };
        let found = match language {
            "yaml" => checked(project, &block, place),
            "yml" => serde_yaml::from_str::<serde_yaml::Value>(&block.text)
                .err()
                .map(|error| error.to_string()),
            "json" => serde_json::from_str::<serde_json::Value>(&block.text)
                .err()
                .map(|error| error.to_string()),
            "console" => {
                let (found, now) = shown(project, &block);
                outputs.push((block.clone(), now));
                found
            }
            _ => None,
        };
        if let Some(found) = found {
            let _ = writeln!(wrong, "---- {page}:{}\n{found}\n", block.line);
        }
    }
    for (block, now) in outputs.into_iter().rev() {
        let end = block.line + block.text.lines().count();
        blessed.splice(block.line..end, now.lines().map(str::to_owned));
    }
    (wrong, blessed.join("\n") + "\n")
}

/// What is wrong with a block of the plan language.
fn checked(project: &TempDir, block: &Block, place: Option<&str>) -> Option<String> {
    let first = block.text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    if block.text.contains("include_only: true") {
        // It is checked with the plan that includes it, which gives it its inputs.
        return block.mark("file").is_none().then(|| "nobody can include this".to_owned());
    }
    let command = match first.split_once(':') {
        Some(("plan", _)) if block.mark("run").is_some() => {
            let file = block.mark("file").unwrap_or("page.yaml");
            write(project, file, &block.text);
            let output = run(project.path(), &format!("planrun {file} -e demo"));
            return (output.status.code() != Some(0)).then(|| text(&output));
        }
        Some(("plan", _)) => {
            let file = block.mark("file").unwrap_or("page.yaml");
            write(project, file, &block.text);
            format!("planrun check {file} -e page")
        }
        Some(("environment", name)) => {
            write(project, &format!("environments/{}.yaml", name.trim()), &block.text);
            write(project, "page.yaml", "plan: Any\nsteps:\n  - GET: http://127.0.0.1:1/\n");
            format!("planrun check page.yaml -e {}", name.trim())
        }
        Some(("project", _)) => {
            write(project, "inner/planrun.yaml", &block.text);
            for name in names("default_environment: ([a-z-]+)", &block.text) {
                let text = format!("environment: {name}\n");
                write(project, &format!("inner/environments/{name}.yaml"), &text);
            }
            write(project, "inner/page.yaml", "plan: Any\nsteps:\n  - GET: http://127.0.0.1:1/\n");
            "planrun check inner/page.yaml".to_owned()
        }
        Some(_) | None => {
            write(project, "page.yaml", &around(&block.text, place));
            "planrun check page.yaml -e page".to_owned()
        }
    };
    let mut environment = String::from("environment: page\nvars:\n  any: any\n");
    for name in names(r"\benv\.([a-z_][a-z0-9_]*)", &block.text) {
        let _ = writeln!(environment, "  {name}: http://127.0.0.1:1");
    }
    write(project, "environments/page.yaml", &environment);
    let output = run(project.path(), &command);
    let mut said = text(&output);
    // A fragment need not use what it captures.
    if !first.starts_with("plan:") && block.mark("finds").is_none() {
        said = said.replace("[plan::unused]", "");
    }
    let fine = match block.mark("finds") {
        Some(code) => said.contains(&format!("[{code}]")),
        None => output.status.success() && !said.contains("::"),
    };
    (!fine).then(|| format!("{}\n{said}", block.text))
}

/// What is wrong with the commands of a block, and the block as it would be today.
fn shown(project: &TempDir, block: &Block) -> (Option<String>, String) {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command, String::new()));
        } else if let Some((_, output)) = commands.last_mut() {
            let _ = writeln!(output, "{line}");
        }
    }
    let mut wrong = String::new();
    let mut today = String::new();
    let codes: Vec<&str> = block.mark("exit").unwrap_or("0").split(' ').collect();
    for (index, (command, shown)) in commands.into_iter().enumerate() {
        // As at a terminal: both streams in the order in which they were written.
        let output = run(project.path(), &format!("{{ {command}\n}} 2>&1"));
        let now = text(&output);
        let due = codes.get(index).or(codes.last()).copied().unwrap_or("0");
        if output.status.code().map(|code| code.to_string()).as_deref() != Some(due) {
            let _ =
                writeln!(wrong, "$ {command}\nexit {:?}, not {due}\n{now}", output.status.code());
        }
        let _ = writeln!(today, "$ {command}");
        if shown.is_empty() || matches(&shown, &now) {
            today.push_str(&shown);
        } else {
            let _ = writeln!(wrong, "$ {command}\nsays now:\n{now}");
            today.push_str(&blessed(&shown, &now));
        }
    }
    let wrong = (!wrong.is_empty()).then_some(wrong);
    (wrong, today)
}

/// Whether an output is as shown; a line `…` stands for any lines.
fn matches(shown: &str, now: &str) -> bool {
    let parts: Vec<String> = shown
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .split(|line| line.trim() == "…")
        .map(|lines| essence(&lines.concat()))
        .collect();
    let now = essence(now);
    let Some((first, rest)) = parts.split_first() else { return false };
    if rest.is_empty() {
        return *first == now;
    }
    let Some(mut left) = now.strip_prefix(first.as_str()) else { return false };
    for (index, part) in rest.iter().enumerate() {
        let at = if index + 1 == rest.len() {
            left.ends_with(part.as_str()).then(|| left.len() - part.len())
        } else {
            left.find(part.as_str())
        };
        let Some(at) = at else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// The output of today; where the page leaves lines out, a person has to choose them again.
fn blessed(shown: &str, now: &str) -> String {
    let kept = shown.lines().any(|line| line.trim() == "…") && shown.lines().count() > 1;
    if kept { shown.to_owned() } else { format!("{}\n", now.trim_end()) }
}

/// A folder as the tour has it.
fn project() -> TempDir {
    let project = tempfile::tempdir().expect("a temporary folder");
    for folder in ["", "environments"] {
        for entry in fs::read_dir(root().join("examples").join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_file() && (name == "planrun.yaml" || !folder.is_empty()) {
                let text = fs::read_to_string(&path).expect("a file of the tour");
                write(&project, &format!("{folder}/{name}"), &text);
            }
        }
    }
    project
}

fn write(project: &TempDir, file: &str, text: &str) {
    let path = project.path().join(file.trim_start_matches('/'));
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("the project can be written");
}

/// The places that a link can lead to, as mdBook and forges name them.
fn anchors(page: &str) -> BTreeSet<String> {
    anchors_of(page, "#")
}

/// Those of the titles that begin so.
fn anchors_of(page: &str, begin: &str) -> BTreeSet<String> {
    without_blocks(page)
        .lines()
        .filter_map(|line| line.strip_prefix(begin))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| {
            title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

fn without_blocks(page: &str) -> String {
    let mut inside = false;
    page.lines().fold(String::new(), |mut text, line| {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            let _ = writeln!(text, "{line}");
        }
        text
    })
}
