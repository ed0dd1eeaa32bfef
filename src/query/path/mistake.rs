//! What people write instead of RFC 9535, each mistake with its place and what to type.

use std::fmt;
use std::ops::Range;

use super::PathFault;

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// It does not begin with `$`.
    NoRoot,
    /// White space before or after the path.
    Space,
    /// `=` where `==` is meant.
    SingleEqual,
    /// `=~` or `~=`, of other dialects.
    RegexOperator,
    /// `and`, `or`, `not`.
    Word {
        /// The word as written.
        word: &'static str,
        /// The sign that stands for it.
        sign: &'static str,
    },
    /// `$.items.length()`.
    MethodCall {
        /// The method's name.
        name: String,
    },
    /// `$.items[(@.length-1)]`.
    Script,
    /// `$.items[0` or a filter without its end.
    Unclosed {
        /// The opening sign.
        open: char,
    },
    /// A quote that does not end.
    UnclosedQuote,
    /// `$.items.0`.
    DotIndex {
        /// The index.
        index: String,
    },
    /// `$.user-id`.
    DotName {
        /// The name as written.
        name: String,
    },
    /// `$[name]`.
    BareName {
        /// The name as written.
        name: String,
    },
    /// `@.state == READY`.
    BareText {
        /// The text as written.
        text: String,
    },
    /// `$.a.['b']`.
    DotBracket,
    /// The path ends where a name should follow.
    EndsEarly,
    /// `^`, `~` and other signs of other dialects.
    Dialect {
        /// The sign.
        sign: char,
    },
    /// A function that RFC 9535 does not have.
    UnknownFunction {
        /// Its name.
        name: String,
    },
    /// `length`, `count` or `value` alone in a filter.
    UncomparedFunction {
        /// Its name.
        name: &'static str,
    },
    /// `match` or `search` compared with something.
    ComparedTruth,
    /// An argument that must be a path.
    ArgumentIsNoPath,
    /// An argument that must be one value, and is a condition.
    ArgumentIsNoValue,
    /// An argument that must be one value, and is a path that can yield many.
    ArgumentYieldsMany,
    /// A decimal with more digits than a filter can hold.
    TooManyDigits,
    /// A regular expression that does not parse.
    BadRegex {
        /// Why, in the words of the regex parser.
        why: String,
    },
    /// Anything else.
    Syntax,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoot => f.write_str("a path begins with `$`"),
            Self::Space => f.write_str("white space around a path"),
            Self::SingleEqual => f.write_str("`=` is no comparison in a path"),
            Self::RegexOperator => f.write_str("a path has no regex operator"),
            Self::Word { word, .. } => write!(f, "`{word}` is no operator in a path"),
            Self::MethodCall { name } => write!(f, "`{name}()` cannot follow a path"),
            Self::Script => f.write_str("a path has no scripts in `[( )]`"),
            Self::Unclosed { open } => write!(f, "`{open}` is not closed"),
            Self::UnclosedQuote => f.write_str("a quote is not closed"),
            Self::DotIndex { index } => write!(f, "`.{index}` is no field name"),
            Self::DotName { name } => write!(f, "`{name}` cannot stand after a dot"),
            Self::BareName { name } => write!(f, "`{name}` in `[ ]` needs quotes"),
            Self::BareText { text } => write!(f, "the text `{text}` needs quotes"),
            Self::DotBracket => f.write_str("no dot before `[`"),
            Self::EndsEarly => f.write_str("the path ends too early"),
            Self::Dialect { sign } => write!(f, "`{sign}` has no meaning in a path"),
            Self::UnknownFunction { name } => write!(f, "a path has no function `{name}`"),
            Self::UncomparedFunction { name } => {
                write!(f, "`{name}` yields a value, which is no condition")
            }
            Self::ComparedTruth => {
                f.write_str("`match` and `search` are conditions, which cannot be compared")
            }
            Self::ArgumentIsNoPath => f.write_str("the argument must be a path"),
            Self::ArgumentIsNoValue => f.write_str("the argument must be a value"),
            Self::ArgumentYieldsMany => {
                f.write_str("the argument must be one value, and this path can yield many")
            }
            Self::TooManyDigits => f.write_str("the number has more digits than a filter can hold"),
            Self::BadRegex { why } => write!(f, "the regular expression does not parse: {why}"),
            Self::Syntax => f.write_str("the path does not parse"),
        }
    }
}

impl Mistake {
    /// What to type instead.
    pub(super) fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoRoot => "write `$.name` for a field of the body".to_owned(),
            Self::Space => "delete it".to_owned(),
            Self::SingleEqual => "write `==`: `$.items[?@.id == 1]`".to_owned(),
            Self::RegexOperator => {
                "write `search(@.name, 'pattern')`, or `match` for the whole text".to_owned()
            }
            Self::Word { sign, .. } => format!("write `{sign}`"),
            Self::MethodCall { name } => match name.as_str() {
                "length" | "size" | "count" => {
                    "end the path before it and write `{length: 3}` as the operator".to_owned()
                }
                "first" => "write `[0]`".to_owned(),
                "last" => "write `[-1]`".to_owned(),
                _ => "use an operator or a filter of `apply` instead".to_owned(),
            },
            Self::Script => "for the last item write `[-1]`; for a condition `[?…]`".to_owned(),
            Self::Unclosed { open } => {
                format!("add `{}`", if *open == '[' { ']' } else { ')' })
            }
            Self::UnclosedQuote => "add the closing quote".to_owned(),
            Self::DotIndex { index } => format!("write `[{index}]`"),
            Self::DotName { name } | Self::BareName { name } => format!("write `['{name}']`"),
            Self::BareText { text } => format!("write `'{text}'`"),
            Self::DotBracket => "delete the dot".to_owned(),
            Self::EndsEarly => "add a name, or delete the last sign".to_owned(),
            Self::UnknownFunction { .. } => {
                "the functions are `length`, `count`, `value`, `match`, `search`".to_owned()
            }
            Self::UncomparedFunction { name } => format!("compare it: `{name}(…) > 0`"),
            Self::ComparedTruth => "drop the comparison; `!match(…)` negates".to_owned(),
            Self::ArgumentIsNoPath => "give it a path: `count(@.items[*])`".to_owned(),
            Self::ArgumentIsNoValue => "give it a literal or a path such as `@.name`".to_owned(),
            Self::ArgumentYieldsMany => "use `count(…)`, or a path without `*`, `..`".to_owned(),
            Self::TooManyDigits => {
                "write at most 15 digits, or compare with an operator instead: `{equals: …}`"
                    .to_owned()
            }
            Self::Dialect { .. } | Self::Syntax => {
                "paths follow RFC 9535: `$.a.b`, `$.a[0]`, `$['a b']`, `$.a[*]`, `$.a[?@.b == 1]`"
                    .to_owned()
            }
            Self::BadRegex { .. } => return None,
        })
    }

    /// A few words for the label.
    pub(super) fn label(&self) -> String {
        match self {
            Self::SingleEqual => "here `==`".to_owned(),
            Self::Syntax => "unexpected here".to_owned(),
            Self::EndsEarly => "something is missing here".to_owned(),
            _ => String::new(),
        }
    }
}

/// Names the mistake of a path that does not parse; `at` is where the grammar stopped.
pub(super) fn explain(text: &str, at: Option<usize>) -> PathFault {
    let (range, mistake) = known(text).unwrap_or_else(|| at_stop(text, at));
    PathFault { range, mistake }
}

fn known(text: &str) -> Option<(Range<usize>, Mistake)> {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        let lead = text.len() - text.trim_start().len();
        let range = if lead > 0 { 0..lead } else { trimmed.len()..text.len() };
        return Some((range, Mistake::Space));
    }
    if !text.starts_with('$') {
        let first = text.chars().next().map_or(0, char::len_utf8);
        return Some((0..first, Mistake::NoRoot));
    }
    if let Some(open) = unclosed_quote(text) {
        return Some((open..text.len(), Mistake::UnclosedQuote));
    }
    let bare = blanked(text);
    if let Some(found) = unclosed(&bare) {
        return Some(found);
    }
    let at = |needle: &str| bare.find(needle).map(|at| at..at + needle.len());
    if let Some(range) = at("=~").or_else(|| at("~=")) {
        return Some((range, Mistake::RegexOperator));
    }
    if let Some(at) = single_equal(&bare) {
        return Some((at..at + 1, Mistake::SingleEqual));
    }
    for (word, sign) in [(" and ", "&&"), (" or ", "||"), (" not ", "!"), ("?not ", "!")] {
        if let Some(range) = at(word) {
            let word = word.trim_matches([' ', '?']);
            let word = match word {
                "and" => "and",
                "or" => "or",
                _ => "not",
            };
            let start = range.start + 1;
            return Some((start..start + word.len(), Mistake::Word { word, sign }));
        }
    }
    if let Some(range) = at("[(") {
        return Some((range, Mistake::Script));
    }
    if let Some(range) = at(".[").filter(|range| !bare[..range.start].ends_with('.')) {
        return Some((range.start..range.start + 1, Mistake::DotBracket));
    }
    if let Some(stem) = bare.strip_suffix("()") {
        let start = stem.rfind('.').map_or(0, |dot| dot + 1);
        let name = stem.get(start..).unwrap_or_default().to_owned();
        return Some((start.saturating_sub(1)..text.len(), Mistake::MethodCall { name }));
    }
    dotted(&bare)
        .or_else(|| bracketed(&bare))
        .or_else(|| compared(&bare))
        .or_else(|| text.ends_with('.').then(|| (text.len() - 1..text.len(), Mistake::EndsEarly)))
}

fn at_stop(text: &str, at: Option<usize>) -> (Range<usize>, Mistake) {
    let Some(at) = at else { return (0..text.len(), Mistake::Syntax) };
    match text.get(at..).and_then(|rest| rest.chars().next()) {
        None => (text.len()..text.len(), Mistake::EndsEarly),
        Some(sign @ ('^' | '~' | '#' | '!')) => {
            (at..at + sign.len_utf8(), Mistake::Dialect { sign })
        }
        Some(c) => (at..at + c.len_utf8(), Mistake::Syntax),
    }
}

/// The ranges of quoted texts, quotes included.
pub(super) fn literals(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match open {
            None if c == '\'' || c == '"' => open = Some((at, c)),
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some((start, quote)) if c == quote => {
                ranges.push(start..at + 1);
                open = None;
            }
            None | Some(_) => {}
        }
    }
    ranges
}

fn unclosed_quote(text: &str) -> Option<usize> {
    let end = literals(text).last().map_or(0, |range| range.end);
    text.get(end..)?.find(['\'', '"']).map(|at| end + at)
}

/// The text with every quoted text replaced by as many `_`, so that byte places stay.
fn blanked(text: &str) -> String {
    let mut bare = text.to_owned();
    for range in literals(text) {
        let len = range.len();
        bare.replace_range(range, &"\"".repeat(len));
    }
    bare
}

/// The ranges of numbers outside quotes and names.
pub(super) fn numbers(text: &str) -> Vec<Range<usize>> {
    let bare = blanked(text);
    let bytes = bare.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let mut ranges = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let named = i > 0
            && (at(i - 1).is_ascii_alphanumeric() || matches!(at(i - 1), b'_' | b'.' | 0x80..));
        if at(i).is_ascii_digit() && !named {
            let start = i;
            while at(i).is_ascii_alphanumeric()
                || at(i) == b'.'
                || (matches!(at(i), b'+' | b'-') && matches!(at(i - 1), b'e' | b'E'))
            {
                i += 1;
            }
            ranges.push(start..i);
        } else {
            i += 1;
        }
    }
    ranges
}

fn unclosed(bare: &str) -> Option<(Range<usize>, Mistake)> {
    let mut open = Vec::new();
    for (at, c) in bare.char_indices() {
        match c {
            '[' | '(' => open.push((at, c)),
            ']' | ')' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop().map(|(at, open)| (at..at + 1, Mistake::Unclosed { open }))
}

fn single_equal(bare: &str) -> Option<usize> {
    let bytes = bare.as_bytes();
    let around = |i: Option<usize>| i.and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
    (0..bytes.len()).find(|&i| {
        around(Some(i)) == b'='
            && !matches!(around(i.checked_sub(1)), b'=' | b'!' | b'<' | b'>')
            && around(Some(i + 1)) != b'='
    })
}

/// `.0` and `.user-id`.
fn dotted(bare: &str) -> Option<(Range<usize>, Mistake)> {
    for (dot, _) in bare.match_indices('.') {
        let rest = bare.get(dot + 1..).unwrap_or_default();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
            .unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let before = bare.get(..dot).unwrap_or_default();
        if before.ends_with(|c: char| c.is_ascii_digit()) && bare.contains('?') {
            continue;
        }
        let range = dot + 1..dot + 1 + end;
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_digit()) {
            return Some((range, Mistake::DotIndex { index: name.to_owned() }));
        }
        if name.contains('-') || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Some((range, Mistake::DotName { name: name.to_owned() }));
        }
    }
    None
}

/// `[name]`.
fn bracketed(bare: &str) -> Option<(Range<usize>, Mistake)> {
    for (open, _) in bare.match_indices('[') {
        let rest = bare.get(open + 1..).unwrap_or_default();
        let inner = rest.get(..rest.find(']')?).unwrap_or_default();
        let named = inner.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.'));
        if named {
            return Some((
                open + 1..open + 1 + inner.len(),
                Mistake::BareName { name: inner.to_owned() },
            ));
        }
    }
    None
}

/// `== READY`.
fn compared(bare: &str) -> Option<(Range<usize>, Mistake)> {
    for (at, sign) in bare.match_indices("==").chain(bare.match_indices("!=")) {
        let rest = bare.get(at + sign.len()..).unwrap_or_default();
        let start = at + sign.len() + (rest.len() - rest.trim_start().len());
        let word = bare.get(start..).unwrap_or_default();
        let end = word
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(word.len());
        let (text, after) = word.split_at(end);
        let literal = matches!(text, "true" | "false" | "null")
            || !text.starts_with(|c: char| c.is_alphabetic());
        if !literal && !after.starts_with('(') {
            return Some((start..start + end, Mistake::BareText { text: text.to_owned() }));
        }
    }
    None
}
