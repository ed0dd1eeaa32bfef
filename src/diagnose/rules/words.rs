//! What the words of a refusal say of a key.

use crate::diagnose::cause::Confidence;
use crate::diagnose::evidence::{has, names_a_key};

/// Whether a server asks for a key, and not for another one.
pub(super) fn asks_for_one(said: &str) -> bool {
    let said = said.to_lowercase();
    let missing = ["required", "missing", "not provided", "no api key", "no token"];
    // With these words a gateway of a cloud says that it has no such path.
    let is_of_a_path = said.trim() == "missing authentication token";
    let names_it = names_a_key(&said) || has(&said, &["authentication", "authorization"]);
    has(&said, &missing) && names_it && !is_of_a_path
}

/// How sure it is that the words say that the service which knows keys did not answer: what was wrong
/// with it has to be said of it, not of the request or the key.
pub(super) fn says_not_checked(said: &str) -> Option<Confidence> {
    let who =
        ["authentication service", "auth service", "authorization server", "identity provider"];
    let behind = [
        "unavailable",
        "not available",
        "timeout",
        "time-out",
        "timed out",
        "unreachable",
        "not reachable",
        "down",
        "did not answer",
        "cannot be reached",
        "could not be reached",
        "connection refused",
        "connection error",
    ];
    let before = ["reach", "contact", "connect", "timeout", "timed out", "calling", "no answer"];
    let between = [
        "is",
        "was",
        "currently",
        "temporarily",
        "request",
        "call",
        "has",
        "error",
        "responded",
        "with",
        "a",
        "the",
        "by",
        "of",
        "from",
        "to",
        "while",
        "asking",
        "waiting",
        "for",
        "our",
    ];
    let is_between = |word: &str| between.contains(&word);
    let split = |c: char| c.is_whitespace() || matches!(c, ':' | ',' | '-' | '(' | ')');
    who.iter().find_map(|who| {
        let (front, back) = said.split_once(who)?;
        let back_words: Vec<&str> = back.split(split).filter(|w| !w.is_empty()).collect();
        let rest: Vec<&str> = back_words.iter().copied().skip_while(|w| is_between(w)).collect();
        let rest = rest.join(" ");
        let front_words: Vec<&str> = front.split(split).filter(|w| !w.is_empty()).collect();
        let last = front_words.iter().rev().find(|word| !is_between(word)).copied();
        let is_before = last.is_some_and(|word| {
            before.iter().any(|it| it.split(' ').next_back().is_some_and(|it| word.starts_with(it)))
        });
        let is_behind = behind.iter().any(|it| {
            rest.strip_prefix(it).is_some_and(|more| {
                more.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != ' ')
                    || more.starts_with(" after")
                    || *it != "timeout" && *it != "down"
            })
        });
        // An error of it may be what it says of the key.
        let is_error =
            rest.trim_end_matches(['.', '!']).is_empty() && back_words.contains(&"error");
        if is_behind || is_before {
            Some(Confidence::Certain)
        } else if is_error {
            Some(Confidence::Likely)
        } else {
            None
        }
    })
}

/// Whether a text says that a key belongs to another service.
pub(super) fn says_other_service(said: &str) -> bool {
    let said = said.to_lowercase();
    let phrases = [
        "registered for service",
        "does not have access to service",
        "invalid audience",
        "wrong audience",
        "audience is invalid",
    ];
    // A user may be registered for something too, and a message be intended for someone.
    let of_a_key = ["registered for", "not intended for"];
    has(&said, &phrases) || (has(&said, &of_a_key) && names_a_key(&said))
}
