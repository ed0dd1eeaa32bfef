//! Scalars and values of the plan become compiled templates whose names are resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Surroundings;
use super::dial::TlsFiles;
use super::names::{At, Names, Stage, inner};
use super::types::{Condition, Late, LateValue, StepIndex, Uses};
use crate::finding::{Code, Finding};
use crate::plan::Templated;
use crate::source::{Place, Spanned};
use crate::template::{self, Template, ValueTemplate};
use crate::yaml::{Entry, Kind, Node};

/// One check in progress: what it knows, what it found.
pub(super) struct Checker<'a> {
    pub(super) around: Surroundings<'a>,
    pub(super) names: Names<'a>,
    pub(super) findings: Vec<Finding>,
    /// What the step at hand uses of others; taken when the step is done.
    pub(super) uses: Uses,
    pub(super) stage: Stage,
    pub(super) now: Option<StepIndex>,
    /// Whether what is read stands under `values:`, which sees the step's own captures.
    pub(super) in_values: bool,
    /// Files that templates name literally: they must be there before anything is sent.
    pub(super) files: Vec<Spanned<String>>,
    /// Files of certificates among them.
    pub(super) tls_files: Vec<TlsFiles>,
    /// Variables whose value stands in the plan and can be no other.
    pub(super) literals: BTreeMap<String, Node>,
    /// Base URLs that were looked at.
    pub(super) bases: BTreeSet<Place>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(around: Surroundings<'a>) -> Self {
        Self {
            names: Names::new(around.environment),
            around,
            findings: Vec::new(),
            uses: Uses::default(),
            stage: Stage::Plan,
            now: None,
            in_values: false,
            files: Vec::new(),
            tls_files: Vec::new(),
            literals: BTreeMap::new(),
            bases: BTreeSet::new(),
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The text that a place lies in.
    pub(super) fn text(&self, place: Place) -> &'a str {
        self.around.sources.get(place.source).map_or("", |source| &source.text)
    }

    /// A value of any shape; `None` where it was reported.
    pub(super) fn value(&mut self, node: &Node) -> Option<ValueTemplate> {
        match template::compile(node, self.text(node.place)) {
            Ok(value) => {
                self.resolve_all(&value);
                Some(value)
            }
            Err(findings) => {
                self.findings.extend(findings);
                self.resolve_what_parses(node);
                None
            }
        }
    }

    /// Where one scalar of a value is wrong, the names of the others are resolved all the same.
    fn resolve_what_parses(&mut self, node: &Node) {
        match &node.kind {
            Kind::List(items) => {
                for item in items {
                    self.resolve_what_parses(item);
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    self.resolve_what_parses(&entry.value);
                }
            }
            Kind::String(_) => {
                if let Ok(value) = template::compile(node, self.text(node.place)) {
                    self.resolve_all(&value);
                }
            }
            Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {}
        }
    }

    /// Entries of a mapping whose keys are plain names.
    pub(super) fn entries(&mut self, entries: &[Entry]) -> Vec<(String, ValueTemplate)> {
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.value.clone(), self.texts(&entry.value)?)))
            .collect()
    }

    /// A scalar or a list of them where text is sent: a number goes out as YAML reads it, which a
    /// warning has shown where that is not how it was written.
    pub(super) fn texts(&mut self, node: &Node) -> Option<ValueTemplate> {
        self.value(&as_text(node))
    }

    /// A scalar that becomes text.
    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        if matches!(node.kind, Kind::Empty | Kind::Null | Kind::List(_) | Kind::Map(_)) {
            self.report(
                Finding::error(
                    Code::WrongType,
                    format!("expected a text, found {}", node.kind_name()),
                )
                .at(node.place, "not a text"),
            );
            return None;
        }
        match template::compile_text(node, self.text(node.place)) {
            Ok(template) => {
                let content = node.content_place(self.text(node.place));
                self.resolve(&template, node.place, content);
                Some(template)
            }
            Err(findings) => {
                self.findings.extend(findings);
                None
            }
        }
    }

    /// A bare expression, or one in `${{ }}`.
    pub(super) fn expression(&mut self, node: &Node) -> Option<Condition> {
        let text = match &node.kind {
            Kind::String(text) => text.clone(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number { written, .. } => written.clone(),
            Kind::Empty | Kind::Null | Kind::List(_) | Kind::Map(_) => {
                self.report(
                    Finding::error(
                        Code::WrongType,
                        format!("expected an expression, found {}", node.kind_name()),
                    )
                    .at(node.place, "not an expression"),
                );
                return None;
            }
        };
        let template = self.parsed(node, Template::parse_expression(&text))?;
        Some(Condition { template, text, place: node.place })
    }

    /// An expression that stands in a key (`values: {user_id > 0: true}` has none: names are keys).
    pub(super) fn key_expression(&mut self, text: &str, place: Place) -> Option<Template> {
        match Template::parse_expression(text) {
            Ok(template) => {
                self.resolve(&template, place, Some(place));
                Some(template)
            }
            Err(faults) => {
                for fault in faults {
                    let place = inner(Some(place), place, &fault.range);
                    self.report(Finding::of(&fault, place));
                }
                None
            }
        }
    }

    fn parsed(
        &mut self,
        node: &Node,
        parsed: Result<Template, Vec<crate::template::TemplateFault>>,
    ) -> Option<Template> {
        let content = node.content_place(self.text(node.place));
        match parsed {
            Ok(template) => {
                self.resolve(&template, node.place, content);
                Some(template)
            }
            Err(faults) => {
                for fault in faults {
                    let place = inner(content, node.place, &fault.range);
                    self.report(Finding::of(&fault, place));
                }
                None
            }
        }
    }

    fn resolve_all(&mut self, value: &ValueTemplate) {
        let mut found = Vec::new();
        value.visit(&mut |template, place| {
            // The place is that of the content where the content stands as it is written.
            let exact = self.around.sources.get(place.source).map(|s| s.slice(place.span))
                == Some(template.text());
            let content = exact.then_some(place);
            for name in template.names() {
                found.push((name.clone(), inner(content, place, &name.range)));
            }
            for file in template.files() {
                self.files
                    .push(Spanned::new(file.path.clone(), inner(content, place, &file.range)));
            }
        });
        for (name, place) in found {
            self.resolve_name(&name, place);
        }
    }

    fn resolve(&mut self, template: &Template, whole: Place, content: Option<Place>) {
        for name in template.names() {
            self.resolve_name(name, inner(content, whole, &name.range));
        }
        for file in template.files() {
            self.files.push(Spanned::new(file.path.clone(), inner(content, whole, &file.range)));
        }
    }

    fn resolve_name(&mut self, name: &crate::template::NameUse, place: Place) {
        let at = At { place, stage: self.stage, now: self.now, in_values: self.in_values };
        let resolved = self.names.resolve(name, at, &mut self.uses);
        if let Err(finding) = resolved {
            self.report(*finding);
        }
    }

    /// A typed scalar that may be a template.
    pub(super) fn late<T: LateValue>(&mut self, value: &Templated<T>) -> Option<Late<T>> {
        self.late_as::<T, T>(value)
    }

    /// The same where what a template gives is read as something else.
    fn late_as<T: Copy, R: LateValue>(&mut self, value: &Templated<T>) -> Option<Late<T>> {
        match value {
            Templated::Known(value) => Some(Late::Known(*value)),
            Templated::Template(node) => {
                let template = self.template(node)?;
                self.literal_fits::<R>(node);
                Some(Late::Template(Box::new(template), node.place))
            }
        }
    }

    /// A variable whose value is known is judged as if it had been written here.
    fn literal_fits<R: LateValue>(&mut self, node: &Node) {
        let inside = node
            .as_str()
            .and_then(|text| text.trim().strip_prefix("${{")?.strip_suffix("}}").map(str::trim));
        let Some((name, value)) = inside.and_then(|name| self.literals.get_key_value(name)) else {
            return;
        };
        if let Err((code, message)) = R::read(&value.to_json()) {
            let finding = Finding::error(code, format!("`{name}` does not fit here: {message}"))
                .at(node.place, "used here")
                .at(value.place, "its value");
            self.report(finding);
        }
    }

    /// The nearest of several definitions of one typed option, or what planrun takes without one.
    pub(super) fn nearest_late<'o, T: LateValue + 'o>(
        &mut self,
        options: impl Iterator<Item = &'o Option<Spanned<Templated<T>>>>,
        otherwise: T,
    ) -> Late<T> {
        self.nearest_late_as::<T, T>(options, otherwise)
    }

    /// The same where what a template gives is read as something else.
    pub(super) fn nearest_late_as<'o, T: Copy + 'o, R: LateValue>(
        &mut self,
        mut options: impl Iterator<Item = &'o Option<Spanned<Templated<T>>>>,
        otherwise: T,
    ) -> Late<T> {
        options
            .find_map(Option::as_ref)
            .and_then(|value| self.late_as::<T, R>(&value.value))
            .unwrap_or(Late::Known(otherwise))
    }

    /// An optional duration.
    pub(super) fn late_duration(
        &mut self,
        value: Option<&Spanned<Templated<Duration>>>,
    ) -> Option<Late<Duration>> {
        value.and_then(|value| self.late(&value.value))
    }
}

/// A value whose numbers and booleans are texts, as they are sent.
fn as_text(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Bool(_) | Kind::Number { .. } => match node.text_of() {
            Some(text) => Kind::String(text.into_owned()),
            None => node.kind.clone(),
        },
        Kind::List(items) => Kind::List(items.iter().map(as_text).collect()),
        Kind::Empty | Kind::Null | Kind::String(_) | Kind::Map(_) => node.kind.clone(),
    };
    Node { kind, place: node.place, style: node.style }
}
