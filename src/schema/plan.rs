//! Owes the shapes of a plan and of its steps.

use serde_json::json;

use super::expect;
use super::request::{self, METHODS, OPTIONS, REQUEST, defaults};
use super::shape::{
    Keys, Shape, TEMPLATE, any, boolean, duration, list, mapping, name, named, object, or,
    own_named, reference, shape, string, text, title, word,
};
use crate::plan::{ColumnType, keys};

/// The top level of a plan.
pub(super) const PLAN: Keys = Keys { table: keys::PLAN, shape: plan };
/// What every step has.
const STEP: Keys = Keys { table: keys::STEP, shape: of_step };

const SECRET: Keys = Keys { table: keys::SECRET, shape: secret };
const ROWS: Keys = Keys { table: keys::ROWS, shape: rows };
const CONTRACT: Keys = Keys { table: keys::CONTRACT, shape: contract };
const CONTRACT_IGNORE: Keys = Keys { table: keys::CONTRACT_IGNORE, shape: contract_ignore };
const HINT: Keys = Keys { table: keys::HINT, shape: hint };
const HINTS: Keys = Keys { table: keys::HINTS, shape: hints_file };

/// A step: every key that one can have, in one object.
pub(super) fn step() -> Shape {
    let mut step = object(&[METHODS, STEP, REQUEST, OPTIONS], &[]);
    let together = json!({
        "method": ["url"],
        "url": ["method"],
        "with": ["include"],
        "export": ["include"],
        "warmup": ["repeat"],
        "concurrency": ["repeat"],
    });
    step.insert("dependencies".to_owned(), together);
    step
}

fn plan(key: &str) -> Option<Shape> {
    Some(match key {
        "plan" => title(),
        "description" => text(),
        "tags" | "covers" => list(text(), 0),
        "include_only" => boolean(),
        "inputs" => list(own_name(), 0),
        "vars" => own_named("A variable: any value, templates inside.", json!("a value"), any()),
        "secrets" => named(
            "A secret that the plan needs; `{}` where it needs no more.",
            json!({}),
            object(&[SECRET], &[]),
        ),
        "defaults" => defaults(&[]),
        "budget" => request::budget_of_plan(),
        "deadline" | "cleanup_timeout" => duration(),
        "on_failure" => on_failure(),
        "setup" | "cleanup" => steps(0),
        "steps" => steps(1),
        "contracts" => contracts(),
        "hints" => hints(),
        other => return cases(other),
    })
}

fn of_step(key: &str) -> Option<Shape> {
    Some(match key {
        "name" => title(),
        "id" => name(),
        "if" => condition(),
        "skip" => shape(json!({"type": ["string", "number"], "pattern": r"\S"})),
        "needs" | "export" => list(name(), 0),
        "on_failure" => on_failure(),
        "deadline" | "sleep" => duration(),
        "covers" => list(text(), 0),
        "assert" => list(condition(), 1),
        "include" => shape(json!({"type": "string", "pattern": r"\S"})),
        "with" => named("A value that the included plan is given.", json!("ada"), any()),
        "parallel" | "first_of" => steps(1),
        other => return cases(other),
    })
}

fn cases(key: &str) -> Option<Shape> {
    Some(match key {
        "matrix" => {
            let axis = shape(json!({
                "type": ["array", "object", "string"],
                "minItems": 1,
                "minProperties": 1,
                "pattern": TEMPLATE,
            }));
            let mut matrix = mapping("The values of one name.", json!(["a", "b"]), axis);
            matrix.insert("minProperties".to_owned(), json!(1));
            matrix
        }
        "rows" => or(
            object(&[ROWS], &["file"]),
            &["array", "string"],
            json!({
                "pattern": TEMPLATE,
                "minItems": 1,
                "items": {"type": ["object", "string", "number", "boolean", "null"]},
            }),
        ),
        _ => return None,
    })
}

fn steps(least: usize) -> Shape {
    list(reference("step"), least)
}

fn on_failure() -> Shape {
    word(&["stop", "continue"])
}

/// An expression, or a boolean.
fn condition() -> Shape {
    shape(json!({"type": ["string", "boolean"]}))
}

fn own_name() -> Shape {
    let mut name = name();
    name.insert("not".to_owned(), json!({"enum": keys::RESERVED}));
    name
}

fn secret(key: &str) -> Option<Shape> {
    Some(match key {
        "description" => text(),
        "matches" => string(),
        "optional" => boolean(),
        _ => return None,
    })
}

fn rows(key: &str) -> Option<Shape> {
    Some(match key {
        "file" => text(),
        "types" => {
            let words = ColumnType::WORDS.map(|(word, _)| word);
            mapping("What the cells of a column are.", json!("integer"), word(&words))
        }
        _ => return None,
    })
}

/// `contracts:` of a plan or a project.
pub(super) fn contracts() -> Shape {
    named(
        "A contract: the document, and where it counts.",
        json!({"spec": "specs/auth.openapi.yaml", "base": "${{ env.auth_url }}"}),
        object(&[CONTRACT], &["spec", "base"]),
    )
}

fn contract(key: &str) -> Option<Shape> {
    Some(match key {
        "spec" | "base" => string(),
        "on_violation" => word(&["warn", "error"]),
        "ignore" => {
            let all = ["operation", "code", "reason", "until"];
            list(object(&[CONTRACT_IGNORE], &all), 0)
        }
        _ => return None,
    })
}

fn contract_ignore(key: &str) -> Option<Shape> {
    Some(match key {
        "operation" | "code" | "reason" => text(),
        "until" => shape(json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})),
        _ => return None,
    })
}

/// `hints:` of a plan or a project.
pub(super) fn hints() -> Shape {
    let hint = object(&[HINT], &["when", "cause"]);
    or(object(&[HINTS], &["file"]), &["array"], json!({"items": hint}))
}

fn hint(key: &str) -> Option<Shape> {
    Some(match key {
        "when" => expect::subjects_reference(),
        "cause" | "next" => text(),
        _ => return None,
    })
}

fn hints_file(key: &str) -> Option<Shape> {
    (key == "file").then(text)
}

/// Every table of this file, for the test that none of its keys lacks a shape.
#[cfg(test)]
pub(super) const TABLES: [Keys; 8] =
    [PLAN, STEP, SECRET, ROWS, CONTRACT, CONTRACT_IGNORE, HINT, HINTS];
