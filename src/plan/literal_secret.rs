//! Owes plans the warning that a text is a secret, without ever repeating the text.

use std::ops::Range;

use crate::finding::{Code, Finding};
use crate::source::SourceText;
use crate::yaml::{Kind, Node};

/// Reports every scalar under a node that looks like a secret. The place covers the secret alone:
/// whoever shows the line masks just that place.
pub(crate) fn look(root: &Node, findings: &mut Vec<Finding>) {
    walk(root, "", findings);
}

fn walk(node: &Node, key: &str, findings: &mut Vec<Finding>) {
    match &node.kind {
        Kind::String(text) => {
            if let Some(range) = find(key, text) {
                findings.push(finding(node, text, range));
            }
        }
        Kind::List(items) => items.iter().for_each(|item| walk(item, key, findings)),
        Kind::Map(entries) => {
            for entry in entries {
                // Patterns and descriptions of secrets look like them.
                if !matches!(entry.key.value.as_str(), "matches" | "description" | "regex") {
                    walk(&entry.value, &entry.key.value, findings);
                }
            }
        }
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {}
    }
}

fn finding(node: &Node, text: &str, range: Range<usize>) -> Finding {
    // Where the content does not map one to one, the whole scalar is the place.
    let starts = node.place.span.len().saturating_sub(text.len()) / 2;
    let place = if node.place.span.len() == text.len() + 2 * starts && starts < 2 {
        node.place.inward(range.start + starts..range.end + starts)
    } else {
        node.place
    };
    Finding::error(
        Code::LiteralSecret,
        format!("a text of {} characters that looks like a secret", range.len()),
    )
    .at(place, "")
    .help("declare it under `secrets:` and write `${{ secrets.NAME }}` here")
    .help("a key that is wrong on purpose says so: `invalid` in it, or `${{ unique }}`")
}

/// Where a text of any kind holds words whose shape alone says that they are secrets: what a
/// renderer masks in the lines that it shows.
#[must_use]
pub fn literal_secrets(text: &str) -> Vec<Range<usize>> {
    let known = |range: &Range<usize>| text.get(range.clone()).is_some_and(has_known_shape);
    long_words(text).filter(known).chain(bearer(text)).collect()
}

/// Takes every literal secret out of the words of findings: what was reported as one, and what
/// has the shape of one.
pub(crate) fn mask(source: &SourceText, findings: &mut [Finding]) {
    let reported: Vec<String> = findings
        .iter()
        .filter(|f| matches!(f.code, Code::LiteralSecret | Code::LiteralInEnvironment))
        .filter_map(Finding::place)
        .map(|place| source.slice(place.span).trim_matches(['"', '\'']).to_owned())
        .filter(|text| text.len() >= 4)
        .collect();
    for finding in findings {
        hide(&mut finding.message, &reported);
        finding.help.iter_mut().for_each(|help| hide(help, &reported));
        finding.labels.iter_mut().for_each(|label| hide(&mut label.text, &reported));
    }
}

fn hide(text: &mut String, reported: &[String]) {
    for secret in reported {
        if text.contains(secret.as_str()) {
            *text = text.replace(secret.as_str(), "«secret»");
        }
    }
    let mut ranges = literal_secrets(text);
    ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
    ranges.dedup();
    for range in ranges {
        text.replace_range(range, "«secret»");
    }
}

/// Where a text holds what looks like a secret. `key` is the name that it stands under.
#[must_use]
fn find(key: &str, text: &str) -> Option<Range<usize>> {
    long_words(text)
        .find(|range| text.get(range.clone()).is_some_and(has_known_shape))
        .or_else(|| bearer(text))
        .or_else(|| under_a_telling_key(key, text))
}

/// A word with fewer bytes is no secret that its shape gives away.
const SHORTEST: usize = 20;

/// The long words of a text: what white space, quotes and commas part, outside of templates.
///
/// Every text of every plan is looked at, and hardly a word is that long: where the byte behind the
/// shortest one is no part of a word, those before it need not be looked at.
fn long_words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_part =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'=' | b'~');
    let bytes = text.as_bytes();
    // Nothing before it is a part of the word that may begin here.
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            let shortest = bytes.get(start..start + SHORTEST)?;
            if let Some(gap) = shortest.iter().rposition(|b| !is_part(b)) {
                at = start + gap + 1;
                continue;
            }
            let rest = bytes.iter().skip(start + SHORTEST);
            let end = start + SHORTEST + rest.take_while(|b| is_part(b)).count();
            at = end;
            return Some(start..end);
        }
    })
}

/// Words of keys that are wrong on purpose.
const PRETENDED: [&str; 12] = [
    "invalid",
    "wrong",
    "fake",
    "dummy",
    "example",
    "placeholder",
    "expired",
    "unknown",
    "revoked",
    "notreal",
    "not_real",
    "xxxx",
];

fn is_pretended(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    PRETENDED.iter().any(|pretended| lower.contains(pretended))
}

fn has_known_shape(word: &str) -> bool {
    if word.len() < SHORTEST || is_pretended(word) {
        return false;
    }
    let long = |prefix: &str, least: usize| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() >= least
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                && rest.chars().filter(char::is_ascii_digit).count() >= 2
                && rest.chars().any(|c| c.is_ascii_alphabetic())
                && varied(rest)
        })
    };
    long("hk_live_", 12)
        || long("hk_test_", 12)
        || long("sk_live_", 12)
        || long("sk_test_", 12)
        || long("rk_live_", 12)
        || long("sk-", 20)
        || long("ghp_", 20)
        || long("gho_", 20)
        || long("ghs_", 20)
        || long("github_pat_", 20)
        || long("glpat-", 16)
        || long("xoxb-", 16)
        || long("xoxp-", 16)
        || long("AIza", 30)
        || (word.len() == 20
            && long("AKIA", 16)
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
        || is_jwt(word)
}

/// Three parts in base64url, the first two of them JSON objects.
fn is_jwt(word: &str) -> bool {
    let mut parts = word.split('.');
    let sound = |part: Option<&str>| part.is_some_and(|p| p.starts_with("eyJ") && p.len() >= 10);
    sound(parts.next())
        && sound(parts.next())
        && parts.next().is_some_and(|p| p.len() >= 10)
        && parts.next().is_none()
}

/// `Bearer` and a long word that is no template.
fn bearer(text: &str) -> Option<Range<usize>> {
    if text.len() < "Bearer ".len() + SHORTEST || !text.contains("earer ") {
        return None;
    }
    let start = text.find("Bearer ").or_else(|| text.find("bearer "))? + "Bearer ".len();
    let token = text.get(start..)?;
    let length = token.find(|c: char| c.is_whitespace()).unwrap_or(token.len());
    let token = token.get(..length)?;
    (length >= SHORTEST && !token.contains("${{") && varied(token) && !is_pretended(token))
        .then_some(start..start + length)
}

/// A long word of mixed letters and digits under a key that names a secret.
fn under_a_telling_key(key: &str, text: &str) -> Option<Range<usize>> {
    if text.len() < SHORTEST {
        return None;
    }
    let key = key.to_ascii_lowercase().replace('-', "_");
    let tells = [
        "token",
        "password",
        "passwd",
        "secret",
        "api_key",
        "apikey",
        "bearer",
        "authorization",
        "private_key",
        "credential",
    ];
    if !tells.iter().any(|word| key.contains(word)) || text.contains("${{") || text.contains(' ') {
        return None;
    }
    let mixed =
        text.chars().any(|c| c.is_ascii_digit()) && text.chars().any(|c| c.is_ascii_alphabetic());
    let is_no_secret = is_pretended(text) || text.contains("://") || text.starts_with('/');
    (mixed && !is_no_secret && entropy(text) >= 3.2).then_some(0..text.len())
}

/// Not a placeholder such as `xxxxxxxxxxxx`.
fn varied(text: &str) -> bool {
    entropy(text) >= 2.5
}

/// Bits for each character (Shannon).
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "texts of a plan are far shorter than 2^52")]
    let total = text.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_by_shape() {
        // Put together here, so that no scanner takes this file for a leak.
        let body = "a8F3kQ9zLmP2xV7bN4tR";
        for prefix in ["hk_live_", "hk_test_", "sk-", "ghp_", "glpat-"] {
            let text = format!("key {prefix}{body}");
            assert_eq!(find("x", &text), Some(4..text.len()), "{prefix}");
        }
        assert_eq!(find("x", &format!("AKIA{}", "J5Q2KX7WB3NE9ZRT")), Some(0..20));
        assert!(find("Authorization", &format!("Bearer {body}")).is_some());
        assert!(find("password", body).is_some());
        let jwt = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NSJ9", "c2lnbmF0dXJlLWhlcmU"].join(".");
        assert_eq!(find("x", &jwt), Some(0..jwt.len()));
    }

    #[test]
    fn long_words_are_found_wherever_they_stand() {
        let word = "a".repeat(SHORTEST);
        for (text, found) in [
            (word.clone(), vec![(0, 20)]),
            (format!("ä {word}ö"), vec![(3, 23)]),
            (format!("short {word}b, {word} {}", &word[1..]), vec![(6, 27), (29, 49)]),
            (word[1..].to_owned(), vec![]),
            (String::new(), vec![]),
        ] {
            let words: Vec<_> = long_words(&text).map(|word| (word.start, word.end)).collect();
            assert_eq!(words, found, "{text}");
        }
    }

    #[test]
    fn a_secret_in_a_finding_is_masked_wherever_it_stands() {
        use crate::yaml::testing::{render, source};

        let body = "a8F3kQ9zLmP2xV7bN4tR";
        for line in [
            format!("  auth: {{bearer: hk_live_{body}}}"),
            format!("  auth: hk_live_{body}"),
            format!("  auth: @hk_live_{body}"),
            format!("  headers: {{Authorization: Bearer {body}}}"),
            format!("  headers: {{X-Token: a: {body}}}"),
            format!("  cookies: [hk_live_{body}]"),
            format!("  on_failure: sk-{body}"),
            format!("  tls: {{insecure: {body}, password: {body}}}"),
        ] {
            let source = source(&format!("plan: a\ndefaults:\n{line}\nsteps:\n  - GET: /x\n"));
            let (_, found) = crate::plan::parse(&source);
            let words: String = found
                .iter()
                .flat_map(|f| {
                    f.help.iter().chain([&f.message]).chain(f.labels.iter().map(|l| &l.text))
                })
                .cloned()
                .collect();
            assert!(!found.is_empty(), "{line}");
            assert!(!words.contains(body), "{line}\n{}", render(&source, &found));
        }
    }

    #[test]
    fn ordinary_texts_are_none() {
        for (key, text) in [
            ("password", "wrong-password"),
            ("api_key", "${{ secrets.api_key }}"),
            ("token", "hk_live_xxxxxxxxxxxxxxxxxxxx"),
            ("api_key", "hk_live_bad"),
            ("api_key", "hk_live_this_is_no_real_key_at_all"),
            ("api_key", "hk_live_invalid1234567890abcdef"),
            ("key", "AKIAIOSFODNN7EXAMPLE"),
            ("bearer", "not-a-real-token-at-all-x"),
            ("Authorization", "Bearer ${{ secrets.api_key_of_somebody }}"),
            ("name", "planrun-8f3kq9zlmp2xv7bn4tr"),
            ("token_url", "https://auth.example.com/oauth2/v2/token"),
            ("x", "risk-management-and-something-else-long"),
        ] {
            assert_eq!(find(key, text), None, "{key}: {text}");
        }
    }
}
