//! Puts a URL together: what a template may mean depends on where it stands in it.

use std::fmt::Write as _;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::template::{EvaluatedPart as Part, Taint};

/// All but unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL as far as it is put together.
#[derive(Debug, Default)]
pub(super) struct UrlText {
    text: String,
    /// Whether a `?` or `#` has been written.
    in_query: bool,
    /// Secrets that went into it.
    pub(super) secrets: Vec<String>,
    /// Names that gave parts of it, with what they gave.
    pub(super) names: Vec<(String, String)>,
    /// Whether it begins with the base URL.
    pub(super) has_base: bool,
    /// Where each part begins that came out of a response.
    captured: Vec<usize>,
}

/// Why a URL cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UrlFault {
    /// A line break at the start of a URL.
    LineBreak,
    /// A segment that a client would resolve.
    DotSegment(String),
}

impl UrlText {
    /// Appends the parts of one template; `captured` are the expressions whose values came out of
    /// a response.
    pub(super) fn push(
        &mut self,
        parts: &[Part<'_>],
        captured: &[Range<usize>],
    ) -> Result<(), UrlFault> {
        for part in parts {
            match part {
                Part::Literal(text) => self.literal(text),
                Part::Value { text, raw, taint, name, range, looked_up: _ } => {
                    self.remember(name.as_deref(), text, taint);
                    if captured.contains(range) {
                        self.captured.push(self.text.len());
                    }
                    if self.text.is_empty() {
                        if text.contains(['\r', '\n']) {
                            return Err(UrlFault::LineBreak);
                        }
                        self.literal(text);
                    } else if *raw {
                        self.literal(text);
                    } else {
                        if !self.in_query && matches!(text.as_str(), "." | "..") {
                            return Err(UrlFault::DotSegment(text.clone()));
                        }
                        let _ = write!(self.text, "{}", encode(text));
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes exactly one slash between what is there and a path.
    pub(super) fn slash(&mut self) {
        while self.text.ends_with('/') {
            self.text.pop();
        }
    }

    /// Adds a query parameter.
    pub(super) fn query(&mut self, name: &str, value: &str, taint: &Taint) {
        if let Some(secret) = taint {
            self.secrets.push(secret.to_string());
        }
        // A fragment never goes over the wire, so the query stands before it.
        let fragment = self.text.find('#').map(|at| self.text.split_off(at));
        let separator = match self.text.find('?') {
            None => "?",
            Some(_) if self.text.ends_with(['?', '&']) => "",
            Some(_) => "&",
        };
        self.in_query = true;
        let _ = write!(self.text, "{separator}{}={}", encode(name), encode(value));
        self.text.push_str(fragment.as_deref().unwrap_or_default());
    }

    /// Whether a part that came out of a response has a say in where the request goes.
    pub(super) fn origin_is_captured(&self) -> bool {
        let authority = self.text.find("://").map_or(0, |at| at + 3);
        let rest = self.text.get(authority..).unwrap_or_default();
        let end = authority + rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        self.captured.iter().any(|at| *at < end)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn literal(&mut self, text: &str) {
        self.in_query |= text.contains(['?', '#']);
        self.text.push_str(text);
    }

    fn remember(&mut self, name: Option<&str>, text: &str, taint: &Taint) {
        if let Some(secret) = taint {
            self.secrets.push(secret.to_string());
        }
        if let Some(name) = name {
            self.names.push((name.to_owned(), text.to_owned()));
        }
    }
}

/// One encoded value; a space is `%20`.
pub(super) fn encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Part<'static> {
        let text = text.to_owned();
        Part::Value { text, raw: false, taint: None, looked_up: false, range: 0..0, name: None }
    }

    fn url(parts: &[Part<'_>]) -> Result<String, UrlFault> {
        let mut url = UrlText::default();
        url.push(parts, &[])?;
        Ok(url.as_str().to_owned())
    }

    #[test]
    fn a_template_at_the_start_is_url_text() {
        let parts = [value("http://a/b?x=1"), Part::Literal("&y=2")];
        assert_eq!(url(&parts), Ok("http://a/b?x=1&y=2".into()));
    }

    #[test]
    fn a_template_in_the_path_is_one_segment() {
        let parts = [Part::Literal("http://a/items/"), value("a/b c?ü")];
        assert_eq!(url(&parts), Ok("http://a/items/a%2Fb%20c%3F%C3%BC".into()));
    }

    #[test]
    fn a_template_after_the_question_mark_is_one_value() {
        let parts = [Part::Literal("http://a/?q="), value("a&b=c d")];
        assert_eq!(url(&parts), Ok("http://a/?q=a%26b%3Dc%20d".into()));
    }

    #[test]
    fn a_segment_that_would_be_resolved_is_refused() {
        let parts = [Part::Literal("http://a/x/"), value(".."), Part::Literal("/y")];
        assert_eq!(url(&parts), Err(UrlFault::DotSegment("..".into())));
    }

    #[test]
    fn a_line_break_is_refused_at_the_start_and_encoded_elsewhere() {
        assert_eq!(url(&[value("http://a\r\nX: y")]), Err(UrlFault::LineBreak));
        let parts = [Part::Literal("http://a/"), value("x\r\ny")];
        assert_eq!(url(&parts), Ok("http://a/x%0D%0Ay".into()));
    }

    #[test]
    fn the_query_is_added_to_one_that_is_there_and_before_a_fragment() {
        let mut it = UrlText::default();
        it.push(&[Part::Literal("http://a/x?b=1#frag")], &[]).unwrap();
        it.query("q", "a b", &None);
        it.query("e", "", &None);
        assert_eq!(it.as_str(), "http://a/x?b=1&q=a%20b&e=#frag");
    }

    #[test]
    fn one_slash_stands_between_base_and_path() {
        let mut it = UrlText::default();
        it.push(&[value("http://a/base//")], &[]).unwrap();
        it.slash();
        it.push(&[Part::Literal("/x")], &[]).unwrap();
        assert_eq!(it.as_str(), "http://a/base/x");
    }

    #[test]
    fn a_captured_part_before_the_end_of_the_host_decides_where_the_request_goes() {
        let whose = |parts: &[Part<'_>]| {
            let mut url = UrlText::default();
            url.push(parts, std::slice::from_ref(&(0..0))).unwrap();
            url.origin_is_captured()
        };
        assert!(whose(&[value("http://evil.test/x")]));
        assert!(whose(&[Part::Literal("http://"), value("evil.test"), Part::Literal("/x")]));
        assert!(whose(&[Part::Literal("http://a.test:"), value("81")]));
        assert!(!whose(&[Part::Literal("http://a.test/"), value("id")]));
        assert!(!whose(&[Part::Literal("http://a.test?q="), value("http://evil.test/")]));
    }
}
