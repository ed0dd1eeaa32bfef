//! What taps saw, one line each, for people.

use crate::outcome::{Assertion, Attempt, Content, Tapped, Tie, Violation};
use crate::secret::sanitise_line;
use crate::units::show_size;

/// Characters of a body that a line shows.
const SHOWN: usize = 200;

/// A line for each exchange: the tap, the request and its body, what was answered, how it is tied.
pub(super) fn lines(tapped: &[Tapped]) -> Vec<String> {
    tapped.iter().map(line).collect()
}

/// What the document says at the place of a violation by something that a tap saw; nothing where no
/// tap did.
pub(super) fn label(
    attempt: &Attempt,
    assertion: &Assertion,
    violation: &Violation,
) -> Option<String> {
    let seen = usize::try_from(assertion.tap.as_ref()?.seen?).ok()?;
    let contract = attempt.tapped.get(seen)?.contract.as_ref()?;
    let mut breaches = contract.breaches.iter();
    let breach = breaches
        .find(|breach| breach.said == violation.place && breach.message == violation.wanted)?;
    Some(sanitise_line(&breach.label).into_owned())
}

fn line(tapped: &Tapped) -> String {
    let came = match (&tapped.refused, &tapped.exchange.response, &tapped.exchange.error) {
        (Some(why), ..) => format!("refused with 502: {why}"),
        (None, Some(response), None) => response.status.to_string(),
        (None, Some(response), Some(error)) => format!("{}, {}", response.status, error.message),
        (None, None, Some(error)) => format!("no answer: {}", error.message),
        (None, None, None) => "no answer yet".to_owned(),
    };
    let body = &tapped.exchange.request.body;
    let sent = match &body.content {
        Content::Text(text) if !body.cut && text.chars().count() <= SHOWN => format!(" {text}"),
        Content::Empty => String::new(),
        Content::Text(_)
        | Content::Hex(_)
        | Content::File(_)
        | Content::Generated(_)
        | Content::Parts(_) => format!(" with {}", show_size(body.size)),
    };
    let tie = match tapped.tie {
        Tie::Trace => "",
        Tie::Time => " (by the time)",
        Tie::None => " (of no step)",
    };
    // Where a secret went is what a person looks for; what is masked can be shown.
    let headers = &tapped.exchange.request.headers;
    let masked = headers.iter().filter(|(_, value)| value.contains("«secret"));
    let masked: Vec<String> =
        masked.map(|(name, value)| format!(" · {}: {value}", name.to_lowercase())).collect();
    let (title, masked) = (tapped.title(), masked.concat());
    let line = format!("`{}` saw {title}{sent}{masked} → {came}{tie}", tapped.tap);
    sanitise_line(&line).into_owned()
}

#[cfg(test)]
mod tests;
