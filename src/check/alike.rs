//! Assertions of one thing: those that stand twice, those that never hold together, and outcomes
//! that an earlier one always takes away.

use super::types::{Assertion, Expect, Outcome};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{AssertionAst, ExpectAst, OutcomeAst};
use crate::query::SubjectKind;

impl Checker<'_> {
    /// One thing under two spellings: YAML itself only sees that keys differ.
    pub(super) fn asserted_twice(&mut self, assertions: &[Assertion]) {
        for (n, later) in assertions.iter().enumerate() {
            let mut before = assertions.iter().take(n);
            let Some(earlier) = before.find(|one| one.subject.is_same(&later.subject)) else {
                continue;
            };
            let never = later
                .predicate
                .contradicts(later.value_place, (&earlier.predicate, earlier.value_place));
            let finding = never.unwrap_or_else(|| {
                Finding::warning(
                    Code::AssertedTwice,
                    format!("`{}` and `{}` are the same", later.text, earlier.text),
                )
                .at(later.place, "again here")
                .at(earlier.place, "first here")
                .help("write what is expected of it under one key: `{type: integer, gt: 0}`")
            });
            self.report(finding);
        }
    }

    /// Outcomes that never come out.
    pub(super) fn unreachable_outcomes(&mut self, ast: &ExpectAst, expect: &Expect) {
        let outcomes: Vec<(&Outcome, &OutcomeAst)> =
            expect.one_of.iter().zip(&ast.one_of).collect();
        // What could not be read is not known.
        let is_whole = |outcome: &Outcome, ast: &OutcomeAst| {
            stated(&outcome.assertions).count() == ast.expect.assertions.len()
        };
        if outcomes.iter().any(|(outcome, ast)| !is_whole(outcome, ast)) {
            return;
        }
        for (n, (later, later_ast)) in outcomes.iter().enumerate() {
            if let Some(beside) = expect.assertions.iter().find(|one| excludes(one, later)) {
                self.report(
                    Finding::warning(
                        Code::UnreachableOutcome,
                        format!(
                            "the outcome `{}` never holds with what stands beside `one_of`",
                            later.name.value
                        ),
                    )
                    .at(later.name.place, "never comes out")
                    .at(beside.value_place, "must hold too")
                    .help("an outcome that states no `status` wants 2xx; state it in each outcome"),
                );
                continue;
            }
            let mut earlier = outcomes.iter().take(n);
            let wider = earlier.find(|(one, one_ast)| {
                is_wider((one, &one_ast.expect.assertions), (later, &later_ast.expect.assertions))
            });
            if let Some((wider, _)) = wider {
                self.report(
                    Finding::warning(
                        Code::UnreachableOutcome,
                        format!(
                            "`{}` always holds where `{}` does, and stands before it",
                            wider.name.value, later.name.value
                        ),
                    )
                    .at(later.name.place, "never comes out")
                    .at(wider.name.place, "the first that holds counts")
                    .help("put the outcome that asks for more first, or tell the two apart"),
                );
            }
        }
    }
}

fn stated(assertions: &[Assertion]) -> impl Iterator<Item = &Assertion> {
    assertions.iter().filter(|assertion| !assertion.implied)
}

/// Whether an assertion and an outcome never hold together.
fn excludes(beside: &Assertion, outcome: &Outcome) -> bool {
    outcome.assertions.iter().any(|own| {
        if is_status(beside) && is_status(own) {
            let both = |status: u16| {
                own.predicate.accepts_status(status) != Some(false)
                    && beside.predicate.accepts_status(status) != Some(false)
            };
            return !(100..=599).any(both);
        }
        beside.subject.is_same(&own.subject)
            && own
                .predicate
                .contradicts(own.value_place, (&beside.predicate, beside.value_place))
                .is_some()
    })
}

/// Whether the first outcome holds wherever the second does: it asks for nothing else.
fn is_wider(
    (wide, wide_asts): (&Outcome, &[AssertionAst]),
    (narrow, narrow_asts): (&Outcome, &[AssertionAst]),
) -> bool {
    let narrow_stated: Vec<_> = stated(&narrow.assertions).zip(narrow_asts).collect();
    let status = wide.assertions.iter().filter(|one| is_status(one)).all(|one| {
        narrow.assertions.iter().filter(|other| is_status(other)).any(|other| {
            (100..=599).all(|status| {
                match (other.predicate.accepts_status(status), one.predicate.accepts_status(status))
                {
                    (Some(false), _) | (Some(true), Some(true)) => true,
                    (Some(true) | None, _) => false,
                }
            })
        })
    });
    status
        && stated(&wide.assertions).zip(wide_asts).filter(|(one, _)| !is_status(one)).all(
            |(one, ast)| {
                narrow_stated.iter().any(|(other, other_ast)| {
                    is_one_subject(one, other) && is_one_predicate(ast, other_ast)
                })
            },
        )
}

fn is_status(assertion: &Assertion) -> bool {
    matches!(assertion.subject.kind, SubjectKind::Status)
}

/// An expression gives the same twice, unless it calls something.
fn is_one_subject(one: &Assertion, other: &Assertion) -> bool {
    match (&one.subject.kind, &other.subject.kind) {
        (SubjectKind::Value(one), SubjectKind::Value(other)) => one == other && is_steady(one),
        _ => one.subject.is_same(&other.subject),
    }
}

fn is_one_predicate(one: &AssertionAst, other: &AssertionAst) -> bool {
    let written = one.predicate.to_json();
    let text = written.to_string();
    // A template gives the same twice, unless it calls something.
    written == other.predicate.to_json() && (!text.contains("${{") || is_steady(&text))
}

fn is_steady(text: &str) -> bool {
    !text.contains('(') && !text.contains("unique")
}
