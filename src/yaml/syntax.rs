//! Owes the reader friendly words for what libyaml refuses, and, where the mistake is plain to see,
//! a patch of the same length with which the rest of the file can still be read.

use std::ops::Range;

use super::events::Complaint;
use super::traps;
use crate::finding::{Code, Finding};
use crate::source::{Place, SourceId, Span};

/// What is said of a complaint, and the bytes that are overwritten with `x` to read on.
pub(super) struct Explained {
    pub(super) finding: Finding,
    pub(super) patch: Option<Range<usize>>,
}

/// Explains a complaint about `text`, which is `original` as patched so far.
pub(super) fn explain(
    source: SourceId,
    original: &str,
    text: &str,
    complaint: &Complaint,
) -> Explained {
    let at = floor(text, complaint.at);
    let scene = Scene { source, original, text, at, line: line_of(text, at), complaint };
    scene
        .quote_over_lines()
        .or_else(|| scene.template_in_flow())
        .or_else(|| scene.path_in_flow())
        .or_else(|| scene.unknown_escape())
        .or_else(|| scene.colon_inside())
        .or_else(|| scene.bare_braces())
        .or_else(|| scene.comment_in_path())
        .or_else(|| scene.colon_without_space())
        .or_else(|| scene.plain_colon())
        .or_else(|| scene.tab())
        .or_else(|| scene.strange_start())
        .or_else(|| scene.after_a_quote())
        .or_else(|| scene.never_closed())
        .unwrap_or_else(|| scene.other())
}

/// Where libyaml stopped, with what stands around.
struct Scene<'text> {
    source: SourceId,
    /// For what is shown.
    original: &'text str,
    /// For what libyaml saw.
    text: &'text str,
    at: usize,
    line: Range<usize>,
    complaint: &'text Complaint,
}

impl Scene<'_> {
    fn place(&self, range: Range<usize>) -> Place {
        Place { source: self.source, span: Span::new(range.start, range.end) }
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn shown(&self, range: Range<usize>) -> &str {
        self.original.get(range).unwrap_or_default()
    }

    fn problem_is(&self, words: &str) -> bool {
        self.complaint.problem.contains(words)
    }

    fn context_is(&self, words: &str) -> bool {
        self.complaint.context.as_ref().is_some_and(|(context, _)| context.contains(words))
    }

    fn context_at(&self) -> Option<usize> {
        self.complaint.context.as_ref().map(|(_, at)| floor(self.text, *at))
    }

    fn trap(&self, range: Range<usize>, message: String) -> Finding {
        Finding::error(Code::YamlTrap, message).at(self.place(range), "")
    }

    /// `"model:write}`: the quote that ends it is one that begins another text, lines below.
    fn quote_over_lines(&self) -> Option<Explained> {
        let start = if self.context_is("quoted scalar") {
            self.context_at()?
        } else if self.problem_is("did not find expected") {
            let end = self.slice(0..self.at).trim_end().len();
            let quote = self.slice(0..end).chars().next_back()?;
            let end = end.checked_sub(1).filter(|_| matches!(quote, '"' | '\''))?;
            self.slice(0..end).rfind(quote)?
        } else {
            return None;
        };
        let quote = self.slice(start..self.text.len()).chars().next()?;
        let line = line_of(self.text, start);
        // Only where the text swallowed lines that were keys or items of the plan.
        let swallowed = self.slice(line.end..self.at.max(line.end));
        let is_key = |line: &str| {
            let body = line.trim_start_matches([' ', '-']);
            let key = body.split(": ").next().unwrap_or_default();
            body.len() < line.len() && (key.len() < body.len() || body.ends_with(':'))
        };
        if !matches!(quote, '"' | '\'') || !swallowed.lines().any(is_key) {
            return None;
        }
        let finding = Finding::error(Code::YamlSyntax, "this quote is not closed on its line")
            .at(self.place(start..line.end), "the text begins here, and swallows the lines below")
            .help(format!("add the `{quote}` at the end of the text"));
        Some(Explained { finding, patch: Some(start..start + 1) })
    }

    /// `{name: ${{ model }}}`.
    fn template_in_flow(&self) -> Option<Explained> {
        if !self.slice(self.at..self.text.len()).starts_with("{{")
            || !self.slice(0..self.at).ends_with('$')
        {
            return None;
        }
        let start = self.at - 1;
        let end = self.close(start, "}}")?;
        // The text around the template on the same value: `a-${{ x }}`, `${{ x }}/b`.
        let head = word_start(self.text, start);
        let tail = end + word_end(self.slice(end..self.line.end));
        let written = self.shown(head..tail);
        let finding = self
            .trap(head..tail, format!("inside {{ }} or [ ] the template `{written}` needs quotes"))
            .help(format!("write `\"{}\"`", written.replace('"', "'")))
            .help("quotes keep the type: a number stays a number");
        Some(Explained { finding, patch: Some(start..end) })
    }

    /// `{$.items[0].id: 1}`, `{$.items[?@.a == 1]: 2}`.
    fn path_in_flow(&self) -> Option<Explained> {
        let open = if self.slice(self.at..self.text.len()).starts_with('[') {
            self.at
        } else if self.problem_is("cannot start any token") {
            let head = self.slice(self.line.start..self.at);
            let open = head.rfind('[')?;
            if head.get(open..)?.contains(']') {
                return None;
            }
            self.line.start + open
        } else {
            return None;
        };
        let before = self.slice(self.line.start..open).chars().next_back()?;
        if !before.is_alphanumeric() && !matches!(before, '_' | '$' | '.' | '*') {
            return None;
        }
        let end = self.close(open, "]")?;
        let head = word_start(self.text, open);
        let tail = end + word_end(self.slice(end..self.line.end));
        let tail = head + self.slice(head..tail).trim_end_matches(':').len();
        let written = self.shown(head..tail);
        let finding = self
            .trap(
                head..tail,
                format!("inside {{ }} or [ ] a path with `[` needs quotes: `{written}`"),
            )
            .help(quoted(written));
        Some(Explained { finding, patch: Some(open..end) })
    }

    /// `"\d"`.
    fn unknown_escape(&self) -> Option<Explained> {
        if !self.problem_is("unknown escape") {
            return None;
        }
        let start = self.context_at().unwrap_or(self.at);
        let backslash = self.slice(start..self.text.len().min(self.at + 2)).rfind('\\')? + start;
        let end = (backslash + 2).min(self.text.len());
        let end = if self.text.is_char_boundary(end) { end } else { backslash + 1 };
        let escape = self.shown(backslash..end);
        let close = self.close(start + 1, "\"").unwrap_or(self.line.end);
        let content = self.shown(start..close).trim_matches('"');
        let finding = self
            .trap(
                backslash..end,
                format!("in double quotes YAML reads escapes, and `{escape}` is none"),
            )
            .help(if content.contains('\'') {
                format!("write the backslash twice: `\\{escape}`")
            } else {
                format!("write it in single quotes: `'{content}'`")
            });
        Some(Explained { finding, patch: Some(backslash..backslash + 1) })
    }

    /// `: ` inside a template or a filter of a path.
    fn colon_inside(&self) -> Option<Explained> {
        if !self.problem_is("mapping values are not allowed") {
            return None;
        }
        let line = self.slice(self.line.clone());
        let path_begins = line.trim_start_matches([' ', '-']).starts_with('$');
        let (colon, in_template) = line.match_indices(": ").find_map(|(colon, _)| {
            let head = line.get(..colon)?;
            let in_template =
                head.rfind("${{").is_some_and(|n| !head.get(n..).is_some_and(|t| t.contains("}}")));
            let in_path = path_begins && head.matches('[').count() > head.matches(']').count();
            (in_template || in_path).then_some((colon, in_template))
        })?;
        let at = self.line.start + colon;
        let (what, help) = if in_template {
            ("a template", "put the whole value in quotes")
        } else {
            ("the filter of a path", "put the whole path in quotes")
        };
        let finding =
            self.trap(at..at + 1, format!("`: ` inside {what} ends the text for YAML")).help(help);
        Some(Explained { finding, patch: Some(at..at + 1) })
    }

    /// `{{ x }}/rest`: a template without `$` that is not the whole value.
    fn bare_braces(&self) -> Option<Explained> {
        [self.at, self.context_at().unwrap_or(self.at)].into_iter().find_map(|at| {
            let line = line_of(self.text, at);
            let content = self.slice(line.clone());
            let open = content.match_indices("{{").map(|(n, _)| n).find(|n| {
                let before = content.get(..*n).unwrap_or_default();
                !before.ends_with('$')
                    && (before.trim_end().ends_with([':', '-', ',', '['])
                        || before.trim().is_empty())
            })?;
            let start = line.start + open;
            let end = self.close(start, "}}")?;
            let end = end + word_end(self.slice(end..line.end));
            let written = self.shown(start..end);
            Some(Explained {
                finding: traps::braces_without_dollar(self.place(start..end), written),
                patch: Some(start..end),
            })
        })
    }

    /// ` #` inside the filter of a path that is a key.
    fn comment_in_path(&self) -> Option<Explained> {
        if !self.problem_is("could not find expected ':'") {
            return None;
        }
        let line = line_of(self.text, self.context_at()?);
        let content = self.slice(line.clone());
        let body = content.trim_start_matches([' ', '-']);
        let hash = content.find(" #")?;
        let open = content.get(..hash)?;
        if !body.starts_with('$') || open.matches('[').count() <= open.matches(']').count() {
            return None;
        }
        let start = line.start + hash + 1;
        let finding = self
            .trap(start..start + 1, "` #` inside the filter of a path begins a comment".to_owned())
            .help("put the whole path in quotes");
        Some(Explained { finding, patch: Some(start..start + 1) })
    }

    /// `GET:/health` on a line of a mapping.
    fn colon_without_space(&self) -> Option<Explained> {
        if !self.problem_is("could not find expected ':'")
            && !self.problem_is("mapping values are not allowed")
        {
            return None;
        }
        let lines = [self.context_at().unwrap_or(self.at), self.line.start.saturating_sub(1)];
        lines.into_iter().map(|at| line_of(self.text, at)).find_map(|line| {
            let content = self.slice(line.clone());
            let start = content.len() - content.trim_start_matches([' ', '-']).len();
            let body = content.get(start..)?;
            let colon = body.find(':')?;
            let (name, rest) = (body.get(..colon)?, body.get(colon + 1..)?);
            let is_word = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'));
            let glued = !rest.is_empty() && !rest.starts_with([' ', '\t']);
            if !is_word || !glued || rest.starts_with("//") {
                return None;
            }
            let at = line.start + start;
            let finding = Finding::error(
                Code::YamlSyntax,
                format!("YAML wants a space after the colon of `{name}:`"),
            )
            .at(self.place(at..at + colon + 1), "")
            .help(format!("write `{name}: {rest}`"));
            Some(Explained { finding, patch: None })
        })
    }

    /// `name: a: b`.
    fn plain_colon(&self) -> Option<Explained> {
        if !self.problem_is("mapping values are not allowed") {
            return None;
        }
        let head = self.slice(self.line.start..self.at);
        let body = head.trim_start_matches([' ', '-']);
        let Some((_, value)) = body.split_once(": ") else {
            if let Some(explained) = self.no_colon_above() {
                return Some(explained);
            }
            let finding = Finding::error(Code::YamlSyntax, "a `key:` cannot begin here")
                .at(self.place(self.at..self.at + 1), "this colon")
                .help("look at the indentation of this line and of the one above it");
            return Some(Explained { finding, patch: None });
        };
        let start = self.at - value.len();
        let whole = self.shown(start..self.line.end).trim_end();
        let finding = Finding::error(Code::YamlSyntax, "a text with `: ` in it needs quotes")
            .at(self.place(self.at..self.at + 1), "");
        let key = self.slice(start..self.at);
        let is_key =
            key.starts_with('$') || key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let finding = if is_key {
            finding.help(format!("{}; or, if it is a key, `{{{whole}}}`", quoted(whole)))
        } else {
            finding.help(quoted(whole))
        };
        Some(Explained { finding, patch: Some(self.at..self.at + 1) })
    }

    /// `- GET http://…` above a line that is sound.
    fn no_colon_above(&self) -> Option<Explained> {
        let above = line_of(self.text, self.line.start.checked_sub(1)?);
        let content = self.slice(above.clone());
        let start = content.len() - content.trim_start_matches([' ', '-']).len();
        let body = content.get(start..)?.trim_end();
        let (word, rest) = body.split_once(' ')?;
        let is_word =
            word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.'));
        if !is_word || word.is_empty() || body.ends_with(':') || body.contains(": ") {
            return None;
        }
        let at = above.start + start;
        let finding = Finding::error(Code::YamlSyntax, format!("a `:` is missing after `{word}`"))
            .at(self.place(at..at + word.len()), "")
            .help(format!("write `{word}: {}`", rest.trim_start()));
        Some(Explained { finding, patch: None })
    }

    fn tab(&self) -> Option<Explained> {
        let head = self.slice(self.line.clone());
        let indentation = head.len() - head.trim_start_matches([' ', '\t', '-']).len();
        let tab = head.get(..indentation)?.find('\t')?;
        let at = self.line.start + tab;
        let finding = Finding::error(Code::YamlSyntax, "a tab in the indentation")
            .at(self.place(at..at + 1), "")
            .help("YAML indents with spaces alone; two for each level");
        Some(Explained { finding, patch: None })
    }

    /// `@`, a backtick, `%`, `*` or `&` at the start of a text.
    fn strange_start(&self) -> Option<Explained> {
        let first = self.slice(self.at..self.line.end).chars().next()?;
        let start = self.context_at().unwrap_or(self.at);
        let sigil = self.slice(start..self.line.end.max(start)).chars().next();
        let (at, character) = if self.problem_is("cannot start any token") {
            (self.at, first)
        } else if self.context_is("scanning an alias") || self.context_is("scanning an anchor") {
            (start, sigil?)
        } else {
            return None;
        };
        let end = at + word_end(self.slice(at..self.line.end)).max(character.len_utf8());
        let line_rest = self.shown(at..self.line.end).trim_end();
        let finding =
            Finding::error(Code::YamlSyntax, format!("a text cannot begin with `{character}`"))
                .at(self.place(at..end), "")
                .help(quoted(line_rest));
        let patch = (character.len_utf8() == 1 && character != '\t').then_some(at..at + 1);
        Some(Explained { finding, patch })
    }

    /// `'it's'`: what follows the quote that ends a text.
    fn after_a_quote(&self) -> Option<Explained> {
        if !self.problem_is("did not find expected") {
            return None;
        }
        let head = self.slice(self.line.start..self.at);
        let quote = head.trim_end().chars().next_back().filter(|c| matches!(c, '"' | '\''))?;
        let end = self.line.start + head.trim_end().len();
        let help = if quote == '"' {
            "write `\\\"` for a quote inside the text, or put the whole text in single quotes"
        } else {
            "write `''` for a quote inside the text, or put the whole text in double quotes"
        };
        let finding = Finding::error(Code::YamlSyntax, "the text ends at this quote")
            .at(self.place(end - 1..end), "")
            .at(self.place(self.at..self.line.end.max(self.at)), "and this does not belong to it")
            .help(help);
        Some(Explained { finding, patch: None })
    }

    /// A quote or a bracket without its end.
    fn never_closed(&self) -> Option<Explained> {
        let start = self.context_at()?;
        let (what, help) = if self.context_is("quoted scalar") {
            ("quote", "add the same quote at the end of the text")
        } else if self.context_is("flow mapping") {
            ("`{`", "add the `}`, a `,` between entries, or quotes round a text with brackets")
        } else if self.context_is("flow sequence") {
            ("`[`", "add the `]`, a `,` between items, or quotes round a text with brackets")
        } else {
            return None;
        };
        let finding = Finding::error(Code::YamlSyntax, format!("this {what} is never closed"))
            .at(self.place(start..start + 1), "opened here");
        let finding = if self.at > start + 1 && self.at < self.text.len() {
            let end = self.at
                + self.slice(self.at..self.text.len()).chars().next().map_or(0, char::len_utf8);
            finding.at(self.place(self.at..end), "the reader stopped here")
        } else {
            finding
        };
        Some(Explained { finding: finding.help(help), patch: None })
    }

    fn other(&self) -> Explained {
        let words = match self.complaint.problem.as_str() {
            "did not find expected key" | "did not find expected '-' indicator" => {
                "this line does not fit the ones around it"
            }
            "block sequence entries are not allowed in this context" => "a `-` cannot stand here",
            "could not find expected ':'" => "a `:` is missing",
            "found unknown directive name" => "a text cannot begin with `%` at the start of a line",
            other => other,
        };
        let at = if self.problem_is("could not find expected ':'") {
            self.context_at().unwrap_or(self.at)
        } else {
            self.at
        };
        let line = line_of(self.text, at);
        let end = line.end.max(at);
        let end = at + self.slice(at..end).trim_end().len();
        let mut finding = Finding::error(Code::YamlSyntax, words).at(self.place(at..end), "");
        if let Some(start) = self.context_at().filter(|start| *start < line.start) {
            let end = start + word_end(self.slice(start..self.text.len())).max(1);
            finding = finding.at(self.place(start..end), "what it belongs to begins here");
        }
        let finding = finding
            .help("look at the indentation of this line and of the one above it")
            .help("a text with brackets, `: ` or ` #` needs quotes");
        Explained { finding, patch: None }
    }

    /// One past the end of `closing`, behind `start`, on the same line.
    fn close(&self, start: usize, closing: &str) -> Option<usize> {
        let line = line_of(self.text, start);
        let rest = self.text.get(start..line.end)?;
        rest.find(closing).map(|n| start + n + closing.len())
    }
}

/// The help that shows a text in quotes.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        format!("write `\"{}\"`", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("write `'{text}'`")
    }
}

fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = floor(text, at);
    let start = text.get(..at).and_then(|head| head.rfind('\n')).map_or(0, |n| n + 1);
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |n| at + n);
    let end = if text.get(start..end).is_some_and(|l| l.ends_with('\r')) { end - 1 } else { end };
    start..end.max(start)
}

/// Where the word that ends at `at` begins.
fn word_start(text: &str, at: usize) -> usize {
    let head = text.get(..at).unwrap_or_default();
    head.rfind(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | '[' | '"' | '\''))
        .map_or(0, |n| n + head.get(n..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8))
}

/// How long the word at the start is.
fn word_end(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']')).unwrap_or(text.len())
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
