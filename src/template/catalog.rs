//! Which functions, filters and tests there are, and how each is written.

use std::ops::{Range, RangeInclusive};

use regex::{Regex, RegexBuilder};

use super::fault::Role;
use crate::finding::nearest;

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Uuid,
    Now,
    TimestampMs,
    RandomInt,
    RandomString,
    Fake,
    File,
    Range,
    Dict,
}

impl Function {
    const ALL: [(&'static str, Self); 9] = [
        ("uuid", Self::Uuid),
        ("now", Self::Now),
        ("timestamp_ms", Self::TimestampMs),
        ("random_int", Self::RandomInt),
        ("random_string", Self::RandomString),
        ("fake", Self::Fake),
        ("file", Self::File),
        ("range", Self::Range),
        ("dict", Self::Dict),
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| *name)
    }

    pub(super) fn signature(self) -> Option<&'static str> {
        Some(match self {
            Self::Uuid => "uuid()",
            Self::Now => "now()",
            Self::TimestampMs => "timestamp_ms()",
            Self::RandomInt => "random_int(a, b)",
            Self::RandomString => "random_string(n)",
            Self::Fake => "fake('email' or 'name')",
            Self::File => "file('path')",
            Self::Range | Self::Dict => return None,
        })
    }
}

/// The filters that are ours, or that minijinja has and we do otherwise, as they are written.
const OWN_FILTERS: [(&str, &str); 19] = [
    ("base64", "base64"),
    ("base64url", "base64url"),
    ("hex", "hex"),
    ("sha256", "sha256"),
    ("hmac_sha256", "hmac_sha256(key)"),
    ("urlencode", "urlencode"),
    ("raw", "raw"),
    ("json", "json"),
    ("tojson", "json"),
    ("date", "date(format)"),
    ("add_days", "add_days(n)"),
    ("regex", "regex(pattern)"),
    ("string", "string"),
    ("length", "length"),
    ("count", "length"),
    ("first", "first"),
    ("last", "last"),
    ("default", ""),
    ("d", ""),
];

/// The filters that minijinja does.
const MINIJINJA_FILTERS: [&str; 38] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "dictsort",
    "e",
    "escape",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The tests that minijinja knows, beside `defined` and `undefined`.
const TESTS: [&str; 38] = [
    "none",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "in",
    "true",
    "false",
    "filter",
    "test",
];

/// The functions and filters of the language page, without the aliases that minijinja has for some.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    let functions = Function::ALL.into_iter().filter(|(_, it)| it.signature().is_some());
    let aliases = ["tojson", "count", "d"];
    let filters = OWN_FILTERS.iter().map(|(name, _)| *name).filter(move |it| !aliases.contains(it));
    functions.map(|(name, _)| name).chain(filters)
}

/// The name of a filter, if there is one.
pub(super) fn filter(name: &str) -> Option<&'static str> {
    filters().find(|known| *known == name)
}

fn filters() -> impl Iterator<Item = &'static str> {
    OWN_FILTERS.iter().map(|(name, _)| *name).chain(MINIJINJA_FILTERS)
}

/// The name of a test, if there is one.
pub(super) fn test(name: &str) -> Option<&'static str> {
    TESTS.into_iter().find(|known| *known == name)
}

/// How one of our own filters is written.
pub(super) fn filter_signature(name: &str) -> Option<&'static str> {
    OWN_FILTERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, signature)| *signature)
        .filter(|signature| !signature.is_empty())
}

/// Whether a filter is done here rather than by minijinja.
pub(super) fn is_own_filter(name: &str) -> bool {
    OWN_FILTERS.iter().any(|(known, _)| *known == name)
}

/// How many arguments a signature takes.
pub(super) fn arity(signature: &str) -> RangeInclusive<usize> {
    let inside =
        signature.split_once('(').map_or("", |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
    let count = if inside.is_empty() { 0 } else { inside.split(',').count() };
    count..=count
}

/// The nearest known name in a role, and the role in which the name does exist.
pub(super) fn instead(role: Role, name: &str) -> (Option<&'static str>, Option<Role>) {
    let similar = match role {
        Role::Function => nearest(name, Function::ALL.into_iter().map(|(known, _)| known)),
        Role::Filter => nearest(name, filters()),
        Role::Test => nearest(name, TESTS.into_iter().chain(["defined", "undefined"])),
    };
    let elsewhere = [
        (Role::Function, Function::from_name(name).is_some()),
        (Role::Filter, filter(name).is_some()),
        (Role::Test, test(name).is_some() || matches!(name, "defined" | "undefined")),
    ];
    let elsewhere =
        elsewhere.into_iter().find(|(other, known)| *known && *other != role).map(|(role, _)| role);
    (similar, elsewhere)
}

/// Why a regular expression does not parse, and where in it.
pub(super) struct RegexFault {
    pub(super) range: Option<Range<usize>>,
    pub(super) message: String,
}

/// Compiles a regular expression within bounds of memory.
pub(super) fn compile_regex(pattern: &str) -> Result<Regex, RegexFault> {
    let built = RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .dfa_size_limit(1 << 20)
        .nest_limit(100)
        .build();
    built.map_err(|error| {
        let text = error.to_string();
        let message = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        // The parser marks the place with carets below a copy of the pattern, four blanks indented.
        let range = text.lines().find_map(|line| {
            let marks = line.strip_prefix("    ")?;
            let bare = marks.trim_start_matches(' ');
            let is_marks = !bare.is_empty() && bare.chars().all(|c| matches!(c, '^' | ' '));
            is_marks.then(|| {
                let skipped = marks.chars().count() - bare.chars().count();
                let width = bare.chars().take_while(|c| *c == '^').count();
                byte_at(pattern, skipped)..byte_at(pattern, skipped + width)
            })
        });
        RegexFault { range: range.filter(|_| !pattern.contains('\n')), message: message.to_owned() }
    })
}

fn byte_at(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::bridge::environment;

    #[test]
    fn minijinja_knows_every_filter_and_test_of_the_lists() {
        let mut state = environment().empty_state();
        for name in MINIJINJA_FILTERS {
            if let Err(error) = state.apply_filter(name, &["x".into()]) {
                assert_ne!(error.kind(), minijinja::ErrorKind::UnknownFilter, "{name}");
            }
        }
        for name in TESTS {
            if let Err(error) = state.perform_test(name, &["x".into(), "y".into()]) {
                assert_ne!(error.kind(), minijinja::ErrorKind::UnknownTest, "{name}");
            }
        }
    }

    #[test]
    fn the_place_in_a_pattern_is_found() {
        let fault = compile_regex("ä(b").unwrap_err();
        assert_eq!(fault.range, Some(2..3));
        assert_eq!(fault.message, "unclosed group");
        assert!(compile_regex("a(b)").is_ok());
        assert!(compile_regex(r"\w{1000}{1000}").is_err());
    }

    #[test]
    fn a_signature_says_how_many_arguments_it_takes() {
        assert_eq!(arity("uuid()"), 0..=0);
        assert_eq!(arity("base64"), 0..=0);
        assert_eq!(arity("random_int(a, b)"), 2..=2);
        assert_eq!(arity("fake('email' or 'name')"), 1..=1);
    }
}
