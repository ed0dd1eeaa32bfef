//! Which operation a method and a path mean: a literal beats a template, and what is not known is
//! not denied.

use super::document::{Document, Spot};
use super::operation::Operation;
use super::shape::Known;
use crate::finding::nearest;

/// A segment of a documented path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// As written.
    Literal(String),
    /// Text with parameters in it: `{id}`, `{name}.json`.
    Template(Vec<Piece>),
}

/// A part of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As written.
    Text(String),
    /// A parameter.
    Name(String),
}

/// What a method and a path mean.
#[derive(Debug, Clone)]
pub enum Binding<'d> {
    /// An operation, with the values of its path parameters.
    To(&'d Operation, Vec<(String, Known<String>)>),
    /// The path is documented, the method is not.
    Method {
        /// The path as documented.
        path: &'d str,
        /// One of its operations.
        near: &'d Operation,
        /// Its methods.
        methods: Vec<&'d str>,
    },
    /// The path is not documented.
    Path {
        /// The operation whose path is nearest.
        near: Option<&'d Operation>,
    },
    /// It cannot be known.
    Unknown,
}

/// How well a path fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Perhaps,
    Yes,
}

/// The segments of a documented path.
pub(super) fn segments(path: &str) -> Vec<Segment> {
    path.trim_start_matches('/').split('/').map(segment).collect()
}

fn segment(text: &str) -> Segment {
    if text.contains('{') {
        Segment::Template(pieces(text))
    } else {
        Segment::Literal(text.to_owned())
    }
}

/// A text with parameters, piece by piece.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('{') {
        if !head.is_empty() {
            pieces.push(Piece::Text(head.to_owned()));
        }
        let (name, after) = tail.split_once('}').unwrap_or((tail, ""));
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

impl Document {
    /// What a method and the segments of a path mean; `path` begins after what a contract names as
    /// its base, with or without the path of a server.
    #[must_use]
    pub fn bind<'d>(&'d self, method: &str, path: &[Known<String>]) -> Binding<'d> {
        let as_it_is = self.bind_here(method, path);
        if matches!(as_it_is, Binding::To(..)) {
            return as_it_is;
        }
        let mut best = as_it_is;
        for (rest, is_sure) in self.bases().iter().flat_map(|base| base.after(path)) {
            let bound = match self.bind_here(method, rest) {
                Binding::To(..) if !is_sure => Binding::Unknown,
                bound => bound,
            };
            match &bound {
                Binding::To(..) => return bound,
                Binding::Method { .. } => best = bound,
                Binding::Unknown if matches!(best, Binding::Path { .. }) => best = bound,
                Binding::Path { near: Some(_) } if matches!(best, Binding::Path { .. }) => {
                    best = bound;
                }
                Binding::Unknown | Binding::Path { .. } => {}
            }
        }
        best
    }

    fn bind_here<'d>(&'d self, method: &str, path: &[Known<String>]) -> Binding<'d> {
        let mut fitting: Vec<&Operation> = Vec::new();
        let mut perhaps = false;
        for operation in self.operations() {
            match fit(&operation.segments, path) {
                Fit::Yes => fitting.push(operation),
                Fit::Perhaps => perhaps = true,
                Fit::No => {}
            }
        }
        // A literal beats a template, segment by segment from the left.
        fitting.sort_by_key(|operation| {
            operation.segments.iter().map(templates).collect::<Vec<bool>>()
        });
        let Some(best) = fitting.first() else {
            return if perhaps {
                Binding::Unknown
            } else {
                Binding::Path { near: self.near(path) }
            };
        };
        let of_path: Vec<&&Operation> = fitting.iter().filter(|o| o.path == best.path).collect();
        let of_method = of_path.iter().find(|o| o.method.eq_ignore_ascii_case(method));
        match of_method {
            Some(operation) => Binding::To(operation, values(&operation.segments, path)),
            // What is asked of a documented path by HEAD and OPTIONS needs no documentation.
            None if perhaps || matches!(method, "HEAD" | "OPTIONS") => Binding::Unknown,
            None => Binding::Method {
                path: &best.path,
                near: best,
                methods: of_path.iter().map(|o| o.method.as_str()).collect(),
            },
        }
    }

    /// The operation whose path is nearest to one that is known.
    fn near(&self, path: &[Known<String>]) -> Option<&Operation> {
        let mut written = String::new();
        for segment in path {
            written.push('/');
            written.push_str(segment.known().map_or("{}", String::as_str));
        }
        let paths = self.operations().iter().map(|operation| operation.path.as_str());
        let near = nearest(&written, paths.clone()).or_else(|| {
            // The same path under another beginning, `/v2/pets` for `/pets`.
            paths.filter(|path| path.len() > 1).find(|path| {
                written.ends_with(path) || path.ends_with(&written) && written.len() > 1
            })
        })?;
        self.operations().iter().find(|operation| operation.path == near)
    }

    /// Where a path is documented.
    #[must_use]
    pub fn path_spot(&self, operation: &Operation) -> Spot {
        Spot::new("/paths").key(&operation.path)
    }
}

fn templates(segment: &Segment) -> bool {
    match segment {
        Segment::Literal(_) => false,
        Segment::Template(_) => true,
    }
}

fn fit(documented: &[Segment], path: &[Known<String>]) -> Fit {
    if documented.len() != path.len() {
        return Fit::No;
    }
    documented
        .iter()
        .zip(path)
        .map(|(segment, given)| fits(segment, given))
        .min()
        .unwrap_or(Fit::Yes)
}

fn fits(segment: &Segment, given: &Known<String>) -> Fit {
    match (segment, given.known()) {
        (Segment::Literal(wanted), Some(given)) if wanted == given => Fit::Yes,
        (Segment::Literal(_), Some(_)) => Fit::No,
        (Segment::Literal(_), None) => Fit::Perhaps,
        (Segment::Template(pieces), Some(given)) => {
            if taken(pieces, given).is_some() {
                Fit::Yes
            } else {
                Fit::No
            }
        }
        (Segment::Template(pieces), None) => match pieces.as_slice() {
            [Piece::Name(_)] => Fit::Yes,
            _ => Fit::Perhaps,
        },
    }
}

/// What a segment gives to each of its parameters.
pub(super) fn taken(pieces: &[Piece], given: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = given;
    let mut open: Option<&String> = None;
    for piece in pieces {
        match piece {
            Piece::Text(text) => match open.take() {
                Some(name) => {
                    let at = rest.find(text.as_str()).filter(|at| *at > 0)?;
                    found.push((name.clone(), rest.get(..at)?.to_owned()));
                    rest = rest.get(at + text.len()..)?;
                }
                None => rest = rest.strip_prefix(text.as_str())?,
            },
            Piece::Name(name) => open = Some(name),
        }
    }
    match open {
        Some(_) if rest.is_empty() => None,
        Some(name) => {
            found.push((name.clone(), rest.to_owned()));
            Some(found)
        }
        None => rest.is_empty().then_some(found),
    }
}

fn values(documented: &[Segment], path: &[Known<String>]) -> Vec<(String, Known<String>)> {
    let mut found = Vec::new();
    for (segment, given) in documented.iter().zip(path) {
        let Segment::Template(pieces) = segment else { continue };
        match given.known().and_then(|given| taken(pieces, given)) {
            Some(taken) => {
                found.extend(taken.into_iter().map(|(name, text)| (name, Known::Known(text))));
            }
            None => found.extend(pieces.iter().filter_map(|piece| match piece {
                Piece::Name(name) => Some((name.clone(), Known::Unknown)),
                Piece::Text(_) => None,
            })),
        }
    }
    found
}
