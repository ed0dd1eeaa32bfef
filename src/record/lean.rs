//! Plans of a large run without what no summary of it needs: memory does not grow with their bodies.

use std::sync::Arc;

use serde_json::Value;

use super::{PlanRecord, StepRecord};
use crate::event::RunStarted;
use crate::outcome::{Attempt, Body, Content, Exchange, Verdict};

/// A run of more steps is large: what passed in it is told in a line.
const LARGE: u32 = 300;
/// Longer bodies of what passed are let go.
const BODY: usize = 1024;
/// Headers of responses that diagnosis looks at where other steps failed.
const KEPT: [&str; 5] = ["server", "via", "www-authenticate", "content-type", "x-request-id"];

impl RunStarted {
    /// Whether a document tells in a line what passed.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.steps > LARGE
    }
}

impl PlanRecord {
    /// Lets go of what passed: bodies, headers, operands and captured values. Verdicts, times, the
    /// first lines and everything that did not pass stay.
    pub fn become_lean(&mut self) {
        let passed = |step: &&mut StepRecord| step.verdict() == Some(Verdict::Passed);
        for step in self.steps.iter_mut().filter(passed) {
            let Some(result) = &mut step.result else { continue };
            let result = Arc::make_mut(result);
            let warns = |attempt: &Attempt| {
                !attempt.breaches.is_empty()
                    || !attempt.findings.is_empty()
                    || attempt.assertions.iter().any(|assertion| !assertion.passed)
            };
            // A warning is told in full.
            if !result.attempts.iter().any(warns) {
                result.attempts.iter_mut().for_each(lean);
                result.attempts.shrink_to_fit();
            }
        }
    }
}

fn lean(attempt: &mut Attempt) {
    if let Some(exchange) = &mut attempt.exchange {
        let Exchange { request, response, secret_shapes, sent_from, .. } = exchange.as_mut();
        // These say why a request was refused: this one was not.
        (*secret_shapes, *sent_from) = (Vec::new(), Vec::new());
        request.headers = Vec::new();
        let_go(&mut request.body);
        if let Some(response) = response {
            response
                .headers
                .retain(|(name, _)| KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept)));
            response.headers.shrink_to_fit();
            let_go(&mut response.body);
        }
    }
    // Whether anything was looked at, and whether that was more than the status, is told of a run.
    let telling = attempt.assertions.iter().position(|assertion| assertion.subject != "status");
    if telling.unwrap_or_default() < attempt.assertions.len() {
        attempt.assertions.swap(0, telling.unwrap_or_default());
    }
    attempt.assertions.truncate(1);
    attempt.assertions.shrink_to_fit();
    for assertion in &mut attempt.assertions {
        assertion.expected.operand = Value::Null;
        assertion.actual = None;
    }
    attempt.captures = Vec::new();
}

fn let_go(body: &mut Body) {
    match &body.content {
        Content::Text(text) | Content::Hex(text) if text.len() > BODY => {
            body.content = Content::Text(String::new());
            body.cut = true;
        }
        Content::Parts(_) => body.content = Content::Text(String::new()),
        Content::Text(_)
        | Content::Hex(_)
        | Content::Empty
        | Content::File(_)
        | Content::Generated(_) => {}
    }
}
