//! Owes the tree the events of YAML as nearly every plan is written, in a small part of libyaml's time.
//!
//! Only what can be read without a doubt is read here: block mappings and lists, scalars that end
//! on the line on which they begin, braces and brackets that close on theirs. Anything else, mistakes
//! included, is not simple, and libyaml reads the whole text instead. A test holds that both give
//! the same tree.

use std::collections::VecDeque;
use std::ops::Range;

use super::Style;
use super::events::{Event, EventKind, Properties};

/// The text is not simple: libyaml has to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSimple;

/// libyaml gives up on a key that is longer than 1024 characters.
const LONGEST_KEY: usize = 1000;
/// Braces and brackets lie at most so deep in each other.
const DEEPEST: usize = 32;

/// The events of one text, in their order, a line at a time.
pub(super) struct Simple<'text> {
    text: &'text str,
    /// Where the next line begins.
    next: usize,
    /// Mappings and lists that are open, the innermost last.
    open: Vec<Open>,
    /// Whether the key before waits for a value on the lines below.
    awaits: bool,
    ready: VecDeque<Event>,
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// Of its keys or dashes, in bytes.
    indent: usize,
    kind: Collection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collection {
    Map,
    List,
}

/// What stands at the beginning of an entry or an item.
enum Lead {
    /// A key, and the byte behind its colon.
    Key(Event, usize),
    /// A scalar in quotes that is no key, and the byte behind it.
    Quoted(Event, usize),
    /// Anything else.
    Other,
}

impl<'text> Simple<'text> {
    /// Begins to read a text, if all of its characters are simple.
    pub(super) fn new(text: &'text str) -> Option<Self> {
        let is_plain = |b: &u8| matches!(b, b'\n' | 0x20..=0x7E);
        if !text.as_bytes().iter().all(is_plain) && !text.chars().all(is_simple) {
            return None;
        }
        let (open, ready) = (Vec::new(), VecDeque::new());
        Some(Self { text, next: 0, open, awaits: false, ready, ended: false })
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event, NotSimple> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if self.ended {
                return Ok(event(EventKind::StreamEnd, self.text.len()..self.text.len()));
            }
            self.line()?;
        }
    }

    /// Reads the next line that says anything.
    fn line(&mut self) -> Result<(), NotSimple> {
        let Some((indent, at, end)) = self.content() else { return self.finish() };
        let column_0 = self.text.get(at..end).filter(|_| indent == 0).unwrap_or_default();
        if column_0.starts_with("---") || column_0.starts_with("...") {
            return Err(NotSimple);
        }
        let is_item = self.is_item(at, end);
        match self.open.last() {
            None if indent == 0 && !is_item => {
                self.push(EventKind::StreamStart, at..at);
                self.push(EventKind::DocumentStart, at..at);
                self.begin(Collection::Map, indent, at);
            }
            None => return Err(NotSimple),
            Some(top) if self.awaits => {
                let kind = match (is_item, indent) {
                    (true, _) if indent >= top.indent => Collection::List,
                    (false, _) if indent > top.indent => Collection::Map,
                    (true | false, _) => return Err(NotSimple),
                };
                self.awaits = false;
                self.begin(kind, indent, at);
            }
            Some(_) => self.close_to(indent, is_item, at)?,
        }
        match self.open.last() {
            Some(Open { indent: own, kind: Collection::List }) if *own == indent && is_item => {
                self.item(at - indent, at + 1, end)
            }
            Some(Open { indent: own, kind: Collection::Map }) if *own == indent && !is_item => {
                match self.lead(at, end)? {
                    Lead::Key(key, after) => {
                        self.ready.push_back(key);
                        self.value(after, end)
                    }
                    Lead::Quoted(..) | Lead::Other => Err(NotSimple),
                }
            }
            Some(_) | None => Err(NotSimple),
        }
    }

    /// The next line that is neither blank nor a comment: its indentation, where its content begins,
    /// and where it ends.
    fn content(&mut self) -> Option<(usize, usize, usize)> {
        loop {
            let start = self.next;
            let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
            let end = start + rest.find('\n').unwrap_or(rest.len());
            self.next = (end + 1).min(self.text.len());
            let at = self.skip_blanks(start, end);
            if at < end && self.byte(at) != b'#' {
                return Some((at - start, at, end));
            }
        }
    }

    /// Closes what ends before a line of this indentation.
    fn close_to(&mut self, indent: usize, is_item: bool, at: usize) -> Result<(), NotSimple> {
        while let Some(top) = self.open.last() {
            // A list may stand at the indentation of its own key: then a key ends it.
            let ends = top.kind == Collection::List && !is_item;
            if top.indent < indent || top.indent == indent && !ends {
                return Ok(());
            }
            self.close(at);
        }
        Err(NotSimple)
    }

    fn close(&mut self, at: usize) {
        let kind = match self.open.pop().map(|open| open.kind) {
            Some(Collection::Map) => EventKind::MapEnd,
            Some(Collection::List) => EventKind::ListEnd,
            None => return,
        };
        self.push(kind, at..at);
    }

    fn finish(&mut self) -> Result<(), NotSimple> {
        if self.awaits || self.open.is_empty() {
            return Err(NotSimple);
        }
        let end = self.text.len();
        while !self.open.is_empty() {
            self.close(end);
        }
        self.push(EventKind::DocumentEnd, end..end);
        self.ended = true;
        Ok(())
    }

    fn begin(&mut self, kind: Collection, indent: usize, at: usize) {
        self.open.push(Open { indent, kind });
        let properties = Properties::default();
        let style = Style::Indented;
        let kind = match kind {
            Collection::Map => EventKind::MapStart { properties, style },
            Collection::List => EventKind::ListStart { properties, style },
        };
        self.push(kind, at..at);
    }

    /// What stands behind a dash, in the line that begins at `line`.
    fn item(&mut self, line: usize, after: usize, end: usize) -> Result<(), NotSimple> {
        let at = self.skip_blanks(after, end);
        if at == end || self.byte(at) == b'#' || self.is_item(at, end) {
            return Err(NotSimple);
        }
        match self.lead(at, end)? {
            Lead::Key(key, after) => {
                self.begin(Collection::Map, at - line, at);
                self.ready.push_back(key);
                self.value(after, end)
            }
            Lead::Quoted(scalar, after) => {
                self.ready.push_back(scalar);
                self.nothing_more(after, end)
            }
            Lead::Other => self.value(at, end),
        }
    }

    /// Whether a dash stands here that makes an item.
    fn is_item(&self, at: usize, end: usize) -> bool {
        self.byte(at) == b'-' && self.is_blank_or_end(at + 1, end)
    }

    /// The key at a byte, if there is one.
    fn lead(&self, at: usize, end: usize) -> Result<Lead, NotSimple> {
        match self.byte(at) {
            b'"' | b'\'' => {
                let (scalar, after) = self.quoted(at, end)?;
                let colon = self.skip_blanks(after, end);
                if colon == end || self.byte(colon) != b':' {
                    return Ok(Lead::Quoted(scalar, after));
                }
                let is_key = self.is_blank_or_end(colon + 1, end) && after - at < LONGEST_KEY;
                if is_key { Ok(Lead::Key(scalar, colon + 1)) } else { Err(NotSimple) }
            }
            b'{' | b'[' => Ok(Lead::Other),
            first => {
                if !self.may_begin(first, at, end) {
                    return Err(NotSimple);
                }
                let (stop, ended_by) = self.plain_end(at, end);
                if ended_by != b':' {
                    return Ok(Lead::Other);
                }
                let key = self.trimmed(at, stop);
                if key.len() >= LONGEST_KEY {
                    return Err(NotSimple);
                }
                let span = at..at + key.len();
                Ok(Lead::Key(scalar(key.to_owned(), Style::Plain, span), stop + 1))
            }
        }
    }

    /// The value behind a key or a dash, in its line or below it.
    fn value(&mut self, after: usize, end: usize) -> Result<(), NotSimple> {
        let at = self.skip_blanks(after, end);
        if at == end || self.byte(at) == b'#' {
            self.awaits = true;
            return Ok(());
        }
        match self.byte(at) {
            b'"' | b'\'' => {
                let (scalar, after) = self.quoted(at, end)?;
                self.ready.push_back(scalar);
                self.nothing_more(after, end)
            }
            b'{' | b'[' => {
                let after = self.flow(at, end, 0)?;
                self.nothing_more(after, end)
            }
            first => {
                let (stop, ended_by) = self.plain_end(at, end);
                if !self.may_begin(first, at, end) || ended_by == b':' {
                    return Err(NotSimple);
                }
                let text = self.trimmed(at, stop);
                let span = at..at + text.len();
                self.ready.push_back(scalar(text.to_owned(), Style::Plain, span));
                Ok(())
            }
        }
    }

    /// Whether a plain scalar may begin here (YAML 1.1 §5.3, without what needs a second look).
    fn may_begin(&self, first: u8, at: usize, end: usize) -> bool {
        match first {
            b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|'
            | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' => false,
            b'-' => !self.is_blank_or_end(at + 1, end),
            _ => true,
        }
    }

    /// Where a plain scalar stops in its line, and at what: the colon behind a key, the number sign of
    /// a comment, or nothing.
    fn plain_end(&self, at: usize, end: usize) -> (usize, u8) {
        let mut before = b'x';
        let line = self.text.as_bytes().get(at..end).unwrap_or_default();
        for (n, byte) in line.iter().enumerate() {
            match byte {
                b':' if self.is_blank_or_end(at + n + 1, end) => return (at + n, b':'),
                b'#' if before == b' ' => return (at + n, b'#'),
                _ => before = *byte,
            }
        }
        (end, 0)
    }

    fn trimmed(&self, at: usize, stop: usize) -> &'text str {
        self.text.get(at..stop).unwrap_or_default().trim_end_matches(' ')
    }

    /// A scalar in quotes that closes in its line, and the byte behind it.
    fn quoted(&self, at: usize, end: usize) -> Result<(Event, usize), NotSimple> {
        let quote = self.byte(at);
        let style = if quote == b'"' { Style::Double } else { Style::Single };
        let mut value = String::new();
        // What stands before it has been taken.
        let mut from = at + 1;
        let mut here = from;
        let piece = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        while here < end {
            match self.byte(here) {
                b'\\' if quote == b'"' => {
                    value.push_str(piece(from, here));
                    value.push(match self.byte(here + 1) {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'/' => '/',
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        _ => return Err(NotSimple),
                    });
                    here += 2;
                    from = here;
                }
                b'\'' if quote == b'\'' && here + 1 < end && self.byte(here + 1) == b'\'' => {
                    value.push_str(piece(from, here + 1));
                    here += 2;
                    from = here;
                }
                byte if byte == quote => {
                    value.push_str(piece(from, here));
                    return Ok((scalar(value, style, at..here + 1), here + 1));
                }
                _ => here += 1,
            }
        }
        Err(NotSimple)
    }

    /// A mapping in braces or a list in brackets that closes in its line; the byte behind it.
    fn flow(&mut self, at: usize, end: usize, depth: usize) -> Result<usize, NotSimple> {
        if depth > DEEPEST {
            return Err(NotSimple);
        }
        let is_map = self.byte(at) == b'{';
        let closing = if is_map { b'}' } else { b']' };
        let (properties, style) = (Properties::default(), Style::Flow);
        let start = if is_map {
            EventKind::MapStart { properties, style }
        } else {
            EventKind::ListStart { properties, style }
        };
        self.push(start, at..at + 1);
        let mut here = self.skip_blanks(at + 1, end);
        let mut is_first = true;
        loop {
            if here < end && is_first && self.byte(here) == closing {
                break;
            }
            is_first = false;
            if is_map {
                let (key, after) = self.flow_scalar(here, end)?;
                let colon = self.skip_blanks(after, end);
                let is_key = colon < end && self.byte(colon) == b':' && after - here < LONGEST_KEY;
                if !is_key || self.byte(colon + 1) != b' ' {
                    return Err(NotSimple);
                }
                self.ready.push_back(key);
                here = self.skip_blanks(colon + 1, end);
            }
            let after = if here < end && matches!(self.byte(here), b'{' | b'[') {
                self.flow(here, end, depth + 1)?
            } else {
                let (value, after) = self.flow_scalar(here, end)?;
                self.ready.push_back(value);
                after
            };
            here = self.skip_blanks(after, end);
            match self.byte(here) {
                byte if here < end && byte == closing => break,
                b',' if here < end => here = self.skip_blanks(here + 1, end),
                _ => return Err(NotSimple),
            }
        }
        let kind = if is_map { EventKind::MapEnd } else { EventKind::ListEnd };
        self.push(kind, here..here + 1);
        Ok(here + 1)
    }

    /// A scalar between braces or brackets, and the byte behind it.
    fn flow_scalar(&self, at: usize, end: usize) -> Result<(Event, usize), NotSimple> {
        if at < end && matches!(self.byte(at), b'"' | b'\'') {
            return self.quoted(at, end);
        }
        let line = self.text.as_bytes().get(at..end).unwrap_or_default();
        let is_inner = |b: &u8| {
            let signs = b"_$/.+-*@=%~()|<>^;&! ";
            b.is_ascii_alphanumeric() || *b >= 0x80 || signs.contains(b)
        };
        let may_begin = match line {
            [b'-', second, ..] => second.is_ascii_alphanumeric() || *second == b'.',
            [first, ..] => {
                first.is_ascii_alphanumeric()
                    || *first >= 0x80
                    || matches!(first, b'_' | b'$' | b'/' | b'.' | b'+')
            }
            [] => false,
        };
        if !may_begin {
            return Err(NotSimple);
        }
        let stop = at + line.iter().take_while(|b| is_inner(b)).count();
        let text = self.trimmed(at, stop);
        let after = at + text.len();
        Ok((scalar(text.to_owned(), Style::Plain, at..after), after))
    }

    /// Refuses a line that goes on, but for a comment.
    fn nothing_more(&self, after: usize, end: usize) -> Result<(), NotSimple> {
        let at = self.skip_blanks(after, end);
        let is_over = at == end || at > after && self.byte(at) == b'#';
        if is_over { Ok(()) } else { Err(NotSimple) }
    }

    fn push(&mut self, kind: EventKind, span: Range<usize>) {
        self.ready.push_back(event(kind, span));
    }

    fn skip_blanks(&self, at: usize, end: usize) -> usize {
        let rest = self.text.as_bytes().get(at..end).unwrap_or_default();
        at + rest.iter().take_while(|b| **b == b' ').count()
    }

    fn is_blank_or_end(&self, at: usize, end: usize) -> bool {
        at >= end || self.byte(at) == b' '
    }

    /// A byte of the text; zero behind its end, which stands in no simple text.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }
}

fn event(kind: EventKind, span: Range<usize>) -> Event {
    Event { kind, span }
}

fn scalar(value: String, style: Style, span: Range<usize>) -> Event {
    event(EventKind::Scalar { properties: Properties::default(), value, style }, span)
}

/// A character that libyaml takes as it is: no control, no other kind of line break.
fn is_simple(c: char) -> bool {
    match c {
        '\n' | ' '..='~' => true,
        '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        c => c >= '\u{A0}',
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{simply, wholly};
    use crate::source::SourceId;

    /// Whether a text is simple; then its tree and all that is said of it are those of libyaml.
    fn is_read_alike(text: &str) -> bool {
        let Some(simple) = simply(SourceId(0), text) else { return false };
        let Ok(whole) = wholly(SourceId(0), text, text) else {
            panic!("libyaml refuses what was read simply:\n{text}")
        };
        assert_eq!(simple.root, whole.root, "\n{text}");
        assert_eq!(simple.findings, whole.findings, "\n{text}");
        true
    }

    const SIMPLE: [&str; 8] = [
        "plan: a plan # so\ndefaults:\n  base_url: http://h:1/x#y\n\nsteps:\n  - name: n\n    GET: /x/${{ y }}\n    expect:\n      status: 200\n      \"$.id\": -1.5\n  # why\n  - name: m\n    POST: '/it''s'\n",
        "a:\n- b: 1\n  c:\n  - d\n  - \"e \\\" \\\\ \\n\"\n- f\ng: {h: 1, 'i': [x, \"y\", {}], j k: l m} # z\nn: []\n",
        "$.a[0]: x\n$.b: {length: 3}\n'q' : r\n\"s\": t: \n",
        "ä: ö # ü\nß: 'é'\nb:\n    c:\n        d: 1\n    e: 2\nf: 3\n",
        "a:   b   \n\n#c\nd:\n  - e: f\n    g: h\n\n  - i\n",
        "if: a == 'b' and c\nassert: [a > 1, b]\nx: {y: -1, z: a/b}\n-a: b\n",
        "a: 1\na: 2\nb: {c: 1, c: 2}\nd: ~\ne: 012\nf: .inf\n",
        "a: b\nc: {{ d }}\n",
    ];

    #[test]
    fn what_is_simple_is_read_as_libyaml_reads_it() {
        let simple: Vec<bool> = SIMPLE.map(is_read_alike).into();
        assert_eq!(simple, [true, true, false, true, true, true, true, false]);
    }

    #[test]
    fn what_is_not_simple_is_left_to_libyaml() {
        for text in [
            "",
            "# nothing\n",
            "- a\n",
            "a\n",
            " a: b\n",
            "--- \na: b\n",
            "a: b\n...\n",
            "a: &x b\nc: *x\n",
            "a: !t b\n",
            "a: |\n  b\n",
            "a: b\n  c\n",
            "a:\n  b\n",
            "a:\nb: c\n",
            "a: {b: c,\n  d: e}\n",
            "a: 'b\n  c'\n",
            "a: b: c\n",
            "a: - b\n",
            "a:\n  - - b\n",
            "? a\n: b\n",
            "a: \"\\u00e4\"\n",
            "a:\tb\n",
            "a: b\r\n",
            "a:\n    b: c\n  d: e\n",
            "a: \u{2028}b\n",
            "%a: b\n",
        ] {
            assert!(!is_read_alike(text), "{text}");
        }
    }

    /// Every text that is one mistake away from a simple one: what is still simple is read alike, and
    /// a mistake is left to libyaml.
    #[test]
    fn a_mistake_anywhere_is_never_read_otherwise_than_libyaml_does() {
        let signs = [
            " ", "\n", "\n  ", ":", ": ", "-", "- ", "#", " #", "{", "}", "[", "]", ",", "'", "\"",
        ];
        let more = ["&", "*", "!", "|", ">", "%", "?", "\\", "<<", "a"];
        let mut simple = 0;
        for text in SIMPLE {
            for (at, sign) in text.char_indices() {
                let (head, tail) = text.split_at(at);
                let rest = tail.get(sign.len_utf8()..).unwrap_or_default();
                simple += usize::from(is_read_alike(&format!("{head}{rest}")));
                for other in signs.iter().chain(&more) {
                    simple += usize::from(is_read_alike(&format!("{head}{other}{tail}")));
                    simple += usize::from(is_read_alike(&format!("{head}{other}{rest}")));
                }
            }
        }
        assert!(simple > 1000, "{simple}");
    }
}
