//! What a template refers to, with places: the ground of every check of names.

use std::ops::Range;

use minijinja::machinery::{Span, ast};

/// A use of a name, with as much of its path as is known without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// The name and the fields after it: `["steps", "create", "sent"]`.
    pub path: Vec<String>,
    /// Where each of them stands in the content.
    pub segments: Vec<Range<usize>>,
    /// The bytes from the name to the last known field.
    pub range: Range<usize>,
    /// Whether `default(…)` or `is defined` stands on it, so that it may be missing at run time.
    pub guarded: bool,
}

/// A file that `file('path')` names literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUse {
    /// The path as written.
    pub path: String,
    /// Where it stands in the content.
    pub range: Range<usize>,
}

/// What an expression refers to.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) names: Vec<NameUse>,
    pub(super) files: Vec<FileUse>,
    pub(super) omits: Vec<Range<usize>>,
}

/// The names and fields of a path, as far as they are fixed; nothing where an index or a computed
/// part stands in between.
pub(super) fn static_path(tree: &ast::Expr<'_>) -> Option<Vec<(String, Span)>> {
    match tree {
        ast::Expr::Var(var) => Some(vec![(var.id.to_owned(), var.span())]),
        ast::Expr::GetAttr(get) => {
            let mut path = static_path(&get.expr)?;
            let mut span = get.span();
            let length = u32::try_from(get.name.len()).unwrap_or(0);
            span.start_offset = span.end_offset.saturating_sub(length);
            path.push((get.name.to_owned(), span));
            Some(path)
        }
        ast::Expr::GetItem(get) => {
            let ast::Expr::Const(key) = &get.subscript_expr else { return None };
            let mut path = static_path(&get.expr)?;
            path.push((key.value.as_str()?.to_owned(), key.span()));
            Some(path)
        }
        _ => None,
    }
}
