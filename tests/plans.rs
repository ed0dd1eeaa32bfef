//! The plans and environments of this repository say nothing that planrun would complain about.

#![expect(clippy::expect_used, reason = "what is not as expected fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test reads the repository's own files")]

use std::path::{Path, PathBuf};

use planrun::source::{SourceSet, SourceText};

#[test]
fn every_plan_is_read_without_a_finding() {
    let files = [yaml_files("plans"), yaml_files("plans/flows")].concat();
    let plans: Vec<_> = files.iter().filter(|it| !it.ends_with("planrun.yaml")).collect();
    assert!(plans.len() >= 5, "{plans:?}");
    for file in plans {
        let source = source(file);
        let (plan, findings) = planrun::plan::parse(&source);
        assert!(plan.is_some() && findings.is_empty(), "{}: {findings:#?}", file.display());
    }
}

#[test]
fn every_environment_is_read_without_a_finding() {
    let files = yaml_files("plans/environments");
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let source = source(&file);
        let (environment, findings) = planrun::environment::parse(&source);
        let name = environment.map(|environment| environment.name.value);
        assert_eq!(name.as_deref(), file.file_stem().and_then(|stem| stem.to_str()));
        assert!(findings.is_empty(), "{}: {findings:#?}", file.display());
    }
}

#[test]
fn the_project_file_is_read_without_a_finding() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/planrun.yaml");
    let (project, findings) = planrun::plan::parse_project(&source(&file));
    assert!(project.is_some() && findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_misspelt_key_would_be_found() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/health.yaml");
    let text = std::fs::read_to_string(file).expect("a plan").replace("expect:", "expcet:");
    let mut sources = SourceSet::default();
    let id = sources.add("health.yaml", text);
    let (_, findings) = planrun::plan::parse(sources.get(id).expect("it was added"));
    assert!(!findings.is_empty());
}

fn source(file: &Path) -> SourceText {
    let text = std::fs::read_to_string(file).expect("a file of the repository");
    let mut sources = SourceSet::default();
    let id = sources.add(file.display().to_string(), text);
    sources.get(id).expect("it was added").clone()
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files
}
