//! The redactor: what it knows, and how it masks texts, values, headers, URLs and bodies.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::book::Book;
use super::fields::{self, Kind};
use super::masks::{self, Cover, Hit, cover};
use super::{Redact, Redacted, Sealed, Secret};

/// The one gate of a run. Clones share what they know: a secret that was captured is registered
/// through any of them, before the event that contains it is emitted.
#[derive(Clone, Default)]
pub struct Gate {
    book: Arc<RwLock<Arc<Book>>>,
    /// What it goes by, where that is not what is known now but what was known at some time.
    fixed: Option<Arc<Book>>,
}

/// How much of a long text is looked at at once, in bytes.
const PIECE: usize = 1 << 20;
/// So much of a URL is seen whole wherever a piece ends, in bytes.
const LINK: usize = 8 << 10;
/// No secret part of a URL takes fewer bytes with its name: `?pw=x`.
const SHORTEST_URL: usize = 5;

/// How a registered secret is going to be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// Wherever it stands, in every encoding.
    ByValue,
    /// Only in fields and places that are secret whatever they hold: it has fewer than four
    /// characters. Worth a warning.
    ByFieldOnly,
}

impl Gate {
    /// A gate that knows nothing yet; fields named like secrets are masked all the same.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a value: from now on it is shown as `«secret:NAME»`. A value that is known already
    /// keeps its first name.
    pub fn register(&self, name: &str, value: &str) -> Registered {
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::make_mut(&mut book).learn(name, value) {
            Registered::ByValue
        } else {
            Registered::ByFieldOnly
        }
    }

    /// Learns a [`Secret`].
    #[must_use = "a value that is too short is worth a warning"]
    pub fn register_secret(&self, secret: &Secret) -> Registered {
        self.register(secret.name(), secret.expose())
    }

    /// Masks a value whole and hands it on with the proof.
    pub fn redact<T: Redact>(&self, value: T) -> Redacted<T> {
        self.as_it_is().pass(value)
    }

    /// Puts a value before the gate: it is masked when it is opened, by whoever has the time, and
    /// with what is known now.
    pub fn seal<T: Redact>(&self, value: T) -> Sealed<T> {
        Sealed { value, gate: self.as_it_is() }
    }

    /// Masks a value with what this gate goes by.
    pub(super) fn pass<T: Redact>(&self, mut value: T) -> Redacted<T> {
        value.redact(self);
        Redacted::vouch(value)
    }

    /// The same gate, which goes by what is known now: one look for a whole value.
    fn as_it_is(&self) -> Self {
        Self { book: Arc::clone(&self.book), fixed: Some(self.book().into_owned()) }
    }

    /// Masks every known secret in a text, in every encoding, and secret parts of URLs.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let book = self.book();
        let mut hits = Vec::new();
        book.find(text.as_bytes(), &mut hits);
        hits.extend(fields::in_urls(text).into_iter().map(unnamed));
        finish(&book, text, hits, Cover::Named)
    }

    /// Masks every known secret with as many characters and bytes as it has, line breaks kept, so
    /// that spans and carets stay where they are: for source texts.
    #[must_use]
    pub fn same_width<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let book = self.book();
        let mut hits = Vec::new();
        book.find(text.as_bytes(), &mut hits);
        finish(&book, text, hits, Cover::SameWidth)
    }

    /// The names of the known secrets that stand in a text, in whatever encoding, each once and in
    /// the order of their names: which secret went where, and whether a file is going to hold one.
    #[must_use]
    pub fn names_in(&self, text: &str) -> Vec<String> {
        let mut hits = Vec::new();
        self.book().find(text.as_bytes(), &mut hits);
        let names: BTreeSet<Arc<str>> = hits.into_iter().filter_map(|hit| hit.name).collect();
        names.iter().map(|name| name.as_ref().to_owned()).collect()
    }

    /// Whether there is anything to mask in a text that is read piece by piece, so that memory does not
    /// grow with its size.
    ///
    /// # Errors
    /// What reading says.
    pub fn masks_in(&self, text: &mut dyn Read) -> io::Result<bool> {
        let gate = self.as_it_is();
        // What goes across the end of one piece stands whole in the next one.
        let again = gate.book().margin().max(LINK);
        let room = (PIECE.max(again) as u64).saturating_add(again as u64);
        let least = gate.book().shortest().min(SHORTEST_URL);
        let mut piece = Vec::new();
        loop {
            let more = room.saturating_sub(piece.len() as u64);
            if (&mut *text).take(more).read_to_end(&mut piece)? == 0 {
                return Ok(false);
            }
            let shown = texts_in(&piece, least);
            if gate.text(&shown) != shown {
                return Ok(true);
            }
            piece.drain(..piece.len().saturating_sub(again));
        }
    }

    /// Masks a text in place.
    pub fn string(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    /// Masks a URL, whole or only its path: known secrets, the password before its host, and
    /// parameters named like secrets.
    pub fn url(&self, url: &mut String) {
        let hits = fields::in_urls(url);
        self.cover_also(url, hits);
    }

    /// Masks the value of a header, a field or a parameter by its name, and known secrets in it.
    pub fn header(&self, name: &str, value: &mut String) {
        let hits = match Kind::of(name) {
            Some(kind) => kind.ranges(value),
            None => fields::in_urls(value),
        };
        self.cover_also(value, hits);
    }

    /// Masks what is certainly secret: the whole text, under the name of the secret if it is a
    /// known one.
    pub fn whole(&self, text: &mut String) {
        let all = 0..text.len();
        self.cover_also(text, Some(all));
    }

    /// Masks a JSON value: known secrets in texts, keys and numbers, and everything under a key
    /// that is named like a secret.
    pub fn json(&self, value: &mut Value) {
        self.json_under(None, value);
    }

    /// Masks a value that stands under a name: the way of [`Gate::json`] for one field.
    pub fn field(&self, name: &str, value: &mut Value) {
        self.json_under(Kind::of(name), value);
    }

    /// Masks a body as it was sent or received. The text of JSON and forms keeps its form; fields
    /// named like secrets are masked in it. At most `limit` bytes are kept; whether it was cut is
    /// returned. What is cut is masked as if it stood whole.
    pub fn body(&self, text: &mut String, limit: usize) -> bool {
        let book = self.book();
        let cut = truncate(text, limit.saturating_add(book.margin()));
        let is_json = text.trim_start().starts_with(['{', '[']);
        let mut hits = Vec::new();
        book.find(text.as_bytes(), &mut hits);
        hits.extend(fields::in_body(text).into_iter().map(unnamed));
        hits.extend(fields::in_urls(text).into_iter().map(unnamed));
        // What follows the last whole secret in the margin is never shown: half of one may stand at
        // its end, and masks may have made room for it.
        let end = hits.iter().map(|hit| hit.range.end).max().unwrap_or(0).max(limit);
        let cut = truncate(text, end) || cut;
        if let Cow::Owned(masked) = finish(&book, text, hits, Cover::Named) {
            let whole =
                is_json && !cut && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            let masked = if whole { self.still_json(text, masked) } else { masked };
            *text = masked;
        }
        truncate(text, limit) || cut
    }

    /// Masks the beginning of a secret at the end of a text that someone else had to cut.
    pub fn cut_end(&self, text: &mut String) {
        let book = self.book();
        let hits = book.find_cut(text.as_bytes()).into_iter().collect();
        if let Cow::Owned(masked) = finish(&book, text, hits, Cover::Named) {
            *text = masked;
        }
    }

    /// A mask that replaced a number, or more than a text, leaves no JSON: then the value is masked
    /// instead of its text, if that hides as much.
    fn still_json(&self, text: &str, masked: String) -> String {
        if serde_json::from_str::<serde::de::IgnoredAny>(&masked).is_ok() {
            return masked;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return masked };
        self.json(&mut value);
        let written = value.to_string();
        if matches!(self.text(&written), Cow::Borrowed(_)) { written } else { masked }
    }

    fn json_under(&self, kind: Option<Kind>, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let mut text = number.to_string();
                if kind.is_some_and(|kind| kind.hides_number(&text)) {
                    self.whole(&mut text);
                    *value = Value::String(text);
                } else if let Cow::Owned(masked) = self.text(&text) {
                    *value = Value::String(masked);
                }
            }
            Value::String(text) => {
                let hits = kind.map_or_else(
                    // A whole body may be the value of an assertion.
                    || [fields::in_body(text), fields::in_urls(text)].concat(),
                    |kind| kind.ranges(text),
                );
                self.cover_also(text, hits);
            }
            Value::Array(items) => {
                for item in items {
                    self.json_under(kind, item);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    self.json_under(kind.or_else(|| Kind::of(name)), field);
                }
                if fields.keys().any(|name| matches!(self.text(name), Cow::Owned(_))) {
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(name, field)| (self.text(&name).into_owned(), field))
                        .collect();
                }
            }
        }
    }

    fn cover_also(&self, text: &mut String, ranges: impl IntoIterator<Item = Range<usize>>) {
        let book = self.book();
        let mut hits: Vec<Hit> = ranges
            .into_iter()
            .map(|range| {
                let name = text.get(range.clone()).and_then(|value| book.name_of(value)).cloned();
                Hit { range, name }
            })
            .collect();
        book.find(text.as_bytes(), &mut hits);
        if let Cow::Owned(masked) = finish(&book, text, hits, Cover::Named) {
            *text = masked;
        }
    }

    /// What it goes by; the lock is not held any longer.
    fn book(&self) -> Cow<'_, Arc<Book>> {
        match &self.fixed {
            Some(fixed) => Cow::Borrowed(fixed),
            None => {
                Cow::Owned(Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner)))
            }
        }
    }
}

/// Says nothing about what it knows.
impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

fn unnamed(range: Range<usize>) -> Hit {
    Hit { range, name: None }
}

/// Covers the hits but for those that lie in a mask that stands already.
fn finish<'a>(book: &Book, text: &'a str, mut hits: Vec<Hit>, how: Cover) -> Cow<'a, str> {
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    // A gate that was told nothing reads what another gate masked: a stored run.
    let standing = masks::standing(text, |name| book.is_blank() || book.knows(name));
    if !standing.is_empty() {
        hits.retain(|hit| {
            let at = standing.partition_point(|mask| mask.end < hit.range.end);
            standing.get(at).is_none_or(|mask| hit.range.start < mask.start)
        });
    }
    cover(text, hits, how)
}

/// Cuts a text at a character's border; whether anything was cut.
/// The texts of at least so many bytes in what may be no text at all: a picture, an archive.
fn texts_in(bytes: &[u8], least: usize) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(
        |_| {
            let texts = bytes.utf8_chunks().map(|chunk| chunk.valid());
            let mut joined = String::new();
            for text in texts.filter(|text| text.len() >= least) {
                joined.push_str(text);
                joined.push(char::REPLACEMENT_CHARACTER);
            }
            Cow::Owned(joined)
        },
        Cow::Borrowed,
    )
}

fn truncate(text: &mut String, limit: usize) -> bool {
    let mut end = limit;
    if text.len() <= end {
        return false;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let gate = Gate::new();
        assert_eq!(gate.register("api_key", "hk_live_0123456789abcdef"), Registered::ByValue);
        gate
    }

    fn header(name: &str, value: &str) -> String {
        let mut value = value.to_owned();
        gate().header(name, &mut value);
        value
    }

    fn body(text: &str) -> String {
        let mut text = text.to_owned();
        gate().body(&mut text, 1000);
        text
    }

    #[test]
    fn a_known_value_is_shown_under_its_name_and_other_text_stays() {
        assert_eq!(gate().text("key hk_live_0123456789abcdef!"), "key «secret:api_key»!");
        assert!(matches!(gate().text("key hk_live_0123456789abcdeX"), Cow::Borrowed(_)));
    }

    #[test]
    fn clones_share_what_they_know() {
        let gate = Gate::new();
        let clone = gate.clone();
        assert_eq!(clone.text("captured-7"), "captured-7");
        gate.register("session", "captured-7");
        assert_eq!(clone.text("captured-7"), "«secret:session»");
    }

    #[test]
    fn what_is_sealed_is_masked_with_what_was_known_then() {
        let gate = gate();
        let before = gate.seal("hk_live_0123456789abcdef captured-7".to_owned());
        gate.register("session", "captured-7");
        let after = gate.seal("captured-7".to_owned());
        assert!(!format!("{before:?}").contains("hk_live"));
        assert_eq!(before.open().into_inner(), "«secret:api_key» captured-7");
        assert_eq!(after.open().into_inner(), "«secret:session»");
    }

    #[test]
    fn masking_twice_changes_nothing() {
        let gate = gate();
        gate.register("word", "secret");
        let once = gate.text("a hk_live_0123456789abcdef secret").into_owned();
        assert_eq!(once, "a «secret:api_key» «secret:word»");
        assert_eq!(gate.text(&once), once);
        let mut header = "Bearer «secret:api_key»".to_owned();
        gate.header("Authorization", &mut header);
        assert_eq!(header, "Bearer «secret:api_key»");
    }

    #[test]
    fn a_stored_run_keeps_the_names_of_its_masks() {
        let mut header = "Bearer «secret:api_key»".to_owned();
        Gate::new().header("Authorization", &mut header);
        assert_eq!(header, "Bearer «secret:api_key»");
        // But a gate that knows its secrets takes no mask on trust.
        let mut header = "Bearer «secret:mine»".to_owned();
        gate().header("Authorization", &mut header);
        assert_eq!(header, "Bearer «secret»");
    }

    #[test]
    fn a_text_tells_which_secrets_stand_in_it() {
        let gate = gate();
        gate.register("password", "s3cr3t-word");
        let text = "Basic dTpzM2NyM3Qtd29yZA== hk_live_0123456789abcdef s3cr3t%2Dword";
        assert_eq!(gate.names_in(text), ["api_key", "password"]);
        assert!(gate.names_in("nothing of it").is_empty());
    }

    #[test]
    fn a_secret_is_found_wherever_the_pieces_of_a_long_text_end() {
        let gate = gate();
        let end = PIECE + LINK;
        let secret = "hk%5Flive_0123456789abcdef";
        for before in [0, 20, PIECE - 3, end - 13, end - 1, end, 2 * end] {
            let holds = |secret: &str| {
                let text = "x".repeat(before) + " " + secret + &" y".repeat(100);
                gate.masks_in(&mut text.as_bytes()).expect("it reads")
            };
            assert!(holds(secret), "{before}");
            assert!(!holds(&secret.replace("89", "8 9")), "{before}");
        }
        assert!(!gate.masks_in(&mut b"".as_slice()).expect("it reads"));
        let binary = |secret: &str| [b"\x89PNG\xff\x00", secret.as_bytes(), b"\xfe\x80"].concat();
        assert!(gate.masks_in(&mut binary(secret).as_slice()).expect("it reads"));
        assert!(!gate.masks_in(&mut binary("hk%5Flive_0").as_slice()).expect("it reads"));
        assert!(gate.masks_in(&mut binary("ws://a:b@c").as_slice()).expect("it reads"));
        assert!(gate.masks_in(&mut b"http://a.test/?token=abc".as_slice()).expect("it reads"));
    }

    #[test]
    fn white_space_is_no_secret() {
        let gate = Gate::new();
        assert_eq!(gate.register("blank", "      "), Registered::ByFieldOnly);
        assert_eq!(gate.register("short", "   ab   "), Registered::ByFieldOnly);
        assert_eq!(gate.register("empty", ""), Registered::ByFieldOnly);
        assert_eq!(gate.text("        indented ab"), "        indented ab");
    }

    #[test]
    fn short_values_are_masked_by_their_field_only() {
        let gate = Gate::new();
        assert_eq!(gate.register("pin", "123"), Registered::ByFieldOnly);
        assert_eq!(gate.text("123"), "123");
        let mut value = serde_json::json!({"password": "123", "n": "123"});
        gate.json(&mut value);
        assert_eq!(value, serde_json::json!({"password": "«secret:pin»", "n": "123"}));
    }

    #[test]
    fn headers_keep_what_is_not_secret_in_them() {
        for (name, value, shown) in [
            ("Authorization", "Bearer hk_live_0123456789abcdef", "Bearer «secret:api_key»"),
            ("authorization", "Basic dXNlcjpwYXNz", "Basic «secret»"),
            ("Proxy-Authorization", "somethingelse", "«secret»"),
            ("Authorization", "hunter2 is my password", "«secret»"),
            ("Cookie", "a=1; b=hk_live_0123456789abcdef", "a=«secret»; b=«secret:api_key»"),
            ("Set-Cookie", "sid=31; Path=/; HttpOnly", "sid=«secret»; Path=/; HttpOnly"),
            ("X-Api-Key", "abc", "«secret»"),
            ("X-CSRF-Token", "abc", "«secret»"),
            ("Location", "https://h/?token=abc&x=1", "https://h/?token=«secret»&x=1"),
            ("Content-Type", "application/json", "application/json"),
        ] {
            assert_eq!(header(name, value), shown, "{name}: {value}");
        }
    }

    #[test]
    fn urls_lose_passwords_and_secret_parameters() {
        for (url, shown) in [
            ("https://u:p@h/x", "https://u:«secret»@h/x"),
            ("/x?api_key=abc#access_token=d", "/x?api_key=«secret»#access_token=«secret»"),
            ("/x?page=2&q=a@b", "/x?page=2&q=a@b"),
            ("https://h/hk%5Flive_0123456789abcdef", "https://h/«secret:api_key»"),
        ] {
            let mut masked = url.to_owned();
            gate().url(&mut masked);
            assert_eq!(masked, shown);
        }
    }

    #[test]
    fn json_bodies_keep_their_form_and_lose_secret_fields() {
        for (text, shown) in [
            (
                "{\n \"token\" : \"a\\\"b\", \"tokens\": 512}",
                "{\n \"token\" : \"«secret»\", \"tokens\": 512}",
            ),
            (
                r#"{"secrets": {"a": ["x", {"b": "y"}]}, "c": "z"}"#,
                r#"{"secrets": {"a": ["«secret»", {"b": "«secret»"}]}, "c": "z"}"#,
            ),
            (r#"{"password": 123456}"#, r#"{"password":"«secret»"}"#),
            (
                r#"{"headers": {"Authorization": "Bearer x"}}"#,
                r#"{"headers": {"Authorization": "Bearer «secret»"}}"#,
            ),
            (r#"{"a": "b""#, r#"{"a": "b""#),
            (r#"{"password": "cut off"#, r#"{"password": "«secret»"#),
            ("a=1&client_secret=x%20y&b=2", "a=1&client_secret=«secret»&b=2"),
            ("two words = token=x", "two words = token=x"),
        ] {
            assert_eq!(body(text), shown);
        }
    }

    #[test]
    fn a_secret_across_the_structure_of_json_goes_even_if_json_is_lost() {
        let gate = Gate::new();
        gate.register("k", "1,\"b\":2");
        let mut text = r#"{"a":1,"b":2}"#.to_owned();
        gate.body(&mut text, 1000);
        assert_eq!(text, r#"{"a":«secret:k»}"#);
    }

    #[test]
    fn a_body_in_a_json_text_is_read_as_a_body() {
        let mut value = serde_json::json!(["{\"token\": \"abc\"}", "a=1&password=b", "plain"]);
        gate().json(&mut value);
        let masked = ["{\"token\": \"«secret»\"}", "a=1&password=«secret»", "plain"];
        assert_eq!(value, serde_json::json!(masked));
    }

    #[test]
    fn a_digit_secret_in_a_json_number_leaves_json() {
        let gate = Gate::new();
        gate.register("pin", "12345678");
        let mut text = r#"{"n": 12345678}"#.to_owned();
        gate.body(&mut text, 1000);
        assert_eq!(text, r#"{"n":"«secret:pin»"}"#);
    }

    #[test]
    fn a_body_is_cut_after_it_was_masked() {
        for limit in 0..80 {
            let mut text = format!("{}{}", "hk_live_0123456789abcdef ".repeat(3), "x".repeat(2000));
            assert!(gate().body(&mut text, limit));
            assert!(text.len() <= limit && !text.contains("hk"), "{limit}: {text}");
        }
    }

    #[test]
    fn a_foreign_cut_leaves_no_beginning_of_a_secret() {
        for len in 3..24 {
            let mut text =
                format!("…{}", "hk_live_0123456789abcdef".get(..len).unwrap_or_default());
            gate().cut_end(&mut text);
            assert_eq!(text, "…«secret:api_key»");
        }
        // Escaped, and the cut went through an escape.
        for text in ["…hk%5Flive%5", "…hk\\u005flive\\u00", "…hk&#x5f;liv&#x6", "…hk%5fli"]
        {
            let mut text = text.to_owned();
            gate().cut_end(&mut text);
            assert_eq!(text, "…«secret:api_key»");
        }
        let mut text = "it ends here".to_owned();
        gate().cut_end(&mut text);
        assert_eq!(text, "it ends here");
    }

    #[test]
    fn the_gate_and_its_proof_print_nothing_they_know() {
        assert_eq!(format!("{:?}", gate()), "Gate");
        let redacted = gate().redact("x hk_live_0123456789abcdef".to_owned());
        assert_eq!(*redacted, "x «secret:api_key»");
        assert_eq!(
            serde_json::to_string(&redacted).ok().as_deref(),
            Some("\"x «secret:api_key»\"")
        );
    }
}
