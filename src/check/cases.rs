//! Cases: the values that a step or a plan is repeated with, and the names that they give.

use std::collections::BTreeMap;

use super::names::Stage;
use super::table;
use super::types::Uses;
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{AxisAst, AxisValuesAst, CasesAst, PlacedCases, RowsAst};
use crate::source::Place;
use crate::template::{Template, ValueTemplate};
use crate::yaml::{Kind, Node};

/// More cases are a mistake: no report of them could be read.
const MOST: usize = 10_000;

/// What a step or a plan is repeated with.
#[derive(Debug)]
pub enum Cases {
    /// Every combination; the last name changes fastest.
    Matrix(Vec<Axis>),
    /// One case a row.
    Rows(Vec<Row>),
    /// A template that gives a list of rows.
    Computed(Box<Template>, Place),
}

/// One name of a matrix.
#[derive(Debug)]
pub struct Axis {
    /// The name.
    pub name: String,
    /// Its values.
    pub values: AxisValues,
    /// Whether its values are the routes of one request: what is made up is the same for all.
    pub is_route: bool,
}

/// The values of one name of a matrix.
#[derive(Debug)]
pub enum AxisValues {
    /// As written.
    Given(Vec<AxisValue>),
    /// A template that gives a list.
    Computed(Box<Template>, Place),
}

/// One value of a matrix.
#[derive(Debug)]
pub struct AxisValue {
    /// What it is called; else the value itself names the case.
    pub label: Option<String>,
    /// The value.
    pub value: ValueTemplate,
    /// The secrets that go into it.
    pub secrets: Vec<String>,
}

/// One row.
#[derive(Debug)]
pub struct Row {
    /// What is in it.
    pub fields: RowFields,
    /// The secrets that go into it.
    pub secrets: Vec<String>,
}

/// What is in a row.
#[derive(Debug)]
pub enum RowFields {
    /// `case.NAME`.
    Named(Vec<(String, ValueTemplate)>),
    /// `case`.
    Scalar(ValueTemplate),
}

impl Cases {
    /// How many there are, where that is known before the run.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Matrix(axes) => axes.iter().try_fold(1, |count: usize, axis| {
                let AxisValues::Given(values) = &axis.values else { return None };
                Some(count.saturating_mul(values.len()))
            }),
            Self::Rows(rows) => Some(rows.len()),
            Self::Computed(..) => None,
        }
    }

    /// Every secret that goes into one of them.
    pub fn secrets(&self) -> impl Iterator<Item = &String> {
        let (axes, rows): (&[Axis], &[Row]) = match self {
            Self::Matrix(axes) => (axes, &[]),
            Self::Rows(rows) => (&[], rows),
            Self::Computed(..) => (&[], &[]),
        };
        let of_axes = axes.iter().flat_map(|axis| match &axis.values {
            AxisValues::Given(values) => values.as_slice(),
            AxisValues::Computed(..) => &[],
        });
        of_axes.flat_map(|value| &value.secrets).chain(rows.iter().flat_map(|row| &row.secrets))
    }
}

/// The names that cases give.
#[derive(Debug, Clone, Default)]
pub(super) struct CaseShape {
    /// Each name, and whether every case has it.
    pub(super) fields: BTreeMap<String, bool>,
    /// Whether `case` is a value itself.
    pub(super) scalar: bool,
    /// Whether it is known at all: what a template gives is not.
    pub(super) known: bool,
}

impl CaseShape {
    /// A step's cases over those of its plan.
    pub(super) fn over(mut self, plan: Option<&Self>) -> Self {
        let Some(plan) = plan.filter(|_| !self.scalar) else { return self };
        self.known &= plan.known;
        for (name, always) in &plan.fields {
            let own = self.fields.entry(name.clone()).or_insert(*always);
            *own |= *always;
        }
        self
    }
}

impl Checker<'_> {
    /// The cases of a plan or of the step at hand; nothing where they are wrong.
    pub(super) fn cases(&mut self, ast: &PlacedCases) -> (Option<Cases>, CaseShape) {
        let (place, ast) = ast;
        let (cases, shape) = match ast {
            CasesAst::Matrix(axes) => self.matrix(axes),
            CasesAst::Rows(RowsAst::Inline(rows)) => self.rows(rows),
            CasesAst::Rows(RowsAst::Template(node)) => {
                let computed = self.template(node);
                let cases = computed.map(|t| Cases::Computed(Box::new(t), node.place));
                (cases, CaseShape::default())
            }
            CasesAst::Rows(RowsAst::File { path, types }) => {
                let source = self.around.tables.get(&path.value).copied();
                // A file that could not be read has its finding.
                match source.and_then(|id| self.around.sources.get(id)) {
                    Some(source) => {
                        let table = table::read(source, path.place, types);
                        self.findings.extend(table.findings);
                        let fields = table.columns.into_iter().map(|name| (name, true)).collect();
                        let shape = CaseShape { fields, scalar: false, known: true };
                        (Some(Cases::Rows(table.rows)), shape)
                    }
                    None => (None, CaseShape::default()),
                }
            }
        };
        let count = cases.as_ref().and_then(Cases::count).unwrap_or(0);
        if count > MOST && !matches!(ast, CasesAst::Rows(RowsAst::File { .. })) {
            self.report(
                Finding::error(Code::BadValue, format!("{count} cases are more than {MOST}"))
                    .at(*place, "")
                    .help("fewer values a name, or rows that name the combinations that matter"),
            );
        }
        (cases, shape)
    }

    fn matrix(&mut self, axes: &[AxisAst]) -> (Option<Cases>, CaseShape) {
        let fields = axes.iter().map(|axis| (axis.name.value.clone(), true)).collect();
        let shape = CaseShape { fields, scalar: false, known: true };
        let mut checked = Vec::new();
        for axis in axes {
            let values = match &axis.values {
                AxisValuesAst::List(items) => {
                    let values: Vec<_> =
                        items.iter().map(|item| self.axis_value(None, item)).collect();
                    values.into_iter().collect::<Option<_>>().map(AxisValues::Given)
                }
                AxisValuesAst::Named(entries) => {
                    let values: Vec<_> = entries
                        .iter()
                        .map(|entry| self.axis_value(Some(&entry.key.value), &entry.value))
                        .collect();
                    values.into_iter().collect::<Option<_>>().map(AxisValues::Given)
                }
                AxisValuesAst::Template(node) => self
                    .template(node)
                    .map(|template| AxisValues::Computed(Box::new(template), node.place)),
            };
            checked.push(values.map(|values| Axis {
                name: axis.name.value.clone(),
                values,
                is_route: false,
            }));
        }
        (checked.into_iter().collect::<Option<_>>().map(Cases::Matrix), shape)
    }

    fn axis_value(&mut self, label: Option<&str>, node: &Node) -> Option<AxisValue> {
        let (value, secrets) = self.with_own_secrets(|checker| checker.value(node));
        Some(AxisValue { label: label.map(str::to_owned), value: value?, secrets })
    }

    fn rows(&mut self, nodes: &[Node]) -> (Option<Cases>, CaseShape) {
        let is_named = |node: &Node| matches!(node.kind, Kind::Map(_));
        let scalar = !nodes.iter().any(is_named);
        if let Some(odd) = nodes.iter().find(|node| is_named(node) == scalar) {
            self.report(
                Finding::error(Code::WrongType, "some rows are mappings and some are not")
                    .at(odd.place, "unlike the others")
                    .help("write all as mappings (`case.NAME`), or all as scalars (`case`)"),
            );
        }
        let mut fields: BTreeMap<String, bool> = BTreeMap::new();
        for entry in nodes.iter().flat_map(Node::entries) {
            let name = &entry.key.value;
            let always = nodes.iter().all(|row| row.get(name).is_some());
            fields.insert(name.clone(), always);
        }
        let rows: Vec<_> = nodes.iter().map(|node| self.row(node)).collect();
        let shape = CaseShape { fields, scalar, known: true };
        (rows.into_iter().collect::<Option<_>>().map(Cases::Rows), shape)
    }

    fn row(&mut self, node: &Node) -> Option<Row> {
        let (fields, secrets) = self.with_own_secrets(|checker| {
            if !matches!(node.kind, Kind::Map(_)) {
                return Some(RowFields::Scalar(checker.value(node)?));
            }
            let fields: Vec<_> = node
                .entries()
                .iter()
                .map(|entry| Some((entry.key.value.clone(), checker.value(&entry.value)?)))
                .collect();
            fields.into_iter().collect::<Option<_>>().map(RowFields::Named)
        });
        Some(Row { fields: fields?, secrets })
    }

    /// Secrets that only one case uses are not needed by the others: they are told apart.
    fn with_own_secrets<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        let before = std::mem::take(&mut self.uses);
        let checked = check(self);
        let Uses { captures, steps, seen, secrets } = std::mem::replace(&mut self.uses, before);
        self.uses.captures.extend(captures);
        self.uses.steps.extend(steps);
        self.uses.seen.extend(seen);
        (checked, secrets)
    }

    /// The cases of the whole plan, known before its variables.
    pub(super) fn plan_cases(&mut self, ast: Option<&PlacedCases>) -> Option<Cases> {
        self.stage = Stage::Cases;
        let (cases, shape) = self.cases(ast?);
        if cases.as_ref().is_some_and(|cases| cases.count().is_none()) {
            let place = ast.map(|(place, _)| *place)?;
            self.report(
                Finding::error(Code::BadValue, "the cases of a plan are known before it runs")
                    .at(place, "a template gives them")
                    .help("write them here or in a CSV file; a step can take its cases out of a template"),
            );
        }
        self.names.in_cases_of_plan(shape);
        cases
    }
}
