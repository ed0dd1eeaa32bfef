//! Looks whether the hints of a plan fit a step that did not pass.

use super::attempt::StepScene;
use super::judge::{self, Views};
use super::render::Renderer;
use crate::check::Hint;
use crate::finding::Severity;
use crate::outcome;
use crate::query::Response;
use crate::template::{EvaluatedPart, Names, Template};

impl StepScene<'_> {
    /// The hints that fit the response of a failing attempt; `own` are the step's captures.
    pub(super) fn hints(
        &self,
        number: u32,
        own: &Names,
        response: &Response,
    ) -> Vec<outcome::Hint> {
        if self.plan.hints().is_empty() {
            return Vec::new();
        }
        self.render(number, None, |before| {
            self.render(number, Some(own), |after| {
                let views = Views { before: *before, after: *after, contract: None };
                self.plan.hints().iter().filter_map(|hint| fits(hint, response, &views)).collect()
            })
        })
    }
}

/// What a hint says where all of its `when` holds. One that cannot be judged here does not fit.
fn fits(hint: &Hint, response: &Response, views: &Views<'_>) -> Option<outcome::Hint> {
    let judged = judge::assertions(&hint.when, Severity::Error, response, views);
    if !judged.holds() {
        return None;
    }
    let text = |template: &Template| text(template, &views.after);
    Some(outcome::Hint {
        place: hint.place,
        cause: text(&hint.cause),
        next: hint.next.as_ref().map(&text),
        when: judged.assertions,
    })
}

/// A sentence of a hint; as it is written where it speaks of something that is not there. A secret
/// in it is one by itself: the sentence round it may be read.
fn text(template: &Template, renderer: &Renderer<'_>) -> String {
    let Ok(parts) = template.eval_parts(&renderer.scope) else { return template.text().to_owned() };
    let mut sentence = String::new();
    for part in parts.unwrap_or_default() {
        match part {
            EvaluatedPart::Literal(text) => sentence.push_str(text),
            EvaluatedPart::Value { text, taint, looked_up, .. } => {
                if let (Some(secret), false) = (taint, looked_up) {
                    let _ = renderer.gate.register(&secret, &text);
                }
                sentence.push_str(&text);
            }
        }
    }
    sentence
}
