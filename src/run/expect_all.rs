//! `expect_all`: what is due of all samples of a step together.

use serde_json::Value;

use super::attempt::StepScene;
use crate::check::{Count, ExpectAll, Shares};
use crate::finding::{Finding, Severity};
use crate::outcome::{Actual, Assertion, Expected, SamplesResult};
use crate::query::Found;
use crate::source::Place;

impl StepScene<'_> {
    /// What is due of all samples together.
    pub(super) fn expect_all(
        &self,
        all: &ExpectAll,
        result: &SamplesResult,
    ) -> Result<Vec<Assertion>, Vec<Finding>> {
        let mut assertions = Vec::new();
        if let Some(outcomes) = &all.outcomes {
            let counted = |name: &str| {
                let found = result.outcomes.iter().find(|(known, _)| known == name);
                found.map_or(0, |(_, count)| *count)
            };
            for share in &outcomes.shares {
                if let Some(count) = &share.count {
                    let subject = format!("outcomes.{}", share.name);
                    assertions.extend(self.counted(count, &subject, counted(&share.name))?);
                }
            }
            let unlisted = result
                .outcomes
                .iter()
                .filter(|(name, _)| !outcomes.shares.iter().any(|share| share.name == *name));
            let name = |name: &str| {
                if name.is_empty() { "none of them".to_owned() } else { name.to_owned() }
            };
            let unlisted = unlisted.map(|(outcome, count)| (name(outcome), *count)).collect();
            assertions.extend(unlisted_of("outcomes", outcomes, unlisted));
        }
        if let Some(statuses) = &all.statuses {
            let of = |status: u16| {
                // The most exact class counts it: 200 before 2xx.
                let fits = |share: &&crate::check::Share| {
                    share.status.as_ref().is_some_and(|pattern| pattern.fits(u64::from(status)))
                };
                let exact = statuses.shares.iter().filter(fits);
                exact.min_by_key(|share| share.name.contains('x')).map(|share| &share.name)
            };
            for share in &statuses.shares {
                let sum =
                    result.statuses.iter().filter(|(status, _)| of(*status) == Some(&share.name));
                let sum = sum.map(|(_, count)| count).sum();
                if let Some(count) = &share.count {
                    let subject = format!("statuses.{}", share.name);
                    assertions.extend(self.counted(count, &subject, sum)?);
                }
            }
            let unlisted = result.statuses.iter().filter(|(status, _)| of(*status).is_none());
            let mut unlisted: Vec<(String, u32)> =
                unlisted.map(|(status, count)| (status.to_string(), *count)).collect();
            let answered: u32 = result.statuses.iter().map(|(_, count)| count).sum();
            let silent = result.counts.total().saturating_sub(answered);
            if silent > 0 {
                unlisted.push(("no answer".to_owned(), silent));
            }
            assertions.extend(unlisted_of("statuses", statuses, unlisted));
        }
        for (distinct, counted) in all.distinct.iter().zip(&result.distinct) {
            let subject = format!("distinct.{}", counted.path);
            if let Some(count) = &distinct.count {
                assertions.extend(self.counted(count, &subject, counted.values)?);
            } else {
                let due = Value::from(counted.present);
                assertions.push(assertion(&subject, distinct.place, "equals", due, counted.values));
            }
        }
        if let Some(count) = &all.passed {
            assertions.extend(self.counted_passed(count, result)?);
        }
        Ok(assertions)
    }

    fn counted_passed(
        &self,
        count: &Count,
        result: &SamplesResult,
    ) -> Result<Vec<Assertion>, Vec<Finding>> {
        let passed = result.counts.passed;
        if !count.percent {
            return self.counted(count, "passed", passed);
        }
        let share = f64::from(passed) * 100.0 / f64::from(result.counts.total().max(1));
        let value = crate::json::from_f64(share).map_or(Value::Null, Value::Number);
        self.judged(count, "passed (percent)", value)
    }

    fn counted(
        &self,
        count: &Count,
        subject: &str,
        actual: u32,
    ) -> Result<Vec<Assertion>, Vec<Finding>> {
        self.judged(count, subject, Value::from(actual))
    }

    fn judged(
        &self,
        count: &Count,
        subject: &str,
        actual: Value,
    ) -> Result<Vec<Assertion>, Vec<Finding>> {
        let operands = self.render(1, None, |renderer| {
            let values = count.operands.iter();
            values
                .map(|operand| Ok(renderer.value(operand)?.map(|(value, _)| value)))
                .collect::<Result<Vec<_>, Box<Finding>>>()
        });
        let operands = operands.map_err(|finding| vec![*finding])?;
        let judgements = count.predicate.judge(&operands, Found::made(actual))?;
        Ok(judgements
            .into_iter()
            .map(|judgement| Assertion {
                subject: format!("expect_all.{subject}"),
                place: count.place,
                severity: Severity::Error,
                passed: judgement.passed,
                expected: judgement.expected,
                actual: judgement.actual,
                pointer: None,
                outcome: None,
                note: judgement.note,
                violations: judgement.violations,
                tap: None,
            })
            .collect())
    }
}

fn assertion(subject: &str, place: Place, operator: &str, due: Value, actual: u32) -> Assertion {
    let actual = Value::from(actual);
    let passed = due == actual;
    Assertion {
        subject: format!("expect_all.{subject}"),
        place,
        severity: Severity::Error,
        passed,
        expected: Expected { operator: operator.to_owned(), operand: due },
        actual: (!passed).then_some(Actual::Value(actual)),
        pointer: None,
        outcome: None,
        note: None,
        violations: Vec::new(),
        tap: None,
    }
}

/// What falls into no class that is listed.
fn unlisted_of(word: &str, shares: &Shares, unlisted: Vec<(String, u32)>) -> Option<Assertion> {
    if unlisted.is_empty() {
        return None;
    }
    let listed: Vec<Value> =
        shares.shares.iter().map(|share| Value::from(share.name.as_str())).collect();
    let there: serde_json::Map<String, Value> =
        unlisted.into_iter().map(|(name, count)| (name, Value::from(count))).collect();
    Some(Assertion {
        subject: format!("expect_all.{word}"),
        place: shares.place,
        severity: Severity::Error,
        passed: false,
        expected: Expected { operator: "only".to_owned(), operand: Value::Array(listed) },
        actual: Some(Actual::Value(Value::Object(there))),
        pointer: None,
        outcome: None,
        note: Some("what is not listed fails".to_owned()),
        violations: Vec::new(),
        tap: None,
    })
}
