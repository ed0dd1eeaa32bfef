//! YAML texts become trees that know the place of every key and value.
//!
//! One pass over libyaml's events finds all there is to say of the text itself: syntax, duplicate
//! keys, tags, bounds, and the traps in which YAML reads a text otherwise than it looks. A single
//! value becomes a Rust type through `serde_yaml`, from [`Node::to_yaml`].

mod encoding;
mod events;
mod node;
mod scalar;
mod simple;
mod syntax;
mod traps;
mod tree;

pub use encoding::{EncodingFault, decode};
pub use node::{Entry, Key, Kind, Node, Style};
pub use traps::has_template;

use std::borrow::Cow;

use crate::finding::{Code, Finding};
use crate::source::{Place, SourceText, Span};

/// The tree of a text, as far as there is one, and all that is wrong with the text as YAML.
///
/// Where a mistake is plain to see (a template inside `{ }` without quotes), the text is read on
/// as it was meant, so that one mistake hides no other: a tree may come together with errors.
/// An empty text gives neither a tree nor a finding.
#[must_use]
pub fn read(source: &SourceText) -> (Option<Node>, Vec<Finding>) {
    let (readable, mut findings) = encoding::look(source);
    if !readable {
        return (None, findings);
    }
    let original: &str = &source.text;
    let mut patched = Cow::Borrowed(original);
    // Each try reads the whole text: what tries cost together is bounded.
    let tries = ((8 << 20) / original.len().max(1)).clamp(1, 60);
    for _ in 0..=tries {
        match tree::build(source.id, original, &patched) {
            Ok(built) => {
                // What was patched is said once: the tree sees the same place again.
                let said: Vec<_> = findings.iter().filter_map(Finding::place).collect();
                findings.extend(built.findings.into_iter().filter(|finding| {
                    finding.place().is_none_or(|new| {
                        said.iter().all(|old| {
                            new.span.start < old.span.start || new.span.end > old.span.end
                        })
                    })
                }));
                sort(&mut findings);
                return (built.root, findings);
            }
            Err(tree::Stop::Limit(finding)) => {
                findings.push(*finding);
                break;
            }
            Err(tree::Stop::Syntax(complaint)) => {
                let explained = syntax::explain(source.id, original, &patched, &complaint);
                let place = explained.finding.place();
                let known = findings.iter().any(|f| f.place() == place);
                if !known {
                    findings.push(explained.finding);
                }
                let Some(range) = explained.patch.filter(|_| !known) else { break };
                let Some(next) = overwrite(&patched, range) else { break };
                patched = Cow::Owned(next);
            }
        }
    }
    sort(&mut findings);
    (None, findings)
}

/// The text with a range of bytes overwritten by `x`; nothing where the range is not characters.
fn overwrite(text: &str, range: std::ops::Range<usize>) -> Option<String> {
    let head = text.get(..range.start)?;
    let tail = text.get(range.end..)?;
    Some(format!("{head}{}{tail}", "x".repeat(range.len())))
}

/// In the order of the file; what has no place comes first.
fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| finding.place().map(|place| place.span.start));
}

/// An empty text, where a plan or another file is due.
#[must_use]
pub fn empty(source: &SourceText) -> Finding {
    let start = Place { source: source.id, span: Span::new(0, 0) };
    Finding::error(Code::NotAPlan, "the file is empty")
        .at(start, "")
        .help("a plan begins with `plan: NAME`")
}

#[cfg(test)]
pub(crate) mod testing {
    use std::fmt::Write as _;

    use crate::finding::{Finding, Severity};
    use crate::source::{SourceId, SourceText};

    /// A text under the name `p.yaml`.
    pub(crate) fn source(text: &str) -> SourceText {
        SourceText::new(SourceId(0), "p.yaml".to_owned(), text.into())
    }

    /// Findings as lines: `2:5-8 code message`, further labels, and `= help`.
    pub(crate) fn render(source: &SourceText, findings: &[Finding]) -> String {
        let mut out = String::new();
        for finding in findings {
            let mut labels = finding.labels.iter();
            let at = labels.next().map_or_else(String::new, |label| {
                let shown = source.slice(label.place.span);
                format!(
                    "{} [{}]",
                    source.line_column(label.place.span.start),
                    shown.replace('\n', "⏎")
                )
            });
            let weight = if finding.severity == Severity::Warning { " warning" } else { "" };
            let _ = writeln!(out, "{at}{weight} {} {}", finding.code, finding.message);
            for label in labels {
                let at = source.line_column(label.place.span.start);
                let _ = writeln!(out, "  also {at} {}", label.text);
            }
            for help in &finding.help {
                let _ = writeln!(out, "  = {help}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{render, source};
    use super::*;

    /// What is said of a text, and what it means as JSON.
    fn check(text: &str, findings: &str, json: &str) {
        let source = source(text);
        let (node, found) = read(&source);
        let lines = |text: &str| {
            let lines: Vec<_> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
            lines.join("\n")
        };
        let (shown, rendered) = (lines(findings), lines(&render(&source, &found)));
        let value = node.map_or_else(|| "-".to_owned(), |n| n.to_json().to_string());
        assert_eq!((rendered, value.as_str()), (shown, json), "\n{text}\n");
    }

    #[test]
    fn a_template_without_quotes_in_braces_hides_no_other_mistake() {
        check(
            "a: {b: ${{ x }}, c: [${{ y }}/z, 2]}\nd: 1\nd: 2\n",
            "1:8 [${{ x }}] yaml::trap inside { } or [ ] the template `${{ x }}` needs quotes
             = write `\"${{ x }}\"`
             = quotes keep the type: a number stays a number
             1:22 [${{ y }}/z] yaml::trap inside { } or [ ] the template `${{ y }}/z` needs quotes
             = write `\"${{ y }}/z\"`
             = quotes keep the type: a number stays a number
             3:1 [d] yaml::duplicate-key `d` stands twice in one mapping
             also 2:1 first here
             = keep one of the two",
            r#"{"a":{"b":"${{ x }}","c":["${{ y }}/z",2]},"d":1}"#,
        );
    }
}
