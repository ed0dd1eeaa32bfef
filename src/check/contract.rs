//! A plan against the OpenAPI documents that it names: nothing is sent, and what is not known is
//! never wrong.

mod expected;
mod lower;
mod url;

use std::sync::Arc;

use super::names::Stage;
use super::placed::{Placed, in_order};
use super::types::{CheckedStep, Work};
use super::values::Checker;
use crate::contract::{Binding, Breach, Document, Operation};
use crate::finding::{Code, Finding, Severity};
use crate::plan::{Action, ContractAst, Plan, RequestAst, RequestOptions};
use crate::source::Place;
use crate::template::Template;
use url::Under;

/// A document with where it counts.
#[derive(Debug)]
pub struct CheckedContract {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The document.
    pub document: Arc<Document>,
    /// What a URL begins with that belongs to it.
    pub base: Template,
    /// Where that is written.
    pub base_place: Place,
    /// What is left out.
    pub exceptions: Vec<Exception>,
    /// What a violation in the plan is.
    severity: Severity,
}

/// An exception that still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The operation: its label or its id.
    pub operation: String,
    /// What is left out of it.
    pub code: Code,
}

impl CheckedContract {
    /// Whether something is left out of an operation.
    #[must_use]
    pub fn leaves_out(&self, operation: &Operation, code: Code) -> bool {
        self.exceptions.iter().any(|one| one.code == code && operation.is_called(&one.operation))
    }

    /// The same for a method and a path that are not documented.
    #[must_use]
    pub fn leaves_out_undocumented(&self, asked: &str, code: Code) -> bool {
        self.exceptions.iter().any(|one| one.code == code && one.operation.trim() == asked)
    }
}

/// A step that belongs to an operation of a contract.
struct Bound<'c> {
    contract: &'c CheckedContract,
    operation: &'c Operation,
}

impl Checker<'_> {
    /// The contracts of a plan: its own, and those of the project that it does not name itself.
    pub(super) fn contracts(&mut self, plan: &Plan) -> Vec<CheckedContract> {
        let known = self.around.contracts;
        let own =
            |one: &&ContractAst| plan.contracts.iter().any(|own| own.name.value == one.name.value);
        let of_project = known.of_project.iter().filter(|one| !own(one));
        let all: Vec<&ContractAst> = plan.contracts.iter().chain(of_project).collect();
        self.stage = Stage::Plan;
        self.now = None;
        all.into_iter().filter_map(|ast| self.contract(ast)).collect()
    }

    fn contract(&mut self, ast: &ContractAst) -> Option<CheckedContract> {
        let base = self.template(&ast.base);
        let documents = self.around.contracts.documents?;
        let document = Arc::clone(documents.get(ast.spec.place.source, &ast.spec.value)?);
        let mut exceptions = Vec::new();
        for ignore in &ast.ignore {
            let until = ignore.until.value;
            if let Some(today) = self.around.contracts.today.filter(|today| *today > until) {
                self.report(
                    Finding::error(
                        Code::ContractExpiredIgnore,
                        format!("this exception ended on {until}, and today is {today}"),
                    )
                    .at(ignore.until.place, "over")
                    .help(format!("its reason was: {}", ignore.reason.value))
                    .help("mend what it left out and delete it, or give it a new date"),
                );
                continue;
            }
            let operation = &ignore.operation.value;
            // What is not documented has no operation to name.
            let is_of_none = matches!(
                ignore.code,
                Code::ContractUnknownPath | Code::ContractUnknownMethod | Code::ContractUnbound
            );
            if !is_of_none && !document.operations().iter().any(|one| one.is_called(operation)) {
                self.no_such_operation(&document, operation, ignore.operation.place);
                continue;
            }
            exceptions.push(Exception { operation: operation.clone(), code: ignore.code });
        }
        Some(CheckedContract {
            name: ast.name.value.clone(),
            place: ast.name.place,
            document,
            base: base?,
            base_place: ast.base.place,
            exceptions,
            severity: ast.on_violation,
        })
    }

    fn no_such_operation(&mut self, document: &Document, name: &str, place: Place) {
        let labels: Vec<String> = document.operations().iter().map(Operation::label).collect();
        let ids = document.operations().iter().filter_map(|one| one.id.as_deref());
        let all = labels.iter().map(String::as_str).chain(ids);
        let finding = Finding::warning(
            Code::ContractUnusedIgnore,
            format!("the document has no operation `{name}`"),
        )
        .at(place, "leaves nothing out");
        self.report(match crate::finding::nearest(name, all) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("write it as `METHOD /path`, or use its `operationId`"),
        });
    }

    /// Compares every request of a plan with the operation that it belongs to.
    pub(super) fn against_contracts(
        &mut self,
        plan: &Plan,
        steps: &[Option<CheckedStep>],
        contracts: &[CheckedContract],
    ) {
        let defaults: Vec<&RequestOptions> =
            std::iter::once(&plan.defaults).chain(self.around.defaults.iter().copied()).collect();
        for (placed, step) in in_order(plan).into_iter().zip(steps) {
            if let (Action::Request(request), Some(step)) = (&placed.step.action, step)
                && matches!(step.work, Work::Request(_))
            {
                self.request_against(&placed, (request, step), &defaults, contracts);
            }
        }
    }

    fn request_against(
        &mut self,
        placed: &Placed<'_>,
        (request, step): (&RequestAst, &CheckedStep),
        defaults: &[&RequestOptions],
        contracts: &[CheckedContract],
    ) {
        // A document that could not be read has its finding.
        let unread = self.around.contracts.documents.is_none();
        if contracts.is_empty() {
            if !unread {
                self.bound_to_none(placed, contracts);
            }
            return;
        }
        let Some(url) = self.url_pieces(request, defaults) else { return };
        let mut best: Option<(&CheckedContract, Vec<url::Piece>, usize)> = None;
        let mut perhaps = unread;
        for contract in contracts {
            let base = self.pieces(&contract.base);
            match url::under(&base, &url) {
                Under::Yes(rest) => {
                    let length = base.len();
                    if best.as_ref().is_none_or(|(_, _, known)| length > *known) {
                        best = Some((contract, rest, length));
                    }
                }
                Under::Perhaps => perhaps = true,
                Under::No => {}
            }
        }
        let Some((contract, rest, _)) = best else {
            if !perhaps {
                self.bound_to_none(placed, contracts);
            }
            return;
        };
        let mut shape = self.shape_of(request, defaults, &rest);
        shape.expects_denial = expected::only_denial(&step.expect);
        let violates = placed.step.violates_contract.as_ref();
        let Some(path) = shape.path.clone() else { return };
        let (operation, values) = match contract.document.bind(&shape.method, &path) {
            Binding::To(operation, values) => (operation, values),
            Binding::Unknown => return,
            Binding::Method { path, near, methods } => {
                let asked = format!("{} {path}", shape.method);
                let code = Code::ContractUnknownMethod;
                if violates.is_none() && !contract.leaves_out_undocumented(&asked, code) {
                    let said = contract.document.place(&contract.document.path_spot(near));
                    let finding = Finding::warning(
                        Code::ContractUnknownMethod,
                        format!("`{path}` is documented, and not with {}", shape.method),
                    )
                    .at(request.method.place, "not documented");
                    let finding = label(finding, said, "this path");
                    let methods = methods.join(", ");
                    self.tell(contract, near, finding.help(format!("it has {methods}")));
                }
                return;
            }
            Binding::Path { near } => {
                if violates.is_none() {
                    self.unknown_path(contract, near, (request, &path));
                }
                return;
            }
        };
        let bound = Bound { contract, operation };
        let judged = contract.document.judge_request(operation, &values, &shape);
        match violates {
            None => {
                for breach in &judged.breaches {
                    self.tell(contract, operation, of_breach(breach));
                }
            }
            Some(reason) if judged.breaches.is_empty() && judged.complete => {
                let said = contract.document.place(&operation.spot);
                let finding = Finding::warning(
                    Code::ContractNotViolating,
                    "the request is as the document wants it",
                )
                .at(reason.place, "nothing is violated");
                let finding = label(finding, said, "this operation");
                let help = "delete `violates_contract`, or break what it speaks of";
                self.tell(contract, operation, finding.help(help));
            }
            Some(_) => {}
        }
        self.expected_against(placed, step, &bound);
    }

    /// A path that no operation has.
    fn unknown_path(
        &mut self,
        contract: &CheckedContract,
        near: Option<&Operation>,
        (request, path): (&RequestAst, &[crate::contract::Known<String>]),
    ) {
        let mut shown = String::new();
        for segment in path {
            shown.push('/');
            shown.push_str(segment.known().map_or("…", String::as_str));
        }
        let asked = format!("{} {shown}", request.method.value);
        if contract.leaves_out_undocumented(&asked, Code::ContractUnknownPath) {
            return;
        }
        let finding = Finding::warning(
            Code::ContractUnknownPath,
            format!("the document has no path `{shown}`"),
        )
        .at(request.url.place, "not documented");
        if let Some(near) = near {
            let said = contract.document.place(&contract.document.path_spot(near));
            let finding = label(finding, said, "the nearest one");
            let finding = finding.help(format!("did you mean `{}`?", near.path));
            self.tell(contract, near, finding);
        } else {
            let paths = crate::contract::Spot::new("/paths");
            let said = contract.document.place(&paths);
            let mut finding = label(finding, said, "its paths");
            finding.severity = contract.severity;
            self.report(finding);
        }
    }

    /// A step that says something of a contract and belongs to none.
    fn bound_to_none(&mut self, placed: &Placed<'_>, contracts: &[CheckedContract]) {
        let step = placed.step;
        let expects = step.expect.iter().chain(&step.warn).flat_map(|expect| {
            let outcomes = expect.one_of.iter().filter_map(|outcome| outcome.expect.contract);
            expect.contract.into_iter().chain(outcomes)
        });
        let violates = step.violates_contract.as_ref().map(|reason| reason.place);
        let said: Vec<Place> = expects.chain(violates).collect();
        for place in said {
            let finding = Finding::error(
                Code::ContractUnbound,
                "the URL of this step lies under the `base` of no contract",
            )
            .at(place, "nothing to compare with");
            let finding = match &step.action {
                Action::Request(request) => finding.at(request.url.place, "this URL"),
                Action::Assert(_) | Action::Sleep(_) | Action::Group(..) | Action::Include(_) => {
                    finding
                }
            };
            self.report(match contracts {
                [] => finding.help(
                    "name the document: `contracts: {auth: {spec: specs/auth.openapi.yaml, base: \"${{ env.auth_url }}\"}}`",
                ),
                [first, ..] => finding.at(first.base_place, "the base of a contract"),
            });
        }
    }

    /// A finding with the weight that its contract gives it, unless it is left out.
    fn tell(&mut self, contract: &CheckedContract, operation: &Operation, mut finding: Finding) {
        if !contract.leaves_out(operation, finding.code) {
            finding.severity = contract.severity;
            self.report(finding);
        }
    }
}

/// What is said of a request, at the plan's line and the document's.
fn of_breach(breach: &Breach) -> Finding {
    let mut finding = Finding::warning(breach.code, breach.message.clone());
    if let Some(place) = breach.place {
        finding = finding.at(place, breach.label.clone());
    }
    finding = label(finding, breach.said, &breach.said_label);
    finding.help.extend(breach.help.iter().cloned());
    finding
}

fn label(finding: Finding, place: Option<Place>, text: &str) -> Finding {
    match place {
        Some(place) => finding.at(place, text),
        None => finding,
    }
}
