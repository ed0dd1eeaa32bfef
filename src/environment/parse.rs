//! Owes the others the typed environment of a text, and everything that is wrong with it at once.

use super::{EnvironmentFile, SecretSource, ServiceAst, ServiceWork, SourceOfSecret};
use crate::finding::{Code, Finding, nearest};
use crate::plan::{
    Fields, FileKind, Reader, begin, defaults, finish, keys, kind, look_everywhere, other_kind,
};
use crate::source::{SourceText, Spanned};
use crate::yaml::{Entry, Kind, Node};

/// The environment of a text, as far as it can be read, and all findings in the order of the file.
#[must_use]
pub fn parse(source: &SourceText) -> (Option<EnvironmentFile>, Vec<Finding>) {
    let (root, mut reader) = match begin(source) {
        Ok(begun) => begun,
        Err(findings) => return (None, findings),
    };
    let found = kind(&root);
    if found != FileKind::Environment {
        reader.push(other_kind(&root, found, "environment"));
        return (None, finish(source, reader.findings));
    }
    look_everywhere(&mut reader, &root);
    let file = environment(&mut reader, &root, source);
    // A literal under `secrets` is said once, with the words of an environment.
    let literal = |finding: &Finding| finding.code == Code::LiteralInEnvironment;
    let said: Vec<_> =
        reader.findings.iter().filter(|f| literal(f)).filter_map(Finding::place).collect();
    reader.findings.retain(|finding| {
        finding.code != Code::LiteralSecret
            || finding.place().is_none_or(|place| {
                !said.iter().any(|other| {
                    other.span.start <= place.span.start && place.span.end <= other.span.end
                })
            })
    });
    (Some(file), finish(source, reader.findings))
}

fn environment(reader: &mut Reader, root: &Node, source: &SourceText) -> EnvironmentFile {
    let fields = reader.fields(root, "an environment", &[keys::ENVIRONMENT]);
    let name = fields.value("environment").and_then(|n| reader.title(n, "the environment's name"));
    let vars = fields.value("vars").map(|node| {
        let entries = reader.entries(node, "a mapping of names to values", "vars: {url: …}");
        for entry in entries {
            reader.name(&entry.key.value, entry.key.place, "a variable");
        }
        entries.to_vec()
    });
    EnvironmentFile {
        source: source.id,
        name: name.unwrap_or_else(|| Spanned::new(String::new(), root.place)),
        extends: fields.value("extends").and_then(|n| reader.spanned(n, "an environment's name")),
        vars: vars.unwrap_or_default(),
        secrets: fields.value("secrets").map(|n| secrets(reader, n)).unwrap_or_default(),
        defaults: defaults(reader, fields.value("defaults"), &[keys::ENVIRONMENT_DEFAULTS_ONLY]),
        allow_origins: fields.value("allow_origins").map(|n| origins(reader, n)),
        services: fields.value("services").map(|n| services(reader, n)).unwrap_or_default(),
        taps: fields.value("taps").map(|n| super::taps::taps(reader, n)).unwrap_or_default(),
        protected: fields.value("protected").and_then(|node| {
            let protected = reader.typed(node, "true or false", "true")?;
            Some(Spanned::new(protected, node.place))
        }),
    }
}

/// Origins: a scheme, a host and at most a port (RFC 6454 §4); a path would suggest a limit that
/// is not there.
fn origins(reader: &mut Reader, node: &Node) -> Vec<Node> {
    let origins = reader.texts(node, "origins");
    for origin in &origins {
        if origin.value.contains("${{") {
            continue;
        }
        let host = ["http://", "https://"].iter().find_map(|s| origin.value.strip_prefix(s));
        let finding = match host.map(|host| host.split_once(['/', '?', '#'])) {
            Some(Some((host, rest))) if !host.is_empty() && !rest.is_empty() => {
                let end = origin.value.len() - rest.len() - 1;
                let scheme_and_host = origin.value.get(..end).unwrap_or_default();
                Finding::error(Code::BadUrl, "an origin has no path")
                    .help(format!("write `{scheme_and_host}`: all its paths are allowed then"))
            }
            Some(rest) if !is_host(rest.map_or(host.unwrap_or_default(), |(host, _)| host)) => {
                Finding::error(Code::BadUrl, format!("`{}` is no origin", origin.value))
                    .help("write a scheme and a host, such as `https://api.example.com`")
            }
            Some(_) => continue,
            None => Finding::error(Code::BadUrl, format!("`{}` is no origin", origin.value))
                .help("write a scheme and a host, such as `https://api.example.com`"),
        };
        reader.push(finding.at(origin.place, ""));
    }
    node.items().to_vec()
}

/// A host, and a port if one is named.
fn is_host(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|_| !text.ends_with(']'));
    let (host, sound) =
        port.map_or((text, true), |(host, port)| (host, port.parse::<u16>().is_ok()));
    sound
        && !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || "@\"<>\\^`{|}*".contains(c))
}

fn secrets(reader: &mut Reader, node: &Node) -> Vec<SecretSource> {
    let write = "secrets: {api_key: {env_var: API_KEY}}";
    let mut secrets = Vec::new();
    for entry in reader.entries(node, "a mapping of names to sources", write) {
        let name = reader.name(&entry.key.value, entry.key.place, "a secret");
        if let Some(source) = secret(reader, entry) {
            secrets.push(SecretSource { name, source, place: entry.value.place });
        }
    }
    secrets
}

fn secret(reader: &mut Reader, entry: &Entry) -> Option<SourceOfSecret> {
    let node = &entry.value;
    if let Some(text) = node.text_of() {
        if !node.has_template() && !text.is_empty() {
            reader.push(literal(&entry.key.value, node));
        } else {
            reader.wrong(node, "a source", "{value: \"${{ services.registry.api_key }}\"}");
        }
        return None;
    }
    let fields = reader.fields(node, "the source of a secret", &[keys::SECRET_SOURCE]);
    let sources = fields.of(keys::SECRET_SOURCE);
    let source = match sources.as_slice() {
        [one] => *one,
        [] => {
            if node.entries().is_empty() && matches!(node.kind, Kind::Map(_)) {
                reader.missing(
                    entry.key.place,
                    "the source of a secret",
                    "env_var",
                    "env_var: API_KEY",
                );
            }
            return None;
        }
        [first, second, ..] => {
            let finding = Finding::error(Code::Conflict, "a secret has one source")
                .at(second.key.place, "")
                .at(first.key.place, "the first")
                .help("keep one of them; what the process gives comes before the file anyway");
            reader.push(finding);
            *first
        }
    };
    match source.key.value.as_str() {
        "env_var" => reader
            .text(&source.value, "the name of a variable")
            .map(|t| SourceOfSecret::EnvVar(t.into_owned())),
        "file" => {
            reader.text(&source.value, "a path").map(|t| SourceOfSecret::File(t.into_owned()))
        }
        "command" => words(reader, &source.value).map(SourceOfSecret::Command),
        "prompt" => {
            let asks: bool = reader.typed(&source.value, "true", "true")?;
            if !asks {
                let finding =
                    Finding::error(Code::BadValue, "a secret that is not asked for has no source")
                        .at(source.value.place, "")
                        .help("write `prompt: true`, or name another source");
                reader.push(finding);
            }
            asks.then_some(SourceOfSecret::Prompt)
        }
        _ => {
            if source.value.has_template() {
                return Some(SourceOfSecret::Value(source.value.clone()));
            }
            reader.push(literal(&entry.key.value, &source.value));
            None
        }
    }
}

/// A program with its arguments: a list, since no shell splits them.
fn words(reader: &mut Reader, node: &Node) -> Option<Vec<Node>> {
    let Kind::List(items) = &node.kind else {
        let text = node.text_of().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let example = if words.is_empty() { "op, read, key".to_owned() } else { words.join(", ") };
        reader.wrong(node, "a list of words (no shell splits them)", format_args!("[{example}]"));
        return None;
    };
    let before = reader.findings.len();
    let words = reader.texts(node, "words");
    if words.first().is_none_or(|program| program.value.trim().is_empty()) {
        if reader.findings.len() == before {
            let finding = Finding::error(Code::EmptyValue, "a command without a program")
                .at(node.place, "")
                .help("write the program first: `[op, read, key]`");
            reader.push(finding);
        }
        return None;
    }
    (reader.findings.len() == before).then(|| items.clone())
}

/// A secret that stands in the file; its text is never repeated.
fn literal(name: &str, node: &Node) -> Finding {
    let variable = name.to_uppercase();
    Finding::error(
        Code::LiteralInEnvironment,
        format!("the secret `{name}` stands in the file itself"),
    )
    .at(node.place, "")
    .help(format!("write `{name}: {{env_var: {variable}}}` or `{name}: {{file: path}}`"))
}

fn services(reader: &mut Reader, node: &Node) -> Vec<ServiceAst> {
    let write = "services: {registry: {builtin: demo}}";
    let mut services = Vec::new();
    for entry in reader.entries(node, "a mapping of services", write) {
        let name = reader.name(&entry.key.value, entry.key.place, "a service");
        let fields = reader.fields(&entry.value, "a service", &[keys::SERVICE]);
        if !matches!(entry.value.kind, Kind::Map(_)) {
            continue;
        }
        let work = match (fields.get("builtin"), fields.get("run")) {
            (Some(builtin), None) => demo(reader, builtin, &fields),
            (None, Some(run)) => command(reader, run, &fields),
            (Some(builtin), Some(run)) => {
                let finding = Finding::error(Code::Conflict, "a service is built in or a command")
                    .at(run.key.place, "")
                    .at(builtin.key.place, "")
                    .help("keep one of the two");
                reader.push(finding);
                None
            }
            (None, None) => {
                if !fields.names("builtin") && !fields.names("run") {
                    reader.missing(entry.key.place, "a service", "builtin", "builtin: demo");
                }
                None
            }
        };
        services.extend(work.map(|work| ServiceAst { name, work }));
    }
    services
}

fn demo(reader: &mut Reader, builtin: &Entry, fields: &Fields<'_>) -> Option<ServiceWork> {
    stray(reader, builtin, fields, &["ready", "timeout"]);
    reader.word(&builtin.value, &[("demo", ())])?;
    let fault = fields.value("fault").and_then(|node| fault(reader, node));
    let auth_url = fields.value("auth_url").and_then(|node| web_address(reader, node));
    Some(ServiceWork::Demo { place: builtin.value.place, fault, auth_url })
}

fn command(reader: &mut Reader, run: &Entry, fields: &Fields<'_>) -> Option<ServiceWork> {
    stray(reader, run, fields, &["fault", "auth_url"]);
    let words = words(reader, &run.value);
    let timeout = fields.value("timeout").and_then(|node| reader.limit_at(node, "60s"));
    if !fields.names("ready") {
        let example = "ready: http://localhost:5000/health";
        reader.missing(run.key.place, "a service that is a command", "ready", example);
    }
    let ready = web_address(reader, fields.value("ready")?)?;
    Some(ServiceWork::Command { place: run.value.place, run: words?, ready, timeout })
}

/// A URL that is written whole, or begins with a template.
pub(super) fn web_address(reader: &mut Reader, node: &Node) -> Option<Node> {
    let url = reader.spanned(node, "a URL")?;
    let starts = ["http://", "https://", "${{"].iter().any(|start| url.value.starts_with(start));
    if !starts {
        let finding = Finding::error(Code::BadUrl, format!("`{}` is not a URL", url.value))
            .at(url.place, "")
            .help("write it whole: `http://localhost:5000/health`");
        reader.push(finding);
    }
    Some(node.clone())
}

/// Keys of the other kind of service.
fn stray(reader: &mut Reader, work: &Entry, fields: &Fields<'_>, names: &[&str]) {
    for entry in names.iter().filter_map(|name| fields.get(name)) {
        let finding = Finding::error(
            Code::Conflict,
            format!("`{}` has no meaning beside `{}`", entry.key.value, work.key.value),
        )
        .at(entry.key.place, "")
        .at(work.key.place, "")
        .help(format!("delete `{}`", entry.key.value));
        reader.push(finding);
    }
}

fn fault(reader: &mut Reader, node: &Node) -> Option<Node> {
    let fault = reader.spanned(node, "the name of a fault")?;
    if keys::FAULTS.contains(&fault.value.as_str()) || node.has_template() {
        return Some(node.clone());
    }
    let mut finding =
        Finding::error(Code::BadValue, format!("the demo has no fault `{}`", fault.value))
            .at(node.place, "");
    if let Some(meant) = nearest(&fault.value, keys::FAULTS.iter().copied()) {
        finding = finding.help(format!("did you mean `{meant}`?"));
    }
    reader.push(finding.help(format!("it has: {}", keys::FAULTS.join(", "))));
    None
}
