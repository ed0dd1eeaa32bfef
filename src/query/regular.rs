//! Regular expressions with a bound on their size and the place inside where they do not parse.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::finding::{Code, Fault};

/// The most memory that one compiled expression may take.
const SIZE_LIMIT: usize = 1 << 20;
/// The deepest nesting of groups.
const NEST_LIMIT: u32 = 64;

/// A regular expression as it was written, ready to search.
#[derive(Debug, Clone)]
pub struct Regular {
    regex: Regex,
}

/// Why a text is not a regular expression, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegularFault {
    /// The bytes inside the expression that are to blame.
    pub range: Range<usize>,
    /// Why, in the words of the parser.
    pub why: String,
}

impl std::fmt::Display for RegularFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the regular expression does not parse: {}", self.why)
    }
}

impl Fault for RegularFault {
    fn code(&self) -> Code {
        Code::BadRegex
    }

    fn help(&self) -> Option<String> {
        Some(if self.why.contains("look-around") {
            "look-around and back-references are left out: no expression may take more than a moment"
                .to_owned()
        } else if self.why.contains("unclosed") {
            "close it, or write `\\` before it where the character itself is meant".to_owned()
        } else {
            "write `\\` before a character that is meant as itself".to_owned()
        })
    }
}

impl Regular {
    /// Compiles an expression; it searches, unanchored.
    ///
    /// # Errors
    /// The place and the reason where it does not parse or would grow too large.
    pub fn parse(pattern: &str) -> Result<Self, RegularFault> {
        compile(pattern, pattern).map(|regex| Self { regex })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// The compiled expression itself.
    #[must_use]
    pub fn into_regex(self) -> Regex {
        self.regex
    }

    /// Whether it matches somewhere.
    #[must_use]
    pub fn is_found(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Group 1 of the first match, else the match.
    #[must_use]
    pub fn take<'t>(&self, text: &'t str) -> Option<&'t str> {
        let groups = self.regex.captures(text)?;
        groups.get(1).or_else(|| groups.get(0)).map(|found| found.as_str())
    }

    /// Replaces every match; `$1` and `${name}` stand for groups.
    #[must_use]
    pub fn replace(&self, text: &str, with: &str) -> String {
        self.regex.replace_all(text, with).into_owned()
    }
}

/// Compiles an I-Regexp (RFC 9485) of a path: `.` is any character but line breaks (§5.3).
pub(super) fn i_regexp(pattern: &str, whole: bool) -> Result<Regex, RegularFault> {
    let mut translated = String::with_capacity(pattern.len() + 8);
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                translated.push(c);
                translated.extend(chars.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class => {
                translated.push_str("[^\\n\\r]");
                continue;
            }
            _ => {}
        }
        translated.push(c);
    }
    if whole {
        translated = format!("\\A(?:{translated})\\z");
    }
    compile(pattern, &translated)
}

fn compile(written: &str, translated: &str) -> Result<Regex, RegularFault> {
    let mut parser = regex_syntax::ast::parse::ParserBuilder::new();
    if let Err(error) = parser.nest_limit(NEST_LIMIT).build().parse(written) {
        let span = error.span();
        let range = span.start.offset..span.end.offset;
        return Err(RegularFault { range, why: error.kind().to_string() });
    }
    RegexBuilder::new(translated).size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT + 1).build().map_err(
        |error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "it grows too large when compiled".to_owned(),
                other => other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            RegularFault { range: 0..written.len(), why }
        },
    )
}
