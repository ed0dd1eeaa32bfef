//! How far a body has come that takes long: a bar in the moving line, or a line now and then where
//! no line moves.

use std::collections::BTreeMap;

use super::super::style::Style;
use super::progress;
use crate::event::{JobId, StepKey, StepRef, Transfer, Way};
use crate::secret::sanitise_line;
use crate::units::show_size;

/// Seconds between two lines of one body.
const EVERY: u64 = 10;
/// How many cells a bar has.
const CELLS: u64 = 10;

/// The lines that were written where no line moves: of each body, when it was told of last.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<(JobId, StepKey), u64>);

impl Lines {
    /// Writes a line if one is due, on standard error: what is read of a run stays what it is.
    pub(super) fn moved(&mut self, job: JobId, step: &StepRef, transfer: &Transfer) {
        if let Some(line) = self.line(job, step, transfer) {
            progress::write(&line);
        }
    }

    fn line(&mut self, job: JobId, step: &StepRef, transfer: &Transfer) -> Option<String> {
        let due = transfer.took.as_secs() / EVERY;
        let told = self.0.entry((job, step.key())).or_default();
        // It may be another attempt: then time begins anew.
        let is_due = due > *told || due > 0 && due < *told;
        *told = due;
        is_due.then(|| format!("  {}: {}\n", sanitise_line(&step.title()), words(transfer)))
    }
}

/// `[###-------] 36 %, 360 MiB of 1000 MiB sent, 12 MiB/s`: what stands behind a step's name.
pub(super) fn note(transfer: &Transfer, style: &Style) -> String {
    let words = words(transfer);
    let Some(whole) = transfer.of.filter(|of| *of > 0) else { return format!("({words})") };
    let (full, empty) = if style.unicode { ("█", "░") } else { ("#", "-") };
    let filled = share(transfer.bytes, whole, CELLS);
    let cell = |n| if n < filled { full } else { empty };
    let bar: String = (0..CELLS).map(cell).collect();
    format!("{bar} {words}")
}

fn words(transfer: &Transfer) -> String {
    let Transfer { way, bytes, of, took: _, rate } = *transfer;
    let done = match way {
        Way::Up => "sent",
        Way::Down => "received",
    };
    let rate = show_size(rate);
    match of.filter(|of| *of > 0) {
        Some(of) => {
            let percent = share(bytes, of, 100);
            format!("{percent} %, {} of {} {done}, {rate}/s", show_size(bytes), show_size(of))
        }
        None => format!("{} {done}, {rate}/s", show_size(bytes)),
    }
}

/// How many of `parts` a part of a whole is; never more than all.
fn share(part: u64, whole: u64, parts: u64) -> u64 {
    let share = u128::from(part) * u128::from(parts) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(parts).min(parts)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::fixture;

    fn transfer(seconds: u64, bytes: u64, of: Option<u64>) -> Transfer {
        let took = Duration::from_secs(seconds);
        Transfer { way: Way::Up, bytes, of, took, rate: 2 << 20 }
    }

    #[test]
    fn a_bar_has_a_share_only_where_the_size_is_known() {
        let style = Style { unicode: true, ..Style::default() };
        let half = transfer(3, 50 << 20, Some(100 << 20));
        let said = "█████░░░░░ 50 %, 50 MiB of 100 MiB sent, 2 MiB/s";
        assert_eq!(note(&half, &style), said);
        let plain = Style { unicode: false, ..style };
        assert!(note(&half, &plain).starts_with("#####----- 50 %"), "{}", note(&half, &plain));
        let open = Transfer { way: Way::Down, ..transfer(3, 50 << 20, None) };
        assert_eq!(note(&open, &style), "(50 MiB received, 2 MiB/s)");
        // A server that sends more than it announced.
        assert!(note(&transfer(3, 9, Some(4)), &style).starts_with("██████████ 100 %"));
    }

    #[test]
    fn where_no_line_moves_there_is_one_every_ten_seconds() {
        let mut lines = Lines::default();
        let step = fixture::step(0, None, "Look\u{1b}[2J");
        let at = [1, 9, 10, 11, 19, 25, 31, 33, 2, 11];
        let told = at.map(|at| lines.line(JobId(0), &step, &transfer(at, 1 << 20, Some(4 << 20))));
        let told: Vec<usize> = told.iter().map(|line| usize::from(line.is_some())).collect();
        assert_eq!(told, [0, 0, 1, 0, 0, 1, 1, 0, 0, 1]);
        let line = lines.line(JobId(0), &step, &transfer(40, 1 << 20, Some(4 << 20)));
        let said = "  Look\\u{1b}[2J: 25 %, 1 MiB of 4 MiB sent, 2 MiB/s\n";
        assert_eq!(line.as_deref(), Some(said));
    }
}
