//! A piece of the page, written straight: what comes from outside is escaped, what is ours is not.

use std::fmt::{Display, Write as _};

use crate::secret::sanitise;

/// Text of the page.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends what stands in our own code.
    pub(super) fn raw(&mut self, text: &'static str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// Appends a number, or what is made of digits and units.
    pub(super) fn plain(&mut self, value: impl Display) -> &mut Self {
        let _ = write!(self.0, "{value}");
        self
    }

    /// Appends a text from outside, control characters shown.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.0, text);
        self
    }

    /// Appends texts with spaces between them.
    pub(super) fn words(&mut self, words: &[String]) -> &mut Self {
        for (number, word) in words.iter().enumerate() {
            self.raw(if number == 0 { "" } else { " " }).text(word);
        }
        self
    }

    /// Appends a sentence whose words in backticks are code.
    pub(super) fn ticked(&mut self, text: &str) -> &mut Self {
        let mut rest = text;
        while let Some((before, code, after)) = rest.split_once('`').and_then(|(before, open)| {
            open.split_once('`').map(|(code, after)| (before, code, after))
        }) {
            self.text(before).raw("<code>").text(code).raw("</code>");
            rest = after;
        }
        self.text(rest)
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn escape(out: &mut String, text: &str) {
    let text = sanitise(text);
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            b'\'' => "&#x27;",
            _ => continue,
        };
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(entity);
        done = at + 1;
    }
    out.push_str(text.get(done..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_stays_text() {
        let mut html = Html::default();
        html.raw("<p>")
            .text("<b>\"é\u{1b}'&")
            .raw("</p>")
            .plain(7)
            .words(&["a".into(), "<".into()]);
        let shown = "<p>&lt;b&gt;&quot;é\\u{1b}&#x27;&amp;</p>7a &lt;";
        assert_eq!(html.into_text(), shown);
    }

    #[test]
    fn words_in_backticks_are_code_where_they_are_closed() {
        let mut html = Html::default();
        html.ticked("a `b<` c `d").ticked("``");
        assert_eq!(html.into_text(), "a <code>b&lt;</code> c `d<code></code>");
    }
}
