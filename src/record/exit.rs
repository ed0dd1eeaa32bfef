//! The exit code as a function of what was recorded; the table is in the plan language.

use super::tally::{ASSERTION, BUDGET, ERROR, INVALID, OUTPUT};
use super::{End, Tally};

/// Whether a pass that needed more than one attempt is good enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flaky {
    /// It is.
    #[default]
    Passes,
    /// It counts as a failed assertion: `--fail-on-flaky`.
    Fails,
}

/// The run's exit code: the gravest of what happened wins. What only the command line knows (2, an
/// output that could not be written) is not part of a record; `cli` weighs it with [`gravest`].
#[must_use]
pub fn exit_code(tally: &Tally, end: &End, flaky: Flaky) -> u8 {
    let mut codes = tally.faults.clone();
    match end {
        // A run that wrote no last event was killed, or planrun itself failed.
        End::Incomplete => {
            codes.insert(OUTPUT);
        }
        // Every plan that began also ends, unless planrun itself failed under it.
        End::Finished { .. } => {
            if tally.unfinished > 0 {
                codes.insert(OUTPUT);
            }
        }
        End::Interrupted { by, duration: _ } => {
            codes.insert(match by.as_str() {
                "SIGINT" => 130,
                "SIGTERM" => 143,
                "deadline" => 124,
                _ => ERROR,
            });
        }
    }
    if flaky == Flaky::Fails && tally.flaky > 0 {
        codes.insert(ASSERTION);
    }
    codes.insert(if tally.evidence > 0 { 0 } else { NOTHING });
    gravest(codes)
}

/// Nothing passed: an empty selection, or all was skipped.
const NOTHING: u8 = 4;

/// From the gravest to the lightest.
const ORDER: [u8; 11] = [130, 143, 124, OUTPUT, 2, INVALID, ERROR, ASSERTION, BUDGET, NOTHING, 0];

/// The gravest of several exit codes; 0 for none.
pub fn gravest(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| ORDER.iter().position(|known| known == code).unwrap_or(0);
    codes.into_iter().min_by_key(rank).unwrap_or(0)
}
