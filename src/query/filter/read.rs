//! Filters as a plan writes them: `first`, `{split: ", "}`, `{replace: [old, new]}`.

use super::Filter;
use crate::finding::{Code, Finding, nearest};
use crate::query::regular::Regular;
use crate::yaml::{Entry, Kind, Node};

/// Every filter, in the order of the language page.
pub(super) const WORDS: [&str; 25] = [
    "length",
    "first",
    "last",
    "nth",
    "int",
    "float",
    "string",
    "trim",
    "lower",
    "upper",
    "split",
    "replace",
    "replace_regex",
    "regex",
    "date",
    "parse_date",
    "base64",
    "base64_decode",
    "base64url_decode",
    "hex",
    "sha256",
    "urlencode",
    "url_decode",
    "query_param",
    "json",
];

type Read<T> = Result<T, Box<Finding>>;

/// Reads the list under `apply`.
pub(super) fn all(node: &Node, text: &str) -> Result<Vec<Filter>, Vec<Finding>> {
    let nodes = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::String(_) | Kind::Map(_) => std::slice::from_ref(node),
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {
            return Err(vec![wrong(node, "`apply` takes a list of filters", "[trim, lower]")]);
        }
    };
    let mut filters = Vec::new();
    let mut findings = Vec::new();
    for node in nodes {
        match filter(node, text) {
            Ok(filter) => filters.push(filter),
            Err(finding) => findings.push(*finding),
        }
    }
    if findings.is_empty() { Ok(filters) } else { Err(findings) }
}

/// Reads one filter.
pub(super) fn filter(node: &Node, text: &str) -> Read<Filter> {
    match &node.kind {
        Kind::String(word) => bare(word, node),
        Kind::Map(entries) => match entries.as_slice() {
            [Entry { key, value }] => with_argument(&key.value, key.place, value, text),
            _ => Err(Box::new(wrong(
                node,
                "each filter is an item of its own",
                "[{split: \", \"}, first]",
            ))),
        },
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::List(_) => {
            Err(Box::new(wrong(node, "this is no filter", "[trim, {nth: 2}]")))
        }
    }
}

fn bare(word: &str, node: &Node) -> Read<Filter> {
    Ok(match word {
        "length" => Filter::Length,
        "first" => Filter::First,
        "last" => Filter::Last,
        "int" => Filter::Int,
        "float" => Filter::Float,
        "string" => Filter::String,
        "trim" => Filter::Trim,
        "lower" => Filter::Lower,
        "upper" => Filter::Upper,
        "base64" => Filter::Base64,
        "base64_decode" => Filter::Base64Decode,
        "base64url_decode" => Filter::Base64urlDecode,
        "hex" => Filter::Hex,
        "sha256" => Filter::Sha256,
        "urlencode" => Filter::Urlencode,
        "url_decode" => Filter::UrlDecode,
        "json" => Filter::Json,
        "nth" | "split" | "replace" | "replace_regex" | "regex" | "date" | "parse_date"
        | "query_param" => {
            return Err(Box::new(wrong(
                node,
                &format!("`{word}` needs an argument"),
                example(word),
            )));
        }
        _ => return Err(Box::new(unknown(word, node.place))),
    })
}

fn with_argument(
    word: &str,
    place: crate::source::Place,
    value: &Node,
    text: &str,
) -> Read<Filter> {
    Ok(match word {
        "nth" => Filter::Nth(number(value)?),
        "split" => Filter::Split(some_text(word, value)?),
        "replace" => {
            let (old, new) = two_texts(word, value)?;
            Filter::Replace(literal(word, old)?, literal(word, new)?)
        }
        "replace_regex" => {
            let (old, new) = two_texts(word, value)?;
            Filter::ReplaceRegex(regular(word, old, text)?, literal(word, new)?)
        }
        "regex" => Filter::Regex(regular(word, value, text)?),
        "date" => Filter::Date(some_text(word, value)?),
        "parse_date" => Filter::ParseDate(some_text(word, value)?),
        "query_param" => Filter::QueryParam(some_text(word, value)?),
        _ if WORDS.contains(&word) => {
            return Err(Box::new(wrong(
                value,
                &format!("`{word}` takes no argument"),
                &format!("[{word}]"),
            )));
        }
        _ => return Err(Box::new(unknown(word, place))),
    })
}

fn example(word: &str) -> &'static str {
    match word {
        "nth" => "{nth: 2}",
        "split" => "{split: \", \"}",
        "replace" => "{replace: [old, new]}",
        "replace_regex" => "{replace_regex: ['\\s+', \" \"]}",
        "regex" => "{regex: 'id=(\\d+)'}",
        "date" => "{date: \"%Y-%m-%d\"}",
        "parse_date" => "{parse_date: \"%d.%m.%Y\"}",
        _ => "{query_param: page}",
    }
}

fn number(node: &Node) -> Read<i64> {
    if let Kind::Number { json, .. } = &node.kind
        && let Some(index) = json.as_i64()
    {
        return Ok(index);
    }
    Err(Box::new(wrong(
        node,
        "`nth` takes an index from 0; negative ones count from the end",
        "{nth: -1}",
    )))
}

fn some_text(word: &str, node: &Node) -> Read<String> {
    let text = literal(word, node)?;
    if text.is_empty() {
        return Err(Box::new(wrong(node, &format!("`{word}` needs a text"), example(word))));
    }
    Ok(text)
}

fn literal(word: &str, node: &Node) -> Read<String> {
    let text = match &node.kind {
        Kind::String(text) => text,
        Kind::Number { written, .. } => written,
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => {
            return Err(Box::new(wrong(node, &format!("`{word}` takes a text"), example(word))));
        }
    };
    if text.contains("${{") && !text.contains("$${{") {
        return Err(Box::new(
            Finding::error(Code::NotYet, "a template in an argument of `apply` is not run yet")
                .at(node.place, ""),
        ));
    }
    Ok(text.clone())
}

fn two_texts<'n>(word: &str, node: &'n Node) -> Read<(&'n Node, &'n Node)> {
    match node.items() {
        [old, new] => Ok((old, new)),
        _ => Err(Box::new(wrong(node, &format!("`{word}` takes two texts"), example(word)))),
    }
}

/// Reads a regular expression with the place inside where it does not parse.
pub(in crate::query) fn regular(word: &str, node: &Node, text: &str) -> Read<Regular> {
    let pattern = some_text(word, node)?;
    Regular::parse(&pattern).map_err(|fault| {
        let place = node
            .content_place(text)
            .map_or(node.place, |content| content.inward(fault.range.clone()));
        Box::new(Finding::of(&fault, place))
    })
}

fn wrong(node: &Node, message: &str, example: &str) -> Finding {
    Finding::error(Code::WrongType, message)
        .at(node.place, "")
        .help(format!("write for example `{example}`"))
}

fn unknown(word: &str, place: crate::source::Place) -> Finding {
    let finding = Finding::error(Code::BadValue, format!("unknown filter `{word}`")).at(place, "");
    match nearest(word, WORDS) {
        Some(similar) => finding.help(format!("did you mean `{similar}`?")),
        None => finding.help(format!("the filters are {}", WORDS.join(", "))),
    }
}
