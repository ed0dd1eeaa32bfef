//! Operators that stand side by side and can never hold together: all that is known without a
//! response, and nothing that only might be so.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::sense::{Judges, judges};
use crate::finding::{Code, Finding};
use crate::json;
use crate::json::in_words;
use crate::predicate::compare::brief;
use crate::predicate::judge::holds_of;
use crate::predicate::operator::{Check, Op, Operator, Test};
use crate::source::Place;

/// The types of JSON.
const ALL_TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// The first contradiction between operators that must all hold, each with its place.
pub(super) fn contradiction(ops: &[(&Op, Place)]) -> Option<Finding> {
    for (n, (later, later_place)) in ops.iter().enumerate() {
        for (earlier, earlier_place) in ops.iter().take(n) {
            let why = against(earlier, later).or_else(|| against(later, earlier));
            if let Some(why) = why {
                let (a, b) = (earlier.operator.as_str(), later.operator.as_str());
                return Some(
                    Finding::error(
                        Code::ImpossibleAssertion,
                        format!("`{a}` and `{b}` never hold together: {why}"),
                    )
                    .at(*later_place, "")
                    .at(*earlier_place, "with this")
                    .help("both must hold; where one of them is enough write `any_of: [{…}, {…}]`"),
                );
            }
        }
    }
    None
}

/// A length that nothing has.
pub(super) fn impossible_length(test: &Test) -> bool {
    let zero = Number::from(0);
    test.ops.iter().any(|op| match (&op.operator, &op.check) {
        (Operator::Lt, Check::Number(limit)) => json::compare(limit, &zero) != Ordering::Greater,
        (Operator::Lte, Check::Number(limit)) => json::compare(limit, &zero) == Ordering::Less,
        (Operator::Equals, Check::Value) => match &op.operand {
            Value::Number(number) => {
                json::compare(number, &zero) == Ordering::Less || !json::is_integer(number)
            }
            _ => false,
        },
        _ => false,
    })
}

/// Why the second can never hold where the first does.
fn against(first: &Op, second: &Op) -> Option<String> {
    if is_pending(first) || is_pending(second) {
        return None;
    }
    let says_nothing = |op: &Op| match (op.operator, &op.check) {
        (Operator::Absent, Check::Flag(flag)) => *flag,
        (Operator::Present, Check::Flag(flag)) => !*flag,
        _ => false,
    };
    // These see what is not there, too.
    let sees_nothing = matches!(
        second.operator,
        Operator::Absent | Operator::Present | Operator::Not | Operator::AllOf | Operator::AnyOf
    );
    if says_nothing(first) {
        let wants_it =
            matches!((second.operator, &second.check), (Operator::Absent, Check::Flag(false)))
                || matches!(
                    (second.operator, &second.check),
                    (Operator::Present, Check::Flag(true))
                );
        return (wants_it || !sees_nothing)
            .then(|| format!("`{}` needs the thing to be there", second.operator.as_str()));
    }
    if matches!(second.operator, Operator::Absent | Operator::Present) {
        return None;
    }
    match (first.operator, &first.check) {
        (Operator::Equals, Check::Value) => (!holds_of(second, &first.operand)).then(|| {
            let shown =
                brief(&first.operand).unwrap_or_else(|| in_words(&first.operand).to_owned());
            format!("`{}` does not hold of {shown}", second.operator.as_str())
        }),
        (Operator::In, Check::Value) => {
            let items = first.operand.as_array()?;
            let none = !items.is_empty() && !items.iter().any(|item| holds_of(second, item));
            none.then(|| format!("`{}` holds of none of the values", second.operator.as_str()))
        }
        (Operator::Gt | Operator::Gte, Check::Number(least)) => bounds(first, least, second),
        (Operator::Type, Check::Types(types)) => other_types(types, second),
        (Operator::Empty, Check::Flag(true)) => needs_content(second),
        (Operator::Contains, _) if second.operator == Operator::NotContains => {
            json::equal(&first.operand, &second.operand).then(|| "they say the opposite".to_owned())
        }
        (Operator::After, Check::Time(after)) => match (second.operator, &second.check) {
            (Operator::Before, Check::Time(before)) if before <= after => {
                Some("no time lies between".to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether no number is more than the one and less than the other.
fn bounds(lower: &Op, least: &Number, upper: &Op) -> Option<String> {
    let Check::Number(most) = &upper.check else { return None };
    if !matches!(upper.operator, Operator::Lt | Operator::Lte) {
        return None;
    }
    let open = lower.operator == Operator::Gt || upper.operator == Operator::Lt;
    let empty = match json::compare(least, most) {
        Ordering::Greater => true,
        Ordering::Equal => open,
        Ordering::Less => false,
    };
    empty.then(|| "no number lies between".to_owned())
}

/// Whether an operator judges none of the types.
fn other_types(types: &[&'static str], op: &Op) -> Option<String> {
    let judged: &[&str] = match judges(op.operator) {
        Judges::Numbers => &["integer", "number"],
        Judges::Texts => &["string"],
        Judges::TextsAndLists => &["string", "array"],
        Judges::Lists => &["array"],
        Judges::Sized => &["string", "array", "object"],
        Judges::Structures => &["array", "object"],
        Judges::Anything => &ALL_TYPES,
    };
    (!types.iter().any(|name| judged.contains(name))).then(|| {
        format!("`{}` cannot judge a value of type {}", op.operator.as_str(), types.join(" or "))
    })
}

/// Whether an operator needs at least a character, an item or a field.
fn needs_content(op: &Op) -> Option<String> {
    let needs = match (op.operator, &op.check) {
        (
            Operator::Each
            | Operator::Some
            | Operator::Contains
            | Operator::StartsWith
            | Operator::EndsWith
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::CloseTo,
            _,
        ) => true,
        (Operator::Length, Check::Test(_)) => !holds_of(op, &Value::from("")),
        _ => false,
    };
    needs.then(|| format!("`{}` does not hold of what is empty", op.operator.as_str()))
}

/// Whether an operand waits for a template, at any depth.
fn is_pending(op: &Op) -> bool {
    match &op.check {
        Check::Pending => true,
        Check::Test(test) => test.ops.iter().any(is_pending),
        Check::Tests(tests) => tests.iter().flat_map(|test| &test.ops).any(is_pending),
        Check::Value
        | Check::Number(_)
        | Check::Near { .. }
        | Check::Regular(_)
        | Check::Flag(_)
        | Check::Types(_)
        | Check::Format(_)
        | Check::Schema(_)
        | Check::Time(_)
        | Check::Statuses(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::predicate::{About, Context, Predicate};
    use crate::query::Yields;
    use crate::yaml::testing::{render, source};

    /// What is said of a predicate; empty where it is sound.
    fn said(predicate: &str) -> String {
        let source = source(&format!("x: {predicate}\n"));
        let (node, _) = crate::yaml::read(&source);
        let about = About::Kind(Yields::Anything);
        let context = Context { text: &source.text, about, schemas: None };
        match Predicate::parse(node.unwrap().get("x").unwrap(), &context) {
            Ok(_) => String::new(),
            Err(findings) => render(&source, &findings),
        }
    }

    #[test]
    fn operators_that_never_hold_together_are_found() {
        for (predicate, why) in [
            ("{gt: 5, lt: 3}", "1:12 [lt] plan::impossible-assertion `gt` and `lt`"),
            ("{lt: 3, gt: 5}", "no number lies between"),
            ("{gt: 5, lte: 5}", "no number lies between"),
            ("{gte: 5.0, lt: 5}", "no number lies between"),
            ("{equals: 5, absent: true}", "`equals` needs the thing to be there"),
            ("{absent: true, present: true}", "`present` needs"),
            ("{present: false, matches: a}", "`matches` needs"),
            ("{equals: 5, gt: 7}", "`gt` does not hold of 5"),
            ("{equals: abc, matches: '^b'}", "`matches` does not hold of \"abc\""),
            ("{equals: 5, type: string}", "`type` does not hold of 5"),
            ("{equals: [1], each: {gt: 1}}", "`each` does not hold"),
            ("{equals: a, not_equals: a}", "`not_equals` does not hold"),
            ("{not: {equals: 5}, equals: 5}", "`not` does not hold of 5"),
            ("{in: [1, 2], gt: 2}", "`gt` holds of none of the values"),
            ("{type: string, gt: 0}", "`gt` cannot judge a value of type string"),
            ("{type: integer, matches: a}", "`matches` cannot judge"),
            ("{type: ['null', boolean], length: 1}", "`length` cannot judge"),
            ("{empty: true, each: {gt: 0}}", "`each` does not hold of what is empty"),
            ("{empty: true, length: {gt: 0}}", "`length` does not hold of what is empty"),
            ("{contains: a, not_contains: a}", "they say the opposite"),
            (
                "{after: '2026-01-02T00:00:00Z', before: '2026-01-01T00:00:00Z'}",
                "no time lies between",
            ),
            ("{all_of: [{gt: 5}, {lt: 3}]}", "1:23 [{lt: 3}] plan::impossible-assertion"),
            ("{each: {gt: 5, lt: 3}}", "no number lies between"),
            ("{length: -1}", "no length is like this"),
            ("{length: 1.5}", "no length is like this"),
            ("{length: {lt: 0}}", "no length is like this"),
            ("{apply: [length], starts_with: a}", "`starts_with` cannot judge a number"),
            ("{apply: [int, string], gt: 0}", "`gt` cannot judge a text"),
            ("{apply: [{split: ','}], equals: a}", "never equals a list"),
        ] {
            let said = said(predicate);
            assert!(said.contains(why), "{predicate}: {said}");
            assert_eq!(said.matches("plan::").count(), 1, "{predicate}: {said}");
        }
    }

    #[test]
    fn what_may_hold_together_is_left_alone() {
        for predicate in [
            "{gt: 3, lt: 5}",
            "{gte: 5, lte: 5}",
            "{gt: 5, lt: 6}",
            "{equals: 5, gt: 3, type: integer}",
            "{in: [1, 2], gt: 1}",
            "{type: integer, gt: 0}",
            "{type: [string, 'null'], matches: a}",
            "{type: string, length: 3}",
            "{type: array, each: {gt: 0}}",
            "{absent: false, equals: 5}",
            "{present: true, equals: 5}",
            "{absent: true, not: {equals: 5}}",
            "{absent: true}",
            "{empty: true, type: array}",
            "{empty: false, length: {gt: 2}}",
            "{empty: true, length: 0}",
            "{contains: a, not_contains: b}",
            "{any_of: [{gt: 5}, {lt: 3}]}",
            "{equals: '${{ x }}', gt: 3}",
            "{gt: '${{ x }}', lt: 3}",
            "{equals: [1], each: {gt: '${{ x }}'}}",
            "{all_of: [{gt: 3}, {lt: 5}], type: integer}",
            "{length: 0}",
            "{length: {lt: 1}}",
            "{length: {gte: 0}}",
            "{apply: [length], gt: 0}",
            "{apply: [first], starts_with: a}",
            "{apply: [json], gt: 0}",
            "{after: '2026-01-01T00:00:00Z', before: '2026-01-02T00:00:00Z'}",
        ] {
            assert_eq!(said(predicate), "", "{predicate}");
        }
    }
}
