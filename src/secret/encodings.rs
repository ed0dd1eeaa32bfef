//! Holds that no encoding lets a secret through: writers of their own, planted in every way, and
//! for each a twin that stays.
#![expect(clippy::format_collect, reason = "short texts, written plainly")]

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::Gate;

/// A way of writing a value.
type Writer = fn(&str) -> String;

fn raw(value: &str) -> String {
    value.to_owned()
}

fn json(value: &str) -> String {
    let quoted = serde_json::to_string(value).expect("a text is JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

fn json_slashes(value: &str) -> String {
    json(value).replace('/', "\\/")
}

fn unicode_lower(value: &str) -> String {
    value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn unicode_upper(value: &str) -> String {
    value.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect()
}

fn json_ascii(value: &str) -> String {
    json(value)
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { unicode_lower(&c.to_string()) })
        .collect()
}

fn percent(value: &str, keep: &str, upper: bool) -> String {
    value
        .bytes()
        .map(|b| match (keep.as_bytes().contains(&b), upper) {
            (true, _) => char::from(b).to_string(),
            (false, true) => format!("%{b:02X}"),
            (false, false) => format!("%{b:02x}"),
        })
        .collect()
}

const UNRESERVED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
const URI: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!*'();/?:@&=+$,#";

fn percent_upper(value: &str) -> String {
    percent(value, UNRESERVED, true)
}

fn percent_lower(value: &str) -> String {
    percent(value, UNRESERVED, false)
}

fn percent_all(value: &str) -> String {
    percent(value, "", true)
}

fn percent_all_lower(value: &str) -> String {
    percent(value, "", false)
}

fn percent_uri(value: &str) -> String {
    percent(value, URI, true)
}

fn form(value: &str) -> String {
    percent(value, &format!("{UNRESERVED} "), true).replace(' ', "+")
}

fn percent_twice(value: &str) -> String {
    percent_upper(&percent_upper(value))
}

fn hex_lower(value: &str) -> String {
    value.bytes().map(|b| format!("{b:02x}")).collect()
}

fn hex_upper(value: &str) -> String {
    value.bytes().map(|b| format!("{b:02X}")).collect()
}

fn html(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

fn html_numbers(value: &str) -> String {
    value
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_string()
            } else {
                format!("&#x{:x};", u32::from(c))
            }
        })
        .collect()
}

fn html_decimal(value: &str) -> String {
    value.chars().map(|c| format!("&#{};", u32::from(c))).collect()
}

fn shell(value: &str) -> String {
    value.replace('\'', r"'\''")
}

fn shell_quotes(value: &str) -> String {
    value.replace('\'', "'\"'\"'")
}

fn shell_double(value: &str) -> String {
    value
        .chars()
        .map(|c| if "$`\"\\".contains(c) { format!("\\{c}") } else { c.to_string() })
        .collect()
}

fn debug(value: &str) -> String {
    value.escape_debug().to_string()
}

const WRITERS: [(&str, Writer); 22] = [
    ("raw", raw),
    ("json", json),
    ("json with escaped slashes", json_slashes),
    ("json in ascii", json_ascii),
    ("\\uXXXX", unicode_lower),
    ("\\uXXXX in upper case", unicode_upper),
    ("percent in upper case", percent_upper),
    ("percent in lower case", percent_lower),
    ("percent, all characters", percent_all),
    ("percent, all characters in lower case", percent_all_lower),
    ("percent as in a whole URI", percent_uri),
    ("percent twice", percent_twice),
    ("form", form),
    ("hex", hex_lower),
    ("hex in upper case", hex_upper),
    ("html", html),
    ("html numbers", html_numbers),
    ("html decimal numbers", html_decimal),
    ("shell", shell),
    ("shell with double quotes round the quote", shell_quotes),
    ("shell in double quotes", shell_double),
    ("Rust's debug form", debug),
];

/// One further layer.
const LAYERS: [(&str, Writer); 5] = [
    ("nothing", raw),
    ("json", json),
    ("html", html),
    ("html numbers", html_numbers),
    ("percent", percent_upper),
];

/// The base64 forms of a value that begins `shift` bytes into a group of three, with what stands
/// before and after it.
fn base64s(value: &str, shift: usize) -> Vec<String> {
    let mut plain = "u:xyz".get(..shift).expect("short").as_bytes().to_vec();
    plain.extend_from_slice(value.as_bytes());
    let mut longer = plain.clone();
    longer.extend_from_slice(b"|tail of it");
    [plain, longer]
        .iter()
        .flat_map(|bytes| {
            [
                STANDARD.encode(bytes),
                STANDARD_NO_PAD.encode(bytes),
                URL_SAFE.encode(bytes),
                URL_SAFE_NO_PAD.encode(bytes),
            ]
        })
        .collect()
}

/// Secrets that are hard in one way each.
const SECRETS: [&str; 16] = [
    "hk_live_0123456789abcdef",
    "pass word with spaces",
    "quote\"and'apostrophe",
    "back\\slash\\\\twice\\n",
    "<script>&amp;</script>",
    "a+b/c=d==",
    "100%41%zz%",
    "Grüße€😀",
    "$HOME`id`$(x)",
    "{\"a\":1}x",
    "?q=a&b=c#d",
    "tab\tin it",
    "abcd",
    "aaaa",
    "dash-_.~dot",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig",
];

fn gate(value: &str) -> Gate {
    let gate = Gate::new();
    gate.register("k", value);
    gate
}

/// No writing of the value under any layer is left in a text.
fn assert_no_trace(text: &str, value: &str, what: &str) {
    for (writer, write) in WRITERS {
        for (layer, wrap) in LAYERS {
            let trace = wrap(&write(value));
            assert!(!text.contains(&trace), "{what}: {writer} in {layer} is left in {text}");
        }
    }
    for shift in 0..3 {
        for encoded in base64s(value, shift) {
            let whole = (shift * 8).div_ceil(6)..(shift + value.len()) * 8 / 6;
            let trace = &encoded[whole];
            assert!(!text.contains(trace), "{what}: base64 shifted by {shift} is left in {text}");
        }
    }
}

/// Four characters or more that no value here begins or ends with, and that no layer changes.
fn changed(value: &str) -> String {
    let middle = value.chars().count() / 2;
    value.chars().enumerate().map(|(n, c)| if n == middle { 'Ω' } else { c }).collect()
}

#[test]
fn every_writing_of_a_secret_is_masked_exactly() {
    for value in SECRETS {
        let gate = gate(value);
        for (writer, write) in WRITERS {
            for (layer, wrap) in LAYERS {
                let text = format!("[{}]", wrap(&write(value)));
                assert_eq!(gate.text(&text), "[«secret:k»]", "{writer} in {layer}: {text}");
            }
        }
    }
}

#[test]
fn every_writing_of_another_value_stays() {
    for value in SECRETS {
        let gate = gate(value);
        let other = changed(value);
        for (writer, write) in WRITERS {
            for (layer, wrap) in LAYERS {
                let text = format!("[{}]", wrap(&write(&other)));
                assert!(
                    matches!(gate.text(&text), Cow::Borrowed(_)),
                    "{writer} in {layer}: {text}"
                );
            }
        }
    }
}

#[test]
fn base64_is_masked_at_all_three_alignments_with_every_bit() {
    for value in SECRETS {
        let gate = gate(value);
        for shift in 0..5 {
            for encoded in base64s(value, shift) {
                let masked = gate.text(&encoded).into_owned();
                // What is left before the mask holds no bit of the value.
                let before = masked.find("«secret:k»").expect("it is masked");
                assert!(before <= shift * 8 / 6, "{value}: {encoded} → {masked}");
                let after = masked.len() - before - "«secret:k»".len();
                let end = ((shift + value.len()) * 8).div_ceil(6);
                assert!(after <= encoded.len() - end, "{value}: {encoded} → {masked}");
                for (layer, wrap) in LAYERS {
                    let masked = gate.text(&wrap(&encoded)).into_owned();
                    assert!(masked.contains("«secret:k»"), "{layer}");
                    assert_no_trace(&masked, value, layer);
                }
            }
            for encoded in base64s(&changed(value), shift) {
                assert_eq!(gate.text(&encoded), encoded, "{value}");
            }
        }
    }
}

#[test]
fn base64_and_hex_of_an_escaped_secret_are_masked() {
    for value in ["quote\"and\\slash", "sp ace&+%", "ü-umlaut-é"] {
        let gate = gate(value);
        for inner in [json(value), percent(value, "", true), value.to_owned()] {
            let inner = if inner.contains('%') {
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            } else {
                inner
            };
            let document = format!("{{\"key\":\"{inner}\"}}");
            for text in [STANDARD.encode(&document), hex_lower(&document), hex_upper(&document)] {
                assert!(gate.text(&text).contains("«secret:k»"), "{value}: {document}");
            }
        }
    }
}

#[test]
fn basic_credentials_are_masked_wherever_the_password_is() {
    let gate = gate("s3cr3t-pässword");
    for user in ["", "u", "me", "bob", "alice", "someone@example.com"] {
        for encoded in base64s("s3cr3t-pässword", 0) {
            assert!(gate.text(&encoded).contains('«'));
        }
        let basic = STANDARD.encode(format!("{user}:s3cr3t-pässword"));
        let masked = gate.text(&basic).into_owned();
        assert!(masked.ends_with("«secret:k»"), "{user}: {masked}");
        let mut header = format!("Basic {basic}");
        gate.header("Authorization", &mut header);
        assert_eq!(header, "Basic «secret:k»", "{user}");
    }
}

#[test]
fn a_body_with_every_writing_at_once_keeps_nothing() {
    for value in SECRETS {
        let gate = gate(value);
        let mut body = String::new();
        for (_, write) in WRITERS {
            for (_, wrap) in LAYERS {
                body.push_str(&wrap(&write(value)));
                body.push('\n');
            }
        }
        for shift in 0..3 {
            body.push_str(&base64s(value, shift).join("\n"));
        }
        assert_no_trace(&gate.text(&body), value, "text");
        let mut whole = body.clone();
        gate.body(&mut whole, usize::MAX);
        assert_no_trace(&whole, value, "body");
        let covered = gate.same_width(&body);
        assert_no_trace(&covered, value, "same width");
        assert_eq!(covered.len(), body.len());
        assert_eq!(covered.chars().count(), body.chars().count());
        // A server that sends it byte by byte changes nothing: the body is masked whole.
        let mut document = serde_json::json!({"body": body, "list": [body], body.clone(): 1});
        gate.json(&mut document);
        assert_no_trace(&document.to_string(), value, "json");
    }
}

#[test]
fn every_line_of_a_secret_with_several_lines_is_masked() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADAN\r\n  Bgkqhkindent\nab\n-----END KEY-----\n";
    let gate = gate(key);
    assert_eq!(gate.text("MIIEvQIBADAN, Bgkqhkindent"), "«secret:k», «secret:k»");
    assert_eq!(gate.text(key.trim()), "«secret:k»");
    assert_eq!(gate.text(&json(key)), "«secret:k»");
    // Its frame and its shortest line are ordinary text.
    assert_eq!(gate.text("-----BEGIN KEY----- ab"), "-----BEGIN KEY----- ab");
}

#[test]
fn every_leaf_of_a_json_secret_is_masked() {
    let gate = gate(
        r#"{"type": "robot", "key": {"id": 9876543210, "pem": "line-one\nline-two"}, "l": ["leaf-in-list"], "ok": true}"#,
    );
    assert_eq!(
        gate.text("robot 9876543210 line-one line-two leaf-in-list true"),
        "«secret:k» «secret:k» «secret:k» «secret:k» «secret:k» true"
    );
    assert_eq!(gate.text("ok id pem"), "ok id pem");
}

#[test]
fn white_space_at_the_ends_of_a_secret_does_not_save_it() {
    let gate = gate(" padded-value \n");
    assert_eq!(gate.text("[padded-value]"), "[«secret:k»]");
}

#[test]
fn secrets_that_contain_each_other_go_under_the_longest_name() {
    let gate = Gate::new();
    gate.register("short", "inner-key");
    gate.register("long", "outer-inner-key-outer");
    gate.register("across", "key-outer-more");
    assert_eq!(gate.text("outer-inner-key-outer"), "«secret:long»");
    assert_eq!(gate.text("x inner-key y"), "x «secret:short» y");
    // Where two overlap, no half of either is left.
    assert_eq!(gate.text("outer-inner-key-outer-more"), "«secret:long»");
    assert_eq!(gate.text("inner-key-outer-more"), "«secret:across»");
}

#[test]
fn a_secret_that_repeats_itself_leaves_no_end() {
    assert_eq!(gate("abab").text("xabababx"), "x«secret:k»x");
    assert_eq!(gate("aaaa").text("aaaaaaaaaaa"), "«secret:k»");
}

#[test]
fn a_server_cannot_shield_a_secret_with_a_mask_of_its_own() {
    let gate = gate("hk_live_0123456789abcdef");
    for text in [
        "«secret:hk_live_0123456789abcdef»",
        "«secret hk_live_0123456789abcdef»",
        "«secret:k hk_live_0123456789abcdef»",
        "«secret:k»hk_live_0123456789abcdef«secret:k»",
    ] {
        assert!(!gate.text(text).contains("hk_live"), "{text}");
    }
}

#[test]
fn many_secrets_learnt_one_by_one_are_all_masked() {
    let gate = Gate::new();
    let mut random = Random(7);
    let values: Vec<String> = (0..200).map(|n| format!("{:016x}-{n}", random.next())).collect();
    for (n, value) in values.iter().enumerate() {
        gate.register(&format!("s{n}"), value);
        assert_eq!(gate.text(value), format!("«secret:s{n}»"));
    }
    let all = values.join(" ");
    assert_eq!(gate.text(&all).matches("«secret:s").count(), 200);
    assert!(!values.iter().any(|value| gate.text(&all).contains(value)));
}

/// A small generator (xorshift), so that each run tries the same values.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).expect("small")).expect("small")
    }

    /// A value of one line with everything that escapers care about.
    fn value(&mut self) -> String {
        let alphabet: Vec<char> =
            "abcXYZ0189 \"'\\<>&+/=%$`{}[]()#?;:,.-_~!|^*@\täß€漢😀\u{7f}".chars().collect();
        let len = 4 + self.below(40);
        let mut value: String = (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect();
        // White space at the ends is trimmed, which is tested by itself.
        value.insert(0, 'q');
        value.push('w');
        value
    }
}

#[test]
fn random_secrets_are_masked_in_every_writing() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..25 {
        let value = random.value();
        let gate = gate(&value);
        for (writer, write) in WRITERS {
            for (layer, wrap) in LAYERS {
                let text = format!("[{}]", wrap(&write(&value)));
                assert_eq!(gate.text(&text), "[«secret:k»]", "{writer} in {layer}: {value:?}");
                let covered = gate.same_width(&text);
                assert_eq!(covered.len(), text.len(), "{writer} in {layer}: {value:?}");
            }
        }
        for shift in 0..5 {
            for encoded in base64s(&value, shift) {
                assert_no_trace(&gate.text(&encoded), &value, "base64");
            }
        }
    }
}

#[test]
fn random_text_without_the_secret_stays() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..25 {
        let value = random.value();
        let gate = gate(&value);
        let other = random.value();
        for (writer, write) in WRITERS {
            let text = format!("[{}]", write(&other));
            assert!(matches!(gate.text(&text), Cow::Borrowed(_)), "{writer}: {other:?}");
        }
    }
}

#[test]
fn a_cut_body_ends_in_no_half_of_a_secret_however_it_is_written() {
    let value = "sp\"ce-0123456789";
    let gate = gate(value);
    for (writer, write) in WRITERS {
        let written = write(value);
        for limit in 0..written.len() + 8 {
            let mut body = format!("[{written}] and so on, {}", "for long ".repeat(200));
            gate.body(&mut body, limit);
            let shown: String = body.chars().take(2).collect();
            assert!("[«".starts_with(&shown) || shown == "[", "{writer} cut at {limit}: {body}");
        }
    }
}
