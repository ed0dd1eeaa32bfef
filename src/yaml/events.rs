//! Owes the room libyaml's events with byte places, behind a face that cannot be misused.

#![expect(unsafe_code, reason = "libyaml is C translated to Rust; this file is its only caller")]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use unsafe_libyaml as unsafe_sys;

use super::Style;

/// The events of one text, in their order, one at a time.
pub(super) struct Events<'text> {
    /// Made by `Box::into_raw`; libyaml keeps a pointer to it, so it never moves.
    parser: *mut unsafe_sys::yaml_parser_t,
    /// The text that libyaml reads while this lives.
    text: PhantomData<&'text str>,
}

/// An event with the bytes that it covers.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: EventKind,
    pub(super) span: Range<usize>,
}

/// What libyaml saw.
#[derive(Debug)]
pub(super) enum EventKind {
    /// The beginning or end of the stream or of a document that needs no answer.
    StreamStart,
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Alias(String),
    Scalar {
        properties: Properties,
        value: String,
        style: Style,
    },
    ListStart {
        properties: Properties,
        style: Style,
    },
    ListEnd,
    MapStart {
        properties: Properties,
        style: Style,
    },
    MapEnd,
}

/// The anchor and tag in front of a node.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) anchor: Option<String>,
    pub(super) tag: Option<String>,
}

/// Why libyaml cannot go on; its words are fixed texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// What is wrong: `mapping values are not allowed in this context`.
    pub(super) problem: String,
    /// The byte at which it is wrong.
    pub(super) at: usize,
    /// What was being read, and where that began.
    pub(super) context: Option<(String, usize)>,
}

impl<'text> Events<'text> {
    /// Begins to read a text.
    pub(super) fn new(text: &'text str) -> Self {
        let parser = Box::into_raw(Box::<unsafe_sys::yaml_parser_t>::new_uninit()).cast();
        // SAFETY: `parser` points to memory of the right size and alignment that lives until
        // `drop`; `initialize` writes all of it (it fails only where memory is exhausted, and the
        // zeroed parser is then read as an ended stream). The input outlives `'text`.
        unsafe {
            let _ = unsafe_sys::yaml_parser_initialize(parser);
            unsafe_sys::yaml_parser_set_encoding(parser, unsafe_sys::YAML_UTF8_ENCODING);
            unsafe_sys::yaml_parser_set_input_string(parser, text.as_ptr(), text.len() as u64);
        }
        Self { parser, text: PhantomData }
    }

    /// The next event; after a complaint the same complaint again.
    pub(super) fn next(&mut self) -> Result<Event, Complaint> {
        // SAFETY: the parser was initialised in `new` and is used by this thread alone; an event
        // is read only after libyaml reported success, and deleted once.
        unsafe {
            let parser = &*self.parser;
            if parser.error != unsafe_sys::YAML_NO_ERROR {
                return Err(complaint(self.parser));
            }
            let mut event = MaybeUninit::<unsafe_sys::yaml_event_t>::uninit();
            if unsafe_sys::yaml_parser_parse(self.parser, event.as_mut_ptr()).fail {
                return Err(complaint(self.parser));
            }
            let read = convert(event.assume_init_ref());
            unsafe_sys::yaml_event_delete(event.as_mut_ptr());
            Ok(read)
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`, initialised there, and never freed elsewhere.
        unsafe {
            unsafe_sys::yaml_parser_delete(self.parser);
            drop(Box::from_raw(self.parser.cast::<MaybeUninit<unsafe_sys::yaml_parser_t>>()));
        }
    }
}

/// # Safety
/// The event was filled in by a successful `yaml_parser_parse` and is not yet deleted.
unsafe fn convert(event: &unsafe_sys::yaml_event_t) -> Event {
    // SAFETY: the field of the union that is read is the one that `type_` names.
    let kind = unsafe {
        match event.type_ {
            unsafe_sys::YAML_STREAM_START_EVENT => EventKind::StreamStart,
            unsafe_sys::YAML_DOCUMENT_START_EVENT => EventKind::DocumentStart,
            unsafe_sys::YAML_DOCUMENT_END_EVENT => EventKind::DocumentEnd,
            unsafe_sys::YAML_ALIAS_EVENT => {
                EventKind::Alias(owned(event.data.alias.anchor).unwrap_or_default())
            }
            unsafe_sys::YAML_SCALAR_EVENT => {
                let scalar = &event.data.scalar;
                let length = usize::try_from(scalar.length).unwrap_or(0);
                let bytes = if scalar.value.is_null() {
                    &[]
                } else {
                    std::slice::from_raw_parts(scalar.value, length)
                };
                EventKind::Scalar {
                    properties: Properties { anchor: owned(scalar.anchor), tag: owned(scalar.tag) },
                    value: String::from_utf8_lossy(bytes).into_owned(),
                    style: scalar_style(scalar.style),
                }
            }
            unsafe_sys::YAML_SEQUENCE_START_EVENT => {
                let list = &event.data.sequence_start;
                let flow = list.style == unsafe_sys::YAML_FLOW_SEQUENCE_STYLE;
                EventKind::ListStart {
                    properties: Properties { anchor: owned(list.anchor), tag: owned(list.tag) },
                    style: if flow { Style::Flow } else { Style::Indented },
                }
            }
            unsafe_sys::YAML_SEQUENCE_END_EVENT => EventKind::ListEnd,
            unsafe_sys::YAML_MAPPING_START_EVENT => {
                let map = &event.data.mapping_start;
                let flow = map.style == unsafe_sys::YAML_FLOW_MAPPING_STYLE;
                EventKind::MapStart {
                    properties: Properties { anchor: owned(map.anchor), tag: owned(map.tag) },
                    style: if flow { Style::Flow } else { Style::Indented },
                }
            }
            unsafe_sys::YAML_MAPPING_END_EVENT => EventKind::MapEnd,
            // `YAML_NO_EVENT` is what libyaml gives after the end.
            _ => EventKind::StreamEnd,
        }
    };
    Event { kind, span: index(event.start_mark)..index(event.end_mark) }
}

fn scalar_style(style: unsafe_sys::yaml_scalar_style_t) -> Style {
    match style {
        unsafe_sys::YAML_SINGLE_QUOTED_SCALAR_STYLE => Style::Single,
        unsafe_sys::YAML_DOUBLE_QUOTED_SCALAR_STYLE => Style::Double,
        unsafe_sys::YAML_LITERAL_SCALAR_STYLE | unsafe_sys::YAML_FOLDED_SCALAR_STYLE => {
            Style::Block
        }
        // The only ones left are plain and `any`, which a parser never gives.
        _ => Style::Plain,
    }
}

fn index(mark: unsafe_sys::yaml_mark_t) -> usize {
    usize::try_from(mark.index).unwrap_or(usize::MAX)
}

/// # Safety
/// `text` is null or points to bytes that end with a zero byte.
unsafe fn owned(text: *const u8) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: promised by the caller; libyaml ends its texts with a zero byte.
    Some(unsafe { CStr::from_ptr(text.cast()) }.to_string_lossy().into_owned())
}

/// # Safety
/// The parser is initialised.
unsafe fn complaint(parser: *const unsafe_sys::yaml_parser_t) -> Complaint {
    // SAFETY: the texts of problems and contexts are constants of libyaml; the marks are numbers.
    unsafe {
        let parser = &*parser;
        let at = if parser.error == unsafe_sys::YAML_READER_ERROR {
            usize::try_from(parser.problem_offset).unwrap_or(usize::MAX)
        } else {
            index(parser.problem_mark)
        };
        Complaint {
            problem: owned(parser.problem.cast())
                .unwrap_or_else(|| "the text could not be read".to_owned()),
            at,
            context: owned(parser.context.cast()).map(|words| (words, index(parser.context_mark))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let mut events = Events::new(text);
        let mut seen = Vec::new();
        loop {
            match events.next() {
                Ok(Event { kind: EventKind::StreamEnd, .. }) => return seen,
                Ok(Event { kind: EventKind::Scalar { value, .. }, span }) => {
                    seen.push(format!("{value}@{}..{}", span.start, span.end));
                }
                Ok(_) => {}
                Err(complaint) => {
                    seen.push(complaint.problem);
                    return seen;
                }
            }
        }
    }

    #[test]
    fn places_count_bytes() {
        assert_eq!(kinds("ä: 'b'\r\nc: d\n"), ["ä@0..2", "b@4..7", "c@9..10", "d@12..13"]);
    }

    #[test]
    fn a_complaint_says_where_and_stays() {
        let mut events = Events::new("a: [1\nb: 2");
        let first = loop {
            if let Err(complaint) = events.next() {
                break complaint;
            }
        };
        assert_eq!(events.next().unwrap_err(), first);
        assert!(first.context.is_some());
    }
}
