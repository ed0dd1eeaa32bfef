//! A folder with plans, the real binary, and what came of it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that a test fills and runs planrun in.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// What one run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// `--report json=`; null where there is none.
    pub(crate) report: Value,
    /// All that was printed.
    pub(crate) said: String,
}

impl Bench {
    /// A folder with `plan.yaml`; a project of its own, so that nothing above it counts.
    pub(crate) fn plan(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let it = Self { folder, arguments: Vec::new(), variables: Vec::new() };
        it.file("planrun.yaml", "project: Test\n").file("plan.yaml", text)
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// Where a file of the folder lies.
    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// An environment, chosen.
    pub(crate) fn environment(self, name: &str, text: &str) -> Self {
        self.file(&format!("environments/{name}.yaml"), text).with(&["-e", name])
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&a| a.to_owned()));
        self
    }

    /// A variable of the process.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn run(&self) -> Ran {
        self.run_path("plan.yaml")
    }

    /// The same with another path than that of the plan.
    pub(crate) fn run_path(&self, path: &str) -> Ran {
        let report = self.folder.path().join("report.json");
        let output = self
            .command()
            .arg(path)
            .args(&self.arguments)
            .arg("--report")
            .arg(format!("json={}", report.display()))
            .output()
            .expect("planrun runs");
        Ran::of(&output, &report)
    }

    /// `planrun` with these words before the arguments, in any order that a person may write.
    pub(crate) fn on(&self, words: &[&str]) -> Ran {
        let output =
            self.command().args(words).args(&self.arguments).output().expect("planrun runs");
        Ran::of(&output, Path::new(""))
    }

    /// A file of the folder.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).expect("a file")
    }

    /// `planrun check plan.yaml`.
    pub(crate) fn check(&self) -> Ran {
        let output = self
            .command()
            .args(["check", "plan.yaml"])
            .args(&self.arguments)
            .output()
            .expect("planrun runs");
        Ran::of(&output, Path::new(""))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planrun"));
        command.current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Ran {
    fn of(output: &Output, report: &Path) -> Self {
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let report = std::fs::read_to_string(report).ok();
        Self {
            code: output.status.code().expect("an exit code"),
            report: report
                .map(|text| serde_json::from_str(&text).expect("the report is JSON"))
                .unwrap_or_default(),
            said: said.concat(),
        }
    }

    /// Fails the test with all that was said unless the exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.said);
        self
    }

    /// A step by its number over the whole plan.
    #[track_caller]
    pub(crate) fn step(&self, number: usize) -> &Value {
        let step = &self.report["plans"][0]["steps"][number];
        assert!(step.is_object(), "no step {number}: {}", self.said);
        step
    }

    #[track_caller]
    pub(crate) fn verdicts(&self) -> Vec<&str> {
        let steps = self.report["plans"][0]["steps"].as_array().expect("steps");
        steps.iter().map(|step| step["verdict"].as_str().unwrap_or("?")).collect()
    }

    /// The assertions of a step's last attempt that failed, as `subject operator`.
    #[track_caller]
    pub(crate) fn failures(&self, number: usize) -> Vec<String> {
        let attempts = self.step(number)["attempts"].as_array().expect("attempts");
        let assertions = attempts.last().expect("an attempt")["assertions"].as_array();
        assertions
            .expect("assertions")
            .iter()
            .filter(|it| it["passed"] == false && it["severity"] != "warning")
            .map(|it| {
                let word = |key: &Value| key.as_str().unwrap_or("?").to_owned();
                format!("{} {}", word(&it["subject"]), word(&it["expected"]["operator"]))
            })
            .collect()
    }

    /// Fails the test unless this was said.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.said.contains(text), "`{text}` was not said:\n{}", self.said);
        self
    }
}
