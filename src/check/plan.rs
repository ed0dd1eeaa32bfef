//! The whole plan: names in their order, then every step, then what nobody uses.

use std::collections::HashMap;

use super::cases::Cases;
use super::names::{Has, RESERVED, Stage};
use super::placed::in_order;
use super::step::Inherited;
use super::types::{CheckedPlan, CheckedStep, Late, SecretUse, Uses, Var, Work};
use super::values::Checker;
use super::{Role, Surroundings};
use crate::budget;
use crate::finding::{Code, Finding};
use crate::plan::{Action, Plan, RequestOptions, Step};
use crate::predicate::Predicate;
use crate::query::SubjectKind;
use crate::source::Spanned;
use crate::template::Template;
use crate::yaml::{Entry, Node};

/// Checks a plan against its surroundings.
///
/// All findings are returned, in the order of the file; the plan is there unless one is an error.
#[must_use]
pub fn check(plan: &Plan, around: &Surroundings<'_>) -> (Option<CheckedPlan>, Vec<Finding>) {
    let mut checker = Checker::new(*around);
    checker.declare(plan);
    let cases = checker.plan_cases(plan.cases.as_ref());
    let vars = checker.vars(plan);
    let (literal_origins, steps) = checker.all_steps(plan);
    checker.stage = Stage::Plan;
    checker.now = None;
    let budget = checker.budget(plan.budget.as_ref(), budget::Scope::Plan);
    let deadline = checker.late_duration(plan.deadline.as_ref());
    let cleanup_timeout = checker.cleanup_timeout(plan);
    let hints = checker.hints(around.hints);
    let contracts = checker.contracts(plan);
    checker.against_contracts(plan, &steps, &contracts);
    checker.known_taps(plan);
    let secrets = checker.secrets(plan, &steps, &vars, cases.as_ref());
    // Where something is wrong, a use may be what is wrong.
    if !checker.findings.iter().any(Finding::is_error) {
        checker.unused(plan);
    }
    checker.bare_negatives(plan, &steps);
    checker.never(plan, &steps);
    if let (Some(budget), Some(Late::Known(deadline))) = (&budget, &deadline) {
        checker.ended_before(budget, &[("deadline", Some(*deadline))]);
    }
    let mut findings = std::mem::take(&mut checker.findings);
    findings.sort_by_key(|finding| finding.place().map(|place| (place.source, place.span)));
    let findings = once_each(findings);
    if findings.iter().any(Finding::is_error) {
        return (None, findings);
    }
    // A step that is not there has its finding from reading the file.
    let Some(steps) = steps.into_iter().collect::<Option<Vec<_>>>() else {
        return (None, findings);
    };
    let ready = CheckedPlan {
        source: plan.source,
        name: plan.name.clone(),
        description: plan.description.as_ref().map(|text| text.value.clone()),
        tags: values(&plan.tags),
        covers: values(&plan.covers),
        inputs: values(&plan.inputs),
        vars: vars.into_iter().map(|(var, _)| var).collect(),
        secrets,
        cases,
        budget,
        deadline,
        deadline_place: plan.deadline.as_ref().map(|deadline| deadline.place),
        cleanup_timeout,
        steps,
        literal_origins,
        hints,
        contracts,
        files: checker.files,
        tls_files: checker.tls_files,
    };
    (Some(ready), findings)
}

/// Findings in the order of the file, without those that were said already: what stands in
/// `defaults` is read for every step.
fn once_each(sorted: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(sorted.len());
    for finding in sorted {
        let here = kept.iter().rev().take_while(|said| said.place() == finding.place());
        if !here.into_iter().any(|said| *said == finding) {
            kept.push(finding);
        }
    }
    kept
}

fn values(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(|item| item.value.clone()).collect()
}

impl Checker<'_> {
    /// Every name that the plan defines anywhere, so that each use can be judged.
    fn declare(&mut self, plan: &Plan) {
        for name in self.around.of_responses {
            self.names.came_out_of_a_response(name);
        }
        for entry in &plan.vars {
            self.not_reserved(&entry.key.value, entry.key.place);
            self.names.define_var(&entry.key.value, entry.key.place);
            // Whoever includes the plan, or the command line, may give another value.
            let may_be_given = plan.include_only || self.around.given.contains(&entry.key.value);
            if !may_be_given && !holds_template(&entry.value) {
                self.literals.insert(entry.key.value.clone(), entry.value.clone());
            }
        }
        for input in &plan.inputs {
            self.names.define_input(&input.value, Some(input.place));
            let also_var = plan.vars.iter().find(|var| var.key.value == input.value);
            if let Some(var) = also_var {
                self.report(
                    Finding::error(
                        Code::DuplicateName,
                        format!("`{}` is an input and a variable", input.value),
                    )
                    .at(input.place, "an input must be given")
                    .at(var.key.place, "a variable may be given")
                    .help("keep one of the two"),
                );
            }
            let is_missing = also_var.is_none() && !self.around.given.contains(&input.value);
            if is_missing && matches!(self.around.role, Role::Alone) {
                let finding = Finding::error(
                    Code::MissingKey,
                    format!("the input `{}` is not given", input.value),
                )
                .at(input.place, "must come from outside")
                .help(format!("give it: `--var {}=…`", input.value));
                self.report(if plan.include_only {
                    finding.help("or run a plan that includes this one and gives it by `with`")
                } else {
                    finding
                });
            }
        }
        for secret in &plan.secrets {
            self.names.declare_secret(&secret.name.value, secret.name.place);
        }
        let all = in_order(plan);
        self.names.stand(all.iter().map(|placed| placed.top).collect());
        for placed in all {
            let step = placed.step;
            if let Some(id) = &step.id {
                let has = what_it_has(step);
                let first = self.names.announce_step(&id.value, placed.index, id.place, has);
                if let Some(first) = first {
                    self.report(
                        Finding::error(
                            Code::DuplicateName,
                            format!("two steps have the id `{}`", id.value),
                        )
                        .at(id.place, "again here")
                        .at(first, "first here")
                        .help("give one of them another id"),
                    );
                }
            }
            for name in step.leaves() {
                self.not_reserved(&name.value, name.place);
                self.names.announce_capture(&name.value, name.place);
            }
        }
    }

    fn not_reserved(&mut self, name: &str, place: crate::source::Place) {
        // In an expression these words mean something else: the name could never be read.
        let words = ["none", "true", "false", "not", "and", "or", "in", "is", "if", "else"];
        if RESERVED.contains(&name) || words.contains(&name) {
            self.report(
                Finding::error(Code::ReservedName, format!("`{name}` is a word of the language"))
                    .at(place, "reserved")
                    .help(format!("choose another name, such as `my_{name}`")),
            );
        }
    }

    /// Variables in an order in which each comes after those it uses.
    fn vars(&mut self, plan: &Plan) -> Vec<(Var, Uses)> {
        self.stage = Stage::Vars;
        let mut compiled = Vec::new();
        for Entry { key, value } in &plan.vars {
            self.uses = Uses::default();
            if let Some(template) = self.value(value) {
                let mut needs = Vec::new();
                template.visit(&mut |text, _| {
                    needs.extend(text.names().iter().filter_map(|n| n.path.first().cloned()));
                });
                let var = Var {
                    name: key.value.clone(),
                    place: value.place,
                    value: template,
                    secrets: self.uses.secrets.clone(),
                };
                compiled.push((var, std::mem::take(&mut self.uses), needs, key.place));
            }
        }
        let mut ordered: Vec<(Var, Uses)> = Vec::new();
        while !compiled.is_empty() {
            let names: Vec<String> = compiled.iter().map(|(var, ..)| var.name.clone()).collect();
            let ready = compiled
                .iter()
                .position(|(_, _, needs, _)| !needs.iter().any(|need| names.contains(need)));
            let Some(ready) = ready else {
                self.report_cycle(&compiled);
                break;
            };
            let (mut var, uses, needs, _) = compiled.remove(ready);
            for secret in needs.iter().flat_map(|need| self.names.secrets_in(need)) {
                if !var.secrets.contains(secret) {
                    var.secrets.push(secret.clone());
                }
            }
            if needs.iter().any(|need| self.names.is_of_a_response(need)) {
                self.names.came_out_of_a_response(&var.name);
            }
            self.names.var_holds(&var.name, &var.secrets);
            ordered.push((var, uses));
        }
        ordered
    }

    fn report_cycle(&mut self, left: &[(Var, Uses, Vec<String>, crate::source::Place)]) {
        // Walk from any of what is left until a name comes again: that is the circle.
        let by_name: HashMap<&str, _> =
            left.iter().map(|item| (item.0.name.as_str(), item)).collect();
        let mut path: Vec<&str> = Vec::new();
        let Some(mut at) = left.first().map(|(var, ..)| var.name.as_str()) else { return };
        while !path.contains(&at) {
            path.push(at);
            let next = by_name.get(at).and_then(|(_, _, needs, _)| {
                needs.iter().find_map(|need| by_name.get_key_value(need.as_str()))
            });
            match next {
                Some((name, _)) => at = name,
                None => return,
            }
        }
        let start = path.iter().position(|name| *name == at).unwrap_or(0);
        let circle: Vec<&str> = path.split_off(start);
        let mut finding =
            Finding::error(Code::Cycle, format!("the variables {} need each other", list(&circle)));
        for name in &circle {
            if let Some((_, _, _, place)) = by_name.get(name) {
                finding = finding.at(*place, "part of the circle");
            }
        }
        self.report(finding.help("give one of them a value of its own"));
    }

    fn all_steps(&mut self, plan: &Plan) -> (Vec<String>, Vec<Option<CheckedStep>>) {
        self.stage = Stage::Step;
        let defaults: Vec<&RequestOptions> =
            std::iter::once(&plan.defaults).chain(self.around.defaults.iter().copied()).collect();
        let inherited = Inherited { defaults: &defaults, on_failure: plan.on_failure.as_ref() };
        let all = in_order(plan);
        let mut steps: Vec<Option<CheckedStep>> = Vec::with_capacity(all.len());
        for (number, placed) in all.iter().enumerate() {
            steps.push(self.step(placed, &inherited));
            let next = all.get(number + 1);
            // The last step of a group: what the group leaves is known.
            if placed.top != placed.index
                && next.is_none_or(|next| next.top != placed.top)
                && let Some(group) = all.get(placed.top.0)
            {
                self.leave_group(&all, group);
            }
        }
        let mut origins = Vec::new();
        for step in steps.iter().flatten() {
            if let Work::Request(request) = &step.work {
                let base = request.base_url.as_ref().map(|(template, _)| template);
                let routes = request.routes.iter().map(|route| &route.url);
                for template in std::iter::once(&request.url).chain(base).chain(routes) {
                    if let Some(origin) = literal_origin(template)
                        && !origins.contains(&origin)
                    {
                        origins.push(origin);
                    }
                }
            }
        }
        (origins, steps)
    }

    fn secrets(
        &mut self,
        plan: &Plan,
        steps: &[Option<CheckedStep>],
        vars: &[(Var, Uses)],
        cases: Option<&Cases>,
    ) -> Vec<SecretUse> {
        let mut declared = Vec::new();
        for secret in &plan.secrets {
            let matches = match &secret.matches {
                None => None,
                Some(node) => self.secret_shape(node),
            };
            let name = &secret.name.value;
            let mut needed_by: Vec<String> = steps
                .iter()
                .flatten()
                .filter(|step| {
                    let mut cases = step.cases.iter().flat_map(Cases::secrets);
                    step.uses.secrets.contains(name) || cases.any(|secret| secret == name)
                })
                .map(CheckedStep::label)
                .collect();
            if cases.iter().copied().flat_map(Cases::secrets).any(|secret| secret == name) {
                // The plan cannot even begin without it.
                needed_by = steps.iter().flatten().map(CheckedStep::label).collect();
            }
            if needed_by.is_empty() {
                let vars = vars.iter().filter(|(var, _)| var.secrets.contains(name));
                needed_by.extend(vars.map(|(var, _)| format!("vars.{}", var.name)));
            }
            declared.push(SecretUse {
                name: secret.name.clone(),
                description: secret.description.as_ref().map(|text| text.value.clone()),
                matches,
                optional: secret.optional,
                needed_by,
            });
        }
        declared
    }

    fn secret_shape(&mut self, node: &crate::yaml::Node) -> Option<regex::Regex> {
        let pattern = node.as_str()?;
        match crate::query::Regular::parse(pattern) {
            Ok(regular) => Some(regular.into_regex()),
            Err(fault) => {
                let content = node.content_place(self.text(node.place));
                let place = super::names::inner(content, node.place, &fault.range);
                self.report(Finding::of(&fault, place));
                None
            }
        }
    }

    /// Variables and secrets that nobody uses: perhaps a misspelling elsewhere.
    fn unused(&mut self, plan: &Plan) {
        let around = self.around;
        // Whoever includes the plan may take what it captures and what it defines.
        let of_this = around.included.iter().filter(|one| one.plan.source == plan.source);
        let taken: Vec<_> = of_this.map(|included| included.exported).collect();
        let is_taken = |name: &String| match around.role {
            Role::Alone => taken.iter().any(|exported| exported.contains(name)),
            Role::Included(exported) => exported.contains(name),
        };
        let vars = plan.vars.iter().filter(|_| !plan.include_only);
        let vars = vars.filter(|var| !is_taken(&var.key.value));
        let unused: Vec<&Entry> = vars.filter(|var| !self.names.is_used(&var.key.value)).collect();
        for var in unused {
            let name = &var.key.value;
            let finding =
                Finding::warning(Code::UnusedName, format!("the variable `{name}` is never used"))
                    .at(var.key.place, "nobody uses it")
                    .help(format!("use it as `${{{{ {name} }}}}`, or delete the line"));
            self.report(finding);
        }
        for input in &plan.inputs {
            if !self.names.is_used(&input.value) {
                self.report(
                    Finding::warning(
                        Code::UnusedName,
                        format!("the input `{}` is never used", input.value),
                    )
                    .at(input.place, "nobody uses it")
                    .help("delete it, so that nobody has to give it"),
                );
            }
        }
        for placed in in_order(plan).into_iter().filter(|_| !plan.include_only) {
            let captures = placed.step.capture.len();
            for (number, name) in placed.step.leaves().enumerate() {
                if is_taken(&name.value) || self.names.is_used(&name.value) {
                    continue;
                }
                let word = if number < captures { "capture" } else { "export" };
                let finding = Finding::warning(
                    Code::UnusedName,
                    format!("the {word} `{}` is never used", name.value),
                )
                .at(name.place, "nobody uses it")
                .help(format!("use it as `${{{{ {} }}}}`, or delete it", name.value));
                self.report(if number < captures {
                    finding.help("to ask only that something is there write `$.path: {present: true}` under `expect`")
                } else {
                    finding
                });
            }
        }
        for secret in &plan.secrets {
            if !self.names.is_secret_used(&secret.name.value) {
                self.report(
                    Finding::warning(
                        Code::UnusedName,
                        format!("the secret `{}` is never used", secret.name.value),
                    )
                    .at(secret.name.place, "nobody uses it")
                    .help("delete it, so that nobody has to give it"),
                );
            }
        }
    }

    /// A step that only says "some error" also passes when the wrong thing failed.
    fn bare_negatives(&mut self, plan: &Plan, steps: &[Option<CheckedStep>]) {
        for (placed, step) in in_order(plan).into_iter().zip(steps) {
            let (Some(expect), Some(step)) = (&placed.step.expect, step) else { continue };
            if !matches!(step.work, Work::Request(_)) || !step.expect.one_of.is_empty() {
                continue;
            }
            // What could not be read may be what tells the error apart.
            let read = step.expect.assertions.iter().filter(|assertion| !assertion.implied);
            if read.count() < expect.assertions.len() {
                continue;
            }
            let negative = step
                .expect
                .assertions
                .iter()
                .filter(|a| matches!(a.subject.kind, SubjectKind::Status))
                .any(|a| accepts_only_errors(&a.predicate));
            let says_more = step.expect.contract.is_some()
                || !step.expect.hops.is_empty()
                || step.expect.assertions.iter().any(|a| a.subject.tells_what_came());
            if negative && !says_more {
                let place = expect
                    .assertions
                    .iter()
                    .find(|a| a.subject.key.value == "status")
                    .map_or(expect.place, |a| a.predicate.place);
                self.report(
                    Finding::warning(
                        Code::BareNegative,
                        "any error with this status would pass",
                    )
                    .at(place, "which error is meant?")
                    .help("add what tells it apart: `$.error_code: …` or `$.detail: {contains: …}`"),
                );
            }
        }
    }
}

fn holds_template(node: &Node) -> bool {
    node.has_template()
        || node.items().iter().any(holds_template)
        || node.entries().iter().any(|entry| holds_template(&entry.value))
}

/// What later steps can look at.
fn what_it_has(step: &Step) -> Has {
    let outcomes = step.expect.as_ref().is_some_and(|expect| !expect.one_of.is_empty());
    match &step.action {
        Action::Request(request) => Has { response: true, body: request.body.is_some(), outcomes },
        Action::Assert(_) | Action::Sleep(_) | Action::Group(..) | Action::Include(_) => {
            Has { response: false, body: false, outcomes: false }
        }
    }
}

/// Whether every status that is accepted is 4xx or 5xx; not where a template decides.
fn accepts_only_errors(predicate: &Predicate) -> bool {
    let accepted = |status| predicate.accepts_status(status) != Some(false);
    // 200 first: nearly every plan asks for it, and then nothing else need be tried.
    !(200..=399).chain(100..=199).any(accepted) && (400..=599).any(accepted)
}

/// ``a`, `b` and `c``.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => format!("{last} (by itself)"),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The origin of a URL's literal beginning, where it is whole: `http://host:port/…`.
fn literal_origin(url: &Template) -> Option<String> {
    let head = super::request::head(url);
    let scheme = ["http://", "https://"].into_iter().find(|s| head.starts_with(s))?;
    let rest = head.get(scheme.len()..)?;
    let host = rest.split(['/', '?', '#']).next()?;
    // Without an end the host may go on in a template.
    let ended = rest.len() > host.len() || url.is_literal().is_some();
    (ended && !host.is_empty()).then(|| format!("{scheme}{host}"))
}
