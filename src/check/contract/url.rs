//! URLs before they are rendered: text and expressions, compared piece by piece.

use crate::check::request::head;
use crate::check::values::Checker;
use crate::plan::{RequestAst, RequestOptions};
use crate::template::Template;
use crate::yaml::{Kind, Node};

/// A part of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// One character of it.
    Text(char),
    /// What an expression gives, as it is written without spaces.
    Expression {
        /// As written.
        text: String,
        /// The secrets that go into it.
        secrets: Vec<String>,
    },
}

/// Whether a URL lies under a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Under {
    /// It does; what comes after it.
    Yes(Vec<Piece>),
    /// It cannot be known.
    Perhaps,
    /// It does not.
    No,
}

/// Whether a URL lies under a base, as far as both are known.
pub(super) fn under(base: &[Piece], url: &[Piece]) -> Under {
    let mut end = base.len();
    while end > 0 && base.get(end - 1) == Some(&Piece::Text('/')) {
        end -= 1;
    }
    let base = base.get(..end).unwrap_or_default();
    for (at, wanted) in base.iter().enumerate() {
        match (wanted, url.get(at)) {
            (wanted, Some(found)) if wanted == found => {}
            (Piece::Text(_), Some(Piece::Text(_))) => return Under::No,
            (_, None) => {
                let open = base.get(at..).unwrap_or_default();
                let known = open.iter().all(|piece| matches!(piece, Piece::Text(_)));
                return if known { Under::No } else { Under::Perhaps };
            }
            (Piece::Expression { .. }, Some(_)) | (_, Some(Piece::Expression { .. })) => {
                return Under::Perhaps;
            }
        }
    }
    let rest = url.get(base.len()..).unwrap_or_default();
    match rest.first() {
        None | Some(Piece::Text('/' | '?' | '#')) => Under::Yes(rest.to_vec()),
        Some(Piece::Text(_)) => Under::No,
        Some(Piece::Expression { .. }) => Under::Perhaps,
    }
}

/// How many pieces the origin of a URL has: up to the slash that ends the host.
fn origin_of(url: &[Piece]) -> usize {
    let mut slashes = 0;
    let is_literal = matches!(url.first(), Some(Piece::Text(_)));
    for (at, piece) in url.iter().enumerate() {
        if *piece == Piece::Text('/') {
            slashes += 1;
            if slashes == 3 || !is_literal {
                return at;
            }
        }
    }
    url.len()
}

impl Checker<'_> {
    /// The URL of a request, `base_url` before it where it begins with a slash; nothing where it
    /// does not compile, which was reported.
    pub(super) fn url_pieces(
        &self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
    ) -> Option<Vec<Piece>> {
        let url = self.compiled(&request.url)?;
        let own = self.pieces(&url);
        if !head(&url).starts_with('/') {
            return Some(own);
        }
        let mut base = self.base_pieces(request, defaults)?;
        while base.last() == Some(&Piece::Text('/')) {
            base.pop();
        }
        base.extend(own);
        Some(base)
    }

    fn base_pieces(
        &self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
    ) -> Option<Vec<Piece>> {
        let mut all = std::iter::once(&request.options).chain(defaults.iter().copied());
        let base = all.find_map(|options| options.base_url.as_ref())?;
        Some(self.pieces(&self.compiled(base)?))
    }

    /// Whether a request goes to the origin of `base_url`, where it is sent what `defaults` say;
    /// nothing where that cannot be known.
    pub(super) fn goes_to_base(
        &self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
    ) -> Option<bool> {
        let url = self.compiled(&request.url)?;
        if head(&url).starts_with('/') {
            return Some(true);
        }
        let Some(base) = self.base_pieces(request, defaults) else { return Some(false) };
        let origin = base.get(..origin_of(&base)).unwrap_or_default();
        match under(origin, &self.pieces(&url)) {
            Under::Yes(_) => Some(true),
            Under::No => Some(false),
            Under::Perhaps => None,
        }
    }

    /// A scalar compiled again, without its findings: they were reported where it was checked.
    pub(super) fn compiled(&self, node: &Node) -> Option<Template> {
        let is_scalar =
            !matches!(node.kind, Kind::Empty | Kind::Null | Kind::List(_) | Kind::Map(_));
        is_scalar.then(|| crate::template::compile_text(node, self.text(node.place)).ok()).flatten()
    }

    /// A template in its pieces; variables that are known to be plain stand as their value.
    pub(super) fn pieces(&self, template: &Template) -> Vec<Piece> {
        let text = template.text();
        let mut found = Vec::new();
        let mut at = 0;
        for range in template.expressions() {
            found.extend(text.get(at..range.start).unwrap_or_default().chars().map(Piece::Text));
            let written = text.get(range.clone()).unwrap_or_default();
            let inner = written.trim_start_matches("${{").trim_end_matches("}}");
            let inner: String = inner.split_whitespace().collect();
            at = range.end;
            let names = template.names().iter().filter(|name| range.contains(&name.range.start));
            let secrets: Vec<String> = names.flat_map(|name| self.secrets_of(name)).collect();
            // At its start it is URL text.
            let is_first = found.is_empty();
            match self.literals.get(&inner).and_then(Node::text_of) {
                Some(value) if is_first || value.chars().all(is_plain) => {
                    found.extend(value.chars().map(Piece::Text));
                }
                Some(_) | None => found.push(Piece::Expression { text: inner, secrets }),
            }
        }
        found.extend(text.get(at..).unwrap_or_default().chars().map(Piece::Text));
        found
    }
}

/// Whether a character stands for itself anywhere in a URL (RFC 3986 §2.3).
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}
