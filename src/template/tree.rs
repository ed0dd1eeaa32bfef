//! A whole YAML value with templates in it, compiled: bodies, vars, rows.

use serde_json::Value;

use super::fault::{EvalFault, TemplateFault};
use super::scope::{Entry, Evaluated, Scope, Taint};
use super::{EvaluatedPart, Template, eval::either};
use crate::finding::{Code, Finding};
use crate::secret::is_findable;
use crate::source::Place;
use crate::yaml::{Kind, Node, Style};

/// Learns a value that derives from the named secret, and says whether it will be known wherever it
/// stands.
pub(crate) type Tainted<'a> = dyn FnMut(&Value, &str) -> bool + 'a;

/// A YAML value whose templates are compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTemplate {
    /// A value without templates.
    Literal(Value),
    /// A scalar with at least one expression, and its place: of the content where that stands in
    /// the file as it is, else of the whole scalar.
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
    let content = node.text_of().unwrap_or_default();
    let template = placed(Template::parse(&content), node, text)?;
    // In quotes a line break at the end is written on purpose; in a block it is easily overlooked.
    if template.is_whole_but_line_break() && node.style == Style::Block {
        return Err(vec![line_break(node)]);
    }
    Ok(template)
}

/// A block that ends with a line break, where the value of the template was meant.
fn line_break(node: &Node) -> Finding {
    Finding::error(Code::YamlTrap, "the block ends with a line break, which makes this a text")
        .at(node.place, "")
        .help(
            "write `|-`, and the value keeps its type; if the line break is meant, \
             write `\"${{ … }}\\n\"`",
        )
}

/// Compiles one scalar that must be an expression, bare or in `${{ }}`: `if:`, an item of `assert:`.
///
/// # Errors
/// Every fault of the expression, each at its place.
pub fn compile_expression(node: &Node, text: &str) -> Result<Template, Vec<Finding>> {
    let content = node.text_of().unwrap_or_default();
    placed(Template::parse_expression(&content), node, text)
}

fn placed(
    parsed: Result<Template, Vec<TemplateFault>>,
    node: &Node,
    text: &str,
) -> Result<Template, Vec<Finding>> {
    let content = node.content_place(text);
    match (parsed, content) {
        (Ok(template), Some(content)) => Ok(template.placed(content)),
        (Ok(template), None) => Ok(template.placed_within(node.place)),
        (Err(faults), _) => Err(faults
            .iter()
            .map(|fault| {
                let place = content.map_or(node.place, |place| place.inward(fault.range.clone()));
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
        Kind::String(_) => match compile_text(node, text) {
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

    /// Shows every template with its place; [`Template::locate`] leads further in.
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
    /// The first fault with the smallest place that is known for it.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Evaluated, (Place, EvalFault)> {
        self.eval_with(scope, &mut |_, _| true)
    }

    /// The same, and `tainted` is shown every value that derives from a secret, with its name: of a
    /// text its parts, so that `Bearer` before a token is not taken for a part of it.
    ///
    /// # Errors
    /// The first fault with the smallest place that is known for it.
    pub fn eval_with(
        &self,
        scope: &Scope<'_>,
        tainted: &mut Tainted<'_>,
    ) -> Result<Evaluated, (Place, EvalFault)> {
        let mut taint: Taint = None;
        let value = match self {
            Self::Literal(value) => value.clone(),
            Self::Text(template, place) => {
                return text_with(template, scope, tainted)
                    .map_err(|fault| (template.locate(&fault.range, *place), fault));
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

    /// The same for a value that gets a name: each field of a mapping keeps the secret that it alone
    /// derives from, and an omitted one stays `omit` until it is used.
    ///
    /// # Errors
    /// The first fault with the smallest place that is known for it.
    pub fn entry_with(
        &self,
        scope: &Scope<'_>,
        tainted: &mut Tainted<'_>,
    ) -> Result<Entry, (Place, EvalFault)> {
        match self {
            Self::Literal(_) | Self::Text(..) | Self::List(_) => {
                Ok(self.eval_with(scope, tainted)?.into())
            }
            Self::Map(entries) => {
                let fields = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.entry_with(scope, tainted)?)));
                Ok(Entry::of_fields(fields.collect::<Result<_, _>>()?))
            }
        }
    }
}

/// One scalar. The whole text is shown to `tainted` only where it says that a part, too short to be
/// told from other text, is not known by itself.
fn text_with(
    template: &Template,
    scope: &Scope<'_>,
    tainted: &mut Tainted<'_>,
) -> Result<Evaluated, EvalFault> {
    if template.is_whole() {
        let evaluated = template.eval(scope)?;
        if let Evaluated::Value { value, taint: Some(name) } = &evaluated
            && !template.is_lookup()
        {
            tainted(value, name);
        }
        return Ok(evaluated);
    }
    let (mut text, mut taint, mut covered) = (String::new(), None, true);
    for part in template.eval_parts(scope)?.unwrap_or_default() {
        match part {
            EvaluatedPart::Literal(literal) => text.push_str(literal),
            EvaluatedPart::Value { text: part, taint: secret, looked_up, .. } => {
                text.push_str(&part);
                if let Some(name) = &secret {
                    covered &=
                        (looked_up && is_findable(&part)) || tainted(&Value::String(part), name);
                }
                taint = either(taint, secret);
            }
        }
    }
    let value = Value::String(text);
    if let (false, Some(name)) = (covered, &taint) {
        tainted(&value, name);
    }
    Ok(Evaluated::Value { value, taint })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Seed;
    use super::super::tests::{names, with_scope};
    use super::*;
    use crate::source::{SourceId, SourceText};

    fn read(text: &str) -> (Node, SourceText) {
        let source = SourceText::new(SourceId(0), "a.yaml".into(), text.into());
        let (node, _) = crate::yaml::read(&source);
        (node.unwrap(), source)
    }

    fn tree(text: &str) -> (ValueTemplate, SourceText) {
        let (node, source) = read(text);
        (compile(&node, text).unwrap(), source)
    }

    const BODY: &str = r#"
name: ${{ word }}
count: "${{ count }}"
price: 1.10
big: ${{ big }}
plain: {a: [1, null], text: "$${{ x }}"}
gone: ${{ omit }}
list: ["${{ left_out }}", "n-${{ count }}", 2]
nested: {deep: {gone: "${{ missing | default(omit) }}", secret: "${{ secrets.api_key }}", bearer: "Bearer ${{ secrets.api_key }}"}}
derived: ${{ secrets.api_key | upper }}
braces: "${{ '{{ x }}' }}"
"#;

    #[test]
    fn a_whole_body_keeps_types_and_loses_what_is_omitted() {
        let (tree, _) = tree(BODY);
        let mut seen = Vec::new();
        let evaluated = with_scope(&names(), Seed::default(), |scope| {
            tree.eval_with(scope, &mut |value, name| {
                seen.push((value.clone(), name.to_owned()));
                true
            })
        })
        .unwrap();
        assert_eq!(evaluated.taint().as_deref(), Some("api_key"));
        let expected = r#"{"name":"Ada Lovelace","count":3,"price":1.10,"big":18446744073709551616,"plain":{"a":[1,null],"text":"${{ x }}"},"list":["n-3",2],"nested":{"deep":{"secret":"hk_live_0123","bearer":"Bearer hk_live_0123"}},"derived":"HK_LIVE_0123","braces":"{{ x }}"}"#;
        assert_eq!(evaluated.value().unwrap().to_string(), expected);
        // What is only looked up was learned with its name.
        assert_eq!(seen, [(json!("HK_LIVE_0123"), "api_key".to_owned())]);
    }

    #[test]
    fn what_holds_no_template_is_one_literal() {
        let (tree, _) = tree("a: [1, {b: x}]\nc: '$${{ y }}'\n");
        assert_eq!(tree.as_literal(), Some(&json!({"a": [1, {"b": "x"}], "c": "${{ y }}"})));
        let mut count = 0;
        tree.visit(&mut |_, _| count += 1);
        assert_eq!(count, 0);
    }

    #[test]
    fn every_template_and_every_name_has_its_place() {
        let text = "a: x ${{ user.name }}\nb: ['${{ count }}']\nc: \"\\x41 ${{ big }}\"\n";
        let (tree, source) = tree(text);
        let mut found = Vec::new();
        tree.visit(&mut |template, place| {
            for name in template.names() {
                found.push(source.slice(template.locate(&name.range, place).span).to_owned());
            }
        });
        assert_eq!(found, ["user.name", "count", "\"\\x41 ${{ big }}\""]);
    }

    #[test]
    fn every_fault_of_a_tree_is_found_at_its_place() {
        let text = "a: ${{ x | uper }}\nb:\n  - '${{ !y }}'\n  - n-${{ omit }}\n";
        let (node, source) = read(text);
        let findings = compile(&node, text).unwrap_err();
        let places: Vec<_> =
            findings.iter().filter_map(Finding::place).map(|p| source.slice(p.span)).collect();
        assert_eq!(places, ["uper", "!", "omit"]);
    }

    #[test]
    fn a_fault_at_run_time_has_the_smallest_place() {
        let (tree, source) = tree("a:\n  - ${{ user.nmae }}\n");
        let (place, _) =
            with_scope(&names(), Seed::default(), |scope| tree.eval(scope)).unwrap_err();
        assert_eq!(source.slice(place.span), "user.nmae");
    }

    #[test]
    fn an_expression_may_be_a_boolean_of_the_file() {
        let (node, _) = read("true");
        let template = compile_expression(&node, "true").unwrap();
        let evaluated = with_scope(&names(), Seed::default(), |scope| template.eval(scope));
        assert_eq!(evaluated.unwrap().value(), Some(json!(true)));
        let (node, source) = read("count === 3");
        let findings = compile_expression(&node, &source.text).unwrap_err();
        let place = findings.first().and_then(Finding::place).unwrap();
        assert_eq!(source.slice(place.span), "===");
    }

    #[test]
    fn braces_without_a_dollar_are_a_mistake_wherever_a_template_may_stand() {
        for text in ["'{{ x }}'", "/echo/{{ host }}", "\"Hi {{ name }}\"", "a: ['{{ x }}']"] {
            let (node, source) = read(text);
            let findings = compile(&node, &source.text).unwrap_err();
            let [finding] = findings.as_slice() else { panic!("{text}: {findings:?}") };
            assert_eq!(finding.code, Code::YamlTrap, "{text}");
            let place = source.slice(finding.place().unwrap().span);
            assert!(place.starts_with("{{ ") && place.ends_with(" }}"), "{text}: {place}");
        }
        // The twins: what is meant as text, and what only looks a little like it.
        for (text, meant) in [
            ("\"${{ '{{ x }}' }}\"", "{{ x }}"),
            ("'a{{2}} {\"b\":{\"c\":1}}'", "a{{2}} {\"b\":{\"c\":1}}"),
        ] {
            let (tree, _) = tree(text);
            let evaluated = with_scope(&names(), Seed::default(), |scope| tree.eval(scope));
            assert_eq!(evaluated.unwrap().value(), Some(json!(meant)), "{text}");
        }
    }

    #[test]
    fn a_block_that_ends_with_a_line_break_is_no_whole_template() {
        for text in
            ["a: |\n  ${{ count }}\n", "a: >\n  ${{ count }}\n", "a: |+\n  ${{ count }}\n\n"]
        {
            let (node, source) = read(text);
            let findings = compile(&node, &source.text).unwrap_err();
            assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::YamlTrap]);
            assert!(findings.iter().flat_map(|f| &f.help).any(|help| help.contains("`|-`")));
        }
        for (text, value) in [
            ("a: |-\n  ${{ count }}\n", json!({"a": 3})),
            ("a: \"${{ count }}\\n\"\n", json!({"a": "3\n"})),
            ("a: |\n  n ${{ count }}\n", json!({"a": "n 3\n"})),
        ] {
            let (tree, _) = tree(text);
            let evaluated = with_scope(&names(), Seed::default(), |scope| tree.eval(scope));
            assert_eq!(evaluated.unwrap().value(), Some(value), "{text}");
        }
    }
}
