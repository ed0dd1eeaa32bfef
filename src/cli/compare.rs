//! `planrun compare`: two stored runs beside each other, or the same plans on two environments.

use std::path::Path;

use super::afterwards::{CompareArgs, CompareFormat};
use super::args::RunArgs;
use super::fault::UsageFault;
use super::inputs::Process;
use super::obtain::Known;
use super::printer::Printer;
use super::run::{Audience, Begun, begin};
use super::stored;
use crate::compare::{Comparison, Rules, TOLERANCE};
use crate::query::JsonPath;
use crate::record::gravest;
use crate::report::comparison;
use crate::secret::Gate;

/// Compares; 1 where the later run is worse, or the environments differ.
pub(super) fn compare(args: &CompareArgs, current: &Path) -> Result<u8, UsageFault> {
    let asked = args.max_regression.as_deref().map(percent).transpose()?;
    let (compared, ran) = match args.values.environments.as_slice() {
        [] => (stored_runs(args, current, asked)?, 0),
        [_, _] => match environments(args, current)? {
            Ok(compared) => compared,
            Err(code) => return Ok(code),
        },
        [_] | [_, _, ..] => {
            return Err(UsageFault::new(
                "plans are compared on two environments: `planrun compare plans/ -e A -e B`",
            ));
        }
    };
    let printer = Printer::new(&args.look, &Process::read());
    // What was stored or told went through the gate of its run.
    let text = match args.format {
        CompareFormat::Human => comparison::terminal(&compared, &printer.style),
        CompareFormat::Json => comparison::json(&compared),
        CompareFormat::Markdown => comparison::markdown(&compared),
    };
    if printer.out(&Gate::new().redact(text)).is_err() {
        return Ok(7);
    }
    let slower = asked.is_some() && compared.slower() > 0;
    // Where nothing could be asked, or nothing was, two sides that are alike are no good news.
    Ok(if compared.is_different() || slower { 1 } else { ran })
}

fn stored_runs(
    args: &CompareArgs,
    current: &Path,
    asked: Option<f64>,
) -> Result<Comparison, UsageFault> {
    let (before, after) = match args.paths.as_slice() {
        [] => (Path::new("previous"), Path::new("last")),
        [before] => (before.as_path(), Path::new("last")),
        [before, after] => (before.as_path(), after.as_path()),
        [_, _, _, ..] => {
            return Err(UsageFault::new(
                "two runs are compared at a time; plans are compared on two environments: \
                 `planrun compare plans/ -e A -e B`",
            ));
        }
    };
    let events = |run: &Path| {
        stored::events_of(run, current).map_err(|fault| {
            // Plans may have been meant.
            if current.join(run).exists() {
                return UsageFault::new(format!(
                    "{fault}; plans are compared on two environments: `-e A -e B`"
                ));
            }
            fault
        })
    };
    let (before, after) = (events(before)?, events(after)?);
    let (before, after) = (stored::read(&before)?, stored::read(&after)?);
    Ok(Comparison::of(&before, &after, asked.unwrap_or(TOLERANCE)))
}

/// Carries the plans out on A, on B, and on A once more: what they differ in, with 5 or 4 where
/// something could not be carried out or nothing ran; else the code of a run that cannot be compared.
fn environments(
    args: &CompareArgs,
    current: &Path,
) -> Result<Result<(Comparison, u8), u8>, UsageFault> {
    let rules = rules(args)?;
    let [first, second] = args.values.environments.as_slice() else {
        return Err(UsageFault::new("two environments are compared: `-e A -e B`"));
    };
    // One seed: what plans make up is the same on both sides.
    let seed = u64::from(std::process::id());
    let mut ready = Vec::new();
    let mut known = Known::for_all(&args.values.environments);
    // Everything is decided before the first request of the first run.
    for environment in [first, second, first] {
        let mut values = args.values.clone();
        values.environments = vec![environment.clone()];
        let run = RunArgs {
            paths: args.paths.clone(),
            values,
            selection: args.selection.clone(),
            jobs: 16,
            seed: Some(seed),
            allow_writes: args.allow_writes,
            allow_exec: args.allow_exec,
            look: args.look.clone(),
            ..RunArgs::default()
        };
        match begin(&run, current, Audience::Comparison, &mut known)? {
            Begun::Ended(code) => return Ok(Err(code)),
            Begun::Ready(begun) => ready.push((run, begun)),
        }
    }
    let printer = Printer::new(&args.look, &Process::read());
    let mut records = Vec::new();
    let mut codes = Vec::new();
    for (run, mut begun) in ready {
        begun.begin_now();
        let carried = begun.carry_out(&run, &printer);
        match (carried.code, carried.run) {
            (code @ (0 | 1 | 4 | 5 | 6), Some(run)) => {
                records.push(run.record);
                codes.extend(Some(code).filter(|code| matches!(code, 4 | 5)));
            }
            (code, _) => return Ok(Err(code)),
        }
    }
    let [before, after, again] = records.as_slice() else { return Ok(Err(7)) };
    Ok(Ok((Comparison::across((before, after), again, &rules), gravest(codes))))
}

/// Reads `--ignore`, `--set-by`, `--within` and `--replace`.
fn rules(args: &CompareArgs) -> Result<Rules, UsageFault> {
    let mut rules = Rules::default();
    for text in &args.ignore {
        match text.strip_prefix("headers.") {
            Some(name) => drop(rules.ignored_headers.insert(name.to_ascii_lowercase())),
            None => rules.ignored.push(path("--ignore", text)?),
        }
    }
    for text in &args.set_by {
        let (before, field) = halves("--set-by", text, "PATH=FIELD, such as `$.models=name`")?;
        rules.keyed.push((path("--set-by", before)?, field.to_owned()));
    }
    for text in &args.within {
        let wanted = "PATH=NUMBER, such as `$.score=0.01`";
        let (before, number) = halves("--within", text, wanted)?;
        match number.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => {
                rules.close.push((path("--within", before)?, number));
            }
            Ok(_) | Err(_) => {
                return Err(UsageFault::new(format!("--within: `{number}` is no distance")));
            }
        }
    }
    for text in &args.replace {
        let (what, with) = halves("--replace", text, "REGEX=TEXT, such as `node-\\d+=node`")?;
        let regex = regex::RegexBuilder::new(what).size_limit(1 << 20).build();
        let regex = regex.map_err(|error| UsageFault::new(format!("--replace: {error}")))?;
        rules.replaced.push((regex, with.to_owned()));
    }
    Ok(rules)
}

/// What stands before and behind the last `=`.
fn halves<'a>(option: &str, text: &'a str, wanted: &str) -> Result<(&'a str, &'a str), UsageFault> {
    text.rsplit_once('=')
        .filter(|(before, _)| !before.is_empty())
        .ok_or_else(|| UsageFault::new(format!("`{option} {text}` wants {wanted}")))
}

fn path(option: &str, text: &str) -> Result<JsonPath, UsageFault> {
    JsonPath::parse(text)
        .map_err(|fault| UsageFault::new(format!("{option}: `{text}` is no path: {fault}")))
}

/// Reads `10%`.
fn percent(text: &str) -> Result<f64, UsageFault> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    match number {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number / 100.0),
        Ok(_) | Err(_) => Err(UsageFault::new(format!(
            "--max-regression: `{text}` is no share; write it as `10%`"
        ))),
    }
}
