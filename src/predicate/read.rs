//! Predicates as a plan writes them, and every reason why one could never hold.

mod contradiction;
mod operand;
mod sense;

use serde_json::Value;

use super::operator::{Check, Op, Operator, Test};
use super::{About, Context, Schemas};
use crate::finding::{Code, Finding, nearest};
use crate::query::{Filter, Yields};
use crate::source::Place;
use crate::template::{is_omit, nothing_to_remove};
use crate::yaml::{Entry, Kind, Node};

/// What was read.
pub(super) struct Read {
    pub(super) apply: Vec<Filter>,
    pub(super) test: Test,
    /// The scalars that hold templates; empty where their values were given.
    pub(super) scalars: Vec<Node>,
}

/// Reads a predicate; `values` stand for its templates, once they are evaluated.
pub(super) fn read(
    node: &Node,
    context: &Context<'_>,
    values: Option<&[Option<Value>]>,
) -> Result<Read, Vec<Finding>> {
    let mut reader = Reader {
        text: context.text,
        schemas: context.schemas,
        values,
        next: 0,
        scalars: Vec::new(),
        findings: Vec::new(),
    };
    let apply = reader.apply(node);
    // What the last filter makes of the value is all that is known of it.
    let about = match apply.last() {
        None => context.about,
        Some(last) => About::Kind(last.yields()),
    };
    let test = reader.test(node, about, Depth::Top);
    if reader.findings.is_empty() {
        Ok(Read { apply, test, scalars: reader.scalars })
    } else {
        Err(reader.findings)
    }
}

/// Why operators that must all hold never do, where that is known; each with its place.
pub(super) fn contradiction(ops: &[(&Op, Place)]) -> Option<Finding> {
    contradiction::contradiction(ops)
}

/// Where a mapping of operators stands; `apply` is known at the top alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Top,
    Inside,
}

/// An operand as far as it is known.
enum Literal {
    Known(Value),
    /// It holds a template whose value is not there yet.
    Pending,
    /// It is `omit`: a field or item of a value goes with it, an operand may not.
    Omitted,
}

struct Reader<'a> {
    text: &'a str,
    schemas: Option<&'a Schemas>,
    values: Option<&'a [Option<Value>]>,
    next: usize,
    scalars: Vec<Node>,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn apply(&mut self, node: &Node) -> Vec<Filter> {
        let Some(apply) = node.get("apply") else { return Vec::new() };
        match Filter::parse_all(apply, self.text) {
            Ok(filters) => filters,
            Err(findings) => {
                self.findings.extend(findings);
                Vec::new()
            }
        }
    }

    /// A predicate: operators, or a value that stands for equality.
    fn test(&mut self, node: &Node, about: About, depth: Depth) -> Test {
        match &node.kind {
            Kind::Map(entries) => self.operators(node, entries, about, depth),
            Kind::Empty => {
                self.say(
                    Finding::error(Code::EmptyValue, "nothing says what is expected")
                        .at(node.place, "")
                        .help("write `null`, or `{absent: true}`, or delete the line"),
                );
                Test::default()
            }
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) | Kind::List(_) => {
                // A list of a status means one of them.
                let one_of = about == About::Status && matches!(node.kind, Kind::List(_));
                let operator = if one_of { Operator::In } else { Operator::Equals };
                Test { ops: self.op(operator, node, about, node.place).into_iter().collect() }
            }
        }
    }

    fn operators(&mut self, node: &Node, entries: &[Entry], about: About, depth: Depth) -> Test {
        let mut test = Test::default();
        let mut known = 0;
        let mut places = Vec::new();
        for Entry { key, value } in entries {
            if key.value == "apply" && depth == Depth::Top {
                continue;
            }
            known += 1;
            match Operator::from_name(&key.value) {
                Some(operator) => {
                    if let Some(op) = self.op(operator, value, about, key.place) {
                        test.ops.push(op);
                        places.push(key.place);
                    }
                }
                None => self.unknown(&key.value, key.place),
            }
        }
        if known == 0 {
            self.say(
                Finding::error(Code::MissingKey, "no operator says what is expected")
                    .at(node.place, "")
                    .help("write for example `{equals: …}` or `{present: true}`"),
            );
        }
        let side_by_side: Vec<(&Op, Place)> = test.ops.iter().zip(places).collect();
        self.contradiction(&side_by_side);
        // Most have one; a vector that grows makes room for four.
        test.ops.shrink_to_fit();
        test
    }

    /// Operators that never hold together. Where a template gave an operand, that is for the
    /// response to show.
    fn contradiction(&mut self, placed: &[(&Op, Place)]) {
        if self.values.is_none() {
            self.findings.extend(contradiction::contradiction(placed));
        }
    }

    fn unknown(&mut self, name: &str, place: Place) {
        let words = Operator::ALL.iter().map(|operator| operator.as_str());
        let alias = match name {
            "eq" | "is" | "equal" => Some("equals"),
            "ne" | "neq" | "not_equal" => Some("not_equals"),
            "greater_than" | "greater" | "min" | ">" => Some("gt"),
            "less_than" | "less" | "max" | "<" => Some("lt"),
            ">=" => Some("gte"),
            "<=" => Some("lte"),
            "exists" => Some("present"),
            "regex" | "match" => Some("matches"),
            "includes" | "has" => Some("contains"),
            "size" | "count" => Some("length"),
            "any" => Some("some"),
            "all" | "every" => Some("each"),
            _ => nearest(name, words),
        };
        let mut finding =
            Finding::error(Code::UnknownOperator, format!("unknown operator `{name}`"))
                .at(place, "");
        if let Some(similar) = alias {
            finding = finding.help(format!("did you mean `{similar}`?"));
        }
        self.say(finding.help(
            "a mapping is always operators; to compare with an object write `{equals: {…}}` or \
             `{partial: {…}}`",
        ));
    }

    /// One operator; nothing where its operand is a finding.
    fn op(&mut self, operator: Operator, node: &Node, about: About, key: Place) -> Option<Op> {
        if node.kind == Kind::Empty {
            self.say(
                Finding::error(
                    Code::EmptyValue,
                    format!("nothing stands behind `{}`", operator.as_str()),
                )
                .at(node.place, "")
                .help("write a value; `null` is one"),
            );
            return None;
        }
        if let Some(finding) = sense::misfit(operator, about, key) {
            self.say(finding);
            return None;
        }
        if matches!(operator, Operator::Contains | Operator::NotContains)
            && let [_, ..] = node.entries()
            && node.entries().iter().all(|entry| Operator::from_name(&entry.key.value).is_some())
        {
            let (name, quantifier) = match operator {
                Operator::Contains => ("contains", "some"),
                _ => ("not_contains", "none"),
            };
            self.say(
                Finding::error(
                    Code::WrongType,
                    format!("`{name}` compares with a value, and these are operators"),
                )
                .at(node.place, "")
                .help(format!(
                    "write `{quantifier}: {{…}}` with them; for an item that is this very object \
                     write `{quantifier}: {{equals: {{…}}}}`"
                )),
            );
            return None;
        }
        let (operand, check) = match operator {
            Operator::Each | Operator::Some | Operator::None => {
                self.inner(node, About::Kind(Yields::Anything))
            }
            Operator::Not => self.inner(node, about),
            Operator::Length => self.length(node)?,
            Operator::AllOf | Operator::AnyOf => self.several(operator, node, about)?,
            Operator::CloseTo => self.close_to(node)?,
            Operator::Schema => self.schema(node)?,
            Operator::Equals
            | Operator::NotEquals
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::In
            | Operator::NotIn
            | Operator::Contains
            | Operator::NotContains
            | Operator::StartsWith
            | Operator::EndsWith
            | Operator::Matches
            | Operator::Empty
            | Operator::Type
            | Operator::Present
            | Operator::Absent
            | Operator::Partial
            | Operator::Unordered
            | Operator::Format
            | Operator::Before
            | Operator::After => match self.operand(operator, node) {
                Literal::Known(value) => {
                    let value = self.sized(value, node, about)?;
                    let check = self.prepare(operator, &value, node, about)?;
                    (value, check)
                }
                Literal::Pending => (Value::Null, Check::Pending),
                Literal::Omitted => {
                    self.omitted(node);
                    return None;
                }
            },
        };
        Some(Op { operator, operand, check })
    }

    fn inner(&mut self, node: &Node, about: About) -> (Value, Check) {
        let test = self.test(node, about, Depth::Inside);
        (test.describe(), Check::Test(test))
    }

    fn length(&mut self, node: &Node) -> Option<(Value, Check)> {
        let before = self.findings.len();
        let test = self.test(node, About::Kind(Yields::Number), Depth::Inside);
        if self.values.is_none()
            && self.findings.len() == before
            && contradiction::impossible_length(&test)
        {
            self.say(
                Finding::error(Code::ImpossibleAssertion, "no length is like this")
                    .at(node.place, "")
                    .help("a length is a whole number from 0"),
            );
            return None;
        }
        Some((test.describe(), Check::Test(test)))
    }

    fn several(&mut self, operator: Operator, node: &Node, about: About) -> Option<(Value, Check)> {
        let items = node.items();
        if items.is_empty() {
            self.say(
                Finding::error(
                    Code::WrongType,
                    format!("`{}` takes a list of at least one mapping", operator.as_str()),
                )
                .at(node.place, "")
                .help(format!("write `{}: [{{gt: 0}}, {{lt: 9}}]`", operator.as_str())),
            );
            return None;
        }
        let before = self.findings.len();
        let tests: Vec<Test> =
            items.iter().map(|item| self.test(item, about, Depth::Inside)).collect();
        if operator == Operator::AllOf && self.findings.len() == before {
            let each = tests.iter().zip(items);
            let placed: Vec<(&Op, Place)> =
                each.flat_map(|(test, item)| test.ops.iter().map(|op| (op, item.place))).collect();
            self.contradiction(&placed);
        }
        Some((tests.iter().map(Test::describe).collect(), Check::Tests(tests)))
    }

    fn say(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The whole operand. The items of a list of alternatives are operands themselves; those of
    /// any other list are data, from which `omit` removes them.
    fn operand(&mut self, operator: Operator, node: &Node) -> Literal {
        let alternatives = matches!(operator, Operator::In | Operator::NotIn | Operator::Type);
        let literal = match &node.kind {
            Kind::List(items) if alternatives => {
                let values: Vec<Literal> = items
                    .iter()
                    .map(|item| {
                        let value = self.literal(item);
                        if let Literal::Omitted = value {
                            self.omitted(item);
                        }
                        value
                    })
                    .collect();
                list(values)
            }
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_)
            | Kind::List(_)
            | Kind::Map(_) => self.literal(node),
        };
        if let Literal::Known(Value::Object(fields)) = &literal
            && operator == Operator::Partial
            && fields.is_empty()
            && matches!(node.kind, Kind::Map(_))
        {
            self.say(
                Finding::error(Code::BadValue, "every object has at least no fields")
                    .at(node.place, "")
                    .help("name the fields that count, or write `{type: object}`"),
            );
        }
        literal
    }

    /// An operand that is `omit`: the assertion would go with it.
    fn omitted(&mut self, node: &Node) {
        let code = match node.as_str() {
            Some(text) if is_omit(text) => Code::OmitInText,
            _ => Code::TemplateFailed,
        };
        // What is empty has its finding.
        if node.kind != Kind::Empty {
            self.say(nothing_to_remove(code, node.place));
        }
    }

    /// The value of a node with the values of its templates in place.
    fn literal(&mut self, node: &Node) -> Literal {
        match &node.kind {
            Kind::String(text) if text.contains("${{") => self.slot(node),
            Kind::List(items) => {
                list(items.iter().map(|item| self.literal(item)).collect::<Vec<_>>())
            }
            Kind::Map(entries) => {
                let mut fields = serde_json::Map::with_capacity(entries.len());
                let mut pending = false;
                for Entry { key, value } in entries {
                    match self.literal(value) {
                        Literal::Known(value) => {
                            fields.insert(key.value.clone(), value);
                        }
                        Literal::Pending => pending = true,
                        Literal::Omitted => {}
                    }
                }
                if pending { Literal::Pending } else { Literal::Known(Value::Object(fields)) }
            }
            Kind::Empty => {
                self.say(
                    Finding::error(Code::EmptyValue, "nothing stands here")
                        .at(node.place, "")
                        .help("write a value; `null` is one"),
                );
                Literal::Omitted
            }
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) => {
                Literal::Known(node.to_json())
            }
        }
    }

    fn slot(&mut self, node: &Node) -> Literal {
        if node.as_str().is_some_and(is_omit) {
            return Literal::Omitted;
        }
        let Some(values) = self.values else {
            self.scalars.push(node.clone());
            return Literal::Pending;
        };
        let value = values.get(self.next).cloned().flatten();
        self.next += 1;
        value.map_or(Literal::Omitted, Literal::Known)
    }
}

/// A list of what is known of its items.
fn list(items: Vec<Literal>) -> Literal {
    let mut list = Vec::with_capacity(items.len());
    let mut pending = false;
    for item in items {
        match item {
            Literal::Known(value) => list.push(value),
            Literal::Pending => pending = true,
            Literal::Omitted => {}
        }
    }
    if pending { Literal::Pending } else { Literal::Known(Value::Array(list)) }
}
