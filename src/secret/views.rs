//! A text as it reads once a layer of escaping is taken off, with the way back to its own bytes.

use std::ops::Range;

/// One way of escaping text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// `%2F`, in either case.
    Percent,
    /// Percent-encoding where `+` is a space.
    Form,
    /// Backslash escapes of JSON, of programming languages and of a shell's double quotes.
    Json,
    /// `&amp;`, `&#39;`, `&#x27;`.
    Html,
    /// A single quote inside a shell's single quotes: `'\''` or `'"'"'`.
    Shell,
}

impl Layer {
    /// All layers.
    pub(super) const ALL: [Self; 5] =
        [Self::Percent, Self::Form, Self::Json, Self::Html, Self::Shell];

    fn begins(self, byte: u8) -> bool {
        match self {
            Self::Percent => byte == b'%',
            Self::Form => byte == b'%' || byte == b'+',
            Self::Json => byte == b'\\',
            Self::Html => byte == b'&',
            Self::Shell => byte == b'\'',
        }
    }

    /// The escape at the beginning of `rest`: how many bytes it takes, and what it stands for.
    fn unit(self, rest: &[u8]) -> Option<(usize, Char)> {
        match self {
            Self::Form if rest.first() == Some(&b'+') => Some((1, Char::byte(b' '))),
            Self::Percent | Self::Form => percent(rest),
            Self::Json => backslash(rest),
            Self::Html => entity(rest),
            Self::Shell => [b"'\\''".as_slice(), b"'\"'\"'".as_slice()]
                .into_iter()
                .find(|quote| rest.starts_with(quote))
                .map(|quote| (quote.len(), Char::byte(b'\''))),
        }
    }
}

/// At most four bytes: one character in UTF-8, or one byte of it.
#[derive(Debug, Clone, Copy)]
struct Char {
    bytes: [u8; 4],
    len: usize,
}

impl Char {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1 }
    }

    fn of(c: char) -> Self {
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len();
        Self { bytes, len }
    }
}

/// An escape: where it stands in the view and in the text under it.
#[derive(Debug, Clone, Copy)]
struct Unit {
    inner: usize,
    inner_len: usize,
    outer: usize,
    outer_len: usize,
}

/// A text with one layer taken off.
#[derive(Debug)]
pub(super) struct View {
    /// What it reads.
    pub(super) bytes: Vec<u8>,
    units: Vec<Unit>,
}

impl View {
    /// Takes a layer off; `None` where there is nothing to take off.
    pub(super) fn of(text: &[u8], layer: Layer) -> Option<Self> {
        let first = text.iter().position(|b| layer.begins(*b))?;
        let mut bytes = Vec::with_capacity(text.len());
        let mut units = Vec::new();
        bytes.extend_from_slice(text.get(..first)?);
        let mut at = first;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let next = if layer.begins(rest.first().copied().unwrap_or_default()) {
                layer.unit(rest)
            } else {
                None
            };
            if let Some((outer_len, char)) = next {
                units.push(Unit { inner: bytes.len(), inner_len: char.len, outer: at, outer_len });
                bytes.extend(char.bytes.iter().take(char.len));
                at += outer_len;
            } else {
                let run = rest
                    .iter()
                    .skip(1)
                    .position(|b| layer.begins(*b))
                    .map_or(rest.len(), |n| n + 1);
                bytes.extend(rest.iter().take(run));
                at += run;
            }
        }
        (!units.is_empty()).then_some(Self { bytes, units })
    }

    /// The bytes of the text under this view that a range of the view was read from: whole escapes.
    pub(super) fn outward(&self, range: Range<usize>) -> Range<usize> {
        let (start, _) = self.byte_outward(range.start);
        let (_, end) = self.byte_outward(range.end.saturating_sub(1).max(range.start));
        start..end
    }

    /// Where one byte of the view comes from, as start and end.
    fn byte_outward(&self, at: usize) -> (usize, usize) {
        let after = self.units.partition_point(|unit| unit.inner <= at);
        let Some(unit) = after.checked_sub(1).and_then(|n| self.units.get(n)) else {
            return (at, at + 1);
        };
        let past = at - unit.inner;
        if past < unit.inner_len {
            (unit.outer, unit.outer + unit.outer_len)
        } else {
            let outer = unit.outer + unit.outer_len + past - unit.inner_len;
            (outer, outer + 1)
        }
    }
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits?;
    if digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn percent(rest: &[u8]) -> Option<(usize, Char)> {
    let byte = u8::try_from(hex(rest.get(1..3))?).ok()?;
    Some((3, Char::byte(byte)))
}

fn backslash(rest: &[u8]) -> Option<(usize, Char)> {
    let simple = |byte| Some((2, Char::byte(byte)));
    match rest.get(1).copied()? {
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' => simple(8),
        b'f' => simple(12),
        b'x' => Some((4, Char::byte(u8::try_from(hex(rest.get(2..4))?).ok()?))),
        // YAML and Python write what lies outside the first plane with eight digits.
        b'U' => {
            let digits = rest.get(2..10)?.strip_prefix(b"00")?;
            Some((10, Char::of(char::from_u32(hex(Some(digits))?)?)))
        }
        b'u' if rest.get(2) == Some(&b'{') => {
            let digits = rest.iter().skip(3).take(7).position(|b| *b == b'}')?;
            Some((digits + 4, Char::of(char::from_u32(hex(rest.get(3..3 + digits))?)?)))
        }
        b'u' => {
            let high = hex(rest.get(2..6))?;
            if let Some(c) = char::from_u32(high) {
                return Some((6, Char::of(c)));
            }
            let low = hex(rest.get(6..12).and_then(|pair| pair.strip_prefix(b"\\u")))?;
            if !(0xd800..0xdc00).contains(&high) || !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            let c = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?;
            Some((12, Char::of(c)))
        }
        byte if byte.is_ascii_punctuation() || byte == b' ' => simple(byte),
        _ => None,
    }
}

/// The named entities that escapers write; numbers are read whatever they are.
const ENTITIES: [(&[u8], char); 18] = [
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"nbsp", '\u{a0}'),
    (b"sol", '/'),
    (b"bsol", '\\'),
    (b"plus", '+'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"grave", '`'),
    (b"lowbar", '_'),
    (b"Tab", '\t'),
    (b"NewLine", '\n'),
    (b"percnt", '%'),
    (b"num", '#'),
    (b"commat", '@'),
];

fn entity(rest: &[u8]) -> Option<(usize, Char)> {
    let len = rest.iter().take(12).position(|b| *b == b';')?;
    let name = rest.get(1..len)?;
    let c = match name {
        [b'#', b'x' | b'X', digits @ ..] => {
            let significant = digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
            char::from_u32(hex(digits.get(significant..))?)?
        }
        [b'#', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?
        }
        _ => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((len + 1, Char::of(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, layer: Layer) -> Option<String> {
        View::of(text.as_bytes(), layer)
            .map(|view| String::from_utf8_lossy(&view.bytes).into_owned())
    }

    #[test]
    fn each_layer_reads_what_its_writer_wrote() {
        for (layer, written, meant) in [
            (Layer::Percent, "a%2Fb%2f%C3%a4+", "a/b/ä+"),
            (Layer::Form, "a+b%2B", "a b+"),
            (
                Layer::Json,
                r#"\"\\\/\n\u00e4\u00E4\uD83D\ude00\u{1b}\x41\U0001F600"#,
                "\"\\/\nää😀\u{1b}A😀",
            ),
            (Layer::Html, "&amp;&#39;&#x27;&#X2f;&lt;", "&''/<"),
            (Layer::Shell, r#"it'\''s 'it'"'"'s"#, "it's 'it's"),
        ] {
            assert_eq!(read(written, layer).as_deref(), Some(meant));
        }
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        for (layer, text) in [
            (Layer::Percent, "100% of 5%zz"),
            (Layer::Json, r"C:\wonder \uD83D \u12"),
            (Layer::Html, "a & b &unknown; &#xffffff;"),
            (Layer::Shell, "'quoted'"),
        ] {
            assert_eq!(read(text, layer), None, "{text}");
        }
    }

    #[test]
    fn a_range_of_the_view_leads_back_to_whole_escapes() {
        let text = "x%41b%C3%A4y";
        let view = View::of(text.as_bytes(), Layer::Percent).expect("it has escapes");
        assert_eq!(view.bytes, "xAbäy".as_bytes());
        assert_eq!(view.outward(0..1), 0..1);
        assert_eq!(view.outward(1..2), 1..4);
        assert_eq!(view.outward(1..3), 1..5);
        assert_eq!(view.outward(3..5), 5..11);
        assert_eq!(view.outward(5..6), 11..12);
    }
}
