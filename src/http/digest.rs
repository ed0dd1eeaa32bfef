//! The answer to a digest challenge (RFC 7616): MD5 and SHA-256, with `qop=auth` or without.

use std::fmt::Write as _;

use super::answer;

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The user's password.
    pub password: &'a str,
    /// The method.
    pub method: &'a str,
    /// Path and query, as they are sent.
    pub target: &'a str,
    /// A text that no other request has.
    pub cnonce: &'a str,
}

/// The `Authorization` header that answers the first challenge which can be answered; `values` are
/// those of `WWW-Authenticate`.
#[must_use]
pub fn digest_answer<'v>(
    values: impl Iterator<Item = &'v str>,
    asked: &Asked<'_>,
) -> Option<String> {
    values.flat_map(challenges).find_map(|challenge| challenge.answer(asked))
}

/// What stands for the password in those answers, for each challenge that can be answered: who knows
/// one can answer in the user's name.
#[must_use]
pub fn digest_secrets<'v>(values: impl Iterator<Item = &'v str>, asked: &Asked<'_>) -> Vec<String> {
    let known = |challenge: Challenge| Some(challenge.hash()?.1(&challenge.who(asked)));
    values.flat_map(challenges).filter_map(known).collect()
}

/// A digest of a text, as hex.
type Hash = fn(&str) -> String;

#[derive(Debug, Default)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    qop: Option<String>,
}

impl Challenge {
    /// Whether it is of a session, and how it is digested; nothing where that is not known.
    fn hash(&self) -> Option<(bool, Hash)> {
        let named = self.algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = match named.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (named.as_str(), false),
        };
        match name {
            "MD5" => Some((session, |text| answer::md5(text.as_bytes()))),
            "SHA-256" => {
                Some((session, |text| answer::sha256(text.as_bytes()).unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// Who asks, with the password (A1 of RFC 7616 §3.4.2, before a session).
    fn who(&self, asked: &Asked<'_>) -> String {
        format!("{}:{}:{}", asked.user, self.realm, asked.password)
    }

    fn answer(&self, asked: &Asked<'_>) -> Option<String> {
        let Asked { user, password: _, method, target, cnonce } = asked;
        let (session, hash) = self.hash()?;
        let Self { realm, nonce, .. } = self;
        let mut who = hash(&self.who(asked));
        if session {
            who = hash(&format!("{who}:{nonce}:{cnonce}"));
        }
        let what = hash(&format!("{method}:{target}"));
        let qop = match &self.qop {
            None => None,
            Some(offered) => Some(offered.split(',').map(str::trim).find(|qop| *qop == "auth")?),
        };
        let response = match qop {
            Some(qop) => hash(&format!("{who}:{nonce}:00000001:{cnonce}:{qop}:{what}")),
            None => hash(&format!("{who}:{nonce}:{what}")),
        };
        let mut header = format!(
            "Digest username={}, realm={}, uri={}, nonce={}, response=\"{response}\"",
            quoted(user),
            quoted(realm),
            quoted(target),
            quoted(nonce)
        );
        if let Some(algorithm) = &self.algorithm {
            let _ = write!(header, ", algorithm={algorithm}");
        }
        if let Some(qop) = qop {
            let _ = write!(header, ", qop={qop}, nc=00000001, cnonce={}", quoted(cnonce));
        } else if session {
            let _ = write!(header, ", cnonce={}", quoted(cnonce));
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(header, ", opaque={}", quoted(opaque));
        }
        Some(header)
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The digest challenges of one header, which may hold several of several schemes.
fn challenges(value: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut ours = false;
    for item in items(value) {
        let mut parameter = item.trim();
        // A word before the first `=` begins another challenge: `Digest realm="…"`, `Negotiate`.
        let name = parameter.split('=').next().unwrap_or_default();
        if let Some((scheme, _)) = name.trim_end().split_once(char::is_whitespace) {
            ours = scheme.eq_ignore_ascii_case("digest");
            found.extend(ours.then(Challenge::default));
            parameter = parameter.get(scheme.len()..).unwrap_or_default().trim();
        } else if !parameter.contains('=') {
            ours = false;
            continue;
        }
        let Some(challenge) = found.last_mut().filter(|_| ours) else { continue };
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => challenge.realm = value,
            "nonce" => challenge.nonce = value,
            "opaque" => challenge.opaque = Some(value),
            "algorithm" => challenge.algorithm = Some(value),
            "qop" => challenge.qop = Some(value),
            _ => {}
        }
    }
    found.retain(|challenge| !challenge.nonce.is_empty());
    found
}

/// What stands between commas that are not in quotes.
fn items(value: &str) -> Vec<&str> {
    let (mut items, mut from) = (Vec::new(), 0);
    let (mut within, mut escaped) = (false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if within => escaped = true,
            '"' => within = !within,
            ',' if !within => {
                items.extend(value.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    items.extend(value.get(from..));
    items
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: Asked<'static> = Asked {
        user: "Mufasa",
        password: "Circle Of Life",
        method: "GET",
        target: "/dir/index.html",
        cnonce: "0a4f113b",
    };

    /// The challenge of RFC 2617 §3.5, with the algorithm stated.
    fn challenge(algorithm: &str) -> String {
        format!(
            "Digest realm=\"testrealm@host.com\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
        )
    }

    #[test]
    fn the_answers_are_those_that_others_give() {
        for (algorithm, response) in [
            ("MD5", "6629fae49393a05397450978507c4ef1"),
            ("SHA-256", "5abdd07184ba512a22c53f41470e5eea7dcaa3a93a59b630c13dfe0a5dc6e38b"),
        ] {
            let header = digest_answer([challenge(algorithm).as_str()].into_iter(), &MUFASA);
            let header = header.expect("an answer");
            assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
            assert!(header.contains("qop=auth, nc=00000001"), "{header}");
            assert!(header.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""));
        }
    }

    #[test]
    fn the_answers_are_those_of_rfc_7616() {
        // §3.9.1: one challenge for each algorithm.
        let asked = Asked {
            password: "Circle of Life",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            ..MUFASA
        };
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let header = digest_answer([challenge.as_str()].into_iter(), &asked);
            let header = header.expect("an answer");
            assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
        }
    }

    #[test]
    fn the_first_challenge_that_can_be_answered_is() {
        let several = format!(
            "Negotiate, Basic realm=\"a, b\", {}, {}",
            challenge("SHA-512-256"),
            challenge("SHA-256")
        );
        let header = digest_answer([several.as_str()].into_iter(), &MUFASA).expect("an answer");
        assert!(header.contains("algorithm=SHA-256"), "{header}");
        for none in ["Basic realm=\"Digest\"", "Bearer", "", "Digest realm=\"a\""] {
            assert_eq!(digest_answer([none].into_iter(), &MUFASA), None, "{none}");
        }
        let integrity = challenge("MD5").replace("auth, auth-int", "auth-int");
        assert_eq!(digest_answer([integrity.as_str()].into_iter(), &MUFASA), None);
    }

    #[test]
    fn an_old_challenge_without_qop_is_answered_as_rfc_2069_did() {
        let old =
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let header = digest_answer([old].into_iter(), &MUFASA).expect("an answer");
        assert!(!header.contains("cnonce") && !header.contains("qop"), "{header}");
    }

    #[test]
    fn what_stands_for_the_password_is_known_of_each_challenge() {
        let both = [challenge("MD5"), challenge("SHA-512")];
        let known = digest_secrets(both.iter().map(String::as_str), &MUFASA);
        assert_eq!(known, ["939e7578ed9e3c518a452acee763bce9"]);
    }
}
