//! `explain` and `demo`: commands that read no plan.

use std::fmt::Write as _;

use super::args::ExplainArgs;
#[cfg(feature = "demo")]
use super::args::Format;
use super::fault::UsageFault;
use super::inputs::Process;
use super::printer::Printer;
use crate::finding::{Code, nearest};
use crate::secret::Gate;

/// Explains a code, or names them all.
pub(super) fn explain(args: &ExplainArgs) -> Result<u8, UsageFault> {
    let printer = Printer::new(&super::args::Look::default(), &Process::read());
    let text = match &args.code {
        None => Code::ALL.iter().fold(String::new(), |mut text, code| {
            let _ = writeln!(text, "{:32} {}", code.as_str(), code.title());
            text
        }),
        Some(name) => {
            let Some(code) = Code::from_name(name) else { return Err(unknown_code(name)) };
            let text = wrapped(code.explanation(), printer.style.width.min(80));
            format!("{code}: {}\n\n{text}", code.title())
        }
    };
    Ok(print(&printer, text))
}

fn unknown_code(name: &str) -> UsageFault {
    let known = || Code::ALL.iter().map(|code| code.as_str());
    let bare = |code: &'static str| code.split_once("::").map_or(code, |(_, bare)| bare);
    let near = nearest(name, known()).or_else(|| {
        let near = nearest(name, known().map(bare))?;
        known().find(|code| bare(code) == near)
    });
    UsageFault::new(match near {
        Some(near) => format!("there is no code `{name}`; did you mean `{near}`?"),
        None => format!("there is no code `{name}`; `planrun explain` lists them all"),
    })
}

/// Serves the demo until it is interrupted.
#[cfg(feature = "demo")]
pub(super) fn demo(args: &super::args::DemoArgs) -> Result<u8, UsageFault> {
    use crate::demo::{Demo, Fault, Options};
    let printer = Printer::new(&super::args::Look::default(), &Process::read());
    let fault = match &args.fault {
        None => Fault::None,
        Some(word) => word.parse().map_err(|fault| UsageFault::new(format!("--fault: {fault}")))?,
    };
    let stop = super::signals::listen(None, None, std::sync::Arc::default());
    let runtime = super::means::runtime(1)
        .map_err(|error| UsageFault::new(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let options = Options { port: args.port, fault, ..Options::default() };
        let demo = match Demo::start(options).await {
            Ok(demo) => demo,
            Err(error) => {
                let text = format!("error: the demo cannot listen on port {}: {error}", args.port);
                printer.error(&Gate::new().redact(text));
                return Ok(5);
            }
        };
        // The demo's keys are made anew at every start, for whoever started it.
        let text = match args.format {
            Format::Json => demo.values().to_string(),
            Format::Human => format!(
                "registry      {}\nauth service  {}\nbehind it     {}\nservice id    {}\nAPI key       {}\nexpired key   {}\n\nCtrl-C ends it.",
                demo.url(),
                demo.auth_url(),
                demo.direct_url(),
                demo.service_id(),
                demo.api_key(),
                demo.expired_key()
            ),
        };
        if printer.handed_out(&text).is_err() {
            return Ok(7);
        }
        let mut stop = stop;
        let _ = stop.changed().await;
        demo.stop().await;
        Ok(0)
    })
}

/// Sentences in lines of a readable length; examples, which are indented, stay as they are.
fn wrapped(text: &str, width: usize) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let lines = if line.starts_with("    ") {
            vec![line.to_owned()]
        } else {
            crate::report::wrap(line, width)
        };
        for line in lines {
            out.push_str(&line);
            out.push('\n');
        }
        out
    })
}

/// JSON whose texts move no cursor and turn no line around: all but ASCII is escaped.
pub(super) fn json_escaped(text: &str) -> String {
    let mut units = [0; 2];
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

fn print(printer: &Printer, text: String) -> u8 {
    if printer.out(&Gate::new().redact(text)).is_ok() { 0 } else { 7 }
}

pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
