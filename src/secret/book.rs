//! Every known secret in every form, found in one pass over a text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::masks::Hit;
use super::views::{Layer, View};

/// Values with fewer characters stand in too many ordinary texts.
pub(super) const SHORTEST: usize = 4;

/// The known secrets. What an escaper would write is not listed: a text is read through the
/// [`Layer`]s that lie on it, which finds mixed and partial escaping too.
///
/// A copy is cheap: it shares the shelves, and what is learnt later goes onto new ones.
#[derive(Clone, Default)]
pub(super) struct Book {
    /// Each shelf weighs more than the next, so that learning n secrets one by one costs n log n,
    /// and a search looks at log n shelves.
    shelves: Vec<Arc<Shelf>>,
    /// Whether a secret holds a space: else `+` need not be read as one.
    spaces: bool,
    /// The length of the longest value in bytes.
    longest: usize,
}

/// What was learnt together.
#[derive(Default)]
struct Shelf {
    /// Values and parts of values, with their names: the short ones too.
    values: HashMap<String, Arc<str>>,
    names: HashSet<Arc<str>>,
    /// What is searched for, all at once.
    patterns: Vec<Pattern>,
    /// Absent only where the patterns exceed what an automaton can hold; then each is searched.
    automaton: Option<AhoCorasick>,
}

#[derive(Clone)]
struct Pattern {
    bytes: Arc<[u8]>,
    name: Arc<str>,
    /// Whether the base64 digit before the match holds some bits of the value.
    before: bool,
    /// Whether the base64 digit after the match holds some bits of the value.
    after: bool,
}

/// Whether a value is long enough to be told from other text: a shorter one is masked only in the
/// fields that are secret whatever they hold. White space round it does not make it rare.
#[must_use]
pub fn is_findable(value: &str) -> bool {
    value.trim().chars().count() >= SHORTEST
}

impl Book {
    /// Learns a value; `false` where it is too short to be found by its value.
    pub(super) fn learn(&mut self, name: &str, value: &str) -> bool {
        let name: Arc<str> = Arc::from(name);
        let mut fresh = Shelf::default();
        if !self.knows(&name) {
            fresh.names.insert(Arc::clone(&name));
        }
        for part in parts(value) {
            if self.name_of(&part).is_some() || fresh.values.contains_key(&part) {
                continue;
            }
            if is_findable(&part) {
                self.longest = self.longest.max(part.len());
                self.spaces |= part.contains(' ');
                fresh.patterns.extend(patterns(&part, &name));
            }
            fresh.values.insert(part, Arc::clone(&name));
        }
        if fresh.weight() > 0 {
            while let Some(last) = self.shelves.pop_if(|last| last.weight() <= fresh.weight()) {
                fresh.take(&last);
            }
            fresh.build();
            self.shelves.push(Arc::new(fresh));
        }
        is_findable(value)
    }

    /// Whether nothing is to be found by its value.
    pub(super) fn is_empty(&self) -> bool {
        self.shelves.iter().all(|shelf| shelf.patterns.is_empty())
    }

    /// Whether no secret was ever learnt, not even a short one.
    pub(super) fn is_blank(&self) -> bool {
        self.shelves.is_empty()
    }

    /// More bytes than the longest value takes in any writing: three layers of escaping.
    pub(super) fn margin(&self) -> usize {
        self.longest.saturating_mul(36)
    }

    /// No value takes fewer bytes in any writing.
    pub(super) fn shortest(&self) -> usize {
        let patterns = self.shelves.iter().flat_map(|shelf| &shelf.patterns);
        patterns.map(|pattern| pattern.bytes.len()).min().unwrap_or(usize::MAX)
    }

    /// The name under which exactly this value is known.
    pub(super) fn name_of(&self, value: &str) -> Option<&Arc<str>> {
        self.shelves.iter().find_map(|shelf| shelf.values.get(value))
    }

    /// Whether a secret of this name is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.shelves.iter().any(|shelf| shelf.names.contains(name))
    }

    /// Finds all values in a text, under every layer of escaping that lies on it.
    pub(super) fn find(&self, text: &[u8], hits: &mut Vec<Hit>) {
        if self.is_empty() || text.len() < SHORTEST {
            return;
        }
        self.read(text, |reading, chain| {
            for shelf in &self.shelves {
                shelf.find(reading, |range, pattern| {
                    let name = Some(Arc::clone(&pattern.name));
                    hits.push(Hit { range: Chain::outward(chain, range), name });
                });
            }
        });
    }

    /// The longest beginning of a value, in any writing, at the very end of a text that was cut.
    pub(super) fn find_cut(&self, text: &[u8]) -> Option<Hit> {
        if self.is_empty() {
            return None;
        }
        let from = text.len().saturating_sub(self.margin());
        let tail = text.get(from..).unwrap_or_default();
        let mut found: Option<Hit> = None;
        // The cut may have gone through an escape: then the text ends before it.
        let ends = (tail.len().saturating_sub(12)..tail.len())
            .filter(|at| tail.get(*at).is_some_and(|b| b"%\\&'".contains(b)))
            .chain(Some(tail.len()));
        for end in ends {
            self.read(tail.get(..end).unwrap_or_default(), |reading, chain| {
                for pattern in self.shelves.iter().flat_map(|shelf| &shelf.patterns) {
                    let Some(len) = pattern.begins_at_end_of(reading) else { continue };
                    let range = Chain::outward(chain, reading.len() - len..reading.len());
                    if found.as_ref().is_none_or(|hit| from + range.start < hit.range.start) {
                        let name = Some(Arc::clone(&pattern.name));
                        found = Some(Hit { range: from + range.start..text.len(), name });
                    }
                }
            });
        }
        found
    }

    /// Hands out every reading of a text: as it is, and with up to [`DEPTH`] layers taken off.
    fn read(&self, text: &[u8], mut visit: impl FnMut(&[u8], Option<&Chain<'_>>)) {
        let mut readings = Readings { spaces: self.spaces, seen: HashMap::new() };
        readings.walk(text, None, DEPTH, &mut visit);
    }
}

/// How many layers of escaping are taken off.
const DEPTH: usize = 3;

/// One walk through the layers of a text.
struct Readings {
    /// Whether a `+` may be a space.
    spaces: bool,
    /// Digests of what was read already, with how many layers were left to take off: many ways lead
    /// to the same reading.
    seen: HashMap<u64, usize>,
}

/// A view and the views that it was read from.
struct Chain<'a> {
    view: &'a View,
    under: Option<&'a Chain<'a>>,
}

impl Chain<'_> {
    /// The bytes of the text itself that a range of a reading came from.
    fn outward(chain: Option<&Self>, mut range: Range<usize>) -> Range<usize> {
        let mut at = chain;
        while let Some(link) = at {
            range = link.view.outward(range);
            at = link.under;
        }
        range
    }
}

impl Readings {
    fn walk(
        &mut self,
        text: &[u8],
        chain: Option<&Chain<'_>>,
        depth: usize,
        visit: &mut impl FnMut(&[u8], Option<&Chain<'_>>),
    ) {
        visit(text, chain);
        if depth == 0 {
            return;
        }
        for layer in Layer::ALL {
            if layer == Layer::Form && !(self.spaces && text.contains(&b'+')) {
                continue;
            }
            let Some(view) = View::of(text, layer) else { continue };
            let left = self.seen.entry(digest(&view.bytes)).or_default();
            if *left < depth {
                *left = depth;
                let chain = Chain { view: &view, under: chain };
                self.walk(&view.bytes, Some(&chain), depth - 1, visit);
            }
        }
    }
}

fn digest(bytes: &[u8]) -> u64 {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::hash::DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

impl Shelf {
    /// How much is on it.
    fn weight(&self) -> usize {
        self.patterns.len() + self.values.len() + self.names.len()
    }

    /// Takes what is on another one; it is to be built again.
    fn take(&mut self, other: &Self) {
        let Self { values, names, patterns, automaton: _ } = other;
        self.values.extend(values.iter().map(|(value, name)| (value.clone(), Arc::clone(name))));
        self.names.extend(names.iter().map(Arc::clone));
        self.patterns.extend(patterns.iter().cloned());
    }

    /// Makes ready to be searched.
    fn build(&mut self) {
        if self.patterns.is_empty() {
            return;
        }
        self.automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
            .build(self.patterns.iter().map(|pattern| &pattern.bytes))
            .ok();
    }

    /// Calls back for every match, overlapping ones too: where two secrets overlap, both go.
    fn find<'a>(&'a self, text: &[u8], mut found: impl FnMut(Range<usize>, &'a Pattern)) {
        if let Some(automaton) = &self.automaton {
            for hit in automaton.find_overlapping_iter(text) {
                if let Some(pattern) = self.patterns.get(hit.pattern().as_usize()) {
                    found(pattern.widen(text, hit.range()), pattern);
                }
            }
        } else {
            for pattern in &self.patterns {
                for (at, _) in text
                    .windows(pattern.bytes.len())
                    .enumerate()
                    .filter(|(_, window)| **window == *pattern.bytes)
                {
                    found(pattern.widen(text, at..at + pattern.bytes.len()), pattern);
                }
            }
        }
    }
}

impl Pattern {
    /// How many bytes at the end of a text are the beginning of this pattern, three at least.
    fn begins_at_end_of(&self, text: &[u8]) -> Option<usize> {
        let longest = self.bytes.len().saturating_sub(1).min(text.len());
        (3..=longest)
            .rev()
            .find(|len| self.bytes.get(..*len).is_some_and(|head| text.ends_with(head)))
    }

    /// Takes in the base64 digits at both ends that hold only some bits of the value, and the
    /// padding.
    fn widen(&self, text: &[u8], range: Range<usize>) -> Range<usize> {
        let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        let Range { mut start, mut end } = range;
        if self.before && start.checked_sub(1).and_then(|n| text.get(n)).is_some_and(is_digit) {
            start -= 1;
        }
        if self.after && text.get(end).is_some_and(is_digit) {
            end += 1;
            end += text.iter().skip(end).take(2).take_while(|b| **b == b'=').count();
        }
        start..end
    }
}

/// The value, the value without the white space at its ends, each of its lines, and each leaf
/// where it is JSON.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned(), value.trim().to_owned()];
    let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > 1 {
        // The frame of a PEM file is the same in all of them.
        parts
            .extend(lines.into_iter().filter(|line| !line.starts_with("-----")).map(str::to_owned));
    }
    if value.trim_start().starts_with(['{', '[', '"'])
        && let Ok(json) = serde_json::from_str(value)
    {
        leaves(&json, &mut parts);
    }
    parts.retain(|part| !part.is_empty());
    parts.dedup();
    parts
}

fn leaves(value: &serde_json::Value, parts: &mut Vec<String>) {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(_) => {}
        serde_json::Value::Number(number) => parts.push(number.to_string()),
        // A leaf of several lines (a key in a service account) is again a value with lines.
        serde_json::Value::String(text) => {
            parts.push(text.clone());
            parts.push(text.trim().to_owned());
            if text.trim().contains('\n') {
                parts.extend(text.lines().map(|line| line.trim().to_owned()));
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, parts)),
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|field| leaves(field, parts));
        }
    }
}

/// The value itself, and what base64 and hex make of it and of its escaped forms: an encoder may
/// stand on top of an escaper.
fn patterns(value: &str, name: &Arc<str>) -> Vec<Pattern> {
    let mut found = vec![pattern(value.as_bytes().to_vec(), name, false, false)];
    // A host is written in lower case, whoever wrote it how.
    let is_of_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let lower = value.to_ascii_lowercase();
    if lower != value && value.bytes().all(is_of_host) {
        found.push(pattern(lower.into_bytes(), name, false, false));
    }
    for form in forms(value) {
        for alignment in 0..3 {
            found.extend(base64_at(&form, alignment, name));
        }
        let lower: String = form
            .iter()
            .flat_map(|b| [b >> 4, b & 15])
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect();
        let upper = lower.to_ascii_uppercase();
        if upper != lower {
            found.push(pattern(upper.into_bytes(), name, false, false));
        }
        found.push(pattern(lower.into_bytes(), name, false, false));
    }
    found
}

/// The value as it is, and as JSON and a URL write it where that differs.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    let json = serde_json::Value::from(value).to_string();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let url: String =
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).collect();
    for form in [json, url.as_str()] {
        if form != value {
            forms.push(form.as_bytes().to_vec());
        }
    }
    forms
}

fn pattern(bytes: Vec<u8>, name: &Arc<str>, before: bool, after: bool) -> Pattern {
    Pattern { bytes: bytes.into(), name: Arc::clone(name), before, after }
}

/// The base64 digits that depend on nothing but the value where it begins `alignment` bytes into
/// a group of three; in both alphabets.
fn base64_at(value: &[u8], alignment: usize, name: &Arc<str>) -> Vec<Pattern> {
    let mut bytes = vec![0; alignment];
    bytes.extend_from_slice(value);
    let (first, last) = ((alignment * 8).div_ceil(6), bytes.len() * 8 / 6);
    let (before, after) = (alignment != 0, !bytes.len().is_multiple_of(3));
    let mut texts = vec![STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
    texts.dedup();
    texts
        .into_iter()
        .filter_map(|text| Some(text.get(first..last)?.as_bytes().to_vec()))
        .filter(|digits| digits.len() >= SHORTEST)
        .map(|digits| pattern(digits, name, before, after))
        .collect()
}
