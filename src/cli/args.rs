//! The command line: what can be said, and how it is explained.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::afterwards::{BugReportArgs, CompareArgs, CoverageArgs};
use super::help::{self, HELP};

/// Runs API test plans and points at the line that failed.
#[derive(Debug, Parser)]
#[command(
    name = "planrun",
    version,
    about = "Runs API test plans written in YAML and points at the line that failed",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = false,
    override_usage = "planrun [OPTIONS] PATH…\n       planrun COMMAND …",
    override_help = HELP,
    max_term_width = 80
)]
pub(super) struct Cli {
    /// The command; `run` where none is named.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// What `run` takes, for use without its name.
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs plans (the default)
    #[command(after_help = help::RUN_HELP)]
    Run(Box<RunArgs>),
    /// Checks plans without sending anything
    #[command(after_help = help::CHECK_HELP)]
    Check(CheckArgs),
    /// Lists plans and their steps
    #[command(after_help = help::LIST_HELP)]
    List(ListArgs),
    /// Shows the values of variables and secrets, and where each comes from
    #[command(after_help = help::VARS_HELP)]
    Vars(VarsArgs),
    /// Examines what plans need, layer by layer: secrets, names, connections, TLS, HTTP, keys
    #[command(after_help = help::DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Explains a code such as `plan::unknown-key`
    #[command(after_help = help::EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// Prints a step's request as one curl command, secrets as variables
    #[command(after_help = help::CURL_HELP)]
    Curl(CurlArgs),
    /// Tells a stored run again: on the terminal, or as reports
    #[command(after_help = help::REPORT_HELP)]
    Report(ReportArgs),
    /// Compares two stored runs, or the same plans on two environments
    #[command(after_help = help::COMPARE_HELP)]
    Compare(CompareArgs),
    /// Writes the bug report of a step that did not pass
    #[command(after_help = help::BUG_REPORT_HELP)]
    BugReport(BugReportArgs),
    /// Tells which requirements of a checklist have evidence in stored runs
    #[command(after_help = help::COVERAGE_HELP)]
    Coverage(CoverageArgs),
    /// Prints the completions of a shell
    #[command(after_help = help::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Prints the manual page: `planrun man | man -l -`
    #[command(after_help = help::MAN_HELP)]
    Man(ManArgs),
    /// Prints the JSON Schema with which editors complete and check a kind of file
    #[command(after_help = help::SCHEMA_HELP)]
    Schema(SchemaArgs),
    /// Serves the built-in demo registry until it is interrupted
    #[cfg(feature = "demo")]
    #[command(after_help = help::DEMO_HELP)]
    Demo(DemoArgs),
}

/// Where values come from; the same for every command that reads plans.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Values")]
pub(super) struct Values {
    /// Environment to run on: environments/ENV.yaml beside the plan or above it; `check` takes
    /// several, or `all`
    #[arg(short = 'e', long = "env", value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Sets a variable: NAME=VALUE, or env.NAME=VALUE for one of the environment
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(super) vars: Vec<String>,
    /// Gives a secret: NAME=@FILE or NAME=env:VARIABLE
    #[arg(long = "secret", value_name = "NAME=SOURCE")]
    pub(super) secrets: Vec<String>,
    /// Allows plans to read files below this folder too
    #[arg(long = "file-root", value_name = "DIR", hide_short_help = true)]
    pub(super) file_roots: Vec<PathBuf>,
    /// Treats every warning as an error
    #[arg(long)]
    pub(super) strict: bool,
    /// What `check` asks for beside them: whether the plans and a checklist agree.
    #[arg(skip)]
    pub(super) requirements: Requirements,
}

/// How plans are compared with a checklist of requirements.
#[derive(Debug, Clone, Default)]
pub(super) enum Requirements {
    /// What they cover must stand in the checklist of their project.
    #[default]
    Known,
    /// Also, each requirement of a project that is checked as a whole must be covered.
    Covered,
    /// The same with this checklist.
    Given(PathBuf),
}

/// Which steps are meant.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Selection")]
pub(super) struct Selection {
    /// Only plans with this tag, or without it: '!TAG'; may be repeated
    #[arg(short = 't', long = "tag", value_name = "TAG")]
    pub(super) tags: Vec<String>,
    /// Only steps of which this is true: 'tag(smoke) and not step(/upload/)'
    #[arg(short = 'E', long = "filter", value_name = "FILTER")]
    pub(super) filters: Vec<String>,
    /// Only this step, with setup, cleanup and what it needs; may be repeated
    #[arg(long = "step", value_name = "ID")]
    pub(super) steps: Vec<String>,
    /// Up to and with this step; cleanup follows
    #[arg(long = "until", value_name = "ID", conflicts_with = "steps")]
    pub(super) until: Option<String>,
    /// Only what did not pass in the last stored run, with setup, cleanup and what it needs
    #[arg(long = "last-failed")]
    pub(super) last_failed: bool,
}

/// How output looks.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Output")]
pub(super) struct Look {
    /// Colours: auto, always or never (`NO_COLOR` is honoured)
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_short_help = true)]
    pub(super) color: ColorWhen,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options of `run`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args, Clone, Default)]
pub(super) struct RunArgs {
    /// Plan files, or folders with plans under them
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// How many plans run at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Run")]
    pub(super) jobs: u16,
    /// Writes a report: html, junit, markdown, json, ctrf, har or github; `-` is standard output;
    /// may be repeated
    #[arg(long = "report", value_name = "FORMAT=PATH", help_heading = "Output")]
    pub(super) reports: Vec<String>,
    #[command(flatten)]
    pub(super) section: SectionArgs,
    #[command(flatten)]
    pub(super) notify: NotifyArgs,
    /// Folder for this run's record instead of .planrun/runs/…
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = "Output")]
    pub(super) out: Option<PathBuf>,
    /// Also writes what happens, line by line and masked, to a file
    #[arg(long = "log-file", value_name = "PATH", hide_short_help = true, help_heading = "Output")]
    pub(super) log_file: Option<PathBuf>,
    /// Ends the run after this time; cleanup follows
    #[arg(long, value_name = "TIME", hide_short_help = true, help_heading = "Run")]
    pub(super) deadline: Option<String>,
    /// Repeats the random values of an earlier run
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Run")]
    pub(super) seed: Option<u64>,
    /// Sends requests that may write also in a protected environment
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub(super) allow_writes: bool,
    /// Starts the commands that an environment names for secrets and services
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub(super) allow_exec: bool,
    /// Shows what would be sent, secrets masked, and sends nothing
    #[arg(long, help_heading = "Run")]
    pub(super) dry_run: bool,
    /// How --dry-run shows it: human or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "human",
        requires = "dry_run",
        hide_short_help = true,
        help_heading = "Run"
    )]
    pub(super) format: Format,
    /// Tries each request that may be repeated up to N more times; 0: none, whatever a plan says
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Run")]
    pub(super) retries: Option<u32>,
    /// Begins no other step once one has failed; cleanup follows
    #[arg(long, hide_short_help = true, conflicts_with = "max_fail", help_heading = "Run")]
    pub(super) fail_fast: bool,
    /// Begins no other step once N have failed; cleanup follows
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Run")]
    pub(super) max_fail: Option<u32>,
    /// Fails the run if a step passed only on a second try
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub(super) fail_on_flaky: bool,
    /// Shows requests and responses, masked
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
    /// Shows only failures and the verdict
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Who is told how a run ended.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Output")]
pub(super) struct NotifyArgs {
    /// Tells a chat: webhook=env:VARIABLE, a variable that holds the webhook's URL; may be repeated
    #[arg(long, value_name = "webhook=env:VARIABLE", hide_short_help = true)]
    pub(super) notify: Vec<String>,
    /// When: failure (the default), change (another verdict than the last run), always
    #[arg(long, value_name = "WHEN", requires = "notify", hide_short_help = true)]
    pub(super) notify_on: Option<NotifyOn>,
}

/// When a chat is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum NotifyOn {
    /// When the run did not pass
    #[default]
    Failure,
    /// When a step or the run ended otherwise than in the last stored run of the same plans and
    /// environment
    Change,
    /// After every run
    Always,
}

/// A section of a Markdown file.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Output")]
pub(super) struct SectionArgs {
    /// Writes the Markdown report as a section of this file, over the one of the run before
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) append_to: Option<PathBuf>,
    /// The section's name, for several in one file
    #[arg(
        long,
        value_name = "NAME",
        default_value = "report",
        requires = "append_to",
        hide_short_help = true
    )]
    pub(super) marker: String,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Plan files, or folders with plans under them
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    /// How findings are printed: for people, for programs and editors, as annotations of GitHub
    /// Actions, or as SARIF 2.1.0
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: CheckFormat,
    /// A checklist of requirements, a Markdown file, that the plans' `covers` are compared with;
    /// the project's `requirements` where none is named
    #[arg(long, value_name = "FILE")]
    pub(super) requirements: Option<PathBuf>,
    /// Says nothing where nothing is wrong
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Plan files, or folders with plans under them
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `vars`.
#[derive(Debug, Args)]
pub(super) struct VarsArgs {
    /// Plan files, or folders with plans under them
    #[arg(value_name = "PLAN", required = true)]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Plan files, or folders with plans under them; those of `plans/` where none is named
    #[arg(value_name = "PLAN")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) values: Values,
    /// Asks about the key with this step, with setup, cleanup and what it needs; may be repeated
    #[arg(long = "step", value_name = "ID", help_heading = "Selection")]
    pub(super) steps: Vec<String>,
    /// Lets a step that is named write also in a protected environment
    #[arg(long, help_heading = "Run")]
    pub(super) allow_writes: bool,
    /// Starts the commands that an environment names for secrets and services
    #[arg(long, help_heading = "Run")]
    pub(super) allow_exec: bool,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The code; all of them where none is named
    #[arg(value_name = "CODE")]
    pub(super) code: Option<String>,
}

/// Options of `curl`.
#[derive(Debug, Args)]
pub(super) struct CurlArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    pub(super) path: PathBuf,
    /// The step
    #[arg(long, value_name = "ID")]
    pub(super) step: String,
    #[command(flatten)]
    pub(super) values: Values,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A stored run: its folder, its id or how that begins, `last` or `previous`; the last one where
    /// none is named
    #[arg(value_name = "RUN")]
    pub(super) run: Option<PathBuf>,
    /// Writes a report: html, junit, markdown, json, ctrf, har or github; `-` is standard output;
    /// may be repeated
    #[arg(long = "report", value_name = "FORMAT=PATH", help_heading = "Output")]
    pub(super) reports: Vec<String>,
    #[command(flatten)]
    pub(super) section: SectionArgs,
    /// Shows requests and responses, masked
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
    /// Shows only failures and the verdict
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) look: Look,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

/// Options of `schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The kind of file
    #[arg(value_name = "KIND")]
    pub(super) kind: SchemaOf,
}

/// The kinds of files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// Plans: what is done and expected
    Plan,
    /// Environments: where, with which variables and secrets
    Environment,
    /// The project file: what plans have in common
    Project,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command; planrun as a whole where none is named
    #[arg(value_name = "COMMAND")]
    pub(super) command: Option<String>,
}

/// Options of `demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Port of the proxy; a free one where none is given
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
    /// Makes it sick: broken-contract, broken-contract-verbose, wrong-service, misrouted, race
    #[arg(long, value_name = "FAULT")]
    pub(super) fault: Option<String>,
    /// human or json: one line with its addresses and keys
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    pub(super) format: Format,
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// How the findings of a check are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// For people.
    #[default]
    Human,
    /// For programs and editors.
    Json,
    /// Workflow commands.
    Github,
    /// For code scanning.
    Sarif,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_fits_one_screen() {
        assert!(HELP.lines().count() <= 24, "{}", HELP.lines().count());
        let widest = HELP.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}");
    }

    #[test]
    fn the_help_names_every_command_and_no_option_that_is_not_there() {
        let command = Cli::command();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "run") {
            assert!(HELP.contains(&format!("  {} ", sub.get_name())), "{}", sub.get_name());
        }
        let words = HELP.split(|c: char| c.is_whitespace() || "[],=".contains(c));
        for word in words.filter_map(|word| word.strip_prefix("--")) {
            let known = |command: &clap::Command| {
                command.get_arguments().any(|arg| arg.get_long() == Some(word))
            };
            assert!(known(&command) || command.get_subcommands().any(known), "--{word}");
        }
    }

    #[test]
    fn the_help_of_every_command_has_examples_and_fits_in_80_columns() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            for text in [sub.render_help().to_string(), sub.render_long_help().to_string()] {
                let wide = text.lines().find(|line| line.chars().count() > 80);
                assert_eq!(wide, None, "{}", sub.get_name());
                assert!(text.contains("\nExamples:\n  "), "{text}");
                let end = text.split_once("\nExamples:\n").map_or("", |(_, end)| end);
                assert!(
                    end.contains(&format!("planrun {}", sub.get_name())) || sub.get_name() == "run"
                );
            }
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
