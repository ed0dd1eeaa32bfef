//! Owes the step its expectations: each subject with its predicate, and named outcomes.

use super::super::keys::{self, KeyDoc};
use super::super::reader::Reader;
use super::super::{AssertionAst, ExpectAst, OutcomeAst, SubjectAst};
use crate::finding::{Code, Finding};
use crate::source::Spanned;
use crate::yaml::{Entry, Key, Kind};

/// What the expectations stand under; decides which keys they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    /// `expect:`.
    Expect,
    /// `warn:`.
    Warn,
    /// `give_up:`.
    GiveUp,
    /// One of `one_of:`.
    Outcome,
    /// `when:` of a hint.
    When,
}

impl Under {
    fn tables(self) -> &'static [&'static [KeyDoc]] {
        match self {
            Self::Expect => &[keys::EXPECT, keys::ROUTED, keys::HOPS, keys::OUTCOMES],
            Self::Warn => {
                &[keys::EXPECT, keys::ROUTED, keys::HOPS, keys::OUTCOMES, keys::WARN_ONLY]
            }
            Self::GiveUp | Self::Outcome | Self::When => &[keys::EXPECT],
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Expect => "`expect`",
            Self::Warn => "`warn`",
            Self::GiveUp => "`give_up`",
            Self::Outcome => "an outcome",
            Self::When => "`when`",
        }
    }
}

/// Subjects whose mapping gives one assertion a name.
const GROUPS: [&str; 3] = ["headers", "cookies", "values"];
/// Subjects that take an index in brackets.
const INDEXED: [&str; 1] = ["redirects"];

/// The expectations under an entry; nothing where they are no mapping.
pub(super) fn expect(reader: &mut Reader, entry: &Entry, under: Under) -> Option<ExpectAst> {
    let node = &entry.value;
    if !matches!(node.kind, Kind::Map(_)) {
        if node.kind != Kind::Empty {
            let example = match &node.kind {
                Kind::Number { written, .. } => format!("{{status: {written}}}"),
                Kind::Empty
                | Kind::Null
                | Kind::Bool(_)
                | Kind::String(_)
                | Kind::List(_)
                | Kind::Map(_) => "{status: 200}".to_owned(),
            };
            reader.wrong(
                node,
                "a mapping of subjects",
                format_args!("{}: {example}", entry.key.value),
            );
        }
        return None;
    }
    let mut expect = ExpectAst {
        place: entry.key.place,
        assertions: Vec::new(),
        one_of: Vec::new(),
        outcome: None,
        contract: None,
        routes: None,
        hops: Vec::new(),
        budget: None,
    };
    if node.entries().is_empty() {
        reader.asserts_nothing(
            entry.key.place,
            &format!("{} with nothing in it says nothing", under.what()),
            match under {
                Under::Expect | Under::Outcome => "write what is due, such as `{status: 200}`",
                Under::When => "write what the response is like, such as `{status: 401}`",
                Under::Warn | Under::GiveUp => {
                    "write a subject, such as `{status: 5xx}`, or delete it"
                }
            },
        );
    }
    for entry in node.entries() {
        subject(reader, entry, under, &mut expect);
    }
    Some(expect)
}

fn subject(reader: &mut Reader, entry: &Entry, under: Under, expect: &mut ExpectAst) {
    let name = entry.key.value.as_str();
    let plain = |key: &Key| SubjectAst { group: None, key: key.clone() };
    if name.starts_with('$') {
        if entry.value.kind != Kind::Empty {
            let (subject, predicate) = (plain(&entry.key), entry.value.clone());
            expect.assertions.push(AssertionAst { subject, predicate });
        }
        return;
    }
    let bare = name.split_once('[').map_or(name, |(bare, _)| bare);
    let known = under
        .tables()
        .iter()
        .copied()
        .flatten()
        .find(|key| key.name == name || key.name == bare && INDEXED.contains(&bare));
    let Some(known) = known else {
        unknown(reader, &entry.key, under);
        return;
    };
    if !known.built {
        reader.not_yet(&entry.key);
        return;
    }
    if entry.value.kind == Kind::Empty {
        return;
    }
    match known.name {
        "one_of" => expect.one_of = outcomes(reader, entry),
        "outcome" => expect.outcome = Some(entry.value.clone()),
        "routes" => expect.routes = super::routes::equal(reader, entry),
        "budget" => expect.budget = Some(entry.value.clone()),
        "hops" => expect.hops = super::hops::hops(reader, entry),
        "contract" if matches!(under, Under::GiveUp | Under::When) => {
            let message = format!("`contract` has no meaning under {}", under.what());
            let finding = Finding::error(Code::Conflict, message)
                .at(entry.key.place, "")
                .help("write it under `expect` or `warn`");
            reader.push(finding);
        }
        "contract" => {
            let holds = reader.typed(&entry.value, "true or false", "true").unwrap_or(false);
            expect.contract = holds.then_some(entry.value.place);
        }
        group if GROUPS.contains(&group) => {
            let example = format!("{group}: {{name: value}}");
            if matches!(&entry.value.kind, Kind::Map(inner) if inner.is_empty()) {
                reader.asserts_nothing(
                    entry.key.place,
                    &format!("`{group}` with nothing in it says nothing"),
                    &format!("write `{example}`, or delete it"),
                );
            }
            let group = Spanned::new(group.to_owned(), entry.key.place);
            for inner in reader.entries(&entry.value, "a mapping of names", &example) {
                if inner.value.kind == Kind::Empty {
                    continue;
                }
                let subject = SubjectAst { group: Some(group.clone()), key: inner.key.clone() };
                let predicate = inner.value.clone();
                expect.assertions.push(AssertionAst { subject, predicate });
            }
        }
        _ => {
            let (subject, predicate) = (plain(&entry.key), entry.value.clone());
            expect.assertions.push(AssertionAst { subject, predicate });
        }
    }
}

/// An unknown subject; the habits of other tools are recognised.
fn unknown(reader: &mut Reader, key: &Key, under: Under) {
    let name = key.value.as_str();
    let help = if matches!(name, "body" | "json" | "jsonpath" | "response") {
        Some("the body is `$`, a part of it `$.name`, its text `text`".to_owned())
    } else if name.starts_with(['.', '/']) {
        Some(format!(
            "a path into the body begins with `$`: `$.{}`",
            name.trim_start_matches(['.', '/']).replace('/', ".")
        ))
    } else if name.split_once('.').is_some_and(|(first, rest)| {
        !rest.is_empty() && !matches!(first, "headers" | "cookies" | "values" | "header" | "cookie")
    }) {
        let path = ["body.", "json.", "response."].iter().find_map(|head| name.strip_prefix(head));
        Some(format!("a path into the body begins with `$`: `$.{}`", path.unwrap_or(name)))
    } else if matches!(name, "duration" | "time" | "response_time" | "latency") {
        Some("the time is judged by `budget` beside `expect`: `budget: 800ms`".to_owned())
    } else if name.starts_with(|c: char| c.is_ascii_uppercase()) {
        Some(format!("a header stands under `headers`: `headers: {{{name}: …}}`"))
    } else if matches!(name, "one_of" | "outcome") {
        Some("`one_of` stands in `expect` itself, once".to_owned())
    } else {
        None
    };
    let Some(help) = help else {
        reader.unknown_key(key, under.what(), under.tables());
        return;
    };
    let finding =
        Finding::error(Code::UnknownKey, format!("unknown key `{name}` in {}", under.what()))
            .at(key.place, "")
            .help(help);
    reader.push(finding);
}

fn outcomes(reader: &mut Reader, entry: &Entry) -> Vec<OutcomeAst> {
    let write = "one_of: {created: {status: 201}}";
    if matches!(&entry.value.kind, Kind::Map(inner) if inner.is_empty()) {
        reader.asserts_nothing(
            entry.key.place,
            "`one_of` names no outcome",
            &format!("write `{write}`"),
        );
    }
    let mut outcomes = Vec::new();
    for inner in reader.entries(&entry.value, "a mapping of outcomes", write) {
        let name = reader.name(&inner.key.value, inner.key.place, "an outcome");
        if let Some(expect) = expect(reader, inner, Under::Outcome) {
            outcomes.push(OutcomeAst { name, expect });
        }
    }
    outcomes
}
