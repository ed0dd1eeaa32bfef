//! Hints become compiled: what a failing step's response is like, and what is said of it then.

use super::names::Stage;
use super::types::{Assertion, Hint, Uses};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::HintAst;
use crate::query::SubjectKind;

impl Checker<'_> {
    /// The hints for the failing steps of a plan, in their order.
    pub(super) fn hints(&mut self, hints: &[&HintAst]) -> Vec<Hint> {
        // A hint is looked at when a step has failed: it may speak of whatever steps may.
        self.stage = Stage::Step;
        self.now = None;
        let checked = hints.iter().filter_map(|hint| self.hint(hint)).collect();
        // No step needs what only a hint uses.
        self.uses = Uses::default();
        self.stage = Stage::Plan;
        checked
    }

    fn hint(&mut self, hint: &HintAst) -> Option<Hint> {
        let when = self.assertions(&hint.when.assertions);
        for assertion in &when {
            self.can_match(assertion);
        }
        let cause = self.template(&hint.cause)?;
        let next = match &hint.next {
            Some(next) => Some(self.template(next)?),
            None => None,
        };
        Some(Hint { place: hint.place, when, cause, next })
    }

    /// A status that no response has makes a hint that nobody ever sees.
    fn can_match(&mut self, assertion: &Assertion) {
        if !matches!(assertion.subject.kind, SubjectKind::Status) {
            return;
        }
        let possible = |status| assertion.predicate.accepts_status(status) != Some(false);
        if !(100..=599).any(possible) {
            self.report(
                Finding::error(
                    Code::ImpossibleAssertion,
                    "no status is like this: the hint is never shown",
                )
                .at(assertion.value_place, "can never hold")
                .help("write for example `status: 401`, `status: [401, 403]` or `status: 5xx`"),
            );
        }
    }
}
