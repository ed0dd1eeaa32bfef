//! One step with all its attempts: retry, poll, deadlines, and the verdict.

use std::time::Duration;

use serde_json::Value;

use super::attempt::{Attempted, Cut, Ended, StepScene};
use super::names::{Seen, SeenResponse};
use super::pause::{self, Pauses};
use super::render::as_text;
use crate::check::{Poll, Retry, Work};
use crate::event::{Event, JobId, StepRef};
use crate::finding::{Code, Finding};
use crate::outcome::{Attempt, Reason, StepResult, TransportClass, Verdict};
use crate::plan::RetryWhen;
use crate::source::Place;

/// How many attempts of a retry are kept whole.
const KEPT: usize = 10;

/// What a step leaves for those after it.
pub(super) struct Finished {
    pub(super) result: StepResult,
    pub(super) seen: Seen,
    pub(super) captures: Vec<(String, Value, bool)>,
    /// Whether its failure may block what stands behind it.
    pub(super) stops: bool,
}

/// A limit in time, since the run's start, with the words for it.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) until: Duration,
    pub(super) what: String,
    /// Where it is written, if a plan says it.
    pub(super) place: Option<Place>,
}

impl Finished {
    /// A step that leaves nothing.
    pub(super) fn of(result: StepResult) -> Self {
        let seen = Seen { verdict: Some(result.verdict), ..Seen::default() };
        Self { result, seen, captures: Vec::new(), stops: true }
    }
}

impl StepScene<'_> {
    /// Carries the step out; `limit` is the plan's own, the step's may come first.
    pub(super) async fn carry_out(
        &self,
        job: JobId,
        reference: &StepRef,
        limit: Option<&Limit>,
        observed: &[String],
    ) -> Finished {
        let started = self.context.elapsed();
        let limit = match self.step_limit(started, limit) {
            Ok(limit) => limit,
            Err(finding) => {
                let attempted = Attempted::errored(1, started, vec![*finding]);
                return self.finish(started, vec![attempted], 1, None, observed);
            }
        };
        if let Some(samples) = &self.step.samples {
            // What few steps do is kept out of the future that every step is.
            return Box::pin(self.samples(samples, (job, reference), limit, observed)).await;
        }
        let until = limit.as_ref().map(|limit| limit.until);
        let told = StepScene { told: Some((job, reference)), ..*self };
        let (mut attempts, tries, message) = match (&self.step.poll, &self.step.retry) {
            (Some(poll), _) => Box::pin(told.poll(poll, job, reference, started, until)).await,
            (None, Some(retry)) => Box::pin(told.retry(retry, job, reference, until)).await,
            (None, None) => (vec![told.attempt(1, until).await], 1, None),
        };
        if let Some(last) = attempts.last_mut() {
            self.save(last).await;
        }
        let ended_at = match attempts.last().map(|attempted| attempted.ended) {
            Some(Ended::Cut(Cut::Deadline)) => limit.as_ref().and_then(|limit| limit.place),
            _ => attempts.last().and_then(|last| self.unanswered(&last.attempt)),
        };
        let message = match attempts.last().map(|attempted| attempted.ended) {
            Some(Ended::Cut(Cut::Deadline)) => {
                limit.map(|limit| (Some(Code::DeadlineExceeded), limit.what)).or(message)
            }
            _ => message,
        };
        let mut finished = self.finish(started, attempts, tries, message, observed);
        finished.result.ended_at = ended_at;
        finished
    }

    /// Where the request is written that got no answer.
    pub(super) fn unanswered(&self, attempt: &Attempt) -> Option<Place> {
        let failed = attempt.exchange.as_ref().is_some_and(|exchange| exchange.error.is_some());
        match &self.step.work {
            Work::Request(request) if failed => Some(request.url_place),
            Work::Request(_)
            | Work::Assert(_)
            | Work::Sleep(_)
            | Work::Group(_)
            | Work::Include(_) => None,
        }
    }

    /// When the step has to end: its own deadline, or what holds it if that comes first.
    pub(super) fn step_limit(
        &self,
        started: Duration,
        outer: Option<&Limit>,
    ) -> Result<Option<Limit>, Box<Finding>> {
        let Some(deadline) = &self.step.deadline else { return Ok(outer.cloned()) };
        let own = self.render(1, None, |renderer| renderer.late(deadline))?;
        let until = started.saturating_add(own);
        Ok(match outer {
            Some(outer) if outer.until <= until => Some(outer.clone()),
            Some(_) | None => Some(Limit {
                until,
                what: format!(
                    "the step's deadline of {} came first",
                    crate::units::show_duration(own)
                ),
                place: self.step.deadline_place,
            }),
        })
    }

    /// Tries again what `retry` names.
    pub(super) async fn retry(
        &self,
        retry: &Retry,
        job: JobId,
        reference: &StepRef,
        until: Option<Duration>,
    ) -> (Vec<Attempted>, u32, Option<(Option<Code>, String)>) {
        let settings = self.render(1, None, |renderer| {
            Ok((
                renderer.late(&retry.times)?,
                renderer.late(&retry.delay)?,
                renderer.late(&retry.max_delay)?,
                renderer.late(&retry.backoff)?,
                renderer.late(&retry.jitter)?,
            ))
        });
        let (times, delay, max_delay, backoff, varies) = match settings {
            Ok(settings) => settings,
            Err(finding) => {
                let finding: Box<Finding> = finding;
                let at = self.context.elapsed();
                return (vec![Attempted::errored(1, at, vec![*finding])], 1, None);
            }
        };
        let pauses = Pauses { delay, max_delay, backoff };
        let mut attempts: Vec<Attempted> = Vec::with_capacity(1);
        let mut number = 1;
        loop {
            let attempted = self.attempt(number, until).await;
            let again = Self::is_worth_retrying(retry, &attempted);
            let asked = retry_after(&attempted, self.context.now());
            if let Some(before) = attempts.last_mut() {
                before.forget_the_bulk();
            }
            if attempts.len() == KEPT {
                attempts.remove(0);
            }
            attempts.push(attempted);
            let Some(why) = again.filter(|_| number <= times) else { break };
            let jitter = varies.then(|| self.jitter(number));
            let wished = asked.as_ref().and_then(|asked| asked.as_ref().ok()).copied();
            let pause = pauses.after(number, jitter, wished);
            let why = match asked {
                Some(Ok(asked)) => {
                    format!("{why}; Retry-After says {}", crate::units::show_duration(asked))
                }
                Some(Err(bad)) => format!("{why}; Retry-After `{bad}` is ignored"),
                None => why,
            };
            self.tell(Event::StepRetried { job, step: reference.clone(), attempt: number, why })
                .await;
            if let Err(cut) = self.bounded(tokio::time::sleep(pause), until).await {
                if let Some(last) = attempts.last_mut() {
                    last.ended = Ended::Cut(cut);
                }
                break;
            }
            number += 1;
        }
        (attempts, number, None)
    }

    /// A factor between a half and one that depends on the seed alone.
    fn jitter(&self, number: u32) -> f64 {
        pause::jitter(&format!(
            "{}\0{}\0{}\0{}\0{number}",
            self.context.seed, self.values.path, self.key, self.iteration
        ))
    }

    fn is_worth_retrying(retry: &Retry, attempted: &Attempted) -> Option<String> {
        if !matches!(attempted.ended, Ended::Failed(_) | Ended::Errored(_)) {
            return None;
        }
        let error = attempted.attempt.exchange.as_ref().and_then(|e| e.error.as_ref());
        let status = attempted.response.as_ref().map(|response| response.status);
        retry.when.iter().find_map(|when| match (when, error, status) {
            (RetryWhen::Transport, Some(error), _)
                if !matches!(
                    error.class,
                    TransportClass::Redirect
                        | TransportClass::Origin
                        | TransportClass::BodyTooLarge
                ) =>
            {
                Some(error.message.clone())
            }
            (RetryWhen::Status(wanted), None, Some(status)) if *wanted == status => {
                Some(format!("status {status}"))
            }
            (RetryWhen::Class(class), None, Some(status)) if u16::from(*class) == status / 100 => {
                Some(format!("status {status}"))
            }
            _ => None,
        })
    }

    /// Tries until what is expected holds.
    async fn poll(
        &self,
        poll: &Poll,
        job: JobId,
        reference: &StepRef,
        started: Duration,
        until: Option<Duration>,
    ) -> (Vec<Attempted>, u32, Option<(Option<Code>, String)>) {
        let settings = self.render(1, None, |renderer| {
            let times = match &poll.times {
                Some(times) => Some(renderer.late(times)?),
                None => None,
            };
            Ok((renderer.late(&poll.every)?, renderer.late(&poll.within)?, times))
        });
        let (every, within, times) = match settings {
            Ok(settings) => settings,
            Err(finding) => {
                let finding: Box<Finding> = finding;
                return (vec![Attempted::errored(1, started, vec![*finding])], 1, None);
            }
        };
        let end = started.saturating_add(within);
        let mut number = 1;
        let mut before: Option<Attempted> = None;
        loop {
            let soonest = until.map_or(end, |until| until.min(end));
            let mut attempted = self.attempt(number, Some(soonest)).await;
            let shown = crate::units::show_duration(within);
            let ran_out = |what: String| Some((Some(Code::PollRanOut), what));
            let over = |what: &str| {
                ran_out(format!("{what} ({number} attempt{})", if number == 1 { "" } else { "s" }))
            };
            let polled_out = until.is_none_or(|until| until > end);
            match attempted.ended {
                Ended::Passed | Ended::Slow | Ended::Cut(Cut::Stopped(_)) => {
                    return (vec![attempted], number, None);
                }
                Ended::Cut(Cut::Deadline) if !polled_out => return (vec![attempted], number, None),
                Ended::Cut(Cut::Deadline) => {
                    // What was cut saw nothing: the one before tells why it did not hold.
                    let mut attempted = before.unwrap_or(attempted);
                    attempted.ended = Ended::Failed(Code::PollRanOut);
                    return (
                        vec![attempted],
                        number,
                        over(&format!("it did not hold within {shown}")),
                    );
                }
                Ended::Errored(_) if attempted.attempt.exchange.is_none() => {
                    return (vec![attempted], number, None);
                }
                Ended::Failed(_) | Ended::Errored(_) => {}
            }
            let status = attempted.response.as_ref().map(|response| response.status);
            if attempted.gave_up {
                attempted.ended = Ended::Failed(Code::PollRanOut);
                return (vec![attempted], number, over("`give_up` describes the response"));
            }
            if status.is_some_and(|s| matches!(s, 401 | 403) && !poll.denials.contains(&s)) {
                attempted.ended = Ended::Failed(Code::PollRanOut);
                let what = format!("a {} does not become better by waiting", status.unwrap_or(401));
                return (vec![attempted], number, over(&what));
            }
            if times.is_some_and(|times| number >= times) {
                attempted.ended = Ended::Failed(Code::PollRanOut);
                return (vec![attempted], number, over("it did not hold in all its `times`"));
            }
            if self.context.elapsed().saturating_add(every) >= end {
                attempted.ended = Ended::Failed(Code::PollRanOut);
                return (vec![attempted], number, over(&format!("it did not hold within {shown}")));
            }
            let why = status.map_or("no response".to_owned(), |status| format!("status {status}"));
            self.tell(Event::StepRetried { job, step: reference.clone(), attempt: number, why })
                .await;
            if let Err(cut) = self.bounded(tokio::time::sleep(every), until).await {
                attempted.ended = Ended::Cut(cut);
                return (vec![attempted], number, None);
            }
            before = Some(attempted);
            number += 1;
        }
    }

    pub(super) fn finish(
        &self,
        started: Duration,
        attempts: Vec<Attempted>,
        tries: u32,
        message: Option<(Option<Code>, String)>,
        observed: &[String],
    ) -> Finished {
        let duration = self.context.elapsed().saturating_sub(started);
        let sent = attempts.iter().any(|attempted| attempted.sent);
        let (own_code, message) = match message {
            Some((code, message)) => (code, Some(message)),
            None => (None, None),
        };
        let ended = attempts.last().map_or(Ended::Passed, |last| last.ended);
        let (verdict, code, reason) = match ended {
            Ended::Passed => (Verdict::Passed, None, None),
            Ended::Failed(code) => (Verdict::Failed, Some(code), None),
            Ended::Slow => (Verdict::Failed, Some(Code::BudgetExceeded), None),
            Ended::Errored(code) => (Verdict::Errored, Some(code), None),
            Ended::Cut(Cut::Deadline) => (
                Verdict::Errored,
                Some(Code::DeadlineExceeded),
                Some(Reason::Deadline(message.clone().unwrap_or_default())),
            ),
            Ended::Cut(Cut::Stopped(stop)) => {
                (Verdict::Cancelled, None, Some(Reason::Interrupted(stop.as_str().to_owned())))
            }
        };
        let mut attempts = attempts;
        let last = attempts.last_mut();
        let (captures, seen) = match last {
            Some(last) => {
                let response = last.response.take().map(|response| see(last, &response, observed));
                let seen = Seen { verdict: Some(verdict), sent, response };
                (std::mem::take(&mut last.captures), seen)
            }
            None => (Vec::new(), Seen { verdict: Some(verdict), sent, response: None }),
        };
        // Collecting would keep the room of what is let go here.
        let mut kept = Vec::with_capacity(attempts.len());
        kept.extend(attempts.into_iter().map(|attempted| attempted.attempt));
        let result = StepResult {
            verdict,
            reason,
            flaky: verdict == Verdict::Passed && tries > 1 && self.step.retry.is_some(),
            attempts: kept,
            tries,
            duration,
            code: own_code.or(code),
            message,
            ended_at: None,
            only_budget: ended == Ended::Slow,
            samples: None,
        };
        Finished { result, seen, captures, stops: true }
    }
}

/// What later steps can see of this response: the fields that they look at.
pub(super) fn see(
    attempted: &Attempted,
    response: &crate::query::Response,
    observed: &[String],
) -> SeenResponse {
    let mut fields = std::collections::BTreeMap::new();
    for field in observed {
        let value = match field.as_str() {
            "status" => Some(Value::from(response.status)),
            "headers" => Some(joined_headers(response)),
            "json" => response.json().ok().cloned(),
            "text" => response.text().ok().map(|text| Value::String(text.into_owned())),
            "duration" => {
                let ms = response.duration.as_secs_f64() * 1e3;
                Some(crate::json::from_f64(ms).map_or(Value::Null, Value::Number))
            }
            "outcome" => Some(attempted.attempt.outcome.clone().map_or(Value::Null, Value::String)),
            "request_sha256" => attempted.request_sha256.clone().map(Value::String),
            "response_sha256" => Some(Value::String(response.sha256().into_owned())),
            _ => None,
        };
        if let Some(value) = value {
            fields.insert(field.clone(), std::sync::Arc::new(value));
        }
    }
    SeenResponse { fields }
}

/// Headers by lower-case name; a repeated one is joined with `, `.
fn joined_headers(response: &crate::query::Response) -> Value {
    let mut headers = serde_json::Map::new();
    for (name, value) in &response.headers {
        let name = name.to_ascii_lowercase();
        let joined = match headers.get(&name).map(as_text) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        headers.insert(name, Value::String(joined));
    }
    Value::Object(headers)
}

/// What `Retry-After` asks for: seconds or a date; `Err` with the text where it is neither.
fn retry_after(attempted: &Attempted, now: jiff::Timestamp) -> Option<Result<Duration, String>> {
    let response = attempted.response.as_ref()?;
    let text = response.header("retry-after").next()?.trim().to_owned();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Ok(Duration::from_secs(seconds)));
    }
    match httpdate::parse_http_date(&text) {
        Ok(date) => {
            let date = jiff::Timestamp::try_from(date).unwrap_or(now);
            Some(Ok(Duration::try_from(date.duration_since(now)).unwrap_or_default()))
        }
        Err(_) => Some(Err(text)),
    }
}
