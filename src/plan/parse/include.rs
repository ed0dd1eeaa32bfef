//! Owes steps `include`: the file, what its plan is given, what is taken from it.

use super::super::reader::{Fields, Reader};
use super::super::{Action, IncludeAst};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::Node;

/// The plan that a step carries out.
pub(super) fn include(reader: &mut Reader, node: &Node, fields: &Fields<'_>) -> Option<Action> {
    let with = fields
        .value("with")
        .map(|node| reader.entries(node, "a mapping of names to values", "with: {user: ada}"));
    let export = fields.value("export").map(|node| names(reader, node)).unwrap_or_default();
    if node.has_template() && node.as_str().is_some() {
        let finding = Finding::error(Code::BadValue, "no template can stand here")
            .at(node.place, "")
            .help("a plan that is included is read before the run: write its path")
            .help("what decides at run time goes into `if`, or into `with`");
        reader.push(finding);
        return None;
    }
    let path = node.as_str().filter(|path| !path.trim().is_empty());
    let Some(path) = path else {
        reader.wrong(node, "the path of a plan", "include: login.yaml");
        return None;
    };
    let path = Spanned::new(path.to_owned(), node.place);
    let with = with.unwrap_or_default().to_vec();
    Some(Action::Include(Box::new(IncludeAst { path, with, export })))
}

/// What is counted of the samples of a request, and a plan has none of.
pub(super) fn only_passed(reader: &mut Reader, fields: &Fields<'_>) {
    let (Some(include), Some(all)) = (fields.get("include"), fields.get("expect_all")) else {
        return;
    };
    for entry in all.value.entries() {
        let key = &entry.key;
        if ["outcomes", "statuses", "distinct"].contains(&key.value.as_str()) {
            let message =
                format!("`{}` counts answers, and an included plan gives none", key.value);
            let finding = Finding::error(Code::Conflict, message)
                .at(key.place, "")
                .at(include.key.place, "the step's action")
                .help("write how many of its executions are to pass: `passed: 20`, `{gte: 99%}`");
            reader.push(finding);
        }
    }
}

/// `export`, each name once.
fn names(reader: &mut Reader, node: &Node) -> Vec<Spanned<String>> {
    let mut names: Vec<Spanned<String>> = Vec::new();
    for name in reader.texts(node, "names") {
        match names.iter().find(|known| known.value == name.value) {
            Some(first) => {
                let message = format!("`{}` is exported twice", name.value);
                let finding = Finding::error(Code::DuplicateName, message)
                    .at(name.place, "again here")
                    .at(first.place, "first here")
                    .help("delete one of them");
                reader.push(finding);
            }
            None => names.push(name),
        }
    }
    names
}

/// Keys of an include on a step that includes nothing.
pub(super) fn stray(reader: &mut Reader, fields: &Fields<'_>) {
    if fields.names("include") {
        return;
    }
    for entry in ["with", "export"].iter().filter_map(|name| fields.get(name)) {
        let message = format!("`{}` belongs to `include`", entry.key.value);
        let finding = Finding::error(Code::Conflict, message)
            .at(entry.key.place, "and this step includes nothing")
            .help("add `include: FILE`, or delete it");
        reader.push(finding);
    }
}
