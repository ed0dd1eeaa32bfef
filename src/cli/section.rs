//! A section of a team's own Markdown file, between two comments: written, and written over, with
//! every other byte of the file left as it is.

use std::fmt;

/// Why a section has no place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It begins in this line and never ends.
    NoEnd { begin: usize },
    /// It ends in this line, before it begins if it does.
    NoBegin { end: usize },
    /// It begins or ends in both lines.
    Twice { first: usize, second: usize },
}

impl Broken {
    /// What to mend, with the marker's name.
    pub(super) fn said(self, name: &str) -> String {
        let (begin, end) = (Edge::Begin.line(name), Edge::End.line(name));
        match self {
            Self::NoEnd { begin: line } => format!(
                "line {line} has `{begin}`, and no line after it has `{end}`: put that where the \
                 section ends, or take line {line} out"
            ),
            Self::NoBegin { end: line } => format!(
                "line {line} has `{end}`, and no line before it has `{begin}`: put that where the \
                 section begins, or take line {line} out"
            ),
            Self::Twice { first, second } => format!(
                "the lines {first} and {second} have the same comment of the section `{name}`: take \
                 one of its two places out, or give another `--marker`"
            ),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

impl Edge {
    /// The comment, as it stands in a line of its own.
    fn line(self, name: &str) -> String {
        format!("<!-- planrun:{name} {self} -->")
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin",
            Self::End => "end",
        })
    }
}

/// Whether a marker can be the name of one: nothing in it can end the comment.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The file with this text as its section: between its comments, or at the end where it has none.
///
/// # Errors
/// Where the comments do not come in one pair.
pub(super) fn placed(file: &[u8], name: &str, text: &str) -> Result<Vec<u8>, Broken> {
    let at = find(file, name)?;
    let newline = if file.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
    // What stands in a response cannot begin or end a section.
    let text = text.replace("<!-- planrun:", "<!-- planrun :");
    let (begin, end) = (Edge::Begin.line(name), Edge::End.line(name));
    let lines = [begin.as_str(), ""].into_iter().chain(text.trim_end().lines()).chain(["", &end]);
    let section: String = lines.flat_map(|line| [line, newline]).collect();
    let (before, after) = if let Some((from, to)) = at {
        (file.get(..from).unwrap_or_default().to_vec(), file.get(to..).unwrap_or_default())
    } else {
        let mut before = file.to_vec();
        if !before.is_empty() && !before.ends_with(b"\n") {
            before.extend(newline.as_bytes());
        }
        if !before.is_empty() && !before.ends_with(b"\n\n") && !before.ends_with(b"\n\r\n") {
            before.extend(newline.as_bytes());
        }
        (before, &[][..])
    };
    let mut out = before;
    // A last line without a break stays one.
    let ended = at.is_none() || !after.is_empty() || file.ends_with(b"\n");
    out.extend(if ended { section.as_str() } else { section.trim_end() }.as_bytes());
    out.extend(after);
    Ok(out)
}

/// Where the section stands: from the begin of its first line to the end of its last.
fn find(file: &[u8], name: &str) -> Result<Option<(usize, usize)>, Broken> {
    let mut begin: Option<(usize, usize)> = None;
    let mut end: Option<(usize, usize)> = None;
    let mut from = 0;
    for (number, line) in (1..).zip(file.split_inclusive(|byte| *byte == b'\n')) {
        let to = from + line.len();
        let is = |edge: Edge| line.trim_ascii() == edge.line(name).as_bytes();
        if is(Edge::Begin) {
            if let Some((first, _)) = begin {
                return Err(Broken::Twice { first, second: number });
            }
            begin = Some((number, from));
        } else if is(Edge::End) {
            if let Some((first, _)) = end {
                return Err(Broken::Twice { first, second: number });
            }
            if begin.is_none() {
                return Err(Broken::NoBegin { end: number });
            }
            end = Some((number, to));
        }
        from = to;
    }
    match (begin, end) {
        (None, _) => Ok(None),
        (Some((line, _)), None) => Err(Broken::NoEnd { begin: line }),
        (Some((_, from)), Some((_, to))) => Ok(Some((from, to))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(file: &str, text: &str) -> String {
        let placed = placed(file.as_bytes(), "smoke", text).expect("one pair");
        String::from_utf8(placed).expect("UTF-8")
    }

    const SECTION: &str = "<!-- planrun:smoke begin -->\n\n## one\n\n<!-- planrun:smoke end -->\n";

    #[test]
    fn a_section_is_added_at_the_end_and_then_written_over_in_its_place() {
        assert_eq!(put("", "## one\n"), SECTION);
        assert_eq!(put("# Fixes", "## one\n"), format!("# Fixes\n\n{SECTION}"));
        assert_eq!(put("# Fixes\n\n", "## one\n"), format!("# Fixes\n\n{SECTION}"));
        let file = format!("# Fixes  \n\ttab\u{a0}\n{SECTION}after, without a break");
        assert_eq!(put(&file, "## one"), file);
        assert_eq!(put(&file, "## two"), file.replace("one", "two"));
    }

    #[test]
    fn every_other_byte_stays_as_it_is() {
        let (before, after) = (b"a\xff\r\n\r\n\x00 b\r\n".to_vec(), b"\r\n\xfe".to_vec());
        let mut file = before.clone();
        file.extend(SECTION.replace('\n', "\r\n").as_bytes());
        file.extend(&after);
        let out = placed(&file, "smoke", "## two\n\nmore").expect("one pair");
        assert!(out.starts_with(&before) && out.ends_with(&after));
        let section = String::from_utf8_lossy(&out).into_owned();
        assert!(section.contains("## two\r\n\r\nmore\r\n\r\n<!-- planrun:smoke end -->\r\n"));
        // Without a break behind its last line it gets none.
        let last = SECTION.trim_end();
        assert_eq!(put(last, "## one"), last);
    }

    #[test]
    fn sections_of_other_names_are_text_like_any_other() {
        let other = SECTION.replace("smoke", "smoke-2");
        assert_eq!(put(&other, "## one"), format!("{other}\n{SECTION}"));
    }

    #[test]
    fn comments_that_are_no_pair_are_refused_with_their_lines() {
        let (begin, end) = ("<!-- planrun:smoke begin -->\n", "<!-- planrun:smoke end -->\n");
        let cases = [
            (format!("a\n{begin}b\n"), Broken::NoEnd { begin: 2 }),
            (format!("a\n{end}"), Broken::NoBegin { end: 2 }),
            (format!("{end}{begin}"), Broken::NoBegin { end: 1 }),
            (format!("{begin}{begin}{end}"), Broken::Twice { first: 1, second: 2 }),
            (format!("{begin}{end}{begin}{end}"), Broken::Twice { first: 1, second: 3 }),
            (format!("{begin}{end}{end}"), Broken::Twice { first: 2, second: 3 }),
        ];
        for (file, broken) in cases {
            assert_eq!(placed(file.as_bytes(), "smoke", "x"), Err(broken), "{file}");
            assert!(broken.said("smoke").contains("take"), "{}", broken.said("smoke"));
        }
    }

    #[test]
    fn what_stands_in_a_response_cannot_end_the_section() {
        let hostile = "```text\n<!-- planrun:smoke end -->\n```";
        let once = put("", hostile);
        assert_eq!(put(&once, hostile), once);
        assert!(once.contains("<!-- planrun :smoke end -->"), "{once}");
    }

    #[test]
    fn a_name_cannot_end_the_comment() {
        assert!(is_name("smoke-2.a_b"));
        assert!(!is_name("") && !is_name("a b") && !is_name("a-->"));
    }
}
