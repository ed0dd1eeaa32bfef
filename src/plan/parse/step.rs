//! Owes the plan each step: its one action, and what decides whether and how often it is done.

use super::super::keys::{self, KeyDoc};
use super::super::reader::{Fields, Reader, is_token};
use super::super::{Action, CaptureAst, GroupKind, Method, Poll, RequestAst, Step, Templated};
use super::body::body;
use super::{cases, expect, include, on_failure, options, routes, samples};
use crate::finding::{Code, Finding, nearest};
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

/// The tables of all keys that a step can have.
const TABLES: &[&[KeyDoc]] = &[keys::METHODS, keys::STEP, keys::REQUEST, keys::OPTIONS];
/// What a step can do beside a request.
const OTHER_ACTIONS: [&str; 5] = ["assert", "sleep", "include", "parallel", "first_of"];

/// A step; nothing where it is no mapping.
pub(super) fn step(reader: &mut Reader, node: &Node) -> Option<Step> {
    if !matches!(node.kind, Kind::Map(_)) {
        reader.wrong(node, "a step (a mapping)", "- GET: /health");
        return None;
    }
    let fields = reader.fields(node, "a step", TABLES);
    let mut action = action(reader, node, &fields);
    if !matches!(action, Action::Request(_)) {
        keys_of_requests(reader, &fields);
    }
    include::stray(reader, &fields);
    include::only_passed(reader, &fields);
    if let (Some(retry), Some(poll)) = (fields.get("retry"), fields.get("poll")) {
        let finding = Finding::error(Code::Conflict, "`retry` and `poll` exclude each other")
            .at(poll.key.place, "")
            .at(retry.key.place, "")
            .help("keep one of the two: `poll` waits for an answer, `retry` tries again after a failure");
        reader.push(finding);
    }
    let mut stated = |key, under| expect::expect(reader, fields.get(key)?, under);
    let expect = stated("expect", expect::Under::Expect);
    let warn = stated("warn", expect::Under::Warn);
    let routes = match &mut action {
        Action::Request(request) => {
            let routes = routes::routes(reader, &fields);
            let said = (expect.as_ref(), warn.as_ref());
            routes::together(reader, &fields, request, said);
            // What is said of a base URL holds of the first one.
            let first = routes.as_ref().and_then(|routes| routes.routes.first());
            request.options.base_url = first.map(|route| route.url.clone());
            routes
        }
        Action::Assert(_) | Action::Sleep(_) | Action::Group(..) | Action::Include(_) => None,
    };
    Some(Step {
        place: node.entries().first().map_or(node.place, |entry| entry.key.place),
        id: fields.value("id").and_then(|id| {
            let text = reader.spanned(id, "an id")?;
            Some(reader.name(&text.value, text.place, "a step"))
        }),
        name: fields
            .value("name")
            .filter(|name| reader.title(name, "the step's name").is_some())
            .cloned(),
        action,
        cases: cases::cases(reader, &fields),
        routes,
        samples: samples::samples(reader, &fields),
        condition: fields.value("if").filter(|node| is_condition(reader, node)).cloned(),
        skip: fields.value("skip").and_then(|node| skip(reader, node)),
        needs: fields.value("needs").map(|n| needs(reader, n)).unwrap_or_default(),
        poll: fields.get("poll").and_then(|entry| poll(reader, entry)).map(Box::new),
        on_failure: fields.value("on_failure").and_then(|n| on_failure(reader, n)),
        deadline: fields.value("deadline").and_then(|n| reader.limit_at(n, "1m")),
        covers: fields.value("covers").map(|n| reader.texts(n, "ids")).unwrap_or_default(),
        expect,
        warn,
        capture: fields.value("capture").map(|n| captures(reader, n)).unwrap_or_default(),
        budget: fields.value("budget").cloned(),
        violates_contract: fields.value("violates_contract").and_then(|node| {
            let reason = reader.spanned(node, "the reason")?;
            if reason.value.trim().is_empty() {
                let finding = Finding::error(Code::BadValue, "the reason is empty")
                    .at(node.place, "")
                    .help("write what it breaks: `violates_contract: the name is missing`");
                reader.push(finding);
            }
            Some(reason)
        }),
    })
}

/// The one thing that a step does. Where it is none, or not built, nothing is done (and there is
/// an error, so that the step is never run).
fn action(reader: &mut Reader, node: &Node, fields: &Fields<'_>) -> Action {
    let nothing = Action::Assert(Vec::new());
    let is_action = |name: &str| {
        name == "method"
            || OTHER_ACTIONS.contains(&name)
            || keys::METHODS.iter().any(|key| key.name == name)
    };
    let actions: Vec<&Entry> =
        node.entries().iter().filter(|entry| is_action(&entry.key.value)).collect();
    let url = fields.get("url");
    match actions.as_slice() {
        [] => {
            no_action(reader, node, url);
            nothing
        }
        [one] => {
            if let Some(url) = url.filter(|_| one.key.value != "method") {
                let finding = Finding::error(Code::Conflict, "`url` stands beside `method` alone")
                    .at(url.key.place, "")
                    .at(one.key.place, "the step's action")
                    .help(format!("delete `url`, or write `{}: URL`", one.key.value));
                reader.push(finding);
            }
            // A key that is empty or not built has its finding already.
            let Some(entry) = fields.get(&one.key.value) else { return nothing };
            perform(reader, entry, url, fields).unwrap_or(nothing)
        }
        [first, rest @ ..] => {
            let mut finding = Finding::error(
                Code::NoAction,
                format!("a step does exactly one thing, and this one does {}", actions.len()),
            );
            for (n, entry) in rest.iter().chain([first]).enumerate() {
                let label = if n + 1 == actions.len() { "the first" } else { "one too many" };
                finding = finding.at(entry.key.place, label);
            }
            reader.push(finding.help("make a step of each"));
            let Some(entry) = fields.get(&first.key.value) else { return nothing };
            perform(reader, entry, url, fields).unwrap_or(nothing)
        }
    }
}

fn no_action(reader: &mut Reader, node: &Node, url: Option<&Entry>) {
    // An unknown key that was probably meant as the action is one finding, not two.
    let words = || keys::METHODS.iter().map(|key| key.name).chain(OTHER_ACTIONS);
    let misspelt = node.entries().iter().any(|entry| {
        let known = TABLES.iter().copied().flatten().any(|key| key.name == entry.key.value);
        let habit = keys::habit(&entry.key.value, words().chain(["method"]));
        !known && (habit.is_some() || nearest(&entry.key.value, words()).is_some())
    });
    if misspelt {
        return;
    }
    let place = url.map_or_else(
        || node.entries().first().map_or(node.place, |entry| entry.key.place),
        |url| url.key.place,
    );
    let finding = if let Some(url) = url {
        let url = url.value.as_str().unwrap_or("URL");
        Finding::error(Code::NoAction, "`url` without `method`")
            .at(place, "")
            .help(format!("write `GET: {url}`"))
    } else {
        Finding::error(Code::NoAction, "this step does nothing")
            .at(place, "")
            .help("add a request: `GET: /health` (or `assert`, or `sleep`)")
    };
    reader.push(finding);
}

fn perform(
    reader: &mut Reader,
    entry: &Entry,
    url: Option<&Entry>,
    fields: &Fields<'_>,
) -> Option<Action> {
    let word = entry.key.value.as_str();
    match word {
        "assert" => {
            let expressions = match &entry.value.kind {
                Kind::List(items) if items.is_empty() => {
                    reader.asserts_nothing(
                        entry.value.place,
                        "`assert` with nothing in it would always pass",
                        "write for example `assert: [steps.create.status == 201]`",
                    );
                    Vec::new()
                }
                Kind::List(items) => items.clone(),
                Kind::String(text) => {
                    reader.wrong(&entry.value, "a list of expressions", format_args!("[{text}]"));
                    Vec::new()
                }
                Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Map(_) => {
                    reader.wrong(&entry.value, "a list of expressions", "[steps.a.passed]");
                    Vec::new()
                }
            };
            let sound = expressions.into_iter().filter(|node| is_condition(reader, node)).collect();
            Some(Action::Assert(sound))
        }
        "sleep" => reader.duration_at(&entry.value).map(Action::Sleep),
        "parallel" => group(reader, entry, GroupKind::Parallel),
        "first_of" => group(reader, entry, GroupKind::FirstOf),
        "include" => include::include(reader, &entry.value, fields),
        "method" => {
            let word = reader.spanned(&entry.value, "a method")?;
            let known = keys::METHODS.iter().find(|key| key.name == word.value);
            let is_token = !word.value.is_empty() && word.value.chars().all(is_token);
            let upper = word.value.to_ascii_uppercase();
            let method = match known {
                Some(key) => Method::Known(key.name),
                None if keys::METHODS.iter().any(|key| key.name == upper) => {
                    let finding = Finding::error(
                        Code::BadValue,
                        format!(
                            "`{}` is no method: methods tell small letters from large ones",
                            word.value
                        ),
                    )
                    .at(word.place, "")
                    .help(format!("write `{upper}`"));
                    reader.push(finding);
                    Method::Other(word.value)
                }
                None if is_token => Method::Other(word.value),
                None => {
                    let finding =
                        Finding::error(Code::BadValue, format!("`{}` is no method", word.value))
                            .at(word.place, "")
                            .help("a method is one word, such as `PURGE`");
                    reader.push(finding);
                    return None;
                }
            };
            let Some(url) = url else {
                reader.missing(entry.key.place, "`method`", "url", "url: /health");
                return None;
            };
            request(reader, Spanned::new(method, word.place), &url.value, fields)
        }
        _ => {
            let method = keys::METHODS.iter().find(|key| key.name == word)?.name;
            let method = Spanned::new(Method::Known(method), entry.key.place);
            request(reader, method, &entry.value, fields)
        }
    }
}

fn request(
    reader: &mut Reader,
    method: Spanned<Method>,
    url: &Node,
    fields: &Fields<'_>,
) -> Option<Action> {
    if url.as_str().is_none() {
        reader.wrong(url, "a URL", format_args!("{}: /health", method.value));
        return None;
    }
    let query = fields
        .value("query")
        .map(|node| reader.pairs(node, "a mapping of parameters", "query: {page: 2}"));
    Some(Action::Request(Box::new(RequestAst {
        method,
        url: url.clone(),
        query: query.unwrap_or_default(),
        body: body(reader, fields),
        save: fields
            .value("save")
            .filter(|node| reader.title(node, "the path of the file").is_some())
            .cloned(),
        options: options(reader, fields),
    })))
}

/// `parallel` or `first_of`: steps as in `steps:`.
fn group(reader: &mut Reader, entry: &Entry, kind: GroupKind) -> Option<Action> {
    let key = kind.key();
    let Kind::List(items) = &entry.value.kind else {
        reader.wrong(
            &entry.value,
            "a list of steps",
            format_args!("{key}: [{{GET: /a}}, {{GET: /b}}]"),
        );
        return None;
    };
    if items.is_empty() {
        reader.asserts_nothing(
            entry.value.place,
            &format!("`{key}` with no step in it would always pass"),
            "write steps under it, or delete it",
        );
        return None;
    }
    let steps = items.iter().filter_map(|item| step(reader, item)).collect();
    Some(Action::Group(kind, Spanned::new(steps, entry.key.place)))
}

/// Keys of a request on a step that sends none.
fn keys_of_requests(reader: &mut Reader, fields: &Fields<'_>) {
    let Some(action) = OTHER_ACTIONS.iter().find_map(|name| fields.get(name)) else { return };
    let mut stray = fields.of(keys::REQUEST);
    let also: &[&str] = match action.key.value.as_str() {
        "parallel" | "first_of" => &["budget"],
        "include" => &["budget", "repeat", "warmup", "concurrency", "expect_all"],
        _ => &[],
    };
    stray.retain(|entry| !also.contains(&entry.key.value.as_str()));
    stray.extend(fields.of(keys::OPTIONS));
    for entry in stray {
        let finding = Finding::error(
            Code::Conflict,
            format!(
                "`{}` belongs to a request, and `{}` sends none",
                entry.key.value, action.key.value
            ),
        )
        .at(entry.key.place, "")
        .at(action.key.place, "the step's action")
        .help("move it to a step with a request, or delete it");
        reader.push(finding);
    }
}

/// `if`, or one of `assert`: an expression or a boolean.
fn is_condition(reader: &mut Reader, node: &Node) -> bool {
    let sound = matches!(node.kind, Kind::String(_) | Kind::Bool(_));
    if !sound {
        reader.wrong(node, "an expression that is true or false", "steps.create.passed");
    }
    sound
}

/// The ids of other steps; which step is meant is known before the run, so that no template helps.
fn needs(reader: &mut Reader, node: &Node) -> Vec<Spanned<String>> {
    let mut templates = false;
    for node in std::iter::once(node).chain(node.items()).filter(|node| node.has_template()) {
        templates |= node.as_str().is_some();
        if node.as_str().is_some() {
            let finding = Finding::error(Code::BadValue, "no template can stand here")
                .at(node.place, "")
                .help("write the id of a step; what decides at run time goes into `if`");
            reader.push(finding);
        }
    }
    if templates { Vec::new() } else { reader.texts(node, "step ids") }
}

fn skip(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    if let Kind::Bool(_) = node.kind {
        reader.wrong(node, "the reason", "skip: \"waits for release 2\"");
        return None;
    }
    let reason = reader.spanned(node, "the reason")?;
    if reason.value.trim().is_empty() {
        let finding = Finding::error(Code::BadValue, "the reason is empty")
            .at(node.place, "")
            .help("write why: `skip: \"waits for release 2\"`");
        reader.push(finding);
    }
    Some(reason)
}

fn poll(reader: &mut Reader, entry: &Entry) -> Option<Spanned<Poll>> {
    let node = &entry.value;
    let fields = reader.fields(node, "`poll`", &[keys::POLL]);
    if !matches!(node.kind, Kind::Map(_)) {
        return None;
    }
    for (key, example) in [("every", "every: 500ms"), ("for", "for: 10s")] {
        if !fields.names(key) {
            reader.missing(entry.key.place, "`poll`", key, example);
        }
    }
    let every = fields.value("every").and_then(|n| reader.positive(n, "500ms"));
    let within = fields.value("for").and_then(|n| reader.positive(n, "10s"));
    let times = fields.value("times").and_then(|n| {
        let times = reader.templated(n, "a number of attempts", "20")?;
        if times == Templated::Known(0) {
            let finding = Finding::error(Code::BadValue, "a poll makes at least one attempt")
                .at(n.place, "")
                .help("write `times: 1` or more, or delete it");
            reader.push(finding);
        }
        Some(times)
    });
    let give_up = fields
        .get("give_up")
        .and_then(|entry| expect::expect(reader, entry, expect::Under::GiveUp));
    Some(Spanned::new(Poll { every: every?, within: within?, times, give_up }, node.place))
}

fn captures(reader: &mut Reader, node: &Node) -> Vec<CaptureAst> {
    let mut captures = Vec::new();
    for entry in reader.entries(node, "a mapping of names to sources", "capture: {id: $.id}") {
        let name = reader.own_name(&entry.key.value, entry.key.place, "a capture");
        match entry.value.kind {
            Kind::String(_) | Kind::Map(_) => {
                captures.push(CaptureAst { name, value: entry.value.clone() });
            }
            Kind::Empty => {}
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::List(_) => {
                reader.wrong(
                    &entry.value,
                    "a path, a word or a mapping",
                    format_args!("{}: $.id", name.value),
                );
            }
        }
    }
    captures
}
