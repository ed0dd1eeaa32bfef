//! Why a step did not pass, and which facts of this run say so. Never a cause without a fact.
//!
//! ```text
//! a step, its result, what other steps saw ─causes──▶ causes, the team's hints first
//! a whole record                           ─whole_run▶ clusters: one cause explains many failures
//! ```
//!
//! Everything here is a plain function of what was recorded, so that a stored run gives the same
//! causes as the run itself. The rules stand in `rules/`, one file for each family; [`rules`] lists
//! them all with the sentence that says what each means.

mod absorb;
mod cause;
mod evidence;
mod matrix;
mod response;
mod rules;
mod run;
#[cfg(test)]
mod tests;
mod witness;

pub use cause::{Cause, Confidence, Fact};
pub use evidence::Evidence;
pub use matrix::Flip;
pub use response::{header, is_html, reason, title};
pub use rules::{Rule, next_step, rules};
pub use run::{Cluster, Clusters, Diagnosis, Member, SharedBackend, fingerprint, whole_run};
pub use witness::{Witness, witnesses};

use crate::event::StepRef;
use crate::outcome::{Hint, StepResult, Verdict};

/// Why a step did not pass, the team's hints first; `others` are the steps of the same plan that
/// something answered. Nothing for a step that passed, was skipped or was blocked.
#[must_use]
pub fn causes(step: &StepRef, result: &StepResult, others: &[Witness]) -> Vec<Cause> {
    if matches!(result.verdict, Verdict::Passed | Verdict::Skipped | Verdict::Blocked) {
        return Vec::new();
    }
    let hints = hints(result).into_iter().map(Cause::of_hint);
    let found = Evidence::of(step, result, others).map(|evidence| rules::find(&evidence));
    hints.chain(found.unwrap_or_default()).collect()
}

/// The hints that fit: of many samples any may have failed, of several attempts the last one counts.
fn hints(result: &StepResult) -> Vec<&Hint> {
    let kept = if result.samples.is_some() { result.attempts.len() } else { 1 };
    let mut found: Vec<&Hint> = Vec::new();
    for hint in result.attempts.iter().rev().take(kept).rev().flat_map(|attempt| &attempt.hints) {
        if !found.iter().any(|known| known.place == hint.place) {
            found.push(hint);
        }
    }
    found
}
