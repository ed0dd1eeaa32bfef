//! An expression after its check: every function, filter and test in it exists.

use std::ops::Range;

use minijinja::machinery::{ast, parse_expr};
use regex::Regex;
use serde_json::Value;

use super::catalog::{self, Function};
use super::fault::{Role, TemplateFault, TemplateFaultKind};
use super::names::{FileUse, NameUse, Uses, static_path};
use super::scan::{count_operators, foreign_signs};

/// A node of an expression and where it stands in the content.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    pub(super) range: Range<usize>,
    pub(super) node: Node,
}

/// What an expression is made of.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Literal(Value),
    Name(String),
    Unique,
    Omit,
    Field(Box<Expr>, String),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a < b <= c`.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    If {
        test: Box<Expr>,
        yes: Box<Expr>,
        no: Option<Box<Expr>>,
    },
    Default {
        input: Box<Expr>,
        instead: Option<Box<Expr>>,
        also_false: Option<Box<Expr>>,
    },
    IsDefined {
        input: Box<Expr>,
        wanted: bool,
    },
    Filter {
        name: &'static str,
        input: Box<Expr>,
        arguments: Arguments,
        regex: Option<Regex>,
    },
    Test {
        name: &'static str,
        input: Box<Expr>,
        arguments: Arguments,
    },
    Call {
        function: Function,
        arguments: Arguments,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
}

impl Expr {
    /// Whether it only hands on what a name stands for: then what is secret in it was learned when
    /// the name was given its value, part by part, and the whole is no secret of its own.
    pub(super) fn is_lookup(&self) -> bool {
        match &self.node {
            Node::Literal(_) | Node::Name(_) | Node::Unique | Node::Omit => true,
            Node::Field(parent, _) => parent.is_lookup(),
            Node::Item(parent, key) => parent.is_lookup() && matches!(key.node, Node::Literal(_)),
            Node::If { test: _, yes, no } => {
                yes.is_lookup() && no.as_deref().is_none_or(Self::is_lookup)
            }
            Node::Default { input, instead, also_false: _ } => {
                input.is_lookup() && instead.as_deref().is_none_or(Self::is_lookup)
            }
            // `raw` only says how a URL takes the value.
            Node::Filter { name, input, .. } => *name == "raw" && input.is_lookup(),
            Node::Slice(..)
            | Node::Not(_)
            | Node::Negate(_)
            | Node::And(..)
            | Node::Or(..)
            | Node::Binary(..)
            | Node::Chain(..)
            | Node::IsDefined { .. }
            | Node::Test { .. }
            | Node::Call { .. }
            | Node::List(_)
            | Node::Map(_) => false,
        }
    }
}

/// What stands in the parentheses of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Expr>,
    pub(super) named: Vec<(String, Expr)>,
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Join,
}

/// The longest expression, in bytes.
const LONGEST: usize = 8 * 1024;
/// The deepest nesting of an expression: what a thread with a small stack can walk.
const DEEPEST: usize = 64;
/// The most operators of an expression, since the parser nests each in the one before.
const MOST_OPERATORS: usize = 300;

/// Parses the bytes `inner` of a content; all faults are collected.
pub(super) fn parse(
    content: &str,
    inner: Range<usize>,
    uses: &mut Uses,
    faults: &mut Vec<TemplateFault>,
) -> Option<Expr> {
    let whole = content.get(inner.clone()).unwrap_or_default();
    let source = whole.trim();
    let base = inner.start + (whole.len() - whole.trim_start().len());
    let range = base..base + source.len();
    if source.is_empty() {
        faults.push(TemplateFault { range: inner, kind: TemplateFaultKind::Empty });
        return None;
    }
    if source.len() > LONGEST || count_operators(source) > MOST_OPERATORS {
        faults.push(TemplateFault { range, kind: TemplateFaultKind::TooLarge });
        return None;
    }
    let before = faults.len();
    foreign_signs(source, base, faults);
    if faults.len() > before {
        return None;
    }
    let tree = match parse_expr(source) {
        Ok(tree) => tree,
        Err(error) => {
            let at = error.range().unwrap_or(0..source.len());
            // The parser counts bytes; a label begins and ends between characters.
            let end = (at.end.min(source.len())..=source.len())
                .find(|end| source.is_char_boundary(*end))
                .unwrap_or(source.len());
            let start =
                (0..=at.start.min(end)).rfind(|start| source.is_char_boundary(*start)).unwrap_or(0);
            let message = error.detail().unwrap_or("no expression").to_owned();
            let kind = TemplateFaultKind::Syntax { message };
            faults.push(TemplateFault { range: base + start..base + end, kind });
            return None;
        }
    };
    let mut lowering = Lowering { source, base, uses, faults, guard: false };
    let expr = lowering.expr(&tree, 0);
    lowering.guard_tested();
    (faults.len() == before).then_some(expr)
}

struct Lowering<'a> {
    source: &'a str,
    base: usize,
    uses: &'a mut Uses,
    faults: &'a mut Vec<TemplateFault>,
    guard: bool,
}

impl Lowering<'_> {
    fn range(&self, span: minijinja::machinery::Span) -> Range<usize> {
        self.base + span.start_offset as usize..self.base + span.end_offset as usize
    }

    fn fault(&mut self, range: Range<usize>, kind: TemplateFaultKind) {
        self.faults.push(TemplateFault { range, kind });
    }

    fn boxed(&mut self, tree: &ast::Expr<'_>, depth: usize) -> Box<Expr> {
        Box::new(self.expr(tree, depth))
    }

    fn optional(&mut self, tree: Option<&ast::Expr<'_>>, depth: usize) -> Option<Box<Expr>> {
        tree.map(|tree| self.boxed(tree, depth))
    }

    /// The same, without the protection that a `default` around the parent gives.
    fn bare<T>(&mut self, guard: bool, make: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.guard, guard);
        let result = make(self);
        self.guard = before;
        result
    }

    fn expr(&mut self, tree: &ast::Expr<'_>, depth: usize) -> Expr {
        let range = self.range(tree.span());
        if depth > DEEPEST {
            if !self.faults.iter().any(|f| f.kind == TemplateFaultKind::TooLarge) {
                self.fault(range.clone(), TemplateFaultKind::TooLarge);
            }
            return Expr { range, node: Node::Literal(Value::Null) };
        }
        let next = depth + 1;
        let is_path =
            matches!(tree, ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_));
        let guard = self.guard && is_path;
        let node = self.bare(guard, |this| this.node(tree, range.clone(), next));
        // The parser begins some spans one token early; the parts know better.
        let range = match &node {
            Node::Binary(_, left, right) | Node::And(left, right) | Node::Or(left, right) => {
                left.range.start..right.range.end
            }
            Node::Chain(first, rest) => {
                first.range.start..rest.last().map_or(range.end, |(_, last)| last.range.end)
            }
            Node::If { yes, .. } => yes.range.start..range.end,
            Node::Field(parent, _) | Node::Item(parent, _) | Node::Slice(parent, _) => {
                parent.range.start..range.end
            }
            Node::Filter { input, .. } | Node::Default { input, .. } => {
                input.range.start..range.end.max(input.range.end)
            }
            Node::Literal(_)
            | Node::Name(_)
            | Node::Unique
            | Node::Omit
            | Node::Not(_)
            | Node::Negate(_)
            | Node::IsDefined { .. }
            | Node::Test { .. }
            | Node::Call { .. }
            | Node::List(_)
            | Node::Map(_) => range,
        };
        Expr { range, node }
    }

    fn node(&mut self, tree: &ast::Expr<'_>, range: Range<usize>, depth: usize) -> Node {
        match tree {
            ast::Expr::Var(var) => self.name(var.id, range),
            ast::Expr::Const(constant) => Node::Literal(self.literal(&constant.value, &range)),
            ast::Expr::GetAttr(get) => {
                let noted = self.use_of(tree);
                let parent = self.parent(&get.expr, noted, depth);
                Node::Field(Box::new(parent), get.name.to_owned())
            }
            ast::Expr::GetItem(get) => {
                let noted = self.use_of(tree);
                let parent = Box::new(self.parent(&get.expr, noted, depth));
                let key = self.bare(false, |this| this.boxed(&get.subscript_expr, depth));
                match key.node {
                    Node::Literal(Value::String(field)) => Node::Field(parent, field),
                    _ => Node::Item(parent, key),
                }
            }
            ast::Expr::Slice(slice) => {
                let parent = self.boxed(&slice.expr, depth);
                let parts = [&slice.start, &slice.stop, &slice.step]
                    .map(|part| self.optional(part.as_ref(), depth));
                Node::Slice(parent, parts)
            }
            ast::Expr::UnaryOp(unary) => {
                let operand = self.boxed(&unary.expr, depth);
                match unary.op {
                    ast::UnaryOpKind::Not => Node::Not(operand),
                    ast::UnaryOpKind::Neg => Node::Negate(operand),
                }
            }
            ast::Expr::BinOp(binary) => {
                let left = self.boxed(&binary.left, depth);
                let right = self.boxed(&binary.right, depth);
                match binary.op {
                    ast::BinOpKind::ScAnd => Node::And(left, right),
                    ast::BinOpKind::ScOr => Node::Or(left, right),
                    op => Node::Binary(operator(op), left, right),
                }
            }
            ast::Expr::Compare(compare) => {
                let first = self.boxed(&compare.expr, depth);
                let rest = compare
                    .ops
                    .iter()
                    .map(|op| (comparison(op.op), self.expr(&op.expr, depth)))
                    .collect();
                Node::Chain(first, rest)
            }
            ast::Expr::IfExpr(choice) => Node::If {
                test: self.boxed(&choice.test_expr, depth),
                yes: self.boxed(&choice.true_expr, depth),
                no: self.optional(choice.false_expr.as_ref(), depth),
            },
            ast::Expr::Filter(filter) => self.filter(filter, range, depth),
            ast::Expr::Test(test) => self.test(test, range, depth),
            ast::Expr::Call(call) => self.call(call, range, depth),
            ast::Expr::List(list) => self.list(&list.items, depth),
            ast::Expr::Tuple(tuple) => self.list(&tuple.items, depth),
            ast::Expr::Map(map) => Node::Map(
                map.keys
                    .iter()
                    .zip(&map.values)
                    .map(|(key, value)| (self.expr(key, depth), self.expr(value, depth)))
                    .collect(),
            ),
        }
    }

    fn list(&mut self, items: &[ast::Expr<'_>], depth: usize) -> Node {
        Node::List(items.iter().map(|item| self.expr(item, depth)).collect())
    }

    /// The inside of a path; not noted again where the whole path was.
    fn parent(&mut self, tree: &ast::Expr<'_>, noted: bool, depth: usize) -> Expr {
        let before = self.uses.names.len();
        let parent = self.expr(tree, depth);
        if noted {
            self.uses.names.truncate(before);
        }
        parent
    }

    fn name(&mut self, name: &str, range: Range<usize>) -> Node {
        match name {
            "omit" => {
                self.uses.omits.push(range);
                Node::Omit
            }
            "unique" => Node::Unique,
            "null" | "nil" | "undefined" => {
                let written = if name == "null" { "null" } else { "nil" };
                let instead = if name == "undefined" { "`x is defined`" } else { "`none`" };
                let written = if name == "undefined" { "undefined" } else { written };
                self.fault(range, TemplateFaultKind::Foreign { written, instead });
                Node::Literal(Value::Null)
            }
            _ => {
                self.uses.names.push(NameUse {
                    path: vec![name.to_owned()],
                    segments: vec![range.clone()],
                    range,
                    guarded: self.guard,
                });
                Node::Name(name.to_owned())
            }
        }
    }

    /// Notes a path that is known without running; says whether it is one.
    fn use_of(&mut self, tree: &ast::Expr<'_>) -> bool {
        let Some(steps) = static_path(tree) else { return false };
        let root = steps.first().map(|(name, _)| name.as_str());
        if matches!(root, Some("omit" | "unique" | "null" | "nil" | "undefined") | None) {
            return false;
        }
        let segments: Vec<_> = steps.iter().map(|(_, span)| self.range(*span)).collect();
        let start = segments.first().map_or(self.base, |range| range.start);
        let end = self.range(tree.span()).end;
        let path = steps.into_iter().map(|(name, _)| name).collect();
        self.uses.names.push(NameUse { path, segments, range: start..end, guarded: self.guard });
        true
    }

    fn literal(&self, value: &minijinja::Value, range: &Range<usize>) -> Value {
        use minijinja::value::ValueKind;
        match value.kind() {
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::String => Value::from(value.as_str().unwrap_or_default()),
            ValueKind::Number => {
                // The lexeme, not the parsed number: it has all digits.
                let start = range.start.saturating_sub(self.base);
                let end = range.end.saturating_sub(self.base);
                let lexeme = self.source.get(start..end).unwrap_or_default();
                let exact = serde_json::from_str(lexeme).ok().filter(Value::is_number);
                exact.or_else(|| serde_json::from_str(&value.to_string()).ok()).unwrap_or_default()
            }
            _ => Value::Null,
        }
    }

    fn arguments(&mut self, given: &[ast::CallArg<'_>], depth: usize) -> Arguments {
        let mut arguments = Arguments::default();
        for argument in given {
            match argument {
                ast::CallArg::Pos(value) => arguments.positional.push(self.expr(value, depth)),
                ast::CallArg::Kwarg(name, value) => {
                    arguments.named.push(((*name).to_owned(), self.expr(value, depth)));
                }
                ast::CallArg::PosSplat(value) | ast::CallArg::KwargSplat(value) => {
                    let range = self.range(value.span());
                    let what = "arguments with `*`";
                    self.fault(range, TemplateFaultKind::Unsupported { what });
                }
            }
        }
        arguments
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, range: Range<usize>, depth: usize) -> Node {
        let Some(input) = &filter.expr else { return Node::Literal(Value::Null) };
        let is_default = matches!(filter.name, "default" | "d");
        let input = self.bare(is_default, |this| this.boxed(input, depth));
        let arguments = self.arguments(&filter.args, depth);
        let at = self.name_in(filter.name, &range);
        if is_default {
            let Arguments { positional, named } = arguments;
            let mut positional = positional.into_iter().map(Box::new);
            let instead = positional.next();
            let named = named.into_iter().find(|(name, _)| name == "boolean");
            let also_false = positional.next().or(named.map(|(_, value)| Box::new(value)));
            return Node::Default { input, instead, also_false };
        }
        let Some(name) = catalog::filter(filter.name) else {
            self.unknown(Role::Filter, filter.name, at);
            return Node::Literal(Value::Null);
        };
        self.check_count(catalog::filter_signature(name), &arguments, &range);
        let regex = if name == "regex" { self.regex(&arguments) } else { None };
        Node::Filter { name, input, arguments, regex }
    }

    fn regex(&mut self, arguments: &Arguments) -> Option<Regex> {
        let pattern = arguments.positional.first()?;
        let Node::Literal(Value::String(text)) = &pattern.node else { return None };
        match catalog::compile_regex(text) {
            Ok(regex) => Some(regex),
            Err(fault) => {
                // The place inside the pattern, where the pattern is written without escapes.
                let inner = pattern.range.start + 1..pattern.range.end.saturating_sub(1);
                let start = inner.start.saturating_sub(self.base);
                let written = self.source.get(start..inner.end.saturating_sub(self.base));
                let range = match fault.range {
                    Some(at) if written == Some(text.as_str()) => {
                        inner.start + at.start..inner.start + at.end
                    }
                    Some(_) | None => pattern.range.clone(),
                };
                self.fault(range, TemplateFaultKind::BadRegex { message: fault.message });
                None
            }
        }
    }

    fn test(&mut self, test: &ast::Test<'_>, range: Range<usize>, depth: usize) -> Node {
        let wanted = match test.name {
            "defined" => Some(true),
            "undefined" => Some(false),
            _ => None,
        };
        let input = self.bare(wanted.is_some(), |this| this.boxed(&test.expr, depth));
        let arguments = self.arguments(&test.args, depth);
        if let Some(wanted) = wanted {
            return Node::IsDefined { input, wanted };
        }
        let Some(name) = catalog::test(test.name) else {
            let at = self.name_in(test.name, &range);
            self.unknown(Role::Test, test.name, at);
            return Node::Literal(Value::Null);
        };
        Node::Test { name, input, arguments }
    }

    fn call(&mut self, call: &ast::Call<'_>, range: Range<usize>, depth: usize) -> Node {
        let name = match &call.expr {
            ast::Expr::Var(var) => var.id,
            ast::Expr::GetAttr(method) => {
                let end = self.range(method.span()).end;
                let at = end.saturating_sub(method.name.len())..end;
                let is_filter = catalog::filter(method.name).is_some();
                let name = method.name.to_owned();
                self.fault(at, TemplateFaultKind::Method { name, is_filter });
                return Node::Literal(Value::Null);
            }
            _ => {
                self.fault(range, TemplateFaultKind::Unsupported { what: "calls of values" });
                return Node::Literal(Value::Null);
            }
        };
        let arguments = self.arguments(&call.args, depth);
        let Some(function) = Function::from_name(name) else {
            let at = self.range(call.expr.span());
            self.unknown(Role::Function, name, at);
            return Node::Literal(Value::Null);
        };
        self.check_count(function.signature(), &arguments, &range);
        let literal = arguments.positional.first().map(|first| (&first.node, first.range.clone()));
        match (function, literal) {
            (Function::File, Some((Node::Literal(Value::String(path)), range))) => {
                self.uses.files.push(FileUse { path: path.clone(), range });
            }
            (Function::Fake, Some((Node::Literal(Value::String(what)), range)))
                if !matches!(what.as_str(), "email" | "name") =>
            {
                let message = format!("there is no fake `{what}`");
                let signature = Function::Fake.signature().unwrap_or_default();
                self.fault(range, TemplateFaultKind::BadArgument { signature, message });
            }
            _ => {}
        }
        Node::Call { function, arguments }
    }

    fn check_count(
        &mut self,
        signature: Option<&'static str>,
        arguments: &Arguments,
        range: &Range<usize>,
    ) {
        let Some(signature) = signature else { return };
        let wanted = catalog::arity(signature);
        let given = arguments.positional.len() + arguments.named.len();
        let takes_names = signature.starts_with("dict");
        if !wanted.contains(&given) || (!arguments.named.is_empty() && !takes_names) {
            let kind = TemplateFaultKind::ArgumentCount { signature, given };
            self.fault(range.clone(), kind);
        }
    }

    fn unknown(&mut self, role: Role, name: &str, range: Range<usize>) {
        let (similar, elsewhere) = catalog::instead(role, name);
        let name = name.to_owned();
        self.fault(range, TemplateFaultKind::Unknown { role, name, similar, elsewhere });
    }

    /// Where the name of a filter or test stands: the last time in its node, before its arguments.
    fn name_in(&self, name: &str, range: &Range<usize>) -> Range<usize> {
        let start = range.start.saturating_sub(self.base);
        let text = self.source.get(start..range.end.saturating_sub(self.base)).unwrap_or_default();
        match text.find(name) {
            Some(at) => range.start + at..range.start + at + name.len(),
            None => range.clone(),
        }
    }

    /// `x if x is defined else y`: a name that is asked about may be missing elsewhere too.
    fn guard_tested(&mut self) {
        let guarded: Vec<_> =
            self.uses.names.iter().filter(|name| name.guarded).map(|n| n.path.clone()).collect();
        for name in &mut self.uses.names {
            name.guarded |= guarded.iter().any(|path| name.path.starts_with(path));
        }
    }
}

fn operator(op: ast::BinOpKind) -> Operator {
    match op {
        ast::BinOpKind::Eq | ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => Operator::Equal,
        ast::BinOpKind::Ne => Operator::NotEqual,
        ast::BinOpKind::Lt => Operator::Less,
        ast::BinOpKind::Lte => Operator::LessOrEqual,
        ast::BinOpKind::Gt => Operator::Greater,
        ast::BinOpKind::Gte => Operator::GreaterOrEqual,
        ast::BinOpKind::Add => Operator::Add,
        ast::BinOpKind::Sub => Operator::Subtract,
        ast::BinOpKind::Mul => Operator::Multiply,
        ast::BinOpKind::Div => Operator::Divide,
        ast::BinOpKind::FloorDiv => Operator::FloorDivide,
        ast::BinOpKind::Rem => Operator::Remainder,
        ast::BinOpKind::Pow => Operator::Power,
        ast::BinOpKind::Concat => Operator::Join,
        ast::BinOpKind::In => Operator::In,
    }
}

fn comparison(op: ast::CompareOpKind) -> Operator {
    match op {
        ast::CompareOpKind::Eq => Operator::Equal,
        ast::CompareOpKind::Ne => Operator::NotEqual,
        ast::CompareOpKind::Lt => Operator::Less,
        ast::CompareOpKind::Lte => Operator::LessOrEqual,
        ast::CompareOpKind::Gt => Operator::Greater,
        ast::CompareOpKind::Gte => Operator::GreaterOrEqual,
        ast::CompareOpKind::In => Operator::In,
        ast::CompareOpKind::NotIn => Operator::NotIn,
    }
}
