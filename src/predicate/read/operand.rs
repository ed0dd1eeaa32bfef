//! Operands: each of the kind that its operator takes, prepared for judging.

use std::sync::Arc;

use serde_json::{Number, Value};

use super::{Literal, Reader, sense};
use crate::finding::{Code, Finding, nearest};
use crate::json;
use crate::json::in_words;
use crate::predicate::About;
use crate::predicate::compare::brief;
use crate::predicate::format::Format;
use crate::predicate::operator::{Check, Operator, TYPES};
use crate::predicate::schema;
use crate::predicate::status::StatusPattern;
use crate::query::{Regular, time};
use crate::units;
use crate::yaml::{Entry, Kind, Node};

impl Reader<'_> {
    /// An operand of the subject `size`: `1MiB` becomes its number of bytes.
    pub(super) fn sized(&mut self, value: Value, node: &Node, about: About) -> Option<Value> {
        if about != About::Size {
            return Some(value);
        }
        match value {
            Value::String(written) => match units::parse_size(&written) {
                Ok(bytes) => Some(Value::from(bytes)),
                Err(fault) => {
                    self.say(
                        Finding::error(Code::BadSize, format!("not a size: {fault}"))
                            .at(node.place, "")
                            .help("write for example `{lt: 1MiB}`; a bare number counts bytes"),
                    );
                    None
                }
            },
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.sized(item, node, about))
                .collect::<Option<Vec<_>>>()
                .map(Value::Array),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                Some(other)
            }
        }
    }

    /// Prepares an operand that is known; nothing where it is a finding.
    pub(super) fn prepare(
        &mut self,
        operator: Operator,
        value: &Value,
        node: &Node,
        about: About,
    ) -> Option<Check> {
        match operator {
            Operator::Equals | Operator::NotEquals if about == About::Status => {
                self.statuses(std::slice::from_ref(value), node)
            }
            Operator::In | Operator::NotIn if about == About::Status => match value {
                Value::Array(items) => self.statuses(items, node),
                _ => self.wrong(operator, node, "a list", "[2xx, 404]"),
            },
            Operator::Equals | Operator::NotEquals => {
                self.unless(sense::unequal(value, about, node.place), Check::Value)
            }
            Operator::In | Operator::NotIn => {
                let items = self.list(operator, value, node)?;
                // The places of the items are known where they are written one by one.
                let misfits: Vec<Finding> = items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| {
                        let place = node.items().get(index).map_or(node.place, |node| node.place);
                        sense::unequal(item, about, place)
                    })
                    .collect();
                let fits = misfits.is_empty();
                self.findings.extend(misfits);
                fits.then_some(Check::Value)
            }
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => match value {
                Value::Number(number) => Some(Check::Number(number.clone())),
                Value::String(written) if time::read(written).is_some() => {
                    let kin = match operator {
                        Operator::Gt | Operator::Gte => "after",
                        _ => "before",
                    };
                    self.impossible(operator, value, node, &format!("for times write `{kin}`"))
                }
                _ => self.impossible(operator, value, node, "write a number without quotes"),
            },
            Operator::Contains | Operator::NotContains => {
                self.contains(operator, value, node, about)
            }
            Operator::StartsWith | Operator::EndsWith => match value {
                Value::String(text) if !text.is_empty() => Some(Check::Value),
                Value::String(_) => self.empty_text(operator, node),
                _ => self.impossible(operator, value, node, "put it in quotes"),
            },
            Operator::Matches => match value {
                Value::String(pattern) => self.regular(pattern, node),
                _ => self.impossible(operator, value, node, "put the expression in quotes"),
            },
            Operator::Empty | Operator::Present | Operator::Absent => match value {
                Value::Bool(flag) => Some(Check::Flag(*flag)),
                _ => self.wrong(operator, node, "`true` or `false`", "true"),
            },
            Operator::Type => {
                let check = self.types(value, node)?;
                let Check::Types(types) = &check else { return Some(check) };
                self.unless(sense::other_type(types, about, node.place), check)
            }
            Operator::Partial => match value {
                Value::Object(_) | Value::Array(_) => Some(Check::Value),
                _ => {
                    self.wrong(operator, node, "a mapping of the fields that count", "{name: Ada}")
                }
            },
            Operator::Unordered => {
                self.list(operator, value, node)?;
                Some(Check::Value)
            }
            Operator::Format => self.format(value, node),
            Operator::Before | Operator::After => match value.as_str().and_then(time::read) {
                Some(time) => Some(Check::Time(Box::new(time))),
                None => self.impossible(
                    operator,
                    value,
                    node,
                    "write a time by RFC 3339: `2026-01-31T12:00:00Z`, or `${{ now() }}`",
                ),
            },
            Operator::Length
            | Operator::CloseTo
            | Operator::Each
            | Operator::Some
            | Operator::None
            | Operator::AllOf
            | Operator::AnyOf
            | Operator::Not
            | Operator::Schema => None,
        }
    }

    /// The path of a JSON Schema, which was read before.
    pub(super) fn schema(&mut self, node: &Node) -> Option<(Value, Check)> {
        let Some(path) = node.as_str().filter(|path| !path.trim().is_empty()) else {
            self.say(
                Finding::error(
                    Code::WrongType,
                    format!("`schema` takes the path of a JSON Schema, found {}", node.kind_name()),
                )
                .at(node.place, "")
                .help(
                    "write the schema into a file, and its path here: `schemas/user.schema.json`",
                ),
            );
            return None;
        };
        if node.has_template() {
            self.say(
                Finding::error(Code::BadValue, "a schema is read before the run begins")
                    .at(node.place, "a template here")
                    .help("write its path: `schemas/user.schema.json`"),
            );
            return None;
        }
        let read = self.schemas.and_then(|schemas| schemas.get(node.place.source, path));
        match read {
            Some(schema::Read::Whole(schema)) => {
                Some((Value::from(path), Check::Schema(Arc::clone(schema))))
            }
            // What is wrong with it was said when it was read.
            Some(schema::Read::Broken) => None,
            None => {
                self.say(
                    Finding::error(Code::MissingFile, format!("the schema `{path}` was not read"))
                        .at(node.place, ""),
                );
                None
            }
        }
    }

    /// `{value: 1.5, within: 0.1}`.
    pub(super) fn close_to(&mut self, node: &Node) -> Option<(Value, Check)> {
        let mut parts: [Option<Literal>; 2] = [None, None];
        let mut complete = matches!(node.kind, Kind::Map(_));
        for Entry { key, value } in node.entries() {
            let slot = match key.value.as_str() {
                "value" => 0,
                "within" => 1,
                other => {
                    self.say(
                        Finding::error(
                            Code::UnknownKey,
                            format!("unknown key `{other}` under `close_to`"),
                        )
                        .at(key.place, "")
                        .help("the keys are `value` and `within`"),
                    );
                    return None;
                }
            };
            let literal = self.literal(value);
            if let Literal::Omitted = literal {
                self.omitted(value);
            }
            if let Literal::Known(known) = &literal
                && !known.is_number()
            {
                self.impossible(Operator::CloseTo, known, value, "write a number without quotes");
                return None;
            }
            if let Some(part) = parts.get_mut(slot) {
                *part = Some(literal);
            }
        }
        complete &= parts.iter().all(Option::is_some);
        if !complete {
            self.say(
                Finding::error(Code::MissingKey, "`close_to` needs `value` and `within`")
                    .at(node.place, "")
                    .help("write `{close_to: {value: 1.5, within: 0.1}}`"),
            );
            return None;
        }
        let [value, within] = parts;
        let number = |part: Option<Literal>| -> Option<Option<Number>> {
            match part? {
                Literal::Known(Value::Number(number)) => Some(Some(number)),
                Literal::Known(_) | Literal::Omitted => None,
                Literal::Pending => Some(None),
            }
        };
        let (Some(value), Some(within)) = (number(value)?, number(within)?) else {
            return Some((Value::Null, Check::Pending));
        };
        if json::compare(&within, &Number::from(0)).is_lt() {
            self.say(
                Finding::error(Code::ImpossibleAssertion, "a distance is never negative")
                    .at(node.place, ""),
            );
            return None;
        }
        let operand = serde_json::json!({"value": value, "within": within});
        Some((operand, Check::Near { value, within }))
    }

    fn statuses(&mut self, values: &[Value], node: &Node) -> Option<Check> {
        let mut patterns = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let Some(pattern) = StatusPattern::parse(value) else {
                self.no_status(value, node.items().get(index).unwrap_or(node));
                continue;
            };
            patterns.push(pattern);
        }
        if patterns.is_empty() {
            if values.is_empty() {
                self.say(
                    Finding::error(Code::BadStatus, "no status is listed")
                        .at(node.place, "")
                        .help("write `status: [200, 404]`, or `status: any`"),
                );
            }
            return None;
        }
        Some(Check::Statuses(patterns))
    }

    fn no_status(&mut self, value: &Value, node: &Node) {
        let shown =
            brief(value).map_or_else(|| in_words(value).to_owned(), |text| format!("`{text}`"));
        let quoted = value.as_str().is_some_and(|text| text.parse::<u16>().is_ok());
        self.say(
            Finding::error(Code::BadStatus, format!("{shown} is no status"))
                .at(node.place, "")
                .help(if quoted {
                    "write the number without quotes"
                } else {
                    "write `200`, `2xx`, `[200, 404]`, `{not: 5xx}` or `any`"
                }),
        );
    }

    fn contains(
        &mut self,
        operator: Operator,
        value: &Value,
        node: &Node,
        about: About,
    ) -> Option<Check> {
        use crate::query::Yields;
        match value {
            Value::String(text) if text.is_empty() => self.empty_text(operator, node),
            Value::String(_) => Some(Check::Value),
            _ if about == About::Kind(Yields::Text) => {
                self.impossible(operator, value, node, "put it in quotes")
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Some(Check::Value),
        }
    }

    fn regular(&mut self, pattern: &str, node: &Node) -> Option<Check> {
        match Regular::parse(pattern) {
            Ok(regular) => Some(Check::Regular(regular)),
            Err(fault) => {
                // What a template gave has no place inside the scalar.
                let content = node.content_place(self.text);
                let inside = content.filter(|_| node.as_str() == Some(pattern));
                let place =
                    inside.map_or(node.place, |content| content.inward(fault.range.clone()));
                self.say(Finding::of(&fault, place));
                None
            }
        }
    }

    fn types(&mut self, value: &Value, node: &Node) -> Option<Check> {
        let names: &[Value] = match value {
            Value::Array(names) if !names.is_empty() => names,
            other => std::slice::from_ref(other),
        };
        let mut types = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let known = name.as_str().and_then(|name| TYPES.iter().find(|known| **known == name));
            match (known, name.as_str()) {
                (Some(known), _) => types.push(*known),
                (None, written) => {
                    let place = node.items().get(index).map_or(node.place, |item| item.place);
                    let shown = written
                        .map_or_else(|| in_words(name).to_owned(), |name| format!("`{name}`"));
                    let alias = match written.unwrap_or_default() {
                        "int" => Some("integer"),
                        "float" | "double" => Some("number"),
                        "text" | "str" => Some("string"),
                        "bool" => Some("boolean"),
                        "list" => Some("array"),
                        "map" | "dict" | "mapping" => Some("object"),
                        other => nearest(other, TYPES),
                    };
                    let finding =
                        Finding::error(Code::BadValue, format!("{shown} is no type of JSON"))
                            .at(place, "");
                    self.say(match alias {
                        Some(alias) => finding.help(format!("did you mean `{alias}`?")),
                        None if name.is_null() => finding.help("put it in quotes: `\"null\"`"),
                        None => finding.help(format!("the types are {}", TYPES.join(", "))),
                    });
                }
            }
        }
        (types.len() == names.len()).then_some(Check::Types(types))
    }

    fn format(&mut self, value: &Value, node: &Node) -> Option<Check> {
        let words = Format::ALL.map(|(word, _)| word);
        if let Some(format) = value.as_str().and_then(Format::from_name) {
            return Some(Check::Format(format));
        }
        let shown =
            value.as_str().map_or_else(|| in_words(value).to_owned(), |name| format!("`{name}`"));
        let finding =
            Finding::error(Code::BadValue, format!("{shown} is no format")).at(node.place, "");
        self.say(match value.as_str().and_then(|name| nearest(name, words)) {
            Some(similar) => finding.help(format!("did you mean `{similar}`?")),
            None => finding.help(format!("the formats are {}", words.join(", "))),
        });
        None
    }

    fn list<'v>(
        &mut self,
        operator: Operator,
        value: &'v Value,
        node: &Node,
    ) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if items.is_empty() && operator != Operator::Unordered => {
                self.say(
                    Finding::error(
                        Code::ImpossibleAssertion,
                        format!("`{}` of an empty list decides nothing", operator.as_str()),
                    )
                    .at(node.place, ""),
                );
                None
            }
            Value::Array(items) => Some(items),
            _ => {
                self.wrong(operator, node, "a list", "[1, 2]");
                None
            }
        }
    }

    fn unless(&mut self, finding: Option<Finding>, check: Check) -> Option<Check> {
        match finding {
            Some(finding) => {
                self.say(finding);
                None
            }
            None => Some(check),
        }
    }

    fn empty_text(&mut self, operator: Operator, node: &Node) -> Option<Check> {
        self.say(
            Finding::error(
                Code::BadValue,
                format!("every text would fit `{}` of an empty one", operator.as_str()),
            )
            .at(node.place, "")
            .help("write the text that counts, or `{type: string}`"),
        );
        None
    }

    fn impossible(
        &mut self,
        operator: Operator,
        value: &Value,
        node: &Node,
        help: &str,
    ) -> Option<Check> {
        self.say(
            Finding::error(
                Code::ImpossibleAssertion,
                format!("`{}` cannot compare with {}", operator.as_str(), in_words(value)),
            )
            .at(node.place, "")
            .help(help.to_owned()),
        );
        None
    }

    fn wrong(
        &mut self,
        operator: Operator,
        node: &Node,
        wanted: &str,
        example: &str,
    ) -> Option<Check> {
        self.say(
            Finding::error(Code::WrongType, format!("`{}` takes {wanted}", operator.as_str()))
                .at(node.place, "")
                .help(format!("write for example `{{{}: {example}}}`", operator.as_str())),
        );
        None
    }
}
