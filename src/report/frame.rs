//! A few lines of a text with marks, cut to the width, for miette to draw: miette neither cuts
//! long lines nor stays quick on large sources, so it is given only what is to be seen.

use std::ops::Range;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::style::{Style, hang, width};
use crate::secret::sanitise_line;
use crate::source::{LineColumn, SourceText, Span};

/// A place to be labelled.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// The bytes of the text; only those on its first line are underlined.
    pub(crate) span: Span,
    /// What is said about it; lines stay lines.
    pub(crate) text: String,
}

/// How much is shown around the marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Lines before and after each mark.
    pub(crate) context: usize,
    /// A text of at most so many lines is shown whole.
    pub(crate) whole: usize,
}

/// The window, as miette reads it.
#[derive(Debug)]
pub(crate) struct Frame {
    name: String,
    text: String,
    lines: Vec<Line>,
    labels: Vec<LabeledSpan>,
    /// Where each label starts in the window and in the whole text.
    starts: Vec<(usize, LineColumn)>,
}

/// One shown line: its number in the whole text, its first byte in the window.
#[derive(Debug)]
struct Line {
    number: usize,
    start: usize,
}

/// A mark on its line, in columns of the shown line.
struct Placed<'a> {
    mark: &'a Mark,
    at: LineColumn,
    columns: Range<usize>,
}

impl Frame {
    /// The lines around the marks. The first mark is the primary one.
    pub(crate) fn new(
        name: &str,
        source: &SourceText,
        marks: &[Mark],
        room: Room,
        style: &Style,
    ) -> Self {
        let mut frame = Self {
            name: sanitise_line(name).into_owned(),
            text: String::new(),
            lines: Vec::new(),
            labels: Vec::new(),
            starts: Vec::new(),
        };
        let numbers = lines_to_show(source, marks, room);
        let gutter = numbers.last().map_or(1, |n| n.to_string().len()) + 4;
        let columns = style.columns().saturating_sub(gutter).max(24);
        for number in numbers {
            frame.push(source, number, marks, columns, style);
        }
        frame
    }

    /// The marks, for a diagnostic.
    pub(crate) fn labels(&self) -> Vec<LabeledSpan> {
        self.labels.clone()
    }

    /// Adds one line with its marks.
    fn push(
        &mut self,
        source: &SourceText,
        number: usize,
        marks: &[Mark],
        columns: usize,
        style: &Style,
    ) {
        let raw = source.line(number).unwrap_or_default();
        let shown = Shown::new(raw);
        let placed: Vec<Placed<'_>> = marks
            .iter()
            .filter_map(|mark| {
                let at = source.line_column(mark.span.start);
                let columns = shown.columns(at.column - 1, mark.span, source);
                (at.line == number).then_some(Placed { mark, at, columns })
            })
            .collect();
        let window = window(&shown, &placed, columns);
        let line = shown.cut(&window, style);
        let start = self.text.len();
        for placed in &placed {
            let inside = shift(&placed.columns, &window);
            let bytes = byte_of(&line, inside.start)..byte_of(&line, inside.end);
            let middle = usize::midpoint(inside.start, inside.end);
            let room = columns.saturating_sub(middle + 5).max(12);
            let text = placed
                .mark
                .text
                .lines()
                .flat_map(|text| hang(&sanitise_line(text), room))
                .collect::<Vec<_>>()
                .join("\n");
            let span = SourceSpan::from((start + bytes.start, bytes.len()));
            let text = (!text.is_empty()).then_some(text);
            let primary = marks.first().is_some_and(|first| std::ptr::eq(first, placed.mark));
            self.labels.push(if primary {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            });
            self.starts.push((start + bytes.start, placed.at));
        }
        self.text.push_str(&line);
        self.text.push('\n');
        self.lines.push(Line { number, start });
    }

    /// The shown line that holds a byte of the window.
    fn line_at(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.start <= byte).saturating_sub(1)
    }

    /// Whether two neighbours in the window are neighbours in the text.
    fn joined(&self, first: usize) -> bool {
        match (self.lines.get(first), self.lines.get(first + 1)) {
            (Some(one), Some(next)) => one.number + 1 == next.number,
            (None | Some(_), _) => false,
        }
    }
}

impl SourceCode for Frame {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        let mut first = self.line_at(span.offset());
        let mut last = self.line_at(end.saturating_sub(usize::from(!span.is_empty())));
        let (range, at) = if before == 0 {
            let at = self.starts.iter().find(|(start, _)| *start == span.offset());
            let at = at.map_or(LineColumn { line: 1, column: 1 }, |(_, at)| *at);
            (span.offset()..end, at)
        } else {
            while first > 0 && self.joined(first - 1) {
                first -= 1;
            }
            while self.joined(last) {
                last += 1;
            }
            let start = self.lines.get(first).map_or(0, |line| line.start);
            let end = self.lines.get(last + 1).map_or(self.text.len(), |line| line.start);
            let number = self.lines.get(first).map_or(1, |line| line.number);
            (start..end, LineColumn { line: number, column: 1 })
        };
        let data = self.text.as_bytes().get(range.clone()).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data,
            SourceSpan::from((range.start, range.len())),
            at.line - 1,
            at.column - 1,
            last - first + 1,
        )))
    }
}

/// The numbers of the lines to show, in order.
fn lines_to_show(source: &SourceText, marks: &[Mark], room: Room) -> Vec<usize> {
    let end = u32::try_from(source.text.trim_end().len()).unwrap_or(u32::MAX);
    let count = source.line_column(end).line;
    if count <= room.whole {
        return (1..=count).collect();
    }
    let mut numbers: Vec<usize> = marks
        .iter()
        .flat_map(|mark| {
            let line = source.line_column(mark.span.start).line;
            let count = count.max(line);
            line.saturating_sub(room.context).max(1)..=(line + room.context).min(count)
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A line as it is shown: harmless, its characters with their columns.
struct Shown {
    /// Each character of the raw line: what stands for it, and its first column.
    cells: Vec<(String, usize)>,
    /// Columns of the whole.
    width: usize,
}

impl Shown {
    fn new(raw: &str) -> Self {
        let mut cells = Vec::new();
        let mut column = 0;
        for c in raw.chars() {
            let text = match c {
                '\t' => "    ".to_owned(),
                _ => sanitise_line(c.encode_utf8(&mut [0; 4])).into_owned(),
            };
            let wide = width(&text);
            cells.push((text, column));
            column += wide;
        }
        Self { cells, width: column }
    }

    fn column(&self, character: usize) -> usize {
        self.cells.get(character).map_or(self.width, |(_, column)| *column)
    }

    /// The columns of a span that begins at a character of this line.
    fn columns(&self, character: usize, span: Span, source: &SourceText) -> Range<usize> {
        let first_line = source.slice(span).lines().next().unwrap_or_default();
        let start = self.column(character);
        let end = self.column(character + first_line.trim_end().chars().count());
        start..end.max(start)
    }

    /// The text of some columns, with ellipses where the line goes on.
    fn cut(&self, window: &Range<usize>, style: &Style) -> String {
        let ellipsis = style.symbols().ellipsis;
        let (left, right) = (window.start > 0, window.end < self.width);
        let inner = window.start + usize::from(left)..window.end - usize::from(right);
        let mut out = String::new();
        let mut at = window.start;
        if left {
            out.push(ellipsis);
            at += 1;
        }
        for (text, column) in &self.cells {
            let wide = width(text);
            if *column >= inner.start && column + wide <= inner.end {
                // A wide character that was cut in half at the left leaves a gap.
                out.extend(std::iter::repeat_n(' ', column.saturating_sub(at)));
                out.push_str(text);
                at = column + wide;
            }
        }
        if right {
            out.extend(std::iter::repeat_n(' ', inner.end.saturating_sub(at)));
            out.push(ellipsis);
        }
        out
    }
}

/// Which columns of a line are shown, so that its marks and their words fit.
fn window(shown: &Shown, placed: &[Placed<'_>], columns: usize) -> Range<usize> {
    let whole = 0..shown.width;
    let Some(first) = placed.iter().map(|p| p.columns.start).min() else {
        return 0..shown.width.min(columns);
    };
    // Words beside a mark far to the right would have no room: then the line begins later.
    let crowded = placed.iter().any(|p| {
        let longest = p.mark.text.lines().map(width).max().unwrap_or(0).min(36);
        usize::midpoint(p.columns.start, p.columns.end) + 5 + longest > columns
    });
    if shown.width <= columns && !crowded {
        return whole;
    }
    let last = placed.iter().map(|p| p.columns.end).max().unwrap_or(first);
    let start = if last + 2 <= columns && !crowded { 0 } else { first.saturating_sub(12) };
    start..shown.width.min(start + columns)
}

/// Columns of a line as columns of its window.
fn shift(columns: &Range<usize>, window: &Range<usize>) -> Range<usize> {
    let inside = |column: usize| column.clamp(window.start, window.end) - window.start;
    inside(columns.start)..inside(columns.end)
}

/// The byte at which a column of a line begins.
fn byte_of(line: &str, column: usize) -> usize {
    let mut at = 0;
    for (byte, c) in line.char_indices() {
        if at >= column {
            return byte;
        }
        at += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::drawing::{Drawing, Weight};

    const ROOM: Room = Room { context: 1, whole: 0 };

    fn draw(text: &str, marks: &[(usize, usize, &str)]) -> String {
        let source = SourceText::new(crate::source::SourceId(0), "a".into(), text.into());
        let marks: Vec<Mark> = marks
            .iter()
            .map(|(start, end, text)| Mark {
                span: Span::new(*start, *end),
                text: (*text).to_owned(),
            })
            .collect();
        let style = Style::default();
        let drawing = Drawing {
            weight: Weight::Error,
            code: None,
            message: "m".into(),
            frame: Some(Frame::new("a", &source, &marks, ROOM, &style)),
            located: true,
            help: Vec::new(),
        };
        let text = drawing.render(&style);
        for line in text.lines() {
            assert!(width(line) <= 80, "{line}");
        }
        text
    }

    #[test]
    fn two_marks_on_one_line_keep_their_words_apart() {
        insta::assert_snapshot!(draw("one: two\n", &[(0, 3, "key"), (5, 8, "value")]), @r"
          × m
           ╭─[a:1:1]
         1 │ one: two
           · ─┬─  ─┬─
           ·  │    ╰── value
           ·  ╰── key
           ╰────
        ");
    }

    #[test]
    fn wide_characters_count_their_columns() {
        let text = "世界: Grüße\n";
        let start = text.find('G').unwrap_or_default();
        insta::assert_snapshot!(draw(text, &[(start, text.len() - 1, "here")]), @r"
          × m
           ╭─[a:1:5]
         1 │ 世界: Grüße
           ·       ──┬──
           ·         ╰── here
           ╰────
        ");
    }

    #[test]
    fn the_end_of_a_file_can_be_marked() {
        for text in ["a:\n", "a:", "", "\n\n", "a:\r\n"] {
            let drawn = draw(text, &[(text.len(), text.len(), "something is missing here")]);
            assert!(drawn.contains("╰── something is missing here"), "{text:?}: {drawn}");
        }
    }

    #[test]
    fn far_lines_are_left_out_and_numbers_stay_true() {
        let lines: Vec<String> = (1..=500).map(|n| format!("line {n}\n")).collect();
        let text = lines.concat();
        let at = |needle: &str| text.find(needle).unwrap_or_default();
        let marks = [
            (at("line 3\n"), at("line 3\n") + 4, "first"),
            (at("line 499"), at("line 499") + 4, ""),
        ];
        insta::assert_snapshot!(draw(&text, &marks), @r"
          × m
           ╭─[a:3:1]
         2 │ line 2
         3 │ line 3
           · ──┬─
           ·   ╰── first
         4 │ line 4
           ╰────
             ╭─[a:499:1]
         498 │ line 498
         499 │ line 499
             · ────
         500 │ line 500
             ╰────
        ");
    }

    #[test]
    fn a_mark_over_several_lines_marks_the_first() {
        let drawn = draw("a:\n  - b\n  - c\n", &[(0, 12, "this list")]);
        assert!(drawn.contains(" · ─┬\n") || drawn.contains(" · ┬─\n"), "{drawn}");
    }

    #[test]
    fn a_mark_at_the_far_right_still_has_room_for_its_words() {
        let text = format!("key: {}BAD\n", "x".repeat(66));
        let words = "this is what is wrong with it, in rather many words";
        let drawn = draw(&text, &[(71, 74, words)]);
        assert!(drawn.contains('…') && drawn.contains("this is what is wrong"), "{drawn}");
        assert!(drawn.contains("[a:1:72]"), "{drawn}");
    }
}
