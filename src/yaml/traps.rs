//! Owes the tree the texts that YAML reads otherwise than they look, each with its repair.

use super::{Entry, Kind, Node, Style};
use crate::finding::{Code, Finding};
use crate::source::Place;

/// The key under which a mapping as a key is kept until its parent is looked at: no text of a plan
/// can be this, since NUL is refused before.
pub(super) const COMPLEX_KEY: &str = "\0complex";

/// Whether a text holds a template; `$${{` is a literal.
#[must_use]
pub fn has_template(text: &str) -> bool {
    // Nearly no text has one, and `contains` is much faster than a search for the place.
    text.contains("${{")
        && text
            .match_indices("${{")
            .any(|(at, _)| !text.get(..at).unwrap_or_default().ends_with('$'))
}

/// Finds `{{ x }}` that was read as a mapping whose key is a mapping, and makes it the text that
/// was meant.
pub(super) fn recover_braces(node: &mut Node, text: &str, findings: &mut Vec<Finding>) {
    let Kind::Map(entries) = &mut node.kind else { return };
    let Some(found) = entries.iter().find(|entry| entry.key.value == COMPLEX_KEY) else { return };
    let inner = found.key.place;
    let written = text.get(node.place.span.range()).unwrap_or_default();
    if entries.len() == 1 && written.starts_with("{{") && written.ends_with("}}") {
        findings.push(braces_without_dollar(node.place, written));
        node.kind = Kind::String(format!("${written}"));
        node.style = Style::Plain;
        return;
    }
    entries.retain(|entry: &Entry| entry.key.value != COMPLEX_KEY);
    findings.push(
        Finding::error(Code::WrongType, "a key is a text, not a list or a mapping")
            .at(inner, "")
            .help("put the key in quotes"),
    );
}

/// A text in which every `{{` has the `$` that was meant.
pub(super) fn with_dollars(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for (n, part) in text.split("{{").enumerate() {
        if n > 0 {
            out.push_str(if out.ends_with('$') { "{{" } else { "${{" });
        }
        out.push_str(part);
    }
    out
}

/// What is said of `{{ x }}` at a place.
pub(super) fn braces_without_dollar(place: Place, written: &str) -> Finding {
    Finding::error(Code::YamlTrap, format!("`{written}` is no template here: the `$` is missing"))
        .at(place, "")
        .help(format!("write `${written}`"))
}

/// A plain scalar that ends inside `${{`, because ` #` begins a comment: it becomes the text that
/// was meant. What else can be wrong inside a text is for `template` to say.
pub(super) fn recover_comment(node: &mut Node, source: &str, findings: &mut Vec<Finding>) {
    let Kind::String(text) = &mut node.kind else { return };
    if node.style != Style::Plain || !text.contains("${{") {
        return;
    }
    let open = text.rfind("${{").and_then(|at| text.get(at..));
    if open.is_none_or(|open| open.contains("}}")) {
        return;
    }
    let rest = source.get(node.place.span.end as usize..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim_end();
    if !line.trim_start().starts_with('#') {
        return;
    }
    let finding = if line.contains("}}") {
        text.push_str(line);
        Finding::error(Code::YamlTrap, "` #` begins a comment in the middle of the template")
            .help("put the whole value in quotes")
    } else {
        text.push_str(" }}");
        Finding::error(Code::YamlTrap, "this `${{` is not closed before the comment")
            .help("close it with `}}`, or put the whole value in quotes if `#` belongs to it")
    };
    findings.push(finding.at(node.place, ""));
}

/// A tag outside the core set; a negation is recognised.
pub(super) fn unknown_tag(tag: &str, place: Place, value: Option<&str>) -> Finding {
    let shown = tag.strip_prefix("tag:yaml.org,2002:").map_or(tag.to_owned(), |t| format!("!!{t}"));
    let is_word = shown.strip_prefix('!').is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '('))
    });
    if let Some(value) = value.filter(|_| is_word) {
        let meant = without_tag(tag, value);
        return Finding::error(
            Code::YamlTag,
            format!("`{shown}` is a YAML tag, not a negation or a text"),
        )
        .at(place, "")
        .help(format!("write `{meant}` for a negation, or put the text in quotes"));
    }
    Finding::error(Code::YamlTag, format!("the tag `{shown}` is not known here"))
        .at(place, "")
        .help("delete the tag; a text that begins with `!` needs quotes")
}

/// What a person who wrote `!x …` meant: `not x …`.
pub(super) fn without_tag(tag: &str, value: &str) -> String {
    let name = tag.strip_prefix('!').unwrap_or(tag);
    match (name.is_empty(), value.is_empty()) {
        (true, _) => format!("not {value}"),
        (false, true) => format!("not {name}"),
        (false, false) => format!("not {name} {value}"),
    }
}
