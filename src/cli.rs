//! The command: arguments and process environment in, exit code out.

mod afterwards;
mod args;
mod bug_report;
mod check;
mod commit;
mod compare;
mod contract_coverage;
mod coverage;
mod doctor;
mod dry_run;
mod fault;
mod guard;
mod help;
mod inputs;
mod kept;
mod list;
mod means;
mod notify;
mod obtain;
mod other;
mod outputs;
mod prepare;
mod preview;
mod printer;
mod prompt;
mod reporters;
mod requirements;
mod run;
mod secrets;
mod section;
mod selection;
mod several;
mod shell;
mod signals;
mod spool;
mod store;
mod stored;
mod taps;
mod vars;
mod world;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use args::{Cli, Command};
use fault::UsageFault;

use crate::finding::nearest;

/// Carries out the command line; the exit code is that of the plan language.
#[must_use]
pub fn main() -> u8 {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    // The help on help is the list of commands.
    if matches!(&*words, [_, help, more] if help == "help" && (more == "--help" || more == "-h")) {
        words.truncate(2);
    }
    let word = |at: usize| words.get(at).and_then(|word| word.to_str()).unwrap_or_default();
    if let Some((name, instead)) = help::NOT_BUILT.iter().find(|(name, _)| *name == word(1)) {
        complain(&format!("error: `planrun {name}` is not built yet\n{instead}"));
        return 2;
    }
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => {
            match misspelt(word(1), word(2), error.kind()) {
                Some(fault) => complain(&format!("error: {fault}")),
                // `--help` and `--version` come this way too; a closed pipe is no error.
                None => drop(error.print()),
            }
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    // What a panic says may hold anything, a secret too: only its place is told.
    std::panic::set_hook(Box::new(|info| complain(&panicked(info.location()))));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| carry_out(cli))).unwrap_or(7)
}

/// What is said where a command is misspelt, so that the words after it make no sense.
fn misspelt(first: &str, second: &str, kind: ErrorKind) -> Option<UsageFault> {
    if first == "help" && kind == ErrorKind::InvalidSubcommand {
        let near = nearest(second, help::COMMANDS)?;
        let words = format!("there is no command `{second}`; did you mean `planrun help {near}`?");
        return Some(UsageFault::new(words));
    }
    let is_about_options = matches!(
        kind,
        ErrorKind::UnknownArgument
            | ErrorKind::ArgumentConflict
            | ErrorKind::InvalidValue
            | ErrorKind::MissingRequiredArgument
    );
    let is_known = help::COMMANDS.contains(&first) || first.starts_with('-');
    if is_known || !is_about_options || Path::new(first).exists() {
        return None;
    }
    let near = nearest(first, help::COMMANDS)?;
    let words =
        format!("there is no command, file or folder `{first}`; did you mean `planrun {near}`?");
    Some(UsageFault::new(words))
}

fn carry_out(cli: Cli) -> u8 {
    let bare = cli.command.is_none() && cli.run.paths.is_empty();
    if bare {
        complain(help::USAGE);
        return 2;
    }
    match dispatch(cli) {
        Ok(code) => code,
        Err(fault) => {
            complain(&format!("error: {fault}"));
            2
        }
    }
}

fn complain(text: &str) {
    let text = crate::secret::sanitise(text).into_owned();
    let printer = printer::Printer::new(&args::Look::default(), &inputs::Process::default());
    printer.error(&crate::secret::Gate::new().redact(text));
}

/// What is said of a panic.
fn panicked(at: Option<&std::panic::Location<'_>>) -> String {
    let at = at.map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    format!("error: planrun {} itself failed{at}; please report this", env!("CARGO_PKG_VERSION"))
}

fn dispatch(cli: Cli) -> Result<u8, UsageFault> {
    match cli.command {
        None => run::run(&cli.run, &current()?),
        Some(Command::Run(args)) => run::run(&args, &current()?),
        Some(Command::Check(args)) => check::check(&args, &current()?),
        Some(Command::List(args)) => list::list(&args, &current()?),
        Some(Command::Report(args)) => stored::report(&args, &current()?),
        Some(Command::Compare(args)) => compare::compare(&args, &current()?),
        Some(Command::Coverage(args)) if args.contracts => {
            contract_coverage::coverage(&args, &current()?)
        }
        Some(Command::BugReport(args)) => bug_report::bug_report(&args, &current()?),
        Some(Command::Coverage(args)) => coverage::coverage(&args, &current()?),
        Some(Command::Vars(args)) => vars::vars(&args, &current()?),
        Some(Command::Doctor(args)) => doctor::doctor(&args, &current()?),
        Some(Command::Explain(args)) => other::explain(&args),
        Some(Command::Curl(args)) => preview::curl(&args, &current()?),
        Some(Command::Completions(args)) => Ok(shell::completions(&args)),
        Some(Command::Man(args)) => shell::man(&args),
        Some(Command::Schema(args)) => Ok(shell::schema(&args)),
        #[cfg(feature = "demo")]
        Some(Command::Demo(args)) => other::demo(&args),
    }
}

#[expect(clippy::disallowed_methods, reason = "the current folder is looked up here")]
fn current() -> Result<PathBuf, UsageFault> {
    std::env::current_dir()
        .map_err(|error| UsageFault::new(format!("the current folder cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_panic_is_its_place_and_none_of_its_words() {
        let here = std::panic::Location::caller();
        let said = panicked(Some(here));
        assert!(said.contains("itself failed at") && said.contains("src/cli.rs:"), "{said}");
        assert!(!panicked(None).contains(" at "));
    }
}
