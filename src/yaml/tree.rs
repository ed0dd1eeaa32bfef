//! Owes the room the tree of a text: one pass over the events, with bounds, places and findings.

use std::collections::HashMap;
use std::ops::Range;

use super::events::{Complaint, Event, EventKind, Events, Properties};
use super::scalar::{Resolved, resolve};
use super::simple::{NotSimple, Simple};
use super::{Entry, Kind, Node, Style, traps};
use crate::finding::{Code, Finding};
use crate::source::{Place, SourceId, Span, Spanned};

/// How deep a value may lie.
const MAX_DEPTH: usize = 128;
/// How many values aliases may add in all.
const MAX_EXPANDED: usize = 100_000;

/// What one pass over a text gave.
pub(super) struct Built {
    pub(super) root: Option<Node>,
    pub(super) findings: Vec<Finding>,
}

/// Why a pass ended early.
pub(super) enum Stop {
    /// libyaml cannot go on.
    Syntax(Complaint),
    /// A bound was passed; the finding says which.
    Limit(Box<Finding>),
}

/// Builds the tree of `patched`, a text of the same length as `original` in which some bytes were
/// replaced so that libyaml can read on; what a plain scalar says is taken from `original`.
pub(super) fn build(source: SourceId, original: &str, patched: &str) -> Result<Built, Stop> {
    // Whatever is wrong, libyaml says it.
    let simply = if original == patched { simply(source, original) } else { None };
    simply.map_or_else(|| wholly(source, original, patched), Ok)
}

/// The tree of a simple text.
pub(super) fn simply(source: SourceId, text: &str) -> Option<Built> {
    build_of(source, (text, text), Reading::Simple(Simple::new(text)?)).ok()
}

/// The tree of any text, out of libyaml's events.
pub(super) fn wholly(source: SourceId, original: &str, patched: &str) -> Result<Built, Stop> {
    build_of(source, (original, patched), Reading::Whole(Events::new(patched)))
}

fn build_of<'text>(
    source: SourceId,
    (original, patched): (&'text str, &str),
    events: Reading<'text>,
) -> Result<Built, Stop> {
    let mut builder = Builder {
        source,
        original,
        is_patched: original != patched,
        events,
        anchors: HashMap::new(),
        open_anchors: Vec::new(),
        expanded: 0,
        findings: Vec::new(),
    };
    let root = builder.document()?;
    Ok(Built { root, findings: builder.findings })
}

struct Builder<'text> {
    source: SourceId,
    original: &'text str,
    is_patched: bool,
    events: Reading<'text>,
    /// Finished anchors with the number of their nodes.
    anchors: HashMap<String, (Node, usize)>,
    /// Anchors whose node is not finished: an alias to one would contain itself.
    open_anchors: Vec<String>,
    expanded: usize,
    findings: Vec<Finding>,
}

/// Who gives the events.
enum Reading<'text> {
    Simple(Simple<'text>),
    Whole(Events<'text>),
}

/// A node and how many nodes it consists of.
type Counted = (Node, usize);

impl Builder<'_> {
    fn next(&mut self) -> Result<Event, Stop> {
        match &mut self.events {
            // It is read again as a whole: nobody sees this complaint.
            Reading::Simple(events) => {
                events.next().map_err(|NotSimple| Stop::Syntax(Complaint::default()))
            }
            Reading::Whole(events) => events.next().map_err(Stop::Syntax),
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place { source: self.source, span: Span::new(span.start, span.end) }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let event = self.next()?;
            match event.kind {
                EventKind::StreamStart | EventKind::DocumentEnd => {}
                EventKind::DocumentStart if root.is_some() => {
                    let finding =
                        Finding::error(Code::YamlDocuments, "a second document begins here")
                            .at(self.place(event.span), "")
                            .help("put it into a file of its own");
                    self.findings.push(finding);
                    return Ok(root);
                }
                EventKind::DocumentStart => {
                    let first = self.next()?;
                    root = Some(self.node(first, 0)?.0);
                }
                EventKind::Alias(_)
                | EventKind::Scalar { .. }
                | EventKind::ListStart { .. }
                | EventKind::ListEnd
                | EventKind::MapStart { .. }
                | EventKind::MapEnd
                | EventKind::StreamEnd => return Ok(root),
            }
        }
    }

    fn node(&mut self, event: Event, depth: usize) -> Result<Counted, Stop> {
        if depth > MAX_DEPTH {
            let finding = Finding::error(
                Code::YamlLimit,
                format!("nested deeper than {MAX_DEPTH} levels"),
            )
            .at(self.place(event.span), "")
            .help("a plan needs a handful of levels; is a bracket or an indentation repeated?");
            return Err(Stop::Limit(Box::new(finding)));
        }
        let Event { kind, span } = event;
        match kind {
            EventKind::Alias(name) => self.alias(&name, span),
            EventKind::Scalar { properties, value, style } => {
                Ok((self.scalar(properties, value, style, span), 1))
            }
            EventKind::ListStart { properties, style } => {
                self.open(&properties);
                let (mut items, mut count) = (Vec::new(), 1);
                let end = loop {
                    let event = self.next()?;
                    if matches!(event.kind, EventKind::ListEnd) {
                        break event.span.end;
                    }
                    let (item, nodes) = self.node(event, depth + 1)?;
                    items.push(item);
                    count += nodes;
                };
                // The event of an indented list ends where the next thing begins.
                let end = match (style, items.last()) {
                    (Style::Indented, Some(last)) => last.place.span.end as usize,
                    _ => end,
                };
                let span = span.start..end.max(span.start);
                let node = Node { kind: Kind::List(items), place: self.place(span), style };
                Ok(self.close(properties, node, count))
            }
            EventKind::MapStart { properties, style } => {
                self.open(&properties);
                let (node, count) = self.mapping(style, span, depth)?;
                Ok(self.close(properties, node, count))
            }
            EventKind::StreamStart
            | EventKind::DocumentStart
            | EventKind::DocumentEnd
            | EventKind::StreamEnd
            | EventKind::ListEnd
            | EventKind::MapEnd => {
                // libyaml never gives these where a node is due; an empty value keeps it total.
                Ok((Node { kind: Kind::Empty, place: self.place(span), style: Style::Plain }, 1))
            }
        }
    }

    fn mapping(&mut self, style: Style, span: Range<usize>, depth: usize) -> Result<Counted, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = Seen::default();
        let mut merges = Vec::new();
        let mut count = 1;
        let end = loop {
            let event = self.next()?;
            if matches!(event.kind, EventKind::MapEnd) {
                break event.span.end;
            }
            let (key_node, key_nodes) = self.node(event, depth + 1)?;
            let event = self.next()?;
            let (value, value_nodes) = self.node(event, depth + 1)?;
            count += key_nodes + value_nodes;
            if key_node.as_str() == Some("<<") {
                merges.push((key_node.place, value));
                continue;
            }
            let Some((key, value)) = self.entry(key_node, value, style) else { continue };
            if let Some(first) = seen.find(&key.value, &entries) {
                let finding = Finding::error(
                    Code::YamlDuplicateKey,
                    format!("`{}` stands twice in one mapping", key.value),
                )
                .at(key.place, "stands here again")
                .at(first.key.place, "first here")
                .help("keep one of the two");
                self.findings.push(finding);
                continue;
            }
            seen.push(&mut entries, Entry { key, value });
        };
        let place = match (style, entries.first(), entries.last()) {
            (Style::Indented, Some(first), Some(last)) => {
                let end = last.key.place.span.end.max(last.value.place.span.end) as usize;
                let own = first.key.place.span.start as usize;
                // An alias or a merge may lie before; then the event's own start is the better.
                let start = if own < span.start { span.start } else { own };
                self.place(start..end.max(start))
            }
            _ => self.place(span.start..end),
        };
        for (at, merge) in merges {
            self.merge(&mut entries, &mut seen, at, merge);
        }
        Ok((Node { kind: Kind::Map(entries), place, style }, count))
    }

    /// Adds what `<<` names; the mapping's own keys and earlier ones of the list win.
    fn merge(&mut self, entries: &mut Vec<Entry>, seen: &mut Seen, at: Place, merge: Node) {
        let Node { kind, place, .. } = merge;
        let maps = match kind {
            Kind::Map(more) => vec![more],
            Kind::List(items) if items.iter().all(|n| matches!(n.kind, Kind::Map(_))) => items
                .into_iter()
                .map(|n| if let Kind::Map(more) = n.kind { more } else { Vec::new() })
                .collect(),
            Kind::List(_)
            | Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_) => {
                let finding =
                    Finding::error(Code::WrongType, "`<<` merges a mapping or a list of mappings")
                        .at(if place.span.is_empty() { at } else { place }, "")
                        .help("write `<<: *name`, with `&name` in front of a mapping above");
                self.findings.push(finding);
                return;
            }
        };
        for entry in maps.into_iter().flatten() {
            if seen.find(&entry.key.value, entries).is_none() {
                seen.push(entries, entry);
            }
        }
    }

    /// A key with its value, or nothing where the key cannot be one (a finding says why).
    fn entry(&mut self, key: Node, value: Node, style: Style) -> Option<(Spanned<String>, Node)> {
        let Node { kind, place, style: key_style } = key;
        let text = match kind {
            Kind::String(text) => text,
            Kind::Number { written, .. } => written,
            Kind::Bool(b) => b.to_string(),
            Kind::Null => self.slice(place).to_owned(),
            Kind::Empty if style == Style::Flow && value.kind == Kind::Empty => return None,
            Kind::Empty | Kind::List(_) | Kind::Map(_) => {
                // `{{ x }}` is such a mapping too; `traps` sees it from outside and keeps the key.
                if style == Style::Flow && value.kind == Kind::Empty {
                    return Some((Spanned::new(traps::COMPLEX_KEY.to_owned(), place), value));
                }
                let finding = Finding::error(Code::WrongType, "a key is a text")
                    .at(place, "")
                    .help("put the key in quotes");
                self.findings.push(finding);
                return None;
            }
        };
        if traps::has_template(&text) {
            let finding = Finding::error(
                Code::YamlTrap,
                format!("a template cannot stand in a key: `{text}`"),
            )
            .at(place, "")
            .help("keys are fixed; let the value hold the template");
            self.findings.push(finding);
        }
        let missing_space = style == Style::Flow
            && key_style == Style::Plain
            && value.kind == Kind::Empty
            && !text.starts_with('$');
        if missing_space
            && let Some((name, rest)) = text.split_once(':').filter(|(n, _)| !n.is_empty())
        {
            let message =
                format!("`{text}` is a key without a value: YAML wants a space after the colon");
            self.findings.push(
                Finding::error(Code::YamlTrap, message)
                    .at(place, "")
                    .help(format!("write `{name}: {rest}`")),
            );
            let value = self.plain(rest.to_owned(), place.inward(name.len() + 1..text.len()));
            return Some((Spanned::new(name.to_owned(), place.inward(0..name.len())), value));
        }
        Some((Spanned::new(text, place), value))
    }

    fn alias(&mut self, name: &str, span: Range<usize>) -> Result<Counted, Stop> {
        let place = self.place(span);
        if let Some((node, count)) = self.anchors.get(name) {
            self.expanded += count;
            if self.expanded > MAX_EXPANDED {
                let finding = Finding::error(
                    Code::YamlLimit,
                    format!("the aliases expand to more than {MAX_EXPANDED} values"),
                )
                .at(place, "");
                return Err(Stop::Limit(Box::new(finding)));
            }
            return Ok((node.clone(), *count));
        }
        let finding = if self.open_anchors.iter().any(|open| open == name) {
            Finding::error(Code::YamlSyntax, format!("`*{name}` stands inside what it names"))
                .at(place, "")
        } else {
            let known = crate::finding::nearest(name, self.anchors.keys().map(String::as_str));
            let finding =
                Finding::error(Code::YamlSyntax, format!("no `&{name}` before this `*{name}`"))
                    .at(place, "");
            match known {
                Some(known) => finding.help(format!("did you mean `*{known}`?")),
                None => finding.help(
                    "an alias stands after its anchor; a text that begins with `*` needs quotes",
                ),
            }
        };
        self.findings.push(finding);
        Ok((Node { kind: Kind::Null, place, style: Style::Plain }, 1))
    }

    fn open(&mut self, properties: &Properties) {
        self.open_anchors.extend(properties.anchor.clone());
    }

    fn close(&mut self, properties: Properties, mut node: Node, count: usize) -> Counted {
        if node.style == Style::Flow {
            traps::recover_braces(&mut node, self.original, &mut self.findings);
        }
        if let Some(tag) = properties.tag {
            let fits = match &node.kind {
                Kind::List(_) => tag == "tag:yaml.org,2002:seq",
                Kind::Map(_) => tag == "tag:yaml.org,2002:map",
                Kind::Empty
                | Kind::Null
                | Kind::Bool(_)
                | Kind::Number { .. }
                | Kind::String(_) => false,
            };
            if !fits {
                self.findings.push(traps::unknown_tag(&tag, node.place, None));
            }
        }
        if let Some(name) = properties.anchor {
            self.open_anchors.pop();
            self.anchors.insert(name, (node.clone(), count));
        }
        (node, count)
    }

    fn scalar(
        &mut self,
        properties: Properties,
        value: String,
        style: Style,
        span: Range<usize>,
    ) -> Node {
        let whole = self.place(span.clone());
        let start = if properties_free(&properties) {
            span.start
        } else {
            self.after_properties(span.clone())
        };
        let place = self.place(start..span.end.max(start));
        let value = if self.is_patched && style == Style::Plain && !value.is_empty() {
            let written = self.slice(place);
            if written.contains('\n') { value } else { traps::with_dollars(written) }
        } else {
            value
        };
        let mut node = match (properties.tag.as_deref(), style) {
            (None, Style::Plain) => self.plain(value, place),
            (None, _) => Node { kind: Kind::String(value), place, style },
            (Some(tag), _) => {
                let kind = self.tagged(tag, value, whole);
                Node { kind, place, style }
            }
        };
        traps::recover_comment(&mut node, self.original, &mut self.findings);
        match properties.anchor {
            None => node,
            Some(name) => {
                self.anchors.insert(name, (node.clone(), 1));
                node
            }
        }
    }

    fn plain(&mut self, value: String, place: Place) -> Node {
        let kind = match resolve(&value) {
            Resolved::Value(kind) => kind,
            Resolved::Text => Kind::String(value),
            Resolved::NotJson => {
                self.findings.push(
                    Finding::error(
                        Code::YamlTrap,
                        format!("`{value}` is no number that JSON can hold"),
                    )
                    .at(place, "")
                    .help(format!("write `\"{value}\"` if the text is meant")),
                );
                Kind::String(value)
            }
        };
        Node { kind, place, style: Style::Plain }
    }

    /// What a scalar with a tag is: one of the core schema, or a text with a finding.
    fn tagged(&mut self, tag: &str, value: String, whole: Place) -> Kind {
        let Some(core) = tag.strip_prefix("tag:yaml.org,2002:") else {
            self.findings.push(traps::unknown_tag(tag, whole, Some(&value)));
            return Kind::String(traps::without_tag(tag, &value));
        };
        match (core, resolve(&value)) {
            ("str", _) => Kind::String(value),
            ("null", Resolved::Value(Kind::Null | Kind::Empty)) => Kind::Null,
            (
                "bool" | "int" | "float",
                Resolved::Value(kind @ (Kind::Bool(_) | Kind::Number { .. })),
            ) if (core == "bool") == matches!(kind, Kind::Bool(_)) => kind,
            _ => {
                self.findings.push(traps::unknown_tag(&format!("!!{core}"), whole, Some(&value)));
                Kind::String(value)
            }
        }
    }

    /// The byte at which a node begins behind its anchor and tag.
    fn after_properties(&self, span: Range<usize>) -> usize {
        let mut at = span.start;
        loop {
            let rest = self.original.get(at..span.end).unwrap_or_default();
            let trimmed = rest.trim_start();
            at = span.end - trimmed.len();
            if !trimmed.starts_with(['&', '!']) {
                return at;
            }
            at += trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        }
    }

    fn slice(&self, place: Place) -> &str {
        self.original.get(place.span.range()).unwrap_or_default()
    }
}

/// Finds the keys of a mapping again: by looking at each while they are few.
#[derive(Default)]
struct Seen {
    places: HashMap<String, usize>,
}

impl Seen {
    /// So many keys are few.
    const FEW: usize = 16;

    fn find<'e>(&self, key: &str, entries: &'e [Entry]) -> Option<&'e Entry> {
        if self.places.is_empty() {
            entries.iter().find(|entry| entry.key.value == key)
        } else {
            self.places.get(key).and_then(|n| entries.get(*n))
        }
    }

    fn push(&mut self, entries: &mut Vec<Entry>, entry: Entry) {
        if entries.len() == Self::FEW && self.places.is_empty() {
            let places = entries.iter().enumerate();
            self.places = places.map(|(n, entry)| (entry.key.value.clone(), n)).collect();
        }
        if entries.len() >= Self::FEW {
            self.places.insert(entry.key.value.clone(), entries.len());
        }
        entries.push(entry);
    }
}

fn properties_free(properties: &Properties) -> bool {
    properties.anchor.is_none() && properties.tag.is_none()
}
