//! Owes steps and plans their cases: `matrix` and `rows`, of which one may stand.

use super::super::cases::{AxisAst, AxisValuesAst, CasesAst, ColumnType, PlacedCases, RowsAst};
use super::super::keys;
use super::super::reader::{Fields, Reader};
use crate::finding::{Code, Finding};
use crate::yaml::{Entry, Kind, Node};

const ROWS: &str = "rows: [{email: a@example.com}, {email: b@example.com}]";
const MATRIX: &str = "matrix: {size: [1, 2]}";

/// The cases of a step or a plan.
pub(super) fn cases(reader: &mut Reader, fields: &Fields<'_>) -> Option<PlacedCases> {
    let (matrix, rows) = (fields.get("matrix"), fields.get("rows"));
    if let (Some(matrix), Some(rows)) = (matrix, rows) {
        let finding = Finding::error(Code::Conflict, "`matrix` and `rows` exclude each other")
            .at(rows.key.place, "")
            .at(matrix.key.place, "")
            .help("keep one of the two; a matrix of one name takes any list");
        reader.push(finding);
        return None;
    }
    if let Some(entry) = matrix {
        return Some((entry.key.place, CasesAst::Matrix(axes(reader, entry)?)));
    }
    let entry = rows?;
    Some((entry.key.place, CasesAst::Rows(rows_of(reader, entry)?)))
}

fn axes(reader: &mut Reader, entry: &Entry) -> Option<Vec<AxisAst>> {
    let node = &entry.value;
    let Kind::Map(axes) = &node.kind else {
        reader.wrong(node, "a mapping of names to lists", MATRIX);
        return None;
    };
    if axes.is_empty() {
        nothing(reader, node, "`matrix` with nothing in it gives no case");
        return None;
    }
    let axes: Vec<Option<AxisAst>> = axes.iter().map(|axis| self::axis(reader, axis)).collect();
    axes.into_iter().collect()
}

fn axis(reader: &mut Reader, entry: &Entry) -> Option<AxisAst> {
    let node = &entry.value;
    let name = &entry.key.value;
    let values = match &node.kind {
        Kind::List(items) if !items.is_empty() => AxisValuesAst::List(items.clone()),
        Kind::Map(entries) if !entries.is_empty() => AxisValuesAst::Named(entries.clone()),
        Kind::List(_) | Kind::Map(_) => {
            nothing(reader, node, &format!("`{name}` has no value, which gives no case"));
            return None;
        }
        Kind::String(_) if node.has_template() => AxisValuesAst::Template(node.clone()),
        Kind::Empty => return None,
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) => {
            let written = node.text_of().unwrap_or_default();
            reader.wrong(
                node,
                "a list of values, or a mapping of names to values",
                format_args!("{name}: [{written}]"),
            );
            return None;
        }
    };
    Some(AxisAst { name: entry.key.clone(), values })
}

fn rows_of(reader: &mut Reader, entry: &Entry) -> Option<RowsAst> {
    let node = &entry.value;
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            nothing(reader, node, "`rows` with nothing in it gives no case");
            None
        }
        Kind::List(items) => {
            let sound = |item: &&Node| !matches!(item.kind, Kind::Empty | Kind::List(_));
            for item in items.iter().filter(|item| matches!(item.kind, Kind::List(_))) {
                reader.wrong(item, "a row: a mapping, or a scalar", "{email: a@example.com}");
            }
            Some(RowsAst::Inline(items.iter().filter(sound).cloned().collect()))
        }
        Kind::Map(_) => file(reader, entry),
        Kind::String(_) if node.has_template() => Some(RowsAst::Template(node.clone())),
        Kind::String(path) => {
            reader.wrong(node, "a list of rows, or a file", format_args!("{{file: {path}}}"));
            None
        }
        Kind::Empty => None,
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {
            reader.wrong(node, "a list of rows, or a file", ROWS);
            None
        }
    }
}

fn file(reader: &mut Reader, entry: &Entry) -> Option<RowsAst> {
    let fields = reader.fields(&entry.value, "`rows`", &[keys::ROWS]);
    if !fields.names("file") {
        reader.missing(entry.key.place, "`rows`", "file", "file: users.csv");
    }
    let types = fields.value("types").map(|node| types(reader, node)).unwrap_or_default();
    let node = fields.value("file")?;
    let path = reader.spanned(node, "a path")?;
    if node.has_template() {
        let finding = Finding::error(Code::BadValue, "no template can stand here")
            .at(node.place, "")
            .help("the rows are read before anything is sent: name the file");
        reader.push(finding);
        return None;
    }
    Some(RowsAst::File { path, types })
}

fn types(reader: &mut Reader, node: &Node) -> Vec<(crate::source::Spanned<String>, ColumnType)> {
    let entries = reader.entries(node, "a mapping of columns to types", "types: {age: integer}");
    let mut types = Vec::new();
    for entry in entries {
        if let Some(word) = reader.word(&entry.value, &ColumnType::WORDS) {
            let name = crate::source::Spanned::new(entry.key.value.clone(), entry.key.place);
            types.push((name, word));
        }
    }
    types
}

fn nothing(reader: &mut Reader, node: &Node, message: &str) {
    let finding = Finding::error(Code::EmptyValue, message)
        .at(node.place, "")
        .help("a step without a case never runs: add values, or delete the key");
    reader.push(finding);
}
