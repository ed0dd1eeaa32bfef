//! `planrun vars`: the value of each variable and the state of each secret, and where they come from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::args::{Format, VarsArgs};
use super::fault::UsageFault;
use super::other::json_escaped;
use super::prepare::{Prepared, prepare};
use super::preview::invalid;
use super::printer::Printer;
use super::secrets::{Described, describe};
use super::world::{Evaluated, plan_values};
use crate::check::CheckedPlan;
use crate::finding::Finding;
use crate::json::show;
use crate::project::LoadedPlan;
use crate::run::{self, EnvironmentValues, Given, Origin, PlanValues, Preview};
use crate::secret::{sanitise, sanitise_line};
use crate::services::{FIELDS, Service, Work};
use crate::source::Place;
use crate::template::Names;

/// How much of a value is shown to people, in characters.
const SHOWN: usize = 60;

/// One variable: its name as templates write it, its value, and where that comes from.
struct Variable {
    name: String,
    /// Absent where only a case decides it.
    value: Option<Value>,
    /// As it is written, where it has no value.
    written: Option<String>,
    source: String,
}

/// The variables of an included plan.
struct Inside {
    /// The line that includes it.
    at: String,
    /// Its path as shown.
    path: String,
    variables: Vec<Variable>,
}

/// One secret of a plan.
struct Declared<'a> {
    name: &'a str,
    optional: bool,
    needed_by: Vec<&'a String>,
    described: Described,
}

/// Shows variables and secrets of plans; nothing is sent and nothing is started.
pub(super) fn vars(args: &VarsArgs, current: &Path) -> Result<u8, UsageFault> {
    let mut prepared = prepare(&args.paths, &args.values, current)?;
    let printer = Printer::new(&args.look, &prepared.process);
    let (environments, more) = evaluated(&prepared);
    prepared.findings.extend(more);
    // What is wrong may be what is looked for: the values that are known are shown all the same.
    if !prepared.findings.is_empty() {
        invalid(&prepared, &prepared.findings, &printer);
    }
    let values = plan_values(&prepared, &args.values, &environments);
    let mut listed = Vec::new();
    let mut text = String::new();
    for (position, values) in values.iter().enumerate() {
        let Some(loaded) = prepared.suite.plans.get(position) else { continue };
        let variables = variables(&prepared, position, values);
        let mut included = Vec::new();
        if let Some(plan) = prepared.plans.get(position).and_then(Option::as_ref) {
            inside(&prepared, plan, values, &mut included);
        }
        let shown = (&*variables, &*included, &*secrets(&prepared, position));
        match args.format {
            Format::Json => listed.push(document(&prepared, loaded, shown)),
            Format::Human => table(&mut text, &prepared, loaded, shown),
        }
    }
    let text = match args.format {
        Format::Json => json_escaped(&serde_json::to_string_pretty(&listed).unwrap_or_default()),
        Format::Human => sanitise(&text).into_owned(),
    };
    Ok(match printer.out(&prepared.gate.redact(text)) {
        Ok(()) if prepared.has_errors() => 3,
        Ok(()) if listed.is_empty() && prepared.plans.is_empty() => 4,
        Ok(()) => 0,
        Err(_) => 7,
    })
}

/// The environments with their values; what services give stands for itself.
fn evaluated(prepared: &Prepared) -> (Evaluated, Vec<Finding>) {
    let mut values = Evaluated::new();
    let mut problems = Vec::new();
    let mut used: Vec<Option<usize>> =
        prepared.suite.plans.iter().map(|loaded| loaded.environment).collect();
    used.sort_unstable();
    used.dedup();
    let run = Arc::new(Names::default());
    for index in used {
        let loaded = index.and_then(|index| prepared.suite.environments.get(index));
        let checked = index.and_then(|index| prepared.environments.get(index));
        let taps = super::taps::stand_ins(checked);
        let given = Given {
            taps: &taps,
            vars: &prepared.given.environment,
            secrets: &[],
            known: &BTreeMap::new(),
            services: &Value::Null,
            run: &run,
            gate: &prepared.gate,
            now: now(),
            entropy: &|| 0,
        };
        let folder = |place: Place| {
            loaded.map(|loaded| loaded.folder(place.source).to_path_buf()).unwrap_or_default()
        };
        let services = checked.map(|checked| run::services(checked, &folder, &given));
        let services = match services {
            Some(Ok((services, _))) => services.iter().map(stand_ins).collect(),
            // What an error of the check phase leads to is said already.
            Some(Err(_)) if prepared.has_errors() => continue,
            Some(Err(finding)) => {
                problems.push(*finding);
                continue;
            }
            None => Map::new(),
        };
        let given = Given { services: &Value::Object(services), ..given };
        match run::evaluate_environment(checked, &prepared.suite.sources, &given) {
            Ok(evaluated) => {
                values.insert(index, Arc::new(evaluated));
            }
            // What an error of the check phase leads to is said already.
            Err(_) if prepared.has_errors() => {}
            Err(finding) => problems.push(*finding),
        }
    }
    (values, problems)
}

/// What a service gives, or would give if it ran.
fn stand_ins(service: &Service) -> (String, Value) {
    let name = &service.name.value;
    let fields: Map<String, Value> = match &service.work {
        Work::Demo { .. } => FIELDS
            .into_iter()
            .map(|field| (field.to_owned(), format!("{{services.{name}.{field}}}").into()))
            .collect(),
        Work::Command(command) => {
            std::iter::once(("url".to_owned(), command.url().into())).collect()
        }
    };
    (name.clone(), fields.into())
}

#[expect(clippy::disallowed_methods, reason = "values are shown as of now")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn variables(prepared: &Prepared, position: usize, values: &PlanValues) -> Vec<Variable> {
    let environment = &*values.environment;
    let mut names: Vec<&String> = environment.origins.keys().collect();
    let order = |name: &&String| {
        let place = environment.origins.get(*name).and_then(|origin| origin.place);
        (place.is_none(), place.map(|place| (place.source, place.span)))
    };
    names.sort_by_key(order);
    let mut variables: Vec<Variable> =
        names.into_iter().filter_map(|name| of_environment(prepared, environment, name)).collect();
    if let Some(plan) = prepared.plans.get(position).and_then(Option::as_ref) {
        variables.extend(of_plan(prepared, plan, values));
    }
    variables
}

/// The variables of every plan that a plan includes, near or far.
fn inside(prepared: &Prepared, plan: &CheckedPlan, values: &PlanValues, all: &mut Vec<Inside>) {
    let preview = Preview { values, seed: 0, now: now() };
    for (step, include, values) in preview.inside(plan) {
        all.push(Inside {
            at: prepared.suite.sources.locate(step.place),
            path: values.path.clone(),
            variables: of_plan(prepared, &include.plan, &values),
        });
        inside(prepared, &include.plan, &values, all);
    }
}

/// The variables and inputs of one plan.
fn of_plan(prepared: &Prepared, plan: &CheckedPlan, values: &PlanValues) -> Vec<Variable> {
    let mut variables = Vec::new();
    let preview = Preview { values, seed: 0, now: now() };
    for (name, value) in preview.vars(plan) {
        let written = plan.vars().iter().find(|var| var.name == name).map(|var| var.place);
        let origin = match (values.given.get(&name), written) {
            (Some((_, origin)), _) => origin.clone(),
            (None, place) => Origin { place, source: String::new() },
        };
        let value = value.map(|mut value| {
            prepared.gate.field(&name, &mut value);
            value
        });
        let text = written.filter(|_| value.is_none()).and_then(|place| {
            Some(prepared.suite.sources.get(place.source)?.slice(place.span).to_owned())
        });
        variables.push(Variable { source: source(prepared, &origin), name, value, written: text });
    }
    variables
}

fn of_environment(
    prepared: &Prepared,
    environment: &EnvironmentValues,
    name: &str,
) -> Option<Variable> {
    let mut value = environment.variable(name)?;
    prepared.gate.field(name, &mut value);
    let origin = environment.origins.get(name)?;
    Some(Variable {
        name: format!("env.{name}"),
        value: Some(value),
        written: None,
        source: source(prepared, origin),
    })
}

fn source(prepared: &Prepared, origin: &Origin) -> String {
    match origin.place {
        Some(place) => prepared.suite.sources.locate(place),
        None => origin.source.clone(),
    }
}

fn secrets(prepared: &Prepared, position: usize) -> Vec<Declared<'_>> {
    let Some(loaded) = prepared.suite.plans.get(position) else { return Vec::new() };
    let environment = loaded.environment.and_then(|index| prepared.suite.environments.get(index));
    let checked = prepared.plans.get(position).and_then(Option::as_ref);
    let mut declared: Vec<Declared<'_>> = Vec::new();
    for inner in prepared.suite.with_included(loaded) {
        let checked = checked.and_then(|plan| plan.of_file(inner.plan.source));
        for declaration in &inner.plan.secrets {
            let name = declaration.name.value.as_str();
            let used =
                checked.and_then(|plan| plan.secrets().iter().find(|s| s.name.value == name));
            let needed_by = used.map_or(&[][..], |used| used.needed_by.as_slice());
            if let Some(known) = declared.iter_mut().find(|known| known.name == name) {
                known.optional &= declaration.optional;
                known.needed_by.extend(needed_by);
                continue;
            }
            let shape = used.and_then(|used| used.matches.as_ref());
            declared.push(Declared {
                name,
                optional: declaration.optional,
                needed_by: needed_by.iter().collect(),
                described: describe(name, shape, prepared.places(), environment),
            });
        }
    }
    declared
}

fn environment_of<'a>(prepared: &'a Prepared, loaded: &LoadedPlan) -> Option<&'a str> {
    let environment = prepared.suite.environments.get(loaded.environment?)?;
    Some(environment.environment.name())
}

fn document(
    prepared: &Prepared,
    loaded: &LoadedPlan,
    (variables, included, secrets): (&[Variable], &[Inside], &[Declared<'_>]),
) -> Value {
    let listed = |variables: &[Variable]| -> Vec<Value> {
        let all = variables.iter().map(|Variable { name, value, written, source }| {
            json!({"name": name, "value": value, "written": written, "source": source})
        });
        all.collect()
    };
    let included: Vec<Value> = included
        .iter()
        .map(|Inside { at, path, variables }| {
            json!({"path": path, "included_from": at, "variables": listed(variables)})
        })
        .collect();
    let secrets: Vec<Value> = secrets
        .iter()
        .map(|Declared { name, optional, needed_by, described }| {
            let Described { state, place, at, repair } = described;
            json!({
                "name": format!("secrets.{name}"),
                "state": state,
                "source": place,
                "at": at.map(|at| prepared.suite.sources.locate(at)),
                "optional": optional,
                "needed_by": needed_by,
                "repair": repair,
            })
        })
        .collect();
    json!({
        "plan": loaded.plan.name.value,
        "path": loaded.shown,
        "environment": environment_of(prepared, loaded),
        "variables": listed(variables),
        "included": included,
        "secrets": secrets,
    })
}

/// Three columns: the name, the value, where it comes from.
fn table(
    text: &mut String,
    prepared: &Prepared,
    loaded: &LoadedPlan,
    (variables, included, secrets): (&[Variable], &[Inside], &[Declared<'_>]),
) {
    let mut rows: Vec<[String; 3]> = variables.iter().map(|one| row(one, "")).collect();
    rows.extend(secrets.iter().map(|secret| {
        let Described { state, place, at, repair } = &secret.described;
        let value = match *state {
            "given" | "from-service" | "from-command" | "from-prompt" => {
                format!("«secret:{}»", secret.name)
            }
            "missing" if secret.optional => "missing (optional)".to_owned(),
            state => state.to_owned(),
        };
        let mut source = place.clone();
        if let Some(at) = at {
            let _ = write!(source, " ({})", prepared.suite.sources.locate(*at));
        }
        if let Some(repair) = repair {
            let _ = write!(source, ": {repair}");
        }
        [format!("secrets.{}", secret.name), value, source]
    }));
    for Inside { at, path, variables } in included.iter().filter(|one| !one.variables.is_empty()) {
        rows.push([path.clone(), String::new(), format!("included at {at}")]);
        rows.extend(variables.iter().map(|one| row(one, "  ")));
    }
    let rows: Vec<[String; 3]> =
        rows.into_iter().map(|row| row.map(|cell| sanitise_line(&cell).into_owned())).collect();
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    };
    let (first, second) = (widest(0), widest(1));
    if !text.is_empty() {
        text.push('\n');
    }
    let environment = environment_of(prepared, loaded)
        .map_or("no environment".to_owned(), |name| format!("environment {name}"));
    let _ = writeln!(
        text,
        "{} · {} · {environment}",
        sanitise_line(&loaded.plan.name.value),
        sanitise_line(&loaded.shown)
    );
    if rows.is_empty() {
        text.push_str("  no variables, no secrets\n");
    }
    for [name, value, source] in &rows {
        let (after_name, after_value) = (first - name.width(), second - value.width());
        let _ = writeln!(text, "  {name}{:after_name$}  {value}{:after_value$}  {source}", "", "");
    }
}

fn row(variable: &Variable, indent: &str) -> [String; 3] {
    let value = match (&variable.value, &variable.written) {
        (Some(Value::String(text)), _) => show_text(text),
        (Some(other), _) => show(other, SHOWN),
        (None, Some(written)) => show_text(written),
        (None, None) => "not given".to_owned(),
    };
    [format!("{indent}{}", variable.name), value, variable.source.clone()]
}

fn show_text(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if shown.is_empty() { "\"\"".to_owned() } else { shown }
}
