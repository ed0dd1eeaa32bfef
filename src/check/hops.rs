//! What is expected of the requests that taps saw, compiled; taps are known by name.

use super::placed::in_order;
use super::types::{Assertion, CheckedHop, HopPart};
use super::values::Checker;
use crate::finding::{Code, Finding, nearest};
use crate::plan::{AssertionAst, HopAst, Plan, SubjectAst};
use crate::predicate::About;
use crate::query::{Subject, Yields};
use crate::yaml::{Kind, Node, Style};

impl Checker<'_> {
    /// `hops:` of `expect`.
    pub(super) fn hops(&mut self, asts: &[HopAst]) -> Vec<CheckedHop> {
        asts.iter().filter_map(|ast| self.hop(ast)).collect()
    }

    /// The same of `warn`: a tap that is not there warns of nothing, and no step is skipped for it.
    pub(super) fn hops_of_warn(&mut self, asts: &[HopAst]) -> Vec<CheckedHop> {
        self.hops(asts).into_iter().filter(|hop| !hop.is_absent).collect()
    }

    fn hop(&mut self, ast: &HopAst) -> Option<CheckedHop> {
        let count = self.hop_count(ast);
        let assertions = ast.assertions.iter();
        let assertions: Vec<_> = assertions.filter_map(|ast| self.hop_part(ast)).collect();
        let expects_none = ast.count.as_ref().is_some_and(
            |(_, node)| matches!(&node.kind, Kind::Number { written, .. } if written == "0"),
        );
        let more = ast.contract.or(ast.assertions.first().map(|one| one.subject.key.place));
        if let (true, Some(more), Some((place, _))) = (expects_none, more, &ast.count) {
            let message = "of no requests nothing else can be expected";
            let finding = Finding::error(Code::Conflict, message)
                .at(more, "never looked at")
                .at(*place, "none is expected")
                .help("delete one of the two");
            self.report(finding);
        }
        let (tap, contract) = (ast.tap.clone(), ast.contract);
        let is_absent = ast.optional && self.lacks_tap(&tap.value);
        Some(CheckedHop { tap, count: count?, contract, is_absent, assertions })
    }

    /// Whether the environment has no tap of that name.
    fn lacks_tap(&self, name: &str) -> bool {
        let shape = self.around.environment;
        shape.is_some_and(|shape| !shape.taps.iter().any(|tap| tap.name.value == name))
    }

    /// Every tap that a plan expects something of is one that the environment has, and has a
    /// contract of the plan where that is asked for.
    pub(super) fn known_taps(&mut self, plan: &Plan) {
        let of_project = self.around.contracts.of_project;
        let contracts = plan.contracts.iter().chain(of_project.iter());
        let contracts: Vec<&str> = contracts.map(|one| one.name.value.as_str()).collect();
        for placed in in_order(plan) {
            let both = [placed.step.expect.as_ref(), placed.step.warn.as_ref()];
            for hop in both.into_iter().flatten().flat_map(|expect| &expect.hops) {
                self.known_tap(hop, &contracts);
            }
        }
    }

    fn known_tap(&mut self, ast: &HopAst, known: &[&str]) {
        let Some(shape) = self.around.environment else { return };
        let name = ast.tap.value.as_str();
        let Some(tap) = shape.taps.iter().find(|tap| tap.name.value == name) else {
            let message = if shape.name.is_empty() {
                format!(
                    "there is no tap `{name}`: no environment was chosen; `-e NAME` chooses one"
                )
            } else {
                format!("the environment `{}` has no tap `{name}`", shape.name)
            };
            let finding =
                Finding::error(Code::UnknownTap, message).at(ast.tap.place, "no such tap");
            let near = nearest(name, shape.taps.iter().map(|tap| tap.name.value.as_str()));
            match near {
                Some(near) => self.report(finding.help(format!("did you mean `{near}`?"))),
                // The step is skipped.
                None if ast.optional => {}
                None => self.report(
                    finding
                        .help(format!(
                            "define it in the environment: `taps: {{{name}: {{forward: \"${{{{ env.auth_url }}}}\"}}}}`"
                        ))
                        .help("or skip this step where there is none: `optional: true`"),
                ),
            }
            return;
        };
        let Some(place) = ast.contract else { return };
        let Some(contract) = &tap.contract else {
            let message = format!("the tap `{name}` names no contract");
            let finding = Finding::error(Code::ContractUnbound, message)
                .at(place, "nothing to hold its requests against")
                .at(tap.name.place, "the tap")
                .help("add `contract: NAME` to the tap, one of the plan's or the project's");
            self.report(finding);
            return;
        };
        if !known.contains(&contract.value.as_str()) {
            let message = format!("this plan has no contract `{}`", contract.value);
            let finding = Finding::error(Code::ContractUnbound, message)
                .at(place, format!("the tap `{name}` is held against it"))
                .at(contract.place, "named here");
            self.report(match nearest(&contract.value, known.iter().copied()) {
                Some(near) => finding.help(format!("the plan has `{near}`")),
                None => finding.help(format!(
                    "name its document: `contracts: {{{}: {{spec: …, base: …}}}}`",
                    contract.value
                )),
            });
        }
    }

    /// How many requests there are; at least one where nothing is said.
    fn hop_count(&mut self, ast: &HopAst) -> Option<Assertion> {
        let label = format!("hops.{}.count", ast.tap.value);
        let subject = Subject { label, ..Subject::parse(None, "status").ok()? };
        let number = Some(About::Kind(Yields::Number));
        let place = ast.tap.place;
        let implied = ast.count.is_none();
        let (place, predicate) = match &ast.count {
            Some((place, node)) => {
                self.possible_count(node);
                (*place, node.clone())
            }
            None => (place, at_least_one(place)),
        };
        let key = crate::yaml::Key { value: "count".to_owned(), place };
        let ast = AssertionAst { subject: SubjectAst { group: None, key }, predicate };
        Some(Assertion { implied, ..self.judged(&ast, subject, number)? })
    }

    /// A number of requests that there never is.
    fn possible_count(&mut self, node: &Node) {
        let Kind::Number { json, written } = &node.kind else { return };
        if json.as_f64().is_some_and(|count| count < 0.0 || count.fract() != 0.0) {
            let message = format!("there are never {written} requests");
            self.report(
                Finding::error(Code::ImpossibleAssertion, message)
                    .at(node.place, "can never hold")
                    .help("write a whole number, as `count: 2`, or `count: {gte: 1}`"),
            );
        }
    }

    /// A path that is written out and no request has: it begins with `/`, and the query stands apart.
    fn possible_path(&mut self, node: &Node) {
        let Some(text) = node.as_str().filter(|text| !text.contains("${{")) else { return };
        let (label, help) = if let Some((_, query)) = text.split_once('?') {
            let name = query.split(['=', '&']).next().unwrap_or_default();
            ("the query is no part of it", format!("expect it apart: `query: {{{name}: …}}`"))
        } else if !text.starts_with('/') && text != "*" {
            ("begins with no `/`", format!("write `path: /{text}`"))
        } else {
            return;
        };
        self.report(
            Finding::error(Code::ImpossibleAssertion, "no path is like this")
                .at(node.place, label)
                .help(help),
        );
    }

    fn hop_part(&mut self, ast: &AssertionAst) -> Option<(HopPart, Assertion)> {
        let key = ast.subject.key.value.as_str();
        let group = ast.subject.group.as_ref().map(|group| group.value.as_str());
        let text = Some(About::Kind(Yields::Text));
        let (part, about) = match (group, key) {
            (Some("query"), name) => (HopPart::Query(name.to_owned()), text),
            (None, "method") => (HopPart::Method, text),
            (None, "path") => (HopPart::Path, text),
            (None, "status") => (HopPart::Status, None),
            (_, _) => (HopPart::Request, None),
        };
        let subject = match &part {
            HopPart::Query(_) | HopPart::Method | HopPart::Path => Subject::parse(None, "url"),
            HopPart::Status | HopPart::Request => Subject::parse(group, key),
        };
        let subject = match subject {
            Ok(subject) => subject,
            Err(fault) => {
                let content = self.key_content(ast.subject.key.place, key);
                let place = match (content, fault.range()) {
                    (Some(content), Some(range)) => content.inward(range),
                    _ => ast.subject.key.place,
                };
                self.report(Finding::of(&fault, place));
                return None;
            }
        };
        let label = match &part {
            HopPart::Query(name) => format!("query.{name}"),
            HopPart::Method => "method".to_owned(),
            HopPart::Path => "path".to_owned(),
            HopPart::Status | HopPart::Request => subject.label.clone(),
        };
        if part == HopPart::Path {
            self.possible_path(&ast.predicate);
        }
        let assertion = self.judged(ast, Subject { label, ..subject }, about)?;
        Some((part, assertion))
    }
}

/// `{gte: 1}`, at the tap's own name.
fn at_least_one(place: crate::source::Place) -> Node {
    let number = Kind::Number { written: "1".to_owned(), json: 1.into() };
    let node = |kind: Kind| Node { kind, place, style: Style::Plain };
    let key = crate::yaml::Key { value: "gte".to_owned(), place };
    node(Kind::Map(vec![crate::yaml::Entry { key, value: node(number) }]))
}
