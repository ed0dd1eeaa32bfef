//! Many samples of one step: how many, how they start, and what must hold of all of them.

use super::types::{Expect, Late};
use super::values::Checker;
use crate::finding::{Code, Finding, nearest};
use crate::plan::{ExpectAllAst, SamplesAst, ShareAst, SharesAst};
use crate::predicate::{About, Context, Predicate, StatusPattern};
use crate::query::{JsonPath, Yields};
use crate::source::Place;
use crate::template::ValueTemplate;
use crate::yaml::{Kind, Node};

/// How often a step is done.
#[derive(Debug)]
pub struct Samples {
    /// How many samples count.
    pub repeat: Late<u32>,
    /// How many come before them and do not count.
    pub warmup: Option<Late<u32>>,
    /// How many at once; one after the other without it, all at once under `together`.
    pub concurrency: Option<Late<u32>>,
    /// Whether those of a wave are let go at once.
    pub together: bool,
    /// What must hold of all of them.
    pub expect_all: Option<ExpectAll>,
}

/// What must hold of all samples together.
#[derive(Debug)]
pub struct ExpectAll {
    /// How many ended in which outcome.
    pub outcomes: Option<Shares>,
    /// How many got which status.
    pub statuses: Option<Shares>,
    /// How many different values paths gave.
    pub distinct: Vec<Distinct>,
    /// How many passed: then a sample that does not pass fails nothing by itself.
    pub passed: Option<Count>,
}

/// Classes of samples; one that falls into none fails.
#[derive(Debug)]
pub struct Shares {
    /// The key.
    pub place: Place,
    /// Each class.
    pub shares: Vec<Share>,
}

/// One class of samples.
#[derive(Debug)]
pub struct Share {
    /// The outcome or the status, as written.
    pub name: String,
    /// The status, where it is one.
    pub status: Option<StatusPattern>,
    /// Where the number is written.
    pub place: Place,
    /// How many are due; nothing for the rest.
    pub count: Option<Count>,
}

/// How many different values are due.
#[derive(Debug)]
pub struct Distinct {
    /// The path.
    pub path: JsonPath,
    /// Where the number is written.
    pub place: Place,
    /// How many; nothing where each is to be different.
    pub count: Option<Count>,
}

/// A number that is due, or operators on it.
#[derive(Debug)]
pub struct Count {
    /// What is expected.
    pub predicate: Predicate,
    /// Its operands that are templates.
    pub operands: Vec<ValueTemplate>,
    /// Whether it is in percent of all.
    pub percent: bool,
    /// Where it is written.
    pub place: Place,
}

impl Checker<'_> {
    /// The samples of the step at hand; `expect` names the outcomes.
    pub(super) fn samples(&mut self, ast: &SamplesAst, expect: &Expect) -> Option<Samples> {
        let repeat = self.late(&ast.repeat.value);
        let warmup = match &ast.warmup {
            Some(warmup) => Some(self.late(&warmup.value)?),
            None => None,
        };
        let concurrency = match &ast.concurrency {
            Some(concurrency) => Some(self.late(&concurrency.value)?),
            None => None,
        };
        if let (Some(Late::Known(at_once)), Some(Late::Known(samples))) = (&concurrency, &repeat)
            && at_once > samples
            && let Some(written) = &ast.concurrency
        {
            let message = format!("only {samples} samples are taken, {at_once} cannot run at once");
            self.report(
                Finding::warning(Code::BadValue, message)
                    .at(written.place, "more than there are")
                    .at(ast.repeat.place, "the samples")
                    .help(format!("write `concurrency: {samples}`, or a larger `repeat`")),
            );
        }
        let together = ast.together.is_some();
        let one =
            matches!(repeat, Some(Late::Known(1))) || matches!(concurrency, Some(Late::Known(1)));
        if let Some(place) = ast.together.filter(|_| one) {
            self.report(
                Finding::error(Code::Conflict, "one alone cannot start together with others")
                    .at(place, "")
                    .help("raise `repeat` and `concurrency`, or delete this line"),
            );
        }
        let expect_all = ast.expect_all.as_ref().map(|ast| self.expect_all(ast, expect));
        Some(Samples { repeat: repeat?, warmup, concurrency, together, expect_all })
    }

    fn expect_all(&mut self, ast: &ExpectAllAst, expect: &Expect) -> ExpectAll {
        let outcomes = ast.outcomes.as_ref().map(|shares| self.outcomes(shares, expect));
        let statuses = ast.statuses.as_ref().map(|shares| self.statuses(shares));
        let mut distinct = Vec::new();
        for one in &ast.distinct {
            let key = &one.path;
            let path = match JsonPath::parse(&key.value) {
                Ok(path) => path,
                Err(fault) => {
                    let place = self.key_content(key.place, &key.value).unwrap_or(key.place);
                    let range = fault.range.clone();
                    self.report(Finding::of(&fault, place.inward(range)));
                    continue;
                }
            };
            let count = match &one.count {
                Some(node) => match self.count(node, false) {
                    Some(count) => Some(count),
                    None => continue,
                },
                None => None,
            };
            distinct.push(Distinct { path, place: one.place, count });
        }
        let passed = ast.passed.as_ref().and_then(|node| self.count(&node.value, true));
        ExpectAll { outcomes, statuses, distinct, passed }
    }

    fn outcomes(&mut self, ast: &SharesAst, expect: &Expect) -> Shares {
        let names = || expect.one_of.iter().map(|outcome| outcome.name.value.as_str());
        if expect.one_of.is_empty() {
            self.report(
                Finding::error(Code::Conflict, "`outcomes` counts outcomes, and none is named")
                    .at(ast.place, "")
                    .help("name them: `expect: {one_of: {created: {status: 201}, …}}`"),
            );
        }
        let mut shares = Vec::new();
        for (key, share) in &ast.shares {
            if !expect.one_of.is_empty() && !names().any(|name| name == key.value) {
                let finding =
                    Finding::error(Code::BadValue, format!("no outcome is called `{}`", key.value))
                        .at(key.place, "not one of the outcomes");
                self.report(match nearest(&key.value, names()) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => {
                        finding.help(format!("one of {}", names().collect::<Vec<_>>().join(", ")))
                    }
                });
            }
            shares.extend(self.share(&key.value, None, share));
        }
        Shares { place: ast.place, shares }
    }

    fn statuses(&mut self, ast: &SharesAst) -> Shares {
        let mut shares = Vec::new();
        for (key, share) in &ast.shares {
            let Some(status) = status_of(&key.value) else {
                self.report(
                    Finding::error(Code::BadValue, format!("`{}` is no status", key.value))
                        .at(key.place, "")
                        .help("write a number or a class: `200`, `4xx`"),
                );
                continue;
            };
            shares.extend(self.share(&key.value, Some(status), share));
        }
        Shares { place: ast.place, shares }
    }

    fn share(
        &mut self,
        name: &str,
        status: Option<StatusPattern>,
        share: &ShareAst,
    ) -> Option<Share> {
        let (place, count) = match share {
            ShareAst::Rest(place) => (*place, None),
            ShareAst::Count(node) => (node.place, Some(self.count(node, false)?)),
        };
        Some(Share { name: name.to_owned(), status, place, count })
    }

    /// A number or operators on it; in percent where `may_be_percent` and all operands are.
    fn count(&mut self, node: &Node, may_be_percent: bool) -> Option<Count> {
        let mut percents = 0;
        let plain = without_percent(node, &mut percents);
        if percents > 0 && !may_be_percent {
            self.report(
                Finding::error(Code::BadValue, "a number of samples is wanted here, no percentage")
                    .at(node.place, "")
                    .help("only `passed` takes percent"),
            );
            return None;
        }
        let context = Context {
            text: self.text(node.place),
            about: About::Kind(Yields::Number),
            schemas: None,
        };
        let predicate = match Predicate::parse(&plain, &context) {
            Ok(predicate) => predicate,
            Err(findings) => {
                self.findings.extend(findings);
                return None;
            }
        };
        let operands: Option<Vec<_>> =
            predicate.templates().to_vec().iter().map(|node| self.value(node)).collect();
        Some(Count { predicate, operands: operands?, percent: percents > 0, place: node.place })
    }
}

/// A status as a key: `200`, `4xx`.
fn status_of(key: &str) -> Option<StatusPattern> {
    let value = match key.parse::<u16>() {
        Ok(number) => serde_json::Value::from(number),
        Err(_) => serde_json::Value::from(key),
    };
    StatusPattern::parse(&value)
}

/// The same with `99%` as the number 99; how many there were.
fn without_percent(node: &Node, percents: &mut usize) -> Node {
    let kind = match &node.kind {
        Kind::String(text) => match text.strip_suffix('%').map(str::trim) {
            Some(number) if number.parse::<f64>().is_ok() => {
                *percents += 1;
                match crate::json::parse(number.as_bytes()) {
                    Ok(serde_json::Value::Number(value)) => {
                        Kind::Number { written: number.to_owned(), json: value }
                    }
                    Ok(_) | Err(_) => node.kind.clone(),
                }
            }
            Some(_) | None => node.kind.clone(),
        },
        Kind::List(items) => {
            Kind::List(items.iter().map(|item| without_percent(item, percents)).collect())
        }
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| {
                    let mut entry = entry.clone();
                    entry.value = without_percent(&entry.value, percents);
                    entry
                })
                .collect(),
        ),
        Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::Number { .. } => node.kind.clone(),
    };
    Node { kind, place: node.place, style: node.style }
}
