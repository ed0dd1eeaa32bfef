//! Ranges of a text that must not be shown, and the two ways of covering them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A range that must not be shown, with the secret's name where it is a known one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The bytes.
    pub(super) range: Range<usize>,
    /// The secret's name.
    pub(super) name: Option<Arc<str>>,
}

/// How a hit is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// `«secret:api_key»`, or `«secret»`.
    Named,
    /// As many characters and bytes as before, line breaks kept.
    SameWidth,
}

/// Covers the hits. Hits that overlap are covered as one, under the name of the longest.
pub(super) fn cover(text: &str, mut hits: Vec<Hit>, cover: Cover) -> Cow<'_, str> {
    hits.retain(|hit| !hit.range.is_empty());
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    for hit in &mut hits {
        hit.range.end = hit.range.end.min(text.len());
        while !text.is_char_boundary(hit.range.start) {
            hit.range.start -= 1;
        }
        while !text.is_char_boundary(hit.range.end) {
            hit.range.end += 1;
        }
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut done = 0;
    for hit in merge(hits) {
        out.push_str(text.get(done..hit.range.start).unwrap_or_default());
        match cover {
            Cover::Named => out.push_str(&mask(hit.name.as_deref())),
            Cover::SameWidth => {
                let hidden = text.get(hit.range.clone()).unwrap_or_default();
                out.extend(hidden.chars().map(same_width));
            }
        }
        done = hit.range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// What stands for a value that is secret because of its name, and is known by no other.
const NAMELESS: &str = "«secret»";

/// Whether a text of a record hides a value that nobody can tell from another: it was masked because
/// of the field that it stood in, and not as a secret with a name.
#[must_use]
pub fn hides_a_value(text: &str) -> bool {
    text.contains(NAMELESS)
}

/// What is shown instead of a secret.
pub(super) fn mask(name: Option<&str>) -> String {
    name.map_or_else(|| NAMELESS.to_owned(), |name| format!("«secret:{name}»"))
}

/// The masks that already stand in a text, so that masking twice changes nothing. Only names that
/// the gate knows count: a server cannot smuggle a value out by writing a mask round it.
pub(super) fn standing(text: &str, known: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("«secret")).map(|n| n + from) {
        from = at + "«secret".len();
        // Names are short; without a bound, many beginnings would each look for a far end.
        let rest = text.get(from..).unwrap_or_default();
        let Some((close, _)) = rest.char_indices().take(100).find(|(_, c)| *c == '»') else {
            continue;
        };
        let inner = rest.get(..close).unwrap_or_default();
        if inner.is_empty() || inner.strip_prefix(':').is_some_and(&known) {
            from += close + '»'.len_utf8();
            found.push(at..from);
        }
    }
    found
}

fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
    let mut merged: Vec<(Hit, usize)> = Vec::with_capacity(hits.len());
    for hit in hits {
        let len = if hit.name.is_some() { hit.range.len() } else { 0 };
        match merged.last_mut() {
            Some((last, longest)) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
                if len > *longest {
                    *longest = len;
                    last.name = hit.name;
                }
            }
            Some(_) | None => merged.push((hit, len)),
        }
    }
    merged.into_iter().map(|(hit, _)| hit).collect()
}

/// A character that hides another and takes as many bytes and columns.
fn same_width(c: char) -> char {
    match (c, c.len_utf8()) {
        ('\n' | '\r', _) => c,
        (_, 1) => '*',
        (_, 2) => '×',
        (_, 3) => '•',
        (_, _) => '𝟎',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(range: Range<usize>, name: &str) -> Hit {
        Hit { range, name: Some(name.into()) }
    }

    #[test]
    fn hits_that_overlap_are_one_mask_under_the_longest_name() {
        let hits = vec![hit(4..8, "b"), hit(0..5, "a"), hit(1..2, "c")];
        assert_eq!(cover("0123456789", hits, Cover::Named), "«secret:a»89");
    }

    #[test]
    fn hits_that_only_touch_stay_two() {
        let hits = vec![hit(0..2, "a"), hit(2..4, "b")];
        assert_eq!(cover("0123", hits, Cover::Named), "«secret:a»«secret:b»");
    }

    #[test]
    fn same_width_keeps_bytes_characters_and_lines() {
        let text = "aä€😀\nb";
        let covered = cover(text, vec![hit(0..text.len(), "a")], Cover::SameWidth);
        assert_eq!(covered, "*×•𝟎\n*");
        assert_eq!(covered.len(), text.len());
    }

    #[test]
    fn only_masks_of_known_names_stand() {
        let known = |name: &str| name == "k";
        assert_eq!(standing("«secret» «secret:k» «secret:v»", known).len(), 2);
        assert_eq!(standing("«secret «secret»", known).len(), 1);
        assert!(standing("«secret", known).is_empty());
    }
}
