//! One request by several ways: the answer of each route is compared with that of the first.

use std::sync::Arc;

use serde_json::Value;

use super::attempt::Words;
use super::carry::{Around, seed_key};
use super::cases::Case;
use super::execution::Execution;
use super::step::Finished;
use crate::check::{CheckedStep, EqualRoutes, Route, Work};
use crate::compare::{self, Answers, Captured, Difference, Rules};
use crate::finding::{Code, Severity};
use crate::outcome::{
    Actual, Assertion, Attempt, Exchange, Expected, RouteDifference, RouteTaken, RoutesCompared,
    StepResult, Verdict,
};
use crate::source::Place;

/// So many differences are kept.
const DIFFERENCES: usize = 50;

/// What the routes of one request have in common, and the answer that the others are compared with.
#[derive(Debug)]
pub(super) struct Compared {
    routes: usize,
    words: Arc<Words>,
    first: Option<First>,
}

/// The first route that was taken.
#[derive(Debug)]
struct First {
    case: Arc<Case>,
    attempt: Attempt,
    taken: RouteTaken,
    verdict: Verdict,
}

impl Compared {
    /// What is remembered of a step that has routes.
    pub(super) fn of(step: &CheckedStep) -> Option<Self> {
        let routes = routes(step).len();
        (routes > 0).then(|| Self { routes, words: Arc::default(), first: None })
    }

    /// Begins with a case: the first route of each request is compared with nothing.
    pub(super) fn begin(&mut self, number: usize) {
        if number.is_multiple_of(self.routes) {
            self.words = Arc::default();
            self.first = None;
        }
    }

    /// What `unique` is made of, whichever the route.
    pub(super) fn words(&self) -> Arc<Words> {
        Arc::clone(&self.words)
    }
}

fn routes(step: &CheckedStep) -> &[Route] {
    match &step.work {
        Work::Request(request) => &request.routes,
        Work::Assert(_) | Work::Sleep(_) | Work::Group(_) | Work::Include(_) => &[],
    }
}

impl Execution<'_> {
    /// Compares what a route gave with what the first one did; the result is judged by it.
    pub(super) async fn compare_routes(
        &self,
        compared: &mut Compared,
        (step, around, case): (&CheckedStep, &Around, Option<&Arc<Case>>),
        finished: &mut Finished,
    ) {
        let (Some(equal), Some(case)) = (&step.equal_routes, case) else { return };
        let result = &mut finished.result;
        if matches!(result.verdict, Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled) {
            return;
        }
        let Some(attempt) = result.attempts.last() else { return };
        let Some(taken) = taken(routes(step), case, attempt, result) else { return };
        let Some(first) = &compared.first else {
            let (attempt, verdict) = (attempt.clone(), result.verdict);
            compared.first = Some(First { case: Arc::clone(case), attempt, taken, verdict });
            return;
        };
        let rules = rules(equal);
        let mut answers = answers(&rules, &first.attempt, attempt, None);
        let mut asked_again = false;
        if !answers.differences.is_empty() && may_be_noise(&first.attempt, attempt) {
            // What the first route answers to the same request once more differs by itself.
            let key = seed_key(step, around);
            let scene = self.scene(step, around, Some(&first.case), (&key, &compared.words));
            let until = around.limit.as_ref().map(|limit| limit.until);
            let again = Box::pin(scene.attempt(1, until)).await.attempt;
            if again.exchange.is_some() {
                answers = self::answers(&rules, &first.attempt, attempt, Some(&again));
                asked_again = true;
            }
        }
        let told = answers.differences.into_iter();
        let mut told: Vec<RouteDifference> = told
            .map(|it| difference(it, &first.attempt, attempt))
            // Another status may come with the same body.
            .filter(|it| it.what != RouteDifference::BODY || it.first != it.other)
            .collect();
        // The status first: with another one everything else is another answer.
        let status = told.extract_if(.., |it| it.what == "status").next();
        let mut differences = outcomes(&first.attempt, attempt, status.is_some());
        differences.splice(0..0, status);
        differences.append(&mut told);
        let more = differences.len().saturating_sub(DIFFERENCES);
        differences.truncate(DIFFERENCES);
        let told = RoutesCompared {
            first: first.taken.clone(),
            other: taken,
            more,
            noise: answers.noise,
            ignored: answers.ignored,
            asked_again,
            differences,
        };
        judge(equal, first, told, result);
    }
}

/// Adds the judgement to the result of a route.
fn judge(equal: &EqualRoutes, first: &First, told: RoutesCompared, result: &mut StepResult) {
    let passed = told.differences.is_empty();
    // Where the first route is at fault, its own failure says so: this one did nothing wrong.
    let at_fault = first.verdict != Verdict::Passed && result.verdict == Verdict::Passed;
    let severity = if at_fault && !passed { Severity::Warning } else { equal.severity };
    let places = told.differences.iter().map(|it| it.places).sum::<usize>() + told.more;
    let Some(attempt) = result.attempts.last_mut() else { return };
    attempt.assertions.push(Assertion {
        tap: None,
        subject: "routes".to_owned(),
        place: equal.place,
        severity,
        passed,
        expected: Expected {
            operator: "equals the answer of".to_owned(),
            operand: Value::from(first.taken.name.as_str()),
        },
        actual: (!passed).then(|| {
            let places =
                if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
            Actual::Value(Value::from(format!("another answer, in {places}")))
        }),
        pointer: None,
        outcome: None,
        note: (at_fault && !passed)
            .then(|| format!("`{}` did not pass by itself: this one did", first.taken.name)),
        violations: Vec::new(),
    });
    attempt.routes = Some(Box::new(told));
    if !passed && severity == Severity::Error {
        let only_slow = result.only_budget;
        if result.verdict == Verdict::Passed || only_slow {
            result.verdict = Verdict::Failed;
            result.code = Some(Code::RoutesDiffer);
            result.only_budget = false;
            result.flaky = false;
        }
    }
}

/// The route of a case.
fn taken(
    routes: &[Route],
    case: &Case,
    attempt: &Attempt,
    result: &StepResult,
) -> Option<RouteTaken> {
    let number = usize::try_from(case.number).ok()?;
    let route = routes.get(number % routes.len().max(1))?;
    let exchange = attempt.exchange.as_deref();
    let url = exchange
        .map(|exchange| exchange.hops.first().map_or(&exchange.request.url, |hop| &hop.url));
    let origin = url.map(|url| origin(url)).unwrap_or_default();
    Some(RouteTaken {
        name: route.name.clone(),
        place: route.place,
        origin,
        holds: result.verdict == Verdict::Passed || result.only_budget,
        time: exchange.and_then(|exchange| exchange.phases.total),
    })
}

fn origin(url: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(authority..).unwrap_or_default();
    let end = authority + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..end).unwrap_or_default().to_owned()
}

fn rules(equal: &EqualRoutes) -> Rules {
    Rules {
        ignored: equal.ignored.clone(),
        ignored_headers: equal.ignored_headers.iter().cloned().collect(),
        keyed: equal.keyed.clone(),
        close: equal.close.clone(),
        replaced: equal.replaced.clone(),
    }
}

fn answers(rules: &Rules, first: &Attempt, other: &Attempt, again: Option<&Attempt>) -> Answers {
    let (Some(one), Some(two)) = (first.exchange.as_deref(), other.exchange.as_deref()) else {
        return Answers::default();
    };
    let repeated = again.and_then(|again| Some((again.exchange.as_deref()?, own(again))));
    let again = repeated.as_ref().map(|(exchange, captures)| (*exchange, captures));
    compare::answers(rules, (one, two), (&own(first), &own(other)), again)
}

/// What an attempt has of its own, by name: what it captured, the ids that were sent with it, and
/// where it went.
fn own(attempt: &Attempt) -> Captured {
    let captures = attempt.captures.iter();
    let mut own: Captured =
        captures.filter_map(|one| Some((one.name.clone(), one.value.clone()?))).collect();
    if let Some(exchange) = attempt.exchange.as_deref() {
        let ids = exchange.ids();
        let ids = [("the trace", ids.trace), ("the request's id", ids.request)];
        let ids = ids.into_iter().filter_map(|(name, id)| Some((name, id?.to_owned())));
        let origin = ("the origin", origin(&exchange.request.url));
        own.extend(ids.chain([origin]).map(|(name, text)| (name.to_owned(), Value::from(text))));
    }
    own
}

/// Whether what differs may differ by itself, and asking once more changes nothing.
fn may_be_noise(first: &Attempt, other: &Attempt) -> bool {
    let status = |attempt: &Attempt| {
        attempt.exchange.as_ref()?.response.as_ref().map(|response| response.status)
    };
    let reads = first.exchange.as_ref().is_some_and(|exchange| {
        matches!(exchange.request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    });
    reads && status(first).is_some() && status(first) == status(other)
}

/// Assertions that hold by one route alone.
fn outcomes(first: &Attempt, other: &Attempt, status_differs: bool) -> Vec<RouteDifference> {
    let key = |one: &Assertion| (one.place, one.outcome.clone());
    let word = |holds: bool| Some(Value::from(if holds { "holds" } else { "does not hold" }));
    let mut all = Vec::new();
    let mut seen: Vec<(Place, Option<String>)> = Vec::new();
    for assertion in &other.assertions {
        let here = key(assertion);
        if seen.contains(&here) || status_differs && assertion.subject == "status" {
            continue;
        }
        let holds = |attempt: &Attempt| {
            let own: Vec<bool> = attempt
                .assertions
                .iter()
                .filter(|it| key(it) == here)
                .map(|it| it.passed)
                .collect();
            (!own.is_empty()).then(|| own.iter().all(|passed| *passed))
        };
        if let (Some(one), Some(two)) = (holds(first), holds(other))
            && one != two
        {
            let what = format!("expect {}", assertion.subject);
            all.push(RouteDifference { what, places: 1, first: word(one), other: word(two) });
        }
        seen.push(here);
    }
    all
}

/// A body that is not compared field by field is kept whole here: it is masked before it is cut.
fn difference(found: Difference, first: &Attempt, other: &Attempt) -> RouteDifference {
    let Difference { what, places, before, after } = found;
    let whole = |attempt: &Attempt, short: Option<Value>| match (attempt, what.as_str()) {
        (attempt, RouteDifference::BODY) => body(attempt.exchange.as_deref()).or(short),
        (_, _) => short,
    };
    let (first, other) = (whole(first, before), whole(other, after));
    RouteDifference { what, places, first, other }
}

fn body(exchange: Option<&Exchange>) -> Option<Value> {
    exchange?.response.as_ref()?.body.text().map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_url_ends_with_its_host() {
        assert_eq!(origin("http://a.test:81/x?y#z"), "http://a.test:81");
        assert_eq!(origin("https://a.test"), "https://a.test");
        assert_eq!(origin("http://a.test?x=/y"), "http://a.test");
    }
}
