//! Owes the shapes of what is expected: subjects with their predicates, outcomes, and what must
//! hold of many samples together.

use serde_json::{Value, json};

use super::shape::{
    Keys, Shape, boolean, described, list, mapping, named, number, object, or, or_template,
    reference, shape, string,
};
use crate::plan::keys;

const EXPECT: Keys = Keys { table: keys::EXPECT, shape: subject };
const OUTCOMES: Keys = Keys { table: keys::OUTCOMES, shape: outcome };
const WARN_ONLY: Keys = Keys { table: keys::WARN_ONLY, shape: of_warn };
const ROUTED: Keys = Keys { table: keys::ROUTED, shape: of_routes };
const EQUAL_ROUTES: Keys = Keys { table: keys::EQUAL_ROUTES, shape: equal_routes };
const HOPS: Keys = Keys { table: keys::HOPS, shape: of_hops };
const HOP: Keys = Keys { table: keys::HOP, shape: hop };
const EXPECT_ALL: Keys = Keys { table: keys::EXPECT_ALL, shape: of_all };

/// `expect:`.
pub(super) fn expect() -> Shape {
    let mut expect = with_paths(object(&[EXPECT, ROUTED, HOPS, OUTCOMES], &[]));
    expect.insert("dependencies".to_owned(), json!({"outcome": ["one_of"]}));
    expect
}

/// `warn:`.
pub(super) fn warn() -> Shape {
    with_paths(object(&[EXPECT, ROUTED, HOPS, OUTCOMES, WARN_ONLY], &[]))
}

/// Subjects alone: one outcome, `give_up`, `when` of a hint.
pub(super) fn subjects() -> Shape {
    with_paths(object(&[EXPECT], &[]))
}

/// Where subjects alone stand.
pub(super) fn subjects_reference() -> Shape {
    reference("subjects")
}

/// `status:`, whose words mean several.
pub(super) fn status() -> Shape {
    let pattern = or_template("^([1-5](xx|XX)|any)$");
    let numbers = json!({"minimum": 100, "maximum": 599, "pattern": pattern});
    let mut item = shape(json!({"type": ["integer", "string"]}));
    item.extend(shape(numbers.clone()));
    let mut status = shape(json!({"type": ["integer", "string", "array", "object"]}));
    status.extend(shape(numbers));
    status.extend(shape(json!({
        "items": item,
        "minItems": 1,
        "allOf": [reference("predicate")],
    })));
    status
}

/// `expect_all:`.
pub(super) fn expect_all() -> Shape {
    let mut all = object(&[EXPECT_ALL], &[]);
    all.insert("minProperties".to_owned(), json!(1));
    all
}

/// Paths into the body, and the redirects by their number.
fn with_paths(mut subjects: Shape) -> Shape {
    let paths = json!({
        r"^\$": described(
            "A path into the JSON body (RFC 9535): a value is equal, a mapping is operators.",
            json!({"type": "integer", "gt": 0}),
            reference("predicate"),
        ),
        r"^redirects\[": described(
            "One of the URLs that were passed: `redirects[0]`, `redirects[-1]`.",
            json!({"ends_with": "/login"}),
            reference("predicate"),
        ),
    });
    subjects.insert("patternProperties".to_owned(), paths);
    subjects.insert("minProperties".to_owned(), json!(1));
    subjects
}

fn of_routes(key: &str) -> Option<Shape> {
    let equal = object(&[EQUAL_ROUTES], &["equal"]);
    (key == "routes").then(|| or(equal, &["string"], json!({"pattern": "^equal$"})))
}

fn equal_routes(key: &str) -> Option<Shape> {
    Some(match key {
        "equal" => shape(json!({"enum": [true]})),
        "ignore" => list(shape(json!({"type": "string", "pattern": r"^(\$|headers\.)"})), 0),
        "set_by" => {
            mapping("The field that an item of the list is known by.", json!("name"), string())
        }
        "within" => mapping("How far apart the numbers may be.", json!(0.01), number()),
        "replace" => mapping("What stands in its place.", json!("node"), string()),
        _ => return None,
    })
}

fn subject(key: &str) -> Option<Shape> {
    Some(match key {
        "status" => reference("status"),
        "headers" => group(
            "A header, whatever its case; `NAME[*]` and `NAME[0]` are single values.",
            json!({"starts_with": "application/json"}),
        ),
        "cookies" => group(
            "A cookie that was set; `NAME[Path]` is one of its attributes.",
            json!({"present": true}),
        ),
        "values" => group("An expression: what it gives is judged.", json!({"gt": 0})),
        "text" | "url" | "redirects" | "size" | "bytes" | "sha256" | "md5" | "http"
        | "remote_ip" => reference("predicate"),
        "contract" => boolean(),
        _ => return None,
    })
}

fn group(doc: &str, example: Value) -> Shape {
    let mut group = mapping(doc, example, reference("predicate"));
    group.insert("minProperties".to_owned(), json!(1));
    group
}

fn of_hops(key: &str) -> Option<Shape> {
    (key == "hops").then(|| {
        let mut hop = object(&[HOP], &[]);
        let paths = json!({
            r"^\$": described(
                "A path into the JSON body of each request that the tap saw.",
                json!({"present": true}),
                reference("predicate"),
            ),
        });
        hop.insert("patternProperties".to_owned(), paths);
        let mut hops = named("What one tap saw of the step.", json!({"count": 1}), hop);
        hops.insert("minProperties".to_owned(), json!(1));
        hops
    })
}

fn hop(key: &str) -> Option<Shape> {
    Some(match key {
        "count" | "method" | "path" | "text" => reference("predicate"),
        "contract" | "optional" => boolean(),
        "query" => group("A parameter of the query.", json!("1")),
        "headers" => group("A request header, whatever its case.", json!({"absent": true})),
        "status" => reference("status"),
        _ => return None,
    })
}

fn outcome(key: &str) -> Option<Shape> {
    Some(match key {
        "one_of" => {
            let mut outcomes = named(
                "An outcome: what holds of it; without `status` it implies 2xx.",
                json!({"status": 201}),
                reference("subjects"),
            );
            outcomes.insert("minProperties".to_owned(), json!(1));
            outcomes
        }
        "outcome" => string(),
        _ => return None,
    })
}

fn of_warn(key: &str) -> Option<Shape> {
    (key == "budget").then(|| reference("budget"))
}

fn of_all(key: &str) -> Option<Shape> {
    Some(match key {
        "outcomes" => shares("How many samples end so: a number, operators, or `rest`.", "rest"),
        "statuses" => {
            let mut statuses =
                shares("How many samples get it: a number, operators, or `rest`.", "rest");
            let names = json!({"pattern": "^([1-5][0-9]{2}|[1-5](xx|XX)|any|<<)$"});
            statuses.insert("propertyNames".to_owned(), names);
            statuses
        }
        "distinct" => {
            let mut paths =
                shares("How many different values the path gives; `all`: each another.", "all");
            paths.insert("propertyNames".to_owned(), json!({"pattern": r"^\$|^<<$"}));
            paths
        }
        "passed" | "dropped" => share(None),
        _ => return None,
    })
}

fn shares(doc: &str, word: &str) -> Shape {
    let mut shares = mapping(doc, json!(1), share(Some(word)));
    shares.insert("minProperties".to_owned(), json!(1));
    shares
}

/// A number, a percentage, a word, or operators on it.
fn share(word: Option<&str>) -> Shape {
    let percent = r"^\s*\d+(\.\d+)?\s*%\s*$";
    let pattern = word.map_or(percent.to_owned(), |word| format!("^{word}$|{percent}"));
    shape(json!({
        "type": ["number", "string", "object"],
        "minimum": 0,
        "pattern": or_template(&pattern),
        "allOf": [reference("test")],
    }))
}

/// Every table of this file, for the test that none of its keys lacks a shape.
#[cfg(test)]
pub(super) const TABLES: [Keys; 8] =
    [EXPECT, OUTCOMES, WARN_ONLY, ROUTED, EQUAL_ROUTES, HOPS, HOP, EXPECT_ALL];
