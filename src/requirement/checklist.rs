//! Owes the others a checklist: the requirements of a Markdown page, each with its id and its place.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use crate::finding::{Code, Fault, Finding};
use crate::source::{Place, SourceId, SourceText, Span, Spanned};

/// The requirements of a Markdown page, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// The page.
    pub source: SourceId,
    /// What they are grouped by: headings, and numbered items with others below them.
    pub groups: Vec<String>,
    /// The requirements.
    pub items: Vec<Requirement>,
}

/// One thing that is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id, as `covers` names it.
    pub id: Spanned<String>,
    /// What is to be shown.
    pub words: String,
    /// Its position in [`Checklist::groups`]; nothing where it stands before the first heading.
    pub group: Option<usize>,
    /// Where the page says that no plan can show it: why.
    pub no_plan: Option<String>,
}

/// What is wrong between a checklist and the plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequirementFault {
    /// A plan covers what is no requirement.
    Unknown {
        /// The id.
        id: String,
        /// The checklist's path.
        checklist: String,
        /// The only id that is as near as this.
        similar: Option<String>,
    },
    /// No plan covers it.
    Uncovered {
        /// The id.
        id: String,
    },
    /// An id stands twice in the checklist.
    Duplicate {
        /// The id.
        id: String,
    },
    /// A page without requirements.
    Nothing,
}

impl fmt::Display for RequirementFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { id, checklist, similar: _ } => {
                write!(f, "there is no requirement `{id}` in `{checklist}`")
            }
            Self::Uncovered { id } => write!(f, "no plan covers the requirement `{id}`"),
            Self::Duplicate { id } => write!(f, "the requirement `{id}` stands twice"),
            Self::Nothing => f.write_str("a checklist without requirements"),
        }
    }
}

impl Fault for RequirementFault {
    fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::UnknownRequirement,
            Self::Uncovered { .. } => Code::UncoveredRequirement,
            Self::Duplicate { .. } => Code::DuplicateRequirement,
            Self::Nothing => Code::EmptyChecklist,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { similar: Some(similar), .. } => format!("did you mean `{similar}`?"),
            Self::Unknown { similar: None, .. } => {
                "write it into the checklist, or take it out of `covers`".to_owned()
            }
            Self::Uncovered { id } => format!(
                "name it where its evidence is, `covers: [{id}]`; if no plan can show it, say so: \
                 `(no plan: the reason)`"
            ),
            Self::Duplicate { .. } => "give one of them another id".to_owned(),
            Self::Nothing => {
                "a requirement is an item of a list or a row of a table that begins with its id: \
                 `- 5a authentication time is measured`"
                    .to_owned()
            }
        })
    }

    fn label(&self) -> String {
        match self {
            Self::Unknown { similar: None, .. } => "not in the checklist".to_owned(),
            Self::Duplicate { .. } => "once more".to_owned(),
            Self::Unknown { .. } | Self::Uncovered { .. } | Self::Nothing => String::new(),
        }
    }
}

impl Checklist {
    /// Reads a Markdown page, with everything that is wrong in it.
    ///
    /// A requirement is an item of a list, with or without a box to tick, or a row of a table that
    /// begins with its id: letters, digits, `.`, `-` and `_` with a digit among them. A number alone
    /// is one in a table, in bold or as code only; elsewhere it counts the items of a list.
    #[must_use]
    pub fn parse(source: &SourceText) -> (Self, Vec<Finding>) {
        let mut reader = Reader {
            source: source.id,
            checklist: Self { source: source.id, groups: Vec::new(), items: Vec::new() },
            heading: None,
            numbered: None,
        };
        let mut fence: Option<&str> = None;
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            let text = line.trim_end();
            let bare = text.trim_start();
            let marks = ["```", "~~~"].into_iter().find(|marks| bare.starts_with(marks));
            match (fence, marks) {
                (None, None) => reader.line(text, start),
                (None, Some(marks)) => fence = Some(marks),
                (Some(open), Some(marks)) if open == marks => fence = None,
                (Some(_), _) => {}
            }
            start += line.len();
        }
        let checklist = reader.checklist;
        let mut findings = Vec::new();
        let mut first: HashMap<&str, Place> = HashMap::new();
        for Requirement { id, .. } in &checklist.items {
            match first.get(id.value.as_str()) {
                Some(known) => {
                    let fault = RequirementFault::Duplicate { id: id.value.clone() };
                    findings.push(Finding::of(&fault, id.place).at(*known, "it stands here"));
                }
                None => drop(first.insert(&id.value, id.place)),
            }
        }
        if checklist.items.is_empty() {
            let end = source.line(1).map_or(0, str::len);
            let place = Place { source: source.id, span: Span::new(0, end) };
            findings.push(Finding::of(&RequirementFault::Nothing, place));
        }
        (checklist, findings)
    }

    /// The requirement of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.items.iter().find(|item| item.id.value == id)
    }
}

struct Reader {
    source: SourceId,
    checklist: Checklist,
    heading: Option<usize>,
    /// A numbered item that is no requirement itself: its indentation and its group.
    numbered: Option<(usize, usize)>,
}

impl Reader {
    fn line(&mut self, line: &str, start: usize) {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let at = start + indent;
        let hashes = bare.chars().take_while(|c| *c == '#').count();
        if (1..=6).contains(&hashes) && bare.get(hashes..).is_some_and(|it| it.starts_with(' ')) {
            let title = bare.trim_matches('#').trim();
            self.heading = Some(self.group(title));
            self.numbered = None;
        } else if bare.starts_with('|') {
            self.row(bare, at);
        } else if let Some(marker) = marker(bare) {
            let rest = bare.get(marker.len..).unwrap_or_default();
            self.item(rest, at + marker.len, (indent, marker.is_number.then_some(bare)));
        }
    }

    /// `text` stands at the byte `at`; a numbered item that is no requirement is a group.
    fn item(&mut self, text: &str, at: usize, (indent, numbered): (usize, Option<&str>)) {
        if let Some((id, words)) = id_of(text, false) {
            let inside = self.numbered.filter(|(outer, _)| indent > *outer);
            let group = inside.map(|(_, group)| group).or(self.heading);
            let (words, no_plan) = without_reason(words);
            self.push(text, at, id, (words, group, no_plan));
        } else if let Some(title) = numbered {
            self.numbered = Some((indent, self.group(&plain(title))));
        } else if let Some(inner) = marker(text).filter(|marker| marker.is_number) {
            // `- [ ] 1. Environment`
            let rest = text.get(inner.len..).unwrap_or_default();
            self.item(rest, at + inner.len, (indent, Some(text)));
        }
    }

    fn row(&mut self, row: &str, at: usize) {
        let mut cells = Vec::new();
        let mut start = 1;
        let mut escaped = false;
        for (n, c) in row.char_indices().skip(1) {
            if c == '|' && !escaped {
                cells.push(start..n);
                start = n + 1;
            }
            escaped = c == '\\' && !escaped;
        }
        if start < row.len() {
            cells.push(start..row.len());
        }
        let text = |cell: &Range<usize>| row.get(cell.clone()).unwrap_or_default();
        let Some(first) = cells.first().map(text) else { return };
        let lead = first.len() - first.trim_start().len();
        let bare = first.trim();
        let Some((id, "")) = id_of(bare, true) else { return };
        let words = plain(cells.get(1).map(text).unwrap_or_default());
        let more = cells.iter().skip(2).map(|cell| plain(text(cell)));
        let no_plan = more.into_iter().find(|cell| says_no_plan(cell));
        let place = at + 1 + lead;
        self.push(bare, place, id, (words, self.heading, no_plan));
    }

    fn push(
        &mut self,
        text: &str,
        at: usize,
        id: Range<usize>,
        (words, group, no_plan): (String, Option<usize>, Option<String>),
    ) {
        let Some(name) = text.get(id.clone()) else { return };
        let place = Place { source: self.source, span: Span::new(at + id.start, at + id.end) };
        let id = Spanned::new(name.to_owned(), place);
        self.checklist.items.push(Requirement { id, words, group, no_plan });
    }

    fn group(&mut self, title: &str) -> usize {
        let groups = &mut self.checklist.groups;
        if let Some(known) = groups.iter().position(|known| known == title) {
            return known;
        }
        groups.push(title.to_owned());
        groups.len() - 1
    }
}

/// How an item of a list begins.
struct Marker {
    /// With the spaces and the box behind it, in bytes.
    len: usize,
    is_number: bool,
}

fn marker(text: &str) -> Option<Marker> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (mark, is_number) = match text.get(digits..)?.chars().next()? {
        '.' | ')' if (1..=9).contains(&digits) => (digits + 1, true),
        '-' | '*' | '+' if digits == 0 => (1, false),
        _ => return None,
    };
    let rest = text.get(mark..)?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut inner = rest.trim_start();
    if let Some(behind) = ["[ ]", "[x]", "[X]"].into_iter().find_map(|it| inner.strip_prefix(it)) {
        inner = behind.trim_start();
    }
    Some(Marker { len: text.len() - inner.len(), is_number })
}

/// The id that a text begins with, and the words behind it.
fn id_of(text: &str, is_cell: bool) -> Option<(Range<usize>, &str)> {
    const LONGEST: usize = 64;
    let start = text.len() - text.trim_start_matches(['*', '`', '_', '[']).len();
    let rest = text.get(start..)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let id = rest.get(..len)?.trim_end_matches(['.', '_', '-']);
    let behind = rest.get(id.len()..)?;
    let has = |wanted: fn(char) -> bool| id.chars().any(wanted);
    let begins = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    let counts = has(|c| c.is_ascii_digit());
    let is_number = !has(|c| !c.is_ascii_digit());
    let ends = behind.is_empty() || behind.starts_with([' ', '*', '`', ']', ':', '.', ')', '_']);
    if !begins || !counts || !ends || id.len() > LONGEST || is_number && start == 0 && !is_cell {
        return None;
    }
    let words = behind.trim_start_matches(['*', '`', ']', ':', '.', ')', '_', ' ', '–', '—', '-']);
    Some((start..start + id.len(), words))
}

/// What is to be shown, and the reason in brackets for which no plan shows it.
fn without_reason(words: &str) -> (String, Option<String>) {
    let brackets = words.strip_suffix(')').and_then(|inner| inner.rsplit_once('('));
    match brackets {
        Some((words, reason)) if says_no_plan(reason) => (plain(words), Some(plain(reason))),
        Some(_) | None => (plain(words), None),
    }
}

fn says_no_plan(text: &str) -> bool {
    text.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("no plan"))
}

/// Words without the marks of bold and code.
fn plain(text: &str) -> String {
    text.replace("**", "").replace('`', "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Checklist, Vec<Finding>) {
        Checklist::parse(&SourceText::new(SourceId(0), "list.md".to_owned(), text.into()))
    }

    fn ids(text: &str) -> Vec<String> {
        read(text).0.items.into_iter().map(|item| item.id.value).collect()
    }

    #[test]
    fn lists_boxes_and_tables_give_requirements_under_their_headings() {
        let text = "\
# Release
- 1a a key is asked for
* [x] **REQ-12**: the proxy answers

## Times
| id | item | evidence |
|---|---|---|
| 5a | time is measured | [`a.yaml`](a.yaml) |
| 7  | it ends | No plan: the last line says it. |

1. Edge cases
   - [ ] 6.1 a malformed key is refused (no plan: by hand)
- `44` is at the top again
";
        let (list, findings) = read(text);
        assert_eq!(findings, []);
        let told: Vec<_> = list
            .items
            .iter()
            .map(|item| {
                let group = item.group.and_then(|group| list.groups.get(group));
                let no_plan = item.no_plan.as_deref().unwrap_or("-");
                let group = group.map_or("-", String::as_str);
                format!("{group} / {} / {} / {no_plan}", item.id.value, item.words)
            })
            .collect();
        assert_eq!(
            told,
            [
                "Release / 1a / a key is asked for / -",
                "Release / REQ-12 / the proxy answers / -",
                "Times / 5a / time is measured / -",
                "Times / 7 / it ends / No plan: the last line says it.",
                "1. Edge cases / 6.1 / a malformed key is refused / no plan: by hand",
                "Times / 44 / is at the top again / -",
            ]
        );
        for item in &list.items {
            assert_eq!(text.get(item.id.place.span.range()), Some(item.id.value.as_str()));
        }
    }

    #[test]
    fn what_only_looks_like_an_item_is_none() {
        let text = "\
46 items are due.
- first of all
- 2 tries are enough
```
- 9z in an example
```
| plan | verdict |
|---|---|
";
        assert_eq!(ids(text), [""; 0]);
        assert_eq!(ids("- [ ] 1. Set up\n  - [ ] 1a one\n  - [ ] 1b two"), ["1a", "1b"]);
        assert_eq!(ids("1. 1a one\n2. 1b two"), ["1a", "1b"]);
    }

    #[test]
    fn an_id_that_stands_twice_and_a_page_without_any_are_found() {
        let (_, found) = read("- 1a one\n- 1b two\n- 1a three\n");
        assert_eq!(
            found.iter().map(|it| it.code).collect::<Vec<_>>(),
            [Code::DuplicateRequirement]
        );
        assert_eq!(found[0].labels.len(), 2);
        let (_, found) = read("# Nothing here\n");
        assert_eq!(found.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::EmptyChecklist]);
    }
}
