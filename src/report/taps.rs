//! What taps saw, one line each, for people.

use crate::outcome::{Content, Tapped, Tie};
use crate::secret::sanitise_line;
use crate::units::show_size;

/// Characters of a body that a line shows.
const SHOWN: usize = 200;

/// A line for each exchange: the tap, the request and its body, what was answered, how it is tied.
pub(super) fn lines(tapped: &[Tapped]) -> Vec<String> {
    tapped.iter().map(line).collect()
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
    let line = format!("`{}` saw {}{sent} → {came}{tie}", tapped.tap, tapped.title());
    sanitise_line(&line).into_owned()
}
