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
    text.match_indices("${{").any(|(at, _)| !text.get(..at).unwrap_or_default().ends_with('$'))
}

/// The places of `{{` that no `$` precedes, outside `${{ … }}`.
fn bare_braces(text: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find("{{") {
        let start = at + found;
        let close = text.get(start..)?.find("}}").map(|n| start + n + 2);
        if !text.get(..start)?.ends_with('$') {
            return close.map(|end| (start, end));
        }
        at = close?;
    }
    None
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

/// What is said of `{{ x }}` at a place.
pub(super) fn braces_without_dollar(place: Place, written: &str) -> Finding {
    Finding::error(Code::YamlTrap, format!("`{written}` is no template here: the `$` is missing"))
        .at(place, "")
        .help(format!("write `${written}`"))
}

/// Traps inside a scalar that YAML itself finds nothing wrong with.
pub(super) fn look_at_text(node: &Node, source: &str, findings: &mut Vec<Finding>) {
    let Kind::String(text) = &node.kind else { return };
    if !text.contains("{{") {
        return;
    }
    if node.style == Style::Plain
        && let Some(finding) = cut_by_comment(text, node.place, source)
    {
        findings.push(finding);
        return;
    }
    if let Some((start, end)) = bare_braces(text) {
        let written = text.get(start..end).unwrap_or_default();
        let place = node.content_place(source).map_or(node.place, |at| at.inward(start..end));
        findings.push(
            Finding::warning(
                Code::YamlTrap,
                format!("`{written}` is sent as it stands: a template begins with `${{{{`"),
            )
            .at(place, "")
            .help(format!("write `${written}` for a template"))
            .help("write `${{ \"{{\" }}` in place of `{{` if the braces are meant"),
        );
    }
    if node.style == Style::Block {
        let trimmed = text.trim_end_matches('\n');
        let one = trimmed.starts_with("${{")
            && trimmed.ends_with("}}")
            && trimmed.matches("}}").count() == 1;
        if one && trimmed.len() < text.len() {
            findings.push(
                Finding::warning(
                    Code::YamlTrap,
                    "a line break follows the template, so the value is a text that ends in one",
                )
                .at(node.place, "")
                .help(format!("write `{trimmed}` on the line of the key, or `|-` in place of `|`")),
            );
        }
    }
}

/// A plain scalar that ends inside `${{`, because ` #` begins a comment.
fn cut_by_comment(text: &str, place: Place, source: &str) -> Option<Finding> {
    let open = text.rfind("${{")?;
    if text.get(open..)?.contains("}}") {
        return None;
    }
    let rest = source.get(place.span.end as usize..)?;
    let line = rest.lines().next().unwrap_or_default();
    if !line.trim_start().starts_with('#') {
        return None;
    }
    let finding = if line.contains("}}") {
        Finding::error(Code::YamlTrap, "` #` begins a comment in the middle of the template")
            .help("put the whole value in quotes")
    } else {
        Finding::error(Code::YamlTrap, "this `${{` is not closed before the comment")
            .help("close it with `}}`, or put the whole value in quotes if `#` belongs to it")
    };
    Some(finding.at(place, ""))
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
