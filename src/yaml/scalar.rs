//! Owes the room the type of a plain scalar by the YAML 1.2 core schema, numbers with every digit.

use std::str::FromStr;

use super::Kind;

/// What a plain scalar is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    /// One of JSON's kinds, but a text.
    Value(Kind),
    /// A text: as it is written.
    Text,
    /// `.inf` or `.nan`, which JSON does not have.
    NotJson,
}

/// Resolves a plain scalar: `NO`, `on`, `012` and `1_000` are strings.
pub(super) fn resolve(text: &str) -> Resolved {
    Resolved::Value(match text {
        "" => Kind::Empty,
        "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
        | ".nan" | ".NaN" | ".NAN" => return Resolved::NotJson,
        text => match number(text) {
            Some(json) => Kind::Number { json, written: text.to_owned() },
            None => return Resolved::Text,
        },
    })
}

/// The number that a plain scalar is, if it is one.
pub(super) fn number(text: &str) -> Option<serde_json::Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let lexeme = match text.strip_prefix('+').unwrap_or(text) {
        unsigned if unsigned.starts_with("0x") => radix(unsigned.get(2..)?, 16)?,
        unsigned if unsigned.starts_with("0o") => radix(unsigned.get(2..)?, 8)?,
        _ => decimal(text)?,
    };
    serde_json::Number::from_str(&lexeme).ok()
}

fn radix(digits: &str, radix: u32) -> Option<String> {
    let sound = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let value = sound.then(|| u128::from_str_radix(digits, radix).ok())??;
    Some(value.to_string())
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?` as a JSON lexeme.
fn decimal(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, rest.get(at..)?),
        None => (rest, ""),
    };
    if !exponent.is_empty() {
        let digits = exponent.get(1..)?.trim_start_matches(['+', '-']);
        let signs = exponent.len() - 1 - digits.len();
        if signs > 1 || !all_digits(digits) {
            return None;
        }
    }
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !fraction.is_none_or(digits_only) {
        return None;
    }
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    // Digits with a leading zero are an identifier (a zip code, a build), not a number.
    if fraction.is_none() && exponent.is_empty() && whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let trimmed = whole.trim_start_matches('0');
    let whole = if trimmed.is_empty() { "0" } else { trimmed };
    Some(match fraction {
        None | Some("") => format!("{sign}{whole}{exponent}"),
        Some(fraction) => format!("{sign}{whole}.{fraction}{exponent}"),
    })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A number as text: without a trailing zero behind the point, exponents written out where the
/// result stays short.
pub(super) fn plain_digits(lexeme: &str) -> String {
    let (sign, rest) = match lexeme.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", lexeme),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Some(exponent) = exponent.parse::<i32>().ok().filter(|n| n.abs() <= 30) else {
        return lexeme.to_owned();
    };
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap_or(0) + i64::from(exponent);
    let (whole, fraction) = if point <= 0 {
        let zeros = usize::try_from(-point).unwrap_or(0);
        ("0".to_owned(), format!("{}{digits}", "0".repeat(zeros)))
    } else {
        let point = usize::try_from(point).unwrap_or(0);
        let padded = format!("{digits:0<point$}");
        let (whole, fraction) = padded.split_at(point);
        (whole.to_owned(), fraction.to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_yaml_1_1_are_texts() {
        for text in [
            "NO",
            "no",
            "on",
            "y",
            "012",
            "-012",
            "1_000",
            "1:30",
            "0b11",
            "-0x1F",
            "1e",
            ".",
            "+",
            "-",
            "--1",
            "1.2.3",
            "2024-01-01",
            "inf",
            "nan",
            "0x",
            "e3",
        ] {
            assert_eq!(resolve(text), Resolved::Text, "{text}");
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        for (text, json) in [
            ("1", "1"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0", "0"),
            ("1.10", "1.10"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("1e3", "1e3"),
            ("1E-3", "1E-3"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("00.5", "0.5"),
            ("18446744073709551616", "18446744073709551616"),
            ("0.5000000000000000000001", "0.5000000000000000000001"),
        ] {
            let lexeme = number(text).map(|n| n.to_string()).unwrap_or_default();
            assert_eq!(lexeme.to_lowercase().replace('+', ""), json.to_lowercase(), "{text}");
        }
    }

    #[test]
    fn infinity_is_no_json() {
        assert_eq!(resolve(".inf"), Resolved::NotJson);
        assert_eq!(resolve("-.INF"), Resolved::NotJson);
        assert_eq!(resolve(".nan"), Resolved::NotJson);
    }

    #[test]
    fn a_number_as_text_is_its_shortest_form() {
        for (lexeme, text) in [
            ("1.10", "1.1"),
            ("1e3", "1000"),
            ("31", "31"),
            ("0.50", "0.5"),
            ("1.5e-3", "0.0015"),
            ("-2.50", "-2.5"),
            ("1e400", "1e400"),
            ("12.34e1", "123.4"),
            ("0.0", "0"),
            ("18446744073709551616", "18446744073709551616"),
        ] {
            assert_eq!(plain_digits(lexeme), text);
        }
    }
}
