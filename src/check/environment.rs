//! An environment's variables and secrets become templates in an order in which they can be
//! evaluated.

use std::collections::{BTreeMap, BTreeSet};

use crate::environment::{Environment, SourceOfSecret};
use crate::finding::{Code, Finding, nearest};
use crate::source::{Place, SourceSet, Spanned};
use crate::template::{self, NameUse, ValueTemplate};
use crate::yaml::Node;

/// An environment that can be evaluated once its services run.
#[derive(Debug)]
pub struct CheckedEnvironment {
    /// Its name.
    pub name: String,
    /// Variables, each after those it uses: the name, the place of its value, the value.
    pub vars: Vec<(String, Place, ValueTemplate)>,
    /// Variables that services have a say in: they have no value before those run.
    pub late: BTreeSet<String>,
    /// Secrets that come from a template over services.
    pub secret_values: Vec<(Spanned<String>, ValueTemplate)>,
    /// Secrets that a command gives: the name, the program and its arguments.
    pub secret_commands: Vec<(String, Words)>,
    /// The only origins that a URL out of a response may lead to, where they are stated.
    pub allow_origins: Option<Vec<(Place, ValueTemplate)>>,
}

/// A program with its arguments, each with its place.
pub type Words = Vec<(Place, ValueTemplate)>;

/// Checks an environment; `fields` are the values that each service gives.
#[must_use]
pub fn check_environment(
    environment: &Environment,
    sources: &SourceSet,
    fields: &[&str],
) -> (CheckedEnvironment, Vec<Finding>) {
    let mut checker = Checker {
        sources,
        services: environment.services().iter().map(|s| s.name.value.as_str()).collect(),
        vars: environment.vars().iter().map(|entry| entry.key.value.as_str()).collect(),
        fields,
        late: BTreeSet::new(),
        findings: Vec::new(),
    };
    let mut compiled = BTreeMap::new();
    let mut order = Vec::new();
    for entry in environment.vars() {
        if let Some((value, needs)) = checker.value(&entry.value, Stage::Variable) {
            if needs.services {
                checker.late.insert(entry.key.value.clone());
            }
            let needs = needs.variables;
            compiled.insert(entry.key.value.clone(), (entry.value.place, value, needs));
            order.push(entry.key.value.clone());
        }
    }
    let vars = checker.ordered(compiled, order);
    let mut secret_values = Vec::new();
    let mut secret_commands = Vec::new();
    for secret in environment.secrets() {
        match &secret.source {
            SourceOfSecret::Value(node) => secret_values.extend(
                checker.value(node, Stage::Secret).map(|(value, _)| (secret.name.clone(), value)),
            ),
            SourceOfSecret::Command(words) => {
                secret_commands.push((secret.name.value.clone(), checker.words(words)));
            }
            SourceOfSecret::EnvVar(_) | SourceOfSecret::File(_) | SourceOfSecret::Prompt => {}
        }
    }
    let allow_origins = environment.allow_origins().map(|origins| {
        let origins = origins.iter();
        origins
            .filter_map(|node| Some((node.place, checker.value(node, Stage::Variable)?.0)))
            .collect()
    });
    let name = environment.name().to_owned();
    let late = checker.late;
    let ready =
        CheckedEnvironment { name, vars, late, secret_values, secret_commands, allow_origins };
    (ready, checker.findings)
}

/// Where a template of an environment stands: decides what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Evaluated once the services run.
    Variable,
    /// The same, for `value:` of a secret, which sees no variables.
    Secret,
    /// Evaluated before any service runs.
    Before,
}

/// What a value needs before it can be evaluated.
#[derive(Debug, Default)]
struct Needs {
    variables: Vec<String>,
    services: bool,
}

struct Checker<'a> {
    sources: &'a SourceSet,
    services: Vec<&'a str>,
    vars: Vec<&'a str>,
    fields: &'a [&'a str],
    /// Variables that services have a say in, as far as that is known.
    late: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// A program with its arguments.
    fn words(&mut self, words: &[Node]) -> Words {
        words
            .iter()
            .filter_map(|node| Some((node.place, self.value(node, Stage::Before)?.0)))
            .collect()
    }

    /// A value with what it needs.
    fn value(&mut self, node: &Node, stage: Stage) -> Option<(ValueTemplate, Needs)> {
        let text = self.sources.get(node.place.source).map_or("", |source| &source.text);
        let value = match template::compile(node, text) {
            Ok(value) => value,
            Err(findings) => {
                self.findings.extend(findings);
                return None;
            }
        };
        let mut uses = Vec::new();
        value.visit(&mut |template, place| {
            uses.extend(template.names().iter().map(|name| (name.clone(), place)));
        });
        let mut needs = Needs::default();
        for (name, place) in uses {
            match self.resolve(&name, place, stage) {
                Ok(need) => needs.variables.extend(need),
                Err(finding) => self.findings.push(*finding),
            }
            needs.services |= name.path.first().is_some_and(|root| root == "services");
        }
        Some((value, needs))
    }

    fn resolve(
        &self,
        name: &NameUse,
        place: Place,
        stage: Stage,
    ) -> Result<Option<String>, Box<Finding>> {
        let part = |n: usize| name.path.get(n).map(String::as_str);
        let wrong = |message: String, near: Option<&str>, otherwise: &str| {
            let finding = Finding::error(Code::UndefinedName, message).at(place, "used here");
            Err(Box::new(match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(otherwise),
            }))
        };
        match (part(0), part(1), part(2)) {
            (Some("env"), Some(variable), _)
                if stage == Stage::Before && self.late.contains(variable) =>
            {
                wrong(
                    format!("`env.{variable}` is not known yet: a service gives it"),
                    None,
                    "commands run before the services: use a variable that needs none",
                )
            }
            (Some("services"), ..) if stage == Stage::Before => wrong(
                "no service runs yet where this is evaluated".to_owned(),
                None,
                "commands run before the services: use a variable that needs none",
            ),
            (Some("env"), Some(variable), _) if stage != Stage::Secret => {
                if self.vars.contains(&variable) {
                    return Ok(Some(variable.to_owned()));
                }
                let near = nearest(variable, self.vars.iter().copied());
                wrong(
                    format!("this environment has no variable `{variable}`"),
                    near,
                    "define it under `vars:`",
                )
            }
            (Some("services"), Some(service), field) => {
                if !self.services.contains(&service) {
                    let near = nearest(service, self.services.iter().copied());
                    return wrong(
                        format!("this environment has no service `{service}`"),
                        near,
                        "define it under `services:`",
                    );
                }
                match field {
                    Some(field) if self.fields.contains(&field) => Ok(None),
                    Some(field) => wrong(
                        format!("the service `{service}` gives no `{field}`"),
                        nearest(field, self.fields.iter().copied()),
                        &format!("it gives {}", self.fields.join(", ")),
                    ),
                    None => wrong(
                        format!("`services.{service}` is not a value"),
                        None,
                        &format!("it gives {}", self.fields.join(", ")),
                    ),
                }
            }
            (Some("unique" | "run") | None, ..) => Ok(None),
            (Some(root), ..) => wrong(
                format!("undefined name `{root}`"),
                nearest(root, ["env", "services", "unique", "run"]),
                "an environment knows `services.…` and, in `vars`, `env.…`",
            ),
        }
    }

    fn ordered(
        &mut self,
        mut compiled: BTreeMap<String, (Place, ValueTemplate, Vec<String>)>,
        mut order: Vec<String>,
    ) -> Vec<(String, Place, ValueTemplate)> {
        let mut vars = Vec::new();
        while !order.is_empty() {
            let ready = order.iter().position(|name| {
                compiled.get(name).is_none_or(|(_, _, needs)| {
                    !needs.iter().any(|need| compiled.contains_key(need))
                })
            });
            let Some(ready) = ready else {
                let mut finding =
                    Finding::error(Code::Cycle, "variables of the environment need each other");
                for name in &order {
                    if let Some((place, ..)) = compiled.get(name) {
                        finding = finding.at(*place, format!("`{name}`"));
                    }
                }
                self.findings.push(finding.help("give one of them a value of its own"));
                break;
            };
            let name = order.remove(ready);
            if let Some((place, value, needs)) = compiled.remove(&name) {
                if needs.iter().any(|need| self.late.contains(need)) {
                    self.late.insert(name.clone());
                }
                vars.push((name, place, value));
            }
        }
        vars
    }
}
