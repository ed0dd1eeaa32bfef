//! What `case` means at a point of the plan: the names that `matrix` and `rows` give there.

use super::cases::CaseShape;
use super::names::{Names, undefined};
use super::types::StepIndex;
use crate::finding::{Code, Finding, nearest};
use crate::source::Place;

impl Names<'_> {
    /// What the cases of the plan give.
    pub(super) fn in_cases_of_plan(&mut self, shape: CaseShape) {
        self.plan_case = Some(shape.clone());
        self.case = Some(shape);
    }

    /// A step begins: it sees the cases of what holds it.
    pub(super) fn enter_step(&mut self, parent: Option<StepIndex>) {
        let of_group = parent.and_then(|parent| self.group_cases.get(&parent));
        self.case = of_group.or(self.plan_case.as_ref()).cloned();
    }

    /// The step has cases of its own; the steps that it holds see them too.
    pub(super) fn enter_cases(&mut self, index: StepIndex, own: Option<CaseShape>) {
        if let Some(own) = own {
            self.case = Some(own.over(self.case.as_ref()));
        }
        if let Some(shape) = &self.case {
            self.group_cases.insert(index, shape.clone());
        }
    }

    pub(super) fn case(
        &self,
        field: Option<&str>,
        guarded: bool,
        place: Place,
    ) -> Result<(), Box<Finding>> {
        let Some(shape) = &self.case else {
            return Err(undefined("case", place)
                .help_boxed("`case` exists where `matrix` or `rows` give cases"));
        };
        let Some(field) = field else { return Ok(()) };
        if !shape.known {
            return Ok(());
        }
        if shape.scalar {
            return Err(undefined(&format!("case.{field}"), place)
                .help_boxed("these rows are no mappings: `case` is the value itself"));
        }
        match shape.fields.get(field) {
            Some(false) if !guarded => Err(Box::new(
                Finding::error(
                    Code::UndefinedName,
                    format!("not every row has `{field}`"),
                )
                .at(place, "may not be there")
                .help(format!(
                    "give it to every row (`{field}: ${{{{ omit }}}}` leaves it out), or write `default(case.{field}, …)`"
                )),
            )),
            Some(_) => Ok(()),
            None if field == "name" || guarded => Ok(()),
            None => {
                let finding = undefined(&format!("case.{field}"), place);
                let names = shape.fields.keys().map(String::as_str).chain(["name"]);
                Err(Box::new(if let Some(near) = nearest(field, names) {
                    finding.help(format!("did you mean `case.{near}`?"))
                } else {
                        let known: Vec<String> =
                            shape.fields.keys().map(|name| format!("`case.{name}`")).collect();
                        finding.help(format!("there is {}", known.join(", ")))
                }))
            }
        }
    }
}
