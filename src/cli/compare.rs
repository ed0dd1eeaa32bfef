//! `planrun compare`: two stored runs beside each other.

use std::path::Path;

use super::args::{CompareArgs, CompareFormat};
use super::fault::UsageFault;
use super::inputs::Process;
use super::printer::Printer;
use super::stored;
use crate::compare::Comparison;
use crate::report::comparison;
use crate::secret::Gate;

/// How much slower a step may be before it is told, where the command line does not say.
const TOLERANCE: f64 = 0.1;

/// Compares two stored runs; 1 where the later one is worse.
pub(super) fn compare(args: &CompareArgs, current: &Path) -> Result<u8, UsageFault> {
    let printer = Printer::new(&args.look, &Process::read());
    let asked = args.max_regression.as_deref().map(percent).transpose()?;
    let name = |at: usize, else_: &'static str| {
        args.runs.get(at).map_or_else(|| Path::new(else_), |run| run.as_path())
    };
    let before = stored::events_of(name(0, "previous"), current)?;
    let after = stored::events_of(name(1, "last"), current)?;
    let (before, after) = (stored::read(&before)?, stored::read(&after)?);
    let compared = Comparison::of(&before, &after, asked.unwrap_or(TOLERANCE));
    // What is stored went through the gate of its run.
    let text = match args.format {
        CompareFormat::Human => comparison::terminal(&compared, &printer.style),
        CompareFormat::Json => comparison::json(&compared),
        CompareFormat::Markdown => comparison::markdown(&compared),
    };
    if printer.out(&Gate::new().redact(text)).is_err() {
        return Ok(7);
    }
    let slower = asked.map_or(0, |_| compared.slower());
    Ok(u8::from(compared.worse() + slower > 0))
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
