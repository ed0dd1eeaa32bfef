//! Owes the others the contracts of a plan or a project.

use jiff::civil::Date;

use super::super::keys;
use super::super::reader::Reader;
use super::super::{ContractAst, IgnoreAst};
use crate::finding::{Code, Finding, Severity, nearest};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

/// The words of `on_violation`.
const WORDS: [(&str, Severity); 2] = [("warn", Severity::Warning), ("error", Severity::Error)];

/// `contracts:` of a plan or a project.
pub(super) fn contracts(reader: &mut Reader, node: &Node) -> Vec<ContractAst> {
    let write = "contracts: {auth: {spec: specs/auth.openapi.yaml, base: \"${{ env.auth_url }}\"}}";
    let entries = reader.entries(node, "a mapping of names to contracts", write);
    entries.iter().filter_map(|entry| contract(reader, entry)).collect()
}

fn contract(reader: &mut Reader, entry: &Entry) -> Option<ContractAst> {
    let name = reader.name(&entry.key.value, entry.key.place, "a contract");
    let fields = reader.fields(&entry.value, "a contract", &[keys::CONTRACT]);
    for (key, example) in
        [("spec", "spec: specs/auth.openapi.yaml"), ("base", "base: ${{ env.auth_url }}")]
    {
        if matches!(entry.value.kind, Kind::Map(_)) && !fields.names(key) {
            reader.missing(entry.key.place, "a contract", key, example);
        }
    }
    let spec = fields.value("spec").and_then(|node| {
        let path = reader.spanned(node, "the path of a document")?;
        if node.has_template() {
            let finding = Finding::error(Code::BadValue, "no template can stand here")
                .at(node.place, "")
                .help("a document is read before the run: write its path");
            reader.push(finding);
            return None;
        }
        Some(path)
    });
    let base = fields.value("base").filter(|node| {
        let sound = node.as_str().is_some_and(|text| !text.trim().is_empty());
        if !sound {
            reader.wrong(node, "a URL", "base: ${{ env.auth_url }}");
        }
        sound
    });
    let on_violation = fields.value("on_violation").and_then(|node| reader.word(node, &WORDS));
    let ignore = fields.value("ignore").map(|node| ignores(reader, node)).unwrap_or_default();
    Some(ContractAst {
        name,
        spec: spec?,
        base: base?.clone(),
        on_violation: on_violation.unwrap_or(Severity::Warning),
        ignore,
    })
}

fn ignores(reader: &mut Reader, node: &Node) -> Vec<IgnoreAst> {
    const WRITE: &str =
        "- {operation: GET /pets, code: unknown-field, reason: \"…\", until: 2027-01-31}";
    if !matches!(node.kind, Kind::List(_)) {
        reader.wrong(node, "a list of exceptions", WRITE);
        return Vec::new();
    }
    let items = node.items().iter().filter(|item| item.kind != Kind::Empty);
    items.filter_map(|item| ignore(reader, item)).collect()
}

fn ignore(reader: &mut Reader, node: &Node) -> Option<IgnoreAst> {
    let fields = reader.fields(node, "an exception", &[keys::CONTRACT_IGNORE]);
    let place = node.entries().first().map_or(node.place, |entry| entry.key.place);
    for key in keys::CONTRACT_IGNORE {
        if matches!(node.kind, Kind::Map(_)) && !fields.names(key.name) {
            reader.missing(place, "an exception", key.name, key.example);
        }
    }
    let mut text = |key: &str| {
        let node = fields.value(key)?;
        let text = reader.spanned(node, "a text")?;
        if text.value.trim().is_empty() {
            let finding = Finding::error(Code::BadValue, format!("`{key}` is empty"))
                .at(node.place, "")
                .help("say what is left out and why, for whoever reads it next");
            reader.push(finding);
            return None;
        }
        Some(text)
    };
    let (operation, code, reason) = (text("operation"), text("code"), text("reason"));
    let until = text("until");
    let code = code.and_then(|written| known_code(reader, &written));
    let until = until.and_then(|written| {
        if let Ok(date) = written.value.trim().parse::<Date>() {
            Some(Spanned::new(date, written.place))
        } else {
            let message = format!("`{}` is not a date", written.value);
            let finding = Finding::error(Code::BadValue, message)
                .at(written.place, "")
                .help("write the last day on which it holds: `until: 2027-01-31`");
            reader.push(finding);
            None
        }
    });
    Some(IgnoreAst { operation: operation?, code: code?, reason: reason?, until: until?, place })
}

/// A code of contracts, with or without its room before it.
fn known_code(reader: &mut Reader, written: &Spanned<String>) -> Option<Code> {
    let name = written.value.trim().trim_start_matches("contract::");
    let known = || {
        let all = Code::ALL.iter().filter_map(|code| code.as_str().strip_prefix("contract::"));
        // What is about the document and the exceptions themselves is never left out.
        all.filter(|name| !matches!(*name, "bad-document" | "expired-ignore" | "unused-ignore"))
    };
    if known().any(|known| known == name) {
        return Code::from_name(&format!("contract::{name}"));
    }
    let finding =
        Finding::error(Code::BadValue, format!("`{}` is no code of contracts", written.value))
            .at(written.place, "");
    reader.push(match nearest(name, known()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("one of {}", known().collect::<Vec<_>>().join(", "))),
    });
    None
}
