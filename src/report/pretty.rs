//! Anything that serialises, as indented JSON straight into memory: keys are ours and need no escaping,
//! most texts neither, and what is deep stands in one line.

use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Number;

/// Appends a value that stands so many levels deep; what is deeper than `inline` stands in one line.
pub(super) fn write(out: &mut Vec<u8>, (depth, inline): (usize, usize), value: &impl Serialize) {
    // Memory takes everything, and all keys are texts or numbers: this always succeeds.
    let _ = value.serialize(&mut Writer { out, depth, inline });
}

/// Begins a line that is so many levels deep.
pub(super) fn new_line(out: &mut Vec<u8>, depth: usize) {
    if let Some(line) = LINE.get(..=depth * INDENT) {
        out.extend_from_slice(line.as_bytes());
    } else {
        out.push(b'\n');
        out.resize(out.len() + depth * INDENT, b' ');
    }
}

/// Spaces of a level.
pub(super) const INDENT: usize = 2;
/// A line break with the spaces of many levels.
const LINE: &str = "\n                                                                ";

/// How `serde_json` hands on a number with its digits as they are.
const DIGITS: &str = "$serde_json::private::Number";

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    depth: usize,
    inline: usize,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        // Without an early end many bytes are compared at once.
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            text.bytes().for_each(|byte| self.escaped(byte));
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, byte: u8) {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..b' ' => {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                return;
            }
            _ => {
                self.out.push(byte);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut begin = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            begin -= 1;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(begin..).unwrap_or_default());
    }

    fn word(&mut self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }
}

/// The items of a list, or the fields of an object, that is being written.
struct Parts<'w, 'o> {
    writer: &'w mut Writer<'o>,
    is_empty: bool,
    end: u8,
    /// Whether it is the one field of an object, which ends with it.
    is_variant: bool,
    /// Whether it is no object but a number with its digits as they are.
    is_number: bool,
}

impl<'w, 'o> Parts<'w, 'o> {
    fn begin(writer: &'w mut Writer<'o>, (begin, end): (u8, u8)) -> Self {
        writer.out.push(begin);
        writer.depth += 1;
        Self { writer, is_empty: true, end, is_variant: false, is_number: false }
    }

    /// One that is the one field of an object.
    fn variant(writer: &'w mut Writer<'o>, name: &'static str, brackets: (u8, u8)) -> Self {
        let mut object = Parts::begin(writer, OBJECT);
        object.name(name);
        let Parts { writer, .. } = object;
        Self { is_variant: true, ..Parts::begin(writer, brackets) }
    }

    fn next(&mut self) {
        let Writer { out, depth, inline } = &mut *self.writer;
        match (self.is_empty, *depth > *inline) {
            (true, true) => {}
            (false, true) => out.extend_from_slice(b", "),
            (true, false) => new_line(out, *depth),
            (false, false) => {
                out.push(b',');
                new_line(out, *depth);
            }
        }
        self.is_empty = false;
    }

    /// Begins a field of ours, whose name holds nothing that is to be escaped.
    fn name(&mut self, name: &'static str) {
        self.next();
        let out = &mut *self.writer.out;
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\": ");
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), fmt::Error> {
        self.next();
        value.serialize(&mut *self.writer)
    }

    fn field(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), fmt::Error> {
        if self.is_number {
            // They come as a text.
            let begin = self.writer.out.len();
            value.serialize(&mut *self.writer)?;
            self.writer.out.pop();
            self.writer.out.remove(begin);
            return Ok(());
        }
        self.name(name);
        value.serialize(&mut *self.writer)
    }

    fn close(&mut self, end: u8, is_empty: bool) {
        self.writer.depth -= 1;
        if !is_empty && self.writer.depth < self.writer.inline {
            new_line(self.writer.out, self.writer.depth);
        }
        self.writer.out.push(end);
    }

    fn ended(mut self) {
        if self.is_number {
            return;
        }
        self.close(self.end, self.is_empty);
        if self.is_variant {
            self.close(OBJECT.1, false);
        }
    }
}

const LIST: (u8, u8) = (b'[', b']');
const OBJECT: (u8, u8) = (b'{', b'}');

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Parts<'w, 'o>;
    type SerializeTuple = Parts<'w, 'o>;
    type SerializeTupleStruct = Parts<'w, 'o>;
    type SerializeTupleVariant = Parts<'w, 'o>;
    type SerializeMap = Parts<'w, 'o>;
    type SerializeStruct = Parts<'w, 'o>;
    type SerializeStructVariant = Parts<'w, 'o>;

    fn serialize_bool(self, value: bool) -> Result<(), fmt::Error> {
        self.word(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), fmt::Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), fmt::Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), fmt::Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), fmt::Error> {
        if value < 0 {
            self.out.push(b'-');
        }
        self.digits(value.unsigned_abs());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), fmt::Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), fmt::Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), fmt::Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), fmt::Error> {
        self.digits(value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), fmt::Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), fmt::Error> {
        match Number::from_f64(value) {
            Some(number) => self.word(&number.to_string()),
            None => self.word("null"),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), fmt::Error> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), fmt::Error> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), fmt::Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), fmt::Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), fmt::Error> {
        self.word("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), fmt::Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), fmt::Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        let mut object = Parts::begin(self, OBJECT);
        object.field(variant, value)?;
        object.ended();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::begin(self, LIST))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::begin(self, LIST))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::begin(self, LIST))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::variant(self, variant, LIST))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::begin(self, OBJECT))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Parts<'w, 'o>, fmt::Error> {
        if name == DIGITS {
            let (is_empty, end) = (true, OBJECT.1);
            return Ok(Parts { writer: self, is_empty, end, is_variant: false, is_number: true });
        }
        Ok(Parts::begin(self, OBJECT))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w, 'o>, fmt::Error> {
        Ok(Parts::variant(self, variant, OBJECT))
    }
}

impl SerializeMap for Parts<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        self.next();
        let begin = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        if self.writer.out.get(begin) != Some(&b'"') {
            // A number is a key as a text.
            self.writer.out.insert(begin, b'"');
            self.writer.out.push(b'"');
        }
        self.writer.word(": ");
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), fmt::Error> {
        self.ended();
        Ok(())
    }
}

/// The traits of lists, then those of objects: all do the same.
macro_rules! parts {
    ($($of:ident $method:ident($($name:ident: $type:ty)?) by $by:ident;)*) => {$(
        impl $of for Parts<'_, '_> {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: $type,)?
                value: &T,
            ) -> Result<(), fmt::Error> {
                self.$by($($name,)? value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                self.ended();
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element() by item;
    SerializeTuple serialize_element() by item;
    SerializeTupleStruct serialize_field() by item;
    SerializeTupleVariant serialize_field() by item;
    SerializeStruct serialize_field(name: &'static str) by field;
    SerializeStructVariant serialize_field(name: &'static str) by field;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    #[derive(serde::Serialize)]
    enum Kind {
        Unit,
        One(u8),
        Two(i8, i64),
        Named { a: Option<()>, b: Vec<u8> },
    }

    #[derive(serde::Serialize)]
    struct All {
        kinds: Vec<Kind>,
        keyed: BTreeMap<i16, (bool, char)>,
        floats: [f64; 4],
        most: u64,
    }

    fn all() -> All {
        use Kind::{Named, One, Two, Unit};
        All {
            kinds: vec![
                Unit,
                One(0),
                Two(-1, i64::MIN),
                Named { a: None, b: Vec::new() },
                Named { a: None, b: vec![100, 255] },
            ],
            keyed: BTreeMap::from([(-3, (true, '"')), (4, (false, 'ä'))]),
            floats: [0.1, -1e300, 5.0, f64::NAN],
            most: u64::MAX,
        }
    }

    fn pretty(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write(&mut out, (0, usize::MAX), value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whatever_serialises_is_written_as_serde_json_does() {
        assert_eq!(pretty(&all()), serde_json::to_string_pretty(&all()).unwrap());
        let deep = (0..40).fold(json!("end"), |inner, n| json!({"in": [n, inner]}));
        assert_eq!(pretty(&deep), format!("{deep:#}"));
    }

    #[test]
    fn texts_are_escaped_and_numbers_keep_their_digits() {
        let every: String = (0..0x300).filter_map(char::from_u32).collect();
        let odd = json!({every.clone(): every, "🎉\\": "\"", "": []});
        assert_eq!(pretty(&odd), format!("{odd:#}"));
        let digits = "[0.50, 1e400, 12345678901234567890123456789, -0, 1E+2]";
        let numbers: Value = serde_json::from_str(digits).unwrap();
        assert_eq!(pretty(&numbers), format!("{numbers:#}"));
        assert!(pretty(&numbers).contains("12345678901234567890123456789"));
    }

    #[test]
    fn what_is_deep_stands_in_one_line() {
        let mut out = Vec::new();
        write(&mut out, (1, 2), &json!({"a": [1, {"b": [], "c": {}}], "d": Kind::Two(1, 2)}));
        let expected =
            "{\n    \"a\": [1, {\"b\": [], \"c\": {}}],\n    \"d\": {\"Two\": [1, 2]}\n  }";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
