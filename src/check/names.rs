//! What each name of a template means at its point of the plan, or why it means nothing there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::cases::CaseShape;
use super::types::{StepIndex, Uses};
use crate::environment::EnvironmentShape;
use crate::finding::{Code, Finding, nearest};
use crate::source::Place;
use crate::template::{self, NameUse};

/// Fields of `steps.ID`.
const STEP_FIELDS: [&str; 11] = [
    "sent",
    "passed",
    "failed",
    "status",
    "outcome",
    "headers",
    "json",
    "text",
    "duration",
    "request_sha256",
    "response_sha256",
];

/// Fields that are known of a step that never sent anything.
const ALWAYS_KNOWN: [&str; 3] = ["sent", "passed", "failed"];

/// Words that mean something by themselves; no variable, capture or id may take one.
pub(super) const RESERVED: [&str; 12] = [
    "env", "secrets", "services", "case", "run", "plan", "steps", "step", "unique", "omit",
    "attempt", "iter",
];

/// Where a template stands: decides which names it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In `vars`: before the first step.
    Vars,
    /// In a step.
    Step,
    /// In `defaults` or keys of the plan itself.
    Plan,
    /// In the cases of the plan: before its variables.
    Cases,
}

/// Where one name is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) place: Place,
    pub(super) stage: Stage,
    pub(super) now: Option<StepIndex>,
    /// Under `values:`, which sees the step's own captures.
    pub(super) in_values: bool,
}

/// A name that the plan defines.
#[derive(Debug, Clone, Copy)]
enum Defined {
    Var,
    Input,
    /// By which step, and whether it may have passed without making it.
    Capture {
        by: StepIndex,
        by_some: bool,
    },
}

/// What later steps can look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Has {
    /// It sends a request.
    pub(super) response: bool,
    /// Its request has a body.
    pub(super) body: bool,
    /// It names outcomes.
    pub(super) outcomes: bool,
}

/// All names of a plan, as far as the check has come.
#[derive(Debug)]
pub(super) struct Names<'a> {
    environment: Option<&'a EnvironmentShape>,
    /// Each name with its definitions so far; the last one counts.
    defined: BTreeMap<String, Vec<(Defined, Option<Place>)>>,
    /// Captures of steps that come later: known, but not yet.
    later: BTreeMap<String, Place>,
    secrets: BTreeMap<String, Place>,
    ids: BTreeMap<String, (StepIndex, Place, Has)>,
    /// The outermost step that holds each step: what stands in one may run in any order.
    tops: Vec<StepIndex>,
    /// What `case` gives at this point.
    pub(super) case: Option<CaseShape>,
    /// What the cases of the plan give.
    pub(super) plan_case: Option<CaseShape>,
    /// What `case` gives to the steps of each group that has cases, near or far.
    pub(super) group_cases: BTreeMap<StepIndex, CaseShape>,
    /// The secrets that go into each variable.
    var_secrets: BTreeMap<String, Vec<String>>,
    used: BTreeSet<String>,
    used_secrets: BTreeSet<String>,
    /// Names beside captures whose values came out of a response.
    of_responses: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(environment: Option<&'a EnvironmentShape>) -> Self {
        Self {
            environment,
            defined: BTreeMap::new(),
            later: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ids: BTreeMap::new(),
            tops: Vec::new(),
            case: None,
            plan_case: None,
            group_cases: BTreeMap::new(),
            var_secrets: BTreeMap::new(),
            used: BTreeSet::new(),
            used_secrets: BTreeSet::new(),
            of_responses: BTreeSet::new(),
        }
    }

    /// Which steps stand in which.
    pub(super) fn stand(&mut self, tops: Vec<StepIndex>) {
        self.tops = tops;
    }

    /// Whether a step has ended when another begins.
    fn ran_before(&self, earlier: StepIndex, now: StepIndex) -> bool {
        earlier < now && !self.in_one_group(earlier, now)
    }

    fn in_one_group(&self, one: StepIndex, other: StepIndex) -> bool {
        self.tops.get(one.0).is_some_and(|top| self.tops.get(other.0) == Some(top))
    }

    pub(super) fn define_var(&mut self, name: &str, place: Place) {
        self.defined.entry(name.to_owned()).or_default().push((Defined::Var, Some(place)));
    }

    /// What a variable is made of: a step that uses it uses these secrets.
    pub(super) fn var_holds(&mut self, name: &str, secrets: &[String]) {
        self.var_secrets.insert(name.to_owned(), secrets.to_vec());
    }

    /// The secrets that go into a variable.
    pub(super) fn secrets_in(&self, var: &str) -> &[String] {
        self.var_secrets.get(var).map_or(&[], Vec::as_slice)
    }

    pub(super) fn define_input(&mut self, name: &str, place: Option<Place>) {
        self.defined.entry(name.to_owned()).or_default().push((Defined::Input, place));
    }

    pub(super) fn declare_secret(&mut self, name: &str, place: Place) {
        self.secrets.insert(name.to_owned(), place);
    }

    pub(super) fn announce_capture(&mut self, name: &str, place: Place) {
        self.later.entry(name.to_owned()).or_insert(place);
    }

    pub(super) fn announce_step(
        &mut self,
        id: &str,
        index: StepIndex,
        place: Place,
        has: Has,
    ) -> Option<Place> {
        if let Some((_, first, _)) = self.ids.get(id) {
            return Some(*first);
        }
        self.ids.insert(id.to_owned(), (index, place, has));
        None
    }

    /// A capture that is made now; the place of the variable whose name it takes, if it does.
    pub(super) fn define_capture(
        &mut self,
        name: &str,
        step: StepIndex,
        place: Place,
    ) -> Option<Place> {
        let definitions = self.defined.entry(name.to_owned()).or_default();
        if let Some((Defined::Var | Defined::Input, taken)) = definitions.first() {
            return Some(taken.unwrap_or(place));
        }
        definitions.push((Defined::Capture { by: step, by_some: false }, Some(place)));
        None
    }

    /// What a group leaves for the steps after it: the step that makes the capture whenever the
    /// group passes, or one that may not have run.
    pub(super) fn define_group_capture(
        &mut self,
        name: &str,
        by: StepIndex,
        by_some: bool,
        place: Place,
    ) {
        let definitions = self.defined.entry(name.to_owned()).or_default();
        if !matches!(definitions.first(), Some((Defined::Var | Defined::Input, _))) {
            definitions.push((Defined::Capture { by, by_some }, Some(place)));
        }
    }

    pub(super) fn is_used(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// What a name gives came out of a response, though no step of this plan captured it.
    pub(super) fn came_out_of_a_response(&mut self, name: &str) {
        self.of_responses.insert(name.to_owned());
    }

    /// Whether what the first word of a name gives came out of a response.
    pub(super) fn is_of_a_response(&self, root: &str) -> bool {
        let last = self.defined.get(root).and_then(|definitions| definitions.last());
        match root {
            "steps" => true,
            // Cases that are not known before the run come out of a template.
            "case" => self.case.as_ref().is_some_and(|shape| !shape.known),
            _ => {
                self.of_responses.contains(root)
                    || matches!(last, Some((Defined::Capture { .. }, _)))
            }
        }
    }

    pub(super) fn use_secret(&mut self, name: &str) {
        self.used_secrets.insert(name.to_owned());
    }

    pub(super) fn is_secret_used(&self, name: &str) -> bool {
        self.used_secrets.contains(name)
    }

    /// The step with an id that ran before `now`, or what is wrong with the id.
    pub(super) fn step(
        &self,
        id: &str,
        place: Place,
        now: Option<StepIndex>,
    ) -> Result<StepIndex, Box<Finding>> {
        match self.ids.get(id) {
            Some((index, ..)) if now.is_none_or(|now| self.ran_before(*index, now)) => Ok(*index),
            Some((index, at, _)) => {
                let (message, help) = if Some(*index) == now {
                    ("refers to itself", "a step can only refer to steps that ran before it")
                } else if now.is_some_and(|now| self.in_one_group(*index, now)) {
                    (
                        "stands in the same group: it may not have run",
                        "refer to it in a step after the group",
                    )
                } else {
                    ("runs later", "a step can only refer to steps that ran before it")
                };
                Err(Box::new(
                    Finding::error(Code::LaterStep, format!("the step `{id}` {message}"))
                        .at(place, "used here")
                        .at(*at, "runs here")
                        .help(help),
                ))
            }
            None => {
                let finding = Finding::error(Code::UnknownStep, format!("unknown step `{id}`"))
                    .at(place, "no step has this id");
                Err(Box::new(match nearest(id, self.ids.keys().map(String::as_str)) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding.help("ids are given with `id:`"),
                }))
            }
        }
    }

    /// Resolves one use of a name; what is used goes into `uses`.
    pub(super) fn resolve(
        &mut self,
        name: &NameUse,
        at: At,
        uses: &mut Uses,
    ) -> Result<(), Box<Finding>> {
        let At { place, stage, .. } = at;
        let Some(root) = name.path.first() else { return Ok(()) };
        let second = name.path.get(1).map(String::as_str);
        match root.as_str() {
            "env" => self.environment_variable(second, place, name.guarded),
            "secrets" => self.secret(second, place, name.guarded, uses),
            "services" => Err(undefined("services.…", place).help_boxed(
                "services are known in environment files alone: give their values to the plan as `env.…`",
            )),
            "case" => self.case(second, name.guarded, place),
            "run" => one_of("run", second, &["id", "started_at", "seed"], place),
            "plan" => one_of("plan", second, &["name", "dir"], place),
            "step" | "attempt" | "iter" if stage != Stage::Step => {
                Err(undefined(root, place).help_boxed("it exists inside a step alone"))
            }
            "step" => one_of("step", second, &["id"], place),
            "attempt" | "iter" | "unique" | "omit" => Ok(()),
            "steps" => self.step_field(name, at, uses),
            _ => self.bare(root, name, at, uses),
        }
    }

    fn environment_variable(
        &self,
        name: Option<&str>,
        place: Place,
        guarded: bool,
    ) -> Result<(), Box<Finding>> {
        let Some(name) = name else {
            return Err(undefined("env", place).help_boxed("name the variable: `env.registry_url`"));
        };
        let Some(shape) = self.environment else { return Ok(()) };
        if guarded || shape.vars.iter().any(|known| known == name) {
            return Ok(());
        }
        let message = if shape.name.is_empty() {
            format!("`env.{name}` is not set: no environment was chosen; `-e NAME` chooses one")
        } else {
            format!("the environment `{}` has no variable `{name}`", shape.name)
        };
        let finding = Finding::error(Code::MissingVariable, message).at(place, "used here");
        Err(Box::new(match nearest(name, shape.vars.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `env.{near}`?")),
            None => finding.help(format!(
                "define it under `vars:` of the environment, or give `--var env.{name}=…`"
            )),
        }))
    }

    fn secret(
        &mut self,
        name: Option<&str>,
        place: Place,
        guarded: bool,
        uses: &mut Uses,
    ) -> Result<(), Box<Finding>> {
        let Some(name) = name else {
            return Err(
                undefined("secrets", place).help_boxed("name the secret: `secrets.api_key`")
            );
        };
        if self.secrets.contains_key(name) {
            self.used_secrets.insert(name.to_owned());
            if !guarded {
                uses.need_secret(name);
            }
            return Ok(());
        }
        let finding = Finding::error(
            Code::UndefinedName,
            format!("the secret `{name}` is not declared in this plan"),
        )
        .at(place, "used here");
        Err(Box::new(match nearest(name, self.secrets.keys().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `secrets.{near}`?")),
            None => finding.help(format!("declare it: `secrets: {{{name}: {{}}}}`")),
        }))
    }

    fn step_field(&self, name: &NameUse, at: At, uses: &mut Uses) -> Result<(), Box<Finding>> {
        let At { place, stage, now, .. } = at;
        let Some(id) = name.path.get(1) else {
            return Err(
                undefined("steps", place).help_boxed("name the step: `steps.create.passed`")
            );
        };
        if stage != Stage::Step {
            return Err(
                undefined("steps", place).help_boxed("no step has run yet where this is evaluated")
            );
        }
        let index = self.step(id, place, now)?;
        let Some(field) = name.path.get(2) else {
            return Err(undefined(&format!("steps.{id}"), place)
                .help_boxed(&format!("name the field: {}", STEP_FIELDS.join(", "))));
        };
        one_of(&format!("steps.{id}"), Some(field), &STEP_FIELDS, place)?;
        if ALWAYS_KNOWN.contains(&field.as_str()) {
            return Ok(());
        }
        self.has_field(id, field, place)?;
        let seen = (index, field.clone());
        if !uses.seen.contains(&seen) {
            uses.seen.push(seen);
        }
        if !name.guarded && !uses.steps.contains(&index) {
            uses.steps.push(index);
        }
        Ok(())
    }

    /// A field that this step can never have.
    fn has_field(&self, id: &str, field: &str, place: Place) -> Result<(), Box<Finding>> {
        let Some((_, at, has)) = self.ids.get(id) else { return Ok(()) };
        let missing = match field {
            _ if !has.response => "sends no request",
            "outcome" if !has.outcomes => "names no outcomes",
            "request_sha256" if !has.body => "sends no body",
            _ => return Ok(()),
        };
        Err(Box::new(
            Finding::error(
                Code::UndefinedName,
                format!("`steps.{id}.{field}` is never there: the step {missing}"),
            )
            .at(place, "used here")
            .at(*at, missing)
            .help(match field {
                "outcome" => "name outcomes under `expect: {one_of: …}` of that step",
                _ => "`sent`, `passed` and `failed` are there for every step",
            }),
        ))
    }

    fn bare(
        &mut self,
        root: &str,
        name: &NameUse,
        at: At,
        uses: &mut Uses,
    ) -> Result<(), Box<Finding>> {
        let not_yet = |defined: &Defined| match (defined, at.now) {
            (Defined::Capture { by, .. }, Some(now)) if *by == now => !at.in_values,
            (Defined::Capture { by, .. }, Some(now)) => self.in_one_group(*by, now),
            (Defined::Var | Defined::Input | Defined::Capture { .. }, _) => false,
        };
        let definitions = self.defined.get(root).map(Vec::as_slice).unwrap_or_default();
        match definitions.iter().rev().find(|(defined, _)| !not_yet(defined)) {
            Some((Defined::Var, here)) if at.stage == Stage::Cases => {
                let finding = Finding::error(
                    Code::UndefinedName,
                    format!("`{root}` is a variable, which each case evaluates for itself"),
                )
                .at(at.place, "not defined yet");
                let finding = match here {
                    Some(here) => finding.at(*here, "the variable"),
                    None => finding,
                };
                Err(finding.help_boxed("the cases of a plan come before its variables: write the value, or use `env.…`"))
            }
            Some((Defined::Var | Defined::Input, _)) => {
                self.used.insert(root.to_owned());
                for secret in self.secrets_in(root) {
                    uses.need_secret(secret);
                }
                Ok(())
            }
            Some((Defined::Capture { by_some: true, .. }, here)) if !name.guarded => {
                let here = *here;
                self.used.insert(root.to_owned());
                let finding = Finding::error(
                    Code::UndefinedName,
                    format!("only some steps of `first_of` capture `{root}`"),
                )
                .at(at.place, "may not be there");
                let finding = match here {
                    Some(here) => finding.at(here, "captured here"),
                    None => finding,
                };
                Err(finding.help_boxed(&format!(
                    "capture it in every alternative, or write `${{{{ {root} | default(none) }}}}`"
                )))
            }
            Some((Defined::Capture { by, .. }, _)) => {
                uses.captures.push((root.to_owned(), *by, name.guarded));
                self.used.insert(root.to_owned());
                Ok(())
            }
            None => match definitions.last() {
                Some((defined, here)) => {
                    let by_itself =
                        matches!(defined, Defined::Capture { by, .. } if Some(*by) == at.now);
                    let (who, help) = if by_itself {
                        (
                            "this step itself",
                            "an assertion sees its step's own captures under `values:` alone",
                        )
                    } else {
                        ("a step of the same group", "use it in a step after the group")
                    };
                    let finding = Finding::error(
                        Code::UndefinedName,
                        format!("`{root}` is captured by {who}"),
                    )
                    .at(at.place, "not defined yet");
                    let finding = match here {
                        Some(here) => finding.at(*here, "captured here"),
                        None => finding,
                    };
                    Err(finding.help_boxed(help))
                }
                None => Err(Box::new(self.unknown(root, at.place, at.stage))),
            },
        }
    }

    fn unknown(&self, root: &str, place: Place, stage: Stage) -> Finding {
        if let Some(later) = self.later.get(root) {
            let message = if matches!(stage, Stage::Vars | Stage::Cases) {
                format!("`{root}` is a capture; variables are evaluated before the first step")
            } else {
                format!("`{root}` is not defined yet: it is captured by a later step")
            };
            return Finding::error(Code::UndefinedName, message)
                .at(place, "used here")
                .at(*later, "captured here")
                .help("use it in a step after the one that captures it");
        }
        let finding = Finding::error(Code::UndefinedName, format!("undefined name `{root}`"))
            .at(place, "not defined at this point");
        if self.environment.is_some_and(|shape| shape.vars.iter().any(|v| v == root)) {
            return finding.help(format!("did you mean `env.{root}`?"));
        }
        if self.secrets.contains_key(root) {
            return finding.help(format!("did you mean `secrets.{root}`?"));
        }
        if let Some(call) = template::call_of(root) {
            return finding.help(format!("`{root}` is a function: call it, `{call}`"));
        }
        let names = self.defined.keys().map(String::as_str).chain(RESERVED);
        match nearest(root, names) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!(
                "define it under `vars:`, or capture it: `capture: {{{root}: $.…}}`"
            )),
        }
    }
}

pub(super) fn undefined(name: &str, place: Place) -> Finding {
    Finding::error(Code::UndefinedName, format!("undefined name `{name}`")).at(place, "used here")
}

impl Uses {
    fn need_secret(&mut self, name: &str) {
        if !self.secrets.iter().any(|known| known == name) {
            self.secrets.push(name.to_owned());
        }
    }
}

impl Finding {
    pub(super) fn help_boxed(self, text: &str) -> Box<Self> {
        Box::new(self.help(text))
    }
}

fn one_of(
    group: &str,
    field: Option<&str>,
    known: &[&str],
    place: Place,
) -> Result<(), Box<Finding>> {
    let list = || known.iter().map(|k| format!("`{group}.{k}`")).collect::<Vec<_>>().join(", ");
    let Some(field) = field else {
        return Err(undefined(group, place).help_boxed(&format!("one of {}", list())));
    };
    if known.contains(&field) {
        return Ok(());
    }
    let finding = undefined(&format!("{group}.{field}"), place);
    Err(Box::new(match nearest(field, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{group}.{near}`?")),
        None => finding.help(format!("there is {}", list())),
    }))
}

/// Where a name stands in a scalar: the smallest place that its range maps to.
pub(super) fn inner(content: Option<Place>, whole: Place, range: &Range<usize>) -> Place {
    content.map_or(whole, |place| place.inward(range.clone()))
}
