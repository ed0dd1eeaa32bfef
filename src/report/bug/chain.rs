//! The commands that show a failure again: planrun's own, and curl lines of the request and of those
//! earlier ones that it needs, each value that came out of a response taken anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::super::curl::{curl_line, variables_of};
use super::super::document::Told;
use super::Case;
use super::scope::origin;
use crate::event::Section;
use crate::json;
use crate::outcome::{Content, Exchange, Verdict};

/// So many earlier requests are told at most.
const EARLIER: usize = 8;
/// A shorter value is found everywhere.
const TELLING: usize = 4;

/// The command that runs the step again, with what it needs.
pub(super) fn planrun(case: &Case<'_>) -> String {
    let started = case.bug.record.started.as_ref();
    let plan = &case.told.plan.started;
    let mut words = vec!["planrun".to_owned(), plan.path.clone()];
    if let Some(environment) = started.and_then(|run| run.environment.as_ref()) {
        words.extend(["-e".to_owned(), environment.clone()]);
    }
    // What stands inside an included plan has no id that the command line knows.
    let step = &case.told.record.step;
    if let Some(id) = step.id.as_ref().filter(|_| case.told.plan.includers(step).is_empty())
        && step.section == Section::Steps
    {
        words.extend(["--step".to_owned(), id.clone()]);
    }
    let given = started.into_iter().flat_map(|run| &run.command);
    words.extend(given.filter(|word| word.starts_with("--var=")).cloned());
    let quoted = words.iter().map(|word| {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,…".contains(c);
        if word.chars().all(is_bare) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The curl lines, as a script for bash; nothing where the step sent nothing.
pub(super) fn curl(case: &Case<'_>) -> Option<String> {
    let exchange = case.told.exchange()?;
    let needed = needed(case, exchange);
    let mut masks: BTreeMap<String, String> = BTreeMap::new();
    let mut head = String::new();
    let mut origins: Vec<(String, String)> = Vec::new();
    for told in needed.iter().copied().chain([case.told]) {
        let Some(exchange) = told.exchange() else { continue };
        let origin = origin(exchange);
        if origins.iter().any(|(known, _)| *known == origin) {
            continue;
        }
        let name = case.variable_of(&origin);
        let word = name.as_deref().map_or_else(
            || format!("ORIGIN_{}", origins.len() + 1),
            |name| name.trim_start_matches("env.").to_ascii_uppercase(),
        );
        let remark = name.map(|name| format!("   # {name}")).unwrap_or_default();
        let _ = writeln!(head, "{word}=\"${{{word}:-{origin}}}\"{remark}");
        masks.insert(format!("origin_{}", origins.len()), word);
        origins.push((origin, format!("«secret:origin_{}»", origins.len())));
    }
    let known = case.bug.record.started.as_ref().map(|run| &run.variables);
    let secret = variables_of(known);
    let mut body = String::new();
    // Values of responses, and the variable that holds each anew.
    let mut taken: Vec<(String, String)> = Vec::new();
    let mut secrets: BTreeSet<String> = BTreeSet::new();
    let mut made: BTreeSet<String> = BTreeSet::new();
    for (number, told) in needed.iter().copied().chain([case.told]).enumerate() {
        let Some(exchange) = told.exchange() else { continue };
        secrets.extend(exchange.secrets_sent.iter().map(|(name, _)| name.clone()));
        let exchange = with_masks(exchange, &origins, &taken);
        let variable = |name: &str| masks.get(name).cloned().unwrap_or_else(|| secret(name));
        let line = curl_line(&exchange, &variable);
        let at = case.at(told.record.step.place);
        let is_last = number == needed.len();
        let _ = writeln!(body, "\n# {}. {} ({at})", number + 1, told.title());
        if is_last {
            let line = line.replacen("curl -sS", "curl -sS -i", 1);
            let _ = writeln!(body, "{line}");
            continue;
        }
        let captures = captures(case, &told);
        if captures.is_empty() {
            let _ = writeln!(body, "{line}");
            continue;
        }
        let _ = writeln!(body, "ANSWER=\"$({line})\"");
        for (name, value, filter) in captures {
            let word = secret(&name);
            let _ = writeln!(body, "{word}=\"$(jq -r '{filter}' <<<\"$ANSWER\")\"");
            if value.contains("«secret") {
                // Its mask stands for this variable already.
                made.insert(name);
                continue;
            }
            let mask = format!("taken_{}", masks.len());
            masks.insert(mask.clone(), word);
            taken.push((value, format!("«secret:{mask}»")));
        }
    }
    for name in secrets.difference(&made) {
        let word = secret(name);
        let _ = writeln!(head, ": \"${{{word}:?the secret {name}}}\"");
    }
    Some(format!("{head}{body}"))
}

/// The secret, and the curl line of a request of the run that was accepted with it, where the one that
/// is reported was refused: what tells its receiver that the secret is good.
pub(super) fn proof(case: &Case<'_>) -> Option<(String, String)> {
    let own = case.told.exchange()?;
    own.response.as_ref().filter(|response| matches!(response.status, 401 | 403))?;
    let (name, told) = own.secrets_sent.iter().find_map(|(name, _)| {
        let told = case.all.iter().find(|told| {
            let exchange = told.exchange();
            let answer = exchange.and_then(|exchange| exchange.response.as_ref());
            told.verdict() == Some(Verdict::Passed)
                && answer.is_some_and(|answer| (200..300).contains(&answer.status))
                && exchange.is_some_and(|it| it.secrets_sent.iter().any(|(sent, _)| sent == name))
        })?;
        Some((name.clone(), *told))
    })?;
    let exchange = told.exchange()?;
    let origin = origin(exchange);
    let word = case.variable_of(&origin)?.trim_start_matches("env.").to_ascii_uppercase();
    let origins = [(origin.clone(), "«secret:origin_0»".to_owned())];
    let known = case.bug.record.started.as_ref().map(|run| &run.variables);
    let secret = variables_of(known);
    let variable = |name: &str| match name {
        "origin_0" => word.clone(),
        _ => secret(name),
    };
    let line = curl_line(&with_masks(exchange, &origins, &[]), &variable);
    let at = case.at(told.record.step.place);
    let head = format!("{word}=\"${{{word}:-{origin}}}\"   # {}", told.title());
    Some((name, format!("{head} ({at})\n{}", line.replacen("curl -sS", "curl -sS -i", 1))))
}

/// The exchange with each known origin and each value that is taken anew as a variable.
fn with_masks(
    exchange: &Exchange,
    origins: &[(String, String)],
    taken: &[(String, String)],
) -> Exchange {
    let mut exchange = exchange.clone();
    let request = &mut exchange.request;
    let replace = |text: &mut String| {
        for (value, mask) in taken {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), mask);
            }
        }
    };
    replace(&mut request.url);
    for (origin, mask) in origins {
        if let Some(rest) = request.url.strip_prefix(origin.as_str()) {
            request.url = format!("{mask}{rest}");
            break;
        }
    }
    for (_, value) in &mut request.headers {
        replace(value);
    }
    if let Content::Text(text) = &mut request.body.content {
        replace(text);
    }
    exchange
}

/// Earlier steps of the plan without which the request makes no sense: what it uses of their
/// responses, and what they made under a name that it uses.
fn needed<'a>(case: &Case<'a>, exchange: &Exchange) -> Vec<Told<'a>> {
    let plan = case.told.plan;
    let before: Vec<Told<'a>> = case
        .all
        .iter()
        .take_while(|told| !std::ptr::eq(told.record, case.told.record))
        .filter(|told| std::ptr::eq(told.plan, plan) && told.verdict() == Some(Verdict::Passed))
        .filter(|told| told.exchange().is_some_and(|it| it.response.is_some()))
        .copied()
        .collect();
    let mut sent = text(exchange);
    let mut names = names(exchange);
    let mut needed: Vec<Told<'a>> = Vec::new();
    for told in before.into_iter().rev() {
        let Some(exchange) = told.exchange() else { continue };
        let gives = values(&told).into_iter().any(|(_, value)| sent.contains(&value));
        let writes = !matches!(exchange.request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let made = writes && !self::names(exchange).is_disjoint(&names);
        if (gives || made) && needed.len() < EARLIER {
            sent.push_str(&text(exchange));
            names.extend(self::names(exchange));
            needed.push(told);
        }
    }
    needed.reverse();
    needed
}

/// Everything of a request in which a captured value may stand.
fn text(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let mut text = request.url.clone();
    for (_, value) in &request.headers {
        text.push('\n');
        text.push_str(value);
    }
    if let Content::Text(body) = &request.body.content {
        text.push('\n');
        text.push_str(body);
    }
    text
}

/// Words of a request that look like names that somebody chose: with a digit, not too short.
fn names(exchange: &Exchange) -> BTreeSet<String> {
    const SHORTEST: usize = 6;
    let mut names = BTreeSet::new();
    let mut add = |text: &str| {
        let is_name = text.len() >= SHORTEST
            && text.chars().any(|c| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_name {
            names.insert(text.to_owned());
        }
    };
    if let Ok(url) = url::Url::parse(&exchange.request.url) {
        url.query_pairs().for_each(|(_, value)| add(&value));
        // `2.0` and `v1beta` are no names of things.
        url.path_segments().into_iter().flatten().for_each(&mut add);
    }
    if let Content::Text(body) = &exchange.request.body.content
        && let Ok(value) = json::parse(body.as_bytes())
    {
        leaves(&value, &mut add);
    }
    names
}

fn leaves(value: &Value, add: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => add(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, add)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, add)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a step captured, as text, that is long enough to be told from others.
fn values(told: &Told<'_>) -> Vec<(String, String)> {
    let attempt = told.result().and_then(|result| result.attempts.last());
    let captures = attempt.into_iter().flat_map(|attempt| &attempt.captures);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    captures
        .filter_map(|capture| Some((capture.name.clone(), text(capture.value.as_ref()?)?)))
        .filter(|(_, value)| value.len() >= TELLING)
        .collect()
}

/// What a step captured by a plain path, each with its value and jq's filter for it.
fn captures(case: &Case<'_>, told: &Told<'_>) -> Vec<(String, String, String)> {
    let attempt = told.result().and_then(|result| result.attempts.last());
    let places: BTreeMap<&str, _> = attempt
        .into_iter()
        .flat_map(|attempt| &attempt.captures)
        .map(|capture| (capture.name.as_str(), capture.place))
        .collect();
    let filter = |name: &str| {
        let place = places.get(name)?;
        let source = case.bug.record.sources.get(place.source)?;
        let behind = source.text.get(place.span.start as usize..)?;
        // The place is that of the name, or of the path itself.
        let written = if behind.starts_with(['$', '"', '\'']) {
            behind
        } else {
            behind.split_once(':').map(|(_, written)| written)?
        };
        let path = written.trim_start().split([',', '}', '\n']).next()?.trim();
        let path = path.trim_matches(['"', '\'']);
        let fields = path.strip_prefix("$.")?;
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "_.[]".contains(c);
        fields.chars().all(is_bare).then(|| format!(".{fields}"))
    };
    let values = values(told).into_iter();
    values.filter_map(|(name, value)| Some((name.clone(), value, filter(&name)?))).collect()
}
