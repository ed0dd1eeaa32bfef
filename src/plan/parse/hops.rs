//! Owes `expect` and `warn` what they say of the requests that taps saw.

use super::super::keys;
use super::super::reader::Reader;
use super::super::{AssertionAst, HopAst, SubjectAst};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind};

/// Subjects whose mapping gives one assertion a name.
const GROUPS: [&str; 2] = ["query", "headers"];

/// The entries of `hops:`, each named like its tap.
pub(super) fn hops(reader: &mut Reader, entry: &Entry) -> Vec<HopAst> {
    let write = "hops: {auth: {count: 1}}";
    if matches!(&entry.value.kind, Kind::Map(inner) if inner.is_empty()) {
        let help = format!("write `{write}`, or delete it");
        reader.asserts_nothing(entry.key.place, "`hops` with nothing in it says nothing", &help);
    }
    let entries = reader.entries(&entry.value, "a mapping of taps", write).to_vec();
    entries.iter().filter_map(|entry| hop(reader, entry)).collect()
}

fn hop(reader: &mut Reader, entry: &Entry) -> Option<HopAst> {
    let tap = reader.name(&entry.key.value, entry.key.place, "a tap");
    if !matches!(entry.value.kind, Kind::Map(_)) {
        if entry.value.kind != Kind::Empty {
            let write = format!("{}: {{count: 1}}", entry.key.value);
            reader.wrong(&entry.value, "a mapping of what the tap saw", write);
        }
        return None;
    }
    let mut hop =
        HopAst { tap, count: None, contract: None, optional: false, assertions: Vec::new() };
    for inner in entry.value.entries() {
        subject(reader, inner, &mut hop);
    }
    Some(hop)
}

fn subject(reader: &mut Reader, entry: &Entry, hop: &mut HopAst) {
    let name = entry.key.value.as_str();
    let is_path = name.starts_with('$');
    if !is_path && !keys::HOP.iter().any(|key| key.name == name) {
        unknown(reader, entry);
        return;
    }
    if entry.value.kind == Kind::Empty {
        return;
    }
    match name {
        "count" => hop.count = Some((entry.key.place, entry.value.clone())),
        "contract" => {
            let holds = reader.typed(&entry.value, "true or false", "true").unwrap_or(false);
            hop.contract = holds.then_some(entry.value.place);
        }
        "optional" => {
            hop.optional = reader.typed(&entry.value, "true or false", "true").unwrap_or(false);
        }
        group if GROUPS.contains(&group) => {
            let example = format!("{group}: {{name: value}}");
            let group = Spanned::new(group.to_owned(), entry.key.place);
            let inner = reader.entries(&entry.value, "a mapping of names", &example);
            for inner in inner.iter().filter(|inner| inner.value.kind != Kind::Empty) {
                let subject = SubjectAst { group: Some(group.clone()), key: inner.key.clone() };
                hop.assertions.push(AssertionAst { subject, predicate: inner.value.clone() });
            }
        }
        _ => {
            let subject = SubjectAst { group: None, key: entry.key.clone() };
            hop.assertions.push(AssertionAst { subject, predicate: entry.value.clone() });
        }
    }
}

/// An unknown subject; a dotted one is a group.
fn unknown(reader: &mut Reader, entry: &Entry) {
    let name = entry.key.value.as_str();
    let dotted = name.split_once('.').and_then(|(first, rest)| match first {
        "header" | "headers" => Some(format!("write `headers: {{{rest}: …}}`")),
        "query" => Some(format!("write `query: {{{rest}: …}}`")),
        "body" | "json" => Some(format!("a path into the body begins with `$`: `$.{rest}`")),
        _ => None,
    });
    let Some(help) = dotted else {
        reader.unknown_key(&entry.key, "what a tap saw", &[keys::HOP]);
        return;
    };
    let message = format!("unknown key `{name}` in what a tap saw");
    reader.push(Finding::error(Code::UnknownKey, message).at(entry.key.place, "").help(help));
}
