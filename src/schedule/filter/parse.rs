//! From the text of a filter to its expression.
//!
//! `or` binds least, then `and` and `-`, then `not`; as in nextest.

use std::ops::Range;

use globset::GlobBuilder;

use super::{About, Expression, FilterFault, FilterMistake, Leaf, Matcher};
use crate::finding::nearest;
use crate::query::Regular;

/// How many brackets and negations may stand inside each other.
const DEPTH: usize = 64;

/// Every word that can be called.
const CALLED: [&str; 8] = ["plan", "step", "tag", "id", "covers", "path", "all", "none"];

pub(super) fn parse(text: &str) -> Result<Expression, FilterFault> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.space();
    if parser.rest().is_empty() {
        return Err(FilterFault { range: 0..text.len(), mistake: FilterMistake::Empty });
    }
    let expression = parser.or()?;
    if parser.rest().starts_with(')') {
        return Err(parser.here(1, FilterMistake::Closed));
    }
    if parser.rest().is_empty() {
        return Ok(expression);
    }
    let length = parser.word().len().max(parser.rest().chars().next().map_or(0, char::len_utf8));
    Err(parser.here(length, FilterMistake::NoOperator))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The word that stands here; empty where none does.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn here(&self, length: usize, mistake: FilterMistake) -> FilterFault {
        FilterFault { range: self.at..(self.at + length).min(self.text.len()), mistake }
    }

    fn or(&mut self) -> Result<Expression, FilterFault> {
        let mut left = self.and()?;
        while self.operator(&["or"], &["|", "+"])?.is_some() {
            let right = self.and()?;
            left = Expression::Or(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, FilterFault> {
        let mut left = self.term()?;
        while let Some(operator) = self.operator(&["and"], &["&", "-"])? {
            let right = self.term()?;
            let right = if operator == "-" { Expression::Not(Box::new(right)) } else { right };
            left = Expression::And(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// Takes one of these operators, if one stands here.
    fn operator(
        &mut self,
        words: &[&'static str],
        signs: &[&'static str],
    ) -> Result<Option<&'static str>, FilterFault> {
        self.space();
        let foreign = [("&&", "and"), ("||", "or"), (",", "or"), ("AND", "and"), ("OR", "or")];
        for (theirs, ours) in foreign {
            let is_word = theirs.chars().all(char::is_alphabetic);
            if self.rest().starts_with(theirs) && (!is_word || self.word() == theirs) {
                return Err(self.here(theirs.len(), FilterMistake::ForeignOperator(ours)));
            }
        }
        let rest = self.rest();
        let word = self.word();
        let found = words
            .iter()
            .find(|known| **known == word)
            .or_else(|| signs.iter().find(|sign| rest.starts_with(**sign)));
        if let Some(operator) = found {
            self.at += operator.len();
            self.space();
        }
        Ok(found.copied())
    }

    fn term(&mut self) -> Result<Expression, FilterFault> {
        self.space();
        if self.depth >= DEPTH {
            return Err(self.here(1, FilterMistake::TooDeep));
        }
        if self.rest().starts_with('!') {
            self.at += 1;
            return self.negated();
        }
        if self.rest().starts_with('(') {
            let open = self.at;
            self.at += 1;
            self.depth += 1;
            let inner = self.or()?;
            self.depth -= 1;
            if self.rest().starts_with(')') {
                self.at += 1;
                return Ok(inner);
            }
            if self.rest().is_empty() {
                return Err(FilterFault { range: open..open + 1, mistake: FilterMistake::Open });
            }
            let length = self.word().len().max(1);
            return Err(self.here(length, FilterMistake::NoOperator));
        }
        let word = self.word();
        match word {
            "" => {
                let length = self.rest().chars().next().map_or(0, char::len_utf8);
                Err(self.here(length, FilterMistake::NoTerm))
            }
            "not" => {
                self.at += word.len();
                self.negated()
            }
            "NOT" => Err(self.here(word.len(), FilterMistake::ForeignOperator("not"))),
            "and" | "or" => Err(self.here(word.len(), FilterMistake::NoTerm)),
            _ => self.predicate(word),
        }
    }

    fn negated(&mut self) -> Result<Expression, FilterFault> {
        self.depth += 1;
        let inner = self.term()?;
        self.depth -= 1;
        Ok(Expression::Not(Box::new(inner)))
    }

    /// `tag(smoke)`, `all()`.
    fn predicate(&mut self, word: &str) -> Result<Expression, FilterFault> {
        let called = self.rest().get(word.len()..).unwrap_or_default().trim_start();
        let called = called.starts_with('(');
        let Some(known) = CALLED.iter().copied().find(|known| *known == word) else {
            return Err(self.here(
                word.len(),
                FilterMistake::UnknownPredicate {
                    word: word.to_owned(),
                    nearest: called.then(|| nearest(word, CALLED)).flatten(),
                    called,
                },
            ));
        };
        if !called {
            return Err(self.here(word.len(), FilterMistake::NoBracket(known)));
        }
        let start = self.at;
        self.at += word.len();
        self.space();
        let open = self.at;
        self.at += 1;
        self.space();
        let Some(about) = About::from_word(known) else {
            let close = self.rest().find(')');
            let Some(length) = close else {
                return Err(FilterFault { range: open..open + 1, mistake: FilterMistake::Open });
            };
            if length > 0 {
                return Err(self.here(length, FilterMistake::TakesNothing(known)));
            }
            self.at += 1;
            return Ok(if known == "all" { Expression::All } else { Expression::None });
        };
        let matcher = self.matcher(about, open)?;
        // What closes it stands here: `matcher` ends before it.
        self.at += 1;
        Ok(Expression::Leaf(Leaf { about, matcher, range: start..self.at }))
    }

    fn matcher(&mut self, about: About, open: usize) -> Result<Matcher, FilterFault> {
        let sign = self.rest().chars().next().filter(|c| "=~#/".contains(*c));
        if sign == Some('/') {
            return self.regex(open);
        }
        self.at += usize::from(sign.is_some());
        let begin = self.at;
        let (word, range) = self.plain(open)?;
        if word.is_empty() {
            let range = open..self.at + 1;
            return Err(FilterFault {
                range,
                mistake: FilterMistake::WantsSomething(about.as_str()),
            });
        }
        match sign {
            Some('=') => Ok(Matcher::Equal(word)),
            Some('~') => Ok(Matcher::Contains(word)),
            None if about.takes_a_part() => Ok(Matcher::Contains(word)),
            // A `*` of a path stays in its folder, as in a shell; `**` does not.
            Some(_) | None => {
                match GlobBuilder::new(&word).literal_separator(about == About::Path).build() {
                    Ok(glob) => Ok(Matcher::Glob(glob.compile_matcher(), word)),
                    Err(error) => Err(FilterFault {
                        range: begin..range.end,
                        mistake: FilterMistake::BadGlob(error.kind().to_string()),
                    }),
                }
            }
        }
    }

    /// A word up to its `)`, without the spaces around it, escapes undone.
    fn plain(&mut self, open: usize) -> Result<(String, Range<usize>), FilterFault> {
        let begin = self.at;
        let mut word = String::new();
        // Spaces at the end are no part of the word, escaped ones are.
        let mut kept = 0;
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                ')' => {
                    word.truncate(kept);
                    let range = begin..begin + at;
                    self.at = begin + at;
                    return Ok((word, range));
                }
                '\\' => {
                    let Some((_, next)) = chars.next() else { break };
                    if !r"\()/, ".contains(next) {
                        self.at = begin + at;
                        let length = 1 + next.len_utf8();
                        return Err(self.here(length, FilterMistake::BadEscape(next)));
                    }
                    word.push(next);
                    kept = word.len();
                }
                other => {
                    word.push(other);
                    if !other.is_whitespace() {
                        kept = word.len();
                    }
                }
            }
        }
        Err(FilterFault { range: open..open + 1, mistake: FilterMistake::Open })
    }

    /// `/…/`, in which only `\/` is ours.
    fn regex(&mut self, open: usize) -> Result<Matcher, FilterFault> {
        let slash = self.at;
        self.at += 1;
        let begin = self.at;
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().find_map(|(at, c)| {
            let ends = c == '/' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(at)
        });
        let Some(end) = end else {
            return Err(FilterFault { range: slash..slash + 1, mistake: FilterMistake::OpenRegex });
        };
        // `\/` means the same to the expression itself: places inside stay as they are.
        let pattern = rest.get(..end).unwrap_or_default();
        if pattern.is_empty() {
            let range = slash..begin + 1;
            return Err(FilterFault { range, mistake: FilterMistake::OpenRegex });
        }
        let regex = Regular::parse(pattern).map_err(|fault| FilterFault {
            range: begin + fault.range.start..begin + fault.range.end,
            mistake: FilterMistake::BadRegex(fault),
        })?;
        self.at = begin + end + 1;
        self.space();
        match self.rest().chars().next() {
            Some(')') => Ok(Matcher::Regex(regex)),
            Some(other) => Err(self.here(other.len_utf8(), FilterMistake::AfterRegex)),
            None => Err(FilterFault { range: open..open + 1, mistake: FilterMistake::Open }),
        }
    }
}
