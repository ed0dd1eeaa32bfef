//! The walk of RFC 9535 §2.3–2.5 over a document, in document order, comparing numbers exactly.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::Key;
use crate::json;
use crate::query::regular;

/// One segment.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// `[…]`: the children that a selector picks.
    Children(Vec<Pick>),
    /// `..[…]`: the same of every descendant, the node itself first.
    Descendants(Vec<Pick>),
}

/// One selector.
#[derive(Debug, Clone)]
pub(super) enum Pick {
    /// A name or an index.
    Key(Key),
    /// `*`.
    Any,
    /// `start:end:step`.
    Slice(Option<i64>, Option<i64>, i64),
    /// `?…`.
    Where(Logic),
}

/// A filter.
#[derive(Debug, Clone)]
pub(super) enum Logic {
    /// `a || b`.
    Any(Vec<Logic>),
    /// `a && b`.
    All(Vec<Logic>),
    /// `!a`.
    Not(Box<Logic>),
    /// A query that yields something.
    Exists(Query),
    /// A comparison.
    Compare(Operand, Relation, Operand),
    /// `match` or `search`.
    Matches(Operand, Pattern),
}

/// A query inside a filter.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// `$` instead of `@`.
    pub(super) absolute: bool,
    /// Its segments.
    pub(super) steps: Vec<Step>,
}

/// One side of a comparison, or an argument.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A literal.
    Literal(Value),
    /// A query that yields at most one value.
    Singular(Query),
    /// `length(…)`.
    Length(Box<Operand>),
    /// `count(…)`.
    Count(Query),
    /// `value(…)`.
    Value(Query),
}

/// The pattern of `match` or `search`.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Written in the path.
    Fixed(Regex),
    /// Taken from the document; the flag says that the whole text must match.
    Taken(Operand, Whole),
}

/// Whether the whole text must match (`match`) or a part of it (`search`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// `match`.
    Yes,
    /// `search`.
    No,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Whether the walk goes on after a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It does.
    On,
    /// It was enough.
    Stop,
}

/// The way to a node: keys as they stand in the document, indices from the start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    /// A field.
    Name(&'a str),
    /// An item.
    Index(usize),
}

type OnHit<'a, 'f> = dyn FnMut(&'a Value, &[Token<'a>]) -> Flow + 'f;

impl Step {
    /// The key of a segment that picks exactly one child.
    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Children(picks) => match picks.as_slice() {
                [Pick::Key(key)] => Some(key),
                _ => None,
            },
            Self::Descendants(_) => None,
        }
    }
}

impl Step {
    /// The key of a segment that picks one name or index of each node that it looks at.
    pub(super) fn last_key(&self) -> Option<&Key> {
        match self {
            Self::Children(picks) | Self::Descendants(picks) => match picks.as_slice() {
                [Pick::Key(key)] => Some(key),
                _ => None,
            },
        }
    }
}

/// The child under a key.
pub(super) fn child<'a>(value: &'a Value, key: &Key) -> Option<&'a Value> {
    child_token(value, key).map(|(_, child)| child)
}

fn child_token<'a>(value: &'a Value, key: &Key) -> Option<(Token<'a>, &'a Value)> {
    match (key, value) {
        (Key::Name(name), Value::Object(fields)) => fields
            .get_key_value(name.as_str())
            .map(|(name, child)| (Token::Name(name.as_str()), child)),
        (Key::Index(index), Value::Array(items)) => {
            let at = position(*index, items.len())?;
            items.get(at).map(|item| (Token::Index(at), item))
        }
        _ => None,
    }
}

/// An index counted from the start; nothing where it lies outside.
fn position(index: i64, len: usize) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { len.checked_sub(distance) } else { Some(distance) }
}

/// The JSON pointer (RFC 6901) of a trail.
pub(super) fn pointer(trail: &[Token<'_>]) -> String {
    let mut text = String::new();
    for token in trail {
        match token {
            Token::Name(name) => json::push(&mut text, name),
            Token::Index(index) => json::push_index(&mut text, *index),
        }
    }
    text
}

/// The JSON pointer of keys that exist in the document.
pub(super) fn pointer_of(root: &Value, keys: &[Key]) -> String {
    let mut text = String::new();
    let mut value = Some(root);
    for key in keys {
        let Some((token, next)) = value.and_then(|value| child_token(value, key)) else { break };
        text.push_str(&pointer(&[token]));
        value = Some(next);
    }
    text
}

/// Calls `hit` for every node that the steps reach from `node`, in the order of RFC 9535.
pub(super) fn visit<'a>(
    steps: &[Step],
    node: &'a Value,
    root: &'a Value,
    trail: &mut Vec<Token<'a>>,
    hit: &mut OnHit<'a, '_>,
) -> Flow {
    let Some((step, rest)) = steps.split_first() else { return hit(node, trail) };
    match step {
        Step::Children(picks) => pick_all(picks, rest, node, root, trail, hit),
        Step::Descendants(picks) => descend(picks, rest, node, root, trail, hit),
    }
}

fn descend<'a>(
    picks: &[Pick],
    rest: &[Step],
    node: &'a Value,
    root: &'a Value,
    trail: &mut Vec<Token<'a>>,
    hit: &mut OnHit<'a, '_>,
) -> Flow {
    if !matches!(node, Value::Array(_) | Value::Object(_)) {
        return Flow::On;
    }
    if pick_all(picks, rest, node, root, trail, hit) == Flow::Stop {
        return Flow::Stop;
    }
    each_child(node, trail, &mut |child, trail| descend(picks, rest, child, root, trail, hit))
}

fn each_child<'a>(
    node: &'a Value,
    trail: &mut Vec<Token<'a>>,
    act: &mut dyn FnMut(&'a Value, &mut Vec<Token<'a>>) -> Flow,
) -> Flow {
    let mut enter = |token: Token<'a>, child: &'a Value| {
        trail.push(token);
        let flow = act(child, trail);
        trail.pop();
        flow
    };
    let stopped = match node {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .any(|(index, item)| enter(Token::Index(index), item) == Flow::Stop),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, child)| enter(Token::Name(name.as_str()), child) == Flow::Stop),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if stopped { Flow::Stop } else { Flow::On }
}

fn pick_all<'a>(
    picks: &[Pick],
    rest: &[Step],
    node: &'a Value,
    root: &'a Value,
    trail: &mut Vec<Token<'a>>,
    hit: &mut OnHit<'a, '_>,
) -> Flow {
    for pick in picks {
        let flow = match pick {
            Pick::Key(key) => match child_token(node, key) {
                Some((token, child)) => {
                    trail.push(token);
                    let flow = visit(rest, child, root, trail, hit);
                    trail.pop();
                    flow
                }
                None => Flow::On,
            },
            Pick::Any => {
                each_child(node, trail, &mut |child, trail| visit(rest, child, root, trail, hit))
            }
            Pick::Slice(start, end, step) => {
                slice(node, *start, *end, *step, &mut |index, item| {
                    trail.push(Token::Index(index));
                    let flow = visit(rest, item, root, trail, hit);
                    trail.pop();
                    flow
                })
            }
            Pick::Where(logic) => each_child(node, trail, &mut |child, trail| {
                if logic.holds(child, root) {
                    visit(rest, child, root, trail, hit)
                } else {
                    Flow::On
                }
            }),
        };
        if flow == Flow::Stop {
            return Flow::Stop;
        }
    }
    Flow::On
}

/// RFC 9535 §2.3.4.2.2.
fn slice<'a>(
    node: &'a Value,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
    act: &mut dyn FnMut(usize, &'a Value) -> Flow,
) -> Flow {
    let Value::Array(items) = node else { return Flow::On };
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_end = |i: i64| if i >= 0 { i } else { len.saturating_add(i) };
    let mut take = |index: i64| {
        let item = usize::try_from(index).ok().and_then(|at| Some((at, items.get(at)?)));
        item.map_or(Flow::On, |(at, item)| act(at, item))
    };
    if step > 0 {
        let mut index = from_end(start.unwrap_or(0)).clamp(0, len);
        let upper = end.map_or(len, from_end).clamp(0, len);
        while index < upper {
            if take(index) == Flow::Stop {
                return Flow::Stop;
            }
            index = index.saturating_add(step);
        }
    } else if step < 0 {
        let mut index = start.map_or(len - 1, from_end).clamp(-1, len - 1);
        let lower = end.map_or(-1, |end| from_end(end).clamp(-1, len - 1));
        while index > lower {
            if take(index) == Flow::Stop {
                return Flow::Stop;
            }
            index = index.saturating_add(step);
        }
    }
    Flow::On
}

impl Logic {
    fn holds(&self, node: &Value, root: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(node, root)),
            Self::All(parts) => parts.iter().all(|part| part.holds(node, root)),
            Self::Not(part) => !part.holds(node, root),
            Self::Exists(query) => query.some(node, root),
            Self::Compare(left, relation, right) => {
                relation.holds(left.read(node, root).get(), right.read(node, root).get())
            }
            Self::Matches(text, pattern) => {
                let text = text.read(node, root);
                let Some(Value::String(text)) = text.get() else { return false };
                match pattern {
                    Pattern::Fixed(regex) => regex.is_match(text),
                    Pattern::Taken(operand, whole) => match operand.read(node, root).get() {
                        // A pattern out of the document that does not parse matches nothing
                        // (RFC 9535 §2.4.6).
                        Some(Value::String(pattern)) => {
                            regular::i_regexp(pattern, *whole == Whole::Yes)
                                .is_ok_and(|regex| regex.is_match(text))
                        }
                        _ => false,
                    },
                }
            }
        }
    }
}

impl Query {
    fn start<'a>(&self, node: &'a Value, root: &'a Value) -> &'a Value {
        if self.absolute { root } else { node }
    }

    fn some(&self, node: &Value, root: &Value) -> bool {
        let mut found = false;
        visit(&self.steps, self.start(node, root), root, &mut Vec::new(), &mut |_, _| {
            found = true;
            Flow::Stop
        });
        found
    }

    /// The number of nodes, and the node where there is exactly one.
    fn count<'a>(&self, node: &'a Value, root: &'a Value) -> (u64, Option<&'a Value>) {
        let mut count = 0;
        let mut only = None;
        visit(&self.steps, self.start(node, root), root, &mut Vec::new(), &mut |value, _| {
            count += 1;
            only = Some(value);
            Flow::On
        });
        (count, only.filter(|_| count == 1))
    }
}

/// A value that was found in the document or made by a function, or nothing.
enum Read<'a> {
    Nothing,
    There(&'a Value),
    Made(Value),
}

impl Read<'_> {
    fn get(&self) -> Option<&Value> {
        match self {
            Self::Nothing => None,
            Self::There(value) => Some(value),
            Self::Made(value) => Some(value),
        }
    }
}

impl Operand {
    fn read<'a>(&'a self, node: &'a Value, root: &'a Value) -> Read<'a> {
        let maybe = |value: Option<&'a Value>| value.map_or(Read::Nothing, Read::There);
        match self {
            Self::Literal(value) => Read::There(value),
            Self::Singular(query) => maybe(
                query
                    .steps
                    .iter()
                    .try_fold(query.start(node, root), |value, step| child(value, step.key()?)),
            ),
            Self::Length(operand) => {
                let length = match operand.read(node, root).get() {
                    Some(Value::String(text)) => text.chars().count(),
                    Some(Value::Array(items)) => items.len(),
                    Some(Value::Object(fields)) => fields.len(),
                    Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => {
                        return Read::Nothing;
                    }
                };
                Read::Made(Value::from(length))
            }
            Self::Count(query) => Read::Made(Value::from(query.count(node, root).0)),
            Self::Value(query) => maybe(query.count(node, root).1),
        }
    }
}

impl Relation {
    /// RFC 9535 §2.3.5.2.2: nothing equals nothing, and only numbers and texts have an order.
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let equal = || match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => json::equal(left, right),
            (Some(_), None) | (None, Some(_)) => false,
        };
        let order = || match (left, right) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => {
                Some(json::compare(left, right))
            }
            (Some(Value::String(left)), Some(Value::String(right))) => Some(left.cmp(right)),
            _ => None,
        };
        match self {
            Self::Equal => equal(),
            Self::Unequal => !equal(),
            Self::Less => order() == Some(Ordering::Less),
            Self::Greater => order() == Some(Ordering::Greater),
            Self::LessOrEqual => order() == Some(Ordering::Less) || equal(),
            Self::GreaterOrEqual => order() == Some(Ordering::Greater) || equal(),
        }
    }
}
