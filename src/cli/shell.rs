//! What other programs are told: the shell its completions, `man` its page, editors the schemas.

use clap::{Command, CommandFactory as _};

use super::args::{Cli, CompletionsArgs, Look, ManArgs, SchemaArgs, SchemaOf};
use super::fault::UsageFault;
use super::help::RUN_HELP;
use super::inputs::Process;
use super::printer::Printer;
use crate::finding::nearest;
use crate::schema::{self, SchemaKind};
use crate::secret::Gate;

/// Prints the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "planrun", &mut script);
    print(&script)
}

/// Prints the manual page of planrun, or of one of its commands.
pub(super) fn man(args: &ManArgs) -> Result<u8, UsageFault> {
    let mut whole = Cli::command().after_long_help(RUN_HELP);
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => {
            let command = whole.find_subcommand(name).cloned();
            command.ok_or_else(|| no_command(name, &whole))?
        }
    };
    // What the short help leaves out stands in a manual.
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    let title = command.get_bin_name().unwrap_or("planrun").replace(' ', "-");
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command)
        .title(title)
        .source(concat!("planrun ", env!("CARGO_PKG_VERSION")));
    match man.render(&mut page) {
        Ok(()) => Ok(print(&page)),
        Err(error) => Err(UsageFault::new(format!("the manual page cannot be written: {error}"))),
    }
}

/// Prints the JSON Schema of a kind of file.
pub(super) fn schema(args: &SchemaArgs) -> u8 {
    let kind = match args.kind {
        SchemaOf::Plan => SchemaKind::Plan,
        SchemaOf::Environment => SchemaKind::Environment,
        SchemaOf::Project => SchemaKind::Project,
    };
    print(schema::text(kind).as_bytes())
}

fn no_command(name: &str, whole: &Command) -> UsageFault {
    let known = whole.get_subcommands().map(Command::get_name);
    UsageFault::new(match nearest(name, known) {
        Some(near) => format!("there is no command `{name}`; did you mean `{near}`?"),
        None => format!("there is no command `{name}`; `planrun -h` lists them"),
    })
}

fn print(bytes: &[u8]) -> u8 {
    let printer = Printer::new(&Look::default(), &Process::read());
    let text = String::from_utf8_lossy(bytes).into_owned();
    if printer.out(&Gate::new().redact(text)).is_ok() { 0 } else { 7 }
}
