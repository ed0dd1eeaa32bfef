//! `matrix` and `rows` as written: what a step or a plan is repeated with.

use crate::source::{Place, Spanned};
use crate::yaml::{Entry, Key, Node};

/// Where the cases come from.
#[derive(Debug, Clone, PartialEq)]
pub enum CasesAst {
    /// Every combination of the values of some names.
    Matrix(Vec<AxisAst>),
    /// One case a row.
    Rows(RowsAst),
}

/// One name of a matrix with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisAst {
    /// The name.
    pub name: Key,
    /// The values.
    pub values: AxisValuesAst,
}

/// The values of one name of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum AxisValuesAst {
    /// A list.
    List(Vec<Node>),
    /// A mapping of names to values.
    Named(Vec<Entry>),
    /// A template that gives a list.
    Template(Node),
}

/// Rows as written.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsAst {
    /// In the plan: mappings, or scalars.
    Inline(Vec<Node>),
    /// A template that gives a list.
    Template(Node),
    /// In a CSV file.
    File {
        /// Its path, relative to the file that names it.
        path: Spanned<String>,
        /// Columns that are not texts.
        types: Vec<(Spanned<String>, ColumnType)>,
    },
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A text, as it stands.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON value.
    Json,
}

impl ColumnType {
    /// The words for them.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("string", Self::Text),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("json", Self::Json),
    ];
}

impl CasesAst {
    /// The CSV file that they come from, if they do.
    #[must_use]
    pub fn file(&self) -> Option<&Spanned<String>> {
        match self {
            Self::Rows(RowsAst::File { path, types: _ }) => Some(path),
            Self::Matrix(_) | Self::Rows(RowsAst::Inline(_) | RowsAst::Template(_)) => None,
        }
    }
}

/// Cases, at the key that says where they come from.
pub type PlacedCases = (Place, CasesAst);
