//! Owes steps their samples: `repeat`, `warmup`, `concurrency`, `start` and `expect_all`.

use super::super::Templated;
use super::super::keys;
use super::super::reader::{Fields, Reader};
use super::super::samples::{DistinctAst, ExpectAllAst, SamplesAst, ShareAst, SharesAst};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

/// Keys that mean something beside `repeat` alone.
const BESIDE: [&str; 4] = ["warmup", "concurrency", "start", "expect_all"];

/// The samples of a step.
pub(super) fn samples(reader: &mut Reader, fields: &Fields<'_>) -> Option<SamplesAst> {
    let Some(repeat) = fields.get("repeat") else {
        for entry in BESIDE.iter().filter_map(|name| fields.get(name)) {
            if !fields.names("repeat") {
                let key = &entry.key.value;
                let finding = Finding::error(Code::Conflict, format!("`{key}` needs `repeat`"))
                    .at(entry.key.place, "of how many samples?")
                    .help("say how many: `repeat: 20`");
                reader.push(finding);
            }
        }
        return None;
    };
    exclusive(reader, fields, repeat);
    let together = fields.value("start").and_then(|node| {
        reader.word(node, &[("together", ())])?;
        Some(node.place)
    });
    let warmup = fields.value("warmup").and_then(|node| {
        let warmup = reader.templated(node, "a number of samples", "3")?;
        Some(Spanned::new(warmup, node.place))
    });
    let concurrency = fields.value("concurrency").and_then(|node| count(reader, node, "20"));
    let expect_all = fields.get("expect_all").and_then(|entry| expect_all(reader, entry));
    let repeat = count(reader, &repeat.value, "20")?;
    Some(SamplesAst { repeat, warmup, concurrency, together, expect_all })
}

/// What cannot stand beside samples.
fn exclusive(reader: &mut Reader, fields: &Fields<'_>, repeat: &Entry) {
    if let Some(poll) = fields.get("poll") {
        let finding = Finding::error(Code::Conflict, "`poll` and `repeat` exclude each other")
            .at(repeat.key.place, "")
            .at(poll.key.place, "")
            .help("wait in a step of its own, and repeat the next one");
        reader.push(finding);
    }
    if let (Some(retry), Some(start)) = (fields.get("retry"), fields.get("start")) {
        let finding =
            Finding::error(Code::Conflict, "`retry` and `start: together` exclude each other")
                .at(retry.key.place, "would come later than the others")
                .at(start.key.place, "")
                .help("delete one of the two");
        reader.push(finding);
    }
}

/// A number that is at least one.
fn count(reader: &mut Reader, node: &Node, example: &str) -> Option<Spanned<Templated<u32>>> {
    let count: Templated<u32> = reader.templated(node, "a whole number", example)?;
    if count == Templated::Known(0) {
        let finding = Finding::error(Code::BadValue, "0 samples would always pass")
            .at(node.place, "")
            .help(format!("write 1 or more, such as `{example}`"));
        reader.push(finding);
        return None;
    }
    Some(Spanned::new(count, node.place))
}

fn expect_all(reader: &mut Reader, entry: &Entry) -> Option<ExpectAllAst> {
    let node = &entry.value;
    if !matches!(node.kind, Kind::Map(_)) {
        let example = "expect_all: {outcomes: {created: 1, refused: rest}}";
        reader.wrong(node, "a mapping", example);
        return None;
    }
    if node.entries().is_empty() {
        reader.asserts_nothing(
            entry.key.place,
            "`expect_all` with nothing in it says nothing",
            "write what is due, such as `{passed: 20}`",
        );
        return None;
    }
    let fields = reader.fields(node, "`expect_all`", &[keys::EXPECT_ALL]);
    Some(ExpectAllAst {
        place: entry.key.place,
        outcomes: fields.get("outcomes").and_then(|entry| shares(reader, entry, "created: 1")),
        statuses: fields.get("statuses").and_then(|entry| shares(reader, entry, "200: 20")),
        distinct: fields.get("distinct").map(|entry| distinct(reader, entry)).unwrap_or_default(),
        passed: fields
            .get("passed")
            .filter(|entry| !is_nothing(reader, entry))
            .map(|entry| Spanned::new(entry.value.clone(), entry.key.place)),
    })
}

fn shares(reader: &mut Reader, entry: &Entry, example: &str) -> Option<SharesAst> {
    let key = &entry.key.value;
    let write = format!("{key}: {{{example}}}");
    let entries = reader.entries(&entry.value, "a mapping of classes to numbers", &write);
    if entries.is_empty() {
        if matches!(entry.value.kind, Kind::Map(_)) {
            reader.asserts_nothing(entry.key.place, "nothing is listed, so that all fail", &write);
        }
        return None;
    }
    let mut shares = Vec::new();
    let mut rest = None;
    for share in entries {
        if is_nothing(reader, share) {
            continue;
        }
        if share.value.as_str() != Some("rest") {
            shares.push((share.key.clone(), ShareAst::Count(share.value.clone())));
            continue;
        }
        if let Some(first) = rest {
            let finding = Finding::error(Code::Conflict, "two classes take the rest")
                .at(share.value.place, "again here")
                .at(first, "first here")
                .help("give one of them a number, or `{gte: 0}`");
            reader.push(finding);
        }
        rest = rest.or(Some(share.value.place));
        shares.push((share.key.clone(), ShareAst::Rest(share.value.place)));
    }
    Some(SharesAst { place: entry.key.place, shares })
}

fn distinct(reader: &mut Reader, entry: &Entry) -> Vec<DistinctAst> {
    let write = "distinct: {$.id: 1}";
    let entries = reader.entries(&entry.value, "a mapping of paths to numbers", write);
    if entries.is_empty() && matches!(entry.value.kind, Kind::Map(_)) {
        reader.asserts_nothing(
            entry.key.place,
            "`distinct` with nothing in it says nothing",
            write,
        );
    }
    let mut all = Vec::new();
    for one in entries {
        if !is_nothing(reader, one) {
            let is_all = one.value.as_str() == Some("all");
            let count = (!is_all).then(|| one.value.clone());
            all.push(DistinctAst { path: one.key.clone(), count, place: one.value.place });
        }
    }
    all
}

/// A value that says nothing; an empty one has its finding already.
fn is_nothing(reader: &mut Reader, entry: &Entry) -> bool {
    match &entry.value.kind {
        Kind::Empty => true,
        Kind::Null | Kind::Bool(_) | Kind::List(_) => {
            let write = format!("{}: 1", entry.key.value);
            reader.wrong(&entry.value, "a number, or operators on it", write);
            true
        }
        Kind::Number { .. } | Kind::String(_) | Kind::Map(_) => false,
    }
}
