//! Owes steps their routes, and `expect` what it says of them.

use super::super::keys;
use super::super::reader::{Fields, Reader};
use super::super::routes::{EqualRoutesAst, RouteAst, RoutesAst};
use super::super::{ExpectAst, RequestAst};
use crate::finding::{Code, Finding};
use crate::yaml::{Entry, Kind};

const EXAMPLE: &str =
    "routes: {direct: \"${{ env.direct_url }}\", proxy: \"${{ env.proxy_url }}\"}";

/// `routes:` of a step that sends a request.
pub(super) fn routes(reader: &mut Reader, fields: &Fields<'_>) -> Option<RoutesAst> {
    let entry = fields.get("routes")?;
    for word in ["rows", "repeat"] {
        if let Some(other) = fields.get(word) {
            let help = match word {
                "rows" => {
                    "each row would be a request of its own: use a `matrix` of one name, which may stand beside `routes`"
                }
                _ => "take samples in a step of its own",
            };
            let message = format!("`routes` and `{word}` exclude each other");
            let finding = Finding::error(Code::Conflict, message)
                .at(entry.key.place, "")
                .at(other.key.place, "")
                .help(help);
            reader.push(finding);
        }
    }
    let mut routes: Vec<RouteAst> = Vec::new();
    for route in reader.entries(&entry.value, "a mapping of names to URLs", EXAMPLE) {
        let name = &route.key;
        reader.name(&name.value, name.place, "a route");
        match &route.value.kind {
            Kind::Empty => continue,
            Kind::String(_) => {}
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::List(_) | Kind::Map(_) => {
                let write = format!("{}: ${{{{ env.{}_url }}}}", name.value, name.value);
                reader.wrong(&route.value, "the URL that this route begins with", write);
                continue;
            }
        }
        let bare = |node: &crate::yaml::Node| {
            let text = node.as_str().unwrap_or_default();
            text.chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>()
                .trim_end_matches('/')
                .to_owned()
        };
        if let Some(same) = routes.iter().find(|known| bare(&known.url) == bare(&route.value)) {
            let message = format!("`{}` and `{}` are one route", same.name.value, name.value);
            let finding = Finding::error(Code::BadValue, message)
                .at(route.value.place, "the same URL again")
                .at(same.url.place, "the first")
                .help("an answer is always equal to itself: give each route a URL of its own");
            reader.push(finding);
        }
        routes.push(RouteAst { name: name.clone(), url: route.value.clone() });
    }
    if routes.len() < 2 && matches!(entry.value.kind, Kind::Map(_)) {
        let finding = Finding::error(Code::BadValue, "`routes` needs at least two")
            .at(entry.key.place, "nothing to compare with")
            .help(format!("write `{EXAMPLE}`"));
        reader.push(finding);
        return None;
    }
    (!routes.is_empty()).then_some(RoutesAst { place: entry.key.place, routes })
}

/// What belongs together is there together, and the URL of the step begins where the routes end.
pub(super) fn together(
    reader: &mut Reader,
    fields: &Fields<'_>,
    request: &RequestAst,
    (expect, warn): (Option<&ExpectAst>, Option<&ExpectAst>),
) {
    let said = |ast: Option<&ExpectAst>| ast.and_then(|ast| ast.routes.as_ref()).map(|it| it.place);
    let (expected, warned) = (said(expect), said(warn));
    let Some(entry) = fields.get("routes") else {
        for place in expected.into_iter().chain(warned).filter(|_| !fields.names("routes")) {
            let finding =
                Finding::error(Code::Conflict, "`routes` is expected, and the step has none")
                    .at(place, "the answers of which routes?")
                    .help(format!("name them on the step: `{EXAMPLE}`"));
            reader.push(finding);
        }
        return;
    };
    if expected.or(warned).is_none() {
        let finding = Finding::warning(Code::NeverFails, "the answers of these routes are not compared")
            .at(entry.key.place, "sent by each of them, and no more")
            .help("add `expect: {routes: equal}`; where only each answer by itself matters, use a `matrix`");
        reader.push(finding);
    }
    if request.url.as_str().is_some_and(|url| !url.starts_with('/')) {
        let finding =
            Finding::error(Code::Conflict, "a URL of its own leaves no room for a route before it")
                .at(request.url.place, "begins with no `/`")
                .at(entry.key.place, "each of these comes before the path")
                .help("write the path alone: `GET: /health`");
        reader.push(finding);
    }
}

/// `routes:` of `expect` or `warn`.
pub(super) fn equal(reader: &mut Reader, entry: &Entry) -> Option<EqualRoutesAst> {
    let node = &entry.value;
    let mut equal = EqualRoutesAst {
        place: entry.key.place,
        ignore: Vec::new(),
        set_by: Vec::new(),
        within: Vec::new(),
        replace: Vec::new(),
    };
    match &node.kind {
        Kind::String(word) if word == "equal" => return Some(equal),
        Kind::Map(_) => {}
        Kind::Empty => return None,
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) | Kind::List(_) => {
            reader.wrong(node, "the word `equal`, or a mapping", "routes: equal");
            return None;
        }
    }
    let fields = reader.fields(node, "`routes`", &[keys::EQUAL_ROUTES]);
    match fields.value("equal") {
        Some(node) if node.kind != Kind::Bool(true) => {
            let finding = Finding::error(Code::BadValue, "`equal` can only be true")
                .at(node.place, "")
                .help("write `equal: true`; what may differ goes into `ignore`");
            reader.push(finding);
        }
        Some(_) => {}
        None if fields.names("equal") => {}
        None => reader.missing(entry.key.place, "`routes`", "equal", "equal: true"),
    }
    if let Some(node) = fields.value("ignore") {
        // Read as texts for their findings; kept as nodes for the places in them.
        reader.texts(node, "paths and headers");
        equal.ignore =
            node.items().iter().filter(|item| item.as_str().is_some()).cloned().collect();
    }
    let mut pairs = |key: &str, wanted: &str, write: &str| -> Vec<Entry> {
        let Some(node) = fields.value(key) else { return Vec::new() };
        reader
            .entries(node, wanted, write)
            .iter()
            .filter(|it| it.value.kind != Kind::Empty)
            .cloned()
            .collect()
    };
    equal.set_by = pairs("set_by", "a mapping of paths to fields", "set_by: {$.models: name}");
    equal.within = pairs("within", "a mapping of paths to numbers", "within: {$.score: 0.01}");
    equal.replace = pairs(
        "replace",
        "a mapping of regular expressions to texts",
        "replace: {'node-\\d+': node}",
    );
    Some(equal)
}
