//! A CSV file as rows: the first line names the columns, the cells have the types that are asked for.

use serde_json::Value;

use super::cases::{Row, RowFields};
use crate::finding::{Code, Finding, nearest};
use crate::plan::ColumnType;
use crate::source::{Place, SourceText, Span, Spanned};
use crate::template::ValueTemplate;

/// So many bad cells are told apart; a wrong type makes all of a column bad.
const TOLD: usize = 10;

/// What a CSV file holds.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) findings: Vec<Finding>,
}

/// Reads a CSV file (RFC 4180) that is named at `named`.
pub(super) fn read(
    source: &SourceText,
    named: Place,
    types: &[(Spanned<String>, ColumnType)],
) -> Table {
    // A byte order mark is no part of the first name.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let offset = source.text.len() - text.len();
    let mut reading = Reading { source, text, offset, named, table: Table::default(), beyond: 0 };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    reading.columns(&header);
    let wanted = reading.wanted(types);
    // The text is UTF-8, and rows may have any length: nothing else can go wrong.
    for record in reader.records().flatten() {
        reading.record(&record, &wanted);
    }
    reading.finish()
}

/// A file that is being read.
struct Reading<'a> {
    source: &'a SourceText,
    /// Without the byte order mark.
    text: &'a str,
    offset: usize,
    named: Place,
    table: Table,
    /// Mistakes that are not told one by one.
    beyond: usize,
}

impl Reading<'_> {
    fn place(&self, start: usize, end: usize) -> Place {
        let span = Span::new(start + self.offset, end + self.offset);
        Place { source: self.source.id, span }
    }

    fn tell(&mut self, finding: Finding) {
        if self.table.findings.len() < TOLD {
            self.table.findings.push(finding.at(self.named, "read for these cases"));
        } else {
            self.beyond += 1;
        }
    }

    /// The first line: each column has a name of its own.
    fn columns(&mut self, header: &csv::StringRecord) {
        let end = self.text.find('\n').unwrap_or(self.text.len());
        let mut columns: Vec<String> = Vec::with_capacity(header.len());
        for (number, name) in header.iter().enumerate() {
            let name = name.trim();
            let again = columns.iter().any(|earlier| earlier == name);
            if name.is_empty() || again {
                let (start, end) = cell(self.text, 0, number).unwrap_or((0, end));
                let what = if again {
                    "a column of this name stands twice"
                } else {
                    "a column without a name"
                };
                let finding = Finding::error(Code::BadTable, what)
                    .at(self.place(start, end), "")
                    .help("give each column of the first line a name of its own");
                self.tell(finding);
            }
            columns.push(name.to_owned());
        }
        self.table.columns = columns;
    }

    /// The type of each column.
    fn wanted(&mut self, types: &[(Spanned<String>, ColumnType)]) -> Vec<ColumnType> {
        let mut wanted = vec![ColumnType::Text; self.table.columns.len()];
        for (name, column_type) in types {
            let column = self.table.columns.iter().position(|column| *column == name.value);
            if let Some(slot) = column.and_then(|number| wanted.get_mut(number)) {
                *slot = *column_type;
            } else {
                let finding = no_such_column(name, &self.table.columns);
                self.table.findings.push(finding);
            }
        }
        wanted
    }

    fn record(&mut self, record: &csv::StringRecord, wanted: &[ColumnType]) {
        let start = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(0));
        if record.len() != wanted.len() {
            let rest = self.text.get(start..).unwrap_or_default();
            let end = start + rest.find('\n').unwrap_or(rest.len());
            let message = format!(
                "this row has {} cells, and the first line names {} columns",
                record.len(),
                wanted.len()
            );
            let finding = Finding::error(Code::BadTable, message)
                .at(self.place(start, end), "")
                .help("put a cell that holds a comma in double quotes");
            self.tell(finding);
            return;
        }
        let mut fields = Vec::with_capacity(wanted.len());
        for (number, (wanted, written)) in wanted.iter().zip(record).enumerate() {
            let name = self.table.columns.get(number).cloned().unwrap_or_default();
            if let Some(value) = typed(written, *wanted) {
                fields.push((name, ValueTemplate::Literal(value)));
                continue;
            }
            let (start, end) = cell(self.text, start, number).unwrap_or((start, start));
            let word = word(*wanted);
            let finding = Finding::error(
                Code::BadTable,
                format!("`{written}` in the column `{name}` is not of type {word}"),
            )
            .at(self.place(start, end), format!("not of type {word}"))
            .help("correct the cell, or the column's type under `types:`");
            self.tell(finding);
        }
        self.table.rows.push(Row { fields: RowFields::Named(fields), secrets: Vec::new() });
    }

    fn finish(mut self) -> Table {
        let path = &self.source.path;
        if self.beyond > 0 {
            let message = format!("{} more mistakes in `{path}`", self.beyond);
            let finding = Finding::error(Code::BadTable, message).at(self.named, "");
            self.table.findings.push(finding);
        }
        if self.table.rows.is_empty() && self.table.findings.is_empty() {
            let message = format!("`{path}` has no row, which gives no case");
            let finding = Finding::error(Code::BadTable, message)
                .at(self.named, "")
                .help("the first line names the columns; each line below it is a case");
            self.table.findings.push(finding);
        }
        self.table
    }
}

fn no_such_column(name: &Spanned<String>, columns: &[String]) -> Finding {
    let finding =
        Finding::error(Code::BadTable, format!("the file has no column `{}`", name.value))
            .at(name.place, "");
    match nearest(&name.value, columns.iter().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("it has {}", columns.join(", "))),
    }
}

/// A cell with its type; an empty one of a type other than text is null.
fn typed(written: &str, wanted: ColumnType) -> Option<Value> {
    if wanted == ColumnType::Text {
        return Some(Value::from(written));
    }
    let written = written.trim();
    if written.is_empty() {
        return Some(Value::Null);
    }
    let value = crate::json::parse(written.as_bytes()).ok()?;
    let fits = match wanted {
        ColumnType::Text | ColumnType::Json => true,
        ColumnType::Integer => {
            value.is_number() && written.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        }
        ColumnType::Number => value.is_number(),
        ColumnType::Boolean => value.is_boolean(),
    };
    fits.then_some(value)
}

fn word(wanted: ColumnType) -> &'static str {
    ColumnType::WORDS.iter().find(|(_, known)| *known == wanted).map_or("string", |(word, _)| word)
}

/// Where a cell of the record that begins at `start` stands, its quotes included.
fn cell(text: &str, start: usize, number: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    let (mut begins, mut at, mut quoted) = (0, 0, false);
    for (offset, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' | b'\n' | b'\r' if !quoted => {
                if at == number {
                    return Some((start + begins, start + offset));
                }
                if byte != b',' {
                    return None;
                }
                (at, begins) = (at + 1, offset + 1);
            }
            _ => {}
        }
    }
    (at == number).then_some((start + begins, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceId;

    fn rows(text: &str, types: &[(&str, ColumnType)]) -> (Vec<String>, Vec<String>) {
        let source = SourceText::new(SourceId(0), "x.csv".into(), text.into());
        let named = Place { source: SourceId(1), span: Span::new(0, 0) };
        let types: Vec<_> = types
            .iter()
            .map(|(name, kind)| (Spanned::new((*name).to_owned(), named), *kind))
            .collect();
        let table = read(&source, named, &types);
        let rows = table.rows.iter().map(|row| match &row.fields {
            RowFields::Named(fields) => {
                let value = |value: &ValueTemplate| value.as_literal().cloned().unwrap_or_default();
                let fields: serde_json::Map<String, Value> =
                    fields.iter().map(|(name, v)| (name.clone(), value(v))).collect();
                Value::Object(fields).to_string()
            }
            RowFields::Scalar(_) => "?".to_owned(),
        });
        let findings = table.findings.iter().map(|finding| {
            let at = finding.labels.iter().find(|label| label.place.source == SourceId(0));
            let at = at.map(|label| source.slice(label.place.span).to_owned()).unwrap_or_default();
            format!("{at}: {}", finding.message)
        });
        (rows.collect(), findings.collect())
    }

    #[test]
    fn cells_keep_their_commas_quotes_line_breaks_and_digits() {
        let text = "\u{feff}name,n,ok,any\r\n\"a, \"\"b\"\"\nc\",18446744073709551616,true,\"[1]\"\r\n,,,\n";
        let types =
            [("n", ColumnType::Integer), ("ok", ColumnType::Boolean), ("any", ColumnType::Json)];
        let (rows, findings) = rows(text, &types);
        assert_eq!(findings, [""; 0]);
        assert_eq!(
            rows,
            [
                r#"{"name":"a, \"b\"\nc","n":18446744073709551616,"ok":true,"any":[1]}"#,
                r#"{"name":"","n":null,"ok":null,"any":null}"#,
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_marked_in_the_file_itself() {
        let types =
            [("n", ColumnType::Integer), ("ok", ColumnType::Boolean), ("m", ColumnType::Number)];
        let (rows, findings) = rows("n,ok,ok\n1.5,yes,a\n1\n", &types);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            findings,
            [
                "ok: a column of this name stands twice",
                ": the file has no column `m`",
                "1.5: `1.5` in the column `n` is not of type integer",
                "yes: `yes` in the column `ok` is not of type boolean",
                "1: this row has 1 cells, and the first line names 3 columns",
            ]
        );
    }

    #[test]
    fn a_table_without_rows_gives_no_case() {
        assert_eq!(rows("a,b\n", &[]).1, [": `x.csv` has no row, which gives no case"]);
        assert!(rows("a,b\n1,2", &[]).1.is_empty());
    }
}
