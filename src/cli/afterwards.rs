//! The command line of what is asked of stored runs afterwards.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{Look, Selection, Values};

/// Options of `compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The earlier and the later run: a folder, an id or how it begins, `last` or `previous`;
    /// `previous last` where none is named. With two environments: plan files, or folders with plans
    #[arg(value_name = "RUN or PLAN")]
    pub(super) paths: Vec<PathBuf>,
    /// Counts a step as worse that is slower by more than this, as far as its samples show it
    #[arg(long, value_name = "PERCENT", help_heading = "Comparison")]
    pub(super) max_regression: Option<String>,
    /// Does not compare what stands at this path, or in this header: $.id, headers.Server
    #[arg(long, value_name = "PATH", requires = "environments", help_heading = "Comparison")]
    pub(super) ignore: Vec<String>,
    /// Compares the items of a list by a field, whatever their order: $.models=name
    #[arg(long, value_name = "PATH=FIELD", requires = "environments", help_heading = "Comparison")]
    pub(super) set_by: Vec<String>,
    /// Takes numbers as equal that are so close: $.score=0.01
    #[arg(
        long,
        value_name = "PATH=NUMBER",
        requires = "environments",
        help_heading = "Comparison"
    )]
    pub(super) within: Vec<String>,
    /// Replaces in texts, before they are compared, what fits a regular expression: node-\d+=node
    #[arg(long, value_name = "REGEX=TEXT", requires = "environments", help_heading = "Comparison")]
    pub(super) replace: Vec<String>,
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Sends requests that may write too, each several times
    #[arg(long, help_heading = "Run")]
    pub(super) allow_writes: bool,
    /// Starts the commands that an environment names for secrets and services
    #[arg(long, help_heading = "Run")]
    pub(super) allow_exec: bool,
    /// human, json or markdown
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: CompareFormat,
    #[command(flatten)]
    pub(super) look: Look,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CompareFormat {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
    /// For a comment, a wiki.
    Markdown,
}

/// Options of `bug-report`.
#[derive(Debug, Args)]
pub(super) struct BugReportArgs {
    /// The run and the step: a folder, an id or how it begins, `last` or `previous`, then `#` and the
    /// step's id, name or number; the first failure of the last run where none is named
    #[arg(value_name = "RUN#STEP")]
    pub(super) what: Option<String>,
    /// Writes a file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `coverage`.
#[derive(Debug, Args)]
pub(super) struct CoverageArgs {
    /// Stored runs: a folder, an id or how it begins, `last` or `previous`; the last one where none is
    /// named
    #[arg(value_name = "RUN")]
    pub(super) runs: Vec<PathBuf>,
    /// The checklist, a Markdown file; the project's `requirements` where none is named
    #[arg(long, value_name = "FILE")]
    pub(super) requirements: Option<PathBuf>,
    /// Tells what of the contracts was used, instead of requirements
    #[arg(long, conflicts_with_all = ["requirements", "fail_on_unevidenced"])]
    pub(super) contracts: bool,
    /// A file that takes what of the contracts is covered; ends with 1 where it holds more
    #[arg(long, value_name = "FILE", requires = "contracts")]
    pub(super) ratchet: Option<PathBuf>,
    /// Ends with 1 also where a requirement has no evidence, but for those of which the checklist
    /// says why no plan shows them
    #[arg(long)]
    pub(super) fail_on_unevidenced: bool,
    /// human, markdown or json; what the name of `--output` says where none is named
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(super) format: Option<CoverageFormat>,
    /// Writes a file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) look: Look,
}

/// How coverage is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CoverageFormat {
    /// For people, as a table.
    Human,
    /// For whoever has to show what was tested.
    Markdown,
    /// For programs.
    Json,
}
