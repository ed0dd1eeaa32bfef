//! One step becomes one that can be carried out.

use super::placed::Placed;
use super::request::is_blank;
use super::types::{CheckedBudget, CheckedStep, Group, Late, Poll, StepIndex, Work};
use super::values::Checker;
use serde_json::Value;

use crate::budget::{self, Budget, Samples, Scope};
use crate::finding::{Code, Finding};
use crate::plan::{Action, Connection, OnFailure, RequestOptions, Step, Templated};
use crate::source::Spanned;
use crate::template::{self, Names, Seed, Template};
use crate::yaml::{Kind, Node};

/// What a step inherits from its plan.
pub(super) struct Inherited<'a> {
    pub(super) defaults: &'a [&'a RequestOptions],
    pub(super) on_failure: Option<&'a Spanned<Templated<OnFailure>>>,
}

impl Checker<'_> {
    /// Lowers a step; `None` where something was reported that leaves nothing to run.
    pub(super) fn step(
        &mut self,
        placed: &Placed<'_>,
        inherited: &Inherited<'_>,
    ) -> Option<CheckedStep> {
        let Placed { step, index, section, position, parent, top: _, children } = placed;
        let (step, index) = (*step, *index);
        self.now = Some(index);
        self.uses = super::types::Uses::default();
        let cases = self.cases_of(placed);
        let name = self.step_name(step);
        let condition = step.condition.as_ref().and_then(|node| {
            let condition = self.expression(node)?;
            self.check_condition(&condition.template, node);
            Some(Box::new(condition))
        });
        let needs = step
            .needs
            .iter()
            .filter_map(|id| match self.names.step(&id.value, id.place, Some(index)) {
                Ok(needed) => Some(needed),
                Err(finding) => {
                    self.report(*finding);
                    None
                }
            })
            .collect();
        let deadline = self.late_duration(step.deadline.as_ref());
        let on_failure = step.on_failure.as_ref().or(inherited.on_failure);
        let on_failure =
            on_failure.map_or(Some(Late::Known(OnFailure::Stop)), |word| self.late(&word.value));
        let (work, mut retry, fresh) = self.work(step, children, inherited);
        let together = step.samples.as_ref().is_some_and(|samples| samples.together.is_some());
        // Connections of a wave are made for it.
        let fresh = fresh || together;
        if together {
            // A later try would not be with the others: the one of the defaults does not hold here.
            retry = None;
        }
        let connection = if fresh { budget::Connection::Fresh } else { budget::Connection::Reused };
        let scope = match &step.action {
            // Like a plan's: the wall clock, and nothing has phases.
            Action::Include(_) if step.samples.is_some() => Scope::Repeated,
            Action::Group(..) | Action::Include(_) => Scope::Plan,
            Action::Request(_) | Action::Assert(_) | Action::Sleep(_) => {
                let samples = if step.samples.is_some() { Samples::Many } else { Samples::One };
                Scope::Step { connection, samples }
            }
        };
        // Where a request says nothing of its status, its method is the place of what is implied.
        let method = match &step.action {
            Action::Request(request) => Some(request.method.place),
            Action::Assert(_) | Action::Sleep(_) | Action::Group(..) | Action::Include(_) => None,
        };
        let is_request = method.is_some();
        let poll = step.poll.as_ref().and_then(|poll| self.poll(step, &poll.value)).map(Box::new);
        // `values:` sees this step's own captures, so they are defined before `expect` is read.
        let captures = self.captures(&step.capture, index);
        self.exports(step, index);
        let expect = if is_request {
            self.expect(step.expect.as_ref(), method.unwrap_or(step.place))
        } else {
            super::types::Expect::default()
        };
        let samples = step.samples.as_ref().map(|ast| self.samples(ast, &expect));
        let warn = super::types::Expect {
            assertions: step
                .warn
                .as_ref()
                .map(|expect| self.only_stated(expect, "warn"))
                .unwrap_or_default(),
            contract: step.warn.as_ref().and_then(|warn| warn.contract),
            hops: self.hops_of_warn(step.warn.as_ref().map_or(&[], |warn| &*warn.hops)),
            ..super::types::Expect::default()
        };
        let budget = self.budget(step.budget.as_ref(), scope);
        let warn_budget =
            self.budget(step.warn.as_ref().and_then(|warn| warn.budget.as_ref()), scope);
        let uses = self.own_captures_left_out(index);
        Some(CheckedStep {
            section: *section,
            position: *position,
            parent: *parent,
            place: step.place,
            id: step.id.as_ref().map(|id| id.value.clone()),
            name: name?,
            covers: step.covers.iter().map(|id| id.value.clone()).collect(),
            skip: step.skip.as_ref().map(|reason| reason.value.clone()),
            cases,
            samples: match samples {
                Some(samples) => Some(Box::new(samples?)),
                None => None,
            },
            condition,
            needs,
            uses,
            on_failure: on_failure?,
            deadline,
            deadline_place: step.deadline.as_ref().map(|deadline| deadline.place),
            work: work?,
            expect,
            warn,
            equal_routes: self.equal_routes(step),
            captures,
            budget,
            warn_budget,
            retry,
            poll,
        })
    }

    /// The cases of a step, which its own names and those of the steps that it holds see.
    fn cases_of(&mut self, placed: &Placed<'_>) -> Option<super::cases::Cases> {
        self.names.enter_step(placed.parent);
        let (cases, shape) = match &placed.step.cases {
            Some(ast) => {
                let (cases, shape) = self.cases(ast);
                (cases, Some(shape))
            }
            None => (None, None),
        };
        let (cases, shape) = match &placed.step.routes {
            Some(routes) => self.with_routes(routes, (cases, shape)),
            None => (cases, shape),
        };
        if shape.is_some() || !placed.children.is_empty() {
            self.names.enter_cases(placed.index, shape);
        }
        cases
    }

    fn poll(&mut self, step: &Step, poll: &crate::plan::Poll) -> Option<Poll> {
        let give_up = poll
            .give_up
            .as_ref()
            .map(|expect| self.only_stated(expect, "give_up"))
            .unwrap_or_default();
        Some(Poll {
            every: self.late(&poll.every)?,
            within: self.late(&poll.within)?,
            times: match &poll.times {
                Some(times) => Some(self.late(times)?),
                None => None,
            },
            give_up,
            denials: [401, 403]
                .into_iter()
                .filter(|status| {
                    step.expect.as_ref().is_some_and(|expect| names_status(expect, *status))
                })
                .collect(),
        })
    }

    /// A step's use of its own captures blocks nothing.
    fn own_captures_left_out(&mut self, index: StepIndex) -> super::types::Uses {
        let mut uses = std::mem::take(&mut self.uses);
        uses.captures.retain(|(_, step, _)| *step != index);
        uses
    }

    fn work(
        &mut self,
        step: &Step,
        children: &[StepIndex],
        inherited: &Inherited<'_>,
    ) -> (Option<Work>, Option<super::types::Retry>, bool) {
        match &step.action {
            Action::Request(ast) => {
                let mut request = self.request(ast, inherited.defaults);
                if let (Some(routes), Some(request)) = (&step.routes, &mut request) {
                    self.route_urls(routes, request);
                }
                let retry = self.retry(ast, inherited.defaults);
                // What a template gives is not known, and what is not known is not wrong.
                let fresh = request
                    .as_ref()
                    .is_none_or(|r| !matches!(r.connection, Late::Known(Connection::Reuse)));
                (request.map(|request| Work::Request(Box::new(request))), retry, fresh)
            }
            Action::Assert(nodes) => {
                let conditions: Vec<_> = nodes.iter().map(|node| self.expression(node)).collect();
                (conditions.into_iter().collect::<Option<_>>().map(Work::Assert), None, false)
            }
            Action::Sleep(duration) => (self.late(&duration.value).map(Work::Sleep), None, false),
            Action::Group(kind, _) => {
                let group = Group { kind: *kind, children: children.to_vec() };
                (Some(Work::Group(group)), None, false)
            }
            Action::Include(ast) => {
                let include = self.include(ast);
                (include.map(|include| Work::Include(Box::new(include))), None, false)
            }
        }
    }

    fn step_name(&mut self, step: &Step) -> Option<Template> {
        if let Some(node) = &step.name {
            if is_blank(node) {
                self.report(
                    Finding::error(Code::EmptyValue, "a name with nothing behind it")
                        .at(node.place, "")
                        .help("write a name, or delete the line"),
                );
                return None;
            }
            return self.template(node);
        }
        let name = match &step.action {
            Action::Request(request) => {
                let url = request.url.as_str().unwrap_or_default();
                format!("{} {}", request.method.value, path_of(url))
            }
            Action::Assert(conditions) => {
                let first = conditions.first().and_then(Node::as_str).unwrap_or("true");
                format!("assert {first}")
            }
            Action::Sleep(duration) => match &duration.value {
                crate::plan::Templated::Known(time) => {
                    format!("sleep {}", crate::units::show_duration(*time))
                }
                crate::plan::Templated::Template(node) => {
                    format!("sleep {}", node.as_str().unwrap_or_default())
                }
            },
            Action::Group(kind, steps) => format!("{} ({})", kind.key(), steps.value.len()),
            Action::Include(include) => format!("include {}", include.path.value),
        };
        Some(Template::literal(&name))
    }

    /// A condition that no data can change is a mistake.
    fn check_condition(&mut self, condition: &Template, node: &Node) {
        if is_never_true(condition) {
            self.report(
                Finding::warning(Code::NeverRuns, "this condition can never be true")
                    .at(node.place, "always false")
                    .help("correct it, or write `skip: \"reason\"`"),
            );
        }
        if let Kind::Number { .. } = node.kind {
            self.report(
                Finding::error(Code::WrongType, "`if` wants a boolean, found a number")
                    .at(node.place, "not a boolean"),
            );
        }
    }

    pub(super) fn budget(&mut self, node: Option<&Node>, scope: Scope) -> Option<CheckedBudget> {
        match Budget::parse(node?, scope) {
            Ok(budget) => {
                let operands: Option<Vec<_>> =
                    budget.templates().iter().map(|node| self.value(node)).collect();
                Some(CheckedBudget { operands: operands?, budget })
            }
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    /// The limit of cleanup.
    pub(super) fn cleanup_timeout(
        &mut self,
        plan: &crate::plan::Plan,
    ) -> Option<Late<std::time::Duration>> {
        self.late_duration(plan.cleanup_timeout.as_ref())
    }
}

/// What of a URL names a step: without the template that stands for its host.
fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("${{").and_then(|rest| rest.split_once("}}"));
    rest.map(|(_, path)| path).filter(|path| path.starts_with('/')).unwrap_or(url)
}

/// Whether a condition uses no name and no function, and is false.
fn is_never_true(condition: &Template) -> bool {
    if !condition.names().is_empty() || condition.text().contains('(') {
        return false;
    }
    let scope = template::Scope {
        names: &Names::default(),
        seed: Seed::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        entropy: &|| 0,
        file: &|_| Err(String::new()),
    };
    condition.eval(&scope).is_ok_and(|evaluated| evaluated.value() == Some(Value::Bool(false)))
}

/// Whether an expectation names a status, in any outcome; to refuse it by name is not to expect it.
fn names_status(expect: &crate::plan::ExpectAst, status: u16) -> bool {
    let number = status.to_string();
    let words = [number.as_str(), "4xx", "any"];
    let in_node = |node: &Node| {
        let mut found = false;
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            match &node.kind {
                Kind::Number { written, .. } => found |= words.contains(&written.as_str()),
                Kind::String(text) => found |= words.contains(&text.as_str()),
                Kind::List(items) => stack.extend(items),
                Kind::Map(entries) => stack.extend(
                    entries
                        .iter()
                        .filter(|entry| !entry.key.value.starts_with("not"))
                        .map(|entry| &entry.value),
                ),
                Kind::Empty | Kind::Null | Kind::Bool(_) => {}
            }
        }
        found
    };
    let own = expect
        .assertions
        .iter()
        .filter(|ast| ast.subject.group.is_none() && ast.subject.key.value == "status")
        .any(|ast| in_node(&ast.predicate));
    own || expect.one_of.iter().any(|outcome| names_status(&outcome.expect, status))
}
