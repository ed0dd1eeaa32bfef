//! Owes the others the typed plan or project of a text, and everything that is wrong with it at once.

mod body;
mod cases;
mod contract;
mod expect;
mod hint;
mod hops;
mod include;
mod request;
mod routes;
mod samples;
mod step;

pub use hint::parse_hints;
pub(crate) use request::options;

use std::iter::once;

use super::keys::{self, KeyDoc};
use super::kind::{FileKind, kind};
use super::literal_secret;
use super::reader::Reader;
use super::{OnFailure, Plan, Project, RequestOptions, SecretDeclaration, Step, Templated};
use crate::finding::{Code, Finding};
use crate::source::{Place, SourceText, Spanned};
use crate::yaml::{self, Entry, Kind, Node};

/// The plan of a text, as far as it can be read, and all findings in the order of the file.
///
/// A plan comes together with errors: what could be read is there, so that the check phase can
/// find the rest of what is wrong. Nothing that has an error may be run.
#[must_use]
pub fn parse(source: &SourceText) -> (Option<Plan>, Vec<Finding>) {
    let (root, mut reader) = match begin(source) {
        Ok(begun) => begun,
        Err(findings) => return (None, findings),
    };
    let found = kind(&root);
    let plan = match found {
        FileKind::Plan | FileKind::StepsWithoutPlan => {
            // A key of another tool that was meant as `plan` is one finding, not two.
            let is_meant = |entry: &Entry| keys::habit(&entry.key.value, once("plan")).is_some();
            if found == FileKind::StepsWithoutPlan && !root.entries().iter().any(is_meant) {
                reader.push(without_plan(&root));
            }
            look_everywhere(&mut reader, &root);
            Some(plan(&mut reader, &root, source))
        }
        FileKind::Environment | FileKind::Project | FileKind::Other => {
            reader.push(other_kind(&root, found, "plan"));
            None
        }
    };
    (plan, finish(source, reader.findings))
}

/// The project file of a text, with all findings in the order of the file.
#[must_use]
pub fn parse_project(source: &SourceText) -> (Option<Project>, Vec<Finding>) {
    let (root, mut reader) = match begin(source) {
        Ok(begun) => begun,
        Err(findings) => return (None, findings),
    };
    let found = kind(&root);
    if found != FileKind::Project {
        reader.push(other_kind(&root, found, "project"));
        return (None, finish(source, reader.findings));
    }
    look_everywhere(&mut reader, &root);
    let fields = reader.fields(&root, "a project", &[keys::PROJECT]);
    let name = fields.value("project").and_then(|node| reader.title(node, "the project's name"));
    let default_environment = fields
        .value("default_environment")
        .and_then(|node| reader.spanned(node, "an environment's name"));
    let requirements = fields.value("requirements").and_then(|node| reader.spanned(node, "a path"));
    let project = Project {
        source: source.id,
        name: name.unwrap_or_else(|| Spanned::new(String::new(), root.place)),
        default_environment,
        requirements,
        defaults: defaults(&mut reader, fields.value("defaults"), &[]),
        hints: fields.value("hints").map(|node| hint::hints(&mut reader, node)),
        contracts: fields
            .value("contracts")
            .map(|node| contract::contracts(&mut reader, node))
            .unwrap_or_default(),
    };
    (Some(project), finish(source, reader.findings))
}

/// How every file begins: the tree of its text and a reader that knows what is wrong with it; all
/// findings where there is no tree.
pub(crate) fn begin(source: &SourceText) -> Result<(Node, Reader), Vec<Finding>> {
    let (root, mut findings) = yaml::read(source);
    if let Some(root) = root {
        return Ok((root, Reader { findings }));
    }
    if findings.is_empty() {
        findings.push(yaml::empty(source));
    }
    Err(finish(source, findings))
}

/// Findings in the order of the file, none of which repeats a secret that stands in it; what has
/// no place comes first.
pub(crate) fn finish(source: &SourceText, mut findings: Vec<Finding>) -> Vec<Finding> {
    literal_secret::mask(source, &mut findings);
    findings.sort_by_key(|finding| finding.place().map(|place| place.span.start));
    findings
}

/// What holds of every value of a file: no empty ones, no secrets in plain text.
pub(crate) fn look_everywhere(reader: &mut Reader, root: &Node) {
    empty_values(reader, root, true);
    literal_secret::look(root, &mut reader.findings);
}

fn empty_values(reader: &mut Reader, node: &Node, is_root: bool) {
    for entry in node.entries() {
        let is_steps = is_root && entry.key.value == "steps";
        if entry.value.kind == Kind::Empty && !is_steps {
            reader.push(empty_value(&entry.key.value, entry.key.place));
        }
        empty_values(reader, &entry.value, false);
    }
    for item in node.items() {
        if item.kind == Kind::Empty {
            let finding = Finding::error(Code::EmptyValue, "an item of a list with nothing in it")
                .at(item.place, "")
                .help("write `null`, or delete the `-`");
            reader.push(finding);
        }
        empty_values(reader, item, false);
    }
}

fn empty_value(key: &str, place: Place) -> Finding {
    let help = if key.starts_with('$') {
        "write `null`, `\"\"` or `{absent: true}`, whichever is meant, or delete the line"
            .to_owned()
    } else if keys::METHODS.iter().any(|method| method.name == key) {
        format!("write the URL: `{key}: /health`")
    } else {
        "write `null`, `\"\"` or `{}` if that is meant, or delete the line".to_owned()
    };
    Finding::error(Code::EmptyValue, format!("`{key}` has no value")).at(place, "").help(help)
}

/// A file with steps that does not say that it is a plan.
fn without_plan(root: &Node) -> Finding {
    let place = root.entries().iter().find(|e| e.key.value == "steps").map(|e| e.key.place);
    Finding::error(Code::NotAPlan, "a file with `steps` and without `plan`")
        .at(place.unwrap_or(root.place), "")
        .help("add a first line `plan: NAME`")
}

/// A file of another kind than the one that is wanted.
pub(crate) fn other_kind(root: &Node, found: FileKind, wanted: &str) -> Finding {
    let what = match found {
        FileKind::Plan => "this is a plan",
        FileKind::Environment => "this is an environment",
        FileKind::Project => "this is a project file",
        FileKind::StepsWithoutPlan => "this file has `steps` and no name",
        FileKind::Other => "this file does not say what it is",
    };
    let first = root.entries().first().map_or(root.place, |entry| entry.key.place);
    let near = root
        .entries()
        .iter()
        .find(|entry| crate::finding::nearest(&entry.key.value, [wanted]).is_some());
    let place = near.map_or(first, |entry| entry.key.place);
    let article = if wanted == "environment" { "an" } else { "a" };
    let finding = Finding::error(
        Code::NotAPlan,
        format!("{what}; {article} {wanted} begins with `{wanted}: NAME`"),
    )
    .at(place, "");
    if near.is_some() && found == FileKind::Other {
        finding.help(format!("did you mean `{wanted}`?"))
    } else {
        finding
    }
}

fn plan(reader: &mut Reader, root: &Node, source: &SourceText) -> Plan {
    let fields = reader.fields(root, "a plan", &[keys::PLAN]);
    let name = fields.value("plan").and_then(|node| reader.title(node, "the plan's name"));
    let description =
        fields.value("description").and_then(|node| reader.spanned(node, "a description"));
    let steps = fields.value("steps").map(|node| steps(reader, node)).unwrap_or_default();
    if steps.is_empty() {
        no_steps(reader, root, fields.names("steps"));
    }
    Plan {
        source: source.id,
        name: name.unwrap_or_else(|| Spanned::new(String::new(), root.place)),
        description,
        tags: fields.value("tags").map(|n| reader.texts(n, "words")).unwrap_or_default(),
        covers: fields.value("covers").map(|n| reader.texts(n, "ids")).unwrap_or_default(),
        include_only: fields
            .value("include_only")
            .and_then(|n| reader.typed(n, "true or false", "true"))
            .unwrap_or(false),
        inputs: fields
            .value("inputs")
            .map(|n| reader.texts(n, "names"))
            .unwrap_or_default()
            .into_iter()
            .map(|input| reader.own_name(&input.value, input.place, "an input"))
            .collect(),
        vars: fields.value("vars").map(|n| vars(reader, n)).unwrap_or_default(),
        secrets: fields.value("secrets").map(|n| secrets(reader, n)).unwrap_or_default(),
        defaults: defaults(reader, fields.value("defaults"), &[]),
        budget: fields.value("budget").cloned(),
        deadline: fields.value("deadline").and_then(|n| reader.limit_at(n, "5m")),
        cleanup_timeout: fields.value("cleanup_timeout").and_then(|n| reader.limit_at(n, "60s")),
        on_failure: fields.value("on_failure").and_then(|n| on_failure(reader, n)),
        cases: cases::cases(reader, &fields),
        setup: fields.value("setup").map(|n| self::steps(reader, n)).unwrap_or_default(),
        steps,
        hints: fields.value("hints").map(|node| hint::hints(reader, node)),
        contracts: fields
            .value("contracts")
            .map(|node| contract::contracts(reader, node))
            .unwrap_or_default(),
        cleanup: fields.value("cleanup").map(|n| self::steps(reader, n)).unwrap_or_default(),
    }
}

/// A plan that would always pass, since it does nothing.
fn no_steps(reader: &mut Reader, root: &Node, named: bool) {
    let steps = root.entries().iter().find(|entry| entry.key.value == "steps");
    // An alias that names nothing has its finding: what it stands for is not known.
    let said = |entry: &Entry| reader.findings.iter().any(|f| f.place() == Some(entry.value.place));
    match steps {
        Some(entry) if said(entry) => {}
        Some(entry)
            if matches!(&entry.value.kind, Kind::List(items) if items.is_empty())
                || matches!(entry.value.kind, Kind::Empty | Kind::Null) =>
        {
            let finding = Finding::error(Code::EmptyPlan, "a plan without steps would always pass")
                .at(entry.key.place, "")
                .help("add a step: `- GET: http://localhost:5000/health`");
            reader.push(finding);
        }
        // What stands there instead has its own finding.
        Some(_) => {}
        None if named => {}
        None => {
            let place = root.entries().first().map_or(root.place, |entry| entry.key.place);
            reader.missing(place, "a plan", "steps", "steps:");
        }
    }
}

fn steps(reader: &mut Reader, node: &Node) -> Vec<Step> {
    if !matches!(node.kind, Kind::List(_)) {
        if !matches!(node.kind, Kind::Null) {
            reader.wrong(node, "a list of steps", "- GET: /health");
        }
        return Vec::new();
    }
    node.items()
        .iter()
        .filter(|item| item.kind != Kind::Empty)
        .filter_map(|item| step::step(reader, item))
        .collect()
}

fn on_failure(reader: &mut Reader, node: &Node) -> Option<Spanned<Templated<OnFailure>>> {
    reader.templated_word(node, &OnFailure::WORDS)
}

fn vars(reader: &mut Reader, node: &Node) -> Vec<Entry> {
    let entries = reader.entries(node, "a mapping of names to values", "vars: {name: value}");
    for entry in entries {
        reader.own_name(&entry.key.value, entry.key.place, "a variable");
    }
    entries.to_vec()
}

fn secrets(reader: &mut Reader, node: &Node) -> Vec<SecretDeclaration> {
    if let Kind::List(items) = &node.kind {
        let first = items.first().and_then(Node::as_str).unwrap_or("api_key");
        reader.wrong(node, "a mapping of names", format_args!("{first}: {{}}"));
        return Vec::new();
    }
    let mut secrets = Vec::new();
    for entry in reader.entries(node, "a mapping of names", "api_key: {}") {
        let name = reader.name(&entry.key.value, entry.key.place, "a secret");
        let fields = reader.fields(&entry.value, "a declared secret", &[keys::SECRET]);
        let matches = fields.value("matches").filter(|node| {
            let sound = node.as_str().is_some();
            if !sound {
                reader.wrong(node, "a regular expression", "'^hk_'");
            }
            sound
        });
        secrets.push(SecretDeclaration {
            name,
            description: fields
                .value("description")
                .and_then(|node| reader.spanned(node, "a description")),
            matches: matches.cloned(),
            optional: fields
                .value("optional")
                .and_then(|node| reader.typed(node, "true or false", "true"))
                .unwrap_or(false),
        });
    }
    secrets
}

/// `defaults:` of a plan, an environment or a project.
pub(crate) fn defaults(
    reader: &mut Reader,
    node: Option<&Node>,
    more: &[&'static [KeyDoc]],
) -> RequestOptions {
    let Some(node) = node else { return RequestOptions::default() };
    let mut tables = vec![keys::DEFAULTS_ONLY, keys::OPTIONS];
    tables.extend(more);
    let fields = reader.fields(node, "`defaults`", &tables);
    let mut options = options(reader, &fields);
    options.base_url = fields
        .value("base_url")
        .filter(|url| {
            let sound = url.as_str().is_some();
            if !sound {
                reader.wrong(url, "a URL", "base_url: https://api.example.com");
            }
            sound
        })
        .cloned();
    options.proxy = fields
        .value("proxy")
        .filter(|node| reader.text(node, "a URL, or `none`").is_some())
        .cloned();
    options.resolve = fields
        .value("resolve")
        .map(|node| {
            let write = "resolve: {example.com: 127.0.0.1}";
            let entries = reader.entries(node, "a mapping of hosts to addresses", write).iter();
            entries.filter(|e| reader.text(&e.value, "an address").is_some()).cloned().collect()
        })
        .unwrap_or_default();
    options
}
