//! Cases while they run: their values, their names, and what they leave together.

use std::sync::Arc;

use serde_json::Value;

use super::attempt::{StepScene, Words};
use super::carry::{Around, Ran, errored};
use super::execution::{End, Execution};
use super::flow::NotRun;
use super::names::{Seen, SeenResponse};
use super::render::{Renderer, as_text};
use super::routes::Compared;
use crate::check::{AxisValues, Cases, CheckedStep, RowFields, StepIndex};
use crate::event::CaseRef;
use crate::finding::{Code, Finding};
use crate::outcome::{Reason, Verdict};
use crate::secret::Gate;
use crate::source::Place;
use crate::template::{Bound, Entry, Evaluated, Group as _, Names, Template, ValueTemplate};

/// A name of a case is cut here, in characters.
const NAME: usize = 60;

/// One case with its values.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) number: u32,
    pub(super) name: String,
    /// Each name of a matrix with its value in short.
    pub(super) of: Vec<(String, String)>,
    value: CaseValue,
    /// What random values depend on: the cases that it stands in, and its own name.
    pub(super) seed: String,
}

#[derive(Debug, Clone)]
enum CaseValue {
    Fields(Arc<Names>),
    Scalar(Entry),
}

impl Case {
    /// What `case` stands for.
    pub(super) fn bound(&self) -> Bound<'_> {
        match &self.value {
            CaseValue::Fields(names) => Bound::Group(names.as_ref()),
            CaseValue::Scalar(entry) => entry.bound(),
        }
    }

    fn fields(&self) -> Option<Arc<Names>> {
        match &self.value {
            CaseValue::Fields(names) => Some(Arc::clone(names)),
            CaseValue::Scalar(_) => None,
        }
    }

    /// How it is referred to.
    pub(super) fn reference(&self) -> CaseRef {
        CaseRef { number: self.number, name: self.name.clone(), of: self.of.clone() }
    }
}

/// All cases of a step or a plan, those out of templates evaluated.
pub(super) struct CaseList<'a> {
    cases: &'a Cases,
    /// What the templates gave: for each name of a matrix, or for the rows.
    computed: Vec<Vec<Value>>,
    pub(super) count: usize,
}

/// One value of a case.
struct Part<'a> {
    /// Nothing where the value is the case itself.
    name: Option<&'a str>,
    label: Option<&'a str>,
    value: PartValue<'a>,
}

enum PartValue<'a> {
    Template(&'a ValueTemplate),
    Value(&'a Value),
}

impl<'a> CaseList<'a> {
    /// Opens the list; templates that give lists are evaluated now.
    pub(super) fn open(cases: &'a Cases, renderer: &Renderer<'_>) -> Result<Self, Box<Finding>> {
        let mut computed = Vec::new();
        let count = match cases {
            Cases::Matrix(axes) => {
                let mut count = 1_usize;
                for axis in axes {
                    let values = match &axis.values {
                        AxisValues::Given(values) => {
                            computed.push(Vec::new());
                            values.len()
                        }
                        AxisValues::Computed(template, place) => {
                            computed.push(list(renderer, template, *place)?);
                            computed.last().map_or(0, Vec::len)
                        }
                    };
                    count = count.saturating_mul(values);
                }
                count
            }
            Cases::Rows(rows) => rows.len(),
            Cases::Computed(template, place) => {
                computed.push(list(renderer, template, *place)?);
                computed.last().map_or(0, Vec::len)
            }
        };
        Ok(Self { cases, computed, count })
    }

    /// The values of one case.
    fn parts(&self, number: usize) -> Vec<Part<'_>> {
        match self.cases {
            Cases::Matrix(axes) => {
                let mut left = number;
                let mut parts = Vec::with_capacity(axes.len());
                for (axis, computed) in axes.iter().zip(&self.computed).rev() {
                    let name = Some(axis.name.as_str());
                    let (length, part) = match &axis.values {
                        AxisValues::Given(values) => {
                            let length = values.len().max(1);
                            let part = values.get(left % length).map(|value| Part {
                                name,
                                label: value.label.as_deref(),
                                value: PartValue::Template(&value.value),
                            });
                            (length, part)
                        }
                        AxisValues::Computed(..) => {
                            let length = computed.len().max(1);
                            let value = computed.get(left % length).map(PartValue::Value);
                            (length, value.map(|value| Part { name, label: None, value }))
                        }
                    };
                    left /= length;
                    parts.extend(part);
                }
                parts.reverse();
                parts
            }
            Cases::Rows(rows) => match rows.get(number).map(|row| &row.fields) {
                Some(RowFields::Named(fields)) => fields
                    .iter()
                    .map(|(name, value)| Part {
                        name: Some(name),
                        label: None,
                        value: PartValue::Template(value),
                    })
                    .collect(),
                Some(RowFields::Scalar(value)) => {
                    vec![Part { name: None, label: None, value: PartValue::Template(value) }]
                }
                None => Vec::new(),
            },
            Cases::Computed(..) => match self.computed.first().and_then(|rows| rows.get(number)) {
                Some(Value::Object(fields)) => fields
                    .iter()
                    .map(|(name, value)| Part {
                        name: Some(name),
                        label: None,
                        value: PartValue::Value(value),
                    })
                    .collect(),
                Some(value) => {
                    vec![Part { name: None, label: None, value: PartValue::Value(value) }]
                }
                None => Vec::new(),
            },
        }
    }

    /// The secrets that go into one case.
    pub(super) fn secrets(&self, number: usize) -> Vec<&String> {
        match self.cases {
            Cases::Rows(rows) => rows.get(number).iter().flat_map(|row| &row.secrets).collect(),
            Cases::Matrix(axes) => {
                let mut left = number;
                let mut secrets = Vec::new();
                for (axis, computed) in axes.iter().zip(&self.computed).rev() {
                    let length = match &axis.values {
                        AxisValues::Given(values) => {
                            let length = values.len().max(1);
                            secrets
                                .extend(values.get(left % length).iter().flat_map(|v| &v.secrets));
                            length
                        }
                        AxisValues::Computed(..) => computed.len().max(1),
                    };
                    left /= length;
                }
                secrets
            }
            Cases::Computed(..) => Vec::new(),
        }
    }

    /// What a case is called whose values cannot be evaluated.
    pub(super) fn plain_name(&self, number: usize) -> String {
        let known = |part: &Part<'_>| match (part.label, &part.value) {
            (Some(label), _) => Some(label.to_owned()),
            (None, PartValue::Template(template)) => template.as_literal().map(as_text),
            (None, PartValue::Value(value)) => Some(as_text(value)),
        };
        let parts = self.parts(number);
        let titled = parts.iter().find(|part| part.name == Some("case")).and_then(known);
        let all = || parts.iter().map(known).collect::<Option<Vec<_>>>();
        titled
            .or_else(|| all().map(|all| all.join(", ")))
            .unwrap_or_else(|| format!("case {}", number + 1))
    }

    /// A case that has a name and nothing else.
    pub(super) fn without_values(&self, number: usize) -> Case {
        let name = self.plain_name(number);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let value = CaseValue::Fields(Arc::new(Names::default()));
        Case { number, seed: name.clone(), name, of: Vec::new(), value }
    }

    /// Evaluates one case; `outer` is the case that it stands in.
    pub(super) fn evaluate(
        &self,
        number: usize,
        renderer: &Renderer<'_>,
        outer: Option<&Case>,
    ) -> Result<Case, Box<Finding>> {
        let mut names = match outer.and_then(Case::fields) {
            Some(below) => Names::over(below),
            None => Names::default(),
        };
        let mut scalar = None;
        let mut said = Vec::new();
        let mut of = Vec::new();
        let mut title = None;
        for part in self.parts(number) {
            let entry = match part.value {
                PartValue::Value(value) => {
                    Entry::from(Evaluated::Value { value: value.clone(), taint: None })
                }
                PartValue::Template(template) => renderer.entry(template)?,
            };
            let text = part.label.map_or_else(|| shown(&entry.bound()), str::to_owned);
            match part.name {
                Some(name) => {
                    if name == "case" {
                        title = Some(text.clone());
                    } else if matches!(self.cases, Cases::Matrix(_)) {
                        of.push((name.to_owned(), short(&text, renderer.gate)));
                    }
                    names.insert_entry(name, entry);
                }
                None => scalar = Some(entry),
            }
            said.push(text);
        }
        let name = short(&title.unwrap_or_else(|| said.join(", ")), renderer.gate);
        let value = if let Some(scalar) = scalar {
            CaseValue::Scalar(scalar)
        } else {
            if names.get("name").is_none() {
                names.insert("name", Value::from(name.clone()));
            }
            CaseValue::Fields(Arc::new(names))
        };
        // A request by another route is the same request, made-up values included.
        let own = match (self.cases, of.split_last()) {
            (Cases::Matrix(axes), Some((_, others)))
                if axes.last().is_some_and(|it| it.is_route) =>
            {
                let names: Vec<&str> = others.iter().map(|(_, value)| value.as_str()).collect();
                names.join(", ")
            }
            (_, _) => name.clone(),
        };
        let seed = match outer {
            Some(outer) => format!("{}/{own}", outer.seed),
            None => own,
        };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Case { number, name, of, value, seed })
    }
}

/// The list that a template gives.
fn list(
    renderer: &Renderer<'_>,
    template: &Template,
    place: Place,
) -> Result<Vec<Value>, Box<Finding>> {
    match renderer.template(template, place)? {
        Value::Array(items) if items.is_empty() => Err(Box::new(
            Finding::error(Code::BadValue, "an empty list gives no case")
                .at(place, "rendered to `[]`")
                .help("where no case is all right, say so: `if: list | length > 0`"),
        )),
        Value::Array(items) => Ok(items),
        other => Err(Box::new(
            Finding::error(
                Code::WrongType,
                format!("cases come out of a list, this is {}", crate::json::in_words(&other)),
            )
            .at(place, "what this template rendered to"),
        )),
    }
}

fn shown(bound: &Bound<'_>) -> String {
    match bound {
        Bound::Omit => "omit".to_owned(),
        Bound::Value { taint: Some(secret), value: _ } => format!("«secret:{secret}»"),
        Bound::Value { value, taint: None } => as_text(value),
        Bound::Group(group) => {
            let fields = group
                .names()
                .into_iter()
                .filter_map(|name| Some(format!("{name}: {}", shown(&group.get(&name)?))));
            fields.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Masked before it is cut: half a secret would not be found.
fn short(name: &str, gate: &Gate) -> String {
    let masked = gate.text(name);
    let mut name: String = masked.chars().take(NAME).collect();
    if masked.chars().nth(NAME).is_some() {
        name.push('…');
    }
    name
}

impl Execution<'_> {
    /// Every case of a step, one after the other; together they are the step.
    pub(super) async fn all_cases(
        &self,
        index: StepIndex,
        step: &CheckedStep,
        cases: &Cases,
        around: &Around,
    ) -> Ran {
        let key = super::carry::seed_key(step, around);
        let words = Words::default();
        let opened = self
            .scene(step, around, None, (&key, &words))
            .render(1, None, |renderer| CaseList::open(cases, renderer));
        let list = match opened {
            Ok(list) => list,
            Err(finding) => {
                let reference = self.reference(step, around, None, (&key, &words));
                self.started(&reference).await;
                return self.finished(index, step, reference, errored(*finding)).await;
            }
        };
        let mut all = Vec::new();
        let mut compared = Compared::of(step);
        for number in 0..list.count {
            if let Some(compared) = &mut compared {
                compared.begin(number);
            }
            if number > 0
                && let Some(not_run) = self.decide(step, around)
            {
                let rest = list.count - number;
                let name =
                    if rest == 1 { list.plain_name(number) } else { format!("{rest} more cases") };
                all.push(self.case_not_run(index, step, around, (number, name), not_run).await);
                break;
            }
            let there = &self.values.environment.secrets;
            if let Some(secret) = list.secrets(number).into_iter().find(|s| !there.contains(s)) {
                let reason = Some(Reason::SecretMissing(secret.clone()));
                let not_run = NotRun { verdict: Verdict::Skipped, reason, blame: step.label() };
                let named = (number, list.plain_name(number));
                all.push(self.case_not_run(index, step, around, named, not_run).await);
                continue;
            }
            let own = format!("{key}#{number}");
            let scene: StepScene<'_> = self.scene(step, around, None, (&own, &words));
            let outer = around.case.as_deref().or(self.case.as_deref());
            let case = scene.render(1, None, |renderer| list.evaluate(number, renderer, outer));
            all.push(match case {
                Ok(case) => {
                    let case = Arc::new(case);
                    self.instance(index, step, around, Some(&case), compared.as_mut()).await
                }
                Err(finding) => {
                    let mut reference = self.reference(step, around, None, (&key, &words));
                    let number_on_wire = u32::try_from(number).unwrap_or(u32::MAX);
                    reference.case = Some(CaseRef {
                        number: number_on_wire,
                        name: list.plain_name(number),
                        of: Vec::new(),
                    });
                    self.started(&reference).await;
                    self.finished(index, step, reference, errored(*finding)).await
                }
            });
        }
        together(all)
    }

    async fn case_not_run(
        &self,
        index: StepIndex,
        step: &CheckedStep,
        around: &Around,
        (number, name): (usize, String),
        not_run: NotRun,
    ) -> Ran {
        let words = Words::default();
        let mut reference = self.reference(step, around, None, ("", &words));
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        reference.case = Some(CaseRef { number, name, of: Vec::new() });
        self.not_run(index, step, reference, not_run).await
    }
}

/// What several cases leave: the gravest end, and lists of what each captured and saw.
pub(super) fn together(all: Vec<Ran>) -> Ran {
    let mut together = Ran::default();
    let mut ends: Vec<(StepIndex, Vec<End>)> = Vec::new();
    let mut seen: Vec<(String, Vec<Seen>)> = Vec::new();
    let mut captures: Vec<(String, Vec<Value>, bool)> = Vec::new();
    for ran in all {
        let Ran { ends: own_ends, seen: own_seen, captures: own_captures } = ran;
        for (index, end) in own_ends {
            match ends.iter_mut().find(|(known, _)| *known == index) {
                Some((_, list)) => list.push(end),
                None => ends.push((index, vec![end])),
            }
        }
        for (id, one) in own_seen {
            match seen.iter_mut().find(|(known, _)| *known == id) {
                Some((_, list)) => list.push(one),
                None => seen.push((id, vec![one])),
            }
        }
        for (name, value, secret) in own_captures {
            match captures.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, list, any)) => {
                    list.push(value);
                    *any |= secret;
                }
                None => captures.push((name, vec![value], secret)),
            }
        }
    }
    together.ends.extend(ends.into_iter().map(|(index, ends)| (index, End::worst(&ends))));
    together.seen.extend(seen.into_iter().map(|(id, seen)| (id, all_seen(&seen))));
    together.captures = captures
        .into_iter()
        .map(|(name, values, secret)| (name, Value::Array(values), secret))
        .collect();
    together
}

fn all_seen(all: &[Seen]) -> Seen {
    let verdicts: Vec<Verdict> = all.iter().filter_map(|seen| seen.verdict).collect();
    let mut fields = std::collections::BTreeMap::new();
    let responses = || all.iter().filter_map(|seen| seen.response.as_ref());
    let names: std::collections::BTreeSet<&String> =
        responses().flat_map(|response| response.fields.keys()).collect();
    for name in names {
        let values = responses().filter_map(|response| response.fields.get(name));
        let list: Vec<Value> = values.map(|value| value.as_ref().clone()).collect();
        fields.insert(name.clone(), Arc::new(Value::Array(list)));
    }
    Seen {
        verdict: Some(Verdict::gravest(verdicts)),
        sent: all.iter().any(|seen| seen.sent),
        response: responses().next().is_some().then_some(SeenResponse { fields }),
    }
}
