//! Owes the others the hints of a plan, a project, or a file of their own.

use super::super::keys;
use super::super::reader::Reader;
use super::super::{HintAst, HintsAst};
use super::{begin, expect, finish, look_everywhere};
use crate::finding::{Code, Finding};
use crate::source::SourceText;
use crate::yaml::{Kind, Node};

/// The hints of a file of their own, with all findings in the order of the file.
#[must_use]
pub fn parse_hints(source: &SourceText) -> (Vec<HintAst>, Vec<Finding>) {
    let (root, mut reader) = match begin(source) {
        Ok(begun) => begun,
        Err(findings) => return (Vec::new(), findings),
    };
    look_everywhere(&mut reader, &root);
    let fields = reader.fields(&root, "a file with hints", &[keys::HINTS_FILE]);
    if !fields.names("hints") && matches!(root.kind, Kind::Map(_)) {
        let place = root.entries().first().map_or(root.place, |entry| entry.key.place);
        reader.missing(
            place,
            "a file with hints",
            "hints",
            "hints: [{when: {status: 401}, cause: \"…\"}]",
        );
    }
    let hints = fields.value("hints").map(|node| list(&mut reader, node)).unwrap_or_default();
    (hints, finish(source, reader.findings))
}

/// `hints:` of a plan or a project.
pub(super) fn hints(reader: &mut Reader, node: &Node) -> HintsAst {
    if !matches!(node.kind, Kind::Map(_)) {
        return HintsAst::List(list(reader, node));
    }
    // One hint that is not in a list is no file.
    if node.get("when").is_some() || node.get("cause").is_some() {
        reader.wrong(node, "a list of hints", "- {when: {status: 401}, cause: \"…\"}");
        return HintsAst::List(Vec::new());
    }
    let fields = reader.fields(node, "`hints`", &[keys::HINTS]);
    if node.entries().is_empty() {
        reader.missing(node.place, "`hints`", "file", "file: ../hints.yaml");
    }
    match fields.value("file").and_then(|file| reader.spanned(file, "a path")) {
        Some(file) => HintsAst::File(file),
        None => HintsAst::List(Vec::new()),
    }
}

fn list(reader: &mut Reader, node: &Node) -> Vec<HintAst> {
    if !matches!(node.kind, Kind::List(_)) {
        reader.wrong(node, "a list of hints", "- {when: {status: 401}, cause: \"…\"}");
        return Vec::new();
    }
    node.items()
        .iter()
        .filter(|item| item.kind != Kind::Empty)
        .filter_map(|item| hint(reader, item))
        .collect()
}

fn hint(reader: &mut Reader, node: &Node) -> Option<HintAst> {
    let fields = reader.fields(node, "a hint", &[keys::HINT]);
    let place = node.entries().first().map_or(node.place, |entry| entry.key.place);
    for (key, example) in [("when", "when: {status: 401}"), ("cause", "cause: The key is expired")]
    {
        if matches!(node.kind, Kind::Map(_)) && !fields.names(key) {
            reader.missing(place, "a hint", key, example);
        }
    }
    let when =
        fields.get("when").and_then(|when| expect::expect(reader, when, expect::Under::When));
    let mut text = |key: &str| {
        let node = fields.value(key)?;
        let text = reader.spanned(node, "a text")?;
        if text.value.trim().is_empty() {
            let finding = Finding::error(Code::BadValue, format!("`{key}` is empty"))
                .at(node.place, "")
                .help("write what a colleague would say");
            reader.push(finding);
        }
        Some(node.clone())
    };
    let (cause, next) = (text("cause"), text("next"));
    Some(HintAst { place, when: when?, cause: cause?, next })
}
