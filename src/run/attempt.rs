//! One try of one step: rendered, sent, judged.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::cases::Case;
use super::context::{Context, Held, PlanValues, Stop};
use super::contract::Contracted;
use super::files::{Absent, PlanFiles};
use super::ids::TraceId;
use super::judge::{self, Views};
use super::names::{AttemptNames, JobNames};
use super::render::Renderer;
use super::saving::Saving;
use super::taps::TapsSaw;
use super::wire;
use crate::budget;
use crate::check::{CheckedPlan, CheckedStep, Condition, Request, Work};
use crate::event::{Event, JobId, StepRef};
use crate::finding::{Code, Finding, Severity};
use crate::http::{self, Barrier, Exchanged, Jar};
use crate::outcome::{self, Actual, Attempt, Expected, TransportClass};
use crate::query::{Response, Whole};
use crate::template::{Evaluated, Names, Scope, Seed};

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything holds.
    Passed,
    /// An assertion or a capture failed.
    Failed(Code),
    /// Only a budget was exceeded.
    Slow,
    /// It could not be carried out.
    Errored(Code),
    /// It was interrupted, or its deadline came.
    Cut(Cut),
}

/// Larger bodies are kept of the last attempt alone, in bytes.
const LARGE: u64 = 256 * 1024;

/// What cut an attempt short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The run is to end.
    Stopped(Stop),
    /// A deadline came.
    Deadline,
}

/// One attempt with what it leaves behind.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) attempt: Attempt,
    pub(super) ended: Ended,
    pub(super) sent: bool,
    pub(super) response: Option<Response>,
    pub(super) captures: Vec<(String, Value, bool)>,
    pub(super) request_sha256: Option<String>,
    /// When the request was let go, where it started together with others.
    pub(super) released: Option<Duration>,
    /// Whether `give_up` describes the response.
    pub(super) gave_up: bool,
    /// The body on its way into a file.
    pub(super) saving: Option<Saving>,
}

/// Everything that the attempts of one step have in common.
#[derive(Clone, Copy)]
pub(super) struct StepScene<'a> {
    pub(super) context: &'a Context,
    pub(super) values: &'a PlanValues,
    pub(super) plan: &'a CheckedPlan,
    pub(super) step: &'a CheckedStep,
    pub(super) names: &'a JobNames,
    /// What random values depend on where another plan includes this one.
    pub(super) inside: &'a str,
    /// What random values of this step depend on beside the seed: its id or its place.
    pub(super) key: &'a str,
    pub(super) jar: &'a Jar,
    pub(super) trace: TraceId,
    pub(super) words: &'a Words,
    /// What is told of how far its bodies have come; nothing is told of samples.
    pub(super) told: Option<(JobId, &'a StepRef)>,
    pub(super) case: Option<&'a Arc<Case>>,
    /// The number of the sample, from 1.
    pub(super) iteration: u32,
    /// Holds the requests of a wave back until all have their connections.
    pub(super) barrier: Option<&'a Barrier>,
    /// Whether another step reads the body of its response.
    pub(super) body_is_read_later: bool,
    /// Whether something reads the digest of what this step sends.
    pub(super) digest_is_read_later: bool,
    /// Whether the end of the run ends it too; cleanup goes on.
    pub(super) stoppable: bool,
    /// Where events wait until it is known whether they are told.
    pub(super) held: Option<&'a Held>,
}

/// What `unique` is made of in one step: one number for each attempt, drawn when it is used first.
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<BTreeMap<u32, u64>>);

impl Words {
    fn of(&self, attempt: u32, context: &Context) -> u64 {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn.entry(attempt).or_insert_with(|| context.entropy())
    }
}

impl StepScene<'_> {
    /// Tells what happened.
    pub(super) async fn tell(&self, event: Event) {
        self.context.tell(self.held, event).await;
    }

    /// Calls `f` with what renders templates of one attempt; `captures` are the step's own.
    pub(super) fn render<R>(
        &self,
        attempt: u32,
        captures: Option<&Names>,
        f: impl FnOnce(&Renderer<'_>) -> R,
    ) -> R {
        let id = self.step.id.as_deref().unwrap_or_default();
        let names = AttemptNames::new(self.names, self.case.map(Arc::as_ref), id)
            .at(attempt, self.iteration);
        let names = match captures {
            Some(captures) => names.with(captures),
            None => names,
        };
        let entropy = || self.words.of(attempt, self.context);
        let file = |path: &str| {
            let read = self.values.files.read(&self.values.folder, path);
            read.map_err(|fault| fault.to_string())
        };
        let scope = Scope {
            names: &names,
            seed: Seed {
                seed: self.context.seed,
                plan: &self.values.path,
                case: &inside_of(self.inside, self.case.map(|case| case.seed.as_str())),
                step: self.key,
                iteration: u64::from(self.iteration),
                attempt: u64::from(attempt),
            },
            now: self.context.now(),
            entropy: &entropy,
            file: &file,
        };
        f(&Renderer {
            scope,
            gate: &self.context.gate,
            environment: &self.values.environment,
            literal_origins: self.plan.literal_origins(),
            files: PlanFiles { values: self.values, absent: Absent::Refused },
        })
    }

    /// Makes one attempt; it ends at `until`, counted from the run's start, at the latest.
    pub(super) async fn attempt(&self, number: u32, until: Option<Duration>) -> Attempted {
        let at = self.context.elapsed();
        match &self.step.work {
            Work::Request(request) => self.send(request, number, at, until).await,
            Work::Assert(conditions) => self.assert(conditions, number, at),
            Work::Sleep(duration) => {
                let time = self.render(number, None, |renderer| renderer.late(duration));
                match time {
                    Ok(time) => match self.bounded(tokio::time::sleep(time), until).await {
                        Ok(()) => Attempted::new(number, at, Ended::Passed),
                        Err(cut) => Attempted::new(number, at, Ended::Cut(cut)),
                    },
                    Err(finding) => Attempted::errored(number, at, vec![*finding]),
                }
            }
            // What holds steps has no attempts of its own: they have.
            Work::Group(_) | Work::Include(_) => Attempted::new(number, at, Ended::Passed),
        }
    }

    /// Waits for `work`, but not past the end of the run or a deadline.
    pub(super) async fn bounded<T>(
        &self,
        work: impl Future<Output = T>,
        until: Option<Duration>,
    ) -> Result<T, Cut> {
        let left = until.map(|until| until.saturating_sub(self.context.elapsed()));
        let deadline = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let stopped = async {
            if self.stoppable {
                self.context.until_stopped().await
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            stop = stopped => Err(Cut::Stopped(stop)),
            value = work => Ok(value),
            () = deadline => Err(Cut::Deadline),
        }
    }

    async fn send(
        &self,
        request: &Request,
        number: u32,
        at: Duration,
        until: Option<Duration>,
    ) -> Attempted {
        let (mut rendered, saving) = match self.rendered(request, number) {
            Ok(both) => both,
            Err(finding) => {
                if let Some(barrier) = self.barrier {
                    barrier.skip();
                }
                return Attempted::errored(number, at, vec![*finding]);
            }
        };
        if let Err(ended) = self.log_in(&mut rendered, number, at, until).await {
            if let Some(barrier) = self.barrier {
                barrier.skip();
            }
            return *ended;
        }
        self.name(&mut rendered);
        rendered.request.barrier = self.barrier.cloned();
        let (keep, md5) = self.kept();
        let wanted = self.wants_digest(&rendered.request.body);
        rendered.request.keep = keep;
        rendered.request.copy = saving.as_ref().map(Saving::copying);
        rendered.request.digests = http::Digests { sent: wanted, md5 };
        let moved = Arc::<http::Moved>::default();
        let watching = self.watch_taps(&rendered.request);
        rendered.request.moved = self.told.map(|_| Arc::clone(&moved));
        let exchange = async {
            let jar = rendered.send_jar.then_some(self.jar);
            let first = self.context.client.exchange(&rendered.request, jar).await?;
            match self.answer_challenge(&mut rendered, &first).await {
                Some(answered) => answered,
                None => Ok(first),
            }
        };
        // It is large, and kept out of the future that every step is.
        let exchange = self.watched(&moved, Box::pin(exchange));
        let exchanged = match self.bounded(exchange, until).await {
            Ok(Ok(exchanged)) => exchanged,
            Ok(Err(fault)) => {
                let finding = refused(&fault, request);
                return Attempted::errored(number, at, vec![finding]);
            }
            Err(cut) => {
                let mut attempted = Attempted::new(number, at, Ended::Cut(cut));
                attempted.sent = true;
                attempted.attempt.tapped = self.tapped(watching).await.told();
                return attempted;
            }
        };
        if let (false, Ok(answer)) = (rendered.send_jar, &exchanged.answer) {
            // Nothing of the jar was sent; what the answer sets goes into it all the same.
            let set =
                answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
            set.for_each(|(_, value)| self.jar.keep(value, &answer.url));
        }
        let mut wire = wire::exchange(&exchanged, rendered.provenance);
        let tapped = self.tapped(watching).await;
        let mut attempted = match response_of(&exchanged) {
            Ok(response) => self.judge(response, (number, at), &exchanged, (&wire, &tapped)),
            Err(code) => Attempted::new(number, at, Ended::Errored(code)),
        };
        attempted.attempt.tapped = tapped.told();
        attempted.saving = saving.filter(|_| exchanged.answer.is_ok());
        if attempted.ended != Ended::Passed {
            self.state_facts(request, number, &mut wire);
        }
        attempted.sent = went_out(&exchanged);
        attempted.released = exchanged
            .released
            .map(|released| released.saturating_duration_since(self.context.started));
        attempted.request_sha256 = exchanged.sent.sha256;
        attempted.attempt.exchange = Some(Box::new(wire));
        attempted
    }

    fn judge(
        &self,
        response: Response,
        (number, at): (u32, Duration),
        exchanged: &Exchanged,
        (wire, tapped): (&outcome::Exchange, &TapsSaw),
    ) -> Attempted {
        let step = self.step;
        let mut attempted = Attempted::new(number, at, Ended::Passed);
        let (captures, values, mut findings) = self
            .render(number, None, |renderer| judge::captures(&step.captures, &response, renderer));
        let contracted = match self.contracted(number, wire, &response) {
            Ok(contracted) => contracted,
            Err(more) => {
                findings.extend(more);
                Contracted::default()
            }
        };
        let mut own = Names::default();
        for (name, value, secret) in &values {
            let taint = secret.then(|| name.as_str().into());
            own.bind(name.clone(), value.clone(), taint);
        }
        let (mut judged, mut warned, gave_up) = self.render(number, None, |before| {
            self.render(number, Some(&own), |after| {
                let contract = Some(&contracted);
                let views = Views { before: *before, after: *after, contract };
                let judged = judge::expect(&step.expect, Severity::Error, &response, &views);
                let mut warned =
                    judge::assertions(&step.warn.assertions, Severity::Warning, &response, &views);
                if let Some(place) = step.warn.contract {
                    let of_contract = contracted.assertions(place, Severity::Warning, None);
                    warned.assertions.extend(of_contract);
                }
                let gave_up = step.poll.as_ref().is_some_and(|poll| {
                    !poll.give_up.is_empty() && {
                        let judged =
                            judge::assertions(&poll.give_up, Severity::Error, &response, &views);
                        judged.holds()
                    }
                });
                (judged, warned, gave_up)
            })
        });
        for (hops, severity, judged) in [
            (&step.expect.hops, Severity::Error, &mut judged),
            (&step.warn.hops, Severity::Warning, &mut warned),
        ] {
            let (assertions, more) =
                self.render(number, Some(&own), |renderer| tapped.judge(hops, severity, renderer));
            judged.assertions.extend(assertions);
            judged.findings.extend(more);
        }
        let holds = judged.holds();
        findings.append(&mut judged.findings);
        findings.append(&mut warned.findings);
        let all_found = captures.iter().all(|capture| capture.missing.is_none());
        let mut breaches = Vec::new();
        let mut limit = None;
        for (budget, severity) in
            [(&step.budget, Severity::Error), (&step.warn_budget, Severity::Warning)]
        {
            if let Some(budget) = budget {
                match self.render(number, None, |renderer| renderer.limits(budget)) {
                    Ok(limits) => {
                        limit = budget::tightest(&limits).into_iter().chain(limit).min();
                        breaches.extend(budget::judge(
                            &limits,
                            &exchanged.phases,
                            exchanged.phases.total.unwrap_or_default(),
                            severity,
                        ));
                    }
                    Err(more) => findings.extend(more),
                }
            }
        }
        let slow = breaches.iter().any(|breach| breach.severity == Severity::Error);
        attempted.ended = if let Some(finding) = findings.iter().find(|f| f.is_error()) {
            Ended::Errored(finding.code)
        } else if !holds {
            Ended::Failed(Code::AssertionFailed)
        } else if !all_found {
            Ended::Failed(Code::CaptureFailed)
        } else if slow {
            Ended::Slow
        } else {
            Ended::Passed
        };
        if attempted.ended != Ended::Passed {
            attempted.attempt.hints = self.hints(number, &own, &response);
        }
        findings.extend(duplicate_keys(step, &response));
        attempted.attempt.assertions = judged.assertions;
        attempted.attempt.assertions.append(&mut warned.assertions);
        attempted.attempt.outcome = judged.outcome;
        attempted.attempt.documented = self.documented(contracted.used.as_ref(), &response);
        attempted.attempt.contract = contracted.used.map(Box::new);
        attempted.attempt.captures = captures;
        attempted.attempt.limit = limit;
        attempted.attempt.breaches = breaches;
        attempted.attempt.findings = findings;
        attempted.captures = values;
        attempted.response = Some(response);
        attempted.gave_up = gave_up;
        attempted
    }

    /// `assert:`: every expression is evaluated, each must be true.
    fn assert(&self, conditions: &[Condition], number: u32, at: Duration) -> Attempted {
        let mut attempted = Attempted::new(number, at, Ended::Passed);
        for condition in conditions {
            let result = self.render(number, None, |renderer| {
                renderer.template(&condition.template, condition.place)
            });
            match result {
                Ok(value) => {
                    let passed = value == Value::Bool(true);
                    if !passed && attempted.ended == Ended::Passed {
                        attempted.ended = Ended::Failed(Code::AssertionFailed);
                    }
                    attempted.attempt.assertions.push(outcome::Assertion {
                        subject: condition.text.clone(),
                        place: condition.place,
                        severity: Severity::Error,
                        passed,
                        expected: Expected {
                            operator: "equals".into(),
                            operand: Value::Bool(true),
                        },
                        note: (!passed && !value.is_boolean()).then(|| {
                            "an assertion is a comparison: its value is true or false".into()
                        }),
                        violations: Vec::new(),
                        tap: None,
                        actual: (!passed).then_some(Actual::Value(value)),
                        pointer: None,
                        outcome: None,
                    });
                }
                Err(finding) => {
                    attempted.ended = Ended::Errored(finding.code);
                    attempted.attempt.findings.push(*finding);
                }
            }
        }
        attempted
    }

    /// Whether a condition holds.
    pub(super) fn condition(&self, condition: &Condition) -> Result<bool, Box<Finding>> {
        let value =
            self.render(1, None, |renderer| match condition.template.eval(&renderer.scope) {
                Ok(Evaluated::Value { value, .. }) => Ok(value),
                Ok(Evaluated::Omit) => Ok(Value::Null),
                Err(fault) => Err(Box::new(Finding::of(&fault, condition.place))),
            })?;
        match value {
            Value::Bool(holds) => Ok(holds),
            other => Err(Box::new(
                Finding::error(
                    Code::TemplateFailed,
                    format!("`if` wants true or false, this is {}", crate::json::in_words(&other)),
                )
                .at(condition.place, "not a boolean")
                .help("compare it with something: `… == 1`, `… is defined`"),
            )),
        }
    }
}

impl Attempted {
    pub(super) fn new(number: u32, at: Duration, ended: Ended) -> Self {
        Self {
            attempt: Attempt {
                number,
                sample: None,
                at,
                exchange: None,
                assertions: Vec::new(),
                captures: Vec::new(),
                limit: None,
                breaches: Vec::new(),
                findings: Vec::new(),
                outcome: None,
                contract: None,
                documented: Vec::new(),
                routes: None,
                hints: Vec::new(),
                tapped: Vec::new(),
            },
            ended,
            sent: false,
            response: None,
            captures: Vec::new(),
            request_sha256: None,
            released: None,
            gave_up: false,
            saving: None,
        }
    }

    /// Keeps of an attempt that another one followed what tells why it did not pass; large bodies
    /// would add up.
    pub(super) fn forget_the_bulk(&mut self) {
        self.response = None;
        self.captures = Vec::new();
        self.saving = None;
        let response = self.attempt.exchange.as_mut().and_then(|e| e.response.as_mut());
        if let Some(response) = response
            && response.body.size > LARGE
        {
            response.body.content = outcome::Content::Empty;
            response.body.cut = true;
        }
    }

    pub(super) fn errored(number: u32, at: Duration, findings: Vec<Finding>) -> Self {
        let code = findings.first().map_or(Code::TemplateFailed, |finding| finding.code);
        let mut attempted = Self::new(number, at, Ended::Errored(code));
        attempted.attempt.findings = findings;
        attempted
    }
}

/// What random values depend on beside the plan: its case, and where it is included.
pub(super) fn inside_of<'s>(inside: &'s str, case: Option<&'s str>) -> Cow<'s, str> {
    match (inside, case) {
        (inside, None | Some("")) => Cow::Borrowed(inside),
        ("", Some(case)) => Cow::Borrowed(case),
        (inside, Some(case)) => Cow::Owned(format!("{inside}/{case}")),
    }
}

/// Whether anything of the request went over the wire: it may have taken effect.
fn went_out(exchanged: &Exchanged) -> bool {
    let before_sending = exchanged.answer.as_ref().is_err_and(|error| {
        matches!(
            error.class,
            TransportClass::Dns
                | TransportClass::Refused
                | TransportClass::ConnectTimeout
                | TransportClass::Tls
                | TransportClass::Origin
        )
    });
    !before_sending || !exchanged.hops.is_empty()
}

/// What came back, as assertions read it.
fn response_of(exchanged: &Exchanged) -> Result<Response, Code> {
    let answer = exchanged.answer.as_ref().map_err(|error| wire::code(error.class))?;
    Ok(Response {
        status: answer.status,
        http: answer.http.to_owned(),
        headers: answer.headers.clone(),
        body: answer.body.clone(),
        url: answer.url.to_string(),
        redirects: exchanged.hops.iter().map(|hop| hop.location.clone()).collect(),
        remote: answer.remote,
        whole: Some(Whole {
            size: answer.size,
            sha256: answer.sha256.clone(),
            md5: answer.md5.clone(),
        }),
        duration: exchanged.phases.total.unwrap_or_default(),
        json: OnceLock::new(),
    })
}

/// A request that cannot be sent as it was rendered: a line break in a header, a bad URL.
fn refused(fault: &http::RequestFault, request: &Request) -> Finding {
    if let (http::RequestFault::Tls { .. }, Some(tls)) = (fault, &request.dial.tls) {
        return Finding::error(Code::ValueRefused, fault.to_string())
            .at(tls.place, "these settings")
            .help("certificates and keys are PEM: text that begins with `-----BEGIN`");
    }
    Finding::error(Code::ValueRefused, fault.to_string())
        .at(request.url_place, "this request")
        .help("look at the step that captured the value")
}

/// A response that JSON assertions read and that has a key twice: the last counts.
fn duplicate_keys(step: &CheckedStep, response: &Response) -> Vec<Finding> {
    // Only where an assertion or a capture asked for JSON: then it was parsed already.
    if !response.json.get().is_some_and(Result::is_ok) {
        return Vec::new();
    }
    response
        .duplicate_keys()
        .into_iter()
        .map(|duplicate| {
            Finding::warning(
                Code::DuplicateKeyInResponse,
                format!("the response has the key `{}` twice; the last counts", duplicate.key),
            )
            .at(step.place, "the response of this step")
        })
        .collect()
}
