//! Expectations and captures become compiled assertions: subject, transforms, predicate.

use super::types::{Assertion, Capture, Expect, Outcome, StepIndex};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{AssertionAst, CaptureAst, ExpectAst};
use crate::predicate::{About, Context, Predicate};
use crate::query::{self, Subject, SubjectKind};
use crate::source::Place;
use crate::template;
use crate::yaml::{Kind, Node, Style};

impl Checker<'_> {
    /// `expect:` of a step that sends a request; without a `status` it means 2xx.
    pub(super) fn expect(&mut self, expect: Option<&ExpectAst>, request: Place) -> Expect {
        let Some(ast) = expect else {
            return Expect {
                assertions: implied_2xx(request).into_iter().collect(),
                ..Expect::default()
            };
        };
        let mut assertions = self.assertions(&ast.assertions);
        let one_of: Vec<Outcome> = ast
            .one_of
            .iter()
            .map(|outcome| {
                let mut assertions = self.assertions(&outcome.expect.assertions);
                if !states_status(&outcome.expect.assertions) {
                    assertions.extend(implied_2xx(outcome.name.place));
                    assertions.rotate_right(1);
                }
                let contract = outcome.expect.contract;
                Outcome { name: outcome.name.clone(), assertions, contract }
            })
            .collect();
        if one_of.is_empty() && !states_status(&ast.assertions) {
            assertions.extend(implied_2xx(request));
            assertions.rotate_right(1);
        }
        let due = ast.outcome.as_ref().and_then(|node| {
            if one_of.is_empty() {
                self.report(
                    Finding::error(Code::Conflict, "`outcome` without `one_of`")
                        .at(node.place, "names an outcome")
                        .help("name the outcomes under `one_of:`"),
                );
            }
            self.check_due(node, &one_of);
            Some(Box::new((self.template(node)?, node.place)))
        });
        let place = ast.one_of.first().map(|outcome| outcome.name.place);
        let hops = self.hops(&ast.hops);
        let expect = Expect { assertions, one_of, due, place, contract: ast.contract, hops };
        self.possible_status(&expect.assertions);
        for outcome in &expect.one_of {
            self.possible_status(&outcome.assertions);
        }
        self.unreachable_outcomes(ast, &expect);
        expect
    }

    /// A status that no response has.
    fn possible_status(&mut self, assertions: &[Assertion]) {
        for assertion in assertions.iter().filter(|assertion| !assertion.implied) {
            let possible = |status| assertion.predicate.accepts_status(status) != Some(false);
            // 200 first: nearly every plan asks for it.
            if matches!(assertion.subject.kind, SubjectKind::Status)
                && !(200..=599).chain(100..=199).any(possible)
            {
                self.report(
                    Finding::error(Code::ImpossibleAssertion, "no status is like this")
                        .at(assertion.value_place, "can never hold")
                        .help("write for example `status: 201`, `status: [200, 404]` or `status: 2xx`"),
                );
            }
        }
    }

    /// A literal `outcome:` names one of the outcomes.
    fn check_due(&mut self, node: &Node, one_of: &[Outcome]) {
        let Some(text) = node.as_str() else { return };
        if text.contains("${{") || one_of.is_empty() {
            return;
        }
        let names = || one_of.iter().map(|outcome| outcome.name.value.as_str());
        if !names().any(|name| name == text) {
            let finding = Finding::error(Code::BadValue, format!("no outcome is called `{text}`"))
                .at(node.place, "not one of the outcomes");
            let finding = match crate::finding::nearest(text, names()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("one of {}", names().collect::<Vec<_>>().join(", "))),
            };
            self.report(finding);
        }
    }

    /// `warn:` or `give_up:`: nothing is implied.
    pub(super) fn only_stated(&mut self, ast: &ExpectAst, word: &str) -> Vec<Assertion> {
        if let Some(outcome) = ast.one_of.first() {
            self.report(
                Finding::error(Code::Conflict, format!("`one_of` has no meaning under `{word}`"))
                    .at(outcome.name.place, "an outcome")
                    .help("name outcomes under `expect:`"),
            );
        }
        let assertions = self.assertions(&ast.assertions);
        self.possible_status(&assertions);
        assertions
    }

    pub(super) fn assertions(&mut self, asts: &[AssertionAst]) -> Vec<Assertion> {
        let assertions: Vec<Assertion> =
            asts.iter().filter_map(|ast| self.assertion(ast)).collect();
        self.asserted_twice(&assertions);
        assertions
    }

    fn assertion(&mut self, ast: &AssertionAst) -> Option<Assertion> {
        let key = &ast.subject.key;
        let group = ast.subject.group.as_ref().map(|group| group.value.as_str());
        let subject = match Subject::parse(group, &key.value) {
            Ok(subject) => subject,
            Err(fault) => {
                let content = self.key_content(key.place, &key.value);
                let place = match (content, fault.range()) {
                    (Some(content), Some(range)) => content.inward(range),
                    _ => key.place,
                };
                self.report(Finding::of(&fault, place));
                return None;
            }
        };
        self.possible_digest(&subject, &ast.predicate);
        self.judged(ast, subject, None)
    }

    /// A digest that is written out and no body has.
    fn possible_digest(&mut self, subject: &Subject, predicate: &Node) {
        let length = match subject.kind {
            SubjectKind::Sha256 => 64,
            SubjectKind::Md5 => 32,
            _ => return,
        };
        let Some(text) = predicate.as_str().filter(|text| !text.contains("${{")) else { return };
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.report(
                Finding::error(Code::ImpossibleAssertion, "no digest is like this")
                    .at(predicate.place, "can never hold")
                    .help(format!("it is {length} digits and letters from `a` to `f`")),
            );
        }
    }

    /// An assertion about a subject; `about` tells more of it than its kind does.
    pub(super) fn judged(
        &mut self,
        ast: &AssertionAst,
        subject: Subject,
        about: Option<About>,
    ) -> Option<Assertion> {
        let key = &ast.subject.key;
        let is_value = matches!(subject.kind, SubjectKind::Value(_));
        self.in_values = is_value;
        let expression = match &subject.kind {
            SubjectKind::Value(text) => self.key_expression(text, key.place).map(Some),
            _ => Some(None),
        };
        if !self.braces_without_dollar(&ast.predicate) {
            self.in_values = false;
            return None;
        }
        let schemas = self.around.schemas;
        let context = Context::of(&subject, self.text(key.place));
        let context = Context { schemas, about: about.unwrap_or(context.about), ..context };
        let predicate = match Predicate::parse(&ast.predicate, &context) {
            Ok(predicate) => Some(predicate),
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        };
        let operands: Option<Vec<_>> = predicate
            .iter()
            .flat_map(|predicate| predicate.templates().to_vec())
            .map(|node| self.value(&node))
            .collect();
        self.in_values = false;
        Some(Assertion {
            text: subject.label.clone(),
            subject,
            place: key.place,
            value_place: ast.predicate.place,
            predicate: predicate?,
            operands: operands?,
            expression: expression?.map(Box::new),
            implied: false,
        })
    }

    /// Whether no text of an operand is `{{ x }}` without its dollar, which is a finding: a text with
    /// a template is judged where it is compiled, and in an expression braces have a meaning.
    fn braces_without_dollar(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::String(text) if text.contains("{{") && !node.has_template() => {
                match template::compile(node, self.text(node.place)) {
                    Ok(_) => true,
                    Err(findings) => {
                        self.findings.extend(findings);
                        false
                    }
                }
            }
            Kind::List(items) => {
                // Each is looked at, so that all are told.
                let bad = items.iter().filter(|item| !self.braces_without_dollar(item)).count();
                bad == 0
            }
            Kind::Map(entries) => entries.iter().fold(true, |sound, entry| {
                let is_data = !matches!(entry.key.value.as_str(), "matches" | "apply" | "schema");
                (!is_data || self.braces_without_dollar(&entry.value)) && sound
            }),
            Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::String(_) => {
                true
            }
        }
    }

    /// Where the characters of a key stand: inside its quotes if it has any.
    pub(super) fn key_content(&self, place: Place, key: &str) -> Option<Place> {
        let style = match self.text(place).get(place.span.range())?.chars().next()? {
            '\'' => Style::Single,
            '"' => Style::Double,
            _ => Style::Plain,
        };
        let node = Node { kind: Kind::String(key.to_owned()), place, style };
        node.content_place(self.text(place))
    }

    pub(super) fn captures(&mut self, asts: &[CaptureAst], step: StepIndex) -> Vec<Capture> {
        let mut captures = Vec::with_capacity(asts.len());
        for ast in asts {
            let text = self.text(ast.value.place);
            match query::Capture::parse(&ast.value, text) {
                Ok(query) => {
                    let default = query.default.clone().and_then(|node| self.value(&node));
                    captures.push(Capture {
                        name: ast.name.value.clone(),
                        place: ast.name.place,
                        query,
                        default,
                    });
                }
                Err(findings) => self.findings.extend(findings),
            }
            let taken = self.names.define_capture(&ast.name.value, step, ast.name.place);
            if let Some(taken) = taken {
                self.report(
                    Finding::error(
                        Code::DuplicateName,
                        format!("the capture `{}` would hide a variable", ast.name.value),
                    )
                    .at(ast.name.place, "captured here")
                    .at(taken, "the variable")
                    .help("give one of the two another name"),
                );
            }
        }
        captures
    }
}

fn states_status(asts: &[AssertionAst]) -> bool {
    asts.iter().any(|ast| ast.subject.group.is_none() && ast.subject.key.value == "status")
}

/// What a request expects that states no status.
fn implied_2xx(place: Place) -> Option<Assertion> {
    let subject = Subject::parse(None, "status").ok()?;
    let node = Node { kind: Kind::String("2xx".into()), place, style: Style::Plain };
    let predicate = Predicate::parse(&node, &Context::of(&subject, "")).ok()?;
    Some(Assertion {
        text: subject.label.clone(),
        subject,
        place,
        value_place: place,
        predicate,
        operands: Vec::new(),
        expression: None,
        implied: true,
    })
}
