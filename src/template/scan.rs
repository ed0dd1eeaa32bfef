//! Cuts the content of a scalar into literal text and expressions.

use std::ops::Range;

use super::fault::{TemplateFault, TemplateFaultKind};

/// A piece of a scalar's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is, `$${{` unescaped.
    Literal(String),
    /// The bytes between `${{` and `}}`.
    Expression {
        /// From `${{` to `}}`.
        outer: Range<usize>,
        /// What stands between them.
        inner: Range<usize>,
    },
}

/// Cuts a content; what is wrong is collected and the rest is still cut.
pub(super) fn scan(text: &str, faults: &mut Vec<TemplateFault>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("$${{") {
            literal.push_str("${{");
            at += 4;
        } else if rest.starts_with("${{") {
            let (end, inner) = expression(text, at, faults);
            if let Some(inner) = inner {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Expression { outer: at..end, inner });
            }
            at = end;
        } else {
            if let Some(inner) = foreign_braces(rest) {
                let range = at..at + inner.len() + 4;
                let kind = TemplateFaultKind::MissingDollar { inner: inner.trim().to_owned() };
                faults.push(TemplateFault { range: range.clone(), kind });
                at = range.end;
                continue;
            }
            // To the next byte that could begin something.
            let step = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| matches!(c, '$' | '{'))
                .map_or(rest.len(), |(n, _)| n);
            literal.push_str(rest.get(..step).unwrap_or_default());
            at += step;
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// The inside of `{{ name }}` at the start of a text, if it looks like a template of other tools.
fn foreign_braces(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix("{{")?;
    let inner = inner.get(..inner.find(['{', '}', '\n'])?)?;
    let closed = rest.get(inner.len() + 2..)?.starts_with("}}");
    let first = inner.trim_start().chars().next()?;
    (closed && (first.is_alphabetic() || matches!(first, '_' | '$'))).then_some(inner)
}

/// The end of the expression that begins at `start`, and its inside where it is well closed.
fn expression(
    text: &str,
    start: usize,
    faults: &mut Vec<TemplateFault>,
) -> (usize, Option<Range<usize>>) {
    let inner = start + 3;
    let mut depth = 0_usize;
    let mut quote: Option<(char, usize)> = None;
    let mut escaped = false;
    let body = text.get(inner..).unwrap_or_default();
    for (offset, c) in body.char_indices() {
        let at = inner + offset;
        if let Some((open, _)) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '\'' | '"' => quote = Some((c, at)),
            '{' if text.get(..at).is_some_and(|head| head.ends_with('$'))
                && text.get(at..).is_some_and(|rest| rest.starts_with("{{")) =>
            {
                let kind = TemplateFaultKind::Unclosed;
                faults.push(TemplateFault { range: start..at - 1, kind });
                return (at - 1, None);
            }
            '{' | '[' | '(' => depth += 1,
            '}' if depth == 0 => {
                if text.get(at..).is_some_and(|rest| rest.starts_with("}}")) {
                    return (at + 2, Some(inner..at));
                }
                faults
                    .push(TemplateFault { range: at..at + 1, kind: TemplateFaultKind::HalfClosed });
                return (at + 1, None);
            }
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if let Some((_, open)) = quote {
        let resume = text.get(open..).and_then(|rest| rest.find("}}")).map(|n| open + n);
        let range = open..resume.unwrap_or(text.len());
        faults.push(TemplateFault { range, kind: TemplateFaultKind::OpenQuote });
        return (resume.map_or(text.len(), |n| n + 2), None);
    }
    // Brackets that are never closed swallow the end: let the parser complain about those.
    if depth > 0
        && let Some(end) = body.rfind("}}")
    {
        return (inner + end + 2, Some(inner..inner + end));
    }
    faults.push(TemplateFault { range: start..text.len(), kind: TemplateFaultKind::Unclosed });
    (text.len(), None)
}

/// Signs of other languages inside an expression, with what to write instead.
pub(super) fn foreign_signs(expression: &str, base: usize, faults: &mut Vec<TemplateFault>) {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    let mut skip_until = 0;
    for (at, c) in expression.char_indices() {
        if let Some(open) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        if at < skip_until {
            continue;
        }
        let rest = expression.get(at..).unwrap_or_default();
        let (written, instead) = match c {
            '\'' | '"' => {
                quote = Some(c);
                continue;
            }
            '(' | '[' | '{' => {
                depth += 1;
                continue;
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                continue;
            }
            '&' if rest.starts_with("&&") => ("&&", "`and`"),
            '|' if rest.starts_with("||") => ("||", "`or`"),
            '=' if rest.starts_with("===") => ("===", "`==`"),
            '=' if rest.starts_with("==") => {
                skip_until = at + 2;
                continue;
            }
            '!' if rest.starts_with("!==") => ("!==", "`!=`"),
            '!' | '<' | '>' if rest.get(1..2) == Some("=") => {
                skip_until = at + 2;
                continue;
            }
            '=' if depth == 0 => ("=", "`==` to compare"),
            '!' => ("!", "`not`"),
            '?' => ("?", "`a if c else b`"),
            '$' => ("$", "the bare name: an expression knows captures and vars, not paths"),
            '`' | '‘' | '’' | '“' | '”' => match c {
                '`' => ("`", "plain quotes: `'text'`"),
                '‘' => ("‘", "plain quotes: `'text'`"),
                '’' => ("’", "plain quotes: `'text'`"),
                '“' => ("“", "plain quotes: `'text'`"),
                _ => ("”", "plain quotes: `'text'`"),
            },
            _ => continue,
        };
        skip_until = at + written.len();
        let range = base + at..base + skip_until;
        faults.push(TemplateFault { range, kind: TemplateFaultKind::Foreign { written, instead } });
    }
}

/// How many signs and words outside of quotes can nest an expression.
pub(super) fn count_operators(expression: &str) -> usize {
    let mut count = 0;
    let mut quote = None;
    let mut escaped = false;
    let mut word = 0..0;
    for (at, c) in expression.char_indices().chain([(expression.len(), ' ')]) {
        if let Some(open) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        if c.is_alphanumeric() || c == '_' {
            word.end = at + c.len_utf8();
            continue;
        }
        let text = expression.get(word.clone()).unwrap_or_default();
        count += usize::from(matches!(text, "and" | "or" | "not" | "is" | "in" | "if" | "else"));
        word = at + c.len_utf8()..at + c.len_utf8();
        match c {
            '\'' | '"' => quote = Some(c),
            '.' | '+' | '-' | '*' | '/' | '%' | '~' | '|' | '[' | '(' | '{' => count += 1,
            _ => {}
        }
    }
    count
}
