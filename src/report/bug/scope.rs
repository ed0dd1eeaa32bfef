//! How far a failure reaches: what failed alike, what passed beside it, what it blocks.

use std::collections::BTreeMap;

use super::super::document::{Document, Told};
use super::super::finding::count;
use super::super::overall;
use super::Case;
use crate::diagnose::{self, Cluster, Diagnosis};
use crate::outcome::{Exchange, Reason, Verdict};

/// What failures of one cause have in common: who was asked, and what kind of answer came.
#[derive(PartialEq, Eq)]
struct Fingerprint {
    origin: Option<String>,
    status: Option<u16>,
    class: Option<String>,
    /// What was wrong, where the answer itself was no error.
    subject: Option<String>,
}

impl Fingerprint {
    fn of(told: &Told<'_>) -> Self {
        let exchange = told.exchange();
        let response = exchange.and_then(|exchange| exchange.response.as_ref());
        let status = response.map(|response| response.status);
        let failed = told.result().and_then(|result| {
            let assertions = &result.attempts.last()?.assertions;
            let first = assertions.iter().find(|assertion| !assertion.passed)?;
            Some(first.subject.clone())
        });
        Self {
            origin: exchange.map(origin),
            status,
            class: exchange.and_then(|it| it.error.as_ref()).map(|it| format!("{:?}", it.class)),
            subject: failed.filter(|_| status.is_none_or(|status| status < 400)),
        }
    }
}

/// Scheme, host and port that were asked.
pub(super) fn origin(exchange: &Exchange) -> String {
    let parsed = url::Url::parse(&exchange.request.url).ok();
    parsed.map_or_else(|| exchange.request.url.clone(), |url| url.origin().ascii_serialization())
}

/// How bad it is, and how far it reaches.
pub(super) struct Scope {
    /// `high`, `medium` or `low`, with the reason.
    pub(super) severity: String,
    pub(super) lines: Vec<String>,
}

pub(super) fn scope(case: &Case<'_>) -> Scope {
    let own = Fingerprint::of(&case.told);
    let bad: Vec<&Told<'_>> = case.all.iter().filter(|told| told.is_bad()).collect();
    let diagnosis = diagnose::whole_run(case.bug.record);
    let cluster = cluster_of(&diagnosis, &case.told);
    let by_cause = cluster.filter(|cluster| cluster.cause.is_some());
    // What has one cause fails alike, whatever came back; without a cause, what looks alike does.
    let is_alike = |told: &&&Told<'_>| match by_cause {
        Some(own) => cluster_of(&diagnosis, told).is_some_and(|it| std::ptr::eq(it, own)),
        None => Fingerprint::of(told) == own,
    };
    let alike: Vec<&&Told<'_>> = bad.iter().filter(is_alike).collect();
    let total = case.all.len();
    let mut lines = vec![format!(
        "{} of {} of the run did not pass, {} of them in this way{}.",
        bad.len(),
        count(total, "step", "steps"),
        alike.len(),
        titles(case, &alike)
    )];
    if let Some(cluster) = by_cause.filter(|cluster| cluster.size > 1) {
        let said = overall::explains(cluster, &diagnosis);
        let mut said = said.chars();
        let first: String = said.next().into_iter().flat_map(char::to_uppercase).collect();
        lines.push(format!("{first}{}.", said.as_str()));
    }
    let blocked = blocked(case);
    if blocked > 0 {
        lines.push(format!("{} did not run because of it.", count(blocked, "step", "steps")));
    }
    lines.extend(ways(case));
    let only_budget = case.told.result().is_some_and(|result| result.only_budget);
    let asked = case
        .all
        .iter()
        .filter(|told| told.exchange().map(origin) == own.origin && told.verdict().is_some());
    let passed_there = asked.filter(|told| told.verdict() == Some(Verdict::Passed)).count();
    let severity = if only_budget {
        "low: it works, and takes longer than it may".to_owned()
    } else if blocked > 0 {
        format!("high: {} behind it could not be tested", count(blocked, "step", "steps"))
    } else if own.origin.is_some() && passed_there == 0 {
        "high: nothing that was asked there passed".to_owned()
    } else if alike.len() > 1 {
        format!("medium: {} fail alike, others pass", count(alike.len(), "step", "steps"))
    } else {
        "medium: this one behaviour is wrong, others pass".to_owned()
    };
    Scope { severity, lines }
}

/// The failures of the run that have one cause with a step.
fn cluster_of<'a>(diagnosis: &'a Diagnosis, told: &Told<'_>) -> Option<&'a Cluster> {
    let causes = Document::causes(told, &diagnose::witnesses(told.plan));
    diagnosis.cluster(&diagnose::fingerprint(told.result()?, &causes))
}

/// The others that failed alike, a few of them by name.
fn titles(case: &Case<'_>, alike: &[&&Told<'_>]) -> String {
    const NAMED: usize = 5;
    let others = alike.iter().filter(|told| !std::ptr::eq(told.record, case.told.record));
    let names: Vec<String> = others.map(|told| format!("`{}`", told.title())).collect();
    if names.is_empty() {
        return String::new();
    }
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first: Vec<String> = names.into_iter().take(NAMED).collect();
    format!(" (also {}{more})", first.join(", "))
}

/// Steps of the same plan that were blocked by this one, directly or by what it blocked.
fn blocked(case: &Case<'_>) -> usize {
    let step = &case.told.record.step;
    let label = step.id.as_ref().unwrap_or(&step.name);
    let is_blocked = |told: &&Told<'_>| {
        let reason = told.result().and_then(|result| result.reason.as_ref());
        std::ptr::eq(told.plan, case.told.plan)
            && matches!(reason, Some(Reason::BlockedBy(by)) if by == label)
    };
    case.all.iter().filter(is_blocked).count()
}

/// Each origin that was asked: how many of its requests passed.
fn ways(case: &Case<'_>) -> Vec<String> {
    let mut ways: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for told in case.all {
        let Some(exchange) = told.exchange() else { continue };
        let (passed, all) = ways.entry(origin(exchange)).or_default();
        *all += 1;
        *passed += usize::from(told.verdict() == Some(Verdict::Passed));
    }
    if ways.len() < 2 {
        return Vec::new();
    }
    let own = case.told.exchange().map(origin);
    let told = ways.into_iter().map(|(origin, (passed, all))| {
        let here = if Some(&origin) == own.as_ref() { ", where this one went" } else { "" };
        let name = case.variable_of(&origin).map(|name| format!(" (`{name}`)"));
        format!(
            "{origin}{}{here}: {passed} of {} passed.",
            name.unwrap_or_default(),
            count(all, "request", "requests")
        )
    });
    told.collect()
}

impl Case<'_> {
    /// The variable of the environment that names an origin.
    pub(super) fn variable_of(&self, origin: &str) -> Option<String> {
        let environments = &self.bug.record.environments;
        let mut variables = environments.iter().flat_map(|environment| &environment.variables);
        let names_it = |value: &str| {
            let parsed = url::Url::parse(value).ok();
            parsed.is_some_and(|url| url.origin().ascii_serialization() == origin)
        };
        variables
            .find(|variable| variable.value.as_str().is_some_and(names_it))
            .map(|variable| format!("env.{}", variable.name))
    }
}
