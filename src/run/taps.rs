//! What taps saw of a request of a step: told as data, held against its contract, and judged.

use serde_json::Value;
use url::Url;

use super::attempt::StepScene;
use super::context::Context;
use super::contract::as_documented;
use super::render::Renderer;
use super::wire;
use crate::check::{Assertion, CheckedContract, CheckedHop, HopPart};
use crate::contract::Sent;
use crate::event::Event;
use crate::finding::{Code, Finding, Severity};
use crate::http::{self, Seen, Unsure, Watching};
use crate::outcome::{
    self, Exchange, Request, Response, TRACEPARENT, TapBreach, TapContract, TapRef, Tapped,
    Violation,
};
use crate::query::{self, Found, Gap, Whole};
use crate::units::show_size;

/// So many requests of which nothing says whose they are may make a count hold or not.
const LOOKED_AT: u64 = 1000;

/// What taps saw of one request of a step, and how many requests may be of it or of another.
#[derive(Debug, Default)]
pub(super) struct TapsSaw(Vec<(Tapped, Shown)>, Unsure);

/// A request that a tap saw, shown to subjects as what they read: a response.
#[derive(Debug)]
struct Shown {
    response: query::Response,
    /// Whether all of its body came.
    is_whole: bool,
}

impl Context {
    /// Tells what taps saw that belongs to no request of a step.
    pub async fn tell_strays(&self, run_is_over: bool) {
        for stray in self.hub.strays(run_is_over) {
            let late = stray.late;
            let (tapped, _) = self.tapped(stray.seen, None);
            self.emit(Event::Tapped(Box::new(Tapped { late, ..tapped }))).await;
        }
    }

    fn tapped(&self, seen: Seen, contract: Option<&CheckedContract>) -> (Tapped, Shown) {
        let (bytes, size, sha256) = seen.body;
        let contract = contract.map(|contract| {
            let (path, asked) = (seen.path.as_str(), Url::parse(&seen.url).ok());
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let full = asked.as_ref().map_or(path, Url::path);
            let sent = Sent {
                method: &seen.method,
                paths: &[path, full],
                query,
                headers: &seen.headers,
                body: &bytes,
            };
            let mut judged = self.against(contract, &sent);
            if !seen.is_whole || size > bytes.len() as u64 {
                // What did not come, or is not kept, may be as it should be.
                judged.breaches.retain(|breach| !breach.at.starts_with("body"));
            }
            judged
        });
        let answer = seen.answer.map(|answer| {
            let (bytes, size, sha256) = answer.body;
            Response {
                status: answer.status,
                http: "1.1".to_owned(),
                headers: answer.headers,
                body: wire::body(&bytes, size, sha256),
                remote: answer.remote,
                saved: None,
            }
        });
        let response = query::Response {
            status: answer.as_ref().map_or(502, |answer| answer.status),
            headers: seen.headers.clone(),
            body: bytes.clone(),
            url: seen.url.clone(),
            whole: Some(Whole { size, sha256: sha256.clone(), md5: None }),
            ..query::Response::default()
        };
        let exchange = Exchange {
            request: Request {
                method: seen.method,
                url: seen.url,
                headers: seen.headers,
                body: wire::body(&bytes, size, sha256),
            },
            response: answer,
            error: seen.error,
            phases: seen.phases,
            ..wire::nothing()
        };
        let tapped = Tapped {
            tap: seen.tap,
            tie: seen.tie,
            at: seen.at.saturating_duration_since(self.started),
            path: seen.path,
            exchange: Box::new(exchange),
            contract,
            refused: seen.refused,
            late: None,
        };
        (tapped, Shown { response, is_whole: seen.is_whole })
    }

    fn against(&self, contract: &CheckedContract, sent: &Sent<'_>) -> TapContract {
        let names = |text: &str| self.gate.names_in(text);
        let (operation, breaches) = contract.document.judge_sent(sent, &names);
        let path = sent.paths.first().copied().unwrap_or("/");
        let asked = format!("{} {path}", sent.method);
        let counts = |code: Code| match operation {
            Some(operation) => !contract.leaves_out(operation, code),
            None => !contract.leaves_out_undocumented(&asked, code),
        };
        let breaches = breaches.into_iter().filter(|breach| counts(breach.code));
        TapContract {
            name: contract.name.clone(),
            operation: operation.map(crate::contract::Operation::label),
            breaches: breaches
                .map(|breach| TapBreach {
                    code: breach.code,
                    message: breach.message,
                    at: breach.at,
                    said: breach.said,
                    label: breach.said_label,
                })
                .collect(),
        }
    }
}

impl StepScene<'_> {
    /// From now on what taps see belongs to this request, as far as it does.
    pub(super) fn watch_taps(&self, request: &http::Request) -> Option<Watching> {
        let mut headers = request.headers.iter();
        let parent = headers.find(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT));
        let label = self.told.map_or_else(|| self.key.to_owned(), |(_, step)| step.title().into());
        self.context.hub.watch(parent.map(|(_, value)| value.as_str()), &label)
    }

    /// What taps saw of it.
    pub(super) async fn tapped(&self, watching: Option<Watching>) -> TapsSaw {
        let Some(watching) = watching else { return TapsSaw::default() };
        let (seen, unsure) = watching.end().await;
        self.context.tell_strays(false).await;
        let saw = seen.into_iter().map(|seen| {
            let named =
                |contract: &&CheckedContract| Some(&contract.name) == seen.contract.as_ref();
            let contract = self.plan.contracts().iter().find(named);
            self.context.tapped(seen, contract)
        });
        TapsSaw(saw.collect(), unsure)
    }
}

impl TapsSaw {
    /// The same as data.
    pub(super) fn told(self) -> Vec<Tapped> {
        self.0.into_iter().map(|(tapped, _)| tapped).collect()
    }

    /// Judges what taps are to have seen; every assertion is evaluated.
    pub(super) fn judge(
        &self,
        hops: &[CheckedHop],
        severity: Severity,
        renderer: &Renderer<'_>,
    ) -> (Vec<outcome::Assertion>, Vec<Finding>) {
        let (mut assertions, mut findings) = (Vec::new(), Vec::new());
        for hop in hops {
            let own: Vec<_> = (0_u32..)
                .zip(&self.0)
                .filter(|(_, (tapped, _))| tapped.tap == hop.tap.value)
                .map(|(at, (tapped, shown))| (at, tapped, shown))
                .collect();
            let unsure = self.1.get(&hop.tap.value).copied().unwrap_or_default();
            let judge = Judge { hop, own: &own, unsure, severity, renderer };
            match judge.count() {
                Ok(count) => assertions.extend(count),
                Err(more) => findings.extend(more),
            }
            if own.is_empty() {
                continue;
            }
            assertions.extend(judge.contract());
            for (part, assertion) in &hop.assertions {
                match judge.each(part, assertion) {
                    Ok(judged) => assertions.extend(judged),
                    Err(more) => findings.extend(more),
                }
            }
        }
        (assertions, findings)
    }
}

/// What one tap saw, and what is expected of it.
struct Judge<'a> {
    hop: &'a CheckedHop,
    own: &'a [(u32, &'a Tapped, &'a Shown)],
    /// How many more came of which nothing says whose they are.
    unsure: u64,
    severity: Severity,
    renderer: &'a Renderer<'a>,
}

impl Judge<'_> {
    fn about(&self, seen: Option<u32>, pointer: Option<String>) -> TapRef {
        TapRef { tap: self.hop.tap.value.clone(), seen, pointer }
    }

    fn operands(&self, assertion: &Assertion) -> Result<Vec<Option<Value>>, Vec<Finding>> {
        let operands = assertion.operands.iter();
        operands
            .map(|operand| Ok(self.renderer.value(operand)?.map(|(value, _)| value)))
            .collect::<Result<_, Box<Finding>>>()
            .map_err(|finding| vec![*finding])
    }

    /// How many requests there are. What holds only if none of the requests is the step's own of
    /// which nothing says whose they are does not hold.
    fn count(&self) -> Result<Vec<outcome::Assertion>, Vec<Finding>> {
        let assertion = &self.hop.count;
        let operands = self.operands(assertion)?;
        let judge = |more: u64| {
            let found = Found::made(Value::from(self.own.len() as u64 + more));
            assertion.predicate.judge(&operands, found)
        };
        let mut is_sure = true;
        for more in (1..=self.unsure.min(LOOKED_AT)).chain(Some(self.unsure)) {
            is_sure &= judge(more)?.iter().all(|judgement| judgement.passed);
        }
        let judged = judge(0)?.into_iter().map(|judgement| outcome::Assertion {
            subject: assertion.text.clone(),
            place: if assertion.implied { assertion.place } else { assertion.value_place },
            severity: self.severity,
            passed: judgement.passed && is_sure,
            expected: judgement.expected,
            actual: judgement.actual,
            pointer: None,
            outcome: None,
            note: if judgement.passed && is_sure {
                None
            } else {
                self.note_of_count(assertion.implied).or(judgement.note)
            },
            violations: Vec::new(),
            tap: Some(Box::new(self.about(self.own.first().map(|(at, ..)| *at), None))),
        });
        let mut judged: Vec<_> = judged.collect();
        let has_more = self.hop.contract.is_some() || !self.hop.assertions.is_empty();
        if self.unsure > 0 && has_more && judged.iter().all(|one| one.passed) {
            // What is said of each request was not looked at in these.
            judged.extend(judged.first().cloned().map(|one| outcome::Assertion {
                passed: false,
                severity: Severity::Warning,
                note: self.note_of_count(false),
                ..one
            }));
        }
        Ok(judged)
    }

    /// Why nothing may have come, or whose nobody knows.
    fn note_of_count(&self, implied: bool) -> Option<String> {
        let name = &self.hop.tap.value;
        if self.unsure > 0 {
            let (own, more) = (self.own.len(), self.unsure);
            let requests = if more == 1 { "request" } else { "requests" };
            return Some(format!(
                "beside the {own} of this step, the tap `{name}` saw {more} {requests} meanwhile \
                 that may be of this step or of another: only a `traceparent` that is passed on, or \
                 a step that runs alone, tells"
            ));
        }
        if !self.own.is_empty() {
            return None;
        }
        let said = if implied { "no `count` is stated, so at least one is expected; " } else { "" };
        Some(format!(
            "{said}the tap `{name}` saw no request of this step: does the system under test ask \
             its dependency there?"
        ))
    }

    /// Holds every request against the contract of the tap.
    fn contract(&self) -> Vec<outcome::Assertion> {
        let Some(place) = self.hop.contract else { return Vec::new() };
        let mut judged = Vec::new();
        let assertion = |severity: Severity, operand: Value| outcome::Assertion {
            tap: Some(Box::new(self.about(self.own.first().map(|(at, ..)| *at), None))),
            ..as_documented(
                format!("hops.{}.contract", self.hop.tap.value),
                operand,
                (place, severity),
            )
        };
        for (at, tapped, shown) in self.own {
            let Some(contract) = &tapped.contract else { continue };
            let operation = contract.operation.clone().unwrap_or_else(|| tapped.title());
            if let Some(why) = cut(shown) {
                judged.push(outcome::Assertion {
                    passed: false,
                    note: Some(format!("{why}{}", self.of_several(*at))),
                    tap: Some(Box::new(self.about(Some(*at), None))),
                    ..assertion(self.severity, Value::from(operation.clone()))
                });
            }
            for is_mild in [false, true] {
                let of_kind =
                    |breach: &&TapBreach| (breach.code == Code::ContractUnknownField) == is_mild;
                let breaches: Vec<&TapBreach> = contract.breaches.iter().filter(of_kind).collect();
                let Some(first) = breaches.first() else { continue };
                let severity = if is_mild { Severity::Warning } else { self.severity };
                let more = match breaches.len() {
                    1 => String::new(),
                    more => format!("; this is the first of {more} places"),
                };
                judged.push(outcome::Assertion {
                    passed: false,
                    note: Some(format!("{}{more}{}", first.message, self.of_several(*at))),
                    violations: breaches.iter().map(|breach| violation(breach)).collect(),
                    tap: Some(Box::new(self.about(Some(*at), None))),
                    ..assertion(severity, Value::from(operation.clone()))
                });
            }
        }
        if !judged.iter().any(|one| one.severity == self.severity) {
            let first = self.own.first().and_then(|(_, tapped, _)| tapped.contract.as_ref());
            let operation = first.and_then(|contract| contract.operation.clone());
            judged.insert(0, assertion(self.severity, operation.map_or(Value::Null, Value::from)));
        }
        judged
    }

    /// Judges one part of every request: all of them must be so.
    fn each(
        &self,
        part: &HopPart,
        assertion: &Assertion,
    ) -> Result<Vec<outcome::Assertion>, Vec<Finding>> {
        let operands = self.operands(assertion)?;
        let mut judged: Vec<outcome::Assertion> = Vec::new();
        for (at, tapped, shown) in self.own {
            let found = read(part, assertion, tapped, shown);
            let judgements = assertion.predicate.judge(&operands, found)?;
            judged.extend(judgements.into_iter().map(|judgement| {
                outcome::Assertion {
                    subject: format!("hops.{}.{}", self.hop.tap.value, assertion.text),
                    place: assertion.value_place,
                    severity: self.severity,
                    passed: judgement.passed,
                    expected: judgement.expected,
                    actual: judgement.actual,
                    pointer: None,
                    outcome: None,
                    note: match (judgement.passed, judgement.note, self.of_several(*at)) {
                        (true, ..) => None,
                        (false, None, several) if several.is_empty() => None,
                        (false, note, several) => Some(
                            format!("{}{several}", note.unwrap_or_default())
                                .trim_start_matches("; ")
                                .to_owned(),
                        ),
                    },
                    violations: judgement.violations,
                    tap: Some(Box::new(self.about(Some(*at), judgement.pointer))),
                }
            }));
        }
        // Where all hold, one line says so.
        if judged.iter().all(|one| one.passed) {
            judged.truncate(judged.len() / self.own.len().max(1));
        } else {
            judged.retain(|one| !one.passed);
        }
        Ok(judged)
    }

    /// Which request it is about, where there are several.
    fn of_several(&self, at: u32) -> String {
        let position = self.own.iter().position(|(own, ..)| *own == at).unwrap_or_default() + 1;
        match self.own.len() {
            1 => String::new(),
            all => format!("; request {position} of the {all} that the tap saw"),
        }
    }
}

fn violation(breach: &TapBreach) -> Violation {
    Violation {
        at: breach.at.replace('`', ""),
        pointer: None,
        wanted: breach.message.clone(),
        keyword: breach.code.as_str().to_owned(),
        place: breach.said,
    }
}

/// Why the body of a request cannot be judged: only its beginning is kept, or came.
fn cut(shown: &Shown) -> Option<String> {
    let (size, kept) = (shown.response.size(), shown.response.body.len() as u64);
    if size > kept {
        let (size, kept) = (show_size(size), show_size(kept));
        return Some(format!("only {kept} of the body's {size} are kept"));
    }
    let told = || format!("the body did not come whole: {} came", show_size(size));
    (!shown.is_whole).then(told)
}

/// What is looked at of a request.
fn read<'f>(
    part: &HopPart,
    assertion: &Assertion,
    tapped: &'f Tapped,
    shown: &'f Shown,
) -> Found<'f> {
    let (path, query) = tapped.path.split_once('?').unwrap_or((&tapped.path, ""));
    match part {
        HopPart::Method => Found::Text(tapped.exchange.request.method.as_str().into()),
        HopPart::Path => Found::Text(path.into()),
        HopPart::Query(name) => {
            let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
            let values: Vec<&str> = pairs
                .iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| value.as_ref())
                .collect();
            if values.is_empty() {
                let there = pairs.iter().map(|(known, _)| known.to_string()).collect();
                Found::Nothing(Gap { reached: "query".to_owned(), there, ..Gap::default() })
            } else {
                Found::made(Value::from(values.join(", ")))
            }
        }
        HopPart::Status if tapped.exchange.response.is_none() => {
            let error = tapped.exchange.error.as_ref();
            let why = tapped.refused.clone().or(error.map(|error| error.message.clone()));
            Found::Unreadable { value: None, why: why.unwrap_or_default() }
        }
        HopPart::Request if assertion.subject.reads_body() => match cut(shown) {
            Some(why) => Found::Unreadable { value: None, why },
            None => assertion.subject.read(&shown.response),
        },
        HopPart::Status | HopPart::Request => assertion.subject.read(&shown.response),
    }
}
