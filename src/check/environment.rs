//! An environment's variables and secrets become templates in an order in which they can be
//! evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::dial::Dial;
use super::types::Late;
use crate::environment::{Environment, Mode, ServiceAst, ServiceWork, SourceOfSecret};
use crate::finding::{Code, Finding, nearest};
use crate::plan::Templated;
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
    /// What is started before the run, in the order of the file.
    pub services: Vec<CheckedService>,
    /// What stands between the system under test and its dependencies.
    pub taps: Vec<CheckedTap>,
    /// How they connect to those.
    pub dial: Dial,
    /// Variables that taps have a say in: they have no value before those listen.
    pub tapped: BTreeSet<String>,
    /// The only origins that a URL out of a response may lead to, where they are stated.
    pub allow_origins: Option<Vec<(Place, ValueTemplate)>>,
}

/// A tap whose target can be evaluated once the services run.
#[derive(Debug)]
pub struct CheckedTap {
    /// Its name.
    pub name: Spanned<String>,
    /// Where it listens, where that is stated.
    pub listen: Option<Spanned<SocketAddr>>,
    /// What it stands for.
    pub forward: (Place, ValueTemplate),
    /// The contract that its requests are held against.
    pub contract: Option<Spanned<String>>,
    /// What happens to a request that breaks it.
    pub mode: Mode,
}

/// What templates of an environment know of a tap.
pub const TAP_FIELDS: [&str; 2] = ["url", "port"];

/// A program with its arguments, each with its place.
pub type Words = Vec<(Place, ValueTemplate)>;

/// A service whose words can be evaluated before any service runs.
#[derive(Debug)]
pub struct CheckedService {
    /// Its name.
    pub name: Spanned<String>,
    /// What it is.
    pub work: CheckedWork,
}

/// What a service is.
#[derive(Debug)]
pub enum CheckedWork {
    /// The built-in registry.
    Demo {
        /// Where that is written.
        place: Place,
        /// What makes it sick.
        fault: Option<(Place, ValueTemplate)>,
        /// Where its proxy asks about keys.
        auth_url: Option<(Place, ValueTemplate)>,
    },
    /// A command that serves.
    Command {
        /// Where that is written.
        place: Place,
        /// The program with its arguments.
        run: Words,
        /// What answers when it is up.
        ready: (Place, ValueTemplate),
        /// How long that may take.
        timeout: Late<Duration>,
    },
}

/// The values that services give.
#[derive(Debug, Clone, Copy)]
pub struct ServiceFields<'a> {
    /// Those of the built-in registry.
    pub demo: &'a [&'a str],
    /// Those of a command.
    pub command: &'a [&'a str],
}

/// How long a service may take to come up where nothing is said of it.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// Checks an environment; `fields` are the values that services give.
#[must_use]
pub fn check_environment(
    environment: &Environment,
    sources: &SourceSet,
    fields: ServiceFields<'_>,
) -> (CheckedEnvironment, Vec<Finding>) {
    let mut checker = Checker {
        sources,
        services: environment
            .services()
            .into_iter()
            .map(|service| {
                let gives = match service.work {
                    ServiceWork::Demo { .. } => fields.demo,
                    ServiceWork::Command { .. } => fields.command,
                };
                (service.name.value.as_str(), gives)
            })
            .collect(),
        taps: environment.taps().iter().map(|tap| tap.name.value.as_str()).collect(),
        vars: environment.vars().iter().map(|entry| entry.key.value.as_str()).collect(),
        late: BTreeSet::new(),
        tapped: BTreeSet::new(),
        findings: Vec::new(),
    };
    let mut compiled = BTreeMap::new();
    let mut order = Vec::new();
    for entry in environment.vars() {
        if let Some((value, needs)) = checker.value(&entry.value, Stage::Variable) {
            if needs.services {
                checker.late.insert(entry.key.value.clone());
            }
            if needs.taps {
                checker.tapped.insert(entry.key.value.clone());
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
                secret_commands
                    .push((secret.name.value.clone(), checker.words(words, Stage::First)));
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
    let services =
        environment.services().into_iter().filter_map(|service| checker.service(service)).collect();
    let taps = environment.taps().into_iter();
    let taps = taps.filter_map(|tap| {
        let forward = (tap.forward.place, checker.value(&tap.forward, Stage::Variable)?.0);
        let (name, listen) = (tap.name.clone(), tap.listen.clone());
        Some(CheckedTap { name, listen, forward, contract: tap.contract.clone(), mode: tap.mode })
    });
    let taps = taps.collect();
    let ready = CheckedEnvironment {
        name,
        vars,
        late: checker.late,
        secret_values,
        secret_commands,
        services,
        taps,
        dial: Dial::of_environment(&environment.defaults(), sources),
        tapped: checker.tapped,
        allow_origins,
    };
    (ready, checker.findings)
}

/// Makes a finding of what is wrong, a near name, and what to do otherwise.
type Wrong<'w> = dyn Fn(String, Option<&str>, &str) -> Result<Option<String>, Box<Finding>> + 'w;

/// Where a template of an environment stands: decides what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Evaluated once the services run.
    Variable,
    /// The same, for `value:` of a secret, which sees no variables.
    Secret,
    /// Evaluated before any service runs.
    Before,
    /// Evaluated before anything listens.
    First,
}

/// What a value needs before it can be evaluated.
#[derive(Debug, Default)]
struct Needs {
    variables: Vec<String>,
    services: bool,
    taps: bool,
}

struct Checker<'a> {
    sources: &'a SourceSet,
    /// Each service with the values that it gives.
    services: Vec<(&'a str, &'a [&'a str])>,
    taps: Vec<&'a str>,
    vars: Vec<&'a str>,
    /// Variables that services have a say in, as far as that is known.
    late: BTreeSet<String>,
    /// The same for taps.
    tapped: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// A program with its arguments.
    fn words(&mut self, words: &[Node], stage: Stage) -> Words {
        words.iter().filter_map(|node| Some((node.place, self.value(node, stage)?.0))).collect()
    }

    /// A text that is known before any service runs.
    fn early(&mut self, node: &Node) -> Option<(Place, ValueTemplate)> {
        Some((node.place, self.value(node, Stage::Before)?.0))
    }

    fn service(&mut self, service: &ServiceAst) -> Option<CheckedService> {
        let work = match &service.work {
            ServiceWork::Demo { place, fault, auth_url } => CheckedWork::Demo {
                place: *place,
                fault: match fault {
                    Some(fault) => Some(self.early(fault)?),
                    None => None,
                },
                auth_url: match auth_url {
                    Some(url) => Some(self.early(url)?),
                    None => None,
                },
            },
            ServiceWork::Command { place, run, ready, timeout } => CheckedWork::Command {
                place: *place,
                run: self.words(run, Stage::Before),
                ready: (ready.place, self.value(ready, Stage::Before)?.0),
                timeout: match timeout.as_ref().map(|timeout| &timeout.value) {
                    None => Late::Known(UP_WITHIN),
                    Some(Templated::Known(timeout)) => Late::Known(*timeout),
                    Some(Templated::Template(node)) => self.late(node)?,
                },
            },
        };
        Some(CheckedService { name: service.name.clone(), work })
    }

    /// A typed value that a template gives before any service runs.
    fn late(&mut self, node: &Node) -> Option<Late<Duration>> {
        // Its names are resolved like those of any other value.
        self.value(node, Stage::Before)?;
        let text = self.sources.get(node.place.source).map_or("", |source| &source.text);
        let template = template::compile_text(node, text).ok()?;
        Some(Late::Template(Box::new(template), node.place))
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
            needs.taps |= name.path.first().is_some_and(|root| root == "taps");
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
                if matches!(stage, Stage::Before | Stage::First)
                    && self.late.contains(variable) =>
            {
                wrong(
                    format!("`env.{variable}` is not known yet: a service gives it"),
                    None,
                    "commands run before the services: use a variable that needs none",
                )
            }
            (Some("env"), Some(variable), _)
                if stage == Stage::First && self.tapped.contains(variable) =>
            {
                wrong(
                    format!("`env.{variable}` is not known yet: a tap gives it"),
                    None,
                    "commands of secrets run before the taps: use a variable that needs none",
                )
            }
            (Some("taps"), ..) if stage == Stage::First => wrong(
                "no tap listens yet where this is evaluated".to_owned(),
                None,
                "commands of secrets run before the taps: use a variable that needs none",
            ),
            (Some("taps"), Some(tap), field) => self.tap(tap, field, &wrong),
            (Some("services"), ..) if matches!(stage, Stage::Before | Stage::First) => wrong(
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
                let known = self.services.iter().find(|(name, _)| *name == service);
                let Some((_, fields)) = known else {
                    let near = nearest(service, self.services.iter().map(|(name, _)| *name));
                    return wrong(
                        format!("this environment has no service `{service}`"),
                        near,
                        "define it under `services:`",
                    );
                };
                match field {
                    Some(field) if fields.contains(&field) => Ok(None),
                    Some(field) => wrong(
                        format!("the service `{service}` gives no `{field}`"),
                        nearest(field, fields.iter().copied()),
                        &format!("it gives {}", fields.join(", ")),
                    ),
                    None => wrong(
                        format!("`services.{service}` is not a value"),
                        None,
                        &format!("it gives {}", fields.join(", ")),
                    ),
                }
            }
            (Some("unique" | "run") | None, ..) => Ok(None),
            (Some(root), ..) => wrong(
                format!("undefined name `{root}`"),
                nearest(root, ["env", "services", "taps", "unique", "run"]),
                "an environment knows `services.…`, `taps.…` and, in `vars`, `env.…`",
            ),
        }
    }

    /// `taps.NAME.url` and the like.
    fn tap(
        &self,
        tap: &str,
        field: Option<&str>,
        wrong: &Wrong<'_>,
    ) -> Result<Option<String>, Box<Finding>> {
        let gives = format!("it gives {}", TAP_FIELDS.join(", "));
        match field {
            _ if !self.taps.contains(&tap) => {
                let near = nearest(tap, self.taps.iter().copied());
                let message = format!("this environment has no tap `{tap}`");
                wrong(message, near, "define it under `taps:`")
            }
            Some(field) if TAP_FIELDS.contains(&field) => Ok(None),
            Some(field) => {
                let near = nearest(field, TAP_FIELDS);
                wrong(format!("the tap `{tap}` gives no `{field}`"), near, &gives)
            }
            None => wrong(format!("`taps.{tap}` is not a value"), None, &gives),
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
                if needs.iter().any(|need| self.tapped.contains(need)) {
                    self.tapped.insert(name.clone());
                }
                vars.push((name, place, value));
            }
        }
        vars
    }
}
