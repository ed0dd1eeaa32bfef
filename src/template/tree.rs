//! A whole YAML value with templates in it, compiled: bodies, vars, rows.

use serde_json::Value;

use super::fault::EvalFault;
use super::scope::{Evaluated, Scope, Taint};
use super::{Template, eval::either};
use crate::finding::{Code, Finding};
use crate::source::Place;
use crate::yaml::{Kind, Node, Style};

/// A YAML value whose templates are compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTemplate {
    /// A value without templates.
    Literal(Value),
    /// A scalar with at least one expression, and where its content begins.
    Text(Box<Template>, Place),
    /// A list with a template somewhere in it.
    List(Vec<ValueTemplate>),
    /// A mapping with a template somewhere in it.
    Map(Vec<(String, ValueTemplate)>),
}

/// Compiles a value; `text` is the source that its places point into.
///
/// # Errors
/// Every fault of every template in it, each at its place.
pub fn compile(node: &Node, text: &str) -> Result<ValueTemplate, Vec<Finding>> {
    let mut findings = Vec::new();
    let compiled = compile_node(node, text, &mut findings);
    if findings.is_empty() { Ok(compiled) } else { Err(findings) }
}

/// Compiles one scalar that must be a text or a template; numbers and booleans are
/// sent as [`Node::text_of`] says (a plain `1.10` is `1.1`, with a warning when the plan is read).
///
/// # Errors
/// Every fault of the template, each at its place.
pub fn compile_text(node: &Node, text: &str) -> Result<Template, Vec<Finding>> {
    parse_at(&node.text_of().unwrap_or_default(), node, text)
}

fn parse_at(content: &str, node: &Node, text: &str) -> Result<Template, Vec<Finding>> {
    let inner = node.content_place(text);
    match Template::parse(content) {
        Ok(template) if template.is_whole_but_line_break() && node.style == Style::Block => {
            let finding = Finding::error(
                Code::YamlTrap,
                "`|` adds a line break to the template, so that its value becomes a text",
            );
            Err(vec![finding.at(node.place, "").help("write `|-`, or the template in one line")])
        }
        Ok(template) => Ok(template.placed(inner.unwrap_or(node.place))),
        Err(faults) => Err(faults
            .iter()
            .map(|fault| {
                let place = inner.map_or(node.place, |place| place.inward(fault.range.clone()));
                Finding::of(fault, place)
            })
            .collect()),
    }
}

fn compile_node(node: &Node, text: &str, findings: &mut Vec<Finding>) -> ValueTemplate {
    match &node.kind {
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {
            ValueTemplate::Literal(node.to_json())
        }
        Kind::String(content) => match parse_at(content, node, text) {
            Ok(template) => {
                if let Some(literal) = template.is_literal() {
                    return ValueTemplate::Literal(Value::from(literal));
                }
                let place = node.content_place(text).unwrap_or(node.place);
                ValueTemplate::Text(Box::new(template), place)
            }
            Err(more) => {
                findings.extend(more);
                ValueTemplate::Literal(Value::Null)
            }
        },
        Kind::List(items) => {
            let items: Vec<_> =
                items.iter().map(|item| compile_node(item, text, findings)).collect();
            let literals: Option<Vec<_>> = items.iter().map(ValueTemplate::as_literal).collect();
            match literals {
                Some(values) => ValueTemplate::Literal(values.into_iter().cloned().collect()),
                None => ValueTemplate::List(items),
            }
        }
        Kind::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| (entry.key.value.clone(), compile_node(&entry.value, text, findings)))
                .collect();
            let literals: Option<serde_json::Map<_, _>> = entries
                .iter()
                .map(|(key, value)| Some((key.clone(), value.as_literal()?.clone())))
                .collect();
            match literals {
                Some(fields) => ValueTemplate::Literal(Value::Object(fields)),
                None => ValueTemplate::Map(entries),
            }
        }
    }
}

impl ValueTemplate {
    /// The value, where no template is in it.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Text(..) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Shows every template with the place of its content.
    ///
    /// A fault's or name's range is relative to the content: `place.inward(range)` where
    /// [`exact`](Node::content_place) places are known, else the place is the whole scalar.
    pub fn visit<'t>(&'t self, visitor: &mut dyn FnMut(&'t Template, Place)) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template, place) => visitor(template, *place),
            Self::List(items) => items.iter().for_each(|item| item.visit(visitor)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.visit(visitor)),
        }
    }

    /// Evaluates the whole; `omit` removes the key or item that bears it.
    ///
    /// The taint names one secret if any part derives from one; [`eval_with`](Self::eval_with)
    /// hands out each part by itself.
    ///
    /// # Errors
    /// The first fault with the place of its scalar.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Evaluated, (Place, EvalFault)> {
        self.eval_with(scope, &mut |_, _| {})
    }

    /// The same, and `tainted` is shown every value that derives from a secret, with its name.
    ///
    /// # Errors
    /// The first fault with the place of its scalar.
    pub fn eval_with(
        &self,
        scope: &Scope<'_>,
        tainted: &mut dyn FnMut(&Value, &str),
    ) -> Result<Evaluated, (Place, EvalFault)> {
        let mut taint: Taint = None;
        let value = match self {
            Self::Literal(value) => value.clone(),
            Self::Text(template, place) => {
                let evaluated = template.eval(scope).map_err(|fault| (*place, fault))?;
                if let Evaluated::Value { value, taint: Some(name) } = &evaluated {
                    tainted(value, name);
                }
                return Ok(evaluated);
            }
            Self::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    if let Evaluated::Value { value, taint: secret } =
                        item.eval_with(scope, tainted)?
                    {
                        values.push(value);
                        taint = either(taint, secret);
                    }
                }
                Value::Array(values)
            }
            Self::Map(entries) => {
                let mut fields = serde_json::Map::new();
                for (key, value) in entries {
                    if let Evaluated::Value { value, taint: secret } =
                        value.eval_with(scope, tainted)?
                    {
                        fields.insert(key.clone(), value);
                        taint = either(taint, secret);
                    }
                }
                Value::Object(fields)
            }
        };
        Ok(Evaluated::Value { value, taint })
    }
}
